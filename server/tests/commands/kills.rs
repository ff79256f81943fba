//! Eight clients at full load, and a server that is killed thirty times.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

use creneau::testing::random::Dice;
use jiff::civil::Date;
use jiff::{ToSpan, Zoned};
use serde_json::{Value, json};

use crate::harness::{Connection, Server, pause};
use crate::ledger::{Ledger, Told, whole_history};

const CLIENTS: u64 = 8;
const KILLS: u64 = 30;

/// How soon a killed server takes bookings again.
const READY_WITHIN: Duration = Duration::from_secs(2);

/// Where the server is now; none while it is gone.
type Address = Arc<RwLock<Option<String>>>;

struct Client {
    number: u64,
    asked: u64,
    dice: Dice,
    address: Address,
    connection: Option<Connection>,
    calendars: Vec<String>,
    /// The first date on which it books, so that no start passes meanwhile.
    from: Date,
    ledger: Ledger,
    booked: Vec<(String, String)>,
}

impl Client {
    /// Asks until there is an answer, always under the same key: what a killed server did not say
    /// it says when it is asked again.
    fn ask(&mut self, method: &str, path: &str, body: &str) -> (u16, Value) {
        self.asked += 1;
        let key = format!("client-{}-{}", self.number, self.asked);
        let key = (method != "GET").then_some(key);
        loop {
            if self.connection.is_none() {
                let address = self.address.read().unwrap().clone();
                self.connection = address.and_then(|address| Connection::open(&address));
            }
            let Some(connection) = &mut self.connection else {
                pause(2);
                continue;
            };
            match connection.ask(method, path, key.as_deref(), body) {
                Some((503, _)) => pause(2),
                Some(answer) => return answer,
                None => self.connection = None,
            }
        }
    }

    fn run(mut self, stop: &AtomicBool) {
        while !stop.load(Ordering::Relaxed) {
            match self.dice.below(10) {
                0 | 1 => self.move_one(),
                2 | 3 => self.cancel_one(),
                _ => self.book_one(),
            }
        }
    }

    /// Where there is room: one of the first, which the others want too.
    fn slot(&mut self) -> Option<(String, Value)> {
        let calendar = self.dice.pick(&self.calendars)?.clone();
        let path = format!("/v1/calendars/{calendar}/slots?limit=24&from={}", self.from);
        let (_, found) = self.ask("GET", &path, "");
        let slots = found["slots"].as_array()?;
        Some((calendar, self.dice.pick(slots)?["start"].clone()))
    }

    fn book_one(&mut self) {
        let Some((calendar, start)) = self.slot() else { return };
        let patient = format!("patient-{}-{}", self.number, self.asked);
        let body = json!({
            "calendar_id": calendar, "start": start, "reason": "dose", "patient_id": patient,
        });
        let (status, hold) = self.ask("POST", "/v1/holds", &body.to_string());
        let Some(hold) = hold["hold_id"].as_str().filter(|_| status == 201) else {
            assert_eq!((status, &hold["code"]), (409, &json!("slot_taken")), "{hold}");
            return;
        };
        if self.dice.chance(150) {
            assert_eq!(self.ask("DELETE", &format!("/v1/holds/{hold}"), "").0, 204);
            return;
        }
        let (status, booked) = self.ask("POST", &format!("/v1/holds/{hold}/confirm"), "");
        assert_eq!(status, 201, "{booked}");
        self.ledger.write(&patient, &booked);
        let id = booked["appointment_id"].as_str().unwrap().to_owned();
        self.booked.push((patient, id));
    }

    fn move_one(&mut self) {
        let Some((patient, id)) = self.dice.pick(&self.booked).cloned() else { return };
        let Some((calendar, start)) = self.slot() else { return };
        let body = json!({ "calendar_id": calendar, "start": start }).to_string();
        let (status, moved) = self.ask("POST", &format!("/v1/appointments/{id}/move"), &body);
        match status {
            200 => self.ledger.write(&patient, &moved),
            _ => assert_eq!((status, &moved["code"]), (409, &json!("slot_taken")), "{moved}"),
        }
    }

    fn cancel_one(&mut self) {
        if self.booked.is_empty() {
            return;
        }
        let place = self.dice.place(self.booked.len());
        let (patient, id) = self.booked.swap_remove(place);
        let (status, cancelled) = self.ask("DELETE", &format!("/v1/appointments/{id}"), "");
        assert_eq!(status, 200, "{cancelled}");
        self.ledger.write(&patient, &cancelled);
    }
}

