//! Reading a list of French vaccination centres into a plan of calendars, and making them.
//!
//! [`plan`] is the pure half of `creneau import centres FILE`: text in, [`Plan`] out, with no
//! network, no clock and no engine. [`run()`] is the other: it makes one calendar of each
//! [`Centre`] and reports one line for each [`RecordReport`].
//!
//! The lists are kept by hand, so nothing in a record is trusted and nothing odd fails the file:
//!
//! - A record with readable hours is *taken* when its centre is new in this file and *merged* when
//!   an earlier record stands for the same centre; a record without is *refused*, with the reason,
//!   whether or not its centre is known, and changes nothing. Hours are readable when they hold at
//!   least one interval.
//! - The same centre is the same id at the same address. One id at several addresses is several
//!   centres, because that is how a group of centres shares an account.
//! - When records of one centre disagree on a day, the later record counts. A day that a record
//!   does not name, or whose text cannot be read, says nothing and disagrees with nothing; a day
//!   written as closed does.
//! - Whatever is left out, changed or guessed is said in [`RecordReport::notes`]. Intervals that
//!   only touch are joined without a note: the opening they describe is unchanged.
//!
//! Memory grows with the text alone: names, addresses, the text of a day and the notes of a record
//! each have a bound.

mod client;
mod definition;
mod hours;
mod merge;
mod record;
mod run;
mod target;
mod territory;

use std::fmt;

pub use client::Client;
pub use definition::{REASON_ID, Settings};
pub use run::{RecordLine, Summary, run};
pub use target::Target;

/// The longest name, kind or city kept, in characters.
pub const MAX_NAME_CHARS: usize = 200;
/// The longest address kept, in characters; two addresses that differ beyond it stay two centres.
pub const MAX_ADDRESS_CHARS: usize = 300;
/// The most notes that reading keeps for one record; a last note then counts the ones left out.
/// Making its calendar may add a few.
pub const MAX_NOTES: usize = 64;

/// What a file asks for: the calendars to make, and an answer for every record in it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Plan {
    /// The centres, in the order in which the file first gives their hours.
    pub centres: Vec<Centre>,
    /// One report for each record, in file order.
    pub records: Vec<RecordReport>,
}

/// One centre: what a calendar needs to be made.
#[derive(Debug, Clone, PartialEq)]
pub struct Centre {
    /// A name that stays the same from one run to the next, so that a second import finds the
    /// calendar of the first: the id and the FNV-1a hash of the normalised address. At most 64
    /// visible ASCII characters.
    pub external_id: String,
    /// The index of the record that was taken for it.
    pub record: usize,
    /// The name, or the id where the file gives no name.
    pub name: String,
    /// The kind as the file gives it, such as `vaccination-center`; empty where it gives none.
    pub kind: String,
    /// The city, read from the address where the file gives none; empty where neither has it.
    pub city: String,
    /// The address, with its white space tidied.
    pub address: String,
    /// The department, such as `01`, `2A` or `973`; none outside the departments.
    pub department: Option<String>,
    /// The latitude in degrees; stands only together with the longitude.
    pub lat: Option<f64>,
    /// The longitude in degrees.
    pub lon: Option<f64>,
    /// The IANA name of the time zone in which the hours are meant.
    pub time_zone: &'static str,
    /// The opening hours, Monday first; the spans of a day are sorted and do not touch.
    pub weekly: [Vec<Span>; 7],
}

/// An opening within one day, in minutes since its local midnight; `start < end <= 1440`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// The first minute.
    pub start: u16,
    /// The minute after the last.
    pub end: u16,
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (start, end) = (self.start, self.end);
        write!(f, "{:02}:{:02}-{:02}:{:02}", start / 60, start % 60, end / 60, end % 60)
    }
}

/// What became of one record.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordReport {
    /// The place of the record in the file, from 0.
    pub index: usize,
    /// Its id, where it has one.
    pub id: Option<String>,
    /// What became of it.
    pub outcome: Outcome,
    /// The centre in [`Plan::centres`] that it went into; none when refused.
    pub centre: Option<usize>,
    /// What was left out, changed or guessed: sentences that name the field and the day.
    pub notes: Vec<String>,
    /// Why it was refused; none when it was not.
    pub reason: Option<String>,
}

/// The three things that can become of a record. That a centre is there already from an earlier
/// run is not known here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The first record of a centre with readable hours.
    Taken,
    /// Readable hours of a centre that an earlier record of this file stands for.
    Merged,
    /// No readable hours, or nothing to tell the centre by.
    Refused,
}

/// Why a file could not be read at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImportError {
    /// The text is not JSON; the message says where.
    NotJson(String),
    /// The text is JSON, but not a list of records.
    NotAList,
}

impl fmt::Display for ImportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotJson(message) => write!(f, "the file is not JSON: {message}"),
            Self::NotAList => f.write_str("the file is not a JSON list of records"),
        }
    }
}

impl std::error::Error for ImportError {}

/// Reads the text of a file of centres.
///
/// # Errors
///
/// Only when the text as a whole is not a JSON list. A bad record is refused in the plan instead.
pub fn plan(json: &str) -> Result<Plan, ImportError> {
    // Lists saved by spreadsheets begin with a byte order mark, which JSON does not allow.
    let json = json.strip_prefix('\u{feff}').unwrap_or(json);
    let value: serde_json::Value =
        serde_json::from_str(json).map_err(|error| ImportError::NotJson(error.to_string()))?;
    let serde_json::Value::Array(values) = value else {
        return Err(ImportError::NotAList);
    };

    let mut merge = merge::Merge::default();
    for value in &values {
        merge.add(record::read(value));
    }
    Ok(merge.finish())
}

/// A text from the file as notes quote it: on one line, and not too long.
fn quote(text: &str) -> String {
    const MAX_QUOTED_CHARS: usize = 60;
    let mut quoted = tidy(text);
    if cut(&mut quoted, MAX_QUOTED_CHARS) {
        quoted.push('…');
    }
    format!("\"{quoted}\"")
}

/// The text with each run of white space and control characters as one space, and none around it.
fn tidy(text: &str) -> String {
    let words = text.split(|c: char| c.is_whitespace() || c.is_control());
    words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Cuts the text after so many characters; whether there was anything to cut.
fn cut(text: &mut String, max_chars: usize) -> bool {
    let end = text.char_indices().nth(max_chars).map(|(at, _)| at);
    if let Some(end) = end {
        text.truncate(end);
    }
    end.is_some()
}

#[cfg(test)]
mod tests;
