//! What a booking says of its dose, and what is recorded of a person's.

use rkyv::{Archive, Deserialize, Serialize};

use crate::ids::{CampaignId, Code, DeliveryId, HoldId, PlaceId, VaccineId};
use crate::time::Timestamp;

/// The dose of a booking. It says all that has to be known of it later, and nothing that would
/// tell what is stated of a person beyond their age band and territory.
#[derive(Archive, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct Dose {
    /// Of which campaign.
    pub campaign: CampaignId,
    /// The campaign's version by whose rules it was allowed.
    pub version: u32,
    /// The phase that allowed it.
    pub phase: Code,
    /// Of which vaccine.
    pub vaccine: VaccineId,
    /// Which dose of the person's, counted from 1.
    pub number: u8,
    /// Where it is kept and given.
    pub place: PlaceId,
    /// Of which delivery it is; none where there is none for it any more.
    pub delivery: Option<DeliveryId>,
    /// The person's age band.
    pub band: Code,
    /// The person's territory.
    pub territory: Option<Code>,
    /// When the dose before was given, where that was elsewhere.
    pub elsewhere: Option<Timestamp>,
    /// The booking of the person's other dose that was made together with this one.
    pub twin: Option<HoldId>,
}

/// How far a dose of a person's has come.
#[derive(Archive, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Recorded {
    /// Held with a slot.
    Held,
    /// Booked.
    Booked,
    /// Given.
    Given,
}

/// What is recorded of a dose of a person's.
#[derive(Archive, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// By which booking; none where it was given elsewhere.
    pub booking: Option<HoldId>,
    /// Which, counted from 1.
    pub number: u8,
    /// Of which vaccine.
    pub vaccine: VaccineId,
    /// When it is given, or was.
    pub at: Timestamp,
    /// How far it has come.
    pub is: Recorded,
}
