//! Whether those who wait in line are asked in their order: by what they were told, and by what is
//! so.

use std::collections::{BTreeMap, BTreeSet};

use creneau::{HoldId, PlaceId, Timestamp, WishId};

use super::waiting::Waiter;
use super::wanted::{Doses, What};
use crate::api::{Call, LineStatus};
use crate::audit::claims::{Claims, Fate};
use crate::audit::seen::{InLine, Seen};
use crate::audit::{Rule, Verdict};
use crate::ledger::campaign::CampaignSet;

/// Whoever goes through a line asks those once who are there when they begin. Somebody who came so
/// shortly before a dose was taken may have been for the next round.
pub(super) const ROUND_MS: i64 = 2_000;

/// A dose that was held, by an offer or because somebody asked for it.
struct Taken {
    hold: HoldId,
    place: PlaceId,
    start: Timestamp,
    number: u8,
    /// It was held between these.
    not_before: Timestamp,
    told_at: Timestamp,
}

/// Who comes before whom in a line.
type Turn = (u16, Timestamp, WishId);

fn turn((wish, waiter): (&WishId, &Waiter)) -> Turn {
    (waiter.rank, waiter.since, *wish)
}

/// Judges lines.
pub(super) fn judge(
    doses: &Doses,
    set: &CampaignSet,
    claims: &Claims,
    seen: &Seen,
    verdict: &mut Verdict,
) {
    once(doses, verdict);
    offered_once(doses, seen, verdict);
    for (wish, waiter) in &doses.waiters.all {
        let rank = set.rank(&waiter.stated.band);
        verdict.check(Rule::Line, usize::from(waiter.rank) == rank, wish, || {
            format!("is told rank {}, and the line gives it {rank}", waiter.rank)
        });
        match seen.lines.get(wish) {
            Some(it) => stands(*wish, waiter, it, claims, verdict),
            None => verdict.find(Rule::Acknowledged, wish, "waits in a line, and is not there"),
        }
    }
    in_turn(doses, claims, verdict);
}

/// Nobody waits twice for the same dose at one place.
fn once(doses: &Doses, verdict: &mut Verdict) {
    let mut places: BTreeMap<(&str, PlaceId, u8), WishId> = BTreeMap::new();
    for (wish, waiter) in &doses.waiters.all {
        let who = (waiter.patient.as_str(), waiter.place, waiter.stated.number);
        let other = places.insert(who, *wish);
        verdict.check(Rule::OneDose, other.is_none(), wish, || {
            let other = other.map(|other| other.to_string()).unwrap_or_default();
            format!("waits for {}, who waits there by {other} already", waiter.patient)
        });
    }
}

/// Nothing is offered to two.
fn offered_once(doses: &Doses, seen: &Seen, verdict: &mut Verdict) {
    let told = doses
        .waiters
        .all
        .iter()
        .flat_map(|(wish, waiter)| waiter.offers.iter().map(|offer| (offer.hold, *wish)));
    let there = seen.lines.iter().filter_map(|(wish, it)| Some((it.offer?, *wish)));
    let mut whose: BTreeMap<HoldId, WishId> = BTreeMap::new();
    for (hold, wish) in told.chain(there) {
        let first = *whose.entry(hold).or_insert(wish);
        verdict.check(Rule::Line, first == wish, hold, || {
            format!("is offered for {first} and for {wish}")
        });
    }
}

