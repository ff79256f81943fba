//! Entries of form 1, which knew nothing beyond the hours of each week and no rules of reasons, and
//! bookings without details.
//!
//! Nothing is written in this form any more. What was is read and becomes what it means today. The
//! types are archived as they stood: they are never edited.

use rkyv::{Archive, Deserialize};

use super::entry::{Entry, Remembered};
use crate::booking::hours::{DayException, WeeklyHours};
use crate::booking::{
    Agenda, Booking, Definition, Event, Guard, Location, Practitioner, Reason, ReasonRef, Rules,
    Span, Sparse,
};
use crate::ids::{CalendarId, HoldId, PersonId, ReasonId};
use crate::time::Timestamp;

/// The number of this form.
pub(super) const FORM: u16 = 1;

#[derive(Archive, Deserialize)]
pub(super) struct EntryV1 {
    command: Option<Remembered>,
    events: Vec<EventV1>,
}

#[derive(Archive, Deserialize)]
struct DefinitionV1 {
    external_id: Option<String>,
    practitioner: Option<Practitioner>,
    location: Location,
    time_zone: String,
    grid_minutes: u8,
    lanes: u16,
    reasons: Vec<ReasonV1>,
    weekly_hours: WeeklyHours,
    exceptions: Vec<DayException>,
    horizon_days: u16,
}

#[derive(Archive, Deserialize)]
struct ReasonV1 {
    id: ReasonId,
    name: String,
    duration_minutes: u16,
    buffer_minutes: u16,
    version: u32,
}

#[derive(Archive, Deserialize)]
struct BookingV1 {
    id: HoldId,
    calendar: CalendarId,
    person: PersonId,
    reason: ReasonRef,
    span: Span,
}

#[derive(Archive, Deserialize)]
enum EventV1 {
    CalendarCreated { calendar: CalendarId, at: Timestamp, definition: DefinitionV1 },
    CalendarChanged { calendar: CalendarId, at: Timestamp, version: u32, definition: DefinitionV1 },
    Held { at: Timestamp, booking: BookingV1, deadline: Timestamp, guards: Vec<Guard> },
    Confirmed { at: Timestamp, booking: BookingV1, deadline: Timestamp, guards: Vec<Guard> },
    Released { at: Timestamp, booking: BookingV1, deadline: Timestamp, guards: Vec<Guard> },
    Expired { at: Timestamp, booking: BookingV1, deadline: Timestamp, guards: Vec<Guard> },
    Cancelled { at: Timestamp, booking: BookingV1 },
    Moved { at: Timestamp, booking: BookingV1, from_calendar: CalendarId, from: Span },
}

impl From<EntryV1> for Entry {
    fn from(EntryV1 { command, events }: EntryV1) -> Self {
        Self { command, events: events.into_iter().map(Event::from).collect() }
    }
}

impl From<DefinitionV1> for Definition {
    fn from(old: DefinitionV1) -> Self {
        Self {
            external_id: old.external_id,
            practitioner: old.practitioner,
            location: old.location,
            time_zone: old.time_zone,
            grid_minutes: old.grid_minutes,
            lanes: old.lanes,
            reasons: old.reasons.into_iter().map(Reason::from).collect(),
            weekly_hours: old.weekly_hours,
            exceptions: old.exceptions,
            horizon_days: old.horizon_days,
            agenda: Agenda::default(),
        }
    }
}

impl From<ReasonV1> for Reason {
    fn from(ReasonV1 { id, name, duration_minutes, buffer_minutes, version }: ReasonV1) -> Self {
        Self { id, name, duration_minutes, buffer_minutes, version, rules: Rules::default() }
    }
}

impl From<BookingV1> for Booking {
    fn from(BookingV1 { id, calendar, person, reason, span }: BookingV1) -> Self {
        Self { id, calendar, person, reason, span, details: Sparse::default() }
    }
}

impl From<EventV1> for Event {
    fn from(old: EventV1) -> Self {
        match old {
            EventV1::CalendarCreated { calendar, at, definition } => {
                Self::CalendarCreated { calendar, at, definition: Box::new(definition.into()) }
            }
            EventV1::CalendarChanged { calendar, at, version, definition } => {
                let definition = Box::new(definition.into());
                Self::CalendarChanged { calendar, at, version, definition }
            }
            EventV1::Held { at, booking, deadline, guards } => {
                Self::Held { at, booking: booking.into(), deadline, guards }
            }
            EventV1::Confirmed { at, booking, deadline, guards } => {
                Self::Confirmed { at, booking: booking.into(), deadline, guards }
            }
            EventV1::Released { at, booking, deadline, guards } => {
                Self::Released { at, booking: booking.into(), deadline, guards }
            }
            EventV1::Expired { at, booking, deadline, guards } => {
                Self::Expired { at, booking: booking.into(), deadline, guards }
            }
            EventV1::Cancelled { at, booking } => Self::Cancelled { at, booking: booking.into() },
            EventV1::Moved { at, booking, from_calendar, from } => {
                Self::Moved { at, booking: booking.into(), from_calendar, from }
            }
        }
    }
}
