//! What is left in the evening: offered to those who wait, in one call and on terms of its own.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::rounds::{ANSWER_LEAST_MS, Found, LOOKS_AGAIN, Offering, SLOTS_TRIED_MAX, Who};
use super::{Engine, refused};
use crate::booking::{By, Rejection, Schedule, Stocked, Terms, schedule};
use crate::error::{Answer, Error};
use crate::ids::{CampaignId, PlaceId, ReasonId, VaccineId};
use crate::limits::LIST_MAX;
use crate::metrics;
use crate::request::{Hold, OfferRemaining, Remaining};
use crate::runtime::lines::Line;
use crate::runtime::{View, sync};
use crate::time::Timestamp;

/// The longest time to answer, and how far ahead a call may look, in milliseconds.
const ANSWER_MOST_MS: i64 = 24 * 60 * 60 * 1_000;
const REACH_MS: i64 = 2 * ANSWER_MOST_MS;

/// Starts in the overflow lanes of a place, by reason.
type Overflow = BTreeMap<ReasonId, Vec<(Timestamp, Arc<View>)>>;

impl Engine {
    /// Offers the doses that are left at a place to those who wait for them, in the order of the
    /// line: the first free slot that they want in the times asked for, and in the practice's
    /// overflow lanes where none is free and that is asked. There are as many offers as doses, each
    /// of which is held for whom it was offered. What they let go by is offered by the same call
    /// made once more, to whoever comes next; and as at any time, where a slot is free.
    ///
    /// Refused as [`Rejection::UnknownCampaign`], [`Rejection::UnknownPlace`] or
    /// [`Rejection::Invalid`]: the vaccine is one of the campaign, the time to answer is a minute
    /// to a day, and the times lie ahead, within two days.
    ///
    /// # Errors
    ///
    /// [`Error`] when the engine cannot answer; see its variants. Some offers may have been made:
    /// made again, the call goes on with the rest.
    pub async fn offer_remaining(&self, asked: OfferRemaining) -> Answer<Remaining> {
        let engine = self.clone();
        let work = async move { Box::pin(engine.try_offer_remaining(asked)).await };
        self.counted(metrics::Asked::Offer, self.to_the_end(work).await)
    }

    async fn try_offer_remaining(&self, asked: OfferRemaining) -> Answer<Remaining> {
        self.shared().check()?;
        let OfferRemaining { campaign, place, vaccine, answer_ms, overflow, .. } = &asked;
        let within = match self.times_of(&asked).await? {
            Ok(within) => within,
            Err(rejection) => return refused(rejection),
        };
        let stocked: Stocked = (*campaign, *place, vaccine.clone());
        let mut offers = Vec::new();
        if let Some(line) = self.shared().index.doses().line(&stocked) {
            let calendars = self.at_place(*place);
            let offering = Offering { calendars, within, answer_ms: *answer_ms };
            let round = loop {
                match line.begin_unasked() {
                    Some(round) => break round,
                    None => sync::sleep(LOOKS_AGAIN).await,
                }
            };
            let made = self.offer_all(&line, &offering, *overflow, &mut offers).await;
            drop(round);
            line.ring();
            made?;
        }
        let line = self.shared().index.doses().line(&stocked);
        let now = self.now();
        let waits = |row: &Arc<crate::runtime::lines::LineRow>| {
            row.offer.is_none() && now < row.place.until
        };
        let waiting = line.map_or(0, |line| line.waiting().iter().filter(|row| waits(row)).count());
        let left = self.left_within((*campaign, *place, vaccine), within);
        Ok(Ok(Remaining { offers, left, waiting }))
    }

    /// The times asked for, once all that is asked makes sense.
    async fn times_of(
        &self,
        asked: &OfferRemaining,
    ) -> Result<Result<(Timestamp, Timestamp), Rejection>, Error> {
        let invalid = |field: &str, rule: &str| {
            Ok(Err(Rejection::Invalid { field: field.to_owned(), rule: rule.to_owned() }))
        };
        let shared = self.shared();
        let Some((_, campaign)) = shared.index.doses().campaign(asked.campaign) else {
            return Ok(Err(Rejection::UnknownCampaign));
        };
        if !shared.index.register().knows_place(asked.place) {
            return Ok(Err(Rejection::UnknownPlace));
        }
        if campaign.vaccine(&asked.vaccine).is_none() {
            return invalid("vaccine", "must be one of the campaign");
        }
        if !(ANSWER_LEAST_MS..=ANSWER_MOST_MS).contains(&asked.answer_ms) {
            return invalid("answer", "must be 1 minute to 24 hours");
        }
        let now = shared.now();
        let from = asked.from.map_or(now, |from| from.max(now));
        let until = match asked.until {
            Some(until) => until,
            None => self.end_of_day(asked.place, from).await?,
        };
        if until <= from || from.plus_ms(REACH_MS) < until {
            return invalid("until", "must lie after from, and ahead, and at most 48 hours later");
        }
        Ok(Ok((from, until)))
    }

