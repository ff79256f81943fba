//! Random hours through two years of clock changes, against an oracle of its own in Python.
//!
//! It needs `python3` (3.9 or newer) and a database of time zones, and nothing else; see
//! `oracle.py`. `CRENEAU_HOURS_RULES` says how many rules are tried.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use creneau::booking::hours::Date;
use creneau::booking::schedule::{Opening, later};
use creneau::*;
use jiff::civil::date;

/// Rules that are tried unless something else is asked.
const RULES: u64 = 150;

const ZONES: [&str; 3] = ["Europe/Paris", "Indian/Reunion", "America/Guadeloupe"];

/// 2026-06-29T00:00Z in minutes: from there the oracle counts.
const ORIGIN: i64 = 29_711_520;
const MS_PER_MINUTE: i64 = 60_000;

/// Numbers that look like chance and are the same each time: `splitmix64`.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % end
    }

    fn days(&mut self, end: u64) -> i64 {
        i64::try_from(self.below(end)).unwrap()
    }

    /// A date of the two years; often one beside a night on which the clocks of Paris change.
    fn date(&mut self) -> Date {
        let changes =
            [date(2026, 10, 25), date(2027, 3, 28), date(2027, 10, 31), date(2028, 3, 26)];
        if self.below(3) == 0 {
            let change = changes[usize::try_from(self.below(4)).unwrap()];
            return later(change, self.days(3) - 1).into();
        }
        later(date(2026, 7, 1), self.days(731)).into()
    }

    fn some_date(&mut self) -> Option<Date> {
        (self.below(3) != 0).then(|| self.date())
    }

    fn hours(&mut self) -> Vec<Interval> {
        let mut interval = || {
            // Half of them at night, when clocks change.
            let within = if self.below(2) == 0 { 300 } else { 1_440 };
            let start = self.below(within);
            let end = start + 1 + self.below((1_440 - start).min(700));
            let minute = |minute: u64| u16::try_from(minute).unwrap();
            Interval::new(minute(start), minute(end)).unwrap()
        };
        let first = interval();
        let more = interval();
        let count = self.below(4);
        [first, more].into_iter().take(usize::try_from(count.min(2)).unwrap()).collect()
    }

    fn week(&mut self) -> WeeklyHours {
        WeeklyHours { days: std::array::from_fn(|_| self.hours()) }
    }

    fn template(&mut self) -> Template {
        let from = self.some_date();
        let until = self.some_date().filter(|until| from.is_none_or(|from| from <= *until));
        let every_weeks = u8::try_from(1 + self.below(8)).unwrap();
        let anchor = self.some_date().or((1 < every_weeks).then(|| self.date()));
        Template { from, until, every_weeks, anchor, hours: self.week() }
    }

    fn absence(&mut self) -> Absence {
        let from = self.date();
        let last = later(from.to_jiff(), self.days(12)).into();
        let start = ORIGIN + 1_440 * self.days(730) + self.days(1_440);
        let instant = |minute: i64| Edge::Instant(Timestamp::from_millis(minute * MS_PER_MINUTE));
        match self.below(3) {
            0 => Absence { from: Edge::Date(from), until: Edge::Date(last), label: None },
            1 => Absence {
                from: instant(start),
                until: instant(start + 1 + self.days(3_000)),
                label: None,
            },
            // From an instant to the end of a date that comes after it.
            _ => {
                let local = Timestamp::from_millis(start * MS_PER_MINUTE).to_jiff();
                let date = local.to_zoned(jiff::tz::TimeZone::UTC).date();
                let until = later(date, 1 + self.days(4));
                Absence { from: instant(start), until: Edge::Date(until.into()), label: None }
            }
        }
    }

    fn definition(&mut self) -> Definition {
        let zone = ZONES[usize::try_from(self.below(3)).unwrap()];
        let mut definition = Definition::weekdays("Cabinet", zone);
        definition.reasons = vec![Reason::new("visit".parse().unwrap(), "Visit", 15)];
        definition.weekly_hours = self.week();
        definition.agenda.templates = (0..self.below(4)).map(|_| self.template()).collect();
        let exception = |dice: &mut Self| DayException { date: dice.date(), hours: dice.hours() };
        definition.exceptions = (0..self.below(6)).map(|_| exception(self)).collect();
        let before = |d: Date| d < Date::from(date(2028, 7, 1));
        definition.exceptions.retain(|exception| before(exception.date));
        definition.exceptions.sort_by_key(|exception| exception.date);
        definition.exceptions.dedup_by_key(|exception| exception.date);
        definition.agenda.absences = (0..self.below(4)).map(|_| self.absence()).collect();
        let calendar = HolidayCalendar::ALL[usize::try_from(self.below(4)).unwrap()];
        let open = |holiday: &Holiday| calendar.has(*holiday) && self.below(6) == 0;
        let open_on = Holiday::ALL.into_iter().filter(open).collect();
        definition.agenda.public_holidays = PublicHolidays { calendar, open_on };
        definition.checked().unwrap()
    }
}

