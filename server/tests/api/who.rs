//! Who sees patients and where, the first free slot among them, and private links.

use serde_json::{Value, json};

use crate::client::Client;
use crate::served::{Served, hold_of, practice, text};

/// A practice of two practitioners at one place, each with a calendar.
async fn two_at_one_place(client: &mut Client) -> (String, [String; 2]) {
    let place = json!({"name": "Maison de santé", "department": "974"});
    let place = client.post("/v1/places", &place).await.ok(201);
    let place = text(&place, "place_id").to_owned();
    let mut calendars = Vec::new();
    for (name, specialty) in [("Dr Ada Martin", "cardiology"), ("Dr Bob Noël", "dermatology")] {
        let profile = json!({"name": name, "specialty": specialty, "languages": ["fr"]});
        let who = client.post("/v1/practitioners", &profile).await.ok(201);
        let mut calendar = practice();
        calendar["practitioner_id"] = who["practitioner_id"].clone();
        calendar["place_id"] = json!(place);
        let made = client.post("/v1/calendars", &calendar).await.ok(201);
        assert_eq!(made["place_id"], json!(place));
        calendars.push(text(&made, "calendar_id").to_owned());
    }
    (place, [calendars.remove(0), calendars.remove(0)])
}

fn ids(page: &Value) -> Vec<&str> {
    page["calendars"].as_array().unwrap().iter().map(|it| text(it, "calendar_id")).collect()
}

#[tokio::test]
async fn calendars_are_found_by_who_and_where() {
    let served = Served::new().await;
    let mut client = served.client().await;
    let other = served.calendar(&practice()).await;
    let (place, [ada, bob]) = two_at_one_place(&mut client).await;
    let found = client.get(&format!("/v1/calendars?place_id={place}")).await.ok(200);
    let mut expected = [ada.as_str(), bob.as_str()];
    expected.sort_unstable();
    assert_eq!(ids(&found), expected);
    // By the department of the place, and by the specialty of who is seen.
    let found = client.get("/v1/calendars?department=974&specialty=cardiology").await.ok(200);
    assert_eq!(ids(&found), [ada.as_str()]);
    let who = text(&found["calendars"][0], "practitioner_id").to_owned();
    // What a profile says can change, and counts at once.
    let profile = json!({"name": "Dr Ada Martin", "specialty": "rhythmology", "sector": "two"});
    client.send("PUT", &format!("/v1/practitioners/{who}"), &[], Some(&profile)).await.ok(200);
    let none = client.get("/v1/calendars?specialty=cardiology").await.ok(200);
    assert_eq!(ids(&none), [""; 0]);
    let found = client.get("/v1/practitioners?specialty=rhythmology&sector=two").await.ok(200);
    assert_eq!(found["practitioners"][0]["practitioner_id"], json!(who));
    // A calendar that was there before is given its practitioner.
    let at = format!("/v1/calendars/{other}");
    let change = json!({"practitioner_id": who});
    client.send("PATCH", &at, &[("If-Match", "*")], Some(&change)).await.ok(200);
    let found = client.get(&format!("/v1/calendars?practitioner_id={who}")).await.ok(200);
    assert_eq!(found["calendars"].as_array().unwrap().len(), 2);

    let nobody = "prac_00000000000000000000000000";
    let mut wrong = practice();
    wrong["practitioner_id"] = json!(nobody);
    client.post("/v1/calendars", &wrong).await.problem(404, "unknown_practitioner");
    client.get(&format!("/v1/practitioners/{nobody}")).await.problem(404, "unknown_practitioner");
    client.get("/v1/places/here").await.problem(404, "unknown_place");
    let twice = json!({"name": "N", "languages": ["fr", "fr"]});
    client.post("/v1/practitioners", &twice).await.problem(400, "invalid_request");
}

