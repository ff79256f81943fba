//! What holds of a calendar after every event: written once, asked by tests and by the simulation.

use super::calendar::{Calendar, Status};
use super::wishes::Waiting;
use crate::limits;

/// The first invariant that `calendar` breaks, in words.
///
/// # Errors
///
/// A sentence that names the bookings concerned.
pub fn check(calendar: &Calendar) -> Result<(), String> {
    let mut by_lane: Vec<_> = calendar.live().map(|live| &live.booking).collect();
    by_lane.sort_by_key(|booking| (booking.span.lane, booking.span.start));
    for pair in by_lane.windows(2) {
        if let [one, next] = pair {
            let overlap = next.span.start < one.span.occupied_until;
            if one.span.lane == next.span.lane && overlap {
                return Err(format!("{} and {} overlap in one lane", one.id, next.id));
            }
        }
    }
    for live in calendar.live() {
        let booking = &live.booking;
        let span = booking.span;
        if booking.calendar != calendar.id() {
            return Err(format!("{} lies in another calendar", booking.id));
        }
        if span.end <= span.start || span.occupied_until < span.end {
            return Err(format!("{} ends before it starts", booking.id));
        }
        if live.mark.is_some() && live.deadline().is_some() {
            return Err(format!("{} is a hold, and marked", booking.id));
        }
        if calendar.ending(booking.id).is_some() {
            return Err(format!("{} is live and has ended", booking.id));
        }
        if let Status::Held { deadline, guards, .. } = &live.status {
            if calendar.next_deadline().is_none_or(|next| *deadline < next) {
                return Err(format!("the deadline of {} is not watched", booking.id));
            }
            let rivals = calendar.holds_of(&booking.person).filter(|other| {
                matches!(&other.status, Status::Held { guards: theirs, .. }
                    if theirs.iter().any(|guard| guards.iter().any(|own| own.kind == guard.kind)))
            });
            if !guards.is_empty() && rivals.count() != 1 {
                return Err(format!("{} has two live holds of a kind", booking.person));
            }
        }
    }
    wishes(calendar)?;
    if limits::ENDED_REMEMBERED_MAX < calendar.ended_len() {
        return Err("more ends are remembered than allowed".to_owned());
    }
    Ok(())
}

/// Nobody has two offers for what they wait for, or waits for more than one may.
fn wishes(calendar: &Calendar) -> Result<(), String> {
    let list = calendar.wishes();
    if limits::WISHES_MAX < list.len() {
        return Err("more wait than may".to_owned());
    }
    for Waiting { wish, passed } in list {
        if limits::WISH_OFFERS_MAX <= passed.len() || wish.until <= calendar.last() {
            return Err(format!("{} still waits for {}", wish.person, wish.id));
        }
        let holds = calendar.holds_of(&wish.person);
        let offers = holds.filter(|live| live.booking.details.wish == Some(wish.id));
        if 1 < offers.count() || list.iter().filter(|other| other.wish.id == wish.id).count() != 1 {
            return Err(format!("{} has two offers, or two places", wish.id));
        }
    }
    Ok(())
}
