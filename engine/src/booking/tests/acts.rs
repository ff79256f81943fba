//! What random runs are made of: what is asked, when and of whom.

use proptest::prelude::*;
use proptest::sample::Index;

use super::super::schedule::later;
use super::super::{
    Absence, Change, DayException, Edge, HolidayCalendar, Mark, PublicHolidays, Reason,
    Rules as Limited, Standing, Template, Visit, WeeklyHours,
};
use super::naive::{Asked, DAY, FREE, How, Limits, MINUTE, Rules, Times, Weeks, Who};
use super::{intervals, reason};
use crate::time::Timestamp;

/// Friday 26 March 2027, 00:00 in Paris.
pub(super) const FRIDAY: i64 = 1_806_015_600_000;
/// That Friday in days since 1970.
const FRIDAY_DAY: i64 = 20_903;

pub(super) const HOURS: [&str; 5] =
    ["08:00-12:00 14:00-18:00", "08:00-09:00", "", "00:00-24:00", "07:07-08:48 22:00-24:00"];

/// Few a day, with notice.
const FEW: Limits = Limits { notice: 60, per_day: Some(1), ..FREE };
/// New patients alone, and not for long ahead.
const FIRST: Limits =
    Limits { patients: Some(Standing::New), ahead: Some(1), visit: Visit::Either, ..FREE };
/// The practice alone, by video.
const OWN: Limits = Limits { practice_only: true, visit: Visit::Video, ..FREE };

pub(super) const REASONS: [&[Times]; 5] = [
    &[("visit", 15, 0, FREE), ("long", 30, 10, FREE), ("odd", 12, 0, FREE)],
    &[("visit", 20, 0, FREE), ("odd", 12, 5, FREE)],
    &[("visit", 15, 5, FREE), ("long", 100, 20, FREE), ("odd", 12, 0, FREE)],
    &[("visit", 15, 5, FEW), ("long", 30, 10, FIRST), ("odd", 12, 0, OWN)],
    &[("visit", 15, 0, FIRST), ("long", 30, 10, FEW), ("odd", 12, 5, FEW)],
];
const KINDS: [&[&str]; 4] = [&["flu"], &["covid"], &["flu", "covid"], &[]];

#[derive(Clone, Debug)]
pub(super) enum Act {
    Wait(i64),
    /// To the next deadline of a calendar, or a millisecond beside it.
    WaitForDeadline(usize, i64),
    /// To the start of a booking, or a millisecond beside it.
    WaitForStart(Pick, i64),
    Hold(usize, Asked),
    Confirm(Pick, Who),
    Release(Pick, Who),
    Cancel(Pick, Who),
    Shift(Pick, usize, i64, u16, Who),
    Expire(usize),
    Renew(Pick, Who),
    Mark(Pick, Mark),
    Delay(usize, u16),
    /// For one of the appointments, in a calendar.
    Offer(Pick, usize, i64, u16),
    /// One of the bookings for another of them, mostly an offer for what it was made for.
    Accept(Pick, Pick, bool, Who),
    /// Somebody waits: who and why, in which hours, for how many days, instead of what.
    Wish(usize, Asked, Option<(u16, u16)>, i64, Option<Pick>),
    /// One of those who wait, of a calendar or the other.
    Withdraw(Index, bool, Who),
    Set(usize, Part, Option<bool>),
    /// Both calendars go on as what their snapshots restore.
    Restart,
}

/// One of the bookings so far, asked of its own calendar or of the other.
#[derive(Clone, Debug)]
pub(super) struct Pick(pub(super) Index, pub(super) bool);

/// A template as it is set.
type Set = (i64, i64, u8, i64, usize);

#[derive(Clone, Debug)]
pub(super) enum Part {
    Hours(usize),
    Exceptions(Vec<(i64, usize)>),
    /// From and until, in days after that Friday; every how many weeks; days from the anchor's week
    /// to that Friday's; hours.
    Templates(Vec<Set>),
    /// From and until, in minutes after that Friday's midnight, and whether whole dates are meant.
    Absences(Vec<(i64, i64, bool)>),
    Easter(bool),
    Reasons(usize),
    ChangeUntil(u32),
    Overflow(u16),
    Again(Option<u8>),
    Lanes(u16),
    Horizon(u16),
}

