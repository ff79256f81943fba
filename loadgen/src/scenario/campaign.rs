//! A vaccination campaign: how many doses there are, who may have them, and what happens to them
//! meanwhile.

use serde::{Deserialize, Serialize};

use super::Scenario;
use super::rules::{must, within};
use creneau::Code;

/// A campaign with two doses for everybody.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Campaign {
    /// Doses that are delivered to each centre for those who come for a first one, and as many for
    /// those who come for a second one.
    pub(crate) doses_per_centre: u32,
    /// How many people there are at least for each of the first doses.
    pub(crate) people_per_dose: u32,
    /// The fewest days between the two doses.
    pub(crate) days_min: u16,
    /// The most.
    pub(crate) days_max: u16,
    /// Days after an infection in which nobody is given a dose.
    #[serde(default = "sixty")]
    pub(crate) after_infection_days: u16,
    /// Who there is, the youngest first.
    pub(crate) cohorts: Vec<Cohort>,
    #[serde(default)]
    pub(crate) mix: CampaignMix,
    pub(crate) cut: Change,
    pub(crate) extra: Change,
    /// The share of the appointments for a first dose that are given it at the end.
    #[serde(default = "half")]
    pub(crate) given_share: f64,
    /// The age bands that come first in the line of a centre, in their order.
    #[serde(default)]
    pub(crate) line: Vec<String>,
    /// The share of those for whom no dose is left that waits in line.
    #[serde(default)]
    pub(crate) line_share: f64,
    /// The share of those who wait that declines what they are offered, each time.
    #[serde(default = "tenth")]
    pub(crate) decline_share: f64,
    /// The share that never answers to it.
    #[serde(default = "tenth")]
    pub(crate) ignore_share: f64,
    /// Milliseconds between two looks of somebody who waits.
    #[serde(default = "second")]
    pub(crate) look_every_ms: u64,
}

const fn tenth() -> f64 {
    0.1
}

const fn second() -> u64 {
    1_000
}

const fn sixty() -> u16 {
    60
}

const fn half() -> f64 {
    0.5
}

/// The people of an age band.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Cohort {
    pub(crate) band: String,
    pub(crate) weight: u32,
    /// When they may book, in seconds after the first patient came; never where it is left out,
    /// because the vaccine is not for them.
    #[serde(default)]
    pub(crate) opens_after_seconds: Option<u32>,
}

/// What people of a campaign come for, by weight.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct CampaignMix {
    /// Hold both doses together, and confirm.
    pub(crate) both: u32,
    /// Hold the first alone, and confirm.
    pub(crate) first: u32,
    /// Book both and cancel both.
    pub(crate) cancel: u32,
    /// Hold both and walk away.
    pub(crate) abandon: u32,
    /// Book both and move the second, as often as not to where it lies too soon.
    #[serde(rename = "move")]
    pub(crate) moving: u32,
    /// Try twice at once, the second time at another centre.
    pub(crate) elsewhere: u32,
    /// Try twice at once, the second time under another account.
    pub(crate) account: u32,
    /// Want the second dose without the first.
    pub(crate) second: u32,
    /// State that they were infected of late.
    pub(crate) infected: u32,
    /// State what was stated two hours ago.
    pub(crate) outdated: u32,
}

impl Default for CampaignMix {
    fn default() -> Self {
        Self {
            both: 55,
            first: 10,
            cancel: 5,
            abandon: 5,
            moving: 5,
            elsewhere: 5,
            account: 5,
            second: 4,
            infected: 3,
            outdated: 3,
        }
    }
}

impl CampaignMix {
    /// The weights with the fields that they stand in.
    pub(crate) const fn weights(&self) -> [(&'static str, u32); 10] {
        [
            ("campaign.mix.both", self.both),
            ("campaign.mix.first", self.first),
            ("campaign.mix.cancel", self.cancel),
            ("campaign.mix.abandon", self.abandon),
            ("campaign.mix.move", self.moving),
            ("campaign.mix.elsewhere", self.elsewhere),
            ("campaign.mix.account", self.account),
            ("campaign.mix.second", self.second),
            ("campaign.mix.infected", self.infected),
            ("campaign.mix.outdated", self.outdated),
        ]
    }
}

/// Doses that every centre has fewer, or more, from an instant on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Change {
    /// When, in seconds after the first patient came.
    pub(crate) after_seconds: u32,
    /// How many.
    pub(crate) doses: u32,
}

