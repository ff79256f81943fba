//! A definition's hours as instants.
//!
//! An opening starts at the first instant at which the local clock shows its start or has passed
//! it, and ends likewise. So on the night when the clocks go forward an opening that starts
//! within the skipped hour starts with the hour after it, and one that lies wholly inside it does
//! not take place; on the night when they go back an opening is taken once, at its first pass,
//! and one that spans the repeated hour is an hour longer. Nothing else moves.
//!
//! A date has the hours of its exception, if it has one; otherwise none on a public holiday that is
//! kept; otherwise those of the week and of every template that counts, taken together. Absences
//! close what is left, to the instant.

use std::borrow::Cow;

use jiff::civil::{Date, DateTime};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{Span, ToSpan};

use super::definition::{Definition, Reason};
use super::grid::{Grid, StepRange};
use super::hours::{Interval, MINUTES_PER_DAY, WeeklyHours, normalised};
use super::rejection::Rejection;
use super::rules::{Rules, Terms};
use crate::ids::ReasonId;
use crate::planted::{self, Bug};
use crate::time::Timestamp;

const MS_PER_MINUTE: i64 = 60_000;

/// A contiguous stretch of open time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opening {
    /// Its first instant.
    pub start: Timestamp,
    /// The instant after its last.
    pub end: Timestamp,
}

/// A definition made ready to answer questions about time.
#[derive(Clone, Debug)]
pub struct Schedule {
    definition: Definition,
    zone: TimeZone,
    grid: Grid,
    /// What absences close, in order, none touching the next.
    closed: Vec<Opening>,
}

/// A slot that the hours allow, whether or not it is free.
#[derive(Clone, Debug)]
pub struct Place<'a> {
    /// The reason asked for.
    pub reason: &'a Reason,
    /// The steps that it occupies, buffer included.
    pub range: StepRange,
    /// When it ends for the patient.
    pub end: Timestamp,
    /// When the lane is free again.
    pub occupied_until: Timestamp,
}

impl Schedule {
    /// Takes a definition that [`Definition::checked`] let through.
    ///
    /// # Errors
    ///
    /// [`Rejection::Invalid`] when the zone or the grid is not known.
    pub fn new(definition: Definition) -> Result<Self, Rejection> {
        let (zone, grid, closed) = (definition.zone()?, definition.grid()?, definition.closed()?);
        Ok(Self { definition, zone, grid, closed })
    }

    /// What was set.
    #[must_use]
    pub fn definition(&self) -> &Definition {
        &self.definition
    }

    /// The grid.
    #[must_use]
    pub fn grid(&self) -> Grid {
        self.grid
    }

    /// The local date at `instant`.
    #[must_use]
    pub fn date_at(&self, instant: Timestamp) -> Date {
        self.zone.to_datetime(instant.to_jiff()).date()
    }

    /// The local date and the minute of its day at `instant`.
    #[must_use]
    pub fn clock_at(&self, instant: Timestamp) -> (Date, u16) {
        let local = self.zone.to_datetime(instant.to_jiff());
        let minute = i16::from(local.hour()) * 60 + i16::from(local.minute());
        (local.date(), minute.unsigned_abs())
    }

    /// Whether an instant lies in these hours of the week, by the local clock.
    #[must_use]
    pub fn is_within(&self, hours: &WeeklyHours, instant: Timestamp) -> bool {
        let (date, minute) = self.clock_at(instant);
        hours.on(date).iter().any(|it| it.start() <= minute && minute < it.end())
    }

    /// The offset of the local clock from UTC at `instant`.
    #[must_use]
    pub fn offset_at(&self, instant: Timestamp) -> jiff::tz::Offset {
        self.zone.to_offset(instant.to_jiff())
    }

    /// The first instant of a local date.
    #[must_use]
    pub fn midnight(&self, date: Date) -> Timestamp {
        midnight(&self.zone, date)
    }

    /// The first instant after the last day that can be booked.
    #[must_use]
    pub fn horizon(&self, now: Timestamp) -> Timestamp {
        self.days_on(now, self.definition.horizon_days)
    }

    /// From when on a reason can be booked, and before which instant, by a horizon at hand.
    pub(crate) fn window(
        &self,
        reason: &Reason,
        now: Timestamp,
        practice: bool,
        horizon: Timestamp,
    ) -> (Timestamp, Timestamp) {
        let Rules { notice_minutes, ahead_days, .. } = &reason.rules;
        if practice {
            return (now, horizon);
        }
        let ahead = ahead_days.map_or(horizon, |days| self.days_on(now, days).min(horizon));
        (now.plus_minutes((*notice_minutes).into()), ahead)
    }

    /// The first instant after the day that is so many days after today.
    fn days_on(&self, now: Timestamp, days: u16) -> Timestamp {
        let more = i64::from(planted::is(Bug::HorizonDayMore));
        self.midnight(later(self.date_at(now), i64::from(days) + 1 + more))
    }

