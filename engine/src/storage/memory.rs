//! A journal and a store in memory: for tests, and for hosts that need no durability.
//!
//! The frames, the codec and the recovery are those of the journal on disk.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use super::{Mutation, Row, Storage, Store, StoreError, Table, has_run_out};
use crate::journal::{
    AppendError, Appending, Frame, Journal, JournalReader, ReadError, Sequence, Tail,
};
use crate::planted::{self, Bug};

/// Frames by their first sequence.
type Frames = BTreeMap<Sequence, Vec<u8>>;

/// A journal in memory. Its clones share their frames, so that it can be opened again.
#[derive(Clone, Debug, Default)]
pub struct MemoryJournal {
    frames: Arc<Mutex<Frames>>,
    marked: Arc<Mutex<Sequence>>,
    /// Why this writing end takes nothing any more.
    failed: Option<String>,
}

/// A store in memory. Its clones share their rows.
#[derive(Clone, Debug, Default)]
pub struct MemoryStore {
    rows: Arc<RwLock<Rows>>,
}

/// Milliseconds of engine time between two sweeps for rows that have run out.
const SWEEP_MS: i64 = 60_000;

#[derive(Debug)]
struct Rows {
    rows: BTreeMap<(Table, Vec<u8>), Vec<u8>>,
    time: i64,
    swept: i64,
}

impl Default for Rows {
    fn default() -> Self {
        Self { rows: BTreeMap::new(), time: i64::MIN, swept: i64::MIN }
    }
}

impl Rows {
    fn shows(&self, table: Table, value: &[u8]) -> bool {
        !has_run_out(table, value, self.time)
    }
}

/// A fresh journal and store.
#[must_use]
pub fn fresh() -> Storage {
    reopened(&MemoryJournal::default(), &MemoryStore::default())
}

/// A journal and store that were there before.
#[must_use]
pub fn reopened(journal: &MemoryJournal, store: &MemoryStore) -> Storage {
    let marked = *journal.marked.lock().unwrap_or_else(PoisonError::into_inner);
    let journal = Box::new(MemoryJournal { failed: None, ..journal.clone() });
    let store = Arc::new(store.clone());
    Storage { journal, store, marked }
}

