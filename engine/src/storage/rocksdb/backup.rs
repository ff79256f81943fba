//! A consistent copy of the journal, taken while it is written, and its return.
//!
//! A backup is a directory like any other, with the journal alone in it: what is derived is built
//! from it by the first start. It is made under another name, and gets its own once all of it is
//! whole and synced; so under its name it is never half.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, TryLockError};

use ::rocksdb::checkpoint::Checkpoint;
use ::rocksdb::{DB, DBRecoveryMode};

use super::directory::{self, Directory, create_private, sync_directory, sync_parent};
use super::inspect::silent;
use super::journal::{NAME, options as journal_options};
use super::mark::{self, Slot};
use super::{OpenError, Options};
use crate::journal::{BackupError, Sequence};

/// What a copy is called until it is whole.
const PARTIAL: &str = "partial";

fn failed(path: &Path, why: impl std::fmt::Display) -> BackupError {
    BackupError::Failed { path: path.display().to_string(), why: why.to_string() }
}

/// Copies the journal of `db` to `to`; gives the last sequence that is in the copy.
pub(super) fn back_up(
    db: &DB,
    from: &Directory,
    one: &Mutex<()>,
    to: &Path,
) -> Result<Sequence, BackupError> {
    // One at a time: each has RocksDB keep the files that it copies.
    let _one = match one.try_lock() {
        Ok(one) => one,
        Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
        Err(TryLockError::WouldBlock) => {
            return Err(failed(to, "another backup is under way"));
        }
    };
    from.check().map_err(|why| failed(to, why))?;
    let copy = Copy::begin(to).map_err(|why| failed(to, why))?;
    let outside = copy.to.parent().is_some_and(|parent| !parent.starts_with(from.path()));
    let sequence = if outside {
        checkpoint(db, from, &copy)
    } else {
        Err(io::Error::other("it lies in the directory that it is to be a copy of"))
    };
    copy.end(sequence).map_err(|why| failed(to, why))
}

fn checkpoint(db: &DB, from: &Directory, copy: &Copy) -> io::Result<Sequence> {
    let journal = copy.partial.join(NAME);
    // RocksDB writes what it has in memory to a file first, then links files or copies them.
    let taken = Checkpoint::new(db).and_then(|it| it.create_checkpoint(&journal));
    taken.map_err(io::Error::other)?;
    sync_files(&journal)?;
    let mut rocks =
        journal_options(&Options::default(), DBRecoveryMode::TolerateCorruptedTailRecords);
    silent(&mut rocks);
    let copied = DB::open_for_read_only(&rocks, &journal, false).map_err(io::Error::other)?;
    let end = last(&copied)?;
    drop(copied);
    from.check().map_err(io::Error::other)?;
    // All that is in the copy counts as acknowledged: a copy that ends before it is damaged.
    mark::create(&copy.partial.join(mark::FILE), Slot::default().next(end))?;
    directory::write_format(&copy.partial)?;
    Ok(end)
}

fn last(db: &DB) -> io::Result<Sequence> {
    let mut iterator = db.raw_iterator();
    iterator.seek_to_last();
    iterator.status().map_err(io::Error::other)?;
    let tail = crate::storage::memory::tail_of(iterator.value()).map_err(io::Error::other)?;
    Ok(tail.sequence)
}

/// A copy that is being made.
struct Copy {
    to: PathBuf,
    partial: PathBuf,
}

impl Copy {
    /// Begins a copy that will be at `to`, where there must be nothing, or an empty directory.
    fn begin(to: &Path) -> io::Result<Self> {
        let to = std::path::absolute(to)?;
        match fs::read_dir(&to) {
            Ok(mut entries) => {
                if entries.next().is_some() {
                    return Err(io::Error::other("there is something in it already"));
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let (Some(parent), Some(name)) = (to.parent(), to.file_name()) else {
            return Err(io::Error::other("it is no name for a directory"));
        };
        fs::create_dir_all(parent)?;
        let parent = parent.canonicalize()?;
        let partial = parent.join(format!("{}.{PARTIAL}", name.display()));
        create_private(&partial).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => io::Error::other(format!(
                "{} is there: another copy to here is under way, or was cut short; if it was, \
                 remove that",
                partial.display()
            )),
            _ => error,
        })?;
        Ok(Self { to: parent.join(name), partial })
    }

    /// Gives the copy its name if it is whole, and removes it otherwise.
    fn end<T>(self, done: io::Result<T>) -> io::Result<T> {
        let named = done.and_then(|done| {
            sync_directory(&self.partial)?;
            fs::rename(&self.partial, &self.to)?;
            sync_parent(&self.to)?;
            Ok(done)
        });
        if named.is_err()
            && let Err(error) = fs::remove_dir_all(&self.partial)
        {
            tracing::warn!(path = %self.partial.display(), %error, "a partial copy is left");
        }
        named
    }
}

fn sync_files(directory: &Path) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        File::open(entry?.path())?.sync_all()?;
    }
    sync_directory(directory)
}

