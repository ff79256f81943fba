//! What a practice says and asks beside booking, as clients write and read it.

use creneau::{Absence, AppointmentStatus, Mark, OfferedStretch, PersonId, ReasonId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::agenda_dto::EdgeText;
use super::dto::{HoldBody, Text};
use super::local::{Instant, Zone};
use super::openapi::texts;

/// Whether an appointment stands, and what the practice has seen of it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = AppointmentStatus)]
pub(super) enum StatusBody {
    Booked,
    Arrived,
    Fulfilled,
    NoShow,
    Cancelled,
}

impl From<AppointmentStatus> for StatusBody {
    fn from(status: AppointmentStatus) -> Self {
        match status {
            AppointmentStatus::Booked => Self::Booked,
            AppointmentStatus::Arrived => Self::Arrived,
            AppointmentStatus::Fulfilled => Self::Fulfilled,
            AppointmentStatus::NoShow => Self::NoShow,
            AppointmentStatus::Cancelled => Self::Cancelled,
        }
    }
}

/// What the practice has seen of an appointment.
#[derive(Clone, Copy, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = Mark)]
pub(super) enum MarkJson {
    Arrived,
    Fulfilled,
    NoShow,
}

impl From<MarkJson> for Mark {
    fn from(mark: MarkJson) -> Self {
        match mark {
            MarkJson::Arrived => Self::Arrived,
            MarkJson::Fulfilled => Self::Fulfilled,
            MarkJson::NoShow => Self::NoShow,
        }
    }
}

impl From<Mark> for MarkJson {
    fn from(mark: Mark) -> Self {
        match mark {
            Mark::Arrived => Self::Arrived,
            Mark::Fulfilled => Self::Fulfilled,
            Mark::NoShow => Self::NoShow,
        }
    }
}

/// What the practice has seen of an appointment.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = MarkRequest)]
pub(super) struct MarkAsked {
    pub(super) status: MarkJson,
}

/// How late a practice is for everyone still to come today.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DelayRequest)]
pub(super) struct DelayAsked {
    /// 0 where it is in time again.
    #[schema(maximum = 720)]
    pub(super) minutes: u16,
}

/// How late a practice is.
#[derive(Serialize, ToSchema)]
#[schema(as = Delay)]
pub(super) struct DelayBody {
    #[schema(value_type = texts::CalendarId)]
    pub(super) calendar_id: String,
    #[schema(maximum = 720)]
    pub(super) minutes: u16,
}

/// An absence to be added.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AbsenceRequest)]
pub(super) struct AbsenceAsked {
    /// A date, from its beginning on, or an instant.
    #[schema(schema_with = super::agenda_dto::date_or_instant)]
    from: Text<EdgeText>,
    /// A date, to its end, or an instant. It comes after `from`.
    #[schema(schema_with = super::agenda_dto::date_or_instant)]
    until: Text<EdgeText>,
    /// What the practice calls it.
    #[serde(default)]
    #[schema(value_type = Option<texts::Name>)]
    label: Option<String>,
    /// Whether to refuse it where anything is held or booked within it.
    #[serde(default)]
    pub(super) only_free: bool,
}

impl From<AbsenceAsked> for Absence {
    fn from(AbsenceAsked { from, until, label, .. }: AbsenceAsked) -> Self {
        Self { from: from.0.0, until: until.0.0, label }
    }
}

/// A slot to be offered: to a patient for a reason, or for an appointment.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = OfferRequest)]
pub(super) struct OfferAsked {
    #[schema(value_type = texts::CalendarId)]
    pub(super) calendar_id: String,
    /// On the grid of the calendar.
    #[schema(value_type = texts::Instant)]
    pub(super) start: Text<Instant>,
    /// The appointment that moves there if its patient accepts.
    #[serde(default)]
    #[schema(value_type = Option<texts::AppointmentId>)]
    pub(super) offer_for: Option<String>,
    /// To whom, where it is for no appointment; then `reason` must be there too.
    #[serde(default)]
    #[schema(value_type = Option<texts::PatientId>)]
    pub(super) patient_id: Option<Text<PersonId>>,
    #[serde(default)]
    #[schema(value_type = Option<texts::ReasonId>)]
    pub(super) reason: Option<Text<ReasonId>>,
    /// Minutes in which to answer.
    #[schema(minimum = 1, maximum = 10_080)]
    pub(super) answer_minutes: u16,
}

/// Appointments to each of which another slot is offered.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = OffersRequest)]
pub(super) struct OffersAsked {
    /// Appointments that start from here on.
    #[schema(value_type = texts::Instant)]
    pub(super) from: Text<Instant>,
    /// And before here.
    #[schema(value_type = texts::Instant)]
    pub(super) until: Text<Instant>,
    /// The calendars in which slots are looked for, in this order; their own if left out.
    #[serde(default)]
    #[schema(value_type = Vec<texts::CalendarId>, max_items = 20)]
    pub(super) calendar_ids: Vec<String>,
    /// From when on slots are looked for; `until` if left out.
    #[serde(default)]
    #[schema(value_type = Option<texts::Instant>)]
    pub(super) earliest: Option<Text<Instant>>,
    /// Days after `earliest` in which slots are looked for.
    #[schema(minimum = 1, maximum = 731)]
    pub(super) days: u16,
    /// Minutes in which to answer.
    #[schema(minimum = 1, maximum = 10_080)]
    pub(super) answer_minutes: u16,
}

/// What was offered to the appointments of a stretch.
#[derive(Serialize, ToSchema)]
#[schema(as = Offers)]
pub(super) struct OffersBody {
    /// By the start of their appointments.
    #[schema(max_items = 200)]
    offers: Vec<OfferBody>,
    /// Appointments for which there was none.
    #[schema(value_type = Vec<texts::AppointmentId>)]
    without: Vec<String>,
}

/// An appointment and the hold that is offered for it.
#[derive(Serialize, ToSchema)]
#[schema(as = OfferMade)]
struct OfferBody {
    #[schema(value_type = texts::AppointmentId)]
    offer_for: String,
    hold: HoldBody,
}

impl OffersBody {
    /// With the zone of each offer's calendar.
    pub(super) fn new(offered: &OfferedStretch, zones: &[Zone]) -> Self {
        let offers = offered.offers.iter().zip(zones).map(|((appointment, hold), zone)| {
            OfferBody { offer_for: appointment.to_string(), hold: HoldBody::new(hold, zone) }
        });
        let without = offered.without.iter().map(ToString::to_string).collect();
        Self { offers: offers.collect(), without }
    }
}