/// What has become of somebody's place is what they were told, and made of it.
fn stands(wish: WishId, waiter: &Waiter, it: &InLine, claims: &Claims, verdict: &mut Verdict) {
    let told = (it.rank, it.since) == (waiter.rank, waiter.since);
    verdict.check(Rule::Acknowledged, told, wish, || {
        format!("is {it:?}, and was told rank {} since {}", waiter.rank, waiter.since)
    });
    let own = |hold: HoldId| waiter.offers.iter().any(|offer| offer.hold == hold);
    let mut sure = None;
    let mut open = false;
    for (hold, claim) in claims.of_patient(&waiter.patient) {
        let accepts = claim.open.iter().any(|asked| asked.call == Call::Confirm);
        open |= !own(hold) || accepts || !claim.earlier.is_empty();
        if own(hold) && matches!(claim.fate, Fate::Booked | Fate::Cancelled) {
            sure = Some(hold);
        }
    }
    let right = match (it.status, sure) {
        (LineStatus::Granted, Some(hold)) => it.granted == Some(hold),
        (_, Some(_)) => false,
        (LineStatus::Granted, None) => open,
        // After their last look they may have let more go by.
        (LineStatus::Waiting | LineStatus::Over | LineStatus::PassedBy, None) => true,
        // Nobody leaves a line, but who has such a dose has left it.
        (LineStatus::Withdrawn, None) => open,
    };
    verdict.check(Rule::Acknowledged, right, wish, || {
        let made = sure.map_or_else(|| "nothing".to_owned(), |hold| hold.to_string());
        format!("is {it:?}, and {} has made {made} of it", waiter.patient)
    });
}

/// Nobody has had a dose for which somebody waited who comes before them, could have had it, and
/// was left without.
///
/// Judged are those who had waited for a while, and who saw later that they had been offered
/// nothing until then. Whoever has been offered something was asked in their turn.
fn in_turn(doses: &Doses, claims: &Claims, verdict: &mut Verdict) {
    let unsettled = unsettled(doses, claims);
    let mut lines: BTreeMap<(PlaceId, u8), Vec<(&WishId, &Waiter)>> = BTreeMap::new();
    let mut turns: BTreeMap<HoldId, Turn> = BTreeMap::new();
    for (wish, waiter) in &doses.waiters.all {
        turns.extend(waiter.offers.iter().map(|offer| (offer.hold, turn((wish, waiter)))));
        if !unsettled.contains(waiter.patient.as_str()) {
            let line = lines.entry((waiter.place, waiter.stated.number)).or_default();
            line.push((wish, waiter));
        }
    }
    for taken in taken(doses, claims) {
        let Some(line) = lines.get(&(taken.place, taken.number)) else { continue };
        let own = turns.get(&taken.hold);
        let before = line.iter().find(|(wish, waiter)| {
            // Who is in no line comes after everybody who is.
            own.is_none_or(|own| turn((*wish, *waiter)) < *own)
                && waiter.told_at.plus_ms(ROUND_MS) <= taken.not_before
                && taken.told_at <= waiter.empty_until()
                && taken.start < waiter.until
        });
        let wronged = before.map_or(taken.hold.to_string(), |(wish, _)| wish.to_string());
        verdict.check(Rule::Line, before.is_none(), wronged, || {
            let Taken { hold, place, not_before, told_at, .. } = taken;
            format!(
                "waited at {place}, and {hold}, which was held between {not_before} and \
                 {told_at}, went to somebody who comes later"
            )
        });
    }
}

/// People of whom it is not known what else they have.
fn unsettled<'a>(doses: &'a Doses, claims: &Claims) -> BTreeSet<&'a str> {
    let open = doses
        .requests
        .iter()
        .filter(|request| request.doses.iter().any(|wanted| matches!(wanted.what, What::Open)));
    let open = open.map(|request| request.patient.as_str());
    let busy = doses.waiters.all.values().filter(|waiter| {
        let own = |hold: HoldId| waiter.offers.iter().any(|offer| offer.hold == hold);
        claims.of_patient(&waiter.patient).any(|(hold, _)| !own(hold))
    });
    open.chain(busy.map(|waiter| waiter.patient.as_str())).collect()
}

/// All doses that were told to be held, at the centre of the campaign.
fn taken<'a>(doses: &'a Doses, claims: &'a Claims) -> impl Iterator<Item = Taken> + 'a {
    doses.holds.iter().filter_map(|(hold, held)| {
        let claim = claims.bookings.get(hold)?;
        Some(Taken {
            hold: *hold,
            place: doses.place_of(claim.held.calendar)?,
            start: claim.held.start,
            number: held.number,
            not_before: held.asked_at,
            told_at: held.told_at,
        })
    })
}
