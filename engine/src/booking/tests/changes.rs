//! What is set again under bookings that stay, what may not be set, and which refusal comes first.

use super::super::{Calendar, Change, Command, DayException, Rejection};
use super::world::{World, at};
use super::{daily, definition, intervals, reason};
use crate::ids::{CalendarId, HoldId, PersonId, ReasonId};
use crate::limits;

const CHANGED: &str = "CalendarChanged";

#[test]
fn new_hours_leave_what_is_booked_and_show_what_lies_outside() {
    let mut world = World::new();
    world.book("ana", "09:00");
    world.book("bob", "11:30");
    world.hold_for("zoe", "long", "11:50", 0).is("OutsideOpenings");
    world.hold("zoe", "14:00").is("Held");
    let hours = Some(daily("09:05-11:45"));
    world.change(Change { weekly_hours: hours, ..Change::default() }).is(CHANGED);
    let outside = |world: &World| -> Vec<HoldId> {
        let outside = world.calendar().outside(world.now);
        outside.iter().map(|live| live.booking.id).collect()
    };
    assert_eq!(outside(&world), [world.id("ana"), world.id("zoe")]);
    world.confirm("zoe").is("Confirmed");
    world.hold("eve", "14:15").is("OutsideOpenings");
    world.shift("zoe", 0, "10:00").is("Moved");
    assert_eq!(outside(&world), [world.id("ana")]);
    world.wait_until("09:15");
    assert!(outside(&world).is_empty(), "what is over needs no care");

    let closed = |day: &str, hours| DayException {
        date: format!("2027-{day}").parse::<jiff::civil::Date>().unwrap().into(),
        hours: intervals(hours),
    };
    let exceptions = Some(vec![closed("01-05", "20:00-21:00"), closed("01-04", "")]);
    world.change(Change { exceptions, ..Change::default() }).is(CHANGED);
    assert_eq!(outside(&world), [world.id("zoe"), world.id("bob")]);
    world.hold("eve", "01-05 20:00").is("Held");
    world.hold("kim", "01-05 10:00").is("OutsideOpenings");
    world.hold("kim", "01-06 10:00").is("Held");
}

#[test]
fn a_removed_lane_drains() {
    let mut two = definition("08:00-12:00 14:00-18:00");
    two.lanes = 2;
    let mut world = World::of(two);
    world.hold_for("ana", "visit", "09:00", 1).is("Held");
    world.hold_for("bob", "visit", "10:00", 1).is("Held");
    world.confirm("bob").is("Confirmed");
    world.change(Change { lanes: Some(1), ..Change::default() }).is(CHANGED);
    world.hold_for("zoe", "visit", "11:00", 1).is("SlotTaken");
    world.confirm("ana").is("Confirmed");
    world.hold("zoe", "09:00").is("Held");
    world.shift("bob", 0, "11:00").is("Moved");
    assert_eq!(world.span("bob").unwrap().lane, 0);
    assert_eq!(world.span("ana").unwrap().lane, 1);
    assert!(world.calendar().outside(world.now).is_empty(), "a lane has no hours of its own");
}

#[test]
fn a_reason_has_the_version_at_which_it_last_changed() {
    let mut world = World::new();
    let change = |reasons| Change { reasons: Some(reasons), ..Change::default() };
    let versions = |world: &World| -> Vec<u32> {
        world.calendar().schedule().definition().reasons.iter().map(|r| r.version).collect()
    };
    let first = [reason("visit", 15, 0), reason("long", 30, 10), reason("odd", 12, 0)];
    assert_eq!(versions(&world), [1, 1, 1]);
    world.change(change(first.to_vec())).is("nothing");
    world.change(Change { horizon_days: Some(31), ..Change::default() }).is(CHANGED);
    assert_eq!((world.calendar().version(), versions(&world)), (2, vec![1, 1, 1]));

    world.book("ana", "09:00");
    world.change(change(vec![reason("visit", 20, 0), first[1].clone()])).is(CHANGED);
    assert_eq!(versions(&world), [3, 1]);
    world.hold_for("bob", "odd", "09:30", 0).is("UnknownReason");
    world.hold("bob", "09:00").is("SlotTaken");
    world.hold("bob", "09:15").is("Held");
    let version = |world: &World, who| {
        world.calendar().live_booking(world.id(who)).unwrap().booking.reason.version
    };
    assert_eq!((version(&world, "ana"), version(&world, "bob")), (1, 3));
    assert_eq!(world.span("ana").unwrap().end, at("09:15"), "as it was when it was booked");

    world.change(change(first.to_vec())).is(CHANGED);
    assert_eq!(versions(&world), [4, 1, 4]);
    world.shift("ana", 0, "10:00").is("Moved");
    assert_eq!(version(&world, "ana"), 4);
}

