//! Virtual clients: they search, hold, confirm, release, cancel and move, repeat themselves, hang
//! up, and do it all at the same instant where they can.

use std::time::Duration;

use super::ledger::{Ask, Told};
use super::plan;
use super::random::Dice;
use super::scene::{Scene, locked};
use super::{campaigning, registering};
use crate::booking::{
    Block, By, Change, Channel, Definition, Details, Joined, Mark, Part, Reason, Terms,
};
use crate::error::Error;
use crate::ids::{AppointmentId, CalendarId, CommandKey, HoldId, WishId};
use crate::request::{
    AskWish, ChangeCalendar, DelayCalendar, HoldFirst, HoldSlot, ListAppointments, ListCalendars,
    MarkAppointment, MoveAppointment, OfAppointment, OfHold, OfWish, OfferSlot, OfferTo,
};
use crate::time::Timestamp;

/// Days in which clients look for slots.
const DAYS: i64 = 14;

/// One client.
pub struct Client {
    /// What it shares with the others.
    pub scene: Scene,
    /// Its chance.
    pub dice: Dice,
}

/// How often a client does what.
const WEIGHTS: [u64; 20] = [34, 20, 7, 6, 14, 8, 4, 6, 3, 1, 4, 5, 6, 6, 4, 1, 6, 5, 4, 1];

impl Client {
    /// Acts for a while.
    pub async fn run(mut self) {
        let acts = self.dice.between(self.scene.plan.acts / 2, self.scene.plan.acts);
        for _ in 0..acts {
            self.pause().await;
            if self.dice.chance(self.scene.plan.plants) {
                self.plant().await;
            }
            if self.dice.chance(self.scene.plan.starvings) {
                self.starve().await;
            }
            self.act().await;
        }
    }

    async fn act(&mut self) {
        let share = self.scene.plan.campaigns;
        let about_campaigns = 0 < share && self.dice.chance(share);
        let ask = match self.dice.weighted(&WEIGHTS) {
            _ if about_campaigns => {
                let appointment = self.known_appointment();
                campaigning::wanted(&self.scene, &mut self.dice, appointment).await
            }
            0 => self.hold().await,
            1 => self.of_hold().map(Ask::Confirm),
            2 => self.of_hold().map(Ask::Release),
            3 => {
                let by = self.who();
                let named = |appointment| OfAppointment { appointment, by, command: None };
                self.known_appointment().map(named).map(Ask::Cancel)
            }
            4 => self.movement().await,
            5 => return self.repeat().await,
            6 => return self.reuse().await,
            7 => return self.look().await,
            8 => self.change(),
            9 => self.creation(),
            10 => return self.hold_at_once().await,
            11 => self.of_hold().map(Ask::Renew),
            12 => self.offer().await,
            13 => self.of_offer().map(Ask::Accept),
            14 => self.mark(),
            15 => self.delay(),
            16 => self.wish(),
            17 => self.answer().await,
            18 => self.register(),
            _ => self.withdraw(),
        };
        if let Some(ask) = ask {
            let name = self.name();
            self.put(ask.named(name)).await;
        }
    }

    /// Puts a request, and sometimes does not wait for the answer.
    async fn put(&mut self, ask: Ask) -> Option<Told> {
        let hangs_up = self.dice.chance(80);
        let (turns, ms) = (self.dice.below(12), self.dice.below(20));
        let by_time = self.dice.chance(500);
        let patience = async move {
            if !hangs_up {
                std::future::pending::<()>().await;
            }
            if by_time {
                tokio::time::sleep(Duration::from_millis(ms)).await;
            }
            for _ in 0..turns {
                tokio::task::yield_now().await;
            }
        };
        match Box::pin(self.scene.ask(ask, patience)).await {
            Some(Ok(Ok(told))) => Some(told),
            _ => None,
        }
    }

    fn name(&mut self) -> Option<CommandKey> {
        if self.dice.chance(600) { locked(&self.scene.book).fresh_name() } else { None }
    }

