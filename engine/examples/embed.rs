//! Creneau inside a service of your own: one engine, opened once, used from any task.
//!
//! `cargo run --example embed -p creneau` keeps its data under the system's temporary directory;
//! run it twice to see the second start find the first one's booking.

use creneau::{
    By, CommandKey, Config, Definition, Details, Engine, FindSlots, HoldSlot, ListAppointments,
    ListCalendars, OfHold, Reason, ReasonId, Rejection,
};

type Failure = Box<dyn std::error::Error>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let engine = Engine::open(config()).await?;

    let reason: ReasonId = "first-visit".parse()?;
    let calendar = practice(&engine, &reason).await?;

    let from = engine.now();
    let until = from.plus_minutes(14 * 24 * 60);
    let wanted =
        FindSlots { calendar, reason: reason.clone(), from, until, limit: 5, practice: false };
    let found = engine.find_slots(wanted).await??;
    let Some(slot) = found.slots.first() else { return Err("no slot is free".into()) };
    say(&format!("free at {}, and {} more", slot.start, found.slots.len() - 1));

    // The command has a name: repeated after a time-out, it holds one slot, not two.
    let command = CommandKey { caller: "embed".parse()?, id: format!("{}", slot.start).parse()? };
    let person: creneau::PersonId = "patient-4711".parse()?;
    let asked = HoldSlot {
        calendar,
        start: slot.start,
        reason,
        person: person.clone(),
        details: Details::default(),
        by: By::Unsaid,
        overflow: false,
        dose: None,
        command: Some(command),
    };
    let hold = match engine.hold(asked).await? {
        Ok(held) => held.value,
        Err(Rejection::SlotTaken { alternatives }) => {
            say(&format!("taken; {} others are free", alternatives.len()));
            return Ok(());
        }
        Err(other) => return Err(other.into()),
    };
    say(&format!("held as {} until {:?}", hold.id, hold.expires_at));

    let booked =
        engine.confirm(OfHold { hold: hold.id, by: By::Unsaid, command: None }).await??.value;
    say(&format!("booked as {}", booked.id));

    let asked = ListAppointments { person, cursor: None, limit: 100 };
    let all = engine.appointments(asked).await??.appointments;
    say(&format!("the patient has {} appointments", all.len()));

    engine.shutdown().await?;
    Ok(())
}

/// The practice of an earlier run, or a new one.
async fn practice(engine: &Engine, reason: &ReasonId) -> Result<creneau::CalendarId, Failure> {
    let known = ListCalendars {
        external_id: Some("embed-example".to_owned()),
        limit: 1,
        ..ListCalendars::default()
    };
    let (known, _) = engine.calendars(known).await??;
    if let Some(known) = known.first() {
        return Ok(known.id);
    }
    let mut definition = Definition::weekdays("Dr Ada Martin", "Europe/Paris");
    definition.external_id = Some("embed-example".to_owned());
    definition.reasons = vec![Reason::new(reason.clone(), "First visit", 30)];
    Ok(engine.create_calendar(definition, None).await??.value.id)
}

#[cfg(feature = "rocksdb")]
fn config() -> Config {
    Config::at(std::env::temp_dir().join("creneau-embed"))
}

#[cfg(not(feature = "rocksdb"))]
fn config() -> Config {
    Config::in_memory()
}

#[expect(clippy::print_stdout, reason = "an example talks to whoever runs it")]
fn say(line: &str) {
    println!("{line}");
}
