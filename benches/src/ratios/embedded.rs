//! Bookings on an engine in this process, against the disk and against the bare road.

use std::sync::Arc;
use std::time::{Duration, Instant};

use creneau::journal::{Journal, Tail, frame};
use creneau::storage::rocksdb::{Options, open};
use tokio::runtime::Runtime;

use crate::measured::{Measured, median, number, quantile};
use crate::plan::{Fallible, Plan, nanos, now, processor, runtime};
use crate::practice::{Practice, always_open, over, sample_entries};
use crate::raw::{Raw, RawLog};
use crate::skeleton::{Skeleton, shuffled};

const CALENDARS: u64 = 10_000;
const CALENDARS_QUICK: u64 = 64;

/// Entries in one commit of the journal alone.
const ENTRIES: usize = 1_024;

/// Seeds the callers of the skeleton.
const SEED: u64 = 0x9E37_79B9_7F4A_7C15;

/// How fast something went.
pub(crate) struct Pace {
    /// In each second.
    pub(crate) rate: f64,
    /// What one took of a processor, in microseconds. It says more than the rate while others use
    /// the machine.
    micros: f64,
}

impl Pace {
    fn of(done: u64, began: Instant, used: Duration) -> Self {
        let used = (processor() - used).as_secs_f64();
        Self {
            rate: number(done) / began.elapsed().as_secs_f64(),
            micros: used * 1e6 / number(done.max(1)),
        }
    }

    /// The rate; what it took of a processor goes to `micros`.
    fn noted(self, micros: &mut Vec<f64>) -> f64 {
        micros.push(self.micros);
        self.rate
    }
}

/// What both sides took of a processor, as a note.
fn processors(ours: &[f64], reference: &[f64]) -> String {
    let [ours, reference] = [ours, reference].map(|micros| median(micros).unwrap_or(0.0));
    format!("a booking took {ours:.1} µs of a processor, {reference:.1} on the other side")
}

/// Has `callers` book for a while, then waits until nothing is left to be written, which counts.
pub(crate) async fn book(practice: &Arc<Practice>, callers: u64, span: Duration) -> Fallible<Pace> {
    let (began, used) = (now(), processor());
    let end = began + span;
    let caller = |_| {
        let practice = practice.clone();
        tokio::spawn(async move {
            let mut done = 0u64;
            while !over(end) {
                practice.book().await?;
                done += 1;
            }
            Fallible::Ok(done)
        })
    };
    let done = all((0..callers).map(caller).collect()).await?;
    practice.drained().await?;
    Ok(Pace::of(done, began, used))
}

async fn all(tasks: Vec<tokio::task::JoinHandle<Fallible<u64>>>) -> Fallible<u64> {
    let mut done = 0;
    for task in tasks {
        done += task.await??;
    }
    Ok(done)
}

/// Bookings of the bare road.
async fn walk(road: &Arc<Skeleton>, callers: u64, span: Duration) -> Fallible<Pace> {
    let (began, used) = (now(), processor());
    let end = began + span;
    let caller = |caller: u64| {
        let road = road.clone();
        tokio::spawn(async move {
            let (mut random, mut done) = (shuffled(caller.wrapping_mul(SEED) | 1), 0u64);
            while !over(end) {
                road.book(&mut random).await?;
                done += 1;
            }
            Fallible::Ok(done)
        })
    };
    let done = all((0..callers).map(caller).collect()).await?;
    Ok(Pace::of(done, began, used))
}

/// Pairs of records in a raw log.
async fn write(
    log: &RawLog,
    (hold, confirm): &(Arc<[u8]>, Arc<[u8]>),
    callers: u64,
    span: Duration,
) -> Fallible<Pace> {
    let (began, used) = (now(), processor());
    let end = began + span;
    let caller = |_| {
        let (log, hold, confirm) = (log.handle(), hold.clone(), confirm.clone());
        tokio::spawn(async move {
            let mut done = 0u64;
            while !over(end) {
                log.append(&hold).await?;
                log.append(&confirm).await?;
                done += 1;
            }
            Fallible::Ok(done)
        })
    };
    let done = all((0..callers).map(caller).collect()).await?;
    Ok(Pace::of(done, began, used))
}

/// An engine whose calendars are all awake.
pub(crate) fn practice(plan: &Plan, runtime: &Runtime, name: &str) -> Fallible<Arc<Practice>> {
    let calendars = plan.sized(CALENDARS, CALENDARS_QUICK);
    runtime.block_on(async {
        let practice = Practice::create(&plan.place(name), calendars, always_open()).await?;
        let wake = |_| {
            let practice = practice.clone();
            tokio::spawn(async move {
                for _ in 0..calendars / CALENDARS_QUICK {
                    practice.book().await?;
                }
                Fallible::Ok(0)
            })
        };
        all((0..CALENDARS_QUICK).map(wake).collect()).await?;
        practice.drained().await?;
        Ok(practice)
    })
}

pub(crate) fn finish(
    runtime: &Runtime,
    practice: Arc<Practice>,
    measured: &mut Measured,
) -> Fallible<()> {
    let overloaded = practice.overloaded.load(std::sync::atomic::Ordering::Relaxed);
    if 0 < overloaded {
        measured.notes.push(format!("{overloaded} calls were told to come back, and did"));
    }
    measured.notes.push(runtime.block_on(practice.finish())?);
    Ok(())
}

