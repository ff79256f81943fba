//! The audit: whether a journal keeps its promises, and whether what is derived from it fits.
//!
//! It reads every entry from the first to the last, and judges by a model of its own that shares
//! nothing with the engine: plain maps of calendars, lanes, bookings and guards, never
//! [`Calendar::apply`](crate::booking::Calendar::apply). What both had wrong in the same way would
//! stay unseen otherwise.
//!
//! # What is looked for
//!
//! - Frames that are not as they were written, a chain of hashes that is broken, sequences with a
//!   hole, entries that do not decode, a journal that ends before its mark.
//! - A lane with two bookings at once; a confirm at or after its deadline, an expiry before it; a
//!   hold that is settled without being live; an offer to who did not wait for it, or before
//!   another who did; a move from where the appointment did not lie; two
//!   live holds of a person where a guard allows one; a command that had two outcomes.
//! - Rows of the store that the journal does not explain, and rows that are not there, at the
//!   sequence up to which the store says it has come. A store that lags is in order, and so is
//!   one that is not there. The same of the rows of readers, at the entry that they have come to.
//!
//! # After damage
//!
//! The audit goes on behind a hole. What was known before it is doubtful from then on, because it
//! may have ended within the hole: it proves nothing any more, until an entry names it again. So
//! a double booking is only reported where both sides stand in entries that can be read.
//!
//! # Bounds
//!
//! Memory grows by about 250 bytes for each appointment that was ever booked, and for each hold
//! and each named command of the last 24 hours of the journal: 250 MB for a million. The rows of
//! readers, which are made again to be compared, come on top of it. Beyond that it
//! takes 4 MiB of the journal at a time, and more only where frames cannot be parsed. At most
//! [`FAULTS_LISTED_MAX`] faults are listed; all are counted.
//!
//! # Example
//!
//! ```
//! use creneau::audit::audit;
//! use creneau::storage::{Inspection, memory};
//!
//! let storage = memory::fresh();
//! let found = Inspection {
//!     journal: storage.journal.reader(),
//!     store: Some(storage.store),
//!     marked: Some(storage.marked),
//!     damage: Vec::new(),
//! };
//! let report = audit(&found, creneau::Timestamp::default());
//! assert!(report.is_sound());
//! assert_eq!(report.entries, 0);
//! ```

pub mod history;

mod derived;
pub(crate) mod doses;
mod followed;
mod lanes;
pub(crate) mod lines;
mod model;
mod report;
mod walk;
pub(crate) mod wishes;

pub use report::{Compared, FAULTS_LISTED_MAX, Fault, FaultKind, Report};

use derived::Derived;
use followed::Followed;
use model::Model;
use report::Faults;
use walk::Walk;

use crate::storage::Inspection;
use crate::time::Timestamp;

/// Audits a journal and the store beside it, of which nobody makes use meanwhile. `now` is the
/// wall clock's instant: rows that have run out by then may be gone.
///
/// It never panics over damage, and changes nothing. It blocks for as long as it reads.
#[must_use]
pub fn audit(found: &Inspection, now: Timestamp) -> Report {
    let mut faults = Faults::default();
    for what in &found.damage {
        faults.add(FaultKind::Damaged, None, what.clone());
    }
    let mut derived = Derived::new(found.store.as_deref(), now);
    let mut model = Model::new(derived.complete_to());
    let mut followed = Followed::new(found.store.as_deref());
    let mut walk = Walk::new(&mut model, &mut followed, &mut faults);
    walk.run(&*found.journal, |model, faults, first| derived.before_frame(model, faults, first));
    let (entries, last) = (walk.entries, walk.last());
    if let Some(marked) = found.marked.filter(|marked| last < *marked) {
        let what = format!("{marked} was acknowledged, but the journal ends at {last}");
        faults.add(FaultKind::Lost, last + 1, what);
    }
    let compared = derived.finish(&mut model, &mut faults, last);
    followed.finish(&mut faults, last);
    let counts = model.counts();
    Report {
        entries,
        last,
        marked: found.marked,
        calendars: counts.calendars,
        holds_live: counts.holds_live,
        appointments_booked: counts.booked,
        appointments_cancelled: counts.cancelled,
        double_bookings: faults.double_bookings,
        orphans: faults.orphans,
        compared,
        faults_total: faults.total,
        faults: faults.listed,
    }
}

#[cfg(test)]
mod tests;
