//! What readers of the change feed know: what is due, what was done, and calendar files.

use creneau::booking::hours::Date;
use creneau::{ListDue, ReadActivity};
use hyper::StatusCode;

use super::answer::{self, Response};
use super::app::App;
use super::cursor::{self, List};
use super::followed_dto::{ActivityPage, DueBody, DuePage, WeekBody};
use super::ics;
use super::local::{Day, Instant};
use super::problem::Problem;
use super::request::Asked;
use super::{appointments, calendars};

const WEEKS_DEFAULT: u16 = 4;

const WEEKS_MAX: u16 = creneau::limits::ACTIVITY_WEEKS_MAX;

/// `GET /v1/due`.
pub(super) async fn due(app: &App, asked: &Asked) -> Result<Response, Problem> {
    let mut query = asked.query(&["until", "limit", "cursor"])?;
    let until = query.take("until");
    // A plus sign that a client forgot to encode arrives as a space, where no instant has one.
    let until = until.map(|text| text.replace(' ', "+").parse::<Instant>()).transpose();
    let until = until.map_err(|rule| Problem::invalid("until", rule))?;
    let place = query.take("cursor").map(|text| cursor::read(List::Due, &text)).transpose()?;
    let until = until.map(|Instant(instant)| instant);
    let wanted = ListDue { until, cursor: place, limit: query.limit()? };
    let listed = app.settled(app.engine.due(wanted).await).await?;
    let mut due = Vec::with_capacity(listed.due.len());
    for it in &listed.due {
        due.push(DueBody::new(it, app).await);
    }
    let resume = cursor::write(List::Due, &listed.cursor);
    let next = listed.more.then(|| resume.clone());
    Ok(answer::json(StatusCode::OK, &DuePage { due, resume, next }))
}

/// `GET /v1/calendars/{calendar_id}/activity`.
pub(super) async fn activity(app: &App, asked: &Asked) -> Result<Response, Problem> {
    let mut query = asked.query(&["from", "weeks"])?;
    let calendar = calendars::id(app, asked).await?;
    let from = query.parse::<Day>("from", "must be a date, YYYY-MM-DD")?;
    let weeks = query.parse("weeks", &format!("must be 1 to {WEEKS_MAX}"))?;
    let from = match from {
        Some(Day(date)) => date,
        None => {
            let schedule = app.settled(app.engine.schedule(calendar).await).await?;
            schedule.date_at(app.engine.now())
        }
    };
    let weeks = weeks.unwrap_or(WEEKS_DEFAULT);
    let wanted = ReadActivity { calendar, from: Date::from(from), weeks };
    let told = app.settled(app.engine.activity(wanted).await).await?;
    let weeks = told.into_iter().map(WeekBody::from).collect();
    Ok(answer::json(StatusCode::OK, &ActivityPage { weeks }))
}

/// `GET /v1/appointments/{appointment_id}/calendar.ics`.
pub(super) async fn file(app: &App, asked: &Asked) -> Result<Response, Problem> {
    asked.query(&[])?;
    let id = appointments::id(app, asked).await?;
    let recorded = app.settled(app.engine.recorded(id).await).await?;
    let calendar = app.engine.calendar(recorded.appointment.calendar).await;
    let calendar = app.settled(calendar).await?;
    let mut file = ics::File::new();
    file.add(&recorded, &calendar.definition);
    Ok(ics::file(file.end()))
}
