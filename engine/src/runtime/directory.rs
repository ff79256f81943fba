//! Calendars awake and asleep.
//!
//! An entry stands for a calendar that is or was in use of late. Whoever works with it first takes
//! a permit of its admission, then looks whether it is still there; whoever retires it first
//! shuts its door, then looks whether a permit is out. So one of the two sees the other.
//!
//! A calendar that is not in the directory is asleep: its last snapshot in the index is complete.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};

use ractor::{ActorCell, ActorId, ActorRef};
use tokio::sync::oneshot;

use super::admission::{Admission, Permit, Share};
use super::calendar_actor::{self, Message};
use super::claims::KeyMap;
use super::desk::Desk;
use super::shared::Shared;
use super::view::View;
use crate::booking::Calendar;
use crate::error::Error;
use crate::ids::CalendarId;
use crate::journal::{self, Frame, ReadError, Sequence};
use crate::limits::PANICS_MAX;
use crate::time::Timestamp;

/// Bytes of the journal that are read at once when a failed calendar is rebuilt.
const REBUILD_BYTES: usize = 4 << 20;

/// Who serves a calendar.
#[derive(Clone)]
enum Occupant {
    Asleep,
    Awake(ActorRef<Message>),
    /// The entry has left the directory.
    Gone,
    /// It failed too often.
    Quarantined,
}

/// From which entry on a calendar's last snapshot is incomplete.
#[derive(Debug, Default)]
struct Dirty {
    since: Option<Sequence>,
    /// While a snapshot is on its way: the first entry after it.
    next: Option<Sequence>,
    on_its_way: bool,
}

/// A calendar in use.
pub(crate) struct Entry {
    pub(crate) id: CalendarId,
    admission: Arc<Admission>,
    view: RwLock<Option<Arc<View>>>,
    occupant: RwLock<Occupant>,
    /// Held while the occupant changes.
    door: tokio::sync::Mutex<()>,
    dirty: Mutex<Dirty>,
    panics: AtomicU32,
    /// Whether the last snapshot is complete while nobody is awake.
    complete: AtomicBool,
    last_used: AtomicI64,
}

fn unpoisoned<T>(lock: Result<T, PoisonError<T>>) -> T {
    lock.unwrap_or_else(PoisonError::into_inner)
}

