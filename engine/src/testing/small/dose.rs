//! One dose, in a small world.

use crate::booking::{Definition, Location, Rules};
use crate::campaign::{Campaign, DoseRule, Facts, Phase, Vaccine};
use crate::engine::Engine;
use crate::ids::{CampaignId, Code, IdError, PlaceId, VaccineId};
use crate::request::{DoseAsked, PutDelivery};
use crate::time::Timestamp;

/// A campaign, and where its doses are.
#[derive(Clone, Debug)]
pub(super) struct Doses {
    campaign: CampaignId,
    place: PlaceId,
    vaccine: VaccineId,
    band: Code,
}

/// A campaign for everybody, with one dose at one place.
pub(super) async fn one(engine: &Engine) -> Result<Doses, String> {
    let known = |error: IdError| error.to_string();
    let now = engine.now();
    let (vaccine, band) = (VaccineId::new("v").map_err(known)?, Code::new("all").map_err(known)?);
    let name = || "One".to_owned();
    let location = Location { name: name(), address: None, lat: None, lon: None, department: None };
    let phase = Phase {
        id: band.clone(),
        says: "everybody".to_owned(),
        opens: now,
        closes: None,
        groups: Vec::new(),
        doses: Vec::new(),
    };
    let of_one = Vaccine {
        id: vaccine.clone(),
        name: name(),
        doses: 1,
        days_min: 1,
        days_max: 1,
        booster: None,
        after_infection_days: 0,
        reaction_minutes: 15,
        bands: Vec::new(),
    };
    let campaign = Campaign {
        name: name(),
        bands: vec![band.clone()],
        vaccines: vec![of_one],
        phases: vec![phase],
        line: Vec::new(),
    };
    let place = Box::pin(engine.put_place(None, location, None)).await;
    let Ok(Ok(place)) = place else { return Err(format!("no place: {place:?}")) };
    let campaign = engine.put_campaign(None, campaign, None).await;
    let Ok(Ok(campaign)) = campaign else { return Err(format!("no campaign: {campaign:?}")) };
    let (campaign, place) = (campaign.value.id, place.value.0);
    let delivery = PutDelivery {
        id: None,
        campaign,
        place,
        vaccine: vaccine.clone(),
        lot: "lot".parse().map_err(known)?,
        arrives: now,
        expires: now.plus_minutes(30 * 24 * 60),
        doses: 1,
        command: None,
    };
    let delivered = engine.put_delivery(delivery).await;
    if !matches!(delivered, Ok(Ok(_))) {
        return Err(format!("no delivery: {delivered:?}"));
    }
    Ok(Doses { campaign, place, vaccine, band })
}

impl Doses {
    /// Has the reasons of a calendar give doses.
    pub(super) fn are_given_by(&self, definition: &mut Definition) {
        definition.agenda.place = Some(self.place);
        for reason in &mut definition.reasons {
            let (campaign, vaccine) = (self.campaign, self.vaccine.clone());
            let dose = Some(DoseRule { campaign, vaccine });
            reason.rules = Rules { dose, ..Rules::default() };
        }
    }

    /// A first dose, for whomever.
    pub(super) fn asked(&self, stated_at: Timestamp) -> DoseAsked {
        let facts = Facts::of(self.band.clone(), stated_at);
        DoseAsked { campaign: self.campaign, number: 1, facts }
    }
}
