//! Running a practice: marks, delays, blocked time and offers.

use creneau::{
    Block, CalendarId, Change, ChangeCalendar, DelayCalendar, MarkAppointment, OfferSlot,
    OfferStretch, OfferTo, Outcome, Rejection,
};
use hyper::StatusCode;

use super::answer::{self, Response};
use super::app::App;
use super::dto::HoldBody;
use super::practice_dto::{
    AbsenceAsked, DelayAsked, DelayBody, MarkAsked, OfferAsked, OffersAsked, OffersBody,
};
use super::problem::Problem;
use super::request::Asked;
use super::{appointments, calendars};

const MS_PER_MINUTE: i64 = 60_000;
const MS_PER_DAY: i64 = 24 * 60 * MS_PER_MINUTE;
const CALENDARS_MAX: usize = 20;

pub(super) async fn mark(app: &App, asked: &Asked) -> Result<Response, Problem> {
    asked.query(&[])?;
    let command = asked.command()?;
    let MarkAsked { status } = asked.json()?;
    let appointment = appointments::id(app, asked).await?;
    let wanted = MarkAppointment { appointment, mark: status.into(), command };
    let marked = app.settled(Box::pin(app.engine.mark(wanted)).await).await?;
    appointments::answer(app, &marked.value).await
}

pub(super) async fn delay(app: &App, asked: &Asked) -> Result<Response, Problem> {
    asked.query(&[])?;
    let command = asked.command()?;
    let DelayAsked { minutes } = asked.json()?;
    let calendar = calendars::id(app, asked).await?;
    let wanted = DelayCalendar { calendar, minutes, command };
    let delay = app.settled(Box::pin(app.engine.delay(wanted)).await).await?;
    let body = DelayBody { calendar_id: delay.calendar.to_string(), minutes: delay.minutes };
    Ok(answer::json(StatusCode::OK, &body))
}

/// Adds an absence, whatever version the calendar has: it replaces nothing.
pub(super) async fn block(app: &App, asked: &Asked) -> Result<Response, Problem> {
    asked.query(&[])?;
    let command = asked.command()?;
    let wanted: AbsenceAsked = asked.json()?;
    let calendar = calendars::id(app, asked).await?;
    let only_free = wanted.only_free;
    let block = Some(Block { absence: wanted.into(), only_free });
    let change = Change { block, ..Change::default() };
    let wanted = ChangeCalendar { calendar, change, version: None, command };
    let changed = app.settled(Box::pin(app.engine.change_calendar(wanted)).await).await?;
    calendars::changed(app, changed).await
}

pub(super) async fn offer(app: &App, asked: &Asked) -> Result<Response, Problem> {
    asked.query(&[])?;
    let command = asked.command()?;
    let wanted: OfferAsked = asked.json()?;
    let to = match (wanted.offer_for, wanted.patient_id, wanted.reason) {
        (Some(id), None, None) => match id.parse() {
            Ok(id) => OfferTo::Appointment(id),
            Err(_) => return Err(app.refused(Rejection::UnknownAppointment).await),
        },
        (None, Some(person), Some(reason)) => OfferTo::Person(person.0, reason.0),
        _ => {
            let rule = "must stand alone, or patient_id and reason in its place";
            return Err(Problem::invalid("offer_for", rule));
        }
    };
    let Ok(calendar) = wanted.calendar_id.parse::<CalendarId>() else {
        return Err(app.refused(Rejection::UnknownCalendar).await);
    };
    let answer_ms = answer_ms(wanted.answer_minutes)?;
    let start = wanted.start.0.0;
    let wanted = OfferSlot { calendar, start, to, answer_ms, command };
    let Outcome { value, fresh } = app.settled(Box::pin(app.engine.offer(wanted)).await).await?;
    let status = if fresh { StatusCode::CREATED } else { StatusCode::OK };
    let zone = app.zone(value.calendar).await;
    let response = answer::json(status, &HoldBody::new(&value, &zone));
    Ok(answer::located(response, &format!("/v1/holds/{}", value.id)))
}

/// Each offer is a write of its own, and made once however often this is repeated.
pub(super) async fn offer_stretch(app: &App, asked: &Asked) -> Result<Response, Problem> {
    asked.query(&[])?;
    asked.command()?;
    let wanted: OffersAsked = asked.json()?;
    let calendar = calendars::id(app, asked).await?;
    if CALENDARS_MAX < wanted.calendar_ids.len() {
        return Err(Problem::invalid("calendar_ids", "must be at most 20"));
    }
    let mut within = Vec::with_capacity(wanted.calendar_ids.len());
    for id in &wanted.calendar_ids {
        match id.parse() {
            Ok(id) => within.push(id),
            Err(_) => return Err(app.refused(Rejection::UnknownCalendar).await),
        }
    }
    if within.is_empty() {
        within.push(calendar);
    }
    if wanted.days == 0 || creneau::limits::SLOT_DAYS_MAX < wanted.days {
        return Err(Problem::invalid("days", "must be 1 to 731"));
    }
    let (from, until) = (wanted.from.0.0, wanted.until.0.0);
    let earliest = wanted.earliest.map_or(until, |earliest| earliest.0.0);
    let latest = earliest.plus_ms(i64::from(wanted.days) * MS_PER_DAY);
    let answer_ms = answer_ms(wanted.answer_minutes)?;
    let wanted = OfferStretch { calendar, from, until, within, earliest, latest, answer_ms };
    let offered = app.settled(Box::pin(app.engine.offer_stretch(wanted)).await).await?;
    let mut zones = Vec::with_capacity(offered.offers.len());
    for (_, hold) in &offered.offers {
        zones.push(app.zone(hold.calendar).await);
    }
    Ok(answer::json(StatusCode::OK, &OffersBody::new(&offered, &zones)))
}

fn answer_ms(minutes: u16) -> Result<i64, Problem> {
    if (1..=10_080).contains(&minutes) {
        return Ok(i64::from(minutes) * MS_PER_MINUTE);
    }
    Err(Problem::invalid("answer_minutes", "must be 1 to 10080"))
}
