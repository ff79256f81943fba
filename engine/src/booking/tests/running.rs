//! Running a practice: renewals, marks, delays, blocked time, overflow and offers.

use super::super::practice::decide_accept;
use super::super::{
    Absence, Block, By, Change, Command, Details, Edge, Event, Guard, Mark, Offer, Rejection,
};
use super::definition;
use super::world::{HOLD_MS, Told, World, at};
use crate::ids::{AppointmentId, HoldId, PersonId, ReasonId};
use crate::limits;

impl World {
    fn renew(&mut self, who: &str) -> Told {
        let (hold, by) = (self.id(who), self.by.clone());
        self.tell(&Command::Renew { hold, by, hold_ms: HOLD_MS, renewals: 1 })
    }

    fn mark(&mut self, who: &str, mark: Mark) -> Told {
        let hold = self.id(who);
        self.tell(&Command::Mark { hold, mark })
    }

    /// Offers the slot at `when` for an appointment of the first calendar.
    fn offer(&mut self, name: &str, of: &str, when: &str, overflow: bool) -> Told {
        let appointment: AppointmentId = self.id(of).into();
        let details =
            Details { offer: Some(Offer::Appointment(appointment)), ..Details::default() };
        let before = (self.details.clone(), self.by.clone(), self.guards.clone());
        (self.details, self.by) = (details, By::Practice);
        let guards: Vec<Guard> = Vec::new();
        let hold = HoldId::from_bits(500 + u128::from(name.len() as u64));
        let told = self.tell(&Command::Hold {
            hold,
            person: PersonId::new(of).unwrap(),
            reason: ReasonId::new("visit").unwrap(),
            start: at(when),
            lane: u16::from(overflow),
            hold_ms: HOLD_MS,
            guards,
            details: self.details.clone(),
            by: By::Practice,
            overflow,
        });
        (self.details, self.by, self.guards) = before;
        told
    }

    fn accept(&mut self, name: &str, of: &str, to: usize) -> Told {
        let hold = HoldId::from_bits(500 + u128::from(name.len() as u64));
        self.accept_hold(hold, of, to)
    }

    pub(super) fn accept_hold(&mut self, hold: HoldId, of: &str, to: usize) -> Told {
        let target = (to != 0).then_some(&self.calendars[to]);
        let asked = (hold, self.id(of).into());
        let decided = decide_accept(&self.calendars[0], target, asked, &self.by, self.now);
        self.happened(decided)
    }
}

#[test]
fn a_hold_is_renewed_once() {
    let mut world = World::new();
    world.hold("ana", "09:00").is("Held");
    world.wait_ms(HOLD_MS - 1);
    world.renew("ana").is("Renewed");
    world.renew("ana").is("RenewalsSpent");
    world.hold("bob", "09:00").is("SlotTaken");
    world.wait_ms(HOLD_MS - 1);
    world.expire().is("nothing");
    world.wait_ms(1);
    world.renew("ana").is("HoldExpired");
    world.expire().is("Expired");
    world.renew("ana").is("HoldExpired");
    world.renew("nobody").is("UnknownHold");
    world.hold("bob", "09:00").is("Held");
    world.by = By::Person("ana".parse().unwrap());
    world.renew("bob").is("NotYours");
    world.by = By::Unsaid;
    world.confirm("bob").is("Confirmed");
    world.renew("bob").is("HoldConfirmed");
}

#[test]
fn a_slot_is_not_held_again_and_again() {
    let mut world = World::new();
    world.change(Change { holds_again: Some(Some(1)), ..Change::default() });
    for again in ["ana/1", "ana/2"] {
        world.hold(again, "10:00").is("Held");
        world.wait_ms(HOLD_MS);
        world.expire().is("Expired");
    }
    assert_eq!(world.hold("ana", "10:00").0, Err(Rejection::HeldTooOften));
    world.hold("bob", "10:00").is("Held");
    world.release("bob").is("Released");
    world.hold("ana/3", "10:15").is("Held");
    world.release("ana/3").is("Released");
    world.by = By::Practice;
    world.hold("ana/4", "10:00").is("Held");
    world.release("ana/4").is("Released");
    world.by = By::Unsaid;
    // Where nothing counts any more, nothing is remembered.
    world.change(Change { holds_again: Some(None), ..Change::default() });
    world.change(Change { holds_again: Some(Some(0)), ..Change::default() });
    world.hold("ana/5", "10:00").is("Held");
}

