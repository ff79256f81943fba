//! What the journal says, read anew and told in the simplest way.

use std::collections::{BTreeMap, BTreeSet};

use super::disk::{self, SimDisk};
use super::hours;
use super::ledger::Counts;
use super::rules;
use crate::audit::doses::Doses;
use crate::audit::wishes::{Known, Lists};
use crate::booking::{
    Booking, Calendar, Event, Guard, GuardScope, Mark, Offer, Registration, Span, Taken,
    invariants, parts,
};
use crate::ids::{AppointmentId, CalendarId, CommandKey, HoldId, PersonId, WishId};
use crate::journal::{Entry, Frame, FrameHash, Remembered, Sequence};
use crate::limits::OFFER_MS_MAX;
use crate::time::Timestamp;

/// A hold of a simulation can be renewed once.
const RENEWALS: u8 = 1;

/// No booking of a simulation occupies its lane for longer.
const SPAN_MAX_MINUTES: i64 = 7 * 24 * 60;

/// What has become of a booking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Held until a deadline.
    Held(Timestamp, Vec<Guard>),
    /// An appointment.
    Booked,
    /// An appointment of which the practice has said something.
    Marked(Mark),
    /// An offer that was accepted for this appointment.
    Accepted(HoldId),
    /// Given back.
    Released,
    /// Run out.
    Expired,
    /// Cancelled.
    Cancelled,
}

/// A booking.
#[derive(Clone, Debug)]
pub struct Told {
    /// As it was last.
    pub booking: Booking,
    /// What has become of it.
    pub state: State,
    /// When it was held.
    pub held_at: Timestamp,
    /// The entry in which it was held.
    pub held_in: Sequence,
    /// The deadline that it had as a hold, and when it ended or was confirmed.
    pub deadline: Timestamp,
    /// How often it was renewed.
    pub renewals: u8,
    /// When it ceased to be a hold.
    pub settled_at: Option<Timestamp>,
    /// Everywhere that it has been.
    pub places: BTreeSet<(CalendarId, u16, Timestamp)>,
}

impl Told {
    /// Whether it occupies its lane.
    #[must_use]
    pub fn is_live(&self) -> bool {
        matches!(self.state, State::Held(..) | State::Booked | State::Marked(_))
    }

    /// Whether it is or was an appointment.
    #[must_use]
    pub fn is_appointment(&self) -> bool {
        matches!(self.state, State::Booked | State::Marked(_) | State::Cancelled)
    }
}

/// A command by its name, and what it wrote.
#[derive(Clone, Debug)]
pub struct Named {
    /// Where.
    pub sequence: Sequence,
    /// Its content, hashed.
    pub command: Remembered,
    /// What happened.
    pub events: Vec<Event>,
}

/// All that a journal says.
#[derive(Clone, Debug, Default)]
pub struct Model {
    /// The last sequence.
    pub tail: Sequence,
    /// The last instant.
    pub last: Option<Timestamp>,
    /// All events, by sequence.
    pub entries: Vec<(Sequence, Vec<Event>)>,
    /// What was registered, in order.
    pub registered: Vec<Registration>,
    /// All bookings.
    pub bookings: BTreeMap<HoldId, Told>,
    /// All calendars, by the engine's own `apply`.
    pub calendars: BTreeMap<CalendarId, Calendar>,
    /// Named commands, by name.
    pub commands: BTreeMap<CommandKey, Vec<Named>>,
    /// Wishes, and the calendars on whose lists they were put.
    pub wishes: BTreeSet<(WishId, CalendarId)>,
    lists: Lists,
    /// Who has which dose.
    pub(super) doses: Doses,
    live: BTreeSet<(CalendarId, u16, Timestamp, Timestamp, HoldId)>,
    /// The hash of the last frame that was read, and where that frame begins in the log.
    last_frame: Option<(usize, FrameHash)>,
    guards: BTreeMap<(String, Option<CalendarId>, PersonId), HoldId>,
    hold_ms: i64,
}

