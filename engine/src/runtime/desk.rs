//! What a calendar does with a request: decide, enqueue, apply, answer.
//!
//! A desk is the only writer of its calendar's truth. All of it is synchronous: in one step the
//! entry is enqueued, the reservation consumed, the state applied and the answer handed on to the
//! committer. It holds no rule; those are in [`booking`](crate::booking).

use std::sync::Arc;

mod freed;
mod joint;

pub(crate) use joint::{Joint, JointAsked, order_joint};

use smallvec::{SmallVec, smallvec};

use super::admission::{Permit, Permits};
use super::claims::Claim;
use super::commit::{Done, Fault, Prepared};
use super::directory::Entry;
use super::doses::DoseClaim;
use super::reservation::{Reservation, SlotClaim};
use super::rows::SnapshotRow;
use super::shared::Shared;
use super::slot_table::Bits;
use super::sync::oneshot;
use super::view::View;
use crate::booking::calendar::Live;
use crate::booking::decide::decide_move;
use crate::booking::parts::join;
use crate::booking::practice::decide_accept;
use crate::booking::{
    Booking, By, Calendar, Command, Event, Guard, Rejection, Span, Taken, Terms, Waiting,
};
use crate::error::Error;
use crate::ids::{AppointmentId, CalendarId, HoldId, ReasonId};
use crate::journal::{self, Remembered, Sequence};
use crate::planted::{self, Bug};
use crate::time::Timestamp;

/// What became of a request, said once it is durable.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// It was journaled.
    Decided { events: Arc<Vec<Event>> },
    /// Its work was done already: the index tells how things stand.
    Already,
    /// The person holds this very slot already.
    Own(Box<Live>),
    /// It was refused.
    Refused(Rejection),
    /// There is no answer.
    Failed(Error),
}

/// What is asked of a calendar.
pub(crate) enum Work {
    /// A command that claims no slot.
    Command(Command),
    /// A hold, with what it has claimed.
    Hold { command: Command, reservation: Reservation },
    /// A move within the calendar.
    Move { hold: HoldId, start: Timestamp, by: By, dose: Option<DoseClaim> },
    /// Something about the dose of a booking, and the dose that was claimed for it.
    Dose { command: Command, dose: Option<DoseClaim> },
    /// The acceptance of an offer for an appointment of the same calendar.
    Accept { hold: HoldId, appointment: AppointmentId, by: By },
    /// A fault of the engine's own, planted by a test.
    #[cfg(any(test, feature = "testing"))]
    Panic,
}

/// A request on its way to a calendar.
pub(crate) struct Order {
    pub(crate) work: Work,
    /// The command's name and the claim on it, if its caller named it.
    pub(crate) named: Option<(Remembered, Claim)>,
    pub(crate) permit: Permit,
    pub(crate) reply: oneshot::Sender<Verdict>,
}

/// Everything of an order but its work.
struct Asker {
    named: Option<(Remembered, Claim)>,
    permits: Permits,
    reply: oneshot::Sender<Verdict>,
}

impl Asker {
    /// Answers with what was decided, and gives everything back.
    fn decided(self, events: Arc<Vec<Event>>) -> Done {
        Box::new(move |outcome| {
            let verdict = match outcome {
                Ok(_) => Verdict::Decided { events },
                Err(fault) => Verdict::Failed(fault.into()),
            };
            let _ = self.reply.send(verdict);
            drop((self.named, self.permits));
        })
    }

    /// Answers with `verdict` once what it rests on is durable.
    fn otherwise(self, verdict: Verdict) -> Done {
        Box::new(move |outcome| {
            let verdict = match outcome {
                Ok(_) => verdict,
                Err(fault) => Verdict::Failed(fault.into()),
            };
            let _ = self.reply.send(verdict);
            drop((self.named, self.permits));
        })
    }
}

