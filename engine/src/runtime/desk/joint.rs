//! What concerns several calendars is decided while all of them stand still: a move from one to
//! another, and a booking with parts elsewhere.

use super::{Asker, Claimed, Decision, Desk, Verdict, decide_accept, join, settle};
use crate::booking::{Booking, By, Calendar, Command, Event, Part};
use crate::ids::{AppointmentId, CalendarId, HoldId};
use crate::journal::Remembered;
use crate::runtime::admission::Permits;
use crate::runtime::claims::Claim;
use crate::runtime::doses::DoseClaim;
use crate::runtime::reservation::{Reservation, SlotClaim};
use crate::runtime::sync::oneshot;
use crate::time::Timestamp;

/// What is asked of several calendars.
pub(crate) enum Joint {
    /// A hold with parts, and what it has claimed of the slot.
    Hold { command: Command, reservation: Reservation },
    /// Two holds that are made together, with what each has claimed: of the first end, and of the
    /// second.
    HoldBoth(Box<[(Command, Reservation); 2]>),
    /// A command to each end, of which both are served or neither.
    Both([Command; 2]),
    /// A command about a booking with parts.
    Command(Command),
    /// A move.
    Move { hold: HoldId, start: Timestamp, by: By, dose: Option<DoseClaim> },
    /// The acceptance of an offer for an appointment.
    Accept { hold: HoldId, appointment: AppointmentId, by: By },
}

/// Who asks it.
pub(crate) struct JointAsked {
    pub(crate) named: Option<(Remembered, Claim)>,
    pub(crate) permits: Permits,
    pub(crate) reply: oneshot::Sender<Verdict>,
}

/// Serves a request that concerns all of `desks`, which stand still: `from` decides, and where that
/// is another, `to` has what it takes.
pub(crate) fn order_joint(
    desks: &mut [&mut Desk],
    (from, to): (CalendarId, CalendarId),
    what: Joint,
    asked: JointAsked,
) {
    let JointAsked { named, permits, reply } = asked;
    let asker = Asker { named, permits, reply };
    let now = begin_together(desks);
    let mut claimed: Vec<Claimed> = desks.iter().map(|_| Claimed::new()).collect();
    let decision = {
        let desks: Vec<&Desk> = desks.iter().map(|desk| &**desk).collect();
        let at = |id: CalendarId| desks.iter().find(|desk| desk.entry.id == id).copied();
        let (Some(source), Some(target)) = (at(from), at(to)) else { return };
        let own = match &what {
            Joint::Hold { command, .. } => target.own_hold(command, now),
            Joint::HoldBoth(both) => {
                let [(first, _), _] = &**both;
                source.own_hold(first, now)
            }
            _ => None,
        };
        if let Some(own) = own {
            // The claims are undone before the answer is heard.
            drop(what);
            let verdict = Verdict::Own(Box::new(own));
            return target.shared.queue.barrier(asker.otherwise(verdict));
        }
        let decision = match what {
            Joint::HoldBoth(both) => {
                let [first, second] = *both;
                let (first, of_first) = source.decide_hold(first.0, first.1, now);
                let (second, of_second) = target.decide_hold(second.0, second.1, now);
                for (id, reservation) in [(from, of_first), (to, of_second)] {
                    let place = desks.iter().position(|desk| desk.entry.id == id);
                    if let Some(claimed) = place.and_then(|place| claimed.get_mut(place)) {
                        claimed.extend(reservation);
                    }
                }
                first.and_then(|first| Ok([first, second?].concat()))
            }
            what => {
                let (decision, reservation) = decide((source, target), what, now);
                keep_at(&desks, &mut claimed, to, reservation);
                decision
            }
        };
        decision.and_then(|events| {
            let lanes = claim_parts(&desks, &mut claimed, &events, now);
            let find = |part: &Part| at(part.calendar).map(|desk| &desk.calendar);
            join(events, find, &lanes, now)
        })
    };
    settle(desks, decision, &mut claimed, asker);
}

/// One instant counts for all of them: what is due by then has ended in each.
fn begin_together(desks: &mut [&mut Desk]) -> Timestamp {
    let times = desks.iter().map(|desk| desk.shared.now().max(desk.calendar.last()));
    let now = times.max().unwrap_or_default();
    desks.iter_mut().map(|desk| desk.begin_at(now)).max().unwrap_or(now)
}

/// What the calendars of the booking itself decide.
fn decide(
    (from, to): (&Desk, &Desk),
    what: Joint,
    now: Timestamp,
) -> (Decision, Option<Reservation>) {
    let elsewhere = from.entry.id != to.entry.id;
    match what {
        Joint::Hold { command, reservation } => to.decide_hold(command, reservation, now),
        Joint::Command(command) => (from.calendar.decide(&command, now), None),
        Joint::HoldBoth(_) => (Ok(Vec::new()), None),
        Joint::Both([first, second]) => {
            let decide = |desk: &Desk, command: &Command| desk.calendar.decide(command, now);
            let first = decide(from, &first);
            (first.and_then(|first| Ok([first, decide(to, &second)?].concat())), None)
        }
        Joint::Move { hold, start, by, dose } => {
            to.decide_move_here(elsewhere.then_some(from), (hold, start, &by), dose, now)
        }
        Joint::Accept { hold, appointment, by } => {
            let target: Option<&Calendar> = elsewhere.then_some(&to.calendar);
            (decide_accept(&from.calendar, target, (hold, appointment), &by, now), None)
        }
    }
}

/// Claims a lane for each part of what is to be held or moved, as far as there is one.
fn claim_parts(
    desks: &[&Desk],
    claimed: &mut [Claimed],
    events: &[Event],
    now: Timestamp,
) -> Vec<u16> {
    let Some(Event::Held { booking, .. } | Event::Moved { booking, .. }) = events.first() else {
        return Vec::new();
    };
    let mut lane = |part: &Part| {
        let desk = desks.iter().find(|desk| desk.entry.id == part.calendar);
        let slot = desk.and_then(|desk| desk.claim_part(booking, part, now));
        let lane = slot.as_ref().map_or(u16::MAX, |slot| slot.lane);
        let reservation = slot.map(|slot| Reservation::of(Some(slot), None));
        keep_at(desks, claimed, part.calendar, reservation);
        lane
    };
    booking.details.parts().iter().map(&mut lane).collect()
}

/// Keeps what was claimed on a calendar in the place of its desk. A calendar has one claim: where
/// it has one already, the other is given back, and the request is refused.
fn keep_at(
    desks: &[&Desk],
    claimed: &mut [Claimed],
    calendar: CalendarId,
    reservation: Option<Reservation>,
) {
    let place = desks.iter().position(|desk| desk.entry.id == calendar);
    if let Some(place) = place.and_then(|place| claimed.get_mut(place))
        && place.is_empty()
    {
        place.extend(reservation);
    }
}

impl Desk {
    fn claim_part(&self, whole: &Booking, part: &Part, now: Timestamp) -> Option<SlotClaim> {
        let span = whole.span;
        let schedule = self.calendar.schedule();
        let range = schedule.part_range(span.start, span.occupied_until, now)?;
        let own = self.calendar.live_booking(part.id).map(|live| &live.booking.span);
        self.claim_beside(own, self.view.bits(range)?, part.id)
    }
}
