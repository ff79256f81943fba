//! In whose name something is asked, and how a booking came about.

use creneau::campaign::DoseRule;
use creneau::{By, Channel, Details, PersonId, Rules, Standing, Visit};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::dose_dto::DoseRuleJson;
use super::dto::Text;
use super::openapi::texts;
use super::problem::{Code, Problem};
use super::request::Asked;

/// In whose name something is asked. Nothing at all is said by who knows no patients.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ByRequest)]
pub(super) struct ByAsked {
    /// The patient who asks: who booked it, or nobody may.
    #[serde(default)]
    #[schema(value_type = Option<texts::PatientId>)]
    by: Option<Text<PersonId>>,
    /// Whether the practice asks, which takes a token with the scope `operate` beside `book`.
    #[serde(default)]
    practice: bool,
}

impl ByAsked {
    /// Who asks, if they may say so.
    pub(super) fn read(self, asked: &Asked) -> Result<By, Problem> {
        by(asked, self.by, self.practice)
    }
}

/// Who asks, if they may say so.
pub(super) fn by(
    asked: &Asked,
    person: Option<Text<PersonId>>,
    practice: bool,
) -> Result<By, Problem> {
    match (person, practice) {
        (Some(_), true) => Err(Problem::invalid("practice", "must not stand beside by")),
        (Some(Text(person)), false) => Ok(By::Person(person)),
        (None, true) => asked.practice().map(|()| By::Practice),
        (None, false) => Ok(By::Unsaid),
    }
}

impl Asked {
    /// Makes sure that who calls may speak for the practice.
    pub(super) fn practice(&self) -> Result<(), Problem> {
        if self.operates {
            return Ok(());
        }
        Err(Problem::new(Code::Forbidden, "practice needs a token with the scope operate"))
    }
}

/// Whether the practice has seen a patient before.
#[derive(Clone, Copy, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = Patient)]
pub(super) enum PatientJson {
    New,
    Known,
}

/// How a patient is seen.
#[derive(Clone, Copy, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = Visit)]
pub(super) enum VisitJson {
    InPerson,
    Video,
}

/// How a booking came to the practice.
#[derive(Clone, Copy, Deserialize, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = Channel)]
pub(super) enum ChannelJson {
    Online,
    Phone,
    OnSite,
}

/// How a reason is seen to.
#[derive(Clone, Copy, Default, Deserialize, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ReasonVisit)]
enum ReasonVisitJson {
    #[default]
    InPerson,
    Video,
    /// The hold chooses.
    Either,
}

impl From<PatientJson> for Standing {
    fn from(patient: PatientJson) -> Self {
        match patient {
            PatientJson::New => Self::New,
            PatientJson::Known => Self::Known,
        }
    }
}

impl From<Standing> for PatientJson {
    fn from(standing: Standing) -> Self {
        match standing {
            Standing::New => Self::New,
            Standing::Known => Self::Known,
        }
    }
}

/// Who may book a reason, how, and when. The practice is bound by `visit` alone.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ReasonRules)]
pub(super) struct RulesJson {
    /// The patients whom it is for, as they state it; all if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    patients: Option<PatientJson>,
    /// In person if left out.
    #[serde(default)]
    visit: ReasonVisitJson,
    /// It can be booked until so many minutes before its start.
    #[serde(default)]
    #[schema(maximum = 129_600)]
    notice_minutes: u32,
    /// Days after today that it can be booked, where that is less than `horizon_days`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(maximum = 730)]
    ahead_days: Option<u16>,
    /// How many there can be in one day, holds included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 65_535)]
    per_day: Option<u16>,
    /// What the patient should know or bring.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<texts::Instructions>)]
    instructions: Option<String>,
    /// Whether only the practice may book it.
    #[serde(default)]
    practice_only: bool,
    /// The dose that whoever books it has; none if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    dose: Option<DoseRuleJson>,
}

impl From<RulesJson> for Rules {
    fn from(rules: RulesJson) -> Self {
        let visit = match rules.visit {
            ReasonVisitJson::InPerson => Visit::InPerson,
            ReasonVisitJson::Video => Visit::Video,
            ReasonVisitJson::Either => Visit::Either,
        };
        Self {
            patients: rules.patients.map(Standing::from),
            visit,
            notice_minutes: rules.notice_minutes,
            ahead_days: rules.ahead_days,
            per_day: rules.per_day,
            instructions: rules.instructions,
            practice_only: rules.practice_only,
            dose: rules.dose.map(DoseRule::from),
        }
    }
}

/// None where a reason has no rules.
pub(super) fn rules_of(rules: &Rules) -> Option<RulesJson> {
    let visit = match rules.visit {
        Visit::InPerson => ReasonVisitJson::InPerson,
        Visit::Video => ReasonVisitJson::Video,
        Visit::Either => ReasonVisitJson::Either,
    };
    (*rules != Rules::default()).then(|| RulesJson {
        patients: rules.patients.map(PatientJson::from),
        visit,
        notice_minutes: rules.notice_minutes,
        ahead_days: rules.ahead_days,
        per_day: rules.per_day,
        instructions: rules.instructions.clone(),
        practice_only: rules.practice_only,
        dose: rules.dose.as_ref().map(DoseRuleJson::from),
    })
}

/// None for a visit in person.
pub(super) fn visit_of(details: &Details) -> Option<VisitJson> {
    details.by_video.then_some(VisitJson::Video)
}

/// None for what was booked online.
pub(super) fn with(details: &Details) -> Vec<String> {
    details.parts().iter().map(|part| part.calendar.to_string()).collect()
}

pub(super) fn channel_of(details: &Details) -> Option<ChannelJson> {
    match details.channel {
        Channel::Online => None,
        Channel::Phone => Some(ChannelJson::Phone),
        Channel::OnSite => Some(ChannelJson::OnSite),
    }
}

/// The channel that a booking is said to come by. Only the practice may say another than online.
pub(super) fn channel(said: Option<ChannelJson>, by: &By) -> Result<Channel, Problem> {
    match said {
        None if by.is_practice() => Ok(Channel::Phone),
        None | Some(ChannelJson::Online) => Ok(Channel::Online),
        Some(_) if !by.is_practice() => {
            Err(Problem::invalid("channel", "must be `online` where the practice does not book"))
        }
        Some(ChannelJson::Phone) => Ok(Channel::Phone),
        Some(ChannelJson::OnSite) => Ok(Channel::OnSite),
    }
}
