//! The command line. Exit status 0: everything holds; 1: a threshold or a law does not, or the
//! rehearsal could not be done; 2: asked for in a way that cannot be.

mod gauge;
mod hostile;
mod overload;
mod target;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use tokio::sync::watch;

use crate::audit::{self, Until, Verdict};
use crate::backup;
use crate::driver::Driver;
use crate::run::{self, Asked, Place, Shown};
use crate::say;
use crate::scenario::{Client, Scenario};
use crate::spawned::find_binary;
use crate::tether;
use target::Target;

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
    /// Proves that every acknowledgement of a ledger still holds, or that a history has a legal
    /// order.
    Audit(Audit),
    /// Asks one call over and over in a closed loop, to compare with other generators.
    Gauge(gauge::Asked),
    /// Finds what an own server carries, and lets many times that come.
    Overload(overload::Asked),
    /// Attacks an own server in many ways, with patients beside the attackers.
    Hostile(hostile::Asked),
    /// Becomes another program that ends with this one's parent.
    #[command(name = tether::COMMAND, hide = true)]
    Tethered {
        parent: i32,
        program: OsString,
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
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
    /// Where each write is written with when it began and ended, and whether all of them have a
    /// legal order is judged by; a file of that name must not exist.
    #[arg(long, value_name = "FILE")]
    history: Option<PathBuf>,
    /// Writes the report as JSON too.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Has a backup taken to this directory meanwhile; there must be nothing in it.
    #[arg(long, value_name = "DIR")]
    backup_to: Option<PathBuf>,
    /// When it is taken, in seconds from the start; in the middle where nothing is said.
    #[arg(long, value_name = "SECONDS", requires = "backup_to")]
    backup_after: Option<u64>,
    /// The binary creneau for --spawn.
    #[arg(long, value_name = "PATH")]
    server_binary: Option<PathBuf>,
    /// A further argument for the server of --spawn, such as --serve-arg=--config=FILE.
    #[arg(long, value_name = "ARGUMENT", allow_hyphen_values = true)]
    #[arg(conflicts_with_all = ["target", "embedded"])]
    serve_arg: Vec<String>,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Args)]
struct Audit {
    /// The ledger of a run.
    #[arg(long, value_name = "FILE", required_unless_present = "history")]
    ledger: Option<PathBuf>,
    /// The history of a run, which needs no server and no data.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["ledger", "target", "data", "until"])]
    history: Option<PathBuf>,
    /// The server that was driven.
    #[arg(long, value_name = "URL", conflicts_with = "data")]
    #[arg(required_unless_present_any = ["data", "history"])]
    target: Option<String>,
    /// The directory of its data, which no server may be using.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Up to where: "backup", the last one that the ledger tells of, or an instant (RFC 3339)
    /// before which a backup had not begun. What was acknowledged later may be there or not.
    #[arg(long, value_name = "WHEN")]
    until: Option<Until>,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Args)]
struct Common {
    /// For how long the audit waits for holds to end.
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    wait_seconds: u64,
    #[command(flatten)]
    reached: Reached,
}

/// How a server is reached.
#[derive(Debug, Args)]
struct Reached {
    /// A file with the token that each request shows.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// The certificates (PEM) of whom a server on https:// must have its own from.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// The target is yours, and may be put under load though it is not this machine.
    #[arg(long)]
    i_own_this_target: bool,
}

impl Reached {
    fn shown(&self) -> Shown {
        Shown { token_file: self.token_file.clone(), ca: self.ca.clone() }
    }

    /// A server that runs already.
    fn server(&self, url: &str) -> Result<Place, Failure> {
        let Target { address, secure } = Target::of(url, self.i_own_this_target).map_err(usage)?;
        let access = self.shown().access(secure.as_deref()).map_err(usage)?;
        Ok(Place::Target { address, access })
    }

