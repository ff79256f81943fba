//! The waiting list of a calendar: what people would take if it came free, and who is offered what.
//!
//! The list is state of its calendar, so that who frees a slot decides for whom it is. A slot that
//! comes free is offered to the first on the list who wants it and is not passed over; what nobody
//! wants is free for all. An offer is a hold as any other: when it ends without an appointment, its
//! slot comes free again, and is offered to the next.

use std::ops::Range;

use rkyv::{Archive, Deserialize, Serialize};

use super::booking::{Booking, Details, Offer, ReasonRef, Span};
use super::calendar::{Calendar, Ending, Live, Status};
use super::definition::invalid;
use super::event::Event;
use super::grid::Step;
use super::hours::WeeklyHours;
use super::rejection::Rejection;
use super::rules::{By, Standing, Terms};
use super::schedule::{Place, Schedule, later};
use crate::ids::{AppointmentId, HoldId, PersonId, ReasonId, WishId};
use crate::limits::{
    FREED_STEPS_MAX, OFFERS_PER_ENTRY_MAX, STEPS_PER_RESERVATION_MAX, WISH_OFFERS_MAX, WISHES_MAX,
    WISHES_PER_PERSON_MAX,
};
use crate::planted::{self, Bug};
use crate::time::Timestamp;

/// What somebody would take if it came free.
#[derive(Archive, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// The wish; the same on all the calendars on whose lists it stands.
    pub id: WishId,
    /// Who would come.
    pub person: PersonId,
    /// Who asked, where that is another.
    pub booked_by: Option<PersonId>,
    /// Why.
    pub reason: ReasonId,
    /// Whether the person is new to the practice or known there, as was stated.
    pub standing: Option<Standing>,
    /// Whether by video.
    pub by_video: bool,
    /// The local hours of the week in which it may start; any if none.
    pub when: Option<WeeklyHours>,
    /// When it may start at the earliest.
    pub from: Timestamp,
    /// Before when it must start; then the wish is over.
    pub until: Timestamp,
    /// The appointment that it would take the place of, and must start before.
    pub instead_of: Option<AppointmentId>,
    /// Milliseconds for which an offer lasts.
    pub answer_ms: i64,
}

/// Who waits, and what they let go by.
#[derive(Archive, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// For what.
    pub wish: Wish,
    /// The starts that they were offered and did not take.
    pub passed: Vec<Timestamp>,
}

/// Time that has come free in some lanes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Freed {
    /// Of each of these lanes,
    pub lanes: Range<u16>,
    /// from here on
    pub from: Timestamp,
    /// until there.
    pub until: Timestamp,
}

impl Wish {
    /// Whether it asks the same, however long it waits.
    #[must_use]
    pub fn is_like(&self, other: &Self) -> bool {
        let Self { id, from, until, answer_ms, .. } = other.clone();
        Self { id, from, until, answer_ms, ..self.clone() } == *other
    }

    /// Whether it may be changed in the name of `by`.
    #[must_use]
    pub fn is_for(&self, by: &By) -> bool {
        match by {
            By::Unsaid | By::Practice => true,
            By::Person(person) => *person == *self.booked_by.as_ref().unwrap_or(&self.person),
        }
    }

    fn terms(&self) -> Terms {
        Terms { practice: false, standing: self.standing, by_video: self.by_video }
    }

    /// Whether it would take what starts then.
    fn wants(&self, schedule: &Schedule, start: Timestamp) -> bool {
        if start < self.from || self.until <= start {
            return false;
        }
        self.when.as_ref().is_none_or(|when| schedule.is_within(when, start))
    }

    fn details(&self) -> Details {
        Details {
            booked_by: self.booked_by.clone(),
            standing: self.standing,
            by_video: self.by_video,
            offer: Some(self.instead_of.map_or(Offer::Person, Offer::Appointment)),
            wish: Some(self.id),
            ..Details::default()
        }
    }
}

/// Those who wait for a calendar, in the order in which they came.
#[derive(Clone, Debug, Default)]
pub(super) struct Wishes(Vec<Waiting>);

impl Wishes {
    pub(super) fn restored(all: Vec<Waiting>) -> Self {
        Self(all)
    }

    pub(super) fn all(&self) -> &[Waiting] {
        &self.0
    }

