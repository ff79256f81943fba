//! The command line. Exit status 0: everything holds; 1: a threshold or a law does not, or the
//! rehearsal could not be done; 2: asked for in a way that cannot be.

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Parser, Subcommand};
use tokio::sync::watch;

use crate::audit;
use crate::driver::Driver;
use crate::run::{self, Asked, Place};
use crate::say;
use crate::scenario::{Client, Scenario};
use crate::spawned::find_binary;

const FAILED: u8 = 1;
const USAGE: u8 = 2;

/// Findings that are printed by an audit alone.
const PRINTED_MAX: usize = 100;

/// Creneau's load generator: it drives, measures, and then proves that nothing was lost.
#[derive(Debug, Parser)]
#[command(name = "creneau-loadgen", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Rehearses a scenario, and audits it.
    Run(Run),
    /// Proves that every acknowledgement of a ledger still holds.
    Audit(Audit),
}

#[derive(Debug, Args)]
struct Run {
    /// The scenario, in TOML.
    scenario: PathBuf,
    /// A running server, such as http://127.0.0.1:8080.
    #[arg(long, value_name = "URL", conflicts_with_all = ["spawn", "embedded"])]
    target: Option<String>,
    /// Starts an own server on this directory; a fresh one where nothing is said.
    #[arg(long, value_name = "DIR", conflicts_with = "embedded")]
    spawn: Option<PathBuf>,
    /// Opens the engine in this process on this directory.
    #[arg(long, value_name = "DIR")]
    embedded: Option<PathBuf>,
    /// Where the ledger is written; a file of that name must not exist.
    #[arg(long, value_name = "FILE")]
    ledger: Option<PathBuf>,
    /// Writes the report as JSON too.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// The binary creneau for --spawn.
    #[arg(long, value_name = "PATH")]
    server_binary: Option<PathBuf>,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Args)]
struct Audit {
    /// The ledger of a run.
    #[arg(long, value_name = "FILE")]
    ledger: PathBuf,
    /// The server that was driven.
    #[arg(long, value_name = "URL", required_unless_present = "data", conflicts_with = "data")]
    target: Option<String>,
    /// The directory of its data, which no server may be using.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Args)]
struct Common {
    /// For how long the audit waits for holds to end.
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    wait_seconds: u64,
    /// The target is yours, and may be put under load though it is not this machine.
    #[arg(long)]
    i_own_this_target: bool,
}

/// Why a command ends with a status that is not 0.
struct Failure(u8, String);

fn usage(message: impl Into<String>) -> Failure {
    Failure(USAGE, message.into())
}

fn failed(message: impl Into<String>) -> Failure {
    Failure(FAILED, message.into())
}

/// Does what the command line asks for.
pub fn run() -> ExitCode {
    // Clap ends the process with 2 where the command line is wrong.
    let done = match Cli::parse().command {
        Command::Run(asked) => block_on(rehearse(asked)),
        Command::Audit(asked) => block_on(audit(asked)),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(FAILED),
        Err(Failure(status, message)) => {
            say::warn(&message);
            ExitCode::from(status)
        }
    }
}

fn block_on(command: impl Future<Output = Result<bool, Failure>>) -> Result<bool, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.map_err(|error| failed(error.to_string()))?.block_on(command)
}

async fn rehearse(asked: Run) -> Result<bool, Failure> {
    let scenario = Scenario::read(&asked.scenario).map_err(usage)?;
    let kills = scenario.server.kill_every_seconds.is_some();
    if kills && (asked.target.is_some() || asked.embedded.is_some()) {
        return Err(usage("server.kill_every_seconds: only a server of --spawn can be killed"));
    }
    // A fresh directory goes with the rehearsal; a named one stays.
    let mut fresh = None;
    let place = if let Some(url) = &asked.target {
        if scenario.server.hold_seconds.is_some() {
            say::warn("server.hold_seconds: a server that runs already keeps its own");
        }
        Place::Target(address(url, asked.common.i_own_this_target)?)
    } else if let Some(data) = asked.embedded {
        Place::Embedded(data)
    } else {
        let binary = find_binary(asked.server_binary.as_deref()).map_err(usage)?;
        let data = match asked.spawn {
            Some(data) => data,
            None => {
                let made = tempfile::Builder::new().prefix("creneau-loadgen-").tempdir();
                let made = made.map_err(|error| failed(error.to_string()))?;
                let data = made.path().join("data");
                fresh = Some(made);
                data
            }
        };
        Place::Spawn { binary, data }
    };
    if let Some(ledger) = asked.ledger.as_ref().filter(|ledger| ledger.exists()) {
        return Err(usage(format!("--ledger {}: is there already", ledger.display())));
    }
    let wait_seconds = asked.common.wait_seconds;
    let wanted = Asked { place, ledger: asked.ledger, wait_seconds, quiet: false };
    let report = Box::pin(run::rehearse(scenario, wanted)).await.map_err(failed)?;
    drop(fresh);
    say::line(&report.text());
    if let Some(path) = &asked.json {
        run::write_json(path, &report).map_err(failed)?;
    }
    Ok(report.passes())
}

async fn audit(asked: Audit) -> Result<bool, Failure> {
    let ledger = audit::read_ledger(&asked.ledger).map_err(usage)?;
    if ledger.torn {
        say::warn("the last line of the ledger is torn, and was left out");
    }
    let verdict = match (&asked.target, &asked.data) {
        (Some(url), _) => {
            let address = address(url, asked.common.i_own_this_target)?;
            let (_, address) = watch::channel(Some(address));
            let driver = Arc::new(Driver::http(address, &Client::default()));
            audit::over_api(&ledger, &driver, asked.common.wait_seconds).await
        }
        (None, Some(data)) => audit::over_data(&ledger, data).await.map_err(failed)?,
        (None, None) => return Err(usage("one of --target and --data must be given")),
    };
    verdict.lines(PRINTED_MAX).iter().for_each(|line| say::line(line));
    Ok(verdict.passes())
}

/// The address of a URL. Load goes to this machine, unless the target is said to be one's own.
fn address(url: &str, own: bool) -> Result<SocketAddr, Failure> {
    let shape = || usage(format!("--target {url}: must be http://ADDRESS:PORT"));
    let rest = url.strip_prefix("http://").ok_or_else(shape)?.trim_end_matches('/');
    let with_port =
        if rest.rsplit_once(':').is_some() { rest.to_owned() } else { format!("{rest}:80") };
    let found = with_port.to_socket_addrs().map_err(|_| shape())?;
    let all: Vec<SocketAddr> = found.collect();
    let first = all.first().ok_or_else(shape)?;
    if !own && !all.iter().all(|it| it.ip().to_canonical().is_loopback()) {
        let message = "is not this machine; load goes to what is one's own only, so say \
                       --i-own-this-target";
        return Err(usage(format!("--target {url}: {message}")));
    }
    Ok(*first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn load_goes_to_this_machine_unless_told_otherwise() {
        for url in ["http://127.0.0.1:80", "http://127.1.2.3", "http://[::1]:8080/"] {
            assert!(address(url, false).is_ok(), "{url}");
        }
        for url in ["http://192.0.2.1:80", "http://0.0.0.0:80", "https://127.0.0.1", "localhost"] {
            let Err(Failure(status, _)) = address(url, false) else { panic!("{url}") };
            assert_eq!(status, USAGE, "{url}");
        }
        assert!(address("http://192.0.2.1:80", true).is_ok());
    }

    #[test]
    fn the_command_line_is_sound() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }
}
