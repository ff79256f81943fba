//! A simulated disk under a journal of the engine's own frames.
//!
//! The log is bytes: each frame after its length in four bytes. A write reaches the medium when
//! its sync returns; a crash keeps what was synced and any number of the bytes after it. On
//! opening, what does not add up at the end is cut off. The mark lies apart and lags behind.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::random::Dice;
use crate::journal::{
    AppendError, Appending, Frame, FrameHash, Journal, JournalReader, ReadError, Sequence, Tail,
};
use crate::limits::MARK_PERIOD_MS;

/// Bytes of a frame's length in the log.
const LENGTH_BYTES: usize = 4;

/// How a disk behaves, in milliseconds and thousandths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pace {
    /// A usual sync takes up to this many milliseconds.
    pub usual_ms: u64,
    /// A slow one takes up to this many.
    pub slow_ms: u64,
    /// How many of a thousand syncs are slow.
    pub slow: u64,
    /// How many of ten thousand writes fail.
    pub errors: u64,
    /// How many of ten thousand hang for longer than any engine waits.
    pub hangs: u64,
    /// During how many of ten thousand the power fails.
    pub crashes: u64,
}

impl Pace {
    /// A disk without faults.
    #[must_use]
    pub const fn calm() -> Self {
        Self { usual_ms: 3, slow_ms: 0, slow: 0, errors: 0, hangs: 0, crashes: 0 }
    }
}

super::counted::counted! {
    /// What a disk has been through.
    pub struct DiskCounts {
        /// Writes.
        pub appends,
        /// Writes that were slow.
        pub slow,
        /// Writes that failed.
        pub errors,
        /// Writes that hung.
        pub hangs,
        /// Crashes that left part of a frame.
        pub torn,
        /// Torn frames whose rest was there as zeros.
        pub zeros,
        /// Crashes that lost a whole frame or more.
        pub lost,
        /// Crashes that kept all of an unacknowledged frame.
        pub kept,
    }
}

/// What shall become of one write.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Synced { ms: u64 },
    Failed { ms: u64 },
    Crash { ms: u64, synced: bool },
}

struct Place {
    last: Sequence,
    at: usize,
    len: usize,
    hash: FrameHash,
}

struct State {
    dice: Dice,
    pace: Pace,
    bytes: Vec<u8>,
    synced: usize,
    /// Every frame that can be read.
    places: Vec<Place>,
    marked: Sequence,
    /// When the oldest mark was told that is not written yet, and the newest one.
    told: Option<(Instant, Sequence)>,
    /// Tells one opening from another.
    opening: u64,
    failed: bool,
    longest_ms: u64,
    counts: DiskCounts,
}

/// A simulated disk. Its clones are the same disk.
#[derive(Clone)]
pub struct SimDisk {
    state: Arc<Mutex<State>>,
    power_fails: Arc<Notify>,
}

/// The writing end of a journal on a [`SimDisk`].
pub struct SimJournal {
    disk: SimDisk,
    opening: u64,
}

impl SimDisk {
    /// An empty disk without faults.
    #[must_use]
    pub fn new(dice: Dice) -> Self {
        let state = State {
            dice,
            pace: Pace::calm(),
            bytes: Vec::new(),
            synced: 0,
            places: Vec::new(),
            marked: 0,
            told: None,
            opening: 0,
            failed: false,
            longest_ms: 0,
            counts: DiskCounts::default(),
        };
        Self { state: Arc::new(Mutex::new(state)), power_fails: Arc::default() }
    }

    fn locked(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes how it behaves from now on.
    pub fn set_pace(&self, pace: Pace) {
        self.locked().pace = pace;
    }

    /// Waits until a write meets with a power failure. Who waits has to call [`SimDisk::crash`].
    pub async fn power_fails(&self) {
        self.power_fails.notified().await;
    }

    /// Has the power fail now.
    pub fn crash_at_once(&self) {
        self.power_fails.notify_one();
    }

    /// All bytes of the log.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        self.locked().bytes.clone()
    }

    /// The bytes of the log from `at` on; none beyond its end.
    #[must_use]
    pub fn bytes_from(&self, at: usize) -> Vec<u8> {
        self.locked().bytes.get(at..).map(<[u8]>::to_vec).unwrap_or_default()
    }

    /// The last sequence that is written, durable or not.
    #[must_use]
    pub fn end(&self) -> Sequence {
        self.locked().tail().sequence
    }

    /// Puts other bytes and another mark in place of what is there.
    pub fn replace(&self, bytes: Vec<u8>, marked: Sequence) {
        let mut state = self.locked();
        (state.bytes, state.marked, state.told) = (bytes, marked, None);
    }

    /// The mark as it is written.
    #[must_use]
    pub fn marked(&self) -> Sequence {
        self.locked().marked
    }

