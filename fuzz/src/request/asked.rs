//! Requests that are made of bytes.

use std::sync::OnceLock;

use crate::tape::Tape;

/// Requests of one input that mean something.
const REQUESTS_MAX: usize = 12;

/// A body that describes a calendar.
const CALENDAR: &str = r#"{"location":{"name":"a"},"time_zone":"Europe/Paris","grid_minutes":15,
"lanes":1,"weekly_hours":{"monday":["08:00-12:00"],"tuesday":["08:00-10:00"]},
"horizon_days":30,"reasons":[{"id":"visit","name":"Visit","duration_minutes":30}]}"#;

/// The operations that take a body, and the ids that stand in their paths.
const WITH_BODY: [&str; 8] = [
    "POST /v1/calendars",
    "PATCH /v1/calendars/$C",
    "POST /v1/holds",
    "POST /v1/holds/$H/confirm",
    "DELETE /v1/holds/$H",
    "POST /v1/appointments/search",
    "POST /v1/appointments/$A/move",
    "POST /v1/backup",
];

/// Those whose path and query say what is wanted.
const WITH_QUERY: [&str; 6] = [
    "GET /v1/calendars?",
    "GET /v1/calendars/$C/slots?",
    "GET /v1/events?",
    "GET /v1/holds/",
    "GET /v1/appointments/",
    "GET /",
];

/// What an input can name: a calendar, a live hold in it, and an appointment.
struct Known {
    calendar: String,
    hold: String,
    appointment: String,
}

/// Ids are counted, not drawn, so those of one run are those of each.
fn known() -> &'static Known {
    static KNOWN: OnceLock<Known> = OnceLock::new();
    KNOWN.get_or_init(|| {
        let id = |prefix: &str, sent: &str| {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .start_paused(true)
                .build()
                .expect("a runtime");
            let text = runtime.block_on(super::served(sent.as_bytes().to_vec(), ""));
            let text = String::from_utf8_lossy(&text).into_owned();
            let at = text.rfind(prefix).unwrap_or_else(|| panic!("no {prefix} in {text}"));
            text[at..at + prefix.len() + 26].to_owned()
        };
        let first = plain("POST /v1/calendars", CALENDAR);
        let calendar = id("cal_", &first);
        let held = |start: &str, patient: &str| {
            plain("POST /v1/holds", &hold_of(&calendar, start, patient))
        };
        let one = first.clone() + &held("2027-03-22T09:00:00+01:00", "ada");
        let appointment = id("hold_", &one).replace("hold_", "appt_");
        let confirm = format!("POST /v1/holds/{}/confirm", appointment.replace("appt_", "hold_"));
        let two = one + &plain(&confirm, "{}") + &held("2027-03-22T10:00:00+01:00", "bob");
        let hold = id("hold_", &two);
        Known { calendar, hold, appointment }
    })
}

/// What each connection begins with.
pub(super) fn preparation() -> String {
    let Known { calendar, appointment, .. } = known();
    let confirm = format!("POST /v1/holds/{}/confirm", appointment.replace("appt_", "hold_"));
    let held =
        |start: &str, patient: &str| plain("POST /v1/holds", &hold_of(calendar, start, patient));
    plain("POST /v1/calendars", CALENDAR)
        + &held("2027-03-22T09:00:00+01:00", "ada")
        + &plain(&confirm, "{}")
        + &held("2027-03-22T10:00:00+01:00", "bob")
}

fn hold_of(calendar: &str, start: &str, patient: &str) -> String {
    let fields = [("calendar_id", calendar), ("start", start), ("patient_id", patient)];
    let fields = fields.map(|(name, value)| format!("\"{name}\":\"{value}\""));
    format!("{{{},\"reason\":\"visit\"}}", fields.join(","))
}

fn plain(line: &str, body: &str) -> String {
    let length = body.len();
    format!("{line} HTTP/1.1\r\nHost: t\r\nContent-Length: {length}\r\n\r\n{body}")
}

