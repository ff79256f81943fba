//! Appointments: reading, cancelling, moving, and finding a person's.

use super::calendars::check_limit;
use super::holds::print_of;
use super::{Engine, Named, answers, refused};
use crate::booking::{Booking, By, Command, Event, Mark, Rejection};
use crate::error::{Answer, Error};
use crate::ids::{AppointmentId, CalendarId, HoldId};
use crate::journal::Remembered;
use crate::limits::CLAIM_WAITS_MAX;
use crate::metrics;
use crate::request::{
    Appointment, AppointmentStatus, CancelDose, ListAppointments, ListedAppointments,
    MarkAppointment, MoveAppointment, NextDose, OfAppointment, Outcome,
};
use crate::runtime::{BookingState, Claim, DoseClaim, Joint, Verdict, Work, key_of};
use crate::time::Timestamp;

/// What is asked of an appointment that lies somewhere.
#[derive(Clone, Copy)]
pub(super) enum Asked {
    /// What becomes of the dose after it, where it has one.
    Cancel(Option<NextDose>),
    Move {
        start: Timestamp,
        to: Option<CalendarId>,
    },
    /// The acceptance of an offer that lies in a calendar.
    Accept {
        hold: HoldId,
        to: CalendarId,
    },
    Mark(Mark),
}

impl Engine {
    /// An appointment.
    ///
    /// Refused as [`Rejection::UnknownAppointment`].
    ///
    /// # Errors
    ///
    /// [`Error`] when the engine cannot answer; see its variants.
    pub async fn appointment(&self, id: AppointmentId) -> Answer<Appointment> {
        self.shared().check()?;
        let row = self.shared().index.booking(id.into(), self.now())?;
        let appointment = row.and_then(|row| answers::appointment_of(&row));
        let appointment = appointment.map(|appointment| self.with_delay(appointment));
        Ok(appointment.ok_or(Rejection::UnknownAppointment))
    }

    /// A person's appointments, past and coming, cancelled ones too, oldest first.
    ///
    /// Refused as [`Rejection::Invalid`] for the limit.
    ///
    /// # Errors
    ///
    /// [`Error`] when the engine cannot answer; see its variants.
    pub async fn appointments(&self, asked: ListAppointments) -> Answer<ListedAppointments> {
        self.shared().check()?;
        if let Err(rejection) = check_limit(asked.limit) {
            return refused(rejection);
        }
        let from = asked.cursor.unwrap_or_default();
        let index = &self.shared().index;
        let (rows, next) = index.appointments(&asked.person, &from, asked.limit, self.now())?;
        let found = rows.iter().filter_map(answers::appointment_of);
        let appointments = found.map(|appointment| self.with_delay(appointment)).collect();
        Ok(Ok(ListedAppointments { appointments, next }))
    }

    /// With the minutes that its practice says to be late, where that counts for it.
    fn with_delay(&self, mut appointment: Appointment) -> Appointment {
        let coming =
            matches!(appointment.status, AppointmentStatus::Booked | AppointmentStatus::Arrived);
        if coming {
            let index = &self.shared().index;
            appointment.late_minutes = index.late(appointment.calendar, appointment.start);
        }
        appointment
    }

    /// Says what the practice has seen of an appointment: arrived on its day, fulfilled or no-show
    /// once it has begun. It can say otherwise later, but that it was fulfilled is final. What is
    /// marked can be neither moved nor cancelled. Where it was said already, the answer is not
    /// fresh.
    ///
    /// Refused as [`Rejection::CommandReused`], [`Rejection::UnknownAppointment`],
    /// [`Rejection::NotChangeable`] or [`Rejection::NotYet`].
    ///
    /// # Errors
    ///
    /// [`Error`] when the engine cannot answer; see its variants.
    pub async fn mark(&self, asked: MarkAppointment) -> Answer<Outcome<Appointment>> {
        self.counted(metrics::Asked::Mark, self.try_mark(asked).await)
    }