    /// Whether a write has failed or hung since the last opening.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.locked().failed
    }

    /// The longest that a write has taken since the last opening, in milliseconds.
    #[must_use]
    pub fn longest_ms(&self) -> u64 {
        self.locked().longest_ms
    }

    /// What it has been through.
    #[must_use]
    pub fn counts(&self) -> DiskCounts {
        self.locked().counts
    }

    /// Cuts the power: of what was not synced, any number of bytes remains.
    pub fn crash(&self) {
        let mut state = self.locked();
        state.settle_mark();
        state.opening += 1;
        state.told = None;
        let (synced, len) = (state.synced, state.bytes.len());
        if synced == len {
            return;
        }
        let keep = match state.dice.below(4) {
            0 => synced,
            1 => len,
            _ => synced + state.dice.place(len - synced + 1),
        };
        state.bytes.truncate(keep);
        if keep == len {
            state.counts.kept += 1;
        } else if keep == synced {
            state.counts.lost += 1;
        } else {
            state.counts.torn += 1;
            // Some file systems have the length of a write before its bytes.
            if state.dice.chance(250) {
                state.bytes.resize(len, 0);
                state.counts.zeros += 1;
            }
        }
        // What a crash has spared is on the medium: no later one takes it.
        state.synced = state.bytes.len();
    }

    /// Opens the log: cuts off what is torn. Gives the journal and the mark.
    #[must_use]
    pub fn open(&self) -> (SimJournal, Sequence) {
        let mut state = self.locked();
        let places = scan(&state.bytes);
        let end = places.last().map_or(0, |place| place.at + place.len);
        state.bytes.truncate(end);
        state.places = places;
        state.synced = end;
        state.told = None;
        state.opening += 1;
        (state.failed, state.longest_ms) = (false, 0);
        (SimJournal { disk: self.clone(), opening: state.opening }, state.marked)
    }
}

/// A frame as it lies in the log, after its length.
#[must_use]
pub fn record(frame: &[u8]) -> Vec<u8> {
    let len = u32::try_from(frame.len()).unwrap_or(u32::MAX);
    [len.to_le_bytes().as_slice(), frame].concat()
}

/// The whole frames at the beginning of a log.
fn scan(bytes: &[u8]) -> Vec<Place> {
    let mut places: Vec<Place> = Vec::new();
    let mut at = 0;
    while let Some(length) = bytes.get(at..).and_then(|rest| rest.first_chunk::<LENGTH_BYTES>()) {
        let start = at + LENGTH_BYTES;
        let len = u32::from_le_bytes(*length) as usize;
        let Some(frame) = bytes.get(start..start.saturating_add(len)) else { break };
        let Ok(parsed) = Frame::parse(frame) else { break };
        let (last, hash) = (parsed.last(), parsed.hash());
        places.push(Place { last, at: start, len, hash });
        at = start + len;
    }
    places
}

/// The frames of a log, without what is torn at its end.
#[must_use]
pub fn frames(bytes: &[u8]) -> Vec<Vec<u8>> {
    let frame = |place: &Place| bytes.get(place.at..place.at + place.len).map(<[u8]>::to_vec);
    scan(bytes).iter().filter_map(frame).collect()
}

/// Where the first frame of a log ends, and its hash, if it is whole.
#[must_use]
pub fn first(bytes: &[u8]) -> Option<(usize, FrameHash)> {
    let length = bytes.first_chunk::<LENGTH_BYTES>()?;
    let end = LENGTH_BYTES.checked_add(u32::from_le_bytes(*length) as usize)?;
    let frame = Frame::parse(bytes.get(LENGTH_BYTES..end)?).ok()?;
    Some((end, frame.hash()))
}

/// Where each frame of a log ends.
#[must_use]
pub fn frame_ends(bytes: &[u8]) -> Vec<usize> {
    scan(bytes).iter().map(|place| place.at + place.len).collect()
}

impl State {
    /// Writes the mark if its time has come.
    fn settle_mark(&mut self) {
        if let Some((since, told)) = self.told
            && Duration::from_millis(MARK_PERIOD_MS) <= since.elapsed()
        {
            (self.marked, self.told) = (told, None);
        }
    }

