//! `hostile`.

use std::path::PathBuf;

use clap::Args;

use super::{Failure, failed, usage};
use crate::hostile::{Size, hostile};
use crate::say;
use crate::scenario::Scenario;
use crate::spawned::{Start, find_binary};

#[derive(Debug, Args)]
pub(super) struct Asked {
    /// The scenario of the patients beside, in TOML; its phases last as long as an attack.
    scenario: PathBuf,
    /// Connections of the slow attacks. A server has 4,096 places unless told otherwise.
    #[arg(long, default_value_t = 6_000)]
    connections: usize,
    /// Seconds of each attack.
    #[arg(long, default_value_t = 40)]
    seconds: u32,
    /// Malformed frames.
    #[arg(long, default_value_t = 1_000_000)]
    frames: u64,
    /// Seed of the frames.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// MiB of memory that the server may have at most.
    #[arg(long, default_value_t = 512)]
    memory_max_mib: u64,
    /// Writes the report as JSON too.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// The binary creneau.
    #[arg(long, value_name = "PATH")]
    server_binary: Option<PathBuf>,
    /// A further argument for the server.
    #[arg(long, value_name = "ARGUMENT", allow_hyphen_values = true)]
    serve_arg: Vec<String>,
}

/// Attacks an own server, and prints what came of it.
pub(super) async fn run(asked: Asked) -> Result<bool, Failure> {
    let scenario = Scenario::read(&asked.scenario).map_err(usage)?;
    if !(1..=20_000).contains(&asked.connections) {
        return Err(usage("--connections must be 1 to 20000"));
    }
    if !(1..=3_600).contains(&asked.seconds) {
        return Err(usage("--seconds must be 1 to 3600"));
    }
    let binary = find_binary(asked.server_binary.as_deref()).map_err(usage)?;
    let fresh = tempfile::Builder::new().prefix("creneau-hostile-").tempdir();
    let fresh = fresh.map_err(|error| failed(error.to_string()))?;
    let start = Start {
        binary,
        data: fresh.path().join("data"),
        hold_seconds: scenario.server.hold_seconds,
        more: asked.serve_arg,
    };
    let size = Size {
        connections: asked.connections,
        seconds: asked.seconds,
        frames: asked.frames,
        memory_max_mib: asked.memory_max_mib,
        seed: asked.seed,
    };
    let report = hostile(start, scenario, size, fresh.path()).await.map_err(failed)?;
    say::line(&report.text());
    if let Some(path) = &asked.json {
        let json =
            serde_json::to_string_pretty(&report).map_err(|error| failed(error.to_string()))?;
        std::fs::write(path, json)
            .map_err(|error| failed(format!("{}: {error}", path.display())))?;
    }
    Ok(report.pass)
}
