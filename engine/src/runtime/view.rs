//! What everyone may see of a calendar without asking it: its schedule and its slot words.
//!
//! A view is a generation of the slot table with the schedule that it was built from. It is
//! replaced when the schedule changes and when the days that it covers run out; a reservation
//! names the view that it was made in.

use std::sync::{Arc, PoisonError, RwLock};

use super::slot_table::{Bits, SlotTable};
use super::sync::{AtomicI64, Ordering};
use crate::booking::schedule::Place;
use crate::booking::{Calendar, Rejection, Schedule, Slot, Span, Step, StepRange, Terms, schedule};
use crate::ids::{CalendarId, ReasonId};
use crate::journal::Sequence;
use crate::limits::{ALTERNATIVES_DAYS, ALTERNATIVES_MAX, TABLE_SLACK_DAYS};
use crate::planted::{self, Bug};
use crate::time::Timestamp;

/// No hold lives.
const NO_DEADLINE: i64 = i64::MAX;

/// A schedule and the slot words that go with it.
pub(crate) struct View {
    pub(crate) calendar: CalendarId,
    /// Tells one view from another; never given out twice.
    pub(crate) generation: u64,
    pub(crate) schedule: Arc<Schedule>,
    /// What must be durable before the schedule may be spoken of.
    pub(crate) rests_on: Sequence,
    /// From when on the table lacks days that can be booked.
    stale_at: Timestamp,
    table: SlotTable,
    next_deadline: AtomicI64,
    today: RwLock<Today>,
}

/// The horizon of a stretch of time. To find it anew takes longer than everything else that a
/// refusal needs.
#[derive(Clone, Copy)]
struct Today {
    from: Timestamp,
    until: Timestamp,
    horizon: Timestamp,
}

impl Today {
    fn at(schedule: &Schedule, now: Timestamp) -> Self {
        let (horizon, until) = schedule.horizon_for_now(now);
        Self { from: now, until, horizon }
    }
}

impl View {
    /// What `calendar` is at `now`.
    pub(crate) fn of(
        calendar: &Calendar,
        now: Timestamp,
        generation: u64,
        rests_on: Sequence,
    ) -> Self {
        let schedule = calendar.schedule().clone();
        let today = schedule.date_at(now);
        let days = i64::from(schedule.definition().horizon_days) + 1;
        let reach = i64::from(schedule.definition().reach_days());
        let last = schedule::later(today, days + i64::from(TABLE_SLACK_DAYS) + reach);
        let grid = schedule.grid();
        let first = grid.floor(schedule.midnight(today));
        let end = grid.ceil(schedule.midnight(last));
        let open = schedule.open_steps(schedule::later(today, -1), last);
        let table = SlotTable::new(first, end, schedule.definition().lanes, &open);
        for live in calendar.live() {
            let span = live.booking.span;
            let range = grid.covering(span.start, span.occupied_until);
            table.occupy(span.lane, range.first.max(first), range.end().min(end));
        }
        let stale_at = schedule.midnight(schedule::later(today, i64::from(TABLE_SLACK_DAYS)));
        let deadline = calendar.next_deadline().map_or(NO_DEADLINE, Timestamp::millis);
        let today = RwLock::new(Today::at(&schedule, now));
        Self {
            today,
            calendar: calendar.id(),
            generation,
            schedule: Arc::new(schedule),
            rests_on,
            stale_at,
            table,
            next_deadline: AtomicI64::new(deadline),
        }
    }

    /// Whether the table lacks days that can be booked at `now`.
    pub(crate) fn is_stale(&self, now: Timestamp) -> bool {
        self.stale_at <= now
    }

    /// Whether a hold that occupies a lane is past its deadline.
    pub(crate) fn has_due(&self, now: Timestamp) -> bool {
        self.next_deadline.load(Ordering::Acquire) <= now.millis()
    }

    pub(crate) fn set_next_deadline(&self, deadline: Option<Timestamp>) {
        let millis = deadline.map_or(NO_DEADLINE, Timestamp::millis);
        self.next_deadline.store(millis, Ordering::Release);
    }

    /// The first instant after the last day that can be booked at `now`.
    pub(crate) fn horizon(&self, now: Timestamp) -> Timestamp {
        let known = *self.today.read().unwrap_or_else(PoisonError::into_inner);
        if known.from <= now && now < known.until {
            return known.horizon;
        }
        let today = Today::at(&self.schedule, now);
        *self.today.write().unwrap_or_else(PoisonError::into_inner) = today;
        today.horizon
    }

