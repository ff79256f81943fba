//! The directory: who uses it, the format of what is in it, and what failed in it.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use super::OpenError;

/// What `FORMAT` says. Another form of the files under the directory gets another number.
const FORMAT: &str = "creneau storage 1\n";

const FORMAT_FILE: &str = "FORMAT";
const LOCK_FILE: &str = "LOCK";

/// What may lie in a directory that is not in use yet: the root of a file system has the first,
/// and a creation that a crash cut short leaves the others.
const STRAY: [&str; 3] = ["lost+found", LOCK_FILE, "FORMAT.new"];

/// How long is waited for a directory that somebody uses.
const LOCK_WAIT: Duration = Duration::from_millis(300);

/// Directories in which a write failed in this process.
static FAILED: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// A directory in use by this process, as long as this value lives.
#[derive(Debug)]
pub(super) struct Directory {
    path: PathBuf,
    failed: OnceLock<String>,
    /// The system lets go of the lock when the process dies.
    lock: File,
}

impl Drop for Directory {
    /// To close the file would not be enough: a process that another thread is starting right now
    /// has it open too, for a moment.
    fn drop(&mut self) {
        if let Err(error) = self.lock.unlock() {
            tracing::error!(path = %self.path.display(), %error, "failed to unlock");
        }
    }
}

impl Directory {
    /// Takes the directory, creating it if need be.
    pub(super) fn take(path: &Path) -> Result<Self, OpenError> {
        create(path).map_err(|error| refused(path, error))?;
        let path = path.canonicalize().map_err(|error| refused(path, error))?;
        if FAILED.lock().unwrap_or_else(PoisonError::into_inner).contains(&path) {
            return Err(OpenError::FailedBefore { path: path.display().to_string() });
        }
        let lock = lock(&path)?;
        let taken = Self { path, failed: OnceLock::new(), lock };
        check_format(&taken.path)?;
        Ok(taken)
    }

    /// Takes a directory that is ours already, and creates nothing but its lock.
    pub(super) fn take_existing(path: &Path) -> Result<Self, OpenError> {
        let at = path.join(FORMAT_FILE);
        if !at.exists() {
            let why = format!("there is no `{FORMAT_FILE}` of ours in it");
            return Err(refused(path, why));
        }
        Self::take(path)
    }

    /// Says in the lock how to reach who has it, for as long as it is held.
    pub(super) fn announce(&self, contact: &str) -> io::Result<()> {
        let mut lock = &self.lock;
        writeln!(lock, "{contact}")
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Remembers the first failed write: from then on nothing is written here any more, and no
    /// opening succeeds in this process. Gives back what there is to say about it.
    pub(super) fn fail(&self, why: impl Display) -> String {
        FAILED.lock().unwrap_or_else(PoisonError::into_inner).insert(self.path.clone());
        let why = why.to_string();
        tracing::error!(path = %self.path.display(), why, "a write failed");
        self.failed.get_or_init(|| why.clone());
        why
    }

    /// Whether all writes have succeeded so far.
    pub(super) fn check(&self) -> Result<(), String> {
        match self.failed.get() {
            Some(why) => Err(format!("an earlier write failed: {why}")),
            None => Ok(()),
        }
    }

    pub(super) fn refused(&self, why: impl Display) -> OpenError {
        refused(&self.path, why)
    }

    pub(super) fn damaged(&self, why: String) -> OpenError {
        OpenError::Damaged { path: self.path.display().to_string(), why }
    }
}

/// Writes a file so that a crash leaves all of it or nothing under its name.
pub(super) fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let fresh = path.with_extension("new");
    let mut file = File::create(&fresh)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&fresh, path)?;
    sync_parent(path)
}

/// Makes the names in a directory durable.
pub(super) fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Makes the name of a path durable.
pub(super) fn sync_parent(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => sync_directory(Path::new(".")),
        Some(parent) => sync_directory(parent),
        None => Ok(()),
    }
}

fn refused(path: &Path, why: impl Display) -> OpenError {
    OpenError::Directory { path: path.display().to_string(), why: why.to_string() }
}

fn create(path: &Path) -> io::Result<()> {
    let missing: Vec<_> = path.ancestors().take_while(|path| !path.exists()).collect();
    if let (true, Some(parent)) = (missing.contains(&path), path.parent()) {
        if !parent.as_os_str().is_empty() {
            fs::create_dir_all(parent)?;
        }
        create_private(path)?;
    }
    missing.into_iter().filter(|path| !path.as_os_str().is_empty()).try_for_each(sync_parent)
}

