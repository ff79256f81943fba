//! Chance under a seed.

use std::sync::{Mutex, PoisonError};

use crate::ids::RandomBits;

/// A generator of numbers that repeats itself under the same seed: `splitmix64`.
#[derive(Clone, Debug)]
pub struct Dice {
    state: u64,
}

impl Dice {
    /// The dice of a seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// Dice of their own, so that one user's throws do not shift another's.
    #[must_use]
    pub fn fork(&mut self) -> Self {
        Self { state: self.next() ^ 0x5851_F42D_4C95_7F2D }
    }

    /// Any number.
    #[expect(clippy::should_implement_trait, reason = "it never ends and is no iterator")]
    pub fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`; 0 when that is 0.
    pub fn below(&mut self, end: u64) -> u64 {
        // The bias of the remainder does not matter here.
        self.next().checked_rem(end).unwrap_or(0)
    }

    /// A number from `from` up to `to`, both included.
    pub fn between(&mut self, from: u64, to: u64) -> u64 {
        from + self.below(to.saturating_sub(from) + 1)
    }

    /// A place in something of length `len`.
    pub fn place(&mut self, len: usize) -> usize {
        usize::try_from(self.below(len as u64)).unwrap_or(0)
    }

    /// True in `permille` of a thousand throws.
    pub fn chance(&mut self, permille: u64) -> bool {
        self.below(1_000) < permille
    }

    /// One of several, none of nothing.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        from.get(self.place(from.len()))
    }

    /// The place of one of several weights.
    pub fn weighted(&mut self, weights: &[u64]) -> usize {
        let mut left = self.below(weights.iter().sum());
        for (place, weight) in weights.iter().enumerate() {
            if left < *weight {
                return place;
            }
            left -= weight;
        }
        0
    }
}

/// Identifiers under a seed.
#[derive(Debug)]
pub struct SeededBits(Mutex<Dice>);

impl SeededBits {
    /// The identifiers of a seed.
    #[must_use]
    pub const fn new(dice: Dice) -> Self {
        Self(Mutex::new(dice))
    }
}

impl RandomBits for SeededBits {
    fn bits(&self) -> u128 {
        let mut dice = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        u128::from(dice.next()) << 64 | u128::from(dice.next())
    }
}
