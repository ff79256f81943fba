//! What the operations of the document share.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use utoipa::ToSchema;

use super::texts;
use crate::http::backup::{BackupAsked, BackupBody};
use crate::http::by_dto::ByAsked;
use crate::http::calendar_dto::{
    CalendarAsked, CalendarBody, CalendarsPage, ChangeAsked, ChangedBody, LocationJson,
};
use crate::http::campaign_dto::{CampaignBody, CampaignJson, CampaignsPage};
use crate::http::coverage_dto::{CoveragePage, DeskBody};
use crate::http::delivery_dto::{
    ConcernedPage, DeliveredBody, DeliveriesBody, DeliveryAsked, RecallAsked, WastedAsked,
};
use crate::http::dose_dto::{
    CancelAsked, DosesAsked, DosesBody, DosesSearchAsked, EligibilityAsked, EligibilityBody,
    GiveAsked, GivenBody, RecordsBody,
};
use crate::http::dto::{
    AppointmentBody, AppointmentsPage, FirstAsked, HoldAsked, HoldBody, MoveAsked, SearchAsked,
    SlotsPage,
};
use crate::http::event_dto::EventLine;
use crate::http::followed_dto::{ActivityPage, DuePage};
use crate::http::health::{Health, Readiness, Version};
use crate::http::line_dto::{
    LineAsked, LineBody, LineSearchAsked, ListedLineBody, PlacesBody, RemainingAsked, RemainingBody,
};
use crate::http::practice_dto::{
    AbsenceAsked, DelayAsked, DelayBody, MarkAsked, OfferAsked, OffersAsked, OffersBody,
};
use crate::http::problem::{Alternative, FieldError};
use crate::http::readiness::Check;
use crate::http::register_dto::{LinkAsked, LinkBody, PlacesPage, PractitionersPage, ProfileJson};
use crate::http::review_dto::{ReplyAsked, ReviewAsked, ReviewBody, ReviewsPage};
use crate::http::wish_dto::{WaitingPage, WishAsked, WishBody, WishSearchAsked, WishesPage};

/// What the operations of the document share.
#[derive(Default)]
pub(super) struct Components {
    pub(super) schemas: BTreeMap<String, Value>,
    pub(super) responses: BTreeMap<String, Value>,
}

impl Components {
    /// The schemas of all types that stand in a request or an answer.
    pub(super) fn of_types() -> Result<Self, serde_json::Error> {
        let mut all = Self::default();
        all.add::<CalendarAsked>()?;
        all.add::<ChangeAsked>()?;
        all.add::<CalendarBody>()?;
        all.add::<ChangedBody>()?;
        all.add::<CalendarsPage>()?;
        all.add::<SlotsPage>()?;
        all.add::<HoldAsked>()?;
        all.add::<HoldBody>()?;
        all.add::<MoveAsked>()?;
        all.add::<MarkAsked>()?;
        all.add::<DelayAsked>()?;
        all.add::<DelayBody>()?;
        all.add::<AbsenceAsked>()?;
        all.add::<OfferAsked>()?;
        all.add::<OffersAsked>()?;
        all.add::<OffersBody>()?;
        all.add::<ByAsked>()?;
        all.add::<SearchAsked>()?;
        all.add::<AppointmentBody>()?;
        all.add::<AppointmentsPage>()?;
        all.add::<ProfileJson>()?;
        all.add::<LocationJson>()?;
        all.add::<PractitionersPage>()?;
        all.add::<PlacesPage>()?;
        all.add::<LinkAsked>()?;
        all.add::<LinkBody>()?;
        all.add::<FirstAsked>()?;
        all.add::<ReviewAsked>()?;
        all.add::<ReplyAsked>()?;
        all.add::<ReviewBody>()?;
        all.add::<ReviewsPage>()?;
        all.add::<WishAsked>()?;
        all.add::<WishBody>()?;
        all.add::<WishSearchAsked>()?;
        all.add::<WishesPage>()?;
        all.add::<WaitingPage>()?;
        all.add_campaigns()?;
        all.add::<DuePage>()?;
        all.add::<ActivityPage>()?;
        all.add::<EventLine>()?;
        all.add::<BackupAsked>()?;
        all.add::<BackupBody>()?;
        all.add::<Health>()?;
        all.add::<Readiness>()?;
        all.add::<Check>()?;
        all.add::<Version>()?;
        all.add::<Alternative>()?;
        all.add::<FieldError>()?;
        all.add::<texts::HoldId>()?;
        all.add::<texts::AppointmentId>()?;
        all.add::<texts::CalendarId>()?;
        all.add::<texts::PractitionerId>()?;
        all.add::<texts::PlaceId>()?;
        all.add::<texts::TextId>()?;
        all.add::<texts::WishId>()?;
        all.add::<texts::CampaignId>()?;
        all.add::<texts::DeliveryId>()?;
        all.add::<texts::UtcInstant>()?;
        all.add::<texts::LinkId>()?;
        all.add::<texts::LinkSecret>()?;
        all.add::<texts::Cursor>()?;
        all.add::<texts::Date>()?;
        all.add::<texts::Instant>()?;
        all.add::<texts::IdempotencyKey>()?;
        Ok(all)
    }

    /// Those of campaigns.
    fn add_campaigns(&mut self) -> Result<(), serde_json::Error> {
        self.add::<CampaignJson>()?;
        self.add::<CampaignBody>()?;
        self.add::<CampaignsPage>()?;
        self.add::<DeliveryAsked>()?;
        self.add::<DeliveredBody>()?;
        self.add::<DeliveriesBody>()?;
        self.add::<WastedAsked>()?;
        self.add::<RecallAsked>()?;
        self.add::<ConcernedPage>()?;
        self.add::<CoveragePage>()?;
        self.add::<DeskBody>()?;
        self.add::<DosesAsked>()?;
        self.add::<DosesBody>()?;
        self.add::<DosesSearchAsked>()?;
        self.add::<RecordsBody>()?;
        self.add::<EligibilityAsked>()?;
        self.add::<EligibilityBody>()?;
        self.add::<CancelAsked>()?;
        self.add::<GiveAsked>()?;
        self.add::<GivenBody>()?;
        self.add::<LineAsked>()?;
        self.add::<LineBody>()?;
        self.add::<LineSearchAsked>()?;
        self.add::<PlacesBody>()?;
        self.add::<ListedLineBody>()?;
        self.add::<RemainingAsked>()?;
        self.add::<RemainingBody>()?;
        Ok(())
    }

    fn add<T: ToSchema>(&mut self) -> Result<(), serde_json::Error> {
        let mut found = vec![(T::name().into_owned(), T::schema())];
        T::schemas(&mut found);
        for (name, schema) in found {
            self.schemas.insert(name, serde_json::to_value(schema)?);
        }
        Ok(())
    }

    pub(super) fn into_json(self) -> Value {
        let Self { schemas, responses } = self;
        json!({
            "schemas": schemas,
            "responses": responses,
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A token of the server's token file. It carries scopes: `book` \
                        for holds and appointments, `operate` for creating and changing calendars, \
                        for the change feed, what is due and was done, backups and metrics. \
                        Calendars and slots can be read with either. A server on loopback without \
                        a token file asks for none.",
                },
            },
        })
    }
}
