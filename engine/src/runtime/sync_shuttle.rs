//! What `shuttle` runs in place of std and tokio.
//!
//! Locks and atomics are shuttle's own. Tokio's channels stay: each operation of theirs is taken
//! for one step, before which another task may go on. That is what they promise; what is searched
//! here is the engine's use of them. Tasks are shuttle's, and time stands still until a model moves
//! it: see [`held`](crate::time::held).

use std::ops::{Deref, DerefMut};
use std::time::Duration;

pub(crate) use shuttle::future::{spawn, yield_now};
pub(crate) use shuttle::sync::atomic::{
    AtomicBool, AtomicI64, AtomicU32, AtomicU64, AtomicUsize, Ordering,
};
pub(crate) use shuttle::sync::{Mutex, MutexGuard, RwLock, RwLock as ReadMostly};
pub(crate) use tokio::select;

pub(crate) use crate::time::held::{point, sleep};

/// Something shared, each use of which is a step.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pointed<T>(T);

impl<T> Deref for Pointed<T> {
    type Target = T;

    fn deref(&self) -> &T {
        point();
        &self.0
    }
}

impl<T> DerefMut for Pointed<T> {
    fn deref_mut(&mut self) -> &mut T {
        point();
        &mut self.0
    }
}

pub(crate) type Notify = Pointed<tokio::sync::Notify>;

impl Notify {
    pub(crate) fn new() -> Self {
        Self::default()
    }
}

pub(crate) type AsyncMutex<T> = Pointed<tokio::sync::Mutex<T>>;

impl<T> AsyncMutex<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(tokio::sync::Mutex::new(value))
    }
}

pub(crate) mod watch {
    use super::Pointed;

    pub(crate) type Sender<T> = Pointed<tokio::sync::watch::Sender<T>>;
    pub(crate) type Receiver<T> = Pointed<tokio::sync::watch::Receiver<T>>;

    impl<T> Sender<T> {
        pub(crate) fn new(value: T) -> Self {
            Self(tokio::sync::watch::Sender::new(value))
        }

        pub(crate) fn subscribe(&self) -> Receiver<T> {
            Pointed((**self).subscribe())
        }
    }

    pub(crate) fn channel<T>(value: T) -> (Sender<T>, Receiver<T>) {
        let (sender, receiver) = tokio::sync::watch::channel(value);
        (Pointed(sender), Pointed(receiver))
    }
}

pub(crate) mod oneshot {
    use super::Pointed;

    pub(crate) use tokio::sync::oneshot::{Receiver, error};

    pub(crate) type Sender<T> = Pointed<tokio::sync::oneshot::Sender<T>>;

    impl<T> Sender<T> {
        pub(crate) fn send(self, value: T) -> Result<(), T> {
            super::point();
            self.0.send(value)
        }
    }

    pub(crate) fn channel<T>() -> (Sender<T>, Receiver<T>) {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        (Pointed(sender), receiver)
    }
}

/// Waits without end: whoever would wait for ever is found by shuttle, and hidden by a time-out.
pub(crate) async fn timeout<T>(
    _within: Duration,
    work: impl Future<Output = T>,
) -> Result<T, std::convert::Infallible> {
    Ok(work.await)
}
