use std::io::Cursor;

use creneau::{AppointmentId, PersonId, ReasonId};

use super::*;
use crate::api::{
    AppointmentSeen, Ask, Bookable, HoldSeen, HoldState, Outcome, Refusal, Reply, UNREADABLE,
};
use crate::caller::Answered;

const CALENDAR: CalendarId = CalendarId::from_bits(1);
const HOLD: HoldId = HoldId::from_bits(9);

fn start() -> Timestamp {
    Timestamp::from_millis(1_800_000_000_000)
}

fn bookable() -> Bookable {
    let reason = ReasonId::new("visit").unwrap();
    let (duration_minutes, buffer_minutes) = (15, 5);
    Bookable { calendar: CALENDAR, reason, lanes: 2, duration_minutes, buffer_minutes, own: true }
}

fn hold() -> Ask {
    let patient = PersonId::new("p1").unwrap();
    Ask::Hold { calendar: CALENDAR, start: start(), reason: bookable().reason, patient }
}

fn held() -> Outcome {
    let (calendar, end) = (CALENDAR, start().plus_minutes(15));
    let (expires_at, state) = (Some(start().plus_minutes(-60)), HoldState::Held);
    Outcome::Done(Reply::Hold(HoldSeen {
        id: HOLD,
        calendar,
        start: start(),
        end,
        expires_at,
        state,
    }))
}

fn booked() -> Outcome {
    let (id, calendar, end) = (AppointmentId::from(HOLD), CALENDAR, start().plus_minutes(15));
    let (lane, cancelled) = (1, false);
    Outcome::Done(Reply::Appointment(AppointmentSeen {
        fulfilled: false,
        dose: None,
        id,
        calendar,
        start: start(),
        end,
        lane,
        cancelled,
    }))
}

fn called<'a>(key: &'a str, ask: &'a Ask, invoke_ns: u64) -> Called<'a> {
    Called { client: 1, person: "p1", key, ask, repeat: false, invoke_ns }
}

/// A history of each kind of end, as text.
fn written() -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.jsonl");
    let header = Header::new("run", "scenario", start().plus_minutes(-100));
    let history = History::create(&path, &header, &[bookable()]).unwrap();
    let answered = |outcome| Answered { outcome, open: false, last_ns: 0 };
    let (hold, confirm) = (hold(), Ask::Confirm { hold: HOLD });
    history.begin(called("k1", &hold, 10)).end(&answered(held()), 20);
    history.begin(called("k2", &confirm, 30)).end(&answered(booked()), 40);
    let taken = Refusal::new("slot_taken");
    let late = Answered { outcome: Outcome::Refused(taken), open: true, last_ns: 55 };
    history.begin(called("k3", &hold, 50)).end(&late, 60);
    let other = Refusal { hold: Some(HOLD), ..Refusal::new("patient_has_hold") };
    history.begin(called("k4", &hold, 70)).end(&answered(Outcome::Refused(other)), 80);
    let odd = Outcome::Refused(Refusal::new(UNREADABLE));
    history.begin(called("k5", &confirm, 90)).end(&answered(odd), 95);
    // Who is cut off has heard nothing.
    drop(history.begin(called("k6", &confirm, 98)));
    history.close().unwrap();
    assert!(History::create(&path, &header, &[]).is_err(), "a history is never overwritten");
    std::fs::read_to_string(&path).unwrap()
}

fn read_text(text: &str) -> Result<Read, String> {
    read::read_from(Cursor::new(text))
}

#[test]
fn what_is_written_is_read() {
    let Read { header, calendars, calls } = read_text(&written()).unwrap();
    assert_eq!(header, Header::new("run", "scenario", start().plus_minutes(-100)));
    assert_eq!(calendars, [Calendar { calendar_id: CALENDAR, lanes: 2, own: true }]);
    let ends: Vec<_> = calls
        .iter()
        .map(|it| (it.key.as_str(), it.invoke_ns, it.return_ns, it.outcome.as_str()))
        .collect();
    let expected = [
        ("k1", 10, Some(20), "ok"),
        ("k2", 30, Some(40), "ok"),
        // An attempt that nobody answered, and the refusal of the next.
        ("k3", 50, None, "unknown"),
        ("k3", 55, Some(60), "slot_taken"),
        ("k4", 70, Some(80), "patient_has_hold"),
        ("k5", 90, None, "unknown"),
        ("k6", 98, None, "unknown"),
    ];
    assert_eq!(ends, expected);
    let [held, booked, _, taken, other, ..] = calls.as_slice() else { panic!("{calls:?}") };
    let buffered = Some(start().plus_minutes(20));
    assert_eq!((held.hold_id, held.occupied_until), (Some(HOLD), buffered));
    assert_eq!(held.expires_at, Some(start().plus_minutes(-60)));
    assert_eq!((booked.lane, booked.cancelled), (Some(1), Some(false)));
    assert_eq!((taken.start, taken.occupied_until), (Some(start()), buffered));
    assert_eq!(other.hold_id, Some(HOLD));
}

#[test]
fn a_bad_file_is_refused_with_its_line_its_field_and_the_rule() {
    let good = written();
    for (from, to, refusal) in [
        ("creneau-history", "creneau-ledger", "line 1: version: is creneau-ledger version 2, and"),
        ("\"version\":2", "\"version\":1", "line 1: version: is creneau-history version 1, and"),
        ("\"version\":2", "\"version\":\"2\"", "line 1: version: invalid type"),
        ("\"lanes\":2", "\"lanes\":0", "line 2: calendar.lanes: must be 1 or more"),
        ("{\"calendar\":", "{\"agenda\":", "line 2: unknown variant `agenda`"),
        ("\"invoke_ns\":10", "\"invoke_ns\":-1", "line 3: call.invoke_ns: invalid value"),
        ("\"client\":1", "\"patient\":1", "line 3: call.patient: unknown field `patient`"),
        ("\"op\":\"hold\"", "\"op\":\"find\"", "line 3: call.op: must be hold, confirm"),
        ("\"key\":\"k2\"", "\"key\":\"k1\"", "line 4: call.key: must be that of one request, and"),
        ("\"return_ns\":20", "\"return_ns\":null", "line 3: call.return_ns: must be null where"),
        ("\"expires_at\"", "\"expired_at\"", "line 3: call.expired_at: unknown field"),
        ("\"lane\":1,", "", "line 4: call.lane: must be there"),
        (
            "cal_00000000000000000000000001\",\"start",
            "cal_00000000000000000000000002\",\"start",
            "line 3: call.calendar_id: must be that of a calendar of a line before",
        ),
        ("\"calls\":7", "\"calls\":8", "line 10: end.calls: is 8, and there are 7 before it"),
        ("{\"end\":{\"calls\":7}}\n", "", "line 10: end: must be the last line"),
        ("{\"end\":{\"calls\":7}}\n", "{\"end\"", "line 10: must end in a line feed within"),
        ("{\"calls\":7}}", "{\"calls\":7}} {}", "line 10: must hold one object"),
    ] {
        let bad = good.replacen(from, to, 1);
        assert_ne!(good, bad, "{from} is not there");
        let error = read_text(&bad).unwrap_err();
        assert!(error.starts_with(refusal), "{from}, {to}: {error}");
    }
    assert!(read_text("").unwrap_err().starts_with("line 1: format: must be"));
}
