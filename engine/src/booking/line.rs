//! The line of a campaign at a place: who waits for a dose, and who comes first.
//!
//! Whoever waits has stated what the campaign asks for, once. What is kept of it is what a booking
//! keeps, and where it has put them: by the campaign's own rule, and after those of the same rank
//! who came before.

use rkyv::{Archive, Deserialize, Serialize};

use super::booking::{Details, Offer};
use super::hours::WeeklyHours;
use super::rules::{By, Standing};
use super::schedule::Schedule;
use crate::campaign::Dose;
use crate::ids::{CampaignId, PersonId, PlaceId, ReasonId, VaccineId, WishId};
use crate::time::Timestamp;

/// Somebody who waits for a dose.
#[derive(Archive, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct InLine {
    /// Their place in the line.
    pub id: WishId,
    /// Who.
    pub person: PersonId,
    /// Who asked, where that is another.
    pub booked_by: Option<PersonId>,
    /// The reason of the slots that they can have.
    pub reason: ReasonId,
    /// Whether the person is new to the practice or known there, as was stated.
    pub standing: Option<Standing>,
    /// The dose that they wait for, of no delivery yet.
    pub dose: Dose,
    /// Who has a smaller one comes first.
    pub rank: u16,
    /// Since when; whoever of a rank came before comes first.
    pub since: Timestamp,
    /// The local hours of the week in which it may start; any if none.
    pub when: Option<WeeklyHours>,
    /// When it may start at the earliest.
    pub from: Timestamp,
    /// Before when it must start; then they wait no more.
    pub until: Timestamp,
}

/// What doses are taken of: those of a vaccine of a campaign at a place.
pub type Stocked = (CampaignId, PlaceId, VaccineId);

/// The order of a line: whose is the least comes first.
pub type Turn = (u16, Timestamp, WishId);

impl InLine {
    /// In which line.
    #[must_use]
    pub fn stocked(&self) -> Stocked {
        (self.dose.campaign, self.dose.place, self.dose.vaccine.clone())
    }

    /// Where in it.
    #[must_use]
    pub fn turn(&self) -> Turn {
        (self.rank, self.since, self.id)
    }

    /// Whether it may be left in the name of `by`.
    #[must_use]
    pub fn is_for(&self, by: &By) -> bool {
        match by {
            By::Unsaid | By::Practice => true,
            By::Person(person) => *person == *self.booked_by.as_ref().unwrap_or(&self.person),
        }
    }

    /// Whether they would take what starts then, by the clock of its calendar.
    #[must_use]
    pub fn wants(&self, schedule: &Schedule, start: Timestamp) -> bool {
        let there = self.from <= start && start < self.until;
        there && self.when.as_ref().is_none_or(|when| schedule.is_within(when, start))
    }

    /// What the hold says that they are offered.
    #[must_use]
    pub fn details(&self) -> Details {
        Details {
            booked_by: self.booked_by.clone(),
            standing: self.standing,
            offer: Some(Offer::Person),
            wish: Some(self.id),
            dose: Some(Box::new(self.dose.clone())),
            ..Details::default()
        }
    }
}
