//! Sends traces by OTLP over HTTP to where the standard variables of OpenTelemetry say:
//! `OTEL_EXPORTER_OTLP_ENDPOINT` or `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`. Where neither is set,
//! nothing is set up, and a request costs one look at a flag.

use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::SpanExporter;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanData, SpanExporter as Exporter};
use tokio::runtime::Handle;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::{Layer, Registry};

/// The target of the spans that are sent. The log leaves it out.
pub(crate) const TARGET: &str = "creneau::traces";

const ENDPOINTS: [&str; 2] = ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"];

/// How long the end of the process waits for spans that are not sent yet. A server whose engine has
/// failed must be gone within a second.
const FLUSH_WAIT: Duration = Duration::from_millis(400);

static SENT: AtomicBool = AtomicBool::new(false);

/// Whether spans go anywhere.
pub(crate) fn are_sent() -> bool {
    SENT.load(Ordering::Relaxed)
}

/// The part of the subscriber that takes spans, and what sends them.
pub(crate) type Layered = Box<dyn Layer<Registry> + Send + Sync>;

/// What sends spans; the end of the process sends what is left.
pub(crate) struct Sending(SdkTracerProvider);

/// None where no endpoint is set.
///
/// # Errors
///
/// What is wrong with the endpoint.
pub(crate) fn start(runtime: &Handle) -> Result<Option<(Layered, Sending)>, String> {
    let is_set = |name: &&str| std::env::var(name).is_ok_and(|value| !value.is_empty());
    let Some(endpoint) = ENDPOINTS.iter().find(|name| is_set(name)) else { return Ok(None) };
    let _entered = runtime.enter();
    let exporter = SpanExporter::builder().with_http().build();
    let inner = exporter.map_err(|error| format!("{endpoint}: {error}"))?;
    let mut resource = Resource::builder();
    if std::env::var_os("OTEL_SERVICE_NAME").is_none() {
        resource = resource.with_service_name("creneau");
    }
    let provider = SdkTracerProvider::builder()
        .with_batch_exporter(OnRuntime { inner, runtime: runtime.clone() })
        .with_resource(resource.build())
        .build();
    let layer = tracing_opentelemetry::layer()
        .with_tracer(provider.tracer("creneau"))
        .with_location(false)
        .with_threads(false)
        .with_target(false)
        // Spans alone: what the log says of a request is not sent elsewhere.
        .with_filter(Targets::new().with_target(TARGET, LevelFilter::TRACE));
    SENT.store(true, Ordering::Relaxed);
    Ok(Some((layer.boxed(), Sending(provider))))
}

impl Sending {
    /// Sends what is left. The runtime must still run, and this must not be one of its threads.
    pub(crate) fn end(self) {
        if let Err(error) = self.0.shutdown_with_timeout(FLUSH_WAIT) {
            tracing::warn!(%error, "some traces could not be sent");
        }
    }
}

/// The exporter speaks HTTP by the runtime, and the batches are sent from a thread that is none of
/// the runtime's: it enters the runtime whenever it goes on.
#[derive(Debug)]
struct OnRuntime {
    inner: SpanExporter,
    runtime: Handle,
}

impl Exporter for OnRuntime {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        Entered { runtime: &self.runtime, work: pin!(self.inner.export(batch)) }.await
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}

struct Entered<'a, F> {
    runtime: &'a Handle,
    work: Pin<&'a mut F>,
}

impl<F: Future> Future for Entered<'_, F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let _entered = self.runtime.enter();
        self.work.as_mut().poll(cx)
    }
}
