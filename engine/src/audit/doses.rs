//! Doses as the journal has them: whether each goes to somebody who may have it, and no more of
//! them than there are.
//!
//! It knows what a person's statement was only as far as it is written: their age band and
//! territory. Whether somebody is ill or a nurse, the journal does not say.

use std::collections::{BTreeMap, BTreeSet};
use std::mem::discriminant;

use super::lines::{DECIDES_WITHIN_MS, Lines};
use crate::booking::{Booking, Event, Mark, Offer, Registration};
use crate::campaign::{Asked, Campaign, Delivery, Dose, Elsewhere, Facts, Record, Recorded};
use crate::ids::{CampaignId, DeliveryId, HoldId, LotId, PersonId};
#[cfg(any(test, feature = "testing"))]
use crate::ids::{PlaceId, VaccineId};
use crate::journal::Sequence;
use crate::limits::PAST_REMEMBERED_MS;
use crate::time::Timestamp;

/// A dose that somebody has.
#[derive(Clone, Debug)]
struct Has {
    booking: Booking,
    dose: Dose,
    is: Recorded,
    /// Whether its person was said not to have come.
    away: bool,
    /// The entry by which it came to be theirs.
    since: Sequence,
}

/// A delivery, and what has become of it.
#[derive(Clone, Debug)]
struct Stock {
    delivery: Delivery,
    wasted: u32,
    claimed: BTreeSet<HoldId>,
    given: u32,
    /// The entry by which somebody who let go a dose brought it out of debt.
    relieved: Option<Sequence>,
}

/// Entries that may come between the decision that somebody is left without and its own: what is
/// let go in them is not known to whoever decides, who looks again afterwards.
const DECIDES_WITHIN: u64 = 1_000;

/// All doses.
#[derive(Clone, Debug, Default)]
pub(crate) struct Doses {
    campaigns: BTreeMap<(CampaignId, u32), Campaign>,
    stocks: BTreeMap<DeliveryId, Stock>,
    recalled: BTreeSet<(CampaignId, LotId)>,
    live: BTreeMap<HoldId, Has>,
    people: BTreeMap<(CampaignId, PersonId), BTreeSet<HoldId>>,
    lines: Lines,
    /// The entry that is taken in.
    now: Sequence,
}

/// What a person stated, as far as is written.
fn stated_before(dose: &Dose) -> Facts {
    let mut facts = Facts::of(dose.band.clone(), Timestamp::default());
    facts.elsewhere.extend(dose.elsewhere.map(|at| {
        let (number, vaccine) = (dose.number.saturating_sub(1), dose.vaccine.clone());
        Elsewhere { number, vaccine, at }
    }));
    facts
}

impl Stock {
    fn taken(&self) -> usize {
        self.claimed.len() + self.given as usize + self.wasted as usize
    }

    fn owes(&self) -> bool {
        (self.delivery.doses as usize) < self.taken()
    }
}

impl Doses {
    /// Takes in an entry, and judges it.
    ///
    /// # Errors
    ///
    /// What is wrong with it. It is taken in all the same.
    pub(crate) fn take(&mut self, sequence: Sequence, events: &[Event]) -> Result<(), String> {
        self.now = sequence;
        let mut wrong = Ok(());
        for (place, event) in events.iter().enumerate() {
            let others = events.get(place + 1..).unwrap_or_default();
            let judged = self.event(sequence, event, (events, others));
            wrong = wrong.and(judged);
        }
        wrong.and_then(|()| self.whole(events)).and_then(|()| self.in_pairs(events))
    }

    fn event(
        &mut self,
        sequence: Sequence,
        event: &Event,
        (all, others): (&[Event], &[Event]),
    ) -> Result<(), String> {
        self.lines.take(sequence, event);
        if let Event::Registered { what, .. } = event {
            return self.registered(what);
        }
        if let Event::Accepted { taken, .. } = event {
            self.ends(&taken.offer);
            return Ok(());
        }
        let Some(booking) = event.booking() else { return Ok(()) };
        let Some(dose) = booking.details.dose.as_deref() else { return Ok(()) };
        match event {
            Event::Held { at, .. } => self.held(sequence, *at, booking, dose),
            Event::Confirmed { .. } => {
                self.become_is(booking.id, Recorded::Booked);
                let bare = dose.delivery.is_none();
                if bare { Err(format!("{} is booked without a dose", booking.id)) } else { Ok(()) }
            }
            Event::Released { .. } | Event::Expired { .. } | Event::Cancelled { .. } => {
                self.ends(booking);
                Ok(())
            }
            Event::Moved { .. } => {
                if let Some(has) = self.live.get_mut(&booking.id) {
                    has.booking = booking.clone();
                }
                Ok(())
            }
            Event::Marked { mark, .. } => {
                if let Some(has) = self.live.get_mut(&booking.id) {
                    has.away = *mark == Mark::NoShow;
                }
                let given = others.iter().any(|other| {
                    matches!(other, Event::Given { booking: it, .. } if it.id == booking.id)
                });
                if *mark == Mark::Fulfilled && !given {
                    return Err(format!("{} took place, and its dose was not given", booking.id));
                }
                Ok(())
            }
            Event::Dosed { at, before, .. } => self.dosed(*at, booking, dose, (*before, all)),
            Event::Given { at, before, .. } => self.given(*at, booking, dose, *before),
            _ => Ok(()),
        }
    }