    pub(super) fn add(&mut self, wish: &Wish) {
        self.0.push(Waiting { wish: wish.clone(), passed: Vec::new() });
    }

    pub(super) fn remove(&mut self, id: WishId) {
        self.0.retain(|waiting| waiting.wish.id != id);
    }

    /// An offer was declined, or ran out. Who lets too many go by waits no more.
    pub(super) fn pass(&mut self, id: WishId, start: Timestamp) {
        if let Some(waiting) = self.0.iter_mut().find(|waiting| waiting.wish.id == id) {
            waiting.passed.push(start);
        }
        self.0.retain(|waiting| waiting.passed.len() < WISH_OFFERS_MAX);
    }

    /// An appointment is long over: nothing takes its place.
    pub(super) fn forget_instead_of(&mut self, appointment: AppointmentId) {
        self.0.retain(|waiting| waiting.wish.instead_of != Some(appointment));
    }

    /// Lets go of what is over. It depends on events alone, so that replay forgets the same.
    pub(super) fn forget_over(&mut self, now: Timestamp) {
        self.0.retain(|waiting| now < waiting.wish.until);
    }
}

impl Calendar {
    pub(super) fn decide_wish(&self, wish: &Wish, now: Timestamp) -> Result<Vec<Event>, Rejection> {
        if wish.until <= wish.from.max(now) {
            return Err(invalid("until", "must lie after from, and ahead"));
        }
        let list = || self.waiting_at(now).map(|waiting| &waiting.wish);
        if list().any(|other| other.is_like(wish)) {
            return Ok(Vec::new());
        }
        if let Some(appointment) = wish.instead_of {
            self.check_instead_of(wish, appointment, now)?;
        }
        let reason = self.schedule().definition().reason(&wish.reason);
        let rules = &reason.ok_or(Rejection::UnknownReason)?.rules;
        rules.admit(wish.terms())?;
        if rules.dose.is_some() {
            return Err(invalid("reason", "must not give doses: who waits for one joins the line"));
        }
        if WISHES_PER_PERSON_MAX <= list().filter(|other| other.person == wish.person).count() {
            return Err(Rejection::TooManyWishes);
        }
        if WISHES_MAX <= list().count() {
            return Err(Rejection::ListFull);
        }
        let (calendar, wish) = (self.id(), Box::new(wish.clone()));
        Ok(vec![Event::Wished { calendar, at: now, wish }])
    }

    /// Those who wait still, in order. What is over goes with what happens next.
    pub fn waiting_at(&self, now: Timestamp) -> impl Iterator<Item = &Waiting> {
        let before = |wish: &Wish| self.must_start_before(wish);
        self.wishes().iter().filter(move |it| before(&it.wish).is_some_and(|before| now < before))
    }

    /// What lies elsewhere, others have looked at.
    fn check_instead_of(
        &self,
        wish: &Wish,
        appointment: AppointmentId,
        now: Timestamp,
    ) -> Result<(), Rejection> {
        let hold = appointment.into();
        if self.live_booking(hold).is_none() && self.ending(hold) != Some(Ending::Cancelled) {
            return Ok(());
        }
        let booking = self.coming(hold, &By::Unsaid, now)?;
        if booking.person != wish.person {
            return Err(Rejection::UnknownAppointment);
        }
        if booking.reason.id != wish.reason {
            return Err(invalid("reason", "must be that of the appointment"));
        }
        if booking.details.parts().is_empty() {
            return Ok(());
        }
        Err(invalid("instead_of", "must lie on one calendar alone"))
    }

    pub(super) fn decide_withdraw(
        &self,
        id: WishId,
        by: &By,
        now: Timestamp,
    ) -> Result<Vec<Event>, Rejection> {
        let waiting = self.waiting_at(now).find(|waiting| waiting.wish.id == id);
        let waiting = waiting.ok_or(Rejection::UnknownWish)?;
        if !waiting.wish.is_for(by) {
            return Err(Rejection::NotYours);
        }
        Ok(vec![Event::Withdrawn { calendar: self.id(), at: now, wish: id }])
    }

