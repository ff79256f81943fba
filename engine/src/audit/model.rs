//! The naive model: what the entries say, told in plain maps.

use std::collections::{BTreeMap, VecDeque};

mod doses;
mod practice;
mod waiting;

use self::doses::DoseRows;
use super::derived::command_hash;
use super::doses::Doses;
use super::lanes::Lanes;
use super::report::{FaultKind, Faults};
use super::wishes::Lists;
use crate::booking::{
    Booking, Definition, Details, Event, Guard, GuardScope, Late, Mark, Span, parts,
};
use crate::ids::{AppointmentId, CalendarId, HoldId};
use crate::journal::{Entry, Sequence};
use crate::limits::{COMMAND_REMEMBERED_MS, ENDED_HOLD_REMEMBERED_MS};
use crate::time::Timestamp;

/// What has become of a booking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Held(Timestamp),
    Booked,
    Marked(Mark),
    Cancelled,
    Released,
    Expired,
    Accepted(AppointmentId),
}

impl State {
    fn occupies(self) -> bool {
        matches!(self, Self::Held(_) | Self::Booked | Self::Marked(_))
    }

    pub(super) fn is_appointment(self) -> bool {
        matches!(self, Self::Booked | Self::Marked(_) | Self::Cancelled)
    }
}

/// What is known of a booking. Texts are kept as hashes, so that millions fit in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) calendar: CalendarId,
    pub(super) span: Span,
    person: u64,
    reason: u64,
    details: u64,
    /// Whether it is part of another.
    pub(super) is_part: bool,
    version: u32,
    guards: u64,
    pub(super) state: State,
    pub(super) at: Timestamp,
    /// The entry that named it last.
    since: Sequence,
}

impl Known {
    pub(super) fn new(booking: &Booking, state: State, at: Timestamp, since: Sequence) -> Self {
        Self {
            calendar: booking.calendar,
            span: booking.span,
            person: hash(&[booking.person.as_str().as_bytes()]),
            reason: hash(&[booking.reason.id.as_str().as_bytes()]),
            details: hash_details(&booking.details),
            is_part: booking.is_part(),
            version: booking.reason.version,
            guards: 0,
            state,
            at,
            since,
        }
    }

    /// Whether it is the same booking at the same place.
    pub(super) fn is(&self, other: &Self) -> bool {
        self.is_whose(other)
            && (self.calendar, self.span, self.version)
                == (other.calendar, other.span, other.version)
    }

    /// Whether it is the same person's, for the same reason, wherever it lies.
    pub(super) fn is_whose(&self, other: &Self) -> bool {
        (self.person, self.reason, self.details) == (other.person, other.reason, other.details)
    }

    pub(super) fn is_of(&self, person: &[u8]) -> bool {
        self.person == hash(&[person])
    }

    pub(super) fn claims(&self, guards: &[Guard]) -> bool {
        self.guards == hash_guards(guards)
    }

    /// When its row may be gone.
    pub(super) fn runs_out(&self) -> Option<Timestamp> {
        let ended = matches!(self.state, State::Released | State::Expired | State::Accepted(_));
        ended.then(|| self.at.plus_ms(ENDED_HOLD_REMEMBERED_MS))
    }
}

/// What is known of a calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct KnownCalendar {
    pub(super) version: u32,
    /// A hash of all that is set.
    pub(super) definition: u64,
    /// Those of the practice alone included.
    lanes: u16,
    pub(super) late: Option<Late>,
    pub(super) last: Timestamp,
    /// The entry that concerned it last.
    pub(super) touched: Sequence,
}

/// What a command's name brought about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct KnownCommand {
    pub(super) sequence: Sequence,
    pub(super) fingerprint: u128,
    pub(super) runs_out: Timestamp,
}

/// What is forgotten after a while.
#[derive(Clone, Copy, Debug)]
enum Ended {
    Hold(HoldId),
    Command(u128),
}

/// How a thing was at several moments, of which one counts.
pub(super) type Versions<K, V> = BTreeMap<K, Vec<Option<V>>>;

/// How many there are.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    pub(super) calendars: u64,
    pub(super) holds_live: u64,
    pub(super) booked: u64,
    pub(super) cancelled: u64,
}

