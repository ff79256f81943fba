//! Many calendars, and a long journal.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use creneau::Engine;
use serde_json::Value;

use crate::embedded::book;
use crate::measured::{Measured, figure, median, number};
use crate::plan::{Fallible, Plan, now, runtime};
use crate::practice::{Practice, always_open, config, create_calendars, over};
use crate::probe::read_ids;

/// As many as there are practitioners on the largest booking service of the country.
const MANY: u64 = 300_000;
const MANY_QUICK: u64 = 512;

const FEW: u64 = 1_000;
const AWAKE: u64 = 10_000;
const AWAKE_QUICK: u64 = 64;

/// Holds in flight.
const CALLERS: u64 = 64;

/// Entries that are replayed, at least.
const ENTRIES: u64 = 2_000_000;
const ENTRIES_QUICK: u64 = 2_000;

/// Visits of probes, at most: a calendar has days for each of them.
const VISITS_MAX: i64 = 30;

/// The microseconds that a sleeping calendar may take to be seen.
const LOOK_MAX: f64 = 1_000.0;

/// A directory with many calendars, made once for all rows that use it, and the file with their
/// identifiers.
fn many(plan: &Plan) -> Fallible<(PathBuf, PathBuf)> {
    let (data, ids) = (plan.place("many"), plan.place("many.ids"));
    if ids.exists() {
        return Ok((data, ids));
    }
    let calendars = runtime()?.block_on(async {
        let engine = Engine::open(config(&data)).await?;
        let count = plan.sized(MANY, MANY_QUICK);
        let calendars = create_calendars(&engine, count, always_open()).await?;
        engine.shutdown().await?;
        Fallible::Ok(calendars)
    })?;
    let mut text = String::new();
    for calendar in calendars {
        writeln!(text, "{calendar}")?;
    }
    std::fs::write(&ids, text)?;
    Ok((data, ids))
}

/// What a process of its own has to say of that directory, once for each round.
fn probes(plan: &Plan) -> Fallible<&[Value]> {
    if let Some(probes) = plan.probes.get() {
        return Ok(probes);
    }
    let probes =
        (0..plan.rounds).map(|visits| probe(plan, visits)).collect::<Fallible<Vec<_>>>()?;
    Ok(plan.probes.get_or_init(|| probes))
}

