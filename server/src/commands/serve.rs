//! `creneau serve`.

use creneau::Config;

use super::hosting::{self, Leave};
use super::{Failure, answer, block_on, opening, options_of, settle};
use crate::cli::Serve;
use crate::settings::Settings;

/// Serves until a signal asks to leave.
pub(crate) fn run(asked: &Serve) -> Result<(), Failure> {
    let settings = settle(&asked.settings)?;
    let log = settings.log.clone();
    block_on(&log, serve(settings))
}

async fn serve(settings: Settings) -> Result<(), Failure> {
    let options = options_of(&settings)?;
    let place = match &settings.data {
        Some(directory) => opening::durable(directory)?.place,
        None => creneau::Place::Memory,
    };
    // The port first: where it is taken, the directory need not be touched.
    let listener = hosting::bind(&settings.listen, &options, settings.insecure).await?;
    let in_use = "stop that server, or choose another directory with --data";
    let url = hosting::url(&listener, &options)?;
    // A backup is asked of who has the directory.
    let config = Config { place, contact: Some(url.clone()), ..settings.engine };
    let engine = opening::open(config, in_use).await?;
    let leave = Leave::listen()?;
    let status = engine.status();
    tracing::info!(calendars = status.calendars, replayed = status.replayed, "opened");
    // From here on a connection is served: the port is open, and what comes waits in its queue.
    answer(&format!("ready on {url}\n"))?;
    hosting::host(engine, listener, options, leave).await
}
