//! `overload`.

use std::path::PathBuf;

use clap::Args;

use super::{Failure, failed, usage};
use crate::overload::{Flood, overload};
use crate::run::{Asked as Rehearsal, Place, Shown};
use crate::say;
use crate::scenario::Scenario;
use crate::spawned::find_binary;

#[derive(Debug, Args)]
pub(super) struct Asked {
    /// The scenario of the first stage, in TOML: more and more patients, beyond what is carried.
    scenario: PathBuf,
    /// How many times the patients that are carried.
    #[arg(long, default_value_t = 10.0)]
    factor: f64,
    /// For how long.
    #[arg(long, default_value_t = 5.0)]
    minutes: f64,
    /// The share of the peak that must be left.
    #[arg(long, default_value_t = 0.8)]
    goodput_min: f64,
    /// MiB of memory that the server may have at most.
    #[arg(long, default_value_t = 1_024)]
    memory_max_mib: u64,
    /// Where data and ledgers of both stages are kept; in a fresh directory, which goes at the end,
    /// where nothing is said.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Writes the report as JSON too.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// The binary creneau.
    #[arg(long, value_name = "PATH")]
    server_binary: Option<PathBuf>,
    /// A further argument for the server.
    #[arg(long, value_name = "ARGUMENT", allow_hyphen_values = true)]
    serve_arg: Vec<String>,
    /// For how long the audits wait for holds to end.
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    wait_seconds: u64,
}

/// Floods an own server, and prints what came of it.
pub(super) async fn run(asked: Asked) -> Result<bool, Failure> {
    let scenario = Scenario::read(&asked.scenario).map_err(usage)?;
    if !(1.0..=1_000.0).contains(&asked.factor) {
        return Err(usage("--factor must be 1 to 1000"));
    }
    if !(0.1..=1_440.0).contains(&asked.minutes) {
        return Err(usage("--minutes must be 0.1 to 1440"));
    }
    let binary = find_binary(asked.server_binary.as_deref()).map_err(usage)?;
    let fresh = tempfile::Builder::new().prefix("creneau-overload-").tempdir();
    let fresh = fresh.map_err(|error| failed(error.to_string()))?;
    let dir = asked.dir.clone().unwrap_or_else(|| fresh.path().to_owned());
    std::fs::create_dir_all(&dir)
        .map_err(|error| usage(format!("--dir {}: {error}", dir.display())))?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "in its range")]
    let seconds = (asked.minutes * 60.0).round() as u32;
    let flood = Flood {
        factor: asked.factor,
        seconds,
        goodput_min: asked.goodput_min,
        memory_max_mib: asked.memory_max_mib,
    };
    let stage = |name: &str| {
        let place = Place::Spawn {
            binary: binary.clone(),
            data: dir.join(name),
            more: asked.serve_arg.clone(),
            shown: Shown::default(),
        };
        let ledger = dir.join(format!("{name}.jsonl"));
        let there = ledger.exists();
        let there = there.then(|| format!("{}: is there already", ledger.display()));
        let wait_seconds = asked.wait_seconds;
        let stage = Rehearsal {
            place,
            ledger: Some(ledger),
            history: None,
            backup: None,
            wait_seconds,
            quiet: false,
        };
        there.map_or(Ok(stage), Err)
    };
    let overload = overload(scenario, flood, stage).await.map_err(failed)?;
    say::line(&overload.text());
    if let Some(path) = &asked.json {
        let json = overload.json().map_err(failed)?;
        std::fs::write(path, json)
            .map_err(|error| failed(format!("{}: {error}", path.display())))?;
    }
    Ok(overload.pass)
}
