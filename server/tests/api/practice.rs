//! What the rules of a practice look like from outside.

use creneau::Config;
use creneau_server::http::{Options, Scope, Tokens, issue};
use serde_json::{Value, json};

use crate::client::{Answer, Client};
use crate::served::{START, Served, hold_of, practice, text};

/// A calendar with a reason for each rule.
fn ruled() -> Value {
    let mut definition = practice();
    let reason = |id: &str, rules: Value| {
        let (name, duration_minutes) = (id, 15);
        json!({"id": id, "name": name, "duration_minutes": duration_minutes, "rules": rules})
    };
    definition["reasons"] = json!([
        {"id": "check-up", "name": "Check-up", "duration_minutes": 15},
        reason("first", json!({"patients": "new", "instructions": "Bring your card."})),
        reason("talk", json!({"visit": "either", "ahead_days": 1})),
        reason("soon", json!({"notice_minutes": 120, "per_day": 1})),
        reason("own", json!({"practice_only": true})),
    ]);
    definition["change_until_minutes"] = json!(120);
    definition
}

fn monday(time: &str) -> String {
    format!("2027-03-22T{time}:00+01:00")
}

fn with(mut body: Value, more: &Value) -> Value {
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

async fn hold(client: &mut Client, calendar: &str, time: &str, who: &str, more: Value) -> Answer {
    let body = with(hold_of(calendar, &monday(time), who), &more);
    client.post("/v1/holds", &body).await
}

#[tokio::test]
async fn reasons_have_rules() {
    let served = Served::new().await;
    let calendar = served.calendar(&ruled()).await;
    let mut client = served.client().await;
    let read = client.get(&format!("/v1/calendars/{calendar}")).await.ok(200);
    assert_eq!(read["reasons"][0].get("rules"), None);
    assert_eq!(read["reasons"][1]["rules"]["instructions"], "Bring your card.");
    assert_eq!(read["change_until_minutes"], 120);

    let c = &mut client;
    let first = json!({"reason": "first"});
    hold(c, &calendar, "09:00", "ada", first.clone()).await.problem(422, "patients_only");
    let new = with(first, &json!({"patient": "new"}));
    hold(c, &calendar, "09:00", "ada", new).await.ok(201);
    let by_video = json!({"visit": "video"});
    hold(c, &calendar, "09:15", "bob", by_video.clone()).await.problem(422, "visit_not_offered");
    let talk = with(by_video, &json!({"reason": "talk"}));
    let held = hold(c, &calendar, "09:15", "bob", talk).await.ok(201);
    assert_eq!((&held["visit"], held.get("channel")), (&json!("video"), None));

    let soon = json!({"reason": "soon"});
    hold(c, &calendar, "08:30", "eve", soon.clone()).await.problem(422, "too_soon");
    hold(c, &calendar, "10:00", "eve", soon.clone()).await.ok(201);
    hold(c, &calendar, "11:00", "max", soon.clone()).await.problem(409, "day_full");
    let slots = format!("/v1/calendars/{calendar}/slots");
    let seen = c.get(&format!("{slots}?reason=soon&limit=1")).await.ok(200);
    assert_eq!(seen["slots"][0]["start"], monday("09:30"), "with notice");

    let own = json!({"reason": "own"});
    hold(c, &calendar, "11:00", "max", own.clone()).await.problem(403, "practice_only");
    c.get(&format!("{slots}?reason=own")).await.problem(403, "practice_only");
    c.get(&format!("{slots}?reason=own&practice=true")).await.ok(200);
    let own = with(own, &json!({"practice": true}));
    let held = hold(c, &calendar, "11:00", "max", own).await.ok(201);
    assert_eq!(held["channel"], "phone");
    let odd = json!({"channel": "on_site"});
    hold(c, &calendar, "11:30", "kim", odd).await.problem(400, "invalid_request");
}

#[tokio::test]
async fn nobody_changes_what_they_did_not_book() {
    let served = Served::new().await;
    let calendar = served.calendar(&ruled()).await;
    let mut client = served.client().await;
    let c = &mut client;
    let for_kim = json!({"booked_by": "mum"});
    let held = hold(c, &calendar, "10:00", "kim", for_kim).await.ok(201);
    hold(c, &calendar, "10:15", "mum", json!({})).await.ok(201);
    assert!(!held.to_string().contains("mum"), "an answer names no patient: {held}");
    let confirm = format!("/v1/holds/{}/confirm", text(&held, "hold_id"));
    c.post(&confirm, &json!({"by": "dad"})).await.problem(403, "not_yours");
    let both = json!({"by": "dad", "practice": true});
    c.post(&confirm, &both).await.problem(400, "invalid_request");
    let booked = c.post(&confirm, &json!({"by": "mum"})).await.ok(201);
    let at = format!("/v1/appointments/{}", text(&booked, "appointment_id"));
    let delete = async |c: &mut Client, body: Value| c.send("DELETE", &at, &[], Some(&body)).await;
    delete(c, json!({"by": "kim"})).await.problem(403, "not_yours");
    let start = monday("11:00");
    let moved = json!({"start": start, "by": "dad"});
    c.post(&format!("{at}/move"), &moved).await.problem(403, "not_yours");
    // Seven o'clock: what starts before nine is the practice's alone to change.
    let moved = json!({"start": monday("08:30"), "practice": true});
    c.post(&format!("{at}/move"), &moved).await.ok(200);
    delete(c, json!({"by": "mum"})).await.problem(409, "too_late");
    assert_eq!(delete(c, json!({"practice": true})).await.ok(200)["status"], "cancelled");
}

#[tokio::test]
async fn the_practice_shows_a_token_that_operates() {
    let random = creneau::SystemRandom::default();
    let (booker, first) = issue("portal", &[Scope::Book], &random).unwrap();
    let (desk, second) = issue("desk", &[Scope::Book, Scope::Operate], &random).unwrap();
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("tokens");
    std::fs::write(&path, format!("{first}{second}")).unwrap();
    let tokens = Some(Tokens::open(&path).unwrap());
    let options = Options { tokens, ..Options::default() };
    let served = Served::with(Config::in_memory(), options, START).await;
    let mut client = served.client().await;
    let (desk, booker) = (format!("Bearer {desk}"), format!("Bearer {booker}"));
    let (desk, booker) = ([("authorization", &*desk)], [("authorization", &*booker)]);
    let made = client.send("POST", "/v1/calendars", &desk, Some(&ruled())).await.ok(201);
    let calendar = text(&made, "calendar_id").to_owned();
    let own = json!({"reason": "own", "practice": true});
    let body = with(hold_of(&calendar, &monday("09:00"), "ada"), &own);
    let refused = client.send("POST", "/v1/holds", &booker, Some(&body)).await;
    refused.problem(403, "forbidden");
    client.send("POST", "/v1/holds", &desk, Some(&body)).await.ok(201);
    let slots = format!("/v1/calendars/{calendar}/slots?reason=own&practice=true");
    client.send("GET", &slots, &booker, None).await.problem(403, "forbidden");
}
