//! Which events a command brings about, if any: `decide` judges, `apply` only records.
//!
//! A command that finds its work done already answers `Ok` with no events. Refusals are said in
//! the order of [`Rejection`]'s variants. Decisions rest on the calendar's own occupancy, never
//! on slot words.

use super::booking::{Booking, Details, Guard, Offer, ReasonRef, Span};
use super::calendar::{Calendar, Ending, Live, Status};
use super::change::Change;
use super::command::Command;
use super::definition::Reason;
use super::event::Event;
use super::rejection::Rejection;
use super::rules::{By, Terms};
use super::schedule::later;
use crate::campaign::Dose;
use crate::ids::{DeliveryId, HoldId, PersonId, ReasonId};
use crate::planted::{self, Bug};
use crate::time::Timestamp;

/// What a hold asks for.
struct HoldAsked<'a> {
    hold: HoldId,
    person: &'a PersonId,
    reason: &'a ReasonId,
    start: Timestamp,
    lane: u16,
    hold_ms: i64,
    guards: &'a [Guard],
    details: &'a Details,
    by: &'a By,
    overflow: bool,
}

impl Calendar {
    /// The events that `command` brings about at `now`; none when its work is done already.
    ///
    /// # Errors
    ///
    /// The first [`Rejection`] that applies, in the order of its variants.
    pub fn decide(&self, command: &Command, now: Timestamp) -> Result<Vec<Event>, Rejection> {
        match command {
            Command::Change { change, version } => self.decide_change(change, *version, now),
            Command::Hold {
                hold,
                person,
                reason,
                start,
                lane,
                hold_ms,
                guards,
                details,
                by,
                overflow,
            } => {
                let asked = HoldAsked {
                    hold: *hold,
                    person,
                    reason,
                    start: *start,
                    lane: *lane,
                    hold_ms: *hold_ms,
                    guards,
                    details,
                    by,
                    overflow: *overflow,
                };
                self.decide_hold(&asked, now)
            }
            Command::Confirm { hold, by } => self.decide_confirm(*hold, by, now),
            Command::Release { hold, by } => self.decide_release(*hold, by, now),
            Command::Cancel { hold, by } => self.decide_cancel(*hold, by, now),
            Command::Renew { hold, by, hold_ms, renewals } => {
                self.decide_renew(*hold, by, (*hold_ms, *renewals), now)
            }
            Command::Mark { hold, mark } => self.decide_mark(*hold, *mark, now),
            Command::Delay { minutes } => self.decide_delay(*minutes, now),
            Command::Wish(wish) => self.decide_wish(wish, now),
            Command::Withdraw { wish, by } => self.decide_withdraw(*wish, by, now),
            Command::Redose { hold, from, to } => self.decide_redose(*hold, *from, *to, now),
            Command::Give { hold, delivery, stays_minutes } => {
                self.decide_give(*hold, *delivery, *stays_minutes, now)
            }
            Command::Expire => Ok(self.due(now).filter_map(|live| expired(live, now)).collect()),
        }
    }

    fn decide_change(
        &self,
        change: &Change,
        version: Option<u32>,
        now: Timestamp,
    ) -> Result<Vec<Event>, Rejection> {
        let next = self.version().saturating_add(1);
        let old = self.schedule().definition();
        let definition = change.applied_to(old, next)?;
        if version.is_some_and(|version| version != self.version()) {
            return Err(Rejection::VersionMismatch { current: self.version() });
        }
        if definition == *old {
            return Ok(Vec::new());
        }
        if let Some(block) = change.block.as_ref().filter(|block| block.only_free) {
            self.check_free(&block.absence)?;
        }
        let calendar = self.id();
        Ok(vec![Event::CalendarChanged {
            calendar,
            at: now,
            version: next,
            definition: Box::new(definition),
        }])
    }

