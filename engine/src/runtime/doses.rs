//! The doses of campaigns as requests see them: what each campaign says, and how many doses of each
//! delivery nobody has, in a word of its own.
//!
//! A dose is claimed by one compare-and-swap, as a slot is, and given back by dropping the claim.
//! Which bookings have which dose is written with them: the words follow from that, and decide
//! nothing that the journal would not bear out. More count once it is durable, and less counts at
//! once: before that is written, nobody can claim by what was said until then any more, and whoever
//! has is waited for. So whatever claims a dose stands on its own side of what is said of it.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

use smallvec::SmallVec;

use super::lines::{Bell, Line, LineRow};
use super::sync::{AtomicBool, AtomicI64, AtomicUsize, Ordering, ReadMostly};
use crate::booking::{Event, Guard, Registration, Rejection, Schedule, Slot, Stocked, doses};
use crate::campaign::{Campaign, Delivery, Dose, DoseRule, Tally};
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
    /// As it was said last, as far as is durable.
    pub(crate) delivery: Delivery,
    /// When doses of it can be claimed, and how many the word counts: never more than is durable.
    arrives: Timestamp,
    expires: Timestamp,
    counted: u32,
    word: Arc<Word>,
    /// Claims that were made by what is said here, and whose entries are not enqueued yet.
    pending: Arc<AtomicUsize>,
    /// Those who wait for what it has.
    line: Arc<Line>,
}

impl Lot {
    fn of(delivery: &Delivery, word: Arc<Word>, line: Arc<Line>) -> Self {
        let Delivery { arrives, expires, doses, .. } = *delivery;
        let (delivery, counted) = (delivery.clone(), doses);
        Self { delivery, arrives, expires, counted, word, pending: Arc::default(), line }
    }

    /// Doses that nobody has; fewer than none where more are booked than there are.
    pub(crate) fn left(&self) -> i64 {
        self.word.left.load(Ordering::Acquire)
    }

    pub(crate) fn is_recalled(&self) -> bool {
        self.word.recalled.load(Ordering::Acquire)
    }

    /// Whether its doses can be given at `start`.
    fn is_there(&self, start: Timestamp) -> bool {
        self.arrives <= start && start < self.expires
    }

    fn has_one(&self, start: Timestamp) -> bool {
        self.is_there(start) && 0 < self.left() && !self.is_recalled()
    }

    /// Claims a dose for what starts then.
    fn claim(&self, start: Timestamp, by: Claimant) -> Option<DoseClaim> {
        if !self.has_one(start) && !planted::is(Bug::DoseFromNowhere) {
            return None;
        }
        self.claim_any(by)
    }

    fn claim_any(&self, by: Claimant) -> Option<DoseClaim> {
        let less = |left: i64| (0 < left || planted::is(Bug::DoseFromNowhere)).then(|| left - 1);
        self.word.left.fetch_update(Ordering::AcqRel, Ordering::Acquire, less).ok()?;
        self.pending.fetch_add(1, Ordering::AcqRel);
        let (word, pending, line) = (self.word.clone(), self.pending.clone(), self.line.clone());
        let delivery = self.delivery.id;
        Some(DoseClaim { word, pending, line, delivery, by, kept: false })
    }

    /// Has so many more, or fewer. What comes to be left is for those who wait first.
    fn add(&self, doses: i64) {
        if 0 < doses {
            self.line.ring();
        }
        self.word.left.fetch_add(doses, Ordering::AcqRel);
    }
}

/// A dose that somebody asks for. Dropping it gives the dose back.
#[derive(Debug)]
pub(crate) struct DoseClaim {
    word: Arc<Word>,
    pending: Arc<AtomicUsize>,
    line: Arc<Line>,
    pub(crate) delivery: DeliveryId,
    by: Claimant,
    kept: bool,
}