    fn calendar(&mut self) -> Option<(CalendarId, Definition)> {
        let book = locked(&self.scene.book);
        // The first is where everyone wants to go.
        let first = self.dice.chance(400);
        if first { book.calendars.first() } else { self.dice.pick(&book.calendars) }.cloned()
    }

    /// A hold that was told of; mostly a recent one.
    fn known_hold(&mut self) -> Option<HoldId> {
        let book = locked(&self.scene.book);
        let recent = book.holds.len().saturating_sub(12);
        let from = if self.dice.chance(800) { recent } else { 0 };
        self.dice.pick(book.holds.get(from..)?).copied()
    }

    fn of_hold(&mut self) -> Option<OfHold> {
        let by = self.who();
        self.known_hold().map(|hold| OfHold { hold, by, command: None })
    }

    /// Mostly an offer, and not long ago.
    fn of_offer(&mut self) -> Option<OfHold> {
        let offer = {
            let book = locked(&self.scene.book);
            let recent = book.records.iter().rev().take(200);
            let offers = recent.filter_map(|record| match (&record.ask, record.told()) {
                (Ask::Offer(_), Some(Told::Hold(outcome))) => Some(outcome.value.id),
                _ => None,
            });
            let offers: Vec<HoldId> = offers.take(4).collect();
            self.dice.pick(&offers).copied()
        };
        let by = self.who();
        let hold = if self.dice.chance(900) { offer } else { self.known_hold() };
        hold.map(|hold| OfHold { hold, by, command: None })
    }

    async fn offer(&mut self) -> Option<Ask> {
        let appointment = self.known_appointment()?;
        let (calendar, definition) = self.calendar()?;
        let slot = self.slot(calendar, &definition).await?;
        let to = match self.dice.chance(750) {
            true => OfferTo::Appointment(appointment),
            false => OfferTo::Person(slot.person, slot.reason),
        };
        let answer_ms = i64::try_from(self.dice.between(1_000, 900_000)).unwrap_or(1_000);
        let start = slot.start;
        Some(Ask::Offer(OfferSlot { calendar, start, to, answer_ms, command: None }))
    }

    fn mark(&mut self) -> Option<Ask> {
        let marks = [Mark::Arrived, Mark::Arrived, Mark::Fulfilled, Mark::NoShow];
        let mark = *self.dice.pick(&marks).unwrap_or(&Mark::Arrived);
        let named = |appointment| MarkAppointment { appointment, mark, command: None };
        self.known_appointment().map(named).map(Ask::Mark)
    }

    fn register(&mut self) -> Option<Ask> {
        let calendar = self.calendar().map(|(calendar, _)| calendar);
        let appointment = self.known_appointment();
        registering::wanted(&self.scene, &mut self.dice, (calendar, appointment))
    }

    fn delay(&mut self) -> Option<Ask> {
        let (calendar, _) = self.calendar()?;
        let minutes = *self.dice.pick(&[0, 5, 20, 721]).unwrap_or(&5);
        Some(Ask::Delay(DelayCalendar { calendar, minutes, command: None }))
    }

    /// Waits for a reason, mostly before an appointment or for anything at all.
    fn wish(&mut self) -> Option<Ask> {
        let (calendar, definition) = self.calendar()?;
        let appointment = if self.dice.chance(500) { self.known_appointment() } else { None };
        let mut reason = definition.reasons.get(self.dice.weighted(&[6, 3, 1]))?;
        let mut person = self.scene.plan.person(&mut self.dice)?;
        let mut calendars = vec![calendar];
        {
            let book = locked(&self.scene.book);
            if self.dice.chance(300) {
                calendars.extend(book.calendars.iter().map(|(id, _)| *id));
            }
            let told = book.records.iter().rev().filter_map(|record| match record.told() {
                Some(Told::Appointment(outcome)) => Some(&outcome.value),
                _ => None,
            });
            // Mostly whose it is.
            if let Some(id) = appointment
                && let Some(known) = told.take(60).find(|known| known.id == id)
            {
                person = known.person.clone();
                reason = definition.reason(&known.reason).unwrap_or(reason);
            }
        }
        let fitting = plan::fitting(reason);
        let hours = self.dice.chance(300).then(|| {
            let mut weekdays = Definition::weekdays("", "");
            plan::hours(&mut self.dice, &mut weekdays);
            weekdays.weekly_hours
        });
        Some(Ask::Wish(AskWish {
            calendars,
            place: None,
            reason: reason.id.clone(),
            person,
            booked_by: None,
            standing: fitting.standing,
            by_video: fitting.by_video,
            when: hours,
            from: None,
            until: None,
            instead_of: appointment,
        }))
    }

