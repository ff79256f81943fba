//! Going through the lines of campaigns: whoever comes first is offered what comes free.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::super::holds::Wanted;
use super::Engine;
use super::wanted::stated_before;
use crate::booking::wishes::has_passed;
use crate::booking::{By, Reason, Rejection, Schedule, Stocked};
use crate::campaign::{Asked, Campaign, DoseRule, Facts, Record, Recorded};
use crate::error::Error;
use crate::ids::{CalendarId, ReasonId};
use crate::planted::{self, Bug};
use crate::request::{Hold, HoldSlot, OfWish, Outcome};
use crate::runtime::lines::{Line, LineRow};
use crate::runtime::{Claimant, Share, View, expire, sync};
use crate::time::Timestamp;

/// How often all lines are gone through for which something is left: what comes to be bookable by
/// the clock alone rings for nobody.
const LOOKS_EVERY: Duration = Duration::from_secs(60);

/// How long a line rests after a round.
const BETWEEN: Duration = Duration::from_millis(10);

/// How long a line waits that could not be gone through.
const TRIES_AGAIN: Duration = Duration::from_millis(500);

/// The shortest time to answer, in milliseconds.
pub(super) const ANSWER_LEAST_MS: i64 = 60_000;

/// Free slots that are tried for one person, where others take them meanwhile.
pub(super) const SLOTS_TRIED_MAX: usize = 8;

/// How long who finds a line being gone through waits until it looks again.
pub(super) const LOOKS_AGAIN: Duration = BETWEEN;

/// Who waits, and by what rules.
pub(super) struct Who<'a> {
    row: &'a LineRow,
    version: u32,
    campaign: Arc<Campaign>,
    records: Vec<Record>,
    facts: Facts,
}

/// What those who wait are offered, and on what terms.
pub(super) struct Offering {
    /// On these calendars.
    pub(super) calendars: Vec<CalendarId>,
    /// What starts from the first of these on, before the second.
    pub(super) within: (Timestamp, Timestamp),
    /// Milliseconds to answer.
    pub(super) answer_ms: i64,
}

impl Engine {
    /// Goes through lines from now on, until the engine stops.
    pub(in super::super) fn keep_lines(&self) {
        let shared = self.shared().clone();
        let inner = Arc::downgrade(&self.inner);
        let mut stop = self.inner.stop.subscribe();
        sync::spawn(async move {
            let bell = shared.index.doses().bell().clone();
            loop {
                let goes_on = sync::select! {
                    biased;
                    _ = stop.wait_for(|stopped| *stopped) => false,
                    () = bell.rings() => true,
                    () = sync::sleep(LOOKS_EVERY) => {
                        shared.index.doses().ring_all();
                        true
                    }
                };
                let goes_on = goes_on && shared.check().is_ok();
                let Some(inner) = inner.upgrade().filter(|_| goes_on) else { return };
                let engine = Self { inner };
                for stocked in bell.rung() {
                    let engine = engine.clone();
                    sync::spawn(async move { engine.go_through(&stocked).await });
                }
            }
        });
    }

    /// Goes through a line until it has been asked about all that came free.
    async fn go_through(&self, stocked: &Stocked) {
        let Some(line) = self.shared().index.doses().line(stocked) else { return };
        while let Some(round) = line.begin() {
            match Box::pin(self.round(stocked, &line)).await {
                Ok(()) => {
                    round.end();
                    // What one round has freed itself, as a hold that was due, waits for the next.
                    sync::sleep(BETWEEN).await;
                }
                Err(error) => {
                    drop(round);
                    if self.shared().check().is_err() {
                        return;
                    }
                    tracing::warn!(%error, "a line could not be gone through; again in a moment");
                    sync::sleep(TRIES_AGAIN).await;
                }
            }
        }
    }

