//! The rules of booking once more, told as simply as can be: one list of bookings, searched from
//! end to end.

use creneau::booking::calendar::Ending;
use creneau::booking::{Booking, Details, Event, Guard, ReasonRef, Rejection, Span};
use creneau::{CalendarId, HoldId, PersonId, ReasonId, Timestamp};

use super::acts::{Asked, Seen};
use super::set::{DAY, Part, Set};

/// Appointments of the past that one event lets a calendar forget, a day after their end.
const FORGOTTEN_PER_EVENT: usize = 8;

pub(super) type Decided = Result<Vec<Event>, Rejection>;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum State {
    Held { deadline: Timestamp, guards: Vec<Guard> },
    Booked,
    Ended(Ending),
    Forgotten,
}

/// A booking, alive or not, where it lies or lay last.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) booking: Booking,
    pub(super) state: State,
    /// The calendars that it has left by a move.
    left: Vec<CalendarId>,
}

impl Line {
    pub(super) fn is_live(&self) -> bool {
        matches!(self.state, State::Held { .. } | State::Booked)
    }

    pub(super) fn deadline(&self) -> Option<Timestamp> {
        match self.state {
            State::Held { deadline, .. } => Some(deadline),
            _ => None,
        }
    }
}

/// What is known of a calendar itself.
pub(super) struct Known {
    pub(super) set: Set,
    pub(super) version: u32,
    /// The instant of its last event.
    pub(super) last: Timestamp,
}

/// Two calendars and everything that was ever booked in them.
pub(super) struct Model {
    pub(super) known: [Known; 2],
    pub(super) lines: Vec<Line>,
    pub(super) now: Timestamp,
}

/// The name of each of the two calendars.
pub(super) fn id_of(place: usize) -> CalendarId {
    CalendarId::from_bits(1 + place as u128)
}

/// What a calendar has to say about a booking.
enum Found<'a> {
    Live(&'a Line),
    Ended(Ending),
    Nothing,
}

impl Model {
    /// What occupies a lane of a calendar.
    pub(super) fn live(&self, place: usize) -> impl Iterator<Item = &Line> {
        let here = move |line: &&Line| line.booking.calendar == id_of(place) && line.is_live();
        self.lines.iter().filter(here)
    }

