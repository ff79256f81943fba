//! Practitioners, places, and links to calendar files.

use creneau::{
    LinkId, LinkOf, LinkSecret, ListPlaces, ListPractitioners, Outcome, PlaceId, PractitionerId,
    Rejection,
};
use hyper::StatusCode;

use super::answer::{self, Response};
use super::app::App;
use super::calendar_dto::LocationJson;
use super::cursor::{self, List};
use super::problem::Problem;
use super::register_dto::{
    LinkAsked, LinkBody, PlaceBody, PlacesPage, PractitionerBody, PractitionersPage, ProfileJson,
    SectorJson,
};
use super::request::Asked;
use super::{calendars, ics};

pub(super) async fn add_practitioner(app: &App, asked: &Asked) -> Result<Response, Problem> {
    asked.query(&[])?;
    let command = asked.command()?;
    let profile = asked.json::<ProfileJson>()?.into();
    let put = app.engine.put_practitioner(None, profile, command).await;
    let Outcome { value, .. } = app.settled(put).await?;
    let at = format!("/v1/practitioners/{}", value.0);
    let response = answer::json(StatusCode::CREATED, &PractitionerBody::from(value));
    Ok(answer::located(response, &at))
}

pub(super) async fn change_practitioner(app: &App, asked: &Asked) -> Result<Response, Problem> {
    asked.query(&[])?;
    let command = asked.command()?;
    let id = practitioner_id(app, &asked.id).await?;
    let profile = asked.json::<ProfileJson>()?.into();
    let put = app.engine.put_practitioner(Some(id), profile, command).await;
    let Outcome { value, .. } = app.settled(put).await?;
    Ok(answer::json(StatusCode::OK, &PractitionerBody::from(value)))
}

pub(super) async fn read_practitioner(app: &App, asked: &Asked) -> Result<Response, Problem> {
    asked.query(&[])?;
    let id = practitioner_id(app, &asked.id).await?;
    let profile = app.settled(app.engine.practitioner(id).await).await?;
    Ok(answer::hashed(&asked.headers, &PractitionerBody::from((id, profile))))
}

pub(super) async fn list_practitioners(app: &App, asked: &Asked) -> Result<Response, Problem> {
    let mut query = asked.query(&["specialty", "language", "sector", "limit", "cursor"])?;
    let from = match query.take("cursor") {
        Some(text) => {
            let bits = cursor::read_exact(List::Practitioners, &text)?;
            Some(PractitionerId::from_bits(u128::from_be_bytes(bits)))
        }
        None => None,
    };
    let sector = query.parse::<SectorJson>("sector", "must be one, two or not_agreed")?;
    let wanted = ListPractitioners {
        specialty: query.take("specialty"),
        language: query.take("language"),
        sector: sector.map(Into::into),
        from,
        limit: query.limit()?,
    };
    let (found, next) = app.settled(app.engine.practitioners(wanted).await).await?;
    let practitioners = found.into_iter().map(PractitionerBody::from).collect();
    let next = next.map(|id| cursor::write(List::Practitioners, &id.bits().to_be_bytes()));
    Ok(answer::hashed(&asked.headers, &PractitionersPage { practitioners, next }))
}

pub(super) async fn add_place(app: &App, asked: &Asked) -> Result<Response, Problem> {
    asked.query(&[])?;
    let command = asked.command()?;
    let location = asked.json::<LocationJson>()?.into();
    let put = app.engine.put_place(None, location, command).await;
    let Outcome { value, .. } = app.settled(put).await?;
    let at = format!("/v1/places/{}", value.0);
    let response = answer::json(StatusCode::CREATED, &PlaceBody::from(value));
    Ok(answer::located(response, &at))
}

pub(super) async fn change_place(app: &App, asked: &Asked) -> Result<Response, Problem> {
    asked.query(&[])?;
    let command = asked.command()?;
    let id = place_id(app, &asked.id).await?;
    let location = asked.json::<LocationJson>()?.into();
    let put = app.engine.put_place(Some(id), location, command).await;
    let Outcome { value, .. } = app.settled(put).await?;
    Ok(answer::json(StatusCode::OK, &PlaceBody::from(value)))
}

