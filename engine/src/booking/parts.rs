//! Bookings that occupy several calendars: all of them or none.
//!
//! The calendar of the practitioner decides, as for any booking. What it decides is then joined by
//! what it means for each part, which lies on the calendar of a room or a device under an
//! identifier of its own: one entry holds all of it. A part is held, confirmed, moved and ended
//! with its booking, and never by itself, but for one thing: as its deadline is that of its
//! booking, each calendar ends by itself what is due there.

use super::booking::{Booking, Details, Joined, Part, Span};
use super::calendar::{Calendar, Live, Status};
use super::event::{Event, Taken};
use super::rejection::Rejection;
use super::schedule::Schedule;
use crate::ids::HoldId;
use crate::planted::{self, Bug};
use crate::time::Timestamp;

/// What a calendar has decided, joined by what that means for the parts of its booking. `find` has
/// the calendars on which they lie, and `lanes` a lane for each part, in order, where they are to
/// lie elsewhere than they do.
///
/// # Errors
///
/// [`Rejection::PartClosed`] and [`Rejection::PartTaken`], of the first part to which one applies;
/// [`Rejection::UnknownHold`] or [`Rejection::UnknownAppointment`] where `find` lacks a part.
pub fn join<'a>(
    events: Vec<Event>,
    find: impl Fn(&Part) -> Option<&'a Calendar>,
    lanes: &[u16],
    now: Timestamp,
) -> Result<Vec<Event>, Rejection> {
    let whole = events.first().and_then(Event::booking);
    let Some(whole) = whole.filter(|whole| !whole.details.parts().is_empty()) else {
        return Ok(events);
    };
    if let Some(part) = whole.details.parts().iter().find(|part| part.calendar == whole.calendar) {
        // It was moved to where one of its parts lies.
        return Err(Rejection::PartTaken { calendar: part.calendar });
    }
    let mut joined = events.clone();
    for (place, part) in whole.details.parts().iter().enumerate() {
        let Some(first) = events.first() else { break };
        let lane = lanes.get(place).copied().unwrap_or(u16::MAX);
        joined.extend(of_part(first, part, find(part), lane, now)?);
    }
    Ok(joined)
}

/// What an event means for a part of its booking, which lies on `calendar`.
fn of_part(
    event: &Event,
    part: &Part,
    calendar: Option<&Calendar>,
    lane: u16,
    now: Timestamp,
) -> Result<Option<Event>, Rejection> {
    let known = || calendar.ok_or(Rejection::UnknownAppointment);
    Ok(Some(match event {
        Event::Held { at, booking, deadline, .. } => {
            let calendar = calendar.ok_or(Rejection::UnknownHold)?;
            let booking = calendar.room_for(booking, part, lane, now)?;
            Event::Held { at: *at, booking, deadline: *deadline, guards: Vec::new() }
        }
        Event::Confirmed { at, .. } => {
            let (booking, deadline) = held(calendar, part.id)?;
            let (at, booking, guards) = (*at, booking.clone(), Vec::new());
            Event::Confirmed { at, booking, deadline, guards }
        }
        Event::Released { at, .. } => {
            let (booking, deadline) = held(calendar, part.id)?;
            let (at, booking, guards) = (*at, booking.clone(), Vec::new());
            Event::Released { at, booking, deadline, guards }
        }
        Event::Renewed { at, deadline, renewals, .. } => {
            let (booking, before) = held(calendar, part.id)?;
            let (at, booking, guards) = (*at, booking.clone(), Vec::new());
            let (deadline, renewals) = (*deadline, *renewals);
            Event::Renewed { at, booking, before, deadline, guards, renewals }
        }
        Event::Cancelled { at, .. } => {
            Event::Cancelled { at: *at, booking: booked(known()?, part.id)?.clone() }
        }
        Event::Moved { at, booking: moved, .. } => {
            let calendar = known()?;
            let lies = booked(calendar, part.id)?;
            let booking = calendar.room_for(moved, part, lane, now)?;
            let (from_calendar, from) = (calendar.id(), lies.span);
            Event::Moved { at: *at, booking, from_calendar, from }
        }
        Event::Accepted { at, taken, .. } => part_accepted(*at, known()?, part, taken)?,
        // It expires by itself, and is not marked: the whole is.
        Event::Expired { .. }
        | Event::Marked { .. }
        | Event::CalendarCreated { .. }
        | Event::CalendarChanged { .. }
        | Event::Delayed { .. }
        | Event::Wished { .. }
        | Event::Withdrawn { .. }
        | Event::Dosed { .. }
        | Event::Given { .. }
        | Event::Registered { .. } => return Ok(None),
    }))
}

