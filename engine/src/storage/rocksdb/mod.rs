//! A journal and a store on disk, in RocksDB. No other module imports `rocksdb`.
//!
//! ```text
//! directory/
//!   FORMAT      what the rest is; made first
//!   LOCK        one process at a time
//!   mark        up to where the journal was acknowledged
//!   journal/    one RocksDB: the ground state, each frame one synced put
//!   derived/    another: snapshots, indexes, command ids; may be deleted while nobody uses it
//!   journal.before/       the journal as it was found, while it is being opened
//!   journal.damaged-1/    the journal as it was found, if it was damaged
//! ```
//!
//! The two databases are apart so that the store's rows, which nobody waits for, stand neither
//! before nor behind a commit in a log.
//!
//! # After a crash
//!
//! RocksDB's default recovery stops at the first damaged record of its log and silently forgets
//! all that follow, acknowledged or not; its strictest refuses after any ordinary crash. So the
//! journal is opened so that only a torn tail is forgiven, and, where that fails for corruption,
//! up to the first damage. In both cases what was opened must pass three tests, or the answer is
//! [`OpenError::Damaged`] and the journal, as it was found, is kept:
//!
//! - it reaches as far as the mark, up to which it was acknowledged;
//! - its log holds no frame that was begun after the next one: one append at a time;
//! - its last frames continue one another.
//!
//! The mark is behind by up to [`Options::mark_period`]. What was acknowledged within it, and
//! then lost by the disk together with all that was written after it, goes unnoticed.
//!
//! # Fail-stop
//!
//! The first failed write, of the journal, the mark or the store, ends all writing: each
//! later append is refused, and so is each later opening in this process.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::{OpenError, Storage};
use crate::journal::Journal;
use crate::limits::MARK_PERIOD_MS;

mod aside;
mod backup;
mod directory;
mod inspect;
mod journal;
mod log;
mod mark;
mod recover;
mod store;

use directory::Directory;
use journal::RocksJournal;
use store::RocksStore;

pub use backup::restore;
pub use inspect::inspect;

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

/// How a directory is opened. The defaults suit a server of its own.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// The time between two writes of the high-water mark. Default: 100 ms.
    pub mark_period: Duration,
    /// How long a write of the mark may take before no more is appended. Default: 10 seconds.
    pub write_timeout: Duration,
    /// Bytes of frames that the journal keeps in memory before it writes them to a file of their
    /// own. They are replayed at the next start. Default: 64 MiB.
    pub journal_buffer_bytes: usize,
    /// Such buffers at once, so that commits go on while one is written. Default: 3.
    pub journal_buffers: u8,
    /// Bytes of the journal's cache of blocks. Frames are mostly read once. Default: 16 MiB.
    pub journal_cache_bytes: usize,
    /// Bytes at the journal's end whose chain of hashes is checked at opening: more than was in
    /// memory before, because what comes from older files cannot have a hole. Default: 256 MiB.
    pub verify_bytes: usize,
    /// Bytes of rows that the store keeps in memory, over all its tables. Default: 64 MiB.
    pub store_buffer_bytes: usize,
    /// Bytes of log that the store may have to replay. Default: 256 MiB.
    pub store_log_bytes: usize,
    /// Bytes of the store's cache of blocks. Default: 128 MiB.
    pub store_cache_bytes: usize,
    /// Bits for each key in the filters that spare the store a look at the disk. Default: 10,
    /// which is wrong once in a hundred times.
    pub store_filter_bits: u8,
    /// The time after which rows that have run out are gone from the disk too, whatever the
    /// traffic. Default: a day.
    pub store_sweep: Duration,
    /// Files that each of the two databases keeps open. Default: 512.
    pub open_files: u16,
    /// Threads with which each of the two databases works behind. Default: 2.
    pub background_jobs: u8,
    /// Bytes of RocksDB's own log file, of which two are kept. Default: 1 MiB.
    pub info_log_bytes: usize,
    /// Copies of a damaged journal that are kept; with so many, no recovery is tried any more, so
    /// that a server that is restarted in a loop does not fill the disk. Default: 4.
    pub copies_max: u8,
    /// Serves what is left of a journal although acknowledged entries are lost, and sets the mark
    /// back. For an operator who has looked at the damage, and for one start. Default: no.
    pub accept_loss: bool,
    /// How to reach who has the directory, in one line: another process reads it in `LOCK`, as
    /// [`contact`] does. Default: nothing.
    pub contact: Option<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            mark_period: Duration::from_millis(MARK_PERIOD_MS),
            write_timeout: Duration::from_secs(10),
            journal_buffer_bytes: 64 * MIB,
            journal_buffers: 3,
            journal_cache_bytes: 16 * MIB,
            verify_bytes: 256 * MIB,
            store_buffer_bytes: 64 * MIB,
            store_log_bytes: 256 * MIB,
            store_cache_bytes: 128 * MIB,
            store_filter_bits: 10,
            store_sweep: Duration::from_hours(24),
            open_files: 512,
            background_jobs: 2,
            info_log_bytes: MIB,
            copies_max: 4,
            accept_loss: false,
            contact: None,
        }
    }
}

impl Options {
    /// What the two databases have in common.
    fn shared(&self) -> ::rocksdb::Options {
        let mut options = ::rocksdb::Options::default();
        options.create_if_missing(true);
        options.set_paranoid_checks(true);
        options.set_max_open_files(i32::from(self.open_files));
        options.set_max_background_jobs(i32::from(self.background_jobs));
        options.set_max_log_file_size(self.info_log_bytes);
        options.set_keep_log_file_num(2);
        options.set_log_level(::rocksdb::LogLevel::Warn);
        // Statistics in the log tell nobody anything.
        options.set_stats_dump_period_sec(0);
        // A record of a reused log file cannot be told from a damaged one.
        options.set_recycle_log_file_num(0);
        options
    }
}

/// Opens the journal and the store in a directory, and creates them in an empty one.
///
/// # Errors
///
/// [`OpenError`]; of a damaged journal, nothing was changed that was not copied before.
pub fn open(path: &Path, options: Options) -> Result<Storage, OpenError> {
    open_taken(Directory::take(path)?, &options)
}

/// As [`open`], but creates nothing where there is no directory of ours.
///
/// # Errors
///
/// [`OpenError`]; of a damaged journal, nothing was changed that was not copied before.
pub fn open_existing(path: &Path, options: &Options) -> Result<Storage, OpenError> {
    open_taken(Directory::take_existing(path)?, options)
}

fn open_taken(directory: Directory, options: &Options) -> Result<Storage, OpenError> {
    let directory = Arc::new(directory);
    if let Some(contact) = &options.contact {
        directory.announce(contact).map_err(|error| directory.refused(error))?;
    }
    let recovered = recover::open(&directory, options)?;
    let store = RocksStore::open(Arc::clone(&directory), options, recovered.cut)?;
    directory::sync_directory(directory.path()).map_err(|error| directory.refused(error))?;
    let marked = recovered.mark.sequence;
    let journal: Box<dyn Journal> = Box::new(RocksJournal::new(directory, recovered, options)?);
    Ok(Storage { journal, store: Arc::new(store), marked })
}

/// How to reach the process that has a directory, if it says so and the directory is there. What
/// it says counts only while the directory is in use.
#[must_use]
pub fn contact(path: &Path) -> Option<String> {
    directory::contact(path).ok().flatten()
}

#[cfg(test)]
mod tests;
