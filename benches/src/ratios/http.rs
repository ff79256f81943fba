//! Over HTTP, against bare hyper that gives the same bytes.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use creneau::{CalendarId, Timestamp};
use serde_json::json;

use crate::client::{Connection, Requests, Seen, Task, run};
use crate::measured::Measured;
use crate::plan::{Fallible, Plan, runtime};
use crate::practice::{Practice, REASON, accounted, always_open};
use crate::server::Server;

const CALENDARS: u64 = 10_000;
const CALENDARS_QUICK: u64 = 64;

pub(crate) const CONNECTIONS: u64 = 256;
const CONNECTIONS_QUICK: u64 = 8;

/// Slots of one page, as a web site shows them.
const SLOTS: usize = 20;

/// Our server with calendars on it.
pub(crate) struct Served {
    pub(crate) server: Server,
    calendars: Vec<CalendarId>,
    first: Timestamp,
    data: PathBuf,
    /// Slots taken before the server was started, one in each of the first calendars.
    taken: u64,
}

impl Served {
    pub(crate) fn start(plan: &Plan, name: &str, taken: u64) -> Fallible<Self> {
        let (data, runtime) = (plan.place(name), runtime()?);
        let calendars = plan.sized(CALENDARS, CALENDARS_QUICK);
        let (calendars, first) = runtime.block_on(async {
            let practice = Practice::create(&data, calendars, always_open()).await?;
            let taken = taken.min(calendars);
            for part in 0..taken.div_ceil(CALENDARS_QUICK) {
                let count = CALENDARS_QUICK.min(taken - part * CALENDARS_QUICK);
                let hold = |_| {
                    let practice = practice.clone();
                    tokio::spawn(async move { practice.hold().await })
                };
                for hold in (0..count).map(hold).collect::<Vec<_>>() {
                    hold.await??;
                }
            }
            let there = (practice.calendars.clone(), practice.first);
            practice.finish().await?;
            Fallible::Ok(there)
        })?;
        let server = Server::creneau(&data)?;
        let taken = taken.min(calendars.len() as u64);
        Ok(Self { server, calendars, first, data, taken })
    }

    /// Has the server leave, and sees that the journal has all holds that were acknowledged.
    pub(crate) fn finish(self, held: u64) -> Fallible<String> {
        let Self { server, data, taken, .. } = self;
        server.finish()?;
        let (live, _) = accounted(&data)?;
        if live != taken + held {
            let error = format!("{held} holds were acknowledged, but {} are there", live - taken);
            return Err(error.into());
        }
        Ok(format!("all {held} holds are there, audited"))
    }

    /// Requests for holds of slots that nobody has, each from someone else.
    pub(crate) fn holds(&self) -> Requests {
        let (calendars, first, taken) = (self.calendars.clone(), self.first, self.taken);
        Arc::new(move |number| {
            let (calendar, start) = place(&calendars, first, taken + number);
            hold_request(calendar, start, "new", number)
        })
    }
}

/// The slot of a number: one calendar after the other, then the next slot.
fn place(calendars: &[CalendarId], first: Timestamp, number: u64) -> (CalendarId, Timestamp) {
    let count = calendars.len() as u64;
    let calendar = usize::try_from(number % count).ok().and_then(|at| calendars.get(at));
    let minutes = i64::try_from(number / count).unwrap_or(0) * 5;
    (calendar.copied().unwrap_or(CalendarId::from_bits(0)), first.plus_minutes(minutes))
}

