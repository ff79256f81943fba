//! A backup that is taken under load has all that was acknowledged before it began, by the ledger.

use serde_json::Value;

use super::harness::{GENERATOR, folder, run, server_binary};

const SCENARIO: &str = r#"
name = "backup"
seed = 8
[[phases]]
name = "all"
seconds = 4
rate = 120
[mix]
look = 5
book = 40
release = 15
abandon = 10
cancel = 15
move = 15
[habits]
retry = 0.1
hang_up = 0.05
[think]
min_ms = 0
max_ms = 400
[calendars]
count = 10
[server]
hold_seconds = 3
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_ledger_up_to_a_backup_holds_in_what_is_restored_from_it() {
    let (folder, path) = folder(SCENARIO);
    let at = |name: &str| folder.path().join(name).display().to_string();
    let (scenario, server) = (path.display().to_string(), server_binary().display().to_string());
    let (ledger, json, data) = (at("ledger.jsonl"), at("report.json"), at("data"));
    let (backup, restored) = (at("backup"), at("restored"));
    let drive = ["run", &scenario, "--server-binary", &server, "--spawn", &data];
    let drive = drive.into_iter().chain(["--ledger", &ledger, "--json", &json]);
    run(GENERATOR, drive.chain(["--backup-to", &backup])).await.with(0);
    let report: Value = serde_json::from_slice(&std::fs::read(json).unwrap()).unwrap();
    let last = report["backup"]["last"].as_u64().unwrap();
    assert!(100 < last, "{report}");

    let text = run(&server, ["restore", "--from", &backup, "--to", &restored]).await.with(0);
    assert!(text.contains(&format!("up to {last}")), "{text}");
    run(&server, ["verify", "--data", &restored, "--json"]).await.with(0);
    let audit = ["audit", "--ledger", &ledger, "--data", &restored];
    let text = run(GENERATOR, audit.into_iter().chain(["--until", "backup"])).await.with(0);
    assert!(text.contains("audit by the journal"), "{text}");

    // What was acknowledged after it is not there, and an audit without the cut says so.
    run(GENERATOR, audit).await.with(1);
    // The cut is no excuse: an instant up to which something is missing is told as such.
    let lines = std::fs::read_to_string(&ledger).unwrap();
    let instant_of = |wanted: &dyn Fn(&Value) -> bool| {
        let all = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let found = all.filter(wanted).last().unwrap();
        found["at"].as_str().unwrap().to_owned()
    };
    let end = instant_of(&|line| line["what"] == "told");
    run(GENERATOR, audit.into_iter().chain(["--until", &end])).await.with(1);
    let began = instant_of(&|line| line["what"] == "backup_asked");
    run(GENERATOR, audit.into_iter().chain(["--until", &began])).await.with(0);
}

#[tokio::test]
async fn a_ledger_without_a_backup_says_so() {
    let (folder, _) = folder("");
    let ledger = folder.path().join("ledger.jsonl").display().to_string();
    let first = r#"{"format":"creneau-ledger","version":1,"run":"r","scenario":"s"}"#;
    std::fs::write(&ledger, format!("{first}\n")).unwrap();
    let data = folder.path().display().to_string();
    let audit = ["audit", "--ledger", &ledger, "--data", &data, "--until", "backup"];
    let text = run(GENERATOR, audit).await.with(1);
    assert!(text.contains("--until backup: the ledger tells of none"), "{text}");
    let audit = ["audit", "--ledger", &ledger, "--data", &data, "--until", "noon"];
    let text = run(GENERATOR, audit).await.with(2);
    assert!(text.contains("RFC 3339"), "{text}");
}
