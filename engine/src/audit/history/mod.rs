//! Histories: whether what clients were told has a legal order.
//!
//! A [`Call`] is what one client asked, when, and what it was told, when. A history is legal if
//! each call can be given an instant between the two at which it took effect, such that a booking
//! engine without any concurrency says the same. Instants are those of one clock, in nanoseconds or
//! any other unit; calls that were asked and told at the same instant may stand in either order.
//!
//! # Objects
//!
//! Legality is judged object by object.
//!
//! - A *life* is one booking: what is told of it under its identifier. It is held, and then
//!   released, expired or an appointment, which may be moved and cancelled. Each of these happens
//!   once, and what is told of it narrows when.
//! - A *group* is a stretch of a calendar that no booking and no attempt reaches out of: its slots
//!   are those that overlap each other, directly or through others, over all lanes. A calendar of
//!   slots that do not overlap has a group for each. Stays of bookings in a lane of the group must
//!   not overlap each other at the same time.
//!
//! # What is allowed
//!
//! - [`Refusal::SlotTaken`] where in every lane something that overlaps the slot may have been
//!   taken at some instant of the call; or while another attempt at an overlapping slot is in
//!   flight that is not itself refused so. One that is refused so is an excuse where it has one
//!   itself: of a surge that is refused altogether, somebody must have had a reason.
//! - A call of unknown outcome may have taken effect at any instant after it was asked, up to
//!   `told` where that is known, or not at all.
//! - A hold ends by itself between two instants that its answer carries, [`Ends`]: its deadline,
//!   and the latest instant at which its end is journaled.
//!
//! # How closely it is judged
//!
//! Nothing legal is reported. With one lane, and appointments that are moved by one call at a time,
//! each rule is judged exactly for every pair of stays and for every call. Where an answer does not
//! tell the lane and there are several, stays are only counted against the lanes. Person guards are
//! judged by the holds that refusals name.
//!
//! It takes time `n log n` in the calls, and a few hundred bytes for each.

use std::collections::BTreeMap;
use std::fmt;

use crate::ids::{CalendarId, HoldId};
use crate::time::Timestamp;

mod cover;
mod groups;
mod lives;
mod refusals;

#[cfg(test)]
mod oracle;
#[cfg(test)]
mod tests;

/// An instant of the clock of a history.
pub type Instant = u64;

/// An instant that never comes.
pub const NEVER: Instant = Instant::MAX;

/// Somewhere in a calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The calendar.
    pub calendar: CalendarId,
    /// The lane, where it is known.
    pub lane: Option<u16>,
    /// The first instant that is occupied.
    pub start: Timestamp,
    /// The first after it that is not, buffer included.
    pub until: Timestamp,
}

impl Place {
    fn overlaps(&self, other: &Self) -> bool {
        let apart = self.until <= other.start || other.until <= self.start;
        self.calendar == other.calendar && !apart
    }
}

/// When a hold ends by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ends {
    /// Its deadline: not before.
    pub from: Instant,
    /// Not after.
    pub by: Instant,
}

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// A hold.
    Hold(Place),
    /// The confirmation of a hold.
    Confirm(HoldId),
    /// Its release.
    Release(HoldId),
    /// The cancellation of the appointment that it became.
    Cancel(HoldId),
    /// Its move.
    Move(HoldId, Place),
}

/// What is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nobody knows: it happened by `told`, or not at all.
    Unknown,
    /// It has not happened, for a reason that says nothing of bookings.
    NotDone,
    /// A hold.
    Held {
        /// Its identifier.
        hold: HoldId,
        /// Whether this call made it; otherwise it was there.
        fresh: bool,
        /// When it ends by itself.
        ends: Ends,
    },
    /// An appointment as it is.
    Appointment {
        /// Where.
        place: Place,
        /// Whether it is cancelled.
        cancelled: bool,
        /// Whether this call made it so.
        fresh: bool,
    },
    /// The hold is no more.
    Released,
    /// It was refused.
    Refused(Refusal),
}

/// Why something was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The slot is taken, or about to be.
    SlotTaken,
    /// The person has this hold.
    PersonHasHold(HoldId),
    /// The hold was given back.
    HoldReleased,
    /// The hold's time ran out.
    HoldExpired,
    /// The hold has become an appointment.
    HoldConfirmed,
    /// No such appointment.
    UnknownAppointment,
    /// Something that says nothing of bookings.
    Other,
}

/// One call of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    /// Who is booked for, as a number.
    pub person: u64,
    /// When it was asked.
    pub asked: Instant,
    /// When it was told; [`NEVER`] where nobody was.
    pub told: Instant,
    /// What was asked.
    pub what: What,
    /// What was told.
    pub outcome: Outcome,
}

