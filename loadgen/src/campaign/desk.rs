//! What the desk of a campaign does while people come: a delivery is cut, another comes, doses are
//! given, and a lot is recalled. Each is in the ledger before it is sent, and after its answer.

use std::sync::Arc;

use creneau::{AppointmentId, CampaignId, HoldId};
use hyper::Method;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::Booked;
use super::setup::{VACCINE, parsed};
use crate::api::{Ask, Outcome};
use crate::caller::Manner;
use crate::clock::{pause, wall};
use crate::dice::Dice;
use crate::driver::{Done, Driver};
use crate::ledger::campaign::{Concerned, Delivery};
use crate::ledger::{Entry, Ledger};
use crate::patient::World;
use crate::scenario::{Campaign, Change};

/// Who operates: what is asked for until it is done, and written down.
pub(super) struct Order<'a> {
    pub(super) driver: &'a Driver,
    pub(super) ledger: &'a Ledger,
    pub(super) run: &'a str,
}

impl Order<'_> {
    pub(super) fn key(&self, what: &str) -> String {
        format!("{}-{what}", self.run)
    }

    pub(super) async fn send(
        &self,
        method: Method,
        path: &str,
        body: &Value,
        key: &str,
    ) -> Result<Done, String> {
        let done = self.driver.operate(method, path, Some(body), Some(key)).await;
        done.map_err(|error| format!("{path}: {error}"))
    }

    pub(super) async fn made<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &Value,
        what: &str,
    ) -> Result<T, String> {
        let told = self.send(Method::POST, path, body, &self.key(what)).await?;
        serde_json::from_slice(&told.body).map_err(|error| format!("{path}: {error}"))
    }

    pub(super) async fn read<T: DeserializeOwned>(&self, path: &str) -> Result<T, String> {
        let told = self.driver.operate(Method::GET, path, None, None).await?;
        serde_json::from_slice(&told.body).map_err(|error| format!("{path}: {error}"))
    }

    pub(super) async fn note(&self, key: &str, entry: Entry) -> Result<(), String> {
        let written = self.ledger.write(wall(), "", &self.key(key), entry).await;
        written.map_err(|_| "the ledger is lost".to_owned())
    }
}

#[derive(Deserialize)]
struct DeliverySaid {
    delivery_id: String,
}

#[derive(Deserialize)]
struct ConcernedSaid {
    appointment_id: String,
    #[serde(default)]
    delivery_id: Option<String>,
    given: bool,
}

#[derive(Deserialize)]
struct Delivered {
    delivery: DeliverySaid,
    concerned: Vec<ConcernedSaid>,
}

#[derive(Deserialize)]
struct Recalled {
    concerned: Vec<ConcernedSaid>,
}

fn concerned(all: &[ConcernedSaid]) -> Result<Vec<Concerned>, String> {
    let each = all.iter().map(|it| {
        let appointment: AppointmentId = parsed(&it.appointment_id)?;
        let delivery = it.delivery_id.as_deref().map(parsed).transpose()?;
        Ok(Concerned { hold: appointment.into(), delivery, given: it.given })
    });
    each.collect()
}

/// Says what is delivered, anew or of a delivery that was said before.
pub(super) async fn deliver(
    order: &Order<'_>,
    campaign: CampaignId,
    mut it: Delivery,
) -> Result<Delivery, String> {
    let body = json!({
        "place_id": it.place.to_string(), "vaccine": VACCINE, "lot": it.lot, "doses": it.doses,
        "arrives": it.arrives.to_string(), "expires": it.expires.to_string(),
    });
    let all = format!("/v1/campaigns/{campaign}/deliveries");
    let (method, path) = match it.delivery {
        None => (Method::POST, all),
        Some(id) => (Method::PUT, format!("{all}/{id}")),
    };
    let doses = it.doses;
    let name = format!("d{}-{doses}", it.lot.trim_start_matches(order.run));
    order.note(&name, Entry::DeliveryAsked(it.clone())).await?;
    let told = order.send(method, &path, &body, &order.key(&name)).await?;
    let once = told.once;
    let told: Delivered = serde_json::from_slice(&told.body).map_err(|error| error.to_string())?;
    it.delivery = Some(parsed(&told.delivery.delivery_id)?);
    let (delivery, concerned) = (it.clone(), concerned(&told.concerned)?);
    order.note(&name, Entry::DeliveryTold { delivery, concerned, once }).await?;
    Ok(it)
}

