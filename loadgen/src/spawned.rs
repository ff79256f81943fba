//! An own server: started, killed where the scenario says so, started again, and ended by its id.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Child;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

use crate::clock::Clock;
use crate::tether::{self, Keeper};

/// How long a start may take; a journal is replayed in it.
const READY_WITHIN: Duration = Duration::from_secs(120);

/// How long an orderly end may take: the server allows itself 10 and 30 seconds.
const END_WITHIN: Duration = Duration::from_secs(60);

/// How a server is started.
#[derive(Clone, Debug)]
pub(crate) struct Start {
    /// The binary `creneau`.
    pub(crate) binary: PathBuf,
    /// Its `--data`.
    pub(crate) data: PathBuf,
    pub(crate) hold_seconds: Option<u64>,
    /// Further arguments of `creneau serve`.
    pub(crate) more: Vec<String>,
}

/// What happened to a server.
#[derive(Clone, Debug, Default)]
pub(crate) struct Life {
    pub(crate) kills: u64,
    /// The slowest start after a kill, in milliseconds.
    pub(crate) slowest_start_ms: u64,
    /// What should not have happened.
    pub(crate) troubles: Vec<String>,
}

/// A server that is owned.
pub(crate) struct Spawned {
    start: Start,
    child: Child,
    /// Dropped after the child, which would be killed otherwise.
    keeper: Keeper,
    address: watch::Sender<Option<SocketAddr>>,
    secure: bool,
}

/// A server that is killed again and again until that is stopped.
pub(crate) struct Killing {
    stop: oneshot::Sender<()>,
    task: JoinHandle<(Spawned, Life)>,
}

impl Killing {
    /// Kills no more, and gives the server back, which runs.
    ///
    /// # Errors
    ///
    /// When the task that did it has failed.
    pub(crate) async fn stop(self) -> Result<(Spawned, Life), String> {
        let _ = self.stop.send(());
        self.task.await.map_err(|error| error.to_string())
    }
}

