//! Slot words by themselves: for benchmarks, which measure them without a calendar around.

use crate::booking::{Step, StepRange};
use crate::runtime::SlotTable;

/// Steps of a day on a grid of five minutes.
const STEPS_PER_DAY: u32 = 288;

/// The words of a calendar that is always open. Steps count from its first one.
pub struct Words {
    table: SlotTable,
}

impl Words {
    /// So many lanes over so many days, all free.
    #[must_use]
    pub fn open(lanes: u16, days: u32) -> Self {
        let end = days.saturating_mul(STEPS_PER_DAY);
        Self { table: SlotTable::new(Step(0), Step(end), lanes, &[(0, end)]) }
    }

    /// A step with which a reservation of a few crosses from one word into the next.
    #[must_use]
    pub const fn crossing(&self) -> u32 {
        127
    }

    /// Claims `count` steps from `first` on, in any lane from `hint` on.
    #[must_use]
    pub fn claim(&self, first: u32, count: u16, hint: u16) -> Option<u16> {
        let bits = self.table.bits(StepRange { first: Step(first), count })?;
        self.table.reserve(bits, hint)
    }

    /// Gives back what was claimed.
    pub fn give_back(&self, lane: u16, first: u32, count: u16) {
        if let Some(bits) = self.table.bits(StepRange { first: Step(first), count }) {
            self.table.undo(lane, bits);
        }
    }

    /// How many starts have room for `count` steps, from `from` until `until`.
    #[must_use]
    pub fn free_starts(&self, from: u32, until: u32, count: u16) -> usize {
        self.table.free_starts(Step(from), Step(until), count, usize::MAX).len()
    }
}
