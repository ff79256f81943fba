//! Waiting lists: what comes free is offered in the order in which people came.

use serde_json::{Value, json};

use crate::client::Client;
use crate::served::{Served, hold_of, practice, text};

fn monday(time: &str) -> String {
    format!("2027-03-22T{time}:00+01:00")
}

async fn booked(c: &mut Client, calendar: &str, time: &str, who: &str) -> String {
    let held = c.post("/v1/holds", &hold_of(calendar, &monday(time), who)).await.ok(201);
    let confirm = format!("/v1/holds/{}/confirm", text(&held, "hold_id"));
    let booked = c.post(&confirm, &json!({})).await.ok(201);
    text(&booked, "appointment_id").to_owned()
}

async fn waits(c: &mut Client, calendar: &str, who: &str, more: &[(&str, Value)]) -> String {
    let mut wanted = json!({"calendar_ids": [calendar], "reason": "check-up", "patient_id": who});
    for (field, value) in more {
        wanted[field] = value.clone();
    }
    let wish = c.post("/v1/wishes", &wanted).await.ok(201);
    format!("/v1/wishes/{}", text(&wish, "wish_id"))
}

async fn list(c: &mut Client, wish: &str) -> Value {
    c.get(wish).await.ok(200)["lists"][0].clone()
}

#[tokio::test]
async fn something_earlier_comes_free() {
    let served = Served::new().await;
    let calendar = served.calendar(&practice()).await;
    let mut client = served.client().await;
    let c = &mut client;
    let eve = booked(c, &calendar, "09:00", "eve").await;
    let later = booked(c, &calendar, "16:00", "ada").await;
    let ada = waits(c, &calendar, "ada", &[("instead_of", json!(later))]).await;
    let bob = waits(c, &calendar, "bob", &[("booked_by", json!("kim"))]).await;
    let kim = waits(c, &calendar, "kim", &[("hours", json!({"friday": ["08:00-12:00"]}))]).await;
    c.delete(&format!("/v1/appointments/{eve}")).await.ok(200);
    let offer = list(c, &ada).await["offer"].clone();
    assert_eq!((&offer["start"], &offer["offer_for"]), (&json!(monday("09:00")), &json!(later)));
    assert!(text(&offer, "expires_at").starts_with("2027-03-22T07:30:00"), "{offer}");
    assert_eq!(list(c, &kim).await.get("offer"), None);
    let due = c.get("/v1/due").await.ok(200);
    let offers = due["due"].as_array().unwrap().iter().filter(|due| due["kind"] == "offer");
    assert_eq!(offers.count(), 1, "it is told once");
    c.post("/v1/holds", &hold_of(&calendar, &monday("09:00"), "zoe"))
        .await
        .problem(409, "slot_taken");

    // She declines, and keeps what she has; he takes it.
    assert_eq!(c.delete(&format!("/v1/holds/{}", text(&offer, "hold_id"))).await.status, 204);
    assert_eq!(c.get(&format!("/v1/appointments/{later}")).await.ok(200)["start"], monday("16:00"));
    let offer = list(c, &bob).await["offer"].clone();
    let accept = format!("/v1/holds/{}/accept", text(&offer, "hold_id"));
    c.post(&accept, &json!({"by": "bob"})).await.problem(403, "not_yours");
    let taken = c.post(&accept, &json!({"by": "kim"})).await.ok(200);
    let granted = list(c, &bob).await;
    assert_eq!(
        (&granted["status"], &granted["appointment_id"]),
        (&json!("granted"), &taken["appointment_id"])
    );
}

#[tokio::test]
async fn a_wish_is_refused_where_it_makes_no_sense() {
    let served = Served::new().await;
    let calendar = served.calendar(&practice()).await;
    let mut client = served.client().await;
    let c = &mut client;
    let wish = |more: &[(&str, Value)]| {
        let mut wanted =
            json!({"calendar_ids": [calendar], "reason": "check-up", "patient_id": "ada"});
        for (field, value) in more {
            wanted[field] = value.clone();
        }
        wanted
    };
    let appointment = booked(c, &calendar, "16:00", "bob").await;
    for (more, status, code) in [
        (vec![("calendar_ids", json!(["cal_0"]))], 404, "unknown_calendar"),
        (vec![("place_id", json!("place_0"))], 404, "unknown_place"),
        (vec![("reason", json!("none"))], 422, "unknown_reason"),
        (vec![("instead_of", json!("appt_0"))], 404, "unknown_appointment"),
        (vec![("instead_of", json!(appointment))], 404, "unknown_appointment"),
        (vec![("calendar_ids", json!([]))], 400, "invalid_request"),
        (vec![("until", json!("2027-03-01"))], 400, "invalid_request"),
        (vec![("wished", json!(true))], 400, "invalid_request"),
    ] {
        c.post("/v1/wishes", &wish(&more)).await.problem(status, code);
    }
    for hours in ["08:00-09:00", "09:00-10:00", "10:00-11:00"] {
        waits(c, &calendar, "ada", &[("hours", json!({"monday": [hours]}))]).await;
    }
    c.post("/v1/wishes", &wish(&[])).await.problem(409, "too_many_wishes");
    let bob = waits(c, &calendar, "bob", &[]).await;
    c.send("DELETE", &bob, &[], Some(&json!({"by": "eve"}))).await.problem(403, "not_yours");
    c.delete("/v1/wishes/wish_0").await.problem(404, "unknown_wish");
    c.get("/v1/wishes/wish_0").await.problem(404, "unknown_wish");
}
