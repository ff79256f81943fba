//! The audit of directories on disk, some of which were damaged by hand.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use creneau::audit::{Report, audit};
use creneau::booking::Booking;
use creneau::journal::{Entries, Entry, Sequence, Tail, frame};
use creneau::storage::rocksdb::{Options, inspect, open};
use creneau::{
    By, Config, Definition, Details, Engine, Event, FindSlots, HoldId, HoldSlot, OfHold, Reason,
    SystemWallClock, WallClock,
};
use tempfile::TempDir;

/// A directory in which an engine has worked, with entries in a file and in a log.
fn worked() -> TempDir {
    let root = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for round in 0..2 {
        runtime.block_on(work(root.path(), round));
    }
    root
}

async fn work(root: &Path, round: usize) {
    let engine = Box::pin(Engine::open(Config::at(root))).await.unwrap();
    let mut practice = Definition::weekdays("N", "Europe/Paris");
    let reason: creneau::ReasonId = "check-up".parse().unwrap();
    practice.reasons = vec![Reason::new(reason.clone(), "Check-up", 15)];
    let calendar = engine.create_calendar(practice, None).await.unwrap().unwrap().value.id;
    let from = engine.now();
    let until = from.plus_minutes(14 * 24 * 60);
    let wanted =
        FindSlots { calendar, reason: reason.clone(), from, until, limit: 500, practice: false };
    let slots = engine.find_slots(wanted).await.unwrap().unwrap().slots;
    for number in 0..10 {
        let person = format!("person-{round}-{number}").parse().unwrap();
        let (start, reason) = (slots[number * 9].start, reason.clone());
        let asked = HoldSlot {
            calendar,
            start,
            reason,
            person,
            details: Details::default(),
            by: By::Unsaid,
            overflow: false,
            dose: None,
            command: None,
        };
        let hold = engine.hold(asked).await.unwrap().unwrap().value.id;
        if number % 3 != 0 {
            engine.confirm(OfHold { hold, by: By::Unsaid, command: None }).await.unwrap().unwrap();
        }
    }
    engine.shutdown().await.unwrap();
}

fn report(root: &Path) -> Result<Report, String> {
    let found = inspect(root, &Options::default()).map_err(|error| error.to_string())?;
    Ok(audit(&found, SystemWallClock.now()))
}

fn faults(report: &Report) -> Vec<(&'static str, Option<Sequence>)> {
    report.faults.iter().map(|fault| (fault.kind.name(), fault.sequence)).collect()
}

fn copied(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copied(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// All files but the lock, with what is in them.
fn files(root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(root).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(files(&path));
        } else if path.file_name().unwrap() != "LOCK" {
            let bytes = fs::read(&path).unwrap();
            all.insert(path, bytes);
        }
    }
    all
}

/// Opens the journal's database alone.
fn tamper(root: &Path, work: impl FnOnce(&rocksdb::DB)) {
    let database = root.join("journal");
    work(&rocksdb::DB::open(&rocksdb::Options::default(), database).unwrap());
}

#[test]
fn looking_changes_nothing_whatever_is_wrong() {
    let root = worked();
    let before = files(root.path());
    let found = report(root.path()).unwrap();
    assert!(found.is_sound(), "{found:?}");
    assert_eq!((found.entries, found.last, found.calendars), (34, 34, 2));
    assert_eq!((found.holds_live, found.appointments_booked), (8, 12));
    assert_eq!(found.compared.name(), "rows");
    assert!(files(root.path()) == before, "it changed the directory");

    fs::remove_file(root.path().join("mark")).unwrap();
    tamper(root.path(), |db| db.delete(9u64.to_be_bytes()).unwrap());
    let before = files(root.path());
    let found = report(root.path()).unwrap();
    assert_eq!(faults(&found)[..2], [("damaged", None), ("missing", Some(9))], "{found:?}");
    assert!(files(root.path()) == before, "it changed the damaged directory");

    let elsewhere = root.path().join("none");
    assert!(report(&elsewhere).unwrap_err().contains("FORMAT"));
    assert!(!elsewhere.exists());
}