/// A calendar, and what it needs to serve requests.
pub(crate) struct Desk {
    shared: Arc<Shared>,
    entry: Arc<Entry>,
    calendar: Calendar,
    view: Arc<View>,
    last_sequence: Sequence,
    /// What the entry frees that is being written, where somebody waits for it.
    freed: Option<Box<freed::FreedHere>>,
}

impl Desk {
    pub(crate) fn new(
        shared: Arc<Shared>,
        entry: Arc<Entry>,
        calendar: Calendar,
        view: Arc<View>,
        last_sequence: Sequence,
    ) -> Self {
        Self { shared, entry, calendar, view, last_sequence, freed: None }
    }

    /// Serves a request. The answer goes its own way.
    pub(crate) fn take(&mut self, order: Order) {
        let now = self.begin();
        let Order { work, named, permit, reply } = order;
        let asker = Asker { named, permits: smallvec![permit], reply };
        let (decision, claimed) = match work {
            Work::Command(command) => (self.calendar.decide(&command, now), None),
            Work::Hold { command, reservation } => match self.own_hold(&command, now) {
                Some(own) => {
                    // The claims are undone before the answer is heard.
                    drop(reservation);
                    let verdict = Verdict::Own(Box::new(own));
                    return self.shared.queue.barrier(asker.otherwise(verdict));
                }
                None => self.decide_hold(command, reservation, now),
            },
            Work::Move { hold, start, by, dose } => {
                self.decide_move_here(None, (hold, start, &by), dose, now)
            }
            Work::Dose { command, dose } => {
                (self.calendar.decide(&command, now), Some(Reservation::of(None, dose)))
            }
            Work::Accept { hold, appointment, by } => {
                (decide_accept(&self.calendar, None, (hold, appointment), &by, now), None)
            }
            #[cfg(any(test, feature = "testing"))]
            #[expect(clippy::panic, reason = "a test asked for it")]
            Work::Panic => panic!("planted"),
        };
        // What has parts elsewhere is not this calendar's alone to decide.
        let decision = decision.and_then(|events| join(events, |_| None, &[], now));
        settle(&mut [self], decision, &mut [claimed.into_iter().collect()], asker);
    }

    /// Ends what is due. The answer goes its own way.
    pub(crate) fn expire(&mut self, permit: Permit, reply: oneshot::Sender<Verdict>) {
        self.begin();
        let asker = Asker { named: None, permits: smallvec![permit], reply };
        self.shared.queue.barrier(asker.otherwise(Verdict::Already));
    }

    /// Tells what lies outside the hours, once that is durable.
    pub(crate) fn outside(&self, permit: Permit, reply: oneshot::Sender<Vec<Live>>) {
        let now = self.shared.now().max(self.calendar.last());
        let outside = self.calendar.outside(now).into_iter().cloned().collect();
        self.shared.queue.barrier(Box::new(move |outcome| {
            if outcome.is_ok() {
                let _ = reply.send(outside);
            }
            drop(permit);
        }));
    }

    /// Makes sure that the view covers what can be booked now.
    pub(crate) fn refresh(&mut self, permit: Permit, done: oneshot::Sender<()>) {
        self.begin();
        let _ = done.send(());
        drop(permit);
    }

    /// Keeps the state once what it includes is durable.
    pub(crate) fn checkpoint(&mut self) {
        if self.entry.begin_snapshot() {
            let entry = self.entry.clone();
            self.keep(move || entry.end_snapshot());
        }
    }

    /// Keeps the state, and tells how often something was about to be written by now.
    pub(crate) fn keep_and_tell(&self, kept: oneshot::Sender<u64>) {
        let writes = self.entry.writes();
        self.keep(move || {
            let _ = kept.send(writes);
        });
    }

