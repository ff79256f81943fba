//! Faults planted in journals that are otherwise well formed, each found and located.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::*;
use crate::booking::{
    Booking, By, Definition, Details, Event, Guard, GuardScope, Joined, Part, ReasonRef, Span,
};
use crate::ids::{CalendarId, CommandKey, HoldId};
use crate::journal::{Entry, JournalReader, ReadError, Remembered, Sequence, Tail, frame};
use crate::storage::memory::{self, MemoryJournal, MemoryStore};
use crate::storage::{Mutation, Store, Table};
use crate::{Config, Engine, Environment};

const CALENDAR: CalendarId = CalendarId::from_bits(7);

fn at(minutes: i64) -> Timestamp {
    Timestamp::from_millis(1_800_000_000_000).plus_minutes(minutes)
}

/// A hold's booking of 15 minutes with a buffer of 5, in lane 0.
fn booking(id: u128, person: &str, start: i64) -> Booking {
    Booking {
        id: HoldId::from_bits(id),
        calendar: CALENDAR,
        person: person.parse().unwrap(),
        reason: ReasonRef { id: "check-up".parse().unwrap(), version: 1 },
        span: Span {
            lane: 0,
            start: at(start),
            end: at(start + 15),
            occupied_until: at(start + 20),
        },
        details: Details::default().into(),
    }
}

fn guards() -> Vec<Guard> {
    vec![Guard::per_calendar(), Guard { kind: "first".into(), scope: GuardScope::Engine }]
}

pub(super) fn created() -> Event {
    let definition = Definition::weekdays("N", "Europe/Paris");
    Event::CalendarCreated { calendar: CALENDAR, at: at(0), definition: Box::new(definition) }
}

pub(super) fn held(id: u128, person: &str, start: i64) -> Event {
    let booking = booking(id, person, start);
    Event::Held { at: at(1), booking, deadline: at(16), guards: guards() }
}

fn confirmed(id: u128, person: &str, start: i64, when: i64) -> Event {
    let booking = booking(id, person, start);
    Event::Confirmed { at: at(when), booking, deadline: at(16), guards: guards() }
}

fn expired(id: u128, person: &str, start: i64, when: i64) -> Event {
    let booking = booking(id, person, start);
    Event::Expired { at: at(when), booking, deadline: at(16), guards: guards() }
}

fn released(id: u128, person: &str, start: i64) -> Event {
    let booking = booking(id, person, start);
    Event::Released { at: at(1), booking, deadline: at(16), guards: guards() }
}

fn moved(id: u128, from: i64, to: i64) -> Event {
    let from = booking(id, "p", from).span;
    Event::Moved { at: at(20), booking: booking(id, "p", to), from_calendar: CALENDAR, from }
}

/// Frames by the key under which they lie.
pub(super) type Frames = BTreeMap<Sequence, Vec<u8>>;

/// The frames of a journal with one entry of one event in each, in a chain as it should be.
pub(super) fn frames(events: Vec<Event>) -> Frames {
    let mut tail = Tail::default();
    let frame = |event| {
        let entry = Entry { command: None, events: vec![event] }.encode().unwrap();
        let bytes = frame::build(tail.sequence + 1, tail.hash, &[entry]);
        tail = Tail { sequence: tail.sequence + 1, hash: frame::hash(&bytes) };
        (tail.sequence, bytes)
    };
    events.into_iter().map(frame).collect()
}

/// A journal that gives these frames, whatever they are.
struct Given(Frames);

impl JournalReader for Given {
    fn read(&self, from: Sequence, bytes_max: usize) -> Result<Vec<Vec<u8>>, ReadError> {
        Ok(memory::read_frames(&self.0, from, bytes_max))
    }

    fn tail(&self) -> Result<Tail, ReadError> {
        unreachable!("the audit asks for no tail")
    }
}

fn of_frames(frames: Frames, marked: Sequence) -> Report {
    let journal = Arc::new(Given(frames));
    let found = Inspection { journal, store: None, marked: Some(marked), damage: Vec::new() };
    audit(&found, at(0))
}

