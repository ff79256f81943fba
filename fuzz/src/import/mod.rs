//! Bytes for what reads lists of centres.

mod calendars;
mod hours;
mod records;

use creneau_server::import::{
    Centre, MAX_ADDRESS_CHARS, MAX_NAME_CHARS, MAX_NOTES, Outcome, Plan, Settings, plan,
};

use crate::met::Met;
use crate::tape::Tape;

/// Records of a list that are looked at one by one, and made into calendars.
const RECORDS_MAX: usize = 64;

/// Checks what reads a list of centres. The first byte says what the others are:
///
/// - `h`: choices, of which hours are written as people write them;
/// - `r`: choices, of which records are put together, and settings;
/// - anything else is the first byte of a file.
///
/// # Panics
///
/// When a record is lost or counted twice, or becomes a calendar that it does not describe.
pub fn import(bytes: &[u8]) -> Met {
    let mut met = Met::default();
    match bytes.split_first() {
        Some((b'h', rest)) => hours::check(&mut Tape::new(rest), &mut met),
        Some((b'r', rest)) => {
            let mut tape = Tape::new(rest);
            let settings = records::settings(&mut tape);
            check_file(&records::list(&mut tape), &settings, &mut met);
        }
        _ => check_file(&String::from_utf8_lossy(bytes), &Settings::default(), &mut met),
    }
    met
}

/// The plan of a file, and what becomes of it.
fn check_file(text: &str, settings: &Settings, met: &mut Met) {
    let json = text.strip_prefix('\u{feff}').unwrap_or(text);
    let list = serde_json::from_str::<Vec<serde_json::Value>>(json);
    let Ok(plan) = plan(text) else {
        assert!(list.is_err(), "a list is read");
        return met.note("file refused");
    };
    let records = list.expect("only a list is read");
    assert_eq!(plan.records.len(), records.len(), "each record has a report");
    check_reports(&plan, met);
    plan.centres.iter().for_each(check_centre);
    met.note("file read");
    if records.len() <= RECORDS_MAX {
        check_alone(records, &plan);
        calendars::check(&plan, settings, met);
    }
}

fn check_reports(plan: &Plan, met: &mut Met) {
    let mut taken = 0;
    for (place, record) in plan.records.iter().enumerate() {
        assert_eq!(record.index, place);
        assert!(record.notes.len() <= MAX_NOTES);
        assert_eq!(record.reason.is_some(), record.outcome == Outcome::Refused, "{record:?}");
        let centre = record.centre.map(|centre| plan.centres.get(centre).expect("it is there"));
        match record.outcome {
            Outcome::Taken => {
                assert_eq!(record.centre, Some(taken), "centres stand in the order of the file");
                assert_eq!(centre.map(|centre| centre.record), Some(place));
                taken += 1;
                met.note("record taken");
            }
            Outcome::Merged => {
                assert!(centre.is_some_and(|centre| centre.record < place), "{record:?}");
                met.note("record merged");
            }
            Outcome::Refused => {
                assert!(centre.is_none(), "{record:?}");
                assert_ne!(record.reason.as_deref(), Some(""));
                met.note("record refused");
            }
        }
    }
    assert_eq!(plan.centres.len(), taken, "each centre has the record that was taken for it");
}

/// Whether a record is refused is its own matter, and the last record of a centre counts.
fn check_alone(records: Vec<serde_json::Value>, whole: &Plan) {
    for (record, report) in records.into_iter().zip(&whole.records) {
        let alone = plan(&serde_json::json!([record]).to_string()).expect("a list");
        let reason = alone.records.first().and_then(|alone| alone.reason.as_ref());
        assert_eq!(report.reason.as_ref(), reason, "{record}");
        let mut later = whole.records.iter().skip(report.index + 1);
        if report.centre.is_none() || later.any(|later| later.centre == report.centre) {
            continue;
        }
        let centre = report.centre.and_then(|centre| whole.centres.get(centre));
        let (centre, alone) = centre.zip(alone.centres.first()).expect("it was not refused");
        for (kept, given) in centre.weekly.iter().zip(&alone.weekly) {
            // A day without hours may be closed, or not be spoken of.
            assert!(given.is_empty() || given == kept, "{record}: {centre:?}");
        }
    }
}

fn check_centre(centre: &Centre) {
    let visible = centre.external_id.bytes().all(|byte| byte.is_ascii_graphic());
    assert!(visible && (1..=64).contains(&centre.external_id.len()), "{centre:?}");
    for (text, chars_max) in [
        (&centre.name, MAX_NAME_CHARS),
        (&centre.kind, MAX_NAME_CHARS),
        (&centre.city, MAX_NAME_CHARS),
        (&centre.address, MAX_ADDRESS_CHARS),
    ] {
        assert!(text.chars().count() <= chars_max, "{centre:?}");
        assert!(!text.contains(char::is_control), "{centre:?}");
    }
    assert!(!centre.name.is_empty() && !centre.address.is_empty(), "{centre:?}");
    assert_eq!(centre.lat.is_some(), centre.lon.is_some(), "{centre:?}");
    assert!(centre.weekly.iter().any(|day| !day.is_empty()), "a centre is open some time");
    for day in &centre.weekly {
        assert!(day.iter().all(|span| span.start < span.end && span.end <= 1_440), "{centre:?}");
        let mut pairs = day.iter().zip(day.iter().skip(1));
        assert!(pairs.all(|(one, next)| one.end < next.start), "{centre:?}");
    }
}
