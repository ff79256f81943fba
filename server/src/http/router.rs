//! Which path and method is which operation.

use hyper::Method;
use percent_encoding::percent_decode_str;

use super::access::{Need, Scope};
use super::campaign_operation::Of;
use super::problem::{Code, Problem};

/// What a request may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    Home,
    ShowDocs,
    ReadDocsFile,
    ReadOpenApi,
    Livez,
    Readyz,
    Metrics,
    Version,
    CreateCalendar,
    ListCalendars,
    ReadCalendar,
    ChangeCalendar,
    FindSlots,
    HoldSlot,
    ReadHold,
    ReleaseHold,
    ConfirmHold,
    ReadAppointment,
    CancelAppointment,
    MoveAppointment,
    SearchAppointments,
    RenewHold,
    AcceptHold,
    MarkAppointment,
    DelayCalendar,
    BlockTime,
    OfferSlot,
    OfferStretch,
    ReadAppointmentFile,
    ListDue,
    ReadActivity,
    AddPractitioner,
    ChangePractitioner,
    AddPlace,
    ChangePlace,
    LinkCalendar,
    LinkPatient,
    EndLink,
    HoldFirst,
    AddWish,
    ReadWish,
    WithdrawWish,
    SearchWishes,
    ListWaiting,
    ReviewAppointment,
    ReadReview,
    ReplyToReview,
    ListReviews,
    Campaign(Of),
    ReadPractitioner,
    ListPractitioners,
    ReadPlace,
    ListPlaces,
    ReadLinkedFile,
    FollowEvents,
    BackUp,
}

impl Operation {
    /// Whether it may change something, and so must not be dropped half-way.
    pub(super) const fn writes(self) -> bool {
        match self {
            Self::CreateCalendar
            | Self::ChangeCalendar
            | Self::HoldSlot
            | Self::ReleaseHold
            | Self::ConfirmHold
            | Self::CancelAppointment
            | Self::MoveAppointment
            | Self::RenewHold
            | Self::AcceptHold
            | Self::MarkAppointment
            | Self::DelayCalendar
            | Self::BlockTime
            | Self::OfferSlot
            | Self::OfferStretch
            | Self::AddPractitioner
            | Self::ChangePractitioner
            | Self::AddPlace
            | Self::ChangePlace
            | Self::LinkCalendar
            | Self::LinkPatient
            | Self::EndLink
            | Self::HoldFirst
            | Self::AddWish
            | Self::WithdrawWish
            | Self::ReviewAppointment
            | Self::ReplyToReview
            | Self::BackUp => true,
            Self::Home
            | Self::ShowDocs
            | Self::ReadDocsFile
            | Self::ReadOpenApi
            | Self::Livez
            | Self::Readyz
            | Self::Metrics
            | Self::Version
            | Self::ListCalendars
            | Self::ReadCalendar
            | Self::FindSlots
            | Self::ReadHold
            | Self::ReadAppointment
            | Self::SearchAppointments
            | Self::ReadAppointmentFile
            | Self::ListDue
            | Self::ReadActivity
            | Self::ReadPractitioner
            | Self::ListPractitioners
            | Self::ReadPlace
            | Self::ListPlaces
            | Self::ReadLinkedFile
            | Self::ReadWish
            | Self::SearchWishes
            | Self::ListWaiting
            | Self::ReadReview
            | Self::ListReviews
            | Self::FollowEvents => false,
            Self::Campaign(of) => of.writes(),
        }
    }

