//! What a journal says: every event from the first on, read into a naive model that shares nothing
//! with the engine's.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use creneau::audit::{Fault, Report, audit};
use creneau::booking::{Booking, Span, Taken};
use creneau::{AppointmentId, CalendarId, Config, Engine, Event, HoldId, PersonId, Timestamp};

use super::claims::Claims;
use super::doses::journal;
use super::seen::{Observed, Owned, Seen};
use super::{LATE_MS, Rule, Verdict};
use crate::api::DoseSeen;
use crate::clock::{pause, wall};
use crate::ledger::Place;

/// Opens the engine of a directory that no server uses, and reads its journal.
pub(super) async fn look_at(
    claims: &Claims,
    data: &Path,
    verdict: &mut Verdict,
) -> Result<Seen, String> {
    if !data.is_dir() {
        return Err(format!("{} is no directory", data.display()));
    }
    let engine = Box::pin(Engine::open(Config::at(data))).await;
    let engine = engine.map_err(|error| format!("{}: {error}", data.display()))?;
    let seen = look(claims, &engine, verdict).await;
    engine.shutdown().await.map_err(|error| error.to_string())?;
    seen
}

/// Reads the journal of an engine, up to what is in it now.
pub(super) async fn look(
    claims: &Claims,
    engine: &Engine,
    verdict: &mut Verdict,
) -> Result<Seen, String> {
    // What was due while nobody was there ends within a second of the start.
    pause(LATE_MS.unsigned_abs() + 200).await;
    let (mut feed, end) = (engine.feed(0), engine.status().watermark);
    let mut model = Model::default();
    let mut sequence = 0;
    while sequence < end {
        let entry = feed.next().await.map_err(|error| error.to_string())?;
        let Some(entry) = entry else { return Err(format!("the journal ends at {sequence}")) };
        verdict.check(Rule::Readable, entry.sequence == sequence + 1, entry.sequence, || {
            format!("follows {sequence} in the journal")
        });
        sequence = entry.sequence;
        entry.events.iter().for_each(|event| model.take(event, verdict));
    }
    let now = engine.now();
    Ok(model.seen(claims, now, verdict))
}

/// What the engine's own audit says of a directory that nobody uses. It blocks.
///
/// # Errors
///
/// Why it could not be opened.
pub(super) fn by_engine(data: &Path) -> Result<Report, String> {
    let found = creneau::inspect(data).map_err(|error| format!("{}: {error}", data.display()))?;
    Ok(audit(&found, wall()))
}

/// Takes over what it found.
pub(super) fn as_engine_says(report: &Report, verdict: &mut Verdict) {
    verdict.count(Rule::Journal, report.entries);
    for Fault { kind, sequence, what } in &report.faults {
        let entry = sequence.map_or_else(|| "store".to_owned(), |it| format!("entry {it}"));
        verdict.find(Rule::Journal, entry, format!("{}: {what}", kind.name()));
    }
    if let Some(more @ 1..) = report.faults_total.checked_sub(report.faults.len() as u64) {
        verdict.find(Rule::Journal, "journal", format!("has {more} more faults"));
    }
}

/// What a booking is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Held { deadline: Timestamp },
    Booked,
    Cancelled,
    Released,
    Expired,
}

/// The state of all calendars, as plainly as can be.
#[derive(Default)]
pub(super) struct Model {
    bookings: HashMap<HoldId, (Booking, State)>,
    /// What occupies each lane, by its start: until when, and what.
    lanes: HashMap<(CalendarId, u16), BTreeMap<Timestamp, (Timestamp, HoldId)>>,
    /// The live hold of each person in each calendar.
    live: HashMap<(CalendarId, PersonId), HoldId>,
    doses: journal::Model,
}

