//! What happens by itself: holds end, rows are written behind, calendars are kept and put to
//! sleep, a write that hangs is given up, and a wall clock that jumps is reported.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::admission::Share;
use super::calendar_actor::Message;
use super::commit::{Fault, StopsOnPanic};
use super::directory::Directory;
use super::following;
use super::shared::Shared;
use super::sync::{self, oneshot, watch};
use crate::error::Error;
use crate::ids::CalendarId;
use crate::journal::Sequence;
use crate::limits::CLOCK_JUMP_MS;
use crate::planted::{self, Bug};
use crate::storage::{Mutation, StoreError, Table};
use crate::time::WallClock;

/// Milliseconds between two rounds of writing behind.
const ROUND_MS: u64 = 100;

/// Rounds between two looks at the clock and at idle calendars.
const ROUNDS_PER_LOOK: u64 = 10;

/// Calendars that one round asks to keep their state.
const CHECKPOINTS_PER_ROUND: usize = 256;

/// Calendars whose holds are ended at the same time.
const EXPIRIES_AT_ONCE: usize = 256;

/// Milliseconds after which an expiry that could not be done is tried again.
const EXPIRY_RETRY_MS: i64 = 200;

/// The form of the store's rows. One that this version does not know is dropped and rebuilt.
pub(crate) const STORE_FORM: u64 = 7;

/// Where [`write_progress`] keeps how far the store has come.
pub(crate) const PROGRESS_KEY: &[u8] = b"progress";

/// A row that says how far the store has come.
pub(crate) fn write_progress(indexed: Sequence, kept: Sequence, latest: Sequence) -> Mutation {
    let value = [STORE_FORM, indexed, kept, latest].map(u64::to_le_bytes).concat();
    Mutation { table: Table::Meta, key: PROGRESS_KEY.to_vec(), value: Some(value) }
}

/// Runs until `stop` changes.
pub(crate) struct Upkeep {
    pub(crate) shared: Arc<Shared>,
    pub(crate) directory: Arc<Directory>,
    pub(crate) wall: Arc<dyn WallClock>,
    pub(crate) stop: watch::Receiver<bool>,
}

impl Upkeep {
    /// Starts all of it on the host's runtime.
    pub(crate) fn start(self) {
        let Self { shared, directory, wall, stop } = self;
        let queue = shared.queue.clone();
        let run = |work: Pin<Box<dyn Future<Output = ()> + Send>>| {
            sync::spawn(until(stop.clone(), StopsOnPanic(queue.clone()), work));
        };
        run(Box::pin(end_holds(shared.clone(), directory.clone())));
        run(Box::pin(write_behind(shared.clone(), directory)));
        run(Box::pin(watch_over(shared, wall)));
    }
}

async fn until(
    mut stop: watch::Receiver<bool>,
    _stops: StopsOnPanic,
    work: impl Future<Output = ()>,
) {
    sync::select! {
        biased;
        _ = stop.wait_for(|stopped| *stopped) => {}
        () = work => {}
    }
}

/// Has calendars end the holds whose time has come.
async fn end_holds(shared: Arc<Shared>, directory: Arc<Directory>) {
    loop {
        let due: Vec<_> = shared.deadlines.due(&shared.clock).await.into_iter().collect();
        for some in due.chunks(EXPIRIES_AT_ONCE) {
            let expiries: Vec<_> = some
                .iter()
                .map(|id| (*id, sync::spawn(expire(directory.clone(), *id, Share::Engine))))
                .collect();
            for (id, expiry) in expiries {
                if !matches!(expiry.await, Ok(Ok(()))) && shared.check().is_ok() {
                    shared.deadlines.add(shared.now().plus_ms(EXPIRY_RETRY_MS), id);
                }
            }
        }
    }
}

/// Has one calendar end what is due; done when that is durable. Who asks because of a request does
/// so as for a hold, so that looking does not fill the mailbox.
pub(crate) async fn expire(
    directory: Arc<Directory>,
    id: CalendarId,
    share: Share,
) -> Result<(), Error> {
    let (entry, permit) = match directory.admit(id, share) {
        // Trying again would not help until a restart.
        Err(Error::CalendarUnavailable) => return Ok(()),
        admitted => admitted?,
    };
    let (reply, done) = oneshot::channel();
    directory.send(&entry, Message::Expire(permit, reply)).await?;
    done.await.map(|_| ()).map_err(|_| Error::OutcomeUnknown)
}

