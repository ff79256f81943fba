//! Deliveries of doses and whom they concern, as clients write and read them.
//!
//! Who is concerned is named: only who operates the server reads it, and has to tell them.

use creneau::campaign::{Delivery, Tally};
use creneau::{
    CalendarId, CampaignId, CommandKey, Concerned, DeliveryId, DeliveryInfo, LotId, PlaceId,
    PutDelivered, PutDelivery, VaccineId,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::app::App;
use super::campaign_dto::InUtc;
use super::dto::Text;
use super::local::{Instant, Local};
use super::openapi::texts;

/// What is or will be delivered.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DeliveryRequest)]
pub(super) struct DeliveryAsked {
    #[schema(value_type = texts::PlaceId)]
    pub(super) place_id: String,
    /// The id of one of the campaign's vaccines.
    #[schema(value_type = texts::VaccineId)]
    vaccine: Text<VaccineId>,
    #[schema(value_type = texts::LotId)]
    lot: Text<LotId>,
    /// From when on the doses are there.
    #[schema(value_type = texts::Instant)]
    arrives: Text<Instant>,
    /// Until when they can be given; after `arrives`.
    #[schema(value_type = texts::Instant)]
    expires: Text<Instant>,
    /// How many.
    #[schema(maximum = 10_000_000)]
    doses: u32,
}

impl DeliveryAsked {
    /// What it says of which delivery.
    pub(super) fn of(
        self,
        (campaign, id): (CampaignId, Option<DeliveryId>),
        place: PlaceId,
        command: Option<CommandKey>,
    ) -> PutDelivery {
        PutDelivery {
            id,
            campaign,
            place,
            vaccine: self.vaccine.0,
            lot: self.lot.0,
            arrives: self.arrives.0.0,
            expires: self.expires.0.0,
            doses: self.doses,
            command,
        }
    }
}

/// What has become of the doses of a delivery.
#[derive(Serialize, ToSchema)]
#[schema(as = Tally)]
struct TallyBody {
    /// Held or booked.
    claimed: u32,
    given: u32,
    wasted: u32,
    /// Doses that nobody has; fewer than none where more are booked than are there.
    left: i64,
}

/// A delivery, and what has become of its doses.
#[derive(Serialize, ToSchema)]
#[schema(as = Delivery)]
pub(super) struct DeliveryBody {
    #[schema(value_type = texts::DeliveryId)]
    delivery_id: String,
    #[serde(flatten)]
    said: DeliverySaid,
    tally: TallyBody,
    /// Whether its lot was recalled.
    recalled: bool,
}

/// What is said of a delivery.
#[derive(Serialize, ToSchema)]
#[schema(as = DeliverySaid)]
pub(super) struct DeliverySaid {
    #[schema(value_type = texts::CampaignId)]
    campaign_id: String,
    #[schema(value_type = texts::PlaceId)]
    place_id: String,
    #[schema(value_type = texts::VaccineId)]
    vaccine: String,
    #[schema(value_type = texts::LotId)]
    lot: String,
    /// From when on the doses are there.
    #[schema(value_type = texts::UtcInstant)]
    arrives: InUtc,
    /// Until when they can be given.
    #[schema(value_type = texts::UtcInstant)]
    expires: InUtc,
    #[schema(maximum = 10_000_000)]
    doses: u32,
}

impl From<&Delivery> for DeliverySaid {
    fn from(delivery: &Delivery) -> Self {
        Self {
            campaign_id: delivery.campaign.to_string(),
            place_id: delivery.place.to_string(),
            vaccine: delivery.vaccine.to_string(),
            lot: delivery.lot.to_string(),
            arrives: InUtc(delivery.arrives),
            expires: InUtc(delivery.expires),
            doses: delivery.doses,
        }
    }
}

impl From<DeliveryInfo> for DeliveryBody {
    fn from(info: DeliveryInfo) -> Self {
        let DeliveryInfo { delivery, tally, recalled } = info;
        let left = tally.left(delivery.doses);
        let Tally { claimed, given, wasted } = tally;
        Self {
            delivery_id: delivery.id.to_string(),
            said: DeliverySaid::from(&delivery),
            tally: TallyBody { claimed, given, wasted, left },
            recalled,
        }
    }
}

/// An appointment whose dose has changed, or was given of a lot that was recalled.
#[derive(Serialize, ToSchema)]
#[schema(as = Concerned)]
pub(super) struct ConcernedBody {
    /// Of a hold, what it would become.
    #[schema(value_type = texts::AppointmentId)]
    appointment_id: String,
    /// Whose it is. It stands here because who operates the server has to tell them.
    #[schema(value_type = texts::PatientId)]
    patient_id: String,
    #[schema(value_type = texts::CalendarId)]
    calendar_id: String,
    #[schema(value_type = texts::LocalInstant)]
    start: Local,
    /// The delivery of which its dose is now, or was when it was given; left out where none is left
    /// for it at its place.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<texts::DeliveryId>, nullable = false)]
    delivery_id: Option<String>,
    /// Whether its dose was given.
    given: bool,
}

impl ConcernedBody {
    async fn new(concerned: &Concerned, app: &App) -> Self {
        let calendar: CalendarId = concerned.calendar;
        Self {
            appointment_id: concerned.appointment.to_string(),
            patient_id: concerned.person.to_string(),
            calendar_id: calendar.to_string(),
            start: app.zone(calendar).await.local(concerned.start),
            delivery_id: concerned.delivery.map(|id| id.to_string()),
            given: concerned.given,
        }
    }

    pub(super) async fn each(all: &[Concerned], app: &App) -> Vec<Self> {
        let mut told = Vec::with_capacity(all.len());
        for concerned in all {
            told.push(Self::new(concerned, app).await);
        }
        told
    }
}

/// A delivery as it is now, and the appointments that it could not serve any more.
#[derive(Serialize, ToSchema)]
#[schema(as = Delivered)]
pub(super) struct DeliveredBody {
    delivery: DeliveryBody,
    /// Whose dose is of another delivery now, or of none; who booked last comes first.
    #[schema(max_items = 1000)]
    concerned: Vec<ConcernedBody>,
}

impl DeliveredBody {
    pub(super) async fn new(put: PutDelivered, app: &App) -> Self {
        let concerned = ConcernedBody::each(&put.concerned, app).await;
        Self { delivery: put.info.into(), concerned }
    }
}

/// Deliveries of a campaign to a place.
#[derive(Serialize, ToSchema)]
#[schema(as = Deliveries)]
pub(super) struct DeliveriesBody {
    /// By vaccine; those first of which doses are taken first.
    pub(super) deliveries: Vec<DeliveryBody>,
}

/// Doses that were wasted.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = WastedRequest)]
pub(super) struct WastedAsked {
    /// How many of the delivery, in all so far.
    #[schema(maximum = 10_000_000)]
    pub(super) doses: u32,
}

/// A lot of which no dose is to be given any more.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RecallRequest)]
pub(super) struct RecallAsked {
    #[schema(value_type = texts::LotId)]
    pub(super) lot: Text<LotId>,
}

/// Whom something concerns.
#[derive(Serialize, ToSchema)]
#[schema(as = ConcernedList)]
pub(super) struct ConcernedPage {
    pub(super) concerned: Vec<ConcernedBody>,
}
