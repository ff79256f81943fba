//! The doses of bookings: what an event means for deliveries and for what is recorded of people,
//! and what a calendar decides about the dose of a booking that it has.

use super::booking::{Booking, Details, Guard, GuardScope, Mark, Offer};
use super::calendar::{Calendar, Live, Status};
use super::definition::{Reason, invalid};
use super::event::Event;
use super::rejection::Rejection;
use super::schedule::Schedule;
use crate::campaign::{Dose, Record, Recorded};
use crate::ids::{CampaignId, DeliveryId, HoldId, PersonId};
use crate::time::Timestamp;

/// What an event means for the doses of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted {
    /// Of which.
    pub delivery: DeliveryId,
    /// Doses that are held or booked, more or fewer.
    pub claimed: i32,
    /// Doses that were given, more or fewer.
    pub given: i32,
}

impl Counted {
    fn claimed(delivery: Option<DeliveryId>, claimed: i32) -> Option<Self> {
        delivery.map(|delivery| Self { delivery, claimed, given: 0 })
    }
}

/// The dose of a booking, and whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Noted {
    /// Of which campaign.
    pub campaign: CampaignId,
    /// Whose.
    pub person: PersonId,
    /// By which booking.
    pub booking: HoldId,
    /// What is recorded of it from now on; none where it is theirs no more.
    pub record: Option<Record>,
}

/// What an event means for deliveries.
pub fn counted(event: &Event) -> impl Iterator<Item = Counted> {
    let of = |booking: &Booking| booking.details.dose.as_ref().and_then(|dose| dose.delivery);
    let counted = match event {
        Event::Held { booking, .. } => [Counted::claimed(of(booking), 1), None],
        Event::Released { booking, .. }
        | Event::Expired { booking, .. }
        | Event::Cancelled { booking, .. } => [Counted::claimed(of(booking), -1), None],
        Event::Accepted { taken, .. } => [Counted::claimed(of(&taken.offer), -1), None],
        Event::Dosed { booking, before, .. } => {
            [Counted::claimed(*before, -1), Counted::claimed(of(booking), 1)]
        }
        Event::Given { booking, before, .. } => {
            let given = of(booking).map(|delivery| Counted { delivery, claimed: 0, given: 1 });
            [Counted::claimed(*before, -1), given]
        }
        _ => [None, None],
    };
    counted.into_iter().flatten()
}

/// What an event means for what is recorded of people.
pub fn noted(event: &Event) -> impl Iterator<Item = Noted> {
    let note = |booking: &Booking, is: Option<Recorded>, at: Timestamp| {
        let dose = booking.details.dose.as_ref()?;
        let record = is.map(|is| {
            let (number, vaccine) = (dose.number, dose.vaccine.clone());
            Record { booking: Some(booking.id), number, vaccine, at, is }
        });
        let (campaign, person) = (dose.campaign, booking.person.clone());
        Some(Noted { campaign, person, booking: booking.id, record })
    };
    let stands = |booking: &Booking, is| note(booking, Some(is), booking.span.start);
    let noted = match event {
        // What is offered to an appointment is the dose that it has.
        Event::Held { booking, .. }
            if matches!(booking.details.offer, Some(Offer::Appointment(_))) =>
        {
            [None, None]
        }
        Event::Held { booking, .. } => [stands(booking, Recorded::Held), None],
        Event::Confirmed { booking, .. } | Event::Moved { booking, .. } => {
            [stands(booking, Recorded::Booked), None]
        }
        Event::Released { booking, at, .. }
        | Event::Expired { booking, at, .. }
        | Event::Cancelled { booking, at, .. }
        | Event::Marked { booking, at, mark: Mark::NoShow, .. } => [note(booking, None, *at), None],
        Event::Marked { booking, .. } => [stands(booking, Recorded::Booked), None],
        Event::Accepted { booking, taken, at } => {
            [note(&taken.offer, None, *at), stands(booking, Recorded::Booked)]
        }
        Event::Given { booking, at, .. } => [note(booking, Some(Recorded::Given), *at), None],
        _ => [None, None],
    };
    noted.into_iter().flatten()
}

impl Booking {
    /// The delivery of which its dose is, if it has a dose and there is one for it.
    #[must_use]
    pub fn delivery(&self) -> Option<DeliveryId> {
        self.details.dose.as_ref().and_then(|dose| dose.delivery)
    }

    /// The same with another dose.
    fn with_dose(&self, dose: Dose) -> Self {
        let details = Details { dose: Some(Box::new(dose)), ..(*self.details).clone() };
        Self { details: details.into(), ..self.clone() }
    }
}

