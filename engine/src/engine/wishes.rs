//! Waiting lists: who waits for what, and what they are offered.

use super::{Engine, answers, refused};
use crate::booking::hours::normalised;
use crate::booking::{Booking, By, Command, Rejection, Waiting, WeeklyHours, Wish, schedule};
use crate::error::{Answer, Error};
use crate::ids::{CalendarId, HoldId, WishId};
use crate::limits::{HORIZON_DAYS_MAX, INTERVALS_PER_DAY_MAX, WISH_CALENDARS_MAX};
use crate::metrics::Asked;
use crate::planted::{self, Bug};
use crate::request::{Appointment, AskWish, OfWish, Outcome, WishInfo, WishOnList, WishStatus};
use crate::runtime::sync::oneshot;
use crate::runtime::wishes::{self, WishRow, WishState};
use crate::runtime::{BookingState, Claim, Message, Share, Verdict, Work, key_of};
use crate::time::Timestamp;

impl Engine {
    /// Puts what somebody would take if it came free on the waiting lists of calendars. Who waits
    /// for the same already is told of that, not fresh; it is put on those lists on which it is not
    /// yet.
    ///
    /// Refused as [`Rejection::Invalid`], [`Rejection::UnknownCalendar`],
    /// [`Rejection::UnknownPlace`], [`Rejection::UnknownAppointment`] or
    /// [`Rejection::NotChangeable`]. Where no calendar takes it, as the first of them says:
    /// [`Rejection::UnknownReason`], [`Rejection::PracticeOnly`], [`Rejection::PatientsOnly`],
    /// [`Rejection::VisitNotOffered`], [`Rejection::TooManyWishes`] or [`Rejection::ListFull`].
    ///
    /// # Errors
    ///
    /// [`Error`] when the engine cannot answer; some lists may have it then.
    pub async fn wish(&self, asked: AskWish) -> Answer<Outcome<WishInfo>> {
        self.counted(Asked::Wish, Box::pin(self.try_wish(asked)).await)
    }

    async fn try_wish(&self, asked: AskWish) -> Answer<Outcome<WishInfo>> {
        let shared = self.shared();
        shared.check()?;
        let calendars = self.calendars_of(&asked.calendars, asked.place, WISH_CALENDARS_MAX);
        let calendars = match calendars {
            Ok(calendars) => calendars,
            Err(rejection) => return refused(rejection),
        };
        let (mut wish, until) = match self.wish_of(&asked)? {
            Ok(made) => made,
            Err(rejection) => return refused(rejection),
        };
        let known = self.like(&wish).await?;
        wish.id = known.unwrap_or_else(|| WishId::from_bits(shared.random.bits()));
        let (mut fresh, mut first) = (false, None);
        for calendar in calendars {
            let dated = self.dated(wish.clone(), calendar, &asked, until).await?;
            let (entry, permit) = self.directory().admit(calendar, Share::Hold)?;
            let work = Work::Command(Command::Wish(Box::new(dated)));
            // What one list has brought meanwhile is waited for on no other.
            let turn = self.in_turn(turn_key(wish.id)).await?;
            if granted_by(&wishes::find(shared.index.rows(), wish.id)?).is_some() {
                break;
            }
            match self.ask(&entry, permit.with(Some(turn)), work, None).await? {
                Verdict::Decided { .. } => fresh = true,
                Verdict::Refused(rejection) => first = first.or(Some(rejection)),
                Verdict::Already | Verdict::Own(_) | Verdict::Failed(_) => {}
            }
        }
        if wish.instead_of.is_some() && self.is_over(&wish, self.now())? {
            // It was cancelled before these lists had it, which whoever did so cannot have seen.
            let _ = self.try_withdraw(OfWish { wish: wish.id, by: By::Unsaid }).await;
        }
        let mut rows = wishes::find(shared.index.rows(), wish.id)?;
        if rows.is_empty() {
            // Somebody asked the same meanwhile, and has it under another identifier.
            if let Some(other) = self.like(&wish).await? {
                rows = wishes::find(shared.index.rows(), other)?;
            }
        }
        match (rows.is_empty(), first) {
            (true, Some(rejection)) => refused(rejection),
            _ => {
                let value = self.told_of_wish(rows)?;
                Ok(value.map(|value| Outcome { value, fresh }))
            }
        }
    }

