//! Readers against the simplest way to tell the same, with crashes in between.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::prelude::*;

use super::due::{DueRow, Place, Told, list};
use super::{Rows, activity, take_in};
use crate::booking::hours::WeeklyHours;
use crate::booking::{Booking, Definition, Details, Event, ReasonRef, Span};
use crate::ids::{CalendarId, HoldId};
use crate::limits::REMINDER_AFTER_MS;
use crate::storage::memory::MemoryStore;
use crate::storage::{Store, Table};
use crate::time::Timestamp;

const HOUR: i64 = 60;
const DAY: i64 = 24 * HOUR;

fn at(minute: i64) -> Timestamp {
    Timestamp::from_millis(1_800_000_000_000).plus_minutes(minute)
}

fn calendar(place: u8) -> CalendarId {
    CalendarId::from_bits(u128::from(place) + 1)
}

fn definition(reminders: &[u32]) -> Definition {
    let mut definition = Definition::weekdays("N", "Europe/Paris");
    definition.agenda.reminders_minutes = reminders.to_vec();
    definition.weekly_hours = WeeklyHours::default();
    definition
}

fn booking(id: u8, place: u8, start: Timestamp) -> Booking {
    Booking {
        id: HoldId::from_bits(u128::from(id)),
        calendar: calendar(place),
        person: "p".parse().unwrap(),
        reason: ReasonRef { id: "check-up".parse().unwrap(), version: 1 },
        span: Span {
            lane: 0,
            start,
            end: start.plus_minutes(15),
            occupied_until: start.plus_minutes(20),
        },
        details: Details::default().into(),
    }
}

/// What happens next: minutes later, to which appointment, where and when it shall lie.
type Act = (u16, u8, u8, u8, u16);

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = (0u16..400, any::<u8>(), any::<u8>(), any::<u8>(), 1u16..20_000);
    prop::collection::vec(act, 0..40)
}

/// What stands: where, since when, and when it was booked.
type Standing = BTreeMap<u8, (Booking, Timestamp, Timestamp)>;

/// The events of made-up acts, and what stands in the end.
fn history(acts: &[Act], reminders: &[u32]) -> (Vec<Event>, Standing, BTreeSet<u8>) {
    let create = |place| Event::CalendarCreated {
        calendar: calendar(place),
        at: at(0),
        definition: Box::new(definition(if place == 0 { reminders } else { &[] })),
    };
    let mut events = vec![create(0), create(1)];
    let (mut standing, mut gone, mut minute) = (Standing::new(), BTreeSet::new(), 0);
    for (later, id, place, kind, ahead) in acts {
        minute += i64::from(*later);
        let (now, id, place) = (at(minute), id % 6, place % 2);
        let there = booking(id, place, now.plus_minutes(i64::from(*ahead)));
        match (standing.remove(&id), kind % 3) {
            (None, _) if gone.contains(&id) => {}
            (None, _) => {
                let deadline = now;
                let (booking, guards) = (there.clone(), Vec::new());
                events.push(Event::Confirmed { at: now, booking, deadline, guards });
                standing.insert(id, (there, now, now));
            }
            (Some((booking, ..)), 0) => {
                gone.insert(id);
                events.push(Event::Cancelled { at: now, booking });
            }
            (Some((before, _, booked)), _) => {
                let (from_calendar, from) = (before.calendar, before.span);
                let booking = there.clone();
                events.push(Event::Moved { at: now, booking, from_calendar, from });
                standing.insert(id, (there, now, booked));
            }
        }
    }
    (events, standing, gone)
}

fn all_rows(store: &MemoryStore) -> Vec<(Vec<u8>, Vec<u8>)> {
    store.scan(Table::Readers, &[], &[], usize::MAX).unwrap()
}

/// Reads on from a place in pages of `limit`, up to `until`.
fn read_on(store: &MemoryStore, place: &mut Place, until: Timestamp, limit: usize) -> Vec<DueRow> {
    let mut read = Vec::new();
    loop {
        let page = list(store, *place, until, limit).unwrap();
        page.iter().for_each(|(row, _)| place.pass(row));
        let ended = page.len() < limit;
        read.extend(page.into_iter().filter(|(_, stands)| *stands).map(|(row, _)| row));
        if ended {
            return read;
        }
    }
}

