//! What readers of the change feed tell through the engine: after restarts, and when their rows are
//! lost.

use std::sync::Arc;

use creneau::storage::memory::{self, MemoryJournal, MemoryStore};
use creneau::storage::{Store, Table};
use creneau::*;

const START: &str = "2027-01-04T07:00:00+01:00";

struct Monday;

impl WallClock for Monday {
    fn now(&self) -> Timestamp {
        START.parse().unwrap()
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

fn at(text: &str) -> Timestamp {
    format!("2027-01-{text}:00+01:00").parse().unwrap()
}

async fn practice(engine: &Engine) -> CalendarId {
    let mut definition = Definition::weekdays("Practice", "Europe/Paris");
    definition.reasons = vec![Reason::new("check-up".parse().unwrap(), "Check-up", 15)];
    definition.agenda.reminders_minutes = vec![24 * 60, 120];
    engine.create_calendar(definition, None).await.unwrap().unwrap().value.id
}

async fn booked(engine: &Engine, calendar: CalendarId, start: &str, who: &str) -> AppointmentId {
    let reason = "check-up".parse().unwrap();
    let person = who.parse().unwrap();
    let (start, details, by, command) = (at(start), Details::default(), By::Unsaid, None);
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
    let hold = engine.hold(asked).await.unwrap().unwrap().value.id;
    engine.confirm(OfHold { hold, by: By::Unsaid, command: None }).await.unwrap().unwrap().value.id
}

async fn moved(engine: &Engine, appointment: AppointmentId, start: &str) {
    let (start, by) = (at(start), By::Unsaid);
    let asked = MoveAppointment { appointment, start, calendar: None, by, command: None };
    engine.move_appointment(asked).await.unwrap().unwrap();
}

async fn cancelled(engine: &Engine, appointment: AppointmentId) {
    engine
        .cancel(OfAppointment { appointment, by: By::Unsaid, command: None })
        .await
        .unwrap()
        .unwrap();
}

/// Who is to be told what, from a place on, with what is to come.
async fn due(engine: &Engine, cursor: &mut Option<Vec<u8>>) -> Vec<String> {
    let until = Some(engine.now().plus_minutes(30 * 24 * 60));
    let asked = ListDue { until, cursor: cursor.take(), limit: 100 };
    let page = engine.due(asked).await.unwrap().unwrap();
    *cursor = Some(page.cursor);
    let told = |due: &Due| {
        let kind = match due.kind {
            DueKind::Confirmation => "booked".to_owned(),
            DueKind::Reminder { minutes_before } => format!("in {minutes_before}"),
            DueKind::Moved { .. } => "moved".to_owned(),
            DueKind::Cancelled => "cancelled".to_owned(),
            DueKind::Late { minutes } => format!("late by {minutes}"),
            DueKind::WithoutDose => "without a dose".to_owned(),
            DueKind::Offer => "offered".to_owned(),
        };
        format!("{} {kind}", due.person)
    };
    page.due.iter().map(told).collect()
}

#[tokio::test(start_paused = true)]
async fn what_is_due_follows_moves_and_cancellations() {
    let disk = Disk::default();
    let engine = disk.open().await;
    let calendar = practice(&engine).await;
    let ada = booked(&engine, calendar, "06T09:00", "ada").await;
    let bob = booked(&engine, calendar, "06T10:00", "bob").await;
    booked(&engine, calendar, "04T09:30", "eve").await;
    let mut place = None;
    let first = due(&engine, &mut place).await;
    let coming = ["eve in 120", "ada in 1440", "bob in 1440", "ada in 120", "bob in 120"];
    assert_eq!(first, [&["ada booked", "bob booked", "eve booked"][..], &coming[..]].concat());
    // What is still to come is listed again; what was due is not.
    assert_eq!(due(&engine, &mut place).await, coming);
    moved(&engine, ada, "07T09:00").await;
    moved(&engine, ada, "08T09:00").await;
    cancelled(&engine, bob).await;
    let told = ["ada moved", "bob cancelled", "eve in 120", "ada in 1440", "ada in 120"];
    let mut again = place.clone();
    assert_eq!(due(&engine, &mut again).await, told);

    // A crash: nothing was written in order. What was read counts as read.
    drop(engine);
    let engine = disk.open().await;
    assert_eq!(due(&engine, &mut place).await, told);
    // The rows are lost: all of it is there again, under the same places.
    engine.shutdown().await.unwrap();
    disk.store.clear().unwrap();
    let engine = disk.open().await;
    assert_eq!(due(&engine, &mut again).await, told[2..]);
    let mut from_the_start = None;
    let all = due(&engine, &mut from_the_start).await;
    let still = ["ada booked", "eve booked", "ada moved", "bob cancelled"];
    assert_eq!(all[..4], still);
    tokio::time::advance(std::time::Duration::from_secs((3 * 24 + 3) * 3600)).await;
    let mut later = again.clone();
    assert_eq!(due(&engine, &mut later).await, ["eve in 120", "ada in 1440", "ada in 120"]);
    assert_eq!(due(&engine, &mut later).await, ["ada in 120"], "one is behind us");
}

#[tokio::test(start_paused = true)]
async fn what_was_done_adds_up() {
    let disk = Disk::default();
    let engine = disk.open().await;
    let calendar = practice(&engine).await;
    let mut all = Vec::new();
    for (start, who) in [("05T09:00", "ada"), ("05T09:15", "bob"), ("06T10:00", "eve")] {
        all.push(booked(&engine, calendar, start, who).await);
    }
    moved(&engine, all[0], "12T09:00").await;
    cancelled(&engine, all[1]).await;
    {
        let from = creneau::booking::hours::Date::from(jiff::civil::date(2027, 1, 7));
        let asked = ReadActivity { calendar, from, weeks: 2 };
        let weeks = engine.activity(asked).await.unwrap().unwrap();
        assert_eq!(weeks[0].monday.to_jiff(), jiff::civil::date(2027, 1, 4));
        // From Monday at seven to Wednesday at ten, and to Tuesday of the next week at nine.
        let ahead_minutes = (2 * 24 + 3) * 60;
        let told = Activity {
            booked: 1,
            cancelled: 1,
            moved: 1,
            fulfilled: 0,
            no_shows: 0,
            booked_minutes: 15,
            occupied_minutes: 15,
            ahead_minutes,
        };
        assert_eq!((weeks[0].all, weeks[0].open_minutes), (told, 5 * 8 * 60));
        assert_eq!(weeks[0].reasons, [("check-up".parse().unwrap(), told)]);
        let ahead_minutes = (8 * 24 + 2) * 60;
        let told = Activity { cancelled: 0, moved: 0, ahead_minutes, ..told };
        assert_eq!(weeks[1].all, told);
    }
    assert_eq!(disk.store.scan(Table::Readers, &[], &[], 1).unwrap().len(), 1);
    let unknown = ReadActivity {
        calendar: CalendarId::from_bits(7),
        from: jiff::civil::date(2027, 1, 4).into(),
        weeks: 1,
    };
    assert_eq!(engine.activity(unknown).await.unwrap(), Err(Rejection::UnknownCalendar));
    let asked = ListDue { limit: 1, cursor: Some(vec![7]), until: None };
    assert!(matches!(engine.due(asked).await.unwrap(), Err(Rejection::Invalid { .. })));
}

async fn offered(engine: &Engine, calendar: CalendarId, start: &str, to: OfferTo) -> HoldId {
    let offer = OfferSlot { calendar, start: at(start), to, answer_ms: 3_600_000, command: None };
    engine.offer(offer).await.unwrap().unwrap().value.id
}

#[tokio::test(start_paused = true)]
async fn who_waits_is_told_and_who_is_offered_a_slot() {
    let engine = Disk::default().open().await;
    let calendar = practice(&engine).await;
    let ada = booked(&engine, calendar, "04T09:00", "ada").await;
    let bob = booked(&engine, calendar, "04T10:00", "bob").await;
    booked(&engine, calendar, "05T09:00", "eve").await;
    let mut place = None;
    due(&engine, &mut place).await;
    for minutes in [10, 20] {
        engine.delay(DelayCalendar { calendar, minutes, command: None }).await.unwrap().unwrap();
    }
    let offer = offered(&engine, calendar, "04T10:30", OfferTo::Appointment(bob)).await;
    let reason = "check-up".parse().unwrap();
    let to_kim = OfferTo::Person("kim".parse().unwrap(), reason);
    offered(&engine, calendar, "04T11:15", to_kim).await;
    let lapses = offered(&engine, calendar, "04T11:30", OfferTo::Appointment(ada)).await;
    let given_back = OfHold { hold: lapses, by: By::Practice, command: None };
    engine.release(given_back).await.unwrap().unwrap();
    // The lateness that counts, for those of the day; offers that can be had.
    let coming = ["bob in 120", "eve in 1440", "eve in 120"];
    let told = ["ada late by 20", "bob late by 20", "bob offered", "kim offered"];
    let mut again = place.clone();
    let mut listed = due(&engine, &mut again).await;
    // Those of one event come in the order of their ids.
    listed[..2].sort();
    assert_eq!(listed, [&told[..], &coming[..]].concat());
    let taken = OfHold { hold: offer, by: By::Unsaid, command: None };
    engine.accept(taken).await.unwrap().unwrap();
    let told = ["ada late by 20", "kim offered", "bob moved"];
    assert_eq!(due(&engine, &mut place).await, [&told[..], &coming[..]].concat());

    // Who is there needs no reminder, and each mark counts once.
    tokio::time::advance(std::time::Duration::from_secs(5 * 3600)).await;
    for (appointment, mark) in
        [(ada, Mark::Arrived), (ada, Mark::NoShow), (bob, Mark::NoShow), (bob, Mark::Fulfilled)]
    {
        let mark = MarkAppointment { appointment, mark, command: None };
        engine.mark(mark).await.unwrap().unwrap();
    }
    assert_eq!(due(&engine, &mut place).await, ["eve in 1440", "eve in 120"]);
    let from = creneau::booking::hours::Date::from(jiff::civil::date(2027, 1, 4));
    let week = engine.activity(ReadActivity { calendar, from, weeks: 1 }).await.unwrap().unwrap();
    let all = week[0].all;
    assert_eq!((all.booked, all.fulfilled, all.no_shows, all.moved), (3, 1, 1, 1));
}

/// Who reads a copy of the journal or of the rows finds no address of a calendar file.
#[tokio::test(start_paused = true)]
async fn the_secret_of_a_link_is_told_once_and_kept_nowhere() {
    let disk = Disk::default();
    let engine = disk.open().await;
    let calendar = practice(&engine).await;
    booked(&engine, calendar, "05T09:00", "ana").await;
    let command = || {
        let (caller, id) = (CallerId::new("portal").unwrap(), CommandId::new("a-link").unwrap());
        Some(CommandKey { caller, id })
    };
    let link = engine.link(LinkOf::Calendar(calendar), command()).await.unwrap().unwrap().value;
    let secret = link.secret.unwrap();
    engine.shutdown().await.unwrap();

    let engine = disk.open().await;
    let again = engine.link(LinkOf::Calendar(calendar), command()).await.unwrap().unwrap().value;
    assert_eq!(again, Link { secret: None, ..link.clone() });
    assert_eq!(engine.linked(secret).await.unwrap().unwrap().appointments.len(), 1);
    let guess = LinkSecret::from_bits(link.id.bits());
    assert_eq!(engine.linked(guess).await.unwrap().unwrap_err(), Rejection::UnknownLink);

    let mut feed = engine.feed(0);
    let mut kept = Vec::new();
    while let Some(entry) = feed.next().await.unwrap() {
        for event in entry.events {
            if let Event::Registered { what, .. } = event
                && let Registration::Linked { secret, .. } = *what
            {
                kept.extend(secret.bytes());
            }
        }
        if entry.sequence == engine.status().watermark {
            break;
        }
    }
    assert_eq!(kept, secret.hashed().bytes());
    for (key, value) in disk.store.scan(Table::Register, &[], &[], 1_000).unwrap() {
        kept.extend(key);
        kept.extend(value);
    }
    assert!(32 < kept.len(), "the rows have links too");
    for bits in [secret.bits().to_le_bytes(), secret.bits().to_be_bytes()] {
        assert!(kept.windows(16).all(|window| window != bits), "the secret is there");
    }

    engine.end_link(link.id, None).await.unwrap().unwrap();
    assert_eq!(engine.linked(secret).await.unwrap().unwrap_err(), Rejection::UnknownLink);
}
