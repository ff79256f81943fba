//! Rows that are written behind the journal: in memory at once, in the store a little later.
//!
//! Only what is durable in the journal is put here, so the store never runs ahead of it. A crash
//! loses at most what the journal brings back.

use std::sync::{Arc, PoisonError};

use super::sync::{AtomicU64, Mutex, MutexGuard, Ordering, RowMap};
use crate::planted::{self, Bug};
use crate::storage::{Mutation, Row, Store, StoreError, Table};

type Key = (Table, Vec<u8>);

/// A row that waits. It is changed in its place: putting another one in its stead would take it
/// away for a moment, and whoever looks then would find what the store had before.
#[derive(Default)]
struct Pending {
    /// Tells a row from a later one under the same key; none before the first and after the last.
    stamp: Option<u64>,
    value: Option<Vec<u8>>,
}

type Waiting = Mutex<Pending>;

fn locked(row: &Waiting) -> MutexGuard<'_, Pending> {
    row.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A store, and the rows that it does not have yet.
pub(crate) struct Behind {
    store: Arc<dyn Store>,
    pending: RowMap<Key, Waiting>,
    stamps: AtomicU64,
    flushing: Mutex<()>,
}

impl Behind {
    pub(crate) fn new(store: Arc<dyn Store>) -> Self {
        let (pending, flushing) = (RowMap::default(), Mutex::new(()));
        Self { store, pending, stamps: AtomicU64::new(0), flushing }
    }

    /// Puts or removes a row. It is seen at once.
    pub(crate) fn put(&self, table: Table, key: Vec<u8>, value: Option<Vec<u8>>) {
        let stamp = Some(self.stamps.fetch_add(1, Ordering::Relaxed));
        let key = (table, key);
        loop {
            let row = self.pending.get_or_insert_with(key.clone(), Waiting::default);
            let mut pending = locked(row.value());
            // One that the store has by now is on its way out, and is not seen any more.
            if !row.is_removed() {
                *pending = Pending { stamp, value };
                return;
            }
        }
    }

    /// The value of a key.
    pub(crate) fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        if let Some(row) = self.pending.get(&(table, key.to_vec())) {
            let pending = locked(row.value());
            if pending.stamp.is_some() && !row.is_removed() {
                return Ok(pending.value.clone());
            }
        }
        // A row leaves `pending` only after the store has it.
        self.store.get(table, key)
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
        // Pending first: a row that moves to the store meanwhile is seen twice, never missed.
        let mut pending: Vec<(Vec<u8>, Option<Vec<u8>>)> = Vec::new();
        let mut puts = 0;
        for row in self.pending.range((table, from.to_vec())..) {
            let (row_table, key) = row.key();
            if puts == limit || *row_table != table || !key.starts_with(prefix) {
                break;
            }
            let waiting = locked(row.value());
            if waiting.stamp.is_some() && !row.is_removed() {
                puts += usize::from(waiting.value.is_some());
                pending.push((key.clone(), waiting.value.clone()));
            }
        }
        // Each pending removal can hide one stored row.
        let hidden = pending.len() - puts;
        let stored = self.store.scan(table, prefix, from, limit.saturating_add(hidden))?;
        let cut = (puts == limit).then(|| pending.last().map(|(key, _)| key.clone()));
        let mut rows: std::collections::BTreeMap<_, _> = stored.into_iter().collect();
        for (key, value) in pending {
            match value {
                Some(value) => rows.insert(key, value),
                None => rows.remove(&key),
            };
        }
        // Beyond the last pending row that was read, stored rows may be out of date.
        if let Some(Some(cut)) = cut {
            rows.retain(|key, _| *key <= cut);
        }
        Ok(rows.into_iter().take(limit).collect())
    }

    /// How many rows the store does not have yet.
    pub(crate) fn len(&self) -> usize {
        self.pending.len()
    }

    /// Writes all rows that the store does not have, with what `also` gives once they are
    /// collected; all or none. May block. One at a time, so that no older row follows a newer.
    pub(crate) fn flush(&self, also: impl FnOnce() -> Vec<Mutation>) -> Result<(), StoreError> {
        let _one = self.flushing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut mutations = Vec::with_capacity(self.pending.len());
        let mut written = Vec::with_capacity(self.pending.len());
        for row in self.pending.iter() {
            let (table, key) = row.key().clone();
            let waiting = locked(row.value());
            if waiting.stamp.is_some() {
                written.push((waiting.stamp, (table, key.clone())));
                mutations.push(Mutation { table, key, value: waiting.value.clone() });
            }
        }
        mutations.extend(also());
        self.store.write(mutations)?;
        for (stamp, key) in written {
            // One that was put meanwhile has another stamp and stays.
            if let Some(row) = self.pending.get(&key) {
                let waiting = locked(row.value());
                if waiting.stamp == stamp || planted::is(Bug::RowLeavesEarly) {
                    row.remove();
                }
            }
        }
        Ok(())
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

    proptest! {
        /// Whatever was flushed when, reads and scans show the latest rows.
        #[test]
        fn reads_show_the_latest(
            steps in prop::collection::vec((0u8..30, prop::option::of(any::<u8>()), 0u8..4), 0..60),
            from in 0u8..30, limit in 1usize..12,
        ) {
            let behind = Behind::new(Arc::new(MemoryStore::default()));
            let mut model = std::collections::BTreeMap::new();
            for (key, value, flush) in steps {
                let put = |value: Option<u8>| {
                    behind.put(Table::People, vec![1, key], value.map(|value| vec![value]));
                };
                if flush == 1 {
                    // A row is put again while the one before it is being written.
                    put(Some(0));
                    behind.flush(|| { put(value); Vec::new() }).unwrap();
                } else {
                    put(value);
                }
                match value {
                    Some(value) => model.insert(vec![1, key], vec![value]),
                    None => model.remove(&vec![1, key]),
                };
                if flush == 2 {
                    behind.flush(Vec::new).unwrap();
                    prop_assert_eq!(behind.len(), 0);
                }
            }
            for key in 0..30 {
                let read = behind.get(Table::People, &[1, key]).unwrap();
                prop_assert_eq!(read.as_ref(), model.get(&vec![1, key]));
            }
            let rows = behind.scan(Table::People, &[1], &[1, from], limit).unwrap();
            let expected: Vec<_> = model.range(vec![1, from]..).take(limit)
                .map(|(key, value)| (key.clone(), value.clone())).collect();
            prop_assert_eq!(rows, expected);
        }
    }
}
