//! What the model makes of renewals, marks, delays, accepted offers and the register.

use super::{Known, KnownCalendar, Model, Seen, State, hash, hash_guards};
use crate::audit::derived::register_rows;
use crate::audit::report::{FaultKind, Faults};
use crate::booking::{Guard, Late, Mark, Registration, Review, Span, Taken};
use crate::ids::{AppointmentId, CalendarId};
use crate::journal::Sequence;
use crate::time::Timestamp;

impl Model {
    pub(super) fn put_calendar(
        &mut self,
        id: CalendarId,
        known: KnownCalendar,
        sequence: Sequence,
    ) {
        let before = self.calendars.insert(id, known);
        if self.complete_to.is_some_and(|complete| complete < sequence) {
            let versions = self.calendar_versions.entry(id).or_insert_with(|| vec![before]);
            versions.push(Some(known));
        }
    }

    pub(super) fn registered(
        &mut self,
        sequence: Sequence,
        what: &Registration,
        faults: &mut Faults,
    ) {
        if let Registration::Reviewed(review) = what {
            self.reviewed(sequence, review, faults);
        }
        for (key, value) in register_rows(what) {
            let value = value.map(|value| hash(&[&value]));
            self.register.insert(key, (sequence, value));
        }
    }

    /// What took place is reviewed, and once.
    fn reviewed(&mut self, sequence: Sequence, review: &Review, faults: &mut Faults) {
        let doubtful = self.gap != 0;
        let known = self.bookings.get(&review.appointment.into());
        let fulfilled = known.is_some_and(|known| {
            known.state == State::Marked(Mark::Fulfilled) && known.calendar == review.calendar
        });
        let again = register_rows(&Registration::Reviewed(review.clone()))
            .first()
            .is_some_and(|(key, _)| self.register.contains_key(key));
        if again || !fulfilled && !doubtful {
            let how = if again { "again" } else { "and did not take place" };
            let what = format!("{} is reviewed {how}", review.appointment);
            faults.add(FaultKind::Contradiction, sequence, what);
        }
    }

    pub(super) fn delayed(&mut self, sequence: Sequence, calendar: CalendarId, late: Late) {
        let late = (late.minutes != 0).then_some(late);
        if let Some(known) = self.calendars.get(&calendar).copied() {
            self.put_calendar(calendar, KnownCalendar { late, ..known }, sequence);
        }
    }

    pub(super) fn accepted(&mut self, seen: &Seen<'_>, taken: &Taken, faults: &mut Faults) {
        let Seen { sequence, at, booking } = *seen;
        let Taken { from_calendar, from, offer, deadline, guards } = taken;
        let late = (*deadline <= at).then_some("accepted at or after its deadline");
        let state = State::Accepted(booking.id.into());
        let ended = Seen { sequence, at, booking: offer };
        self.settled(&ended, (*deadline, late), guards, state, faults);
        let same = offer.calendar == booking.calendar && offer.span == booking.span;
        if !same || offer.person != booking.person {
            let what = format!("{} goes elsewhere than {} was", booking.id, offer.id);
            faults.add(FaultKind::Misplaced, sequence, what);
        }
        self.moved(seen, *from_calendar, from, faults);
    }

    pub(super) fn renewed(
        &mut self,
        seen: &Seen<'_>,
        (before, deadline): (Timestamp, Timestamp),
        guards: &[Guard],
        faults: &mut Faults,
    ) {
        let Seen { sequence, at, booking } = *seen;
        let id = booking.id;
        if before <= at || deadline < before {
            let what = format!("{id} was renewed too late, or lasts less: {before} {deadline}");
            faults.add(FaultKind::Deadline, sequence, what);
        }
        let now = Known::new(booking, State::Held(deadline), at, sequence);
        let now = Known { guards: hash_guards(guards), ..now };
        let fits = |known: &Known| {
            known.state == State::Held(before) && known.is(&now) && known.claims(guards)
        };
        let fits = match self.certain(id) {
            None => self.gap != 0,
            Some(known) => fits(&known),
        };
        if !fits {
            let what = format!("{id} is renewed, and was no such hold");
            faults.add(FaultKind::NotLive, sequence, what);
        }
        self.leave(id);
        self.lie(id, now, faults);
    }

    pub(super) fn marked(
        &mut self,
        seen: &Seen<'_>,
        mark: Mark,
        before: Option<Mark>,
        faults: &mut Faults,
    ) {
        let Seen { sequence, at, booking } = *seen;
        let id = AppointmentId::from(booking.id);
        let now = Known::new(booking, State::Marked(mark), at, sequence);
        let was = before.map_or(State::Booked, State::Marked);
        let fits = match self.certain(booking.id) {
            None => self.gap != 0,
            Some(known) => known.state == was && known.is(&now),
        };
        if !fits || before == Some(Mark::Fulfilled) {
            let what = format!("{id} is {mark:?}, and was not {was:?} before");
            faults.add(FaultKind::NotLive, sequence, what);
        }
        // A dose is given to who comes early, on the day.
        let early = booking.details.dose.is_some() && mark == Mark::Fulfilled;
        if mark != Mark::Arrived && at < booking.span.start && !early {
            let what = format!("{id} is {mark:?} before its start");
            faults.add(FaultKind::Misplaced, sequence, what);
        }
        self.leave(booking.id);
        self.lie(booking.id, now, faults);
    }

    pub(super) fn moved(
        &mut self,
        seen: &Seen<'_>,
        from_calendar: CalendarId,
        from: &Span,
        faults: &mut Faults,
    ) {
        let Seen { sequence, at, booking } = *seen;
        let id = AppointmentId::from(booking.id);
        let now = Known::new(booking, State::Booked, at, sequence);
        let fault = match self.certain(booking.id) {
            None if self.gap == 0 => Some((FaultKind::NotLive, "moves, and never was booked")),
            Some(known) if known.state != State::Booked => {
                Some((FaultKind::NotLive, "moves, but was not booked any more"))
            }
            Some(known) if (known.calendar, known.span) != (from_calendar, *from) => {
                Some((FaultKind::Misplaced, "moves from where it did not lie"))
            }
            Some(known) if !known.is_whose(&now) => {
                Some((FaultKind::Misplaced, "moves as another appointment than it was"))
            }
            _ if from.start <= at => Some((FaultKind::Misplaced, "moves after its start")),
            _ if booking.span.start < at => Some((FaultKind::Misplaced, "moves into the past")),
            _ => None,
        };
        if let Some((kind, what)) = fault {
            faults.add(kind, sequence, format!("{id} {what}"));
        }
        self.leave(booking.id);
        self.lie(booking.id, now, faults);
    }
}
