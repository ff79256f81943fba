//! Free slots.

use creneau::booking::schedule;
use creneau::{CalendarId, FindSlots, ReasonId, Rejection, Schedule, Timestamp};

use super::answer::{self, Response};
use super::app::App;
use super::calendars;
use super::cursor::{self, List};
use super::dto::{SlotBody, SlotsPage};
use super::limits::SLOT_DAYS_DEFAULT;
use super::local::{Day, Instant, Local};
use super::problem::Problem;
use super::request::{Asked, Query};

const DAYS_MAX: u16 = creneau::limits::SLOT_DAYS_MAX;

const MS_PER_DAY: i64 = 24 * 60 * 60 * 1_000;

pub(super) async fn find(app: &App, asked: &Asked) -> Result<Response, Problem> {
    let mut query =
        asked.query(&["reason", "from", "days", "limit", "cursor", "practice", "with"])?;
    let calendar = calendars::id(app, asked).await?;
    let schedule = app.settled(app.engine.schedule(calendar).await).await?;
    let reason = reason(&mut query, &schedule)?;
    let (from, until) = window(&mut query, &schedule, app.engine.now())?;
    let practice = query.parse("practice", "must be true or false")?.unwrap_or(false);
    if practice {
        asked.practice()?;
    }
    let with = query.take("with");
    let wanted = FindSlots { calendar, reason, from, until, limit: query.limit()?, practice };
    let others: Result<Vec<CalendarId>, _> = match &with {
        None => Ok(Vec::new()),
        Some(with) => with.split(',').map(str::parse).collect(),
    };
    let Ok(others) = others else { return Err(app.refused(Rejection::UnknownCalendar).await) };
    let found = Box::pin(app.engine.find_slots_with(wanted, &others));
    let found = app.settled(found.await).await?;
    let local = |instant| Local::new(instant, schedule.offset_at(instant));
    let slots = found.slots.iter().map(|slot| SlotBody {
        start: local(slot.start),
        end: local(slot.end),
        free: slot.free,
    });
    let next = found.next.map(|next| write_window(next, until));
    Ok(answer::hashed(&asked.headers, &SlotsPage { slots: slots.collect(), next }))
}

/// The reason asked for; a calendar with a single one needs not be told.
fn reason(query: &mut Query, schedule: &Schedule) -> Result<ReasonId, Problem> {
    if let Some(text) = query.take("reason") {
        return text.parse().map_err(|error| Problem::invalid("reason", format!("{error}")));
    }
    match schedule.definition().reasons.as_slice() {
        [only] => Ok(only.id.clone()),
        _ => Err(Problem::invalid("reason", "is required: the calendar has several")),
    }
}

/// From when on, and until when. Days are dates of the calendar's zone; the first one counts.
fn window(
    query: &mut Query,
    schedule: &Schedule,
    now: Timestamp,
) -> Result<(Timestamp, Timestamp), Problem> {
    let days = query.parse("days", &format!("must be 1 to {DAYS_MAX}"))?;
    let days: u16 = days.unwrap_or(SLOT_DAYS_DEFAULT);
    if days == 0 || DAYS_MAX < days {
        return Err(Problem::invalid("days", format!("must be 1 to {DAYS_MAX}")));
    }
    let (from, date) = match query.take("from") {
        None => (now, schedule.date_at(now)),
        Some(text) => from(&text, schedule)?,
    };
    if let Some(text) = query.take("cursor") {
        return read_window(&text);
    }
    let until = schedule.midnight(schedule::later(date, days.into()));
    // The longest window can hold a day of 25 hours more than days of 23; the engine counts hours.
    Ok((from, until.min(from.plus_ms(i64::from(DAYS_MAX) * MS_PER_DAY))))
}

fn from(text: &str, schedule: &Schedule) -> Result<(Timestamp, jiff::civil::Date), Problem> {
    if let Ok(Day(date)) = text.parse() {
        return Ok((schedule.midnight(date), date));
    }
    // A plus sign that a client forgot to encode arrives as a space, where no instant has one.
    let instant = text.parse().or_else(|_| text.replace(' ', "+").parse());
    match instant {
        Ok(Instant(instant)) => Ok((instant, schedule.date_at(instant))),
        Err(_) => {
            let rule = "must be a date, YYYY-MM-DD, or an RFC 3339 instant with an offset or Z";
            Err(Problem::invalid("from", rule))
        }
    }
}

/// The next page ends where this one would have ended, also when the day has changed meanwhile.
fn write_window(from: Timestamp, until: Timestamp) -> String {
    let place = [from.millis().to_be_bytes(), until.millis().to_be_bytes()].concat();
    cursor::write(List::Slots, &place)
}

fn read_window(text: &str) -> Result<(Timestamp, Timestamp), Problem> {
    let place = u128::from_be_bytes(cursor::read_exact(List::Slots, text)?).to_be_bytes();
    let part = |bytes: Option<&[u8; 8]>| {
        Timestamp::from_millis(i64::from_be_bytes(bytes.copied().unwrap_or_default()))
    };
    Ok((part(place.first_chunk()), part(place.last_chunk())))
}
