//! What RocksDB does not look for in its own logs.
//!
//! A log is a row of blocks, and a block a row of records: a checksum of four bytes, a length of
//! two, a kind of one, and the content. No record lies across two blocks; a batch that does is
//! cut into several.

use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use crate::journal::{Sequence, frame};

const BLOCK_BYTES: u64 = 32 * 1_024;
const HEADER_BYTES: usize = 7;

/// Where a log would keep its reader busy for ever.
///
/// RocksDB 11.8 does not move on from a record of a kind that stands only in reused logs, and
/// reads it again without end, in each of its recovery modes. No log here is reused, but one
/// flipped bit makes such a record of any.
pub(super) fn endless(database: &Path) -> io::Result<Option<Endless>> {
    for path in logs(database)? {
        let mut file = BufReader::new(File::open(&path)?);
        let mut at = 0;
        loop {
            let mut block = Vec::new();
            file.by_ref().take(BLOCK_BYTES).read_to_end(&mut block)?;
            if block.is_empty() {
                break;
            }
            if let Some(within) = reused_in(&block) {
                return Ok(Some(Endless { path, at: at + within as u64 }));
            }
            at += block.len() as u64;
        }
    }
    Ok(None)
}

/// A record at which RocksDB must not arrive.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Endless {
    path: PathBuf,
    at: u64,
}

impl Endless {
    pub(super) fn what(&self) -> String {
        format!("{} has a record of a reused log at byte {}", self.path.display(), self.at)
    }

    /// Ends the log before the record. Its other names keep what it was.
    pub(super) fn cut(&self) -> io::Result<()> {
        let cut = self.path.with_extension("cut");
        let mut to = File::create(&cut)?;
        io::copy(&mut File::open(&self.path)?.take(self.at), &mut to)?;
        to.sync_all()?;
        fs::rename(&cut, &self.path)
    }
}

/// The logs of the data, and that of the files, which are of one form. Of the latter there may be
/// others, which a start had begun when it was cut short; nobody reads them.
fn logs(database: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(database) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let paths = entries.map(|entry| entry.map(|entry| entry.path()));
    // Where it cannot be read, RocksDB reads no log of files either.
    let current = fs::read_to_string(database.join("CURRENT")).unwrap_or_default();
    let is_log = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.ends_with(".log") || name == current.trim_end()
    };
    paths.filter(|path| path.as_ref().map_or(true, is_log)).collect()
}

/// Follows the records as RocksDB does, which passes over the rest of a block from its first
/// damage on. To follow the lengths of what is damaged would find records that nobody arrives at:
/// a power loss leaves zeros where pages are missing, and any bytes behind them.
fn reused_in(block: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let rest = block.get(at..)?;
        let [a, b, c, d, low, high, kind] = *rest.first_chunk::<HEADER_BYTES>()?;
        // The kinds that RocksDB takes for those of a reused log, before it looks at the rest.
        if matches!(kind, 5..=8 | 11 | 131) {
            return Some(at);
        }
        let len = usize::from(u16::from_le_bytes([low, high]));
        let content = rest.get(HEADER_BYTES - 1..HEADER_BYTES + len)?;
        let nothing = kind == 0 && len == 0;
        if nothing || u32::from_le_bytes([a, b, c, d]) != masked(crc32c::crc32c(content)) {
            return None;
        }
        at += HEADER_BYTES + len;
    }
}

/// A checksum as RocksDB writes it, so that one of bytes with checksums in them is none of theirs.
const fn masked(checksum: u32) -> u32 {
    checksum.rotate_right(15).wrapping_add(0xA282_EAD8)
}

/// The highest first sequence of a frame in the logs that cannot have been under way when the
/// journal ended at `tail`.
///
/// A frame is written when the one before it is durable. So the frame right after the tail may be
/// torn, but one that comes later still proves that acknowledged entries are lost. A frame whose
/// first bytes lie across two blocks is overlooked; that is one in about two thousand.
pub(super) fn beyond(database: &Path, tail: Sequence) -> io::Result<Option<Sequence>> {
    let mut highest = None;
    for path in logs(database)? {
        highest = highest.max(beyond_in(&fs::read(path)?, tail));
    }
    Ok(highest)
}