    /// The time that an event of this calendar will free, before it is applied. Lanes of the
    /// practice alone are offered to nobody.
    #[must_use]
    pub fn freed_by(&self, event: &Event) -> Vec<Freed> {
        let lanes = self.schedule().definition().lanes;
        let span = |span: &Span| {
            let (from, until) = (span.start, span.occupied_until);
            let there = span.lane < lanes;
            there.then(|| Freed { lanes: span.lane..span.lane + 1, from, until })
        };
        let freed = match event {
            Event::Released { booking, .. }
            | Event::Expired { booking, .. }
            | Event::Cancelled { booking, .. }
                if booking.calendar == self.id() =>
            {
                span(&booking.span)
            }
            Event::Moved { from_calendar, from, .. } if *from_calendar == self.id() => span(from),
            Event::Accepted { taken, .. } if taken.from_calendar == self.id() => span(&taken.from),
            Event::CalendarChanged { calendar, at, definition, .. } if *calendar == self.id() => {
                return match Schedule::new((**definition).clone()) {
                    Ok(schedule) => opened(self.schedule(), &schedule, *at),
                    Err(_) => Vec::new(),
                };
            }
            _ => None,
        };
        freed.into_iter().collect()
    }

    /// The offers to make of time that has come free: to the first on the list the first of it that
    /// they want, then to the next. `claim` has what is needed for a span, and names the hold; none
    /// where somebody was faster.
    pub fn offers(
        &self,
        freed: &[Freed],
        now: Timestamp,
        claim: &mut dyn FnMut(&Span) -> Option<HoldId>,
    ) -> Vec<Event> {
        let starts = self.starts_in(freed);
        let mut offers: Vec<Event> = Vec::new();
        let mut list: Vec<&Waiting> = self.wishes().iter().collect();
        if planted::is(Bug::ListReversed) {
            list.reverse();
        }
        for waiting in list {
            if offers.len() == OFFERS_PER_ENTRY_MAX {
                break;
            }
            offers.extend(self.offer_to(waiting, &starts, now, &offers, claim));
        }
        offers
    }

    /// Where something may start, and in which lanes: the earliest first, as many as are looked at.
    fn starts_in(&self, freed: &[Freed]) -> Vec<(Timestamp, Range<u16>)> {
        let grid = self.schedule().grid();
        let mut starts: Vec<(Timestamp, Range<u16>)> = Vec::new();
        for Freed { lanes, from, until } in freed {
            let steps = grid.ceil(*from).0..grid.ceil(*until).0;
            let steps = steps.take(FREED_STEPS_MAX);
            starts.extend(steps.map(|step| (grid.start_of(Step(step)), lanes.clone())));
        }
        starts.sort_by_key(|(start, lanes)| (*start, lanes.start));
        starts.truncate(FREED_STEPS_MAX);
        starts
    }

    /// The first of these starts for which somebody waits.
    fn offer_to(
        &self,
        Waiting { wish, passed }: &Waiting,
        starts: &[(Timestamp, Range<u16>)],
        now: Timestamp,
        others: &[Event],
        claim: &mut dyn FnMut(&Span) -> Option<HoldId>,
    ) -> Option<Event> {
        let others = || others.iter().filter_map(Event::booking);
        let busy = self.holds_of(&wish.person).next().is_some();
        if busy || others().any(|other| other.person == wish.person) {
            return None;
        }
        // Nobody is offered what begins before they must have answered.
        let deadline = now.plus_ms(wish.answer_ms);
        let (before, schedule) = (self.must_start_before(wish)?, self.schedule());
        let wanted =
            |start: Timestamp| deadline <= start && start < before && wish.wants(schedule, start);
        for (start, lanes) in starts.iter().filter(|(start, _)| wanted(*start)) {
            let place = schedule.place(&wish.reason, *start, now, wish.terms());
            let Some(place) = place.ok().filter(|place| {
                // Who waited before it gave doses has stated nothing.
                place.reason.rules.dose.is_none()
                    && !has_passed(passed, *start, place.occupied_until)
                    && self.may_have(wish, place, *start, others())
            }) else {
                continue;
            };
            let Place { end, occupied_until, reason, .. } = place;
            let mut spans =
                lanes.clone().map(|lane| Span { lane, start: *start, end, occupied_until });
            let fits = |span: &Span| {
                let taken = others().any(|other| overlap(&other.span, span));
                let free = self.is_free(span.lane, span.start, span.occupied_until, None);
                free && (!taken || planted::is(Bug::TwoOffers))
            };
            let claimed = spans.find_map(|span| {
                let hold = fits(&span).then(|| claim(&span)).flatten()?;
                Some((hold, span))
            });
            if let Some((id, span)) = claimed {
                let reason = ReasonRef { id: reason.id.clone(), version: reason.version };
                let (calendar, person) = (self.id(), wish.person.clone());
                let details = wish.details().into();
                let booking = Booking { id, calendar, person, reason, span, details };
                return Some(Event::Held { at: now, booking, deadline, guards: Vec::new() });
            }
        }
        None
    }

