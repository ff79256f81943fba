//! Campaigns, deliveries, and who is protected.

use serde_json::{Value, json};

use super::bookings::booking;
use super::described::{
    CAMPAIGNS, Described, body, cursor, if_none_match, json_of, limit, located, not_modified,
    query, required, tagged,
};
use super::problems::schema;
use crate::http::problem::Code;

const CAMPAIGN_ADDRESS: &str = "^/v1/campaigns/camp_[0-9a-z]{26}$";

const DELIVERY_ADDRESS: &str = "^/v1/campaigns/camp_[0-9a-z]{26}/deliveries/dlv_[0-9a-z]{26}$";

fn campaign() -> Value {
    json!({
        "name": "Spring",
        "bands": ["18-74", "75-plus"],
        "vaccines": [{
            "id": "bnt", "name": "BNT", "doses": 2, "days_min": 21, "days_max": 49,
            "after_infection_days": 60, "reaction_minutes": 15,
        }],
        "phases": [
            {
                "id": "p1", "says": "people of 75 and older",
                "opens": "2027-03-01T08:00:00+01:00", "groups": [{"bands": ["75-plus"]}],
            },
            {"id": "all", "says": "everybody", "opens": "2027-05-03T08:00:00+02:00"},
        ],
        "line": [{"bands": ["75-plus"]}],
    })
}

fn delivery() -> Value {
    json!({
        "place_id": "place_7kr3t0v7xq2c9d5h6j1k8n4m2p",
        "vaccine": "bnt",
        "lot": "FK2042",
        "arrives": "2027-03-22T06:00:00+01:00",
        "expires": "2027-06-01T00:00:00+02:00",
        "doses": 100,
    })
}

fn place() -> Value {
    query("place_id", "The place.", schema("PlaceId"))
}

pub(super) fn add() -> Described {
    let made = json_of("The campaign.", "Campaign");
    Described {
        body: body("CampaignSet", &campaign()),
        answers: vec![(201, located(made, CAMPAIGN_ADDRESS))],
        refusals: &[Code::IdempotencyKeyReused],
        ..booking(
            CAMPAIGNS,
            "addCampaign",
            "Add a campaign",
            "Its vaccines, and for whom doses can be booked from when on. A calendar gives doses \
             of it where a reason has `rules.dose`.",
        )
    }
}

pub(super) fn change() -> Described {
    Described {
        body: body("CampaignSet", &campaign()),
        answers: vec![(200, json_of("As it is now.", "Campaign"))],
        refusals: &[Code::UnknownCampaign, Code::IdempotencyKeyReused],
        ..booking(
            CAMPAIGNS,
            "changeCampaign",
            "Change a campaign",
            "It is replaced as a whole. What is booked stays as it is.",
        )
    }
}

pub(super) fn read() -> Described {
    Described {
        parameters: vec![if_none_match()],
        answers: vec![(200, tagged(json_of("The campaign.", "Campaign"))), not_modified()],
        refusals: &[Code::UnknownCampaign],
        ..booking(CAMPAIGNS, "readCampaign", "Read a campaign", "As it is set now.")
    }
}

pub(super) fn list() -> Described {
    Described {
        parameters: vec![limit(), cursor(), if_none_match()],
        answers: vec![(200, tagged(json_of("A page.", "CampaignsPage"))), not_modified()],
        ..booking(CAMPAIGNS, "listCampaigns", "List campaigns", "In the order of their ids.")
    }
}

pub(super) fn add_delivery() -> Described {
    let made = json_of("The delivery.", "Delivered");
    Described {
        body: body("DeliveryRequest", &delivery()),
        answers: vec![(201, located(made, DELIVERY_ADDRESS))],
        refusals: &[Code::UnknownCampaign, Code::UnknownPlace, Code::IdempotencyKeyReused],
        ..booking(
            CAMPAIGNS,
            "addDelivery",
            "Say what will be delivered",
            "Doses can be booked of it at once, for when they are there. Whoever was left without \
             a dose at the place has one of it first.",
        )
    }
}

pub(super) fn change_delivery() -> Described {
    Described {
        body: body("DeliveryRequest", &delivery()),
        answers: vec![(200, json_of("As it is now, and whom that concerns.", "Delivered"))],
        refusals: &[
            Code::UnknownCampaign,
            Code::UnknownDelivery,
            Code::UnknownPlace,
            Code::IdempotencyKeyReused,
        ],
        ..booking(
            CAMPAIGNS,
            "changeDelivery",
            "Say of a delivery how it is now",
            "Its place, vaccine and lot stay. Where fewer doses are there than are booked, or they \
             come too late, doses are taken of what else is left at the place, for whoever booked \
             first; the others are named in `concerned`.",
        )
    }
}