impl Drop for DoseClaim {
    fn drop(&mut self) {
        if !self.kept && !planted::is(Bug::DoseClaimKept) {
            // Whoever waits may have found none left meanwhile. What one of them does not take, the
            // next is offered in the same round.
            if self.by == Claimant::Anybody && self.word.left.load(Ordering::Acquire) <= 0 {
                self.line.ring();
            }
            self.word.left.fetch_add(1, Ordering::AcqRel);
        }
        self.pending.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Claims that were made before less was to be had.
pub(crate) struct Earlier(Vec<Arc<AtomicUsize>>);

impl Earlier {
    /// Whether the entries of all of them are enqueued, or they were given back.
    pub(crate) fn are_over(&self) -> bool {
        self.0.iter().all(|pending| pending.load(Ordering::Acquire) == 0)
    }
}

/// The deliveries of a vaccine to a place, in the order in which doses are taken of them.
type Stock = Vec<Arc<Lot>>;

/// Which stock.
type StockOf<'a> = (CampaignId, PlaceId, &'a VaccineId);

/// A campaign, how often it was set, and the guard of its people.
struct Said {
    version: u32,
    campaign: Arc<Campaign>,
    guard: Guard,
}

#[derive(Default)]
struct Known {
    campaigns: BTreeMap<CampaignId, Said>,
    stocks: BTreeMap<(CampaignId, PlaceId), BTreeMap<VaccineId, Stock>>,
    lots: BTreeMap<DeliveryId, Arc<Lot>>,
    recalled: Vec<(CampaignId, LotId)>,
    lines: BTreeMap<Stocked, Arc<Line>>,
    bell: Arc<Bell>,
}

/// For whom a dose is claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Claimant {
    /// Somebody who asks: whoever waits comes first.
    Anybody,
    /// The first in the line, or somebody who was left without.
    First,
}

/// What is known of campaigns without asking the store.
pub(crate) struct Doses(ReadMostly<Known>, Arc<Bell>);