/// What a week, a date or a reason is set to, for the one side and for the other.
fn week(preset: usize) -> [&'static str; 7] {
    std::array::from_fn(|day| HOURS[(preset + usize::from(4 < day)) % HOURS.len()])
}

pub(super) fn minutes(text: &str) -> Vec<(i64, i64)> {
    let minute =
        |clock: &str| clock[..2].parse::<i64>().unwrap() * 60 + clock[3..].parse::<i64>().unwrap();
    text.split_whitespace().map(|span| (minute(&span[..5]), minute(&span[6..]))).collect()
}

pub(super) fn reasons(preset: usize) -> Vec<Reason> {
    let short = |minutes: i64| u16::try_from(minutes).unwrap();
    REASONS[preset]
        .iter()
        .map(|(id, time, buffer, limits)| Reason {
            rules: limited(limits),
            ..reason(id, short(*time), short(*buffer))
        })
        .collect()
}

fn limited(limits: &Limits) -> Limited {
    Limited {
        patients: limits.patients,
        visit: limits.visit,
        notice_minutes: limits.notice,
        ahead_days: limits.ahead,
        per_day: limits.per_day,
        instructions: None,
        practice_only: limits.practice_only,
        dose: None,
    }
}

impl Part {
    pub(super) fn change(&self) -> Change {
        let mut change = Change::default();
        match self {
            Self::Hours(preset) => {
                let days = week(*preset).map(intervals);
                change.weekly_hours = Some(WeeklyHours { days });
            }
            Self::Exceptions(dates) => {
                let exception = |&(day, preset): &(i64, usize)| {
                    let date = date_after(day);
                    DayException { date, hours: intervals(HOURS[preset]) }
                };
                change.exceptions = Some(dates.iter().map(exception).collect());
            }
            Self::Templates(all) => {
                let template = |&(from, until, every_weeks, anchor, preset): &Set| Template {
                    from: Some(date_after(from)),
                    until: Some(date_after(until)),
                    every_weeks,
                    anchor: Some(date_after(anchor)),
                    hours: WeeklyHours { days: week(preset).map(intervals) },
                };
                change.templates = Some(all.iter().map(template).collect());
            }
            Self::Absences(all) => change.absences = Some(all.iter().map(absence).collect()),
            Self::Easter(kept) => {
                let calendar = if *kept { HolidayCalendar::France } else { HolidayCalendar::None };
                change.public_holidays = Some(PublicHolidays { calendar, open_on: Vec::new() });
            }
            Self::Reasons(preset) => change.reasons = Some(reasons(*preset)),
            Self::ChangeUntil(minutes) => change.change_until_minutes = Some(*minutes),
            Self::Overflow(lanes) => change.overflow_lanes = Some(*lanes),
            Self::Again(again) => change.holds_again = Some(*again),
            Self::Lanes(lanes) => change.lanes = Some(*lanes),
            Self::Horizon(days) => change.horizon_days = Some(*days),
        }
        change
    }

    pub(super) fn set(&self, rules: &mut Rules) {
        match self {
            Self::Hours(preset) => rules.hours = week(*preset).map(minutes),
            Self::Exceptions(dates) => {
                let exception =
                    |&(day, preset): &(i64, usize)| (FRIDAY_DAY + day, minutes(HOURS[preset]));
                rules.exceptions = dates.iter().map(exception).collect();
            }
            Self::Templates(all) => {
                let weeks = |&(from, until, every, anchor, preset): &Set| {
                    // That Friday's week began four days before it.
                    let to_monday = (anchor + 4).div_euclid(7) * 7 - 4;
                    let (from, until) = (FRIDAY_DAY + from, FRIDAY_DAY + until);
                    let (every, monday) = (i64::from(every), FRIDAY_DAY + to_monday);
                    Weeks { from, until, every, monday, hours: week(preset).map(minutes) }
                };
                rules.templates = all.iter().map(weeks).collect();
            }
            Self::Absences(all) => rules.absences = all.iter().map(instants).collect(),
            Self::Easter(kept) => rules.easter = *kept,
            Self::Reasons(preset) => rules.reasons = REASONS[*preset].to_vec(),
            Self::ChangeUntil(minutes) => rules.change_until = (*minutes).into(),
            Self::Overflow(lanes) => rules.overflow = *lanes,
            Self::Again(again) => rules.again = *again,
            Self::Lanes(lanes) => rules.lanes = *lanes,
            Self::Horizon(days) => rules.horizon = (*days).into(),
        }
    }
}

