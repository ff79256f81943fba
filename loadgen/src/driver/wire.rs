//! Requests and answers as they stand on the wire.

use std::path::Path;

use creneau::{CalendarId, Timestamp};
use hyper::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::REASON;
use crate::api::{
    AppointmentSeen, Ask, Call, DoseSeen, DoseSlot, HoldSeen, HoldState, LineSeen, LineStatus,
    LineWish, Outcome, Refusal, Reply, Stated, UNREADABLE,
};
use crate::scenario::Calendars;

/// A request.
#[derive(Clone, Debug)]
pub(super) struct Wire {
    pub(super) method: Method,
    pub(super) path: String,
    /// JSON, or nothing.
    pub(super) body: String,
}

impl Wire {
    pub(super) fn get(path: String) -> Self {
        Self { method: Method::GET, path, body: String::new() }
    }

    fn with(method: Method, path: String) -> Self {
        Self { method, path, body: String::new() }
    }

    pub(super) fn post(path: &str, body: &Value) -> Self {
        Self { method: Method::POST, path: path.to_owned(), body: body.to_string() }
    }

    /// The request of a call.
    pub(super) fn of(ask: &Ask) -> Self {
        match ask {
            Ask::Find { calendar, reason, from, days, limit } => {
                let query = form_urlencoded::Serializer::new(String::new())
                    .append_pair("reason", reason.as_str())
                    .append_pair("from", &from.to_string())
                    .append_pair("days", &days.to_string())
                    .append_pair("limit", &limit.to_string())
                    .finish();
                Self::get(format!("/v1/calendars/{calendar}/slots?{query}"))
            }
            Ask::Hold { calendar, start, reason, patient } => Self::post(
                "/v1/holds",
                &json!({
                    "calendar_id": calendar.to_string(), "start": start.to_string(),
                    "reason": reason.as_str(), "patient_id": patient.as_str(),
                }),
            ),
            Ask::Confirm { hold } => Self::with(Method::POST, format!("/v1/holds/{hold}/confirm")),
            Ask::Release { hold } => Self::with(Method::DELETE, format!("/v1/holds/{hold}")),
            Ask::Cancel { appointment } => {
                Self::with(Method::DELETE, format!("/v1/appointments/{appointment}"))
            }
            Ask::Move { appointment, start, calendar } => Self::post(
                &format!("/v1/appointments/{appointment}/move"),
                &json!({ "start": start.to_string(), "calendar_id": calendar.to_string() }),
            ),
            Ask::ReadHold { hold } => Self::get(format!("/v1/holds/{hold}")),
            Ask::ReadAppointment { appointment } => {
                Self::get(format!("/v1/appointments/{appointment}"))
            }
            Ask::HoldDose(slot) => Self::post("/v1/holds", &dose_slot(slot)),
            Ask::HoldDoses(slots) => {
                let [first, second] = &**slots;
                let both = json!({ "first": dose_slot(first), "second": dose_slot(second) });
                Self::post("/v1/holds/doses", &both)
            }
            Ask::CancelDoses { appointment } => Self {
                method: Method::DELETE,
                ..Self::post(
                    &format!("/v1/appointments/{appointment}"),
                    &json!({ "next_dose": "cancel" }),
                )
            },
            Ask::Give { appointment } => {
                Self::with(Method::POST, format!("/v1/appointments/{appointment}/dose"))
            }
            Ask::JoinLine(wish) => {
                Self::post(&format!("/v1/campaigns/{}/line", wish.campaign), &line_wish(wish))
            }
            Ask::ReadLine { campaign, wish } => {
                Self::get(format!("/v1/campaigns/{campaign}/line/{wish}"))
            }
            Ask::Accept { hold } => Self::with(Method::POST, format!("/v1/holds/{hold}/accept")),
            Ask::Search { patient } => Self::post(
                "/v1/appointments/search",
                &json!({ "patient_id": patient.as_str(), "limit": 1_000 }),
            ),
        }
    }

    /// The request that creates a calendar.
    pub(super) fn create(calendars: &Calendars, name: &str) -> Self {
        let days = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
        let hours = days.map(|day| (day.to_owned(), json!(calendars.hours)));
        Self::post(
            "/v1/calendars",
            &json!({
                "location": { "name": name }, "time_zone": calendars.time_zone,
                "grid_minutes": calendars.grid_minutes, "lanes": calendars.lanes,
                "weekly_hours": hours.into_iter().collect::<serde_json::Map<_, _>>(),
                "horizon_days": calendars.horizon_days,
                "reasons": [{
                    "id": REASON, "name": "Visit", "duration_minutes": calendars.reason_minutes,
                }],
            }),
        )
    }

