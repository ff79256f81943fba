//! Every way in which a crash can cut a record, and what must come of each.
//!
//! A crash falls between two operations of the record. What was synced is there. Of what was not,
//! every subset that the contracts allow may be there:
//!
//! - the frame that is being written: nothing, all of it, or its beginning up to any of its field
//!   edges, with nothing or zeros after it;
//! - the mark: any that was told, or none;
//! - derived rows: the batches up to any of them, for a crash that undoes one undoes all after it.
//!
//! The journal is opened by the simulated disk with the engine's own parser, and recovered by the
//! engine itself. A torn frame leaves the same bytes as one that was never begun, which is checked
//! for each tear; so one recovery stands for all of them. The mark is only compared with the end
//! of the journal, so the newest, which is the hardest to satisfy, stands for the others, but for
//! the chosen workloads, where each is tried.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::act::{Act, Shape, orbit};
use super::play::{Pace, Played, disk, hold_ms, open, play, runtime};
use super::spec::Spec;
use super::tape::Op;
use crate::journal::frame::{self, Frame};
use crate::journal::{FrameHash, Sequence};
use crate::storage::memory::MemoryStore;
use crate::storage::{Mutation, Store};
use crate::testing::disk::{frame_ends, record};
use crate::testing::model::Model;

/// How closely crashes are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Care {
    /// Frames torn at field edges, the newest mark.
    Edges,
    /// Frames torn at every byte, every mark.
    Bytes,
}

/// What was looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Workloads whose last act was cut.
    pub workloads: u64,
    /// Workloads that these stand for, under all names.
    pub stand_for: u64,
    /// Boundaries between two operations of a disk at which a crash fell.
    pub boundaries: u64,
    /// Torn frames that were opened.
    pub tears: u64,
    /// States of a disk after a crash.
    pub states: u64,
    /// Engines that were opened on them.
    pub recoveries: u64,
}

impl Counts {
    /// Adds others up.
    pub fn add(&mut self, other: &Self) {
        self.workloads += other.workloads;
        self.stand_for += other.stand_for;
        self.boundaries += other.boundaries;
        self.tears += other.tears;
        self.states += other.states;
        self.recoveries += other.recoveries;
    }
}

/// What a crash leaves.
struct Left<'a> {
    log: Vec<u8>,
    marked: Sequence,
    /// Batches of derived rows.
    stored: &'a [Vec<Mutation>],
    /// When, in milliseconds since the beginning.
    ms: u64,
}

/// What had happened by a boundary.
#[derive(Clone, Default)]
struct Reached {
    frames: Vec<Vec<u8>>,
    pending: Option<Vec<u8>>,
    marks: Vec<Sequence>,
    stored: Vec<Vec<Mutation>>,
    ms: u64,
}

impl Reached {
    fn take(&mut self, ms: u64, op: &Op) {
        self.ms = ms;
        match op {
            Op::Writing(frame) => self.pending = Some(frame.clone()),
            Op::Synced => self.frames.extend(self.pending.take()),
            Op::Marked(mark) if self.marks.last() != Some(mark) => self.marks.push(*mark),
            Op::Stored(batch) => self.stored.push(batch.clone()),
            Op::Asked(_) | Op::Told | Op::Marked(_) => {}
        }
    }

    fn newest_mark(&self) -> Sequence {
        self.marks.last().copied().unwrap_or(0)
    }
}

/// A workload whose last act is cut.
struct Case<'a> {
    pace: Pace,
    care: Care,
    workload: &'a [Act],
    played: Played,
    /// Where the journal ended when the last act began, and when that was.
    tail_before: Sequence,
    began_ms: u64,
    counts: Counts,
}

/// Plays a workload, has the power fail at every boundary of its last act, and recovers.
///
/// # Errors
///
/// The first broken promise.
pub fn examine(shape: Shape, pace: Pace, care: Care, workload: &[Act]) -> Result<Counts, String> {
    let told = |what: String| format!("{shape:?} {pace:?} {workload:?}: {what}");
    let played = play(shape, pace, workload).map_err(told)?;
    let counts = Counts {
        workloads: 1,
        stand_for: orbit(workload, shape).len() as u64,
        ..Counts::default()
    };
    let mut case = Case { pace, care, workload, played, tail_before: 0, began_ms: 0, counts };
    case.cut_last_act().and_then(|()| case.cut_groups()).map_err(told)?;
    Ok(case.counts)
}

