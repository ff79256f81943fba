//! The due list: what is to be told about which appointment, and when.
//!
//! What follows from an event (a confirmation, a move, a lateness) is due at once, and is kept
//! in the order of the journal. What is due at an instant (a reminder) is kept by that instant; it
//! goes when its appointment moves or is cancelled. Who reads has a [`Place`] in both orders.
//!
//! No reader misses anything: what is due at once comes after everything that was there before. A
//! reminder is made only where it is due more than [`REMINDER_AFTER_MS`] after the event that
//! makes it, which is longer than an event can be under way; nobody has read that far by then.

use rkyv::{Archive, Deserialize, Serialize};

use super::rows::{Kind, Rows, after, archived, damaged, id_key, key, time_key, time_of};
use super::{records, settings};
use crate::booking::{Booking, Event, Offer};
use crate::ids::{AppointmentId, CalendarId, HoldId};
use crate::journal::Sequence;
use crate::limits::{DUE_KEPT_MS, REMINDER_AFTER_MS};
use crate::planted::{self, Bug};
use crate::storage::{Store, StoreError, Table};
use crate::time::Timestamp;

/// Old rows that one new row lets go of: more than one, so that none stays for ever.
const DROPPED_PER_ROW: usize = 2;

/// What is to be told.
#[derive(Archive, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// It was booked.
    Booked,
    /// It was moved away from there.
    Moved { calendar: CalendarId, start: Timestamp },
    /// It was cancelled.
    Cancelled,
    /// It begins so many minutes late, or none again.
    Late { calendar: CalendarId, minutes: u16 },
    /// There is no dose for it any more.
    WithoutDose,
    /// This hold was made for it; or for its person, and then it is the hold's own number.
    Offered { hold: HoldId },
}

/// Something to be told since an event.
#[derive(Archive, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
struct ToldRow {
    at: Timestamp,
    id: AppointmentId,
    told: Told,
    /// How often the appointment had been changed by then, this included where it is a change.
    revision: u32,
}

archived!(ToldRow);

impl ToldRow {
    /// Whether nothing has overtaken it, as far as readers know.
    fn stands(&self, store: &dyn Store, sequence: Sequence) -> Result<bool, StoreError> {
        let Self { id, told, revision, .. } = *self;
        let record = records::Record::read(store, id)?;
        let unchanged = record.is_some_and(|record| record.revision == revision);
        match told {
            Told::Booked => Ok(record.is_some_and(|record| record.stands)),
            Told::Moved { .. } | Told::Cancelled => Ok(unchanged),
            // It may have had one in between, and was told of once more since.
            Told::WithoutDose => {
                let latest = store.get(Table::Readers, &without_key(id))?;
                Ok(latest.is_some_and(|it| it == sequence.to_be_bytes()))
            }
            Told::Late { calendar, .. } => {
                let latest = store.get(Table::Readers, &late_key(calendar))?;
                let is_latest = latest.is_some_and(|it| *it == sequence.to_be_bytes());
                Ok(unchanged && (is_latest || planted::is(Bug::LatenessStays)))
            }
            // Its hold tells whether it can still be had.
            Told::Offered { .. } => Ok(true),
        }
    }
}

/// What is due about an appointment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DueRow {
    /// Since an event of entry `sequence`.
    Told { sequence: Sequence, at: Timestamp, id: AppointmentId, told: Told },
    /// So many minutes before `start`.
    Reminder { at: Timestamp, id: AppointmentId, start: Timestamp, minutes: u32 },
}

impl DueRow {
    /// When it is due.
    pub(crate) fn at(&self) -> Timestamp {
        match self {
            Self::Told { at, .. } | Self::Reminder { at, .. } => *at,
        }
    }

    /// The appointment that it is about.
    pub(crate) fn id(&self) -> AppointmentId {
        match self {
            Self::Told { id, .. } | Self::Reminder { id, .. } => *id,
        }
    }
}

fn told_key(sequence: Sequence, id: AppointmentId) -> Vec<u8> {
    key(Kind::Told, &[&sequence.to_be_bytes(), &id.bits().to_be_bytes()])
}

fn late_key(calendar: CalendarId) -> Vec<u8> {
    key(Kind::Late, &[&id_key(calendar)])
}

fn without_key(id: AppointmentId) -> Vec<u8> {
    key(Kind::Without, &[&id.bits().to_be_bytes()])
}

fn timed_key(due: Timestamp, id: AppointmentId, minutes: u32) -> Vec<u8> {
    key(Kind::Timed, &[&time_key(due), &id.bits().to_be_bytes(), &minutes.to_be_bytes()])
}

fn due_before(start: Timestamp, minutes: u32) -> Timestamp {
    start.plus_minutes(-i64::from(minutes))
}

