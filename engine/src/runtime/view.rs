//! What everyone may see of a calendar without asking it: its schedule and its slot words.
//!
//! A view is a generation of the slot table with the schedule that it was built from. It is
//! replaced when the schedule changes and when the days that it covers run out; a reservation
//! names the view that it was made in.

use std::sync::Arc;

use super::slot_table::{Bits, SlotTable};
use super::sync::{AtomicI64, Ordering};
use crate::booking::{Calendar, Schedule, Slot, Span, Step, StepRange, schedule};
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
        Self {
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
        const MS_PER_DAY: i64 = 24 * 60 * 60 * 1_000;
        let near = |days: i64| {
            let from = start.plus_ms(-days * MS_PER_DAY).max(now);
            let until = start.plus_ms(days * MS_PER_DAY).min(self.schedule.horizon(now));
            let mut slots = self.slots(reason, from, until, usize::MAX);
            slots.retain(|slot| slot.start != start);
            slots.sort_by_key(|slot| (slot.start.millis() - start.millis()).abs());
            slots.truncate(ALTERNATIVES_MAX);
            if planted::is(Bug::AlternativesLate) {
                let step = self.schedule.grid().minutes().into();
                slots.iter_mut().for_each(|slot| slot.start = slot.start.plus_minutes(step));
            }
            slots
        };
        let today = near(1);
        if today.len() < ALTERNATIVES_MAX { near(ALTERNATIVES_DAYS.into()) } else { today }
    }
}
