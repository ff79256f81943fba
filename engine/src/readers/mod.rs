//! Readers of the change feed: what is counted and listed about the past and the days to come.
//!
//! A reader is a pure fold: events in, rows out. Its rows lie in a table of the derived store, and
//! the position that they rest on is written in one batch with them. So they are exact after a
//! crash, whatever of the store it undid: the entries after the position are folded again. Rows
//! that the journal does not cover, or that have another form, are dropped and built anew.
//!
//! Nothing waits for a reader but who asks for its rows: `runtime/following.rs` runs them behind
//! the journal, up to the watermark and no further. In reading order:
//!
//! - [`rows`]: rows of the store with what has changed since, and the position.
//! - [`settings`]: what is remembered of each calendar.
//! - [`records`]: how often an appointment was changed, and which a calendar has.
//! - [`due`]: what is to be told to whom, and when.
//! - [`activity`]: what was booked, cancelled and moved, by week and reason.
//! - [`coverage`]: which doses of campaigns were given and are booked.

pub(crate) mod activity;
pub(crate) mod coverage;
pub(crate) mod due;
pub(crate) mod records;
pub(crate) mod rows;
pub(crate) mod settings;

#[cfg(test)]
mod tests;

pub(crate) use activity::Counts;
pub(crate) use due::{DueRow, Place};
pub(crate) use records::Record;
pub(crate) use rows::{Rows, drop_uncovered};

use crate::booking::{Booking, Event};
use crate::journal::Sequence;
use crate::storage::StoreError;

/// Takes an entry into the rows of all readers.
///
/// # Errors
///
/// [`StoreError`] when a row cannot be read.
pub(crate) fn take_in(
    rows: &mut Rows,
    sequence: Sequence,
    events: &[Event],
) -> Result<(), StoreError> {
    for event in events {
        // The fold has a time of its own, that of the latest event: instants of different
        // calendars may lie in another order than their entries.
        rows.position.clock = rows.position.clock.max(event.at());
        // A part is told of with what it is part of.
        if event.booking().is_some_and(Booking::is_part) {
            continue;
        }
        // What is due and what was done both ask how things stood before the event.
        // An accepted offer is a move to all of them.
        let moved = event.as_move();
        let event = moved.as_ref().unwrap_or(event);
        due::take_in(rows, sequence, event)?;
        activity::take_in(rows, event)?;
        coverage::take_in(rows, event)?;
        records::take_in(rows, event)?;
        settings::take_in(rows, event)?;
    }
    rows.position.sequence = sequence;
    Ok(())
}
