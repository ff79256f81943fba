//! A server as those see it who watch it: its log, a load balancer, a service manager.

use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Connection, Server, creneau, pause, run};

/// A server in memory that logs all it can, in a form, to a file.
fn talkative(form: &str, log: &Path) -> Server {
    let script = "exec \"$0\" serve --memory --listen 127.0.0.1:0 2>\"$1\"";
    let mut command = Command::new("sh");
    command.args(["-c", script, env!("CARGO_BIN_EXE_creneau")]).arg(log);
    command.env("CRENEAU_LOG", "trace").env("CRENEAU_LOG_FORMAT", form);
    Server::start(&mut command)
}

fn calendar() -> String {
    json!({
        "location": {"name": "N"}, "time_zone": "UTC", "grid_minutes": 5, "lanes": 1,
        "reasons": [{"id": "check-up", "name": "C", "duration_minutes": 15}],
        "weekly_hours": {
            "monday": ["00:00-24:00"], "tuesday": ["00:00-24:00"], "wednesday": ["00:00-24:00"],
            "thursday": ["00:00-24:00"], "friday": ["00:00-24:00"], "saturday": ["00:00-24:00"],
            "sunday": ["00:00-24:00"],
        },
        "horizon_days": 30,
    })
    .to_string()
}

fn text(body: &Value, field: &str) -> String {
    body[field].as_str().unwrap_or_else(|| panic!("no {field} in {body}")).to_owned()
}

/// Books, moves, cancels and is refused, and gives every identifier that came up.
fn story(server: &Server) -> Vec<String> {
    let (_, made) = server.ask("POST", "/v1/calendars", &calendar());
    let calendar = text(&made, "calendar_id");
    let slots = server.get(&format!("/v1/calendars/{calendar}/slots?limit=30"));
    let start = |at: usize| slots["slots"][at]["start"].clone();
    let hold = |at: usize, patient: &str| {
        let asked = json!({
            "calendar_id": calendar, "start": start(at), "reason": "check-up",
            "patient_id": patient,
        });
        server.ask("POST", "/v1/holds", &asked.to_string())
    };
    let (status, held) = hold(3, "patient-ada");
    assert_eq!(status, 201, "{held}");
    let held = text(&held, "hold_id");
    assert_eq!(hold(3, "patient-bob").0, 409);
    assert_eq!(hold(9, "patient-ada").0, 409);
    let (_, other) = hold(9, "patient-bob");
    let other = text(&other, "hold_id");
    let mut connection = Connection::open(&server.address).unwrap();
    let confirm = format!("/v1/holds/{held}/confirm");
    let (status, booked) = connection.ask("POST", &confirm, Some("key-of-ada"), "").unwrap();
    assert_eq!(status, 201, "{booked}");
    let booked = text(&booked, "appointment_id");
    let there = json!({ "start": start(15) }).to_string();
    assert_eq!(server.ask("POST", &format!("/v1/appointments/{booked}/move"), &there).0, 200);
    let search = json!({ "patient_id": "patient-ada" }).to_string();
    assert_eq!(server.ask("POST", "/v1/appointments/search", &search).0, 200);
    assert_eq!(server.ask("DELETE", &format!("/v1/appointments/{booked}"), "").0, 200);
    assert_eq!(server.ask("DELETE", &format!("/v1/holds/{other}"), "").0, 204);
    assert_eq!(server.ask("GET", "/v1/holds/patient-eve?who=patient-eve", "").0, 400);
    assert_eq!(server.ask("POST", "/v1/holds", "{\"patient_id\":\"patient-eve\",").0, 400);
    // The kinds of identifiers differ, what tells one from another is the rest.
    let ids = [&calendar, &held, &booked, &other].map(|id| id.split('_').nth(1).unwrap());
    let names = ["patient-ada", "patient-bob", "patient-eve", "key-of-ada"];
    ids.into_iter().chain(names).map(str::to_owned).collect()
}

