//! What the clients of one life share, and what is known over all lives.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use tokio::time::Instant;

use super::campaigning;
use super::disk::SimDisk;
use super::ledger::{Ask, Counts, Record, Told};
use super::model::Model;
use super::plan::Plan;
use super::registering::Registered;
use crate::booking::Definition;
use crate::engine::Engine;
use crate::error::{Answer, Error};
use crate::ids::{AppointmentId, CalendarId, CallerId, CommandId, CommandKey, HoldId, WishId};
use crate::limits::PANICS_MAX;
use crate::request::FindSlots;
use crate::time::Timestamp;

/// Who reads every trace of this process.
static READER: OnceLock<fn(&str)> = OnceLock::new();

/// Has `reader` told every line of every trace. False where there is a reader already.
pub fn read_along(reader: fn(&str)) -> bool {
    READER.set(reader).is_ok()
}

/// What is known over all lives of a run.
#[derive(Debug)]
pub struct Book {
    /// Everything that was asked.
    pub records: Vec<Record>,
    /// What went wrong.
    pub violations: Vec<String>,
    /// How often what has happened.
    pub counts: Counts,
    /// Calendars that were acknowledged.
    pub calendars: Vec<(CalendarId, Definition)>,
    /// Holds that were acknowledged.
    pub holds: Vec<HoldId>,
    /// Appointments that were acknowledged.
    pub appointments: Vec<AppointmentId>,
    /// Wishes that were acknowledged.
    pub wishes: Vec<WishId>,
    /// What campaigns need of the register.
    pub campaigns: campaigning::Known,
    /// Stretches of engine time in which nothing could run.
    pub unaware: Vec<(Timestamp, Timestamp)>,
    trace: blake3::Hasher,
    commands: u64,
    ticks: u64,
}

impl Default for Book {
    fn default() -> Self {
        Self {
            records: Vec::new(),
            violations: Vec::new(),
            counts: Counts::default(),
            calendars: Vec::new(),
            holds: Vec::new(),
            appointments: Vec::new(),
            wishes: Vec::new(),
            campaigns: campaigning::Known::default(),
            unaware: Vec::new(),
            trace: blake3::Hasher::new(),
            commands: 0,
            ticks: 0,
        }
    }
}

impl Book {
    /// Takes a line into the trace.
    pub fn trace(&mut self, line: &str) {
        if let Some(reader) = READER.get() {
            reader(line);
        }
        self.trace.update(line.as_bytes());
        self.trace.update(b"\n");
    }

    /// Takes what was asked in a life that ended before the answer into the trace.
    pub fn trace_unheard(&mut self, life: usize) {
        let in_it = self.records.iter().rev().take_while(|record| record.life == life);
        let unheard = in_it.filter(|record| record.ticks.1 == u64::MAX);
        let lines: Vec<_> = unheard
            .map(|Record { asked_at, ask, .. }| format!("{asked_at} never {ask:?}"))
            .collect();
        for line in lines.iter().rev() {
            self.trace(line);
        }
    }

    /// The hash of all that was traced.
    #[must_use]
    pub fn traced(&self) -> [u8; 32] {
        self.trace.finalize().into()
    }

    /// The next tick of a clock that goes on with each request and each answer alone. Between two
    /// ticks there is room for what happens by itself.
    pub fn tick(&mut self) -> u64 {
        self.ticks += 2;
        self.ticks
    }

    /// A name that no command has yet.
    pub fn fresh_name(&mut self) -> Option<CommandKey> {
        self.commands += 1;
        let caller = CallerId::new(format!("caller-{}", self.commands % 3)).ok()?;
        let id = CommandId::new(format!("command-{}", self.commands)).ok()?;
        Some(CommandKey { caller, id })
    }
}

/// What may have gone wrong in one life by the simulation's own doing.
#[derive(Clone, Debug, Default)]
pub struct Harm {
    /// How often an actor of a calendar was made to fail.
    pub planted: BTreeMap<CalendarId, u32>,
    /// Whether nothing ran for a while.
    pub starved: bool,
    /// Whether the engine is being shut down.
    pub closing: bool,
}

/// An engine, and what its clients share.
#[derive(Clone)]
pub struct Scene {
    /// The engine.
    pub engine: Engine,
    /// Its disk.
    pub disk: SimDisk,
    /// The number of this life.
    pub life: usize,
    /// When it was opened.
    pub opened: Instant,
    /// What was planned for the run.
    pub plan: Arc<Plan>,
    /// What is known over all lives.
    pub book: Arc<Mutex<Book>>,
    /// What was done to this life.
    pub harm: Arc<Mutex<Harm>>,
    /// The journal as it was read last.
    pub model: Arc<Mutex<Arc<Model>>>,
}

/// Reads what the journal on `disk` has beyond what was read. Each hold was to last `hold_ms`.
///
/// # Errors
///
/// As [`Model::read`].
pub fn read_on(
    model: &Mutex<Arc<Model>>,
    disk: &SimDisk,
    hold_ms: i64,
) -> Result<Arc<Model>, String> {
    let mut model = locked(model);
    Arc::make_mut(&mut model).catch_up(disk, hold_ms)?;
    Ok(model.clone())
}

