//! What a seed makes of a run: settings, calendars and faults.

use std::time::Duration;

use super::disk::Pace;
use super::random::Dice;
use jiff::civil::Date;

use crate::booking::schedule::later;
use crate::booking::{
    Absence, DayException, Definition, Edge, Guard, GuardScope, HolidayCalendar, Interval,
    PublicHolidays, Reason, Rules, Standing, Template, Terms, Visit,
};
use crate::config::Config;
use crate::ids::{PersonId, ReasonId};
use crate::time::Timestamp;

/// What is planned for a run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The engine's settings.
    pub config: Config,
    /// Lives, each ended by a crash or in order.
    pub lives: usize,
    /// Clients at the same time.
    pub clients: usize,
    /// Requests of each client in each life, roughly.
    pub acts: u64,
    /// Persons.
    pub people: u64,
    /// Calendars at first.
    pub calendars: usize,
    /// How the disk behaves.
    pub pace: Pace,
    /// How many of a thousand requests make an actor fail.
    pub plants: u64,
    /// How many of a thousand requests stop everything for a while.
    pub starvings: u64,
    /// How many of a thousand pauses between two requests are long.
    pub long_pauses: u64,
    /// During how many of a thousand closings the power fails, if they last.
    pub closing_crashes: u64,
    /// How many of a thousand requests are about a campaign.
    pub campaigns: u64,
}

impl Plan {
    /// The plan of these dice.
    pub fn new(dice: &mut Dice) -> Self {
        let config = config(dice);
        let usual_ms = *dice.pick(&[0, 1, 3, 10, 40]).unwrap_or(&3);
        let faulty = dice.chance(400);
        let pace = Pace {
            usual_ms,
            slow_ms: dice.between(50, 6_000),
            slow: *dice.pick(&[0, 5, 30]).unwrap_or(&0),
            errors: if faulty { dice.below(30) } else { 0 },
            hangs: if faulty { dice.below(20) } else { 0 },
            crashes: dice.below(60),
        };
        Self {
            config,
            lives: usize::try_from(dice.between(3, 9)).unwrap_or(3),
            clients: usize::try_from(dice.between(2, 12)).unwrap_or(4),
            acts: dice.between(10, 60),
            people: dice.between(3, 40),
            calendars: usize::try_from(dice.between(2, 5)).unwrap_or(2),
            pace,
            plants: if dice.chance(350) { dice.between(2, 25) } else { 0 },
            starvings: if dice.chance(250) { dice.between(1, 8) } else { 0 },
            long_pauses: *dice.pick(&[5, 30, 120]).unwrap_or(&30),
            closing_crashes: 300,
            // Dice of their own, so that they do not shift what else a seed is.
            campaigns: *dice.clone().fork().pick(&[0, 0, 200, 500]).unwrap_or(&0),
        }
    }

    /// One of the persons.
    #[must_use]
    pub fn person(&self, dice: &mut Dice) -> Option<PersonId> {
        PersonId::new(format!("person-{}", dice.below(self.people))).ok()
    }
}

fn config(dice: &mut Dice) -> Config {
    let seconds = *dice.pick(&[5, 20, 60, 300, 900]).unwrap_or(&900);
    let engine_wide = Guard { kind: "campaign".into(), scope: GuardScope::Engine };
    let guards = match dice.below(6) {
        0 => vec![engine_wide],
        1 => vec![Guard::per_calendar(), engine_wide],
        2 => Vec::new(),
        _ => vec![Guard::per_calendar()],
    };
    let narrow = dice.chance(200);
    let standard = Config::in_memory();
    Config {
        hold: Duration::from_secs(seconds),
        answer: Duration::from_secs(seconds.max(60)),
        guards,
        calendar_holds_max: if narrow { 2 } else { standard.calendar_holds_max },
        calendar_requests_max: if narrow { 4 } else { standard.calendar_requests_max },
        idle: Duration::from_secs(dice.between(1, 8)),
        replay_max: 1_000,
        ..standard
    }
}

