//! Reviews of appointments that took place.

use creneau::{ListReviews, Outcome, ReplyToReview, ReviewAppointment};
use hyper::StatusCode;

use super::answer::{self, Response};
use super::app::App;
use super::cursor::{self, List};
use super::problem::Problem;
use super::request::Asked;
use super::review_dto::{ReplyAsked, ReviewAsked, ReviewBody, ReviewsPage};
use super::{appointments, by_dto, calendars};

pub(super) async fn review(app: &App, asked: &Asked) -> Result<Response, Problem> {
    asked.query(&[])?;
    let command = asked.command()?;
    let ReviewAsked { positive, text_id, by } = asked.json()?;
    let by = by_dto::by(asked, by, false)?;
    let appointment = appointments::id(app, asked).await?;
    let text = text_id.map(|text| text.0);
    let wanted = ReviewAppointment { appointment, positive, text, by, command };
    let Outcome { value, .. } = app.settled(Box::pin(app.engine.review(wanted)).await).await?;
    Ok(answer::json(StatusCode::CREATED, &ReviewBody::from(value)))
}

pub(super) async fn read(app: &App, asked: &Asked) -> Result<Response, Problem> {
    asked.query(&[])?;
    let appointment = appointments::id(app, asked).await?;
    let info = app.settled(app.engine.review_of(appointment).await).await?;
    Ok(answer::json(StatusCode::OK, &ReviewBody::from(info)))
}

pub(super) async fn reply(app: &App, asked: &Asked) -> Result<Response, Problem> {
    asked.query(&[])?;
    let command = asked.command()?;
    let ReplyAsked { text_id } = asked.json()?;
    let appointment = appointments::id(app, asked).await?;
    let wanted = ReplyToReview { appointment, text: text_id.0, command };
    let replied = app.engine.reply_to_review(wanted).await;
    let Outcome { value, .. } = app.settled(replied).await?;
    Ok(answer::json(StatusCode::OK, &ReviewBody::from(value)))
}

pub(super) async fn list(app: &App, asked: &Asked) -> Result<Response, Problem> {
    let mut query = asked.query(&["limit", "cursor"])?;
    let at = query.take("cursor").map(|text| cursor::read_exact(List::Reviews, &text));
    let (cursor, limit) = (at.transpose()?, query.limit()?);
    let calendar = calendars::id(app, asked).await?;
    let listed = app.engine.reviews(ListReviews { calendar, cursor, limit }).await;
    let listed = app.settled(listed).await?;
    let next = listed.next.map(|at| cursor::write(List::Reviews, &at));
    Ok(answer::json(StatusCode::OK, &ReviewsPage::new(listed, next)))
}
