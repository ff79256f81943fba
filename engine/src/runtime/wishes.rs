//! What is found of wishes without asking a calendar: one row for each calendar on whose list a
//! wish stands or stood, and one more under its person.
//!
//! The rows follow from events alone, each from what its row said before, and come out the same
//! where events are taken in twice.

use rkyv::rancor::Error as RkyvError;
use rkyv::util::AlignedVec;
use rkyv::{Archive, Deserialize, Serialize};

use super::behind::Behind;
use super::register::Kind;
use crate::booking::{Booking, Event, Waiting, Wish};
use crate::ids::{AppointmentId, CalendarId, HoldId, PersonId, WishId};
use crate::limits::{LIST_MAX, WISH_CALENDARS_MAX, WISH_OFFERS_MAX};
use crate::storage::{StoreError, Table};

/// What has become of a wish on the list of a calendar.
#[derive(Archive, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WishState {
    /// Its person waits, unless its time is over.
    Waiting,
    /// It was withdrawn.
    Withdrawn,
    /// It has become this appointment, or has moved it.
    Granted(AppointmentId),
    /// Its person let too many offers go by.
    PassedBy,
}

/// A wish on the list of a calendar.
#[derive(Archive, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub(crate) struct WishRow {
    pub(crate) waiting: Waiting,
    pub(crate) state: WishState,
    /// The hold that was offered last, if it was not declined and has not run out.
    pub(crate) offer: Option<HoldId>,
}

fn key(calendar: CalendarId, wish: WishId) -> Vec<u8> {
    let (calendar, wish) = (calendar.bits().to_be_bytes(), wish.bits().to_be_bytes());
    [&[Kind::Wish as u8], wish.as_slice(), &calendar].concat()
}

fn person_prefix(person: &PersonId) -> Vec<u8> {
    let name = person.as_str().as_bytes();
    // Tokens are at most 64 bytes, so one byte tells their length.
    let len = u8::try_from(name.len()).unwrap_or(u8::MAX);
    [&[Kind::Wisher as u8, len], name].concat()
}

fn person_key(calendar: CalendarId, wish: &Wish) -> Vec<u8> {
    let (calendar, id) = (calendar.bits().to_be_bytes(), wish.id.bits().to_be_bytes());
    [person_prefix(&wish.person).as_slice(), &id, &calendar].concat()
}

/// The rows that an event changes, with their values; `get` has the values until now.
pub(crate) fn rows_of(
    event: &Event,
    get: impl FnOnce(&[u8]) -> Option<Vec<u8>>,
) -> Vec<(Vec<u8>, Vec<u8>)> {
    if let Event::Wished { calendar, wish, .. } = event {
        let waiting = Waiting { wish: (**wish).clone(), passed: Vec::new() };
        let row = WishRow { waiting, state: WishState::Waiting, offer: None };
        return [
            (key(*calendar, wish.id), encode(&row)),
            (person_key(*calendar, wish), Vec::new()),
        ]
        .into();
    }
    let of = |booking: &Booking| booking.details.wish.map(|wish| (booking.calendar, wish));
    let concerned = match event {
        Event::Withdrawn { calendar, wish, .. } => Some((*calendar, *wish)),
        Event::Held { booking, .. }
        | Event::Released { booking, .. }
        | Event::Expired { booking, .. }
        | Event::Confirmed { booking, .. } => of(booking),
        Event::Accepted { taken, .. } => of(&taken.offer),
        _ => None,
    };
    let Some((calendar, wish)) = concerned else { return Vec::new() };
    let key = key(calendar, wish);
    let Some(mut row) = get(&key).and_then(|row| decode(&row).ok()) else { return Vec::new() };
    row.take(event);
    vec![(key, encode(&row))]
}

impl WishRow {
    fn take(&mut self, event: &Event) {
        match event {
            Event::Withdrawn { .. } => self.state = WishState::Withdrawn,
            Event::Held { booking, .. } => self.offer = Some(booking.id),
            Event::Released { booking, .. } | Event::Expired { booking, .. } => {
                let passed = &mut self.waiting.passed;
                if !passed.contains(&booking.span.start) {
                    passed.push(booking.span.start);
                }
                self.offer = self.offer.filter(|offer| *offer != booking.id);
                if self.state == WishState::Waiting && WISH_OFFERS_MAX <= passed.len() {
                    self.state = WishState::PassedBy;
                }
            }
            Event::Confirmed { booking, .. } | Event::Accepted { booking, .. } => {
                self.state = WishState::Granted(booking.id.into());
                self.offer = None;
            }
            _ => {}
        }
    }
}

fn encode(row: &WishRow) -> Vec<u8> {
    // One that cannot be encoded, of which there is none, is found missing by the audit.
    rkyv::to_bytes::<RkyvError>(row).map(|bytes| bytes.to_vec()).unwrap_or_default()
}

fn decode(bytes: &[u8]) -> Result<WishRow, StoreError> {
    let mut aligned = AlignedVec::<16>::with_capacity(bytes.len());
    aligned.extend_from_slice(bytes);
    rkyv::from_bytes::<WishRow, RkyvError>(&aligned)
        .map_err(|_| StoreError("a row of wishes is not as it was written".to_owned()))
}

/// A wish, on each of the calendars on whose lists it stands or stood.
pub(crate) fn find(rows: &Behind, id: WishId) -> Result<Vec<(CalendarId, WishRow)>, StoreError> {
    let prefix = [&[Kind::Wish as u8], id.bits().to_be_bytes().as_slice()].concat();
    let found = rows.scan(Table::Register, &prefix, &prefix, WISH_CALENDARS_MAX)?;
    let row = |(key, value): (Vec<u8>, Vec<u8>)| {
        let calendar = key.last_chunk::<16>().map_or(0, |bits| u128::from_be_bytes(*bits));
        Ok((CalendarId::from_bits(calendar), decode(&value)?))
    };
    found.into_iter().map(row).collect()
}

/// The wishes of a person, each once, at most as many as one list has.
pub(crate) fn of_person(rows: &Behind, person: &PersonId) -> Result<Vec<WishId>, StoreError> {
    let prefix = person_prefix(person);
    let found = rows.scan(Table::Register, &prefix, &prefix, LIST_MAX)?;
    let id = |(key, _): &(Vec<u8>, Vec<u8>)| {
        let (_, ids) = key.split_last_chunk::<32>()?;
        ids.first_chunk::<16>().map(|bits| WishId::from_bits(u128::from_be_bytes(*bits)))
    };
    let mut wishes: Vec<WishId> = found.iter().filter_map(id).collect();
    wishes.dedup();
    Ok(wishes)
}
