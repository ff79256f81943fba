//! `creneau backup` and `creneau restore`.

use std::path::{Path, PathBuf};

use creneau::{Error, SystemWallClock, WallClock, storage::OpenError};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::header::CONTENT_TYPE;
use hyper::{Request, StatusCode};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};

use super::{Failure, answer, block_on, log_to_stderr, opening};
use crate::cli::{Backup, Restore};

/// Bytes of a server's answer.
const ANSWER_BYTES_MAX: usize = 64 << 10;

/// Copies the journal of a directory, whether or not a server uses it.
pub(crate) fn run(asked: Backup) -> Result<(), Failure> {
    block_on("warn", back_up(asked))
}

async fn back_up(asked: Backup) -> Result<(), Failure> {
    let to = absolute(&asked.to)?;
    let last = match &asked.server {
        Some(server) => by_server(server, &to).await?,
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
                by_server(&server, &to).await?
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
async fn by_server(server: &str, to: &Path) -> Result<u64, Failure> {
    let failed = |why: String| Failure::failed(format!("{server}: {why}"));
    let http: Client<HttpConnector, Full<Bytes>> =
        Client::builder(TokioExecutor::new()).build(HttpConnector::new());
    let body = json!({ "to": to }).to_string();
    let request = Request::post(format!("{}/v1/backup", server.trim_end_matches('/')))
        .header(CONTENT_TYPE, "application/json")
        .body(Full::from(body))
        .map_err(|error| failed(error.to_string()))?;
    // It takes as long as it takes: where files must be copied, minutes.
    let response = http.request(request).await.map_err(|error| failed(error.to_string()))?;
    let status = response.status();
    let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
    let body = body.map_err(|error| failed(error.to_string()))?.to_bytes();
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    match body.get("last").and_then(Value::as_u64) {
        Some(last) if status == StatusCode::CREATED => Ok(last),
        _ => {
            let detail = body.get("detail").and_then(Value::as_str).unwrap_or_default();
            Err(failed(format!("answered {status} {detail}").trim_end().to_owned()))
        }
    }
}

/// Brings a backup back as a directory to serve.
pub(crate) fn restore(asked: Restore) -> Result<(), Failure> {
    log_to_stderr("warn")?;
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