/// Writes rows behind the journal, keeps the state of calendars, and puts idle ones to sleep.
async fn write_behind(shared: Arc<Shared>, directory: Arc<Directory>) {
    let mut written = (0, 0);
    for round in 1u64.. {
        sync::sleep(Duration::from_millis(ROUND_MS)).await;
        match flush(&shared, &directory, written).await {
            Ok(progress) => {
                written = progress;
                shared.meters.kept.store(progress.1, Ordering::Relaxed);
            }
            // Nothing is lost, but nothing gets shorter either.
            Err(error) => {
                shared.meters.behind_failures.fetch_add(1, Ordering::Relaxed);
                tracing::error!(%error, "failed to write derived rows");
            }
        }
        keep_oldest(&shared, &directory);
        if round % ROUNDS_PER_LOOK == 0 {
            shared.index.names().tell_time(shared.now());
            shared.index.rows().store().tell_time(shared.now().millis());
            if following::has_room(&shared)
                && let Err(error) = following::catch_up(&shared).await
            {
                tracing::error!(%error, "failed to follow what happens");
            }
            let idle_ms = i64::try_from(shared.config.idle.as_millis()).unwrap_or(i64::MAX);
            let idle_since = shared.now().plus_ms(-idle_ms);
            for entry in directory.idle_since(idle_since) {
                directory.retire(&entry).await;
            }
        }
    }
}

/// Writes everything that the store does not have yet.
pub(crate) async fn flush(
    shared: &Arc<Shared>,
    directory: &Arc<Directory>,
    written: (Sequence, Sequence),
) -> Result<(Sequence, Sequence), StoreError> {
    let (shared, directory) = (shared.clone(), directory.clone());
    let blocks = shared.blocks;
    let write = move || {
        // In this order: what becomes durable after `indexed` was read may or may not be written,
        // and is replayed; what became dirty before it is seen in the directory.
        let indexed = shared.queue.progress().durable;
        let dirty = directory.oldest_dirty().filter(|_| !planted::is(Bug::ProgressAhead));
        let kept = dirty.map_or(indexed, |since| indexed.min(since.saturating_sub(1)));
        let rows = shared.index.rows();
        if rows.len() != 0 || written != (indexed, kept) {
            let latest = || shared.queue.progress().durable;
            rows.flush(|| vec![write_progress(indexed, kept, latest())])?;
        }
        Ok((indexed, kept))
    };
    if !blocks {
        return write();
    }
    let write = tokio::task::spawn_blocking(write).await;
    write.map_err(|error| StoreError(error.to_string()))?
}

/// Asks the calendars that have gone longest without it to keep their state, so that a start has
/// little to replay.
fn keep_oldest(shared: &Shared, directory: &Arc<Directory>) {
    let durable = shared.queue.progress().durable;
    let limit = durable.saturating_sub(shared.config.replay_max / 2);
    for entry in directory.dirty_before(limit, CHECKPOINTS_PER_ROUND) {
        directory.checkpoint(&entry);
    }
}

/// Gives up a write that hangs, and reports a wall clock that jumps.
async fn watch_over(shared: Arc<Shared>, wall: Arc<dyn WallClock>) {
    let mut apart = 0;
    loop {
        sync::sleep(Duration::from_millis(ROUND_MS * ROUNDS_PER_LOOK)).await;
        let hangs = shared.queue.writing_for(&shared.clock);
        let hangs = hangs.filter(|_| !planted::is(Bug::HangIgnored));
        if hangs.is_some_and(|hangs| shared.config.write_timeout < hangs) {
            tracing::error!("a write hangs: nothing is acknowledged any more");
            shared.reader.give_up();
            shared.queue.stop(Fault::OutcomeUnknown, Fault::Failed);
        }
        let difference = wall.now().millis().saturating_sub(shared.now().millis());
        shared.meters.clock_ahead_ms.store(difference, Ordering::Relaxed);
        if CLOCK_JUMP_MS < (difference - apart).abs() {
            tracing::warn!(difference_ms = difference, "the wall clock jumped; it is not followed");
            apart = difference;
        }
    }
}
