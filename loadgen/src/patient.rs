//! What a patient does, from the arrival to the end.

mod doses;
mod line;

use std::sync::Arc;

use creneau::{AppointmentId, PersonId, Timestamp};
use jiff::ToSpan;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::api::{AppointmentSeen, Ask, Bookable, HoldSeen, Outcome, Refusal, Reply};
use crate::arrivals::Arrival;
use crate::caller::{Caller, Manner};
use crate::campaign::Opened;
use crate::clock::wall;
use crate::dice::Dice;
use crate::history::{Called, History};
use crate::ledger::{Entry, Ledger, Lost};
use crate::scenario::{Scenario, SpreadLaw};

/// The grain of a timer, in microseconds. A patient who is woken that late was not kept waiting by
/// anybody; a later one was, and it counts.
const GRAIN_US: u64 = 1_500;

/// What all patients of a rehearsal have in common.
pub(crate) struct World {
    pub(crate) scenario: Scenario,
    pub(crate) caller: Caller,
    pub(crate) ledger: Ledger,
    pub(crate) history: Option<History>,
    pub(crate) calendars: Vec<Bookable>,
    /// The campaign whose doses are booked, and nothing else.
    pub(crate) campaign: Option<Opened>,
    /// What the ids of patients and the keys of requests begin with.
    pub(crate) run: String,
}

/// What a patient comes for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    Look,
    Book,
    Release,
    Abandon,
    Cancel,
    Move,
}

/// Where and from when a patient wants to be seen.
#[derive(Clone, Debug)]
struct Wish {
    bookable: Bookable,
    from: Date,
}

/// What a write came to, once it is in the ledger.
enum Written {
    Done(Reply),
    Refused(Refusal),
    Unknown,
}

struct Patient<'a> {
    world: &'a World,
    id: PersonId,
    number: u64,
    dice: Dice,
    writes: u32,
    /// Whether they were told that no dose is left.
    no_dose: bool,
    /// When the next call is meant to start.
    ready_us: u64,
}

/// A patient's whole visit.
///
/// # Errors
///
/// [`Lost`] when the ledger cannot be written: nobody may go on without it.
pub(crate) async fn visit(world: Arc<World>, arrival: Arrival) -> Result<(), Lost> {
    let number = arrival.number;
    let Ok(id) = PersonId::new(format!("{}-p{number}", world.run)) else { return Ok(()) };
    let mut dice = Dice::of(world.scenario.seed, number);
    let purpose = purpose(&world.scenario, &mut dice);
    let ready_us = arrival.at_us;
    let mut patient =
        Patient { world: &world, id, number, dice, writes: 0, no_dose: false, ready_us };
    match (&world.scenario.campaign, &world.campaign) {
        (Some(campaign), Some(opened)) => Box::pin(patient.be_vaccinated(campaign, opened)).await,
        _ => patient.live(purpose).await,
    }
}

fn purpose(scenario: &Scenario, dice: &mut Dice) -> Purpose {
    let mix = &scenario.mix;
    let weights = [
        (mix.look, Purpose::Look),
        (mix.book, Purpose::Book),
        (mix.release, Purpose::Release),
        (mix.abandon, Purpose::Abandon),
        (mix.cancel, Purpose::Cancel),
        (mix.moving, Purpose::Move),
    ];
    let chosen = dice.weighted(&weights.map(|(weight, _)| weight));
    let chosen = chosen.and_then(|place| weights.get(place));
    chosen.map_or(Purpose::Look, |(_, purpose)| *purpose)
}

