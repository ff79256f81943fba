//! An engine in memory whose disk is a step before and after each use, and what must hold of it
//! when all is quiet.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use shuttle::future::{JoinHandle, spawn_local, yield_now};

use crate::audit::audit;
use crate::booking::{By, Details, Joined, Part};
use crate::journal::{Appending, Entry, Frame, Journal, JournalReader, ReadError, Sequence, Tail};
use crate::runtime::{Share, expire, flush};
use crate::storage::memory::{MemoryJournal, MemoryStore, reopened};
use crate::storage::{
    Inspection, Mutation, Row, Storage, Store, StoreError, TABLES, Table, for_each_row,
};
use crate::time::held;
use crate::{
    Answer, AppointmentId, CalendarId, Config, Definition, Engine, Environment, Error, Event,
    FindSlots, Hold, HoldId, HoldSlot, MoveAppointment, OfAppointment, OfHold, Outcome, RandomBits,
    Reason, ReasonId, Slot, Timestamp, WallClock,
};

/// A Monday before the hours.
pub(super) struct Monday;

impl WallClock for Monday {
    fn now(&self) -> Timestamp {
        "2027-01-04T07:00:00Z".parse().unwrap()
    }
}

/// Identifiers in a row.
#[derive(Default)]
struct Numbers(AtomicU64);

impl RandomBits for Numbers {
    fn bits(&self) -> u128 {
        u128::from(self.0.fetch_add(1, Ordering::Relaxed) + 1)
    }
}

/// A journal, each use of which is a step.
pub(super) struct SteppedJournal(MemoryJournal);

impl Journal for SteppedJournal {
    fn append<'a>(&'a mut self, expected: Sequence, frame: &'a [u8]) -> Appending<'a> {
        Box::pin(async move {
            held::point();
            let appended = self.0.append(expected, frame).await;
            held::point();
            appended
        })
    }

    fn mark(&mut self, durable: Sequence) {
        held::point();
        self.0.mark(durable);
    }

    fn reader(&self) -> Arc<dyn JournalReader> {
        Arc::new(Self(self.0.clone()))
    }

    fn blocks(&self) -> bool {
        false
    }
}

impl JournalReader for SteppedJournal {
    fn read(&self, from: Sequence, bytes_max: usize) -> Result<Vec<Vec<u8>>, ReadError> {
        held::point();
        self.0.read(from, bytes_max)
    }

    fn tail(&self) -> Result<Tail, ReadError> {
        self.0.tail()
    }
}

/// A store, each use of which is a step.
pub(super) struct SteppedStore(pub(super) MemoryStore);

impl Store for SteppedStore {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        held::point();
        self.0.get(table, key)
    }

    fn scan(
        &self,
        table: Table,
        prefix: &[u8],
        from: &[u8],
        limit: usize,
    ) -> Result<Vec<Row>, StoreError> {
        held::point();
        self.0.scan(table, prefix, from, limit)
    }

    fn write(&self, batch: Vec<Mutation>) -> Result<(), StoreError> {
        held::point();
        self.0.write(batch)?;
        held::point();
        Ok(())
    }

    fn clear(&self) -> Result<(), StoreError> {
        self.0.clear()
    }

    fn tell_time(&self, millis: i64) {
        self.0.tell_time(millis);
    }
}

/// What is on disk.
#[derive(Clone, Default)]
pub(super) struct Disk {
    pub(super) journal: MemoryJournal,
    pub(super) store: MemoryStore,
}

impl Disk {
    pub(super) fn journal(&self) -> SteppedJournal {
        SteppedJournal(self.journal.clone())
    }

    fn storage(&self) -> Storage {
        let marked = reopened(&self.journal, &self.store).marked;
        let store = Arc::new(SteppedStore(self.store.clone()));
        Storage { journal: Box::new(self.journal()), store, marked }
    }

    /// As a crash leaves it now: everything that was written.
    pub(super) fn copied(&self) -> Self {
        let copy = Self::default();
        let mut journal = copy.journal.clone();
        for frame in self.journal.read(1, usize::MAX).unwrap() {
            let first = Frame::parse(&frame).unwrap().first();
            let appended = journal.append(first, &frame);
            assert_eq!(futures_ready(appended), Ok(()));
        }
        journal.mark(reopened(&self.journal, &self.store).marked);
        for table in TABLES {
            for_each_row(&self.store, table, |key, value| {
                let (key, value) = (key.to_vec(), Some(value.to_vec()));
                copy.store.write(vec![Mutation { table, key, value }])
            })
            .unwrap();
        }
        copy
    }

