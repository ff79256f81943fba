//! Rows that are written behind the journal: in memory at once, in the store a little later.
//!
//! Only what is durable in the journal is put here, so the store never runs ahead of it. A crash
//! loses at most what the journal brings back.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::hash::Hasher;
use std::ops::Bound;
use std::sync::{Arc, PoisonError};

use crossbeam_utils::CachePadded;

use super::key_map::KeyHasher;
use super::register::Kind;
use super::rows::{Content, Key};
use super::sync::{AtomicBool, AtomicUsize, Mutex, MutexGuard, Ordering};
use crate::ids::CampaignId;
use crate::planted::{self, Bug};
use crate::storage::{Mutation, Row, Store, StoreError, TABLES, Table};

/// Parts of each table, so that maps stay small and who writes seldom waits for who reads. A model
/// would only have more of the same to search.
const SHARDS: usize = if cfg!(creneau_shuttle) { 1 } else { 16 };

/// A row that waits.
#[derive(Clone)]
struct Waiting {
    /// None is a removal.
    value: Option<Content>,
    /// Whether the store cannot have a row of this key.
    new: bool,
}

/// Rows by key.
type Rows = BTreeMap<Key, Waiting>;

/// The rows of a part of a table that the store does not have yet.
#[derive(Default)]
struct Shard {
    /// Those that no flush has collected.
    fresh: Rows,
    /// Those that a flush is writing. They are seen until the store has them.
    leaving: Arc<Rows>,
}

impl Shard {
    /// The row of a key, if one waits.
    fn get(&self, key: &[u8]) -> Option<&Waiting> {
        self.fresh.get(key).or_else(|| self.leaving.get(key))
    }

    /// Has leave what waits, and with it what an earlier flush failed to write.
    fn leave(&mut self) -> Arc<Rows> {
        if self.fresh.is_empty() {
            return self.leaving.clone();
        }
        let mut leaving = std::mem::take(&mut self.fresh);
        for (key, row) in &*self.leaving {
            leaving.entry(key.clone()).or_insert_with(|| row.clone());
        }
        self.leaving = Arc::new(leaving);
        self.leaving.clone()
    }

    /// Forgets what the store has by now.
    fn left(&mut self) {
        if self.leaving.is_empty() {
            return;
        }
        let left = std::mem::take(&mut self.leaving);
        if planted::is(Bug::RowLeavesEarly) {
            self.fresh.retain(|key, _| !left.contains_key(key));
        }
    }

    fn len(&self) -> usize {
        self.fresh.len() + self.leaving.len()
    }
}

/// A store, and the rows that it does not have yet.
pub(crate) struct Behind {
    store: Arc<dyn Store>,
    shards: Vec<CachePadded<Mutex<Shard>>>,
    /// Rows in all shards: one that leaves and a later one of its key are two.
    waiting: AtomicUsize,
    /// Whether what is put comes from nowhere but this process: not while a journal is replayed,
    /// some rows of which the store has.
    live: AtomicBool,
    flushing: Mutex<()>,
}