    async fn try_mark(&self, asked: MarkAppointment) -> Answer<Outcome<Appointment>> {
        self.shared().check()?;
        let MarkAppointment { appointment, mark, command } = asked;
        let what: &[u8] = match mark {
            Mark::Arrived => b"arrived",
            Mark::Fulfilled => b"fulfilled",
            Mark::NoShow => b"no-show",
        };
        let print = print_of(what, appointment.into(), &By::Practice);
        let named = match self.named(command.as_ref(), print).await? {
            Named::Fresh(named) => named,
            Named::Repeat(events) => return done(&events),
            Named::Reused => return refused(Rejection::CommandReused),
        };
        let asked = (Asked::Mark(mark), By::Practice);
        self.change_appointment(appointment.into(), asked, named).await
    }

    /// Cancels an appointment; its slot is free at once, and nobody waits for something in its
    /// place any more. Again, the answer is the same, not fresh.
    ///
    /// Refused as [`Rejection::CommandReused`], [`Rejection::UnknownAppointment`],
    /// [`Rejection::NotYours`], when it has begun [`Rejection::NotChangeable`], or
    /// [`Rejection::TooLate`]; where its person has an appointment for the dose after it, as
    /// [`Rejection::NextDose`]: see [`Engine::cancel_dose`].
    ///
    /// # Errors
    ///
    /// [`Error`] when the engine cannot answer; see its variants.
    pub async fn cancel(&self, asked: OfAppointment) -> Answer<Outcome<Appointment>> {
        let told = self.try_cancel(asked, None).await;
        if let Ok(Ok(Outcome { value, .. })) = &told {
            self.none_instead_of(value).await;
        }
        self.counted(metrics::Asked::Cancel, told)
    }

    /// Cancels an appointment of a campaign, and says what becomes of the one for the dose after
    /// it: both in one step, or it alone.
    ///
    /// Refused as [`Engine::cancel`], and as [`Rejection::NextDose`] where that was not said, or
    /// [`Rejection::PersonHasHold`] while its person holds a slot of the campaign.
    ///
    /// # Errors
    ///
    /// [`Error`] when the engine cannot answer; see its variants.
    pub async fn cancel_dose(&self, asked: CancelDose) -> Answer<Outcome<Appointment>> {
        let CancelDose { appointment, next, by, command } = asked;
        let of = OfAppointment { appointment, by, command };
        let told = self.try_cancel(of, next).await;
        if let Ok(Ok(Outcome { value, .. })) = &told {
            self.none_instead_of(value).await;
        }
        self.counted(metrics::Asked::Cancel, told)
    }

    async fn try_cancel(
        &self,
        asked: OfAppointment,
        next: Option<NextDose>,
    ) -> Answer<Outcome<Appointment>> {
        self.shared().check()?;
        let OfAppointment { appointment, by, command } = asked;
        let what: &[u8] = match next {
            None => b"cancel",
            Some(NextDose::Keep) => b"cancel and keep",
            Some(NextDose::Cancel) => b"cancel both",
        };
        let print = print_of(what, appointment.into(), &by);
        let named = match self.named(command.as_ref(), print).await? {
            Named::Fresh(named) => named,
            Named::Repeat(events) => return done(&events),
            Named::Reused => return refused(Rejection::CommandReused),
        };
        self.change_appointment(appointment.into(), (Asked::Cancel(next), by), named).await
    }

    /// Moves an appointment, also to another calendar: the new slot is taken and the old one freed
    /// in one step, or nothing changes. It keeps its identifier and its status. Where it lies
    /// there already, the answer is not fresh.
    ///
    /// Refused as [`Rejection::CommandReused`], [`Rejection::UnknownCalendar`],
    /// [`Rejection::UnknownAppointment`], [`Rejection::NotYours`], [`Rejection::NotChangeable`],
    /// [`Rejection::TooLate`], or as a hold of the new slot would be.
    ///
    /// # Errors
    ///
    /// [`Error`] when the engine cannot answer; see its variants.
    pub async fn move_appointment(&self, asked: MoveAppointment) -> Answer<Outcome<Appointment>> {
        self.counted(metrics::Asked::Move, self.try_move(asked).await)
    }