impl Patient<'_> {
    async fn live(&mut self, purpose: Purpose) -> Result<(), Lost> {
        let Some(wish) = self.wish() else { return Ok(()) };
        let Some(start) = self.look(&wish).await else { return Ok(()) };
        if purpose == Purpose::Look {
            return Ok(());
        }
        let Some(hold) = self.hold(&wish, start).await? else { return Ok(()) };
        if self.dice.chance(self.world.scenario.habits.greedy) {
            self.want_another(&wish, &hold).await?;
        }
        match purpose {
            // Who walks away says nothing; the hold must end by itself.
            Purpose::Look | Purpose::Abandon => return Ok(()),
            Purpose::Release => {
                self.think().await;
                self.write(Ask::Release { hold: hold.id }).await?;
                return Ok(());
            }
            Purpose::Book | Purpose::Cancel | Purpose::Move => {}
        }
        self.think().await;
        let confirmed = self.write(Ask::Confirm { hold: hold.id }).await?;
        let Written::Done(Reply::Appointment(booked)) = confirmed else { return Ok(()) };
        match purpose {
            Purpose::Cancel => {
                self.think().await;
                self.write(Ask::Cancel { appointment: booked.id }).await?;
            }
            Purpose::Move => self.move_away(&booked).await?,
            _ => {}
        }
        Ok(())
    }

    /// What the patient wants, by the spread of the scenario.
    fn wish(&mut self) -> Option<Wish> {
        let World { scenario, calendars, .. } = self.world;
        let (spread, search) = (&scenario.spread, &scenario.search);
        let hot = spread.law == SpreadLaw::Hot && self.dice.chance(spread.share);
        let (first, last) = (u64::from(search.first_day), u64::from(search.last_day));
        let (among, day) = if hot {
            (calendars.get(..spread.calendars.min(calendars.len()))?, first)
        } else {
            (calendars.as_slice(), self.dice.between(first, last))
        };
        let bookable = self.dice.pick(among)?.clone();
        let days = i64::try_from(day).unwrap_or(0);
        let today = wall().to_jiff().to_zoned(TimeZone::UTC).date();
        Some(Wish { bookable, from: today.saturating_add(days.days()) })
    }

    /// Looks for slots, and chooses one of those listed.
    async fn look(&mut self, wish: &Wish) -> Option<Timestamp> {
        let (Bookable { calendar, reason, .. }, search) =
            (wish.bookable.clone(), &self.world.scenario.search);
        let (days, limit) = (search.days, search.slots);
        let ask = Ask::Find { calendar, reason, from: wish.from, days, limit };
        let answered = self.world.caller.ask(&ask, None, Manner::Plain, self.ready_us).await;
        self.ready_us = self.world.caller.clock.us();
        let outcome = answered.outcome;
        let Outcome::Done(Reply::Slots(slots)) = outcome else { return None };
        let chosen = self.dice.pick(&slots).copied();
        if chosen.is_none() {
            self.world.caller.meter.lock().patients.without_slot += 1;
        }
        chosen
    }

    /// Holds a slot: the first choice, or what is offered in its place, or what another look
    /// finds, as often as the scenario says.
    async fn hold(&mut self, wish: &Wish, first: Timestamp) -> Result<Option<HoldSeen>, Lost> {
        let (mut start, mut calendar) = (first, wish.bookable.calendar);
        for _ in 0..self.world.scenario.search.tries {
            self.think().await;
            let (reason, patient) = (wish.bookable.reason.clone(), self.id.clone());
            match self.write(Ask::Hold { calendar, start, reason, patient }).await? {
                Written::Done(Reply::Hold(hold)) => return Ok(Some(hold)),
                Written::Refused(refusal) if refusal.code == "slot_taken" => {
                    match self.dice.pick(&refusal.alternatives).copied() {
                        Some(offered) => (calendar, start) = offered,
                        None => match self.look(wish).await {
                            Some(found) => (calendar, start) = (wish.bookable.calendar, found),
                            None => return Ok(None),
                        },
                    }
                }
                Written::Refused(_) | Written::Unknown | Written::Done(_) => return Ok(None),
            }
        }
        Ok(None)
    }

    /// Wants a second hold in the same calendar, which the person guard must refuse. The audit
    /// finds it in the ledger where it does not.
    async fn want_another(&mut self, wish: &Wish, hold: &HoldSeen) -> Result<(), Lost> {
        let Some(start) = self.look(wish).await else { return Ok(()) };
        if start != hold.start {
            self.think().await;
            let (reason, patient) = (wish.bookable.reason.clone(), self.id.clone());
            let calendar = hold.calendar;
            self.write(Ask::Hold { calendar, start, reason, patient }).await?;
        }
        Ok(())
    }

    async fn move_away(&mut self, booked: &AppointmentSeen) -> Result<(), Lost> {
        let appointment: AppointmentId = booked.id;
        for _ in 0..self.world.scenario.search.tries {
            self.think().await;
            let Some(wish) = self.wish() else { return Ok(()) };
            let Some(start) = self.look(&wish).await else { return Ok(()) };
            self.think().await;
            let calendar = wish.bookable.calendar;
            match self.write(Ask::Move { appointment, start, calendar }).await? {
                Written::Refused(refusal) if refusal.code == "slot_taken" => {}
                _ => return Ok(()),
            }
        }
        Ok(())
    }

    /// A write: the intention, the request until its outcome is known, and the outcome, each in the
    /// ledger before the next. Then, for some, the same request again.
    async fn write(&mut self, ask: Ask) -> Result<Written, Lost> {
        let key = self.next_key();
        let (manner, again) = self.habit();
        self.note(&key, Entry::asked(&ask)).await?;
        let written = self.write_once(&ask, &key, manner).await?;
        if again && let Written::Done(_) = written {
            self.write_once(&ask, &key, Manner::Again).await?;
        }
        Ok(written)
    }

    fn next_key(&mut self) -> String {
        self.writes += 1;
        self.key()
    }

    /// The key of the last write.
    fn key(&self) -> String {
        format!("{}-{}-{}", self.world.run, self.number, self.writes)
    }

    /// How the next write is sent, and whether once more after its answer.
    fn habit(&mut self) -> (Manner, bool) {
        let habits = &self.world.scenario.habits;
        let manner = if self.dice.chance(habits.hang_up) { Manner::HangUp } else { Manner::Plain };
        (manner, self.dice.chance(habits.retry))
    }

    async fn write_once(&mut self, ask: &Ask, key: &str, manner: Manner) -> Result<Written, Lost> {
        let call = ask.call();
        let outcome = self.put(ask, key, manner).await;
        let (written, entry) = match outcome {
            Outcome::Done(reply) => {
                let odd = || Entry::Unknown { call, why: "another kind of answer".to_owned() };
                let entry = Entry::told(ask, &reply).unwrap_or_else(odd);
                (Written::Done(reply), entry)
            }
            Outcome::Refused(refusal) => {
                let (code, why) = (refusal.code.clone(), refusal.why.clone());
                (Written::Refused(refusal), Entry::Refused { call, code, why })
            }
            Outcome::Unclear(why) => (Written::Unknown, Entry::Unknown { call, why }),
        };
        self.note(key, entry).await?;
        self.ready_us = self.world.caller.clock.us();
        Ok(written)
    }

    /// Puts a write, and takes it down in the history where there is one.
    async fn put(&self, ask: &Ask, key: &str, manner: Manner) -> Outcome {
        let World { caller, history, .. } = self.world;
        let under_way = history.as_ref().map(|history| {
            history.begin(Called {
                client: self.number,
                person: self.id.as_str(),
                key,
                ask,
                repeat: manner == Manner::Again,
                invoke_ns: caller.clock.ns(),
            })
        });
        let answered = caller.ask(ask, Some(key), manner, self.ready_us).await;
        if let Some(under_way) = under_way {
            under_way.end(&answered, caller.clock.ns());
        }
        answered.outcome
    }

    /// Writes to the ledger. What that takes is no latency of the server's.
    async fn note(&mut self, key: &str, entry: Entry) -> Result<(), Lost> {
        let World { caller, ledger, .. } = self.world;
        let began = caller.clock.us();
        ledger.write(wall(), self.id.as_str(), key, entry).await?;
        let took = caller.clock.us().saturating_sub(began);
        self.ready_us += took;
        caller.meter.lock().ledger.record(took);
        Ok(())
    }

    async fn think(&mut self) {
        let think = &self.world.scenario.think;
        let ms = self.dice.between(think.min_ms, think.max_ms);
        if ms == 0 {
            return;
        }
        crate::clock::pause(ms).await;
        let planned = self.ready_us + ms * 1_000;
        self.ready_us = self.world.caller.clock.us().min(planned + GRAIN_US).max(self.ready_us);
    }
}
