//! From rows and events to what a host is told.

use crate::booking::{Booking, Event, Registration};
use crate::ids::AppointmentId;
use crate::request::{Appointment, AppointmentStatus, CalendarInfo, Hold, HoldStatus};
use crate::runtime::{BookingRow, BookingState};
use crate::time::Timestamp;

pub(super) fn hold(booking: &Booking, status: HoldStatus, expires_at: Option<Timestamp>) -> Hold {
    let Booking { id, calendar, person, reason, span, details } = booking;
    Hold {
        id: *id,
        calendar: *calendar,
        person: person.clone(),
        reason: reason.id.clone(),
        start: span.start,
        end: span.end,
        details: details.clone(),
        expires_at,
        status,
    }
}

pub(super) fn hold_of(row: &BookingRow) -> Hold {
    let (status, expires_at) = match row.state {
        BookingState::Held { deadline } => (HoldStatus::Held, Some(deadline)),
        BookingState::Booked | BookingState::Cancelled => (HoldStatus::Confirmed, None),
        BookingState::Released => (HoldStatus::Released, None),
        BookingState::Expired => (HoldStatus::Expired, None),
    };
    hold(&row.booking, status, expires_at)
}

pub(super) fn appointment(booking: &Booking, status: AppointmentStatus) -> Appointment {
    let Booking { id, calendar, person, reason, span, details } = booking;
    Appointment {
        id: AppointmentId::from(*id),
        calendar: *calendar,
        person: person.clone(),
        reason: reason.id.clone(),
        lane: span.lane,
        start: span.start,
        end: span.end,
        details: details.clone(),
        status,
    }
}

/// None for a hold that is no appointment.
pub(super) fn appointment_of(row: &BookingRow) -> Option<Appointment> {
    match row.state {
        BookingState::Booked => Some(appointment(&row.booking, AppointmentStatus::Booked)),
        BookingState::Cancelled => Some(appointment(&row.booking, AppointmentStatus::Cancelled)),
        BookingState::Held { .. } | BookingState::Released | BookingState::Expired => None,
    }
}

/// The hold that an entry made.
pub(super) fn held(events: &[Event]) -> Option<Hold> {
    events.iter().find_map(|event| match event {
        Event::Held { booking, deadline, .. } => {
            Some(hold(booking, HoldStatus::Held, Some(*deadline)))
        }
        _ => None,
    })
}

/// The appointment that an entry made, moved or cancelled, as it was then.
pub(super) fn settled(events: &[Event]) -> Option<Appointment> {
    events.iter().find_map(|event| match event {
        Event::Confirmed { booking, .. } | Event::Moved { booking, .. } => {
            Some(appointment(booking, AppointmentStatus::Booked))
        }
        Event::Cancelled { booking, .. } => {
            Some(appointment(booking, AppointmentStatus::Cancelled))
        }
        _ => None,
    })
}

/// What an entry put into the register.
pub(super) fn registered(events: &[Event]) -> Option<Registration> {
    events.iter().find_map(|event| match event {
        Event::Registered { what, .. } => Some((**what).clone()),
        _ => None,
    })
}

/// The calendar that an entry created or changed, as it was then.
pub(super) fn calendar(events: &[Event]) -> Option<CalendarInfo> {
    events.iter().find_map(|event| match event {
        Event::CalendarCreated { calendar, definition, .. } => {
            Some(CalendarInfo { id: *calendar, version: 1, definition: definition.clone() })
        }
        Event::CalendarChanged { calendar, version, definition, .. } => {
            Some(CalendarInfo { id: *calendar, version: *version, definition: definition.clone() })
        }
        _ => None,
    })
}
