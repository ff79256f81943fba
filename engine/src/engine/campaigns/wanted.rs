//! The dose of a hold or a move: whether it may be its person's, and the claim on it.

use super::super::holds::Attempt;
use super::Engine;
use crate::booking::{Booking, Reason, Rejection, Schedule, Slot};
use crate::campaign::{Asked, Dose, DoseRule, Elsewhere, Facts, Invalid, Phase, Record, Recorded};
use crate::error::Error;
use crate::ids::{CalendarId, HoldId, PlaceId, ReasonId};
use crate::limits::CLAIM_WAITS_MAX;
use crate::planted::{self, Bug};
use crate::request::{DoseAsked, HoldSlot};
use crate::runtime::sync::yield_now;
use crate::runtime::{Busy, Claim, Claimant, DoseClaim, View, guard_key};
use crate::time::Timestamp;

/// A dose that a hold may have, before there is one.
enum Fits<'a> {
    /// What is offered is the dose that an appointment has, or that somebody waits for.
    Offered(&'a Dose, PlaceId),
    /// What is stated of the person fits a phase of the campaign, set so often.
    Stated(&'a DoseAsked, &'a DoseRule, &'a Phase, u32, PlaceId),
}

impl Fits<'_> {
    /// The dose, but for its delivery.
    fn dose(self) -> Dose {
        let (stated, rule, phase, version, place) = match self {
            // It was made alone, whatever the appointment was held with.
            Self::Offered(dose, place) => {
                return Dose { place, delivery: None, twin: None, ..dose.clone() };
            }
            Self::Stated(stated, rule, phase, version, place) => {
                (stated, rule, phase, version, place)
            }
        };
        let DoseAsked { campaign, number, ref facts } = *stated;
        let before = facts.elsewhere.iter().find(|it| it.number + 1 == number);
        Dose {
            campaign,
            version,
            phase: phase.id.clone(),
            vaccine: rule.vaccine.clone(),
            number,
            place,
            delivery: None,
            band: facts.band.clone(),
            territory: facts.territory.clone(),
            elsewhere: before.map(|before| before.at),
            twin: None,
        }
    }
}

impl Engine {
    /// The dose that a hold of a reason is to have, but for its delivery; none where the reason
    /// gives none. It claims nothing.
    pub(in super::super) fn dose_wanted(
        &self,
        asked: &HoldSlot,
        schedule: &Schedule,
        reason: &Reason,
    ) -> Result<Option<Dose>, Rejection> {
        self.dose_judged(asked, schedule, reason, |fits| fits.dose())
    }

    /// Why a hold of a reason is refused its dose: as [`Engine::dose_wanted`] says, without making
    /// the dose.
    pub(in super::super) fn dose_refused(
        &self,
        asked: &HoldSlot,
        schedule: &Schedule,
        reason: &Reason,
    ) -> Option<Rejection> {
        self.dose_judged(asked, schedule, reason, |_| ()).err()
    }