    fn registered(&mut self, what: &Registration) -> Result<(), String> {
        match what {
            Registration::Campaign { id, version, campaign } => {
                let before = version.checked_sub(1).filter(|before| 0 < *before);
                let known = before.is_none_or(|it| self.campaigns.contains_key(&(*id, it)));
                let again = self.campaigns.insert((*id, *version), (**campaign).clone());
                if !known || again.is_some() {
                    return Err(format!("{id} comes to version {version} out of turn"));
                }
            }
            Registration::Delivered(delivery) => {
                let fresh = Stock {
                    delivery: delivery.clone(),
                    wasted: 0,
                    claimed: BTreeSet::new(),
                    given: 0,
                    relieved: None,
                };
                self.stocks.entry(delivery.id).or_insert(fresh).delivery = delivery.clone();
            }
            Registration::Wasted { delivery, doses } => {
                let stock = self.stocks.get_mut(delivery);
                let stock = stock.ok_or_else(|| format!("{delivery} is wasted, and unknown"))?;
                stock.wasted = *doses;
            }
            Registration::Recalled { campaign, lot } => {
                self.recalled.insert((*campaign, lot.clone()));
            }
            _ => {}
        }
        Ok(())
    }

    fn become_is(&mut self, id: HoldId, is: Recorded) {
        if let Some(has) = self.live.get_mut(&id) {
            has.is = is;
        }
    }

    /// Takes a dose of a delivery for a booking.
    fn claim(&mut self, booking: &Booking, dose: &Dose) -> Result<(), String> {
        let Some(id) = dose.delivery else { return Ok(()) };
        let what = format!("{} has a dose of {id}", booking.id);
        let stock = self.stocks.get_mut(&id).ok_or_else(|| format!("{what}, which is unknown"))?;
        stock.claimed.insert(booking.id);
        let it = &stock.delivery;
        if (it.campaign, it.place, &it.vaccine) != (dose.campaign, dose.place, &dose.vaccine) {
            return Err(format!("{what}, which is of another vaccine or place"));
        }
        if self.recalled.contains(&(it.campaign, it.lot.clone())) {
            return Err(format!("{what}, which was recalled"));
        }
        if stock.owes() {
            return Err(format!("{what}, of which none was left"));
        }
        Ok(())
    }

    fn unclaim(&mut self, id: HoldId, delivery: Option<DeliveryId>) -> bool {
        let Some(delivery) = delivery else { return true };
        let now = self.now;
        self.stocks.get_mut(&delivery).is_some_and(|stock| {
            let owed = stock.owes();
            let gone = stock.claimed.remove(&id);
            if owed && !stock.owes() {
                stock.relieved = Some(now);
            }
            gone
        })
    }

    fn ends(&mut self, booking: &Booking) {
        let Some(has) = self.live.remove(&booking.id) else { return };
        self.unclaim(booking.id, has.dose.delivery);
        let key = (has.dose.campaign, booking.person.clone());
        if let Some(theirs) = self.people.get_mut(&key) {
            theirs.remove(&booking.id);
        }
    }

    fn held(
        &mut self,
        sequence: Sequence,
        at: Timestamp,
        booking: &Booking,
        dose: &Dose,
    ) -> Result<(), String> {
        let for_one = matches!(booking.details.offer, Some(Offer::Appointment(_)));
        let judged = if for_one { Ok(()) } else { self.may_have(at, booking, dose) };
        let judged = judged.and_then(|()| self.in_turn(at, booking));
        let (booking, dose) = (booking.clone(), dose.clone());
        let claimed = self.claim(&booking, &dose);
        if !for_one {
            let key = (dose.campaign, booking.person.clone());
            self.people.entry(key).or_default().insert(booking.id);
        }
        let bare = dose.delivery.is_none().then(|| format!("{} has no dose", booking.id));
        let id = booking.id;
        let is = Recorded::Held;
        self.live.insert(id, Has { booking, dose, is, away: false, since: sequence });
        judged.and(claimed).and(bare.map_or(Ok(()), Err))
    }

