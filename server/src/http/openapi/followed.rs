//! What readers of the change feed know.

use serde_json::json;

use super::described::{
    APPOINTMENTS, CALENDARS, Described, SERVICE, cursor, json_of, limit, query,
};
use super::problems::schema;
use crate::http::problem::Code;

fn followed(
    tag: &'static str,
    id: &'static str,
    summary: &'static str,
    text: &'static str,
) -> Described {
    Described {
        id,
        tag,
        summary,
        text,
        parameters: Vec::new(),
        body: None,
        answers: Vec::new(),
        refusals: &[],
    }
}

pub(super) fn due() -> Described {
    let until = "Until when; now if left out. What is due later is listed too, but `resume` does \
                 not pass it.";
    Described {
        parameters: vec![query("until", until, schema("Instant")), limit(), cursor()],
        answers: vec![(200, json_of("A page.", "DuePage"))],
        ..followed(
            SERVICE,
            "listDue",
            "List what is to be told to patients",
            "Confirmations, reminders, moves and cancellations, the earliest first. Tell what is \
             on a page, keep its `resume`, and ask again with it: nothing is missed, and what is \
             listed twice has the same `due_id`. What was overtaken is left out: a reminder of an \
             appointment that was cancelled or lies elsewhere, a move that was followed by \
             another. What was due 14 days ago is not listed any more. It holds the ids of \
             patients.",
        )
    }
}

pub(super) fn activity() -> Described {
    let weeks = json!({"type": "integer", "minimum": 1, "maximum": 53, "default": 4});
    Described {
        parameters: vec![
            query("from", "A date in the first week; today if left out.", schema("Date")),
            query("weeks", "How many weeks.", weeks),
        ],
        answers: vec![(200, json_of("Week by week.", "ActivityPage"))],
        refusals: &[Code::UnknownCalendar],
        ..followed(
            CALENDARS,
            "readActivity",
            "Read what was done in a calendar",
            "What was booked, cancelled and moved, how much of the hours is filled and how far \
             ahead people book, by week and by reason.",
        )
    }
}

pub(super) fn file() -> Described {
    let file = json!({
        "description": "A file as RFC 5545 has it, with the one event.",
        "content": {"text/calendar": {"schema": {"type": "string"}}},
    });
    Described {
        answers: vec![(200, file)],
        refusals: &[Code::UnknownAppointment],
        ..followed(
            APPOINTMENTS,
            "readAppointmentFile",
            "Read an appointment as a calendar file",
            "For calendar programs. Its `UID` stays the same when it moves, `SEQUENCE` grows with \
             each change, and one that is cancelled says so.",
        )
    }
}