/// A calendar.
///
/// What is set by date lies around `now`.
pub fn definition(dice: &mut Dice, number: u64, now: Timestamp) -> Definition {
    const ZONES: [&str; 5] = [
        "Europe/Paris",
        "Europe/Paris",
        "Asia/Kolkata",
        "America/Sao_Paulo",
        "Australia/Lord_Howe",
    ];
    let zone = *dice.pick(&ZONES).unwrap_or(&"Europe/Paris");
    let mut definition = Definition::weekdays(format!("place {number}"), zone);
    if dice.chance(300) {
        definition.external_id = Some(format!("outside-{number}"));
    }
    definition.lanes = u16::try_from(dice.between(1, 3)).unwrap_or(1);
    definition.grid_minutes = *dice.pick(&[5, 5, 15, 20]).unwrap_or(&5);
    definition.horizon_days = u16::try_from(dice.between(3, 21)).unwrap_or(7);
    definition.reasons = reasons(dice);
    hours(dice, &mut definition);
    // Dice of their own, so that they do not shift what else a seed is.
    let mut more = dice.clone().fork();
    if more.chance(500) {
        let start = date_at(now);
        definition.agenda.templates = templates(&mut more, start);
        definition.exceptions = exceptions(&mut more, start);
        definition.agenda.absences = absences(&mut more, now);
        definition.agenda.public_holidays = holidays(&mut more);
        rules(&mut more, &mut definition.reasons);
        definition.agenda.change_until_minutes = change_until(&mut more);
        definition.agenda.overflow_lanes = *more.pick(&[0, 1]).unwrap_or(&0);
        definition.agenda.holds_again = holds_again(&mut more);
    }
    let reminders = [7 * 24 * 60, 24 * 60, 120].into_iter().filter(|_| more.chance(500));
    definition.agenda.reminders_minutes = reminders.collect();
    definition
}

/// Reasons that all calendars know, so that appointments can move between them.
pub fn reasons(dice: &mut Dice) -> Vec<Reason> {
    let reason = |name: &str, minutes: u16, buffer: u16| {
        let id = ReasonId::new(name).ok()?;
        Some(Reason { buffer_minutes: buffer, ..Reason::new(id, name, minutes) })
    };
    let long = u16::try_from(dice.between(40, 200)).unwrap_or(60);
    let all = [reason("visit", 15, 0), reason("vaccine", 7, 4), reason("surgery", long, 20)];
    all.into_iter().flatten().collect()
}

/// Who may book reasons, how, and when: few rules, or none.
pub fn rules(dice: &mut Dice, reasons: &mut [Reason]) {
    for reason in reasons {
        let rare = |dice: &mut Dice, share| dice.chance(share);
        let standing = *dice.pick(&[Standing::New, Standing::Known]).unwrap_or(&Standing::New);
        let visit = *dice.pick(&[Visit::Video, Visit::Either]).unwrap_or(&Visit::Either);
        let notice = *dice.pick(&[1, 60, 24 * 60]).unwrap_or(&1);
        let few = u16::try_from(dice.between(1, 6)).unwrap_or(1);
        reason.rules = Rules {
            patients: rare(dice, 150).then_some(standing),
            visit: if rare(dice, 200) { visit } else { Visit::InPerson },
            notice_minutes: if rare(dice, 150) { notice } else { 0 },
            ahead_days: rare(dice, 150).then_some(few),
            per_day: rare(dice, 250).then_some(few),
            instructions: rare(dice, 100).then(|| "Bring your card.".to_owned()),
            practice_only: rare(dice, 100),
            dose: None,
        };
    }
}

/// Terms that the rules of a reason let through.
#[must_use]
pub fn fitting(reason: &Reason) -> Terms {
    let Rules { patients, visit, practice_only, .. } = &reason.rules;
    Terms { practice: *practice_only, standing: *patients, by_video: *visit == Visit::Video }
}