    /// Offers what is left to those who were left without, and then to those who wait, in order.
    async fn round(&self, stocked: &Stocked, line: &Line) -> Result<(), Error> {
        let shared = self.shared();
        let doses = shared.index.doses();
        let (campaign, place, vaccine) = stocked;
        let lots = || doses.lots_at(*campaign, *place).into_iter();
        let left = || lots().any(|lot| lot.delivery.vaccine == *vaccine && 0 < lot.left());
        if let Some(lot) = lots().find(|lot| lot.delivery.vaccine == *vaccine).filter(|_| left()) {
            self.cover_without(&lot.delivery).await?;
        }
        line.forget_over(shared.now());
        let offering = Offering {
            calendars: self.at_place(*place),
            within: (Timestamp::from_millis(i64::MIN), Timestamp::from_millis(i64::MAX)),
            answer_ms: i64::try_from(shared.config.answer.as_millis()).unwrap_or(i64::MAX),
        };
        let mut nothing: BTreeSet<ReasonId> = BTreeSet::new();
        let mut waiting = line.waiting();
        if planted::is(Bug::LineReversed) {
            waiting.reverse();
        }
        for row in waiting {
            if !left() {
                break;
            }
            if !nothing.contains(&row.place.reason)
                && self.offer_in_line(&row, &offering).await? == Found::Nothing
                && row.place.when.is_none()
                && row.place.dose.number == 1
                && row.passed.is_empty()
                && row.place.from <= shared.now()
            {
                // Whoever wants less than any slot finds none either.
                nothing.insert(row.place.reason.clone());
            }
        }
        Ok(())
    }

    /// Offers somebody the first slot that they want and for which a dose is left.
    async fn offer_in_line(&self, row: &LineRow, offering: &Offering) -> Result<Found, Error> {
        match self.may_be_asked(row).await? {
            Some(who) => self.offer_slot(&who, offering).await,
            None => Ok(Found::NotNow),
        }
    }

