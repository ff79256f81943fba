//! Appointments: reading, cancelling, moving, and finding a patient's.

use creneau::{
    AppointmentId, CalendarId, CancelDose, ListAppointments, MoveAppointment, NextDose, Rejection,
};
use hyper::StatusCode;

use super::answer::{self, Response};
use super::app::App;
use super::by_dto;
use super::cursor::{self, List};
use super::dose_dto::CancelAsked;
use super::dto::{AppointmentBody, AppointmentsPage, MoveAsked, SearchAsked};
use super::limits::LIST_DEFAULT;
use super::problem::Problem;
use super::request::Asked;

pub(super) async fn read(app: &App, asked: &Asked) -> Result<Response, Problem> {
    asked.query(&[])?;
    let id = id(app, asked).await?;
    let found = app.settled(app.engine.appointment(id).await).await?;
    answer(app, &found).await
}

pub(super) async fn cancel(app: &App, asked: &Asked) -> Result<Response, Problem> {
    asked.query(&[])?;
    let CancelAsked { by, practice, next_dose } = asked.json_or_none()?;
    let by = by_dto::by(asked, by, practice)?;
    let command = asked.command()?;
    let next = next_dose.map(NextDose::from);
    let wanted = CancelDose { appointment: id(app, asked).await?, next, by, command };
    let cancelled = app.settled(Box::pin(app.engine.cancel_dose(wanted)).await).await?;
    answer(app, &cancelled.value).await
}

pub(super) async fn change(app: &App, asked: &Asked) -> Result<Response, Problem> {
    asked.query(&[])?;
    let command = asked.command()?;
    let MoveAsked { start, calendar_id, by, practice } = asked.json()?;
    let by = by_dto::by(asked, by, practice)?;
    let calendar = match calendar_id.map(|id| id.parse::<CalendarId>()).transpose() {
        Ok(calendar) => calendar,
        Err(_) => return Err(app.refused(Rejection::UnknownCalendar).await),
    };
    let appointment = id(app, asked).await?;
    let wanted = MoveAppointment { appointment, start: start.0.0, calendar, by, command };
    let moved = app.settled(Box::pin(app.engine.move_appointment(wanted)).await).await?;
    answer(app, &moved.value).await
}

pub(super) async fn search(app: &App, asked: &Asked) -> Result<Response, Problem> {
    asked.query(&[])?;
    let SearchAsked { patient_id, limit, cursor } = asked.json()?;
    let cursor = cursor.map(|cursor| cursor::read(List::Appointments, &cursor)).transpose()?;
    let limit = limit.unwrap_or(LIST_DEFAULT);
    let wanted = ListAppointments { person: patient_id.0, cursor, limit };
    let found = app.settled(app.engine.appointments(wanted).await).await?;
    let mut appointments = Vec::with_capacity(found.appointments.len());
    for appointment in &found.appointments {
        let zone = app.zone(appointment.calendar).await;
        appointments.push(AppointmentBody::new(appointment, &zone));
    }
    let next = found.next.map(|place| cursor::write(List::Appointments, &place));
    Ok(answer::json(StatusCode::OK, &AppointmentsPage { appointments, next }))
}

/// A text that is no identifier names no appointment.
pub(super) async fn id(app: &App, asked: &Asked) -> Result<AppointmentId, Problem> {
    match asked.id.parse() {
        Ok(id) => Ok(id),
        Err(_) => Err(app.refused(Rejection::UnknownAppointment).await),
    }
}

pub(super) async fn answer(app: &App, found: &creneau::Appointment) -> Result<Response, Problem> {
    let zone = app.zone(found.calendar).await;
    Ok(answer::json(StatusCode::OK, &AppointmentBody::new(found, &zone)))
}
