//! A map by keys that are random or hashes already: who has claimed what, and who is awake.

use std::hash::Hasher;

/// A hasher for keys that are random or hashes already. It has no seed, so that a simulation
/// repeats itself.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct KeyHasher(u64);

impl Hasher for KeyHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0.rotate_left(8) ^ u64::from(*byte)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        }
    }

    fn write_u128(&mut self, key: u128) {
        let (low, high) = (key & u128::from(u64::MAX), key >> 64);
        self.0 ^= u64::try_from(low ^ high).unwrap_or(0);
    }
}

#[cfg(not(any(creneau_loom, creneau_shuttle)))]
pub(crate) use dashmap::mapref::entry::Entry;

/// A map by keys that are random or hashes already.
#[cfg(not(any(creneau_loom, creneau_shuttle)))]
pub(crate) type KeyMap<K, V> = dashmap::DashMap<K, V, std::hash::BuildHasherDefault<KeyHasher>>;

#[cfg(any(creneau_loom, creneau_shuttle))]
#[path = "key_map_model.rs"]
mod model;

#[cfg(any(creneau_loom, creneau_shuttle))]
pub(crate) use model::{Entry, KeyMap};