    /// What it asks of who calls it.
    pub(super) const fn needs(self) -> Need {
        match self {
            Self::Home
            | Self::ShowDocs
            | Self::ReadDocsFile
            | Self::ReadOpenApi
            | Self::Livez
            | Self::Readyz
            | Self::Version => Need::Nothing,
            Self::ReadLinkedFile => Need::Secret,
            Self::ListCalendars
            | Self::ReadCalendar
            | Self::FindSlots
            | Self::ReadPractitioner
            | Self::ListPractitioners
            | Self::ReadPlace
            | Self::ListPlaces
            | Self::ReadReview
            | Self::ListReviews
            | Self::EndLink => Need::Token,
            Self::HoldSlot
            | Self::ReadHold
            | Self::ReleaseHold
            | Self::ConfirmHold
            | Self::ReadAppointment
            | Self::CancelAppointment
            | Self::MoveAppointment
            | Self::RenewHold
            | Self::AcceptHold
            | Self::SearchAppointments
            | Self::ReadAppointmentFile
            | Self::HoldFirst
            | Self::AddWish
            | Self::ReadWish
            | Self::WithdrawWish
            | Self::SearchWishes
            | Self::ReviewAppointment
            | Self::LinkPatient => Need::Scope(Scope::Book),
            Self::Metrics
            | Self::CreateCalendar
            | Self::ChangeCalendar
            | Self::MarkAppointment
            | Self::DelayCalendar
            | Self::BlockTime
            | Self::OfferSlot
            | Self::OfferStretch
            | Self::ListDue
            | Self::ReadActivity
            | Self::AddPractitioner
            | Self::ChangePractitioner
            | Self::AddPlace
            | Self::ChangePlace
            | Self::LinkCalendar
            | Self::ListWaiting
            | Self::ReplyToReview
            | Self::FollowEvents
            | Self::BackUp => Need::Scope(Scope::Operate),
            Self::Campaign(of) => of.needs(),
        }
    }

    /// Whether it is asked by who watches the server, and so never counts as too much.
    pub(super) const fn probes(self) -> bool {
        matches!(self, Self::Livez | Self::Readyz)
    }

    /// Whether it may take far longer than any other.
    pub(super) const fn takes_long(self) -> bool {
        matches!(self, Self::BackUp)
    }

    /// Whether its body describes a calendar or a campaign, and so may be larger.
    pub(super) const fn describes_a_calendar(self) -> bool {
        match self {
            Self::Campaign(of) => matches!(of, Of::AddCampaign | Of::ChangeCampaign),
            _ => matches!(self, Self::CreateCalendar | Self::ChangeCalendar),
        }
    }
}

/// A path and what can be done there.
pub(super) struct Path {
    pub(super) template: &'static str,
    pub(super) operations: &'static [(Method, Operation)],
}