    fn dose_judged<T>(
        &self,
        asked: &HoldSlot,
        schedule: &Schedule,
        reason: &Reason,
        make: impl FnOnce(Fits<'_>) -> T,
    ) -> Result<Option<T>, Rejection> {
        let invalid = |field: &str, rule: &str| {
            Err(Rejection::Invalid { field: field.to_owned(), rule: rule.to_owned() })
        };
        let offered = asked.details.dose.as_deref();
        let Some(rule) = &reason.rules.dose else {
            let none = asked.dose.is_none() && offered.is_none();
            let rule = "must not be stated: the reason gives none";
            return if none { Ok(None) } else { invalid("dose", rule) };
        };
        let place = schedule.definition().agenda.place.ok_or(Rejection::NoDose)?;
        let (doses, at) = (self.shared().index.doses(), (place, asked.start));
        let stated = match (offered, asked.dose.as_deref()) {
            (Some(dose), _) => {
                let stock = (dose.campaign, place, &dose.vaccine);
                let left = doses.has(stock, asked.start, asked.claimant());
                let offered = || make(Fits::Offered(dose, place));
                return left.then(offered).map(Some).ok_or(Rejection::NoDose);
            }
            (None, None) => return invalid("dose", "must be stated: the reason gives one"),
            (None, Some(stated)) => stated,
        };
        if stated.campaign != rule.campaign {
            return invalid("dose.campaign_id", "must be that of the reason");
        }
        // Here they are stated within the dose.
        let within = |it: Invalid| Invalid { field: format!("dose.{}", it.field), ..it };
        stated.facts.check().map_err(within)?;
        let now = self.now();
        let made = doses.judge(rule, at, asked.claimant(), |version, campaign| {
            let DoseAsked { number, ref facts, .. } = *stated;
            let wanted = Asked { vaccine: &rule.vaccine, number, start: asked.start, facts };
            let phase = campaign.eligible(&wanted, now)?;
            Ok(make(Fits::Stated(stated, rule, phase, version, place)))
        });
        made.map(Some)
    }

    /// Claims a dose, once it goes with what is recorded of the person. The person's guard of the
    /// campaign is claimed: nobody adds to that meanwhile.
    pub(in super::super) fn dose_won(
        &self,
        asked: &HoldSlot,
        dose: Dose,
        (settled, together): (Option<HoldId>, Option<&Record>),
    ) -> Result<Result<(Dose, DoseClaim), Attempt>, Error> {
        let shared = self.shared();
        let waits = asked.is_for_the_line().then(|| stated_before(&dose, self.now()));
        if let Some(facts) = asked.dose.as_ref().map(|it| &it.facts).or(waits.as_ref()) {
            let mut records = shared.index.records(dose.campaign, &asked.person)?;
            records.extend(together.cloned());
            // No hold of theirs lives, so what is recorded as held is not any more, or is booked:
            // once that is durable it is recorded.
            let held = records.iter().filter(|record| record.is == Recorded::Held);
            if let Some(hold) = held.filter_map(|record| record.booking).next()
                && settled != Some(hold)
            {
                return Ok(Err(Attempt::Settle(hold)));
            }
            let campaign = shared.index.doses().campaign(dose.campaign);
            let Some((_, campaign)) = campaign else {
                return Ok(Err(Attempt::Refused(Rejection::UnknownCampaign)));
            };
            let (number, start) = (dose.number, asked.start);
            let wanted = Asked { vaccine: &dose.vaccine, number, start, facts };
            if let Err(why) = campaign.follows(&wanted, &records, None) {
                return Ok(Err(Attempt::Refused(why.into())));
            }
        }
        let doses = shared.index.doses();
        Ok(match doses.claim(&dose, asked.start, asked.claimant()) {
            Some(claim) => Ok((Dose { delivery: Some(claim.delivery), ..dose }, claim)),
            None => Err(Attempt::Refused(Rejection::NoDose)),
        })
    }

    /// The free slots nearest to one, of those for which a dose is left.
    pub(in super::super) fn alternatives(
        &self,
        view: &View,
        reason: &ReasonId,
        start: Timestamp,
        now: Timestamp,
    ) -> Vec<Slot> {
        let mut slots = view.alternatives(reason, start, now);
        self.shared().index.doses().retain(&view.schedule, reason, &mut slots);
        slots
    }

    /// What a change of an appointment claims beside its slot: its person's turn in the campaign,
    /// so that nothing that it rests on changes meanwhile.
    pub(in super::super) async fn turn_of(
        &self,
        booking: &Booking,
    ) -> Result<Result<Option<Claim>, Rejection>, Error> {
        let Some(dose) = booking.details.dose.as_deref() else { return Ok(Ok(None)) };
        let guards = &self.shared().guards;
        let key = guard_key(&Dose::guard(dose.campaign), booking.calendar, &booking.person);
        for _ in 0..CLAIM_WAITS_MAX {
            match guards.claim(key) {
                Ok(claim) => return Ok(Ok(Some(claim))),
                Err(Busy::Pending(waiting)) => waiting.ended().await,
                Err(Busy::Kept(hold)) => {
                    let row = self.shared().index.booking(hold, self.now())?;
                    let lives = row.is_some_and(|row| {
                        matches!(row.state, crate::runtime::BookingState::Held { .. })
                    });
                    if lives {
                        return Ok(Err(Rejection::PersonHasHold { hold }));
                    }
                    let queue = &self.shared().queue;
                    queue.durable(queue.last_submitted()).await?;
                    yield_now().await;
                }
            }
        }
        Err(self.contended())
    }

    /// Whether an appointment's dose may be given at `start` instead, as to what else is recorded
    /// of its person.
    pub(in super::super) fn dose_may_move(
        &self,
        booking: &Booking,
        start: Timestamp,
    ) -> Result<Result<(), Rejection>, Error> {
        let forgets = planted::is(Bug::MoveForgetsInterval);
        let dose = booking.details.dose.as_deref().filter(|_| !forgets);
        let Some(dose) = dose else { return Ok(Ok(())) };
        let shared = self.shared();
        let records = shared.index.records(dose.campaign, &booking.person)?;
        let Some((_, campaign)) = shared.index.doses().campaign(dose.campaign) else {
            return Ok(Err(Rejection::UnknownCampaign));
        };
        let facts = stated_before(dose, self.now());
        let asked = Asked { vaccine: &dose.vaccine, number: dose.number, start, facts: &facts };
        Ok(campaign.follows(&asked, &records, Some(booking.id)).map_err(Rejection::from))
    }

    /// Claims the dose of an appointment that moves, where it needs another.
    pub(in super::super) async fn dose_there(
        &self,
        booking: &Booking,
        to: CalendarId,
        start: Timestamp,
    ) -> Result<Result<Option<DoseClaim>, Rejection>, Error> {
        let Some(dose) = booking.details.dose.as_deref() else { return Ok(Ok(None)) };
        let view = self.directory().view(&self.directory().entry(to)).await?;
        let Some(place) = view.schedule.definition().agenda.place else {
            return Ok(Err(Rejection::NoDose));
        };
        let doses = self.shared().index.doses();
        let own = dose.delivery.filter(|_| place == dose.place).and_then(|id| doses.lot(id));
        if own.is_some_and(|lot| lot.delivery.serves(start) && !lot.is_recalled()) {
            return Ok(Ok(None));
        }
        let there = Dose { place, ..dose.clone() };
        let claim = doses.claim(&there, start, Claimant::Anybody);
        Ok(claim.map(Some).ok_or(Rejection::NoDose))
    }
}

/// What a person has stated who has a dose or waits for one, as far as it is kept.
pub(super) fn stated_before(dose: &Dose, now: Timestamp) -> Facts {
    let mut facts = Facts::of(dose.band.clone(), now);
    facts.elsewhere.extend(dose.elsewhere.map(|at| {
        let (number, vaccine) = (dose.number.saturating_sub(1), dose.vaccine.clone());
        Elsewhere { number, vaccine, at }
    }));
    facts
}

impl HoldSlot {
    /// Whether it is what somebody is offered who waits for a dose.
    pub(in super::super) fn is_for_the_line(&self) -> bool {
        self.details.wish.is_some() && self.details.dose.is_some()
    }

    fn claimant(&self) -> Claimant {
        if self.is_for_the_line() { Claimant::First } else { Claimant::Anybody }
    }
}