    fn known_wish(&mut self) -> Option<WishId> {
        let book = locked(&self.scene.book);
        let recent = book.wishes.len().saturating_sub(16);
        self.dice.pick(book.wishes.get(recent..)?).copied()
    }

    fn withdraw(&mut self) -> Option<Ask> {
        let by = self.who();
        self.known_wish().map(|wish| Ask::Withdraw(OfWish { wish, by }))
    }

    /// Takes what was offered to somebody who waits, or declines it.
    async fn answer(&mut self) -> Option<Ask> {
        let by = self.who();
        if self.dice.chance(300) {
            return campaigning::answered(&self.scene, &mut self.dice, by).await;
        }
        for _ in 0..4 {
            let wish = self.known_wish()?;
            let failed = self.scene.engine.status().ready == Err(Error::Failed);
            let seen = Box::pin(self.scene.engine.wish_info(wish)).await;
            self.scene.judge(failed, &"wish_info", seen.as_ref().map(|_| ()));
            let offers = seen.ok()?.ok()?.lists.into_iter().filter_map(|list| list.offer);
            let offers: Vec<HoldId> = offers.map(|offer| offer.id).collect();
            let Some(hold) = self.dice.pick(&offers).copied() else { continue };
            let answers = if self.dice.chance(650) { Ask::Accept } else { Ask::Release };
            return Some(answers(OfHold { hold, by, command: None }));
        }
        None
    }

    fn known_appointment(&mut self) -> Option<AppointmentId> {
        let book = locked(&self.scene.book);
        let recent = book.appointments.len().saturating_sub(12);
        let from = if self.dice.chance(800) { recent } else { 0 };
        self.dice.pick(book.appointments.get(from..)?).copied()
    }

    /// Where there was room a moment ago: often the first slot, which the others want too.
    async fn slot(&mut self, calendar: CalendarId, definition: &Definition) -> Option<HoldSlot> {
        let reason = self.dice.weighted(&[6, 3, 1]);
        let slots = self.scene.slots(calendar, definition, reason, DAYS).await.ok()?;
        let near = slots.len().min(3);
        let slot = match self.dice.below(3) {
            0 => self.dice.pick(&slots),
            _ => self.dice.pick(slots.get(..near)?),
        }?;
        let reason = definition.reasons.get(reason)?;
        let person = self.scene.plan.person(&mut self.dice)?;
        let (details, by) = self.how(reason);
        let mut details = details;
        details.joined = Joined::whole(self.parts(calendar));
        let reason = reason.id.clone();
        let overflow = by.is_practice() && self.dice.clone().chance(200);
        let (start, dose, command) = (slot.start, None, None);
        Some(HoldSlot { calendar, start, reason, person, details, by, overflow, dose, command })
    }

    /// Sometimes others too, and now and then such as cannot be had.
    fn parts(&mut self, calendar: CalendarId) -> Vec<Part> {
        if !self.dice.chance(250) {
            return Vec::new();
        }
        let book = locked(&self.scene.book);
        let odd = self.dice.chance(60);
        let others = book.calendars.iter().map(|(id, _)| *id).filter(|id| odd || *id != calendar);
        let others: Vec<CalendarId> = others.collect();
        let count = self.dice.between(1, 3);
        let mut parts: Vec<Part> = Vec::new();
        for id in (0..count).filter_map(|_| self.dice.pick(&others)) {
            if odd || parts.iter().all(|part| part.calendar != *id) {
                parts.push(Part::on(*id));
            }
        }
        parts
    }

