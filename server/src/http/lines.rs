//! The lines of campaigns: who waits for a dose.

use creneau::{LineInfo, Outcome, Rejection, VaccineId, WishId};
use hyper::StatusCode;

use super::answer::{self, Response};
use super::app::App;
use super::campaigns;
use super::deliveries::required;
use super::line_dto::{
    LineAsked, LineBody, LineSearchAsked, ListedLineBody, PlacesBody, RemainingAsked, RemainingBody,
};
use super::problem::Problem;
use super::request::Asked;

/// Somebody waits once for a dose at a place, however often this is repeated.
pub(super) async fn join(app: &App, asked: &Asked) -> Result<Response, Problem> {
    asked.query(&[])?;
    let command = asked.command()?;
    let wanted: LineAsked = asked.json()?;
    let campaign = campaigns::id(app, &asked.id).await?;
    let place = app.place(&wanted.place_id).await?;
    let joined = app.engine.join_line(wanted.of(campaign, place, command)).await;
    let Outcome { value, fresh } = app.settled(joined).await?;
    let status = if fresh { StatusCode::CREATED } else { StatusCode::OK };
    let at = format!("/v1/campaigns/{campaign}/line/{}", value.place.id);
    let response = answer::json(status, &LineBody::read(app, value).await);
    Ok(answer::located(response, &at))
}

pub(super) async fn read(app: &App, asked: &Asked) -> Result<Response, Problem> {
    asked.query(&[])?;
    let campaign = campaigns::id(app, &asked.id).await?;
    app.settled(app.engine.campaign(campaign).await).await?;
    let Ok(id) = asked.inner.parse::<WishId>() else {
        return Err(app.refused(Rejection::UnknownWish).await);
    };
    let info: LineInfo = app.settled(app.engine.line_info(id).await).await?;
    if info.place.dose.campaign != campaign {
        return Err(app.refused(Rejection::UnknownWish).await);
    }
    Ok(answer::json(StatusCode::OK, &LineBody::read(app, info).await))
}

/// All is in the body, so that no patient's id stands in a path or a query.
pub(super) async fn search(app: &App, asked: &Asked) -> Result<Response, Problem> {
    asked.query(&[])?;
    let LineSearchAsked { patient_id } = asked.json()?;
    let campaign = campaigns::id(app, &asked.id).await?;
    app.settled(app.engine.campaign(campaign).await).await?;
    let found = app.settled(app.engine.lines_of(campaign, &patient_id.0).await).await?;
    let places = LineBody::each(app, found).await;
    Ok(answer::json(StatusCode::OK, &PlacesBody { places }))
}

/// In order, for whoever runs the campaign.
pub(super) async fn list(app: &App, asked: &Asked) -> Result<Response, Problem> {
    let mut query = asked.query(&["place_id", "vaccine", "limit"])?;
    let campaign = campaigns::id(app, &asked.id).await?;
    let place = app.place(&required(&mut query, "place_id")?).await?;
    let vaccine = required(&mut query, "vaccine")?;
    let vaccine = vaccine.parse::<VaccineId>();
    let vaccine = vaccine.map_err(|error| Problem::invalid("vaccine", error.to_string()))?;
    let limit = query.limit()?;
    let line = app.engine.line((campaign, place, vaccine), limit).await;
    let line = app.settled(line).await?;
    Ok(answer::json(StatusCode::OK, &ListedLineBody::read(app, line).await))
}

/// What is left at a place, to those who wait there.
pub(super) async fn offer_remaining(app: &App, asked: &Asked) -> Result<Response, Problem> {
    asked.query(&[])?;
    let wanted: RemainingAsked = asked.json()?;
    let campaign = campaigns::id(app, &asked.id).await?;
    let place = app.place(&wanted.place_id).await?;
    let wanted = wanted.of(campaign, place)?;
    let remaining = app.settled(Box::pin(app.engine.offer_remaining(wanted)).await).await?;
    Ok(answer::json(StatusCode::OK, &RemainingBody::read(app, remaining).await))
}
