//! The change feed as server-sent events.
//!
//! Each entry is one message, whose id is its sequence and whose data is the list of its events.
//! Whoever reads slowly slows nobody else: each reader has a task of its own, which reads the
//! journal no further than its connection takes.

use std::time::Duration;

use creneau::{Feed, FeedEntry, Sequence};
use hyper::StatusCode;
use hyper::body::Bytes;
use hyper::header::{self, HeaderName, HeaderValue};
use tokio::sync::{OwnedSemaphorePermit, mpsc, watch};

use super::answer::{self, Response};
use super::app::App;
use super::event_dto;
use super::problem::{Code, Problem};
use super::refusal;
use super::request::Asked;

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

const EVENT_STREAM: HeaderValue = HeaderValue::from_static("text/event-stream");

/// Messages that may wait for a connection to take them.
const MESSAGES_WAITING_MAX: usize = 16;

/// When a reader that found no place may come back.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// A comment, which readers pass over: it shows both sides that the other is there.
const HEARTBEAT: Bytes = Bytes::from_static(b":\n\n");

pub(super) fn follow(app: &App, asked: &Asked) -> Result<Response, Problem> {
    let mut query = asked.query(&["after"])?;
    let after = query.parse("after", RULE)?;
    let after = last_event_id(asked)?.or(after).unwrap_or(0);
    let end = app.engine.status().watermark;
    if end < after {
        // A reader of another history, such as one from before a restore, would miss what comes.
        let rule = format!("must be the id of an event: the last one is {end}");
        return Err(Problem::invalid("after", rule));
    }
    if app.watch.is_ending() {
        return Err(refusal::unavailable());
    }
    let Ok(place) = app.watch.feeds.clone().try_acquire_owned() else {
        let detail = "as many readers as may be follow the events";
        return Err(Problem::new(Code::Overloaded, detail).retry_after(RETRY_AFTER));
    };
    let (messages, parts) = mpsc::channel(MESSAGES_WAITING_MAX);
    let feed = Following {
        feed: app.engine.feed(after),
        messages,
        ending: app.watch.ending(),
        heartbeat: app.limits.feed_heartbeat,
        _place: place,
    };
    tokio::spawn(feed.run());
    let mut response = answer::flowing(StatusCode::OK, parts);
    response.headers_mut().insert(header::CONTENT_TYPE, EVENT_STREAM);
    Ok(response)
}

const RULE: &str = "must be the id of an event, or 0";

/// Where a reader that was cut off goes on.
fn last_event_id(asked: &Asked) -> Result<Option<Sequence>, Problem> {
    let Some(value) = asked.headers.get(LAST_EVENT_ID) else { return Ok(None) };
    let id = value.to_str().ok().and_then(|text| text.parse().ok());
    id.map(Some).ok_or_else(|| Problem::invalid("Last-Event-ID", RULE))
}

/// A reader.
struct Following {
    feed: Feed,
    messages: mpsc::Sender<Bytes>,
    ending: watch::Receiver<bool>,
    heartbeat: Duration,
    _place: OwnedSemaphorePermit,
}

impl Following {
    /// Sends what happens, until the reader is gone or the server ends.
    async fn run(mut self) {
        loop {
            let message = tokio::select! {
                biased;
                _ = self.ending.wait_for(|ending| *ending) => return,
                () = self.messages.closed() => return,
                // Dropping the future of the feed loses nothing.
                next = tokio::time::timeout(self.heartbeat, self.feed.next()) => match next {
                    Ok(Ok(Some(entry))) => message(&entry),
                    Ok(Ok(None)) => return,
                    Ok(Err(error)) => {
                        tracing::error!(%error, "the change feed cannot be read");
                        return;
                    }
                    Err(_) => HEARTBEAT,
                },
            };
            tokio::select! {
                biased;
                _ = self.ending.wait_for(|ending| *ending) => return,
                sent = self.messages.send(message) => if sent.is_err() {
                    return;
                },
            }
        }
    }
}

fn message(entry: &FeedEntry) -> Bytes {
    let sequence = entry.sequence;
    let lines: Vec<_> = event_dto::lines(sequence, &entry.events).collect();
    // JSON on one line: a line break within a text is escaped.
    let data = serde_json::to_string(&lines).unwrap_or_default();
    Bytes::from(format!("id: {sequence}\ndata: {data}\n\n"))
}
