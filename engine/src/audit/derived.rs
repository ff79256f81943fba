//! The store of derived rows, held against the model.
//!
//! The store says how far it has come: rows of entries up to `indexed` are all there, rows of
//! later ones may be, up to the commit after `latest`, which may have been under way when it was
//! written. So a row that changed in between may be as it was at any moment of it.

use std::collections::BTreeMap;

use super::model::{Known, KnownCalendar, Model, State, Versions, hash, hash_definition};
use super::report::{Compared, FaultKind, Faults};
use crate::booking::Event;
use crate::ids::{AppointmentId, CalendarId, HoldId};
use crate::journal::Sequence;
use crate::limits::PAST_REMEMBERED_MS;
pub(super) use crate::runtime::command_hash;
pub(super) use crate::runtime::dose_rows::Tallies as DoseTallies;
use crate::runtime::dose_rows::{Keep, Rows as DoseRows};
pub(super) use crate::runtime::lines::rows_of as line_rows;
pub(super) use crate::runtime::register::rows_of as register_rows;
pub(super) use crate::runtime::wishes::rows_of as wish_rows;
use crate::runtime::{
    BookingRow, BookingState, PROGRESS_KEY, STORE_FORM, decode_booking, decode_definition,
    decode_hold, decode_snapshot, hold_key, hold_of_key,
};
use crate::storage::{Store, StoreError, Table, for_each_row};
use crate::time::Timestamp;

/// How far the store has come.
#[derive(Clone, Copy)]
struct Progress {
    indexed: Sequence,
    latest: Sequence,
}

/// The comparison with a store.
pub(super) struct Derived<'a> {
    store: Option<&'a dyn Store>,
    progress: Option<Progress>,
    now: Timestamp,
    compared: Compared,
}

impl<'a> Derived<'a> {
    pub(super) fn new(store: Option<&'a dyn Store>, now: Timestamp) -> Self {
        let progress = store.and_then(progress);
        Self { store, progress, now, compared: Compared::Nothing }
    }

    /// Up to where the store has all rows; none where there is nothing to compare.
    pub(super) fn complete_to(&self) -> Option<Sequence> {
        self.progress.map(|progress| progress.indexed)
    }

    /// Compares once the next frame can have left nothing in the store.
    pub(super) fn before_frame(&mut self, model: &mut Model, faults: &mut Faults, first: Sequence) {
        if self.progress.is_some_and(|progress| progress.latest.saturating_add(1) < first) {
            self.compare(model, faults, first - 1);
        }
    }

    /// Compares if that was not done, and tells what became of it.
    pub(super) fn finish(
        &mut self,
        model: &mut Model,
        faults: &mut Faults,
        last: Sequence,
    ) -> Compared {
        if let Some(Progress { latest, .. }) = self.progress.filter(|it| last < it.latest) {
            let what = format!(
                "the derived rows have come to {latest}, but the journal ends at {last}: what they \
                 were derived from was durable"
            );
            faults.add(FaultKind::Lost, last + 1, what);
        }
        if self.progress.is_some() {
            self.compare(model, faults, last);
        }
        self.compared
    }

    fn compare(&mut self, model: &mut Model, faults: &mut Faults, to: Sequence) {
        let (Some(store), Some(Progress { indexed, .. })) = (self.store, self.progress.take())
        else {
            return;
        };
        let mut rows = Rows { model, faults, store, indexed, now: self.now };
        self.compared = match rows.all() {
            Ok(()) => Compared::Rows { from: indexed, to },
            // The next start reads it too and fails, or throws it away: nothing else is lost.
            Err(error) => {
                faults.add(FaultKind::Damaged, None, error.to_string());
                Compared::Failed
            }
        };
        model.forget_versions();
    }
}

/// None where the next start builds the store anew.
fn progress(store: &dyn Store) -> Option<Progress> {
    let row = store.get(Table::Meta, PROGRESS_KEY).ok()??;
    let numbers: Vec<u64> = row.as_chunks::<8>().0.iter().map(|c| u64::from_le_bytes(*c)).collect();
    match numbers[..] {
        [STORE_FORM, indexed, kept, latest] => {
            Some(Progress { indexed, latest: latest.max(indexed).max(kept) })
        }
        _ => None,
    }
}

fn id_of(key: &[u8]) -> Option<u128> {
    key.last_chunk::<16>().map(|bits| u128::from_be_bytes(*bits))
}

fn state_of(state: BookingState) -> State {
    match state {
        BookingState::Held { deadline, .. } => State::Held(deadline),
        BookingState::Booked => State::Booked,
        BookingState::Marked(mark) => State::Marked(mark),
        BookingState::Cancelled => State::Cancelled,
        BookingState::Released => State::Released,
        BookingState::Expired => State::Expired,
        BookingState::Accepted(appointment) => State::Accepted(appointment),
    }
}

