//! What the events of a journal say of doses, read as plainly as can be.

use std::collections::{BTreeMap, BTreeSet};

use creneau::booking::Booking;
use creneau::campaign::{Campaign, Dose};
use creneau::{CampaignId, DeliveryId, Event, HoldId, InLine, Registration, Timestamp, WishId};

use super::Tally;
use super::line_journal::Lines;
use crate::audit::{Rule, Verdict, seen};

/// Somebody who has a dose.
struct Has {
    person: String,
    dose: Dose,
    start: Timestamp,
    /// The place of its hold among all holds: who came later has a greater one.
    since: u64,
    given: bool,
}

/// A delivery.
struct Lot {
    tally: Tally,
    arrives: Timestamp,
    expires: Timestamp,
    claimed: BTreeSet<HoldId>,
}

/// All doses, as plainly as can be.
#[derive(Default)]
pub(in super::super) struct Model {
    campaigns: BTreeMap<(CampaignId, u32), Campaign>,
    lots: BTreeMap<DeliveryId, Lot>,
    recalled: BTreeSet<(CampaignId, String)>,
    lot_of: BTreeMap<DeliveryId, (CampaignId, String)>,
    has: BTreeMap<HoldId, Has>,
    holds: u64,
    lines: Lines,
}

/// Whether the phase of who waits is open by the campaign as it is now.
fn still_open(
    campaigns: &BTreeMap<(CampaignId, u32), Campaign>,
    dose: &Dose,
    at: Timestamp,
) -> bool {
    let versions = campaigns.range((dose.campaign, 0)..=(dose.campaign, u32::MAX));
    let phase = versions
        .last()
        .and_then(|(_, campaign)| campaign.phases.iter().find(|phase| phase.id == dose.phase));
    phase.is_some_and(|it| it.opens <= at && it.closes.is_none_or(|closes| at < closes))
}

impl Lot {
    fn taken(&self) -> u32 {
        let Tally { given, wasted, .. } = self.tally;
        u32::try_from(self.claimed.len()).unwrap_or(u32::MAX).saturating_add(given + wasted)
    }
}

impl Model {
    /// Takes an event, and finds what it breaks.
    pub(in super::super) fn take(&mut self, event: &Event, verdict: &mut Verdict) {
        if let Event::Registered { at, what } = event {
            self.lines.registered(*at, what, verdict);
            return self.registered(what);
        }
        let Some(booking) = event.booking() else { return };
        let Some(dose) = booking.details.dose.as_deref() else { return };
        if !matches!(event, Event::Held { .. }) {
            self.lines.changed(event, booking);
        }
        match event {
            Event::Held { at, .. } => self.held(*at, booking, dose, verdict),
            Event::Released { .. } | Event::Expired { .. } | Event::Cancelled { .. } => {
                if let Some(has) = self.has.remove(&booking.id) {
                    self.leave(booking.id, has.dose.delivery);
                }
            }
            Event::Moved { .. } => {
                if let Some(has) = self.has.get_mut(&booking.id) {
                    has.start = booking.span.start;
                }
            }
            Event::Dosed { before, .. } => {
                self.left_without(booking.id, *before, dose.delivery, verdict);
                self.leave(booking.id, *before);
                self.claim(booking.id, dose, verdict);
                if let Some(has) = self.has.get_mut(&booking.id) {
                    has.dose = dose.clone();
                }
            }
            Event::Given { before, .. } => self.given(booking, dose, *before, verdict),
            _ => {}
        }
    }

    /// What each delivery has come to.
    pub(in super::super) fn tallies(&self) -> BTreeMap<DeliveryId, Tally> {
        let each = self.lots.iter().map(|(id, lot)| {
            let claimed = u32::try_from(lot.claimed.len()).unwrap_or(u32::MAX);
            (*id, Tally { claimed, ..lot.tally })
        });
        each.collect()
    }

    /// What has become of each place in a line.
    pub(in super::super) fn lines(&self) -> BTreeMap<WishId, seen::InLine> {
        self.lines.seen().collect()
    }

    /// Holds that are offered now.
    pub(in super::super) fn offers(&self) -> impl Iterator<Item = HoldId> {
        self.lines.offers()
    }

    /// Whether a dose was given by a booking.
    pub(in super::super) fn was_given(&self, id: HoldId) -> bool {
        self.has.get(&id).is_some_and(|has| has.given)
    }

    fn registered(&mut self, what: &Registration) {
        match what {
            Registration::Campaign { id, version, campaign } => {
                self.campaigns.insert((*id, *version), (**campaign).clone());
            }
            Registration::Delivered(it) => {
                self.lot_of.insert(it.id, (it.campaign, it.lot.to_string()));
                let (arrives, expires) = (it.arrives, it.expires);
                let (tally, claimed) = (Tally::default(), BTreeSet::new());
                let fresh = Lot { tally, arrives, expires, claimed };
                let lot = self.lots.entry(it.id).or_insert(fresh);
                (lot.tally.doses, lot.arrives, lot.expires) = (it.doses, arrives, expires);
            }
            Registration::Wasted { delivery, doses } => {
                if let Some(lot) = self.lots.get_mut(delivery) {
                    lot.tally.wasted = *doses;
                }
            }
            Registration::Recalled { campaign, lot } => {
                self.recalled.insert((*campaign, lot.to_string()));
            }
            _ => {}
        }
    }

