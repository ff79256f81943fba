//! The story of two days: a practice with three practitioners at two places opens, forty patients
//! book, two more wait until something comes free, one practitioner is late, another falls ill, and
//! in the evening the figures add up.
//!
//! All of it goes through HTTP, over pipes instead of sockets, on simulated time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use creneau::storage::memory;
use creneau::{Config, Engine, Environment, SystemRandom, Timestamp};
use creneau_server::http::{Front, Limits, Watched, serve_connection};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::client::Answer;
use crate::document::{Asked, document};
use crate::served::{START, StoppedClock, practice, text};

/// The server, and the clock on the wall of the practice.
struct Practice {
    engine: Engine,
    front: Front,
    /// Where the notifier goes on, and what it has told: who, what, of which appointment.
    resume: Option<String>,
    told: Vec<(String, String, String)>,
    told_ids: BTreeSet<String>,
}

impl Practice {
    async fn open() -> Self {
        let wall = Arc::new(StoppedClock(START.parse().unwrap()));
        let environment = Environment { wall, random: Arc::new(SystemRandom::default()) };
        let engine = Engine::open_with(Config::in_memory(), memory::fresh(), environment).await;
        let engine = engine.unwrap();
        let front = Front::new(Limits::default(), Watched::default()).unwrap();
        front.open(engine.clone());
        let (resume, told, told_ids) = (None, Vec::new(), BTreeSet::new());
        Self { engine, front, resume, told, told_ids }
    }

    /// Time passes until it is `when`.
    async fn wait_until(&self, when: &str) {
        let when: Timestamp = when.parse().unwrap();
        let ms = u64::try_from(when.millis() - self.engine.now().millis()).unwrap();
        tokio::time::advance(Duration::from_millis(ms)).await;
        // What was due meanwhile has its turn.
        tokio::time::sleep(Duration::from_secs(1)).await;
    }

    async fn send(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let (client, server) = tokio::io::duplex(1 << 20);
        tokio::spawn(serve_connection(self.front.clone(), server));
        let (mut reader, mut writer) = tokio::io::split(client);
        let content = body.map(Value::to_string).unwrap_or_default();
        let if_match = if method == "PATCH" { "If-Match: *\r\n" } else { "" };
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: practice\r\nConnection: close\r\n{if_match}\
             Content-Length: {}\r\n\r\n",
            content.len()
        );
        writer.write_all(head.as_bytes()).await.unwrap();
        writer.write_all(content.as_bytes()).await.unwrap();
        let mut received = Vec::new();
        reader.read_to_end(&mut received).await.unwrap();
        let end = received.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
        let head = String::from_utf8(received[..end].to_vec()).unwrap();
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let header = |line: &str| {
            let (name, value) = line.split_once(':').unwrap();
            (name.to_ascii_lowercase(), value.trim().to_owned())
        };
        let headers = lines.map(header).collect();
        let answer = Answer { status, headers, body: received[end + 4..].to_vec() };
        let own = if method == "PATCH" { vec![("if-match", "*")] } else { Vec::new() };
        let asked = Asked {
            method: method.to_owned(),
            path: path.to_owned(),
            headers: own.into_iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect(),
            body: body.map(Value::to_string),
        };
        document().check(Some(&asked), &answer);
        answer
    }

    async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send("POST", path, Some(body)).await
    }

    async fn get(&self, path: &str) -> Value {
        self.send("GET", path, None).await.ok(200)
    }

    async fn calendar(&self, who: &str, place: &str) -> String {
        let mut calendar = practice();
        calendar["practitioner_id"] = json!(who);
        calendar["place_id"] = json!(place);
        calendar["reminders_minutes"] = json!([24 * 60, 120]);
        let made = self.post("/v1/calendars", &calendar).await.ok(201);
        text(&made, "calendar_id").to_owned()
    }

    /// Two rooms that are used for the same, so that it does not matter which one somebody has.
    async fn rooms(&self, place: &str) -> String {
        let mut rooms = practice();
        rooms["place_id"] = json!(place);
        rooms["lanes"] = json!(2);
        // What it is used for beside is another reason than those of patients.
        rooms["reasons"] = json!([
            {"id": "meeting", "name": "Meeting", "duration_minutes": 60},
        ]);
        let made = self.post("/v1/calendars", &rooms).await.ok(201);
        text(&made, "calendar_id").to_owned()
    }

    async fn confirm(&self, hold: &Value) -> Value {
        let path = format!("/v1/holds/{}/confirm", text(hold, "hold_id"));
        self.send("POST", &path, None).await.ok(201)
    }

    /// A patient finds a slot, and takes what is offered where somebody was faster.
    async fn book(&self, calendar: &str, start: &str, who: &str) -> Value {
        let asked = |calendar: &str, start: &str| {
            json!({
                "calendar_id": calendar, "start": start, "reason": "check-up", "patient_id": who,
            })
        };
        let held = self.post("/v1/holds", &asked(calendar, start)).await;
        if held.status == 201 {
            return self.confirm(&held.json()).await;
        }
        let taken = held.problem(409, "slot_taken");
        let other = &taken["alternatives"][0];
        let asked = asked(text(other, "calendar_id"), text(other, "start"));
        self.confirm(&self.post("/v1/holds", &asked).await.ok(201)).await
    }

    /// A patient takes the first that is free at a place.
    async fn book_first(&self, place: &str, who: &str) -> Value {
        let asked = json!({
            "place_id": place, "reason": "check-up", "patient_id": who,
            "from": "2027-03-23T08:00:00+01:00",
        });
        self.confirm(&self.post("/v1/holds/first", &asked).await.ok(201)).await
    }

    /// The practice books for a patient on the phone, and a room for the same time.
    async fn book_by_phone(&self, calendar: &str, room: &str, start: &str, who: &str) -> Value {
        let asked = json!({
            "calendar_id": calendar, "start": start, "reason": "check-up", "patient_id": who,
            "practice": true, "with": [room],
        });
        let booked = self.confirm(&self.post("/v1/holds", &asked).await.ok(201)).await;
        assert_eq!((&booked["channel"], &booked["with"]), (&json!("phone"), &json!([room])));
        booked
    }

    /// The notifier tells all that is due by now.
    async fn notify(&mut self) {
        loop {
            let cursor = self.resume.as_ref().map_or(String::new(), |it| format!("&cursor={it}"));
            let page = self.get(&format!("/v1/due?limit=7{cursor}")).await;
            for due in page["due"].as_array().unwrap() {
                // What is offered to a patient is about no appointment.
                let about = due.get("appointment").map(|it| text(it, "appointment_id"));
                let appointment = about.unwrap_or_default().to_owned();
                let (who, kind) = (text(due, "patient_id"), text(due, "kind"));
                self.told.push((who.to_owned(), kind.to_owned(), appointment));
                assert!(self.told_ids.insert(text(due, "due_id").to_owned()), "told twice: {due}");
            }
            self.resume = Some(text(&page, "resume").to_owned());
            if page.get("next").is_none() {
                return;
            }
        }
    }

    /// How often somebody was told something.
    fn told(&self, who: &str, kind: &str) -> usize {
        self.told.iter().filter(|(told, what, _)| told == who && what == kind).count()
    }
}