    /// The horizon at `now`, and until when it stays the same: the date, by which it goes, ends at
    /// the next midnight, or earlier where the clocks change.
    pub(crate) fn horizon_for_now(&self, now: Timestamp) -> (Timestamp, Timestamp) {
        let midnight = self.midnight(later(self.date_at(now), 1));
        let change = self.zone.following(now.to_jiff()).next();
        let until = change.map_or(midnight, |change| midnight.min(change.timestamp().into()));
        (self.horizon(now), until)
    }

    /// The openings of one local date, in order.
    pub fn openings(&self, date: Date) -> impl Iterator<Item = Opening> + '_ {
        let hours = self.hours_of(date);
        let interval = move |place| hours.get(place).copied();
        let opening = move |interval: Interval| {
            let start = first_instant(&self.zone, at_minute(date, interval.start()));
            let end = first_instant(&self.zone, at_minute(date, interval.end()));
            Opening { start, end }
        };
        (0..).map_while(interval).map(opening).flat_map(|opening| self.attended(opening))
    }

    /// What no absence closes of an opening, in order; nothing of one that clocks skip.
    fn attended(&self, opening: Opening) -> impl Iterator<Item = Opening> + '_ {
        let first = self.closed.partition_point(|closed| closed.end <= opening.start);
        let closed = self.closed.get(first..).unwrap_or_default().iter();
        let ignored =
            move |start: Timestamp| planted::is(Bug::AbsenceLate) && opening.start < start;
        let mut closed = closed
            .take_while(move |closed| closed.start < opening.end)
            .filter(move |closed| !ignored(closed.start));
        let mut rest = Some(opening);
        std::iter::from_fn(move || {
            while let Some(Opening { start, end }) = rest.take() {
                let Some(closed) = closed.next() else {
                    return (start < end).then_some(Opening { start, end });
                };
                rest = Some(Opening { start: closed.end, end });
                if start < closed.start {
                    return Some(Opening { start, end: closed.start });
                }
            }
            None
        })
    }

    /// The stretches of whole open steps on the local dates from `first` to `last`. Openings
    /// that touch at midnight are one stretch.
    #[must_use]
    pub fn open_steps(&self, first: Date, last: Date) -> Vec<(u32, u32)> {
        let mut stretches: Vec<Opening> = Vec::new();
        let mut date = first;
        while date <= last {
            for opening in self.openings(date) {
                match stretches.last_mut() {
                    Some(before) if opening.start <= before.end => {
                        before.end = before.end.max(opening.end);
                    }
                    _ => stretches.push(opening),
                }
            }
            let next = later(date, 1);
            if next == date {
                break;
            }
            date = next;
        }
        let steps = |o: Opening| (self.grid.ceil(o.start).0, self.grid.floor(o.end).0);
        stretches.into_iter().map(steps).filter(|(start, end)| start < end).collect()
    }

    /// Whether all of `range` is open.
    #[must_use]
    pub fn is_open(&self, range: StepRange) -> bool {
        let date = |step| self.date_at(self.grid.start_of(step));
        let first = date(range.first);
        // Nearly always one opening of its own date has all of it.
        let has_all = |opening: Opening| {
            self.grid.ceil(opening.start) <= range.first
                && range.end() <= self.grid.floor(opening.end)
        };
        if self.openings(first).any(has_all) {
            return true;
        }
        // 128 steps of an hour are more than five days. The day before and the day after count
        // too: where clocks go back at midnight, an hour is lived on the date before its own.
        let days = self.open_steps(later(first, -1), later(date(range.end()), 1));
        days.iter().any(|&(start, end)| start <= range.first.0 && range.end().0 <= end)
    }

    /// The slot of `reason` at `start`, if it may be booked at `now`.
    ///
    /// Both the fast path and `decide` ask here, so that they refuse in the same order.
    ///
    /// # Errors
    ///
    /// In this order: [`Rejection::UnknownReason`], [`Rejection::PracticeOnly`],
    /// [`Rejection::PatientsOnly`], [`Rejection::VisitNotOffered`], [`Rejection::OffGrid`],
    /// [`Rejection::InThePast`], [`Rejection::TooSoon`], [`Rejection::BeyondHorizon`],
    /// [`Rejection::OutsideOpenings`].
    pub fn place(
        &self,
        reason: &ReasonId,
        start: Timestamp,
        now: Timestamp,
        terms: Terms,
    ) -> Result<Place<'_>, Rejection> {
        let known = (|| self.horizon(now), |range| self.is_open(range));
        self.place_by(reason, start, now, terms, known)
    }

    /// As [`Schedule::place`], by a horizon and hours that the caller has at hand.
    pub(crate) fn place_by(
        &self,
        reason: &ReasonId,
        start: Timestamp,
        now: Timestamp,
        terms: Terms,
        (horizon, is_open): (impl FnOnce() -> Timestamp, impl Fn(StepRange) -> bool),
    ) -> Result<Place<'_>, Rejection> {
        let reason = self.definition.reason(reason).ok_or(Rejection::UnknownReason)?;
        reason.rules.admit(terms)?;
        let grid_minutes = self.grid.minutes();
        let first = self.grid.exact(start).ok_or(Rejection::OffGrid { grid_minutes })?;
        if start < now {
            return Err(Rejection::InThePast);
        }
        let notice_minutes = reason.rules.notice_minutes;
        if !terms.practice && start < now.plus_minutes(notice_minutes.into()) {
            return Err(Rejection::TooSoon { notice_minutes });
        }
        if horizon() <= start {
            return Err(Rejection::BeyondHorizon { horizon_days: self.definition.horizon_days });
        }
        if let Some(horizon_days) = reason.rules.ahead_days.filter(|_| !terms.practice)
            && self.days_on(now, horizon_days) <= start
        {
            return Err(Rejection::BeyondHorizon { horizon_days });
        }
        let range = self.grid.range(first, reason.occupied_minutes());
        let range = range.filter(|&range| is_open(range)).ok_or(Rejection::OutsideOpenings)?;
        let buffer = if planted::is(Bug::BufferIgnored) { 0 } else { reason.buffer_minutes };
        Ok(Place {
            reason,
            range,
            end: start.plus_minutes(reason.duration_minutes.into()),
            occupied_until: start.plus_minutes((reason.duration_minutes + buffer).into()),
        })
    }

    /// The steps that a booking of another calendar occupies here, if all of them are open and lie
    /// within what can be booked.
    #[must_use]
    pub fn part_range(
        &self,
        start: Timestamp,
        occupied_until: Timestamp,
        now: Timestamp,
    ) -> Option<StepRange> {
        self.part_range_by(start, occupied_until, self.horizon(now), |range| self.is_open(range))
    }

    /// As [`Schedule::part_range`], by a horizon and hours that the caller has at hand.
    pub(crate) fn part_range_by(
        &self,
        start: Timestamp,
        occupied_until: Timestamp,
        horizon: Timestamp,
        is_open: impl Fn(StepRange) -> bool,
    ) -> Option<StepRange> {
        let first = self.grid.exact(start)?;
        let minutes = (occupied_until.millis() - start.millis()) / MS_PER_MINUTE;
        let range = self.grid.range(first, u16::try_from(minutes).ok()?)?;
        (occupied_until <= horizon && is_open(range)).then_some(range)
    }

    fn hours_of(&self, date: Date) -> Cow<'_, [Interval]> {
        let Definition { weekly_hours, exceptions, agenda, .. } = &self.definition;
        if let Ok(place) = exceptions.binary_search_by_key(&date.into(), |it| it.date) {
            let hours = exceptions.get(place).map_or(&[][..], |exception| &exception.hours);
            return Cow::Borrowed(hours);
        }
        if agenda.public_holidays.on(date).is_some() {
            return Cow::Borrowed(&[]);
        }
        let usual = weekly_hours.on(date);
        let more = agenda.templates.iter().map(|it| it.hours_on(date));
        let mut more = more.filter(|hours| !hours.is_empty());
        match more.next() {
            None => Cow::Borrowed(usual),
            Some(first) => {
                let all = [usual, first].into_iter().chain(more).flatten().copied();
                Cow::Owned(normalised(all.collect()))
            }
        }
    }
}

