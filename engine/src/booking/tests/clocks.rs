//! Hours as instants: over the nights on which clocks change, and overseas.

use jiff::civil::{Date, date};
use proptest::prelude::*;

use super::super::schedule::{Opening, later};
use super::super::{Absence, Edge, Interval, Schedule, WeeklyHours};
use super::{daily, definition, intervals};
use crate::time::Timestamp;

/// The zones of the French Republic, by the clock of each.
const FRENCH_ZONES: [&str; 14] = [
    "Europe/Paris",
    "America/Guadeloupe",
    "America/Martinique",
    "America/Marigot",
    "America/St_Barthelemy",
    "America/Cayenne",
    "America/Miquelon",
    "Indian/Reunion",
    "Indian/Mayotte",
    "Pacific/Noumea",
    "Pacific/Wallis",
    "Pacific/Tahiti",
    "Pacific/Marquesas",
    "Pacific/Gambier",
];

fn schedule(zone: &str, grid_minutes: u8, hours: WeeklyHours) -> Schedule {
    let mut definition = definition("");
    definition.time_zone = zone.to_owned();
    definition.grid_minutes = grid_minutes;
    definition.weekly_hours = hours;
    Schedule::new(definition.checked().unwrap()).unwrap()
}

/// Where an opening lies, as the clock on the wall shows it, and how long it lasts.
fn shown(schedule: &Schedule, opening: Opening) -> String {
    let local = |instant: Timestamp| {
        let zone = jiff::tz::TimeZone::get(&schedule.definition().time_zone).unwrap();
        instant.to_jiff().to_zoned(zone).strftime("%m-%d %H:%M").to_string()
    };
    let minutes = minutes(opening);
    format!("{} to {}, {minutes} min", local(opening.start), local(opening.end))
}

fn minutes(opening: Opening) -> i64 {
    (opening.end.millis() - opening.start.millis()) / 60_000
}

#[test]
fn no_opening_of_the_day_moves_when_the_clocks_do() {
    let schedule = schedule("Europe/Paris", 5, daily("08:00-12:00 14:00-18:00"));
    for change in [date(2027, 3, 28), date(2027, 10, 31)] {
        for days in -7..=7 {
            let date = later(change, days);
            let day = date.strftime("%m-%d").to_string();
            let openings: Vec<String> =
                schedule.openings(date).map(|opening| shown(&schedule, opening)).collect();
            let expected = ["08:00 to 12:00", "14:00 to 18:00"].map(|hours| {
                let (start, end) = hours.split_once(" to ").unwrap();
                format!("{day} {start} to {day} {end}, 240 min")
            });
            assert_eq!(openings, expected);
        }
        // None lost, none doubled: fifteen days of two openings of 48 steps each.
        let stretches = schedule.open_steps(later(change, -7), later(change, 7));
        assert_eq!(stretches.len(), 30);
        assert!(stretches.iter().all(|(start, end)| end - start == 48), "{change}");
        assert!(stretches.windows(2).all(|pair| pair[0].1 < pair[1].0), "{change}");
    }
}

#[test]
fn the_hour_between_two_and_three() {
    let (spring, autumn) = (date(2027, 3, 28), date(2027, 10, 31));
    let nights = [
        // The clocks go from 02:00 to 03:00: what was to be in between is not.
        (spring, "02:00-03:00", ""),
        (spring, "02:15-02:45", ""),
        (spring, "02:30-04:00", "01:00-02:00"),
        (spring, "01:00-02:30", "00:00-01:00"),
        (spring, "01:00-04:00", "00:00-02:00"),
        (spring, "02:15-02:30 02:45-03:15", "01:00-01:15"),
        // The clocks go from 03:00 back to 02:00, at 01:00Z: the first pass counts.
        (autumn, "02:00-02:30", "00:00-00:30"),
        (autumn, "02:15-02:45", "00:15-00:45"),
        (autumn, "02:00-03:00", "00:00-02:00"),
        (autumn, "02:30-04:00", "00:30-03:00"),
        (autumn, "01:30-02:30", "23:30-00:30"),
        (autumn, "01:00-04:00", "23:00-03:00"),
        (autumn, "02:00-02:20 02:40-03:00", "00:00-00:20 00:40-02:00"),
        (autumn, "03:00-04:00", "02:00-03:00"),
    ];
    for (night, hours, expected) in nights {
        let schedule = schedule("Europe/Paris", 5, daily(hours));
        let utc = |instant: Timestamp| instant.to_jiff().strftime("%H:%M").to_string();
        let openings: Vec<String> = schedule
            .openings(night)
            .map(|opening| format!("{}-{}", utc(opening.start), utc(opening.end)))
            .collect();
        assert_eq!(openings.join(" "), expected, "{night} {hours}");
    }
    for (night, hours) in [(spring, 23), (autumn, 25)] {
        let schedule = schedule("Europe/Paris", 5, daily("00:00-24:00"));
        let open: i64 = schedule.openings(night).map(minutes).sum();
        assert_eq!(open, hours * 60);
        // Three days in one stretch, whatever the clocks do.
        assert_eq!(schedule.open_steps(later(night, -1), later(night, 1)).len(), 1);
    }
}