    /// Every state takes its way through the committer, so that no older one follows a newer.
    fn keep(&self, then: impl FnOnce() + Send + 'static) {
        let snapshot = self.calendar.snapshot();
        let row = SnapshotRow { sequence: self.last_sequence, snapshot };
        let (shared, id) = (self.shared.clone(), self.entry.id);
        if planted::is(Bug::SnapshotAhead) {
            shared.index.put_snapshot(row.clone(), id);
        }
        self.shared.queue.barrier(Box::new(move |outcome| {
            if outcome.is_ok() {
                shared.index.put_snapshot(row, id);
                then();
            }
        }));
    }

    /// The instant that counts for what follows. What is due by then has ended.
    fn begin(&mut self) -> Timestamp {
        self.begin_at(self.shared.now())
    }

    /// As [`Desk::begin`], at `now` or later.
    fn begin_at(&mut self, now: Timestamp) -> Timestamp {
        let now = now.max(self.calendar.last());
        if self.view.is_stale(now) {
            self.renew_view(now);
        }
        while self.view.has_due(now) {
            let events = self.calendar.decide(&Command::Expire, now).unwrap_or_default();
            if events.is_empty() {
                break;
            }
            let Ok(entry) = prepared(None, events) else { break };
            let events = entry.events.clone();
            self.will_write(&events);
            let submitted = match planted::is(Bug::ExpiryUnwritten) {
                true => Ok(self.last_sequence),
                false => self.shared.queue.submit(entry, Box::new(|_| {})),
            };
            let Ok(sequence) = submitted else { break };
            self.shared.index.doses().settle(&events, None);
            self.record(sequence, &events, Claimed::new());
            self.offer_freed();
        }
        now
    }

    /// The live hold for which `command` asks again.
    fn own_hold(&self, command: &Command, now: Timestamp) -> Option<Live> {
        let Command::Hold { person, reason, start, details, .. } = command else { return None };
        let own = self.calendar.own_hold(person, reason, *start, details.offer);
        own.filter(|own| own.deadline().is_some_and(|deadline| now < deadline)).cloned()
    }

    fn decide_hold(
        &self,
        mut command: Command,
        reservation: Reservation,
        now: Timestamp,
    ) -> (Decision, Option<Reservation>) {
        let Command::Hold { reason, start, lane, hold, details, by, overflow, .. } = &mut command
        else {
            return (self.calendar.decide(&command, now), None);
        };
        let Reservation { slot, guards, dose } = reservation;
        if *overflow {
            // No word stands for these lanes: the calendar alone gives them.
            let terms = Terms::new(details, by);
            let place = self.calendar.schedule().place(reason, *start, now, terms).ok();
            let free = |until| self.calendar.free_overflow(*start, until);
            *lane = place.and_then(|place| free(place.occupied_until)).unwrap_or(u16::MAX);
            let decision = self.calendar.decide(&command, now);
            return (decision, Some(Reservation { slot: None, guards, dose }));
        }
        // A reservation of an earlier view says nothing of this one: it is made anew.
        let slot = slot.filter(|slot| slot.is_in(&self.view)).or_else(|| {
            let terms = Terms::new(details, by);
            let place = self.calendar.schedule().place(reason, *start, now, terms).ok();
            let bits = place.and_then(|place| self.view.bits(place.range));
            bits.and_then(|bits| SlotClaim::any_lane(&self.view, bits, lane_hint(*hold)))
        });
        // Without a lane the calendar still says which refusal comes first.
        *lane = slot.as_ref().map_or(u16::MAX, |slot| slot.lane);
        let decision = self.calendar.decide(&command, now);
        let decision = decision
            .map_err(|rejection| self.with_alternatives(rejection, reason_of(&command), now));
        (decision, slot.map(|slot| Reservation { slot: Some(slot), guards, dose }))
    }

    /// Tells what lies in a stretch, once that is durable.
    pub(crate) fn starting_in(
        &self,
        (from, until): (Timestamp, Timestamp),
        permit: Permit,
        reply: oneshot::Sender<Vec<Live>>,
    ) {
        let found = self.calendar.starting_in(from, until).cloned().collect();
        self.shared.queue.barrier(Box::new(move |outcome| {
            if outcome.is_ok() {
                let _ = reply.send(found);
            }
            drop(permit);
        }));
    }

