//! Who may book a reason, told in the simplest way.

use crate::booking::{Booking, Channel, Details, Reason, Rules, Standing, Visit};
use crate::time::Timestamp;

/// Whether a person may have had this, who asked for it at `at`, when `before` more of its reason
/// began on its day.
///
/// What the practice asks for is an offer, or comes by phone or at its desk: the rules of patients
/// do not bind it.
///
/// # Errors
///
/// The rule that was not kept.
pub(super) fn judge(
    reason: &Reason,
    booking: &Booking,
    at: Timestamp,
    before: usize,
) -> Result<(), String> {
    let Rules { patients, visit, notice_minutes, per_day, practice_only, .. } = &reason.rules;
    let Details { standing, by_video, channel, offer, wish, .. } = *booking.details;
    let broken = |rule: &str| Err(format!("{} is not {rule}: {reason:?}", booking.id));
    match (visit, by_video) {
        (Visit::InPerson, true) => return broken("by video"),
        (Visit::Video, false) => return broken("in person"),
        _ => {}
    }
    // What a practice offers is not bound; what those who wait are offered is.
    if channel != Channel::Online || offer.is_some() && wish.is_none() {
        return Ok(());
    }
    let stated = match patients {
        None => true,
        Some(Standing::New) => standing == Some(Standing::New),
        Some(Standing::Known) => standing == Some(Standing::Known),
    };
    if !stated {
        return broken("for this patient");
    }
    if *practice_only {
        return broken("for patients");
    }
    let minutes = (booking.span.start.millis() - at.millis()) / 60_000;
    if minutes < i64::from(*notice_minutes) {
        return broken("in time");
    }
    match per_day {
        Some(most) if usize::from(*most) <= before => broken("within the number of a day"),
        _ => Ok(()),
    }
}
