//! What is seen of a server from outside: metrics, readiness, and a start.

use std::time::Duration;

use creneau::Config;
use creneau_server::http::{Front, Limits, Watched, serve_front};
use serde_json::json;
use tokio::net::TcpListener;

use crate::client::{Answer, Client};
use crate::served::{Gate, START, Served, hold_of, practice, text};

const NINE: &str = "2027-03-22T09:00:00+01:00";
const TEN: &str = "2027-03-22T10:00:00+01:00";

/// The metrics, as a program that knows nothing better gets them.
async fn scrape(client: &mut Client) -> String {
    let answer = client.get("/metrics").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    String::from_utf8(answer.body).unwrap()
}

/// The value of a series, by its name with all its labels; 0 where there is none.
fn value(metrics: &str, series: &str) -> f64 {
    let found = metrics.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    found.map_or(0.0, |value| value.parse().unwrap())
}

/// How a check of `/readyz` stands, and what it says.
fn check(answer: &Answer, name: &str) -> (String, String) {
    let body = answer.json();
    let checks = body["checks"].as_array().unwrap();
    let check = checks.iter().find(|check| check["check"] == name);
    let check = check.unwrap_or_else(|| panic!("no {name} in {body}"));
    let detail = check["detail"].as_str().unwrap_or_default();
    (text(check, "status").to_owned(), detail.to_owned())
}

/// What the story of the test below has added.
fn check_growth(before: &str, after: &str) {
    let grown = |series: &str| value(after, series) - value(before, series);
    for (series, by) in [
        ("creneau_events_total{event=\"held\"}", 1.0),
        ("creneau_events_total{event=\"confirmed\"}", 1.0),
        ("creneau_events_total{event=\"calendar_created\"}", 0.0),
        ("creneau_refusals_total{command=\"hold\",reason=\"slot_taken\"}", 1.0),
        ("creneau_repeats_total", 1.0),
        ("creneau_journal_durable_sequence", 2.0),
        ("creneau_journal_commit_entries_count", 2.0),
        ("creneau_journal_write_duration_seconds_bucket{le=\"+Inf\"}", 2.0),
        (
            "creneau_http_requests_total{method=\"POST\",route=\"/v1/holds\",status=\"201\",code=\"ok\"}",
            1.0,
        ),
        (
            "creneau_http_requests_total{method=\"POST\",route=\"/v1/holds\",status=\"409\",code=\"slot_taken\"}",
            1.0,
        ),
        (
            "creneau_http_requests_total{method=\"GET\",route=\"unknown\",status=\"404\",code=\"not_found\"}",
            1.0,
        ),
        (
            "creneau_http_requests_total{method=\"other\",route=\"unknown\",status=\"405\",code=\"method_not_allowed\"}",
            1.0,
        ),
        (
            "creneau_http_requests_total{method=\"GET\",route=\"/metrics\",status=\"200\",code=\"ok\"}",
            1.0,
        ),
        (
            "creneau_http_request_duration_seconds_count{method=\"POST\",route=\"/v1/holds/{hold_id}/confirm\"}",
            2.0,
        ),
        ("creneau_holds_live", 0.0),
    ] {
        assert_eq!(grown(series), by, "{series}\n{after}");
    }
}

#[tokio::test]
async fn metrics_tell_the_story_and_nobody_s_name() {
    let served = Served::new().await;
    let calendar = served.calendar(&practice()).await;
    let mut client = served.client().await;
    let before = scrape(&mut client).await;
    let held = client.post("/v1/holds", &hold_of(&calendar, NINE, "secret-ada")).await.ok(201);
    let hold = text(&held, "hold_id");
    let taken = client.post("/v1/holds", &hold_of(&calendar, NINE, "secret-bob")).await;
    taken.problem(409, "slot_taken");
    let key = [("idempotency-key", "secret-key")];
    let confirm = format!("/v1/holds/{hold}/confirm");
    let booked = client.send("POST", &confirm, &key, None).await.ok(201);
    client.send("POST", &confirm, &key, None).await.ok(201);
    let appointment = text(&booked, "appointment_id");
    client.get(&format!("/v1/appointments/{appointment}")).await.ok(200);
    client.get("/v1/holds/secret-path?secret=query").await.problem(400, "invalid_request");
    client.get("/secret/path").await.problem(404, "not_found");
    client.send("SECRET", "/v1/holds", &[], None).await.problem(405, "method_not_allowed");
    let after = scrape(&mut client).await;

    check_growth(&before, &after);
    for (series, is) in [
        ("creneau_ready", 1.0),
        ("creneau_check{check=\"engine\"}", 0.0),
        ("creneau_calendars", 1.0),
        ("creneau_calendars_awake", 1.0),
        ("creneau_under_way", 0.0),
        ("creneau_http_requests_under_way", 1.0),
        ("creneau_http_connections_open", 1.0),
        ("creneau_build_info{version=\"0.1.0\"}", 1.0),
    ] {
        assert_eq!(value(&after, series), is, "{series}\n{after}");
    }
    for series in ["process_resident_memory_bytes", "process_open_fds", "process_max_fds"] {
        assert!(1.0 < value(&after, series), "{series}\n{after}");
    }
    let bits = |id: &str| id.rsplit('_').next().unwrap().to_owned();
    for id in ["secret", &bits(&calendar), &bits(hold), &bits(appointment)] {
        assert!(!after.contains(id), "{id} in {after}");
    }
}

