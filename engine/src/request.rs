//! What a host asks of the engine, and what it is told.

use crate::booking::{
    Agenda, By, Change, Definition, Details, Interval, LinkOf, Mark, Rules, Sector, Slot,
    WeeklyHours,
};
use crate::ids::{
    AppointmentId, CalendarId, CommandKey, HoldId, LinkId, LinkSecret, PersonId, PlaceId,
    PractitionerId, ReasonId,
};
use crate::time::Timestamp;

mod doses;
mod followed;
mod lines;
mod reviews;
mod wishes;

pub use doses::{
    AskEligible, CampaignInfo, CancelDose, Concerned, Coverage, CoverageBy, DeliveryInfo,
    DoseAsked, DoseGiven, GiveDose, NextDose, PutDelivered, PutDelivery, ReadCoverage,
};
pub use followed::{
    Activity, Due, DueKind, ListDue, ListedDue, ReadActivity, RecordedAppointment, WeekActivity,
};
pub use lines::{AskLine, LineInfo, ListedLine, OfferRemaining, Remaining};
pub use reviews::{
    ListReviews, ListedReviews, ReplyToReview, ReviewAppointment, ReviewCursor, ReviewInfo,
};
pub use wishes::{AskWish, OfWish, WishInfo, WishOnList, WishStatus};

/// A calendar as it is set up now.
#[derive(Clone, Debug, PartialEq)]
pub struct CalendarInfo {
    /// Its identifier.
    pub id: CalendarId,
    /// How often it was changed, from 1.
    pub version: u32,
    /// What is set.
    pub definition: Definition,
}

/// Asks for calendars; what is none does not filter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListCalendars {
    /// Only those of this department, their own or that of their place in the register.
    pub department: Option<String>,
    /// Only those of this specialty, their own or that of their practitioner in the register.
    pub specialty: Option<String>,
    /// Only those of this practitioner.
    pub practitioner: Option<PractitionerId>,
    /// Only those at this place.
    pub place: Option<PlaceId>,
    /// Only the one that is called this elsewhere.
    pub external_id: Option<String>,
    /// From this one on.
    pub from: Option<CalendarId>,
    /// How many, 1 to 1,000.
    pub limit: usize,
}

/// Asks for a change of a calendar.
#[derive(Clone, Debug, PartialEq)]
pub struct ChangeCalendar {
    /// Which.
    pub calendar: CalendarId,
    /// What to change.
    pub change: Change,
    /// The version that the caller saw; none to change it whatever it is.
    pub version: Option<u32>,
    /// The caller's name for this command.
    pub command: Option<CommandKey>,
}

/// A calendar after a change.
#[derive(Clone, Debug, PartialEq)]
pub struct ChangedCalendar {
    /// As it is set up now.
    pub calendar: CalendarInfo,
    /// Holds and appointments that stay where they are, though it is outside the hours now.
    pub outside: Vec<Outside>,
}

/// A booking outside the hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outside {
    /// Its identifier, as a hold or as an appointment.
    pub booking: OutsideId,
    /// When it starts.
    pub start: Timestamp,
    /// When it ends.
    pub end: Timestamp,
}

/// What lies outside the hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutsideId {
    /// A hold.
    Hold(HoldId),
    /// An appointment.
    Appointment(AppointmentId),
}

/// Asks for free slots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FindSlots {
    /// In which calendar.
    pub calendar: CalendarId,
    /// For which reason.
    pub reason: ReasonId,
    /// The first start; now, where that is later.
    pub from: Timestamp,
    /// Starts before this instant only.
    pub until: Timestamp,
    /// How many, 1 to 1,000.
    pub limit: usize,
    /// Whether for the practice, which needs no notice and may look beyond what patients may book.
    pub practice: bool,
}

/// Free slots: every grid start on which the reason fits, overlapping ones included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundSlots {
    /// In order.
    pub slots: Vec<Slot>,
    /// Where the next page begins, if there is more.
    pub next: Option<Timestamp>,
}

/// Asks for a hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HoldSlot {
    /// In which calendar.
    pub calendar: CalendarId,
    /// When.
    pub start: Timestamp,
    /// For which reason.
    pub reason: ReasonId,
    /// For whom.
    pub person: PersonId,
    /// Who books, where that is another, and how.
    pub details: Details,
    /// Whether the practice asks; who books is in the details.
    pub by: By,
    /// Whether in a lane that only the practice takes, beside those of patients.
    pub overflow: bool,
    /// The dose that goes with the slot, where the reason gives one.
    pub dose: Option<Box<DoseAsked>>,
    /// The caller's name for this command.
    pub command: Option<CommandKey>,
}

