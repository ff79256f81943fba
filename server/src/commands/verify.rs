//! `creneau verify`.

use std::fmt::Write;

use creneau::audit::{Fault, Report, audit};
use creneau::{SystemWallClock, WallClock};
use serde::Serialize;

use super::{Failure, answer, log_to_stderr, logged, opening};
use crate::cli::Verify;

/// A report as programs read it.
#[derive(Serialize)]
struct ReportJson<'a> {
    sound: bool,
    entries: u64,
    last: u64,
    marked: Option<u64>,
    calendars: u64,
    holds_live: u64,
    appointments_booked: u64,
    appointments_cancelled: u64,
    double_bookings: u64,
    orphans: u64,
    compared: &'static str,
    faults_total: u64,
    faults: Vec<FaultJson<'a>>,
}

#[derive(Serialize)]
struct FaultJson<'a> {
    sequence: Option<u64>,
    kind: &'static str,
    what: &'a str,
}

impl<'a> From<&'a Fault> for FaultJson<'a> {
    fn from(Fault { kind, sequence, what }: &'a Fault) -> Self {
        Self { sequence: *sequence, kind: kind.name(), what }
    }
}

/// Audits a directory, and says what is wrong with it.
pub(crate) fn run(asked: Verify) -> Result<(), Failure> {
    log_to_stderr(&logged("warn")?)?;
    let report = report(&asked.data)?;
    answer(&if asked.json { as_json(&report)? } else { as_text(&report) })?;
    if report.is_sound() {
        return Ok(());
    }
    Err(Failure::failed(format!(
        "{} is not sound: keep it as it is, and see docs/operations.md",
        asked.data.display()
    )))
}

/// The report on a directory that nobody uses.
pub(super) fn report(directory: &std::path::Path) -> Result<Report, Failure> {
    let in_use = "stop that server first, or verify a backup of it";
    let found = opening::inspect(directory, in_use)?;
    Ok(audit(&found, SystemWallClock.now()))
}

pub(super) fn as_json(report: &Report) -> Result<String, Failure> {
    let json = ReportJson {
        sound: report.is_sound(),
        entries: report.entries,
        last: report.last,
        marked: report.marked,
        calendars: report.calendars,
        holds_live: report.holds_live,
        appointments_booked: report.appointments_booked,
        appointments_cancelled: report.appointments_cancelled,
        double_bookings: report.double_bookings,
        orphans: report.orphans,
        compared: report.compared.name(),
        faults_total: report.faults_total,
        faults: report.faults.iter().map(FaultJson::from).collect(),
    };
    let json = serde_json::to_string(&json);
    let json = json.map_err(|error| Failure::failed(format!("failed to answer: {error}")))?;
    Ok(json + "\n")
}

fn as_text(report: &Report) -> String {
    let mut text = format!(
        "{} entries up to {}, {} calendars, {} live holds, {} appointments and {} cancelled\n",
        report.entries,
        report.last,
        report.calendars,
        report.holds_live,
        report.appointments_booked,
        report.appointments_cancelled
    );
    if report.is_sound() {
        return text + "sound\n";
    }
    let _ = writeln!(
        text,
        "{} faults, {} of them double bookings, {} of them derived rows",
        report.faults_total, report.double_bookings, report.orphans
    );
    for Fault { kind, sequence, what } in &report.faults {
        let place = sequence.map_or_else(|| "files".to_owned(), |at| format!("entry {at}"));
        let _ = writeln!(text, "  {place}: {}: {what}", kind.name());
    }
    let more = report.faults_total.saturating_sub(report.faults.len() as u64);
    if 0 < more {
        let _ = writeln!(text, "  and {more} more");
    }
    text
}
