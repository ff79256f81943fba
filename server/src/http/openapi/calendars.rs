//! Calendars and their free slots.

use serde_json::{Value, json};

use super::described::{
    CALENDARS, Described, body, cursor, if_none_match, json_of, leading_to, limit, located,
    not_modified, query, tagged,
};
use super::problems::schema;
use crate::http::problem::Code;

const CALENDAR_ADDRESS: &str = "^/v1/calendars/cal_[0-9a-z]{26}$";

/// What a calendar's id can be used for.
const WITH_CALENDAR: [&str; 3] = ["readCalendar", "findSlots", "changeCalendar"];

fn calendars(id: &'static str, summary: &'static str, text: &'static str) -> Described {
    Described {
        id,
        tag: CALENDARS,
        summary,
        text,
        parameters: Vec::new(),
        body: None,
        answers: Vec::new(),
        refusals: &[],
    }
}

fn example() -> Value {
    let day = json!(["08:00-12:00", "14:00-18:00"]);
    json!({
        "practitioner": {"name": "Dr Ada Martin", "specialty": "general practice"},
        "location": {"name": "12 rue des Lilas", "department": "75"},
        "time_zone": "Europe/Paris",
        "grid_minutes": 5,
        "lanes": 1,
        "reasons": [{"id": "check-up", "name": "Check-up", "duration_minutes": 15}],
        "weekly_hours": {
            "monday": day, "tuesday": day, "wednesday": ["08:00-12:00"], "thursday": day,
            "friday": day,
        },
        "templates": [{
            "from": "2027-03-01", "every_weeks": 2, "anchor": "2027-03-02",
            "hours": {"tuesday": ["19:00-21:00"]},
        }],
        "exceptions": [{"date": "2027-05-07", "hours": []}],
        "absences": [{"from": "2027-08-02", "until": "2027-08-22"}],
        "public_holidays": {"calendar": "france", "open_on": ["whit_monday"]},
        "reminders_minutes": [10080, 1440, 120],
        "horizon_days": 60,
    })
}

pub(super) fn create() -> Described {
    let made = located(tagged(json_of("The calendar.", "Calendar")), CALENDAR_ADDRESS);
    Described {
        body: body("CalendarRequest", &example()),
        answers: vec![(201, leading_to(made, "calendar_id", &WITH_CALENDAR))],
        refusals: &[
            Code::ExternalIdTaken,
            Code::UnknownPractitioner,
            Code::UnknownPlace,
            Code::IdempotencyKeyReused,
        ],
        ..calendars(
            "createCalendar",
            "Create a calendar",
            "Without a key and an `external_id` a \
            repeat makes another calendar. Its body may have 256 KiB.",
        )
    }
}

pub(super) fn list() -> Described {
    let text = || json!({"type": "string"});
    Described {
        parameters: vec![
            query("department", "The department of the location or the place, equal.", text()),
            query("specialty", "The specialty of the practitioner, equal.", text()),
            query("practitioner_id", "The practitioner.", schema("PractitionerId")),
            query("place_id", "The place.", schema("PlaceId")),
            query("external_id", "What the calendar is called elsewhere, equal.", text()),
            limit(),
            cursor(),
            if_none_match(),
        ],
        answers: vec![(200, tagged(json_of("A page.", "CalendarsPage"))), not_modified()],
        ..calendars("listCalendars", "List calendars", "In the order of their ids.")
    }
}

pub(super) fn read() -> Described {
    Described {
        parameters: vec![if_none_match()],
        answers: vec![(200, tagged(json_of("The calendar.", "Calendar"))), not_modified()],
        refusals: &[Code::UnknownCalendar],
        ..calendars("readCalendar", "Read a calendar", "Its `ETag` is its version.")
    }
}

pub(super) fn change() -> Described {
    let if_match = json!({
        "name": "If-Match", "in": "header", "required": true,
        "description": "The `ETag` of the calendar as it was read, several, or `*` for any \
            version. Weak tags match nothing.",
        "schema": {"type": "string", "minLength": 1},
        "examples": {"any": {"value": "*"}, "version 3": {"value": "\"3\""}},
    });
    let exceptions = json!({"exceptions": [{"date": "2027-05-06", "hours": ["08:00-12:00"]}]});
    Described {
        parameters: vec![if_match],
        body: body("CalendarChange", &exceptions),
        answers: vec![(200, tagged(json_of("The calendar as it now is.", "ChangedCalendar")))],
        refusals: &[
            Code::UnknownCalendar,
            Code::UnknownPractitioner,
            Code::UnknownPlace,
            Code::VersionRequired,
            Code::VersionMismatch,
            Code::IdempotencyKeyReused,
        ],
        ..calendars(
            "changeCalendar",
            "Change a calendar",
            "Each field that is named is replaced \
            as a whole. Nothing that is held or booked is touched: what is not over and now lies \
            outside the hours is told in `outside`. Its body may have 256 KiB.",
        )
    }
}

pub(super) fn slots() -> Described {
    let from = json!({
        "type": "string",
        "maxLength": 64,
        "anyOf": [schema("Date"), schema("Instant")],
    });
    let days = json!({"type": "integer", "minimum": 1, "maximum": 731, "default": 7});
    let practice = "Whether the practice looks, with a token of the scope `operate`: also within \
        the notice of a reason, further ahead than patients may book, and for reasons of its own.";
    let with = "Ids of other calendars with a comma between them, at most 4: those slots alone \
        that a hold can have with them. A page may have fewer than its limit and a `next`.";
    let ids = json!({"type": "string", "maxLength": 200});
    let reason = "The id of a reason. A calendar with a single one needs not be told.";
    Described {
        parameters: vec![
            query("reason", reason, schema("ReasonId")),
            query("from", "A date, or an instant; now if left out.", from),
            query("practice", practice, json!({"type": "boolean", "default": false})),
            query("with", with, ids),
            query("days", "Dates, of which that of `from` is the first.", days),
            limit(),
            cursor(),
            if_none_match(),
        ],
        answers: vec![(200, tagged(json_of("A page.", "SlotsPage"))), not_modified()],
        refusals: &[Code::UnknownCalendar, Code::UnknownReason, Code::PracticeOnly],
        ..calendars(
            "findSlots",
            "Find free slots",
            "Every start on the grid on which the reason \
            fits, overlapping ones included, with the lanes in which it is free. What lies in the \
            past or beyond the horizon is not listed, nor what a reason's notice or `ahead_days` \
            rule out; days that are full are. It is advisory, because others book \
            meanwhile: only a hold counts. Beside a `cursor`, `from` and `days` count for nothing.",
        )
    }
}
