//! Laws over random people, doses and instants.

use proptest::prelude::*;

use super::super::eligibility::days_between;
use super::super::{
    Asked, Booster, Campaign, Delivery, Facts, Group, Ineligible, Phase, Record, Recorded, Tally,
    Vaccine,
};
use super::{code, vaccine_id};
use crate::ids::{CampaignId, Code, DeliveryId, HoldId, LotId, PlaceId};
use crate::time::Timestamp;

const HOUR: i64 = 60 * 60 * 1_000;

fn some(names: &'static [&'static str]) -> impl Strategy<Value = Vec<Code>> {
    proptest::sample::subsequence(names, 0..=names.len())
        .prop_map(|names| names.into_iter().map(code).collect())
}

const BANDS: &[&str] = &["child", "adult", "old"];

fn group() -> impl Strategy<Value = Group> {
    (some(BANDS), some(&["ill"]), some(&["nurse"]), some(&["north", "south"])).prop_map(
        |(bands, conditions, professions, territories)| Group {
            bands,
            conditions,
            professions,
            territories,
        },
    )
}

fn instant() -> impl Strategy<Value = Timestamp> {
    (0..2_000_i64).prop_map(|hours| Timestamp::from_millis(hours * HOUR))
}

fn a_phase() -> impl Strategy<Value = Phase> {
    let closes = proptest::option::of(1..500_i64);
    let doses = proptest::collection::vec(1..4_u8, 0..3);
    (instant(), closes, proptest::collection::vec(group(), 0..3), doses).prop_map(
        |(opens, closes, groups, doses)| Phase {
            id: code("x"),
            says: "some".to_owned(),
            opens,
            closes: closes.map(|hours| opens.plus_ms(hours * HOUR)),
            groups,
            doses,
        },
    )
}

prop_compose! {
    fn a_campaign()(
        mut phases in proptest::collection::vec(a_phase(), 1..5),
        line in proptest::collection::vec(group(), 0..3),
        days_min in 1..30_u16,
        more in 0..30_u16,
        doses in 1..4_u8,
        booster in proptest::option::of(1..90_u16),
        bands in some(BANDS),
        after_infection_days in 0..40_u16,
    ) -> Campaign {
        for (place, phase) in phases.iter_mut().enumerate() {
            phase.id = code(&format!("phase-{place}"));
        }
        let booster = booster.map(|after_days| Booster { after_days, most: 2 });
        let vaccine = Vaccine {
            id: vaccine_id("v"), name: "V".to_owned(), doses, days_min, days_max: days_min + more,
            booster, after_infection_days, reaction_minutes: 15, bands,
        };
        let bands = BANDS.iter().map(|name| code(name)).collect();
        Campaign { name: "C".to_owned(), bands, vaccines: vec![vaccine], phases, line }
    }
}

prop_compose! {
    fn some_facts()(
        band in proptest::sample::select(BANDS),
        territory in proptest::option::of(proptest::sample::select(&["north", "south"][..])),
        conditions in some(&["ill"]),
        professions in some(&["nurse"]),
        infected_at in proptest::option::of(instant()),
    ) -> Facts {
        let territory = territory.map(code);
        let facts = Facts::of(code(band), Timestamp::default());
        Facts { territory, conditions, professions, infected_at, ..facts }
    }
}

