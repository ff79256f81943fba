//! Group commit: everything waiting, from all calendars, becomes one frame and one synced write.
//!
//! Submissions get their sequence in the order in which they enter the queue. The committer
//! writes, brings the index up to date, moves the watermark, and only then answers. A submission
//! without an entry is a barrier: it is answered when all before it is durable.
//!
//! The first failure ends it all: what is under way is answered [`Fault::OutcomeUnknown`], what
//! comes later [`Fault::Failed`], and nothing is tried again.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use super::sync::{AtomicI64, Mutex, MutexGuard, Notify, Ordering, watch};
use crate::booking::Event;
use crate::journal::frame;
use crate::journal::{Entry, Journal, Remembered, Sequence, Tail};
use crate::limits::{COMMIT_BYTES_MAX, ENTRIES_PER_COMMIT_MAX};
use crate::metrics::Meters;
use crate::planted::{self, Bug};
use crate::time::{Clock, Instant};

/// Why a submission has no durable outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It may have happened or not.
    OutcomeUnknown,
    /// It has not happened: the engine had failed before.
    Failed,
    /// It has not happened: the engine was shut down.
    Closed,
}

/// How far the journal is durable, and whether it still grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Progress {
    /// The watermark.
    pub(crate) durable: Sequence,
    /// Why it does not grow any more.
    pub(crate) stopped: Option<Fault>,
}

/// Called once what was submitted is durable, or is known not to be.
pub(crate) type Done = Box<dyn FnOnce(Result<Sequence, Fault>) + Send>;

/// An entry made ready to be written.
pub(crate) struct Prepared {
    bytes: rkyv::util::AlignedVec,
    pub(crate) command: Option<Remembered>,
    pub(crate) events: Arc<Vec<Event>>,
}

impl Prepared {
    /// None when the entry is larger than any command should write.
    pub(crate) fn new(entry: Entry) -> Option<Self> {
        let bytes = entry.encode().ok()?;
        Some(Self { bytes, command: entry.command, events: Arc::new(entry.events) })
    }
}

/// What the index is told of each durable entry.
pub(crate) trait Durable: Send + Sync + 'static {
    /// Takes in an entry that has become durable.
    fn take_in(&self, sequence: Sequence, command: Option<&Remembered>, events: &[Event]);
}

struct Submission {
    sequence: Sequence,
    entry: Option<Prepared>,
    /// When it was enqueued.
    at: Instant,
    done: Done,
}

/// Someone who waits for the end of the commit that is being written.
struct Caller {
    sequence: Sequence,
    at: Instant,
    done: Done,
}

struct Waiting {
    submissions: Vec<Submission>,
    next: Sequence,
    stopped: Option<Fault>,
}

/// The queue in front of the committer. Admission bounds what can be in it.
pub(crate) struct CommitQueue {
    waiting: Mutex<Waiting>,
    wake: Notify,
    /// The answers of the commit that is being written, where a watchdog can reach them.
    writing: Mutex<Vec<Caller>>,
    /// When the write that is under way began, on the engine's clock; negative when none is.
    writing_since: AtomicI64,
    progress: watch::Sender<Progress>,
}

