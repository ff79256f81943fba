//! A day of a campaign, in the order of `docs/campaign.md`: from an empty server to the figures of
//! the evening.

use serde_json::{Value, json};

use crate::client::{Answer, Client};
use crate::served::{Served, practice, text};

const STATED: &str = "2027-03-22T07:00:00+01:00";

/// Whoever is of 75 or older may book; everybody else may in a week.
fn campaign() -> Value {
    json!({
        "name": "Spring",
        "bands": ["18-74", "75-plus"],
        "vaccines": [{
            "id": "bnt", "name": "BNT", "doses": 2, "days_min": 21, "days_max": 49,
            "reaction_minutes": 15,
        }],
        "phases": [
            {
                "id": "first", "says": "people of 75 and older",
                "opens": "2027-03-01T08:00:00+01:00", "groups": [{"bands": ["75-plus"]}],
            },
            {"id": "all", "says": "everybody", "opens": "2027-03-29T08:00:00+02:00"},
        ],
    })
}

struct Desk {
    client: Client,
    place: String,
    campaign: String,
    calendar: String,
}

impl Desk {
    async fn open(served: &Served) -> Self {
        let mut client = served.client().await;
        let place = client.post("/v1/places", &json!({"name": "Town hall"})).await.ok(201);
        let place = text(&place, "place_id").to_owned();
        let made = client.post("/v1/campaigns", &campaign()).await.ok(201);
        let campaign = text(&made, "campaign_id").to_owned();
        let mut definition = practice();
        definition["lanes"] = json!(2);
        definition["place_id"] = json!(place);
        definition["reasons"] = json!([{
            "id": "vaccination", "name": "Vaccination", "duration_minutes": 15,
            "rules": {"dose": {"campaign_id": campaign, "vaccine": "bnt"}},
        }]);
        let calendar = served.calendar(&definition).await;
        Self { client, place, campaign, calendar }
    }

    fn at(&self, path: &str) -> String {
        format!("/v1/campaigns/{}{path}", self.campaign)
    }

    fn delivery(&self, lot: &str, (arrives, expires): (&str, &str), doses: u32) -> Value {
        json!({
            "place_id": self.place, "vaccine": "bnt", "lot": lot, "doses": doses,
            "arrives": arrives, "expires": expires,
        })
    }

    async fn deliver(&mut self, delivery: &Value) -> String {
        let path = self.at("/deliveries");
        let put = self.client.post(&path, delivery).await;
        let made = put.ok(201);
        let id = text(&made["delivery"], "delivery_id").to_owned();
        assert_eq!(put.header("location"), Some(&*format!("{path}/{id}")));
        assert_eq!(made["concerned"], json!([]));
        id
    }

    fn hold(&self, who: &str, band: &str, number: u8, start: &str) -> Value {
        json!({
            "calendar_id": self.calendar, "start": start, "reason": "vaccination",
            "patient_id": who,
            "dose": {
                "campaign_id": self.campaign, "number": number,
                "facts": {"stated_at": STATED, "band": band, "territory": "north"},
            },
        })
    }

    async fn confirm(&mut self, hold: &Value) -> Value {
        let path = format!("/v1/holds/{}/confirm", text(hold, "hold_id"));
        self.client.post(&path, &json!({})).await.ok(201)
    }

    async fn book(&mut self, who: &str, start: &str) -> Value {
        let asked = self.hold(who, "75-plus", 1, start);
        let held = self.client.post("/v1/holds", &asked).await.ok(201);
        self.confirm(&held).await
    }

    async fn both(&mut self, who: &str) -> (Value, Value) {
        let first = self.hold(who, "75-plus", 1, "2027-03-22T08:00:00+01:00");
        let second = self.hold(who, "75-plus", 2, "2027-04-13T08:00:00+02:00");
        let asked = json!({"first": first, "second": second});
        let held = self.client.post("/v1/holds/doses", &asked).await.ok(201);
        assert_eq!(self.client.post("/v1/holds/doses", &asked).await.ok(200), held);
        (held["first"].clone(), held["second"].clone())
    }

    async fn coverage(&mut self, query: &str, headers: &[(&str, &str)]) -> Answer {
        let path = self.at(&format!("/coverage?{query}"));
        self.client.send("GET", &path, headers, None).await
    }
}