/// Creates a directory for its user alone: it says who has which appointment.
pub(super) fn create_private(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Says what is in a directory, once all of it is there.
pub(super) fn write_format(path: &Path) -> io::Result<()> {
    write_whole(&path.join(FORMAT_FILE), FORMAT.as_bytes())
}

/// Whether a directory is ours and nobody uses it, as far as that can be seen without writing.
pub(super) fn check_unused(path: &Path) -> Result<(), OpenError> {
    if !path.join(FORMAT_FILE).exists() {
        return Err(refused(path, format!("there is no `{FORMAT_FILE}` of ours in it")));
    }
    check_format(path)?;
    match File::open(path.join(LOCK_FILE)).map(|lock| lock.try_lock_shared()) {
        Ok(Err(TryLockError::WouldBlock)) => {
            Err(refused(path, "it is in use by a process; take a backup of it"))
        }
        _ => Ok(()),
    }
}

/// How to reach the process that has a directory, if it says so.
pub(super) fn contact(path: &Path) -> io::Result<Option<String>> {
    let lock = fs::read_to_string(path.join(LOCK_FILE))?;
    Ok(lock.lines().nth(1).map(|contact| contact.trim().to_owned()))
}

/// Takes the lock. A process that is started has the files of its parent for a moment, until it is
/// another program: a lock that was just let go of can still be held by one.
#[expect(clippy::disallowed_methods, reason = "a directory is opened on a thread that may block")]
fn lock_within(file: &File, wait: Duration) -> Result<(), TryLockError> {
    const PAUSE: Duration = Duration::from_millis(20);
    let mut left = wait;
    loop {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) if PAUSE <= left => {
                left -= PAUSE;
                std::thread::sleep(PAUSE);
            }
            done => return done,
        }
    }
}

/// RocksDB has a lock of its own, but lets go of it between the steps of a recovery.
fn lock(path: &Path) -> Result<File, OpenError> {
    let at = path.join(LOCK_FILE);
    let mut options = OpenOptions::new();
    let opened = options.read(true).write(true).create(true).truncate(false).open(&at);
    let mut file = opened.map_err(|error| refused(path, error))?;
    match lock_within(&file, LOCK_WAIT) {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let holder = fs::read_to_string(&at).unwrap_or_default();
            let holder = holder.lines().next().unwrap_or_default().trim();
            let why = format!("it is in use by process {holder}; is another server using it?");
            return Err(refused(path, why));
        }
        Err(TryLockError::Error(error)) => return Err(refused(path, error)),
    }
    let write = |file: &mut File| {
        file.set_len(0)?;
        writeln!(file, "{}", std::process::id())
    };
    write(&mut file).map_err(|error| refused(path, error))?;
    Ok(file)
}

/// `FORMAT` is the first thing that is made, so what is without it is not ours.
fn check_format(path: &Path) -> Result<(), OpenError> {
    let at = path.join(FORMAT_FILE);
    match fs::read_to_string(&at) {
        Ok(found) if found == FORMAT => Ok(()),
        Ok(found) => {
            let (found, known) = (found.trim(), FORMAT.trim());
            Err(refused(path, format!("its format is `{found}`; this version knows `{known}`")))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let entries = fs::read_dir(path).map_err(|error| refused(path, error))?;
            for entry in entries {
                let name = entry.map_err(|error| refused(path, error))?.file_name();
                if !STRAY.iter().any(|stray| name == *stray) {
                    let name = name.display();
                    let why = format!("there is `{name}` in it, but no `{FORMAT_FILE}` of ours");
                    return Err(refused(path, why));
                }
            }
            write_whole(&at, FORMAT.as_bytes()).map_err(|error| refused(path, error))
        }
        Err(error) => Err(refused(path, error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn why(result: Result<Directory, OpenError>) -> String {
        let error = result.unwrap_err();
        assert!(matches!(error, OpenError::Directory { .. }), "{error}");
        error.to_string()
    }

    #[test]
    fn a_directory_is_used_once_at_a_time() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("a/b");
        let taken = Directory::take(&path).unwrap();
        let refused = why(Directory::take(&path));
        assert!(refused.contains(&format!("process {}", std::process::id())), "{refused}");
        drop(taken);
        drop(Directory::take(&path).unwrap());
    }

    #[test]
    fn another_format_is_refused_by_name() {
        let root = tempfile::tempdir().unwrap();
        drop(Directory::take(root.path()).unwrap());
        fs::write(root.path().join(FORMAT_FILE), "creneau storage 2\n").unwrap();
        assert!(why(Directory::take(root.path())).contains("creneau storage 2"));
    }

    #[test]
    fn what_is_not_ours_is_left_alone() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("letters.txt"), "dear").unwrap();
        assert!(why(Directory::take(root.path())).contains("letters.txt"));
        assert!(!root.path().join(FORMAT_FILE).exists());
    }

    #[test]
    fn a_creation_cut_short_is_taken_up_again() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("FORMAT.new"), "cren").unwrap();
        drop(Directory::take(root.path()).unwrap());
    }

    #[test]
    fn after_a_failed_write_nothing_is_trusted() {
        let root = tempfile::tempdir().unwrap();
        let taken = Directory::take(root.path()).unwrap();
        assert_eq!(taken.check(), Ok(()));
        taken.fail("first");
        taken.fail("second");
        assert_eq!(taken.check(), Err("an earlier write failed: first".to_owned()));
        drop(taken);
        let around = root.path().join(".");
        let error = Directory::take(&around).unwrap_err();
        assert!(matches!(error, OpenError::FailedBefore { .. }), "{error}");
    }
}
