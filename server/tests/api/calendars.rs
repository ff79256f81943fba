//! Calendars: what is set comes back, is listed, and changes by its version.

use serde_json::{Value, json};

use crate::served::{Served, hold_of, practice, text};

#[tokio::test]
async fn what_is_set_comes_back() {
    let served = Served::new().await;
    let mut client = served.client().await;
    let mut asked = practice();
    asked["external_id"] = json!("cabinet-7");
    asked["exceptions"] = json!([{"date": "2027-04-05", "hours": []}]);
    asked["templates"] = json!([
        {"hours": {"saturday": ["09:00-12:00"]}},
        {
            "from": "2027-03-01", "until": "2027-06-30", "every_weeks": 2, "anchor": "2027-03-23",
            "hours": {"tuesday": ["19:00-21:00"]},
        },
    ]);
    asked["absences"] = json!([
        {"from": "2027-07-01", "until": "2027-07-31"},
        {"from": "2027-03-24T10:00:00+01:00", "until": "2027-03-25"},
    ]);
    asked["public_holidays"] =
        json!({"calendar": "guadeloupe", "open_on": ["abolition_guadeloupe", "whit_monday"]});
    asked["location"]["lat"] = json!(48.85);
    asked["location"]["lon"] = json!(2.35);
    asked["location"]["address"] = json!("12 rue des Lilas, Paris");
    let created = client.post("/v1/calendars", &asked).await;
    let calendar = created.ok(201);
    let at = format!("/v1/calendars/{}", text(&calendar, "calendar_id"));
    assert_eq!(created.header("location"), Some(at.as_str()));
    assert_eq!(created.header("etag"), Some("\"1\""));

    let mut expected = asked.clone();
    expected["calendar_id"] = calendar["calendar_id"].clone();
    expected["version"] = json!(1);
    expected["change_until_minutes"] = json!(0);
    expected["overflow_lanes"] = json!(0);
    expected["weekly_hours"]["saturday"] = json!([]);
    expected["weekly_hours"]["sunday"] = json!([]);
    for template in expected["templates"].as_array_mut().unwrap() {
        let template = template.as_object_mut().unwrap();
        template.entry("every_weeks").or_insert(json!(1));
        for day in ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"] {
            template["hours"].as_object_mut().unwrap().entry(day).or_insert(json!([]));
        }
    }
    expected["reminders_minutes"] = json!([]);
    expected["absences"][1]["from"] = json!("2027-03-24T09:00:00Z");
    expected["public_holidays"]["open_on"] = json!(["whit_monday", "abolition_guadeloupe"]);
    for reason in expected["reasons"].as_array_mut().unwrap() {
        reason["buffer_minutes"] = json!(0);
    }
    assert_eq!(calendar, expected);
    let read = client.get(&at).await;
    assert_eq!(read.ok(200), expected);
    assert_eq!(read.header("etag"), Some("\"1\""));
    let known = client.send("GET", &at, &[("If-None-Match", "W/\"1\"")], None).await;
    assert_eq!(known.status, 304);
    // Whoever encodes more than needed means the same.
    let encoded = at.replace("cal_", "cal%5F");
    assert_eq!(client.get(&encoded).await.ok(200), expected);
}

#[tokio::test]
async fn what_is_not_said_is_as_usual() {
    let served = Served::new().await;
    let mut client = served.client().await;
    let least = json!({
        "location": {"name": "Cabinet"},
        "time_zone": "Europe/Paris",
        "reasons": [{"id": "x", "name": "X", "duration_minutes": 5}],
        "weekly_hours": {},
    });
    let calendar = client.post("/v1/calendars", &least).await.ok(201);
    for (field, usual) in [("grid_minutes", 5), ("lanes", 1), ("horizon_days", 90)] {
        assert_eq!(calendar[field], usual, "{field}");
    }
    for none in ["templates", "exceptions", "absences"] {
        assert_eq!(calendar[none], json!([]), "{none}");
    }
    assert_eq!(calendar["public_holidays"], json!({"calendar": "none", "open_on": []}));
}

/// Now is Monday, 22 March 2027, in the morning.
#[tokio::test]
async fn hours_follow_the_practice_and_leave_what_is_booked() {
    let served = Served::new().await;
    let calendar = served.calendar(&practice()).await;
    let mut client = served.client().await;
    let at = format!("/v1/calendars/{calendar}");
    let nine = "2027-03-23T09:00:00+01:00";
    let hold = client.post("/v1/holds", &hold_of(&calendar, nine, "ada")).await.ok(201);
    let mut change = async |change: Value| {
        client.send("PATCH", &at, &[("If-Match", "*")], Some(&change)).await.ok(200)
    };
    let ill = json!({"absences": [{"from": "2027-03-23", "until": "2027-03-23"}]});
    let outside = &change(ill).await["outside"];
    assert_eq!(outside.as_array().map(Vec::len), Some(1));
    assert_eq!(outside[0]["hold_id"], hold["hold_id"]);
    let evening = json!({"absences": [], "templates": [
        {"every_weeks": 2, "anchor": "2027-03-22", "hours": {"tuesday": ["19:00-20:00"]}},
    ], "public_holidays": {"calendar": "france"}});
    assert_eq!(change(evening).await["outside"], json!([]));
    // This Tuesday evening, and not the next; and Easter Monday not at all.
    let asked = hold_of(&calendar, "2027-03-23T19:00:00+01:00", "bob");
    client.post("/v1/holds", &asked).await.ok(201);
    for closed in ["2027-03-30T19:00:00+02:00", "2027-03-29T09:00:00+02:00"] {
        let asked = hold_of(&calendar, closed, "eve");
        client.post("/v1/holds", &asked).await.problem(422, "outside_openings");
    }
}

