//! What is asked of waiting lists, and what is told.

use super::Hold;
use crate::booking::hours::Date;
use crate::booking::{By, Standing, WeeklyHours};
use crate::ids::{AppointmentId, CalendarId, PersonId, PlaceId, ReasonId, WishId};
use crate::time::Timestamp;

/// Asks to be told if something comes free.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskWish {
    /// In these calendars,
    pub calendars: Vec<CalendarId>,
    /// and in those of this place.
    pub place: Option<PlaceId>,
    /// Why.
    pub reason: ReasonId,
    /// Who would come.
    pub person: PersonId,
    /// Who asks, where that is another.
    pub booked_by: Option<PersonId>,
    /// Whether the person is new to the practice or known there.
    pub standing: Option<Standing>,
    /// Whether by video.
    pub by_video: bool,
    /// The hours of the week in which it may start; any if none.
    pub when: Option<WeeklyHours>,
    /// The first date; today if none.
    pub from: Option<Date>,
    /// The last date; the last that can be booked now if none.
    pub until: Option<Date>,
    /// The appointment that it would take the place of, and must start before.
    pub instead_of: Option<AppointmentId>,
}

/// Asks something of a wish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfWish {
    /// Which.
    pub wish: WishId,
    /// Who asks.
    pub by: By,
}

/// What somebody waits for, or has waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WishInfo {
    /// Its identifier.
    pub id: WishId,
    /// Who would come.
    pub person: PersonId,
    /// Who asked, where that is another.
    pub booked_by: Option<PersonId>,
    /// Why.
    pub reason: ReasonId,
    /// Whether the person is new to the practice or known there.
    pub standing: Option<Standing>,
    /// Whether by video.
    pub by_video: bool,
    /// The hours of the week in which it may start; any if none.
    pub when: Option<WeeklyHours>,
    /// The appointment that it would take the place of.
    pub instead_of: Option<AppointmentId>,
    /// How it stands on each list.
    pub lists: Vec<WishOnList>,
}

/// A wish on the list of a calendar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WishOnList {
    /// The calendar.
    pub calendar: CalendarId,
    /// When it may start at the earliest.
    pub from: Timestamp,
    /// Before when it must start.
    pub until: Timestamp,
    /// How it stands.
    pub status: WishStatus,
    /// What is offered now.
    pub offer: Option<Hold>,
}

/// How a wish stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WishStatus {
    /// Its person waits.
    Waiting,
    /// Its time is over.
    Over,
    /// It was withdrawn, or granted elsewhere.
    Withdrawn,
    /// It became this appointment, or moved it.
    Granted(AppointmentId),
    /// Its person let too many offers go by.
    PassedBy,
}
