//! What can go wrong that is no business outcome.

use std::time::Duration;

use crate::booking::Rejection;
use crate::journal::{BackupError, ReadError};
use crate::runtime::Fault;
use crate::storage::{OpenError, StoreError};

/// An operating failure. What was asked may be repeated as the variants say.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Too much is under way. Nothing has happened; come back later.
    #[error("too much is under way")]
    Overloaded {
        /// When to come back.
        retry_after: Duration,
    },
    /// The calendar failed twice and was set apart. Other calendars go on.
    #[error("the calendar is not available")]
    CalendarUnavailable,
    /// It may have happened or not. Repeat it with the same command id to find out.
    #[error("the outcome is not known")]
    OutcomeUnknown,
    /// The engine has failed and acknowledges nothing any more. Restart the process.
    #[error("the engine has failed and must be restarted")]
    Failed,
    /// The engine was shut down.
    #[error("the engine was shut down")]
    Closed,
    /// The store of derived rows could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The journal could not be read.
    #[error(transparent)]
    Journal(#[from] ReadError),
    /// The directory could not be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// No backup was taken.
    #[error(transparent)]
    Backup(#[from] BackupError),
    /// The journal ends before what was acknowledged.
    #[error("the journal ends at {tail}, but {marked} was acknowledged")]
    TailLost {
        /// Where the journal ends.
        tail: u64,
        /// What was acknowledged.
        marked: u64,
    },
    /// The wall clock lies far behind the last journaled instant.
    #[error("the clock shows {clock}, but the journal has reached {journal}; set the clock")]
    ClockBehind {
        /// What the wall clock shows.
        clock: crate::Timestamp,
        /// The last instant of the journal.
        journal: crate::Timestamp,
    },
    /// A setting breaks a rule.
    #[error("{field} {rule}")]
    Config {
        /// The setting.
        field: &'static str,
        /// The rule, to be read after the setting's name.
        rule: &'static str,
    },
    /// This machine cannot claim a slot word by one instruction.
    #[error("this processor has no 128-bit compare-and-swap")]
    NotLockFree,
    /// A thread or an actor could not be started.
    #[error("failed to start a part of the engine: {0}")]
    Start(String),
}

/// Milliseconds after which an overloaded caller may come back.
const RETRY_AFTER_MS: u64 = 1_000;

impl Error {
    pub(crate) fn overloaded() -> Self {
        Self::Overloaded { retry_after: Duration::from_millis(RETRY_AFTER_MS) }
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::OutcomeUnknown => Self::OutcomeUnknown,
            Fault::Failed => Self::Failed,
            Fault::Closed => Self::Closed,
        }
    }
}

/// The answer to a request: an outcome or a documented refusal, unless the engine fails.
pub type Answer<T> = Result<Result<T, Rejection>, Error>;