    /// Tells who waits, in order, once that is durable.
    pub(crate) fn waiting(&self, permit: Permit, reply: oneshot::Sender<Vec<Waiting>>) {
        let now = self.shared.now().max(self.calendar.last());
        let all = self.calendar.waiting_at(now).cloned().collect();
        self.shared.queue.barrier(Box::new(move |outcome| {
            if outcome.is_ok() {
                let _ = reply.send(all);
            }
            drop(permit);
        }));
    }

    /// Decides a move to this calendar, from that of `from` or from itself.
    fn decide_move_here(
        &self,
        from: Option<&Self>,
        asked: (HoldId, Timestamp, &By),
        dose: Option<DoseClaim>,
        now: Timestamp,
    ) -> (Decision, Option<Reservation>) {
        let slot = self.claim_for_move(from, asked, now);
        let (hold, start, by) = asked;
        let lane = slot.as_ref().map_or(u16::MAX, |slot| slot.lane);
        let (source, target) = match from {
            Some(from) => (&from.calendar, Some(&self.calendar)),
            None => (&self.calendar, None),
        };
        let claims = (lane, dose.as_ref().map(|dose| dose.delivery));
        let decision = decide_move(source, target, hold, start, claims, by, now);
        let reason = source.live_booking(hold).map(|live| (&live.booking.reason.id, start));
        let decision = decision.map_err(|rejection| self.with_alternatives(rejection, reason, now));
        (decision, slot.map(|slot| Reservation::of(Some(slot), dose)))
    }

    fn claim_for_move(
        &self,
        from: Option<&Self>,
        (hold, start, by): (HoldId, Timestamp, &By),
        now: Timestamp,
    ) -> Option<SlotClaim> {
        let booking = &from.unwrap_or(self).calendar.live_booking(hold)?.booking;
        let terms = Terms::new(&booking.details, by);
        let place = self.calendar.schedule().place(&booking.reason.id, start, now, terms).ok()?;
        let bits = self.view.bits(place.range)?;
        let own = from.is_none().then_some(&booking.span);
        self.claim_beside(own, bits, hold)
    }

    /// Claims bits for what lies at `own` until now, if it lies here. Its own bits are no obstacle:
    /// it claims the others of its lane first.
    fn claim_beside(&self, own: Option<&Span>, bits: Bits, hold: HoldId) -> Option<SlotClaim> {
        if let Some(own) = own {
            let rest = self.view.bits_of(own).map_or(bits, |own| bits.without(own));
            let own_lane = SlotClaim::in_lane(&self.view, rest, own.lane);
            if own_lane.is_some() {
                return own_lane;
            }
        }
        SlotClaim::any_lane(&self.view, bits, lane_hint(hold))
    }

    /// Says that an entry is about to be enqueued, so that no checkpoint passes it by, and gives
    /// back what it frees. It gets a sequence above the watermark.
    fn will_write(&mut self, events: &[Event]) {
        self.entry.note_dirty(self.shared.queue.progress().durable + 1);
        self.note_freed(events);
        let id = self.entry.id;
        for event in events.iter().filter(|event| event_is_of(event, id)) {
            self.give_back(event);
        }
    }

    /// Whether an event changes this calendar. An entry may hold those of others too.
    fn is_about(&self, event: &Event) -> bool {
        event_is_of(event, self.entry.id)
    }

    /// Gives back the bits and guards that an event frees. Before it is enqueued: once its caller
    /// has heard of it, nothing of it is in anybody's way. Whoever takes them now asks this
    /// calendar, and so comes after the event.
    fn give_back(&mut self, event: &Event) {
        if let Some((lane, bits)) = self.given_back(event) {
            match &mut self.freed {
                None => self.view.table().free(lane, bits),
                Some(here) => here.keep(lane, bits),
            }
        }
    }