fn date_after(days: i64) -> super::super::hours::Date {
    later(jiff::civil::date(2027, 3, 26), days).into()
}

/// The midnight with which a day after that Friday begins: from the 29th on, an hour earlier.
fn midnight(days: i64) -> i64 {
    FRIDAY + days * DAY - if 2 < days { 60 * MINUTE } else { 0 }
}

fn absence(&(from, until, dates): &(i64, i64, bool)) -> Absence {
    if dates {
        let date = |minutes: i64| Edge::Date(date_after(minutes.div_euclid(24 * 60)));
        return Absence { from: date(from), until: date(until), label: None };
    }
    let instant = |minutes: i64| Edge::Instant(Timestamp::from_millis(FRIDAY + minutes * MINUTE));
    Absence { from: instant(from), until: instant(until), label: None }
}

fn instants(&(from, until, dates): &(i64, i64, bool)) -> (i64, i64) {
    if dates {
        let day = |minutes: i64| minutes.div_euclid(24 * 60);
        return (midnight(day(from)), midnight(day(until) + 1));
    }
    (FRIDAY + from * MINUTE, FRIDAY + until * MINUTE)
}

/// Mostly a quarter of an hour of the first mornings, so that many want the same.
fn start() -> impl Strategy<Value = i64> {
    let morning = (0..8_i64).prop_map(|quarter| 8 * 60 + quarter * 15);
    let minute =
        prop_oneof![8 => morning, 1 => (0..288_i64).prop_map(|n| n * 5), 1 => 0..1_440_i64];
    let day = prop_oneof![4 => 0..2_i64, 1 => 2..5_i64];
    (day, minute).prop_map(|(day, minute)| FRIDAY + day * DAY + minute * MINUTE)
}

fn asked() -> impl Strategy<Value = Asked> {
    let person = prop::sample::select(vec!["ana", "bob", "zoe"]);
    let reason = prop_oneof![
        8 => Just("visit"),
        3 => Just("odd"),
        3 => Just("long"),
        1 => Just("none"),
    ];
    let kinds = prop::sample::select(&KINDS[..]);
    (person, reason, start(), 0..3_u16, kinds, how(), who()).prop_map(
        |(person, reason, start, lane, kinds, how, who)| Asked {
            person,
            reason,
            start,
            lane,
            kinds: kinds.to_vec(),
            // Who books for themselves does not say so.
            how: How { booked_by: how.booked_by.filter(|by| *by != person), ..how },
            who,
            overflow: lane == 2 && who == Who::Practice,
            offer: None,
        },
    )
}

fn how() -> impl Strategy<Value = How> {
    let booked_by = prop_oneof![4 => Just(None), 1 => Just(Some("ana")), 1 => Just(Some("eve"))];
    let standing = prop_oneof![
        1 => Just(None), 2 => Just(Some(Standing::New)), 1 => Just(Some(Standing::Known)),
    ];
    (booked_by, standing, prop::bool::weighted(0.1))
        .prop_map(|(booked_by, standing, by_video)| How { booked_by, standing, by_video })
}

fn who() -> impl Strategy<Value = Who> {
    prop_oneof![
        4 => Just(Who::Unsaid),
        1 => prop::sample::select(vec!["ana", "bob", "eve"]).prop_map(Who::Person),
        2 => Just(Who::Practice),
    ]
}

