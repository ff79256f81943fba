//! `creneau health`: asks a server whether it is ready, for containers and scripts without curl.

use std::time::Duration;

use hyper::body::Bytes;
use hyper::{Method, StatusCode};
use serde_json::Value;

use super::{Failure, answer, block_on, hosting, logged, trust};
use crate::cli::{Health, SettingsArgs};
use crate::remote::Remote;
use crate::settings::{self, Settings};

/// How long a server may take to answer. One that takes longer is not well.
const PATIENCE: Duration = Duration::from_secs(5);

/// Prints one line, and fails where the server is not ready.
pub(crate) fn run(asked: Health) -> Result<(), Failure> {
    let server = Remote::new(&url(&asked), trust(&asked.trust)).map_err(Failure::usage)?;
    block_on(logged("warn")?, async move {
        let failed = |why| Failure::failed(format!("{}: {why}", server.url()));
        match tokio::time::timeout(PATIENCE, ask(&server)).await {
            Ok(Ok(said)) => answer(&format!("{said}\n")),
            Ok(Err(why)) => Err(failed(why)),
            Err(_) => Err(failed(format!("no answer within {} seconds", PATIENCE.as_secs()))),
        }
    })
}

/// Where the server is: as the settings of this machine say where no URL is given.
fn url(asked: &Health) -> String {
    if let Some(url) = &asked.url {
        return url.clone();
    }
    let Ok(settings) = Settings::of(settings::gather(&SettingsArgs::default())) else {
        return "http://127.0.0.1:8080".to_owned();
    };
    let scheme = hosting::scheme(settings.tls.is_some());
    let listen = settings.listen.replace("0.0.0.0:", "127.0.0.1:").replace("[::]:", "[::1]:");
    format!("{scheme}://{listen}")
}

/// What the server says when it is ready, otherwise why it is not.
async fn ask(server: &Remote) -> Result<String, String> {
    let answer = server.send(Method::GET, "/readyz", "", Bytes::new()).await?;
    if answer.status == StatusCode::OK {
        return Ok(said(&answer.body));
    }
    let detail = answer.text("detail");
    Err(format!("not ready: {} {detail}", answer.status).trim_end().to_owned())
}

/// `ready`, with the checks that warn.
fn said(body: &Value) -> String {
    let checks = body.get("checks").and_then(Value::as_array);
    let details = checks.into_iter().flatten().filter_map(|check| check.get("detail")?.as_str());
    let mut said = "ready".to_owned();
    for detail in details {
        said += "; ";
        said += detail;
    }
    said
}
