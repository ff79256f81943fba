//! Where the log goes, and in which form.

use std::io::IsTerminal;

use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt};

use super::Failure;

/// The variables that say what is logged, and how.
const FILTER: &str = "CRENEAU_LOG";
const FORM: &str = "CRENEAU_LOG_FORMAT";

/// What is logged, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Log {
    /// Such as `debug` or `warn,creneau=info`.
    pub(crate) filter: String,
    /// One JSON object on each line, in place of a text for people.
    pub(crate) json: bool,
}

impl Log {
    /// As the environment says; what is logged is `standard` where it says nothing.
    pub(super) fn from_environment(standard: &str) -> Result<Self, String> {
        let filter = std::env::var(FILTER).unwrap_or_else(|_| standard.to_owned());
        let json = match std::env::var(FORM).as_deref() {
            Ok("json") => true,
            Ok("text") | Err(std::env::VarError::NotPresent) => false,
            _ => return Err(format!("{FORM} must be text or json")),
        };
        Ok(Self { filter, json })
    }
}

/// Whether what is to be logged can be read. A word alone must be a level: one that is not would
/// name a module that nobody has, and log nothing.
pub(super) fn check(log: &Log) -> Result<EnvFilter, String> {
    const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
    let is_level = |word: &str| LEVELS.contains(&word.to_ascii_lowercase().as_str());
    let alone = log.filter.split(',').map(str::trim).filter(|word| !word.contains(['=', '[']));
    let wrong = |why: &str| {
        let rule = "must be levels, such as debug or warn,creneau=info";
        format!("what is logged ({FILTER}, log) {rule}: {why}")
    };
    if let Some(word) = alone.into_iter().find(|word| !is_level(word)) {
        return Err(wrong(&format!("{word:?} is no level")));
    }
    EnvFilter::try_new(&log.filter).map_err(|error| wrong(&error.to_string()))
}

type Layered = Box<dyn Layer<Registry> + Send + Sync>;

/// Sends the log to standard error: standard output belongs to what the command answers. `also`
/// takes what is no line of the log.
pub(super) fn start(log: &Log, also: Option<Layered>) -> Result<(), Failure> {
    let filter = check(log).map_err(Failure::usage)?;
    let lines = fmt::layer().with_writer(std::io::stderr);
    let lines: Layered = match log.json {
        false => {
            let colours = std::io::stderr().is_terminal();
            lines.with_ansi(colours).with_filter(without_spans(filter)).boxed()
        }
        true => lines
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