#[test]
fn a_day_starts_at_its_own_hour_overseas_on_every_grid() {
    let zones = [
        ("Indian/Reunion", "04:00"),
        ("America/Guadeloupe", "12:00"),
        ("America/Cayenne", "11:00"),
        ("Pacific/Noumea", "21:00"),
        ("Pacific/Marquesas", "17:30"),
        // 5:30 ahead in 1970 and 5:45 since 1986: the grid must know today's.
        ("Asia/Kathmandu", "02:15"),
    ];
    for (zone, eight) in zones {
        for grid in [5, 15, 30, 60] {
            let schedule = schedule(zone, grid, daily("08:00-12:00"));
            for day in [date(2027, 1, 15), date(2027, 6, 15)] {
                let opening = schedule.openings(day).next().unwrap();
                assert_eq!(opening.start.to_jiff().strftime("%H:%M").to_string(), eight, "{zone}");
                assert_eq!(minutes(opening), 240);
                let step = schedule.grid().exact(opening.start).unwrap();
                let steps = (step.0, step.0 + 240 / u32::from(grid));
                assert_eq!(schedule.open_steps(day, day), [steps], "{zone} {grid}");
                assert_eq!(schedule.date_at(schedule.midnight(day)), day);
            }
        }
    }
}

/// Absences that begin or end with an opening, or touch it, leave nothing that is empty.
#[test]
fn what_an_absence_leaves_is_never_empty() {
    let day = date(2027, 1, 15);
    let of = |hours: &str, absences: &str, grid_minutes| {
        let mut set = schedule("Europe/Paris", grid_minutes, daily(hours)).definition().clone();
        let edge = |minute: u16| {
            let opens = schedule("Europe/Paris", 5, daily("00:00-24:00")).midnight(day);
            Edge::Instant(opens.plus_minutes(minute.into()))
        };
        let absence = |it: Interval| {
            let (from, until) = (edge(it.start()), edge(it.end()));
            Absence { from, until, label: None }
        };
        set.agenda.absences = intervals(absences).into_iter().map(absence).collect();
        Schedule::new(set.checked().unwrap()).unwrap()
    };
    for (absences, left) in [
        ("", "08:00-12:00"),
        ("06:00-08:00 12:00-13:00", "08:00-12:00"),
        ("08:00-09:00", "09:00-12:00"),
        ("11:00-12:00", "08:00-11:00"),
        ("08:00-09:00 10:00-11:00 11:30-12:00", "09:00-10:00 11:00-11:30"),
        ("08:00-12:00", ""),
        ("07:00-13:00", ""),
    ] {
        let schedule = of("08:00-12:00", absences, 5);
        let clock = |at: Timestamp| at.plus_minutes(60).to_jiff().strftime("%H:%M").to_string();
        let open = schedule.openings(day).map(|it| clock(it.start) + "-" + &clock(it.end));
        assert_eq!(open.collect::<Vec<_>>().join(" "), left, "{absences}");
    }
    // Twenty minutes without a whole quarter of an hour.
    assert_eq!(of("08:10-08:25", "", 15).open_steps(day, day), []);
    assert_eq!(of("08:10-08:30", "", 15).open_steps(day, day).len(), 1);
}

fn weekly_hours() -> impl Strategy<Value = WeeklyHours> {
    let interval = (0..1_440_u16)
        .prop_flat_map(|start| (Just(start), start + 1..=1_440))
        .prop_map(|(start, end)| Interval::new(start, end).unwrap());
    let day = prop::collection::vec(interval, 0..5);
    prop::collection::vec(day, 7).prop_map(|days| {
        let mut week = WeeklyHours::default();
        week.days.clone_from_slice(&days);
        week
    })
}

/// Any date, and often one of the week in which clocks change.
fn dates() -> impl Strategy<Value = Date> {
    let change = prop::sample::select(vec![
        date(2027, 3, 28),
        date(2027, 10, 31),
        date(2027, 3, 14),
        date(2027, 11, 7),
    ]);
    prop_oneof![
        (0..3_650_i64).prop_map(|days| later(date(2025, 1, 1), days)),
        (change, -8..2_i64).prop_map(|(change, days)| later(change, days)),
    ]
}

proptest! {
    #[test]
    fn a_week_is_as_long_as_its_hours_and_in_order(
        zone in prop::sample::select(FRENCH_ZONES.to_vec()),
        hours in weekly_hours(),
        monday in dates(),
    ) {
        let schedule = schedule(zone, 5, hours);
        let days = || (0..7).map(|days| later(monday, days));
        let openings: Vec<Opening> = days().flat_map(|day| schedule.openings(day)).collect();
        prop_assert!(openings.iter().all(|opening| opening.start < opening.end));
        for pair in openings.windows(2) {
            prop_assert!(pair[0].end <= pair[1].start, "{:?} {:?}", pair[0], pair[1]);
        }
        let week = schedule.midnight(monday).millis()..schedule.midnight(later(monday, 7)).millis();
        for opening in &openings {
            prop_assert!(week.contains(&opening.start.millis()));
            prop_assert!(opening.end.millis() <= week.end);
        }
        let written: i64 = schedule.definition().weekly_hours.days.iter().flatten()
            .map(|interval| i64::from(interval.end() - interval.start())).sum();
        let open: i64 = openings.iter().copied().map(minutes).sum();
        if week.end - week.start == 7 * 24 * 3_600_000 {
            prop_assert_eq!(open, written);
        } else {
            // On a night of change an opening is at most the hour longer or shorter.
            prop_assert!((open - written).abs() <= 60, "{} of {}", open, written);
        }
    }
}
