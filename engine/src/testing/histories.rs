//! The history of a run, for [`audit::history`](crate::audit::history).
//!
//! What clients asked and were told is the ledger's; the journal adds what answers do not tell: how
//! far a slot reaches with its buffer, in which lane a hold lies, and when a hold ended by itself.
//! The clock counts requests and answers, so that no two are at the same instant.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::auditor::{Life, written};
use super::ledger::{Ask, Record, Told};
use super::model::{Model, Named, State};
use crate::audit::history::{
    Call, Ends, History, Instant, Lanes, NEVER, Outcome, Place, Refusal, What,
};
use crate::booking::{Event, Offer, Reason, Rejection, Span};
use crate::error::Error;
use crate::ids::{CalendarId, CommandKey, HoldId, PersonId, ReasonId};
use crate::journal::Sequence;
use crate::request::{
    Appointment, AppointmentStatus, CancelDose, OfAppointment, OfferSlot, OfferTo,
};
use crate::time::Timestamp;

/// The history of a run.
#[must_use]
pub fn of(records: &[Record], model: &Model, lives: &[Life]) -> History {
    let teller = Teller::new(records, model, lives);
    let mut calls: Vec<Call> = Vec::with_capacity(records.len());
    let mut unknown: HashMap<&CommandKey, Vec<(usize, &Record)>> = HashMap::new();
    let mut heard: HashSet<Sequence> = HashSet::new();
    for record in records {
        calls.extend(teller.firsts(record).into_iter().skip(1));
        calls.extend(teller.aims(record, records));
        let Some(mut call) = teller.call(record) else { continue };
        calls.extend(teller.elsewhere(record, &call));
        let given_up = teller.given_up(record, &call);
        calls.extend(given_up.iter().flat_map(|call| teller.of_parts(record, call)));
        calls.extend(given_up);
        if let Some(name) = record.ask.command() {
            let unheard = unknown.entry(name).or_default();
            if call.outcome == Outcome::Unknown {
                // Its own call comes last.
                let beside = teller.beside(record, &call).len();
                unheard.push((calls.len() + beside, record));
            } else if let Some(entry) = written(model, record) {
                if !heard.insert(entry) {
                    // It says again what was said before.
                    continue;
                }
                let oldest = hear(unheard, record, (model, entry), &mut calls);
                call.asked = oldest.map_or(call.asked, |asked| asked.min(call.asked));
            }
        }
        calls.extend(teller.beside(record, &call));
        calls.push(call);
    }
    calls.extend(teller.turns());
    calls.extend(teller.turns_given_back());
    calls.extend(records.iter().filter_map(|record| teller.lost_turn(record)));
    History { calls, lanes: teller.lanes }
}

/// What nobody had heard of is heard of now: they are one call. The tick at which it was first
/// asked for. What had an entry of its own before this one, under the same name, is another's.
fn hear(
    unheard: &mut Vec<(usize, &Record)>,
    record: &Record,
    (model, entry): (&Model, Sequence),
    calls: &mut [Call],
) -> Option<Instant> {
    let named = record.ask.command().and_then(|name| model.commands.get(name));
    let after = |asked: Timestamp| {
        let not_before = |named: &&Named| named.events.first().is_some_and(|it| asked <= it.at());
        let mut entries = named.into_iter().flatten();
        entries.find(not_before).map(|named| named.sequence)
    };
    let mut first: Option<Instant> = None;
    unheard.retain(|(place, unknown)| {
        let one = unknown.ask == record.ask && after(unknown.asked_at) == Some(entry);
        if let Some(call) = calls.get_mut(*place).filter(|_| one) {
            first = Some(first.map_or(call.asked, |asked| asked.min(call.asked)));
            call.outcome = Outcome::NotDone;
        }
        !one
    });
    first
}

