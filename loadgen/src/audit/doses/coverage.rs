//! Whether what is told of who is protected adds up to the dose.

use std::collections::BTreeMap;

use super::wanted::Doses;
use crate::audit::claims::{Claim, Claims, Fate};
use crate::audit::seen::Seen;
use crate::audit::{Rule, Verdict};

/// Doses of an age band.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in super::super) struct Counts {
    pub(in super::super) first: u64,
    pub(in super::super) complete: u64,
    pub(in super::super) given: u64,
    pub(in super::super) booked: u64,
}

/// What a server tells, by age band: as JSON, and as CSV.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in super::super) struct Coverage {
    pub(in super::super) json: BTreeMap<String, Counts>,
    pub(in super::super) csv: BTreeMap<String, Counts>,
}

/// What the ledger knows of a band: what is surely so, and how many more there may be.
#[derive(Clone, Copy, Debug, Default)]
struct Known {
    sure: Counts,
    open: u64,
}

fn add(counts: &mut Counts, number: u8, given: bool) {
    if given {
        counts.given += 1;
        counts.first += u64::from(number == 1);
        counts.complete += u64::from(number == 2);
    } else {
        counts.booked += 1;
    }
}

/// Holds what is told against the ledger, and against the appointments that were seen.
pub(super) fn judge(doses: &Doses, claims: &Claims, seen: &Seen, verdict: &mut Verdict) {
    let Some(coverage) = &seen.coverage else { return };
    let mut known: BTreeMap<&str, Known> = BTreeMap::new();
    let mut there: BTreeMap<&str, Counts> = BTreeMap::new();
    let bands = doses.set.iter().flat_map(|set| &set.cohorts);
    for band in bands.map(|cohort| cohort.band.as_str()) {
        known.entry(band).or_default();
    }
    for (hold, held) in &doses.holds {
        let Some(claim) = claims.bookings.get(hold) else { continue };
        let known = known.entry(&held.band).or_default();
        match certain(claim) {
            Some(true) => add(&mut known.sure, held.number, claim.given),
            Some(false) => {}
            None => known.open += 1,
        }
    }
    for owned in seen.of_patients.values().flatten().filter(|it| !it.cancelled) {
        let held = doses.holds.get(&owned.id);
        if let Some(held) = held {
            add(there.entry(&held.band).or_default(), held.number, owned.given);
        }
    }
    for (band, known) in known {
        let told = coverage.json.get(band).copied().unwrap_or_default();
        let seen = there.get(band).copied().unwrap_or_default();
        verdict.check(Rule::Coverage, told == seen, band, || {
            format!("is told as {told:?}, and the appointments come to {seen:?}")
        });
        let Known { sure, open } = known;
        let fits = |told: u64, sure: u64| (sure..=sure + open).contains(&told);
        let by_ledger = fits(told.given + told.booked, sure.given + sure.booked)
            && fits(told.given, sure.given)
            && fits(told.first, sure.first)
            && fits(told.complete, sure.complete);
        verdict.check(Rule::Coverage, by_ledger, band, || {
            format!("is told as {told:?}, and people were told {sure:?}, with {open} open")
        });
    }
    verdict.check(Rule::Coverage, coverage.json == coverage.csv, "csv", || {
        format!("says {:?}, and JSON {:?}", coverage.csv, coverage.json)
    });
}

/// Whether an appointment stands; none where that is not known.
fn certain(claim: &Claim) -> Option<bool> {
    (claim.open.is_empty() && claim.earlier.is_empty()).then_some(claim.fate == Fate::Booked)
}
