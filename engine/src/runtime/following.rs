//! Readers of the change feed, brought up to the watermark: by and by while there is room, and at
//! once for who asks for their rows.

use std::sync::{Arc, PoisonError};

use super::shared::Shared;
use super::sync::{AtomicU64, Mutex, Ordering};
use crate::error::Error;
use crate::journal::{Entries, Sequence};
use crate::readers::{self, Rows};
use crate::storage::Store;

/// Rows that readers change before they write them.
const ROWS_PER_WRITE: usize = 16_384;

/// Requests under way from which on readers that nobody waits for give way.
const GIVES_WAY: usize = 32;

/// Entries that they may be behind by then.
const BEHIND_MAX: Sequence = 200_000;

/// Who follows.
#[derive(Default)]
pub(crate) struct Following {
    /// One at a time.
    turn: Mutex<()>,
    reached: AtomicU64,
}

/// Brings the rows up to what is durable now, and gives the store that has them.
///
/// # Errors
///
/// [`Error::Journal`] or [`Error::Store`]; then they are as they were at some entry before.
pub(crate) async fn catch_up(shared: &Arc<Shared>) -> Result<Arc<dyn Store>, Error> {
    let durable = shared.queue.progress().durable;
    let follow = {
        let shared = shared.clone();
        move || follow(&shared, durable)
    };
    if !shared.blocks {
        return follow();
    }
    let followed = tokio::task::spawn_blocking(follow).await;
    followed.map_err(|error| Error::Start(error.to_string()))?
}

/// Whether readers that nobody waits for may go on.
pub(crate) fn has_room(shared: &Shared) -> bool {
    let reached = shared.following.reached.load(Ordering::Relaxed);
    let behind = shared.queue.progress().durable.saturating_sub(reached);
    behind != 0 && (shared.admission.under_way() < GIVES_WAY || BEHIND_MAX < behind)
}

fn follow(shared: &Shared, durable: Sequence) -> Result<Arc<dyn Store>, Error> {
    let store = shared.index.rows().store().clone();
    let _one = shared.following.turn.lock().unwrap_or_else(PoisonError::into_inner);
    // Opened anew each time: a write that failed leaves nothing behind here.
    let mut rows = Rows::open(store.clone())?;
    if rows.position.sequence < durable {
        for read in Entries::after(&*shared.reader, rows.position.sequence) {
            let (sequence, entry) = read?;
            readers::take_in(&mut rows, sequence, &entry.events)?;
            if durable <= sequence {
                break;
            }
            if ROWS_PER_WRITE < rows.changed() {
                rows.write()?;
            }
        }
        rows.write()?;
    }
    shared.following.reached.store(rows.position.sequence, Ordering::Relaxed);
    drop(rows);
    Ok(store)
}
