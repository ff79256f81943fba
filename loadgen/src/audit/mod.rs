//! Whether what was acknowledged is still so.
//!
//! [`claims`] makes of a ledger what must be so. [`over_api`] asks a server or an engine what is
//! so, [`over_journal`] reads it from the events of a journal; both end in a [`seen::Seen`].
//! [`judge`] holds one against the other. [`over_history`] asks of a history alone whether it has a
//! legal order.

mod claims;
mod doses;
mod judge;
mod over_api;
mod over_history;
mod over_journal;
mod seen;
mod until;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use creneau::Engine;
use serde::Serialize;

use crate::driver::Driver;
use crate::ledger::{self, Read};

use until::Cut;
pub(crate) use until::Until;

/// Milliseconds by which the clocks of generator and server may differ, and by which a hold may
/// outlive its time: the server ends it within a second.
const LATE_MS: i64 = 1_000;

/// What must be so. The names stand in reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Rule {
    /// What was acknowledged is there, in the state last acknowledged.
    Acknowledged,
    /// No two things lie in one lane at one time.
    SoldOnce,
    /// No hold outlived its time, and none ended before it.
    HoldsEnd,
    /// A moved appointment lies in its new place, and only there.
    MovesWhole,
    /// Nobody has two live holds in one calendar.
    OneHold,
    /// Nobody has an appointment that no request of theirs asked for.
    AskedFor,
    /// The same request under the same key has the same outcome.
    SameAgain,
    /// What was to be read could be read, and makes sense.
    Readable,
    /// No delivery has more doses booked, given and wasted than it has, and each dose ends in at
    /// most one arm.
    Stock,
    /// People had the doses that they may have, and were refused those that they may not.
    Eligible,
    /// Nobody has the same dose twice.
    OneDose,
    /// The second dose lies at its interval after the first.
    Interval,
    /// Nobody has a second dose without a first.
    FirstBefore,
    /// Who came last is the first to be left without a dose.
    InOrder,
    /// Whoever comes first in a line is offered a dose first.
    Line,
    /// Who is told to be protected adds up to the dose.
    Coverage,
    /// The engine's own audit finds nothing in a journal and what is derived from it.
    Journal,
    /// All calls could have happened one after the other, each between its beginning and its end.
    LegalOrder,
}

impl Rule {
    /// Those that a ledger is held to.
    const OF_LEDGERS: [Self; 8] = [
        Self::Acknowledged,
        Self::SoldOnce,
        Self::HoldsEnd,
        Self::MovesWhole,
        Self::OneHold,
        Self::AskedFor,
        Self::SameAgain,
        Self::Readable,
    ];

    /// Those that a ledger with a campaign is held to beside them.
    const OF_CAMPAIGNS: [Self; 8] = [
        Self::Stock,
        Self::Eligible,
        Self::OneDose,
        Self::Interval,
        Self::FirstBefore,
        Self::InOrder,
        Self::Line,
        Self::Coverage,
    ];

    /// The rule in words.
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::Acknowledged => "acknowledged things still there",
            Self::SoldOnce => "slots sold once",
            Self::HoldsEnd => "holds ended at their time",
            Self::MovesWhole => "moves whole",
            Self::OneHold => "holds alone of their patient in a calendar",
            Self::AskedFor => "appointments asked for",
            Self::SameAgain => "repeats with the first outcome",
            Self::Readable => "answers read",
            Self::Stock => "doses of deliveries there for them",
            Self::Eligible => "doses had or refused by right",
            Self::OneDose => "doses alone of their number",
            Self::Interval => "second doses at their interval",
            Self::FirstBefore => "second doses after a first",
            Self::InOrder => "left without a dose in their order",
            Self::Line => "doses taken by the order of a line",
            Self::Journal => "entries by the engine's own audit",
            Self::Coverage => "figures of who is protected",
            Self::LegalOrder => "calls in a legal order",
        }
    }
}

/// Something that is not as it must be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    pub(crate) rule: Rule,
    /// The hold, the appointment or the patient.
    pub(crate) id: String,
    pub(crate) what: String,
}

/// What an audit found.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Verdict {
    /// Where it looked.
    pub(crate) source: &'static str,
    /// How often each rule was looked at.
    pub(crate) checked: BTreeMap<Rule, u64>,
    pub(crate) findings: Vec<Finding>,
    /// Requests whose outcome stayed unknown; either outcome is right.
    pub(crate) unknown_outcomes: u64,
    /// Holds whose time had not come when the audit looked; they were still held.
    pub(crate) holds_still_live: u64,
    /// What the order of a history was judged by; of a ledger nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) order: Option<Order>,
}

/// What a history consists of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Order {
    pub(crate) bookings: usize,
    /// Slots that overlap each other, directly or through others.
    pub(crate) groups: usize,
    /// Refusals of taken slots.
    pub(crate) refusals: usize,
    /// Appointments of which it is not known when they lay where; less is judged of them.
    pub(crate) ambiguous: usize,
}

impl Verdict {
    fn new(source: &'static str) -> Self {
        Self::of(source, &Rule::OF_LEDGERS)
    }

    fn of(source: &'static str, rules: &[Rule]) -> Self {
        Self {
            source,
            checked: rules.iter().map(|rule| (*rule, 0)).collect(),
            findings: Vec::new(),
            unknown_outcomes: 0,
            holds_still_live: 0,
            order: None,
        }
    }

    /// Whether nothing was found.
    pub(crate) fn passes(&self) -> bool {
        self.findings.is_empty()
    }

    fn count(&mut self, rule: Rule, times: u64) {
        *self.checked.entry(rule).or_default() += times;
    }

