//! More than is carried, and clients who mean harm, both in small: that the commands do what they
//! say. What they come to is for the release build to show.

use super::harness::{GENERATOR, folder, run, server_binary};

const SCENARIO: &str = r#"
name = "a little"
in_flight_max = 300
[[phases]]
name = "all"
seconds = 3
rate = 60
[mix]
look = 0
[think]
max_ms = 100
[calendars]
count = 4
lanes = 20
[client]
connections = 40
[server]
hold_seconds = 2
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_is_measured_against_the_peak() {
    let (folder, path) = folder(SCENARIO);
    let (scenario, binary) = (path.display().to_string(), server_binary().display().to_string());
    let json = folder.path().join("report.json").display().to_string();
    let small = ["--factor", "3", "--minutes", "0.1", "--goodput-min", "0"];
    let command = ["overload", &scenario, "--server-binary", &binary, "--json", &json];
    let text = run(GENERATOR, command.into_iter().chain(small)).await.with(0);
    assert!(text.contains("flood: ") && text.contains("confirms of live holds"), "{text}");
    let report: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(&json).unwrap()).unwrap();
    assert!(1.0 < report["peak"]["booked"].as_f64().unwrap());
    let samples = report["flood"]["taken"]["samples"].as_array().unwrap();
    assert!(4 <= samples.len(), "the server was looked at each second");
    // A peak that cannot be held makes it fail.
    let more = ["--minutes", "0.1", "--goodput-min", "1000"];
    run(GENERATOR, command[..4].iter().copied().chain(more)).await.with(1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn patients_do_not_notice_clients_who_mean_harm() {
    let (_folder, path) = folder(SCENARIO);
    let (scenario, binary) = (path.display().to_string(), server_binary().display().to_string());
    let small = ["--seconds", "2", "--frames", "3000", "--connections", "80"];
    let command = ["hostile", &scenario, "--server-binary", &binary, "--serve-arg=--set"];
    let places = ["--serve-arg=http.connections_max=64"];
    let text = run(GENERATOR, command.into_iter().chain(places).chain(small)).await.with(0);
    assert!(text.contains("malformed frames: 3"), "{text}");
}
