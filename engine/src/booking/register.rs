//! What a practice keeps beside its calendars: who sees patients, where, and links to calendar
//! files, and what patients say of it.
//!
//! A profile is what anybody may read of a practitioner. It has no contact data of a person: those
//! live elsewhere, and can be erased.

#![expect(missing_docs, reason = "rkyv derives helpers with undocumented fields")]

use rkyv::{Archive, Deserialize, Serialize};

use super::definition::{Location, check_location, check_text, invalid};
use super::line::InLine;
use super::rejection::Rejection;
use crate::campaign::{Campaign, Delivery};
use crate::ids::{
    AppointmentId, CalendarId, CampaignId, DeliveryId, LinkId, LotId, PersonId, PlaceId,
    PractitionerId, SecretHash, TextId, WishId,
};
use crate::limits;
use crate::time::Timestamp;

/// How a practitioner's fees are bound, as France has it.
#[derive(Archive, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sector {
    /// The agreed fees.
    One,
    /// Fees of their own, above those agreed.
    Two,
    /// Outside the agreement.
    NotAgreed,
}

/// What a visit costs.
#[derive(Archive, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct Fee {
    /// For what.
    pub name: String,
    /// Cents of a euro; the least, where it varies.
    pub from_cents: u32,
    /// The most, where it varies.
    pub to_cents: Option<u32>,
}

/// What anybody may read of a practitioner.
#[derive(Archive, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// The name that patients know.
    pub name: String,
    /// The specialty.
    pub specialty: Option<String>,
    /// Languages spoken, as tags such as `fr` or `pt-BR`.
    pub languages: Vec<String>,
    /// How fees are bound.
    pub sector: Option<Sector>,
    /// What visits cost.
    pub fees: Vec<Fee>,
}

impl Profile {
    /// The profile, or the first rule that it breaks.
    ///
    /// # Errors
    ///
    /// [`Rejection::Invalid`] with the field and the rule.
    pub fn checked(self) -> Result<Self, Rejection> {
        check_text("name", &self.name, limits::NAME_BYTES_MAX)?;
        if let Some(specialty) = &self.specialty {
            check_text("specialty", specialty, limits::NAME_BYTES_MAX)?;
        }
        if limits::LANGUAGES_MAX < self.languages.len() {
            let rule = format!("must be at most {}", limits::LANGUAGES_MAX);
            return Err(invalid("languages", rule));
        }
        for (place, language) in self.languages.iter().enumerate() {
            let fits = (2..=limits::LANGUAGE_BYTES_MAX).contains(&language.len())
                && language.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
            if !fits || self.languages.iter().take(place).any(|other| other == language) {
                let rule = "must be a language tag, such as fr, once";
                return Err(invalid(format!("languages[{place}]"), rule));
            }
        }
        if limits::FEES_MAX < self.fees.len() {
            return Err(invalid("fees", format!("must be at most {}", limits::FEES_MAX)));
        }
        for (place, fee) in self.fees.iter().enumerate() {
            check_text(&format!("fees[{place}].name"), &fee.name, limits::NAME_BYTES_MAX)?;
            if fee.to_cents.is_some_and(|most| most < fee.from_cents) {
                let rule = "must not be less than from_cents";
                return Err(invalid(format!("fees[{place}].to_cents"), rule));
            }
        }
        Ok(self)
    }
}

/// A place, or the first rule that it breaks.
///
/// # Errors
///
/// [`Rejection::Invalid`] with the field and the rule.
pub fn checked_place(place: Location) -> Result<Location, Rejection> {
    check_location("", &place)?;
    Ok(place)
}

/// Whose appointments a link shows.
#[derive(Archive, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub enum LinkOf {
    /// Those of a calendar.
    Calendar(CalendarId),
    /// Those of a person.
    Person(PersonId),
}

/// What was said of an appointment that took place. What was written lives elsewhere, where it can
/// be erased.
#[derive(Archive, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct Review {
    /// Of which appointment.
    pub appointment: AppointmentId,
    /// The calendar on which it was.
    pub calendar: CalendarId,
    /// When it was said.
    pub at: Timestamp,
    /// Whether it was good.
    pub positive: bool,
    /// What was written, if anything was.
    pub text: Option<TextId>,
}

/// Where a page of a calendar's reviews begins: an instant, the newest first, and an appointment.
pub type ReviewCursor = [u8; 24];

/// What a practice says to a review.
#[derive(Archive, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct ReviewReply {
    /// To the review of which appointment.
    pub appointment: AppointmentId,
    /// When it was said.
    pub at: Timestamp,
    /// What was written.
    pub text: TextId,
}

/// Something that was put into the register, or taken out of it.
#[derive(Archive, Serialize, Deserialize, Clone, Debug, PartialEq)]
pub enum Registration {
    /// A practitioner, new or as they are from now on.
    Practitioner {
        /// Who.
        id: PractitionerId,
        /// What anybody may read of them.
        profile: Profile,
    },
    /// A place, new or as it is from now on.
    Place {
        /// Which.
        id: PlaceId,
        /// Where it is.
        location: Location,
    },
    /// A link to a calendar file: who knows its secret may read it.
    Linked {
        /// Which.
        id: LinkId,
        /// What is kept of the secret.
        secret: SecretHash,
        /// What it shows.
        of: LinkOf,
    },
    /// A link leads nowhere from now on.
    Unlinked {
        /// Which.
        id: LinkId,
        /// What was kept of its secret.
        secret: SecretHash,
        /// What it showed.
        of: LinkOf,
    },
    /// Somebody has said something of an appointment, once and for all.
    Reviewed(Review),
    /// The practice has said something to a review; it takes the place of what it said before.
    Replied(ReviewReply),
    /// A campaign, new or as it is from now on.
    Campaign {
        /// Which.
        id: CampaignId,
        /// How often it was set, from 1.
        version: u32,
        /// All that is set.
        campaign: Box<Campaign>,
    },
    /// A delivery, new or as it is from now on.
    Delivered(Delivery),
    /// Doses of a delivery were wasted.
    Wasted {
        /// Of which.
        delivery: DeliveryId,
        /// How many, in all so far.
        doses: u32,
    },
    /// No dose of a lot is to be given any more.
    Recalled {
        /// In which campaign.
        campaign: CampaignId,
        /// Which.
        lot: LotId,
    },
    /// Somebody waits for a dose from now on.
    Lined(Box<InLine>),
    /// Somebody waits no more.
    LeftLine {
        /// Who, by their place.
        id: WishId,
    },
}