fn beyond_in(log: &[u8], tail: Sequence) -> Option<Sequence> {
    // What any frame of the present form begins with.
    let frame = frame::build(1, frame::FrameHash::default(), &[[]]);
    let opening = frame.first_chunk::<8>()?;
    // An entry takes more than a byte, so this much of a log cannot lead further.
    let furthest = tail.saturating_add(log.len() as u64);
    let found = log.windows(16).filter(|bytes| bytes.starts_with(opening));
    let firsts = found.filter_map(|bytes| bytes.last_chunk().copied().map(u64::from_le_bytes));
    firsts.filter(|first| (tail.saturating_add(2)..=furthest).contains(first)).max()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kind: u8, len: u16) -> Vec<u8> {
        let mut content = vec![5; usize::from(len) + 1];
        content[0] = kind;
        let checksum = masked(crc32c::crc32c(&content)).to_le_bytes();
        [&checksum[..], &len.to_le_bytes(), &content].concat()
    }

    /// What a power loss leaves where pages of the last writes are missing: zeros, and behind them
    /// bytes that nobody reads as records.
    #[test]
    fn behind_damage_nothing_counts_up_to_the_next_block() {
        let reused = record(5, 40);
        let wrong = {
            let mut wrong = record(1, 40);
            wrong[20] ^= 1;
            wrong
        };
        let long = [&[0; 4][..], &u16::MAX.to_le_bytes(), &[1]].concat();
        for damage in [vec![0; 21], wrong, long] {
            let block = [record(1, 100), damage, reused.clone()].concat();
            assert_eq!(reused_in(&block), None, "{block:?}");
        }
        assert_eq!(reused_in(&[record(1, 100), reused].concat()), Some(107));
    }

    /// A start that is cut short leaves a log of files that it had begun, and that is not current.
    #[test]
    fn a_log_of_files_that_is_not_current_is_not_looked_into() {
        let root = tempfile::tempdir().unwrap();
        for (name, first) in [("MANIFEST-000005", 1), ("MANIFEST-000009", 5)] {
            fs::write(root.path().join(name), record(first, 40)).unwrap();
        }
        assert_eq!(endless(root.path()).unwrap(), None, "there is no CURRENT");
        fs::write(root.path().join("CURRENT"), "MANIFEST-000005\n").unwrap();
        assert_eq!(endless(root.path()).unwrap(), None);
        fs::write(root.path().join("CURRENT"), "MANIFEST-000009\n").unwrap();
        assert!(endless(root.path()).unwrap().is_some());
    }

    #[test]
    fn records_of_a_reused_log_are_found_wherever_they_begin() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("000004.log");
        let block = |kind| {
            let mut block = [record(1, 100), record(4, 0), record(kind, 900)].concat();
            block.extend(record(2, u16::try_from(32_768 - block.len() - 7 - 5).unwrap()));
            // What is left of a block, and too short for a header, is filled up.
            block.resize(32_768, 7);
            block
        };
        for kind in 0..=u8::MAX {
            let reused = matches!(kind, 5..=8 | 11 | 131);
            fs::write(&path, [block(3), block(kind), record(1, 9)].concat()).unwrap();
            let at = 32_768 + 107 + 7;
            let expected = reused.then(|| Endless { path: path.clone(), at });
            assert_eq!(endless(root.path()).unwrap(), expected, "kind {kind}");
            // No cut of a log makes one.
            fs::write(&path, &block(3)[..20 + usize::from(kind)]).unwrap();
            assert_eq!(endless(root.path()).unwrap(), None);
        }
        assert_eq!(endless(&root.path().join("none")).unwrap(), None);
    }

    #[test]
    fn a_log_of_files_is_looked_into_too_and_cut_before_the_record() {
        let root = tempfile::tempdir().unwrap();
        let (path, other) = (root.path().join("MANIFEST-000005"), root.path().join("kept"));
        fs::write(&path, [record(1, 40), record(5, 40)].concat()).unwrap();
        fs::write(root.path().join("CURRENT"), "MANIFEST-000005\n").unwrap();
        fs::hard_link(&path, &other).unwrap();
        endless(root.path()).unwrap().unwrap().cut().unwrap();
        assert_eq!(fs::read(&path).unwrap(), record(1, 40));
        assert_eq!(fs::metadata(other).unwrap().len(), 94, "its other name keeps what it was");
        assert_eq!(endless(root.path()).unwrap(), None);
    }

    #[test]
    fn only_what_comes_after_the_next_frame_is_beyond() {
        let frames = [5, 6, 9].map(|first| frame::build(first, [0; 32], &[b"entry"]));
        let log = [vec![1; 13], frames.concat(), b"CRNJ and no frame".to_vec()].concat();
        let found = (3..=9).map(|tail| beyond_in(&log, tail));
        let nine = Some(9);
        assert_eq!(found.collect::<Vec<_>>(), [nine, nine, nine, nine, nine, None, None]);
        assert_eq!(beyond_in(&frames[0][..16], 3), Some(5));
        assert_eq!(beyond_in(&frames[0][..16], 4), None, "it may be torn");
        assert_eq!(beyond_in(&frames[0][..15], 3), None);
        let far = frame::build(1 << 40, [0; 32], &[b"entry"]);
        assert_eq!(beyond_in(&far, 3), None, "no log of this length leads there");
    }
}