const NOW: (&str, &str) = ("2027-03-22T06:00:00+01:00", "2027-03-31T00:00:00+02:00");
const LATER: (&str, &str) = ("2027-04-10T06:00:00+02:00", "2027-06-01T00:00:00+02:00");

/// Who is too early is told from when on they may.
async fn refused_before_their_phase(desk: &mut Desk) {
    let facts = json!({"stated_at": STATED, "band": "18-74"});
    let asked = json!({"vaccine": "bnt", "number": 1, "facts": facts});
    let path = desk.at("/eligibility");
    let eligibility = desk.client.post(&path, &asked).await;
    let hold = desk.hold("ben", "18-74", 1, "2027-03-22T08:00:00+01:00");
    for answer in [eligibility, desk.client.post("/v1/holds", &hold).await] {
        let told = answer.problem(422, "not_eligible");
        assert_eq!(told["why"], "not_yet");
        assert_eq!(told["opens"], "2027-03-29T06:00:00Z");
        assert_eq!(told["detail"], "from 2027-03-29T06:00:00Z for everybody");
    }
    let facts = json!({"stated_at": STATED, "band": "75-plus"});
    let asked = json!({"vaccine": "bnt", "number": 1, "facts": facts});
    assert_eq!(desk.client.post(&path, &asked).await.ok(200), json!({"phase": "first"}));
}

/// Two doses are held together, and confirmed together.
async fn two_doses(desk: &mut Desk, deliveries: [&str; 2]) -> [String; 2] {
    let (first, second) = desk.both("ada").await;
    for (held, delivery, twin) in
        [(&first, deliveries[0], &second), (&second, deliveries[1], &first)]
    {
        let dose = &held["dose"];
        assert_eq!((&dose["delivery_id"], &dose["twin"]), (&json!(delivery), &twin["hold_id"]));
        assert_eq!(dose.get("band"), None, "{dose}");
    }
    let booked = desk.confirm(&first).await;
    assert_eq!((&booked["dose"]["number"], &booked["status"]), (&json!(1), &json!("booked")));
    let path = format!("/v1/holds/{}", text(&second, "hold_id"));
    let other = desk.client.get(&path).await.ok(200);
    assert_eq!(other["status"], "confirmed");
    let path = desk.at("/doses/search");
    let doses = desk.client.post(&path, &json!({"patient_id": "ada"})).await.ok(200);
    let status: Vec<_> =
        doses["doses"].as_array().unwrap().iter().map(|it| &it["status"]).collect();
    assert_eq!(status, ["booked", "booked"]);
    assert_eq!(doses["doses"][1]["appointment_id"], other["appointment_id"]);
    [text(&booked, "appointment_id"), text(&other, "appointment_id")].map(str::to_owned)
}

/// The delivery is one dose short: whoever booked last is left without, is listed and is told.
async fn cut(desk: &mut Desk, delivery: &str, last: &Value) {
    let path = desk.at(&format!("/deliveries/{delivery}"));
    let less = desk.delivery("FK2042", NOW, 2);
    let key = [("Idempotency-Key", "cut-1")];
    let put = desk.client.send("PUT", &path, &key, Some(&less)).await.ok(200);
    let concerned = put["concerned"].as_array().unwrap();
    assert_eq!(concerned.len(), 1, "{put}");
    assert_eq!(concerned[0]["appointment_id"], last["appointment_id"]);
    assert_eq!(concerned[0]["patient_id"], "max");
    assert_eq!(concerned[0].get("delivery_id"), None);
    let tally = json!({"claimed": 2, "given": 0, "wasted": 0, "left": 0});
    assert_eq!(put["delivery"]["tally"], tally);
    let path = desk.at("/without_dose");
    let without = desk.client.get(&path).await.ok(200);
    assert_eq!(without["concerned"], put["concerned"]);
    let due = desk.client.get("/v1/due").await.ok(200);
    let told: Vec<_> =
        due["due"].as_array().unwrap().iter().filter(|it| it["kind"] == "without_dose").collect();
    assert_eq!(told.len(), 1, "{due}");
    assert_eq!(told[0]["appointment"]["appointment_id"], last["appointment_id"]);
    let path = desk.at(&format!("/desk?place_id={}&day=2027-03-22", desk.place));
    let seen = desk.client.get(&path).await.ok(200);
    assert_eq!(seen["without_dose"], put["concerned"]);
    assert_eq!(seen["deliveries"].as_array().unwrap().len(), 2);
    assert_eq!(seen["lines"], json!([{"vaccine": "bnt", "waiting": 1}]));
    assert_eq!((&seen["coverage"]["given"], &seen["coverage"]["booked"]), (&json!(0), &json!(3)));
}

