//! Doses of campaigns.

use serde_json::json;

use super::bookings::booking;
use super::described::{APPOINTMENTS, CAMPAIGNS, Described, body, json_of};
use super::problems::schema;
use crate::http::problem::Code;

pub(super) fn eligibility() -> Described {
    let example = json!({
        "vaccine": "bnt",
        "number": 1,
        "facts": {"stated_at": "2027-03-22T07:00:00+01:00", "band": "75-plus"},
    });
    Described {
        body: body("EligibilityRequest", &example),
        answers: vec![(200, json_of("By which phase they may.", "Eligibility"))],
        refusals: &[Code::UnknownCampaign, Code::NotEligible],
        ..booking(
            CAMPAIGNS,
            "checkEligibility",
            "Ask whether somebody may have a dose",
            "As a hold of it would find, without holding anything; what they have had counts where \
             `patient_id` says who they are. A refusal says why, and from when they may.",
        )
    }
}

pub(super) fn search() -> Described {
    Described {
        body: body("DosesSearchRequest", &json!({"patient_id": "patient-5"})),
        answers: vec![(200, json_of("What is recorded.", "RecordedDoses"))],
        refusals: &[Code::UnknownCampaign],
        ..booking(
            CAMPAIGNS,
            "searchDoses",
            "Find a patient's doses",
            "Held, booked and given. All is in the body, so that no patient's id stands in a path \
             or a query.",
        )
    }
}

pub(super) fn give() -> Described {
    let says = json!({
        "required": false,
        "description": "Of which delivery it was; no body where of the one that was booked.",
        "content": {"application/json": {"schema": schema("GiveRequest"), "example": {}}},
    });
    Described {
        body: Some(says),
        answers: vec![(200, json_of("The dose that was given.", "DoseGiven"))],
        refusals: &[
            Code::UnknownAppointment,
            Code::UnknownDelivery,
            Code::NotChangeable,
            Code::NotYet,
            Code::NotEligible,
            Code::NoDose,
            Code::PatientHasHold,
            Code::IdempotencyKeyReused,
        ],
        ..booking(
            APPOINTMENTS,
            "giveDose",
            "Say that a dose was given",
            "On the day of the appointment or later, which is fulfilled by it. It can be of any \
             delivery to the place of which a dose is left.",
        )
    }
}
