//! A calendar's state, and how an event changes it.
//!
//! Live processing and recovery go through the same [`Calendar::apply`]; it cannot fail. The
//! state holds what decisions need: what is set, what is live, and what ended so recently that
//! its end may not be durable yet. Older ends are found in the index.

#![expect(missing_docs, reason = "rkyv derives helpers with undocumented fields")]

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use rkyv::{Archive, Deserialize, Serialize};

use super::booking::{Booking, Guard, Mark, Offer, Span};
use super::definition::Definition;
use super::event::{Event, Taken};
use super::lapses::Lapses;
use super::rejection::Rejection;
use super::schedule::Schedule;
use super::wishes::{Waiting, Wishes};
use crate::ids::{AppointmentId, CalendarId, HoldId, PersonId};
use crate::limits;
use crate::planted::{self, Bug};
use crate::time::Timestamp;

/// What a live booking is.
#[derive(Archive, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// Held until its deadline.
    Held {
        /// When it ends by itself.
        deadline: Timestamp,
        /// The person guards that it claims.
        guards: Vec<Guard>,
        /// How often it was renewed.
        renewals: u8,
    },
    /// An appointment.
    Booked,
}

/// A booking that occupies its lane.
#[derive(Archive, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct Live {
    /// Whose, where and when.
    pub booking: Booking,
    /// Held or booked.
    pub status: Status,
    /// What the practice has said of it.
    pub mark: Option<Mark>,
}

impl Live {
    /// When it ends by itself; none for an appointment.
    #[must_use]
    pub fn deadline(&self) -> Option<Timestamp> {
        match self.status {
            Status::Held { deadline, .. } => Some(deadline),
            Status::Booked => None,
        }
    }
}

const EVER: Timestamp = Timestamp::from_millis(i64::MIN);
const NEVER: Timestamp = Timestamp::from_millis(i64::MAX);

/// How a booking came to occupy its lane no more.
#[derive(Archive, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// A hold was given back.
    Released,
    /// A hold's time ran out.
    Expired,
    /// An appointment was cancelled.
    Cancelled,
    /// An appointment was moved to another calendar.
    MovedAway,
    /// An offer was accepted for this appointment.
    Accepted(AppointmentId),
}

/// How late a calendar is for those who start within a stretch.
#[derive(Archive, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub struct Late {
    /// Minutes.
    pub minutes: u16,
    /// The first start for which it counts.
    pub from: Timestamp,
    /// The first after it for which it does not.
    pub until: Timestamp,
}

/// The state of one calendar.
#[derive(Clone, Debug)]
pub struct Calendar {
    id: CalendarId,
    schedule: Schedule,
    version: u32,
    last: Timestamp,
    /// In boxes: the nodes of a tree are half empty where keys ascend, as these do.
    live: BTreeMap<HoldId, Box<Live>>,
    /// What occupies each lane: start to (occupied until, whose).
    lanes: BTreeMap<(u16, Timestamp), (Timestamp, HoldId)>,
    deadlines: BTreeSet<(Timestamp, HoldId)>,
    holds_of: BTreeMap<PersonId, BTreeSet<HoldId>>,
    /// No appointment is over before.
    first_end: Timestamp,
    ended: BTreeMap<HoldId, Ending>,
    ended_order: VecDeque<HoldId>,
    lapses: Lapses,
    late: Option<Late>,
    wishes: Wishes,
}

/// A calendar's state as it is kept in a snapshot. Derived, so a new form needs no upcast: an old
/// one is dropped and rebuilt from the journal.
#[derive(Archive, Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct CalendarSnapshot {
    id: CalendarId,
    definition: Definition,
    version: u32,
    last: Timestamp,
    live: Vec<Live>,
    ended: Vec<(HoldId, Ending)>,
    lapses: Vec<(PersonId, Timestamp, u8)>,
    late: Option<Late>,
    wishes: Vec<Waiting>,
}

impl CalendarSnapshot {
    /// What occupied a lane when it was kept.
    #[must_use]
    pub fn live(&self) -> &[Live] {
        &self.live
    }
}

