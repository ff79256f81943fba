//! Instants and dates as clients write and read them.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;
use std::sync::{PoisonError, RwLock};

use creneau::{CalendarId, Engine, Timestamp};
use jiff::tz::{Offset, TimeZone};
use serde::{Serialize, Serializer};

use super::limits::{INSTANT_BYTES_MAX, ZONES_MAX};

/// An instant with the offset of its calendar.
#[derive(Clone, Copy, Debug)]
pub(super) struct Local {
    instant: Timestamp,
    offset: Offset,
}

impl Local {
    pub(super) fn new(instant: Timestamp, offset: Offset) -> Self {
        Self { instant, offset }
    }
}

impl Serialize for Local {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut text = *b"0000-00-00T00:00:00+00:00";
        if self.fill(&mut text).is_some()
            && let Ok(text) = std::str::from_utf8(&text)
        {
            return serializer.serialize_str(text);
        }
        serializer.collect_str(&self.instant.to_jiff().display_with_offset(self.offset))
    }
}

impl Local {
    /// Fills in the digits of a whole second in a year of four digits; none for others. A list of
    /// slots has forty instants, and writing them this way takes far less.
    fn fill(self, text: &mut [u8; 25]) -> Option<()> {
        const SECOND_MS: i64 = 1_000;
        const DAY: i64 = 24 * 60 * 60;
        let ms = self.instant.millis();
        let offset = self.offset.seconds();
        if ms % SECOND_MS != 0 || offset % 60 != 0 {
            return None;
        }
        let local = ms / SECOND_MS + i64::from(offset);
        let (days, second) = (local.div_euclid(DAY), local.rem_euclid(DAY));
        let (year, month, day) = civil(days)?;
        let minutes = offset.unsigned_abs() / 60;
        let two = |number: i64| u8::try_from(number).ok();
        let parts = [
            (0, two(year / 100)?),
            (2, two(year % 100)?),
            (5, month),
            (8, day),
            (11, two(second / 3_600)?),
            (14, two(second / 60 % 60)?),
            (17, two(second % 60)?),
            (20, two((minutes / 60).into())?),
            (23, two((minutes % 60).into())?),
        ];
        for (at, number) in parts {
            let digits = text.get_mut(at..at + 2)?;
            digits.copy_from_slice(&[b'0' + number / 10, b'0' + number % 10]);
        }
        if offset < 0 {
            *text.get_mut(19)? = b'-';
        }
        Some(())
    }
}

/// The date of a day counted from 1970-01-01, in the years 0 to 9999: Howard Hinnant's
/// `civil_from_days`, <https://howardhinnant.github.io/date_algorithms.html>.
fn civil(days: i64) -> Option<(i64, u8, u8)> {
    const ERA_DAYS: i64 = 146_097;
    let days = days.checked_add(719_468)?;
    let (era, of_era) = (days.div_euclid(ERA_DAYS), days.rem_euclid(ERA_DAYS));
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    // Months are counted from March, so that the leap day is the last of its year.
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let (month, later) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    let year = year + era * 400 + later;
    let fits = (0..=9_999).contains(&year);
    Some((year, u8::try_from(month).ok()?, u8::try_from(day).ok()?)).filter(|_| fits)
}

/// The zone of a calendar.
pub(super) struct Zone(TimeZone);

impl Zone {
    pub(super) fn local(&self, instant: Timestamp) -> Local {
        Local::new(instant, self.0.to_offset(instant.to_jiff()))
    }
}

/// Zones of calendars, kept at hand: a calendar's zone never changes.
#[derive(Default)]
pub(super) struct Zones {
    known: RwLock<HashMap<CalendarId, TimeZone>>,
}

impl Zones {
    /// The zone of a calendar; UTC where the engine cannot say, because an answer that is known
    /// must not fail over how its instants are written.
    pub(super) async fn of(&self, engine: &Engine, calendar: CalendarId) -> Zone {
        let known =
            self.known.read().unwrap_or_else(PoisonError::into_inner).get(&calendar).cloned();
        if let Some(zone) = known {
            return Zone(zone);
        }
        let found = match engine.calendar(calendar).await {
            Ok(Ok(info)) => TimeZone::get(&info.definition.time_zone).ok(),
            Ok(Err(_)) | Err(_) => None,
        };
        let Some(zone) = found else { return Zone(TimeZone::UTC) };
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if ZONES_MAX <= known.len() {
            known.clear();
        }
        known.insert(calendar, zone.clone());
        Zone(zone)
    }
}

/// An instant of a request: RFC 3339 with an offset or `Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Instant(pub(super) Timestamp);

impl FromStr for Instant {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const RULE: &str = "must be an RFC 3339 instant with an offset or Z, such as \
                            2027-03-01T09:00:00+01:00";
        // What is read beyond RFC 3339 is not taken: no hour alone, no date without hyphens, no
        // zone in brackets, which could contradict the offset.
        if INSTANT_BYTES_MAX < text.len() || !is_rfc_3339(text) {
            return Err(RULE);
        }
        text.parse().map(Self).map_err(|_| RULE)
    }
}

