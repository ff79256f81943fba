//! A server over HTTP: a bounded pool of connections that are kept alive.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, IF_MATCH};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::sync::Semaphore;

use super::access::Access;
use super::wire::{Wire, is_write, outcome};
use super::{Address, REASON};
use crate::api::{Ask, Bookable, Outcome};
use crate::scenario::{Calendars, Client};

/// Bytes of an answer; the largest is a page of a thousand calendars.
const ANSWER_BYTES_MAX: usize = 64 << 20;

/// How often the making or listing of calendars is tried.
const TRIES_MAX: u64 = 20;

/// Milliseconds between two of those.
const TRY_WAIT_MS: u64 = 250;

/// How long a backup may take; where files must be copied it takes minutes.
const BACK_UP_WITHIN: Duration = Duration::from_secs(600);

type Sender = SendRequest<Full<Bytes>>;

/// Something that was done.
pub(crate) struct Done {
    pub(crate) body: Bytes,
    /// Whether the first attempt was answered.
    pub(crate) once: bool,
}

/// A client of a server.
pub(crate) struct Http {
    address: Address,
    access: Access,
    places: Semaphore,
    idle: Mutex<Vec<(SocketAddr, Sender)>>,
    timeout: Duration,
}

impl Http {
    pub(super) fn new(address: Address, access: Access, client: &Client) -> Self {
        Self {
            address,
            access,
            places: Semaphore::new(client.connections),
            idle: Mutex::default(),
            timeout: Duration::from_millis(client.timeout_ms),
        }
    }

    pub(super) async fn send(&self, ask: &Ask, key: Option<&str>) -> Outcome {
        match self.exchange(&Wire::of(ask), key.filter(|_| is_write(ask))).await {
            Ok((status, body)) => outcome(ask, status, &body),
            Err(error) => Outcome::Unclear(error),
        }
    }

    /// One request and its answer, within the timeout; a wait for a connection counts.
    async fn exchange(
        &self,
        wire: &Wire,
        key: Option<&str>,
    ) -> Result<(StatusCode, Bytes), String> {
        let exchange = self.exchange_untimed(wire, key);
        match tokio::time::timeout(self.timeout, exchange).await {
            Ok(answer) => answer,
            Err(_) => Err("no answer in time".to_owned()),
        }
    }

    async fn exchange_untimed(
        &self,
        wire: &Wire,
        key: Option<&str>,
    ) -> Result<(StatusCode, Bytes), String> {
        let _place = self.places.acquire().await.map_err(|error| error.to_string())?;
        let (address, mut sender) = self.connection().await?;
        let mut request =
            Request::builder().method(&wire.method).uri(&wire.path).header(HOST, "localhost");
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        if let Some(token) = self.access.authorization() {
            request = request.header(AUTHORIZATION, token);
        }
        if wire.method == Method::PATCH {
            request = request.header(IF_MATCH, "*");
        }
        if !wire.body.is_empty() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        let body = Full::new(Bytes::from(wire.body.clone()));
        let request = request.body(body).map_err(|error| error.to_string())?;
        let answer = sender.send_request(request).await.map_err(|error| error.to_string())?;
        let (head, body) = answer.into_parts();
        let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await;
        let body = body.map_err(|error| error.to_string())?.to_bytes();
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.push((address, sender));
        Ok((head.status, body))
    }

    /// A connection that is open, as far as can be seen; waits for a server that is gone.
    async fn connection(&self) -> Result<(SocketAddr, Sender), String> {
        let address = self.whereabouts().await?;
        loop {
            let next = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let Some((to, mut sender)) = next else { break };
            if to == address && !sender.is_closed() && sender.ready().await.is_ok() {
                return Ok((to, sender));
            }
        }
        let stream = self.access.connect(address).await?;
        let (sender, connection) =
            handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
        // It ends when its sender is dropped or the server closes it; who sends is told.
        tokio::spawn(connection);
        Ok((address, sender))
    }

    async fn whereabouts(&self) -> Result<SocketAddr, String> {
        let mut address = self.address.clone();
        let there = address.wait_for(Option::is_some).await;
        there.ok().and_then(|address| *address).ok_or_else(|| "the server is gone".to_owned())
    }

