//! Calendars awake and asleep.
//!
//! An entry stands for a calendar that is or was in use of late. Whoever works with it first takes
//! a permit of its admission, then looks whether it is still there; whoever retires it keeps others
//! from looking while it sees whether a permit is out. So one of the two sees the other.
//!
//! A calendar that is not in the directory is asleep: its last snapshot in the index is complete.

use std::sync::{Arc, OnceLock, PoisonError};

use super::admission::{Admission, Permit, Share};
use super::calendar_actor::Message;
use super::desk::Desk;
use super::dirty::{Dirty, DirtySet};
use super::key_map::KeyMap;
use super::mailbox::{self, Mailbox, MailboxId, Supervisor};
use super::reservation::guard_keys;
use super::rows::SnapshotRow;
use super::shared::Shared;
use super::sync::{
    AsyncMutex, AtomicBool, AtomicI64, AtomicU32, AtomicU64, Ordering, RwLock, oneshot, spawn,
};
use super::view::View;
use crate::booking::calendar::{Calendar, Live, Status};
use crate::error::Error;
use crate::ids::CalendarId;
use crate::journal::{Frame, ReadError, Sequence};
use crate::limits::PANICS_MAX;
use crate::metrics::{Full, Meters};
use crate::planted::{self, Bug};
use crate::time::Timestamp;

/// Bytes of the journal that are read at once when a failed calendar is rebuilt.
const REBUILD_BYTES: usize = 4 << 20;

/// Who serves a calendar.
#[derive(Clone)]
enum Occupant {
    Asleep,
    Awake(Mailbox),
    /// The entry has left the directory.
    Gone,
    /// It failed too often.
    Quarantined,
}

/// A calendar in use.
pub(crate) struct Entry {
    pub(crate) id: CalendarId,
    admission: Arc<Admission>,
    view: RwLock<Option<Arc<View>>>,
    occupant: RwLock<Occupant>,
    /// Held while the occupant changes.
    door: AsyncMutex<()>,
    dirty: Dirty,
    /// How often something was about to be written.
    writes: AtomicU64,
    panics: AtomicU32,
    /// Whether the last snapshot is complete while nobody is awake.
    complete: AtomicBool,
    last_used: AtomicI64,
}

fn unpoisoned<T>(lock: Result<T, PoisonError<T>>) -> T {
    lock.unwrap_or_else(PoisonError::into_inner)
}

impl Entry {
    fn new(id: CalendarId, shared: &Shared, dirty: Arc<DirtySet>) -> Self {
        let config = &shared.config;
        Self {
            id,
            admission: Admission::new(config.calendar_holds_max, config.calendar_requests_max),
            view: RwLock::new(None),
            occupant: RwLock::new(Occupant::Asleep),
            door: AsyncMutex::new(()),
            dirty: Dirty::new(id, dirty),
            writes: AtomicU64::new(0),
            panics: AtomicU32::new(0),
            complete: AtomicBool::new(true),
            last_used: AtomicI64::new(shared.now().millis()),
        }
    }

    fn occupant(&self) -> Occupant {
        unpoisoned(self.occupant.read()).clone()
    }

    fn set_occupant(&self, occupant: Occupant) {
        *unpoisoned(self.occupant.write()) = occupant;
    }

    fn current_view(&self) -> Option<Arc<View>> {
        unpoisoned(self.view.read()).clone()
    }

    pub(crate) fn set_view(&self, view: Option<Arc<View>>) {
        *unpoisoned(self.view.write()) = view;
    }

    /// How often something was about to be written.
    pub(crate) fn writes(&self) -> u64 {
        self.writes.load(Ordering::SeqCst)
    }