impl Model {
    /// Takes an event, and finds what it breaks.
    pub(super) fn take(&mut self, event: &Event, verdict: &mut Verdict) {
        self.doses.take(event, verdict);
        match event {
            Event::CalendarCreated { .. }
            | Event::CalendarChanged { .. }
            | Event::Renewed { .. }
            | Event::Marked { .. }
            | Event::Wished { .. }
            | Event::Withdrawn { .. }
            | Event::Delayed { .. } => {}
            Event::Accepted { at, booking, taken } => {
                let Taken { from_calendar, from, offer, .. } = &**taken;
                self.end_hold(offer, State::Released, verdict);
                self.vacate(offer.calendar, &offer.span, offer.id, verdict);
                let booking = booking.clone();
                let (from_calendar, from) = (*from_calendar, *from);
                let at = *at;
                self.take(&Event::Moved { at, booking, from_calendar, from }, verdict);
            }
            Event::Held { booking, deadline, .. } => self.held(booking, *deadline, verdict),
            Event::Confirmed { at, booking, deadline, .. } => {
                self.end_hold(booking, State::Booked, verdict);
                verdict.check(Rule::HoldsEnd, at < deadline, booking.id, || {
                    format!("was confirmed at {at}, and had until {deadline}")
                });
            }
            Event::Released { booking, .. } => {
                self.end_hold(booking, State::Released, verdict);
                self.vacate(booking.calendar, &booking.span, booking.id, verdict);
            }
            Event::Expired { at, booking, deadline, .. } => {
                self.end_hold(booking, State::Expired, verdict);
                self.vacate(booking.calendar, &booking.span, booking.id, verdict);
                verdict.check(Rule::HoldsEnd, deadline <= at, booking.id, || {
                    format!("expired at {at}, and had until {deadline}")
                });
            }
            Event::Cancelled { booking, .. } => {
                self.changes(booking, State::Cancelled, verdict);
                self.vacate(booking.calendar, &booking.span, booking.id, verdict);
            }
            Event::Moved { booking, from_calendar, from, .. } => {
                let before = self.bookings.get(&booking.id).map(|(before, _)| before);
                let from_there =
                    before.is_some_and(|it| it.calendar == *from_calendar && it.span == *from);
                verdict.check(Rule::MovesWhole, from_there, appointment(booking.id), || {
                    format!("moved from {from:?}, and lay at {:?}", before.map(|it| it.span))
                });
                self.changes(booking, State::Booked, verdict);
                self.vacate(*from_calendar, from, booking.id, verdict);
                self.occupy(booking, verdict);
            }
            Event::Dosed { booking, .. } | Event::Given { booking, .. } => {
                if let Some((known, _)) = self.bookings.get_mut(&booking.id) {
                    known.details = booking.details.clone();
                }
            }
            Event::Registered { .. } => {}
        }
    }

    fn held(&mut self, booking: &Booking, deadline: Timestamp, verdict: &mut Verdict) {
        self.occupy(booking, verdict);
        let guard = (booking.calendar, booking.person.clone());
        // Two doses of one person are held together, in one calendar or in two.
        let twin = booking.details.dose.as_ref().and_then(|dose| dose.twin);
        let other = self.live.insert(guard, booking.id).filter(|other| Some(*other) != twin);
        verdict.check(Rule::OneHold, other.is_none(), booking.id, || {
            format!("was held while {other:?} of the same person lived in the same calendar")
        });
        let state = State::Held { deadline };
        let before = self.bookings.insert(booking.id, (booking.clone(), state));
        if before.is_some() {
            verdict.find(Rule::Readable, booking.id, "was held twice");
        }
    }

    fn end_hold(&mut self, booking: &Booking, state: State, verdict: &mut Verdict) {
        let guard = (booking.calendar, booking.person.clone());
        if self.live.get(&guard) == Some(&booking.id) {
            self.live.remove(&guard);
        }
        let before = self.bookings.insert(booking.id, (booking.clone(), state));
        let was_held =
            before.is_some_and(|(it, state)| it == *booking && matches!(state, State::Held { .. }));
        if !was_held {
            let what = format!("became {state:?} and was no hold there");
            verdict.find(Rule::Readable, booking.id, what);
        }
    }