    /// The request for a backup.
    pub(super) fn back_up(to: &Path) -> Self {
        Self::post("/v1/backup", &json!({ "to": to }))
    }

    /// Its bytes, for a connection that is written by hand.
    pub(super) fn bytes(&self, key: &str, token: Option<&str>) -> Vec<u8> {
        let Self { method, path, body } = self;
        let shown = token.map(|token| format!("authorization: {token}\r\n")).unwrap_or_default();
        let kind = if body.is_empty() { "" } else { "content-type: application/json\r\n" };
        let length = body.len();
        let text = format!(
            "{method} {path} HTTP/1.1\r\nhost: localhost\r\nidempotency-key: {key}\r\n\
             {shown}{kind}content-length: {length}\r\n\r\n{body}"
        );
        text.into_bytes()
    }
}

/// What is stated of a person.
fn facts(stated: &Stated) -> Value {
    let mut facts = json!({ "stated_at": stated.stated_at.to_string(), "band": stated.band });
    if let (Some(at), Some(facts)) = (stated.infected_at, facts.as_object_mut()) {
        facts.insert("infected_at".to_owned(), json!(at.to_string()));
    }
    facts
}

/// A place in a line, as it is asked for.
fn line_wish(wish: &LineWish) -> Value {
    let LineWish { place, reason, patient, until, stated, .. } = wish;
    json!({
        "place_id": place.to_string(), "reason": reason.as_str(), "number": stated.number,
        "patient_id": patient.as_str(), "until": until.to_string(), "facts": facts(stated),
    })
}

/// A hold of a slot with a dose, as it is asked for.
fn dose_slot(slot: &DoseSlot) -> Value {
    let DoseSlot { calendar, start, reason, patient, account, campaign, stated } = slot;
    let mut asked = json!({
        "calendar_id": calendar.to_string(), "start": start.to_string(),
        "reason": reason.as_str(), "patient_id": patient.as_str(),
        "dose": {
            "campaign_id": campaign.to_string(), "number": stated.number,
            "facts": facts(stated),
        },
    });
    if let (Some(account), Some(asked)) = (account, asked.as_object_mut()) {
        asked.insert("booked_by".to_owned(), json!(account.as_str()));
    }
    asked
}

#[derive(Deserialize)]
struct SlotBody {
    start: String,
}

#[derive(Deserialize)]
struct SlotsBody {
    slots: Vec<SlotBody>,
}

#[derive(Deserialize)]
struct HoldBody {
    hold_id: String,
    calendar_id: String,
    start: String,
    end: String,
    #[serde(default)]
    expires_at: Option<String>,
    status: HoldState,
}

#[derive(Deserialize)]
struct HoldsBody {
    first: HoldBody,
    second: HoldBody,
}

#[derive(Deserialize)]
struct DoseBody {
    number: u8,
    #[serde(default)]
    delivery_id: Option<String>,
}

#[derive(Deserialize)]
struct GivenBody {
    appointment_id: String,
    number: u8,
    delivery_id: String,
}

#[derive(Deserialize)]
struct AppointmentBody {
    appointment_id: String,
    calendar_id: String,
    lane: u16,
    start: String,
    end: String,
    status: String,
    #[serde(default)]
    dose: Option<DoseBody>,
}

#[derive(Deserialize)]
struct LineBody {
    wish_id: String,
    place_id: String,
    status: LineStatus,
    rank: u16,
    since: String,
    until: String,
    #[serde(default)]
    appointment_id: Option<String>,
    #[serde(default)]
    offer: Option<HoldBody>,
}

#[derive(Deserialize)]
struct AppointmentsBody {
    appointments: Vec<AppointmentBody>,
}

#[derive(Deserialize)]
struct AlternativeBody {
    calendar_id: String,
    start: String,
}

#[derive(Deserialize)]
struct ProblemBody {
    code: String,
    #[serde(default)]
    alternatives: Vec<AlternativeBody>,
    #[serde(default)]
    hold_id: Option<String>,
    #[serde(default)]
    why: Option<String>,
}

fn instant(text: &str) -> Option<Timestamp> {
    text.parse().ok()
}

impl HoldBody {
    fn seen(&self) -> Option<HoldSeen> {
        Some(HoldSeen {
            id: self.hold_id.parse().ok()?,
            calendar: self.calendar_id.parse().ok()?,
            start: instant(&self.start)?,
            end: instant(&self.end)?,
            expires_at: match &self.expires_at {
                Some(text) => Some(instant(text)?),
                None => None,
            },
            state: self.status,
        })
    }
}

