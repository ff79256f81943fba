//! Whether a dose may be somebody's; and if not, why, and from when it may.

use super::definition::{Campaign, Group, Phase, Vaccine};
use super::dose::{Dose, Record, Recorded};
use super::facts::Facts;
use crate::ids::{Code, HoldId, VaccineId};
use crate::planted::{self, Bug};
use crate::time::Timestamp;

const HOUR_MS: i64 = 60 * 60 * 1_000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// A dose that somebody asks for.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// Of which vaccine.
    pub vaccine: &'a VaccineId,
    /// Which dose of theirs, counted from 1.
    pub number: u8,
    /// When it is to be given.
    pub start: Timestamp,
    /// What is stated of them.
    pub facts: &'a Facts,
}

/// Why a dose may not be somebody's. The variants stand in their order of precedence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Ineligible {
    /// The statement is too old, or of an instant to come.
    #[error("the facts must have been stated within the last hour")]
    FactsOutdated,
    /// The campaign has no such age band.
    #[error("the campaign has no age band {0}", band)]
    UnknownBand {
        /// What was stated.
        band: Code,
    },
    /// The campaign has no such vaccine.
    #[error("the campaign has no vaccine {vaccine}")]
    UnknownVaccine {
        /// What the reason asks for.
        vaccine: VaccineId,
    },
    /// The vaccine has no such dose.
    #[error("the vaccine has {most} doses")]
    NoSuchDose {
        /// Its doses, boosters included.
        most: u8,
    },
    /// The vaccine is not for the person's age band.
    #[error("the vaccine is not for people of {band}")]
    NotForBand {
        /// Theirs.
        band: Code,
    },
    /// The phase that is for them has not begun.
    #[error("from {opens} for {says}")]
    NotYet {
        /// When it begins.
        opens: Timestamp,
        /// For whom it is.
        says: String,
    },
    /// The phases that were for them are over.
    #[error("booking for {says} has ended")]
    Over {
        /// For whom the last of them was.
        says: String,
    },
    /// No phase is for them.
    #[error("the campaign is not for them so far")]
    NotForThem,
    /// So soon after an infection it is not given.
    #[error("after an infection it is given from {from} on")]
    AfterInfection {
        /// The first instant at which it may be given.
        from: Timestamp,
    },
    /// They have such a dose, by a hold, an appointment or given.
    #[error("the person has dose {number} already")]
    HasDose {
        /// Which.
        number: u8,
        /// By which booking; none where it was given elsewhere.
        booking: Option<HoldId>,
    },
    /// The dose before is neither booked nor given.
    #[error("dose {number} comes first")]
    NeedsDose {
        /// Which.
        number: u8,
    },
    /// The dose before is of another vaccine.
    #[error("the dose before is of {vaccine}")]
    OtherVaccine {
        /// That one.
        vaccine: VaccineId,
    },
    /// It lies too soon after the dose before, or too long before the one after.
    #[error("it can be given from {from} on")]
    TooEarly {
        /// The first instant at which it can be given.
        from: Timestamp,
    },
    /// It lies too long after the dose before, or too soon before the one after.
    #[error("it can be given before {until}")]
    TooLate {
        /// The first instant at which it cannot be given any more.
        until: Timestamp,
    },
}

impl Campaign {
    /// The phase by which somebody may have a dose, as far as can be said without asking what they
    /// have had.
    ///
    /// # Errors
    ///
    /// The first [`Ineligible`] that applies.
    pub fn eligible(&self, asked: &Asked<'_>, now: Timestamp) -> Result<&Phase, Ineligible> {
        let Asked { vaccine, number, start, facts } = *asked;
        if !facts.counts_at(now) {
            return Err(Ineligible::FactsOutdated);
        }
        if !self.bands.contains(&facts.band) {
            return Err(Ineligible::UnknownBand { band: facts.band.clone() });
        }
        let unknown = || Ineligible::UnknownVaccine { vaccine: vaccine.clone() };
        let vaccine = self.vaccine(vaccine).ok_or_else(unknown)?;
        if number == 0 || vaccine.most() < number {
            return Err(Ineligible::NoSuchDose { most: vaccine.most() });
        }
        if !vaccine.bands.is_empty() && !vaccine.bands.contains(&facts.band) {
            return Err(Ineligible::NotForBand { band: facts.band.clone() });
        }
        let phase = self.phase_for(number, facts, now)?;
        let healthy = |at: Timestamp| at.plus_ms(i64::from(vaccine.after_infection_days) * DAY_MS);
        match facts.infected_at.map(healthy).filter(|from| start < *from) {
            Some(from) => Err(Ineligible::AfterInfection { from }),
            None => Ok(phase),
        }
    }

    /// From when on an infection is not in the way of a vaccine.
    #[must_use]
    pub fn healthy_from(&self, vaccine: &VaccineId, facts: &Facts) -> Option<Timestamp> {
        let days = self.vaccine(vaccine)?.after_infection_days;
        Some(facts.infected_at?.plus_ms(i64::from(days) * DAY_MS))
    }

    /// Whether somebody who was let in by a phase may still have the dose that they wait for, by
    /// what is kept of them: a campaign may have been set anew since.
    #[must_use]
    pub fn still_lets(&self, dose: &Dose, now: Timestamp) -> bool {
        let Some(phase) = self.phases.iter().find(|phase| phase.id == dose.phase) else {
            return false;
        };
        let open = phase.opens <= now && phase.closes.is_none_or(|closes| now < closes);
        let number = phase.doses.is_empty() || phase.doses.contains(&dose.number);
        let theirs = |group: &Group| {
            let band = group.bands.is_empty() || group.bands.contains(&dose.band);
            let territory = dose.territory.as_ref();
            let there = territory.is_some_and(|it| group.territories.contains(it));
            band && (group.territories.is_empty() || there)
        };
        let vaccine = self.vaccine(&dose.vaccine).is_some_and(|vaccine| {
            let band = vaccine.bands.is_empty() || vaccine.bands.contains(&dose.band);
            band && (1..=vaccine.most()).contains(&dose.number)
        });
        open && number && vaccine && (phase.groups.is_empty() || phase.groups.iter().any(theirs))
    }

