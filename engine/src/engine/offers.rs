//! Offers: holds that the practice makes for a person or for an appointment.

use super::appointments::Asked;
use super::calendars::check_limit;
use super::holds::{Wanted, print_of};
use super::{Engine, Named, answers, refused};
use crate::booking::calendar::Live;
use crate::booking::{Booking, By, Details, Offer, Rejection};
use crate::error::{Answer, Error};
use crate::ids::{AppointmentId, CalendarId, HoldId};
use crate::limits::{OFFER_MS_MAX, OFFERS_AT_ONCE_MAX};
use crate::metrics;
use crate::request::{
    Appointment, Hold, HoldSlot, OfHold, OfferSlot, OfferStretch, OfferTo, OfferedStretch, Outcome,
};
use crate::runtime::sync::oneshot;
use crate::runtime::{BookingRow, BookingState, Message, Share};
use crate::time::Timestamp;

/// Free slots that are tried for one appointment, where others take them meanwhile.
const SLOTS_TRIED_MAX: usize = 4;

impl Engine {
    /// Holds a slot for a person, or for an appointment that moves there when its person accepts.
    /// An appointment has one live offer in each calendar: a second is answered with the first,
    /// unchanged and not fresh.
    ///
    /// It claims no person guard, and can be had where only the practice may book. Refused as
    /// [`Rejection::Invalid`] for the time to answer, [`Rejection::UnknownAppointment`],
    /// [`Rejection::NotChangeable`], or as a hold.
    ///
    /// # Errors
    ///
    /// [`Error`] when the engine cannot answer; see its variants.
    pub async fn offer(&self, asked: OfferSlot) -> Answer<Outcome<Hold>> {
        self.counted(metrics::Asked::Offer, self.try_offer(asked).await)
    }

    async fn try_offer(&self, asked: OfferSlot) -> Answer<Outcome<Hold>> {
        self.shared().check()?;
        let OfferSlot { calendar, start, to, answer_ms, command } = asked;
        if let Err(rejection) = check_answer(answer_ms) {
            return refused(rejection);
        }
        let (person, reason, details) = match to {
            OfferTo::Person(person, reason) => {
                let offer = Some(Offer::Person);
                (person, reason, Details { offer, ..Details::default() })
            }
            OfferTo::Appointment(id) => {
                let row = self.shared().index.booking(id.into(), self.now())?;
                let booking = match row {
                    Some(BookingRow { booking, state: BookingState::Booked, .. }) => booking,
                    Some(BookingRow {
                        state: BookingState::Cancelled | BookingState::Marked(_),
                        ..
                    }) => return refused(Rejection::NotChangeable),
                    _ => return refused(Rejection::UnknownAppointment),
                };
                if let Err(rejection) = self.dose_may_move(&booking, start)? {
                    return refused(rejection);
                }
                // With parts of its own, on the same calendars as those of the appointment.
                let offer = Some(Offer::Appointment(id));
                let details = Details { offer, wish: None, ..Details::clone(&booking.details) };
                (booking.person, booking.reason.id, details)
            }
        };
        let by = By::Practice;
        let overflow = false;
        let slot = HoldSlot {
            calendar,
            start,
            reason,
            person,
            details,
            by,
            overflow,
            dose: None,
            command,
        };
        Box::pin(self.hold_as(Wanted::offer(slot, answer_ms))).await
    }

    /// Accepts an offer: the appointment that it was made for moves to the held slot, and the slot
    /// that it leaves is free, in one step. What was offered to a person is confirmed. Again, the
    /// answer is the appointment as it now is, not fresh.
    ///
    /// Refused as [`Rejection::CommandReused`], [`Rejection::UnknownHold`],
    /// [`Rejection::UnknownAppointment`], [`Rejection::NotYours`], [`Rejection::HoldReleased`],
    /// [`Rejection::HoldExpired`], [`Rejection::NotChangeable`], [`Rejection::InThePast`], or
    /// [`Rejection::NoDose`] where there is none any more for what was offered.
    ///
    /// # Errors
    ///
    /// [`Error`] when the engine cannot answer; see its variants.
    pub async fn accept(&self, asked: OfHold) -> Answer<Outcome<Appointment>> {
        self.counted(metrics::Asked::Accept, self.try_accept(asked).await)
    }