    /// What is wished for, without dates; and before when it must start at the latest.
    fn wish_of(&self, asked: &AskWish) -> Answer<(Wish, Timestamp)> {
        let when = match asked.when.clone().map(checked_hours).transpose() {
            Ok(when) => when,
            Err(rejection) => return refused(rejection),
        };
        let now = self.now();
        let mut until = now.plus_minutes(i64::from(HORIZON_DAYS_MAX) * 24 * 60);
        if let Some(appointment) = asked.instead_of {
            let row = self.shared().index.booking(appointment.into(), now)?;
            let Some(row) = row.filter(|row| row.booking.person == asked.person) else {
                return refused(Rejection::UnknownAppointment);
            };
            match row.state {
                BookingState::Booked if now < row.booking.span.start => {}
                BookingState::Booked | BookingState::Marked(_) | BookingState::Cancelled => {
                    return refused(Rejection::NotChangeable);
                }
                _ => return refused(Rejection::UnknownAppointment),
            }
            if row.booking.reason.id != asked.reason {
                let (field, rule) =
                    ("reason".to_owned(), "must be that of the appointment".to_owned());
                return refused(Rejection::Invalid { field, rule });
            }
            if !row.booking.details.parts().is_empty() {
                let field = "instead_of".to_owned();
                let rule = "must lie on one calendar alone".to_owned();
                return refused(Rejection::Invalid { field, rule });
            }
            until = row.booking.span.start;
        }
        let answer_ms = self.shared().config.answer.as_millis();
        let wish = Wish {
            id: WishId::from_bits(0),
            person: asked.person.clone(),
            booked_by: asked.booked_by.clone().filter(|it| *it != asked.person),
            reason: asked.reason.clone(),
            standing: asked.standing,
            by_video: asked.by_video,
            when,
            from: now,
            until,
            instead_of: asked.instead_of,
            answer_ms: i64::try_from(answer_ms).unwrap_or(i64::MAX),
        };
        Ok(Ok((wish, until)))
    }

    /// With its dates as instants, by the clock of a calendar.
    async fn dated(
        &self,
        wish: Wish,
        calendar: CalendarId,
        asked: &AskWish,
        latest: Timestamp,
    ) -> Result<Wish, Error> {
        let entry = self.directory().entry(calendar);
        let view = self.directory().view(&entry).await?;
        let now = self.now();
        let from = asked.from.map_or(now, |date| view.schedule.midnight(date.to_jiff()));
        let until = asked.until.map_or_else(
            || view.horizon(now),
            |date| view.schedule.midnight(schedule::later(date.to_jiff(), 1)),
        );
        Ok(Wish { from: from.max(now), until: until.min(latest), ..wish })
    }

    /// A wish of the person that asks the same, for which they wait.
    async fn like(&self, wish: &Wish) -> Result<Option<WishId>, Error> {
        let (rows, now) = (self.shared().index.rows(), self.now());
        for id in wishes::of_person(rows, &wish.person)? {
            let lists = wishes::find(rows, id)?;
            let mut waits = false;
            for (_, row) in &lists {
                waits |= row.waiting.wish.is_like(wish)
                    && self.status_of(row, now)? == WishStatus::Waiting;
            }
            match granted_by(&lists) {
                // A crash has kept it on this list, where it would be in the way of a new one.
                Some(_) if waits => self.nothing_more_of(id).await?,
                None if waits => return Ok(Some(id)),
                _ => {}
            }
        }
        Ok(None)
    }

    /// A wish, and how it stands on each list.
    ///
    /// Refused as [`Rejection::UnknownWish`].
    ///
    /// # Errors
    ///
    /// [`Error`] when the engine cannot answer; see its variants.
    pub async fn wish_info(&self, id: WishId) -> Answer<WishInfo> {
        self.shared().check()?;
        self.told_of_wish(wishes::find(self.shared().index.rows(), id)?)
    }

    /// The wishes of a person, those that are over too.
    ///
    /// # Errors
    ///
    /// [`Error`] when the engine cannot answer; see its variants.
    pub async fn wishes_of(&self, person: &crate::PersonId) -> Answer<Vec<WishInfo>> {
        self.shared().check()?;
        let rows = self.shared().index.rows();
        let mut all = Vec::new();
        for id in wishes::of_person(rows, person)? {
            all.extend(self.told_of_wish(wishes::find(rows, id)?)?);
        }
        Ok(Ok(all))
    }

    /// Those who wait for a calendar, in the order in which they are offered what comes free.
    ///
    /// Refused as [`Rejection::UnknownCalendar`].
    ///
    /// # Errors
    ///
    /// [`Error`] when the engine cannot answer; see its variants.
    pub async fn waiting(&self, calendar: CalendarId) -> Answer<Vec<Waiting>> {
        self.shared().check()?;
        if !self.shared().index.knows(calendar) {
            return refused(Rejection::UnknownCalendar);
        }
        let (entry, permit) = self.directory().admit(calendar, Share::Settle)?;
        let (reply, found) = oneshot::channel();
        self.directory().send(&entry, Message::Waiting(permit, reply)).await?;
        found.await.map(Ok).map_err(|_| Error::OutcomeUnknown)
    }