    /// Shuts the door for good, unless something is under way, or was written since `writes` were
    /// counted, or what was written last may be lost with a failure.
    ///
    /// Who works here took a permit first and then looks at the occupant, and so waits for this:
    /// either the permit is seen here, or the shut door there. What is over by now has counted its
    /// write before it gave its permit back.
    fn shut(&self, writes: u64) -> bool {
        let mut occupant = unpoisoned(self.occupant.write());
        let quiet = self.admission.under_way() == 0
            && self.writes() == writes
            && self.complete.load(Ordering::Acquire);
        if quiet || planted::is(Bug::RetiredBusy) {
            // Its state was kept. Who comes after it has an entry of its own.
            self.dirty.forget();
            *occupant = Occupant::Gone;
        }
        quiet || planted::is(Bug::RetiredBusy)
    }

    /// Takes note that its actor failed, unless it was put to sleep before, with all its state.
    fn fail(&self, meters: &Meters) {
        let mut occupant = unpoisoned(self.occupant.write());
        if matches!(*occupant, Occupant::Gone) {
            return;
        }
        if matches!(*occupant, Occupant::Awake(_)) {
            meters.calendars_awake.fetch_sub(1, Ordering::Relaxed);
        }
        let panics = self.panics.fetch_add(1, Ordering::Relaxed) + 1;
        let quarantined = PANICS_MAX <= panics && !planted::is(Bug::QuarantineNever);
        tracing::error!(panics, quarantined, "a calendar failed");
        meters.calendars_set_apart.fetch_add(u64::from(quarantined), Ordering::Relaxed);
        self.complete.store(false, Ordering::Release);
        self.set_view(None);
        *occupant = if quarantined { Occupant::Quarantined } else { Occupant::Asleep };
    }

    /// Something from `sequence` on is about to be written.
    pub(crate) fn note_dirty(&self, sequence: Sequence) {
        self.writes.fetch_add(1, Ordering::SeqCst);
        self.dirty.note(sequence);
    }

    /// False where one is on its way already, which what is dirty since then must not be lost to.
    pub(crate) fn begin_snapshot(&self) -> bool {
        self.dirty.begin()
    }

    pub(crate) fn end_snapshot(&self) {
        self.dirty.end();
    }

    pub(crate) fn idle_since(&self) -> Timestamp {
        Timestamp::from_millis(self.last_used.load(Ordering::Relaxed))
    }
}

/// All calendars in use.
pub(crate) struct Directory {
    shared: Arc<Shared>,
    entries: KeyMap<CalendarId, Arc<Entry>>,
    actors: KeyMap<MailboxId, CalendarId>,
    dirty: Arc<DirtySet>,
    supervisor: OnceLock<Supervisor>,
}

impl Directory {
    /// An empty directory with its supervisor.
    pub(crate) async fn start(shared: Arc<Shared>) -> Result<Arc<Self>, Error> {
        let directory = Arc::new(Self {
            shared,
            entries: KeyMap::default(),
            actors: KeyMap::default(),
            dirty: Arc::default(),
            supervisor: OnceLock::new(),
        });
        let supervisor = mailbox::spawn_supervisor(&directory).await?;
        let _ = directory.supervisor.set(supervisor);
        Ok(directory)
    }

    /// The entry of a calendar, and a permit that keeps it in the directory.
    pub(crate) fn admit(
        &self,
        id: CalendarId,
        share: Share,
    ) -> Result<(Arc<Entry>, Permit), Error> {
        let behind_max = match share {
            // What settles a hold finds room when there is none for new ones.
            Share::Hold => self.shared.config.behind_max / 2,
            Share::Settle => self.shared.config.behind_max,
            Share::Engine => usize::MAX,
        };
        if behind_max < self.shared.index.rows().len() {
            return Err(self.shared.meters.overloaded(Full::Behind));
        }
        loop {
            let entry = self.entry(id);
            let permit = Permit::take(&entry.admission, &self.shared.admission, share)
                .map_err(|full| self.shared.meters.overloaded(full))?;
            match entry.occupant() {
                Occupant::Gone => self.forget(&entry),
                Occupant::Quarantined => return Err(Error::CalendarUnavailable),
                Occupant::Asleep | Occupant::Awake(_) => {
                    entry.last_used.store(self.shared.now().millis(), Ordering::Relaxed);
                    return Ok((entry, permit));
                }
            }
        }
    }

