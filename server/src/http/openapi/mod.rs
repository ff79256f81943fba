//! The OpenAPI 3.1 document, made of the router's table of paths, a description of each operation,
//! and the types that stand in requests and answers.
//!
//! - `texts`: texts with a shape of their own.
//! - `components`, `problems`: what the operations share.
//! - `described`: how an operation is described; `service`, `calendars`, `bookings`, `followed`,
//!   `register`, `campaigns`, `doses`: each of them.

pub(super) mod texts;

mod bookings;
mod calendars;
mod campaigns;
mod components;
mod described;
mod doses;
mod followed;
mod lines;
mod problems;
mod register;
mod reviews;
mod running;
mod service;
mod wishes;

use std::sync::LazyLock;

use hyper::body::Bytes;
use serde_json::{Map, Value, json};

use self::components::Components;
use self::described::Described;
use super::campaign_operation::Of;
use super::problem::Code;
use super::router::{Operation, PATHS};

const INTRODUCTION: &str = "\
A booking engine for health appointments: find a slot, hold it for 15 minutes, confirm.

- Bodies are JSON in UTF-8. A field or a query parameter that is not known, or that stands twice, is
  refused. A whole number is written without a fraction or an exponent. A write that needs no body
  takes none, or `{}`.
- Instants are RFC 3339 with an offset or `Z`, and are answered with the calendar's own offset.
- A refusal is `application/problem+json` with a stable `code`. Decide by it.
- Every write takes an `Idempotency-Key`. Repeat a write whose outcome you do not know with the
  same key: it happens once.
- `HEAD` works wherever `GET` does. Any other method on a path is 405 `method_not_allowed` with
  `Allow`, and any other path 404 `not_found`.
- What is not HTTP/1, or has too long a header, is answered with 400, 414 or 431 without a body, or
  not at all, and the connection ends.
- Tokens have scopes: `book` for holds and appointments, `operate` for creating and changing
  calendars, for the change feed, what is due and was done, backups and metrics; calendars and slots
  can be read with either. A server on loopback without a token file asks for none.";

/// How an operation is described. Exhaustive on purpose: without a description none compiles.
fn describe(operation: Operation) -> Described {
    match operation {
        Operation::Home => service::home(),
        Operation::ShowDocs => service::docs(),
        Operation::ReadDocsFile => service::docs_file(),
        Operation::ReadOpenApi => service::document(),
        Operation::Livez => service::livez(),
        Operation::Readyz => service::readyz(),
        Operation::Metrics => service::metrics(),
        Operation::Version => service::version(),
        Operation::FollowEvents => service::events(),
        Operation::BackUp => service::backup(),
        Operation::CreateCalendar => calendars::create(),
        Operation::ListCalendars => calendars::list(),
        Operation::ReadCalendar => calendars::read(),
        Operation::ChangeCalendar => calendars::change(),
        Operation::FindSlots => calendars::slots(),
        Operation::HoldSlot => bookings::hold(),
        Operation::ReadHold => bookings::read_hold(),
        Operation::ReleaseHold => bookings::release(),
        Operation::ConfirmHold => bookings::confirm(),
        Operation::ReadAppointment => bookings::read_appointment(),
        Operation::CancelAppointment => bookings::cancel(),
        Operation::MoveAppointment => bookings::change(),
        Operation::RenewHold => bookings::renew(),
        Operation::AcceptHold => bookings::accept(),
        Operation::MarkAppointment => running::mark(),
        Operation::DelayCalendar => running::delay(),
        Operation::BlockTime => running::block(),
        Operation::OfferSlot => running::offer(),
        Operation::OfferStretch => running::offer_stretch(),
        Operation::SearchAppointments => bookings::search(),
        Operation::ReadAppointmentFile => followed::file(),
        Operation::ListDue => followed::due(),
        Operation::ReadActivity => followed::activity(),
        Operation::AddPractitioner => register::add_practitioner(),
        Operation::ChangePractitioner => register::change_practitioner(),
        Operation::ReadPractitioner => register::read_practitioner(),
        Operation::ListPractitioners => register::list_practitioners(),
        Operation::AddPlace => register::add_place(),
        Operation::ChangePlace => register::change_place(),
        Operation::ReadPlace => register::read_place(),
        Operation::ListPlaces => register::list_places(),
        Operation::LinkCalendar => register::link_calendar(),
        Operation::LinkPatient => register::link_patient(),
        Operation::EndLink => register::end_link(),
        Operation::ReadLinkedFile => register::file(),
        Operation::HoldFirst => bookings::first(),
        Operation::AddWish => wishes::add(),
        Operation::ReadWish => wishes::read(),
        Operation::WithdrawWish => wishes::withdraw(),
        Operation::SearchWishes => wishes::search(),
        Operation::ListWaiting => wishes::list(),
        Operation::ReviewAppointment => reviews::review(),
        Operation::ReadReview => reviews::read(),
        Operation::ReplyToReview => reviews::reply(),
        Operation::ListReviews => reviews::list(),
        Operation::Campaign(of) => describe_campaign(of),
    }
}