    fn fate(&mut self) -> Fate {
        let Pace { usual_ms, slow_ms, slow, errors, hangs, crashes } = self.pace.clone();
        let throw = self.dice.below(10_000);
        let mut ms = self.dice.below(usual_ms + 1);
        if self.dice.chance(slow) {
            ms = self.dice.between(usual_ms, slow_ms.max(usual_ms));
            self.counts.slow += 1;
        }
        // Also what ends in a failure or a crash holds up what comes after it.
        self.longest_ms = self.longest_ms.max(ms);
        if throw < errors {
            self.counts.errors += 1;
            return Fate::Failed { ms };
        }
        if throw < errors + hangs {
            self.counts.hangs += 1;
            self.failed = true;
            let ms = self.dice.between(15_000, 90_000);
            return if self.dice.chance(500) { Fate::Failed { ms } } else { Fate::Synced { ms } };
        }
        if throw < errors + hangs + crashes {
            return Fate::Crash { ms, synced: self.dice.chance(500) };
        }
        Fate::Synced { ms }
    }

    /// Writes a frame where no crash spares it yet.
    fn write(&mut self, frame: &[u8], parsed: &Frame<'_>) {
        let at = self.bytes.len() + LENGTH_BYTES;
        self.bytes.extend_from_slice(&record(frame));
        let (last, hash) = (parsed.last(), parsed.hash());
        self.places.push(Place { last, at, len: frame.len(), hash });
        self.counts.appends += 1;
    }

    fn tail(&self) -> Tail {
        let tail = |place: &Place| Tail { sequence: place.last, hash: place.hash };
        self.places.last().map_or_else(Tail::default, tail)
    }
}

impl SimJournal {
    fn begin(&self, expected: Sequence, frame: &[u8]) -> Result<Fate, AppendError> {
        let unknown = |why: &str| AppendError::Unknown(why.to_owned());
        let mut state = self.disk.locked();
        if state.opening != self.opening {
            return Err(unknown("the power has failed"));
        }
        if state.failed || state.synced != state.bytes.len() {
            return Err(unknown("an earlier write failed"));
        }
        let parsed = Frame::parse(frame).map_err(|error| {
            state.failed = true;
            unknown(&error.to_string())
        })?;
        let next = state.tail().sequence + 1;
        if next != expected || parsed.first() != expected {
            return Err(AppendError::Fenced { expected, next });
        }
        state.write(frame, &parsed);
        Ok(state.fate())
    }

    fn synced(&self) {
        let mut state = self.disk.locked();
        if state.opening == self.opening {
            state.synced = state.bytes.len();
        }
    }

    async fn append_slowly(&self, expected: Sequence, frame: &[u8]) -> Result<(), AppendError> {
        let fate = self.begin(expected, frame)?;
        let (Fate::Synced { ms } | Fate::Failed { ms } | Fate::Crash { ms, .. }) = fate;
        if 0 < ms {
            tokio::time::sleep(Duration::from_millis(ms)).await;
        }
        match fate {
            Fate::Synced { .. } => {
                self.synced();
                Ok(())
            }
            Fate::Failed { .. } => {
                self.disk.locked().failed = true;
                Err(AppendError::Unknown("the disk failed".to_owned()))
            }
            Fate::Crash { synced, .. } => {
                if synced {
                    self.synced();
                }
                self.disk.power_fails.notify_one();
                std::future::pending().await
            }
        }
    }
}

impl Journal for SimJournal {
    fn append<'a>(&'a mut self, expected: Sequence, frame: &'a [u8]) -> Appending<'a> {
        Box::pin(self.append_slowly(expected, frame))
    }

    fn mark(&mut self, durable: Sequence) {
        let mut state = self.disk.locked();
        if state.opening == self.opening {
            state.settle_mark();
            let since = state.told.map_or_else(Instant::now, |(since, _)| since);
            state.told = Some((since, durable));
        }
    }

    fn reader(&self) -> Arc<dyn JournalReader> {
        Arc::new(self.disk.clone())
    }

    fn blocks(&self) -> bool {
        false
    }
}

impl Drop for SimJournal {
    fn drop(&mut self) {
        let mut state = self.disk.locked();
        if state.opening == self.opening
            && let Some((_, told)) = state.told.take()
        {
            state.marked = told;
        }
    }
}

impl JournalReader for SimDisk {
    fn read(&self, from: Sequence, bytes_max: usize) -> Result<Vec<Vec<u8>>, ReadError> {
        let state = self.locked();
        let begin = state.places.partition_point(|place| place.last < from);
        let mut read: Vec<Vec<u8>> = Vec::new();
        let mut bytes = 0usize;
        for place in state.places.iter().skip(begin) {
            if !read.is_empty() && bytes_max < bytes.saturating_add(place.len) {
                break;
            }
            bytes += place.len;
            read.extend(state.bytes.get(place.at..place.at + place.len).map(<[u8]>::to_vec));
        }
        Ok(read)
    }

    fn tail(&self) -> Result<Tail, ReadError> {
        Ok(self.locked().tail())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn conforms_to_the_contract_of_the_journal() {
        let disk = SimDisk::new(Dice::new(7));
        crate::journal::conformance::check(|| Box::new(disk.open().0)).await;
    }
}
