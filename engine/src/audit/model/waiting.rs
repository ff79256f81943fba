//! What the model makes of waiting lists.

use super::{Model, State, hash};
use crate::audit::derived::{line_rows, wish_rows};
use crate::audit::report::{FaultKind, Faults};
use crate::audit::wishes::Known;
use crate::booking::Event;
use crate::ids::{AppointmentId, CalendarId, PersonId};
use crate::journal::Sequence;
use crate::time::Timestamp;

impl Model {
    /// Judges what is offered and accepted, before it is taken in. Behind a hole nobody knows
    /// who waits.
    pub(super) fn offered(&self, sequence: Sequence, event: &Event, faults: &mut Faults) {
        if let Event::Held { at, booking, deadline, .. } = event
            && self.gap == 0
            && let Err(what) = self.lists.judge((*at, booking, *deadline), self)
        {
            faults.add(FaultKind::OutOfTurn, sequence, what);
        }
        // A hole hides grants, and makes none.
        if let Err(what) = self.lists.judge_grant(event) {
            faults.add(FaultKind::OutOfTurn, sequence, what);
        }
    }

    pub(super) fn waiting(&mut self, sequence: Sequence, event: &Event) {
        self.lists.take(event);
        let until_now = |key: &[u8]| self.wish_rows.get(key).cloned();
        let mut rows = wish_rows(event, until_now);
        rows.extend(line_rows(event, until_now));
        for (key, value) in rows {
            self.register.insert(key.clone(), (sequence, Some(hash(&[&value]))));
            self.wish_rows.insert(key, value);
        }
    }
}

impl Known for Model {
    fn is_busy(
        &self,
        calendar: CalendarId,
        person: &PersonId,
        (start, until): (Timestamp, Timestamp),
        except: Option<AppointmentId>,
    ) -> bool {
        let live =
            self.lanes.of(calendar).filter_map(|(id, _)| Some((id, self.bookings.get(&id)?)));
        let mut theirs = live.filter(|(_, known)| known.is_of(person.as_str().as_bytes()));
        theirs.any(|(id, known)| {
            let there = known.span.start < until && start < known.span.occupied_until;
            matches!(known.state, State::Held(_)) || there && Some(id.into()) != except
        })
    }

    fn starts(&self, calendar: CalendarId, id: AppointmentId) -> Option<Timestamp> {
        let known = self.bookings.get(&id.into())?;
        (known.calendar == calendar && known.state == State::Booked).then_some(known.span.start)
    }
}
