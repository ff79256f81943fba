//! Who is told what, in the spring of a campaign.

use super::super::{Asked, Campaign, Elsewhere, Facts, Group, Ineligible, Record, Recorded};
use super::{at, campaign, code, codes, facts, vaccine_id};
use crate::ids::HoldId;
use crate::time::Timestamp;

const JANUARY: &str = "2027-01-20T09:00:00Z";

fn told(campaign: &Campaign, facts: &Facts, number: u8, start: &str, now: &str) -> String {
    let vaccine = vaccine_id("mrna");
    let asked = Asked { vaccine: &vaccine, number, start: at(start), facts };
    match campaign.eligible(&asked, at(now)) {
        Ok(phase) => phase.id.to_string(),
        Err(why) => why.to_string(),
    }
}

#[test]
fn who_is_refused_is_told_from_when_and_for_whom() {
    let campaign = campaign().checked().unwrap();
    let now = at(JANUARY);
    let told = |facts: &Facts| told(&campaign, facts, 1, "2027-01-25T09:00:00Z", JANUARY);
    assert_eq!(told(&facts("75+", now)), "oldest");
    let later = "from 2027-03-15T07:00:00Z for people of older";
    assert_eq!(told(&facts("65-74", now)), later);
    let mut nurse = facts("18-64", now);
    assert_eq!(told(&nurse), "the campaign is not for them so far");
    nurse.professions = codes("nurse");
    assert_eq!(told(&nurse), later);
    assert_eq!(told(&facts("0-17", now)), "the vaccine is not for people of 0-17");
    assert_eq!(told(&facts("100+", now)), "the campaign has no age band 100+");
    let old = facts("75+", now.plus_minutes(-60));
    assert_eq!(told(&old), "the facts must have been stated within the last hour");
    let mut ill = facts("75+", now);
    ill.infected_at = Some(at("2027-01-01T00:00:00Z"));
    let healthy = "after an infection it is given from 2027-03-02T00:00:00Z on";
    assert_eq!(told(&ill), healthy);
}

#[test]
fn a_phase_that_is_over_says_so_and_one_may_be_for_boosters_alone() {
    let mut campaign = campaign();
    campaign.phases[0].closes = Some(at("2027-02-01T00:00:00Z"));
    campaign.phases[1].doses = vec![3];
    let campaign = campaign.checked().unwrap();
    let now = "2027-04-01T09:00:00Z";
    let told = |band, number| told(&campaign, &facts(band, at(now)), number, now, now);
    assert_eq!(told("75+", 1), "booking for people of oldest has ended");
    assert_eq!(told("65-74", 1), "the campaign is not for them so far");
    assert_eq!(told("65-74", 3), "older");
    assert_eq!(told("65-74", 4), "the vaccine has 3 doses");
}

#[test]
fn a_group_asks_for_all_of_its_lists() {
    let group = Group {
        bands: codes("18-64 65-74"),
        conditions: codes("asthma diabetes"),
        ..Group::default()
    };
    let mut somebody = facts("18-64", at(JANUARY));
    assert!(!group.has(&somebody));
    somebody.conditions = codes("diabetes");
    assert!(group.has(&somebody));
    somebody.band = code("75+");
    assert!(!group.has(&somebody));
    assert!(Group::default().has(&somebody), "who asks for nothing has everybody");
}

fn record(booking: u128, number: u8, vaccine: &str, at: Timestamp, is: Recorded) -> Record {
    let vaccine = vaccine_id(vaccine);
    Record { booking: Some(HoldId::from_bits(booking)), number, vaccine, at, is }
}

fn follows(records: &[Record], number: u8, start: &str, except: Option<u128>) -> String {
    let (vaccine, facts) = (vaccine_id("mrna"), facts("75+", at(JANUARY)));
    let asked = Asked { vaccine: &vaccine, number, start: at(start), facts: &facts };
    match campaign().follows(&asked, records, except.map(HoldId::from_bits)) {
        Ok(()) => "may".to_owned(),
        Err(why) => why.to_string(),
    }
}

#[test]
fn a_second_dose_comes_in_its_time_after_a_first() {
    let (first, start) = (at("2027-02-01T15:00:00Z"), "2027-02-22T09:00:00Z");
    assert_eq!(follows(&[], 2, start, None), "dose 1 comes first");
    let held = record(1, 1, "mrna", first, Recorded::Held);
    assert_eq!(follows(&[held], 2, start, None), "dose 1 comes first", "it may yet end");
    let booked = [record(1, 1, "mrna", first, Recorded::Booked)];
    assert_eq!(follows(&booked, 2, start, None), "may", "21 days, though not to the hour");
    let early = "it can be given from 2027-02-22T03:00:00Z on";
    assert_eq!(follows(&booked, 2, "2027-02-21T16:00:00Z", None), early);
    let late = "it can be given before 2027-03-16T03:00:00Z";
    assert_eq!(follows(&booked, 2, "2027-03-16T09:00:00Z", None), late);
    assert_eq!(follows(&booked, 1, start, None), "the person has dose 1 already");
    assert_eq!(follows(&booked, 1, start, Some(1)), "may", "it may move");
    let other = [record(1, 1, "vector", first, Recorded::Given)];
    assert_eq!(follows(&other, 2, start, None), "the dose before is of vector");
    assert_eq!(follows(&booked, 3, "2027-09-01T09:00:00Z", None), "dose 2 comes first");
    let vector = record(2, 2, "vector", at(start), Recorded::Given);
    let after = "2027-09-01T09:00:00Z";
    assert_eq!(follows(&[vector], 3, after, None), "may", "a booster may be another vaccine");
}

