//! What comes free in a calendar for which somebody waits: it is offered before anybody else sees
//! that it is free.

use super::{Claimed, Desk, SlotClaim, prepared};
use crate::booking::{Event, Freed, Span};
use crate::ids::HoldId;
use crate::runtime::slot_table::Bits;

/// What an entry frees, and what the words show as taken until it has been offered.
#[derive(Default)]
pub(super) struct FreedHere {
    freed: Vec<Freed>,
    kept: Vec<(u16, Bits)>,
}

impl FreedHere {
    /// Bits that are to be free once somebody was offered what they stand for, or nobody.
    pub(super) fn keep(&mut self, lane: u16, bits: Bits) {
        self.kept.push((lane, bits));
    }
}

impl Desk {
    /// Takes note of what `events` free, before they are applied. Where nobody waits, none of it
    /// matters.
    pub(super) fn note_freed(&mut self, events: &[Event]) {
        let doses = self.shared.index.doses();
        if !doses.bell().is_idle() {
            let mut here = events.iter().filter(|event| self.is_about(event));
            if here.any(|event| !self.calendar.freed_by(event).is_empty()) {
                doses.slot_comes_free(self.calendar.schedule());
            }
        }
        self.freed = (!self.calendar.wishes().is_empty()).then(|| {
            let here = events.iter().filter(|event| self.is_about(event));
            let freed = here.flat_map(|event| self.calendar.freed_by(event)).collect();
            Box::new(FreedHere { freed, kept: Vec::new() })
        });
    }

    /// Offers what the last entry has freed to those who wait, in an entry of its own that follows
    /// it at once; what nobody is offered is free for all.
    pub(super) fn offer_freed(&mut self) {
        let Some(here) = self.freed.take() else { return };
        let FreedHere { freed, kept } = *here;
        let mut claims: Vec<SlotClaim> = Vec::new();
        // Whoever lets go meanwhile of what was in the way of one must not leave it to the next.
        let mut lost: Vec<Span> = Vec::new();
        let (view, random) = (&self.view, &self.shared.random);
        let mut claim = |span: &Span| {
            let overlaps = |other: &Span| {
                other.lane == span.lane
                    && other.start < span.occupied_until
                    && span.start < other.occupied_until
            };
            let bits = view.bits_of(span).filter(|_| !lost.iter().any(overlaps))?;
            let of_lane = kept.iter().filter(|(lane, _)| *lane == span.lane);
            let rest = of_lane.fold(bits, |rest, (_, kept)| rest.without(*kept));
            let Some(claim) = SlotClaim::in_lane(view, rest, span.lane) else {
                lost.push(*span);
                return None;
            };
            claims.push(claim);
            Some(HoldId::from_bits(random.bits()))
        };
        let offers = self.calendar.offers(&freed, self.calendar.last(), &mut claim);
        let spans: Vec<Span> =
            offers.iter().filter_map(Event::booking).map(|booking| booking.span).collect();
        if !offers.is_empty() && self.write_offers(offers) {
            claims.into_iter().for_each(SlotClaim::keep);
        }
        for (lane, bits) in kept {
            let offered = spans.iter().filter(|span| span.lane == lane);
            let offered = offered.filter_map(|span| self.view.bits_of(span));
            let left = offered.fold(bits, Bits::without);
            self.view.table().free(lane, left);
        }
    }

    fn write_offers(&mut self, offers: Vec<Event>) -> bool {
        let Ok(entry) = prepared(None, offers) else { return false };
        let events = entry.events.clone();
        self.entry.note_dirty(self.shared.queue.progress().durable + 1);
        let Ok(sequence) = self.shared.queue.submit(entry, Box::new(|_| {})) else { return false };
        self.shared.index.doses().settle(&events, None);
        self.record(sequence, &events, Claimed::new());
        true
    }
}
