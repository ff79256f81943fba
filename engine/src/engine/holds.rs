//! Holding a slot. What becomes of holds is in [`held`](super::held).

use std::borrow::Cow;
use std::sync::Arc;

use rkyv::rancor::Error as RkyvError;

use super::joint::Admitted;
use super::{Engine, Named, answers, refused};
use crate::booking::{By, Command, Details, Guard, Joined, Part, Rejection, Terms};
use crate::campaign::{Dose, Record};
use crate::config::Config;
use crate::error::{Answer, Error};
use crate::ids::{CalendarId, CommandKey, HoldId};
use crate::journal::Remembered;
use crate::limits::CLAIM_WAITS_MAX;
use crate::metrics::Asked;
use crate::request::{Hold, HoldSlot, Outcome};
use crate::runtime::sync::yield_now;
use crate::runtime::{
    BookingState, Busy, Claim, Doses, Entry, Joint, Permit, Reservation, Share, SlotClaim, Verdict,
    View, Work, command_hash, expire, guard_key, guard_keys, key_of, lane_hint,
};

/// How an attempt at a hold stands before its calendar is asked.
pub(super) enum Attempt {
    /// Everything is claimed.
    Won(Won),
    /// The person holds this very slot.
    Own(Hold),
    Refused(Rejection),
    /// Another request of the person is under way.
    Wait(crate::runtime::Waiting),
    /// What stands in the way is past its deadline.
    Due(CalendarId),
    /// What stands in the way, a hold as far as is known, is not durable yet.
    Settle(HoldId),
}

/// All that a hold has claimed, and what it is to be.
pub(super) struct Won {
    pub(super) hold: HoldId,
    pub(super) entry: Arc<Entry>,
    pub(super) permit: Permit,
    pub(super) reservation: Reservation,
    pub(super) dose: Option<Dose>,
    guards: Vec<Guard>,
}

/// A hold as it is asked of its calendar.
pub(super) struct Wanted {
    pub(super) slot: HoldSlot,
    /// Milliseconds that an offer lasts; as long as any hold if none.
    lasts_ms: Option<i64>,
}

impl Wanted {
    /// An offer that lasts so long. It claims no guards: nobody asked for it.
    pub(super) fn offer(slot: HoldSlot, lasts_ms: i64) -> Self {
        Self { slot, lasts_ms: Some(lasts_ms) }
    }

    /// A hold that lasts as long as any.
    pub(super) fn plain(slot: HoldSlot) -> Self {
        Self { slot, lasts_ms: None }
    }

    fn guards<'a>(&self, config: &'a Config, doses: &Doses) -> Cow<'a, [Guard]> {
        let plain: &[Guard] = if self.lasts_ms.is_some() { &[] } else { &config.guards };
        // What is offered to an appointment is a dose that its person has.
        let offered = self.slot.details.dose.as_deref().filter(|_| self.slot.is_for_the_line());
        let campaign = self.slot.dose.as_ref().map(|dose| dose.campaign);
        match campaign.or(offered.map(|dose| dose.campaign)) {
            None => Cow::Borrowed(plain),
            Some(campaign) => Cow::Owned([plain, &[doses.guard(campaign)]].concat()),
        }
    }
}

/// What a hold asks, to tell its repeats from other commands under its name.
pub(super) fn hold_print(asked: &HoldSlot) -> Result<u128, Error> {
    let (calendar, start) = (asked.calendar.bits().to_le_bytes(), asked.start.millis());
    let start = start.to_le_bytes();
    let (reason, person) = (asked.reason.as_str().as_bytes(), asked.person.as_str().as_bytes());
    let plain: [&[u8]; 5] = [b"hold", &calendar, &start, reason, person];
    let plainly = asked.by == By::Unsaid && !asked.overflow && asked.dose.is_none();
    if plainly && asked.details == Details::default() {
        return Ok(key_of(&plain));
    }
    let details = rkyv::to_bytes::<RkyvError>(&asked.details).map_err(|_| Error::Failed)?;
    let overflow = [u8::from(asked.overflow)];
    let more: [&[u8]; 3] = [&details, asked.by.print(), &overflow];
    let Some(dose) = &asked.dose else { return Ok(key_of(&[&plain[..], &more].concat())) };
    // What is stated of the person is stated anew each time.
    let (campaign, number) = (dose.campaign.bits().to_le_bytes(), [dose.number]);
    Ok(key_of(&[&plain[..], &more, &[&campaign, &number]].concat()))
}

/// What a command about a booking asks.
pub(super) fn print_of(what: &[u8], hold: HoldId, by: &By) -> u128 {
    let bits = hold.bits().to_le_bytes();
    match by {
        By::Unsaid => key_of(&[what, &bits]),
        by => key_of(&[what, &bits, by.print()]),
    }
}

