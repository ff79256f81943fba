//! The settings of a server: from a file, the environment and the command line.
//!
//! - `table`: every setting, with its unit, its range and its standard value.
//! - `layers`: who has set what; the command line wins over the environment, that over the file.
//! - `print`: all of them as a file that can be used.
//!
//! Here they become what the engine and the HTTP part take, and the rules that hold between
//! several of them are checked.

mod layers;
mod print;
mod table;

use std::path::PathBuf;
use std::time::Duration;

use creneau::booking::{Guard, GuardScope};
use creneau::{Config, Error};

use crate::cli::SettingsArgs;
use crate::commands::logging::Log;
use crate::http::{Limits, Rate, Rates};

use layers::{FILE_VARIABLE, Source, Value};
pub(crate) use layers::{Fault, Layers};
pub(crate) use print::print;
use table::Setting;

/// The files of a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TlsFiles {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

/// What a server is told.
#[derive(Debug)]
pub(crate) struct Settings {
    /// Where the bookings are; none where everything is kept in memory.
    pub(crate) data: Option<PathBuf>,
    pub(crate) listen: String,
    pub(crate) insecure: bool,
    pub(crate) token_file: Option<PathBuf>,
    pub(crate) tls: Option<TlsFiles>,
    pub(crate) log: Log,
    pub(crate) rates: Rates,
    pub(crate) limits: Limits,
    /// Everything but the place.
    pub(crate) engine: Config,
}

/// Gathers what the file, the environment and the command line say.
pub(crate) fn gather(asked: &SettingsArgs) -> Layers {
    let mut layers = Layers::default();
    let named = std::env::var_os(FILE_VARIABLE).filter(|name| !name.is_empty());
    let file = asked.config.clone().or_else(|| named.map(PathBuf::from));
    if let Some(file) = file {
        layers.file(&file);
    }
    layers.environment(std::env::vars_os());
    let path = |path: &Option<PathBuf>| Some(path.as_ref()?.to_string_lossy().into_owned());
    let flag = |flag: bool| flag.then(|| true.to_string());
    layers.flag(&table::DATA, path(&asked.data));
    layers.flag(&table::MEMORY, flag(asked.memory));
    layers.flag(&table::LISTEN, asked.listen.clone());
    layers.flag(&table::INSECURE, flag(asked.insecure));
    layers.flag(&table::TOKEN_FILE, path(&asked.token_file));
    layers.flag(&table::TLS_CERTIFICATE, path(&asked.tls_certificate));
    layers.flag(&table::TLS_KEY, path(&asked.tls_key));
    layers.flag(&table::HOLD_SECONDS, asked.hold_seconds.map(|seconds| seconds.to_string()));
    asked.set.iter().for_each(|pair| layers.argument(pair));
    layers
}

/// What a file of settings with this text comes to: all settings, as `creneau config print` shows
/// them. It is itself such a file.
///
/// # Errors
///
/// A line for every setting that breaks a rule.
pub fn check_text(text: &str) -> Result<String, Vec<String>> {
    let read = || {
        let mut layers = Layers::default();
        layers.text(text, Source::File(PathBuf::from("a text")));
        layers
    };
    match Settings::of(read()) {
        Ok(_) => Ok(print(&read())),
        Err(faults) => Err(faults.iter().map(Fault::to_string).collect()),
    }
}

impl Settings {
    /// # Errors
    ///
    /// Every setting that breaks a rule.
    pub(crate) fn of(layers: Layers) -> Result<Self, Vec<Fault>> {
        let mut given = Given(layers);
        let settings = Self {
            data: given.place(),
            listen: given.text(&table::LISTEN).unwrap_or_default(),
            insecure: given.flag(&table::INSECURE),
            token_file: given.text(&table::TOKEN_FILE).map(PathBuf::from),
            tls: given.tls(),
            log: Log {
                filter: given.text(&table::LOG).unwrap_or_default(),
                json: given.text(&table::LOG_FORMAT).as_deref() == Some("json"),
            },
            rates: Rates {
                token: given.rate(&table::RATE_TOKEN, &table::RATE_TOKEN_BURST),
                address: given.rate(&table::RATE_ADDRESS, &table::RATE_ADDRESS_BURST),
            },
            limits: given.limits(),
            engine: given.engine(),
        };
        if settings.limits.answer_timeout <= settings.engine.write_timeout {
            let rule = "must be more than engine.write_timeout_seconds";
            given.broken(&table::ANSWER_TIMEOUT, rule);
        }
        match given.0.faults {
            faults if faults.is_empty() => Ok(settings),
            faults => Err(faults),
        }
    }
}

/// What has been set, as the types that are wanted.
struct Given(Layers);

impl Given {
    fn broken(&mut self, setting: &Setting, rule: &str) {
        let source = self.0.source(setting);
        self.0.fault(setting.key, rule.to_owned(), source);
    }

