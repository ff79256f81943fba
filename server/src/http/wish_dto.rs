//! Waiting lists, as clients write and read them.

use creneau::{
    AskWish, PersonId, ReasonId, Standing, Waiting, WeeklyHours, WishInfo, WishOnList, WishStatus,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::app::App;
use super::by_dto::{PatientJson, VisitJson};
use super::calendar_dto::WeekJson;
use super::dto::{HoldBody, Text};
use super::local::{Day, Local, Zone};
use super::openapi::texts;

/// What a patient would take if it came free: in one of the calendars named, or in one at the
/// place. At least one of the two is named, and at most 50 calendars are meant.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = WishRequest)]
pub(super) struct WishAsked {
    #[serde(default)]
    #[schema(value_type = Vec<texts::CalendarId>, max_items = 50)]
    pub(super) calendar_ids: Vec<String>,
    #[serde(default)]
    #[schema(value_type = Option<texts::PlaceId>)]
    pub(super) place_id: Option<String>,
    /// The id of a reason that at least one of the calendars has.
    #[schema(value_type = texts::ReasonId)]
    reason: Text<ReasonId>,
    /// Who comes.
    #[schema(value_type = texts::PatientId)]
    patient_id: Text<PersonId>,
    /// Who asks, and alone may withdraw it; who comes if left out.
    #[serde(default)]
    #[schema(value_type = Option<texts::PatientId>)]
    booked_by: Option<Text<PersonId>>,
    /// Whether the practice has seen them before, which some reasons ask for.
    #[serde(default)]
    patient: Option<PatientJson>,
    /// In person if left out.
    #[serde(default)]
    visit: Option<VisitJson>,
    /// Hours of the week in which it may start; any if left out or empty.
    #[serde(default)]
    hours: Option<WeekJson>,
    /// The first date; today if left out.
    #[serde(default)]
    #[schema(value_type = Option<texts::Date>)]
    from: Option<Text<Day>>,
    /// The last date; the last that can be booked now if left out.
    #[serde(default)]
    #[schema(value_type = Option<texts::Date>)]
    until: Option<Text<Day>>,
    /// The patient's appointment that it would take the place of, and must start before.
    #[serde(default)]
    #[schema(value_type = Option<texts::AppointmentId>)]
    pub(super) instead_of: Option<String>,
}

impl From<WishAsked> for AskWish {
    /// But for identifiers of the engine's own, which may be none.
    fn from(asked: WishAsked) -> Self {
        let when = asked.hours.map(WeeklyHours::from);
        Self {
            calendars: Vec::new(),
            place: None,
            reason: asked.reason.0,
            person: asked.patient_id.0,
            booked_by: asked.booked_by.map(|person| person.0),
            standing: asked.patient.map(Standing::from),
            by_video: matches!(asked.visit, Some(VisitJson::Video)),
            when: when.filter(|when| when.days.iter().any(|day| !day.is_empty())),
            from: asked.from.map(|Text(Day(date))| date.into()),
            until: asked.until.map(|Text(Day(date))| date.into()),
            instead_of: None,
        }
    }
}

/// Whose wishes to list.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = WishSearchRequest)]
pub(super) struct WishSearchAsked {
    #[schema(value_type = texts::PatientId)]
    pub(super) patient_id: Text<PersonId>,
}

/// What a patient waits for, or has waited for.
#[derive(Serialize, ToSchema)]
#[schema(as = Wish)]
pub(super) struct WishBody {
    #[schema(value_type = texts::WishId)]
    wish_id: String,
    #[schema(value_type = texts::ReasonId)]
    reason: String,
    /// Whether the practice has seen the patient before, where that was stated.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    patient: Option<PatientJson>,
    /// In person if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    visit: Option<VisitJson>,
    /// Any hours if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    hours: Option<WeekJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<texts::AppointmentId>, nullable = false)]
    instead_of: Option<String>,
    /// How it stands in each calendar.
    #[schema(max_items = 50)]
    lists: Vec<OnListBody>,
}

/// A wish on the list of a calendar.
#[derive(Serialize, ToSchema)]
#[schema(as = WishOnList)]
struct OnListBody {
    #[schema(value_type = texts::CalendarId)]
    calendar_id: String,
    /// It may start from here on.
    #[schema(value_type = texts::LocalInstant)]
    from: Local,
    /// And before here.
    #[schema(value_type = texts::LocalInstant)]
    until: Local,
    status: WishStatusBody,
    /// The appointment that it has become or moved; only once it is `granted`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<texts::AppointmentId>, nullable = false)]
    appointment_id: Option<String>,
    /// What is offered now.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    offer: Option<HoldBody>,
}

/// Whether a patient waits still.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = WishStatus)]
pub(super) enum WishStatusBody {
    Waiting,
    /// Its time is over, or that of the appointment that it would take the place of.
    Over,
    /// By the patient, or since it was granted in another calendar.
    Withdrawn,
    Granted,
    /// The patient let too many offers go by.
    PassedBy,
}

impl WishBody {
    /// With the zones of its calendars.
    pub(super) async fn read(app: &App, info: WishInfo) -> Self {
        let mut lists = Vec::with_capacity(info.lists.len());
        for on in &info.lists {
            lists.push(OnListBody::new(on, &app.zone(on.calendar).await));
        }
        Self {
            wish_id: info.id.to_string(),
            reason: info.reason.to_string(),
            patient: info.standing.map(PatientJson::from),
            visit: info.by_video.then_some(VisitJson::Video),
            hours: info.when.as_ref().map(WeekJson::from),
            instead_of: info.instead_of.map(|id| id.to_string()),
            lists,
        }
    }
}

impl From<WishStatus> for WishStatusBody {
    fn from(status: WishStatus) -> Self {
        match status {
            WishStatus::Waiting => Self::Waiting,
            WishStatus::Over => Self::Over,
            WishStatus::Withdrawn => Self::Withdrawn,
            WishStatus::Granted(_) => Self::Granted,
            WishStatus::PassedBy => Self::PassedBy,
        }
    }
}

impl OnListBody {
    fn new(on: &WishOnList, zone: &Zone) -> Self {
        let appointment = match on.status {
            WishStatus::Granted(id) => Some(id.to_string()),
            _ => None,
        };
        Self {
            calendar_id: on.calendar.to_string(),
            from: zone.local(on.from),
            until: zone.local(on.until),
            status: on.status.into(),
            appointment_id: appointment,
            offer: on.offer.as_ref().map(|hold| HoldBody::new(hold, zone)),
        }
    }
}

/// The wishes of a patient.
#[derive(Serialize, ToSchema)]
#[schema(as = Wishes)]
pub(super) struct WishesPage {
    #[schema(max_items = 1000)]
    pub(super) wishes: Vec<WishBody>,
}

/// The waiting list of a calendar.
#[derive(Serialize, ToSchema)]
#[schema(as = WaitingList)]
pub(super) struct WaitingPage {
    /// In the order in which they are offered what comes free.
    #[schema(max_items = 200)]
    waiting: Vec<WaitingBody>,
}

/// Somebody who waits for a calendar.
#[derive(Serialize, ToSchema)]
#[schema(as = Waiting)]
struct WaitingBody {
    #[schema(value_type = texts::WishId)]
    wish_id: String,
    #[schema(value_type = texts::ReasonId)]
    reason: String,
    /// In person if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    visit: Option<VisitJson>,
    /// Any hours if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    hours: Option<WeekJson>,
    #[schema(value_type = texts::LocalInstant)]
    from: Local,
    #[schema(value_type = texts::LocalInstant)]
    until: Local,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<texts::AppointmentId>, nullable = false)]
    instead_of: Option<String>,
    /// Offers that were let go by.
    passed: usize,
}

impl WaitingPage {
    pub(super) fn new(waiting: &[Waiting], zone: &Zone) -> Self {
        let body = |Waiting { wish, passed }: &Waiting| WaitingBody {
            wish_id: wish.id.to_string(),
            reason: wish.reason.to_string(),
            visit: wish.by_video.then_some(VisitJson::Video),
            hours: wish.when.as_ref().map(WeekJson::from),
            from: zone.local(wish.from),
            until: zone.local(wish.until),
            instead_of: wish.instead_of.map(|id| id.to_string()),
            passed: passed.len(),
        };
        Self { waiting: waiting.iter().map(body).collect() }
    }
}
