//! Holds what was told against what the journal says.

use std::collections::{BTreeMap, BTreeSet};

use super::campaigning;
use super::ledger::{Ask, Record, Told};
use super::model::{Model, Named, State, Told as Known};
use crate::booking::{By, Event, Mark, Offer, Part, Registration, Rejection};
use crate::error::Answer;
use crate::ids::{CalendarId, CommandKey, HoldId};
use crate::journal::Sequence;
use crate::limits::{COMMAND_REMEMBERED_MS, ENDED_HOLD_REMEMBERED_MS, QUEUE_WAIT_MS};
use crate::request::{
    Appointment, AppointmentStatus, CancelDose, Hold, OfAppointment, OfferTo, WishInfo, WishOnList,
};
use crate::time::Timestamp;

/// What a life was like, for those who judge it afterwards.
#[derive(Clone, Debug)]
pub struct Life {
    /// The instant at which the engine was open.
    pub from: Timestamp,
    /// The instant until which it worked.
    pub until: Timestamp,
    /// The last entry that it has left.
    pub tail: Sequence,
    /// Milliseconds that an expiry may be late.
    pub slack_ms: i64,
    /// Calendars whose actor failed.
    pub planted: BTreeMap<CalendarId, u32>,
    /// Whether nothing ran for a while.
    pub starved: bool,
    /// What a follower of the feed saw, and after which entry it began.
    pub feed: (u64, Vec<crate::runtime::FeedEntry>),
}

/// Holds every record against the journal.
///
/// # Errors
///
/// The first that does not fit.
pub fn ledger(model: &Model, records: &[Record], lives: &[Life]) -> Result<(), String> {
    let mut named: BTreeMap<&CommandKey, Vec<(&Record, &Told)>> = BTreeMap::new();
    for record in records {
        let said = |what: String| format!("{what}: {record:?}");
        match &record.answer {
            Some(Ok(Ok(told))) => {
                acknowledged(model, &record.ask, told).map_err(said)?;
                if let (Some(name), Some(fresh)) = (record.ask.command(), told.fresh()) {
                    under_its_name(model, name, record, fresh, lives).map_err(said)?;
                    named.entry(name).or_default().push((record, fresh));
                }
            }
            Some(Ok(Err(rejection))) => {
                refused(model, record, rejection, lives).map_err(said)?;
            }
            _ => {}
        }
    }
    for (name, told) in named {
        for pair in told.windows(2) {
            if let [(one, first), (next, again)] = pair {
                let near = is_remembered(model, one, next);
                let told_once = matches!((first, again),
                    (Told::Registered(first), Told::Registered(again)) if first.is_same(again));
                let same = *first == *again || told_once || matches!(one.ask, Ask::Release(_));
                if near && !same {
                    return Err(format!("{name:?} had two outcomes: {first:?} and {again:?}"));
                }
            }
        }
    }
    names(model)
}

/// The entry that a named request rests on: what the request was told, the journal has under its
/// name. Who hears of it late may hear of it days after it was asked, and a
/// name that was forgotten meanwhile may have two; so the journal tells them apart, not the time
/// between two requests. None where the request left no trace.
pub(super) fn written(model: &Model, record: &Record) -> Option<Sequence> {
    resting_on(model, record).map(|named| named.sequence)
}

fn resting_on<'a>(model: &'a Model, record: &Record) -> Option<&'a Named> {
    let told = record.told()?.fresh()?;
    let entries = model.commands.get(record.ask.command()?)?.iter().rev();
    let not_after = |named: &&Named| {
        let first = named.events.first();
        first.is_some_and(|event| event.at() <= record.told_at)
    };
    entries.filter(not_after).find(|named| brought_about(named, &record.ask, told))
}

/// Whether what a name had brought about when `one` was told was still known under it when `next`
/// was.
fn is_remembered(model: &Model, one: &Record, next: &Record) -> bool {
    let first = resting_on(model, one).and_then(|named| named.events.first());
    first.is_some_and(|event| next.told_at < event.at().plus_ms(COMMAND_REMEMBERED_MS))
}

