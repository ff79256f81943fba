//! What every request passes: it finds its operation, is admitted or not, is counted, logged and
//! traced, and is answered here while there is no engine yet.

use std::io;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use creneau::Engine;
use hyper::body::{Bytes, Incoming};
use hyper::{Request, StatusCode};

use super::access::{Access, Caller};
use super::answer::Response;
use super::app::{App, Place};
use super::docs;
use super::health;
use super::metrics::{FINE, Route};
use super::options::Options;
use super::problem::{Named, Problem};
use super::rates::Pacer;
use super::request::{self, Asked};
use super::router::{Found, Operation, Router};
use super::tls::Tls;
use super::traces;
use super::watch::{Watch, Watched};

/// What answers on a port. Clones are handles to the same one.
///
/// It serves health, metrics and documents from the first moment on, and everything else once
/// [`Front::open`] has given it an engine: so a load balancer sees a start as a start, and not as a
/// server that is gone.
#[derive(Clone)]
pub struct Front {
    inner: Arc<Inner>,
}

struct Inner {
    router: Router,
    access: Access,
    pacer: Pacer,
    app: OnceLock<Arc<App>>,
    watch: Arc<Watch>,
}

impl Front {
    /// A front that waits for its engine.
    ///
    /// # Errors
    ///
    /// When what the program is made of contradicts itself, which tests exclude.
    pub fn new(options: impl Into<Options>, watched: Watched) -> io::Result<Self> {
        let Options { limits, tokens, tls, rates } = options.into();
        let router = Router::new().map_err(io::Error::other)?;
        let access = Access::new(tokens).map_err(io::Error::other)?;
        let (pacer, app) = (Pacer::new(rates), OnceLock::new());
        let watch = Watch::new(limits, watched, tls);
        Ok(Self { inner: Arc::new(Inner { router, access, pacer, app, watch }) })
    }

    /// Takes bookings from now on. A second engine is not taken.
    pub fn open(&self, engine: Engine) {
        let Inner { app, watch, .. } = &*self.inner;
        let _ = watch.engine.set(engine.clone());
        let _ = app.set(Arc::new(App::new(engine, watch.clone())));
    }

    pub(super) fn watch(&self) -> &Arc<Watch> {
        &self.inner.watch
    }

    pub(super) fn tls(&self) -> Option<&Tls> {
        self.inner.watch.tls.as_ref()
    }

    /// Answers a request.
    pub(super) async fn answer(&self, place: Place, request: Request<Incoming>) -> Response {
        let Inner { router, watch, .. } = &*self.inner;
        let found = router.find(request.method(), request.uri().path());
        let template = found.as_ref().ok().map(|found| found.template);
        let route = Route::new(request.method(), template);
        let tally = watch.meters.begin(route);
        let span = traces::begin(route, request.headers());
        // In a box: it would be moved as a whole again and again.
        let response = span.follow(Box::pin(self.serve(place, found, request))).await;
        let code = response.extensions().get::<Named>().map_or(FINE, |named| named.0);
        let took = tally.answered(response.status().as_u16(), code);
        log(route, response.status(), code, took, watch.limits.slow_request);
        response
    }

    async fn serve(
        &self,
        place: Place,
        found: Result<Found, Problem>,
        request: Request<Incoming>,
    ) -> Response {
        let (found, caller) = match self.admitted(&place, found, &request) {
            Ok(admitted) => admitted,
            Err(problem) => return problem.into(),
        };
        if let Some(app) = self.inner.app.get() {
            return app.clone().answer(place, caller, found, request).await;
        }
        match self.starting(place, caller, found, request).await {
            Ok(response) => response,
            Err(problem) => problem.into(),
        }
    }

    /// Whether the request may be made, by whom it comes and how many there were; and who makes it.
    fn admitted(
        &self,
        place: &Place,
        found: Result<Found, Problem>,
        request: &Request<Incoming>,
    ) -> Result<(Found, Arc<Caller>), Problem> {
        let Inner { access, pacer, .. } = &*self.inner;
        let probes = found.as_ref().is_ok_and(|found| found.operation.probes());
        if let Some(address) = place.address.filter(|_| !probes) {
            pacer.address(address)?;
        }
        request::check_host(request.version(), request.headers())?;
        let found = found?;
        let caller = access.admit(request.headers(), found.operation.needs())?;
        if access.asks() && !probes {
            pacer.token(&caller.name)?;
        }
        Ok((found, caller))
    }

    async fn starting(
        &self,
        place: Place,
        caller: Arc<Caller>,
        found: Found,
        request: Request<Incoming>,
    ) -> Result<Response, Problem> {
        let (parts, _) = request.into_parts();
        let Found { operation, id, inner, .. } = found;
        let query = parts.uri.query().map(str::to_owned);
        let (headers, local) = (parts.headers, place.local);
        let (caller, operates) = (caller.name.clone(), caller.operates());
        let body = Bytes::new();
        let asked = Asked { id, inner, query, headers, body, caller, operates, local };
        match operation {
            Operation::Home => docs::home(&asked),
            Operation::ShowDocs => docs::page(&asked),
            Operation::ReadDocsFile => docs::file(&asked),
            Operation::ReadOpenApi => docs::document(&asked),
            Operation::Livez => health::livez(&asked),
            Operation::Readyz => health::readyz(self.watch(), &asked).await,
            Operation::Metrics => health::metrics(self.watch(), &asked).await,
            Operation::Version => health::version(&asked),
            _ => Err(health::starting()),
        }
    }
}

/// One line for each request: never its path, its query or its body, since whoever holds an
/// identifier may act with it.
fn log(route: Route, status: StatusCode, code: &'static str, took: Duration, slow: Duration) {
    let Route { method, route } = route;
    let (status, duration_ms) = (status.as_u16(), took.as_secs_f64() * 1_000.0);
    // Said on purpose, many times a second when it is: the metrics tell of it.
    let on_purpose = matches!(code, "overloaded" | "unavailable");
    if slow <= took {
        tracing::info!(method, route, status, code, duration_ms, "slow request");
    } else if 500 <= status && !on_purpose {
        tracing::info!(method, route, status, code, duration_ms, "failed request");
    } else {
        tracing::debug!(method, route, status, code, duration_ms, "request");
    }
}
