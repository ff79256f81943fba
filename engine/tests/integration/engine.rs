//! The engine through its public handle, in memory, on held time where time matters.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use creneau::storage::memory::{self, MemoryJournal, MemoryStore};
use creneau::*;

/// A wall clock that stands still at a Monday morning in Paris.
struct Monday;

impl WallClock for Monday {
    fn now(&self) -> Timestamp {
        "2027-01-04T07:00:00+01:00".parse().unwrap()
    }
}

/// A journal and a store that outlive an engine.
#[derive(Clone, Default)]
struct Disk {
    journal: MemoryJournal,
    store: MemoryStore,
}

impl Disk {
    async fn open(&self, config: Config) -> Engine {
        let storage = memory::reopened(&self.journal, &self.store);
        let random = Arc::new(SystemRandom::default());
        let environment = Environment { wall: Arc::new(Monday), random };
        Engine::open_with(config, storage, environment).await.unwrap()
    }
}

fn reason() -> ReasonId {
    "check-up".parse().unwrap()
}

fn person(name: &str) -> PersonId {
    name.parse().unwrap()
}

fn key(id: &str) -> Option<CommandKey> {
    Some(CommandKey { caller: "test".parse().unwrap(), id: id.parse().unwrap() })
}

fn at(text: &str) -> Timestamp {
    format!("2027-01-{text}:00+01:00").parse().unwrap()
}

/// A practice open on weekdays from nine to five, with check-ups of 15 minutes.
async fn practice(engine: &Engine, lanes: u16) -> CalendarId {
    let mut definition = Definition::weekdays("Practice", "Europe/Paris");
    definition.lanes = lanes;
    definition.reasons = vec![Reason::new(reason(), "Check-up", 15)];
    engine.create_calendar(definition, None).await.unwrap().unwrap().value.id
}

fn wanted(calendar: CalendarId, start: Timestamp, who: &str) -> HoldSlot {
    HoldSlot {
        calendar,
        start,
        reason: reason(),
        person: person(who),
        details: Details::default(),
        by: By::Unsaid,
        overflow: false,
        dose: None,
        command: None,
    }
}

async fn held(engine: &Engine, calendar: CalendarId, start: &str, who: &str) -> Hold {
    engine.hold(wanted(calendar, at(start), who)).await.unwrap().unwrap().value
}

async fn booked(engine: &Engine, calendar: CalendarId, start: &str, who: &str) -> Appointment {
    let hold = held(engine, calendar, start, who).await.id;
    engine.confirm(OfHold { hold, by: By::Unsaid, command: None }).await.unwrap().unwrap().value
}

async fn free(engine: &Engine, calendar: CalendarId, start: &str) -> u16 {
    let from = at(start);
    let until = from.plus_minutes(1);
    let asked = FindSlots { calendar, reason: reason(), from, until, limit: 1, practice: false };
    let found = engine.find_slots(asked).await.unwrap().unwrap();
    found.slots.first().map_or(0, |slot| slot.free)
}

