//! Who is protected: doses given and booked, by place, day, vaccine, number, age band and
//! territory.

use jiff::civil::Date;
use rkyv::{Archive, Deserialize, Serialize};

use super::rows::{Kind, Rows, archived, damaged, key};
use super::settings;
use crate::booking::{Booking, Event, Mark};
use crate::campaign::Dose;
use crate::ids::{AppointmentId, CalendarId, CampaignId, Code, PlaceId, VaccineId};
use crate::storage::{Store, StoreError, Table};
use crate::time::Timestamp;

/// Rows that are read at once.
const AT_ONCE: usize = 4_096;

/// What doses are counted by.
#[derive(Archive, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Cell {
    /// Where.
    pub(crate) place: PlaceId,
    /// Days since 1970-01-01: when it is to be given, or was, by the calendar's own clock.
    pub(crate) day: i32,
    /// Of which vaccine.
    pub(crate) vaccine: VaccineId,
    /// Which dose of the person's.
    pub(crate) number: u8,
    /// The person's age band.
    pub(crate) band: Code,
    /// The person's territory.
    pub(crate) territory: Option<Code>,
}

/// How many.
#[derive(Archive, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Protected {
    /// Appointments to come.
    pub(crate) booked: u64,
    /// Doses given.
    pub(crate) given: u64,
}

/// A row: what is counted, and of what.
#[derive(Archive, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
struct CellRow {
    cell: Cell,
    counts: Protected,
}

archived!(CellRow);
archived!(Cell);

fn cell_key(campaign: CampaignId, cell: &Cell) -> Vec<u8> {
    // Tokens are at most 64 bytes, so one byte tells their length.
    let sized = |text: &str| {
        let len = u8::try_from(text.len()).unwrap_or(u8::MAX);
        [&[len], text.as_bytes()].concat()
    };
    let day = (cell.day ^ i32::MIN).to_be_bytes();
    key(
        Kind::Coverage,
        &[
            &campaign.bits().to_be_bytes(),
            &cell.place.bits().to_be_bytes(),
            &day,
            &sized(cell.vaccine.as_str()),
            &[cell.number],
            &sized(cell.band.as_str()),
            &sized(cell.territory.as_ref().map_or("", Code::as_str)),
        ],
    )
}

fn counted_key(id: AppointmentId) -> Vec<u8> {
    key(Kind::Counted, &[&id.bits().to_be_bytes()])
}

/// Days from 1970-01-01.
pub(crate) fn days(date: Date) -> i32 {
    jiff::civil::date(1970, 1, 1).until(date).map_or(0, |span| span.get_days())
}

/// The date so many days after 1970-01-01.
pub(crate) fn date(days: i32) -> Date {
    crate::booking::schedule::later(jiff::civil::date(1970, 1, 1), days.into())
}

/// What is counted in a campaign.
///
/// # Errors
///
/// [`StoreError`] when the store fails.
pub(crate) fn read(
    store: &dyn Store,
    campaign: CampaignId,
    mut each: impl FnMut(Cell, Protected),
) -> Result<(), StoreError> {
    let prefix = key(Kind::Coverage, &[&campaign.bits().to_be_bytes()]);
    let mut from = prefix.clone();
    loop {
        let rows = store.scan(Table::Readers, &prefix, &from, AT_ONCE)?;
        for (_, value) in &rows {
            let CellRow { cell, counts } = CellRow::of_row(value)?;
            each(cell, counts);
        }
        let Some((last, _)) = rows.last().filter(|_| rows.len() == AT_ONCE) else { return Ok(()) };
        from = super::rows::after(last);
    }
}

fn change(
    rows: &mut Rows,
    campaign: CampaignId,
    cell: &Cell,
    change: impl FnOnce(&mut Protected),
) -> Result<(), StoreError> {
    let key = cell_key(campaign, cell);
    let row = rows.get(&key)?.map(|row| CellRow::of_row(&row)).transpose()?;
    let mut counts = row.map(|row| row.counts).unwrap_or_default();
    change(&mut counts);
    let some = counts != Protected::default();
    rows.put(key, CellRow { cell: cell.clone(), counts }.written().filter(|_| some));
    Ok(())
}

fn cell(
    rows: &mut Rows,
    dose: &Dose,
    calendar: CalendarId,
    at: Timestamp,
) -> Result<Cell, StoreError> {
    let date = settings::of(rows, calendar)?.zone.to_datetime(at.to_jiff()).date();
    Ok(Cell {
        place: dose.place,
        day: days(date),
        vaccine: dose.vaccine.clone(),
        number: dose.number,
        band: dose.band.clone(),
        territory: dose.territory.clone(),
    })
}

/// Counts an appointment where it lies, or nowhere, and no more where it was counted.
fn count(rows: &mut Rows, booking: &Booking, dose: &Dose, stands: bool) -> Result<(), StoreError> {
    let counted = counted_key(booking.id.into());
    if let Some(row) = rows.get(&counted)? {
        let before = Cell::of_row(&row)?;
        change(rows, dose.campaign, &before, |it| it.booked = it.booked.saturating_sub(1))?;
    }
    if !stands {
        rows.put(counted, None);
        return Ok(());
    }
    let cell = cell(rows, dose, booking.calendar, booking.span.start)?;
    change(rows, dose.campaign, &cell, |it| it.booked += 1)?;
    let written = cell.written().ok_or_else(damaged)?;
    rows.put(counted, Some(written));
    Ok(())
}

pub(super) fn take_in(rows: &mut Rows, event: &Event) -> Result<(), StoreError> {
    let Some(booking) = event.booking() else { return Ok(()) };
    let Some(dose) = booking.details.dose.as_deref() else { return Ok(()) };
    match event {
        Event::Confirmed { .. }
        | Event::Moved { .. }
        | Event::Marked { mark: Mark::Arrived, .. } => count(rows, booking, dose, true),
        Event::Cancelled { .. } | Event::Marked { mark: Mark::NoShow, .. } => {
            count(rows, booking, dose, false)
        }
        // A hold has a dose too, and counts for nothing.
        Event::Dosed { .. } if rows.get(&counted_key(booking.id.into()))?.is_none() => Ok(()),
        Event::Dosed { .. } => count(rows, booking, dose, true),
        Event::Given { at, .. } => {
            count(rows, booking, dose, false)?;
            let cell = cell(rows, dose, booking.calendar, *at)?;
            change(rows, dose.campaign, &cell, |it| it.given += 1)
        }
        _ => Ok(()),
    }
}
