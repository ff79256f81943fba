//! Calendars that fall asleep, wake, change, fail and stand still while they are asked.

use std::sync::Arc;

use super::check;
use super::world::{World, at, crossing, definition, go, reason};
use crate::booking::Rejection;
use crate::{Change, ChangeCalendar, Config, Error, FindSlots, ListCalendars};

/// A calendar is put to sleep, twice, while a confirm and a hold arrive.
async fn retires() {
    let world = World::usual().await;
    let hold = world.held("ann", crossing(0)).await;
    let sleep = go(&world, async |world| {
        world.retire(0).await;
        world.retire(0).await;
    });
    let ann = go(&world, async move |world| world.confirm(hold).await);
    let ben = go(&world, async |world| world.hold("ben", at("09:00")).await);
    assert_eq!(ann.await.unwrap(), Ok(Ok(())));
    assert!(ben.await.unwrap().unwrap().is_ok());
    sleep.await.unwrap();
    assert_eq!(
        world.release(hold).await,
        Ok(Err(Rejection::HoldConfirmed { appointment: hold.into() }))
    );
    world.settled().await;
}

#[test]
fn shuttle_a_command_meets_a_calendar_that_retires() {
    check(retires);
}

/// Who finds a calendar listed is told of its slots, also in the instant of its creation.
async fn creates() {
    let world = World::open(Config::in_memory(), 0).await;
    let create = go(&world, async |world| world.engine.create_calendar(definition(), None).await);
    let found = go(&world, async |world| {
        for _ in 0..20 {
            let asked = ListCalendars { limit: 1, ..ListCalendars::default() };
            let (found, _) = world.engine.calendars(asked).await?.unwrap();
            if let Some(found) = found.first() {
                let (from, until) = (at("09:00"), at("10:00"));
                let (calendar, reason) = (found.id, reason());
                let asked =
                    FindSlots { calendar, reason, from, until, limit: 100, practice: false };
                return Ok(world.engine.find_slots(asked).await?.unwrap().slots.len());
            }
            shuttle::future::yield_now().await;
        }
        Ok::<_, Error>(0)
    });
    create.await.unwrap().unwrap().unwrap();
    let found = found.await.unwrap();
    assert!(found.is_ok(), "{found:?}");
    world.settled().await;
}

#[test]
fn shuttle_what_is_listed_is_there() {
    check(creates);
}

/// Two callers wake a calendar at once, while a third one looks at it.
async fn wakes() {
    let world = World::usual().await;
    world.quiet().await;
    world.retire(0).await;
    assert_eq!(world.engine.metrics().calendars_awake, 0);
    let ann = go(&world, async |world| world.hold("ann", crossing(0)).await);
    let ben = go(&world, async |world| world.hold("ben", at("09:00")).await);
    let list = go(&world, async |world| world.listed(0).await);
    assert!(ann.await.unwrap().unwrap().is_ok() && ben.await.unwrap().unwrap().is_ok());
    list.await.unwrap().unwrap();
    assert_eq!(world.engine.metrics().calendars_awake, 1, "two actors for one calendar");
    world.settled().await;
}

#[test]
fn shuttle_two_callers_wake_one_calendar() {
    check(wakes);
}

/// The calendar gets a second lane, and so another slot table, while two persons claim a slot of
/// the old one.
async fn changes() {
    let world = World::usual().await;
    let change = go(&world, async |world| {
        let change = Change { lanes: Some(2), ..Change::default() };
        let calendar = world.calendars[0];
        let asked = ChangeCalendar { calendar, change, version: None, command: None };
        world.engine.change_calendar(asked).await.map(|changed| changed.map(|_| ()))
    });
    let ann = go(&world, async |world| world.hold("ann", crossing(0)).await);
    let ben = go(&world, async |world| world.hold("ben", crossing(0)).await);
    assert_eq!(change.await.unwrap(), Ok(Ok(())));
    let (ann, ben) = (ann.await.unwrap().unwrap(), ben.await.unwrap().unwrap());
    assert!(ann.is_ok() || ben.is_ok(), "{ann:?} {ben:?}");
    // By now there is room for whoever was refused.
    for (who, told) in [("ann", ann), ("ben", ben)] {
        if told.is_err() {
            world.held(who, crossing(0)).await;
        }
    }
    world.settled().await;
}

#[test]
fn shuttle_a_change_meets_claims_of_the_old_table() {
    check(changes);
}

/// Two appointments change their calendars in opposite directions, each to where the other one was.
async fn moves() {
    let world = World::open(Config::in_memory(), 2).await;
    let mut booked = Vec::new();
    for (calendar, who) in [(0, "ann"), (1, "ben")] {
        let hold = world.hold_at(calendar, who, crossing(0)).await.unwrap().unwrap().value.id;
        world.confirm(hold).await.unwrap().unwrap();
        booked.push(hold);
    }
    let (ann, ben) = (booked[0], booked[1]);
    let ann = go(&world, async move |world| world.moved(ann, crossing(1), 1).await);
    let ben = go(&world, async move |world| world.moved(ben, crossing(-3), 0).await);
    let cid = go(&world, async |world| world.hold("cid", crossing(0)).await);
    let (ann, ben) = (ann.await.unwrap().unwrap(), ben.await.unwrap().unwrap());
    // Hers overlaps where his is, until he has moved.
    assert!(matches!(ann, Ok(()) | Err(Rejection::SlotTaken { .. })), "{ann:?}");
    assert_eq!(ben, Ok(()));
    cid.await.unwrap().unwrap().ok();
    world.settled().await;
}

