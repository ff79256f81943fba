//! Waiting lists through the whole engine, and through a restart.

use std::sync::Arc;
use std::time::Duration;

use creneau::storage::memory::{self, MemoryJournal, MemoryStore};
use creneau::*;

struct Monday;

impl WallClock for Monday {
    fn now(&self) -> Timestamp {
        at("07:00")
    }
}

#[derive(Clone, Default)]
struct Disk {
    journal: MemoryJournal,
    store: MemoryStore,
}

impl Disk {
    async fn open(&self) -> Engine {
        let storage = memory::reopened(&self.journal, &self.store);
        let random = Arc::new(SystemRandom::default());
        let environment = Environment { wall: Arc::new(Monday), random };
        Engine::open_with(Config::in_memory(), storage, environment).await.unwrap()
    }
}

fn at(time: &str) -> Timestamp {
    format!("2027-01-04T{time}:00+01:00").parse().unwrap()
}

async fn practice(engine: &Engine) -> CalendarId {
    let mut definition = Definition::weekdays("Practice", "Europe/Paris");
    definition.reasons = vec![Reason::new("visit".parse().unwrap(), "Visit", 15)];
    engine.create_calendar(definition, None).await.unwrap().unwrap().value.id
}

async fn held(
    engine: &Engine,
    calendar: CalendarId,
    start: &str,
    who: &str,
) -> Result<Hold, Rejection> {
    let (reason, person) = ("visit".parse().unwrap(), who.parse().unwrap());
    let (details, by, start) = (Details::default(), By::Unsaid, at(start));
    let command = None;
    let asked = HoldSlot {
        calendar,
        start,
        reason,
        person,
        details,
        by,
        overflow: false,
        dose: None,
        command,
    };
    engine.hold(asked).await.unwrap().map(|held| held.value)
}

fn of(hold: HoldId) -> OfHold {
    OfHold { hold, by: By::Unsaid, command: None }
}

async fn booked(engine: &Engine, calendar: CalendarId, start: &str, who: &str) -> AppointmentId {
    let hold = held(engine, calendar, start, who).await.unwrap();
    engine.confirm(of(hold.id)).await.unwrap().unwrap().value.id
}

async fn cancelled(engine: &Engine, appointment: AppointmentId) {
    let asked = OfAppointment { appointment, by: By::Unsaid, command: None };
    engine.cancel(asked).await.unwrap().unwrap();
}

fn wish(calendars: &[CalendarId], who: &str, instead_of: Option<AppointmentId>) -> AskWish {
    AskWish {
        calendars: calendars.to_vec(),
        place: None,
        reason: "visit".parse().unwrap(),
        person: who.parse().unwrap(),
        booked_by: None,
        standing: None,
        by_video: false,
        when: None,
        from: None,
        until: None,
        instead_of,
    }
}

async fn waits(engine: &Engine, asked: AskWish) -> Outcome<WishInfo> {
    engine.wish(asked).await.unwrap().unwrap()
}

/// How a wish stands on each list, and when what is offered there starts.
async fn stands(engine: &Engine, wish: WishId) -> Vec<(WishStatus, Option<Timestamp>)> {
    let info = engine.wish_info(wish).await.unwrap().unwrap();
    info.lists.iter().map(|on| (on.status, on.offer.as_ref().map(|it| it.start))).collect()
}

async fn offer(engine: &Engine, wish: WishId) -> HoldId {
    let info = engine.wish_info(wish).await.unwrap().unwrap();
    info.lists.into_iter().find_map(|on| on.offer).unwrap().id
}

