//! Campaigns, as clients write and read them.

use creneau::campaign::{Booster, Campaign, Group, Phase, Vaccine};
use creneau::{CampaignInfo, Code, Timestamp, VaccineId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::dto::Text;
use super::local::Instant;
use super::openapi::texts;

/// People, by what is stated of them: they meet each list that is not empty by one of its names.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CampaignGroup)]
pub(super) struct GroupJson {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<texts::Code>, max_items = 32)]
    bands: Vec<Text<Code>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<texts::Code>, max_items = 100)]
    conditions: Vec<Text<Code>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<texts::Code>, max_items = 100)]
    professions: Vec<Text<Code>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<texts::Code>, max_items = 100)]
    territories: Vec<Text<Code>>,
}

/// A stretch of a campaign in which some may book.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CampaignPhase)]
pub(super) struct PhaseJson {
    /// It is written beside each booking that it allows, so it must tell no more of a patient than
    /// may be written. Each once.
    #[schema(value_type = texts::Code)]
    id: Text<Code>,
    /// For whom it is, as those read who are refused.
    #[schema(value_type = texts::Name)]
    says: String,
    /// From when on they may book.
    #[schema(value_type = texts::Instant)]
    opens: InUtc,
    /// Until when; without end if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<texts::Instant>)]
    closes: Option<InUtc>,
    /// Anybody of one of these may; everybody if there is none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 32)]
    groups: Vec<GroupJson>,
    /// Which doses, counted from 1; any if there is none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 9)]
    doses: Vec<u8>,
}

/// An instant that is read with any offset, and written in UTC: a campaign has no zone of its own.
pub(super) struct InUtc(pub(super) Timestamp);

impl<'de> Deserialize<'de> for InUtc {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Text(Instant(at)) = Text::deserialize(deserializer)?;
        Ok(Self(at))
    }
}

