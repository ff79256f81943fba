//! What a ledger says of a campaign: how it was set, what was delivered, and whom that concerned.

use creneau::{CalendarId, CampaignId, DeliveryId, HoldId, PlaceId, Timestamp, WishId};
use serde::{Deserialize, Serialize};

use super::{Told, text};

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
    /// The age bands by which those who wait come first; all others come after them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) line: Vec<String>,
}

impl CampaignSet {
    /// The rank that the line gives people of an age band.
    pub(crate) fn rank(&self, band: &str) -> usize {
        self.line.iter().position(|it| it == band).unwrap_or(self.line.len())
    }
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

/// Somebody's place in a line, as whoever joined it was told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Lined {
    #[serde(with = "text::plain")]
    pub(crate) wish: WishId,
    #[serde(with = "text::plain")]
    pub(crate) place: PlaceId,
    pub(crate) rank: u16,
    #[serde(with = "text::plain")]
    pub(crate) since: Timestamp,
    /// Before when what they wait for must start.
    #[serde(with = "text::plain")]
    pub(crate) until: Timestamp,
}

/// What somebody who waits was offered: a hold that they did not ask for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Offered {
    #[serde(with = "text::plain")]
    pub(crate) wish: WishId,
    /// When they had looked before, in vain: it was offered after that.
    #[serde(with = "text::plain")]
    pub(crate) looked_at: Timestamp,
    #[serde(flatten)]
    pub(crate) told: Told,
}

/// Somebody who waits has looked for the last time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Waited {
    #[serde(with = "text::plain")]
    pub(crate) wish: WishId,
    /// When they asked, and were offered nothing.
    #[serde(with = "text::plain")]
    pub(crate) looked_at: Timestamp,
}