#[test]
fn an_expiry_is_remembered_until_its_slot_has_begun() {
    let mut world = World::new();
    world.change(Change { holds_again: Some(Some(0)), ..Change::default() });
    world.wait_until("08:00");
    let lapses =
        |world: &World, who, when| world.calendar().lapses(&PersonId::new(who).unwrap(), at(when));
    // Each hold ends when the next is made, and the first two at 08:15 and 08:30.
    for (who, when) in [("ana", "08:30"), ("bob", "09:00")] {
        world.hold(who, when).is("Held");
        world.wait_ms(HOLD_MS);
        world.expire().is("Expired");
    }
    assert_eq!(world.now, at("08:30"));
    world.hold("ana/2", "08:30").is("HeldTooOften");
    assert_eq!(lapses(&world, "ana", "08:30"), 1);
    world.hold("eve", "10:00").is("Held");
    world.wait_ms(HOLD_MS);
    world.expire().is("Expired");
    assert_eq!((lapses(&world, "ana", "08:30"), lapses(&world, "bob", "09:00")), (0, 1));
}

#[test]
fn no_more_expiries_are_remembered_than_allowed() {
    let mut all = definition("00:00-24:00");
    all.agenda.holds_again = Some(0);
    all.horizon_days = 90;
    let mut world = World::of(all);
    world.guards.clear();
    let (first, last) = (at("01-05 00:00"), limits::LAPSES_REMEMBERED_MAX);
    let start = |number: usize| first.plus_minutes(15 * i64::try_from(number).unwrap());
    for number in 0..=last {
        let hold = HoldId::from_bits(1_000 + number as u128);
        let told = world.tell(&Command::Hold {
            hold,
            person: PersonId::new("ana").unwrap(),
            reason: ReasonId::new("visit").unwrap(),
            start: start(number),
            lane: 0,
            hold_ms: 1,
            guards: Vec::new(),
            details: Details::default(),
            by: By::Unsaid,
            overflow: false,
        });
        told.is("Held");
        world.wait_ms(1);
        world.expire().is("Expired");
    }
    let ana = PersonId::new("ana").unwrap();
    let lapses = |number| world.calendar().lapses(&ana, start(number));
    assert_eq!((lapses(0), lapses(1), lapses(last)), (0, 1, 1));
}

#[test]
fn a_practice_says_what_it_has_seen() {
    let mut world = World::new();
    world.book("ana", "01-05 09:00");
    world.mark("ana", Mark::Arrived).is("NotYet");
    world.wait_until("01-05 00:00");
    world.mark("ana", Mark::Fulfilled).is("NotYet");
    world.mark("ana", Mark::Arrived).is("Marked");
    world.mark("ana", Mark::Arrived).is("nothing");
    world.cancel("ana").is("NotChangeable");
    world.shift("ana", 1, "01-06 09:00").is("NotChangeable");
    world.hold("bob", "01-05 09:00").is("SlotTaken");
    world.wait_until("01-05 09:00");
    world.mark("ana", Mark::NoShow).is("Marked");
    world.mark("ana", Mark::Fulfilled).is("Marked");
    world.mark("ana", Mark::NoShow).is("NotChangeable");
    world.mark("nobody", Mark::NoShow).is("UnknownAppointment");
    world.hold("bob", "01-05 10:00").is("Held");
    world.mark("bob", Mark::Arrived).is("UnknownAppointment");
    world.book("zoe", "01-05 10:15");
    world.cancel("zoe").is("Cancelled");
    world.mark("zoe", Mark::NoShow).is("NotChangeable");
}

#[test]
fn a_practice_is_late_until_its_day_ends() {
    let mut world = World::new();
    world.tell(&Command::Delay { minutes: 0 }).is("nothing");
    let told = world.tell(&Command::Delay { minutes: 20 }).0.unwrap();
    let until = at("01-05 00:00");
    assert!(matches!(told[..], [Event::Delayed { minutes: 20, until: to, .. }] if to == until));
    world.tell(&Command::Delay { minutes: 20 }).is("nothing");
    world.tell(&Command::Delay { minutes: 35 }).is("Delayed");
    assert_eq!(world.calendar().late().map(|late| late.minutes), Some(35));
    world.tell(&Command::Delay { minutes: 721 }).is("Invalid");
    world.tell(&Command::Delay { minutes: 720 }).is("Delayed");
    world.tell(&Command::Delay { minutes: 35 }).is("Delayed");
    world.wait_until("01-05 00:00");
    world.tell(&Command::Delay { minutes: 35 }).is("Delayed");
    world.wait_until("01-06 07:00");
    world.tell(&Command::Delay { minutes: 0 }).is("nothing");
    world.tell(&Command::Delay { minutes: 35 }).is("Delayed");
    world.tell(&Command::Delay { minutes: 0 }).is("Delayed");
    assert_eq!(world.calendar().late(), None);
}

