//! What concerns the server itself.

use serde_json::{Value, json};

use super::described::{
    Described, SERVICE, bare, body, if_none_match, json_of, located, not_modified, query, tagged,
};
use super::problems::schema;
use crate::http::problem::Code;

fn service(id: &'static str, summary: &'static str, text: &'static str) -> Described {
    Described {
        id,
        tag: SERVICE,
        summary,
        text,
        parameters: Vec::new(),
        body: None,
        answers: Vec::new(),
        refusals: &[],
    }
}

/// Content of another kind than JSON.
fn of_kind(text: &str, kind: &str) -> Value {
    tagged(json!({"description": text, "content": {kind: {"schema": {"type": "string"}}}}))
}

pub(super) fn home() -> Described {
    Described {
        answers: vec![(307, located(bare("To the page that shows the API."), "^docs$"))],
        ..service("goHome", "Go to the API page", "Leads to `/docs`.")
    }
}

pub(super) fn docs() -> Described {
    Described {
        parameters: vec![if_none_match()],
        answers: vec![(200, of_kind("The page.", "text/html")), not_modified()],
        ..service("showDocs", "Show the API page", "Works without any network but this server.")
    }
}

pub(super) fn docs_file() -> Described {
    let file = tagged(json!({
        "description": "The file.",
        "content": {
            "text/css": {"schema": {"type": "string"}},
            "text/javascript": {"schema": {"type": "string"}},
            "image/png": {},
        },
    }));
    Described {
        parameters: vec![if_none_match()],
        answers: vec![(200, file), not_modified()],
        refusals: &[Code::NotFound],
        ..service("readDocsFile", "Read a file of the API page", "Scripts, styles and the icon.")
    }
}

pub(super) fn document() -> Described {
    let response = json!({
        "description": "The document.",
        "content": {"application/json": {"schema": {
            "type": "object",
            "required": ["openapi", "info", "paths", "components"],
            "properties": {"openapi": {"type": "string", "pattern": "^3\\.1\\.[0-9]+$"}},
        }}},
    });
    Described {
        parameters: vec![if_none_match()],
        answers: vec![(200, tagged(response)), not_modified()],
        ..service("readOpenApi", "Read this document", "OpenAPI 3.1.")
    }
}

pub(super) fn livez() -> Described {
    Described {
        answers: vec![(200, json_of("The process answers.", "Health"))],
        ..service(
            "livez",
            "Ask whether the process answers",
            "An engine that has failed shows in \
            `/readyz`, and ends the process.",
        )
    }
}

pub(super) fn readyz() -> Described {
    Described {
        answers: vec![(200, json_of("Bookings are taken.", "Readiness"))],
        ..service(
            "readyz",
            "Ask whether bookings are taken",
            "503 `unavailable` with the `checks` that fail while the server starts or leaves, once \
            the engine has failed, and where everyone is refused because too much is under way.",
        )
    }
}

pub(super) fn metrics() -> Described {
    let text = json!({
        "description": "What is counted, as text for Prometheus or as OpenMetrics, by `Accept`.",
        "content": {
            "text/plain": {"schema": {"type": "string"}},
            "application/openmetrics-text": {"schema": {"type": "string"}},
        },
    });
    Described {
        answers: vec![(200, text)],
        ..service("metrics", "Read what is counted", "No label names a person or a calendar.")
    }
}

pub(super) fn version() -> Described {
    Described {
        answers: vec![(200, json_of("The version.", "Version"))],
        ..service("version", "Ask which server it is", "Its name and its version.")
    }
}

pub(super) fn events() -> Described {
    let sequence = || json!({"type": "integer", "format": "int64", "minimum": 0});
    let stream = json!({
        "description": "Each entry is one message: its `id` is the entry's sequence, its `data` \
            the list of its events, on one line. A comment every 15 seconds shows that the other \
            side is there.",
        "content": {"text/event-stream": {
            "schema": {
                "type": "string",
                "contentMediaType": "text/event-stream",
            },
            "x-data-schema": {"type": "array", "minItems": 1, "items": schema("Event")},
        }},
    });
    let last = json!({
        "name": "Last-Event-ID", "in": "header", "required": false,
        "description": "As `after`, which it overrides: where a reader that was cut off goes on.",
        "schema": sequence(),
    });
    let after = "The sequence of the last entry that the reader has; 0 for all.";
    Described {
        parameters: vec![query("after", after, sequence()), last],
        answers: vec![(200, stream)],
        ..service(
            "followEvents",
            "Follow the change feed",
            "Every event since the sequence in \
            `after`, and then each as it happens, as server-sent events. It has no end. \
            Events hold the ids of patients.",
        )
    }
}

pub(super) fn backup() -> Described {
    Described {
        body: body("BackupRequest", &json!({"to": "/var/backups/creneau/monday"})),
        answers: vec![(201, json_of("The backup is whole.", "Backup"))],
        refusals: &[Code::BackupFailed],
        ..service(
            "backUp",
            "Take a backup",
            "Copies the journal while the server runs. It is only \
            taken for who asks on the server's own machine, not through a proxy, and with a \
            `Content-Type`.",
        )
    }
}
