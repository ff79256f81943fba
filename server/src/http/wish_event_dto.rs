//! Events of waiting lists, as programs read them.

use creneau::{AppointmentId, CalendarId, PersonId, ReasonId, Timestamp, Wish, WishId};
use serde::Serialize;
use utoipa::ToSchema;

use super::by_dto::{PatientJson, VisitJson};
use super::calendar_dto::WeekJson;
use super::dto::Text;
use super::openapi::texts;

/// What somebody waits for.
#[derive(Serialize, ToSchema)]
pub(super) struct WishSeen {
    #[schema(value_type = texts::UtcInstant)]
    at: Text<Timestamp>,
    #[schema(value_type = texts::CalendarId)]
    calendar_id: Text<CalendarId>,
    #[schema(value_type = texts::WishId)]
    wish_id: Text<WishId>,
    #[schema(value_type = texts::PatientId)]
    patient_id: Text<PersonId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<texts::PatientId>, nullable = false)]
    booked_by: Option<Text<PersonId>>,
    #[schema(value_type = texts::ReasonId)]
    reason: Text<ReasonId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    patient: Option<PatientJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    visit: Option<VisitJson>,
    /// Any hours if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    hours: Option<WeekJson>,
    #[schema(value_type = texts::UtcInstant)]
    from: Text<Timestamp>,
    #[schema(value_type = texts::UtcInstant)]
    until: Text<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<texts::AppointmentId>, nullable = false)]
    instead_of: Option<Text<AppointmentId>>,
    /// Seconds for which an offer lasts.
    answer_seconds: i64,
}

/// Somebody waits no more.
#[derive(Serialize, ToSchema)]
pub(super) struct WithdrawSeen {
    #[schema(value_type = texts::UtcInstant)]
    pub(super) at: Text<Timestamp>,
    #[schema(value_type = texts::CalendarId)]
    pub(super) calendar_id: Text<CalendarId>,
    #[schema(value_type = texts::WishId)]
    pub(super) wish_id: Text<WishId>,
}

impl WishSeen {
    pub(super) fn new(calendar: CalendarId, at: Timestamp, wish: &Wish) -> Self {
        Self {
            at: Text(at),
            calendar_id: Text(calendar),
            wish_id: Text(wish.id),
            patient_id: Text(wish.person.clone()),
            booked_by: wish.booked_by.clone().map(Text),
            reason: Text(wish.reason.clone()),
            patient: wish.standing.map(PatientJson::from),
            visit: wish.by_video.then_some(VisitJson::Video),
            hours: wish.when.as_ref().map(WeekJson::from),
            from: Text(wish.from),
            until: Text(wish.until),
            instead_of: wish.instead_of.map(Text),
            answer_seconds: wish.answer_ms / 1_000,
        }
    }
}
