//! Whole rehearsals: against the server's own code in this process, and on an embedded engine.

use std::net::SocketAddr;
use std::time::Duration;

use creneau::{Config, Engine, OfAppointment};
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

fn asked(place: Place, ledger: &std::path::Path) -> Asked {
    let (ledger, history, backup) = (Some(ledger.to_owned()), None, None);
    Asked { place, ledger, history, backup, wait_seconds: 10, quiet: true }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rehearsal_over_http_passes_and_a_forgotten_booking_fails_its_audit() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.jsonl");
    let (engine, address) = served().await;
    let scenario = Scenario::parse(EVERYTHING).unwrap();
    let client = scenario.client.clone();
    let report = rehearse(scenario, asked(target(address), &path)).await.unwrap();
    assert!(report.passes(), "{}", report.text());
    assert_eq!(report.thresholds().len(), 4);
    let json: serde_json::Value = serde_json::from_str(&report.json().unwrap()).unwrap();
    assert_eq!(json["schema"], "creneau-loadgen/2");
    assert_eq!(json["audits"][0]["findings"], serde_json::json!([]));
    assert!(json["hung_up"].as_u64().unwrap() > 10, "{json}");

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
    engine.cancel(OfAppointment { appointment, command: None }).await.unwrap().unwrap();
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
    let path = folder.path().join("ledger.jsonl");
    let data = folder.path().join("data");
    let text = EVERYTHING.replace("seconds = 2\n", "seconds = 1\n").replace("= 100\n", "= 20\n");
    let scenario = Scenario::parse(&format!("{text}[server]\nhold_seconds = 1\n")).unwrap();
    let place = Place::Embedded(data.clone());
    let report = Box::pin(rehearse(scenario, asked(place, &path))).await.unwrap();
    assert!(report.passes(), "{}", report.text());
    let json: serde_json::Value = serde_json::from_str(&report.json().unwrap()).unwrap();
    assert_eq!(json["audits"][1]["source"], "journal");
    assert!(json["audits"][1]["checked"]["sold_once"].as_u64().unwrap() > 50, "{json}");
}