/// The calendars of the story: Ada's, Bob's at both places, Eve's; and the rooms in the South.
struct Calendars {
    places: Vec<String>,
    rooms: String,
    ada: String,
    bob: String,
    eve: String,
    all: [String; 4],
}

/// Monday at seven: the practice opens its books.
async fn open_books(practice: &Practice) -> Calendars {
    let mut places = Vec::new();
    for name in ["North", "South"] {
        let place = practice.post("/v1/places", &json!({"name": name})).await.ok(201);
        places.push(text(&place, "place_id").to_owned());
    }
    let mut who = Vec::new();
    for name in ["Dr Ada Martin", "Dr Bob Noël", "Dr Eve Durand"] {
        let profile = json!({"name": name, "specialty": "general practice", "languages": ["fr"]});
        let made = practice.post("/v1/practitioners", &profile).await.ok(201);
        who.push(text(&made, "practitioner_id").to_owned());
    }
    let (north, south) = (&places[0], &places[1]);
    let ada = practice.calendar(&who[0], north).await;
    let bob = practice.calendar(&who[1], south).await;
    let bob_north = practice.calendar(&who[1], north).await;
    let eve = practice.calendar(&who[2], south).await;
    let rooms = practice.rooms(south).await;
    let all = [ada.clone(), bob.clone(), bob_north, eve.clone()];
    Calendars { places, rooms, ada, bob, eve, all }
}

type Booked = BTreeMap<String, Value>;

fn at(booked: &Value) -> String {
    format!("/v1/appointments/{}", text(booked, "appointment_id"))
}