    fn find(&self, place: usize, id: HoldId) -> Found<'_> {
        let Some(line) = self.lines.iter().find(|line| line.booking.id == id) else {
            return Found::Nothing;
        };
        match line.state {
            _ if line.left.contains(&id_of(place)) => Found::Ended(Ending::MovedAway),
            _ if line.booking.calendar != id_of(place) => Found::Nothing,
            State::Held { .. } | State::Booked => Found::Live(line),
            State::Ended(ending) => Found::Ended(ending),
            State::Forgotten => Found::Nothing,
        }
    }

    pub(super) fn ending(&self, place: usize, id: HoldId) -> Option<Ending> {
        match self.find(place, id) {
            Found::Ended(ending) => Some(ending),
            Found::Live(_) | Found::Nothing => None,
        }
    }

    /// Whether nothing but `except` lies in a lane between two instants.
    pub(super) fn is_free(
        &self,
        place: usize,
        lane: u16,
        (start, until): (Timestamp, Timestamp),
        except: Option<HoldId>,
    ) -> bool {
        self.live(place).all(|line| {
            let span = line.booking.span;
            let beside = until <= span.start || span.occupied_until <= start;
            span.lane != lane || beside || Some(line.booking.id) == except
        })
    }

    /// Live bookings of now and later that do not lie within the hours.
    pub(super) fn outside(&self, place: usize) -> impl Iterator<Item = &Line> {
        let set = &self.known[place].set;
        self.live(place).filter(|line| {
            let span = line.booking.span;
            self.now < span.occupied_until && !set.is_open(span.start, span.occupied_until)
        })
    }

    /// The span and the reason of a booking that may start then.
    fn place(
        &self,
        place: usize,
        reason: &ReasonId,
        start: Timestamp,
        lane: u16,
    ) -> Result<(Span, ReasonRef), Rejection> {
        let set = &self.known[place].set;
        let found = set.reason(reason.as_str()).ok_or(Rejection::UnknownReason)?;
        let (duration, buffer, version) = found;
        if !set.is_on_grid(start) {
            return Err(Rejection::OffGrid { grid_minutes: set.grid() });
        }
        if start < self.now {
            return Err(Rejection::InThePast);
        }
        let horizon_days = set.horizon();
        if set.local(self.now).0 + i64::from(horizon_days) < set.local(start).0 {
            return Err(Rejection::BeyondHorizon { horizon_days });
        }
        let end = start.plus_minutes(duration);
        let occupied_until = end.plus_minutes(buffer);
        if !set.is_open(start, occupied_until) {
            return Err(Rejection::OutsideOpenings);
        }
        let span = Span { lane, start, end, occupied_until };
        Ok((span, ReasonRef { id: reason.clone(), version }))
    }

    fn claim(&self, place: usize, span: Span, except: Option<HoldId>) -> Result<(), Rejection> {
        let there = span.lane < self.known[place].set.lanes();
        let free = self.is_free(place, span.lane, (span.start, span.occupied_until), except);
        let taken = Rejection::SlotTaken { alternatives: Vec::new() };
        if there && free { Ok(()) } else { Err(taken) }
    }

    pub(super) fn hold(
        &self,
        place: usize,
        id: HoldId,
        asked: &Asked,
        start: Timestamp,
    ) -> Decided {
        let person = PersonId::new(asked.person).expect("it is visible ASCII");
        let reason = ReasonId::new(asked.reason).expect("it is visible ASCII");
        let own = |line: &Line| {
            let Booking { person: whose, reason: why, span, .. } = &line.booking;
            let same = *whose == person && why.id == reason && span.start == start;
            same && line.deadline().is_some_and(|deadline| self.now < deadline)
        };
        if self.live(place).any(own) {
            return Ok(Vec::new());
        }
        let (span, reason) = self.place(place, &reason, start, asked.lane)?;
        self.claim(place, span, None)?;
        if let Some(hold) = self.counted(place, asked).next() {
            return Err(Rejection::PersonHasHold { hold });
        }
        let details = Details::default().into();
        let booking = Booking { id, calendar: id_of(place), person, reason, span, details };
        let (at, deadline) = (self.now, self.now.plus_ms(asked.hold_ms));
        Ok(vec![Event::Held { at, booking, deadline, guards: asked.guards() }])
    }

    /// The holds of a person that are of one of the kinds asked for.
    pub(super) fn counted(&self, place: usize, asked: &Asked) -> impl Iterator<Item = HoldId> {
        let counts = |line: &&Line| match &line.state {
            State::Held { guards, .. } => {
                line.booking.person.as_str() == asked.person
                    && guards.iter().any(|guard| asked.kinds.contains(&&*guard.kind))
            }
            _ => false,
        };
        self.live(place).filter(counts).map(|line| line.booking.id)
    }

    pub(super) fn confirm(&self, place: usize, id: HoldId) -> Decided {
        match self.find(place, id) {
            Found::Live(Line { booking, state: State::Held { deadline, guards }, .. }) => {
                if *deadline <= self.now {
                    return Err(Rejection::HoldExpired);
                }
                let (booking, guards) = (booking.clone(), guards.clone());
                let (at, deadline) = (self.now, *deadline);
                Ok(vec![Event::Confirmed { at, booking, deadline, guards }])
            }
            Found::Live(_) | Found::Ended(Ending::Cancelled | Ending::MovedAway) => Ok(Vec::new()),
            Found::Ended(Ending::Released) => Err(Rejection::HoldReleased),
            Found::Ended(Ending::Expired) => Err(Rejection::HoldExpired),
            // Nothing is offered here.
            Found::Ended(Ending::Accepted(_)) => Err(Rejection::IsOffer),
            Found::Nothing => Err(Rejection::UnknownHold),
        }
    }

    pub(super) fn release(&self, place: usize, id: HoldId) -> Decided {
        let at = self.now;
        match self.find(place, id) {
            Found::Live(Line { booking, state: State::Held { deadline, guards }, .. }) => {
                let (booking, guards) = (booking.clone(), guards.clone());
                let deadline = *deadline;
                Ok(vec![if deadline <= at {
                    Event::Expired { at, booking, deadline, guards }
                } else {
                    Event::Released { at, booking, deadline, guards }
                }])
            }
            Found::Live(_) | Found::Ended(Ending::Cancelled | Ending::MovedAway) => {
                Err(Rejection::HoldConfirmed { appointment: id.into() })
            }
            Found::Ended(_) => Ok(Vec::new()),
            Found::Nothing => Err(Rejection::UnknownHold),
        }
    }

    fn changeable(&self, place: usize, id: HoldId) -> Result<&Booking, Rejection> {
        match self.find(place, id) {
            Found::Live(Line { booking, state: State::Booked, .. }) => {
                let begun = booking.span.start <= self.now;
                if begun { Err(Rejection::NotChangeable) } else { Ok(booking) }
            }
            Found::Ended(Ending::Cancelled) => Err(Rejection::NotChangeable),
            _ => Err(Rejection::UnknownAppointment),
        }
    }

    pub(super) fn cancel(&self, place: usize, id: HoldId) -> Decided {
        if self.ending(place, id) == Some(Ending::Cancelled) {
            return Ok(Vec::new());
        }
        let booking = self.changeable(place, id)?.clone();
        Ok(vec![Event::Cancelled { at: self.now, booking }])
    }

    /// A move; that word is Rust's own.
    pub(super) fn shift(
        &self,
        (from, to): (usize, usize),
        id: HoldId,
        start: Timestamp,
        lane: u16,
    ) -> Decided {
        let booking = self.changeable(from, id)?;
        if from == to && booking.span.start == start {
            return Ok(Vec::new());
        }
        let (span, reason) = self.place(to, &booking.reason.id, start, lane)?;
        self.claim(to, span, Some(id))?;
        let moved = Booking { calendar: id_of(to), reason, span, ..booking.clone() };
        let (from_calendar, from) = (id_of(from), booking.span);
        Ok(vec![Event::Moved { at: self.now, booking: moved, from_calendar, from }])
    }

    /// Ends what is due, the earliest first.
    pub(super) fn expire(&self, place: usize) -> Vec<Event> {
        let at = self.now;
        let mut due: Vec<&Line> = self.live(place).collect();
        due.retain(|line| line.deadline().is_some_and(|deadline| deadline <= at));
        due.sort_by_key(|line| (line.deadline(), line.booking.id));
        let ended = |line: &Line| {
            let State::Held { deadline, guards } = line.state.clone() else { return None };
            Some(Event::Expired { at, booking: line.booking.clone(), deadline, guards })
        };
        due.into_iter().filter_map(ended).collect()
    }

    pub(super) fn change(&self, place: usize, part: &Part, seen: Seen) -> Decided {
        let Known { set, version, .. } = &self.known[place];
        let (at, next) = (self.now, version + 1);
        let changed = set.changed(part, next);
        if !changed.is_allowed() {
            let (field, rule) = (String::new(), String::new());
            return Err(Rejection::Invalid { field, rule });
        }
        if matches!(seen, Seen::Other) {
            return Err(Rejection::VersionMismatch { current: *version });
        }
        let definition = changed.definition(true);
        if definition == set.definition(true) {
            return Ok(Vec::new());
        }
        let calendar = id_of(place);
        Ok(vec![Event::CalendarChanged {
            calendar,
            at,
            version: next,
            definition: Box::new(definition),
        }])
    }
}

