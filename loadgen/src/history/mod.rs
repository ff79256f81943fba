//! When each write began and ended, by one monotonic clock, and what it asked and was told: all
//! that [`creneau::audit::history`] needs to say whether the calls could have happened one after
//! the other. `docs/load.md` has the fields.
//!
//! JSON Lines: a header, the calendars, the calls in the order in which they ended, and a last line
//! that says how many there are. What lacks it is not whole: calls that were under way are missing,
//! and with them what others may have met.

mod read;
mod write;

use creneau::{CalendarId, HoldId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::api;
use crate::ledger::text;

pub(crate) use read::{Read, read};
pub(crate) use write::{Called, History};

/// What the first line of a history says it is.
pub(crate) const FORMAT: &str = "creneau-history";

/// The version of the format. The first had neither a header nor an end, and is not read.
pub(crate) const VERSION: u32 = 2;

/// The outcome of what was done.
pub(crate) const OK: &str = "ok";

/// The outcome of what nobody knows whether it was done.
pub(crate) const UNKNOWN: &str = "unknown";

/// The first line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Header {
    pub(crate) format: String,
    pub(crate) version: u32,
    pub(crate) run: String,
    pub(crate) scenario: String,
    /// What the wall clock showed when the monotonic one showed 0: by it deadlines are placed.
    #[serde(with = "text::plain")]
    pub(crate) started_at: Timestamp,
}

impl Header {
    /// The header of a run.
    pub(crate) fn new(run: &str, scenario: &str, started_at: Timestamp) -> Self {
        let (run, scenario, format) = (run.to_owned(), scenario.to_owned(), FORMAT.to_owned());
        Self { format, version: VERSION, run, scenario, started_at }
    }
}

/// A line after the first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[expect(clippy::large_enum_variant, reason = "almost all lines are calls")]
pub(crate) enum Line {
    Calendar(Calendar),
    Call(Call),
    End(End),
}

/// A calendar that is booked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Calendar {
    #[serde(with = "text::plain")]
    pub(crate) calendar_id: CalendarId,
    pub(crate) lanes: u16,
    /// Whether the run made it, so that all that is booked there is in the history.
    pub(crate) own: bool,
}

/// A call that has ended, or whose end nobody heard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Call {
    /// The `Idempotency-Key`: calls under one key are one operation.
    pub(crate) key: String,
    /// The number of the patient, who has one call under way at a time.
    pub(crate) client: u64,
    pub(crate) op: api::Call,
    /// The same request once more, after its answer.
    pub(crate) repeat: bool,
    pub(crate) person: String,
    /// The hold, also as the appointment that it became, or the one that the person has already.
    #[serde(default, with = "text::maybe", skip_serializing_if = "Option::is_none")]
    pub(crate) hold_id: Option<HoldId>,
    /// Where it lies by the answer; else the slot that was wanted.
    #[serde(default, with = "text::maybe", skip_serializing_if = "Option::is_none")]
    pub(crate) calendar_id: Option<CalendarId>,
    #[serde(default, with = "text::maybe", skip_serializing_if = "Option::is_none")]
    pub(crate) start: Option<Timestamp>,
    #[serde(default, with = "text::maybe", skip_serializing_if = "Option::is_none")]
    pub(crate) end: Option<Timestamp>,
    /// The end with the buffer.
    #[serde(default, with = "text::maybe", skip_serializing_if = "Option::is_none")]
    pub(crate) occupied_until: Option<Timestamp>,
    /// Known of appointments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) lane: Option<u16>,
    /// Whether the appointment is cancelled by the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) cancelled: Option<bool>,
    /// When the hold ends by itself.
    #[serde(default, with = "text::maybe", skip_serializing_if = "Option::is_none")]
    pub(crate) expires_at: Option<Timestamp>,
    pub(crate) invoke_ns: u64,
    /// Null where the outcome stayed unknown.
    pub(crate) return_ns: Option<u64>,
    /// `ok`, `unknown`, or the code of a refusal.
    pub(crate) outcome: String,
}

/// The last line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct End {
    pub(crate) calls: u64,
}

#[cfg(test)]
mod tests;
