//! Public holidays of France and of two of its departments overseas.
//!
//! Which they are is law: the *Code du travail*, article L3133-1, names the eleven of the whole
//! country, and article L3422-2 the day on which each department overseas celebrates the abolition
//! of slavery (Guadeloupe 27 May, Réunion 20 December). Easter is found by the Gregorian computus
//! as it was given anonymously in *Nature*, 20 April 1876 (Meeus, *Astronomical Algorithms*,
//! chapter 8).

use std::fmt;
use std::str::FromStr;

use jiff::civil::Date;
use rkyv::{Archive, Deserialize, Serialize};

use super::rejection::Rejection;
use super::schedule::later;
use crate::planted::{self, Bug};

/// A public holiday.
#[derive(
    Archive, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash,
)]
pub enum Holiday {
    /// 1 January.
    NewYear,
    /// The day after Easter.
    EasterMonday,
    /// 1 May.
    LabourDay,
    /// 8 May.
    VictoryDay,
    /// The fortieth day of Easter, a Thursday.
    Ascension,
    /// The day after Pentecost.
    WhitMonday,
    /// 14 July.
    NationalDay,
    /// 15 August.
    Assumption,
    /// 1 November.
    AllSaints,
    /// 11 November.
    Armistice,
    /// 25 December.
    Christmas,
    /// The abolition of slavery in Guadeloupe, 27 May.
    AbolitionGuadeloupe,
    /// The abolition of slavery in Réunion, 20 December.
    AbolitionReunion,
}

/// When a holiday is.
enum When {
    /// Month and day.
    Fixed(i8, i8),
    /// Days after Easter.
    AfterEaster(i64),
}

impl Holiday {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::NewYear,
        Self::EasterMonday,
        Self::LabourDay,
        Self::VictoryDay,
        Self::Ascension,
        Self::WhitMonday,
        Self::NationalDay,
        Self::Assumption,
        Self::AllSaints,
        Self::Armistice,
        Self::Christmas,
        Self::AbolitionGuadeloupe,
        Self::AbolitionReunion,
    ];

    /// Its name in the API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NewYear => "new_year",
            Self::EasterMonday => "easter_monday",
            Self::LabourDay => "labour_day",
            Self::VictoryDay => "victory_day",
            Self::Ascension => "ascension",
            Self::WhitMonday => "whit_monday",
            Self::NationalDay => "national_day",
            Self::Assumption => "assumption",
            Self::AllSaints => "all_saints",
            Self::Armistice => "armistice",
            Self::Christmas => "christmas",
            Self::AbolitionGuadeloupe => "abolition_guadeloupe",
            Self::AbolitionReunion => "abolition_reunion",
        }
    }

    const fn when(self) -> When {
        match self {
            Self::NewYear => When::Fixed(1, 1),
            Self::EasterMonday => When::AfterEaster(1),
            Self::LabourDay => When::Fixed(5, 1),
            Self::VictoryDay => When::Fixed(5, 8),
            Self::Ascension => When::AfterEaster(39),
            Self::WhitMonday => When::AfterEaster(50),
            Self::NationalDay => When::Fixed(7, 14),
            Self::Assumption => When::Fixed(8, 15),
            Self::AllSaints => When::Fixed(11, 1),
            Self::Armistice => When::Fixed(11, 11),
            Self::Christmas => When::Fixed(12, 25),
            Self::AbolitionGuadeloupe => When::Fixed(5, 27),
            Self::AbolitionReunion => When::Fixed(12, 20),
        }
    }
}

impl fmt::Display for Holiday {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Holiday {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let named = Self::ALL.into_iter().find(|holiday| holiday.name() == text);
        named.ok_or("must be the name of a public holiday, such as whit_monday")
    }
}

/// Whose public holidays a calendar keeps.
#[derive(
    Archive, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord,
)]
pub enum HolidayCalendar {
    /// Nobody's.
    #[default]
    None,
    /// Those of all of France.
    France,
    /// Those and the one of Guadeloupe.
    Guadeloupe,
    /// Those and the one of Réunion.
    Reunion,
}

impl HolidayCalendar {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::None, Self::France, Self::Guadeloupe, Self::Reunion];

    /// Its name in the API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::France => "france",
            Self::Guadeloupe => "guadeloupe",
            Self::Reunion => "reunion",
        }
    }

    /// Whether it has a holiday.
    #[must_use]
    pub const fn has(self, holiday: Holiday) -> bool {
        match holiday {
            Holiday::AbolitionGuadeloupe => matches!(self, Self::Guadeloupe),
            Holiday::AbolitionReunion => matches!(self, Self::Reunion),
            _ => !matches!(self, Self::None),
        }
    }
}

impl fmt::Display for HolidayCalendar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for HolidayCalendar {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let named = Self::ALL.into_iter().find(|calendar| calendar.name() == text);
        named.ok_or("must be none, france, guadeloupe or reunion")
    }
}

/// The public holidays on which a calendar is closed.
#[derive(Archive, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct PublicHolidays {
    /// Whose.
    pub calendar: HolidayCalendar,
    /// Those on which it is open nevertheless.
    pub open_on: Vec<Holiday>,
}

