//! The slot table of one calendar: the words of its lanes over the days that can be booked.
//!
//! A bit is set where the calendar is closed, where something is held or booked, and where a
//! reservation is in flight. The table decides nothing: it lets a request be refused without
//! asking the calendar, and lets two requests for one slot find out which of them may ask.
//!
//! Apart from building, bits are set only by [`SlotTable::reserve`], so whoever holds a
//! reservation holds its bits alone; and cleared only by the reservation's own undoing or by what
//! `apply` freed.

use super::slot_word::{NativeWord, SlotWord};
use crate::booking::{Step, StepRange};
use crate::planted::{self, Bug};

/// The bits of a range of steps in one lane: at most two words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bits {
    word: usize,
    masks: [u128; 2],
}

impl Bits {
    /// These bits without those of `other`.
    pub(crate) fn without(self, other: Self) -> Self {
        let [mut low, mut high] = self.masks;
        for (word, mask) in (other.word..).zip(other.masks) {
            if word == self.word {
                low &= !mask;
            } else if word == self.word + 1 {
                high &= !mask;
            }
        }
        Self { word: self.word, masks: [low, high] }
    }
}

/// The slot words of one calendar.
pub(crate) struct SlotTable<W = NativeWord> {
    /// The number, from the epoch, of the first word of each lane.
    first_word: u32,
    words_per_lane: usize,
    lanes: u16,
    /// All lanes, one after the other.
    words: Box<[W]>,
    /// What is open, the same for each lane.
    open: Box<[u128]>,
}

impl<W: SlotWord> SlotTable<W> {
    /// A table for the steps from `first` until `end`, with `lanes` lanes that are open in the
    /// given stretches of steps and otherwise free.
    pub(crate) fn new(first: Step, end: Step, lanes: u16, open_stretches: &[(u32, u32)]) -> Self {
        let first_word = first.0 / W::BITS;
        let words_per_lane = end.0.div_ceil(W::BITS).saturating_sub(first_word) as usize;
        let mut open = vec![0u128; words_per_lane];
        for &(start, end) in open_stretches {
            for (place, word) in open.iter_mut().enumerate() {
                let base = (first_word + u32::try_from(place).unwrap_or(u32::MAX)) * W::BITS;
                let from = start.max(base);
                let until = end.min(base + W::BITS);
                if from < until {
                    *word |= ones(until - from) << (from - base);
                }
            }
        }
        let lane = || open.iter().map(|open| W::with_bits(!open & ones(W::BITS)));
        let words = (0..lanes).flat_map(|_| lane()).collect();
        Self { first_word, words_per_lane, lanes, words, open: open.into() }
    }

    /// The bits of `range`; none when it lies outside the table.
    pub(crate) fn bits(&self, range: StepRange) -> Option<Bits> {
        let word = (range.first.0 / W::BITS).checked_sub(self.first_word)? as usize;
        let bit = range.first.0 % W::BITS;
        let count = u32::from(range.count);
        let low = count.min(W::BITS - bit);
        let high = count - low;
        let last_word = word + usize::from(high != 0);
        if W::BITS < high || self.words_per_lane <= last_word {
            return None;
        }
        Some(Bits { word, masks: [ones(low) << bit, ones(high)] })
    }

    /// Claims `bits` in any lane; the search begins at lane `hint` modulo their number.
    pub(crate) fn reserve(&self, bits: Bits, hint: u16) -> Option<u16> {
        let first = hint.checked_rem(self.lanes)?;
        let end = self.lanes - u16::from(planted::is(Bug::LastLaneUnused));
        (first..end).chain(0..first.min(end)).find(|&lane| self.reserve_in(lane, bits))
    }

    /// Claims `bits` in one lane, all or none.
    pub(crate) fn reserve_in(&self, lane: u16, bits: Bits) -> bool {
        let [low, high] = bits.masks;
        let Some((first, second)) = self.words_of(lane, bits.word) else { return false };
        if !claim(Some(first), low) {
            return false;
        }
        if !claim(second, high) {
            first.clear(if planted::is(Bug::SecondWordLost) { 0 } else { low });
            return false;
        }
        true
    }

    /// Whether each lane has something of `bits` that is not free.
    pub(crate) fn is_taken(&self, bits: Bits) -> bool {
        let [low, high] = bits.masks;
        (0..self.lanes).all(|lane| {
            let Some((first, second)) = self.words_of(lane, bits.word) else { return true };
            let is_set = |word: Option<&W>, mask| {
                mask != 0 && word.is_none_or(|word| word.load() & mask != 0)
            };
            is_set(Some(first), low) || is_set(second, high)
        })
    }