    /// Sends a whole request and closes the socket at once.
    pub(super) async fn hang_up(&self, ask: &Ask, key: &str) {
        let token = self.access.authorization().and_then(|token| token.to_str().ok());
        let bytes = Wire::of(ask).bytes(key, token);
        let sent = async {
            let mut stream = self.access.connect(self.whereabouts().await?).await?;
            stream.write_all(&bytes).await.map_err(|error| error.to_string())?;
            // Over TLS what is written waits for this.
            stream.flush().await.map_err(|error| error.to_string())
        };
        // Whether it arrived is for the repeats to find out.
        let _ = tokio::time::timeout(self.timeout, sent).await;
    }

    pub(super) async fn create(
        &self,
        calendars: &Calendars,
        name: &str,
        key: &str,
    ) -> Result<Bookable, String> {
        #[derive(Deserialize)]
        struct Made {
            calendar_id: String,
        }
        let body = self.insist(&Wire::create(calendars, name), Some(key)).await?.body;
        let made: Made = serde_json::from_slice(&body).map_err(|error| error.to_string())?;
        let calendar = made.calendar_id.parse().map_err(|error| format!("{error}"))?;
        let reason = REASON.parse().map_err(|error| format!("{error}"))?;
        Ok(calendars.made(calendar, reason))
    }

    pub(super) async fn existing(&self, count: usize) -> Result<Vec<Bookable>, String> {
        #[derive(Deserialize)]
        struct Reason {
            id: String,
            duration_minutes: u16,
            buffer_minutes: u16,
        }
        #[derive(Deserialize)]
        struct Listed {
            calendar_id: String,
            lanes: u16,
            reasons: Vec<Reason>,
        }
        #[derive(Deserialize)]
        struct Page {
            calendars: Vec<Listed>,
            next: Option<String>,
        }
        let (mut found, mut cursor) = (Vec::new(), None::<String>);
        loop {
            let mut query = form_urlencoded::Serializer::new(String::new());
            query.append_pair("limit", "1000");
            if let Some(cursor) = &cursor {
                query.append_pair("cursor", cursor);
            }
            let path = format!("/v1/calendars?{}", query.finish());
            let body = self.insist(&Wire::get(path), None).await?.body;
            let page: Page = serde_json::from_slice(&body).map_err(|error| error.to_string())?;
            for listed in page.calendars {
                let calendar = listed.calendar_id.parse().map_err(|error| format!("{error}"))?;
                let Some(first) = listed.reasons.first() else { continue };
                let reason = first.id.parse().map_err(|error| format!("{error}"))?;
                found.push(Bookable {
                    calendar,
                    reason,
                    lanes: listed.lanes,
                    duration_minutes: first.duration_minutes,
                    buffer_minutes: first.buffer_minutes,
                    own: false,
                });
            }
            cursor = page.next.filter(|_| found.len() < count);
            if cursor.is_none() {
                found.truncate(count);
                return Ok(found);
            }
        }
    }

    pub(super) async fn back_up(&self, to: &Path) -> Result<u64, String> {
        #[derive(Deserialize)]
        struct Taken {
            last: u64,
        }
        let wire = Wire::back_up(to);
        let exchange = tokio::time::timeout(BACK_UP_WITHIN, self.exchange_untimed(&wire, None));
        let (status, body) =
            exchange.await.map_err(|_| "it was not taken in time".to_owned())??;
        if !status.is_success() {
            return Err(format!("{status} {}", String::from_utf8_lossy(&body)));
        }
        let taken: Taken = serde_json::from_slice(&body).map_err(|error| error.to_string())?;
        Ok(taken.last)
    }

    pub(super) async fn operate(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        key: Option<&str>,
    ) -> Result<Done, String> {
        let body = body.map(Value::to_string).unwrap_or_default();
        let wire = Wire { method, path: path.to_owned(), body };
        self.insist(&wire, key).await
    }

    /// Sends a request until it is done, and gives the body.
    async fn insist(&self, wire: &Wire, key: Option<&str>) -> Result<Done, String> {
        let mut last = String::new();
        for attempt in 0..TRIES_MAX {
            match self.exchange(wire, key).await {
                Ok((status, body)) if status.is_success() => {
                    return Ok(Done { body, once: attempt == 0 });
                }
                Ok((status, body)) if !status.is_server_error() => {
                    return Err(format!("{status} {}", String::from_utf8_lossy(&body)));
                }
                Ok((status, _)) => last = status.to_string(),
                Err(error) => last = error,
            }
            crate::clock::pause(TRY_WAIT_MS).await;
        }
        Err(last)
    }
}
