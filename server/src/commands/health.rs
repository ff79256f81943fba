//! `creneau health`: asks a server whether it is ready, for containers and scripts without curl.

use std::time::Duration;

use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper::{Request, StatusCode};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

use super::{Failure, answer, block_on};
use crate::cli::Health;

/// How long a server may take to answer. One that takes longer is not well.
const PATIENCE: Duration = Duration::from_secs(5);

/// Bytes of the answer.
const ANSWER_BYTES_MAX: usize = 64 << 10;

/// Prints one line, and fails where the server is not ready.
pub(crate) fn run(asked: Health) -> Result<(), Failure> {
    block_on("warn", async move {
        let url = asked.url.trim_end_matches('/');
        match tokio::time::timeout(PATIENCE, ask(url)).await {
            Ok(Ok(said)) => answer(&format!("{said}\n")),
            Ok(Err(why)) => Err(Failure::failed(format!("{url}: {why}"))),
            Err(_) => {
                let seconds = PATIENCE.as_secs();
                Err(Failure::failed(format!("{url}: no answer within {seconds} seconds")))
            }
        }
    })
}

/// What the server says when it is ready, otherwise why it is not.
async fn ask(url: &str) -> Result<String, String> {
    let http: Client<HttpConnector, Empty<Bytes>> =
        Client::builder(TokioExecutor::new()).build(HttpConnector::new());
    let request = Request::get(format!("{url}/readyz")).body(Empty::new());
    let request = request.map_err(|error| error.to_string())?;
    let response = http.request(request).await.map_err(|error| cause(&error))?;
    let status = response.status();
    let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
    let body = body.map_err(|error| error.to_string())?.to_bytes();
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    if status == StatusCode::OK {
        return Ok(said(&body));
    }
    let detail = body.get("detail").and_then(Value::as_str).unwrap_or_default();
    Err(format!("not ready: {status} {detail}").trim_end().to_owned())
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

/// The first cause of an error, which says more than the error.
fn cause(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => cause(source),
        None => error.to_string(),
    }
}
