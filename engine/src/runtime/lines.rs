//! The lines of campaigns: rows of who waits, and in memory those who do, in order.
//!
//! While somebody waits, what comes free of a stock is theirs first: from the moment at which a
//! dose or a slot comes free until a round has gone through the line, nobody else is given a dose
//! of it. What nobody in the line takes is free for all.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError};

use rkyv::rancor::Error as RkyvError;
use rkyv::util::AlignedVec;
use rkyv::{Archive, Deserialize, Serialize};

use super::behind::Behind;
use super::register::Kind;
use super::sync::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Mutex, Notify, Ordering};
use super::wishes::WishState;
use crate::booking::{Booking, Event, InLine, Registration, Stocked, Turn};
use crate::ids::{CampaignId, HoldId, PersonId, WishId};
use crate::limits::{LINES_PER_PERSON_MAX, LIST_MAX, WISH_OFFERS_MAX};
use crate::storage::{StoreError, Table};
use crate::time::Timestamp;

/// Somebody in a line, and what has become of it.
#[derive(Archive, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub(crate) struct LineRow {
    pub(crate) place: InLine,
    pub(crate) state: WishState,
    /// The starts that they were offered and did not take.
    pub(crate) passed: Vec<Timestamp>,
    /// The hold that was offered last, if it was not declined and has not run out.
    pub(crate) offer: Option<HoldId>,
}

fn key(id: WishId) -> Vec<u8> {
    [&[Kind::Line as u8], id.bits().to_be_bytes().as_slice()].concat()
}

fn person_prefix(campaign: CampaignId, person: &PersonId) -> Vec<u8> {
    let name = person.as_str().as_bytes();
    // Tokens are at most 64 bytes, so one byte tells their length.
    let len = u8::try_from(name.len()).unwrap_or(u8::MAX);
    [&[Kind::Liner as u8], campaign.bits().to_be_bytes().as_slice(), &[len], name].concat()
}

/// The rows that an event changes, with their values; `get` has the values until now.
pub(crate) fn rows_of(
    event: &Event,
    get: impl FnOnce(&[u8]) -> Option<Vec<u8>>,
) -> Vec<(Vec<u8>, Vec<u8>)> {
    let Some(row) = row_of(event, |key| get(key)) else { return Vec::new() };
    let InLine { id, person, dose, .. } = &row.place;
    let mut rows = vec![(key(*id), encode(&row))];
    if let Event::Registered { .. } = event {
        let person = person_prefix(dose.campaign, person);
        rows.push(([person.as_slice(), &id.bits().to_be_bytes()].concat(), Vec::new()));
    }
    rows
}

/// The row that an event changes, as it is then.
fn row_of(event: &Event, get: impl FnOnce(&[u8]) -> Option<Vec<u8>>) -> Option<LineRow> {
    let dosed = |booking: &Booking| {
        booking.details.wish.filter(|_| booking.details.dose.is_some() && !booking.is_part())
    };
    let id = match event {
        Event::Registered { what, .. } => match &**what {
            Registration::Lined(place) => {
                let place = (**place).clone();
                let (state, passed, offer) = (WishState::Waiting, Vec::new(), None);
                return Some(LineRow { place, state, passed, offer });
            }
            Registration::LeftLine { id } => Some(*id),
            _ => None,
        },
        Event::Held { booking, .. }
        | Event::Released { booking, .. }
        | Event::Expired { booking, .. }
        | Event::Confirmed { booking, .. } => dosed(booking),
        _ => None,
    }?;
    let mut row = get(&key(id)).and_then(|row| decode(&row).ok())?;
    row.take(event);
    Some(row)
}

impl LineRow {
    fn take(&mut self, event: &Event) {
        match event {
            Event::Registered { .. } => self.state = WishState::Withdrawn,
            Event::Held { booking, .. } => self.offer = Some(booking.id),
            Event::Released { booking, .. } | Event::Expired { booking, .. } => {
                if !self.passed.contains(&booking.span.start) {
                    self.passed.push(booking.span.start);
                }
                self.offer = self.offer.filter(|offer| *offer != booking.id);
                if self.state == WishState::Waiting && WISH_OFFERS_MAX <= self.passed.len() {
                    self.state = WishState::PassedBy;
                }
            }
            Event::Confirmed { booking, .. } => {
                self.state = WishState::Granted(booking.id.into());
                self.offer = None;
            }
            _ => {}
        }
    }
}

fn encode(row: &LineRow) -> Vec<u8> {
    // One that cannot be encoded, of which there is none, is found missing by the audit.
    rkyv::to_bytes::<RkyvError>(row).map(|bytes| bytes.to_vec()).unwrap_or_default()
}

/// What a row says.
pub(crate) fn decode(bytes: &[u8]) -> Result<LineRow, StoreError> {
    let mut aligned = AlignedVec::<16>::with_capacity(bytes.len());
    aligned.extend_from_slice(bytes);
    rkyv::from_bytes::<LineRow, RkyvError>(&aligned)
        .map_err(|_| StoreError("a row of a line is not as it was written".to_owned()))
}

