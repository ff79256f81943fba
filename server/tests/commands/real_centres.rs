//! The real file of centres, from the file to the free starts.

use jiff::civil::{Date, Weekday};
use jiff::{ToSpan, Zoned};
use serde_json::Value;

use crate::harness::{Server, counts, import, real_file};

/// The next such day that is not today or tomorrow, anywhere.
fn next(weekday: Weekday) -> Date {
    let from = Zoned::now().date().saturating_add(2.days());
    from.series(1.day()).find(|date| date.weekday() == weekday).unwrap()
}

/// The starts of one day in the calendar of a record.
fn starts(server: &Server, summary: &Value, record: usize, id: &str, date: Date) -> Vec<String> {
    let record = &summary["records"][record];
    assert_eq!(record["id"], id);
    let calendar = record["calendar_id"].as_str().unwrap();
    let query = format!("reason=vaccination&from={date}&days=1&limit=1000");
    let found = server.get(&format!("/v1/calendars/{calendar}/slots?{query}"));
    let text = |slot: &Value| slot["start"].as_str().unwrap().to_owned();
    found["slots"].as_array().unwrap().iter().map(text).collect()
}

/// Every five minutes from the first to the last, as the local clock shows them.
fn check(starts: &[String], first: &str, last: &str, count: usize) {
    assert_eq!(starts.len(), count);
    assert_eq!(starts.first().unwrap().get(11..16), Some(first));
    assert_eq!(starts.last().unwrap().get(11..16), Some(last));
    for pair in starts.windows(2) {
        let [one, next] = [&pair[0], &pair[1]].map(|text| text.parse::<jiff::Timestamp>().unwrap());
        assert_eq!(next.duration_since(one).as_secs(), 300, "{pair:?}");
    }
}

#[test]
fn the_real_file_is_served_by_its_hours() {
    let Some(file) = real_file() else { return };
    let root = tempfile::tempdir().unwrap();
    let into = ["--data", root.path().to_str().unwrap()];
    let summary = import(&file, &into);
    assert_eq!(counts(&summary), [729, 210, 364, 0]);
    let again = import(&file, &into);
    assert_eq!(counts(&again), [0, 0, 364, 939]);
    let records = |summary: &Value| summary["records"].as_array().unwrap().clone();
    for (first, second) in records(&summary).iter().zip(records(&again)) {
        assert_eq!(first.get("calendar_id"), second.get("calendar_id"));
        assert_eq!(first.get("notes"), second.get("notes"), "nothing differs");
    }

    let server = Server::serve(root.path());
    // Pharmacie de la Rotonde: Monday to Friday 08:00-20:00, without a break.
    for weekday in [Weekday::Monday, Weekday::Friday] {
        let found = starts(&server, &summary, 6, "a-d265042", next(weekday));
        check(&found, "08:00", "19:55", 144);
    }
    // Vaison-la-Romaine: Friday "09:00-17:00, 14:00-18:00".
    let found = starts(&server, &summary, 430, "a-d244425", next(Weekday::Friday));
    check(&found, "09:00", "17:55", 108);
    // Cayenne: every day 07:00-17:00, three hours behind UTC all year.
    for weekday in [Weekday::Wednesday, Weekday::Sunday] {
        let found = starts(&server, &summary, 1299, "b-5fff697e", next(weekday));
        check(&found, "07:00", "16:55", 120);
        assert!(found.iter().all(|start| start.ends_with("-03:00")), "{found:?}");
    }
}
