//! When to look after which calendar: one index of deadlines for all of them, awake or not.
//!
//! It is a hint. A hold ends by the event that its calendar journals; losing the whole index
//! would only delay that until someone asks.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::PoisonError;

use super::sync::{self, Mutex, Notify};
use crate::ids::CalendarId;
use crate::planted::{self, Bug};
use crate::time::{Clock, Timestamp};

/// Milliseconds that deadlines are rounded up to, so that a calendar stands once for many holds.
const BUCKET_MS: i64 = 100;

/// Calendars by the instant at which a hold of theirs ends.
#[derive(Debug, Default)]
pub(crate) struct Deadlines {
    buckets: Mutex<BTreeMap<i64, BTreeSet<CalendarId>>>,
    earlier: Notify,
}

impl Deadlines {
    fn with<T>(&self, work: impl FnOnce(&mut BTreeMap<i64, BTreeSet<CalendarId>>) -> T) -> T {
        work(&mut self.buckets.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Looks after `calendar` at `deadline` or soon after.
    pub(crate) fn add(&self, deadline: Timestamp, calendar: CalendarId) {
        let bucket = deadline.millis().div_euclid(BUCKET_MS) + 1;
        let is_first = self.with(|buckets| {
            buckets.entry(bucket).or_default().insert(calendar);
            buckets.first_key_value().is_some_and(|(first, _)| *first == bucket)
        });
        if is_first && !planted::is(Bug::WakeUpLostAtDeadline) {
            self.earlier.notify_one();
        }
    }

    /// Takes the calendars whose time has come at `now`.
    fn take_due(&self, now: Timestamp) -> BTreeSet<CalendarId> {
        let bucket = now.millis().div_euclid(BUCKET_MS);
        self.with(|buckets| {
            let later = buckets.split_off(&(bucket + 1));
            std::mem::replace(buckets, later).into_values().flatten().collect()
        })
    }

    fn next(&self) -> Option<Timestamp> {
        self.with(|buckets| buckets.first_key_value().map(|(bucket, _)| *bucket))
            .map(|bucket| Timestamp::from_millis(bucket.saturating_mul(BUCKET_MS)))
    }

    /// Waits until the time of some calendars has come.
    pub(crate) async fn due(&self, clock: &Clock) -> BTreeSet<CalendarId> {
        loop {
            let due = self.take_due(clock.now());
            if !due.is_empty() {
                return due;
            }
            match self.next() {
                None => self.earlier.notified().await,
                Some(next) => {
                    let wait = clock.until(next);
                    // In order, so that a simulation repeats itself.
                    sync::select! {
                        biased;
                        () = self.earlier.notified() => {}
                        () = sync::sleep(wait) => {}
                    }
                }
            }
        }
    }
}