    fn decide_hold(&self, asked: &HoldAsked<'_>, now: Timestamp) -> Result<Vec<Event>, Rejection> {
        // Who holds the slot keeps it, also where the hours have changed since or it has begun.
        let own = self.own_hold(asked.person, asked.reason, asked.start, asked.details.offer);
        if own.is_some_and(|own| own.deadline().is_some_and(|deadline| now < deadline)) {
            return Ok(Vec::new());
        }
        let terms = Terms::new(asked.details, asked.by);
        let place = self.schedule().place(asked.reason, asked.start, now, terms)?;
        self.schedule().check_dose(place.reason, asked.details.dose.as_deref())?;
        let free = self.is_free(asked.lane, asked.start, place.occupied_until, None);
        if !self.has_lane(asked.lane, asked.overflow) || !free {
            return Err(Rejection::SlotTaken { alternatives: Vec::new() });
        }
        let account =
            || if planted::is(Bug::LimitPerAccount) { self.of_account(asked) } else { None };
        if let Some(other) = self.guarded_by(asked.person, asked.guards).or_else(account) {
            return Err(Rejection::PersonHasHold { hold: other });
        }
        self.check_day(place.reason, asked.start, terms, (None, 0))?;
        self.check_lapses(asked.person, asked.start, terms)?;
        let booking = Booking {
            id: asked.hold,
            calendar: self.id(),
            person: asked.person.clone(),
            reason: ReasonRef { id: place.reason.id.clone(), version: place.reason.version },
            span: Span {
                lane: asked.lane,
                start: asked.start,
                end: place.end,
                occupied_until: place.occupied_until,
            },
            details: asked.details.clone().into(),
        };
        let deadline = now.plus_ms(asked.hold_ms);
        Ok(vec![Event::Held { at: now, booking, deadline, guards: asked.guards.to_vec() }])
    }

    /// Whether the day of `start` has room for one more of a reason, `except` left aside and so
    /// many more there.
    pub(super) fn check_day(
        &self,
        reason: &Reason,
        start: Timestamp,
        terms: Terms,
        (except, more): (Option<HoldId>, usize),
    ) -> Result<(), Rejection> {
        let Some(per_day) = reason.rules.per_day.filter(|_| !terms.practice) else {
            return Ok(());
        };
        let date = self.schedule().date_at(start);
        let day = (self.schedule().midnight(date), self.schedule().midnight(later(date, 1)));
        let counts = |live: &&Live| {
            live.booking.reason.id == reason.id
                && !live.booking.is_part()
                && Some(live.booking.id) != except
                && !(planted::is(Bug::HeldNotCounted) && live.deadline().is_some())
        };
        let count = more + self.starting_in(day.0, day.1).filter(counts).count();
        if count < per_day.into() { Ok(()) } else { Err(Rejection::DayFull { per_day }) }
    }

    /// Whether there is such a lane, among those of the practice alone or among the others.
    pub(super) fn has_lane(&self, lane: u16, overflow: bool) -> bool {
        let definition = self.schedule().definition();
        if overflow {
            let last = definition.lanes.saturating_add(definition.agenda.overflow_lanes);
            return (definition.lanes..last).contains(&lane);
        }
        lane < definition.lanes + u16::from(planted::is(Bug::LaneTooMany))
    }

    /// The person's own live hold of this very slot; of several, the one that lasts longest. Of an
    /// offer for an appointment, any that is made for the same one.
    #[must_use]
    pub fn own_hold(
        &self,
        person: &PersonId,
        reason: &ReasonId,
        start: Timestamp,
        offer: Option<Offer>,
    ) -> Option<&Live> {
        let anywhere = matches!(offer, Some(Offer::Appointment(_)));
        let same = |booking: &Booking| booking.span.start == start && booking.reason.id == *reason;
        self.holds_of(person)
            .filter(|live| !live.booking.is_part() && live.booking.details.offer == offer)
            .filter(|live| anywhere || same(&live.booking))
            .max_by_key(|live| live.deadline())
    }

    /// A live hold of the person that one of the guards counts.
    #[must_use]
    pub fn guarded_by(&self, person: &PersonId, guards: &[Guard]) -> Option<HoldId> {
        let counts = |live: &&Live| match &live.status {
            Status::Held { guards: claimed, .. } => {
                claimed.iter().any(|claimed| guards.iter().any(|guard| guard.kind == claimed.kind))
            }
            Status::Booked => false,
        };
        let counts = |live: &&Live| !planted::is(Bug::GuardIgnored) && counts(live);
        self.holds_of(person).find(counts).map(|live| live.booking.id)
    }

