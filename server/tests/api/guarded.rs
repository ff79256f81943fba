//! Tokens and rates: who may do what, and how often.

use creneau::{Config, SystemRandom};
use creneau_server::http::{Options, Rate, Rates, Scope, Tokens, issue};
use serde_json::json;

use crate::client::Client;
use crate::served::{START, Served, hold_of, practice, text};

/// Each name with its token.
struct Keys {
    _root: tempfile::TempDir,
    tokens: Tokens,
    booker: String,
    other: String,
    operator: String,
}

impl Keys {
    fn new() -> Self {
        let random = SystemRandom::default();
        let issue = |name, scopes: &[Scope]| issue(name, scopes, &random).unwrap();
        let (booker, first) = issue("portal", &[Scope::Book]);
        let (other, second) = issue("desk", &[Scope::Book]);
        let (operator, third) = issue("operator", &[Scope::Operate]);
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("tokens");
        std::fs::write(&path, format!("{first}{second}{third}")).unwrap();
        let bearer = |token: String| format!("Bearer {token}");
        Self {
            tokens: Tokens::open(&path).unwrap(),
            _root: root,
            booker: bearer(booker),
            other: bearer(other),
            operator: bearer(operator),
        }
    }

    async fn serve(&self, rates: Rates) -> Served {
        let options = Options { tokens: Some(self.tokens.clone()), rates, ..Options::default() };
        Served::with(Config::in_memory(), options, START).await
    }
}

async fn status(client: &mut Client, method: &str, path: &str, token: Option<&str>) -> u16 {
    let token: Vec<_> = token.map(|token| ("authorization", token)).into_iter().collect();
    let body = matches!(method, "POST" | "PATCH").then(|| json!({}));
    let answer = client.send(method, path, &token, body.as_ref()).await;
    match answer.status {
        401 => {
            answer.problem(401, "unauthorized");
            assert!(answer.header("www-authenticate").unwrap().starts_with("Bearer realm="));
        }
        403 => {
            answer.problem(403, "forbidden");
            assert!(answer.header("www-authenticate").unwrap().contains("insufficient_scope"));
        }
        _ => {}
    }
    answer.status
}

#[tokio::test]
async fn every_operation_asks_for_its_scope() {
    let keys = Keys::new();
    let served = keys.serve(Rates::default()).await;
    for (method, path, booker, operator) in [
        ("GET", "/v1/calendars", 200, 200),
        ("GET", "/v1/calendars/cal_0", 404, 404),
        ("GET", "/v1/calendars/cal_0/slots", 404, 404),
        ("POST", "/v1/calendars", 403, 400),
        ("PATCH", "/v1/calendars/cal_0", 403, 404),
        ("POST", "/v1/holds", 400, 403),
        ("GET", "/v1/holds/hold_0", 404, 403),
        ("DELETE", "/v1/holds/hold_0", 404, 403),
        ("POST", "/v1/holds/hold_0/confirm", 404, 403),
        ("GET", "/v1/appointments/appt_0", 404, 403),
        ("DELETE", "/v1/appointments/appt_0", 404, 403),
        ("POST", "/v1/appointments/appt_0/move", 400, 403),
        ("POST", "/v1/appointments/search", 400, 403),
        ("POST", "/v1/holds/hold_0/renew", 404, 403),
        ("POST", "/v1/holds/hold_0/accept", 404, 403),
        ("POST", "/v1/appointments/appt_0/mark", 403, 400),
        ("POST", "/v1/calendars/cal_0/delay", 403, 400),
        ("POST", "/v1/calendars/cal_0/absences", 403, 400),
        ("POST", "/v1/calendars/cal_0/offers", 403, 400),
        ("POST", "/v1/offers", 403, 400),
        ("GET", "/v1/events?after=9", 403, 400),
        ("POST", "/v1/backup", 403, 400),
    ] {
        // A connection each: what is refused before its body was read may end it.
        let mut client = served.client().await;
        assert_eq!(status(&mut client, method, path, None).await, 401, "{method} {path}");
        for wrong in ["Bearer creneau_0", "Basic YTpi", "Bearer", ""] {
            let mut client = served.client().await;
            let got = status(&mut client, method, path, Some(wrong)).await;
            assert_eq!(got, 401, "{method} {path} {wrong:?}");
        }
        for (token, expected) in [(&keys.booker, booker), (&keys.operator, operator)] {
            let mut client = served.client().await;
            let got = status(&mut client, method, path, Some(token)).await;
            assert_eq!(got, expected, "{method} {path}");
        }
    }
    let mut client = served.client().await;
    for path in ["/livez", "/readyz", "/version"] {
        assert_eq!(status(&mut client, "GET", path, None).await, 200, "{path}");
    }
    assert_eq!(status(&mut client, "GET", "/v1/nowhere", None).await, 404);
}

#[tokio::test]
async fn a_key_is_its_callers_own() {
    let keys = Keys::new();
    let served = keys.serve(Rates::default()).await;
    let mut client = served.client().await;
    let operator = [("authorization", keys.operator.as_str())];
    let made = client.send("POST", "/v1/calendars", &operator, Some(&practice())).await.ok(201);
    let calendar = text(&made, "calendar_id");
    let mut hold = async |token: &str, start: &str, patient: &str| {
        let headers = [("authorization", token), ("idempotency-key", "same")];
        client.send("POST", "/v1/holds", &headers, Some(&hold_of(calendar, start, patient))).await
    };
    let (nine, ten) = ("2027-03-23T09:00:00+01:00", "2027-03-23T10:00:00+01:00");
    let first = hold(&keys.booker, nine, "p-1").await.ok(201);
    // Another caller's command, though the key is the same; then each one's own again.
    let second = hold(&keys.other, ten, "p-2").await.ok(201);
    assert_ne!(first["hold_id"], second["hold_id"]);
    assert_eq!(hold(&keys.booker, nine, "p-1").await.ok(201), first);
    assert_eq!(hold(&keys.other, ten, "p-2").await.ok(201), second);
    hold(&keys.booker, ten, "p-2").await.problem(422, "idempotency_key_reused");
}

#[tokio::test]
async fn rates_are_bounded_for_each_token_and_each_address() {
    let slow = Some(Rate { per_second: 1, burst: 3 });
    let keys = Keys::new();
    let served = keys.serve(Rates { token: slow, address: None }).await;
    let mut client = served.client().await;
    for _ in 0..3 {
        assert_eq!(status(&mut client, "GET", "/v1/calendars", Some(&keys.booker)).await, 200);
    }
    let headers = [("authorization", keys.booker.as_str())];
    let refused = client.send("GET", "/v1/calendars", &headers, None).await;
    refused.problem(429, "too_many_requests");
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert_eq!(status(&mut client, "GET", "/v1/calendars", Some(&keys.other)).await, 200);

    let served = Served::with(
        Config::in_memory(),
        Options { rates: Rates { token: None, address: slow }, ..Options::default() },
        START,
    )
    .await;
    let mut client = served.client().await;
    for _ in 0..3 {
        assert_eq!(client.get("/v1/holds/hold_0").await.status, 404);
    }
    client.get("/v1/holds/hold_0").await.problem(429, "too_many_requests");
    // Who watches the server is never refused.
    for _ in 0..10 {
        assert_eq!(client.get("/livez").await.status, 200);
        assert_eq!(client.get("/readyz").await.status, 200);
    }
}
