//! Claims by name: one holder for each key, in memory.
//!
//! Two kinds are taken here: person guards, and the names of commands under way. A claim is
//! pending while its request is; a person guard is kept by the hold that it let through. Dropping
//! a pending claim gives the key back and wakes who waits for it.

use std::sync::Arc;

use super::key_map::{Entry, KeyMap};
use super::sync::watch;
use crate::ids::HoldId;
use crate::planted::{self, Bug};

/// Bytes of a key's parts that are hashed at once; what is longer is hashed part by part.
const PARTS_BYTES: usize = 256;

/// A key of 128 bits from parts of any length.
pub(crate) fn key_of(parts: &[&[u8]]) -> u128 {
    let hash = match joined(parts, &mut [0; PARTS_BYTES]) {
        Some(bytes) => blake3::hash(bytes),
        None => {
            let mut hasher = blake3::Hasher::new();
            for part in parts {
                hasher.update(&(part.len() as u64).to_le_bytes());
                hasher.update(part);
            }
            hasher.finalize()
        }
    };
    hash.as_bytes().first_chunk::<16>().map_or(0, |half| u128::from_le_bytes(*half))
}

/// The parts one after the other, each after its length, where they fit: one call of the hash takes
/// a fraction of what many small ones do.
fn joined<'a>(parts: &[&[u8]], buffer: &'a mut [u8; PARTS_BYTES]) -> Option<&'a [u8]> {
    let mut used = 0;
    for part in parts {
        for bytes in [(part.len() as u64).to_le_bytes().as_slice(), part] {
            buffer.get_mut(used..)?.get_mut(..bytes.len())?.copy_from_slice(bytes);
            used += bytes.len();
        }
    }
    buffer.get(..used)
}

/// Who has a key.
#[derive(Clone, Debug)]
enum Holder {
    /// A request, with who waits for its end: the sender is dropped with it. Nearly nobody ever
    /// does, so there is none before the first.
    Pending(Option<watch::Sender<()>>),
    /// A live hold.
    Kept(HoldId),
}

impl Holder {
    fn busy(&mut self) -> Busy {
        match self {
            Self::Pending(ended) => {
                let ended = ended.get_or_insert_with(|| watch::Sender::new(()));
                Busy::Pending(Waiting(ended.subscribe()))
            }
            Self::Kept(hold) => Busy::Kept(*hold),
        }
    }
}

/// Why a key could not be claimed.
#[derive(Debug)]
pub(crate) enum Busy {
    /// A request has it; it may be asked again when this ends.
    Pending(Waiting),
    /// A live hold has it.
    Kept(HoldId),
}

/// Waits until a pending claim is kept or given back.
#[derive(Debug)]
pub(crate) struct Waiting(watch::Receiver<()>);

impl Waiting {
    pub(crate) async fn ended(mut self) {
        while self.0.changed().await.is_ok() {}
    }
}

/// Who has claimed what.
#[derive(Debug, Default)]
pub(crate) struct Claims {
    holders: KeyMap<u128, Holder>,
}

/// A pending claim. Dropping it gives the key back.
#[derive(Debug)]
pub(crate) struct Claim {
    claims: Arc<Claims>,
    key: u128,
    kept: bool,
}

impl Claims {
    /// Claims `key`, or tells who has it.
    pub(crate) fn claim(self: &Arc<Self>, key: u128) -> Result<Claim, Busy> {
        match self.holders.entry(key) {
            Entry::Occupied(mut holder) => Err(holder.get_mut().busy()),
            Entry::Vacant(vacant) => {
                vacant.insert(Holder::Pending(None));
                Ok(Claim { claims: self.clone(), key, kept: false })
            }
        }
    }

    /// Who keeps `key`, or who is asking for it.
    pub(crate) fn holder(&self, key: u128) -> Option<Busy> {
        self.holders.get_mut(&key).map(|mut holder| holder.busy())
    }

    /// Whether someone has `key`.
    pub(crate) fn is_held(&self, key: u128) -> bool {
        self.holders.contains_key(&key)
    }

    /// How many keys someone has.
    #[cfg(all(test, creneau_shuttle))]
    pub(crate) fn count(&self) -> usize {
        self.holders.iter().count()
    }

    /// Has `hold` keep `key`, unless someone has it: what recovery found.
    pub(crate) fn restore(&self, key: u128, hold: HoldId) {
        self.holders.entry(key).or_insert(Holder::Kept(hold));
    }

    /// Gives `key` back if `hold` keeps it.
    pub(crate) fn release(&self, key: u128, hold: HoldId) {
        let (never, ever) =
            (planted::is(Bug::GuardNotReleased), planted::is(Bug::GuardReleasedForAll));
        let keeps = |holder: &Holder| matches!(holder, Holder::Kept(kept) if *kept == hold);
        self.holders.remove_if(&key, |_, holder| ever || (keeps(holder) && !never));
    }
}

impl Claim {
    /// Has `hold` keep the key until it is released.
    pub(crate) fn keep(mut self, hold: HoldId) {
        self.kept = true;
        self.claims.holders.insert(self.key, Holder::Kept(hold));
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if !self.kept && !planted::is(Bug::PendingClaimKept) {
            self.claims.holders.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows of the store are found by it: it must not change.
    #[test]
    fn a_key_is_the_same_however_it_is_hashed() {
        let slowly = |parts: &[&[u8]]| {
            let mut hasher = blake3::Hasher::new();
            for part in parts {
                hasher.update(&(part.len() as u64).to_le_bytes()).update(part);
            }
            hasher.finalize().as_bytes().first_chunk().map(|half| u128::from_le_bytes(*half))
        };
        let long = [7; PARTS_BYTES];
        for len in [0, 1, PARTS_BYTES - 17, PARTS_BYTES - 16, PARTS_BYTES - 15, PARTS_BYTES] {
            let parts: [&[u8]; 2] = [&long[..len], b""];
            assert_eq!(Some(key_of(&parts)), slowly(&parts), "{len}");
        }
    }

    #[tokio::test]
    async fn one_holder_at_a_time() {
        let claims = Arc::new(Claims::default());
        let first = claims.claim(7).unwrap();
        let Err(Busy::Pending(waiting)) = claims.claim(7) else { panic!("it is pending") };
        let hold = HoldId::from_bits(1);
        first.keep(hold);
        waiting.ended().await;
        assert!(matches!(claims.claim(7), Err(Busy::Kept(kept)) if kept == hold));
        claims.release(7, HoldId::from_bits(2));
        assert!(claims.holder(7).is_some(), "another hold's end gives nothing back");
        claims.release(7, hold);
        drop(claims.claim(7).unwrap());
        assert!(claims.holder(7).is_none(), "a dropped claim is given back");
    }
}