    /// An appointment that stands is cancelled or moved.
    fn changes(&mut self, booking: &Booking, state: State, verdict: &mut Verdict) {
        let before = self.bookings.insert(booking.id, (booking.clone(), state));
        if !before.is_some_and(|(_, state)| state == State::Booked) {
            let what = format!("became {state:?} and was no appointment");
            verdict.find(Rule::Readable, appointment(booking.id), what);
        }
    }

    fn occupy(&mut self, booking: &Booking, verdict: &mut Verdict) {
        let Span { lane, start, occupied_until, .. } = booking.span;
        let of_lane = self.lanes.entry((booking.calendar, lane)).or_default();
        let before = of_lane.range(..occupied_until).next_back();
        let in_the_way = before.filter(|(_, (until, _))| start < *until).map(|(_, (_, id))| *id);
        verdict.check(Rule::SoldOnce, in_the_way.is_none(), booking.id, || {
            let other = in_the_way.map(|id| id.to_string()).unwrap_or_default();
            format!("took {start} in lane {lane} of {}, as had {other}", booking.calendar)
        });
        of_lane.insert(start, (occupied_until, booking.id));
    }

    fn vacate(&mut self, calendar: CalendarId, span: &Span, id: HoldId, verdict: &mut Verdict) {
        let lane = self.lanes.get_mut(&(calendar, span.lane));
        let there = lane.and_then(|lane| lane.remove(&span.start));
        if there.map(|(_, there)| there) != Some(id) {
            let what = format!("left {} in lane {}, and was not there", span.start, span.lane);
            verdict.find(Rule::MovesWhole, id, what);
        }
    }

    /// What the ledger is to be held against. Finds holds of anybody that outlived their time.
    pub(super) fn seen(&self, claims: &Claims, now: Timestamp, verdict: &mut Verdict) -> Seen {
        let (lots, lines) = (self.doses.tallies(), self.doses.lines());
        let unseen = self.doses.offers().filter(|hold| !claims.bookings.contains_key(hold));
        let offers_unseen = unseen.collect();
        let mut seen = Seen { lots, lines, offers_unseen, ..Seen::default() };
        for id in claims.bookings.keys() {
            let observed = self.bookings.get(id).map_or(Observed::Missing, |(it, state)| {
                let place = place(it);
                match state {
                    State::Held { .. } => Observed::Held,
                    State::Booked => Observed::Booked(place),
                    State::Cancelled => Observed::Cancelled(place),
                    State::Released => Observed::Released,
                    State::Expired => Observed::Expired,
                }
            });
            seen.bookings.insert(*id, (observed, now));
        }
        let none = |patient: &String| (patient.clone(), Vec::new());
        seen.of_patients = claims.patients.iter().map(none).collect();
        for (id, (booking, state)) in &self.bookings {
            if let State::Held { deadline } = state
                && deadline.plus_ms(LATE_MS) < now
            {
                let what = format!("is held at {now}, and had until {deadline}");
                verdict.find(Rule::HoldsEnd, id, what);
            }
            let person = booking.person.as_str();
            let own = person.strip_prefix(&claims.run).is_some_and(|rest| rest.starts_with("-p"));
            let cancelled = *state == State::Cancelled;
            if own && (cancelled || *state == State::Booked) {
                let dose = booking.details.dose.as_deref();
                let dose = dose.map(|it| DoseSeen { number: it.number, delivery: it.delivery });
                let given = self.doses.was_given(*id);
                let owned = Owned { id: *id, place: place(booking), cancelled, dose, given };
                seen.of_patients.entry(person.to_owned()).or_default().push(owned);
            }
        }
        // Somebody of this run who is not in the ledger asked for nothing.
        for (patient, owned) in &seen.of_patients {
            for it in owned.iter().filter(|_| !claims.patients.contains(patient)) {
                let what = format!("belongs to {patient}, of whom the ledger knows nothing");
                verdict.find(Rule::AskedFor, appointment(it.id), what);
            }
        }
        seen
    }
}

fn appointment(id: HoldId) -> AppointmentId {
    id.into()
}

fn place(booking: &Booking) -> Place {
    let Span { lane, start, end, .. } = booking.span;
    Place { calendar: booking.calendar, start, end, lane: Some(lane) }
}