/// The fewest and the most lanes that a calendar has had during a history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lanes {
    /// The fewest: as many must be taken for a refusal.
    pub least: u16,
    /// The most: as many may be taken at once.
    pub most: u16,
}

impl Lanes {
    /// Always so many.
    #[must_use]
    pub const fn always(lanes: u16) -> Self {
        Self { least: lanes, most: lanes }
    }
}

/// A history.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// In any order.
    pub calls: Vec<Call>,
    /// Lanes of calendars. One that is not named has one.
    pub lanes: BTreeMap<CalendarId, Lanes>,
}

/// Something that no legal order explains.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Illegal {
    /// What is broken.
    pub rule: Broken,
    /// The bookings that do not fit together, or the one that does not fit what is told of it. None
    /// where it is a refusal that nothing explains.
    pub bookings: Vec<HoldId>,
    /// They or the slot concerned, in words.
    pub about: String,
    /// When, on the clock of the history.
    pub at: Instant,
}

/// A rule that a history breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Broken {
    /// Two bookings were in one lane at the same time.
    SoldTwice,
    /// A slot was refused as taken though it was free all the time.
    RefusedThoughFree,
    /// Something is told of a booking that no call can have made.
    FromNowhere,
    /// What is told of a booking does not fit together.
    Contradiction,
    /// An appointment was seen where it cannot have been.
    Misplaced,
    /// An answer does not belong to what was asked, or came before it.
    NoAnswer,
}

impl fmt::Display for Illegal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} at {}: {}", self.rule, self.at, self.about)
    }
}

/// What a check has found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Calls that were judged.
    pub calls: usize,
    /// Bookings.
    pub lives: usize,
    /// Groups of slots.
    pub groups: usize,
    /// Refusals of taken slots.
    pub refusals: usize,
    /// Appointments whose moves overlap, so that it is not known where they lay when.
    pub ambiguous: usize,
    /// What is illegal, at most [`ILLEGAL_LISTED_MAX`].
    pub illegal: Vec<Illegal>,
}

/// Faults that a verdict lists.
pub const ILLEGAL_LISTED_MAX: usize = 100;

impl Verdict {
    /// Whether a legal order exists, as far as is judged.
    #[must_use]
    pub fn is_legal(&self) -> bool {
        self.illegal.is_empty()
    }

    fn add(
        &mut self,
        rule: Broken,
        at: Instant,
        bookings: &[HoldId],
        about: impl FnOnce() -> String,
    ) {
        if self.illegal.len() < ILLEGAL_LISTED_MAX {
            self.illegal.push(Illegal { rule, bookings: bookings.to_vec(), about: about(), at });
        }
    }
}

impl History {
    /// The lanes of a calendar.
    #[must_use]
    pub fn lanes_of(&self, calendar: CalendarId) -> Lanes {
        self.lanes.get(&calendar).copied().unwrap_or(Lanes::always(1))
    }

    /// Whether the history has a legal order.
    #[must_use]
    pub fn check(&self) -> Verdict {
        let mut verdict = Verdict { calls: self.calls.len(), ..Verdict::default() };
        for call in &self.calls {
            if call.told < call.asked || !belongs(call) {
                let booking = concerned(call);
                verdict
                    .add(Broken::NoAnswer, call.told, booking.as_slice(), || format!("{call:?}"));
            }
        }
        let stays = lives::stays(self, &mut verdict);
        groups::judge(self, stays, &mut verdict);
        verdict
    }
}

/// The booking that a call is about.
const fn concerned(call: &Call) -> Option<HoldId> {
    match (call.what, call.outcome) {
        (_, Outcome::Held { hold, .. } | Outcome::Refused(Refusal::PersonHasHold(hold)))
        | (
            What::Confirm(hold) | What::Release(hold) | What::Cancel(hold) | What::Move(hold, _),
            _,
        ) => Some(hold),
        (What::Hold(_), _) => None,
    }
}

/// Whether the outcome is one that what was asked can have.
fn belongs(call: &Call) -> bool {
    matches!(
        (call.what, call.outcome),
        (_, Outcome::Unknown | Outcome::NotDone | Outcome::Refused(Refusal::Other))
            | (What::Hold(_), Outcome::Held { .. })
            | (What::Confirm(_) | What::Cancel(_) | What::Move(..), Outcome::Appointment { .. })
            | (What::Release(_), Outcome::Released)
            | (What::Hold(_) | What::Move(..), Outcome::Refused(Refusal::SlotTaken))
            | (What::Hold(_), Outcome::Refused(Refusal::PersonHasHold(_)))
            | (What::Confirm(_), Outcome::Refused(Refusal::HoldReleased | Refusal::HoldExpired))
            | (What::Release(_), Outcome::Refused(Refusal::HoldConfirmed))
            | (What::Cancel(_) | What::Move(..), Outcome::Refused(Refusal::UnknownAppointment))
    )
}
