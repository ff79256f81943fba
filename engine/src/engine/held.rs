//! What becomes of a hold: looked at, renewed, confirmed, given back.

use super::holds::print_of;
use super::joint::Kept;
use super::{Engine, Named, answers, refused};
use crate::booking::{Command, Rejection};
use crate::error::{Answer, Error};
use crate::ids::{CalendarId, HoldId};
use crate::metrics::Asked;
use crate::request::{Appointment, Hold, OfHold, Outcome};
use crate::runtime::{BookingRow, BookingState, Share, Verdict, Work, expire};

impl Engine {
    /// A hold, whatever has become of it. One that ended without an appointment is known for 24
    /// hours.
    ///
    /// Refused as [`Rejection::UnknownHold`].
    ///
    /// # Errors
    ///
    /// [`Error`] when the engine cannot answer; see its variants.
    pub async fn hold_info(&self, id: HoldId) -> Answer<Hold> {
        self.shared().check()?;
        let row = self.shared().index.booking(id, self.now())?;
        let due = |row: &BookingRow| match row.state {
            BookingState::Held { deadline, .. } if deadline <= self.now() => {
                Some(row.booking.calendar)
            }
            _ => None,
        };
        let row = match row.as_ref().and_then(due) {
            None => row,
            Some(calendar) => {
                expire(self.directory().clone(), calendar, Share::Hold).await?;
                self.shared().index.booking(id, self.now())?
            }
        };
        let most = self.shared().config.renewals;
        Ok(row.map(|row| answers::hold_of(&row, most)).ok_or(Rejection::UnknownHold))
    }

    /// Has a hold last longer, as long as a new one from now on, if it can still be renewed.
    ///
    /// Refused as [`Rejection::CommandReused`], [`Rejection::UnknownHold`],
    /// [`Rejection::NotYours`], [`Rejection::HoldReleased`], [`Rejection::HoldExpired`],
    /// [`Rejection::HoldConfirmed`] or [`Rejection::RenewalsSpent`].
    ///
    /// # Errors
    ///
    /// [`Error`] when the engine cannot answer; see its variants.
    pub async fn renew(&self, asked: OfHold) -> Answer<Outcome<Hold>> {
        self.counted(Asked::Renew, self.try_renew(asked).await)
    }

    async fn try_renew(&self, asked: OfHold) -> Answer<Outcome<Hold>> {
        let shared = self.shared();
        shared.check()?;
        let OfHold { hold, by, command } = asked;
        let (hold_ms, renewals) = (shared.config.hold_ms(), shared.config.renewals);
        let named = match self.named(command.as_ref(), print_of(b"renew", hold, &by)).await? {
            Named::Fresh(named) => named,
            Named::Repeat(events) => {
                let value = answers::held(&events, renewals).ok_or(Error::OutcomeUnknown)?;
                return Ok(Ok(Outcome { value, fresh: true }));
            }
            Named::Reused => return refused(Rejection::CommandReused),
        };
        let mut row = shared.index.booking(hold, self.now())?;
        if let Some(BookingRow { state: BookingState::Held { .. }, booking, .. }) = &row {
            let command = Command::Renew { hold, by: by.clone(), hold_ms, renewals };
            match self.settle_both(booking, command, named).await? {
                Verdict::Decided { events } => {
                    let value = answers::held(&events, renewals).ok_or(Error::OutcomeUnknown)?;
                    return Ok(Ok(Outcome { value, fresh: true }));
                }
                // It ended so long ago that only the index remembers it.
                Verdict::Refused(Rejection::UnknownHold) => {
                    row = shared.index.booking(hold, self.now())?;
                }
                Verdict::Refused(rejection) => return refused(rejection),
                Verdict::Already | Verdict::Own(_) | Verdict::Failed(_) => {
                    return Err(Error::OutcomeUnknown);
                }
            }
        }
        let Some(row) = row else { return refused(Rejection::UnknownHold) };
        if !row.booking.is_for(&by) {
            return refused(Rejection::NotYours);
        }
        refused(match (row.state, answers::appointment_id(&row)) {
            (_, Some(appointment)) => Rejection::HoldConfirmed { appointment },
            (BookingState::Released, _) => Rejection::HoldReleased,
            (BookingState::Expired, _) => Rejection::HoldExpired,
            // It was live in the index and unknown to its calendar: only a fault explains that.
            _ => return Err(Error::OutcomeUnknown),
        })
    }

    /// Turns a hold into an appointment. Again, the answer is the appointment as it now is, not
    /// fresh.
    ///
    /// Refused as [`Rejection::CommandReused`], [`Rejection::UnknownHold`],
    /// [`Rejection::NotYours`], [`Rejection::HoldReleased`], [`Rejection::HoldExpired`] or
    /// [`Rejection::IsOffer`].
    ///
    /// # Errors
    ///
    /// [`Error`] when the engine cannot answer; see its variants.
    pub async fn confirm(&self, asked: OfHold) -> Answer<Outcome<Appointment>> {
        self.counted(Asked::Confirm, self.try_confirm(asked).await)
    }