/// Every path: what is served, and what the OpenAPI document describes.
pub(super) const PATHS: &[Path] = &[
    Path { template: "/", operations: &[(Method::GET, Operation::Home)] },
    Path { template: "/docs", operations: &[(Method::GET, Operation::ShowDocs)] },
    Path { template: "/docs/{file}", operations: &[(Method::GET, Operation::ReadDocsFile)] },
    Path { template: "/openapi.json", operations: &[(Method::GET, Operation::ReadOpenApi)] },
    Path { template: "/livez", operations: &[(Method::GET, Operation::Livez)] },
    Path { template: "/readyz", operations: &[(Method::GET, Operation::Readyz)] },
    Path { template: "/metrics", operations: &[(Method::GET, Operation::Metrics)] },
    Path { template: "/version", operations: &[(Method::GET, Operation::Version)] },
    Path {
        template: "/v1/calendars",
        operations: &[
            (Method::GET, Operation::ListCalendars),
            (Method::POST, Operation::CreateCalendar),
        ],
    },
    Path {
        template: "/v1/calendars/{calendar_id}",
        operations: &[
            (Method::GET, Operation::ReadCalendar),
            (Method::PATCH, Operation::ChangeCalendar),
        ],
    },
    Path {
        template: "/v1/calendars/{calendar_id}/slots",
        operations: &[(Method::GET, Operation::FindSlots)],
    },
    Path {
        template: "/v1/calendars/{calendar_id}/absences",
        operations: &[(Method::POST, Operation::BlockTime)],
    },
    Path {
        template: "/v1/calendars/{calendar_id}/delay",
        operations: &[(Method::POST, Operation::DelayCalendar)],
    },
    Path {
        template: "/v1/calendars/{calendar_id}/offers",
        operations: &[(Method::POST, Operation::OfferStretch)],
    },
    Path {
        template: "/v1/calendars/{calendar_id}/wishes",
        operations: &[(Method::GET, Operation::ListWaiting)],
    },
    Path { template: "/v1/wishes", operations: &[(Method::POST, Operation::AddWish)] },
    Path { template: "/v1/wishes/search", operations: &[(Method::POST, Operation::SearchWishes)] },
    Path {
        template: "/v1/wishes/{wish_id}",
        operations: &[
            (Method::GET, Operation::ReadWish),
            (Method::DELETE, Operation::WithdrawWish),
        ],
    },
    Path { template: "/v1/offers", operations: &[(Method::POST, Operation::OfferSlot)] },
    Path {
        template: "/v1/calendars/{calendar_id}/activity",
        operations: &[(Method::GET, Operation::ReadActivity)],
    },
    Path {
        template: "/v1/calendars/{calendar_id}/links",
        operations: &[(Method::POST, Operation::LinkCalendar)],
    },
    Path {
        template: "/v1/practitioners",
        operations: &[
            (Method::GET, Operation::ListPractitioners),
            (Method::POST, Operation::AddPractitioner),
        ],
    },
    Path {
        template: "/v1/practitioners/{practitioner_id}",
        operations: &[
            (Method::GET, Operation::ReadPractitioner),
            (Method::PUT, Operation::ChangePractitioner),
        ],
    },
    Path {
        template: "/v1/places",
        operations: &[(Method::GET, Operation::ListPlaces), (Method::POST, Operation::AddPlace)],
    },
    Path {
        template: "/v1/places/{place_id}",
        operations: &[(Method::GET, Operation::ReadPlace), (Method::PUT, Operation::ChangePlace)],
    },
    Path { template: "/v1/links/{link_id}", operations: &[(Method::DELETE, Operation::EndLink)] },
    Path {
        template: "/v1/files/{secret}/calendar.ics",
        operations: &[(Method::GET, Operation::ReadLinkedFile)],
    },
    Path { template: "/v1/holds/first", operations: &[(Method::POST, Operation::HoldFirst)] },
    Path { template: "/v1/holds", operations: &[(Method::POST, Operation::HoldSlot)] },
    Path {
        template: "/v1/holds/{hold_id}",
        operations: &[(Method::GET, Operation::ReadHold), (Method::DELETE, Operation::ReleaseHold)],
    },
    Path {
        template: "/v1/holds/{hold_id}/confirm",
        operations: &[(Method::POST, Operation::ConfirmHold)],
    },
    Path {
        template: "/v1/holds/{hold_id}/renew",
        operations: &[(Method::POST, Operation::RenewHold)],
    },
    Path {
        template: "/v1/holds/{hold_id}/accept",
        operations: &[(Method::POST, Operation::AcceptHold)],
    },
    Path {
        template: "/v1/appointments/{appointment_id}/mark",
        operations: &[(Method::POST, Operation::MarkAppointment)],
    },
    Path {
        template: "/v1/appointments/{appointment_id}",
        operations: &[
            (Method::GET, Operation::ReadAppointment),
            (Method::DELETE, Operation::CancelAppointment),
        ],
    },
    Path {
        template: "/v1/appointments/{appointment_id}/move",
        operations: &[(Method::POST, Operation::MoveAppointment)],
    },
    Path {
        template: "/v1/appointments/{appointment_id}/calendar.ics",
        operations: &[(Method::GET, Operation::ReadAppointmentFile)],
    },
    Path {
        template: "/v1/appointments/{appointment_id}/review",
        operations: &[
            (Method::GET, Operation::ReadReview),
            (Method::POST, Operation::ReviewAppointment),
        ],
    },
    Path {
        template: "/v1/appointments/{appointment_id}/review/reply",
        operations: &[(Method::POST, Operation::ReplyToReview)],
    },
    Path {
        template: "/v1/calendars/{calendar_id}/reviews",
        operations: &[(Method::GET, Operation::ListReviews)],
    },
    Path {
        template: "/v1/appointments/links",
        operations: &[(Method::POST, Operation::LinkPatient)],
    },
    Path {
        template: "/v1/appointments/search",
        operations: &[(Method::POST, Operation::SearchAppointments)],
    },
    Path {
        template: "/v1/appointments/{appointment_id}/dose",
        operations: &[(Method::POST, Operation::Campaign(Of::GiveDose))],
    },
    Path {
        template: "/v1/holds/doses",
        operations: &[(Method::POST, Operation::Campaign(Of::HoldDoses))],
    },
    Path {
        template: "/v1/campaigns",
        operations: &[
            (Method::GET, Operation::Campaign(Of::ListCampaigns)),
            (Method::POST, Operation::Campaign(Of::AddCampaign)),
        ],
    },
    Path {
        template: "/v1/campaigns/{campaign_id}",
        operations: &[
            (Method::GET, Operation::Campaign(Of::ReadCampaign)),
            (Method::PUT, Operation::Campaign(Of::ChangeCampaign)),
        ],
    },
    Path {
        template: "/v1/campaigns/{campaign_id}/eligibility",
        operations: &[(Method::POST, Operation::Campaign(Of::CheckEligibility))],
    },
    Path {
        template: "/v1/campaigns/{campaign_id}/doses/search",
        operations: &[(Method::POST, Operation::Campaign(Of::SearchDoses))],
    },
    Path {
        template: "/v1/campaigns/{campaign_id}/deliveries",
        operations: &[
            (Method::GET, Operation::Campaign(Of::ListDeliveries)),
            (Method::POST, Operation::Campaign(Of::AddDelivery)),
        ],
    },
    Path {
        template: "/v1/campaigns/{campaign_id}/deliveries/{delivery_id}",
        operations: &[
            (Method::GET, Operation::Campaign(Of::ReadDelivery)),
            (Method::PUT, Operation::Campaign(Of::ChangeDelivery)),
        ],
    },
    Path {
        template: "/v1/campaigns/{campaign_id}/deliveries/{delivery_id}/wasted",
        operations: &[(Method::POST, Operation::Campaign(Of::WasteDoses))],
    },
    Path {
        template: "/v1/campaigns/{campaign_id}/recalls",
        operations: &[(Method::POST, Operation::Campaign(Of::RecallLot))],
    },
    Path {
        template: "/v1/campaigns/{campaign_id}/without_dose",
        operations: &[(Method::GET, Operation::Campaign(Of::ListWithoutDose))],
    },
    Path {
        template: "/v1/campaigns/{campaign_id}/coverage",
        operations: &[(Method::GET, Operation::Campaign(Of::ReadCoverage))],
    },
    Path {
        template: "/v1/campaigns/{campaign_id}/line",
        operations: &[
            (Method::GET, Operation::Campaign(Of::ListLine)),
            (Method::POST, Operation::Campaign(Of::JoinLine)),
        ],
    },
    Path {
        template: "/v1/campaigns/{campaign_id}/remaining",
        operations: &[(Method::POST, Operation::Campaign(Of::OfferRemaining))],
    },
    Path {
        template: "/v1/campaigns/{campaign_id}/line/search",
        operations: &[(Method::POST, Operation::Campaign(Of::SearchLine))],
    },
    Path {
        template: "/v1/campaigns/{campaign_id}/line/{wish_id}",
        operations: &[(Method::GET, Operation::Campaign(Of::ReadPlaceInLine))],
    },
    Path {
        template: "/v1/campaigns/{campaign_id}/desk",
        operations: &[(Method::GET, Operation::Campaign(Of::ReadDesk))],
    },
    Path { template: "/v1/due", operations: &[(Method::GET, Operation::ListDue)] },
    Path { template: "/v1/backup", operations: &[(Method::POST, Operation::BackUp)] },
    Path { template: "/v1/events", operations: &[(Method::GET, Operation::FollowEvents)] },
];

