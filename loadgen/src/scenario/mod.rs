//! What is rehearsed. A scenario is a TOML file; every key and range is in `docs/load.md`.

mod campaign;
mod rules;

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::api::Call;
pub(crate) use campaign::{Campaign, Change};

/// A scenario.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Scenario {
    pub(crate) name: String,
    #[serde(default = "one")]
    pub(crate) seed: u64,
    #[serde(default)]
    pub(crate) arrivals: Law,
    #[serde(default = "ten_thousand")]
    pub(crate) in_flight_max: usize,
    pub(crate) phases: Vec<Phase>,
    #[serde(default)]
    pub(crate) mix: Mix,
    #[serde(default)]
    pub(crate) habits: Habits,
    #[serde(default)]
    pub(crate) spread: Spread,
    #[serde(default)]
    pub(crate) think: Think,
    #[serde(default)]
    pub(crate) search: Search,
    #[serde(default)]
    pub(crate) calendars: Calendars,
    #[serde(default)]
    pub(crate) client: Client,
    #[serde(default)]
    pub(crate) server: Server,
    #[serde(default)]
    pub(crate) thresholds: Thresholds,
    /// What is booked are doses of a campaign, and nothing else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) campaign: Option<Campaign>,
}

const fn one() -> u64 {
    1
}

const fn ten_thousand() -> usize {
    10_000
}

/// How arrivals follow each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Law {
    /// At equal distances.
    Constant,
    /// Independently of each other, as people do.
    #[default]
    Poisson,
}

/// A stretch of time with one rate of arrivals.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Phase {
    pub(crate) name: String,
    pub(crate) seconds: u32,
    /// Patients a second.
    pub(crate) rate: f64,
}

/// What patients come for, by weight.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Mix {
    pub(crate) look: u32,
    pub(crate) book: u32,
    pub(crate) release: u32,
    pub(crate) abandon: u32,
    pub(crate) cancel: u32,
    #[serde(rename = "move")]
    pub(crate) moving: u32,
}

impl Default for Mix {
    fn default() -> Self {
        Self { look: 40, book: 40, release: 5, abandon: 5, cancel: 5, moving: 5 }
    }
}

/// How likely it is, for each write, that a patient does something odd with it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Habits {
    /// Sends the same request again after its answer.
    pub(crate) retry: f64,
    /// Closes the connection before the answer, and asks again.
    pub(crate) hang_up: f64,
    /// Wants a second hold in the same calendar, which must be refused.
    pub(crate) greedy: f64,
    /// How often who is turned away comes back, after a second each.
    pub(crate) come_back: u32,
}

/// Which calendars patients want.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Spread {
    pub(crate) law: SpreadLaw,
    /// The share of patients who want the hot calendars.
    pub(crate) share: f64,
    /// How many are hot.
    pub(crate) calendars: usize,
}

impl Default for Spread {
    fn default() -> Self {
        Self { law: SpreadLaw::Uniform, share: 0.9, calendars: 3 }
    }
}

/// How patients spread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SpreadLaw {
    /// Each calendar and each day is as good as any other.
    Uniform,
    /// A share of the patients wants the first slots of the few first calendars.
    Hot,
}

/// How long a patient thinks between two calls.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Think {
    pub(crate) min_ms: u64,
    pub(crate) max_ms: u64,
}

impl Default for Think {
    fn default() -> Self {
        Self { min_ms: 100, max_ms: 1_000 }
    }
}

/// How patients look for a slot.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Search {
    /// Days of one listing.
    pub(crate) days: u16,
    /// Slots of one listing.
    pub(crate) slots: u16,
    /// How many slots a patient tries to hold before giving up.
    pub(crate) tries: u32,
    /// Days from now to the first that is wanted, so that no start passes meanwhile.
    pub(crate) first_day: u16,
    /// Days from now to the last that is wanted.
    pub(crate) last_day: u16,
}

impl Default for Search {
    fn default() -> Self {
        Self { days: 2, slots: 24, tries: 3, first_day: 1, last_day: 20 }
    }
}

/// The calendars that are booked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Calendars {
    /// Uses the calendars that are there, up to `count` of them, and creates none.
    pub(crate) use_existing: bool,
    /// With `use_existing`, creates `count` of them where there is none.
    pub(crate) create_missing: bool,
    pub(crate) count: usize,
    pub(crate) lanes: u16,
    /// The hours of every day.
    pub(crate) hours: Vec<String>,
    pub(crate) horizon_days: u16,
    pub(crate) grid_minutes: u8,
    pub(crate) reason_minutes: u16,
    pub(crate) time_zone: String,
}

impl Default for Calendars {
    fn default() -> Self {
        Self {
            use_existing: false,
            create_missing: false,
            count: 100,
            lanes: 2,
            hours: vec!["08:00-12:00".to_owned(), "14:00-18:00".to_owned()],
            horizon_days: 30,
            grid_minutes: 5,
            reason_minutes: 15,
            time_zone: "Europe/Paris".to_owned(),
        }
    }
}

/// The generator's side of the connections.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Client {
    pub(crate) connections: usize,
    /// How long one attempt may take.
    pub(crate) timeout_ms: u64,
    /// For how long an outcome that is not known is asked for.
    pub(crate) resolve_seconds: u64,
}

impl Default for Client {
    fn default() -> Self {
        Self { connections: 256, timeout_ms: 10_000, resolve_seconds: 60 }
    }
}

/// The server, where the generator owns it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Server {
    /// How long a hold lasts; also of an embedded engine.
    pub(crate) hold_seconds: Option<u64>,
    /// By how much the system prefers everybody else to it.
    pub(crate) nice: Option<i32>,
    /// Kills it with `SIGKILL` this often and starts it again.
    pub(crate) kill_every_seconds: Option<u64>,
}

/// What must hold at the end, beside the audit.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Thresholds {
    /// Milliseconds within which 99 of 100 calls are answered, by call.
    pub(crate) p99_ms: BTreeMap<Call, f64>,
    /// The share of calls that end without a proper answer, at most.
    pub(crate) error_share: Option<f64>,
    /// The share of arrivals that are dropped, at most.
    pub(crate) dropped_share: Option<f64>,
    /// Appointments that are confirmed, at least.
    pub(crate) bookings_min: Option<u64>,
    /// Doses that are given, at least.
    pub(crate) given_min: Option<u64>,
}

impl Scenario {
    /// Reads a scenario.
    ///
    /// # Errors
    ///
    /// The field and the rule that it breaks.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let parsed = toml::Deserializer::parse(text).map_err(|error| error.to_string())?;
        let scenario: Self = serde_path_to_error::deserialize(parsed).map_err(|error| {
            let (path, inner) = (error.path().to_string(), error.into_inner());
            let message = inner.message().trim();
            if path == "." { message.to_owned() } else { format!("{path}: {message}") }
        })?;
        scenario.check()?;
        Ok(scenario)
    }

    /// Reads the scenario of a file.
    ///
    /// # Errors
    ///
    /// As [`Scenario::parse`], or why the file cannot be read; with the file's name.
    pub(crate) fn read(path: &Path) -> Result<Self, String> {
        let text = std::fs::read_to_string(path).map_err(|error| error.to_string());
        text.and_then(|text| Self::parse(&text))
            .map_err(|error| format!("{}: {error}", path.display()))
    }

    /// Seconds from the first to the last phase.
    pub(crate) fn seconds(&self) -> u64 {
        self.phases.iter().map(|phase| u64::from(phase.seconds)).sum()
    }
}

#[cfg(test)]
pub(crate) mod tests;