/// Whether it is the key of somebody in a line.
pub(crate) fn is_in_line(key: &[u8]) -> bool {
    key.first() == Some(&(Kind::Line as u8))
}

/// Somebody's place in a line, whatever has become of it.
pub(crate) fn find(rows: &Behind, id: WishId) -> Result<Option<LineRow>, StoreError> {
    rows.get_bytes(Table::Register, &key(id))?.map(|row| decode(&row)).transpose()
}

/// The places of a person in the lines of a campaign, those that are over too.
pub(crate) fn of_person(
    rows: &Behind,
    campaign: CampaignId,
    person: &PersonId,
) -> Result<Vec<LineRow>, StoreError> {
    let prefix = person_prefix(campaign, person);
    let mut all = Vec::new();
    for (key, _) in rows.scan(Table::Register, &prefix, &prefix, LIST_MAX)? {
        let bits = key.last_chunk::<16>().map_or(0, |bits| u128::from_be_bytes(*bits));
        all.extend(find(rows, WishId::from_bits(bits))?);
    }
    Ok(all)
}

/// Which lines are to be gone through.
#[derive(Debug, Default)]
pub(crate) struct Bell {
    rung: Mutex<BTreeSet<Stocked>>,
    notify: Notify,
    /// Those who wait, in all lines.
    waiting: AtomicUsize,
    /// When the last of them came, as far as anybody knows.
    last: AtomicI64,
}

impl Bell {
    /// Waits until some line is to be gone through.
    pub(crate) async fn rings(&self) {
        self.notify.notified().await;
    }

    /// The lines that are to be gone through, each told once.
    pub(crate) fn rung(&self) -> BTreeSet<Stocked> {
        std::mem::take(&mut *self.rung.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// When somebody comes who comes now: after everybody before them, whatever clocks say.
    pub(crate) fn comes(&self, now: Timestamp) -> Timestamp {
        let next = |last: i64| Some(now.millis().max(last.saturating_add(1)));
        let before = self.last.fetch_update(Ordering::AcqRel, Ordering::Acquire, next);
        let before = before.unwrap_or_else(|last| last);
        now.max(Timestamp::from_millis(before.saturating_add(1)))
    }

    /// Whether nobody waits at all.
    pub(crate) fn is_idle(&self) -> bool {
        self.waiting.load(Ordering::Acquire) == 0
    }
}

/// Those who wait for doses of a stock.
#[derive(Debug)]
pub(crate) struct Line {
    stocked: Stocked,
    bell: Arc<Bell>,
    waiting: AtomicUsize,
    /// How often something came free, and up to which of those times the line has been asked.
    rung: AtomicU64,
    served: AtomicU64,
    /// Whether somebody goes through it.
    busy: AtomicBool,
    list: Mutex<BTreeMap<Turn, Arc<LineRow>>>,
}

/// Somebody goes through a line. What comes free meanwhile takes another round.
pub(crate) struct Round<'a> {
    line: &'a Line,
    begun: u64,
}

impl Round<'_> {
    /// Everybody was asked.
    pub(crate) fn end(self) {
        self.line.served.fetch_max(self.begun, Ordering::AcqRel);
    }
}

impl Drop for Round<'_> {
    fn drop(&mut self) {
        self.line.busy.store(false, Ordering::Release);
    }
}

impl Line {
    pub(super) fn new(stocked: Stocked, bell: Arc<Bell>) -> Self {
        Self {
            stocked,
            bell,
            waiting: AtomicUsize::new(0),
            rung: AtomicU64::new(0),
            served: AtomicU64::new(0),
            busy: AtomicBool::new(false),
            list: Mutex::default(),
        }
    }

    /// Whether what is free is for those who wait alone.
    pub(super) fn comes_first(&self) -> bool {
        0 < self.waiting.load(Ordering::Acquire)
            && self.served.load(Ordering::Acquire) < self.rung.load(Ordering::Acquire)
    }

    /// Something is about to come free: those who wait are asked first.
    pub(crate) fn ring(&self) {
        if 0 < self.waiting.load(Ordering::Acquire) {
            self.rung.fetch_add(1, Ordering::AcqRel);
            let mut rung = self.bell.rung.lock().unwrap_or_else(PoisonError::into_inner);
            rung.insert(self.stocked.clone());
            drop(rung);
            self.bell.notify.notify_one();
        }
    }

