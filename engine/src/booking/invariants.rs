//! What holds of a calendar after every event: written once, asked by tests and by the simulation.

use super::calendar::{Calendar, Status};
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
    if limits::ENDED_REMEMBERED_MAX < calendar.ended_len() {
        return Err("more ends are remembered than allowed".to_owned());
    }
    Ok(())
}
