//! What is set again under bookings that stay, what may not be set, and which refusal comes first.

use super::super::{
    Absence, By, Calendar, Change, Command, DayException, Details, Edge, Holiday, HolidayCalendar,
    PublicHolidays, Rejection, Template,
};
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

fn date(text: &str) -> super::super::hours::Date {
    text.parse::<jiff::civil::Date>().unwrap().into()
}

/// Every day in the evening, from Monday 4 January 2027 on, in one week of so many.
fn template(every_weeks: u8) -> Template {
    let monday = Some(date("2027-01-04"));
    let hours = daily("19:00-20:00");
    Template { from: monday, until: None, every_weeks, anchor: monday, hours }
}

#[test]
fn templates_absences_and_holidays_leave_what_is_booked() {
    let mut world = World::new();
    let outside = |world: &World| -> Vec<HoldId> {
        let outside = world.calendar().outside(world.now);
        outside.iter().map(|live| live.booking.id).collect()
    };
    world.hold("ana", "19:00").is("OutsideOpenings");
    world.change(Change { templates: Some(vec![template(2)]), ..Change::default() }).is(CHANGED);
    world.book("ana", "19:00");
    // The hours of each week still count, the next week is the other one, and the one after it is
    // the same again.
    world.book("bob", "09:00");
    world.hold("eve", "01-11 19:00").is("OutsideOpenings");
    world.hold("eve/1", "01-18 19:00").is("Held");
    world.release("eve/1").is("Released");
    assert!(outside(&world).is_empty());

    // Ill from five past ten to half past two on Monday, and away from Wednesday to Thursday.
    world.book("zoe", "10:05");
    world.book("kim", "01-07 11:45");
    let edge = |when| Edge::Instant(at(when));
    let day = |text| Edge::Date(date(text));
    let absences = vec![
        Absence { from: day("2027-01-06"), until: day("2027-01-07"), label: None },
        Absence { from: edge("10:05"), until: edge("14:30"), label: None },
    ];
    world.change(Change { absences: Some(absences), ..Change::default() }).is(CHANGED);
    assert_eq!(outside(&world), [world.id("zoe"), world.id("kim")]);
    world.hold("eve/2", "09:50").is("Held");
    world.release("eve/2").is("Released");
    world.hold("eve", "14:25").is("OutsideOpenings");
    world.hold("eve/3", "14:30").is("Held");
    world.release("eve/3").is("Released");
    world.hold("eve/4", "01-08 08:00").is("Held");
    world.release("eve/4").is("Released");

    // An exception opens the other week's evening, and an absence closes some of it.
    let exceptions =
        vec![DayException { date: date("2027-01-11"), hours: intervals("19:00-21:00") }];
    let absences =
        vec![Absence { from: edge("01-11 19:30"), until: edge("01-11 20:00"), label: None }];
    let (exceptions, absences) = (Some(exceptions), Some(absences));
    world.change(Change { exceptions, absences, ..Change::default() }).is(CHANGED);
    assert!(outside(&world).is_empty());
    world.hold("eve/5", "01-11 19:15").is("Held");
    world.release("eve/5").is("Released");
    world.hold("eve", "01-11 19:20").is("OutsideOpenings");
    world.hold("eve/6", "01-11 20:00").is("Held");
}

#[test]
fn a_public_holiday_closes_what_an_exception_does_not_open() {
    // Good Friday is a working day, Easter Monday is not. By then clocks have changed.
    let mut easter = definition("08:00-12:00");
    easter.horizon_days = 100;
    let mut world = World::of(easter);
    world.book("ana", "03-29 09:00");
    let kept = |calendar, open_on: &[Holiday]| Change {
        public_holidays: Some(PublicHolidays { calendar, open_on: open_on.to_vec() }),
        ..Change::default()
    };
    world.change(kept(HolidayCalendar::Guadeloupe, &[])).is(CHANGED);
    let outside = world.calendar().outside(world.now);
    assert_eq!(outside.len(), 1);
    world.hold("bob", "03-26 09:00").is("Held");
    world.hold("eve", "03-29 10:00").is("OutsideOpenings");
    world.change(kept(HolidayCalendar::Guadeloupe, &[Holiday::EasterMonday])).is(CHANGED);
    world.hold("eve/7", "03-29 10:00").is("Held");
    world.release("eve/7").is("Released");
    let exceptions =
        Some(vec![DayException { date: date("2027-03-29"), hours: intervals("10:00-11:00") }]);
    world.change(Change { exceptions, ..kept(HolidayCalendar::France, &[]) }).is(CHANGED);
    world.hold("eve/8", "03-29 09:30").is("Held");
    assert!(world.calendar().outside(world.now).is_empty());
    world.change(kept(HolidayCalendar::None, &[])).is(CHANGED);
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
        change: Box::new(Change { lanes: Some(lanes), ..Change::default() }),
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
            details: Details::default(),
            by: By::Unsaid,
            overflow: false,
        };
        let decided = world.calendar().decide(&command, world.now);
        let expected = RULES.iter().find(|rule| is(rule)).unwrap_or(&"Held");
        assert_eq!(super::said(&decided), **expected, "{command:?}");
    }
}

#[test]
fn a_definition_is_checked_field_by_field() {
    type Set = fn(&mut super::Definition);
    let wrong: [(&str, Set); 26] = [
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
        ("templates", |d| d.agenda.templates = vec![template(1); limits::TEMPLATES_MAX + 1]),
        ("templates[0].every_weeks", |d| d.agenda.templates = vec![template(0)]),
        ("templates[0].every_weeks", |d| d.agenda.templates = vec![template(9)]),
        ("templates[1].anchor", |d| {
            d.agenda.templates = vec![template(1), Template { anchor: None, ..template(2) }];
        }),
        ("templates[0].until", |d| {
            d.agenda.templates = vec![Template { until: Some(date("2027-01-03")), ..template(1) }];
        }),
        ("templates[0].hours", |d| {
            d.agenda.templates = vec![template(1)];
            d.agenda.templates[0].hours.days[6] = intervals(&"08:00-09:00 ".repeat(25));
        }),
        ("absences", |d| {
            let day = Edge::Date(date("2027-01-04"));
            d.agenda.absences =
                vec![Absence { from: day, until: day, label: None }; limits::ABSENCES_MAX + 1];
        }),
        ("absences[0].until", |d| {
            // Its end is the midnight with which the day begins.
            let (from, until) = (Edge::Date(date("2027-01-04")), "2027-01-03T23:00:00Z");
            d.agenda.absences =
                vec![Absence { from, until: Edge::Instant(until.parse().unwrap()), label: None }];
        }),
        ("public_holidays.open_on[1]", |d| {
            d.agenda.public_holidays.calendar = HolidayCalendar::Reunion;
            d.agenda.public_holidays.open_on =
                vec![Holiday::Christmas, Holiday::AbolitionGuadeloupe];
        }),
        ("public_holidays.open_on[1]", |d| {
            d.agenda.public_holidays.calendar = HolidayCalendar::France;
            d.agenda.public_holidays.open_on = vec![Holiday::Christmas; 2];
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
