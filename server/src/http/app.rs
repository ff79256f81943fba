//! One request, from its header to its answer.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;

use creneau::{CalendarId, Engine};
use hyper::Request;
use hyper::body::Incoming;
use tokio::sync::{OwnedSemaphorePermit, mpsc};

use super::access::Caller;
use super::answer::Response;
use super::campaign_operation::Of;
use super::crowd::Guest;
use super::limits::Limits;
use super::local::{Zone, Zones};
use super::problem::{Code, Problem};
use super::refusal;
use super::request::{self, Asked};
use super::router::{Found, Operation};
use super::watch::Watch;
use super::{
    appointments, backup, calendars, campaigns, coverage, deliveries, docs, doses, events,
    followed, health, holds, lines, register, reviews, running, slots, wishes,
};

/// A place among the connections. A write keeps it until it has its outcome, also when its client
/// is gone, so that the bound on connections bounds the writes under way too; and the end of the
/// server waits for all places.
#[derive(Clone)]
pub(super) struct Place {
    pub(super) _permit: Arc<OwnedSemaphorePermit>,
    pub(super) _open: mpsc::Sender<Infallible>,
    /// The connection that has the place.
    pub(super) guest: Arc<Guest>,
    /// Where its client is, if that is known.
    pub(super) address: Option<IpAddr>,
    /// Whether its client is on this machine.
    pub(super) local: bool,
}

/// What all requests share.
pub(super) struct App {
    pub(super) engine: Engine,
    pub(super) limits: Limits,
    /// What is known of the server from outside.
    pub(super) watch: Arc<Watch>,
    zones: Zones,
}

impl App {
    pub(super) fn new(engine: Engine, watch: Arc<Watch>) -> Self {
        Self { engine, limits: watch.limits, watch, zones: Zones::default() }
    }

    /// The zone of a calendar.
    pub(super) async fn zone(&self, calendar: CalendarId) -> Zone {
        self.zones.of(&self.engine, calendar).await
    }

    /// Answers a request of `caller`.
    pub(super) async fn answer(
        self: Arc<Self>,
        place: Place,
        caller: Arc<Caller>,
        found: Found,
        request: Request<Incoming>,
    ) -> Response {
        match self.try_answer(place, caller, found, request).await {
            Ok(response) => response,
            Err(problem) => problem.into(),
        }
    }

    async fn try_answer(
        self: Arc<Self>,
        place: Place,
        caller: Arc<Caller>,
        found: Found,
        request: Request<Incoming>,
    ) -> Result<Response, Problem> {
        let (parts, body) = request.into_parts();
        let Found { operation, id, inner, .. } = found;
        let bytes_max = if operation.describes_a_calendar() {
            self.limits.calendar_bytes_max
        } else {
            self.limits.body_bytes_max
        };
        place.guest.waits();
        let body = request::body(&parts.headers, body, bytes_max, self.limits.body_timeout).await;
        place.guest.serves();
        let body = body?;
        let query = parts.uri.query().map(str::to_owned);
        let (headers, local) = (parts.headers, place.local);
        let (caller, operates) = (caller.name.clone(), caller.operates());
        let asked = Asked { id, inner, query, headers, body, caller, operates, local };
        let patience = match operation.takes_long() {
            true => self.limits.backup_timeout,
            false => self.limits.answer_timeout,
        };
        if !operation.writes() {
            let answer = tokio::time::timeout(patience, perform(&self, operation, asked)).await;
            return answer.unwrap_or_else(|_| Err(refusal::unavailable()));
        }
        // On a task of its own: a client that hangs up ends this future, and not the write.
        let work = tokio::spawn(async move {
            let answer = perform(&self, operation, asked).await;
            drop(place);
            answer
        });
        match tokio::time::timeout(patience, work).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(Problem::new(Code::Internal, "the request could not be served")),
            Err(_) => Err(refusal::outcome_unknown()),
        }
    }
}

