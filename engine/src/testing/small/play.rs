//! A workload played to the whole engine on a recorded disk, every answer held against the spec.

use std::sync::Arc;
use std::time::Duration;

use super::act::{Act, Shape};
use super::dose;
use super::spec::{Fate, Refusal, Said, Spec};
use super::tape::{Op, Tape, TapedJournal, TapedStore};
use crate::booking::{By, Change, Definition, Details, Interval, Reason, Rejection, WeeklyHours};
use crate::config::Config;
use crate::engine::{Engine, Environment};
use crate::error::Answer;
use crate::ids::{
    CalendarId, CallerId, CommandId, CommandKey, HoldId, IdError, PersonId, RandomBits, ReasonId,
};
use crate::journal::Sequence;
use crate::request::{
    AppointmentStatus, ChangeCalendar, FindSlots, HoldSlot, HoldStatus, ListAppointments,
    MoveAppointment, OfAppointment, OfHold,
};
use crate::storage::memory::MemoryStore;
use crate::storage::{Storage, Store};
use crate::testing::disk::{Pace as DiskPace, SimDisk};
use crate::testing::ledger::{Ask, Told};
use crate::testing::random::Dice;
use crate::time::{Timestamp, WallClock};

/// 2027-01-04T07:00:00Z, a Monday.
const BEGINNING: Timestamp = Timestamp::from_millis(1_799_046_000_000);

/// Minutes from the beginning to the first slot: the Tuesday at nine.
const FIRST_SLOT_MIN: i64 = 26 * 60;

/// Minutes of a slot.
const SLOT_MIN: u16 = 15;

/// How long a hold lasts: longer than any workload whose clock does not go on by itself.
const HOLD: Duration = Duration::from_secs(60);

/// How much time passes after each act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// Until derived rows are written, and the calendars are still awake.
    Brisk,
    /// Until the calendars have kept their state and sleep.
    Sleepy,
}

impl Pace {
    const fn rest(self) -> Duration {
        match self {
            Self::Brisk => Duration::from_millis(130),
            Self::Sleepy => Duration::from_millis(2_300),
        }
    }

    fn config(self) -> Config {
        let idle = match self {
            Self::Brisk => Duration::from_secs(3_600),
            Self::Sleepy => Duration::from_secs(1),
        };
        Config { hold: HOLD, idle, ..Config::in_memory() }
    }
}

/// A wall clock that stands where a crash has left it.
struct Wall(Timestamp);

impl WallClock for Wall {
    fn now(&self) -> Timestamp {
        self.0
    }
}

/// Identifiers in their order, and all with the same preference for the first lane.
struct InOrder(std::sync::atomic::AtomicU64);

impl RandomBits for InOrder {
    fn bits(&self) -> u128 {
        let number = self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        u128::from(number) << 64
    }
}

/// What those who speak to a small world know of it.
#[derive(Clone, Debug)]
pub(super) struct Names {
    shape: Shape,
    reason: ReasonId,
    persons: Vec<PersonId>,
    caller: CallerId,
    calendars: Vec<CalendarId>,
    doses: Option<dose::Doses>,
    /// The bookings, in the order in which they were made.
    pub(super) holds: Vec<HoldId>,
}

/// A workload that was played.
pub(super) struct Played {
    pub(super) names: Names,
    /// What reached the disk, with its milliseconds since the beginning.
    pub(super) ops: Vec<(u64, Op)>,
    /// What was asked of the engine; none for the clock.
    pub(super) asks: Vec<Option<Ask>>,
    /// What was said.
    pub(super) said: Vec<Said>,
    /// What is promised before each act, and after the last.
    pub(super) specs: Vec<Spec>,
}

/// A runtime whose time passes only when nothing else can.
pub(super) fn runtime() -> Result<tokio::runtime::Runtime, String> {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_time().start_paused(true);
    builder.build().map_err(|error| error.to_string())
}

/// Opens an engine as it would be `ms` after the beginning.
pub(super) async fn open(
    pace: Pace,
    journal: Box<dyn crate::journal::Journal>,
    store: Arc<dyn Store>,
    marked: Sequence,
    ms: u64,
) -> Result<Engine, String> {
    let wall = BEGINNING.plus_ms(i64::try_from(ms).unwrap_or(0));
    // A life has names of its own: each begins with its instant.
    let first = (ms + 1) << 16;
    let random = Arc::new(InOrder(std::sync::atomic::AtomicU64::new(first)));
    let environment = Environment { wall: Arc::new(Wall(wall)), random };
    let storage = Storage { journal, store, marked };
    let opened = Box::pin(Engine::open_with(pace.config(), storage, environment)).await;
    opened.map_err(|error| format!("it does not open: {error}"))
}