    /// A phase that is for them and open.
    fn phase_for(&self, number: u8, facts: &Facts, now: Timestamp) -> Result<&Phase, Ineligible> {
        let is_for = |phase: &&Phase| {
            let dose = phase.doses.is_empty() || phase.doses.contains(&number);
            dose && (phase.groups.is_empty() || phase.groups.iter().any(|group| group.has(facts)))
        };
        let ended = |phase: &Phase| phase.closes.is_some_and(|closes| closes <= now);
        let theirs = || self.phases.iter().filter(is_for);
        let begun = |phase: &Phase| phase.opens <= now || planted::is(Bug::PhaseIgnored);
        if let Some(open) = theirs().find(|phase| begun(phase) && !ended(phase)) {
            return Ok(open);
        }
        let says = |phase: &Phase| phase.says.clone();
        let coming = theirs().filter(|phase| now < phase.opens);
        if let Some(next) = coming.min_by_key(|phase| phase.opens) {
            return Err(Ineligible::NotYet { opens: next.opens, says: says(next) });
        }
        match theirs().max_by_key(|phase| phase.closes) {
            Some(last) => Err(Ineligible::Over { says: says(last) }),
            None => Err(Ineligible::NotForThem),
        }
    }

    /// Whether a dose goes with what is recorded of the person, `except` for one booking of theirs,
    /// and with what was given elsewhere.
    ///
    /// # Errors
    ///
    /// The first [`Ineligible`] that applies.
    pub fn follows(
        &self,
        asked: &Asked<'_>,
        records: &[Record],
        except: Option<HoldId>,
    ) -> Result<(), Ineligible> {
        let Asked { vaccine: id, number, start, facts } = *asked;
        let unknown = || Ineligible::UnknownVaccine { vaccine: id.clone() };
        let vaccine = self.vaccine(id).ok_or_else(unknown)?;
        let elsewhere: Vec<Record> = facts
            .elsewhere
            .iter()
            .map(|dose| Record {
                booking: None,
                number: dose.number,
                vaccine: dose.vaccine.clone(),
                at: dose.at,
                is: Recorded::Given,
            })
            .collect();
        // What is known here counts before what is said to have been elsewhere.
        let all = || records.iter().chain(&elsewhere);
        let other = |record: &&Record| except.is_none() || record.booking != except;
        if let Some(same) = all().filter(other).find(|record| record.number == number) {
            return Err(Ineligible::HasDose { number, booking: same.booking });
        }
        if let Some(before) = number.checked_sub(1).filter(|before| 0 < *before) {
            let settled = |record: &&Record| record.is != Recorded::Held;
            let found = all().filter(settled).find(|record| record.number == before);
            let found = found.ok_or(Ineligible::NeedsDose { number: before })?;
            if number <= vaccine.doses && found.vaccine != vaccine.id {
                return Err(Ineligible::OtherVaccine { vaccine: found.vaccine.clone() });
            }
            vaccine.check_interval(found.at, start, number, true)?;
        }
        if let Some(after) = all().find(|record| record.number == number.saturating_add(1)) {
            vaccine.check_interval(start, after.at, after.number, false)?;
        }
        Ok(())
    }

    /// Where somebody stands in the line: who has a smaller number comes first.
    #[must_use]
    pub fn rank(&self, facts: &Facts) -> u16 {
        let place = self.line.iter().position(|group| group.has(facts));
        u16::try_from(place.unwrap_or(self.line.len())).unwrap_or(u16::MAX)
    }
}

/// Days from one instant to another, to the nearest: from an afternoon to a morning three weeks
/// later are 21.
#[must_use]
pub fn days_between(from: Timestamp, until: Timestamp) -> i64 {
    (until.millis() - from.millis() + DAY_MS / 2).div_euclid(DAY_MS)
}

impl Vaccine {
    /// The fewest and the most days between dose `number` and the one before.
    #[must_use]
    pub fn days_before(&self, number: u8) -> (i64, Option<i64>) {
        if number <= self.doses {
            return (self.days_min.into(), Some(self.days_max.into()));
        }
        (self.booster.map_or(0, |booster| booster.after_days.into()), None)
    }

    /// Whether dose `number` may be given at `second` after one at `first`. What is said of it is
    /// said of the one of the two that is asked for. Their instants do not tell which: they may be
    /// the same.
    fn check_interval(
        &self,
        first: Timestamp,
        second: Timestamp,
        number: u8,
        second_asked: bool,
    ) -> Result<(), Ineligible> {
        let (least, most) = self.days_before(number);
        let days = days_between(first, second);
        let half = DAY_MS / 2;
        if days < least {
            return Err(if second_asked {
                Ineligible::TooEarly { from: first.plus_ms(least * DAY_MS - half) }
            } else {
                Ineligible::TooLate { until: second.plus_ms(half - least * DAY_MS + 1) }
            });
        }
        match most.filter(|most| *most < days) {
            Some(most) if second_asked => {
                Err(Ineligible::TooLate { until: first.plus_ms(most * DAY_MS + half) })
            }
            Some(most) => {
                Err(Ineligible::TooEarly { from: second.plus_ms(-(most * DAY_MS + half) + 1) })
            }
            None => Ok(()),
        }
    }
}