/// A request that has found its operation.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) operation: Operation,
    /// The path without its identifiers, for logs.
    pub(super) template: &'static str,
    /// What stands in the path for its parameter, decoded; empty where it has none.
    pub(super) id: String,
    /// The same for its second parameter.
    pub(super) inner: String,
}

/// The paths, made ready.
pub(super) struct Router {
    paths: matchit::Router<&'static Path>,
}

impl Router {
    /// # Errors
    ///
    /// When two templates contradict each other, which a test excludes.
    pub(super) fn new() -> Result<Self, matchit::InsertError> {
        let mut paths = matchit::Router::new();
        for path in PATHS {
            paths.insert(path.template, path)?;
        }
        Ok(Self { paths })
    }

    /// The operation at a path; `HEAD` is `GET` whose body is not sent.
    pub(super) fn find(&self, method: &Method, path: &str) -> Result<Found, Problem> {
        let Ok(found) = self.paths.at(path) else {
            return Err(Problem::new(Code::NotFound, "no operation has this path"));
        };
        let Path { template, operations } = *found.value;
        let wanted = if *method == Method::HEAD { &Method::GET } else { method };
        let Some((_, operation)) = operations.iter().find(|(method, _)| method == wanted) else {
            return Err(not_allowed(operations));
        };
        // What is no UTF-8 is no identifier either, and is told so.
        let decoded = |(_, id)| percent_decode_str(id).decode_utf8_lossy().into_owned();
        let mut ids = found.params.iter().map(decoded);
        let (id, inner) = (ids.next().unwrap_or_default(), ids.next().unwrap_or_default());
        Ok(Found { operation: *operation, template, id, inner })
    }
}