    fn find(&mut self, rule: Rule, id: impl ToString, what: impl Into<String>) {
        self.findings.push(Finding { rule, id: id.to_string(), what: what.into() });
    }

    /// Looks at a rule once: it holds, or it is a finding.
    fn check(&mut self, rule: Rule, holds: bool, id: impl ToString, what: impl FnOnce() -> String) {
        self.count(rule, 1);
        if !holds {
            self.find(rule, id, what());
        }
    }

    /// A few lines to read, with the offending ids.
    pub(crate) fn lines(&self, most: usize) -> Vec<String> {
        let mut lines = vec![format!("audit by the {}:", self.source)];
        for (rule, times) in &self.checked {
            let found = self.findings.iter().filter(|finding| finding.rule == *rule).count();
            let mark = if found == 0 { "ok  " } else { "FAIL" };
            let words = rule.words();
            let offending = if found == 0 { String::new() } else { format!(", {found} are not") };
            lines.push(format!("  {mark}  {times:>8} {words}{offending}"));
        }
        if 0 < self.unknown_outcomes {
            let n = self.unknown_outcomes;
            lines.push(format!("        {n:>8} outcomes stayed unknown: either is right"));
        }
        if 0 < self.holds_still_live {
            let n = self.holds_still_live;
            lines.push(format!("        {n:>8} holds had time left, and were held"));
        }
        if let Some(Order { bookings, groups, refusals, ambiguous }) = self.order {
            lines.push(format!(
                "        {bookings} bookings in {groups} groups of slots, {refusals} refusals of \
                 taken ones; less is judged of {ambiguous} moved"
            ));
        }
        for Finding { rule, id, what } in self.findings.iter().take(most) {
            lines.push(format!("  FAIL  {id}: {what} ({})", rule.words()));
        }
        if let Some(more @ 1..) = self.findings.len().checked_sub(most) {
            lines.push(format!("        and {more} more"));
        }
        lines
    }
}

/// Audits a ledger against a server or an engine, up to where it is said. Waits for holds to end,
/// for at most `wait_seconds`.
///
/// # Errors
///
/// When the ledger tells of no backup.
pub(crate) async fn over_api(
    ledger: &Read,
    until: Option<Until>,
    driver: &std::sync::Arc<Driver>,
    wait_seconds: u64,
) -> Result<Verdict, String> {
    let claims = claims::Claims::up_to(ledger, Cut::of(ledger, until)?);
    over_api::wait_for_holds(&claims, wait_seconds).await;
    let mut verdict = Verdict::new("API");
    let mut seen = over_api::look(&claims, driver, over_api::TRIES_MAX, &mut verdict).await;
    let doses = doses::Doses::up_to(ledger, until);
    if let Some(set) = &doses.set
        && let Err(why) = doses::over_api::look((set, &doses), &claims, driver, &mut seen).await
    {
        verdict.find(Rule::Readable, set.campaign, why);
    }
    judge::judge(&claims, &seen, &mut verdict);
    doses::judge(&doses, &claims, &seen, &mut verdict);
    Ok(verdict)
}

/// As [`over_api`], at once, and of a server that may refuse to answer: each read is tried
/// `tries_max` times.
#[cfg(feature = "faults")]
pub(crate) async fn over_api_at_once(
    ledger: &Read,
    driver: &std::sync::Arc<Driver>,
    tries_max: u64,
) -> Verdict {
    let claims = claims::Claims::of(ledger);
    let mut verdict = Verdict::new("API");
    let seen = over_api::look(&claims, driver, tries_max, &mut verdict).await;
    judge::judge(&claims, &seen, &mut verdict);
    verdict
}

/// Audits a ledger against a data directory that no server uses, up to where it is said.
///
/// # Errors
///
/// Why the directory could not be opened or its journal not be read, or that the ledger tells of
/// no backup.
pub(crate) async fn over_data(
    ledger: &Read,
    until: Option<Until>,
    data: &Path,
) -> Result<Verdict, String> {
    let claims = claims::Claims::up_to(ledger, Cut::of(ledger, until)?);
    let mut verdict = Verdict::new("journal");
    let seen = over_journal::look_at(&claims, data, &mut verdict).await?;
    judge::judge(&claims, &seen, &mut verdict);
    let doses = doses::Doses::up_to(ledger, until);
    doses::judge(&doses, &claims, &seen, &mut verdict);
    let data = data.to_owned();
    let report = tokio::task::spawn_blocking(move || over_journal::by_engine(&data)).await;
    over_journal::as_engine_says(&report.map_err(|error| error.to_string())??, &mut verdict);
    Ok(verdict)
}

/// Audits a ledger against the journal of an engine in this process.
///
/// # Errors
///
/// Why its journal could not be read.
pub(crate) async fn over_engine(ledger: &Read, engine: &Engine) -> Result<Verdict, String> {
    let claims = claims::Claims::of(ledger);
    let mut verdict = Verdict::new("journal");
    let seen = over_journal::look(&claims, engine, &mut verdict).await?;
    judge::judge(&claims, &seen, &mut verdict);
    Ok(verdict)
}

/// Audits a history, which needs nothing beside it.
///
/// # Errors
///
/// Why it is no history, with the line, the field and the rule.
pub(crate) async fn over_history(path: PathBuf) -> Result<Verdict, String> {
    let judged = tokio::task::spawn_blocking(move || over_history::judge(&path));
    judged.await.map_err(|error| error.to_string())?
}

/// Reads a ledger for an audit.
///
/// # Errors
///
/// Why it is no ledger.
pub(crate) fn read_ledger(path: &Path) -> Result<Read, String> {
    ledger::read(path)
}

#[cfg(test)]
mod tests;
