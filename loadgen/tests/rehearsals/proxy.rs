//! A server in front of a real one, which tells lies of one kind to the first few who can be lied
//! to, and then the truth. What it has told once it tells again.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper::service::service_fn;
use hyper::{HeaderMap, Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// How many are lied to, at least: some more may have asked meanwhile.
pub(crate) const VICTIMS: usize = 3;

/// A lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lie {
    None,
    /// 201 to a confirm that is not forwarded: a lost acknowledgement.
    ConfirmLost,
    /// A slot that is taken is given out once more: a double booking.
    SoldTwice,
    /// Who wants what is taken is given the hold of whoever has it.
    OtherHold,
    /// 204 to a release that is not forwarded.
    ReleaseForgotten,
    /// A move is told as done, and the appointment stays where it was.
    MoveHalved,
}

/// A request or an answer, without its wrapping.
#[derive(Clone)]
struct Message {
    status: StatusCode,
    body: Value,
}

#[derive(Default)]
struct State {
    /// The 26 characters that tell bookings which were lied about from others.
    victims: Vec<String>,
    /// What was told in answer to a request, by method and path.
    told: HashMap<String, Message>,
    /// Where bookings are said to lie.
    places: HashMap<String, (Value, Value)>,
    /// Whose hold has a slot.
    holders: HashMap<(String, String), Value>,
}

pub(crate) struct Proxy {
    upstream: SocketAddr,
    lie: Lie,
    token: Option<String>,
    state: Mutex<State>,
}

