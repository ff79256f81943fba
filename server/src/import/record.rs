//! One record of the file: which fields it has, and what they say.

use serde_json::{Map, Value};

use super::hours::{self, Day};
use super::territory::{self, Territory};
use super::{MAX_ADDRESS_CHARS, MAX_NAME_CHARS, cut, quote, tidy};

/// What one record says, once read.
#[derive(Debug)]
pub(super) struct Record {
    pub id: Option<String>,
    pub notes: Vec<String>,
    pub content: Result<Content, String>,
}

/// What a record with readable hours says; the other ones have a reason in its place.
#[derive(Debug)]
pub(super) struct Content {
    pub id: String,
    pub name: String,
    pub kind: String,
    pub city: String,
    /// The address at full length, for comparing; see [`Content::kept_address`].
    pub address: String,
    pub kept_address: String,
    pub territory: Territory,
    pub position: Option<(f64, f64)>,
    pub days: [Day; 7],
}

/// Reads one record; whatever it is, the answer says something about it.
pub(super) fn read(value: &Value) -> Record {
    let mut notes = Vec::new();
    let Value::Object(fields) = value else {
        let content = Err("the record is not an object".to_owned());
        return Record { id: None, notes, content };
    };
    // Some lists number their centres.
    let id = match fields.get("id") {
        Some(Value::String(id)) => Some(tidy(id)).filter(|id| !id.is_empty()),
        Some(Value::Number(id)) => Some(id.to_string()),
        _ => None,
    };
    let content = match &id {
        Some(id) => read_content(id, fields, &mut notes),
        None => Err("the id is missing".to_owned()),
    };
    Record { id, notes, content }
}

fn read_content(
    id: &str,
    fields: &Map<String, Value>,
    notes: &mut Vec<String>,
) -> Result<Content, String> {
    let address = match fields.get("address") {
        Some(Value::String(address)) => tidy(address),
        _ => String::new(),
    };
    if address.is_empty() {
        return Err("the address is missing".to_owned());
    }
    let days = read_week(fields.get("hours"), notes)?;

    let mut name = text(fields, "name", notes);
    if name.is_empty() {
        notes.push("name: missing; the id stands in its place".to_owned());
        name = id.to_owned();
        cut(&mut name, MAX_NAME_CHARS);
    }
    let mut city = text(fields, "city", notes);
    if city.is_empty() {
        city = territory::city(&address);
        cut(&mut city, MAX_NAME_CHARS);
        if !city.is_empty() {
            notes.push(format!("city: missing; {} was read from the address", quote(&city)));
        }
    }
    let mut kept_address = address.clone();
    if cut(&mut kept_address, MAX_ADDRESS_CHARS) {
        notes.push(format!("address: cut after {MAX_ADDRESS_CHARS} characters"));
    }
    let insee = match fields.get("insee") {
        Some(Value::String(insee)) => insee.clone(),
        Some(Value::Number(insee)) => insee.to_string(),
        _ => String::new(),
    };
    let territory = territory::locate(&insee, &address, notes);
    let position = read_position(fields, &territory, notes);
    let kind = text(fields, "kind", notes);
    let id = id.to_owned();
    Ok(Content { id, name, kind, city, address, kept_address, territory, position, days })
}

/// A text field, tidied and cut; empty where it is missing or no text.
fn text(fields: &Map<String, Value>, field: &str, notes: &mut Vec<String>) -> String {
    let mut text = match fields.get(field) {
        Some(Value::String(text)) => tidy(text),
        None | Some(Value::Null) => String::new(),
        Some(_) => {
            notes.push(format!("{field}: not a text; left out"));
            String::new()
        }
    };
    if cut(&mut text, MAX_NAME_CHARS) {
        notes.push(format!("{field}: cut after {MAX_NAME_CHARS} characters"));
    }
    text
}

/// The days of the week; refused with the reason where none of them has an opening.
fn read_week(value: Option<&Value>, notes: &mut Vec<String>) -> Result<[Day; 7], String> {
    let fields = match value {
        Some(Value::Object(fields)) if !fields.is_empty() => fields,
        None | Some(Value::Null | Value::Object(_)) => {
            return Err("no readable hours: the record gives none".to_owned());
        }
        Some(_) => return Err("no readable hours: they are not given by day".to_owned()),
    };
    let mut days: [Day; 7] = std::array::from_fn(|_| Day::Unstated);
    for (name, value) in fields {
        let Some(day) = hours::weekday(name).and_then(|index| days.get_mut(index)) else {
            notes.push(format!("hours: {} is no day of the week; left out", quote(name)));
            continue;
        };
        let read = match value {
            Value::Null => Day::Unstated,
            Value::String(text) => hours::read_day(name, text, notes),
            Value::Array(parts) => read_day_parts(name, parts, notes),
            _ => {
                notes.push(format!("hours, {}: not a text; left out", tidy(name)));
                Day::Unstated
            }
        };
        if *day != Day::Unstated && read != Day::Unstated {
            // Two spellings of a name, such as "lundi" and "Lundi"; their order is not known.
            notes.push(format!("hours, {}: given twice in this record; joined", tidy(name)));
        }
        *day = std::mem::replace(day, Day::Unstated).join(read);
    }
    if days.iter().any(|day| matches!(day, Day::Open(_))) {
        Ok(days)
    } else if days.contains(&Day::Closed) {
        Err("no readable hours: every day that could be read is closed".to_owned())
    } else {
        Err("no readable hours: none of what is written could be read".to_owned())
    }
}

/// A day whose intervals stand in a list instead of one text.
fn read_day_parts(name: &str, parts: &[Value], notes: &mut Vec<String>) -> Day {
    let mut texts = Vec::new();
    for part in parts {
        match part {
            Value::String(text) => texts.push(text.as_str()),
            _ => notes.push(format!("hours, {}: a part is not a text; left out", tidy(name))),
        }
    }
    hours::read_day(name, &texts.join(", "), notes)
}

/// The position, where both numbers stand and lie in the territory of the centre.
fn read_position(
    fields: &Map<String, Value>,
    territory: &Territory,
    notes: &mut Vec<String>,
) -> Option<(f64, f64)> {
    let number = |field| match fields.get(field) {
        Some(Value::Number(number)) => number.as_f64(),
        // Some lists write numbers as texts, with the decimal comma of French.
        Some(Value::String(text)) => text.trim().replace(',', ".").parse().ok(),
        _ => None,
    };
    let given = |field| fields.get(field).is_some_and(|value| !value.is_null());
    let (Some(lat), Some(lon)) = (number("lat"), number("lon")) else {
        if given("lat") || given("lon") {
            notes.push("lat, lon: not two numbers; left out".to_owned());
        }
        return None;
    };
    let fault = if territory.holds(lat, lon) {
        return Some((lat, lon));
    } else if territory.holds(lon, lat) {
        "are swapped"
    } else if (-90.0..=90.0).contains(&lat) && (-180.0..=180.0).contains(&lon) {
        "lie outside the territory of the centre"
    } else {
        "are out of range"
    };
    notes.push(format!("lat, lon: {lat}, {lon} {fault}; left out"));
    None
}
