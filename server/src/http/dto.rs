//! JSON as clients write and read it. Names here are the API's, and are fixed.
//!
//! No answer here holds a patient's identifier: who asks knows it, and nobody else shall. Only who
//! operates the server reads them, in the change feed and in what is due.

use std::fmt;
use std::str::FromStr;

use creneau::{Appointment, Hold, HoldStatus, Offer, PersonId, ReasonId};
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::ToSchema;

use super::by_dto::{self, ChannelJson, PatientJson, VisitJson};
use super::dose_dto::{DoseBody, DoseJson};
use super::local::{Instant, Local, Zone};
use super::openapi::texts;
use super::practice_dto::StatusBody;

/// A value that is written as text.
#[derive(Clone, Debug)]
pub(super) struct Text<T>(pub(super) T);

impl<'de, T: FromStr<Err: fmt::Display>> Deserialize<'de> for Text<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader<T>(std::marker::PhantomData<T>);
        impl<T: FromStr<Err: fmt::Display>> Visitor<'_> for Reader<T> {
            type Value = Text<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Text<T>, E> {
                text.parse().map(Text).map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Reader(std::marker::PhantomData))
    }
}

impl<T: fmt::Display> Serialize for Text<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// A slot to be held for a patient.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = HoldRequest)]
pub(super) struct HoldAsked {
    #[schema(value_type = texts::CalendarId)]
    pub(super) calendar_id: String,
    /// On the grid of the calendar.
    #[schema(value_type = texts::Instant)]
    pub(super) start: Text<Instant>,
    /// The id of one of the calendar's reasons.
    #[schema(value_type = texts::ReasonId)]
    pub(super) reason: Text<ReasonId>,
    /// Who comes.
    #[schema(value_type = texts::PatientId)]
    pub(super) patient_id: Text<PersonId>,
    /// Who books, and alone may change it; who comes if left out.
    #[serde(default)]
    #[schema(value_type = Option<texts::PatientId>)]
    pub(super) booked_by: Option<Text<PersonId>>,
    /// Whether the practice has seen them before, which some reasons ask for.
    #[serde(default)]
    pub(super) patient: Option<PatientJson>,
    /// In person if left out.
    #[serde(default)]
    pub(super) visit: Option<VisitJson>,
    /// Whether the practice books, which takes a token with the scope `operate` beside `book`.
    #[serde(default)]
    pub(super) practice: bool,
    /// Whether in a lane that only the practice takes, beside those of patients.
    #[serde(default)]
    pub(super) overflow: bool,
    /// How it came to the practice; `phone` if the practice books and leaves it out.
    #[serde(default)]
    pub(super) channel: Option<ChannelJson>,
    /// Other calendars that it needs for the same time, such as a room or a device: all or none.
    #[serde(default)]
    #[schema(value_type = Vec<texts::CalendarId>, max_items = 4)]
    pub(super) with: Vec<String>,
    /// The dose of a campaign, where the reason gives one.
    #[serde(default)]
    pub(super) dose: Option<DoseJson>,
}

/// Where the first free slot is to be held for a patient: in one of the calendars named, or in one
/// at the place. At least one of the two is named, and at most 200 calendars are meant.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = FirstRequest)]
pub(super) struct FirstAsked {
    #[serde(default)]
    #[schema(value_type = Vec<texts::CalendarId>, max_items = 200)]
    pub(super) calendar_ids: Vec<String>,
    #[serde(default)]
    #[schema(value_type = Option<texts::PlaceId>)]
    pub(super) place_id: Option<String>,
    /// The id of a reason that at least one of the calendars has.
    #[schema(value_type = texts::ReasonId)]
    pub(super) reason: Text<ReasonId>,
    /// Who comes.
    #[schema(value_type = texts::PatientId)]
    pub(super) patient_id: Text<PersonId>,
    /// Who books, and alone may change it; who comes if left out.
    #[serde(default)]
    #[schema(value_type = Option<texts::PatientId>)]
    pub(super) booked_by: Option<Text<PersonId>>,
    /// Whether the practice has seen them before, which some reasons ask for.
    #[serde(default)]
    pub(super) patient: Option<PatientJson>,
    /// In person if left out.
    #[serde(default)]
    pub(super) visit: Option<VisitJson>,
    /// Whether the practice books, which takes a token with the scope `operate` beside `book`.
    #[serde(default)]
    pub(super) practice: bool,
    /// How it came to the practice; `phone` if the practice books and leaves it out.
    #[serde(default)]
    pub(super) channel: Option<ChannelJson>,
    /// Not before this instant; now if left out.
    #[serde(default)]
    #[schema(value_type = Option<texts::Instant>)]
    pub(super) from: Option<Text<Instant>>,
    /// Other calendars that it needs for the same time, such as a room or a device: all of them
    /// have room then. They are none in which the slot is looked for.
    #[serde(default)]
    #[schema(value_type = Vec<texts::CalendarId>, max_items = 4)]
    pub(super) with: Vec<String>,
    /// The dose of a campaign, where the reason gives one.
    #[serde(default)]
    pub(super) dose: Option<DoseJson>,
}

