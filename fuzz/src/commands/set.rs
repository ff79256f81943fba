//! What is set about the two calendars: how it is asked, and what must come of it.

use creneau::booking::{Change, DayException, Definition, Interval, Reason, WeeklyHours};
use creneau::{ReasonId, Timestamp};

use crate::tape::Tape;

pub(super) const MINUTE: i64 = 60_000;
pub(super) const DAY: i64 = 24 * 60 * MINUTE;

/// Monday 4 January 2027 in days since 1970.
pub(super) const MONDAY_DAY: i64 = 20_822;

/// Zones without summer time, and their minutes ahead of UTC: the model reckons with these alone.
const ZONES: [(&str, i64); 4] =
    [("Etc/UTC", 0), ("Asia/Kathmandu", 345), ("America/Lima", -300), ("Pacific/Marquesas", -570)];

/// Minutes of a local day.
type Minutes = &'static [(u16, u16)];

/// The hours of a day, as they are given and as a calendar keeps them.
struct Hours {
    given: Minutes,
    kept: Minutes,
}

const HOURS: [Hours; 6] = [
    in_order(&[(480, 720), (840, 1_080)]),
    in_order(&[(0, 1_440)]),
    Hours {
        given: &[(840, 1_080), (480, 600), (570, 720), (1_080, 1_090)],
        kept: &[(480, 720), (840, 1_090)],
    },
    in_order(&[]),
    in_order(&[(427, 528), (1_320, 1_440)]),
    in_order(&[(0, 60), (540, 541)]),
];

const fn in_order(kept: Minutes) -> Hours {
    Hours { given: kept, kept }
}

