//! Where the log goes, and in which form.

use std::io::IsTerminal;

use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt};

use super::Failure;

/// The variables that say what is logged, and how.
const FILTER: &str = "CRENEAU_LOG";
const FORM: &str = "CRENEAU_LOG_FORMAT";

/// How a line of the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// For people.
    Text,
    /// One JSON object on each line.
    Json,
}

impl Form {
    fn read() -> Result<Self, Failure> {
        match std::env::var(FORM).as_deref() {
            Ok("json") => Ok(Self::Json),
            Ok("text") | Err(std::env::VarError::NotPresent) => Ok(Self::Text),
            _ => Err(Failure::usage(format!("{FORM} must be text or json"))),
        }
    }
}

type Layered = Box<dyn Layer<Registry> + Send + Sync>;

/// Sends the log to standard error: standard output belongs to what the command answers. `also`
/// takes what is no line of the log.
pub(super) fn start(log_level: &str, also: Option<Layered>) -> Result<(), Failure> {
    let wanted = std::env::var(FILTER).unwrap_or_else(|_| log_level.to_owned());
    let filter = EnvFilter::try_new(&wanted)
        .map_err(|error| Failure::usage(format!("{FILTER} cannot be read: {error}")))?;
    let lines = fmt::layer().with_writer(std::io::stderr);
    let lines: Layered = match Form::read()? {
        Form::Text => {
            let colours = std::io::stderr().is_terminal();
            lines.with_ansi(colours).with_filter(without_spans(filter)).boxed()
        }
        Form::Json => lines
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .with_span_list(false)
            .with_filter(without_spans(filter))
            .boxed(),
    };
    let layers: Vec<Layered> = [lines].into_iter().chain(also).collect();
    // It fails only where a host has set one up before, which then gets the log.
    let _ = tracing_subscriber::registry().with(layers).try_init();
    Ok(())
}

/// The spans of requests are for traces: a line says all of it already.
#[cfg(feature = "traces")]
fn without_spans(filter: EnvFilter) -> impl tracing_subscriber::layer::Filter<Registry> {
    use tracing_subscriber::filter::{FilterExt, filter_fn};
    filter.and(filter_fn(|metadata| metadata.target() != crate::traces::TARGET))
}

#[cfg(not(feature = "traces"))]
fn without_spans(filter: EnvFilter) -> EnvFilter {
    filter
}