/// How what was decided changes the list.
impl Model {
    pub(super) fn take(&mut self, event: &Event) {
        match event {
            Event::CalendarCreated { .. }
            | Event::CalendarChanged { .. }
            | Event::Renewed { .. }
            | Event::Marked { .. }
            | Event::Delayed { .. }
            | Event::Accepted { .. }
            | Event::Wished { .. }
            | Event::Withdrawn { .. }
            | Event::Dosed { .. }
            | Event::Given { .. }
            | Event::Registered { .. } => {}
            Event::Held { booking, deadline, guards, .. } => {
                let state = State::Held { deadline: *deadline, guards: guards.clone() };
                self.lines.push(Line { booking: booking.clone(), state, left: Vec::new() });
            }
            Event::Confirmed { booking, .. } => self.set_state(booking, State::Booked),
            Event::Released { booking, .. } => {
                self.set_state(booking, State::Ended(Ending::Released));
            }
            Event::Expired { booking, .. } => {
                self.set_state(booking, State::Ended(Ending::Expired));
            }
            Event::Cancelled { booking, .. } => {
                self.set_state(booking, State::Ended(Ending::Cancelled));
            }
            Event::Moved { booking, from_calendar, .. } => {
                for line in self.lines.iter_mut().filter(|line| line.booking.id == booking.id) {
                    line.booking = booking.clone();
                    line.left.retain(|left| *left != booking.calendar);
                    let left = [*from_calendar].into_iter().filter(|id| *id != booking.calendar);
                    line.left.extend(left);
                }
            }
        }
        for place in [0, 1] {
            if event.calendars().any(|calendar| calendar == id_of(place)) {
                self.known[place].last = event.at();
                self.forget(place);
            }
        }
    }

    fn set_state(&mut self, booking: &Booking, state: State) {
        for line in self.lines.iter_mut().filter(|line| line.booking.id == booking.id) {
            line.state = state.clone();
        }
    }

    /// Forgets the appointments that were over first, if that is a day ago.
    fn forget(&mut self, place: usize) {
        let over = self.known[place].last.plus_ms(-DAY);
        for _ in 0..FORGOTTEN_PER_EVENT {
            let past = self.live(place).filter(|line| line.state == State::Booked);
            let end = |line: &&Line| (line.booking.span.occupied_until, line.booking.id);
            let first = past.min_by_key(end).map(|line| line.booking.clone());
            match first.filter(|first| first.span.occupied_until < over) {
                Some(first) => self.set_state(&first, State::Forgotten),
                None => return,
            }
        }
    }
}
