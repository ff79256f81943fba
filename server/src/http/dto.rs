//! JSON as clients write and read it. Names here are the API's, and are fixed.
//!
//! No answer holds a patient's identifier: who asks knows it, and nobody else shall.

use std::fmt;
use std::str::FromStr;

use creneau::{
    Appointment, AppointmentId, AppointmentStatus, Hold, HoldStatus, PersonId, ReasonId,
};
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::local::{Instant, Local, Zone};

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

/// `POST /v1/holds`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HoldAsked {
    pub(super) calendar_id: String,
    pub(super) start: Text<Instant>,
    pub(super) reason: Text<ReasonId>,
    pub(super) patient_id: Text<PersonId>,
}

/// `POST /v1/appointments/{id}/move`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MoveAsked {
    pub(super) start: Text<Instant>,
    #[serde(default)]
    pub(super) calendar_id: Option<String>,
}

/// `POST /v1/appointments/search`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SearchAsked {
    pub(super) patient_id: Text<PersonId>,
    #[serde(default)]
    pub(super) limit: Option<usize>,
    #[serde(default)]
    pub(super) cursor: Option<String>,
}

/// A hold.
#[derive(Serialize)]
pub(super) struct HoldBody {
    hold_id: String,
    calendar_id: String,
    reason: String,
    start: Local,
    end: Local,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<Local>,
    status: &'static str,
    /// What it has become.
    #[serde(skip_serializing_if = "Option::is_none")]
    appointment_id: Option<String>,
}

impl HoldBody {
    pub(super) fn new(hold: &Hold, zone: &Zone) -> Self {
        let status = match hold.status {
            HoldStatus::Held => "held",
            HoldStatus::Confirmed => "confirmed",
            HoldStatus::Released => "released",
            HoldStatus::Expired => "expired",
        };
        let confirmed = hold.status == HoldStatus::Confirmed;
        Self {
            hold_id: hold.id.to_string(),
            calendar_id: hold.calendar.to_string(),
            reason: hold.reason.to_string(),
            start: zone.local(hold.start),
            end: zone.local(hold.end),
            expires_at: hold.expires_at.map(|instant| zone.local(instant)),
            status,
            appointment_id: confirmed.then(|| AppointmentId::from(hold.id).to_string()),
        }
    }
}

/// An appointment.
#[derive(Serialize)]
pub(super) struct AppointmentBody {
    appointment_id: String,
    calendar_id: String,
    reason: String,
    lane: u16,
    start: Local,
    end: Local,
    status: &'static str,
}

impl AppointmentBody {
    pub(super) fn new(appointment: &Appointment, zone: &Zone) -> Self {
        let status = match appointment.status {
            AppointmentStatus::Booked => "booked",
            AppointmentStatus::Cancelled => "cancelled",
        };
        Self {
            appointment_id: appointment.id.to_string(),
            calendar_id: appointment.calendar.to_string(),
            reason: appointment.reason.to_string(),
            lane: appointment.lane,
            start: zone.local(appointment.start),
            end: zone.local(appointment.end),
            status,
        }
    }
}

/// A page of appointments.
#[derive(Serialize)]
pub(super) struct AppointmentsPage {
    pub(super) appointments: Vec<AppointmentBody>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next: Option<String>,
}

/// A free slot.
#[derive(Serialize)]
pub(super) struct SlotBody {
    pub(super) start: Local,
    pub(super) end: Local,
    /// Lanes in which it is free.
    pub(super) free: u16,
}

/// A page of free slots.
#[derive(Serialize)]
pub(super) struct SlotsPage {
    pub(super) slots: Vec<SlotBody>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next: Option<String>,
}