impl Schedule {
    /// Whether a booking of a reason has the dose that the reason asks for, from where it is given.
    pub(super) fn check_dose(&self, reason: &Reason, dose: Option<&Dose>) -> Result<(), Rejection> {
        let place = self.definition().agenda.place;
        match (&reason.rules.dose, dose) {
            (None, None) => Ok(()),
            (Some(rule), Some(dose))
                if rule.campaign == dose.campaign && rule.vaccine == dose.vaccine =>
            {
                if place == Some(dose.place) { Ok(()) } else { Err(Rejection::NoDose) }
            }
            (None, Some(_)) => Err(invalid("dose", "must not be stated: the reason gives none")),
            (Some(_), _) => Err(invalid("dose", "must be stated: the reason gives one")),
        }
    }
}

impl Calendar {
    /// What moving an appointment means for its dose: `delivery` is the one of which it is from now
    /// on, if that is another.
    pub(super) fn dose_moved(
        moved: &Booking,
        target: &Self,
        delivery: Option<DeliveryId>,
        now: Timestamp,
    ) -> Option<Event> {
        let dose = moved.details.dose.as_deref()?;
        let place = target.schedule().definition().agenda.place.unwrap_or(dose.place);
        let there = dose.delivery.filter(|_| place == dose.place);
        let to = Dose { place, delivery: delivery.or(there), ..dose.clone() };
        let before = dose.delivery;
        (to != *dose).then(|| Event::Dosed { at: now, booking: moved.with_dose(to), before })
    }

    /// Has the dose of a booking be of another delivery, or of none, if it is of `from` still.
    pub(super) fn decide_redose(
        &self,
        hold: HoldId,
        from: Option<DeliveryId>,
        to: Option<DeliveryId>,
        now: Timestamp,
    ) -> Result<Vec<Event>, Rejection> {
        let Some(Live { booking, mark, .. }) = self.live_booking(hold) else {
            return Err(Rejection::UnknownAppointment);
        };
        let over = matches!(mark, Some(Mark::Fulfilled | Mark::NoShow));
        let dose = booking.details.dose.as_deref().filter(|_| !over);
        let dose = dose.ok_or(Rejection::NotChangeable)?;
        if dose.delivery != from || from == to {
            return Ok(Vec::new());
        }
        let booking = booking.with_dose(Dose { delivery: to, ..dose.clone() });
        Ok(vec![Event::Dosed { at: now, booking, before: from }])
    }

    /// A dose is given, of a delivery that may be another than the one that was booked.
    pub(super) fn decide_give(
        &self,
        hold: HoldId,
        delivery: DeliveryId,
        stays_minutes: u16,
        now: Timestamp,
    ) -> Result<Vec<Event>, Rejection> {
        let live = self.live_booking(hold).filter(|live| !live.booking.is_part());
        let Some(Live { booking, status: Status::Booked, mark: before }) = live else {
            return Err(Rejection::UnknownAppointment);
        };
        let dose = booking.details.dose.as_deref();
        let dose =
            dose.ok_or_else(|| invalid("delivery_id", "must not be given: there is no dose"))?;
        if *before == Some(Mark::Fulfilled) {
            // It is in an arm.
            let same = dose.delivery == Some(delivery);
            return if same { Ok(Vec::new()) } else { Err(Rejection::NotChangeable) };
        }
        let (day, today) =
            (self.schedule().date_at(booking.span.start), self.schedule().date_at(now));
        if today < day {
            return Err(Rejection::NotYet);
        }
        let booking = booking.clone();
        let given = booking.with_dose(Dose { delivery: Some(delivery), ..dose.clone() });
        let stays_until = now.plus_minutes(stays_minutes.into());
        let delivery = dose.delivery;
        let marked = Event::Marked { at: now, booking, mark: Mark::Fulfilled, before: *before };
        Ok(vec![marked, Event::Given { at: now, booking: given, before: delivery, stays_until }])
    }

    /// What a mark means for the dose of an appointment: who did not come leaves it for others.
    pub(super) fn dose_marked(booking: &Booking, mark: Mark, now: Timestamp) -> Option<Event> {
        let dose = booking.details.dose.as_deref().filter(|_| mark == Mark::NoShow)?;
        let before = dose.delivery?;
        let booking = booking.with_dose(Dose { delivery: None, ..dose.clone() });
        Some(Event::Dosed { at: now, booking, before: Some(before) })
    }

    /// What accepting an offer means for the dose of the appointment: it is that of the offer.
    pub(super) fn dose_accepted(moved: &Booking, offer: &Booking, now: Timestamp) -> Option<Event> {
        let (dose, offered) = (moved.details.dose.as_deref()?, offer.details.dose.as_deref()?);
        let (place, delivery) = (offered.place, offered.delivery);
        let to = Dose { place, delivery, ..dose.clone() };
        let before = dose.delivery;
        Some(Event::Dosed { at: now, booking: moved.with_dose(to), before })
    }
}

impl Dose {
    /// The rule that keeps a person to one live hold in a campaign.
    #[must_use]
    pub fn guard(campaign: CampaignId) -> Guard {
        Guard { kind: campaign.to_string().into(), scope: GuardScope::Engine }
    }
}
