//! What is refused, and why: business outcomes, never failures.
//!
//! The variants stand in their order of precedence: where two apply, the earlier one is said.

use super::rules::Standing;
use crate::campaign::{Ineligible, Invalid};
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
    /// No such campaign.
    #[error("there is no such campaign")]
    UnknownCampaign,
    /// No such delivery.
    #[error("there is no such delivery")]
    UnknownDelivery,
    /// Nobody waits for that, or not any more.
    #[error("there is no such wish")]
    UnknownWish,
    /// Another person booked it.
    #[error("another person booked it")]
    NotYours,
    /// No such practitioner.
    #[error("there is no such practitioner")]
    UnknownPractitioner,
    /// No such place.
    #[error("there is no such place")]
    UnknownPlace,
    /// No such link, or it leads nowhere any more.
    #[error("there is no such link")]
    UnknownLink,
    /// Nobody has reviewed the appointment.
    #[error("there is no review of this appointment")]
    UnknownReview,
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
    /// The hold is an offer for an appointment, which moves when it is accepted.
    #[error("the hold is an offer for an appointment")]
    IsOffer,
    /// The hold cannot be renewed, or not again.
    #[error("the hold cannot be renewed any more")]
    RenewalsSpent,
    /// The appointment is past or cancelled.
    #[error("the appointment is past or cancelled")]
    NotChangeable,
    /// The person has an appointment for the dose after it: whoever cancels says what becomes of
    /// that.
    #[error("say what becomes of the appointment for the dose after it")]
    NextDose {
        /// That appointment.
        appointment: AppointmentId,
    },
    /// It is too early to say so of the appointment.
    #[error("the appointment has not come so far")]
    NotYet,
    /// The appointment has a dose: it is fulfilled by saying of which delivery one was given.
    #[error("the appointment is fulfilled when its dose is given")]
    DoseNotGiven,
    /// The appointment has not been said to have taken place.
    #[error("the appointment was not marked as fulfilled")]
    NotFulfilled,
    /// The appointment was reviewed before: a review is for good.
    #[error("the appointment was reviewed before")]
    AlreadyReviewed,
    /// Something is held or booked within the stretch.
    #[error("something is held or booked within it")]
    NotFree,
    /// So soon before its start only the practice may change the appointment.
    #[error("the appointment can be changed until {until_minutes} minutes before its start")]
    TooLate {
        /// Minutes before its start until which it can be changed.
        until_minutes: u32,
    },
    /// The calendar has no such reason.
    #[error("the calendar has no such reason")]
    UnknownReason,
    /// Only the practice may book the reason.
    #[error("only the practice may book this reason")]
    PracticeOnly,
    /// The reason is for other patients.
    #[error("the reason is for {patients:?} patients")]
    PatientsOnly {
        /// Those whom it is for.
        patients: Standing,
    },
    /// The reason is not seen to in this way.
    #[error("the reason is not seen to {}", if *by_video { "by video" } else { "in person" })]
    VisitNotOffered {
        /// The way that was asked for.
        by_video: bool,
    },
    /// The start lies between two steps of the calendar's grid.
    #[error("the start is not on the calendar's grid of {grid_minutes} minutes")]
    OffGrid {
        /// Minutes of a step.
        grid_minutes: u8,
    },
    /// The start has passed.
    #[error("the start has passed")]
    InThePast,
    /// The start is so near that only the practice may book it.
    #[error("the reason can be booked until {notice_minutes} minutes before its start")]
    TooSoon {
        /// Minutes before its start until which it can be booked.
        notice_minutes: u32,
    },
    /// The start lies beyond what can be booked yet.
    #[error("the calendar can be booked {horizon_days} days ahead")]
    BeyondHorizon {
        /// Days that can be booked, after today.
        horizon_days: u16,
    },
    /// The reason does not fit into an opening at this start.
    #[error("the calendar is not open for all of this time")]
    OutsideOpenings,
    /// The person may not have this dose, or not yet.
    #[error("{why}")]
    NotEligible {
        /// Why, and from when on they may.
        why: Box<Ineligible>,
    },
    /// No dose is left for the day.
    #[error("no dose is left for this day")]
    NoDose,
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
    /// The day has as many of the reason as it may have.
    #[error("the day has {per_day} of this reason already")]
    DayFull {
        /// How many patients may book in one day.
        per_day: u16,
    },
    /// The person has let holds of this slot expire too often.
    #[error("the person has let holds of this slot expire")]
    HeldTooOften,
    /// The person waits for as much of the calendar as one may.
    #[error("the person waits for as much as one may")]
    TooManyWishes,
    /// As many wait for the calendar as may.
    #[error("as many wait for the calendar as may")]
    ListFull,
    /// A calendar that is needed too is not open for all of this time, or not yet, or its grid has
    /// no such start.
    #[error("{calendar} is not open for all of this time")]
    PartClosed {
        /// That calendar.
        calendar: CalendarId,
    },
    /// A calendar that is needed too is taken.
    #[error("{calendar} is taken")]
    PartTaken {
        /// That calendar.
        calendar: CalendarId,
    },
}

impl From<Invalid> for Rejection {
    fn from(Invalid { field, rule }: Invalid) -> Self {
        Self::Invalid { field, rule }
    }
}

impl From<Ineligible> for Rejection {
    fn from(why: Ineligible) -> Self {
        Self::NotEligible { why: Box::new(why) }
    }
}