/// A part of an appointment takes the place of the same part of the offer.
fn part_accepted(
    at: Timestamp,
    calendar: &Calendar,
    part: &Part,
    taken: &Taken,
) -> Result<Event, Rejection> {
    let lies = booked(calendar, part.id)?;
    let offers = taken.offer.details.parts();
    let offer = offers.iter().find(|offer| offer.calendar == calendar.id());
    let (offer, deadline) = held(Some(calendar), offer.ok_or(Rejection::UnknownHold)?.id)?;
    let (reason, span) = (offer.reason.clone(), offer.span);
    let (from_calendar, from) = (calendar.id(), lies.span);
    let booking = Booking { reason, span, ..lies.clone() };
    let (offer, guards) = (offer.clone(), Vec::new());
    let taken = Box::new(Taken { from_calendar, from, offer, deadline, guards });
    Ok(Event::Accepted { at, booking, taken })
}

fn held(calendar: Option<&Calendar>, id: HoldId) -> Result<(&Booking, Timestamp), Rejection> {
    let live = calendar.and_then(|calendar| calendar.live_booking(id));
    match live {
        Some(Live { booking, status: Status::Held { deadline, .. }, .. }) => {
            Ok((booking, *deadline))
        }
        _ => Err(Rejection::UnknownHold),
    }
}

fn booked(calendar: &Calendar, id: HoldId) -> Result<&Booking, Rejection> {
    match calendar.live_booking(id) {
        Some(Live { booking, status: Status::Booked, .. }) => Ok(booking),
        _ => Err(Rejection::UnknownAppointment),
    }
}

impl Schedule {
    /// Whether a part of a booking can lie there.
    fn takes(&self, span: &Span, now: Timestamp) -> bool {
        self.part_range(span.start, span.occupied_until, now).is_some()
    }
}

impl Calendar {
    /// A part of `whole` in a lane that is free for it.
    fn room_for(
        &self,
        whole: &Booking,
        part: &Part,
        lane: u16,
        now: Timestamp,
    ) -> Result<Booking, Rejection> {
        let (calendar, span) = (self.id(), Span { lane, ..whole.span });
        if !self.schedule().takes(&span, now) {
            return Err(Rejection::PartClosed { calendar });
        }
        let free = self.is_free(lane, span.start, span.occupied_until, Some(part.id));
        if !self.has_lane(lane, false) || !(free || planted::is(Bug::PartTwice)) {
            return Err(Rejection::PartTaken { calendar });
        }
        let (joined, offer) = (Joined::part_of(whole.id), whole.details.offer);
        let details = Details { joined, offer, ..Details::default() };
        Ok(Booking {
            id: part.id,
            calendar,
            person: whole.person.clone(),
            reason: whole.reason.clone(),
            span,
            details: details.into(),
        })
    }
}

/// Whether the events of an entry tell of bookings with all of their parts: a part changes with its
/// booking, at the same instant and to the same times, and a booking with its parts.
///
/// # Errors
///
/// What is told of by half.
pub fn whole(events: &[Event]) -> Result<(), String> {
    let alone = |event: &Event| {
        // What is due ends by itself in each calendar, and the practice marks the whole, which
        // alone has a dose.
        matches!(
            event,
            Event::Expired { .. }
                | Event::Marked { .. }
                | Event::Dosed { .. }
                | Event::Given { .. }
        )
    };
    let same = |one: &Event, other: &Event| {
        let kind = std::mem::discriminant(one) == std::mem::discriminant(other);
        let times = |event: &Event| {
            let span = event.booking().map(|booking| booking.span);
            span.map(|span| (event.at(), span.start, span.end, span.occupied_until))
        };
        kind && times(one) == times(other)
    };
    for event in events.iter().filter(|event| !alone(event)) {
        let Some(booking) = event.booking() else { continue };
        let find = |id: HoldId| {
            events.iter().find(|other| {
                same(event, other) && other.booking().is_some_and(|booking| booking.id == id)
            })
        };
        for part in booking.details.parts() {
            let there = find(part.id).and_then(Event::booking);
            let fits = there.is_some_and(|there| {
                there.calendar == part.calendar && there.details.part_of() == Some(booking.id)
            });
            if !fits {
                return Err(format!("{} changes without its part {}", booking.id, part.id));
            }
        }
        if let Some(of) = booking.details.part_of() {
            let there = find(of).and_then(Event::booking);
            let parts = there.map(|there| there.details.parts());
            if !parts.is_some_and(|parts| parts.iter().any(|part| part.id == booking.id)) {
                return Err(format!("{} changes without {of}, of which it is part", booking.id));
            }
        }
    }
    Ok(())
}
