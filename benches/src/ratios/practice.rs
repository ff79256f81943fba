//! An engine with calendars that are open day and night, and what was done to them.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use creneau::audit::audit;
use creneau::journal::{Entry, Remembered};
use creneau::{
    By, CalendarId, CommandKey, Config, Definition, Details, Engine, Error, HoldId, HoldSlot,
    Interval, OfHold, Reason, SystemWallClock, Timestamp, WallClock, WeeklyHours,
};

use crate::plan::{Fallible, now};

/// How long holds last: longer than any run, so that they are all there at its end.
const HOLD: Duration = Duration::from_hours(4);

/// Calendars that are created at the same time.
const CREATED_AT_ONCE: u64 = 128;

/// How long what waits to be written may take after a round.
const DRAINED_WITHIN: Duration = Duration::from_secs(120);

/// How long what an engine leaves behind may keep its directory.
const LEFT_WITHIN: Duration = Duration::from_secs(5);

const MINUTES: u16 = 5;
const DAYS: u16 = 90;

/// The reason of all calendars.
pub(crate) const REASON: &str = "dose";

/// A calendar that is open day and night, with one lane: 25,920 slots.
pub(crate) fn always_open() -> Definition {
    let mut definition = Definition::weekdays("Centre", "Europe/Paris");
    let day: Vec<_> = Interval::new(0, 24 * 60).into_iter().collect();
    definition.weekly_hours = WeeklyHours { days: std::array::from_fn(|_| day.clone()) };
    definition.horizon_days = DAYS;
    let reason = REASON.parse().map(|id| Reason::new(id, "Dose", MINUTES));
    definition.reasons = reason.into_iter().collect();
    definition
}

/// An engine with calendars, and how much was done.
pub(crate) struct Practice {
    pub(crate) engine: Engine,
    pub(crate) calendars: Vec<CalendarId>,
    pub(crate) first: Timestamp,
    /// Tells the persons and commands of this visit from those of others.
    visit: u64,
    directory: PathBuf,
    /// Slots that were given to callers so far.
    next: AtomicU64,
    held: AtomicU64,
    confirmed: AtomicU64,
    pub(crate) overloaded: AtomicU64,
}

impl Practice {
    /// A new engine with new calendars.
    pub(crate) async fn create(
        directory: &Path,
        calendars: u64,
        definition: Definition,
    ) -> Fallible<Arc<Self>> {
        let engine = Engine::open(config(directory)).await?;
        let calendars = create_calendars(&engine, calendars, definition).await?;
        Ok(Arc::new(Self::on(engine, directory, calendars, 0)))
    }

    /// An engine over calendars that are there, and had so many visits before: each takes the slots
    /// of another day.
    pub(crate) fn on(
        engine: Engine,
        directory: &Path,
        calendars: Vec<CalendarId>,
        visits: i64,
    ) -> Self {
        let hour = 60 * 60 * 1_000;
        // Tomorrow at the earliest, so that no start passes meanwhile.
        let hours = engine.now().millis() / hour + 24 * (visits + 1);
        let first = Timestamp::from_millis(hours * hour);
        let visit = engine.status().watermark;
        let zero = || AtomicU64::new(0);
        Self {
            engine,
            calendars,
            first,
            visit,
            directory: directory.to_path_buf(),
            next: zero(),
            held: zero(),
            confirmed: zero(),
            overloaded: zero(),
        }
    }

