//! Going through the lines of campaigns: whoever comes first is offered what comes free.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::super::holds::Wanted;
use super::Engine;
use super::wanted::stated_before;
use crate::booking::wishes::has_passed;
use crate::booking::{By, Rejection, Schedule, Stocked};
use crate::campaign::{Asked, Campaign, Facts, Record, Recorded};
use crate::error::Error;
use crate::ids::{CalendarId, ReasonId};
use crate::planted::{self, Bug};
use crate::request::{HoldSlot, OfWish};
use crate::runtime::lines::{Line, LineRow};
use crate::runtime::{Claimant, Share, View, dose_rows, expire, sync};
use crate::time::Timestamp;

/// How often all lines are gone through for which something is left: what comes to be bookable by
/// the clock alone rings for nobody.
const LOOKS_EVERY: Duration = Duration::from_secs(60);

/// How long a line rests after a round.
const BETWEEN: Duration = Duration::from_millis(10);

/// How long a line waits that could not be gone through.
const TRIES_AGAIN: Duration = Duration::from_millis(500);

/// The shortest time to answer, in milliseconds.
const ANSWER_LEAST_MS: i64 = 60_000;

/// Free slots that are tried for one person, where others take them meanwhile.
const SLOTS_TRIED_MAX: usize = 8;

/// Who waits, and by what rules.
struct Who<'a> {
    row: &'a LineRow,
    campaign: &'a Campaign,
    records: Vec<Record>,
    facts: Facts,
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
        let calendars = self.at_place(*place);
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
                && self.offer_in_line(&row, &calendars).await? == Found::Nothing
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
    async fn offer_in_line(&self, row: &LineRow, calendars: &[CalendarId]) -> Result<Found, Error> {
        let shared = self.shared();
        let dose = &row.place.dose;
        let Some((version, campaign)) = shared.index.doses().campaign(dose.campaign) else {
            return Ok(Found::NotNow);
        };
        let now = shared.now();
        if !campaign.still_lets(dose, now) || row.offer.is_some() || row.place.until <= now {
            return Ok(Found::NotNow);
        }
        let records = dose_rows::records(shared.index.rows(), dose.campaign, &row.place.person)?;
        let has = records.iter().find(|record| record.number == dose.number);
        if let Some(record) = has {
            if record.is != Recorded::Held {
                // They booked it themselves, and had not left every line when that was cut short.
                let asked = OfWish { wish: row.place.id, by: By::Unsaid };
                let _ = Box::pin(self.leave_line(asked)).await;
            }
            return Ok(Found::NotNow);
        }
        let facts = stated_before(dose, now);
        let who = Who { row, campaign: &campaign, records, facts };
        let slots = self.slots_for(&who, calendars).await?;
        let found = if slots.is_empty() { Found::Nothing } else { Found::NotNow };
        let answer_ms = i64::try_from(shared.config.answer.as_millis()).unwrap_or(i64::MAX);
        for (start, calendar) in slots {
            let lasts = answer_ms.min(start.millis() - shared.now().millis());
            if lasts < ANSWER_LEAST_MS {
                continue;
            }
            let mut details = row.place.details();
            if let Some(dose) = &mut details.dose {
                dose.version = version;
            }
            let slot = HoldSlot {
                calendar,
                start,
                reason: row.place.reason.clone(),
                person: row.place.person.clone(),
                details,
                by: By::Unsaid,
                overflow: false,
                dose: None,
                command: None,
            };
            match Box::pin(self.hold_as(Wanted::offer(slot, lasts))).await {
                Ok(Ok(_)) => return Ok(Found::Offered),
                // They hold something of the campaign: it is theirs to settle first.
                Ok(Err(Rejection::PersonHasHold { .. })) => return Ok(Found::NotNow),
                Ok(Err(_)) | Err(Error::CalendarUnavailable) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(found)
    }

    /// The first slots that somebody can be offered, the earliest first.
    async fn slots_for(
        &self,
        who: &Who<'_>,
        calendars: &[CalendarId],
    ) -> Result<Vec<(Timestamp, CalendarId)>, Error> {
        let shared = self.shared();
        let mut slots = Vec::new();
        for calendar in calendars {
            let entry = self.directory().entry(*calendar);
            let view = match self.directory().view(&entry).await {
                Err(Error::CalendarUnavailable) => continue,
                view => view?,
            };
            if view.has_due(shared.now()) {
                let _ = expire(self.directory().clone(), *calendar, Share::Engine).await;
            }
            slots.extend(self.slots_in(who, &view).into_iter().map(|start| (start, *calendar)));
        }
        slots.sort_unstable();
        slots.truncate(SLOTS_TRIED_MAX);
        Ok(slots)
    }

    fn slots_in(&self, who: &Who<'_>, view: &View) -> Vec<Timestamp> {
        let (place, now) = (&who.row.place, self.now());
        let Some(reason) = view.schedule.definition().reason(&place.reason) else {
            return Vec::new();
        };
        let gives = |rule: &crate::campaign::DoseRule| {
            (rule.campaign, &rule.vaccine) == (place.dose.campaign, &place.dose.vaccine)
        };
        if !reason.rules.dose.as_ref().is_some_and(gives) {
            return Vec::new();
        }
        let (earliest, end) = view.schedule.window(reason, now, false, view.horizon(now));
        let from = place.from.max(earliest).max(now.plus_ms(ANSWER_LEAST_MS));
        let found = view.slots(&place.reason, from, place.until.min(end), usize::MAX);
        let starts = found.into_iter().map(|slot| slot.start);
        let occupied = i64::from(reason.occupied_minutes());
        let fits = |start: &Timestamp| {
            let until = start.plus_minutes(occupied);
            !has_passed(&who.row.passed, *start, until)
                && self.may_have(who, &view.schedule, *start)
        };
        starts.filter(fits).take(SLOTS_TRIED_MAX).collect()
    }

    fn may_have(&self, who: &Who<'_>, schedule: &Schedule, start: Timestamp) -> bool {
        let place = &who.row.place;
        let (vaccine, number) = (&place.dose.vaccine, place.dose.number);
        let asked = Asked { vaccine, number, start, facts: &who.facts };
        place.wants(schedule, start)
            && self.shared().index.doses().has(&place.dose, start, Claimant::First)
            && who.campaign.follows(&asked, &who.records, None).is_ok()
    }
}

/// What somebody who waits is offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    /// A slot and a dose.
    Offered,
    /// Nothing that is left is for them.
    Nothing,
    /// It is not for them to have any now, or others were faster.
    NotNow,
}