impl MemoryJournal {
    fn with<T>(&self, work: impl FnOnce(&mut Frames) -> T) -> T {
        work(&mut self.frames.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn append_now(&mut self, expected: Sequence, frame: &[u8]) -> Result<(), AppendError> {
        if let (Some(why), false) = (&self.failed, planted::is(Bug::FailureForgotten)) {
            return Err(AppendError::Unknown(format!("an earlier append failed: {why}")));
        }
        let parsed = Frame::parse(frame).map_err(|error| self.fail(error.to_string()))?;
        let next = self.tail().map_err(|error| self.fail(error.to_string()))?.sequence + 1;
        if next != expected || parsed.first() != expected {
            return Err(AppendError::Fenced { expected, next });
        }
        self.with(|frames| frames.insert(expected, frame.to_vec()));
        Ok(())
    }

    fn fail(&mut self, why: String) -> AppendError {
        self.failed = Some(why.clone());
        AppendError::Unknown(why)
    }
}

impl Journal for MemoryJournal {
    fn append<'a>(&'a mut self, expected: Sequence, frame: &'a [u8]) -> Appending<'a> {
        Box::pin(std::future::ready(self.append_now(expected, frame)))
    }

    fn mark(&mut self, durable: Sequence) {
        *self.marked.lock().unwrap_or_else(PoisonError::into_inner) = durable;
    }

    fn reader(&self) -> Arc<dyn JournalReader> {
        Arc::new(self.clone())
    }

    fn blocks(&self) -> bool {
        false
    }
}

impl JournalReader for MemoryJournal {
    fn read(&self, from: Sequence, bytes_max: usize) -> Result<Vec<Vec<u8>>, ReadError> {
        Ok(self.with(|frames| read_frames(frames, from, bytes_max)))
    }

    fn tail(&self) -> Result<Tail, ReadError> {
        self.with(|frames| tail_of(frames.values().next_back().map(Vec::as_slice)))
    }
}

/// The frames of an ordered map from the one that holds `from` on.
pub(crate) fn read_frames(frames: &Frames, from: Sequence, bytes_max: usize) -> Vec<Vec<u8>> {
    let holder = frames.range(..=from).next_back().map_or(from, |(first, _)| *first);
    let holds = |frame: &Vec<u8>| Frame::parse(frame).map_or(true, |frame| from <= frame.last());
    let mut bytes = 0;
    let mut read = Vec::new();
    for (_, frame) in frames.range(holder..).skip_while(|(_, frame)| !holds(frame)) {
        if !read.is_empty() && bytes_max < bytes + frame.len() {
            break;
        }
        bytes += frame.len();
        read.push(frame.clone());
    }
    read
}

/// The tail that a last frame makes.
pub(crate) fn tail_of(last: Option<&[u8]>) -> Result<Tail, ReadError> {
    let Some(bytes) = last else { return Ok(Tail::default()) };
    let frame = Frame::parse(bytes)
        .map_err(|error| ReadError::Damaged { at: 0, what: format!("the last frame: {error}") })?;
    Ok(Tail { sequence: frame.last(), hash: frame.hash() })
}

impl Store for MemoryStore {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let rows = self.rows.read().unwrap_or_else(PoisonError::into_inner);
        let found = rows.rows.get(&(table, key.to_vec()));
        Ok(found.filter(|value| rows.shows(table, value)).cloned())
    }

    fn scan(
        &self,
        table: Table,
        prefix: &[u8],
        from: &[u8],
        limit: usize,
    ) -> Result<Vec<Row>, StoreError> {
        let rows = self.rows.read().unwrap_or_else(PoisonError::into_inner);
        let start = (table, from.max(prefix).to_vec());
        let range = rows
            .rows
            .range(start..)
            .take_while(|((row_table, key), _)| *row_table == table && key.starts_with(prefix));
        let shown = range.filter(|(_, value)| rows.shows(table, value));
        Ok(shown.take(limit).map(|((_, key), value)| (key.clone(), value.clone())).collect())
    }

    fn write(&self, batch: Vec<Mutation>) -> Result<(), StoreError> {
        let mut rows = self.rows.write().unwrap_or_else(PoisonError::into_inner);
        for Mutation { table, key, value } in batch {
            match value {
                Some(value) => rows.rows.insert((table, key), value),
                None => rows.rows.remove(&(table, key)),
            };
        }
        Ok(())
    }

    fn clear(&self) -> Result<(), StoreError> {
        self.rows.write().unwrap_or_else(PoisonError::into_inner).rows.clear();
        Ok(())
    }

    fn tell_time(&self, millis: i64) {
        let mut rows = self.rows.write().unwrap_or_else(PoisonError::into_inner);
        rows.time = rows.time.max(millis);
        let time = rows.time;
        if rows.swept.saturating_add(SWEEP_MS) <= time {
            rows.swept = time;
            rows.rows.retain(|(table, _), value| !has_run_out(*table, value, time));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::BackupError;

    #[tokio::test]
    async fn conforms_to_the_contract_of_the_journal() {
        let journal = MemoryJournal::default();
        crate::journal::conformance::check(|| reopened(&journal, &MemoryStore::default()).journal)
            .await;
    }

    #[test]
    fn there_is_nothing_to_copy() {
        let refused = fresh().journal.reader().back_up(std::path::Path::new("nowhere"));
        assert!(matches!(refused, Err(BackupError::Unsupported)), "{refused:?}");
    }

    #[test]
    fn conforms_to_the_contract_of_the_store() {
        let store = MemoryStore::default();
        crate::storage::conformance::check(|| {
            // The time is told anew at each start.
            let mut rows = store.rows.write().unwrap();
            (rows.time, rows.swept) = (i64::MIN, i64::MIN);
            drop(rows);
            reopened(&MemoryJournal::default(), &store).store
        });
    }
}