    /// Gives back bits that a reservation claimed.
    pub(crate) fn undo(&self, lane: u16, bits: Bits) {
        let Some((first, second)) = self.words_of(lane, bits.word) else { return };
        let [low, high] = bits.masks;
        if let (Some(second), true) = (second, high != 0) {
            second.clear(high);
        }
        if low != 0 {
            first.clear(low);
        }
    }

    /// Frees what `apply` freed: closed steps stay set.
    pub(crate) fn free(&self, lane: u16, bits: Bits) {
        let closed = if planted::is(Bug::ClosedFreed) { u128::MAX } else { 0 };
        let open = |place: usize| self.open.get(place).copied().unwrap_or(0) | closed;
        let [low, high] = bits.masks;
        let masks = [low & open(bits.word), high & open(bits.word + 1)];
        self.undo(lane, Bits { word: bits.word, masks });
    }

    /// Sets what is occupied, while the table is being built. What lies outside it is left out.
    pub(crate) fn occupy(&self, lane: u16, first: Step, end: Step) {
        // A booking can lie partly outside the hours, so its bits are set one by one.
        for step in first.0..end.0 {
            let range = StepRange { first: Step(step), count: 1 };
            if let Some(bits) = self.bits(range) {
                self.reserve_in(lane, bits);
            }
        }
    }

    /// The steps in `from..until` at which `count` free steps begin, with the lanes that have
    /// them: the first `limit` of them, and what else their last word has.
    pub(crate) fn free_starts(
        &self,
        from: Step,
        until: Step,
        count: u16,
        limit: usize,
    ) -> Vec<(Step, u16)> {
        let mut starts = Vec::new();
        let mut lanes_free = vec![0u16; W::BITS as usize];
        let place_of = |step: Step| (step.0 / W::BITS).saturating_sub(self.first_word) as usize;
        let end = (place_of(until) + 1).min(self.words_per_lane);
        for place in place_of(from)..end {
            if limit <= starts.len() {
                break;
            }
            lanes_free.fill(0);
            let mut any = 0;
            for lane in 0..self.lanes {
                let runs = self.runs(lane, place, count);
                any |= runs;
                for_each_bit(runs, |bit| {
                    if let Some(free) = lanes_free.get_mut(bit as usize) {
                        *free += 1;
                    }
                });
            }
            let base = self.base(place);
            for_each_bit(any, |bit| {
                let step = Step(base + bit);
                if from <= step && step < until {
                    starts.push((step, lanes_free.get(bit as usize).copied().unwrap_or(0)));
                }
            });
        }
        starts
    }

    /// The steps in `from..until` nearest to `centre`, itself left out, at which `count` free steps
    /// begin, with the lanes that have them: nearest first, and the earlier one first of two that
    /// are as near; at most `wanted`.
    ///
    /// Words are looked at from the centre outwards, and no further than needed.
    pub(crate) fn nearest(
        &self,
        centre: Step,
        (from, until): (Step, Step),
        count: u16,
        wanted: usize,
    ) -> Vec<(Step, u16)> {
        let place_of = |step: Step| (step.0 / W::BITS).saturating_sub(self.first_word) as usize;
        let (first, end) = (place_of(from), (place_of(until) + 1).min(self.words_per_lane));
        let Some(last) = end.checked_sub(1).filter(|last| first <= *last) else {
            return Vec::new();
        };
        let middle = place_of(centre).clamp(first, last);
        let base = |place: usize| i64::from(self.base(place));
        let mut found = Vec::new();
        for reach in 0..end {
            let left = middle.checked_sub(reach).filter(|left| first <= *left);
            let right = Some(middle + reach).filter(|right| *right <= last);
            if left.is_none() && right.is_none() {
                break;
            }
            for place in left.into_iter().chain(right.filter(|_| 0 < reach)) {
                self.starts_around(place, centre, (from, until), count, (wanted, &mut found));
            }
            // Everything as near as this was looked at. A side that has ended hides nothing.
            let seen_left =
                left.filter(|left| first < *left).map(|left| i64::from(centre.0) - base(left));
            let seen_right = right
                .filter(|right| *right < last)
                .map(|right| base(right + 1) - 1 - i64::from(centre.0));
            let seen = seen_left.into_iter().chain(seen_right).min().unwrap_or(i64::MAX);
            let near = |step: &&Step| i64::from(step.0.abs_diff(centre.0)) <= seen;
            if wanted <= found.iter().filter(near).count() {
                break;
            }
        }
        found.sort_unstable_by_key(|step| (step.0.abs_diff(centre.0), step.0));
        let lanes = |step: Step| (step, self.lanes_free(step, count));
        found.into_iter().take(wanted).map(lanes).filter(|(_, free)| 0 < *free).collect()
    }