/// Whether a text has the shape of an instant in RFC 3339. Whether there is such an instant is
/// another matter.
fn is_rfc_3339(text: &str) -> bool {
    /// Each `0` stands for a digit, and all else for itself.
    fn takes<'a>(bytes: &'a [u8], shape: &str) -> Option<&'a [u8]> {
        let (head, rest) = bytes.split_at_checked(shape.len())?;
        let fits = |(byte, shape): (&u8, u8)| match shape {
            b'0' => byte.is_ascii_digit(),
            shape => byte.to_ascii_uppercase() == shape,
        };
        head.iter().zip(shape.bytes()).all(fits).then_some(rest)
    }
    let Some(mut rest) = takes(text.as_bytes(), "0000-00-00T00:00:00") else { return false };
    if let [b'.', fraction @ ..] = rest {
        let digits = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if digits == 0 {
            return false;
        }
        rest = fraction.get(digits..).unwrap_or_default();
    }
    match rest {
        [b'Z' | b'z'] => true,
        [b'+' | b'-', offset @ ..] => {
            let hour = offset.first_chunk::<2>().is_some_and(|hour| *hour < *b"24");
            hour && takes(offset, "00:00") == Some(&[])
        }
        _ => false,
    }
}

/// A date of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Day(pub(super) jiff::civil::Date);

impl FromStr for Day {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const RULE: &str = "must be a date, YYYY-MM-DD";
        const LEN: usize = "YYYY-MM-DD".len();
        if text.len() != LEN {
            return Err(RULE);
        }
        text.parse().map(Self).map_err(|_| RULE)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is written by hand is what jiff writes, on every day from the year -1 to 10000, with
    /// offsets of both signs, with and without a fraction of a second.
    #[test]
    fn an_instant_is_written_as_jiff_does() {
        let hours = [-12 * 60, -3 * 60 - 30, 0, 60, 5 * 60 + 45, 14 * 60];
        let offsets = hours.map(|minutes| Offset::from_seconds(minutes * 60).unwrap());
        let (mut day, mut at) = (-63_000_000_000_i64, 0_usize);
        let mut filled = 0;
        while day < 253_402_200_000 {
            let ms = if at.is_multiple_of(7) { 20 } else { 0 };
            let second = day + i64::try_from(at % 86_400).unwrap();
            let instant = Timestamp::from_millis(second * 1_000 + ms);
            let offset = offsets[at % offsets.len()];
            let written = serde_json::to_string(&Local::new(instant, offset)).unwrap();
            let expected = instant.to_jiff().display_with_offset(offset).to_string();
            assert_eq!(written, format!("\"{expected}\""));
            filled += usize::from(Local::new(instant, offset).fill(&mut [0; 25]).is_some());
            (day, at) = (day + 3 * 86_400, at + 12_345);
        }
        assert!(at / 12_345 * 4 / 5 < filled, "most are written by hand: {filled}");
    }

    #[test]
    fn an_instant_needs_an_offset() {
        let nine: Instant = "2027-03-01T09:00:00+01:00".parse().unwrap();
        for same in [
            "2027-03-01T08:00:00Z",
            "2027-03-01t08:00:00.000z",
            "2027-03-01T13:45:00+05:45",
            "2027-03-02T07:59:00.0+23:59",
        ] {
            assert_eq!(same.parse(), Ok(nine), "{same}");
        }
        for wrong in [
            "",
            "2027-03-01",
            "2027-03-01T09:00:00",
            "2027-02-30T09:00:00Z",
            "2027-03-01T09:00:00+01:00[Asia/Tokyo]",
            "tomorrow",
            "2027-03-01 09:00:00Z",
            "20270301T090000Z",
            "2027-03-01T09Z",
            "2027-03-01T09:00Z",
            "2027-03-01T09:00:00,5Z",
            "2027-03-01T09:00:00.Z",
            "2027-03-01T09:00:00+01",
            "2027-03-01T09:00:00+0100",
            "2027-03-01T09:00:00+24:00",
            "2027-03-01T09:00:00+01:60",
            "2027-03-01T09:00:00+01:00:30",
            "+002027-03-01T09:00:00Z",
        ] {
            assert!(wrong.parse::<Instant>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_date_is_a_date_alone() {
        assert!("2028-02-29".parse::<Day>().is_ok());
        for wrong in ["2027-02-29", "20270301", "2027-03-01T09:00:00Z", "2027-3-1", ""] {
            assert!(wrong.parse::<Day>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_offset_is_the_calendars() {
        let zone = Zone(TimeZone::get("Europe/Paris").unwrap());
        let text =
            |instant: &str| serde_json::to_string(&zone.local(instant.parse().unwrap())).unwrap();
        assert_eq!(text("2027-03-28T00:59:00Z"), "\"2027-03-28T01:59:00+01:00\"");
        assert_eq!(text("2027-03-28T01:00:00Z"), "\"2027-03-28T03:00:00+02:00\"");
    }
}
