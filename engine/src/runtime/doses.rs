//! The doses of campaigns as requests see them: what each campaign says, and how many doses of each
//! delivery nobody has, in a word of its own.
//!
//! A dose is claimed by one compare-and-swap, as a slot is, and given back by dropping the claim.
//! Which bookings have which dose is written with them: the words follow from that, and decide
//! nothing that the journal would not bear out. Fewer doses count at once, before that is written;
//! more count once it is durable. So whatever claims one comes after its delivery in the journal.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

use smallvec::SmallVec;

use super::sync::{AtomicBool, AtomicI64, Ordering, RwLock};
use crate::booking::{Event, Registration, Schedule, Slot, doses};
use crate::campaign::{Campaign, Delivery, Tally};
use crate::ids::{CampaignId, DeliveryId, LotId, PlaceId, ReasonId, VaccineId};
use crate::planted::{self, Bug};
use crate::time::Timestamp;

/// What is left of a delivery, whatever else is said of it.
#[derive(Debug, Default)]
struct Word {
    left: AtomicI64,
    recalled: AtomicBool,
}

/// A delivery, and what is left of it.
#[derive(Debug)]
pub(crate) struct Lot {
    pub(crate) delivery: Delivery,
    word: Arc<Word>,
}

impl Lot {
    /// Doses that nobody has; fewer than none where more are booked than there are.
    pub(crate) fn left(&self) -> i64 {
        self.word.left.load(Ordering::Acquire)
    }

    pub(crate) fn is_recalled(&self) -> bool {
        self.word.recalled.load(Ordering::Acquire)
    }

    fn has_one(&self, start: Timestamp) -> bool {
        self.delivery.serves(start) && 0 < self.left() && !self.is_recalled()
    }

    /// Claims a dose for what starts then.
    fn claim(&self, start: Timestamp) -> Option<DoseClaim> {
        if !self.has_one(start) && !planted::is(Bug::DoseFromNowhere) {
            return None;
        }
        self.claim_any()
    }

    /// Claims a dose, whatever it is for.
    pub(crate) fn claim_any(&self) -> Option<DoseClaim> {
        let less = |left: i64| (0 < left || planted::is(Bug::DoseFromNowhere)).then(|| left - 1);
        self.word.left.fetch_update(Ordering::AcqRel, Ordering::Acquire, less).ok()?;
        Some(DoseClaim { word: self.word.clone(), delivery: self.delivery.id, kept: false })
    }
}

/// A dose that somebody asks for. Dropping it gives the dose back.
#[derive(Debug)]
pub(crate) struct DoseClaim {
    word: Arc<Word>,
    pub(crate) delivery: DeliveryId,
    kept: bool,
}

impl Drop for DoseClaim {
    fn drop(&mut self) {
        if !self.kept && !planted::is(Bug::DoseClaimKept) {
            self.word.left.fetch_add(1, Ordering::AcqRel);
        }
    }
}

/// The deliveries of a vaccine to a place, in the order in which doses are taken of them.
type Stock = Vec<Arc<Lot>>;

#[derive(Default)]
struct Known {
    campaigns: BTreeMap<CampaignId, (u32, Arc<Campaign>)>,
    stocks: BTreeMap<(CampaignId, PlaceId), BTreeMap<VaccineId, Stock>>,
    lots: BTreeMap<DeliveryId, Arc<Lot>>,
    recalled: Vec<(CampaignId, LotId)>,
}

/// What is known of campaigns without asking the store.
#[derive(Default)]
pub(crate) struct Doses(RwLock<Known>);