fn joined<T>(all: &[T], between: &str, one: impl Fn(&T) -> String) -> String {
    all.iter().map(one).collect::<Vec<_>>().join(between)
}

fn hours_line(hours: &[Interval]) -> String {
    joined(hours, ",", |it| format!("{}-{}", it.start(), it.end()))
}

fn date_text(date: Option<Date>) -> String {
    date.map_or("-".to_owned(), |date| date.to_string())
}

fn edge_text(edge: Edge) -> String {
    match edge {
        Edge::Date(date) => date.to_string(),
        Edge::Instant(instant) => format!("@{}", instant.millis() / MS_PER_MINUTE - ORIGIN),
    }
}

/// The rules on one line, as the oracle reads them.
fn line_of(definition: &Definition) -> String {
    let week = |week: &WeeklyHours| joined(&week.days, "/", |day| hours_line(day));
    let template = |it: &Template| {
        let (from, until, anchor) = (date_text(it.from), date_text(it.until), date_text(it.anchor));
        format!("{from}!{until}!{}!{anchor}!{}", it.every_weeks, week(&it.hours))
    };
    let exception = |it: &DayException| format!("{}!{}", it.date, hours_line(&it.hours));
    let absence = |it: &Absence| format!("{}!{}", edge_text(it.from), edge_text(it.until));
    [
        definition.time_zone.clone(),
        week(&definition.weekly_hours),
        joined(&definition.agenda.templates, "~", template),
        joined(&definition.exceptions, "~", exception),
        joined(&definition.agenda.absences, "~", absence),
        definition.agenda.public_holidays.calendar.to_string(),
        joined(&definition.agenda.public_holidays.open_on, ",", ToString::to_string),
    ]
    .join("|")
}

/// What is open, as the oracle says it.
fn stretches(definition: Definition) -> String {
    let schedule = Schedule::new(definition).unwrap();
    let mut stretches: Vec<Opening> = Vec::new();
    for day in 0..731 {
        for opening in schedule.openings(later(date(2026, 7, 1), day)) {
            match stretches.last_mut() {
                Some(last) if opening.start <= last.end => last.end = last.end.max(opening.end),
                _ => stretches.push(opening),
            }
        }
    }
    let minute = |instant: Timestamp| instant.millis() / MS_PER_MINUTE - ORIGIN;
    joined(&stretches, " ", |it| format!("{}-{}", minute(it.start), minute(it.end)))
}

#[test]
fn hours_agree_with_an_oracle_through_two_years_of_clock_changes() {
    let rules = std::env::var("CRENEAU_HOURS_RULES");
    let rules = rules.map_or(RULES, |rules| rules.parse().unwrap());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/integration/oracle.py");
    let mut oracle = Command::new("python3")
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 must be installed: it runs the oracle of the hours, and needs tzdata");
    let mut asked = oracle.stdin.take().unwrap();
    let mut told = BufReader::new(oracle.stdout.take().unwrap()).lines();
    let needs = "the oracle has failed: it needs Python 3.9 or newer and a time zone database";
    let beside = told.next().expect(needs).unwrap();
    let (mut dice, mut open) = (Dice(2026), 0);
    for rule in 0..rules {
        let definition = dice.definition();
        let line = line_of(&definition);
        writeln!(asked, "{line}").unwrap();
        let (ours, theirs) = (stretches(definition), told.next().expect(needs).unwrap());
        if ours != theirs {
            let pairs = ours.split(' ').zip(theirs.split(' '));
            let odd = pairs.into_iter().find(|(ours, theirs)| ours != theirs);
            panic!("rule {rule}, ours and the oracle's, minutes from 2026-06-29Z: {odd:?}\n{line}");
        }
        open += ours.split(' ').count();
    }
    drop(asked);
    assert!(oracle.wait().unwrap().success());
    println!("{rules} rules and {open} openings agree; the oracle was Python, {beside}");
}
