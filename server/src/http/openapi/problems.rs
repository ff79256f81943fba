//! Refusals in the document: a schema for each code, and a response for each set of codes.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::components::Components;
use super::described::put;
use crate::http::problem::Code;

/// Where a schema of the document is.
pub(super) fn schema(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

/// Why a dose may not be somebody's.
const WHY: [&str; 14] = [
    "facts_outdated",
    "unknown_band",
    "unknown_vaccine",
    "no_such_dose",
    "not_for_band",
    "not_yet",
    "over",
    "not_for_them",
    "after_infection",
    "has_dose",
    "needs_dose",
    "other_vaccine",
    "too_early",
    "too_late",
];

/// What a problem has beyond what all have: its name, its schema, and whether it is always there.
fn members(code: Code) -> Vec<(&'static str, Value, bool)> {
    let list = |name| json!({"type": "array", "items": schema(name)});
    vec![match code {
        Code::InvalidRequest => ("errors", list("FieldError"), false),
        Code::Unavailable => ("checks", list("Check"), false),
        Code::SlotTaken => ("alternatives", list("Alternative"), true),
        Code::PatientHasHold => ("hold_id", schema("HoldId"), true),
        Code::NotEligible => {
            let at = |name| (name, schema("UtcInstant"), false);
            let why = ("why", json!({"type": "string", "enum": WHY}), true);
            return vec![why, at("opens"), at("from"), at("until")];
        }
        Code::HoldConfirmed | Code::NextDose => ("appointment_id", schema("AppointmentId"), true),
        Code::ExternalIdTaken | Code::PartClosed | Code::PartTaken => {
            ("calendar_id", schema("CalendarId"), true)
        }
        Code::VersionMismatch => {
            let version = json!({"type": "integer", "format": "int32", "minimum": 1});
            ("current_version", version, true)
        }
        _ => return Vec::new(),
    }]
}

/// What all problems have.
pub(super) fn problem(codes: &[Code]) -> Value {
    let mut names: Vec<_> = codes.iter().map(|code| code.parts().1).collect();
    names.sort_unstable();
    names.dedup();
    json!({
        "type": "object",
        "description": "A refusal, as RFC 9457 has it. Decide by `code`; the words may change.",
        "required": ["type", "title", "status", "code", "detail"],
        "properties": {
            "type": {"type": "string", "pattern": "^urn:creneau:problem:[a-z_]+$"},
            "title": {"type": "string", "minLength": 1},
            "status": {"type": "integer", "minimum": 400, "maximum": 599},
            "code": {"type": "string", "enum": names},
            "detail": {"type": "string", "minLength": 1},
        },
    })
}

/// The name of a code's schema.
fn name(code: Code) -> String {
    format!("problem.{}", code.parts().1)
}

/// A problem with this code.
fn of_code(code: Code) -> Value {
    let (status, name, title) = code.parts();
    let mut own = json!({
        "type": "object",
        "properties": {
            "type": {"const": format!("urn:creneau:problem:{name}")},
            "status": {"const": status.as_u16()},
            "code": {"const": name},
        },
    });
    for (member, schema, always) in members(code) {
        put(&mut own, &["properties", member], schema);
        if always {
            put(&mut own, &["required"], json!([member]));
        }
    }
    json!({"title": title, "allOf": [schema("Problem"), own]})
}

/// The responses to an operation's refusals, by their status. Equal ones are shared.
pub(super) fn responses(codes: &[Code], components: &mut Components) -> BTreeMap<u16, Value> {
    let mut by_status: BTreeMap<u16, Vec<Code>> = BTreeMap::new();
    for code in codes {
        by_status.entry(code.parts().0.as_u16()).or_default().push(*code);
    }
    let mut told = BTreeMap::new();
    for (status, mut codes) in by_status {
        codes.sort_unstable();
        codes.dedup();
        for code in &codes {
            components.schemas.insert(name(*code), of_code(*code));
        }
        let names: Vec<_> = codes.iter().map(|code| code.parts().1).collect();
        let response = names.join(".");
        let reference = json!({"$ref": format!("#/components/responses/{response}")});
        components.responses.insert(response, refusal(&codes));
        told.insert(status, reference);
    }
    told
}

fn refusal(codes: &[Code]) -> Value {
    let says = |code: &Code| format!("`{}`: {}.", code.parts().1, code.parts().2);
    let description = codes.iter().map(says).collect::<Vec<_>>().join(" ");
    let references: Vec<_> = codes.iter().map(|code| schema(&name(*code))).collect();
    let schema = match references.as_slice() {
        [only] => only.clone(),
        several => json!({"oneOf": several}),
    };
    let mut response = json!({
        "description": description,
        "content": {"application/problem+json": {"schema": schema}},
    });
    if codes
        .iter()
        .any(|code| matches!(code, Code::Overloaded | Code::TooManyRequests | Code::Unavailable))
    {
        let header = json!({
            "description": "Seconds after which to come back. Always there with `overloaded` and \
                `too_many_requests`.",
            "schema": {"type": "integer", "minimum": 1},
        });
        put(&mut response, &["headers", "Retry-After"], header);
    }
    if codes.contains(&Code::Unauthorized) {
        let header = json!({
            "description": "How to show who one is.",
            "schema": {"type": "string"},
        });
        put(&mut response, &["headers", "WWW-Authenticate"], header);
    }
    response
}
