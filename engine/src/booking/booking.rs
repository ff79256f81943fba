//! What a hold and the appointment that it becomes have in common.

use std::sync::Arc;

use rkyv::{Archive, Deserialize, Serialize};

use super::rules::{By, Standing};
use super::seldom::{Seldom, Sparse, Unset};
use crate::campaign::Dose;
use crate::ids::{AppointmentId, CalendarId, HoldId, PersonId, Plain, ReasonId, WishId};
use crate::time::Timestamp;

/// Where and when a booking lies.
#[derive(Archive, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The lane, counted from 0.
    pub lane: u16,
    /// When it starts.
    pub start: Timestamp,
    /// When it ends for the patient.
    pub end: Timestamp,
    /// When the lane is free again: the end and the buffer after it.
    pub occupied_until: Timestamp,
}

/// A reason as it was when the booking was made.
#[derive(Archive, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct ReasonRef {
    /// Its name within the calendar.
    pub id: ReasonId,
    /// The calendar's version at which it had last changed.
    pub version: u32,
}

/// How a booking came to the practice.
#[derive(Archive, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Channel {
    /// Without anyone of the practice.
    #[default]
    Online,
    /// By a call that the practice took.
    Phone,
    /// At the practice's desk.
    OnSite,
}

/// For whom a hold was made that nobody asked for.
#[derive(Archive, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offer {
    /// For the person, who may confirm it.
    Person,
    /// For a person's appointment, which moves there when they accept.
    Appointment(AppointmentId),
}

/// What the practice says of an appointment.
#[derive(Archive, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// The person is there.
    Arrived,
    /// It took place.
    Fulfilled,
    /// The person did not come.
    NoShow,
}

/// What a booking occupies in another calendar, such as a room or a device.
#[derive(Archive, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// That calendar.
    pub calendar: CalendarId,
    /// Under which identifier it lies there.
    pub id: HoldId,
}

/// That a booking lies on several calendars.
#[derive(Archive, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub enum Joined {
    /// This is the booking itself, and these are its parts.
    Whole(Vec<Part>),
    /// This is part of another.
    PartOf(HoldId),
}

impl Joined {
    /// A booking with parts; none without any.
    #[must_use]
    pub fn whole(parts: Vec<Part>) -> Option<Box<Self>> {
        (!parts.is_empty()).then(|| Box::new(Self::Whole(parts)))
    }

    /// A part of a booking.
    #[must_use]
    pub fn part_of(whole: HoldId) -> Option<Box<Self>> {
        Some(Box::new(Self::PartOf(whole)))
    }
}

/// What few bookings have beside a person, a reason and a span.
#[derive(Archive, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct Details {
    /// Who booked, where that is not the person who comes.
    pub booked_by: Option<PersonId>,
    /// Whether the person is new to the practice or known there, as was stated.
    pub standing: Option<Standing>,
    /// Whether it is by video.
    pub by_video: bool,
    /// How it came to the practice.
    pub channel: Channel,
    /// Of an offer, for whom it was made.
    pub offer: Option<Offer>,
    /// That it lies on several calendars. In a box, since hardly any does.
    pub joined: Option<Box<Joined>>,
    /// Of an offer to somebody who waited, what they wait for.
    pub wish: Option<WishId>,
    /// The dose of a campaign that it has.
    pub dose: Option<Box<Dose>>,
}

impl Unset for Details {
    const UNSET: &'static Self = &Self {
        booked_by: None,
        standing: None,
        by_video: false,
        channel: Channel::Online,
        offer: None,
        joined: None,
        wish: None,
        dose: None,
    };
}

impl Details {
    /// What it occupies in other calendars.
    #[must_use]
    pub fn parts(&self) -> &[Part] {
        match self.joined.as_deref() {
            Some(Joined::Whole(parts)) => parts,
            Some(Joined::PartOf(_)) | None => &[],
        }
    }

    /// Of such a part, the booking that it is part of.
    #[must_use]
    pub fn part_of(&self) -> Option<HoldId> {
        match self.joined.as_deref() {
            Some(Joined::PartOf(whole)) => Some(*whole),
            Some(Joined::Whole(_)) | None => None,
        }
    }
}

/// A slot of a calendar that is a person's: by a hold, or by the appointment that the hold became.
#[derive(Archive, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct Booking {
    /// The hold; the appointment has the same bits.
    pub id: HoldId,
    /// The calendar on which it lies now.
    pub calendar: CalendarId,
    /// Whose it is.
    pub person: PersonId,
    /// Why.
    pub reason: ReasonRef,
    /// Where and when.
    pub span: Span,
    /// The rest.
    #[rkyv(with = Seldom)]
    pub details: Sparse<Details>,
}

impl Part {
    /// One that has no identifier yet: the engine gives it one.
    #[must_use]
    pub const fn on(calendar: CalendarId) -> Self {
        Self { calendar, id: HoldId::from_bits(0) }
    }
}

impl Booking {
    /// Whether it is what another booking occupies here.
    #[must_use]
    pub fn is_part(&self) -> bool {
        self.details.part_of().is_some()
    }

    /// All the calendars on which it lies, its own first.
    pub fn lies_on(&self) -> impl Iterator<Item = CalendarId> {
        let others = self.details.parts().iter().map(|part| part.calendar);
        std::iter::once(self.calendar).chain(others)
    }

    /// Whether it may be changed in the name of `by`: nobody changes what they did not book.
    #[must_use]
    pub fn is_for(&self, by: &By) -> bool {
        match by {
            By::Unsaid | By::Practice => true,
            By::Person(person) => {
                *person == *self.details.booked_by.as_ref().unwrap_or(&self.person)
            }
        }
    }
}

/// How far a person guard reaches.
#[derive(Archive, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum GuardScope {
    /// One live hold of the kind in each calendar.
    Calendar,
    /// One live hold of the kind in the whole engine.
    Engine,
}

/// A rule that keeps one person to one live hold of a kind. What counts as a kind is data.
#[derive(Archive, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Guard {
    /// The kind, by name: holds of the same kind exclude each other.
    #[rkyv(with = Plain)]
    pub kind: Arc<str>,
    /// How far it reaches.
    pub scope: GuardScope,
}

impl Guard {
    /// The rule unless configured otherwise: one live hold per person and calendar.
    #[must_use]
    pub fn per_calendar() -> Self {
        Self { kind: "hold".into(), scope: GuardScope::Calendar }
    }
}