impl Model {
    /// Reads a log of a simulated disk, in which each hold was to last `hold_ms`.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn read(bytes: &[u8], hold_ms: i64) -> Result<Self, String> {
        let mut model = Self { hold_ms, ..Self::default() };
        model.read_on(0, bytes)?;
        Ok(model)
    }

    /// Reads what the log of `disk` has that was not read yet. Frames are chained by their hashes:
    /// where the last one that was read still stands, so does everything before it. Where it does
    /// not, because a crash has cut it off, all is read anew.
    ///
    /// # Errors
    ///
    /// As [`Model::read`].
    pub fn catch_up(&mut self, disk: &SimDisk, hold_ms: i64) -> Result<(), String> {
        if let Some((at, hash)) = self.last_frame {
            let bytes = disk.bytes_from(at);
            if let Some((next, _)) = disk::first(&bytes).filter(|(_, stands)| *stands == hash) {
                return self.read_on(at + next, bytes.get(next..).unwrap_or_default());
            }
        }
        *self = Self { hold_ms, ..Self::default() };
        self.read_on(0, &disk.bytes())
    }

    /// Reads the frames in `bytes`, which lie at `at` in the log.
    fn read_on(&mut self, at: usize, bytes: &[u8]) -> Result<(), String> {
        let model = self;
        let mut at = at;
        for bytes in disk::frames(bytes) {
            let frame = Frame::parse(&bytes).map_err(|error| error.to_string())?;
            let before = model.last_frame.map_or([0; 32], |(_, hash)| hash);
            if frame.before() != before {
                return Err(format!("the frame at {} does not continue the chain", frame.first()));
            }
            model.last_frame = Some((at, frame.hash()));
            at += disk::record(&bytes).len();
            for (sequence, payload) in frame.entries() {
                if sequence != model.tail + 1 {
                    return Err(format!("{sequence} follows {}", model.tail));
                }
                let entry = frame.decode(payload).map_err(|error| error.to_string())?;
                model.take(sequence, entry).map_err(|what| format!("entry {sequence}: {what}"))?;
            }
        }
        Ok(())
    }

    fn take(&mut self, sequence: Sequence, entry: Entry) -> Result<(), String> {
        self.tail = sequence;
        if entry.events.is_empty() {
            return Err("it holds no event".to_owned());
        }
        parts::whole(&entry.events)?;
        self.doses.take(sequence, &entry.events)?;
        for event in &entry.events {
            if let Event::Held { at, booking, deadline, .. } = event {
                self.lists.judge((*at, booking, *deadline), self)?;
            }
            self.lists.judge_grant(event)?;
            self.lists.take(event);
            if self.last.is_some_and(|last| event.at() < last) {
                return Err(format!("{} comes after {:?}", event.at(), self.last));
            }
            self.last = Some(event.at());
            self.happen(event)?;
            self.follow(event)?;
        }
        if let Some(command) = entry.command {
            let named = Named { sequence, command, events: entry.events.clone() };
            self.commands.entry(named.command.key.clone()).or_default().push(named);
        }
        self.entries.push((sequence, entry.events));
        Ok(())
    }

    /// Has the engine's own state follow.
    fn follow(&mut self, event: &Event) -> Result<(), String> {
        if let Some(created) = Calendar::created(event)
            && self.calendars.insert(created.id(), created).is_some()
        {
            return Err("the calendar was there".to_owned());
        }
        for id in event.calendars() {
            let calendar = self.calendars.get_mut(&id).ok_or("the calendar is not known")?;
            calendar.apply(event);
            invariants::check(calendar)?;
        }
        Ok(())
    }

    fn register(&mut self, what: &Registration) -> Result<(), String> {
        if let Registration::Reviewed(review) = what {
            let told = self.bookings.get(&review.appointment.into());
            let took_place = told.is_some_and(|told| {
                told.state == State::Marked(Mark::Fulfilled)
                    && told.booking.calendar == review.calendar
            });
            let reviewed = |other: &Registration| match other {
                Registration::Reviewed(other) => other.appointment == review.appointment,
                _ => false,
            };
            if !took_place || self.registered.iter().any(reviewed) {
                return Err(format!("{review:?} is of nothing that took place, or comes again"));
            }
        }
        self.registered.push(what.clone());
        Ok(())
    }

    fn happen(&mut self, event: &Event) -> Result<(), String> {
        match event {
            Event::CalendarCreated { .. }
            | Event::CalendarChanged { .. }
            | Event::Withdrawn { .. }
            | Event::Delayed { .. } => Ok(()),
            Event::Wished { calendar, wish, .. } => {
                self.wishes.insert((wish.id, *calendar));
                Ok(())
            }
            Event::Renewed { at, booking, before, deadline, guards, renewals } => {
                self.renewed(*at, booking, (*before, *deadline), guards, *renewals)
            }
            Event::Marked { at, booking, mark, before } => {
                self.marked(*at, booking, *mark, *before)
            }
            Event::Accepted { at, booking, taken } => {
                let Taken { from_calendar, from, offer, deadline, guards } = &**taken;
                if deadline <= at {
                    return Err(format!("{} was accepted after its deadline", offer.id));
                }
                let place = (booking.calendar, booking.span, &booking.reason);
                if place != (offer.calendar, offer.span, &offer.reason) {
                    return Err(format!("{} went elsewhere than it was offered", booking.id));
                }
                let accepted = State::Accepted(booking.id);
                self.settle(*at, offer, *deadline, guards, accepted)?;
                self.moved(*at, booking, *from_calendar, from)
            }
            Event::Dosed { booking, .. } | Event::Given { booking, .. } => self.dosed(booking),
            Event::Registered { what, .. } => self.register(what),
            Event::Held { at, booking, deadline, guards } => {
                self.held(*at, booking, *deadline, guards)
            }
            Event::Confirmed { at, booking, deadline, guards } => {
                if deadline <= at {
                    return Err(format!("{} was confirmed after its deadline", booking.id));
                }
                self.settle(*at, booking, *deadline, guards, State::Booked)
            }
            Event::Released { at, booking, deadline, guards } => {
                if deadline <= at {
                    return Err(format!("{} was released after its deadline", booking.id));
                }
                self.settle(*at, booking, *deadline, guards, State::Released)
            }
            Event::Expired { at, booking, deadline, guards } => {
                if at < deadline {
                    return Err(format!("{} expired before its deadline", booking.id));
                }
                self.settle(*at, booking, *deadline, guards, State::Expired)
            }
            Event::Cancelled { at, booking } => {
                let told = self.booked(booking.id)?;
                if told.booking != *booking || booking.span.start <= *at {
                    return Err(format!("{} could not be cancelled", booking.id));
                }
                told.state = State::Cancelled;
                self.vacate(booking);
                Ok(())
            }
            Event::Moved { at, booking, from_calendar, from } => {
                self.judge_hours(booking)?;
                self.moved(*at, booking, *from_calendar, from)
            }
        }
    }

    fn dosed(&mut self, booking: &Booking) -> Result<(), String> {
        let told = self.bookings.get_mut(&booking.id).ok_or("nothing has the dose")?;
        told.booking.details = booking.details.clone();
        if told.booking == *booking {
            return Ok(());
        }
        Err(format!("{} has another dose, and is another booking", booking.id))
    }

    fn moved(
        &mut self,
        at: Timestamp,
        booking: &Booking,
        from_calendar: CalendarId,
        from: &Span,
    ) -> Result<(), String> {
        let told = self.booked(booking.id)?;
        let old = told.booking.clone();
        let stays = Booking {
            calendar: booking.calendar,
            reason: booking.reason.clone(),
            span: booking.span,
            ..old.clone()
        };
        if old.span != *from || old.calendar != from_calendar || stays != *booking {
            return Err(format!("{} did not lie where it was moved from", booking.id));
        }
        if from.start <= at || booking.span.start < at {
            return Err(format!("{} could not be moved", booking.id));
        }
        told.booking = booking.clone();
        told.places.insert((booking.calendar, booking.span.lane, booking.span.start));
        self.vacate(&old);
        self.occupy(booking)
    }

    fn renewed(
        &mut self,
        at: Timestamp,
        booking: &Booking,
        (before, deadline): (Timestamp, Timestamp),
        guards: &[Guard],
        renewals: u8,
    ) -> Result<(), String> {
        let lasts = at.plus_ms(self.hold_ms).max(before);
        let told = self.bookings.get_mut(&booking.id).ok_or("the hold is not known")?;
        let was = State::Held(before, guards.to_vec());
        if told.state != was || told.booking != *booking || booking.details.offer.is_some() {
            return Err(format!("{} was {:?}, not {was:?}", booking.id, told.state));
        }
        told.renewals += 1;
        if before <= at || deadline != lasts || renewals != told.renewals || RENEWALS < renewals {
            return Err(format!("{} could not be renewed so", booking.id));
        }
        (told.state, told.deadline) = (State::Held(deadline, guards.to_vec()), deadline);
        Ok(())
    }

    fn marked(
        &mut self,
        at: Timestamp,
        booking: &Booking,
        mark: Mark,
        before: Option<Mark>,
    ) -> Result<(), String> {
        let told = self.bookings.get_mut(&booking.id).ok_or("the appointment is not known")?;
        let was = before.map_or(State::Booked, State::Marked);
        // A dose is given to who comes early, on the day.
        let given = booking.details.dose.is_some() && mark == Mark::Fulfilled;
        let early = mark != Mark::Arrived && at < booking.span.start && !given;
        let last = before == Some(Mark::Fulfilled) || before == Some(mark);
        if told.state != was || told.booking != *booking || early || last {
            return Err(format!("{} could not be {mark:?}", booking.id));
        }
        told.state = State::Marked(mark);
        Ok(())
    }

    fn held(
        &mut self,
        at: Timestamp,
        booking: &Booking,
        deadline: Timestamp,
        guards: &[Guard],
    ) -> Result<(), String> {
        let lasts = deadline.millis() - at.millis();
        let lasts = match booking.details.offer {
            None => lasts == self.hold_ms,
            Some(_) => (1_000..=OFFER_MS_MAX).contains(&lasts),
        };
        if !lasts || booking.span.start < at {
            return Err(format!("{} has wrong instants", booking.id));
        }
        self.judge_hours(booking)?;
        match booking.details.part_of() {
            None => self.judge_rules(booking, at)?,
            Some(whole) if self.live_until(whole) == Some(deadline) => {}
            Some(whole) => return Err(format!("{} is no part of {whole}", booking.id)),
        }
        for guard in guards {
            let key = guard_key(guard, booking);
            if let Some(other) = self.guards.insert(key, booking.id) {
                return Err(format!("{} has {other} and {}", booking.person, booking.id));
            }
        }
        self.occupy(booking)?;
        let told = Told {
            booking: booking.clone(),
            state: State::Held(deadline, guards.to_vec()),
            held_at: at,
            held_in: self.tail,
            deadline,
            settled_at: None,
            renewals: 0,
            places: BTreeSet::from([(booking.calendar, booking.span.lane, booking.span.start)]),
        };
        match self.bookings.insert(booking.id, told) {
            Some(_) => Err(format!("{} was there", booking.id)),
            None => Ok(()),
        }
    }

    fn settle(
        &mut self,
        at: Timestamp,
        booking: &Booking,
        deadline: Timestamp,
        guards: &[Guard],
        state: State,
    ) -> Result<(), String> {
        let told = self.bookings.get_mut(&booking.id).ok_or("the hold is not known")?;
        let was = State::Held(deadline, guards.to_vec());
        if told.state != was || told.booking != *booking {
            return Err(format!("{} was {:?}, not {was:?}", booking.id, told.state));
        }
        let frees = state != State::Booked;
        (told.state, told.settled_at) = (state, Some(at));
        for guard in guards {
            self.guards.remove(&guard_key(guard, booking));
        }
        if frees {
            self.vacate(booking);
        }
        Ok(())
    }

    fn booked(&mut self, id: HoldId) -> Result<&mut Told, String> {
        let told = self.bookings.get_mut(&id).filter(|told| told.state == State::Booked);
        told.ok_or_else(|| format!("{id} is no appointment"))
    }

    fn live_until(&self, id: HoldId) -> Option<Timestamp> {
        match self.bookings.get(&id)?.state {
            State::Held(deadline, _) => Some(deadline),
            _ => None,
        }
    }

    /// It is open where a booking is made.
    fn judge_hours(&self, booking: &Booking) -> Result<(), String> {
        let calendar = self.calendars.get(&booking.calendar).ok_or("the calendar is not known")?;
        hours::judge(calendar.schedule().definition(), booking)
    }

    /// Whoever booked it could.
    fn judge_rules(&self, booking: &Booking, at: Timestamp) -> Result<(), String> {
        let calendar = self.calendars.get(&booking.calendar).ok_or("the calendar is not known")?;
        let schedule = calendar.schedule();
        let reason = schedule.definition().reason(&booking.reason.id);
        let reason = reason.ok_or_else(|| format!("{} has no reason", booking.id))?;
        let day = |booking: &Booking| schedule.date_at(booking.span.start);
        let from = (booking.calendar, 0, Timestamp::default(), Timestamp::default(), booking.id);
        let here = self.live.range(from..).take_while(|(at, ..)| *at == booking.calendar);
        let known = here.filter_map(|(.., id)| self.bookings.get(id));
        let details = &booking.details;
        let own = |other: &Booking| {
            details.wish.is_some() && details.offer == Some(Offer::Appointment(other.id.into()))
        };
        let same = |told: &&Told| {
            let other = &told.booking;
            !own(other)
                && !other.is_part()
                && other.reason.id == booking.reason.id
                && day(other) == day(booking)
        };
        rules::judge(reason, booking, at, known.filter(same).count())
    }

    /// No lane is sold twice.
    fn occupy(&mut self, booking: &Booking) -> Result<(), String> {
        let span = booking.span;
        let earliest = span.start.plus_minutes(-SPAN_MAX_MINUTES);
        let from = (booking.calendar, span.lane, earliest, earliest, booking.id);
        let near = self.live.range(from..).take_while(|(calendar, lane, start, ..)| {
            *calendar == booking.calendar && *lane == span.lane && *start < span.occupied_until
        });
        let overlaps = near.into_iter().find(|(_, _, _, until, _)| span.start < *until);
        if let Some((.., other)) = overlaps {
            return Err(format!("{} and {other} lie in one lane", booking.id));
        }
        self.live.insert(place(booking));
        Ok(())
    }

    fn vacate(&mut self, booking: &Booking) {
        self.live.remove(&place(booking));
    }

    /// Adds up what has happened.
    pub fn count(&self, counts: &mut Counts) {
        counts.entries = self.tail;
        for event in self.entries.iter().flat_map(|(_, events)| events) {
            if event.booking().is_some_and(Booking::is_part) {
                counts.parts += 1;
                continue;
            }
            let twin = |booking: &Booking| booking.details.dose.as_ref().and_then(|it| it.twin);
            if let Event::Held { booking, .. } = event {
                counts.pairs += u64::from(twin(booking).is_some_and(|twin| booking.id < twin));
            }
            let count = match event {
                Event::Held { booking, .. } if booking.details.wish.is_some() => &mut counts.turns,
                Event::Held { booking, .. } if booking.details.offer.is_some() => {
                    &mut counts.offers
                }
                Event::CalendarCreated { .. }
                | Event::CalendarChanged { .. }
                | Event::Registered { .. } => &mut counts.changes,
                Event::Held { .. } => &mut counts.holds,
                Event::Confirmed { .. } => &mut counts.confirms,
                Event::Released { .. } => &mut counts.releases,
                Event::Expired { .. } => &mut counts.expiries,
                Event::Cancelled { .. } => &mut counts.cancels,
                Event::Renewed { .. } => &mut counts.renewals,
                Event::Marked { .. } => &mut counts.marks,
                Event::Delayed { .. } => &mut counts.delays,
                Event::Wished { .. } | Event::Withdrawn { .. } => &mut counts.wishes,
                Event::Accepted { .. } => &mut counts.accepted,
                Event::Dosed { .. } => &mut counts.dosed,
                Event::Given { .. } => &mut counts.given,
                Event::Moved { booking, from_calendar, .. } => {
                    if booking.calendar == *from_calendar {
                        &mut counts.moves_within
                    } else {
                        &mut counts.moves_between
                    }
                }
            };
            *count += 1;
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
        let first = Timestamp::from_millis(i64::MIN);
        let from = (calendar, 0, first, first, HoldId::from_bits(0));
        let here = self.live.range(from..).take_while(|(at, ..)| *at == calendar);
        let mut known = here.filter_map(|(.., id)| self.bookings.get(id));
        known.any(|told| {
            let span = told.booking.span;
            let there = span.start < until && start < span.occupied_until;
            let held = matches!(told.state, State::Held(..));
            told.booking.person == *person
                && (held || there && Some(told.booking.id.into()) != except)
        })
    }

    fn starts(&self, calendar: CalendarId, id: AppointmentId) -> Option<Timestamp> {
        let told = self.bookings.get(&id.into())?;
        let here = told.booking.calendar == calendar && told.state == State::Booked;
        here.then_some(told.booking.span.start)
    }
}

fn place(booking: &Booking) -> (CalendarId, u16, Timestamp, Timestamp, HoldId) {
    let span = booking.span;
    (booking.calendar, span.lane, span.start, span.occupied_until, booking.id)
}

fn guard_key(guard: &Guard, booking: &Booking) -> (String, Option<CalendarId>, PersonId) {
    let calendar = (guard.scope == GuardScope::Calendar).then_some(booking.calendar);
    (guard.kind.to_string(), calendar, booking.person.clone())
}