    /// Whether the campaign lets them have it, as far as is written.
    fn may_have(&self, at: Timestamp, booking: &Booking, dose: &Dose) -> Result<(), String> {
        let id = booking.id;
        let campaign = self.campaigns.get(&(dose.campaign, dose.version));
        let campaign = campaign.ok_or_else(|| format!("{id} is of no known campaign"))?;
        let phase = campaign.phases.iter().find(|phase| phase.id == dose.phase);
        let phase = phase.ok_or_else(|| format!("{id} is of no known phase"))?;
        let open = phase.opens <= at && phase.closes.is_none_or(|closes| at < closes);
        let number = phase.doses.is_empty() || phase.doses.contains(&dose.number);
        let theirs = phase.groups.is_empty()
            || phase.groups.iter().any(|group| {
                let band = group.bands.is_empty() || group.bands.contains(&dose.band);
                let territory = dose.territory.as_ref();
                let there = group.territories.is_empty()
                    || territory.is_some_and(|it| group.territories.contains(it));
                band && there
            });
        let vaccine = campaign.vaccine(&dose.vaccine);
        let band = vaccine.is_some_and(|it| it.bands.is_empty() || it.bands.contains(&dose.band));
        let known = vaccine.is_some_and(|it| (1..=it.most()).contains(&dose.number));
        if !open || !number || !theirs || !band || !known {
            return Err(format!("{id} is not for who has it: {dose:?}"));
        }
        self.in_order(booking, dose, campaign)
    }

    /// Whether who is offered a dose is in the line for it, and nobody comes before who could have
    /// had it.
    fn in_turn(&self, at: Timestamp, booking: &Booking) -> Result<(), String> {
        let Some(wish) = booking.details.wish else { return Ok(()) };
        self.lines.judge(booking, wish, (self.now, at), |place| {
            let start = booking.span.start;
            let (campaign, dose) = (place.dose.campaign, &place.dose);
            let Some((_, latest)) =
                self.campaigns.range((campaign, 0)..=(campaign, u32::MAX)).next_back()
            else {
                return false;
            };
            let theirs = self.people.get(&(campaign, place.person.clone())).into_iter().flatten();
            let live = theirs.filter_map(|id| self.live.get(id));
            let busy = live.clone().any(|has| has.is == Recorded::Held);
            let facts = stated_before(dose);
            let asked = Asked { vaccine: &dose.vaccine, number: dose.number, start, facts: &facts };
            let mut other = booking.clone();
            (other.id, other.person) = (HoldId::from_bits(0), place.person.clone());
            let records = self.records(&other, dose);
            let open = latest.phases.iter().find(|phase| phase.id == dose.phase);
            let open = open.is_some_and(|phase| {
                let opened = phase.opens.plus_ms(DECIDES_WITHIN_MS) <= at;
                opened && phase.closes.is_none_or(|closes| at < closes)
            });
            open && !busy && latest.follows(&asked, &records, None).is_ok()
        })
    }

    /// Whether an appointment that has moved goes with the other doses of the person. That is
    /// judged by the campaign as it was then, which may have been set anew since the booking.
    fn in_order_still(&self, booking: &Booking, dose: &Dose) -> Result<(), String> {
        let versions = (dose.campaign, dose.version)..=(dose.campaign, u32::MAX);
        let mut wrong = Err(format!("{} is of no known campaign", booking.id));
        for (_, campaign) in self.campaigns.range(versions) {
            match self.in_order(booking, dose, campaign) {
                Ok(()) => return Ok(()),
                Err(what) => wrong = Err(what),
            }
        }
        wrong
    }

    /// Whether it goes with the other doses of the person.
    fn in_order(&self, booking: &Booking, dose: &Dose, campaign: &Campaign) -> Result<(), String> {
        let records: Vec<Record> = self.records(booking, dose);
        let facts = stated_before(dose);
        let (number, start) = (dose.number, booking.span.start);
        let asked = Asked { vaccine: &dose.vaccine, number, start, facts: &facts };
        let follows = campaign.follows(&asked, &records, None);
        follows.map_err(|why| format!("{} does not go with other doses: {why}", booking.id))
    }

