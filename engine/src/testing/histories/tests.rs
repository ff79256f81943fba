//! Histories of a few records, and what is judged of them.

use std::collections::BTreeSet;

use super::*;
use crate::booking::{Booking, By, Definition, Details, Joined, Part, ReasonRef, Sparse};
use crate::error::Answer;
use crate::ids::PersonId;
use crate::request::{
    Appointment, Hold, HoldSlot, HoldStatus, MoveAppointment, OfHold, Outcome as Answered,
};
use crate::testing::model;

const HERE: CalendarId = CalendarId::from_bits(1);
const THERE: CalendarId = CalendarId::from_bits(2);
const HOLD: HoldId = HoldId::from_bits(7);

/// Instants of the journal are minutes here.
fn minute(minute: i64) -> Timestamp {
    Timestamp::from_millis(minute * 60_000)
}

fn reason() -> ReasonId {
    ReasonId::new("dose").unwrap()
}

fn person(number: u32) -> PersonId {
    PersonId::new(format!("p{number}")).unwrap()
}

/// The booking where it came to.
fn booking(calendar: CalendarId, start: i64) -> Booking {
    let (start, end) = (minute(start), minute(start + 15));
    let reason = ReasonRef { id: reason(), version: 1 };
    let span = Span { lane: 0, start, end, occupied_until: end };
    Booking { id: HOLD, calendar, person: person(1), reason, span, details: Sparse::default() }
}

fn created(calendar: CalendarId) -> Event {
    let mut definition = Definition::weekdays("Centre", "Europe/Paris");
    definition.reasons = vec![Reason::new(reason(), "Dose", 15)];
    Event::CalendarCreated { calendar, at: minute(0), definition: Box::new(definition) }
}

fn moved(at: i64, from: &Booking, to: &Booking) -> Event {
    let (from_calendar, from) = (from.calendar, from.span);
    Event::Moved { at: minute(at), booking: to.clone(), from_calendar, from }
}

fn record(ticks: (u64, u64), ask: Ask, answer: Option<Answer<Told>>) -> Record {
    let [asked_at, told_at] =
        [ticks.0, ticks.1].map(|tick| minute(i64::try_from(tick).unwrap_or(i64::MAX / 60_000)));
    Record { life: 0, asked_at, told_at, ticks, ask, answer }
}

fn appointment(booking: &Booking) -> Option<Answer<Told>> {
    let Booking { id, calendar, person, reason, span, details } = booking.clone();
    let value = Appointment {
        id: id.into(),
        calendar,
        person,
        reason: reason.id,
        lane: span.lane,
        start: span.start,
        end: span.end,
        details: Details::clone(&details),
        status: AppointmentStatus::Booked,
        late_minutes: None,
    };
    Some(Ok(Ok(Told::Appointment(Answered { value, fresh: true }))))
}

fn held(booking: &Booking) -> Option<Answer<Told>> {
    let Booking { id, calendar, person, reason, span, details } = booking.clone();
    let value = Hold {
        id,
        calendar,
        person,
        reason: reason.id,
        start: span.start,
        end: span.end,
        details: Details::clone(&details),
        expires_at: Some(minute(500)),
        renewals_left: 1,
        appointment: None,
        status: HoldStatus::Held,
    };
    Some(Ok(Ok(Told::Hold(Answered { value, fresh: true }))))
}

fn hold(number: u32, calendar: CalendarId, start: i64) -> Ask {
    let (start, reason, person) = (minute(start), reason(), person(number));
    Ask::Hold(HoldSlot {
        calendar,
        start,
        reason,
        person,
        details: Details::default(),
        by: By::Unsaid,
        overflow: false,
        dose: None,
        command: None,
    })
}

fn moving(start: i64, calendar: Option<CalendarId>) -> Ask {
    let (appointment, start) = (HOLD.into(), minute(start));
    Ask::Move(MoveAppointment { appointment, start, calendar, by: By::Unsaid, command: None })
}

/// What the journal's third entry has made.
fn known(booking: &Booking, state: State) -> model::Told {
    let Booking { calendar, span, .. } = *booking;
    model::Told {
        booking: booking.clone(),
        settled_at: (state == State::Booked).then(|| minute(3)),
        state,
        held_at: minute(1),
        held_in: 3,
        deadline: minute(500),
        renewals: 0,
        places: BTreeSet::from([(calendar, span.lane, span.start)]),
    }
}

fn life(number: i64) -> Life {
    Life {
        from: minute(100 * number),
        until: minute(100 * number + 99),
        tail: 5,
        slack_ms: 0,
        planted: BTreeMap::new(),
        starved: false,
        feed: (0, Vec::new()),
    }
}