    /// Takes a wish from all lists, or somebody out of the line of a campaign. What was offered can
    /// still be had. Again, the answer is the same.
    ///
    /// Refused as [`Rejection::UnknownWish`] or [`Rejection::NotYours`].
    ///
    /// # Errors
    ///
    /// [`Error`] when the engine cannot answer; it may be on some lists then.
    pub async fn withdraw(&self, asked: OfWish) -> Answer<()> {
        self.counted(Asked::Withdraw, Box::pin(self.try_withdraw(asked)).await)
    }

    async fn try_withdraw(&self, OfWish { wish, by }: OfWish) -> Answer<()> {
        self.shared().check()?;
        let rows = wishes::find(self.shared().index.rows(), wish)?;
        let Some((_, first)) = rows.first() else {
            return self.leave_line(OfWish { wish, by }).await;
        };
        if !first.waiting.wish.is_for(&by) {
            return refused(Rejection::NotYours);
        }
        let mut failed = None;
        for (calendar, row) in rows {
            // Not only where it waits by its status: no calendar knows of an appointment on another
            // that it is cancelled. Where it is over or was granted meanwhile, that is said.
            if row.state == WishState::Waiting {
                let work = Work::Command(Command::Withdraw { wish, by: by.clone() });
                // One calendar that fails keeps nobody on the lists of the others.
                failed = failed.or(self.settle(calendar, work, (None, None)).await.err());
            }
        }
        failed.map_or(Ok(Ok(())), Err)
    }

    /// The turn of an offer that is to be accepted, if it was made to somebody who waits: of one
    /// wish there is one at a time, until it is known what has become of it. Where another calendar
    /// has granted the wish, all that is offered for it elsewhere is given back by then, this too,
    /// and so its calendar refuses.
    pub(super) async fn turn_of_wish(&self, offer: HoldId) -> Result<Option<Claim>, Error> {
        let shared = self.shared();
        let row = shared.index.booking(offer, self.now())?;
        // Who waits for a dose stands in one line, and has a turn in its campaign.
        let booking = row.map(|row| row.booking).filter(|it| it.details.dose.is_none());
        let Some(booking) = booking.filter(|_| !planted::is(Bug::GrantedTwice)) else {
            return Ok(None);
        };
        let Some(wish) = booking.details.wish else { return Ok(None) };
        let turn = self.in_turn(turn_key(wish)).await?;
        let granted = granted_by(&wishes::find(shared.index.rows(), wish)?);
        if granted.is_some_and(|calendar| calendar != booking.calendar) {
            self.nothing_more_of(wish).await?;
            self.give_back(offer).await?;
        }
        Ok(Some(turn))
    }

    /// Takes a wish that was granted from the lists on which it still stands, and gives back what
    /// was offered there. In this order: a list without it offers nothing more for it.
    async fn nothing_more_of(&self, wish: WishId) -> Result<(), Error> {
        // Nobody is asked who they are, so nothing is refused.
        let withdrawn = self.try_withdraw(OfWish { wish, by: By::Unsaid }).await;
        let mut failed = withdrawn.err();
        for (_, row) in wishes::find(self.shared().index.rows(), wish)? {
            if let Some(offer) = row.offer {
                // One calendar that fails keeps nothing of the others.
                failed = failed.or(self.give_back(offer).await.err());
            }
        }
        failed.map_or(Ok(()), Err)
    }

    /// Gives an offer back that is of no use any more, if it lives.
    async fn give_back(&self, offer: HoldId) -> Result<(), Error> {
        let row = self.shared().index.booking(offer, self.now())?;
        let lives = row.filter(|row| matches!(row.state, BookingState::Held { .. }));
        if let Some(row) = lives {
            let release = Command::Release { hold: offer, by: By::Unsaid };
            // What has ended meanwhile needs no giving back.
            self.settle_whole(&row.booking, release, (None, None)).await?;
        }
        Ok(())
    }

    /// Somebody was given what they waited for: they wait on no other list any more, and nothing
    /// that was offered there can be accepted. Should this fail, others get it later than they
    /// could, when it is accepted in vain or its time runs out.
    pub(super) async fn granted(&self, offer: &Booking) {
        if offer.details.dose.is_some() {
            return self.no_more_in_line(offer).await;
        }
        if let Some(wish) = offer.details.wish {
            let _ = Box::pin(self.nothing_more_of(wish)).await;
        }
    }