/// Cuts the delivery of each centre, and has another come later, each at its time.
///
/// # Errors
///
/// What could not be done.
pub(crate) async fn tend(world: Arc<World>) -> Result<(), String> {
    let (Some(opened), Some(campaign)) = (&world.campaign, &world.scenario.campaign) else {
        return Ok(());
    };
    let order = Order { driver: &world.caller.driver, ledger: &world.ledger, run: &world.run };
    let Campaign { cut, extra, .. } = campaign;
    until(&world, cut).await;
    for whole in opened.deliveries.iter().filter(|_| 0 < cut.doses) {
        let doses = whole.doses.saturating_sub(cut.doses);
        deliver(&order, opened.set.campaign, Delivery { doses, ..whole.clone() }).await?;
    }
    until(&world, extra).await;
    for whole in opened.deliveries.iter().filter(|_| 0 < extra.doses) {
        let lot = format!("{}-more", whole.lot);
        let more = Delivery { delivery: None, lot, doses: extra.doses, ..whole.clone() };
        deliver(&order, opened.set.campaign, more).await?;
    }
    Ok(())
}

async fn until(world: &World, change: &Change) {
    let at_us = u64::from(change.after_seconds) * 1_000_000;
    pause(at_us.saturating_sub(world.caller.clock.us()) / 1_000).await;
}

/// Gives doses to some of those who booked one for today, and recalls the lot of one centre.
///
/// # Errors
///
/// What could not be done.
pub(crate) async fn evening(world: &World) -> Result<(), String> {
    let (Some(opened), Some(campaign)) = (&world.campaign, &world.scenario.campaign) else {
        return Ok(());
    };
    let order = Order { driver: &world.caller.driver, ledger: &world.ledger, run: &world.run };
    let mut dice = Dice::new(world.scenario.seed);
    for (number, Booked { person, first, second }) in opened.all_booked().iter().enumerate() {
        if dice.chance(campaign.given_share) {
            give(world, (person.as_str(), *first), number).await?;
        } else if let Some(second) = second {
            // Nobody is given a second dose before the first, and this one is weeks away.
            give(world, (person.as_str(), *second), number).await?;
        }
    }
    let Some(whole) = opened.deliveries.first() else { return Ok(()) };
    let lot = whole.lot.clone();
    order.note("recall", Entry::RecallAsked { lot: lot.clone() }).await?;
    let path = format!("/v1/campaigns/{}/recalls", opened.set.campaign);
    let told: Recalled = order.made(&path, &json!({ "lot": lot }), "recall").await?;
    let concerned = concerned(&told.concerned)?;
    order.note("recall", Entry::RecallTold { lot, concerned }).await
}

/// Gives a dose, or is told why not.
async fn give(world: &World, (person, hold): (&str, HoldId), number: usize) -> Result<(), String> {
    let World { caller, ledger, run, .. } = world;
    let ask = Ask::Give { appointment: hold.into() };
    let (call, key) = (ask.call(), format!("{run}-g{number}"));
    let lost = |_| "the ledger is lost".to_owned();
    ledger.write(wall(), person, &key, Entry::asked(&ask)).await.map_err(lost)?;
    let answered = caller.ask(&ask, Some(&key), Manner::Plain, caller.clock.us()).await;
    let entry = match answered.outcome {
        Outcome::Done(reply) => Entry::told(&ask, &reply)
            .unwrap_or_else(|| Entry::Unknown { call, why: "another kind of answer".to_owned() }),
        Outcome::Refused(it) => Entry::Refused { call, code: it.code, why: it.why },
        Outcome::Unclear(why) => Entry::Unknown { call, why },
    };
    ledger.write(wall(), person, &key, entry).await.map_err(lost)
}
