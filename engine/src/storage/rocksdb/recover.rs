//! The recovery of the journal: what a crash may leave is forgiven, damage is not.

use std::io;
use std::path::Path;
use std::sync::Arc;

use ::rocksdb::{DB, DBRecoveryMode, ErrorKind};

use super::aside::Aside;
use super::directory::Directory;
use super::journal::{NAME, RocksReader, check, options as journal_options};
use super::log;
use super::mark::{self, Found, Slot};
use super::{OpenError, Options};
use crate::journal::{Frame, FrameHash, JournalReader, ReadError, Sequence, Tail};

/// A journal that may be served.
pub(super) struct Recovered {
    pub(super) reader: RocksReader,
    pub(super) tail: Tail,
    pub(super) mark: Slot,
    /// Whether entries that were there before may be gone, and with them what the store rests on.
    pub(super) cut: bool,
}

/// Why a journal is not served.
enum Refusal {
    /// It could not be read, this time.
    Failed(String),
    Damaged(String),
}

impl From<ReadError> for Refusal {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Failed(why) => Self::Failed(why),
            damaged @ ReadError::Damaged { .. } => Self::Damaged(damaged.to_string()),
        }
    }
}

/// Opens the journal, and judges it by its mark and by what is in its logs.
pub(super) fn open(directory: &Arc<Directory>, options: &Options) -> Result<Recovered, OpenError> {
    let failed = |error: io::Error| directory.refused(format_args!("the journal: {error}"));
    let aside = Aside::make(directory, options.copies_max).map_err(failed)?;
    let kept = || -> Result<String, OpenError> {
        let path = aside.keep().map_err(failed)?;
        Ok(format!("as it was found, it is in {}", path.display()))
    };
    let (mut recovered, lost) = match judge(directory, options, &aside) {
        Ok(judged) => judged,
        Err(Refusal::Failed(why)) => return Err(directory.refused(why)),
        Err(Refusal::Damaged(what)) => {
            return Err(directory.damaged(format!("{what}; {}", kept()?)));
        }
    };
    match lost {
        Some(what) if !options.accept_loss => {
            return Err(directory.damaged(format!("{what}; {}", kept()?)));
        }
        Some(what) => {
            let path = directory.path().display();
            tracing::warn!(%path, what, kept = kept()?, "a loss was accepted");
            recovered.cut = true;
            recovered.mark = recovered.mark.next(recovered.tail.sequence);
            mark::create(&directory.path().join(mark::FILE), recovered.mark).map_err(failed)?;
        }
        None if recovered.cut => {
            let (path, tail) = (directory.path().display(), recovered.tail.sequence);
            tracing::warn!(%path, tail, kept = kept()?, "the journal's end was damaged");
        }
        None => {}
    }
    // Unless it was kept under another name, it is not needed any more.
    match aside.remove() {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(error)),
        _ => Ok(recovered),
    }
}

/// What there is, and what of it is known to be lost.
fn judge(
    directory: &Arc<Directory>,
    options: &Options,
    aside: &Aside,
) -> Result<(Recovered, Option<String>), Refusal> {
    let database = directory.path().join(NAME);
    let failed = |error: io::Error| Refusal::Failed(error.to_string());
    while let Some(endless) = log::endless(&database).map_err(failed)? {
        if !options.accept_loss {
            return Err(Refusal::Damaged(endless.what()));
        }
        endless.cut().map_err(failed)?;
    }
    let (db, cut) = open_database(&database, options, aside)?;
    let reader = RocksReader::new(Arc::clone(directory), db);
    let tail = reader.tail()?;
    verify(&reader, options.verify_bytes)?;
    let path = directory.path().join(mark::FILE);
    let (mark, lost) = match mark::read(&path).map_err(failed)? {
        Found::Mark(mark) if mark.sequence <= tail.sequence => (mark, None),
        Found::Mark(mark) => {
            let (marked, ends) = (mark.sequence, tail.sequence);
            (mark, Some(format!("it was acknowledged up to {marked} and ends at {ends}")))
        }
        // The mark is made before the first frame: this is a creation that was cut short.
        Found::Missing if tail.sequence == 0 => {
            let mark = Slot::default().next(0);
            mark::create(&path, mark).map_err(failed)?;
            (mark, None)
        }
        Found::Missing => (Slot::default(), Some("its mark is missing".to_owned())),
        Found::Damaged => (Slot::default(), Some("its mark is damaged".to_owned())),
    };
    let lost = match (lost, log::beyond(aside.path(), tail.sequence).map_err(failed)?) {
        (None, Some(beyond)) => {
            let ends = tail.sequence;
            Some(format!("its log leads to {beyond}, but what can be read of it ends at {ends}"))
        }
        (lost, _) => lost,
    };
    Ok((Recovered { reader, tail, mark, cut }, lost))
}

/// The database, and whether RocksDB has dropped something damaged from it.
fn open_database(path: &Path, options: &Options, aside: &Aside) -> Result<(DB, bool), Refusal> {
    let open = |mode| DB::open(&journal_options(options, mode), path);
    let damage = match open(DBRecoveryMode::TolerateCorruptedTailRecords) {
        Ok(db) => return Ok((db, false)),
        Err(error) if error.kind() == ErrorKind::Corruption => error,
        Err(error) => return Err(Refusal::Failed(error.to_string())),
    };
    if aside.free_name().is_none() {
        let why = "there are as many copies of it as may be, and no recovery is tried";
        return Err(Refusal::Damaged(format!("{damage}; {why}")));
    }
    tracing::warn!(path = %path.display(), %damage, "the journal is damaged");
    match open(DBRecoveryMode::PointInTime) {
        Ok(db) => Ok((db, true)),
        Err(error) => Err(Refusal::Damaged(error.to_string())),
    }
}

/// Walks back from the end and checks that each frame continues the one before it.
///
/// RocksDB forgives a torn tail in each of its logs, not only in the last one, and so could leave
/// a hole. It can be no further back than what was in memory at the time of the crash.
fn verify(reader: &RocksReader, bytes_max: usize) -> Result<(), ReadError> {
    let mut iterator = reader.iterate();
    iterator.seek_to_last();
    let mut bytes = 0;
    let mut after: Option<(Sequence, FrameHash)> = None;
    while let (Some(key), Some(value)) = (iterator.key(), iterator.value()) {
        let at = key.first_chunk().map_or(0, |first| Sequence::from_be_bytes(*first));
        let damaged = |what: String| ReadError::Damaged { at, what };
        let frame = Frame::parse(value).map_err(|error| damaged(error.to_string()))?;
        if key != frame.first().to_be_bytes() {
            return Err(damaged("a frame under another's key".to_owned()));
        }
        if let Some((next, before)) = after
            && (frame.last().checked_add(1) != Some(next) || frame.hash() != before)
        {
            return Err(damaged(format!("it is not continued by the frame at {next}")));
        }
        after = Some((frame.first(), frame.before()));
        bytes += value.len();
        if bytes_max <= bytes {
            return Ok(());
        }
        iterator.prev();
    }
    check(&iterator, 0)?;
    match after {
        Some((first, before)) if (first, before) != (1, FrameHash::default()) => {
            let what = "the journal does not begin with it".to_owned();
            Err(ReadError::Damaged { at: first, what })
        }
        _ => Ok(()),
    }
}
