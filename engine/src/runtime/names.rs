//! Which commands are surely not known, told from memory.
//!
//! Nearly every refused attempt comes under a name that nobody used. To learn that from the store
//! costs many times what the refusal does, so the names of the last day are noted in a filter: it
//! may take a name for known that is not, never one for unknown that is. Who hears "maybe" asks the
//! store.
//!
//! Whether a person has a record in a campaign is told in the same way, from a filter that never
//! begins anew: hardly anybody who asks for a first dose has one.
//!
//! A name is noted before anything is claimed under it, and again when its outcome is durable. So
//! who finds a slot taken, and looks here afterwards, is told of the name under which it was taken.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};

use crate::limits::COMMAND_REMEMBERED_MS;
use crate::planted::{self, Bug};
use crate::time::Timestamp;

/// Words of a filter beside storage on disk: 16 MiB, for 13 million names of which one in a hundred
/// that were never noted may be known. What is beyond is slower, not wrong.
const WORDS: usize = 1 << 21;

/// The same in memory, where engines are many and live shortly.
const WORDS_IN_MEMORY: usize = 1 << 13;

/// Words of a block: all bits of a name lie in one line of the processor's cache.
const BLOCK: usize = 8;

/// Bits of a name.
const BITS: u32 = 5;

/// How long a filter takes names until the other one begins anew: as long as an outcome is
/// remembered, and an hour for who noted a name in the one that was just left.
const TURN_MS: i64 = COMMAND_REMEMBERED_MS + 60 * 60 * 1_000;

/// Bits of what was noted.
struct Filter(Vec<AtomicU64>);

impl Filter {
    /// Beside a storage that blocks its thread, or one in memory.
    fn new(blocks: bool) -> Self {
        let words = if blocks { WORDS } else { WORDS_IN_MEMORY };
        Self((0..words).map(|_| AtomicU64::new(0)).collect())
    }

    fn note(&self, name: u128) {
        for (word, bit) in places(&self.0, name) {
            word.fetch_or(bit, Ordering::Release);
        }
    }

    /// Whether it was surely not noted.
    fn lacks(&self, name: u128) -> bool {
        places(&self.0, name).any(|(word, bit)| word.load(Ordering::Acquire) & bit == 0)
    }

    fn clear(&self) {
        self.0.iter().for_each(|word| word.store(0, Ordering::Relaxed));
    }
}

/// Those who may have a record in a campaign, each by a hash of both.
pub(crate) struct Recorded {
    filter: Filter,
    /// Whether those that the store had at the start are noted.
    complete: AtomicBool,
}

impl Recorded {
    /// Beside a storage that blocks its thread, or one in memory.
    pub(crate) fn new(blocks: bool) -> Self {
        Self { filter: Filter::new(blocks), complete: AtomicBool::new(false) }
    }

    /// Notes somebody, before their record can be read.
    pub(crate) fn note(&self, who: u128) {
        self.filter.note(who);
    }

    /// Whether nobody can have a record of them.
    pub(crate) fn has_none(&self, who: u128) -> bool {
        self.complete.load(Ordering::Acquire) && self.filter.lacks(who)
    }

    /// From now on who is not noted has none.
    pub(crate) fn complete(&self) {
        self.complete.store(true, Ordering::Release);
    }
}

/// The names that may be known.
pub(crate) struct Names {
    filters: [Filter; 2],
    /// The filter that takes names.
    current: AtomicUsize,
    /// Since when.
    since: AtomicI64,
    /// Whether the names that the store had at the start are noted.
    complete: AtomicBool,
}

impl Names {
    /// Beside a storage that blocks its thread, or one in memory.
    pub(crate) fn new(blocks: bool) -> Self {
        Self {
            filters: [Filter::new(blocks), Filter::new(blocks)],
            current: AtomicUsize::new(0),
            since: AtomicI64::new(i64::MAX),
            complete: AtomicBool::new(false),
        }
    }

    /// Notes a name, by its hash.
    pub(crate) fn note(&self, name: u128) {
        if planted::is(Bug::NameNotNoted) {
            return;
        }
        let current = self.current.load(Ordering::Acquire);
        if let Some(filter) = self.filters.get(current) {
            filter.note(name);
        }
    }

    /// Whether nobody can have used a name within the time for which outcomes are remembered.
    pub(crate) fn is_unknown(&self, name: u128) -> bool {
        self.complete.load(Ordering::Acquire) && self.filters.iter().all(|it| it.lacks(name))
    }

    /// From now on what is not noted is unknown.
    pub(crate) fn complete(&self) {
        self.complete.store(true, Ordering::Release);
    }

    /// Lets go of what is remembered no more. One at a time.
    pub(crate) fn tell_time(&self, now: Timestamp) {
        let since = self.since.load(Ordering::Relaxed);
        if since == i64::MAX {
            return self.since.store(now.millis(), Ordering::Relaxed);
        }
        if now.millis() < since.saturating_add(TURN_MS) {
            return;
        }
        let other = 1 - self.current.load(Ordering::Relaxed).min(1);
        self.filters.get(other).into_iter().for_each(Filter::clear);
        self.current.store(other, Ordering::Release);
        self.since.store(now.millis(), Ordering::Relaxed);
    }
}

/// The bits of a name: one block, and a place in it for each nine bits of the other half.
fn places(filter: &[AtomicU64], name: u128) -> impl Iterator<Item = (&AtomicU64, u64)> {
    let half = |name: u128| u64::try_from(name & u128::from(u64::MAX)).unwrap_or(0);
    let (block, bits) = (half(name), half(name >> 64));
    let blocks = (filter.len() / BLOCK).max(1) as u64;
    let first = usize::try_from(block % blocks).unwrap_or(0) * BLOCK;
    let block = filter.get(first..first + BLOCK).unwrap_or_default();
    (0..BITS).filter_map(move |number| {
        let place = bits >> (number * 9) & 511;
        let word = block.get(usize::try_from(place / 64).unwrap_or(0))?;
        Some((word, 1 << (place % 64)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::claims::key_of;

    #[test]
    fn a_name_is_known_for_as_long_as_its_outcome_is() {
        let name = |number: u32| key_of(&[&number.to_le_bytes()]);
        let names = Names::new(false);
        assert!(!names.is_unknown(name(0)), "before what the store had is noted");
        names.complete();
        let after = |ms: i64| names.tell_time(Timestamp::from_millis(ms));
        after(0);
        names.note(name(1));
        assert!(names.is_unknown(name(0)) && !names.is_unknown(name(1)));
        after(TURN_MS - 1);
        names.note(name(2));
        after(TURN_MS);
        names.note(name(3));
        assert!((1..4).all(|known| !names.is_unknown(name(known))));
        after(2 * TURN_MS);
        assert!(names.is_unknown(name(1)) && !names.is_unknown(name(3)));
        after(3 * TURN_MS);
        assert!(names.is_unknown(name(3)));
    }

    #[test]
    fn few_names_are_taken_for_known_that_are_not() {
        let names = Names::new(false);
        names.complete();
        // As full as the one on disk is with its 13 million.
        let count = u32::try_from(WORDS_IN_MEMORY * 64 / 10).unwrap();
        let name = |number: u32| key_of(&[&number.to_le_bytes()]);
        (0..count).for_each(|number| names.note(name(number)));
        let wrong = (count..2 * count).filter(|number| !names.is_unknown(name(*number))).count();
        assert!(wrong * 40 < count as usize, "{wrong} of {count}");
    }
}