proptest! {
    /// However often a crash undoes what was folded since the last write, the rows are those of one
    /// fold from the first entry on.
    #[test]
    fn rows_are_exact_after_crashes(
        acts in acts(),
        cuts in prop::collection::vec((any::<bool>(), any::<bool>()), 60),
    ) {
        let (events, ..) = history(&acts, &[7 * 24 * 60, 60]);
        let fold = |cuts: &[(bool, bool)]| {
            let store = MemoryStore::default();
            let mut rows = Rows::open(Arc::new(store.clone())).unwrap();
            let mut cuts = cuts.iter();
            while let Some(event) = events.get(usize::try_from(rows.position.sequence).unwrap()) {
                let sequence = rows.position.sequence + 1;
                take_in(&mut rows, sequence, std::slice::from_ref(event)).unwrap();
                if let Some((write, crash)) = cuts.next() {
                    if *write {
                        rows.write().unwrap();
                    }
                    if *crash {
                        rows = Rows::open(Arc::new(store.clone())).unwrap();
                    }
                }
            }
            rows.write().unwrap();
            all_rows(&store)
        };
        prop_assert_eq!(fold(&cuts), fold(&[]));
    }

    /// Who reads now and then is told of everything once at least, and of nothing that is gone.
    #[test]
    fn nobody_is_forgotten_and_nobody_is_told_what_is_gone(
        acts in acts(),
        reads in prop::collection::vec(any::<bool>(), 60),
        limit in 1usize..5,
    ) {
        let reminders = [7 * 24 * 60, 24 * 60, 120];
        let (events, standing, gone) = history(&acts, &reminders);
        let store = MemoryStore::default();
        let mut rows = Rows::open(Arc::new(store.clone())).unwrap();
        let (mut place, mut told, mut last) = (Place::default(), Vec::new(), at(0));
        for (number, event) in events.iter().enumerate() {
            let before = last.max(event.at().plus_ms(-1));
            if reads.get(number).copied().unwrap_or_default() {
                told.extend(read_on(&store, &mut place, before, limit));
            }
            last = event.at();
            take_in(&mut rows, number as u64 + 1, std::slice::from_ref(event)).unwrap();
            rows.write().unwrap();
        }
        told.extend(read_on(&store, &mut place, at(0).plus_minutes(400 * DAY), limit));
        for (id, (booking, since, _)) in &standing {
            let of: Vec<_> = told.iter().filter(|row| row.id().bits() == u128::from(*id)).collect();
            let wanted = if booking.calendar == calendar(0) { &reminders[..] } else { &[] };
            for minutes in wanted {
                let due = booking.span.start.plus_minutes(-i64::from(*minutes));
                let row = DueRow::Reminder {
                    at: due, id: booking.id.into(), start: booking.span.start, minutes: *minutes,
                };
                let count = of.iter().filter(|it| ***it == row).count();
                prop_assert_eq!(count == 1, since.plus_ms(REMINDER_AFTER_MS) < due, "{:?}", row);
            }
            let is_told = of.iter().any(|row| matches!(row, DueRow::Told { .. }));
            prop_assert!(is_told);
        }
        for id in gone {
            let id = u128::from(id);
            let of: Vec<_> = told.iter().filter(|row| row.id().bits() == id).collect();
            let cancelled =
                |row: &&&DueRow| matches!(row, DueRow::Told { told: Told::Cancelled, .. });
            prop_assert_eq!(of.iter().filter(cancelled).count(), 1);
            prop_assert!(cancelled(&of.last().unwrap()), "something is told of it after its end");
        }
    }

    /// The counts of all weeks together are those of what stands and what is gone.
    #[test]
    fn counts_add_up(
        acts in acts(),
    ) {
        let (events, standing, gone) = history(&acts, &[]);
        let store = MemoryStore::default();
        let mut rows = Rows::open(Arc::new(store.clone())).unwrap();
        take_in(&mut rows, 1, &events).unwrap();
        rows.write().unwrap();
        let moves = events.iter().filter(|event| matches!(event, Event::Moved { .. })).count();
        let mut all = activity::Counts::default();
        for place in 0..2 {
            let mut monday = activity::monday(jiff::civil::date(2027, 1, 15));
            let mut booked = 0;
            for _ in 0..60 {
                for (_, counts) in activity::week(&store, calendar(place), monday, 10).unwrap() {
                    booked += counts.booked;
                    all.add(&counts);
                }
                monday = crate::booking::schedule::later(monday, 7);
            }
            let here = standing.values().filter(|(it, ..)| it.calendar == calendar(place));
            prop_assert_eq!(booked, here.count() as u64);
        }
        let ahead = |(it, _, booked): &(Booking, Timestamp, Timestamp)| {
            (it.span.start.millis() - booked.millis()).cast_unsigned() / 60_000
        };
        prop_assert_eq!(all.cancelled, gone.len() as u64);
        prop_assert_eq!(all.moved, moves as u64);
        prop_assert_eq!(all.booked_minutes, 15 * standing.len() as u64);
        prop_assert_eq!(all.occupied_minutes, 20 * standing.len() as u64);
        prop_assert_eq!(all.ahead_minutes, standing.values().map(ahead).sum::<u64>());
    }
}

#[test]
fn other_reminders_count_for_what_stands() {
    let start = at(10 * DAY);
    let store = MemoryStore::default();
    let mut rows = Rows::open(Arc::new(store.clone())).unwrap();
    let change = |minute, version, reminders: &[u32]| Event::CalendarChanged {
        calendar: calendar(0),
        at: at(minute),
        version,
        definition: Box::new(definition(reminders)),
    };
    let booking = booking(1, 0, start);
    let (day, two_hours) = (24 * 60, 120);
    let events = [
        Event::CalendarCreated {
            calendar: calendar(0),
            at: at(0),
            definition: Box::new(definition(&[day])),
        },
        Event::Confirmed { at: at(0), booking, deadline: at(0), guards: Vec::new() },
        change(DAY, 2, &[two_hours]),
    ];
    take_in(&mut rows, 1, &events).unwrap();
    rows.write().unwrap();
    let reminders = |store: &MemoryStore| -> Vec<u32> {
        let rows = list(store, Place::default(), at(20 * DAY), 10).unwrap();
        let minutes = |(row, _): &(DueRow, bool)| match row {
            DueRow::Reminder { minutes, .. } => Some(*minutes),
            DueRow::Told { .. } => None,
        };
        rows.iter().filter_map(minutes).collect()
    };
    assert_eq!(reminders(&store), [two_hours]);
    // One that is due already may not have been read yet, and stays.
    take_in(&mut rows, 2, &[change(10 * DAY - HOUR, 3, &[])]).unwrap();
    rows.write().unwrap();
    assert_eq!(reminders(&store), [two_hours]);
}