/// No name has two entries within the time for which it is remembered.
fn names(model: &Model) -> Result<(), String> {
    for (name, entries) in &model.commands {
        for pair in entries.windows(2) {
            if let [one, next] = pair
                && let (Some(first), Some(second)) = (one.events.first(), next.events.first())
                && second.at().millis() - first.at().millis() < COMMAND_REMEMBERED_MS
            {
                return Err(format!("{name:?} wrote {} and {}", one.sequence, next.sequence));
            }
        }
    }
    Ok(())
}

fn known(model: &Model, id: HoldId) -> Result<&Known, String> {
    model.bookings.get(&id).ok_or_else(|| format!("{id} is not in the journal"))
}

/// What was acknowledged is in the journal.
fn acknowledged(model: &Model, ask: &Ask, told: &Told) -> Result<(), String> {
    let fits = match (ask, told) {
        (_, Told::Calendar(info)) => {
            model.entries.iter().flat_map(|(_, events)| events).any(|event| match event {
                Event::CalendarCreated { calendar, definition, .. } => {
                    *calendar == info.id && info.version == 1 && **definition == info.definition
                }
                Event::CalendarChanged { calendar, version, definition, .. } => {
                    *calendar == info.id
                        && *version == info.version
                        && **definition == info.definition
                }
                _ => false,
            })
        }
        (Ask::Hold(asked), Told::Hold(outcome)) => {
            let Hold { id, calendar, person, start, expires_at, .. } = &outcome.value;
            let known = known(model, *id)?;
            *calendar == asked.calendar
                && *start == asked.start
                && *person == asked.person
                && known.booking.person == asked.person
                && (!outcome.fresh || has_parts(known, asked.details.parts()))
                && known.places.iter().any(|(at, _, begins)| at == calendar && begins == start)
                && (*expires_at == Some(known.deadline) || 0 < known.renewals)
        }
        (Ask::First(asked), Told::Hold(outcome)) => {
            let Hold { id, calendar, person, start, expires_at, .. } = &outcome.value;
            let known = known(model, *id)?;
            asked.calendars.contains(calendar)
                && *person == asked.person
                && known.booking.reason.id == asked.reason
                && known.places.iter().any(|(at, _, begins)| at == calendar && begins == start)
                && (*expires_at == Some(known.deadline) || 0 < known.renewals)
        }
        (Ask::Confirm(asked), Told::Appointment(outcome)) => {
            let known = known(model, asked.hold)?;
            HoldId::from(outcome.value.id) == asked.hold
                && has_been(known, &outcome.value)
                && known.is_appointment()
        }
        (Ask::Cancel(OfAppointment { appointment, .. }), Told::Appointment(outcome))
        | (Ask::CancelDose(CancelDose { appointment, .. }), Told::Appointment(outcome)) => {
            let known = known(model, (*appointment).into())?;
            outcome.value.status == AppointmentStatus::Cancelled && known.state == State::Cancelled
        }
        (Ask::Move(asked), Told::Appointment(outcome)) => {
            let known = known(model, asked.appointment.into())?;
            has_been(known, &outcome.value)
                && (!outcome.fresh || outcome.value.start == asked.start)
        }
        (Ask::Release(asked), Told::Released) => {
            matches!(known(model, asked.hold)?.state, State::Released | State::Expired)
        }
        _ => of_practice(model, ask, told)?,
    };
    if fits { Ok(()) } else { Err("the journal does not say what was acknowledged".to_owned()) }
}

