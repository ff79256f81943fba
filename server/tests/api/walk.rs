//! A walk through every operation of the OpenAPI document, with its own examples: each works, and
//! each refuses. The client holds every exchange against the document.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::client::Client;
use crate::document::document;
use crate::served::{Served, practice as calendar_of, text};

/// The example of an operation, with something else in place of a field.
fn example(id: &str, field: &str, value: &str) -> Value {
    let mut body = document().example(id);
    body[field] = json!(value);
    body
}

/// The paths of operations, with ids that are there.
struct Ids {
    calendar: String,
    hold: String,
    appointment: String,
    practitioner: String,
    place: String,
    link: String,
    secret: String,
    wish: String,
    campaign: String,
    delivery: String,
}

impl Ids {
    fn path(&self, template: &str) -> String {
        template
            .replace("{calendar_id}", &self.calendar)
            .replace("{hold_id}", &self.hold)
            .replace("{appointment_id}", &self.appointment)
            .replace("{practitioner_id}", &self.practitioner)
            .replace("{place_id}", &self.place)
            .replace("{link_id}", &self.link)
            .replace("{secret}", &self.secret)
            .replace("{wish_id}", &self.wish)
            .replace("{campaign_id}", &self.campaign)
            .replace("{delivery_id}", &self.delivery)
            .replace("{file}", "docs.js")
    }
}

/// Works the operations of who and where, and gives the ids that they leave.
async fn work_register(client: &mut Client, calendar: &str) -> [String; 4] {
    let at = format!("/v1/calendars/{calendar}");
    let who = client.post("/v1/practitioners", &document().example("addPractitioner")).await;
    let practitioner = text(&who.ok(201), "practitioner_id").to_owned();
    let place = client.post("/v1/places", &document().example("addPlace")).await.ok(201);
    let place = text(&place, "place_id").to_owned();
    for (path, id) in [
        (format!("/v1/practitioners/{practitioner}"), "changePractitioner"),
        (format!("/v1/places/{place}"), "changePlace"),
    ] {
        client.send("PUT", &path, &[], Some(&document().example(id))).await.ok(200);
        client.get(&path).await.ok(200);
    }
    client.get("/v1/practitioners?specialty=general%20practice&language=fr&limit=5").await.ok(200);
    client.get("/v1/places?department=75").await.ok(200);
    let linked = client.send("POST", &format!("{at}/links"), &[], None).await.ok(201);
    let (link, path) = (text(&linked, "link_id").to_owned(), text(&linked, "path").to_owned());
    assert_eq!(client.get(&path).await.status, 200);
    let secret = path.split('/').nth(3).unwrap().to_owned();
    let asked = document().example("linkAppointments");
    client.post("/v1/appointments/links", &asked).await.ok(201);
    assert_eq!(client.delete(&format!("/v1/links/{link}")).await.status, 204);
    let mut first = document().example("holdFirst");
    first["calendar_ids"] = json!([calendar]);
    let held = client.post("/v1/holds/first", &first).await.ok(201);
    client.post("/v1/holds/first", &first).await.ok(200);
    client.delete(&format!("/v1/holds/{}", text(&held, "hold_id"))).await;
    [practitioner, place, link, secret]
}

