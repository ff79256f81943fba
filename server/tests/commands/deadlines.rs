//! Holds of three seconds, by the wall clock of a real process.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::{Server, pause};

/// Times that a machine may be too slow for its own clock.
const TRIES: usize = 5;

const HOLD: Duration = Duration::from_secs(3);

#[expect(clippy::disallowed_methods, reason = "another process is timed")]
fn now() -> Instant {
    Instant::now()
}

/// Waits until `ms` after `since`.
fn until(since: Instant, ms: u64) {
    let left = Duration::from_millis(ms).saturating_sub(since.elapsed());
    pause(u64::try_from(left.as_millis()).unwrap() + 1);
}

fn served(data: &Path) -> Server {
    Server::serve_with(data, &["--hold-seconds", "3"])
}

/// A calendar that is always open, and its first three starts an hour from now.
fn calendar(server: &Server) -> (String, Vec<Value>) {
    let day = json!(["00:00-24:00"]);
    let days = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
    let hours: Value = days.iter().map(|name| ((*name).to_owned(), day.clone())).collect();
    let body = json!({
        "location": { "name": "Centre" }, "time_zone": "Europe/Paris", "grid_minutes": 5,
        "lanes": 1, "reasons": [{ "id": "dose", "name": "Dose", "duration_minutes": 5 }],
        "weekly_hours": hours, "horizon_days": 7,
    });
    let (status, made) = server.ask("POST", "/v1/calendars", &body.to_string());
    assert_eq!(status, 201, "{made}");
    let id = made["calendar_id"].as_str().unwrap().to_owned();
    let found = server.get(&format!("/v1/calendars/{id}/slots?limit=20"));
    let starts = found["slots"].as_array().unwrap().iter().skip(12).take(3);
    let starts = starts.map(|slot| slot["start"].clone()).collect();
    (id, starts)
}

fn offers(server: &Server, calendar: &str, start: &Value) -> bool {
    let found = server.get(&format!("/v1/calendars/{calendar}/slots?limit=20"));
    found["slots"].as_array().unwrap().iter().any(|slot| slot["start"] == *start)
}

/// Whether the machine was fast enough for what this shows.
fn lives_and_ends(killed: bool) -> bool {
    let root = tempfile::tempdir().unwrap();
    let mut server = served(root.path());
    let (calendar, starts) = calendar(&server);
    let asked = now();
    let hold = |(number, start): (usize, &Value)| {
        let patient = format!("patient-{number}");
        let body = json!({
            "calendar_id": calendar, "start": start, "reason": "dose", "patient_id": patient,
        });
        let (status, hold) = server.ask("POST", "/v1/holds", &body.to_string());
        assert_eq!(status, 201, "{hold}");
        hold["hold_id"].as_str().unwrap().to_owned()
    };
    let holds: Vec<String> = starts.iter().enumerate().map(hold).collect();
    let held = now();
    if killed {
        until(asked, 800);
        server.kill();
        server = served(root.path());
    }
    let confirm =
        |server: &Server, hold: &str| server.ask("POST", &format!("/v1/holds/{hold}/confirm"), "");
    until(asked, 2_600);
    let (status, booked) = confirm(&server, &holds[0]);
    if HOLD <= asked.elapsed() {
        return false;
    }
    assert_eq!((status, &booked["status"]), (201, &json!("booked")), "{booked}");
    until(held, 3_100);
    let (status, expired) = confirm(&server, &holds[1]);
    assert_eq!((status, &expired["code"]), (410, &json!("hold_expired")), "{expired}");
    // Nobody has asked about the third.
    until(asked, 3_900);
    assert!(!offers(&server, &calendar, &starts[0]), "it is booked");
    for (hold, start) in holds.iter().zip(&starts).skip(1) {
        assert!(offers(&server, &calendar, start), "{start} is free again");
        assert_eq!(server.get(&format!("/v1/holds/{hold}"))["status"], "expired");
    }
    true
}

fn shown(killed: bool) {
    assert!((0..TRIES).any(|_| lives_and_ends(killed)), "this machine stalls for too long");
}

#[test]
fn a_hold_can_be_confirmed_before_its_deadline_and_not_after_it() {
    shown(false);
}

#[test]
fn a_hold_keeps_its_deadline_through_a_kill() {
    shown(true);
}
