//! Doses: whether somebody may have one, what is recorded of them, and giving them.

use creneau::{AskEligible, DeliveryId, DoseAsked, GiveDose, Outcome, Rejection};
use hyper::StatusCode;

use super::answer::{self, Response};
use super::app::App;
use super::dose_dto::{
    DoseJson, DosesSearchAsked, EligibilityAsked, EligibilityBody, GiveAsked, GivenBody,
    RecordBody, RecordsBody,
};
use super::problem::Problem;
use super::request::Asked;
use super::{appointments, campaigns};

/// As a hold of it would find, without holding anything.
pub(super) async fn eligibility(app: &App, asked: &Asked) -> Result<Response, Problem> {
    asked.query(&[])?;
    let EligibilityAsked { vaccine, number, start, facts, patient_id } = asked.json()?;
    let wanted = AskEligible {
        campaign: campaigns::id(app, &asked.id).await?,
        vaccine: vaccine.0,
        number,
        start: start.map(|start| start.0.0),
        facts: facts.into(),
        person: patient_id.map(|person| person.0),
    };
    let phase = app.settled(app.engine.eligible(wanted).await).await?;
    Ok(answer::json(StatusCode::OK, &EligibilityBody { phase: phase.to_string() }))
}

/// All is in the body, so that no patient's id stands in a path or a query.
pub(super) async fn search(app: &App, asked: &Asked) -> Result<Response, Problem> {
    asked.query(&[])?;
    let DosesSearchAsked { patient_id } = asked.json()?;
    let campaign = campaigns::id(app, &asked.id).await?;
    let found = app.settled(app.engine.doses_of(campaign, patient_id.0).await).await?;
    let doses = found.into_iter().map(RecordBody::from).collect();
    Ok(answer::json(StatusCode::OK, &RecordsBody { doses }))
}

/// The appointment is fulfilled by it.
pub(super) async fn give(app: &App, asked: &Asked) -> Result<Response, Problem> {
    asked.query(&[])?;
    let command = asked.command()?;
    let GiveAsked { delivery_id } = asked.json_or_none()?;
    let appointment = appointments::id(app, asked).await?;
    let Ok(delivery) = delivery_id.map(|id| id.parse::<DeliveryId>()).transpose() else {
        return Err(app.refused(Rejection::UnknownDelivery).await);
    };
    let given = app.engine.give_dose(GiveDose { appointment, delivery, command }).await;
    let Outcome { value, .. } = app.settled(given).await?;
    let found = app.settled(app.engine.appointment(appointment).await).await?;
    let zone = app.zone(found.calendar).await;
    Ok(answer::json(StatusCode::OK, &GivenBody::new(value, &zone)))
}

impl App {
    /// The dose that a hold asks for.
    pub(super) async fn dose(&self, dose: Option<DoseJson>) -> Result<Option<DoseAsked>, Problem> {
        let Some(dose) = dose else { return Ok(None) };
        let campaign = campaigns::id(self, &dose.campaign_id).await?;
        Ok(Some(dose.of(campaign)))
    }
}