#[test]
fn time_is_blocked_where_it_is_free_or_around_what_is_there() {
    let mut world = World::new();
    world.book("ana", "09:00");
    let edge = |when| Edge::Instant(at(when));
    let block = |from, until, only_free| {
        let label = Some("Training".to_owned());
        let absence = Absence { from: edge(from), until: edge(until), label };
        Change { block: Some(Block { absence, only_free }), ..Change::default() }
    };
    world.change(block("08:30", "09:01", true)).is("NotFree");
    world.change(block("08:30", "09:00", true)).is("CalendarChanged");
    world.change(block("09:15", "10:00", true)).is("CalendarChanged");
    world.change(block("09:15", "10:00", true)).is("nothing");
    world.change(block("08:30", "09:01", false)).is("CalendarChanged");
    assert_eq!(world.calendar().outside(world.now).len(), 1);
    world.hold("bob", "09:30").is("OutsideOpenings");
    world.hold("bob", "10:00").is("Held");
}

#[test]
fn lanes_of_the_practice_are_beside_the_others() {
    let mut world = World::new();
    world.change(Change { overflow_lanes: Some(1), ..Change::default() });
    world.hold("ana", "09:00").is("Held");
    world.by = By::Practice;
    world.hold_for("bob", "visit", "09:00", 1).is("SlotTaken");
    assert_eq!(world.calendar().free_overflow(at("09:00"), at("09:15")), Some(1));
    world.book("eve", "10:00");
    world.offer("over", "eve", "09:00", true).is("Held");
    assert_eq!(world.calendar().free_overflow(at("09:00"), at("09:15")), None);
}

#[test]
fn an_offer_moves_an_appointment_when_it_is_accepted() {
    for to in [0, 1] {
        let mut world = World::new();
        world.change(Change { change_until_minutes: Some(600), ..Change::default() });
        world.book("ana", "09:00");
        world.here = to;
        world.offer("a", "ana", "11:00", false).is("Held");
        // It is no hold of hers, and one in each calendar is enough.
        world.hold("ana/2", "15:00").is("Held");
        world.offer("ab", "ana", "11:15", false).is("nothing");
        world.hold("bob", "11:00").is("SlotTaken");
        world.by = By::Person("eve".parse().unwrap());
        world.accept("a", "ana", to).is("NotYours");
        world.by = By::Person("ana".parse().unwrap());
        world.accept("a", "bob", to).is("UnknownHold");
        world.accept("a", "ana", to).is("Accepted");
        world.accept("a", "ana", to).is("nothing");
        assert_eq!(world.span("ana").map(|span| span.start), Some(at("11:00")));
        world.by = By::Unsaid;
        world.here = 0;
        world.hold("kim", "09:00").is("Held");
    }
}

#[test]
fn an_offer_is_accepted_until_it_begins() {
    for (late_ms, told) in [(0, "Accepted"), (1, "InThePast")] {
        let mut world = World::new();
        world.book("ana", "15:00");
        world.wait_until("10:50");
        world.offer("a", "ana", "11:00", false).is("Held");
        world.wait_until("11:00");
        world.wait_ms(late_ms);
        world.accept("a", "ana", 0).is(told);
    }
}

#[test]
fn an_offer_that_nobody_takes_leaves_everything() {
    let mut world = World::new();
    world.book("ana", "09:00");
    world.offer("a", "ana", "11:00", false).is("Held");
    let hold = HoldId::from_bits(501);
    let (by, hold_ms, renewals) = (By::Unsaid, HOLD_MS, 1);
    world.tell(&Command::Renew { hold, by: by.clone(), hold_ms, renewals }).is("RenewalsSpent");
    world.tell(&Command::Confirm { hold, by }).is("IsOffer");
    world.wait_ms(HOLD_MS);
    world.accept("a", "ana", 0).is("HoldExpired");
    world.expire().is("Expired");
    world.accept("a", "ana", 0).is("HoldExpired");
    assert_eq!(world.span("ana").map(|span| span.start), Some(at("09:00")));

    world.offer("ab", "ana", "11:00", false).is("Held");
    world.cancel("ana").is("Cancelled");
    world.accept("ab", "ana", 0).is("NotChangeable");
}
