//! The whole engine under seeds, and a move torn at every byte.
//!
//! Byte for byte a seed repeats itself only with `--cfg tokio_unstable`; `make test-sim` builds
//! with it. Everything else holds without it too.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::sync::Arc;
use std::time::Duration;

use creneau::storage::memory::MemoryStore;
use creneau::storage::{Mutation, Storage, Store, TABLES};
use creneau::testing::disk::{DiskCounts, SimDisk, frame_ends};
use creneau::testing::ledger::Counts;
use creneau::testing::random::Dice;
use creneau::testing::states::states;
#[cfg(tokio_unstable)]
use creneau::testing::{Month, month};
use creneau::testing::{Report, run};
use creneau::*;

/// Seeds that every test run goes through.
const SEEDS: std::ops::Range<u64> = 0..60;

fn ran(seed: u64) -> Report {
    match run(seed) {
        Ok(report) => report,
        Err(violation) => panic!("{violation}\nagain: make simulate SEEDS=1 SEED={seed}"),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A test that passes because nothing happens is none: over the seeds, everything has happened.
#[test]
fn seeds_keep_every_promise_and_meet_every_fault() {
    let reports: Vec<Report> = SEEDS.map(ran).collect();
    let (mut counts, mut disk) = (Counts::default(), DiskCounts::default());
    for report in &reports {
        counts.add(&report.counts);
        disk.add(&report.disk);
    }
    for (what, times) in states(&counts, &disk) {
        assert_ne!(times, 0, "no {what}: the seeds do not show what they are for");
    }
}

/// Days of each fresh month: a month of all its days takes too long for each run of the tests.
#[cfg(tokio_unstable)]
const FEW_DAYS: u64 = 2;

#[cfg(tokio_unstable)]
fn days_of(seed: u64, days: u64) -> Month {
    match month::days(seed, days) {
        Ok(lived) => lived,
        Err(violation) => panic!("{violation}\nagain: make simulate SEED={seed} TRACE=trace.txt"),
    }
}

/// Days of a few months that nobody has seen before. Each is as dense as is promised.
#[test]
#[cfg(tokio_unstable)]
fn fresh_seeds_keep_every_promise() {
    let first = u64::try_from(SystemWallClock.now().millis()).unwrap();
    for seed in first..first + 2 {
        println!("seed {seed}, {FEW_DAYS} days");
        let lived = days_of(seed, FEW_DAYS);
        assert_eq!(lived.days, FEW_DAYS);
        assert!(month::COMMANDS <= lived.fewest_commands, "{lived:?}");
        assert!(month::CRASHES <= lived.fewest_crashes, "{lived:?}");
        let day = Duration::from_secs(24 * 3_600);
        assert!(day * 2 <= lived.on_the_clock, "{lived:?}");
    }
}

/// Months that were reported though the engine was right, up to the day of the report. What those
/// who judge it had wrong is beside each.
#[test]
#[cfg(tokio_unstable)]
fn months_that_were_reported_wrongly() {
    for (seed, days) in [
        // A move that named no calendar and was never answered was at another calendar then.
        (1_795_715_217_233, 2),
        // A name had two outcomes, a day apart; the first was heard late.
        (1_795_715_217_237, 4),
        // What was asked was answered days later, by a clock that had stood still meanwhile.
        (1_795_715_217_256, 4),
        // A clock that jumps back lives an hour again of which nothing was written.
        (1_795_715_217_371, 8),
        (1_795_715_217_394, 8),
        // A change that changed nothing left its name free while its answer waited for the disk.
        (1_795_715_217_214, 9),
        // An offer was made elsewhere before, and what it was to be now was claimed for a moment.
        (1_795_753_264_921, 19),
        // A request for the first free slot claimed one, and a rule of its day refused it.
        (1_795_754_705_437, 13),
        // A name whose delay changed nothing was another command's in a later life, whose clock had
        // jumped back.
        (1_795_758_487_562, 10),
        // A failed write could be read until the process had ended, and was gone after a crash.
        (1_795_757_882_716, 13),
        // An appointment came to the same start twice, and its reason had become longer.
        (1_795_757_268_404, 21),
        // Nobody heard of an offer for an appointment with a part, which was held elsewhere too.
        (2, 30),
        // Who came later kept a dose of an appointment that its calendar had long forgotten.
        (907, 15),
    ] {
        days_of(seed, days);
    }
}

/// Alone, and beside others on other threads.
#[test]
#[cfg(tokio_unstable)]
fn a_month_is_the_same_beside_others() {
    let alone = days_of(7, 1);
    let beside = std::thread::scope(|scope| {
        let others = [7, 8, 7].map(|seed| scope.spawn(move || days_of(seed, 1)));
        others.map(|other| other.join().unwrap())
    });
    let [one, other, again] = &beside;
    assert_eq!((one, again), (&alone, &alone));
    assert_ne!(other.trace, alone.trace, "two seeds are two months");
}

/// Names the seed that a child process is to run.
const CHILD: &str = "CRENEAU_TEST_SEED";

fn said(report: &Report) -> String {
    format!("trace {} journal {}", hex(&report.trace), hex(&report.journal))
}

/// Not a test by itself: runs a seed for its parent.
#[test]
fn child_runs_a_seed() {
    let Some(seed) = std::env::var(CHILD).ok().and_then(|seed| seed.parse().ok()) else { return };
    println!("\n{}", said(&ran(seed)));
}

/// Twice in this process, and once in another one, whose hashers have other seeds.
#[test]
#[cfg(tokio_unstable)]
fn a_seed_gives_the_same_bytes_again() {
    for seed in [1, 17, 4_711] {
        let first = ran(seed);
        assert_eq!(ran(seed), first, "seed {seed}");
        let child = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child_runs_a_seed", "--nocapture"])
            .env(CHILD, seed.to_string())
            .output()
            .unwrap();
        let output = String::from_utf8(child.stdout).unwrap();
        assert!(output.contains(&said(&first)), "seed {seed} in another process: {output}");
    }
    assert_ne!(ran(1).trace, ran(2).trace, "two seeds are two runs");
}

/// A wall clock that stands still at a Monday morning in Paris.
struct Monday;

impl WallClock for Monday {
    fn now(&self) -> Timestamp {
        "2027-01-04T07:00:00+01:00".parse().unwrap()
    }
}

async fn opened(disk: &SimDisk, store: &MemoryStore) -> Engine {
    let (journal, marked) = disk.open();
    let store = Arc::new(store.clone());
    let storage = Storage { journal: Box::new(journal), store, marked };
    let environment =
        Environment { wall: Arc::new(Monday), random: Arc::new(SystemRandom::default()) };
    Engine::open_with(Config::in_memory(), storage, environment).await.unwrap()
}

fn reason() -> ReasonId {
    "check-up".parse().unwrap()
}

fn at(hour: i64) -> Timestamp {
    let nine: Timestamp = "2027-01-05T09:00:00+01:00".parse().unwrap();
    nine.plus_minutes((hour - 9) * 60)
}

async fn practice(engine: &Engine) -> CalendarId {
    let mut definition = Definition::weekdays("Practice", "Europe/Paris");
    definition.reasons = vec![Reason::new(reason(), "Check-up", 15)];
    engine.create_calendar(definition, None).await.unwrap().unwrap().value.id
}

async fn is_free(engine: &Engine, calendar: CalendarId, start: Timestamp) -> bool {
    let until = start.plus_minutes(1);
    let asked =
        FindSlots { calendar, reason: reason(), from: start, until, limit: 1, practice: false };
    !engine.find_slots(asked).await.unwrap().unwrap().slots.is_empty()
}

/// An appointment at nine in one calendar that was moved to eleven in another, and the log before
/// and after the move.
struct Move {
    from: CalendarId,
    to: CalendarId,
    id: AppointmentId,
    before: Vec<u8>,
    after: Vec<u8>,
    marked: u64,
    /// The store as it was before the move.
    store: MemoryStore,
}

/// A store of its own with the same rows.
fn copied(store: &MemoryStore) -> MemoryStore {
    let copy = MemoryStore::default();
    for table in TABLES {
        let rows = store.scan(table, &[], &[], usize::MAX).unwrap();
        let put = |(key, value)| Mutation { table, key, value: Some(value) };
        copy.write(rows.into_iter().map(put).collect()).unwrap();
    }
    copy
}

async fn moved() -> Move {
    let (disk, store) = (SimDisk::new(Dice::new(1)), MemoryStore::default());
    let engine = opened(&disk, &store).await;
    let (from, to) = (practice(&engine).await, practice(&engine).await);
    let person = "ana".parse().unwrap();
    let ask = HoldSlot {
        calendar: from,
        start: at(9),
        reason: reason(),
        person,
        details: Details::default(),
        by: By::Unsaid,
        overflow: false,
        dose: None,
        command: None,
    };
    let hold = engine.hold(ask).await.unwrap().unwrap().value.id;
    let booked =
        engine.confirm(OfHold { hold, by: By::Unsaid, command: None }).await.unwrap().unwrap();
    let id = booked.value.id;
    // What was told before is marked, and in the store.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let (before, marked, store) = (disk.bytes(), engine.status().watermark, copied(&store));
    let ask = MoveAppointment {
        appointment: id,
        start: at(11),
        calendar: Some(to),
        by: By::Unsaid,
        command: None,
    };
    engine.move_appointment(ask).await.unwrap().unwrap();
    Move { from, to, id, before, after: disk.bytes(), marked, store }
}

/// The appointment is where it was or where it went, whole, and both calendars agree; what was
/// free can be booked.
async fn is_whole(case: &Move, bytes: Vec<u8>, store: &MemoryStore, went: bool, what: &str) {
    let disk = SimDisk::new(Dice::new(2));
    disk.replace(bytes, case.marked);
    let engine = opened(&disk, store).await;
    let found = engine.appointment(case.id).await.unwrap().unwrap();
    let (lies, start) = if went { (case.to, at(11)) } else { (case.from, at(9)) };
    assert_eq!((found.calendar, found.start), (lies, start), "{what}");
    assert_eq!(found.status, AppointmentStatus::Booked, "{what}");
    assert_eq!(is_free(&engine, case.from, at(9)).await, went, "{what}");
    assert_eq!(is_free(&engine, case.to, at(11)).await, !went, "{what}");
    let person = "ana".parse().unwrap();
    let asked = ListAppointments { person, cursor: None, limit: 10 };
    let listed = engine.appointments(asked).await.unwrap().unwrap().appointments;
    assert_eq!(listed, [found], "{what}");
    let (calendar, start) = if went { (case.from, at(9)) } else { (case.to, at(11)) };
    let person = "bob".parse().unwrap();
    let ask = HoldSlot {
        calendar,
        start,
        reason: reason(),
        person,
        details: Details::default(),
        by: By::Unsaid,
        overflow: false,
        dose: None,
        command: None,
    };
    assert!(engine.hold(ask).await.unwrap().is_ok(), "{what}");
    drop(engine);
}

/// The disk stops at each byte of the move's entry. What was to be written there is missing, or
/// is zeros where the file system had made room for it; the store knows the time before the move,
/// or nothing.
#[tokio::test(start_paused = true)]
async fn a_move_torn_at_every_byte_is_never_half_there() {
    let case = moved().await;
    let (start, end) = (case.before.len(), case.after.len());
    assert_eq!(frame_ends(&case.after)[frame_ends(&case.before).len()..], [end], "one frame");
    assert!(case.after.starts_with(&case.before) && 100 < end - start, "{start}..{end}");
    for len in start..=end {
        let torn = case.after[..len].to_vec();
        let mut zeros = torn.clone();
        zeros.resize(end, 0);
        let whole = |bytes: &[u8]| *bytes == *case.after;
        for (bytes, filled) in [(torn, "missing"), (zeros, "zeros")] {
            let what = format!("{len} of {start}..={end}, then {filled}");
            let went = whole(&bytes);
            is_whole(&case, bytes.clone(), &copied(&case.store), went, &what).await;
            is_whole(&case, bytes, &MemoryStore::default(), went, &what).await;
        }
    }
}
