//! What is due and what was done, as clients read it.

use creneau::{Activity, CalendarId, Due, DueKind, WeekActivity};
use serde::Serialize;
use utoipa::ToSchema;

use super::app::App;
use super::dto::{AppointmentBody, HoldBody};
use super::local::{Day, Local};
use super::openapi::texts;

/// What is to be told.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = DueKind)]
enum DueKindBody {
    /// The appointment is booked.
    Confirmation,
    /// It is to come.
    Reminder,
    /// It was moved.
    Moved,
    /// It was cancelled.
    Cancelled,
    /// It begins late.
    Late,
    /// A slot is offered.
    Offer,
    /// There is no dose for it any more.
    WithoutDose,
}

/// Something that is to be told to a patient.
#[derive(Serialize, ToSchema)]
#[schema(as = Due)]
pub(super) struct DueBody {
    /// The same each time it is listed: whom it was told to once needs not be told again.
    #[schema(value_type = texts::DueId)]
    due_id: String,
    kind: DueKindBody,
    /// When it is due.
    #[schema(value_type = texts::LocalInstant)]
    due_at: Local,
    /// Whom it concerns. It stands here because who sends what is due must know it.
    #[schema(value_type = texts::PatientId)]
    patient_id: String,
    /// As it is now; left out of an `offer` to a patient.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    appointment: Option<AppointmentBody>,
    /// What is offered; only of an `offer`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    hold: Option<HoldBody>,
    /// How late it begins, 0 where it is in time again; only of what is `late`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(maximum = 720, nullable = false)]
    late_minutes: Option<u16>,
    /// How long before its start; only of a `reminder`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 86400, nullable = false)]
    minutes_before: Option<u32>,
    /// The calendar that it left; only of one that was `moved`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<texts::CalendarId>, nullable = false)]
    from_calendar_id: Option<String>,
    /// When it was to start there; only of one that was `moved`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<texts::LocalInstant>, nullable = false)]
    from_start: Option<Local>,
}

impl DueBody {
    pub(super) async fn new(due: &Due, app: &App) -> Self {
        let offered = due.offer.as_ref().map(|hold| hold.calendar);
        let calendar = due.appointment.as_ref().map(|it| it.calendar).or(offered);
        // One of them is always there.
        let zone = app.zone(calendar.unwrap_or(CalendarId::from_bits(0))).await;
        let hold = match &due.offer {
            Some(hold) => Some(HoldBody::new(hold, &app.zone(hold.calendar).await)),
            None => None,
        };
        let (kind, from) = match due.kind {
            DueKind::Confirmation => (DueKindBody::Confirmation, None),
            DueKind::Reminder { .. } => (DueKindBody::Reminder, None),
            DueKind::Moved { from_calendar, from_start } => {
                (DueKindBody::Moved, Some((from_calendar, from_start)))
            }
            DueKind::Cancelled => (DueKindBody::Cancelled, None),
            DueKind::Late { .. } => (DueKindBody::Late, None),
            DueKind::Offer => (DueKindBody::Offer, None),
            DueKind::WithoutDose => (DueKindBody::WithoutDose, None),
        };
        let minutes_before = match due.kind {
            DueKind::Reminder { minutes_before } => Some(minutes_before),
            _ => None,
        };
        let late_minutes = match due.kind {
            DueKind::Late { minutes } => Some(minutes),
            _ => None,
        };
        Self {
            due_id: due.id.to_string(),
            kind,
            due_at: zone.local(due.at),
            patient_id: due.person.to_string(),
            appointment: due.appointment.as_ref().map(|it| AppointmentBody::new(it, &zone)),
            hold,
            late_minutes,
            minutes_before,
            from_calendar_id: from.map(|(calendar, _)| calendar.to_string()),
            from_start: from.map(|(_, start)| zone.local(start)),
        }
    }
}

/// A page of what is due.
#[derive(Serialize, ToSchema)]
pub(super) struct DuePage {
    /// The earliest first.
    #[schema(max_items = 1000)]
    pub(super) due: Vec<DueBody>,
    /// The `cursor` with which to go on, also later when nothing more is due now. Keep it once
    /// everything of this page is told.
    #[schema(value_type = texts::Cursor)]
    pub(super) resume: String,
    /// The same, where there is more at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<texts::Cursor>, nullable = false)]
    pub(super) next: Option<String>,
}

/// What was done, for all reasons together or for one.
#[derive(Serialize, ToSchema)]
#[schema(as = Activity)]
pub(super) struct ActivityBody {
    /// Appointments that stand.
    booked: u64,
    /// Appointments that were cancelled.
    cancelled: u64,
    /// Moves away from a place, within the week too.
    moved: u64,
    /// Appointments that took place, as the practice says; they stand.
    fulfilled: u64,
    /// Appointments to which nobody came, as the practice says; they stand.
    no_shows: u64,
    /// Minutes of those that stand, from start to end.
    booked_minutes: u64,
    /// Minutes of lanes that those that stand occupy, buffers included.
    occupied_minutes: u64,
    /// How long before their start those that stand were booked, on average; left out where none
    /// stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    ahead_minutes: Option<u64>,
}

impl From<Activity> for ActivityBody {
    fn from(told: Activity) -> Self {
        Self {
            booked: told.booked,
            cancelled: told.cancelled,
            moved: told.moved,
            fulfilled: told.fulfilled,
            no_shows: told.no_shows,
            booked_minutes: told.booked_minutes,
            occupied_minutes: told.occupied_minutes,
            ahead_minutes: told.ahead_minutes.checked_div(told.booked),
        }
    }
}

/// What was done for one reason.
#[derive(Serialize, ToSchema)]
#[schema(as = ReasonActivity)]
struct ReasonBody {
    #[schema(value_type = texts::ReasonId)]
    reason: String,
    activity: ActivityBody,
}

/// What was done in a week. Each appointment counts in the week in which it lies, or lay when it
/// ended.
#[derive(Serialize, ToSchema)]
#[schema(as = WeekActivity)]
pub(super) struct WeekBody {
    /// Its Monday.
    #[schema(value_type = texts::Date)]
    week: String,
    /// All reasons together.
    all: ActivityBody,
    /// Minutes that lanes are open, by the hours as they are now.
    open_minutes: u64,
    /// The part of them that is occupied, 0 to 1; left out where nothing is open. It is more than
    /// 1 where hours were taken away under what was booked.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, nullable = false)]
    filled: Option<f64>,
    /// In the order of their ids.
    #[schema(max_items = 1000)]
    reasons: Vec<ReasonBody>,
}

impl From<WeekActivity> for WeekBody {
    fn from(told: WeekActivity) -> Self {
        let open = told.open_minutes;
        #[expect(clippy::cast_precision_loss, reason = "a week has far fewer minutes")]
        let filled = (0 < open).then(|| told.all.occupied_minutes as f64 / open as f64);
        let reason = |(reason, activity): (creneau::ReasonId, Activity)| ReasonBody {
            reason: reason.to_string(),
            activity: activity.into(),
        };
        Self {
            week: Day(told.monday.to_jiff()).to_string(),
            all: told.all.into(),
            open_minutes: open,
            filled,
            reasons: told.reasons.into_iter().map(reason).collect(),
        }
    }
}

/// What was done, week by week.
#[derive(Serialize, ToSchema)]
pub(super) struct ActivityPage {
    #[schema(max_items = 53)]
    pub(super) weeks: Vec<WeekBody>,
}
