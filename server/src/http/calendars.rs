//! Calendars: creating, listing, reading and changing them.

use creneau::{
    CalendarId, CalendarInfo, ChangeCalendar, ChangedCalendar, ListCalendars, Outcome, Rejection,
};
use hyper::StatusCode;
use hyper::header::{self, HeaderValue};

use super::answer::{self, Response};
use super::app::App;
use super::calendar_dto::{
    CalendarAsked, CalendarBody, CalendarsPage, ChangeAsked, ChangedBody, OutsideBody,
};
use super::cursor::{self, List};
use super::problem::{Code, Problem};
use super::request::Asked;

/// A version that no calendar has: they count from 1 and never get this far.
const NO_VERSION: u32 = u32::MAX;

pub(super) async fn create(app: &App, asked: &Asked) -> Result<Response, Problem> {
    asked.query(&[])?;
    let command = asked.command()?;
    let definition = asked.json::<CalendarAsked>()?.into();
    let created = Box::pin(app.engine.create_calendar(definition, command)).await;
    let Outcome { value, fresh: _ } = app.settled(created).await?;
    let (id, tag) = (value.id, tag(&value));
    let response = answer::json(StatusCode::CREATED, &CalendarBody::from(value));
    Ok(answer::located(answer::tagged(response, &tag), &format!("/v1/calendars/{id}")))
}

pub(super) async fn list(app: &App, asked: &Asked) -> Result<Response, Problem> {
    let mut query = asked.query(&[
        "department",
        "specialty",
        "practitioner_id",
        "place_id",
        "external_id",
        "limit",
        "cursor",
    ])?;
    let from = match query.take("cursor") {
        Some(text) => {
            let bits = cursor::read_exact(List::Calendars, &text)?;
            Some(CalendarId::from_bits(u128::from_be_bytes(bits)))
        }
        None => None,
    };
    let wanted = ListCalendars {
        department: query.take("department"),
        specialty: query.take("specialty"),
        practitioner: query.parse("practitioner_id", "must be the id of a practitioner")?,
        place: query.parse("place_id", "must be the id of a place")?,
        external_id: query.take("external_id"),
        from,
        limit: query.limit()?,
    };
    let (calendars, next) = app.settled(app.engine.calendars(wanted).await).await?;
    let calendars = calendars.into_iter().map(CalendarBody::from).collect();
    let next = next.map(|id| cursor::write(List::Calendars, &id.bits().to_be_bytes()));
    let page = CalendarsPage { calendars, next };
    Ok(answer::hashed(&asked.headers, &page))
}

pub(super) async fn read(app: &App, asked: &Asked) -> Result<Response, Problem> {
    asked.query(&[])?;
    let id = id(app, asked).await?;
    let info = app.settled(app.engine.calendar(id).await).await?;
    let tag = tag(&info);
    Ok(answer::unless_known(&asked.headers, &tag, &CalendarBody::from(info)))
}

pub(super) async fn change(app: &App, asked: &Asked) -> Result<Response, Problem> {
    asked.query(&[])?;
    let command = asked.command()?;
    let id = id(app, asked).await?;
    let version = expected_version(app, asked, id).await?;
    let change = asked.json::<ChangeAsked>()?.into();
    let wanted = ChangeCalendar { calendar: id, change, version, command };
    let changed = app.settled(Box::pin(app.engine.change_calendar(wanted)).await).await?;
    self::changed(app, changed).await
}

/// A calendar after a change, and what now lies outside its hours.
pub(super) async fn changed(app: &App, changed: ChangedCalendar) -> Result<Response, Problem> {
    let zone = app.zone(changed.calendar.id).await;
    let outside = changed.outside.iter().map(|outside| OutsideBody::new(outside, &zone)).collect();
    let tag = tag(&changed.calendar);
    let body = ChangedBody { calendar: changed.calendar.into(), outside };
    Ok(answer::tagged(answer::json(StatusCode::OK, &body), &tag))
}

/// The version that `If-Match` asks for; none where any will do.
async fn expected_version(
    app: &App,
    asked: &Asked,
    id: CalendarId,
) -> Result<Option<u32>, Problem> {
    let mut tags = Vec::new();
    for value in asked.headers.get_all(header::IF_MATCH) {
        let value = value.to_str().unwrap_or_default();
        tags.extend(value.split(',').map(str::trim).filter(|tag| !tag.is_empty()));
    }
    match tags.as_slice() {
        [] => Err(Problem::new(
            Code::VersionRequired,
            "send If-Match with the ETag of the calendar as you read it, or with *",
        )),
        ["*"] => Ok(None),
        [tag] => Ok(Some(version_of(tag))),
        // The engine takes one version: of several it is the one that the calendar has.
        tags => {
            let current = app.settled(app.engine.calendar(id).await).await?.version;
            let known = tags.iter().any(|tag| version_of(tag) == current);
            Ok(Some(if known { current } else { NO_VERSION }))
        }
    }
}

/// The version that a tag names. A weak tag names none: it would not tell two answers apart.
fn version_of(tag: &str) -> u32 {
    let digits = tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"'));
    let digits = digits.filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
    digits.and_then(|digits| digits.parse().ok()).unwrap_or(NO_VERSION)
}

fn tag(info: &CalendarInfo) -> HeaderValue {
    // A quoted number is a header value; the other branch is there for the compiler.
    HeaderValue::from_str(&format!("\"{}\"", info.version))
        .unwrap_or_else(|_| HeaderValue::from_static("\"\""))
}

/// A text that is no identifier names no calendar.
pub(super) async fn id(app: &App, asked: &Asked) -> Result<CalendarId, Problem> {
    match asked.id.parse() {
        Ok(id) => Ok(id),
        Err(_) => Err(app.refused(Rejection::UnknownCalendar).await),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strong_tag_names_its_version() {
        assert_eq!(version_of("\"7\""), 7);
        for tag in ["7", "W/\"7\"", "\"\"", "\"+7\"", "\"x\"", "\"99999999999\"", "\"7"] {
            assert_eq!(version_of(tag), NO_VERSION, "{tag}");
        }
    }
}