/// Asks for a hold of the first free slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HoldFirst {
    /// In one of these calendars, or in one at the place.
    pub calendars: Vec<CalendarId>,
    /// In a calendar at this place, or in one of those named.
    pub place: Option<PlaceId>,
    /// For which reason.
    pub reason: ReasonId,
    /// Not before this instant; now if none.
    pub from: Option<Timestamp>,
    /// For whom.
    pub person: PersonId,
    /// Who books, where that is another, and how; and the parts that it needs for the same time.
    pub details: Details,
    /// Whether the practice asks.
    pub by: By,
    /// The dose that goes with the slot, where the reason gives one.
    pub dose: Option<Box<DoseAsked>>,
    /// The caller's name for this command.
    pub command: Option<CommandKey>,
}

/// What has become of a hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HoldStatus {
    /// It lives.
    Held,
    /// It is an appointment.
    Confirmed,
    /// It was given back.
    Released,
    /// Its time ran out.
    Expired,
}

/// A hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// Its identifier.
    pub id: HoldId,
    /// The calendar.
    pub calendar: CalendarId,
    /// For whom.
    pub person: PersonId,
    /// Why.
    pub reason: ReasonId,
    /// When it starts.
    pub start: Timestamp,
    /// When it ends.
    pub end: Timestamp,
    /// Who booked, and how.
    pub details: Details,
    /// When the hold ends by itself; none once it has ended.
    pub expires_at: Option<Timestamp>,
    /// How often it can still be renewed.
    pub renewals_left: u8,
    /// The appointment that it has become, or that has accepted it.
    pub appointment: Option<AppointmentId>,
    /// What has become of it.
    pub status: HoldStatus,
}

/// What has become of an appointment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppointmentStatus {
    /// It stands.
    Booked,
    /// The person is there.
    Arrived,
    /// It took place.
    Fulfilled,
    /// The person did not come.
    NoShow,
    /// It was cancelled.
    Cancelled,
}

/// An appointment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Appointment {
    /// Its identifier: the bits of its hold.
    pub id: AppointmentId,
    /// The calendar on which it lies.
    pub calendar: CalendarId,
    /// For whom.
    pub person: PersonId,
    /// Why.
    pub reason: ReasonId,
    /// The lane, counted from 0.
    pub lane: u16,
    /// When it starts.
    pub start: Timestamp,
    /// When it ends.
    pub end: Timestamp,
    /// Who booked, and how.
    pub details: Details,
    /// What has become of it.
    pub status: AppointmentStatus,
    /// Minutes that the practice says to be late, while that counts for it.
    pub late_minutes: Option<u16>,
}

/// An outcome, and whether this very request brought it about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome<T> {
    /// What there is now; for a repeated command, what it brought about then.
    pub value: T,
    /// Whether this command brought it about, now or when it was first sent. Otherwise it was
    /// so already.
    pub fresh: bool,
}

/// Asks for something about a hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfHold {
    /// The hold.
    pub hold: HoldId,
    /// Who asks.
    pub by: By,
    /// The caller's name for this command.
    pub command: Option<CommandKey>,
}

/// Asks for something about an appointment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfAppointment {
    /// The appointment.
    pub appointment: AppointmentId,
    /// Who asks.
    pub by: By,
    /// The caller's name for this command.
    pub command: Option<CommandKey>,
}

/// Says what the practice has seen of an appointment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MarkAppointment {
    /// The appointment.
    pub appointment: AppointmentId,
    /// What.
    pub mark: Mark,
    /// The caller's name for this command.
    pub command: Option<CommandKey>,
}

/// Says how late a practice is for everyone still to come today.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DelayCalendar {
    /// The calendar.
    pub calendar: CalendarId,
    /// Minutes; none to be in time again.
    pub minutes: u16,
    /// The caller's name for this command.
    pub command: Option<CommandKey>,
}

/// How late a calendar is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delay {
    /// The calendar.
    pub calendar: CalendarId,
    /// Minutes.
    pub minutes: u16,
}

/// For whom a slot is held that nobody asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OfferTo {
    /// A person, for a reason.
    Person(PersonId, ReasonId),
    /// An appointment, which moves there if its person accepts.
    Appointment(AppointmentId),
}