#[tokio::test]
async fn metrics_come_in_the_form_that_is_asked_for() {
    let served = Served::new().await;
    let mut client = served.client().await;
    let accept = [("accept", "application/openmetrics-text;version=1.0.0,text/plain;q=0.5")];
    let answer = client.send("GET", "/metrics", &accept, None).await;
    let kind = answer.header("content-type").unwrap();
    assert!(kind.starts_with("application/openmetrics-text; version=1.0.0"), "{kind}");
    assert!(answer.body.ends_with(b"# EOF\n"));
}

#[tokio::test]
async fn what_is_under_way_is_counted() {
    let served = Served::new().await;
    let calendar = served.calendar(&practice()).await;
    let (mut watcher, mut waiting) = (served.client().await, served.client().await);
    let mut reader = served.client().await;
    reader.start("GET", "/v1/events", &[], None).await;
    reader.text_until("\r\n\r\n").await.unwrap();
    served.gate(Gate::Shut);
    let body = hold_of(&calendar, NINE, "ada").to_string();
    waiting.start("POST", "/v1/holds", &[], Some(&body)).await;
    served.under_way(1).await;
    let metrics = scrape(&mut watcher).await;
    assert_eq!(value(&metrics, "creneau_under_way"), 1.0);
    assert_eq!(value(&metrics, "creneau_http_requests_under_way"), 2.0, "and this one");
    assert_eq!(value(&metrics, "creneau_http_feeds_open"), 1.0);
    served.gate(Gate::Open);
    waiting.answer(false).await.ok(201);
    let metrics = scrape(&mut watcher).await;
    assert_eq!(value(&metrics, "creneau_under_way"), 0.0);
    assert_eq!(value(&metrics, "creneau_http_requests_under_way"), 1.0);
    assert_eq!(value(&metrics, "creneau_http_connections_open"), 3.0);
}

#[tokio::test]
async fn a_start_is_seen_as_a_start() {
    let front = Front::new(Limits::default(), Watched::default()).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(serve_front(front.clone(), listener, std::future::pending()));
    let mut client = Client::connect(address).await;
    client.get("/livez").await.ok(200);
    client.get("/version").await.ok(200);
    let not_ready = client.get("/readyz").await;
    let problem = not_ready.problem(503, "unavailable");
    assert_eq!(not_ready.header("retry-after"), Some("1"));
    let (status, detail) = check(&not_ready, "engine");
    assert!(status == "failing" && detail.starts_with("starting: "), "{problem}");
    assert_eq!(problem["checks"].as_array().unwrap().len(), 1, "what is well is not told");
    for (method, path) in [("POST", "/v1/holds"), ("GET", "/v1/events"), ("GET", "/v1/calendars")] {
        let body = (method == "POST").then(|| hold_of("cal_x", NINE, "ada"));
        // A body that nobody reads ends its connection.
        let mut client = Client::connect(address).await;
        let answer = client.send(method, path, &[], body.as_ref()).await;
        answer.problem(503, "unavailable");
        assert_eq!(answer.header("retry-after"), Some("1"), "{path}");
    }
    let metrics = scrape(&mut client).await;
    assert_eq!(value(&metrics, "creneau_ready"), 0.0);
    assert_eq!(value(&metrics, "creneau_check{check=\"engine\"}"), 2.0);
    assert!(!metrics.contains("creneau_holds_live"), "nothing is known of it yet");

    front.open(creneau::Engine::open(Config::in_memory()).await.unwrap());
    let ready = client.get("/readyz").await.ok(200);
    assert_eq!(ready["status"], "ready");
    client.get("/v1/calendars").await.ok(200);
    assert_eq!(value(&scrape(&mut client).await, "creneau_ready"), 1.0);
}

