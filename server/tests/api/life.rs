//! The life of a booking, from the look-up to the cancellation.

use serde_json::json;

use crate::served::{Served, hold_of, practice, text};

#[tokio::test]
async fn a_booking_lives_its_whole_life() {
    let served = Served::new().await;
    let calendar = served.calendar(&practice()).await;
    let mut client = served.client().await;

    let slots = client.get(&format!("/v1/calendars/{calendar}/slots?reason=check-up")).await;
    let slots = slots.ok(200);
    let start = text(&slots["slots"][0], "start").to_owned();
    assert_eq!(start, "2027-03-22T08:00:00+01:00");
    assert_eq!(slots["slots"][0]["end"], "2027-03-22T08:15:00+01:00");
    assert_eq!(slots["slots"][0]["free"], 1);

    let held = client.post("/v1/holds", &hold_of(&calendar, &start, "ada")).await;
    let hold = held.ok(201);
    let hold_id = text(&hold, "hold_id").to_owned();
    assert_eq!(held.header("location"), Some(format!("/v1/holds/{hold_id}").as_str()));
    assert_eq!(held.header("cache-control"), Some("no-store"));
    assert_eq!((&hold["start"], &hold["status"]), (&json!(start), &json!("held")));
    assert!(text(&hold, "expires_at").starts_with("2027-03-22T07:15:00"), "{hold}");
    assert_eq!(hold.get("patient_id"), None);

    let again = client.post("/v1/holds", &hold_of(&calendar, &start, "ada")).await.ok(200);
    assert_eq!(again, hold);
    let read = client.get(&format!("/v1/holds/{hold_id}")).await.ok(200);
    assert_eq!(read, hold);

    let confirm = format!("/v1/holds/{hold_id}/confirm");
    let confirmed = client.send("POST", &confirm, &[], None).await;
    let booked = confirmed.ok(201);
    let appointment_id = text(&booked, "appointment_id").to_owned();
    let at = format!("/v1/appointments/{appointment_id}");
    assert_eq!(confirmed.header("location"), Some(at.as_str()));
    assert_eq!(booked["status"], "booked");
    assert_eq!(booked.get("patient_id"), None);
    assert_eq!(client.post(&confirm, &json!({})).await.ok(200), booked);
    assert_eq!(client.get(&at).await.ok(200), booked);
    let spent = client.get(&format!("/v1/holds/{hold_id}")).await.ok(200);
    assert_eq!(
        (&spent["status"], &spent["appointment_id"]),
        (&json!("confirmed"), &json!(appointment_id))
    );

    let moved = client.post(&format!("{at}/move"), &json!({"start": "2027-03-29T14:00:00Z"})).await;
    let moved = moved.ok(200);
    // The clocks have gone forward in between.
    assert_eq!(moved["start"], "2027-03-29T16:00:00+02:00");
    assert_eq!(moved["appointment_id"], json!(appointment_id));
    let other = client.post("/v1/holds", &hold_of(&calendar, &start, "bob")).await;
    other.ok(201);

    let cancelled = client.delete(&at).await.ok(200);
    assert_eq!((&cancelled["status"], &cancelled["start"]), (&json!("cancelled"), &moved["start"]));
    assert_eq!(client.delete(&at).await.ok(200), cancelled);
    // What was confirmed is answered as it now is.
    assert_eq!(client.post(&confirm, &json!({})).await.ok(200), cancelled);
}

#[tokio::test]
async fn a_released_hold_frees_its_slot() {
    let served = Served::new().await;
    let calendar = served.calendar(&practice()).await;
    let mut client = served.client().await;
    let nine = "2027-03-22T09:00:00+01:00";
    let hold = client.post("/v1/holds", &hold_of(&calendar, nine, "ada")).await.ok(201);
    let at = format!("/v1/holds/{}", text(&hold, "hold_id"));
    for _ in 0..2 {
        let released = client.delete(&at).await;
        assert_eq!((released.status, released.body.len()), (204, 0));
    }
    let read = client.get(&at).await.ok(200);
    assert_eq!((&read["status"], read.get("expires_at")), (&json!("released"), None));
    client.post("/v1/holds", &hold_of(&calendar, nine, "bob")).await.ok(201);
}