fn hold_request(calendar: CalendarId, start: Timestamp, who: &str, number: u64) -> Vec<u8> {
    let body = json!({
        "calendar_id": calendar.to_string(), "start": start.to_string(), "reason": REASON,
        "patient_id": format!("{who}-{number:012}"),
    })
    .to_string();
    format!(
        "POST /v1/holds HTTP/1.1\r\nhost: localhost\r\nidempotency-key: {who}-{number:012}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

fn slots_request(calendar: CalendarId, from: Timestamp) -> Vec<u8> {
    format!(
        "GET /v1/calendars/{calendar}/slots?reason={REASON}&from={from}&days=7&limit={SLOTS} \
         HTTP/1.1\r\nhost: localhost\r\n\r\n"
    )
    .into_bytes()
}

/// What our server answers to a request, in a file for bare hyper.
fn answer_of(plan: &Plan, served: &Served, request: &[u8], status: u16) -> Fallible<PathBuf> {
    let address = served.server.address;
    let answer = runtime()?.block_on(async {
        let mut connection = Connection::open(address).await?;
        let got = connection.ask(request).await?;
        let answer = connection.answer().to_vec();
        if got != status {
            return Err(String::from_utf8_lossy(&answer).into_owned().into());
        }
        Fallible::Ok(answer)
    })?;
    let file = plan.place("answer");
    std::fs::write(&file, answer)?;
    Ok(file)
}

/// Measures both servers with the same requests. The notes say what the client needed.
fn against_bare(
    plan: &Plan,
    served: &Served,
    bare: &Server,
    (requests, status): (Requests, u16),
    next: &Arc<AtomicU64>,
) -> Fallible<(Measured, Vec<Seen>)> {
    let task = |server: &Server, next: &Arc<AtomicU64>| Task {
        address: server.address,
        connections: plan.sized(CONNECTIONS, CONNECTIONS_QUICK),
        span: plan.span,
        rate: None,
        requests: requests.clone(),
        next: next.clone(),
        status,
        follow: None,
    };
    let (ours, theirs) = (task(&served.server, next), task(bare, &Arc::default()));
    // Calendars wake and connections are made before anything counts.
    let short = plan.span.min(Duration::from_secs(2));
    let mut seen = vec![run(&Task { span: short, ..ours.clone() })?];
    run(&Task { span: short, ..theirs.clone() })?;
    let (mut load, mut load_bare) = (0.0_f64, 0.0_f64);
    let mut measured = plan.alternate(
        || {
            seen.push(run(&ours)?);
            let last = seen.last().map_or((0.0, 0.0), |seen| (seen.rate(), seen.load));
            load = load.max(last.1);
            Ok(last.0)
        },
        || {
            let seen = run(&theirs)?;
            load_bare = load_bare.max(seen.load);
            Ok(seen.rate())
        },
    )?;
    let (ours, theirs) = (load * 100.0, load_bare * 100.0);
    measured.notes.push(format!(
        "the client needed {ours:.0} % of a core for ours, {theirs:.0} % for bare hyper"
    ));
    Ok((measured, seen))
}

pub(crate) fn slots(plan: &Plan) -> Fallible<Measured> {
    let served = Served::start(plan, "http_slots", 0)?;
    let (from, calendars) = (served.first, served.calendars.clone());
    let requests: Requests =
        Arc::new(move |number| slots_request(place(&calendars, from, number).0, from));
    let file = answer_of(plan, &served, &requests(0), 200)?;
    let bytes = std::fs::metadata(&file)?.len();
    let bare = Server::bare(&file)?;
    let next = Arc::default();
    let (mut measured, _) = against_bare(plan, &served, &bare, (requests, 200), &next)?;
    bare.finish()?;
    served.finish(0)?;
    measured.notes.push(format!("{SLOTS} slots an answer, {bytes} bytes with its header"));
    Ok(measured)
}

pub(crate) fn refused(plan: &Plan) -> Fallible<Measured> {
    let served = Served::start(plan, "http_refused", u64::MAX)?;
    let (first, calendars, taken) = (served.first, served.calendars.clone(), served.taken);
    let requests: Requests = Arc::new(move |number| {
        let (calendar, start) = place(&calendars, first, number % taken);
        hold_request(calendar, start, "else", number)
    });
    let file = answer_of(plan, &served, &requests(0), 409)?;
    let bytes = std::fs::metadata(&file)?.len();
    let bare = Server::bare(&file)?;
    let next = Arc::default();
    let (mut measured, _) = against_bare(plan, &served, &bare, (requests, 409), &next)?;
    bare.finish()?;
    served.finish(0)?;
    measured.notes.push(format!("3 alternatives an answer, {bytes} bytes with its header"));
    Ok(measured)
}

pub(crate) fn holds(plan: &Plan) -> Fallible<Measured> {
    let served = Served::start(plan, "http_holds", 0)?;
    let requests = served.holds();
    // The first number is that of the answer which bare hyper gives.
    let file = answer_of(plan, &served, &requests(0), 201)?;
    let bare = Server::bare(&file)?;
    let next = Arc::new(AtomicU64::new(1));
    let (mut measured, seen) = against_bare(plan, &served, &bare, (requests, 201), &next)?;
    bare.finish()?;
    let held: u64 = seen.iter().map(|seen| seen.took.len() as u64).sum();
    let busy: u64 = seen.iter().map(|seen| seen.busy).sum();
    measured.notes.push(format!("{busy} requests were told to come back, and did"));
    measured.notes.push(served.finish(held + 1)?);
    Ok(measured)
}

/// Our server, and clients who hold and confirm.
pub(crate) struct Booked {
    served: Served,
    task: Task,
    booked: u64,
    busy: u64,
}

impl Booked {
    pub(crate) fn start(plan: &Plan, name: &str, connections: u64) -> Fallible<Self> {
        let served = Served::start(plan, name, 0)?;
        let task = Task {
            address: served.server.address,
            connections,
            span: plan.span,
            rate: None,
            requests: served.holds(),
            next: Arc::default(),
            status: 201,
            follow: Some(confirm),
        };
        let mut booked = Self { served, task, booked: 0, busy: 0 };
        // Calendars wake before anything counts.
        booked.measure(plan.span.min(Duration::from_secs(2)))?;
        Ok(booked)
    }

    /// Bookings a second.
    pub(crate) fn measure(&mut self, span: Duration) -> Fallible<f64> {
        let seen = run(&Task { span, ..self.task.clone() })?;
        self.booked += seen.took.len() as u64;
        self.busy += seen.busy;
        Ok(seen.rate())
    }

    /// Has the server leave, and sees that the journal has all that was acknowledged.
    pub(crate) fn finish(self) -> Fallible<String> {
        let Self { served: Served { server, data, .. }, booked, busy, .. } = self;
        server.finish()?;
        let found = accounted(&data)?;
        if found != (0, booked) {
            return Err(format!("{booked} bookings were acknowledged; there are {found:?}").into());
        }
        Ok(format!("{busy} requests were told to come back; all {booked} bookings are there"))
    }
}

/// The confirm of the hold that an answer tells of.
fn confirm(answer: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(answer).ok()?;
    let (_, after) = text.split_once("\"hold_id\":\"")?;
    let (hold, _) = after.split_once('"')?;
    let request = format!(
        "POST /v1/holds/{hold}/confirm HTTP/1.1\r\nhost: localhost\r\nidempotency-key: c-{hold}\r\n\
         content-length: 0\r\n\r\n"
    );
    Some(request.into_bytes())
}