    /// Gives back the guards that an event frees, and tells the bits.
    fn given_back(&self, event: &Event) -> Option<(u16, Bits)> {
        let free = |lane: u16, bits: Option<Bits>| bits.map(|bits| (lane, bits));
        match event {
            Event::CalendarCreated { .. }
            | Event::CalendarChanged { .. }
            | Event::Held { .. }
            | Event::Renewed { .. }
            | Event::Marked { .. }
            | Event::Registered { .. }
            | Event::Wished { .. }
            | Event::Withdrawn { .. }
            | Event::Dosed { .. }
            | Event::Given { .. }
            | Event::Delayed { .. } => None,
            Event::Accepted { taken, .. } => {
                let Taken { from_calendar, from, offer, guards, .. } = &**taken;
                if offer.calendar == self.entry.id {
                    self.release_guards(offer, guards);
                }
                // The held slot stays taken: it is the appointment's now.
                let left = *from_calendar == self.entry.id && !planted::is(Bug::AcceptKeepsBits);
                left.then(|| free(from.lane, self.view.bits_of(from))).flatten()
            }
            Event::Confirmed { booking, guards, .. } => {
                self.release_guards(booking, guards);
                None
            }
            Event::Released { booking, guards, .. } | Event::Expired { booking, guards, .. } => {
                self.release_guards(booking, guards);
                free(booking.span.lane, self.view.bits_of(&booking.span))
            }
            Event::Cancelled { .. } if planted::is(Bug::CancelKeepsBits) => None,
            Event::Cancelled { booking, .. } => {
                free(booking.span.lane, self.view.bits_of(&booking.span))
            }
            Event::Moved { booking, from_calendar, from, .. } => {
                let from = if planted::is(Bug::MoveFreesNewSpan) { &booking.span } else { from };
                if *from_calendar != self.entry.id {
                    return None;
                }
                let old = self.view.bits_of(from)?;
                let stays = booking.calendar == self.entry.id && booking.span.lane == from.lane;
                let stays = stays && !planted::is(Bug::OverlapFreed);
                let new = self.view.bits_of(&booking.span).filter(|_| stays);
                free(from.lane, Some(new.map_or(old, |new| old.without(new))))
            }
        }
    }

    fn release_guards(&self, booking: &Booking, guards: &[Guard]) {
        self.shared.release_guards(guards, booking.calendar, &booking.person, booking.id);
    }

    /// Applies what was enqueued, and consumes what was claimed for it.
    fn record(&mut self, sequence: Sequence, events: &[Event], claimed: Claimed) {
        let mut claimed = claimed.into_iter();
        self.last_sequence = sequence;
        for event in events {
            if !self.is_about(event) {
                continue;
            }
            self.calendar.apply(event);
            match event {
                Event::CalendarChanged { at, .. } => self.renew_view_at(*at, sequence),
                Event::Held { booking, deadline, .. } => {
                    if let Some(reservation) = claimed.next() {
                        reservation.consume(booking.id);
                    }
                    self.shared.deadlines.add(*deadline, self.entry.id);
                }
                Event::Renewed { deadline, .. } => {
                    self.shared.deadlines.add(*deadline, self.entry.id);
                }
                Event::Moved { booking, .. } if booking.calendar == self.entry.id => {
                    if let Some(reservation) = claimed.next() {
                        reservation.consume(booking.id);
                    }
                }
                _ => {}
            }
        }
        self.view.set_next_deadline(self.calendar.next_deadline());
    }

    fn renew_view(&mut self, now: Timestamp) {
        self.renew_view_at(now, self.view.rests_on);
    }

    /// A new generation of the slot table. Reservations of the old one are made anew when they
    /// arrive; undoing one clears bits that nobody reads any more.
    fn renew_view_at(&mut self, now: Timestamp, rests_on: Sequence) {
        let generation = self.shared.next_generation();
        self.view = Arc::new(View::of(&self.calendar, now, generation, rests_on));
        if !planted::is(Bug::TwoSlotTables) {
            self.entry.set_view(Some(self.view.clone()));
        }
    }
}

