//! `/metrics`: what the server and its engine count, for Prometheus.
//!
//! Labels are route templates, statuses, codes and names that this program chooses. Nothing that a
//! client sends becomes one, so that no identifier and no flood of series can.

mod engine;
mod process;

use std::time::Duration;

use hyper::Method;
use hyper::header::HeaderValue;
use prometheus_client::encoding::{EncodeLabelSet, prometheus_text, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};
use tokio::time::Instant;

use self::engine::EngineCollector;
use self::process::ProcessCollector;
pub(super) use self::process::start;
use super::limits::Limits;
use super::readiness::{Check, Standing};
use super::watch::{Space, Watch};

/// What was asked for, without anything that the client has chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Route {
    pub(super) method: &'static str,
    /// The template of the path, or `unknown`.
    pub(super) route: &'static str,
}

impl Route {
    pub(super) fn new(method: &Method, template: Option<&'static str>) -> Self {
        let method = match *method {
            Method::GET => "GET",
            Method::HEAD => "HEAD",
            Method::POST => "POST",
            Method::PATCH => "PATCH",
            Method::PUT => "PUT",
            Method::DELETE => "DELETE",
            Method::OPTIONS => "OPTIONS",
            _ => "other",
        };
        Self { method, route: template.unwrap_or("unknown") }
    }
}

/// A route, and how its requests ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Ended {
    method: &'static str,
    route: &'static str,
    status: u16,
    code: &'static str,
}

/// The status under which a request counts whose connection was cut off before it was answered.
/// A client that is gone is found out only when its answer is sent, which counts as that answer.
const HUNG_UP: (u16, &str) = (499, "hung_up");

/// The code of an answer that is no problem.
pub(super) const FINE: &str = "ok";

/// Upper bounds of buckets for the time to an answer.
const SECONDS: [f64; 15] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

fn seconds() -> Histogram {
    Histogram::new(SECONDS)
}

/// What the HTTP part counts.
#[derive(Debug)]
pub(super) struct Meters {
    requests: Family<Ended, Counter>,
    seconds: Family<Route, Histogram, fn() -> Histogram>,
    under_way: Gauge,
    pub(super) connections: Counter,
    pub(super) connections_open: Gauge,
    connections_max: usize,
    /// Times that a connection had to wait for a place.
    pub(super) connections_full: Counter,
    /// Connections that gave their place to another.
    pub(super) connections_yielded: Counter,
    /// Connections that got no place.
    pub(super) connections_refused: Counter,
    pub(super) connections_broken: Counter,
    pub(super) accepts_failed: Counter,
}

impl Meters {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            requests: Family::default(),
            seconds: Family::new_with_constructor(seconds),
            under_way: Gauge::default(),
            connections: Counter::default(),
            connections_open: Gauge::default(),
            connections_max: limits.connections_max,
            connections_full: Counter::default(),
            connections_yielded: Counter::default(),
            connections_refused: Counter::default(),
            connections_broken: Counter::default(),
            accepts_failed: Counter::default(),
        }
    }

    /// Counts a request that has arrived, until the guard is told of its answer or dropped.
    pub(super) fn begin(&self, route: Route) -> Tally<'_> {
        self.under_way.inc();
        Tally { meters: self, route, began: Instant::now(), answered: false }
    }

    fn ended(&self, Route { method, route }: Route, status: u16, code: &'static str) {
        self.requests.get_or_create(&Ended { method, route, status, code }).inc();
    }
}

/// A request that is being served.
pub(super) struct Tally<'a> {
    meters: &'a Meters,
    route: Route,
    began: Instant,
    answered: bool,
}

impl Tally<'_> {
    /// Counts the answer, and tells how long it took.
    pub(super) fn answered(mut self, status: u16, code: &'static str) -> Duration {
        self.answered = true;
        let took = self.began.elapsed();
        self.meters.ended(self.route, status, code);
        self.meters.seconds.get_or_create(&self.route).observe(took.as_secs_f64());
        took
    }
}

impl Drop for Tally<'_> {
    fn drop(&mut self) {
        self.meters.under_way.dec();
        if !self.answered {
            self.meters.ended(self.route, HUNG_UP.0, HUNG_UP.1);
        }
    }
}

/// The forms in which metrics are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// What everything understands.
    Prometheus,
    /// What Prometheus asks for first.
    OpenMetrics,
}

impl Form {
    /// The form that fits what a client accepts.
    pub(super) fn of(accept: Option<&HeaderValue>) -> Self {
        let accept = accept.and_then(|value| value.to_str().ok()).unwrap_or_default();
        match accept.contains("application/openmetrics-text") {
            true => Self::OpenMetrics,
            false => Self::Prometheus,
        }
    }

    pub(super) fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Prometheus => prometheus_text::CONTENT_TYPE,
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        })
    }
}