#[test]
fn shuttle_moves_in_opposite_directions() {
    check(moves);
}

/// Two want the same two calendars, each with the other's as a part, and a third moves to one of
/// them: one of the two may have both, and nobody waits for ever.
async fn parts() {
    let world = World::open(Config::in_memory(), 2).await;
    let hold = world.hold_at(1, "cid", crossing(-6)).await.unwrap().unwrap().value.id;
    world.confirm(hold).await.unwrap().unwrap();
    let ann = go(&world, async |world| world.hold_with(&[0, 1], "ann", crossing(0)).await);
    let ben = go(&world, async |world| {
        let held = world.hold_with(&[1, 0], "ben", crossing(1)).await?;
        match held {
            Ok(held) => world.confirm(held.value.id).await,
            Err(rejection) => Ok(Err(rejection)),
        }
    });
    let cid = go(&world, async move |world| world.moved(hold, crossing(2), 0).await);
    let ann = ann.await.unwrap().unwrap().map(|_| ());
    let (ben, cid) = (ben.await.unwrap().unwrap(), cid.await.unwrap().unwrap());
    for told in [&ann, &ben, &cid] {
        let taken = matches!(told, Err(Rejection::SlotTaken { .. } | Rejection::PartTaken { .. }));
        assert!(told.is_ok() || taken, "{told:?}");
    }
    assert!([&ann, &ben, &cid].iter().filter(|told| told.is_ok()).count() <= 1, "they overlap");
    world.settled().await;
}

#[test]
fn shuttle_bookings_with_parts_meet() {
    check(parts);
}

/// An appointment moves by one step, and so keeps some of its bits, while others want them.
async fn moves_a_little() {
    let world = World::usual().await;
    let hold = world.held("ann", crossing(0)).await;
    world.confirm(hold).await.unwrap().unwrap();
    let ann = go(&world, async move |world| world.moved(hold, crossing(1), 0).await);
    let ben = go(&world, async |world| world.hold("ben", crossing(-2)).await);
    let cid = go(&world, async |world| world.hold("cid", crossing(2)).await);
    assert_eq!(ann.await.unwrap(), Ok(Ok(())));
    ben.await.unwrap().unwrap().ok();
    let cid = cid.await.unwrap().unwrap();
    assert!(matches!(cid, Err(Rejection::SlotTaken { .. })), "{cid:?}");
    world.settled().await;
}

#[test]
fn shuttle_a_move_by_a_little_keeps_what_it_keeps() {
    check(moves_a_little);
}

/// A calendar fails while it is asked, and is rebuilt from what is durable.
async fn fails() {
    let world = World::usual().await;
    let hold = world.held("ann", crossing(0)).await;
    let fault = go(&world, async |world| world.engine.plant_failure(world.calendars[0]).await);
    let ann = go(&world, async move |world| world.confirm(hold).await);
    let ben = go(&world, async |world| world.hold("ben", at("09:00")).await);
    let fair = |error: &Error| matches!(error, Error::OutcomeUnknown);
    assert!(fault.await.unwrap().as_ref().is_err_and(fair));
    match ann.await.unwrap() {
        Ok(told) => assert_eq!(told, Ok(())),
        Err(error) => assert!(fair(&error), "{error:?}"),
    }
    match ben.await.unwrap() {
        Ok(told) => assert!(told.is_ok(), "{told:?}"),
        Err(error) => assert!(fair(&error), "{error:?}"),
    }
    world.settled().await;
}

#[test]
fn shuttle_a_calendar_fails_while_it_is_asked() {
    check(fails);
}

/// A crash at any moment while a calendar's state is kept and rows are written behind: what was
/// acknowledged by then is there and goes on.
async fn crashes() {
    let world = World::usual().await;
    let first = world.held("ann", crossing(0)).await;
    let keep = go(&world, async |world| {
        let (shared, directory) = world.engine.parts();
        let entry = directory.entry(world.calendars[0]);
        directory.checkpoint(&entry);
        crate::runtime::flush(shared, directory, (0, 0)).await.unwrap();
        directory.checkpoint(&entry);
        crate::runtime::flush(shared, directory, (0, 0)).await.unwrap();
    });
    let ann = go(&world, async move |world| world.confirm(first).await);
    let ben = go(&world, async |world| world.hold("ben", at("09:00")).await);
    let crash = go(&world, async |world| {
        let heard = world.heard.lock().unwrap().clone();
        (heard, world.disk.copied())
    });
    keep.await.unwrap();
    assert_eq!(ann.await.unwrap(), Ok(Ok(())));
    assert!(ben.await.unwrap().unwrap().is_ok());
    for (heard, disk) in [crash.await.unwrap(), (vec![first], world.disk.copied())] {
        let after = world.reopened(disk).await;
        for hold in &heard {
            assert_eq!(after.confirm(*hold).await, Ok(Ok(())), "after a crash");
        }
        World { heard: Arc::new(heard.into()), ..after }.settled().await;
    }
    world.settled().await;
}

#[test]
fn shuttle_a_crash_while_state_is_kept() {
    check(crashes);
}
