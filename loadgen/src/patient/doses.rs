//! What a person of a campaign does: two doses together, one alone, one that is not theirs yet, or
//! two at once where one is to be had.

use creneau::{HoldId, PersonId, Timestamp};
use jiff::ToSpan;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::{Patient, Wish, Written};
use crate::api::{Ask, Call, DoseSlot, HoldSeen, Outcome, Refusal, Reply, Stated};
use crate::caller::Manner;
use crate::campaign::{Booked, Opened};
use crate::clock::wall;
use crate::ledger::{Asked, Entry, Lost};
use crate::scenario::Campaign;

const HOUR_MS: i64 = 60 * 60 * 1_000;

/// How long ago who was infected of late was.
const INFECTED_MS: i64 = 10 * 24 * HOUR_MS;

/// Days before its interval begins to which a second dose is moved, in vain.
const TOO_SOON_DAYS: i64 = 7;

/// The refusal that says that no dose is left.
const NO_DOSE: &str = "no_dose";

/// The number of the first write of somebody who tries twice at once, so that no key is used again.
const SECOND_HAND: u32 = 1_000;

/// What a person comes for, in the order of `CampaignMix::weights`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    Both,
    First,
    Cancel,
    Abandon,
    Move,
    Elsewhere,
    Account,
    Second,
    Infected,
    Outdated,
}

const PURPOSES: [Purpose; 10] = [
    Purpose::Both,
    Purpose::First,
    Purpose::Cancel,
    Purpose::Abandon,
    Purpose::Move,
    Purpose::Elsewhere,
    Purpose::Account,
    Purpose::Second,
    Purpose::Infected,
    Purpose::Outdated,
];

