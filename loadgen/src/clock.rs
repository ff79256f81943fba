//! The generator's own time: a monotonic one to measure by, and the wall clock to compare with the
//! instants that a server answers.

use std::time::{Duration, Instant};

use creneau::Timestamp;

/// Microseconds since a rehearsal began.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    origin: Instant,
}

impl Clock {
    /// A clock that shows 0 now.
    pub(crate) fn start() -> Self {
        #[expect(clippy::disallowed_methods, reason = "this is the module that reads the clock")]
        let origin = Instant::now();
        Self { origin }
    }

    /// Microseconds since the start.
    pub(crate) fn us(&self) -> u64 {
        u64::try_from(self.origin.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// Nanoseconds since the start.
    pub(crate) fn ns(&self) -> u64 {
        u64::try_from(self.origin.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// Blocks the thread until the clock shows `us`. The timers of tokio have a grain of a
    /// millisecond, which would be seen in every latency.
    pub(crate) fn block_until(&self, us: u64) {
        let left = Duration::from_micros(us).saturating_sub(self.origin.elapsed());
        if !left.is_zero() {
            #[expect(clippy::disallowed_methods, reason = "a thread of its own paces arrivals")]
            std::thread::sleep(left);
        }
    }

    /// Blocks the thread for a while.
    #[cfg(feature = "faults")]
    pub(crate) fn block_for(&self, time: Duration) {
        let us = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        self.block_until(self.us().saturating_add(us));
    }
}

/// What the machine's wall clock shows.
pub(crate) fn wall() -> Timestamp {
    jiff::Timestamp::now().into()
}

/// Waits for a number of milliseconds.
pub(crate) async fn pause(ms: u64) {
    tokio::time::sleep(Duration::from_millis(ms)).await;
}