    /// Everything that is durable.
    pub(super) fn events(&self) -> Vec<Event> {
        let frames = self.journal.read(1, usize::MAX).unwrap();
        let frames = frames.iter().map(|bytes| Frame::parse(bytes).unwrap());
        let entries = frames.flat_map(|frame| {
            let decode = |(_, bytes)| Entry::decode(bytes).unwrap().events;
            frame.entries().map(decode).collect::<Vec<_>>()
        });
        entries.flatten().collect()
    }
}

/// What a future gives that waits for nothing.
fn futures_ready<T>(future: impl Future<Output = T>) -> T {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match std::pin::pin!(future).poll(&mut context) {
        std::task::Poll::Ready(value) => value,
        std::task::Poll::Pending => panic!("it waits"),
    }
}

pub(super) fn reason() -> ReasonId {
    "visit".parse().unwrap()
}

pub(super) fn at(time: &str) -> Timestamp {
    format!("2027-01-04T{time}:00Z").parse().unwrap()
}

/// A start on a grid of five minutes whose quarter of an hour crosses from one slot word into the
/// next, `steps` later. Words have 64 bits here.
pub(super) fn crossing(steps: i64) -> Timestamp {
    const STEP_MS: i64 = 5 * 60_000;
    // The first last-but-one step of a word after ten o'clock.
    let word = (at("10:00").millis() / STEP_MS + 1) / 64;
    Timestamp::from_millis((word * 64 + 62 + steps) * STEP_MS)
}

/// An engine with calendars of one lane.
#[derive(Clone)]
pub(super) struct World {
    pub(super) engine: Engine,
    pub(super) disk: Disk,
    pub(super) calendars: Arc<[CalendarId]>,
    /// Holds of which someone has heard.
    pub(super) heard: Arc<Mutex<Vec<HoldId>>>,
}

pub(super) fn definition() -> Definition {
    let mut definition = Definition::weekdays("Practice", "UTC");
    definition.reasons = vec![Reason::new(reason(), "Visit", 15)];
    definition.horizon_days = 1;
    definition
}

async fn engine(disk: &Disk, config: Config) -> Engine {
    let random = Arc::new(Numbers::default());
    let environment = Environment { wall: Arc::new(Monday), random };
    Engine::open_with(config, disk.storage(), environment).await.unwrap()
}

impl World {
    pub(super) async fn open(config: Config, calendars: usize) -> Self {
        let disk = Disk::default();
        let engine = engine(&disk, config).await;
        let mut ids = Vec::new();
        for _ in 0..calendars {
            ids.push(engine.create_calendar(definition(), None).await.unwrap().unwrap().value.id);
        }
        Self { engine, disk, calendars: ids.into(), heard: Arc::default() }
    }

    /// As [`World::open`], with one calendar and the usual settings.
    pub(super) async fn usual() -> Self {
        Self::open(Config::in_memory(), 1).await
    }

    /// Another engine on a disk that a crash has left.
    pub(super) async fn reopened(&self, disk: Disk) -> Self {
        let engine = engine(&disk, Config::in_memory()).await;
        Self { engine, disk, ..self.clone() }
    }

    pub(super) async fn hold_at(
        &self,
        calendar: usize,
        who: &str,
        start: Timestamp,
    ) -> Answer<Outcome<Hold>> {
        self.hold_with(&[calendar], who, start).await
    }

    /// A hold in the first of some calendars, with parts on the others.
    pub(super) async fn hold_with(
        &self,
        calendars: &[usize],
        who: &str,
        start: Timestamp,
    ) -> Answer<Outcome<Hold>> {
        let (own, others) = calendars.split_first().unwrap();
        let calendar = self.calendars[*own];
        let parts = others.iter().map(|place| Part::on(self.calendars[*place])).collect();
        let (reason, person) = (reason(), who.parse().unwrap());
        let asked = HoldSlot {
            calendar,
            start,
            reason,
            person,
            details: Details { joined: Joined::whole(parts), ..Details::default() },
            by: By::Unsaid,
            overflow: false,
            dose: None,
            command: None,
        };
        let answer = self.engine.hold(asked).await;
        if let Ok(Ok(held)) = &answer {
            self.heard.lock().unwrap().push(held.value.id);
            let id = held.value.id;
            let made =
                |event: &Event| matches!(event, Event::Held { booking, .. } if booking.id == id);
            assert!(self.disk.events().iter().any(made), "a hold was told that is not durable");
        }
        answer
    }