/// The same rules once more, told plainly.
fn naive(campaign: &Campaign, facts: &Facts, number: u8, start: Timestamp, now: Timestamp) -> bool {
    let vaccine = &campaign.vaccines[0];
    let booster = vaccine.booster.map_or(0, |booster| booster.most);
    let in_group = |group: &Group| {
        let meets = |asked: &Vec<Code>, has: &dyn Fn(&Code) -> bool| {
            asked.is_empty() || asked.iter().filter(|code| has(code)).count() != 0
        };
        meets(&group.bands, &|code| *code == facts.band)
            && meets(&group.conditions, &|code| facts.conditions.contains(code))
            && meets(&group.professions, &|code| facts.professions.contains(code))
            && meets(&group.territories, &|code| Some(code) == facts.territory.as_ref())
    };
    let mut allowed = false;
    for phase in &campaign.phases {
        let open = phase.opens <= now && phase.closes.is_none_or(|closes| now < closes);
        let dose = phase.doses.is_empty() || phase.doses.contains(&number);
        let person = phase.groups.is_empty() || phase.groups.iter().any(&in_group);
        allowed |= open && dose && person;
    }
    let well = facts.infected_at.is_none_or(|at| {
        at.millis() + i64::from(vaccine.after_infection_days) * 24 * HOUR <= start.millis()
    });
    let band = vaccine.bands.is_empty() || vaccine.bands.contains(&facts.band);
    allowed && well && band && 1 <= number && number <= vaccine.doses + booster
}