impl Engine {
    /// Holds a slot for a person for as long as the configuration says. Where the person holds
    /// this very slot already, the answer is that hold, unchanged and not fresh.
    ///
    /// Refused as [`Rejection::CommandReused`], [`Rejection::UnknownCalendar`],
    /// [`Rejection::UnknownReason`], [`Rejection::PracticeOnly`], [`Rejection::PatientsOnly`],
    /// [`Rejection::VisitNotOffered`], [`Rejection::OffGrid`], [`Rejection::InThePast`],
    /// [`Rejection::TooSoon`], [`Rejection::BeyondHorizon`], [`Rejection::OutsideOpenings`],
    /// [`Rejection::NotEligible`], [`Rejection::NoDose`], [`Rejection::SlotTaken`] with the
    /// nearest free slots, [`Rejection::PersonHasHold`], [`Rejection::DayFull`] or
    /// [`Rejection::HeldTooOften`].
    ///
    /// With parts, which other calendars have, all of them are held or nothing is: refused as
    /// [`Rejection::PartClosed`] or [`Rejection::PartTaken`] where one of them has no room.
    ///
    /// # Errors
    ///
    /// [`Error`] when the engine cannot answer; see its variants.
    pub async fn hold(&self, asked: HoldSlot) -> Answer<Outcome<Hold>> {
        if let Some(rejection) = self.refused_at_once(&asked) {
            return self.counted(Asked::Hold, refused(rejection));
        }
        let mut slot = asked;
        // Only the practice makes offers, and by a request of their own.
        (slot.details.offer, slot.details.wish, slot.details.dose) = (None, None, None);
        // Who books for themselves need not say so.
        slot.details.booked_by = slot.details.booked_by.filter(|it| *it != slot.person);
        // Apart, so that those who are told at once have no large future to move.
        let held = Box::pin(self.hold_as(Wanted { slot, lasts_ms: None })).await;
        self.counted(Asked::Hold, held)
    }

    /// The refusal of a slot that others have, or of a dose that may not be theirs or that there is
    /// not, where that can be said from what is in memory and without a claim: what nearly all of a
    /// surge is told. Everything else takes the long way.
    ///
    /// It looks at the slot first. Whoever took it had noted its command's name before. So a repeat
    /// of that command, which finds the slot taken by itself, finds its name too. A person who has
    /// a hold may be asking for it again.
    fn refused_at_once(&self, asked: &HoldSlot) -> Option<Rejection> {
        let shared = self.shared();
        let guards = &shared.config.guards;
        // Without a guard only the calendar can tell whose hold is in the way. No word stands for
        // the lanes of the practice alone.
        if guards.is_empty() || asked.overflow || shared.check().is_err() {
            return None;
        }
        let now = shared.now();
        let view = self.directory().seen(asked.calendar, now)?;
        let terms = Terms::new(&asked.details, &asked.by);
        let place = view.place(&asked.reason, asked.start, now, terms).ok()?;
        if view.has_due(now) {
            return None;
        }
        let no_dose = match place.reason.rules.dose.is_some() || asked.dose.is_some() {
            true => self.dose_refused(asked, &view.schedule, place.reason),
            false => None,
        };
        if no_dose.is_none() && !view.table().is_taken(view.bits(place.range)?) {
            return None;
        }
        let is_unknown = |key: &CommandKey| shared.index.names().is_unknown(command_hash(key));
        if !asked.command.as_ref().is_none_or(is_unknown) {
            return None;
        }
        let key = |guard: &Guard| guard_key(guard, asked.calendar, &asked.person);
        if guards.iter().any(|guard| shared.guards.is_held(key(guard))) {
            return None;
        }
        if let Some(dose) = &asked.dose
            && shared.guards.is_held(key(&shared.index.doses().guard(dose.campaign)))
        {
            return None;
        }
        let alternatives = || self.alternatives(&view, &asked.reason, asked.start, now);
        Some(no_dose.unwrap_or_else(|| Rejection::SlotTaken { alternatives: alternatives() }))
    }

    pub(super) async fn hold_as(&self, wanted: Wanted) -> Answer<Outcome<Hold>> {
        self.shared().check()?;
        if wanted.slot.overflow && !wanted.slot.by.is_practice() {
            return refused(Rejection::PracticeOnly);
        }
        let mut wanted = wanted;
        // The engine names the parts; what is asked for are their calendars.
        let on = |part: &Part| Part::on(part.calendar);
        let parts = wanted.slot.details.parts().iter().map(on).collect();
        wanted.slot.details.joined = Joined::whole(parts);
        let print = hold_print(&wanted.slot)?;
        self.wanted_printed(&wanted, print).await
    }

