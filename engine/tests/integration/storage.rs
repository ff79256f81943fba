//! The journal on disk, after crashes and damage.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use std::env;
use std::fs;
use std::io::{BufRead, BufReader, Write, stdout};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use creneau::journal::{AppendError, Frame, Journal, JournalReader, Sequence, Tail, frame};
use creneau::storage::rocksdb::{Options, open};
use creneau::storage::{Mutation, OpenError, Storage, Table};
use tempfile::TempDir;

/// Names the directory in which a child process is to append.
const CHILD: &str = "CRENEAU_TEST_APPENDS_IN";

/// Rounds of a process that is killed while it appends.
const KILLS: usize = 20;

fn opened(path: &Path) -> Result<Storage, OpenError> {
    open(path, Options::default())
}

fn next_frame(tail: &Tail, entry: &[u8]) -> Vec<u8> {
    frame::build(tail.sequence + 1, tail.hash, &[entry])
}

/// Appends one entry, and tells what its future said.
fn append(journal: &mut dyn Journal, entry: &[u8]) -> Result<Sequence, AppendError> {
    let tail = journal.reader().tail().unwrap();
    let frame = next_frame(&tail, entry);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(journal.append(tail.sequence + 1, &frame))?;
    Ok(tail.sequence + 1)
}

/// Reads all frames, checks each and their chain, and gives the last sequence.
fn last_of_a_whole_chain(reader: &dyn JournalReader) -> Sequence {
    let mut tail = Tail::default();
    for bytes in reader.read(1, usize::MAX).unwrap() {
        let frame = Frame::parse(&bytes).expect("no damaged frame is ever shown");
        assert_eq!((frame.first(), frame.before()), (tail.sequence + 1, tail.hash));
        tail = Tail { sequence: frame.last(), hash: frame.hash() };
    }
    assert_eq!(reader.tail(), Ok(tail));
    tail.sequence
}