/// The kinds of the faults and where they are.
fn faults(report: &Report) -> Vec<(&'static str, Option<Sequence>)> {
    report.faults.iter().map(|fault| (fault.kind.name(), fault.sequence)).collect()
}

fn of_events(events: Vec<Event>) -> Report {
    of_frames(frames([vec![created()], events].concat()), 0)
}

#[test]
fn a_day_in_order_is_sound() {
    let report = of_events(vec![
        held(1, "p", 60),
        held(2, "q", 80),
        released(2, "q", 80),
        held(3, "q", 80),
        confirmed(1, "p", 60, 15),
        expired(3, "q", 80, 16),
        moved(1, 60, 85),
        Event::Cancelled { at: at(30), booking: booking(1, "p", 85) },
        held(4, "p", 85),
    ]);
    // Time goes back at the last hold, which is at minute 1: that alone is told.
    assert_eq!(faults(&report), [("contradiction", Some(10)),], "{report:?}");
    assert_eq!((report.entries, report.last, report.calendars), (10, 10, 1));
    assert_eq!((report.holds_live, report.appointments_booked), (1, 0));
    assert_eq!(report.appointments_cancelled, 1);
}

#[test]
fn each_broken_promise_is_found_and_located() {
    let half = |joined| {
        let mut event = held(1, "p", 60);
        if let Event::Held { booking, .. } = &mut event {
            booking.details = Details { joined, ..Details::default() }.into();
        }
        vec![event]
    };
    let part = Part { calendar: CalendarId::from_bits(8), id: HoldId::from_bits(9) };
    let wrong: [(&str, Vec<Event>, Sequence); 13] = [
        // A booking without its room, and a room that is nobody's.
        ("contradiction", half(Joined::whole(vec![part])), 2),
        ("contradiction", half(Joined::part_of(HoldId::from_bits(9))), 2),
        // They overlap by the buffer of the first alone.
        ("double_booking", vec![held(1, "p", 60), held(2, "q", 75)], 3),
        ("deadline", vec![held(1, "p", 60), confirmed(1, "p", 60, 16)], 3),
        ("deadline", vec![held(1, "p", 60), expired(1, "p", 60, 15)], 3),
        ("guard", vec![held(1, "p", 60), held(2, "p", 120)], 3),
        ("not_live", vec![confirmed(1, "p", 60, 2)], 2),
        ("not_live", vec![held(1, "p", 60), released(1, "p", 60), expired(1, "p", 60, 16)], 4),
        ("not_live", vec![held(1, "p", 60), confirmed(1, "q", 60, 2)], 3),
        ("not_live", vec![held(1, "p", 60), moved(1, 60, 120)], 3),
        ("misplaced", vec![held(1, "p", 60), confirmed(1, "p", 60, 2), moved(1, 65, 120)], 4),
        ("contradiction", vec![held(1, "p", 60), released(1, "p", 60), held(1, "p", 60)], 4),
        ("contradiction", vec![created()], 2),
    ];
    for (kind, events, sequence) in wrong {
        let report = of_events(events.clone());
        let found = faults(&report);
        assert!(found.contains(&(kind, Some(sequence))), "{kind}: {found:?} in {events:?}");
    }
    let again = vec![held(1, "p", 60), released(1, "p", 60), expired(1, "p", 60, 16)];
    let again = of_events(again);
    assert!(again.faults[0].what.contains("but was Released"), "{again:?}");
    let report = of_events(vec![held(1, "p", 60), held(2, "q", 75)]);
    assert_eq!(report.double_bookings, 1);
    let what = &report.faults[0].what;
    for id in [1, 2] {
        assert!(what.contains(&HoldId::from_bits(id).to_string()), "{what}");
    }
    assert!(what.contains(&CALENDAR.to_string()) && !report.is_sound(), "{what}");
}

