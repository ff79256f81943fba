//! Each limit of what can be set is the last value that is taken.

use jiff::civil::date;

use super::super::schedule::later;
use super::super::{
    Absence, Calendar, DayException, Definition, Edge, Fee, Interval, Practitioner, Profile,
    Rejection, Template,
};
use super::{daily, definition, reason};
use crate::ids::CalendarId;
use crate::limits::*;
use crate::time::Timestamp;

/// Sets a field to a value, or to so many bytes or parts.
type Set<T> = fn(&mut T, usize);

/// A field, the least and the most that it takes.
type Row<T> = (&'static str, usize, usize, Set<T>);

fn text(bytes: usize) -> String {
    "x".repeat(bytes)
}

fn short<T: TryFrom<usize>>(value: usize) -> T {
    T::try_from(value).ok().unwrap()
}

fn many(count: usize) -> Vec<Interval> {
    let minutes = (0..short::<u16>(count)).map(|place| place * 10);
    minutes.map(|start| Interval::new(start, start + 5).unwrap()).collect()
}

fn template(every_weeks: u8) -> Template {
    let anchor = Some(date(2027, 1, 4).into());
    Template { from: anchor, until: anchor, every_weeks, anchor, hours: daily("19:00-20:00") }
}

fn absence() -> Absence {
    let day = Edge::Date(date(2027, 1, 4).into());
    Absence { from: day, until: day, label: None }
}

fn exceptions(count: usize) -> Vec<DayException> {
    let date = |days| later(date(2027, 1, 4), days).into();
    let exception = |days| DayException { date: date(days), hours: Vec::new() };
    (0..short::<i64>(count)).map(exception).collect()
}

const NAMES: [Row<Definition>; 9] = [
    ("external_id", 1, EXTERNAL_ID_BYTES_MAX, |d, n| d.external_id = Some(text(n))),
    ("practitioner.name", 1, NAME_BYTES_MAX, |d, n| {
        d.practitioner = Some(Practitioner { name: text(n), specialty: None });
    }),
    ("practitioner.specialty", 1, NAME_BYTES_MAX, |d, n| {
        d.practitioner = Some(Practitioner { name: text(1), specialty: Some(text(n)) });
    }),
    ("location.name", 1, NAME_BYTES_MAX, |d, n| d.location.name = text(n)),
    ("location.address", 1, ADDRESS_BYTES_MAX, |d, n| d.location.address = Some(text(n))),
    ("location.department", 1, TOKEN_BYTES_MAX, |d, n| d.location.department = Some(text(n))),
    ("reasons[1].name", 1, NAME_BYTES_MAX, |d, n| d.reasons[1].name = text(n)),
    ("reasons[0].instructions", 1, INSTRUCTIONS_BYTES_MAX, |d, n| {
        d.reasons[0].rules.instructions = Some(text(n));
    }),
    ("absences[0].label", 1, NAME_BYTES_MAX, |d, n| {
        d.agenda.absences = vec![Absence { label: Some(text(n)), ..absence() }];
    }),
];

const NUMBERS: [Row<Definition>; 12] = [
    ("lanes", 1, LANES_MAX as usize, |d, n| {
        (d.lanes, d.grid_minutes) = (short(n), 60);
    }),
    ("horizon_days", 1, HORIZON_DAYS_MAX as usize, |d, n| d.horizon_days = short(n)),
    // Five minutes a step, and ten of buffer.
    ("reasons[0].duration_minutes", 1, STEPS_PER_RESERVATION_MAX as usize * 5 - 10, |d, n| {
        (d.reasons[0].duration_minutes, d.reasons[0].buffer_minutes) = (short(n), 10);
    }),
    ("reasons[0].notice_minutes", 0, NOTICE_MINUTES_MAX as usize, |d, n| {
        d.reasons[0].rules.notice_minutes = short(n);
    }),
    ("reasons[0].ahead_days", 0, HORIZON_DAYS_MAX as usize, |d, n| {
        d.reasons[0].rules.ahead_days = Some(short(n));
    }),
    ("reasons[0].per_day", 1, u16::MAX as usize - 1, |d, n| {
        d.reasons[0].rules.per_day = (n < u16::MAX.into()).then_some(short(n)).or(Some(0));
    }),
    ("overflow_lanes", 0, OVERFLOW_LANES_MAX as usize, |d, n| d.agenda.overflow_lanes = short(n)),
    ("change_until_minutes", 0, CHANGE_UNTIL_MINUTES_MAX as usize, |d, n| {
        d.agenda.change_until_minutes = short(n);
    }),
    ("reminders_minutes[0]", 1, REMINDER_MINUTES_MAX as usize, |d, n| {
        d.agenda.reminders_minutes = vec![short(n)];
    }),
    ("reminders_minutes[1]", 1, 9, |d, n| d.agenda.reminders_minutes = vec![10, short(n)]),
    ("templates[0].every_weeks", 1, TEMPLATE_WEEKS_MAX as usize, |d, n| {
        d.agenda.templates = vec![template(short(n))];
    }),
    ("grid_minutes", 1, 6, |d, n| (d.grid_minutes, d.lanes) = (short(n), 1)),
];

const COUNTS: [Row<Definition>; 8] = [
    ("reasons", 1, REASONS_MAX, |d, n| {
        d.reasons = (0..n).map(|place| reason(&format!("r{place}"), 15, 0)).collect();
    }),
    ("weekly_hours", 0, INTERVALS_PER_DAY_MAX, |d, n| d.weekly_hours.days[6] = many(n)),
    ("exceptions[0].hours", 0, INTERVALS_PER_DAY_MAX, |d, n| {
        d.exceptions = exceptions(1);
        d.exceptions[0].hours = many(n);
    }),
    ("templates[0].hours", 0, INTERVALS_PER_DAY_MAX, |d, n| {
        d.agenda.templates = vec![template(1)];
        d.agenda.templates[0].hours.days[6] = many(n);
    }),
    ("exceptions", 0, EXCEPTIONS_MAX, |d, n| d.exceptions = exceptions(n)),
    ("templates", 0, TEMPLATES_MAX, |d, n| d.agenda.templates = vec![template(1); n]),
    ("absences", 0, ABSENCES_MAX, |d, n| d.agenda.absences = vec![absence(); n]),
    ("reminders_minutes", 0, REMINDERS_MAX, |d, n| {
        d.agenda.reminders_minutes = (1..=short::<u32>(n)).collect();
    }),
];

const PROFILE: [Row<Profile>; 7] = [
    ("name", 1, NAME_BYTES_MAX, |p, n| p.name = text(n)),
    ("specialty", 1, NAME_BYTES_MAX, |p, n| p.specialty = Some(text(n))),
    ("languages", 0, LANGUAGES_MAX, |p, n| {
        p.languages = (0..n).map(|place| format!("x-{place}")).collect();
    }),
    ("languages[1]", 2, LANGUAGE_BYTES_MAX, |p, n| p.languages = vec!["fr".to_owned(), text(n)]),
    ("fees", 0, FEES_MAX, |p, n| {
        p.fees = vec![Fee { name: text(1), from_cents: 1, to_cents: None }; n];
    }),
    ("fees[0].name", 1, NAME_BYTES_MAX, |p, n| {
        p.fees = vec![Fee { name: text(n), from_cents: 1, to_cents: Some(1) }];
    }),
    ("fees[0].to_cents", 0, 9, |p, n| {
        p.fees = vec![Fee { name: text(1), from_cents: short(n), to_cents: Some(9) }];
    }),
];

/// Both ends are taken, and what lies beyond either is refused by the name of its field.
fn hold<T: Clone>(rows: &[Row<T>], good: &T, checked: impl Fn(T) -> Result<(), Rejection>) {
    for &(field, least, most, set) in rows {
        let with = |value| {
            let mut changed = good.clone();
            set(&mut changed, value);
            checked(changed)
        };
        for value in [least, most] {
            assert_eq!(with(value), Ok(()), "{field} of {value}");
        }
        for value in least.checked_sub(1).into_iter().chain([most + 1]) {
            let refused = with(value);
            let is_field =
                matches!(&refused, Err(Rejection::Invalid { field: said, .. }) if said == field);
            assert!(is_field, "{field} of {value}: {refused:?}");
        }
    }
}

#[test]
fn the_limits_of_a_definition_are_its_last_values() {
    let create = |it| Calendar::create(CalendarId::from_bits(1), it, Timestamp::from_millis(0));
    for rows in [&NAMES[..], &NUMBERS, &COUNTS] {
        hold(rows, &definition("08:00-12:00"), |it| create(it).map(|_| ()));
    }
}

#[test]
fn the_limits_of_a_profile_are_its_last_values() {
    let (name, specialty, sector) = ("Dr A".to_owned(), None, None);
    let good = Profile { name, specialty, languages: Vec::new(), sector, fees: Vec::new() };
    hold(&PROFILE, &good, |it| it.checked().map(|_| ()));
    for (tag, fits) in [("pt-BR", true), ("fr_FR", false), ("fr", false), ("f\u{e9}", false)] {
        let languages = vec!["fr".to_owned(), tag.to_owned()];
        let checked = Profile { languages, ..good.clone() }.checked();
        assert_eq!(checked.is_ok(), fits, "{tag}");
    }
}

#[test]
fn a_place_lies_on_the_globe() {
    for (degrees, lat, lon) in [(90.0, true, true), (90.1, false, true), (180.1, false, false)] {
        for sign in [-1.0, 1.0] {
            let set = |lat, lon| {
                let mut place = definition("").location;
                (place.lat, place.lon) = (lat, lon);
                super::super::register::checked_place(place).is_ok()
            };
            assert_eq!(set(Some(degrees * sign), None), lat, "{degrees} north");
            assert_eq!(set(None, Some(degrees * sign)), lon, "{degrees} east");
        }
    }
}

/// What a slot table costs: a day for today, those ahead, and those that a reservation can reach.
#[test]
fn a_table_has_a_bit_for_each_step_of_each_lane() {
    let mut set = definition("08:00-12:00");
    for (grid_minutes, steps, reach) in [(5, 288, 1), (15, 96, 2), (60, 24, 6)] {
        (set.grid_minutes, set.lanes, set.horizon_days) = (grid_minutes, 3, 30);
        assert_eq!(set.reach_days(), reach);
        let days = 30 + 1 + TABLE_SLACK_DAYS + reach;
        assert_eq!(set.table_bits(), 3 * u64::from(days) * steps);
    }
    // 1,024 steps a day are not on any grid: the limit is met by lanes that fill it, or not.
    set.grid_minutes = 1;
    set.horizon_days = HORIZON_DAYS_MAX;
    set.lanes = 1;
    let most = u16::try_from(TABLE_BITS_MAX / set.table_bits()).unwrap();
    for (lanes, fits) in [(most, true), (most + 1, false)] {
        set.lanes = lanes;
        assert_eq!(set.clone().checked().is_ok(), fits, "{lanes} lanes");
    }
}