impl Calendar {
    /// The event that creates a calendar.
    ///
    /// # Errors
    ///
    /// [`Rejection::Invalid`] with the field and the rule.
    pub fn create(
        calendar: CalendarId,
        mut definition: Definition,
        now: Timestamp,
    ) -> Result<Event, Rejection> {
        for reason in &mut definition.reasons {
            reason.version = 1;
        }
        let definition = definition.checked()?;
        Ok(Event::CalendarCreated { calendar, at: now, definition: Box::new(definition) })
    }

    /// The calendar that an event creates; none for any other event.
    #[must_use]
    pub fn created(event: &Event) -> Option<Self> {
        let Event::CalendarCreated { calendar, at, definition } = event else { return None };
        Self::empty(*calendar, (**definition).clone(), 1, *at)
    }

    /// None when the zone is no longer known, which a zone database that grows only cannot cause.
    fn empty(
        id: CalendarId,
        definition: Definition,
        version: u32,
        last: Timestamp,
    ) -> Option<Self> {
        Some(Self {
            id,
            schedule: Schedule::new(definition).ok()?,
            version,
            last,
            live: BTreeMap::new(),
            lanes: BTreeMap::new(),
            deadlines: BTreeSet::new(),
            holds_of: BTreeMap::new(),
            first_end: NEVER,
            ended: BTreeMap::new(),
            ended_order: VecDeque::new(),
            lapses: Lapses::default(),
            late: None,
            wishes: Wishes::default(),
        })
    }

    /// The state, to be kept.
    #[must_use]
    pub fn snapshot(&self) -> CalendarSnapshot {
        let ended = |id: &HoldId| self.ended.get(id).map(|ending| (*id, *ending));
        CalendarSnapshot {
            id: self.id,
            definition: self.schedule.definition().clone(),
            version: self.version,
            last: self.last,
            live: self.live().cloned().collect(),
            ended: self.ended_order.iter().filter_map(ended).collect(),
            lapses: self.lapses.all(),
            late: self.late,
            wishes: self.wishes.all().to_vec(),
        }
    }

    /// The calendar that was kept; none when its zone is not known.
    #[must_use]
    pub fn restored(snapshot: CalendarSnapshot) -> Option<Self> {
        let CalendarSnapshot { id, definition, version, last, live, ended, lapses, late, wishes } =
            snapshot;
        let mut calendar = Self::empty(id, definition, version, last)?;
        for Live { booking, status, mark } in live {
            let id = booking.id;
            calendar.occupy(booking, status);
            calendar.mark(id, mark);
        }
        for (hold, ending) in ended {
            calendar.remember(hold, ending);
        }
        calendar.lapses = Lapses::restored(lapses);
        calendar.late = late;
        calendar.wishes = Wishes::restored(wishes);
        Some(calendar)
    }

    /// Its identifier.
    #[must_use]
    pub fn id(&self) -> CalendarId {
        self.id
    }

    /// Its hours, reasons and lanes.
    #[must_use]
    pub fn schedule(&self) -> &Schedule {
        &self.schedule
    }

    /// How often it was changed, from 1.
    #[must_use]
    pub fn version(&self) -> u32 {
        self.version
    }

    /// The instant of the last event.
    #[must_use]
    pub fn last(&self) -> Timestamp {
        self.last
    }

    /// Everything that occupies a lane, by identifier.
    pub fn live(&self) -> impl Iterator<Item = &Live> {
        self.live.values().map(Box::as_ref)
    }

    /// A booking that occupies a lane.
    #[must_use]
    pub fn live_booking(&self, id: HoldId) -> Option<&Live> {
        self.live.get(&id).map(Box::as_ref)
    }

    /// How a booking ended, while the calendar itself remembers it.
    #[must_use]
    pub fn ending(&self, id: HoldId) -> Option<Ending> {
        self.ended.get(&id).copied()
    }

    /// How often holds of a person have expired at a start, as far as that is remembered.
    #[must_use]
    pub fn lapses(&self, person: &PersonId, start: Timestamp) -> u8 {
        self.lapses.of(person, start)
    }

    /// How late it says to be.
    #[must_use]
    pub fn late(&self) -> Option<Late> {
        self.late
    }

    /// Those who wait for it, in the order in which they came.
    #[must_use]
    pub fn wishes(&self) -> &[Waiting] {
        self.wishes.all()
    }