    /// A live hold that the same person booked, for whomever.
    fn of_account(&self, asked: &HoldAsked<'_>) -> Option<HoldId> {
        let booker = asked.details.booked_by.as_ref().unwrap_or(asked.person);
        let by = By::Person(booker.clone());
        let holds = self.live().filter(|live| live.deadline().is_some());
        holds.map(|live| &live.booking).find(|it| it.is_for(&by)).map(|it| it.id)
    }

    fn decide_confirm(
        &self,
        hold: HoldId,
        by: &By,
        now: Timestamp,
    ) -> Result<Vec<Event>, Rejection> {
        self.check_whose(hold, by)?;
        match (self.live_booking(hold), self.ending(hold)) {
            (Some(Live { booking, status: Status::Held { deadline, guards, .. }, .. }), _) => {
                if *deadline <= now && !planted::is(Bug::ConfirmedLate) {
                    return Err(Rejection::HoldExpired);
                }
                if matches!(booking.details.offer, Some(Offer::Appointment(_))) {
                    return Err(Rejection::IsOffer);
                }
                if booking.details.dose.is_some() && booking.delivery().is_none() {
                    return Err(Rejection::NoDose);
                }
                let (booking, deadline, guards) = (booking.clone(), *deadline, guards.clone());
                Ok(vec![Event::Confirmed { at: now, booking, deadline, guards }])
            }
            (Some(Live { status: Status::Booked, .. }), _)
            | (None, Some(Ending::Cancelled | Ending::MovedAway)) => Ok(Vec::new()),
            (None, Some(Ending::Accepted(_))) => Err(Rejection::IsOffer),
            (None, Some(Ending::Released)) => Err(Rejection::HoldReleased),
            (None, Some(Ending::Expired)) => Err(Rejection::HoldExpired),
            (None, None) => Err(Rejection::UnknownHold),
        }
    }

    fn decide_release(
        &self,
        hold: HoldId,
        by: &By,
        now: Timestamp,
    ) -> Result<Vec<Event>, Rejection> {
        self.check_whose(hold, by)?;
        match (self.live_booking(hold), self.ending(hold)) {
            (
                Some(live @ Live { booking, status: Status::Held { deadline, guards, .. }, .. }),
                _,
            ) => {
                if *deadline <= now {
                    return Ok(expired(live, now).into_iter().collect());
                }
                let (booking, deadline, guards) = (booking.clone(), *deadline, guards.clone());
                Ok(vec![Event::Released { at: now, booking, deadline, guards }])
            }
            (Some(Live { status: Status::Booked, .. }), _)
            | (None, Some(Ending::Cancelled | Ending::MovedAway)) => {
                Err(Rejection::HoldConfirmed { appointment: hold.into() })
            }
            (None, Some(Ending::Accepted(appointment))) => {
                Err(Rejection::HoldConfirmed { appointment })
            }
            (None, Some(Ending::Released | Ending::Expired)) => Ok(Vec::new()),
            (None, None) => Err(Rejection::UnknownHold),
        }
    }

    fn decide_cancel(
        &self,
        hold: HoldId,
        by: &By,
        now: Timestamp,
    ) -> Result<Vec<Event>, Rejection> {
        if self.live_booking(hold).is_none() && self.ending(hold) == Some(Ending::Cancelled) {
            return Ok(Vec::new());
        }
        let booking = self.changeable(hold, by, now)?.clone();
        Ok(vec![Event::Cancelled { at: now, booking }])
    }

    /// Nobody changes what they did not book, but for the practice.
    pub(super) fn check_whose(&self, hold: HoldId, by: &By) -> Result<(), Rejection> {
        if self.is_part(hold) {
            return Err(Rejection::UnknownHold);
        }
        let theirs = self.live_booking(hold).is_none_or(|live| live.booking.is_for(by));
        if theirs { Ok(()) } else { Err(Rejection::NotYours) }
    }

    /// Whether it is what a booking of another calendar occupies here: it changes with that one,
    /// and is nothing that can be asked for.
    pub(super) fn is_part(&self, hold: HoldId) -> bool {
        self.live_booking(hold).is_some_and(|live| live.booking.is_part())
    }