    /// A driver of it.
    fn driver(&self, url: &str, client: &Client) -> Result<Driver, Failure> {
        let Place::Target { address, access } = self.server(url)? else {
            return Err(failed("no server"));
        };
        // Nobody sends: the address stays as it is.
        let (_, address) = watch::channel(Some(address));
        Ok(Driver::http(address, access, client))
    }
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
        Command::Gauge(asked) => block_on(gauge::run(asked)),
        Command::Overload(asked) => block_on(overload::run(asked)),
        Command::Hostile(asked) => block_on(hostile::run(asked)),
        Command::Tethered { parent, program, arguments } => {
            Err(failed(tether::tethered(parent, &program, &arguments)))
        }
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
    if scenario.campaign.is_some() && asked.embedded.is_some() {
        return Err(usage("campaign: --embedded has none; name a server, or let one be started"));
    }
    if scenario.campaign.is_some() && asked.history.is_some() {
        return Err(usage("--history: the order of a campaign's calls is not judged"));
    }
    // A fresh directory goes with the rehearsal; a named one stays.
    let (place, fresh) = place(&asked, &scenario)?;
    if let Some(ledger) = asked.ledger.as_ref().filter(|ledger| ledger.exists()) {
        return Err(usage(format!("--ledger {}: is there already", ledger.display())));
    }
    if let Some(history) = asked.history.as_ref().filter(|history| history.exists()) {
        return Err(usage(format!("--history {}: is there already", history.display())));
    }
    let wait_seconds = asked.common.wait_seconds;
    let (ledger, history) = (asked.ledger, asked.history);
    let after = asked.backup_after.map_or(Duration::from_secs(scenario.seconds()) / 2, |seconds| {
        Duration::from_secs(seconds)
    });
    let backup = match asked.backup_to {
        None => None,
        Some(to) => {
            let to = std::path::absolute(&to)
                .map_err(|error| usage(format!("--backup-to {}: {error}", to.display())))?;
            Some(backup::Wanted { to, after })
        }
    };
    let wanted = Asked { place, ledger, history, backup, wait_seconds, quiet: false };
    let report = Box::pin(run::rehearse(scenario, wanted)).await.map_err(failed)?;
    drop(fresh);
    say::line(&report.text());
    if let Some(path) = &asked.json {
        run::write_json(path, &report).map_err(failed)?;
    }
    Ok(report.passes())
}

/// Where it is rehearsed, and the fresh directory where none was named.
fn place(asked: &Run, scenario: &Scenario) -> Result<(Place, Option<tempfile::TempDir>), Failure> {
    let reached = &asked.common.reached;
    if let Some(url) = &asked.target {
        if scenario.server.hold_seconds.is_some() {
            say::warn("server.hold_seconds: a server that runs already keeps its own");
        }
        return Ok((reached.server(url)?, None));
    }
    if let Some(data) = &asked.embedded {
        return Ok((Place::Embedded(data.clone()), None));
    }
    let binary = find_binary(asked.server_binary.as_deref()).map_err(usage)?;
    let (data, fresh) = match &asked.spawn {
        Some(data) => (data.clone(), None),
        None => {
            let made = tempfile::Builder::new().prefix("creneau-loadgen-").tempdir();
            let made = made.map_err(|error| failed(error.to_string()))?;
            (made.path().join("data"), Some(made))
        }
    };
    let (more, shown) = (asked.serve_arg.clone(), reached.shown());
    Ok((Place::Spawn { binary, data, more, shown }, fresh))
}

async fn audit(asked: Audit) -> Result<bool, Failure> {
    let verdict = match &asked.history {
        Some(history) => audit::over_history(history.clone()).await.map_err(usage)?,
        None => of_ledger(&asked).await?,
    };
    verdict.lines(PRINTED_MAX).iter().for_each(|line| say::line(line));
    Ok(verdict.passes())
}

async fn of_ledger(asked: &Audit) -> Result<Verdict, Failure> {
    let Some(ledger) = &asked.ledger else {
        return Err(usage("one of --ledger and --history must be given"));
    };
    let ledger = audit::read_ledger(ledger).map_err(usage)?;
    if ledger.torn {
        say::warn("the last line of the ledger is torn, and was left out");
    }
    match (&asked.target, &asked.data) {
        (Some(url), _) => {
            let driver = Arc::new(asked.common.reached.driver(url, &Client::default())?);
            let wait_seconds = asked.common.wait_seconds;
            audit::over_api(&ledger, asked.until, &driver, wait_seconds).await.map_err(usage)
        }
        (None, Some(data)) => audit::over_data(&ledger, asked.until, data).await.map_err(failed),
        (None, None) => Err(usage("one of --target and --data must be given")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }
}