/// The binary `creneau`: the one that was named, or beside this one, or in PATH.
///
/// # Errors
///
/// Where it was looked for in vain.
pub(crate) fn find_binary(named: Option<&Path>) -> Result<PathBuf, String> {
    if let Some(named) = named {
        let there = named.is_file();
        return if there { Ok(named.to_owned()) } else { Err(format!("{named:?} is no file")) };
    }
    let own = std::env::current_exe().ok();
    let beside = own.iter().filter_map(|own| own.parent()).map(|folder| folder.join("creneau"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let in_path = std::env::split_paths(&path).map(|folder| folder.join("creneau"));
    beside.chain(in_path).find(|binary| binary.is_file()).ok_or_else(|| {
        "there is no binary creneau beside this one or in PATH; name it with --server-binary"
            .to_owned()
    })
}

impl Spawned {
    /// Starts a server and waits until it is ready.
    ///
    /// # Errors
    ///
    /// Why it is not.
    pub(crate) async fn start(start: Start) -> Result<Self, String> {
        let keeper = Keeper::start().map_err(|error| error.to_string())?;
        let (child, Ready { address, secure }) = launch(&keeper, &start).await?;
        Ok(Self { start, child, keeper, address: watch::Sender::new(Some(address)), secure })
    }

    /// Its process, while it runs.
    pub(crate) fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Has the system prefer everybody else, so that what waits for the processor waits in the
    /// server and not in its clients.
    ///
    /// # Errors
    ///
    /// Why that cannot be.
    pub(crate) fn step_back(&self, by: i32) -> Result<(), String> {
        let id = self.child.id().and_then(|id| i32::try_from(id).ok());
        let id = id.and_then(rustix::process::Pid::from_raw).ok_or("the server has gone")?;
        let own = rustix::process::getpriority_process(None).map_err(|error| error.to_string())?;
        // It leads a group of its own, and of a group each thread is meant.
        rustix::process::setpriority_pgrp(Some(id), own + by).map_err(|error| error.to_string())
    }

    /// Whether it has ended by itself.
    pub(crate) fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// The host to which it must prove itself, where it speaks TLS.
    pub(crate) fn secure(&self) -> Option<String> {
        let address = *self.address.borrow();
        address.filter(|_| self.secure).map(|address| address.ip().to_string())
    }

    /// Where it is.
    pub(crate) fn address(&self) -> watch::Receiver<Option<SocketAddr>> {
        self.address.subscribe()
    }

    /// Kills it every so many seconds, or only watches over it.
    pub(crate) fn kill_every(mut self, seconds: Option<u64>) -> Killing {
        let (stop, mut stopped) = oneshot::channel();
        let task = tokio::spawn(async move {
            let mut life = Life::default();
            loop {
                let wait = async {
                    match seconds {
                        Some(seconds) => tokio::time::sleep(Duration::from_secs(seconds)).await,
                        None => std::future::pending().await,
                    }
                };
                tokio::select! {
                    biased;
                    _ = &mut stopped => break,
                    ended = self.child.wait() => {
                        life.troubles.push(format!("the server ended by itself: {ended:?}"));
                    }
                    () = wait => life.kills += 1,
                }
                if let Err(error) = self.kill_and_start(&mut life).await {
                    life.troubles.push(format!("the server did not start again: {error}"));
                    break;
                }
            }
            (self, life)
        });
        Killing { stop, task }
    }

    async fn kill_and_start(&mut self, life: &mut Life) -> Result<(), String> {
        // Tokio's kill is SIGKILL, and it waits for the end. Nobody is told before: patients find
        // out as they would.
        let _ = self.child.kill().await;
        self.address.send_replace(None);
        let clock = Clock::start();
        let (child, Ready { address, .. }) = launch(&self.keeper, &self.start).await?;
        life.slowest_start_ms = life.slowest_start_ms.max(clock.us() / 1_000);
        self.child = child;
        self.address.send_replace(Some(address));
        Ok(())
    }

    /// Asks it to leave, and waits until it has.
    ///
    /// # Errors
    ///
    /// When it did not leave in order.
    pub(crate) async fn end(mut self) -> Result<(), String> {
        let id = self.child.id().and_then(|id| i32::try_from(id).ok());
        let id = id.and_then(rustix::process::Pid::from_raw).ok_or("the server has gone")?;
        rustix::process::kill_process(id, rustix::process::Signal::TERM)
            .map_err(|error| error.to_string())?;
        match tokio::time::timeout(END_WITHIN, self.child.wait()).await {
            Ok(Ok(status)) if status.success() => Ok(()),
            Ok(Ok(status)) => Err(format!("the server left with {status}")),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => {
                let _ = self.child.kill().await;
                Err("the server did not leave in time and was killed".to_owned())
            }
        }
    }
}

/// What a server says of itself once it can take bookings.
struct Ready {
    address: SocketAddr,
    secure: bool,
}

impl Ready {
    /// None of a line that says something else.
    fn of(line: &str) -> Option<Result<Self, String>> {
        let url = line.strip_prefix("ready on ")?;
        let (scheme, address) = url.split_once("://")?;
        let secure = match scheme {
            "http" => false,
            "https" => true,
            _ => return None,
        };
        let address = address.trim().parse().map_err(|error| format!("{line}: {error}"));
        Some(address.map(|address| Self { address, secure }))
    }
}

/// Starts the process and reads the line that says where it is.
async fn launch(keeper: &Keeper, start: &Start) -> Result<(Child, Ready), String> {
    let mut command = tether::command(&start.binary);
    command.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(&start.data);
    if let Some(seconds) = start.hold_seconds {
        command.args(["--hold-seconds", &seconds.to_string()]);
    }
    command.args(&start.more);
    // Its log would tear the view, and an interrupt at the terminal is for the generator alone.
    command.env("CRENEAU_LOG", "error").stdin(Stdio::null()).stdout(Stdio::piped());
    command.process_group(0).kill_on_drop(true);
    let failed = |error| format!("failed to start {}: {error}", start.binary.display());
    let mut child = keeper.spawn(command).await.map_err(failed)?;
    let out = child.stdout.take().ok_or("its output cannot be read")?;
    let mut lines = BufReader::new(out).lines();
    let ready = async {
        while let Ok(Some(line)) = lines.next_line().await {
            if let Some(ready) = Ready::of(&line) {
                return ready;
            }
        }
        Err("the server ended before it was ready".to_owned())
    };
    match tokio::time::timeout(READY_WITHIN, ready).await {
        Ok(ready) => Ok((child, ready?)),
        Err(_) => Err("the server was not ready in time".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_says_where_it_is_and_whether_it_speaks_tls() {
        let ready = |line| Ready::of(line).map(|it| it.map(|it| (it.address.port(), it.secure)));
        assert_eq!(ready("ready on http://127.0.0.1:80"), Some(Ok((80, false))));
        assert_eq!(ready("ready on https://127.0.0.1:443"), Some(Ok((443, true))));
        assert_eq!(ready("what to try next"), None);
        assert!(ready("ready on http://nowhere").unwrap().is_err());
    }
}
