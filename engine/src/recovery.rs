//! Recovery: what is derived is brought up to the end of the journal.
//!
//! The store says how far it has come. Entries after that are taken in by the same `apply` and the
//! same index as when they were new. A store that the journal does not cover, or that has another
//! form, is dropped and built anew from the whole journal.

use std::collections::BTreeMap;
use std::thread::{Scope, ScopedJoinHandle};

use crate::booking::{Calendar, Event};
use crate::error::Error;
use crate::ids::{CalendarId, HoldId};
use crate::journal::{self, Entry, Frame, FrameHash, JournalReader, ReadError, Sequence, Tail};
use crate::limits::COMMAND_REMEMBERED_MS;
use crate::opening::Opening;
use crate::planted::{self, Bug};
use crate::readers::drop_uncovered;
use crate::runtime::register::IN_MEMORY;
use crate::runtime::{
    Durable, HoldRow, Index, SnapshotRow, decode_definition, decode_hold, hold_of_key,
    write_progress,
};
use crate::storage::{Mutation, Storage, Store, StoreError, Table, for_each_row, for_each_row_of};
use crate::time::Timestamp;

/// Bytes of the journal that are read at once.
const READ_BYTES: usize = 4 << 20;

/// Rows in memory after which they are written down during a replay.
const ROWS_IN_MEMORY_MAX: usize = 200_000;

/// Calendars in memory, and events taken into them, after which their states are written down: it
/// costs the more the more is booked, so it is done more seldom.
const CALENDARS_IN_MEMORY_MAX: usize = 50_000;
const EVENTS_IN_MEMORY_MAX: usize = 500_000;

/// What a start needs to know.
#[derive(Debug)]
pub(crate) struct Recovered {
    /// Where the journal ends.
    pub(crate) tail: Tail,
    /// The last journaled instant.
    pub(crate) last: Option<Timestamp>,
    /// Live holds with their deadlines.
    pub(crate) holds: BTreeMap<HoldId, (Timestamp, HoldRow)>,
    /// Entries that were replayed.
    pub(crate) replayed: u64,
}

/// How far a store has come.
struct Progress {
    indexed: Sequence,
    kept: Sequence,
}

/// Brings the index up to the end of the journal.
pub(crate) fn recover(
    storage: &Storage,
    index: &Index,
    opening: &Opening,
) -> Result<Recovered, Error> {
    let reader = storage.journal.reader();
    let tail = reader.tail()?;
    if tail.sequence < storage.marked && !planted::is(Bug::LostTailAccepted) {
        return Err(Error::TailLost { tail: tail.sequence, marked: storage.marked });
    }
    let progress = match progress(&*storage.store, tail.sequence)? {
        Some(progress) => progress,
        None => {
            storage.store.clear()?;
            // What comes and goes from now on is not known to the store.
            index.rows().live();
            Progress { indexed: 0, kept: 0 }
        }
    };
    drop_uncovered(&*storage.store, tail.sequence)?;
    list_calendars(&*storage.store, index)?;
    list_register(&*storage.store, index)?;
    let holds = live_holds(&*storage.store)?;
    let last = match tail.sequence {
        0 => None,
        last => {
            let entry = journal::read_entry(&*reader, last)?;
            entry.events.last().map(Event::at)
        }
    };
    let from = progress.indexed.min(progress.kept);
    opening.will_replay(from, tail.sequence);
    let Progress { indexed, kept } = progress;
    let (states, beside) = (BTreeMap::new(), storage.journal.blocks());
    let forgotten = last.map(|last| last.plus_ms(-COMMAND_REMEMBERED_MS));
    let mut replay =
        Replay { index, opening, indexed, kept, tail, forgotten, states, taken: 0, holds };
    std::thread::scope(|scope| -> Result<(), Error> {
        let mut flusher = Flusher { index, scope: beside.then_some(scope), under_way: None };
        replay.run(&*reader, from, &mut flusher)?;
        replay.keep_states(tail.sequence);
        flusher.flush(replay.progress(tail.sequence))?;
        Ok(flusher.wait()?)
    })?;
    let Replay { holds, .. } = replay;
    Ok(Recovered { tail, last, holds, replayed: tail.sequence - from })
}

/// Writes rows down, where it may block on a thread of its own beside the replay.
struct Flusher<'scope, 'env> {
    index: &'env Index,
    scope: Option<&'scope Scope<'scope, 'env>>,
    under_way: Option<ScopedJoinHandle<'scope, Result<(), StoreError>>>,
}