    /// Somebody who waits, where a dose may be offered to them now.
    pub(super) async fn may_be_asked<'a>(
        &self,
        row: &'a LineRow,
    ) -> Result<Option<Who<'a>>, Error> {
        let shared = self.shared();
        let dose = &row.place.dose;
        let Some((version, campaign)) = shared.index.doses().campaign(dose.campaign) else {
            return Ok(None);
        };
        let now = shared.now();
        if !campaign.still_lets(dose, now) || row.offer.is_some() || row.place.until <= now {
            return Ok(None);
        }
        let records = shared.index.records(dose.campaign, &row.place.person)?;
        let has = records.iter().find(|record| record.number == dose.number);
        if let Some(record) = has {
            if record.is != Recorded::Held {
                // They booked it themselves, and had not left every line when that was cut short.
                let asked = OfWish { wish: row.place.id, by: By::Unsaid };
                let _ = Box::pin(self.leave_line(asked)).await;
            }
            return Ok(None);
        }
        let facts = stated_before(dose, now);
        Ok(Some(Who { row, version, campaign, records, facts }))
    }

    /// Offers somebody the first free slot that they want.
    pub(super) async fn offer_slot(
        &self,
        who: &Who<'_>,
        offering: &Offering,
    ) -> Result<Found, Error> {
        let slots = self.slots_for(who, offering).await?;
        let found = if slots.is_empty() { Found::Nothing } else { Found::NotNow };
        for (start, calendar) in slots {
            match self.try_to_offer(who, (calendar, start), offering.answer_ms, false).await? {
                Ok(hold) => return Ok(Found::Offered(Box::new(hold))),
                // They hold something of the campaign: it is theirs to settle first.
                Err(Some(Rejection::PersonHasHold { .. })) => return Ok(Found::NotNow),
                Err(_) => {}
            }
        }
        Ok(found)
    }

    /// Holds a slot for somebody who waits. Where that is refused it says why, or nothing where
    /// there is too little time to answer or the calendar cannot be had.
    pub(super) async fn try_to_offer(
        &self,
        who: &Who<'_>,
        (calendar, start): (CalendarId, Timestamp),
        answer_ms: i64,
        overflow: bool,
    ) -> Result<Result<Hold, Option<Rejection>>, Error> {
        let place = &who.row.place;
        let lasts = answer_ms.min(start.millis() - self.now().millis());
        if lasts < ANSWER_LEAST_MS {
            return Ok(Err(None));
        }
        let mut details = place.details();
        if let Some(dose) = &mut details.dose {
            dose.version = who.version;
        }
        let slot = HoldSlot {
            calendar,
            start,
            reason: place.reason.clone(),
            person: place.person.clone(),
            details,
            // Its lanes beyond the others are for the practice to fill.
            by: if overflow { By::Practice } else { By::Unsaid },
            overflow,
            dose: None,
            command: None,
        };
        match Box::pin(self.hold_as(Wanted::offer(slot, lasts))).await {
            Ok(Ok(Outcome { value, .. })) => Ok(Ok(value)),
            Ok(Err(rejection)) => Ok(Err(Some(rejection))),
            Err(Error::CalendarUnavailable) => Ok(Err(None)),
            Err(error) => Err(error),
        }
    }

    /// The first slots that somebody can be offered, the earliest first.
    async fn slots_for(
        &self,
        who: &Who<'_>,
        offering: &Offering,
    ) -> Result<Vec<(Timestamp, CalendarId)>, Error> {
        let shared = self.shared();
        let mut slots = Vec::new();
        for calendar in &offering.calendars {
            let entry = self.directory().entry(*calendar);
            let view = match self.directory().view(&entry).await {
                Err(Error::CalendarUnavailable) => continue,
                view => view?,
            };
            if view.has_due(shared.now()) {
                let _ = expire(self.directory().clone(), *calendar, Share::Engine).await;
            }
            let found = self.slots_in(who, &view, offering.within);
            slots.extend(found.into_iter().map(|start| (start, *calendar)));
        }
        slots.sort_unstable();
        slots.truncate(SLOTS_TRIED_MAX);
        Ok(slots)
    }

    fn slots_in(
        &self,
        who: &Who<'_>,
        view: &View,
        (first, last): (Timestamp, Timestamp),
    ) -> Vec<Timestamp> {
        let (place, now) = (&who.row.place, self.now());
        let Some(reason) = view.schedule.definition().reason(&place.reason) else {
            return Vec::new();
        };
        let (earliest, end) = view.schedule.window(reason, now, false, view.horizon(now));
        let from = place.from.max(earliest).max(now.plus_ms(ANSWER_LEAST_MS)).max(first);
        let found = view.slots(&place.reason, from, place.until.min(end).min(last), usize::MAX);
        let starts = found.into_iter().map(|slot| slot.start);
        let fits = |start: &Timestamp| self.may_have(who, &view.schedule, reason, *start);
        starts.filter(fits).take(SLOTS_TRIED_MAX).collect()
    }

    /// Whether somebody who waits may have what starts then: they want it and did not let it go
    /// by, a dose is left, and it goes with those that they have had.
    pub(super) fn may_have(
        &self,
        who: &Who<'_>,
        schedule: &Schedule,
        reason: &Reason,
        start: Timestamp,
    ) -> bool {
        let place = &who.row.place;
        let gives = |rule: &DoseRule| {
            (rule.campaign, &rule.vaccine) == (place.dose.campaign, &place.dose.vaccine)
        };
        let until = start.plus_minutes(i64::from(reason.occupied_minutes()));
        if !reason.rules.dose.as_ref().is_some_and(gives)
            || has_passed(&who.row.passed, start, until)
        {
            return false;
        }
        let (vaccine, number) = (&place.dose.vaccine, place.dose.number);
        let stock = (place.dose.campaign, place.dose.place, vaccine);
        let asked = Asked { vaccine, number, start, facts: &who.facts };
        place.wants(schedule, start)
            && self.shared().index.doses().has(stock, start, Claimant::First)
            && who.campaign.follows(&asked, &who.records, None).is_ok()
    }
}

impl Who<'_> {
    /// The reason of what they wait for.
    pub(super) fn reason(&self) -> &ReasonId {
        &self.row.place.reason
    }
}

/// What somebody who waits is offered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// A slot and a dose.
    Offered(Box<Hold>),
    /// Nothing that is left is for them.
    Nothing,
    /// It is not for them to have any now, or others were faster.
    NotNow,
}