/// Every way in which a thing may have been when the store was written.
fn moments<K: Ord, V: Copy>(
    versions: &Versions<K, V>,
    key: &K,
    last: Option<&V>,
) -> Vec<Option<V>> {
    versions.get(key).cloned().unwrap_or_else(|| vec![last.copied()])
}

struct Rows<'a> {
    model: &'a Model,
    faults: &'a mut Faults,
    store: &'a dyn Store,
    indexed: Sequence,
    now: Timestamp,
}

impl Rows<'_> {
    fn all(&mut self) -> Result<(), StoreError> {
        self.bookings()?;
        self.holds()?;
        self.people()?;
        self.definitions()?;
        self.snapshots()?;
        self.register()?;
        self.commands()
    }

    fn orphan(&mut self, what: String) {
        self.faults.add(FaultKind::Orphan, None, what);
    }

    fn moments_of(&self, id: HoldId) -> Vec<Option<Known>> {
        moments(&self.model.versions, &id, self.model.bookings.get(&id))
    }

    /// Whether a row may have run out, by the journal or by the clock.
    fn has_run_out(&self, at: Timestamp) -> bool {
        at <= self.model.last || at <= self.now
    }

    fn bookings(&mut self) -> Result<(), StoreError> {
        for_each_row(self.store, Table::Bookings, |key, value| {
            let Some((runs_out, row)) = value.split_first_chunk::<8>() else {
                self.orphan(format!("a row of bookings is not as it was written: {key:02x?}"));
                return Ok(());
            };
            let id = HoldId::from_bits(id_of(key).unwrap_or_default());
            if self.has_run_out(Timestamp::from_millis(i64::from_le_bytes(*runs_out))) {
                return Ok(());
            }
            let Ok(BookingRow { booking, state, at }) = decode_booking(Table::Bookings, row) else {
                self.orphan(format!("the row of {id} cannot be read"));
                return Ok(());
            };
            let told = Known::new(&booking, state_of(state), at, 0);
            let fits = |known: &Known| {
                booking.id == id && known.is(&told) && (known.state, known.at) == (told.state, at)
            };
            let moments = self.moments_of(id);
            if !moments.iter().flatten().any(fits) {
                self.orphan(match moments.iter().flatten().next_back() {
                    Some(known) => format!("the row of {id} says {state:?}, not {:?}", known.state),
                    None => format!("the row of {id} stands for nothing in the journal"),
                });
            }
            Ok(())
        })?;
        let model = self.model;
        for (id, known) in &model.bookings {
            let runs_out = known.runs_out().is_some_and(|at| self.has_run_out(at));
            let new = || self.moments_of(*id).iter().any(Option::is_none);
            let key = id.bits().to_be_bytes();
            if !runs_out && self.store.get(Table::Bookings, &key)?.is_none() && !new() {
                self.orphan(format!("the row of {id} is not there, which is {:?}", known.state));
            }
        }
        Ok(())
    }

    fn holds(&mut self) -> Result<(), StoreError> {
        for_each_row(self.store, Table::Holds, |key, value| {
            let Some((deadline, id)) = hold_of_key(key) else {
                self.orphan(format!("a row of holds has a key of another kind: {key:02x?}"));
                return Ok(());
            };
            let row = decode_hold(Table::Holds, value).ok();
            let fits = |known: &Known| {
                known.state == State::Held(deadline)
                    && row.as_ref().is_some_and(|row| {
                        row.calendar == known.calendar
                            && known.is_of(row.person.as_str().as_bytes())
                            && known.claims(&row.guards)
                    })
            };
            if !self.moments_of(id).iter().flatten().any(fits) {
                self.orphan(format!("{id} is among the live holds, until {deadline}, and is none"));
            }
            Ok(())
        })?;
        let model = self.model;
        for (id, known) in &model.bookings {
            let State::Held(deadline) = known.state else { continue };
            let settled = model.versions.contains_key(id);
            let key = hold_key(deadline, *id);
            if !settled && self.store.get(Table::Holds, &key)?.is_none() {
                self.orphan(format!("{id} is not among the live holds, and is one"));
            }
        }
        Ok(())
    }

    fn people(&mut self) -> Result<(), StoreError> {
        let mut rows: u64 = 0;
        for_each_row(self.store, Table::People, |key, _| {
            let parts = key.split_first().and_then(|(len, rest)| {
                let (person, rest) = rest.split_at_checked(usize::from(*len))?;
                hold_of_key(rest).map(|(start, id)| (person, start, id))
            });
            let Some((person, start, id)) = parts else {
                self.orphan("a row of people has a key of another kind".to_owned());
                return Ok(());
            };
            let fits = |known: &Known| {
                known.state.is_appointment() && known.span.start == start && known.is_of(person)
            };
            if self.moments_of(id).iter().flatten().any(fits) {
                rows += u64::from(!self.model.versions.contains_key(&id));
            } else {
                let id = AppointmentId::from(id);
                self.orphan(format!("{id} is listed for someone at {start}, and is not there"));
            }
            Ok(())
        })?;
        // Keys hold a person's id, of which the model has a hash alone: rows are counted. Each
        // that fits is the one row of its appointment.
        let model = self.model;
        let certain = model
            .bookings
            .iter()
            .filter(|(_, known)| known.state.is_appointment() && !known.is_part)
            .filter(|(id, _)| !model.versions.contains_key(id));
        let expected = certain.count() as u64;
        if rows < expected {
            let missing = expected - rows;
            self.orphan(format!("{missing} appointments are not listed for their persons"));
        }
        Ok(())
    }

    fn calendar(&self, id: CalendarId) -> Vec<Option<KnownCalendar>> {
        moments(&self.model.calendar_versions, &id, self.model.calendars.get(&id))
    }

    fn definitions(&mut self) -> Result<(), StoreError> {
        for_each_row(self.store, Table::Definitions, |key, value| {
            let id = CalendarId::from_bits(id_of(key).unwrap_or_default());
            let row = decode_definition(Table::Definitions, value).ok();
            let told = row.map(|row| (row.version, hash_definition(&row.definition), row.late));
            let fits =
                |known: &KnownCalendar| Some((known.version, known.definition, known.late)) == told;
            if !self.calendar(id).iter().flatten().any(fits) {
                self.orphan(format!("what is set about {id} is not what the journal says"));
            }
            Ok(())
        })?;
        let model = self.model;
        for id in model.calendars.keys() {
            let new = self.calendar(*id).iter().any(Option::is_none);
            let key = id.bits().to_be_bytes();
            if !new && self.store.get(Table::Definitions, &key)?.is_none() {
                self.orphan(format!("nothing is set about {id}"));
            }
        }
        Ok(())
    }

    /// Snapshots that include all that their calendar has seen. Older ones are replayed upon.
    fn snapshots(&mut self) -> Result<(), StoreError> {
        for_each_row(self.store, Table::Snapshots, |key, value| {
            let id = CalendarId::from_bits(id_of(key).unwrap_or_default());
            let Some(known) = self.model.calendars.get(&id).copied() else {
                self.orphan(format!("{id} has a snapshot, and is not in the journal"));
                return Ok(());
            };
            let Ok(row) = decode_snapshot(Table::Snapshots, value) else {
                self.orphan(format!("the snapshot of {id} cannot be read"));
                return Ok(());
            };
            if row.sequence < known.touched {
                return Ok(());
            }
            let mut lying = 0;
            for live in row.snapshot.live() {
                let booked = live.mark.map_or(State::Booked, State::Marked);
                let state = live.deadline().map_or(booked, State::Held);
                let told = Known::new(&live.booking, state, known.last, 0);
                let here = self.model.bookings.get(&live.booking.id);
                if here.is_some_and(|here| here.is(&told) && here.state == state) {
                    lying += 1;
                } else {
                    let what = format!("the snapshot of {id} has {} otherwise", live.booking.id);
                    self.orphan(what);
                }
            }
            // A calendar itself forgets appointments that were over a day ago.
            let over = known.last.plus_ms(-PAST_REMEMBERED_MS);
            let coming = self.model.lanes.of(id).filter(|(_, until)| over <= *until).count();
            if lying < coming {
                let missing = coming - lying;
                self.orphan(format!("{missing} bookings are missing in the snapshot of {id}"));
            }
            Ok(())
        })?;
        let model = self.model;
        for (id, known) in &model.calendars {
            let key = id.bits().to_be_bytes();
            let new =
                self.calendar(*id).iter().any(Option::is_none) || self.indexed < known.touched;
            if !new && self.store.get(Table::Snapshots, &key)?.is_none() {
                self.orphan(format!("{id} has no snapshot"));
            }
        }
        Ok(())
    }

    /// Rows that changed after the store had all of them may be as they were before or after.
    fn register(&mut self) -> Result<(), StoreError> {
        for_each_row(self.store, Table::Register, |key, value| {
            let fits = match self.model.register.get(key) {
                Some((sequence, known)) => {
                    *known == Some(hash(&[value])) || self.indexed < *sequence
                }
                None => false,
            };
            if !fits {
                self.orphan(format!("a row of register stands for nothing: {key:02x?}"));
            }
            Ok(())
        })?;
        let model = self.model;
        for (key, (sequence, known)) in &model.register {
            let is_there = self.store.get(Table::Register, key)?.is_some();
            if known.is_some() != is_there && *sequence <= self.indexed {
                self.orphan(format!("a row of register is missing or left: {key:02x?}"));
            }
        }
        Ok(())
    }

    fn commands(&mut self) -> Result<(), StoreError> {
        for_each_row(self.store, Table::Commands, |key, value| {
            let part =
                |at: usize| value.get(at..).and_then(|rest| rest.first_chunk::<8>().copied());
            let print = value.get(16..).and_then(|rest| rest.first_chunk::<16>().copied());
            let (Some(runs_out), Some(sequence), Some(print)) = (part(0), part(8), print) else {
                self.orphan("the row of a command is not as it was written".to_owned());
                return Ok(());
            };
            if self.has_run_out(Timestamp::from_millis(i64::from_le_bytes(runs_out))) {
                return Ok(());
            }
            let (sequence, print) = (u64::from_le_bytes(sequence), u128::from_le_bytes(print));
            let known = id_of(key).and_then(|key| self.model.commands.get(&key));
            let fits = known.is_some_and(|known| {
                // A name that was taken again meanwhile may still stand for the entry before.
                (known.sequence, known.fingerprint) == (sequence, print)
                    || self.indexed < known.sequence
            });
            if !fits {
                let what = format!("the row of a command names entry {sequence}, which is not its");
                self.orphan(what);
            }
            Ok(())
        })?;
        let model = self.model;
        for (key, known) in &model.commands {
            let gone = self.indexed < known.sequence || self.has_run_out(known.runs_out);
            if !gone && self.store.get(Table::Commands, &key.to_be_bytes())?.is_none() {
                let sequence = known.sequence;
                self.orphan(format!("what the command of entry {sequence} did is forgotten"));
            }
        }
        Ok(())
    }
}

