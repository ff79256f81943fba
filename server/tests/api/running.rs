//! Running a practice: holds that last longer, marks, delays, blocked time, overflow and offers.

use serde_json::{Value, json};

use crate::client::Client;
use crate::served::{Served, hold_of, practice, text};

fn monday(time: &str) -> String {
    format!("2027-03-22T{time}:00+01:00")
}

async fn held(c: &mut Client, calendar: &str, time: &str, who: &str) -> String {
    let held = c.post("/v1/holds", &hold_of(calendar, &monday(time), who)).await.ok(201);
    text(&held, "hold_id").to_owned()
}

async fn booked(c: &mut Client, calendar: &str, time: &str, who: &str) -> String {
    let hold = held(c, calendar, time, who).await;
    let booked = c.post(&format!("/v1/holds/{hold}/confirm"), &json!({})).await.ok(201);
    format!("/v1/appointments/{}", text(&booked, "appointment_id"))
}

#[tokio::test]
async fn a_hold_is_renewed_once() {
    let served = Served::new().await;
    let calendar = served.calendar(&practice()).await;
    let mut client = served.client().await;
    let hold = held(&mut client, &calendar, "09:00", "ada").await;
    let at = format!("/v1/holds/{hold}");
    assert_eq!(client.get(&at).await.ok(200)["renewals_left"], 1);
    client.post(&format!("{at}/renew"), &json!({"by": "bob"})).await.problem(403, "not_yours");
    let renewed = client.post(&format!("{at}/renew"), &json!({"by": "ada"})).await.ok(200);
    assert_eq!(renewed["renewals_left"], 0);
    assert_eq!(client.get(&at).await.ok(200), renewed);
    client.post(&format!("{at}/renew"), &json!({})).await.problem(409, "no_renewal_left");
    client.post(&format!("{at}/confirm"), &json!({})).await.ok(201);
    client.post(&format!("{at}/renew"), &json!({})).await.problem(409, "hold_confirmed");
}

#[tokio::test]
async fn a_practice_says_what_it_sees() {
    let served = Served::new().await;
    let calendar = served.calendar(&practice()).await;
    let mut client = served.client().await;
    let c = &mut client;
    let ada = booked(c, &calendar, "09:00", "ada").await;
    let late = c.post(&format!("/v1/calendars/{calendar}/delay"), &json!({"minutes": 20})).await;
    assert_eq!(late.ok(200)["minutes"], 20);
    assert_eq!(c.get(&ada).await.ok(200)["late_minutes"], 20);
    let tomorrow = hold_of(&calendar, "2027-03-23T09:00:00+01:00", "bob");
    let hold = c.post("/v1/holds", &tomorrow).await.ok(201);
    let confirm = format!("/v1/holds/{}/confirm", text(&hold, "hold_id"));
    let bob = c.post(&confirm, &json!({})).await.ok(201);
    let bob = format!("/v1/appointments/{}", text(&bob, "appointment_id"));
    assert_eq!(c.get(&bob).await.ok(200).get("late_minutes"), None, "of today alone");

    let mark = |status: &str| json!({"status": status});
    c.post(&format!("{bob}/mark"), &mark("arrived")).await.problem(409, "not_yet");
    c.post(&format!("{ada}/mark"), &mark("fulfilled")).await.problem(409, "not_yet");
    let there = c.post(&format!("{ada}/mark"), &mark("arrived")).await.ok(200);
    assert_eq!(there["status"], "arrived");
    assert_eq!(c.post(&format!("{ada}/mark"), &mark("arrived")).await.ok(200)["status"], "arrived");
    c.delete(&ada).await.problem(409, "not_changeable");
    c.post(&format!("{ada}/mark"), &mark("gone")).await.problem(400, "invalid_request");
}

#[tokio::test]
async fn time_is_blocked_and_double_booked_on_purpose_alone() {
    let served = Served::new().await;
    let mut definition = practice();
    definition["overflow_lanes"] = json!(1);
    let calendar = served.calendar(&definition).await;
    let mut client = served.client().await;
    let c = &mut client;
    booked(c, &calendar, "09:00", "ada").await;
    let twice = hold_of(&calendar, &monday("09:00"), "bob");
    c.post("/v1/holds", &twice).await.problem(409, "slot_taken");
    let mut over = twice.clone();
    over["overflow"] = json!(true);
    c.post("/v1/holds", &over).await.problem(400, "invalid_request");
    over["practice"] = json!(true);
    c.post("/v1/holds", &over).await.ok(201);
    over["patient_id"] = json!("eve");
    c.post("/v1/holds", &over).await.problem(409, "slot_taken");

    let absences = format!("/v1/calendars/{calendar}/absences");
    let mut stretch = json!({
        "from": monday("08:30"), "until": monday("10:00"), "label": "Training", "only_free": true,
    });
    c.post(&absences, &stretch).await.problem(409, "not_free");
    stretch["only_free"] = json!(false);
    let changed = c.post(&absences, &stretch).await.ok(200);
    assert_eq!(changed["outside"].as_array().unwrap().len(), 2);
    assert_eq!(changed["absences"][0]["label"], "Training");
    let late = hold_of(&calendar, &monday("09:30"), "kim");
    c.post("/v1/holds", &late).await.problem(422, "outside_openings");
}

