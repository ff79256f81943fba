//! The change feed: durable entries in order, for whoever follows.
//!
//! It reads the journal up to the watermark. A slow reader slows only itself: nothing is queued
//! for it.

use std::collections::VecDeque;
use std::sync::Arc;

use super::commit::Progress;
use super::sync::watch;
use crate::booking::Event;
use crate::error::Error;
use crate::journal::{Entry, Frame, JournalReader, ReadError, Sequence};
use crate::planted::{self, Bug};

/// Bytes of the journal that a reader takes at once.
const READ_BYTES: usize = 256 << 10;

/// What one command changed.
#[derive(Clone, Debug, PartialEq)]
pub struct FeedEntry {
    /// Its position. A reader that has seen it goes on after it.
    pub sequence: Sequence,
    /// What happened, in order.
    pub events: Vec<Event>,
}

/// A reader of the change feed.
pub struct Feed {
    reader: Arc<dyn JournalReader>,
    progress: watch::Receiver<Progress>,
    after: Sequence,
    read: VecDeque<FeedEntry>,
}

impl Feed {
    pub(crate) fn new(
        reader: Arc<dyn JournalReader>,
        progress: watch::Receiver<Progress>,
        after: Sequence,
    ) -> Self {
        Self { reader, progress, after, read: VecDeque::new() }
    }

    /// The next entry; waits for it at the watermark. None once the engine was shut down or has
    /// failed and everything durable was read.
    ///
    /// Dropping the future loses nothing.
    ///
    /// # Errors
    ///
    /// [`Error::Journal`] when the journal could not be read.
    pub async fn next(&mut self) -> Result<Option<FeedEntry>, Error> {
        loop {
            if let Some(entry) = self.read.pop_front() {
                self.after = entry.sequence;
                return Ok(Some(entry));
            }
            let progress = *self.progress.borrow_and_update();
            if self.after < progress.durable {
                self.fetch(progress.durable)?;
                continue;
            }
            if progress.stopped.is_some() || self.progress.changed().await.is_err() {
                return Ok(None);
            }
        }
    }

    fn fetch(&mut self, durable: Sequence) -> Result<(), Error> {
        let at = self.after + 1;
        let damaged = |what: String| ReadError::Damaged { at, what };
        let frames = self.reader.read(at, READ_BYTES)?;
        if frames.is_empty() {
            return Err(damaged("it ends before the watermark".to_owned()).into());
        }
        for bytes in frames {
            let frame = Frame::parse(&bytes).map_err(|error| damaged(error.to_string()))?;
            for (sequence, payload) in frame.entries() {
                let first = self.after + u64::from(planted::is(Bug::FeedSkips));
                if first < sequence && (sequence <= durable || planted::is(Bug::FeedAhead)) {
                    let Entry { events, .. } =
                        frame.decode(payload).map_err(|error| damaged(error.to_string()))?;
                    self.read.push_back(FeedEntry { sequence, events });
                }
            }
        }
        Ok(())
    }
}