/// The first instant of a local date.
pub(super) fn midnight(zone: &TimeZone, date: Date) -> Timestamp {
    first_instant(zone, date.to_datetime(jiff::civil::Time::midnight()))
}

/// The first instant at which the local clock shows `local` or has passed it.
fn first_instant(zone: &TimeZone, local: DateTime) -> Timestamp {
    let ambiguous = zone.to_ambiguous_timestamp(local);
    let instant = match ambiguous.offset() {
        AmbiguousOffset::Unambiguous { offset } => offset.to_timestamp(local).ok(),
        AmbiguousOffset::Fold { before, .. } => before.to_timestamp(local).ok(),
        AmbiguousOffset::Gap { after, .. } if planted::is(Bug::GapOpened) => {
            after.to_timestamp(local).ok()
        }
        AmbiguousOffset::Gap { after, .. } => {
            // Read with the later offset the skipped time falls before the change.
            let before = after.to_timestamp(local).ok();
            before.and_then(|before| zone.following(before).next().map(|change| change.timestamp()))
        }
    };
    instant.unwrap_or(jiff::Timestamp::MAX).into()
}

fn at_minute(date: Date, minute: u16) -> DateTime {
    if minute == MINUTES_PER_DAY {
        return later(date, 1).to_datetime(jiff::civil::Time::midnight());
    }
    let part = |value: u16| i8::try_from(value).unwrap_or(0);
    date.at(part(minute / 60), part(minute % 60), 0, 0)
}

/// The date `days` later, or the last one that can be written.
#[must_use]
pub fn later(date: Date, days: i64) -> Date {
    let span: Result<Span, _> = 0.days().try_days(days);
    span.and_then(|span| date.checked_add(span)).unwrap_or(date)
}
