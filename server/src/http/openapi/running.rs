//! Running a practice.

use serde_json::json;

use super::bookings::{HOLD_ADDRESS, WITH_HOLD, booking};
use super::described::{
    APPOINTMENTS, CALENDARS, Described, HOLDS, body, json_of, leading_to, located, tagged,
};
use crate::http::problem::Code;

pub(super) fn mark() -> Described {
    Described {
        body: body("MarkRequest", &json!({"status": "arrived"})),
        answers: vec![(200, json_of("The appointment.", "Appointment"))],
        refusals: &[
            Code::UnknownAppointment,
            Code::NotChangeable,
            Code::NotYet,
            Code::DoseNotGiven,
            Code::IdempotencyKeyReused,
        ],
        ..booking(
            APPOINTMENTS,
            "markAppointment",
            "Say what became of an appointment",
            "Arrived on its day; fulfilled or no-show once it has begun, until a day after its \
            end. It can be said otherwise later, but fulfilled is final. What is marked can be \
            neither moved nor cancelled.",
        )
    }
}

pub(super) fn delay() -> Described {
    Described {
        body: body("DelayRequest", &json!({"minutes": 20})),
        answers: vec![(200, json_of("How late it is.", "Delay"))],
        refusals: &[Code::UnknownCalendar, Code::IdempotencyKeyReused],
        ..booking(
            CALENDARS,
            "delayCalendar",
            "Say how late a practice is",
            "It counts for everyone who starts from now until the end of the day, and stands in \
            their appointments as `late_minutes`. A later word replaces it.",
        )
    }
}

pub(super) fn block() -> Described {
    let example = json!({"from": "2027-05-03", "until": "2027-05-04", "label": "Training"});
    Described {
        body: body("AbsenceRequest", &example),
        answers: vec![(200, tagged(json_of("The calendar as it now is.", "ChangedCalendar")))],
        refusals: &[Code::UnknownCalendar, Code::NotFree, Code::IdempotencyKeyReused],
        ..booking(
            CALENDARS,
            "blockTime",
            "Block time",
            "Adds an absence to those of the calendar. What is held or booked within it stays, \
            and is told in `outside`; with `only_free` nothing may be.",
        )
    }
}

pub(super) fn offer() -> Described {
    let held = |text| {
        let held = located(json_of(text, "Hold"), HOLD_ADDRESS);
        leading_to(held, "hold_id", &WITH_HOLD)
    };
    let example = json!({
        "calendar_id": "cal_3etb4a8m0v7xq2c9d5h6j1k8n4",
        "start": "2027-03-23T11:00:00+01:00",
        "patient_id": "patient-1",
        "reason": "check-up",
        "answer_minutes": 60,
    });
    Described {
        body: body("OfferRequest", &example),
        answers: vec![
            (201, held("The hold that is the offer.")),
            (200, held("The offer that there is already, unchanged.")),
        ],
        refusals: &[
            Code::UnknownCalendar,
            Code::UnknownAppointment,
            Code::NotChangeable,
            Code::UnknownReason,
            Code::VisitNotOffered,
            Code::OutsideOpenings,
            Code::InThePast,
            Code::BeyondHorizon,
            Code::SlotTaken,
            Code::NotEligible,
            Code::NoDose,
            Code::PatientHasHold,
            Code::PartClosed,
            Code::PartTaken,
            Code::IdempotencyKeyReused,
        ],
        ..booking(
            HOLDS,
            "offerSlot",
            "Offer a slot",
            "A hold that the practice makes for a patient, or for an appointment that moves \
            there when it is accepted. It ends by itself after `answer_minutes`, and stands in \
            the way of no other hold of the patient. An appointment has one offer in each \
            calendar.",
        )
    }
}

pub(super) fn offer_stretch() -> Described {
    let example = json!({
        "from": "2027-03-23T14:00:00+01:00", "until": "2027-03-23T18:00:00+01:00",
        "days": 14, "answer_minutes": 1_440,
    });
    Described {
        body: body("OffersRequest", &example),
        answers: vec![(200, json_of("What was offered, and to whom nothing.", "Offers"))],
        refusals: &[Code::UnknownCalendar],
        ..booking(
            CALENDARS,
            "offerStretch",
            "Offer other slots to all of a stretch",
            "To each appointment that starts in the stretch, at most 200, the first slot that is \
            free in one of the calendars named. Each offer is a write of its own; repeated, what \
            was offered before is told again. Those for which there was none are listed.",
        )
    }
}
