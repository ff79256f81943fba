//! Appointments: reading, cancelling, moving, and finding a person's.

use std::sync::Arc;
use std::time::Duration;

use super::calendars::check_limit;
use super::holds::print_of;
use super::{Engine, Named, answers, refused};
use crate::booking::{By, Command, Event, Rejection};
use crate::error::{Answer, Error};
use crate::ids::{AppointmentId, CalendarId, HoldId};
use crate::journal::Remembered;
use crate::limits::{CLAIM_WAITS_MAX, MOVE_WAIT_MS, PARK_WAIT_MS};
use crate::metrics::{self, Full};
use crate::request::{
    Appointment, ListAppointments, ListedAppointments, MoveAppointment, OfAppointment, Outcome,
};
use crate::runtime::sync::{self, oneshot};
use crate::runtime::{
    BookingState, Claim, Directory, Entry, Message, MoveAsked, Parked, Share, Verdict, Work,
    key_of, order_move,
};
use crate::time::Timestamp;

/// What is asked of an appointment that lies somewhere.
#[derive(Clone, Copy)]
enum Asked {
    Cancel,
    Move { start: Timestamp, to: Option<CalendarId> },
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
        let appointments = rows.iter().filter_map(answers::appointment_of).collect();
        Ok(Ok(ListedAppointments { appointments, next }))
    }

    /// Cancels an appointment; its slot is free at once. Again, the answer is the same, not fresh.
    ///
    /// Refused as [`Rejection::CommandReused`], [`Rejection::UnknownAppointment`],
    /// [`Rejection::NotYours`], when it has begun [`Rejection::NotChangeable`], or
    /// [`Rejection::TooLate`].
    ///
    /// # Errors
    ///
    /// [`Error`] when the engine cannot answer; see its variants.
    pub async fn cancel(&self, asked: OfAppointment) -> Answer<Outcome<Appointment>> {
        self.counted(metrics::Asked::Cancel, self.try_cancel(asked).await)
    }

    async fn try_cancel(&self, asked: OfAppointment) -> Answer<Outcome<Appointment>> {
        self.shared().check()?;
        let OfAppointment { appointment, by, command } = asked;
        let print = print_of(b"cancel", appointment.into(), &by);
        let named = match self.named(command.as_ref(), print).await? {
            Named::Fresh(named) => named,
            Named::Repeat(events) => return done(&events),
            Named::Reused => return refused(Rejection::CommandReused),
        };
        self.change_appointment(appointment.into(), (Asked::Cancel, by), named).await
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

    async fn change_appointment(
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
                    Asked::Cancel => Ok(Ok(Outcome { value: appointment, fresh: false })),
                    Asked::Move { .. } => refused(Rejection::NotChangeable),
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
            let verdict = self.ask_there((id, lies_at), asked, &by, name).await?;
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

    /// Has the calendar on which an appointment lies decide what is asked of it.
    async fn ask_there(
        &self,
        (id, lies_at): (HoldId, CalendarId),
        asked: Asked,
        by: &By,
        name: Option<(Remembered, Claim)>,
    ) -> Result<Verdict, Error> {
        match asked {
            Asked::Move { start, to: Some(to) } if to != lies_at => {
                self.move_between(lies_at, to, (id, start, by.clone()), name).await
            }
            Asked::Move { start, .. } => {
                let work = Work::Move { hold: id, start, by: by.clone() };
                self.settle(lies_at, work, name).await
            }
            Asked::Cancel => {
                let command = Command::Cancel { hold: id, by: by.clone() };
                self.settle(lies_at, Work::Command(command), name).await
            }
        }
    }

    /// Moves an appointment between two calendars. Both stand still while it is decided; they are
    /// stopped in the order of their identifiers, each for a bounded time.
    async fn move_between(
        &self,
        from: CalendarId,
        to: CalendarId,
        (hold, start, by): (HoldId, Timestamp, By),
        named: Option<(Remembered, Claim)>,
    ) -> Result<Verdict, Error> {
        let directory = self.directory().clone();
        // On a task of its own: a host that stops polling must not hold two calendars.
        let work = async move {
            let (reply, verdict) = oneshot::channel();
            {
                let (first, second) = (from.min(to), from.max(to));
                let (first, first_permit) = directory.admit(first, Share::Settle)?;
                let (second, second_permit) = directory.admit(second, Share::Settle)?;
                // Both are awake before one stands still: nobody waits there for a disk.
                directory.rouse(&first).await?;
                directory.rouse(&second).await?;
                // Nobody stands behind a move that waits for its first calendar.
                let mut first = park(&directory, &first, MOVE_WAIT_MS).await?;
                let mut second = park(&directory, &second, PARK_WAIT_MS).await?;
                let permits = vec![first_permit, second_permit];
                let asked = MoveAsked { named, permits, reply };
                let (from, to) =
                    if from < to { (&mut first, &mut second) } else { (&mut second, &mut first) };
                match (from.desk(), to.desk()) {
                    (Some(from), Some(to)) => order_move(from, to, (hold, start, &by), asked),
                    _ => return Err(Error::OutcomeUnknown),
                }
            }
            verdict.await.map_err(|_| Error::OutcomeUnknown)
        };
        match sync::spawn(work).await.map_err(|_| Error::OutcomeUnknown)?? {
            Verdict::Failed(error) => Err(error),
            verdict => Ok(verdict),
        }
    }
}

/// The answer of a command that was done.
fn done(events: &[Event]) -> Answer<Outcome<Appointment>> {
    let value = answers::settled(events).ok_or(Error::OutcomeUnknown)?;
    Ok(Ok(Outcome { value, fresh: true }))
}

/// Has a calendar stand still, if it comes to that in `wait_ms`. The caller holds a permit.
async fn park(directory: &Directory, entry: &Arc<Entry>, wait_ms: u64) -> Result<Parked, Error> {
    let (sender, parked) = oneshot::channel();
    directory.send(entry, Message::Park(sender)).await?;
    match sync::timeout(Duration::from_millis(wait_ms), parked).await {
        Ok(parked) => parked.map_err(|_| Error::OutcomeUnknown),
        Err(_) => Err(directory.overloaded(Full::Contended)),
    }
}
