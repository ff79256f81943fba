//! `GET /v1/events`: the change feed.

use std::time::Duration;

use creneau_server::http::Limits;
use serde_json::{Value, json};

use crate::client::Client;
use crate::document::document;
use crate::served::{Served, hold_of, practice};

/// A message of a feed.
#[derive(Debug, PartialEq)]
enum Message {
    Entry(u64, Value),
    Heartbeat,
}

/// A reader of the feed.
struct Reader(Client);

impl Reader {
    async fn open(served: &Served, path: &str, headers: &[(&str, &str)]) -> Self {
        let mut client = served.client().await;
        client.start("GET", path, headers, None).await;
        let head = client.text_until("\r\n\r\n").await.unwrap();
        assert!(head.starts_with("HTTP/1.1 200 ") && head.contains("text/event-stream"), "{head}");
        assert!(head.contains("no-store"), "{head}");
        Self(client)
    }

    /// The next message; none at the end of the feed.
    async fn next(&mut self) -> Option<Message> {
        let text = self.0.text_until("\n\n\r\n").await?;
        // A message is a chunk: its length stands before it.
        let (_, text) = text.split_once("\r\n").unwrap();
        if text.starts_with(':') {
            return Some(Message::Heartbeat);
        }
        let (id, data) = text.trim_end().split_once('\n').unwrap();
        let id = id.strip_prefix("id: ").unwrap().parse().unwrap();
        let data = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
        document().entry(&data);
        Some(Message::Entry(id, data))
    }

    async fn entry(&mut self) -> (u64, Value) {
        loop {
            match self.next().await.expect("an entry") {
                Message::Entry(id, data) => return (id, data),
                Message::Heartbeat => {}
            }
        }
    }
}

async fn hold(served: &Served, calendar: &str, start: &str, patient: &str) -> String {
    let held = served.client().await.post("/v1/holds", &hold_of(calendar, start, patient)).await;
    held.ok(201)["hold_id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_reader_sees_each_entry_once_and_goes_on_where_it_stopped() {
    let served = Served::new().await;
    let calendar = served.calendar(&practice()).await;
    let mut reader = Reader::open(&served, "/v1/events", &[]).await;
    let (id, data) = reader.entry().await;
    assert_eq!((id, &data[0]["event"]), (1, &json!("calendar_created")));
    assert_eq!(data[0]["calendar_id"], json!(calendar));
    // At the watermark it waits, and is told at once.
    let held = hold(&served, &calendar, "2027-03-22T09:00:00+01:00", "p-1").await;
    let (id, data) = reader.entry().await;
    assert_eq!((id, data[0]["sequence"].as_u64()), (2, Some(2)));
    for (field, value) in [
        ("event", "held"),
        ("hold_id", &*held),
        ("patient_id", "p-1"),
        ("start", "2027-03-22T08:00:00Z"),
    ] {
        assert_eq!(data[0][field], json!(value), "{data}");
    }
    drop(reader);
    let mut client = served.client().await;
    client.post(&format!("/v1/holds/{held}/confirm"), &json!({})).await.ok(201);
    // The header wins over the query, which stays the same when a browser comes back.
    for (path, headers, first) in [
        ("/v1/events?after=2", &[][..], 3),
        ("/v1/events?after=0", &[("Last-Event-ID", "2")][..], 3),
        ("/v1/events", &[("Last-Event-ID", "1")][..], 2),
    ] {
        let mut reader = Reader::open(&served, path, headers).await;
        assert_eq!(reader.entry().await.0, first, "{path} {headers:?}");
    }
    for (path, headers) in [
        ("/v1/events?after=x", &[][..]),
        ("/v1/events?after=4", &[][..]),
        ("/v1/events?before=1", &[][..]),
        ("/v1/events", &[("Last-Event-ID", "-1")][..]),
    ] {
        client.send("GET", path, headers, None).await.problem(400, "invalid_request");
    }
}

#[tokio::test]
async fn readers_are_bounded_and_their_places_come_back() {
    let limits =
        Limits { feeds_max: 2, feed_heartbeat: Duration::from_millis(20), ..Limits::default() };
    let served = Served::bounded(limits).await;
    let mut first = Reader::open(&served, "/v1/events", &[]).await;
    let second = Reader::open(&served, "/v1/events", &[]).await;
    assert_eq!(first.next().await, Some(Message::Heartbeat));
    let refused = served.client().await.get("/v1/events").await;
    refused.problem(503, "overloaded");
    assert_eq!(refused.header("retry-after"), Some("1"));
    drop(second);
    // The end of a reader shows when it is next sent something.
    let mut open = served.client().await;
    for _ in 0..500 {
        open.start("GET", "/v1/events", &[], None).await;
        let head = open.text_until("\r\n\r\n").await.unwrap();
        if head.starts_with("HTTP/1.1 200 ") {
            return;
        }
        open = served.client().await;
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("no place came back");
}

#[tokio::test]
async fn a_reader_that_takes_nothing_holds_up_nobody_and_the_end_comes_at_once() {
    let mut served = Served::new().await;
    let calendar = served.calendar(&practice()).await;
    let mut stuck = Vec::new();
    for _ in 0..8 {
        stuck.push(Reader::open(&served, "/v1/events", &[]).await);
    }
    let mut reader = Reader::open(&served, "/v1/events?after=1", &[]).await;
    for number in 0..200u64 {
        let (hour, minute) = (8 + number % 4, 15 * ((number / 4) % 4));
        let day = 22 + number / 16 % 5;
        let start = format!("2027-03-{day}T{hour:02}:{minute:02}:00+01:00");
        let held = hold(&served, &calendar, &start, &format!("p-{number}")).await;
        let (_, data) = reader.entry().await;
        assert_eq!(data[0]["hold_id"], json!(held));
        let gone = served.client().await.delete(&format!("/v1/holds/{held}")).await;
        assert_eq!(gone.status, 204);
        assert_eq!(reader.entry().await.1[0]["event"], json!("released"));
    }
    served.stop();
    // Far sooner than requests that are under way may take.
    let end = async {
        while let Some(message) = reader.next().await {
            assert_eq!(message, Message::Heartbeat);
        }
        served.ended().await;
    };
    tokio::time::timeout(Duration::from_secs(5), end).await.expect("a prompt end");
}
