//! Instants of the engine, and the clock that gives them.
//!
//! The pure core never reads a clock: instants reach it as arguments. [`Clock`] is the only place
//! of the engine that asks for the time.

use std::fmt;
use std::time::Duration;

use rkyv::{Archive, Deserialize, Serialize};

#[cfg(creneau_shuttle)]
pub(crate) mod held;

#[cfg(creneau_shuttle)]
pub(crate) use held::Instant;
#[cfg(not(creneau_shuttle))]
pub(crate) use tokio::time::Instant;

/// An instant, in milliseconds since 1970-01-01T00:00:00Z.
///
/// # Example
///
/// ```
/// use creneau::Timestamp;
///
/// let opening: Timestamp = "2027-03-28T09:00:00+02:00".parse().unwrap();
/// assert_eq!(opening.to_string(), "2027-03-28T07:00:00Z");
/// assert_eq!(opening.plus_ms(500).millis() - opening.millis(), 500);
/// ```
#[derive(
    Archive,
    Serialize,
    Deserialize,
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
)]
pub struct Timestamp(i64);

/// 9999-12-30T00:00:00Z: the last instant that RFC 3339 can write in every zone.
const MILLIS_MAX: i64 = 253_402_128_000_000;

impl Timestamp {
    /// The instant `millis` milliseconds after the epoch, kept within 0001 and 9999.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        if millis > MILLIS_MAX {
            Self(MILLIS_MAX)
        } else if millis < -62_135_510_400_000 {
            Self(-62_135_510_400_000)
        } else {
            Self(millis)
        }
    }

    /// Milliseconds since the epoch.
    #[must_use]
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// The instant `ms` milliseconds later.
    #[must_use]
    pub const fn plus_ms(self, ms: i64) -> Self {
        Self::from_millis(self.0.saturating_add(ms))
    }

    /// The instant `minutes` minutes later.
    #[must_use]
    pub const fn plus_minutes(self, minutes: i64) -> Self {
        self.plus_ms(minutes.saturating_mul(60_000))
    }

    /// The same instant for `jiff`.
    #[must_use]
    pub fn to_jiff(self) -> jiff::Timestamp {
        // `from_millis` keeps the value within what jiff can hold.
        jiff::Timestamp::from_millisecond(self.0).unwrap_or(jiff::Timestamp::MAX)
    }
}

impl From<jiff::Timestamp> for Timestamp {
    /// Rounds down to the millisecond.
    fn from(instant: jiff::Timestamp) -> Self {
        let millis = instant.as_millisecond();
        let below = i64::from(instant.as_nanosecond() < i128::from(millis) * 1_000_000);
        Self::from_millis(millis - below)
    }
}

impl std::str::FromStr for Timestamp {
    type Err = jiff::Error;

    /// Reads an RFC 3339 instant, with an offset or `Z`.
    fn from_str(text: &str) -> Result<Self, jiff::Error> {
        text.parse::<jiff::Timestamp>().map(Self::from)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_jiff().fmt(f)
    }
}

/// Where the wall clock is read: the machine's, or a simulated one.
pub trait WallClock: Send + Sync + 'static {
    /// The wall clock's instant. It may jump; the engine reads it at start and to report jumps.
    fn now(&self) -> Timestamp;
}

/// The machine's wall clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemWallClock;

impl WallClock for SystemWallClock {
    fn now(&self) -> Timestamp {
        jiff::Timestamp::now().into()
    }
}

/// Engine time: it starts at the later of the wall clock and the last journaled instant, and runs
/// on by the monotonic clock.
///
/// It reads tokio's monotonic clock, which a simulation can hold and move.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: Timestamp,
    origin: Instant,
}

impl Clock {
    /// A clock that shows `start` now.
    #[must_use]
    pub fn starting_at(start: Timestamp) -> Self {
        Self { start, origin: Instant::now() }
    }

    /// The instant that counts. It never decreases.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        let elapsed = self.origin.elapsed().as_millis();
        self.start.plus_ms(i64::try_from(elapsed).unwrap_or(i64::MAX))
    }

    /// How long to wait from now until this clock shows `instant`; zero when it is past.
    #[must_use]
    pub fn until(&self, instant: Timestamp) -> Duration {
        let ms = instant.millis().saturating_sub(self.now().millis());
        Duration::from_millis(u64::try_from(ms).unwrap_or(0))
    }
}
