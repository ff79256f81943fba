//! The lines of campaigns, as clients write and read them.

use creneau::{
    AskLine, CampaignId, CommandKey, InLine, LineInfo, ListedLine, OfferRemaining, PersonId,
    PlaceId, ReasonId, Remaining, Standing, Timestamp, VaccineId, WeeklyHours, WishId, WishStatus,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::app::App;
use super::by_dto::PatientJson;
use super::calendar_dto::WeekJson;
use super::dose_dto::FactsJson;
use super::dto::{HoldBody, Text};
use super::local::{Day, Instant};
use super::openapi::texts;
use super::problem::Problem;
use super::wish_dto::WishStatusBody;

/// Asks that somebody waits for a dose at a place.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = LineRequest)]
pub(super) struct LineAsked {
    #[schema(value_type = texts::PlaceId)]
    pub(super) place_id: String,
    /// The id of a reason that gives doses of the campaign in a calendar of the place. It says
    /// which vaccine.
    #[schema(value_type = texts::ReasonId)]
    reason: Text<ReasonId>,
    /// Which dose of the patient's, counted from 1.
    #[schema(minimum = 1, maximum = 9)]
    number: u8,
    facts: FactsJson,
    /// Who waits.
    #[schema(value_type = texts::PatientId)]
    patient_id: Text<PersonId>,
    /// Who asks, and alone may leave the line; who waits if left out.
    #[serde(default)]
    #[schema(value_type = Option<texts::PatientId>)]
    booked_by: Option<Text<PersonId>>,
    /// Whether the practice has seen them before, which some reasons ask for.
    #[serde(default)]
    patient: Option<PatientJson>,
    /// Hours of the week in which it may start; any if left out or empty.
    #[serde(default)]
    hours: Option<WeekJson>,
    /// The first date; today if left out.
    #[serde(default)]
    #[schema(value_type = Option<texts::Date>)]
    from: Option<Text<Day>>,
    /// The last date; as far as calendars go if left out.
    #[serde(default)]
    #[schema(value_type = Option<texts::Date>)]
    until: Option<Text<Day>>,
}

impl LineAsked {
    pub(super) fn of(
        self,
        campaign: CampaignId,
        place: PlaceId,
        command: Option<CommandKey>,
    ) -> AskLine {
        let when = self.hours.map(WeeklyHours::from);
        AskLine {
            campaign,
            place,
            reason: self.reason.0,
            number: self.number,
            facts: self.facts.into(),
            person: self.patient_id.0,
            booked_by: self.booked_by.map(|person| person.0),
            standing: self.patient.map(Standing::from),
            when: when.filter(|when| when.days.iter().any(|day| !day.is_empty())),
            from: self.from.map(|Text(Day(date))| date.into()),
            until: self.until.map(|Text(Day(date))| date.into()),
            command,
        }
    }
}

/// Somebody's place in the line of a campaign. Of what was stated of them it tells nothing.
#[derive(Serialize, ToSchema)]
#[schema(as = PlaceInLine)]
pub(super) struct LineBody {
    #[schema(value_type = texts::WishId)]
    wish_id: Text<WishId>,
    #[schema(value_type = texts::CampaignId)]
    campaign_id: Text<CampaignId>,
    #[schema(value_type = texts::PlaceId)]
    place_id: Text<PlaceId>,
    #[schema(value_type = texts::VaccineId)]
    vaccine: Text<VaccineId>,
    #[schema(value_type = texts::ReasonId)]
    reason: Text<ReasonId>,
    /// Which dose of the patient's, counted from 1.
    #[schema(minimum = 1, maximum = 9)]
    number: u8,
    status: WishStatusBody,
    /// The group of the campaign's `line` that they are of, counted from 0; the number of groups if
    /// they are of none. Who has a smaller one comes first.
    #[schema(maximum = 100)]
    rank: u16,
    /// Of a rank, who came before comes first.
    #[schema(value_type = texts::UtcInstant)]
    since: Text<Timestamp>,
    /// It may start from here on.
    #[schema(value_type = texts::UtcInstant)]
    from: Text<Timestamp>,
    /// And before here.
    #[schema(value_type = texts::UtcInstant)]
    until: Text<Timestamp>,
    /// Any hours if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    hours: Option<WeekJson>,
    /// How many come before them; only while they wait.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    before: Option<usize>,
    /// The appointment that it has become; only once it is `granted`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<texts::AppointmentId>, nullable = false)]
    appointment_id: Option<String>,
    /// What is offered now.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    offer: Option<HoldBody>,
}

impl LineBody {
    /// With the zone of the calendar of what is offered.
    pub(super) async fn read(app: &App, info: LineInfo) -> Self {
        let LineInfo { place, status, offer, before } = info;
        let offer = match &offer {
            Some(hold) => Some(HoldBody::new(hold, &app.zone(hold.calendar).await)),
            None => None,
        };
        let InLine { id, reason, dose, rank, since, when, from, until, .. } = place;
        let appointment_id = match status {
            WishStatus::Granted(id) => Some(id.to_string()),
            _ => None,
        };
        Self {
            wish_id: Text(id),
            campaign_id: Text(dose.campaign),
            place_id: Text(dose.place),
            vaccine: Text(dose.vaccine),
            reason: Text(reason),
            number: dose.number,
            status: status.into(),
            rank,
            since: Text(since),
            from: Text(from),
            until: Text(until),
            hours: when.as_ref().map(WeekJson::from),
            before,
            appointment_id,
            offer,
        }
    }

    /// Each of some.
    pub(super) async fn each(app: &App, all: Vec<LineInfo>) -> Vec<Self> {
        let mut bodies = Vec::with_capacity(all.len());
        for info in all {
            bodies.push(Self::read(app, info).await);
        }
        bodies
    }
}

/// Whose places in the lines of a campaign to list.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = LineSearchRequest)]
pub(super) struct LineSearchAsked {
    #[schema(value_type = texts::PatientId)]
    pub(super) patient_id: Text<PersonId>,
}

/// The places of a patient in the lines of a campaign.
#[derive(Serialize, ToSchema)]
#[schema(as = PlacesInLines)]
pub(super) struct PlacesBody {
    /// Those that are over too.
    #[schema(max_items = 1000)]
    pub(super) places: Vec<LineBody>,
}

/// Those who wait for a vaccine at a place.
#[derive(Serialize, ToSchema)]
#[schema(as = Line)]
pub(super) struct ListedLineBody {
    /// How many they are.
    waiting: usize,
    /// The first of them, in the order in which they are offered what comes free.
    #[schema(max_items = 1000)]
    first: Vec<LineBody>,
}

impl ListedLineBody {
    pub(super) async fn read(app: &App, line: ListedLine) -> Self {
        Self { waiting: line.waiting, first: LineBody::each(app, line.first).await }
    }
}

/// What is left at a place is to be offered to those who wait there.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RemainingRequest)]
pub(super) struct RemainingAsked {
    #[schema(value_type = texts::PlaceId)]
    pub(super) place_id: String,
    #[schema(value_type = texts::VaccineId)]
    vaccine: Text<VaccineId>,
    /// What starts from here on; from now on if left out.
    #[serde(default)]
    #[schema(value_type = Option<texts::Instant>)]
    from: Option<Text<Instant>>,
    /// And before here, at most 48 hours later; until the end of the day there if left out.
    #[serde(default)]
    #[schema(value_type = Option<texts::Instant>)]
    until: Option<Text<Instant>>,
    /// Minutes in which to answer, and not beyond the start.
    #[schema(minimum = 1, maximum = 1_440)]
    answer_minutes: u16,
    /// Whether who finds no free slot is offered a place in the overflow lanes.
    #[serde(default)]
    overflow: bool,
}

impl RemainingAsked {
    pub(super) fn of(
        self,
        campaign: CampaignId,
        place: PlaceId,
    ) -> Result<OfferRemaining, Problem> {
        if !(1..=1_440).contains(&self.answer_minutes) {
            return Err(Problem::invalid("answer_minutes", "must be 1 to 1440"));
        }
        Ok(OfferRemaining {
            campaign,
            place,
            vaccine: self.vaccine.0,
            from: self.from.map(|Text(Instant(at))| at),
            until: self.until.map(|Text(Instant(at))| at),
            answer_ms: i64::from(self.answer_minutes) * 60_000,
            overflow: self.overflow,
        })
    }
}

/// What was offered of what is left at a place.
#[derive(Serialize, ToSchema)]
#[schema(as = Remaining)]
pub(super) struct RemainingBody {
    /// The offers, in the order of the line.
    #[schema(max_items = 1000)]
    offers: Vec<HoldBody>,
    /// Doses that nobody has been offered, of those that can be given at the times asked for.
    left: u32,
    /// How many wait there without an offer.
    waiting: usize,
}

impl RemainingBody {
    /// With the zone of each offer's calendar.
    pub(super) async fn read(app: &App, remaining: Remaining) -> Self {
        let mut offers = Vec::with_capacity(remaining.offers.len());
        for hold in &remaining.offers {
            offers.push(HoldBody::new(hold, &app.zone(hold.calendar).await));
        }
        Self { offers, left: remaining.left, waiting: remaining.waiting }
    }
}