    fn held(&mut self, at: Timestamp, booking: &Booking, dose: &Dose, verdict: &mut Verdict) {
        let open = self.campaigns.get(&(dose.campaign, dose.version)).is_some_and(|campaign| {
            let phase = campaign.phases.iter().find(|phase| phase.id == dose.phase);
            phase.is_some_and(|phase| {
                phase.opens <= at
                    && (phase.groups.is_empty()
                        || phase.groups.iter().any(|it| it.bands.contains(&dose.band)))
            })
        });
        verdict.check(Rule::Eligible, open, booking.id, || {
            format!(
                "was held at {at} by phase {}, which was not open for {}",
                dose.phase, dose.band
            )
        });
        let person = booking.person.to_string();
        let same = self.has.iter().find(|(_, has)| {
            has.person == person
                && has.dose.number == dose.number
                && has.dose.campaign == dose.campaign
        });
        verdict.check(Rule::OneDose, same.is_none(), &person, || {
            let other = same.map(|(id, _)| id.to_string()).unwrap_or_default();
            format!("has dose {} by {} and by {other}", dose.number, booking.id)
        });
        let (campaigns, has) = (&self.campaigns, &self.has);
        let could = |place: &InLine| {
            let InLine { person, dose: theirs, .. } = place;
            let busy = has
                .values()
                .any(|it| it.dose.campaign == theirs.campaign && it.person == person.as_str());
            !busy && still_open(campaigns, theirs, at)
        };
        self.lines.held(at, (booking, dose), could, verdict);
        self.claim(booking.id, dose, verdict);
        self.holds += 1;
        let (dose, start, since) = (dose.clone(), booking.span.start, self.holds);
        self.has.insert(booking.id, Has { person, dose, start, since, given: false });
    }

    fn claim(&mut self, id: HoldId, dose: &Dose, verdict: &mut Verdict) {
        let Some(delivery) = dose.delivery else { return };
        let Some(lot) = self.lots.get_mut(&delivery) else {
            return verdict.find(Rule::Stock, delivery, format!("{id} has a dose of it"));
        };
        lot.claimed.insert(id);
        let (taken, doses) = (lot.taken(), lot.tally.doses);
        verdict.check(Rule::Stock, taken <= doses, delivery, || {
            format!("has {doses} doses, and {taken} are taken with that of {id}")
        });
    }

    fn leave(&mut self, id: HoldId, delivery: Option<DeliveryId>) {
        if let Some(lot) = delivery.and_then(|delivery| self.lots.get_mut(&delivery)) {
            lot.claimed.remove(&id);
        }
    }

    /// Who came later keeps no dose of a delivery of which somebody is left without one.
    fn left_without(
        &self,
        id: HoldId,
        before: Option<DeliveryId>,
        to: Option<DeliveryId>,
        verdict: &mut Verdict,
    ) {
        let (Some(delivery), None, Some(own)) = (before, to, self.has.get(&id)) else { return };
        let recalled = self.lot_of.get(&delivery).is_some_and(|it| self.recalled.contains(it));
        let Some(lot) = self.lots.get(&delivery).filter(|_| !recalled) else { return };
        if own.start < lot.arrives || lot.expires <= own.start {
            return;
        }
        let others = lot.claimed.iter().filter_map(|id| Some((id, self.has.get(id)?)));
        let later = others.into_iter().find(|(_, has)| own.since < has.since);
        verdict.check(Rule::InOrder, later.is_none(), id, || {
            let later = later.map(|(id, _)| id.to_string()).unwrap_or_default();
            format!("is left without a dose of {delivery}, and {later}, which came later, is not")
        });
    }

    fn given(
        &mut self,
        booking: &Booking,
        dose: &Dose,
        before: Option<DeliveryId>,
        verdict: &mut Verdict,
    ) {
        let (id, person) = (booking.id, booking.person.as_str());
        self.leave(id, before);
        if let Some(lot) = dose.delivery.and_then(|delivery| self.lots.get_mut(&delivery)) {
            lot.tally.given += 1;
            let (taken, doses) = (lot.taken(), lot.tally.doses);
            let delivery = dose.delivery.map(|it| it.to_string()).unwrap_or_default();
            verdict.check(Rule::Stock, taken <= doses, delivery, || {
                format!("has {doses} doses, and {taken} are taken with that given by {id}")
            });
        }
        let again = self.has.get(&id).is_none_or(|has| has.given);
        verdict.check(Rule::Stock, !again, id, || "was given, and had no dose".to_owned());
        let first = self
            .has
            .values()
            .any(|has| has.person == person && has.dose.number + 1 == dose.number && has.given);
        let follows = dose.number < 2 || dose.elsewhere.is_some() || first;
        verdict.check(Rule::FirstBefore, follows, person, || {
            format!("was given dose {} by {id} before the one before it", dose.number)
        });
        if let Some(has) = self.has.get_mut(&id) {
            (has.dose, has.given) = (dose.clone(), true);
        }
    }
}
