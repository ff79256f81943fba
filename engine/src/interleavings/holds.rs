//! Holds, from the claim to their end.

use super::check;
use super::world::{A_SECOND, World, at, crossing, go};
use crate::booking::Rejection;
use crate::booking::{By, Details};
use crate::time::held;
use crate::{CommandKey, Config, Error, Event, HoldSlot};

/// The slot crosses into the next word, the other one overlaps it there or here.
async fn hand_over() {
    let world = World::usual().await;
    let ann = go(&world, async |world| world.hold("ann", crossing(0)).await);
    let ben = go(&world, async |world| world.hold("ben", crossing(-1)).await);
    let list = go(&world, async |world| world.listed(0).await);
    let (ann, ben) = (ann.await.unwrap().unwrap(), ben.await.unwrap().unwrap());
    assert!(ann.is_ok() != ben.is_ok(), "{ann:?} {ben:?}");
    let lost = if ann.is_ok() { ben } else { ann };
    assert!(matches!(lost, Err(Rejection::SlotTaken { .. })), "{lost:?}");
    list.await.unwrap().unwrap();
    world.settled().await;
}

#[test]
fn shuttle_one_reservation_is_handed_over() {
    check(hand_over);
}

/// Ann has a hold already, so what she claims is given back; Cid hangs up at some moment.
async fn drops() {
    let world = World::usual().await;
    world.held("ann", at("09:00")).await;
    let ann = go(&world, async |world| world.hold("ann", crossing(0)).await);
    let ben = go(&world, async |world| world.hold("ben", crossing(1)).await);
    let cid = go(&world, async |world| world.hold("cid", crossing(2)).await);
    shuttle::future::yield_now().await;
    cid.abort();
    let ann = ann.await.unwrap().unwrap();
    assert!(
        matches!(ann, Err(Rejection::PersonHasHold { .. } | Rejection::SlotTaken { .. })),
        "{ann:?}"
    );
    let ben = ben.await.unwrap().unwrap();
    assert!(matches!(ben, Ok(_) | Err(Rejection::SlotTaken { .. })), "{ben:?}");
    let _ = cid.await;
    world.settled().await;
}

#[test]
fn shuttle_what_is_dropped_leaves_nothing() {
    check(drops);
}

/// The deadline passes while the hold is confirmed and somebody else wants its slot.
async fn deadline() {
    // Time may jump while something is written, which is no hang here.
    let (hold, write_timeout) = (A_SECOND, 600 * A_SECOND);
    let world = World::open(Config { hold, write_timeout, ..Config::in_memory() }, 1).await;
    let hold = world.held("ann", crossing(0)).await;
    let ann = go(&world, async move |world| world.confirm(hold).await);
    let ben = go(&world, async |world| world.hold("ben", crossing(0)).await);
    let time = go(&world, async |_| held::advance(A_SECOND));
    let (ann, ben) = (ann.await.unwrap().unwrap(), ben.await.unwrap().unwrap());
    time.await.unwrap();
    match (&ann, &ben) {
        (Ok(()), Err(Rejection::SlotTaken { .. })) => {}
        (Err(Rejection::HoldExpired), Ok(_) | Err(Rejection::SlotTaken { .. })) => {}
        other => panic!("{other:?}"),
    }
    if let Err(Rejection::HoldExpired) = ann {
        let ended = |event: &Event| matches!(event, Event::Expired { .. });
        assert!(world.disk.events().iter().any(ended), "an end was told that is not durable");
    }
    world.settled().await;
}

#[test]
fn shuttle_a_hold_is_confirmed_or_expires() {
    check(deadline);
}

/// A person gives a hold back and asks twice for another one: they never have two.
async fn guards() {
    let world = World::usual().await;
    let hold = world.held("ann", crossing(0)).await;
    let gives = go(&world, async move |world| world.release(hold).await);
    let asks = [crossing(1), at("09:00")]
        .map(|start| go(&world, async move |world| world.hold("ann", start).await));
    assert_eq!(gives.await.unwrap(), Ok(Ok(())));
    for asked in asks {
        match asked.await.unwrap() {
            Ok(Ok(_) | Err(Rejection::PersonHasHold { .. } | Rejection::SlotTaken { .. })) => {}
            Err(Error::Overloaded { .. }) => {}
            other => panic!("{other:?}"),
        }
    }
    world.settled().await;
}

