//! Waiting for a dose: joining the line of a campaign at a place, leaving it, and looking at it.

use super::super::answers;
use super::super::wishes::checked_hours;
use super::{Engine, refused};
use crate::booking::{Booking, By, InLine, Registration, Rejection, Stocked, schedule};
use crate::campaign::{Asked, Dose, Ineligible};
use crate::error::{Answer, Error};
use crate::ids::{CalendarId, CampaignId, HoldId, PersonId, PlaceId, VaccineId, WishId};
use crate::limits::{HORIZON_DAYS_MAX, LINE_MAX, LIST_MAX};
use crate::metrics;
use crate::request::{AskLine, Hold, LineInfo, ListedLine, OfWish, Outcome, WishStatus};
use crate::runtime::lines::{self, LineRow};
use crate::runtime::wishes::WishState;
use crate::runtime::{BookingState, key_of};
use crate::time::Timestamp;

impl Engine {
    /// Has somebody wait for a dose of a campaign at a place. Where doses or slots come free there,
    /// whoever comes first in the line is offered one, with a time to answer, before anybody else
    /// can have it: by the rank that the campaign gives them, then by when they came. Who waits
    /// there already is told of that, not fresh.
    ///
    /// Refused as [`Rejection::Invalid`], [`Rejection::CommandReused`],
    /// [`Rejection::UnknownCampaign`], [`Rejection::UnknownPlace`], [`Rejection::UnknownReason`]
    /// where no calendar there gives the campaign's doses for it, [`Rejection::NotEligible`],
    /// [`Rejection::TooManyWishes`] or [`Rejection::ListFull`].
    ///
    /// # Errors
    ///
    /// [`Error`] when the engine cannot answer; see its variants.
    pub async fn join_line(&self, asked: AskLine) -> Answer<Outcome<LineInfo>> {
        let joined = Box::pin(self.try_join(asked)).await;
        self.counted(metrics::Asked::Wish, joined)
    }

    async fn try_join(&self, asked: AskLine) -> Answer<Outcome<LineInfo>> {
        self.shared().check()?;
        let person = asked.person.as_str().as_bytes();
        let bits = asked.campaign.bits().to_be_bytes();
        let place = asked.place.bits().to_be_bytes();
        let reason = asked.reason.as_str().as_bytes();
        let print = key_of(&[b"line", &bits, &place, reason, person, &[asked.number]]);
        let alone = self.alone(key_of(&[b"who joins a line", &bits, person])).await?;
        let rows = self.shared().index.rows();
        let all = lines::of_person(rows, asked.campaign, &asked.person)?;
        let now = self.now();
        let waits = |row: &&LineRow| row.state == WishState::Waiting && now < row.place.until;
        let same = |row: &&LineRow| {
            let place = &row.place;
            (place.dose.place, &place.reason, place.dose.number)
                == (asked.place, &asked.reason, asked.number)
        };
        if let Some(row) = all.iter().filter(waits).find(same) {
            let value = self.line_told(row.clone())?;
            return Ok(Ok(Outcome { value, fresh: false }));
        }
        let wanted = match self.in_line(&asked).await? {
            Ok(wanted) => wanted,
            Err(rejection) => return refused(rejection),
        };
        let what = || {
            if lines::too_many(&all, now) {
                return Err(Rejection::TooManyWishes);
            }
            let line = self.shared().index.doses().line(&wanted.stocked());
            if line.is_some_and(|line| LINE_MAX <= line.len()) {
                return Err(Rejection::ListFull);
            }
            Ok(Registration::Lined(Box::new(wanted)))
        };
        match self.register(print, asked.command, Some(alone), what).await? {
            Ok(Registration::Lined(place)) => {
                let row = lines::find(rows, place.id)?.ok_or(Error::OutcomeUnknown)?;
                let value = self.line_told(row)?;
                Ok(Ok(Outcome { value, fresh: true }))
            }
            Ok(_) => Err(Error::OutcomeUnknown),
            Err(rejection) => refused(rejection),
        }
    }

