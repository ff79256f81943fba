//! What each command does. The command line itself is read in [`crate::cli`].

pub(crate) mod backup;
pub(crate) mod config;
pub(crate) mod demo;
pub(crate) mod doctor;
pub(crate) mod export;
pub(crate) mod health;
mod hosting;
pub(crate) mod import;
pub(crate) mod logging;
mod notify;
mod opening;
pub(crate) mod serve;
pub(crate) mod token;
pub(crate) mod verify;

use std::future::Future;
use std::io::Write;
use std::time::Duration;

use logging::Log;

use crate::cli::{SettingsArgs, TrustArgs};
use crate::http::{Options, Tls, Tokens};
use crate::remote::{Remote, Trust};
use crate::settings::{self, Settings};

/// The exit status of a command that failed.
pub const EXIT_FAILED: u8 = 1;

/// The exit status of a command that was asked for in a way that cannot be.
pub const EXIT_USAGE: u8 = 2;

/// The exit status of a server whose engine has failed: nothing is acknowledged any more, and only
/// a new process can go on. It is `EX_SOFTWARE` of `sysexits.h`, so that a supervisor can tell it
/// from a server that never started.
pub const EXIT_ENGINE_FAILED: u8 = 70;

/// How long what still runs beside a command that has ended may take to end too. A thread that
/// hangs in the disk must not keep a process that has nothing left to say.
const LEAVE_WAIT: Duration = Duration::from_millis(200);

/// Why a command ends with a status that is not 0.
#[derive(Debug, PartialEq, Eq)]
pub struct Failure {
    /// The exit status.
    pub status: u8,
    /// One line for standard error that names what to do.
    pub message: String,
}

impl Failure {
    /// A failure of the command.
    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self::with(EXIT_FAILED, message)
    }

    /// A command that cannot be done as asked.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::with(EXIT_USAGE, message)
    }

    /// A failure with a status of its own, on one line whatever the message contains.
    pub(crate) fn with(status: u8, message: impl Into<String>) -> Self {
        let message = message.into();
        let lines: Vec<_> = message.split(['\n', '\r']).map(str::trim).collect();
        Self { status, message: lines.join(" ") }
    }
}

/// Runs a command on a runtime of its own.
fn block_on(log: Log, command: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::failed(format!("failed to start: {error}")))?;
    #[cfg(feature = "traces")]
    let sending = {
        let traces = crate::traces::start(runtime.handle()).map_err(Failure::usage)?;
        let (layer, sending) = traces.unzip();
        logging::start(&log, layer)?;
        sending
    };
    #[cfg(not(feature = "traces"))]
    log_to_stderr(&log)?;
    let done = runtime.block_on(command);
    #[cfg(feature = "traces")]
    if let Some(sending) = sending {
        sending.end();
    }
    runtime.shutdown_timeout(LEAVE_WAIT);
    done
}

/// The settings that a command is to use.
fn settle(asked: &SettingsArgs) -> Result<Settings, Failure> {
    Settings::of(settings::gather(asked)).map_err(|faults| {
        let faults: Vec<_> = faults.iter().map(ToString::to_string).collect();
        Failure::usage(faults.join("; "))
    })
}

/// What the HTTP part is given, with the files that the settings name.
fn options_of(settings: &Settings) -> Result<Options, Failure> {
    let tokens = settings.token_file.as_deref().map(Tokens::open).transpose();
    let tokens = tokens.map_err(|why| Failure::failed(format!("token_file {why}")))?;
    let tls = settings.tls.as_ref().map(|files| Tls::open(&files.certificate, &files.key));
    let tls = tls.transpose().map_err(|why| Failure::failed(format!("tls {why}")))?;
    Ok(Options { limits: settings.limits, tokens, tls, rates: settings.rates })
}

/// The server that a command is to ask.
fn remote(url: &str, asked: &TrustArgs) -> Result<Remote, Failure> {
    Remote::new(url, trust(asked)).map_err(|error| Failure::usage(format!("--server {error}")))
}

fn trust(TrustArgs { token_file, ca }: &TrustArgs) -> Trust<'_> {
    Trust { token_file: token_file.as_deref(), ca: ca.as_deref() }
}

/// What is logged where no settings of a server say so.
fn logged(standard: &str) -> Result<Log, Failure> {
    Log::from_environment(standard).map_err(Failure::usage)
}

/// Sends the log to standard error.
fn log_to_stderr(log: &Log) -> Result<(), Failure> {
    logging::start(log, None)
}

/// Writes an answer to standard output, at once.
fn answer(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    written.map_err(|error| Failure::failed(format!("failed to write the answer: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_one_line() {
        assert_eq!(Failure::failed("a\n  b\r\nc").message, "a b  c");
    }
}
