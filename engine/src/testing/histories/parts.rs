//! What a call does to the parts of its booking: they are held, moved and ended by the same call,
//! each on its own calendar.

use super::Teller;
use crate::audit::history::{Call, Outcome, Place, Refusal, What};
use crate::booking::{Booking, Event, Part, Span};
use crate::ids::{CalendarId, HoldId, PersonId};
use crate::request::{OfferSlot, OfferTo};
use crate::testing::ledger::{Ask, Record};
use crate::testing::model::Told;
use crate::time::Timestamp;

/// Where a part lay from an instant on, while its booking lay on a calendar, at a start, in a lane.
pub(super) struct Lay {
    at: Timestamp,
    whole: (CalendarId, Timestamp, u16),
    span: Span,
}

impl Teller<'_> {
    pub(super) fn of_parts(&self, record: &Record, call: &Call) -> Vec<Call> {
        if matches!(call.outcome, Outcome::Refused(_) | Outcome::NotDone) {
            return Vec::new();
        }
        match call.what {
            What::Hold(place) => self.held_parts(record, call, place),
            What::Confirm(hold) => self.each(record, hold, call, |part| What::Confirm(part.id)),
            What::Release(hold) => self.each(record, hold, call, |part| What::Release(part.id)),
            What::Cancel(hold) => self.each(record, hold, call, |part| What::Cancel(part.id)),
            What::Move(hold, to) => self.each(record, hold, call, |part| {
                let seen = match call.outcome {
                    Outcome::Appointment { place, .. } => place,
                    _ => to,
                };
                let known = self.part_at(part, seen, self.heard_by(record));
                let Place { start, until, .. } = to;
                let aim = Place { calendar: part.calendar, lane: None, start, until };
                What::Move(part.id, known.unwrap_or(aim))
            }),
        }
    }

    /// The same for each part of a booking.
    fn each(
        &self,
        record: &Record,
        hold: HoldId,
        call: &Call,
        what: impl Fn(&Part) -> What,
    ) -> Vec<Call> {
        let Some(told) = self.model.bookings.get(&hold) else { return Vec::new() };
        let of = |part: &Part| {
            let outcome = match call.outcome {
                Outcome::Appointment { place, cancelled, fresh } => {
                    let place = self.part_at(part, place, record.told_at)?;
                    Outcome::Appointment { place, cancelled, fresh }
                }
                outcome => outcome,
            };
            Some(Call { what: what(part), outcome, ..*call })
        };
        told.booking.details.parts().iter().filter_map(of).collect()
    }

    /// When a request was answered, or the end of its life.
    fn heard_by(&self, record: &Record) -> Timestamp {
        let end = self.lives.get(record.life).map_or(record.told_at, |life| life.until);
        if record.told().is_some() { record.told_at } else { record.told_at.max(end) }
    }

    /// Learns where the parts of an entry's booking came to lie, and where it came to lie itself.
    pub(super) fn learn_parts(&mut self, events: &[Event]) {
        let booking = |event: &Event| match event {
            Event::Held { booking, .. }
            | Event::Moved { booking, .. }
            | Event::Accepted { booking, .. } => Some(booking.clone()),
            _ => None,
        };
        let Some((whole, at)) = events.first().and_then(|it| booking(it).zip(Some(it.at()))) else {
            return;
        };
        for part in events.iter().filter_map(booking).filter(Booking::is_part) {
            let (calendar, lane, start) = (whole.calendar, whole.span.lane, whole.span.start);
            let lay = Lay { at, whole: (calendar, start, lane), span: part.span };
            self.parts.entry(part.id).or_default().push(lay);
        }
    }

    /// Where a part lay when its booking was seen at a place, which was told at an instant.
    fn part_at(&self, part: &Part, seen: Place, told_at: Timestamp) -> Option<Place> {
        let (calendar, start) = (seen.calendar, seen.start);
        let is_there = |lay: &&Lay| {
            let lane = seen.lane.unwrap_or(lay.whole.2);
            lay.at <= told_at && lay.whole == (calendar, start, lane)
        };
        let Lay { span, .. } = self.parts.get(&part.id)?.iter().rev().find(is_there)?;
        let (lane, until) = (Some(span.lane), span.occupied_until);
        Some(Place { calendar: part.calendar, lane, start, until })
    }

    /// The parts of what a request has held, also where nobody heard that it was.
    fn held_parts(&self, record: &Record, call: &Call, place: Place) -> Vec<Call> {
        let (hold, fresh) = match call.outcome {
            Outcome::Held { hold, fresh, .. } => (hold, fresh),
            Outcome::Unknown => return self.unheard_parts(record, call, place),
            _ => return Vec::new(),
        };
        let held = self.model.bookings.get(&hold).filter(|_| fresh);
        let parts = held.map(|told| told.booking.details.parts()).unwrap_or_default();
        let of = |part: &Part| {
            let outcome = Outcome::Held { hold: part.id, fresh, ends: self.ends(part.id) };
            Some(Call { what: self.held_at(part)?, outcome, ..*call })
        };
        parts.iter().filter_map(of).collect()
    }

    /// Where a part was made.
    fn held_at(&self, part: &Part) -> Option<What> {
        let (calendar, span) = self.held.get(&part.id)?;
        let (lane, start, until) = (Some(span.lane), span.start, span.occupied_until);
        Some(What::Hold(Place { calendar: *calendar, lane, start, until }))
    }

    /// The parts of what a request may have held and nobody heard of: where the journal of its life
    /// has them, or else where they were in the way of others until its life took them with it.
    fn unheard_parts(&self, record: &Record, call: &Call, place: Place) -> Vec<Call> {
        let Some((person, asked)) = self.asked_with_parts(&record.ask) else { return Vec::new() };
        let is_it = |told: &Told| {
            let booking = &told.booking;
            let same = self.held.get(&booking.id).is_some_and(|(calendar, span)| {
                (*calendar, span.start) == (place.calendar, place.start)
            });
            let life = self.lives.partition_point(|life| life.tail < told.held_in);
            let calendars = |parts: &[Part]| -> Vec<CalendarId> {
                parts.iter().map(|part| part.calendar).collect()
            };
            same && booking.person == *person
                && life == record.life
                && calendars(booking.details.parts()) == calendars(asked)
        };
        let held = self.model.bookings.values().filter(|told| is_it(told));
        let parts = held.flat_map(|told| told.booking.details.parts());
        let known: Vec<Call> =
            parts.filter_map(|part| Some(Call { what: self.held_at(part)?, ..*call })).collect();
        if !known.is_empty() {
            return known;
        }
        let lost = |part: &Part| {
            let what = What::Hold(Place { calendar: part.calendar, lane: None, ..place });
            Call { what, outcome: Outcome::Refused(Refusal::Other), ..*call }
        };
        asked.iter().map(lost).collect()
    }

    /// Whom a hold is asked for, and the calendars beside its own: an offer for an appointment has
    /// parts where that has some.
    fn asked_with_parts<'r>(&'r self, ask: &'r Ask) -> Option<(&'r PersonId, &'r [Part])> {
        match ask {
            Ask::Hold(asked) => Some((&asked.person, asked.details.parts())),
            Ask::Offer(OfferSlot { to: OfferTo::Appointment(id), .. }) => {
                let booking = &self.model.bookings.get(&HoldId::from(*id))?.booking;
                Some((&booking.person, booking.details.parts()))
            }
            _ => None,
        }
    }
}
