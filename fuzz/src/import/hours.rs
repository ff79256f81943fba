//! Hours written in the ways in which people write them, and read back.

use creneau_server::import::{Outcome, Span, plan};

use crate::met::Met;
use crate::tape::Tape;

/// Intervals of one day.
const INTERVALS_MAX: usize = 6;

const MINUTES_PER_DAY: u16 = 24 * 60;

/// The spellings of the days, Monday first.
const DAYS: [[&str; 3]; 7] = [
    ["lundi", "Lundi", "lun."],
    ["mardi", "MARDI", " mar "],
    ["mercredi", "mercredi :", "mer"],
    ["jeudi", "Jeudi.", "jeu."],
    ["vendredi", "VEN", "ven."],
    ["samedi", "Samedi", "sam"],
    ["dimanche", "dimanche", "Dim."],
];

/// Writes the hours of a week in some way, reads them, and compares.
pub(super) fn check(tape: &mut Tape<'_>, met: &mut Met) {
    let mut hours = serde_json::Map::new();
    let mut expected: [Vec<Span>; 7] = Default::default();
    for (spellings, open) in DAYS.into_iter().zip(&mut expected) {
        let intervals: Vec<_> =
            (0..tape.below(INTERVALS_MAX + 1)).map(|_| interval(tape)).collect();
        let text = if intervals.is_empty() {
            tape.pick(["fermé", "-", "Fermée.", "—"]).to_owned()
        } else {
            written(&intervals, tape)
        };
        *open = joined(&intervals);
        hours.insert(tape.pick(spellings).to_owned(), text.into());
    }
    let record = serde_json::json!([{ "id": "a", "address": "27000 Évreux", "hours": hours }]);
    let plan = plan(&record.to_string()).expect("a list");
    let report = plan.records.first().expect("one record");
    if expected.iter().all(Vec::is_empty) {
        assert_eq!(report.outcome, Outcome::Refused, "{record}");
        return met.note("week without hours");
    }
    assert_eq!(plan.centres.first().map(|centre| &centre.weekly), Some(&expected), "{record}");
    let unread = report.notes.iter().find(|note| note.contains("could not be read"));
    assert_eq!(unread, None, "{record}");
    met.note("hours read");
}

fn interval(tape: &mut Tape<'_>) -> (u16, u16) {
    let start = tape.u16() % MINUTES_PER_DAY;
    (start, start + 1 + tape.u16() % (MINUTES_PER_DAY - start))
}

/// The minutes of the day that some interval holds, as spans.
fn joined(intervals: &[(u16, u16)]) -> Vec<Span> {
    let is_open =
        |minute: &u16| intervals.iter().any(|(start, end)| (*start..*end).contains(minute));
    let minutes: Vec<u16> = (0..MINUTES_PER_DAY).filter(is_open).collect();
    let runs = minutes.chunk_by(|one, next| one + 1 == *next);
    runs.filter_map(|run| Some(Span { start: *run.first()?, end: *run.last()? + 1 })).collect()
}

fn written(intervals: &[(u16, u16)], tape: &mut Tape<'_>) -> String {
    // What needs no mark between two intervals is written plainly.
    let mark = tape.pick([", ", " et ", ";", "\n", "/", " puis ", " "]);
    let one = |&(start, end): &(u16, u16)| {
        let style = if mark == " " { 0 } else { tape.below(8) };
        let dash = tape.pick(["-", " - ", "–", " à ", "→", " jusqu'à "]);
        let before = if style == 0 { "" } else { tape.pick(["", "de ", "matin : ", "- "]) };
        format!("{before}{}{dash}{}", clock(start, style), end_clock(start, end, style))
    };
    intervals.iter().map(one).collect::<Vec<_>>().join(mark)
}

/// Midnight as an end has names of its own.
fn end_clock(start: u16, end: u16, style: usize) -> String {
    match (end, style) {
        (MINUTES_PER_DAY, 1) if start != 0 => "00:00".to_owned(),
        (MINUTES_PER_DAY, 2) if start != 0 => "minuit".to_owned(),
        _ => clock(end, style),
    }
}

fn clock(minute: u16, style: usize) -> String {
    let (hour, minute) = (minute / 60, minute % 60);
    match style {
        1 if minute == 0 => format!("{hour}h"),
        1 => format!("{hour}h{minute:02}"),
        2 if (hour, minute) == (12, 0) => "midi".to_owned(),
        2 => format!("{hour} h {minute:02}"),
        3 => format!("{hour:02}.{minute:02}"),
        4 => format!("{hour:02}{minute:02}"),
        5 => format!("{hour:02}:{minute:02}:00"),
        6 if minute == 0 => format!("{hour}"),
        6 => format!("{hour}H{minute:02} min"),
        7 => format!("{hour} heures {minute:02}"),
        _ => format!("{hour:02}:{minute:02}"),
    }
}