/// Name, duration and buffer, in minutes.
type Times = (&'static str, u16, u16);
const REASONS: [&[Times]; 5] = [
    &[("visit", 15, 0), ("long", 30, 10), ("odd", 12, 0)],
    &[("visit", 20, 0), ("odd", 12, 5)],
    &[("visit", 15, 5), ("long", 100, 20), ("stay", 600, 60)],
    &[("visit", 0, 15)],
    &[],
];

/// A calendar as bytes set it, which need not be allowed.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Set {
    zone: (&'static str, i64),
    grid: u8,
    lanes: u16,
    horizon: u16,
    /// The hours of Monday to Friday; those of Saturday and Sunday are the next ones.
    week: usize,
    /// Days after that Monday with hours of their own.
    exceptions: Vec<(u8, usize)>,
    /// Each with the version at which it was last set.
    reasons: Vec<(Times, u32)>,
}

/// What is changed of a calendar.
#[derive(Clone, Debug)]
pub(super) enum Part {
    Week(usize),
    Exceptions(Vec<(u8, usize)>),
    Reasons(usize),
    Lanes(u16),
    Horizon(u16),
}

impl Set {
    pub(super) fn standard() -> Self {
        Self::read(&mut Tape::new(&[]))
    }

    pub(super) fn read(tape: &mut Tape<'_>) -> Self {
        Self {
            zone: tape.pick(ZONES),
            grid: tape.pick([5, 15, 10, 30, 60, 5, 7, 0]),
            lanes: tape.pick([2, 1, 3, 3, 2, 1, 0, 1_001]),
            horizon: tape.pick([7, 2, 1, 30, 7, 3, 0, 731]),
            week: tape.below(HOURS.len()),
            exceptions: Vec::new(),
            reasons: tape.pick(REASONS).iter().map(|times| (*times, 1)).collect(),
        }
    }

    /// The rules of [`Definition::checked`], as far as bytes can break them.
    pub(super) fn is_allowed(&self) -> bool {
        let longest = u16::from(self.grid) * 128;
        let reason = |((_, time, buffer), _): &(Times, u32)| *time != 0 && time + buffer <= longest;
        let mut days: Vec<u8> = self.exceptions.iter().map(|(day, _)| *day).collect();
        days.sort_unstable();
        days.dedup();
        matches!(self.grid, 1..=6 | 10 | 12 | 15 | 20 | 30 | 60)
            && (1..=1_000).contains(&self.lanes)
            && (1..=730).contains(&self.horizon)
            && !self.reasons.is_empty()
            && self.reasons.iter().all(reason)
            && days.len() == self.exceptions.len()
    }

    /// As it is after a change, which is the `version`th.
    pub(super) fn changed(&self, part: &Part, version: u32) -> Self {
        let mut set = self.clone();
        match part {
            Part::Week(week) => set.week = *week,
            Part::Exceptions(days) => set.exceptions.clone_from(days),
            Part::Reasons(preset) => {
                let times = REASONS[*preset];
                let before = |times: &Times| self.reasons.iter().find(|(old, _)| old == times);
                let since = |times: &Times| before(times).map_or(version, |(_, since)| *since);
                set.reasons = times.iter().map(|times| (*times, since(times))).collect();
            }
            Part::Lanes(lanes) => set.lanes = *lanes,
            Part::Horizon(days) => set.horizon = *days,
        }
        set.exceptions.sort_unstable();
        set
    }

    /// As it is asked for; what is kept of it is in order.
    pub(super) fn definition(&self, kept: bool) -> Definition {
        Definition {
            time_zone: self.zone.0.to_owned(),
            grid_minutes: self.grid,
            lanes: self.lanes,
            reasons: self.reasons.iter().map(|(times, since)| reason(times, *since)).collect(),
            weekly_hours: week(self.week, kept),
            exceptions: exceptions(&self.exceptions, kept),
            horizon_days: self.horizon,
            ..Definition::weekdays("Cabinet", "Etc/UTC")
        }
    }

    /// The local day since 1970 and the minute of it.
    pub(super) fn local(&self, at: Timestamp) -> (i64, i64) {
        let minutes = at.millis().div_euclid(MINUTE) + self.zone.1;
        (minutes.div_euclid(24 * 60), minutes.rem_euclid(24 * 60))
    }

    /// When the local clock shows midnight at the beginning of a day since 1970.
    pub(super) fn midnight(&self, day: i64) -> Timestamp {
        Timestamp::from_millis(day * DAY - self.zone.1 * MINUTE)
    }

    /// Whether every minute is open of every step that it touches.
    pub(super) fn is_open(&self, start: Timestamp, until: Timestamp) -> bool {
        let step = i64::from(self.grid);
        let minutes = (until.millis() - start.millis()).div_euclid(MINUTE);
        (0..minutes + (-minutes).rem_euclid(step)).all(|minute| {
            let (day, minute) = self.local(start.plus_minutes(minute));
            let minute = u16::try_from(minute).unwrap_or(u16::MAX);
            self.hours_of(day).iter().any(|(from, to)| (*from..*to).contains(&minute))
        })
    }

    fn hours_of(&self, day: i64) -> Minutes {
        let own = self.exceptions.iter().find(|(after, _)| MONDAY_DAY + i64::from(*after) == day);
        // The first of January 1970 was a Thursday.
        let weekend = 4 < (day + 3).rem_euclid(7);
        let preset = own.map_or(self.week + usize::from(weekend), |(_, preset)| *preset);
        preset_hours(preset).kept
    }

    /// Whether a start lies on the grid, which holds the local hour.
    pub(super) fn is_on_grid(&self, start: Timestamp) -> bool {
        let (_, minute) = self.local(start);
        start.millis() % MINUTE == 0 && minute % i64::from(self.grid) == 0
    }

    pub(super) fn grid(&self) -> u8 {
        self.grid
    }

    pub(super) fn lanes(&self) -> u16 {
        self.lanes
    }

    pub(super) fn horizon(&self) -> u16 {
        self.horizon
    }

    /// Minutes, minutes after them, and the version of a reason.
    pub(super) fn reason(&self, name: &str) -> Option<(i64, i64, u32)> {
        let ((_, time, buffer), since) = self.reasons.iter().find(|((id, ..), _)| *id == name)?;
        Some(((*time).into(), (*buffer).into(), *since))
    }
}

impl Part {
    pub(super) fn read(tape: &mut Tape<'_>) -> Self {
        match tape.below(5) {
            0 => Self::Week(tape.below(HOURS.len())),
            1 => {
                // The later one first; a day that stands twice is refused.
                let (day, apart) = (tape.byte() % 4, tape.byte() % 3);
                let own = |day, tape: &mut Tape<'_>| (day, tape.below(HOURS.len()));
                Self::Exceptions(vec![own(day + apart, tape), own(day, tape)])
            }
            2 => Self::Reasons(tape.below(REASONS.len())),
            3 => Self::Lanes(tape.pick([1, 2, 3, 0, 1_001])),
            _ => Self::Horizon(tape.pick([7, 1, 30, 0, 731])),
        }
    }

    /// As it is asked of a calendar.
    pub(super) fn change(&self) -> Change {
        let mut change = Change::default();
        match self {
            Self::Week(preset) => change.weekly_hours = Some(week(*preset, false)),
            Self::Exceptions(days) => change.exceptions = Some(exceptions(days, false)),
            Self::Reasons(preset) => {
                let times = REASONS[*preset];
                change.reasons = Some(times.iter().map(|times| reason(times, 0)).collect());
            }
            Self::Lanes(lanes) => change.lanes = Some(*lanes),
            Self::Horizon(days) => change.horizon_days = Some(*days),
        }
        change
    }
}

fn preset_hours(preset: usize) -> &'static Hours {
    &HOURS[preset % HOURS.len()]
}

fn intervals(preset: usize, kept: bool) -> Vec<Interval> {
    let hours = preset_hours(preset);
    let minutes = if kept { hours.kept } else { hours.given };
    minutes.iter().filter_map(|(start, end)| Interval::new(*start, *end)).collect()
}

fn week(preset: usize, kept: bool) -> WeeklyHours {
    let days = std::array::from_fn(|day| intervals(preset + usize::from(4 < day), kept));
    WeeklyHours { days }
}

fn exceptions(days: &[(u8, usize)], kept: bool) -> Vec<DayException> {
    let exception = |&(after, preset): &(u8, usize)| {
        let day = i8::try_from(4 + after).unwrap_or(i8::MAX);
        DayException {
            date: jiff::civil::date(2027, 1, day).into(),
            hours: intervals(preset, kept),
        }
    };
    days.iter().map(exception).collect()
}

fn reason((id, duration, buffer): &Times, version: u32) -> Reason {
    let id = ReasonId::new(*id).expect("it is visible ASCII");
    let reason = Reason::new(id, "Visit", *duration);
    Reason { buffer_minutes: *buffer, version, ..reason }
}