#[test]
fn a_double_booking_is_found_behind_a_hole_only_where_it_is_certain() {
    let whole = frames(vec![
        created(),
        held(1, "p", 60),
        held(2, "q", 120),
        released(2, "q", 120),
        held(3, "r", 120),
        held(4, "s", 125),
    ]);
    for hole in 2..=5 {
        let mut frames = whole.clone();
        frames.remove(&hole);
        let report = of_frames(frames, 6);
        let doubled = if hole == 5 { vec![] } else { vec![("double_booking", Some(6))] };
        let expected = [vec![("missing", Some(hole))], doubled].concat();
        assert_eq!(faults(&report), expected, "without {hole}: {report:?}");
    }
    // What is acknowledged and not there at the end shows by the mark.
    let mut frames = whole;
    frames.remove(&6);
    let report = of_frames(frames, 6);
    assert_eq!(faults(&report), [("lost", Some(6))]);
}

#[test]
fn every_flipped_byte_is_found_where_it_is() {
    let whole = frames(vec![created(), held(1, "p", 60), released(1, "p", 60), held(2, "q", 60)]);
    for (at, frame) in &whole {
        for byte in (0..frame.len()).step_by(7) {
            let mut frames = whole.clone();
            frames.get_mut(at).unwrap()[byte] ^= 0x10;
            let report = of_frames(frames, 4);
            let after = if *at == 4 { ("lost", Some(4)) } else { ("missing", Some(*at)) };
            let expected = [("damaged", Some(*at)), after];
            assert_eq!(faults(&report), expected, "byte {byte} of frame {at}: {report:?}");
        }
    }
    // A frame that is whole but of another history breaks the chain behind it.
    let mut frames = whole.clone();
    let entry = Entry { command: None, events: vec![held(9, "z", 300)] }.encode().unwrap();
    frames.insert(2, frame::build(2, frame::hash(&whole[&1]), &[entry]));
    let report = of_frames(frames, 4);
    assert_eq!(faults(&report)[0], ("damaged", Some(3)), "{report:?}");
}

#[test]
fn a_command_has_one_outcome_a_day() {
    let key = CommandKey { caller: "local".parse().unwrap(), id: "again".parse().unwrap() };
    let entry = |event| {
        let command = Some(Remembered { key: key.clone(), fingerprint: 5 });
        Entry { command, events: vec![event] }.encode().unwrap()
    };
    let day = 24 * 60;
    let held = |id: u128, when: i64, start: i64| Event::Held {
        at: at(when),
        booking: booking(id, "p", 3 * day + start),
        deadline: at(when + 15),
        guards: Vec::new(),
    };
    let first = Entry { command: None, events: vec![created()] }.encode().unwrap();
    let again = [held(1, 1, 0), held(2, day, 30), held(3, 2 * day, 60)].map(entry);
    let entries = [&[first], &again[..]].concat();
    let frames = BTreeMap::from([(1, frame::build(1, [0; 32], &entries))]);
    let report = of_frames(frames, 0);
    assert_eq!(faults(&report), [("contradiction", Some(3))], "{report:?}");
}

/// An engine that has worked, and was closed.
async fn worked(clean: bool) -> (MemoryJournal, MemoryStore, Timestamp) {
    use crate::request::{FindSlots, HoldSlot, MoveAppointment, OfAppointment, OfHold};
    let (journal, store) = (MemoryJournal::default(), MemoryStore::default());
    let storage = memory::reopened(&journal, &store);
    let engine = Engine::open_with(Config::in_memory(), storage, Environment::system());
    let engine = Box::pin(engine).await.unwrap();
    let mut practice = Definition::weekdays("N", "Europe/Paris");
    practice.lanes = 2;
    let reason: crate::ReasonId = "check-up".parse().unwrap();
    practice.reasons = vec![crate::Reason::new(reason.clone(), "Check-up", 15)];
    let calendar = engine.create_calendar(practice, None).await.unwrap().unwrap().value.id;
    let from = engine.now();
    let until = from.plus_minutes(14 * 24 * 60);
    let wanted =
        FindSlots { calendar, reason: reason.clone(), from, until, limit: 500, practice: false };
    let slots = engine.find_slots(wanted).await.unwrap().unwrap().slots;
    for number in 0..12 {
        let (start, person) = (slots[number * 9].start, format!("p{number}").parse().unwrap());
        let key = CommandKey {
            caller: "local".parse().unwrap(),
            id: format!("hold-{number}").parse().unwrap(),
        };
        let asked = HoldSlot {
            calendar,
            start,
            reason: reason.clone(),
            person,
            details: Details::default(),
            by: By::Unsaid,
            overflow: false,
            dose: None,
            command: Some(key),
        };
        let hold = engine.hold(asked).await.unwrap().unwrap().value.id;
        let of = OfHold { hold, by: By::Unsaid, command: None };
        match number % 4 {
            0 => {}
            1 => engine.release(of).await.unwrap().unwrap(),
            _ => {
                let appointment = engine.confirm(of).await.unwrap().unwrap().value.id;
                if number % 4 == 3 {
                    let of = OfAppointment { appointment, by: By::Unsaid, command: None };
                    engine.cancel(of).await.unwrap().unwrap();
                } else {
                    let start = slots[200 + number * 9].start;
                    let calendar = None;
                    let to = MoveAppointment {
                        appointment,
                        calendar,
                        start,
                        by: By::Unsaid,
                        command: None,
                    };
                    engine.move_appointment(to).await.unwrap().unwrap();
                }
            }
        }
    }
    let now = engine.now();
    if clean {
        // Readers have come as far as the journal once they were asked.
        let asked = crate::request::ListDue { limit: 1, ..Default::default() };
        engine.due(asked).await.unwrap().unwrap();
        engine.shutdown().await.unwrap();
    }
    (journal, store, now)
}