    /// A round, where something came free since the last, and nobody goes through it now.
    pub(crate) fn begin(&self) -> Option<Round<'_>> {
        let begun = self.rung.load(Ordering::Acquire);
        let news = self.served.load(Ordering::Acquire) < begun;
        let alone = news && !self.busy.swap(true, Ordering::AcqRel);
        alone.then_some(Round { line: self, begun })
    }

    /// A round that nothing has rung for, unless somebody goes through it now. It ends none that
    /// was rung for: who has gone through it is to [`ring`](Self::ring) after.
    pub(crate) fn begin_unasked(&self) -> Option<Round<'_>> {
        let begun = self.served.load(Ordering::Acquire);
        let alone = !self.busy.swap(true, Ordering::AcqRel);
        alone.then_some(Round { line: self, begun })
    }

    /// Those who wait, in order.
    pub(crate) fn waiting(&self) -> Vec<Arc<LineRow>> {
        let list = self.list.lock().unwrap_or_else(PoisonError::into_inner);
        list.values().cloned().collect()
    }

    /// How many wait.
    pub(crate) fn len(&self) -> usize {
        self.waiting.load(Ordering::Acquire)
    }

    /// How many come before somebody.
    pub(crate) fn before(&self, turn: Turn) -> usize {
        let list = self.list.lock().unwrap_or_else(PoisonError::into_inner);
        list.range(..turn).count()
    }

    /// Somebody comes, goes, or is offered something. Whoever comes is asked at once.
    pub(super) fn take(&self, row: LineRow) {
        let (turn, waits) = (row.place.turn(), row.state == WishState::Waiting);
        self.bell.last.fetch_max(row.place.since.millis(), Ordering::AcqRel);
        let mut list = self.list.lock().unwrap_or_else(PoisonError::into_inner);
        let known = if waits { list.insert(turn, Arc::new(row)) } else { list.remove(&turn) };
        match (known.is_some(), waits) {
            (false, true) => {
                self.waiting.fetch_add(1, Ordering::AcqRel);
                self.bell.waiting.fetch_add(1, Ordering::AcqRel);
            }
            (true, false) => {
                self.waiting.fetch_sub(1, Ordering::AcqRel);
                self.bell.waiting.fetch_sub(1, Ordering::AcqRel);
            }
            _ => {}
        }
        drop(list);
        if waits && known.is_none() {
            self.ring();
        }
    }

    /// Lets go of those whose time is over.
    pub(crate) fn forget_over(&self, now: Timestamp) {
        let over: Vec<Arc<LineRow>> =
            self.waiting().into_iter().filter(|row| row.place.until <= now).collect();
        let mut list = self.list.lock().unwrap_or_else(PoisonError::into_inner);
        for row in over {
            if list.remove(&row.place.turn()).is_some() {
                self.waiting.fetch_sub(1, Ordering::AcqRel);
                self.bell.waiting.fetch_sub(1, Ordering::AcqRel);
            }
        }
    }
}

/// How many of a person's places in lines are still to be asked, at most.
pub(crate) fn too_many(rows: &[LineRow], now: Timestamp) -> bool {
    let waits = |row: &&LineRow| row.state == WishState::Waiting && now < row.place.until;
    LINES_PER_PERSON_MAX <= rows.iter().filter(waits).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::campaign::{Delivery, Dose};
    use crate::ids::{DeliveryId, PlaceId};
    use crate::runtime::Claimant;
    use crate::runtime::doses::Doses;

    fn dose() -> Dose {
        Dose {
            campaign: CampaignId::from_bits(1),
            version: 1,
            phase: "all".parse().unwrap(),
            vaccine: "mrna".parse().unwrap(),
            number: 1,
            place: PlaceId::from_bits(2),
            delivery: None,
            band: "75+".parse().unwrap(),
            territory: None,
            elsewhere: None,
            twin: None,
        }
    }

    fn row(state: WishState) -> LineRow {
        let at = Timestamp::from_millis;
        let place = InLine {
            id: WishId::from_bits(3),
            person: "eve".parse().unwrap(),
            booked_by: None,
            reason: "jab".parse().unwrap(),
            standing: None,
            dose: dose(),
            rank: 0,
            since: at(0),
            when: None,
            from: at(0),
            until: at(1_000),
        };
        LineRow { place, state, passed: Vec::new(), offer: None }
    }

    #[test]
    fn what_is_left_is_for_whoever_waits_until_they_were_asked() {
        let doses = Doses::default();
        let Dose { campaign, place, vaccine, .. } = dose();
        doses.list(&Registration::Delivered(Delivery {
            id: DeliveryId::from_bits(4),
            campaign,
            place,
            vaccine,
            lot: "A1".parse().unwrap(),
            arrives: Timestamp::from_millis(0),
            expires: Timestamp::from_millis(1_000),
            doses: 2,
        }));
        let start = Timestamp::from_millis(10);
        let claim = |by| doses.claim(&dose(), start, by);
        let first = claim(Claimant::Anybody).expect("nobody waits");
        doses.in_line(row(WishState::Waiting));
        assert!(!doses.has((campaign, place, &dose().vaccine), start, Claimant::Anybody));
        assert!(claim(Claimant::Anybody).is_none());
        let line = doses.line(&row(WishState::Waiting).place.stocked()).unwrap();
        let round = line.begin().unwrap();
        assert!(line.begin().is_none(), "one goes through it at a time");
        drop(claim(Claimant::First).expect("whoever waits may"));
        round.end();
        let last = claim(Claimant::Anybody).expect("everybody was asked");
        // The last is given back: whoever waits found none meanwhile.
        drop(last);
        assert!(claim(Claimant::Anybody).is_none());
        line.begin().unwrap().end();
        drop(first);
        drop(claim(Claimant::Anybody).unwrap());
        doses.in_line(row(WishState::Withdrawn));
        line.ring();
        assert!(line.begin().is_none(), "nobody waits");
        assert!(doses.bell().is_idle());
    }
}
