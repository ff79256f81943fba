//! `creneau serve`.

use std::time::Duration;

use creneau::Config;

use super::{Failure, block_on, hosting, opening};
use crate::cli::Serve;

/// Serves until a signal asks to leave.
pub(crate) fn run(asked: Serve) -> Result<(), Failure> {
    block_on("info", serve(asked))
}

async fn serve(asked: Serve) -> Result<(), Failure> {
    let mut config = match &asked.data {
        Some(directory) => opening::durable(directory)?,
        None => Config::in_memory(),
    };
    if let Some(seconds) = asked.hold_seconds {
        config.hold = Duration::from_secs(seconds);
    }
    // The port first: where it is taken, the directory need not be touched.
    let listener = hosting::bind(&asked.listen).await?;
    let in_use = "stop that server, or choose another directory with --data";
    let address = hosting::address(&listener)?;
    // A backup is asked of who has the directory.
    config.contact = Some(format!("http://{address}"));
    let start = async move |watch| {
        let engine = opening::open_watched(config, watch, in_use).await?;
        Ok((engine, format!("ready on http://{address}\n")))
    };
    hosting::host(listener, asked.data, start).await
}
