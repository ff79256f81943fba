//! Waiting lists.

use serde_json::json;

use super::bookings::booking;
use super::described::{
    APPOINTMENTS, CALENDARS, Described, bare, body, by, json_of, leading_to, located,
};
use crate::http::problem::Code;

const WISH_ADDRESS: &str = "^/v1/wishes/wish_[0-9a-z]{26}$";

/// What a wish's id can be used for.
const WITH_WISH: [&str; 2] = ["readWish", "withdrawWish"];

pub(super) fn add() -> Described {
    let wish = |text| {
        let wish = located(json_of(text, "Wish"), WISH_ADDRESS);
        leading_to(wish, "wish_id", &WITH_WISH)
    };
    let example = json!({
        "calendar_ids": ["cal_3etb4a8m0v7xq2c9d5h6j1k8n4"],
        "reason": "check-up",
        "patient_id": "patient-4",
        "hours": {"tuesday": ["08:00-12:00"], "friday": ["14:00-18:00"]},
    });
    Described {
        body: body("WishRequest", &example),
        answers: vec![
            (201, wish("What the patient waits for.")),
            (200, wish("What the patient waits for already.")),
        ],
        refusals: &[
            Code::UnknownCalendar,
            Code::UnknownPlace,
            Code::UnknownAppointment,
            Code::NotChangeable,
            Code::UnknownReason,
            Code::PracticeOnly,
            Code::PatientsOnly,
            Code::VisitNotOffered,
            Code::TooManyWishes,
            Code::ListFull,
        ],
        ..booking(
            APPOINTMENTS,
            "addWish",
            "Wait for something to come free",
            "What comes free in one of the calendars is offered to those who wait, in the order \
            in which they came, by a hold with a time to answer. With `instead_of`, accepting it \
            moves that appointment; who declines or is slow keeps what they have.",
        )
    }
}

pub(super) fn read() -> Described {
    Described {
        answers: vec![(200, json_of("The wish, with what is offered now.", "Wish"))],
        refusals: &[Code::UnknownWish],
        ..booking(APPOINTMENTS, "readWish", "Read a wish", "As it now stands in each calendar.")
    }
}

pub(super) fn withdraw() -> Described {
    Described {
        body: by(),
        answers: vec![(204, bare("The patient waits no more."))],
        refusals: &[Code::UnknownWish, Code::NotYours],
        ..booking(
            APPOINTMENTS,
            "withdrawWish",
            "Wait no more",
            "What is offered can still be accepted, or released. Again, the answer is the same.",
        )
    }
}

pub(super) fn search() -> Described {
    Described {
        body: body("WishSearchRequest", &json!({"patient_id": "patient-4"})),
        answers: vec![(200, json_of("All of them, those that are over too.", "Wishes"))],
        ..booking(
            APPOINTMENTS,
            "searchWishes",
            "Find a patient's wishes",
            "All is in the body, so that no patient's id stands in a path or a query.",
        )
    }
}

pub(super) fn list() -> Described {
    Described {
        answers: vec![(200, json_of("Those who wait.", "WaitingList"))],
        refusals: &[Code::UnknownCalendar],
        ..booking(
            CALENDARS,
            "listWaiting",
            "Read the waiting list of a calendar",
            "In the order in which they are offered what comes free.",
        )
    }
}
