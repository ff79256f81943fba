//! Practitioners, places, and links to calendar files.

use serde_json::{Value, json};

use super::described::{
    APPOINTMENTS, CALENDARS, Described, PRACTICE, bare, body, cursor, if_none_match, json_of,
    limit, located, no_content, not_modified, query, tagged,
};
use crate::http::problem::Code;

fn described(
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

fn profile() -> Value {
    json!({
        "name": "Dr Ada Martin",
        "specialty": "general practice",
        "languages": ["fr", "rcf"],
        "sector": "one",
        "fees": [{"name": "Consultation", "from_cents": 3000}],
    })
}

fn place() -> Value {
    json!({
        "name": "Maison de santé",
        "address": "12 rue des Lilas, 75020 Paris",
        "department": "75",
    })
}

pub(super) fn add_practitioner() -> Described {
    let made = json_of("The practitioner.", "RegisteredPractitioner");
    Described {
        body: body("PractitionerProfile", &profile()),
        answers: vec![(201, located(made, "^/v1/practitioners/prac_[0-9a-z]{26}$"))],
        refusals: &[Code::IdempotencyKeyReused],
        ..described(
            PRACTICE,
            "addPractitioner",
            "Add a practitioner",
            "With a profile that anybody may read. A calendar names its practitioner by \
             `practitioner_id`; one practitioner can have calendars at several places.",
        )
    }
}

pub(super) fn change_practitioner() -> Described {
    Described {
        body: body("PractitionerProfile", &profile()),
        answers: vec![(200, json_of("As it is now.", "RegisteredPractitioner"))],
        refusals: &[Code::UnknownPractitioner, Code::IdempotencyKeyReused],
        ..described(
            PRACTICE,
            "changePractitioner",
            "Change a practitioner's profile",
            "It is replaced as a whole.",
        )
    }
}

pub(super) fn read_practitioner() -> Described {
    let found = json_of("The practitioner.", "RegisteredPractitioner");
    Described {
        parameters: vec![if_none_match()],
        answers: vec![(200, tagged(found)), not_modified()],
        refusals: &[Code::UnknownPractitioner],
        ..described(PRACTICE, "readPractitioner", "Read a practitioner", "The public profile.")
    }
}

pub(super) fn list_practitioners() -> Described {
    let text = || json!({"type": "string"});
    let sector = json!({"type": "string", "enum": ["one", "two", "not_agreed"]});
    Described {
        parameters: vec![
            query("specialty", "The specialty, equal.", text()),
            query("language", "A language spoken, equal.", text()),
            query("sector", "The sector.", sector),
            limit(),
            cursor(),
            if_none_match(),
        ],
        answers: vec![(200, tagged(json_of("A page.", "PractitionersPage"))), not_modified()],
        ..described(
            PRACTICE,
            "listPractitioners",
            "List practitioners",
            "In the order of their ids.",
        )
    }
}

pub(super) fn add_place() -> Described {
    Described {
        body: body("Location", &place()),
        answers: vec![(
            201,
            located(json_of("The place.", "Place"), "^/v1/places/place_[0-9a-z]{26}$"),
        )],
        refusals: &[Code::IdempotencyKeyReused],
        ..described(
            PRACTICE,
            "addPlace",
            "Add a place",
            "A calendar names its place by `place_id`; several calendars can be at one place.",
        )
    }
}

pub(super) fn change_place() -> Described {
    Described {
        body: body("Location", &place()),
        answers: vec![(200, json_of("As it is now.", "Place"))],
        refusals: &[Code::UnknownPlace, Code::IdempotencyKeyReused],
        ..described(PRACTICE, "changePlace", "Change a place", "It is replaced as a whole.")
    }
}

pub(super) fn read_place() -> Described {
    Described {
        parameters: vec![if_none_match()],
        answers: vec![(200, tagged(json_of("The place.", "Place"))), not_modified()],
        refusals: &[Code::UnknownPlace],
        ..described(PRACTICE, "readPlace", "Read a place", "Where it is.")
    }
}

pub(super) fn list_places() -> Described {
    Described {
        parameters: vec![
            query("department", "The department, equal.", json!({"type": "string"})),
            limit(),
            cursor(),
            if_none_match(),
        ],
        answers: vec![(200, tagged(json_of("A page.", "PlacesPage"))), not_modified()],
        ..described(PRACTICE, "listPlaces", "List places", "In the order of their ids.")
    }
}

pub(super) fn link_calendar() -> Described {
    Described {
        body: no_content(),
        answers: vec![(201, json_of("The link.", "Link"))],
        refusals: &[Code::UnknownCalendar, Code::IdempotencyKeyReused],
        ..described(
            CALENDARS,
            "linkCalendar",
            "Make a private link to a calendar's file",
            "A calendar program that is given its address shows the standing appointments of the \
             last 30 days and those to come, 2,000 at most, and follows moves and cancellations. \
             No patient is named. The address is told once.",
        )
    }
}

pub(super) fn link_patient() -> Described {
    Described {
        body: body("LinkRequest", &json!({"patient_id": "patient-1"})),
        answers: vec![(201, json_of("The link.", "Link"))],
        refusals: &[Code::IdempotencyKeyReused],
        ..described(
            APPOINTMENTS,
            "linkAppointments",
            "Make a private link to a patient's file",
            "As that of a calendar, with those that were cancelled, which say so.",
        )
    }
}

pub(super) fn end_link() -> Described {
    Described {
        body: no_content(),
        answers: vec![(204, bare("The address leads nowhere from now on."))],
        refusals: &[Code::UnknownLink, Code::IdempotencyKeyReused],
        ..described(
            APPOINTMENTS,
            "endLink",
            "End a private link",
            "By its `link_id`; the file's address alone does not suffice.",
        )
    }
}

pub(super) fn file() -> Described {
    let file = json!({
        "description": "A file as RFC 5545 has it.",
        "content": {"text/calendar": {"schema": {"type": "string"}}},
    });
    Described {
        answers: vec![(200, file)],
        refusals: &[Code::UnknownLink],
        ..described(
            APPOINTMENTS,
            "readLinkedFile",
            "Read the file of a private link",
            "It asks for no token: who knows the address may read it.",
        )
    }
}
