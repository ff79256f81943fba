//! A backup of the journal, asked for on this machine.

use std::path::PathBuf;

use creneau::Error;
use hyper::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::answer::{self, Response};
use super::app::App;
use super::problem::{Code, Problem};
use super::refusal;
use super::request::Asked;

/// Where a backup is to be written.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = BackupRequest)]
pub(super) struct BackupAsked {
    /// An absolute path on the server's machine, where nothing is yet.
    #[schema(value_type = String, pattern = "^/")]
    to: PathBuf,
}

/// A backup that is whole.
#[derive(Serialize, ToSchema)]
#[schema(as = Backup)]
pub(super) struct BackupBody {
    #[schema(value_type = String)]
    to: PathBuf,
    /// The last entry that is in it.
    last: u64,
}

/// It writes where the request says, with the rights of the server: so the request must come from
/// this machine, and say that it is JSON, which no page in a browser can without being asked.
pub(super) async fn take(app: &App, asked: &Asked) -> Result<Response, Problem> {
    asked.query(&[])?;
    // What a proxy on this machine hands on comes from anywhere.
    let handed_on = ["forwarded", "via", "x-forwarded-for", "x-real-ip"];
    if !asked.local || handed_on.iter().any(|name| asked.headers.contains_key(*name)) {
        let detail = "a backup is only taken for who asks on the server's own machine";
        return Err(Problem::new(Code::Forbidden, detail));
    }
    if !asked.headers.contains_key(hyper::header::CONTENT_TYPE) {
        let detail = "the Content-Type must be application/json";
        return Err(Problem::new(Code::UnsupportedMediaType, detail));
    }
    let BackupAsked { to } = asked.json()?;
    if !to.is_absolute() {
        return Err(Problem::invalid("to", "must be an absolute path"));
    }
    match app.engine.back_up(to.clone()).await {
        Ok(last) => Ok(answer::json(StatusCode::CREATED, &BackupBody { to, last })),
        Err(Error::Backup(error)) => Err(Problem::new(Code::BackupFailed, error.to_string())),
        Err(error) => Err(refusal::failed(&error)),
    }
}