/// Offers a slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfferSlot {
    /// In which calendar.
    pub calendar: CalendarId,
    /// When.
    pub start: Timestamp,
    /// To whom.
    pub to: OfferTo,
    /// Milliseconds in which to answer: 1 second to 7 days.
    pub answer_ms: i64,
    /// The caller's name for this command.
    pub command: Option<CommandKey>,
}

/// Offers another slot to every appointment of a stretch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfferStretch {
    /// The calendar of the appointments.
    pub calendar: CalendarId,
    /// Those that start from here on.
    pub from: Timestamp,
    /// And before here.
    pub until: Timestamp,
    /// The calendars in which slots are looked for, in this order.
    pub within: Vec<CalendarId>,
    /// From when on slots are looked for.
    pub earliest: Timestamp,
    /// Until when.
    pub latest: Timestamp,
    /// Milliseconds in which to answer: 1 second to 7 days.
    pub answer_ms: i64,
}

/// What was offered to the appointments of a stretch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OfferedStretch {
    /// Appointments with the offers made for them.
    pub offers: Vec<(AppointmentId, Hold)>,
    /// Those for which there was none.
    pub without: Vec<AppointmentId>,
}

/// Asks for a move of an appointment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MoveAppointment {
    /// The appointment.
    pub appointment: AppointmentId,
    /// When it shall start.
    pub start: Timestamp,
    /// On which calendar; none for the one where it lies.
    pub calendar: Option<CalendarId>,
    /// Who asks.
    pub by: By,
    /// The caller's name for this command.
    pub command: Option<CommandKey>,
}

/// Asks for a person's appointments, past and coming, oldest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListAppointments {
    /// Whose.
    pub person: PersonId,
    /// Where a page before ended: its `next`.
    pub cursor: Option<Vec<u8>>,
    /// How many, 1 to 1,000.
    pub limit: usize,
}

/// A page of appointments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedAppointments {
    /// Oldest first.
    pub appointments: Vec<Appointment>,
    /// What to ask the next page with, if there is more.
    pub next: Option<Vec<u8>>,
}

impl Definition {
    /// A definition to change into what you need: a place open from Monday to Friday, 09:00 to
    /// 17:00, with one lane, a grid of 5 minutes and a horizon of 90 days; it has no reasons yet.
    #[must_use]
    pub fn weekdays(name: impl Into<String>, time_zone: impl Into<String>) -> Self {
        let day: Vec<_> = Interval::new(9 * 60, 17 * 60).into_iter().collect();
        let mut weekly_hours = WeeklyHours::default();
        for hours in weekly_hours.days.iter_mut().take(5) {
            hours.clone_from(&day);
        }
        Self {
            external_id: None,
            practitioner: None,
            location: crate::booking::Location {
                name: name.into(),
                address: None,
                lat: None,
                lon: None,
                department: None,
            },
            time_zone: time_zone.into(),
            grid_minutes: 5,
            lanes: 1,
            reasons: Vec::new(),
            weekly_hours,
            exceptions: Vec::new(),
            horizon_days: 90,
            agenda: Agenda::default(),
        }
    }
}

impl crate::booking::Reason {
    /// A reason of `minutes` without a buffer.
    #[must_use]
    pub fn new(id: ReasonId, name: impl Into<String>, minutes: u16) -> Self {
        Self {
            id,
            name: name.into(),
            duration_minutes: minutes,
            buffer_minutes: 0,
            version: 0,
            rules: Rules::default(),
        }
    }
}

/// Asks for practitioners; what is none does not filter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListPractitioners {
    /// Only those of this specialty.
    pub specialty: Option<String>,
    /// Only those who speak this language.
    pub language: Option<String>,
    /// Only those of this sector.
    pub sector: Option<Sector>,
    /// From this one on.
    pub from: Option<PractitionerId>,
    /// How many, 1 to 1,000.
    pub limit: usize,
}

/// Asks for places; what is none does not filter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListPlaces {
    /// Only those of this department.
    pub department: Option<String>,
    /// From this one on.
    pub from: Option<PlaceId>,
    /// How many, 1 to 1,000.
    pub limit: usize,
}

/// A link to a calendar file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Its identifier, by which it is ended.
    pub id: LinkId,
    /// Its secret, by which the file is read; none where the link is told again.
    pub secret: Option<LinkSecret>,
    /// What it shows.
    pub of: LinkOf,
}

/// What a link shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Linked {
    /// Whose appointments.
    pub of: LinkOf,
    /// The appointments, by their start.
    pub appointments: Vec<RecordedAppointment>,
}