    /// What is recorded of a person beside one booking. A twin counts as booked.
    fn records(&self, booking: &Booking, dose: &Dose) -> Vec<Record> {
        let theirs = self.people.get(&(dose.campaign, booking.person.clone()));
        let has = theirs.into_iter().flatten().filter(|id| **id != booking.id);
        let has = has.filter_map(|id| self.live.get(id)).filter(|has| !has.away);
        has.map(|has| Record {
            booking: Some(has.booking.id),
            number: has.dose.number,
            vaccine: has.dose.vaccine.clone(),
            at: has.booking.span.start,
            is: if has.dose.twin == Some(booking.id) {
                Recorded::Booked.max(has.is)
            } else {
                has.is
            },
        })
        .collect()
    }

    fn dosed(
        &mut self,
        at: Timestamp,
        booking: &Booking,
        dose: &Dose,
        (before, all): (Option<DeliveryId>, &[Event]),
    ) -> Result<(), String> {
        let id = booking.id;
        let had = self.live.get(&id).map(|has| has.dose.delivery);
        let first = match dose.delivery {
            None => self.goes_first(at, id, before, all),
            Some(_) => Ok(()),
        };
        let gone = self.unclaim(id, before);
        let claimed = self.claim(booking, dose);
        if let Some(has) = self.live.get_mut(&id) {
            (has.booking, has.dose) = (booking.clone(), dose.clone());
        }
        if had != Some(before) || !gone {
            return Err(format!("{id} leaves a dose of {before:?}, and had one of {had:?}"));
        }
        claimed.and(first)
    }

    /// Whether nobody who booked later keeps a dose that somebody is left without.
    fn goes_first(
        &self,
        at: Timestamp,
        id: HoldId,
        before: Option<DeliveryId>,
        all: &[Event],
    ) -> Result<(), String> {
        let moves = |event: &Event| {
            let moved = matches!(
                event,
                Event::Moved { .. } | Event::Accepted { .. } | Event::Marked { .. }
            );
            moved && event.booking().is_some_and(|booking| booking.id == id)
        };
        if all.iter().any(moves) {
            return Ok(());
        }
        let stock = before.and_then(|before| self.stocks.get(&before));
        let (Some(stock), Some(own)) = (stock, self.live.get(&id)) else { return Ok(()) };
        let lot = (stock.delivery.campaign, stock.delivery.lot.clone());
        let served = |has: &Has| stock.delivery.serves(has.booking.span.start);
        if self.recalled.contains(&lot) || !served(own) {
            return Ok(());
        }
        let after = |then: Sequence| self.now.saturating_sub(then);
        let just_now = stock.relieved.is_some_and(|then| after(then) <= DECIDES_WITHIN);
        if !stock.owes() && !just_now {
            return Err(format!("{id} is left without a dose, and there was one"));
        }
        let others = stock.claimed.iter().filter_map(|other| self.live.get(other));
        // A calendar does not know what is long over, and nothing becomes of it.
        let over = |has: &&Has| has.booking.span.end.plus_ms(PAST_REMEMBERED_MS) <= at;
        let mut others = others.filter(|has| !has.away && !over(has));
        match others.find(|has| own.since < has.since) {
            Some(later) => {
                let later = later.booking.id;
                Err(format!("{id} is left without a dose, and {later}, which came later, is not"))
            }
            None => Ok(()),
        }
    }

    fn given(
        &mut self,
        at: Timestamp,
        booking: &Booking,
        dose: &Dose,
        before: Option<DeliveryId>,
    ) -> Result<(), String> {
        let id = booking.id;
        let had = self.live.get(&id).map(|has| (has.dose.delivery, has.is));
        let records = self.records(booking, dose);
        let gone = self.unclaim(id, before);
        let claimed = self.claim(booking, dose);
        self.unclaim(id, dose.delivery);
        if let Some(stock) = dose.delivery.and_then(|id| self.stocks.get_mut(&id)) {
            stock.given += 1;
            let it = &stock.delivery;
            if at < it.arrives || it.expires <= at {
                return Err(format!("{id} has a dose that is not there, or has expired"));
            }
        }
        if let Some(has) = self.live.get_mut(&id) {
            has.booking = booking.clone();
            has.booking.span.start = at;
            (has.dose, has.is, has.away) = (dose.clone(), Recorded::Given, false);
            // It is in an arm, and no delivery has it any more.
            has.dose.delivery = None;
        }
        let was = matches!(had, Some((delivery, Recorded::Booked)) if delivery == before);
        if !was || !gone || dose.delivery.is_none() {
            return Err(format!("{id} is given a dose, and had {had:?}, not {before:?}"));
        }
        if records.iter().any(|record| record.number == dose.number) {
            return Err(format!("{id} is the same dose of the same person once more"));
        }
        let first = dose.number.saturating_sub(1);
        let given = |it: &Record| it.number == first && it.is == Recorded::Given;
        if 0 < first && dose.elsewhere.is_none() && !records.iter().any(given) {
            return Err(format!("{id} is given before the dose before it"));
        }
        claimed
    }

