//! Calendar files, as RFC 5545 has them.
//!
//! They are written here by hand: what is told of an appointment are a dozen lines, and the rules
//! for texts and for folding are short. Two independent readers hold them to their meaning, in
//! `tests/api/files.rs`. Instants are written in UTC, so that a file needs no rules of any zone.

use creneau::{AppointmentStatus, Definition, RecordedAppointment, Timestamp};
use hyper::header::{self, HeaderValue};

use super::answer::{self, Response};

const CALENDAR: HeaderValue = HeaderValue::from_static("text/calendar; charset=utf-8");

/// What browsers call a file that they keep.
const ATTACHED: HeaderValue = HeaderValue::from_static("attachment; filename=\"appointment.ics\"");

/// Bytes of a line, its end left aside; what is longer is folded.
const LINE_BYTES_MAX: usize = 75;

/// An answer with a file of a single appointment.
pub(super) fn file(text: String) -> Response {
    let mut response = answer::text(text, CALENDAR);
    response.headers_mut().insert(header::CONTENT_DISPOSITION, ATTACHED);
    response
}

/// A calendar file that is being written.
pub(super) struct File {
    text: String,
}

impl File {
    pub(super) fn new() -> Self {
        let mut file = Self { text: String::new() };
        file.line("BEGIN", "VCALENDAR");
        file.line("VERSION", "2.0");
        file.line("PRODID", concat!("-//Creneau//Creneau ", env!("CARGO_PKG_VERSION"), "//EN"));
        file.line("CALSCALE", "GREGORIAN");
        file.line("METHOD", "PUBLISH");
        file
    }

    /// Adds an appointment of the calendar that `definition` describes.
    pub(super) fn add(&mut self, of: &RecordedAppointment, definition: &Definition) {
        let RecordedAppointment { appointment, booked_at, changed_at, revision } = of;
        let stands = appointment.status != AppointmentStatus::Cancelled;
        let reason = definition.reason(&appointment.reason);
        let reason = reason.map_or(appointment.reason.as_str(), |reason| reason.name.as_str());
        let summary = match &definition.practitioner {
            Some(who) => format!("{reason}, {}", who.name),
            None => reason.to_owned(),
        };
        let location = &definition.location;
        let place = match &location.address {
            Some(address) => format!("{}, {address}", location.name),
            None => location.name.clone(),
        };
        self.line("BEGIN", "VEVENT");
        // It stays the same wherever the appointment moves.
        self.line("UID", &format!("{}@creneau", appointment.id));
        self.line("SEQUENCE", &revision.to_string());
        self.line("DTSTAMP", &instant(*changed_at));
        self.line("CREATED", &instant(*booked_at));
        self.line("LAST-MODIFIED", &instant(*changed_at));
        self.line("DTSTART", &instant(appointment.start));
        self.line("DTEND", &instant(appointment.end));
        self.line("STATUS", if stands { "CONFIRMED" } else { "CANCELLED" });
        self.line("TRANSP", if stands { "OPAQUE" } else { "TRANSPARENT" });
        self.line("CLASS", "PRIVATE");
        self.line("SUMMARY", &escaped(&summary));
        self.line("LOCATION", &escaped(&place));
        if let (Some(lat), Some(lon)) = (location.lat, location.lon) {
            self.line("GEO", &format!("{lat};{lon}"));
        }
        self.line("END", "VEVENT");
    }

    /// The whole file.
    pub(super) fn end(mut self) -> String {
        self.line("END", "VCALENDAR");
        self.text
    }

    /// Writes a line, folded between two characters where it is too long.
    fn line(&mut self, name: &str, value: &str) {
        let mut room = LINE_BYTES_MAX;
        for part in [name, ":", value] {
            for char in part.chars() {
                if room < char.len_utf8() {
                    self.text.push_str("\r\n ");
                    room = LINE_BYTES_MAX - 1;
                }
                self.text.push(char);
                room -= char.len_utf8();
            }
        }
        self.text.push_str("\r\n");
    }
}

/// An instant in UTC, to the second.
fn instant(instant: Timestamp) -> String {
    instant.to_jiff().strftime("%Y%m%dT%H%M%SZ").to_string()
}

/// A text as a value. What comes from a calendar has no control characters.
fn escaped(text: &str) -> String {
    let mut written = String::with_capacity(text.len());
    for char in text.chars() {
        if matches!(char, '\\' | ';' | ',') {
            written.push('\\');
        }
        written.push(char);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_folded_between_characters() {
        let mut file = File { text: String::new() };
        file.line("SUMMARY", &escaped(&"é,".repeat(60)));
        for line in file.text.split("\r\n") {
            assert!(line.len() <= LINE_BYTES_MAX, "{line}");
        }
        let unfolded = file.text.replace("\r\n ", "");
        assert_eq!(unfolded, format!("SUMMARY:{}\r\n", "é\\,".repeat(60)));
    }
}
