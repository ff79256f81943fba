//! Reviews through the whole engine, and through a restart.

use std::sync::Arc;
use std::time::Duration;

use creneau::storage::memory::{self, MemoryJournal, MemoryStore};
use creneau::*;

/// A Monday, from this time on.
struct Monday(&'static str);

impl WallClock for Monday {
    fn now(&self) -> Timestamp {
        at(self.0)
    }
}

fn at(time: &str) -> Timestamp {
    format!("2027-01-04T{time}:00+01:00").parse().unwrap()
}

#[derive(Clone, Default)]
struct Disk {
    journal: MemoryJournal,
    store: MemoryStore,
}

impl Disk {
    async fn open(&self, time: &'static str) -> Engine {
        let storage = memory::reopened(&self.journal, &self.store);
        let random = Arc::new(SystemRandom::default());
        let environment = Environment { wall: Arc::new(Monday(time)), random };
        Engine::open_with(Config::in_memory(), storage, environment).await.unwrap()
    }
}

async fn practice(engine: &Engine) -> CalendarId {
    let mut definition = Definition::weekdays("Practice", "Europe/Paris");
    definition.reasons = vec![Reason::new("visit".parse().unwrap(), "Visit", 15)];
    engine.create_calendar(definition, None).await.unwrap().unwrap().value.id
}

async fn booked(engine: &Engine, calendar: CalendarId, start: &str, who: &str) -> AppointmentId {
    let asked = HoldSlot {
        calendar,
        start: at(start),
        reason: "visit".parse().unwrap(),
        person: who.parse().unwrap(),
        details: Details { booked_by: Some("mum".parse().unwrap()), ..Details::default() },
        by: By::Unsaid,
        overflow: false,
        dose: None,
        command: None,
    };
    let hold = engine.hold(asked).await.unwrap().unwrap().value.id;
    let asked = OfHold { hold, by: By::Unsaid, command: None };
    engine.confirm(asked).await.unwrap().unwrap().value.id
}

fn named(id: &str) -> Option<CommandKey> {
    Some(CommandKey { caller: "host".parse().unwrap(), id: id.parse().unwrap() })
}

fn said(appointment: AppointmentId, positive: bool, name: &str) -> ReviewAppointment {
    let text = (!name.is_empty()).then(|| name.parse().unwrap());
    let by = By::Person("mum".parse().unwrap());
    ReviewAppointment { appointment, positive, text, by, command: None }
}

async fn fulfilled(engine: &Engine, appointment: AppointmentId) {
    let asked = MarkAppointment { appointment, mark: Mark::Fulfilled, command: None };
    engine.mark(asked).await.unwrap().unwrap();
}

async fn listed(engine: &Engine, calendar: CalendarId) -> Vec<(AppointmentId, bool)> {
    let (mut all, mut cursor) = (Vec::new(), None);
    loop {
        let asked = ListReviews { calendar, cursor, limit: 2 };
        let page = engine.reviews(asked).await.unwrap().unwrap();
        all.extend(page.reviews.iter().map(|it| (it.review.appointment, it.review.positive)));
        cursor = page.next;
        if cursor.is_none() {
            let positive = all.iter().filter(|(_, positive)| *positive).count();
            assert_eq!((page.counted, page.positive), (all.len(), positive));
            return all;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_took_place_is_reviewed_once_by_who_booked_it() {
    let disk = Disk::default();
    let engine = disk.open("07:00").await;
    let calendar = practice(&engine).await;
    let ada = booked(&engine, calendar, "09:00", "ada").await;
    let refused = |asked| async { engine.review(asked).await.unwrap().unwrap_err() };
    assert_eq!(refused(said(ada, true, "")).await, Rejection::NotFulfilled);
    let none = AppointmentId::from_bits(7);
    assert_eq!(refused(said(none, true, "")).await, Rejection::UnknownAppointment);
    tokio::time::advance(Duration::from_secs(3 * 3600)).await;
    fulfilled(&engine, ada).await;
    let stranger = By::Person("ada".parse().unwrap());
    let strange = ReviewAppointment { by: stranger, ..said(ada, true, "") };
    assert_eq!(refused(strange).await, Rejection::NotYours);
    let early = ReplyToReview { appointment: ada, text: "r".parse().unwrap(), command: None };
    assert_eq!(engine.reply_to_review(early).await.unwrap(), Err(Rejection::UnknownReview));

    // Two at the same time: one is there, and the other is told so.
    let twice = tokio::join!(
        engine.review(said(ada, true, "good")),
        engine.review(said(ada, false, "bad"))
    );
    let twice = [twice.0.unwrap(), twice.1.unwrap()];
    assert_eq!(twice.iter().filter(|one| one.is_ok()).count(), 1);
    assert!(twice.contains(&Err(Rejection::AlreadyReviewed)));
    assert_eq!(refused(said(ada, true, "again")).await, Rejection::AlreadyReviewed);
    assert_eq!(listed(&engine, calendar).await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_review_stays_and_the_practice_replies_to_it() {
    let disk = Disk::default();
    let engine = disk.open("07:00").await;
    let calendar = practice(&engine).await;
    let mut expected = Vec::new();
    let times = ["09:00", "09:15", "09:30", "09:45", "10:00"];
    for (number, start) in times.into_iter().enumerate() {
        let appointment = booked(&engine, calendar, start, &format!("p-{number}")).await;
        expected.insert(0, (appointment, number % 2 == 0));
    }
    tokio::time::advance(Duration::from_secs(4 * 3600)).await;
    for (appointment, positive) in expected.iter().rev() {
        fulfilled(&engine, *appointment).await;
        let asked =
            ReviewAppointment { command: named("once"), ..said(*appointment, *positive, "t") };
        let asked = if expected[0].0 == *appointment {
            asked
        } else {
            ReviewAppointment { command: None, ..asked }
        };
        let told = engine.review(asked.clone()).await.unwrap().unwrap().value;
        if asked.command.is_some() {
            // The same command again is the same review.
            assert_eq!(engine.review(asked).await.unwrap().unwrap().value, told);
        }
        tokio::time::advance(Duration::from_millis(5)).await;
    }
    assert_eq!(listed(&engine, calendar).await, expected);
    let appointment = expected[1].0;
    for text in ["first", "better"] {
        let text = text.parse().unwrap();
        let asked = ReplyToReview { appointment, text, command: None };
        engine.reply_to_review(asked).await.unwrap().unwrap();
    }
    let before = engine.review_of(appointment).await.unwrap().unwrap();
    assert_eq!(before.reply.as_ref().unwrap().text.as_str(), "better");
    engine.shutdown().await.unwrap();

    let engine = disk.open("12:00").await;
    assert_eq!(listed(&engine, calendar).await, expected);
    assert_eq!(engine.review_of(appointment).await.unwrap(), Ok(before));
    let again = engine.review(said(appointment, true, "")).await.unwrap();
    assert_eq!(again.unwrap_err(), Rejection::AlreadyReviewed);
}
