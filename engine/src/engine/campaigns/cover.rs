//! Doses for appointments whose delivery cannot serve them any more.

use super::Engine;
use super::deliveries::delivery_turn;
use crate::booking::{Booking, Command, Mark, Rejection};
use crate::campaign::{Delivery, Dose};
use crate::error::{Answer, Error};
use crate::ids::{AppointmentId, CampaignId, DeliveryId, HoldId, PlaceId};
use crate::limits::{CLAIM_WAITS_MAX, LIST_MAX};
use crate::planted::{self, Bug};
use crate::request::Concerned;
use crate::runtime::dose_rows::{self, Holder};
use crate::runtime::sync;
use crate::runtime::{
    BookingRow, BookingState, Busy, Claim, Claimant, Lot, Verdict, Work, guard_key,
};

/// Rows that are read at once.
const AT_ONCE: usize = 4_096;

impl Engine {
    /// Has those whose dose a delivery cannot serve any more have another, or none: whoever booked
    /// last comes first. It gives those whose dose has changed.
    ///
    /// Nobody else says anything of the delivery until it is done.
    pub(super) async fn cover(
        &self,
        id: DeliveryId,
        _alone: &Claim,
    ) -> Result<Vec<Concerned>, Error> {
        let shared = self.shared();
        let Some(lot) = shared.index.doses().lot(id) else { return Ok(Vec::new()) };
        let mut holders = self.holders(id)?;
        holders.retain(|holder| !holder.given);
        holders.sort_by_key(|holder| std::cmp::Reverse((holder.since, holder.booking)));
        if planted::is(Bug::FirstLeftWithout) {
            holders.reverse();
        }
        let mut concerned = Vec::new();
        for holder in holders {
            let Some(booking) = self.coming(holder.booking)? else { continue };
            let serves = lot.delivery.serves(booking.span.start) && !lot.is_recalled();
            // What others let go meanwhile counts as well.
            if serves && 0 <= lot.left() {
                continue;
            }
            concerned.extend(self.redose(&booking, Some(id)).await?);
        }
        Ok(concerned)
    }

    /// Has those who were left without a dose have one of a delivery: whoever booked first comes
    /// first.
    pub(super) async fn cover_without(&self, delivery: &Delivery) -> Result<(), Error> {
        let mut without = self.without(delivery.campaign)?;
        without.sort_by_key(|holder| (holder.since, holder.booking));
        for holder in without {
            let Some(booking) = self.coming(holder.booking)? else { continue };
            let same = booking.details.dose.as_ref().is_some_and(|dose| {
                dose.place == delivery.place && dose.vaccine == delivery.vaccine
            });
            if same {
                self.redose(&booking, None).await?;
            }
        }
        Ok(())
    }

    /// Goes on, after a start, with what a crash has cut short. Whoever has a dose that is not
    /// there comes first; whoever may have one that comes too late for them is looked for after.
    pub(in super::super) fn go_on_covering(&self) {
        let index = &self.shared().index;
        let mut lots = index.doses().lots();
        lots.retain(|lot| 0 < index.tally(lot.delivery.id).claimed || 0 < lot.left());
        if lots.is_empty() {
            return;
        }
        lots.sort_by_key(|lot| 0 <= lot.left() && !lot.is_recalled());
        let engine = self.clone();
        sync::spawn(async move {
            for lot in lots {
                if let Err(error) = engine.cover_again(&lot).await {
                    tracing::warn!(%error, "some appointments may have a dose that is not there");
                }
            }
        });
    }

    async fn cover_again(&self, lot: &Lot) -> Result<(), Error> {
        let alone = self.alone(delivery_turn(lot.delivery.id)).await?;
        self.cover(lot.delivery.id, &alone).await?;
        // As it is said now, which may be otherwise than at the start.
        match self.shared().index.doses().lot(lot.delivery.id).filter(|lot| 0 < lot.left()) {
            Some(lot) => self.cover_without(&lot.delivery).await,
            None => Ok(()),
        }
    }

    /// Has the dose of a booking be of another delivery than `from`, or of none. What comes to be
    /// left while somebody is left without is theirs.
    async fn redose(
        &self,
        booking: &Booking,
        from: Option<DeliveryId>,
    ) -> Result<Option<Concerned>, Error> {
        let now = self.redose_once(booking, from).await?;
        if now.as_ref().is_some_and(|now| now.delivery.is_none())
            && let Some(then) = self.redose_once(booking, None).await?
        {
            return Ok(Some(then));
        }
        Ok(now)
    }

