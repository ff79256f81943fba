//! `creneau demo`: what it shows must work when it is pasted.

use std::process::Command;

use serde_json::Value;

use crate::harness::{Server, creneau};

#[test]
fn the_lines_on_the_screen_work_in_order() {
    if Command::new("curl").arg("--version").output().is_err() {
        println!("SKIPPED: there is no curl");
        return;
    }
    let root = tempfile::tempdir().unwrap();
    let mut command = creneau(&["demo", "--listen", "127.0.0.1:0"]);
    let mut server = Server::start(command.env("TMPDIR", root.path()));
    let lines: Vec<_> =
        server.printed.lines().filter_map(|line| line.strip_prefix("    ")).collect();
    let shell = Command::new("sh").arg("-c").arg(lines.join("\n")).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&shell.stderr), "");
    let text = String::from_utf8(shell.stdout).unwrap();
    let printed: Vec<&str> = text.lines().collect();
    let [paris, doctors, slots, hold, taken, appointment, read, moved, cancelled, found] =
        printed.as_slice()
    else {
        panic!("ten answers expected: {text}");
    };
    let json = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    let count = |text: &str, list: &str| json(text)[list].as_array().unwrap().len();
    assert_eq!(count(paris, "calendars"), 2);
    assert_eq!(count(doctors, "calendars"), 4);
    assert_eq!(count(slots, "slots"), 5);
    assert!(hold.starts_with("hold_"), "{hold}");
    assert_eq!(json(taken)["code"], "slot_taken");
    assert_eq!(count(taken, "alternatives"), 3);
    assert!(appointment.starts_with("appt_"), "{appointment}");

    let [read, moved, cancelled] = [read, moved, cancelled].map(|text| json(text));
    assert_eq!(read["start"], json(slots)["slots"][0]["start"]);
    assert_eq!([&read["status"], &moved["status"]], ["booked", "booked"]);
    assert_ne!(moved["start"], read["start"]);
    assert_eq!(cancelled["status"], "cancelled");
    for same in [&read, &moved, &cancelled, &json(found)["appointments"][0]] {
        assert_eq!(same["appointment_id"], *appointment);
    }

    assert_eq!(std::fs::read_dir(root.path()).unwrap().count(), 1);
    server.signal("INT");
    assert_eq!(server.ended().code(), Some(0));
    assert_eq!(std::fs::read_dir(root.path()).unwrap().count(), 0, "nothing is left behind");
}
