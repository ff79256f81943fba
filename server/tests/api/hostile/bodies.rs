//! Bodies: what is no JSON, and what is JSON and absurd.

use serde_json::{Value, json};

use super::{NINE, Row, Scene};
use crate::served::practice;

pub(crate) fn rows(scene: &Scene) -> Vec<Row> {
    [no_json(scene), holds(scene), times(scene), calendars(), changes(scene), others(scene)]
        .into_iter()
        .flatten()
        .collect()
}

fn hold(what: &'static str, body: impl Into<String>) -> Row {
    Row::body(what, "POST", "/v1/holds", body)
}

fn no_json(scene: &Scene) -> Vec<Row> {
    let sound = scene.hold_with("patient_id", json!("eve"));
    let confirm = format!("/v1/holds/{}/confirm", scene.hold);
    let broken = |row: Row| row.gets(400, "invalid_request");
    vec![
        broken(hold("an empty body", "")),
        broken(hold("blanks", " \r\n\t ")),
        broken(hold("half an object", &sound[..sound.len() - 1])),
        broken(hold("a comma too many", sound.replace('}', ",}"))),
        broken(hold("something after it", format!("{sound}{sound}"))),
        broken(hold("a comment", format!("/* hello */{sound}"))),
        broken(hold("single quotes", sound.replace('"', "'"))),
        broken(hold("a byte order mark", format!("\u{feff}{sound}"))),
        broken(hold("a NUL before it", format!("\0{sound}"))),
        broken(hold("a control character in a text", sound.replace("eve", "e\u{1}ve"))),
        broken(hold("a lone surrogate", sound.replace("eve", "\\ud800"))),
        broken(hold("an escape that is none", sound.replace("eve", "\\x41"))),
        broken(hold("no number", sound.replace("\"eve\"", "NaN"))),
        broken(hold("a number with a leading zero", sound.replace("\"eve\"", "007"))),
        broken(hold("10,000 lists in each other", "[".repeat(10_000))).wrong("body"),
        broken(hold("10,000 objects in each other", "{\"a\":".repeat(10_000))).wrong("a"),
        broken(hold("a form", "calendar_id=x&start=y")),
        hold("a list", "[]").wrong("body"),
        hold("a list of the values", "[\"a\",\"b\",\"c\",\"d\"]").wrong("body"),
        hold("null", "null").wrong("body"),
        hold("a text", "\"hold\"").wrong("body"),
        hold("a field twice", sound.replacen('{', "{\"reason\":\"x\",", 1)).wrong("reason"),
        hold("a field in capitals", sound.replace("reason", "REASON")).wrong("REASON"),
        hold("a field that is a path", sound.replacen('{', "{\"__proto__\":{},", 1))
            .wrong("__proto__"),
        hold("half a megabyte", format!("{{\"x\":\"{}\"}}", "x".repeat(512 << 10)))
            .gets(413, "payload_too_large"),
        Row::body("something to confirm", "POST", &confirm, "{\"now\":true}").wrong("now"),
        Row::body("a list to confirm", "POST", &confirm, "[]").wrong("body"),
        Row::body("a text to release", "DELETE", format!("/v1/holds/{}", scene.hold), "\"x\"")
            .wrong("body"),
    ]
}

fn holds(scene: &Scene) -> Vec<Row> {
    let with = |what, field, value: Value| hold(what, scene.hold_with(field, value));
    vec![
        with("a number for a patient", "patient_id", json!(7)).wrong("patient_id"),
        with("no patient", "patient_id", Value::Null).wrong("patient_id"),
        with("an empty patient", "patient_id", json!("")).wrong("patient_id"),
        with("a patient of 65 characters", "patient_id", json!("p".repeat(65))).wrong("patient_id"),
        with("a patient with a space", "patient_id", json!("a b")).wrong("patient_id"),
        with("a patient with a NUL", "patient_id", json!("a\0b")).wrong("patient_id"),
        with("a patient with an accent", "patient_id", json!("zo\u{e9}")).wrong("patient_id"),
        with("a patient who is a face", "patient_id", json!("\u{1f600}")).wrong("patient_id"),
        with("a list of patients", "patient_id", json!(["ada", "bob"])).wrong("patient_id"),
        with("an object for a reason", "reason", json!({"$ne": ""})).wrong("reason"),
        with("a reason of SQL", "reason", json!("'; DROP TABLE holds; --")).wrong("reason"),
        with("a number for a calendar", "calendar_id", json!(0)).wrong("calendar_id"),
        with("an empty calendar", "calendar_id", json!("")).gets(404, "unknown_calendar"),
        with("a calendar of 60,000 characters", "calendar_id", json!("c".repeat(60_000)))
            .gets(404, "unknown_calendar"),
        with("a hold for a calendar", "calendar_id", json!(scene.hold))
            .gets(404, "unknown_calendar"),
        with("an id beyond 128 bits", "calendar_id", json!(format!("cal_{}", "z".repeat(26))))
            .gets(404, "unknown_calendar"),
    ]
}

