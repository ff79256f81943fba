//! Whether the server lives, whether it takes requests, and which one it is.

use hyper::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::answer::{self, Response};
use super::app::App;
use super::problem::Problem;
use super::refusal;
use super::request::Asked;

/// What the server is.
#[derive(Serialize, ToSchema)]
pub(super) struct Health {
    /// `alive` or `ready`.
    #[schema(pattern = "^(alive|ready)$")]
    status: &'static str,
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

/// Bookings are taken.
pub(super) fn readyz(app: &App, asked: &Asked) -> Result<Response, Problem> {
    asked.query(&[])?;
    if app.is_ending() || app.engine.status().ready.is_err() {
        return Err(refusal::unavailable());
    }
    Ok(answer::json(StatusCode::OK, &Health { status: "ready" }))
}

pub(super) fn version(asked: &Asked) -> Result<Response, Problem> {
    asked.query(&[])?;
    let version = Version { name: "creneau", version: env!("CARGO_PKG_VERSION") };
    Ok(answer::json(StatusCode::OK, &version))
}
