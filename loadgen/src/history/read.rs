//! Reading a history, by its rules.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use creneau::CalendarId;

use super::{Calendar, Call, FORMAT, Header, Line, OK, UNKNOWN, VERSION};
use crate::api;

/// Bytes of one line. What is longer is no history.
const LINE_BYTES_MAX: u64 = 1 << 20;

/// A history that was read. It keeps the rules of the format; whether what it says can be true is
/// for its audit.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Read {
    pub(crate) header: Header,
    pub(crate) calendars: Vec<Calendar>,
    pub(crate) calls: Vec<Call>,
}

/// Reads a history.
///
/// # Errors
///
/// Why it is none, with the line, the field and the rule.
pub(crate) fn read(path: &Path) -> Result<Read, String> {
    let file = File::open(path).map_err(|error| format!("{}: {error}", path.display()))?;
    read_from(BufReader::new(file)).map_err(|error| format!("{}: {error}", path.display()))
}

/// As [`read`], without the file's name.
pub(super) fn read_from(from: impl BufRead) -> Result<Read, String> {
    let mut lines = Lines { from, number: 0 };
    let header = header(&mut lines)?;
    let (mut rules, mut calls) = (Rules::default(), Vec::new());
    let mut ended = false;
    while let Some(bytes) = lines.next()? {
        let at = |error: String| format!("line {}: {error}", lines.number);
        if ended {
            return Err(at("end: must be the last line".to_owned()));
        }
        match parse(&bytes).map_err(at)? {
            Line::Calendar(calendar) => rules.calendar(calendar).map_err(at)?,
            Line::Call(call) => {
                rules.call(&call, lines.number).map_err(at)?;
                calls.push(call);
            }
            Line::End(end) if end.calls == calls.len() as u64 => ended = true,
            Line::End(end) => {
                let (says, there) = (end.calls, calls.len());
                return Err(at(format!("end.calls: is {says}, and there are {there} before it")));
            }
        }
    }
    if !ended {
        return Err(format!(
            "line {}: end: must be the last line; calls that were under way are missing without it",
            lines.number + 1
        ));
    }
    Ok(Read { header, calendars: rules.calendars, calls })
}

struct Lines<R> {
    from: R,
    /// Of the line that was read last.
    number: usize,
}

impl<R: BufRead> Lines<R> {
    fn next(&mut self) -> Result<Option<Vec<u8>>, String> {
        let number = self.number + 1;
        let mut bytes = Vec::new();
        let mut bounded = std::io::Read::take(&mut self.from, LINE_BYTES_MAX);
        let read = bounded.read_until(b'\n', &mut bytes);
        if read.map_err(|error| format!("line {number}: {error}"))? == 0 {
            return Ok(None);
        }
        if bytes.pop() != Some(b'\n') {
            let most = LINE_BYTES_MAX;
            return Err(format!("line {number}: must end in a line feed within {most} bytes"));
        }
        self.number = number;
        Ok(Some(bytes))
    }
}

fn header(lines: &mut Lines<impl BufRead>) -> Result<Header, String> {
    /// What every version has.
    #[derive(serde::Deserialize)]
    struct Any {
        format: String,
        version: u32,
    }
    let none = || format!("line 1: format: must be {FORMAT}, and there is no line");
    let first = lines.next()?.ok_or_else(none)?;
    let any: Any = parse(&first).map_err(|error| format!("line 1: {error}"))?;
    if (any.format.as_str(), any.version) != (FORMAT, VERSION) {
        let Any { format, version } = any;
        let is = format!("is {format} version {version}");
        return Err(format!("line 1: version: {is}, and {FORMAT} version {VERSION} is read here"));
    }
    parse(&first).map_err(|error| format!("line 1: {error}"))
}

/// The value of a line, or the field and what is wrong with it.
fn parse<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    let mut from = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut from).map_err(|error| {
        let (path, inner) = (error.path().to_string(), error.into_inner().to_string());
        // The line is named already, and there is one.
        let what = inner.split(" at line 1 ").next().unwrap_or_default().to_owned();
        if path == "." { what } else { format!("{path}: {what}") }
    })?;
    from.end().map_err(|_| "must hold one object".to_owned())?;
    Ok(value)
}

/// What lines must keep together.
#[derive(Default)]
struct Rules {
    calendars: Vec<Calendar>,
    known: HashSet<CalendarId>,
    /// What was asked under each key, and on which line first.
    keys: HashMap<String, (api::Call, u64, usize)>,
}

fn must(holds: bool, field: &str, rule: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(format!("{field}: {rule}")) }
}

impl Rules {
    fn calendar(&mut self, calendar: Calendar) -> Result<(), String> {
        must(0 < calendar.lanes, "calendar.lanes", "must be 1 or more")?;
        let new = self.known.insert(calendar.calendar_id);
        must(new, "calendar.calendar_id", "must not be there twice")?;
        self.calendars.push(calendar);
        Ok(())
    }

    fn call(&mut self, call: &Call, line: usize) -> Result<(), String> {
        let Call { op, outcome, return_ns, .. } = call;
        let is_write = matches!(op, api::Call::Hold | api::Call::Confirm | api::Call::Release)
            || matches!(op, api::Call::Cancel | api::Call::Move);
        must(is_write, "call.op", "must be hold, confirm, release, cancel or move")?;
        must(!call.key.is_empty(), "call.key", "must not be empty")?;
        let asked = (*op, call.client);
        let (first_op, client, first) =
            *self.keys.entry(call.key.clone()).or_insert((*op, call.client, line));
        if asked != (first_op, client) {
            return Err(format!(
                "call.key: must be that of one request, and is that of line {first}"
            ));
        }
        let unheard = outcome == UNKNOWN;
        let rule = "must be null where the outcome is unknown, and a number elsewhere";
        must(return_ns.is_none() == unheard, "call.return_ns", rule)?;
        self.place(call)?;
        let done = outcome == OK;
        let about = done
            || matches!(op, api::Call::Confirm | api::Call::Release)
            || matches!(op, api::Call::Cancel | api::Call::Move);
        must(call.hold_id.is_some() || !about, "call.hold_id", "must be there")?;
        let held = done && *op == api::Call::Hold;
        must(call.expires_at.is_some() || !held, "call.expires_at", "must be there of a hold")?;
        let booked = matches!(op, api::Call::Confirm | api::Call::Cancel | api::Call::Move);
        let told = call.lane.is_some() && call.cancelled.is_some();
        must(
            told || !(done && booked),
            "call.lane",
            "must be there, and cancelled, of what is booked",
        )
    }

    /// Where a call lies.
    fn place(&self, call: &Call) -> Result<(), String> {
        let Call { op, calendar_id, start, end, occupied_until, .. } = call;
        let (done, wanted) = (call.outcome == OK, matches!(op, api::Call::Hold | api::Call::Move));
        let needed = wanted || done && *op != api::Call::Release;
        let rule = "must be there of a slot that is wanted or told";
        must(calendar_id.is_some() || !needed, "call.calendar_id", rule)?;
        must(start.is_some() || !needed, "call.start", rule)?;
        must(end.is_some() || !needed, "call.end", rule)?;
        must(occupied_until.is_some() || !needed, "call.occupied_until", rule)?;
        let known = calendar_id.is_none_or(|id| self.known.contains(&id));
        must(known, "call.calendar_id", "must be that of a calendar of a line before")?;
        must(start.is_none() || start < end, "call.end", "must lie after the start")?;
        must(end <= occupied_until, "call.occupied_until", "must not lie before the end")
    }
}
