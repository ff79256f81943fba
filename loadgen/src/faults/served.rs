//! The calls of FUSE, answered from a disk.

use std::ffi::{OsStr, OsString};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use fuser::{
    BsdFileFlags, Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags, Generation,
    INodeNo, LockOwner, OpenFlags, RenameFlags, ReplyAttr, ReplyCreate, ReplyData, ReplyDirectory,
    ReplyEmpty, ReplyEntry, ReplyOpen, ReplyStatfs, ReplyWrite, Request, TimeOrNow, WriteFlags,
};

use super::disk::{Facts, Node, Refused};
use super::mount::{Held, Shared, State};
use super::trouble::SyncVerdict;

/// Names and facts are asked for each time.
const NO_TIME: Duration = Duration::ZERO;

/// Bytes of a block, as they are told.
const BLOCK: u32 = 4_096;

/// Blocks that are told to be free: whether there is space is for the troubles to say.
const FREE_BLOCKS: u64 = 1 << 30;

const KEEP_SIZE: i32 = 1;
const PUNCH_HOLE: i32 = 2;

impl From<Refused> for Errno {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Missing => Self::ENOENT,
            Refused::Exists => Self::EEXIST,
            Refused::NotEmpty => Self::ENOTEMPTY,
            Refused::NotFolder => Self::ENOTDIR,
            Refused::IsFolder => Self::EISDIR,
            Refused::Full => Self::ENOSPC,
            Refused::Broken => Self::EIO,
            Refused::Unsupported => Self::EOPNOTSUPP,
        }
    }
}

fn attributes(node: Node, facts: Facts) -> FileAttr {
    let Facts { folder, len, names } = facts;
    let time = SystemTime::UNIX_EPOCH;
    FileAttr {
        ino: INodeNo(node),
        size: len,
        blocks: len.div_ceil(512),
        atime: time,
        mtime: time,
        ctime: time,
        crtime: time,
        kind: if folder { FileType::Directory } else { FileType::RegularFile },
        perm: if folder { 0o755 } else { 0o644 },
        nlink: names,
        uid: rustix::process::getuid().as_raw(),
        gid: rustix::process::getgid().as_raw(),
        rdev: 0,
        blksize: BLOCK,
        flags: 0,
    }
}

/// What FUSE asks.
pub(super) struct Served(pub(super) Arc<Shared>);

impl Served {
    /// Does one thing, unless the power is gone: then the answer waits.
    fn step<T: Send + 'static>(
        &self,
        act: impl FnOnce(&mut State, u64) -> Result<T, Refused>,
        answer: impl FnOnce(Result<T, Errno>) + Send + 'static,
    ) {
        let now_us = self.0.clock.us();
        let mut state = self.0.lock();
        let done = if state.gone {
            Err(Refused::Broken)
        } else if state.troubles.step(now_us) {
            state.held.push(Held::failure(|error| answer(Err(error))));
            return;
        } else {
            act(&mut state, now_us)
        };
        drop(state);
        answer(done.map_err(Errno::from));
    }

    /// As [`Served::step`], for what changes nothing: it is no step, and dark all the same.
    fn look<T: Send + 'static>(
        &self,
        act: impl FnOnce(&mut State) -> Result<T, Refused>,
        answer: impl FnOnce(Result<T, Errno>) + Send + 'static,
    ) {
        let mut state = self.0.lock();
        let done = if state.gone {
            Err(Refused::Broken)
        } else if state.troubles.happened.dark_at.is_some() {
            state.held.push(Held::failure(|error| answer(Err(error))));
            return;
        } else {
            act(&mut state)
        };
        drop(state);
        answer(done.map_err(Errno::from));
    }

    fn sync(&self, node: Node, reply: ReplyEmpty) {
        let answer = |done: Result<(), Errno>| match done {
            Ok(()) => reply.ok(),
            Err(error) => reply.error(error),
        };
        let now_us = self.0.clock.us();
        let mut state = self.0.lock();
        if state.gone {
            drop(state);
            return answer(Err(Errno::EIO));
        }
        if state.troubles.step(now_us) {
            state.held.push(Held::failure(|error| answer(Err(error))));
            return;
        }
        if state.lies {
            state.disk.fail_sync(node);
            drop(state);
            return answer(Ok(()));
        }
        let State { disk, troubles, held, .. } = &mut *state;
        match troubles.judge_sync(disk, node, now_us) {
            SyncVerdict::Hangs => {
                held.push(Held { sync: Some(node), answer: Box::new(answer) });
            }
            SyncVerdict::Fails => {
                disk.fail_sync(node);
                drop(state);
                answer(Err(Errno::EIO));
            }
            SyncVerdict::Done if troubles.slow_ms == 0 => {
                let done = disk.sync(node);
                drop(state);
                answer(done.map_err(Errno::from));
            }
            SyncVerdict::Done => {
                let wait = Duration::from_millis(troubles.slow_ms);
                drop(state);
                let shared = self.0.clone();
                std::thread::spawn(move || {
                    shared.clock.block_for(wait);
                    late_sync(&shared, node, Box::new(answer));
                });
            }
        }
    }
}

