//! What a practice and its patients live through: holds, appointments, moves, hours.

use super::super::{Calendar, Change, Guard, GuardScope, Rejection};
use super::world::{HOLD_MS, World, at};
use super::{daily, definition, intervals, reason};
use crate::limits;

#[test]
fn a_hold_lasts_until_its_deadline_and_not_beyond() {
    let mut world = World::new();
    world.hold("ana", "09:00").is("Held");
    world.wait_ms(HOLD_MS - 1);
    world.expire().is("nothing");
    world.confirm("ana").is("Confirmed");

    world.hold("bob", "10:00").is("Held");
    world.wait_ms(HOLD_MS);
    world.confirm("bob").is("HoldExpired");
    // It is in the way until its end is journaled, for its own person too.
    world.hold("zoe", "10:00").is("SlotTaken");
    world.hold("bob", "10:00").is("SlotTaken");
    world.hold("bob", "11:00").is("PersonHasHold");
    world.expire().is("Expired");
    world.expire().is("nothing");
    world.hold("zoe", "10:00").is("Held");
    world.confirm("bob").is("HoldExpired");
    world.release("bob").is("nothing");

    world.wait_ms(HOLD_MS);
    world.release("zoe").is("Expired");
    assert_eq!(world.calendar().next_deadline(), None);
    assert!(world.span("ana").is_some(), "an appointment has no deadline");
}

#[test]
fn a_hold_given_back_is_free_for_the_next() {
    let mut world = World::new();
    world.hold("ana", "09:00").is("Held");
    world.cancel("ana").is("UnknownAppointment");
    world.release("ana").is("Released");
    world.release("ana").is("nothing");
    world.confirm("ana").is("HoldReleased");
    world.cancel("ana").is("UnknownAppointment");
    world.hold("bob", "09:00").is("Held");
    for unknown in [world.confirm("nobody"), world.release("nobody")] {
        unknown.is("UnknownHold");
    }
    world.cancel("nobody").is("UnknownAppointment");
    world.shift("nobody", 0, "10:00").is("UnknownAppointment");
}

#[test]
fn an_appointment_can_be_cancelled_until_it_begins() {
    let mut world = World::new();
    world.book("ana", "09:00");
    world.confirm("ana").is("nothing");
    let confirmed = Rejection::HoldConfirmed { appointment: world.id("ana").into() };
    assert_eq!(world.release("ana").0, Err(confirmed.clone()));
    world.cancel("ana").is("Cancelled");
    world.cancel("ana").is("nothing");
    world.confirm("ana").is("nothing");
    assert_eq!(world.release("ana").0, Err(confirmed));
    world.shift("ana", 0, "10:00").is("NotChangeable");

    world.book("bob", "09:00");
    world.book("zoe", "09:15");
    world.wait_until("09:00");
    world.cancel("bob").is("NotChangeable");
    world.shift("bob", 0, "10:00").is("NotChangeable");
    world.wait_ms(HOLD_MS - 1);
    world.cancel("zoe").is("Cancelled");
}

#[test]
fn who_picks_their_own_slot_again_keeps_it() {
    let mut world = World::new();
    world.calendars[0] = World::of(with(|d| d.lanes = 2)).calendars.remove(0);
    world.hold("ana", "09:00").is("Held");
    world.hold("ana", "09:00").is("nothing");
    world.hold_for("ana", "visit", "09:00", 1).is("nothing");
    let own = Rejection::PersonHasHold { hold: world.id("ana") };
    assert_eq!(world.hold("ana", "10:00").0, Err(own.clone()));
    assert_eq!(world.hold_for("ana", "odd", "09:00", 1).0, Err(own));
    // What is set anew takes nothing from who holds it.
    world.change(Change { weekly_hours: Some(daily("")), ..Change::default() }).is(CHANGED);
    world.hold("ana", "09:00").is("nothing");
    world.hold("bob", "10:00").is("OutsideOpenings");
    world.confirm("ana").is("Confirmed");
    world.hold("ana", "09:00").is("OutsideOpenings");
}