    async fn redose_once(
        &self,
        booking: &Booking,
        from: Option<DeliveryId>,
    ) -> Result<Option<Concerned>, Error> {
        let turn = self.turn_if_free(booking).await?;
        let Some(booking) = self.coming(booking.id)?.filter(|now| now.delivery() == from) else {
            return Ok(None);
        };
        let Some(dose) = booking.details.dose.as_deref() else { return Ok(None) };
        let doses = self.shared().index.doses();
        let start = booking.span.start;
        let claim = doses.claim(dose, start, Claimant::First);
        let to = claim.as_ref().map(|claim| claim.delivery);
        if from == to {
            return Ok(None);
        }
        let command = Command::Redose { hold: booking.id, from, to };
        let work = Work::Dose { command, dose: claim };
        match self.settle(booking.calendar, work, (None, turn)).await? {
            Verdict::Decided { .. } => Ok(Some(concerned(&booking, to, false))),
            _ => Ok(None),
        }
    }

    /// A person's turn in a campaign; none while a hold of theirs lives, which nobody waits for.
    async fn turn_if_free(&self, booking: &Booking) -> Result<Option<Claim>, Error> {
        let Some(dose) = booking.details.dose.as_deref() else { return Ok(None) };
        let key = guard_key(&Dose::guard(dose.campaign), booking.calendar, &booking.person);
        for _ in 0..CLAIM_WAITS_MAX {
            match self.shared().guards.claim(key) {
                Ok(claim) => return Ok(Some(claim)),
                Err(Busy::Pending(waiting)) => waiting.ended().await,
                Err(Busy::Kept(_)) => return Ok(None),
            }
        }
        Err(self.contended())
    }

    /// A booking that is held or that its person may still come to.
    fn coming(&self, id: HoldId) -> Result<Option<Booking>, Error> {
        let row = self.shared().index.booking(id, self.now())?;
        let stands = |row: &BookingRow| {
            matches!(
                row.state,
                BookingState::Held { .. }
                    | BookingState::Booked
                    | BookingState::Marked(Mark::Arrived)
            )
        };
        Ok(row.filter(stands).map(|row| row.booking))
    }

    fn holders(&self, id: DeliveryId) -> Result<Vec<Holder>, Error> {
        let rows = self.shared().index.rows();
        pages(|from| dose_rows::holders(rows, id, from, AT_ONCE).map_err(Error::from))
    }

    fn without(&self, campaign: CampaignId) -> Result<Vec<Holder>, Error> {
        let rows = self.shared().index.rows();
        pages(|from| dose_rows::without(rows, campaign, from, AT_ONCE).map_err(Error::from))
    }

    /// Who had a dose of a delivery given.
    pub(super) async fn given_of(&self, lot: &Lot) -> Result<Vec<Concerned>, Error> {
        let mut given = Vec::new();
        for holder in self.holders(lot.delivery.id)?.into_iter().filter(|holder| holder.given) {
            let row = self.shared().index.booking(holder.booking, self.now())?;
            let id = Some(lot.delivery.id);
            given.extend(row.map(|row| concerned(&row.booking, id, true)));
        }
        Ok(given)
    }

    /// The appointments of a campaign that have no dose any more, everywhere or at one place,
    /// whoever booked first comes first, at most 1,000.
    ///
    /// Refused as [`Rejection::UnknownCampaign`].
    ///
    /// # Errors
    ///
    /// [`Error`] when the engine cannot answer; see its variants.
    pub async fn without_dose(
        &self,
        campaign: CampaignId,
        place: Option<PlaceId>,
    ) -> Answer<Vec<Concerned>> {
        self.shared().check()?;
        if self.shared().index.doses().campaign(campaign).is_none() {
            return Ok(Err(Rejection::UnknownCampaign));
        }
        let mut without = self.without(campaign)?;
        without.sort_by_key(|holder| (holder.since, holder.booking));
        let mut found = Vec::new();
        for holder in without {
            if found.len() == LIST_MAX {
                break;
            }
            let there = |booking: &Booking| {
                let at = booking.details.dose.as_ref().map(|dose| dose.place);
                place.is_none() || place == at
            };
            let booking = self.coming(holder.booking)?.filter(there);
            found.extend(booking.map(|booking| concerned(&booking, None, false)));
        }
        Ok(Ok(found))
    }
}

/// All pages of a listing.
fn pages(read: impl Fn(HoldId) -> Result<Vec<Holder>, Error>) -> Result<Vec<Holder>, Error> {
    let (mut all, mut from) = (Vec::new(), HoldId::from_bits(0));
    loop {
        let page = read(from)?;
        let last = page.last().filter(|_| page.len() == AT_ONCE).map(|last| last.booking.bits());
        all.extend(page);
        match last.and_then(|last| last.checked_add(1)) {
            Some(next) => from = HoldId::from_bits(next),
            None => return Ok(all),
        }
    }
}

fn concerned(booking: &Booking, delivery: Option<DeliveryId>, given: bool) -> Concerned {
    Concerned {
        appointment: AppointmentId::from(booking.id),
        person: booking.person.clone(),
        calendar: booking.calendar,
        start: booking.span.start,
        delivery,
        given,
    }
}
