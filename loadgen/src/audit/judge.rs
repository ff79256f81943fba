//! What must be so, held against what is so.

use std::collections::BTreeMap;

use creneau::{AppointmentId, CalendarId, HoldId, Timestamp};

use super::claims::{Claim, Claims, Earlier, Fate};
use super::seen::{Observed, Owned, Seen};
use super::{LATE_MS, Rule, Verdict};
use crate::api::Call;
use crate::ledger::Place;

/// Milliseconds for which a hold that has ended is known, less an hour for the clocks.
const KNOWN_MS: i64 = 23 * 60 * 60 * 1_000;

/// Judges; findings of the ledger alone come first.
pub(super) fn judge(claims: &Claims, seen: &Seen, verdict: &mut Verdict) {
    verdict.findings.extend(claims.findings.iter().cloned());
    verdict.unknown_outcomes = claims.unknown;
    verdict.count(Rule::SameAgain, claims.repeats);
    verdict.count(Rule::OneHold, claims.bookings.len() as u64);
    for (first, second) in claims.live_together() {
        let what = format!("lived together with {second} of the same patient in one calendar");
        verdict.find(Rule::OneHold, first, what);
    }
    for (id, claim) in &claims.bookings {
        match seen.bookings.get(id) {
            Some((observed, at)) => booking(*id, claim, observed, *at, verdict),
            None => verdict.find(Rule::Readable, id, "was not looked at"),
        }
    }
    for patient in &claims.patients {
        match seen.of_patients.get(patient) {
            Some(owned) => person(patient, owned, claims, verdict),
            None => verdict.find(Rule::Readable, patient, "was not searched for"),
        }
    }
    sold_once(seen, verdict);
}

/// Whether a place is the one expected; what the ledger does not know is not compared.
fn is_at(expected: &Place, open_end: bool, place: &Place) -> bool {
    expected.calendar == place.calendar
        && expected.start == place.start
        && (open_end || expected.end == place.end)
        && expected.lane.is_none_or(|lane| place.lane == Some(lane))
}

/// Whether a booking may be so, as far as the ledger knows.
fn may_be(claim: &Claim, observed: &Observed, at: Timestamp) -> bool {
    let told = is_so(claim, claim.fate, &claim.place, observed, at)
        || claim.earlier.iter().any(|earlier| match earlier {
            Earlier::NotThere => *observed == Observed::Missing,
            Earlier::Was(fate, place) => is_so(claim, *fate, place, observed, at),
        });
    told || claim.open.iter().any(|asked| match (asked.call, observed) {
        (Call::Confirm, Observed::Booked(place)) => is_at(&claim.place, false, place),
        (Call::Release, Observed::Released) => true,
        (Call::Cancel, Observed::Cancelled(place)) => is_at(&claim.place, false, place),
        (Call::Move, Observed::Booked(place)) => {
            asked.calendar.zip(asked.start).is_some_and(|(calendar, start)| {
                let wanted = Place { calendar, start, lane: None, ..claim.place.clone() };
                is_at(&wanted, true, place)
            })
        }
        _ => false,
    })
}

/// Whether a booking is what it became at last, or what ends by itself came after.
fn is_so(claim: &Claim, fate: Fate, at_place: &Place, observed: &Observed, at: Timestamp) -> bool {
    let deadline = claim.expires_at;
    let (before, after) = (at < deadline.plus_ms(LATE_MS), deadline.plus_ms(-LATE_MS) <= at);
    match (fate, observed) {
        (Fate::Held, Observed::Held) => before,
        (Fate::Held | Fate::Expired, Observed::Expired) => after,
        (Fate::Released, Observed::Released) => true,
        // A release of what has expired is told as done.
        (Fate::Released, Observed::Expired) => {
            claim.released_at.is_some_and(|told| deadline.plus_ms(-LATE_MS) <= told)
        }
        (Fate::Held | Fate::Expired | Fate::Released, Observed::Missing) => {
            deadline.plus_ms(KNOWN_MS) < at
        }
        (Fate::Booked, Observed::Booked(place)) | (Fate::Cancelled, Observed::Cancelled(place)) => {
            is_at(at_place, false, place)
        }
        _ => false,
    }
}