    /// As [`Engine::hold`], for a command of this content.
    pub(super) async fn hold_printed(&self, slot: HoldSlot, print: u128) -> Answer<Outcome<Hold>> {
        self.wanted_printed(&Wanted { slot, lasts_ms: None }, print).await
    }

    async fn wanted_printed(&self, wanted: &Wanted, print: u128) -> Answer<Outcome<Hold>> {
        let asked = &wanted.slot;
        let most = self.shared().config.renewals;
        let (mut named, mut settled) = (None, None);
        for _ in 0..CLAIM_WAITS_MAX {
            // The name comes before everything else that is claimed, here and everywhere, so that
            // no two requests wait for each other.
            let name = match named.take() {
                Some(name) => name,
                None => match self.named(asked.command.as_ref(), print).await? {
                    Named::Fresh(name) => name,
                    Named::Repeat(events) => {
                        let value = answers::held(&events, most).ok_or(Error::OutcomeUnknown)?;
                        return Ok(Ok(Outcome { value, fresh: true }));
                    }
                    Named::Reused => return refused(Rejection::CommandReused),
                },
            };
            if let Err(rejection) = self.check_calendars(asked) {
                return refused(rejection);
            }
            match self.attempt(wanted, settled, None).await? {
                Attempt::Won(won) => {
                    let command = self.hold_command(wanted, &won);
                    let Won { entry, permit, reservation, .. } = won;
                    let verdict = match asked.details.parts().is_empty() {
                        true => {
                            let work = Work::Hold { command, reservation };
                            self.ask(&entry, permit, work, name).await?
                        }
                        false => {
                            let what = Joint::Hold { command, reservation };
                            self.hold_with_parts(asked, (entry, permit), what, name).await?
                        }
                    };
                    match verdict {
                        Verdict::Decided { events } => {
                            let value =
                                answers::held(&events, most).ok_or(Error::OutcomeUnknown)?;
                            return Ok(Ok(Outcome { value, fresh: true }));
                        }
                        Verdict::Refused(rejection) => return refused(rejection),
                        Verdict::Own(own) => {
                            let value = answers::live_hold(&own, most);
                            return Ok(Ok(Outcome { value, fresh: false }));
                        }
                        // The calendar gives an own hold itself, and `ask` a failure.
                        Verdict::Already | Verdict::Failed(_) => return Err(Error::OutcomeUnknown),
                    }
                }
                Attempt::Own(value) => return Ok(Ok(Outcome { value, fresh: false })),
                Attempt::Refused(rejection) => return refused(rejection),
                Attempt::Wait(waiting) => waiting.ended().await,
                Attempt::Due(calendar) => {
                    expire(self.directory().clone(), calendar, Share::Hold).await?
                }
                Attempt::Settle(hold) => {
                    let queue = &self.shared().queue;
                    queue.durable(queue.last_submitted()).await?;
                    // What is durable is in the index a moment before; what is claimed meanwhile
                    // needs its turn.
                    yield_now().await;
                    settled = Some(hold);
                }
            }
            named = Some(name);
        }
        Err(self.contended())
    }

    pub(super) fn hold_command(&self, wanted: &Wanted, won: &Won) -> Command {
        let Won { hold, reservation, dose, guards, .. } = won;
        let config = &self.shared().config;
        let asked = &wanted.slot;
        let mut details = asked.details.clone();
        details.joined = Joined::whole(self.with_ids(details.parts()));
        details.dose = dose.clone().map(Box::new);
        Command::Hold {
            hold: *hold,
            person: asked.person.clone(),
            reason: asked.reason.clone(),
            start: asked.start,
            lane: reservation.slot.as_ref().map_or(u16::MAX, |slot| slot.lane),
            hold_ms: wanted.lasts_ms.unwrap_or_else(|| config.hold_ms()),
            guards: guards.clone(),
            details,
            by: asked.by.clone(),
            overflow: asked.overflow,
        }
    }

    async fn hold_with_parts(
        &self,
        asked: &HoldSlot,
        own: Admitted,
        what: Joint,
        named: Option<(Remembered, Claim)>,
    ) -> Result<Verdict, Error> {
        let others = asked.details.parts().iter().map(|part| part.calendar);
        let mut admitted = self.admitted(others, Share::Hold)?;
        admitted.push(own);
        let ends = (asked.calendar, asked.calendar);
        Box::pin(self.joint(admitted, ends, what, named)).await
    }

