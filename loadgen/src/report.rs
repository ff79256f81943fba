//! What a rehearsal came to: a table to read, and JSON with a stated schema.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

use crate::api::Call;
use crate::audit::Verdict;
use crate::backup::Backup;
use crate::meter::{Came, Class, Measured, Patients, Second, Summary};
use crate::sampled::Taken;
use crate::scenario::{Phase, Scenario};
use crate::spawned::Life;

/// The schema of the JSON, with its version.
pub(crate) const SCHEMA: &str = "creneau-loadgen/2";

/// Findings that are printed; the JSON has them all.
const PRINTED_MAX: usize = 20;

/// The machine on which a rehearsal ran.
#[derive(Clone, Debug, Serialize)]
struct Machine {
    processor: String,
    cores: usize,
    memory_mib: u64,
    system: String,
}

/// Who came in a phase.
#[derive(Clone, Debug, Serialize)]
struct PhaseLine {
    name: String,
    seconds: u32,
    rate: f64,
    arrived: u64,
    dropped: u64,
}

/// One line of the table.
#[derive(Clone, Debug, Serialize)]
struct CallLine {
    call: Call,
    class: Class,
    #[serde(flatten)]
    summary: Summary,
}

/// Refusals of a call with one code.
#[derive(Clone, Debug, Serialize)]
struct CodeLine {
    call: Call,
    code: String,
    count: u64,
}

/// A threshold, and whether it holds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Threshold {
    pub(crate) name: String,
    pub(crate) limit: f64,
    pub(crate) measured: f64,
    pub(crate) pass: bool,
}

impl Threshold {
    /// One line of a report.
    pub(crate) fn line(&self) -> String {
        let Self { name, limit, measured, pass } = self;
        let mark = if *pass { "ok  " } else { "FAIL" };
        format!("  {mark}  {name}: {measured} against {limit}")
    }
}

/// A server that was owned.
#[derive(Clone, Debug, Serialize)]
struct ServerLife {
    kills: u64,
    slowest_start_ms: u64,
}

/// A whole rehearsal.
#[derive(Serialize)]
pub(crate) struct Report {
    schema: &'static str,
    version: &'static str,
    driver: &'static str,
    run: String,
    started_at: String,
    seconds: f64,
    machine: Machine,
    scenario: Scenario,
    patients: Patients,
    phases: Vec<PhaseLine>,
    calls: Vec<CallLine>,
    refusals: Vec<CodeLine>,
    unclear_attempts: u64,
    unclear_why: BTreeMap<String, u64>,
    turned_away: BTreeMap<Call, u64>,
    hung_up: u64,
    bookings: u64,
    timeline: Vec<Second>,
    taken: Option<Taken>,
    ledger: String,
    ledger_lines: u64,
    ledger_wait: Summary,
    server: Option<ServerLife>,
    backup: Option<Backup>,
    thresholds: Vec<Threshold>,
    audits: Vec<Verdict>,
    troubles: Vec<String>,
    pass: bool,
}

/// What a report is made of.
pub(crate) struct Parts<'a> {
    pub(crate) scenario: &'a Scenario,
    pub(crate) driver: &'static str,
    pub(crate) run: &'a str,
    pub(crate) started_at: String,
    pub(crate) seconds: f64,
    pub(crate) measured: &'a Measured,
    pub(crate) ledger: &'a Path,
    pub(crate) ledger_lines: u64,
    pub(crate) life: Option<&'a Life>,
    /// What an own server took of the machine.
    pub(crate) taken: Option<Taken>,
    pub(crate) backup: Option<Backup>,
    pub(crate) audits: Vec<Verdict>,
    /// What went wrong beside thresholds and audit.
    pub(crate) troubles: Vec<String>,
}

