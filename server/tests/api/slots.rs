//! Free slots: which, how many, and whether they have changed.

use serde_json::{Value, json};

use crate::served::{Served, hold_of, practice, text};

fn starts(page: &Value) -> Vec<String> {
    let slots = page["slots"].as_array().unwrap();
    slots.iter().map(|slot| text(slot, "start").to_owned()).collect()
}

#[tokio::test]
async fn days_are_dates_of_the_calendars_zone() {
    let served = Served::new().await;
    let calendar = served.calendar(&practice()).await;
    let mut client = served.client().await;
    let slots = format!("/v1/calendars/{calendar}/slots?reason=check-up&limit=1000");
    let mut get = async |more: &str| starts(&client.get(&format!("{slots}{more}")).await.ok(200));

    // 46 starts in each half of a day on which 15 minutes fit.
    let monday = get("&from=2027-03-22&days=1").await;
    assert_eq!(monday.len(), 2 * 46);
    assert!(monday.iter().all(|start| start.starts_with("2027-03-22T")));
    assert_eq!(monday.last().unwrap(), "2027-03-22T17:45:00+01:00");
    assert_eq!(get("&days=1").await, monday, "now is the standard");
    assert_eq!(get("").await.len(), 5 * monday.len(), "a week is the standard");
    let after_change = get("&from=2027-03-28&days=2").await;
    assert_eq!(after_change[0], "2027-03-29T08:00:00+02:00");
    // An instant starts in the midst of a day, which counts as one.
    let noon = get("&from=2027-03-22T13:00:00%2B01:00&days=1").await;
    assert_eq!(noon, monday[46..]);
    let unencoded = get("&from=2027-03-22T13:00:00+01:00&days=1").await;
    assert_eq!(unencoded, noon, "a plus sign that stands for itself");
    assert_eq!(get("&from=2020-01-01&days=3").await, Vec::<String>::new());
    // The horizon of 60 days ends what can be seen.
    let all = get("&from=2027-05-21&days=731").await;
    assert_eq!(all.len(), monday.len());
    assert_eq!(get("&from=9999-12-31&days=731").await, Vec::<String>::new());
}

#[tokio::test]
async fn pages_follow_each_other_without_gap_or_repeat() {
    let served = Served::new().await;
    let calendar = served.calendar(&practice()).await;
    let mut client = served.client().await;
    let slots = format!("/v1/calendars/{calendar}/slots?reason=first-visit&days=2");
    let all = starts(&client.get(&format!("{slots}&limit=1000")).await.ok(200));
    let mut paged = Vec::new();
    let mut more = String::new();
    loop {
        let page = client.get(&format!("{slots}&limit=50{more}")).await.ok(200);
        paged.extend(starts(&page));
        match page.get("next") {
            Some(next) => more = format!("&cursor={}", next.as_str().unwrap()),
            None => break,
        }
    }
    assert_eq!(paged, all);
    assert_eq!(all.len(), 2 * 2 * 43);
}

#[tokio::test]
async fn a_tag_spares_what_has_not_changed() {
    let served = Served::new().await;
    let calendar = served.calendar(&practice()).await;
    let mut client = served.client().await;
    let slots = format!("/v1/calendars/{calendar}/slots?reason=check-up&from=2027-03-23&days=1");
    let first = client.get(&slots).await;
    first.ok(200);
    let tag = first.header("etag").unwrap().to_owned();
    assert!(tag.starts_with('"'), "strong: {tag}");
    let known = [("If-None-Match", tag.as_str())];
    let same = client.send("GET", &slots, &known, None).await;
    assert_eq!((same.status, same.body.len()), (304, 0));
    assert_eq!(same.header("etag"), Some(tag.as_str()));

    let start = "2027-03-23T08:00:00+01:00";
    client.post("/v1/holds", &hold_of(&calendar, start, "ada")).await.ok(201);
    let changed = client.send("GET", &slots, &known, None).await;
    assert_eq!(starts(&changed.ok(200))[0], "2027-03-23T08:15:00+01:00");
    assert_ne!(changed.header("etag"), Some(tag.as_str()));
}

#[tokio::test]
async fn a_single_reason_needs_not_be_named_and_lanes_are_counted() {
    let served = Served::new().await;
    let mut centre = practice();
    centre["lanes"] = json!(3);
    centre["reasons"] = json!([{"id": "check-up", "name": "Jab", "duration_minutes": 5}]);
    let calendar = served.calendar(&centre).await;
    let mut client = served.client().await;
    let start = "2027-03-22T08:00:00+01:00";
    client.post("/v1/holds", &hold_of(&calendar, start, "ada")).await.ok(201);
    let page = client.get(&format!("/v1/calendars/{calendar}/slots?limit=2")).await.ok(200);
    let free: Vec<_> =
        page["slots"].as_array().unwrap().iter().map(|s| s["free"].clone()).collect();
    assert_eq!(free, [2, 3]);
}
