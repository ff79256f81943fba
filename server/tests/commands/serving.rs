//! `creneau serve`: how it starts, how it ends, and what it exits with.

use std::io::Write;
use std::net::TcpStream;
use std::process::Command;

use serde_json::json;

use crate::harness::{Server, creneau, pause, run};

/// What a refused start writes, on one line.
fn refused(args: &[&str], status: i32) -> String {
    let output = run(args);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(status), "{stderr}");
    assert_eq!(output.stdout, b"");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    stderr
}

/// A calendar of about 25 KB.
fn large_calendar() -> String {
    let name = "n".repeat(190);
    let reasons: Vec<_> = (0..100)
        .map(|at| json!({ "id": format!("r{at}"), "name": name, "duration_minutes": 15 }))
        .collect();
    let hours = json!({ "monday": ["08:00-12:00"] });
    json!({
        "location": { "name": "N" }, "time_zone": "Europe/Paris", "grid_minutes": 5, "lanes": 1,
        "reasons": reasons, "weekly_hours": hours, "horizon_days": 90,
    })
    .to_string()
}

#[test]
fn a_server_says_where_it_is_and_ends_on_a_signal() {
    let root = tempfile::tempdir().unwrap();
    let data = root.path().join("new/data");
    for signal in ["TERM", "INT"] {
        let mut server = Server::serve(&data);
        assert_eq!(server.printed.lines().count(), 1, "{}", server.printed);
        assert!(server.address.starts_with("127.0.0.1:") && !server.address.ends_with(":0"));
        assert_eq!(server.ask("GET", "/readyz", "").0, 200);
        server.signal(signal);
        assert_eq!(server.ended().code(), Some(0), "{signal}");
    }
}

#[test]
fn what_was_made_is_there_after_a_signal_and_after_a_kill() {
    let root = tempfile::tempdir().unwrap();
    let mut server = Server::serve(root.path());
    let made = |server: &Server| {
        let (status, body) = server.ask("POST", "/v1/calendars", &large_calendar());
        assert_eq!(status, 201, "{body}");
    };
    let calendars = |server: &Server| {
        server.get("/v1/calendars?limit=1000")["calendars"].as_array().unwrap().len()
    };
    made(&server);
    server.signal("TERM");
    server.ended();
    let mut server = Server::serve(root.path());
    assert_eq!(calendars(&server), 1);
    made(&server);
    server.signal("KILL");
    server.ended();
    assert_eq!(calendars(&Server::serve(root.path())), 2);
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let mut server = Server::start(&mut creneau(&["serve", "--memory", "--listen", "127.0.0.1:0"]));
    // A request whose body does not arrive is waited for.
    let mut slow = TcpStream::connect(&server.address).unwrap();
    let head = "POST /v1/holds HTTP/1.1\r\nhost: h\r\ncontent-type: application/json\r\n\
        content-length: 100\r\n\r\n{";
    slow.write_all(head.as_bytes()).unwrap();
    pause(200);
    server.signal("TERM");
    pause(300);
    server.signal("TERM");
    assert_eq!(server.ended().code(), Some(128 + 15));
}

#[test]
fn a_start_that_is_refused_says_what_to_do() {
    let root = tempfile::tempdir().unwrap();
    let data = root.path().to_str().unwrap();
    let server = Server::serve(root.path());
    let in_use = refused(&["serve", "--data", data, "--listen", "127.0.0.1:0"], 1);
    assert!(
        in_use.contains("in use by process") && in_use.contains("stop that server"),
        "{in_use}"
    );
    let taken = refused(&["serve", "--memory", "--listen", &server.address], 1);
    assert!(taken.contains("127.0.0.1:0 for any free one"), "{taken}");

    let open = refused(&["serve", "--memory", "--listen", "0.0.0.0:0"], 2);
    assert!(open.contains("--insecure"), "{open}");
    refused(&["serve", "--memory", "--listen", "nowhere"], 2);
    let other = tempfile::tempdir().unwrap();
    std::fs::write(other.path().join("letters.txt"), "dear").unwrap();
    let other = other.path().to_str().unwrap();
    let foreign = refused(&["serve", "--data", other, "--listen", "127.0.0.1:0"], 1);
    assert!(foreign.contains("letters.txt"), "{foreign}");
    assert_eq!(run(&["serve"]).status.code(), Some(2));
    assert_eq!(run(&["serve", "--data", data, "--hold-seconds", "0"]).status.code(), Some(2));
}

#[test]
fn listening_beyond_this_machine_must_be_said_aloud() {
    let args = ["serve", "--memory", "--listen", "0.0.0.0:0", "--insecure"];
    let server = Server::start(&mut creneau(&args));
    assert!(server.address.starts_with("0.0.0.0:"));
}

/// A file that may not grow stands for a full disk.
#[test]
fn a_server_whose_disk_fails_leaves_with_a_status_of_its_own() {
    let root = tempfile::tempdir().unwrap();
    let script =
        "trap '' XFSZ; ulimit -f 256; exec \"$0\" serve --data \"$1\" --listen 127.0.0.1:0";
    let mut command = Command::new("sh");
    command.args(["-c", script, env!("CARGO_BIN_EXE_creneau")]).arg(root.path());
    let mut server = Server::start(&mut command);
    let mut acknowledged = 0;
    loop {
        assert!(acknowledged < 100, "the limit does not work");
        match server.try_ask("POST", "/v1/calendars", &large_calendar()) {
            Some((201, _)) => acknowledged += 1,
            Some((status, body)) => {
                assert_eq!(status, 503, "{body}");
                break;
            }
            None => break,
        }
    }
    #[expect(clippy::disallowed_methods, reason = "another process is timed")]
    let failed_at = std::time::Instant::now();
    assert_eq!(server.ended().code(), Some(70));
    assert!(failed_at.elapsed().as_millis() < 1_500, "{:?}", failed_at.elapsed());

    let server = Server::serve(root.path());
    let there = server.get("/v1/calendars?limit=1000")["calendars"].as_array().unwrap().len();
    assert!(
        acknowledged <= there && 0 < acknowledged,
        "{acknowledged} acknowledged, {there} there"
    );
}