/// All that the entries so far say.
#[derive(Debug)]
pub(super) struct Model {
    pub(super) bookings: BTreeMap<HoldId, Known>,
    pub(super) calendars: BTreeMap<CalendarId, KnownCalendar>,
    pub(super) commands: BTreeMap<u128, KnownCommand>,
    /// Rows of the register: the last entry that changed them, and a hash of what they hold.
    pub(super) register: BTreeMap<Vec<u8>, (Sequence, Option<u64>)>,
    pub(super) lanes: Lanes,
    lists: Lists,
    /// Rows of wishes, as they are.
    wish_rows: BTreeMap<Vec<u8>, Vec<u8>>,
    doses: Doses,
    dose_rows: DoseRows,
    guards: BTreeMap<u64, HoldId>,
    ended: VecDeque<(Timestamp, Ended)>,
    pub(super) last: Timestamp,
    /// What was named before this entry last may have ended in a hole.
    gap: Sequence,
    /// While a store is to be compared: the entry up to which it has all rows. How things were
    /// after it, and after each later change, is kept.
    complete_to: Option<Sequence>,
    pub(super) versions: Versions<HoldId, Known>,
    pub(super) calendar_versions: Versions<CalendarId, KnownCalendar>,
}

/// Eight bytes of a hash tell texts apart that nobody chose to be alike.
pub(super) fn hash(parts: &[&[u8]]) -> u64 {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    let hash: [u8; 32] = hasher.finalize().into();
    hash.first_chunk::<8>().map_or(0, |part| u64::from_le_bytes(*part))
}

fn hash_guards(guards: &[Guard]) -> u64 {
    let scope = |guard: &Guard| match guard.scope {
        GuardScope::Calendar => b"calendar".as_slice(),
        GuardScope::Engine => b"engine".as_slice(),
    };
    let parts: Vec<&[u8]> =
        guards.iter().flat_map(|guard| [guard.kind.as_bytes(), scope(guard)]).collect();
    hash(&parts)
}

/// Of few bookings there is anything to hash.
fn hash_details(details: &Details) -> u64 {
    if *details == Details::default() {
        return 0;
    }
    let bytes = rkyv::to_bytes::<rkyv::rancor::Error>(details).unwrap_or_default();
    hash(&[&bytes])
}

/// A guard as one person claims it.
fn guard_key(guard: &Guard, booking: &Booking) -> u64 {
    let calendar = booking.calendar.bits().to_be_bytes();
    let within: &[u8] = match guard.scope {
        GuardScope::Calendar => &calendar,
        GuardScope::Engine => &[],
    };
    hash(&[guard.kind.as_bytes(), within, booking.person.as_str().as_bytes()])
}

pub(super) fn hash_definition(definition: &Definition) -> u64 {
    let bytes = rkyv::to_bytes::<rkyv::rancor::Error>(definition).unwrap_or_default();
    hash(&[&bytes])
}

/// An event of a booking, with what is to be said of it.
struct Seen<'a> {
    sequence: Sequence,
    at: Timestamp,
    booking: &'a Booking,
}

impl Model {
    /// `complete_to` is up to where the store that it will be compared with has all rows.
    pub(super) fn new(complete_to: Option<Sequence>) -> Self {
        Self {
            bookings: BTreeMap::new(),
            calendars: BTreeMap::new(),
            commands: BTreeMap::new(),
            register: BTreeMap::new(),
            lanes: Lanes::default(),
            lists: Lists::default(),
            wish_rows: BTreeMap::new(),
            doses: Doses::default(),
            dose_rows: DoseRows::default(),
            guards: BTreeMap::new(),
            ended: VecDeque::new(),
            last: Timestamp::from_millis(i64::MIN),
            gap: 0,
            complete_to,
            versions: BTreeMap::new(),
            calendar_versions: BTreeMap::new(),
        }
    }