    /// Counts a request that is turned away, and gives what it is told.
    pub(crate) fn overloaded(&self, full: Full) -> Error {
        self.shared.meters.overloaded(full)
    }

    /// The entry of a calendar, for looking only.
    pub(crate) fn entry(&self, id: CalendarId) -> Arc<Entry> {
        if let Some(entry) = self.entries.get(&id) {
            return entry.clone();
        }
        let new = || Arc::new(Entry::new(id, &self.shared, self.dirty.clone()));
        self.entries.entry(id).or_insert_with(new).clone()
    }

    /// What may be seen of a calendar without waiting for anything; none where it sleeps.
    pub(crate) fn seen(&self, id: CalendarId, now: Timestamp) -> Option<Arc<View>> {
        let entry = self.entries.get(&id)?;
        entry.last_used.store(now.millis(), Ordering::Relaxed);
        entry.current_view().filter(|view| !view.is_stale(now))
    }

    fn forget(&self, entry: &Arc<Entry>) {
        self.entries.remove_if(&entry.id, |_, there| Arc::ptr_eq(there, entry));
    }

    /// All entries, by id, so that a simulation repeats itself.
    pub(crate) fn all(&self) -> Vec<Arc<Entry>> {
        self.those(|_| true)
    }

    /// Entries that nobody has used since `instant`, by id.
    pub(crate) fn idle_since(&self, instant: Timestamp) -> Vec<Arc<Entry>> {
        self.those(|entry| entry.idle_since() < instant)
    }

    fn those(&self, wanted: impl Fn(&Entry) -> bool) -> Vec<Arc<Entry>> {
        let wanted = self.entries.iter().filter(|entry| wanted(entry.value()));
        let mut those: Vec<_> = wanted.map(|entry| entry.value().clone()).collect();
        those.sort_by_key(|entry| entry.id);
        those
    }

    /// The first entry that some calendar's last snapshot lacks.
    pub(crate) fn oldest_dirty(&self) -> Option<Sequence> {
        self.dirty.oldest()
    }

    /// Calendars whose last snapshot lacks an entry before `limit` and has no successor on its
    /// way, oldest first, at most `count`.
    pub(crate) fn dirty_before(&self, limit: Sequence, count: usize) -> Vec<Arc<Entry>> {
        let old = self.dirty.before(limit, count);
        old.iter().filter_map(|id| self.entries.get(id).map(|entry| entry.clone())).collect()
    }

    /// What may be seen of a calendar now. Loads it when it is asleep, and wakes it only when its
    /// days have run out.
    pub(crate) async fn view(&self, entry: &Arc<Entry>) -> Result<Arc<View>, Error> {
        entry.last_used.store(self.shared.now().millis(), Ordering::Relaxed);
        let now = self.shared.now();
        if let Some(view) = entry.current_view() {
            if !view.is_stale(now) {
                return Ok(view);
            }
            let (calendar, engine) = (&entry.admission, &self.shared.admission);
            if let Ok(permit) = Permit::take(calendar, engine, Share::Engine)
                && let Occupant::Awake(actor) = entry.occupant()
            {
                let (done, renewed) = oneshot::channel();
                let _ = actor.send_message(Message::Refresh(permit, done));
                if renewed.await.is_ok()
                    && let Some(view) = entry.current_view()
                {
                    return Ok(view);
                }
            }
        }
        let _door = entry.door.lock().await;
        match (entry.occupant(), entry.current_view()) {
            (Occupant::Quarantined, _) => Err(Error::CalendarUnavailable),
            (Occupant::Awake(_), Some(view)) => Ok(view),
            (_, Some(view)) if !view.is_stale(now) => Ok(view),
            _ => {
                let (calendar, sequence) = self.load(entry).await?;
                let view = self.new_view(&calendar, sequence);
                entry.set_view(Some(view.clone()));
                Ok(view)
            }
        }
    }

