//! What a practice does beside booking: marks, delays, blocked time, and offers; and what becomes
//! of holds that last longer.

use super::absence::Absence;
use super::booking::{Booking, Mark, Offer};
use super::calendar::{Calendar, Ending, Live, Status};
use super::definition::closed;
use super::event::{Event, Taken};
use super::rejection::Rejection;
use super::rules::{By, Terms};
use super::schedule::later;
use crate::ids::{AppointmentId, HoldId, PersonId};
use crate::limits;
use crate::planted::{self, Bug};
use crate::time::Timestamp;

impl Calendar {
    pub(super) fn decide_renew(
        &self,
        hold: HoldId,
        by: &By,
        (hold_ms, most): (i64, u8),
        now: Timestamp,
    ) -> Result<Vec<Event>, Rejection> {
        self.check_whose(hold, by)?;
        let confirmed = |appointment| Err(Rejection::HoldConfirmed { appointment });
        match (self.live_booking(hold), self.ending(hold)) {
            (Some(Live { booking, status, .. }), _) => {
                let Status::Held { deadline, guards, renewals } = status else {
                    return confirmed(hold.into());
                };
                if *deadline <= now {
                    return Err(Rejection::HoldExpired);
                }
                let endless = planted::is(Bug::RenewedWithoutEnd);
                // Whoever made an offer has said how long it lasts.
                if booking.details.offer.is_some() || most <= *renewals && !endless {
                    return Err(Rejection::RenewalsSpent);
                }
                Ok(vec![Event::Renewed {
                    at: now,
                    booking: booking.clone(),
                    before: *deadline,
                    deadline: now.plus_ms(hold_ms).max(*deadline),
                    guards: guards.clone(),
                    renewals: renewals.saturating_add(1),
                }])
            }
            (None, Some(Ending::Released)) => Err(Rejection::HoldReleased),
            (None, Some(Ending::Expired)) => Err(Rejection::HoldExpired),
            (None, Some(Ending::Cancelled | Ending::MovedAway)) => confirmed(hold.into()),
            (None, Some(Ending::Accepted(appointment))) => confirmed(appointment),
            (None, None) => Err(Rejection::UnknownHold),
        }
    }

    /// Whether a person may hold a slot again, after they have let holds of it expire.
    pub(super) fn check_lapses(
        &self,
        person: &PersonId,
        start: Timestamp,
        terms: Terms,
    ) -> Result<(), Rejection> {
        match self.schedule().definition().agenda.holds_again {
            Some(again) if !terms.practice && again < self.lapses(person, start) => {
                Err(Rejection::HeldTooOften)
            }
            _ => Ok(()),
        }
    }

    pub(super) fn decide_mark(
        &self,
        hold: HoldId,
        mark: Mark,
        now: Timestamp,
    ) -> Result<Vec<Event>, Rejection> {
        let (booking, before) = match (self.live_booking(hold), self.ending(hold)) {
            (Some(Live { booking, status: Status::Booked, mark }), _) if !booking.is_part() => {
                (booking, *mark)
            }
            (None, Some(Ending::Cancelled)) => return Err(Rejection::NotChangeable),
            _ => return Err(Rejection::UnknownAppointment),
        };
        if before == Some(mark) {
            return Ok(Vec::new());
        }
        // Others may rest on it, such as a review.
        if before == Some(Mark::Fulfilled) {
            return Err(Rejection::NotChangeable);
        }
        let start = booking.span.start;
        let come = match mark {
            Mark::Arrived => self.schedule().date_at(start) <= self.schedule().date_at(now),
            Mark::Fulfilled | Mark::NoShow => start <= now,
        };
        if !come {
            return Err(Rejection::NotYet);
        }
        if mark == Mark::Fulfilled && booking.details.dose.is_some() {
            return Err(Rejection::DoseNotGiven);
        }
        let dosed = Self::dose_marked(booking, mark, now);
        let marked = Event::Marked { at: now, booking: booking.clone(), mark, before };
        Ok(std::iter::once(marked).chain(dosed).collect())
    }

    pub(super) fn decide_delay(
        &self,
        minutes: u16,
        now: Timestamp,
    ) -> Result<Vec<Event>, Rejection> {
        if limits::LATE_MINUTES_MAX < minutes {
            let rule = format!("must be at most {}", limits::LATE_MINUTES_MAX);
            return Err(Rejection::Invalid { field: "minutes".to_owned(), rule });
        }
        let late = self.late().filter(|late| now < late.until).map_or(0, |late| late.minutes);
        if late == minutes {
            return Ok(Vec::new());
        }
        let schedule = self.schedule();
        let until = schedule.midnight(later(schedule.date_at(now), 1));
        Ok(vec![Event::Delayed { calendar: self.id(), at: now, minutes, until }])
    }

    /// Whether nothing is held or booked where an absence closes.
    pub(super) fn check_free(&self, absence: &Absence) -> Result<(), Rejection> {
        let zone = self.schedule().definition().zone()?;
        let Some(stretch) = closed(absence, &zone) else { return Ok(()) };
        let within = |booking: &Booking| {
            booking.span.start < stretch.end && stretch.start < booking.span.occupied_until
        };
        let taken = self.live().any(|live| within(&live.booking));
        if taken { Err(Rejection::NotFree) } else { Ok(()) }
    }
}

/// The event that moves an appointment to the slot that `hold` offers for it in `to`, which is none
/// where both lie in `from`.
///
/// # Errors
///
/// The first [`Rejection`] that applies: what is wrong with the offer, then what is wrong with the
/// appointment, but for [`Rejection::TooLate`]: the practice has offered it.
pub fn decide_accept(
    from: &Calendar,
    to: Option<&Calendar>,
    (hold, appointment): (HoldId, AppointmentId),
    by: &By,
    now: Timestamp,
) -> Result<Vec<Event>, Rejection> {
    let target = to.unwrap_or(from);
    let (offer, deadline, guards) = match (target.live_booking(hold), target.ending(hold)) {
        (Some(Live { booking, status: Status::Held { deadline, guards, .. }, .. }), _) => {
            (booking, *deadline, guards)
        }
        (None, Some(Ending::Accepted(_))) => return Ok(Vec::new()),
        (None, Some(Ending::Released)) => return Err(Rejection::HoldReleased),
        (None, Some(Ending::Expired)) => return Err(Rejection::HoldExpired),
        _ => return Err(Rejection::UnknownHold),
    };
    if offer.details.offer != Some(Offer::Appointment(appointment)) {
        return Err(Rejection::UnknownHold);
    }
    target.check_whose(hold, by)?;
    if deadline <= now {
        return Err(Rejection::HoldExpired);
    }
    if offer.span.start < now {
        return Err(Rejection::InThePast);
    }
    if offer.details.dose.is_some() && offer.delivery().is_none() {
        // Its delivery has come to less since. The appointment keeps its own.
        return Err(Rejection::NoDose);
    }
    let booking = from.coming(appointment.into(), by, now)?;
    if booking.person != offer.person {
        return Err(Rejection::UnknownHold);
    }
    let moved = Booking {
        calendar: target.id(),
        reason: offer.reason.clone(),
        span: offer.span,
        ..booking.clone()
    };
    let dosed = Calendar::dose_accepted(&moved, offer, now);
    let accepted = Event::Accepted {
        at: now,
        booking: moved,
        taken: Box::new(Taken {
            from_calendar: from.id(),
            from: booking.span,
            offer: offer.clone(),
            deadline,
            guards: guards.clone(),
        }),
    };
    Ok(std::iter::once(accepted).chain(dosed).collect())
}