#[test]
fn an_entry_that_is_gone_is_found_in_the_middle_and_at_the_end() {
    let root = worked();
    for gone in [1u64, 2, 17, 33, 34] {
        let copy = tempfile::tempdir().unwrap();
        copied(root.path(), copy.path());
        tamper(copy.path(), |db| db.delete(gone.to_be_bytes()).unwrap());
        let report = report(copy.path()).unwrap();
        let kind = if gone == 34 { "lost" } else { "missing" };
        assert!(faults(&report).contains(&(kind, Some(gone))), "without {gone}: {report:?}");
        // What was lost is named by the rows that it left.
        let named = report.faults.iter().any(|it| it.what.contains("_"));
        assert!(0 < report.orphans && named, "without {gone}: {report:?}");
    }
}

#[test]
fn a_flipped_byte_is_found_in_each_file_of_the_journal() {
    let root = worked();
    let names = fs::read_dir(root.path().join("journal")).unwrap();
    let names: Vec<String> =
        names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    let holds_data = |name: &String| name.ends_with(".log") || name.ends_with(".sst");
    assert!(names.iter().any(|name| name.ends_with(".sst")), "{names:?}");
    let mut flips = 0;
    for name in names.iter().filter(|name| holds_data(name) || name.starts_with("MANIFEST")) {
        let len = fs::metadata(root.path().join("journal").join(name)).unwrap().len();
        // The rest of such a file has indexes and statistics, of which not all are read.
        let data = if name.ends_with(".sst") { len / 2 } else { len };
        for part in 0..12 {
            let copy = tempfile::tempdir().unwrap();
            copied(root.path(), copy.path());
            let path = copy.path().join("journal").join(name);
            let mut bytes = fs::read(&path).unwrap();
            let Some(at) = usize::try_from(data * part / 12).ok().filter(|at| *at < bytes.len())
            else {
                continue;
            };
            bytes[at] ^= 0x20;
            fs::write(&path, bytes).unwrap();
            flips += 1;
            let report = report(copy.path()).unwrap();
            assert!(!report.is_sound(), "byte {at} of {name}: {report:?}");
            let entry = report.faults.iter().any(|it| it.sequence.is_some());
            let place = report.faults.iter().any(|it| it.what.contains("byte"));
            let manifest = !holds_data(name);
            assert!(entry || place || manifest, "byte {at} of {name}: {report:?}");
        }
    }
    assert!(30 < flips, "{flips}");
}

/// Appends an entry in good order, chain and all.
fn plant(root: &Path, events: Vec<Event>) -> Sequence {
    let mut storage = open(root, Options::default()).unwrap();
    let Tail { sequence, hash } = storage.journal.reader().tail().unwrap();
    let entry = Entry { command: None, events }.encode().unwrap();
    let frame = frame::build(sequence + 1, hash, &[entry]);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(storage.journal.append(sequence + 1, &frame)).unwrap();
    sequence + 1
}

#[test]
fn a_double_booking_in_a_well_formed_journal_is_found_with_its_ids() {
    let root = worked();
    let held = {
        let found = inspect(root.path(), &Options::default()).unwrap();
        let entries = Entries::after(&*found.journal, 20).map(|entry| entry.unwrap().1);
        let mut events = entries.flat_map(|entry| entry.events);
        events.find(|event| matches!(event, Event::Held { .. })).unwrap()
    };
    let Event::Held { at, booking, deadline, guards } = held else { unreachable!() };
    let twice = Booking {
        id: HoldId::from_bits(42),
        person: "somebody-else".parse().unwrap(),
        ..booking.clone()
    };
    let planted = Event::Held { at: at.plus_ms(60_000), booking: twice, deadline, guards };
    let sequence = plant(root.path(), vec![planted]);
    let report = report(root.path()).unwrap();
    assert_eq!(faults(&report), [("double_booking", Some(sequence))], "{report:?}");
    assert_eq!(report.double_bookings, 1);
    for id in [booking.id, HoldId::from_bits(42)] {
        assert!(report.faults[0].what.contains(&id.to_string()), "{report:?}");
    }
}