    /// The slot of `reason` at `start`, if it may be booked at `now`: as [`Schedule::place`], by
    /// what the table knows of the hours.
    ///
    /// # Errors
    ///
    /// As [`Schedule::place`].
    pub(crate) fn place(
        &self,
        reason: &ReasonId,
        start: Timestamp,
        now: Timestamp,
        terms: Terms,
    ) -> Result<Place<'_>, Rejection> {
        let is_open = |range| match self.table.bits(range) {
            Some(bits) => self.table.is_open(bits),
            None => self.schedule.is_open(range),
        };
        self.schedule.place_by(reason, start, now, terms, (|| self.horizon(now), is_open))
    }

    /// Whether a part of a booking has room here, as far as the words tell.
    pub(crate) fn has_room(
        &self,
        start: Timestamp,
        occupied_until: Timestamp,
        now: Timestamp,
    ) -> bool {
        let horizon = self.horizon(now);
        let is_open = |range| match self.table.bits(range) {
            Some(bits) => self.table.is_open(bits),
            None => self.schedule.is_open(range),
        };
        let range = self.schedule.part_range_by(start, occupied_until, horizon, is_open);
        let bits = range.and_then(|range| self.bits(range));
        bits.is_some_and(|bits| !self.table.is_taken(bits))
    }

    /// The bits of a span; none outside the table.
    pub(crate) fn bits_of(&self, span: &Span) -> Option<Bits> {
        self.bits(self.schedule.grid().covering(span.start, span.occupied_until))
    }

    /// The bits of a range; none outside the table.
    pub(crate) fn bits(&self, range: StepRange) -> Option<Bits> {
        self.table.bits(range)
    }

    /// The words.
    pub(crate) fn table(&self) -> &SlotTable {
        &self.table
    }

    /// Free slots of a reason that start in `from..until`, in order, at most `limit`.
    pub(crate) fn slots(
        &self,
        reason: &ReasonId,
        from: Timestamp,
        until: Timestamp,
        limit: usize,
    ) -> Vec<Slot> {
        let Some(reason) = self.schedule.definition().reason(reason) else { return Vec::new() };
        let grid = self.schedule.grid();
        let (first, end) = (grid.ceil(from), grid.ceil(until));
        let Some(range) = grid.range(first, reason.occupied_minutes()) else { return Vec::new() };
        let duration = i64::from(reason.duration_minutes);
        let slot = |(step, free): (Step, u16)| {
            let start = grid.start_of(step);
            Slot { calendar: self.calendar, start, end: start.plus_minutes(duration), free }
        };
        let starts = self.table.free_starts(first, end, range.count, limit);
        starts.into_iter().take(limit).map(slot).collect()
    }

    /// The free slots nearest to `start`, nearest first.
    pub(crate) fn alternatives(
        &self,
        reason: &ReasonId,
        start: Timestamp,
        now: Timestamp,
    ) -> Vec<Slot> {
        const REACH_MS: i64 = ALTERNATIVES_DAYS as i64 * 24 * 60 * 60 * 1_000;
        let Some(reason) = self.schedule.definition().reason(reason) else { return Vec::new() };
        let grid = self.schedule.grid();
        let (earliest, end) = self.schedule.window(reason, now, false, self.horizon(now));
        let from = grid.ceil(start.plus_ms(-REACH_MS).max(earliest));
        let until = grid.ceil(start.plus_ms(REACH_MS).min(end));
        let Some(range) = grid.range(grid.floor(start), reason.occupied_minutes()) else {
            return Vec::new();
        };
        let near = self.table.nearest(range.first, (from, until), range.count, ALTERNATIVES_MAX);
        let late = i64::from(planted::is(Bug::AlternativesLate)) * i64::from(grid.minutes());
        let duration = i64::from(reason.duration_minutes);
        let slot = |(step, free): (Step, u16)| {
            let start = grid.start_of(step);
            let end = start.plus_minutes(duration);
            Slot { calendar: self.calendar, start: start.plus_minutes(late), end, free }
        };
        near.into_iter().map(slot).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::booking::{Definition, Event, Interval, Reason, WeeklyHours};

    const HOUR_MS: i64 = 60 * 60 * 1_000;

    /// A calendar of a zone that is open from one to ten at night, two days ahead.
    fn calendar(zone: &str, at: Timestamp) -> Calendar {
        let mut definition = Definition::weekdays("Practice", zone);
        let night: Vec<_> = Interval::new(60, 600).into_iter().collect();
        definition.weekly_hours = WeeklyHours { days: std::array::from_fn(|_| night.clone()) };
        definition.horizon_days = 2;
        definition.reasons = vec![Reason::new("visit".parse().unwrap(), "Visit", 30)];
        let calendar = CalendarId::from_bits(1);
        Calendar::created(&Event::CalendarCreated {
            calendar,
            at,
            definition: Box::new(definition),
        })
        .unwrap()
    }

    /// What a view keeps of the hours and of the horizon is what the schedule says, over midnights
    /// and on the nights when the clocks change, at midnight in Havana and by half an hour on Lord
    /// Howe Island.
    #[test]
    fn a_view_keeps_what_the_schedule_says() {
        let changes = [
            ("Europe/Paris", "2027-03-28T01:00:00Z"),
            ("Europe/Paris", "2027-10-31T01:00:00Z"),
            ("America/Havana", "2027-03-14T05:00:00Z"),
            ("America/Havana", "2027-11-07T05:00:00Z"),
            ("Australia/Lord_Howe", "2027-04-03T15:00:00Z"),
            ("Pacific/Apia", "2027-01-10T11:00:00Z"),
        ];
        let reason: ReasonId = "visit".parse().unwrap();
        for (zone, change) in changes {
            let change: Timestamp = change.parse().unwrap();
            let first = change.plus_ms(-26 * HOUR_MS);
            let calendar = calendar(zone, first);
            let view = View::of(&calendar, first, 1, 0);
            let schedule = calendar.schedule();
            for now in (0..).flat_map(|half| {
                let now = first.plus_ms(half * HOUR_MS / 2);
                [now.plus_ms(-1).max(first), now]
            }) {
                if view.is_stale(now) {
                    break;
                }
                assert_eq!(view.horizon(now), schedule.horizon(now), "{zone} at {now}");
                for quarters in -3..300 {
                    let start = schedule.grid().floor(now.plus_minutes(15 * quarters));
                    let start = schedule.grid().start_of(start);
                    let terms = Terms::default();
                    let kept = view.place(&reason, start, now, terms).map(|place| place.range);
                    let said = schedule.place(&reason, start, now, terms).map(|place| place.range);
                    assert_eq!(kept, said, "{zone} at {now}: {start}");
                }
            }
        }
    }
}