/// Locks what no panic leaves in between.
pub fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Scene {
    /// Notes that something is wrong.
    pub fn violated(&self, what: String) {
        let line = format!("life {}, {}: {what}", self.life, self.engine.now());
        locked(&self.book).violations.push(line);
    }

    /// Whether writes may fail by now.
    #[must_use]
    pub fn may_fail(&self) -> bool {
        self.disk.has_failed() || locked(&self.harm).starved
    }

    /// Puts a request to the engine and keeps the answer. Gives up when `patience` ends first.
    pub async fn ask(&self, ask: Ask, patience: impl Future<Output = ()>) -> Option<Answer<Told>> {
        let failed = self.engine.status().ready == Err(Error::Failed);
        let asked_at = self.engine.now();
        let place = {
            let mut book = locked(&self.book);
            book.counts.operations += 1;
            book.counts.commands += 1;
            let ticks = (book.tick(), u64::MAX);
            let record = Record {
                life: self.life,
                asked_at,
                told_at: asked_at,
                ticks,
                ask: ask.clone(),
                answer: None,
            };
            book.records.push(record);
            book.records.len() - 1
        };
        let answer = tokio::select! {
            biased;
            answer = Box::pin(ask.clone().put_to(&self.engine)) => Some(answer),
            () = patience => None,
        };
        let told_at = self.engine.now();
        {
            let mut book = locked(&self.book);
            book.trace(&format!("{place} {asked_at} {told_at} {ask:?} {answer:?}"));
            count(&mut book.counts, answer.as_ref());
            let tick = book.tick();
            if let Some(record) = book.records.get_mut(place) {
                record.ticks.1 = tick;
                (record.told_at, record.answer) = (told_at, answer.clone());
            }
            if let Some(Ok(Ok(told))) = &answer {
                remember(&mut book, told);
            }
        }
        if let Some(answer) = &answer {
            self.judge(failed, &ask, answer.as_ref().map(|_| ()));
        }
        answer
    }

    /// Whether an answer is one that the engine may give now.
    pub fn judge(&self, failed: bool, ask: &impl std::fmt::Debug, answer: Result<(), &Error>) {
        let harm = locked(&self.harm).clone();
        let planted = harm.planted.values().any(|times| 0 < *times);
        let quarantined = harm.planted.values().any(|times| PANICS_MAX <= *times);
        let may = match answer {
            Ok(()) => !failed,
            Err(Error::Failed) => self.may_fail(),
            Err(Error::OutcomeUnknown) => self.may_fail() || planted || harm.closing,
            Err(Error::CalendarUnavailable) => quarantined,
            Err(Error::Closed) => harm.closing,
            Err(Error::Overloaded { .. }) => true,
            Err(_) => false,
        };
        if !may {
            self.violated(format!("{ask:?} was answered {answer:?}, failed before: {failed}"));
        }
    }

    /// Free slots of a reason in a calendar over some days.
    ///
    /// # Errors
    ///
    /// As [`Engine::find_slots`].
    pub async fn slots(
        &self,
        calendar: CalendarId,
        definition: &Definition,
        reason: usize,
        days: i64,
    ) -> Result<Vec<crate::booking::Slot>, Error> {
        let Some(reason) = definition.reasons.get(reason) else { return Ok(Vec::new()) };
        let failed = self.engine.status().ready == Err(Error::Failed);
        let from = self.engine.now();
        let until = from.plus_minutes(days * 24 * 60);
        let wanted = FindSlots {
            calendar,
            reason: reason.id.clone(),
            from,
            until,
            limit: 1_000,
            practice: reason.rules.practice_only,
        };
        locked(&self.book).counts.operations += 1;
        let found = Box::pin(self.engine.find_slots(wanted)).await;
        self.judge(failed, &"find_slots", found.as_ref().map(|_| ()));
        let slots = found?.map(|found| found.slots).unwrap_or_default();
        locked(&self.book).trace(&format!("{from} {calendar} {} slots", slots.len()));
        Ok(slots)
    }
}

fn count(counts: &mut Counts, answer: Option<&Answer<Told>>) {
    match answer {
        None => counts.hung_up += 1,
        Some(Err(Error::Overloaded { .. })) => counts.overloaded += 1,
        Some(Err(_)) => counts.errors += 1,
        Some(Ok(Err(_))) => counts.refused += 1,
        Some(Ok(Ok(_))) => {}
    }
}

fn remember(book: &mut Book, told: &Told) {
    match told {
        Told::Calendar(info) => {
            let known = book.calendars.iter_mut().find(|(id, _)| *id == info.id);
            match known {
                Some((_, definition)) => definition.clone_from(&info.definition),
                None => book.calendars.push((info.id, info.definition.clone())),
            }
        }
        Told::Hold(outcome) if !book.holds.contains(&outcome.value.id) => {
            book.holds.push(outcome.value.id);
        }
        Told::Appointment(outcome) if !book.appointments.contains(&outcome.value.id) => {
            book.appointments.push(outcome.value.id);
        }
        Told::Wish(outcome) if !book.wishes.contains(&outcome.value.id) => {
            book.wishes.push(outcome.value.id);
        }
        Told::Both(outcome) => {
            let ids = outcome.value.iter().map(|hold| hold.id);
            let new: Vec<_> = ids.filter(|id| !book.holds.contains(id)).collect();
            book.holds.extend(new);
        }
        Told::Hold(_)
        | Told::Offered(_)
        | Told::Appointment(_)
        | Told::Wish(_)
        | Told::Withdrawn
        | Told::Released
        | Told::Delayed(_)
        | Told::Given(_) => {}
        Told::Registered(Registered::Is(what)) => book.campaigns.remember(what),
        Told::Registered(_) => {}
    }
}
