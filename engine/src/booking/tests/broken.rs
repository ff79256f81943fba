//! What no command brings about is seen by the invariants when events bring it about.
//!
//! Two bookings in one lane are not tried: `apply` itself stops at them where assertions are on.

use super::super::{Booking, Event, Guard, Mark, invariants};
use super::world::{World, at};
use crate::ids::HoldId;

/// What the invariants say after these events, in a calendar in which ana holds 09:00.
fn said(world: &World, events: &[Event]) -> String {
    let mut calendar = world.calendar().clone();
    events.iter().for_each(|event| calendar.apply(event));
    invariants::check(&calendar).err().unwrap_or_default()
}

#[test]
fn what_is_broken_is_said() {
    let mut world = World::new();
    let held = world.hold("ana", "09:00").0.unwrap().remove(0);
    let Event::Held { booking, deadline, guards, .. } = &held else { panic!("{held:?}") };
    let (at_once, booking, deadline) = (world.now, booking.clone(), *deadline);
    let held_too = |guards: &[Guard], change: &dyn Fn(&mut Booking)| {
        let mut booking = booking.clone();
        booking.id = HoldId::from_bits(7);
        (booking.span.start, booking.span.end) = (at("10:00"), at("10:15"));
        booking.span.occupied_until = at("10:15");
        change(&mut booking);
        vec![Event::Held { at: at_once, booking, deadline, guards: guards.to_vec() }]
    };
    assert_eq!(said(&world, &[]), "");
    assert_eq!(said(&world, &held_too(&[], &|_| ())), "");

    let empty = held_too(&[], &|it| it.span.end = it.span.start);
    assert!(said(&world, &empty).ends_with("ends before it starts"));
    let freed_early = held_too(&[], &|it| it.span.occupied_until = at("10:14"));
    assert!(said(&world, &freed_early).ends_with("ends before it starts"));

    let kind = |kind: &str| [Guard { kind: kind.into(), ..Guard::per_calendar() }];
    assert!(said(&world, &held_too(guards, &|_| ())).ends_with("has two live holds of a kind"));
    assert_eq!(said(&world, &held_too(&kind("other"), &|_| ())), "");
    let bobs = held_too(guards, &|it| it.person = "bob".parse().unwrap());
    assert_eq!(said(&world, &bobs), "");

    let booking = || booking.clone();
    let marked =
        Event::Marked { at: at_once, booking: booking(), mark: Mark::Arrived, before: None };
    assert!(said(&world, &[marked]).ends_with("is a hold, and marked"));
    let released =
        Event::Released { at: at_once, booking: booking(), deadline, guards: Vec::new() };
    assert_eq!(said(&world, std::slice::from_ref(&released)), "");
    assert!(said(&world, &[released, held.clone()]).ends_with("is live and has ended"));
}
