//! What is known of a server from outside its requests: whether it starts, serves or ends, how its
//! disk stands, and what it has counted.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use creneau::{Engine, Opening};
use tokio::sync::{Semaphore, watch};

use super::limits::Limits;
use super::metrics::{self, Meters};
use super::tls::Tls;

/// What a server is told of the engine that it waits for.
#[derive(Clone, Debug, Default)]
pub struct Watched {
    /// How far the engine has come that is being opened.
    pub opening: Opening,
    /// The directory whose disk is watched; none where nothing is kept on one.
    pub data: Option<PathBuf>,
}

/// Shared by all that look at a server as a whole.
pub(super) struct Watch {
    pub(super) limits: Limits,
    pub(super) opening: Opening,
    /// Set once requests are taken.
    pub(super) engine: OnceLock<Engine>,
    pub(super) disk: Option<Arc<Disk>>,
    pub(super) meters: Meters,
    pub(super) tls: Option<Tls>,
    /// Places for readers of the change feed.
    pub(super) feeds: Arc<Semaphore>,
    ending: watch::Sender<bool>,
}

impl Watch {
    pub(super) fn new(limits: Limits, watched: Watched, tls: Option<Tls>) -> Arc<Self> {
        metrics::start();
        let feeds = limits.feeds_max.clamp(1, Semaphore::MAX_PERMITS);
        Arc::new(Self {
            limits,
            opening: watched.opening,
            engine: OnceLock::new(),
            disk: watched.data.map(|path| Arc::new(Disk::new(path))),
            meters: Meters::new(limits),
            tls,
            feeds: Arc::new(Semaphore::new(feeds)),
            ending: watch::Sender::new(false),
        })
    }

    /// Has `/readyz` say no from now on, and ends the change feeds.
    pub(super) fn end(&self) {
        self.ending.send_replace(true);
    }

    pub(super) fn is_ending(&self) -> bool {
        *self.ending.borrow()
    }

    /// Tells when the end has come.
    pub(super) fn ending(&self) -> watch::Receiver<bool> {
        self.ending.subscribe()
    }

    /// Readers that follow the change feed.
    pub(super) fn feeds_open(&self) -> usize {
        let all = self.limits.feeds_max.clamp(1, Semaphore::MAX_PERMITS);
        all.saturating_sub(self.feeds.available_permits())
    }
}

/// How long a look at a disk may take. One that does not answer must not hold up who asks.
const LOOK_WAIT: Duration = Duration::from_secs(1);

/// A disk, and what was last seen of it.
pub(super) struct Disk {
    path: PathBuf,
    free: AtomicU64,
    size: AtomicU64,
    /// While somebody looks, others take what was seen last: a disk that hangs takes one thread.
    looking: AtomicBool,
}

/// Bytes of a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Space {
    /// What this process may still write.
    pub(super) free: u64,
    pub(super) size: u64,
}

impl Disk {
    fn new(path: PathBuf) -> Self {
        let (free, size) = (AtomicU64::new(u64::MAX), AtomicU64::new(0));
        Self { path, free, size, looking: AtomicBool::new(false) }
    }

    /// What is free now; none where the disk does not tell in time, or was never seen.
    pub(super) async fn look(self: &Arc<Self>) -> Option<Space> {
        if !self.looking.swap(true, Ordering::AcqRel) {
            let disk = self.clone();
            let look = tokio::task::spawn_blocking(move || disk.look_now());
            if tokio::time::timeout(LOOK_WAIT, look).await.is_err() {
                return None;
            }
        }
        let space = Space {
            free: self.free.load(Ordering::Relaxed),
            size: self.size.load(Ordering::Relaxed),
        };
        (space.size != 0).then_some(space)
    }

    fn look_now(&self) {
        match rustix::fs::statvfs(&self.path) {
            Ok(seen) => {
                let bytes = |blocks: u64| blocks.saturating_mul(seen.f_frsize);
                self.free.store(bytes(seen.f_bavail), Ordering::Relaxed);
                self.size.store(bytes(seen.f_blocks), Ordering::Relaxed);
            }
            // It may not be there yet.
            Err(error) => tracing::debug!(%error, "the disk could not be looked at"),
        }
        self.looking.store(false, Ordering::Release);
    }
}