fn not_allowed(operations: &[(Method, Operation)]) -> Problem {
    let mut allowed: Vec<&str> = operations.iter().map(|(method, _)| method.as_str()).collect();
    if allowed.contains(&Method::GET.as_str()) {
        allowed.push(Method::HEAD.as_str());
    }
    let allowed = allowed.join(", ");
    Problem::new(Code::MethodNotAllowed, format!("this path takes {allowed}")).allowing(&allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_find_their_operations() {
        let router = Router::new().unwrap();
        let found =
            |method, path| router.find(&method, path).map(|found| (found.operation, found.id));
        assert_eq!(
            found(Method::POST, "/v1/appointments/search").unwrap(),
            (Operation::SearchAppointments, String::new())
        );
        assert_eq!(
            found(Method::GET, "/v1/holds/hold%5F1").unwrap(),
            (Operation::ReadHold, "hold_1".to_owned())
        );
        assert_eq!(found(Method::HEAD, "/livez").unwrap().0, Operation::Livez);
        let inner = "/v1/campaigns/camp_1/deliveries/dlv%5F2/wasted";
        let inner = router.find(&Method::POST, inner).unwrap();
        assert_eq!((inner.operation, &*inner.id), (Operation::Campaign(Of::WasteDoses), "camp_1"));
        assert_eq!(inner.inner, "dlv_2");
        assert_eq!(found(Method::GET, "/").unwrap().0, Operation::Home);
        for path in ["", "/v1/", "/v1/calendars/", "/v1/holds/a/b", "/v2/holds"] {
            assert_eq!(found(Method::GET, path).unwrap_err().code(), Code::NotFound, "{path}");
        }
        let problem = found(Method::PUT, "/v1/calendars/x").unwrap_err();
        assert_eq!(problem.code(), Code::MethodNotAllowed);
        assert_eq!(problem.detail(), "this path takes GET, PATCH, HEAD");
    }
}