/// All metrics as text.
pub(super) async fn scrape(watch: &Watch, form: Form) -> Result<String, std::fmt::Error> {
    let checks = watch.checks().await;
    let space = match &watch.disk {
        Some(disk) => disk.look().await,
        None => None,
    };
    let mut registry = Registry::default();
    let creneau = registry.sub_registry_with_prefix("creneau");
    creneau.register("build", "The version that runs", Info::new([("version", VERSION)]));
    register_http(watch, creneau.sub_registry_with_prefix("http"));
    register_readiness(&checks, space, creneau);
    if let Some(tls) = &watch.tls {
        let seconds = usize::try_from(tls.ends().millis() / 1_000).unwrap_or_default();
        let ends = "End of the certificate since the epoch";
        creneau.register_with_unit("tls_certificate_end", ends, Unit::Seconds, gauge(seconds));
    }
    if let Some(engine) = watch.engine.get() {
        creneau.register_collector(Box::new(EngineCollector(engine.metrics())));
    }
    registry.register_collector(Box::new(ProcessCollector));
    let mut text = String::new();
    match form {
        Form::Prometheus => prometheus_text::encode(&mut text, &registry)?,
        Form::OpenMetrics => text::encode(&mut text, &registry)?,
    }
    Ok(text)
}

const VERSION: &str = env!("CARGO_PKG_VERSION");

fn gauge(value: usize) -> Gauge {
    let gauge = Gauge::default();
    gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
    gauge
}

fn register_http(watch: &Watch, http: &mut Registry) {
    let meters = &watch.meters;
    let requests = "Requests by route, status and code of the answer";
    http.register("requests", requests, meters.requests.clone());
    let took = "Time from a request's header to the start of its answer";
    http.register_with_unit("request_duration", took, Unit::Seconds, meters.seconds.clone());
    let under_way = "Requests that are being served";
    http.register("requests_under_way", under_way, meters.under_way.clone());
    http.register("connections", "Connections taken", meters.connections.clone());
    http.register("connections_open", "Connections open", meters.connections_open.clone());
    let max = "Connections that may be open";
    http.register("connections_max", max, gauge(meters.connections_max));
    let full = "Times that a connection had to wait because all places were taken";
    http.register("connections_full", full, meters.connections_full.clone());
    let yielded = "Connections that gave their place to a new one";
    http.register("connections_yielded", yielded, meters.connections_yielded.clone());
    let refused = "Connections that got no place and were told to come back";
    http.register("connections_refused", refused, meters.connections_refused.clone());
    let broken = "Connections that ended early: cut off, reset, or not speaking HTTP";
    http.register("connections_broken", broken, meters.connections_broken.clone());
    let failed = "Connections that could not be accepted, for want of file descriptors or memory";
    http.register("accept_failures", failed, meters.accepts_failed.clone());
    http.register("feeds_open", "Readers of the change feed", gauge(watch.feeds_open()));
    let feeds = "Readers that may follow the change feed";
    http.register("feeds_max", feeds, gauge(watch.limits.feeds_max));
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CheckName {
    check: &'static str,
}

fn register_readiness(checks: &[Check], space: Option<Space>, creneau: &mut Registry) {
    let ready = usize::from(!checks.iter().any(Check::fails));
    creneau.register("ready", "Whether /readyz says yes: 1 or 0", gauge(ready));
    let states: Family<CheckName, Gauge> = Family::default();
    for Check { check, status, .. } in checks {
        let value = match status {
            Standing::Ok => 0,
            Standing::Warning => 1,
            Standing::Failing => 2,
        };
        states.get_or_create(&CheckName { check }).set(value);
    }
    creneau.register("check", "How a check of /readyz stands: 0 ok, 1 warning, 2 failing", states);
    if let Some(Space { free, size }) = space {
        let bytes = |value: u64| gauge(usize::try_from(value).unwrap_or(usize::MAX));
        let free_for = "Bytes that may still be written to the disk of the bookings";
        creneau.register_with_unit("disk_free", free_for, Unit::Bytes, bytes(free));
        let size_of = "Size of the disk of the bookings";
        creneau.register_with_unit("disk_size", size_of, Unit::Bytes, bytes(size));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_not_answered_is_counted_and_not_under_way_for_ever() {
        let meters = Meters::new(Limits::default());
        let route = Route::new(&Method::POST, Some("/v1/holds"));
        let tally = meters.begin(route);
        assert_eq!(meters.under_way.get(), 1);
        drop(tally);
        assert_eq!(meters.under_way.get(), 0);
        let Route { method, route } = route;
        let ended = Ended { method, route, status: 499, code: "hung_up" };
        assert_eq!(meters.requests.get_or_create(&ended).get(), 1);
        let invented = Method::from_bytes(b"INVENTED").unwrap();
        assert_eq!(Route::new(&invented, None), Route { method: "other", route: "unknown" });
    }
}