/// What a practice does beside booking.
fn of_practice(model: &Model, ask: &Ask, told: &Told) -> Result<bool, String> {
    Ok(match (ask, told) {
        (Ask::Offer(asked), Told::Hold(outcome)) => {
            let known = known(model, outcome.value.id)?;
            let offer = match asked.to {
                OfferTo::Person(..) => Offer::Person,
                OfferTo::Appointment(id) => Offer::Appointment(id),
            };
            known.booking.details.offer == Some(offer)
                && outcome.value.calendar == asked.calendar
                && (!outcome.fresh || outcome.value.start == asked.start)
        }
        (Ask::Renew(asked), Told::Hold(outcome)) => {
            let known = known(model, asked.hold)?;
            outcome.value.id == asked.hold
                && 0 < known.renewals
                && outcome.value.expires_at == Some(known.deadline)
        }
        (Ask::Accept(asked), Told::Appointment(outcome)) => {
            let offer = known(model, asked.hold)?;
            let id = match offer.state {
                State::Accepted(id) => id,
                _ => asked.hold,
            };
            HoldId::from(outcome.value.id) == id && has_been(known(model, id)?, &outcome.value)
        }
        (Ask::Mark(asked), Told::Appointment(outcome)) => {
            let known = known(model, asked.appointment.into())?;
            has_been(known, &outcome.value) && matches!(known.state, State::Marked(_))
        }
        (Ask::Give(asked), told) => campaigning::was_given(model, asked, told),
        (Ask::Doses(asked), Told::Both(outcome)) => {
            campaigning::hold_together(model, asked, outcome)
        }
        (Ask::Remaining(asked), Told::Offered(told)) => {
            campaigning::were_offered(model, asked, told)
        }
        (Ask::Register(_), Told::Registered(told)) => {
            model.registered.iter().any(|what| told.is(what))
        }
        (Ask::Delay(asked), Told::Delayed(delay)) => {
            (asked.calendar, asked.minutes) == (delay.calendar, delay.minutes)
        }
        (Ask::Wish(asked), Told::Wish(outcome)) => {
            let WishInfo { id, person, lists, .. } = &outcome.value;
            let there = |list: &WishOnList| model.wishes.contains(&(*id, list.calendar));
            *person == asked.person && !lists.is_empty() && lists.iter().all(there)
        }
        (Ask::Withdraw(asked), Told::Withdrawn) => {
            let lined = |what: &Registration| match what {
                Registration::Lined(place) => place.id == asked.wish,
                _ => false,
            };
            let listed = model.wishes.iter().any(|(wish, _)| *wish == asked.wish);
            listed || model.registered.iter().any(lined)
        }
        _ => false,
    })
}

fn has_parts(known: &Known, asked: &[Part]) -> bool {
    let calendar = |part: &Part| part.calendar;
    known.booking.details.parts().iter().map(calendar).eq(asked.iter().map(calendar))
}

fn has_been(known: &Known, told: &Appointment) -> bool {
    known.places.contains(&(told.calendar, told.lane, told.start))
}