struct Teller<'a> {
    model: &'a Model,
    lanes: BTreeMap<CalendarId, Lanes>,
    /// The longest that each reason has ever occupied, in minutes.
    longest: BTreeMap<ReasonId, i64>,
    /// Where each hold was made, and where its appointment came to.
    held: HashMap<HoldId, (CalendarId, Span)>,
    spans: HashMap<(HoldId, CalendarId), Vec<Span>>,
    /// Where each booking came to lie, and when, in order.
    lay: HashMap<HoldId, Vec<(Timestamp, CalendarId)>>,
    /// Where each part came to lie, in order.
    parts: HashMap<HoldId, Vec<parts::Lay>>,
    /// The entry by which each hold was given back.
    released_in: HashMap<HoldId, Sequence>,
    /// The appointment that was cancelled in one step with each.
    cancelled_with: HashMap<HoldId, HoldId>,
    persons: HashMap<&'a PersonId, u64>,
    /// Every tick with its life and the engine's time then, in order.
    ticks: Vec<(Instant, usize, Timestamp)>,
    /// The last instant of each life.
    last: Vec<Instant>,
    lives: &'a [Life],
}

impl<'a> Teller<'a> {
    fn new(records: &'a [Record], model: &'a Model, lives: &'a [Life]) -> Self {
        let mut teller = Self {
            model,
            lanes: BTreeMap::new(),
            longest: BTreeMap::new(),
            held: HashMap::new(),
            spans: HashMap::new(),
            lay: HashMap::new(),
            parts: HashMap::new(),
            released_in: HashMap::new(),
            cancelled_with: HashMap::new(),
            persons: HashMap::new(),
            ticks: Vec::with_capacity(2 * records.len()),
            last: vec![NEVER; lives.len()],
            lives,
        };
        for (sequence, events) in &model.entries {
            events.iter().for_each(|event| teller.learn(*sequence, event));
            teller.learn_parts(events);
            teller.learn_pair(events);
        }
        for record in records {
            let (asked, told) = record.ticks;
            teller.ticks.push((asked, record.life, record.asked_at));
            if told != NEVER {
                teller.ticks.push((told, record.life, record.told_at));
            }
            // What is under way when a life ends has come to its end with it.
            for last in teller.last.iter_mut().take(record.life) {
                *last = (*last).min(asked - 1);
            }
            let wanted = match &record.ask {
                Ask::Hold(wanted) => Some(&wanted.person),
                Ask::First(wanted) => Some(&wanted.person),
                Ask::Doses(both) => Some(&both.0.person),
                _ => None,
            };
            if let Some(person) = wanted {
                let next = teller.persons.len() as u64;
                teller.persons.entry(person).or_insert(next);
            }
        }
        teller.ticks.sort_unstable();
        teller
    }

    fn learn(&mut self, sequence: Sequence, event: &'a Event) {
        match event {
            Event::Released { booking, .. } => {
                self.released_in.insert(booking.id, sequence);
            }
            Event::CalendarCreated { calendar, definition, .. }
            | Event::CalendarChanged { calendar, definition, .. } => {
                let lanes = definition.lanes;
                let known = self.lanes.entry(*calendar).or_insert(Lanes::always(lanes));
                // Those of the practice alone are no room for patients.
                let all = lanes.saturating_add(definition.agenda.overflow_lanes);
                (known.least, known.most) = (known.least.min(lanes), known.most.max(all));
                for Reason { id, duration_minutes, buffer_minutes, .. } in &definition.reasons {
                    let minutes = i64::from(*duration_minutes) + i64::from(*buffer_minutes);
                    let longest = self.longest.entry(id.clone()).or_default();
                    *longest = minutes.max(*longest);
                }
            }
            Event::Held { at, booking, .. } => {
                self.held.insert(booking.id, (booking.calendar, booking.span));
                let key = (booking.id, booking.calendar);
                self.spans.entry(key).or_default().push(booking.span);
                self.lay.entry(booking.id).or_default().push((*at, booking.calendar));
            }
            Event::Moved { at, booking, .. } | Event::Accepted { at, booking, .. } => {
                self.lay.entry(booking.id).or_default().push((*at, booking.calendar));
                let key = (booking.id, booking.calendar);
                self.spans.entry(key).or_default().push(booking.span);
            }
            _ => {}
        }
    }

    /// A stretch as long as the reason has ever been.
    fn wanted(&self, calendar: CalendarId, start: Timestamp, reason: &ReasonId) -> Place {
        let minutes = self.longest.get(reason).copied().unwrap_or(1);
        Place { calendar, lane: None, start, until: start.plus_minutes(minutes) }
    }