#[tokio::test]
async fn calendars_are_listed_by_what_they_are() {
    let served = Served::new().await;
    let mut client = served.client().await;
    let mut ids = Vec::new();
    for number in 0..5 {
        let mut asked = practice();
        asked["external_id"] = json!(format!("centre {number}"));
        asked["location"]["department"] = json!(if number < 3 { "75" } else { "2A" });
        asked["practitioner"]["specialty"] = json!(if number == 0 { "pediatrics" } else { "gp" });
        ids.push(served.calendar(&asked).await);
    }
    let mut list = async |query: &str| -> Vec<String> {
        let page = client.get(&format!("/v1/calendars{query}")).await.ok(200);
        let calendars = page["calendars"].as_array().unwrap();
        calendars.iter().map(|one| text(one, "calendar_id").to_owned()).collect()
    };
    let sorted = |ids: &[String]| {
        let mut ids = ids.to_vec();
        ids.sort();
        ids
    };
    assert_eq!(list("").await, sorted(&ids));
    assert_eq!(list("?department=75").await, sorted(&ids[..3]));
    assert_eq!(list("?department=75&specialty=gp").await, sorted(&ids[1..3]));
    assert_eq!(list("?external_id=centre+4").await, [ids[4].clone()]);
    assert_eq!(list("?external_id=centre%204").await, [ids[4].clone()]);
    assert_eq!(list("?department=").await, Vec::<String>::new());

    let mut paged = Vec::new();
    let mut more = String::new();
    loop {
        let page = client.get(&format!("/v1/calendars?limit=2{more}")).await.ok(200);
        paged.extend(page["calendars"].as_array().unwrap().clone());
        match page.get("next").and_then(Value::as_str) {
            Some(next) => more = format!("&cursor={next}"),
            None => break,
        }
    }
    let paged: Vec<&str> = paged.iter().map(|one| text(one, "calendar_id")).collect();
    assert_eq!(paged, sorted(&ids));
}

#[tokio::test]
async fn a_change_needs_its_version_and_tells_what_lies_outside() {
    let served = Served::new().await;
    let calendar = served.calendar(&practice()).await;
    let mut client = served.client().await;
    let at = format!("/v1/calendars/{calendar}");
    let (nine, three) = ("2027-03-22T09:00:00+01:00", "2027-03-22T15:00:00+01:00");
    let hold = client.post("/v1/holds", &hold_of(&calendar, nine, "ada")).await.ok(201);
    let other = client.post("/v1/holds", &hold_of(&calendar, three, "bob")).await.ok(201);
    let confirm = format!("/v1/holds/{}/confirm", text(&other, "hold_id"));
    let booked = client.send("POST", &confirm, &[], None).await.ok(201);

    let change = json!({"weekly_hours": {"tuesday": ["10:00-12:00"]}, "lanes": 2});
    client.send("PATCH", &at, &[], Some(&change)).await.problem(428, "version_required");
    for stale in ["\"7\"", "W/\"1\"", "1", "\"2\", \"3\""] {
        let refused = client.send("PATCH", &at, &[("If-Match", stale)], Some(&change)).await;
        assert_eq!(refused.problem(412, "version_mismatch")["current_version"], 1, "{stale}");
    }
    let changed = client.send("PATCH", &at, &[("If-Match", "\"1\"")], Some(&change)).await;
    assert_eq!(changed.header("etag"), Some("\"2\""));
    let changed = changed.ok(200);
    assert_eq!((&changed["version"], &changed["lanes"]), (&json!(2), &json!(2)));
    assert_eq!(
        changed["outside"],
        json!([
            {"hold_id": hold["hold_id"], "start": hold["start"], "end": hold["end"]},
            {"appointment_id": booked["appointment_id"], "start": three, "end": booked["end"]},
        ])
    );
    let now = client.get(&at).await.ok(200);
    assert_eq!(now["weekly_hours"]["monday"], json!([]));

    let more = json!({"exceptions": [{"date": "2027-03-22", "hours": ["09:00-16:00"]}]});
    let changed = client.send("PATCH", &at, &[("If-Match", "*")], Some(&more)).await.ok(200);
    assert_eq!((&changed["version"], &changed["outside"]), (&json!(3), &json!([])));
    let either = [("If-Match", "\"2\", \"3\"")];
    let changed = client.send("PATCH", &at, &either, Some(&json!({"lanes": 3}))).await.ok(200);
    assert_eq!(changed["version"], 4);
    let same = client.send("PATCH", &at, &[("If-Match", "\"4\"")], Some(&json!({}))).await.ok(200);
    assert_eq!(same["version"], 4, "nothing was changed");
}