fn booking(id: HoldId, claim: &Claim, observed: &Observed, at: Timestamp, verdict: &mut Verdict) {
    let holds = may_be(claim, observed, at);
    let held = matches!(claim.fate, Fate::Held | Fate::Expired);
    let moved = 0 < claim.moves || claim.open.iter().any(|asked| asked.call == Call::Move);
    let what = || {
        let Claim { fate, place, expires_at, patient, .. } = claim;
        format!(
            "is {observed:?}, and must be {fate:?} {place:?} (hold until {expires_at}, {patient})"
        )
    };
    match observed {
        // A hold that is still there ended too late, one that is not ended too early.
        Observed::Held | Observed::Expired if held => {
            verdict.check(Rule::HoldsEnd, holds, id, what);
            verdict.count(Rule::Acknowledged, 1);
            let lives = *observed == Observed::Held && holds;
            verdict.holds_still_live += u64::from(lives);
        }
        Observed::Booked(_) | Observed::Cancelled(_) if moved => {
            verdict.check(Rule::MovesWhole, holds, appointment(id), what);
            verdict.count(Rule::Acknowledged, 1);
        }
        Observed::Booked(_) if held && !claim.confirm_asked => {
            verdict.check(Rule::AskedFor, holds, appointment(id), what);
        }
        _ => verdict.check(Rule::Acknowledged, holds, id, what),
    }
}

fn appointment(id: HoldId) -> AppointmentId {
    id.into()
}

/// What a patient has, by a search.
fn person(patient: &str, owned: &[Owned], claims: &Claims, verdict: &mut Verdict) {
    let mut times: BTreeMap<HoldId, u64> = BTreeMap::new();
    for it in owned {
        *times.entry(it.id).or_default() += 1;
        let claim = claims.bookings.get(&it.id);
        let asked_for = claim.is_some_and(|it| it.confirm_asked && it.patient == patient);
        verdict.check(Rule::AskedFor, asked_for, appointment(it.id), || {
            format!("{patient} has it at {:?}, and asked for nothing of the kind", it.place)
        });
    }
    for (id, times) in times {
        verdict.check(Rule::MovesWhole, times == 1, appointment(id), || {
            format!("{patient} has it {times} times")
        });
    }
    let own = claims.of_patient(patient);
    // What may be one thing or another was looked at by its id.
    let certain = |claim: &Claim| claim.open.is_empty() && claim.earlier.is_empty();
    for (id, claim) in own.filter(|(_, claim)| certain(claim)) {
        if !matches!(claim.fate, Fate::Booked | Fate::Cancelled) {
            continue;
        }
        let cancelled = claim.fate == Fate::Cancelled;
        let found = owned.iter().find(|it| it.id == id);
        let same = found
            .is_some_and(|it| it.cancelled == cancelled && is_at(&claim.place, false, &it.place));
        let rule = if 0 < claim.moves { Rule::MovesWhole } else { Rule::Acknowledged };
        verdict.check(rule, same, appointment(id), || {
            format!("{patient} has it as {found:?}, and must at {:?}", claim.place)
        });
    }
}

/// No two appointments that stand lie in one lane at one time.
fn sold_once(seen: &Seen, verdict: &mut Verdict) {
    let by_id = seen.bookings.iter().filter_map(|(id, (observed, _))| match observed {
        Observed::Booked(place) => Some((*id, place)),
        _ => None,
    });
    let by_patient = seen.of_patients.values().flatten().filter(|it| !it.cancelled);
    let by_patient = by_patient.map(|it| (it.id, &it.place));
    type Lanes = BTreeMap<(CalendarId, Option<u16>), Vec<(Timestamp, Timestamp, HoldId)>>;
    let mut lanes = Lanes::new();
    for (id, place) in by_id.chain(by_patient) {
        let lane = lanes.entry((place.calendar, place.lane)).or_default();
        lane.push((place.start, place.end, id));
    }
    for ((calendar, lane), mut booked) in lanes {
        booked.sort();
        booked.dedup();
        verdict.count(Rule::SoldOnce, booked.len() as u64);
        let mut last: Option<(Timestamp, HoldId)> = None;
        for (start, end, id) in booked {
            if let Some((until, other)) = last
                && start < until
            {
                let (other, lane) = (appointment(other), lane.unwrap_or_default());
                let what = format!("at {start} in lane {lane} of {calendar}, as is {other}");
                verdict.find(Rule::SoldOnce, appointment(id), what);
            }
            if last.is_none_or(|(until, _)| until < end) {
                last = Some((end, id));
            }
        }
    }
}
