//! `creneau demo`.

use creneau::{Config, Engine};

use super::hosting::{self, Leave};
use super::{Failure, answer, block_on, log_level, opening};
use crate::cli::{Demo, Listen};
use crate::demo::{self, Guide};
use crate::http::Options;

/// Serves fresh calendars until a signal asks to leave.
pub(crate) fn run(asked: Demo) -> Result<(), Failure> {
    // What can be tried fills the screen; the log shall not push it away.
    block_on(&log_level("warn"), serve(asked))
}

async fn serve(asked: Demo) -> Result<(), Failure> {
    let Listen { listen, insecure } = &asked.listen;
    let options = Options::default();
    let listener = hosting::bind(listen, &options, *insecure).await?;
    let leave = Leave::listen()?;
    // Removed when it is dropped, so after the engine.
    let directory =
        tempfile::Builder::new().prefix("creneau-demo-").tempdir().map_err(|error| {
            Failure::failed(format!("failed to make a temporary directory: {error}; set TMPDIR"))
        })?;
    let config = match opening::durable(directory.path()) {
        Ok(config) => config,
        Err(failure) => {
            tracing::warn!("nothing is kept on disk: {}", failure.message);
            Config::in_memory()
        }
    };
    let engine = opening::open(config, "start again").await?;
    show(&engine, hosting::url(&listener, &options)?).await?;
    hosting::host(engine, listener, options, leave).await
}

async fn show(engine: &Engine, server: String) -> Result<(), Failure> {
    let failed = |error| Failure::failed(format!("failed to make the calendars: {error}"));
    let shown = demo::set_up(engine).await.map_err(failed)?;
    let first = shown.first().ok_or_else(|| failed("there is none".to_owned()))?;
    let guide = Guide::find(engine, server.clone(), first).await.map_err(failed)?;
    answer(&format!("{}\nready on {server}\n", demo::guide(&guide, &shown)))
}
