//! Whether doses of a campaign went to who may have them, and no more of them than there are.
//!
//! [`wanted`] makes of a ledger what was asked for and told; [`over_api`] reads what a server says
//! of deliveries and of who is protected, [`journal`] what the events of a journal come to. Here
//! the one is held against the other. Eligibility is judged by the facts that people stated, in
//! [`eligible`], by rules that share nothing with the engine's.

mod coverage;
mod eligible;
pub(super) mod journal;
mod line;
mod line_journal;
pub(super) mod over_api;
mod waiting;
mod wanted;

use std::collections::BTreeMap;

use creneau::{AppointmentId, DeliveryId, HoldId, Timestamp};

use super::claims::Claims;
use super::seen::{Owned, Seen};
use super::{Rule, Verdict};
use crate::api::Call;
use crate::ledger::campaign::Delivery;

pub(super) use coverage::Coverage;
pub(super) use wanted::Doses;
use wanted::{Cut, What};

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// What has become of a delivery, as a server tells it or a journal comes to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) doses: u32,
    pub(super) claimed: u32,
    pub(super) given: u32,
    pub(super) wasted: u32,
}

/// An appointment that stands, and its dose.
struct Standing<'a> {
    person: &'a str,
    it: &'a Owned,
    number: u8,
    delivery: Option<DeliveryId>,
}

/// Days from one instant to another, to the nearest.
fn days_between(from: Timestamp, until: Timestamp) -> i64 {
    (until.millis() - from.millis() + DAY_MS / 2).div_euclid(DAY_MS)
}

/// Judges what became of doses. Without a campaign in the ledger there is nothing to judge.
pub(super) fn judge(doses: &Doses, claims: &Claims, seen: &Seen, verdict: &mut Verdict) {
    let Some(set) = &doses.set else { return };
    // A journal does not say who is told to be protected.
    let told = |rule: &&Rule| **rule != Rule::Coverage || seen.coverage.is_some();
    Rule::OF_CAMPAIGNS.iter().filter(told).for_each(|rule| verdict.count(*rule, 0));
    let standing: Vec<Standing<'_>> = seen
        .of_patients
        .iter()
        .flat_map(|(person, owned)| owned.iter().map(move |it| (person.as_str(), it)))
        .filter(|(_, it)| !it.cancelled)
        .filter_map(|(person, it)| {
            let (number, delivery) = it.dose.map(|dose| (dose.number, dose.delivery))?;
            Some(Standing { person, it, number, delivery })
        })
        .collect();
    eligible::judge(doses, set, claims, verdict);
    stock(doses, &standing, seen, verdict);
    given(claims, &standing, verdict);
    people(&standing, (set.days_min, set.days_max), verdict);
    for cut in &doses.cuts {
        in_order(cut, doses, claims, &standing, verdict);
    }
    given_back(doses, &standing, seen, verdict);
    line::judge(doses, set, claims, seen, verdict);
    coverage::judge(doses, claims, seen, verdict);
}

fn id(hold: HoldId) -> AppointmentId {
    hold.into()
}

