//! The first free slot of several calendars: one hold, never two.

use std::collections::BTreeMap;
use std::sync::Arc;

use rkyv::rancor::Error as RkyvError;

use super::{Engine, answers, refused};
use crate::booking::{By, Details, Joined, Part, Rejection, Slot, schedule};
use crate::error::{Answer, Error};
use crate::ids::{CalendarId, PlaceId};
use crate::limits::{CLAIM_WAITS_MAX, FIRST_CALENDARS_MAX, FIRST_PASSED_MAX};
use crate::metrics::Asked;
use crate::planted::{self, Bug};
use crate::request::{Hold, HoldFirst, HoldSlot, Outcome};
use crate::runtime::{
    BookingState, Busy, Claim, Share, View, command_hash, expire, guard_keys, key_of,
};
use crate::time::Timestamp;

/// What the person may not have though it is free.
#[derive(Default)]
struct Passed {
    /// From when on the other slots of a calendar are looked at; none of it where it has no more.
    from: BTreeMap<CalendarId, Timestamp>,
    /// How often one was passed over.
    times: usize,
    /// What was said of the first.
    why: Option<Rejection>,
}

impl Engine {
    /// Holds the first free slot of several calendars for a person; which of those that begin at
    /// the same instant is left to chance. Where the person has a hold for this reason in one of
    /// them already, the answer is that hold, unchanged and not fresh.
    ///
    /// What a rule of one calendar keeps from the person, such as a day that is full, is passed
    /// over; that it was is said where none of the calendars has anything else.
    ///
    /// With parts, which other calendars have, it is the first slot for which all of them have room
    /// too. None of them is a calendar in which a slot is looked for.
    ///
    /// Refused as [`Rejection::Invalid`] where no calendar or too many are named, as
    /// [`Rejection::UnknownCalendar`], [`Rejection::UnknownPlace`], [`Rejection::UnknownReason`]
    /// where none of the calendars has it, as [`Rejection::SlotTaken`] where nothing is free, or as
    /// [`Engine::hold`] is.
    ///
    /// # Errors
    ///
    /// [`Error`] when the engine cannot answer; see its variants.
    pub async fn hold_first(&self, asked: HoldFirst) -> Answer<Outcome<Hold>> {
        self.counted(Asked::Hold, self.try_hold_first(asked).await)
    }

    async fn try_hold_first(&self, asked: HoldFirst) -> Answer<Outcome<Hold>> {
        self.shared().check()?;
        let found = self.calendars_of(&asked.calendars, asked.place, FIRST_CALENDARS_MAX);
        let mut calendars = match found {
            Ok(calendars) => calendars,
            Err(rejection) => return refused(rejection),
        };
        let mut asked = asked;
        let parts: Vec<CalendarId> =
            asked.details.parts().iter().map(|part| part.calendar).collect();
        let joined = Joined::whole(parts.iter().copied().map(Part::on).collect());
        asked.details = Details { joined, offer: None, wish: None, dose: None, ..asked.details };
        asked.details.booked_by = asked.details.booked_by.filter(|it| *it != asked.person);
        // The rooms of a place are calendars at it.
        calendars.retain(|calendar| !parts.contains(calendar));
        let checked = match calendars.first() {
            Some(any) => self.check_calendars(&asked.slot(*any, self.now())),
            None => {
                let (field, rule) = ("with".to_owned(), "must leave other calendars".to_owned());
                Err(Rejection::Invalid { field, rule })
            }
        };
        if let Err(rejection) = checked {
            return refused(rejection);
        }
        let print = print_of(&asked)?;
        // The name comes last here, and this turn first; nothing else waits for such a turn.
        let _turn = self.turn(&asked).await?;
        if self.is_known(&asked)?
            && let Some(calendar) = calendars.first()
        {
            // What is known by its name is told before anything is looked for.
            return self.hold_printed(asked.slot(*calendar, self.now()), print).await;
        }
        let mut passed = Passed::default();
        let mut lost = 0;
        while lost < CLAIM_WAITS_MAX {
            if let Some(value) = self.own_hold_in(&calendars, &asked)? {
                return Ok(Ok(Outcome { value, fresh: false }));
            }
            let slot = match self.first_free(&calendars, &asked, &passed).await? {
                Ok(slot) => slot,
                Err(rejection) => return refused(passed.why.unwrap_or(rejection)),
            };
            match self.hold_printed(asked.slot(slot.calendar, slot.start), print).await? {
                // Somebody was faster, or its start has passed: what is first now is another one.
                Err(Rejection::SlotTaken { .. } | Rejection::InThePast | Rejection::NoDose) => {
                    lost += 1;
                }
                Err(rejection) if passed.times < FIRST_PASSED_MAX => {
                    let Some(from) = self.after(&slot, &rejection).await? else {
                        return refused(rejection);
                    };
                    passed.from.insert(slot.calendar, from);
                    passed.times += 1;
                    passed.why.get_or_insert(rejection);
                }
                Err(rejection) => return refused(passed.why.unwrap_or(rejection)),
                answer => return Ok(answer),
            }
        }
        Err(self.contended())
    }