impl PublicHolidays {
    /// The holiday that closes the calendar on a date.
    #[must_use]
    pub fn on(&self, date: Date) -> Option<Holiday> {
        if self.calendar == HolidayCalendar::None {
            return None;
        }
        let kept =
            |holiday: &Holiday| self.calendar.has(*holiday) && !self.open_on.contains(holiday);
        let late = i64::from(planted::is(Bug::FeastLate));
        let is_it = |holiday: &Holiday| match holiday.when() {
            When::Fixed(month, day) => (date.month(), date.day()) == (month, day),
            When::AfterEaster(days) => {
                easter(date.year()).is_some_and(|easter| later(easter, days + late) == date)
            }
        };
        Holiday::ALL.into_iter().filter(kept).find(is_it)
    }

    pub(super) fn checked(mut self) -> Result<Self, Rejection> {
        for (place, holiday) in self.open_on.iter().enumerate() {
            let invalid = |rule: &str| Rejection::Invalid {
                field: format!("public_holidays.open_on[{place}]"),
                rule: rule.to_owned(),
            };
            if !self.calendar.has(*holiday) {
                return Err(invalid("must be a holiday of the calendar named"));
            }
            if self.open_on.iter().take(place).any(|other| other == holiday) {
                return Err(invalid("must not stand twice"));
            }
        }
        self.open_on.sort_unstable();
        Ok(self)
    }
}

/// Easter Sunday of a year of the Gregorian calendar.
#[must_use]
pub fn easter(year: i16) -> Option<Date> {
    let y = i32::from(year);
    let (golden, century, of_century) = (y.rem_euclid(19), y.div_euclid(100), y.rem_euclid(100));
    let (leaps, century_rest) = (century / 4, century % 4);
    let lag = (century + 8) / 25;
    let moon = (century - lag + 1) / 3;
    let epact = (19 * golden + century - leaps - moon + 15).rem_euclid(30);
    let (of_leaps, of_rest) = (of_century / 4, of_century % 4);
    let weekday = (32 + 2 * century_rest + 2 * of_leaps - epact - of_rest).rem_euclid(7);
    let late = (golden + 11 * epact + 22 * weekday) / 451;
    let sum = epact + weekday - 7 * late + 114;
    let part = |value: i32| i8::try_from(value).ok();
    Date::new(year, part(sum / 31)?, part(sum % 31 + 1)?).ok()
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn easter_is_on_the_dates_that_are_known() {
        // The earliest and the latest there can be, the exceptions of 1954 and 1981, and our own.
        // In 1700 the moon was corrected for the first time.
        let known = [
            date(1700, 4, 11),
            date(1818, 3, 22),
            date(1943, 4, 25),
            date(1954, 4, 18),
            date(1981, 4, 19),
            date(2000, 4, 23),
            date(2026, 4, 5),
            date(2027, 3, 28),
            date(2028, 4, 16),
            date(2038, 4, 25),
            date(2285, 3, 22),
        ];
        for expected in known {
            assert_eq!(easter(expected.year()), Some(expected));
        }
        for year in 1583..=9_999 {
            let sunday = easter(year).unwrap();
            assert_eq!(sunday.weekday(), jiff::civil::Weekday::Sunday, "{sunday}");
            let range = date(year, 3, 22)..=date(year, 4, 25);
            assert!(range.contains(&sunday), "{sunday}");
        }
    }

    #[test]
    fn a_calendar_is_read_by_its_name() {
        for calendar in HolidayCalendar::ALL {
            assert_eq!(calendar.to_string().parse(), Ok(calendar));
        }
        assert!("corse".parse::<HolidayCalendar>().is_err());
    }

    #[test]
    fn each_calendar_has_its_own_days() {
        let days = |calendar, year| {
            let holidays = PublicHolidays { calendar, open_on: Vec::new() };
            let first = date(year, 1, 1);
            let days = (0..365).map(|days| later(first, days));
            let days = days.filter(|day| holidays.on(*day).is_some());
            days.map(|day| day.strftime("%m-%d").to_string()).collect::<Vec<_>>().join(" ")
        };
        let france = "01-01 03-29 05-01 05-06 05-08 05-17 07-14 08-15 11-01 11-11 12-25";
        assert_eq!(days(HolidayCalendar::None, 2027), "");
        assert_eq!(days(HolidayCalendar::France, 2027), france);
        let guadeloupe = france.replace("05-17", "05-17 05-27");
        assert_eq!(days(HolidayCalendar::Guadeloupe, 2027), guadeloupe);
        let reunion = france.replace("12-25", "12-20 12-25");
        assert_eq!(days(HolidayCalendar::Reunion, 2027), reunion);
        // In 2008 the Ascension was on the first of May: one day with two names.
        let both = days(HolidayCalendar::France, 2008);
        assert_eq!(both.split(' ').filter(|day| *day == "05-01").count(), 1);
    }

    #[test]
    fn names_are_read_as_they_are_written() {
        for holiday in Holiday::ALL {
            assert_eq!(holiday.to_string().parse(), Ok(holiday));
        }
        for calendar in HolidayCalendar::ALL {
            assert_eq!(calendar.to_string().parse(), Ok(calendar));
        }
        let nowhere = "nowhere";
        assert!(nowhere.parse::<Holiday>().is_err() && nowhere.parse::<HolidayCalendar>().is_err());
    }
}
