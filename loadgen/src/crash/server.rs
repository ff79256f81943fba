//! A server's process, from its start to its status.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom};
use std::net::SocketAddr;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use crate::clock::{Clock, pause};

/// How long a start may take. A journal of some thousand entries is replayed in it.
const READY_WITHIN: Duration = Duration::from_secs(30);

/// How long an audit by the binary may take.
const VERIFY_WITHIN: Duration = Duration::from_secs(60);

/// Milliseconds between two looks at a process.
const LOOK_MS: u64 = 1;

/// Microseconds that such a look takes at most on a machine that has nothing else to do.
const LOOK_TAKES_US: u64 = 3_000;

/// When a process was seen to be gone.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gone {
    /// In microseconds of the clock.
    pub(super) at_us: u64,
    /// For how long meanwhile this process was kept from looking: the machine had no time for it,
    /// and as little for the server.
    pub(super) stalled_us: u64,
}

/// How a server is started.
#[derive(Clone, Debug)]
pub(super) struct Launch {
    pub(super) binary: PathBuf,
    pub(super) data: PathBuf,
    /// Where its standard error goes.
    pub(super) log: PathBuf,
    pub(super) hold_seconds: u64,
}

/// What a start came to.
#[derive(Debug)]
pub(super) enum Start {
    Ready(SocketAddr),
    Ended(Ended),
    /// It neither takes bookings nor ends.
    Hangs,
}

/// How a process ended.
#[derive(Clone, Debug)]
pub(super) struct Ended {
    pub(super) status: ExitStatus,
    /// What it said on standard error since it was started.
    pub(super) said: String,
}

impl Ended {
    /// Whether it ended in a way that no server may, whatever its disk does.
    pub(super) fn crashed(&self) -> bool {
        self.status.signal().is_some() || self.said.contains("panicked at")
    }

    /// The last line that it said.
    pub(super) fn last_line(&self) -> &str {
        self.said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it said nothing")
    }
}

/// A server's process.
pub(super) struct Server {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    log: PathBuf,
    said_from: u64,
}

impl Server {
    /// Starts a process.
    pub(super) fn launch(launch: &Launch) -> Result<Self, String> {
        let said = |error: std::io::Error| format!("{}: {error}", launch.log.display());
        let log = OpenOptions::new().create(true).append(true).open(&launch.log).map_err(said)?;
        let said_from = log.metadata().map_err(said)?.len();
        let mut command = Command::new(&launch.binary);
        command.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(&launch.data);
        command.args(["--hold-seconds", &launch.hold_seconds.to_string()]);
        command.env("CRENEAU_LOG", "warn").stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(log).process_group(0).kill_on_drop(true);
        let failed = |error| format!("failed to start {}: {error}", launch.binary.display());
        let mut child = command.spawn().map_err(failed)?;
        let out = child.stdout.take().ok_or("its output cannot be read")?;
        let lines = BufReader::new(out).lines();
        Ok(Self { child, lines, log: launch.log.clone(), said_from })
    }

    /// Waits until it takes bookings, or ends.
    pub(super) async fn ready(&mut self) -> Start {
        let ready = async {
            while let Ok(Some(line)) = self.lines.next_line().await {
                let address = line.strip_prefix("ready on http://");
                if let Some(Ok(address)) = address.map(|it| it.trim().parse()) {
                    return Some(address);
                }
            }
            None
        };
        match tokio::time::timeout(READY_WITHIN, ready).await {
            Ok(Some(address)) => Start::Ready(address),
            Ok(None) => match self.end(READY_WITHIN).await {
                Some(ended) => Start::Ended(ended),
                None => Start::Hangs,
            },
            Err(_) => Start::Hangs,
        }
    }

    fn signal(&self, signal: Signal) {
        let pid = self.child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        if let Some(pid) = pid {
            let _ = kill_process(pid, signal);
        }
    }

    /// Kills it, and does not wait.
    pub(super) fn kill(&self) {
        self.signal(Signal::KILL);
    }

    /// Asks it to leave.
    pub(super) fn ask_to_leave(&self) {
        self.signal(Signal::TERM);
    }

    /// Waits for its end.
    pub(super) async fn end(&mut self, within: Duration) -> Option<Ended> {
        let status = tokio::time::timeout(within, self.child.wait()).await.ok()?.ok()?;
        Some(Ended { status, said: self.said() })
    }

    /// Waits until nothing of it runs any more. A thread that waits for the disk keeps a process
    /// from being reaped, and does nothing else.
    pub(super) async fn gone(&mut self, clock: &Clock, within: Duration) -> Option<Gone> {
        let until = clock.us() + u64::try_from(within.as_micros()).unwrap_or(u64::MAX);
        let mut stalled_us = 0;
        loop {
            let now = clock.us();
            let ended = !matches!(self.child.try_wait(), Ok(None));
            if ended || self.is_zombie() {
                return Some(Gone { at_us: clock.us(), stalled_us });
            }
            if until <= now {
                return None;
            }
            pause(LOOK_MS).await;
            stalled_us += (clock.us() - now).saturating_sub(LOOK_TAKES_US);
        }
    }

    fn is_zombie(&self) -> bool {
        let Some(id) = self.child.id() else { return true };
        let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        // The name stands in parentheses, and the state after it.
        stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('Z'))
    }

    /// What it said on standard error.
    pub(super) fn said(&self) -> String {
        let read = || {
            let mut log = File::open(&self.log)?;
            log.seek(SeekFrom::Start(self.said_from))?;
            let mut said = Vec::new();
            log.read_to_end(&mut said)?;
            Ok::<_, std::io::Error>(String::from_utf8_lossy(&said).into_owned())
        };
        read().unwrap_or_default()
    }
}

/// What `creneau verify` says of a directory that nobody uses.
#[derive(Debug)]
pub(super) struct Verified {
    pub(super) ended: Ended,
    pub(super) report: Option<Value>,
}

impl Verified {
    pub(super) fn is_sound(&self) -> bool {
        self.ended.status.success()
    }

    /// The first faults, or what it said in place of a report.
    pub(super) fn findings(&self) -> Vec<String> {
        let faults = self.report.as_ref().and_then(|it| it.get("faults")?.as_array().cloned());
        match faults {
            Some(faults) => faults.iter().take(20).map(Value::to_string).collect(),
            None => vec![format!("{}: {}", self.ended.status, self.ended.last_line())],
        }
    }
}

/// Runs `creneau verify`.
pub(super) async fn verify(binary: &Path, data: &Path) -> Result<Verified, String> {
    let mut command = Command::new(binary);
    command.args(["verify", "--json", "--data"]).arg(data);
    command.stdin(Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(VERIFY_WITHIN, command.output()).await;
    let output = output.map_err(|_| "creneau verify does not come to an end")?;
    let output = output.map_err(|error| error.to_string())?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let report = serde_json::from_slice(&output.stdout).ok();
    Ok(Verified { ended: Ended { status: output.status, said }, report })
}
