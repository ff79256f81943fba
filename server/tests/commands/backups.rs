//! `creneau backup` and `creneau restore`: on data that is being written.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use jiff::{ToSpan, Zoned};
use serde_json::{Value, json};

use crate::harness::{Connection, Server, pause, run};
use crate::ledger::whole_history;
use crate::offline::verify;

const CLIENTS: usize = 4;

/// Appointments that were acknowledged, in their order.
type Booked = Arc<Mutex<Vec<Value>>>;

fn calendar(server: &Server) -> String {
    let days = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
    let hours: Value = days.iter().map(|day| ((*day).to_owned(), json!(["00:00-24:00"]))).collect();
    let body = json!({
        "location": { "name": "Centre" }, "time_zone": "Europe/Paris", "grid_minutes": 5,
        "lanes": 20, "weekly_hours": hours, "horizon_days": 60,
        "reasons": [{ "id": "dose", "name": "Dose", "duration_minutes": 5 }],
    });
    let (status, made) = server.ask("POST", "/v1/calendars", &body.to_string());
    assert_eq!(status, 201, "{made}");
    made["calendar_id"].as_str().unwrap().to_owned()
}

/// Books one slot after the other until it is told to stop, or the server is gone.
fn book(address: &str, calendar: &str, number: usize, booked: &Booked, stop: &AtomicBool) {
    let mut server = Connection::open(address).unwrap();
    let from = Zoned::now().date().saturating_add(2.days());
    let path = format!("/v1/calendars/{calendar}/slots?limit=1000&days=30&from={from}");
    let (_, slots) = server.ask("GET", &path, None, "").unwrap();
    let slots = slots["slots"].as_array().unwrap();
    let own = slots.iter().skip(number).step_by(CLIENTS).cycle();
    for (place, slot) in own.enumerate() {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let body = json!({
            "calendar_id": calendar, "start": slot["start"], "reason": "dose",
            "patient_id": format!("patient-{number}-{place}"),
        });
        let Some((status, hold)) = server.ask("POST", "/v1/holds", None, &body.to_string()) else {
            return;
        };
        if status == 409 {
            pause(1);
            continue;
        }
        assert_eq!(status, 201, "{hold}");
        let path = format!("/v1/holds/{}/confirm", hold["hold_id"].as_str().unwrap());
        let Some((status, appointment)) = server.ask("POST", &path, None, "") else { return };
        assert_eq!(status, 201, "{appointment}");
        booked.lock().unwrap().push(appointment);
    }
}

fn clients(
    server: &Server,
    calendar: &str,
    booked: &Booked,
    stop: &Arc<AtomicBool>,
) -> Vec<JoinHandle<()>> {
    let client = |number| {
        let (address, calendar) = (server.address.clone(), calendar.to_owned());
        let (booked, stop) = (booked.clone(), stop.clone());
        std::thread::spawn(move || book(&address, &calendar, number, &booked, &stop))
    };
    (0..CLIENTS).map(client).collect()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Takes a backup, and gives what had been acknowledged before.
fn back_up(data: &Path, to: &Path, booked: &Booked) -> Vec<Value> {
    let before = booked.lock().unwrap().clone();
    let output = run(&["backup", "--data", text(data), "--to", text(to)]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), &*stderr), (Some(0), ""));
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert!(stdout.starts_with("backed up to ") && stdout.contains("up to entry"), "{stdout}");
    before
}

