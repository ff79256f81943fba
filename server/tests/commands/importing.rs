//! `creneau import centres`.

use std::path::Path;

use serde_json::Value;

use crate::harness::{Server, counts, creneau, fixture, import, run};

#[test]
fn a_second_import_changes_nothing() {
    let root = tempfile::tempdir().unwrap();
    let into = ["--data", root.path().to_str().unwrap()];
    let first = import(&fixture(), &into);
    assert_eq!(counts(&first), [4, 1, 3, 0]);
    let second = import(&fixture(), &into);
    assert_eq!(counts(&second), [0, 0, 3, 5]);
    check_records(&first, &second);
}

#[test]
fn a_second_import_through_a_server_changes_nothing() {
    let server = Server::start(&mut creneau(&["serve", "--memory", "--listen", "127.0.0.1:0"]));
    let url = server.url();
    let into = ["--server", url.as_str()];
    let first = import(&fixture(), &into);
    assert_eq!(counts(&first), [4, 1, 3, 0]);
    let second = import(&fixture(), &into);
    assert_eq!(counts(&second), [0, 0, 3, 5]);
    check_records(&first, &second);

    let found = server.get("/v1/calendars?department=974");
    let [reunion] = found["calendars"].as_array().unwrap().as_slice() else {
        panic!("one expected: {found}");
    };
    assert_eq!(reunion["calendar_id"], first["records"][3]["calendar_id"]);
    assert_eq!(reunion["location"]["name"], "Pharmacie d'essai");
    assert_eq!(reunion["time_zone"], "Indian/Reunion");
    assert_eq!(reunion["weekly_hours"]["sunday"][0], "20:00-24:00");
    assert_eq!(reunion["reasons"][0]["duration_minutes"], 5);

    let root = tempfile::tempdir().unwrap();
    let changed = root.path().join("centres.json");
    let text = std::fs::read_to_string(fixture()).unwrap().replace("07:30-12:00", "07:00-12:00");
    std::fs::write(&changed, text).unwrap();
    let third = import(&changed, &into);
    assert_eq!(counts(&third), [0, 0, 3, 5]);
    let notes = third["records"][3]["notes"].to_string();
    assert!(notes.contains("left as it is"), "{notes}");
    assert_eq!(second["records"][3].get("notes"), None);
}

fn check_records(first: &Value, second: &Value) {
    let first = first["records"].as_array().unwrap();
    let outcomes: Vec<_> = first.iter().map(|record| record["outcome"].as_str().unwrap()).collect();
    let (taken, merged, refused) = ("taken", "merged", "refused");
    assert_eq!(outcomes, [taken, taken, merged, taken, refused, refused, refused, taken]);
    for (first, second) in first.iter().zip(second["records"].as_array().unwrap()) {
        assert_eq!(first["id"], second["id"]);
        assert_eq!(first.get("calendar_id"), second.get("calendar_id"));
        let refused = first["outcome"] == "refused";
        assert_eq!(second["outcome"], if refused { "refused" } else { "unchanged" });
        assert_eq!(first.get("reason").is_some(), refused, "{first}");
        assert_eq!(first.get("calendar_id").is_none(), refused, "{first}");
    }
    assert_eq!(first[0]["calendar_id"], first[2]["calendar_id"]);
    assert_ne!(first[0]["calendar_id"], first[1]["calendar_id"]);
}

#[test]
fn without_json_it_is_a_text_to_read() {
    let root = tempfile::tempdir().unwrap();
    let data = root.path().to_str().unwrap();
    let output = run(&["import", "centres", fixture().to_str().unwrap(), "--data", data]);
    assert_eq!(output.status.code(), Some(0));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.starts_with("8 records: 4 taken, 1 merged, 3 refused, 0 unchanged\n"), "{text}");
    assert!(text.contains("\nRefused:\n  record 4 (t-3): no readable hours: "), "{text}");
    assert!(text.contains("\nNotes:\n"), "{text}");
}

#[test]
fn an_import_that_cannot_be_says_why() {
    let root = tempfile::tempdir().unwrap();
    let data = root.path().join("data");
    let data = data.to_str().unwrap();
    let refused = |file: &Path, into: &[&str], status: i32, say: &str| {
        let mut args = vec!["import", "centres", file.to_str().unwrap(), "--json"];
        args.extend(into);
        let output = run(&args);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(status), "{stderr}");
        assert_eq!(output.stdout, b"", "{stderr}");
        assert!(stderr.contains(say) && stderr.lines().count() == 1, "{stderr}");
    };
    let into = ["--data", data];
    refused(&root.path().join("none.json"), &into, 1, "failed to read");
    let text = root.path().join("text.json");
    std::fs::write(&text, "not JSON").unwrap();
    refused(&text, &into, 1, "not JSON");
    std::fs::write(&text, [0xff, 0xfe]).unwrap();
    refused(&text, &into, 1, "not UTF-8");
    assert!(!Path::new(data).exists(), "nothing was made");

    refused(
        &fixture(),
        &["--server", "ftp://127.0.0.1:1"],
        2,
        "must be an http:// or https:// URL",
    );
    refused(&fixture(), &["--server", "http://127.0.0.1:1"], 1, "failed to reach");
    let _server = Server::serve(Path::new(data));
    refused(&fixture(), &into, 1, "--server URL");
}