    /// An appointment is cancelled: nothing takes its place any more, and only its own calendar
    /// knows that by itself. Should it fail, others offer what cannot be accepted, until it is
    /// cancelled again or who waits withdraws.
    pub(super) async fn none_instead_of(&self, cancelled: &Appointment) {
        let rows = self.shared().index.rows();
        let waits = |(_, row): &(CalendarId, WishRow)| {
            row.state == WishState::Waiting && row.waiting.wish.instead_of == Some(cancelled.id)
        };
        for wish in wishes::of_person(rows, &cancelled.person).unwrap_or_default() {
            if wishes::find(rows, wish).is_ok_and(|lists| lists.iter().any(waits)) {
                let _ = Box::pin(self.try_withdraw(OfWish { wish, by: By::Unsaid })).await;
            }
        }
    }

    fn told_of_wish(&self, rows: Vec<(CalendarId, WishRow)>) -> Answer<WishInfo> {
        let now = self.now();
        let Some((_, first)) = rows.first() else { return refused(Rejection::UnknownWish) };
        let Wish { id, person, booked_by, reason, standing, by_video, when, instead_of, .. } =
            first.waiting.wish.clone();
        let mut lists = Vec::with_capacity(rows.len());
        let granted = granted_by(&rows).is_some();
        for (calendar, row) in rows {
            let offer = row.offer.filter(|_| !granted);
            let offer = offer.map(|hold| self.live_offer(hold, now)).transpose()?.flatten();
            let status = match self.status_of(&row, now)? {
                // It can be had once, wherever that was.
                WishStatus::Waiting if granted => WishStatus::Withdrawn,
                status => status,
            };
            let Wish { from, until, .. } = row.waiting.wish;
            lists.push(WishOnList { calendar, from, until, status, offer });
        }
        Ok(Ok(WishInfo {
            id,
            person,
            booked_by,
            reason,
            standing,
            by_video,
            when,
            instead_of,
            lists,
        }))
    }

    fn status_of(&self, row: &WishRow, now: Timestamp) -> Result<WishStatus, Error> {
        Ok(match row.state {
            WishState::Waiting if self.is_over(&row.waiting.wish, now)? => WishStatus::Over,
            WishState::Waiting => WishStatus::Waiting,
            WishState::Withdrawn => WishStatus::Withdrawn,
            WishState::Granted(appointment) => WishStatus::Granted(appointment),
            WishState::PassedBy => WishStatus::PassedBy,
        })
    }

    /// Its time is over, or that of the appointment that it would take the place of.
    fn is_over(&self, wish: &Wish, now: Timestamp) -> Result<bool, Error> {
        let Some(appointment) = wish.instead_of.filter(|_| now < wish.until) else {
            return Ok(wish.until <= now);
        };
        let row = self.shared().index.booking(appointment.into(), now)?;
        let coming = row
            .is_some_and(|row| row.state == BookingState::Booked && now < row.booking.span.start);
        Ok(!coming)
    }

    fn live_offer(
        &self,
        hold: HoldId,
        now: Timestamp,
    ) -> Result<Option<crate::request::Hold>, Error> {
        let row = self.shared().index.booking(hold, now)?;
        let lives = row.filter(
            |row| matches!(row.state, BookingState::Held { deadline, .. } if now < deadline),
        );
        Ok(lives.map(|row| answers::hold_of(&row, self.shared().config.renewals)))
    }
}

/// The calendar that has granted a wish.
fn granted_by(lists: &[(CalendarId, WishRow)]) -> Option<CalendarId> {
    let granted = |row: &WishRow| matches!(row.state, WishState::Granted(_));
    lists.iter().find(|(_, row)| granted(row)).map(|(calendar, _)| *calendar)
}

/// The name of the turn that those take who would have something of a wish.
fn turn_key(wish: WishId) -> u128 {
    key_of(&[b"whose wish", &wish.bits().to_be_bytes()])
}

/// Hours in which a wish can be met: some, and few on each day.
pub(super) fn checked_hours(mut when: WeeklyHours) -> Result<WeeklyHours, Rejection> {
    for day in &mut when.days {
        *day = normalised(std::mem::take(day));
    }
    let many = when.days.iter().any(|day| INTERVALS_PER_DAY_MAX < day.len());
    if many || when.days.iter().all(Vec::is_empty) {
        let rule =
            format!("must be hours of some day, and at most {INTERVALS_PER_DAY_MAX} of each");
        return Err(Rejection::Invalid { field: "hours".to_owned(), rule });
    }
    Ok(when)
}
