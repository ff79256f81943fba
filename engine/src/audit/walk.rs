//! A journal read from its first frame to its last, across whatever is damaged.

use super::followed::Followed;
use super::model::Model;
use super::report::{FaultKind, Faults};
use crate::journal::{Frame, FrameHash, JournalReader, Sequence, frame};

/// Bytes of the journal that are read at once.
const READ_BYTES: usize = 4 << 20;

/// Bytes that are read at once at most, where there is nothing but damage.
const READ_BYTES_MAX: usize = 64 << 20;

/// How far beyond a place that cannot be read the rest is looked for, in entries: 2 to the power
/// of this.
const LEAPS_MAX: u32 = 40;

/// Takes frames in order, and tells what does not fit.
pub(super) struct Walk<'a, 'b> {
    pub(super) model: &'a mut Model,
    followed: &'a mut Followed<'b>,
    pub(super) faults: &'a mut Faults,
    /// The sequence that comes next.
    next: Sequence,
    /// The hash of the frame before; none where that frame is not known.
    before: Option<FrameHash>,
    /// The frames after the last good one that were told of.
    told: Vec<FrameHash>,
    pub(super) entries: u64,
}

impl<'a, 'b> Walk<'a, 'b> {
    pub(super) fn new(
        model: &'a mut Model,
        followed: &'a mut Followed<'b>,
        faults: &'a mut Faults,
    ) -> Self {
        let (before, told) = (Some(FrameHash::default()), Vec::new());
        Self { model, followed, faults, next: 1, before, told, entries: 0 }
    }

    /// The last sequence that was read.
    pub(super) fn last(&self) -> Sequence {
        self.next - 1
    }

    /// Reads everything. `about_to_take` sees the model and the first sequence of each frame
    /// before the frame is taken.
    pub(super) fn run(
        &mut self,
        reader: &dyn JournalReader,
        mut about_to_take: impl FnMut(&mut Model, &mut Faults, Sequence),
    ) {
        let (mut bytes_max, mut count_before) = (READ_BYTES, 0);
        loop {
            let from = self.next;
            let frames = match reader.read(from, bytes_max) {
                Ok(frames) => frames,
                Err(error) => {
                    self.faults.add(FaultKind::Damaged, from, error.to_string());
                    let Some(after) = self.resume(reader) else { return };
                    let what = format!("entries {from} to {} are lost with it", after - 1);
                    self.faults.add(FaultKind::Missing, from, what);
                    self.skip_to(after);
                    continue;
                }
            };
            for bytes in &frames {
                match Frame::parse(bytes) {
                    Ok(frame) if self.next <= frame.last() => {
                        about_to_take(self.model, self.faults, frame.first());
                        self.frame(&frame);
                    }
                    Ok(frame) => {
                        let what = format!("the frame of {} stands here again", frame.first());
                        self.unreadable(bytes, what);
                    }
                    Err(error) => self.unreadable(bytes, error.to_string()),
                }
            }
            if from < self.next {
                (bytes_max, count_before) = (READ_BYTES, 0);
                continue;
            }
            // Nothing but frames that cannot be parsed: what follows them lies further on.
            let more = count_before < frames.len() || bytes_max < READ_BYTES_MAX;
            if frames.is_empty() || !more {
                return;
            }
            (bytes_max, count_before) = (bytes_max.saturating_mul(2), frames.len());
        }
    }

    /// Tells of a frame that cannot be taken, once, however often it is read.
    fn unreadable(&mut self, bytes: &[u8], what: String) {
        let hash = frame::hash(bytes);
        if !self.told.contains(&hash) {
            self.told.push(hash);
            self.faults.add(FaultKind::Damaged, self.next, what);
        }
        self.before = None;
    }

    fn skip_to(&mut self, next: Sequence) {
        self.model.gap(next);
        self.followed.gap();
        (self.next, self.before) = (next, None);
    }

    fn frame(&mut self, frame: &Frame<'_>) {
        let (first, expected) = (frame.first(), self.next);
        if expected < first {
            let what = format!("entries {expected} to {} are missing", first - 1);
            self.faults.add(FaultKind::Missing, expected, what);
            self.skip_to(first);
        } else if first < expected {
            let what = format!("a frame begins at {first}, though {expected} was to come next");
            self.faults.add(FaultKind::Damaged, expected, what);
        } else if self.before.is_some_and(|before| before != frame.before()) {
            let what = match first {
                1 => "the first frame does not begin the chain of hashes".to_owned(),
                _ => "the frame does not continue the one before it: one of the two is not what \
                      was written"
                    .to_owned(),
            };
            self.faults.add(FaultKind::Damaged, first, what);
        }
        for (sequence, payload) in frame.entries().filter(|(sequence, _)| expected <= *sequence) {
            self.entries += 1;
            match frame.decode(payload) {
                Ok(entry) => {
                    self.model.take(sequence, &entry, self.faults);
                    self.followed.take(sequence, &entry);
                }
                Err(error) => {
                    self.faults.add(FaultKind::Damaged, sequence, error.to_string());
                    self.model.gap(sequence + 1);
                    self.followed.gap();
                }
            }
        }
        (self.next, self.before) = (frame.last() + 1, Some(frame.hash()));
        self.told.clear();
    }

    /// The first sequence after `next` from which the journal can be read again.
    fn resume(&self, reader: &dyn JournalReader) -> Option<Sequence> {
        // None where it fails; where it works, what stands there, which at its end is nothing.
        let reads = |from: Sequence| {
            let frames = reader.read(from, 1).ok()?;
            let first = |bytes: &Vec<u8>| Frame::parse(bytes).map_or(from, |frame| frame.first());
            Some(frames.first().map(|bytes| first(bytes).max(from)))
        };
        let mut fails = self.next;
        for leap in 0..LEAPS_MAX {
            let mut works = self.next.checked_add(1 << leap)?;
            if let Some(found) = reads(works) {
                let mut first = found;
                // What lies between the last failure and the first success is searched by halves.
                while fails + 1 < works {
                    let middle = fails + (works - fails) / 2;
                    match reads(middle) {
                        Some(found) => (works, first) = (middle, found),
                        None => fails = middle,
                    }
                }
                return first;
            }
            fails = works;
        }
        None
    }
}
