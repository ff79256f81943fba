//! Events of campaigns, as programs read them.

use creneau::booking::Booking;
use creneau::campaign::{Delivery, Dose};
use creneau::{
    CampaignId, Code, DeliveryId, HoldId, InLine, LotId, PersonId, PlaceId, ReasonId, Timestamp,
    VaccineId, WishId,
};
use serde::Serialize;
use utoipa::ToSchema;

use super::delivery_dto::DeliverySaid;
use super::dto::Text;
use super::openapi::texts;

/// The dose of a booking, with what was written down of how it was allowed.
#[derive(Serialize, ToSchema)]
#[schema(as = EventDose)]
pub(super) struct DoseSeen {
    #[schema(value_type = texts::CampaignId)]
    campaign_id: Text<CampaignId>,
    /// The campaign's version by whose rules it was allowed.
    version: u32,
    /// The phase that allowed it.
    #[schema(value_type = texts::Code)]
    phase: Text<Code>,
    #[schema(value_type = texts::VaccineId)]
    vaccine: Text<VaccineId>,
    /// Which dose of the patient's, counted from 1.
    number: u8,
    /// Where it is kept and given.
    #[schema(value_type = texts::PlaceId)]
    place_id: Text<PlaceId>,
    /// Left out where there is none for it any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<texts::DeliveryId>, nullable = false)]
    delivery_id: Option<Text<DeliveryId>>,
    /// The patient's age band.
    #[schema(value_type = texts::Code)]
    band: Text<Code>,
    /// The patient's territory, where one was stated.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<texts::Code>, nullable = false)]
    territory: Option<Text<Code>>,
    /// When the dose before was given, where that was elsewhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<texts::UtcInstant>, nullable = false)]
    elsewhere: Option<Text<Timestamp>>,
    /// The hold of the patient's other dose that was made together with this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<texts::HoldId>, nullable = false)]
    twin: Option<Text<HoldId>>,
}

impl DoseSeen {
    pub(super) fn of(booking: &Booking) -> Option<Self> {
        booking.details.dose.as_deref().map(Self::from)
    }
}

impl From<&Dose> for DoseSeen {
    fn from(dose: &Dose) -> Self {
        Self {
            campaign_id: Text(dose.campaign),
            version: dose.version,
            phase: Text(dose.phase.clone()),
            vaccine: Text(dose.vaccine.clone()),
            number: dose.number,
            place_id: Text(dose.place),
            delivery_id: dose.delivery.map(Text),
            band: Text(dose.band.clone()),
            territory: dose.territory.clone().map(Text),
            elsewhere: dose.elsewhere.map(Text),
            twin: dose.twin.map(Text),
        }
    }
}

/// What is or will be delivered.
#[derive(Serialize, ToSchema)]
#[schema(as = EventDelivery)]
pub(super) struct DeliverySeen {
    #[schema(value_type = texts::DeliveryId)]
    delivery_id: Text<DeliveryId>,
    #[serde(flatten)]
    said: DeliverySaid,
}

impl From<&Delivery> for DeliverySeen {
    fn from(delivery: &Delivery) -> Self {
        Self { delivery_id: Text(delivery.id), said: delivery.into() }
    }
}

/// Doses of a delivery that were wasted.
#[derive(Serialize, ToSchema)]
#[schema(as = EventWasted)]
pub(super) struct WastedSeen {
    #[schema(value_type = texts::DeliveryId)]
    pub(super) delivery_id: Text<DeliveryId>,
    /// In all so far.
    pub(super) doses: u32,
}

/// A lot that was recalled.
#[derive(Serialize, ToSchema)]
#[schema(as = EventRecall)]
pub(super) struct RecallSeen {
    #[schema(value_type = texts::CampaignId)]
    pub(super) campaign_id: Text<CampaignId>,
    #[schema(value_type = texts::LotId)]
    pub(super) lot: Text<LotId>,
}

/// Somebody who waits for a dose.
#[derive(Serialize, ToSchema)]
#[schema(as = EventLined)]
pub(super) struct LinedSeen {
    #[schema(value_type = texts::WishId)]
    wish_id: Text<WishId>,
    #[schema(value_type = texts::PatientId)]
    patient_id: Text<PersonId>,
    /// Who asked, where that is another.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<texts::PatientId>, nullable = false)]
    booked_by: Option<Text<PersonId>>,
    #[schema(value_type = texts::ReasonId)]
    reason: Text<ReasonId>,
    /// Who has a smaller one comes first.
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
    dose: DoseSeen,
}

impl From<&InLine> for LinedSeen {
    fn from(place: &InLine) -> Self {
        Self {
            wish_id: Text(place.id),
            patient_id: Text(place.person.clone()),
            booked_by: place.booked_by.clone().map(Text),
            reason: Text(place.reason.clone()),
            rank: place.rank,
            since: Text(place.since),
            from: Text(place.from),
            until: Text(place.until),
            dose: (&place.dose).into(),
        }
    }
}

/// Somebody who waits for a dose no more.
#[derive(Serialize, ToSchema)]
#[schema(as = EventLeftLine)]
pub(super) struct LeftLineSeen {
    #[schema(value_type = texts::WishId)]
    pub(super) wish_id: Text<WishId>,
}