/// Where an appointment is to be moved.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = MoveRequest)]
pub(super) struct MoveAsked {
    /// On the grid of the calendar moved to.
    #[schema(value_type = texts::Instant)]
    pub(super) start: Text<Instant>,
    /// The calendar moved to; where the appointment lies if left out.
    #[serde(default)]
    #[schema(value_type = Option<texts::CalendarId>)]
    pub(super) calendar_id: Option<String>,
    /// The patient who asks: who booked it, or nobody may.
    #[serde(default)]
    #[schema(value_type = Option<texts::PatientId>)]
    pub(super) by: Option<Text<PersonId>>,
    /// Whether the practice asks, which takes a token with the scope `operate` beside `book`.
    #[serde(default)]
    pub(super) practice: bool,
}

/// Whose appointments are looked for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SearchRequest)]
pub(super) struct SearchAsked {
    #[schema(value_type = texts::PatientId)]
    pub(super) patient_id: Text<PersonId>,
    /// Appointments in the answer, 100 if left out.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 1000)]
    pub(super) limit: Option<usize>,
    /// The `next` of a page of this patient's appointments.
    #[serde(default)]
    #[schema(value_type = Option<texts::Cursor>)]
    pub(super) cursor: Option<String>,
}

/// What a hold is: live, or how it ended.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = HoldStatus)]
enum HoldStatusBody {
    Held,
    Confirmed,
    Released,
    Expired,
}

/// A hold.
#[derive(Serialize, ToSchema)]
#[schema(as = Hold)]
pub(super) struct HoldBody {
    #[schema(value_type = texts::HoldId)]
    hold_id: String,
    #[schema(value_type = texts::CalendarId)]
    calendar_id: String,
    #[schema(value_type = texts::ReasonId)]
    reason: String,
    #[schema(value_type = texts::LocalInstant)]
    start: Local,
    /// Without the buffer of the reason.
    #[schema(value_type = texts::LocalInstant)]
    end: Local,
    /// In person if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    visit: Option<VisitJson>,
    /// Online if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    channel: Option<ChannelJson>,
    /// When it ends by itself; only while it is `held`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<texts::LocalInstant>, nullable = false)]
    expires_at: Option<Local>,
    /// How often it can still be renewed; only while it is `held`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    renewals_left: Option<u8>,
    /// The appointment that moves here if this offer is accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<texts::AppointmentId>, nullable = false)]
    offer_for: Option<String>,
    /// Other calendars that it occupies for the same time.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<texts::CalendarId>, max_items = 4)]
    with: Vec<String>,
    /// The dose of a campaign that it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    dose: Option<DoseBody>,
    status: HoldStatusBody,
    /// What it has become; only once it is `confirmed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<texts::AppointmentId>, nullable = false)]
    appointment_id: Option<String>,
}