impl Default for Doses {
    fn default() -> Self {
        let bell = Arc::<Bell>::default();
        Self(ReadMostly::new(Known { bell: bell.clone(), ..Known::default() }), bell)
    }
}

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
                let said = Said { version: *version, campaign, guard: Dose::guard(*id) };
                known.campaigns.insert(*id, said);
            }
            Registration::Delivered(delivery) => known.deliver(delivery),
            Registration::Recalled { campaign, lot } => known.recall(*campaign, lot),
            _ => {}
        }
    }

    /// A campaign, and how often it was set.
    pub(crate) fn campaign(&self, id: CampaignId) -> Option<(u32, Arc<Campaign>)> {
        let said = |said: &Said| (said.version, said.campaign.clone());
        self.read(|known| known.campaigns.get(&id).map(said))
    }

    /// The rule that keeps a person to one live hold in a campaign: as [`Dose::guard`] makes it.
    pub(crate) fn guard(&self, id: CampaignId) -> Guard {
        let known = self.read(|known| known.campaigns.get(&id).map(|said| said.guard.clone()));
        known.unwrap_or_else(|| Dose::guard(id))
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
        self.read(|known| {
            let ids = known.of_lot(campaign, lot);
            ids.iter().filter_map(|id| known.lots.get(id)).cloned().collect()
        })
    }

    /// What `ask` is told by the campaign of a rule, where a dose is left too for what starts then.
    ///
    /// # Errors
    ///
    /// Of the reasons to refuse it the first: [`Rejection::UnknownCampaign`], what `ask` says,
    /// [`Rejection::NoDose`].
    pub(crate) fn judge<T>(
        &self,
        rule: &DoseRule,
        (place, start): (PlaceId, Timestamp),
        by: Claimant,
        ask: impl FnOnce(u32, &Campaign) -> Result<T, Rejection>,
    ) -> Result<T, Rejection> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let said = known.campaigns.get(&rule.campaign).ok_or(Rejection::UnknownCampaign)?;
        let told = ask(said.version, &said.campaign)?;
        let left = known.has((rule.campaign, place, &rule.vaccine), start, by);
        if left { Ok(told) } else { Err(Rejection::NoDose) }
    }

    /// Whether a dose is left for what starts then.
    pub(crate) fn has(&self, stock: StockOf<'_>, start: Timestamp, by: Claimant) -> bool {
        self.read(|known| known.has(stock, start, by))
    }

    /// Claims a dose for what starts then.
    pub(crate) fn claim(&self, dose: &Dose, start: Timestamp, by: Claimant) -> Option<DoseClaim> {
        let Dose { campaign, place, vaccine, .. } = dose;
        let claim = |lot: &Arc<Lot>| by.may(lot).then(|| lot.claim(start, by)).flatten();
        self.read(|known| known.stock(*campaign, *place, vaccine).find_map(claim))
    }

    /// Somebody in a line is as their row says from now on.
    pub(crate) fn in_line(&self, row: LineRow) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        known.line(row.place.stocked()).take(row);
    }

    /// Those who wait for a stock, if anybody has ever.
    pub(crate) fn line(&self, stocked: &Stocked) -> Option<Arc<Line>> {
        self.read(|known| known.lines.get(stocked).cloned())
    }

    /// Whether nobody who waits is still to be asked: for tests.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn are_asked(&self) -> bool {
        self.read(|known| known.lines.values().all(|line| !line.comes_first()))
    }

    /// What rings where a line is to be gone through.
    pub(crate) fn bell(&self) -> &Arc<Bell> {
        &self.1
    }

    /// Has all lines gone through for whose stock something is left.
    pub(crate) fn ring_all(&self) {
        if self.bell().is_idle() {
            return;
        }
        let lines = self.read(|known| {
            let left = |lots: &Stock| lots.iter().any(|lot| 0 < lot.left());
            let stocked = |(campaign, place, vaccine): &Stocked| {
                known.stocks.get(&(*campaign, *place)).and_then(|it| it.get(vaccine))
            };
            let lines = known.lines.iter().filter(|(key, _)| stocked(key).is_some_and(left));
            lines.map(|(_, line)| line.clone()).collect::<Vec<_>>()
        });
        lines.iter().for_each(|line| line.ring());
    }

    /// A slot of a calendar is about to come free: whoever waits at its place is asked first.
    pub(crate) fn slot_comes_free(&self, schedule: &Schedule) {
        let definition = schedule.definition();
        let Some(place) = definition.agenda.place else { return };
        let rules = definition.reasons.iter().filter_map(|reason| reason.rules.dose.as_ref());
        for DoseRule { campaign, vaccine } in rules {
            if let Some(line) = self.line(&(*campaign, place, vaccine.clone())) {
                line.ring();
            }
        }
    }

    /// Leaves those of a reason's slots for which a dose is left, where it gives one.
    pub(crate) fn retain(&self, schedule: &Schedule, reason: &ReasonId, slots: &mut Vec<Slot>) {
        let definition = schedule.definition();
        let rule = definition.reason(reason).and_then(|reason| reason.rules.dose.as_ref());
        let (Some(rule), Some(place)) = (rule, definition.agenda.place) else { return };
        self.read(|known| {
            let by = Claimant::Anybody;
            let may = |lot: &&Arc<Lot>| by.may(lot) && 0 < lot.left() && !lot.is_recalled();
            let stock = known.stock(rule.campaign, place, &rule.vaccine);
            let lots: SmallVec<[_; 4]> = stock.filter(may).collect();
            slots.retain(|slot| lots.iter().any(|lot| lot.is_there(slot.start)));
        });
    }

    /// Claims a dose of a delivery, whatever it is for.
    pub(crate) fn claim_of(&self, id: DeliveryId) -> Option<DoseClaim> {
        self.read(|known| {
            let lot = known.lots.get(&id).filter(|lot| !lot.is_recalled());
            lot.and_then(|lot| lot.claim_any(Claimant::First))
        })
    }

    /// Has less to be had of deliveries, before that is written. What was claimed until now is to
    /// be enqueued first: nobody claims by what was said before from now on.
    pub(crate) fn will_write(&self, what: &Registration, wasted: u32) -> Earlier {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let ids: Vec<DeliveryId> = match what {
            Registration::Delivered(delivery) => vec![delivery.id],
            Registration::Wasted { delivery, .. } => vec![*delivery],
            Registration::Recalled { campaign, lot } => known.of_lot(*campaign, lot),
            _ => Vec::new(),
        };
        let mut earlier = Vec::new();
        for id in ids {
            let Some(lot) = known.lots.get(&id).cloned() else { continue };
            let mut next = Lot::of(&lot.delivery, lot.word.clone(), lot.line.clone());
            (next.arrives, next.expires, next.counted) = (lot.arrives, lot.expires, lot.counted);
            let fewer = match what {
                Registration::Delivered(said) => {
                    next.arrives = next.arrives.max(said.arrives);
                    next.expires = next.expires.min(said.expires);
                    next.counted = next.counted.min(said.doses);
                    i64::from(lot.counted) - i64::from(next.counted)
                }
                Registration::Wasted { doses, .. } => i64::from(doses.saturating_sub(wasted)),
                _ => 0,
            };
            next.word.left.fetch_sub(fewer, Ordering::AcqRel);
            if matches!(what, Registration::Recalled { .. }) {
                next.word.recalled.store(true, Ordering::Release);
            }
            earlier.push(lot.pending.clone());
            known.put(Arc::new(next));
        }
        Earlier(earlier)
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
                lot.add(doses);
            }
        }
    }

    /// Says what is left of each delivery, after a start.
    pub(crate) fn fill(&self, tally: impl Fn(DeliveryId) -> Tally) {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        for (id, lot) in &known.lots {
            let left = tally(*id).left(lot.delivery.doses);
            lot.word.left.store(left, Ordering::Release);
            lot.line.ring();
        }
    }

    /// All deliveries, by id.
    pub(crate) fn lots(&self) -> Vec<Arc<Lot>> {
        self.read(|known| known.lots.values().cloned().collect())
    }
}

