//! What threads and tasks share: std and tokio, or in a build with `--cfg creneau_shuttle` what
//! stands for them, so that `shuttle` decides who goes on at each of their operations.
//!
//! In every other build this names the real ones and nothing more.

#[cfg(not(creneau_shuttle))]
mod parts {
    pub(crate) use std::sync::atomic::{
        AtomicBool, AtomicI64, AtomicU32, AtomicU64, AtomicUsize, Ordering,
    };
    pub(crate) use std::sync::{Mutex, MutexGuard, RwLock};

    /// What every request reads and few ever write: readers on different cores share no line of the
    /// processor's cache.
    pub(crate) use crossbeam_utils::sync::ShardedLock as ReadMostly;
    pub(crate) use tokio::sync::{Mutex as AsyncMutex, Notify, oneshot, watch};
    pub(crate) use tokio::task::yield_now;
    pub(crate) use tokio::time::{sleep, timeout};
    pub(crate) use tokio::{select, spawn};
}

#[cfg(creneau_shuttle)]
#[path = "sync_shuttle.rs"]
mod parts;

pub(crate) use parts::*;