/// The bytes of a log that holds these frames.
fn log_of(frames: &[Vec<u8>]) -> Vec<u8> {
    frames.iter().flat_map(|frame| record(frame)).collect()
}

impl Case<'_> {
    /// A crash at every boundary from the beginning of the last act on.
    fn cut_last_act(&mut self) -> Result<(), String> {
        let last = self.workload.len().saturating_sub(1);
        let ops = self.played.ops.clone();
        let mut reached = Reached::default();
        let mut began = false;
        for (ms, op) in &ops {
            reached.take(*ms, op);
            if matches!(op, Op::Asked(number) if *number == last) {
                began = true;
                (self.tail_before, self.began_ms) = (tail_of(&reached.frames), *ms);
            }
            if began {
                self.cut_at(&reached, op).map_err(|what| format!("after {op:?}: {what}"))?;
            }
        }
        let model = Model::read(&log_of(&reached.frames), hold_ms())?;
        let end = tail_of(&reached.frames);
        if end != model.tail {
            return Err(format!("the model ends at {}, not {end}", model.tail));
        }
        Ok(())
    }

    fn cut_at(&mut self, reached: &Reached, op: &Op) -> Result<(), String> {
        self.counts.boundaries += 1;
        let all = reached.stored.len();
        let outcomes = match &reached.pending {
            None => 1,
            Some(frame) => 2 + self.tear(&reached.frames, frame)?,
        };
        self.count_states(reached, outcomes);
        match op {
            Op::Writing(frame) => {
                self.recover(reached, reached.frames.clone(), all, reached.ms)?;
                let mut whole = reached.frames.clone();
                whole.push(frame.clone());
                for stored in 0..=all {
                    self.recover(reached, whole.clone(), stored, reached.ms)?;
                }
                Ok(())
            }
            // Elsewhere the journal is as it was at the boundary before.
            Op::Asked(_) | Op::Stored(_) => {
                self.recover(reached, reached.frames.clone(), all, reached.ms)
            }
            Op::Synced | Op::Marked(_) | Op::Told => Ok(()),
        }
    }

    fn count_states(&mut self, reached: &Reached, outcomes: u64) {
        let marks = reached.marks.len() as u64 + 1;
        self.counts.states += outcomes * marks * (reached.stored.len() as u64 + 1);
    }

    /// The last entries as if they had been one group commit, of each size: whole, and torn.
    fn cut_groups(&mut self) -> Result<(), String> {
        let ops = self.played.ops.clone();
        let mut reached = Reached::default();
        // What was reached before each frame was written.
        let mut before: Vec<(Reached, Vec<u8>)> = Vec::new();
        for (ms, op) in &ops {
            match op {
                Op::Writing(frame) => before.push((reached.clone(), frame.clone())),
                // What one act waits for and what ends by itself stand in no commit together.
                Op::Asked(number) if self.workload.get(*number) == Some(&Act::Wait) => {
                    before.clear();
                }
                Op::Asked(0) => before.clear(),
                _ => {}
            }
            reached.take(*ms, op);
        }
        if tail_of(&reached.frames) <= self.tail_before || self.workload.last() == Some(&Act::Wait)
        {
            return Ok(());
        }
        let frames: Vec<Vec<u8>> = before.iter().map(|(_, frame)| frame.clone()).collect();
        for (place, (reached_then, _)) in before.iter().enumerate().rev().skip(1) {
            let group = grouped(frames.get(place..).unwrap_or_default())?;
            self.counts.boundaries += 1;
            let outcomes = 2 + self.tear(&reached_then.frames, &group)?;
            self.count_states(reached_then, outcomes);
            let mut whole = reached_then.frames.clone();
            whole.push(group);
            for stored in 0..=reached_then.stored.len() {
                self.recover(reached_then, whole.clone(), stored, reached.ms)
                    .map_err(|what| format!("as one commit from {place}: {what}"))?;
            }
        }
        Ok(())
    }

    /// Tears a frame: what is left is as if it had never been begun. Gives how often.
    fn tear(&mut self, before: &[Vec<u8>], frame: &[u8]) -> Result<u64, String> {
        let whole = record(frame);
        let base = match self.care {
            Care::Edges => Vec::new(),
            Care::Bytes => log_of(before),
        };
        let ends = frame_ends(&base);
        let edges: Vec<usize> = match self.care {
            Care::Edges => edges(frame),
            Care::Bytes => (1..whole.len()).collect(),
        };
        let mut torn = base.clone();
        for edge in &edges {
            for zeros in [false, true] {
                torn.truncate(base.len());
                torn.extend_from_slice(whole.get(..*edge).unwrap_or_default());
                if zeros {
                    torn.resize(base.len() + whole.len(), 0);
                }
                // The last bytes of a frame may be zeros of their own.
                let is_whole = zeros && torn.get(base.len()..) == Some(whole.as_slice());
                if !is_whole && frame_ends(&torn) != ends {
                    return Err(format!("a frame torn at {edge}, zeros {zeros}, was taken"));
                }
            }
        }
        let tears = 2 * edges.len() as u64;
        self.counts.tears += tears;
        Ok(tears)
    }

    /// Recovers what a crash leaves: these frames, and some batches of derived rows.
    fn recover(
        &mut self,
        reached: &Reached,
        frames: Vec<Vec<u8>>,
        stored: usize,
        ms: u64,
    ) -> Result<(), String> {
        let marks: BTreeSet<Sequence> = match self.care {
            Care::Edges => BTreeSet::from([reached.newest_mark()]),
            Care::Bytes => reached.marks.iter().copied().chain([0]).collect(),
        };
        // A command that leaves no trace is as good as lost: it has to be asked again.
        let lost = tail_of(&frames) <= self.tail_before;
        let stored = reached.stored.get(..stored).unwrap_or_default();
        for marked in marks {
            let left = Left { log: log_of(&frames), marked, stored, ms };
            self.is_right(&left, lost).map_err(|what| {
                let (frames, stored) = (frames.len(), stored.len());
                format!("{frames} frames, {stored} batches, mark {marked}: {what}")
            })?;
        }
        Ok(())
    }

    /// Opens an engine on what is left. `lost` says that the last act is not in it.
    fn is_right(&mut self, left: &Left<'_>, lost: bool) -> Result<(), String> {
        self.counts.recoveries += 1;
        let disk = disk();
        disk.replace(left.log.clone(), left.marked);
        let store = MemoryStore::default();
        for batch in left.stored {
            store.write(batch.clone()).map_err(|error| error.to_string())?;
        }
        let played = &self.played;
        let acts = self.workload.len();
        let last = self.workload.last().copied();
        // A deadline that has passed ends its hold, whether the end was written or not.
        let waited = last == Some(Act::Wait) && self.began_ms < left.ms;
        let spec = played.specs.get(if lost && !waited { acts.saturating_sub(1) } else { acts });
        let mut spec: Spec = spec.cloned().ok_or("there is no such state")?;
        let mut names = played.names.clone();
        runtime()?.block_on(async {
            let (journal, marked) = disk.open();
            let store = Arc::new(store);
            let engine = open(self.pace, Box::new(journal), store, marked, left.ms).await?;
            names.compare(&engine, &spec).await?;
            // Whoever was cut off asks again, under the same name.
            let Some(ask) = played.asks.last().cloned().flatten() else { return Ok(()) };
            let again = match last {
                Some(act) if lost => act,
                Some(act @ Act::Repeat(_)) => act,
                _ => Act::Repeat(u8::try_from(acts.saturating_sub(1)).unwrap_or(u8::MAX)),
            };
            if lost {
                names.holds.truncate(spec.bookings().len());
            }
            let told = names.said(&Box::pin(ask.put_to(&engine)).await)?;
            let promised = spec.act(again);
            if told != promised {
                return Err(format!("again it was told {told:?}, not {promised:?}"));
            }
            names.compare(&engine, &spec).await
        })
    }
}

