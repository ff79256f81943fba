//! What a ledger says of those who wait in line: where they stand, what they were offered, and
//! until when they surely were offered nothing.

use std::collections::BTreeMap;

use creneau::{HoldId, PlaceId, Timestamp, WishId};

use super::wanted::{Request, Wanted, What};
use crate::api::{Call, Stated};
use crate::ledger::campaign::{Lined, Offered, Waited};
use crate::ledger::{Entry, Line};

/// Something that was offered.
#[derive(Clone, Debug)]
pub(super) struct Offer {
    pub(super) hold: HoldId,
    /// They had looked then, and it was not there.
    pub(super) not_before: Timestamp,
}

/// Somebody who was told that they wait.
#[derive(Clone, Debug)]
pub(super) struct Waiter {
    pub(super) patient: String,
    pub(super) stated: Stated,
    pub(super) place: PlaceId,
    pub(super) rank: u16,
    pub(super) since: Timestamp,
    /// Before when it must start.
    pub(super) until: Timestamp,
    pub(super) asked_at: Timestamp,
    pub(super) told_at: Timestamp,
    pub(super) offers: Vec<Offer>,
    /// When they looked last, in vain.
    looked_at: Timestamp,
}

impl Waiter {
    /// Until when they had surely been offered nothing: by the look before their first offer, or
    /// by their last one.
    pub(super) fn empty_until(&self) -> Timestamp {
        self.offers.first().map_or(self.looked_at, |offer| offer.not_before)
    }
}

/// All who wait.
#[derive(Clone, Debug, Default)]
pub(in super::super) struct Waiters {
    pub(super) all: BTreeMap<WishId, Waiter>,
    /// Each request to wait, until there is an answer.
    asked: BTreeMap<String, (Timestamp, Stated)>,
}

impl Waiters {
    /// Takes a line of the ledger. Gives a request for a dose that it comes to, to be judged by
    /// what was stated: an offer as one that was held, a refusal as one that was refused.
    pub(super) fn take(&mut self, line: &Line) -> Option<Request> {
        match &line.entry {
            Entry::Asked(asked) if asked.call == Call::Join => {
                let stated = asked.dose.clone()?;
                self.asked.insert(line.key.clone(), (line.at, stated));
                None
            }
            Entry::Lined(lined) => {
                self.lined(line, lined);
                None
            }
            Entry::Refused { call: Call::Join, code, why } => {
                let (asked_at, stated) = self.asked.get(&line.key)?.clone();
                let what = What::Refused { code: code.clone(), why: why.clone() };
                let (start, not_before) = (asked_at, asked_at);
                let wanted = Wanted { start, stated, not_before, what };
                Some(request(line, asked_at, wanted))
            }
            Entry::Offered(offered) => self.offered(line, offered),
            Entry::Waited(Waited { wish, looked_at }) => {
                if let Some(waiter) = self.all.get_mut(wish) {
                    waiter.looked_at = *looked_at;
                }
                None
            }
            _ => None,
        }
    }

    fn lined(&mut self, line: &Line, lined: &Lined) {
        let Some((asked_at, stated)) = self.asked.get(&line.key).cloned() else { return };
        let Lined { wish, place, rank, since, until } = *lined;
        // Told once more, it is the same.
        self.all.entry(wish).or_insert_with(|| Waiter {
            patient: line.patient.clone(),
            stated,
            place,
            rank,
            since,
            until,
            asked_at,
            told_at: line.at,
            offers: Vec::new(),
            looked_at: asked_at,
        });
    }

    fn offered(&mut self, line: &Line, offered: &Offered) -> Option<Request> {
        let Offered { wish, looked_at, told } = offered;
        let waiter = self.all.get_mut(wish)?;
        let (hold, not_before) = (told.hold, *looked_at);
        if waiter.offers.iter().any(|offer| offer.hold == hold) {
            return None;
        }
        waiter.offers.push(Offer { hold, not_before });
        let (start, stated) = (told.place.as_ref()?.start, waiter.stated.clone());
        let wanted = Wanted { start, stated, not_before, what: What::Held(hold) };
        // What they stated counts as of when they came to wait.
        let request = request(line, waiter.asked_at, wanted);
        Some(Request { key: wish.to_string(), ..request })
    }
}

fn request(line: &Line, asked_at: Timestamp, wanted: Wanted) -> Request {
    let (patient, key) = (line.patient.clone(), line.key.clone());
    Request { patient, key, asked_at, told_at: line.at, doses: vec![wanted] }
}
