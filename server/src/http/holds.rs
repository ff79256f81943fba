//! Holds: taking a slot for a while, giving it back, and making an appointment of it.

use creneau::{
    CalendarId, CommandKey, Details, Hold, HoldFirst, HoldId, HoldSlot, Joined, OfHold, Outcome,
    Part, PlaceId, Rejection, Standing,
};
use hyper::StatusCode;

use super::answer::{self, Response};
use super::app::App;
use super::by_dto::{self, ByAsked, VisitJson};
use super::dose_dto::{DosesAsked, DosesBody};
use super::dto::{AppointmentBody, FirstAsked, HoldAsked, HoldBody};
use super::problem::Problem;
use super::request::Asked;

pub(super) async fn hold(app: &App, asked: &Asked) -> Result<Response, Problem> {
    asked.query(&[])?;
    let command = asked.command()?;
    let wanted = slot(app, asked, asked.json()?, command).await?;
    let Outcome { value, fresh } = app.settled(Box::pin(app.engine.hold(wanted)).await).await?;
    let status = if fresh { StatusCode::CREATED } else { StatusCode::OK };
    let response = answer::json(status, &body(app, &value).await);
    Ok(answer::located(response, &format!("/v1/holds/{}", value.id)))
}

/// A slot for each of two doses: both or neither.
pub(super) async fn both(app: &App, asked: &Asked) -> Result<Response, Problem> {
    asked.query(&[])?;
    let command = asked.command()?;
    let DosesAsked { first, second } = asked.json()?;
    let first = slot(app, asked, first, command).await?;
    let second = slot(app, asked, second, None).await?;
    let held = Box::pin(app.engine.hold_doses(first, second)).await;
    let Outcome { value: [first, second], fresh } = app.settled(held).await?;
    let status = if fresh { StatusCode::CREATED } else { StatusCode::OK };
    let at = format!("/v1/holds/{}", first.id);
    let (first, second) = (body(app, &first).await, body(app, &second).await);
    Ok(answer::located(answer::json(status, &DosesBody { first, second }), &at))
}

/// The slot that is to be held.
async fn slot(
    app: &App,
    asked: &Asked,
    wanted: HoldAsked,
    command: Option<CommandKey>,
) -> Result<HoldSlot, Problem> {
    let by = by_dto::by(asked, None, wanted.practice)?;
    let details = Details {
        booked_by: wanted.booked_by.map(|person| person.0),
        standing: wanted.patient.map(Standing::from),
        by_video: matches!(wanted.visit, Some(VisitJson::Video)),
        channel: by_dto::channel(wanted.channel, &by)?,
        joined: Joined::whole(app.parts(&wanted.with).await?),
        ..Details::default()
    };
    if wanted.overflow && !wanted.practice {
        return Err(Problem::invalid("overflow", "must stand beside practice"));
    }
    let overflow = wanted.overflow;
    let Ok(calendar) = wanted.calendar_id.parse::<CalendarId>() else {
        return Err(app.refused(Rejection::UnknownCalendar).await);
    };
    let dose = app.dose(wanted.dose).await?.map(Box::new);
    let (reason, person, start) = (wanted.reason.0, wanted.patient_id.0, wanted.start.0.0);
    Ok(HoldSlot { calendar, start, reason, person, details, by, overflow, dose, command })
}

impl App {
    /// The calendars that a booking needs beside its own.
    async fn parts(&self, with: &[String]) -> Result<Vec<Part>, Problem> {
        let calendars = with.iter().map(|id| id.parse::<CalendarId>().map(Part::on)).collect();
        match calendars {
            Ok(parts) => Ok(parts),
            Err(_) => Err(self.refused(Rejection::UnknownCalendar).await),
        }
    }
}