pub(super) fn list_deliveries() -> Described {
    Described {
        parameters: vec![required(place())],
        answers: vec![(200, json_of("The deliveries.", "Deliveries"))],
        refusals: &[Code::UnknownCampaign, Code::UnknownPlace],
        ..booking(
            CAMPAIGNS,
            "listDeliveries",
            "List the deliveries to a place",
            "By vaccine; those first of which doses are taken first.",
        )
    }
}

pub(super) fn read_delivery() -> Described {
    Described {
        answers: vec![(200, json_of("The delivery.", "Delivery"))],
        refusals: &[Code::UnknownCampaign, Code::UnknownDelivery],
        ..booking(CAMPAIGNS, "readDelivery", "Read a delivery", "With its tally.")
    }
}

pub(super) fn waste() -> Described {
    Described {
        body: body("WastedRequest", &json!({"doses": 2})),
        answers: vec![(200, json_of("As it is now, and whom that concerns.", "Delivered"))],
        refusals: &[Code::UnknownCampaign, Code::UnknownDelivery, Code::IdempotencyKeyReused],
        ..booking(
            CAMPAIGNS,
            "wasteDoses",
            "Say how many doses were wasted",
            "In all so far, not since the last word. Where fewer are left than are booked, it is \
             as with a delivery that is reduced.",
        )
    }
}

pub(super) fn recall() -> Described {
    Described {
        body: body("RecallRequest", &json!({"lot": "FK2042"})),
        answers: vec![(200, json_of("Whom it concerns.", "ConcernedList"))],
        refusals: &[Code::UnknownCampaign, Code::IdempotencyKeyReused],
        ..booking(
            CAMPAIGNS,
            "recallLot",
            "Recall a lot",
            "No dose of it is booked or given any more, wherever it is. Names the patients who had \
             one given, and the appointments that were to have one, which have another dose now \
             where there is one.",
        )
    }
}

pub(super) fn without_dose() -> Described {
    Described {
        answers: vec![(200, json_of("The appointments.", "ConcernedList"))],
        refusals: &[Code::UnknownCampaign],
        ..booking(
            CAMPAIGNS,
            "listWithoutDose",
            "List appointments without a dose",
            "Those of the campaign that have no dose any more, at most 1,000; who booked first \
             comes first.",
        )
    }
}

pub(super) fn coverage() -> Described {
    let by = json!({
        "type": "string",
        "pattern": "^((place|day|vaccine|band|territory)(,|$))*$",
    });
    let format = json!({"type": "string", "enum": ["json", "csv", "prometheus"]});
    let rows = json!({
        "description": "The rows: as JSON, as CSV where `format` or `Accept` asks for it, or as \
            text for Prometheus.",
        "content": {
            "application/json": {"schema": schema("Coverage")},
            "text/csv": {"schema": {"type": "string"}},
            "text/plain": {"schema": {"type": "string"}},
        },
    });
    Described {
        parameters: vec![
            query("by", "What rows are told apart by, parted by commas; one row if none.", by),
            query("place_id", "At this place alone.", schema("PlaceId")),
            query("from", "From this day on.", schema("Date")),
            query("until", "Until this day, which counts too.", schema("Date")),
            query("format", "What `Accept` asks for if left out.", format),
        ],
        answers: vec![(200, rows)],
        refusals: &[Code::UnknownCampaign, Code::UnknownPlace],
        ..booking(
            CAMPAIGNS,
            "readCoverage",
            "Read who is protected",
            "Doses given and booked, exact up to what is durable; at most 20,000 rows. Nobody is \
             named, but a row can be about one person: take care with what is told apart.",
        )
    }
}

pub(super) fn desk() -> Described {
    let day = required(query("day", "The day.", schema("Date")));
    Described {
        parameters: vec![required(place()), day],
        answers: vec![(200, json_of("What there is to see.", "Desk"))],
        refusals: &[Code::UnknownCampaign, Code::UnknownPlace],
        ..booking(
            CAMPAIGNS,
            "readDesk",
            "Read what a campaign desk sees",
            "The deliveries to a place with their tallies, what was given and is booked there on a \
             day, the appointments there without a dose, and how many wait there, in one call.",
        )
    }
}