impl Proxy {
    /// Listens, over TLS with an acceptor and asking for a token where there is one.
    pub(crate) async fn start(
        upstream: SocketAddr,
        lie: Lie,
        tls: Option<TlsAcceptor>,
        token: Option<&str>,
    ) -> (Arc<Self>, SocketAddr) {
        let token = token.map(|token| format!("Bearer {token}"));
        let proxy = Arc::new(Self { upstream, lie, token, state: Mutex::default() });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let listening = proxy.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (proxy, tls) = (listening.clone(), tls.clone());
                tokio::spawn(async move {
                    stream.set_nodelay(true).unwrap();
                    match tls {
                        None => proxy.serve(stream).await,
                        Some(tls) => {
                            // Who does not trust the certificate goes away.
                            if let Ok(stream) = tls.accept(stream).await {
                                proxy.serve(stream).await;
                            }
                        }
                    }
                });
            }
        });
        (proxy, address)
    }

    pub(crate) fn victims(&self) -> Vec<String> {
        self.state.lock().unwrap().victims.clone()
    }

    async fn serve(self: Arc<Self>, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        let service = service_fn(move |request| {
            // A task of its own: a client that hangs up does not stop what it asked for.
            let answering = tokio::spawn(self.clone().answer(request));
            async { Ok::<_, Infallible>(answering.await.unwrap()) }
        });
        let connection = hyper::server::conn::http1::Builder::new();
        let _ = connection.serve_connection(TokioIo::new(stream), service).await;
    }

    async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let (head, body) = request.into_parts();
        let shown = head.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        if shown != self.token.as_deref() {
            let body = json!({ "code": "unauthorized" });
            return response(&Message { status: StatusCode::UNAUTHORIZED, body });
        }
        // A client that went away in the middle of its request asked for nothing.
        let Ok(body) = body.collect().await else { return Response::default() };
        let body = body.to_bytes();
        let path = head.uri.to_string();
        let told = format!("{} {path}", head.method);
        let before = self.state.lock().unwrap().told.get(&told).cloned();
        if let Some(before) = before {
            return response(&before);
        }
        let lied = self.lie(&head.method, &path, &head.headers, &body).await;
        let mut answer = match lied {
            Some((id, lie)) => {
                let mut state = self.state.lock().unwrap();
                if !state.victims.contains(&id) {
                    state.victims.push(id);
                }
                if !path.ends_with("/holds") {
                    state.told.insert(told, lie.clone());
                }
                lie
            }
            None => self.forward(&head.method, &path, &head.headers, body).await,
        };
        self.note(&mut answer.body);
        response(&answer)
    }

    /// What is told in place of the truth, and of which booking.
    async fn lie(
        &self,
        method: &Method,
        path: &str,
        headers: &HeaderMap,
        body: &Bytes,
    ) -> Option<(String, Message)> {
        if VICTIMS <= self.state.lock().unwrap().victims.len() {
            return None;
        }
        let post = *method == Method::POST;
        match self.lie {
            Lie::ConfirmLost if post && path.ends_with("/confirm") => {
                let hold = self.look(path.strip_suffix("/confirm")?).await?;
                let id = id_of(&hold)?;
                let body = json!({
                    "appointment_id": format!("appt_{id}"), "calendar_id": hold["calendar_id"],
                    "start": hold["start"], "end": hold["end"], "lane": 0, "status": "booked",
                });
                (hold["status"] == "held")
                    .then_some((id, Message { status: StatusCode::CREATED, body }))
            }
            Lie::ReleaseForgotten if *method == Method::DELETE && path.contains("/holds/") => {
                let hold = self.look(path).await?;
                let lie = Message { status: StatusCode::NO_CONTENT, body: Value::Null };
                Some((id_of(&hold)?, lie)).filter(|_| hold["status"] == "held")
            }
            Lie::MoveHalved if post && path.ends_with("/move") => {
                let mut it = self.look(path.strip_suffix("/move")?).await?;
                let asked: Value = serde_json::from_slice(body).unwrap();
                it["end"] = shifted(&asked["start"], &it["start"], &it["end"]);
                it["start"] = asked["start"].clone();
                it["calendar_id"] = asked["calendar_id"].clone();
                Some((id_of(&it)?, Message { status: StatusCode::OK, body: it }))
            }
            Lie::SoldTwice | Lie::OtherHold if post && path == "/v1/holds" => {
                let refused = self.forward(method, path, headers, body.clone()).await;
                if refused.body["code"] != "slot_taken" {
                    // It may be done now; its repeat under the key is answered the same.
                    return None;
                }
                let asked: Value = serde_json::from_slice(body).unwrap();
                match self.lie {
                    Lie::OtherHold => {
                        let slot = slot_of(&asked);
                        let holder = self.state.lock().unwrap().holders.get(&slot).cloned()?;
                        let id = id_of(&holder)?;
                        Some((id, Message { status: StatusCode::CREATED, body: holder }))
                    }
                    _ => {
                        // Not where somebody lies in truth who was told of another slot: that one
                        // is nobody's, as far as anyone was told.
                        self.state.lock().unwrap().holders.get(&slot_of(&asked))?;
                        self.sell_again(&asked, &refused.body, headers).await
                    }
                }
            }
            _ => None,
        }
    }

    /// Holds another slot, and says that it is the one that was wanted.
    async fn sell_again(
        &self,
        asked: &Value,
        refused: &Value,
        headers: &HeaderMap,
    ) -> Option<(String, Message)> {
        let other = refused["alternatives"].as_array()?.iter();
        let other = other.clone().find(|it| it["calendar_id"] == asked["calendar_id"])?.clone();
        let mut instead = asked.clone();
        instead["start"] = other["start"].clone();
        let instead = Bytes::from(instead.to_string());
        let held = self.forward(&Method::POST, "/v1/holds", headers, instead).await;
        let id = id_of(&held.body)?;
        let end = shifted(&asked["start"], &other["start"], &other["end"]);
        let place = (asked["start"].clone(), end);
        self.state.lock().unwrap().places.insert(id.clone(), place);
        Some((id, held))
    }

    /// A booking as it is.
    async fn look(&self, path: &str) -> Option<Value> {
        let seen = self.forward(&Method::GET, path, &HeaderMap::new(), Bytes::new()).await;
        (seen.status == StatusCode::OK).then_some(seen.body)
    }

    async fn forward(
        &self,
        method: &Method,
        path: &str,
        headers: &HeaderMap,
        body: Bytes,
    ) -> Message {
        let stream = TcpStream::connect(self.upstream).await.unwrap();
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        let mut request = Request::builder().method(method).uri(path).header(HOST, "localhost");
        for name in [CONTENT_TYPE.as_str(), "idempotency-key"] {
            if let Some(value) = headers.get(name) {
                request = request.header(name, value);
            }
        }
        let answer = sender.send_request(request.body(Full::new(body)).unwrap()).await.unwrap();
        let (head, body) = answer.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Message { status: head.status, body: serde_json::from_slice(&body).unwrap_or_default() }
    }

    /// Remembers who has which slot, and keeps to what was said of places.
    fn note(&self, body: &mut Value) {
        if let Some(list) = body.get_mut("appointments").and_then(Value::as_array_mut) {
            return list.iter_mut().for_each(|it| self.note(it));
        }
        let Some(id) = id_of(body) else { return };
        let mut state = self.state.lock().unwrap();
        if let Some((start, end)) = state.places.get(&id).cloned() {
            (body["start"], body["end"]) = (start, end);
        } else if body["status"] == "held" {
            state.holders.insert(slot_of(body), body.clone());
        }
    }
}

/// What a hold and its appointment have in common.
fn id_of(body: &Value) -> Option<String> {
    let id = body["appointment_id"].as_str().or(body["hold_id"].as_str())?;
    id.split_once('_').map(|(_, id)| id.to_owned())
}

fn instant(value: &Value) -> jiff::Timestamp {
    value.as_str().unwrap().parse().unwrap()
}

fn slot_of(body: &Value) -> (String, String) {
    (body["calendar_id"].to_string(), instant(&body["start"]).to_string())
}

/// The end of what begins at `start` and takes as long as from `from` to `to`.
fn shifted(start: &Value, from: &Value, to: &Value) -> Value {
    let end = instant(start) + (instant(to).duration_since(instant(from)));
    json!(end.to_string())
}

fn response(message: &Message) -> Response<Full<Bytes>> {
    let Message { status, body } = message;
    let bytes = if body.is_null() { Bytes::new() } else { Bytes::from(body.to_string()) };
    let kind = if status.is_success() { "application/json" } else { "application/problem+json" };
    let response = Response::builder().status(status).header(CONTENT_TYPE, kind);
    response.body(Full::new(bytes)).unwrap()
}