#[test]
fn the_log_has_routes_and_no_identifier() {
    let root = tempfile::tempdir().unwrap();
    for form in ["text", "json"] {
        let path = root.path().join(form);
        let mut server = talkative(form, &path);
        let ids = story(&server);
        server.signal("TERM");
        assert_eq!(server.ended().code(), Some(0));
        let log = std::fs::read_to_string(&path).unwrap();
        for id in ids {
            assert!(!log.contains(&id), "{id} in {log}");
        }
        for route in [
            "/v1/holds/{hold_id}/confirm",
            "/v1/appointments/{appointment_id}/move",
            "/v1/calendars",
        ] {
            assert!(log.contains(route), "no {route} in {log}");
        }
        if form == "json" {
            let lines: Vec<Value> =
                log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            let refused = lines.iter().find(|line| line["code"] == "slot_taken").unwrap();
            assert_eq!((&refused["method"], &refused["status"]), (&json!("POST"), &json!(409)));
            assert_eq!(refused["route"], "/v1/holds");
            assert!(refused["duration_ms"].is_number(), "{refused}");
        }
    }
    let mut wrong = creneau(&["serve", "--memory", "--listen", "127.0.0.1:0"]);
    let output = wrong.env("CRENEAU_LOG_FORMAT", "xml").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("CRENEAU_LOG_FORMAT) must be one of text, json"), "{said}");
}

#[test]
fn health_says_whether_a_server_is_ready() {
    let mut server = Server::start(&mut creneau(&["serve", "--memory", "--listen", "127.0.0.1:0"]));
    let url = server.url();
    let health = || run(&["health", "--url", &url]);
    let output = health();
    assert_eq!((output.status.code(), &*output.stdout), (Some(0), &b"ready\n"[..]));
    server.signal("TERM");
    server.ended();
    let output = health();
    assert_eq!((output.status.code(), &*output.stdout), (Some(1), &b""[..]));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.starts_with(&format!("creneau: {url}: ")) && said.contains("refused"), "{said}");
}

#[test]
fn a_service_manager_is_told() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut heard = Vec::new();
    let mut hear_until = |wanted: &str| loop {
        let mut word = [0; 512];
        let len = socket.recv(&mut word).unwrap();
        let word = String::from_utf8(word[..len].to_vec()).unwrap();
        heard.push(word.clone());
        if word.starts_with(wanted) {
            return heard.clone();
        }
    };
    let mut command = creneau(&["serve", "--listen", "127.0.0.1:0", "--data"]);
    let mut server =
        Server::start(command.arg(root.path().join("data")).env("NOTIFY_SOCKET", &path));
    let heard = hear_until("READY=1");
    assert!(heard[0].contains("STATUS=opening") && heard[0].contains("EXTEND_TIMEOUT_USEC="));
    server.signal("TERM");
    hear_until("STOPPING=1");
    assert_eq!(server.ended().code(), Some(0));
}

/// What a load balancer sees: a new connection for each look; none where nobody listens.
fn look(address: &str) -> Option<(u16, Value)> {
    Connection::open(address)?.ask("GET", "/readyz", None, "")
}

/// A file that may not grow stands for a full disk.
#[test]
fn a_failed_disk_as_a_load_balancer_sees_it() {
    let root = tempfile::tempdir().unwrap();
    let script =
        "trap '' XFSZ; ulimit -f 256; exec \"$0\" serve --data \"$1\" --listen 127.0.0.1:0";
    let mut command = Command::new("sh");
    command.args(["-c", script, env!("CARGO_BIN_EXE_creneau")]).arg(root.path());
    let mut server = Server::start(&mut command);
    let (status, ready) = look(&server.address).unwrap();
    assert_eq!(status, 200, "{ready}");
    let name = "n".repeat(190);
    let reasons: Vec<_> = (0..100)
        .map(|at| json!({ "id": format!("r{at}"), "name": name, "duration_minutes": 15 }))
        .collect();
    let mut large: Value = serde_json::from_str(&calendar()).unwrap();
    large["reasons"] = json!(reasons);
    let large = large.to_string();
    let mut made = 0;
    while matches!(server.try_ask("POST", "/v1/calendars", &large), Some((201, _))) {
        made += 1;
        assert!(made < 100, "the limit does not work");
    }
    #[expect(clippy::disallowed_methods, reason = "another process is timed")]
    let failed_at = std::time::Instant::now();
    let mut looks = Vec::new();
    while let Some((status, body)) = look(&server.address) {
        assert_eq!(status, 503, "{body}");
        let detail = body["checks"][0]["detail"].as_str().unwrap_or_default().to_owned();
        assert!(detail.starts_with("failed: ") || detail.starts_with("ending: "), "{body}");
        looks.push(detail);
        pause(20);
    }
    assert!(1 < looks.len(), "it was gone before it was seen: {looks:?}");
    assert!(looks[0].starts_with("failed: "), "{looks:?}");
    assert_eq!(server.ended().code(), Some(70));
    assert!(failed_at.elapsed().as_millis() < 1_500, "{:?}", failed_at.elapsed());
}
