//! The rows of the readers of the change feed, held against the journal.
//!
//! What a reader makes of an event is its own affair, and tested beside it. Here the question is
//! whether the rows in the store are those of the entries up to their position, no more and no
//! less: the same fold is done again from the first entry on.

use std::sync::Arc;

use super::report::{FaultKind, Faults};
use crate::journal::{Entry, Sequence};
use crate::readers::{self, Rows};
use crate::storage::memory::MemoryStore;
use crate::storage::{Store, StoreError, Table, for_each_row};

/// Rows that have changed after which they are put in their place.
const CHANGED_MAX: usize = 65_536;

/// The readers' rows as they should be.
pub(super) struct Followed<'a> {
    store: Option<&'a dyn Store>,
    /// How far the rows of the store have come; none where there is nothing to compare.
    wanted: Option<Sequence>,
    rows: Option<Rows>,
    made: Arc<MemoryStore>,
}

impl<'a> Followed<'a> {
    pub(super) fn new(store: Option<&'a dyn Store>) -> Self {
        let position = store.and_then(|store| Rows::position_in(store).ok().flatten());
        let made = Arc::new(MemoryStore::default());
        let rows = Rows::open(made.clone()).ok();
        Self { store, wanted: position.map(|position| position.sequence), rows, made }
    }

    pub(super) fn take(&mut self, sequence: Sequence, entry: &Entry) {
        let (Some(wanted), Some(rows)) = (self.wanted, &mut self.rows) else { return };
        if wanted < sequence {
            return;
        }
        let mut taken = readers::take_in(rows, sequence, &entry.events);
        if CHANGED_MAX < rows.changed() {
            taken = taken.and_then(|()| rows.write());
        }
        if taken.is_err() {
            self.wanted = None;
        }
    }

    /// Entries are missing: what follows from them cannot be known.
    pub(super) fn gap(&mut self) {
        self.wanted = None;
    }

    /// Compares, where the journal could be read up to `last`.
    pub(super) fn finish(mut self, faults: &mut Faults, last: Sequence) {
        let (Some(store), Some(wanted), Some(mut rows)) =
            (self.store, self.wanted, self.rows.take())
        else {
            return;
        };
        if last < wanted {
            let what = format!("readers have come to {wanted}, but the journal ends at {last}");
            return faults.add(FaultKind::Lost, last + 1, what);
        }
        let compared = rows.write().and_then(|()| compare(store, &*self.made, faults));
        if let Err(error) = compared {
            faults.add(FaultKind::Damaged, None, error.to_string());
        }
    }
}

fn compare(store: &dyn Store, made: &dyn Store, faults: &mut Faults) -> Result<(), StoreError> {
    for_each_row(store, Table::Readers, |key, value| {
        match made.get(Table::Readers, key)? {
            Some(right) if right == value => {}
            Some(_) => {
                let what = format!("a row of readers is not what the journal makes it: {key:02x?}");
                faults.add(FaultKind::Orphan, None, what);
            }
            None => {
                let what = format!("a row of readers stands for nothing: {key:02x?}");
                faults.add(FaultKind::Orphan, None, what);
            }
        }
        Ok(())
    })?;
    for_each_row(made, Table::Readers, |key, _| {
        if store.get(Table::Readers, key)?.is_none() {
            let what = format!("a row of readers is not there: {key:02x?}");
            faults.add(FaultKind::Orphan, None, what);
        }
        Ok(())
    })
}
