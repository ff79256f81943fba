//! The journal: one synced put for each frame, under its first sequence.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ::rocksdb::{BlockBasedOptions, Cache, ReadOptions, WriteOptions};
use ::rocksdb::{DB, DBCompressionType, DBRawIterator, DBRecoveryMode, ErrorKind};

use super::backup;
use super::directory::Directory;
use super::mark::{self, Keeper};
use super::recover::Recovered;
use super::{KIB, OpenError, Options};
use crate::journal::{
    AppendError, Appending, BackupError, Frame, Journal, JournalReader, ReadError, Sequence, Tail,
};
use crate::storage::memory::tail_of;

/// The database's name in the directory.
pub(super) const NAME: &str = "journal";

/// Bytes of a block. Most frames are larger and get one of their own.
const BLOCK_BYTES: usize = 16 * KIB;

/// How the journal's database is opened.
pub(super) fn options(options: &Options, recovery: DBRecoveryMode) -> ::rocksdb::Options {
    let mut rocks = options.shared();
    rocks.set_wal_recovery_mode(recovery);
    // A log file that is closed, but missing or too short, is noticed.
    rocks.set_track_and_verify_wals_in_manifest(true);
    rocks.set_write_buffer_size(options.journal_buffer_bytes);
    rocks.set_max_write_buffer_number(i32::from(options.journal_buffers));
    // Keys ascend and are never written twice, so files do not overlap, and RocksDB moves a file
    // from level to level by name, as long as both levels are compressed in the same way: no
    // frame is written more than twice, to the log and to its file. Blob files would promise no
    // more, and be one more kind of file under the ground state.
    rocks.set_compression_type(DBCompressionType::Lz4);
    // Files are rewritten after a month otherwise, for deletions that do not occur here.
    rocks.set_ttl(0);
    rocks.set_periodic_compaction_seconds(0);
    let mut table = BlockBasedOptions::default();
    table.set_block_size(BLOCK_BYTES);
    table.set_block_cache(&Cache::new_lru_cache(options.journal_cache_bytes));
    rocks.set_block_based_table_factory(&table);
    rocks
}

/// The writing end.
pub(super) struct RocksJournal {
    /// First, so that the last mark is written before the directory is let go.
    keeper: Keeper,
    reader: Arc<RocksReader>,
    next: Sequence,
    synced: WriteOptions,
    /// How long a write of the mark may take.
    write_timeout: Duration,
}

/// A reading end.
pub(super) struct RocksReader {
    /// Before the directory, so that it is closed when the lock is let go.
    db: DB,
    directory: Arc<Directory>,
    /// Held while a backup is taken.
    backing_up: Mutex<()>,
}

impl RocksJournal {
    pub(super) fn new(
        directory: Arc<Directory>,
        recovered: Recovered,
        options: &Options,
    ) -> Result<Self, OpenError> {
        let Recovered { reader, mark, tail, .. } = recovered;
        let path = directory.path().join(mark::FILE);
        let failing = Arc::clone(&directory);
        let on_failure = move |error| {
            failing.fail(format_args!("the mark: {error}"));
        };
        let keeper = Keeper::start(&path, mark, options.mark_period, on_failure)
            .map_err(|error| directory.refused(format_args!("the mark: {error}")))?;
        let mut synced = WriteOptions::default();
        synced.set_sync(true);
        let next = tail.sequence + 1;
        let write_timeout = options.write_timeout;
        Ok(Self { keeper, reader: Arc::new(reader), next, synced, write_timeout })
    }

    fn append_now(&mut self, expected: Sequence, frame: &[u8]) -> Result<(), AppendError> {
        let directory = &self.reader.directory;
        directory.check().map_err(AppendError::Unknown)?;
        // What would be acknowledged from now on, a damaged disk could take without a trace.
        if self.keeper.hangs(self.write_timeout) {
            return Err(AppendError::Unknown(directory.fail("the mark: a write hangs")));
        }
        let parsed =
            Frame::parse(frame).map_err(|error| AppendError::Unknown(directory.fail(error)))?;
        if self.next != expected || parsed.first() != expected {
            return Err(AppendError::Fenced { expected, next: self.next });
        }
        self.reader
            .db
            .put_opt(expected.to_be_bytes(), frame, &self.synced)
            .map_err(|error| AppendError::Unknown(directory.fail(error)))?;
        self.next = parsed.last() + 1;
        Ok(())
    }
}

impl Journal for RocksJournal {
    fn append<'a>(&'a mut self, expected: Sequence, frame: &'a [u8]) -> Appending<'a> {
        Box::pin(std::future::ready(self.append_now(expected, frame)))
    }

    fn mark(&mut self, durable: Sequence) {
        self.keeper.tell(durable);
    }

    fn reader(&self) -> Arc<dyn JournalReader> {
        Arc::clone(&self.reader) as Arc<dyn JournalReader>
    }

    fn blocks(&self) -> bool {
        true
    }
}