pub(crate) fn bookings_1024(plan: &Plan) -> Fallible<Measured> {
    const CALLERS: u64 = 1_024;
    let runtime = runtime()?;
    let practice = practice(plan, &runtime, "bookings_1024")?;
    let calendars = plan.sized(CALENDARS, CALENDARS_QUICK);
    let place = plan.place("skeleton");
    let road = Arc::new(runtime.block_on(Skeleton::build(&place, calendars))?);
    let (mut ours, mut reference) = (Vec::new(), Vec::new());
    let mut measured = plan.alternate(
        || Ok(runtime.block_on(book(&practice, CALLERS, plan.span))?.noted(&mut ours)),
        || Ok(runtime.block_on(walk(&road, CALLERS, plan.span))?.noted(&mut reference)),
    )?;
    measured.notes.push(processors(&ours, &reference));
    let road = Arc::into_inner(road).ok_or("someone still walks the skeleton's road")?;
    runtime.block_on(road.finish())?;
    finish(&runtime, practice, &mut measured)?;
    Ok(measured)
}

pub(crate) fn bookings_64(plan: &Plan) -> Fallible<Measured> {
    const CALLERS: u64 = 64;
    let runtime = runtime()?;
    let practice = practice(plan, &runtime, "bookings_64")?;
    let (hold, confirm) = runtime.block_on(sample_entries())?;
    let records: (Arc<[u8]>, Arc<[u8]>) =
        (hold.encode()?.as_slice().into(), confirm.encode()?.as_slice().into());
    let log = RawLog::start(&plan.place("raw_64"))?;
    let (mut ours, mut reference) = (Vec::new(), Vec::new());
    let mut measured = plan.alternate(
        || Ok(runtime.block_on(book(&practice, CALLERS, plan.span))?.noted(&mut ours)),
        || Ok(runtime.block_on(write(&log, &records, CALLERS, plan.span))?.noted(&mut reference)),
    )?;
    measured.notes.push(processors(&ours, &reference));
    log.finish()?;
    let (hold, confirm) = (records.0.len(), records.1.len());
    measured.notes.push(format!("records of {hold} and {confirm} bytes"));
    finish(&runtime, practice, &mut measured)?;
    Ok(measured)
}

/// The middle of what single pieces of work took, in microseconds.
fn p50(mut nanos: Vec<u64>) -> f64 {
    nanos.sort_unstable();
    quantile(&nanos, 0.5) / 1_000.0
}

pub(crate) fn hold_alone(plan: &Plan) -> Fallible<Measured> {
    let runtime = runtime()?;
    let practice = practice(plan, &runtime, "hold_alone")?;
    let (hold, _) = runtime.block_on(sample_entries())?;
    let bytes = hold.encode()?;
    let mut raw = Raw::create(&plan.place("raw_alone"))?;
    let ours = || {
        // On a worker, as a host's requests are.
        let (practice, end) = (practice.clone(), now() + plan.span);
        let took = runtime.spawn(async move {
            let mut took = Vec::new();
            while !over(end) {
                let began = now();
                practice.hold().await?;
                took.push(nanos(began));
            }
            practice.drained().await?;
            Fallible::Ok(took)
        });
        Ok(p50(runtime.block_on(took)??))
    };
    let reference = || {
        let (mut took, end) = (Vec::new(), now() + plan.span);
        while !over(end) {
            let began = now();
            raw.append(&bytes)?;
            took.push(nanos(began));
        }
        Ok(p50(took))
    };
    let mut measured = plan.alternate(ours, reference)?;
    finish(&runtime, practice, &mut measured)?;
    Ok(measured)
}

pub(crate) fn journal_1024(plan: &Plan) -> Fallible<Measured> {
    let runtime = runtime()?;
    let (hold, _) = runtime.block_on(sample_entries())?;
    let bytes = hold.encode()?;
    let entries = vec![bytes.as_slice(); ENTRIES];
    let mut journal = open(&plan.place("journal_1024"), Options::default())?.journal;
    let mut tail = journal.reader().tail()?;
    let mut raw = Raw::create(&plan.place("raw_1024"))?;
    let ours = || {
        let (began, mut done) = (now(), 0u64);
        while now() < began + plan.span {
            runtime.block_on(append(&mut *journal, &mut tail, &entries))?;
            done += ENTRIES as u64;
        }
        Ok(number(done) / began.elapsed().as_secs_f64())
    };
    let reference = || {
        let (began, mut done) = (now(), 0u64);
        let mut batch = Vec::new();
        while now() < began + plan.span {
            batch.clear();
            entries.iter().for_each(|entry| batch.extend_from_slice(entry));
            raw.append(&batch)?;
            done += ENTRIES as u64;
        }
        Ok(number(done) / began.elapsed().as_secs_f64())
    };
    let mut measured = plan.alternate(ours, reference)?;
    measured.notes.push(format!("entries of {} bytes", bytes.len()));
    Ok(measured)
}

async fn append(journal: &mut dyn Journal, tail: &mut Tail, entries: &[&[u8]]) -> Fallible<()> {
    let first = tail.sequence + 1;
    let bytes = frame::build(first, tail.hash, entries);
    journal.append(first, &bytes).await?;
    let sequence = tail.sequence + entries.len() as u64;
    *tail = Tail { sequence, hash: frame::hash(&bytes) };
    journal.mark(sequence);
    Ok(())
}
