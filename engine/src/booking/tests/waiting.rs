//! Waiting lists: what has come free is offered in the order in which people came, one at a time,
//! and nobody loses what they have.

use super::super::{By, Change, Command, Standing, WeeklyHours, Wish};
use super::world::{HOLD_MS, Told, World, at};
use super::{daily, definition, intervals};
use crate::ids::{AppointmentId, HoldId, PersonId, ReasonId, WishId};
use crate::limits::{WISH_OFFERS_MAX, WISHES_MAX};
use crate::time::Timestamp;

const MONTH: &str = "01-31 00:00";

impl World {
    fn wish_of(&self, who: &str, until: &str) -> Wish {
        let person = PersonId::new(who.split('/').next().unwrap()).unwrap();
        let id = who.bytes().fold(0, |id, byte| id * 256 + u128::from(byte));
        Wish {
            id: WishId::from_bits(id),
            person,
            booked_by: None,
            reason: ReasonId::new("visit").unwrap(),
            standing: None,
            by_video: false,
            when: None,
            from: self.now,
            until: at(until),
            instead_of: None,
            answer_ms: self.answer_ms,
        }
    }

    fn wish(&mut self, who: &str, change: impl FnOnce(&mut Wish)) -> Told {
        let mut wish = self.wish_of(who, MONTH);
        change(&mut wish);
        self.tell(&Command::Wish(Box::new(wish)))
    }

    /// Waits for something before the appointment that they have.
    fn wish_earlier(&mut self, who: &str) -> Told {
        let appointment = AppointmentId::from(self.id(who));
        self.wish(who, |wish| wish.instead_of = Some(appointment))
    }

    /// When what is offered to somebody starts.
    fn offered(&self, who: &str) -> Option<Timestamp> {
        self.span(&format!("{who}!")).map(|span| span.start)
    }

    fn waiting(&self) -> Vec<String> {
        self.calendar().wishes().iter().map(|it| it.wish.person.to_string()).collect()
    }
}

/// A day on which everything is booked.
fn full_morning() -> World {
    let mut world = World::of(definition("09:00-10:00"));
    for (who, when) in [("a", "09:00"), ("b", "09:15"), ("c", "09:30"), ("d", "09:45")] {
        world.book(who, when);
    }
    world
}

#[test]
fn what_comes_free_is_offered_in_the_order_of_the_list() {
    let mut world = full_morning();
    world.wish("ana", |_| {}).is("Wished");
    world.wish("bob", |_| {}).is("Wished");
    world.wish("ana", |_| {}).is("nothing");
    world.cancel("b").is("Cancelled");
    assert_eq!((world.offered("ana"), world.offered("bob")), (Some(at("09:15")), None));
    // It is hers while she may answer, and another slot is the next one's.
    world.hold("eve", "09:15").is("SlotTaken");
    world.cancel("c").is("Cancelled");
    assert_eq!(world.offered("bob"), Some(at("09:30")));
    world.confirm("ana!").is("Confirmed");
    assert_eq!(world.waiting(), ["bob"]);
    world.release("bob!").is("Released");
    // Nobody else wants it: it is free for all.
    world.hold("eve", "09:30").is("Held");
    assert_eq!(world.waiting(), ["bob"]);
}

#[test]
fn who_does_not_answer_is_passed_over_and_keeps_what_they_have() {
    let mut world = full_morning();
    world.wish_earlier("d").is("Wished");
    world.wish_earlier("c").is("Wished");
    world.cancel("a").is("Cancelled");
    assert_eq!(world.offered("d"), Some(at("09:00")));
    world.wait_ms(HOLD_MS);
    world.expire().is("Expired");
    assert_eq!(world.span("d").map(|span| span.start), Some(at("09:45")));
    assert_eq!((world.offered("d"), world.offered("c")), (None, Some(at("09:00"))));
    // What she leaves in one step is offered in its turn: to who let the other one go by.
    world.accept_hold(world.id("c!"), "c", 0).is("Accepted");
    assert_eq!(world.span("c").map(|span| span.start), Some(at("09:00")));
    assert_eq!(world.offered("d"), Some(at("09:30")));
    world.accept_hold(world.id("d!"), "d", 0).is("Accepted");
    assert_eq!(world.waiting(), Vec::<String>::new());
    world.hold("eve", "09:45").is("Held");
}