    /// The first overflow lane that is free from `start` until `until`.
    #[must_use]
    pub fn free_overflow(&self, start: Timestamp, until: Timestamp) -> Option<u16> {
        let definition = self.schedule.definition();
        let first = definition.lanes;
        let mut lanes = first..first.saturating_add(definition.agenda.overflow_lanes);
        lanes.find(|lane| self.is_free(*lane, start, until, None))
    }

    /// How many ends the calendar itself remembers.
    #[must_use]
    pub fn ended_len(&self) -> usize {
        self.ended_order.len()
    }

    /// The live holds of a person, by identifier.
    pub fn holds_of(&self, person: &PersonId) -> impl Iterator<Item = &Live> {
        let holds = self.holds_of.get(person).into_iter().flatten();
        holds.filter_map(|hold| self.live_booking(*hold))
    }

    /// What occupies a lane and starts at `from` or later, and before `until`: lane by lane.
    pub fn starting_in(&self, from: Timestamp, until: Timestamp) -> impl Iterator<Item = &Live> {
        let mut lane = 0;
        let lanes = std::iter::from_fn(move || {
            let (&(found, _), _) = self.lanes.range((lane, EVER)..).next()?;
            lane = found.saturating_add(1);
            Some(self.lanes.range((found, from)..(found, until.max(from))))
        });
        // A lane of the highest number there is would be found again and again.
        let lanes = lanes.take(self.lanes.len());
        lanes.flatten().filter_map(|(_, (_, hold))| self.live_booking(*hold))
    }

