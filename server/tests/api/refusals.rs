//! Every refusal: its status, its code, and what it says beyond.

use std::time::Duration;

use creneau::{Config, Timestamp};
use creneau_server::http::Limits;
use serde_json::{Value, json};

use crate::client::Client;
use crate::served::{Gate, START, Served, hold_of, practice, text};

const NINE: &str = "2027-03-22T09:00:00+01:00";
const TEN: &str = "2027-03-22T10:00:00+01:00";
const NO_CALENDAR: &str = "cal_00000000000000000000000000";

/// A practice with what refusals need: a live hold, an appointment, and ended ones.
struct Scene {
    served: Served,
    client: Client,
    calendar: String,
    hold: String,
    released: String,
    confirmed: String,
    appointment: String,
    cancelled: String,
}

impl Scene {
    async fn new() -> Self {
        let served = Served::new().await;
        let mut definition = practice();
        definition["external_id"] = json!("cabinet-7");
        let calendar = served.calendar(&definition).await;
        let mut client = served.client().await;
        let mut hold = async |start: &str, patient: &str| {
            let held = client.post("/v1/holds", &hold_of(&calendar, start, patient)).await.ok(201);
            text(&held, "hold_id").to_owned()
        };
        let (nine, released) = (hold(NINE, "ada").await, hold(TEN, "bob").await);
        let confirmed = hold("2027-03-22T11:00:00+01:00", "cleo").await;
        let other = hold("2027-03-22T11:30:00+01:00", "dan").await;
        assert_eq!(client.delete(&format!("/v1/holds/{released}")).await.status, 204);
        let mut ids = Vec::new();
        for hold in [&confirmed, &other] {
            let booked = client.post(&format!("/v1/holds/{hold}/confirm"), &json!({})).await;
            ids.push(text(&booked.ok(201), "appointment_id").to_owned());
        }
        client.delete(&format!("/v1/appointments/{}", ids[1])).await.ok(200);
        let (cancelled, appointment) = (ids.pop().unwrap(), ids.pop().unwrap());
        Self { served, client, calendar, hold: nine, released, confirmed, appointment, cancelled }
    }

    /// A request for a hold with something else in place of a field.
    fn hold_with(&self, field: &str, value: Value) -> Option<Value> {
        let mut body = hold_of(&self.calendar, TEN, "eve");
        body[field] = value;
        Some(body)
    }
}

