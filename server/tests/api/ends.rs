//! The graceful end.

use std::time::Duration;

use creneau_server::http::Limits;
use tokio::net::TcpStream;

use crate::served::{Gate, Served, hold_of, practice};

const SHORT: Duration = Duration::from_millis(200);
const NINE: &str = "2027-03-22T09:00:00+01:00";

#[tokio::test]
async fn the_end_finishes_what_was_submitted() {
    let mut served = Served::new().await;
    let calendar = served.calendar(&practice()).await;
    let (mut idle, mut waiting, mut gone) =
        (served.client().await, served.client().await, served.client().await);
    idle.get("/livez").await.ok(200);
    served.gate(Gate::Shut);
    let body = hold_of(&calendar, NINE, "ada").to_string();
    waiting.start("POST", "/v1/holds", &[], Some(&body)).await;
    let body = hold_of(&calendar, "2027-03-22T10:00:00+01:00", "bob").to_string();
    gone.start("POST", "/v1/holds", &[], Some(&body)).await;
    served.under_way(2).await;
    drop(gone);

    served.stop();
    idle.closed().await;
    tokio::time::sleep(SHORT).await;
    assert!(!served.has_ended());
    assert!(TcpStream::connect(served.address).await.is_err(), "no new connection");
    served.gate(Gate::Open);
    let answer = waiting.answer(false).await;
    answer.ok(201);
    assert_eq!(answer.header("connection"), Some("close"));
    waiting.closed().await;
    let engine = served.engine.clone();
    served.ended().await;
    assert_eq!(engine.status().under_way, 0, "also what nobody waits for");
    engine.shutdown().await.unwrap();
}

#[tokio::test]
async fn the_end_does_not_wait_for_ever() {
    let mut served = Served::bounded(Limits { drain_timeout: SHORT, ..Limits::default() }).await;
    let calendar = served.calendar(&practice()).await;
    let (mut waiting, mut slow) = (served.client().await, served.client().await);
    served.gate(Gate::Shut);
    let body = hold_of(&calendar, NINE, "ada").to_string();
    waiting.start("POST", "/v1/holds", &[], Some(&body)).await;
    slow.raw(b"GET /livez HTTP/1.1\r\n").await;
    served.under_way(1).await;
    served.stop();
    let (engine, gate) = (served.engine.clone(), served.gate_handle());
    served.ended().await;
    // What could not be awaited is not lost either.
    gate.send_replace(Gate::Open);
    engine.shutdown().await.unwrap();
    waiting.closed().await;
}

#[tokio::test]
async fn the_end_is_announced() {
    let mut served = Served::bounded(Limits { unready_for: SHORT, ..Limits::default() }).await;
    let mut client = served.client().await;
    client.get("/readyz").await.ok(200);
    served.stop();
    tokio::time::sleep(SHORT / 4).await;
    let mut fresh = served.client().await;
    fresh.get("/readyz").await.problem(503, "unavailable");
    fresh.get("/version").await.ok(200);
    fresh.closed().await;
    served.ended().await;
}