/// No more doses of a delivery are booked, given and wasted than it has, each is of the place and
/// the time of its appointment, and what is told of the delivery adds up.
fn stock(doses: &Doses, standing: &[Standing<'_>], seen: &Seen, verdict: &mut Verdict) {
    let mut counted: BTreeMap<DeliveryId, (u32, u32)> = BTreeMap::new();
    for Standing { it, delivery, .. } in standing {
        let Some(delivery) = delivery else {
            verdict.check(Rule::Stock, !it.given, id(it.id), || {
                "was given a dose of no delivery".to_owned()
            });
            continue;
        };
        let (claimed, given) = counted.entry(*delivery).or_default();
        *(if it.given { given } else { claimed }) += 1;
        let known = doses.deliveries.get(delivery);
        let serves = known.is_some_and(|known: &Delivery| {
            let there = known.arrives <= it.place.start && it.place.start < known.expires;
            there && doses.place_of(it.place.calendar) == Some(known.place)
        });
        verdict.check(Rule::Stock, serves, id(it.id), || {
            format!("has a dose of {delivery}, which is not at {:?}", it.place)
        });
    }
    for (delivery, known) in &doses.deliveries {
        let (claimed, given) = counted.get(delivery).copied().unwrap_or_default();
        let Some(tally) = seen.lots.get(delivery) else {
            verdict.find(Rule::Stock, delivery, "is not there");
            continue;
        };
        let taken = claimed + given + tally.wasted;
        verdict.check(Rule::Stock, taken <= known.doses, delivery, || {
            format!(
                "has {} doses, and {claimed} are booked, {given} given, {} wasted",
                known.doses, tally.wasted
            )
        });
        // Whoever holds one has no appointment yet; where holds still live, more may be claimed,
        // those too that were offered to somebody who has not looked since.
        let held = verdict.holds_still_live + seen.offers_unseen.len() as u64;
        let claims =
            (u64::from(claimed)..=u64::from(claimed) + held).contains(&u64::from(tally.claimed));
        let same = claims && tally.given == given && tally.doses == known.doses;
        verdict.check(Rule::Stock, same, delivery, || {
            format!("is told as {tally:?}, and {claimed} are booked and {given} given")
        });
    }
}

/// A dose that was told to be given is given still, and no other is.
fn given(claims: &Claims, standing: &[Standing<'_>], verdict: &mut Verdict) {
    for Standing { person, it, .. } in standing {
        let Some(claim) = claims.bookings.get(&it.id) else { continue };
        let may_be = claim.open.iter().any(|asked| asked.call == Call::Give);
        verdict.check(Rule::Acknowledged, may_be || claim.given == it.given, id(it.id), || {
            let told = |given: bool| if given { "given" } else { "not given" };
            format!("of {person} is {}, and was told to be {}", told(it.given), told(claim.given))
        });
    }
}

/// Nobody has the same dose twice, a second without a first, or two at the wrong interval.
fn people(standing: &[Standing<'_>], (least, most): (u16, u16), verdict: &mut Verdict) {
    let mut theirs: BTreeMap<&str, BTreeMap<u8, Vec<&Owned>>> = BTreeMap::new();
    for it in standing {
        theirs.entry(it.person).or_default().entry(it.number).or_default().push(it.it);
    }
    for (person, numbers) in theirs {
        for (number, all) in &numbers {
            verdict.check(Rule::OneDose, all.len() == 1, person, || {
                let ids: Vec<String> = all.iter().map(|it| id(it.id).to_string()).collect();
                format!("has dose {number} {} times: {}", all.len(), ids.join(", "))
            });
        }
        let Some(second) = numbers.get(&2).and_then(|all| all.first()) else { continue };
        let first = numbers.get(&1).and_then(|all| all.first());
        let follows = first.is_some_and(|first| first.given || !second.given);
        verdict.check(Rule::FirstBefore, follows, person, || match first {
            None => format!("has the second dose by {}, and no first", id(second.id)),
            Some(first) => {
                format!("was given {} before {}", id(second.id), id(first.id))
            }
        });
        let Some(first) = first else { continue };
        let days = days_between(first.place.start, second.place.start);
        let within = (i64::from(least)..=i64::from(most)).contains(&days);
        verdict.check(Rule::Interval, within, person, || {
            format!(
                "has {} {days} days after {}, and it must be {least} to {most}",
                id(second.id),
                id(first.id)
            )
        });
    }
}

/// Of those whom a cut left without a dose nobody had been there before somebody who keeps one.
///
/// Only where the answer to the cut was the first one: what a server did before it was killed was
/// told to nobody, and the journal alone knows the order then.
fn in_order(
    cut: &Cut,
    doses: &Doses,
    claims: &Claims,
    standing: &[Standing<'_>],
    verdict: &mut Verdict,
) {
    if !cut.once {
        return;
    }
    let left: Vec<HoldId> = cut.without().collect();
    // Who was told of a dose before the cut was asked for, and has one of the delivery still.
    let keeps: Vec<(HoldId, Timestamp)> = standing
        .iter()
        .filter(|it| it.delivery == Some(cut.delivery) && !cut.concerns(it.it.id))
        .filter_map(|it| Some((it.it.id, doses.holds.get(&it.it.id)?)))
        .filter(|(_, held)| held.told_at < cut.asked_at)
        .map(|(id, held)| (id, held.asked_at))
        .collect();
    for without in left {
        let Some(told_at) = claims.bookings.get(&without).map(|claim| claim.told_at) else {
            continue;
        };
        let later = keeps.iter().find(|(_, asked_at)| told_at < *asked_at);
        verdict.check(Rule::InOrder, later.is_none(), id(without), || {
            let later = later.map(|(later, _)| id(*later).to_string()).unwrap_or_default();
            format!(
                "was left without a dose of {}, and {later}, which came later, keeps one",
                cut.delivery
            )
        });
    }
}

/// Nobody is without a dose where one is left at their place. Where a lot was recalled what comes
/// free later may be left beside those who had one of it.
fn given_back(doses: &Doses, standing: &[Standing<'_>], seen: &Seen, verdict: &mut Verdict) {
    for Standing { it, .. } in standing.iter().filter(|it| it.delivery.is_none()) {
        let place = doses.place_of(it.place.calendar);
        let mut there = doses.deliveries.iter().filter(|(_, known)| Some(known.place) == place);
        if there.clone().any(|(_, known)| doses.recalled.contains(&known.lot)) {
            continue;
        }
        let left = there.find(|(delivery, known)| {
            let serves = known.arrives <= it.place.start && it.place.start < known.expires;
            let tally = seen.lots.get(delivery).copied().unwrap_or_default();
            serves && tally.claimed + tally.given + tally.wasted < known.doses
        });
        verdict.check(Rule::InOrder, left.is_none(), id(it.id), || {
            let left = left.map(|(delivery, _)| delivery.to_string()).unwrap_or_default();
            format!("is without a dose, and some of {left} are left")
        });
    }
}

impl What {
    /// The hold, where it was acknowledged.
    const fn hold(&self) -> Option<HoldId> {
        match self {
            Self::Held(hold) => Some(*hold),
            Self::Refused { .. } | Self::Open => None,
        }
    }
}

#[cfg(test)]
mod tests;