    pub(super) fn counts(&self) -> Counts {
        let mut counts = Counts { calendars: self.calendars.len() as u64, ..Counts::default() };
        for known in self.bookings.values().filter(|known| !known.is_part) {
            match known.state {
                State::Held(_) => counts.holds_live += 1,
                State::Booked | State::Marked(_) => counts.booked += 1,
                State::Cancelled => counts.cancelled += 1,
                State::Released | State::Expired | State::Accepted(_) => {}
            }
        }
        counts
    }

    /// Entries before `next` could not be read.
    pub(super) fn gap(&mut self, next: Sequence) {
        self.gap = next;
    }

    /// The store was compared: how things were is not needed any more.
    pub(super) fn forget_versions(&mut self) {
        self.complete_to = None;
        self.versions.clear();
        self.calendar_versions.clear();
    }

    pub(super) fn take(&mut self, sequence: Sequence, entry: &Entry, faults: &mut Faults) {
        if entry.events.is_empty() {
            faults.add(FaultKind::Contradiction, sequence, "the entry has no event".to_owned());
        }
        if let Err(what) = parts::whole(&entry.events) {
            faults.add(FaultKind::Contradiction, sequence, what);
        }
        for event in &entry.events {
            self.in_order(sequence, event, faults);
            self.offered(sequence, event, faults);
            self.event(sequence, event, faults);
            self.waiting(sequence, event);
        }
        self.dosed(sequence, &entry.events, faults);
        if let (Some(command), Some(event)) = (&entry.command, entry.events.first()) {
            let name = command_hash(&command.key);
            let runs_out = event.at().plus_ms(COMMAND_REMEMBERED_MS);
            let fingerprint = command.fingerprint;
            let known = KnownCommand { sequence, fingerprint, runs_out };
            let before = self.commands.insert(name, known);
            self.ended.push_back((runs_out, Ended::Command(name)));
            if let Some(before) = before.filter(|before| event.at() < before.runs_out) {
                let what = format!("the command that it names had written {}", before.sequence);
                faults.add(FaultKind::Contradiction, sequence, what);
            }
        }
        self.forget();
    }

    /// Lets go of what is remembered for 24 hours only.
    fn forget(&mut self) {
        while let Some((_, ended)) = self.ended.pop_front_if(|(at, _)| *at <= self.last) {
            match ended {
                Ended::Hold(id) => {
                    let known = self.bookings.get(&id).and_then(Known::runs_out);
                    if known.is_some_and(|at| at <= self.last) {
                        self.put(id, None, 0);
                    }
                }
                Ended::Command(name) => {
                    let known = self.commands.get(&name).map(|known| known.runs_out);
                    if known.is_some_and(|at| at <= self.last) {
                        self.commands.remove(&name);
                    }
                }
            }
        }
    }

    /// Instants never decrease within a calendar, which must be there.
    fn in_order(&mut self, sequence: Sequence, event: &Event, faults: &mut Faults) {
        self.last = self.last.max(event.at());
        let created = matches!(event, Event::CalendarCreated { .. });
        for id in event.calendars() {
            match self.calendars.get(&id).copied() {
                Some(known) => {
                    if event.at() < known.last {
                        let what = format!("{id} was later already: {} {}", known.last, event.at());
                        faults.add(FaultKind::Contradiction, sequence, what);
                    }
                    let last = known.last.max(event.at());
                    let known = KnownCalendar { last, touched: sequence, ..known };
                    self.put_calendar(id, known, sequence);
                }
                None if created || self.gap != 0 => {}
                None => {
                    let what = format!("{id} is not known");
                    faults.add(FaultKind::Contradiction, sequence, what);
                }
            }
        }
    }

