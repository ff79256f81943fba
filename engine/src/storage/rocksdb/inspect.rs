//! Looking at a directory without changing what is in it.
//!
//! An ordinary opening recovers: it writes new files, deletes logs, and may end at the first
//! damage. Here RocksDB opens both databases for reading alone, so that they stay to the byte what
//! they were, whatever is wrong with them. Only `LOCK` is written, because nobody else may use the
//! directory meanwhile.

use std::path::Path;
use std::sync::Arc;

use ::rocksdb::{DB, DBRecoveryMode, ErrorKind, InfoLogger, LogLevel};

use super::directory::Directory;
use super::journal::{self, RocksReader, options as journal_options};
use super::log;
use super::mark::{self, Found};
use super::store::RocksStore;
use super::{OpenError, Options};
use crate::journal::{JournalReader, ReadError, Sequence, Tail};
use crate::storage::{Inspection, Store};

/// A journal of which nothing can be read, because it was never begun.
struct NoJournal;

impl JournalReader for NoJournal {
    fn read(&self, _: Sequence, _: usize) -> Result<Vec<Vec<u8>>, ReadError> {
        Ok(Vec::new())
    }

    fn tail(&self) -> Result<Tail, ReadError> {
        Ok(Tail::default())
    }
}

/// Has a database that is only read write no log of its own doing beside the files.
pub(super) fn silent(options: &mut ::rocksdb::Options) {
    options.set_info_logger(InfoLogger::new_callback_logger(LogLevel::Fatal, |_, _| {}));
}

/// Opens a directory to look at it. What is damaged is told in [`Inspection::damage`], and what
/// can still be read of the journal is read past it.
///
/// # Errors
///
/// [`OpenError::Directory`] when the directory is in use, is not ours, or cannot be read at all.
pub fn inspect(path: &Path, options: &Options) -> Result<Inspection, OpenError> {
    match look(path, options) {
        // Nothing of the journal can be read.
        Err(OpenError::Damaged { why, .. }) => {
            let journal = Arc::new(NoJournal);
            Ok(Inspection { journal, store: None, marked: None, damage: vec![why] })
        }
        looked => looked,
    }
}

fn look(path: &Path, options: &Options) -> Result<Inspection, OpenError> {
    let directory = Arc::new(Directory::take_existing(path)?);
    let failed = |error: std::io::Error| directory.refused(error);
    let mut damage = Vec::new();
    let database = directory.path().join(journal::NAME);
    if let Some(endless) = log::endless(&database).map_err(failed)? {
        return Err(directory.damaged(endless.what()));
    }
    let (reader, tail) = match open_journal(&directory, options, &mut damage)? {
        Some(reader) => {
            // A tail that cannot be read shows when the journal is read.
            let tail = reader.tail().ok();
            (Arc::new(reader) as Arc<dyn JournalReader>, tail)
        }
        None => (Arc::new(NoJournal) as Arc<dyn JournalReader>, Some(Tail::default())),
    };
    let marked = match mark::read(&directory.path().join(mark::FILE)).map_err(failed)? {
        Found::Mark(slot) => Some(slot.sequence),
        // It is made before the first frame.
        Found::Missing if tail.is_some_and(|tail| tail.sequence == 0) => Some(0),
        Found::Missing => {
            damage.push("the mark is missing".to_owned());
            None
        }
        Found::Damaged => {
            damage.push("the mark is damaged".to_owned());
            None
        }
    };
    if let Some(Tail { sequence, .. }) = tail {
        // What an opening that was cut short has put aside is what it had found.
        let before = database.with_extension("before");
        let logs = if before.exists() { before } else { database };
        if let Some(beyond) = log::beyond(&logs, sequence).map_err(failed)? {
            damage.push(format!(
                "the journal's log leads to {beyond}, but what can be read of it ends at {sequence}"
            ));
        }
    }
    let store = RocksStore::look_at(&directory, options);
    let store = store.map(|store| Arc::new(store) as Arc<dyn Store>);
    Ok(Inspection { journal: reader, store, marked, damage })
}

/// The journal's database, as far as RocksDB can follow it.
fn open_journal(
    directory: &Arc<Directory>,
    options: &Options,
    damage: &mut Vec<String>,
) -> Result<Option<RocksReader>, OpenError> {
    let database = directory.path().join(journal::NAME);
    if !database.join("CURRENT").exists() {
        let files = std::fs::read_dir(&database).map_or(0, Iterator::count);
        if 0 < files {
            return Err(directory.damaged("the journal's file CURRENT is missing".to_owned()));
        }
        return Ok(None);
    }
    let open = |mode| {
        let mut rocks = journal_options(options, mode);
        silent(&mut rocks);
        DB::open_for_read_only(&rocks, &database, false)
    };
    let db = match open(DBRecoveryMode::TolerateCorruptedTailRecords) {
        Ok(db) => db,
        Err(error) if error.kind() == ErrorKind::Corruption => {
            damage.push(format!("the journal's files: {error}"));
            open(DBRecoveryMode::PointInTime)
                .map_err(|error| directory.damaged(error.to_string()))?
        }
        Err(error) => return Err(directory.refused(error)),
    };
    Ok(Some(RocksReader::new(Arc::clone(directory), db)))
}
