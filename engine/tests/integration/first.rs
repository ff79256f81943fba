//! The first free slot of several calendars.

use creneau::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_asks_twenty_times_at_once_has_one_hold() {
    let engine = Engine::open(Config::in_memory()).await.unwrap();
    let reason: ReasonId = "check-up".parse().unwrap();
    let mut calendars = Vec::new();
    for _ in 0..4 {
        let mut definition = Definition::weekdays("Practice", "Europe/Paris");
        definition.reasons = vec![Reason::new(reason.clone(), "Check-up", 15)];
        let made = engine.create_calendar(definition, None).await.unwrap().unwrap();
        calendars.push(made.value.id);
    }
    for round in 0..20 {
        let person: PersonId = format!("p-{round}").parse().unwrap();
        let asks: Vec<_> = (0..20)
            .map(|_| {
                let engine = engine.clone();
                let (calendars, reason) = (calendars.clone(), reason.clone());
                let (place, from, command, person) = (None, None, None, person.clone());
                let (details, by) = (Details::default(), By::Unsaid);
                let asked = HoldFirst {
                    calendars,
                    place,
                    reason,
                    from,
                    person,
                    details,
                    by,
                    dose: None,
                    command,
                };
                tokio::spawn(async move { engine.hold_first(asked).await.unwrap().unwrap() })
            })
            .collect();
        let mut held = Vec::new();
        for ask in asks {
            held.push(ask.await.unwrap());
        }
        assert!(held.iter().all(|hold| hold.value.id == held[0].value.id), "{held:?}");
        assert_eq!(held.iter().filter(|hold| hold.fresh).count(), 1);
    }
}

struct Monday;

impl WallClock for Monday {
    fn now(&self) -> Timestamp {
        at("2027-01-04", "07:00")
    }
}

fn at(date: &str, time: &str) -> Timestamp {
    format!("{date}T{time}:00+01:00").parse().unwrap()
}

async fn monday() -> Engine {
    let (journal, store) = Default::default();
    let storage = storage::memory::reopened(&journal, &store);
    let random = std::sync::Arc::new(SystemRandom::default());
    let environment = Environment { wall: std::sync::Arc::new(Monday), random };
    Engine::open_with(Config::in_memory(), storage, environment).await.unwrap()
}

async fn practice(engine: &Engine, change: impl Fn(&mut Definition)) -> CalendarId {
    let mut definition = Definition::weekdays("Practice", "Europe/Paris");
    definition.reasons = vec![Reason::new("visit".parse().unwrap(), "Visit", 15)];
    change(&mut definition);
    engine.create_calendar(definition, None).await.unwrap().unwrap().value.id
}

fn first(calendars: &[CalendarId], person: &str, with: &[CalendarId]) -> HoldFirst {
    let joined = Joined::whole(with.iter().copied().map(Part::on).collect());
    HoldFirst {
        calendars: calendars.to_vec(),
        place: None,
        reason: "visit".parse().unwrap(),
        from: None,
        person: person.parse().unwrap(),
        details: Details { joined, ..Details::default() },
        by: By::Unsaid,
        dose: None,
        command: None,
    }
}

async fn held(engine: &Engine, asked: HoldFirst) -> Result<(CalendarId, Timestamp), Rejection> {
    let told = engine.hold_first(asked).await.unwrap();
    told.map(|held| (held.value.calendar, held.value.start))
}

