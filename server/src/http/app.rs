//! One request, from its header to its answer.

use std::convert::Infallible;
use std::sync::Arc;

use creneau::{CalendarId, Engine};
use hyper::Request;
use hyper::body::Incoming;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};

use super::answer::Response;
use super::limits::Limits;
use super::local::{Zone, Zones};
use super::problem::{Code, Problem};
use super::refusal;
use super::request::{self, Asked};
use super::router::{Found, Operation, Router};
use super::{appointments, backup, calendars, docs, events, health, holds, slots};

/// A place among the connections. A write keeps it until it has its outcome, also when its client
/// is gone, so that the bound on connections bounds the writes under way too; and the end of the
/// server waits for all places.
#[derive(Clone)]
pub(super) struct Place {
    pub(super) _permit: Arc<OwnedSemaphorePermit>,
    pub(super) _open: mpsc::Sender<Infallible>,
    /// Whether its client is on this machine.
    pub(super) local: bool,
}

/// What all requests share.
pub(super) struct App {
    pub(super) engine: Engine,
    pub(super) limits: Limits,
    router: Router,
    zones: Zones,
    ending: watch::Sender<bool>,
    /// Places for readers of the change feed.
    pub(super) feeds: Arc<Semaphore>,
}

impl App {
    pub(super) fn new(engine: Engine, limits: Limits) -> Result<Self, matchit::InsertError> {
        let router = Router::new()?;
        let feeds = limits.feeds_max.clamp(1, Semaphore::MAX_PERMITS);
        let feeds = Arc::new(Semaphore::new(feeds));
        let (zones, ending) = (Zones::default(), watch::Sender::new(false));
        Ok(Self { engine, limits, router, zones, ending, feeds })
    }

    /// Has `/readyz` say no from now on, and ends the change feeds.
    pub(super) fn end(&self) {
        self.ending.send_replace(true);
    }

    pub(super) fn is_ending(&self) -> bool {
        *self.ending.borrow()
    }

    /// Tells when the end has come.
    pub(super) fn ending(&self) -> watch::Receiver<bool> {
        self.ending.subscribe()
    }

    /// The zone of a calendar.
    pub(super) async fn zone(&self, calendar: CalendarId) -> Zone {
        self.zones.of(&self.engine, calendar).await
    }

    /// Answers a request.
    pub(super) async fn answer(
        self: Arc<Self>,
        place: Place,
        request: Request<Incoming>,
    ) -> Response {
        match self.try_answer(place, request).await {
            Ok(response) => response,
            Err(problem) => problem.into(),
        }
    }

    async fn try_answer(
        self: Arc<Self>,
        place: Place,
        request: Request<Incoming>,
    ) -> Result<Response, Problem> {
        let (parts, body) = request.into_parts();
        request::check_host(parts.version, &parts.headers)?;
        let Found { operation, template, id } =
            self.router.find(&parts.method, parts.uri.path())?;
        // Never the path itself: whoever holds an identifier may act with it.
        tracing::debug!(method = %parts.method, path = template, "request");
        let bytes_max = if operation.describes_a_calendar() {
            self.limits.calendar_bytes_max
        } else {
            self.limits.body_bytes_max
        };
        let body = request::body(&parts.headers, body, bytes_max, self.limits.body_timeout).await?;
        let query = parts.uri.query().map(str::to_owned);
        let asked = Asked { id, query, headers: parts.headers, body, local: place.local };
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

async fn perform(app: &App, operation: Operation, asked: Asked) -> Result<Response, Problem> {
    match operation {
        Operation::Home => docs::home(&asked),
        Operation::ShowDocs => docs::page(&asked),
        Operation::ReadDocsFile => docs::file(&asked),
        Operation::ReadOpenApi => docs::document(&asked),
        Operation::Livez => health::livez(&asked),
        Operation::Readyz => health::readyz(app, &asked),
        Operation::Version => health::version(&asked),
        Operation::CreateCalendar => calendars::create(app, &asked).await,
        Operation::ListCalendars => calendars::list(app, &asked).await,
        Operation::ReadCalendar => calendars::read(app, &asked).await,
        Operation::ChangeCalendar => calendars::change(app, &asked).await,
        Operation::FindSlots => slots::find(app, &asked).await,
        Operation::HoldSlot => holds::hold(app, &asked).await,
        Operation::ReadHold => holds::read(app, &asked).await,
        Operation::ReleaseHold => holds::release(app, &asked).await,
        Operation::ConfirmHold => holds::confirm(app, &asked).await,
        Operation::ReadAppointment => appointments::read(app, &asked).await,
        Operation::CancelAppointment => appointments::cancel(app, &asked).await,
        Operation::MoveAppointment => appointments::change(app, &asked).await,
        Operation::SearchAppointments => appointments::search(app, &asked).await,
        Operation::FollowEvents => events::follow(app, &asked),
        Operation::BackUp => backup::take(app, &asked).await,
    }
}
