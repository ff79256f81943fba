//! `creneau serve`.

use creneau::Config;

use super::{Failure, block_on, hosting, opening, options_of, settle};
use crate::cli::Serve;
use crate::settings::Settings;

/// Serves until a signal asks to leave.
pub(crate) fn run(asked: &Serve) -> Result<(), Failure> {
    let settings = settle(&asked.settings)?;
    block_on(settings.log.clone(), serve(settings))
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
    let contact = Some(hosting::url_here(&listener, &options)?);
    let config = Config { place, contact, ..settings.engine };
    let start = async move |watch| {
        let in_memory = config.place == creneau::Place::Memory;
        let engine = opening::open_watched(config, watch, in_use).await?;
        if in_memory {
            tracing::warn!("everything is kept in memory: it is gone with this process");
        }
        Ok((engine, format!("ready on {url}\n")))
    };
    hosting::host(listener, options, settings.data, start).await
}