impl Serialize for InUtc {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// Doses after those that make a person's protection complete.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Booster)]
pub(super) struct BoosterJson {
    /// Days after the dose before.
    #[schema(maximum = 730)]
    after_days: u16,
    /// How many.
    #[schema(maximum = 9)]
    most: u8,
}

/// A vaccine of a campaign.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Vaccine)]
pub(super) struct VaccineJson {
    /// Each once.
    #[schema(value_type = texts::VaccineId)]
    id: Text<VaccineId>,
    #[schema(value_type = texts::Name)]
    name: String,
    /// Doses until a person's protection is complete; with boosters, 9 at most.
    #[schema(minimum = 1, maximum = 9)]
    doses: u8,
    /// The fewest days between two of them,
    #[schema(minimum = 1, maximum = 730)]
    days_min: u16,
    /// and the most.
    #[schema(minimum = 1, maximum = 730)]
    days_max: u16,
    /// None if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    booster: Option<BoosterJson>,
    /// Days after an infection before which it is not given.
    #[serde(default)]
    #[schema(maximum = 730)]
    after_infection_days: u16,
    /// Minutes for which a patient stays after a dose.
    #[serde(default)]
    #[schema(maximum = 240)]
    reaction_minutes: u16,
    /// The age bands for which it is; all if there is none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<texts::Code>, max_items = 32)]
    bands: Vec<Text<Code>>,
}

/// What a campaign sets.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CampaignSet)]
pub(super) struct CampaignJson {
    #[schema(value_type = texts::Name)]
    name: String,
    /// Its age bands, the youngest first; each once.
    #[schema(value_type = Vec<texts::Code>, min_items = 1, max_items = 32)]
    bands: Vec<Text<Code>>,
    #[schema(min_items = 1, max_items = 16)]
    vaccines: Vec<VaccineJson>,
    /// Who may book when.
    #[schema(min_items = 1, max_items = 64)]
    phases: Vec<PhaseJson>,
    /// Who comes first where there are too few doses: whoever is of an earlier group; last, whoever
    /// is of none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 32)]
    line: Vec<GroupJson>,
}

fn read(names: Vec<Text<Code>>) -> Vec<Code> {
    names.into_iter().map(|Text(name)| name).collect()
}

fn written(names: &[Code]) -> Vec<Text<Code>> {
    names.iter().cloned().map(Text).collect()
}

fn each<A, B: From<A>>(list: Vec<A>) -> Vec<B> {
    list.into_iter().map(B::from).collect()
}

fn each_of<'a, A, B: From<&'a A>>(list: &'a [A]) -> Vec<B> {
    list.iter().map(B::from).collect()
}

impl From<GroupJson> for Group {
    fn from(group: GroupJson) -> Self {
        Self {
            bands: read(group.bands),
            conditions: read(group.conditions),
            professions: read(group.professions),
            territories: read(group.territories),
        }
    }
}

impl From<&Group> for GroupJson {
    fn from(group: &Group) -> Self {
        Self {
            bands: written(&group.bands),
            conditions: written(&group.conditions),
            professions: written(&group.professions),
            territories: written(&group.territories),
        }
    }
}

impl From<PhaseJson> for Phase {
    fn from(phase: PhaseJson) -> Self {
        Self {
            id: phase.id.0,
            says: phase.says,
            opens: phase.opens.0,
            closes: phase.closes.map(|InUtc(at)| at),
            groups: each(phase.groups),
            doses: phase.doses,
        }
    }
}

impl From<&Phase> for PhaseJson {
    fn from(phase: &Phase) -> Self {
        Self {
            id: Text(phase.id.clone()),
            says: phase.says.clone(),
            opens: InUtc(phase.opens),
            closes: phase.closes.map(InUtc),
            groups: each_of(&phase.groups),
            doses: phase.doses.clone(),
        }
    }
}

impl From<VaccineJson> for Vaccine {
    fn from(vaccine: VaccineJson) -> Self {
        let booster = |BoosterJson { after_days, most }| Booster { after_days, most };
        Self {
            id: vaccine.id.0,
            name: vaccine.name,
            doses: vaccine.doses,
            days_min: vaccine.days_min,
            days_max: vaccine.days_max,
            booster: vaccine.booster.map(booster),
            after_infection_days: vaccine.after_infection_days,
            reaction_minutes: vaccine.reaction_minutes,
            bands: read(vaccine.bands),
        }
    }
}

impl From<&Vaccine> for VaccineJson {
    fn from(vaccine: &Vaccine) -> Self {
        let booster = |Booster { after_days, most }| BoosterJson { after_days, most };
        Self {
            id: Text(vaccine.id.clone()),
            name: vaccine.name.clone(),
            doses: vaccine.doses,
            days_min: vaccine.days_min,
            days_max: vaccine.days_max,
            booster: vaccine.booster.map(booster),
            after_infection_days: vaccine.after_infection_days,
            reaction_minutes: vaccine.reaction_minutes,
            bands: written(&vaccine.bands),
        }
    }
}

impl From<CampaignJson> for Campaign {
    fn from(asked: CampaignJson) -> Self {
        Self {
            name: asked.name,
            bands: read(asked.bands),
            vaccines: each(asked.vaccines),
            phases: each(asked.phases),
            line: each(asked.line),
        }
    }
}

impl From<&Campaign> for CampaignJson {
    fn from(campaign: &Campaign) -> Self {
        Self {
            name: campaign.name.clone(),
            bands: written(&campaign.bands),
            vaccines: each_of(&campaign.vaccines),
            phases: each_of(&campaign.phases),
            line: each_of(&campaign.line),
        }
    }
}

/// A campaign as it is set now.
#[derive(Serialize, ToSchema)]
#[schema(as = Campaign)]
pub(super) struct CampaignBody {
    #[schema(value_type = texts::CampaignId)]
    campaign_id: String,
    /// How often it was set, from 1.
    #[schema(minimum = 1)]
    version: u32,
    campaign: CampaignJson,
}

impl CampaignBody {
    pub(super) fn new(id: creneau::CampaignId, version: u32, campaign: &Campaign) -> Self {
        Self { campaign_id: id.to_string(), version, campaign: campaign.into() }
    }
}

impl From<CampaignInfo> for CampaignBody {
    fn from(info: CampaignInfo) -> Self {
        Self::new(info.id, info.version, &info.campaign)
    }
}

/// A page of campaigns.
#[derive(Serialize, ToSchema)]
pub(super) struct CampaignsPage {
    /// In the order of their ids.
    #[schema(max_items = 1000)]
    pub(super) campaigns: Vec<CampaignBody>,
    /// The `cursor` of the next page, where there is more.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<texts::Cursor>, nullable = false)]
    pub(super) next: Option<String>,
}