fn copied(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copied(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// The newest log of the journal's database.
fn log(root: &Path) -> PathBuf {
    newest_log(&root.join("journal"))
}

fn newest_log(database: &Path) -> PathBuf {
    let entries = fs::read_dir(database).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.filter(|path| path.extension().is_some_and(|end| end == "log")).max().unwrap()
}

/// A directory as a crash has left it, and copies of it with something done to them.
struct Crashed {
    root: TempDir,
    /// Bytes of the log after each append.
    lens: Vec<u64>,
}

impl Crashed {
    /// Appends entries and marks all up to `marked`; then the machine stops.
    fn after(entries: &[Vec<u8>], marked: Sequence) -> Self {
        let (live, root) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        // So that its databases are there already, and `log` names what this opening writes.
        drop(opened(live.path()).unwrap());
        let options = Options { mark_period: Duration::from_millis(1), ..Options::default() };
        let mut storage = open(live.path(), options).unwrap();
        let log = log(live.path());
        let mut lens = vec![fs::metadata(&log).unwrap().len()];
        for entry in entries {
            let sequence = append(&mut *storage.journal, entry).unwrap();
            lens.push(fs::metadata(&log).unwrap().len());
            if sequence <= marked {
                storage.journal.mark(sequence);
            }
        }
        // What a crash leaves of a log is what was written to it, so a copy while it is in use
        // is what a crash leaves. The last mark is waited for, and then copied with the rest.
        copied(live.path(), root.path());
        drop(storage);
        fs::copy(live.path().join("mark"), root.path().join("mark")).unwrap();
        Self { root, lens }
    }

    fn copy(&self) -> TempDir {
        let copy = tempfile::tempdir().unwrap();
        copied(self.root.path(), copy.path());
        copy
    }

    /// A copy with its log cut.
    fn cut(&self, len: u64) -> TempDir {
        let copy = self.copy();
        fs::File::options().write(true).open(log(copy.path())).unwrap().set_len(len).unwrap();
        copy
    }

    /// A copy with one bit of its log flipped.
    fn flipped(&self, byte: u64, bit: u8) -> TempDir {
        let copy = self.copy();
        let log = log(copy.path());
        let mut bytes = fs::read(&log).unwrap();
        bytes[usize::try_from(byte).unwrap()] ^= 1 << bit;
        fs::write(&log, bytes).unwrap();
        copy
    }
}

fn entries(count: u8) -> Vec<Vec<u8>> {
    (0..count).map(|number| vec![number; 16]).collect()
}

/// What an opening served up to, or what it said of the damage.
fn served(root: &Path) -> Result<Sequence, String> {
    match opened(root) {
        Ok(storage) => {
            let last = last_of_a_whole_chain(&*storage.journal.reader());
            assert!(storage.marked <= last, "{} of {last}", storage.marked);
            Ok(last)
        }
        Err(error) => {
            assert!(matches!(error, OpenError::Damaged { .. }), "{error}");
            Err(error.to_string())
        }
    }
}

/// A crash may stop the writing of the last record at any of its bytes.
#[test]
fn a_log_cut_anywhere_in_its_last_record_is_served_without_it() {
    let crashed = Crashed::after(&entries(4), 3);
    let (start, end) = (crashed.lens[3], crashed.lens[4]);
    assert!(end - start > 100, "a whole record");
    for len in start..=end {
        let root = crashed.cut(len);
        let expected = if len == end { 4 } else { 3 };
        assert_eq!(served(root.path()), Ok(expected), "cut at {len} of {start}..={end}");
        // The journal goes on from there, and what it goes on with survives too.
        if len % 16 == 0 {
            let mut storage = opened(root.path()).unwrap();
            assert_eq!(append(&mut *storage.journal, b"again"), Ok(expected + 1));
            drop(storage);
            assert_eq!(served(root.path()), Ok(expected + 1));
        }
    }
}

/// What was acknowledged is missing: that is no crash.
#[test]
fn a_log_cut_before_its_mark_is_refused() {
    let crashed = Crashed::after(&entries(4), 4);
    let (start, end) = (crashed.lens[3], crashed.lens[4]);
    for len in start..end {
        let why = served(crashed.cut(len).path()).unwrap_err();
        assert!(why.contains("acknowledged up to 4 and ends at 3"), "cut at {len}: {why}");
    }
    assert_eq!(served(crashed.cut(end).path()), Ok(4));
    // It stays refused.
    let root = crashed.cut(crashed.lens[2] + 1);
    for _ in 0..2 {
        let why = served(root.path()).unwrap_err();
        assert!(why.contains("acknowledged up to 4 and ends at 2"), "{why}");
    }
}

/// A frame larger than the blocks of the log, cut around their borders.
#[test]
fn a_log_cut_at_the_borders_of_its_blocks_is_served_without_the_last() {
    const BLOCK: u64 = 32 * 1_024;
    let large = vec![7; 90 * 1_024];
    let crashed = Crashed::after(&[large.clone(), large], 1);
    let (start, end) = (crashed.lens[1], crashed.lens[2]);
    let borders = (start / BLOCK..=end / BLOCK).map(|block| block * BLOCK);
    for border in borders.chain([start, end]) {
        for len in (border.saturating_sub(9)..border + 9).filter(|len| (start..=end).contains(len))
        {
            let expected = if len == end { 2 } else { 1 };
            assert_eq!(served(crashed.cut(len).path()), Ok(expected), "cut at {len}");
        }
    }
}

/// RocksDB's default would serve what precedes the flipped bit and say nothing, and where it is
/// in the length of a record, its stricter mode would too.
#[test]
fn a_log_damaged_in_its_midst_is_refused_and_kept() {
    let crashed = Crashed::after(&entries(6), 6);
    for byte in crashed.lens[2]..crashed.lens[3] {
        let root = crashed.flipped(byte, u8::try_from(byte % 8).unwrap());
        let name = log(root.path()).file_name().unwrap().to_owned();
        let found = fs::read(log(root.path())).unwrap();
        // The second attempt finds what the first has left, and refuses it again.
        for _ in 0..1 + u64::from(byte % 8 == 0) {
            let why = served(root.path()).unwrap_err();
            let lost = why.contains("acknowledged up to 6 and ends at 2");
            assert!(lost || why.contains("reused log"), "byte {byte}: {why}");
        }
        let kept = root.path().join("journal.damaged-1").join(name);
        assert!(fs::read(kept).unwrap() == found, "byte {byte}");
    }
}

/// The mark has not come as far, but the log itself shows that something is missing.
#[test]
fn a_log_damaged_behind_its_mark_is_refused_for_what_follows() {
    let crashed = Crashed::after(&entries(6), 2);
    for byte in crashed.lens[2]..crashed.lens[3] {
        let root = crashed.flipped(byte, u8::try_from(byte % 8).unwrap());
        let why = served(root.path()).unwrap_err();
        let lost = why.contains("its log leads to") && why.contains("ends at 2");
        assert!(lost || why.contains("reused log"), "byte {byte}: {why}");
        assert!(root.path().join("journal.damaged-1").exists(), "byte {byte}");
    }
}

/// A record that is damaged and the last cannot be told from one that a crash has torn. That it
/// was acknowledged within the last period of the mark goes unnoticed.
#[test]
fn a_last_record_that_is_damaged_is_dropped_unless_it_was_marked() {
    for (marked, expected) in [(3, Ok(3)), (4, Err(()))] {
        let crashed = Crashed::after(&entries(4), marked);
        for byte in (crashed.lens[3]..crashed.lens[4]).step_by(5) {
            let root = crashed.flipped(byte, u8::try_from(byte % 8).unwrap());
            let found = served(root.path()).map_err(|_| ());
            assert_eq!(found, expected, "byte {byte}, marked {marked}");
        }
    }
}

/// RocksDB reads a record of such a kind again and again, so it must not come to see it.
#[test]
fn a_record_of_a_reused_log_is_refused_or_cut() {
    let crashed = Crashed::after(&entries(4), 2);
    for (record, left) in [(1, 1), (3, 3)] {
        let root = crashed.flipped(crashed.lens[record] + 6, 2);
        let why = served(root.path()).unwrap_err();
        assert!(why.contains("reused log"), "{why}");
        let options = Options { accept_loss: true, ..Options::default() };
        let storage = open(root.path(), options).unwrap();
        assert_eq!(last_of_a_whole_chain(&*storage.journal.reader()), left);
        drop(storage);
        assert_eq!(served(root.path()), Ok(left));
    }
    // The store's log is thrown away with the store.
    let root = crashed.copy();
    let row = |number: u8| {
        let (key, value) = (vec![number], Some(vec![number]));
        vec![Mutation { table: Table::Meta, key, value }]
    };
    let storage = opened(root.path()).unwrap();
    let derived = newest_log(&root.path().join("derived"));
    storage.store.write(row(1)).unwrap();
    let second = fs::metadata(&derived).unwrap().len();
    storage.store.write(row(2)).unwrap();
    drop(storage);
    let mut bytes = fs::read(&derived).unwrap();
    bytes[usize::try_from(second).unwrap() + 6] = 5;
    fs::write(&derived, bytes).unwrap();
    let storage = opened(root.path()).unwrap();
    assert_eq!(storage.store.get(Table::Meta, &[1]), Ok(None));
}

/// A crash in the midst of an opening leaves what was put aside, and that is what is kept.
#[test]
fn what_was_put_aside_first_is_kept() {
    let crashed = Crashed::after(&entries(4), 4);
    let root = crashed.cut(crashed.lens[3]);
    let before = root.path().join("journal.before");
    copied(&crashed.root.path().join("journal"), &before);
    assert!(served(root.path()).is_err());
    let log = newest_log(&root.path().join("journal.damaged-1"));
    assert_eq!(fs::metadata(log).unwrap().len(), crashed.lens[4], "as it was at first");
    assert!(!before.exists());
    // When all is well nothing is kept.
    let root = crashed.copy();
    copied(&crashed.root.path().join("journal"), &root.path().join("journal.before"));
    assert_eq!(served(root.path()), Ok(4));
    assert!(!root.path().join("journal.before").exists());
    assert!(!root.path().join("journal.damaged-1").exists());
}

/// With the damaged journal goes the store that may rest on what is lost.
#[test]
fn a_store_does_not_outlive_what_it_rests_on() {
    let crashed = Crashed::after(&entries(6), 5);
    for (damaged, expected) in [(false, 6), (true, 5)] {
        let root = crashed.copy();
        let row = Mutation { table: Table::Meta, key: b"position".to_vec(), value: Some(vec![6]) };
        let journal = log(root.path());
        let before = fs::read(&journal).unwrap();
        let kept = tempfile::tempdir().unwrap();
        copied(&root.path().join("journal"), kept.path());
        opened(root.path()).unwrap().store.write(vec![row]).unwrap();
        // The journal is put back as it was, and damaged.
        fs::remove_dir_all(root.path().join("journal")).unwrap();
        copied(kept.path(), &root.path().join("journal"));
        if damaged {
            let mut bytes = before;
            bytes[usize::try_from(crashed.lens[5]).unwrap() + 40] ^= 1;
            fs::write(&journal, bytes).unwrap();
        }
        let storage = opened(root.path()).unwrap();
        assert_eq!(last_of_a_whole_chain(&*storage.journal.reader()), expected);
        let row = storage.store.get(Table::Meta, b"position").unwrap();
        assert_eq!(row.is_some(), !damaged);
    }
}

/// A restart in a loop does not fill the disk with copies.
#[test]
fn copies_of_a_damaged_journal_are_bounded() {
    let crashed = Crashed::after(&entries(3), 3);
    let root = crashed.copy();
    for round in 1..=6 {
        // No recovery mode gets past a manifest that is not one.
        let current = root.path().join("journal/CURRENT");
        let manifest = fs::read_to_string(&current).unwrap();
        let manifest = root.path().join("journal").join(manifest.trim());
        let len = fs::metadata(&manifest).unwrap().len();
        fs::write(&manifest, vec![0xA5; usize::try_from(len).unwrap()]).unwrap();
        let why = served(root.path()).unwrap_err();
        let copies =
            (1..9).filter(|copy| root.path().join(format!("journal.damaged-{copy}")).exists());
        assert_eq!(copies.count(), round.min(4), "{why}");
    }
}

/// Both slots of the mark torn at any byte, and one alone.
#[test]
fn a_torn_mark_is_refused_only_when_both_slots_are() {
    const PAGE: usize = 4_096;
    const SLOT: usize = 32;
    let crashed = Crashed::after(&entries(4), 4);
    let good = fs::read(crashed.root.path().join("mark")).unwrap();
    for byte in 0..SLOT {
        let torn = |slots: &[usize]| {
            let (root, mut bytes) = (crashed.copy(), good.clone());
            for slot in slots {
                bytes[slot * PAGE + byte..slot * PAGE + SLOT].fill(0xFF);
            }
            fs::write(root.path().join("mark"), bytes).unwrap();
            served(root.path())
        };
        assert_eq!(torn(&[0]), Ok(4), "byte {byte}");
        assert_eq!(torn(&[1]), Ok(4), "byte {byte}");
        let why = torn(&[0, 1]).unwrap_err();
        assert!(why.contains("mark is damaged"), "byte {byte}: {why}");
    }
}

/// Runs one test of this binary, which stands in for a server, through a shell that may limit it.
fn child(test: &str, root: &Path, shell: &str) -> Child {
    let run = format!("{shell} exec \"$0\" --exact storage::{test} --nocapture");
    let mut command = Command::new("sh");
    command.args(["-c", &run]).arg(env::current_exe().unwrap()).env(CHILD, root);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
}

fn durable(line: &str) -> Option<Sequence> {
    line.trim().strip_prefix("durable ")?.parse().ok()
}

/// Not a test by itself: appends until it is killed, and says what is durable.
#[test]
fn child_appends_without_end() {
    let Some(root) = env::var_os(CHILD) else { return };
    let mut storage = opened(Path::new(&root)).unwrap();
    for number in 0u32.. {
        let entry = vec![0xEE; 50 + usize::try_from(number * 7_919 % 20_000).unwrap()];
        let sequence = append(&mut *storage.journal, &entry).unwrap();
        writeln!(stdout(), "\ndurable {sequence}").unwrap();
        storage.journal.mark(sequence);
    }
}

#[test]
fn what_a_killed_process_called_durable_is_there() {
    let root = tempfile::tempdir().unwrap();
    let mut last = 0;
    for round in 0..KILLS {
        let mut child = child("child_appends_without_end", root.path(), "");
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut killed_after = Some(1 + round * 37 % 200);
        for line in lines {
            last = durable(&line.unwrap()).unwrap_or(last);
            // The lines that are on their way are read to their end.
            killed_after = killed_after.and_then(|left| left.checked_sub(1));
            if killed_after == Some(0) {
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        let found = served(root.path()).unwrap();
        assert!(last <= found && found <= last + 1, "{last} durable, {found} found");
        last = found;
    }
    assert!(last > 100, "{last}");
}

/// Not a test by itself: appends until its disk is full, and then tries all that must not work.
#[test]
fn child_appends_until_a_write_fails() {
    let Some(root) = env::var_os(CHILD) else { return };
    let root = Path::new(&root);
    let mut storage = opened(root).unwrap();
    let failed = loop {
        match append(&mut *storage.journal, &[0xEE; 10_000]) {
            Ok(sequence) => writeln!(stdout(), "\ndurable {sequence}").unwrap(),
            Err(error) => break error,
        }
    };
    assert!(matches!(failed, AppendError::Unknown(_)), "{failed}");
    for _ in 0..3 {
        let again = append(&mut *storage.journal, b"small");
        assert!(matches!(again, Err(AppendError::Unknown(_))), "{again:?}");
    }
    assert!(storage.store.clear().is_err());
    drop(storage);
    assert!(matches!(opened(root), Err(OpenError::FailedBefore { .. })));
    writeln!(stdout(), "\nfailed as it should").unwrap();
}

#[test]
fn after_a_failed_write_nothing_is_acknowledged() {
    let root = tempfile::tempdir().unwrap();
    // Files may have 1 MiB (2048 blocks of 512 bytes), and a write beyond is an error, no signal.
    let limit = "trap '' XFSZ; ulimit -f 2048;";
    let child = child("child_appends_until_a_write_fails", root.path(), limit);
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("failed as it should"), "{said}");
    let last = said.lines().filter_map(durable).max().unwrap();
    assert!(50 < last && last < 110, "{last}");
    let found = served(root.path()).unwrap();
    assert!(last <= found && found <= last + 1, "{last} durable, {found} found");
}