impl Report {
    /// Puts it together, and judges.
    pub(crate) fn new(parts: Parts<'_>) -> Self {
        let Parts { scenario, measured, life, audits, troubles, .. } = parts;
        let thresholds = thresholds(scenario, measured);
        let calls = measured.calls.iter().map(|((call, class), latencies)| CallLine {
            call: *call,
            class: *class,
            summary: latencies.summary(),
        });
        let refusals = measured.codes.iter().map(|((call, code), count)| CodeLine {
            call: *call,
            code: code.clone(),
            count: *count,
        });
        let pass = troubles.is_empty()
            && thresholds.iter().all(|threshold| threshold.pass)
            && audits.iter().all(Verdict::passes);
        Self {
            schema: SCHEMA,
            version: env!("CARGO_PKG_VERSION"),
            driver: parts.driver,
            run: parts.run.to_owned(),
            started_at: parts.started_at,
            seconds: parts.seconds,
            machine: machine(),
            scenario: scenario.clone(),
            patients: measured.patients,
            phases: phases(scenario, measured),
            calls: calls.collect(),
            refusals: refusals.collect(),
            unclear_attempts: measured.unclear.values().sum(),
            unclear_why: measured.why.clone(),
            turned_away: measured.turned_away.clone(),
            hung_up: measured.hung_up,
            bookings: measured.bookings(),
            timeline: measured.timeline.clone(),
            taken: parts.taken,
            ledger: parts.ledger.display().to_string(),
            ledger_lines: parts.ledger_lines,
            ledger_wait: measured.ledger.summary(),
            server: life
                .map(|it| ServerLife { kills: it.kills, slowest_start_ms: it.slowest_start_ms }),
            backup: parts.backup,
            thresholds,
            audits,
            troubles,
            pass,
        }
    }

    /// Second by second.
    pub(crate) fn timeline(&self) -> &[Second] {
        &self.timeline
    }

    /// What an own server took of the machine.
    pub(crate) const fn taken(&self) -> Option<&Taken> {
        self.taken.as_ref()
    }

    /// Patients who were to come, and who got in.
    pub(crate) const fn arrived(&self) -> (u64, u64) {
        let Patients { arrived, dropped, .. } = self.patients;
        (arrived, arrived.saturating_sub(dropped))
    }

    /// Calls of a kind that were done, and all of them.
    pub(crate) fn answers(&self, call: Call) -> (u64, u64) {
        let of_call = self.calls.iter().filter(|it| it.call == call);
        let (mut done, mut all) = (0, 0);
        for CallLine { class, summary, .. } in of_call {
            all += summary.count;
            done += if matches!(class, Class::Ok | Class::Repeat) { summary.count } else { 0 };
        }
        (done, all)
    }

    /// Whether all thresholds and laws hold.
    pub(crate) const fn passes(&self) -> bool {
        self.pass
    }

    /// The thresholds and how they came out.
    #[cfg(test)]
    pub(crate) fn thresholds(&self) -> &[Threshold] {
        &self.thresholds
    }

    /// The report as JSON.
    pub(crate) fn json(&self) -> Result<String, String> {
        let json = serde_json::to_string_pretty(self).map_err(|error| error.to_string())?;
        Ok(json + "\n")
    }

    /// The report to read.
    pub(crate) fn text(&self) -> String {
        let mut lines = vec![
            String::new(),
            format!(
                "{} over {}: {:.1} s on {} cores of {}",
                self.scenario.name,
                self.driver,
                self.seconds,
                self.machine.cores,
                self.machine.processor
            ),
        ];
        let Patients { arrived, dropped, without_slot, cut_off, .. } = self.patients;
        lines.push(format!(
            "patients: {arrived} arrived, {dropped} dropped, {without_slot} found nothing free, \
             {cut_off} cut off; {} appointments booked",
            self.bookings
        ));
        for PhaseLine { name, arrived, dropped, .. } in &self.phases {
            lines.push(format!("  {name}: {arrived} arrived, {dropped} dropped"));
        }
        lines.push(format!(
            "attempts without an outcome: {}, and {} hung up on on purpose",
            self.unclear_attempts, self.hung_up
        ));
        for (why, count) in &self.unclear_why {
            lines.push(format!("  {count}: {why}"));
        }
        if !self.turned_away.is_empty() {
            let told = self.turned_away.iter().map(|(call, count)| format!("{call} {count}"));
            lines.push(format!(
                "attempts turned away as overloaded: {}",
                told.collect::<Vec<_>>().join(", ")
            ));
        }
        lines.extend(self.taken.iter().map(Taken::to_string));
        if let Some(ServerLife { kills, slowest_start_ms }) = &self.server {
            lines
                .push(format!("server: killed {kills} times, slowest start {slowest_start_ms} ms"));
        }
        if let Some(Backup { to, after_ms, took_ms, last }) = &self.backup {
            lines.push(format!(
                "backup: {}, up to entry {last}, begun after {after_ms} ms, taken in {took_ms} ms",
                to.display()
            ));
        }
        lines.push(format!(
            "ledger: {} lines in {}, waited for {:.1} ms at p99",
            self.ledger_lines, self.ledger, self.ledger_wait.p99_ms
        ));
        lines.push(String::new());
        self.table(&mut lines);
        lines.push(String::new());
        lines.extend(self.thresholds.iter().map(Threshold::line));
        for audit in &self.audits {
            lines.extend(audit.lines(PRINTED_MAX));
        }
        lines.extend(self.troubles.iter().map(|trouble| format!("  FAIL  {trouble}")));
        lines.push(if self.pass { "passed".to_owned() } else { "FAILED".to_owned() });
        lines.join("\n")
    }

