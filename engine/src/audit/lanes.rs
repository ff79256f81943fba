//! What occupies each lane, as the journal has it.

use std::collections::BTreeMap;

use crate::booking::Span;
use crate::ids::{CalendarId, HoldId};
use crate::time::Timestamp;

/// Everything that occupies a lane. Unlike the engine's own, it can hold what overlaps.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    taken: BTreeMap<(CalendarId, u16, Timestamp, HoldId), Timestamp>,
    /// Milliseconds of the longest booking that a calendar ever had: how far back to look.
    longest: BTreeMap<CalendarId, i64>,
}

impl Lanes {
    pub(super) fn occupy(&mut self, calendar: CalendarId, span: &Span, id: HoldId) {
        let length = span.occupied_until.millis().saturating_sub(span.start.millis());
        let longest = self.longest.entry(calendar).or_default();
        *longest = length.max(*longest);
        self.taken.insert((calendar, span.lane, span.start, id), span.occupied_until);
    }

    pub(super) fn vacate(&mut self, calendar: CalendarId, span: &Span, id: HoldId) {
        self.taken.remove(&(calendar, span.lane, span.start, id));
    }

    /// What lies in the lane of `span` at the same time, `id` itself aside.
    pub(super) fn overlapping(&self, calendar: CalendarId, span: &Span, id: HoldId) -> Vec<HoldId> {
        let longest = self.longest.get(&calendar).copied().unwrap_or_default();
        let from = (calendar, span.lane, span.start.plus_ms(-longest), HoldId::from_bits(0));
        let until = (calendar, span.lane, span.occupied_until, HoldId::from_bits(0));
        if until <= from {
            return Vec::new();
        }
        let near = self.taken.range(from..until);
        near.filter(|((.., other), until)| span.start < **until && *other != id)
            .map(|((.., other), _)| *other)
            .collect()
    }

    /// The bookings of a calendar, each with its end.
    pub(super) fn of(
        &self,
        calendar: CalendarId,
    ) -> impl Iterator<Item = (HoldId, Timestamp)> + '_ {
        let first = Timestamp::from_millis(i64::MIN);
        let from = (calendar, 0, first, HoldId::from_bits(0));
        let of = move |((at, ..), _): &(&(CalendarId, u16, Timestamp, HoldId), &Timestamp)| {
            *at == calendar
        };
        self.taken.range(from..).take_while(of).map(|((.., id), until)| (*id, *until))
    }
}
