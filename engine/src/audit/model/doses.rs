//! What the model makes of doses.

use std::collections::BTreeMap;

use super::{Known, Model, Seen, hash};
use crate::audit::derived::{DoseTallies, keep_dose_rows};
use crate::audit::report::{FaultKind, Faults};
use crate::booking::Event;
use crate::journal::Sequence;

/// Rows about doses, as they are.
#[derive(Debug, Default)]
pub(super) struct DoseRows {
    rows: BTreeMap<Vec<u8>, Vec<u8>>,
    tallies: DoseTallies,
}

impl Model {
    /// Judges what an entry does to doses, and takes it in. Behind a hole nobody knows who has
    /// which.
    pub(super) fn dosed(&mut self, sequence: Sequence, events: &[Event], faults: &mut Faults) {
        if let Err(what) = self.doses.take(sequence, events)
            && self.gap == 0
        {
            faults.add(FaultKind::Dose, sequence, what);
        }
        let DoseRows { rows, tallies } = &mut self.dose_rows;
        let changed = keep_dose_rows(sequence, events, rows, tallies);
        for key in changed {
            let value = rows.get(&key).map(|value| hash(&[value]));
            self.register.insert(key, (sequence, value));
        }
    }

    /// A booking has another dose, and is otherwise as it was.
    pub(super) fn redosed(&mut self, seen: &Seen<'_>, faults: &mut Faults) {
        let Seen { sequence, at, booking } = *seen;
        let Some(known) = self.certain(booking.id) else {
            if self.gap == 0 {
                let what = format!("{} has another dose, and was not there", booking.id);
                faults.add(FaultKind::NotLive, sequence, what);
            }
            return;
        };
        let now = Known::new(booking, known.state, at, sequence);
        let same = (now.calendar, now.span, now.person, now.reason, now.version)
            == (known.calendar, known.span, known.person, known.reason, known.version);
        if !same || !known.state.occupies() {
            let what = format!("{} has another dose, and was {:?}", booking.id, known.state);
            faults.add(FaultKind::NotLive, sequence, what);
        }
        self.leave(booking.id);
        self.lie(booking.id, Known { guards: known.guards, ..now }, faults);
    }
}
