//! Doses of campaigns, as clients write and read them.

use creneau::campaign::{Dose, DoseRule, Elsewhere, Facts, Record, Recorded};
use creneau::{CampaignId, Code, DoseAsked, DoseGiven, NextDose, PersonId, Timestamp, VaccineId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::dto::{HoldAsked, HoldBody, Text};
use super::local::{Instant, Local, Zone};
use super::openapi::texts;

/// That whoever books a reason has a dose of a campaign. The calendar has a `place_id`, where the
/// doses are kept.
#[derive(Clone, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DoseRule)]
pub(super) struct DoseRuleJson {
    #[schema(value_type = texts::CampaignId)]
    campaign_id: Text<CampaignId>,
    /// The id of one of the campaign's vaccines.
    #[schema(value_type = texts::VaccineId)]
    vaccine: Text<VaccineId>,
}

impl From<DoseRuleJson> for DoseRule {
    fn from(rule: DoseRuleJson) -> Self {
        Self { campaign: rule.campaign_id.0, vaccine: rule.vaccine.0 }
    }
}

impl From<&DoseRule> for DoseRuleJson {
    fn from(rule: &DoseRule) -> Self {
        Self { campaign_id: Text(rule.campaign), vaccine: Text(rule.vaccine.clone()) }
    }
}

/// A dose that was given where this server does not know of it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Elsewhere)]
pub(super) struct ElsewhereJson {
    /// Which, counted from 1.
    #[schema(minimum = 1, maximum = 9)]
    number: u8,
    /// The vaccine, by its id in the campaign.
    #[schema(value_type = texts::VaccineId)]
    vaccine: Text<VaccineId>,
    /// When it was given.
    #[schema(value_type = texts::Instant)]
    at: Text<Instant>,
}

/// What counts for a campaign, as whoever may know it states it: names alone, never a date of
/// birth. It is judged and not kept.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Facts)]
pub(super) struct FactsJson {
    /// When it was stated. It counts for an hour.
    #[schema(value_type = texts::Instant)]
    stated_at: Text<Instant>,
    /// The age band: one of the campaign's.
    #[schema(value_type = texts::Code)]
    band: Text<Code>,
    #[serde(default)]
    #[schema(value_type = Option<texts::Code>)]
    territory: Option<Text<Code>>,
    /// Each once.
    #[serde(default)]
    #[schema(value_type = Vec<texts::Code>, max_items = 100)]
    conditions: Vec<Text<Code>>,
    /// Each once.
    #[serde(default)]
    #[schema(value_type = Vec<texts::Code>, max_items = 100)]
    professions: Vec<Text<Code>>,
    /// When they were last infected.
    #[serde(default)]
    #[schema(value_type = Option<texts::Instant>)]
    infected_at: Option<Text<Instant>>,
    /// Doses that they were given elsewhere, each `number` once.
    #[serde(default)]
    #[schema(max_items = 9)]
    elsewhere: Vec<ElsewhereJson>,
}

impl From<FactsJson> for Facts {
    fn from(facts: FactsJson) -> Self {
        let names = |list: Vec<Text<Code>>| list.into_iter().map(|Text(name)| name).collect();
        let elsewhere = |ElsewhereJson { number, vaccine, at }| Elsewhere {
            number,
            vaccine: vaccine.0,
            at: at.0.0,
        };
        Self {
            stated_at: facts.stated_at.0.0,
            band: facts.band.0,
            territory: facts.territory.map(|Text(name)| name),
            conditions: names(facts.conditions),
            professions: names(facts.professions),
            infected_at: facts.infected_at.map(|Text(Instant(at))| at),
            elsewhere: facts.elsewhere.into_iter().map(elsewhere).collect(),
        }
    }
}

/// The dose that a hold asks for beside its slot. Its vaccine is that of the reason.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DoseRequest)]
pub(super) struct DoseJson {
    /// The campaign of the reason.
    #[schema(value_type = texts::CampaignId)]
    pub(super) campaign_id: String,
    /// Which dose of the patient's, counted from 1.
    #[schema(minimum = 1, maximum = 9)]
    number: u8,
    facts: FactsJson,
}

impl DoseJson {
    pub(super) fn of(self, campaign: CampaignId) -> DoseAsked {
        DoseAsked { campaign, number: self.number, facts: self.facts.into() }
    }
}

/// The dose of a hold or an appointment. Of what was stated of the patient it tells nothing.
#[derive(Serialize, ToSchema)]
#[schema(as = Dose)]
pub(super) struct DoseBody {
    #[schema(value_type = texts::CampaignId)]
    campaign_id: String,
    /// Which dose of the patient's, counted from 1.
    #[schema(minimum = 1, maximum = 9)]
    number: u8,
    #[schema(value_type = texts::VaccineId)]
    vaccine: String,
    /// The delivery of which it is; left out where there is none for it any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<texts::DeliveryId>, nullable = false)]
    delivery_id: Option<String>,
    /// The hold of the patient's other dose that was made together with this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<texts::HoldId>, nullable = false)]
    twin: Option<String>,
}

impl DoseBody {
    /// None of what has no dose.
    pub(super) fn of(dose: Option<&Dose>) -> Option<Self> {
        dose.map(|dose| Self {
            campaign_id: dose.campaign.to_string(),
            number: dose.number,
            vaccine: dose.vaccine.to_string(),
            delivery_id: dose.delivery.map(|id| id.to_string()),
            twin: dose.twin.map(|id| id.to_string()),
        })
    }
}

/// Two doses of a patient, one after the other: each is held as by itself, both or neither.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DosesRequest)]
pub(super) struct DosesAsked {
    pub(super) first: HoldAsked,
    /// For the same patient and campaign, with the `number` after that of the first.
    pub(super) second: HoldAsked,
}

/// Two holds that are confirmed, renewed and released together, whichever of them is named.
#[derive(Serialize, ToSchema)]
#[schema(as = HeldDoses)]
pub(super) struct DosesBody {
    pub(super) first: HoldBody,
    pub(super) second: HoldBody,
}

/// A dose that somebody may have or not.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = EligibilityRequest)]
pub(super) struct EligibilityAsked {
    /// The id of one of the campaign's vaccines.
    #[schema(value_type = texts::VaccineId)]
    pub(super) vaccine: Text<VaccineId>,
    /// Which dose of theirs, counted from 1.
    #[schema(minimum = 1, maximum = 9)]
    pub(super) number: u8,
    /// When it would be given; now if left out.
    #[serde(default)]
    #[schema(value_type = Option<texts::Instant>)]
    pub(super) start: Option<Text<Instant>>,
    pub(super) facts: FactsJson,
    /// Who, so that what is recorded of them counts too.
    #[serde(default)]
    #[schema(value_type = Option<texts::PatientId>)]
    pub(super) patient_id: Option<Text<PersonId>>,
}

/// By which phase somebody may have a dose now.
#[derive(Serialize, ToSchema)]
#[schema(as = Eligibility)]
pub(super) struct EligibilityBody {
    #[schema(value_type = texts::Code)]
    pub(super) phase: String,
}

/// Whose doses are looked for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DosesSearchRequest)]
pub(super) struct DosesSearchAsked {
    #[schema(value_type = texts::PatientId)]
    pub(super) patient_id: Text<PersonId>,
}

/// How far a dose has come.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = DoseStatus)]
enum RecordedBody {
    Held,
    Booked,
    Given,
}

/// What is recorded of a dose of a patient's.
#[derive(Serialize, ToSchema)]
#[schema(as = RecordedDose)]
pub(super) struct RecordBody {
    /// Which, counted from 1.
    #[schema(minimum = 1, maximum = 9)]
    number: u8,
    #[schema(value_type = texts::VaccineId)]
    vaccine: String,
    /// When it is given, or was.
    #[schema(value_type = texts::UtcInstant)]
    at: Text<Timestamp>,
    status: RecordedBody,
    /// By which hold; only while it is `held`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<texts::HoldId>, nullable = false)]
    hold_id: Option<String>,
    /// By which appointment; not while it is `held`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<texts::AppointmentId>, nullable = false)]
    appointment_id: Option<String>,
}

impl From<Record> for RecordBody {
    fn from(record: Record) -> Self {
        let Record { booking, number, vaccine, at, is } = record;
        let status = match is {
            Recorded::Held => RecordedBody::Held,
            Recorded::Booked => RecordedBody::Booked,
            Recorded::Given => RecordedBody::Given,
        };
        let held = is == Recorded::Held;
        let appointment = booking.filter(|_| !held).map(creneau::AppointmentId::from);
        Self {
            number,
            vaccine: vaccine.to_string(),
            at: Text(at),
            status,
            hold_id: booking.filter(|_| held).map(|id| id.to_string()),
            appointment_id: appointment.map(|id| id.to_string()),
        }
    }
}

/// What is recorded of a patient's doses in a campaign.
#[derive(Serialize, ToSchema)]
#[schema(as = RecordedDoses)]
pub(super) struct RecordsBody {
    /// In the order of their numbers.
    pub(super) doses: Vec<RecordBody>,
}

/// What becomes of the appointment for the dose after the one that is cancelled.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = NextDose)]
pub(super) enum NextDoseJson {
    /// It stays: a dose before it will be booked anew.
    Keep,
    /// It goes too, in the same step.
    Cancel,
}

impl From<NextDoseJson> for NextDose {
    fn from(next: NextDoseJson) -> Self {
        match next {
            NextDoseJson::Keep => Self::Keep,
            NextDoseJson::Cancel => Self::Cancel,
        }
    }
}

/// In whose name an appointment is cancelled, and what becomes of the dose after it.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CancelRequest)]
pub(super) struct CancelAsked {
    /// The patient who asks: who booked it, or nobody may.
    #[serde(default)]
    #[schema(value_type = Option<texts::PatientId>)]
    pub(super) by: Option<Text<PersonId>>,
    /// Whether the practice asks, which takes a token with the scope `operate` beside `book`.
    #[serde(default)]
    pub(super) practice: bool,
    /// Must be said where the patient has an appointment for the dose after it.
    #[serde(default)]
    pub(super) next_dose: Option<NextDoseJson>,
}

/// A dose that was given.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = GiveRequest)]
pub(super) struct GiveAsked {
    /// The delivery of which it was, where that is another than the one that was booked.
    #[serde(default)]
    #[schema(value_type = Option<texts::DeliveryId>)]
    pub(super) delivery_id: Option<String>,
}

/// A dose that was given.
#[derive(Serialize, ToSchema)]
#[schema(as = DoseGiven)]
pub(super) struct GivenBody {
    #[schema(value_type = texts::AppointmentId)]
    appointment_id: String,
    /// Which dose of the patient's, counted from 1.
    #[schema(minimum = 1, maximum = 9)]
    number: u8,
    #[schema(value_type = texts::DeliveryId)]
    delivery_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<texts::LotId>, nullable = false)]
    lot: Option<String>,
    /// When.
    #[schema(value_type = texts::LocalInstant)]
    at: Local,
    /// Until when the patient stays.
    #[schema(value_type = texts::LocalInstant)]
    stays_until: Local,
}

impl GivenBody {
    pub(super) fn new(given: DoseGiven, zone: &Zone) -> Self {
        let DoseGiven { appointment, number, delivery, lot, at, stays_until } = given;
        Self {
            appointment_id: appointment.to_string(),
            number,
            delivery_id: delivery.to_string(),
            lot: lot.map(|lot| lot.to_string()),
            at: zone.local(at),
            stays_until: zone.local(stays_until),
        }
    }
}
