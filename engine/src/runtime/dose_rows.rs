//! Rows about doses: what has become of each delivery's, who has one of it, which bookings have
//! none any more, and what is recorded of each person.
//!
//! They follow from events alone. What is counted says up to which entry it was, so that it comes
//! out the same where entries are taken in twice.

use std::collections::BTreeMap;
use std::sync::PoisonError;

use rkyv::Serialize;
use rkyv::rancor::Error as RkyvError;
use rkyv::util::AlignedVec;

use super::behind::Behind;
use super::claims::key_of;
use super::names::Recorded;
use super::register::Kind;
use super::rows::{Content, Key};
use super::sync::Mutex;
use crate::booking::doses::{self, Counted, Noted};
use crate::booking::{Booking, Event, Mark, Registration};
use crate::campaign::{Record, Tally};
use crate::ids::{CampaignId, DeliveryId, HoldId, PersonId};
use crate::journal::Sequence;
use crate::limits::LIST_MAX;
use crate::planted::{self, Bug};
use crate::storage::{StoreError, Table};

/// What has become of a delivery's doses, and the last entry that is counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct TallyRow {
    counted: Sequence,
    tally: Tally,
}

impl TallyRow {
    /// Plain numbers: it is written with every dose that is held.
    fn encode(&self) -> Vec<u8> {
        let Tally { claimed, given, wasted } = self.tally;
        let tally = [claimed, given, wasted].map(u32::to_le_bytes);
        [self.counted.to_le_bytes().as_slice(), tally.as_flattened()].concat()
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (counted, tally) = bytes.split_first_chunk::<8>()?;
        let (tally, []) = tally.as_chunks::<4>() else { return None };
        let &[claimed, given, wasted] = tally else { return None };
        let [claimed, given, wasted] = [claimed, given, wasted].map(u32::from_le_bytes);
        let counted = Sequence::from_le_bytes(*counted);
        Some(Self { counted, tally: Tally { claimed, given, wasted } })
    }
}

/// Somebody who has a dose of a delivery, or had one given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Holder {
    /// By which booking.
    pub(crate) booking: HoldId,
    /// The entry by which it came to be theirs: who booked last has the greatest.
    pub(crate) since: Sequence,
    /// Whether it was given.
    pub(crate) given: bool,
}

/// What is counted of every delivery.
#[derive(Debug, Default)]
pub(crate) struct Tallies(Mutex<BTreeMap<DeliveryId, TallyRow>>);

fn key(kind: Kind, parts: &[&[u8]]) -> Vec<u8> {
    let mut key = vec![kind as u8];
    parts.iter().for_each(|part| key.extend_from_slice(part));
    key
}

fn holder_key(delivery: DeliveryId, booking: HoldId) -> Vec<u8> {
    key(Kind::Holder, &[&delivery.bits().to_be_bytes(), &booking.bits().to_be_bytes()])
}

fn bare_key(campaign: CampaignId, booking: HoldId) -> Vec<u8> {
    key(Kind::Bare, &[&campaign.bits().to_be_bytes(), &booking.bits().to_be_bytes()])
}

fn person_prefix(campaign: CampaignId, person: &PersonId) -> Vec<u8> {
    let name = person.as_str().as_bytes();
    // Tokens are at most 64 bytes, so one byte tells their length.
    let len = u8::try_from(name.len()).unwrap_or(u8::MAX);
    key(Kind::Dose, &[&campaign.bits().to_be_bytes(), &[len], name])
}

fn archived<T>(row: &T) -> Vec<u8>
where
    T: for<'a> Serialize<
        rkyv::api::high::HighSerializer<
            AlignedVec,
            rkyv::ser::allocator::ArenaHandle<'a>,
            RkyvError,
        >,
    >,
{
    // One that cannot be encoded, of which there is none, is found missing by the audit.
    rkyv::to_bytes::<RkyvError>(row).map(|bytes| bytes.to_vec()).unwrap_or_default()
}

fn aligned(bytes: &[u8]) -> AlignedVec<16> {
    let mut aligned = AlignedVec::<16>::with_capacity(bytes.len());
    aligned.extend_from_slice(bytes);
    aligned
}