/// Rows about doses in a plain map, and the keys of those that change.
struct Kept<'a> {
    rows: &'a mut BTreeMap<Vec<u8>, Vec<u8>>,
    changed: Vec<Vec<u8>>,
}

impl Keep for &mut Kept<'_> {
    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.rows.get(key).cloned()
    }

    fn put(&mut self, key: Vec<u8>, value: Option<Vec<u8>>) {
        match value {
            Some(value) => self.rows.insert(key.clone(), value),
            None => self.rows.remove(&key),
        };
        self.changed.push(key);
    }
}

/// Takes an entry into rows about doses, and gives the keys of those that it changes.
pub(super) fn keep_dose_rows(
    sequence: Sequence,
    events: &[Event],
    rows: &mut BTreeMap<Vec<u8>, Vec<u8>>,
    tallies: &DoseTallies,
) -> Vec<Vec<u8>> {
    let mut kept = Kept { rows, changed: Vec::new() };
    DoseRows { rows: &mut kept, tallies }.take_in(sequence, events);
    kept.changed
}

#[cfg(test)]
mod tests {
    use crate::audit::audit;
    use crate::audit::tests::{created, found, frames, held};
    use crate::booking::Calendar;
    use crate::journal::Journal;
    use crate::runtime::{SnapshotRow, write_progress};
    use crate::storage::memory::{MemoryJournal, MemoryStore};
    use crate::storage::{Mutation, Store, Table};
    use crate::time::Timestamp;

    #[tokio::test]
    async fn a_snapshot_that_lacks_a_booking_is_found() {
        let (mut journal, store) = (MemoryJournal::default(), MemoryStore::default());
        for (first, frame) in frames(vec![created(), held(1, "p", 60)]) {
            journal.append(first, &frame).await.unwrap();
        }
        let calendar = Calendar::created(&created()).unwrap();
        for (sequence, missing) in [(1, false), (2, true)] {
            let row = SnapshotRow { sequence, snapshot: calendar.snapshot() };
            let value = rkyv::to_bytes::<rkyv::rancor::Error>(&row).unwrap().to_vec();
            let key = calendar.id().bits().to_be_bytes().to_vec();
            let snapshot = Mutation { table: Table::Snapshots, key, value: Some(value) };
            store.write(vec![write_progress(2, 2, 2), snapshot]).unwrap();
            let report = audit(&found(&journal, &store), Timestamp::default());
            let lacks = report.faults.iter().any(|it| it.what.contains("missing in the snapshot"));
            assert_eq!(lacks, missing, "at {sequence}: {report:?}");
        }
    }
}
