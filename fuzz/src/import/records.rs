//! Lists of records put together out of pieces that matter.

use creneau_server::import::Settings;
use serde_json::{Map, Value, json};

use crate::tape::Tape;

/// Records of one list.
const RECORDS_MAX: usize = 12;

/// Pieces of one text of hours.
const PIECES_MAX: usize = 40;

/// Pieces of hours, with and without a meaning.
const PIECES: [&str; 40] = [
    "9",
    "24",
    "12:30",
    "08:00",
    "h",
    "à",
    "-",
    ",",
    " ",
    "é",
    "midi",
    "minuit",
    "\u{301}",
    ".",
    "fermé",
    "sauf",
    "et",
    "\n",
    "0830",
    "14h30",
    "8 h 30",
    "25:00",
    "1pm",
    "de",
    ":",
    "²",
    "(",
    "24h/24",
    "selon stock",
    "00:00",
    "—",
    "après-midi",
    "'",
    "18:",
    "60",
    "99999999999",
    "0:01-",
    "0:02,",
    "İ",
    "\u{0}",
];

const NAMES: [&str; 14] = [
    "lundi",
    "Lundi",
    "lun.",
    "mardi",
    "MER",
    "jeudi :",
    "ven",
    "samedi",
    "dimanche",
    "monday",
    "",
    "l",
    "lun\u{a0}",
    "ſamedi",
];

const ADDRESSES: [&str; 14] = [
    "1 Rue de l'Exemple, 75001 Essai",
    "1 rue de l’Exemple ,  75001 ESSAI",
    "Bourg, 97133 Gustavia",
    "98719 Taravao",
    "20137 Porto-Vecchio 20600",
    "é97é12345é",
    "12345",
    "\u{3000}1\u{85}2\u{0}3",
    "97500",
    "Rue 2B033, 20200",
    "99138 98000",
    "00000",
    " ",
    "",
];

const CODES: [&str; 14] = [
    "75101", "2A004", "2b033", "1606", "97123", "97127", "98719", "98731", "99138", "97999", "é",
    "20200", "²3456", "",
];

pub(super) fn settings(tape: &mut Tape<'_>) -> Settings {
    // Mostly what fits, so that calendars are made.
    let standard = Settings::default();
    match tape.below(16) {
        0 => Settings { lanes: tape.pick([0, 20, 1_000, 1_001, u16::MAX]), ..standard },
        1 => Settings { grid_minutes: tape.pick([0, 7, 15, 60, 255]), ..standard },
        2 => Settings { reason_minutes: tape.pick([0, 640, 641, u16::MAX]), ..standard },
        3 => Settings { horizon_days: tape.pick([0, 730, 731, u16::MAX]), ..standard },
        4 => Settings { lanes: 1_000, horizon_days: tape.pick([200, 730]), ..standard },
        _ => standard,
    }
}

pub(super) fn list(tape: &mut Tape<'_>) -> String {
    let count = 1 + tape.below(RECORDS_MAX);
    Value::Array((0..count).map(|_| record(tape)).collect()).to_string()
}

fn record(tape: &mut Tape<'_>) -> Value {
    let mut fields = Map::new();
    match tape.below(16) {
        0 => return odd(tape),
        1 => {}
        _ => {
            fields.insert("id".to_owned(), id(tape));
        }
    }
    fields.insert("address".to_owned(), mostly(tape, address));
    fields.insert("hours".to_owned(), mostly(tape, hours));
    let others = tape.byte();
    let set = |bit: u8| others >> bit & 1 == 1;
    if set(0) {
        fields.insert("insee".to_owned(), mostly(tape, |tape| tape.pick(CODES).into()));
    }
    for (bit, name) in [(1, "name"), (2, "city"), (3, "kind")] {
        if set(bit) {
            fields.insert(name.to_owned(), mostly(tape, |tape| text(tape).into()));
        }
    }
    for (bit, name) in [(4, "lat"), (5, "lon")] {
        if set(bit) {
            fields.insert(name.to_owned(), mostly(tape, degrees));
        }
    }
    Value::Object(fields)
}

/// The value that belongs there, or once in a while any other.
fn mostly(tape: &mut Tape<'_>, value: impl FnOnce(&mut Tape<'_>) -> Value) -> Value {
    if tape.below(16) == 0 { odd(tape) } else { value(tape) }
}

fn odd(tape: &mut Tape<'_>) -> Value {
    let number = tape.byte();
    match tape.below(8) {
        0 => Value::Null,
        1 => json!(number),
        2 => json!(-1.5e300),
        3 => json!(["9h-12h", number, "14h-18h"]),
        4 => json!({ "lundi": ["9h-12h", null], "Lundi": "8h-9h" }),
        5 => json!({}),
        6 => json!(number.is_multiple_of(2)),
        _ => json!("x".repeat(usize::from(number) * 5)),
    }
}

/// Mostly one of two that say the same, so that records come together.
fn address(tape: &mut Tape<'_>) -> Value {
    let at = tape.below(2 * ADDRESSES.len());
    ADDRESSES[if at < ADDRESSES.len() { at } else { at % 2 }].into()
}

fn id(tape: &mut Tape<'_>) -> Value {
    match tape.below(8) {
        0 => text(tape).into(),
        1 => json!(tape.i64()),
        _ => tape.pick(["a", "a", "b", "é", " a "]).into(),
    }
}

fn hours(tape: &mut Tape<'_>) -> Value {
    let mut hours = Map::new();
    for _ in 0..tape.below(8) {
        let name = tape.pick(NAMES);
        let text: String = match tape.below(4) {
            0 => (0..tape.below(PIECES_MAX)).map(|_| tape.pick(PIECES)).collect(),
            1 => (0..tape.below(PIECES_MAX)).map(minute).collect(),
            2 => text(tape),
            _ => tape.pick(["8h-12h", "14:00-18:30", "fermé", "20h-minuit", "?"]).to_owned(),
        };
        hours.insert(name.to_owned(), text.into());
    }
    Value::Object(hours)
}

/// A minute apart from all others: many of them are more than a day may have.
fn minute(place: usize) -> String {
    let (hour, minute) = (place % 24, place / 24 * 10);
    format!("{hour}:{minute:02}-{hour}:{:02},", minute + 1)
}

fn text(tape: &mut Tape<'_>) -> String {
    let len = tape.below(64);
    let text = String::from_utf8_lossy(tape.take(len));
    text.repeat(tape.pick([1, 1, 1, 8, 40]))
}

fn degrees(tape: &mut Tape<'_>) -> Value {
    match tape.below(8) {
        0 => json!(f64::from_bits(tape.u64())),
        1 => json!(tape.pick(["48,86", " 2.34 ", "nan", "inf", "-0", "1e400", "5.49"])),
        _ => json!(tape.pick([48.86, 2.34, -20.88, 55.45, 4.9, -52.3, 0.0, 500.0])),
    }
}