/// Whether an entry is what a request was told that it has brought about.
fn brought_about(named: &Named, ask: &Ask, told: &Told) -> bool {
    named.events.iter().any(|event| match (event, ask, told) {
        (Event::CalendarCreated { calendar, .. }, Ask::Create(..), Told::Calendar(info)) => {
            *calendar == info.id && info.version == 1
        }
        (
            Event::CalendarChanged { calendar, version, .. },
            Ask::Change(_),
            Told::Calendar(info),
        ) => (*calendar, *version) == (info.id, info.version),
        (Event::Held { booking, .. }, Ask::Hold(_) | Ask::First(_), Told::Hold(outcome)) => {
            booking.id == outcome.value.id
        }
        (Event::Held { booking, .. }, Ask::Offer(_), Told::Hold(outcome))
        | (Event::Renewed { booking, .. }, Ask::Renew(_), Told::Hold(outcome)) => {
            booking.id == outcome.value.id
        }
        (Event::Held { booking, .. }, Ask::Doses(_), Told::Both(outcome)) => {
            booking.id == outcome.value[0].id
        }
        (Event::Given { booking, .. }, Ask::Give(asked), Told::Given(_)) => {
            booking.id == asked.appointment.into()
        }
        (Event::Registered { what, .. }, Ask::Register(_), Told::Registered(told)) => told.is(what),
        (Event::Delayed { calendar, minutes, .. }, Ask::Delay(_), Told::Delayed(delay)) => {
            (*calendar, *minutes) == (delay.calendar, delay.minutes)
        }
        (
            Event::Confirmed { booking, .. },
            Ask::Confirm(_) | Ask::Accept(_),
            Told::Appointment(outcome),
        )
        | (Event::Accepted { booking, .. }, Ask::Accept(_), Told::Appointment(outcome))
        | (Event::Marked { booking, .. }, Ask::Mark(_), Told::Appointment(outcome))
        | (
            Event::Cancelled { booking, .. },
            Ask::Cancel(_) | Ask::CancelDose(_),
            Told::Appointment(outcome),
        )
        | (Event::Moved { booking, .. }, Ask::Move(_), Told::Appointment(outcome)) => {
            booking.id == outcome.value.id.into()
                && booking.span.start == outcome.value.start
                && booking.calendar == outcome.value.calendar
        }
        (Event::Released { booking, .. }, Ask::Release(asked), Told::Released) => {
            booking.id == asked.hold
        }
        _ => false,
    })
}

/// What a name has brought about stands under it in the journal.
fn under_its_name(
    model: &Model,
    name: &CommandKey,
    record: &Record,
    told: &Told,
    lives: &[Life],
) -> Result<(), String> {
    let entries = model.commands.get(name).map(Vec::as_slice).unwrap_or_default();
    let says = |named: &Named| brought_about(named, &record.ask, told);
    // A release of what had ended, and a change that changed nothing, leave no trace; the name
    // may have been another command's that was forgotten by then, or have become one's later: also
    // before the answer, which waited for what it rests on, and in a later life by an earlier
    // clock.
    let traceless = matches!(record.ask, Ask::Release(_) | Ask::Change(_) | Ask::Delay(_));
    let end = lives.get(record.life).map_or(model.tail, |life| life.tail);
    let is_another = |named: &Named| {
        let at = named.events.first().map(Event::at);
        end < named.sequence
            || at.is_some_and(|at| {
                at.plus_ms(COMMAND_REMEMBERED_MS) <= record.told_at || record.asked_at <= at
            })
    };
    if entries.iter().any(says) || (traceless && entries.iter().all(is_another)) {
        return Ok(());
    }
    Err(format!("nothing like it stands under its name: {entries:?}"))
}