#[test]
fn people_are_passed_over_by_rules() {
    let mut world = full_morning();
    world.wait_until("01-04 07:30");
    let early = |wish: &mut Wish| wish.when = Some(daily("08:00-09:15"));
    let tuesday = |wish: &mut Wish| {
        let mut when = WeeklyHours::default();
        when.days[1] = intervals("00:00-24:00");
        wish.when = Some(when);
    };
    let later = |wish: &mut Wish| wish.from = at("01-05 00:00");
    let slow = |wish: &mut Wish| wish.answer_ms = 6 * 60 * 60_000;
    world.wish("early", early).is("Wished");
    world.wish("tuesday", tuesday).is("Wished");
    world.wish("later", later).is("Wished");
    world.wish("slow", slow).is("Wished");
    // Who has a hold is busy, and who is there at that time cannot come twice.
    world.wish("busy", |_| {}).is("Wished");
    world.hold("busy", "01-05 09:00").is("Held");
    world.wish("c", |_| {}).is("Wished");
    world.wish("last", |_| {}).is("Wished");
    world.change(Change { lanes: Some(2), ..Change::default() }).is("CalendarChanged");
    let offered = |world: &World| {
        let all = ["early", "tuesday", "later", "slow", "busy", "c", "last"];
        all.map(|who| world.offered(who).map(|start| start.to_string()))
    };
    let starts = |all: [&str; 7]| all.map(|when| (!when.is_empty()).then(|| at(when).to_string()));
    assert_eq!(
        offered(&world),
        starts(["09:00", "01-05 09:00", "01-05 09:15", "01-05 09:30", "", "09:15", "09:30"]),
    );
}

#[test]
fn hours_that_are_added_are_offered() {
    let mut world = full_morning();
    world.wish("ana", |_| {}).is("Wished");
    world.wish_earlier("d").is("Wished");
    world.change(Change { weekly_hours: Some(daily("08:30-10:30")), ..Change::default() });
    assert_eq!(world.offered("ana"), Some(at("08:30")));
    assert_eq!(world.offered("d"), Some(at("08:45")));
}

#[test]
fn who_lets_too_many_go_by_waits_no_more() {
    let mut world = full_morning();
    world.wish("ana", |_| {}).is("Wished");
    for who in ["a", "b", "c"].iter().take(WISH_OFFERS_MAX) {
        assert_eq!(world.waiting(), ["ana"]);
        world.cancel(who).is("Cancelled");
        world.release("ana!").is("Released");
    }
    assert_eq!(world.waiting(), Vec::<String>::new());
}

#[test]
fn a_list_has_an_end() {
    let mut world = full_morning();
    for number in 0..3 {
        let reason = ["visit", "long", "odd"][number];
        world.wish(&format!("ana/{number}"), |it| it.reason = reason.parse().unwrap()).is("Wished");
    }
    world.wish("ana/4", |it| it.when = Some(daily("09:00-10:00"))).is("TooManyWishes");
    for number in 3..WISHES_MAX {
        world.wish(&format!("p{number}"), |_| {}).is("Wished");
    }
    world.wish("bob", |_| {}).is("ListFull");
    world.by = By::Person("bob".parse().unwrap());
    let withdraw = |world: &World, who: &str| Command::Withdraw {
        wish: world.wish_of(who, MONTH).id,
        by: world.by.clone(),
    };
    world.tell(&withdraw(&world, "p3")).is("NotYours");
    world.by = By::Unsaid;
    world.tell(&withdraw(&world, "p3")).is("Withdrawn");
    world.tell(&withdraw(&world, "p3")).is("UnknownWish");
    world.wish("bob", |it| it.until = world_end()).is("Wished");
    // What is over goes by itself, with whatever happens next.
    world.wait_until("01-31 00:00");
    world.tell(&withdraw(&world, "p4")).is("UnknownWish");
    world.hold("eve", "02-01 09:00").is("Held");
    assert_eq!(world.waiting(), ["bob"]);
}

fn world_end() -> Timestamp {
    at("02-28 00:00")
}

#[test]
fn a_wish_is_for_something_that_can_be() {
    let mut world = full_morning();
    world.wish("ana", |wish| wish.reason = "none".parse().unwrap()).is("UnknownReason");
    world.wish("ana", |wish| wish.until = wish.from).is("Invalid");
    let not_hers = AppointmentId::from(world.id("b"));
    world.wish("ana", |wish| wish.instead_of = Some(not_hers)).is("UnknownAppointment");
    world.cancel("b").is("Cancelled");
    world.wish("b", |wish| wish.instead_of = Some(not_hers)).is("NotChangeable");
    let elsewhere = AppointmentId::from(HoldId::from_bits(77));
    world.wish("b", |wish| wish.instead_of = Some(elsewhere)).is("Wished");
    let mut first = world.calendar().schedule().definition().reasons.clone();
    first[0].rules.patients = Some(Standing::New);
    world.change(Change { reasons: Some(first), ..Change::default() });
    world.wish("kim", |_| {}).is("PatientsOnly");
    world.wish("kim", |wish| wish.standing = Some(Standing::New)).is("Wished");
    // Her wish stays, and so does its rule: nobody offers her what she cannot have.
    world.cancel("c").is("Cancelled");
    assert_eq!((world.offered("b"), world.offered("kim")), (None, Some(at("09:30"))));
}