#[test]
fn a_slot_that_has_begun_is_still_its_holders() {
    let mut world = World::new();
    world.wait_until("08:55");
    world.hold("ana", "09:00").is("Held");
    world.wait_until("09:05");
    world.hold("ana", "09:00").is("nothing");
    world.hold("bob", "09:00").is("InThePast");
    world.confirm("ana").is("Confirmed");
    world.cancel("ana").is("NotChangeable");
}

#[test]
fn what_counts_as_a_kind_is_data() {
    let kind = |kind: &str, scope| Guard { kind: kind.into(), scope };
    let mut world = World::new();
    world.guards = Vec::new();
    world.hold("ana", "09:00").is("Held");
    world.hold("ana/2", "09:15").is("Held");
    world.guards = vec![kind("flu", GuardScope::Calendar)];
    world.hold("ana/3", "09:30").is("Held");
    world.guards = vec![kind("covid", GuardScope::Engine)];
    world.hold("ana/4", "09:45").is("Held");
    for scope in [GuardScope::Calendar, GuardScope::Engine] {
        world.guards = vec![kind("other", scope), kind("covid", scope)];
        let hold = world.id("ana/4");
        assert_eq!(world.hold("ana/5", "10:00").0, Err(Rejection::PersonHasHold { hold }));
        world.guards = vec![kind("other", scope), kind("flu", scope)];
        let hold = world.id("ana/3");
        assert_eq!(world.hold("ana/5", "10:00").0, Err(Rejection::PersonHasHold { hold }));
    }
    world.hold("bob", "10:00").is("Held");
    // An appointment is no hold, and what has ended claims nothing.
    world.confirm("ana/3").is("Confirmed");
    world.hold("ana/5", "10:15").is("Held");
    world.release("ana/5").is("Released");
    world.hold("ana/6", "10:15").is("Held");
}

#[test]
fn a_move_within_a_calendar_may_overlap_itself() {
    let mut world = World::new();
    world.book("ana", "09:00");
    world.book("bob", "09:30");
    world.shift("ana", 0, "09:00").is("nothing");
    world.shift("ana", 0, "09:05").is("Moved");
    assert_eq!(world.span("ana").unwrap().start, at("09:05"));
    world.shift("ana", 0, "09:20").is("SlotTaken");
    world.shift("ana", 0, "12:00").is("OutsideOpenings");
    world.shift("ana", 0, "09:15").is("Moved");
    // What it left is free, up to where it lies now.
    world.hold("zoe", "09:05").is("SlotTaken");
    world.hold("zoe", "09:00").is("Held");
    world.shift("zoe", 0, "10:00").is("UnknownAppointment");
}

#[test]
fn a_move_between_calendars_frees_the_one_and_takes_the_other() {
    let mut world = World::new();
    world.book("ana", "09:00");
    let id = world.id("ana");
    world.shift("ana", 1, "09:00").is("Moved");
    assert_eq!(world.span("ana"), None);
    // The calendar that it left says so; that the hold was confirmed stays true.
    world.confirm("ana").is("nothing");
    world.release("ana").is("HoldConfirmed");
    world.cancel("ana").is("UnknownAppointment");
    world.hold("bob", "09:00").is("Held");

    world.here = 1;
    let there = world.calendar().live_booking(id).unwrap();
    assert_eq!((there.booking.id, there.deadline()), (id, None), "the same appointment, booked");
    assert_eq!(there.booking.calendar, world.calendar().id());
    world.hold("zoe", "09:00").is("SlotTaken");
    world.shift("ana", 0, "09:00").is("SlotTaken");
    world.shift("ana", 0, "10:00").is("Moved");

    world.here = 0;
    assert_eq!(world.calendar().ending(id), None, "it has come back");
    world.cancel("ana").is("Cancelled");
    let reasons = Some(vec![reason("other", 15, 0)]);
    world.book("zoe", "11:00");
    world.here = 1;
    world.change(Change { reasons, ..Change::default() }).is(CHANGED);
    world.here = 0;
    world.shift("zoe", 1, "11:00").is("UnknownReason");
    assert!(world.span("zoe").is_some(), "a refused move leaves it where it was");
}