/// Each in a box of its own: the largest would be moved with every request otherwise.
async fn perform(app: &App, operation: Operation, asked: Asked) -> Result<Response, Problem> {
    match operation {
        Operation::Home => docs::home(&asked),
        Operation::ShowDocs => docs::page(&asked),
        Operation::ReadDocsFile => docs::file(&asked),
        Operation::ReadOpenApi => docs::document(&asked),
        Operation::Livez => health::livez(&asked),
        Operation::Readyz => Box::pin(health::readyz(&app.watch, &asked)).await,
        Operation::Metrics => Box::pin(health::metrics(&app.watch, &asked)).await,
        Operation::Version => health::version(&asked),
        Operation::CreateCalendar => Box::pin(calendars::create(app, &asked)).await,
        Operation::ListCalendars => Box::pin(calendars::list(app, &asked)).await,
        Operation::ReadCalendar => Box::pin(calendars::read(app, &asked)).await,
        Operation::ChangeCalendar => Box::pin(calendars::change(app, &asked)).await,
        Operation::FindSlots => slots::find(app, &asked).await,
        Operation::HoldSlot => Box::pin(holds::hold(app, &asked)).await,
        Operation::ReadHold => Box::pin(holds::read(app, &asked)).await,
        Operation::ReleaseHold => Box::pin(holds::release(app, &asked)).await,
        Operation::ConfirmHold => Box::pin(holds::confirm(app, &asked)).await,
        Operation::ReadAppointment => Box::pin(appointments::read(app, &asked)).await,
        Operation::CancelAppointment => Box::pin(appointments::cancel(app, &asked)).await,
        Operation::MoveAppointment => Box::pin(appointments::change(app, &asked)).await,
        Operation::SearchAppointments => Box::pin(appointments::search(app, &asked)).await,
        Operation::RenewHold => Box::pin(holds::renew(app, &asked)).await,
        Operation::AcceptHold => Box::pin(holds::accept(app, &asked)).await,
        Operation::MarkAppointment => Box::pin(running::mark(app, &asked)).await,
        Operation::DelayCalendar => Box::pin(running::delay(app, &asked)).await,
        Operation::BlockTime => Box::pin(running::block(app, &asked)).await,
        Operation::OfferSlot => Box::pin(running::offer(app, &asked)).await,
        Operation::OfferStretch => Box::pin(running::offer_stretch(app, &asked)).await,
        Operation::ReadAppointmentFile => Box::pin(followed::file(app, &asked)).await,
        Operation::ListDue => Box::pin(followed::due(app, &asked)).await,
        Operation::ReadActivity => Box::pin(followed::activity(app, &asked)).await,
        Operation::AddPractitioner => Box::pin(register::add_practitioner(app, &asked)).await,
        Operation::ChangePractitioner => Box::pin(register::change_practitioner(app, &asked)).await,
        Operation::ReadPractitioner => Box::pin(register::read_practitioner(app, &asked)).await,
        Operation::ListPractitioners => Box::pin(register::list_practitioners(app, &asked)).await,
        Operation::AddPlace => Box::pin(register::add_place(app, &asked)).await,
        Operation::ChangePlace => Box::pin(register::change_place(app, &asked)).await,
        Operation::ReadPlace => Box::pin(register::read_place(app, &asked)).await,
        Operation::ListPlaces => Box::pin(register::list_places(app, &asked)).await,
        Operation::LinkCalendar => Box::pin(register::link_calendar(app, &asked)).await,
        Operation::LinkPatient => Box::pin(register::link_patient(app, &asked)).await,
        Operation::EndLink => Box::pin(register::end_link(app, &asked)).await,
        Operation::ReadLinkedFile => Box::pin(register::file(app, &asked)).await,
        Operation::HoldFirst => Box::pin(holds::first(app, &asked)).await,
        Operation::AddWish => Box::pin(wishes::add(app, &asked)).await,
        Operation::ReadWish => Box::pin(wishes::read(app, &asked)).await,
        Operation::WithdrawWish => Box::pin(wishes::withdraw(app, &asked)).await,
        Operation::SearchWishes => Box::pin(wishes::search(app, &asked)).await,
        Operation::ListWaiting => Box::pin(wishes::list(app, &asked)).await,
        Operation::ReviewAppointment => Box::pin(reviews::review(app, &asked)).await,
        Operation::ReadReview => Box::pin(reviews::read(app, &asked)).await,
        Operation::ReplyToReview => Box::pin(reviews::reply(app, &asked)).await,
        Operation::ListReviews => Box::pin(reviews::list(app, &asked)).await,
        Operation::FollowEvents => events::follow(app, &asked),
        Operation::BackUp => Box::pin(backup::take(app, &asked)).await,
        Operation::Campaign(of) => Box::pin(campaign(app, of, &asked)).await,
    }
}

/// The operations of campaigns.
async fn campaign(app: &App, of: Of, asked: &Asked) -> Result<Response, Problem> {
    match of {
        Of::HoldDoses => Box::pin(holds::both(app, asked)).await,
        Of::AddCampaign => campaigns::add(app, asked).await,
        Of::ChangeCampaign => campaigns::change(app, asked).await,
        Of::ListCampaigns => campaigns::list(app, asked).await,
        Of::ReadCampaign => campaigns::read(app, asked).await,
        Of::AddDelivery => deliveries::add(app, asked).await,
        Of::ChangeDelivery => deliveries::change(app, asked).await,
        Of::ListDeliveries => deliveries::list(app, asked).await,
        Of::ReadDelivery => deliveries::read(app, asked).await,
        Of::WasteDoses => deliveries::waste(app, asked).await,
        Of::RecallLot => deliveries::recall(app, asked).await,
        Of::ListWithoutDose => deliveries::without(app, asked).await,
        Of::ReadCoverage => coverage::read(app, asked).await,
        Of::ReadDesk => coverage::desk(app, asked).await,
        Of::GiveDose => doses::give(app, asked).await,
        Of::CheckEligibility => doses::eligibility(app, asked).await,
        Of::SearchDoses => doses::search(app, asked).await,
        Of::JoinLine => Box::pin(lines::join(app, asked)).await,
        Of::ListLine => lines::list(app, asked).await,
        Of::OfferRemaining => Box::pin(lines::offer_remaining(app, asked)).await,
        Of::ReadPlaceInLine => lines::read(app, asked).await,
        Of::SearchLine => lines::search(app, asked).await,
    }
}
