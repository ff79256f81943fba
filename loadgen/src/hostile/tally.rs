//! What became of hostile connections.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

/// What became of a connection, or of one thing that was sent on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It was answered with a status.
    Answered(u16),
    /// The server ended the connection without a word.
    Closed,
    /// There was no connection, or it was reset.
    Broken,
    /// Nothing came in the time that the client waited.
    Silent,
}

/// Counts, while it goes on.
#[derive(Default)]
pub(super) struct Tally(Mutex<Tallied>);

/// What was counted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Tallied {
    pub(crate) sent: u64,
    pub(crate) answered: BTreeMap<u16, u64>,
    pub(crate) closed: u64,
    pub(crate) broken: u64,
    pub(crate) silent: u64,
    /// Answers that no client should be able to bring about: 500 and the like.
    pub(crate) faults: u64,
    /// Milliseconds from the first byte of a slow client to the end of its connection.
    pub(crate) longest_ms: u64,
    /// Connections by the whole seconds that they lived.
    pub(crate) lives: BTreeMap<u64, u64>,
}

impl Tally {
    /// Takes down what became of something.
    pub(super) fn add(&self, fate: Fate) {
        let mut tallied = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tallied.sent += 1;
        match fate {
            Fate::Answered(status) => {
                *tallied.answered.entry(status).or_default() += 1;
                // 503 says that there is too much, or no engine; both are explicit.
                tallied.faults += u64::from(500 <= status && status != 503);
            }
            Fate::Closed => tallied.closed += 1,
            Fate::Broken => tallied.broken += 1,
            Fate::Silent => tallied.silent += 1,
        }
    }

    /// Takes down for how long a connection lived.
    pub(super) fn lived(&self, ms: u64) {
        let mut tallied = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tallied.longest_ms = tallied.longest_ms.max(ms);
        *tallied.lives.entry(ms / 1_000).or_default() += 1;
    }

    pub(super) fn told(&self) -> Tallied {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl fmt::Display for Tallied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sent, answered, closed, broken, silent, longest_ms, lives, .. } = self;
        write!(f, "{sent} sent; answered")?;
        for (status, count) in answered {
            write!(f, " {status}: {count}")?;
        }
        write!(f, "; {closed} closed, {broken} broken, {silent} silent; ")?;
        write!(f, "longest life {longest_ms} ms; lives by whole seconds:")?;
        lives.iter().try_for_each(|(seconds, count)| write!(f, " {seconds}: {count}"))
    }
}
