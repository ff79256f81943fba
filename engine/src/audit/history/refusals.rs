//! Refusals of taken slots: each needs something that was, or may have been, in the way.

use std::collections::BTreeMap;

use super::cover::{Cover, layered};
use super::groups::{Attempt, Group};
use super::{Broken, Instant, Outcome, Place, Refusal, Verdict};
use crate::time::Timestamp;

/// At how many hands an excuse counts. An attempt that is refused can stand in another's way where
/// a slot lies in two words: it takes the first, and gives it back when it loses the second.
const HANDS_MAX: usize = 2;

/// Refusals of one stretch.
struct Refused {
    place: Place,
    /// When each was asked and told, and whether something explains it.
    calls: Vec<(Instant, Instant, bool)>,
}

fn is_refusal(attempt: &Attempt<'_>) -> bool {
    attempt.call.outcome == Outcome::Refused(Refusal::SlotTaken)
}

/// Judges the refusals of a group.
pub(super) fn judge(group: &Group<'_>, verdict: &mut Verdict) {
    let mut stretches: BTreeMap<(Timestamp, Timestamp), Refused> = BTreeMap::new();
    for attempt in group.attempts.iter().filter(|attempt| is_refusal(attempt)) {
        let place = attempt.place;
        let refused = stretches.entry((place.start, place.until));
        let refused = refused.or_insert_with(|| Refused { place, calls: Vec::new() });
        refused.calls.push((attempt.call.asked, attempt.call.told, false));
        verdict.refusals += 1;
    }
    if stretches.is_empty() || group.lanes.least == 0 {
        return;
    }
    let latest_ends = group.latest_ends();
    for refused in stretches.values_mut() {
        let in_the_way = in_the_way(group, &latest_ends, &refused.place);
        let in_flight = in_flight(group, &refused.place);
        for (asked, told, explained) in &mut refused.calls {
            *explained = in_flight.meets(*asked, *told) || in_the_way.meets(*asked, *told);
        }
    }
    for _ in 0..HANDS_MAX {
        excuse(&mut stretches);
    }
    for Refused { place, calls } in stretches.values() {
        for (asked, told, _) in calls.iter().filter(|(.., explained)| !explained) {
            let about = || format!("{place:?}, from {asked} to {told}");
            verdict.add(Broken::RefusedThoughFree, *told, &[], about);
        }
    }
}

/// Stretches of time in which as many stays as there are lanes may have been in the way.
fn in_the_way(group: &Group<'_>, latest_ends: &[Instant], place: &Place) -> Cover {
    let overlapping = group.stays.iter().zip(latest_ends);
    let overlapping = overlapping.filter(|(stay, _)| stay.place.overlaps(place));
    let stays: Vec<_> = overlapping
        .map(|(stay, latest)| (stay.begins.from, *latest))
        .filter(|(from, latest)| from <= latest)
        .collect();
    Cover::of(layered(&stays, usize::from(group.lanes.least)))
}

/// When other attempts were in flight that were not refused so themselves.
fn in_flight(group: &Group<'_>, place: &Place) -> Cover {
    let others = group.attempts.iter().filter(|attempt| !is_refusal(attempt));
    let overlapping = others.filter(|attempt| attempt.place.overlaps(place));
    Cover::of(overlapping.map(|attempt| (attempt.call.asked, attempt.call.told)).collect())
}

/// Explains what was refused beside a refusal that is explained.
fn excuse(stretches: &mut BTreeMap<(Timestamp, Timestamp), Refused>) {
    if stretches.values().all(|refused| refused.calls.iter().all(|(.., explained)| *explained)) {
        return;
    }
    let explained: Vec<(Place, Cover)> = stretches
        .values()
        .map(|Refused { place, calls }| {
            let calls = calls.iter().filter(|(.., explained)| *explained);
            (*place, Cover::of(calls.map(|(asked, told, _)| (*asked, *told)).collect()))
        })
        .collect();
    for Refused { place, calls } in stretches.values_mut() {
        let near: Vec<&Cover> = explained
            .iter()
            .filter(|(other, _)| other.overlaps(place))
            .map(|(_, cover)| cover)
            .collect();
        for (asked, told, explained) in calls.iter_mut().filter(|(.., explained)| !explained) {
            *explained = near.iter().any(|cover| cover.meets(*asked, *told));
        }
    }
}
