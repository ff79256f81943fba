//! What has happened: the content of the journal.
//!
//! An event explains itself. Replay looks nothing up, so hours, reasons and buffers may change
//! without touching what is booked. These types are archived as they stand: **never edit one**.
//! A change is a new version beside the old, with a conversion, and the golden files under
//! `engine/tests/golden` hold the old one.

#![expect(missing_docs, reason = "rkyv derives helpers with undocumented fields")]

use rkyv::{Archive, Deserialize, Serialize};

use super::booking::{Booking, Guard, Mark, Span};
use super::definition::Definition;
use super::register::Registration;
use super::wishes::Wish;
use crate::ids::{CalendarId, DeliveryId, WishId};
use crate::time::Timestamp;

/// Something that has happened to one calendar; a move or an accepted offer, to one or two.
#[derive(Archive, Serialize, Deserialize, Clone, Debug, PartialEq)]
pub enum Event {
    /// A calendar came to be, at version 1.
    CalendarCreated {
        /// The calendar.
        calendar: CalendarId,
        /// When.
        at: Timestamp,
        /// All that was set: apart, so that no other event is larger for it.
        definition: Box<Definition>,
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
        definition: Box<Definition>,
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
    /// A hold lasts longer.
    Renewed {
        /// When.
        at: Timestamp,
        /// The hold.
        booking: Booking,
        /// When it was to end until now.
        before: Timestamp,
        /// When it ends by itself from now on.
        deadline: Timestamp,
        /// The person guards that it goes on to claim.
        guards: Vec<Guard>,
        /// How often it was renewed, this time included.
        renewals: u8,
    },
    /// The practice has said something of an appointment.
    Marked {
        /// When.
        at: Timestamp,
        /// The appointment.
        booking: Booking,
        /// What.
        mark: Mark,
        /// What it had said before.
        before: Option<Mark>,
    },
    /// The practice is late for everyone who starts from now until the end of the day.
    Delayed {
        /// The calendar.
        calendar: CalendarId,
        /// When.
        at: Timestamp,
        /// Minutes; none where it is in time again.
        minutes: u16,
        /// Until before which start it counts.
        until: Timestamp,
    },
    /// An offer was accepted: one event moves the appointment to the held slot, ends the hold and
    /// frees the slot that the appointment leaves.
    Accepted {
        /// When.
        at: Timestamp,
        /// The appointment where it lies now.
        booking: Booking,
        /// What it left, and what it took: apart, so that no other event is written larger.
        taken: Box<Taken>,
    },
    /// Something was put into the register beside the calendars, or taken out of it.
    Registered {
        /// When.
        at: Timestamp,
        /// What.
        what: Box<Registration>,
    },
    /// Somebody waits for something to come free.
    Wished {
        /// The calendar.
        calendar: CalendarId,
        /// When.
        at: Timestamp,
        /// For what.
        wish: Box<Wish>,
    },
    /// Somebody waits no more, and has not been given what they waited for.
    Withdrawn {
        /// The calendar.
        calendar: CalendarId,
        /// When.
        at: Timestamp,
        /// For what they waited.
        wish: WishId,
    },
    /// The dose of a booking is of another delivery from now on, or of none.
    Dosed {
        /// When.
        at: Timestamp,
        /// The booking with its dose as it is now.
        booking: Booking,
        /// Of which delivery it was.
        before: Option<DeliveryId>,
    },
    /// The dose of an appointment was given.
    Given {
        /// When.
        at: Timestamp,
        /// The appointment with the dose that was given.
        booking: Booking,
        /// Of which delivery the dose was that had been booked.
        before: Option<DeliveryId>,
        /// Until when its person stays.
        stays_until: Timestamp,
    },
}

/// An offer that was accepted.
#[derive(Archive, Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct Taken {
    /// The calendar that the appointment left; the same one for a move within a calendar.
    pub from_calendar: CalendarId,
    /// Where it lay.
    pub from: Span,
    /// The hold that was the offer.
    pub offer: Booking,
    /// When the offer was to end by itself.
    pub deadline: Timestamp,
    /// The person guards that it had claimed.
    pub guards: Vec<Guard>,
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
            | Self::Renewed { at, .. }
            | Self::Marked { at, .. }
            | Self::Delayed { at, .. }
            | Self::Accepted { at, .. }
            | Self::Wished { at, .. }
            | Self::Withdrawn { at, .. }
            | Self::Dosed { at, .. }
            | Self::Given { at, .. }
            | Self::Registered { at, .. } => *at,
        }
    }

    /// The calendar that it happened to, if it did; of a move, the one that took the appointment.
    #[must_use]
    pub fn calendar(&self) -> Option<CalendarId> {
        match self {
            Self::CalendarCreated { calendar, .. }
            | Self::CalendarChanged { calendar, .. }
            | Self::Delayed { calendar, .. }
            | Self::Wished { calendar, .. }
            | Self::Withdrawn { calendar, .. } => Some(*calendar),
            Self::Held { booking, .. }
            | Self::Confirmed { booking, .. }
            | Self::Released { booking, .. }
            | Self::Expired { booking, .. }
            | Self::Cancelled { booking, .. }
            | Self::Moved { booking, .. }
            | Self::Renewed { booking, .. }
            | Self::Marked { booking, .. }
            | Self::Dosed { booking, .. }
            | Self::Given { booking, .. }
            | Self::Accepted { booking, .. } => Some(booking.calendar),
            Self::Registered { .. } => None,
        }
    }

    /// All the calendars whose state it changes: one, or two for a move between calendars.
    pub fn calendars(&self) -> impl Iterator<Item = CalendarId> {
        let to = self.calendar();
        let from = match self {
            Self::Moved { from_calendar, .. } => Some(*from_calendar).filter(|it| Some(*it) != to),
            Self::Accepted { taken, .. } => Some(taken.from_calendar).filter(|it| Some(*it) != to),
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
            | Self::Delayed { .. }
            | Self::Wished { .. }
            | Self::Withdrawn { .. }
            | Self::Registered { .. } => None,
            Self::Held { booking, .. }
            | Self::Confirmed { booking, .. }
            | Self::Released { booking, .. }
            | Self::Expired { booking, .. }
            | Self::Cancelled { booking, .. }
            | Self::Moved { booking, .. }
            | Self::Renewed { booking, .. }
            | Self::Marked { booking, .. }
            | Self::Dosed { booking, .. }
            | Self::Given { booking, .. }
            | Self::Accepted { booking, .. } => Some(booking),
        }
    }

    /// What an accepted offer is to whoever looks at appointments alone: a move.
    #[must_use]
    pub(crate) fn as_move(&self) -> Option<Self> {
        let Self::Accepted { at, booking, taken } = self else { return None };
        let (at, booking) = (*at, booking.clone());
        Some(Self::Moved { at, booking, from_calendar: taken.from_calendar, from: taken.from })
    }
}
