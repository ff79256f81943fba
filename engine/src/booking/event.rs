//! What has happened: the content of the journal.
//!
//! An event explains itself. Replay looks nothing up, so hours, reasons and buffers may change
//! without touching what is booked. These types are archived as they stand: **never edit one**.
//! A change is a new version beside the old, with a conversion, and the golden files under
//! `engine/tests/golden` hold the old one.

#![expect(missing_docs, reason = "rkyv derives helpers with undocumented fields")]

use rkyv::{Archive, Deserialize, Serialize};

use super::booking::{Booking, Guard, Span};
use super::definition::Definition;
use super::register::Registration;
use crate::ids::CalendarId;
use crate::time::Timestamp;

/// Something that has happened to one calendar; a move, to two.
#[derive(Archive, Serialize, Deserialize, Clone, Debug, PartialEq)]
pub enum Event {
    /// A calendar came to be, at version 1.
    CalendarCreated {
        /// The calendar.
        calendar: CalendarId,
        /// When.
        at: Timestamp,
        /// All that was set.
        definition: Definition,
    },
    /// A calendar's hours, lanes, reasons or horizon were changed.
    CalendarChanged {
        /// The calendar.
        calendar: CalendarId,
        /// When.
        at: Timestamp,
        /// The version from now on.
        version: u32,
        /// All that is set now.
        definition: Definition,
    },
    /// A slot was held.
    Held {
        /// When.
        at: Timestamp,
        /// The hold.
        booking: Booking,
        /// When it ends by itself.
        deadline: Timestamp,
        /// The person guards that it claims while it lives.
        guards: Vec<Guard>,
    },
    /// A hold became an appointment.
    Confirmed {
        /// When.
        at: Timestamp,
        /// The appointment.
        booking: Booking,
        /// When the hold was to end by itself.
        deadline: Timestamp,
        /// The person guards that the hold had claimed.
        guards: Vec<Guard>,
    },
    /// A hold was given back.
    Released {
        /// When.
        at: Timestamp,
        /// The hold.
        booking: Booking,
        /// When the hold was to end by itself.
        deadline: Timestamp,
        /// The person guards that it had claimed.
        guards: Vec<Guard>,
    },
    /// A hold's time ran out.
    Expired {
        /// When: at the deadline or soon after it.
        at: Timestamp,
        /// The hold.
        booking: Booking,
        /// When it was to end.
        deadline: Timestamp,
        /// The person guards that it had claimed.
        guards: Vec<Guard>,
    },
    /// An appointment was cancelled.
    Cancelled {
        /// When.
        at: Timestamp,
        /// The appointment.
        booking: Booking,
    },
    /// An appointment was moved: one event frees the old slot and takes the new one.
    Moved {
        /// When.
        at: Timestamp,
        /// The appointment where it lies now.
        booking: Booking,
        /// The calendar that it left; the same one for a move within a calendar.
        from_calendar: CalendarId,
        /// Where it lay.
        from: Span,
    },
    /// Something was put into the register beside the calendars, or taken out of it.
    Registered {
        /// When.
        at: Timestamp,
        /// What.
        what: Box<Registration>,
    },
}

impl Event {
    /// When it happened.
    #[must_use]
    pub fn at(&self) -> Timestamp {
        match self {
            Self::CalendarCreated { at, .. }
            | Self::CalendarChanged { at, .. }
            | Self::Held { at, .. }
            | Self::Confirmed { at, .. }
            | Self::Released { at, .. }
            | Self::Expired { at, .. }
            | Self::Cancelled { at, .. }
            | Self::Moved { at, .. }
            | Self::Registered { at, .. } => *at,
        }
    }

    /// The calendar that it happened to, if it did; of a move, the one that took the appointment.
    #[must_use]
    pub fn calendar(&self) -> Option<CalendarId> {
        match self {
            Self::CalendarCreated { calendar, .. } | Self::CalendarChanged { calendar, .. } => {
                Some(*calendar)
            }
            Self::Held { booking, .. }
            | Self::Confirmed { booking, .. }
            | Self::Released { booking, .. }
            | Self::Expired { booking, .. }
            | Self::Cancelled { booking, .. }
            | Self::Moved { booking, .. } => Some(booking.calendar),
            Self::Registered { .. } => None,
        }
    }

    /// All the calendars whose state it changes: one, or two for a move between calendars.
    pub fn calendars(&self) -> impl Iterator<Item = CalendarId> {
        let to = self.calendar();
        let from = match self {
            Self::Moved { from_calendar, .. } if Some(*from_calendar) != to => Some(*from_calendar),
            _ => None,
        };
        [to, from].into_iter().flatten()
    }

    /// The booking that it is about, as it is afterwards.
    #[must_use]
    pub fn booking(&self) -> Option<&Booking> {
        match self {
            Self::CalendarCreated { .. }
            | Self::CalendarChanged { .. }
            | Self::Registered { .. } => None,
            Self::Held { booking, .. }
            | Self::Confirmed { booking, .. }
            | Self::Released { booking, .. }
            | Self::Expired { booking, .. }
            | Self::Cancelled { booking, .. }
            | Self::Moved { booking, .. } => Some(booking),
        }
    }
}