impl Claimant {
    fn may(self, lot: &Lot) -> bool {
        self == Self::First || planted::is(Bug::LineIgnored) || !lot.line.comes_first()
    }
}

impl Known {
    fn has(&self, stock: StockOf<'_>, start: Timestamp, by: Claimant) -> bool {
        let (campaign, place, vaccine) = stock;
        self.stock(campaign, place, vaccine).any(|lot| by.may(lot) && lot.has_one(start))
    }

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
                lot.add(i64::from(delivery.doses) - i64::from(lot.counted));
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
        let Delivery { campaign, place, ref vaccine, .. } = *delivery;
        let line = self.line((campaign, place, vaccine.clone()));
        // It may be there for whoever waits, also where it only comes earlier.
        line.ring();
        self.put(Arc::new(Lot::of(delivery, word, line)));
    }

    fn line(&mut self, stocked: Stocked) -> Arc<Line> {
        let new = || Arc::new(Line::new(stocked.clone(), self.bell.clone()));
        self.lines.entry(stocked.clone()).or_insert_with(new).clone()
    }

    fn put(&mut self, lot: Arc<Lot>) {
        let Delivery { id, campaign, place, ref vaccine, .. } = lot.delivery;
        self.lots.insert(id, lot.clone());
        let stocks = self.stocks.entry((campaign, place)).or_default();
        let stock = stocks.entry(vaccine.clone()).or_default();
        stock.retain(|other| other.delivery.id != id);
        stock.push(lot);
        stock.sort_by_key(|lot| lot.delivery.preference());
    }

    fn of_lot(&self, campaign: CampaignId, lot: &LotId) -> Vec<DeliveryId> {
        let of = |it: &&Arc<Lot>| it.delivery.campaign == campaign && it.delivery.lot == *lot;
        self.lots.values().filter(of).map(|it| it.delivery.id).collect()
    }

    fn recall(&mut self, campaign: CampaignId, lot: &LotId) {
        let key = (campaign, lot.clone());
        if !self.recalled.contains(&key) {
            self.recalled.push(key);
        }
        for lot in self.of_lot(campaign, lot).iter().filter_map(|id| self.lots.get(id)) {
            lot.word.recalled.store(true, Ordering::Release);
        }
    }
}