    fn new_view(&self, calendar: &Calendar, rests_on: Sequence) -> Arc<View> {
        let now = self.shared.now().max(calendar.last());
        Arc::new(View::of(calendar, now, self.shared.next_generation(), rests_on))
    }

    /// Sends a message to a calendar's actor, which is woken first if it sleeps. The caller holds
    /// a permit.
    pub(crate) async fn send(&self, entry: &Arc<Entry>, message: Message) -> Result<(), Error> {
        let actor = match entry.occupant() {
            Occupant::Awake(actor) => actor,
            _ => self.wake(entry).await?,
        };
        // Its mailbox closes only when it failed or the engine was dropped.
        actor.send_message(message).map_err(|_| Error::OutcomeUnknown)
    }

    /// Wakes a calendar that sleeps. The caller holds a permit.
    pub(crate) async fn rouse(&self, entry: &Arc<Entry>) -> Result<(), Error> {
        match entry.occupant() {
            Occupant::Awake(_) => Ok(()),
            _ => self.wake(entry).await.map(|_| ()),
        }
    }

    async fn wake(&self, entry: &Arc<Entry>) -> Result<Mailbox, Error> {
        let _door = entry.door.lock().await;
        match entry.occupant() {
            Occupant::Awake(actor) => return Ok(actor),
            Occupant::Quarantined | Occupant::Gone => return Err(Error::CalendarUnavailable),
            Occupant::Asleep => {}
        }
        let (calendar, sequence) = self.load(entry).await?;
        let view = match entry.current_view() {
            // Reservations in flight name it.
            Some(view) if entry.complete.load(Ordering::Acquire) => view,
            _ => self.new_view(&calendar, sequence),
        };
        if !entry.complete.load(Ordering::Acquire) {
            self.claim_again(&calendar);
        }
        entry.set_view(Some(view.clone()));
        let desk = Desk::new(self.shared.clone(), entry.clone(), calendar, view, sequence);
        let supervisor = self.supervisor.get().ok_or(Error::Closed)?;
        let actor = mailbox::spawn(desk, supervisor).await?;
        self.actors.insert(actor.get_id(), entry.id);
        entry.complete.store(true, Ordering::Release);
        entry.set_occupant(Occupant::Awake(actor.clone()));
        self.shared.meters.calendars_awake.fetch_add(1, Ordering::Relaxed);
        Ok(actor)
    }

    /// Claims for the live holds of a calendar that failed what it may not have come to.
    fn claim_again(&self, calendar: &Calendar) {
        for Live { booking, status, .. } in calendar.live() {
            let Status::Held { deadline, guards, .. } = status else { continue };
            self.shared.deadlines.add(*deadline, booking.calendar);
            for key in guard_keys(guards, booking.calendar, &booking.person) {
                self.shared.guards.restore(key, booking.id);
            }
        }
    }

    /// A calendar's state from what is durable, and the last entry that it includes.
    async fn load(&self, entry: &Entry) -> Result<(Calendar, Sequence), Error> {
        let complete = entry.complete.load(Ordering::Acquire);
        let until = self.shared.queue.last_submitted();
        if !complete {
            // What the failed one had enqueued counts, once it is durable.
            self.shared.queue.durable(until).await?;
        }
        let row = self.shared.index.snapshot(entry.id)?.ok_or(Error::CalendarUnavailable)?;
        let mut sequence = row.sequence;
        let mut calendar = Calendar::restored(row.snapshot).ok_or(Error::CalendarUnavailable)?;
        if !complete {
            sequence = self.replay(&mut calendar, sequence, until)?;
        }
        Ok((calendar, sequence))
    }