impl LineBody {
    fn seen(&self) -> Option<LineSeen> {
        Some(LineSeen {
            wish: self.wish_id.parse().ok()?,
            place: self.place_id.parse().ok()?,
            status: self.status,
            rank: self.rank,
            since: instant(&self.since)?,
            until: instant(&self.until)?,
            appointment: match &self.appointment_id {
                Some(id) => Some(id.parse().ok()?),
                None => None,
            },
            offer: match &self.offer {
                Some(offer) => Some(offer.seen()?),
                None => None,
            },
        })
    }
}

impl AppointmentBody {
    fn seen(&self) -> Option<AppointmentSeen> {
        Some(AppointmentSeen {
            id: self.appointment_id.parse().ok()?,
            calendar: self.calendar_id.parse().ok()?,
            start: instant(&self.start)?,
            end: instant(&self.end)?,
            lane: self.lane,
            cancelled: match self.status.as_str() {
                "booked" | "fulfilled" => false,
                "cancelled" => true,
                _ => return None,
            },
            fulfilled: self.status == "fulfilled",
            dose: match &self.dose {
                Some(DoseBody { number, delivery_id }) => Some(DoseSeen {
                    number: *number,
                    delivery: match delivery_id {
                        Some(id) => Some(id.parse().ok()?),
                        None => None,
                    },
                }),
                None => None,
            },
        })
    }
}

fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Option<T> {
    serde_json::from_slice(body).ok()
}

/// The reply of a call whose status says that it was done.
fn reply(call: &Ask, body: &[u8]) -> Option<Reply> {
    Some(match call {
        Ask::Find { .. } => {
            let slots = read::<SlotsBody>(body)?.slots;
            Reply::Slots(slots.iter().map(|slot| instant(&slot.start)).collect::<Option<_>>()?)
        }
        Ask::HoldDoses(_) => {
            let HoldsBody { first, second } = read(body)?;
            Reply::Holds(Box::new([first.seen()?, second.seen()?]))
        }
        Ask::Give { .. } => {
            let GivenBody { appointment_id, number, delivery_id } = read(body)?;
            let (appointment, delivery) = (appointment_id.parse().ok()?, delivery_id.parse().ok()?);
            Reply::Given { appointment, number, delivery }
        }
        Ask::Hold { .. } | Ask::HoldDose(_) | Ask::ReadHold { .. } => {
            Reply::Hold(read::<HoldBody>(body)?.seen()?)
        }
        Ask::JoinLine(_) | Ask::ReadLine { .. } => {
            Reply::InLine(Box::new(read::<LineBody>(body)?.seen()?))
        }
        Ask::Confirm { .. }
        | Ask::Accept { .. }
        | Ask::Cancel { .. }
        | Ask::CancelDoses { .. }
        | Ask::Move { .. }
        | Ask::ReadAppointment { .. } => Reply::Appointment(read::<AppointmentBody>(body)?.seen()?),
        Ask::Release { .. } => Reply::Released,
        Ask::Search { .. } => {
            let all = read::<AppointmentsBody>(body)?.appointments;
            Reply::Appointments(all.iter().map(AppointmentBody::seen).collect::<Option<_>>()?)
        }
    })
}

/// What an answer means.
pub(super) fn outcome(ask: &Ask, status: StatusCode, body: &[u8]) -> Outcome {
    if status.is_success() {
        let unreadable = || Outcome::Refused(Refusal::new(UNREADABLE));
        return reply(ask, body).map_or_else(unreadable, Outcome::Done);
    }
    let Some(problem) = read::<ProblemBody>(body) else {
        // What is no problem of the API came from something else, or was cut off.
        return Outcome::Unclear(format!("{status}"));
    };
    match problem.code.as_str() {
        "outcome_unknown"
        | "unavailable"
        | "internal"
        | "calendar_unavailable"
        | "request_timeout" => Outcome::Unclear(problem.code),
        _ => {
            let place = |it: &AlternativeBody| -> Option<(CalendarId, Timestamp)> {
                Some((it.calendar_id.parse().ok()?, instant(&it.start)?))
            };
            let alternatives = problem.alternatives.iter().filter_map(place).collect();
            let hold = problem.hold_id.and_then(|id| id.parse().ok());
            Outcome::Refused(Refusal { code: problem.code, alternatives, hold, why: problem.why })
        }
    }
}

/// Whether a call changes anything.
pub(super) const fn is_write(ask: &Ask) -> bool {
    !matches!(ask.call(), Call::Find | Call::Read)
}
