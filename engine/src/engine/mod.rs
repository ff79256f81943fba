//! The one public handle: [`Engine`].

use std::sync::Arc;
use std::time::Duration;

use crate::booking::{Event, Rejection};
use crate::error::{Answer, Error};
use crate::ids::CommandKey;
use crate::journal::{self, Remembered, Sequence};
use crate::limits::CLAIM_WAITS_MAX;
use crate::metrics::{Asked, Full, Metrics};
use crate::planted::{self, Bug};
use crate::runtime::sync::{self, AsyncMutex, Ordering, oneshot, watch};
use crate::runtime::{
    Busy, Claim, Directory, Fault, Feed, Order, Permit, Shared, Verdict, Work, command_hash, flush,
};

mod answers;
mod appointments;
mod calendars;
mod campaigns;
mod first;
mod followed;
mod held;
mod holds;
mod joint;
mod offers;
mod open;
mod register;
mod reviews;
mod wishes;

pub use open::Environment;
#[cfg(feature = "rocksdb")]
pub use open::{back_up, contact, inspect, restore};

/// How long [`Engine::shutdown`] waits for what is under way.
const SHUTDOWN_WAIT: Duration = Duration::from_secs(30);

/// Milliseconds between two looks at what is still under way.
const SHUTDOWN_LOOK_MS: u64 = 2;

/// A running engine. Clones are handles to the same one.
///
/// Every method may be called at the same time from any task of the host's tokio runtime. A future
/// that is dropped leaves its request whole: done or not, never half.
///
/// # Example
///
/// ```
/// use creneau::{By, Config, Definition, Details, Engine, FindSlots, HoldSlot, OfHold, Reason};
///
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// let engine = Engine::open(Config::in_memory()).await?;
///
/// let reason: creneau::ReasonId = "check-up".parse()?;
/// let mut practice = Definition::weekdays("Dr Ada Martin", "Europe/Paris");
/// practice.reasons = vec![Reason::new(reason.clone(), "Check-up", 15)];
/// let calendar = engine.create_calendar(practice, None).await??.value.id;
///
/// let from = engine.now();
/// let until = from.plus_minutes(7 * 24 * 60);
/// let wanted = FindSlots {
///     calendar,
///     reason: reason.clone(),
///     from,
///     until,
///     limit: 10,
///     practice: false,
/// };
/// let slot = engine.find_slots(wanted).await??.slots[0];
///
/// let person = "patient-4711".parse()?;
/// let wanted = HoldSlot {
///     calendar,
///     start: slot.start,
///     reason,
///     person,
///     details: Details::default(),
///     by: By::Unsaid,
///     overflow: false,
///     dose: None, command: None,
/// };
/// let hold = engine.hold(wanted).await??.value;
/// let wanted = OfHold { hold: hold.id, by: By::Unsaid, command: None };
/// let booked = engine.confirm(wanted).await??.value;
/// assert_eq!(booked.start, slot.start);
///
/// engine.shutdown().await?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
#[derive(Clone)]
pub struct Engine {
    inner: Arc<Inner>,
}

struct Inner {
    shared: Arc<Shared>,
    directory: Arc<Directory>,
    stop: watch::Sender<bool>,
    /// Ends when the committer has given the journal back.
    committer: AsyncMutex<Option<oneshot::Receiver<()>>>,
    replayed: u64,
}

/// How an engine is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Whether requests are taken; otherwise why not.
    pub ready: Result<(), Error>,
    /// The last sequence known to be durable.
    pub watermark: Sequence,
    /// Calendars that exist.
    pub calendars: usize,
    /// Requests under way.
    pub under_way: usize,
    /// Derived rows that wait to be written.
    pub behind: usize,
    /// Entries that the last start replayed.
    pub replayed: u64,
}

/// What is known of a command by its name.
enum Named {
    /// Nothing: it is to be done, and its name is claimed meanwhile.
    Fresh(Option<(Remembered, Claim)>),
    /// It was done: what it brought about.
    Repeat(Vec<Event>),
    /// Its caller used the name for something else.
    Reused,
}

