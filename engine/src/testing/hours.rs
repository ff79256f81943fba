//! What is open, told in the simplest way: minute by minute, by the clock on the wall.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

use crate::booking::{Booking, Definition, Edge, Interval, Template};
use crate::time::Timestamp;

/// Minutes of a day, and of a margin around what is judged.
const DAY: i64 = 24 * 60;

/// Whether a calendar that is set so may have a booking where it lies.
///
/// Next to a change of clocks it says nothing: there an opening is taken once, at its first pass,
/// which no clock shows.
///
/// # Errors
///
/// The minute that is not open.
pub(super) fn judge(definition: &Definition, booking: &Booking) -> Result<(), String> {
    let zone = definition.zone().map_err(|error| error.to_string())?;
    let span = booking.span;
    let minutes = (span.occupied_until.millis() - span.start.millis()) / 60_000;
    let grid = i64::from(definition.grid_minutes);
    // Whole steps must be open.
    let minutes = minutes + (-minutes).rem_euclid(grid);
    let offset = |minute| zone.to_offset(span.start.plus_minutes(minute).to_jiff());
    if offset(-DAY) != offset(minutes + DAY) {
        return Ok(());
    }
    for minute in 0..minutes {
        let instant = span.start.plus_minutes(minute);
        if !is_open(definition, &zone, instant) {
            return Err(format!("{} has {instant}, which is not open", booking.id));
        }
    }
    Ok(())
}

fn is_open(definition: &Definition, zone: &TimeZone, instant: Timestamp) -> bool {
    let local = zone.to_datetime(instant.to_jiff());
    let date = local.date();
    let agenda = &definition.agenda;
    let is_away = agenda.absences.iter().any(|absence| {
        let begun = match absence.from {
            Edge::Date(first) => first.to_jiff() <= date,
            Edge::Instant(first) => first <= instant,
        };
        let over = match absence.until {
            Edge::Date(last) => last.to_jiff() < date,
            Edge::Instant(end) => end <= instant,
        };
        begun && !over
    });
    if is_away {
        return false;
    }
    if let Some(own) = definition.exceptions.iter().find(|own| own.date.to_jiff() == date) {
        return shows(&own.hours, local);
    }
    if agenda.public_holidays.on(date).is_some() {
        return false;
    }
    let day = usize::try_from(date.weekday().to_monday_zero_offset()).unwrap_or(0);
    let within = |days: &[Vec<Interval>; 7]| days.get(day).is_some_and(|day| shows(day, local));
    let counts = |template: &&Template| counts(template, date);
    within(&definition.weekly_hours.days)
        || agenda.templates.iter().filter(counts).any(|it| within(&it.hours.days))
}

fn shows(hours: &[Interval], local: DateTime) -> bool {
    let minute = i32::from(local.hour()) * 60 + i32::from(local.minute());
    hours.iter().any(|it| i32::from(it.start()) <= minute && minute < i32::from(it.end()))
}

fn counts(template: &Template, date: Date) -> bool {
    let begun = template.from.is_none_or(|from| from.to_jiff() <= date);
    let over = template.until.is_some_and(|until| until.to_jiff() < date);
    let Some(anchor) = template.anchor else { return begun && !over };
    // Week by week from the one to the other.
    let (early, late) = (anchor.to_jiff().min(date), anchor.to_jiff().max(date));
    let monday = |date: Date| {
        let back = i64::from(date.weekday().to_monday_zero_offset());
        crate::booking::schedule::later(date, -back)
    };
    let (mut week, late) = (monday(early), monday(late));
    let mut weeks = 0;
    while week < late {
        week = crate::booking::schedule::later(week, 7);
        weeks += 1;
    }
    begun && !over && weeks % u32::from(template.every_weeks).max(1) == 0
}
