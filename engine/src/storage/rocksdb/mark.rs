//! The high-water mark: up to where the journal was acknowledged, kept apart from the journal.
//!
//! RocksDB takes a torn tail of its log for an ordinary crash, and cannot tell whether what is
//! missing was acknowledged. The mark can. It is behind by up to its period, so what was
//! acknowledged within the last period before a crash, and then lost by a disk that lies or rots,
//! goes unnoticed: that is the price of not syncing a second file at each commit.
//!
//! The file has two slots, each on a page of its own, written in turn:
//!
//! ```text
//!  0  magic "CRNM"       8  sequence, u64     24  zeros
//!  4  form, u32         16  counter, u64      28  checksum, u32: CRC-32C of what is before
//! ```
//!
//! The valid slot of the higher counter counts. A crash tears at most the slot that was being
//! written, so at least one is valid at any time from the creation of the file on: two invalid
//! slots, or no file beside a journal with entries, are damage and not a crash.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::directory::write_whole;
use crate::journal::Sequence;

/// The file's name in the directory.
pub(super) const FILE: &str = "mark";

const MAGIC: [u8; 4] = *b"CRNM";
const FORM: u32 = 1;
const SLOT_LEN: usize = 32;

/// Slots lie a page apart: no disk tears two pages in one write.
const SLOT_DISTANCE: u64 = 4_096;

/// One slot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Slot {
    pub(super) sequence: Sequence,
    /// How many marks were written before: it says which of the two slots is the newer.
    pub(super) counter: u64,
}

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    Missing,
    /// No slot is valid.
    Damaged,
    Mark(Slot),
}

impl Slot {
    pub(super) fn next(self, sequence: Sequence) -> Self {
        Self { sequence, counter: self.counter.wrapping_add(1) }
    }

    fn place(self) -> u64 {
        (self.counter % 2) * SLOT_DISTANCE
    }

    fn bytes(self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(SLOT_LEN);
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&FORM.to_le_bytes());
        bytes.extend_from_slice(&self.sequence.to_le_bytes());
        bytes.extend_from_slice(&self.counter.to_le_bytes());
        bytes.extend_from_slice(&[0; 4]);
        let checksum = crc32c::crc32c(&bytes);
        bytes.extend_from_slice(&checksum.to_le_bytes());
        bytes
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let number = |at: usize| bytes.get(at..)?.first_chunk::<8>().copied();
        let slot = Self {
            sequence: u64::from_le_bytes(number(8)?),
            counter: u64::from_le_bytes(number(16)?),
        };
        (slot.bytes() == bytes).then_some(slot)
    }
}

/// Reads the mark.
pub(super) fn read(path: &Path) -> io::Result<Found> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Missing),
        Err(error) => return Err(error),
    };
    let mut best: Option<Slot> = None;
    for place in [0, SLOT_DISTANCE] {
        let mut bytes = [0; SLOT_LEN];
        match file.read_exact_at(&mut bytes, place) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => continue,
            Err(error) => return Err(error),
        }
        // A slot counts in its own place alone: a page written to the wrong place is damage.
        let slot = Slot::parse(&bytes).filter(|slot| slot.place() == place);
        best = best.into_iter().chain(slot).max_by_key(|slot| slot.counter);
    }
    Ok(best.map_or(Found::Damaged, Found::Mark))
}

/// Makes the file anew, with `slot` in it.
pub(super) fn create(path: &Path, slot: Slot) -> io::Result<()> {
    let before = Slot { counter: slot.counter.wrapping_sub(1), ..slot };
    let mut bytes = vec![0; 2 * usize::try_from(SLOT_DISTANCE).map_err(io::Error::other)?];
    for slot in [before, slot] {
        let place = usize::try_from(slot.place()).map_err(io::Error::other)?;
        for (to, from) in bytes.iter_mut().skip(place).zip(slot.bytes()) {
            *to = from;
        }
    }
    write_whole(path, &bytes)
}

