//! What an engine counts, after a story of which everything is known.

use std::sync::Arc;
use std::time::Duration;

use creneau::storage::memory::{self, MemoryJournal, MemoryStore};
use creneau::*;

/// A Monday morning in Paris, at such an hour.
struct Monday(&'static str);

impl WallClock for Monday {
    fn now(&self) -> Timestamp {
        format!("2027-01-04T{}:00:00+01:00", self.0).parse().unwrap()
    }
}

async fn open(
    journal: &MemoryJournal,
    store: &MemoryStore,
    config: Config,
    hour: &'static str,
) -> Engine {
    let environment =
        Environment { wall: Arc::new(Monday(hour)), random: Arc::new(SystemRandom::default()) };
    Engine::open_with(config, memory::reopened(journal, store), environment).await.unwrap()
}

async fn practice(engine: &Engine) -> CalendarId {
    let mut definition = Definition::weekdays("Practice", "Europe/Paris");
    definition.reasons = vec![Reason::new("check-up".parse().unwrap(), "Check-up", 15)];
    engine.create_calendar(definition, None).await.unwrap().unwrap().value.id
}

async fn hold(engine: &Engine, calendar: CalendarId, time: &str, who: &str) -> Answer<HoldId> {
    let start = format!("2027-01-05T{time}:00+01:00").parse().unwrap();
    let (reason, person) = ("check-up".parse().unwrap(), who.parse().unwrap());
    let asked = HoldSlot {
        calendar,
        start,
        reason,
        person,
        details: Details::default(),
        by: By::Unsaid,
        overflow: false,
        dose: None,
        command: None,
    };
    Ok(engine.hold(asked).await?.map(|held| held.value.id))
}

fn counted(list: &[Counted], name: &str) -> u64 {
    list.iter().find(|counted| counted.name == name).unwrap().count
}

fn refused(metrics: &Metrics) -> Vec<(&'static str, &'static str, u64)> {
    let some = metrics.refusals.iter().filter(|refused| refused.count != 0);
    some.map(|refused| (refused.command, refused.reason, refused.count)).collect()
}

#[tokio::test(start_paused = true)]
async fn a_story_is_counted() {
    let (journal, store) = (MemoryJournal::default(), MemoryStore::default());
    let engine = open(&journal, &store, Config::in_memory(), "07").await;
    let calendar = practice(&engine).await;
    let ana = hold(&engine, calendar, "09:00", "ana").await.unwrap().unwrap();
    hold(&engine, calendar, "09:00", "bob").await.unwrap().unwrap_err();
    hold(&engine, calendar, "10:00", "ana").await.unwrap().unwrap_err();
    let bob = hold(&engine, calendar, "10:00", "bob").await.unwrap().unwrap();
    hold(&engine, calendar, "11:00", "eve").await.unwrap().unwrap();
    let command = CommandKey { caller: "test".parse().unwrap(), id: "one".parse().unwrap() };
    let confirm = OfHold { hold: ana, by: By::Unsaid, command: Some(command) };
    for _ in 0..3 {
        engine.confirm(confirm.clone()).await.unwrap().unwrap();
    }
    engine.release(OfHold { hold: bob, by: By::Unsaid, command: None }).await.unwrap().unwrap();
    let cancel = OfAppointment { appointment: ana.into(), by: By::Unsaid, command: None };
    engine.cancel(cancel.clone()).await.unwrap().unwrap();
    engine.cancel(cancel).await.unwrap().unwrap();

    let metrics = engine.metrics();
    let happened = |name| counted(&metrics.happened, name);
    let names = ["calendar_created", "held", "confirmed", "released", "cancelled", "expired"];
    assert_eq!(names.map(happened), [1, 3, 1, 1, 1, 0]);
    assert_eq!(refused(&metrics), [("hold", "slot_taken", 1), ("hold", "person_has_hold", 1)]);
    assert_eq!(metrics.repeats, 2);
    assert_eq!(metrics.holds_live, 1, "eve's");
    assert_eq!((metrics.calendars, metrics.calendars_awake), (1, 1));
    assert_eq!((metrics.submitted, metrics.watermark), (7, 7));
    assert_eq!((metrics.under_way, metrics.writing_for), (0, Duration::ZERO));
    // One at a time: each entry was a commit of its own.
    assert_eq!((metrics.commit_entries.count(), metrics.commit_entries.sum), (7, 7.0));
    assert_eq!(metrics.write_seconds.count(), 7);
    assert!(7 <= metrics.answer_seconds.count());

    // Nobody asks: eve's hold ends, the calendar falls asleep, all is kept.
    tokio::time::sleep(Duration::from_secs(30 * 60)).await;
    let metrics = engine.metrics();
    assert_eq!(counted(&metrics.happened, "expired"), 1);
    assert_eq!((metrics.holds_live, metrics.calendars_awake), (0, 0));
    assert_eq!((metrics.kept, metrics.behind), (8, 0));
    hold(&engine, calendar, "12:00", "eve").await.unwrap().unwrap();
    engine.shutdown().await.unwrap();

    // What was counted is gone with the process; what is, is known to the next one.
    let metrics = open(&journal, &store, Config::in_memory(), "08").await.metrics();
    assert_eq!((metrics.holds_live, metrics.calendars, metrics.kept), (1, 1, 9));
    assert_eq!(counted(&metrics.happened, "held"), 0);
}

#[tokio::test]
async fn what_was_full_and_what_failed_is_counted() {
    let config = Config { calendar_holds_max: 1, ..Config::in_memory() };
    let engine = open(&MemoryJournal::default(), &MemoryStore::default(), config, "07").await;
    let calendar = practice(&engine).await;
    let starts = ["09:00", "10:00", "11:00"].map(|start| hold(&engine, calendar, start, start));
    let [first, second, third] = starts;
    let (first, second, third) = tokio::join!(first, second, third);
    assert!(first.is_ok());
    let turned_away = [second, third].iter().filter(|answer| answer.is_err()).count();
    let metrics = engine.metrics();
    assert_eq!(counted(&metrics.overloads, "calendar"), u64::try_from(turned_away).unwrap());
    assert_eq!(turned_away, 2);
    assert!(metrics.failures.iter().all(|failure| failure.count == 0));

    for set_apart in [0, 1] {
        engine.plant_failure(calendar).await.unwrap_err();
        // The supervisor takes note of it a moment later.
        while engine.metrics().calendars_awake != 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(engine.metrics().calendars_set_apart, set_apart);
    }
    assert_eq!(hold(&engine, calendar, "14:00", "eve").await, Err(Error::CalendarUnavailable));
    assert_eq!(counted(&engine.metrics().failures, "calendar_unavailable"), 1);
}
