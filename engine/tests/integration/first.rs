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
