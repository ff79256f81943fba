//! Slots of which holds of a person have expired.

use std::collections::{BTreeMap, VecDeque};

use crate::ids::PersonId;
use crate::limits::LAPSES_REMEMBERED_MAX;
use crate::time::Timestamp;

/// The latest expiries, counted by person and start.
#[derive(Clone, Debug, Default)]
pub(super) struct Lapses {
    counts: BTreeMap<(PersonId, Timestamp), u8>,
    /// By when each was met first.
    order: VecDeque<(PersonId, Timestamp)>,
}

impl Lapses {
    /// Counts one more, and lets go of what has begun or is too much.
    pub(super) fn add(&mut self, person: &PersonId, start: Timestamp, now: Timestamp) {
        let key = (person.clone(), start);
        match self.counts.get_mut(&key) {
            Some(count) => *count = count.saturating_add(1),
            None => {
                self.counts.insert(key.clone(), 1);
                self.order.push_back(key);
            }
        }
        while let Some(oldest) = self.order.front()
            && (LAPSES_REMEMBERED_MAX < self.order.len() || oldest.1 < now)
        {
            self.counts.remove(oldest);
            self.order.pop_front();
        }
    }

    pub(super) fn of(&self, person: &PersonId, start: Timestamp) -> u8 {
        // Most calendars count none.
        if self.counts.is_empty() {
            return 0;
        }
        self.counts.get(&(person.clone(), start)).copied().unwrap_or(0)
    }

    /// All of them, the first met first.
    pub(super) fn all(&self) -> Vec<(PersonId, Timestamp, u8)> {
        let count = |key: &(PersonId, Timestamp)| {
            let count = self.counts.get(key).copied();
            (key.0.clone(), key.1, count.unwrap_or(0))
        };
        self.order.iter().map(count).collect()
    }

    pub(super) fn restored(all: Vec<(PersonId, Timestamp, u8)>) -> Self {
        let mut lapses = Self::default();
        for (person, start, count) in all {
            lapses.counts.insert((person.clone(), start), count);
            lapses.order.push_back((person, start));
        }
        lapses
    }
}
