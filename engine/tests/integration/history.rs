//! What many clients are told at the same time has a legal order.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use creneau::audit::history::{
    Call, Ends, History, Lanes, NEVER, Outcome, Place, Refusal, Verdict, What,
};
use creneau::storage::memory;
use creneau::*;

/// Clients that want the same slot.
const CLIENTS: u64 = 200;

struct Monday;

impl WallClock for Monday {
    fn now(&self) -> Timestamp {
        "2027-01-04T07:00:00+01:00".parse().unwrap()
    }
}

#[derive(Clone)]
struct Recorder {
    engine: Engine,
    clock: Arc<AtomicU64>,
    calls: Arc<Mutex<Vec<Call>>>,
}

impl Recorder {
    fn tick(&self) -> u64 {
        self.clock.fetch_add(1, Ordering::SeqCst)
    }

    fn note(&self, person: u64, asked: u64, what: What, outcome: Outcome) {
        let told = self.tick();
        self.calls.lock().unwrap().push(Call { person, asked, told, what, outcome });
    }

    async fn hold(&self, person: u64, place: Place) -> Option<HoldId> {
        let reason = "check-up".parse().unwrap();
        let who = format!("p{person}").parse().unwrap();
        let (calendar, start) = (place.calendar, place.start);
        let wanted = HoldSlot {
            calendar,
            start,
            reason,
            person: who,
            details: Details::default(),
            by: By::Unsaid,
            overflow: false,
            dose: None,
            command: None,
        };
        let asked = self.tick();
        let told = self.engine.hold(wanted).await.unwrap();
        let outcome = match &told {
            Ok(told) => {
                let ends = Ends { from: NEVER - 1, by: NEVER };
                Outcome::Held { hold: told.value.id, fresh: told.fresh, ends }
            }
            Err(Rejection::SlotTaken { .. }) => Outcome::Refused(Refusal::SlotTaken),
            Err(other) => panic!("{other}"),
        };
        self.note(person, asked, What::Hold(place), outcome);
        told.ok().map(|told| told.value.id)
    }

    async fn release(&self, person: u64, hold: HoldId) {
        let asked = self.tick();
        self.engine.release(OfHold { hold, by: By::Unsaid, command: None }).await.unwrap().unwrap();
        self.note(person, asked, What::Release(hold), Outcome::Released);
    }

    async fn confirm(&self, person: u64, hold: HoldId, place: Place) {
        let asked = self.tick();
        let told = self
            .engine
            .confirm(OfHold { hold, by: By::Unsaid, command: None })
            .await
            .unwrap()
            .unwrap();
        let place = Place { lane: Some(told.value.lane), ..place };
        let outcome = Outcome::Appointment { place, cancelled: false, fresh: told.fresh };
        self.note(person, asked, What::Confirm(hold), outcome);
    }
}

/// Everyone holds, and whoever wins gives the slot back at once; only every seventh keeps it.
async fn surge(lanes: u16) -> (History, Verdict) {
    let random = Arc::new(SystemRandom::default());
    let environment = Environment { wall: Arc::new(Monday), random };
    let config = Config::in_memory();
    let engine = Engine::open_with(config, memory::fresh(), environment).await.unwrap();
    let mut definition = Definition::weekdays("Practice", "Europe/Paris");
    definition.lanes = lanes;
    definition.reasons = vec![Reason::new("check-up".parse().unwrap(), "Check-up", 15)];
    let calendar = engine.create_calendar(definition, None).await.unwrap().unwrap().value.id;
    let recorder = Recorder { engine, clock: Arc::default(), calls: Arc::default() };
    for round in 0..6 {
        let first: Timestamp = "2027-01-05T09:00:00+01:00".parse().unwrap();
        let clients: Vec<_> = (0..CLIENTS)
            .map(|number| {
                let (recorder, person) = (recorder.clone(), round * CLIENTS + number);
                // Neighbours overlap: every third client wants the time five minutes later.
                let late = i64::from(number % 3 == 0) * 5;
                let start = first.plus_minutes(i64::try_from(round).unwrap() * 30 + late);
                let until = start.plus_minutes(15);
                let place = Place { calendar, lane: None, start, until };
                tokio::spawn(async move {
                    let Some(hold) = recorder.hold(person, place).await else { return };
                    if person % 7 == 0 {
                        recorder.confirm(person, hold, place).await;
                    } else {
                        recorder.release(person, hold).await;
                    }
                })
            })
            .collect();
        for client in clients {
            client.await.unwrap();
        }
    }
    let calls = std::mem::take(&mut *recorder.calls.lock().unwrap());
    let history = History { calls, lanes: BTreeMap::from([(calendar, Lanes::always(lanes))]) };
    let verdict = history.check();
    (history, verdict)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_hundred_clients_of_one_slot_have_an_order() {
    for lanes in [1, 3] {
        let (mut history, verdict) = surge(lanes).await;
        assert!(verdict.is_legal(), "{lanes} lanes: {verdict:#?}");
        assert_eq!(verdict.groups, 6, "{verdict:?}");
        assert!(0 < verdict.refusals && 6 <= verdict.lives, "{verdict:?}");
        // The check sees when one of the refused had been told that the slot is theirs.
        let booked = history.calls.iter().find_map(|call| match call.outcome {
            Outcome::Appointment { place, .. } => Some(place),
            _ => None,
        });
        let Some(place) = booked.filter(|_| lanes == 1) else { continue };
        let (asked, hold) = (10_000_000, HoldId::from_bits(1));
        let outcome =
            Outcome::Held { hold, fresh: true, ends: Ends { from: NEVER - 1, by: NEVER } };
        let what = What::Hold(Place { lane: None, ..place });
        history.calls.push(Call { person: NEVER, asked, told: asked + 1, what, outcome });
        assert!(!history.check().is_legal());
    }
}
