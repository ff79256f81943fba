//! A server in a process of its own: this program again, under another command.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::plan::Fallible;

/// A server that runs. It is killed where it is not finished.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Server {
    /// `creneau serve`, with holds that outlast the run.
    pub(crate) fn creneau(data: &Path) -> Fallible<Self> {
        let data = data.to_str().ok_or("the directory has a strange name")?;
        Self::start(&[
            "serve",
            "--data",
            data,
            "--listen",
            "127.0.0.1:0",
            "--hold-seconds",
            "14400",
        ])
    }

    /// Bare hyper that answers every request with what `answer` holds.
    pub(crate) fn bare(answer: &Path) -> Fallible<Self> {
        Self::start(&["bare", answer.to_str().ok_or("the file has a strange name")?])
    }

    fn start(arguments: &[&str]) -> Fallible<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(arguments)
            // The table is no place for what is no trouble.
            .env("CRENEAU_LOG", "warn")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        if let Some(out) = child.stdout.take() {
            BufReader::new(out).read_line(&mut line)?;
        }
        let address = line.trim().strip_prefix("ready on http://").map(str::parse);
        let Some(Ok(address)) = address else {
            let _ = child.kill();
            return Err(format!("{arguments:?} did not start: {line:?}").into());
        };
        Ok(Self { child, address })
    }

    /// Asks it to leave, and waits until it has.
    pub(crate) fn finish(mut self) -> Fallible<()> {
        kill_process(Pid::from_child(&self.child), Signal::TERM)?;
        let status = self.child.wait()?;
        // Bare hyper knows no better than to end by the signal.
        if status.success() || status.code().is_none() {
            return Ok(());
        }
        Err(format!("a server left with {status}").into())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