/// Copies the backup in `from` to `to`, has `judge` look at the copy, and gives it its name if
/// there is no objection.
///
/// # Errors
///
/// [`OpenError::Directory`] when `from` is no backup or is in use, when there is something in `to`,
/// or when `judge` objects: then nothing is left of the copy.
pub fn restore<T>(
    from: &Path,
    to: &Path,
    judge: impl FnOnce(&Path) -> Result<T, String>,
) -> Result<T, OpenError> {
    let refused =
        |path: &Path, why: String| OpenError::Directory { path: path.display().to_string(), why };
    directory::check_unused(from)?;
    let copy = Copy::begin(to).map_err(|why| refused(to, why.to_string()))?;
    let copied = copy_files(from, &copy.partial).map_err(|why| refused(to, why.to_string()));
    let judged = copied.and_then(|()| judge(&copy.partial).map_err(|why| refused(from, why)));
    match judged {
        Ok(judged) => copy.end(Ok(judged)).map_err(|why| refused(to, why.to_string())),
        Err(error) => {
            let _ = copy.end::<()>(Err(io::Error::other("refused")));
            Err(error)
        }
    }
}

fn copy_files(from: &Path, to: &Path) -> io::Result<()> {
    let journal = to.join(NAME);
    fs::create_dir(&journal)?;
    for entry in fs::read_dir(from.join(NAME))? {
        let entry = entry?;
        let name = entry.file_name();
        // RocksDB's own lock and log of its doing are no part of the journal.
        if name == "LOCK" || name.to_string_lossy().starts_with("LOG") {
            continue;
        }
        fs::copy(entry.path(), journal.join(name))?;
    }
    sync_files(&journal)?;
    fs::copy(from.join(mark::FILE), to.join(mark::FILE))?;
    File::open(to.join(mark::FILE))?.sync_all()?;
    directory::write_format(to)
}

#[cfg(test)]
mod tests {
    use super::super::{inspect, open};
    use super::*;
    use crate::journal::{Tail, frame};

    fn appended(root: &Path, entries: u64) -> crate::storage::Storage {
        let mut storage = open(root, Options::default()).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        for _ in 0..entries {
            let Tail { sequence, hash } = storage.journal.reader().tail().unwrap();
            let frame = frame::build(sequence + 1, hash, &[b"entry"]);
            runtime.block_on(storage.journal.append(sequence + 1, &frame)).unwrap();
        }
        storage
    }

    #[test]
    fn a_copy_is_whole_under_its_name_and_comes_back() {
        let root = tempfile::tempdir().unwrap();
        let (data, to, back) =
            (root.path().join("data"), root.path().join("a/to"), root.path().join("back"));
        let storage = appended(&data, 9);
        let reader = storage.journal.reader();
        assert_eq!(reader.back_up(&to), Ok(9));
        let why = reader.back_up(&to).unwrap_err().to_string();
        assert!(why.contains("something in it"), "{why}");
        let why = reader.back_up(&data.join("inside")).unwrap_err().to_string();
        assert!(why.contains("copy of"), "{why}");
        assert!(!data.join("inside.partial").exists());
        fs::create_dir(root.path().join("cut.partial")).unwrap();
        let why = reader.back_up(&root.path().join("cut")).unwrap_err().to_string();
        assert!(why.contains("cut short"), "{why}");
        let names = fs::read_dir(&to).unwrap().map(|it| it.unwrap().file_name());
        let mut names: Vec<_> = names.map(|name| name.into_string().unwrap()).collect();
        names.sort();
        assert_eq!(names, ["FORMAT", "journal", "mark"]);

        let judged = restore(&to, &back, |copy| {
            let found = inspect(copy, &Options::default()).unwrap();
            assert_eq!((found.marked, found.journal.tail().unwrap().sequence), (Some(9), 9));
            Ok(7)
        });
        assert_eq!(judged, Ok(7));
        assert_eq!(appended(&back, 1).marked, 9);
        for (from, into) in [(&data, "x"), (&to, "back"), (&root.path().join("a"), "x")] {
            let into = root.path().join(into);
            restore(from, &into, |_| Ok(())).unwrap_err();
        }
        let objected = restore(&to, &root.path().join("x"), |_| Err::<(), _>("no".to_owned()));
        assert!(objected.unwrap_err().to_string().contains("no"));
        assert!(!root.path().join("x").exists() && !root.path().join("x.partial").exists());
    }
}
