//! What was booked, cancelled, moved and marked, by the week in which it lies, and by reason.

use jiff::civil::Date;
use rkyv::{Archive, Deserialize, Serialize};

use super::rows::{Kind, Rows, archived, damaged, id_key, key};
use super::{records, settings};
use crate::booking::{Booking, Event, Mark, Span};
use crate::ids::{CalendarId, ReasonId};
use crate::storage::{Store, StoreError, Table};
use crate::time::Timestamp;

const MS_PER_MINUTE: i64 = 60_000;

/// What happened to the appointments of one reason in one week. A week is that in which an
/// appointment lies, or lay when it ended.
#[derive(Archive, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Appointments that stand.
    pub(crate) booked: u64,
    /// Appointments that were cancelled.
    pub(crate) cancelled: u64,
    /// Moves to elsewhere, also within the week.
    pub(crate) moved: u64,
    /// Those that took place, as the practice says.
    pub(crate) fulfilled: u64,
    /// Those to which nobody came, as the practice says.
    pub(crate) no_shows: u64,
    /// Minutes from start to end of those that stand.
    pub(crate) booked_minutes: u64,
    /// Minutes of lanes that those that stand occupy.
    pub(crate) occupied_minutes: u64,
    /// Minutes from when those that stand were booked to their start, together.
    pub(crate) ahead_minutes: u64,
}

archived!(Counts);

impl Counts {
    /// Adds what another row has.
    pub(crate) fn add(&mut self, other: &Self) {
        self.booked += other.booked;
        self.cancelled += other.cancelled;
        self.moved += other.moved;
        self.fulfilled += other.fulfilled;
        self.no_shows += other.no_shows;
        self.booked_minutes += other.booked_minutes;
        self.occupied_minutes += other.occupied_minutes;
        self.ahead_minutes += other.ahead_minutes;
    }

    /// The count of a mark; nobody counts who has arrived.
    fn of_mark(&mut self, mark: Mark) -> Option<&mut u64> {
        match mark {
            Mark::Arrived => None,
            Mark::Fulfilled => Some(&mut self.fulfilled),
            Mark::NoShow => Some(&mut self.no_shows),
        }
    }

    fn marked(&mut self, mark: Mark, before: Option<Mark>) {
        if let Some(count) = before.and_then(|before| self.of_mark(before)) {
            *count = count.saturating_sub(1);
        }
        if let Some(count) = self.of_mark(mark) {
            *count += 1;
        }
    }

    fn stands(&mut self, span: &Span, booked_at: Timestamp) {
        let Minutes { booked, occupied, ahead } = Minutes::of(span, booked_at);
        self.booked += 1;
        self.booked_minutes += booked;
        self.occupied_minutes += occupied;
        self.ahead_minutes += ahead;
    }

    fn stands_no_more(&mut self, span: &Span, booked_at: Timestamp) {
        let Minutes { booked, occupied, ahead } = Minutes::of(span, booked_at);
        self.booked = self.booked.saturating_sub(1);
        self.booked_minutes = self.booked_minutes.saturating_sub(booked);
        self.occupied_minutes = self.occupied_minutes.saturating_sub(occupied);
        self.ahead_minutes = self.ahead_minutes.saturating_sub(ahead);
    }
}

struct Minutes {
    booked: u64,
    occupied: u64,
    ahead: u64,
}

impl Minutes {
    fn of(span: &Span, booked_at: Timestamp) -> Self {
        let between = |from: Timestamp, to: Timestamp| {
            u64::try_from((to.millis() - from.millis()) / MS_PER_MINUTE).unwrap_or(0)
        };
        Self {
            booked: between(span.start, span.end),
            occupied: between(span.start, span.occupied_until),
            ahead: between(booked_at, span.start),
        }
    }
}

/// The Monday of a date's week.
pub(crate) fn monday(date: Date) -> Date {
    let back = i64::from(date.weekday().to_monday_zero_offset());
    crate::booking::schedule::later(date, -back)
}

/// Days from 1970-01-01, whose bytes have the order of the dates.
fn date_key(date: Date) -> [u8; 8] {
    let days =
        jiff::civil::date(1970, 1, 1).until(date).map_or(0, |span| i64::from(span.get_days()));
    (days ^ i64::MIN).to_be_bytes()
}

fn week_key(calendar: CalendarId, monday: Date, reason: &ReasonId) -> Vec<u8> {
    let reason = reason.as_str().as_bytes();
    key(Kind::Activity, &[&id_key(calendar), &date_key(monday), reason])
}

/// The reasons of a calendar in the week of a Monday, with what happened.
///
/// # Errors
///
/// [`StoreError`] when the store fails.
pub(crate) fn week(
    store: &dyn Store,
    calendar: CalendarId,
    monday: Date,
    reasons_max: usize,
) -> Result<Vec<(ReasonId, Counts)>, StoreError> {
    let prefix = key(Kind::Activity, &[&id_key(calendar), &date_key(monday)]);
    let rows = store.scan(Table::Readers, &prefix, &prefix, reasons_max)?;
    let read = |(key, value): &(Vec<u8>, Vec<u8>)| {
        let reason = key.strip_prefix(prefix.as_slice());
        let reason = reason.and_then(|it| std::str::from_utf8(it).ok());
        let reason = reason.and_then(|it| ReasonId::new(it).ok()).ok_or_else(damaged)?;
        Ok((reason, Counts::of_row(value)?))
    };
    rows.iter().map(read).collect()
}

fn change(
    rows: &mut Rows,
    calendar: CalendarId,
    reason: &ReasonId,
    start: Timestamp,
    change: impl FnOnce(&mut Counts),
) -> Result<(), StoreError> {
    let date = settings::of(rows, calendar)?.zone.to_datetime(start.to_jiff()).date();
    let key = week_key(calendar, monday(date), reason);
    let row = rows.get(&key)?;
    let mut counts = row.map_or_else(|| Ok(Counts::default()), |row| Counts::of_row(&row))?;
    change(&mut counts);
    rows.put(key, counts.written());
    Ok(())
}

pub(super) fn take_in(rows: &mut Rows, event: &Event) -> Result<(), StoreError> {
    match event {
        Event::Confirmed { at, booking, .. } => {
            let Booking { calendar, reason, span, .. } = booking;
            change(rows, *calendar, &reason.id, span.start, |counts| counts.stands(span, *at))
        }
        Event::Cancelled { booking, .. } => {
            let Booking { calendar, reason, span, id, .. } = booking;
            let Some(record) = records::of(rows, (*id).into())? else { return Ok(()) };
            change(rows, *calendar, &reason.id, span.start, |counts| {
                counts.stands_no_more(span, record.booked_at);
                counts.cancelled += 1;
            })
        }
        Event::Moved { booking, from_calendar, from, .. } => {
            let Booking { calendar, reason, span, id, .. } = booking;
            let Some(record) = records::of(rows, (*id).into())? else { return Ok(()) };
            change(rows, *from_calendar, &reason.id, from.start, |counts| {
                counts.stands_no_more(from, record.booked_at);
                counts.moved += 1;
            })?;
            change(rows, *calendar, &reason.id, span.start, |counts| {
                counts.stands(span, record.booked_at);
            })
        }
        Event::Marked { booking, mark, before, .. } => {
            let Booking { calendar, reason, span, .. } = booking;
            change(rows, *calendar, &reason.id, span.start, |counts| counts.marked(*mark, *before))
        }
        // An accepted offer comes as a move; a hold is no appointment.
        Event::Accepted { .. }
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
        | Event::Registered { .. } => Ok(()),
    }
}
