//! Opening hours as a practice writes them: weekly, in local time, with dated exceptions.

use std::fmt;

use rkyv::{Archive, Deserialize, Serialize};

/// Minutes in a day; also the end of an interval that lasts until midnight.
pub const MINUTES_PER_DAY: u16 = 24 * 60;

/// A stretch of one local day, in minutes since its midnight, the end excluded.
#[derive(Archive, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Interval {
    start: u16,
    end: u16,
}

impl Interval {
    /// From `start` to `end`; none unless `start < end` and `end` is at most 24:00.
    #[must_use]
    pub const fn new(start: u16, end: u16) -> Option<Self> {
        if start < end && end <= MINUTES_PER_DAY { Some(Self { start, end }) } else { None }
    }

    /// Minutes from midnight to the start.
    #[must_use]
    pub const fn start(self) -> u16 {
        self.start
    }

    /// Minutes from midnight to the end, 1440 for the next midnight.
    #[must_use]
    pub const fn end(self) -> u16 {
        self.end
    }
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (start, end) = (self.start, self.end);
        write!(f, "{:02}:{:02}-{:02}:{:02}", start / 60, start % 60, end / 60, end % 60)
    }
}

impl std::str::FromStr for Interval {
    type Err = &'static str;

    /// Reads `"08:30-12:00"`; `24:00` may stand as an end.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const SHAPE: &str = "must be HH:MM-HH:MM";
        fn minutes(text: &str) -> Option<u16> {
            let (hour, minute) = text.split_once(':')?;
            let digits = |part: &str| {
                let two = part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
                two.then(|| part.parse::<u16>().ok()).flatten()
            };
            let (hour, minute) = (digits(hour)?, digits(minute)?);
            let whole = hour * 60 + minute;
            (minute < 60 && whole <= MINUTES_PER_DAY).then_some(whole)
        }
        let (start, end) = text.split_once('-').ok_or(SHAPE)?;
        let (start, end) = (minutes(start).ok_or(SHAPE)?, minutes(end).ok_or(SHAPE)?);
        Self::new(start, end).ok_or("must end after it starts")
    }
}

/// Sorts a day's intervals and makes one of those that overlap or touch.
#[must_use]
pub fn normalised(mut intervals: Vec<Interval>) -> Vec<Interval> {
    intervals.sort_unstable();
    let mut merged: Vec<Interval> = Vec::with_capacity(intervals.len());
    for interval in intervals {
        match merged.last_mut() {
            Some(last) if interval.start <= last.end => last.end = last.end.max(interval.end),
            _ => merged.push(interval),
        }
    }
    merged
}

/// The hours of a week, Monday first.
#[derive(Archive, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct WeeklyHours {
    /// The intervals of each day, Monday first.
    pub days: [Vec<Interval>; 7],
}

impl WeeklyHours {
    /// The intervals of the weekday of a date.
    #[must_use]
    pub fn on(&self, date: jiff::civil::Date) -> &[Interval] {
        let day = date.weekday().to_monday_zero_offset();
        self.days.get(usize::from(day.unsigned_abs())).map_or(&[], Vec::as_slice)
    }
}

/// The hours of one date, in place of those of its weekday; no hours at all for a closed day.
#[derive(Archive, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct DayException {
    /// The local date.
    pub date: Date,
    /// What is open on it.
    pub hours: Vec<Interval>,
}

/// A date of the local calendar, kept small and ordered: `year * 512 + month * 32 + day`.
#[derive(Archive, Serialize, Deserialize, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date(i32);

impl From<jiff::civil::Date> for Date {
    fn from(date: jiff::civil::Date) -> Self {
        Self(i32::from(date.year()) * 512 + i32::from(date.month()) * 32 + i32::from(date.day()))
    }
}

impl Date {
    /// The same date for `jiff`.
    #[must_use]
    pub fn to_jiff(self) -> jiff::civil::Date {
        let part = |value: i32| i8::try_from(value).unwrap_or(1);
        let year = i16::try_from(self.0.div_euclid(512)).unwrap_or(i16::MAX);
        let (month, day) = (self.0.rem_euclid(512) / 32, self.0.rem_euclid(32));
        jiff::civil::Date::new(year, part(month), part(day)).unwrap_or(jiff::civil::Date::MAX)
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_jiff().fmt(f)
    }
}

impl fmt::Debug for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_jiff().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes_and_refuses_the_rest() {
        for text in ["00:00-24:00", "08:30-12:00", "23:59-24:00"] {
            assert_eq!(text.parse::<Interval>().unwrap().to_string(), text);
        }
        for text in
            ["", "8:30-12:00", "08:30", "12:00-08:00", "08:60-10:00", "24:01-25:00", "08:00-08:00"]
        {
            assert!(text.parse::<Interval>().is_err(), "{text}");
        }
    }

    #[test]
    fn overlapping_and_touching_become_one() {
        let day = ["14:00-18:00", "08:00-10:00", "09:30-12:00", "12:00-13:00"];
        let day = normalised(day.iter().map(|text| text.parse().unwrap()).collect());
        let text: Vec<String> = day.iter().map(Interval::to_string).collect();
        assert_eq!(text, ["08:00-13:00", "14:00-18:00"]);
    }

    #[test]
    fn dates_keep_their_order() {
        let date = |text: &str| Date::from(text.parse::<jiff::civil::Date>().unwrap());
        assert!(date("2026-12-31") < date("2027-01-01"));
        assert!(date("2027-01-31") < date("2027-02-01"));
        assert_eq!(date("2028-02-29").to_string(), "2028-02-29");
        assert_eq!(format!("{:?}", date("2028-02-29")), "2028-02-29");
    }
}
