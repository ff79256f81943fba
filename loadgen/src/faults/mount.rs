//! A disk under a path, by FUSE.
//!
//! No page is kept by the system: each read, write and sync of the server comes here, so that what
//! it sees after a power loss is what the disk says.

use std::collections::HashMap;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fuser::{BackgroundSession, Config, Errno, MountOption};

use super::disk::{Disk, Node};
use super::served::Served;
use super::trouble::{Happened, Troubles};
use crate::clock::Clock;

/// An answer that waits until the disk is let go.
pub(super) struct Held {
    /// What is to be synced then.
    pub(super) sync: Option<Node>,
    pub(super) answer: Box<dyn FnOnce(Result<(), Errno>) + Send>,
}

impl Held {
    /// One that will be a failure.
    pub(super) fn failure(answer: impl FnOnce(Errno) + Send + 'static) -> Self {
        let answer = move |done: Result<(), Errno>| answer(done.err().unwrap_or(Errno::EIO));
        Self { sync: None, answer: Box::new(answer) }
    }
}

pub(super) struct State {
    pub(super) disk: Disk,
    pub(super) troubles: Troubles,
    /// Nobody may use the disk: what comes fails at once.
    pub(super) gone: bool,
    /// Syncs are answered, and make nothing durable: who looks for losses must find them.
    pub(super) lies: bool,
    pub(super) held: Vec<Held>,
    pub(super) folders: HashMap<u64, Vec<(OsString, Node, bool)>>,
    pub(super) next_handle: u64,
}

pub(super) struct Shared {
    pub(super) state: Mutex<State>,
    pub(super) clock: Clock,
}

impl Shared {
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A disk that is mounted, for as long as this value lives.
pub(crate) struct Mounted {
    shared: Arc<Shared>,
    path: PathBuf,
    session: Option<BackgroundSession>,
}

impl Mounted {
    /// Mounts an empty disk on an empty folder.
    ///
    /// # Errors
    ///
    /// Why that is not possible: there is no FUSE, or this user may not use it.
    pub(crate) fn new(path: &Path, clock: Clock) -> io::Result<Self> {
        let state = State {
            disk: Disk::default(),
            troubles: Troubles::default(),
            gone: false,
            lies: false,
            held: Vec::new(),
            folders: HashMap::new(),
            next_handle: 1,
        };
        let shared = Arc::new(Shared { state: Mutex::new(state), clock });
        let mut config = Config::default();
        config.mount_options =
            vec![MountOption::FSName("creneau-disk".to_owned()), MountOption::NoAtime];
        let session = fuser::spawn_mount(Served(shared.clone()), path, &config)?;
        Ok(Self { shared, path: path.to_owned(), session: Some(session) })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// What is to go wrong from now on, in place of what was; what has happened is forgotten.
    pub(crate) fn trouble(&self, troubles: Troubles) {
        self.shared.lock().troubles = troubles;
    }

    /// From now on syncs are answered and make nothing durable.
    pub(crate) fn lie(&self) {
        self.shared.lock().lies = true;
    }

    /// What has gone wrong.
    pub(crate) fn happened(&self) -> Happened {
        self.shared.lock().troubles.happened
    }

    /// Takes the power away: whatever comes gets no answer.
    pub(crate) fn darken(&self) {
        let now_us = self.shared.clock.us();
        self.shared.lock().troubles.happened.dark_at.get_or_insert(now_us);
    }

    /// Lets go of who waits, with a failure, and fails whoever comes: the process that uses the
    /// disk is being ended. Its last calls must be answered, or it cannot end.
    pub(crate) fn abandon(&self) {
        let held = {
            let mut state = self.shared.lock();
            state.gone = true;
            std::mem::take(&mut state.held)
        };
        held.into_iter().for_each(|held| (held.answer)(Err(Errno::EIO)));
    }

    /// Nothing goes wrong any more: syncs that hung are done, and what came in the dark fails.
    pub(crate) fn release(&self) {
        let mut done = Vec::new();
        {
            let mut state = self.shared.lock();
            state.troubles = Troubles::default();
            for Held { sync, answer } in std::mem::take(&mut state.held) {
                let synced = match sync {
                    Some(node) => state.disk.sync(node).map_err(Errno::from),
                    None => Err(Errno::EIO),
                };
                done.push((answer, synced));
            }
        }
        done.into_iter().for_each(|(answer, synced)| answer(synced));
    }

    /// Whether somebody waits for an answer.
    #[cfg(test)]
    pub(crate) fn is_waited_for(&self) -> bool {
        !self.shared.lock().held.is_empty()
    }

    /// A copy of the disk. Nobody may be using it.
    pub(crate) fn copy(&self) -> Disk {
        self.shared.lock().disk.clone()
    }

    /// Puts a disk in place of the one there, and nothing goes wrong any more. Nobody may be using
    /// it.
    pub(crate) fn insert(&self, disk: Disk) {
        let mut state = self.shared.lock();
        state.disk = disk;
        state.troubles = Troubles::default();
        state.gone = false;
        state.folders.clear();
    }

    /// Changes the disk.
    pub(crate) fn with<T>(&self, change: impl FnOnce(&mut Disk) -> T) -> T {
        change(&mut self.shared.lock().disk)
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        self.abandon();
        if let Some(session) = self.session.take()
            && let Err(error) = session.umount_and_join()
        {
            crate::say::warn(&format!("{} stays mounted: {error}", self.path.display()));
        }
    }
}