#[test]
fn a_buffer_occupies_the_lane_and_not_the_patient() {
    let mut world = World::new();
    world.hold_for("ana", "long", "09:00", 0).is("Held");
    let span = world.span("ana").unwrap();
    assert_eq!((span.end, span.occupied_until), (at("09:30"), at("09:40")));
    world.hold("bob", "09:35").is("SlotTaken");
    world.hold("bob", "09:40").is("Held");
    // The next one's buffer must fit before what follows, and within the opening.
    world.hold_for("zoe", "long", "08:25", 0).is("SlotTaken");
    world.hold_for("zoe", "long", "11:25", 0).is("OutsideOpenings");
    world.hold_for("zoe", "long", "11:20", 0).is("Held");
}

#[test]
fn a_duration_off_the_grid_takes_the_step_that_it_touches() {
    let mut world = World::new();
    world.hold_for("ana", "odd", "09:00", 0).is("Held");
    assert_eq!(world.span("ana").unwrap().end, at("09:12"));
    world.hold("bob", "09:10").is("SlotTaken");
    world.hold("bob", "09:12").is("OffGrid");
    world.hold("bob", "09:15").is("Held");
    world.hold_for("zoe", "odd", "08:50", 0).is("SlotTaken");
    world.hold_for("zoe", "odd", "08:45", 0).is("Held");
    world.hold_for("eve", "odd", "11:50", 0).is("OutsideOpenings");
    world.hold_for("eve", "odd", "11:45", 0).is("Held");
}

#[test]
fn openings_that_touch_at_midnight_are_one() {
    let mut hours = daily("");
    hours.days[0] = intervals("20:00-24:00");
    hours.days[1] = intervals("00:00-04:00");
    let mut world = World::of(with(|d| d.weekly_hours = hours));
    world.hold_for("ana", "long", "23:40", 0).is("Held");
    world.hold("bob", "01-05 00:20").is("Held");
    world.hold("zoe", "01-05 03:50").is("OutsideOpenings");
    world.hold("zoe", "19:55").is("OutsideOpenings");
    world.book("zoe", "23:25");
    assert!(world.calendar().outside(world.now).is_empty());
}

#[test]
fn a_long_opening_has_no_seam() {
    let mut world = World::of(definition("07:00-20:00"));
    world.wait_until("07:00");
    for minute in (7 * 60..20 * 60).step_by(15) {
        let when = format!("{:02}:{:02}", minute / 60, minute % 60);
        world.book(&format!("p{minute}"), &when);
    }
    world.hold("ana", "20:00").is("OutsideOpenings");
}

#[test]
fn the_last_day_that_can_be_booked() {
    let mut world = World::new();
    world.hold("ana", "02-03 17:45").is("Held");
    world.hold("bob", "02-04 08:00").is("BeyondHorizon");
    world.wait_until("23:59");
    world.hold("bob", "02-04 08:00").is("BeyondHorizon");
    world.wait_until("01-05 00:00");
    world.hold("bob", "02-04 08:00").is("Held");

    let mut world = World::of(definition("00:00-24:00"));
    world.hold("ana", "02-04 00:00").is("BeyondHorizon");
    world.hold("ana", "02-03 23:55").is("Held");
}

#[test]
fn a_slot_can_be_held_at_the_instant_that_it_starts() {
    let mut world = World::new();
    world.wait_until("09:00");
    world.hold("ana", "09:00").is("Held");
    world.wait_ms(1);
    world.hold("bob", "09:00").is("InThePast");
}

#[test]
fn a_reservation_of_128_steps_spans_days() {
    for grid_minutes in [5, 15, 60] {
        let minutes = u16::from(grid_minutes) * limits::STEPS_PER_RESERVATION_MAX;
        let longest = |d: &mut super::Definition| {
            d.grid_minutes = grid_minutes;
            d.weekly_hours = daily("00:00-24:00");
            d.reasons = vec![reason("visit", minutes - 10, 10)];
        };
        let mut world = World::of(with(longest));
        world.hold("ana", "20:00").is("Held");
        world.confirm("ana").is("Confirmed");
        assert_eq!(
            world.span("ana").unwrap().occupied_until,
            at("20:00").plus_minutes(minutes.into())
        );
        assert!(world.calendar().outside(world.now).is_empty());
        let reasons = Some(vec![reason("visit", minutes - 10, 11)]);
        world.change(Change { reasons, ..Change::default() }).is("Invalid");
    }
}

