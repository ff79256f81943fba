//! What is so, by a server or by a journal.

use std::collections::BTreeMap;

use creneau::{HoldId, Timestamp};

use crate::ledger::Place;

/// What became of a booking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Observed {
    Missing,
    Held,
    Expired,
    Released,
    Booked(Place),
    Cancelled(Place),
}

/// An appointment of somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Owned {
    pub(super) id: HoldId,
    pub(super) place: Place,
    pub(super) cancelled: bool,
}

/// All that was seen.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    /// What each booking of a ledger is, and when that was seen.
    pub(super) bookings: BTreeMap<HoldId, (Observed, Timestamp)>,
    /// The appointments of each patient of a ledger.
    pub(super) of_patients: BTreeMap<String, Vec<Owned>>,
}
