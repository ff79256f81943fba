//! A group commit, and a booking from hold to confirm, beside raw writes of the same bytes.
#![expect(clippy::unwrap_used, reason = "benchmarks")]

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use creneau::journal::{Journal, Tail, frame};
use creneau::storage::rocksdb::{Options, open};
use creneau::{
    By, CalendarId, Config, Definition, Details, Engine, HoldSlot, Interval, OfHold, Reason,
    Timestamp, WeeklyHours,
};
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use tokio::runtime::Runtime;

/// Bytes of an entry: those of a hold, roughly.
const ENTRY_BYTES: usize = 300;

const CALENDARS: u64 = 512;

/// Lanes of each calendar, and days that it can be booked: so many that no run sells out.
const LANES: u16 = 50;
const DAYS: u16 = 90;

fn commits(c: &mut Criterion) {
    let mut group = c.benchmark_group("commit");
    group.measurement_time(Duration::from_secs(5)).sample_size(20);
    let root = tempfile::tempdir().unwrap();
    let storage = open(&root.path().join("rocksdb"), Options::default()).unwrap();
    let mut journal = storage.journal;
    let mut raw = File::create(root.path().join("raw")).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut tail = journal.reader().tail().unwrap();
    for count in [1, 16, 128, 1_024] {
        let entries = vec![[7; ENTRY_BYTES]; count];
        group.throughput(Throughput::Elements(count as u64));
        group.bench_function(format!("{count} entries, RocksDB"), |b| {
            b.iter(|| runtime.block_on(append(&mut *journal, &mut tail, &entries)));
        });
        group.bench_function(format!("{count} entries, raw file and fdatasync"), |b| {
            b.iter(|| {
                let bytes = frame::build(1, [0; 32], &entries);
                raw.write_all(&bytes).unwrap();
                raw.sync_data().unwrap();
            });
        });
    }
    group.finish();
}

async fn append(journal: &mut dyn Journal, tail: &mut Tail, entries: &[[u8; ENTRY_BYTES]]) {
    let first = tail.sequence + 1;
    let bytes = frame::build(first, tail.hash, entries);
    journal.append(first, &bytes).await.unwrap();
    let sequence = tail.sequence + entries.len() as u64;
    *tail = Tail { sequence, hash: frame::hash(&bytes) };
}

/// An engine with calendars, and what was booked on them so far.
struct Practice {
    engine: Engine,
    calendars: Vec<CalendarId>,
    first: Timestamp,
    booked: AtomicU64,
}

impl Practice {
    async fn open(config: Config) -> Arc<Self> {
        let engine = Engine::open(config).await.unwrap();
        let mut definition = Definition::weekdays("Centre", "Europe/Paris");
        let day: Vec<_> = Interval::new(0, 24 * 60).into_iter().collect();
        definition.weekly_hours = WeeklyHours { days: std::array::from_fn(|_| day.clone()) };
        definition.reasons = vec![Reason::new("dose".parse().unwrap(), "Dose", 5)];
        (definition.lanes, definition.horizon_days) = (LANES, DAYS);
        let mut calendars = Vec::new();
        for _ in 0..CALENDARS {
            let made = engine.create_calendar(definition.clone(), None).await.unwrap().unwrap();
            calendars.push(made.value.id);
        }
        // The first hour after tomorrow's, so that no start passes meanwhile.
        let hour = 60 * 60 * 1_000;
        let first = Timestamp::from_millis((engine.now().millis() / hour + 24) * hour);
        Arc::new(Self { engine, calendars, first, booked: AtomicU64::new(0) })
    }

    /// Holds a slot and confirms it.
    async fn book(&self) {
        let number = self.booked.fetch_add(1, Ordering::Relaxed);
        let place = usize::try_from(number % CALENDARS).unwrap();
        let calendar = *self.calendars.get(place).unwrap();
        let slot = number / CALENDARS / u64::from(LANES);
        let start = self.first.plus_minutes(i64::try_from(slot).unwrap() * 5);
        let (reason, person) = ("dose".parse().unwrap(), format!("p-{number}").parse().unwrap());
        let ask = HoldSlot {
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
        let hold = self.engine.hold(ask).await.unwrap().unwrap().value.id;
        self.engine.confirm(OfHold { hold, by: By::Unsaid, command: None }).await.unwrap().unwrap();
    }

    /// The time that `count` bookings take while `callers` are under way at any time.
    async fn time(self: Arc<Self>, count: u64, callers: u64) -> Duration {
        let left = Arc::new(AtomicU64::new(count));
        #[expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
        let began = Instant::now();
        let caller = |_| {
            let (practice, left) = (self.clone(), left.clone());
            tokio::spawn(async move {
                let more = |left: u64| left.checked_sub(1);
                while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok() {
                    practice.book().await;
                }
            })
        };
        let callers: Vec<_> = (0..callers).map(caller).collect();
        for caller in callers {
            caller.await.unwrap();
        }
        began.elapsed()
    }
}

fn bookings(c: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let mut group = c.benchmark_group("hold to confirm");
    group.measurement_time(Duration::from_secs(5)).sample_size(10);
    group.throughput(Throughput::Elements(1));
    let root = tempfile::tempdir().unwrap();
    for (name, config) in
        [("memory", Config::in_memory()), ("RocksDB", Config::at(root.path().join("data")))]
    {
        let practice = runtime.block_on(Practice::open(config));
        for callers in [1, 64, 1_024] {
            in_flight(&mut group, &runtime, &practice, name, callers);
        }
        runtime.block_on(practice.engine.shutdown()).unwrap();
    }
    group.bench_function("two raw writes and fdatasyncs", |b| {
        let mut raw = raw(root.path());
        b.iter(|| {
            for _ in 0..2 {
                raw.write_all(&[7; ENTRY_BYTES]).unwrap();
                raw.sync_data().unwrap();
            }
        });
    });
    group.finish();
}

fn in_flight(
    group: &mut BenchmarkGroup<'_, WallTime>,
    runtime: &Runtime,
    practice: &Arc<Practice>,
    name: &str,
    callers: u64,
) {
    group.bench_function(format!("{callers} in flight, {name}"), |b| {
        b.iter_custom(|count| runtime.block_on(practice.clone().time(count, callers)));
    });
}

fn raw(root: &Path) -> File {
    File::create(root.join("raw")).unwrap()
}

criterion_group!(durable, commits, bookings);
criterion_main!(durable);