    fn event(&mut self, sequence: Sequence, event: &Event, faults: &mut Faults) {
        let seen = |at: &Timestamp, booking| Seen { sequence, at: *at, booking };
        match event {
            Event::CalendarCreated { calendar, at, definition } => {
                self.calendar(sequence, *calendar, *at, (1, definition), faults);
            }
            Event::CalendarChanged { calendar, at, version, definition } => {
                self.calendar(sequence, *calendar, *at, (*version, definition), faults);
            }
            Event::Held { at, booking, deadline, guards } => {
                self.held(&seen(at, booking), *deadline, guards, faults);
            }
            Event::Confirmed { at, booking, deadline, guards } => {
                let late = (*deadline <= *at).then_some("confirmed at or after its deadline");
                self.settled(&seen(at, booking), (*deadline, late), guards, State::Booked, faults);
            }
            Event::Released { at, booking, deadline, guards } => {
                let late = (*deadline <= *at).then_some("released at or after its deadline");
                self.settled(
                    &seen(at, booking),
                    (*deadline, late),
                    guards,
                    State::Released,
                    faults,
                );
            }
            Event::Expired { at, booking, deadline, guards } => {
                let early = (*at < *deadline).then_some("expired before its deadline");
                self.settled(
                    &seen(at, booking),
                    (*deadline, early),
                    guards,
                    State::Expired,
                    faults,
                );
            }
            Event::Cancelled { at, booking } => self.cancelled(&seen(at, booking), faults),
            Event::Moved { at, booking, from_calendar, from } => {
                self.moved(&seen(at, booking), *from_calendar, from, faults);
            }
            Event::Renewed { at, booking, before, deadline, guards, .. } => {
                self.renewed(&seen(at, booking), (*before, *deadline), guards, faults);
            }
            Event::Marked { at, booking, mark, before } => {
                self.marked(&seen(at, booking), *mark, *before, faults);
            }
            Event::Delayed { calendar, at, minutes, until } => {
                let late = Late { minutes: *minutes, from: *at, until: *until };
                self.delayed(sequence, *calendar, late);
            }
            Event::Accepted { at, booking, taken } => {
                self.accepted(&seen(at, booking), taken, faults);
            }
            Event::Registered { what, .. } => self.registered(sequence, what, faults),
            Event::Dosed { at, booking, .. } => self.redosed(&seen(at, booking), faults),
            Event::Given { at, booking, .. } => self.redosed(&seen(at, booking), faults),
            Event::Wished { .. } | Event::Withdrawn { .. } => {}
        }
    }

    fn calendar(
        &mut self,
        sequence: Sequence,
        id: CalendarId,
        at: Timestamp,
        (version, definition): (u32, &Definition),
        faults: &mut Faults,
    ) {
        let before = self.calendars.get(&id).map_or(0, |known| known.version);
        let doubtful = self.gap != 0;
        if before.checked_add(1) != Some(version) && !doubtful {
            let what = format!("{id} comes to version {version} after version {before}");
            faults.add(FaultKind::Contradiction, sequence, what);
        }
        let known = KnownCalendar {
            version,
            definition: hash_definition(definition),
            lanes: definition.lanes.saturating_add(definition.agenda.overflow_lanes),
            late: self.calendars.get(&id).and_then(|known| known.late),
            last: at,
            touched: sequence,
        };
        self.put_calendar(id, known, sequence);
    }

    fn held(
        &mut self,
        seen: &Seen<'_>,
        deadline: Timestamp,
        guards: &[Guard],
        faults: &mut Faults,
    ) {
        let Seen { sequence, at, booking } = *seen;
        let (id, span) = (booking.id, booking.span);
        let mut say = |what: &str| faults.add(FaultKind::Contradiction, sequence, what.to_owned());
        if deadline <= at || span.start < at || span.end <= span.start {
            say(&format!("{id} has instants that contradict each other"));
        }
        if span.occupied_until < span.end {
            say(&format!("{id} ends after its lane is free again"));
        }
        let lanes = self.calendars.get(&booking.calendar).map(|known| known.lanes);
        if lanes.is_some_and(|lanes| lanes <= span.lane) && self.gap == 0 {
            say(&format!("{id} lies in lane {}, which {} has not", span.lane, booking.calendar));
        }
        if let Some(known) = self.certain(id) {
            say(&format!("{id} was held before, and was {:?} since", known.state));
        }
        for guard in guards {
            let other = self.guards.insert(guard_key(guard, booking), id);
            let other = other.filter(|other| *other != id);
            let held = |other: &HoldId| {
                self.certain(*other).is_some_and(|known| matches!(known.state, State::Held(_)))
            };
            if let Some(other) = other.filter(held) {
                let what = format!("{id} and {other} are live holds of one person");
                faults.add(FaultKind::Guard, sequence, what);
            }
        }
        self.leave(id);
        let known = Known::new(booking, State::Held(deadline), at, sequence);
        self.lie(id, Known { guards: hash_guards(guards), ..known }, faults);
    }