    fn table(&self, lines: &mut Vec<String>) {
        lines.push(format!(
            "  {:<9} {:<10} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9}  in ms from the intended start",
            "call", "outcome", "count", "p50", "p90", "p99", "p99.9", "max"
        ));
        for CallLine { call, class, summary } in &self.calls {
            let Summary { count, p50_ms, p90_ms, p99_ms, p999_ms, max_ms, .. } = summary;
            lines.push(format!(
                "  {:<9} {:<10} {count:>9} {p50_ms:>9.2} {p90_ms:>9.2} {p99_ms:>9.2} \
                 {p999_ms:>9.2} {max_ms:>9.2}",
                call.name(),
                class.name()
            ));
        }
        for CodeLine { call, code, count } in &self.refusals {
            lines.push(format!("  {:<9} {code:<20} {count:>9}", call.name()));
        }
    }
}

/// The thresholds of a scenario, held against what was measured.
fn thresholds(scenario: &Scenario, measured: &Measured) -> Vec<Threshold> {
    let mut all = Vec::new();
    let at_most = |name: String, limit: f64, measured: f64| Threshold {
        pass: measured <= limit,
        name,
        limit,
        measured,
    };
    let wanted = &scenario.thresholds;
    for (call, limit) in &wanted.p99_ms {
        let p99 = measured.answered(*call).ms(0.99);
        all.push(at_most(format!("p99 of {call}, ms"), *limit, p99));
    }
    if let Some(limit) = wanted.error_share {
        let share = share(measured.errors(), measured.count(|_, _| true));
        all.push(at_most("share of calls without a proper answer".to_owned(), limit, share));
    }
    if let Some(limit) = wanted.dropped_share {
        let share = share(measured.patients.dropped, measured.patients.arrived);
        all.push(at_most("share of arrivals dropped".to_owned(), limit, share));
    }
    if let Some(least) = wanted.bookings_min {
        let (limit, bookings) = (least as f64, measured.bookings() as f64);
        let name = "appointments booked, at least".to_owned();
        all.push(Threshold { name, limit, measured: bookings, pass: limit <= bookings });
    }
    if let Some(least) = wanted.given_min {
        let given = measured.count(|call, class| call == Call::Give && class == Class::Ok);
        let (limit, given) = (least as f64, given as f64);
        let name = "doses given, at least".to_owned();
        all.push(Threshold { name, limit, measured: given, pass: limit <= given });
    }
    all
}

/// Who came, phase by phase.
fn phases(scenario: &Scenario, measured: &Measured) -> Vec<PhaseLine> {
    let line = |(place, phase): (usize, &Phase)| {
        let Came { arrived, dropped } = measured.phases.get(&place).copied().unwrap_or_default();
        let (name, seconds, rate) = (phase.name.clone(), phase.seconds, phase.rate);
        PhaseLine { name, seconds, rate, arrived, dropped }
    };
    scenario.phases.iter().enumerate().map(line).collect()
}

fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// What the system tells about the machine; what it does not tell is "unknown" or 0.
fn machine() -> Machine {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let field = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name));
        line.and_then(|line| line.split_once(':')).map(|(_, value)| value.trim().to_owned())
    };
    let unknown = || "unknown".to_owned();
    let kib = field(&read("/proc/meminfo"), "MemTotal").unwrap_or_default();
    let kib = kib.split(' ').next().and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0);
    let system = read("/proc/version");
    Machine {
        processor: field(&read("/proc/cpuinfo"), "model name").unwrap_or_else(unknown),
        cores: std::thread::available_parallelism().map_or(0, usize::from),
        memory_mib: kib / 1_024,
        system: system.split(" (").next().unwrap_or("unknown").trim().to_owned(),
    }
}
