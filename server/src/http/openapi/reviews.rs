//! Reviews.

use serde_json::json;

use super::bookings::booking;
use super::described::{APPOINTMENTS, CALENDARS, Described, body, cursor, json_of, limit};
use crate::http::problem::Code;

pub(super) fn review() -> Described {
    let example = json!({"positive": true, "text_id": "review-4711", "by": "patient-1"});
    Described {
        body: body("ReviewRequest", &example),
        answers: vec![(201, json_of("What was said.", "Review"))],
        refusals: &[
            Code::UnknownAppointment,
            Code::NotYours,
            Code::NotFulfilled,
            Code::AlreadyReviewed,
            Code::IdempotencyKeyReused,
        ],
        ..booking(
            APPOINTMENTS,
            "reviewAppointment",
            "Review an appointment",
            "Once, and for good, when the practice has marked it as fulfilled. What was written is \
             kept elsewhere, where it can be erased; here it has a name.",
        )
    }
}

pub(super) fn read() -> Described {
    Described {
        answers: vec![(200, json_of("What was said.", "Review"))],
        refusals: &[Code::UnknownAppointment, Code::UnknownReview],
        ..booking(
            APPOINTMENTS,
            "readReview",
            "Read the review of an appointment",
            "With what the practice says to it.",
        )
    }
}

pub(super) fn reply() -> Described {
    Described {
        body: body("ReplyRequest", &json!({"text_id": "reply-4711"})),
        answers: vec![(200, json_of("What was said, and the reply.", "Review"))],
        refusals: &[Code::UnknownAppointment, Code::UnknownReview, Code::IdempotencyKeyReused],
        ..booking(
            APPOINTMENTS,
            "replyToReview",
            "Reply to a review",
            "In the name of the practice. It takes the place of an earlier one; the review stays.",
        )
    }
}

pub(super) fn list() -> Described {
    Described {
        parameters: vec![limit(), cursor()],
        answers: vec![(200, json_of("A page.", "ReviewsPage"))],
        refusals: &[Code::UnknownCalendar],
        ..booking(
            CALENDARS,
            "listReviews",
            "List the reviews of a calendar",
            "The newest first, and how many of the newest 1,000 are positive.",
        )
    }
}
