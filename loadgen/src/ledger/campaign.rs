//! What a ledger says of a campaign: how it was set, what was delivered, and whom that concerned.

use creneau::{CalendarId, CampaignId, DeliveryId, HoldId, PlaceId, Timestamp};
use serde::{Deserialize, Serialize};

use super::text;

/// A campaign as it was set before the first patient came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CampaignSet {
    #[serde(with = "text::plain")]
    pub(crate) campaign: CampaignId,
    pub(crate) days_min: u16,
    pub(crate) days_max: u16,
    pub(crate) after_infection_days: u16,
    pub(crate) cohorts: Vec<CohortSet>,
    pub(crate) centres: Vec<CentreSet>,
}

/// From when on an age band may book; never where the vaccine is not for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CohortSet {
    pub(crate) band: String,
    #[serde(default, with = "text::maybe", skip_serializing_if = "Option::is_none")]
    pub(crate) opens: Option<Timestamp>,
}

/// A calendar, and the place where its doses are kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CentreSet {
    #[serde(with = "text::plain")]
    pub(crate) calendar: CalendarId,
    #[serde(with = "text::plain")]
    pub(crate) place: PlaceId,
}

/// What is or will be delivered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Delivery {
    #[serde(default, with = "text::maybe", skip_serializing_if = "Option::is_none")]
    pub(crate) delivery: Option<DeliveryId>,
    #[serde(with = "text::plain")]
    pub(crate) place: PlaceId,
    pub(crate) lot: String,
    #[serde(with = "text::plain")]
    pub(crate) arrives: Timestamp,
    #[serde(with = "text::plain")]
    pub(crate) expires: Timestamp,
    pub(crate) doses: u32,
}

/// Somebody whose dose has changed, or was given of a lot that was recalled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Concerned {
    #[serde(with = "text::plain")]
    pub(crate) hold: HoldId,
    #[serde(default, with = "text::maybe", skip_serializing_if = "Option::is_none")]
    pub(crate) delivery: Option<DeliveryId>,
    pub(crate) given: bool,
}