    /// Adds the starts of one word, of each side of `centre` the `wanted` nearest.
    fn starts_around(
        &self,
        place: usize,
        centre: Step,
        (from, until): (Step, Step),
        count: u16,
        (wanted, found): (usize, &mut Vec<Step>),
    ) {
        let base = self.base(place);
        let below = |step: Step| ones(step.0.saturating_sub(base).min(W::BITS));
        let asked = below(until) & !below(from);
        let mut any = 0;
        for lane in 0..self.lanes {
            any |= self.runs(lane, place, count) & asked;
            if any == asked {
                break;
            }
        }
        let mut earlier = any & below(centre);
        for _ in 0..wanted.min(earlier.count_ones() as usize) {
            let bit = u128::BITS - 1 - earlier.leading_zeros();
            earlier &= !(1 << bit);
            found.push(Step(base + bit));
        }
        let mut later = any & !below(Step(centre.0.saturating_add(1)));
        for _ in 0..wanted.min(later.count_ones() as usize) {
            let bit = later.trailing_zeros();
            later &= later - 1;
            found.push(Step(base + bit));
        }
    }

    /// The lanes in which `count` free steps begin at `step`.
    fn lanes_free(&self, step: Step, count: u16) -> u16 {
        let Some(place) = (step.0 / W::BITS).checked_sub(self.first_word) else { return 0 };
        let bit = 1 << (step.0 % W::BITS);
        let begins = |lane: &u16| self.runs(*lane, place as usize, count) & bit != 0;
        u16::try_from((0..self.lanes).filter(begins).count()).unwrap_or(u16::MAX)
    }

    /// Whether the hours leave all of `bits` open.
    pub(crate) fn is_open(&self, bits: Bits) -> bool {
        let open = |place: usize| self.open.get(place).copied().unwrap_or(0);
        let [low, high] = bits.masks;
        low & !open(bits.word) == 0 && high & !open(bits.word + 1) == 0
    }

    /// The first step of a word.
    fn base(&self, place: usize) -> u32 {
        (self.first_word + u32::try_from(place).unwrap_or(u32::MAX)) * W::BITS
    }

    /// The bits of a word at which `count` free steps begin; they may reach into the next word.
    fn runs(&self, lane: u16, place: usize, count: u16) -> u128 {
        let Some((first, second)) = self.words_of(lane, place) else { return 0 };
        let mut low = !first.load() & ones(W::BITS);
        let second = second.filter(|_| !planted::is(Bug::WordEdgeMissed));
        let mut high = second.map_or(0, |word| !word.load() & ones(W::BITS));
        // Each round lets a bit stand only if the run from it is longer by `by`.
        let (mut have, wanted) = (1, u32::from(count));
        while have < wanted && low != 0 {
            let by = have.min(wanted - have);
            let (low_shifted, high_shifted) = if by < W::BITS {
                let carried = high.checked_shl(W::BITS - by).unwrap_or(0) & ones(W::BITS);
                ((low >> by) | carried, high >> by)
            } else {
                (high, 0)
            };
            low &= low_shifted;
            high &= high_shifted;
            have += by;
        }
        low
    }

    fn words_of(&self, lane: u16, place: usize) -> Option<(&W, Option<&W>)> {
        if self.lanes <= lane || self.words_per_lane <= place {
            return None;
        }
        let at = usize::from(lane) * self.words_per_lane + place;
        let second = (place + 1 < self.words_per_lane).then(|| self.words.get(at + 1)).flatten();
        Some((self.words.get(at)?, second))
    }
}

fn claim<W: SlotWord>(word: Option<&W>, mask: u128) -> bool {
    mask == 0 || word.is_some_and(|word| word.claim(mask))
}

/// The `count` lowest bits.
fn ones(count: u32) -> u128 {
    if count == 0 { 0 } else { u128::MAX >> (128 - count.min(128)) }
}

fn for_each_bit(mut bits: u128, mut each: impl FnMut(u32)) {
    while bits != 0 {
        each(bits.trailing_zeros());
        bits &= bits - 1;
    }
}

#[cfg(test)]
#[path = "slot_table_tests.rs"]
mod tests;
