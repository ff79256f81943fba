//! Whether a history of a million calls has a legal order: no engine, one thread.
#![expect(clippy::unwrap_used, reason = "benchmarks")]

use std::hint::black_box;
use std::time::Duration;

use creneau::audit::history::{Call, Ends, History, Instant, NEVER, Outcome, Place, Refusal, What};
use creneau::{CalendarId, HoldId, Timestamp};
use criterion::{Criterion, SamplingMode, Throughput, criterion_group, criterion_main};

/// Calls of each history.
const CALLS: u64 = 1_000_000;

/// Calls where each benchmark is only run once, to see that it does.
const CALLS_IN_TESTS: u64 = 2_000;

/// Calls for each slot of a surge: a hold, its confirmation, and the refusals.
const CALLS_PER_SLOT: u64 = 50;

/// How many calls each hold of a single slot comes with.
const CALLS_PER_TURN: u64 = 4;

fn calls_wanted() -> u64 {
    let asked = |name: &str| std::env::args().any(|argument| argument == name);
    if asked("--bench") && !asked("--test") { CALLS } else { CALLS_IN_TESTS }
}

fn slot(number: u64) -> Place {
    let start = Timestamp::from_millis(i64::try_from(number).unwrap() * 900_000);
    let (calendar, until) = (CalendarId::from_bits(1), start.plus_minutes(15));
    Place { calendar, lane: None, start, until }
}

fn hold(number: u64) -> HoldId {
    HoldId::from_bits(u128::from(number) + 1)
}

/// A hold that does not end by itself.
fn held(number: u64) -> Outcome {
    let ends = Ends { from: NEVER - 1, by: NEVER };
    Outcome::Held { hold: hold(number), fresh: true, ends }
}

/// Fifty people want each slot at the same time, one of whom gets it.
fn surge(calls: u64) -> History {
    let mut history = History::default();
    let taken = Outcome::Refused(Refusal::SlotTaken);
    for number in 0..calls / CALLS_PER_SLOT {
        let (place, begin) = (slot(number), number * 10);
        let mut call = |asked: Instant, told: Instant, what: What, outcome: Outcome| {
            let person = history.calls.len() as u64;
            history.calls.push(Call { person, asked, told, what, outcome });
        };
        for late in 0..CALLS_PER_SLOT - 2 {
            call(begin + late, begin + late + 500, What::Hold(place), taken);
        }
        call(begin, begin + 400, What::Hold(place), held(number));
        let outcome = Outcome::Appointment { place, cancelled: false, fresh: true };
        call(begin + 401, begin + 600, What::Confirm(hold(number)), outcome);
    }
    history
}

/// One slot that is held and given back over and over, while others are refused.
fn turns(calls: u64) -> History {
    let mut history = History::default();
    let (place, taken) = (slot(0), Outcome::Refused(Refusal::SlotTaken));
    for person in 0..calls / CALLS_PER_TURN {
        let begin = person * 100;
        let mut call = |asked: Instant, told: Instant, what: What, outcome: Outcome| {
            history.calls.push(Call { person, asked, told, what, outcome });
        };
        call(begin, begin + 10, What::Hold(place), held(person));
        call(begin + 5, begin + 40, What::Hold(place), taken);
        call(begin + 20, begin + 30, What::Hold(place), taken);
        call(begin + 50, begin + 60, What::Release(hold(person)), Outcome::Released);
    }
    history
}

fn check(c: &mut Criterion) {
    let calls = calls_wanted();
    let mut group = c.benchmark_group("history");
    // Each takes about a second: as many runs in each sample as in any other.
    group.sampling_mode(SamplingMode::Flat);
    group.sample_size(10).measurement_time(Duration::from_secs(10));
    group.throughput(Throughput::Elements(calls));
    for (name, history) in [
        ("a surge, 48 refusals to each booking", surge(calls)),
        ("one slot, held over and over", turns(calls)),
    ] {
        let verdict = history.check();
        assert!(verdict.is_legal() && verdict.calls as u64 == calls, "{verdict:?}");
        group.bench_function(name, |b| b.iter(|| black_box(&history).check()));
    }
    group.finish();
}

criterion_group!(histories, check);
criterion_main!(histories);