    pub(super) async fn hold(&self, who: &str, start: Timestamp) -> Answer<Outcome<Hold>> {
        self.hold_at(0, who, start).await
    }

    /// A hold that must succeed.
    pub(super) async fn held(&self, who: &str, start: Timestamp) -> HoldId {
        self.hold(who, start).await.unwrap().unwrap().value.id
    }

    pub(super) async fn confirm(&self, hold: HoldId) -> Answer<()> {
        let answer = self.engine.confirm(OfHold { hold, by: By::Unsaid, command: None }).await;
        answer.map(|outcome| outcome.map(|_| ()))
    }

    pub(super) async fn release(&self, hold: HoldId) -> Answer<()> {
        self.engine.release(OfHold { hold, by: By::Unsaid, command: None }).await
    }

    pub(super) async fn cancel(&self, hold: HoldId) -> Answer<()> {
        let asked =
            OfAppointment { appointment: AppointmentId::from(hold), by: By::Unsaid, command: None };
        self.engine.cancel(asked).await.map(|outcome| outcome.map(|_| ()))
    }

    pub(super) async fn moved(&self, hold: HoldId, start: Timestamp, to: usize) -> Answer<()> {
        let calendar = Some(self.calendars[to]);
        let appointment = AppointmentId::from(hold);
        let asked = MoveAppointment { appointment, start, calendar, by: By::Unsaid, command: None };
        self.engine.move_appointment(asked).await.map(|outcome| outcome.map(|_| ()))
    }

    pub(super) async fn listed(&self, calendar: usize) -> Result<Vec<Slot>, Error> {
        let (from, until) = (at("00:00"), at("23:00"));
        let calendar = self.calendars[calendar];
        let wanted =
            FindSlots { calendar, reason: reason(), from, until, limit: 1_000, practice: false };
        self.engine.find_slots(wanted).await.map(|found| found.unwrap().slots)
    }

    /// Puts a calendar to sleep, unless something is under way.
    pub(super) async fn retire(&self, calendar: usize) {
        let (_, directory) = self.engine.parts();
        let entry = directory.entry(self.calendars[calendar]);
        directory.retire(&entry).await;
    }

    /// Waits until nothing is under way: permits are given back a little after an answer.
    pub(super) async fn quiet(&self) {
        while self.engine.status().under_way != 0 {
            yield_now().await;
        }
    }

    /// Waits for all that is under way, and looks whether everything is as it must be.
    pub(super) async fn settled(self) {
        let (shared, directory) = self.engine.parts();
        for (place, calendar) in self.calendars.iter().enumerate() {
            // One that failed is woken by whoever asks next; nothing may be left of its failure.
            while expire(directory.clone(), *calendar, Share::Settle).await.is_err() {
                yield_now().await;
            }
            self.quiet().await;
            let live = self.listed(place).await.unwrap();
            self.quiet().await;
            self.retire(place).await;
            assert!(
                directory.all().iter().all(|entry| entry.id != *calendar),
                "a calendar cannot be retired though nothing is under way"
            );
            let rebuilt = self.listed(place).await.unwrap();
            assert_eq!(live, rebuilt, "the slot words are not what the calendar says");
        }
        flush(shared, directory, (0, 0)).await.unwrap();
        let Disk { journal, store } = &self.disk;
        let marked = Some(reopened(journal, store).marked);
        let found = Inspection {
            journal: Arc::new(journal.clone()),
            store: Some(Arc::new(store.clone())),
            marked,
            damage: Vec::new(),
        };
        let report = audit(&found, self.engine.now());
        assert!(report.faults.is_empty(), "{:?}", report.faults);
        let guards = shared.config.guards.len();
        assert_eq!(shared.guards.count(), report.holds_live as usize * guards, "person guards");
        assert_eq!(shared.commands.count(), 0, "a command's name is still claimed");
        for hold in self.heard.lock().unwrap().iter() {
            assert!(self.engine.hold_info(*hold).await.unwrap().is_ok(), "an acknowledged hold");
        }
    }
}

/// Starts `work` as a task.
pub(super) fn go<T: Send + 'static>(
    world: &World,
    work: impl AsyncFnOnce(World) -> T + Send + 'static,
) -> JoinHandle<T> {
    let world = world.clone();
    spawn_local(async move { work(world).await })
}

pub(super) const A_SECOND: Duration = Duration::from_secs(1);
