//! A server that loses, sells twice, forgets or halves fails its rehearsal and every audit, and the
//! bookings concerned are named; the same server without the lie passes them all.

use std::collections::BTreeSet;

use super::harness::{Ended, GENERATOR, Served, folder, run};
use super::proxy::{Lie, Proxy, VICTIMS};

/// Everybody wants the same two slots of calendars with one lane, so that many are refused.
const SCENARIO: &str = r#"
name = "lies"
seed = 3
[[phases]]
name = "all"
seconds = 2
rate = 60
[mix]
look = 0
book = 0
release = 0
abandon = 0
cancel = 0
move = 0
[habits]
retry = 0.2
hang_up = 0.1
[spread]
law = "hot"
share = 0.9
calendars = 1
[think]
min_ms = 0
max_ms = 40
[search]
slots = 2
tries = 5
[calendars]
count = 3
lanes = 1
"#;

/// A rehearsal, and audits by the API and by the journal, all through the same lies.
async fn rehearse(lie: Lie, mix: &[(&str, u32)]) -> ([Ended; 3], Vec<String>) {
    let mut text = SCENARIO.to_owned();
    for (purpose, weight) in mix {
        text = text.replace(&format!("\n{purpose} = 0\n"), &format!("\n{purpose} = {weight}\n"));
    }
    if matches!(lie, Lie::SoldTwice) {
        // Who hangs up is sold a slot of which nobody hears: it is in no ledger.
        text = text.replace("hang_up = 0.1", "hang_up = 0");
    }
    let (folder, path) = folder(&text);
    let at = |name: &str| folder.path().join(name).display().to_string();
    let served = Served::start(&folder.path().join("data")).await;
    let (proxy, address) = Proxy::start(served.address, lie, None, None).await;
    let (scenario, url) = (path.display().to_string(), format!("http://{address}"));
    let ledger = at("ledger.jsonl");
    let wait = ["--wait-seconds", "10"];
    let drive = ["run", &scenario, "--target", &url, "--ledger", &ledger];
    let rehearsed = run(GENERATOR, drive.iter().chain(&wait)).await;
    let by_api = ["audit", "--ledger", &ledger, "--target", &url];
    let by_api = run(GENERATOR, by_api.iter().chain(&wait)).await;
    served.stop().await;
    let by_journal = run(GENERATOR, ["audit", "--ledger", &ledger, "--data", &at("data")]).await;
    ([rehearsed, by_api, by_journal], proxy.victims())
}

/// Each of the three must end with 1 and name every booking that was lied about.
async fn is_found(lie: Lie, mix: &[(&str, u32)], rule: &str) {
    let (ended, victims) = rehearse(lie, mix).await;
    assert!(VICTIMS <= victims.len(), "{lie:?}: there was nobody to lie to");
    let looks = ["run", "audit by the API", "audit by the journal"];
    for (look, ended) in looks.into_iter().zip(ended) {
        let text = ended.with(1);
        for id in &victims {
            assert!(text.contains(id), "{lie:?}, {look}: {id} is not named in {text}");
        }
        // Nobody else is accused.
        let accused: BTreeSet<&str> =
            text.lines().filter_map(|line| line.strip_prefix("  FAIL  ")).collect();
        let named = accused.iter().filter(|line| line.contains("hold_") || line.contains("appt_"));
        for line in named {
            assert!(victims.iter().any(|id| line.contains(id)), "{lie:?}, {look}: {line}");
        }
        assert!(text.contains(rule), "{lie:?}, {look}: no {rule:?} in {text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_truth_passes() {
    let mix = [("book", 50), ("release", 20), ("abandon", 10), ("cancel", 10), ("move", 10)];
    let (ended, victims) = rehearse(Lie::None, &mix).await;
    assert_eq!(victims.len(), 0);
    for ended in ended {
        ended.with(0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_acknowledgement_is_found() {
    is_found(Lie::ConfirmLost, &[("book", 100)], "acknowledged things still there").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_double_booking_is_found() {
    is_found(Lie::SoldTwice, &[("book", 100)], "FAIL").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_elses_hold_is_found() {
    is_found(Lie::OtherHold, &[("book", 100)], "slots sold once, ").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forgotten_release_is_found() {
    let mix = [("book", 20), ("release", 80)];
    is_found(Lie::ReleaseForgotten, &mix, "acknowledged things still there").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_a_move_is_found() {
    is_found(Lie::MoveHalved, &[("move", 100)], "moves whole, ").await;
}
