//! What stands for `DashMap` in models: a map behind one lock, of which an entry keeps hold. A
//! shard of `DashMap` is the same, so a model with one shard shows who meets whom in it.

use std::collections::HashMap;
use std::collections::hash_map;
use std::hash::{BuildHasherDefault, Hash};
use std::ops::{Deref, DerefMut};
use std::sync::PoisonError;

#[cfg(creneau_loom)]
use loom::sync::{Mutex, MutexGuard};

#[cfg(creneau_shuttle)]
use super::super::sync::{Mutex, MutexGuard};

use super::KeyHasher;

type Rows<K, V> = HashMap<K, V, BuildHasherDefault<KeyHasher>>;

/// As `DashMap`, as far as the engine uses it.
#[derive(Debug)]
pub(crate) struct KeyMap<K, V>(Mutex<Rows<K, V>>);

impl<K, V> Default for KeyMap<K, V> {
    fn default() -> Self {
        Self(Mutex::new(Rows::default()))
    }
}

/// A value of which the map keeps hold meanwhile.
pub(crate) struct Held<'a, K, V> {
    rows: MutexGuard<'a, Rows<K, V>>,
    key: K,
}

impl<K: Eq + Hash, V> Held<'_, K, V> {
    pub(crate) fn value(&self) -> &V {
        self
    }
}

impl<K: Eq + Hash, V> Deref for Held<'_, K, V> {
    type Target = V;

    #[expect(clippy::expect_used, reason = "only models get here, and it is there while held")]
    fn deref(&self) -> &V {
        self.rows.get(&self.key).expect("it is held")
    }
}

impl<K: Eq + Hash, V> DerefMut for Held<'_, K, V> {
    #[expect(clippy::expect_used, reason = "only models get here, and it is there while held")]
    fn deref_mut(&mut self) -> &mut V {
        self.rows.get_mut(&self.key).expect("it is held")
    }
}

/// Of a key.
pub(crate) enum Entry<'a, K, V> {
    Occupied(Held<'a, K, V>),
    Vacant(Vacant<'a, K, V>),
}

/// A key that has no value while this lives.
pub(crate) struct Vacant<'a, K, V>(Held<'a, K, V>);

impl<K: Eq + Hash, V> Held<'_, K, V> {
    pub(crate) fn get_mut(&mut self) -> &mut V {
        self
    }
}

impl<'a, K: Clone + Eq + Hash, V> Vacant<'a, K, V> {
    pub(crate) fn insert(mut self, value: V) -> Held<'a, K, V> {
        self.0.rows.insert(self.0.key.clone(), value);
        self.0
    }
}

impl<'a, K: Clone + Eq + Hash, V> Entry<'a, K, V> {
    pub(crate) fn or_insert(self, value: V) -> Held<'a, K, V> {
        self.or_insert_with(|| value)
    }

    pub(crate) fn or_insert_with(self, value: impl FnOnce() -> V) -> Held<'a, K, V> {
        match self {
            Self::Occupied(held) => held,
            Self::Vacant(vacant) => {
                let value = value();
                vacant.insert(value)
            }
        }
    }
}

/// One of the values that there were when the map was asked.
pub(crate) struct Seen<V>(V);

impl<V> Seen<V> {
    pub(crate) fn value(&self) -> &V {
        &self.0
    }
}

impl<V> Deref for Seen<V> {
    type Target = V;

    fn deref(&self) -> &V {
        &self.0
    }
}

impl<K: Clone + Eq + Hash, V> KeyMap<K, V> {
    fn rows(&self) -> MutexGuard<'_, Rows<K, V>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn entry(&self, key: K) -> Entry<'_, K, V> {
        let held = Held { rows: self.rows(), key };
        match held.rows.contains_key(&held.key) {
            true => Entry::Occupied(held),
            false => Entry::Vacant(Vacant(held)),
        }
    }

    pub(crate) fn get(&self, key: &K) -> Option<Held<'_, K, V>> {
        let rows = self.rows();
        rows.contains_key(key).then(|| Held { rows, key: key.clone() })
    }

    pub(crate) fn get_mut(&self, key: &K) -> Option<Held<'_, K, V>> {
        self.get(key)
    }

    pub(crate) fn contains_key(&self, key: &K) -> bool {
        self.rows().contains_key(key)
    }

    pub(crate) fn insert(&self, key: K, value: V) -> Option<V> {
        self.rows().insert(key, value)
    }

    pub(crate) fn remove(&self, key: &K) -> Option<(K, V)> {
        self.rows().remove_entry(key)
    }

    pub(crate) fn remove_if(&self, key: &K, wanted: impl FnOnce(&K, &V) -> bool) -> Option<(K, V)> {
        match self.rows().entry(key.clone()) {
            hash_map::Entry::Occupied(found) if wanted(found.key(), found.get()) => {
                Some(found.remove_entry())
            }
            _ => None,
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Seen<V>>
    where
        V: Clone,
    {
        self.rows().values().cloned().map(Seen).collect::<Vec<_>>().into_iter()
    }
}
