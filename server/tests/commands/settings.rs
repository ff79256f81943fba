//! `creneau config`, `creneau doctor`, and a server with settings from a file and the environment.

use std::fs;

use serde_json::Value;

use crate::harness::{Server, creneau, run};

#[test]
fn a_server_goes_by_its_file_its_environment_and_its_arguments() {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("creneau.toml");
    let data = root.path().join("data");
    let data = format!("data = {:?}\nhold_seconds = 7\n[http]\nbody_bytes_max = 2048\n", data);
    fs::write(&file, format!("listen = \"127.0.0.1:0\"\n{data}")).unwrap();
    let file = file.to_str().unwrap();
    let mut command = creneau(&["serve", "--set", "http.feeds_max=1"]);
    command.env("CRENEAU_CONFIG", file).env("CRENEAU_HTTP_CALENDAR_BYTES_MAX", "1024");
    let server = Server::start(&mut command);
    let long = format!("{{\"a\":\"{}\"}}", "a".repeat(1_500));
    assert_eq!(server.ask("POST", "/v1/calendars", &long).0, 413, "by the environment");
    assert_eq!(server.ask("POST", "/v1/holds", &long).0, 400, "by the file");
    assert!(root.path().join("data/FORMAT").exists());
}

#[test]
fn settings_are_checked_and_shown() {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("creneau.toml");
    let path = file.to_str().unwrap();
    fs::write(&file, "memory = true\n").unwrap();
    let sound = run(&["config", "check", "--config", path]);
    assert!(sound.status.success());
    assert_eq!(sound.stdout, b"the settings are sound\n");

    fs::write(&file, "memory = true\nspeed = 1\n[http]\nfeeds_max = 0\n").unwrap();
    let checked = run(&["config", "check", "--config", path]);
    let text = String::from_utf8(checked.stdout).unwrap();
    assert_eq!(checked.status.code(), Some(1));
    assert_eq!(text.lines().count(), 2, "each on a line of its own: {text}");
    assert!(text.contains("speed (set in ") && text.contains("is not a setting"), "{text}");
    assert!(text.contains("http.feeds_max") && text.contains("from 1 to 10000"), "{text}");
    // Nor does a server start.
    let refused = run(&["serve", "--config", path]);
    assert_eq!(refused.status.code(), Some(2));
    assert_eq!(String::from_utf8(refused.stderr).unwrap().lines().count(), 1);

    // What is printed is a file to start from.
    let printed = run(&["config", "print", "--memory"]);
    fs::write(&file, printed.stdout).unwrap();
    assert!(run(&["config", "check", "--config", path]).status.success());
    // Without a directory there is nothing to serve.
    let refused = run(&["serve"]);
    let stderr = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(2));
    assert!(stderr.contains("data must name the directory"), "{stderr}");
}

#[test]
fn the_doctor_says_what_to_do() {
    let root = tempfile::tempdir().unwrap();
    let data = root.path().join("data");
    let data = data.to_str().unwrap();
    let examine = |args: &[&str]| {
        let output = run(&[&["doctor", "--json", "--listen", "127.0.0.1:0"], args].concat());
        let found: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(output.status.success(), found["sound"] == true, "{found}");
        found
    };
    let finding = |found: &Value, name: &str| {
        let mut all = found["findings"].as_array().unwrap().iter();
        all.find(|finding| finding["name"] == name).cloned().unwrap_or_default()
    };
    let found = examine(&["--data", data]);
    for name in ["settings", "address", "directory", "space", "disk", "clock", "open files"] {
        let finding = finding(&found, name);
        assert!(finding["what"].is_string(), "{name}: {found}");
        assert!(finding["verdict"] == "good" || finding["advice"].is_string(), "{found}");
    }
    assert!(!fs::exists(data).unwrap(), "nothing is made");
    let found = examine(&["--data", data, "--set", "http.connections_max=1000000"]);
    assert_eq!(finding(&found, "settings")["verdict"], "good");
    let found = examine(&["--data", data, "--set", "http.connections_max=0"]);
    assert_eq!(
        (&found["sound"], &finding(&found, "settings")["verdict"]),
        (&false.into(), &"bad".into())
    );
    let found = examine(&["--data", "/dev/shm/creneau-not-there"]);
    if std::path::Path::new("/dev/shm").is_dir() {
        assert_eq!(finding(&found, "file system")["verdict"], "bad", "{found}");
    }
    let found = examine(&["--memory", "--token-file", "/nowhere"]);
    assert_eq!(finding(&found, "tokens")["verdict"], "bad");
}