fn locked(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether `key` begins with the whole name of a person, after what its kind puts before that, and
/// how many of its bytes that is.
fn person_len(table: Table, key: &[u8]) -> Option<usize> {
    const OF_CAMPAIGN: [u8; 2] = [Kind::Dose as u8, Kind::Liner as u8];
    let before = match table {
        Table::People => 0,
        Table::Register if OF_CAMPAIGN.contains(key.first()?) => 1 + size_of::<CampaignId>(),
        _ => return None,
    };
    let len = before + 1 + usize::from(*key.get(before)?);
    (len <= key.len()).then_some(len)
}

/// The part of its table to which a key belongs: the same one for all keys of a person.
fn part_of(table: Table, key: &[u8]) -> usize {
    if let Some(name) = person_len(table, key).and_then(|len| key.get(..len)) {
        let mut hasher = KeyHasher::default();
        hasher.write(name);
        return usize::try_from(hasher.finish() >> 32).unwrap_or(0) % SHARDS;
    }
    // All other keys end with the bits of an identifier, or a hash.
    key.last().map_or(0, |last| usize::from(*last) % SHARDS)
}

impl Behind {
    pub(crate) fn new(store: Arc<dyn Store>) -> Self {
        let shard = |_| CachePadded::new(Mutex::new(Shard::default()));
        let shards = (0..TABLES.len() * SHARDS).map(shard).collect();
        let (waiting, live) = (AtomicUsize::new(0), AtomicBool::new(false));
        Self { store, shards, waiting, live, flushing: Mutex::new(()) }
    }

    /// The journal is replayed: from now on a new row is one that the store cannot have.
    pub(crate) fn live(&self) {
        self.live.store(true, Ordering::Relaxed);
    }

    fn shards_of(&self, table: Table) -> &[CachePadded<Mutex<Shard>>] {
        let first = table as usize * SHARDS;
        self.shards.get(first..first + SHARDS).unwrap_or_default()
    }

    fn shard(&self, table: Table, key: &[u8]) -> Option<MutexGuard<'_, Shard>> {
        self.shards_of(table).get(part_of(table, key)).map(|shard| locked(shard))
    }

    /// Puts or removes a row. It is seen at once.
    pub(crate) fn put(&self, table: Table, key: Key, value: Option<Content>) {
        self.wait(table, key, Waiting { value, new: false });
    }

    /// Puts a row whose key is put once and for all. Removed before it was written, it leaves
    /// nothing to be written.
    pub(crate) fn put_new(&self, table: Table, key: Key, value: Content) {
        let new = self.live.load(Ordering::Relaxed);
        self.wait(table, key, Waiting { value: Some(value), new });
    }

    fn wait(&self, table: Table, key: Key, mut row: Waiting) {
        let Some(mut shard) = self.shard(table, &key) else { return };
        match shard.fresh.entry(key) {
            Entry::Occupied(before) if row.value.is_none() && before.get().new => {
                before.remove();
                self.waiting.fetch_sub(1, Ordering::Relaxed);
            }
            Entry::Occupied(mut before) => {
                // What is removed and put again at once is one that the store may have.
                row.new &= before.get().new;
                before.insert(row);
            }
            Entry::Vacant(vacant) => {
                vacant.insert(row);
                self.waiting.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// What a row holds.
    pub(crate) fn get(&self, table: Table, key: &[u8]) -> Result<Option<Content>, StoreError> {
        let row = self.shard(table, key).and_then(|shard| shard.get(key).cloned());
        // A row leaves its shard only after the store has it.
        match row {
            Some(row) => Ok(row.value),
            None => Ok(self.store.get(table, key)?.map(Content::Bytes)),
        }
    }

    /// The bytes of a row.
    pub(crate) fn get_bytes(
        &self,
        table: Table,
        key: &[u8],
    ) -> Result<Option<Vec<u8>>, StoreError> {
        self.get(table, key)?.map(|content| content.into_bytes()).transpose()
    }

    /// Rows from `from` on that begin with `prefix`, in order, at most `limit`.
    pub(crate) fn scan(
        &self,
        table: Table,
        prefix: &[u8],
        from: &[u8],
        limit: usize,
    ) -> Result<Vec<Row>, StoreError> {
        let from = from.max(prefix);
        let all = self.shards_of(table);
        let one = person_len(table, prefix).and_then(|_| all.get(part_of(table, prefix)));
        // Waiting rows first: one that moves to the store meanwhile is seen twice, never missed.
        let mut waiting = Rows::new();
        for shard in one.map_or(all, std::slice::from_ref) {
            let shard = locked(shard);
            for rows in [&*shard.leaving, &shard.fresh] {
                let rows = rows.range::<[u8], _>((Bound::Included(from), Bound::Unbounded));
                let rows = rows.take_while(|(key, _)| key.starts_with(prefix));
                waiting.extend(rows.map(|(key, row)| (key.clone(), row.clone())));
            }
        }
        // Each waiting removal can hide one stored row.
        let hidden = waiting.values().filter(|row| row.value.is_none()).count();
        let stored = self.store.scan(table, prefix, from, limit.saturating_add(hidden))?;
        let mut rows: BTreeMap<_, _> = stored.into_iter().collect();
        for (key, row) in waiting {
            match row.value {
                Some(value) => rows.insert(key.into_vec(), value.into_bytes()?),
                None => rows.remove(key.as_slice()),
            };
        }
        Ok(rows.into_iter().take(limit).collect())
    }

    /// How many rows the store does not have yet.
    pub(crate) fn len(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Writes all rows that the store does not have, with what `also` gives once they are
    /// collected; all or none. May block. One at a time, so that no older row follows a newer.
    pub(crate) fn flush(&self, also: impl FnOnce() -> Vec<Mutation>) -> Result<(), StoreError> {
        let _one = self.flushing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut mutations = Vec::with_capacity(self.len());
        for table in TABLES {
            let first = mutations.len();
            for shard in self.shards_of(table) {
                let rows = self.counted(shard, Shard::leave);
                for (key, row) in &*rows {
                    let value = row.value.as_ref().map(Content::encode).transpose()?;
                    mutations.push(Mutation { table, key: key.to_vec(), value });
                }
            }
            // In order they cost the store a fraction.
            let rows = mutations.get_mut(first..).unwrap_or_default();
            rows.sort_unstable_by(|one, other| one.key.cmp(&other.key));
        }
        mutations.extend(also());
        self.store.write(mutations)?;
        for shard in &self.shards {
            self.counted(shard, Shard::left);
        }
        Ok(())
    }

    /// Has a shard change, and counts what it has lost by it.
    fn counted<T>(&self, shard: &Mutex<Shard>, change: impl FnOnce(&mut Shard) -> T) -> T {
        let mut shard = locked(shard);
        let before = shard.len();
        let changed = change(&mut shard);
        self.waiting.fetch_sub(before - shard.len(), Ordering::Relaxed);
        changed
    }

    /// The store below.
    pub(crate) fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::storage::memory::MemoryStore;

    #[test]
    fn what_comes_and_goes_between_two_flushes_is_not_written() {
        let behind = Behind::new(Arc::new(MemoryStore::default()));
        let put = |value: Option<u8>| {
            let key = Key::from_slice(&[1]);
            match value {
                Some(value) => behind.put_new(Table::Holds, key, Content::Bytes(vec![value])),
                None => behind.put(Table::Holds, key, None),
            }
            behind.len()
        };
        // While a journal is replayed the store may have it.
        assert_eq!((put(Some(1)), put(None)), (1, 1));
        behind.flush(Vec::new).unwrap();
        behind.live();
        assert_eq!((put(Some(1)), put(None)), (1, 0));
        put(Some(2));
        behind.flush(Vec::new).unwrap();
        assert_eq!(put(None), 1, "the store has it");
        assert_eq!(behind.get_bytes(Table::Holds, &[1]).unwrap(), None);
        assert_eq!((put(Some(2)), put(None)), (1, 1), "and still has it");
        // It is on its way to the store when it is removed.
        behind
            .flush(|| {
                put(Some(3));
                Vec::new()
            })
            .unwrap();
        behind
            .flush(|| {
                put(None);
                Vec::new()
            })
            .unwrap();
        assert_eq!(behind.get_bytes(Table::Holds, &[1]).unwrap(), None);
        behind.flush(Vec::new).unwrap();
        assert_eq!(behind.get_bytes(Table::Holds, &[1]).unwrap(), None);
    }

    proptest! {
        /// Whatever was flushed when, reads and scans show the latest rows.
        #[test]
        fn reads_show_the_latest(
            steps in prop::collection::vec((0u8..30, prop::option::of(any::<u8>()), 0u8..4), 0..60),
            from in 0u8..30, limit in 1usize..12, of_campaign in any::<bool>(),
        ) {
            let behind = Behind::new(Arc::new(MemoryStore::default()));
            let mut model = std::collections::BTreeMap::new();
            // The name of a person, of one byte, and what comes before it.
            let (table, person) = match of_campaign {
                true => (Table::Register, [&[Kind::Dose as u8][..], &[7; 16], &[1, 5]].concat()),
                false => (Table::People, vec![1, 5]),
            };
            let row = |key: u8| [person.as_slice(), &[key]].concat();
            for (key, value, flush) in steps {
                let put = |value: Option<u8>| {
                    let value = value.map(|value| Content::Bytes(vec![value]));
                    behind.put(table, row(key).as_slice().into(), value);
                };
                if flush == 1 {
                    // A row is put again while the one before it is being written.
                    put(Some(0));
                    behind.flush(|| { put(value); Vec::new() }).unwrap();
                } else {
                    put(value);
                }
                match value {
                    Some(value) => model.insert(row(key), vec![value]),
                    None => model.remove(&row(key)),
                };
                if flush == 2 {
                    behind.flush(Vec::new).unwrap();
                    prop_assert_eq!(behind.len(), 0);
                }
            }
            for key in 0..30 {
                let read = behind.get_bytes(table, &row(key)).unwrap();
                prop_assert_eq!(read.as_ref(), model.get(&row(key)));
            }
            for key in 0..30 {
                let one = model.get(&row(key)).map(|value| (row(key), value.clone()));
                let rows = behind.scan(table, &row(key), &[], limit).unwrap();
                prop_assert_eq!(rows, Vec::from_iter(one), "one row");
            }
            let rows = behind.scan(table, &person, &row(from), limit).unwrap();
            let expected: Vec<_> = model.range(row(from)..).take(limit)
                .map(|(key, value)| (key.clone(), value.clone())).collect();
            prop_assert_eq!(rows, expected);
        }
    }
}
