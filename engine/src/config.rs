//! What a host or an operator may set, with units and ranges.

use std::time::Duration;

use crate::booking::Guard;
use crate::error::Error;
use crate::limits::RENEWALS_MAX;

/// Where an engine keeps what it must not forget.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// Nowhere: it is gone with the process.
    Memory,
    /// In a directory of its own, in RocksDB. It is created if need be.
    #[cfg(feature = "rocksdb")]
    Directory(std::path::PathBuf),
}

/// Settings of an engine. Start from [`Config::at`] or [`Config::in_memory`] and change what you
/// need.
///
/// # Example
///
/// ```
/// use std::time::Duration;
///
/// let config = creneau::Config { hold: Duration::from_secs(300), ..creneau::Config::in_memory() };
/// assert!(config.check().is_ok());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Where the journal and what is derived from it are kept.
    pub place: Place,
    /// How long a hold lasts: 1 second to 24 hours, 15 minutes as standard.
    pub hold: Duration,
    /// The person guards that each hold claims, at most 8. As standard one: one live hold per
    /// person and calendar.
    pub guards: Vec<Guard>,
    /// How long an offer to somebody who waits lasts: 1 minute to 7 days, 30 minutes as standard.
    pub answer: Duration,
    /// How often a hold can be renewed: 0 to 10, once as standard.
    pub renewals: u8,
    /// New holds that may be under way in one calendar: 1 to 1,024.
    pub calendar_holds_max: usize,
    /// Requests of all kinds that may be under way in one calendar: more than its holds, at most
    /// 2,048.
    pub calendar_requests_max: usize,
    /// New holds that may be under way in the engine: 1 to 1,000,000.
    pub engine_holds_max: usize,
    /// Requests of all kinds that may be under way in the engine: more than its holds, at most
    /// 2,000,000.
    pub engine_requests_max: usize,
    /// After how long without a request a calendar is put to sleep: 1 second to 1 day.
    pub idle: Duration,
    /// How long a write may take before it counts as failed: 1 to 600 seconds.
    pub write_timeout: Duration,
    /// Entries that a start may have to replay, roughly: 1,000 to 10,000,000.
    pub replay_max: u64,
    /// Derived rows that may wait to be written before requests are refused, and new holds at half
    /// of it: 10,000 to 10,000,000.
    pub behind_max: usize,
    /// How to reach who has the directory, in one line of at most 200 bytes, such as a server's
    /// URL: other processes find it in the directory's `LOCK`. As standard nothing.
    pub contact: Option<String>,
}

impl Config {
    /// The settings that are right unless you know better, with nothing kept on disk.
    #[must_use]
    pub fn in_memory() -> Self {
        Self {
            place: Place::Memory,
            hold: Duration::from_secs(15 * 60),
            guards: vec![Guard::per_calendar()],
            answer: Duration::from_secs(30 * 60),
            renewals: 1,
            calendar_holds_max: 512,
            calendar_requests_max: 1_024,
            engine_holds_max: 32_768,
            engine_requests_max: 65_536,
            idle: Duration::from_secs(300),
            write_timeout: Duration::from_secs(10),
            replay_max: 100_000,
            behind_max: 1_000_000,
            contact: None,
        }
    }

    /// The settings that are right unless you know better, durable in `directory`.
    #[cfg(feature = "rocksdb")]
    #[must_use]
    pub fn at(directory: impl Into<std::path::PathBuf>) -> Self {
        Self { place: Place::Directory(directory.into()), ..Self::in_memory() }
    }

    /// Whether every setting lies within its range.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] with the first setting that does not.
    pub fn check(&self) -> Result<(), Error> {
        let seconds = |from: u64, to: u64| Duration::from_secs(from)..=Duration::from_secs(to);
        let rules = [
            (seconds(1, 86_400).contains(&self.hold), "hold", "must be 1 second to 24 hours"),
            (seconds(60, 604_800).contains(&self.answer), "answer", "must be 1 minute to 7 days"),
            (self.guards.len() <= 8, "guards", "must be at most 8"),
            (self.renewals <= RENEWALS_MAX, "renewals", "must be at most 10"),
            (
                self.guards.iter().all(|guard| (1..=64).contains(&guard.kind.len())),
                "guards",
                "must each have a kind of 1 to 64 bytes",
            ),
            (
                (1..=1_024).contains(&self.calendar_holds_max),
                "calendar_holds_max",
                "must be 1 to 1,024",
            ),
            (
                self.calendar_holds_max < self.calendar_requests_max
                    && self.calendar_requests_max <= 2_048,
                "calendar_requests_max",
                "must be more than calendar_holds_max and at most 2,048",
            ),
            (
                (1..=1_000_000).contains(&self.engine_holds_max),
                "engine_holds_max",
                "must be 1 to 1,000,000",
            ),
            (
                self.engine_holds_max < self.engine_requests_max
                    && self.engine_requests_max <= 2_000_000,
                "engine_requests_max",
                "must be more than engine_holds_max and at most 2,000,000",
            ),
            (seconds(1, 86_400).contains(&self.idle), "idle", "must be 1 second to 1 day"),
            (
                seconds(1, 600).contains(&self.write_timeout),
                "write_timeout",
                "must be 1 to 600 seconds",
            ),
            (
                (1_000..=10_000_000).contains(&self.replay_max),
                "replay_max",
                "must be 1,000 to 10,000,000",
            ),
            (
                (10_000..=10_000_000).contains(&self.behind_max),
                "behind_max",
                "must be 10,000 to 10,000,000",
            ),
            (
                self.contact.as_ref().is_none_or(|it| it.len() <= 200 && !it.contains('\n')),
                "contact",
                "must be one line of at most 200 bytes",
            ),
        ];
        match rules.into_iter().find(|(holds, ..)| !holds) {
            Some((_, field, rule)) => Err(Error::Config { field, rule }),
            None => Ok(()),
        }
    }

    pub(crate) fn hold_ms(&self) -> i64 {
        i64::try_from(self.hold.as_millis()).unwrap_or(i64::MAX)
    }
}
