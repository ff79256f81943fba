//! The journal: an append-only log of entries, and the ground state of the engine.
//!
//! # The contract
//!
//! It is written so that a remote, replicated log can satisfy it too.
//!
//! - A [`Journal`] holds *frames*; a frame holds the *entries* of one group commit; an entry is
//!   what one command wrote, whole or not at all.
//! - Sequences increase strictly from entry to entry. They need not be gapless: readers go by
//!   the sequences that frames carry.
//! - [`Journal::append`] names the sequence that it expects the frame to begin with. When another
//!   writer has been there, the answer is [`AppendError::Fenced`] and nothing was written.
//! - `Ok` means durable: the frame survives the loss of power. Frames become durable in the
//!   order in which they were appended; there is one append at a time.
//! - A frame is found whole after a crash or not at all, whichever byte its writing stopped at.
//! - After [`AppendError::Unknown`] the frame may or may not be there, and stay so; only a fresh
//!   opening of the journal tells. After any error but `Fenced` no append succeeds any more.
//! - [`JournalReader::read`] gives whole frames in order, as they were appended, and may run at
//!   the same time as an append. It may show a frame that is being appended: who needs durable
//!   entries reads no further than the watermark.
//! - Dropping the future of an append leaves its outcome unknown.
//!
//! The suite in `conformance`, behind the feature `testing`, holds every implementation to it.

use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;

mod entries;
pub mod entry;
mod form1;
pub mod frame;

#[cfg(any(test, feature = "testing"))]
pub mod conformance;

pub use entries::Entries;
pub use entry::{Entry, Remembered};
pub use frame::{Frame, FrameError, FrameHash};

/// The position of an entry in the journal. The first has 1; 0 stands before it.
pub type Sequence = u64;

/// A future of a journal's own.
pub type Appending<'a> = Pin<Box<dyn Future<Output = Result<(), AppendError>> + Send + 'a>>;

/// Why an append gave no durable frame.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// Someone else has written: the journal does not continue with the sequence expected.
    #[error("the journal continues with {next}, not with {expected}")]
    Fenced {
        /// What the append expected.
        expected: Sequence,
        /// What the journal continues with.
        next: Sequence,
    },
    /// The frame may be there or not.
    #[error("the outcome of a write is unknown: {0}")]
    Unknown(String),
}

/// Why the journal could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The medium failed.
    #[error("failed to read the journal: {0}")]
    Failed(String),
    /// What is there is not what was written.
    #[error("the journal is damaged at sequence {at}: {what}")]
    Damaged {
        /// The first sequence that is not as it was written.
        at: Sequence,
        /// What is wrong.
        what: String,
    },
}

/// Why a journal was not backed up.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BackupError {
    /// There is nothing on disk.
    #[error("this journal is kept in memory alone, and cannot be backed up")]
    Unsupported,
    /// Nothing was left at the place.
    #[error("failed to back up to {path}: {why}")]
    Failed {
        /// Where to.
        path: String,
        /// What went wrong.
        why: String,
    },
}

/// The last frame of a journal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tail {
    /// The sequence of its last entry; 0 for an empty journal.
    pub sequence: Sequence,
    /// Its hash, with which the next frame begins.
    pub hash: FrameHash,
}

/// The writing end of a journal: one at a time.
pub trait Journal: Send + 'static {
    /// Makes `frame` durable as the continuation of the journal at `expected`.
    ///
    /// # Errors
    ///
    /// See the contract of the module.
    fn append<'a>(&'a mut self, expected: Sequence, frame: &'a [u8]) -> Appending<'a>;

    /// Tells that everything up to `durable` was acknowledged. The journal keeps such a mark on
    /// its own and soon, so that a later opening can tell a torn tail from a lost one.
    fn mark(&mut self, durable: Sequence);

    /// A reading end.
    fn reader(&self) -> Arc<dyn JournalReader>;

    /// Whether [`append`](Self::append) blocks its thread while it waits for the disk.
    fn blocks(&self) -> bool;
}

/// A reading end of a journal.
pub trait JournalReader: Send + Sync + 'static {
    /// Frames in order, from the one that holds `from` or the next after it, until they have
    /// `bytes_max` bytes together; at least one unless the journal ends before `from`.
    ///
    /// # Errors
    ///
    /// [`ReadError`] when the medium fails. Frames are checked by their reader, not here.
    fn read(&self, from: Sequence, bytes_max: usize) -> Result<Vec<Vec<u8>>, ReadError>;

    /// The last frame.
    ///
    /// # Errors
    ///
    /// [`ReadError`] when the medium fails or the last frame is damaged.
    fn tail(&self) -> Result<Tail, ReadError>;

    /// Copies the journal to the directory `to`, in which there must be nothing, while it is being
    /// written: all that was durable before the call is in the copy, which can be opened in its
    /// place. Gives the last sequence of the copy. It blocks.
    ///
    /// # Errors
    ///
    /// [`BackupError`], and no copy.
    fn back_up(&self, _to: &Path) -> Result<Sequence, BackupError> {
        Err(BackupError::Unsupported)
    }

    /// Gives up an append that hangs, which its writing end cannot say: whatever becomes of it, no
    /// later one succeeds, and what is on disk is not opened again in this process. A journal
    /// whose appends cannot hang does nothing.
    fn give_up(&self) {}
}

/// Reads one entry.
///
/// # Errors
///
/// [`ReadError::Damaged`] when it is not there or not as it was written.
pub fn read_entry(reader: &dyn JournalReader, sequence: Sequence) -> Result<Entry, ReadError> {
    let damaged = |what: String| ReadError::Damaged { at: sequence, what };
    let frames = reader.read(sequence, 1)?;
    let bytes = frames.first().ok_or_else(|| damaged("no such entry".to_owned()))?;
    let frame = Frame::parse(bytes).map_err(|error| damaged(error.to_string()))?;
    let payload = frame.entry(sequence).ok_or_else(|| damaged("no such entry".to_owned()))?;
    frame.decode(payload).map_err(|error| damaged(error.to_string()))
}