/// Works each operation once, as the document's examples say.
async fn work(client: &mut Client) -> Ids {
    for path in [
        "/",
        "/docs",
        "/docs/docs.js",
        "/openapi.json",
        "/livez",
        "/readyz",
        "/metrics",
        "/version",
    ] {
        assert!(client.get(path).await.status < 400, "{path}");
    }
    let made = client.post("/v1/calendars", &document().example("createCalendar")).await.ok(201);
    let calendar = text(&made, "calendar_id").to_owned();
    let at = format!("/v1/calendars/{calendar}");
    client.get("/v1/calendars?department=75&limit=10").await.ok(200);
    let read = client.get(&at).await;
    let tag = read.header("etag").unwrap().to_owned();
    let known = client.send("GET", &at, &[("If-None-Match", &tag)], None).await;
    assert_eq!(known.status, 304);
    let change = document().example("changeCalendar");
    client.send("PATCH", &at, &[("If-Match", &tag)], Some(&change)).await.ok(200);
    let slots = client.get(&format!("{at}/slots?from=2027-03-23&days=1&limit=5")).await.ok(200);
    assert_eq!(slots["slots"].as_array().unwrap().len(), 5);
    let next = format!("{at}/slots?cursor={}", text(&slots, "next"));
    client.get(&next).await.ok(200);

    let [practitioner, place, link, secret] = work_register(client, &calendar).await;

    let hold = example("holdSlot", "calendar_id", &calendar);
    let held = client.post("/v1/holds", &hold).await.ok(201);
    client.post("/v1/holds", &hold).await.ok(200);
    let hold = text(&held, "hold_id").to_owned();
    let confirm = format!("/v1/holds/{hold}/confirm");
    let key = [("Idempotency-Key", "confirm-4711")];
    let booked = client.send("POST", &confirm, &key, Some(&json!({}))).await.ok(201);
    client.send("POST", &confirm, &[], None).await.ok(200);
    client.get(&format!("/v1/holds/{hold}")).await.ok(200);
    let appointment = text(&booked, "appointment_id").to_owned();
    let at = format!("/v1/appointments/{appointment}");
    client.get(&at).await.ok(200);
    client.post(&format!("{at}/move"), &document().example("moveAppointment")).await.ok(200);
    let file = client.get(&format!("{at}/calendar.ics")).await;
    assert_eq!(
        (file.status, file.header("content-type")),
        (200, Some("text/calendar; charset=utf-8"))
    );
    client.get("/v1/due?until=2027-03-24T09:00:00Z&limit=5").await.ok(200);
    client.get(&format!("/v1/calendars/{calendar}/activity?from=2027-03-22&weeks=2")).await.ok(200);
    let search = document().example("searchAppointments");
    let found = client.post("/v1/appointments/search", &search).await.ok(200);
    assert_eq!(found["appointments"][0]["appointment_id"], json!(appointment));
    client.delete(&at).await.ok(200);
    review(client, &at, &calendar).await;
    practise(client, &calendar).await;

    let mut other = example("holdSlot", "calendar_id", &calendar);
    other["patient_id"] = json!("patient-2");
    let held = client.post("/v1/holds", &other).await.ok(201);
    let released = client.delete(&format!("/v1/holds/{}", text(&held, "hold_id"))).await;
    assert_eq!(released.status, 204);
    let wish = wait(client, &calendar).await;
    let [campaign, delivery] = vaccinate(client, &place).await;
    Ids { calendar, hold, appointment, practitioner, place, link, secret, wish, campaign, delivery }
}

/// Nothing took place that could be reviewed.
async fn review(client: &mut Client, at: &str, calendar: &str) {
    let path = format!("{at}/review");
    let early = client.post(&path, &document().example("reviewAppointment")).await;
    early.problem(409, "not_fulfilled");
    assert_eq!(client.get(&path).await.status, 404);
    let reply = document().example("replyToReview");
    assert_eq!(client.post(&format!("{path}/reply"), &reply).await.status, 404);
    let page = client.get(&format!("/v1/calendars/{calendar}/reviews?limit=3")).await.ok(200);
    assert_eq!(page["counted"], json!(0));
}

/// Somebody waits, and then no more.
async fn wait(client: &mut Client, calendar: &str) -> String {
    let mut wanted = document().example("addWish");
    wanted["calendar_ids"] = json!([calendar]);
    let wish = client.post("/v1/wishes", &wanted).await.ok(201);
    assert_eq!(client.post("/v1/wishes", &wanted).await.ok(200), wish);
    let at = format!("/v1/wishes/{}", text(&wish, "wish_id"));
    assert_eq!(client.get(&at).await.ok(200), wish);
    let list = client.get(&format!("/v1/calendars/{calendar}/wishes")).await.ok(200);
    assert_eq!(list["waiting"][0]["wish_id"], wish["wish_id"]);
    for _ in 0..2 {
        assert_eq!(client.delete(&at).await.status, 204);
    }
    let search = document().example("searchWishes");
    let found = client.post("/v1/wishes/search", &search).await.ok(200);
    assert_eq!(found["wishes"][0]["lists"][0]["status"], json!("withdrawn"));
    text(&wish, "wish_id").to_owned()
}