/// An appointment is moved within its calendar by a move that names none and whose answer
/// nobody hears, and then to another one.
#[test]
fn a_move_that_names_no_calendar_stays_where_the_appointment_lay_then() {
    let at = [booking(HERE, 600), booking(HERE, 660), booking(THERE, 660)];
    let [first, second, last] = &at;
    let happened = vec![
        created(HERE),
        created(THERE),
        Event::Held {
            at: minute(1),
            booking: first.clone(),
            deadline: minute(500),
            guards: Vec::new(),
        },
        moved(5, first, second),
        moved(9, second, last),
    ];
    let entries = (1..).zip(happened.into_iter().map(|event| vec![event])).collect();
    let mut known = known(last, State::Booked);
    known.places = at.iter().map(|it| (it.calendar, 0, it.span.start)).collect();
    let bookings = BTreeMap::from([(HOLD, known)]);
    let mut model = Model::default();
    (model.entries, model.bookings) = (entries, bookings);
    let life = life(0);
    let taken = Rejection::SlotTaken { alternatives: Vec::new() };
    let told = |refused: i64| {
        vec![
            record((0, 1), hold(1, HERE, 600), held(first)),
            record(
                (2, 3),
                Ask::Confirm(OfHold { hold: HOLD, by: By::Unsaid, command: None }),
                appointment(first),
            ),
            record((4, NEVER), moving(660, None), None),
            // It came there, so somebody else is refused.
            record((6, 7), hold(2, HERE, refused), Some(Ok(Err(taken.clone())))),
            record((8, 9), moving(660, Some(THERE)), appointment(last)),
        ]
    };
    let verdict = of(&told(660), &model, std::slice::from_ref(&life)).check();
    assert!(verdict.is_legal(), "{verdict:#?}");
    // Where it never was, nobody may be refused.
    let verdict = of(&told(720), &model, &[life]).check();
    assert!(!verdict.is_legal(), "{verdict:#?}");
}

/// A booking at a start, with a part there.
fn with_part(id: HoldId, start: i64) -> [Booking; 2] {
    let part = Part { calendar: THERE, id: HoldId::from_bits(id.bits() + 1) };
    let joined = |joined| Details { joined, ..Details::default() }.into();
    let details = joined(Joined::part_of(id));
    let there = Booking { id: part.id, details, ..booking(THERE, start) };
    [Booking { id, details: joined(Joined::whole(vec![part])), ..booking(HERE, start) }, there]
}

/// Whether a refusal on the calendar of a part, in a life and at a start, is legal beside a request
/// in life 0 of which nobody heard. The journal has what it made, where it made anything.
fn beside_unheard(
    ask: &Ask,
    made: Option<&[Booking; 2]>,
    (refused_in, refused): (usize, i64),
) -> bool {
    let appointment = with_part(HOLD, 600);
    let made = made.into_iter().flatten();
    let held = |booking: &Booking| {
        let (at, deadline, guards) = (minute(1), minute(500), Vec::new());
        Event::Held { at, booking: booking.clone(), deadline, guards }
    };
    let happened =
        [vec![created(HERE)], vec![created(THERE)], made.clone().map(held).collect()].into_iter();
    let mut model = Model::default();
    model.entries = (1..).zip(happened.filter(|events| !events.is_empty())).collect();
    let booked = appointment.iter().map(|booking| known(booking, State::Booked));
    let all =
        booked.chain(made.map(|booking| known(booking, State::Held(minute(500), Vec::new()))));
    model.bookings = all.map(|told| (told.booking.id, told)).collect();
    let taken = Rejection::SlotTaken { alternatives: Vec::new() };
    let refused = Record {
        life: refused_in,
        ..record((6, 7), hold(2, THERE, refused), Some(Ok(Err(taken))))
    };
    let records = [record((4, NEVER), ask.clone(), None), refused];
    of(&records, &model, &[life(0), life(1)]).check().is_legal()
}

/// Nobody hears of an offer for an appointment with a part: both were held.
#[test]
fn an_offer_that_nobody_heard_of_holds_its_parts() {
    let to = OfferTo::Appointment(HOLD.into());
    let (start, answer_ms, command) = (minute(660), 1_000, None);
    let offer = Ask::Offer(OfferSlot { calendar: HERE, start, to, answer_ms, command });
    let made = with_part(HoldId::from_bits(20), 660);
    assert!(beside_unheard(&offer, Some(&made), (0, 660)));
    assert!(beside_unheard(&offer, Some(&made), (1, 660)), "the journal has it");
    assert!(!beside_unheard(&offer, Some(&made), (0, 720)), "it has no part there");
    assert!(beside_unheard(&offer, None, (0, 660)), "it was lost with its life");
    assert!(!beside_unheard(&offer, None, (1, 660)), "it was lost before");
}

/// The same of a hold with a part.
#[test]
fn a_hold_that_was_lost_had_its_parts_in_the_way() {
    let made = with_part(HoldId::from_bits(20), 660);
    let Ask::Hold(mut wanted) = hold(1, HERE, 660) else { unreachable!() };
    wanted.details = Details::clone(&made[0].details);
    let wanted = Ask::Hold(wanted);
    assert!(beside_unheard(&wanted, Some(&made), (0, 660)));
    assert!(beside_unheard(&wanted, None, (0, 660)), "it was lost with its life");
    assert!(!beside_unheard(&wanted, None, (1, 660)), "it was lost before");
    assert!(!beside_unheard(&wanted, None, (0, 720)), "it wanted nothing there");
}
