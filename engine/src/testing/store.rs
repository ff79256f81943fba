//! A simulated store: a crash undoes its last writes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::random::Dice;
use crate::storage::memory::MemoryStore;
use crate::storage::{Mutation, Row, Store, StoreError, Table};

/// Batches after which the oldest are written for good.
const UNSYNCED_MAX: usize = 64;

type Rows = BTreeMap<(Table, Vec<u8>), Vec<u8>>;

struct State {
    dice: Dice,
    /// What no crash undoes.
    synced: Rows,
    /// What was written since, oldest first.
    unsynced: Vec<Vec<Mutation>>,
}

/// A store that forgets what it was told last when the power fails.
pub struct SimStore {
    state: Mutex<State>,
    /// What is read.
    rows: MemoryStore,
}

impl SimStore {
    /// An empty store.
    #[must_use]
    pub fn new(dice: Dice) -> Self {
        Self::holding(dice, Rows::new())
    }

    fn holding(dice: Dice, synced: Rows) -> Self {
        let rows = MemoryStore::default();
        let all = synced.iter().map(|((table, key), value)| Mutation {
            table: *table,
            key: key.clone(),
            value: Some(value.clone()),
        });
        // A store in memory has nothing that could fail.
        let _ = rows.write(all.collect());
        let state = State { dice, synced, unsynced: Vec::new() };
        Self { state: Mutex::new(state), rows }
    }

    fn locked(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The store after the power has failed: some of the last batches are lost, rarely all there
    /// ever was.
    #[must_use]
    pub fn crashed(&self) -> Arc<Self> {
        let mut state = self.locked();
        let dice = state.dice.fork();
        if state.dice.chance(60) {
            return Arc::new(Self::new(dice));
        }
        let len = state.unsynced.len();
        let keep = match state.dice.below(4) {
            0 => 0,
            1 => len,
            _ => state.dice.place(len + 1),
        };
        let mut rows = state.synced.clone();
        for batch in state.unsynced.iter().take(keep) {
            apply(&mut rows, batch);
        }
        Arc::new(Self::holding(dice, rows))
    }

    /// The store after it was closed in order.
    #[must_use]
    pub fn closed(&self) -> Arc<Self> {
        let mut state = self.locked();
        let dice = state.dice.fork();
        let mut rows = state.synced.clone();
        for batch in &state.unsynced {
            apply(&mut rows, batch);
        }
        Arc::new(Self::holding(dice, rows))
    }
}

fn apply(rows: &mut Rows, batch: &[Mutation]) {
    for Mutation { table, key, value } in batch {
        match value {
            Some(value) => rows.insert((*table, key.clone()), value.clone()),
            None => rows.remove(&(*table, key.clone())),
        };
    }
}

impl Store for SimStore {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.rows.get(table, key)
    }

    fn scan(
        &self,
        table: Table,
        prefix: &[u8],
        from: &[u8],
        limit: usize,
    ) -> Result<Vec<Row>, StoreError> {
        self.rows.scan(table, prefix, from, limit)
    }

    fn write(&self, batch: Vec<Mutation>) -> Result<(), StoreError> {
        let mut state = self.locked();
        state.unsynced.push(batch.clone());
        let over = state.unsynced.len().saturating_sub(UNSYNCED_MAX);
        // Now and then what lies below writes everything for good.
        let synced = if state.dice.chance(20) { state.unsynced.len() } else { over };
        let State { synced: rows, unsynced, .. } = &mut *state;
        for batch in unsynced.drain(..synced) {
            apply(rows, &batch);
        }
        self.rows.write(batch)
    }

    fn clear(&self) -> Result<(), StoreError> {
        let mut state = self.locked();
        state.synced.clear();
        state.unsynced.clear();
        self.rows.clear()
    }

    fn tell_time(&self, millis: i64) {
        self.rows.tell_time(millis);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conforms_to_the_contract_of_the_store() {
        let mut store = Arc::new(SimStore::new(Dice::new(7)));
        crate::storage::conformance::check(|| {
            store = store.closed();
            store.clone()
        });
    }
}