    /// From when on a calendar may have something for a person to whom it has refused a slot; none
    /// where the refusal is about the person or the request, and any calendar would say the same.
    async fn after(&self, slot: &Slot, refused: &Rejection) -> Result<Option<Timestamp>, Error> {
        if planted::is(Bug::FirstRefusedWhole) {
            return Ok(None);
        }
        Ok(match refused {
            // All of the day is.
            Rejection::DayFull { .. } => {
                let entry = self.directory().entry(slot.calendar);
                let view = self.directory().view(&entry).await?;
                let tomorrow = schedule::later(view.schedule.date_at(slot.start), 1);
                Some(view.schedule.midnight(tomorrow))
            }
            // Another start may be free of that; or what was found has changed since.
            Rejection::HeldTooOften
            | Rejection::PartClosed { .. }
            | Rejection::PartTaken { .. }
            | Rejection::TooSoon { .. }
            | Rejection::OffGrid { .. }
            | Rejection::BeyondHorizon { .. }
            | Rejection::OutsideOpenings => Some(slot.start.plus_ms(1)),
            // The reason is for others here.
            Rejection::PracticeOnly
            | Rejection::PatientsOnly { .. }
            | Rejection::VisitNotOffered { .. } => Some(Timestamp::from_millis(i64::MAX)),
            _ => None,
        })
    }

    /// The calendars that are named and those of a place, each once, at most `most`.
    pub(super) fn calendars_of(
        &self,
        named: &[CalendarId],
        place: Option<PlaceId>,
        most: usize,
    ) -> Result<Vec<CalendarId>, Rejection> {
        let index = &self.shared().index;
        let mut calendars = named.to_vec();
        if calendars.iter().any(|id| !index.knows(*id)) {
            return Err(Rejection::UnknownCalendar);
        }
        if let Some(place) = place {
            if !index.register().knows_place(place) {
                return Err(Rejection::UnknownPlace);
            }
            let all = CalendarId::from_bits(0);
            let there = |_, brief: &crate::runtime::Brief| brief.place == Some(place);
            calendars.extend(index.calendars(all, most + 1, there));
        }
        calendars.sort_unstable();
        calendars.dedup();
        if calendars.is_empty() || most < calendars.len() {
            let rule = format!("must be 1 to {most} together with the place's");
            return Err(Rejection::Invalid { field: "calendar_ids".to_owned(), rule });
        }
        Ok(calendars)
    }

    /// One at a time of a person's requests for a reason: the next one finds the hold of this one.
    async fn turn(&self, asked: &HoldFirst) -> Result<Option<Claim>, Error> {
        if planted::is(Bug::FirstTwice) {
            return Ok(None);
        }
        let (person, reason) = (asked.person.as_str().as_bytes(), asked.reason.as_str().as_bytes());
        loop {
            match self.shared().commands.claim(key_of(&[b"first turn", person, reason])) {
                Ok(claim) => return Ok(Some(claim)),
                Err(Busy::Pending(waiting)) => waiting.ended().await,
                Err(Busy::Kept(_)) => return Err(self.contended()),
            }
        }
    }

    fn is_known(&self, asked: &HoldFirst) -> Result<bool, Error> {
        let Some(key) = &asked.command else { return Ok(false) };
        Ok(self.shared().index.command(command_hash(key), self.now())?.is_some())
    }

    /// The person's live hold for this reason in one of the calendars, as far as a guard knows it.
    fn own_hold_in(
        &self,
        calendars: &[CalendarId],
        asked: &HoldFirst,
    ) -> Result<Option<Hold>, Error> {
        let shared = self.shared();
        let now = self.now();
        for calendar in calendars {
            for key in guard_keys(&shared.config.guards, *calendar, &asked.person) {
                let Some(Busy::Kept(hold)) = shared.guards.holder(key) else { continue };
                let Some(row) = shared.index.booking(hold, now)? else { continue };
                let lives =
                    matches!(row.state, BookingState::Held { deadline, .. } if now < deadline);
                let is_here = calendars.contains(&row.booking.calendar);
                if lives && is_here && row.booking.reason.id == asked.reason {
                    return Ok(Some(answers::hold_of(&row, self.shared().config.renewals)));
                }
            }
        }
        Ok(None)
    }