/// Ends a slow sync, unless the power went meanwhile.
fn late_sync(shared: &Shared, node: Node, answer: Box<dyn FnOnce(Result<(), Errno>) + Send>) {
    let mut state = shared.lock();
    if state.gone {
        drop(state);
        return answer(Err(Errno::EIO));
    }
    if state.troubles.happened.dark_at.is_some() {
        state.held.push(Held::failure(|error| answer(Err(error))));
        return;
    }
    let done = state.disk.sync(node);
    drop(state);
    answer(done.map_err(Errno::from));
}

fn offset(at: u64) -> Result<usize, Refused> {
    usize::try_from(at).map_err(|_| Refused::Unsupported)
}

fn make(state: &mut State, parent: Node, name: &OsStr, folder: bool) -> Result<FileAttr, Refused> {
    if state.troubles.space == Some(0) {
        return Err(Refused::Full);
    }
    let node = state.disk.create(parent, name, folder)?;
    Ok(attributes(node, state.disk.facts(node)?))
}

fn write(
    state: &mut State,
    node: Node,
    at: u64,
    bytes: &[u8],
    now_us: u64,
) -> Result<u32, Refused> {
    let len = state.disk.facts(node)?.len;
    let end = at.saturating_add(bytes.len() as u64);
    // What is there already takes no more room.
    let grows = end.saturating_sub(len.max(at));
    let State { disk, troubles, .. } = state;
    let granted = troubles.take_space(disk, node, grows, now_us);
    let keep = (bytes.len() as u64).saturating_sub(grows - granted);
    if keep == 0 && !bytes.is_empty() {
        return Err(Refused::Full);
    }
    let kept = bytes.get(..offset(keep)?).unwrap_or(bytes);
    disk.write(node, offset(at)?, kept)?;
    u32::try_from(keep).map_err(|_| Refused::Unsupported)
}

fn allocate(
    state: &mut State,
    node: Node,
    (at, len, mode): (u64, u64, i32),
) -> Result<(), Refused> {
    let there = state.disk.facts(node)?.len;
    let end = at.saturating_add(len);
    if mode & PUNCH_HOLE != 0 {
        let until = end.min(there);
        let zeros = vec![0; offset(until.saturating_sub(at))?];
        return state.disk.write(node, offset(at)?, &zeros);
    }
    if mode & !KEEP_SIZE != 0 {
        return Err(Refused::Unsupported);
    }
    // Room is promised here and taken by the writes.
    if state.troubles.space.is_some_and(|space| space < end.saturating_sub(there)) {
        return Err(Refused::Full);
    }
    if mode & KEEP_SIZE == 0 && there < end {
        state.disk.resize(node, offset(end)?)?;
    }
    Ok(())
}

macro_rules! answered {
    ($reply:ident, $done:pat => $ok:expr) => {
        move |done| match done {
            Ok($done) => $ok,
            Err(error) => $reply.error(error),
        }
    };
}

impl Filesystem for Served {
    fn lookup(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let act = |state: &mut State| {
            let node = state.disk.look_up(parent.0, name)?;
            Ok(attributes(node, state.disk.facts(node)?))
        };
        self.look(act, answered!(reply, it => reply.entry(&NO_TIME, &it, Generation(0))));
    }

    fn getattr(&self, _: &Request, node: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        let act = |state: &mut State| Ok(attributes(node.0, state.disk.facts(node.0)?));
        self.look(act, answered!(reply, it => reply.attr(&NO_TIME, &it)));
    }

    fn setattr(
        &self,
        _: &Request,
        node: INodeNo,
        _: Option<u32>,
        _: Option<u32>,
        _: Option<u32>,
        size: Option<u64>,
        _: Option<TimeOrNow>,
        _: Option<TimeOrNow>,
        _: Option<SystemTime>,
        _: Option<FileHandle>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        let act = |state: &mut State, _| {
            if let Some(size) = size {
                state.disk.resize(node.0, offset(size)?)?;
            }
            Ok(attributes(node.0, state.disk.facts(node.0)?))
        };
        self.step(act, answered!(reply, it => reply.attr(&NO_TIME, &it)));
    }

    fn mkdir(&self, _: &Request, parent: INodeNo, name: &OsStr, _: u32, _: u32, reply: ReplyEntry) {
        let act = |state: &mut State, _| make(state, parent.0, name, true);
        self.step(act, answered!(reply, it => reply.entry(&NO_TIME, &it, Generation(0))));
    }

    fn create(
        &self,
        _: &Request,
        parent: INodeNo,
        name: &OsStr,
        _: u32,
        _: u32,
        _: i32,
        reply: ReplyCreate,
    ) {
        let act = |state: &mut State, _| make(state, parent.0, name, false);
        let answer = answered!(reply, it =>
            reply.created(&NO_TIME, &it, Generation(0), FileHandle(0), uncached()));
        self.step(act, answer);
    }

