//! How an operation is described.

use serde_json::{Map, Value, json};

use super::components::Components;
use super::problems::{self, schema};
use crate::http::access::Need;
use crate::http::docs::FILES;
use crate::http::problem::Code;
use crate::http::router::Operation;

/// What an operation asks and answers.
pub(super) struct Described {
    pub(super) id: &'static str,
    pub(super) tag: &'static str,
    pub(super) summary: &'static str,
    pub(super) text: &'static str,
    pub(super) parameters: Vec<Value>,
    pub(super) body: Option<Value>,
    /// By their status.
    pub(super) answers: Vec<(u16, Value)>,
    /// Beside those that concern every operation.
    pub(super) refusals: &'static [Code],
}

pub(super) const CALENDARS: &str = "calendars";
pub(super) const HOLDS: &str = "holds";
pub(super) const APPOINTMENTS: &str = "appointments";
pub(super) const PRACTICE: &str = "practice";
pub(super) const CAMPAIGNS: &str = "campaigns";
pub(super) const SERVICE: &str = "service";

pub(super) fn tags() -> Value {
    json!([
        {"name": CALENDARS, "description": "Calendars and their free slots."},
        {"name": HOLDS, "description": "Slots held for a patient, until they are confirmed."},
        {"name": APPOINTMENTS, "description": "What confirmed holds become."},
        {"name": PRACTICE, "description": "Who sees patients, and where."},
        {"name": CAMPAIGNS, "description": "Vaccination campaigns: doses, deliveries, coverage."},
        {"name": SERVICE, "description": "Running the server: probes, feed, backup, this page."},
    ])
}

/// What any request can be told: how it was sent was wrong, or the server cannot serve it now.
const ANY: [Code; 7] = [
    Code::InvalidRequest,
    Code::RequestTimeout,
    Code::PayloadTooLarge,
    Code::UnsupportedMediaType,
    Code::TooManyRequests,
    Code::Internal,
    Code::Unavailable,
];

/// What whoever reaches the engine can be told beside.
const OF_ENGINE: [Code; 3] = [Code::Overloaded, Code::CalendarUnavailable, Code::OutcomeUnknown];

impl Described {
    /// The codes of all its refusals.
    pub(super) fn codes(&self, operation: Operation) -> Vec<Code> {
        let mut codes = [&ANY, self.refusals].concat();
        if operation.needs() != Need::Nothing {
            codes.extend(OF_ENGINE);
        }
        if !matches!(operation.needs(), Need::Nothing | Need::Secret) {
            codes.extend([Code::Unauthorized, Code::Forbidden]);
        }
        codes
    }

    pub(super) fn into_json(
        mut self,
        template: &str,
        operation: Operation,
        components: &mut Components,
    ) -> Value {
        let mut responses = Map::new();
        for (status, response) in problems::responses(&self.codes(operation), components) {
            responses.insert(status.to_string(), response);
        }
        for (status, response) in self.answers {
            responses.insert(status.to_string(), response);
        }
        let mut parameters = in_path(template);
        parameters.append(&mut self.parameters);
        if operation.writes() && operation != Operation::BackUp {
            parameters.push(idempotency_key());
        }
        let mut described = json!({
            "operationId": self.id,
            "tags": [self.tag],
            "summary": self.summary,
            "description": self.text,
            "parameters": parameters,
            "responses": responses,
            "security": as_security(operation.needs()),
        });
        if let Some(body) = self.body {
            put(&mut described, &["requestBody"], body);
        }
        described
    }
}

/// Who may ask. The empty one stands for a server on loopback, which asks for no token.
fn as_security(need: Need) -> Value {
    match need {
        Need::Nothing | Need::Secret => json!([]),
        Need::Scope(scope) => json!([{"bearer": [scope.to_string()]}, {}]),
        Need::Token => json!([{"bearer": ["book"]}, {"bearer": ["operate"]}, {}]),
    }
}

/// Puts a value at a place within an object, and the objects around it where they are missing.
pub(super) fn put(whole: &mut Value, path: &[&str], value: Value) {
    let mut place = whole;
    for name in path {
        if !place.is_object() {
            *place = json!({});
        }
        let Value::Object(members) = place else { return };
        place = members.entry(*name).or_insert(Value::Null);
    }
    *place = value;
}