/// The first free slot of several calendars.
pub(super) async fn first(app: &App, asked: &Asked) -> Result<Response, Problem> {
    asked.query(&[])?;
    let command = asked.command()?;
    let wanted: FirstAsked = asked.json()?;
    let by = by_dto::by(asked, None, wanted.practice)?;
    let details = Details {
        booked_by: wanted.booked_by.map(|person| person.0),
        standing: wanted.patient.map(Standing::from),
        by_video: matches!(wanted.visit, Some(VisitJson::Video)),
        channel: by_dto::channel(wanted.channel, &by)?,
        joined: Joined::whole(app.parts(&wanted.with).await?),
        ..Details::default()
    };
    let calendars = wanted.calendar_ids.iter().map(|id| id.parse::<CalendarId>()).collect();
    let Ok(calendars) = calendars else {
        return Err(app.refused(Rejection::UnknownCalendar).await);
    };
    let Ok(place) = wanted.place_id.map(|id| id.parse::<PlaceId>()).transpose() else {
        return Err(app.refused(Rejection::UnknownPlace).await);
    };
    let from = wanted.from.map(|from| from.0.0);
    let dose = app.dose(wanted.dose).await?.map(Box::new);
    let (reason, person) = (wanted.reason.0, wanted.patient_id.0);
    let wanted = HoldFirst { calendars, place, reason, from, person, details, by, dose, command };
    let Outcome { value, fresh } =
        app.settled(Box::pin(app.engine.hold_first(wanted)).await).await?;
    let status = if fresh { StatusCode::CREATED } else { StatusCode::OK };
    let response = answer::json(status, &body(app, &value).await);
    Ok(answer::located(response, &format!("/v1/holds/{}", value.id)))
}

pub(super) async fn read(app: &App, asked: &Asked) -> Result<Response, Problem> {
    asked.query(&[])?;
    let id = id(app, asked).await?;
    let hold = app.settled(app.engine.hold_info(id).await).await?;
    Ok(answer::json(StatusCode::OK, &body(app, &hold).await))
}

pub(super) async fn release(app: &App, asked: &Asked) -> Result<Response, Problem> {
    let wanted = of_hold(app, asked).await?;
    app.settled(Box::pin(app.engine.release(wanted)).await).await?;
    Ok(answer::empty(StatusCode::NO_CONTENT))
}

pub(super) async fn confirm(app: &App, asked: &Asked) -> Result<Response, Problem> {
    let wanted = of_hold(app, asked).await?;
    let Outcome { value, fresh } = app.settled(Box::pin(app.engine.confirm(wanted)).await).await?;
    let status = if fresh { StatusCode::CREATED } else { StatusCode::OK };
    let zone = app.zone(value.calendar).await;
    let response = answer::json(status, &AppointmentBody::new(&value, &zone));
    Ok(answer::located(response, &format!("/v1/appointments/{}", value.id)))
}

pub(super) async fn renew(app: &App, asked: &Asked) -> Result<Response, Problem> {
    let wanted = of_hold(app, asked).await?;
    let Outcome { value, .. } = app.settled(Box::pin(app.engine.renew(wanted)).await).await?;
    Ok(answer::json(StatusCode::OK, &body(app, &value).await))
}

pub(super) async fn accept(app: &App, asked: &Asked) -> Result<Response, Problem> {
    let wanted = of_hold(app, asked).await?;
    let Outcome { value, .. } = app.settled(Box::pin(app.engine.accept(wanted)).await).await?;
    let zone = app.zone(value.calendar).await;
    Ok(answer::json(StatusCode::OK, &AppointmentBody::new(&value, &zone)))
}

/// A write about a hold, which says at most who asks.
async fn of_hold(app: &App, asked: &Asked) -> Result<OfHold, Problem> {
    asked.query(&[])?;
    let by = asked.json_or_none::<ByAsked>()?.read(asked)?;
    let command = asked.command()?;
    Ok(OfHold { hold: id(app, asked).await?, by, command })
}

/// A text that is no identifier names no hold.
async fn id(app: &App, asked: &Asked) -> Result<HoldId, Problem> {
    match asked.id.parse() {
        Ok(id) => Ok(id),
        Err(_) => Err(app.refused(Rejection::UnknownHold).await),
    }
}

async fn body(app: &App, hold: &Hold) -> HoldBody {
    HoldBody::new(hold, &app.zone(hold.calendar).await)
}