/// Makes the reminders of an appointment, as far as they lie in the days to come.
pub(super) fn remind(
    rows: &mut Rows,
    id: AppointmentId,
    start: Timestamp,
    reminders: &[u32],
    at: Timestamp,
) -> Result<(), StoreError> {
    for minutes in reminders {
        let due = due_before(start, *minutes);
        if at.plus_ms(REMINDER_AFTER_MS) < due {
            rows.put(timed_key(due, id, *minutes), Some(time_key(start).to_vec()));
            let row = |key: &[u8]| key.get(1..)?.first_chunk::<8>().map(|time| time_of(*time));
            drop_old(rows, Kind::Timed, |key, _| Ok(row(key)))?;
        }
    }
    Ok(())
}

/// As [`forget_reminders`], of those only that are due after `at`: what is due may be unread.
pub(super) fn forget_coming(
    rows: &mut Rows,
    id: AppointmentId,
    start: Timestamp,
    reminders: &[u32],
    at: Timestamp,
) {
    let coming = reminders.iter().filter(|minutes| at < due_before(start, **minutes));
    forget_reminders(rows, id, start, &coming.copied().collect::<Vec<_>>());
}

/// Takes the reminders of an appointment away, those that nobody has read included.
fn forget_reminders(rows: &mut Rows, id: AppointmentId, start: Timestamp, reminders: &[u32]) {
    for minutes in reminders {
        rows.put(timed_key(due_before(start, *minutes), id, *minutes), None);
    }
}

/// Makes the reminders that its calendar sets of an appointment.
fn remind_of(rows: &mut Rows, booking: &Booking, at: Timestamp) -> Result<(), StoreError> {
    let known = settings::of(rows, booking.calendar)?;
    let reminders = &known.settings.reminders_minutes;
    remind(rows, booking.id.into(), booking.span.start, reminders, at)
}

/// Takes away the reminders of an appointment that lay in a calendar.
fn forget(
    rows: &mut Rows,
    calendar: CalendarId,
    id: AppointmentId,
    start: Timestamp,
) -> Result<(), StoreError> {
    let known = settings::of(rows, calendar)?;
    forget_reminders(rows, id, start, &known.settings.reminders_minutes);
    Ok(())
}

/// Lets go of rows that were due so long ago that nobody will ask for them.
fn drop_old(
    rows: &mut Rows,
    kind: Kind,
    due: impl Fn(&[u8], &[u8]) -> Result<Option<Timestamp>, StoreError>,
) -> Result<(), StoreError> {
    let old = rows.position.clock.plus_ms(-DUE_KEPT_MS);
    for _ in 0..DROPPED_PER_ROW {
        let Some((key, value)) = rows.first(kind)? else { break };
        if due(key, value)?.is_some_and(|due| old <= due) {
            break;
        }
        let key = key.clone();
        rows.put(key, None);
    }
    Ok(())
}

pub(super) fn take_in(
    rows: &mut Rows,
    sequence: Sequence,
    event: &Event,
) -> Result<(), StoreError> {
    match event {
        Event::Confirmed { at, booking, .. } => {
            remind_of(rows, booking, *at)?;
            tell(rows, sequence, booking.id.into(), Told::Booked)
        }
        Event::Cancelled { booking, .. } => {
            forget(rows, booking.calendar, booking.id.into(), booking.span.start)?;
            tell(rows, sequence, booking.id.into(), Told::Cancelled)
        }
        Event::Moved { at, booking, from_calendar, from } => {
            let id = booking.id.into();
            if !planted::is(Bug::ReminderStays) {
                forget(rows, *from_calendar, id, from.start)?;
            }
            remind_of(rows, booking, *at)?;
            let told = Told::Moved { calendar: *from_calendar, start: from.start };
            tell(rows, sequence, id, told)
        }
        Event::Marked { booking, .. } => {
            forget(rows, booking.calendar, booking.id.into(), booking.span.start)
        }
        Event::Delayed { calendar, at, minutes, until } => {
            rows.put(late_key(*calendar), Some(sequence.to_be_bytes().to_vec()));
            let told = Told::Late { calendar: *calendar, minutes: *minutes };
            let coming = records::standing_between(rows, *calendar, *at, Some(*until))?;
            coming.into_iter().try_for_each(|(_, id)| tell(rows, sequence, id, told))
        }
        Event::Held { booking, .. } => {
            let told = Told::Offered { hold: booking.id };
            match booking.details.offer {
                None => Ok(()),
                _ if planted::is(Bug::OfferUntold) => Ok(()),
                Some(Offer::Person) => tell(rows, sequence, booking.id.into(), told),
                Some(Offer::Appointment(id)) => tell(rows, sequence, id, told),
            }
        }
        // Who did not come has none either, and is not told.
        Event::Dosed { booking, .. } if booking.delivery().is_none() => {
            let id = booking.id.into();
            rows.put(without_key(id), Some(sequence.to_be_bytes().to_vec()));
            tell(rows, sequence, id, Told::WithoutDose)
        }
        Event::Dosed { booking, .. } => {
            rows.put(without_key(booking.id.into()), None);
            Ok(())
        }
        // An accepted offer comes as a move; settings are taken in by themselves.
        Event::Accepted { .. }
        | Event::CalendarCreated { .. }
        | Event::CalendarChanged { .. }
        | Event::Renewed { .. }
        | Event::Released { .. }
        | Event::Expired { .. }
        | Event::Wished { .. }
        | Event::Withdrawn { .. }
        | Event::Given { .. }
        | Event::Registered { .. } => Ok(()),
    }
}

