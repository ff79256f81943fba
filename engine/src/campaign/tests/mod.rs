//! Tests of a campaign's rules: [`stories`] as people live them, [`laws`] over random campaigns.

mod laws;
mod stories;

use super::{Campaign, Facts, Group, Phase, Vaccine};
use crate::ids::{Code, VaccineId};
use crate::time::Timestamp;

fn code(name: &str) -> Code {
    Code::new(name).unwrap()
}

fn codes(names: &str) -> Vec<Code> {
    names.split_whitespace().map(code).collect()
}

fn vaccine_id(name: &str) -> VaccineId {
    VaccineId::new(name).unwrap()
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn phase(id: &str, opens: &str, groups: Vec<Group>) -> Phase {
    Phase {
        id: code(id),
        says: format!("people of {id}"),
        opens: at(opens),
        closes: None,
        groups,
        doses: Vec::new(),
    }
}

fn of_bands(names: &str) -> Group {
    Group { bands: codes(names), ..Group::default() }
}

/// Two doses three to six weeks apart, one booster; first those over 75, two months later those
/// over 65 and whoever nurses.
fn campaign() -> Campaign {
    let vaccine = Vaccine {
        id: vaccine_id("mrna"),
        name: "An mRNA vaccine".to_owned(),
        doses: 2,
        days_min: 21,
        days_max: 42,
        booster: Some(super::Booster { after_days: 90, most: 1 }),
        after_infection_days: 60,
        reaction_minutes: 15,
        bands: codes("18-64 65-74 75+"),
    };
    let nurses = Group { professions: codes("nurse"), ..Group::default() };
    Campaign {
        name: "Spring".to_owned(),
        bands: codes("0-17 18-64 65-74 75+"),
        vaccines: vec![vaccine],
        phases: vec![
            phase("oldest", "2027-01-18T07:00:00Z", vec![of_bands("75+")]),
            phase("older", "2027-03-15T07:00:00Z", vec![of_bands("65-74"), nurses]),
        ],
        line: vec![of_bands("75+"), of_bands("65-74")],
    }
}

fn facts(band: &str, stated_at: Timestamp) -> Facts {
    Facts::of(code(band), stated_at)
}