    async fn try_accept(&self, asked: OfHold) -> Answer<Outcome<Appointment>> {
        self.shared().check()?;
        let row = self.shared().index.booking(asked.hold, self.now())?;
        let offer = row.as_ref().and_then(|row| row.booking.details.offer);
        let (Some(row), Some(Offer::Appointment(appointment))) = (row, offer) else {
            return Box::pin(self.confirm(asked)).await;
        };
        let OfHold { hold, by, command } = asked;
        let named = match self.named(command.as_ref(), print_of(b"accept", hold, &by)).await? {
            Named::Fresh(named) => named,
            Named::Repeat(events) => {
                let value = answers::settled(&events).ok_or(Error::OutcomeUnknown)?;
                return Ok(Ok(Outcome { value, fresh: true }));
            }
            Named::Reused => return refused(Rejection::CommandReused),
        };
        if !row.booking.is_for(&by) {
            return refused(Rejection::NotYours);
        }
        match row.state {
            BookingState::Released => return refused(Rejection::HoldReleased),
            BookingState::Expired => return refused(Rejection::HoldExpired),
            _ => {}
        }
        let accept = Asked::Accept { hold, to: row.booking.calendar };
        let accepted = self.change_appointment(appointment.into(), (accept, by), named).await;
        if matches!(accepted, Ok(Ok(_))) {
            self.granted(&row.booking).await;
        }
        accepted
    }

    /// Offers another slot to every appointment that starts in a stretch, at most 200: the first
    /// that is free in one of the calendars named. Each offer is one of its own: what was offered
    /// before stays, also when this is repeated. Those for which there is none are listed.
    ///
    /// Refused as [`Rejection::Invalid`] or [`Rejection::UnknownCalendar`].
    ///
    /// # Errors
    ///
    /// [`Error`] when the engine cannot answer; some offers may have been made then.
    pub async fn offer_stretch(&self, asked: OfferStretch) -> Answer<OfferedStretch> {
        self.shared().check()?;
        let checked = check_answer(asked.answer_ms).and_then(|()| check_limit(asked.within.len()));
        if let Err(rejection) = checked {
            return refused(rejection);
        }
        let mut known = asked.within.iter().chain([&asked.calendar]);
        if !known.all(|id| self.shared().index.knows(*id)) {
            return refused(Rejection::UnknownCalendar);
        }
        let mut found = self.starting_in(asked.calendar, (asked.from, asked.until)).await?;
        let now = self.now();
        found.retain(|live| {
            let booking = &live.booking;
            let stands = live.deadline().is_none() && live.mark.is_none() && !booking.is_part();
            stands && now < booking.span.start
        });
        found.sort_by_key(|live| (live.booking.span.start, live.booking.id));
        let mut offered = OfferedStretch::default();
        for (place, Live { booking, .. }) in found.iter().enumerate() {
            let id = AppointmentId::from(booking.id);
            let offer = match place < OFFERS_AT_ONCE_MAX {
                true => self.offer_somewhere(&asked, booking).await?,
                false => None,
            };
            match offer {
                Some(hold) => offered.offers.push((id, hold)),
                None => offered.without.push(id),
            }
        }
        Ok(Ok(offered))
    }

    /// An offer of the first slot that is free for an appointment.
    async fn offer_somewhere(
        &self,
        asked: &OfferStretch,
        booking: &Booking,
    ) -> Result<Option<Hold>, Error> {
        for calendar in &asked.within {
            let entry = self.directory().entry(*calendar);
            let view = self.directory().view(&entry).await?;
            let Some(reason) = view.schedule.definition().reason(&booking.reason.id) else {
                continue;
            };
            let now = self.now();
            let (earliest, end) = view.schedule.window(reason, now, true, view.horizon(now));
            let (from, until) = (asked.earliest.max(earliest), asked.latest.min(end));
            let slots = view.slots(&reason.id, from, until, usize::MAX);
            // What is to be left is no offer.
            let within = |start: Timestamp| {
                *calendar == asked.calendar && asked.from <= start && start < asked.until
            };
            let starts = slots.iter().map(|slot| slot.start).filter(|start| !within(*start));
            for start in starts.take(SLOTS_TRIED_MAX) {
                let offer = OfferSlot {
                    calendar: *calendar,
                    start,
                    to: OfferTo::Appointment(HoldId::into(booking.id)),
                    answer_ms: asked.answer_ms,
                    command: None,
                };
                if let Ok(offered) = self.offer(offer).await? {
                    return Ok(Some(offered.value));
                }
            }
        }
        Ok(None)
    }

    async fn starting_in(
        &self,
        calendar: CalendarId,
        stretch: (Timestamp, Timestamp),
    ) -> Result<Vec<Live>, Error> {
        let (entry, permit) = self.directory().admit(calendar, Share::Settle)?;
        let (reply, found) = oneshot::channel();
        self.directory().send(&entry, Message::StartingIn(stretch, permit, reply)).await?;
        found.await.map_err(|_| Error::OutcomeUnknown)
    }
}

fn check_answer(answer_ms: i64) -> Result<(), Rejection> {
    if (1_000..=OFFER_MS_MAX).contains(&answer_ms) {
        return Ok(());
    }
    let rule = "must be 1 second to 7 days".to_owned();
    Err(Rejection::Invalid { field: "answer".to_owned(), rule })
}