fn times(scene: &Scene) -> Vec<Row> {
    let at = |what, start: &str| hold(what, scene.hold_with("start", json!(start)));
    vec![
        at("no offset", "2027-03-22T09:00:00").wrong("start"),
        at("a date", "2027-03-22").wrong("start"),
        at("no such day", "2027-02-29T09:00:00Z").wrong("start"),
        at("no such month", "2027-13-01T09:00:00Z").wrong("start"),
        at("hour 25", "2027-03-22T25:00:00Z").wrong("start"),
        at("second 61", "2027-03-22T09:00:61Z").wrong("start"),
        at("a year of five digits", "12027-03-22T09:00:00Z").wrong("start"),
        at("a year before Christ", "-0001-03-22T09:00:00Z").wrong("start"),
        at("an offset of a day", "2027-03-22T09:00:00+24:00").wrong("start"),
        at("a zone in brackets", "2027-03-22T09:00:00+01:00[Asia/Tokyo]").wrong("start"),
        at("digits without end", &format!("2027-03-22T09:00:00.{}Z", "9".repeat(1_000)))
            .wrong("start"),
        at("digits of another script", "\u{662}\u{660}\u{662}\u{667}-03-22T09:00:00Z")
            .wrong("start"),
        at("the end of time", "9999-12-31T23:59:59Z").wrong("start"),
        at("the year 9999", "9999-01-01T09:00:00Z").gets(422, "beyond_horizon"),
        at("the year 0", "0000-01-01T09:00:00Z").gets(422, "outside_openings"),
        at("a leap second", "2027-03-22T08:59:60Z").gets(422, "outside_openings"),
        at("off the grid by a second", "2027-03-22T09:00:01+01:00").gets(422, "outside_openings"),
        at("off the grid by a millisecond", "2027-03-22T09:00:00.001+01:00")
            .gets(422, "outside_openings"),
        at("a Sunday within the skipped hour", "2027-03-28T02:30:00+01:00")
            .gets(422, "outside_openings"),
        at("an offset of nearly a day, and a free slot", "2027-03-23T06:59:00+23:59").gets(201, ""),
        at("the past by a minute", "2027-03-22T06:55:00+01:00").gets(422, "in_the_past"),
    ]
}

/// A calendar with something else at a place.
fn calendar(what: &'static str, place: &str, value: Value) -> Row {
    let mut body = practice();
    match body.pointer_mut(place) {
        Some(known) => *known = value,
        None => body[place.trim_start_matches('/')] = value,
    }
    Row::body(what, "POST", "/v1/calendars", body.to_string())
}

fn calendars() -> Vec<Row> {
    let raw = |what, from: &str, to: &str| {
        let body = practice().to_string();
        assert!(body.contains(from), "{body}");
        Row::body(what, "POST", "/v1/calendars", body.replace(from, to))
    };
    let mut large = practice();
    (large["lanes"], large["horizon_days"]) = (json!(1_000), json!(730));
    let large = Row::body("lanes times days", "POST", "/v1/calendars", large.to_string());
    let intervals: Vec<_> = (0..25).map(|minute| format!("08:{minute:02}-09:00")).collect();
    let dates: Vec<_> = vec![json!({"date": "2027-05-01", "hours": []}); 2];
    vec![
        calendar("a zone that is a path", "/time_zone", json!("../../etc/passwd"))
            .wrong("time_zone"),
        calendar("a zone with a NUL", "/time_zone", json!("Europe/Paris\0")).wrong("time_zone"),
        calendar("a zone by its offset", "/time_zone", json!("+01:00")).wrong("time_zone"),
        calendar("no zone", "/time_zone", Value::Null).wrong("time_zone"),
        calendar("a grid of 0", "/grid_minutes", json!(0)).wrong("grid_minutes"),
        calendar("a grid of 7", "/grid_minutes", json!(7)).wrong("grid_minutes"),
        calendar("no lane", "/lanes", json!(0)).wrong("lanes"),
        calendar("half a lane", "/lanes", json!(0.5)).wrong("lanes"),
        calendar("lanes in words", "/lanes", json!("one")).wrong("lanes"),
        calendar("lanes below none", "/lanes", json!(-1)).wrong("lanes"),
        raw("lanes without end", "\"lanes\":1", &format!("\"lanes\":{}", "9".repeat(400)))
            .gets(400, "invalid_request"),
        raw("lanes of 1e3", "\"lanes\":1", "\"lanes\":1e3").wrong("lanes"),
        raw("a grid of -0", "\"grid_minutes\":5", "\"grid_minutes\":-0").wrong("grid_minutes"),
        calendar("two years and a day", "/horizon_days", json!(731)).wrong("horizon_days"),
        calendar("a north beyond the pole", "/location", json!({"name": "x", "lat": 90.1}))
            .wrong("location.lat"),
        raw("a north without end", "\"name\":\"12", "\"lat\":1e999,\"name\":\"12")
            .gets(400, "invalid_request"),
        calendar("a blank name", "/location/name", json!(" \u{a0}\u{3000}")).wrong("location.name"),
        calendar("a name that rings", "/location/name", json!("a\u{7}")).wrong("location.name"),
        calendar("a name of 201 bytes", "/location/name", json!("n".repeat(201)))
            .wrong("location.name"),
        calendar("an external id of 129 bytes", "/external_id", json!("e".repeat(129)))
            .wrong("external_id"),
        calendar("no reason", "/reasons", json!([])).wrong("reasons"),
        calendar("no time", "/reasons/0/duration_minutes", json!(0))
            .wrong("reasons[0].duration_minutes"),
        calendar("all the time", "/reasons/0/duration_minutes", json!(65_535))
            .wrong("reasons[0].duration_minutes"),
        calendar("hours backwards", "/weekly_hours/monday/0", json!("12:00-08:00"))
            .wrong("weekly_hours.monday[0]"),
        calendar("hours past midnight", "/weekly_hours/monday/0", json!("22:00-24:01"))
            .wrong("weekly_hours.monday[0]"),
        calendar("25 openings in a day", "/weekly_hours/monday", json!(intervals))
            .wrong("weekly_hours"),
        calendar("a date twice", "/exceptions", json!(dates)).wrong("exceptions[1].date"),
        raw("a slot table that is too large", "\"lanes\":1", "\"lanes\":1000,\"grid_minutes\":1")
            .wrong("grid_minutes"),
        large.wrong("lanes"),
    ]
}

