//! What is offered to those who wait: nobody asks for it, so the journal alone tells of it.

use super::Teller;
use crate::audit::history::{Call, NEVER, Outcome, Place, What};
use crate::booking::Rejection;
use crate::testing::auditor::Life;
use crate::testing::ledger::{Ask, Record};
use crate::testing::model::{State, Told};

impl Teller<'_> {
    /// Holds that were offered, each as if its person had asked for it and not heard.
    pub(super) fn turns(&self) -> Vec<Call> {
        let offers = self.model.bookings.values().filter(|it| it.booking.details.wish.is_some());
        offers.filter_map(|offer| self.turn(offer)).collect()
    }

    fn turn(&self, offer: &Told) -> Option<Call> {
        let id = offer.booking.id;
        let (calendar, span) = self.held.get(&id)?;
        let (lane, start, until) = (Some(span.lane), span.start, span.occupied_until);
        let what = What::Hold(Place { calendar: *calendar, lane, start, until });
        let life = self.lives.partition_point(|life| life.tail < offer.held_in);
        let before = |(_, in_life, at): &&(u64, usize, _)| {
            *in_life < life || *in_life == life && *at < offer.held_at
        };
        let asked = self.ticks.iter().rev().find(before).map_or(0, |(tick, ..)| *tick);
        // Nobody sees it before it is durable, which its life alone bounds.
        let told = self.last.get(life).copied().unwrap_or(NEVER);
        let person = self.persons.get(&offer.booking.person).copied().unwrap_or(NEVER);
        let outcome = Outcome::Held { hold: id, fresh: true, ends: self.ends(id) };
        Some(Call { person, asked, told: told.max(asked), what, outcome })
    }

    /// Offers that were given back, also by the engine, of a wish that was granted elsewhere.
    pub(super) fn turns_given_back(&self) -> Vec<Call> {
        let offers = self.model.bookings.values().filter(|it| {
            let details = &it.booking.details;
            it.state == State::Released && details.wish.is_some() && details.dose.is_none()
        });
        offers.filter_map(|offer| self.turn_given_back(offer)).collect()
    }

    fn turn_given_back(&self, offer: &Told) -> Option<Call> {
        let (at, entry) = (offer.settled_at?, *self.released_in.get(&offer.booking.id)?);
        // Clocks jump back between lives, and entries do not.
        let life = self.lives.partition_point(|life| life.tail < entry);
        let before = |(_, in_life, tick): &&(u64, usize, _)| {
            *in_life < life || *in_life == life && *tick < at
        };
        let asked = self.ticks.iter().rev().find(before).map_or(0, |(tick, ..)| *tick);
        let told = self.last.get(life).copied().unwrap_or(NEVER);
        let person = self.persons.get(&offer.booking.person).copied().unwrap_or(NEVER);
        let (what, outcome) = (What::Release(offer.booking.id), Outcome::Released);
        Some(Call { person, asked, told: told.max(asked), what, outcome })
    }

    /// What may have been in the way of a request in a calendar for which somebody waits, and was
    /// lost with its life: an offer that nobody wrote down.
    pub(super) fn lost_turn(&self, record: &Record) -> Option<Call> {
        let Some(Ok(Err(Rejection::SlotTaken { .. }))) = &record.answer else { return None };
        let (calendar, start, reason) = match &record.ask {
            Ask::Hold(asked) => (asked.calendar, asked.start, asked.reason.clone()),
            Ask::Move(asked) => {
                let booking = &self.model.bookings.get(&asked.appointment.into())?.booking;
                (asked.calendar.unwrap_or(booking.calendar), asked.start, booking.reason.id.clone())
            }
            Ask::Offer(_) => return None,
            _ => return None,
        };
        let Life { tail, .. } = self.lives.get(record.life)?;
        let entry = self.model.entries.iter().rev().find(|(sequence, _)| sequence <= tail);
        let last = entry.and_then(|(_, events)| events.last()).map(crate::booking::Event::at)?;
        let waited = self.model.wishes.iter().any(|(_, on)| *on == calendar);
        let what = What::Hold(self.wanted(calendar, start, &reason));
        let (asked, told) = (record.ticks.0, self.last.get(record.life).copied().unwrap_or(NEVER));
        (waited && last <= record.told_at).then_some(Call {
            person: NEVER,
            asked,
            told: told.max(asked),
            what,
            outcome: Outcome::Unknown,
        })
    }
}
