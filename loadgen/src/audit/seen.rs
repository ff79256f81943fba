//! What is so, by a server or by a journal.

use std::collections::{BTreeMap, BTreeSet};

use creneau::{DeliveryId, HoldId, Timestamp, WishId};

use super::doses::{Coverage, Tally};
use crate::api::{DoseSeen, LineStatus};
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
    /// Of which dose it is, and whether that was given.
    pub(super) dose: Option<DoseSeen>,
    pub(super) given: bool,
}

/// Somebody's place in a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct InLine {
    pub(super) status: LineStatus,
    pub(super) rank: u16,
    pub(super) since: Timestamp,
    /// What it has become, where it is granted.
    pub(super) granted: Option<HoldId>,
    /// What is offered now.
    pub(super) offer: Option<HoldId>,
}

/// All that was seen.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    /// What each booking of a ledger is, and when that was seen.
    pub(super) bookings: BTreeMap<HoldId, (Observed, Timestamp)>,
    /// The appointments of each patient of a ledger.
    pub(super) of_patients: BTreeMap<String, Vec<Owned>>,
    /// What has become of each delivery of a campaign.
    pub(super) lots: BTreeMap<DeliveryId, Tally>,
    /// What has become of each place in a line that the ledger knows.
    pub(super) lines: BTreeMap<WishId, InLine>,
    /// Holds that were offered to somebody who has not looked since.
    pub(super) offers_unseen: BTreeSet<HoldId>,
    /// Who is protected; a journal does not say.
    pub(super) coverage: Option<Coverage>,
}