async fn give(desk: &mut Desk, appointment: &str, second: &str) {
    let at = format!("/v1/appointments/{appointment}");
    let early = desk.client.post(&format!("/v1/appointments/{second}/dose"), &json!({})).await;
    assert_eq!(early.problem(422, "not_eligible")["why"], "needs_dose");
    let given = desk.client.post(&format!("{at}/dose"), &json!({})).await.ok(200);
    assert_eq!((&given["lot"], &given["number"]), (&json!("FK2042"), &json!(1)));
    let minutes = |field: &str| text(&given, field)[14..16].parse::<u32>().unwrap();
    assert_eq!((minutes("at") + 15) % 60, minutes("stays_until"));
    assert_eq!(desk.client.get(&at).await.ok(200)["status"], "fulfilled");
}

/// Whoever had a dose of the lot, or was to have one, is named.
async fn recall(desk: &mut Desk, given: &str, coming: &Value) {
    let path = desk.at("/recalls");
    let recalled = desk.client.post(&path, &json!({"lot": "FK2042"})).await.ok(200);
    let concerned = recalled["concerned"].as_array().unwrap();
    let who = |concerned: &Value| {
        (
            concerned["patient_id"].clone(),
            concerned["appointment_id"].clone(),
            concerned["given"] == true,
        )
    };
    let mut named: Vec<_> = concerned.iter().map(who).collect();
    named.sort_by_key(|(patient, _, _)| patient.to_string());
    assert_eq!(
        named,
        [
            (json!("ada"), json!(given), true),
            (json!("eve"), coming["appointment_id"].clone(), false),
        ]
    );
    let path = desk.at(&format!("/deliveries?place_id={}", desk.place));
    let deliveries = desk.client.get(&path).await.ok(200);
    let recalled: Vec<_> =
        deliveries["deliveries"].as_array().unwrap().iter().map(|it| &it["recalled"]).collect();
    assert_eq!(recalled, [&json!(true), &json!(false)]);
}

/// Whoever came too late waits. Asked again, they wait where they do.
async fn waits(desk: &mut Desk) -> String {
    let asked = json!({
        "place_id": desk.place, "reason": "vaccination", "number": 1, "patient_id": "kim",
        "facts": {"stated_at": STATED, "band": "75-plus"}, "until": "2027-03-30",
    });
    let path = desk.at("/line");
    let joined = desk.client.post(&path, &asked).await;
    let place = joined.ok(201);
    let id = text(&place, "wish_id").to_owned();
    assert_eq!(joined.header("location"), Some(&*format!("{path}/{id}")));
    assert_eq!((&place["status"], &place["before"]), (&json!("waiting"), &json!(0)));
    assert_eq!(desk.client.post(&path, &asked).await.ok(200), place);
    assert_eq!(desk.client.get(&format!("{path}/{id}")).await.ok(200), place);
    let line = format!("{path}?place_id={}&vaccine=bnt", desk.place);
    let line = desk.client.get(&line).await.ok(200);
    assert_eq!(line, json!({"waiting": 1, "first": [place]}));
    desk.client.get(&path).await.problem(400, "invalid_request");
    let found = desk.client.post(&format!("{path}/search"), &json!({"patient_id": "kim"})).await;
    assert_eq!(found.ok(200), json!({"places": [place]}));
    let none = format!("{path}/wish_00000000000000000000000000");
    desk.client.get(&none).await.problem(404, "unknown_wish");
    let young = json!({"stated_at": STATED, "band": "18-74"});
    let early = json!({
        "place_id": desk.place, "reason": "vaccination", "number": 1, "patient_id": "ben",
        "facts": young,
    });
    desk.client.post(&path, &early).await.problem(422, "not_eligible");
    id
}

