//! Entries of form 1, which knew no templates, absences or public holidays.
//!
//! Nothing is written in this form any more. What was is read and becomes what it means today. The
//! types are archived as they stood: they are never edited.

use rkyv::{Archive, Deserialize};

use super::entry::{Entry, Remembered};
use crate::booking::hours::{DayException, WeeklyHours};
use crate::booking::{
    Agenda, Booking, Definition, Event, Guard, Location, Practitioner, Reason, Span,
};
use crate::ids::CalendarId;
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
    reasons: Vec<Reason>,
    weekly_hours: WeeklyHours,
    exceptions: Vec<DayException>,
    horizon_days: u16,
}

#[derive(Archive, Deserialize)]
enum EventV1 {
    CalendarCreated { calendar: CalendarId, at: Timestamp, definition: DefinitionV1 },
    CalendarChanged { calendar: CalendarId, at: Timestamp, version: u32, definition: DefinitionV1 },
    Held { at: Timestamp, booking: Booking, deadline: Timestamp, guards: Vec<Guard> },
    Confirmed { at: Timestamp, booking: Booking, deadline: Timestamp, guards: Vec<Guard> },
    Released { at: Timestamp, booking: Booking, deadline: Timestamp, guards: Vec<Guard> },
    Expired { at: Timestamp, booking: Booking, deadline: Timestamp, guards: Vec<Guard> },
    Cancelled { at: Timestamp, booking: Booking },
    Moved { at: Timestamp, booking: Booking, from_calendar: CalendarId, from: Span },
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
            reasons: old.reasons,
            weekly_hours: old.weekly_hours,
            exceptions: old.exceptions,
            horizon_days: old.horizon_days,
            agenda: Agenda::default(),
        }
    }
}

impl From<EventV1> for Event {
    fn from(old: EventV1) -> Self {
        match old {
            EventV1::CalendarCreated { calendar, at, definition } => {
                Self::CalendarCreated { calendar, at, definition: definition.into() }
            }
            EventV1::CalendarChanged { calendar, at, version, definition } => {
                Self::CalendarChanged { calendar, at, version, definition: definition.into() }
            }
            EventV1::Held { at, booking, deadline, guards } => {
                Self::Held { at, booking, deadline, guards }
            }
            EventV1::Confirmed { at, booking, deadline, guards } => {
                Self::Confirmed { at, booking, deadline, guards }
            }
            EventV1::Released { at, booking, deadline, guards } => {
                Self::Released { at, booking, deadline, guards }
            }
            EventV1::Expired { at, booking, deadline, guards } => {
                Self::Expired { at, booking, deadline, guards }
            }
            EventV1::Cancelled { at, booking } => Self::Cancelled { at, booking },
            EventV1::Moved { at, booking, from_calendar, from } => {
                Self::Moved { at, booking, from_calendar, from }
            }
        }
    }
}
