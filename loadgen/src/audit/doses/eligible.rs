//! Whether people had the doses that they may have by the facts they stated, and were refused those
//! that they may not.

use creneau::Timestamp;

use super::wanted::{Doses, Request, Wanted, What};
use super::{DAY_MS, days_between};
use crate::api::Stated;
use crate::audit::claims::{Claim, Claims, Fate};
use crate::audit::{LATE_MS, Rule, Verdict};
use crate::ledger::campaign::CampaignSet;

const HOUR_MS: i64 = 60 * 60 * 1_000;

/// The refusal that says that somebody may not have a dose.
const NOT_ELIGIBLE: &str = "not_eligible";

/// Judges each request that was answered.
pub(super) fn judge(doses: &Doses, set: &CampaignSet, claims: &Claims, verdict: &mut Verdict) {
    for request in &doses.requests {
        for wanted in &request.doses {
            let Some(hold) = wanted.what.hold() else { continue };
            let wrong = may_not(set, request, wanted);
            verdict.check(Rule::Eligible, wrong.is_none(), hold, || {
                let Request { patient, key, .. } = request;
                let (wrong, says) = (wrong.unwrap_or_default(), says(wanted));
                format!("was held for {patient} by {key}, who may not have it: {wrong} ({says})")
            });
        }
        let refused = request.doses.iter().find_map(|wanted| match &wanted.what {
            What::Refused { code, why } if code == NOT_ELIGIBLE => Some(why.as_deref()),
            _ => None,
        });
        let Some(why) = refused.map(Option::unwrap_or_default) else { continue };
        let right = may_be_refused(why, doses, set, claims, request);
        verdict.check(Rule::Eligible, right, &request.patient, || {
            let all: Vec<String> = request.doses.iter().map(says).collect();
            let all = all.join(" and ");
            format!("was refused as {why:?} under {}, and may have it: {all}", request.key)
        });
    }
}

/// What was wanted, as people read it.
fn says(wanted: &Wanted) -> String {
    let Stated { number, band, stated_at, infected_at } = &wanted.stated;
    let infected = infected_at.map(|at| format!(", infected at {at}")).unwrap_or_default();
    format!("dose {number} at {} for {band}, stated at {stated_at}{infected}", wanted.start)
}

fn opens(set: &CampaignSet, band: &str) -> Option<Timestamp> {
    set.cohorts.iter().find(|it| it.band == band).and_then(|it| it.opens)
}

/// When who was infected may have a dose again.
fn healthy(set: &CampaignSet, wanted: &Wanted) -> Option<Timestamp> {
    let days = i64::from(set.after_infection_days);
    wanted.stated.infected_at.map(|at| at.plus_ms(days * DAY_MS))
}

/// Why a dose that was told as held cannot have been theirs, at whatever instant between request
/// and answer it was decided.
fn may_not(set: &CampaignSet, request: &Request, wanted: &Wanted) -> Option<&'static str> {
    let stated = &wanted.stated;
    let Some(opens) = opens(set, &stated.band) else {
        return Some("the vaccine is not for their band");
    };
    if request.told_at.plus_ms(LATE_MS) < opens {
        return Some("their phase had not begun");
    }
    if stated.stated_at.plus_ms(HOUR_MS + LATE_MS) < request.asked_at {
        return Some("what they stated was too old");
    }
    if healthy(set, wanted).is_some_and(|from| wanted.start < from) {
        return Some("they were infected of late");
    }
    let [first, second] = request.doses.as_slice() else { return None };
    let days = days_between(first.start, second.start);
    let within = (i64::from(set.days_min)..=i64::from(set.days_max)).contains(&days);
    (!within).then_some("the two do not lie at the interval")
}

/// Whether a refusal is right by one of the doses that were asked for together.
fn may_be_refused(
    why: &str,
    doses: &Doses,
    set: &CampaignSet,
    claims: &Claims,
    request: &Request,
) -> bool {
    let any = |holds: &dyn Fn(&Wanted) -> bool| request.doses.iter().any(holds);
    match why {
        "not_for_band" => any(&|it| opens(set, &it.stated.band).is_none()),
        "not_yet" => any(&|it| {
            opens(set, &it.stated.band).is_some_and(|at| request.asked_at < at.plus_ms(LATE_MS))
        }),
        "facts_outdated" => {
            any(&|it| it.stated.stated_at.plus_ms(HOUR_MS - LATE_MS) < request.told_at)
        }
        "after_infection" => any(&|it| healthy(set, it).is_some_and(|from| it.start < from)),
        "has_dose" => any(&|it| {
            let same = |other: &&Request| {
                other.key != request.key
                    && other.patient == request.patient
                    && other.asked_at <= request.told_at
                    && other.doses.iter().any(|dose| {
                        let refused = matches!(dose.what, What::Refused { .. });
                        dose.stated.number == it.stated.number && !refused
                    })
            };
            doses.requests.iter().any(|other| same(&other))
        }),
        "needs_dose" => {
            let second = any(&|it| it.stated.number == 2);
            second && request.doses.len() == 1 && !has_first(doses, claims, request)
        }
        "too_early" | "too_late" => match request.doses.as_slice() {
            [first, second] => {
                let days = days_between(first.start, second.start);
                !(i64::from(set.days_min)..=i64::from(set.days_max)).contains(&days)
            }
            _ => claims.of_patient(&request.patient).next().is_some(),
        },
        _ => false,
    }
}

/// Whether the person surely had a first dose booked when they asked.
fn has_first(doses: &Doses, claims: &Claims, request: &Request) -> bool {
    let is_first = |claim: &Claim| {
        let settled = claim.end_told_at.is_some_and(|at| at < request.asked_at);
        claim.fate == Fate::Booked && claim.open.is_empty() && settled
    };
    claims.of_patient(&request.patient).any(|(hold, claim)| {
        let number = doses.holds.get(&hold).map(|held| held.number);
        number == Some(1) && is_first(claim)
    })
}