/// More is delivered: whoever was left without has it first, and then whoever waits is offered it.
async fn offered(desk: &mut Desk, wish: &str) {
    let more = desk.delivery("FK4004", NOW, 3);
    desk.deliver(&more).await;
    let path = desk.at(&format!("/line/{wish}"));
    let mut place = json!(null);
    for _ in 0..400 {
        place = desk.client.get(&path).await.ok(200);
        if place.get("offer").is_some() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    let offer = text(&place["offer"], "hold_id").to_owned();
    let mine = desk.hold("zoe", "75-plus", 1, "2027-03-22T09:00:00+01:00");
    desk.client.post("/v1/holds", &mine).await.problem(409, "no_dose");
    let at = format!("/v1/holds/{offer}/accept");
    let accepted = desk.client.post(&at, &json!({})).await.ok(200);
    let place = desk.client.get(&path).await.ok(200);
    assert_eq!(place["status"], "granted");
    assert_eq!(place["appointment_id"], accepted["appointment_id"]);
    assert_eq!(place.get("before"), None);
    assert_eq!(desk.client.delete(&format!("/v1/wishes/{wish}")).await.status, 204);
    let path = desk.at("/without_dose");
    assert_eq!(desk.client.get(&path).await.ok(200), json!({"concerned": []}));
}

/// Nobody waits any more, and nothing is left.
async fn remaining(desk: &mut Desk) {
    let path = desk.at("/remaining");
    let mut asked = json!({
        "place_id": desk.place, "vaccine": "bnt", "answer_minutes": 10, "overflow": true,
    });
    let told = desk.client.post(&path, &asked).await.ok(200);
    assert_eq!(told, json!({"offers": [], "left": 0, "waiting": 0}));
    asked["until"] = json!("2027-03-20T20:00:00+01:00");
    let told = desk.client.post(&path, &asked).await.problem(400, "invalid_request");
    assert_eq!(told["errors"][0]["field"], "until");
    asked["answer_minutes"] = json!(0);
    let told = desk.client.post(&path, &asked).await.problem(400, "invalid_request");
    assert_eq!(told["errors"][0]["field"], "answer_minutes");
}

async fn evening(desk: &mut Desk) {
    let by = "by=band,vaccine&from=2027-03-22&until=2027-03-22";
    let told = desk.coverage(by, &[]).await.ok(200);
    let row = json!({
        "vaccine": "bnt", "band": "75-plus",
        "first": 1, "complete": 0, "boosters": 0, "given": 1, "booked": 3,
    });
    assert_eq!(told["rows"], json!([row]));
    let all = desk.coverage("by=day", &[]).await.ok(200);
    let days: Vec<_> = all["rows"].as_array().unwrap().iter().map(|row| &row["day"]).collect();
    assert_eq!(days, ["2027-03-22", "2027-04-13"]);
    for answer in [
        desk.coverage(by, &[("Accept", "text/csv")]).await,
        desk.coverage(&format!("{by}&format=csv"), &[]).await,
    ] {
        assert_eq!(answer.header("content-type"), Some("text/csv; charset=utf-8"));
        let text = String::from_utf8(answer.body).unwrap();
        let lines: Vec<_> = text.lines().collect();
        let head = "vaccine,band,first,complete,boosters,given,booked";
        assert_eq!(lines, [head, "bnt,75-plus,1,0,0,1,3"]);
    }
    let answer = desk.coverage(&format!("{by}&format=prometheus"), &[]).await;
    assert_eq!(answer.status, 200);
    let text = String::from_utf8(answer.body).unwrap();
    let labels = format!("campaign_id=\"{}\",vaccine=\"bnt\",band=\"75-plus\"", desk.campaign);
    for line in ["given{LABELS} 1", "booked{LABELS} 3"] {
        let line = format!("creneau_campaign_{}", line.replace("LABELS", &labels));
        assert!(text.lines().any(|told| told == line), "{line}\n{text}");
    }
    desk.coverage("by=person", &[]).await.problem(400, "invalid_request");
}

#[tokio::test]
async fn a_day_of_a_campaign() {
    let served = Served::new().await;
    let mut desk = Desk::open(&served).await;
    let (now, later) = (desk.delivery("FK2042", NOW, 3), desk.delivery("FK3003", LATER, 5));
    let (now, later) = (desk.deliver(&now).await, desk.deliver(&later).await);
    refused_before_their_phase(&mut desk).await;
    let [first, second] = two_doses(&mut desk, [&now, &later]).await;
    let eve = desk.book("eve", "2027-03-22T08:15:00+01:00").await;
    let max = desk.book("max", "2027-03-22T08:30:00+01:00").await;
    let kim = desk.hold("kim", "75-plus", 1, "2027-03-22T08:45:00+01:00");
    desk.client.post("/v1/holds", &kim).await.problem(409, "no_dose");
    let waits = waits(&mut desk).await;
    cut(&mut desk, &now, &max).await;
    give(&mut desk, &first, &second).await;
    recall(&mut desk, &first, &eve).await;
    offered(&mut desk, &waits).await;
    remaining(&mut desk).await;
    evening(&mut desk).await;
}

#[tokio::test]
async fn who_cancels_says_what_becomes_of_the_next_dose() {
    let served = Served::new().await;
    let mut desk = Desk::open(&served).await;
    for (lot, when) in [("FK2042", NOW), ("FK3003", LATER)] {
        let delivery = desk.delivery(lot, when, 2);
        desk.deliver(&delivery).await;
    }
    let (first, second) = desk.both("ada").await;
    let booked = desk.confirm(&first).await;
    let at = format!("/v1/appointments/{}", text(&booked, "appointment_id"));
    let second = text(&second, "hold_id").replace("hold_", "appt_");
    let told = desk.client.delete(&at).await.problem(409, "next_dose");
    assert_eq!(told["appointment_id"], json!(second));
    let fulfilled = json!({"status": "fulfilled"});
    let mark = desk.client.post(&format!("{at}/mark"), &fulfilled).await;
    assert_eq!(mark.status, 409, "it has not begun, and its dose was not given");
    let both = json!({"next_dose": "cancel"});
    let gone = desk.client.send("DELETE", &at, &[], Some(&both)).await.ok(200);
    assert_eq!(gone["status"], "cancelled");
    let other = desk.client.get(&format!("/v1/appointments/{second}")).await.ok(200);
    assert_eq!(other["status"], "cancelled");
}

#[tokio::test]
async fn what_is_not_there_is_told() {
    let served = Served::new().await;
    let mut desk = Desk::open(&served).await;
    let delivery = desk.delivery("FK2042", NOW, 2);
    let id = desk.deliver(&delivery).await;
    let other = desk.client.post("/v1/campaigns", &campaign()).await.ok(201);
    let other = format!("/v1/campaigns/{}/deliveries/{id}", text(&other, "campaign_id"));
    let none = "/v1/campaigns/camp_00000000000000000000000000";
    let c = &mut desk.client;
    c.get(none).await.problem(404, "unknown_campaign");
    c.get("/v1/campaigns/x").await.problem(404, "unknown_campaign");
    c.send("PUT", none, &[], Some(&campaign())).await.problem(404, "unknown_campaign");
    c.get(&other).await.problem(404, "unknown_delivery");
    let wasted = json!({"doses": 1});
    c.post(&format!("{other}/wasted"), &wasted).await.problem(404, "unknown_delivery");
    let own = desk.at(&format!("/deliveries/{id}"));
    let c = &mut desk.client;
    let told = c.post(&format!("{own}/wasted"), &wasted).await.ok(200);
    assert_eq!(told["delivery"]["tally"]["wasted"], 1);
    c.post(&format!("{own}/wasted"), &json!({"doses": 3})).await.problem(400, "invalid_request");
    assert_eq!(c.get(&own).await.ok(200), told["delivery"]);
    let listed = desk.at("/deliveries");
    desk.client.get(&listed).await.problem(400, "invalid_request");
    let mut wrong = campaign();
    wrong["phases"][0]["closes"] = json!("2027-02-01T08:00:00+01:00");
    let told = desk.client.post("/v1/campaigns", &wrong).await.problem(400, "invalid_request");
    assert_eq!(told["errors"][0]["field"], "phases[0].closes");
}
