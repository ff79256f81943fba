//! What is due and what was done, over HTTP; see the engine's own tests for what they say.

use serde_json::{Value, json};

use crate::client::Client;
use crate::served::{Served, hold_of, practice, text};

async fn booked(client: &mut Client, calendar: &str, start: &str, who: &str) -> String {
    let hold = client.post("/v1/holds", &hold_of(calendar, start, who)).await.ok(201);
    let confirm = format!("/v1/holds/{}/confirm", text(&hold, "hold_id"));
    let booked = client.send("POST", &confirm, &[], None).await.ok(201);
    text(&booked, "appointment_id").to_owned()
}

fn told(page: &Value) -> Vec<(String, String, String)> {
    let due = page["due"].as_array().unwrap();
    let words = |due: &Value| {
        let part = |field| text(due, field).to_owned();
        (part("kind"), part("patient_id"), part("due_at"))
    };
    due.iter().map(words).collect()
}

#[tokio::test]
async fn a_notifier_reads_on_from_where_it_was() {
    let served = Served::new().await;
    let mut reminding = practice();
    reminding["reminders_minutes"] = json!([120, 1440]);
    let calendar = served.calendar(&reminding).await;
    let mut client = served.client().await;
    let read = client.get(&format!("/v1/calendars/{calendar}")).await.ok(200);
    assert_eq!(read["reminders_minutes"], json!([1440, 120]));
    let ada = booked(&mut client, &calendar, "2027-03-23T09:00:00+01:00", "ada").await;
    booked(&mut client, &calendar, "2027-03-24T09:00:00+01:00", "bob").await;

    let page = client.get("/v1/due?limit=1").await.ok(200);
    assert_eq!(told(&page)[0].0, "confirmation");
    assert_eq!(page["due"][0]["appointment"]["appointment_id"], json!(ada));
    assert_eq!(page["next"], page["resume"]);
    let page = client.get(&format!("/v1/due?cursor={}", text(&page, "next"))).await.ok(200);
    assert_eq!((told(&page).len(), page.get("next")), (1, None));
    let resume = text(&page, "resume").to_owned();

    let at = format!("/v1/appointments/{ada}");
    client
        .post(&format!("{at}/move"), &json!({"start": "2027-03-23T10:00:00+01:00"}))
        .await
        .ok(200);
    let until = "2027-03-23T09:00:00+01:00";
    let path = format!("/v1/due?cursor={resume}&until={until}");
    let page = client.get(&path).await.ok(200);
    let (moved, reminder) = (&page["due"][0], &page["due"][1]);
    assert_eq!((&moved["kind"], &moved["from_calendar_id"]), (&json!("moved"), &json!(calendar)));
    assert_eq!(moved["from_start"], "2027-03-23T09:00:00+01:00");
    assert_eq!(
        told(&page)[1..],
        [
            ("reminder".to_owned(), "ada".to_owned(), "2027-03-22T10:00:00+01:00".to_owned()),
            ("reminder".to_owned(), "ada".to_owned(), "2027-03-23T08:00:00+01:00".to_owned()),
            ("reminder".to_owned(), "bob".to_owned(), "2027-03-23T09:00:00+01:00".to_owned()),
        ]
    );
    assert_eq!(reminder["minutes_before"], 1440);
    client.delete(&at).await.ok(200);
    // The same place: what was overtaken is not listed, and what is listed twice has one id.
    let again = client.get(&path).await.ok(200);
    let kinds: Vec<_> = told(&again).into_iter().map(|(kind, who, _)| (kind, who)).collect();
    let is = |kind: &str, who: &str| (kind.to_owned(), who.to_owned());
    assert_eq!(kinds, [is("cancelled", "ada"), is("reminder", "bob")]);
    assert_eq!(again["due"][1]["due_id"], page["due"][3]["due_id"]);
    for wrong in ["until=tomorrow", "cursor=04", "cursor=01a4", "limit=0"] {
        client.get(&format!("/v1/due?{wrong}")).await.problem(400, "invalid_request");
    }
}

#[tokio::test]
async fn a_practice_reads_what_was_done() {
    let served = Served::new().await;
    let calendar = served.calendar(&practice()).await;
    let mut client = served.client().await;
    for (start, who) in [("2027-03-22T09:00:00+01:00", "ada"), ("2027-03-23T09:00:00+01:00", "bob")]
    {
        booked(&mut client, &calendar, start, who).await;
    }
    let eve = booked(&mut client, &calendar, "2027-03-24T09:00:00+01:00", "eve").await;
    client.delete(&format!("/v1/appointments/{eve}")).await.ok(200);
    let at = format!("/v1/calendars/{calendar}/activity");
    let told = client.get(&format!("{at}?weeks=1")).await.ok(200);
    // From seven on the clock of a test goes on by itself.
    let ahead = told["weeks"][0]["all"]["ahead_minutes"].as_u64().unwrap();
    assert!((14 * 60 - 2..=14 * 60).contains(&ahead), "{told}");
    let activity = json!({
        "booked": 2, "cancelled": 1, "moved": 0, "fulfilled": 0, "no_shows": 0,
        "booked_minutes": 30, "occupied_minutes": 30,
        "ahead_minutes": ahead,
    });
    // Five days of eight hours.
    let filled = 30.0 / 2400.0;
    assert_eq!(
        told,
        json!({"weeks": [{
            "week": "2027-03-22", "all": activity, "open_minutes": 2400, "filled": filled,
            "reasons": [{"reason": "check-up", "activity": activity}],
        }]})
    );
    assert_eq!(client.get(&at).await.ok(200)["weeks"].as_array().unwrap().len(), 4);
    for wrong in ["weeks=0", "weeks=54", "from=monday"] {
        client.get(&format!("{at}?{wrong}")).await.problem(400, "invalid_request");
    }
}