type Decision = Result<Vec<Event>, Rejection>;

/// What was claimed at a desk, in the order of the events that it was claimed for.
type Claimed = SmallVec<[Reservation; 1]>;

/// Enqueues what was decided at several desks, or one, and applies it at each; or answers with what
/// was not. All in one step. What was claimed at each stands in the same order as the desks.
fn settle(desks: &mut [&mut Desk], decision: Decision, claimed: &mut [Claimed], asker: Asker) {
    let Some(shared) = desks.first().map(|desk| desk.shared.clone()) else { return };
    let events = match decision {
        Ok(events) if !events.is_empty() => events,
        nothing => {
            // The claims are undone before the answer is heard.
            let several = 1 < desks.len();
            claimed.iter_mut().flat_map(std::mem::take).for_each(|it| undo(it, several));
            let verdict = nothing.map_or_else(Verdict::Refused, |_| Verdict::Already);
            return shared.queue.barrier(asker.otherwise(verdict));
        }
    };
    let command = asker.named.as_ref().map(|(command, _)| command.clone());
    let entry = match prepared(command, events) {
        Ok(entry) => entry,
        Err(fault) => return asker.decided(Arc::default())(Err(fault)),
    };
    let events = entry.events.clone();
    desks.iter_mut().for_each(|desk| desk.will_write(&events));
    let done = asker.decided(events.clone());
    // A failure drops the claims, and so undoes them.
    if let Ok(sequence) = shared.queue.submit(entry, done) {
        let doses = claimed.iter_mut().flatten().filter_map(|it| it.dose.take());
        shared.index.doses().settle(&events, doses);
        for (desk, claimed) in desks.iter_mut().zip(claimed) {
            let is_left = matches!(events.first(), Some(Event::Moved { booking, from_calendar, .. })
                if *from_calendar == desk.entry.id && booking.calendar != desk.entry.id);
            if !(is_left && planted::is(Bug::HalfMoveInMemory)) {
                desk.record(sequence, &events, std::mem::take(claimed));
            }
        }
        desks.iter_mut().for_each(|desk| desk.offer_freed());
    }
}

fn event_is_of(event: &Event, id: CalendarId) -> bool {
    event.calendars().any(|calendar| calendar == id)
}

/// Gives back what was claimed for nothing.
fn undo(claimed: Reservation, several: bool) {
    if several && planted::is(Bug::PartKept) {
        claimed.slot.into_iter().for_each(SlotClaim::keep);
    }
}

fn prepared(command: Option<Remembered>, events: Vec<Event>) -> Result<Prepared, Fault> {
    // Only a definition could be too large, and its own rules keep it far below.
    Prepared::new(journal::Entry { command, events }).ok_or(Fault::Failed)
}

/// The lane at which a search begins: spread over all, and the same for the same hold.
pub(crate) fn lane_hint(hold: HoldId) -> u16 {
    u16::try_from(hold.bits() & 0x7fff).unwrap_or(0)
}

fn reason_of(command: &Command) -> Option<(&ReasonId, Timestamp)> {
    match command {
        Command::Hold { reason, start, .. } => Some((reason, *start)),
        _ => None,
    }
}

impl Desk {
    /// A refusal that tells where else there is room.
    fn with_alternatives(
        &self,
        rejection: Rejection,
        asked: Option<(&ReasonId, Timestamp)>,
        now: Timestamp,
    ) -> Rejection {
        match (rejection, asked) {
            (Rejection::SlotTaken { .. }, Some((reason, start))) => {
                let mut alternatives = self.view.alternatives(reason, start, now);
                let doses = self.shared.index.doses();
                doses.retain(&self.view.schedule, reason, &mut alternatives);
                Rejection::SlotTaken { alternatives }
            }
            (rejection, _) => rejection,
        }
    }
}