#[test]
fn a_change_rests_on_the_version_that_was_seen() {
    let mut world = World::new();
    let change = |lanes, version| Command::Change {
        change: Change { lanes: Some(lanes), ..Change::default() },
        version,
    };
    world.tell(&change(2, Some(1))).is(CHANGED);
    assert_eq!(world.tell(&change(3, Some(1))).0, Err(Rejection::VersionMismatch { current: 2 }));
    world.tell(&change(0, Some(1))).is("Invalid");
    world.tell(&change(2, Some(1))).is("VersionMismatch");
    world.tell(&change(2, Some(2))).is("nothing");
    world.tell(&change(2, None)).is("nothing");
}

/// Breaks every set of rules that can be broken at once; the first of them must be said.
#[test]
fn the_earlier_refusal_is_said() {
    const RULES: [&str; 7] = [
        "UnknownReason",
        "OffGrid",
        "InThePast",
        "BeyondHorizon",
        "OutsideOpenings",
        "SlotTaken",
        "PersonHasHold",
    ];
    let mut world = World::of(definition("08:00-18:00"));
    for (place, day) in ["01-04", "01-05", "01-14"].iter().enumerate() {
        world.book(&format!("morning{place}"), &format!("{day} 09:00"));
        world.book(&format!("noon{place}"), &format!("{day} 13:00"));
    }
    let weekly_hours = Some(daily("08:00-12:00 14:00-18:00"));
    let horizon_days = Some(5);
    world.change(Change { weekly_hours, horizon_days, ..Change::default() }).is(CHANGED);
    world.wait_until("15:00");
    world.hold("busy", "01-05 17:00").is("Held");
    for broken in 0..1_u32 << RULES.len() {
        let is = |rule: &str| {
            let place = RULES.iter().position(|known| *known == rule).unwrap();
            broken & 1 << place != 0
        };
        if is("InThePast") && is("BeyondHorizon") {
            continue;
        }
        let day = match (is("InThePast"), is("BeyondHorizon")) {
            (true, _) => "01-04",
            (_, true) => "01-14",
            _ => "01-05",
        };
        let time = match (is("OutsideOpenings"), is("SlotTaken")) {
            (false, false) => "10:00",
            (false, true) => "09:00",
            (true, false) => "13:30",
            (true, true) => "13:00",
        };
        let command = Command::Hold {
            hold: HoldId::from_bits(5),
            person: PersonId::new(if is("PersonHasHold") { "busy" } else { "calm" }).unwrap(),
            reason: ReasonId::new(if is("UnknownReason") { "none" } else { "visit" }).unwrap(),
            start: at(&format!("{day} {time}")).plus_minutes(i64::from(is("OffGrid"))),
            lane: 0,
            hold_ms: 1,
            guards: world.guards.clone(),
        };
        let decided = world.calendar().decide(&command, world.now);
        let expected = RULES.iter().find(|rule| is(rule)).unwrap_or(&"Held");
        assert_eq!(super::said(&decided), **expected, "{command:?}");
    }
}

#[test]
fn a_definition_is_checked_field_by_field() {
    type Set = fn(&mut super::Definition);
    let wrong: [(&str, Set); 16] = [
        ("external_id", |d| d.external_id = Some(String::new())),
        ("location.name", |d| d.location.name = " ".to_owned()),
        ("location.name", |d| d.location.name = "two\nlines".to_owned()),
        ("location.name", |d| d.location.name = "x".repeat(limits::NAME_BYTES_MAX + 1)),
        ("location.lat", |d| d.location.lat = Some(f64::NAN)),
        ("location.lon", |d| d.location.lon = Some(180.1)),
        ("time_zone", |d| d.time_zone = "Europe/Lutece".to_owned()),
        ("grid_minutes", |d| d.grid_minutes = 7),
        ("lanes", |d| d.lanes = 0),
        ("lanes", |d| (d.lanes, d.horizon_days) = (limits::LANES_MAX, limits::HORIZON_DAYS_MAX)),
        ("horizon_days", |d| d.horizon_days = 0),
        ("reasons", |d| d.reasons.clear()),
        ("reasons[1].id", |d| d.reasons[1].id = d.reasons[0].id.clone()),
        ("reasons[2].duration_minutes", |d| d.reasons[2].duration_minutes = 641),
        ("weekly_hours", |d| d.weekly_hours.days[6] = intervals(&"08:00-09:00 ".repeat(25))),
        ("exceptions[1].date", |d| {
            let date = jiff::civil::date(2027, 1, 4).into();
            d.exceptions = vec![DayException { date, hours: Vec::new() }; 2];
        }),
    ];
    for (field, set) in wrong {
        let mut definition = definition("08:00-12:00");
        set(&mut definition);
        let refused = Calendar::create(CalendarId::from_bits(1), definition, at("07:00"));
        let is_field =
            matches!(&refused, Err(Rejection::Invalid { field: said, .. }) if said == field);
        assert!(is_field, "{field}: {refused:?}");
    }
}