/// What was refused may have been.
fn refused(
    model: &Model,
    record: &Record,
    rejection: &Rejection,
    lives: &[Life],
) -> Result<(), String> {
    let hold = match &record.ask {
        Ask::Confirm(asked) | Ask::Release(asked) | Ask::Renew(asked) => Some(asked.hold),
        Ask::Mark(asked) => Some(asked.appointment.into()),
        Ask::Give(asked) => Some(asked.appointment.into()),
        Ask::Cancel(asked) => Some(asked.appointment.into()),
        Ask::CancelDose(asked) => Some(asked.appointment.into()),
        Ask::Move(asked) => Some(asked.appointment.into()),
        _ => None,
    };
    let about = hold.and_then(|hold| model.bookings.get(&hold));
    // A life may begin before the end of the one before it, but not before what was journaled.
    let later = |at: Timestamp| {
        let next = lives.iter().skip(record.life + 1);
        record.asked_at <= at || next.clone().any(|life| life.from <= at)
    };
    let ended = |about: &Known| {
        matches!(about.state, State::Released | State::Expired | State::Accepted(_))
    };
    let may = match (rejection, about) {
        (Rejection::CommandReused, _) => {
            record.ask.command().is_some_and(|name| model.commands.contains_key(name))
        }
        (Rejection::UnknownCalendar | Rejection::UnknownWish, _) => false,
        (Rejection::UnknownHold, Some(about)) => {
            let forgotten = about.settled_at.map(|at| at.plus_ms(ENDED_HOLD_REMEMBERED_MS));
            ended(about) && forgotten.is_some_and(|at| at <= record.told_at)
        }
        (Rejection::UnknownAppointment, Some(about)) => {
            !about.is_appointment() || about.settled_at.is_some_and(later)
        }
        (Rejection::HoldReleased, Some(about)) => about.state == State::Released,
        (Rejection::HoldExpired, Some(about)) => {
            about.state == State::Expired
                && (harmed(lives.get(record.life)) || in_vain(record, about))
        }
        (Rejection::HoldConfirmed { .. }, Some(about)) => {
            about.is_appointment() || matches!(about.state, State::Accepted(_))
        }
        (Rejection::NotChangeable, Some(about)) => {
            matches!(about.state, State::Cancelled | State::Marked(_))
                || about.places.iter().any(|(.., start)| *start <= record.told_at)
        }
        (Rejection::PersonHasHold { hold }, _) => {
            let other = known(model, *hold)?;
            other.held_at <= record.told_at && other.settled_at.is_none_or(later)
        }
        (Rejection::InThePast, _) => match &record.ask {
            Ask::Hold(asked) => asked.start < record.told_at,
            Ask::Doses(both) => both.0.start.min(both.1.start) < record.told_at,
            // It may be said of what was first a moment ago, as often as it is tried.
            Ask::First(_) => true,
            Ask::Move(asked) => asked.start < record.told_at,
            Ask::Offer(asked) => asked.start < record.told_at,
            Ask::Accept(asked) => known(model, asked.hold)?.booking.span.start < record.told_at,
            _ => false,
        },
        _ => by_rule(record, rejection, about),
    };
    if may { Ok(()) } else { Err(format!("it may not be refused: {about:?}")) }
}

/// Whether a rule of the practice may have refused it.
fn by_rule(record: &Record, rejection: &Rejection, about: Option<&Known>) -> bool {
    let by = by(&record.ask);
    let practice = by.is_some_and(By::is_practice);
    match (rejection, about) {
        (Rejection::NotYours, Some(about)) => by.is_some_and(|by| !about.booking.is_for(by)),
        (Rejection::TooLate { .. }, Some(about)) => {
            let near = |start: Timestamp| start <= record.told_at.plus_minutes(24 * 60);
            !practice && about.places.iter().any(|(.., start)| near(*start))
        }
        (Rejection::RenewalsSpent, Some(about)) => {
            0 < about.renewals || about.booking.details.offer.is_some()
        }
        (
            Rejection::PracticeOnly
            | Rejection::PatientsOnly { .. }
            | Rejection::TooSoon { .. }
            | Rejection::DayFull { .. },
            _,
        ) => !practice,
        _ => true,
    }
}

/// Who asked for something about a booking.
fn by(ask: &Ask) -> Option<&By> {
    match ask {
        Ask::Confirm(asked) | Ask::Release(asked) | Ask::Renew(asked) | Ask::Accept(asked) => {
            Some(&asked.by)
        }
        Ask::Cancel(asked) => Some(&asked.by),
        Ask::Move(asked) => Some(&asked.by),
        Ask::Hold(asked) => Some(&asked.by),
        Ask::Offer(_) | Ask::Mark(_) | Ask::Give(_) | Ask::Remaining(_) => Some(&By::Practice),
        Ask::Doses(both) => Some(&both.0.by),
        Ask::CancelDose(asked) => Some(&asked.by),
        Ask::First(asked) => Some(&asked.by),
        Ask::Withdraw(asked) => Some(&asked.by),
        Ask::Create(..) | Ask::Change(_) | Ask::Delay(_) | Ask::Wish(_) | Ask::Register(_) => None,
    }
}

