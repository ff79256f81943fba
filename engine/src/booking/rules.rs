//! The rules of a reason: who may book it, how, and when.

use rkyv::{Archive, Deserialize, Serialize};

use super::booking::Details;
use super::rejection::Rejection;
use crate::campaign::DoseRule;
use crate::ids::PersonId;

/// Whom the practice has seen before, as the caller states it.
#[derive(Archive, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// A new patient.
    New,
    /// A patient whom the practice knows.
    Known,
}

/// How a reason is seen to.
#[derive(Archive, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Visit {
    /// In person.
    #[default]
    InPerson,
    /// By video.
    Video,
    /// In person or by video: the hold chooses.
    Either,
}

/// What a reason asks beyond its time. A reason without any of it is anyone's.
#[derive(Archive, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// The patients whom it is for; all if none.
    pub patients: Option<Standing>,
    /// How it is seen to.
    pub visit: Visit,
    /// Minutes before its start from which on only the practice may book it.
    pub notice_minutes: u32,
    /// Days ahead of today that it can be booked, where that is less than the calendar's horizon.
    pub ahead_days: Option<u16>,
    /// How many of it patients may book in one local day, holds included.
    pub per_day: Option<u16>,
    /// What the patient should know or bring.
    pub instructions: Option<String>,
    /// Whether only the practice may book it.
    pub practice_only: bool,
    /// The dose of a campaign that whoever books it has.
    pub dose: Option<DoseRule>,
}

/// On whose behalf something is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum By {
    /// Nobody said: whoever knows the identifier may.
    #[default]
    Unsaid,
    /// This person, who may change only what they booked.
    Person(PersonId),
    /// The practice.
    Practice,
}

impl By {
    /// Whether it is the practice.
    #[must_use]
    pub fn is_practice(&self) -> bool {
        *self == Self::Practice
    }

    /// What tells commands apart that ask the same in the name of different people.
    pub(crate) fn print(&self) -> &[u8] {
        match self {
            Self::Unsaid => b"",
            Self::Person(person) => person.as_str().as_bytes(),
            // No person's name has a space.
            Self::Practice => b"the practice",
        }
    }
}

/// Who asks for a slot, and how: what the rules of a reason look at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// Whether it is the practice, which the rules of patients do not bind.
    pub practice: bool,
    /// Whether the patient is new or known.
    pub standing: Option<Standing>,
    /// Whether by video.
    pub by_video: bool,
}

impl Terms {
    /// The practice's, in person.
    pub const PRACTICE: Self = Self { practice: true, standing: None, by_video: false };

    /// Those of `by`, who asks for what `details` say.
    #[must_use]
    pub fn new(details: &Details, by: &By) -> Self {
        let (standing, by_video) = (details.standing, details.by_video);
        Self { practice: by.is_practice(), standing, by_video }
    }
}

impl Rules {
    /// Whether these terms may have the reason at all.
    ///
    /// # Errors
    ///
    /// In this order: [`Rejection::PracticeOnly`], [`Rejection::PatientsOnly`],
    /// [`Rejection::VisitNotOffered`].
    pub(super) fn admit(&self, terms: Terms) -> Result<(), Rejection> {
        if !terms.practice && self.practice_only {
            return Err(Rejection::PracticeOnly);
        }
        if let Some(patients) = self.patients.filter(|_| !terms.practice)
            && terms.standing != Some(patients)
        {
            return Err(Rejection::PatientsOnly { patients });
        }
        let offered = match self.visit {
            Visit::InPerson => !terms.by_video,
            Visit::Video => terms.by_video,
            Visit::Either => true,
        };
        if offered { Ok(()) } else { Err(Rejection::VisitNotOffered { by_video: terms.by_video }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asks_is_told_apart() {
        let person = |name: &str| By::Person(name.parse().unwrap());
        let all = [By::Unsaid, By::Practice, person("ana"), person("bob"), person("the-practice")];
        for (place, by) in all.iter().enumerate() {
            assert!(all.iter().skip(place + 1).all(|other| other.print() != by.print()), "{by:?}");
        }
    }
}