impl Entry {
    fn new(id: CalendarId, shared: &Shared) -> Self {
        let config = &shared.config;
        Self {
            id,
            admission: Admission::new(config.calendar_holds_max, config.calendar_requests_max),
            view: RwLock::new(None),
            occupant: RwLock::new(Occupant::Asleep),
            door: tokio::sync::Mutex::new(()),
            dirty: Mutex::default(),
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

    /// Something from `sequence` on is about to be written.
    pub(crate) fn note_dirty(&self, sequence: Sequence) {
        let mut dirty = unpoisoned(self.dirty.lock());
        let first = if dirty.on_its_way { &mut dirty.next } else { &mut dirty.since };
        first.get_or_insert(sequence);
    }

    pub(crate) fn begin_snapshot(&self) {
        let mut dirty = unpoisoned(self.dirty.lock());
        (dirty.on_its_way, dirty.next) = (true, None);
    }

    pub(crate) fn end_snapshot(&self) {
        let mut dirty = unpoisoned(self.dirty.lock());
        (dirty.on_its_way, dirty.since) = (false, dirty.next.take());
    }

    /// From which entry on the last snapshot is incomplete, and whether one is on its way.
    pub(crate) fn dirty_since(&self) -> Option<(Sequence, bool)> {
        let dirty = unpoisoned(self.dirty.lock());
        dirty.since.map(|since| (since, dirty.on_its_way))
    }

    pub(crate) fn idle_since(&self) -> Timestamp {
        Timestamp::from_millis(self.last_used.load(Ordering::Relaxed))
    }
}

/// All calendars in use.
pub(crate) struct Directory {
    shared: Arc<Shared>,
    entries: KeyMap<CalendarId, Arc<Entry>>,
    actors: KeyMap<ActorId, CalendarId>,
    supervisor: OnceLock<ActorCell>,
}

impl Directory {
    /// An empty directory with its supervisor.
    pub(crate) async fn start(shared: Arc<Shared>) -> Result<Arc<Self>, Error> {
        let directory = Arc::new(Self {
            shared,
            entries: KeyMap::default(),
            actors: KeyMap::default(),
            supervisor: OnceLock::new(),
        });
        let supervisor = calendar_actor::spawn_supervisor(&directory).await?;
        let _ = directory.supervisor.set(supervisor);
        Ok(directory)
    }

    /// The entry of a calendar, and a permit that keeps it in the directory.
    pub(crate) fn admit(
        &self,
        id: CalendarId,
        share: Share,
    ) -> Result<(Arc<Entry>, Permit), Error> {
        let behind = self.shared.index.rows().len();
        if share != Share::Engine && self.shared.config.behind_max < behind {
            return Err(Error::overloaded());
        }
        loop {
            let entry = self.entry(id);
            let permit = Permit::take(&entry.admission, &self.shared.admission, share)
                .ok_or_else(Error::overloaded)?;
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

    /// The entry of a calendar, for looking only.
    pub(crate) fn entry(&self, id: CalendarId) -> Arc<Entry> {
        if let Some(entry) = self.entries.get(&id) {
            return entry.clone();
        }
        self.entries.entry(id).or_insert_with(|| Arc::new(Entry::new(id, &self.shared))).clone()
    }

    fn forget(&self, entry: &Arc<Entry>) {
        self.entries.remove_if(&entry.id, |_, there| Arc::ptr_eq(there, entry));
    }

    /// All entries, by id, so that a simulation repeats itself.
    pub(crate) fn all(&self) -> Vec<Arc<Entry>> {
        let mut all: Vec<_> = self.entries.iter().map(|entry| entry.value().clone()).collect();
        all.sort_by_key(|entry| entry.id);
        all
    }

    /// The first entry that some calendar's last snapshot lacks.
    pub(crate) fn oldest_dirty(&self) -> Option<Sequence> {
        self.entries.iter().filter_map(|entry| entry.dirty_since()).map(|(since, _)| since).min()
    }

    /// Calendars whose last snapshot lacks an entry before `limit` and has no successor on its
    /// way, oldest first.
    pub(crate) fn dirty_before(&self, limit: Sequence) -> Vec<Arc<Entry>> {
        let old = |entry: &Arc<Entry>| match entry.dirty_since() {
            Some((since, false)) if since < limit => Some((since, entry.clone())),
            _ => None,
        };
        let mut old: Vec<_> = self.entries.iter().filter_map(|entry| old(entry.value())).collect();
        old.sort_by_key(|(since, entry)| (*since, entry.id));
        old.into_iter().map(|(_, entry)| entry).collect()
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
            if let Occupant::Awake(actor) = entry.occupant() {
                let (done, renewed) = oneshot::channel();
                let _ = actor.send_message(Message::Refresh(done));
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

    async fn wake(&self, entry: &Arc<Entry>) -> Result<ActorRef<Message>, Error> {
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
        entry.set_view(Some(view.clone()));
        let desk = Desk::new(self.shared.clone(), entry.clone(), calendar, view, sequence);
        let supervisor = self.supervisor.get().ok_or(Error::Closed)?;
        let actor = calendar_actor::spawn(desk, supervisor.clone()).await?;
        self.actors.insert(actor.get_id(), entry.id);
        entry.complete.store(true, Ordering::Release);
        entry.set_occupant(Occupant::Awake(actor.clone()));
        Ok(actor)
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
                    let wanted = after < sequence && sequence <= until;
                    let entry = journal::Entry::decode(payload)
                        .map_err(|error| damaged(error.to_string()))?;
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

    /// Asks a calendar to keep its state, if it is awake.
    pub(crate) fn checkpoint(&self, entry: &Entry) {
        if let Occupant::Awake(actor) = entry.occupant() {
            let _ = actor.send_message(Message::Checkpoint);
        }
    }

    /// Puts a calendar to sleep and forgets it, unless something is under way.
    pub(crate) async fn retire(&self, entry: &Arc<Entry>) {
        let _door = entry.door.lock().await;
        let occupant = entry.occupant();
        if matches!(occupant, Occupant::Gone | Occupant::Quarantined) {
            return;
        }
        entry.set_occupant(Occupant::Gone);
        let complete = entry.complete.load(Ordering::Acquire);
        if 0 < entry.admission.under_way() || !complete {
            entry.set_occupant(occupant);
            return;
        }
        if let Occupant::Awake(actor) = &occupant {
            let (reply, row) = oneshot::channel();
            let _ = actor.send_message(Message::Snapshot(reply));
            let Ok(row) = row.await else {
                // It failed just now. Whoever takes note of that removes it first, and then says
                // what the entry has become.
                if self.actors.contains_key(&actor.get_id()) {
                    entry.set_occupant(occupant);
                }
                return;
            };
            // Nothing is under way, so all that it includes is durable.
            self.shared.index.put_snapshot(&row, entry.id);
            self.actors.remove(&actor.get_id());
            actor.stop(None);
        }
        self.forget(entry);
    }

    /// Takes note that an actor failed: what it had in memory is lost, what is durable is not.
    pub(crate) fn failed(&self, actor: ActorId) {
        let Some((_, id)) = self.actors.remove(&actor) else { return };
        let Some(entry) = self.entries.get(&id).map(|entry| entry.clone()) else { return };
        let panics = entry.panics.fetch_add(1, Ordering::Relaxed) + 1;
        entry.complete.store(false, Ordering::Release);
        entry.set_view(None);
        let quarantined = PANICS_MAX <= panics;
        tracing::error!(panics, quarantined, "a calendar failed");
        entry.set_occupant(if quarantined { Occupant::Quarantined } else { Occupant::Asleep });
    }

    /// Ends the supervisor and with it whoever is awake.
    pub(crate) fn stop(&self) {
        if let Some(supervisor) = self.supervisor.get() {
            supervisor.stop(None);
        }
    }
}
