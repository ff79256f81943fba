//! From rows and events to what a host is told.

use crate::booking::calendar::Live;
use crate::booking::{Booking, Details, Event, Mark, Registration, Status};
use crate::ids::AppointmentId;
use crate::request::{Appointment, AppointmentStatus, CalendarInfo, Delay, Hold, HoldStatus};
use crate::runtime::{BookingRow, BookingState};
use crate::time::Timestamp;

fn hold(
    booking: &Booking,
    (status, appointment): (HoldStatus, Option<AppointmentId>),
    expires_at: Option<Timestamp>,
    renewals_left: u8,
) -> Hold {
    let Booking { id, calendar, person, reason, span, details } = booking;
    Hold {
        id: *id,
        calendar: *calendar,
        person: person.clone(),
        reason: reason.id.clone(),
        start: span.start,
        end: span.end,
        details: Details::clone(details),
        expires_at,
        renewals_left,
        appointment,
        status,
    }
}

/// How often a hold can still be renewed.
fn left(booking: &Booking, renewals: u8, most: u8) -> u8 {
    // Whoever made an offer has said how long it lasts.
    if booking.details.offer.is_some() { 0 } else { most.saturating_sub(renewals) }
}

/// A hold that lives; holds can be renewed `most` times.
pub(super) fn live_hold(live: &Live, most: u8) -> Hold {
    let renewals = match &live.status {
        Status::Held { renewals, .. } => *renewals,
        Status::Booked => most,
    };
    let left = left(&live.booking, renewals, most);
    hold(&live.booking, (HoldStatus::Held, None), live.deadline(), left)
}

/// The appointment that a hold has become, or that accepted it.
pub(super) fn appointment_id(row: &BookingRow) -> Option<AppointmentId> {
    match row.state {
        BookingState::Booked | BookingState::Marked(_) | BookingState::Cancelled => {
            Some(row.booking.id.into())
        }
        BookingState::Accepted(appointment) => Some(appointment),
        BookingState::Held { .. } | BookingState::Released | BookingState::Expired => None,
    }
}

pub(super) fn hold_of(row: &BookingRow, most: u8) -> Hold {
    let status = match row.state {
        BookingState::Held { deadline, renewals } => {
            let left = left(&row.booking, renewals, most);
            return hold(&row.booking, (HoldStatus::Held, None), Some(deadline), left);
        }
        BookingState::Released => HoldStatus::Released,
        BookingState::Expired => HoldStatus::Expired,
        _ => HoldStatus::Confirmed,
    };
    hold(&row.booking, (status, appointment_id(row)), None, 0)
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
        details: Details::clone(details),
        status,
        late_minutes: None,
    }
}

fn marked(mark: Mark) -> AppointmentStatus {
    match mark {
        Mark::Arrived => AppointmentStatus::Arrived,
        Mark::Fulfilled => AppointmentStatus::Fulfilled,
        Mark::NoShow => AppointmentStatus::NoShow,
    }
}

/// None for a hold that is no appointment.
pub(super) fn appointment_of(row: &BookingRow) -> Option<Appointment> {
    let status = match row.state {
        BookingState::Booked => AppointmentStatus::Booked,
        BookingState::Marked(mark) => marked(mark),
        BookingState::Cancelled => AppointmentStatus::Cancelled,
        BookingState::Held { .. }
        | BookingState::Released
        | BookingState::Expired
        | BookingState::Accepted(_) => return None,
    };
    Some(appointment(&row.booking, status))
}

/// The hold that an entry made or renewed; holds can be renewed `most` times.
pub(super) fn held(events: &[Event], most: u8) -> Option<Hold> {
    events.iter().find_map(|event| {
        let (booking, deadline, renewals) = match event {
            Event::Held { booking, deadline, .. } => (booking, deadline, 0),
            Event::Renewed { booking, deadline, renewals, .. } => (booking, deadline, *renewals),
            _ => return None,
        };
        let left = left(booking, renewals, most);
        Some(hold(booking, (HoldStatus::Held, None), Some(*deadline), left))
    })
}

/// The appointment that an entry made, moved, marked or cancelled, as it was then.
pub(super) fn settled(events: &[Event]) -> Option<Appointment> {
    events.iter().find_map(|event| match event {
        Event::Confirmed { booking, .. }
        | Event::Moved { booking, .. }
        | Event::Accepted { booking, .. } => Some(appointment(booking, AppointmentStatus::Booked)),
        Event::Marked { booking, mark, .. } => Some(appointment(booking, marked(*mark))),
        Event::Cancelled { booking, .. } => {
            Some(appointment(booking, AppointmentStatus::Cancelled))
        }
        _ => None,
    })
}

/// How late an entry says that a calendar is.
pub(super) fn delay(events: &[Event]) -> Option<Delay> {
    events.iter().find_map(|event| match event {
        Event::Delayed { calendar, minutes, .. } => {
            Some(Delay { calendar: *calendar, minutes: *minutes })
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
            Some(CalendarInfo { id: *calendar, version: 1, definition: (**definition).clone() })
        }
        Event::CalendarChanged { calendar, version, definition, .. } => Some(CalendarInfo {
            id: *calendar,
            version: *version,
            definition: (**definition).clone(),
        }),
        _ => None,
    })
}