    /// Who books, and how: mostly as the reason has it, sometimes for a relative.
    fn how(&mut self, reason: &Reason) -> (Details, By) {
        let mut dice = self.dice.clone().fork();
        let fitting = if dice.chance(950) { plan::fitting(reason) } else { Terms::default() };
        let practice = fitting.practice || dice.chance(150);
        let relative = dice.chance(200).then(|| self.scene.plan.person(&mut dice)).flatten();
        let details = Details {
            booked_by: relative,
            standing: fitting.standing,
            by_video: fitting.by_video,
            channel: if practice { Channel::Phone } else { Channel::Online },
            offer: None,
            ..Details::default()
        };
        (details, if practice { By::Practice } else { By::Unsaid })
    }

    /// In whose name something is asked that was booked before: mostly nobody says.
    fn who(&mut self) -> By {
        let mut dice = self.dice.clone().fork();
        match dice.below(10) {
            0 | 1 => By::Practice,
            2 => self.scene.plan.person(&mut dice).map_or(By::Unsaid, By::Person),
            _ => By::Unsaid,
        }
    }

    async fn hold(&mut self) -> Option<Ask> {
        let (calendar, definition) = self.calendar()?;
        let mut asked = self.slot(calendar, &definition).await?;
        match self.dice.below(30) {
            0 => asked.start = asked.start.plus_ms(60_000),
            1 => asked.start = asked.start.plus_minutes(-60 * 24),
            2 => asked.start = asked.start.plus_minutes(5),
            _ => {}
        }
        // What was free is taken by others meanwhile.
        if self.dice.chance(200) {
            self.pause().await;
        }
        let mut more = self.dice.clone().fork();
        Some(if more.chance(80) { self.first(asked) } else { Ask::Hold(asked) })
    }

    /// The first free slot instead, in this calendar or in any.
    fn first(&mut self, asked: HoldSlot) -> Ask {
        let HoldSlot { calendar, start, reason, person, details, by, command, .. } = asked;
        let mut calendars = vec![calendar];
        if (start.millis() / 300_000) % 2 == 0 {
            let book = locked(&self.scene.book);
            calendars.extend(book.calendars.iter().map(|(id, _)| *id));
        }
        let (place, from) = (None, None);
        Ask::First(HoldFirst {
            calendars,
            place,
            reason,
            from,
            person,
            details,
            by,
            dose: None,
            command,
        })
    }

    /// Many persons and the same one want the same slot at the same instant.
    async fn hold_at_once(&mut self) {
        let Some((calendar, definition)) = self.calendar() else { return };
        let Some(asked) = self.slot(calendar, &definition).await else { return };
        let rivals = self.dice.between(2, 5);
        let mut tasks = Vec::new();
        let shared_name = self.name();
        for _ in 0..rivals {
            let mut asked = asked.clone();
            if self.dice.chance(500) {
                asked.person = self.scene.plan.person(&mut self.dice).unwrap_or(asked.person);
            }
            let name = if self.dice.chance(500) { shared_name.clone() } else { self.name() };
            let scene = self.scene.clone();
            let ask = Ask::Hold(asked).named(name);
            tasks.push(tokio::spawn(async move {
                Box::pin(scene.ask(ask, std::future::pending())).await;
            }));
        }
        for task in tasks {
            if let Err(error) = task.await {
                self.scene.violated(error.to_string());
            }
        }
    }

