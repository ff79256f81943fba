//! How long the slowest take while the server is busy, but not more than it can.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use crate::client::{Task, run};
use crate::http::{CONNECTIONS, Served};
use crate::measured::{Measured, figure, median, quantile};
use crate::plan::{Fallible, Plan, nanos, now, runtime};
use crate::practice::sample_entries;
use crate::raw::Raw;

const CONNECTIONS_QUICK: u64 = 8;

/// Other shares of what the server carries, at which percentiles are noted.
const SHARES: [f64; 2] = [0.1, 0.8];

/// The longest time of p99.9, in microseconds.
const P999_MAX: f64 = 50_000.0;

pub(crate) fn hold_p99(plan: &Plan) -> Fallible<Measured> {
    let served = Served::start(plan, "http_hold_p99", 0)?;
    let full = Task {
        address: served.server.address,
        connections: plan.sized(CONNECTIONS, CONNECTIONS_QUICK),
        span: plan.span,
        rate: None,
        requests: served.holds(),
        next: Arc::new(AtomicU64::new(0)),
        status: 201,
        follow: None,
    };
    let most = run(&full)?;
    let half = Task { rate: Some(most.rate() / 2.0), ..full };
    let bytes = runtime()?.block_on(sample_entries())?.0.encode()?;
    let mut raw = Raw::create(&plan.place("raw_tails"))?;
    let mut held = most.took.len() as u64;
    let (mut middle, mut beyond, mut longest) = (Vec::new(), Vec::new(), 0.0_f64);
    let mut measured = plan.alternate(
        || {
            let mut took = run(&half)?.took;
            held += took.len() as u64;
            took.sort_unstable();
            middle.push(quantile(&took, 0.5) / 1_000.0);
            beyond.push(quantile(&took, 0.999) / 1_000.0);
            longest = longest.max(quantile(&took, 1.0) / 1_000.0);
            Ok(quantile(&took, 0.99) / 1_000.0)
        },
        || {
            let (mut took, end) = (Vec::new(), now() + plan.span);
            while now() < end {
                let began = now();
                raw.append(&bytes)?;
                took.push(nanos(began));
            }
            took.sort_unstable();
            Ok(quantile(&took, 0.99) / 1_000.0)
        },
    )?;
    let p999 = median(&beyond).unwrap_or(0.0);
    measured.notes.push(format!(
        "at {} holds a second; p50 {} µs, p99.9 {} µs ({}), longest {} µs",
        figure(most.rate() / 2.0),
        figure(median(&middle).unwrap_or(0.0)),
        figure(p999),
        if p999 <= P999_MAX { "at most 50 ms, met" } else { "over 50 ms, MISSED" },
        figure(longest),
    ));
    for share in SHARES {
        let (note, count) = at_share(&half, most.rate(), share)?;
        measured.notes.push(note);
        held += count;
    }
    measured.notes.push(served.finish(held)?);
    Ok(measured)
}

/// Percentiles at a share of what the server carries, and how many holds there were.
fn at_share(task: &Task, most: f64, share: f64) -> Fallible<(String, u64)> {
    let mut took = run(&Task { rate: Some(most * share), ..task.clone() })?.took;
    took.sort_unstable();
    let [p50, p99, p999, longest] =
        [0.5, 0.99, 0.999, 1.0].map(|part| figure(quantile(&took, part) / 1_000.0));
    let note = format!(
        "at {:.0} %: p50 {p50}, p99 {p99}, p99.9 {p999}, longest {longest} µs",
        share * 100.0
    );
    Ok((note, took.len() as u64))
}
