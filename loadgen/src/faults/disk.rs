//! Files and names in memory, and which of them would survive a power loss.
//!
//! Each file has its bytes as a reader sees them and as they are durable, and between them the
//! changes since its last sync. Each folder has its names in the same two ways; the changes of all
//! folders stand in one row, in the order in which they were made.
//!
//! A sync of a file makes its bytes and its length durable, and **not** its name. A sync of a
//! folder makes its names durable, and what those rest on: a name that was moved between two
//! folders is never durable in one alone.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A file or a folder, by a number that is never given out again.
pub(crate) type Node = u64;

/// The folder in which all others are.
pub(crate) const ROOT: Node = 1;

/// Bytes of a page: what a disk writes behind by itself, it writes in pages.
pub(super) const PAGE: usize = 4_096;

/// Why something was not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    Missing,
    Exists,
    NotEmpty,
    NotFolder,
    IsFolder,
    Full,
    /// The medium failed.
    Broken,
    Unsupported,
}

/// A change of a file's bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Write { at: usize, bytes: Vec<u8> },
    Resize { len: usize },
}

/// The bytes of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Bytes {
    pub(super) live: Vec<u8>,
    pub(super) durable: Vec<u8>,
    /// Since the last sync, each with its place in the order of all changes of the disk.
    pub(super) changes: Vec<(u64, Change)>,
}

/// The names in a folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Folder {
    pub(super) live: BTreeMap<OsString, Node>,
    pub(super) durable: BTreeMap<OsString, Node>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Content {
    File(Bytes),
    Folder(Folder),
}

/// A change of names. A rename is one change, whatever it replaces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NameChange {
    pub(super) order: u64,
    /// What is there no longer.
    pub(super) removed: Option<(Node, OsString)>,
    /// What is there now.
    pub(super) added: Option<(Node, OsString, Node)>,
}

impl NameChange {
    /// The folders that it changes.
    pub(super) fn folders(&self) -> impl Iterator<Item = Node> {
        let removed = self.removed.as_ref().map(|(folder, _)| *folder);
        removed.into_iter().chain(self.added.as_ref().map(|(folder, ..)| *folder))
    }
}

/// A file, as it is chosen from all that there are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) node: Node,
    pub(crate) path: PathBuf,
    pub(crate) len: usize,
}

/// What there is to know of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Facts {
    pub(crate) folder: bool,
    pub(crate) len: u64,
    pub(crate) names: u32,
}

/// A disk. A clone is a copy of all that is on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Disk {
    pub(super) nodes: BTreeMap<Node, Content>,
    /// Changes of names that are not durable, in their order.
    pub(super) names: Vec<NameChange>,
    pub(super) order: u64,
    next: Node,
}

impl Default for Disk {
    fn default() -> Self {
        let root = Content::Folder(Folder::default());
        let nodes = BTreeMap::from([(ROOT, root)]);
        Self { nodes, names: Vec::new(), order: 0, next: ROOT + 1 }
    }
}

/// Changes bytes.
pub(super) fn apply(bytes: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Resize { len } => bytes.resize(*len, 0),
        Change::Write { at, bytes: new } => {
            let end = at.saturating_add(new.len());
            if bytes.len() < end {
                bytes.resize(end, 0);
            }
            if let Some(old) = bytes.get_mut(*at..end) {
                old.copy_from_slice(new);
            }
        }
    }
}

impl Disk {
    fn folder(&self, node: Node) -> Result<&Folder, Refused> {
        match self.nodes.get(&node) {
            Some(Content::Folder(folder)) => Ok(folder),
            Some(Content::File(_)) => Err(Refused::NotFolder),
            None => Err(Refused::Missing),
        }
    }

    pub(super) fn folder_mut(&mut self, node: Node) -> Option<&mut Folder> {
        match self.nodes.get_mut(&node) {
            Some(Content::Folder(folder)) => Some(folder),
            _ => None,
        }
    }

    fn file(&self, node: Node) -> Result<&Bytes, Refused> {
        match self.nodes.get(&node) {
            Some(Content::File(bytes)) => Ok(bytes),
            Some(Content::Folder(_)) => Err(Refused::IsFolder),
            None => Err(Refused::Missing),
        }
    }

    fn file_mut(&mut self, node: Node) -> Result<&mut Bytes, Refused> {
        match self.nodes.get_mut(&node) {
            Some(Content::File(bytes)) => Ok(bytes),
            Some(Content::Folder(_)) => Err(Refused::IsFolder),
            None => Err(Refused::Missing),
        }
    }

    /// The node under a name.
    pub(crate) fn look_up(&self, folder: Node, name: &OsStr) -> Result<Node, Refused> {
        self.folder(folder)?.live.get(name).copied().ok_or(Refused::Missing)
    }

