//! A vaccination campaign that is rehearsed: how it is set up, and what its desk does meanwhile.

mod desk;
mod setup;

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use creneau::{CalendarId, HoldId, PersonId, Timestamp};

use crate::ledger::campaign::{CampaignSet, Delivery};

pub(crate) use desk::{evening, tend};
pub(crate) use setup::open;

/// Doses of one person that were booked.
#[derive(Clone, Debug)]
pub(crate) struct Booked {
    pub(crate) person: PersonId,
    pub(crate) first: HoldId,
    pub(crate) second: Option<HoldId>,
}

/// A campaign that is open.
pub(crate) struct Opened {
    pub(crate) set: CampaignSet,
    /// What was delivered for the first doses, one delivery to each centre.
    deliveries: Vec<Delivery>,
    /// The last slot that somebody saw in each calendar for each dose: who comes late tries it all
    /// the same.
    seen: Mutex<BTreeMap<(CalendarId, u8), Timestamp>>,
    /// Who was told that their first dose is booked, and has not cancelled it.
    booked: Mutex<BTreeMap<HoldId, Booked>>,
}

impl Opened {
    fn new(set: CampaignSet, deliveries: Vec<Delivery>) -> Self {
        Self { set, deliveries, seen: Mutex::default(), booked: Mutex::default() }
    }

    /// Takes down a slot that somebody saw, or gives the last one where nobody sees any more.
    pub(crate) fn seen(&self, of: (CalendarId, u8), start: Option<Timestamp>) -> Option<Timestamp> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        match start {
            Some(start) => {
                seen.insert(of, start);
                Some(start)
            }
            None => seen.get(&of).copied(),
        }
    }

    /// Takes down that doses are booked.
    pub(crate) fn book(&self, booked: Booked) {
        let mut all = self.booked.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(booked.first, booked);
    }

    /// Takes down that a first dose is cancelled, or may be.
    pub(crate) fn cancel(&self, first: HoldId) {
        self.booked.lock().unwrap_or_else(PoisonError::into_inner).remove(&first);
    }

    fn all_booked(&self) -> Vec<Booked> {
        let booked = self.booked.lock().unwrap_or_else(PoisonError::into_inner);
        booked.values().cloned().collect()
    }
}