    /// The earliest deadline of a live hold.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.deadlines.first().map(|(deadline, _)| *deadline)
    }

    /// The holds whose deadline is `now` or earlier, in order, as many as one entry ends.
    pub fn due(&self, now: Timestamp) -> impl Iterator<Item = &Live> {
        let now = if planted::is(Bug::ExpiryLate) { now.plus_ms(-1) } else { now };
        let due = self.deadlines.iter().take_while(move |(deadline, _)| *deadline <= now);
        due.take(limits::EXPIRIES_PER_ENTRY_MAX).filter_map(|(_, hold)| self.live_booking(*hold))
    }

    /// Whether a lane is free from `start` until `until`, `except` left aside.
    #[must_use]
    pub fn is_free(
        &self,
        lane: u16,
        start: Timestamp,
        until: Timestamp,
        except: Option<HoldId>,
    ) -> bool {
        let before = (lane, EVER)..(lane, until);
        let start = if planted::is(Bug::TouchingOverlaps) { start.plus_ms(-1) } else { start };
        // What lies in a lane is disjoint, so the search ends at the first that is over in time.
        let mut overlapping =
            self.lanes.range(before).rev().take_while(|(_, (taken_until, _))| start < *taken_until);
        overlapping.all(|(_, (_, hold))| Some(*hold) == except)
    }

    /// Live bookings of now and later that do not lie within the hours, by their start.
    #[must_use]
    pub fn outside(&self, now: Timestamp) -> Vec<&Live> {
        let coming = || self.live().filter(|live| now < live.booking.span.occupied_until);
        let first = coming().map(|live| live.booking.span.start).min();
        let last = coming().map(|live| live.booking.span.occupied_until).max();
        let (Some(first), Some(last)) = (first, last) else { return Vec::new() };
        let date = |instant| self.schedule.date_at(instant);
        let later = super::schedule::later;
        let open = self.schedule.open_steps(later(date(first), -1), later(date(last), 1));
        let lies_within = |span: &Span| {
            let range = self.schedule.grid().covering(span.start, span.occupied_until);
            let place = open.partition_point(|&(_, end)| end < range.end().0);
            open.get(place).is_some_and(|&(start, _)| start <= range.first.0)
        };
        let mut outside: Vec<_> =
            coming().filter(|live| !lies_within(&live.booking.span)).collect();
        outside.sort_by_key(|live| (live.booking.span.start, live.booking.id));
        outside
    }

    /// Takes in what has happened. Events of other calendars change nothing.
    pub fn apply(&mut self, event: &Event) {
        if !event.calendars().any(|calendar| calendar == self.id) {
            return;
        }
        debug_assert!(self.last <= event.at(), "instants never decrease");
        self.last = self.last.max(event.at());
        match event {
            Event::CalendarCreated { .. } | Event::Registered { .. } => {}
            Event::CalendarChanged { version, definition, .. } => {
                if definition.agenda.holds_again.is_none() {
                    self.lapses = Lapses::default();
                }
                if let Ok(schedule) = Schedule::new((**definition).clone()) {
                    self.schedule = schedule;
                }
                self.version = *version;
            }
            Event::Held { booking, deadline, guards, .. } => {
                let (deadline, guards) = (*deadline, guards.clone());
                self.occupy(booking.clone(), Status::Held { deadline, guards, renewals: 0 });
            }
            Event::Renewed { booking, deadline, guards, renewals, .. } => {
                self.free(booking.id);
                let (deadline, guards, renewals) = (*deadline, guards.clone(), *renewals);
                self.occupy(booking.clone(), Status::Held { deadline, guards, renewals });
            }
            Event::Marked { booking, mark, .. } => self.mark(booking.id, Some(*mark)),
            Event::Dosed { booking, .. } | Event::Given { booking, .. } => self.dose(booking),
            Event::Delayed { at, minutes, until, .. } => {
                let (minutes, from, until) = (*minutes, *at, *until);
                self.late = (minutes != 0).then_some(Late { minutes, from, until });
            }
            Event::Confirmed { booking, .. } => {
                self.book(booking);
                self.granted(booking);
            }
            Event::Released { booking, .. } => {
                self.end(booking.id, Ending::Released);
                self.passed(booking);
            }
            Event::Wished { wish, .. } => self.wishes.add(wish),
            Event::Withdrawn { wish, .. } => self.wishes.remove(*wish),
            Event::Expired { booking, .. } => {
                self.end(booking.id, Ending::Expired);
                let counts = self.schedule.definition().agenda.holds_again.is_some();
                if counts && booking.details.offer.is_none() && !booking.is_part() {
                    self.lapses.add(&booking.person, booking.span.start, self.last);
                }
                self.passed(booking);
            }
            Event::Cancelled { booking, .. } => self.end(booking.id, Ending::Cancelled),
            Event::Moved { booking, from_calendar, .. } => self.shift(booking, *from_calendar),
            Event::Accepted { booking, taken, .. } => {
                let Taken { from_calendar, offer, .. } = &**taken;
                if offer.calendar == self.id {
                    self.end(offer.id, Ending::Accepted(booking.id.into()));
                    self.granted(offer);
                }
                self.shift(booking, *from_calendar);
            }
        }
        self.forget_past();
        // Nobody waits for most calendars.
        if !self.wishes.all().is_empty() {
            self.wishes.forget_over(self.last);
        }
    }

    /// Who was offered a slot has taken it.
    fn granted(&mut self, offer: &Booking) {
        if let Some(wish) = offer.details.wish {
            self.wishes.remove(wish);
        }
    }

    /// Who was offered a slot has not taken it.
    fn passed(&mut self, offer: &Booking) {
        let Some(wish) = offer.details.wish else { return };
        self.wishes.pass(wish, offer.span.start);
        if let Some(Offer::Appointment(id)) = offer.details.offer
            && planted::is(Bug::PresentLost)
        {
            self.end(id.into(), Ending::Cancelled);
        }
    }

    /// Has an appointment lie where it was moved to.
    fn shift(&mut self, booking: &Booking, from_calendar: CalendarId) {
        if from_calendar == self.id && !planted::is(Bug::HalfMove) {
            self.free(booking.id);
        }
        if booking.calendar == self.id {
            self.forget_ending(booking.id);
            self.occupy(booking.clone(), Status::Booked);
        } else {
            self.remember(booking.id, Ending::MovedAway);
        }
    }

    fn mark(&mut self, id: HoldId, mark: Option<Mark>) {
        if let Some(live) = self.live.get_mut(&id) {
            live.mark = mark;
        }
    }

    fn dose(&mut self, booking: &Booking) {
        if let Some(live) = self.live.get_mut(&booking.id) {
            live.booking.details = booking.details.clone();
        }
    }

    fn occupy(&mut self, booking: Booking, status: Status) {
        let (id, span) = (booking.id, booking.span);
        debug_assert!(self.is_free(span.lane, span.start, span.occupied_until, None));
        self.lanes.insert((span.lane, span.start), (span.occupied_until, id));
        match &status {
            Status::Held { deadline, .. } => {
                self.deadlines.insert((*deadline, id));
                self.holds_of.entry(booking.person.clone()).or_default().insert(id);
            }
            Status::Booked => self.first_end = self.first_end.min(span.occupied_until),
        }
        self.live.insert(id, Box::new(Live { booking, status, mark: None }));
    }

    /// What was held stays where it is and is an appointment from now on.
    fn book(&mut self, booking: &Booking) {
        let id = booking.id;
        let Some(live) = self.live.get_mut(&id) else {
            debug_assert!(false, "a hold is confirmed while it lives");
            return self.occupy(booking.clone(), Status::Booked);
        };
        debug_assert_eq!(live.booking, *booking, "a hold is confirmed as it stands");
        let held = std::mem::replace(&mut live.status, Status::Booked);
        self.first_end = self.first_end.min(booking.span.occupied_until);
        self.forget_hold(booking, &held);
    }

    fn free(&mut self, id: HoldId) {
        let Some(live) = self.live.remove(&id) else { return };
        let Live { booking, status, .. } = *live;
        self.lanes.remove(&(booking.span.lane, booking.span.start));
        self.forget_hold(&booking, &status);
    }

    fn forget_hold(&mut self, booking: &Booking, status: &Status) {
        let Status::Held { deadline, .. } = status else { return };
        self.deadlines.remove(&(*deadline, booking.id));
        if let Some(holds) = self.holds_of.get_mut(&booking.person) {
            holds.remove(&booking.id);
            if holds.is_empty() {
                self.holds_of.remove(&booking.person);
            }
        }
    }

    fn end(&mut self, id: HoldId, ending: Ending) {
        self.free(id);
        self.remember(id, ending);
    }

    fn remember(&mut self, id: HoldId, ending: Ending) {
        if !planted::is(Bug::EndForgotten) && self.ended.insert(id, ending).is_none() {
            self.ended_order.push_back(id);
        }
        while limits::ENDED_REMEMBERED_MAX < self.ended_order.len() {
            if let Some(oldest) = self.ended_order.pop_front() {
                self.ended.remove(&oldest);
            }
        }
    }

    /// An appointment can come back to a calendar that it left.
    fn forget_ending(&mut self, id: HoldId) {
        if self.ended.remove(&id).is_some() {
            self.ended_order.retain(|ended| *ended != id);
        }
    }

    /// Lets go of appointments that are long over. It depends on events alone, so that replay
    /// forgets the same.
    fn forget_past(&mut self) {
        let over = self.last.plus_ms(-limits::PAST_REMEMBERED_MS);
        let early = i64::from(planted::is(Bug::PastForgottenEarly));
        let over = over.plus_ms(2 * early * limits::PAST_REMEMBERED_MS);
        if over <= self.first_end {
            return;
        }
        let (past, first_end) = self.over_before(over);
        self.first_end = first_end;
        for (_, id) in past {
            self.free(id);
            self.wishes.forget_instead_of(id.into());
        }
    }

    /// The appointments that are over before `over`, the first ones, as many as one event lets go
    /// of; and when the first of the others is over.
    fn over_before(&self, over: Timestamp) -> (Vec<(Timestamp, HoldId)>, Timestamp) {
        const MAX: usize = limits::FORGOTTEN_PER_EVENT_MAX;
        let (mut past, mut others) = (Vec::new(), NEVER);
        let mut lane = Some(0);
        while let Some((&(found, _), _)) =
            lane.and_then(|lane| self.lanes.range((lane, EVER)..).next())
        {
            // What lies in a lane is disjoint: it ends in the order in which it starts.
            let ends = self.lanes.range((found, EVER)..=(found, NEVER)).map(|(_, end)| *end);
            let booked = |(_, id): &(_, HoldId)| {
                self.live_booking(*id).is_some_and(|live| live.status == Status::Booked)
            };
            let mut ends = ends.filter(booked).peekable();
            for _ in 0..MAX {
                past.extend(ends.next_if(|(end, _)| *end < over));
            }
            others = ends.peek().map_or(others, |(end, _)| others.min(*end));
            lane = found.checked_add(1);
        }
        past.sort_unstable();
        let left = past.split_off(MAX.min(past.len()));
        others = left.first().map_or(others, |(end, _)| others.min(*end));
        (past, others)
    }
}