    fn settled(
        &mut self,
        seen: &Seen<'_>,
        (deadline, wrong): (Timestamp, Option<&str>),
        guards: &[Guard],
        state: State,
        faults: &mut Faults,
    ) {
        let Seen { sequence, at, booking } = *seen;
        let id = booking.id;
        if let Some(wrong) = wrong {
            let what = format!("{id} was {wrong}, {deadline}, at {at}");
            faults.add(FaultKind::Deadline, sequence, what);
        }
        let now = Known::new(booking, state, at, sequence);
        let fault = match self.certain(id) {
            None if self.gap == 0 => Some(format!("{id} ends as a hold, and never was one")),
            Some(known) if known.state != State::Held(deadline) => {
                Some(format!("{id} ends as a hold, but was {:?}", known.state))
            }
            Some(known) if !known.is(&now) || !known.claims(guards) => {
                Some(format!("{id} ends as another hold than it was"))
            }
            _ => None,
        };
        if let Some(what) = fault {
            faults.add(FaultKind::NotLive, sequence, what);
        }
        for guard in guards {
            let key = guard_key(guard, booking);
            if self.guards.get(&key) == Some(&id) {
                self.guards.remove(&key);
            }
        }
        self.leave(id);
        self.lie(id, now, faults);
    }

    fn cancelled(&mut self, seen: &Seen<'_>, faults: &mut Faults) {
        let Seen { sequence, at, booking } = *seen;
        let id = AppointmentId::from(booking.id);
        let now = Known::new(booking, State::Cancelled, at, sequence);
        let fault = match self.certain(booking.id) {
            None if self.gap == 0 => Some(format!("{id} is cancelled, and never was booked")),
            Some(known) if known.state != State::Booked => {
                Some(format!("{id} is cancelled, but was {:?}", known.state))
            }
            Some(known) if !known.is(&now) => {
                Some(format!("{id} is cancelled as another appointment than it was"))
            }
            _ if booking.span.start <= at => Some(format!("{id} is cancelled after its start")),
            _ => None,
        };
        if let Some(what) = fault {
            faults.add(FaultKind::NotLive, sequence, what);
        }
        self.leave(booking.id);
        self.lie(booking.id, now, faults);
    }

    /// What is known of a booking, unless it may have ended in a hole.
    fn certain(&self, id: HoldId) -> Option<Known> {
        self.bookings.get(&id).copied().filter(|known| self.gap <= known.since)
    }

    /// Takes a booking out of its lane, wherever it lies.
    fn leave(&mut self, id: HoldId) {
        if let Some(known) = self.bookings.get(&id) {
            self.lanes.vacate(known.calendar, &known.span, id);
        }
    }

    /// Has a booking be as `known`, in its lane if it occupies one.
    fn lie(&mut self, id: HoldId, known: Known, faults: &mut Faults) {
        let sequence = known.since;
        if known.state.occupies() {
            for other in self.lanes.overlapping(known.calendar, &known.span, id) {
                if self.certain(other).is_some() {
                    let Known { calendar, span, .. } = known;
                    let what = format!(
                        "{id} and {other} lie in lane {} of {calendar} at {}",
                        span.lane, span.start
                    );
                    faults.add(FaultKind::DoubleBooking, sequence, what);
                }
            }
            self.lanes.occupy(known.calendar, &known.span, id);
        }
        if let Some(runs_out) = known.runs_out() {
            self.ended.push_back((runs_out, Ended::Hold(id)));
        }
        self.put(id, Some(known), sequence);
    }

    fn put(&mut self, id: HoldId, known: Option<Known>, sequence: Sequence) {
        let before = match known {
            Some(known) => self.bookings.insert(id, known),
            None => self.bookings.remove(&id),
        };
        if self.complete_to.is_some_and(|complete| complete < sequence) {
            let versions = self.versions.entry(id).or_insert_with(|| vec![before]);
            versions.push(known);
        }
    }
}
