//! Where things are kept: a journal, and a store for what is derived from it.
//!
//! The two are apart. The store may lag behind the journal, or be lost altogether: recovery
//! brings it up to date, or builds it anew. It may never run ahead.

use std::sync::Arc;

use crate::journal::{Journal, JournalReader, Sequence};

#[cfg(any(test, feature = "testing"))]
pub mod conformance;
pub mod memory;
#[cfg(feature = "rocksdb")]
pub mod rocksdb;

/// What is kept in the store, each under keys of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Table {
    /// How far the store has come.
    Meta,
    /// What is set about each calendar, by its id.
    Definitions,
    /// The state of each calendar, by its id.
    Snapshots,
    /// Holds and appointments, by id. Rows of ended holds run out.
    Bookings,
    /// Live holds, by deadline and id.
    Holds,
    /// Appointments, by person, start and id.
    People,
    /// Outcomes of named commands, by a hash of the name. Rows run out.
    Commands,
    /// Rows of the readers of the change feed, and how far they have come.
    Readers,
    /// The register: practitioners, places, links, and links by the hash of their secret.
    Register,
}

/// All tables.
pub const TABLES: [Table; 9] = [
    Table::Meta,
    Table::Definitions,
    Table::Snapshots,
    Table::Bookings,
    Table::Holds,
    Table::People,
    Table::Commands,
    Table::Readers,
    Table::Register,
];

impl Table {
    /// Its name on disk.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Meta => "meta",
            Self::Definitions => "definitions",
            Self::Snapshots => "snapshots",
            Self::Bookings => "bookings",
            Self::Holds => "holds",
            Self::People => "people",
            Self::Commands => "commands",
            Self::Readers => "readers",
            Self::Register => "register",
        }
    }

    /// Whether its rows begin with the instant at which they run out, in milliseconds since the
    /// epoch as eight little-endian bytes. The store may drop a row from then on.
    #[must_use]
    pub const fn runs_out(self) -> bool {
        matches!(self, Self::Bookings | Self::Commands)
    }
}

/// Whether a row of `table` has run out by `millis`. One too short for an instant never does.
fn has_run_out(table: Table, value: &[u8], millis: i64) -> bool {
    let runs_out = |first: &[u8; 8]| i64::from_le_bytes(*first) <= millis;
    table.runs_out() && value.first_chunk().is_some_and(runs_out)
}

/// A change of one row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mutation {
    /// Where.
    pub table: Table,
    /// The key.
    pub key: Vec<u8>,
    /// The value; none to remove the row.
    pub value: Option<Vec<u8>>,
}

/// A key and its value.
pub type Row = (Vec<u8>, Vec<u8>);

/// Why the store failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the store failed: {0}")]
pub struct StoreError(pub String);

/// A store for what is derived from the journal.
pub trait Store: Send + Sync + 'static {
    /// The value of a key.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the medium fails.
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// Rows in the order of their keys, from `from` on while they begin with `prefix`, at most
    /// `limit`.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the medium fails.
    fn scan(
        &self,
        table: Table,
        prefix: &[u8],
        from: &[u8],
        limit: usize,
    ) -> Result<Vec<Row>, StoreError>;

    /// Changes rows, all or none, in the order given. A crash may undo it, and with it
    /// everything that was written after it.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the medium fails. No later write succeeds: it would leave a hole.
    fn write(&self, batch: Vec<Mutation>) -> Result<(), StoreError>;

    /// Removes everything. No crash brings any of it back.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the medium fails.
    fn clear(&self) -> Result<(), StoreError>;

    /// Tells the engine's time, by which rows run out: those that have are no longer shown. It
    /// never goes back.
    fn tell_time(&self, millis: i64);
}

/// Rows of a table that [`for_each_row`] reads at once.
const SCAN_ROWS: usize = 4_096;

/// Calls `each` with every row of a table, in the order of their keys.
pub(crate) fn for_each_row(
    store: &dyn Store,
    table: Table,
    each: impl FnMut(&[u8], &[u8]) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    for_each_row_of(store, table, &[], each)
}

/// The same for the rows whose keys begin with `prefix`.
pub(crate) fn for_each_row_of(
    store: &dyn Store,
    table: Table,
    prefix: &[u8],
    mut each: impl FnMut(&[u8], &[u8]) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let mut from = prefix.to_vec();
    loop {
        let rows = store.scan(table, prefix, &from, SCAN_ROWS)?;
        for (key, value) in &rows {
            each(key, value)?;
        }
        match rows.into_iter().nth(SCAN_ROWS - 1) {
            Some((mut key, _)) => {
                key.push(0);
                from = key;
            }
            None => return Ok(()),
        }
    }
}

/// A journal and a store that were opened to be looked at, and changed by nobody.
pub struct Inspection {
    /// The journal, as far as it can be read.
    pub journal: Arc<dyn JournalReader>,
    /// The store; none where there is none, or one that the next start builds anew.
    pub store: Option<Arc<dyn Store>>,
    /// The last sequence that was marked as acknowledged; none where the mark is lost.
    pub marked: Option<Sequence>,
    /// What was seen to be damaged on the way, one sentence each.
    pub damage: Vec<String>,
}

/// An opened journal and store.
pub struct Storage {
    /// The journal.
    pub journal: Box<dyn Journal>,
    /// The store.
    pub store: Arc<dyn Store>,
    /// The last sequence that was marked as acknowledged before this opening. A journal that
    /// ends before it has lost something.
    pub marked: Sequence,
}

/// Why a directory could not be opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The directory cannot be used.
    #[error("failed to use {path}: {why}")]
    Directory {
        /// The directory.
        path: String,
        /// What the system said.
        why: String,
    },
    /// The journal is damaged, and what is left of it lacks acknowledged entries.
    #[error("the journal in {path} is damaged: {why}")]
    Damaged {
        /// The directory.
        path: String,
        /// What is wrong, and where a copy was put aside.
        why: String,
    },
    /// A write to this directory failed in this process: what the system says of it cannot be
    /// trusted until the process has ended.
    #[error("a write to {path} failed in this process; restart it")]
    FailedBefore {
        /// The directory.
        path: String,
    },
}
