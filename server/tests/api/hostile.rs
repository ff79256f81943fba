//! Malformed, hostile and absurd requests. Each is answered with its status and code, or its
//! connection is closed; and the server goes on.

use std::time::Duration;

use creneau_server::http::Limits;
use serde_json::{Value, json};

use crate::client::{Answer, Client};
use crate::served::{Served, hold_of, practice, text};

mod bodies;
mod wire;

pub(crate) const NINE: &str = "2027-03-22T09:00:00+01:00";

/// Few, so that one connection left over would show.
const CONNECTIONS: usize = 8;

/// What is sent.
#[derive(Debug)]
pub(crate) enum Sent {
    /// Method, path, headers and body of a request.
    Request(&'static str, String, Vec<(&'static str, String)>, Option<String>),
    /// Bytes, on a connection of their own.
    Bytes(Vec<u8>),
}

/// A request, and what must become of it.
#[derive(Debug)]
pub(crate) struct Row {
    what: &'static str,
    sent: Sent,
    status: u16,
    /// Empty for an answer without a body; `-` for none but a closed connection.
    code: &'static str,
    /// The field that the first error names; empty where there are no errors.
    field: &'static str,
}

impl Row {
    /// A request without a body.
    pub(crate) fn plain(what: &'static str, method: &'static str, path: impl Into<String>) -> Self {
        Self::of(what, Sent::Request(method, path.into(), Vec::new(), None))
    }

    /// A request with a body that may be any text.
    pub(crate) fn body(
        what: &'static str,
        method: &'static str,
        path: impl Into<String>,
        body: impl Into<String>,
    ) -> Self {
        Self::of(what, Sent::Request(method, path.into(), Vec::new(), Some(body.into())))
    }

    pub(crate) fn bytes(what: &'static str, bytes: impl AsRef<[u8]>) -> Self {
        Self::of(what, Sent::Bytes(bytes.as_ref().to_vec()))
    }

    fn of(what: &'static str, sent: Sent) -> Self {
        Self { what, sent, status: 0, code: "", field: "" }
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        if let Sent::Request(_, _, headers, _) = &mut self.sent {
            headers.push((name, value.into()));
        }
        self
    }

    pub(crate) fn gets(self, status: u16, code: &'static str) -> Self {
        Self { status, code, ..self }
    }

    /// It is refused over a field.
    pub(crate) fn wrong(self, field: &'static str) -> Self {
        Self { status: 400, code: "invalid_request", field, ..self }
    }

    /// It is answered with a status and no body, and its connection ends.
    pub(crate) fn bare(self, status: u16) -> Self {
        Self { status, code: "", ..self }
    }

    /// It is not answered.
    pub(crate) fn dropped(self) -> Self {
        Self { status: 0, code: "-", ..self }
    }
}

/// What the requests are about: a calendar, an appointment, a hold, and a cursor of calendars.
pub(crate) struct Scene {
    pub(crate) calendar: String,
    pub(crate) appointment: String,
    pub(crate) hold: String,
    pub(crate) cursor: String,
}

impl Scene {
    async fn new(served: &Served) -> Self {
        let calendar = served.calendar(&practice()).await;
        served.calendar(&practice()).await;
        let mut client = served.client().await;
        let mut hold = async |start: &str, patient: &str| {
            let held = client.post("/v1/holds", &hold_of(&calendar, start, patient)).await.ok(201);
            text(&held, "hold_id").to_owned()
        };
        let first = hold("2027-03-22T10:00:00+01:00", "ada").await;
        let hold = hold("2027-03-22T11:00:00+01:00", "bob").await;
        let confirm = format!("/v1/holds/{first}/confirm");
        let booked = client.send("POST", &confirm, &[], None).await.ok(201);
        let appointment = text(&booked, "appointment_id").to_owned();
        let page = client.get("/v1/calendars?limit=1").await.ok(200);
        let cursor = text(&page, "next").to_owned();
        Self { calendar, appointment, hold, cursor }
    }

    /// A request for a hold with something else in place of a field.
    pub(crate) fn hold_with(&self, field: &str, value: Value) -> String {
        let mut body = hold_of(&self.calendar, NINE, "eve");
        body[field] = value;
        body.to_string()
    }
}

/// What is wrong with what became of a request; nothing where all is as it must be.
fn fault(row: &Row, answer: Option<&Answer>) -> Option<String> {
    let Some(answer) = answer else {
        return (row.code != "-").then(|| "no answer".to_owned());
    };
    let problem = (!answer.body.is_empty()).then(|| answer.json());
    let code = problem.as_ref().map_or("", |problem| problem["code"].as_str().unwrap_or("?"));
    let field = problem.as_ref().and_then(|problem| problem["errors"][0]["field"].as_str());
    // What succeeds has a body without a code.
    let code = if answer.status < 400 { "" } else { code };
    let got = (answer.status, code, field.unwrap_or_default());
    let wanted = (row.status, row.code, row.field);
    (got != wanted).then(|| format!("{got:?} and not {wanted:?}"))
}

async fn send(served: &Served, row: &Row) -> Option<Answer> {
    let mut client = served.client().await;
    match &row.sent {
        Sent::Request(method, path, headers, body) => {
            let headers: Vec<_> = headers.iter().map(|(name, v)| (*name, v.as_str())).collect();
            client.start(method, path, &headers, body.as_deref()).await;
            Some(client.answer(*method == "HEAD").await)
        }
        Sent::Bytes(bytes) => {
            // The server may close before it has read all of them.
            let _ = client.try_raw(bytes).await;
            client.answer_within(Duration::from_secs(5)).await
        }
    }
}

#[tokio::test]
async fn nothing_that_is_sent_does_harm() {
    let limits = Limits { connections_max: CONNECTIONS, ..Limits::default() };
    let served = Served::bounded(limits).await;
    let scene = Scene::new(&served).await;
    let mut rows = bodies::rows(&scene);
    rows.extend(wire::rows(&scene));
    assert!(90 <= rows.len(), "{}", rows.len());
    let mut sound = served.client().await;
    let mut faults = Vec::new();
    for row in &rows {
        let answer = send(&served, row).await;
        if let Some(fault) = fault(row, answer.as_ref()) {
            faults.push(format!("{}: {fault}", row.what));
        }
        sound.get("/livez").await.ok(200);
    }
    assert!(faults.is_empty(), "{faults:#?}");
    drop(sound);
    // All places are free: as many clients as there are places are served at the same time.
    let mut clients: Vec<Client> = Vec::new();
    for _ in 0..CONNECTIONS {
        let mut client = served.client().await;
        client.get("/readyz").await.ok(200);
        clients.push(client);
    }
    assert_eq!(served.engine.status().under_way, 0);
    // And a booking works.
    let client = &mut clients[0];
    let held = client.post("/v1/holds", &hold_of(&scene.calendar, NINE, "fay")).await.ok(201);
    let confirm = format!("/v1/holds/{}/confirm", text(&held, "hold_id"));
    let booked = client.send("POST", &confirm, &[], Some(&json!({}))).await.ok(201);
    assert_eq!(booked["status"], json!("booked"));
}