    fn unlink(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        let act = |state: &mut State, _| state.disk.remove(parent.0, name, false);
        self.step(act, answered!(reply, () => reply.ok()));
    }

    fn rmdir(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        let act = |state: &mut State, _| state.disk.remove(parent.0, name, true);
        self.step(act, answered!(reply, () => reply.ok()));
    }

    fn rename(
        &self,
        _: &Request,
        parent: INodeNo,
        name: &OsStr,
        to: INodeNo,
        new: &OsStr,
        flags: RenameFlags,
        reply: ReplyEmpty,
    ) {
        let act = |state: &mut State, _| {
            if !RenameFlags::RENAME_NOREPLACE.contains(flags) {
                return Err(Refused::Unsupported);
            }
            let replace = flags.is_empty();
            state.disk.rename((parent.0, name), (to.0, new), replace)
        };
        self.step(act, answered!(reply, () => reply.ok()));
    }

    fn link(&self, _: &Request, node: INodeNo, to: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let act = |state: &mut State, _| {
            state.disk.link(node.0, to.0, name)?;
            Ok(attributes(node.0, state.disk.facts(node.0)?))
        };
        self.step(act, answered!(reply, it => reply.entry(&NO_TIME, &it, Generation(0))));
    }

    fn open(&self, _: &Request, _: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        self.look(|_| Ok(()), answered!(reply, () => reply.opened(FileHandle(0), uncached())));
    }

    fn read(
        &self,
        _: &Request,
        node: INodeNo,
        _: FileHandle,
        at: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let act = |state: &mut State| {
            let (at, size) = (offset(at)?, offset(u64::from(size))?);
            let mut bytes = state.disk.read(node.0, at, size)?;
            state.troubles.read_rotten(node.0, at, &mut bytes);
            Ok(bytes)
        };
        self.look(act, answered!(reply, bytes => reply.data(&bytes)));
    }

    fn write(
        &self,
        _: &Request,
        node: INodeNo,
        _: FileHandle,
        at: u64,
        bytes: &[u8],
        _: WriteFlags,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        let act = |state: &mut State, now_us| write(state, node.0, at, bytes, now_us);
        self.step(act, answered!(reply, written => reply.written(written)));
    }

    fn fallocate(
        &self,
        _: &Request,
        node: INodeNo,
        _: FileHandle,
        at: u64,
        len: u64,
        mode: i32,
        reply: ReplyEmpty,
    ) {
        let act = |state: &mut State, _| allocate(state, node.0, (at, len, mode));
        self.step(act, answered!(reply, () => reply.ok()));
    }

    fn fsync(&self, _: &Request, node: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        self.sync(node.0, reply);
    }

    fn fsyncdir(&self, _: &Request, node: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        self.sync(node.0, reply);
    }

    /// What is listed is what was there when the listing began, so that a name that is removed
    /// meanwhile hides no other.
    fn opendir(&self, _: &Request, node: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        let act = |state: &mut State| {
            let list = state.disk.list(node.0)?;
            let handle = state.next_handle;
            state.next_handle += 1;
            state.folders.insert(handle, list);
            Ok(handle)
        };
        let answer = answered!(reply, it => reply.opened(FileHandle(it), FopenFlags::empty()));
        self.look(act, answer);
    }

    fn readdir(
        &self,
        _: &Request,
        _: INodeNo,
        handle: FileHandle,
        from: u64,
        mut reply: ReplyDirectory,
    ) {
        let act = |state: &mut State| Ok(state.folders.get(&handle.0).cloned().unwrap_or_default());
        let answer = move |listed: Result<Vec<(OsString, Node, bool)>, Errno>| match listed {
            Err(error) => reply.error(error),
            Ok(list) => {
                let from = usize::try_from(from).unwrap_or(usize::MAX);
                for (place, (name, node, folder)) in list.iter().enumerate().skip(from) {
                    let kind = if *folder { FileType::Directory } else { FileType::RegularFile };
                    if reply.add(INodeNo(*node), place as u64 + 1, kind, name) {
                        break;
                    }
                }
                reply.ok();
            }
        };
        self.look(act, answer);
    }

    fn releasedir(
        &self,
        _: &Request,
        _: INodeNo,
        handle: FileHandle,
        _: OpenFlags,
        reply: ReplyEmpty,
    ) {
        self.0.lock().folders.remove(&handle.0);
        reply.ok();
    }

    fn statfs(&self, _: &Request, _: INodeNo, reply: ReplyStatfs) {
        let free = match self.0.lock().troubles.space {
            Some(space) => space / u64::from(BLOCK),
            None => FREE_BLOCKS,
        };
        reply.statfs(FREE_BLOCKS, free, free, 1 << 20, 1 << 20, BLOCK, 255, BLOCK);
    }
}

/// Reads and writes come here each time, and closing says nothing.
fn uncached() -> FopenFlags {
    FopenFlags::FOPEN_DIRECT_IO | FopenFlags::FOPEN_NOFLUSH
}