    /// Where an appointment lay when it was seen there. It may have come to the same start more
    /// than once, with other lengths of its reason; of two that differ in what follows it alone,
    /// the shorter.
    fn seen(&self, seen: &Appointment) -> Place {
        let calendar = seen.calendar;
        let spans = self.spans.get(&(seen.id.into(), calendar)).map(Vec::as_slice);
        let alike =
            |span: &&Span| (span.lane, span.start, span.end) == (seen.lane, seen.start, seen.end);
        let fitting = spans.unwrap_or_default().iter().filter(alike);
        let until = fitting.map(|span| span.occupied_until).min().unwrap_or(seen.end);
        Place { calendar, lane: Some(seen.lane), start: seen.start, until }
    }

    /// When a hold ends by itself: not before the first tick at which its deadline has passed, and
    /// not after the first one after its end was journaled.
    fn ends(&self, hold: HoldId) -> Ends {
        let Some(told) = self.model.bookings.get(&hold) else { return Ends { from: 0, by: NEVER } };
        let first = |life: usize, after: Timestamp| {
            let mut later = self.ticks.iter().filter(|(_, in_life, _)| life <= *in_life);
            later.find(|(.., at)| after <= *at).map(|(tick, ..)| *tick)
        };
        // Not before its own life: a clock that jumps back lives again what nobody wrote down. Who
        // hears of a hold late hears of it in a later life than its own.
        let own = self.lives.partition_point(|life| life.tail < told.held_in);
        let from = first(own, told.deadline).map_or(NEVER - 1, |tick| tick - 1);
        let expired = told.settled_at.filter(|_| told.state == State::Expired);
        let by = expired.and_then(|at| {
            let in_it = |life: &Life| life.from <= at && at <= life.until;
            let life = self.lives.iter().rposition(in_it)?;
            first(life, at.plus_ms(1))
        });
        Ends { from, by: by.unwrap_or(NEVER).max(from) }
    }

    fn call(&self, record: &Record) -> Option<Call> {
        let about = |hold: HoldId| {
            let person = self.model.bookings.get(&hold).map(|told| &told.booking.person);
            person.and_then(|person| self.persons.get(person)).copied().unwrap_or(NEVER)
        };
        let (person, what) = match &record.ask {
            Ask::Create(..)
            | Ask::Change(_)
            | Ask::Renew(_)
            | Ask::Mark(_)
            | Ask::Delay(_)
            | Ask::Register(_)
            | Ask::Give(_)
            | Ask::Remaining(_)
            | Ask::Wish(_)
            | Ask::Withdraw(_) => return None,
            Ask::Offer(asked) => self.offered(record, asked)?,
            Ask::Accept(asked) => self.accepted(record, asked.hold)?,
            Ask::Hold(asked) => {
                let place = self.wanted(asked.calendar, asked.start, &asked.reason);
                let place = self.as_held(record, place);
                (self.persons.get(&asked.person).copied()?, What::Hold(place))
            }
            // Only what it held is known to have been its aim.
            Ask::First(asked) => {
                let Some(Told::Hold(outcome)) = record.told() else {
                    return self.firsts(record).into_iter().next();
                };
                let held = &outcome.value;
                let place = self.wanted(held.calendar, held.start, &asked.reason);
                let place = self.as_held(record, place);
                (self.persons.get(&asked.person).copied()?, What::Hold(place))
            }
            Ask::Confirm(asked) => (about(asked.hold), What::Confirm(asked.hold)),
            Ask::Release(asked) => (about(asked.hold), What::Release(asked.hold)),
            Ask::Doses(both) => {
                let person = self.persons.get(&both.0.person).copied()?;
                (person, What::Hold(self.of_two(record, both, 0)))
            }
            Ask::Cancel(OfAppointment { appointment, .. })
            | Ask::CancelDose(CancelDose { appointment, .. }) => {
                let hold = (*appointment).into();
                (about(hold), What::Cancel(hold))
            }
            Ask::Move(asked) => {
                let hold: HoldId = asked.appointment.into();
                let booking = &self.model.bookings.get(&hold)?.booking;
                let lies = record.told().and_then(|told| match told {
                    Told::Appointment(outcome) => Some(outcome.value.calendar),
                    _ => None,
                });
                // Where neither says, the journal does: where it was moved to, if it was at all,
                // or where it lay when it was asked.
                let named = asked.calendar.or(lies).or_else(|| self.moved_within(record, hold));
                let lay = || self.lying(record, hold).first().copied();
                let calendar = named.or_else(lay).unwrap_or(booking.calendar);
                let place = self.wanted(calendar, asked.start, &booking.reason.id);
                (about(hold), What::Move(hold, place))
            }
        };
        let outcome = self.outcome(record);
        let (asked, mut told) = record.ticks;
        if outcome == Outcome::Unknown {
            told = self.last.get(record.life).copied().unwrap_or(NEVER);
        }
        Some(Call { person, asked, told: told.max(asked), what, outcome })
    }