/// A disk without faults that takes no time.
pub(super) fn disk() -> SimDisk {
    let disk = SimDisk::new(Dice::new(0));
    disk.set_pace(DiskPace { usual_ms: 0, ..DiskPace::calm() });
    disk
}

/// How long each hold lasts.
pub(super) fn hold_ms() -> i64 {
    i64::try_from(HOLD.as_millis()).unwrap_or(0)
}

fn definition(shape: Shape, reason: &ReasonId, number: u8) -> Definition {
    let until = 9 * 60 + if shape == Shape::OneCalendar { 2 * SLOT_MIN } else { SLOT_MIN };
    let mut weekly_hours = WeeklyHours::default();
    // The one Tuesday within the horizon: there are two slots, and no others to offer.
    if let Some(day) = weekly_hours.days.get_mut(1) {
        *day = Interval::new(9 * 60, until).into_iter().collect();
    }
    Definition {
        grid_minutes: 15,
        horizon_days: 2,
        reasons: vec![Reason::new(reason.clone(), "Check-up", SLOT_MIN)],
        weekly_hours,
        ..Definition::weekdays(format!("Place {number}"), "Etc/UTC")
    }
}

impl Names {
    async fn create(shape: Shape, engine: &Engine) -> Result<Self, String> {
        let known = |error: IdError| error.to_string();
        let reason = ReasonId::new("check-up").map_err(known)?;
        let mut calendars = Vec::new();
        let doses = match shape {
            Shape::OneDose => Some(dose::one(engine).await?),
            Shape::OneCalendar | Shape::TwoCalendars => None,
        };
        for number in 0..shape.calendars() {
            let mut definition = definition(shape, &reason, number);
            if let Some(doses) = &doses {
                doses.are_given_by(&mut definition);
            }
            match Box::pin(engine.create_calendar(definition, None)).await {
                Ok(Ok(created)) => calendars.push(created.value.id),
                other => return Err(format!("no calendar: {other:?}")),
            }
        }
        let persons = ["ana", "bob"].map(PersonId::new).into_iter().collect::<Result<_, _>>();
        let persons = persons.map_err(known)?;
        let caller = CallerId::new("small").map_err(known)?;
        Ok(Self { shape, reason, persons, caller, calendars, doses, holds: Vec::new() })
    }

    fn calendar(&self, number: u8) -> CalendarId {
        let id = self.calendars.get(usize::from(number));
        id.copied().unwrap_or(CalendarId::from_bits(0))
    }

    fn start(&self, slot: u8) -> Timestamp {
        let first = BEGINNING.plus_minutes(FIRST_SLOT_MIN);
        match self.shape {
            Shape::OneCalendar => first.plus_minutes(i64::from(slot) * i64::from(SLOT_MIN)),
            Shape::TwoCalendars | Shape::OneDose => first,
        }
    }

    fn hold(&self, booking: u8) -> HoldId {
        let id = self.holds.get(usize::from(booking));
        id.copied().unwrap_or(HoldId::from_bits(0))
    }

    fn slot_of(&self, calendar: CalendarId, start: Timestamp) -> Option<u8> {
        (0..2).find(|slot| {
            self.calendar(self.shape.calendar_of(*slot)) == calendar && self.start(*slot) == start
        })
    }

    fn booking_of(&self, hold: HoldId) -> Option<u8> {
        let place = self.holds.iter().position(|known| *known == hold)?;
        u8::try_from(place).ok()
    }

    fn command(&self, number: usize) -> Option<CommandKey> {
        let id = CommandId::new(format!("act-{number}")).ok()?;
        Some(CommandKey { caller: self.caller.clone(), id })
    }

    /// What an act asks of the engine, as number so many of its workload; none for the clock and
    /// for a repeat.
    fn ask(&self, spec: &Spec, act: Act, number: usize) -> Option<Ask> {
        let command = self.command(number);
        let ask = match act {
            Act::Hold { person, slot } => Ask::Hold(HoldSlot {
                calendar: self.calendar(self.shape.calendar_of(slot)),
                start: self.start(slot),
                reason: self.reason.clone(),
                person: self.persons.get(usize::from(person))?.clone(),
                details: Details::default(),
                by: By::Unsaid,
                overflow: false,
                dose: self.doses.as_ref().map(|doses| Box::new(doses.asked(BEGINNING))),
                command,
            }),
            Act::Confirm(booking) => {
                Ask::Confirm(OfHold { hold: self.hold(booking), by: By::Unsaid, command })
            }
            Act::Release(booking) => {
                Ask::Release(OfHold { hold: self.hold(booking), by: By::Unsaid, command })
            }
            Act::Cancel(booking) => Ask::Cancel(OfAppointment {
                appointment: self.hold(booking).into(),
                by: By::Unsaid,
                command,
            }),
            Act::Move { booking, slot } => Ask::Move(MoveAppointment {
                appointment: self.hold(booking).into(),
                start: self.start(slot),
                calendar: Some(self.calendar(self.shape.calendar_of(slot))),
                by: By::Unsaid,
                command,
            }),
            Act::Change(calendar) => {
                let lanes = Some(spec.other_lanes(calendar));
                let change = Change { lanes, ..Change::default() };
                let calendar = self.calendar(calendar);
                Ask::Change(ChangeCalendar { calendar, change, version: None, command })
            }
            Act::Wait | Act::Repeat(_) => return None,
        };
        Some(ask)
    }

