//! Campaigns: what is set, by whom and from when doses can be booked.

use creneau::{CampaignId, Outcome, Rejection};
use hyper::StatusCode;

use super::answer::{self, Response};
use super::app::App;
use super::campaign_dto::{CampaignBody, CampaignJson, CampaignsPage};
use super::cursor::{self, List};
use super::problem::Problem;
use super::request::Asked;

pub(super) async fn add(app: &App, asked: &Asked) -> Result<Response, Problem> {
    asked.query(&[])?;
    let command = asked.command()?;
    let campaign = asked.json::<CampaignJson>()?.into();
    let put = app.engine.put_campaign(None, campaign, command).await;
    let Outcome { value, .. } = app.settled(put).await?;
    let at = format!("/v1/campaigns/{}", value.id);
    let response = answer::json(StatusCode::CREATED, &CampaignBody::from(value));
    Ok(answer::located(response, &at))
}

pub(super) async fn change(app: &App, asked: &Asked) -> Result<Response, Problem> {
    asked.query(&[])?;
    let command = asked.command()?;
    let campaign = asked.json::<CampaignJson>()?.into();
    let id = id(app, &asked.id).await?;
    let put = app.engine.put_campaign(Some(id), campaign, command).await;
    let Outcome { value, .. } = app.settled(put).await?;
    Ok(answer::json(StatusCode::OK, &CampaignBody::from(value)))
}

pub(super) async fn read(app: &App, asked: &Asked) -> Result<Response, Problem> {
    asked.query(&[])?;
    let id = id(app, &asked.id).await?;
    let info = app.settled(app.engine.campaign(id).await).await?;
    Ok(answer::hashed(&asked.headers, &CampaignBody::from(info)))
}

pub(super) async fn list(app: &App, asked: &Asked) -> Result<Response, Problem> {
    let mut query = asked.query(&["limit", "cursor"])?;
    let from = match query.take("cursor") {
        Some(text) => {
            let bits = cursor::read_exact(List::Campaigns, &text)?;
            Some(CampaignId::from_bits(u128::from_be_bytes(bits)))
        }
        None => None,
    };
    let limit = query.limit()?;
    let (found, next) = app.settled(app.engine.campaigns(from, limit).await).await?;
    let campaigns = found.into_iter().map(CampaignBody::from).collect();
    let next = next.map(|id| cursor::write(List::Campaigns, &id.bits().to_be_bytes()));
    Ok(answer::hashed(&asked.headers, &CampaignsPage { campaigns, next }))
}

/// A text that is no identifier names no campaign.
pub(super) async fn id(app: &App, text: &str) -> Result<CampaignId, Problem> {
    match text.parse() {
        Ok(id) => Ok(id),
        Err(_) => Err(app.refused(Rejection::UnknownCampaign).await),
    }
}