/// Forty patients book for Tuesday: fourteen by slot, half of whom want the same one; sixteen take
/// what is free first at a place; ten are on the phone for the afternoon.
async fn forty_book(practice: &mut Practice, calendars: &Calendars) -> Booked {
    let mut booked = Booked::new();
    for number in 0..14 {
        let patient = format!("slot-{number}");
        let minute = if number % 2 == 0 { "09:00" } else { "09:30" };
        let start = format!("2027-03-23T{minute}:00+01:00");
        let calendar = &calendars.all[number % 4];
        booked.insert(patient.clone(), practice.book(calendar, &start, &patient).await);
    }
    for number in 0..16 {
        let patient = format!("first-{number}");
        let place = &calendars.places[number % 2];
        booked.insert(patient.clone(), practice.book_first(place, &patient).await);
    }
    for number in 0..10 {
        let patient = format!("phone-{number}");
        let start = format!("2027-03-23T{}:{:02}:00+01:00", 14 + number / 4, 15 * (number % 4));
        let Calendars { bob, rooms, .. } = calendars;
        let made = practice.book_by_phone(bob, rooms, &start, &patient).await;
        booked.insert(patient, made);
    }
    assert_eq!(booked.len(), 40);
    let taken: BTreeSet<_> =
        booked.values().map(|it| (text(it, "calendar_id"), text(it, "start"))).collect();
    assert_eq!(taken.len(), 40, "no slot was sold twice");
    practice.notify().await;
    assert!(booked.keys().all(|patient| practice.told(patient, "confirmation") == 1));
    booked
}

/// One more holds a slot and forgets about it; after a quarter of an hour it is another's.
async fn one_forgets(practice: &Practice, bob: &str, booked: &mut Booked) {
    let late = "2027-03-23T17:45:00+01:00";
    let asked = |who: &str| {
        let reason = "check-up";
        json!({"calendar_id": bob, "start": late, "reason": reason, "patient_id": who})
    };
    let forgotten = practice.post("/v1/holds", &asked("forgetful")).await.ok(201);
    practice.post("/v1/holds", &asked("phone-0")).await.problem(409, "slot_taken");
    practice.wait_until("2027-03-22T07:20:00+01:00").await;
    booked.insert("phone-10".to_owned(), practice.book(bob, late, "phone-10").await);
    let path = format!("/v1/holds/{}/confirm", text(&forgotten, "hold_id"));
    practice.send("POST", &path, None).await.problem(410, "hold_expired");
}

/// Two come too late for what they want, and wait: one in the North, one in the South.
async fn two_wait(practice: &Practice, calendars: &Calendars) -> [String; 2] {
    let mut wishes = [String::new(), String::new()];
    for (number, wish) in wishes.iter_mut().enumerate() {
        let asked = json!({
            "place_id": calendars.places[number], "reason": "check-up",
            "patient_id": format!("wait-{number}"), "hours": {"tuesday": ["08:00-12:00"]},
            "until": "2027-03-23",
        });
        let made = practice.post("/v1/wishes", &asked).await.ok(201);
        *wish = format!("/v1/wishes/{}", text(&made, "wish_id"));
    }
    wishes
}

/// On Monday evening two cancel, and one moves to Wednesday. Who waits is told, and takes it.
async fn some_think_again(practice: &mut Practice, booked: &mut Booked, wishes: &[String; 2]) {
    practice.wait_until("2027-03-22T19:00:00+01:00").await;
    for (number, patient) in ["slot-0", "first-3"].into_iter().enumerate() {
        practice.send("DELETE", &at(&booked[patient]), None).await.ok(200);
        practice.notify().await;
        let waiter = format!("wait-{number}");
        assert_eq!(practice.told(&waiter, "offer"), 1, "{waiter} is told of it once");
        let lists = practice.get(&wishes[number]).await["lists"].clone();
        let offer = lists.as_array().unwrap().iter().find_map(|list| list.get("offer")).unwrap();
        assert_eq!(offer["start"], booked[patient]["start"]);
        let accept = format!("/v1/holds/{}/accept", text(offer, "hold_id"));
        let taken = practice.post(&accept, &json!({"by": waiter})).await.ok(200);
        booked.insert(waiter, taken);
    }
    let wednesday = json!({"start": "2027-03-24T09:00:00+01:00"});
    let moved = practice.post(&format!("{}/move", at(&booked["slot-5"])), &wednesday).await.ok(200);
    booked.insert("slot-5".to_owned(), moved);
    practice.notify().await;
    assert_eq!((practice.told("slot-0", "cancelled"), practice.told("slot-5", "moved")), (1, 1));
}