/// The parameters in a path, by their names.
fn in_path(template: &str) -> Vec<Value> {
    let names = template.split(['{', '}']).skip(1).step_by(2);
    let wanted = names.map(|name| match name {
        "calendar_id" => (name, schema("CalendarId")),
        "hold_id" => (name, schema("HoldId")),
        "appointment_id" => (name, schema("AppointmentId")),
        "practitioner_id" => (name, schema("PractitionerId")),
        "place_id" => (name, schema("PlaceId")),
        "wish_id" => (name, schema("WishId")),
        "campaign_id" => (name, schema("CampaignId")),
        "delivery_id" => (name, schema("DeliveryId")),
        "link_id" => (name, schema("LinkId")),
        "secret" => (name, schema("LinkSecret")),
        name => (name, json!({"type": "string", "enum": FILES})),
    });
    let described =
        |(name, schema)| json!({"name": name, "in": "path", "required": true, "schema": schema});
    wanted.map(described).collect()
}

fn idempotency_key() -> Value {
    header("Idempotency-Key", false, "The caller's own name for this write.", "IdempotencyKey")
}

/// A header of a request.
pub(super) fn header(name: &str, required: bool, text: &str, of: &str) -> Value {
    json!({
        "name": name, "in": "header", "required": required, "description": text,
        "schema": schema(of),
    })
}

/// The tag of what a client has already.
pub(super) fn if_none_match() -> Value {
    json!({
        "name": "If-None-Match", "in": "header", "required": false,
        "description": "The `ETag` of an earlier answer, several, or `*`: 304 where it is still \
            right.",
        "schema": {"type": "string"},
    })
}

/// A parameter in the query.
pub(super) fn query(name: &str, text: &str, schema: Value) -> Value {
    json!({
        "name": name, "in": "query", "required": false, "description": text, "schema": schema,
    })
}

/// A parameter in the query that must be there.
pub(super) fn required(mut parameter: Value) -> Value {
    put(&mut parameter, &["required"], json!(true));
    parameter
}

pub(super) fn limit() -> Value {
    let schema = json!({"type": "integer", "minimum": 1, "maximum": 1_000, "default": 100});
    query("limit", "How many to list.", schema)
}

pub(super) fn cursor() -> Value {
    query("cursor", "The `next` of a page of this list.", schema("Cursor"))
}

/// A body that must be there, with an example that works.
pub(super) fn body(of: &str, example: &Value) -> Option<Value> {
    Some(json!({
        "required": true,
        "content": {"application/json": {"schema": schema(of), "example": example}},
    }))
}

/// Who asks, where anyone says so.
pub(super) fn by() -> Option<Value> {
    Some(json!({
        "required": false,
        "description": "Who asks; no body where nobody says so.",
        "content": {"application/json": {"schema": schema("ByRequest"), "example": {}}},
    }))
}

/// No content: no body, or `{}`.
pub(super) fn no_content() -> Option<Value> {
    Some(json!({
        "required": false,
        "description": "No content: no body, or `{}`.",
        "content": {"application/json": {
            "schema": {"type": "object", "additionalProperties": false, "maxProperties": 0},
            "example": {},
        }},
    }))
}

/// An answer in JSON.
pub(super) fn json_of(text: &str, of: &str) -> Value {
    json!({"description": text, "content": {"application/json": {"schema": schema(of)}}})
}

/// An answer without a body.
pub(super) fn bare(text: &str) -> Value {
    json!({"description": text})
}

/// With the tag of its content or version.
pub(super) fn tagged(mut response: Value) -> Value {
    let header = json!({
        "description": "The tag of what is shown.",
        "required": true,
        "schema": {"type": "string", "pattern": "^\"[0-9a-f]+\"$"},
    });
    put(&mut response, &["headers", "ETag"], header);
    response
}

/// With the address of what was made.
pub(super) fn located(mut response: Value, pattern: &str) -> Value {
    let header = json!({
        "description": "The address of it.",
        "required": true,
        "schema": {"type": "string", "pattern": pattern},
    });
    put(&mut response, &["headers", "Location"], header);
    response
}

/// With operations that can follow, by the name of the parameter that they take from the answer.
pub(super) fn leading_to(mut response: Value, parameter: &str, operations: &[&str]) -> Value {
    for operation in operations {
        let link = json!({
            "operationId": operation,
            "parameters": {parameter: format!("$response.body#/{parameter}")},
        });
        put(&mut response, &["links", operation], link);
    }
    response
}

/// The answer to a client that has it already.
pub(super) fn not_modified() -> (u16, Value) {
    (304, tagged(bare("It is still as the client has it.")))
}
