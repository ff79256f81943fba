//! The journal as it was found, put aside before RocksDB opens it.
//!
//! An opening that forgives a torn tail deletes the log that it came from, and RocksDB takes more
//! for a torn tail than is one: a flipped bit in the length of a record makes all that follows
//! look like one. So the files get second names first. They cost nothing, because no opening
//! writes to a file that an earlier one has made, and they are removed when all is well.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::directory::{Directory, sync_directory};
use super::journal::NAME;

/// The journal as it was found.
pub(super) struct Aside {
    root: PathBuf,
    path: PathBuf,
    copies_max: u8,
}

impl Aside {
    /// Puts aside what is there. What an earlier opening has put aside, and a crash kept it from
    /// judging, is from before that opening, and stays.
    pub(super) fn make(directory: &Directory, copies_max: u8) -> io::Result<Self> {
        let root = directory.path().to_owned();
        let path = root.join(format!("{NAME}.before"));
        if !path.exists() {
            // Under its name it is whole.
            let partial = root.join(format!("{NAME}.partial"));
            if partial.exists() {
                fs::remove_dir_all(&partial)?;
            }
            fs::create_dir(&partial)?;
            let journal = root.join(NAME);
            if journal.exists() {
                link_files(&journal, &partial)?;
            }
            sync_directory(&partial)?;
            fs::rename(&partial, &path)?;
            sync_directory(&root)?;
        }
        Ok(Self { root, path, copies_max })
    }

    /// A name under which it can be kept, unless there are as many already as there may be.
    pub(super) fn free_name(&self) -> Option<PathBuf> {
        let named = |number| self.root.join(format!("{NAME}.damaged-{number}"));
        (1..=self.copies_max).map(named).find(|path| !path.exists())
    }

    /// Keeps it for whoever looks into the damage, and tells where.
    pub(super) fn keep(&self) -> io::Result<PathBuf> {
        let Some(name) = self.free_name() else { return Ok(self.path.clone()) };
        fs::rename(&self.path, &name)?;
        sync_directory(&self.root)?;
        Ok(name)
    }

    /// Removes it: the journal that was opened has all that is in here.
    pub(super) fn remove(&self) -> io::Result<()> {
        fs::remove_dir_all(&self.path)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

fn link_files(from: &Path, to: &Path) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (from, name) = (entry.path(), entry.file_name());
        let to = to.join(&name);
        let is_log_of_events = name.to_string_lossy().starts_with("LOG");
        if name == "LOCK" || is_log_of_events || fs::hard_link(&from, &to).is_ok() {
            continue;
        }
        fs::copy(&from, &to)?;
        File::open(&to)?.sync_all()?;
    }
    Ok(())
}
