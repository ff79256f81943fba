//! Calendar files: what they say of appointments that are booked, moved and cancelled.
//!
//! What they mean is asked of two independent readers, `icalendar` in Python and `ical.js` under
//! node, each a command in the environment that reads a file on standard input and writes JSON:
//! `CRENEAU_CALENDAR_PYTHON` and `CRENEAU_CALENDAR_NODE`. `make calendar-files` fetches both and
//! sets them. Without them a reader of a few lines here stands in, which knows lines and nothing
//! else.

use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::client::Client;
use crate::served::{Served, hold_of, practice, text};

/// What a file means to each reader that is there.
fn read(file: &[u8]) -> Vec<Value> {
    let mut meanings = vec![plainly(std::str::from_utf8(file).unwrap())];
    for reader in ["CRENEAU_CALENDAR_PYTHON", "CRENEAU_CALENDAR_NODE"] {
        let Ok(command) = std::env::var(reader) else { continue };
        let mut words = command.split(' ');
        let mut child = Command::new(words.next().unwrap())
            .args(words)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{command}: {error}"));
        child.stdin.take().unwrap().write_all(file).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{command} cannot read it");
        meanings.push(serde_json::from_slice(&output.stdout).unwrap());
    }
    meanings
}

/// Lines are unfolded, and texts are taken out of their escapes; all else is taken as it stands.
fn plainly(file: &str) -> Value {
    assert!(file.ends_with("\r\n") && !file.replace("\r\n", "").contains(['\r', '\n']));
    let (mut method, mut events) = (Value::Null, Vec::new());
    for line in file.replace("\r\n ", "").lines() {
        let (name, value) = line.split_once(':').unwrap();
        let plain = value.replace("\\,", ",").replace("\\;", ";").replace("\\\\", "\\");
        let instant = || {
            let (date, time) = value.split_once('T').unwrap();
            let (y, m, d) = (&date[..4], &date[4..6], &date[6..]);
            format!("{y}-{m}-{d}T{}:{}:{}", &time[..2], &time[2..4], &time[4..])
        };
        let mut put = |field: &str, value: Value| {
            events.last_mut().map(|event: &mut Value| event[field] = value).unwrap();
        };
        match (name, value) {
            ("METHOD", _) => method = json!(value),
            ("BEGIN", "VEVENT") => events.push(json!({})),
            ("UID", _) => put("uid", json!(value)),
            ("SEQUENCE", _) => put("sequence", json!(value.parse::<u32>().unwrap())),
            ("DTSTART", _) => put("start", json!(instant())),
            ("DTEND", _) => put("end", json!(instant())),
            ("DTSTAMP", _) => put("changed", json!(instant())),
            ("STATUS", _) => put("status", json!(value)),
            ("SUMMARY", _) => put("summary", json!(plain)),
            ("LOCATION", _) => put("location", json!(plain)),
            _ => {}
        }
    }
    json!({"method": method, "events": events})
}

async fn file_of(client: &mut Client, appointment: &str) -> Vec<u8> {
    let file = client.get(&format!("/v1/appointments/{appointment}/calendar.ics")).await;
    assert_eq!((file.status, file.header("cache-control")), (200, Some("no-store")));
    assert_eq!(file.header("content-type"), Some("text/calendar; charset=utf-8"));
    file.body
}

#[tokio::test]
async fn a_file_says_where_an_appointment_lies_and_whether_it_stands() {
    let served = Served::new().await;
    let mut odd = practice();
    odd["practitioner"]["name"] =
        json!("Dr Éléonore d'Aubigné-Lefèvre; néphrologue, à Saint-Denis");
    odd["location"]["address"] =
        json!("12, rue des Lilas \\ bât. B; 97400 Saint-Denis de La Réunion");
    odd["location"]["lat"] = json!(-20.88);
    odd["location"]["lon"] = json!(55.45);
    let calendar = served.calendar(&odd).await;
    let mut client = served.client().await;
    let start = "2027-03-26T09:00:00+01:00";
    let hold = client.post("/v1/holds", &hold_of(&calendar, start, "ada")).await.ok(201);
    let confirm = format!("/v1/holds/{}/confirm", text(&hold, "hold_id"));
    let booked = client.send("POST", &confirm, &[], None).await.ok(201);
    let id = text(&booked, "appointment_id").to_owned();
    let at = format!("/v1/appointments/{id}");

    let said = |sequence: u32, start: &str, end: &str, status: &str, changed: &Value| {
        json!({"method": "PUBLISH", "events": [{
            "uid": format!("{id}@creneau"),
            "sequence": sequence,
            "start": start,
            "end": end,
            "changed": changed,
            "status": status,
            "summary": "Check-up, Dr Éléonore d'Aubigné-Lefèvre; néphrologue, à Saint-Denis",
            "location": "12 rue des Lilas, 12, rue des Lilas \\ bât. B; 97400 Saint-Denis de La \
                         Réunion",
        }]})
    };
    let holds = |file: &[u8], (sequence, start, end, status): (u32, &str, &str, &str)| {
        for meaning in read(file) {
            let changed = &meaning["events"][0]["changed"];
            assert!(text(&meaning["events"][0], "changed").starts_with("2027-03-22T06:0"));
            assert_eq!(meaning, said(sequence, start, end, status, changed));
        }
    };
    let file = file_of(&mut client, &id).await;
    holds(&file, (0, "2027-03-26T08:00:00Z", "2027-03-26T08:15:00Z", "CONFIRMED"));
    // Over the night on which the clocks go forward.
    let moved = json!({"start": "2027-03-29T09:00:00+02:00"});
    client.post(&format!("{at}/move"), &moved).await.ok(200);
    let file = file_of(&mut client, &id).await;
    holds(&file, (1, "2027-03-29T07:00:00Z", "2027-03-29T07:15:00Z", "CONFIRMED"));
    client.delete(&at).await.ok(200);
    client.delete(&at).await.ok(200);
    let file = file_of(&mut client, &id).await;
    holds(&file, (2, "2027-03-29T07:00:00Z", "2027-03-29T07:15:00Z", "CANCELLED"));
    let hold = client.post("/v1/holds", &hold_of(&calendar, start, "bob")).await.ok(201);
    let held = text(&hold, "hold_id").replace("hold_", "appt_");
    let none = client.get(&format!("/v1/appointments/{held}/calendar.ics")).await;
    none.problem(404, "unknown_appointment");
}
