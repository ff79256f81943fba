//! What is refused, and why: business outcomes, never failures.
//!
//! The variants stand in their order of precedence: where two apply, the earlier one is said.

use crate::ids::{AppointmentId, CalendarId, HoldId};
use crate::time::Timestamp;

/// A slot that can be offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// The calendar.
    pub calendar: CalendarId,
    /// When it starts.
    pub start: Timestamp,
    /// When it ends.
    pub end: Timestamp,
    /// Lanes in which it is free.
    pub free: u16,
}

/// A documented refusal. Nothing has changed, and nothing is remembered of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// A field breaks a rule of its own.
    #[error("{field} {rule}")]
    Invalid {
        /// The field, as a path.
        field: String,
        /// The rule, to be read after the field's name.
        rule: String,
    },
    /// The caller used this command id for something else.
    #[error("this command id was used for another command")]
    CommandReused,
    /// No such calendar.
    #[error("there is no such calendar")]
    UnknownCalendar,
    /// No such hold, or it ended without an appointment more than 24 hours ago.
    #[error("there is no such hold")]
    UnknownHold,
    /// No such appointment.
    #[error("there is no such appointment")]
    UnknownAppointment,
    /// The calendar has changed since the caller read it.
    #[error("the calendar is at version {current}")]
    VersionMismatch {
        /// Its version now.
        current: u32,
    },
    /// Another calendar has this external id.
    #[error("another calendar has this external id")]
    ExternalIdTaken {
        /// That calendar.
        calendar: CalendarId,
    },
    /// The hold was given back.
    #[error("the hold was released")]
    HoldReleased,
    /// The hold's time ran out.
    #[error("the hold has expired")]
    HoldExpired,
    /// The hold has become an appointment.
    #[error("the hold was confirmed")]
    HoldConfirmed {
        /// That appointment.
        appointment: AppointmentId,
    },
    /// The appointment is past or cancelled.
    #[error("the appointment is past or cancelled")]
    NotChangeable,
    /// The calendar has no such reason.
    #[error("the calendar has no such reason")]
    UnknownReason,
    /// The start lies between two steps of the calendar's grid.
    #[error("the start is not on the calendar's grid of {grid_minutes} minutes")]
    OffGrid {
        /// Minutes of a step.
        grid_minutes: u8,
    },
    /// The start has passed.
    #[error("the start has passed")]
    InThePast,
    /// The start lies beyond what can be booked yet.
    #[error("the calendar can be booked {horizon_days} days ahead")]
    BeyondHorizon {
        /// Days that can be booked, after today.
        horizon_days: u16,
    },
    /// The reason does not fit into an opening at this start.
    #[error("the calendar is not open for all of this time")]
    OutsideOpenings,
    /// The slot is taken, or about to be.
    #[error("the slot is taken")]
    SlotTaken {
        /// The nearest free slots, at most three.
        alternatives: Vec<Slot>,
    },
    /// The person has another live hold that a person guard counts.
    #[error("the person has a hold already")]
    PersonHasHold {
        /// That hold.
        hold: HoldId,
    },
}