fn changes(scene: &Scene) -> Vec<Row> {
    let at = format!("/v1/calendars/{}", scene.calendar);
    let change = |what, tag: &str| Row::body(what, "PATCH", &at, "{}").with("If-Match", tag);
    vec![
        Row::body("a change of no version", "PATCH", &at, "{}").gets(428, "version_required"),
        change("an empty tag", "").gets(428, "version_required"),
        change("a weak tag", "W/\"1\"").gets(412, "version_mismatch"),
        change("a tag without quotes", "1").gets(412, "version_mismatch"),
        change("a tag of a version to come", "\"4294967294\"").gets(412, "version_mismatch"),
        change("a tag without end", &format!("\"{}\"", "9".repeat(1_000)))
            .gets(412, "version_mismatch"),
        change("a thousand tags", &"\"7\",".repeat(1_000)).gets(412, "version_mismatch"),
        Row::body("a change to null", "PATCH", &at, "{\"lanes\":null}")
            .with("If-Match", "*")
            .wrong("lanes"),
        Row::body("a change of the zone", "PATCH", &at, "{\"time_zone\":\"UTC\"}")
            .with("If-Match", "*")
            .wrong("time_zone"),
    ]
}

fn others(scene: &Scene) -> Vec<Row> {
    let search =
        |what, body: Value| Row::body(what, "POST", "/v1/appointments/search", body.to_string());
    let moved = format!("/v1/appointments/{}/move", scene.appointment);
    let backup =
        |what, to: &str| Row::body(what, "POST", "/v1/backup", json!({"to": to}).to_string());
    vec![
        search("a search for nobody", json!({})).wrong("patient_id"),
        search("a search for none", json!({"patient_id": "ada", "limit": 0})).wrong("limit"),
        search("a search for 1,001", json!({"patient_id": "ada", "limit": 1_001})).wrong("limit"),
        search("a search for -1", json!({"patient_id": "ada", "limit": -1})).wrong("limit"),
        search("a search for 10.0", json!({"patient_id": "ada", "limit": 10.0})).wrong("limit"),
        search("a cursor of calendars", json!({"patient_id": "ada", "cursor": scene.cursor}))
            .wrong("cursor"),
        search("a cursor that is none", json!({"patient_id": "ada", "cursor": "../.."}))
            .wrong("cursor"),
        Row::body("a move to nowhere", "POST", &moved, "{}").wrong("start"),
        Row::body(
            "a move to a wrong place",
            "POST",
            &moved,
            json!({
                "start": NINE, "calendar_id": "x",
            })
            .to_string(),
        )
        .gets(404, "unknown_calendar"),
        backup("a backup to a relative path", "../../copy").wrong("to"),
        backup("a backup to an empty path", "").wrong("to"),
        backup("a backup by a proxy", "/tmp/copy").with("Via", "1.1 proxy").gets(403, "forbidden"),
    ]
}