const NOT_WRITING: i64 = -1;

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl CommitQueue {
    /// A queue that continues the journal after `tail`.
    pub(crate) fn new(tail: Sequence) -> Arc<Self> {
        let waiting = Waiting { submissions: Vec::new(), next: tail + 1, stopped: None };
        Arc::new(Self {
            waiting: Mutex::new(waiting),
            wake: Notify::new(),
            writing: Mutex::new(Vec::new()),
            writing_since: AtomicI64::new(NOT_WRITING),
            progress: watch::Sender::new(Progress { durable: tail, stopped: None }),
        })
    }

    /// Enqueues an entry and gives its sequence. `done` is called in any case.
    pub(crate) fn submit(&self, entry: Prepared, done: Done) -> Result<Sequence, Fault> {
        self.enqueue(Some(entry), done)
    }

    /// Has `done` called when everything enqueued so far is durable.
    pub(crate) fn barrier(&self, done: Done) {
        if planted::is(Bug::BarrierAhead) {
            return done(Ok(self.progress().durable));
        }
        let _ = self.enqueue(None, done);
    }

    fn enqueue(&self, entry: Option<Prepared>, done: Done) -> Result<Sequence, Fault> {
        let at = Instant::now();
        let mut waiting = locked(&self.waiting);
        if let Some(fault) = waiting.stopped {
            drop(waiting);
            done(Err(fault));
            return Err(fault);
        }
        let sequence = if entry.is_some() { waiting.next } else { waiting.next - 1 };
        waiting.next = sequence + 1;
        waiting.submissions.push(Submission { sequence, entry, at, done });
        drop(waiting);
        self.wake.notify_one();
        Ok(sequence)
    }

    /// The last sequence that was given out.
    pub(crate) fn last_submitted(&self) -> Sequence {
        locked(&self.waiting).next - 1
    }

    /// The watermark, and whether it still moves.
    pub(crate) fn progress(&self) -> Progress {
        *self.progress.borrow()
    }

    /// Follows the watermark.
    pub(crate) fn follow(&self) -> watch::Receiver<Progress> {
        self.progress.subscribe()
    }

    /// Waits until `sequence` is durable.
    pub(crate) async fn durable(&self, sequence: Sequence) -> Result<(), Fault> {
        if sequence <= self.progress().durable {
            return Ok(());
        }
        let mut follow = self.progress.subscribe();
        let reached =
            |progress: &Progress| sequence <= progress.durable || progress.stopped.is_some();
        let progress = follow.wait_for(reached).await.map(|progress| *progress);
        match progress {
            Ok(progress) if sequence <= progress.durable => Ok(()),
            Ok(Progress { stopped: Some(fault), .. }) => Err(fault),
            _ => Err(Fault::Closed),
        }
    }

    /// Stops for good. What is under way is answered `now`, what comes later `later`.
    pub(crate) fn stop(&self, now: Fault, later: Fault) {
        let left = {
            let mut waiting = locked(&self.waiting);
            if waiting.stopped.is_some() {
                return;
            }
            waiting.stopped = Some(later);
            std::mem::take(&mut waiting.submissions)
        };
        let writing = std::mem::take(&mut *locked(&self.writing));
        self.progress.send_modify(|progress| progress.stopped = Some(later));
        self.wake.notify_one();
        for caller in writing {
            (caller.done)(Err(now));
        }
        for submission in left {
            (submission.done)(Err(now));
        }
    }

    /// How long the write that is under way has taken.
    pub(crate) fn writing_for(&self, clock: &Clock) -> Option<Duration> {
        let since = self.writing_since.load(Ordering::Acquire);
        let ms = clock.now().millis().checked_sub(since).filter(|_| since != NOT_WRITING)?;
        Some(Duration::from_millis(u64::try_from(ms).unwrap_or(0)))
    }

    /// What to write next: as much as one commit takes. None once stopped.
    async fn take(&self) -> Option<Vec<Submission>> {
        loop {
            {
                let mut waiting = locked(&self.waiting);
                if waiting.stopped.is_some() {
                    return None;
                }
                let count = one_commit(&waiting.submissions);
                if 0 < count && count == waiting.submissions.len() {
                    // The next ones will be about as many.
                    let next = Vec::with_capacity(count);
                    return Some(std::mem::replace(&mut waiting.submissions, next));
                }
                if 0 < count {
                    return Some(waiting.submissions.drain(..count).collect());
                }
            }
            self.wake.notified().await;
        }
    }
}

/// How many submissions one commit takes.
fn one_commit(submissions: &[Submission]) -> usize {
    let mut bytes = 0;
    let fits = |submission: &&Submission| {
        bytes += submission.entry.as_ref().map_or(0, |entry| entry.bytes.len());
        bytes <= COMMIT_BYTES_MAX
    };
    let fitting = submissions.iter().take(ENTRIES_PER_COMMIT_MAX).take_while(fits).count();
    // One entry fits by its own bound; see `limits`.
    fitting.max(submissions.len().min(1))
}

/// Ends everything when what it stands beside panics: a part that is gone must not leave others
/// waiting for it, nor holds without an end.
pub(crate) struct StopsOnPanic(pub(crate) Arc<CommitQueue>);

impl Drop for StopsOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            tracing::error!("a part of the engine failed: nothing is acknowledged any more");
            self.0.stop(Fault::OutcomeUnknown, Fault::Failed);
        }
    }
}

/// Writes commits until the queue is stopped; then gives the journal back.
pub(crate) struct Committer {
    pub(crate) queue: Arc<CommitQueue>,
    pub(crate) journal: Box<dyn Journal>,
    pub(crate) index: Arc<dyn Durable>,
    pub(crate) meters: Arc<Meters>,
    pub(crate) clock: Clock,
    pub(crate) tail: Tail,
}