fn part() -> impl Strategy<Value = Part> {
    let date = (0..5_i64, 0..HOURS.len());
    let dates =
        prop::collection::btree_map(date.clone().prop_map(|d| d.0), date.prop_map(|d| d.1), 0..3);
    let template = (-20..5_i64, 0..20_i64, 1..4_u8, -30..30_i64, 0..HOURS.len())
        .prop_map(|(from, days, every, anchor, hours)| (from, from + days, every, anchor, hours));
    // Days by the hour, and a few minutes beside it.
    let absence = (0..120_i64, -9..9_i64, 1..30_i64, any::<bool>()).prop_map(
        |(hour, beside, hours, dates)| {
            let from = hour * 60 + beside;
            (from, from + hours * 30, dates)
        },
    );
    prop_oneof![
        (0..HOURS.len()).prop_map(Part::Hours),
        dates.prop_map(|dates| Part::Exceptions(dates.into_iter().collect())),
        prop::collection::vec(template, 0..3).prop_map(Part::Templates),
        prop::collection::vec(absence, 0..3).prop_map(Part::Absences),
        any::<bool>().prop_map(Part::Easter),
        (0..REASONS.len()).prop_map(Part::Reasons),
        prop::sample::select(vec![0, 60, 24 * 60]).prop_map(Part::ChangeUntil),
        (0..3_u16).prop_map(Part::Overflow),
        prop::sample::select(vec![None, Some(0), Some(1)]).prop_map(Part::Again),
        (0..4_u16).prop_map(Part::Lanes),
        (1..4_u16).prop_map(Part::Horizon),
    ]
}

pub(super) fn act() -> impl Strategy<Value = Act> {
    let pick = || {
        (any::<Index>(), prop::bool::weighted(0.1)).prop_map(|(which, other)| Pick(which, other))
    };
    let calendar = || 0..2_usize;
    prop_oneof![
        6 => (1..8_i64).prop_map(|minutes| Act::Wait(minutes * MINUTE)),
        1 => (1..20_i64).prop_map(|hours| Act::Wait(hours * 60 * MINUTE)),
        4 => (calendar(), -1..2_i64).prop_map(|(at, beside)| Act::WaitForDeadline(at, beside)),
        1 => (pick(), -1..2_i64).prop_map(|(pick, beside)| Act::WaitForStart(pick, beside)),
        16 => (calendar(), asked()).prop_map(|(at, asked)| Act::Hold(at, asked)),
        10 => (pick(), who()).prop_map(|(pick, who)| Act::Confirm(pick, who)),
        3 => (pick(), who()).prop_map(|(pick, who)| Act::Release(pick, who)),
        3 => (pick(), who()).prop_map(|(pick, who)| Act::Cancel(pick, who)),
        8 => (pick(), calendar(), start(), 0..3_u16, who())
            .prop_map(|(pick, to, start, lane, who)| Act::Shift(pick, to, start, lane, who)),
        4 => calendar().prop_map(Act::Expire),
        3 => (pick(), who()).prop_map(|(pick, who)| Act::Renew(pick, who)),
        4 => (pick(), prop::sample::select(vec![Mark::Arrived, Mark::Fulfilled, Mark::NoShow]))
            .prop_map(|(pick, mark)| Act::Mark(pick, mark)),
        1 => (calendar(), prop::sample::select(vec![0, 0, 10, 25, 721]))
            .prop_map(|(at, minutes)| Act::Delay(at, minutes)),
        5 => (pick(), calendar(), start(), 0..3_u16)
            .prop_map(|(pick, to, start, lane)| Act::Offer(pick, to, start, lane)),
        5 => (pick(), pick(), prop::bool::weighted(0.8), who())
            .prop_map(|(hold, of, fitting, who)| Act::Accept(hold, of, fitting, who)),
        4 => (calendar(), asked(), prop::option::weighted(0.3, Just((500, 600))), 0..4_i64,
            prop::option::of(pick()))
            .prop_map(|(at, asked, hours, days, of)| Act::Wish(at, asked, hours, days, of)),
        1 => (any::<Index>(), any::<bool>(), who())
            .prop_map(|(which, other, who)| Act::Withdraw(which, other, who)),
        5 => (calendar(), part(), any::<Option<bool>>())
            .prop_map(|(at, part, version)| Act::Set(at, part, version)),
        1 => Just(Act::Restart),
    ]
}