impl Doses {
    fn read<T>(&self, read: impl FnOnce(&Known) -> T) -> T {
        read(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes in what a row says, or has just come to say.
    pub(crate) fn list(&self, what: &Registration) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        match what {
            Registration::Campaign { id, version, campaign } => {
                let campaign = Arc::new((**campaign).clone());
                known.campaigns.insert(*id, (*version, campaign));
            }
            Registration::Delivered(delivery) => known.deliver(delivery),
            Registration::Recalled { campaign, lot } => known.recall(*campaign, lot),
            _ => {}
        }
    }

    /// A campaign, and how often it was set.
    pub(crate) fn campaign(&self, id: CampaignId) -> Option<(u32, Arc<Campaign>)> {
        self.read(|known| known.campaigns.get(&id).cloned())
    }

    /// Campaigns from `from` on, by id, at most `limit`.
    pub(crate) fn campaigns(&self, from: CampaignId, limit: usize) -> Vec<CampaignId> {
        self.read(|known| known.campaigns.range(from..).take(limit).map(|(id, _)| *id).collect())
    }

    /// How many campaigns and deliveries there are.
    pub(crate) fn len(&self) -> usize {
        self.read(|known| known.campaigns.len().max(known.lots.len()))
    }

    /// A delivery.
    pub(crate) fn lot(&self, id: DeliveryId) -> Option<Arc<Lot>> {
        self.read(|known| known.lots.get(&id).cloned())
    }

    /// The deliveries to a place, by vaccine, in the order in which doses are taken of them.
    pub(crate) fn lots_at(&self, campaign: CampaignId, place: PlaceId) -> Vec<Arc<Lot>> {
        let at = |known: &Known| {
            let stocks = known.stocks.get(&(campaign, place)).into_iter();
            stocks.flat_map(BTreeMap::values).flatten().cloned().collect()
        };
        self.read(at)
    }

    /// The deliveries of a lot, wherever they went.
    pub(crate) fn of_lot(&self, campaign: CampaignId, lot: &LotId) -> Vec<Arc<Lot>> {
        let of = |it: &&Arc<Lot>| it.delivery.campaign == campaign && it.delivery.lot == *lot;
        self.read(|known| known.lots.values().filter(of).cloned().collect())
    }

    /// Whether a dose is left for what starts then.
    pub(crate) fn has(
        &self,
        campaign: CampaignId,
        place: PlaceId,
        vaccine: &VaccineId,
        start: Timestamp,
    ) -> bool {
        self.read(|known| known.stock(campaign, place, vaccine).any(|lot| lot.has_one(start)))
    }

    /// Claims a dose for what starts then.
    pub(crate) fn claim(
        &self,
        campaign: CampaignId,
        place: PlaceId,
        vaccine: &VaccineId,
        start: Timestamp,
    ) -> Option<DoseClaim> {
        self.read(|known| known.stock(campaign, place, vaccine).find_map(|lot| lot.claim(start)))
    }

    /// Leaves those of a reason's slots for which a dose is left, where it gives one.
    pub(crate) fn retain(&self, schedule: &Schedule, reason: &ReasonId, slots: &mut Vec<Slot>) {
        let definition = schedule.definition();
        let rule = definition.reason(reason).and_then(|reason| reason.rules.dose.as_ref());
        let (Some(rule), Some(place)) = (rule, definition.agenda.place) else { return };
        self.read(|known| {
            let lots: Vec<_> = known.stock(rule.campaign, place, &rule.vaccine).collect();
            slots.retain(|slot| lots.iter().any(|lot| lot.has_one(slot.start)));
        });
    }

    /// Has fewer doses of a delivery, or none of a lot, before that is written.
    pub(crate) fn will_write(&self, what: &Registration, wasted: u32) {
        match what {
            Registration::Delivered(delivery) => {
                let Some(lot) = self.lot(delivery.id) else { return };
                let fewer = i64::from(lot.delivery.doses) - i64::from(delivery.doses);
                lot.word.left.fetch_sub(fewer.max(0), Ordering::AcqRel);
            }
            Registration::Wasted { delivery, doses } => {
                let Some(lot) = self.lot(*delivery) else { return };
                let more = i64::from(doses.saturating_sub(wasted));
                lot.word.left.fetch_sub(more, Ordering::AcqRel);
            }
            Registration::Recalled { campaign, lot } => {
                let lots = self.of_lot(*campaign, lot);
                lots.iter().for_each(|lot| lot.word.recalled.store(true, Ordering::Release));
            }
            _ => {}
        }
    }

    /// Brings the words up to an entry that was enqueued, for which `claims` were made.
    pub(crate) fn settle(&self, events: &[Event], claims: impl IntoIterator<Item = DoseClaim>) {
        let mut net: SmallVec<[(DeliveryId, i64); 2]> = SmallVec::new();
        let mut add = |delivery, doses| match net.iter_mut().find(|(id, _)| *id == delivery) {
            Some((_, sum)) => *sum += doses,
            None => net.push((delivery, doses)),
        };
        for mut claim in claims {
            claim.kept = true;
            add(claim.delivery, 1);
        }
        for counted in events.iter().flat_map(doses::counted) {
            add(counted.delivery, -i64::from(counted.claimed) - i64::from(counted.given));
        }
        for (delivery, doses) in net.into_iter().filter(|(_, doses)| *doses != 0) {
            if let Some(lot) = self.lot(delivery).filter(|_| !planted::is(Bug::DoseNotGivenBack)) {
                lot.word.left.fetch_add(doses, Ordering::AcqRel);
            }
        }
    }

    /// Says what is left of each delivery, after a start.
    pub(crate) fn fill(&self, tally: impl Fn(DeliveryId) -> Tally) {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        for (id, lot) in &known.lots {
            let left = tally(*id).left(lot.delivery.doses);
            lot.word.left.store(left, Ordering::Release);
        }
    }

    /// All deliveries, by id.
    pub(crate) fn lots(&self) -> Vec<Arc<Lot>> {
        self.read(|known| known.lots.values().cloned().collect())
    }
}

impl Known {
    fn stock(
        &self,
        campaign: CampaignId,
        place: PlaceId,
        vaccine: &VaccineId,
    ) -> impl Iterator<Item = &Arc<Lot>> {
        let stocks = self.stocks.get(&(campaign, place));
        stocks.and_then(|stocks| stocks.get(vaccine)).into_iter().flatten()
    }

    /// A delivery, new or said once more. It stays for the same vaccine and place.
    fn deliver(&mut self, delivery: &Delivery) {
        let word = match self.lots.get(&delivery.id) {
            Some(lot) => {
                let more = i64::from(delivery.doses) - i64::from(lot.delivery.doses);
                lot.word.left.fetch_add(more.max(0), Ordering::AcqRel);
                lot.word.clone()
            }
            None => {
                let left = AtomicI64::new(delivery.doses.into());
                Arc::new(Word { left, recalled: AtomicBool::new(false) })
            }
        };
        if self.recalled.contains(&(delivery.campaign, delivery.lot.clone())) {
            word.recalled.store(true, Ordering::Release);
        }
        let lot = Arc::new(Lot { delivery: delivery.clone(), word });
        self.lots.insert(delivery.id, lot.clone());
        let stocks = self.stocks.entry((delivery.campaign, delivery.place)).or_default();
        let stock = stocks.entry(delivery.vaccine.clone()).or_default();
        stock.retain(|other| other.delivery.id != delivery.id);
        stock.push(lot);
        stock.sort_by_key(|lot| lot.delivery.preference());
    }

    fn recall(&mut self, campaign: CampaignId, lot: &LotId) {
        let key = (campaign, lot.clone());
        if !self.recalled.contains(&key) {
            self.recalled.push(key);
        }
        let of = |it: &&Arc<Lot>| it.delivery.campaign == campaign && it.delivery.lot == *lot;
        for it in self.lots.values().filter(of) {
            it.word.recalled.store(true, Ordering::Release);
        }
    }
}