    /// What holds after an entry: an appointment that has moved keeps to its interval, and its dose
    /// is there for its day.
    fn whole(&self, events: &[Event]) -> Result<(), String> {
        for event in events {
            let (Event::Moved { booking, .. } | Event::Accepted { booking, .. }) = event else {
                continue;
            };
            let Some(has) = self.live.get(&booking.id) else { continue };
            self.in_order_still(&has.booking, &has.dose)?;
            let stock = has.dose.delivery.and_then(|id| self.stocks.get(&id));
            if !stock.is_some_and(|stock| stock.delivery.serves(has.booking.span.start)) {
                return Err(format!("{} moves to where there is no dose for it", booking.id));
            }
        }
        for event in events {
            let Event::Held { booking, .. } = event else { continue };
            let stock = booking.delivery().and_then(|id| self.stocks.get(&id));
            if stock.is_some_and(|stock| !stock.delivery.serves(booking.span.start)) {
                return Err(format!("{} has a dose that is not there on its day", booking.id));
            }
        }
        Ok(())
    }
}

impl Doses {
    /// Two doses that are held together are confirmed, renewed and given back together.
    fn in_pairs(&self, events: &[Event]) -> Result<(), String> {
        let twin_of = |booking: &Booking| booking.details.dose.as_ref().and_then(|it| it.twin);
        for event in events {
            let (Event::Held { booking, .. }
            | Event::Confirmed { booking, .. }
            | Event::Renewed { booking, .. }
            | Event::Released { booking, .. }) = event
            else {
                continue;
            };
            let Some(twin) = twin_of(booking) else { continue };
            let same = |other: &Event| {
                let theirs = other.booking().filter(|it| it.id == twin).and_then(twin_of);
                theirs == Some(booking.id) && discriminant(other) == discriminant(event)
            };
            let held = self.live.get(&twin).is_some_and(|has| has.is == Recorded::Held);
            // One that has run out already has left the other alone.
            let together = held || matches!(event, Event::Held { .. });
            if together && !events.iter().any(same) {
                return Err(format!("{} goes without {twin}, with which it was held", booking.id));
            }
        }
        Ok(())
    }
}

/// What a simulation compares.
#[cfg(any(test, feature = "testing"))]
impl Doses {
    /// What nobody has of each delivery.
    pub(crate) fn left(&self) -> impl Iterator<Item = (DeliveryId, i64)> {
        let count = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        self.stocks
            .iter()
            .map(move |(id, it)| (*id, i64::from(it.delivery.doses) - count(it.taken())))
    }

    /// Doses of a delivery that are claimed, given and wasted.
    pub(crate) fn tally(&self, id: DeliveryId) -> Option<(u32, u32, u32)> {
        let stock = self.stocks.get(&id)?;
        let claimed = u32::try_from(stock.claimed.len()).unwrap_or(u32::MAX);
        Some((claimed, stock.given, stock.wasted))
    }

    /// Whether a dose is left for what starts then.
    pub(crate) fn has(
        &self,
        (campaign, place): (CampaignId, PlaceId),
        vaccine: &VaccineId,
        start: Timestamp,
    ) -> bool {
        self.stocks.values().any(|stock| {
            let it = &stock.delivery;
            let lot = (it.campaign, it.lot.clone());
            (it.campaign, it.place, &it.vaccine) == (campaign, place, vaccine)
                && it.serves(start)
                && stock.taken() < it.doses as usize
                && !self.recalled.contains(&lot)
        })
    }

    /// Appointments to come and doses given, by campaign.
    pub(crate) fn coverage(&self) -> BTreeMap<CampaignId, (u64, u64)> {
        let mut all: BTreeMap<CampaignId, (u64, u64)> = BTreeMap::new();
        for has in self.live.values() {
            let sums = all.entry(has.dose.campaign).or_default();
            match has.is {
                Recorded::Booked if !has.away => sums.0 += 1,
                Recorded::Given => sums.1 += 1,
                _ => {}
            }
        }
        all
    }

    /// What is recorded of people.
    pub(crate) fn people(
        &self,
    ) -> impl Iterator<Item = (CampaignId, PersonId, HoldId, u8, Recorded)> {
        self.people.iter().flat_map(|((campaign, person), theirs)| {
            let has = theirs.iter().filter_map(|id| self.live.get(id)).filter(|has| !has.away);
            has.map(|has| (*campaign, person.clone(), has.booking.id, has.dose.number, has.is))
        })
    }
}