impl Patient<'_> {
    /// A whole visit to a campaign.
    pub(super) async fn be_vaccinated(
        &mut self,
        campaign: &Campaign,
        opened: &Opened,
    ) -> Result<(), Lost> {
        let weights = campaign.mix.weights().map(|(_, weight)| weight);
        let purpose = self.dice.weighted(&weights).and_then(|place| PURPOSES.get(place).copied());
        let bands: Vec<u32> = campaign.cohorts.iter().map(|cohort| cohort.weight).collect();
        let cohort = self.dice.weighted(&bands).and_then(|place| campaign.cohorts.get(place));
        let (Some(purpose), Some(cohort), Some(wish)) = (purpose, cohort, self.wish()) else {
            return Ok(());
        };
        let band = cohort.band.as_str();
        match purpose {
            Purpose::Both | Purpose::Cancel | Purpose::Abandon | Purpose::Move => {
                self.both(opened, &wish, band, purpose).await?;
                self.wait(campaign, opened, (&wish, band), purpose == Purpose::Cancel).await
            }
            Purpose::Elsewhere | Purpose::Account => {
                Box::pin(self.twice(opened, &wish, band, purpose)).await
            }
            Purpose::First => {
                let held = self.one(opened, &wish, (band, purpose), None).await?;
                self.keep(opened, held).await?;
                self.wait(campaign, opened, (&wish, band), false).await
            }
            Purpose::Second | Purpose::Infected | Purpose::Outdated => {
                let held = self.one(opened, &wish, (band, purpose), None).await?;
                self.keep(opened, held).await
            }
        }
    }

    /// A slot for the first dose. Where none is free any more, one that somebody saw before.
    async fn first_slot(&mut self, opened: &Opened, wish: &Wish) -> Option<Timestamp> {
        let found = self.look(wish).await;
        opened.seen((wish.bookable.calendar, 1), found)
    }

    fn slot(&self, opened: &Opened, wish: &Wish, start: Timestamp, stated: Stated) -> DoseSlot {
        DoseSlot {
            calendar: wish.bookable.calendar,
            start,
            reason: wish.bookable.reason.clone(),
            patient: self.id.clone(),
            account: None,
            campaign: opened.set.campaign,
            stated,
        }
    }

    /// Holds one dose, as often as slots are taken.
    async fn one(
        &mut self,
        opened: &Opened,
        wish: &Wish,
        (band, purpose): (&str, Purpose),
        account: Option<&PersonId>,
    ) -> Result<Option<HoldSeen>, Lost> {
        for _ in 0..self.world.scenario.search.tries {
            let Some(start) = self.first_slot(opened, wish).await else { return Ok(None) };
            self.think().await;
            let mut stated = stated(if purpose == Purpose::Second { 2 } else { 1 }, band);
            match purpose {
                Purpose::Infected => stated.infected_at = Some(wall().plus_ms(-INFECTED_MS)),
                Purpose::Outdated => stated.stated_at = wall().plus_ms(-2 * HOUR_MS),
                _ => {}
            }
            let mut slot = self.slot(opened, wish, start, stated);
            slot.account = account.cloned();
            match self.write(Ask::HoldDose(Box::new(slot))).await? {
                Written::Done(Reply::Hold(hold)) => return Ok(Some(hold)),
                Written::Refused(refusal) if refusal.code == "slot_taken" => {}
                Written::Refused(refusal) => {
                    self.no_dose |= refusal.code == NO_DOSE;
                    return Ok(None);
                }
                _ => return Ok(None),
            }
        }
        Ok(None)
    }

    /// Confirms one dose that is held.
    async fn keep(&mut self, opened: &Opened, held: Option<HoldSeen>) -> Result<(), Lost> {
        let Some(hold) = held else { return Ok(()) };
        self.think().await;
        let written = self.write(Ask::Confirm { hold: hold.id }).await?;
        if let Written::Done(_) = written {
            let (person, first) = (self.id.clone(), hold.id);
            opened.book(Booked { person, first, second: None });
        }
        Ok(())
    }

    /// Tries to have the same dose twice at once: at another centre, or under another account.
    async fn twice(
        &mut self,
        opened: &Opened,
        wish: &Wish,
        band: &str,
        purpose: Purpose,
    ) -> Result<(), Lost> {
        let mut other = Patient {
            world: self.world,
            id: self.id.clone(),
            number: self.number,
            dice: self.dice.clone(),
            writes: SECOND_HAND,
            no_dose: false,
            ready_us: self.ready_us,
        };
        let elsewhere = if purpose == Purpose::Elsewhere { other.wish() } else { None };
        let elsewhere = elsewhere.unwrap_or_else(|| wish.clone());
        let account = format!("{}-a{}", self.world.run, self.number);
        let account = PersonId::new(account).ok().filter(|_| purpose == Purpose::Account);
        let want = (band, Purpose::First);
        let (mine, theirs) = tokio::join!(
            self.one(opened, wish, want, None),
            other.one(opened, &elsewhere, want, account.as_ref()),
        );
        let (mine, theirs) = (mine?, theirs?);
        // Both may be told of the same hold.
        let theirs = theirs.filter(|it| mine.as_ref().is_none_or(|own| own.id != it.id));
        let some = mine.is_some() || theirs.is_some();
        self.keep(opened, mine).await?;
        other.keep(opened, theirs).await?;
        if !some {
            return Ok(());
        }
        // Whoever has one by now wants it once more; that it is kept would be found by the audit.
        let Some(wish) = self.wish() else { return Ok(()) };
        let again = self.one(opened, &wish, want, None).await?;
        self.keep(opened, again).await
    }

    /// Holds both doses together, and then does what the patient came for.
    async fn both(
        &mut self,
        opened: &Opened,
        wish: &Wish,
        band: &str,
        purpose: Purpose,
    ) -> Result<(), Lost> {
        let Some((start, [first, second])) = self.hold_both(opened, wish, band).await? else {
            return Ok(());
        };
        if purpose == Purpose::Abandon {
            return Ok(());
        }
        self.think().await;
        let both = [first, second];
        let ask = Ask::Confirm { hold: first };
        if !self.write_of_two(&ask, both).await? {
            return Ok(());
        }
        let person = self.id.clone();
        opened.book(Booked { person, first, second: Some(second) });
        match purpose {
            Purpose::Cancel => {
                self.think().await;
                opened.cancel(first);
                self.write_of_two(&Ask::CancelDoses { appointment: first.into() }, both).await?;
                Ok(())
            }
            Purpose::Move => self.move_second(opened, wish, (start, second)).await,
            _ => Ok(()),
        }
    }

    /// Moves the second dose: to another day within the interval, or to a week before it begins,
    /// which must be refused.
    async fn move_second(
        &mut self,
        opened: &Opened,
        wish: &Wish,
        (first, second): (Timestamp, HoldId),
    ) -> Result<(), Lost> {
        let (least, most) = (i64::from(opened.set.days_min), i64::from(opened.set.days_max));
        let soon = self.dice.chance(0.5);
        let later = if soon { least - TOO_SOON_DAYS } else { (least + 2).min(most) };
        let from = day(first).saturating_add(later.days());
        let bookable = wish.bookable.clone();
        self.think().await;
        let Some(start) = self.look(&Wish { bookable, from }).await else { return Ok(()) };
        let (appointment, calendar) = (second.into(), wish.bookable.calendar);
        self.write(Ask::Move { appointment, start, calendar }).await?;
        Ok(())
    }

    async fn hold_both(
        &mut self,
        opened: &Opened,
        wish: &Wish,
        band: &str,
    ) -> Result<Option<(Timestamp, [HoldId; 2])>, Lost> {
        for _ in 0..self.world.scenario.search.tries {
            let Some(start) = self.first_slot(opened, wish).await else { return Ok(None) };
            self.think().await;
            let later = i64::from(opened.set.days_min) + i64::from(self.dice.chance(0.7));
            let from = day(start).saturating_add(later.days());
            let bookable = wish.bookable.clone();
            let found = self.look(&Wish { bookable, from }).await;
            // Where no second dose is left, who wants both asks all the same.
            let second = opened.seen((wish.bookable.calendar, 2), found);
            let Some(second) = second else { return Ok(None) };
            let slots = [
                self.slot(opened, wish, start, stated(1, band)),
                self.slot(opened, wish, second, stated(2, band)),
            ];
            match self.write_both(slots).await? {
                Ok(both) => return Ok(Some((start, both))),
                Err(Some(refusal)) if refusal.code == "slot_taken" => {}
                Err(refusal) => {
                    self.no_dose |= refusal.is_some_and(|it| it.code == NO_DOSE);
                    return Ok(None);
                }
            }
        }
        Ok(None)
    }

    /// A hold of two, which is two lines of each kind in the ledger.
    async fn write_both(
        &mut self,
        slots: [DoseSlot; 2],
    ) -> Result<Result<[HoldId; 2], Option<Refusal>>, Lost> {
        let keys = self.two_keys();
        for (key, slot) in keys.iter().zip(&slots) {
            let (calendar, start) = (Some(slot.calendar), Some(slot.start));
            let (call, dose) = (Call::Hold, Some(slot.stated.clone()));
            self.note(key, Entry::Asked(Asked { call, hold: None, calendar, start, dose })).await?;
        }
        let [first, second] = slots;
        let alone = [first.clone(), second.clone()].map(|slot| Ask::HoldDose(Box::new(slot)));
        let (ask, manners) = (Ask::HoldDoses(Box::new([first, second])), self.manners());
        let mut held = Err(None);
        for manner in manners.into_iter().flatten() {
            let outcome = self.put(&ask, &keys[0], manner).await;
            let told = match &outcome {
                Outcome::Done(Reply::Holds(both)) => {
                    held = Ok(both.each_ref().map(|hold| hold.id));
                    let told = |place: usize| {
                        let reply = Reply::Hold(both.get(place)?.clone());
                        Entry::told(alone.get(place)?, &reply)
                    };
                    [told(0), told(1)]
                }
                Outcome::Refused(refusal) => {
                    if manner != Manner::Again {
                        held = Err(Some(refusal.clone()));
                    }
                    [None, None]
                }
                _ => [None, None],
            };
            self.note_two(&keys, Call::Hold, &outcome, told).await?;
            if held.is_err() {
                break;
            }
        }
        Ok(held)
    }

    /// A confirm or a cancellation of one dose that does the same to the other. The answer tells
    /// of the first; the second is read. Gives whether it was done.
    async fn write_of_two(&mut self, ask: &Ask, both: [HoldId; 2]) -> Result<bool, Lost> {
        let (keys, call) = (self.two_keys(), ask.call());
        for (key, hold) in keys.iter().zip(both) {
            let hold = Some(hold);
            let asked = Asked { call, hold, calendar: None, start: None, dose: None };
            self.note(key, Entry::Asked(asked)).await?;
        }
        let mut done = false;
        for manner in self.manners().into_iter().flatten() {
            let outcome = self.put(ask, &keys[0], manner).await;
            let mut told = [None, None];
            if let Outcome::Done(reply) = &outcome {
                done = true;
                let second = Ask::ReadAppointment { appointment: both[1].into() };
                let now = self.world.caller.clock.us();
                let read = self.world.caller.ask(&second, None, Manner::Plain, now).await;
                let other = match &read.outcome {
                    Outcome::Done(reply) => Entry::told(ask, reply),
                    _ => None,
                };
                told = [Entry::told(ask, reply), other];
            }
            self.note_two(&keys, call, &outcome, told).await?;
            if !done {
                break;
            }
        }
        Ok(done)
    }

    /// What became of two, where that is known.
    async fn note_two(
        &mut self,
        keys: &[String; 2],
        call: Call,
        outcome: &Outcome,
        told: [Option<Entry>; 2],
    ) -> Result<(), Lost> {
        for (key, told) in keys.iter().zip(told) {
            let entry = match (outcome, told) {
                (_, Some(told)) => told,
                (Outcome::Refused(it), None) => {
                    Entry::Refused { call, code: it.code.clone(), why: it.why.clone() }
                }
                (Outcome::Unclear(why), None) => Entry::Unknown { call, why: why.clone() },
                (Outcome::Done(_), None) => {
                    Entry::Unknown { call, why: "another kind of answer".to_owned() }
                }
            };
            self.note(key, entry).await?;
        }
        self.ready_us = self.world.caller.clock.us();
        Ok(())
    }

    /// The key of a request, and another under which its second line stands in the ledger.
    fn two_keys(&mut self) -> [String; 2] {
        let key = self.next_key();
        let second = format!("{key}-second");
        [key, second]
    }

    /// How a request is sent, and whether once more after its answer.
    fn manners(&mut self) -> [Option<Manner>; 2] {
        let (manner, again) = self.habit();
        [Some(manner), again.then_some(Manner::Again)]
    }
}

fn day(start: Timestamp) -> Date {
    start.to_jiff().to_zoned(TimeZone::UTC).date()
}

pub(super) fn stated(number: u8, band: &str) -> Stated {
    // A second ago, so that no clock of a server is behind it.
    let stated_at = wall().plus_ms(-1_000);
    Stated { number, band: band.to_owned(), stated_at, infected_at: None }
}
