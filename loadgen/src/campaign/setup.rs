//! Setting a campaign up: places, the campaign itself, calendars that give its doses, deliveries.

use creneau::{CampaignId, PlaceId, Timestamp};
use hyper::Method;
use jiff::ToSpan;
use jiff::tz::TimeZone;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Opened;
use super::desk::{self, Order};
use crate::api::Bookable;
use crate::clock::wall;
use crate::driver::Driver;
use crate::ledger::campaign::{CampaignSet, CentreSet, CohortSet, Delivery};
use crate::ledger::{Entry, Ledger};
use crate::scenario::{Campaign, Scenario};

/// The one vaccine of a campaign that is rehearsed.
pub(super) const VACCINE: &str = "bnt";

const HOUR_MS: i64 = 60 * 60 * 1_000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// Sets up the campaign of a scenario in calendars that are there.
///
/// # Errors
///
/// Why it could not be.
pub(crate) async fn open(
    scenario: &Scenario,
    campaign: &Campaign,
    driver: &Driver,
    (ledger, run): (&Ledger, &str),
    calendars: &[Bookable],
) -> Result<Opened, String> {
    let order = Order { driver, ledger, run };
    let made: Made = order.made("/v1/campaigns", &body(campaign, run, wall()), "campaign").await?;
    let id: CampaignId = parsed(&made.campaign_id.unwrap_or_default())?;
    let mut centres = Vec::with_capacity(calendars.len());
    for (number, bookable) in calendars.iter().enumerate() {
        let place = centre(&order, id, bookable, number).await?;
        centres.push(CentreSet { calendar: bookable.calendar, place });
    }
    let mut deliveries = Vec::with_capacity(centres.len());
    for (number, centre) in centres.iter().enumerate() {
        let (first, second) = two(campaign, scenario, (run, number), centre.place);
        deliveries.push(desk::deliver(&order, id, first).await?);
        desk::deliver(&order, id, second).await?;
    }
    // Phases open counted from now, when the first patients come.
    let now = wall();
    let path = format!("/v1/campaigns/{id}");
    let key = order.key("opens");
    order.send(Method::PUT, &path, &body(campaign, run, now), &key).await?;
    let cohorts = campaign.cohorts.iter().map(|cohort| CohortSet {
        band: cohort.band.clone(),
        opens: cohort.opens_after_seconds.map(|after| opens(after, now)),
    });
    let set = CampaignSet {
        campaign: id,
        days_min: campaign.days_min,
        days_max: campaign.days_max,
        after_infection_days: campaign.after_infection_days,
        cohorts: cohorts.collect(),
        centres,
        line: campaign.line.clone(),
    };
    order.note("campaign", Entry::CampaignSet(set.clone())).await?;
    Ok(Opened::new(set, deliveries))
}

/// What is answered where something was made.
#[derive(Deserialize)]
struct Made {
    #[serde(default)]
    campaign_id: Option<String>,
    #[serde(default)]
    place_id: Option<String>,
}

pub(super) fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(
    text: &str,
) -> Result<T, String> {
    text.parse().map_err(|error| format!("{text:?}: {error}"))
}

fn opens(after_seconds: u32, now: Timestamp) -> Timestamp {
    // Who may book from the start on may have for an hour, so that no clock stands against it.
    let after = if after_seconds == 0 { -HOUR_MS } else { i64::from(after_seconds) * 1_000 };
    now.plus_ms(after)
}

/// The campaign whose phases open counted from `now`.
fn body(campaign: &Campaign, run: &str, now: Timestamp) -> Value {
    let bands: Vec<&str> = campaign.cohorts.iter().map(|it| it.band.as_str()).collect();
    let booking = campaign.cohorts.iter().filter(|it| it.opens_after_seconds.is_some());
    let served: Vec<&str> = booking.clone().map(|it| it.band.as_str()).collect();
    let phases: Vec<Value> = booking
        .filter_map(|it| {
            let opens = opens(it.opens_after_seconds?, now).to_string();
            Some(json!({
                "id": it.band, "says": format!("people of {}", it.band), "opens": opens,
                "groups": [{ "bands": [it.band] }],
            }))
        })
        .collect();
    let line: Vec<Value> = campaign.line.iter().map(|it| json!({ "bands": [it] })).collect();
    json!({
        "name": format!("Rehearsal {run}"), "bands": bands, "phases": phases, "line": line,
        "vaccines": [{
            "id": VACCINE, "name": "Vaccine", "doses": 2, "days_min": campaign.days_min,
            "days_max": campaign.days_max, "reaction_minutes": 15, "bands": served,
            "after_infection_days": campaign.after_infection_days,
        }],
    })
}

/// Has a calendar give doses of a campaign, and be open all of this day, on which some are given.
async fn centre(
    order: &Order<'_>,
    campaign: CampaignId,
    bookable: &Bookable,
    number: usize,
) -> Result<PlaceId, String> {
    #[derive(Deserialize)]
    struct Listed {
        time_zone: String,
        exceptions: Vec<Value>,
    }
    let name = json!({ "name": format!("Centre {number}") });
    let made: Made = order.made("/v1/places", &name, &format!("place-{number}")).await?;
    let place: PlaceId = parsed(&made.place_id.unwrap_or_default())?;
    let Bookable { calendar, reason, duration_minutes, buffer_minutes, .. } = bookable;
    let path = format!("/v1/calendars/{calendar}");
    let listed: Listed = order.read(&path).await?;
    let zone = TimeZone::get(&listed.time_zone).map_err(|error| error.to_string())?;
    let now = wall().to_jiff().to_zoned(zone);
    let today = now.date().to_string();
    let mut exceptions: Vec<Value> = listed.exceptions;
    // Around midnight both days count as this one.
    let tomorrow = now.date().saturating_add(1.day()).to_string();
    for day in [today, tomorrow] {
        exceptions.retain(|it| it.get("date").and_then(Value::as_str) != Some(&day));
        exceptions.push(json!({ "date": day, "hours": ["00:00-24:00"] }));
    }
    let change = json!({
        "place_id": place.to_string(), "exceptions": exceptions,
        "reasons": [{
            "id": reason.as_str(), "name": "Vaccination", "duration_minutes": duration_minutes,
            "buffer_minutes": buffer_minutes,
            "rules": { "dose": { "campaign_id": campaign.to_string(), "vaccine": VACCINE } },
        }],
    });
    let key = order.key(&format!("centre-{number}"));
    order.send(Method::PATCH, &path, &change, &key).await?;
    Ok(place)
}

/// The delivery of which first doses are, and the one of which second ones are.
fn two(
    campaign: &Campaign,
    scenario: &Scenario,
    (run, number): (&str, usize),
    place: PlaceId,
) -> (Delivery, Delivery) {
    let now = wall();
    // A dose is taken of what is there on the day of the appointment, so the first delivery ends
    // between the last day of first doses and the first of second ones.
    let last = i64::from(scenario.search.last_day) + i64::from(scenario.search.days);
    let ends = now.plus_ms(campaign.days_of_first(scenario) * DAY_MS);
    let delivery = |lot: &str, arrives, expires| Delivery {
        delivery: None,
        place,
        lot: format!("{run}-{number}-{lot}"),
        arrives,
        expires,
        doses: campaign.doses_per_centre,
    };
    let days = i64::from(campaign.days_max) + last + 2;
    let first = delivery("first", now.plus_ms(-HOUR_MS), ends);
    (first, delivery("second", ends, now.plus_ms(days * DAY_MS)))
}
