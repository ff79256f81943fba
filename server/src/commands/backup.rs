//! `creneau backup` and `creneau restore`.

use std::path::{Path, PathBuf};

use creneau::{Error, SystemWallClock, WallClock, storage::OpenError};
use hyper::body::Bytes;
use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use super::{Failure, answer, block_on, log_to_stderr, logged, opening, remote};
use crate::cli::{Backup, Restore, TrustArgs};

/// Copies the journal of a directory, whether or not a server uses it.
pub(crate) fn run(asked: Backup) -> Result<(), Failure> {
    block_on(logged("warn")?, back_up(asked))
}

async fn back_up(asked: Backup) -> Result<(), Failure> {
    let to = absolute(&asked.to)?;
    let last = match &asked.server {
        Some(server) => by_server(server, &asked.trust, &to).await?,
        None => match opening::back_up(&asked.data, &to) {
            Ok(last) => last,
            Err(Error::Open(OpenError::Directory { why, .. })) if why.contains("in use by") => {
                let server = opening::contact(&asked.data).ok_or_else(|| {
                    Failure::failed(format!(
                        "{} is in use by a process that does not say how to reach it; stop it, or \
                         name its URL with --server",
                        asked.data.display()
                    ))
                })?;
                by_server(&server, &asked.trust, &to).await?
            }
            Err(error) => return Err(Failure::failed(error.to_string())),
        },
    };
    answer(&format!("backed up to {}, up to entry {last}\n", to.display()))
}

fn absolute(path: &Path) -> Result<PathBuf, Failure> {
    std::path::absolute(path)
        .map_err(|error| Failure::usage(format!("--to {}: {error}", path.display())))
}

/// Has the server that uses the directory copy it.
async fn by_server(server: &str, trust: &TrustArgs, to: &Path) -> Result<u64, Failure> {
    let server = remote(server, trust)?;
    let body = Bytes::from(json!({ "to": to }).to_string());
    // It takes as long as it takes: where files must be copied, minutes.
    let answer = server.send(Method::POST, "/v1/backup", "", body).await;
    let answer = answer.map_err(|error| Failure::failed(format!("{}: {error}", server.url())))?;
    match answer.body.get("last").and_then(Value::as_u64) {
        Some(last) if answer.status == StatusCode::CREATED => Ok(last),
        _ => Err(Failure::failed(server.unexpected(&answer))),
    }
}

/// Brings a backup back as a directory to serve.
pub(crate) fn restore(asked: Restore) -> Result<(), Failure> {
    log_to_stderr(&logged("warn")?)?;
    let report = opening::restore(&asked.from, &asked.to, SystemWallClock.now())
        .map_err(|error| Failure::failed(error.to_string()))?;
    answer(&format!(
        "restored to {}, sound: {} entries up to {}, {} calendars, {} appointments\n",
        asked.to.display(),
        report.entries,
        report.last,
        report.calendars,
        report.appointments_booked
    ))
}