    async fn try_move(&self, asked: MoveAppointment) -> Answer<Outcome<Appointment>> {
        self.shared().check()?;
        let MoveAppointment { appointment, start, calendar: to, by, command } = asked;
        let to_bits = to.map_or(0, CalendarId::bits).to_le_bytes();
        let id = appointment.bits().to_le_bytes();
        let start_bits = start.millis().to_le_bytes();
        let plain: [&[u8]; 4] = [b"move", &id, &start_bits, &to_bits];
        let print = match &by {
            By::Unsaid => key_of(&plain),
            by => key_of(&[&plain[..], &[by.print()]].concat()),
        };
        let named = match self.named(command.as_ref(), print).await? {
            Named::Fresh(named) => named,
            Named::Repeat(events) => return done(&events),
            Named::Reused => return refused(Rejection::CommandReused),
        };
        if to.is_some_and(|to| !self.shared().index.knows(to)) {
            return refused(Rejection::UnknownCalendar);
        }
        self.change_appointment(appointment.into(), (Asked::Move { start, to }, by), named).await
    }

    pub(super) async fn change_appointment(
        &self,
        id: HoldId,
        (asked, by): (Asked, By),
        named: Option<(Remembered, Claim)>,
    ) -> Answer<Outcome<Appointment>> {
        let mut named = named;
        let mut asked_at = None;
        for _ in 0..CLAIM_WAITS_MAX {
            let row = self.shared().index.booking(id, self.now())?;
            let Some((row, appointment)) =
                row.and_then(|row| answers::appointment_of(&row).map(|found| (row, found)))
            else {
                return refused(Rejection::UnknownAppointment);
            };
            if !row.booking.is_for(&by) {
                return refused(Rejection::NotYours);
            }
            if row.state == BookingState::Cancelled {
                return match asked {
                    Asked::Cancel(_) => Ok(Ok(Outcome { value: appointment, fresh: false })),
                    Asked::Move { .. } | Asked::Accept { .. } | Asked::Mark(_) => {
                        refused(Rejection::NotChangeable)
                    }
                };
            }
            let lies_at = row.booking.calendar;
            if asked_at == Some(lies_at) {
                // Its calendar does not know it any more: it is long over.
                return refused(Rejection::NotChangeable);
            }
            asked_at = Some(lies_at);
            // A command keeps its name while its appointment is looked for elsewhere.
            let (command, claim) = match named.take() {
                Some((command, claim)) => (Some(command), Some(claim)),
                None => (None, None),
            };
            let name = command.clone().zip(claim);
            let verdict = self.ask_there(&row.booking, asked, &by, name).await?;
            match verdict {
                Verdict::Decided { events } => return done(&events),
                Verdict::Refused(Rejection::UnknownAppointment) => {
                    // It was moved meanwhile; the refusal came after that was durable.
                    if let Some(command) = command {
                        named = match self.named(Some(&command.key), command.fingerprint).await? {
                            Named::Fresh(named) => named,
                            // The same request, sent twice, has found it meanwhile.
                            Named::Repeat(events) => return done(&events),
                            Named::Reused => return refused(Rejection::CommandReused),
                        };
                    }
                }
                Verdict::Refused(rejection) => return refused(rejection),
                Verdict::Already | Verdict::Own(_) | Verdict::Failed(_) => {
                    let now = self.appointment(id.into()).await?;
                    return Ok(now.map(|value| Outcome { value, fresh: false }));
                }
            }
        }
        Err(self.contended())
    }