fn describe_campaign(of: Of) -> Described {
    match of {
        Of::HoldDoses => bookings::both(),
        Of::AddCampaign => campaigns::add(),
        Of::ChangeCampaign => campaigns::change(),
        Of::ListCampaigns => campaigns::list(),
        Of::ReadCampaign => campaigns::read(),
        Of::AddDelivery => campaigns::add_delivery(),
        Of::ChangeDelivery => campaigns::change_delivery(),
        Of::ListDeliveries => campaigns::list_deliveries(),
        Of::ReadDelivery => campaigns::read_delivery(),
        Of::WasteDoses => campaigns::waste(),
        Of::RecallLot => campaigns::recall(),
        Of::ListWithoutDose => campaigns::without_dose(),
        Of::ReadCoverage => campaigns::coverage(),
        Of::ReadDesk => campaigns::desk(),
        Of::JoinLine => lines::join(),
        Of::ListLine => lines::list(),
        Of::OfferRemaining => lines::offer_remaining(),
        Of::ReadPlaceInLine => lines::read(),
        Of::SearchLine => lines::search(),
        Of::GiveDose => doses::give(),
        Of::CheckEligibility => doses::eligibility(),
        Of::SearchDoses => doses::search(),
    }
}

fn document() -> Result<Value, serde_json::Error> {
    let mut components = Components::of_types()?;
    let mut paths = Map::new();
    // Refusals of a request that finds no operation.
    let mut codes = vec![Code::NotFound, Code::MethodNotAllowed];
    for path in PATHS {
        let mut item = Map::new();
        for (method, operation) in path.operations {
            let described = describe(*operation);
            codes.extend(described.codes(*operation));
            let described = described.into_json(path.template, *operation, &mut components);
            item.insert(method.as_str().to_ascii_lowercase(), described);
        }
        paths.insert(path.template.to_owned(), Value::Object(item));
    }
    components.schemas.insert("Problem".to_owned(), problems::problem(&codes));
    Ok(json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Creneau",
            "version": env!("CARGO_PKG_VERSION"),
            "description": INTRODUCTION,
            "license": {"name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": described::tags(),
        "paths": paths,
        "components": components.into_json(),
    }))
}

static DOCUMENT: LazyLock<Bytes> = LazyLock::new(|| {
    let text = document().and_then(|document| serde_json::to_vec(&document));
    text.map(Bytes::from).unwrap_or_else(|error| {
        // Only a schema with a key that is no string fails, and the types have none.
        tracing::error!(%error, "the OpenAPI document could not be written");
        Bytes::new()
    })
});

/// The document.
pub(super) fn bytes() -> Bytes {
    DOCUMENT.clone()
}

/// The OpenAPI document, as `GET /openapi.json` answers it.
#[must_use]
pub fn openapi() -> String {
    String::from_utf8_lossy(&DOCUMENT).into_owned()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use hyper::Method;

    use super::super::router::Router;
    use super::*;

    #[test]
    fn the_router_and_the_document_have_the_same_operations() {
        let (document, router) = (document().unwrap(), Router::new().unwrap());
        let mut described = BTreeSet::new();
        let mut ids = BTreeSet::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                let method: Method = method.to_ascii_uppercase().parse().unwrap();
                let found = router.find(&method, path).unwrap();
                assert_eq!(found.template, path);
                assert!(ids.insert(operation["operationId"].as_str().unwrap().to_owned()));
                described.insert((method.to_string(), path.clone()));
            }
        }
        for path in PATHS {
            for (method, operation) in path.operations {
                let known = described.remove(&(method.to_string(), path.template.to_owned()));
                assert!(known, "{operation:?} is not described");
            }
        }
        assert_eq!(described, BTreeSet::new());
    }

    #[test]
    fn references_lead_somewhere() {
        fn walk(part: &Value, document: &Value) {
            match part {
                Value::Object(members) => {
                    if let Some(Value::String(reference)) = members.get("$ref") {
                        let place = reference.strip_prefix('#').unwrap();
                        assert!(document.pointer(place).is_some(), "{reference}");
                    }
                    if let Some(Value::String(id)) = members.get("operationId") {
                        let text = document["paths"].to_string();
                        assert!(text.contains(&format!("\"operationId\":\"{id}\"")), "{id}");
                    }
                    members.values().for_each(|member| walk(member, document));
                }
                Value::Array(items) => items.iter().for_each(|item| walk(item, document)),
                _ => {}
            }
        }
        let document = document().unwrap();
        walk(&document, &document);
    }
}