fn damaged() -> StoreError {
    StoreError("a row of doses is not as it was written".to_owned())
}

fn holder(key: &[u8], value: &[u8]) -> Option<Holder> {
    let booking = HoldId::from_bits(u128::from_be_bytes(*key.last_chunk::<16>()?));
    let (since, given) = value.split_first_chunk::<8>()?;
    Some(Holder { booking, since: u64::from_le_bytes(*since), given: given.first() == Some(&1) })
}

fn holder_value(since: Sequence, given: bool) -> Vec<u8> {
    [since.to_le_bytes().as_slice(), &[u8::from(given)]].concat()
}

/// Where rows are read and put.
pub(crate) trait Keep {
    /// The row of a key.
    fn get(&self, key: &[u8]) -> Option<Vec<u8>>;

    /// Has the row of a key be so, or no more.
    fn put(&mut self, key: Vec<u8>, value: Option<Vec<u8>>);
}

/// The rows of an engine, and who has a record.
pub(crate) struct Live<'a> {
    pub(crate) rows: &'a Behind,
    pub(crate) recorded: &'a Recorded,
}

impl Keep for Live<'_> {
    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.rows.get_bytes(Table::Register, key).ok().flatten()
    }

    fn put(&mut self, key: Vec<u8>, value: Option<Vec<u8>>) {
        if value.is_some() && key.first() == Some(&(Kind::Dose as u8)) {
            self.recorded.note(whose(&key));
        }
        self.rows.put(Table::Register, Key::from_vec(key), value.map(Content::Bytes));
    }
}

/// A hash of the campaign and person of a record, by its key.
pub(super) fn whose(key: &[u8]) -> u128 {
    let (prefix, _) = key.split_at(key.len().saturating_sub(size_of::<HoldId>()));
    key_of(&[prefix])
}

/// The rows, and what is counted.
pub(crate) struct Rows<'a, K> {
    pub(crate) rows: K,
    pub(crate) tallies: &'a Tallies,
}

