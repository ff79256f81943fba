//! The crash campaign: a real server under full load, over a disk that fails when told to.
//!
//! Each cycle does one thing to the server or to its disk, starts it again, and audits what its
//! patients were told meanwhile. What is done and when comes from a seed; how processes and
//! threads interleave does not, so a seed repeats a campaign closely and not to the byte.
//!
//! - [`run`]: the command line of `creneau-crash`.
//! - `campaign`: cycles, in epochs that each begin on an empty disk and end with a whole audit.
//! - `mishap`: what is done in a cycle. `rot`: flipped bytes.
//! - `server`, `load`: the process, and the patients it has.
//! - `tally`: what was counted.

mod campaign;
mod load;
mod mishap;
mod rot;
mod server;
mod tally;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

use crate::say;
use crate::spawned::find_binary;

/// The exit status of a campaign that found something, or could not be done.
const FAILED: u8 = 1;

/// Crashes a server again and again, and proves that nothing acknowledged is lost or sold twice.
///
/// The server runs over a file system of this program's own, mounted by FUSE. Exit status: 0 when
/// nothing was found, 1 when something was or the campaign could not be done, 2 for wrong usage.
#[derive(Clone, Debug, Parser)]
#[command(name = "creneau-crash", version)]
pub(crate) struct Asked {
    /// What is done and when; the same again with the same seed.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// `kill -9` at full load, and in a third of them again while the server starts.
    #[arg(long, value_name = "N", default_value_t = 10)]
    kills: u64,
    /// Power losses: what was not synced is lost, torn or scattered.
    #[arg(long, value_name = "N", default_value_t = 10)]
    power_losses: u64,
    /// Syncs that fail, of the journal, the mark, the store or any.
    #[arg(long, value_name = "N", default_value_t = 5)]
    failed_syncs: u64,
    /// Disks that run full.
    #[arg(long, value_name = "N", default_value_t = 5)]
    full_disks: u64,
    /// Syncs that hang: each takes about 15 seconds.
    #[arg(long, value_name = "N", default_value_t = 0)]
    hung_syncs: u64,
    /// Flipped bytes, in files at rest and in what is read.
    #[arg(long, value_name = "N", default_value_t = 20)]
    flipped_bytes: u64,
    /// Patients at a time.
    #[arg(long, value_name = "N", default_value_t = 200)]
    patients: u64,
    /// Milliseconds within which a server whose disk has failed must be gone.
    #[arg(long, value_name = "MS", default_value_t = 1_000)]
    gone_within_ms: u64,
    /// Cycles before the next empty disk.
    #[arg(long, value_name = "N", default_value_t = 16)]
    epoch_cycles: u64,
    /// Goes on after a violation, with an empty disk, and counts them.
    #[arg(long)]
    keep_going: bool,
    /// The disk answers syncs and makes nothing durable: the campaign must find that.
    #[arg(long, hide = true)]
    lying_disk: bool,
    /// Where ledgers and evidence go; a temporary folder, removed when all is well, where nothing
    /// is said.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// The binary creneau.
    #[arg(long, value_name = "PATH")]
    server_binary: Option<PathBuf>,
}

/// Does what the command line asks for.
pub fn run() -> ExitCode {
    let asked = Asked::parse();
    match campaign(asked) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(FAILED),
        Err(message) => {
            say::warn(&message);
            ExitCode::from(FAILED)
        }
    }
}

fn campaign(asked: Asked) -> Result<bool, String> {
    let binary = find_binary(asked.server_binary.as_deref())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    runtime.block_on(async { Box::pin(campaign::run(asked, binary)).await })
}