impl Committer {
    pub(crate) async fn run(mut self) {
        let _stops = StopsOnPanic(self.queue.clone());
        while let Some(batch) = self.queue.take().await {
            if let Err(why) = self.commit(batch).await {
                tracing::error!(why, "the journal failed: nothing is acknowledged any more");
                self.queue.stop(Fault::OutcomeUnknown, Fault::Failed);
            }
        }
        // A commit that was taken when all was stopped has written its answers down since.
        for caller in std::mem::take(&mut *locked(&self.queue.writing)) {
            (caller.done)(Err(Fault::OutcomeUnknown));
        }
    }

    async fn commit(&mut self, batch: Vec<Submission>) -> Result<(), String> {
        let mut entries = Vec::with_capacity(batch.len());
        let mut answers = Vec::with_capacity(batch.len());
        for Submission { sequence, entry, at, done } in batch {
            entries.extend(entry.map(|entry| (sequence, entry)));
            answers.push(Caller { sequence, at, done });
        }
        if planted::is(Bug::AcknowledgedUnsynced) {
            answers.drain(..).for_each(|caller| (caller.done)(Ok(caller.sequence)));
        }
        *locked(&self.queue.writing) = answers;
        if let Some((first, _)) = entries.first() {
            let first = *first;
            let bytes: Vec<_> = entries.iter().map(|(_, entry)| entry.bytes.as_slice()).collect();
            let bytes = frame::build(first, self.tail.hash, &bytes);
            let began = self.clock.now().millis();
            self.queue.writing_since.store(began, Ordering::Release);
            let asked = Instant::now();
            let written = self.journal.append(first, &bytes).await;
            self.queue.writing_since.store(NOT_WRITING, Ordering::Release);
            let taken = written.is_err() && planted::is(Bug::FailedWriteTaken);
            if !taken {
                written.map_err(|error| error.to_string())?;
            }
            self.meters.committed(entries.len(), asked.elapsed());
            let sequence = first + entries.len() as u64 - 1;
            self.tail = Tail { sequence, hash: frame::hash(&bytes) };
        }
        // A write that the watchdog gave up may have come back; its callers were told so.
        let answers = {
            let waiting = locked(&self.queue.waiting);
            if waiting.stopped.is_some() {
                return Ok(());
            }
            std::mem::take(&mut *locked(&self.queue.writing))
        };
        for (sequence, entry) in &entries {
            self.index.take_in(*sequence, entry.command.as_ref(), &entry.events);
            self.meters.happened(&entry.events);
        }
        let ahead = planted::is(Bug::WatermarkAhead);
        let durable = if ahead { self.queue.last_submitted() } else { self.tail.sequence };
        self.queue.progress.send_if_modified(|progress| {
            let heard = !planted::is(Bug::WakeUpLostAtWatermark);
            let moved = progress.durable != durable && heard;
            progress.durable = durable;
            moved
        });
        self.journal.mark(durable + u64::from(planted::is(Bug::MarkAhead)));
        let now = Instant::now();
        for Caller { sequence, at, done } in answers {
            self.meters.answered(now.saturating_duration_since(at));
            done(Ok(sequence));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::memory;
    use crate::time::Timestamp;

    /// An index that fails at its second entry.
    struct Fails;

    impl Durable for Fails {
        fn take_in(&self, sequence: Sequence, _: Option<&Remembered>, _: &[Event]) {
            assert!(sequence < 2, "planted");
        }
    }

    fn entry() -> Prepared {
        Prepared::new(Entry { command: None, events: Vec::new() }).unwrap()
    }

    #[tokio::test]
    async fn a_committer_that_panics_answers_everyone() {
        let queue = CommitQueue::new(0);
        let committer = Committer {
            queue: queue.clone(),
            journal: memory::fresh().journal,
            index: Arc::new(Fails),
            meters: Arc::new(Meters::new(0, 0)),
            clock: Clock::starting_at(Timestamp::default()),
            tail: Tail::default(),
        };
        let runs = tokio::spawn(committer.run());
        let mut answers = Vec::new();
        for _ in 0..2 {
            let (said, answer) = tokio::sync::oneshot::channel();
            queue.submit(entry(), Box::new(move |done| assert!(said.send(done).is_ok()))).unwrap();
            let durable = queue.durable(queue.last_submitted()).await;
            answers.push((durable, answer.await));
        }
        assert_eq!(answers[0], (Ok(()), Ok(Ok(1))));
        assert_eq!(answers[1].0, Err(Fault::Failed));
        // What was being told when it failed is dropped, which its caller hears too.
        assert_ne!(answers[1].1, Ok(Ok(2)));
        assert!(runs.await.is_err());
        let later = queue.submit(entry(), Box::new(|done| assert_eq!(done, Err(Fault::Failed))));
        assert_eq!(later, Err(Fault::Failed));
    }
}
