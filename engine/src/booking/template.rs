//! Weeks that count for a while, or every other week, beside the weekly hours.

use rkyv::{Archive, Deserialize, Serialize};

use super::hours::{Date, Interval, WeeklyHours, normalised};
use super::rejection::Rejection;
use crate::limits;
use crate::planted::{self, Bug};

const DAYS_PER_WEEK: i32 = 7;

/// The hours of a week on some dates. Where several count, the day has the hours of each.
#[derive(Archive, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct Template {
    /// The first date on which it counts; none for any date before.
    pub from: Option<Date>,
    /// The last date on which it counts; none for any date after.
    pub until: Option<Date>,
    /// It counts in one week of so many, 1 to 8.
    pub every_weeks: u8,
    /// A date of a week in which it counts, Monday to Sunday; needed where it does not count in
    /// each.
    pub anchor: Option<Date>,
    /// Its hours.
    pub hours: WeeklyHours,
}

impl Template {
    /// Its hours on a date; none where it does not count.
    #[must_use]
    pub fn hours_on(&self, date: jiff::civil::Date) -> &[Interval] {
        if self.counts_on(date) { self.hours.on(date) } else { &[] }
    }

    fn counts_on(&self, date: jiff::civil::Date) -> bool {
        let day = Date::from(date);
        let longer = i64::from(planted::is(Bug::TemplateOutlasts));
        let ended = |until: Date| until < Date::from(super::schedule::later(date, -longer));
        if self.from.is_some_and(|from| day < from) || self.until.is_some_and(ended) {
            return false;
        }
        let Some(anchor) = self.anchor.filter(|_| 1 < self.every_weeks) else { return true };
        let anchor = anchor.to_jiff();
        let to_monday = if planted::is(Bug::WeekFromAnchor) {
            -days_since_epoch(anchor)
        } else {
            DAYS_FROM_MONDAY_TO_EPOCH
        };
        let week = |date| (days_since_epoch(date) + to_monday).div_euclid(DAYS_PER_WEEK);
        (week(date) - week(anchor)).rem_euclid(i32::from(self.every_weeks)) == 0
    }

    /// The template with its hours in order, or the first rule that it breaks.
    pub(super) fn checked(mut self, place: usize) -> Result<Self, Rejection> {
        let invalid = |field: &str, rule: String| Rejection::Invalid {
            field: format!("templates[{place}].{field}"),
            rule,
        };
        if !(1..=limits::TEMPLATE_WEEKS_MAX).contains(&self.every_weeks) {
            let rule = format!("must be 1 to {}", limits::TEMPLATE_WEEKS_MAX);
            return Err(invalid("every_weeks", rule));
        }
        if 1 < self.every_weeks && self.anchor.is_none() {
            let rule = "must be there when every_weeks is more than 1";
            return Err(invalid("anchor", rule.to_owned()));
        }
        if let (Some(from), Some(until)) = (self.from, self.until)
            && until < from
        {
            return Err(invalid("until", "must not be before from".to_owned()));
        }
        if self.hours.days.iter().any(|day| limits::INTERVALS_PER_DAY_MAX < day.len()) {
            let rule = format!("must be at most {} intervals", limits::INTERVALS_PER_DAY_MAX);
            return Err(invalid("hours", rule));
        }
        for day in &mut self.hours.days {
            *day = normalised(std::mem::take(day));
        }
        Ok(self)
    }
}

/// From Monday, 29 December 1969, to the first of January.
const DAYS_FROM_MONDAY_TO_EPOCH: i32 = 3;

fn days_since_epoch(date: jiff::civil::Date) -> i32 {
    let since = date.duration_since(jiff::civil::date(1970, 1, 1));
    i32::try_from(since.as_hours() / 24).unwrap_or(0)
}