    /// The next midnight by the clock of the first calendar of a place.
    async fn end_of_day(&self, place: PlaceId, at: Timestamp) -> Result<Timestamp, Error> {
        for calendar in self.at_place(place) {
            let entry = self.directory().entry(calendar);
            match self.directory().view(&entry).await {
                Ok(view) => {
                    let tomorrow = schedule::later(view.schedule.date_at(at), 1);
                    return Ok(view.schedule.midnight(tomorrow));
                }
                Err(Error::CalendarUnavailable) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(at.plus_ms(ANSWER_MOST_MS))
    }

    /// Doses that nobody has, of deliveries from which one can be given within the times.
    fn left_within(
        &self,
        (campaign, place, vaccine): (CampaignId, PlaceId, &VaccineId),
        (from, until): (Timestamp, Timestamp),
    ) -> u32 {
        let lots = self.shared().index.doses().lots_at(campaign, place);
        let there = lots.iter().filter(|lot| {
            let delivery = &lot.delivery;
            delivery.vaccine == *vaccine
                && delivery.arrives < until
                && from < delivery.expires
                && !lot.is_recalled()
        });
        there.map(|lot| u32::try_from(lot.left()).unwrap_or(0)).fold(0, u32::saturating_add)
    }

    async fn offer_all(
        &self,
        line: &Line,
        offering: &Offering,
        overflow: bool,
        offers: &mut Vec<Hold>,
    ) -> Result<(), Error> {
        line.forget_over(self.now());
        let mut beyond = Overflow::new();
        for row in line.waiting() {
            let dose = &row.place.dose;
            let stock = (dose.campaign, dose.place, &dose.vaccine);
            if self.left_within(stock, offering.within) == 0 || LIST_MAX <= offers.len() {
                break;
            }
            let Some(who) = self.may_be_asked(&row).await? else { continue };
            match self.offer_slot(&who, offering).await? {
                Found::Offered(hold) => offers.push(*hold),
                Found::Nothing if overflow => {
                    if !beyond.contains_key(who.reason()) {
                        let starts = self.overflow_starts(who.reason(), offering).await?;
                        beyond.insert(who.reason().clone(), starts);
                    }
                    let starts = beyond.entry(who.reason().clone()).or_default();
                    offers.extend(self.offer_beyond(&who, offering.answer_ms, starts).await?);
                }
                Found::Nothing | Found::NotNow => {}
            }
        }
        Ok(())
    }

    /// The starts at which the overflow lanes of a place may be filled, the earliest first.
    async fn overflow_starts(
        &self,
        reason: &ReasonId,
        offering: &Offering,
    ) -> Result<Vec<(Timestamp, Arc<View>)>, Error> {
        let now = self.now();
        let from = offering.within.0.max(now.plus_ms(ANSWER_LEAST_MS));
        let mut starts = Vec::new();
        for calendar in &offering.calendars {
            let entry = self.directory().entry(*calendar);
            let view = match self.directory().view(&entry).await {
                Err(Error::CalendarUnavailable) => continue,
                view => view?,
            };
            if view.schedule.definition().agenda.overflow_lanes == 0 {
                continue;
            }
            let grid = view.schedule.grid();
            let mut start = grid.start_of(grid.ceil(from));
            while start < offering.within.1 {
                if view
                    .place(reason, start, now, Terms::new(&Default::default(), &By::Practice))
                    .is_ok()
                {
                    starts.push((start, view.clone()));
                }
                start = start.plus_minutes(i64::from(grid.minutes()));
            }
        }
        starts.sort_by_key(|(start, view)| (*start, view.calendar));
        Ok(starts)
    }

    /// Offers somebody a place in the overflow lanes. Starts that are full are let go of.
    async fn offer_beyond(
        &self,
        who: &Who<'_>,
        answer_ms: i64,
        starts: &mut Vec<(Timestamp, Arc<View>)>,
    ) -> Result<Option<Hold>, Error> {
        let (mut tried, mut place) = (0, 0);
        while let Some((start, view)) = starts.get(place).cloned() {
            let schedule: &Schedule = &view.schedule;
            let reason = schedule.definition().reason(who.reason());
            if !reason.is_some_and(|reason| self.may_have(who, schedule, reason, start)) {
                place += 1;
                continue;
            }
            let at = (view.calendar, start);
            match self.try_to_offer(who, at, answer_ms, true).await? {
                Ok(hold) => return Ok(Some(hold)),
                Err(Some(Rejection::PersonHasHold { .. })) => return Ok(None),
                Err(Some(Rejection::SlotTaken { .. })) => {
                    starts.remove(place);
                }
                Err(_) => {
                    place += 1;
                    tried += 1;
                }
            }
            if SLOTS_TRIED_MAX <= tried {
                break;
            }
        }
        Ok(None)
    }
}