pub(super) async fn read_place(app: &App, asked: &Asked) -> Result<Response, Problem> {
    asked.query(&[])?;
    let id = place_id(app, &asked.id).await?;
    let location = app.settled(app.engine.place(id).await).await?;
    Ok(answer::hashed(&asked.headers, &PlaceBody::from((id, location))))
}

pub(super) async fn list_places(app: &App, asked: &Asked) -> Result<Response, Problem> {
    let mut query = asked.query(&["department", "limit", "cursor"])?;
    let from = match query.take("cursor") {
        Some(text) => {
            let bits = cursor::read_exact(List::Places, &text)?;
            Some(PlaceId::from_bits(u128::from_be_bytes(bits)))
        }
        None => None,
    };
    let wanted = ListPlaces { department: query.take("department"), from, limit: query.limit()? };
    let (found, next) = app.settled(app.engine.places(wanted).await).await?;
    let places = found.into_iter().map(PlaceBody::from).collect();
    let next = next.map(|id| cursor::write(List::Places, &id.bits().to_be_bytes()));
    Ok(answer::hashed(&asked.headers, &PlacesPage { places, next }))
}

/// A link to the appointments of a calendar.
pub(super) async fn link_calendar(app: &App, asked: &Asked) -> Result<Response, Problem> {
    asked.query(&[])?;
    asked.no_content()?;
    let command = asked.command()?;
    let calendar = calendars::id(app, asked).await?;
    linked(app, LinkOf::Calendar(calendar), command).await
}

/// A link to the appointments of a patient.
pub(super) async fn link_patient(app: &App, asked: &Asked) -> Result<Response, Problem> {
    asked.query(&[])?;
    let command = asked.command()?;
    let LinkAsked { patient_id } = asked.json()?;
    linked(app, LinkOf::Person(patient_id.0), command).await
}

async fn linked(
    app: &App,
    of: LinkOf,
    command: Option<creneau::CommandKey>,
) -> Result<Response, Problem> {
    let Outcome { value, .. } = app.settled(app.engine.link(of, command).await).await?;
    Ok(answer::json(StatusCode::CREATED, &LinkBody::from(value)))
}

pub(super) async fn end_link(app: &App, asked: &Asked) -> Result<Response, Problem> {
    asked.query(&[])?;
    asked.no_content()?;
    let command = asked.command()?;
    let Ok(id) = asked.id.parse::<LinkId>() else {
        return Err(app.refused(Rejection::UnknownLink).await);
    };
    app.settled(app.engine.end_link(id, command).await).await?;
    Ok(answer::empty(StatusCode::NO_CONTENT))
}

/// The file of a link, for who knows its secret.
pub(super) async fn file(app: &App, asked: &Asked) -> Result<Response, Problem> {
    asked.query(&[])?;
    let Ok(secret) = asked.id.parse::<LinkSecret>() else {
        return Err(app.refused(Rejection::UnknownLink).await);
    };
    let linked = app.settled(app.engine.linked(secret).await).await?;
    let mut file = ics::File::new();
    let mut last: Option<creneau::CalendarInfo> = None;
    for recorded in &linked.appointments {
        let calendar = recorded.appointment.calendar;
        if last.as_ref().is_none_or(|info| info.id != calendar) {
            last = Some(app.settled(app.engine.calendar(calendar).await).await?);
        }
        if let Some(info) = &last {
            file.add(recorded, &info.definition);
        }
    }
    Ok(ics::file(file.end()))
}

/// A text that is no identifier names no practitioner.
async fn practitioner_id(app: &App, text: &str) -> Result<PractitionerId, Problem> {
    match text.parse() {
        Ok(id) => Ok(id),
        Err(_) => Err(app.refused(Rejection::UnknownPractitioner).await),
    }
}

async fn place_id(app: &App, text: &str) -> Result<PlaceId, Problem> {
    match text.parse() {
        Ok(id) => Ok(id),
        Err(_) => Err(app.refused(Rejection::UnknownPlace).await),
    }
}
