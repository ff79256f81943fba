//! A process of its own that opens a directory, so that its time and its memory are those of a
//! start and nothing else.

use std::path::Path;

use creneau::{CalendarId, Engine, FindSlots};
use serde_json::json;

use crate::measured::{number, quantile};
use crate::plan::{Fallible, nanos, now, runtime};
use crate::practice::{Practice, REASON, config};

/// Sleeping calendars that are looked at, at most.
const LOOKS_MAX: usize = 10_000;

/// Holds at the same time.
const HOLDS_AT_ONCE: usize = 64;

/// `ratios probe DATA IDS AWAKE VISITS`: what a start of `DATA` takes, what memory it has once
/// `AWAKE` of the calendars listed in `IDS` are awake, and how long a look at a sleeping one takes.
pub(crate) fn run() -> Fallible<()> {
    let mut arguments = std::env::args().skip(2);
    let mut argument = || arguments.next().ok_or("probe DATA IDS AWAKE VISITS");
    let (data, ids) = (argument()?, argument()?);
    let (awake, visits) = (argument()?.parse()?, argument()?.parse()?);
    let calendars = read_ids(Path::new(&ids))?;
    runtime()?.block_on(probe(Path::new(&data), calendars, awake, visits))
}

/// The identifiers of a file, one a line.
pub(crate) fn read_ids(file: &Path) -> Fallible<Vec<CalendarId>> {
    let text = std::fs::read_to_string(file)?;
    Ok(text.lines().map(str::parse).collect::<Result<_, _>>()?)
}

/// A field of this process's status, in GiB.
fn memory(name: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    number(kib.unwrap_or(0)) / number(1_u64 << 20)
}

async fn probe(data: &Path, calendars: Vec<CalendarId>, awake: usize, visits: i64) -> Fallible<()> {
    let began = now();
    let engine = Engine::open(config(data)).await?;
    let start = began.elapsed().as_secs_f64();
    let (opened, replayed) = (memory("VmRSS"), engine.status().replayed);
    let (used, sleeping) = calendars.split_at(awake.min(calendars.len() / 2));
    let practice = std::sync::Arc::new(Practice::on(engine, data, used.to_vec(), visits));
    let part = |count: usize| {
        let practice = practice.clone();
        tokio::spawn(async move {
            for _ in 0..count {
                practice.hold().await?;
            }
            Fallible::Ok(())
        })
    };
    let parts: Vec<_> = (0..HOLDS_AT_ONCE).map(|_| part(used.len() / HOLDS_AT_ONCE)).collect();
    for part in parts {
        part.await??;
    }
    practice.drained().await?;
    let resident = memory("VmRSS");
    let mut looks = Vec::new();
    let from = practice.first;
    for calendar in sleeping.iter().take(LOOKS_MAX) {
        let (reason, until) = (REASON.parse()?, from.plus_minutes(7 * 24 * 60));
        let wanted =
            FindSlots { calendar: *calendar, reason, from, until, limit: 20, practice: false };
        let began = now();
        let found = practice.engine.find_slots(wanted).await?;
        looks.push(nanos(began));
        found.map_err(|why| format!("{why:?}"))?;
    }
    looks.sort_unstable();
    crate::say(
        &json!({
            "start": start, "opened": opened, "resident": resident, "replayed": replayed,
            "look_p99": quantile(&looks, 0.99) / 1_000.0,
        })
        .to_string(),
    )?;
    practice.engine.shutdown().await?;
    Ok(())
}
