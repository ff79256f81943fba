//! Whether the server lives, whether it takes requests, and which one it is.

use std::time::Duration;

use hyper::{StatusCode, header};
use serde::Serialize;
use utoipa::ToSchema;

use super::answer::{self, Response};
use super::metrics::{self, Form};
use super::problem::{Code, More, Problem};
use super::readiness::Check;
use super::request::Asked;
use super::watch::Watch;

/// When to look again whether bookings are taken.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// That the process answers.
#[derive(Serialize, ToSchema)]
pub(super) struct Health {
    #[schema(pattern = "^alive$")]
    status: &'static str,
}

/// Whether bookings are taken, and what was looked at.
#[derive(Serialize, ToSchema)]
pub(super) struct Readiness {
    #[schema(pattern = "^ready$")]
    status: &'static str,
    checks: Vec<Check>,
}

/// Which server it is.
#[derive(Serialize, ToSchema)]
pub(super) struct Version {
    #[schema(pattern = "^creneau$")]
    name: &'static str,
    version: &'static str,
}

/// The process answers. An engine that has failed shows in `/readyz`, and ends the process.
pub(super) fn livez(asked: &Asked) -> Result<Response, Problem> {
    asked.query(&[])?;
    Ok(answer::json(StatusCode::OK, &Health { status: "alive" }))
}

/// Whether bookings are taken; if not, which checks say so.
pub(super) async fn readyz(watch: &Watch, asked: &Asked) -> Result<Response, Problem> {
    asked.query(&[])?;
    let checks = watch.checks().await;
    if !checks.iter().any(Check::fails) {
        return Ok(answer::json(StatusCode::OK, &Readiness { status: "ready", checks }));
    }
    let failing: Vec<Check> = checks.into_iter().filter(Check::fails).collect();
    let details: Vec<_> = failing.iter().filter_map(|check| check.detail.as_deref()).collect();
    let detail = details.join("; ");
    Err(Problem::new(Code::Unavailable, detail)
        .with(More::Checks { checks: failing })
        .retry_after(RETRY_AFTER))
}

/// What is counted, for Prometheus.
pub(super) async fn metrics(watch: &Watch, asked: &Asked) -> Result<Response, Problem> {
    asked.query(&[])?;
    let form = Form::of(asked.headers.get(header::ACCEPT));
    match metrics::scrape(watch, form).await {
        Ok(text) => Ok(answer::text(text, form.content_type())),
        Err(error) => {
            tracing::error!(%error, "the metrics could not be written");
            Err(Problem::new(Code::Internal, "the metrics could not be written"))
        }
    }
}

/// What every operation but those above is told while there is no engine yet.
pub(super) fn starting() -> Problem {
    let detail = "the server is starting: come back after Retry-After seconds";
    Problem::new(Code::Unavailable, detail).retry_after(RETRY_AFTER)
}

pub(super) fn version(asked: &Asked) -> Result<Response, Problem> {
    asked.query(&[])?;
    let version = Version { name: "creneau", version: env!("CARGO_PKG_VERSION") };
    Ok(answer::json(StatusCode::OK, &version))
}
