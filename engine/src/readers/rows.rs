//! Rows of readers: those of the store, with what has changed since.

use std::collections::BTreeMap;
use std::sync::Arc;

use rkyv::util::AlignedVec;

use super::settings::Known;
use crate::ids::CalendarId;
use crate::journal::Sequence;
use crate::planted::{self, Bug};
use crate::storage::{Mutation, Row, Store, StoreError, Table};
use crate::time::Timestamp;

/// The form of the rows. Those of another one are dropped and built anew.
const FORM: u64 = 3;

/// Rows that are removed at once.
const REMOVED_AT_ONCE: usize = 4_096;

/// Kinds of keys.
const KINDS: usize = 11;

/// What a key begins with.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    /// How far the readers have come: one row.
    Position = 0,
    /// Appointments by their id.
    Record = 1,
    /// The standing appointments of a calendar, by their start.
    Standing = 2,
    /// What is remembered of a calendar.
    Settings = 3,
    /// What is to be told since something happened, in the order of the journal.
    Told = 4,
    /// What is to be told at an instant.
    Timed = 5,
    /// What was done in a week, by calendar and reason.
    Activity = 6,
    /// The entry that last said how late a calendar is.
    Late = 7,
    /// Doses given and booked, by campaign.
    Coverage = 8,
    /// Where an appointment with a dose is counted.
    Counted = 9,
    /// The entry that last left an appointment without a dose.
    Without = 10,
}

/// A key of a kind.
pub(super) fn key(kind: Kind, parts: &[&[u8]]) -> Vec<u8> {
    let mut key = vec![kind as u8];
    parts.iter().for_each(|part| key.extend_from_slice(part));
    key
}

/// An instant whose bytes have the order of the instants.
pub(super) fn time_key(instant: Timestamp) -> [u8; 8] {
    (instant.millis() ^ i64::MIN).to_be_bytes()
}

/// The instant of [`time_key`].
pub(super) fn time_of(bytes: [u8; 8]) -> Timestamp {
    Timestamp::from_millis(i64::from_be_bytes(bytes) ^ i64::MIN)
}

/// A calendar's id as a part of a key.
pub(super) fn id_key(id: CalendarId) -> [u8; 16] {
    id.bits().to_be_bytes()
}

fn position_key() -> Vec<u8> {
    key(Kind::Position, &[])
}

pub(super) fn damaged() -> StoreError {
    StoreError("a row of readers is not as it was written".to_owned())
}

/// How far the readers have come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Position {
    /// The last entry that they have taken in.
    pub(crate) sequence: Sequence,
    /// The latest instant of an event among them.
    pub(crate) clock: Timestamp,
}

impl Position {
    fn to_row(self) -> Vec<u8> {
        let ahead = u64::from(planted::is(Bug::ReaderAhead));
        let sequence = self.sequence + ahead;
        [FORM, sequence, self.clock.millis().cast_unsigned()].map(u64::to_le_bytes).concat()
    }

    /// None for a row of another form.
    fn of_row(row: &[u8]) -> Option<Self> {
        let numbers: Vec<u64> =
            row.as_chunks::<8>().0.iter().map(|it| u64::from_le_bytes(*it)).collect();
        match numbers[..] {
            [FORM, sequence, clock] => {
                Some(Self { sequence, clock: Timestamp::from_millis(clock.cast_signed()) })
            }
            _ => None,
        }
    }
}

/// Rows of the store, with what has changed since.
pub(crate) struct Rows {
    store: Arc<dyn Store>,
    changed: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    /// The first row of a kind, as far as it was looked for: many ask, and it seldom changes.
    first: [Option<Row>; KINDS],
    /// What was read of calendars: each event asks for it, some more than once.
    pub(super) settings: BTreeMap<CalendarId, Arc<Known>>,
    /// How far they have come.
    pub(crate) position: Position,
}

impl Rows {
    /// The rows as the store has them; none at all where they have another form.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store fails.
    pub(crate) fn open(store: Arc<dyn Store>) -> Result<Self, StoreError> {
        let row = store.get(Table::Readers, &position_key())?;
        let position = match row.as_deref().map(Position::of_row) {
            Some(Some(position)) => position,
            // What is left of rows without a position is no part of the new ones.
            Some(None) | None => {
                remove_all(&*store)?;
                Position::default()
            }
        };
        let (changed, settings) = (BTreeMap::new(), BTreeMap::new());
        Ok(Self { store, changed, first: [const { None }; KINDS], settings, position })
    }

    /// How far the store's rows have come; none where there are none of this form.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store fails.
    pub(crate) fn position_in(store: &dyn Store) -> Result<Option<Position>, StoreError> {
        Ok(store.get(Table::Readers, &position_key())?.as_deref().and_then(Position::of_row))
    }

