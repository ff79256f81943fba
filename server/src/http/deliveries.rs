//! Deliveries of doses, what becomes of them, and whom that concerns.

use creneau::{CampaignId, DeliveryId, DeliveryInfo, Outcome, PlaceId, Rejection};
use hyper::StatusCode;

use super::answer::{self, Response};
use super::app::App;
use super::campaigns;
use super::delivery_dto::{
    ConcernedBody, ConcernedPage, DeliveredBody, DeliveriesBody, DeliveryAsked, DeliveryBody,
    RecallAsked, WastedAsked,
};
use super::problem::Problem;
use super::request::{Asked, Query};

pub(super) async fn add(app: &App, asked: &Asked) -> Result<Response, Problem> {
    asked.query(&[])?;
    let command = asked.command()?;
    let wanted: DeliveryAsked = asked.json()?;
    let campaign = campaigns::id(app, &asked.id).await?;
    let place = app.place(&wanted.place_id).await?;
    let put = app.engine.put_delivery(wanted.of((campaign, None), place, command)).await;
    let Outcome { value, .. } = app.settled(put).await?;
    let at = format!("/v1/campaigns/{campaign}/deliveries/{}", value.info.delivery.id);
    let response = answer::json(StatusCode::CREATED, &DeliveredBody::new(value, app).await);
    Ok(answer::located(response, &at))
}

pub(super) async fn change(app: &App, asked: &Asked) -> Result<Response, Problem> {
    asked.query(&[])?;
    let command = asked.command()?;
    let wanted: DeliveryAsked = asked.json()?;
    let campaign = campaigns::id(app, &asked.id).await?;
    let known = found(app, asked, campaign).await?;
    let place = app.place(&wanted.place_id).await?;
    let of = (campaign, Some(known.delivery.id));
    let put = app.engine.put_delivery(wanted.of(of, place, command)).await;
    let Outcome { value, .. } = app.settled(put).await?;
    Ok(answer::json(StatusCode::OK, &DeliveredBody::new(value, app).await))
}

pub(super) async fn read(app: &App, asked: &Asked) -> Result<Response, Problem> {
    asked.query(&[])?;
    let campaign = campaigns::id(app, &asked.id).await?;
    let info = found(app, asked, campaign).await?;
    Ok(answer::json(StatusCode::OK, &DeliveryBody::from(info)))
}

pub(super) async fn list(app: &App, asked: &Asked) -> Result<Response, Problem> {
    let mut query = asked.query(&["place_id"])?;
    let campaign = campaigns::id(app, &asked.id).await?;
    let place = app.place(&required(&mut query, "place_id")?).await?;
    let found = app.settled(app.engine.deliveries(campaign, place).await).await?;
    let deliveries = found.into_iter().map(DeliveryBody::from).collect();
    Ok(answer::json(StatusCode::OK, &DeliveriesBody { deliveries }))
}

pub(super) async fn waste(app: &App, asked: &Asked) -> Result<Response, Problem> {
    asked.query(&[])?;
    let command = asked.command()?;
    let WastedAsked { doses } = asked.json()?;
    let campaign = campaigns::id(app, &asked.id).await?;
    let known = found(app, asked, campaign).await?;
    let wasted = app.engine.waste_doses(known.delivery.id, doses, command).await;
    let Outcome { value, .. } = app.settled(wasted).await?;
    Ok(answer::json(StatusCode::OK, &DeliveredBody::new(value, app).await))
}

pub(super) async fn recall(app: &App, asked: &Asked) -> Result<Response, Problem> {
    asked.query(&[])?;
    let command = asked.command()?;
    let RecallAsked { lot } = asked.json()?;
    let campaign = campaigns::id(app, &asked.id).await?;
    let recalled = app.engine.recall_lot(campaign, lot.0, command).await;
    let Outcome { value, .. } = app.settled(recalled).await?;
    let concerned = ConcernedBody::each(&value, app).await;
    Ok(answer::json(StatusCode::OK, &ConcernedPage { concerned }))
}

pub(super) async fn without(app: &App, asked: &Asked) -> Result<Response, Problem> {
    asked.query(&[])?;
    let campaign = campaigns::id(app, &asked.id).await?;
    let found = app.settled(app.engine.without_dose(campaign, None).await).await?;
    let concerned = ConcernedBody::each(&found, app).await;
    Ok(answer::json(StatusCode::OK, &ConcernedPage { concerned }))
}

/// The delivery that the path names. One of another campaign is none of this one's.
async fn found(app: &App, asked: &Asked, campaign: CampaignId) -> Result<DeliveryInfo, Problem> {
    app.settled(app.engine.campaign(campaign).await).await?;
    let Ok(id) = asked.inner.parse::<DeliveryId>() else {
        return Err(app.refused(Rejection::UnknownDelivery).await);
    };
    let info = app.settled(app.engine.delivery(id).await).await?;
    match info.delivery.campaign == campaign {
        true => Ok(info),
        false => Err(app.refused(Rejection::UnknownDelivery).await),
    }
}

/// A parameter that must be there.
pub(super) fn required(query: &mut Query, name: &str) -> Result<String, Problem> {
    query.take(name).ok_or_else(|| Problem::invalid(name, "is required"))
}

impl App {
    /// A text that is no identifier names no place.
    pub(super) async fn place(&self, text: &str) -> Result<PlaceId, Problem> {
        match text.parse() {
            Ok(id) => Ok(id),
            Err(_) => Err(self.refused(Rejection::UnknownPlace).await),
        }
    }
}
