//! What goes beyond the hours of each week, as clients write and read it.

use std::fmt;
use std::str::FromStr;

use creneau::booking::hours::Date;
use creneau::{Absence, Edge, Holiday, HolidayCalendar, PublicHolidays, Template};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::schema::AnyOfBuilder;
use utoipa::openapi::{Ref, RefOr, Schema};

use super::calendar_dto::WeekJson;
use super::dto::Text;
use super::local::{Day, Instant};
use super::openapi::texts;

/// A week that counts for a while, or every so many weeks, beside the hours of each week.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Template)]
pub(super) struct TemplateJson {
    /// The first date on which it counts; any date if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<texts::Date>)]
    from: Option<Text<Day>>,
    /// The last date on which it counts, not before `from`; any date if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<texts::Date>)]
    until: Option<Text<Day>>,
    /// It counts in one week of so many; 1, each week, if left out.
    #[serde(default = "each_week")]
    #[schema(minimum = 1, maximum = 8)]
    every_weeks: u8,
    /// A date in a week in which it counts; needed where `every_weeks` is more than 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<texts::Date>)]
    anchor: Option<Text<Day>>,
    hours: WeekJson,
}

const fn each_week() -> u8 {
    1
}

/// A stretch in which nothing is open, whatever else is set.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Absence)]
pub(super) struct AbsenceJson {
    /// A date, from its beginning on, or an instant.
    #[schema(schema_with = date_or_instant)]
    from: Text<EdgeText>,
    /// A date, to its end, or an instant. It comes after `from`.
    #[schema(schema_with = date_or_instant)]
    until: Text<EdgeText>,
    /// What the practice calls it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<texts::Name>)]
    label: Option<String>,
}

pub(super) fn date_or_instant() -> RefOr<Schema> {
    let either = AnyOfBuilder::new()
        .item(Ref::from_schema_name("Date"))
        .item(Ref::from_schema_name("Instant"));
    RefOr::T(Schema::AnyOf(either.build()))
}

/// The public holidays on which nothing is open, but for dates with an exception.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PublicHolidays)]
pub(super) struct HolidaysJson {
    #[schema(value_type = texts::HolidayCalendar)]
    calendar: Text<HolidayCalendar>,
    /// Holidays of that calendar on which it is open nevertheless, each once.
    #[serde(default)]
    #[schema(value_type = Vec<texts::Holiday>, max_items = 13)]
    open_on: Vec<Text<Holiday>>,
}

/// Where an absence begins or ends, as text.
#[derive(Clone, Copy)]
pub(super) struct EdgeText(pub(super) Edge);

impl FromStr for EdgeText {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let date = text.parse::<Day>().map(|Day(date)| Edge::Date(date.into()));
        let instant = || text.parse::<Instant>().map(|Instant(instant)| Edge::Instant(instant));
        let edge = date.or_else(|_| instant());
        edge.map(Self).map_err(|_| "must be a date, YYYY-MM-DD, or an RFC 3339 instant")
    }
}

impl fmt::Display for EdgeText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Edge::Date(date) => date.fmt(f),
            Edge::Instant(instant) => instant.fmt(f),
        }
    }
}

fn read_date(date: Option<Text<Day>>) -> Option<Date> {
    date.map(|Text(Day(date))| date.into())
}

fn write_date(date: Option<Date>) -> Option<Text<Day>> {
    date.map(|date| Text(Day(date.to_jiff())))
}

impl From<TemplateJson> for Template {
    fn from(template: TemplateJson) -> Self {
        let TemplateJson { from, until, every_weeks, anchor, hours } = template;
        let (from, until, anchor) = (read_date(from), read_date(until), read_date(anchor));
        Self { from, until, every_weeks, anchor, hours: hours.into() }
    }
}

impl From<&Template> for TemplateJson {
    fn from(template: &Template) -> Self {
        Self {
            from: write_date(template.from),
            until: write_date(template.until),
            every_weeks: template.every_weeks,
            anchor: write_date(template.anchor),
            hours: WeekJson::from(&template.hours),
        }
    }
}

impl From<AbsenceJson> for Absence {
    fn from(AbsenceJson { from, until, label }: AbsenceJson) -> Self {
        Self { from: from.0.0, until: until.0.0, label }
    }
}

impl From<&Absence> for AbsenceJson {
    fn from(absence: &Absence) -> Self {
        let (from, until) = (Text(EdgeText(absence.from)), Text(EdgeText(absence.until)));
        Self { from, until, label: absence.label.clone() }
    }
}

impl From<HolidaysJson> for PublicHolidays {
    fn from(HolidaysJson { calendar, open_on }: HolidaysJson) -> Self {
        Self {
            calendar: calendar.0,
            open_on: open_on.into_iter().map(|Text(holiday)| holiday).collect(),
        }
    }
}

impl From<&PublicHolidays> for HolidaysJson {
    fn from(holidays: &PublicHolidays) -> Self {
        let open_on = holidays.open_on.iter().copied().map(Text).collect();
        Self { calendar: Text(holidays.calendar), open_on }
    }
}
