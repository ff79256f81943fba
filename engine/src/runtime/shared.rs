//! What every part of a running engine has in common.

use std::sync::Arc;

use super::admission::Admission;
use super::claims::Claims;
use super::commit::{CommitQueue, Fault};
use super::deadlines::Deadlines;
use super::following::Following;
use super::index::Index;
use super::reservation::guard_key;
use super::sync::{AtomicBool, AtomicU64, Ordering};
use crate::booking::Guard;
use crate::config::Config;
use crate::error::Error;
use crate::ids::{CalendarId, HoldId, PersonId, RandomBits};
use crate::journal::JournalReader;
use crate::metrics::Meters;
use crate::time::{Clock, Timestamp};

/// The parts of a running engine that others lean on.
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) clock: Clock,
    pub(crate) random: Arc<dyn RandomBits>,
    pub(crate) queue: Arc<CommitQueue>,
    pub(crate) index: Arc<Index>,
    pub(crate) reader: Arc<dyn JournalReader>,
    pub(crate) admission: Arc<Admission>,
    /// Calendars that are being created.
    pub(crate) creation: Arc<Admission>,
    /// Set once no new request is taken.
    pub(crate) closing: AtomicBool,
    /// Who keeps which person guard.
    pub(crate) guards: Arc<Claims>,
    /// Which named commands are under way.
    pub(crate) commands: Arc<Claims>,
    pub(crate) deadlines: Deadlines,
    /// Whether the storage blocks its thread.
    pub(crate) blocks: bool,
    pub(crate) generations: AtomicU64,
    /// Who reads what happens.
    pub(crate) following: Following,
    /// What is counted for whoever watches.
    pub(crate) meters: Arc<Meters>,
}

impl Shared {
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// A number for a slot table, never given out twice.
    pub(crate) fn next_generation(&self) -> u64 {
        self.generations.fetch_add(1, Ordering::Relaxed)
    }

    /// Whether anything can be acknowledged.
    pub(crate) fn check(&self) -> Result<(), Error> {
        match self.queue.progress().stopped {
            Some(Fault::Closed) => Err(Error::Closed),
            Some(_) => Err(Error::Failed),
            None if self.closing.load(Ordering::Acquire) => Err(Error::Closed),
            None => Ok(()),
        }
    }

    /// Gives back the guards that a hold kept.
    pub(crate) fn release_guards(
        &self,
        guards: &[Guard],
        calendar: CalendarId,
        person: &PersonId,
        hold: HoldId,
    ) {
        for guard in guards {
            self.guards.release(guard_key(guard, calendar, person), hold);
        }
    }
}
