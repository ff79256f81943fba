//! Doses that are given.

use super::super::answers;
use super::{Engine, Named, refused};
use crate::booking::{Booking, Command, Event, Mark, Rejection};
use crate::campaign::{Ineligible, Recorded};
use crate::error::{Answer, Error};
use crate::ids::DeliveryId;
use crate::metrics;
use crate::planted::{self, Bug};
use crate::request::{DoseGiven, GiveDose, Outcome};
use crate::runtime::{BookingRow, BookingState, DoseClaim, Verdict, Work, key_of};

impl Engine {
    /// Says that the dose of an appointment was given, on its day or later: the appointment is
    /// fulfilled by it. Its dose is of the delivery that was booked, or of another at the place, of
    /// which one is left. Again, the answer is the same, not fresh.
    ///
    /// Refused as [`Rejection::Invalid`], [`Rejection::CommandReused`],
    /// [`Rejection::UnknownAppointment`], [`Rejection::UnknownDelivery`],
    /// [`Rejection::NotChangeable`] once another was given, [`Rejection::NotYet`],
    /// [`Rejection::NotEligible`] where the dose before was not given, or [`Rejection::NoDose`].
    ///
    /// # Errors
    ///
    /// [`Error`] when the engine cannot answer; see its variants.
    pub async fn give_dose(&self, asked: GiveDose) -> Answer<Outcome<DoseGiven>> {
        let given = Box::pin(self.try_give(asked)).await;
        self.counted(metrics::Asked::Mark, given)
    }

    async fn try_give(&self, asked: GiveDose) -> Answer<Outcome<DoseGiven>> {
        let shared = self.shared();
        shared.check()?;
        let GiveDose { appointment, delivery, command } = asked;
        let bits = delivery.map_or(0, DeliveryId::bits).to_be_bytes();
        let print = key_of(&[b"give", &appointment.bits().to_be_bytes(), &bits]);
        let named = match self.named(command.as_ref(), print).await? {
            Named::Fresh(named) => named,
            Named::Repeat(events) => return self.given(&events, true),
            Named::Reused => return refused(Rejection::CommandReused),
        };
        let row = shared.index.booking(appointment.into(), self.now())?;
        let row = row.filter(|row| answers::appointment_of(row).is_some());
        let Some(BookingRow { booking, state, .. }) = row else {
            return refused(Rejection::UnknownAppointment);
        };
        match state {
            BookingState::Cancelled => return refused(Rejection::NotChangeable),
            BookingState::Marked(Mark::Fulfilled) if booking.details.dose.is_some() => {
                // It is in an arm.
                let same = delivery.is_none_or(|it| booking.delivery() == Some(it));
                return if same {
                    self.given_before(&booking)
                } else {
                    refused(Rejection::NotChangeable)
                };
            }
            _ => {}
        }
        let turn = match self.turn_of(&booking).await? {
            Ok(turn) => turn,
            Err(rejection) => return refused(rejection),
        };
        let row = shared.index.booking(appointment.into(), self.now())?;
        let booking = row.map_or(booking, |row| row.booking);
        let (command, claim) = match self.may_give(&booking, delivery)? {
            Ok(may) => may,
            Err(rejection) => return refused(rejection),
        };
        let work = Work::Dose { command, dose: claim };
        match self.settle(booking.calendar, work, (named, turn)).await? {
            Verdict::Decided { events } => self.given(&events, true),
            // Its calendar does not know it any more: it is long over.
            Verdict::Refused(Rejection::UnknownAppointment) => refused(Rejection::NotChangeable),
            Verdict::Refused(rejection) => refused(rejection),
            Verdict::Already | Verdict::Own(_) | Verdict::Failed(_) => self.given_before(&booking),
        }
    }