    /// What somebody waits for, once the campaign lets them.
    async fn in_line(&self, asked: &AskLine) -> Result<Result<InLine, Rejection>, Error> {
        let shared = self.shared();
        let doses = shared.index.doses();
        let Some((version, campaign)) = doses.campaign(asked.campaign) else {
            return Ok(Err(Rejection::UnknownCampaign));
        };
        let checked = asked.facts.check().map_err(Rejection::from);
        let when = checked.and_then(|()| asked.when.clone().map(checked_hours).transpose());
        let when = match when {
            Ok(when) => when,
            Err(rejection) => return Ok(Err(rejection)),
        };
        let (vaccine, from, until) = match self.line_of(asked).await? {
            Ok(found) => found,
            Err(rejection) => return Ok(Err(rejection)),
        };
        let now = shared.now();
        let (number, facts) = (asked.number, &asked.facts);
        let healthy = campaign.healthy_from(&vaccine, facts).unwrap_or(now);
        let start = now.max(healthy).max(from);
        let wanted = Asked { vaccine: &vaccine, number, start, facts };
        let phase = match campaign.eligible(&wanted, now) {
            Ok(phase) => phase.id.clone(),
            Err(why) => return Ok(Err(why.into())),
        };
        let records = shared.index.records(asked.campaign, &asked.person)?;
        match campaign.follows(&wanted, &records, None) {
            // When it may be given, is seen to when something comes free.
            Ok(()) | Err(Ineligible::TooEarly { .. } | Ineligible::TooLate { .. }) => {}
            Err(why) => return Ok(Err(why.into())),
        }
        if until <= start {
            let (field, rule) = ("until".to_owned(), "must lie after from, and ahead".to_owned());
            return Ok(Err(Rejection::Invalid { field, rule }));
        }
        let before = facts.elsewhere.iter().find(|it| it.number + 1 == number);
        let dose = Dose {
            campaign: asked.campaign,
            version,
            phase,
            vaccine,
            number,
            place: asked.place,
            delivery: None,
            band: facts.band.clone(),
            territory: facts.territory.clone(),
            elsewhere: before.map(|before| before.at),
            twin: None,
        };
        Ok(Ok(InLine {
            id: WishId::from_bits(shared.random.bits()),
            person: asked.person.clone(),
            booked_by: asked.booked_by.clone().filter(|it| *it != asked.person),
            reason: asked.reason.clone(),
            standing: asked.standing,
            dose,
            rank: campaign.rank(facts),
            since: doses.bell().comes(now),
            when,
            from: start,
            until,
        }))
    }

    /// The vaccine that a reason gives at a place, and the dates as instants, by the clock of the
    /// first calendar there that has it.
    async fn line_of(
        &self,
        asked: &AskLine,
    ) -> Result<Result<(VaccineId, Timestamp, Timestamp), Rejection>, Error> {
        if !self.shared().index.register().knows_place(asked.place) {
            return Ok(Err(Rejection::UnknownPlace));
        }
        let now = self.now();
        for calendar in self.at_place(asked.place) {
            let entry = self.directory().entry(calendar);
            let view = match self.directory().view(&entry).await {
                Err(Error::CalendarUnavailable) => continue,
                view => view?,
            };
            let reason = view.schedule.definition().reason(&asked.reason);
            let rule = reason.and_then(|reason| reason.rules.dose.as_ref());
            let Some(rule) = rule.filter(|rule| rule.campaign == asked.campaign) else { continue };
            let midnight = |date: jiff::civil::Date| view.schedule.midnight(date);
            let from = asked.from.map_or(now, |date| midnight(date.to_jiff()));
            let until = asked.until.map_or_else(
                || now.plus_minutes(i64::from(HORIZON_DAYS_MAX) * 24 * 60),
                |date| midnight(schedule::later(date.to_jiff(), 1)),
            );
            return Ok(Ok((rule.vaccine.clone(), from.max(now), until)));
        }
        Ok(Err(Rejection::UnknownReason))
    }

    /// The calendars of a place.
    pub(super) fn at_place(&self, place: PlaceId) -> Vec<CalendarId> {
        let there = |_, brief: &crate::runtime::Brief| brief.place == Some(place);
        self.shared().index.calendars(CalendarId::from_bits(0), LIST_MAX, there)
    }

    /// Somebody's place in a line.
    ///
    /// Refused as [`Rejection::UnknownWish`].
    ///
    /// # Errors
    ///
    /// [`Error`] when the engine cannot answer; see its variants.
    pub async fn line_info(&self, id: WishId) -> Answer<LineInfo> {
        self.shared().check()?;
        match lines::find(self.shared().index.rows(), id)? {
            Some(row) => Ok(Ok(self.line_told(row)?)),
            None => refused(Rejection::UnknownWish),
        }
    }

