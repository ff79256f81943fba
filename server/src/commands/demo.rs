//! `creneau demo`.

use creneau::{Config, Engine};

use super::{Failure, block_on, hosting, logged, opening};
use crate::cli::{Demo, Listen};
use crate::demo::{self, Guide};
use crate::http::Options;

/// Serves fresh calendars until a signal asks to leave.
pub(crate) fn run(asked: Demo) -> Result<(), Failure> {
    // What can be tried fills the screen; the log shall not push it away.
    block_on(logged("warn")?, serve(asked))
}

async fn serve(asked: Demo) -> Result<(), Failure> {
    let Listen { listen, insecure } = &asked.listen;
    let options = Options::default();
    let listener = hosting::bind(listen, &options, *insecure).await?;
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
    let url = hosting::url(&listener, &options)?;
    let start = async move |watch| {
        let engine = opening::open_watched(config, watch, "start again").await?;
        let shown = show(&engine, url).await?;
        Ok((engine, shown))
    };
    hosting::host(listener, options, Some(directory.path().to_owned()), start).await
}

/// Makes the calendars, and gives what the screen shows.
async fn show(engine: &Engine, server: String) -> Result<String, Failure> {
    let failed = |error| Failure::failed(format!("failed to make the calendars: {error}"));
    let shown = demo::set_up(engine).await.map_err(failed)?;
    let first = shown.first().ok_or_else(|| failed("there is none".to_owned()))?;
    let guide = Guide::find(engine, server.clone(), first).await.map_err(failed)?;
    Ok(format!("{}\nready on {server}\n", demo::guide(&guide, &shown)))
}
