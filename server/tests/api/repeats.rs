//! Repeats under an idempotency key: the first outcome, with its status.

use serde_json::{Value, json};

use crate::client::{Answer, Client};
use crate::served::{Served, hold_of, practice, text};

const NINE: &str = "2027-03-22T09:00:00+01:00";
const TEN: &str = "2027-03-22T10:00:00+01:00";

async fn keyed(
    client: &mut Client,
    key: &str,
    method: &str,
    path: &str,
    body: Option<&Value>,
) -> Answer {
    let headers = [("Idempotency-Key", key), ("If-Match", "\"1\"")];
    client.send(method, path, &headers, body).await
}

/// The first outcome, whatever has happened since.
fn assert_same(first: &Answer, again: &Answer) {
    assert_eq!((again.status, &again.body), (first.status, &first.body));
    assert_eq!(again.header("location"), first.header("location"));
}

#[tokio::test]
async fn a_repeat_gets_the_first_outcome_whatever_has_happened_since() {
    let served = Served::new().await;
    let mut client = served.client().await;
    let client = &mut client;
    let mut kept: Vec<(&str, &str, String, Option<Value>, Answer)> = Vec::new();

    let body = practice();
    let created = keyed(client, "k-create", "POST", "/v1/calendars", Some(&body)).await;
    let calendar = text(&created.ok(201), "calendar_id").to_owned();
    kept.push(("k-create", "POST", "/v1/calendars".to_owned(), Some(body), created));

    let body = hold_of(&calendar, NINE, "ada");
    let held = keyed(client, "k-hold", "POST", "/v1/holds", Some(&body)).await;
    let hold = text(&held.ok(201), "hold_id").to_owned();
    kept.push(("k-hold", "POST", "/v1/holds".to_owned(), Some(body), held));

    let path = format!("/v1/holds/{hold}/confirm");
    let confirmed = keyed(client, "k-confirm", "POST", &path, None).await;
    let appointment = text(&confirmed.ok(201), "appointment_id").to_owned();
    kept.push(("k-confirm", "POST", path, None, confirmed));

    let path = format!("/v1/appointments/{appointment}/move");
    let body = json!({"start": TEN});
    let moved = keyed(client, "k-move", "POST", &path, Some(&body)).await;
    assert_eq!(moved.ok(200)["start"], TEN);
    kept.push(("k-move", "POST", path, Some(body), moved));

    let path = format!("/v1/appointments/{appointment}");
    let cancelled = keyed(client, "k-cancel", "DELETE", &path, None).await;
    assert_eq!(cancelled.ok(200)["status"], "cancelled");
    kept.push(("k-cancel", "DELETE", path, None, cancelled));

    let other = client.post("/v1/holds", &hold_of(&calendar, NINE, "ada")).await.ok(201);
    let path = format!("/v1/holds/{}", text(&other, "hold_id"));
    let released = keyed(client, "k-release", "DELETE", &path, None).await;
    assert_eq!(released.status, 204);
    kept.push(("k-release", "DELETE", path, None, released));

    let path = format!("/v1/calendars/{calendar}");
    let body = json!({"lanes": 4});
    let changed = keyed(client, "k-change", "PATCH", &path, Some(&body)).await;
    assert_eq!(changed.ok(200)["version"], 2);
    kept.push(("k-change", "PATCH", path, Some(body), changed));

    for (key, method, path, body, first) in &kept {
        let again = keyed(client, key, method, path, body.as_ref()).await;
        assert_same(first, &again);
    }
    // Every key is spent for every other request, be it another path, method or body.
    for (key, ..) in &kept {
        for (other, method, path, body, _) in &kept {
            if key != other {
                let reused = keyed(client, key, method, path, body.as_ref()).await;
                reused.problem(422, "idempotency_key_reused");
            }
        }
    }
    let body = hold_of(&calendar, TEN, "ada");
    let reused = keyed(client, "k-hold", "POST", "/v1/holds", Some(&body)).await;
    reused.problem(422, "idempotency_key_reused");
}

#[tokio::test]
async fn a_repeat_tells_bodies_apart_by_what_they_say() {
    let served = Served::new().await;
    let calendar = served.calendar(&practice()).await;
    let mut client = served.client().await;
    let body = hold_of(&calendar, NINE, "ada");
    let held = keyed(&mut client, "k", "POST", "/v1/holds", Some(&body)).await;
    held.ok(201);
    // The same instant in another offset is the same wish.
    let body = hold_of(&calendar, "2027-03-22T08:00:00Z", "ada");
    let again = keyed(&mut client, "k", "POST", "/v1/holds", Some(&body)).await;
    assert_same(&held, &again);
}

#[tokio::test]
async fn a_refusal_is_not_remembered() {
    let served = Served::new().await;
    let calendar = served.calendar(&practice()).await;
    let mut client = served.client().await;
    let other = client.post("/v1/holds", &hold_of(&calendar, NINE, "bob")).await.ok(201);
    let body = hold_of(&calendar, NINE, "ada");
    let refused = keyed(&mut client, "k", "POST", "/v1/holds", Some(&body)).await;
    refused.problem(409, "slot_taken");
    client.delete(&format!("/v1/holds/{}", text(&other, "hold_id"))).await;
    keyed(&mut client, "k", "POST", "/v1/holds", Some(&body)).await.ok(201);
}

#[tokio::test]
async fn keys_have_a_shape() {
    let served = Served::new().await;
    let calendar = served.calendar(&practice()).await;
    let mut client = served.client().await;
    let body = hold_of(&calendar, NINE, "ada");
    let long = "k".repeat(65);
    for wrong in ["", "two words", long.as_str(), "é"] {
        let refused = keyed(&mut client, wrong, "POST", "/v1/holds", Some(&body)).await;
        let problem = refused.problem(400, "invalid_request");
        assert_eq!(problem["errors"][0]["field"], "Idempotency-Key", "{wrong}");
    }
    let twice = [("Idempotency-Key", "a"), ("Idempotency-Key", "b")];
    let refused = client.send("POST", "/v1/holds", &twice, Some(&body)).await;
    refused.problem(400, "invalid_request");
    let longest = "~".repeat(64);
    keyed(&mut client, &longest, "POST", "/v1/holds", Some(&body)).await.ok(201);
}