pub(super) fn found(journal: &MemoryJournal, store: &MemoryStore) -> Inspection {
    let storage = memory::reopened(journal, store);
    Inspection {
        journal: storage.journal.reader(),
        store: Some(storage.store),
        marked: Some(storage.marked),
        damage: Vec::new(),
    }
}

#[tokio::test]
async fn rows_that_the_journal_does_not_explain_are_found() {
    let (journal, store, now) = worked(true).await;
    let report = audit(&found(&journal, &store), now);
    assert!(report.is_sound(), "{report:?}");
    assert_eq!(report.compared, Compared::Rows { from: report.last, to: report.last });
    assert_eq!((report.holds_live, report.appointments_booked), (3, 3));
    assert_eq!(report.appointments_cancelled, 3);
    let tables = [
        Table::Bookings,
        Table::Holds,
        Table::People,
        Table::Definitions,
        Table::Snapshots,
        Table::Commands,
        Table::Readers,
    ];
    for table in tables {
        let rows = store.scan(table, &[], &[], 100).unwrap();
        let (key, value) = rows.last().cloned().unwrap();
        let put = |key: Vec<u8>, value| store.write(vec![Mutation { table, key, value }]).unwrap();
        put(key.clone(), None);
        let missing = audit(&found(&journal, &store), now);
        assert!(0 < missing.orphans, "a missing row of {}: {missing:?}", table.name());
        let mut other = key.clone();
        let flipped = other.len() - 1;
        other[flipped] ^= 1;
        put(other.clone(), Some(value.clone()));
        put(key.clone(), Some(value.clone()));
        let orphan = audit(&found(&journal, &store), now);
        // A command's row names an entry, whose name is another's.
        assert!(0 < orphan.orphans, "an orphan in {}: {orphan:?}", table.name());
        put(other, None);
        let differs = (0..value.len()).any(|byte| {
            let mut flipped = value.clone();
            flipped[byte] ^= 0x40;
            put(key.clone(), Some(flipped));
            0 < audit(&found(&journal, &store), now).orphans
        });
        assert!(differs || table == Table::People, "a row of {} differs", table.name());
        put(key, Some(value));
        assert!(audit(&found(&journal, &store), now).is_sound(), "{}", table.name());
    }
}

#[tokio::test]
async fn a_store_may_lag_and_must_not_run_ahead() {
    let (journal, store, now) = worked(false).await;
    let lags = audit(&found(&journal, &store), now);
    assert!(lags.is_sound(), "{lags:?}");
    let (empty, none) = (MemoryJournal::default(), MemoryStore::default());
    assert_eq!(audit(&found(&journal, &none), now).compared, Compared::Nothing);
    let (_, store, _) = worked(true).await;
    let ahead = audit(&found(&empty, &store), now);
    assert_eq!(faults(&ahead)[0], ("lost", Some(1)), "{ahead:?}");
}