#[tokio::test]
async fn appointments_are_found_by_their_patient_oldest_first() {
    let served = Served::new().await;
    let mut client = served.client().await;
    let mut booked = Vec::new();
    for start in
        ["2027-03-24T09:00:00+01:00", "2027-03-22T09:00:00+01:00", "2027-03-30T09:00:00+02:00"]
    {
        let calendar = served.calendar(&practice()).await;
        let hold = client.post("/v1/holds", &hold_of(&calendar, start, "ada")).await.ok(201);
        let confirm = format!("/v1/holds/{}/confirm", text(&hold, "hold_id"));
        booked.push(client.send("POST", &confirm, &[], None).await.ok(201));
    }
    booked.swap(0, 1);
    let search = "/v1/appointments/search";
    let all = client.post(search, &json!({"patient_id": "ada"})).await.ok(200);
    assert_eq!(all, json!({"appointments": booked}));

    let mut paged = Vec::new();
    let mut asked = json!({"patient_id": "ada", "limit": 2});
    loop {
        let page = client.post(search, &asked).await.ok(200);
        paged.extend(page["appointments"].as_array().unwrap().clone());
        match page.get("next") {
            Some(next) => asked["cursor"] = next.clone(),
            None => break,
        }
    }
    assert_eq!(paged, booked);
    let nobody = client.post(search, &json!({"patient_id": "nobody"})).await.ok(200);
    assert_eq!(nobody, json!({"appointments": []}));
}

#[tokio::test]
async fn an_appointment_moves_to_another_calendar_or_stays() {
    let served = Served::new().await;
    let (from, to) = (served.calendar(&practice()).await, served.calendar(&practice()).await);
    let mut client = served.client().await;
    let (nine, ten) = ("2027-03-22T09:00:00+01:00", "2027-03-22T10:00:00+01:00");
    let hold = client.post("/v1/holds", &hold_of(&from, nine, "ada")).await.ok(201);
    let confirm = format!("/v1/holds/{}/confirm", text(&hold, "hold_id"));
    let booked = client.send("POST", &confirm, &[], None).await.ok(201);
    let at = format!("/v1/appointments/{}", text(&booked, "appointment_id"));
    client.post("/v1/holds", &hold_of(&to, ten, "bob")).await.ok(201);

    let taken = client.post(&format!("{at}/move"), &json!({"start": ten, "calendar_id": to})).await;
    let taken = taken.problem(409, "slot_taken");
    assert_eq!(taken["alternatives"].as_array().unwrap().len(), 3);
    assert!(
        taken["alternatives"].as_array().unwrap().iter().all(|s| s["calendar_id"] == json!(to))
    );
    assert_eq!(client.get(&at).await.ok(200), booked);

    let moved =
        client.post(&format!("{at}/move"), &json!({"start": nine, "calendar_id": to})).await;
    let moved = moved.ok(200);
    assert_eq!((&moved["calendar_id"], &moved["start"]), (&json!(to), &json!(nine)));
    client.post("/v1/holds", &hold_of(&from, nine, "cleo")).await.ok(201);
}

#[tokio::test]
async fn the_server_says_that_it_lives_and_what_it_is() {
    let served = Served::new().await;
    let mut client = served.client().await;
    client.get("/livez").await.ok(200);
    client.get("/readyz").await.ok(200);
    let version = client.get("/version").await.ok(200);
    assert_eq!(version["version"], env!("CARGO_PKG_VERSION"));
    let head = client.send("HEAD", "/version", &[], None).await;
    assert_eq!(head.status, 200);
    assert_eq!(head.header("content-length"), Some(version.to_string().len().to_string().as_str()));
    client.get("/livez").await.ok(200);
}