impl<K: Keep> Rows<'_, K> {
    fn put(&mut self, key: Vec<u8>, value: Option<Vec<u8>>) {
        self.rows.put(key, value);
    }

    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.rows.get(key)
    }

    /// Takes in an entry.
    pub(crate) fn take_in(&mut self, sequence: Sequence, events: &[Event]) {
        let (mut counted, mut wasted) = (Vec::new(), Vec::new());
        for event in events {
            counted.extend(doses::counted(event));
            if let Event::Registered { what, .. } = event
                && let Registration::Wasted { delivery, doses } = &**what
            {
                wasted.push((*delivery, *doses));
            }
            self.take_in_holder(sequence, event);
            doses::noted(event).for_each(|noted| self.note(&noted));
        }
        self.count(sequence, &counted, &wasted);
    }

    fn count(&mut self, sequence: Sequence, counted: &[Counted], wasted: &[(DeliveryId, u32)]) {
        if counted.is_empty() && wasted.is_empty() {
            return;
        }
        let tallies = self.tallies;
        let mut tallies = tallies.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut concerned: Vec<DeliveryId> = counted.iter().map(|it| it.delivery).collect();
        concerned.extend(wasted.iter().map(|(delivery, _)| *delivery));
        concerned.sort_unstable();
        concerned.dedup();
        for delivery in concerned {
            let row = tallies.entry(delivery).or_default();
            if sequence <= row.counted && !planted::is(Bug::TallyTwice) {
                continue;
            }
            row.counted = sequence;
            for it in counted.iter().filter(|it| it.delivery == delivery) {
                row.tally.count(it.claimed, it.given);
            }
            for (_, doses) in wasted.iter().filter(|(id, _)| *id == delivery) {
                row.tally.wasted = *doses;
            }
            self.put(key(Kind::Tally, &[&delivery.bits().to_be_bytes()]), Some(row.encode()));
        }
    }

    /// Who has a dose of which delivery, and which booking has none.
    fn take_in_holder(&mut self, sequence: Sequence, event: &Event) {
        let Some(booking) = event.booking() else { return };
        if let Event::Accepted { taken, .. } = event {
            return self.holds_no_more(&taken.offer);
        }
        if booking.details.dose.is_none() {
            return;
        }
        match event {
            // Whoever held first came first, whenever they confirm.
            Event::Held { .. } => match booking.delivery() {
                // Of a hold that is new there is no other row.
                Some(delivery) => {
                    let value = holder_value(sequence, false);
                    self.put(holder_key(delivery, booking.id), Some(value));
                }
                None => self.bare(booking, Some(sequence)),
            },
            Event::Released { .. } | Event::Expired { .. } | Event::Cancelled { .. } => {
                self.holds_no_more(booking);
            }
            // Who did not come is to have no other.
            Event::Marked { mark: Mark::NoShow, .. } => self.bare(booking, None),
            Event::Dosed { before, .. } => {
                let since = self.since(booking, *before).unwrap_or(sequence);
                if let Some(before) = before {
                    self.put(holder_key(*before, booking.id), None);
                }
                self.holds(booking, since, false);
            }
            Event::Given { before, .. } => {
                if let Some(before) = before {
                    self.put(holder_key(*before, booking.id), None);
                }
                self.holds(booking, sequence, true);
            }
            _ => {}
        }
    }

    /// Since when a booking has its place among those of a delivery, or of those without.
    fn since(&self, booking: &Booking, delivery: Option<DeliveryId>) -> Option<Sequence> {
        let campaign = booking.details.dose.as_ref()?.campaign;
        let key = match delivery {
            Some(delivery) => holder_key(delivery, booking.id),
            None => bare_key(campaign, booking.id),
        };
        holder(&key, &self.get(&key)?).map(|holder| holder.since)
    }

    fn holds(&mut self, booking: &Booking, since: Sequence, given: bool) {
        match booking.delivery() {
            Some(delivery) => {
                let value = holder_value(since, given);
                self.put(holder_key(delivery, booking.id), Some(value));
                self.bare(booking, None);
            }
            None => self.bare(booking, Some(since)),
        }
    }

    fn holds_no_more(&mut self, booking: &Booking) {
        if let Some(delivery) = booking.delivery() {
            self.put(holder_key(delivery, booking.id), None);
        }
        self.bare(booking, None);
    }

    fn bare(&mut self, booking: &Booking, since: Option<Sequence>) {
        let Some(dose) = &booking.details.dose else { return };
        let (key, value) = (bare_key(dose.campaign, booking.id), since);
        // Hardly any booking was ever without.
        if value.is_some() || self.get(&key).is_some() {
            self.put(key, value.map(|since| holder_value(since, false)));
        }
    }

    fn note(&mut self, noted: &Noted) {
        let prefix = person_prefix(noted.campaign, &noted.person);
        let key = [prefix.as_slice(), &noted.booking.bits().to_be_bytes()].concat();
        self.put(key, noted.record.as_ref().map(archived));
    }
}

impl Tallies {
    /// Takes a row of the store that says what is counted.
    pub(super) fn restore(&self, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        if key.first() != Some(&(Kind::Tally as u8)) {
            return Ok(());
        }
        let id = key.last_chunk::<16>().ok_or_else(damaged)?;
        let row = TallyRow::decode(value).ok_or_else(damaged)?;
        let mut tallies = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tallies.insert(DeliveryId::from_bits(u128::from_be_bytes(*id)), row);
        Ok(())
    }

    /// What has become of a delivery's doses, as far as is durable.
    pub(super) fn of(&self, delivery: DeliveryId) -> Tally {
        let tallies = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tallies.get(&delivery).map(|row| row.tally).unwrap_or_default()
    }
}

/// What is recorded of a person in a campaign.
pub(super) fn records(
    (rows, recorded): (&Behind, &Recorded),
    campaign: CampaignId,
    person: &PersonId,
) -> Result<Vec<Record>, StoreError> {
    let prefix = person_prefix(campaign, person);
    if recorded.has_none(key_of(&[&prefix])) {
        return Ok(Vec::new());
    }
    let found = rows.scan(Table::Register, &prefix, &prefix, LIST_MAX)?;
    let record = |(_, value): &(Vec<u8>, Vec<u8>)| {
        rkyv::from_bytes::<Record, RkyvError>(&aligned(value)).map_err(|_| damaged())
    };
    found.iter().map(record).collect()
}

