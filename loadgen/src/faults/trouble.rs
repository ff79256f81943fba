//! What goes wrong on a disk when it is told to: syncs that fail, hang or are slow, space that
//! runs out, and bytes that rot.

use std::path::Path;

use super::disk::{Disk, Node};

/// The part of a data directory that is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Part {
    Any,
    /// Files of the journal.
    Journal,
    /// The mark.
    Mark,
    /// Files of the derived store.
    Derived,
}

impl Part {
    /// Whether a path, from the root of the disk, belongs to it.
    pub(crate) fn has(self, path: &Path) -> bool {
        let has = |wanted: &str| path.iter().any(|name| name.to_string_lossy().starts_with(wanted));
        match self {
            Self::Any => true,
            Self::Journal => has("journal"),
            Self::Mark => has("mark"),
            Self::Derived => has("derived"),
        }
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Any => "any file",
            Self::Journal => "the journal",
            Self::Mark => "the mark",
            Self::Derived => "the store",
        }
    }
}

/// What becomes of a sync.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SyncFaultKind {
    /// It fails, and what it was to make durable never is.
    Fails,
    /// It gives no answer until it is let go.
    Hangs,
}

/// A sync that goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SyncFault {
    pub(crate) kind: SyncFaultKind,
    pub(crate) of: Part,
    /// Syncs of that part that go well before.
    pub(crate) after: u64,
    /// Whether all later ones go wrong too.
    pub(crate) for_good: bool,
}

/// A byte that is read wrongly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rot {
    pub(crate) node: Node,
    pub(crate) at: usize,
    pub(crate) mask: u8,
}

/// What has gone wrong so far, in microseconds of the disk's clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Happened {
    /// The first sync that went wrong.
    pub(crate) sync_at: Option<u64>,
    /// The first write that found no space, the logs of RocksDB's own doings left out.
    pub(crate) full_at: Option<u64>,
    /// When the power went.
    pub(crate) dark_at: Option<u64>,
    /// Reads that got a rotten byte.
    pub(crate) rotten_reads: u64,
    /// Syncs that went well.
    pub(crate) syncs: u64,
}

/// All that is to go wrong.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Troubles {
    pub(crate) sync: Option<SyncFault>,
    /// Milliseconds that each sync takes.
    pub(crate) slow_ms: u64,
    /// Bytes until the disk is full; no bound without.
    pub(crate) space: Option<u64>,
    pub(crate) rot: Option<Rot>,
    /// Changes and syncs until the power goes.
    pub(crate) dark_after: Option<u64>,
    pub(crate) happened: Happened,
}

/// What a sync comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SyncVerdict {
    Done,
    Fails,
    Hangs,
}

impl Troubles {
    /// Judges a sync of `node`.
    pub(super) fn judge_sync(&mut self, disk: &Disk, node: Node, now_us: u64) -> SyncVerdict {
        let Some(fault) = &mut self.sync else {
            self.happened.syncs += 1;
            return SyncVerdict::Done;
        };
        // A file without a name is of any part alone.
        let path = disk.path_of(node).unwrap_or_default();
        let meant = fault.of.has(&path);
        if !meant || 0 < fault.after {
            fault.after -= u64::from(meant);
            self.happened.syncs += 1;
            return SyncVerdict::Done;
        }
        let kind = fault.kind;
        self.happened.sync_at.get_or_insert(now_us);
        if !fault.for_good {
            self.sync = None;
        }
        match kind {
            SyncFaultKind::Fails => SyncVerdict::Fails,
            SyncFaultKind::Hangs => SyncVerdict::Hangs,
        }
    }

    /// How many of `wanted` more bytes there is room for.
    pub(super) fn take_space(&mut self, disk: &Disk, node: Node, wanted: u64, now_us: u64) -> u64 {
        let Some(space) = &mut self.space else { return wanted };
        let granted = wanted.min(*space);
        *space -= granted;
        if granted < wanted {
            let path = disk.path_of(node).unwrap_or_default();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            // RocksDB writes what it does to LOG, and goes on where that fails.
            if !name.starts_with("LOG") {
                self.happened.full_at.get_or_insert(now_us);
            }
        }
        granted
    }

    /// Whether the power is gone, counting one step.
    pub(super) fn step(&mut self, now_us: u64) -> bool {
        if let Some(left) = &mut self.dark_after {
            match left.checked_sub(1) {
                Some(less) => *left = less,
                None => _ = self.happened.dark_at.get_or_insert(now_us),
            }
        }
        self.happened.dark_at.is_some()
    }

    /// What a reader gets of bytes that begin at `at`.
    pub(super) fn read_rotten(&mut self, node: Node, at: usize, bytes: &mut [u8]) {
        let Some(rot) = self.rot.filter(|rot| rot.node == node) else { return };
        if let Some(byte) = rot.at.checked_sub(at).and_then(|at| bytes.get_mut(at)) {
            *byte ^= rot.mask;
            self.happened.rotten_reads += 1;
        }
    }
}