    async fn try_confirm(&self, asked: OfHold) -> Answer<Outcome<Appointment>> {
        self.shared().check()?;
        let OfHold { hold, by, command } = asked;
        let print = print_of(b"confirm", hold, &by);
        let named = match self.named(command.as_ref(), print).await? {
            Named::Fresh(named) => named,
            Named::Repeat(events) => {
                let value = answers::settled(&events).ok_or(Error::OutcomeUnknown)?;
                return Ok(Ok(Outcome { value, fresh: true }));
            }
            Named::Reused => return refused(Rejection::CommandReused),
        };
        let mut row = self.shared().index.booking(hold, self.now())?;
        if row.as_ref().is_some_and(|row| !row.booking.is_for(&by)) {
            return refused(Rejection::NotYours);
        }
        let turn = self.turn_of_wish(hold).await?;
        if turn.is_some() {
            // With its turn it is known how things stand.
            row = self.shared().index.booking(hold, self.now())?;
        }
        if let Some(BookingRow { state: BookingState::Held { .. }, booking, .. }) = &row {
            let command = Command::Confirm { hold, by };
            let verdict = match turn {
                Some(_) => self.settle_whole(booking, command, (named, turn)).await?,
                None => self.settle_both(booking, command, named).await?,
            };
            match verdict {
                Verdict::Decided { events } => {
                    let value = answers::settled(&events).ok_or(Error::OutcomeUnknown)?;
                    self.granted(booking).await;
                    return Ok(Ok(Outcome { value, fresh: true }));
                }
                Verdict::Refused(Rejection::UnknownHold)
                | Verdict::Already
                | Verdict::Own(_)
                | Verdict::Failed(_) => {
                    row = self.shared().index.booking(hold, self.now())?;
                }
                Verdict::Refused(rejection) => return refused(rejection),
            }
        }
        let Some(row) = row else { return refused(Rejection::UnknownHold) };
        match (row.state, answers::appointment_of(&row)) {
            (_, Some(value)) => Ok(Ok(Outcome { value, fresh: false })),
            (BookingState::Released, _) => refused(Rejection::HoldReleased),
            (BookingState::Expired, _) => refused(Rejection::HoldExpired),
            (BookingState::Accepted(_), _) => refused(Rejection::IsOffer),
            // It was live in the index and unknown to its calendar: only a fault explains that.
            _ => Err(Error::OutcomeUnknown),
        }
    }

    /// Gives a hold back; its slot is free at once. Again, or once it has expired, the answer is
    /// the same.
    ///
    /// Refused as [`Rejection::CommandReused`], [`Rejection::UnknownHold`], [`Rejection::NotYours`]
    /// or [`Rejection::HoldConfirmed`].
    ///
    /// # Errors
    ///
    /// [`Error`] when the engine cannot answer; see its variants.
    pub async fn release(&self, asked: OfHold) -> Answer<()> {
        self.counted(Asked::Release, self.try_release(asked).await)
    }

    async fn try_release(&self, asked: OfHold) -> Answer<()> {
        self.shared().check()?;
        let OfHold { hold, by, command } = asked;
        let print = print_of(b"release", hold, &by);
        let named = match self.named(command.as_ref(), print).await? {
            Named::Fresh(named) => named,
            Named::Repeat(_) => return Ok(Ok(())),
            Named::Reused => return refused(Rejection::CommandReused),
        };
        let row = self.shared().index.booking(hold, self.now())?;
        match row {
            Some(row) if !row.booking.is_for(&by) => refused(Rejection::NotYours),
            Some(row @ BookingRow { state: BookingState::Held { .. }, .. }) => {
                let command = Command::Release { hold, by };
                match self.settle_both(&row.booking, command, named).await? {
                    // It ended so long ago that only the index remembers it.
                    Verdict::Refused(Rejection::UnknownHold) => self.released(hold),
                    Verdict::Refused(rejection) => refused(rejection),
                    _ => Ok(Ok(())),
                }
            }
            _ => self.released(hold),
        }
    }

    /// What a release finds in the index.
    fn released(&self, hold: HoldId) -> Answer<()> {
        match self.shared().index.booking(hold, self.now())?.map(|row| row.state) {
            Some(BookingState::Released | BookingState::Expired) => Ok(Ok(())),
            Some(BookingState::Booked | BookingState::Marked(_) | BookingState::Cancelled) => {
                refused(Rejection::HoldConfirmed { appointment: hold.into() })
            }
            Some(BookingState::Accepted(appointment)) => {
                refused(Rejection::HoldConfirmed { appointment })
            }
            Some(BookingState::Held { .. }) => Err(Error::OutcomeUnknown),
            None => refused(Rejection::UnknownHold),
        }
    }

    /// Has a calendar serve a command that claims no slot.
    pub(super) async fn settle(
        &self,
        calendar: CalendarId,
        work: Work,
        (named, turn): Kept,
    ) -> Result<Verdict, Error> {
        let (entry, permit) = self.directory().admit(calendar, Share::Settle)?;
        self.ask(&entry, permit.with(turn), work, named).await
    }
}
