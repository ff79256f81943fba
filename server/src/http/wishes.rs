//! Waiting lists: who waits for something to come free.

use creneau::{AppointmentId, AskWish, CalendarId, OfWish, Outcome, PlaceId, Rejection, WishId};
use hyper::StatusCode;

use super::answer::{self, Response};
use super::app::App;
use super::by_dto::ByAsked;
use super::calendars;
use super::problem::Problem;
use super::request::Asked;
use super::wish_dto::{WaitingPage, WishAsked, WishBody, WishSearchAsked, WishesPage};

/// A wish is there once, however often this is repeated.
pub(super) async fn add(app: &App, asked: &Asked) -> Result<Response, Problem> {
    asked.query(&[])?;
    asked.command()?;
    let wanted: WishAsked = asked.json()?;
    let calendars = wanted.calendar_ids.iter().map(|id| id.parse::<CalendarId>()).collect();
    let Ok(calendars) = calendars else {
        return Err(app.refused(Rejection::UnknownCalendar).await);
    };
    let Ok(place) = wanted.place_id.as_ref().map(|id| id.parse::<PlaceId>()).transpose() else {
        return Err(app.refused(Rejection::UnknownPlace).await);
    };
    let instead_of = wanted.instead_of.as_ref().map(|id| id.parse::<AppointmentId>());
    let Ok(instead_of) = instead_of.transpose() else {
        return Err(app.refused(Rejection::UnknownAppointment).await);
    };
    let wanted = AskWish { calendars, place, instead_of, ..wanted.into() };
    let Outcome { value, fresh } = app.settled(Box::pin(app.engine.wish(wanted)).await).await?;
    let status = if fresh { StatusCode::CREATED } else { StatusCode::OK };
    let at = format!("/v1/wishes/{}", value.id);
    let response = answer::json(status, &WishBody::read(app, value).await);
    Ok(answer::located(response, &at))
}

pub(super) async fn read(app: &App, asked: &Asked) -> Result<Response, Problem> {
    asked.query(&[])?;
    let wish = id(app, asked).await?;
    let info = app.settled(app.engine.wish_info(wish).await).await?;
    Ok(answer::json(StatusCode::OK, &WishBody::read(app, info).await))
}

pub(super) async fn withdraw(app: &App, asked: &Asked) -> Result<Response, Problem> {
    asked.query(&[])?;
    asked.command()?;
    let by = asked.json_or_none::<ByAsked>()?.read(asked)?;
    let wish = id(app, asked).await?;
    app.settled(Box::pin(app.engine.withdraw(OfWish { wish, by })).await).await?;
    Ok(answer::empty(StatusCode::NO_CONTENT))
}

/// All is in the body, so that no patient's id stands in a path or a query.
pub(super) async fn search(app: &App, asked: &Asked) -> Result<Response, Problem> {
    asked.query(&[])?;
    let WishSearchAsked { patient_id } = asked.json()?;
    let found = app.settled(app.engine.wishes_of(&patient_id.0).await).await?;
    let mut wishes = Vec::with_capacity(found.len());
    for info in found {
        wishes.push(WishBody::read(app, info).await);
    }
    Ok(answer::json(StatusCode::OK, &WishesPage { wishes }))
}

/// The list of a calendar, for its practice.
pub(super) async fn list(app: &App, asked: &Asked) -> Result<Response, Problem> {
    asked.query(&[])?;
    let calendar = calendars::id(app, asked).await?;
    let waiting = app.settled(app.engine.waiting(calendar).await).await?;
    let zone = app.zone(calendar).await;
    Ok(answer::json(StatusCode::OK, &WaitingPage::new(&waiting, &zone)))
}

/// A text that is no identifier names no wish.
async fn id(app: &App, asked: &Asked) -> Result<WishId, Problem> {
    match asked.id.parse() {
        Ok(id) => Ok(id),
        Err(_) => Err(app.refused(Rejection::UnknownWish).await),
    }
}