#[derive(Debug)]
struct State {
    /// What was told last.
    told: Sequence,
    /// What is on disk.
    written: Slot,
    /// When the write that is under way began.
    writing_since: Option<Instant>,
    stop: bool,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    moved: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes the mark behind what it is told, on a thread of its own.
#[derive(Debug)]
pub(super) struct Keeper {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Keeper {
    /// Starts to keep the mark in the file at `path`, which holds `written`.
    pub(super) fn start(
        path: &Path,
        written: Slot,
        period: Duration,
        on_failure: impl FnOnce(io::Error) + Send + 'static,
    ) -> io::Result<Self> {
        let file = OpenOptions::new().write(true).open(path)?;
        Self::start_on(file, written, period, on_failure)
    }

    fn start_on(
        file: File,
        written: Slot,
        period: Duration,
        on_failure: impl FnOnce(io::Error) + Send + 'static,
    ) -> io::Result<Self> {
        let state = State { told: written.sequence, written, writing_since: None, stop: false };
        let shared = Arc::new(Shared { state: Mutex::new(state), moved: Condvar::new() });
        let keeper = Arc::clone(&shared);
        let thread = thread::Builder::new().name("creneau-mark".to_owned()).spawn(move || {
            if let Err(error) = keep(&keeper, &file, period) {
                on_failure(error);
            }
        })?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Tells that everything up to `sequence` was acknowledged.
    pub(super) fn tell(&self, sequence: Sequence) {
        let mut state = self.shared.lock();
        // The thread sleeps without a limit only while there is nothing to write.
        let asleep = state.told == state.written.sequence;
        if state.told < sequence {
            state.told = sequence;
            if asleep {
                self.shared.moved.notify_all();
            }
        }
    }

    /// Whether a write of the mark has taken longer than it may: then the mark says less and less
    /// of what was acknowledged, and nobody would know.
    pub(super) fn hangs(&self, bound: Duration) -> bool {
        self.shared.lock().writing_since.is_some_and(|since| bound < since.elapsed())
    }

    /// As if the write that is under way had begun long ago.
    #[cfg(test)]
    pub(super) fn write_since(&self, since: Instant) {
        self.shared.lock().writing_since = Some(since);
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.shared.lock().stop = true;
        self.shared.moved.notify_all();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that keeps the mark has panicked");
        }
    }
}

/// The machine's own time: a write to a disk hangs in no other.
pub(super) fn now() -> Instant {
    #[expect(clippy::disallowed_methods, reason = "a write by the system is timed")]
    Instant::now()
}

/// Writes the mark whenever it has moved, at most once in a period, and once more at the end.
fn keep(shared: &Shared, file: &File, period: Duration) -> io::Result<()> {
    loop {
        let idle = |state: &mut State| !state.stop && state.told == state.written.sequence;
        let state = shared.lock();
        let state = shared.moved.wait_while(state, idle).unwrap_or_else(PoisonError::into_inner);
        let waited = shared.moved.wait_timeout_while(state, period, |state| !state.stop);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        let (told, written, stop) = (state.told, state.written, state.stop);
        if told != written.sequence {
            state.writing_since = Some(now());
        }
        // The disk is waited for without the lock: who tells the mark never waits for it.
        drop(state);
        if told != written.sequence {
            let slot = written.next(told);
            file.write_all_at(&slot.bytes(), slot.place())?;
            file.sync_data()?;
            let mut state = shared.lock();
            (state.written, state.writing_since) = (slot, None);
        }
        // What was told before the stop is written by now: nobody can tell any more after it.
        if stop {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::mpsc;

    use super::*;

    const SOON: Duration = Duration::from_millis(1);
    const NEVER: Duration = Duration::from_hours(1);

    fn fresh(slot: Slot) -> (tempfile::TempDir, std::path::PathBuf) {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join(FILE);
        create(&path, slot).unwrap();
        (root, path)
    }

    fn never_fails(error: io::Error) {
        assert_eq!(error.to_string(), "", "no write fails");
    }

    #[test]
    fn the_newer_slot_counts_also_when_it_says_less() {
        for counter in [0, 1, 2, 7] {
            let slot = Slot { sequence: 9, counter };
            let (_root, path) = fresh(slot);
            if counter != 0 {
                assert_eq!(read(&path).unwrap(), Found::Mark(slot));
            }
            let next = slot.next(4);
            let file = OpenOptions::new().write(true).open(&path).unwrap();
            file.write_all_at(&next.bytes(), next.place()).unwrap();
            if counter != 0 {
                assert_eq!(read(&path).unwrap(), Found::Mark(next));
            }
        }
    }

    #[test]
    fn a_torn_slot_leaves_the_other() {
        let slot = Slot { sequence: 100, counter: 5 };
        let next = slot.next(1_000_000);
        for kept in 0..=SLOT_LEN {
            let (_root, path) = fresh(slot);
            let file = OpenOptions::new().write(true).open(&path).unwrap();
            file.write_all_at(&next.bytes()[..kept], next.place()).unwrap();
            // Bytes that are the same in both slots are there anyway.
            let new = next.bytes()[kept..] == slot.bytes()[kept..] || kept == SLOT_LEN;
            let expected = if new { next } else { slot };
            assert_eq!(read(&path).unwrap(), Found::Mark(expected), "{kept} bytes");
        }
    }

    #[test]
    fn two_torn_slots_are_damage() {
        let slot = Slot { sequence: 100, counter: 5 };
        for byte in 0..SLOT_LEN as u64 {
            let (_root, path) = fresh(slot);
            let good = fs::read(&path).unwrap();
            let mut bad = good.clone();
            for place in [byte, byte + SLOT_DISTANCE] {
                bad[usize::try_from(place).unwrap()] ^= 0x10;
            }
            fs::write(&path, &bad).unwrap();
            assert_eq!(read(&path).unwrap(), Found::Damaged, "byte {byte}");
        }
        let (_root, path) = fresh(slot);
        fs::write(&path, "").unwrap();
        assert_eq!(read(&path).unwrap(), Found::Damaged);
        fs::remove_file(&path).unwrap();
        assert_eq!(read(&path).unwrap(), Found::Missing);
    }

    #[test]
    fn a_slot_in_the_place_of_the_other_does_not_count() {
        let slot = Slot { sequence: 100, counter: 5 };
        let (_root, path) = fresh(slot);
        let file = OpenOptions::new().write(true).open(&path).unwrap();
        let misplaced = Slot { sequence: 7, counter: 7 };
        file.write_all_at(&misplaced.bytes(), 0).unwrap();
        assert_eq!(read(&path).unwrap(), Found::Mark(slot));
    }

    #[test]
    fn what_was_told_is_written_soon_and_never_before() {
        let slot = Slot { sequence: 10, counter: 1 };
        let (_root, path) = fresh(slot);
        let keeper = Keeper::start(&path, slot, SOON, never_fails).unwrap();
        for told in 11..60 {
            keeper.tell(told);
            loop {
                let Found::Mark(mark) = read(&path).unwrap() else { continue };
                assert!(mark.sequence <= told, "{mark:?} is ahead of {told}");
                if mark.sequence == told {
                    break;
                }
                thread::yield_now();
            }
            keeper.tell(told - 5);
        }
    }

    #[test]
    fn the_last_mark_is_written_at_the_end() {
        let slot = Slot { sequence: 10, counter: 1 };
        let (_root, path) = fresh(slot);
        let keeper = Keeper::start(&path, slot, NEVER, never_fails).unwrap();
        for told in [12, 19, 15] {
            keeper.tell(told);
        }
        assert_eq!(read(&path).unwrap(), Found::Mark(slot), "the period is not over");
        drop(keeper);
        assert_eq!(read(&path).unwrap(), Found::Mark(slot.next(19)));
    }

    #[test]
    fn a_failed_write_is_told() {
        let slot = Slot { sequence: 10, counter: 1 };
        let (_root, path) = fresh(slot);
        let (send, receive) = mpsc::channel();
        // No write to a file opened for reading succeeds.
        let file = File::open(&path).unwrap();
        let keeper = Keeper::start_on(file, slot, SOON, move |error| {
            send.send(error).unwrap();
        });
        let keeper = keeper.unwrap();
        keeper.tell(11);
        receive.recv_timeout(Duration::from_secs(10)).unwrap();
        keeper.tell(12);
    }
}