impl Campaign {
    /// The first rule that it breaks in a scenario, with the field.
    pub(super) fn check(&self, scenario: &Scenario) -> Result<(), String> {
        within("campaign.doses_per_centre", self.doses_per_centre, 1..=10_000)?;
        within("campaign.people_per_dose", self.people_per_dose, 1..=10_000)?;
        within("campaign.days_min", self.days_min, 1..=365)?;
        within("campaign.days_max", self.days_max, self.days_min..=365)?;
        within("campaign.after_infection_days", self.after_infection_days, 11..=730)?;
        within("campaign.given_share", self.given_share, 0.0..=1.0)?;
        self.check_cohorts(scenario.seconds())?;
        self.check_line()?;
        for (field, weight) in self.mix.weights() {
            within(field, weight, 0..=1_000_000)?;
        }
        let some = self.mix.weights().iter().any(|(_, weight)| 0 < *weight);
        must(some, "campaign.mix", "must have a weight above 0")?;
        within("campaign.cut.doses", self.cut.doses, 0..=self.doses_per_centre)?;
        within("campaign.extra.doses", self.extra.doses, self.cut.doses..=10_000)?;
        let seconds = u32::try_from(scenario.seconds()).unwrap_or(u32::MAX);
        within("campaign.cut.after_seconds", self.cut.after_seconds, 0..=seconds)?;
        let (from, field) = (self.cut.after_seconds, "campaign.extra.after_seconds");
        within(field, self.extra.after_seconds, from..=seconds)?;
        let last = scenario.search.last_day.saturating_add(self.days_max);
        let made = !scenario.calendars.use_existing || scenario.calendars.create_missing;
        let ahead = !made || last < scenario.calendars.horizon_days;
        let rule = "with search.last_day must lie before calendars.horizon_days";
        must(ahead, "campaign.days_max", rule)?;
        let soon = scenario.search.last_day < self.days_min;
        must(soon, "search.last_day", "must lie before campaign.days_min")?;
        let coming: f64 = scenario.phases.iter().map(|it| f64::from(it.seconds) * it.rate).sum();
        let centres = u32::try_from(scenario.calendars.count).unwrap_or(u32::MAX);
        let wanted =
            f64::from(self.doses_per_centre) * f64::from(centres) * f64::from(self.people_per_dose);
        let rule = format!(
            "must be at most what the phases bring, and they bring {coming} people where {wanted} \
             are wanted"
        );
        must(wanted <= coming, "campaign.people_per_dose", &rule)
    }

    /// For how many days from now on there are first doses: until after the last slot that is
    /// looked for, and not into the days of second doses.
    pub(crate) fn days_of_first(&self, scenario: &Scenario) -> i64 {
        let last = i64::from(scenario.search.last_day) + i64::from(scenario.search.days);
        last.min(i64::from(self.days_min) - 1)
    }

    fn check_line(&self) -> Result<(), String> {
        for (place, band) in self.line.iter().enumerate() {
            let field = format!("campaign.line[{place}]");
            let known = self.cohorts.iter().any(|cohort| cohort.band == *band);
            must(known, &field, "must be the band of a cohort")?;
            let same = self.line.iter().filter(|it| *it == band).count();
            must(same == 1, &field, "must be there once")?;
        }
        within("campaign.line_share", self.line_share, 0.0..=1.0)?;
        within("campaign.decline_share", self.decline_share, 0.0..=1.0)?;
        let rest = 1.0 - self.decline_share;
        within("campaign.ignore_share", self.ignore_share, 0.0..=rest)?;
        within("campaign.look_every_ms", self.look_every_ms, 10..=60_000)
    }

    fn check_cohorts(&self, seconds: u64) -> Result<(), String> {
        must((1..=32).contains(&self.cohorts.len()), "campaign.cohorts", "must be 1 to 32")?;
        let seconds = u32::try_from(seconds).unwrap_or(u32::MAX);
        for (place, cohort) in self.cohorts.iter().enumerate() {
            let field = |name: &str| format!("campaign.cohorts[{place}].{name}");
            let name = Code::new(&cohort.band).is_ok();
            must(name, &field("band"), "must be 1 to 64 visible ASCII characters")?;
            let same = self.cohorts.iter().filter(|it| it.band == cohort.band).count();
            must(same == 1, &field("band"), "must be there once")?;
            within(&field("weight"), cohort.weight, 0..=1_000_000)?;
            if let Some(opens) = cohort.opens_after_seconds {
                within(&field("opens_after_seconds"), opens, 0..=seconds)?;
            }
        }
        let booking = |it: &Cohort| 0 < it.weight && it.opens_after_seconds.is_some();
        let some = self.cohorts.iter().any(booking);
        must(some, "campaign.cohorts", "must have one with a weight above 0 that may book")
    }
}
