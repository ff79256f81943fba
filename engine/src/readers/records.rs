//! How often an appointment was changed, and which appointments a calendar has.

use rkyv::{Archive, Deserialize, Serialize};

use super::rows::{Kind, Rows, after, archived, damaged, id_key, key, time_key, time_of};
use crate::booking::Event;
use crate::ids::{AppointmentId, CalendarId};
use crate::storage::{Store, StoreError, Table};
use crate::time::Timestamp;

/// What is remembered of an appointment beside where it lies.
#[derive(Archive, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    /// When it was booked.
    pub(crate) booked_at: Timestamp,
    /// When it was last booked, moved or cancelled.
    pub(crate) changed_at: Timestamp,
    /// How often it was moved or cancelled.
    pub(crate) revision: u32,
    /// Whether it stands.
    pub(crate) stands: bool,
}

archived!(Record);

fn record_key(id: AppointmentId) -> Vec<u8> {
    key(Kind::Record, &[&id.bits().to_be_bytes()])
}

fn standing_key(calendar: CalendarId, start: Timestamp, id: AppointmentId) -> Vec<u8> {
    key(Kind::Standing, &[&id_key(calendar), &time_key(start), &id.bits().to_be_bytes()])
}

fn place_of(key: &[u8]) -> Option<(Timestamp, AppointmentId)> {
    let (time, id) = key.get(17..)?.split_first_chunk::<8>()?;
    let id = u128::from_be_bytes(*id.first_chunk::<16>()?);
    Some((time_of(*time), AppointmentId::from_bits(id)))
}

pub(super) fn of(rows: &Rows, id: AppointmentId) -> Result<Option<Record>, StoreError> {
    rows.get(&record_key(id))?.map(|row| Record::of_row(&row)).transpose()
}

impl Record {
    /// What is remembered of an appointment in the store.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store fails.
    pub(crate) fn read(store: &dyn Store, id: AppointmentId) -> Result<Option<Self>, StoreError> {
        let row = store.get(Table::Readers, &record_key(id))?;
        row.map(|row| Self::of_row(&row)).transpose()
    }
}

/// The standing appointments of a calendar that start at `from` or later and before `until`, by
/// their start.
pub(super) fn standing_between(
    rows: &Rows,
    calendar: CalendarId,
    from: Timestamp,
    until: Option<Timestamp>,
) -> Result<Vec<(Timestamp, AppointmentId)>, StoreError> {
    let prefix = key(Kind::Standing, &[&id_key(calendar)]);
    let mut from = key(Kind::Standing, &[&id_key(calendar), &time_key(from)]);
    let mut found = Vec::new();
    while let Some((key, _)) = rows.next(&prefix, &from)? {
        let (start, id) = place_of(&key).ok_or_else(damaged)?;
        if until.is_some_and(|until| until <= start) {
            break;
        }
        found.push((start, id));
        from = after(&key);
    }
    Ok(found)
}

/// Those that start at `from` or later, from the store, at most `limit`.
///
/// # Errors
///
/// [`StoreError`] when the store fails.
pub(crate) fn standing(
    store: &dyn Store,
    calendar: CalendarId,
    from: Timestamp,
    limit: usize,
) -> Result<Vec<(Timestamp, AppointmentId)>, StoreError> {
    let prefix = key(Kind::Standing, &[&id_key(calendar)]);
    let from = key(Kind::Standing, &[&id_key(calendar), &time_key(from)]);
    let rows = store.scan(Table::Readers, &prefix, &from, limit)?;
    rows.iter().map(|(key, _)| place_of(key).ok_or_else(damaged)).collect()
}

pub(super) fn take_in(rows: &mut Rows, event: &Event) -> Result<(), StoreError> {
    match event {
        Event::Confirmed { at, booking, .. } => {
            let id = booking.id.into();
            let record = Record { booked_at: *at, changed_at: *at, revision: 0, stands: true };
            rows.put(record_key(id), record.written());
            rows.put(standing_key(booking.calendar, booking.span.start, id), Some(Vec::new()));
        }
        Event::Cancelled { at, booking } => {
            let id = booking.id.into();
            rows.put(standing_key(booking.calendar, booking.span.start, id), None);
            change(rows, id, *at, false)?;
        }
        Event::Moved { at, booking, from_calendar, from } => {
            let id = booking.id.into();
            rows.put(standing_key(*from_calendar, from.start, id), None);
            rows.put(standing_key(booking.calendar, booking.span.start, id), Some(Vec::new()));
            change(rows, id, *at, true)?;
        }
        // A marked appointment stands. An accepted offer comes as a move.
        Event::Marked { .. }
        | Event::Accepted { .. }
        | Event::CalendarCreated { .. }
        | Event::CalendarChanged { .. }
        | Event::Held { .. }
        | Event::Renewed { .. }
        | Event::Released { .. }
        | Event::Expired { .. }
        | Event::Delayed { .. }
        | Event::Wished { .. }
        | Event::Dosed { .. }
        | Event::Given { .. }
        | Event::Withdrawn { .. }
        | Event::Registered { .. } => {}
    }
    Ok(())
}

fn change(
    rows: &mut Rows,
    id: AppointmentId,
    at: Timestamp,
    stands: bool,
) -> Result<(), StoreError> {
    let Some(before) = of(rows, id)? else { return Ok(()) };
    let revision = before.revision.saturating_add(1);
    let record = Record { changed_at: at, revision, stands, ..before };
    rows.put(record_key(id), record.written());
    Ok(())
}
