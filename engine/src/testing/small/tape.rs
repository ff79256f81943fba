//! A record of everything that reaches a disk, in its order: what a crash can cut is read off it.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::time::Instant;

use crate::journal::{AppendError, Appending, Journal, JournalReader, Sequence};
use crate::storage::memory::MemoryStore;
use crate::storage::{Mutation, Row, Store, StoreError, Table};
use crate::testing::disk::SimJournal;

/// Something that happened to a disk, or that a client saw.
#[derive(Clone, Debug)]
pub(super) enum Op {
    /// A frame is being written, and is not synced.
    Writing(Vec<u8>),
    /// It is synced.
    Synced,
    /// The mark was told; it is written when the journal likes.
    Marked(Sequence),
    /// Derived rows were written, and are not synced.
    Stored(Vec<Mutation>),
    /// An act was begun.
    Asked(usize),
    /// It was answered.
    Told,
}

/// The record. Clones are the same.
#[derive(Clone)]
pub(super) struct Tape {
    ops: Arc<Mutex<Vec<(u64, Op)>>>,
    origin: Instant,
}

impl Tape {
    /// A record whose time begins now.
    pub(super) fn new() -> Self {
        Self { ops: Arc::default(), origin: Instant::now() }
    }

    pub(super) fn note(&self, op: Op) {
        let ms = u64::try_from(self.origin.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.ops.lock().unwrap_or_else(PoisonError::into_inner).push((ms, op));
    }

    /// What was noted, each with its millisecond.
    pub(super) fn read(&self) -> Vec<(u64, Op)> {
        self.ops.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A journal that is recorded.
pub(super) struct TapedJournal {
    pub(super) inner: SimJournal,
    pub(super) tape: Tape,
}

impl TapedJournal {
    async fn record(&mut self, expected: Sequence, frame: &[u8]) -> Result<(), AppendError> {
        self.tape.note(Op::Writing(frame.to_vec()));
        self.inner.append(expected, frame).await?;
        self.tape.note(Op::Synced);
        Ok(())
    }
}

impl Journal for TapedJournal {
    fn append<'a>(&'a mut self, expected: Sequence, frame: &'a [u8]) -> Appending<'a> {
        Box::pin(self.record(expected, frame))
    }

    fn mark(&mut self, durable: Sequence) {
        self.tape.note(Op::Marked(durable));
        self.inner.mark(durable);
    }

    fn reader(&self) -> Arc<dyn JournalReader> {
        self.inner.reader()
    }

    fn blocks(&self) -> bool {
        self.inner.blocks()
    }
}

/// A store that is recorded.
pub(super) struct TapedStore {
    pub(super) inner: MemoryStore,
    pub(super) tape: Tape,
}

impl Store for TapedStore {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.inner.get(table, key)
    }

    fn scan(
        &self,
        table: Table,
        prefix: &[u8],
        from: &[u8],
        limit: usize,
    ) -> Result<Vec<Row>, StoreError> {
        self.inner.scan(table, prefix, from, limit)
    }

    fn write(&self, batch: Vec<Mutation>) -> Result<(), StoreError> {
        self.tape.note(Op::Stored(batch.clone()));
        self.inner.write(batch)
    }

    fn clear(&self) -> Result<(), StoreError> {
        self.inner.clear()
    }

    fn tell_time(&self, millis: i64) {
        self.inner.tell_time(millis);
    }
}