    /// How many rows have changed since they were last written.
    pub(crate) fn changed(&self) -> usize {
        self.changed.len()
    }

    /// Writes what has changed and the position, all or none.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store fails; then nothing of it may be relied upon any more.
    pub(crate) fn write(&mut self) -> Result<(), StoreError> {
        let row = |(key, value)| Mutation { table: Table::Readers, key, value };
        let mut batch: Vec<_> = std::mem::take(&mut self.changed).into_iter().map(row).collect();
        batch.push(row((position_key(), Some(self.position.to_row()))));
        self.store.write(batch)
    }

    pub(super) fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        match self.changed.get(key) {
            Some(value) => Ok(value.clone()),
            None => self.store.get(Table::Readers, key),
        }
    }

    pub(super) fn put(&mut self, key: Vec<u8>, value: Option<Vec<u8>>) {
        let kind = key.first().map_or(0, |kind| usize::from(*kind));
        if let Some(first) = self.first.get_mut(kind)
            && first.as_ref().is_some_and(|(first, _)| key <= *first)
        {
            *first = None;
        }
        self.changed.insert(key, value);
    }

    /// The first row of a kind.
    pub(super) fn first(&mut self, kind: Kind) -> Result<Option<&Row>, StoreError> {
        let known = self.first.get(kind as usize).is_some_and(Option::is_some);
        let prefix = key(kind, &[]);
        let found = if known { None } else { self.next(&prefix, &prefix)? };
        let Some(first) = self.first.get_mut(kind as usize) else { return Ok(None) };
        if found.is_some() {
            *first = found;
        }
        Ok(first.as_ref())
    }

    /// The first row from `from` on whose key begins with `prefix`.
    pub(super) fn next(&self, prefix: &[u8], from: &[u8]) -> Result<Option<Row>, StoreError> {
        let mut from = from.max(prefix).to_vec();
        loop {
            let stored = self.store.scan(Table::Readers, prefix, &from, 1)?.pop();
            let changed = self.changed.range(from.clone()..).next();
            let changed = changed.filter(|(key, _)| key.starts_with(prefix));
            match (stored, changed) {
                (Some((key, value)), Some((earliest, _))) if key < *earliest => {
                    return Ok(Some((key, value)));
                }
                (_, Some((key, Some(value)))) => return Ok(Some((key.clone(), value.clone()))),
                (_, Some((key, None))) => from = after(key),
                (stored, None) => return Ok(stored),
            }
        }
    }
}

/// The least key after `key`.
pub(super) fn after(key: &[u8]) -> Vec<u8> {
    [key, &[0]].concat()
}

/// Drops the rows of a store that has come further than a journal that ends at `end`.
///
/// # Errors
///
/// [`StoreError`] when the store fails.
pub(crate) fn drop_uncovered(store: &dyn Store, end: Sequence) -> Result<(), StoreError> {
    let position = Rows::position_in(store)?;
    if position.is_some_and(|position| end < position.sequence) {
        tracing::warn!(end, "rows of readers are dropped and built anew");
        // The others go when they are next looked for: without this one they count for nothing.
        let table = Table::Readers;
        store.write(vec![Mutation { table, key: position_key(), value: None }])?;
    }
    Ok(())
}

fn remove_all(store: &dyn Store) -> Result<(), StoreError> {
    loop {
        let rows = store.scan(Table::Readers, &[], &[], REMOVED_AT_ONCE)?;
        if rows.is_empty() {
            return Ok(());
        }
        // The position is the first: no crash leaves it behind without the others.
        let removal = |(key, _)| Mutation { table: Table::Readers, key, value: None };
        store.write(rows.into_iter().map(removal).collect())?;
    }
}

macro_rules! archived {
    ($row:ty) => {
        impl $row {
            pub(super) fn written(&self) -> Option<Vec<u8>> {
                let bytes = rkyv::to_bytes::<rkyv::rancor::Error>(self).ok()?;
                Some(bytes.to_vec())
            }

            pub(super) fn of_row(row: &[u8]) -> Result<Self, crate::storage::StoreError> {
                rkyv::from_bytes::<Self, rkyv::rancor::Error>(&super::rows::aligned(row))
                    .map_err(|_| super::rows::damaged())
            }
        }
    };
}
pub(super) use archived;

/// An archive is read in place, and only where it is aligned.
pub(super) fn aligned(row: &[u8]) -> AlignedVec<16> {
    let mut aligned = AlignedVec::<16>::with_capacity(row.len());
    aligned.extend_from_slice(row);
    aligned
}
