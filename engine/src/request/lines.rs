//! What a host asks about the lines of campaigns, and what it is told.

use super::{Hold, WishStatus};
use crate::booking::hours::Date;
use crate::booking::{InLine, Standing, WeeklyHours};
use crate::campaign::Facts;
use crate::ids::{CampaignId, CommandKey, PersonId, PlaceId, ReasonId, VaccineId};
use crate::time::Timestamp;

/// Asks to wait for a dose at a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskLine {
    /// Of which campaign.
    pub campaign: CampaignId,
    /// Where.
    pub place: PlaceId,
    /// The reason of the slots; it says which vaccine.
    pub reason: ReasonId,
    /// Which dose of the person's, counted from 1.
    pub number: u8,
    /// What is stated of the person.
    pub facts: Facts,
    /// Who waits.
    pub person: PersonId,
    /// Who asks, where that is another.
    pub booked_by: Option<PersonId>,
    /// Whether the person is new to the practice or known there.
    pub standing: Option<Standing>,
    /// The hours of the week in which it may start; any if none.
    pub when: Option<WeeklyHours>,
    /// The first date; today if none.
    pub from: Option<Date>,
    /// The last date; a year ahead if none.
    pub until: Option<Date>,
    /// The caller's name for this command.
    pub command: Option<CommandKey>,
}

/// Somebody's place in a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineInfo {
    /// Who waits, for what, and since when.
    pub place: InLine,
    /// How it stands.
    pub status: WishStatus,
    /// What is offered now.
    pub offer: Option<Hold>,
    /// How many come before them; none of those who wait no more.
    pub before: Option<usize>,
}

/// A line as it is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedLine {
    /// How many wait.
    pub waiting: usize,
    /// The first of them, in order.
    pub first: Vec<LineInfo>,
}

/// Asks to have what is left at a place offered to those who wait for it, on terms of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfferRemaining {
    /// Of which campaign.
    pub campaign: CampaignId,
    /// Where.
    pub place: PlaceId,
    /// Which vaccine.
    pub vaccine: VaccineId,
    /// What starts from then on; from now on if none.
    pub from: Option<Timestamp>,
    /// What starts before; until the end of the day there if none.
    pub until: Option<Timestamp>,
    /// Milliseconds that each has to answer: a minute to a day, and never beyond the start.
    pub answer_ms: i64,
    /// Whether those for whom no slot is free are offered one of the practice's overflow lanes.
    pub overflow: bool,
}

/// What was offered of what is left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remaining {
    /// The offers, in the order of the line.
    pub offers: Vec<Hold>,
    /// Doses that nobody has been offered, of those that can be given within the times asked for.
    pub left: u32,
    /// How many wait without an offer.
    pub waiting: usize,
}
