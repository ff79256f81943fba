//! Time that stands still until it is moved: for models under `shuttle`, which run all their
//! threads on one. Each model starts it anew.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::task::{Poll, Waker};
use std::time::Duration;

use shuttle::sync::atomic::{AtomicBool, Ordering};

thread_local! {
    static NOW: Cell<Duration> = const { Cell::new(Duration::ZERO) };
    static SLEEPERS: RefCell<Vec<(Duration, Waker)>> = const { RefCell::new(Vec::new()) };
}

/// A step before which another task may go on.
pub(crate) fn point() {
    if !std::thread::panicking() {
        // Any operation of shuttle's is one.
        AtomicBool::new(false).load(Ordering::SeqCst);
    }
}

/// As tokio's.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Instant(Duration);

impl Instant {
    pub(crate) fn now() -> Self {
        point();
        Self(NOW.get())
    }

    pub(crate) fn elapsed(self) -> Duration {
        Self::now().saturating_duration_since(self)
    }

    pub(crate) fn saturating_duration_since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

/// Before a model: nothing is left of the one before.
pub(crate) fn start() {
    NOW.set(Duration::ZERO);
    SLEEPERS.take();
}

/// Lets time go on at once by `by`, and wakes who slept until then.
pub(crate) fn advance(by: Duration) {
    point();
    let now = NOW.get() + by;
    NOW.set(now);
    let (due, later) = SLEEPERS.take().into_iter().partition(|(until, _)| *until <= now);
    SLEEPERS.set(later);
    due.into_iter().for_each(|(_, waker): (_, Waker)| waker.wake());
}

/// As tokio's.
pub(crate) async fn sleep(time: Duration) {
    let until = NOW.get() + time;
    poll_fn(|context| {
        point();
        if until <= NOW.get() {
            return Poll::Ready(());
        }
        SLEEPERS.with_borrow_mut(|sleepers| sleepers.push((until, context.waker().clone())));
        Poll::Pending
    })
    .await;
}