/// A campaign is set, doses come, and one is given.
async fn vaccinate(client: &mut Client, place: &str) -> [String; 2] {
    let example_of = |id: &str| document().example(id);
    let made = client.post("/v1/campaigns", &example_of("addCampaign")).await.ok(201);
    let campaign = text(&made, "campaign_id").to_owned();
    let at = format!("/v1/campaigns/{campaign}");
    client.send("PUT", &at, &[], Some(&example_of("changeCampaign"))).await.ok(200);
    client.get(&at).await.ok(200);
    client.get("/v1/campaigns?limit=1").await.ok(200);
    let delivery = example("addDelivery", "place_id", place);
    let put = client.post(&format!("{at}/deliveries"), &delivery).await.ok(201);
    let id = text(&put["delivery"], "delivery_id").to_owned();
    let own = format!("{at}/deliveries/{id}");
    let changed = example("changeDelivery", "place_id", place);
    client.send("PUT", &own, &[], Some(&changed)).await.ok(200);
    client.get(&own).await.ok(200);
    client.get(&format!("{at}/deliveries?place_id={place}")).await.ok(200);
    client.post(&format!("{own}/wasted"), &example_of("wasteDoses")).await.ok(200);
    client.post(&format!("{at}/eligibility"), &example_of("checkEligibility")).await.ok(200);
    let mut calendar = calendar_of();
    calendar["place_id"] = json!(place);
    calendar["reasons"] = json!([{
        "id": "vaccination", "name": "Vaccination", "duration_minutes": 15,
        "rules": {"dose": {"campaign_id": campaign, "vaccine": "bnt"}},
    }]);
    let made = client.post("/v1/calendars", &calendar).await.ok(201);
    let mut doses = example_of("holdDoses");
    for which in ["first", "second"] {
        doses[which]["calendar_id"] = made["calendar_id"].clone();
        doses[which]["dose"]["campaign_id"] = json!(campaign);
    }
    let mut hold = doses["first"].clone();
    client.post("/v1/holds/doses", &doses).await.ok(201);
    client.post("/v1/holds/doses", &doses).await.ok(200);
    client.post(&format!("{at}/doses/search"), &example_of("searchDoses")).await.ok(200);
    hold["start"] = json!("2027-03-22T09:00:00+01:00");
    hold["patient_id"] = json!("patient-6");
    let held = client.post("/v1/holds", &hold).await.ok(201);
    let confirm = format!("/v1/holds/{}/confirm", text(&held, "hold_id"));
    let booked = client.post(&confirm, &json!({})).await.ok(201);
    let give = format!("/v1/appointments/{}/dose", text(&booked, "appointment_id"));
    client.post(&give, &example_of("giveDose")).await.ok(200);
    client.get(&format!("{at}/coverage?by=place,day,territory")).await.ok(200);
    client.get(&format!("{at}/desk?place_id={place}&day=2027-03-22")).await.ok(200);
    client.post(&format!("{at}/recalls"), &example_of("recallLot")).await.ok(200);
    client.get(&format!("{at}/without_dose")).await.ok(200);
    let line = format!("{at}/line");
    let wanted = example("joinLine", "place_id", place);
    let place_in_line = client.post(&line, &wanted).await.ok(201);
    client.post(&line, &wanted).await.ok(200);
    client.get(&format!("{line}/{}", text(&place_in_line, "wish_id"))).await.ok(200);
    client.get(&format!("{line}?place_id={place}&vaccine=bnt&limit=1")).await.ok(200);
    client.post(&format!("{line}/search"), &example_of("searchLine")).await.ok(200);
    let remaining = example("offerRemaining", "place_id", place);
    client.post(&format!("{at}/remaining"), &remaining).await.ok(200);
    [campaign, id]
}