impl Engine {
    fn shared(&self) -> &Arc<Shared> {
        &self.inner.shared
    }

    fn directory(&self) -> &Arc<Directory> {
        &self.inner.directory
    }

    /// What models look into.
    #[cfg(all(test, creneau_shuttle))]
    pub(crate) fn parts(&self) -> (&Arc<Shared>, &Arc<Directory>) {
        (self.shared(), self.directory())
    }

    /// The instant that counts.
    #[must_use]
    pub fn now(&self) -> crate::Timestamp {
        self.shared().now()
    }

    /// How the engine is.
    #[must_use]
    pub fn status(&self) -> Status {
        let shared = self.shared();
        Status {
            ready: shared.check(),
            watermark: shared.queue.progress().durable,
            calendars: shared.index.calendar_count(),
            under_way: shared.admission.under_way(),
            behind: shared.index.rows().len(),
            replayed: self.inner.replayed,
        }
    }

    /// What the engine has counted since it was opened, and how it stands now. It is cheap: no
    /// calendar is asked.
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        let shared = self.shared();
        let config = &shared.config;
        Metrics {
            calendars: shared.index.calendar_count(),
            under_way: shared.admission.under_way(),
            under_way_max: config.engine_requests_max,
            holds_under_way_max: config.engine_holds_max,
            behind: shared.index.rows().len(),
            behind_max: config.behind_max,
            submitted: shared.queue.last_submitted(),
            watermark: shared.queue.progress().durable,
            replayed: self.inner.replayed,
            writing_for: shared.queue.writing_for(&shared.clock).unwrap_or_default(),
            ..shared.meters.read()
        }
    }

    /// Counts a command that was refused or failed.
    fn counted<T>(&self, asked: Asked, answer: Answer<T>) -> Answer<T> {
        self.shared().meters.settled(asked, &answer);
        answer
    }

    /// Gives up a request that others were in the way of for too long.
    fn contended(&self) -> Error {
        self.shared().meters.overloaded(Full::Contended)
    }

    /// Waits until the engine takes no more requests, and tells why: [`Error::Failed`], after
    /// which the process should be restarted, or [`Error::Closed`].
    pub async fn stopped(&self) -> Error {
        let mut follow = self.shared().queue.follow();
        match follow.wait_for(|progress| progress.stopped.is_some()).await {
            Ok(progress) if progress.stopped == Some(Fault::Failed) => Error::Failed,
            _ => Error::Closed,
        }
    }

    /// Follows what happens, after the entry `after`; 0 begins with the first.
    #[must_use]
    pub fn feed(&self, after: Sequence) -> Feed {
        Feed::new(self.shared().reader.clone(), self.shared().queue.follow(), after)
    }

    /// Copies the journal to the directory `to`, in which there must be nothing, while requests are
    /// served: all that was acknowledged before the call is in the copy. Gives its last sequence.
    ///
    /// An engine that opens the copy builds what is derived from it anew. On the same file system
    /// the copy shares files with the original, and so takes no space, but is no second copy.
    ///
    /// # Errors
    ///
    /// [`Error::Backup`] when there is no copy: of an engine in memory there never is.
    pub async fn back_up(&self, to: impl Into<std::path::PathBuf>) -> Result<Sequence, Error> {
        let shared = self.shared();
        shared.check()?;
        let (reader, to) = (shared.reader.clone(), to.into());
        Ok(open::blocking(move || reader.back_up(&to)).await??)
    }

    /// Takes no new request, finishes what is under way, keeps the state of all calendars and
    /// closes the journal. Other handles answer [`Error::Closed`] from then on.
    ///
    /// # Errors
    ///
    /// [`Error::Failed`] when the engine had failed, or [`Error::Store`] when derived rows could
    /// not be written; nothing acknowledged is lost by either.
    pub async fn shutdown(&self) -> Result<(), Error> {
        let shared = self.shared();
        let failed = shared.queue.progress().stopped == Some(Fault::Failed);
        shared.closing.store(true, Ordering::Release);
        let idle = async {
            while 0 < shared.admission.under_way() {
                sync::sleep(Duration::from_millis(SHUTDOWN_LOOK_MS)).await;
            }
        };
        let _ = sync::timeout(SHUTDOWN_WAIT, idle).await;
        self.inner.stop.send_replace(true);
        for entry in self.directory().all() {
            self.directory().retire(&entry).await;
        }
        let flushed = flush(shared, self.directory(), (0, 0)).await;
        shared.queue.stop(Fault::OutcomeUnknown, Fault::Closed);
        if let Some(ended) = self.inner.committer.lock().await.take() {
            let _ = ended.await;
        }
        self.directory().stop();
        if failed {
            return Err(Error::Failed);
        }
        flushed.map(|_| ()).map_err(Error::from)
    }

    /// Finds out what is known of a command, and claims its name if that is nothing.
    async fn named(&self, command: Option<&CommandKey>, fingerprint: u128) -> Result<Named, Error> {
        let Some(key) = command else { return Ok(Named::Fresh(None)) };
        let shared = self.shared();
        let hash = command_hash(key);
        for _ in 0..CLAIM_WAITS_MAX {
            // The claim first, then the index: what was under way until now is found there.
            let claim = match shared.commands.claim(hash) {
                Ok(claim) => claim,
                Err(Busy::Pending(waiting)) => {
                    waiting.ended().await;
                    continue;
                }
                Err(Busy::Kept(_)) => return Err(self.contended()),
            };
            // Whoever used it noted it while they had the claim. It is noted before anything is
            // claimed under it.
            let is_unknown = shared.index.names().is_unknown(hash);
            shared.index.names().note(hash);
            let known = if is_unknown { None } else { shared.index.command(hash, self.now())? };
            return match known {
                None => {
                    let command = Remembered { key: key.clone(), fingerprint };
                    Ok(Named::Fresh(Some((command, claim))))
                }
                Some(row) if row.fingerprint != fingerprint && !planted::is(Bug::KeyReused) => {
                    Ok(Named::Reused)
                }
                Some(row) => {
                    let entry = journal::read_entry(&*shared.reader, row.sequence)?;
                    shared.meters.repeats.fetch_add(1, Ordering::Relaxed);
                    Ok(Named::Repeat(entry.events))
                }
            };
        }
        Err(self.contended())
    }

    /// Has a calendar serve a request, and waits for the answer.
    async fn ask(
        &self,
        entry: &Arc<crate::runtime::Entry>,
        permit: Permit,
        work: Work,
        named: Option<(Remembered, Claim)>,
    ) -> Result<Verdict, Error> {
        let (reply, verdict) = oneshot::channel();
        let order = Order { work, named, permit, reply };
        let message = crate::runtime::Message::Take(Box::new(order));
        self.directory().send(entry, message).await?;
        // A calendar that fails drops what it was asked.
        match verdict.await.map_err(|_| Error::OutcomeUnknown)? {
            Verdict::Failed(error) => Err(error),
            verdict => Ok(verdict),
        }
    }

    /// Has a calendar fail while it serves a request: for tests.
    ///
    /// # Errors
    ///
    /// [`Error::OutcomeUnknown`], or what a request to this calendar would get otherwise.
    #[cfg(any(test, feature = "testing"))]
    pub async fn plant_failure(&self, calendar: crate::CalendarId) -> Result<(), Error> {
        let (entry, permit) = self.directory().admit(calendar, crate::runtime::Share::Settle)?;
        self.ask(&entry, permit, Work::Panic, None).await.map(|_| ())
    }
}

/// An answer that is a refusal.
fn refused<T>(rejection: Rejection) -> Answer<T> {
    Ok(Err(rejection))
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        self.shared.queue.stop(Fault::OutcomeUnknown, Fault::Closed);
        self.directory.stop();
    }
}