/// Hours for each day of the week; some are open at night, when clocks change.
pub fn hours(dice: &mut Dice, definition: &mut Definition) {
    for day in &mut definition.weekly_hours.days {
        let (from, to) = match dice.below(5) {
            0 => (0, 24 * 60),
            1 => (60, 5 * 60),
            2 => (22 * 60, 24 * 60),
            _ => (8 * 60, 12 * 60),
        };
        *day = Interval::new(from, to).into_iter().collect();
        if dice.chance(500) {
            day.extend(Interval::new(14 * 60 + 5, 18 * 60));
        }
    }
}

/// Weeks that count for a while, some every so many weeks.
pub fn templates(dice: &mut Dice, start: Date) -> Vec<Template> {
    let template = |dice: &mut Dice| {
        let mut weekdays = Definition::weekdays("", "");
        hours(dice, &mut weekdays);
        let from = later(start, days(dice, 21) - 14);
        Template {
            from: dice.chance(700).then(|| from.into()),
            until: dice.chance(700).then(|| later(from, days(dice, 21)).into()),
            every_weeks: u8::try_from(dice.between(1, 4)).unwrap_or(1),
            anchor: Some(later(start, days(dice, 60) - 30).into()),
            hours: weekdays.weekly_hours,
        }
    };
    (0..dice.below(3)).map(|_| template(dice)).collect()
}

/// Dates with hours of their own, few or none.
pub fn exceptions(dice: &mut Dice, start: Date) -> Vec<DayException> {
    let mut date = later(start, -3);
    let mut exception = |dice: &mut Dice| {
        date = later(date, 1 + days(dice, 8));
        let hours = if dice.chance(500) { Interval::new(10 * 60, 16 * 60) } else { None };
        DayException { date: date.into(), hours: hours.into_iter().collect() }
    };
    (0..dice.below(4)).map(|_| exception(dice)).collect()
}

/// Dates and stretches on which nothing is open.
pub fn absences(dice: &mut Dice, now: Timestamp) -> Vec<Absence> {
    let start = date_at(now);
    let absence = |dice: &mut Dice| {
        let from = later(start, days(dice, 21) - 2);
        if dice.chance(500) {
            let until = later(from, days(dice, 3));
            let (from, until) = (Edge::Date(from.into()), Edge::Date(until.into()));
            return Absence { from, until, label: None };
        }
        let begin = now.plus_minutes(days(dice, 21 * 24 * 60) - 24 * 60);
        let until = begin.plus_minutes(1 + days(dice, 600));
        let label = Some("away".to_owned());
        Absence { from: Edge::Instant(begin), until: Edge::Instant(until), label }
    };
    (0..dice.below(4)).map(|_| absence(dice)).collect()
}

/// How often a slot may be held again after an expiry, if that counts.
pub fn holds_again(dice: &mut Dice) -> Option<u8> {
    *dice.pick(&[None, None, Some(0), Some(1)]).unwrap_or(&None)
}

/// Minutes until which appointments may be changed.
pub fn change_until(dice: &mut Dice) -> u32 {
    *dice.pick(&[0, 30, 24 * 60]).unwrap_or(&0)
}

/// The public holidays that are kept, if any.
pub fn holidays(dice: &mut Dice) -> PublicHolidays {
    let calendar = *dice.pick(&HolidayCalendar::ALL).unwrap_or(&HolidayCalendar::None);
    PublicHolidays { calendar, open_on: Vec::new() }
}

/// The date at `now`, near enough.
#[must_use]
pub fn date_at(now: Timestamp) -> Date {
    jiff::tz::TimeZone::UTC.to_datetime(now.to_jiff()).date()
}

/// A number below `end`, of days or the like.
fn days(dice: &mut Dice, end: u64) -> i64 {
    i64::try_from(dice.below(end)).unwrap_or(0)
}
