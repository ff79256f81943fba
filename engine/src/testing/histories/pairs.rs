//! Two doses of a person: they are held, confirmed and given back by the same call, and an
//! appointment may be cancelled together with the one for the next dose.

use super::Teller;
use crate::audit::history::{Call, Outcome, Place, Refusal, What};
use crate::booking::{Booking, Event, Span};
use crate::ids::{CalendarId, HoldId};
use crate::request::{CancelDose, Hold, HoldSlot, NextDose};
use crate::testing::ledger::{Ask, Record, Told};

impl Teller<'_> {
    /// What a call does beside its own booking.
    pub(super) fn beside(&self, record: &Record, call: &Call) -> Vec<Call> {
        let mut calls = self.of_parts(record, call);
        calls.extend(self.of_twin(record, call));
        calls
    }

    /// Learns which two appointments were cancelled together.
    pub(super) fn learn_pair(&mut self, events: &[Event]) {
        let cancelled = |event: &Event| match event {
            Event::Cancelled { booking, .. } if !booking.is_part() => Some(booking.id),
            _ => None,
        };
        let mut ids = events.iter().filter_map(cancelled);
        if let (Some(one), Some(other)) = (ids.next(), ids.next()) {
            self.cancelled_with.insert(one, other);
            self.cancelled_with.insert(other, one);
        }
    }

    pub(super) fn held_as(&self, hold: &Hold, fresh: bool) -> Outcome {
        Outcome::Held { hold: hold.id, fresh, ends: self.ends(hold.id) }
    }

    /// Where one of two doses was to be held, or is.
    pub(super) fn of_two(
        &self,
        record: &Record,
        both: &(HoldSlot, HoldSlot),
        which: usize,
    ) -> Place {
        let asked = if which == 0 { &both.0 } else { &both.1 };
        let mut place = self.wanted(asked.calendar, asked.start, &asked.reason);
        if let Some(Told::Both(outcome)) = record.told()
            && let Some(hold) = outcome.value.get(which)
            && let Some(there) = self.lay_first(hold.id)
        {
            place = there;
        }
        place
    }

    /// What a call does to the other one of two doses.
    fn of_twin(&self, record: &Record, call: &Call) -> Option<Call> {
        if let Ask::Doses(both) = &record.ask {
            let what = What::Hold(self.of_two(record, both, 1));
            let outcome = match record.told() {
                Some(Told::Both(told)) => self.held_as(&told.value[1], told.fresh),
                _ if matches!(call.outcome, Outcome::Refused(_)) => {
                    Outcome::Refused(Refusal::Other)
                }
                _ => call.outcome,
            };
            return Some(Call { what, outcome, ..*call });
        }
        let twin = |hold: HoldId| {
            let booking = &self.model.bookings.get(&hold)?.booking;
            booking.details.dose.as_ref()?.twin
        };
        let cancels_next = match &record.ask {
            Ask::CancelDose(CancelDose { next, .. }) => *next == Some(NextDose::Cancel),
            _ => false,
        };
        let (other, what) = match call.what {
            What::Confirm(hold) => (twin(hold)?, What::Confirm(twin(hold)?)),
            What::Release(hold) => (twin(hold)?, What::Release(twin(hold)?)),
            What::Cancel(hold) if cancels_next => {
                let other = *self.cancelled_with.get(&hold)?;
                (other, What::Cancel(other))
            }
            _ => return None,
        };
        let outcome = match call.outcome {
            Outcome::Appointment { cancelled, fresh: true, .. } => {
                let place = if cancelled { self.lay_last(other)? } else { self.lay_first(other)? };
                Outcome::Appointment { place, cancelled, fresh: true }
            }
            Outcome::Released | Outcome::Unknown => call.outcome,
            _ => return None,
        };
        Some(Call { what, outcome, ..*call })
    }

    /// Where a booking was held.
    fn lay_first(&self, id: HoldId) -> Option<Place> {
        self.held.get(&id).map(|(calendar, span)| place(*calendar, span))
    }

    /// Where a booking lay at the end.
    fn lay_last(&self, id: HoldId) -> Option<Place> {
        let Booking { calendar, span, .. } = &self.model.bookings.get(&id)?.booking;
        Some(place(*calendar, span))
    }
}

fn place(calendar: CalendarId, span: &Span) -> Place {
    let (lane, start, until) = (Some(span.lane), span.start, span.occupied_until);
    Place { calendar, lane, start, until }
}