    /// Has the calendars on which an appointment lies decide what is asked of it.
    async fn ask_there(
        &self,
        booking: &Booking,
        asked: Asked,
        by: &By,
        name: Option<(Remembered, Claim)>,
    ) -> Result<Verdict, Error> {
        let (hold, lies_at, by) = (booking.id, booking.calendar, by.clone());
        let to = match asked {
            Asked::Accept { to, .. } | Asked::Move { to: Some(to), .. } => to,
            Asked::Move { to: None, .. } | Asked::Cancel(_) | Asked::Mark(_) => lies_at,
        };
        let (turn, dose) = match self.dose_of_change(booking, asked, to).await? {
            Ok(claimed) => claimed,
            Err(rejection) => return Ok(Verdict::Refused(rejection)),
        };
        let turn = match asked {
            Asked::Accept { hold: offer, .. } if turn.is_none() => self.turn_of_wish(offer).await?,
            _ => turn,
        };
        let alone = to == lies_at && booking.details.parts().is_empty();
        let work = match asked {
            Asked::Mark(mark) => Work::Command(Command::Mark { hold, mark }),
            Asked::Cancel(next) => {
                match self.next_dose(booking, next)? {
                    Ok(None) => {}
                    Ok(Some(after)) => {
                        let second = Command::Cancel { hold: after.id, by: by.clone() };
                        let both = Joint::Both([Command::Cancel { hold, by }, second]);
                        return self.jointly(booking, after.calendar, both, (name, turn)).await;
                    }
                    Err(rejection) => return Ok(Verdict::Refused(rejection)),
                }
                let cancel = Command::Cancel { hold, by };
                return self.settle_whole(booking, cancel, (name, turn)).await;
            }
            Asked::Move { start, .. } if alone => Work::Move { hold, start, by, dose },
            Asked::Accept { hold: offer, .. } if alone => {
                Work::Accept { hold: offer, appointment: hold.into(), by }
            }
            Asked::Move { start, .. } => {
                let what = Joint::Move { hold, start, by, dose };
                return self.jointly(booking, to, what, (name, turn)).await;
            }
            Asked::Accept { hold: offer, .. } => {
                let what = Joint::Accept { hold: offer, appointment: hold.into(), by };
                return self.jointly(booking, to, what, (name, turn)).await;
            }
        };
        self.settle(lies_at, work, (name, turn)).await
    }

    /// What a change claims for the dose of an appointment, if it has one.
    async fn dose_of_change(
        &self,
        booking: &Booking,
        asked: Asked,
        to: CalendarId,
    ) -> Result<Result<(Option<Claim>, Option<DoseClaim>), Rejection>, Error> {
        if booking.details.dose.is_none() || matches!(asked, Asked::Mark(_)) {
            return Ok(Ok((None, None)));
        }
        let turn = match self.turn_of(booking).await? {
            Ok(turn) => turn,
            Err(rejection) => return Ok(Err(rejection)),
        };
        // With their turn it is known how things stand.
        let row = self.shared().index.booking(booking.id, self.now())?;
        let booking = row.as_ref().map_or(booking, |row| &row.booking);
        let start = match asked {
            Asked::Move { start, .. } => start,
            Asked::Accept { hold, .. } => {
                let offer = self.shared().index.booking(hold, self.now())?;
                offer.map_or(booking.span.start, |offer| offer.booking.span.start)
            }
            Asked::Cancel(_) | Asked::Mark(_) => return Ok(Ok((turn, None))),
        };
        if let Err(rejection) = self.dose_may_move(booking, start)? {
            return Ok(Err(rejection));
        }
        if matches!(asked, Asked::Accept { .. }) {
            return Ok(Ok((turn, None)));
        }
        Ok(self.dose_there(booking, to, start).await?.map(|dose| (turn, dose)))
    }
}

/// The answer of a command that was done.
fn done(events: &[Event]) -> Answer<Outcome<Appointment>> {
    let value = answers::settled(events).ok_or(Error::OutcomeUnknown)?;
    Ok(Ok(Outcome { value, fresh: true }))
}
