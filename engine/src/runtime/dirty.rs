//! From which entry on each calendar's last snapshot is incomplete.
//!
//! A calendar notes it for itself, at each write; the set of all that are dirty changes only when
//! one becomes so or is kept. So nobody walks the directory to find the oldest.

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError};

use super::sync::{Mutex, MutexGuard};
use crate::ids::CalendarId;
use crate::journal::Sequence;
use crate::planted::{self, Bug};

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A calendar, behind the first entry that its last snapshot lacks.
type Place = (Sequence, CalendarId);

/// All calendars whose last snapshot is incomplete.
#[derive(Debug, Default)]
pub(crate) struct DirtySet {
    places: Mutex<Places>,
}

#[derive(Debug, Default)]
struct Places {
    waiting: BTreeSet<Place>,
    /// Those with a snapshot on its way.
    on_its_way: BTreeSet<Place>,
}

impl Places {
    fn of(&mut self, on_its_way: bool) -> &mut BTreeSet<Place> {
        if on_its_way { &mut self.on_its_way } else { &mut self.waiting }
    }
}

impl DirtySet {
    /// The first entry that some calendar's last snapshot lacks.
    pub(crate) fn oldest(&self) -> Option<Sequence> {
        let places = locked(&self.places);
        let first = |set: &BTreeSet<Place>| set.first().map(|(since, _)| *since);
        [&places.waiting, &places.on_its_way].into_iter().filter_map(first).min()
    }

    /// Calendars whose last snapshot lacks an entry before `limit` and has no successor on its
    /// way, oldest first, at most `count`.
    pub(crate) fn before(&self, limit: Sequence, count: usize) -> Vec<CalendarId> {
        let places = locked(&self.places);
        let old = places.waiting.iter().take_while(|(since, _)| *since < limit);
        old.take(count).map(|(_, id)| *id).collect()
    }
}

/// From which entry on the last snapshot of one calendar is incomplete.
#[derive(Debug)]
pub(crate) struct Dirty {
    calendar: CalendarId,
    set: Arc<DirtySet>,
    state: Mutex<State>,
}

#[derive(Clone, Copy, Debug, Default)]
struct State {
    since: Option<Sequence>,
    /// While a snapshot is on its way: the first entry after it.
    next: Option<Sequence>,
    on_its_way: bool,
}

impl State {
    fn note(&mut self, sequence: Sequence) {
        let later = self.on_its_way && !planted::is(Bug::DirtyForgotten);
        let first = if later { &mut self.next } else { &mut self.since };
        first.get_or_insert(sequence);
    }

    /// The first entry that is not in a snapshot: what comes after one that is on its way counts
    /// even where nothing came before it.
    fn oldest(&self) -> Option<(Sequence, bool)> {
        self.since.or(self.next).map(|since| (since, self.on_its_way))
    }
}

impl Dirty {
    pub(crate) fn new(calendar: CalendarId, set: Arc<DirtySet>) -> Self {
        Self { calendar, set, state: Mutex::default() }
    }

    /// Something from `sequence` on is about to be written. In the set before this returns.
    pub(crate) fn note(&self, sequence: Sequence) {
        self.change(|state| state.note(sequence));
    }

    /// A snapshot is on its way. False where one is already, which what is dirty since then must
    /// not be lost to.
    pub(crate) fn begin(&self) -> bool {
        self.change(|state| {
            let first = !state.on_its_way;
            state.on_its_way = true;
            first
        })
    }

    /// The snapshot that was on its way is there.
    pub(crate) fn end(&self) {
        self.change(|state| *state = State { since: state.next, ..State::default() });
    }

    /// The calendar leaves the directory, with all of its state kept.
    pub(crate) fn forget(&self) {
        self.change(|state| *state = State::default());
    }

    /// Under the lock of the calendar, so that the set follows its changes in their order.
    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = locked(&self.state);
        let before = state.oldest();
        let changed = change(&mut state);
        let after = state.oldest();
        if before != after {
            let mut places = locked(&self.set.places);
            if let Some((since, on_its_way)) = before {
                places.of(on_its_way).remove(&(since, self.calendar));
            }
            if let Some((since, on_its_way)) = after {
                places.of(on_its_way).insert((since, self.calendar));
            }
        }
        changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_while_a_snapshot_is_on_its_way_is_not_in_it() {
        let set = Arc::new(DirtySet::default());
        let [one, other] = [1, 2].map(CalendarId::from_bits);
        let dirty = Dirty::new(one, set.clone());
        dirty.note(3);
        Dirty::new(other, set.clone()).note(4);
        assert_eq!(set.before(9, 9), [one, other]);
        assert!(dirty.begin());
        assert!(!dirty.begin(), "one at a time");
        dirty.note(5);
        dirty.note(6);
        assert_eq!(set.oldest(), Some(3), "until it is there");
        assert_eq!(set.before(9, 9), [other], "who has one on its way is not asked again");
        dirty.end();
        assert_eq!(set.oldest(), Some(4));
        assert_eq!((set.before(9, 9), set.before(5, 9)), (vec![other, one], vec![other]));
        dirty.forget();
        assert_eq!(set.before(9, 9), [other]);
    }

    #[test]
    fn what_follows_a_snapshot_of_what_was_clean_is_dirty_at_once() {
        let set = Arc::new(DirtySet::default());
        let dirty = Dirty::new(CalendarId::from_bits(1), set.clone());
        assert!(dirty.begin());
        dirty.note(7);
        assert_eq!(set.oldest(), Some(7));
        dirty.end();
        assert_eq!(set.before(8, 1).len(), 1);
    }
}