    /// An answer in the words of the spec. A hold that was not known gets the next number.
    pub(super) fn said(&mut self, answer: &Answer<Told>) -> Result<Said, String> {
        let odd = || format!("{answer:?} is no answer");
        match answer {
            Ok(Ok(Told::Hold(outcome))) => {
                let hold = &outcome.value;
                if outcome.fresh && self.booking_of(hold.id).is_none() {
                    self.holds.push(hold.id);
                }
                let person = self.persons.iter().position(|person| *person == hold.person);
                let person = person.and_then(|place| u8::try_from(place).ok()).ok_or_else(odd)?;
                let slot = self.slot_of(hold.calendar, hold.start).ok_or_else(odd)?;
                let booking = self.booking_of(hold.id).ok_or_else(odd)?;
                if hold.status != HoldStatus::Held {
                    return Err(odd());
                }
                Ok(Said::Hold { booking, person, slot, fresh: outcome.fresh })
            }
            Ok(Ok(Told::Appointment(outcome))) => {
                let found = &outcome.value;
                Ok(Said::Appointment {
                    booking: self.booking_of(found.id.into()).ok_or_else(odd)?,
                    slot: self.slot_of(found.calendar, found.start).ok_or_else(odd)?,
                    lane: found.lane,
                    cancelled: found.status == AppointmentStatus::Cancelled,
                    fresh: outcome.fresh,
                })
            }
            Ok(Ok(Told::Released)) => Ok(Said::Released),
            Ok(Ok(
                Told::Delayed(_)
                | Told::Wish(_)
                | Told::Withdrawn
                | Told::Registered(_)
                | Told::Given(_)
                | Told::Both(_)
                | Told::Offered(_),
            )) => Err(odd()),
            Ok(Ok(Told::Calendar(info))) => {
                let calendar = self.calendars.iter().position(|id| *id == info.id);
                let calendar = calendar.and_then(|it| u8::try_from(it).ok()).ok_or_else(odd)?;
                let (version, lanes) = (info.version, info.definition.lanes);
                Ok(Said::Changed { calendar, version, lanes })
            }
            Ok(Err(rejection)) => refusal(rejection).map(Said::Refused).ok_or_else(odd),
            Err(_) => Err(odd()),
        }
    }

    /// Whether all that can be seen is what the spec says.
    pub(super) async fn compare(&self, engine: &Engine, spec: &Spec) -> Result<(), String> {
        for (place, hold) in self.holds.iter().enumerate() {
            let seen = spec.bookings().get(place);
            let told = Box::pin(engine.hold_info(*hold)).await;
            let status = told.as_ref().ok().and_then(|told| told.as_ref().ok()).map(|h| h.status);
            let expected = seen.map(|seen| match seen.fate {
                Fate::Held => HoldStatus::Held,
                Fate::Booked | Fate::Cancelled => HoldStatus::Confirmed,
                Fate::Released => HoldStatus::Released,
                Fate::Expired => HoldStatus::Expired,
            });
            if status != expected {
                return Err(format!("booking {place} is {told:?}, not {seen:?}"));
            }
            let told = engine.appointment((*hold).into()).await;
            let found = told.as_ref().ok().and_then(|told| told.as_ref().ok());
            let found = found.map(|it| (self.slot_of(it.calendar, it.start), it.lane, it.status));
            let expected = seen.and_then(|seen| {
                let status = appointment_status(seen.fate)?;
                Some((Some(seen.slot), seen.lane, status))
            });
            if found != expected {
                return Err(format!("appointment {place} is {told:?}, not {seen:?}"));
            }
        }
        self.compare_persons(engine, spec).await?;
        self.compare_slots(engine, spec).await
    }

