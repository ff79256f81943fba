//! Holds an implementation to the contract of [the journal](super).
//!
//! What no call can provoke is left to tests of each implementation: a crash at any byte, a
//! write that fails, another writer.
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "these are tests to be called")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::{AppendError, Frame, Journal, JournalReader, Sequence, Tail, frame};
use crate::limits::COMMIT_BYTES_MAX;

/// Entries in each of the frames that are appended first.
const ENTRIES: [u8; 6] = [1, 3, 1, 7, 2, 5];

/// Frames that are appended while another thread reads.
const RACED: u8 = 40;

/// More bytes than all frames here have together.
const EVERYTHING: usize = usize::MAX;

/// Holds a journal to the contract.
///
/// The first call of `open` opens an empty journal, each later one opens the same again, after
/// what the one before had given is dropped.
///
/// # Panics
///
/// When the contract is broken.
pub async fn check(mut open: impl FnMut() -> Box<dyn Journal>) {
    let mut model = Model::default();
    let mut journal = open();
    model.is_shown_by(&*journal.reader());
    appends_are_read(&mut journal, &mut model).await;
    a_reading_begins_anywhere_and_is_bounded(&*journal.reader(), &model);
    what_is_not_expected_leaves_nothing(&mut journal, &mut model).await;
    drop(journal);

    let mut journal = open();
    model.is_shown_by(&*journal.reader());
    let mut journal = {
        the_largest_frame_is_kept(&mut journal, &mut model).await;
        drop(journal);
        open()
    };
    readers_see_whole_frames_in_order(&mut journal, &mut model).await;
    drop(journal);

    let mut journal = open();
    let given_up = model.next(&[b"given up".to_vec()]);
    drop(journal.append(model.tail().sequence + 1, &given_up));
    drop(journal);
    let mut journal = open();
    model.may_hold(given_up, &*journal.reader());
    after_an_error_nothing_is_taken(&mut journal, &model).await;
    drop(journal);
}

/// What the journal must hold.
#[derive(Default)]
struct Model {
    frames: Vec<Vec<u8>>,
}

impl Model {
    fn tail(&self) -> Tail {
        self.frames.last().map_or_else(Tail::default, |bytes| {
            let frame = Frame::parse(bytes).expect("a frame of the model");
            Tail { sequence: frame.last(), hash: frame.hash() }
        })
    }

    fn next(&self, entries: &[Vec<u8>]) -> Vec<u8> {
        let tail = self.tail();
        frame::build(tail.sequence + 1, tail.hash, entries)
    }

    async fn append(&mut self, journal: &mut Box<dyn Journal>, entries: &[Vec<u8>]) {
        let (expected, frame) = (self.tail().sequence + 1, self.next(entries));
        assert_eq!(journal.append(expected, &frame).await, Ok(()), "an append at {expected}");
        self.frames.push(frame);
        journal.mark(self.tail().sequence);
    }

    /// The frames from the one that holds `from` on.
    fn from(&self, from: Sequence) -> &[Vec<u8>] {
        let before = |bytes: &Vec<u8>| Frame::parse(bytes).expect("a frame").last() < from;
        &self.frames[self.frames.partition_point(before)..]
    }

    fn is_shown_by(&self, reader: &dyn JournalReader) {
        let shown = reader.read(0, EVERYTHING).expect("readable");
        assert!(shown == self.frames, "{} frames, not {}", shown.len(), self.frames.len());
        assert_eq!(reader.tail().as_ref(), Ok(&self.tail()), "the tail");
        is_chained(&shown);
    }

    /// A frame of which nobody knows the outcome is there whole, or it is not there.
    fn may_hold(&mut self, frame: Vec<u8>, reader: &dyn JournalReader) {
        if reader.tail().expect("readable").sequence != self.tail().sequence {
            self.frames.push(frame);
        }
        self.is_shown_by(reader);
    }
}

/// Each frame names the hash of the one before it and begins after its end.
fn is_chained(frames: &[Vec<u8>]) {
    let mut tail = Tail::default();
    for bytes in frames {
        let frame = Frame::parse(bytes).expect("a whole frame");
        assert!(tail.sequence < frame.first(), "{} after {}", frame.first(), tail.sequence);
        assert_eq!(frame.before(), tail.hash, "the chain at {}", frame.first());
        tail = Tail { sequence: frame.last(), hash: frame.hash() };
    }
}