    pub(crate) fn facts(&self, node: Node) -> Result<Facts, Refused> {
        match self.nodes.get(&node).ok_or(Refused::Missing)? {
            Content::Folder(_) => Ok(Facts { folder: true, len: 0, names: 2 }),
            Content::File(bytes) => {
                let folders = self.nodes.values().filter_map(|content| match content {
                    Content::Folder(folder) => Some(folder),
                    Content::File(_) => None,
                });
                let names = folders.flat_map(|it| it.live.values()).filter(|it| **it == node);
                let names = u32::try_from(names.count()).unwrap_or(u32::MAX);
                Ok(Facts { folder: false, len: bytes.live.len() as u64, names })
            }
        }
    }

    /// The names in a folder.
    pub(crate) fn list(&self, folder: Node) -> Result<Vec<(OsString, Node, bool)>, Refused> {
        let live = &self.folder(folder)?.live;
        let is_folder = |node| matches!(self.nodes.get(node), Some(Content::Folder(_)));
        Ok(live.iter().map(|(name, node)| (name.clone(), *node, is_folder(node))).collect())
    }

    fn change_names(
        &mut self,
        removed: Option<(Node, OsString)>,
        added: Option<(Node, OsString, Node)>,
    ) {
        self.order += 1;
        let change = NameChange { order: self.order, removed, added };
        self.apply_names(&change, |folder| &mut folder.live);
        self.names.push(change);
    }

    pub(super) fn apply_names(
        &mut self,
        change: &NameChange,
        which: impl Fn(&mut Folder) -> &mut BTreeMap<OsString, Node>,
    ) {
        if let Some((folder, name)) = &change.removed
            && let Some(folder) = self.folder_mut(*folder)
        {
            which(folder).remove(name);
        }
        if let Some((folder, name, node)) = &change.added
            && let Some(folder) = self.folder_mut(*folder)
        {
            which(folder).insert(name.clone(), *node);
        }
    }

    /// Makes a file or a folder.
    pub(crate) fn create(
        &mut self,
        folder: Node,
        name: &OsStr,
        is_folder: bool,
    ) -> Result<Node, Refused> {
        if self.folder(folder)?.live.contains_key(name) {
            return Err(Refused::Exists);
        }
        let node = self.next;
        self.next += 1;
        let content = if is_folder {
            Content::Folder(Folder::default())
        } else {
            Content::File(Bytes::default())
        };
        self.nodes.insert(node, content);
        self.change_names(None, Some((folder, name.to_owned(), node)));
        Ok(node)
    }

    /// Gives a file another name beside those that it has.
    pub(crate) fn link(&mut self, node: Node, folder: Node, name: &OsStr) -> Result<(), Refused> {
        self.file(node)?;
        if self.folder(folder)?.live.contains_key(name) {
            return Err(Refused::Exists);
        }
        self.change_names(None, Some((folder, name.to_owned(), node)));
        Ok(())
    }

    /// Takes a name away. Who has the file open goes on with it.
    pub(crate) fn remove(
        &mut self,
        folder: Node,
        name: &OsStr,
        is_folder: bool,
    ) -> Result<(), Refused> {
        let node = self.look_up(folder, name)?;
        match (self.nodes.get(&node), is_folder) {
            (Some(Content::Folder(inner)), true) if !inner.live.is_empty() => {
                return Err(Refused::NotEmpty);
            }
            (Some(Content::Folder(_)), false) => return Err(Refused::IsFolder),
            (Some(Content::File(_)), true) => return Err(Refused::NotFolder),
            _ => {}
        }
        self.change_names(Some((folder, name.to_owned())), None);
        Ok(())
    }

    /// Moves a name, over another one if need be.
    pub(crate) fn rename(
        &mut self,
        (from, name): (Node, &OsStr),
        (to, new): (Node, &OsStr),
        replace: bool,
    ) -> Result<(), Refused> {
        let node = self.look_up(from, name)?;
        match self.folder(to)?.live.get(new) {
            Some(there) if *there == node => return Ok(()),
            Some(_) if !replace => return Err(Refused::Exists),
            Some(there) => match (self.nodes.get(&node), self.nodes.get(there)) {
                (Some(Content::Folder(_)), Some(Content::Folder(inner)))
                    if !inner.live.is_empty() =>
                {
                    return Err(Refused::NotEmpty);
                }
                (Some(Content::Folder(_)), Some(Content::File(_))) => {
                    return Err(Refused::NotFolder);
                }
                (Some(Content::File(_)), Some(Content::Folder(_))) => {
                    return Err(Refused::IsFolder);
                }
                _ => {}
            },
            None => {}
        }
        let (removed, added) = ((from, name.to_owned()), (to, new.to_owned(), node));
        self.change_names(Some(removed), Some(added));
        Ok(())
    }