    async fn compare_persons(&self, engine: &Engine, spec: &Spec) -> Result<(), String> {
        for (number, person) in self.persons.iter().enumerate() {
            let mut expected = Vec::new();
            for (seen, hold) in spec.bookings().iter().zip(&self.holds) {
                let status = appointment_status(seen.fate);
                if let Some(status) = status.filter(|_| usize::from(seen.person) == number) {
                    expected.push((self.start(seen.slot), *hold, status));
                }
            }
            expected.sort_by_key(|(start, hold, _)| (*start, *hold));
            let asked = ListAppointments { person: person.clone(), cursor: None, limit: 100 };
            let told = engine.appointments(asked).await;
            let Ok(Ok(page)) = told else { return Err(format!("no page: {told:?}")) };
            let page = page.appointments.iter().map(|it| (it.start, it.id.into(), it.status));
            let page: Vec<_> = page.collect();
            if page != expected {
                return Err(format!("person {number} has {page:?}, not {expected:?}"));
            }
        }
        Ok(())
    }

    async fn compare_slots(&self, engine: &Engine, spec: &Spec) -> Result<(), String> {
        for (number, calendar) in (0..).zip(&self.calendars) {
            let from = engine.now();
            let wanted = FindSlots {
                calendar: *calendar,
                reason: self.reason.clone(),
                from,
                until: from.plus_minutes(2 * 24 * 60),
                limit: 10,
                practice: false,
            };
            let found = Box::pin(engine.find_slots(wanted)).await;
            let Ok(Ok(found)) = found else { return Err(format!("no slots: {found:?}")) };
            let found: Vec<_> = found.slots.iter().map(|slot| (slot.start, slot.free)).collect();
            let here = (0..2).filter(|slot| self.shape.calendar_of(*slot) == number);
            let free = here.map(|slot| (self.start(slot), spec.free(slot)));
            let expected: Vec<_> = free.filter(|(_, free)| 0 < *free).collect();
            if found != expected {
                return Err(format!("calendar {number} has {found:?} free, not {expected:?}"));
            }
        }
        Ok(())
    }
}

fn appointment_status(fate: Fate) -> Option<AppointmentStatus> {
    match fate {
        Fate::Booked => Some(AppointmentStatus::Booked),
        Fate::Cancelled => Some(AppointmentStatus::Cancelled),
        Fate::Held | Fate::Released | Fate::Expired => None,
    }
}

fn refusal(rejection: &Rejection) -> Option<Refusal> {
    Some(match rejection {
        Rejection::NoDose => Refusal::NoDose,
        Rejection::SlotTaken { .. } => Refusal::SlotTaken,
        Rejection::PersonHasHold { .. } => Refusal::PersonHasHold,
        Rejection::HoldReleased => Refusal::HoldReleased,
        Rejection::HoldExpired => Refusal::HoldExpired,
        Rejection::HoldConfirmed { .. } => Refusal::HoldConfirmed,
        Rejection::UnknownAppointment => Refusal::UnknownAppointment,
        Rejection::NotChangeable => Refusal::NotChangeable,
        _ => return None,
    })
}

/// Plays a workload to a fresh engine.
pub(super) fn play(shape: Shape, pace: Pace, workload: &[Act]) -> Result<Played, String> {
    runtime()?.block_on(async {
        let tape = Tape::new();
        let store = TapedStore { inner: MemoryStore::default(), tape: tape.clone() };
        let (inner, marked) = disk().open();
        let journal = Box::new(TapedJournal { inner, tape: tape.clone() });
        let engine = open(pace, journal, Arc::new(store), marked, 0).await?;
        let mut names = Names::create(shape, &engine).await?;
        tokio::time::sleep(pace.rest()).await;
        let mut spec = Spec::new(shape);
        let (mut asks, mut said) = (Vec::new(), Vec::new());
        let mut specs = vec![spec.clone()];
        for (number, act) in workload.iter().enumerate() {
            let ask = match act {
                Act::Repeat(place) => asks.get(usize::from(*place)).cloned().flatten(),
                act => names.ask(&spec, *act, number),
            };
            tape.note(Op::Asked(number));
            let told = match ask.clone() {
                Some(ask) => names.said(&Box::pin(ask.put_to(&engine)).await)?,
                None => {
                    tokio::time::advance(HOLD).await;
                    Said::Nothing
                }
            };
            tape.note(Op::Told);
            let promised = spec.act(*act);
            if told != promised {
                return Err(format!("act {number} was told {told:?}, not {promised:?}"));
            }
            tokio::time::sleep(pace.rest()).await;
            asks.push(ask);
            said.push(told);
            specs.push(spec.clone());
        }
        names.compare(&engine, &spec).await?;
        Ok(Played { names, ops: tape.read(), asks, said, specs })
    })
}
