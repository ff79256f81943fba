//! A reservation: the claims of one request, taken in a fixed order and undone on loss.
//!
//! This engine builds three kinds of claim: slot bits first, then person guards in the order of
//! their keys, then a dose. Dropping a reservation undoes all of them; the calendar's actor
//! consumes it in the same step in which it enqueues the entry.

use std::sync::Arc;

use super::claims::{Claim, key_of};
use super::doses::DoseClaim;
use super::slot_table::Bits;
use super::view::View;
use crate::booking::{Guard, GuardScope};
use crate::ids::{CalendarId, HoldId, PersonId};
use crate::planted::{self, Bug};

/// Slot bits, claimed in one lane of one view.
pub(crate) struct SlotClaim {
    view: Arc<View>,
    pub(crate) lane: u16,
    bits: Bits,
    kept: bool,
}

impl SlotClaim {
    /// Claims `bits` in any lane of `view`.
    pub(crate) fn any_lane(view: &Arc<View>, bits: Bits, hint: u16) -> Option<Self> {
        let lane = view.table().reserve(bits, hint)?;
        Some(Self { view: view.clone(), lane, bits, kept: false })
    }

    /// Claims `bits` in one lane of `view`.
    pub(crate) fn in_lane(view: &Arc<View>, bits: Bits, lane: u16) -> Option<Self> {
        let won = view.table().reserve_in(lane, bits);
        won.then(|| Self { view: view.clone(), lane, bits, kept: false })
    }

    /// Whether it was made in this view.
    pub(crate) fn is_in(&self, view: &View) -> bool {
        self.view.generation == view.generation || planted::is(Bug::GenerationIgnored)
    }

    /// Leaves the bits set: from now on only `apply` clears them.
    pub(crate) fn keep(mut self) {
        self.kept = !planted::is(Bug::ClaimUndoneTwice);
    }
}

impl Drop for SlotClaim {
    fn drop(&mut self) {
        if !self.kept && !planted::is(Bug::ClaimNotUndone) {
            self.view.table().undo(self.lane, self.bits);
        }
    }
}

/// All that a hold has claimed before it asks its calendar.
pub(crate) struct Reservation {
    /// None where only the calendar can tell whether the slot is the person's own.
    pub(crate) slot: Option<SlotClaim>,
    pub(crate) guards: Vec<Claim>,
    pub(crate) dose: Option<DoseClaim>,
}

impl Reservation {
    /// One of a slot alone, or of nothing.
    pub(crate) fn of(slot: Option<SlotClaim>, dose: Option<DoseClaim>) -> Self {
        Self { slot, guards: Vec::new(), dose }
    }

    /// Hands the guards to the hold and leaves the bits set.
    pub(crate) fn consume(self, hold: HoldId) {
        if let Some(slot) = self.slot {
            slot.keep();
        }
        for guard in self.guards {
            guard.keep(hold);
        }
    }
}

/// The key of one person guard.
pub(crate) fn guard_key(guard: &Guard, calendar: CalendarId, person: &PersonId) -> u128 {
    let scope = match guard.scope {
        GuardScope::Calendar => calendar.bits(),
        GuardScope::Engine if planted::is(Bug::GuardPerCalendar) => calendar.bits(),
        GuardScope::Engine => 0,
    };
    key_of(&[b"guard", guard.kind.as_bytes(), &scope.to_be_bytes(), person.as_str().as_bytes()])
}

/// The keys of all guards, in the order in which they are claimed.
pub(crate) fn guard_keys(guards: &[Guard], calendar: CalendarId, person: &PersonId) -> Vec<u128> {
    let mut keys: Vec<_> = guards.iter().map(|guard| guard_key(guard, calendar, person)).collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

#[cfg(all(test, creneau_loom))]
#[path = "reservation_models.rs"]
mod models;