impl Flusher<'_, '_> {
    /// Has all that waits written down, and that it is so much.
    fn flush(&mut self, progress: Mutation) -> Result<(), StoreError> {
        self.wait()?;
        let index = self.index;
        let flush = move || index.rows().flush(|| vec![progress]);
        let Some(scope) = self.scope else { return flush() };
        self.under_way = Some(scope.spawn(flush));
        Ok(())
    }

    /// Waits until it is written down.
    fn wait(&mut self) -> Result<(), StoreError> {
        let ended = self.under_way.take().map(ScopedJoinHandle::join);
        ended.unwrap_or(Ok(Ok(()))).unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

/// None when the store must be built anew.
fn progress(store: &dyn Store, tail: Sequence) -> Result<Option<Progress>, StoreError> {
    let Some(row) = store.get(Table::Meta, crate::runtime::PROGRESS_KEY)? else { return Ok(None) };
    let numbers: Vec<u64> = row.as_chunks::<8>().0.iter().map(|c| u64::from_le_bytes(*c)).collect();
    let [form, indexed, kept, latest] = numbers[..] else { return Ok(None) };
    let covered = indexed.max(kept).max(latest) <= tail;
    if form != crate::runtime::STORE_FORM || !covered {
        tracing::warn!(form, latest, tail, "derived rows are dropped and built anew");
        return Ok(None);
    }
    Ok(Some(Progress { indexed, kept }))
}

fn list_calendars(store: &dyn Store, index: &Index) -> Result<(), StoreError> {
    for_each_row(store, Table::Definitions, |key, value| {
        let row = decode_definition(Table::Definitions, value)?;
        if let Some(bits) = key.first_chunk::<16>() {
            let id = CalendarId::from_bits(u128::from_be_bytes(*bits));
            index.list(id, &row.definition);
            index.note_late(id, row.late);
        }
        Ok(())
    })
}

fn list_register(store: &dyn Store, index: &Index) -> Result<(), StoreError> {
    for kind in IN_MEMORY {
        for_each_row_of(store, Table::Register, &[kind], |key, value| index.list_row(key, value))?;
    }
    Ok(())
}

fn live_holds(store: &dyn Store) -> Result<BTreeMap<HoldId, (Timestamp, HoldRow)>, StoreError> {
    let mut holds = BTreeMap::new();
    for_each_row(store, Table::Holds, |key, value| {
        if let Some((deadline, hold)) = hold_of_key(key) {
            holds.insert(hold, (deadline, decode_hold(Table::Holds, value)?));
        }
        Ok(())
    })?;
    Ok(holds)
}

struct Replay<'a> {
    index: &'a Index,
    opening: &'a Opening,
    /// How far the store's rows and its states have come.
    indexed: Sequence,
    kept: Sequence,
    /// Where the journal ends.
    tail: Tail,
    /// Outcomes of named commands from before are remembered no more.
    forgotten: Option<Timestamp>,
    states: BTreeMap<CalendarId, (Sequence, Calendar)>,
    /// Events that were taken in since states were written down.
    taken: usize,
    holds: BTreeMap<HoldId, (Timestamp, HoldRow)>,
}

impl Replay<'_> {
    fn run(
        &mut self,
        reader: &dyn JournalReader,
        from: Sequence,
        flusher: &mut Flusher<'_, '_>,
    ) -> Result<(), Error> {
        let tail = self.tail;
        let mut reached = from;
        let mut before: Option<FrameHash> = None;
        while reached < tail.sequence {
            let frames = reader.read(reached + 1, READ_BYTES)?;
            if frames.is_empty() {
                let what = "it ends too early".to_owned();
                return Err(ReadError::Damaged { at: reached + 1, what }.into());
            }
            for bytes in frames {
                let at = reached + 1;
                let damaged = |what: &str| ReadError::Damaged { at, what: what.to_owned() };
                let frame = Frame::parse(&bytes).map_err(|error| damaged(&error.to_string()))?;
                let before_it = before.filter(|_| !planted::is(Bug::ChainUnchecked));
                if before_it.is_some_and(|before| before != frame.before()) {
                    return Err(damaged("a frame does not continue the one before").into());
                }
                before = Some(frame.hash());
                let follows = reached < frame.last() && frame.first() <= reached + 1;
                if !follows && !planted::is(Bug::GapAccepted) {
                    return Err(damaged("entries are missing").into());
                }
                let begin = from + u64::from(planted::is(Bug::ReplayBeginsLate));
                let short = planted::is(Bug::ReplaySkipsLast);
                let wanted = |s: &Sequence| begin < *s && !(short && *s == tail.sequence);
                for (sequence, payload) in frame.entries().filter(|(s, _)| wanted(s)) {
                    let entry =
                        frame.decode(payload).map_err(|error| damaged(&error.to_string()))?;
                    self.take(sequence, &entry)?;
                }
                reached = frame.last();
                self.opening.replayed(reached - from);
                self.write_down(reached, flusher)?;
            }
        }
        match before {
            Some(hash) if hash != tail.hash => {
                let what = "the last frame changed while it was read".to_owned();
                Err(ReadError::Damaged { at: tail.sequence, what }.into())
            }
            _ => Ok(()),
        }
    }