    /// Before when a slot must start for a wish; none where the appointment is no more that it
    /// would take the place of.
    fn must_start_before(&self, wish: &Wish) -> Option<Timestamp> {
        let Some(appointment) = wish.instead_of else { return Some(wish.until) };
        match (self.live_booking(appointment.into()), self.ending(appointment.into())) {
            (Some(Live { booking, status: Status::Booked, mark: None }), _) => {
                Some(wish.until.min(booking.span.start))
            }
            (None, None | Some(Ending::MovedAway)) => Some(wish.until),
            _ => None,
        }
    }

    /// Whether the day has room for it, and its person for the time.
    fn may_have<'a>(
        &self,
        wish: &Wish,
        place: &Place<'_>,
        start: Timestamp,
        others: impl Iterator<Item = &'a Booking>,
    ) -> bool {
        let own = wish.instead_of.map(HoldId::from);
        let reach =
            i64::from(STEPS_PER_RESERVATION_MAX) * i64::from(self.schedule().grid().minutes());
        let mut near = self.starting_in(start.plus_minutes(-reach), place.occupied_until);
        let met = near.any(|live| {
            let booking = &live.booking;
            booking.person == wish.person
                && Some(booking.id) != own
                && start < booking.span.occupied_until
        });
        // What is offered beside it counts as well.
        let date = |start| self.schedule().date_at(start);
        let same = |other: &&Booking| {
            other.reason.id == place.reason.id && date(other.span.start) == date(start)
        };
        let more = others.filter(same).count();
        !met && self.check_day(place.reason, start, wish.terms(), (own, more)).is_ok()
    }
}

/// What somebody let go by is in the way of all that overlaps it.
pub(crate) fn has_passed(
    passed: &[Timestamp],
    start: Timestamp,
    occupied_until: Timestamp,
) -> bool {
    let lasts = occupied_until.millis() - start.millis();
    passed.iter().any(|it| (it.millis() - start.millis()).abs() < lasts)
}

fn overlap(one: &Span, other: &Span) -> bool {
    one.lane == other.lane && one.start < other.occupied_until && other.start < one.occupied_until
}

/// What a change of hours or lanes opens, on the days that can be booked.
fn opened(old: &Schedule, new: &Schedule, now: Timestamp) -> Vec<Freed> {
    let (grid, today) = (new.grid(), new.date_at(now));
    let days = i64::from(new.definition().horizon_days) + 1;
    let (first, last) = (later(today, -1), later(today, days));
    let (before, after) = (old.open_steps(first, last), new.open_steps(first, last));
    let (old_lanes, lanes) = (old.definition().lanes, new.definition().lanes);
    let freed = |lanes: Range<u16>, (from, until): (u32, u32)| {
        let instant = |step| grid.start_of(Step(step));
        Freed { lanes, from: instant(from), until: instant(until) }
    };
    let mut all = Vec::new();
    for stretch in without(&after, &before) {
        all.push(freed(0..old_lanes.min(lanes), stretch));
    }
    if old_lanes < lanes {
        all.extend(after.into_iter().map(|stretch| freed(old_lanes..lanes, stretch)));
    }
    all.sort_by_key(|freed| freed.from);
    all
}

/// The steps of `some` that are not among `others`; both in order.
fn without(some: &[(u32, u32)], others: &[(u32, u32)]) -> Vec<(u32, u32)> {
    let mut left = Vec::new();
    for &(mut start, end) in some {
        let beside = others.partition_point(|&(_, other)| other <= start);
        for &(from, until) in others.get(beside..).unwrap_or_default() {
            if end <= from {
                break;
            }
            if start < from {
                left.push((start, from));
            }
            start = start.max(until);
        }
        if start < end {
            left.push((start, end));
        }
    }
    left
}
