//! Whole rehearsals: against the server's own code in this process, and on an embedded engine.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use creneau::{
    By, Config, Details, Engine, FindSlots, HoldSlot, ListCalendars, OfAppointment, OfHold,
};
use creneau_server::http::{Limits, serve};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::api::Call;
use crate::audit::{self, Rule};
use crate::driver::{Access, Driver};
use crate::ledger::{Entry, State};
use crate::run::{Asked, Place, rehearse};
use crate::scenario::Scenario;

/// Two seconds in which everything happens that a patient can do.
const EVERYTHING: &str = r#"
name = "everything"
seed = 5
[[phases]]
name = "all"
seconds = 2
rate = 150
[mix]
look = 10
book = 30
release = 15
abandon = 15
cancel = 15
move = 15
[habits]
retry = 0.2
hang_up = 0.1
greedy = 0.1
[spread]
law = "hot"
share = 0.5
calendars = 1
[think]
min_ms = 0
max_ms = 60
[calendars]
count = 8
[thresholds]
error_share = 0.0
dropped_share = 0.0
bookings_min = 100
p99_ms = { hold = 5000 }
"#;

/// A server in this process whose holds last two seconds.
async fn served() -> (Engine, SocketAddr) {
    let config = Config { hold: Duration::from_secs(2), ..Config::in_memory() };
    let engine = Engine::open(config).await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(serve(engine.clone(), listener, Limits::default(), std::future::pending()));
    (engine, address)
}

fn target(address: SocketAddr) -> Place {
    Place::Target { address, access: Access::default() }
}

/// Ledger and history in one folder.
fn asked(place: Place, folder: &Path) -> Asked {
    let (ledger, history) = (folder.join("ledger.jsonl"), folder.join("history.jsonl"));
    let (ledger, history, backup) = (Some(ledger), Some(history), None);
    Asked { place, ledger, history, backup, wait_seconds: 10, quiet: true }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rehearsal_over_http_passes_and_a_forgotten_booking_fails_its_audit() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.jsonl");
    let (engine, address) = served().await;
    let scenario = Scenario::parse(EVERYTHING).unwrap();
    let client = scenario.client.clone();
    let report = rehearse(scenario, asked(target(address), folder.path())).await.unwrap();
    assert!(report.passes(), "{}", report.text());
    assert_eq!(report.thresholds().len(), 4);
    let json: serde_json::Value = serde_json::from_str(&report.json().unwrap()).unwrap();
    assert_eq!(json["schema"], "creneau-loadgen/2");
    assert_eq!(json["audits"][0]["findings"], serde_json::json!([]));
    assert!(json["hung_up"].as_u64().unwrap() > 10, "{json}");
    assert_eq!(json["audits"][1]["source"], "history");
    assert!(json["audits"][1]["order"]["bookings"].as_u64().unwrap() > 100, "{json}");

    let ledger = audit::read_ledger(&path).unwrap();
    let of_call = |wanted: Call| {
        let told = ledger.lines.iter().filter_map(|line| match &line.entry {
            Entry::Told(told) if told.call == wanted => Some(told),
            _ => None,
        });
        told.collect::<Vec<_>>()
    };
    for call in [Call::Hold, Call::Confirm, Call::Release, Call::Cancel, Call::Move] {
        assert!(10 < of_call(call).len(), "{call}: {}", of_call(call).len());
    }
    // Behind everybody's back, an appointment is cancelled that its patient was told is booked.
    let cancelled: Vec<_> = of_call(Call::Cancel).iter().map(|told| told.hold).collect();
    let booked = of_call(Call::Confirm);
    let victim = booked.iter().find(|told| !cancelled.contains(&told.hold)).unwrap();
    assert_eq!(victim.state, State::Booked);
    let appointment = victim.hold.into();
    engine
        .cancel(OfAppointment { appointment, by: By::Unsaid, command: None })
        .await
        .unwrap()
        .unwrap();
    let (_, address) = watch::channel(Some(address));
    let driver = std::sync::Arc::new(Driver::http(address, Access::default(), &client));
    let verdict = audit::over_api(&ledger, None, &driver, 1).await.unwrap();
    assert!(!verdict.passes());
    let lost = |rule| matches!(rule, Rule::Acknowledged | Rule::MovesWhole);
    assert!(verdict.findings.iter().all(|it| lost(it.rule)), "{:?}", verdict.findings);
    let id = appointment.to_string().replace("appt_", "");
    assert!(verdict.findings.iter().all(|it| it.id.contains(&id)), "{:?}", verdict.findings);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rehearsal_on_an_embedded_engine_is_audited_by_its_journal_too() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let text = EVERYTHING.replace("seconds = 2\n", "seconds = 1\n").replace("= 100\n", "= 20\n");
    let scenario = Scenario::parse(&format!("{text}[server]\nhold_seconds = 1\n")).unwrap();
    let place = Place::Embedded(data.clone());
    let report = Box::pin(rehearse(scenario, asked(place, folder.path()))).await.unwrap();
    assert!(report.passes(), "{}", report.text());
    let json: serde_json::Value = serde_json::from_str(&report.json().unwrap()).unwrap();
    assert_eq!(json["audits"][1]["source"], "journal");
    assert!(json["audits"][1]["checked"]["sold_once"].as_u64().unwrap() > 50, "{json}");

    // A kept history is judged alone. Here somebody is refused before anything was taken.
    let kept = folder.path().join("history.jsonl");
    let verdict = audit::over_history(kept.clone()).await.unwrap();
    assert!(verdict.passes(), "{:?}", verdict.findings);
    let text = std::fs::read_to_string(&kept).unwrap();
    let (lines, end) = text.trim_end().rsplit_once('\n').unwrap();
    let held = lines.lines().find(|line| line.contains("\"op\":\"hold\"")).unwrap();
    let mut forged: serde_json::Value = serde_json::from_str(held).unwrap();
    let call = &mut forged["call"];
    (call["key"], call["outcome"]) = ("forged".into(), "slot_taken".into());
    (call["invoke_ns"], call["return_ns"]) = (0.into(), 1.into());
    let calls: u64 = end.chars().filter(char::is_ascii_digit).collect::<String>().parse().unwrap();
    let end = format!("{{\"end\":{{\"calls\":{}}}}}\n", calls + 1);
    std::fs::write(&kept, format!("{lines}\n{forged}\n{end}")).unwrap();
    let verdict = audit::over_history(kept).await.unwrap();
    let rules: Vec<_> = verdict.findings.iter().map(|it| it.rule).collect();
    assert_eq!(rules, [Rule::LegalOrder], "{:?}", verdict.findings);
}