    /// Bytes of a file; fewer than asked for at its end.
    pub(crate) fn read(&self, node: Node, at: usize, len: usize) -> Result<Vec<u8>, Refused> {
        let live = &self.file(node)?.live;
        let end = at.saturating_add(len).min(live.len());
        Ok(live.get(at..end).unwrap_or_default().to_vec())
    }

    fn change(&mut self, node: Node, change: Change) -> Result<(), Refused> {
        self.order += 1;
        let order = self.order;
        let file = self.file_mut(node)?;
        apply(&mut file.live, &change);
        file.changes.push((order, change));
        Ok(())
    }

    pub(crate) fn write(&mut self, node: Node, at: usize, bytes: &[u8]) -> Result<(), Refused> {
        self.change(node, Change::Write { at, bytes: bytes.to_vec() })
    }

    pub(crate) fn resize(&mut self, node: Node, len: usize) -> Result<(), Refused> {
        if self.file(node)?.live.len() == len {
            return Ok(());
        }
        self.change(node, Change::Resize { len })
    }

    /// Makes a file's bytes and its length durable, or a folder's names.
    pub(crate) fn sync(&mut self, node: Node) -> Result<(), Refused> {
        match self.nodes.get_mut(&node).ok_or(Refused::Missing)? {
            Content::File(Bytes { durable, changes, .. }) => {
                for (_, change) in changes.drain(..) {
                    apply(durable, &change);
                }
            }
            Content::Folder(_) => self.sync_names(node),
        }
        Ok(())
    }

    /// Takes changes for durable that are not: what systems do with what they failed to write.
    /// Readers see them, and later syncs succeed without them.
    pub(crate) fn fail_sync(&mut self, node: Node) {
        if let Ok(file) = self.file_mut(node) {
            file.changes.clear();
        }
    }

    fn sync_names(&mut self, folder: Node) {
        // From the last to the first: what a change rests on comes before it.
        let mut needed = BTreeSet::from([folder]);
        let (mut stay, mut go) = (Vec::new(), Vec::new());
        for change in std::mem::take(&mut self.names).into_iter().rev() {
            if change.folders().any(|folder| needed.contains(&folder)) {
                needed.extend(change.folders());
                go.push(change);
            } else {
                stay.push(change);
            }
        }
        for change in go.iter().rev() {
            self.apply_names(change, |folder| &mut folder.durable);
        }
        stay.reverse();
        self.names = stay;
    }

    /// Forgets nodes that no name leads to any more; nobody may have one open.
    pub(super) fn sweep(&mut self) {
        let mut named = BTreeSet::from([ROOT]);
        for content in self.nodes.values() {
            if let Content::Folder(folder) = content {
                named.extend(folder.live.values().chain(folder.durable.values()));
            }
        }
        named.extend(self.names.iter().filter_map(|it| it.added.as_ref()).map(|(.., node)| *node));
        self.nodes.retain(|node, _| named.contains(node));
    }

    /// All files by their paths.
    pub(crate) fn files(&self) -> Vec<Found> {
        let mut found = Vec::new();
        self.walk(ROOT, Path::new(""), &mut |path, node, content| {
            if let Content::File(bytes) = content {
                let len = bytes.live.len();
                found.push(Found { node, path: path.to_owned(), len });
            }
        });
        found
    }

    /// A path that leads to a node.
    pub(super) fn path_of(&self, wanted: Node) -> Option<PathBuf> {
        let mut found = None;
        self.walk(ROOT, Path::new(""), &mut |path, node, _| {
            if node == wanted {
                found = Some(path.to_owned());
            }
        });
        found
    }

    fn walk(&self, folder: Node, at: &Path, each: &mut dyn FnMut(&Path, Node, &Content)) {
        let Ok(inner) = self.folder(folder) else { return };
        for (name, node) in &inner.live {
            let (path, Some(content)) = (at.join(name), self.nodes.get(node)) else { continue };
            each(&path, *node, content);
            if let Content::Folder(_) = content {
                self.walk(*node, &path, each);
            }
        }
    }

    /// Turns bits of one byte, on the medium and for its readers.
    pub(crate) fn flip(&mut self, node: Node, at: usize, mask: u8) {
        if let Ok(file) = self.file_mut(node) {
            for bytes in [&mut file.live, &mut file.durable] {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= mask;
                }
            }
        }
    }

    /// Writes all of it to a folder of a real disk, to be looked into.
    pub(crate) fn copy_to(&self, folder: &Path) -> io::Result<()> {
        fs::create_dir_all(folder)?;
        let mut done = Ok(());
        self.walk(ROOT, folder, &mut |path, _, content| {
            let copied = match content {
                Content::Folder(_) => fs::create_dir_all(path),
                Content::File(bytes) => fs::write(path, &bytes.live),
            };
            if done.is_ok() {
                done = copied;
            }
        });
        done
    }
}