    async fn movement(&mut self) -> Option<Ask> {
        let appointment = self.known_appointment()?;
        let (calendar, definition) = self.calendar()?;
        let slot = self.slot(calendar, &definition).await?;
        let elsewhere = self.dice.chance(650);
        let calendar = elsewhere.then_some(calendar);
        Some(Ask::Move(MoveAppointment {
            appointment,
            start: slot.start,
            calendar,
            by: self.who(),
            command: None,
        }))
    }

    fn change(&mut self) -> Option<Ask> {
        let (calendar, mut definition) = self.calendar()?;
        let mut change = Change::default();
        let mut more = self.dice.clone().fork();
        match self.dice.below(4) {
            0 => {
                plan::hours(&mut self.dice, &mut definition);
                change.weekly_hours = Some(definition.weekly_hours);
            }
            1 => change.lanes = u16::try_from(self.dice.between(1, 4)).ok(),
            2 => {
                let mut reasons = plan::reasons(&mut self.dice);
                plan::rules(&mut more, &mut reasons);
                change.reasons = Some(reasons);
            }
            _ => change.horizon_days = u16::try_from(self.dice.between(2, 25)).ok(),
        }
        let now = self.scene.engine.now();
        let today = plan::date_at(now);
        match more.below(10) {
            0 => change.templates = Some(plan::templates(&mut more, today)),
            1 => change.exceptions = Some(plan::exceptions(&mut more, today)),
            2 => change.absences = Some(plan::absences(&mut more, now)),
            3 => change.public_holidays = Some(plan::holidays(&mut more)),
            4 => change.change_until_minutes = Some(plan::change_until(&mut more)),
            5 => change.overflow_lanes = Some(*more.pick(&[0, 1, 2]).unwrap_or(&1)),
            6 => change.holds_again = Some(plan::holds_again(&mut more)),
            7 => {
                let absence = plan::absences(&mut more, now).pop();
                let only_free = more.chance(500);
                change.block = absence.map(|absence| Block { absence, only_free });
            }
            _ => {}
        }
        let version = self.dice.chance(200).then_some(1);
        Some(Ask::Change(ChangeCalendar { calendar, change, version, command: None }))
    }

    fn creation(&mut self) -> Option<Ask> {
        let number = self.dice.below(12);
        (locked(&self.scene.book).calendars.len() < 8).then(|| {
            let now = self.scene.engine.now();
            Ask::Create(plan::definition(&mut self.dice, number, now), None)
        })
    }

    /// Puts something again that was put before, under the same name.
    async fn repeat(&mut self) {
        let ask = {
            let mut book = locked(&self.scene.book);
            let recent = book.records.len().saturating_sub(40);
            let from = if self.dice.chance(700) { recent } else { 0 };
            book.counts.repeated += 1;
            let records = book.records.get(from..).unwrap_or_default();
            self.dice.pick(records).map(|record| record.ask.clone())
        };
        if let Some(ask) = ask.filter(|ask| ask.command().is_some()) {
            self.put(ask).await;
        }
    }

    /// Puts one thing under the name of another.
    async fn reuse(&mut self) {
        let (ask, name) = {
            let book = locked(&self.scene.book);
            let ask = self.dice.pick(&book.records).map(|record| record.ask.clone());
            let name = self.dice.pick(&book.records);
            (ask, name.and_then(|record| record.ask.command().cloned()))
        };
        if let (Some(ask), Some(name)) = (ask, name) {
            self.put(ask.named(Some(name))).await;
        }
    }

