//! One word of a lane: as many grid steps as it has bits. A set bit is not free.
//!
//! # Memory orderings
//!
//! A bit is a claim and nothing else: no other memory is read on the strength of it. Who wins a
//! bit sends a message to the calendar's actor, and the message queue orders everything that the
//! actor reads; the actor decides by its own occupancy. So the orderings need only keep the
//! claims themselves straight.
//!
//! - [`claim`](SlotWord::claim) is a compare-and-swap with `AcqRel`: two overlapping claims of one
//!   word cannot both find their bits clear, because the modifications of one word have one
//!   order. `Acquire` pairs with the `Release` of whoever cleared the bits, so that a claim made
//!   after a release also comes after everything that the release followed.
//! - [`clear`](SlotWord::clear) is `Release` for that reason.
//! - [`load`](SlotWord::load) is `Acquire`: a listing that shows a slot free was preceded by all
//!   that made it free.
//! - A claim over two words takes the earlier one first and gives it back if the later one is
//!   lost. Between the two another claim may see the first word taken and be refused: refusing
//!   early is allowed while an attempt is in flight. Both cannot win, because they meet in a word.

use crate::planted::{self, Bug};

#[cfg(not(any(creneau_loom, creneau_shuttle)))]
use portable_atomic::{AtomicU128, Ordering};

#[cfg(creneau_loom)]
use loom::sync::atomic::{AtomicU64, Ordering};

#[cfg(creneau_shuttle)]
use super::sync::{AtomicU64, Ordering};

/// The word of this build.
#[cfg(not(any(creneau_loom, creneau_shuttle)))]
pub(crate) type NativeWord = AtomicU128;

/// The word of this build: `loom` and `shuttle` know no wider one.
#[cfg(any(creneau_loom, creneau_shuttle))]
pub(crate) type NativeWord = AtomicU64;

/// A slot word, of whichever width. Masks are 128 bits; a narrower word uses the low ones.
pub(crate) trait SlotWord: Send + Sync {
    /// Steps in one word.
    const BITS: u32;

    /// A word with these bits set.
    fn with_bits(bits: u128) -> Self;

    /// What is set.
    fn load(&self) -> u128;

    /// Sets all of `mask` if none of it is set.
    fn claim(&self, mask: u128) -> bool;

    /// Clears `mask`.
    fn clear(&self, mask: u128);
}

macro_rules! slot_word {
    ($atomic:ty, $bits:ty, $narrow:expr) => {
        impl SlotWord for $atomic {
            const BITS: u32 = <$bits>::BITS;

            fn with_bits(bits: u128) -> Self {
                Self::new($narrow(bits))
            }

            fn load(&self) -> u128 {
                u128::from(<$atomic>::load(self, Ordering::Acquire))
            }

            fn claim(&self, mask: u128) -> bool {
                let mask = $narrow(mask);
                let mut now = <$atomic>::load(self, Ordering::Acquire);
                while now & mask == 0 {
                    if planted::is(Bug::ClaimNotAtomic) {
                        std::thread::yield_now();
                        self.fetch_or(mask, Ordering::AcqRel);
                        return true;
                    }
                    let claimed = now | mask;
                    // A failure means that another bit of the word changed, so someone advanced.
                    match self.compare_exchange_weak(
                        now,
                        claimed,
                        Ordering::AcqRel,
                        Ordering::Acquire,
                    ) {
                        Ok(_) => return true,
                        Err(changed) => now = changed,
                    }
                }
                false
            }

            fn clear(&self, mask: u128) {
                self.fetch_and(!$narrow(mask), Ordering::Release);
            }
        }
    };
}

#[cfg(not(any(creneau_loom, creneau_shuttle)))]
slot_word!(AtomicU128, u128, std::convert::identity);

#[cfg(any(creneau_loom, creneau_shuttle))]
slot_word!(AtomicU64, u64, low_bits);

/// A table of narrow words never makes a mask with high bits.
#[cfg(any(creneau_loom, creneau_shuttle))]
fn low_bits(mask: u128) -> u64 {
    u64::try_from(mask & u128::from(u64::MAX)).unwrap_or(0)
}

/// Whether this machine claims a word by one instruction.
#[cfg(not(any(creneau_loom, creneau_shuttle)))]
pub(crate) fn is_lock_free() -> bool {
    AtomicU128::is_lock_free()
}

/// Whether this machine claims a word by one instruction.
#[cfg(any(creneau_loom, creneau_shuttle))]
pub(crate) fn is_lock_free() -> bool {
    true
}