    fn text(&self, setting: &Setting) -> Option<String> {
        match self.0.value(setting) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    fn flag(&self, setting: &Setting) -> bool {
        self.0.value(setting) == Some(Value::Flag(true))
    }

    fn whole(&self, setting: &Setting) -> Option<u64> {
        match self.0.value(setting) {
            Some(Value::Whole(number)) => Some(number),
            _ => None,
        }
    }

    fn seconds(&self, setting: &Setting) -> Duration {
        Duration::from_secs(self.whole(setting).unwrap_or_default())
    }

    fn count(&self, setting: &Setting) -> usize {
        self.whole(setting).and_then(|number| number.try_into().ok()).unwrap_or_default()
    }

    fn place(&mut self) -> Option<PathBuf> {
        let (data, memory) = (self.text(&table::DATA), self.flag(&table::MEMORY));
        // What the command line says of the one overrules what a file says of the other.
        let by_hand = |setting| self.0.source(setting) == Source::Argument;
        match (data, memory) {
            (None, false) => {
                let rule = "must name the directory of the bookings: use --data DIR, or --memory \
                            to keep nothing";
                self.broken(&table::DATA, rule);
                None
            }
            (Some(_), true) if by_hand(&table::MEMORY) && !by_hand(&table::DATA) => None,
            (Some(data), true) if !by_hand(&table::MEMORY) && by_hand(&table::DATA) => {
                Some(data.into())
            }
            (Some(_), true) => {
                self.broken(&table::MEMORY, "must not be set together with data");
                None
            }
            (data, _) => data.map(PathBuf::from),
        }
    }

    fn tls(&mut self) -> Option<TlsFiles> {
        let certificate = self.text(&table::TLS_CERTIFICATE).map(PathBuf::from);
        let key = self.text(&table::TLS_KEY).map(PathBuf::from);
        match (certificate, key) {
            (Some(certificate), Some(key)) => Some(TlsFiles { certificate, key }),
            (Some(_), None) => {
                self.broken(&table::TLS_CERTIFICATE, "needs tls.key beside it");
                None
            }
            (None, Some(_)) => {
                self.broken(&table::TLS_KEY, "needs tls.certificate beside it");
                None
            }
            (None, None) => None,
        }
    }

    fn rate(&mut self, rate: &Setting, burst: &Setting) -> Option<Rate> {
        let number = |setting| self.whole(setting).and_then(|number| u32::try_from(number).ok());
        match (number(rate), number(burst)) {
            (Some(per_second), burst) => {
                Some(Rate { per_second, burst: burst.unwrap_or(per_second) })
            }
            (None, Some(_)) => {
                self.broken(burst, &format!("needs {} beside it", rate.key));
                None
            }
            (None, None) => None,
        }
    }

    fn limits(&self) -> Limits {
        Limits {
            connections_max: self.count(&table::CONNECTIONS_MAX),
            give_way_after: self.seconds(&table::GIVE_WAY),
            header_timeout: self.seconds(&table::HEADER_TIMEOUT),
            idle_timeout: self.seconds(&table::IDLE_TIMEOUT),
            body_timeout: self.seconds(&table::BODY_TIMEOUT),
            answer_timeout: self.seconds(&table::ANSWER_TIMEOUT),
            backup_timeout: self.seconds(&table::BACKUP_TIMEOUT),
            stall_timeout: self.seconds(&table::STALL_TIMEOUT),
            body_bytes_max: self.count(&table::BODY_BYTES_MAX),
            calendar_bytes_max: self.count(&table::CALENDAR_BYTES_MAX),
            feeds_max: self.count(&table::FEEDS_MAX),
            feed_heartbeat: self.seconds(&table::FEED_HEARTBEAT),
            drain_timeout: self.seconds(&table::DRAIN_TIMEOUT),
            unready_for: self.seconds(&table::UNREADY),
            slow_request: Duration::from_millis(self.whole(&table::SLOW_REQUEST).unwrap_or(0)),
            disk_free_min: self.whole(&table::DISK_FREE_MIN).unwrap_or_default(),
        }
    }

    fn engine(&mut self) -> Config {
        let guard = |scope| Guard { scope, ..Guard::per_calendar() };
        let guards = match self.text(&table::HOLD_LIMIT).as_deref() {
            Some("engine") => vec![guard(GuardScope::Engine)],
            Some("none") => Vec::new(),
            _ => vec![guard(GuardScope::Calendar)],
        };
        let config = Config {
            hold: self.seconds(&table::HOLD_SECONDS),
            answer: self.seconds(&table::ANSWER_SECONDS),
            guards,
            calendar_holds_max: self.count(&table::CALENDAR_HOLDS_MAX),
            calendar_requests_max: self.count(&table::CALENDAR_REQUESTS_MAX),
            engine_holds_max: self.count(&table::HOLDS_MAX),
            engine_requests_max: self.count(&table::REQUESTS_MAX),
            idle: self.seconds(&table::IDLE),
            write_timeout: self.seconds(&table::WRITE_TIMEOUT),
            replay_max: self.whole(&table::REPLAY_MAX).unwrap_or_default(),
            behind_max: self.count(&table::BEHIND_MAX),
            ..Config::in_memory()
        };
        // Ranges hold by now; what is left are rules between two of them. The engine's names for
        // them begin with another word.
        if let Err(Error::Config { field, rule }) = config.check() {
            let (setting, rule) = match field {
                "calendar_requests_max" => {
                    (&table::CALENDAR_REQUESTS_MAX, "must be more than engine.calendar_holds_max")
                }
                "engine_requests_max" => {
                    (&table::REQUESTS_MAX, "must be more than engine.holds_max")
                }
                _ => (&table::HOLD_SECONDS, rule),
            };
            // A value that could not be read has said so already.
            if self.0.faults.is_empty() {
                self.broken(setting, rule);
            }
        }
        config
    }
}

#[cfg(test)]
mod tests;