#[tokio::test(start_paused = true)]
async fn a_freed_slot_goes_down_the_list_and_then_to_all() {
    let disk = Disk::default();
    let engine = disk.open().await;
    let calendar = practice(&engine).await;
    let eve = booked(&engine, calendar, "10:00", "eve").await;
    let later = booked(&engine, calendar, "16:00", "ana").await;
    let ana = waits(&engine, wish(&[calendar], "ana", Some(later))).await;
    let bob = waits(&engine, wish(&[calendar], "bob", None)).await;
    assert!(ana.fresh && bob.fresh);
    let again = waits(&engine, wish(&[calendar], "ana", Some(later))).await;
    assert_eq!((again.fresh, again.value), (false, ana.value.clone()));
    let (ana, bob) = (ana.value.id, bob.value.id);
    assert_eq!(engine.waiting(calendar).await.unwrap().unwrap().len(), 2);

    cancelled(&engine, eve).await;
    let ten = Some(at("10:00"));
    assert_eq!(stands(&engine, ana).await, [(WishStatus::Waiting, ten)]);
    let taken = held(&engine, calendar, "10:00", "kim").await;
    assert!(matches!(taken, Err(Rejection::SlotTaken { .. })), "{taken:?}");
    engine.shutdown().await.unwrap();

    let engine = disk.open().await;
    tokio::time::sleep(Duration::from_secs(30 * 60 + 1)).await;
    assert_eq!(stands(&engine, ana).await, [(WishStatus::Waiting, None)]);
    assert_eq!(stands(&engine, bob).await, [(WishStatus::Waiting, ten)]);
    assert_eq!(engine.appointment(later).await.unwrap().unwrap().start, at("16:00"));
    engine.release(of(offer(&engine, bob).await)).await.unwrap().unwrap();
    // Both have let it go by.
    let kim = held(&engine, calendar, "10:00", "kim").await.unwrap();
    engine.release(of(kim.id)).await.unwrap().unwrap();

    let eve = booked(&engine, calendar, "11:00", "eve").await;
    cancelled(&engine, eve).await;
    let moved = engine.accept(of(offer(&engine, ana).await)).await.unwrap().unwrap().value;
    assert_eq!((moved.id, moved.start), (later, at("11:00")));
    assert_eq!(stands(&engine, ana).await, [(WishStatus::Granted(later), None)]);
    // What she has left is his.
    assert_eq!(stands(&engine, bob).await, [(WishStatus::Waiting, Some(at("16:00")))]);
    let his = engine.confirm(of(offer(&engine, bob).await)).await.unwrap().unwrap().value;
    assert_eq!(stands(&engine, bob).await, [(WishStatus::Granted(his.id), None)]);
    assert!(engine.waiting(calendar).await.unwrap().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_wish_on_two_lists_is_granted_once() {
    let engine = Disk::default().open().await;
    let (here, there) = (practice(&engine).await, practice(&engine).await);
    let eve = booked(&engine, here, "10:00", "eve").await;
    let kim = booked(&engine, there, "11:00", "kim").await;
    let ana = waits(&engine, wish(&[here, there], "ana", None)).await.value.id;
    cancelled(&engine, kim).await;
    let bob = waits(&engine, wish(&[here], "bob", None)).await.value.id;
    engine.accept(of(offer(&engine, ana).await)).await.unwrap().unwrap();
    let statuses: Vec<_> =
        stands(&engine, ana).await.into_iter().map(|(status, _)| status).collect();
    assert!(statuses.contains(&WishStatus::Withdrawn), "{statuses:?}");
    cancelled(&engine, eve).await;
    assert_eq!(stands(&engine, bob).await, [(WishStatus::Waiting, Some(at("10:00")))]);
    let (wish, by) = (bob, By::Person("eve".parse().unwrap()));
    let theirs = engine.withdraw(OfWish { wish, by }).await.unwrap();
    assert_eq!(theirs, Err(Rejection::NotYours));
    for _ in 0..2 {
        engine.withdraw(OfWish { wish, by: By::Unsaid }).await.unwrap().unwrap();
    }
    // What was offered can still be had.
    engine.confirm(of(offer(&engine, bob).await)).await.unwrap().unwrap();
    let all = engine.wishes_of(&"bob".parse().unwrap()).await.unwrap().unwrap();
    assert_eq!(all.len(), 1);
}

/// Two calendars, and ana, who waits on both for something before what she has in the second; after
/// her in the first bob. And what eve has there.
async fn ana_waits(engine: &Engine) -> (AppointmentId, AppointmentId, WishId, WishId) {
    let (here, there) = (practice(engine).await, practice(engine).await);
    let eve = booked(engine, here, "10:00", "eve").await;
    let hers = booked(engine, there, "16:00", "ana").await;
    let ana = waits(engine, wish(&[here, there], "ana", Some(hers))).await.value.id;
    let bob = waits(engine, wish(&[here], "bob", None)).await.value.id;
    (eve, hers, ana, bob)
}

async fn statuses(engine: &Engine, wish: WishId) -> Vec<WishStatus> {
    stands(engine, wish).await.into_iter().map(|(status, _)| status).collect()
}

#[tokio::test(start_paused = true)]
async fn what_is_cancelled_is_waited_with_on_no_list() {
    let engine = Disk::default().open().await;
    let (eve, hers, ana, bob) = ana_waits(&engine).await;
    cancelled(&engine, hers).await;
    let all = statuses(&engine, ana).await;
    assert!(all.contains(&WishStatus::Over) && all.contains(&WishStatus::Withdrawn), "{all:?}");
    cancelled(&engine, eve).await;
    assert_eq!(stands(&engine, bob).await, [(WishStatus::Waiting, Some(at("10:00")))]);
}

/// Who cancels hangs up before the lists of other calendars are told.
#[tokio::test(start_paused = true)]
async fn who_is_on_a_list_for_nothing_can_withdraw() {
    let engine = Disk::default().open().await;
    let (eve, hers, ana, bob) = ana_waits(&engine).await;
    let asked = OfAppointment { appointment: hers, by: By::Unsaid, command: None };
    let mut cancel = Box::pin(engine.cancel(asked));
    while engine.appointment(hers).await.unwrap().unwrap().status == AppointmentStatus::Booked {
        tokio::select! {
            biased;
            told = &mut cancel => panic!("{told:?}"),
            () = tokio::task::yield_now() => {}
        }
    }
    drop(cancel);
    assert_eq!(statuses(&engine, ana).await, [WishStatus::Over, WishStatus::Over]);
    engine.withdraw(OfWish { wish: ana, by: By::Unsaid }).await.unwrap().unwrap();
    cancelled(&engine, eve).await;
    assert_eq!(stands(&engine, bob).await, [(WishStatus::Waiting, Some(at("10:00")))]);
}

/// Two calendars, each of which offers something to ana, who waits in both; and the offers.
async fn two_offers(engine: &Engine, instead: bool) -> ([CalendarId; 2], WishId, [HoldId; 2]) {
    let calendars = [practice(engine).await, practice(engine).await];
    let eve = booked(engine, calendars[0], "10:00", "eve").await;
    let kim = booked(engine, calendars[1], "11:00", "kim").await;
    let present = match instead {
        true => Some(booked(engine, practice(engine).await, "16:00", "ana").await),
        false => None,
    };
    let ana = waits(engine, wish(&calendars, "ana", present)).await.value.id;
    cancelled(engine, eve).await;
    cancelled(engine, kim).await;
    let info = engine.wish_info(ana).await.unwrap().unwrap();
    let on = |calendar| info.lists.iter().find(|on| on.calendar == calendar).unwrap();
    let offers = calendars.map(|calendar| on(calendar).offer.as_ref().unwrap().id);
    (calendars, ana, offers)
}

async fn appointments(engine: &Engine, who: &str) -> usize {
    let asked = ListAppointments { person: who.parse().unwrap(), cursor: None, limit: 100 };
    let all = engine.appointments(asked).await.unwrap().unwrap().appointments;
    all.iter().filter(|it| it.status == AppointmentStatus::Booked).count()
}

#[tokio::test(start_paused = true)]
async fn of_two_offers_of_a_wish_one_is_accepted() {
    for instead in [false, true] {
        let disk = Disk::default();
        let engine = disk.open().await;
        let (calendars, ana, [first, second]) = two_offers(&engine, instead).await;
        let bob = waits(&engine, wish(&calendars[1..], "bob", None)).await.value.id;
        let hers = engine.accept(of(first)).await.unwrap().unwrap().value;
        assert_eq!((hers.calendar, hers.start), (calendars[0], at("10:00")));
        // What she has no use for any more is the next one's at once.
        assert_eq!(stands(&engine, bob).await, [(WishStatus::Waiting, Some(at("11:00")))]);
        for engine in [engine.clone(), disk.open().await] {
            assert_eq!(engine.accept(of(second)).await.unwrap(), Err(Rejection::HoldReleased));
            assert_eq!(engine.confirm(of(second)).await.unwrap(), Err(Rejection::HoldReleased));
            let again = engine.accept(of(first)).await.unwrap().unwrap();
            assert_eq!((again.fresh, &again.value), (false, &hers));
            let all = statuses(&engine, ana).await;
            assert!(all.contains(&WishStatus::Granted(hers.id)), "{all:?}");
            assert!(all.contains(&WishStatus::Withdrawn), "{all:?}");
            assert_eq!(appointments(&engine, "ana").await, 1);
            if engine.status().replayed == 0 {
                engine.shutdown().await.unwrap();
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_offers_of_a_wish_are_accepted_at_once_and_one_is() {
    for round in 0..20 {
        let engine = Disk::default().open().await;
        let (_, ana, [first, second]) = two_offers(&engine, round % 2 == 0).await;
        let (one, other) = match round < 10 {
            true => tokio::join!(engine.accept(of(first)), engine.accept(of(second))),
            false => {
                let accept = |hold| {
                    let engine = engine.clone();
                    tokio::spawn(async move { engine.accept(of(hold)).await })
                };
                let (one, other) = (accept(first), accept(second));
                (one.await.unwrap(), other.await.unwrap())
            }
        };
        let told = [one.unwrap(), other.unwrap()];
        let refused = told.iter().filter(|it| **it == Err(Rejection::HoldReleased)).count();
        assert_eq!((refused, told.iter().flatten().count()), (1, 1), "{told:?}");
        assert_eq!(appointments(&engine, "ana").await, 1);
        let all = statuses(&engine, ana).await;
        let granted = |it: &&WishStatus| matches!(it, WishStatus::Granted(_));
        assert_eq!(all.iter().filter(granted).count(), 1, "{all:?}");
    }
}

/// The engine is lost once an offer is accepted, before the other calendar is told.
#[tokio::test(start_paused = true)]
async fn a_crash_leaves_no_offer_of_a_granted_wish_to_accept() {
    for ask_again in [false, true] {
        let disk = Disk::default();
        let engine = disk.open().await;
        let (calendars, ana, [first, second]) = two_offers(&engine, false).await;
        let mut accept = Box::pin(engine.accept(of(first)));
        while engine.appointment(HoldId::into(first)).await.unwrap().is_err() {
            tokio::select! {
                biased;
                told = &mut accept => panic!("{told:?}"),
                () = tokio::task::yield_now() => {}
            }
        }
        drop(accept);
        assert_eq!(engine.hold_info(second).await.unwrap().unwrap().status, HoldStatus::Held);
        drop(engine);

        let engine = disk.open().await;
        assert_eq!(engine.hold_info(second).await.unwrap().unwrap().status, HoldStatus::Held);
        let all = statuses(&engine, ana).await;
        assert!(all.contains(&WishStatus::Withdrawn), "{all:?}");
        if ask_again {
            // What the crash has left is in the way of no new wish.
            let anew = waits(&engine, wish(&calendars, "ana", None)).await;
            assert!(anew.fresh && anew.value.id != ana && anew.value.lists.len() == 2);
        }
        assert_eq!(engine.accept(of(second)).await.unwrap(), Err(Rejection::HoldReleased));
        assert_eq!(appointments(&engine, "ana").await, 1);
        if !ask_again {
            held(&engine, calendars[1], "11:00", "bob").await.unwrap();
        }
    }
}
