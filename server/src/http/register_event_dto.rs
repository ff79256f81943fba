//! Events of the register, as programs read them.

use creneau::{
    AppointmentId, CalendarId, LinkId, LinkOf, PersonId, Registration, TextId, Timestamp,
};
use serde::Serialize;
use utoipa::ToSchema;

use super::campaign_dto::CampaignBody;
use super::campaign_event_dto::{DeliverySeen, LeftLineSeen, LinedSeen, RecallSeen, WastedSeen};
use super::dto::Text;
use super::openapi::texts;
use super::register_dto::{PlaceBody, PractitionerBody};

/// What was put into the register, or taken out of it.
#[derive(Serialize, ToSchema)]
pub(super) struct RegisterSeen {
    #[schema(value_type = texts::UtcInstant)]
    at: Text<Timestamp>,
    what: RegisteredBody,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = Registered)]
enum RegisteredBody {
    /// A practitioner, new or changed.
    Practitioner(PractitionerBody),
    /// A place, new or changed.
    Place(PlaceBody),
    /// A private link was made. Its secret is not told.
    Linked(LinkSeen),
    /// A private link was ended.
    Unlinked(LinkSeen),
    /// An appointment was reviewed.
    Reviewed(ReviewSeen),
    /// A practice replied to a review.
    Replied(ReplySeen),
    /// A campaign, new or changed.
    Campaign(CampaignBody),
    /// A delivery of doses, new or changed.
    Delivered(DeliverySeen),
    /// Doses were wasted.
    Wasted(WastedSeen),
    /// A lot was recalled.
    Recalled(RecallSeen),
    /// Somebody waits for a dose.
    Lined(LinedSeen),
    /// Somebody waits for a dose no more.
    LeftLine(LeftLineSeen),
}

/// What was said of an appointment that took place.
#[derive(Serialize, ToSchema)]
#[schema(as = EventReview)]
struct ReviewSeen {
    #[schema(value_type = texts::AppointmentId)]
    appointment_id: Text<AppointmentId>,
    #[schema(value_type = texts::CalendarId)]
    calendar_id: Text<CalendarId>,
    positive: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<texts::TextId>, nullable = false)]
    text_id: Option<Text<TextId>>,
}

/// What a practice says to a review.
#[derive(Serialize, ToSchema)]
#[schema(as = EventReply)]
struct ReplySeen {
    #[schema(value_type = texts::AppointmentId)]
    appointment_id: Text<AppointmentId>,
    #[schema(value_type = texts::TextId)]
    text_id: Text<TextId>,
}

/// A private link: to the appointments of a calendar, or of a patient.
#[derive(Serialize, ToSchema)]
#[schema(as = EventLink)]
struct LinkSeen {
    #[schema(value_type = texts::LinkId)]
    link_id: Text<LinkId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<texts::CalendarId>, nullable = false)]
    calendar_id: Option<Text<CalendarId>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<texts::PatientId>, nullable = false)]
    patient_id: Option<Text<PersonId>>,
}

impl RegisterSeen {
    pub(super) fn new(at: Timestamp, what: &Registration) -> Self {
        Self { at: Text(at), what: registered(what) }
    }
}

fn registered(what: &Registration) -> RegisteredBody {
    let link = |id: LinkId, of: &LinkOf| {
        let (calendar_id, patient_id) = match of {
            LinkOf::Calendar(calendar) => (Some(Text(*calendar)), None),
            LinkOf::Person(person) => (None, Some(Text(person.clone()))),
        };
        LinkSeen { link_id: Text(id), calendar_id, patient_id }
    };
    match what {
        Registration::Practitioner { id, profile } => {
            RegisteredBody::Practitioner((*id, profile.clone()).into())
        }
        Registration::Place { id, location } => {
            RegisteredBody::Place((*id, location.clone()).into())
        }
        Registration::Linked { id, of, .. } => RegisteredBody::Linked(link(*id, of)),
        Registration::Unlinked { id, of, .. } => RegisteredBody::Unlinked(link(*id, of)),
        Registration::Reviewed(review) => RegisteredBody::Reviewed(ReviewSeen {
            appointment_id: Text(review.appointment),
            calendar_id: Text(review.calendar),
            positive: review.positive,
            text_id: review.text.clone().map(Text),
        }),
        Registration::Replied(reply) => RegisteredBody::Replied(ReplySeen {
            appointment_id: Text(reply.appointment),
            text_id: Text(reply.text.clone()),
        }),
        Registration::Campaign { id, version, campaign } => {
            RegisteredBody::Campaign(CampaignBody::new(*id, *version, campaign))
        }
        Registration::Delivered(delivery) => RegisteredBody::Delivered(delivery.into()),
        Registration::Wasted { delivery, doses } => {
            RegisteredBody::Wasted(WastedSeen { delivery_id: Text(*delivery), doses: *doses })
        }
        Registration::Recalled { campaign, lot } => {
            let (campaign_id, lot) = (Text(*campaign), Text(lot.clone()));
            RegisteredBody::Recalled(RecallSeen { campaign_id, lot })
        }
        Registration::Lined(place) => RegisteredBody::Lined((&**place).into()),
        Registration::LeftLine { id } => {
            RegisteredBody::LeftLine(LeftLineSeen { wish_id: Text(*id) })
        }
    }
}
