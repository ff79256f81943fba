//! Writing a history.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use creneau::CalendarId;

use super::{Calendar, Call, End, Header, Line, OK, UNKNOWN};
use crate::api::{Ask, Bookable, Outcome, Reply, UNREADABLE};
use crate::caller::Answered;
use crate::ledger::Place;

/// Bytes that are gathered before they are written.
const BUFFER_BYTES: usize = 1 << 18;

/// A call, as its patient knows it.
#[derive(Clone, Copy)]
pub(crate) struct Called<'a> {
    pub(crate) client: u64,
    pub(crate) person: &'a str,
    pub(crate) key: &'a str,
    pub(crate) ask: &'a Ask,
    pub(crate) repeat: bool,
    pub(crate) invoke_ns: u64,
}

/// A history that is being written.
pub(crate) struct History {
    file: Mutex<Lines>,
    calendars: HashMap<CalendarId, Bookable>,
}

struct Lines {
    to: BufWriter<File>,
    calls: u64,
    /// The first failure: what is written after it is no history.
    failed: Option<io::Error>,
}

impl Lines {
    fn write(&mut self, line: &impl serde::Serialize) {
        let written = serde_json::to_writer(&mut self.to, line).map_err(io::Error::from);
        let written = written.and_then(|()| self.to.write_all(b"\n"));
        if let Err(error) = written {
            self.failed.get_or_insert(error);
        }
    }

    fn write_call(&mut self, call: Call) {
        self.calls += 1;
        self.write(&Line::Call(call));
    }
}

/// A call under way. Where it is dropped, nobody has heard what became of it.
pub(crate) struct UnderWay<'a> {
    history: &'a History,
    called: Called<'a>,
    ended: bool,
}

impl History {
    /// Creates one where there is no file yet, of a run that books these calendars.
    ///
    /// # Errors
    ///
    /// Why it could not be created.
    pub(crate) fn create(path: &Path, header: &Header, calendars: &[Bookable]) -> io::Result<Self> {
        let file = OpenOptions::new().write(true).create_new(true).open(path)?;
        let to = BufWriter::with_capacity(BUFFER_BYTES, file);
        let mut lines = Lines { to, calls: 0, failed: None };
        lines.write(header);
        for &Bookable { calendar, lanes, own, .. } in calendars {
            lines.write(&Line::Calendar(Calendar { calendar_id: calendar, lanes, own }));
        }
        let calendars = calendars.iter().map(|it| (it.calendar, it.clone())).collect();
        Ok(Self { file: Mutex::new(lines), calendars })
    }

    /// Takes down a call, which begins now and is written when it ends.
    pub(crate) const fn begin<'a>(&'a self, called: Called<'a>) -> UnderWay<'a> {
        UnderWay { history: self, called, ended: false }
    }

    /// Writes what is left, once no call is under way.
    ///
    /// # Errors
    ///
    /// What kept it from being written.
    pub(crate) fn close(&self) -> io::Result<()> {
        let mut lines = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let calls = lines.calls;
        lines.write(&Line::End(End { calls }));
        if let Some(error) = lines.failed.take() {
            return Err(error);
        }
        lines.to.flush()?;
        lines.to.get_ref().sync_all()
    }

    fn write(&self, calls: impl IntoIterator<Item = Call>) {
        let mut lines = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        calls.into_iter().for_each(|call| lines.write_call(call));
    }

    /// A call of unknown outcome.
    fn unheard(&self, called: &Called<'_>) -> Call {
        let Called { client, person, key, ask, repeat, invoke_ns } = *called;
        let wanted = ask.wanted();
        let until = |(calendar, start): (CalendarId, creneau::Timestamp)| {
            let known = self.calendars.get(&calendar)?;
            let end = start.plus_minutes(known.duration_minutes.into());
            Some((end, end.plus_minutes(known.buffer_minutes.into())))
        };
        let (end, occupied_until) = wanted.and_then(until).unzip();
        Call {
            key: key.to_owned(),
            client,
            op: ask.call(),
            repeat,
            person: person.to_owned(),
            hold_id: ask.booking(),
            calendar_id: wanted.map(|(calendar, _)| calendar),
            start: wanted.map(|(_, start)| start),
            end,
            occupied_until,
            lane: None,
            cancelled: None,
            expires_at: None,
            invoke_ns,
            return_ns: None,
            outcome: UNKNOWN.to_owned(),
        }
    }

    /// A call that was done.
    fn done(&self, called: &Called<'_>, reply: &Reply) -> Call {
        let mut call = Call { outcome: OK.to_owned(), ..self.unheard(called) };
        match reply {
            Reply::Hold(hold) => {
                (call.hold_id, call.expires_at) = (Some(hold.id), hold.expires_at);
            }
            Reply::Appointment(it) => {
                (call.hold_id, call.cancelled) = (Some(it.id.into()), Some(it.cancelled));
            }
            // Nobody writes a history of a campaign.
            Reply::Released
            | Reply::Slots(_)
            | Reply::Appointments(_)
            | Reply::Holds(_)
            | Reply::Given { .. }
            | Reply::InLine(_) => {}
        }
        if let Some(Place { calendar, start, end, lane }) = Place::of(reply) {
            // Of a calendar of others it is not known which of its reasons an appointment has.
            let known = self.calendars.get(&calendar);
            let known = known.filter(|it| it.own || matches!(reply, Reply::Hold(_)));
            let buffer = known.map_or(0, |it| it.buffer_minutes);
            (call.calendar_id, call.start, call.end) = (Some(calendar), Some(start), Some(end));
            call.occupied_until = Some(end.plus_minutes(buffer.into()));
            call.lane = lane;
        }
        call
    }
}

impl UnderWay<'_> {
    /// Takes down how it ended.
    pub(crate) fn end(mut self, answered: &Answered, return_ns: u64) {
        self.ended = true;
        let Self { history, called, .. } = self;
        let return_ns = Some(return_ns);
        match &answered.outcome {
            Outcome::Done(reply) => {
                history.write([Call { return_ns, ..history.done(&called, reply) }]);
            }
            Outcome::Unclear(_) => history.write([history.unheard(&called)]),
            Outcome::Refused(refusal) if refusal.code == UNREADABLE => {
                history.write([history.unheard(&called)]);
            }
            Outcome::Refused(refusal) => {
                // The refusal is that of the last attempt. An earlier one may be under way still.
                let earlier = answered.open.then(|| history.unheard(&called));
                let invoke_ns = if answered.open { answered.last_ns } else { called.invoke_ns };
                let hold_id = refusal.hold.or(called.ask.booking());
                let outcome = refusal.code.clone();
                let unheard = history.unheard(&called);
                let call = Call { hold_id, invoke_ns, return_ns, outcome, ..unheard };
                history.write(earlier.into_iter().chain([call]));
            }
        }
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        if !self.ended {
            self.history.write([self.history.unheard(&self.called)]);
        }
    }
}