    /// The command by which a dose is given, and the claim on it where it is another.
    fn may_give(
        &self,
        booking: &Booking,
        delivery: Option<DeliveryId>,
    ) -> Result<Result<(Command, Option<DoseClaim>), Rejection>, Error> {
        let shared = self.shared();
        let Some(dose) = booking.details.dose.as_deref() else {
            let (field, rule) = ("appointment".to_owned(), "must have a dose".to_owned());
            return Ok(Err(Rejection::Invalid { field, rule }));
        };
        let doses = shared.index.doses();
        let Some(delivery) = delivery.or(dose.delivery) else { return Ok(Err(Rejection::NoDose)) };
        let lot = doses.lot(delivery).filter(|lot| {
            let it = &lot.delivery;
            (it.campaign, it.place, &it.vaccine) == (dose.campaign, dose.place, &dose.vaccine)
        });
        let Some(lot) = lot else { return Ok(Err(Rejection::UnknownDelivery)) };
        let records = shared.index.records(dose.campaign, &booking.person)?;
        let own = Some(booking.id);
        let already = records.iter().any(|it| it.booking == own && it.is == Recorded::Given);
        if !already {
            let number = dose.number;
            let other = |record: &&crate::campaign::Record| record.booking != own;
            let same = records.iter().filter(other).find(|record| record.number == number);
            if let Some(same) = same {
                let booking = same.booking;
                return Ok(Err(Ineligible::HasDose { number, booking }.into()));
            }
            let before =
                if planted::is(Bug::SecondGivenFirst) { 0 } else { number.saturating_sub(1) };
            let given = |record: &crate::campaign::Record| {
                record.number == before && record.is == Recorded::Given
            };
            if 0 < before && dose.elsewhere.is_none() && !records.iter().any(given) {
                return Ok(Err(Ineligible::NeedsDose { number: before }.into()));
            }
            let now = self.now();
            if lot.is_recalled() || now < lot.delivery.arrives || lot.delivery.expires <= now {
                let rule = "must be there, neither expired nor recalled".to_owned();
                return Ok(Err(Rejection::Invalid { field: "delivery_id".to_owned(), rule }));
            }
        }
        let claim = match dose.delivery == Some(delivery) || already {
            true => None,
            false => match doses.claim_of(delivery) {
                Some(claim) => Some(claim),
                None => return Ok(Err(Rejection::NoDose)),
            },
        };
        let campaign = doses.campaign(dose.campaign);
        let minutes = campaign.and_then(|(_, it)| it.vaccine(&dose.vaccine).cloned());
        let stays_minutes = minutes.map_or(0, |vaccine| vaccine.reaction_minutes);
        Ok(Ok((Command::Give { hold: booking.id, delivery, stays_minutes }, claim)))
    }

    fn given(&self, events: &[Event], fresh: bool) -> Answer<Outcome<DoseGiven>> {
        let given = events.iter().find_map(|event| match event {
            Event::Given { at, booking, stays_until, .. } => Some((*at, booking, *stays_until)),
            _ => None,
        });
        let (at, booking, stays_until) = given.ok_or(Error::OutcomeUnknown)?;
        let value = self.dose_given(booking, at, stays_until).ok_or(Error::OutcomeUnknown)?;
        Ok(Ok(Outcome { value, fresh }))
    }

    /// What was said before.
    fn given_before(&self, booking: &Booking) -> Answer<Outcome<DoseGiven>> {
        let row = self.shared().index.booking(booking.id, self.now())?;
        let row = row.ok_or(Error::OutcomeUnknown)?;
        let dose = row.booking.details.dose.as_deref().ok_or(Error::OutcomeUnknown)?;
        let campaign = self.shared().index.doses().campaign(dose.campaign);
        let vaccine = campaign.and_then(|(_, it)| it.vaccine(&dose.vaccine).cloned());
        let minutes = vaccine.map_or(0, |vaccine| vaccine.reaction_minutes);
        let value = self.dose_given(&row.booking, row.at, row.at.plus_minutes(minutes.into()));
        Ok(Ok(Outcome { value: value.ok_or(Error::OutcomeUnknown)?, fresh: false }))
    }

    fn dose_given(
        &self,
        booking: &Booking,
        at: crate::Timestamp,
        stays_until: crate::Timestamp,
    ) -> Option<DoseGiven> {
        let dose = booking.details.dose.as_deref()?;
        let delivery = dose.delivery?;
        let lot = self.shared().index.doses().lot(delivery).map(|lot| lot.delivery.lot.clone());
        let (appointment, number) = (booking.id.into(), dose.number);
        Some(DoseGiven { appointment, number, delivery, lot, at, stays_until })
    }
}