/// On Tuesday Ada is late: everyone who comes to her is told, once, and nobody else.
async fn ada_is_late(practice: &mut Practice, calendars: &Calendars, booked: &Booked) {
    practice.wait_until("2027-03-23T08:50:00+01:00").await;
    let delay = format!("/v1/calendars/{}/delay", calendars.ada);
    practice.post(&delay, &json!({"minutes": 20})).await.ok(200);
    practice.notify().await;
    for (patient, it) in booked {
        let comes = "2027-03-23T08:50" < text(it, "start");
        let stands = practice.told(patient, "cancelled") == 0;
        let hers = it["calendar_id"] == calendars.ada && comes && stands;
        assert_eq!(practice.told(patient, "late"), usize::from(hers), "{patient}");
        let late = practice.get(&at(it)).await["late_minutes"].clone();
        assert_eq!(late, if hers { json!(20) } else { Value::Null }, "{patient}");
    }
}

/// Whoever was seen says once how it was, and the practice replies to who was not content.
async fn says_how_it_was(practice: &mut Practice, it: &Value, came: bool, content: bool) {
    let path = format!("{}/review", at(it));
    let said = json!({"positive": content, "text_id": "words"});
    let review = practice.post(&path, &said).await;
    if !came {
        review.problem(409, "not_fulfilled");
        return;
    }
    let review = review.ok(201);
    assert_eq!((&review["positive"], &review["text_id"]), (&json!(content), &json!("words")));
    practice.post(&path, &said).await.problem(409, "already_reviewed");
    if !content {
        let reply = json!({"text_id": "sorry"});
        practice.post(&format!("{path}/reply"), &reply).await.ok(200);
        assert_eq!(practice.get(&path).await["reply"]["text_id"], "sorry");
    }
}

/// All who came in the morning were seen, but for one who did not come. How many were seen.
async fn the_morning_is_over(practice: &mut Practice, booked: &Booked) -> u64 {
    practice.wait_until("2027-03-23T12:30:00+01:00").await;
    practice.notify().await;
    let mut seen = 0;
    for (patient, it) in booked {
        let came = text(it, "start") < "2027-03-23T12:30:00+01:00";
        if came && practice.told(patient, "cancelled") == 0 {
            let status = if patient == "first-0" { "no_show" } else { "fulfilled" };
            let (path, mark) = (format!("{}/mark", at(it)), json!({"status": status}));
            let marked = practice.post(&path, &mark).await.ok(200);
            assert_eq!(marked["status"], status);
            seen += u64::from(status == "fulfilled");
            says_how_it_was(practice, it, status == "fulfilled", seen != 1).await;
        }
    }
    seen
}

/// At noon Bob falls ill. Everyone of his afternoon is offered a time of Eve's, with a room as
/// before, and has an hour to answer. Eight do, and for the others it is called off. How many are
/// which.
async fn bob_falls_ill(
    practice: &mut Practice,
    calendars: &Calendars,
    booked: &Booked,
) -> (u64, u64) {
    let Calendars { bob, eve, .. } = calendars;
    let ill = json!({"absences": [{"from": "2027-03-23T12:30:00+01:00", "until": "2027-03-23"}]});
    let changed = practice.send("PATCH", &format!("/v1/calendars/{bob}"), Some(&ill)).await.ok(200);
    let ids = |list: &Value, name: &str| -> BTreeSet<String> {
        list.as_array().unwrap().iter().map(|it| text(it, name).to_owned()).collect()
    };
    let phoned: Vec<_> =
        booked.iter().filter(|(patient, _)| patient.starts_with("phone-")).collect();
    let concerned: BTreeSet<_> =
        phoned.iter().map(|(_, it)| text(it, "appointment_id").to_owned()).collect();
    assert_eq!(ids(&changed["outside"], "appointment_id"), concerned, "all of the afternoon");
    let offers = json!({
        "from": "2027-03-23T12:30:00+01:00", "until": "2027-03-23T18:00:00+01:00",
        "calendar_ids": [eve], "earliest": "2027-03-23T14:00:00+01:00", "days": 1,
        "answer_minutes": 60,
    });
    let offered = practice.post(&format!("/v1/calendars/{bob}/offers"), &offers).await.ok(200);
    assert_eq!(
        (&offered["without"], ids(&offered["offers"], "offer_for")),
        (&json!([]), concerned)
    );
    practice.notify().await;
    assert!(phoned.iter().all(|(patient, _)| practice.told(patient, "offer") == 1));
    for it in offered["offers"].as_array().unwrap().iter().take(8) {
        let accept = format!("/v1/holds/{}/accept", text(&it["hold"], "hold_id"));
        let moved = practice.post(&accept, &json!({})).await.ok(200);
        assert_eq!((&moved["calendar_id"], &moved["with"]), (&json!(eve), &it["hold"]["with"]));
    }
    // An hour later what nobody has taken is everyone's.
    practice.wait_until("2027-03-23T13:40:00+01:00").await;
    let slots = format!("/v1/calendars/{eve}/slots?reason=check-up&days=1&limit=500");
    let free = practice.get(&slots).await["slots"].clone();
    let mut called_off = 0;
    for it in offered["offers"].as_array().unwrap().iter().skip(8) {
        let start = &it["hold"]["start"];
        assert!(free.as_array().unwrap().iter().any(|slot| slot["start"] == *start), "{start}");
        let path = format!("/v1/appointments/{}", text(it, "offer_for"));
        practice.send("DELETE", &path, None).await.ok(200);
        called_off += 1;
    }
    practice.notify().await;
    for (patient, _) in phoned {
        let told = practice.told(patient, "moved") + practice.told(patient, "cancelled");
        assert_eq!(told, 1, "{patient} is told once what becomes of it");
    }
    let free = practice.get(&format!("/v1/calendars/{bob}/slots?reason=check-up&days=1")).await;
    assert_eq!(free["slots"], json!([]), "nobody can book him today");
    (8, called_off)
}