/// Takes and gives back all that is free in the first calendar, over and over.
async fn intrude(engine: Engine) {
    for number in 0_u64.. {
        let all = ListCalendars { limit: 100, ..ListCalendars::default() };
        let (all, _) = engine.calendars(all).await.unwrap().unwrap();
        let hot = all.iter().find(|it| it.definition.location.name == "Rehearsal 0");
        let Some(calendar) = hot.map(|it| it.id) else {
            tokio::task::yield_now().await;
            continue;
        };
        let reason: creneau::ReasonId = "visit".parse().unwrap();
        let (from, until) = (engine.now(), engine.now().plus_minutes(3 * 24 * 60));
        let wanted = FindSlots {
            calendar,
            reason: reason.clone(),
            from,
            until,
            limit: 1_000,
            practice: false,
        };
        let free = engine.find_slots(wanted).await.unwrap().unwrap().slots;
        let mut holds = Vec::new();
        for (place, slot) in free.iter().enumerate() {
            let person = format!("intruder-{number}-{place}").parse().unwrap();
            let (start, reason) = (slot.start, reason.clone());
            let wanted = HoldSlot {
                calendar,
                start,
                reason,
                person,
                details: Details::default(),
                by: By::Unsaid,
                overflow: false,
                dose: None,
                command: None,
            };
            if let Ok(Ok(held)) = engine.hold(wanted).await {
                holds.push(held.value.id);
            }
        }
        for hold in holds {
            let _ = engine.release(OfHold { hold, by: By::Unsaid, command: None }).await;
        }
    }
}

/// Slots that nobody has by the history are refused: each answer alone is right, and no order is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rehearsal_whose_history_has_no_legal_order_fails() {
    let folder = tempfile::tempdir().unwrap();
    let (engine, address) = served().await;
    let text = EVERYTHING.replace("seconds = 2\n", "seconds = 1\n").replace("= 100\n", "= 1\n");
    let scenario = Scenario::parse(&text.replace("hang_up = 0.1", "hang_up = 0.0")).unwrap();
    let intruder = tokio::spawn(intrude(engine));
    let report = rehearse(scenario, asked(target(address), folder.path())).await.unwrap();
    intruder.abort();
    assert!(!report.passes(), "{}", report.text());
    assert!(report.thresholds().iter().all(|it| it.pass), "{}", report.text());
    let json: serde_json::Value = serde_json::from_str(&report.json().unwrap()).unwrap();
    assert_eq!(json["troubles"], serde_json::json!([]));
    assert_eq!(json["audits"][0]["findings"], serde_json::json!([]));
    assert_eq!(json["audits"][1]["findings"][0]["rule"], "legal_order");
}