    fn take(&mut self, sequence: Sequence, entry: &Entry) -> Result<(), Error> {
        if self.indexed < sequence {
            let at = entry.events.first().map(Event::at);
            let command = entry.command.as_ref().filter(|_| self.forgotten <= at);
            self.index.take_in(sequence, command, &entry.events);
        }
        let some = if planted::is(Bug::SecondEventSkipped) { 1 } else { usize::MAX };
        for event in entry.events.iter().take(some) {
            self.taken += 1;
            self.follow_holds(event);
            for id in event.calendars() {
                if let Some((at, calendar)) = self.state(id, sequence)?
                    && *at < sequence
                {
                    calendar.apply(event);
                }
            }
        }
        // An entry may hold several events of one calendar: only after all it is behind us.
        for id in entry.events.iter().flat_map(Event::calendars) {
            if let Some((at, _)) = self.states.get_mut(&id) {
                *at = sequence.max(*at);
            }
        }
        Ok(())
    }

    /// Writes down what has come together, so that a long journal needs little memory, and a start
    /// that is cut short goes on from there.
    fn write_down(
        &mut self,
        reached: Sequence,
        flusher: &mut Flusher<'_, '_>,
    ) -> Result<(), StoreError> {
        let calendars = CALENDARS_IN_MEMORY_MAX < self.states.len();
        if calendars || EVENTS_IN_MEMORY_MAX < self.taken {
            self.keep_states(reached);
        }
        if ROWS_IN_MEMORY_MAX < self.index.rows().len() {
            flusher.flush(self.progress(reached))?;
        }
        Ok(())
    }

    /// How far the store has come once it has all that waits. Rows of later entries may be among
    /// them, but of none that the journal does not have.
    fn progress(&self, reached: Sequence) -> Mutation {
        write_progress(self.indexed.max(reached), self.kept, self.tail.sequence)
    }

    /// A calendar's state, from its last snapshot on.
    fn state(
        &mut self,
        id: CalendarId,
        sequence: Sequence,
    ) -> Result<Option<&mut (Sequence, Calendar)>, Error> {
        if !self.states.contains_key(&id) {
            let Some(SnapshotRow { sequence: at, snapshot }) = self.index.snapshot(id)? else {
                let what = format!("{id} is not known");
                return Err(ReadError::Damaged { at: sequence, what }.into());
            };
            if let Some(calendar) = Calendar::restored(snapshot) {
                self.states.insert(id, (at, calendar));
            }
        }
        Ok(self.states.get_mut(&id))
    }

    fn follow_holds(&mut self, event: &Event) {
        match event {
            Event::Held { booking, deadline, guards, .. } => {
                let row = HoldRow {
                    calendar: booking.calendar,
                    person: booking.person.clone(),
                    guards: guards.clone(),
                };
                if !planted::is(Bug::HoldsFollowedNot) {
                    self.holds.insert(booking.id, (*deadline, row));
                }
            }
            Event::Renewed { booking, deadline, .. } => {
                if let Some((at, _)) = self.holds.get_mut(&booking.id) {
                    *at = *deadline;
                }
            }
            Event::Accepted { taken, .. } => {
                self.holds.remove(&taken.offer.id);
            }
            Event::Confirmed { booking, .. }
            | Event::Released { booking, .. }
            | Event::Expired { booking, .. } => {
                self.holds.remove(&booking.id);
            }
            _ => {}
        }
    }

    fn keep_states(&mut self, reached: Sequence) {
        (self.kept, self.taken) = (self.kept.max(reached), 0);
        for (id, (sequence, calendar)) in std::mem::take(&mut self.states) {
            self.index.put_snapshot(SnapshotRow { sequence, snapshot: calendar.snapshot() }, id);
        }
    }
}
