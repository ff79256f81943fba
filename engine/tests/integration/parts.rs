//! Bookings that occupy several calendars through the whole engine, and through restarts.

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

async fn calendar(engine: &Engine) -> CalendarId {
    let mut definition = Definition::weekdays("Calendar", "Europe/Paris");
    definition.reasons = vec![Reason::new("visit".parse().unwrap(), "Visit", 15)];
    engine.create_calendar(definition, None).await.unwrap().unwrap().value.id
}

fn wanted(calendar: CalendarId, start: &str, who: &str, with: &[CalendarId]) -> HoldSlot {
    let parts = with.iter().map(|id| Part::on(*id)).collect();
    HoldSlot {
        calendar,
        start: at(start),
        reason: "visit".parse().unwrap(),
        person: who.parse().unwrap(),
        details: Details { joined: Joined::whole(parts), ..Details::default() },
        by: By::Unsaid,
        overflow: false,
        dose: None,
        command: None,
    }
}

async fn held(engine: &Engine, wanted: HoldSlot) -> Hold {
    engine.hold(wanted).await.unwrap().unwrap().value
}

fn of(hold: HoldId) -> OfHold {
    OfHold { hold, by: By::Unsaid, command: None }
}

/// Which of the calendars are free at `start`.
async fn free(engine: &Engine, calendars: &[CalendarId], start: &str) -> Vec<bool> {
    let mut all = Vec::new();
    for calendar in calendars {
        let (from, reason) = (at(start), "visit".parse().unwrap());
        let until = from.plus_minutes(1);
        let (calendar, practice) = (*calendar, false);
        let asked = FindSlots { calendar, reason, from, until, limit: 1, practice };
        all.push(!engine.find_slots(asked).await.unwrap().unwrap().slots.is_empty());
    }
    all
}

#[tokio::test(start_paused = true)]
async fn all_of_it_or_nothing() {
    let engine = Disk::default().open().await;
    let (doctor, room, device) =
        (calendar(&engine).await, calendar(&engine).await, calendar(&engine).await);
    let all = [doctor, room, device];
    held(&engine, wanted(device, "10:00", "kim", &[])).await;
    for with in [[room, device], [device, room]] {
        let refused = engine.hold(wanted(doctor, "10:00", "ana", &with)).await.unwrap();
        assert_eq!(refused, Err(Rejection::PartTaken { calendar: device }));
        assert_eq!(free(&engine, &all, "10:00").await, [true, true, false]);
    }
    let mut shut = Change::default();
    let noon = Edge::Instant(at("12:00"));
    let absence = Absence { from: noon, until: Edge::Instant(at("13:00")), label: None };
    shut.absences = Some(vec![absence]);
    let change = ChangeCalendar { calendar: room, change: shut, version: None, command: None };
    engine.change_calendar(change).await.unwrap().unwrap();
    let refused = engine.hold(wanted(doctor, "12:15", "ana", &[device, room])).await.unwrap();
    assert_eq!(refused, Err(Rejection::PartClosed { calendar: room }));
    assert_eq!(free(&engine, &all, "12:15").await, [true, false, true]);
    let nowhere = CalendarId::from_bits(7);
    let refused = engine.hold(wanted(doctor, "10:00", "ana", &[nowhere])).await.unwrap();
    assert_eq!(refused, Err(Rejection::UnknownCalendar));
    for with in [&[doctor][..], &[room, room]] {
        let refused = engine.hold(wanted(doctor, "10:00", "ana", with)).await.unwrap();
        assert!(matches!(refused, Err(Rejection::Invalid { .. })), "{refused:?}");
    }
    let (from, until, limit) = (at("09:00"), at("13:30"), 1_000);
    let reason = "visit".parse().unwrap();
    let asked = FindSlots { calendar: doctor, reason, from, until, limit, practice: false };
    let with = [room, device];
    let found = engine.find_slots_with(asked.clone(), &with).await.unwrap().unwrap().slots;
    let all_of_them = engine.find_slots(asked).await.unwrap().unwrap().slots;
    assert!(all_of_them.len() > found.len() && !found.is_empty());
    for slot in all_of_them {
        let mut wanted = wanted(doctor, "09:00", "eve", &with);
        wanted.start = slot.start;
        let held = engine.hold(wanted).await.unwrap();
        assert_eq!(held.is_ok(), found.contains(&slot), "{slot:?}: {held:?}");
        if let Ok(held) = held {
            engine.release(of(held.value.id)).await.unwrap().unwrap();
        }
    }
    // What was refused is in nobody's way.
    held(&engine, wanted(doctor, "10:00", "ana", &[room])).await;
    assert_eq!(free(&engine, &all, "10:00").await, [false, false, false]);
}