    /// An appointment that lies here, and that `by` may still change.
    fn changeable(&self, hold: HoldId, by: &By, now: Timestamp) -> Result<&Booking, Rejection> {
        let booking = self.coming(hold, by, now)?;
        let until_minutes = self.schedule().definition().agenda.change_until_minutes;
        let late = booking.span.start < now.plus_minutes(until_minutes.into());
        if late && !by.is_practice() {
            return Err(Rejection::TooLate { until_minutes });
        }
        Ok(booking)
    }

    /// An appointment that lies here and is `by`'s, has not begun, and whose person is not there.
    pub(super) fn coming(
        &self,
        hold: HoldId,
        by: &By,
        now: Timestamp,
    ) -> Result<&Booking, Rejection> {
        match (self.live_booking(hold), self.ending(hold)) {
            (Some(Live { booking, status: Status::Booked, mark }), _) if !booking.is_part() => {
                if !booking.is_for(by) {
                    return Err(Rejection::NotYours);
                }
                if booking.span.start <= now || mark.is_some() {
                    return Err(Rejection::NotChangeable);
                }
                Ok(booking)
            }
            (None, Some(Ending::Cancelled)) => Err(Rejection::NotChangeable),
            _ => Err(Rejection::UnknownAppointment),
        }
    }
}

/// The event that moves the appointment `hold` to `start` in `lane` of `to`, where `to` is none
/// for a move within `from`.
///
/// One event frees the old slot and takes the new one, so that no crash shows half of it. Where the
/// appointment has a dose, `delivery` is the one of which it is there, if that is another.
///
/// # Errors
///
/// The first [`Rejection`] that applies, in the order of its variants.
pub fn decide_move(
    from: &Calendar,
    to: Option<&Calendar>,
    hold: HoldId,
    start: Timestamp,
    (lane, delivery): (u16, Option<DeliveryId>),
    by: &By,
    now: Timestamp,
) -> Result<Vec<Event>, Rejection> {
    let booking = from.changeable(hold, by, now)?;
    let target = to.unwrap_or(from);
    if target.id() == from.id() && booking.span.start == start {
        return Ok(Vec::new());
    }
    let terms = Terms::new(&booking.details, by);
    let place = target.schedule().place(&booking.reason.id, start, now, terms)?;
    check_dose_there(target, place.reason, booking)?;
    let own = (target.id() == from.id()).then_some(hold);
    let free = target.is_free(lane, start, place.occupied_until, own);
    if target.schedule().definition().lanes <= lane || !free {
        return Err(Rejection::SlotTaken { alternatives: Vec::new() });
    }
    target.check_day(place.reason, start, terms, (own, 0))?;
    let forgotten = planted::is(Bug::BufferForgotten);
    let occupied_until = if forgotten { place.end } else { place.occupied_until };
    let moved = Booking {
        calendar: target.id(),
        reason: ReasonRef { id: place.reason.id.clone(), version: place.reason.version },
        span: Span { lane, start, end: place.end, occupied_until },
        ..booking.clone()
    };
    let (from_calendar, from) = (from.id(), booking.span);
    let dosed = Calendar::dose_moved(&moved, target, delivery, now);
    let moved = Event::Moved { at: now, booking: moved, from_calendar, from };
    Ok(std::iter::once(moved).chain(dosed).collect())
}

/// Whether the reason gives the dose there that the appointment has.
fn check_dose_there(to: &Calendar, reason: &Reason, booking: &Booking) -> Result<(), Rejection> {
    let place = to.schedule().definition().agenda.place;
    let there = |dose: &Dose| Dose { place: place.unwrap_or(dose.place), ..dose.clone() };
    to.schedule().check_dose(reason, booking.details.dose.as_deref().map(there).as_ref())
}

fn expired(live: &Live, now: Timestamp) -> Option<Event> {
    let Status::Held { deadline, guards, .. } = &live.status else { return None };
    Some(Event::Expired {
        at: now,
        booking: live.booking.clone(),
        deadline: *deadline,
        guards: guards.clone(),
    })
}