impl RocksReader {
    pub(super) fn new(directory: Arc<Directory>, db: DB) -> Self {
        Self { db, directory, backing_up: Mutex::new(()) }
    }

    /// The database as it is at this instant, whatever is appended meanwhile.
    pub(super) fn iterate(&self) -> DBRawIterator<'_> {
        let mut options = ReadOptions::default();
        options.fill_cache(false);
        options.set_auto_readahead_size(true);
        self.db.raw_iterator_opt(options)
    }

    #[cfg(test)]
    pub(super) fn into_db(self) -> DB {
        self.db
    }
}

impl JournalReader for RocksReader {
    fn read(&self, from: Sequence, bytes_max: usize) -> Result<Vec<Vec<u8>>, ReadError> {
        let mut iterator = self.iterate();
        iterator.seek_for_prev(from.to_be_bytes());
        check(&iterator, from)?;
        // A frame that cannot be parsed is given as it is: its reader will say so.
        let holds = |bytes| Frame::parse(bytes).map_or(true, |frame| from <= frame.last());
        match iterator.value().map(holds) {
            Some(true) => {}
            Some(false) => iterator.next(),
            None => iterator.seek_to_first(),
        }
        let mut bytes = 0;
        let mut frames = Vec::new();
        while let Some(frame) = iterator.value() {
            if !frames.is_empty() && bytes_max < bytes + frame.len() {
                break;
            }
            bytes += frame.len();
            frames.push(frame.to_vec());
            iterator.next();
        }
        // What precedes a place that cannot be read is given; who reads on from there is told.
        if frames.is_empty() {
            check(&iterator, from)?;
        }
        Ok(frames)
    }

    fn tail(&self) -> Result<Tail, ReadError> {
        let mut iterator = self.iterate();
        iterator.seek_to_last();
        check(&iterator, 0)?;
        tail_of(iterator.value())
    }

    fn back_up(&self, to: &Path) -> Result<Sequence, BackupError> {
        backup::back_up(&self.db, &self.directory, &self.backing_up, to)
    }

    fn give_up(&self) {
        self.directory.fail("a write hangs");
    }
}

/// An iterator that has ended may have failed.
pub(super) fn check(iterator: &DBRawIterator<'_>, at: Sequence) -> Result<(), ReadError> {
    iterator.status().map_err(|error| match error.kind() {
        ErrorKind::Corruption => ReadError::Damaged { at, what: error.to_string() },
        _ => ReadError::Failed(error.to_string()),
    })
}

#[cfg(test)]
mod tests {
    use ::rocksdb::statistics::Ticker;

    use super::*;
    use crate::journal::frame;

    fn fresh(rocks: &::rocksdb::Options, root: &Path) -> RocksJournal {
        let directory = Arc::new(Directory::take(root).unwrap());
        let db = DB::open(rocks, root.join(NAME)).unwrap();
        let mark = mark::Slot::default().next(0);
        mark::create(&root.join(mark::FILE), mark).unwrap();
        let reader = RocksReader::new(Arc::clone(&directory), db);
        let recovered = Recovered { reader, tail: Tail::default(), mark, cut: false };
        RocksJournal::new(directory, recovered, &Options::default()).unwrap()
    }

    /// A mark that hangs says less and less of what was acknowledged: no more is.
    #[test]
    fn no_append_succeeds_while_the_mark_hangs() {
        let root = tempfile::tempdir().unwrap();
        let rocks =
            super::options(&Options::default(), DBRecoveryMode::TolerateCorruptedTailRecords);
        let mut journal = fresh(&rocks, root.path());
        let frame = frame::build(1, [0; 32], &[b"entry"]);
        let now = mark::now();
        journal.keeper.write_since(now.checked_sub(Duration::from_secs(9)).unwrap());
        journal.append_now(1, &frame).unwrap();
        journal.keeper.write_since(now.checked_sub(Duration::from_secs(11)).unwrap());
        let frame = frame::build(2, frame::hash(&frame), &[b"entry"]);
        for _ in 0..2 {
            let refused = journal.append_now(2, &frame);
            assert!(matches!(&refused, Err(AppendError::Unknown(why)) if why.contains("the mark")));
        }
    }

    /// No killed process shows it: what was written and not synced survives until the power fails.
    #[test]
    fn each_append_is_synced() {
        let root = tempfile::tempdir().unwrap();
        let mut rocks =
            super::options(&Options::default(), DBRecoveryMode::TolerateCorruptedTailRecords);
        rocks.enable_statistics();
        let mut journal = fresh(&rocks, root.path());
        for first in 1..=20 {
            let before = rocks.get_ticker_count(Ticker::WalFileSynced);
            let frame = frame::build(first, [0; 32], &[b"entry"]);
            journal.append_now(first, &frame).unwrap();
            assert_eq!(rocks.get_ticker_count(Ticker::WalFileSynced), before + 1);
        }
    }
}