/// With the ids in place of what stands for them.
fn filled(bytes: &[u8]) -> Vec<u8> {
    let Known { calendar, hold, appointment } = known();
    let mut filled = Vec::with_capacity(bytes.len());
    let mut left = bytes;
    while let Some((first, rest)) = left.split_first() {
        let id = match (first, rest.first()) {
            (b'$', Some(b'C')) => calendar,
            (b'$', Some(b'H')) => hold,
            (b'$', Some(b'A')) => appointment,
            _ => {
                filled.push(*first);
                left = rest;
                continue;
            }
        };
        filled.extend(id.as_bytes());
        left = rest.get(1..).unwrap_or_default();
    }
    filled
}

/// An operation, and any body.
pub(super) fn with_body(bytes: &[u8]) -> Vec<u8> {
    let mut tape = Tape::new(bytes);
    let line = filled(tape.pick(WITH_BODY).as_bytes());
    let more = tape.pick(["", "Idempotency-Key: a\r\n", "If-Match: \"1\"\r\n"]);
    let chunked = tape.below(4) == 1;
    let body = filled(bytes.get(3..).unwrap_or_default());
    let mut sent = line;
    sent.extend(format!(" HTTP/1.1\r\nHost: t\r\n{more}").bytes());
    if chunked {
        sent.extend(format!("Transfer-Encoding: chunked\r\n\r\n{:x}\r\n", body.len()).bytes());
        sent.extend(&body);
        sent.extend(b"\r\n0\r\n\r\n");
    } else {
        sent.extend(format!("Content-Length: {}\r\n\r\n", body.len()).bytes());
        sent.extend(&body);
    }
    sent
}

/// An operation, and any rest of its first line.
pub(super) fn with_query(bytes: &[u8]) -> Vec<u8> {
    let line = filled(Tape::new(bytes).pick(WITH_QUERY).as_bytes());
    let rest = filled(bytes.get(1..).unwrap_or_default());
    [line.as_slice(), &rest, b" HTTP/1.1\r\nHost: t\r\n\r\n"].concat()
}

/// Requests that mean something, of which some contradict each other.
pub(super) fn choices(tape: &mut Tape<'_>) -> Vec<u8> {
    let mut sent = Vec::new();
    for _ in 0..REQUESTS_MAX {
        if tape.is_empty() {
            break;
        }
        let day = tape.pick(["22", "23", "24", "21", "30"]);
        let hour = tape.pick(["09:00", "09:30", "10:00", "11:45", "08:07"]);
        let start = format!("2027-03-{day}T{hour}:00+01:00");
        let patient = tape.pick(["ada", "bob", "eve", "a b"]);
        let limit = tape.pick(["1", "1000", "0", "1001"]);
        let hold = hold_of("$C", &start, patient);
        let moved = format!("{{\"start\":\"{start}\"}}");
        let lanes = format!("{{\"lanes\":{}}}", 1 + tape.below(3));
        let search = format!("{{\"patient_id\":\"{patient}\",\"limit\":{limit}}}");
        let slots = format!("GET /v1/calendars/$C/slots?reason=visit&from=2027-03-{day}");
        let request = match tape.below(10) {
            0 | 1 => plain("POST /v1/holds", &hold.replace("$C", &known().calendar)),
            2 => plain("POST /v1/holds/$H/confirm", ""),
            3 => plain("DELETE /v1/holds/$H", ""),
            4 => plain("POST /v1/appointments/$A/move", &moved),
            5 => plain("DELETE /v1/appointments/$A", ""),
            6 => {
                plain("PATCH /v1/calendars/$C", &lanes).replace("t\r\n", "t\r\nIf-Match: \"1\"\r\n")
            }
            7 => plain("POST /v1/appointments/search", &search),
            8 => plain(&format!("{slots}&limit={limit}"), ""),
            _ => plain(&format!("GET /v1/calendars?limit={limit}"), ""),
        };
        sent.extend(filled(request.as_bytes()));
    }
    sent
}