#[test]
fn shuttle_a_guard_goes_from_hold_to_hold() {
    check(guards);
}

/// Of an appointment that is cancelled the slot is free at once, also where another one asks.
async fn cancelled() {
    let world = World::usual().await;
    let hold = world.held("ann", crossing(0)).await;
    world.confirm(hold).await.unwrap().unwrap();
    let ann = go(&world, async move |world| {
        world.cancel(hold).await.unwrap().unwrap();
        world.hold("ann", crossing(1)).await
    });
    let ben = go(&world, async |world| world.hold("ben", crossing(0)).await);
    let (ann, ben) = (ann.await.unwrap().unwrap(), ben.await.unwrap().unwrap());
    assert!(ann.is_ok() || ben.is_ok(), "the slot is free, and nobody gets it: {ann:?} {ben:?}");
    assert!(ann.is_err() || ben.is_err(), "both got it");
    world.settled().await;
}

#[test]
fn shuttle_a_cancelled_slot_is_free_once() {
    check(cancelled);
}

/// No guard says whose hold is in the way, so the calendar answers both: what it says rests on an
/// entry that may still be on its way.
async fn refusals() {
    let world = World::open(Config { guards: Vec::new(), ..Config::in_memory() }, 1).await;
    let one = go(&world, async |world| world.hold("ann", crossing(0)).await);
    let two = go(&world, async |world| world.hold("ann", crossing(0)).await);
    let (one, two) = (one.await.unwrap().unwrap(), two.await.unwrap().unwrap());
    // Their claims may meet, and then the calendar says that the slot is taken or theirs.
    let held = one.as_ref().or(two.as_ref()).expect("one of two gets the slot").value.id;
    for told in [&one, &two] {
        assert!(told.as_ref().map_or(true, |told| told.value.id == held), "{one:?} {two:?}");
    }
    let confirm = go(&world, async move |world| {
        let told = world.confirm(held).await.unwrap();
        (told, world.disk.events())
    });
    let release = go(&world, async move |world| {
        let told = world.release(held).await.unwrap();
        (told, world.disk.events())
    });
    let ((confirmed, seen), (released, seen_too)) =
        (confirm.await.unwrap(), release.await.unwrap());
    assert!(confirmed.is_ok() != released.is_ok(), "{confirmed:?} {released:?}");
    let is_end = |event: &Event| match event {
        Event::Confirmed { .. } => confirmed.is_ok(),
        Event::Released { .. } => released.is_ok(),
        _ => false,
    };
    let durable = |seen: &[Event]| seen.iter().any(is_end);
    assert!(durable(&seen) && durable(&seen_too), "it was told before it was durable");
    world.settled().await;
}

#[test]
fn shuttle_refusals_wait_for_what_they_rest_on() {
    check(refusals);
}

/// A command is repeated under its name while it is under way, and once with another content.
async fn names() {
    let world = World::usual().await;
    let named = |start| {
        let key = CommandKey { caller: "app".parse().unwrap(), id: "one".parse().unwrap() };
        let (reason, person) = (super::world::reason(), "ann".parse().unwrap());
        let calendar = world.calendars[0];
        HoldSlot {
            calendar,
            start,
            reason,
            person,
            details: Details::default(),
            by: By::Unsaid,
            overflow: false,
            dose: None,
            command: Some(key),
        }
    };
    let starts = [crossing(0), crossing(0), at("09:00")];
    let asked = starts.map(|start| {
        let asked = named(start);
        go(&world, async move |world| world.engine.hold(asked).await)
    });
    let mut told = Vec::new();
    for (answer, start) in asked.into_iter().zip(starts) {
        let answer = answer.await.unwrap();
        let held = answer.iter().flatten().next();
        assert!(held.is_none_or(|held| held.value.start == start), "another one's outcome");
        told.push(answer);
    }
    let held: Vec<_> = told.iter().flatten().flatten().map(|held| held.value.id).collect();
    assert!(!held.is_empty() && held.iter().all(|one| *one == held[0]), "{told:?}");
    for answer in &told {
        let known = matches!(
            answer,
            Ok(Ok(_) | Err(Rejection::CommandReused)) | Err(Error::Overloaded { .. })
        );
        assert!(known, "{told:?}");
    }
    world.settled().await;
}

#[test]
fn shuttle_a_named_command_has_one_outcome() {
    check(names);
}