async fn appends_are_read(journal: &mut Box<dyn Journal>, model: &mut Model) {
    // A reader shows what is appended after it was made.
    let reader = journal.reader();
    for (round, entries) in (0u8..).zip(ENTRIES) {
        let entries: Vec<_> = (0..entries).map(|entry| vec![round; usize::from(entry)]).collect();
        model.append(journal, &entries).await;
        model.is_shown_by(&*reader);
    }
}

fn a_reading_begins_anywhere_and_is_bounded(reader: &dyn JournalReader, model: &Model) {
    for from in 0..model.tail().sequence + 3 {
        let expected = model.from(from);
        let read = |bytes_max| reader.read(from, bytes_max).expect("readable");
        assert!(read(EVERYTHING) == expected, "from {from}");
        let mut bytes = 0;
        for (frames, last) in (1..).zip(expected) {
            bytes += last.len();
            assert!(read(bytes) == expected[..frames], "{frames} frames from {from} fit");
            let fewer = (frames - 1).max(1);
            assert!(read(bytes - 1) == expected[..fewer], "{frames} from {from} do not fit");
        }
        assert!(read(0) == expected[..expected.len().min(1)], "at least one from {from}");
    }
}

async fn what_is_not_expected_leaves_nothing(journal: &mut Box<dyn Journal>, model: &mut Model) {
    let (tail, entries) = (model.tail(), [b"fenced".to_vec()]);
    let next = tail.sequence + 1;
    for expected in [1, tail.sequence, next + 1, next + 100] {
        let frame = frame::build(expected, tail.hash, &entries);
        let fenced = Err(AppendError::Fenced { expected, next });
        assert_eq!(journal.append(expected, &frame).await, fenced, "with {expected}");
        model.is_shown_by(&*journal.reader());
    }
    for first in [tail.sequence, next + 1] {
        let frame = frame::build(first, tail.hash, &entries);
        let appended = journal.append(next, &frame).await;
        assert!(appended.is_err(), "a frame of {first} under {next}");
        model.is_shown_by(&*journal.reader());
    }
    model.append(journal, &entries).await;
    model.is_shown_by(&*journal.reader());
}

async fn the_largest_frame_is_kept(journal: &mut Box<dyn Journal>, model: &mut Model) {
    let pattern = (0..COMMIT_BYTES_MAX).map(|at| u8::try_from(at % 251).unwrap_or(0));
    model.append(journal, &[pattern.collect(), b"and one more".to_vec()]).await;
    model.append(journal, &[b"small again".to_vec()]).await;
    model.is_shown_by(&*journal.reader());
}

async fn readers_see_whole_frames_in_order(journal: &mut Box<dyn Journal>, model: &mut Model) {
    let from = model.tail().sequence;
    let (reader, done) = (journal.reader(), Arc::new(AtomicBool::new(false)));
    let (watched, begun) = (Arc::clone(&done), Arc::new(AtomicBool::new(false)));
    let started = Arc::clone(&begun);
    let watcher = thread::spawn(move || {
        let mut seen: Vec<Vec<u8>> = Vec::new();
        loop {
            let last = watched.load(Ordering::SeqCst);
            let tail = reader.tail().expect("readable").sequence;
            let read = reader.read(from, EVERYTHING).expect("readable");
            assert!(read.starts_with(&seen), "what was shown once is shown again");
            let end = Frame::parse(&read[read.len() - 1]).expect("a whole frame").last();
            assert!(tail <= end, "the tail was {tail}, the last frame ends at {end}");
            seen = read;
            started.store(true, Ordering::SeqCst);
            if last {
                return seen;
            }
        }
    });
    while !begun.load(Ordering::SeqCst) && !watcher.is_finished() {
        thread::yield_now();
    }
    for round in 0..RACED {
        model.append(journal, &[vec![round; 100], vec![round; 3_000]]).await;
        model.append(journal, &[vec![round; 40_000]]).await;
    }
    done.store(true, Ordering::SeqCst);
    let seen = watcher.join().expect("the reader saw whole frames in order");
    assert!(seen == model.from(from), "in the end all are shown");
    model.is_shown_by(&*journal.reader());
}

async fn after_an_error_nothing_is_taken(journal: &mut Box<dyn Journal>, model: &Model) {
    let (next, good) = (model.tail().sequence + 1, model.next(&[b"late".to_vec()]));
    let cut = &good[..good.len() - 1];
    let unknown = |appended| matches!(appended, Err(AppendError::Unknown(_)));
    assert!(unknown(journal.append(next, cut).await), "a frame cut short");
    for _ in 0..3 {
        assert!(unknown(journal.append(next, &good).await), "an append after an error");
    }
    // What was there can still be read.
    model.is_shown_by(&*journal.reader());
}