#[tokio::test]
async fn a_half_day_moves_by_offers() {
    let served = Served::new().await;
    let calendar = served.calendar(&practice()).await;
    let mut definition = practice();
    definition["reasons"] = json!([{"id": "check-up", "name": "Check-up", "duration_minutes": 20}]);
    let other = served.calendar(&definition).await;
    let mut client = served.client().await;
    let c = &mut client;
    let ada = booked(c, &calendar, "09:00", "ada").await;
    let bob = booked(c, &calendar, "09:15", "bob").await;
    let wanted = json!({
        "from": monday("08:00"), "until": monday("12:00"), "calendar_ids": [other],
        "earliest": monday("14:00"), "days": 1, "answer_minutes": 60,
    });
    let offers = format!("/v1/calendars/{calendar}/offers");
    let offered = c.post(&offers, &wanted).await.ok(200);
    assert_eq!(c.post(&offers, &wanted).await.ok(200), offered, "made once");
    assert_eq!(offered["without"], json!([]));
    let hold = |place: usize| offered["offers"][place]["hold"].clone();
    assert_eq!(hold(0)["start"], monday("14:00"));
    assert_eq!(hold(1)["start"], monday("14:20"));
    let at = format!("/v1/holds/{}", text(&hold(0), "hold_id"));
    c.post(&format!("{at}/confirm"), &json!({})).await.problem(409, "is_offer");
    c.post(&format!("{at}/accept"), &json!({"by": "eve"})).await.problem(403, "not_yours");
    let moved = c.post(&format!("{at}/accept"), &json!({"by": "ada"})).await.ok(200);
    assert_eq!((&moved["start"], &moved["calendar_id"]), (&json!(monday("14:00")), &json!(other)));
    assert_eq!(c.get(&ada).await.ok(200), moved);
    assert_eq!(c.post(&format!("{at}/accept"), &json!({})).await.ok(200), moved);
    let spent = c.get(&at).await.ok(200);
    assert_eq!(
        (&spent["status"], &spent["appointment_id"]),
        (&json!("confirmed"), &moved["appointment_id"])
    );
    // What it has left is free, and what nobody took is where it was.
    held(c, &calendar, "09:00", "kim").await;
    assert_eq!(c.get(&bob).await.ok(200)["start"], monday("09:15"));
    let declined = format!("/v1/holds/{}", text(&hold(1), "hold_id"));
    assert_eq!(c.delete(&declined).await.status, 204);
    c.post(&format!("{declined}/accept"), &json!({})).await.problem(410, "hold_released");
}

#[tokio::test]
async fn a_slot_is_offered_to_a_patient() {
    let served = Served::new().await;
    let calendar = served.calendar(&practice()).await;
    let mut client = served.client().await;
    let c = &mut client;
    let offer = |time: &str, more: Value| {
        let mut offer =
            json!({"calendar_id": calendar, "start": monday(time), "answer_minutes": 5});
        offer.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        offer
    };
    let to_ada = json!({"patient_id": "ada", "reason": "check-up"});
    let made = c.post("/v1/offers", &offer("09:00", to_ada.clone())).await.ok(201);
    assert!(text(&made, "expires_at").starts_with("2027-03-22T07:05:00"), "{made}");
    assert_eq!(made["renewals_left"], 0);
    // It stands in the way of nothing that she books herself.
    held(c, &calendar, "10:00", "ada").await;
    let accept = format!("/v1/holds/{}/accept", text(&made, "hold_id"));
    let taken = c.post(&accept, &json!({"by": "ada"})).await.ok(200);
    assert_eq!(taken["status"], "booked");
    let appointment = taken["appointment_id"].clone();
    let both = json!({"offer_for": appointment, "patient_id": "ada"});
    c.post("/v1/offers", &offer("11:00", both)).await.problem(400, "invalid_request");
    let better = json!({"offer_for": appointment});
    let made = c.post("/v1/offers", &offer("11:00", better)).await.ok(201);
    assert_eq!(made["offer_for"], appointment);
    c.post("/v1/offers", &offer("11:00", json!({"offer_for": "appt_0"})))
        .await
        .problem(404, "unknown_appointment");
}
