//! Who gives way when all places for connections are taken.
//!
//! A place is held by a connection, and most connections wait: for their client's next request, for
//! the rest of a header or a body, or for the client to take an answer. Whoever opens as many as
//! there are places and sends nothing would keep everybody else out. So a newcomer who finds no
//! place gets that of the connection that has waited longest for its client.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

/// Connections that are asked to leave at once, so that a flood of newcomers does not have all
/// guests looked at for each of them.
const LEAVING_MAX: usize = 256;

/// All connections that have a place.
#[derive(Default)]
pub(super) struct Crowd {
    guests: Mutex<HashMap<u64, Arc<Guest>>>,
    next: AtomicU64,
    looked: Mutex<Option<Instant>>,
}

/// What is known of one connection.
pub(super) struct Guest {
    /// How often it has begun and ended to be served: odd while it is.
    turns: AtomicU64,
    origin: Instant,
    /// Milliseconds from the origin, and one more, since which it waits for its client; 0 while
    /// the client waits for the server.
    waits_since: AtomicU64,
    leave: Notify,
}

/// A guest who is in the crowd until this is dropped.
pub(super) struct Seat {
    crowd: Arc<Crowd>,
    number: u64,
    pub(super) guest: Arc<Guest>,
}

/// A request that is being served.
pub(super) struct Turn(Arc<Guest>);

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.turns.fetch_add(1, Ordering::AcqRel);
        self.0.waits();
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.crowd.lock().remove(&self.number);
    }
}

impl Crowd {
    /// Somebody who has a place, and waits for the client.
    pub(super) fn seat(self: &Arc<Self>) -> Seat {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let guest = Arc::new(Guest::new());
        self.lock().insert(number, guest.clone());
        Seat { crowd: self.clone(), number, guest }
    }

    /// Asks those to leave who have waited longest for their clients, and at least `patience`.
    /// Who is being served by then stays. Looks at them once in `pause`, however often it is asked.
    pub(super) fn make_room(&self, patience: Duration, pause: Duration) {
        {
            let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
            if looked.is_some_and(|looked| looked.elapsed() < pause) {
                return;
            }
            *looked = Some(Instant::now());
        }
        let mut waiting: Vec<(Duration, Arc<Guest>)> = {
            let guests = self.lock();
            let waits = |guest: &Arc<Guest>| guest.waited().map(|waited| (waited, guest.clone()));
            guests.values().filter_map(waits).filter(|(waited, _)| patience <= *waited).collect()
        };
        if LEAVING_MAX < waiting.len() {
            waiting
                .select_nth_unstable_by_key(LEAVING_MAX, |(waited, _)| std::cmp::Reverse(*waited));
            waiting.truncate(LEAVING_MAX);
        }
        waiting.iter().for_each(|(_, guest)| guest.leave.notify_one());
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Arc<Guest>>> {
        self.guests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Guest {
    fn new() -> Self {
        let guest = Self {
            turns: AtomicU64::new(0),
            origin: Instant::now(),
            waits_since: AtomicU64::new(0),
            leave: Notify::new(),
        };
        guest.waits();
        guest
    }

    /// A request has arrived; it is served until the guard is dropped.
    pub(super) fn begin(self: &Arc<Self>) -> Turn {
        self.turns.fetch_add(1, Ordering::AcqRel);
        self.serves();
        Turn(self.clone())
    }

    /// How often a request has begun or ended to be served.
    pub(super) fn turns(&self) -> u64 {
        self.turns.load(Ordering::Acquire)
    }

    /// From now on the client is waited for.
    pub(super) fn waits(&self) {
        let now = u64::try_from(self.origin.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.waits_since.store(now.saturating_add(1), Ordering::Release);
    }

    /// From now on the client waits.
    pub(super) fn serves(&self) {
        self.waits_since.store(0, Ordering::Release);
    }

    /// The client has taken something of an answer.
    pub(super) fn progressed(&self) {
        if self.waits_since.load(Ordering::Acquire) != 0 {
            self.waits();
        }
    }

    /// For how long the client has been waited for, if it is.
    fn waited(&self) -> Option<Duration> {
        let since = self.waits_since.load(Ordering::Acquire).checked_sub(1)?;
        Some(self.origin.elapsed().saturating_sub(Duration::from_millis(since)))
    }

    /// Ready once the guest was asked to leave and still waits for its client. To be polled in the
    /// task that serves the connection, after the connection: then no request is overlooked.
    pub(super) async fn leaves(&self, patience: Duration) {
        loop {
            self.leave.notified().await;
            if self.waited().is_some_and(|waited| patience <= waited) {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn who_has_waited_longest_gives_way_and_who_is_served_stays() {
        let crowd = Arc::new(Crowd::default());
        let served = crowd.seat();
        let turn = served.guest.begin();
        let old: Vec<Seat> = (0..LEAVING_MAX).map(|_| crowd.seat()).collect();
        tokio::time::advance(SECOND).await;
        let young: Vec<Seat> = (0..3).map(|_| crowd.seat()).collect();
        tokio::time::advance(SECOND).await;
        let fresh = crowd.seat();
        let leaves = async |seat: &Seat| {
            tokio::time::timeout(Duration::ZERO, seat.guest.leaves(SECOND)).await.is_ok()
        };

        crowd.make_room(SECOND, Duration::ZERO);
        for seat in &old {
            assert!(leaves(seat).await);
        }
        for seat in young.iter().chain([&served, &fresh]) {
            assert!(!leaves(seat).await);
        }
        drop(old);
        crowd.make_room(SECOND, Duration::ZERO);
        // Asked, but a request came in between; and one that took something of its answer.
        let turn_of_young = young[0].guest.begin();
        young[1].guest.progressed();
        assert!(!leaves(&young[0]).await && !leaves(&young[1]).await);
        assert!(leaves(&young[2]).await);
        drop((turn_of_young, turn));
        tokio::time::advance(SECOND).await;
        crowd.make_room(SECOND, Duration::ZERO);
        assert!(leaves(&served).await, "it waits for its client again");
        assert_eq!(crowd.lock().len(), 5);
    }
}
