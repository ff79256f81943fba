//! Bounds: what is too slow, too large or too many.

use std::time::Duration;

use creneau_server::http::Limits;

use crate::client::Client;
use crate::served::{Gate, Served, hold_of, practice};

const SHORT: Duration = Duration::from_millis(200);
const NINE: &str = "2027-03-22T09:00:00+01:00";

#[tokio::test]
async fn a_slow_header_is_cut_off_and_an_idle_connection_is_not() {
    let served = Served::bounded(Limits { header_timeout: SHORT, ..Limits::default() }).await;
    let (mut idle, mut slow) = (served.client().await, served.client().await);
    idle.get("/livez").await.ok(200);
    // Also on a connection that has served before.
    slow.get("/livez").await.ok(200);
    let begun = tokio::time::Instant::now();
    let trickle = async {
        slow.raw(b"GET /livez HTTP/1.1\r\n").await;
        loop {
            tokio::time::sleep(SHORT / 10).await;
            if slow.answer_within(Duration::ZERO).await.is_some() {
                panic!("an answer to half a request");
            }
            if !slow.try_raw(b"X").await {
                return;
            }
        }
    };
    let _ = tokio::time::timeout(SHORT * 2, trickle).await;
    slow.closed().await;
    assert!(begun.elapsed() < SHORT * 4, "{:?}", begun.elapsed());
    idle.get("/livez").await.ok(200);
}

#[tokio::test]
async fn a_connection_without_a_request_ends_after_the_idle_time() {
    let served = Served::bounded(Limits { idle_timeout: SHORT, ..Limits::default() }).await;
    let (mut used, mut fresh) = (served.client().await, served.client().await);
    used.get("/livez").await.ok(200);
    used.closed().await;
    fresh.closed().await;
}

#[tokio::test]
async fn a_slow_body_is_refused() {
    let served = Served::bounded(Limits { body_timeout: SHORT, ..Limits::default() }).await;
    let mut client = served.client().await;
    client.raw(b"POST /v1/holds HTTP/1.1\r\nHost: t\r\nContent-Length: 9\r\n\r\n{").await;
    client.answer(false).await.problem(408, "request_timeout");
}

#[tokio::test]
async fn a_large_body_is_refused_before_it_is_read() {
    let limits = Limits { body_bytes_max: 100, calendar_bytes_max: 200, ..Limits::default() };
    let served = Served::bounded(limits).await;
    for (path, length) in
        [("/v1/holds", 101), ("/v1/calendars", 201), ("/v1/holds", usize::MAX / 2)]
    {
        let mut client = served.client().await;
        let head = format!("POST {path} HTTP/1.1\r\nHost: t\r\nContent-Length: {length}\r\n\r\n");
        client.raw(head.as_bytes()).await;
        client.answer(false).await.problem(413, "payload_too_large");
    }
    let mut client = served.client().await;
    client.raw(b"POST /v1/holds HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n").await;
    for _ in 0..3 {
        client.raw(format!("32\r\n{}\r\n", " ".repeat(0x32)).as_bytes()).await;
    }
    client.answer(false).await.problem(413, "payload_too_large");
    // As large as allowed is allowed: its fault is another one.
    let mut client = served.client().await;
    client.start("POST", "/v1/holds", &[], Some(&" ".repeat(100))).await;
    client.answer(false).await.problem(400, "invalid_request");
}

#[tokio::test]
async fn more_connections_than_places_wait_for_one() {
    let served = Served::bounded(Limits { connections_max: 2, ..Limits::default() }).await;
    let (mut first, mut second) = (served.client().await, served.client().await);
    first.get("/livez").await.ok(200);
    second.get("/livez").await.ok(200);
    let mut third = served.client().await;
    third.start("GET", "/livez", &[], None).await;
    assert!(third.answer_within(SHORT).await.is_none());
    drop(first);
    third.answer(false).await.ok(200);
}

#[tokio::test]
async fn who_has_waited_longest_for_its_client_gives_way() {
    let limits = Limits { connections_max: 3, give_way_after: SHORT, ..Limits::default() };
    let served = Served::bounded(limits).await;
    let mut feed = served.client().await;
    feed.start("GET", "/v1/events", &[], None).await;
    feed.text_until("\r\n\r\n").await.unwrap();
    let (mut first, mut second) = (served.client().await, served.client().await);
    first.get("/livez").await.ok(200);
    // Half a header, and half a body later on: neither is served yet.
    second.raw(b"POST /v1/holds HTTP/1.1\r\n").await;
    let mut third = served.client().await;
    third.get("/livez").await.ok(200);
    first.closed().await;
    second.raw(b"Host: t\r\nContent-Length: 9\r\n\r\n{").await;
    tokio::time::sleep(SHORT).await;
    third.get("/livez").await.ok(200);
    let mut fourth = served.client().await;
    fourth.get("/livez").await.ok(200);
    second.closed().await;
    third.get("/livez").await.ok(200);
    // A feed is being served all the while.
    let calendar = served.calendar(&practice()).await;
    assert!(feed.text_until(&calendar).await.is_some());
}