    /// A place as far as a hold reaches that was told of there.
    fn as_held(&self, record: &Record, place: Place) -> Place {
        let Some(Told::Hold(outcome)) = record.told() else { return place };
        let Some((_, span)) = self.held.get(&outcome.value.id) else { return place };
        Place { lane: Some(span.lane), until: span.occupied_until, ..place }
    }

    /// An offer is a hold of its person; one that was there already may be of another slot.
    fn offered(&self, record: &Record, asked: &OfferSlot) -> Option<(u64, What)> {
        let (person, mut place) = self.offered_at(asked)?;
        if let Some(Told::Hold(outcome)) = record.told()
            && let Some((calendar, span)) = self.held.get(&outcome.value.id)
        {
            let (lane, start, until) = (Some(span.lane), span.start, span.occupied_until);
            place = Place { calendar: *calendar, lane, start, until };
        }
        Some((self.persons.get(person).copied().unwrap_or(NEVER), What::Hold(place)))
    }

    /// For whom an offer is asked, and where.
    fn offered_at<'r>(&'r self, asked: &'r OfferSlot) -> Option<(&'r PersonId, Place)> {
        let (person, reason) = match &asked.to {
            OfferTo::Person(person, reason) => (person, reason),
            OfferTo::Appointment(id) => {
                let booking = &self.model.bookings.get(&HoldId::from(*id))?.booking;
                (&booking.person, &booking.reason.id)
            }
        };
        Some((person, self.wanted(asked.calendar, asked.start, reason)))
    }

    /// An offer that is accepted is a hold that is given up, and a move of its appointment to where
    /// it lay. Of one that is refused nothing is told.
    fn accepted(&self, record: &Record, hold: HoldId) -> Option<(u64, What)> {
        let booking = &self.model.bookings.get(&hold)?.booking;
        let person = self.persons.get(&booking.person).copied().unwrap_or(NEVER);
        let Some(Offer::Appointment(appointment)) = booking.details.offer else {
            return Some((person, What::Confirm(hold)));
        };
        let appointment: HoldId = appointment.into();
        let span = booking.span;
        let (lane, start, until) = (Some(span.lane), span.start, span.occupied_until);
        let place = Place { calendar: booking.calendar, lane, start, until };
        match &record.answer {
            Some(Ok(Err(_))) => None,
            Some(Ok(Ok(Told::Appointment(outcome)))) if !outcome.fresh => {
                Some((person, What::Confirm(appointment)))
            }
            _ => Some((person, What::Move(appointment, place))),
        }
    }

    /// The hold that an accepted offer gives up, in the same call.
    fn given_up(&self, record: &Record, call: &Call) -> Option<Call> {
        let (Ask::Accept(asked), What::Move(..)) = (&record.ask, &call.what) else { return None };
        let outcome = match call.outcome {
            Outcome::Appointment { .. } => Outcome::Released,
            outcome => outcome,
        };
        Some(Call { what: What::Release(asked.hold), outcome, ..*call })
    }

    /// The calendars on which a booking lay while a request about it was under way.
    fn lying(&self, record: &Record, hold: HoldId) -> Vec<CalendarId> {
        let lay = self.lay.get(&hold).map(Vec::as_slice).unwrap_or_default();
        let until = match self.lives.get(record.life) {
            Some(life) if record.ticks.1 == NEVER => life.until.max(record.asked_at),
            _ => record.told_at,
        };
        let begun = lay.partition_point(|(at, _)| *at < record.asked_at).saturating_sub(1);
        let during = lay.iter().skip(begun).take_while(|(at, _)| *at <= until);
        let mut all: Vec<CalendarId> = Vec::new();
        for (_, calendar) in during {
            if !all.contains(calendar) {
                all.push(*calendar);
            }
        }
        all
    }

    /// A move that named no calendar, and that nothing came of, may have tried each calendar on
    /// which its appointment lay meanwhile: the call on those that are not in `call`.
    ///
    /// An offer that was made before at another slot is told again, and yet the slot that was asked
    /// for was claimed until that was seen.
    fn elsewhere(&self, record: &Record, call: &Call) -> Vec<Call> {
        if let (What::Hold(place), Ask::Offer(asked)) = (&call.what, &record.ask) {
            let wanted = self.offered_at(asked).map(|(_, wanted)| wanted);
            let other = wanted
                .filter(|it| (it.calendar, it.start) != (place.calendar, place.start))
                .map(What::Hold);
            let outcome = Outcome::Refused(Refusal::Other);
            return other.map(|what| Call { what, outcome, ..*call }).into_iter().collect();
        }
        let (What::Move(hold, place), Ask::Move(asked)) = (&call.what, &record.ask) else {
            return Vec::new();
        };
        if asked.calendar.is_some() || record.told().is_some() {
            return Vec::new();
        }
        let others = self.lying(record, *hold);
        let others = others.into_iter().filter(|calendar| *calendar != place.calendar);
        let elsewhere = |calendar| {
            let what = What::Move(*hold, Place { calendar, ..*place });
            Call { what, ..*call }
        };
        others.map(elsewhere).collect()
    }

    /// What a request for the first free slot whose answer nobody heard may have held.
    fn firsts(&self, record: &Record) -> Vec<Call> {
        let (Ask::First(asked), Outcome::Unknown) = (&record.ask, self.outcome(record)) else {
            return Vec::new();
        };
        let told = self.last.get(record.life).copied().unwrap_or(NEVER).max(record.ticks.0);
        let held = self.model.bookings.values().filter(|it| {
            let booking = &it.booking;
            record.asked_at <= it.held_at
                && booking.person == asked.person
                && booking.reason.id == asked.reason
        });
        let call = |it: &super::model::Told| {
            let (calendar, span) = self.held.get(&it.booking.id)?;
            let mut place = self.wanted(*calendar, span.start, &asked.reason);
            (place.lane, place.until) = (Some(span.lane), span.occupied_until);
            let person = self.persons.get(&asked.person).copied()?;
            let (what, outcome) = (What::Hold(place), Outcome::Unknown);
            asked.calendars.contains(calendar).then_some(Call {
                person,
                asked: record.ticks.0,
                told,
                what,
                outcome,
            })
        };
        held.filter_map(call).collect()
    }

    /// Where a request for the first free slot that came to nothing may have had a hold under way,
    /// which power took or a rule refused: it was in the way of others for a while.
    fn aims(&self, record: &Record, records: &[Record]) -> Vec<Call> {
        let Ask::First(first) = &record.ask else { return Vec::new() };
        let (asked, mut told) = record.ticks;
        let outcome = match self.outcome(record) {
            Outcome::Unknown => {
                told = self.last.get(record.life).copied().unwrap_or(NEVER).max(asked);
                Outcome::Unknown
            }
            Outcome::Refused(_) => Outcome::Refused(Refusal::Other),
            _ => return Vec::new(),
        };
        let Some(person) = self.persons.get(&first.person).copied() else { return Vec::new() };
        let meets = |other: &&Record| {
            let refused = matches!(other.answer, Some(Ok(Err(Rejection::SlotTaken { .. }))));
            let beside = other.life == record.life && asked <= other.ticks.1;
            refused && beside && other.ticks.0 <= told
        };
        let refused = records.iter().filter(meets).filter_map(|other| {
            let (What::Hold(place) | What::Move(_, place)) = self.call(other)?.what else {
                return None;
            };
            let what = What::Hold(Place { lane: None, ..place });
            let here = first.calendars.contains(&place.calendar);
            here.then_some(Call { person, asked, told, what, outcome })
        });
        refused.collect()
    }

    /// The calendar in which an appointment was moved to the start that a move asked for, which
    /// named no calendar and whose answer nobody heard.
    fn moved_within(&self, record: &Record, hold: HoldId) -> Option<CalendarId> {
        let Ask::Move(asked) = &record.ask else { return None };
        let mut events = self.model.entries.iter().flat_map(|(_, events)| events);
        events.find_map(|event| match event {
            Event::Moved { at, booking, from_calendar, .. } => {
                let same = booking.id == hold && booking.span.start == asked.start;
                let within = *from_calendar == booking.calendar;
                (same && within && record.asked_at <= *at).then_some(booking.calendar)
            }
            _ => None,
        })
    }

    fn outcome(&self, record: &Record) -> Outcome {
        let rejection = match &record.answer {
            None | Some(Err(Error::OutcomeUnknown)) => return Outcome::Unknown,
            Some(Err(_)) => return Outcome::NotDone,
            Some(Ok(Ok(told))) => return self.told(told),
            Some(Ok(Err(rejection))) => rejection,
        };
        Outcome::Refused(match rejection {
            Rejection::SlotTaken { .. } if self.is_plain(record) => Refusal::SlotTaken,
            // A change of an appointment with a dose waits for no hold of its campaign.
            Rejection::PersonHasHold { .. } if record.ask.changes_appointment() => Refusal::Other,
            Rejection::PersonHasHold { hold } => Refusal::PersonHasHold(*hold),
            Rejection::HoldReleased => Refusal::HoldReleased,
            Rejection::HoldExpired => Refusal::HoldExpired,
            // An offer that was accepted was given up, as is told here.
            Rejection::HoldConfirmed { .. } if self.was_accepted(record) => Refusal::Other,
            Rejection::HoldConfirmed { .. } => Refusal::HoldConfirmed,
            Rejection::UnknownAppointment => Refusal::UnknownAppointment,
            _ => Refusal::Other,
        })
    }

    fn was_accepted(&self, record: &Record) -> bool {
        let Ask::Release(asked) = &record.ask else { return false };
        let told = self.model.bookings.get(&asked.hold);
        told.is_some_and(|told| matches!(told.state, State::Accepted(_)))
    }

    /// Whether it is clear which slot a refusal is about: not where a move names no calendar and
    /// its appointment has been on several.
    fn is_plain(&self, record: &Record) -> bool {
        // Words say nothing of the lanes of the practice alone.
        if matches!(&record.ask, Ask::Hold(asked) if asked.overflow) {
            return false;
        }
        // Nor which of two it is about.
        if matches!(&record.ask, Ask::Doses(_)) {
            return false;
        }
        let Ask::Move(asked) = &record.ask else { return true };
        let told = self.model.bookings.get(&asked.appointment.into());
        let places = told.map(|told| &told.places);
        let first = places.and_then(|places| places.first()).map(|(calendar, ..)| *calendar);
        let same = |(calendar, ..): &(CalendarId, u16, Timestamp)| Some(*calendar) == first;
        asked.calendar.is_some() || places.is_some_and(|places| places.iter().all(same))
    }

    fn told(&self, told: &Told) -> Outcome {
        match told {
            Told::Calendar(_)
            | Told::Delayed(_)
            | Told::Wish(_)
            | Told::Withdrawn
            | Told::Given(_)
            | Told::Offered(_)
            | Told::Registered(_) => Outcome::NotDone,
            Told::Hold(outcome) => self.held_as(&outcome.value, outcome.fresh),
            Told::Both(outcome) => self.held_as(&outcome.value[0], outcome.fresh),
            Told::Appointment(outcome) => {
                let seen = &outcome.value;
                let place = self.seen(seen);
                let cancelled = seen.status == AppointmentStatus::Cancelled;
                Outcome::Appointment { place, cancelled, fresh: outcome.fresh }
            }
            Told::Released => Outcome::Released,
        }
    }
}

mod pairs;
mod parts;
#[cfg(test)]
mod tests;
mod turns;