/// Method, path, body, status, code, and a word that the answer must hold.
type Row = (&'static str, String, Option<Value>, u16, &'static str, &'static str);

fn rows(scene: &Scene) -> Vec<Row> {
    [unknown(scene), refused(scene)].concat()
}

/// What is not there.
fn unknown(scene: &Scene) -> Vec<Row> {
    let Scene { hold, appointment, .. } = scene;
    let no_hold = "/v1/holds/hold_00000000000000000000000000";
    let no_appointment = "/v1/appointments/appt_00000000000000000000000000";
    let hold_with = |field, value| scene.hold_with(field, value);
    let to_ten = || Some(json!({"start": TEN}));
    let holds = || "/v1/holds".to_owned();
    vec![
        ("GET", "/v1/nothing".into(), None, 404, "not_found", "path"),
        ("PUT", holds(), None, 405, "method_not_allowed", "POST"),
        ("GET", "/v1/appointments/search".into(), None, 405, "method_not_allowed", "POST"),
        ("OPTIONS", format!("/v1/holds/{hold}"), None, 405, "method_not_allowed", "DELETE"),
        ("GET", format!("/v1/calendars/{NO_CALENDAR}"), None, 404, "unknown_calendar", ""),
        ("GET", "/v1/calendars/nonsense".into(), None, 404, "unknown_calendar", ""),
        ("GET", "/v1/calendars/%ff%2F..".into(), None, 404, "unknown_calendar", ""),
        ("GET", format!("/v1/calendars/{NO_CALENDAR}/slots"), None, 404, "unknown_calendar", ""),
        (
            "POST",
            holds(),
            hold_with("calendar_id", json!(NO_CALENDAR)),
            404,
            "unknown_calendar",
            "",
        ),
        ("POST", holds(), hold_with("calendar_id", json!("x")), 404, "unknown_calendar", ""),
        ("GET", no_hold.into(), None, 404, "unknown_hold", ""),
        ("GET", format!("/v1/holds/{appointment}"), None, 404, "unknown_hold", ""),
        ("DELETE", no_hold.into(), None, 404, "unknown_hold", ""),
        ("POST", format!("{no_hold}/confirm"), None, 404, "unknown_hold", ""),
        ("GET", no_appointment.into(), None, 404, "unknown_appointment", ""),
        ("GET", format!("/v1/appointments/{hold}"), None, 404, "unknown_appointment", ""),
        ("DELETE", no_appointment.into(), None, 404, "unknown_appointment", ""),
        ("POST", format!("{no_appointment}/move"), to_ten(), 404, "unknown_appointment", ""),
        (
            "POST",
            format!("/v1/appointments/{appointment}/move"),
            Some(json!({"start": TEN, "calendar_id": NO_CALENDAR})),
            404,
            "unknown_calendar",
            "",
        ),
    ]
}

/// What is there and may not be.
fn refused(scene: &Scene) -> Vec<Row> {
    let Scene { calendar, released, confirmed, cancelled, .. } = scene;
    let hold_with = |field, value| scene.hold_with(field, value);
    let to_ten = || Some(json!({"start": TEN}));
    let holds = || "/v1/holds".to_owned();
    let slots = |query: &str| format!("/v1/calendars/{calendar}/slots{query}");
    vec![
        ("POST", holds(), hold_with("start", json!(NINE)), 409, "slot_taken", "alternatives"),
        (
            "POST",
            holds(),
            hold_with("patient_id", json!("ada")),
            409,
            "patient_has_hold",
            "hold_id",
        ),
        ("DELETE", format!("/v1/holds/{confirmed}"), None, 409, "hold_confirmed", "appointment_id"),
        (
            "POST",
            format!("/v1/appointments/{cancelled}/move"),
            to_ten(),
            409,
            "not_changeable",
            "cancelled",
        ),
        ("POST", format!("/v1/holds/{released}/confirm"), None, 410, "hold_released", ""),
        ("POST", holds(), hold_with("reason", json!("surgery")), 422, "unknown_reason", ""),
        ("GET", slots("?reason=surgery"), None, 422, "unknown_reason", ""),
        ("POST", holds(), hold_with("start", at("13:00")), 422, "outside_openings", "open"),
        ("POST", holds(), hold_with("start", at("11:50")), 422, "outside_openings", "open"),
        ("POST", holds(), hold_with("start", at("10:03")), 422, "outside_openings", "grid of 5"),
        ("POST", holds(), hold_with("start", at("06:55")), 422, "in_the_past", ""),
        (
            "POST",
            holds(),
            hold_with("start", json!("2027-06-01T09:00:00+02:00")),
            422,
            "beyond_horizon",
            "60 days",
        ),
    ]
}

fn at(time: &str) -> Value {
    json!(format!("2027-03-22T{time}:00+01:00"))
}

#[tokio::test]
async fn refusals_have_their_status_and_code() {
    let mut scene = Scene::new().await;
    for (method, path, body, status, code, word) in rows(&scene) {
        let answer = scene.client.send(method, &path, &[], body.as_ref()).await;
        let problem = answer.problem(status, code);
        assert!(problem.to_string().contains(word), "{method} {path}: {problem}");
        if status == 405 {
            assert!(answer.header("allow").is_some_and(|allow| allow.contains(word)), "{answer:?}");
        }
    }
    let mut twin = practice();
    twin["external_id"] = json!("cabinet-7");
    let taken = scene.client.post("/v1/calendars", &twin).await.problem(409, "external_id_taken");
    assert_eq!(taken["calendar_id"], json!(scene.calendar));
    drop(scene.served);
}

#[tokio::test]
async fn a_broken_rule_names_its_field() {
    let mut scene = Scene::new().await;
    let slots = format!("/v1/calendars/{}/slots", scene.calendar);
    for (query, field) in [
        ("", "reason"),
        ("?reason=two%20words", "reason"),
        ("?reason=check-up&form=2027-03-22", "form"),
        ("?reason=check-up&reason=check-up", "reason"),
        ("?reason=check-up&from=yesterday", "from"),
        ("?reason=check-up&from=2027-02-30", "from"),
        ("?reason=check-up&from=2027-03-22T09:00:00", "from"),
        ("?reason=check-up&days=0", "days"),
        ("?reason=check-up&days=732", "days"),
        ("?reason=check-up&days=-1", "days"),
        ("?reason=check-up&limit=0", "limit"),
        ("?reason=check-up&limit=1001", "limit"),
        ("?reason=check-up&limit=many", "limit"),
        ("?reason=check-up&cursor=03ff", "cursor"),
    ] {
        let answer = scene.client.get(&format!("{slots}{query}")).await;
        assert_eq!(answer.problem(400, "invalid_request")["errors"][0]["field"], field, "{query}");
    }
    for (field, value) in [
        ("start", json!("2027-03-22T09:00:00")),
        ("start", json!(1_806_000_000)),
        ("start", json!("2027-03-22T09:00:00+01:00[Asia/Tokyo]")),
        ("reason", json!("")),
        ("patient_id", json!("a b")),
        ("patient_id", json!("p".repeat(65))),
        ("patient_id", Value::Null),
        ("patient", json!("ada")),
    ] {
        let body = scene.hold_with(field, value);
        let answer = scene.client.send("POST", "/v1/holds", &[], body.as_ref()).await;
        assert_eq!(answer.problem(400, "invalid_request")["errors"][0]["field"], field);
    }
    for (path, value, field) in [
        ("/time_zone", json!("Europe/Pari"), "time_zone"),
        ("/grid_minutes", json!(7), "grid_minutes"),
        ("/grid_minutes", json!(300), "grid_minutes"),
        ("/lanes", json!(0), "lanes"),
        ("/lanes", json!(1.5), "lanes"),
        ("/horizon_days", json!(731), "horizon_days"),
        ("/location/name", json!(" "), "location.name"),
        ("/reasons", json!([]), "reasons"),
        ("/reasons/1/duration_minutes", json!(0), "reasons[1].duration_minutes"),
        ("/reasons/1/id", json!("check-up"), "reasons[1].id"),
        ("/reasons/0/id", json!("check up"), "reasons[0].id"),
        ("/weekly_hours/monday/1", json!("18:00-14:00"), "weekly_hours.monday[1]"),
        ("/weekly_hours/monday/0", json!("8-12"), "weekly_hours.monday[0]"),
    ] {
        let mut definition = practice();
        *definition.pointer_mut(path).unwrap() = value;
        let answer = scene.client.post("/v1/calendars", &definition).await;
        assert_eq!(answer.problem(400, "invalid_request")["errors"][0]["field"], field, "{path}");
    }
}

#[tokio::test]
async fn a_change_that_breaks_a_rule_names_its_field() {
    let mut scene = Scene::new().await;
    let at = format!("/v1/calendars/{}", scene.calendar);
    for (body, field) in [
        (json!({"time_zone": "Europe/Paris"}), "time_zone"),
        (json!({"exceptions": null}), "exceptions"),
        (json!({"weekly_hours": {"funday": []}}), "weekly_hours.funday"),
        (json!({"exceptions": [{"date": "1 April", "hours": []}]}), "exceptions[0].date"),
        (json!({"templates": [{"every_weeks": 2, "hours": {}}]}), "templates[0].anchor"),
        (json!({"templates": [{"every_weeks": 9, "hours": {}}]}), "templates[0].every_weeks"),
        (
            json!({"templates": [{"from": "2027-03-02", "until": "2027-03-01", "hours": {}}]}),
            "templates[0].until",
        ),
        (json!({"absences": [{"from": "tomorrow", "until": "2027-03-01"}]}), "absences[0].from"),
        (json!({"absences": [{"from": "2027-03-02", "until": "2027-03-01"}]}), "absences[0].until"),
        (json!({"public_holidays": null}), "public_holidays"),
        (json!({"public_holidays": {"calendar": "corsica"}}), "public_holidays.calendar"),
        (
            json!({"public_holidays": {"calendar": "none", "open_on": ["christmas"]}}),
            "public_holidays.open_on[0]",
        ),
    ] {
        let answer = scene.client.send("PATCH", &at, &[("If-Match", "*")], Some(&body)).await;
        assert_eq!(answer.problem(400, "invalid_request")["errors"][0]["field"], field, "{body}");
    }
}

#[tokio::test]
async fn a_body_must_be_json_and_belong_there() {
    let mut scene = Scene::new().await;
    let confirm = format!("/v1/holds/{}/confirm", scene.hold);
    let json_type: &[(&str, &str)] = &[];
    let text_type: &[(&str, &str)] = &[("Content-Type", "text/plain")];
    let form: &[(&str, &str)] = &[("Content-Type", "application/x-www-form-urlencoded")];
    let zipped: &[(&str, &str)] =
        &[("Content-Type", "application/json"), ("Content-Encoding", "gzip")];
    let twice = "{\"patient_id\":\"ada\",\"patient_id\":\"bob\"}";
    let deep = "[".repeat(10_000);
    for (path, headers, body, status, code) in [
        ("/v1/holds", json_type, "", 400, "invalid_request"),
        ("/v1/holds", json_type, "{", 400, "invalid_request"),
        ("/v1/holds", json_type, "[]", 400, "invalid_request"),
        ("/v1/holds", json_type, "null", 400, "invalid_request"),
        ("/v1/holds", json_type, deep.as_str(), 400, "invalid_request"),
        ("/v1/appointments/search", json_type, twice, 400, "invalid_request"),
        ("/v1/holds", text_type, "{}", 415, "unsupported_media_type"),
        ("/v1/holds", form, "start=9", 415, "unsupported_media_type"),
        ("/v1/holds", zipped, "{}", 415, "unsupported_media_type"),
        (confirm.as_str(), json_type, "{\"now\":true}", 400, "invalid_request"),
        (confirm.as_str(), json_type, "true", 400, "invalid_request"),
        (confirm.as_str(), text_type, "{}", 415, "unsupported_media_type"),
    ] {
        scene.client.start("POST", path, headers, Some(body)).await;
        scene.client.answer(false).await.problem(status, code);
    }
    let charset = [("Content-Type", "Application/JSON; charset=utf-8")];
    scene.client.start("POST", &confirm, &charset, Some(" {} ")).await;
    scene.client.answer(false).await.ok(201);
}

#[tokio::test]
async fn time_ends_holds_and_appointments() {
    let config = Config { hold: Duration::from_secs(1), ..Config::in_memory() };
    let nine: Timestamp = NINE.parse().unwrap();
    let start = nine.plus_ms(-1_500).to_string();
    let served = Served::with(config, Limits::default(), &start).await;
    let calendar = served.calendar(&practice()).await;
    let mut client = served.client().await;
    let booked = client.post("/v1/holds", &hold_of(&calendar, NINE, "ada")).await.ok(201);
    let confirm = format!("/v1/holds/{}/confirm", text(&booked, "hold_id"));
    let booked = client.send("POST", &confirm, &[], None).await.ok(201);
    let held = client.post("/v1/holds", &hold_of(&calendar, TEN, "bob")).await.ok(201);
    let hold = format!("/v1/holds/{}", text(&held, "hold_id"));
    tokio::time::sleep(Duration::from_millis(1_600)).await;

    let confirm = client.send("POST", &format!("{hold}/confirm"), &[], None).await;
    confirm.problem(410, "hold_expired");
    assert_eq!(client.get(&hold).await.ok(200)["status"], "expired");
    assert_eq!(client.delete(&hold).await.status, 204);
    let at = format!("/v1/appointments/{}", text(&booked, "appointment_id"));
    client.delete(&at).await.problem(409, "not_changeable");
    let later = json!({"start": TEN});
    client.post(&format!("{at}/move"), &later).await.problem(409, "not_changeable");
    assert_eq!(client.get(&at).await.ok(200)["status"], "booked");
}

#[tokio::test]
async fn too_much_under_way_is_told_when_to_come_back() {
    let config = Config { calendar_holds_max: 1, calendar_requests_max: 2, ..Config::in_memory() };
    let served = Served::with(config, Limits::default(), START).await;
    let calendar = served.calendar(&practice()).await;
    let (mut first, mut second) = (served.client().await, served.client().await);
    served.gate(Gate::Shut);
    let body = hold_of(&calendar, NINE, "ada").to_string();
    first.start("POST", "/v1/holds", &[], Some(&body)).await;
    served.under_way(1).await;
    let refused = second.post("/v1/holds", &hold_of(&calendar, TEN, "bob")).await;
    refused.problem(503, "overloaded");
    assert_eq!(refused.header("retry-after"), Some("1"));
    served.gate(Gate::Open);
    first.answer(false).await.ok(201);
    second.post("/v1/holds", &hold_of(&calendar, TEN, "bob")).await.ok(201);
}

#[tokio::test]
async fn a_failed_engine_says_so_and_nothing_of_its_inside() {
    let served = Served::new().await;
    let calendar = served.calendar(&practice()).await;
    let mut client = served.client().await;
    served.gate(Gate::Broken);
    let unknown = client.post("/v1/holds", &hold_of(&calendar, NINE, "ada")).await;
    let problem = unknown.problem(503, "outcome_unknown");
    assert!(text(&problem, "detail").contains("repeat with the same key"));
    for path in ["/readyz".to_owned(), format!("/v1/calendars/{calendar}")] {
        let problem = client.get(&path).await.problem(503, "unavailable");
        assert!(!problem.to_string().contains("secret"), "{problem}");
    }
    let refused = client.post("/v1/holds", &hold_of(&calendar, TEN, "ada")).await;
    refused.problem(503, "unavailable");
    client.get("/livez").await.ok(200);
}

#[tokio::test]
async fn a_calendar_that_fails_twice_is_set_apart() {
    let served = Served::new().await;
    let (broken, sound) = (served.calendar(&practice()).await, served.calendar(&practice()).await);
    let mut client = served.client().await;
    for _ in 0..2 {
        let _ = served.engine.plant_failure(broken.parse().unwrap()).await;
    }
    let refused = client.post("/v1/holds", &hold_of(&broken, NINE, "ada")).await;
    refused.problem(503, "calendar_unavailable");
    client.post("/v1/holds", &hold_of(&sound, NINE, "ada")).await.ok(201);
}
