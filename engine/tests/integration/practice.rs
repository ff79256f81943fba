//! Offers, overflow and delays through the whole engine, and through a restart.

use std::sync::Arc;

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

fn hold(calendar: CalendarId, start: &str, who: &str, overflow: bool) -> HoldSlot {
    let (reason, person) = ("visit".parse().unwrap(), who.parse().unwrap());
    let (details, start) = (Details::default(), at(start));
    let by = if overflow { By::Practice } else { By::Unsaid };
    HoldSlot { calendar, start, reason, person, details, by, overflow, dose: None, command: None }
}

async fn practice(engine: &Engine) -> CalendarId {
    let mut definition = Definition::weekdays("Practice", "Europe/Paris");
    definition.reasons = vec![Reason::new("visit".parse().unwrap(), "Visit", 15)];
    definition.agenda.overflow_lanes = 1;
    engine.create_calendar(definition, None).await.unwrap().unwrap().value.id
}

fn of(hold: HoldId) -> OfHold {
    OfHold { hold, by: By::Unsaid, command: None }
}

async fn booked(engine: &Engine, wanted: HoldSlot) -> Appointment {
    let held = engine.hold(wanted).await.unwrap().unwrap().value;
    engine.confirm(of(held.id)).await.unwrap().unwrap().value
}

async fn offered(engine: &Engine, calendar: CalendarId, start: &str, to: AppointmentId) -> Hold {
    let to = OfferTo::Appointment(to);
    let offer = OfferSlot { calendar, start: at(start), to, answer_ms: 60_000, command: None };
    engine.offer(offer).await.unwrap().unwrap().value
}

#[tokio::test(start_paused = true)]
async fn an_offer_is_taken_in_one_step() {
    let disk = Disk::default();
    let engine = disk.open().await;
    let (here, there) = (practice(&engine).await, practice(&engine).await);
    for to in [here, there] {
        let ana = booked(&engine, hold(here, "10:00", "ana", false)).await;
        let offer = offered(&engine, to, "11:00", ana.id).await;
        assert_eq!(
            (offer.renewals_left, offer.expires_at),
            (0, Some(engine.now().plus_ms(60_000)))
        );
        let taken = engine.hold(hold(to, "11:00", "bob", false)).await.unwrap();
        assert!(matches!(taken, Err(Rejection::SlotTaken { .. })), "{taken:?}");
        let moved = engine.accept(of(offer.id)).await.unwrap().unwrap();
        assert!(moved.fresh);
        assert_eq!((moved.value.calendar, moved.value.start), (to, at("11:00")));
        assert_eq!(engine.appointment(ana.id).await.unwrap().unwrap(), moved.value);
        let spent = engine.hold_info(offer.id).await.unwrap().unwrap();
        assert_eq!(spent.appointment, Some(ana.id));
        // The slot that it has left is free, and the one that it has come to is not.
        booked(&engine, hold(here, "10:00", "bob", false)).await;
        let taken = engine.hold(hold(to, "11:00", "kim", false)).await.unwrap();
        assert!(matches!(taken, Err(Rejection::SlotTaken { .. })), "{taken:?}");
        for appointment in engine
            .appointments(ListAppointments {
                person: "bob".parse().unwrap(),
                cursor: None,
                limit: 10,
            })
            .await
            .unwrap()
            .unwrap()
            .appointments
        {
            let cancel =
                OfAppointment { appointment: appointment.id, by: By::Practice, command: None };
            engine.cancel(cancel).await.unwrap().unwrap();
        }
        let cancel = OfAppointment { appointment: ana.id, by: By::Unsaid, command: None };
        engine.cancel(cancel).await.unwrap().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_practice_says_outlives_a_restart() {
    let disk = Disk::default();
    let engine = disk.open().await;
    let calendar = practice(&engine).await;
    let ana = booked(&engine, hold(calendar, "10:00", "ana", false)).await;
    let over = booked(&engine, hold(calendar, "10:00", "bob", true)).await;
    assert_eq!((ana.lane, over.lane), (0, 1));
    let third = engine.hold(hold(calendar, "10:00", "eve", true)).await.unwrap();
    assert!(matches!(third, Err(Rejection::SlotTaken { .. })), "{third:?}");
    let late = DelayCalendar { calendar, minutes: 20, command: None };
    engine.delay(late).await.unwrap().unwrap();
    let (appointment, mark) = (over.id, Mark::Arrived);
    let mark = MarkAppointment { appointment, mark, command: None };
    engine.mark(mark).await.unwrap().unwrap();
    let held = engine.hold(hold(calendar, "12:00", "kim", false)).await.unwrap().unwrap().value;
    let renewed = engine.renew(of(held.id)).await.unwrap().unwrap().value;
    let offer = offered(&engine, calendar, "11:00", ana.id).await;
    engine.shutdown().await.unwrap();

    let engine = disk.open().await;
    let seen = engine.appointment(ana.id).await.unwrap().unwrap();
    assert_eq!(seen.late_minutes, Some(20));
    let seen = engine.appointment(over.id).await.unwrap().unwrap();
    assert_eq!((seen.status, seen.lane), (AppointmentStatus::Arrived, 1));
    assert_eq!(engine.hold_info(held.id).await.unwrap().unwrap(), renewed);
    let spent = engine.renew(of(held.id)).await.unwrap();
    assert_eq!(spent, Err(Rejection::RenewalsSpent));
    let moved = engine.accept(of(offer.id)).await.unwrap().unwrap().value;
    assert_eq!((moved.id, moved.start), (ana.id, at("11:00")));
}
