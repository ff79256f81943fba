//! When each write began and ended, by one monotonic clock: for who checks that they could have
//! happened one after the other. JSON Lines; `docs/load.md` has the fields.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

use crate::api::{Ask, Call, Outcome, Reply};
use crate::ledger::Place;

/// Bytes that are gathered before they are written.
const BUFFER_BYTES: usize = 1 << 18;

/// One call.
#[derive(Clone, Debug, Serialize)]
struct Operation<'a> {
    /// The number of the patient, who has one call under way at a time.
    client: u64,
    op: Call,
    /// The same request once more, under its key: no second operation.
    repeat: bool,
    person: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    hold_id: Option<String>,
    /// Where it lies, or is wanted.
    #[serde(skip_serializing_if = "Option::is_none")]
    calendar_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    start: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lane: Option<u16>,
    /// Where a move leads away from.
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<From<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
    invoke_ns: u64,
    /// Null where the outcome stayed unknown.
    return_ns: Option<u64>,
    outcome: &'a str,
}

#[derive(Clone, Debug, Serialize)]
struct From<'a> {
    calendar_id: String,
    start: String,
    end: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    lane: Option<&'a u16>,
}

/// A call, as its patient knows it.
pub(crate) struct Called<'a> {
    pub(crate) client: u64,
    pub(crate) person: &'a str,
    pub(crate) ask: &'a Ask,
    pub(crate) repeat: bool,
    /// Where the patient's booking lay before.
    pub(crate) before: Option<&'a Place>,
    pub(crate) invoke_ns: u64,
    pub(crate) return_ns: u64,
}

/// A history that is being written.
pub(crate) struct History {
    file: Mutex<BufWriter<File>>,
}

impl History {
    /// Creates one where there is no file yet.
    ///
    /// # Errors
    ///
    /// Why it could not be created.
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().write(true).create_new(true).open(path)?;
        Ok(Self { file: Mutex::new(BufWriter::with_capacity(BUFFER_BYTES, file)) })
    }

    /// Takes down a call that has ended. What cannot be written is told by [`History::close`].
    pub(crate) fn write(&self, called: &Called<'_>, outcome: &Outcome) {
        let line = serde_json::to_vec(&operation(called, outcome)).unwrap_or_default();
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = file.write_all(&line).and_then(|()| file.write_all(b"\n"));
    }

    /// Writes what is left.
    ///
    /// # Errors
    ///
    /// What kept it from being written.
    pub(crate) fn close(&self) -> io::Result<()> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.flush()?;
        file.get_ref().sync_all()
    }
}

fn operation<'a>(called: &Called<'a>, outcome: &'a Outcome) -> Operation<'a> {
    let Called { client, person, ask, repeat, before, invoke_ns, return_ns } = *called;
    let op = ask.call();
    let (reply, outcome) = match outcome {
        Outcome::Done(reply) => (Some(reply), "ok"),
        Outcome::Refused(refusal) => (None, refusal.code.as_str()),
        Outcome::Unclear(_) => (None, "unknown"),
    };
    let (told, hold, expires_at) = match reply {
        Some(Reply::Hold(hold)) => (Some(Place::of_hold(hold)), Some(hold.id), hold.expires_at),
        Some(Reply::Appointment(it)) => (Some(Place::of_appointment(it)), Some(it.id.into()), None),
        _ => (None, ask.booking(), None),
    };
    let wanted = ask.wanted();
    let known = told.as_ref().or(before.filter(|_| wanted.is_none()));
    let calendar = known.map(|it| it.calendar).or(wanted.map(|(calendar, _)| calendar));
    let start = known.map(|it| it.start).or(wanted.map(|(_, start)| start));
    let from = before.filter(|_| op == Call::Move).map(|it| From {
        calendar_id: it.calendar.to_string(),
        start: it.start.to_string(),
        end: it.end.to_string(),
        lane: it.lane.as_ref(),
    });
    Operation {
        client,
        op,
        repeat,
        person,
        hold_id: hold.map(|hold| hold.to_string()),
        calendar_id: calendar.map(|calendar| calendar.to_string()),
        start: start.map(|start| start.to_string()),
        end: known.map(|it| it.end.to_string()),
        lane: known.and_then(|it| it.lane),
        from,
        expires_at: expires_at.map(|at| at.to_string()),
        invoke_ns,
        return_ns: (outcome != "unknown").then_some(return_ns),
        outcome,
    }
}