async fn appointments(engine: &Engine, who: &str) -> Vec<Appointment> {
    let asked = ListAppointments { person: person(who), cursor: None, limit: 100 };
    engine.appointments(asked).await.unwrap().unwrap().appointments
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_two_hundred_gets_the_slot() {
    let engine = Disk::default().open(Config::in_memory()).await;
    let calendar = practice(&engine, 1).await;
    for round in 0..20 {
        let start = at("05T09:00").plus_minutes(round * 15);
        let asks: Vec<_> = (0..200)
            .map(|who| {
                let engine = engine.clone();
                let ask = wanted(calendar, start, &format!("p{round}-{who}"));
                tokio::spawn(async move { engine.hold(ask).await.unwrap() })
            })
            .collect();
        let mut won = 0;
        for ask in asks {
            match ask.await.unwrap() {
                Ok(_) => won += 1,
                Err(Rejection::SlotTaken { alternatives }) => assert_eq!(alternatives.len(), 3),
                Err(other) => panic!("{other}"),
            }
        }
        assert_eq!(won, 1, "round {round}");
    }
}

/// While nothing is under way, what is offered in place of a taken slot is free, and nearest.
#[tokio::test(start_paused = true)]
async fn alternatives_are_the_nearest_free_slots() {
    let engine = Disk::default().open(Config::in_memory()).await;
    let calendar = practice(&engine, 1).await;
    for (start, who) in [("05T10:00", "ana"), ("05T10:20", "bob"), ("05T09:30", "eve")] {
        held(&engine, calendar, start, who).await;
    }
    let refused = engine.hold(wanted(calendar, at("05T10:00"), "kim")).await.unwrap();
    let Err(Rejection::SlotTaken { alternatives }) = refused else { panic!("{refused:?}") };
    let starts: Vec<_> = alternatives.iter().map(|slot| slot.start).collect();
    assert_eq!(starts, ["05T09:45", "05T10:35", "05T10:40"].map(at));
}

#[tokio::test(start_paused = true)]
async fn a_hold_lasts_until_its_deadline_and_ends_by_itself() {
    let engine = Disk::default().open(Config::in_memory()).await;
    let calendar = practice(&engine, 1).await;
    let hold = held(&engine, calendar, "05T09:00", "ana").await;
    assert_eq!(hold.expires_at, Some(engine.now().plus_minutes(15)));
    tokio::time::sleep(Duration::from_millis(15 * 60_000 - 1)).await;
    assert_eq!(free(&engine, calendar, "05T09:00").await, 0);
    // Nobody asks; the calendar journals the end within a second.
    let mut feed = engine.feed(engine.status().watermark);
    let ended = tokio::time::timeout(Duration::from_secs(1), feed.next()).await.unwrap();
    assert!(matches!(ended.unwrap().unwrap().events[..], [Event::Expired { .. }]));
    assert_eq!(free(&engine, calendar, "05T09:00").await, 1);
    let confirm =
        engine.confirm(OfHold { hold: hold.id, by: By::Unsaid, command: None }).await.unwrap();
    assert_eq!(confirm.unwrap_err(), Rejection::HoldExpired);
    assert_eq!(engine.hold_info(hold.id).await.unwrap().unwrap().status, HoldStatus::Expired);
    // It can be told apart for 24 hours.
    tokio::time::advance(Duration::from_secs(24 * 3_600)).await;
    assert_eq!(engine.hold_info(hold.id).await.unwrap(), Err(Rejection::UnknownHold));
}

#[tokio::test(start_paused = true)]
async fn who_asks_at_the_deadline_finds_the_slot_free() {
    let engine = Disk::default().open(Config::in_memory()).await;
    let calendar = practice(&engine, 1).await;
    held(&engine, calendar, "05T09:00", "ana").await;
    tokio::time::advance(Duration::from_secs(15 * 60)).await;
    held(&engine, calendar, "05T09:00", "bob").await;
}

#[tokio::test(start_paused = true)]
async fn a_person_gets_their_hold_back_and_no_second_one() {
    let engine = Disk::default().open(Config::in_memory()).await;
    let calendar = practice(&engine, 1).await;
    let first = held(&engine, calendar, "05T09:00", "ana").await;
    let again = engine.hold(wanted(calendar, at("05T09:00"), "ana")).await.unwrap().unwrap();
    assert_eq!((again.value, again.fresh), (first.clone(), false));
    let other = engine.hold(wanted(calendar, at("05T10:00"), "ana")).await.unwrap();
    assert_eq!(other, Err(Rejection::PersonHasHold { hold: first.id }));
    assert_eq!(free(&engine, calendar, "05T10:00").await, 1, "the lost claim was undone");
    engine
        .release(OfHold { hold: first.id, by: By::Unsaid, command: None })
        .await
        .unwrap()
        .unwrap();
    let second = held(&engine, calendar, "05T10:00", "ana").await;
    assert_eq!(engine.hold_info(second.id).await.unwrap().unwrap().status, HoldStatus::Held);
    // Many at once from one person: one hold.
    let holds: Vec<_> = (0..10)
        .map(|_| {
            let engine = engine.clone();
            let ask = wanted(calendar, at("05T11:00"), "eve");
            tokio::spawn(async move { engine.hold(ask).await.unwrap().unwrap() })
        })
        .collect();
    let mut ids = BTreeSet::new();
    let mut fresh = 0;
    for hold in holds {
        let hold = hold.await.unwrap();
        fresh += u32::from(hold.fresh);
        ids.insert(hold.value.id);
    }
    assert_eq!((ids.len(), fresh), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn the_guard_is_data() {
    let everywhere = Guard { kind: "campaign".into(), scope: GuardScope::Engine };
    let config = Config { guards: vec![everywhere], ..Config::in_memory() };
    let disk = Disk::default();
    let engine = disk.open(config.clone()).await;
    let (one, two) = (practice(&engine, 1).await, practice(&engine, 1).await);
    let hold = held(&engine, one, "05T09:00", "ana").await;
    let refusal = Err(Rejection::PersonHasHold { hold: hold.id });
    assert_eq!(engine.hold(wanted(two, at("05T09:00"), "ana")).await.unwrap(), refusal);
    drop(engine);
    let engine = disk.open(config).await;
    assert_eq!(engine.hold(wanted(two, at("05T09:00"), "ana")).await.unwrap(), refusal);
    let none = Config { guards: Vec::new(), ..Config::in_memory() };
    let free = Disk::default().open(none).await;
    let calendar = practice(&free, 1).await;
    let first = held(&free, calendar, "05T09:00", "ana").await;
    held(&free, calendar, "05T10:00", "ana").await;
    // Also where no guard tells it, a person gets their own hold back, and nobody else does.
    let wide = practice(&free, 2).await;
    let second = held(&free, wide, "05T09:00", "ana").await;
    for (calendar, own) in [(calendar, first), (wide, second)] {
        let again = free.hold(wanted(calendar, at("05T09:00"), "ana")).await.unwrap().unwrap();
        assert_eq!((again.value, again.fresh), (own, false));
    }
    let taken = free.hold(wanted(calendar, at("05T09:00"), "bob")).await.unwrap();
    assert!(matches!(taken, Err(Rejection::SlotTaken { .. })));
}

#[tokio::test(start_paused = true)]
async fn everything_acknowledged_is_there_after_a_restart() {
    let disk = Disk::default();
    let engine = disk.open(Config::in_memory()).await;
    let (one, two) = (practice(&engine, 1).await, practice(&engine, 2).await);
    let kept = booked(&engine, one, "05T09:00", "ana").await;
    let cancelled = booked(&engine, one, "05T10:00", "ana").await;
    let moved = booked(&engine, one, "05T11:00", "ana").await;
    let of = |id| OfAppointment { appointment: id, by: By::Unsaid, command: None };
    engine.cancel(of(cancelled.id)).await.unwrap().unwrap();
    let to = MoveAppointment {
        appointment: moved.id,
        start: at("06T09:00"),
        calendar: Some(two),
        by: By::Unsaid,
        command: key("move"),
    };
    let moved = engine.move_appointment(to.clone()).await.unwrap().unwrap().value;
    assert_eq!((moved.calendar, moved.start), (two, at("06T09:00")));
    let hold = held(&engine, one, "05T14:00", "bob").await;
    for round in 0..3 {
        let told = appointments(&engine, "ana").await;
        let listed: Vec<_> = told.iter().map(|told| (told.id, told.status)).collect();
        assert_eq!(
            listed,
            [
                (kept.id, AppointmentStatus::Booked),
                (cancelled.id, AppointmentStatus::Cancelled),
                (moved.id, AppointmentStatus::Booked)
            ]
        );
        let repeat = engine.move_appointment(to.clone()).await.unwrap().unwrap();
        assert_eq!((repeat.value, repeat.fresh), (moved.clone(), true), "life {round}");
    }
    // Once as if it crashed, once with everything kept.
    drop(engine);
    let engine = disk.open(Config::in_memory()).await;
    let starts = ["05T09:00", "05T10:00", "05T11:00", "05T14:00"];
    let mut frees = Vec::new();
    for start in starts {
        frees.push(free(&engine, one, start).await);
    }
    assert_eq!(frees, [0, 1, 1, 0]);
    assert_eq!(free(&engine, two, "06T09:00").await, 1);
    engine.shutdown().await.unwrap();
    let engine = disk.open(Config::in_memory()).await;
    assert_eq!(engine.status().replayed, 0);
    assert_eq!(engine.hold_info(hold.id).await.unwrap().unwrap().status, HoldStatus::Held);
    assert_eq!(appointments(&engine, "ana").await.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_named_command_has_one_outcome() {
    let disk = Disk::default();
    let engine = disk.open(Config::in_memory()).await;
    let calendar = practice(&engine, 1).await;
    let ask = |start, name| HoldSlot {
        details: Details::default(),
        by: By::Unsaid,
        overflow: false,
        command: key(name),
        ..wanted(calendar, at(start), "ana")
    };
    let first = engine.hold(ask("05T09:00", "one")).await.unwrap().unwrap();
    let reused = engine.hold(ask("05T10:00", "one")).await.unwrap();
    assert_eq!(reused, Err(Rejection::CommandReused));
    engine
        .release(OfHold { hold: first.value.id, by: By::Unsaid, command: None })
        .await
        .unwrap()
        .unwrap();
    // The outcome is that of then, though the hold has ended since.
    assert_eq!(engine.hold(ask("05T09:00", "one")).await.unwrap().unwrap(), first);
    drop(engine);
    let engine = disk.open(Config::in_memory()).await;
    assert_eq!(engine.hold(ask("05T09:00", "one")).await.unwrap().unwrap(), first);
    // A refusal is not remembered.
    held(&engine, calendar, "05T11:00", "bob").await;
    assert!(engine.hold(ask("05T11:00", "two")).await.unwrap().is_err());
    assert!(engine.hold(ask("05T12:00", "two")).await.unwrap().is_ok());
    // After 24 hours the name is free again.
    tokio::time::advance(Duration::from_secs(24 * 3_600 + 1)).await;
    assert!(engine.hold(ask("06T10:00", "one")).await.unwrap().unwrap().fresh);
}

/// Others have the slot by now. Who asked for it under a name has the outcome of then.
#[tokio::test(start_paused = true)]
async fn a_known_command_is_not_refused_at_once() {
    let disk = Disk::default();
    let engine = disk.open(Config::in_memory()).await;
    let calendar = practice(&engine, 1).await;
    let ask = |start, name| HoldSlot { command: key(name), ..wanted(calendar, at(start), "ana") };
    let first = engine.hold(ask("05T09:00", "one")).await.unwrap().unwrap();
    engine
        .release(OfHold { hold: first.value.id, by: By::Unsaid, command: None })
        .await
        .unwrap()
        .unwrap();
    booked(&engine, calendar, "05T09:00", "bob").await;
    booked(&engine, calendar, "05T10:00", "bob").await;
    let all = async |engine: &Engine| {
        // So that its slots are seen.
        assert_eq!(free(engine, calendar, "05T09:00").await, 0);
        assert_eq!(engine.hold(ask("05T09:00", "one")).await.unwrap().unwrap(), first);
        let reused = engine.hold(ask("05T10:00", "one")).await.unwrap();
        assert_eq!(reused, Err(Rejection::CommandReused));
        let other = engine.hold(ask("05T09:00", "two")).await.unwrap();
        assert!(matches!(other, Err(Rejection::SlotTaken { .. })), "{other:?}");
    };
    all(&engine).await;
    drop(engine);
    all(&disk.open(Config::in_memory()).await).await;
}

#[tokio::test(start_paused = true)]
async fn changes_leave_what_is_booked_and_say_what_lies_outside() {
    let engine = Disk::default().open(Config::in_memory()).await;
    let calendar = practice(&engine, 2).await;
    let booked = booked(&engine, calendar, "05T09:00", "ana").await;
    let hours: Vec<_> = "14:00-18:00".parse::<Interval>().into_iter().collect();
    let weekly_hours = WeeklyHours { days: std::array::from_fn(|_| hours.clone()) };
    let change = Change { weekly_hours: Some(weekly_hours), lanes: Some(1), ..Change::default() };
    let ask = |version| ChangeCalendar { calendar, change: change.clone(), version, command: None };
    let stale = engine.change_calendar(ask(Some(2))).await.unwrap();
    assert_eq!(stale.unwrap_err(), Rejection::VersionMismatch { current: 1 });
    let changed = engine.change_calendar(ask(Some(1))).await.unwrap().unwrap();
    assert_eq!(changed.calendar.version, 2);
    let outside: Vec<_> = changed.outside.iter().map(|outside| outside.booking).collect();
    assert_eq!(outside, [OutsideId::Appointment(booked.id)]);
    assert_eq!(free(&engine, calendar, "05T09:00").await, 0);
    assert_eq!(free(&engine, calendar, "05T17:00").await, 1);
    let refusal = engine.hold(wanted(calendar, at("05T10:00"), "bob")).await.unwrap();
    assert_eq!(refusal.unwrap_err(), Rejection::OutsideOpenings);
    // Cancelled outside the hours, its time stays closed.
    let of = OfAppointment { appointment: booked.id, by: By::Unsaid, command: None };
    engine.cancel(of).await.unwrap().unwrap();
    assert_eq!(free(&engine, calendar, "05T09:00").await, 0);
}

/// A slot is claimed in the table of before, and its calendar takes the change first.
#[tokio::test(start_paused = true)]
async fn what_was_claimed_before_a_change_is_taken_after_it() {
    let engine = Disk::default().open(Config::in_memory()).await;
    let calendar = practice(&engine, 1).await;
    held(&engine, calendar, "05T09:00", "ana").await;
    let change = Change { horizon_days: Some(20), ..Change::default() };
    let change = ChangeCalendar { calendar, change, version: None, command: None };
    let (changed, hold) = tokio::join!(
        engine.change_calendar(change),
        engine.hold(wanted(calendar, at("05T10:00"), "bob")),
    );
    assert_eq!(changed.unwrap().unwrap().calendar.version, 2);
    hold.unwrap().unwrap();
    assert_eq!(free(&engine, calendar, "05T10:00").await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_sleeping_calendar_is_as_it_was() {
    let config = Config { idle: Duration::from_secs(1), ..Config::in_memory() };
    let engine = Disk::default().open(config).await;
    let calendar = practice(&engine, 1).await;
    let booked = booked(&engine, calendar, "05T09:00", "ana").await;
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(free(&engine, calendar, "05T09:00").await, 0);
    assert_eq!(free(&engine, calendar, "05T09:15").await, 1);
    tokio::time::sleep(Duration::from_secs(10)).await;
    engine
        .cancel(OfAppointment { appointment: booked.id, by: By::Unsaid, command: None })
        .await
        .unwrap()
        .unwrap();
    assert_eq!(free(&engine, calendar, "05T09:00").await, 1);
    // Its days go on while it sleeps: the last one that can be booked moves with today.
    tokio::time::advance(Duration::from_secs(30 * 86_400)).await;
    tokio::time::sleep(Duration::from_secs(10)).await;
    let late = "2027-05-03T09:00:00+02:00".parse().unwrap();
    engine.hold(wanted(calendar, late, "ana")).await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn moves_within_a_calendar_may_overlap_themselves() {
    let engine = Disk::default().open(Config::in_memory()).await;
    let calendar = practice(&engine, 1).await;
    let appointment = booked(&engine, calendar, "05T09:00", "ana").await.id;
    booked(&engine, calendar, "05T09:30", "bob").await;
    let to = |start: &str| MoveAppointment {
        appointment,
        start: at(start),
        calendar: None,
        by: By::Unsaid,
        command: None,
    };
    let moved = engine.move_appointment(to("05T09:10")).await.unwrap().unwrap();
    assert_eq!((moved.value.start, moved.value.id), (at("05T09:10"), appointment));
    let taken = engine.move_appointment(to("05T09:20")).await.unwrap();
    assert!(matches!(taken, Err(Rejection::SlotTaken { .. })));
    assert!(!engine.move_appointment(to("05T09:10")).await.unwrap().unwrap().fresh);
    let mut frees = Vec::new();
    for start in ["05T08:55", "05T09:00", "05T09:05", "05T09:10", "05T09:15", "05T09:45"] {
        frees.push(free(&engine, calendar, start).await);
    }
    assert_eq!(frees, [0, 0, 0, 0, 0, 1]);
    engine
        .cancel(OfAppointment { appointment, by: By::Unsaid, command: None })
        .await
        .unwrap()
        .unwrap();
    assert_eq!(free(&engine, calendar, "05T09:15").await, 1);
    let cancelled = engine.move_appointment(to("05T10:00")).await.unwrap();
    assert_eq!(cancelled.unwrap_err(), Rejection::NotChangeable);
}

/// Found by a simulated month: the second sending found the appointment where another move had put
/// it, and the first one was told that nobody knows.
#[tokio::test(start_paused = true)]
async fn a_move_sent_twice_has_one_outcome_also_behind_another_move() {
    let engine = Disk::default().open(Config::in_memory()).await;
    let mut calendars = [CalendarId::from_bits(0); 3];
    for calendar in &mut calendars {
        *calendar = practice(&engine, 1).await;
    }
    let [from, by, last] = calendars;
    let appointment = booked(&engine, from, "05T09:00", "ana").await.id;
    // Each on a task of its own, so that they are woken in the order of what wakes them.
    let to = |calendar, command| {
        let (engine, start) = (engine.clone(), at("05T10:00"));
        let by = By::Unsaid;
        let asked = MoveAppointment { appointment, start, calendar: Some(calendar), by, command };
        tokio::spawn(async move { engine.move_appointment(asked).await })
    };
    let (other, once, again) = (to(by, key("other")), to(last, key("one")), to(last, key("one")));
    let (other, once, again) = (other.await.unwrap(), once.await.unwrap(), again.await.unwrap());
    assert_eq!(other.unwrap().unwrap().value.calendar, by);
    assert_eq!(once, again);
    assert_eq!(once.unwrap().unwrap().value.calendar, last);
}

#[cfg(feature = "testing")]
#[tokio::test(start_paused = true)]
async fn a_calendar_that_fails_is_rebuilt_once_and_then_set_apart() {
    let engine = Disk::default().open(Config::in_memory()).await;
    let (calendar, other) = (practice(&engine, 1).await, practice(&engine, 1).await);
    let booked = booked(&engine, calendar, "05T09:00", "ana").await;
    assert_eq!(engine.plant_failure(calendar).await, Err(Error::OutcomeUnknown));
    tokio::time::sleep(Duration::from_millis(10)).await;
    assert_eq!(free(&engine, calendar, "05T09:00").await, 0);
    engine
        .cancel(OfAppointment { appointment: booked.id, by: By::Unsaid, command: None })
        .await
        .unwrap()
        .unwrap();
    assert_eq!(engine.plant_failure(calendar).await, Err(Error::OutcomeUnknown));
    tokio::time::sleep(Duration::from_millis(10)).await;
    let refused = engine.hold(wanted(calendar, at("05T09:00"), "ana")).await;
    assert_eq!(refused, Err(Error::CalendarUnavailable));
    held(&engine, other, "05T09:00", "ana").await;
}

/// The disk comes back after fifteen seconds or more, and nobody waits for it that long.
#[cfg(feature = "testing")]
#[tokio::test(start_paused = true)]
async fn a_write_that_hangs_is_given_up() {
    use creneau::testing::{disk, random::Dice};
    let disk = disk::SimDisk::new(Dice::new(1));
    let (journal, marked) = disk.open();
    let store = Arc::new(MemoryStore::default());
    let storage = storage::Storage { journal: Box::new(journal), store, marked };
    let environment =
        Environment { wall: Arc::new(Monday), random: Arc::new(SystemRandom::default()) };
    let config = Config { write_timeout: Duration::from_secs(5), ..Config::in_memory() };
    let engine = Engine::open_with(config, storage, environment).await.unwrap();
    let calendar = practice(&engine, 1).await;
    disk.set_pace(disk::Pace { hangs: 10_000, ..disk::Pace::calm() });
    let asked = tokio::time::Instant::now();
    let answer = engine.hold(wanted(calendar, at("05T09:00"), "ana")).await;
    assert_eq!(answer, Err(Error::OutcomeUnknown));
    assert!(asked.elapsed() < Duration::from_secs(7), "{:?}", asked.elapsed());
    let answer = engine.hold(wanted(calendar, at("05T10:00"), "bob")).await;
    assert_eq!(answer, Err(Error::Failed));
}

#[tokio::test(start_paused = true)]
async fn shutting_down_finishes_what_was_submitted() {
    let disk = Disk::default();
    let engine = disk.open(Config::in_memory()).await;
    let calendar = practice(&engine, 1).await;
    let holding = {
        let engine = engine.clone();
        tokio::spawn(async move { engine.hold(wanted(calendar, at("05T09:00"), "ana")).await })
    };
    tokio::task::yield_now().await;
    engine.shutdown().await.unwrap();
    let hold = holding.await.unwrap().unwrap().unwrap().value;
    assert_eq!(engine.hold_info(hold.id).await, Err(Error::Closed));
    let engine = disk.open(Config::in_memory()).await;
    assert!(engine.hold_info(hold.id).await.unwrap().is_ok());
}

#[tokio::test(start_paused = true)]
async fn calendars_are_listed_by_page_and_by_what_they_are() {
    let engine = Disk::default().open(Config::in_memory()).await;
    for number in 0..5u8 {
        let mut definition = Definition::weekdays(format!("Place {number}"), "Indian/Reunion");
        definition.location.department = Some(if number < 3 { "974" } else { "75" }.to_owned());
        definition.external_id = Some(format!("place-{number}"));
        definition.reasons = vec![Reason::new(reason(), "Check-up", 15)];
        engine.create_calendar(definition.clone(), None).await.unwrap().unwrap();
        let again = engine.create_calendar(definition, None).await.unwrap();
        assert!(matches!(again, Err(Rejection::ExternalIdTaken { .. })));
    }
    let ask = |department: &str, from, limit| ListCalendars {
        department: Some(department.to_owned()),
        from,
        limit,
        ..ListCalendars::default()
    };
    let (first, next) = engine.calendars(ask("974", None, 2)).await.unwrap().unwrap();
    let (rest, end) = engine.calendars(ask("974", next, 2)).await.unwrap().unwrap();
    assert_eq!((first.len(), rest.len(), end), (2, 1, None));
    let one = ListCalendars {
        external_id: Some("place-4".to_owned()),
        limit: 10,
        ..ListCalendars::default()
    };
    let (one, _) = engine.calendars(one).await.unwrap().unwrap();
    assert_eq!(one.len(), 1);
    assert_eq!(one[0].definition.location.department.as_deref(), Some("75"));
}