/// The sequence of the last entry of these frames.
fn tail_of(frames: &[Vec<u8>]) -> Sequence {
    frames.last().and_then(|frame| Some(Frame::parse(frame).ok()?.last())).unwrap_or(0)
}

/// One frame with the entries of several.
fn grouped(frames: &[Vec<u8>]) -> Result<Vec<u8>, String> {
    let parsed: Result<Vec<Frame<'_>>, _> = frames.iter().map(|it| Frame::parse(it)).collect();
    let parsed = parsed.map_err(|error| error.to_string())?;
    let first = parsed.first().ok_or("a group of none")?;
    let (sequence, before): (Sequence, FrameHash) = (first.first(), first.before());
    let entries = parsed.iter().flat_map(Frame::entries).map(|(_, entry)| entry);
    Ok(frame::build(sequence, before, &entries.collect::<Vec<_>>()))
}

/// Bytes of a frame's length in the log.
const LENGTH: usize = 4;

/// Where the fields of a frame's header end; see [`frame`].
const HEADER_EDGES: [usize; 8] = [4, 6, 8, 16, 20, 24, 32, 64];

/// Bytes between two edges of an archive: no field that is not text is narrower but for flags, and
/// all lie at multiples of their size.
const WORD: usize = 4;

/// The places within a record at which a field ends, the whole record left out.
fn edges(frame: &[u8]) -> Vec<usize> {
    let mut edges: BTreeSet<usize> = BTreeSet::from([1, 2, 3, LENGTH]);
    edges.extend(HEADER_EDGES.map(|edge| LENGTH + edge));
    // Entries: their lengths, their zeros and their archives, all at multiples of a word.
    edges.extend((LENGTH + 64..LENGTH + frame.len()).step_by(WORD));
    edges.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIRMED: [Act; 2] = [Act::Hold { person: 0, slot: 0 }, Act::Confirm(0)];

    fn case() -> (Case<'static>, Reached) {
        let played = play(Shape::OneCalendar, Pace::Brisk, &CONFIRMED).unwrap();
        let mut reached = Reached::default();
        played.ops.iter().for_each(|(ms, op)| reached.take(*ms, op));
        let (pace, care, counts) = (Pace::Brisk, Care::Edges, Counts::default());
        let workload = &CONFIRMED;
        let case = Case { pace, care, workload, played, tail_before: 2, began_ms: 0, counts };
        (case, reached)
    }

    fn judged(change: impl Fn(&mut Vec<Vec<u8>>, &mut Reached, &mut bool)) -> Result<(), String> {
        let (mut case, mut reached) = case();
        let (mut frames, mut lost) = (reached.frames.clone(), false);
        change(&mut frames, &mut reached, &mut lost);
        let (log, marked) = (log_of(&frames), reached.newest_mark());
        case.is_right(&Left { log, marked, stored: &reached.stored, ms: reached.ms }, lost)
    }

    /// Each of these is a fault of the kind that the search is there to find.
    #[test]
    fn what_is_wrong_is_seen() {
        assert_eq!(judged(|_, _, _| {}), Ok(()));
        let ends = |what: Result<(), String>, part: &str| {
            assert!(what.as_ref().is_err_and(|it| it.contains(part)), "{what:?}");
        };
        // An acknowledged frame is gone, as the mark tells.
        ends(judged(|frames, _, _| drop(frames.pop())), "was acknowledged");
        // It is gone, and so is the mark.
        let gone = |frames: &mut Vec<Vec<u8>>, reached: &mut Reached, _: &mut bool| {
            frames.pop();
            reached.marks.clear();
        };
        ends(judged(gone), "booking 0 is");
        // A frame in the middle is gone: what follows is not taken for what was there.
        ends(judged(|frames, _, _| drop(frames.remove(1))), "it does not open");
        // Derived rows lie, and say that they know the end of the journal.
        let lies = |_: &mut Vec<Vec<u8>>, reached: &mut Reached, _: &mut bool| {
            let rows = reached.stored.iter_mut().flatten();
            for row in rows.filter(|row| row.table == crate::storage::Table::Bookings) {
                row.value = None;
            }
        };
        ends(judged(lies), "booking 0 is");
        // What is there was not to be.
        ends(judged(|_, _, lost| *lost = true), "booking 0 is");
    }

    #[test]
    fn a_group_is_one_frame_of_the_same_entries() {
        let (case, reached) = case();
        let group = grouped(&reached.frames).unwrap();
        let frame = Frame::parse(&group).unwrap();
        assert_eq!((frame.first(), frame.last()), (1, 3));
        let tear = |care| Case { care, ..case }.tear(&[], &group).unwrap();
        assert!(100 < tear(Care::Edges));
    }
}