#[tokio::test]
async fn where_nobody_gives_way_newcomers_are_told() {
    let limits = Limits { connections_max: 1, give_way_after: SHORT, ..Limits::default() };
    let served = Served::bounded(limits).await;
    let mut busy = served.client().await;
    let calendar = busy.post("/v1/calendars", &practice()).await.ok(201);
    let calendar = calendar["calendar_id"].as_str().unwrap();
    served.gate(Gate::Shut);
    let body = hold_of(calendar, NINE, "ada").to_string();
    busy.start("POST", "/v1/holds", &[], Some(&body)).await;
    served.under_way(1).await;
    for _ in 0..3 {
        let mut newcomer = served.client().await;
        newcomer.start("POST", "/v1/holds", &[], Some(&body)).await;
        let told = newcomer.answer(false).await;
        told.problem(503, "overloaded");
        assert_eq!(told.header("retry-after"), Some("1"));
        newcomer.closed().await;
    }
    served.gate(Gate::Open);
    busy.answer(false).await.ok(201);
    assert_eq!(busy.get("/livez").await.status, 200);
}

#[tokio::test]
async fn a_client_that_hangs_up_does_not_half_cancel() {
    let served = Served::bounded(Limits { connections_max: 2, ..Limits::default() }).await;
    let calendar = served.calendar(&practice()).await;
    served.gate(Gate::Shut);
    for (patient, start) in [("ada", NINE), ("bob", "2027-03-22T10:00:00+01:00")] {
        let mut client = served.client().await;
        let body = hold_of(&calendar, start, patient).to_string();
        client.start("POST", "/v1/holds", &[], Some(&body)).await;
        served.under_way(if patient == "ada" { 1 } else { 2 }).await;
        if patient == "ada" {
            // A reset: the server finds the connection broken, not merely silent.
            client.reset();
        }
        drop(client);
    }
    // Both writes keep their places, so that hanging up is no way around the bound.
    let mut other = Client::connect(served.address).await;
    other.start("GET", "/livez", &[], None).await;
    assert!(other.answer_within(SHORT).await.is_none());
    served.gate(Gate::Open);
    other.answer(false).await.ok(200);
    for (patient, start) in [("ada", NINE), ("bob", "2027-03-22T10:00:00+01:00")] {
        // Their own hold, made when they were gone.
        other.post("/v1/holds", &hold_of(&calendar, start, patient)).await.ok(200);
    }
}

#[tokio::test]
async fn half_a_request_changes_nothing() {
    let served = Served::new().await;
    let calendar = served.calendar(&practice()).await;
    let mut client = served.client().await;
    let body = hold_of(&calendar, NINE, "ada").to_string();
    let head =
        format!("POST /v1/holds HTTP/1.1\r\nHost: t\r\nContent-Length: {}\r\n\r\n", body.len());
    client.raw(head.as_bytes()).await;
    client.raw(&body.as_bytes()[..body.len() - 1]).await;
    drop(client);
    let mut other = served.client().await;
    other.post("/v1/holds", &hold_of(&calendar, NINE, "bob")).await.ok(201);
}

#[tokio::test]
async fn a_half_closed_connection_gets_its_answer() {
    let served = Served::new().await;
    let mut client = served.client().await;
    client.start("GET", "/version", &[], None).await;
    client.half_close().await;
    client.answer(false).await.ok(200);
    client.closed().await;
}

#[tokio::test]
async fn requests_may_follow_each_other_without_waiting() {
    let served = Served::new().await;
    let mut client = served.client().await;
    client.raw(&b"GET /version HTTP/1.1\r\nHost: t\r\n\r\n".repeat(3)).await;
    for _ in 0..3 {
        client.answer(false).await.ok(200);
    }
}

#[tokio::test]
async fn what_is_no_http_ends_its_own_connection_only() {
    let served = Served::new().await;
    let mut sound = served.client().await;
    for noise in [&b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..], b"HELO\r\n\r\n", &[0; 4096]]
    {
        let mut client = served.client().await;
        client.raw(noise).await;
        if let Some(answer) = client.answer_within(Duration::from_secs(2)).await {
            assert_eq!(answer.status, 400);
        }
        sound.get("/livez").await.ok(200);
    }
}