/// What a practice does.
async fn practise(client: &mut Client, calendar: &str) {
    let example_of = |id: &str| document().example(id);
    let at = format!("/v1/calendars/{calendar}");
    client.post(&format!("{at}/absences"), &example_of("blockTime")).await.ok(200);
    client.post(&format!("{at}/delay"), &example_of("delayCalendar")).await.ok(200);
    client.post(&format!("{at}/offers"), &example_of("offerStretch")).await.ok(200);
    let offer = example("offerSlot", "calendar_id", calendar);
    let offered = client.post("/v1/offers", &offer).await.ok(201);
    client.post("/v1/offers", &offer).await.ok(200);
    let accept = format!("/v1/holds/{}/accept", text(&offered, "hold_id"));
    client.post(&accept, &json!({})).await.ok(200);
    // Today, so that they can be there.
    let mut hold = example("holdSlot", "calendar_id", calendar);
    hold["start"] = json!("2027-03-22T09:00:00+01:00");
    let held = client.post("/v1/holds", &hold).await.ok(201);
    let hold = format!("/v1/holds/{}", text(&held, "hold_id"));
    client.post(&format!("{hold}/renew"), &json!({})).await.ok(200);
    let booked = client.post(&format!("{hold}/confirm"), &json!({})).await.ok(201);
    let mark = format!("/v1/appointments/{}/mark", text(&booked, "appointment_id"));
    client.post(&mark, &example_of("markAppointment")).await.ok(200);
}

#[tokio::test]
async fn every_operation_works_and_refuses_as_described() {
    let served = Served::new().await;
    let mut client = served.client().await;
    let ids = work(&mut client).await;
    // Every operation refuses a parameter that it does not know, and a body that is not JSON.
    for (method, template, id) in document().operations() {
        let path = ids.path(&template);
        let refused = client.send(&method, &format!("{path}?no=1"), &[], None).await;
        refused.problem(400, "invalid_request");
        client.start(&method, &path, &[("Content-Type", "text/csv")], Some("a,b")).await;
        client.answer(false).await.problem(415, "unsupported_media_type");
        let (start, body) = (client.seen.len() - 2, &client.seen);
        assert!(body[start..].iter().all(|(seen, _)| *seen == id), "{path} is not {id}");
    }
    let mut worked: BTreeSet<_> =
        client.seen.iter().filter(|(_, status)| *status < 400).map(|(id, _)| id.clone()).collect();
    // These answer on a stream, with a disk, and of what took place: see the feed's own tests,
    // below, and the story.
    let elsewhere = ["followEvents", "backUp", "reviewAppointment", "readReview", "replyToReview"];
    worked.extend(elsewhere.map(str::to_owned));
    let all: BTreeSet<_> = document().operations().into_iter().map(|(_, _, id)| id).collect();
    assert_eq!(worked, all);
}

#[cfg(feature = "rocksdb")]
#[tokio::test]
async fn a_backup_is_described() {
    let folder = tempfile::tempdir().unwrap();
    let served = Served::durable(&folder.path().join("data")).await;
    let mut client = served.client().await;
    let to = folder.path().join("copy");
    let body = example("backUp", "to", to.to_str().unwrap());
    client.post("/v1/backup", &body).await.ok(201);
    client.post("/v1/backup", &body).await.problem(409, "backup_failed");
    let handed_on = [("X-Forwarded-For", "192.0.2.7")];
    client.send("POST", "/v1/backup", &handed_on, Some(&body)).await.problem(403, "forbidden");
    assert_eq!(client.seen.iter().map(|seen| seen.1).collect::<Vec<_>>(), [201, 409, 403]);
}