/// Those who have a dose of a delivery or had one given, from a booking on, at most `limit`.
pub(crate) fn holders(
    rows: &Behind,
    delivery: DeliveryId,
    from: HoldId,
    limit: usize,
) -> Result<Vec<Holder>, StoreError> {
    let prefix = key(Kind::Holder, &[&delivery.bits().to_be_bytes()]);
    let found = rows.scan(Table::Register, &prefix, &holder_key(delivery, from), limit)?;
    found.iter().map(|(key, value)| holder(key, value).ok_or_else(damaged)).collect()
}

/// Bookings of a campaign that have no dose any more, from one on, at most `limit`.
pub(crate) fn without(
    rows: &Behind,
    campaign: CampaignId,
    from: HoldId,
    limit: usize,
) -> Result<Vec<Holder>, StoreError> {
    let prefix = key(Kind::Bare, &[&campaign.bits().to_be_bytes()]);
    let found = rows.scan(Table::Register, &prefix, &bare_key(campaign, from), limit)?;
    found.iter().map(|(key, value)| holder(key, value).ok_or_else(damaged)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::booking::booking::{ReasonRef, Span};
    use crate::booking::{Details, Guard};
    use crate::campaign::Dose;
    use crate::ids::{CalendarId, PlaceId};
    use crate::time::Timestamp;

    #[derive(Default)]
    struct Plain(BTreeMap<Vec<u8>, Vec<u8>>);

    impl Keep for &mut Plain {
        fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
            self.0.get(key).cloned()
        }

        fn put(&mut self, key: Vec<u8>, value: Option<Vec<u8>>) {
            match value {
                Some(value) => self.0.insert(key, value),
                None => self.0.remove(&key),
            };
        }
    }

    fn held() -> Event {
        let dose = Dose {
            campaign: CampaignId::from_bits(1),
            version: 1,
            phase: "all".parse().unwrap(),
            vaccine: "v".parse().unwrap(),
            number: 1,
            place: PlaceId::from_bits(1),
            delivery: Some(DeliveryId::from_bits(7)),
            band: "old".parse().unwrap(),
            territory: None,
            elsewhere: None,
            twin: None,
        };
        let at = Timestamp::from_millis;
        let details = Details { dose: Some(Box::new(dose)), ..Details::default() };
        let booking = Booking {
            id: HoldId::from_bits(3),
            calendar: CalendarId::from_bits(1),
            person: "p".parse().unwrap(),
            reason: ReasonRef { id: "jab".parse().unwrap(), version: 1 },
            span: Span { lane: 0, start: at(10), end: at(20), occupied_until: at(20) },
            details: details.into(),
        };
        Event::Held { at: at(1), booking, deadline: at(5), guards: vec![Guard::per_calendar()] }
    }

    /// A store may have rows of entries that its own progress does not cover yet.
    #[test]
    fn an_entry_that_is_taken_in_twice_counts_once() {
        let Event::Held { booking, deadline, guards, .. } = held() else { return };
        let at = deadline;
        let ended = Event::Expired { at, booking, deadline, guards };
        let (tallies, mut rows) = (Tallies::default(), Plain::default());
        let mut take = |sequence, event: Event| {
            Rows { rows: &mut rows, tallies: &tallies }.take_in(sequence, &[event]);
            tallies.of(DeliveryId::from_bits(7)).claimed
        };
        assert_eq!([take(5, held()), take(5, held())], [1, 1]);
        assert_eq!([take(6, ended.clone()), take(5, held()), take(6, ended)], [0, 0, 0]);
        assert_eq!(rows.0.len(), 1, "the tally alone: {:?}", rows.0);
        let (key, value) = rows.0.pop_first().unwrap();
        let again = Tallies::default();
        again.restore(&key, &value).unwrap();
        assert_eq!(again.of(DeliveryId::from_bits(7)), Tally::default());
    }
}