#[test]
fn a_first_dose_that_moves_keeps_the_interval_to_its_second() {
    let second = at("2027-03-01T09:00:00Z");
    let both = [
        record(1, 1, "mrna", at("2027-02-01T09:00:00Z"), Recorded::Booked),
        record(2, 2, "mrna", second, Recorded::Booked),
    ];
    assert_eq!(follows(&both, 1, "2027-02-05T09:00:00Z", Some(1)), "may");
    let late = "it can be given before 2027-02-08T21:00:00.001Z";
    assert_eq!(follows(&both, 1, "2027-02-10T09:00:00Z", Some(1)), late);
    let early = "it can be given from 2027-01-17T21:00:00.001Z on";
    assert_eq!(follows(&both, 1, "2027-01-10T09:00:00Z", Some(1)), early);
}

#[test]
fn doses_given_elsewhere_count_and_what_is_known_here_counts_before() {
    let vaccine = vaccine_id("mrna");
    let mut facts = facts("75+", at(JANUARY));
    let first = at("2027-01-01T09:00:00Z");
    facts.elsewhere = vec![Elsewhere { number: 1, vaccine: vaccine.clone(), at: first }];
    facts.check().unwrap();
    let asked = |number| Asked {
        vaccine: &vaccine,
        number,
        start: at("2027-01-25T09:00:00Z"),
        facts: &facts,
    };
    assert_eq!(campaign().follows(&asked(2), &[], None), Ok(()));
    let twice = Ineligible::HasDose { number: 1, booking: None };
    assert_eq!(campaign().follows(&asked(1), &[], None), Err(twice));
    let here = [record(9, 1, "mrna", at("2027-01-20T09:00:00Z"), Recorded::Booked)];
    let refused = campaign().follows(&asked(2), &here, None);
    assert!(matches!(refused, Err(Ineligible::TooEarly { .. })), "{refused:?}");
    let mut twice = facts.clone();
    twice.elsewhere.push(facts.elsewhere[0].clone());
    assert_eq!(twice.check().unwrap_err().field, "facts.elsewhere[1].number");
}

#[test]
fn the_line_has_an_order() {
    let campaign = campaign();
    let rank = |band| campaign.rank(&facts(band, at(JANUARY)));
    assert_eq!(["75+", "65-74", "18-64"].map(rank), [0, 1, 2]);
}

#[test]
fn what_a_campaign_breaks_is_named() {
    let broken = |change: &dyn Fn(&mut Campaign)| {
        let mut campaign = campaign();
        change(&mut campaign);
        campaign.checked().map_err(|it| format!("{} {}", it.field, it.rule)).unwrap_err()
    };
    type Broken<'a> = (&'a dyn Fn(&mut Campaign), &'a str);
    let all: [Broken<'_>; 15] = [
        (&|it| it.name.clear(), "name must not be empty"),
        (&|it| it.bands = codes("a a"), "bands must not name anything twice"),
        (&|it| it.bands.clear(), "bands must be 1 to 32"),
        (&|it| it.vaccines.clear(), "vaccines must be 1 to 16"),
        (&|it| it.vaccines[0].doses = 0, "vaccines[0].doses must be 1 to 9, boosters included"),
        (&|it| it.vaccines[0].doses = 9, "vaccines[0].doses must be 1 to 9, boosters included"),
        (&|it| it.vaccines[0].days_min = 0, "vaccines[0].days_min must be at least 1"),
        (&|it| it.vaccines[0].days_min = 43, "vaccines[0].days_max must be days_min to 730"),
        (
            &|it| it.vaccines[0].after_infection_days = 731,
            "vaccines[0].after_infection_days must be at most 730",
        ),
        (
            &|it| it.vaccines[0].reaction_minutes = 241,
            "vaccines[0].reaction_minutes must be at most 240",
        ),
        (
            &|it| it.vaccines[0].bands = codes("100+"),
            "vaccines[0].bands must be age bands of the campaign",
        ),
        (&|it| it.vaccines.push(it.vaccines[0].clone()), "vaccines[1].id must not stand twice"),
        (
            &|it| it.phases[1].closes = Some(it.phases[1].opens),
            "phases[1].closes must come after opens",
        ),
        (&|it| it.phases[1].doses = vec![0], "phases[1].doses must be numbers of 1 to 9"),
        (&|it| it.line[1].bands = codes("x"), "line[1].bands must be age bands of the campaign"),
    ];
    for (change, told) in all {
        assert_eq!(broken(change), told);
    }
}