#[test]
fn one_entry_ends_256_holds_in_the_order_of_their_deadlines() {
    let mut world = World::of(with(|d| d.lanes = 300));
    for lane in 0..300 {
        world.hold_for(&format!("p{lane}"), "visit", "09:00", lane).is("Held");
        world.wait_ms(i64::from(lane < 5));
    }
    world.wait_ms(HOLD_MS - 5);
    world.expire().is("Expired");
    world.wait_ms(HOLD_MS);
    let ended = |told: super::world::Told| told.0.unwrap().len();
    assert_eq!(ended(world.expire()), limits::EXPIRIES_PER_ENTRY_MAX);
    assert_eq!(ended(world.expire()), 299 - limits::EXPIRIES_PER_ENTRY_MAX);
    assert_eq!(ended(world.expire()), 0);
}

#[test]
fn what_is_long_over_is_forgotten_in_order() {
    let mut world = World::new();
    world.hold("first", "09:00").is("Held");
    world.release("first").is("Released");
    for turn in 1..limits::ENDED_REMEMBERED_MAX {
        world.hold(&format!("p{turn}"), "09:00").is("Held");
        world.release(&format!("p{turn}")).is("Released");
    }
    world.confirm("first").is("HoldReleased");
    world.hold("last", "09:00").is("Held");
    world.release("last").is("Released");
    world.confirm("first").is("UnknownHold");
    world.confirm("p1").is("HoldReleased");
    assert_eq!(world.calendar().ended_len(), limits::ENDED_REMEMBERED_MAX);

    world.book("ana", "09:00");
    world.wait_until("01-05 09:15");
    world.book("bob", "01-05 10:00");
    world.cancel("ana").is("NotChangeable");
    world.wait_ms(1);
    world.book("zoe", "01-05 11:00");
    assert_eq!(world.span("ana"), None);
}

const CHANGED: &str = "CalendarChanged";

fn with(set: impl FnOnce(&mut super::Definition)) -> super::Definition {
    let mut definition = definition("08:00-12:00 14:00-18:00");
    set(&mut definition);
    definition
}

/// Eight at a time, the first to end before the others, whatever their lane; and a calendar that
/// was kept and read again lets go of the same.
#[test]
fn what_is_long_over_is_let_go_of_in_the_order_in_which_it_ended() {
    let mut lanes = definition("08:00-12:00 14:00-18:00");
    lanes.lanes = 2;
    let mut world = World::of(lanes);
    let names: Vec<String> = (0..14).map(|number| format!("p{number}")).collect();
    for (number, who) in names.iter().enumerate() {
        // Ten in the first lane from eight on, four in the second from ten past eight on.
        let (lane, minute) = if number < 10 { (0, number * 15) } else { (1, number * 15 - 140) };
        let when = format!("{:02}:{:02}", 8 + minute / 60, minute % 60);
        world.hold_for(who, "visit", &when, lane).is("Held");
        world.confirm(who).is("Confirmed");
    }
    let mut ends: Vec<_> = names.iter().map(|who| (world.span(who).unwrap().end, who)).collect();
    ends.sort_unstable();
    let order: Vec<&String> = ends.into_iter().map(|(_, who)| who).collect();
    let left = |world: &World| names.iter().filter(|who| world.span(who).is_some()).count();

    world.wait_until("01-05 08:00");
    world.hold("ana", "01-05 09:00").is("Held");
    assert_eq!(left(&world), names.len(), "less than a day ago");
    world.wait_until("01-06 08:00");
    for (expected, event) in [(6, 0), (0, 1), (0, 2)] {
        let mut kept = Calendar::restored(world.calendar().snapshot()).unwrap();
        let told = match event {
            0 => world.release("ana"),
            1 => world.hold("bob", "01-06 09:00"),
            _ => world.release("bob"),
        };
        for event in &told.0.unwrap() {
            kept.apply(event);
        }
        assert_eq!(kept.snapshot(), world.calendar().snapshot());
        assert_eq!(left(&world), expected);
        assert!(order[names.len() - expected..].iter().all(|who| world.span(who).is_some()));
    }
}
