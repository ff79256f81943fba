//! Bookings that need a room or a device beside the practitioner.

use serde_json::{Value, json};

use crate::client::Client;
use crate::served::{Served, hold_of, practice, text};

fn at(time: &str) -> String {
    format!("2027-03-22T{time}:00+01:00")
}

fn with(calendar: &str, time: &str, who: &str, others: &[&str]) -> Value {
    let mut wanted = hold_of(calendar, &at(time), who);
    wanted["with"] = json!(others);
    wanted
}

/// Whether a slot of a calendar is free.
async fn is_free(c: &mut Client, calendar: &str, time: &str) -> bool {
    let path =
        format!("/v1/calendars/{calendar}/slots?from=2027-03-22&days=1&reason=check-up&limit=500");
    let slots = c.get(&path).await.ok(200);
    let start = at(time);
    slots["slots"].as_array().unwrap().iter().any(|slot| slot["start"] == start)
}

#[tokio::test]
async fn a_room_is_held_beside_the_practitioner_or_nothing_is() {
    let served = Served::new().await;
    let doctor = served.calendar(&practice()).await;
    let mut mornings = practice();
    mornings["weekly_hours"] = json!({"monday": ["08:00-12:00"]});
    let room = served.calendar(&mornings).await;
    let device = served.calendar(&practice()).await;
    let mut client = served.client().await;
    let c = &mut client;
    c.post("/v1/holds", &hold_of(&device, &at("09:00"), "kim")).await.ok(201);
    let both = with(&doctor, "09:00", "ada", &[&room, &device]);
    let refused = c.post("/v1/holds", &both).await.problem(409, "part_taken");
    assert_eq!(refused["calendar_id"], device);
    assert!(is_free(c, &doctor, "09:00").await && is_free(c, &room, "09:00").await);
    let twice = with(&doctor, "09:00", "ada", &[&room, &room]);
    c.post("/v1/holds", &twice).await.problem(400, "invalid_request");
    let nowhere = with(&doctor, "09:00", "ada", &["cal_nowhere"]);
    c.post("/v1/holds", &nowhere).await.problem(404, "unknown_calendar");

    let held = c.post("/v1/holds", &with(&doctor, "09:00", "ada", &[&room])).await.ok(201);
    assert_eq!(held["with"], json!([room]));
    // The room is open in the morning alone, and the device is taken at nine.
    let path = format!("/v1/calendars/{doctor}/slots?from=2027-03-22&days=1&reason=check-up");
    let both = c.get(&format!("{path}&limit=500&with={room},{device}")).await.ok(200);
    let starts: Vec<_> =
        both["slots"].as_array().unwrap().iter().map(|slot| text(slot, "start")).collect();
    assert_eq!((starts[0], starts[1]), (&*at("08:00"), &*at("08:05")));
    assert!(!starts.contains(&&*at("08:50")) && starts.contains(&&*at("09:15")), "{starts:?}");
    assert_eq!(*starts.last().unwrap(), at("11:45"));
    c.get(&format!("{path}&with={room},nowhere")).await.problem(404, "unknown_calendar");
    assert!(!is_free(c, &room, "09:00").await);
    let confirm = format!("/v1/holds/{}/confirm", text(&held, "hold_id"));
    let booked = c.post(&confirm, &json!({})).await.ok(201);
    assert_eq!(booked["with"], json!([room]));
    let appointment = format!("/v1/appointments/{}", text(&booked, "appointment_id"));
    let to = |time: &str| json!({"start": at(time)});
    let refused = c.post(&format!("{appointment}/move"), &to("14:00")).await;
    assert_eq!(refused.problem(409, "part_closed")["calendar_id"], room);
    c.post(&format!("{appointment}/move"), &to("10:00")).await.ok(200);
    assert!(is_free(c, &room, "09:00").await && !is_free(c, &room, "10:00").await);
    c.delete(&appointment).await.ok(200);
    assert!(is_free(c, &room, "10:00").await && is_free(c, &doctor, "10:00").await);
}