impl HoldBody {
    pub(super) fn new(hold: &Hold, zone: &Zone) -> Self {
        let status = match hold.status {
            HoldStatus::Held => HoldStatusBody::Held,
            HoldStatus::Confirmed => HoldStatusBody::Confirmed,
            HoldStatus::Released => HoldStatusBody::Released,
            HoldStatus::Expired => HoldStatusBody::Expired,
        };
        let held = hold.status == HoldStatus::Held;
        let offer_for = match hold.details.offer {
            Some(Offer::Appointment(appointment)) => Some(appointment.to_string()),
            Some(Offer::Person) | None => None,
        };
        Self {
            hold_id: hold.id.to_string(),
            calendar_id: hold.calendar.to_string(),
            reason: hold.reason.to_string(),
            start: zone.local(hold.start),
            end: zone.local(hold.end),
            visit: by_dto::visit_of(&hold.details),
            channel: by_dto::channel_of(&hold.details),
            expires_at: hold.expires_at.map(|instant| zone.local(instant)),
            renewals_left: held.then_some(hold.renewals_left),
            offer_for,
            with: by_dto::with(&hold.details),
            dose: DoseBody::of(hold.details.dose.as_deref()),
            status,
            appointment_id: hold.appointment.map(|id| id.to_string()),
        }
    }
}

/// An appointment.
#[derive(Serialize, ToSchema)]
#[schema(as = Appointment)]
pub(super) struct AppointmentBody {
    /// It stays the same when the appointment is moved.
    #[schema(value_type = texts::AppointmentId)]
    appointment_id: String,
    #[schema(value_type = texts::CalendarId)]
    calendar_id: String,
    #[schema(value_type = texts::ReasonId)]
    reason: String,
    /// Counted from 0.
    #[schema(maximum = 999)]
    lane: u16,
    #[schema(value_type = texts::LocalInstant)]
    start: Local,
    /// Without the buffer of the reason.
    #[schema(value_type = texts::LocalInstant)]
    end: Local,
    /// In person if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    visit: Option<VisitJson>,
    /// Online if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    channel: Option<ChannelJson>,
    /// Other calendars that it occupies for the same time.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<texts::CalendarId>, max_items = 4)]
    with: Vec<String>,
    /// The dose of a campaign that it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    dose: Option<DoseBody>,
    status: StatusBody,
    /// Minutes that the practice says to be late.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(maximum = 720, nullable = false)]
    late_minutes: Option<u16>,
}

impl AppointmentBody {
    pub(super) fn new(appointment: &Appointment, zone: &Zone) -> Self {
        Self {
            appointment_id: appointment.id.to_string(),
            calendar_id: appointment.calendar.to_string(),
            reason: appointment.reason.to_string(),
            lane: appointment.lane,
            start: zone.local(appointment.start),
            end: zone.local(appointment.end),
            visit: by_dto::visit_of(&appointment.details),
            channel: by_dto::channel_of(&appointment.details),
            with: by_dto::with(&appointment.details),
            dose: DoseBody::of(appointment.details.dose.as_deref()),
            status: appointment.status.into(),
            late_minutes: appointment.late_minutes,
        }
    }
}

/// A page of appointments.
#[derive(Serialize, ToSchema)]
pub(super) struct AppointmentsPage {
    /// The earliest start first.
    #[schema(max_items = 1000)]
    pub(super) appointments: Vec<AppointmentBody>,
    /// The `cursor` of the next page, where there is more.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<texts::Cursor>, nullable = false)]
    pub(super) next: Option<String>,
}

/// A free slot.
#[derive(Serialize, ToSchema)]
#[schema(as = Slot)]
pub(super) struct SlotBody {
    #[schema(value_type = texts::LocalInstant)]
    pub(super) start: Local,
    /// Without the buffer of the reason.
    #[schema(value_type = texts::LocalInstant)]
    pub(super) end: Local,
    /// Lanes in which it is free.
    #[schema(minimum = 1, maximum = 1000)]
    pub(super) free: u16,
}

/// A page of free slots.
#[derive(Serialize, ToSchema)]
pub(super) struct SlotsPage {
    /// The earliest first; those that overlap are all listed.
    #[schema(max_items = 1000)]
    pub(super) slots: Vec<SlotBody>,
    /// The `cursor` of the next page, where there is more.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<texts::Cursor>, nullable = false)]
    pub(super) next: Option<String>,
}