#[tokio::test(start_paused = true)]
async fn all_of_it_lives_and_ends_together() {
    let disk = Disk::default();
    let mut engine = disk.open().await;
    let (doctor, other, room) =
        (calendar(&engine).await, calendar(&engine).await, calendar(&engine).await);
    let all = [doctor, other, room];
    let ana = wanted(doctor, "10:00", "ana", &[room]);
    let hold = held(&engine, ana.clone()).await;
    assert_eq!(engine.hold(ana).await.unwrap().unwrap().value.id, hold.id, "her own hold");
    let part = hold.details.parts()[0];
    assert_eq!(part.calendar, room);
    assert_eq!(engine.hold_info(part.id).await.unwrap(), Err(Rejection::UnknownHold));
    assert_eq!(engine.confirm(of(part.id)).await.unwrap(), Err(Rejection::UnknownHold));
    engine.shutdown().await.unwrap();
    engine = disk.open().await;
    let booked = engine.confirm(of(hold.id)).await.unwrap().unwrap().value;
    for (to, start, left, taken) in [
        (None, "11:00", "10:00", [false, true, false]),
        (Some(other), "14:00", "11:00", [true, false, false]),
    ] {
        let (appointment, by, command) = (booked.id, By::Unsaid, None);
        let wanted = MoveAppointment { appointment, start: at(start), calendar: to, by, command };
        engine.move_appointment(wanted).await.unwrap().unwrap();
        drop(engine);
        engine = disk.open().await;
        assert_eq!(free(&engine, &all, left).await, [true, true, true]);
        assert_eq!(free(&engine, &all, start).await, taken);
    }
    let (appointment, by, command) = (booked.id, By::Unsaid, None);
    let to_room =
        MoveAppointment { appointment, start: at("15:00"), calendar: Some(room), by, command };
    let refused = engine.move_appointment(to_room).await.unwrap();
    assert_eq!(refused, Err(Rejection::PartTaken { calendar: room }));
    let asked = ListAppointments { person: "ana".parse().unwrap(), cursor: None, limit: 9 };
    let listed = engine.appointments(asked).await.unwrap().unwrap().appointments;
    assert_eq!(listed.iter().map(|it| it.id).collect::<Vec<_>>(), [booked.id]);
    let cancel = OfAppointment { appointment: booked.id, by: By::Unsaid, command: None };
    engine.cancel(cancel).await.unwrap().unwrap();
    assert_eq!(free(&engine, &all, "14:00").await, [true, true, true]);
}

#[tokio::test(start_paused = true)]
async fn all_of_it_lasts_as_long() {
    let engine = Disk::default().open().await;
    let (doctor, other, room) =
        (calendar(&engine).await, calendar(&engine).await, calendar(&engine).await);
    let all = [doctor, other, room];
    let hold = held(&engine, wanted(doctor, "10:00", "ana", &[room])).await;
    tokio::time::advance(Duration::from_secs(10 * 60)).await;
    engine.renew(of(hold.id)).await.unwrap().unwrap();
    tokio::time::advance(Duration::from_secs(10 * 60)).await;
    assert_eq!(free(&engine, &all, "10:00").await, [false, true, false]);
    tokio::time::advance(Duration::from_secs(10 * 60)).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(free(&engine, &all, "10:00").await, [true, true, true]);
    assert_eq!(engine.confirm(of(hold.id)).await.unwrap(), Err(Rejection::HoldExpired));
}

#[tokio::test(start_paused = true)]
async fn an_offer_has_the_same_parts() {
    let disk = Disk::default();
    let engine = disk.open().await;
    let (doctor, other, room) =
        (calendar(&engine).await, calendar(&engine).await, calendar(&engine).await);
    let all = [doctor, other, room];
    let hold = held(&engine, wanted(doctor, "10:00", "ana", &[room])).await;
    let booked = engine.confirm(of(hold.id)).await.unwrap().unwrap().value;
    held(&engine, wanted(room, "11:00", "kim", &[])).await;
    let offer = |start| OfferSlot {
        calendar: other,
        start: at(start),
        to: OfferTo::Appointment(booked.id),
        answer_ms: 60_000,
        command: None,
    };
    let refused = engine.offer(offer("11:00")).await.unwrap();
    assert_eq!(refused, Err(Rejection::PartTaken { calendar: room }));
    let offer = engine.offer(offer("14:00")).await.unwrap().unwrap().value;
    assert_eq!(free(&engine, &all, "14:00").await, [true, false, false]);
    let moved = engine.accept(of(offer.id)).await.unwrap().unwrap().value;
    assert_eq!((moved.calendar, moved.start), (other, at("14:00")));
    drop(engine);
    let engine = disk.open().await;
    assert_eq!(free(&engine, &all, "10:00").await, [true, true, true]);
    assert_eq!(free(&engine, &all, "14:00").await, [true, false, false]);
}

/// Everyone wants the same calendars, some beside the others and some the other way round: one gets
/// them, and nobody waits for ever.
#[tokio::test(start_paused = true)]
async fn nobody_waits_for_each_other() {
    let engine = Disk::default().open().await;
    let ids = [calendar(&engine).await, calendar(&engine).await, calendar(&engine).await];
    let ways = [[0, 1, 2], [2, 1, 0], [1, 2, 0]];
    let ask = |number: usize| {
        let [main, one, two] = ways[number % 3].map(|place| ids[place]);
        let wanted = wanted(main, "10:00", &format!("p{number}"), &[one, two]);
        let engine = engine.clone();
        tokio::spawn(async move { engine.hold(wanted).await })
    };
    let asked: Vec<_> = (0..60).map(ask).collect();
    let mut won = 0;
    for answer in asked {
        match answer.await.unwrap() {
            Ok(Ok(_)) => won += 1,
            Ok(Err(Rejection::SlotTaken { .. } | Rejection::PartTaken { .. })) => {}
            Err(Error::Overloaded { .. }) => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(won, 1);
    assert_eq!(free(&engine, &ids, "10:00").await, [false, false, false]);
}
