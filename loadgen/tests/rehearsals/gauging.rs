//! One call over and over.

use serde_json::Value;

use super::harness::{GENERATOR, Served, folder, run};

const SCENARIO: &str = r#"
name = "a calendar"
[[phases]]
name = "all"
seconds = 1
rate = 20
[mix]
look = 0
[think]
max_ms = 100
[calendars]
count = 1
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listing_is_asked_for_over_and_over() {
    let (folder, path) = folder(SCENARIO);
    let at = |name: &str| folder.path().join(name).display().to_string();
    let served = Served::start(&folder.path().join("data")).await;
    let (scenario, url) = (path.display().to_string(), format!("http://{}", served.address));
    let (ledger, history) = (at("ledger.jsonl"), at("history.jsonl"));
    let drive = ["run", &scenario, "--target", &url, "--ledger", &ledger, "--history", &history];
    run(GENERATOR, drive).await.with(0);
    // The history knows the calendar, and both ends of each call.
    let history = std::fs::read_to_string(history).unwrap();
    let lines = history.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let calls: Vec<Value> = lines.filter_map(|line| line.get("call").cloned()).collect();
    assert!(!calls.is_empty());
    for call in &calls {
        assert!(call["invoke_ns"].as_u64().is_some(), "{call}");
        let returned =
            call["return_ns"].as_u64().is_none_or(|it| call["invoke_ns"].as_u64() < Some(it));
        assert!(returned, "{call}");
        assert!(call["person"].is_string() && call["client"].is_u64(), "{call}");
        assert!(call["op"] != "hold" || call["start"].is_string(), "{call}");
        assert!(call["op"].is_string() && call["outcome"].is_string(), "{call}");
    }
    let calendar = calls[0]["calendar_id"].as_str().unwrap();
    let call = ["slots", "--calendar", calendar, "--reason", "visit", "--from", "2026-01-01"];
    let gauge = ["gauge", "--target", &url, "--connections", "2", "--seconds", "1"];
    let text = run(GENERATOR, gauge.into_iter().chain(call)).await.with(0);
    let gauged: Value = serde_json::from_str(&text).unwrap();
    assert!(10 < gauged["requests"].as_u64().unwrap(), "{gauged}");
    let call = ["slots", "--calendar", calendar, "--reason", "no-such", "--from", "2026-01-01"];
    run(GENERATOR, gauge.into_iter().chain(call)).await.with(1);
    served.stop().await;
}
