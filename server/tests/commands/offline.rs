//! `creneau verify` and `creneau export`: on directories that nobody uses.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Output, Stdio};

use jiff::{ToSpan, Zoned};
use serde_json::{Value, json};

use crate::harness::{Server, creneau, run};

/// A calendar that is always open, and three patients in it: one holds, one has an appointment,
/// one has moved.
pub(crate) fn booked(server: &Server) {
    let days = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
    let hours: Value = days.iter().map(|day| ((*day).to_owned(), json!(["00:00-24:00"]))).collect();
    let calendar = json!({
        "location": { "name": "Centre" }, "time_zone": "Europe/Paris", "grid_minutes": 5,
        "lanes": 2, "weekly_hours": hours, "horizon_days": 60,
        "reasons": [{ "id": "dose", "name": "Dose", "duration_minutes": 5 }],
    });
    let (status, made) = server.ask("POST", "/v1/calendars", &calendar.to_string());
    assert_eq!(status, 201, "{made}");
    let calendar = made["calendar_id"].as_str().unwrap();
    let from = Zoned::now().date().saturating_add(2.days());
    let slots = server.get(&format!("/v1/calendars/{calendar}/slots?limit=24&from={from}"));
    for number in 0..3 {
        let body = json!({
            "calendar_id": calendar, "start": slots["slots"][number]["start"], "reason": "dose",
            "patient_id": format!("patient-{number}"),
        });
        let (status, hold) = server.ask("POST", "/v1/holds", &body.to_string());
        assert_eq!(status, 201, "{hold}");
        if 0 < number {
            let hold = hold["hold_id"].as_str().unwrap();
            let (status, it) = server.ask("POST", &format!("/v1/holds/{hold}/confirm"), "");
            assert_eq!(status, 201, "{it}");
            if number == 2 {
                let id = it["appointment_id"].as_str().unwrap();
                let to = json!({ "start": slots["slots"][20]["start"] }).to_string();
                let path = format!("/v1/appointments/{id}/move");
                assert_eq!(server.ask("POST", &path, &to).0, 200);
            }
        }
    }
}

/// A directory in which a server has worked.
fn worked() -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    let mut server = Server::serve(root.path());
    booked(&server);
    server.signal("TERM");
    assert_eq!(server.ended().code(), Some(0));
    root
}

pub(crate) fn verify(data: &Path) -> (i32, Value) {
    let Output { status, stdout, .. } =
        run(&["verify", "--json", "--data", data.to_str().unwrap()]);
    (status.code().unwrap(), serde_json::from_slice(&stdout).unwrap_or_default())
}

#[test]
fn verify_tells_a_sound_directory_from_a_damaged_one() {
    let root = worked();
    let (status, report) = verify(root.path());
    assert_eq!(status, 0, "{report}");
    for (field, value) in [
        ("sound", json!(true)),
        ("entries", json!(7)),
        ("calendars", json!(1)),
        ("holds_live", json!(1)),
        ("appointments_booked", json!(2)),
        ("double_bookings", json!(0)),
        ("orphans", json!(0)),
        ("compared", json!("rows")),
        ("faults", json!([])),
    ] {
        assert_eq!(report[field], value, "{field} in {report}");
    }
    let text = run(&["verify", "--data", root.path().to_str().unwrap()]);
    let text = String::from_utf8(text.stdout).unwrap();
    assert!(text.starts_with("7 entries up to 7") && text.ends_with("sound\n"), "{text}");

    let log = fs::read_dir(root.path().join("journal")).unwrap();
    let log = log.map(|entry| entry.unwrap().path());
    let log = log.filter(|path| path.extension().is_some_and(|it| it == "log")).max().unwrap();
    let mut bytes = fs::read(&log).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&log, bytes).unwrap();
    for _ in 0..2 {
        let (status, report) = verify(root.path());
        assert_eq!((status, &report["sound"]), (1, &json!(false)), "{report}");
        assert!(report["faults"][0]["what"].is_string(), "{report}");
    }
    let text = run(&["verify", "--data", root.path().to_str().unwrap()]);
    assert_eq!(text.status.code(), Some(1));
    let stderr = String::from_utf8(text.stderr).unwrap();
    assert!(stderr.contains("keep it as it is"), "{stderr}");
}

#[test]
fn neither_makes_a_directory_nor_looks_at_one_in_use() {
    let root = tempfile::tempdir().unwrap();
    let none = root.path().join("none");
    let data = root.path().join("data");
    let server = Server::serve(&data);
    booked(&server);
    for command in ["verify", "export"] {
        let output = run(&[command, "--data", none.to_str().unwrap()]);
        assert_eq!((output.status.code(), &*output.stdout), (Some(1), &b""[..]));
        assert!(!none.exists());
        let output = run(&[command, "--data", data.to_str().unwrap()]);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(1) && stderr.contains("in use by"), "{stderr}");
    }
}

#[test]
fn export_writes_every_event_and_ends_quietly_with_its_reader() {
    let root = worked();
    let data = root.path().to_str().unwrap();
    let export = |more: &[&str]| -> Vec<Value> {
        let output = run(&[&["export", "--data", data], more].concat());
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let all = export(&[]);
    let names: Vec<_> = all.iter().map(|line| line["event"].as_str().unwrap()).collect();
    let hold = ["held", "confirmed"];
    let expected = [&["calendar_created", "held"], &hold[..], &hold, &["moved"]].concat();
    assert_eq!(names, expected);
    for (place, line) in all.iter().enumerate() {
        assert_eq!((&line["sequence"], &line["index"]), (&json!(place + 1), &json!(0)), "{line}");
    }
    assert_eq!(export(&["--after", "5"]), all[5..]);
    assert_eq!(export(&["--after", "99"]), [Value::Null; 0]);

    let mut child = creneau(&["export", "--data", data]);
    let mut child = child.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    // Its reader is dropped after a line, and before it, which a pipe's buffer hides here.
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), &*output.stderr), (Some(0), &b""[..]));
    let mut child = creneau(&["export", "--data", data]);
    let mut child = child.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), &*output.stderr), (Some(0), &b""[..]));
}
