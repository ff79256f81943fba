//! The lines of campaigns.

use serde_json::{Value, json};

use super::bookings::booking;
use super::described::{CAMPAIGNS, Described, body, json_of, limit, located, query, required};
use super::problems::schema;
use crate::http::problem::Code;

const PLACE_ADDRESS: &str = "^/v1/campaigns/camp_[0-9a-z]{26}/line/wish_[0-9a-z]{26}$";

fn place_in_line() -> Value {
    json!({
        "place_id": "place_7kr3t0v7xq2c9d5h6j1k8n4m2p",
        "reason": "vaccination",
        "number": 1,
        "facts": {"stated_at": "2027-03-22T07:00:00+01:00", "band": "75-plus"},
        "patient_id": "patient-7",
    })
}

pub(super) fn join() -> Described {
    let joined = json_of("Their place in the line.", "PlaceInLine");
    let known = json_of("They wait there already: their place.", "PlaceInLine");
    Described {
        body: body("LineRequest", &place_in_line()),
        answers: vec![(200, known), (201, located(joined, PLACE_ADDRESS))],
        refusals: &[
            Code::UnknownCampaign,
            Code::UnknownPlace,
            Code::UnknownReason,
            Code::NotEligible,
            Code::TooManyWishes,
            Code::ListFull,
            Code::IdempotencyKeyReused,
        ],
        ..booking(
            CAMPAIGNS,
            "joinLine",
            "Wait for a dose",
            "Where doses or slots come free at the place, whoever comes first in the line is \
             offered one before anybody else can have it, by a hold with a time to answer: by the \
             rank that the campaign's `line` gives them, then by when they came. They accept by \
             `POST /v1/holds/{hold_id}/accept`, and decline by giving the hold back. \
             `DELETE /v1/wishes/{wish_id}` leaves the line. What was stated is judged, not kept.",
        )
    }
}

pub(super) fn list() -> Described {
    let place = query("place_id", "The place.", schema("PlaceId"));
    let vaccine = query("vaccine", "The vaccine.", schema("VaccineId"));
    Described {
        parameters: vec![required(place), required(vaccine), limit()],
        answers: vec![(200, json_of("Who waits.", "Line"))],
        refusals: &[Code::UnknownCampaign, Code::UnknownPlace],
        ..booking(
            CAMPAIGNS,
            "listLine",
            "Read a line",
            "Those who wait for a vaccine at a place, in the order in which they are offered what \
             comes free.",
        )
    }
}

pub(super) fn read() -> Described {
    Described {
        answers: vec![(200, json_of("Their place.", "PlaceInLine"))],
        refusals: &[Code::UnknownCampaign, Code::UnknownWish],
        ..booking(
            CAMPAIGNS,
            "readPlaceInLine",
            "Read a place in a line",
            "How it stands, what is offered, and how many come before.",
        )
    }
}

pub(super) fn search() -> Described {
    Described {
        body: body("LineSearchRequest", &json!({"patient_id": "patient-7"})),
        answers: vec![(200, json_of("Where they wait, or have waited.", "PlacesInLines"))],
        refusals: &[Code::UnknownCampaign],
        ..booking(
            CAMPAIGNS,
            "searchLine",
            "Find a patient's places in lines",
            "All is in the body, so that no patient's id stands in a path or a query.",
        )
    }
}

pub(super) fn offer_remaining() -> Described {
    let example = json!({
        "place_id": "place_7kr3t0v7xq2c9d5h6j1k8n4m2p",
        "vaccine": "bnt",
        "answer_minutes": 10,
        "overflow": true,
    });
    Described {
        body: body("RemainingRequest", &example),
        answers: vec![(200, json_of("What was offered, and what is left.", "Remaining"))],
        refusals: &[Code::UnknownCampaign, Code::UnknownPlace],
        ..booking(
            CAMPAIGNS,
            "offerRemaining",
            "Offer the evening's remaining doses",
            "Offers the doses that are left at a place to those who wait there, in the order of \
             the line: the first free slot that they want, and with `overflow` a place in the \
             practice's overflow lanes where none is free. There are as many offers as doses; each \
             is a hold that has one. What is not taken, the same call offers to whoever comes \
             next. It remembers nothing under an `Idempotency-Key`: repeated, it goes on.",
        )
    }
}
