//! How far an engine that is being opened has come, for whoever waits for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::journal::Sequence;

/// Watches an engine that is being opened by
/// [`Engine::open_watched`](crate::Engine::open_watched). Clones watch the same one.
#[derive(Clone, Debug, Default)]
pub struct Opening(Arc<Steps>);

#[derive(Debug, Default)]
struct Steps {
    replaying: AtomicBool,
    replayed: AtomicU64,
    to_replay: AtomicU64,
}

/// What an opening is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpeningStage {
    /// The journal and the store are being opened and checked.
    Storage,
    /// Entries that the store does not have yet are being replayed.
    Replaying {
        /// Entries that were replayed.
        done: u64,
        /// Entries that are to be replayed.
        all: u64,
    },
}

impl Opening {
    /// How far it has come.
    #[must_use]
    pub fn stage(&self) -> OpeningStage {
        if !self.0.replaying.load(Ordering::Acquire) {
            return OpeningStage::Storage;
        }
        let done = self.0.replayed.load(Ordering::Relaxed);
        OpeningStage::Replaying { done, all: self.0.to_replay.load(Ordering::Relaxed) }
    }

    /// The entries after `from` up to `tail` are to be replayed.
    pub(crate) fn will_replay(&self, from: Sequence, tail: Sequence) {
        self.0.to_replay.store(tail.saturating_sub(from), Ordering::Relaxed);
        self.0.replaying.store(true, Ordering::Release);
    }

    /// So many entries were replayed.
    pub(crate) fn replayed(&self, entries: u64) {
        self.0.replayed.store(entries, Ordering::Relaxed);
    }
}