fn tell(
    rows: &mut Rows,
    sequence: Sequence,
    id: AppointmentId,
    told: Told,
) -> Result<(), StoreError> {
    let before = || Ok(records::of(rows, id)?.map_or(0, |record| record.revision));
    let revision = match told {
        Told::Booked => 0,
        Told::Moved { .. } | Told::Cancelled => before()?.saturating_add(1),
        Told::Late { .. } | Told::Offered { .. } | Told::WithoutDose => before()?,
    };
    // By the fold's own time, so that the order in which it is due is that of the journal.
    let row = ToldRow { at: rows.position.clock, id, told, revision };
    rows.put(told_key(sequence, id), row.written());
    drop_old(rows, Kind::Told, |_, value| ToldRow::of_row(value).map(|row| Some(row.at)))
}

/// How far somebody has read the due list, in both of its orders.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    told: (Sequence, u128),
    timed: (Timestamp, u128, u32),
}

impl Place {
    /// Bytes of a place.
    pub(crate) const BYTES: usize = 52;

    pub(crate) fn to_bytes(self) -> Vec<u8> {
        [
            self.told.0.to_be_bytes().as_slice(),
            &self.told.1.to_be_bytes(),
            &time_key(self.timed.0),
            &self.timed.1.to_be_bytes(),
            &self.timed.2.to_be_bytes(),
        ]
        .concat()
    }

    pub(crate) fn of_bytes(bytes: &[u8; Self::BYTES]) -> Option<Self> {
        let (sequence, rest) = bytes.split_first_chunk::<8>()?;
        let (told, rest) = rest.split_first_chunk::<16>()?;
        let (due, rest) = rest.split_first_chunk::<8>()?;
        let (timed, rest) = rest.split_first_chunk::<16>()?;
        let minutes = rest.first_chunk::<4>()?;
        Some(Self {
            told: (u64::from_be_bytes(*sequence), u128::from_be_bytes(*told)),
            timed: (time_of(*due), u128::from_be_bytes(*timed), u32::from_be_bytes(*minutes)),
        })
    }

    /// Who has read `row` goes on behind it.
    pub(crate) fn pass(&mut self, row: &DueRow) {
        match row {
            DueRow::Told { sequence, id, .. } => self.told = (*sequence, id.bits()),
            DueRow::Reminder { at, id, minutes, .. } => self.timed = (*at, id.bits(), *minutes),
        }
    }
}

/// A row, and whether it still is to be told: what was overtaken is not.
pub(crate) type Listed = (DueRow, bool);

/// What is due from `place` on until `until`, in the order in which it is due, at most `limit`.
///
/// # Errors
///
/// [`StoreError`] when the store fails.
pub(crate) fn list(
    store: &dyn Store,
    place: Place,
    until: Timestamp,
    limit: usize,
) -> Result<Vec<Listed>, StoreError> {
    let (sequence, id) = place.told;
    let from = after(&told_key(sequence, AppointmentId::from_bits(id)));
    let told = store.scan(Table::Readers, &key(Kind::Told, &[]), &from, limit)?;
    let (due, id, minutes) = place.timed;
    let from = match place.timed {
        // The first key of all, and not the one after it.
        (at, 0, 0) if at == Timestamp::default() => key(Kind::Timed, &[]),
        _ => after(&timed_key(due, AppointmentId::from_bits(id), minutes)),
    };
    let timed = store.scan(Table::Readers, &key(Kind::Timed, &[]), &from, limit)?;
    let mut rows = Vec::with_capacity(told.len() + timed.len());
    for (key, value) in &told {
        let row = ToldRow::of_row(value)?;
        let ToldRow { at, id, told, .. } = row;
        if until < at {
            break;
        }
        let sequence = key.get(1..).and_then(|key| key.first_chunk::<8>()).ok_or_else(damaged)?;
        let sequence = u64::from_be_bytes(*sequence);
        let stands = row.stands(store, sequence)?;
        rows.push((DueRow::Told { sequence, at, id, told }, stands));
    }
    for (key, value) in &timed {
        let row = reminder(key, value).ok_or_else(damaged)?;
        if until < row.at() {
            break;
        }
        rows.push((row, true));
    }
    // Each order stays as it is: a place is the last that was passed in each.
    rows.sort_by_key(|(row, _)| row.at());
    rows.truncate(limit);
    Ok(rows)
}

fn reminder(key: &[u8], value: &[u8]) -> Option<DueRow> {
    let (due, rest) = key.get(1..)?.split_first_chunk::<8>()?;
    let (id, rest) = rest.split_first_chunk::<16>()?;
    let minutes = u32::from_be_bytes(*rest.first_chunk::<4>()?);
    let start = time_of(*value.first_chunk::<8>()?);
    let id = AppointmentId::from_bits(u128::from_be_bytes(*id));
    Some(DueRow::Reminder { at: time_of(*due), id, start, minutes })
}
