//! The table of ratios: ours and what it is held against, side by side on the same machine.
//!
//! In reading order: [`goals`] has the rows; [`plan`] says how much is measured and where, and
//! [`measured`] how it is told. [`raw`], [`skeleton`] and [`bare`] are what ours is held against.
//! [`practice`] is an engine with calendars, [`server`] a server of its own process, [`client`]
//! what asks either server. The rows are measured in [`embedded`], [`refused`], [`http`],
//! [`tails`] and [`scale`]; [`peers`] does the same job with PostgreSQL and Redis.

mod bare;
mod client;
mod doses;
mod embedded;
mod goals;
mod http;
mod measured;
mod peers;
mod plan;
mod practice;
mod probe;
mod raw;
mod refused;
mod scale;
mod server;
mod skeleton;
mod tails;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use goals::{ROWS, Row};
use measured::Told;
use plan::{Fallible, Plan};
use serde_json::Value;

/// The allocator of the server; what it is held against here has it too.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Ours against what the machine can do.
#[derive(Debug, Parser)]
#[command(name = "ratios")]
struct Asked {
    /// Only these rows, by name, comma between.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// How often both sides are measured.
    #[arg(long)]
    rounds: Option<usize>,
    /// How long each side is measured in each round. Rounds by seconds should be a minute.
    #[arg(long)]
    seconds: Option<f64>,
    /// To see that everything runs, in seconds: no figure means anything.
    #[arg(long)]
    quick: bool,
    /// PostgreSQL and Redis doing the same job, instead of the rows of the table.
    #[arg(long)]
    peers: bool,
    /// Where the figures go; target/bench.json of the checkout as standard.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

const ROUNDS: usize = 5;
const ROUNDS_MAX: usize = 30;
const SECONDS: f64 = 12.0;
const SECONDS_QUICK: f64 = 0.05;

fn main() -> ExitCode {
    // The servers are this program too, so that what is measured was built with what measures it.
    let did = match std::env::args().nth(1).as_deref() {
        Some("serve") => return creneau_server::cli::run(),
        Some("bare") => bare::run(),
        Some("probe") => probe::run(),
        _ => measure(&Asked::parse()),
    };
    match did {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&format!("ratios: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// Measures what was asked for, and tells it.
fn measure(asked: &Asked) -> Fallible<()> {
    let all: &[Row] = if asked.peers { &peers::ROWS } else { &ROWS };
    let rows = wanted(all, &asked.only)?;
    let target = plan::checkout().join("target");
    std::fs::create_dir_all(&target)?;
    let directory = tempfile::Builder::new().prefix("bench-").tempdir_in(&target)?;
    let seconds = if asked.quick { SECONDS_QUICK } else { SECONDS };
    let plan = Plan {
        rounds: asked.rounds.unwrap_or(if asked.quick { 1 } else { ROUNDS }).clamp(1, ROUNDS_MAX),
        span: Duration::try_from_secs_f64(asked.seconds.unwrap_or(seconds))?,
        quick: asked.quick,
        root: directory.path().to_path_buf(),
        probes: std::cell::OnceCell::new(),
    };
    let name = match (asked.peers, asked.quick) {
        (false, false) => "bench.json",
        (false, true) => "bench-quick.json",
        (true, _) => "bench-peers.json",
    };
    let json = asked.json.clone().unwrap_or_else(|| target.join(name));
    say(&plan::machine(&plan)?)?;
    say(&measured::head())?;
    let mut told: Vec<Value> = Vec::new();
    for row in rows {
        let measured = (row.measure)(&plan).map_err(|error| format!("{}: {error}", row.name))?;
        let row_told = Told::new(row, &measured);
        say(&row_told.text())?;
        told.push(row_told.json());
    }
    let legend: Vec<_> = all.iter().map(|row| format!("{}: {}", row.name, row.what)).collect();
    say(&format!("\n{}", legend.join("\n")))?;
    std::fs::write(&json, serde_json::to_vec_pretty(&told)?)?;
    say(&format!("\nwritten to {}", json.display()))
}

/// The rows of these names, or all.
fn wanted<'a>(all: &'a [Row], only: &[String]) -> Fallible<Vec<&'a Row>> {
    if let Some(name) = only.iter().find(|name| all.iter().all(|row| row.name != **name)) {
        let names: Vec<_> = all.iter().map(|row| row.name).collect();
        return Err(format!("--only {name}: must be of {}", names.join(", ")).into());
    }
    let named = |row: &&Row| only.is_empty() || only.iter().any(|name| name == row.name);
    Ok(all.iter().filter(named).collect())
}

/// Says a line at once: a run takes half an hour.
fn say(text: &str) -> Fallible<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}")?;
    Ok(out.flush()?)
}

fn complain(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
