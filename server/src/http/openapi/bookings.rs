//! Holds and appointments.

use serde_json::json;

use super::described::{
    APPOINTMENTS, Described, HOLDS, bare, body, by, json_of, leading_to, located,
};
use super::problems::schema;
use crate::http::problem::Code;

pub(super) const HOLD_ADDRESS: &str = "^/v1/holds/hold_[0-9a-z]{26}$";

const APPOINTMENT_ADDRESS: &str = "^/v1/appointments/appt_[0-9a-z]{26}$";

/// What a hold's id can be used for.
pub(super) const WITH_HOLD: [&str; 5] =
    ["readHold", "confirmHold", "releaseHold", "renewHold", "acceptHold"];

/// What an appointment's id can be used for.
const WITH_APPOINTMENT: [&str; 4] =
    ["readAppointment", "moveAppointment", "cancelAppointment", "markAppointment"];

pub(super) fn booking(
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

pub(super) fn hold() -> Described {
    let held = |text| {
        let held = located(json_of(text, "Hold"), HOLD_ADDRESS);
        leading_to(held, "hold_id", &WITH_HOLD)
    };
    let example = json!({
        "calendar_id": "cal_3etb4a8m0v7xq2c9d5h6j1k8n4",
        "start": "2027-03-23T09:00:00+01:00",
        "reason": "check-up",
        "patient_id": "patient-1",
    });
    Described {
        body: body("HoldRequest", &example),
        answers: vec![
            (201, held("The hold.")),
            (200, held("The patient's own hold, unchanged: they hold this very slot already.")),
        ],
        refusals: &[
            Code::UnknownCalendar,
            Code::UnknownReason,
            Code::PracticeOnly,
            Code::PatientsOnly,
            Code::VisitNotOffered,
            Code::OutsideOpenings,
            Code::InThePast,
            Code::TooSoon,
            Code::BeyondHorizon,
            Code::SlotTaken,
            Code::PatientHasHold,
            Code::DayFull,
            Code::HeldTooOften,
            Code::UnknownCampaign,
            Code::NotEligible,
            Code::NoDose,
            Code::PartClosed,
            Code::PartTaken,
            Code::IdempotencyKeyReused,
        ],
        ..booking(
            HOLDS,
            "holdSlot",
            "Hold a slot",
            "For 15 minutes, unless the server says \
            otherwise. A patient has one live hold in each calendar, whoever books for them.",
        )
    }
}

pub(super) fn both() -> Described {
    let held = |text| located(json_of(text, "HeldDoses"), HOLD_ADDRESS);
    let dose = |number: u8, start: &str| {
        json!({
            "calendar_id": "cal_3etb4a8m0v7xq2c9d5h6j1k8n4",
            "start": start,
            "reason": "vaccination",
            "patient_id": "patient-5",
            "dose": {
                "campaign_id": "camp_2kr3t0v7xq2c9d5h6j1k8n4m2p",
                "number": number,
                "facts": {"stated_at": "2027-03-22T07:00:00+01:00", "band": "75-plus"},
            },
        })
    };
    let (first, second) =
        (dose(1, "2027-03-23T15:00:00+01:00"), dose(2, "2027-04-13T15:00:00+02:00"));
    Described {
        body: body("DosesRequest", &json!({"first": first, "second": second})),
        answers: vec![
            (201, held("Both holds.")),
            (200, held("The patient's own holds, unchanged: they hold these already.")),
        ],
        refusals: hold().refusals,
        ..booking(
            HOLDS,
            "holdDoses",
            "Hold two doses",
            "A slot for each of two doses of a patient, one after the other: both or neither. They \
             are confirmed, renewed and released together, whichever of them is named; once they \
             are appointments, each can be moved within the vaccine's interval.",
        )
    }
}

pub(super) fn first() -> Described {
    let held = |text| {
        let held = located(json_of(text, "Hold"), HOLD_ADDRESS);
        leading_to(held, "hold_id", &WITH_HOLD)
    };
    let example = json!({
        "calendar_ids": ["cal_3etb4a8m0v7xq2c9d5h6j1k8n4"],
        "reason": "check-up",
        "patient_id": "patient-3",
        "from": "2027-03-23T09:00:00+01:00",
    });
    Described {
        body: body("FirstRequest", &example),
        answers: vec![
            (201, held("The hold.")),
            (200, held("The hold that the patient has for this reason in one of them already.")),
        ],
        refusals: &[
            Code::UnknownCalendar,
            Code::UnknownPlace,
            Code::UnknownReason,
            Code::PracticeOnly,
            Code::PatientsOnly,
            Code::VisitNotOffered,
            Code::OutsideOpenings,
            Code::InThePast,
            Code::TooSoon,
            Code::BeyondHorizon,
            Code::SlotTaken,
            Code::PatientHasHold,
            Code::DayFull,
            Code::HeldTooOften,
            Code::UnknownCampaign,
            Code::NotEligible,
            Code::NoDose,
            Code::PartClosed,
            Code::PartTaken,
            Code::IdempotencyKeyReused,
        ],
        ..booking(
            HOLDS,
            "holdFirst",
            "Hold the first free slot",
            "Of several calendars, or of all at a place: one hold, never two. Of those that are \
             free at the same instant it is any. `slot_taken` without `alternatives` says that \
             nothing is free. What a rule of one calendar keeps from the patient is passed over; \
             that is said where no calendar has anything else.",
        )
    }
}

pub(super) fn read_hold() -> Described {
    Described {
        answers: vec![(200, json_of("The hold.", "Hold"))],
        refusals: &[Code::UnknownHold],
        ..booking(
            HOLDS,
            "readHold",
            "Read a hold",
            "One that ended without an appointment is \
            known for 24 hours.",
        )
    }
}

pub(super) fn release() -> Described {
    Described {
        body: by(),
        answers: vec![(204, bare("The slot is free; also when the hold had ended before."))],
        refusals: &[
            Code::UnknownHold,
            Code::NotYours,
            Code::HoldConfirmed,
            Code::IdempotencyKeyReused,
        ],
        ..booking(HOLDS, "releaseHold", "Release a hold", "Its slot is free at once.")
    }
}

pub(super) fn confirm() -> Described {
    let booked = |text| {
        let booked = located(json_of(text, "Appointment"), APPOINTMENT_ADDRESS);
        leading_to(booked, "appointment_id", &WITH_APPOINTMENT)
    };
    Described {
        body: by(),
        answers: vec![
            (201, booked("The appointment.")),
            (200, booked("The appointment as it now is: the hold was confirmed already.")),
        ],
        refusals: &[
            Code::UnknownHold,
            Code::NotYours,
            Code::IsOffer,
            Code::HoldExpired,
            Code::HoldReleased,
            Code::IdempotencyKeyReused,
        ],
        ..booking(HOLDS, "confirmHold", "Confirm a hold", "It becomes an appointment.")
    }
}

pub(super) fn renew() -> Described {
    Described {
        body: by(),
        answers: vec![(200, json_of("The hold, which lasts longer.", "Hold"))],
        refusals: &[
            Code::UnknownHold,
            Code::NotYours,
            Code::HoldConfirmed,
            Code::HoldExpired,
            Code::HoldReleased,
            Code::NoRenewalLeft,
            Code::IdempotencyKeyReused,
        ],
        ..booking(
            HOLDS,
            "renewHold",
            "Renew a hold",
            "It lasts as long as a new one from now on. It can be renewed once, unless the server \
            says otherwise: `renewals_left`. An offer cannot.",
        )
    }
}

pub(super) fn accept() -> Described {
    Described {
        body: by(),
        answers: vec![(200, json_of("The appointment where it now lies.", "Appointment"))],
        refusals: &[
            Code::UnknownHold,
            Code::UnknownAppointment,
            Code::NotYours,
            Code::HoldExpired,
            Code::HoldReleased,
            Code::NotChangeable,
            Code::InThePast,
            Code::NotEligible,
            Code::NoDose,
            Code::PatientHasHold,
            Code::IdempotencyKeyReused,
        ],
        ..booking(
            HOLDS,
            "acceptHold",
            "Accept an offer",
            "The appointment that it was made for moves to the held slot, and its old slot is \
            free, in one step. An offer for no appointment is confirmed.",
        )
    }
}

pub(super) fn read_appointment() -> Described {
    Described {
        answers: vec![(200, json_of("The appointment.", "Appointment"))],
        refusals: &[Code::UnknownAppointment],
        ..booking(APPOINTMENTS, "readAppointment", "Read an appointment", "As it now is.")
    }
}

pub(super) fn cancel() -> Described {
    let says = json!({
        "required": false,
        "description": "Who asks, and what becomes of the dose after it; no body where nobody \
            says so.",
        "content": {"application/json": {"schema": schema("CancelRequest"), "example": {}}},
    });
    Described {
        body: Some(says),
        answers: vec![(200, json_of("The appointment, cancelled.", "Appointment"))],
        refusals: &[
            Code::UnknownAppointment,
            Code::NotYours,
            Code::NotChangeable,
            Code::TooLate,
            Code::NextDose,
            Code::PatientHasHold,
            Code::IdempotencyKeyReused,
        ],
        ..booking(
            APPOINTMENTS,
            "cancelAppointment",
            "Cancel an appointment",
            "Its slot is free at \
            once. It can be cancelled until it begins; by anyone but the practice, until the \
            calendar's `change_until_minutes` before that. Where the patient has an appointment \
            for the dose after it, `next_dose` says what becomes of that.",
        )
    }
}

pub(super) fn change() -> Described {
    Described {
        body: body("MoveRequest", &json!({"start": "2027-03-23T10:00:00+01:00"})),
        answers: vec![(200, json_of("The appointment where it now lies.", "Appointment"))],
        refusals: &[
            Code::UnknownAppointment,
            Code::UnknownCalendar,
            Code::NotYours,
            Code::NotChangeable,
            Code::TooLate,
            Code::UnknownReason,
            Code::PracticeOnly,
            Code::PatientsOnly,
            Code::VisitNotOffered,
            Code::OutsideOpenings,
            Code::InThePast,
            Code::TooSoon,
            Code::BeyondHorizon,
            Code::SlotTaken,
            Code::DayFull,
            Code::UnknownCampaign,
            Code::NotEligible,
            Code::NoDose,
            Code::PatientHasHold,
            Code::PartClosed,
            Code::PartTaken,
            Code::IdempotencyKeyReused,
        ],
        ..booking(
            APPOINTMENTS,
            "moveAppointment",
            "Move an appointment",
            "The new slot is taken \
            and the old one freed in one step, or nothing changes. It keeps its id and its reason, \
            which the calendar moved to must have too.",
        )
    }
}

pub(super) fn search() -> Described {
    Described {
        body: body("SearchRequest", &json!({"patient_id": "patient-1", "limit": 10})),
        answers: vec![(200, json_of("A page.", "AppointmentsPage"))],
        ..booking(
            APPOINTMENTS,
            "searchAppointments",
            "Find a patient's appointments",
            "Past and \
            coming, cancelled ones too, the earliest start first. All is in the body, so that no \
            patient's id stands in a path or a query.",
        )
    }
}
