//! A span for each request, where traces are built in and asked for; otherwise nothing.

#[cfg(feature = "traces")]
pub(super) use on::begin;

#[cfg(not(feature = "traces"))]
pub(super) use off::begin;

#[cfg(feature = "traces")]
mod on {
    use hyper::header::HeaderMap;
    use opentelemetry::propagation::{Extractor, TextMapPropagator};
    use opentelemetry_sdk::propagation::TraceContextPropagator;
    use tracing::field::Empty;
    use tracing::{Instrument, Span};
    use tracing_opentelemetry::OpenTelemetrySpanExt;

    use crate::http::answer::Response;
    use crate::http::metrics::Route;
    use crate::traces;

    /// A request, as traces see it.
    pub(in crate::http) struct RequestSpan(Span);

    struct Headers<'a>(&'a HeaderMap);

    impl Extractor for Headers<'_> {
        fn get(&self, key: &str) -> Option<&str> {
            self.0.get(key)?.to_str().ok()
        }

        fn keys(&self) -> Vec<&str> {
            self.0.keys().map(hyper::header::HeaderName::as_str).collect()
        }
    }

    /// Begins a span, below that of the client where its `traceparent` names one.
    pub(in crate::http) fn begin(route: Route, headers: &HeaderMap) -> RequestSpan {
        if !traces::are_sent() {
            return RequestSpan(Span::none());
        }
        let Route { method, route } = route;
        let name = format!("{method} {route}");
        let span = tracing::info_span!(
            target: traces::TARGET, "request",
            otel.name = name, otel.kind = "server", otel.status_code = Empty,
            http.request.method = method, http.route = route,
            http.response.status_code = Empty, creneau.code = Empty,
        );
        let parent = TraceContextPropagator::new().extract(&Headers(headers));
        // It fails only where no layer takes spans, and then there is nothing to have a parent.
        let _ = span.set_parent(parent);
        RequestSpan(span)
    }

    impl RequestSpan {
        /// Answers within the span, and writes down how it ended.
        pub(in crate::http) async fn follow(
            self,
            work: impl Future<Output = Response>,
        ) -> Response {
            let response = work.instrument(self.0.clone()).await;
            if !self.0.is_disabled() {
                let status = response.status();
                self.0.record("http.response.status_code", status.as_u16());
                let named = response.extensions().get::<crate::http::problem::Named>();
                if let Some(named) = named {
                    self.0.record("creneau.code", named.0);
                }
                if status.is_server_error() {
                    self.0.record("otel.status_code", "ERROR");
                }
            }
            response
        }
    }
}

#[cfg(not(feature = "traces"))]
mod off {
    use hyper::header::HeaderMap;

    use crate::http::answer::Response;
    use crate::http::metrics::Route;

    /// Nothing.
    pub(in crate::http) struct RequestSpan;

    pub(in crate::http) fn begin(_: Route, _: &HeaderMap) -> RequestSpan {
        RequestSpan
    }

    impl RequestSpan {
        pub(in crate::http) async fn follow(
            self,
            work: impl Future<Output = Response>,
        ) -> Response {
            work.await
        }
    }
}