fn harmed(life: Option<&Life>) -> bool {
    life.is_none_or(|life| life.starved || !life.planted.is_empty())
}

/// Whether a confirm came too late for the bound on queueing to save it.
fn in_vain(record: &Record, about: &Known) -> bool {
    about.deadline <= record.asked_at.plus_ms(QUEUE_WAIT_MS)
}

/// Every hold ended by an event, at its deadline or soon after it, while an engine could do it.
///
/// # Errors
///
/// The first hold that did not.
pub fn deadlines(
    model: &Model,
    lives: &[Life],
    starved: &[(Timestamp, Timestamp)],
) -> Result<(), String> {
    for (id, known) in &model.bookings {
        // Not those before it: what nobody wrote down, a clock that jumps back lives again.
        let since = lives.iter().skip_while(|life| life.tail < known.held_in);
        let Some(life) = since.into_iter().find(|life| known.deadline <= life.until) else {
            continue;
        };
        let mut latest = known.deadline.max(life.from).plus_ms(life.slack_ms);
        for (from, until) in starved {
            // Also what begins while there is time yet takes it away.
            if *from <= latest && latest < until.plus_ms(life.slack_ms) {
                latest = until.plus_ms(life.slack_ms);
            }
        }
        let quarantined = life.planted.contains_key(&known.booking.calendar);
        if life.until < latest || quarantined {
            continue;
        }
        if known.settled_at.is_none_or(|at| latest < at) {
            return Err(format!("{id} ended too late, by {latest} at the latest: {known:?}"));
        }
    }
    Ok(())
}

/// What followers of the feed saw is what the journal says, without a gap.
///
/// # Errors
///
/// The first entry that differs.
pub fn feed(model: &Model, life: &Life) -> Result<(), String> {
    let (after, seen) = &life.feed;
    let all = model.entries.iter().skip_while(|(sequence, _)| sequence <= after);
    let mut all = all.map(|(sequence, events)| (*sequence, events));
    for entry in seen {
        if all.next() != Some((entry.sequence, &entry.events)) {
            return Err(format!("the feed showed {entry:?}, which the journal does not say"));
        }
    }
    Ok(())
}

/// Everyone's appointments, by person, in the order of a listing.
#[must_use]
pub fn appointments(model: &Model) -> BTreeMap<String, Vec<(Timestamp, HoldId)>> {
    let mut all: BTreeMap<String, BTreeSet<(Timestamp, HoldId)>> = BTreeMap::new();
    for (id, known) in &model.bookings {
        if known.is_appointment() && !known.booking.is_part() {
            let person = known.booking.person.as_str().to_owned();
            all.entry(person).or_default().insert((known.booking.span.start, *id));
        }
    }
    all.into_iter().map(|(person, found)| (person, found.into_iter().collect())).collect()
}

/// Whether an answer is about the booking as the journal leaves it.
#[must_use]
pub fn is_as_known(known: &Known, appointment: Option<&Answer<Appointment>>) -> bool {
    let status = match known.state {
        // A part is nothing by itself.
        _ if known.booking.is_part() => {
            return matches!(appointment, Some(Ok(Err(Rejection::UnknownAppointment))));
        }
        State::Booked => AppointmentStatus::Booked,
        State::Marked(Mark::Arrived) => AppointmentStatus::Arrived,
        State::Marked(Mark::Fulfilled) => AppointmentStatus::Fulfilled,
        State::Marked(Mark::NoShow) => AppointmentStatus::NoShow,
        State::Cancelled => AppointmentStatus::Cancelled,
        _ => return matches!(appointment, Some(Ok(Err(Rejection::UnknownAppointment)))),
    };
    let Some(Ok(Ok(told))) = appointment else { return false };
    let span = known.booking.span;
    told.status == status
        && told.calendar == known.booking.calendar
        && (told.lane, told.start, told.end) == (span.lane, span.start, span.end)
        && told.person == known.booking.person
}