    /// The places of a person in the lines of a campaign, those that are over too.
    ///
    /// # Errors
    ///
    /// [`Error`] when the engine cannot answer; see its variants.
    pub async fn lines_of(&self, campaign: CampaignId, person: &PersonId) -> Answer<Vec<LineInfo>> {
        self.shared().check()?;
        let rows = lines::of_person(self.shared().index.rows(), campaign, person)?;
        Ok(Ok(rows.into_iter().map(|row| self.line_told(row)).collect::<Result<_, _>>()?))
    }

    /// Those who wait for a vaccine of a campaign at a place, in the order in which they are
    /// offered what comes free, at most `limit`.
    ///
    /// Refused as [`Rejection::UnknownCampaign`] or [`Rejection::UnknownPlace`].
    ///
    /// # Errors
    ///
    /// [`Error`] when the engine cannot answer; see its variants.
    pub async fn line(&self, stocked: Stocked, limit: usize) -> Answer<ListedLine> {
        self.shared().check()?;
        let doses = self.shared().index.doses();
        if doses.campaign(stocked.0).is_none() {
            return refused(Rejection::UnknownCampaign);
        }
        if !self.shared().index.register().knows_place(stocked.1) {
            return refused(Rejection::UnknownPlace);
        }
        let now = self.now();
        let all = doses.line(&stocked).map(|line| line.waiting()).unwrap_or_default();
        let all: Vec<_> = all.into_iter().filter(|row| now < row.place.until).collect();
        let first = all.iter().take(limit.min(LIST_MAX));
        let first = first.map(|row| self.line_told(LineRow::clone(row))).collect::<Result<_, _>>();
        Ok(Ok(ListedLine { waiting: all.len(), first: first? }))
    }

    /// Has somebody wait no more. What was offered can still be had.
    pub(in super::super) async fn leave_line(&self, OfWish { wish, by }: OfWish) -> Answer<()> {
        let shared = self.shared();
        let Some(row) = lines::find(shared.index.rows(), wish)? else {
            return refused(Rejection::UnknownWish);
        };
        if !row.place.is_for(&by) {
            return refused(Rejection::NotYours);
        }
        if row.state != WishState::Waiting {
            return Ok(Ok(()));
        }
        let print = key_of(&[b"leaves", &wish.bits().to_be_bytes()]);
        let what = || Ok(Registration::LeftLine { id: wish });
        Ok(self.register(print, None, None, what).await?.map(|_| ()))
    }

    /// Somebody has the dose that they waited for: they wait for it nowhere any more. Should that
    /// fail, they are passed over.
    pub(in super::super) async fn no_more_in_line(&self, booking: &Booking) {
        let Some(dose) = booking.details.dose.as_deref() else { return };
        if self.shared().index.doses().bell().is_idle() {
            return;
        }
        let rows = self.shared().index.rows();
        let rows = lines::of_person(rows, dose.campaign, &booking.person).unwrap_or_default();
        let waits = |row: &&LineRow| row.state == WishState::Waiting;
        let same = |row: &&LineRow| row.place.dose.number == dose.number;
        for row in rows.iter().filter(waits).filter(same) {
            let asked = OfWish { wish: row.place.id, by: By::Unsaid };
            let _ = Box::pin(self.leave_line(asked)).await;
        }
    }

    /// Whether everybody who waits has been asked about all that came free: for tests.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn lines_are_settled(&self) -> bool {
        self.shared().index.doses().are_asked()
    }

    fn line_told(&self, row: LineRow) -> Result<LineInfo, Error> {
        let now = self.now();
        let offer = row.offer.map(|hold| self.offered(hold, now)).transpose()?.flatten();
        let status = match row.state {
            WishState::Waiting if row.place.until <= now => WishStatus::Over,
            WishState::Waiting => WishStatus::Waiting,
            WishState::Withdrawn => WishStatus::Withdrawn,
            WishState::Granted(appointment) => WishStatus::Granted(appointment),
            WishState::PassedBy => WishStatus::PassedBy,
        };
        let line = self.shared().index.doses().line(&row.place.stocked());
        let line = line.filter(|_| status == WishStatus::Waiting);
        let before = line.map(|line| line.before(row.place.turn()));
        Ok(LineInfo { place: row.place, status, offer, before })
    }

    fn offered(&self, hold: HoldId, now: Timestamp) -> Result<Option<Hold>, Error> {
        let row = self.shared().index.booking(hold, now)?;
        let lives = row.filter(
            |row| matches!(row.state, BookingState::Held { deadline, .. } if now < deadline),
        );
        Ok(lives.map(|row| answers::hold_of(&row, self.shared().config.renewals)))
    }
}