#[tokio::test]
async fn an_end_is_seen_as_an_end() {
    let unready_for = Duration::from_millis(400);
    let mut served = Served::bounded(Limits { unready_for, ..Limits::default() }).await;
    let calendar = served.calendar(&practice()).await;
    served.client().await.get("/readyz").await.ok(200);
    served.stop();
    tokio::time::sleep(unready_for / 8).await;
    // A load balancer has a connection of its own for each look, and clients still come.
    let not_ready = served.client().await.get("/readyz").await;
    not_ready.problem(503, "unavailable");
    let (_, detail) = check(&not_ready, "server");
    assert!(detail.starts_with("ending: "), "{detail}");
    let mut client = served.client().await;
    client.get("/livez").await.ok(200);
    client.post("/v1/holds", &hold_of(&calendar, NINE, "ada")).await.ok(201);
    client.closed().await;
    let address = served.address;
    served.ended().await;
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn a_failed_disk_is_seen_as_failed() {
    let served = Served::new().await;
    let calendar = served.calendar(&practice()).await;
    let mut client = served.client().await;
    served.gate(Gate::Broken);
    let lost = client.post("/v1/holds", &hold_of(&calendar, NINE, "ada")).await;
    lost.problem(503, "outcome_unknown");
    let not_ready = served.client().await.get("/readyz").await;
    not_ready.problem(503, "unavailable");
    let (_, detail) = check(&not_ready, "engine");
    assert!(detail.starts_with("failed: "), "{detail}");
    assert!(!detail.contains("secret"), "{detail}");
    client.get("/livez").await.ok(200);
}

#[tokio::test]
async fn what_is_full_for_holds_alone_only_warns() {
    let config = Config {
        calendar_holds_max: 1,
        calendar_requests_max: 2,
        engine_holds_max: 1,
        engine_requests_max: 2,
        ..Config::in_memory()
    };
    let served = Served::with(config, Limits::default(), START).await;
    let calendar = served.calendar(&practice()).await;
    let (mut watcher, mut holds, mut confirms) =
        (served.client().await, served.client().await, served.client().await);
    let held = confirms.post("/v1/holds", &hold_of(&calendar, NINE, "ada")).await.ok(201);
    served.gate(Gate::Shut);
    let body = hold_of(&calendar, TEN, "bob").to_string();
    holds.start("POST", "/v1/holds", &[], Some(&body)).await;
    served.under_way(1).await;
    let ready = watcher.get("/readyz").await;
    ready.ok(200);
    assert_eq!(check(&ready, "requests").0, "warning");

    let confirm = format!("/v1/holds/{}/confirm", text(&held, "hold_id"));
    confirms.start("POST", &confirm, &[], None).await;
    served.under_way(2).await;
    let not_ready = watcher.get("/readyz").await;
    not_ready.problem(503, "unavailable");
    let (status, detail) = check(&not_ready, "requests");
    assert!(status == "failing" && detail.starts_with("overloaded: "), "{detail}");
    let mut late = served.client().await;
    late.post("/v1/appointments/search", &json!({"patient_id": "ada"})).await.ok(200);
    // Of a slot that is free: who wants one that is taken is told so without a place.
    let eleven = TEN.replace("T10", "T11");
    late.post("/v1/holds", &hold_of(&calendar, &eleven, "eve")).await.problem(503, "overloaded");
    let full = "creneau_overloads_total{full=\"calendar\"}";
    assert_eq!(value(&scrape(&mut watcher).await, full), 1.0);
    served.gate(Gate::Open);
    holds.answer(false).await.ok(201);
    confirms.answer(false).await.ok(201);
    watcher.get("/readyz").await.ok(200);
}

/// Names of metrics in a text: words that begin as ours and the process's do.
fn names(text: &str) -> std::collections::BTreeSet<String> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    let ours = words.filter(|word| word.starts_with("creneau_") || word.starts_with("process_"));
    // The crate, by which the log names its modules.
    // The client of these tests speaks no TLS, and this one is not there without.
    let elsewhere = ["creneau_server", "creneau_tls_certificate_end_seconds"];
    ours.filter(|word| !elsewhere.contains(word)).map(str::to_owned).collect()
}

#[tokio::test]
async fn board_alerts_and_documentation_name_what_there_is() {
    let directory = tempfile::tempdir().unwrap();
    let watched = Watched { data: Some(directory.path().to_owned()), ..Watched::default() };
    let front = Front::new(Limits::default(), watched).unwrap();
    front.open(creneau::Engine::open(Config::in_memory()).await.unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(serve_front(front, listener, std::future::pending()));
    let mut client = Client::connect(address).await;
    let ready = client.get("/readyz").await;
    assert_eq!(check(&ready, "disk").0, "ok", "{}", ready.json());
    let metrics = scrape(&mut client).await;
    // Series, with what Prometheus itself puts behind the name of a histogram.
    let series: Vec<_> = metrics.lines().filter(|line| !line.starts_with('#')).collect();
    let there = |name: &str| series.iter().any(|line| line.split(['{', ' ']).next() == Some(name));
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |file: &str| std::fs::read_to_string(root.join(file)).unwrap();
    for file in ["ops/grafana.json", "ops/alerts.yml"] {
        let named = names(&read(file));
        assert!(10 < named.len(), "{named:?}");
        let unknown: Vec<_> = named.iter().filter(|name| !there(name)).collect();
        assert!(unknown.is_empty(), "{file}: {unknown:?}");
    }
    serde_json::from_str::<serde_json::Value>(&read("ops/grafana.json")).unwrap();

    let documented = names(&read("../docs/operations.md"));
    let exported: std::collections::BTreeSet<_> = metrics
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next().map(str::to_owned))
        .collect();
    let missing: Vec<_> = exported.difference(&documented).collect();
    assert!(missing.is_empty(), "not documented: {missing:?}");
    let unknown: Vec<_> = documented.iter().filter(|name| !there(name)).collect();
    let unknown: Vec<_> = unknown.into_iter().filter(|name| !exported.contains(*name)).collect();
    assert!(unknown.is_empty(), "documented, and not there: {unknown:?}");
}