#[tokio::test]
async fn the_first_free_slot_is_one_hold_and_never_two() {
    let served = Served::new().await;
    let mut client = served.client().await;
    let (place, calendars) = two_at_one_place(&mut client).await;
    // Two slots at eight, then two at a quarter past.
    let mut seen = Vec::new();
    for who in ["ada", "bob", "eve"] {
        let asked = json!({"place_id": place, "reason": "check-up", "patient_id": who});
        let held = client.post("/v1/holds/first", &asked).await.ok(201);
        assert!(calendars.iter().any(|id| held["calendar_id"] == json!(id)));
        seen.push((text(&held, "start").to_owned(), text(&held, "calendar_id").to_owned()));
    }
    assert_eq!(seen[0].0, "2027-03-22T08:00:00+01:00");
    assert_eq!(seen[1].0, seen[0].0);
    assert_ne!(seen[1].1, seen[0].1);
    assert_eq!(seen[2].0, "2027-03-22T08:15:00+01:00");
    // Ten at once of one patient are one hold.
    let asked = json!({"calendar_ids": calendars, "reason": "check-up", "patient_id": "zoe"});
    let mut holds = Vec::new();
    let mut clients = Vec::new();
    for _ in 0..10 {
        let mut client = served.client().await;
        client.start("POST", "/v1/holds/first", &[], Some(&asked.to_string())).await;
        clients.push(client);
    }
    for client in &mut clients {
        let answer = client.answer(false).await;
        holds.push((text(&answer.json(), "hold_id").to_owned(), answer.status));
    }
    assert!(holds.iter().all(|(hold, _)| *hold == holds[0].0), "{holds:?}");
    assert_eq!(holds.iter().filter(|(_, status)| *status == 201).count(), 1);
    // A repeat under a key is told the same.
    let key = [("Idempotency-Key", "first-1")];
    let asked = json!({"place_id": place, "reason": "check-up", "patient_id": "max"});
    let first = client.send("POST", "/v1/holds/first", &key, Some(&asked)).await.ok(201);
    assert_eq!(client.send("POST", "/v1/holds/first", &key, Some(&asked)).await.ok(201), first);
    let room = served.calendar(&practice()).await;
    let asked =
        json!({"place_id": place, "reason": "check-up", "patient_id": "ron", "with": [room]});
    assert_eq!(client.post("/v1/holds/first", &asked).await.ok(201)["with"], json!([room]));

    for (wrong, status, code) in [
        (json!({"reason": "check-up", "patient_id": "p"}), 400, "invalid_request"),
        (
            json!({"place_id": "here", "reason": "check-up", "patient_id": "p"}),
            404,
            "unknown_place",
        ),
        (json!({"place_id": place, "reason": "none", "patient_id": "p"}), 422, "unknown_reason"),
    ] {
        client.post("/v1/holds/first", &wrong).await.problem(status, code);
    }
}

#[tokio::test]
async fn a_private_link_follows_what_happens_until_it_is_ended() {
    let served = Served::new().await;
    let mut client = served.client().await;
    let calendar = served.calendar(&practice()).await;
    let mut booked = Vec::new();
    for (start, who) in [("2027-03-23T09:00:00+01:00", "ada"), ("2027-03-23T10:00:00+01:00", "bob")]
    {
        let hold = client.post("/v1/holds", &hold_of(&calendar, start, who)).await.ok(201);
        let confirm = format!("/v1/holds/{}/confirm", text(&hold, "hold_id"));
        let done = client.send("POST", &confirm, &[], None).await.ok(201);
        booked.push(text(&done, "appointment_id").to_owned());
    }
    let at = format!("/v1/calendars/{calendar}/links");
    let key = [("Idempotency-Key", "all-of-it")];
    let all = client.send("POST", &at, &key, None).await.ok(201);
    // The address is told once.
    let again = client.send("POST", &at, &key, None).await.ok(201);
    assert_eq!(again, json!({"link_id": all["link_id"], "calendar_id": calendar}));
    let own = client.post("/v1/appointments/links", &json!({"patient_id": "ada"})).await.ok(201);
    assert_eq!((&all["calendar_id"], own.get("calendar_id")), (&json!(calendar), None));
    let path = |link: &Value| text(link, "path").to_owned();
    let file = async |client: &mut Client, link: &Value| {
        let file = client.get(&path(link)).await;
        assert_eq!(file.status, 200);
        String::from_utf8(file.body).unwrap()
    };
    let text_of = file(&mut client, &all).await;
    assert!(booked.iter().all(|id| text_of.contains(&format!("UID:{id}@creneau"))));
    assert!(!text_of.contains("ada") && !text_of.contains("bob"), "no patient is named");
    let text_of = file(&mut client, &own).await;
    assert_eq!(text_of.matches("BEGIN:VEVENT").count(), 1);

    let ada = format!("/v1/appointments/{}", booked[0]);
    client
        .post(&format!("{ada}/move"), &json!({"start": "2027-03-24T09:00:00+01:00"}))
        .await
        .ok(200);
    assert!(file(&mut client, &own).await.contains("DTSTART:20270324T080000Z"));
    client.delete(&ada).await.ok(200);
    let text_of = file(&mut client, &own).await;
    assert!(text_of.contains("STATUS:CANCELLED") && text_of.contains("SEQUENCE:2"), "{text_of}");
    assert_eq!(file(&mut client, &all).await.matches("BEGIN:VEVENT").count(), 1);

    let end = format!("/v1/links/{}", text(&own, "link_id"));
    assert_eq!(client.delete(&end).await.status, 204);
    client.get(&path(&own)).await.problem(404, "unknown_link");
    client.delete(&end).await.problem(404, "unknown_link");
    assert_eq!(client.get(&path(&all)).await.status, 200);
    // The id of a link is not its secret.
    let guess = format!("/v1/files/{}/calendar.ics", text(&all, "link_id"));
    client.get(&guess).await.problem(404, "unknown_link");
}