fn probe(plan: &Plan, visits: usize) -> Fallible<Value> {
    let (data, ids) = many(plan)?;
    let awake = plan.sized(AWAKE, AWAKE_QUICK).to_string();
    let mut command = Command::new(std::env::current_exe()?);
    let asked = command.arg("probe").args([&data, &ids]).args([awake, visits.to_string()]);
    let output = asked.stderr(std::process::Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err(format!("the probe left with {}", output.status).into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

fn field(value: &Value, name: &str) -> Fallible<f64> {
    value.get(name).and_then(Value::as_f64).ok_or_else(|| format!("no {name} was told").into())
}

pub(crate) fn memory(plan: &Plan) -> Fallible<Measured> {
    let mut measured = Measured::default();
    let (mut opened, mut looks) = (Vec::new(), Vec::new());
    for told in probes(plan)? {
        measured.ours.push(field(told, "resident")?);
        opened.push(field(told, "opened")?);
        looks.push(field(told, "look_p99")?);
    }
    let (opened, look) = (median(&opened).unwrap_or(0.0), median(&looks).unwrap_or(0.0));
    measured.notes.push(format!("{} GiB once it was open, nobody awake", figure(opened)));
    measured.notes.push(format!(
        "a sleeping calendar is seen in {} µs (p99; {})",
        figure(look),
        if look <= LOOK_MAX { "at most 1 ms, met" } else { "over 1 ms, MISSED" },
    ));
    Ok(measured)
}

pub(crate) fn start(plan: &Plan) -> Fallible<Measured> {
    let mut measured = Measured::default();
    let mut replayed = 0.0;
    for told in probes(plan)? {
        measured.ours.push(field(told, "start")?);
        replayed = field(told, "replayed")?;
    }
    measured.notes.push(format!("{} entries were replayed; files in the cache", figure(replayed)));
    Ok(measured)
}

pub(crate) fn replay(plan: &Plan) -> Fallible<Measured> {
    let (data, runtime) = (plan.place("replay"), runtime()?);
    let calendars = plan.sized(FEW, AWAKE_QUICK);
    let practice = runtime.block_on(Practice::create(&data, calendars, always_open()))?;
    let entries = plan.sized(ENTRIES, ENTRIES_QUICK);
    while practice.engine.status().watermark < entries {
        runtime.block_on(book(
            &practice,
            1_024,
            plan.span.min(std::time::Duration::from_secs(5)),
        ))?;
    }
    runtime.block_on(practice.finish())?;
    let mut measured = Measured::default();
    for _ in 0..plan.rounds {
        std::fs::remove_dir_all(data.join("derived"))?;
        let began = now();
        let engine = runtime.block_on(Engine::open(config(&data)))?;
        let took = began.elapsed().as_secs_f64();
        measured.ours.push(number(engine.status().replayed) / took);
        runtime.block_on(engine.shutdown())?;
    }
    measured.notes.push("one thread replays; RocksDB writes beside it".to_owned());
    Ok(measured)
}

/// Microseconds of a hold, many in flight over `calendars`.
async fn cost(practice: &Arc<Practice>, plan: &Plan) -> Fallible<f64> {
    let began = now();
    let end = began + plan.span;
    let caller = |_| {
        let practice = practice.clone();
        tokio::spawn(async move {
            let mut done = 0u64;
            while !over(end) {
                practice.hold().await?;
                done += 1;
            }
            Fallible::Ok(done)
        })
    };
    let mut done = 0;
    for caller in (0..CALLERS).map(caller).collect::<Vec<_>>() {
        done += caller.await??;
    }
    practice.drained().await?;
    Ok(began.elapsed().as_secs_f64() * 1e6 / number(done))
}

/// Wakes each calendar, and gives the microseconds that a hold of a sleeping one takes.
async fn wake(practice: &Arc<Practice>) -> Fallible<f64> {
    let began = now();
    let share = practice.calendars.len() as u64 / CALLERS;
    let caller = |_| {
        let practice = practice.clone();
        tokio::spawn(async move {
            for _ in 0..share {
                practice.hold().await?;
            }
            Fallible::Ok(())
        })
    };
    for caller in (0..CALLERS).map(caller).collect::<Vec<_>>() {
        caller.await??;
    }
    Ok(began.elapsed().as_secs_f64() * 1e6 / number((share * CALLERS).max(1)))
}

/// An engine over some of the calendars of a directory.
async fn awake(data: &Path, ids: &Path, count: u64) -> Fallible<Arc<Practice>> {
    let engine = Engine::open(config(data)).await?;
    let calendars = read_ids(ids)?.into_iter().rev().take(usize::try_from(count)?).collect();
    // Beyond the days of all probes.
    Ok(Arc::new(Practice::on(engine, data, calendars, VISITS_MAX)))
}

pub(crate) fn growth(plan: &Plan) -> Fallible<Measured> {
    let runtime = runtime()?;
    let (data, ids) = many(plan)?;
    let few = plan.sized(FEW, AWAKE_QUICK);
    let few = runtime.block_on(Practice::create(&plan.place("few"), few, always_open()))?;
    let awake = awake(&data, &ids, plan.sized(AWAKE, AWAKE_QUICK));
    let many = runtime.block_on(awake)?;
    let cold = [runtime.block_on(wake(&many))?, runtime.block_on(wake(&few))?];
    let mut measured = plan
        .alternate(|| runtime.block_on(cost(&many, plan)), || runtime.block_on(cost(&few, plan)))?;
    let [of_many, of_few] = cold.map(figure);
    measured.notes.push(format!(
        "a hold that wakes its calendar: {of_many} µs of 300,000, {of_few} µs of 1,000"
    ));
    runtime.block_on(many.engine.shutdown())?;
    runtime.block_on(few.finish())?;
    Ok(measured)
}