    async fn first_free(
        &self,
        calendars: &[CalendarId],
        asked: &HoldFirst,
        passed: &Passed,
    ) -> Answer<Slot> {
        let shared = self.shared();
        let rooms = self.rooms_of(asked).await?;
        // Any of those at the same instant, so that not all go to the same one.
        let any = shared.random.bits();
        let mut first: Option<(Timestamp, u128, Slot)> = None;
        let (mut is_known, mut is_away) = (false, false);
        for calendar in calendars {
            let entry = self.directory().entry(*calendar);
            let view = match self.directory().view(&entry).await {
                // One that was set apart keeps nobody from the others.
                Err(Error::CalendarUnavailable) => {
                    is_away = true;
                    continue;
                }
                view => view?,
            };
            shared.queue.durable(view.rests_on).await?;
            let Some(reason) = view.schedule.definition().reason(&asked.reason) else { continue };
            is_known = true;
            let now = shared.now();
            if view.has_due(now) {
                let _ = expire(self.directory().clone(), *calendar, Share::Hold).await;
            }
            let practice = asked.by == By::Practice;
            let (earliest, end) = view.schedule.window(reason, now, practice, view.horizon(now));
            let from = asked.from.unwrap_or(now).max(earliest);
            let from = passed.from.get(calendar).map_or(from, |passed| from.max(*passed));
            // What others have found already needs not be looked for beyond.
            let until = first.as_ref().map(|(start, ..)| start.plus_ms(1));
            let until = until.unwrap_or(Timestamp::from_millis(i64::MAX));
            let until = until.min(end);
            if until <= from {
                continue;
            }
            // The first for which a dose is left, or a room, may be far.
            let is_any = reason.rules.dose.is_none() && rooms.is_empty();
            let most = if is_any { 1 } else { usize::MAX };
            let mut found = view.slots(&asked.reason, from, until, most);
            shared.index.doses().retain(&view.schedule, &asked.reason, &mut found);
            let occupied = i64::from(reason.occupied_minutes());
            let has_room = |slot: &Slot| {
                let until = slot.start.plus_minutes(occupied);
                rooms.iter().all(|room| room.has_room(slot.start, until, now))
            };
            let found = found.into_iter().find(has_room);
            let found = found.map(|slot| (slot.start, calendar.bits() ^ any, slot));
            let is_first = |found: &(Timestamp, u128, Slot)| {
                first.as_ref().is_none_or(|best| (found.0, found.1) < (best.0, best.1))
            };
            first = found.filter(is_first).or(first);
        }
        Ok(match first {
            Some((.., slot)) => Ok(slot),
            None if is_known => Err(Rejection::SlotTaken { alternatives: Vec::new() }),
            None if is_away => return Err(Error::CalendarUnavailable),
            None => Err(Rejection::UnknownReason),
        })
    }
}

impl Engine {
    /// The calendars that have the parts, as they are seen.
    async fn rooms_of(&self, asked: &HoldFirst) -> Result<Vec<Arc<View>>, Error> {
        let shared = self.shared();
        let mut rooms = Vec::with_capacity(asked.details.parts().len());
        for part in asked.details.parts() {
            let entry = self.directory().entry(part.calendar);
            let view = self.directory().view(&entry).await?;
            shared.queue.durable(view.rests_on).await?;
            if view.has_due(shared.now()) {
                // What is past its deadline is free, and shall be seen so.
                let _ = expire(self.directory().clone(), part.calendar, Share::Hold).await;
            }
            rooms.push(view);
        }
        Ok(rooms)
    }
}

impl HoldFirst {
    fn slot(&self, calendar: CalendarId, start: Timestamp) -> HoldSlot {
        HoldSlot {
            calendar,
            start,
            reason: self.reason.clone(),
            person: self.person.clone(),
            details: self.details.clone(),
            by: self.by.clone(),
            overflow: false,
            dose: self.dose.clone(),
            command: self.command.clone(),
        }
    }
}

/// A hash of what is asked. Whether the practice asks is part of it, as it is of a hold.
fn print_of(asked: &HoldFirst) -> Result<u128, Error> {
    let calendars: Vec<u8> =
        asked.calendars.iter().flat_map(|id| id.bits().to_le_bytes()).collect();
    let details = rkyv::to_bytes::<RkyvError>(&asked.details).map_err(|_| Error::Failed)?;
    Ok(key_of(&[
        b"first",
        &calendars,
        &asked.place.map_or(0, crate::ids::PlaceId::bits).to_le_bytes(),
        &asked.from.map_or(i64::MIN, Timestamp::millis).to_le_bytes(),
        asked.reason.as_str().as_bytes(),
        asked.person.as_str().as_bytes(),
        &details,
        &[u8::from(asked.by == By::Practice)],
        &asked.dose.as_ref().map_or(0, |dose| dose.campaign.bits()).to_le_bytes(),
        &[asked.dose.as_ref().map_or(0, |dose| dose.number)],
    ]))
}