/// Whom each patient was told of, against what they find.
async fn everyone_knows(practice: &Practice, booked: &Booked) {
    for patient in booked.keys() {
        let asked = json!({"patient_id": patient});
        let found = practice.post("/v1/appointments/search", &asked).await.ok(200);
        let found = &found["appointments"];
        assert_eq!(found.as_array().unwrap().len(), 1, "{patient}: {found}");
        let stands = found[0]["status"] != "cancelled";
        assert_eq!(practice.told(patient, "cancelled") == 0, stands, "{patient}");
        // A day and two hours before, once each.
        let reminders = practice.told(patient, "reminder");
        // A day before is over for who comes by the waiting list.
        let waited = patient.starts_with("wait-");
        let expected = match (stands, waited) {
            (true, true) => 1..=1,
            // Who moved to Wednesday was reminded a day before Tuesday, and before that.
            (true, false) => 2..=2,
            // A day before at most, if it was called off after that.
            (false, _) => 0..=1,
        };
        assert!(expected.contains(&reminders), "{patient} was reminded {reminders} times");
    }
}

#[tokio::test(start_paused = true)]
async fn two_days_of_a_practice() {
    let mut practice = Practice::open().await;
    let calendars = open_books(&practice).await;
    let mut booked = forty_book(&mut practice, &calendars).await;
    one_forgets(&practice, &calendars.bob, &mut booked).await;
    let wishes = two_wait(&practice, &calendars).await;
    some_think_again(&mut practice, &mut booked, &wishes).await;
    ada_is_late(&mut practice, &calendars, &booked).await;
    let seen = the_morning_is_over(&mut practice, &booked).await;
    let (rebooked, called_off) = bob_falls_ill(&mut practice, &calendars, &booked).await;

    // In the evening the figures add up, and nobody was reminded of what did not take place.
    practice.wait_until("2027-03-23T20:00:00+01:00").await;
    practice.notify().await;
    let (mut standing, mut cancelled, mut moves, mut in_files) = (0, 0, 0, 0);
    let (mut fulfilled, mut missed, mut reviews, mut content) = (0, 0, 0, 0);
    for calendar in &calendars.all {
        let told = practice.get(&format!("/v1/calendars/{calendar}/activity?weeks=1")).await;
        let week = &told["weeks"][0]["all"];
        standing += week["booked"].as_u64().unwrap();
        cancelled += week["cancelled"].as_u64().unwrap();
        moves += week["moved"].as_u64().unwrap();
        fulfilled += week["fulfilled"].as_u64().unwrap();
        missed += week["no_shows"].as_u64().unwrap();
        let told = practice.get(&format!("/v1/calendars/{calendar}/reviews")).await;
        reviews += told["counted"].as_u64().unwrap();
        content += told["positive"].as_u64().unwrap();
        let link = practice.send("POST", &format!("/v1/calendars/{calendar}/links"), None).await;
        let file = practice.send("GET", text(&link.ok(201), "path"), None).await;
        in_files += String::from_utf8(file.body).unwrap().matches("STATUS:CONFIRMED").count();
    }
    assert_eq!((cancelled, moves), (2 + called_off, 1 + rebooked));
    assert_eq!((fulfilled, missed), (seen, 1));
    assert_eq!((reviews, content), (seen, seen - 1));
    assert_eq!(standing + cancelled, booked.len() as u64);
    assert_eq!(in_files as u64, standing);
    everyone_knows(&practice, &booked).await;
}
