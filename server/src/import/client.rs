//! A small HTTP client for what an import asks of a server.

use std::time::Duration;

use creneau::{Definition, Interval, RandomBits, SystemRandom, WeeklyHours};
use hyper::body::Bytes;
use hyper::header::{HeaderMap, RETRY_AFTER};
use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use super::target::{Fate, TRIES_MAX, WAIT_MAX};
use crate::remote::{Answer, Remote};

/// How long one answer may take, its body included.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

/// How often a request is sent whose answer does not come.
const SENDS_MAX: usize = 3;

/// How long to wait before a request is sent again.
const RESEND_WAIT: Duration = Duration::from_millis(200);

/// How long to wait where a server is busy and does not say for how long.
const BUSY_WAIT: Duration = Duration::from_secs(1);

/// The days as the API names them, Monday first.
const DAYS: [&str; 7] =
    ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

/// A server that makes calendars.
#[derive(Clone)]
pub struct Client {
    server: Remote,
    /// What the idempotency keys of this run begin with. A key that was the same in every run
    /// would have the server repeat its answer of an earlier run within the day, so that what
    /// was there already would look new.
    run: String,
}

impl Client {
    /// A client of a server.
    #[must_use]
    pub fn new(server: Remote) -> Self {
        Self { server, run: format!("import-{:032x}", SystemRandom::default().bits()) }
    }

    /// Makes a calendar, or finds the one that has its external id.
    pub(super) async fn make(&self, index: usize, definition: &Definition) -> Result<Fate, String> {
        let body = Bytes::from(body_of(definition).to_string());
        let key = format!("{}-{index}", self.run);
        for _ in 0..TRIES_MAX {
            let answer = self.send(Method::POST, "/v1/calendars", &key, &body).await?;
            let calendar_id = answer.text("calendar_id");
            match (answer.status, answer.text("code").as_str()) {
                (StatusCode::CREATED, _) => return Ok(Fate::Made { calendar_id }),
                (StatusCode::CONFLICT, "external_id_taken") => {
                    let hours = self.hours(&calendar_id).await?;
                    return Ok(Fate::There { calendar_id, hours });
                }
                (StatusCode::BAD_REQUEST, "invalid_request")
                | (StatusCode::PAYLOAD_TOO_LARGE, "payload_too_large") => {
                    return Ok(Fate::Refused { reason: answer.text("detail") });
                }
                (StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE, _) => {
                    tokio::time::sleep(retry_after(&answer.headers).unwrap_or(BUSY_WAIT)).await;
                }
                _ => return Err(self.server.unexpected(&answer)),
            }
        }
        Err(format!("{} is busy, for too long", self.server.url()))
    }

    /// The weekly hours of a calendar; none where they cannot be read.
    async fn hours(&self, calendar_id: &str) -> Result<Option<WeeklyHours>, String> {
        let path = format!("/v1/calendars/{calendar_id}");
        let answer = self.send(Method::GET, &path, "", &Bytes::new()).await?;
        Ok(answer.body.get("weekly_hours").and_then(read_hours))
    }

    /// Sends a request, again where no answer comes: the key lets a server tell a repeat.
    async fn send(
        &self,
        method: Method,
        path: &str,
        key: &str,
        body: &Bytes,
    ) -> Result<Answer, String> {
        let mut sent = 1;
        loop {
            let once = self.server.send(method.clone(), path, key, body.clone());
            let error = match tokio::time::timeout(ANSWER_TIMEOUT, once).await {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(error)) => error,
                Err(_) => "no answer came".to_owned(),
            };
            if SENDS_MAX <= sent {
                return Err(format!("failed to reach {}: {error}", self.server.url()));
            }
            sent += 1;
            tokio::time::sleep(RESEND_WAIT).await;
        }
    }
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds).min(WAIT_MAX))
}

/// The request that creates a calendar.
fn body_of(definition: &Definition) -> Value {
    let location = &definition.location;
    let reasons = definition.reasons.iter().map(|reason| {
        let (id, name) = (reason.id.as_str(), &reason.name);
        json!({ "id": id, "name": name, "duration_minutes": reason.duration_minutes })
    });
    let days = definition
        .weekly_hours
        .days
        .iter()
        .map(|day| -> Vec<String> { day.iter().map(ToString::to_string).collect() });
    let weekly_hours: serde_json::Map<_, _> = DAYS
        .iter()
        .zip(days)
        .filter(|(_, hours)| !hours.is_empty())
        .map(|(day, hours)| ((*day).to_owned(), json!(hours)))
        .collect();
    let mut told = json!({ "name": location.name });
    if let Some(told) = told.as_object_mut() {
        let fields = [
            ("address", location.address.as_ref().map(|text| json!(text))),
            ("lat", location.lat.map(|degrees| json!(degrees))),
            ("lon", location.lon.map(|degrees| json!(degrees))),
            ("department", location.department.as_ref().map(|text| json!(text))),
        ];
        let given = fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
        told.extend(given);
    }
    json!({
        "external_id": definition.external_id,
        "location": told,
        "time_zone": definition.time_zone,
        "grid_minutes": definition.grid_minutes,
        "lanes": definition.lanes,
        "reasons": reasons.collect::<Vec<_>>(),
        "weekly_hours": weekly_hours,
        "horizon_days": definition.horizon_days,
    })
}

/// The hours of an answer; none where they are written in another way.
fn read_hours(value: &Value) -> Option<WeeklyHours> {
    let fields = value.as_object()?;
    let mut hours = WeeklyHours::default();
    for (day, name) in hours.days.iter_mut().zip(DAYS) {
        let Some(given) = fields.get(name) else { continue };
        let read = |interval: &Value| interval.as_str()?.parse::<Interval>().ok();
        *day = given.as_array()?.iter().map(read).collect::<Option<_>>()?;
    }
    Some(hours)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_and_back() {
        let definition = Definition::weekdays("N", "Europe/Paris");
        let body = body_of(&definition);
        assert_eq!(body["weekly_hours"]["monday"], json!(["09:00-17:00"]));
        assert_eq!(body["weekly_hours"].get("sunday"), None);
        assert_eq!(body["location"], json!({ "name": "N" }));
        assert_eq!(read_hours(&body["weekly_hours"]), Some(definition.weekly_hours));
        assert_eq!(read_hours(&json!({ "monday": ["9h"] })), None);
    }
}