    /// Applies a calendar's own entries after `after` up to `until`.
    fn replay(
        &self,
        calendar: &mut Calendar,
        after: Sequence,
        until: Sequence,
    ) -> Result<Sequence, Error> {
        let mut reached = after;
        let mut last = after;
        while reached < until {
            let frames = self.shared.reader.read(reached + 1, REBUILD_BYTES)?;
            let at = reached + 1;
            let damaged = |what: String| ReadError::Damaged { at, what };
            if frames.is_empty() {
                return Err(damaged("it ends too early".to_owned()).into());
            }
            for bytes in frames {
                let frame = Frame::parse(&bytes).map_err(|error| damaged(error.to_string()))?;
                for (sequence, payload) in frame.entries() {
                    let short = u64::from(planted::is(Bug::RebuiltShort));
                    let wanted = after < sequence && sequence + short <= until;
                    let entry =
                        frame.decode(payload).map_err(|error| damaged(error.to_string()))?;
                    let id = calendar.id();
                    for event in entry.events.iter().filter(|_| wanted) {
                        if event.calendars().any(|concerned| concerned == id) {
                            calendar.apply(event);
                            last = sequence;
                        }
                    }
                }
                reached = frame.last();
            }
        }
        Ok(last)
    }

    /// Asks a calendar to keep its state. One that failed is woken for it, or, where it is set
    /// apart, its state is told by the journal alone.
    pub(crate) fn checkpoint(self: &Arc<Self>, entry: &Arc<Entry>) {
        let (directory, entry) = (self.clone(), entry.clone());
        match entry.occupant() {
            Occupant::Awake(actor) => {
                let _ = actor.send_message(Message::Checkpoint);
            }
            Occupant::Asleep => {
                spawn(async move {
                    if let Ok((entry, _permit)) = directory.admit(entry.id, Share::Engine) {
                        let _ = directory.send(&entry, Message::Checkpoint).await;
                    }
                });
            }
            Occupant::Quarantined => {
                spawn(async move { directory.keep_from_journal(&entry).await });
            }
            Occupant::Gone => {}
        }
    }

    async fn keep_from_journal(&self, entry: &Arc<Entry>) {
        if !entry.begin_snapshot() {
            return;
        }
        match self.load(entry).await {
            Ok((calendar, sequence)) => {
                let row = SnapshotRow { sequence, snapshot: calendar.snapshot() };
                let (index, entry) = (self.shared.index.clone(), entry.clone());
                self.shared.queue.barrier(Box::new(move |outcome| {
                    if outcome.is_ok() {
                        index.put_snapshot(row, entry.id);
                        entry.end_snapshot();
                    }
                }));
            }
            Err(error) => tracing::error!(%error, "a calendar could not be rebuilt"),
        }
    }

    /// Puts a calendar to sleep and forgets it, unless something is under way.
    ///
    /// Its state is kept before anyone can find the calendar asleep, and the door is shut only
    /// over a state that is still the same.
    pub(crate) async fn retire(&self, entry: &Arc<Entry>) {
        let _door = entry.door.lock().await;
        let actor = match entry.occupant() {
            Occupant::Asleep => None,
            Occupant::Awake(actor) => Some(actor),
            Occupant::Gone | Occupant::Quarantined => return,
        };
        let mut kept = entry.writes();
        if let Some(actor) = &actor {
            let (reply, writes) = oneshot::channel();
            let _ = actor.send_message(Message::Keep(reply));
            // It failed just now: whoever takes note of that says what becomes of it.
            let Ok(writes) = writes.await else { return };
            kept = writes;
        }
        if !entry.shut(kept) {
            return;
        }
        if let Some(actor) = actor {
            self.actors.remove(&actor.get_id());
            self.shared.meters.calendars_awake.fetch_sub(1, Ordering::Relaxed);
            actor.stop(None);
        }
        self.forget(entry);
    }

    /// Takes note that an actor failed: what it had in memory is lost, what is durable is not.
    pub(crate) fn failed(&self, actor: MailboxId) {
        let Some((_, id)) = self.actors.remove(&actor) else { return };
        let Some(entry) = self.entries.get(&id).map(|entry| entry.clone()) else { return };
        entry.fail(&self.shared.meters);
    }

    /// Ends the supervisor and with it whoever is awake.
    pub(crate) fn stop(&self) {
        if let Some(supervisor) = self.supervisor.get() {
            supervisor.stop(None);
        }
    }
}