    /// Asks for information.
    async fn look(&mut self) {
        let engine = self.scene.engine.clone();
        let failed = engine.status().ready == Err(Error::Failed);
        locked(&self.scene.book).counts.operations += 1;
        let seen = match self.dice.below(5) {
            0 => {
                let Some(hold) = self.known_hold() else { return };
                Box::pin(engine.hold_info(hold)).await.map(|info| format!("{info:?}"))
            }
            1 => {
                let Some(appointment) = self.known_appointment() else { return };
                engine.appointment(appointment).await.map(|found| format!("{found:?}"))
            }
            2 => {
                let Some(person) = self.scene.plan.person(&mut self.dice) else { return };
                let asked = ListAppointments { person, cursor: None, limit: 1_000 };
                engine.appointments(asked).await.map(|found| format!("{found:?}"))
            }
            3 => {
                let Some((calendar, _)) = self.calendar() else { return };
                engine.calendar(calendar).await.map(|found| format!("{found:?}"))
            }
            _ => {
                let asked = ListCalendars { limit: 1_000, ..ListCalendars::default() };
                engine.calendars(asked).await.map(|found| format!("{found:?}"))
            }
        };
        self.scene.judge(failed, &"look", seen.as_ref().map(|_| ()));
        locked(&self.scene.book).trace(&format!("{} {seen:?}", engine.now()));
    }

    /// Has an actor fail. Its calendar is not asked before, so that it may be asleep.
    async fn plant(&mut self) {
        let Some((calendar, _)) = self.calendar() else { return };
        {
            let mut harm = locked(&self.scene.harm);
            let times = harm.planted.entry(calendar).or_default();
            // Quarantine is tried by seeds that plant often.
            if 1 <= *times && self.scene.plan.plants < 15 {
                return;
            }
            *times += 1;
        }
        locked(&self.scene.book).counts.planted += 1;
        let _ = self.scene.engine.plant_failure(calendar).await;
    }

    /// Nothing runs for a while, as when a machine sleeps.
    async fn starve(&mut self) {
        let ms = match self.dice.below(4) {
            0 => self.dice.between(1_000, 9_000),
            1 => self.dice.between(60_000, 3_600_000),
            _ => self.dice.between(1_000, 4 * 24 * 3_600_000),
        };
        let from = self.scene.engine.now();
        {
            let mut book = locked(&self.scene.book);
            book.counts.starved += 1;
            let until = from.plus_ms(i64::try_from(ms).unwrap_or(0));
            book.unaware.push((from, until));
        }
        locked(&self.scene.harm).starved = true;
        tokio::time::advance(Duration::from_millis(ms)).await;
    }

    /// Waits: not at all, a little, until the engine's own round, or until a deadline.
    async fn pause(&mut self) {
        let ms = match self.dice.weighted(&[30, 30, 18, 10, 12]) {
            0 => 0,
            1 => self.dice.below(8),
            2 => self.until_round(),
            3 => self.until_deadline(),
            _ => self.dice.below(1_500),
        };
        if self.dice.chance(self.scene.plan.long_pauses) {
            let idle = u64::try_from(self.scene.plan.config.idle.as_millis()).unwrap_or(0);
            tokio::time::sleep(Duration::from_millis(self.dice.below(idle * 3))).await;
            let rest = self.until_round();
            tokio::time::sleep(Duration::from_millis(rest)).await;
        }
        if 0 < ms {
            tokio::time::sleep(Duration::from_millis(ms)).await;
        }
        for _ in 0..self.dice.below(4) {
            tokio::task::yield_now().await;
        }
    }

    /// Milliseconds until the instant at which idle calendars are put to sleep.
    fn until_round(&self) -> u64 {
        let open = u64::try_from(self.scene.opened.elapsed().as_millis()).unwrap_or(0);
        1_000 - open % 1_000
    }

    /// Milliseconds until a hold ends, or a moment before or after.
    fn until_deadline(&mut self) -> u64 {
        let now = self.scene.engine.now();
        let deadline = {
            let book = locked(&self.scene.book);
            let held =
                book.records.iter().rev().take(60).filter_map(|record| match record.told() {
                    Some(Told::Hold(outcome)) => outcome.value.expires_at,
                    _ => None,
                });
            held.filter(|deadline| now < *deadline).min()
        };
        let left = |deadline: Timestamp| deadline.millis() - now.millis();
        let ms = deadline.map_or(0, left) + i64::try_from(self.dice.below(9)).unwrap_or(0) - 4;
        u64::try_from(ms.clamp(0, 900_000)).unwrap_or(0)
    }
}