    /// A slot that nobody was given before: one calendar after the other, then the next slot.
    pub(crate) fn slot(&self) -> Fallible<Slot> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let count = self.calendars.len() as u64;
        let place = usize::try_from(number % count)?;
        let calendar = *self.calendars.get(place).ok_or("there is no calendar")?;
        let minutes = i64::try_from(number / count)? * i64::from(MINUTES);
        let start = self.first.plus_minutes(minutes);
        Ok(Slot { visit: self.visit, number, calendar, start })
    }

    /// Holds a slot under a command id of its own.
    pub(crate) async fn hold(&self) -> Fallible<HoldId> {
        let slot = self.slot()?;
        let asked = slot.asked()?;
        let hold = loop {
            let answer = self.engine.hold(asked.clone()).await;
            if !self.waited(answer.as_ref().err()).await {
                break answer?.map_err(|rejection| format!("{slot:?}: {rejection:?}"))?.value.id;
            }
        };
        self.held.fetch_add(1, Ordering::Relaxed);
        Ok(hold)
    }

    /// Holds a slot and confirms it, each its own call under a command id of its own.
    pub(crate) async fn book(&self) -> Fallible<()> {
        let hold = self.hold().await?;
        let asked = OfHold { hold, by: By::Unsaid, command: Some(key(&format!("c-{hold}"))?) };
        loop {
            let answer = self.engine.confirm(asked.clone()).await;
            if !self.waited(answer.as_ref().err()).await {
                answer?.map_err(|rejection| format!("{hold}: {rejection:?}"))?;
                break;
            }
        }
        self.confirmed.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Waits where the engine said so, as callers are asked to.
    async fn waited(&self, error: Option<&Error>) -> bool {
        let Some(Error::Overloaded { retry_after }) = error else { return false };
        self.overloaded.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(*retry_after).await;
        true
    }

    /// Waits until all that is derived is written.
    pub(crate) async fn drained(&self) -> Fallible<()> {
        let began = now();
        while 0 < self.engine.status().behind {
            if DRAINED_WITHIN < now() - began {
                return Err("what is derived was not written in time".into());
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        Ok(())
    }

    /// Closes the engine, and sees that the journal holds exactly what was acknowledged.
    pub(crate) async fn finish(self: Arc<Self>) -> Fallible<String> {
        self.engine.shutdown().await?;
        // The directory is in use until the engine is gone.
        let practice = Arc::into_inner(self).ok_or("someone still books")?;
        let Self { engine, held, confirmed, directory, .. } = practice;
        drop(engine);
        let (held, confirmed) = (held.into_inner(), confirmed.into_inner());
        tokio::task::spawn_blocking(move || {
            let found = accounted(&directory)?;
            let expected = (held - confirmed, confirmed);
            if found != expected {
                let (live, booked) = found;
                return Err(format!(
                    "{held} holds and {confirmed} confirms were acknowledged; the journal has \
                     {live} live holds and {booked} appointments"
                )
                .into());
            }
            Ok(format!("all {held} holds and {confirmed} confirms are there, audited"))
        })
        .await?
    }
}

/// Live holds and appointments of a directory that is sound.
pub(crate) fn accounted(directory: &Path) -> Fallible<(u64, u64)> {
    let began = now();
    let found = loop {
        match creneau::inspect(directory) {
            // What ran behind an engine that is gone leaves a moment later.
            Err(_) if now() - began < LEFT_WITHIN => std::thread::yield_now(),
            found => break found?,
        }
    };
    let report = audit(&found, SystemWallClock.now());
    match report.faults.first() {
        Some(fault) => Err(format!("the audit of {}: {}", directory.display(), fault.what).into()),
        None => Ok((report.holds_live, report.appointments_booked)),
    }
}

/// A slot, and the number by which its person and its command are called.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) visit: u64,
    pub(crate) number: u64,
    pub(crate) calendar: CalendarId,
    pub(crate) start: Timestamp,
}

impl Slot {
    pub(crate) fn asked(&self) -> Fallible<HoldSlot> {
        let Self { visit, number, calendar, start } = *self;
        Ok(HoldSlot {
            calendar,
            start,
            reason: REASON.parse()?,
            person: format!("patient-{visit}-{number:012}").parse()?,
            details: Details::default(),
            by: By::Unsaid,
            overflow: false,
            dose: None,
            command: Some(key(&format!("hold-{visit}-{number:012}"))?),
        })
    }
}

fn key(id: &str) -> Fallible<CommandKey> {
    Ok(CommandKey { caller: "bench".parse()?, id: id.parse()? })
}

/// The standard settings, but for holds that outlast the run.
pub(crate) fn config(directory: &Path) -> Config {
    Config { hold: HOLD, ..Config::at(directory) }
}

/// Creates calendars, many at a time.
pub(crate) async fn create_calendars(
    engine: &Engine,
    count: u64,
    definition: Definition,
) -> Fallible<Vec<CalendarId>> {
    let left = Arc::new(AtomicU64::new(count));
    let create = |_| {
        let (engine, left, definition) = (engine.clone(), left.clone(), definition.clone());
        tokio::spawn(async move {
            let mut made = Vec::new();
            let more = |left: u64| left.checked_sub(1);
            while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok() {
                made.push(create_calendar(&engine, definition.clone()).await?);
            }
            Fallible::Ok(made)
        })
    };
    let tasks: Vec<_> = (0..CREATED_AT_ONCE.min(count)).map(create).collect();
    let mut all = Vec::new();
    for task in tasks {
        all.extend(task.await??);
    }
    Ok(all)
}

async fn create_calendar(engine: &Engine, definition: Definition) -> Fallible<CalendarId> {
    loop {
        match engine.create_calendar(definition.clone(), None).await {
            Err(Error::Overloaded { retry_after }) => tokio::time::sleep(retry_after).await,
            answer => {
                let made = answer?.map_err(|rejection| format!("{rejection:?}"))?;
                return Ok(made.value.id);
            }
        }
    }
}

/// Whether it is time to stop.
pub(crate) fn over(end: Instant) -> bool {
    end <= now()
}

/// The entries of a hold and of its confirmation, as the journal has them: with a command's name.
pub(crate) async fn sample_entries() -> Fallible<(Entry, Entry)> {
    let engine = Engine::open(Config::in_memory()).await?;
    let calendars = create_calendars(&engine, 1, always_open()).await?;
    let practice = Practice::on(engine, Path::new(""), calendars, 0);
    practice.book().await?;
    let mut feed = practice.engine.feed(1);
    let mut entry = async |id: &str| -> Fallible<Entry> {
        let events = feed.next().await?.ok_or("there is no entry")?.events;
        let command = Remembered { key: key(id)?, fingerprint: u128::MAX / 3 };
        Ok(Entry { command: Some(command), events })
    };
    let hold = entry("hold-000000000000").await?;
    let confirm = entry(&format!("c-{}", HoldId::from_bits(u128::MAX / 3))).await?;
    practice.engine.shutdown().await?;
    Ok((hold, confirm))
}