proptest! {
    #[test]
    fn who_may_is_as_the_rules_say_plainly(
        campaign in a_campaign(), facts in some_facts(), number in 0..7_u8,
        start in instant(), now in instant(),
    ) {
        let facts = Facts { stated_at: now, ..facts };
        let vaccine = vaccine_id("v");
        let asked = Asked { vaccine: &vaccine, number, start, facts: &facts };
        let campaign = campaign.checked().unwrap();
        let said = campaign.eligible(&asked, now);
        prop_assert_eq!(said.is_ok(), naive(&campaign, &facts, number, start, now), "{:?}", said);
    }

    /// What a refusal promises comes true, and no earlier.
    #[test]
    fn what_is_promised_comes_true(
        campaign in a_campaign(), facts in some_facts(), number in 1..4_u8,
        start in instant(), now in instant(),
    ) {
        let vaccine = vaccine_id("v");
        let ask = |start, now| {
            let facts = Facts { stated_at: now, ..facts.clone() };
            let asked = Asked { vaccine: &vaccine, number, start, facts: &facts };
            campaign.eligible(&asked, now).map(|_| ())
        };
        match ask(start, now) {
            Err(Ineligible::NotYet { opens, .. }) => {
                prop_assert!(now < opens);
                let then = ask(start, opens);
                let well = Err(()).or(then);
                prop_assert!(
                    matches!(well, Ok(()) | Err(Ineligible::AfterInfection { .. })), "{:?}", well
                );
                let before = ask(start, opens.plus_ms(-1));
                prop_assert!(matches!(before, Err(Ineligible::NotYet { .. })), "{:?}", before);
            }
            Err(Ineligible::AfterInfection { from }) => {
                prop_assert!(start < from);
                prop_assert_eq!(ask(from, now), Ok(()));
                prop_assert!(ask(from.plus_ms(-1), now).is_err());
            }
            _ => {}
        }
    }

    /// Bounds that are told are the bounds.
    #[test]
    fn an_interval_is_told_to_the_millisecond(
        campaign in a_campaign(), facts in some_facts(), first in instant(), other in instant(),
        second_asked in any::<bool>(), boosted in any::<bool>(),
        at_once in proptest::bool::weighted(0.2),
    ) {
        let other = if at_once { first } else { other };
        let vaccine = vaccine_id("v");
        let doses = campaign.vaccines[0].doses;
        let first_number = if boosted { doses } else { 1 };
        prop_assume!(boosted || 1 < doses);
        let number = first_number + u8::from(second_asked);
        let known = if second_asked { first_number } else { first_number + 1 };
        let mut records = vec![Record {
            booking: Some(HoldId::from_bits(1)), number: known, vaccine: vaccine.clone(),
            at: first, is: Recorded::Booked,
        }];
        // The one before the first, where there is one, is far enough away to be in nobody's way.
        if !second_asked && 1 < number {
            let booking = Some(HoldId::from_bits(2));
            let at = Timestamp::from_millis(i64::MIN);
            let vaccine = vaccine.clone();
            records.push(Record { booking, number: number - 1, vaccine, at, is: Recorded::Given });
        }
        let ask = |start| {
            let asked = Asked { vaccine: &vaccine, number, start, facts: &facts };
            campaign.follows(&asked, &records, None)
        };
        let only_late = !second_asked && 1 < number;
        prop_assume!(!only_late);
        match ask(other) {
            Ok(()) => {
                let (one, two) = if second_asked { (first, other) } else { (other, first) };
                let days = days_between(one, two);
                let (least, most) = campaign.vaccines[0].days_before(first_number + 1);
                prop_assert!(least <= days && most.is_none_or(|most| days <= most));
            }
            Err(Ineligible::TooEarly { from }) => {
                prop_assert!(other < from);
                prop_assert_eq!(ask(from), Ok(()));
                let before = ask(from.plus_ms(-1));
                prop_assert!(matches!(before, Err(Ineligible::TooEarly { .. })), "{:?}", before);
            }
            Err(Ineligible::TooLate { until }) => {
                prop_assert!(until <= other);
                prop_assert_eq!(ask(until.plus_ms(-1)), Ok(()));
                let after = ask(until);
                prop_assert!(matches!(after, Err(Ineligible::TooLate { .. })), "{:?}", after);
            }
            Err(other) => prop_assert!(false, "{other}"),
        }
    }

    /// Who is of an earlier group of the line never comes after somebody of none.
    #[test]
    fn the_line_is_by_group(campaign in a_campaign(), one in some_facts(), other in some_facts()) {
        let first = |facts: &Facts| campaign.line.iter().position(|group| group.has(facts));
        let (of_one, of_other) = (first(&one), first(&other));
        let before = match (of_one, of_other) {
            (Some(one), Some(other)) => one < other,
            (one, other) => one.is_some() && other.is_none(),
        };
        prop_assert_eq!(campaign.rank(&one) < campaign.rank(&other), before);
    }

    /// A dose is taken first of what expires first.
    #[test]
    fn what_expires_first_is_taken_first(
        stretches in proptest::collection::vec((0..50_i64, 1..50_i64), 1..6), start in 0..100_i64,
    ) {
        let day = |days: i64| Timestamp::from_millis(days * 24 * HOUR);
        let mut all: Vec<Delivery> = Vec::new();
        for (place, (arrives, lasts)) in stretches.into_iter().enumerate() {
            let delivery = Delivery {
                id: DeliveryId::from_bits(place as u128), campaign: CampaignId::from_bits(1),
                place: PlaceId::from_bits(1), vaccine: vaccine_id("v"),
                lot: LotId::new("L").unwrap(), arrives: day(arrives),
                expires: day(arrives + lasts), doses: 1,
            };
            all.push(delivery.checked().unwrap());
        }
        all.sort_by_key(Delivery::preference);
        let serving: Vec<_> = all.iter().filter(|it| it.serves(day(start))).collect();
        for pair in serving.windows(2) {
            prop_assert!(pair[0].expires <= pair[1].expires);
            if pair[0].expires == pair[1].expires {
                prop_assert!(pair[1].arrives <= pair[0].arrives);
            }
        }
        let naive = |it: &&Delivery| it.arrives <= day(start) && day(start) < it.expires;
        prop_assert_eq!(serving.len(), all.iter().filter(naive).count());
    }

    /// Doses are neither made nor lost by what is counted.
    #[test]
    fn a_tally_adds_up(doses in 0..100_u32, acts in proptest::collection::vec(0..4_u8, 0..200)) {
        let (mut tally, mut claimed, mut given) = (Tally::default(), 0_i64, 0_i64);
        for act in acts {
            let (more, over) = match act {
                0 if claimed + given < doses.into() => (1, 0),
                1 if 0 < claimed => (-1, 0),
                2 if 0 < claimed => (-1, 1),
                3 if claimed + given < doses.into() => (0, 1),
                _ => (0, 0),
            };
            tally.count(more, over);
            (claimed, given) = (claimed + i64::from(more), given + i64::from(over));
            prop_assert_eq!(tally.left(doses), i64::from(doses) - claimed - given);
            prop_assert!(0 <= tally.left(doses));
        }
    }
}