/// Centres that are always open, with two lanes each.
fn calendars(server: &Server) -> Vec<String> {
    let days = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
    let hours: Value = days.iter().map(|day| ((*day).to_owned(), json!(["00:00-24:00"]))).collect();
    let make = |number: u64| {
        let body = json!({
            "location": { "name": format!("Centre {number}") }, "time_zone": "Europe/Paris",
            "grid_minutes": 5, "lanes": 2, "weekly_hours": hours, "horizon_days": 60,
            "reasons": [{ "id": "dose", "name": "Dose", "duration_minutes": 5 }],
        });
        let (status, made) = server.ask("POST", "/v1/calendars", &body.to_string());
        assert_eq!(status, 201, "{made}");
        made["calendar_id"].as_str().unwrap().to_owned()
    };
    (0..6).map(make).collect()
}

/// Kills the server again and again, and gives the slowest start.
fn kills(mut server: Server, data: &Path, address: &Address) -> (Server, Duration) {
    let (mut dice, mut slowest) = (Dice::new(30), Duration::ZERO);
    for _ in 0..KILLS {
        *address.write().unwrap() = Some(server.address.clone());
        pause(dice.between(100, 500));
        *address.write().unwrap() = None;
        server.kill();
        #[expect(clippy::disallowed_methods, reason = "another process is timed")]
        let began = Instant::now();
        server = Server::serve(data);
        slowest = slowest.max(began.elapsed());
    }
    *address.write().unwrap() = Some(server.address.clone());
    (server, slowest)
}

/// What clients were told is what the server says, for each appointment and for each patient.
fn check(server: &Server, ledgers: &[std::path::PathBuf]) -> Told {
    let mut all = Told::new();
    for path in ledgers {
        let (told, patients) = Ledger::read(path);
        for (id, appointment) in &told {
            assert_eq!(server.get(&format!("/v1/appointments/{id}")), *appointment);
        }
        for (patient, id) in patients {
            let body = json!({ "patient_id": patient }).to_string();
            let (status, found) = server.ask("POST", "/v1/appointments/search", &body);
            assert_eq!((status, &found["appointments"]), (200, &json!([told[&id]])), "{patient}");
        }
        all.extend(told);
    }
    all
}

#[test]
fn thirty_kills_at_full_load_lose_nothing_and_sell_nothing_twice() {
    let root = tempfile::tempdir().unwrap();
    let data = root.path().join("data");
    let server = Server::serve(&data);
    let calendars = calendars(&server);
    let from = Zoned::now().date().saturating_add(2.days());
    let (address, stop) = (Address::default(), Arc::new(AtomicBool::new(false)));
    let ledgers: Vec<_> = (0..CLIENTS).map(|it| root.path().join(format!("ledger-{it}"))).collect();
    let client = |number: u64, path: &Path| Client {
        number,
        asked: 0,
        dice: Dice::new(number),
        address: address.clone(),
        connection: None,
        calendars: calendars.clone(),
        from,
        ledger: Ledger::create(path),
        booked: Vec::new(),
    };
    let clients: Vec<_> = (0..CLIENTS)
        .zip(&ledgers)
        .map(|(number, path)| {
            let (client, stop) = (client(number, path), stop.clone());
            std::thread::spawn(move || client.run(&stop))
        })
        .collect();
    let (server, slowest) = kills(server, &data, &address);
    stop.store(true, Ordering::Relaxed);
    for client in clients {
        client.join().unwrap();
    }
    let told = check(&server, &ledgers);
    let mut server = server;
    server.kill();

    let history = whole_history(&data);
    let booked = told.values().filter(|appointment| appointment["status"] == "booked").count();
    let cancelled = told.len() - booked;
    println!("{booked} booked, {cancelled} cancelled, slowest start {slowest:?}");
    assert_eq!(history.booked().count(), booked, "nobody has what nobody was told");
    assert_eq!(history.occupied(), booked, "no hold is left");
    assert!(history.booked().all(|booking| {
        told.contains_key(&creneau::AppointmentId::from(booking.id).to_string())
    }));
    assert!(100 < booked && 20 < cancelled, "{booked} booked, {cancelled} cancelled");
    assert!(slowest < READY_WITHIN, "{slowest:?}");
}
