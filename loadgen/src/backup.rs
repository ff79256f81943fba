//! A backup that is taken while patients come and go. Its beginning and its end stand in the
//! ledger, among the acknowledgements, so that an audit of the copy knows which of them precede it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use crate::clock::{Clock, wall};
use crate::ledger::Entry;
use crate::patient::World;

/// A backup that is wanted.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    /// Where to; as the server sees it.
    pub(crate) to: PathBuf,
    /// How long after the start.
    pub(crate) after: Duration,
}

/// A backup that was taken.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Backup {
    pub(crate) to: PathBuf,
    pub(crate) after_ms: u64,
    pub(crate) took_ms: u64,
    /// The last entry that is in it.
    pub(crate) last: u64,
}

/// Has it taken in its time.
///
/// # Errors
///
/// Why there is none.
pub(crate) async fn take(world: Arc<World>, wanted: Wanted) -> Result<Backup, String> {
    let World { caller, ledger, run, .. } = &*world;
    let Wanted { to, after } = wanted;
    tokio::time::sleep(after).await;
    let key = format!("{run}-backup");
    let lost = |_| "the ledger could not be written".to_owned();
    let path = to.display().to_string();
    // Synced before the backup is asked for: what stands above this line was acknowledged before.
    ledger.write(wall(), "", &key, Entry::BackupAsked { to: path }).await.map_err(lost)?;
    let (after_ms, clock) = (caller.clock.us() / 1_000, Clock::start());
    let last = caller.driver.back_up(&to).await?;
    let took_ms = clock.us() / 1_000;
    // What is asked for below this line came after.
    ledger.write(wall(), "", &key, Entry::BackupTold { last }).await.map_err(lost)?;
    Ok(Backup { to, after_ms, took_ms, last })
}