    /// Claims all that a hold needs, in the fixed order: slot bits, then person guards.
    /// The second of two goes with the record of the first, which has claimed the guards.
    pub(super) async fn attempt(
        &self,
        wanted: &Wanted,
        settled: Option<HoldId>,
        together: Option<&Record>,
    ) -> Result<Attempt, Error> {
        let (shared, asked) = (self.shared(), &wanted.slot);
        let (entry, permit) = self.directory().admit(asked.calendar, Share::Hold)?;
        // Known first: a person gets their own hold back even where the hours have changed since.
        let guards = wanted.guards(&shared.config, shared.index.doses());
        let kept = if together.is_some() { &[] } else { &*guards };
        let keys = guard_keys(kept, asked.calendar, &asked.person);
        let other = match self.known(asked, &keys, settled)? {
            Ok(other) => other,
            Err(attempt) => return Ok(attempt),
        };
        let view = self.directory().view(&entry).await?;
        let terms = Terms::new(&asked.details, &asked.by);
        let place = match view.place(&asked.reason, asked.start, shared.now(), terms) {
            Ok(place) => place,
            Err(rejection) => {
                shared.queue.durable(view.rests_on).await?;
                return Ok(Attempt::Refused(rejection));
            }
        };
        let dose = match self.dose_wanted(asked, &view.schedule, place.reason) {
            Ok(dose) => dose,
            Err(rejection) => {
                shared.queue.durable(view.rests_on).await?;
                return Ok(Attempt::Refused(rejection));
            }
        };
        let bits = view.bits(place.range).ok_or_else(|| self.contended())?;
        let hold = HoldId::from_bits(shared.random.bits());
        // No word stands for the lanes of the practice.
        let any = || SlotClaim::any_lane(&view, bits, lane_hint(hold));
        let slot = if asked.overflow { None } else { any() };
        // Where no guard tells whose hold is in the way, it may be the person's own.
        if slot.is_none() && !keys.is_empty() && !asked.overflow {
            return Ok(self.lost(asked, &view));
        }
        if let Some(hold) = other {
            return Ok(Attempt::Refused(Rejection::PersonHasHold { hold }));
        }
        let mut claims: Vec<Claim> = Vec::with_capacity(keys.len());
        for key in keys {
            match shared.guards.claim(key) {
                Ok(claim) => claims.push(claim),
                Err(Busy::Pending(waiting)) => return Ok(Attempt::Wait(waiting)),
                Err(Busy::Kept(hold)) => return Ok(Attempt::Settle(hold)),
            }
        }
        let (dose, claim) = match dose {
            None => (None, None),
            Some(dose) => match self.dose_won(asked, dose, (settled, together))? {
                Ok((dose, claim)) => (Some(dose), Some(claim)),
                Err(attempt) => return Ok(attempt),
            },
        };
        let reservation = Reservation { slot, guards: claims, dose: claim };
        let guards = kept.to_vec();
        Ok(Attempt::Won(Won { hold, entry, permit, reservation, dose, guards }))
    }

    /// Whether the person has a hold that a guard counts: another one, or an answer at once.
    fn known(
        &self,
        asked: &HoldSlot,
        keys: &[u128],
        settled: Option<HoldId>,
    ) -> Result<Result<Option<HoldId>, Attempt>, Error> {
        let shared = self.shared();
        let now = shared.now();
        let mut other = None;
        for key in keys {
            let hold = match shared.guards.holder(*key) {
                None => continue,
                Some(Busy::Pending(waiting)) => return Ok(Err(Attempt::Wait(waiting))),
                Some(Busy::Kept(hold)) => hold,
            };
            let Some(row) = shared.index.booking(hold, now)? else {
                // Once all is durable that was under way with it, it is long over, and its calendar
                // failed before it gave the guard back.
                if settled == Some(hold) {
                    shared.guards.release(*key, hold);
                }
                return Ok(Err(Attempt::Settle(hold)));
            };
            let BookingState::Held { deadline, .. } = row.state else {
                // It is given back before its end is durable, unless its calendar failed between.
                shared.guards.release(*key, hold);
                return Ok(Err(Attempt::Settle(hold)));
            };
            let booking = &row.booking;
            if deadline <= now {
                return Ok(Err(Attempt::Due(booking.calendar)));
            }
            let same_slot = booking.calendar == asked.calendar
                && booking.span.start == asked.start
                && booking.reason.id == asked.reason;
            if same_slot {
                let most = shared.config.renewals;
                return Ok(Err(Attempt::Own(answers::hold_of(&row, most))));
            }
            other = other.or(Some(hold));
        }
        Ok(Ok(other))
    }

    fn lost(&self, asked: &HoldSlot, view: &View) -> Attempt {
        let now = self.shared().now();
        if view.has_due(now) {
            return Attempt::Due(asked.calendar);
        }
        let alternatives = self.alternatives(view, &asked.reason, asked.start, now);
        Attempt::Refused(Rejection::SlotTaken { alternatives })
    }
}