#[tokio::test(start_paused = true)]
async fn what_one_calendar_keeps_from_a_person_another_may_have() {
    let engine = monday().await;
    let few = practice(&engine, |it| {
        it.reasons[0].rules.per_day = Some(1);
        it.horizon_days = 2;
    })
    .await;
    let here = &[few];
    let days = ["2027-01-04", "2027-01-05", "2027-01-06"];
    for (person, day) in ["ana", "bob", "kim"].into_iter().zip(days) {
        assert_eq!(held(&engine, first(here, person, &[])).await, Ok((few, at(day, "09:00"))));
    }
    let full = Err(Rejection::DayFull { per_day: 1 });
    assert_eq!(held(&engine, first(here, "eve", &[])).await, full);

    // Its first slot is earlier, and is none for her.
    let known = practice(&engine, |it| it.reasons[0].rules.patients = Some(Standing::Known)).await;
    let later = practice(&engine, |_| {}).await;
    let blocked = first(&[later], "ada", &[]);
    assert_eq!(held(&engine, blocked).await, Ok((later, at(days[0], "09:00"))));
    let asked = first(&[few, known, later], "eve", &[]);
    assert_eq!(held(&engine, asked).await, Ok((later, at(days[0], "09:15"))));
    let refused = held(&engine, first(&[few, known], "joe", &[])).await;
    assert!(
        matches!(refused, Err(Rejection::DayFull { .. } | Rejection::PatientsOnly { .. })),
        "{refused:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn who_let_a_slot_expire_too_often_has_the_next() {
    let engine = monday().await;
    let again = practice(&engine, |it| it.agenda.holds_again = Some(0)).await;
    let here = &[again];
    let nine = Ok((again, at("2027-01-04", "09:00")));
    assert_eq!(held(&engine, first(here, "ana", &[])).await, nine);
    tokio::time::sleep(std::time::Duration::from_secs(15 * 60 + 1)).await;
    let next = Ok((again, at("2027-01-04", "09:05")));
    assert_eq!(held(&engine, first(here, "ana", &[])).await, next);
    // Who let nothing expire is kept from nothing, but what she holds.
    let (.., start) = held(&engine, first(here, "bob", &[])).await.unwrap();
    assert_eq!(start, at("2027-01-04", "09:20"));
}

#[tokio::test(start_paused = true)]
async fn the_first_slot_has_its_room_too() {
    let engine = monday().await;
    let (one, other) = (practice(&engine, |_| {}).await, practice(&engine, |_| {}).await);
    let room = practice(&engine, |_| {}).await;
    let day = "2027-01-04";
    let (calendars, with) = (&[one, other], &[room]);
    // One room is enough for one of two practitioners at a time.
    for (person, time) in [("ana", "09:00"), ("bob", "09:15"), ("kim", "09:30")] {
        let found = held(&engine, first(calendars, person, with)).await.unwrap();
        assert_eq!(found.1, at(day, time), "{person}");
    }
    // Who needs no room has what is left of the first.
    let (_, start) = held(&engine, first(calendars, "eve", &[])).await.unwrap();
    assert_eq!(start, at(day, "09:00"));
    // A room is nothing to be looked in.
    let asked = first(&[one, other, room], "joe", with);
    let (calendar, start) = held(&engine, asked).await.unwrap();
    assert!(calendar != room && start == at(day, "09:45"), "{calendar} {start}");
    let told = held(&engine, first(with, "pat", with)).await;
    assert!(matches!(&told, Err(Rejection::Invalid { field, .. }) if field == "with"), "{told:?}");
    let told = held(&engine, first(calendars, "pat", &[CalendarId::from_bits(7)])).await;
    assert_eq!(told, Err(Rejection::UnknownCalendar));
}

#[tokio::test(start_paused = true)]
async fn a_room_that_many_want_at_once_is_given_out_once() {
    let engine = monday().await;
    let (one, other) = (practice(&engine, |_| {}).await, practice(&engine, |_| {}).await);
    let room = practice(&engine, |_| {}).await;
    let asks: Vec<_> = (0..8)
        .map(|number| {
            let asked = first(&[one, other], &format!("p-{number}"), &[room]);
            let engine = engine.clone();
            tokio::spawn(async move { held(&engine, asked).await.unwrap().1 })
        })
        .collect();
    let mut starts = Vec::new();
    for ask in asks {
        starts.push(ask.await.unwrap());
    }
    starts.sort_unstable();
    starts.dedup();
    assert_eq!(starts.len(), 8, "{starts:?}");
}