/// Restores a backup, and makes sure that all that was acknowledged before it is there.
fn comes_back(from: &Path, to: &Path, before: &[Value]) {
    assert_eq!(verify(from).0, 0, "{:?}", verify(from).1);
    let output = run(&["restore", "--from", text(from), "--to", text(to)]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    let server = Server::serve(to);
    for appointment in before {
        let id = appointment["appointment_id"].as_str().unwrap();
        assert_eq!(server.get(&format!("/v1/appointments/{id}")), *appointment);
    }
    drop(server);
    let (status, report) = verify(to);
    assert_eq!((status, &report["sound"]), (0, &json!(true)), "{report}");
    let booked = usize::try_from(report["appointments_booked"].as_u64().unwrap()).unwrap();
    assert!(before.len() <= booked, "{report}");
    assert_eq!(whole_history(to).booked().count(), booked);
}

#[test]
fn a_backup_taken_while_clients_book_has_all_that_they_were_told() {
    let root = tempfile::tempdir().unwrap();
    let path = |name: &str| root.path().join(name);
    let data = path("data");
    let mut server = Server::serve(&data);
    let calendar = calendar(&server);
    let (booked, stop) = (Booked::default(), Arc::new(AtomicBool::new(false)));
    let clients = clients(&server, &calendar, &booked, &stop);
    let mut taken = Vec::new();
    for name in ["first", "second"] {
        pause(400);
        taken.push((path(name), back_up(&data, &path(name), &booked)));
    }
    pause(200);
    stop.store(true, Ordering::Relaxed);
    for client in clients {
        client.join().unwrap();
    }
    let all = booked.lock().unwrap().len();
    let (first, second) = (taken[0].1.len(), taken[1].1.len());
    println!("{first} before the first backup, {second} before the second, {all} in all");
    assert!(10 < first && first < second && second < all, "{first}, {second}, {all}");
    for (place, (from, before)) in taken.iter().enumerate() {
        comes_back(from, &path(&format!("restored-{place}")), before);
    }
    // The same without a server.
    server.signal("TERM");
    server.ended();
    let before = back_up(&data, &path("offline"), &booked);
    comes_back(&path("offline"), &path("restored-offline"), &before);
}

#[test]
fn neither_writes_over_anything_nor_restores_what_is_damaged() {
    let root = tempfile::tempdir().unwrap();
    let path = |name: &str| root.path().join(name);
    let data = path("data");
    let mut server = Server::serve(&data);
    crate::offline::booked(&server);
    let booked = Booked::default();
    back_up(&data, &path("to"), &booked);
    let refused = |args: &[&str]| {
        let output = run(args);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), stderr.lines().count()), (Some(1), 1), "{stderr}");
        stderr
    };
    let (to, from) = (path("to"), text(&data));
    assert!(refused(&["backup", "--data", from, "--to", text(&to)]).contains("something in it"));
    assert!(refused(&["restore", "--from", text(&to), "--to", from]).contains("something in it"));
    let elsewhere = path("elsewhere");
    let elsewhere = text(&elsewhere);
    assert!(refused(&["restore", "--from", from, "--to", elsewhere]).contains("in use"));
    assert!(refused(&["backup", "--data", elsewhere, "--to", text(&path("x"))]).contains("FORMAT"));
    assert!(!path("elsewhere").exists());
    let body = json!({ "to": "relative" }).to_string();
    let (status, problem) = server.ask("POST", "/v1/backup", &body);
    assert_eq!((status, &problem["code"]), (400, &json!("invalid_request")));

    server.signal("TERM");
    server.ended();
    let files = std::fs::read_dir(to.join("journal")).unwrap();
    let files = files.map(|entry| entry.unwrap().path());
    let file = files.filter(|path| path.extension().is_some_and(|it| it == "sst")).max().unwrap();
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[100] ^= 1;
    // Under a new name: the file may be one with the original.
    std::fs::remove_file(&file).unwrap();
    std::fs::write(&file, bytes).unwrap();
    let why = refused(&["restore", "--from", text(&to), "--to", elsewhere]);
    assert!(why.contains("not sound"), "{why}");
    assert!(!path("elsewhere").exists() && !path("elsewhere.partial").exists());
    assert_eq!(verify(&data).0, 0, "the original is as it was");
}

/// What a kill leaves is in order: rows that lag, a mark that lags, a torn end of a log.
#[test]
fn a_server_that_is_killed_while_clients_book_leaves_what_verifies() {
    const KILLS: u64 = 5;
    let root = tempfile::tempdir().unwrap();
    let (booked, mut calendars) = (Booked::default(), 0);
    for kill in 0..KILLS {
        let mut server = Server::serve(root.path());
        let (calendar, stop) = (calendar(&server), Arc::default());
        calendars += 1;
        let clients = clients(&server, &calendar, &booked, &stop);
        pause(150 + 70 * kill);
        server.kill();
        for client in clients {
            client.join().unwrap();
        }
        let (status, report) = verify(root.path());
        assert_eq!((status, &report["calendars"]), (0, &json!(calendars)), "{report}");
        let told = booked.lock().unwrap().len() as u64;
        assert!(told <= report["appointments_booked"].as_u64().unwrap(), "{told}: {report}");
    }
    assert!(100 < booked.lock().unwrap().len());
}
