//! Two doses of a person that are held, confirmed and ended together.

use super::super::answers;
use super::super::holds::{Attempt, Wanted, Won, hold_print};
use super::{Engine, Named, refused};
use crate::booking::{Booking, Command, Rejection};
use crate::campaign::{Record, Recorded};
use crate::error::{Answer, Error};
use crate::ids::HoldId;
use crate::journal::Remembered;
use crate::limits::CLAIM_WAITS_MAX;
use crate::metrics::Asked;
use crate::planted::{self, Bug};
use crate::request::{Hold, HoldSlot, NextDose, Outcome};
use crate::runtime::sync::yield_now;
use crate::runtime::{BookingRow, BookingState, Claim, Joint, Share, Verdict, expire, key_of};

impl Engine {
    /// Holds a slot for each of two doses of a person, one after the other: both or neither. They
    /// are confirmed, renewed and given back together, whichever of them is named; once they are
    /// appointments, each can be moved within the vaccine's interval. The command's name is that
    /// of the first.
    ///
    /// Refused as [`Engine::hold`], and as [`Rejection::Invalid`] for two that do not belong
    /// together.
    ///
    /// # Errors
    ///
    /// [`Error`] when the engine cannot answer; see its variants.
    pub async fn hold_doses(
        &self,
        first: HoldSlot,
        second: HoldSlot,
    ) -> Answer<Outcome<[Hold; 2]>> {
        let held = Box::pin(self.try_hold_doses(first, second)).await;
        self.counted(Asked::Hold, held)
    }

    async fn try_hold_doses(
        &self,
        first: HoldSlot,
        second: HoldSlot,
    ) -> Answer<Outcome<[Hold; 2]>> {
        self.shared().check()?;
        if let Err(rejection) = belong_together(&first, &second) {
            return refused(rejection);
        }
        let plain = |mut slot: HoldSlot| {
            (slot.details.offer, slot.details.wish, slot.details.dose) = (None, None, None);
            slot.details.booked_by = slot.details.booked_by.filter(|it| *it != slot.person);
            Wanted::plain(slot)
        };
        let (first, second) = (plain(first), plain(second));
        let prints = [hold_print(&first.slot)?, hold_print(&second.slot)?];
        let print = key_of(&[b"both", &prints[0].to_le_bytes(), &prints[1].to_le_bytes()]);
        let (mut named, mut settled) = (None, None);
        for _ in 0..CLAIM_WAITS_MAX {
            let name = match named.take() {
                Some(name) => name,
                None => match self.named(first.slot.command.as_ref(), print).await? {
                    Named::Fresh(name) => name,
                    Named::Repeat(events) => return self.both_held(&events),
                    Named::Reused => return refused(Rejection::CommandReused),
                },
            };
            for wanted in [&first, &second] {
                if let Err(rejection) = self.check_calendars(&wanted.slot) {
                    return refused(rejection);
                }
            }
            let attempt = match self.attempt(&first, settled, None).await? {
                Attempt::Won(won) => {
                    let together = together(&first.slot, &won);
                    match self.attempt(&second, settled, together.as_ref()).await? {
                        Attempt::Won(other) => {
                            return self.hold_both((&first, won), (&second, other), name).await;
                        }
                        attempt => attempt,
                    }
                }
                attempt => attempt,
            };
            match attempt {
                Attempt::Won(_) => {}
                Attempt::Own(hold) => return self.both_of(hold),
                Attempt::Refused(rejection) => return refused(rejection),
                Attempt::Wait(waiting) => waiting.ended().await,
                Attempt::Due(calendar) => {
                    expire(self.directory().clone(), calendar, Share::Hold).await?;
                }
                Attempt::Settle(hold) => {
                    let queue = &self.shared().queue;
                    queue.durable(queue.last_submitted()).await?;
                    yield_now().await;
                    settled = Some(hold);
                }
            }
            named = Some(name);
        }
        Err(self.contended())
    }

    async fn hold_both(
        &self,
        (first, mut won): (&Wanted, Won),
        (second, mut other): (&Wanted, Won),
        name: Option<(Remembered, Claim)>,
    ) -> Answer<Outcome<[Hold; 2]>> {
        let (one, two) = (won.hold, other.hold);
        won.dose.iter_mut().for_each(|dose| dose.twin = Some(two));
        other.dose.iter_mut().for_each(|dose| dose.twin = Some(one));
        let ends = (first.slot.calendar, second.slot.calendar);
        let commands = (self.hold_command(first, &won), self.hold_command(second, &other));
        let mut admitted = vec![(won.entry, won.permit)];
        if ends.0 != ends.1 {
            admitted.push((other.entry, other.permit));
        }
        let both = [(commands.0, won.reservation), (commands.1, other.reservation)];
        let what = Joint::HoldBoth(Box::new(both));
        match Box::pin(self.joint(admitted, ends, what, name)).await? {
            Verdict::Decided { events } => self.both_held(&events),
            Verdict::Refused(rejection) => refused(rejection),
            Verdict::Own(own) => {
                self.both_of(answers::live_hold(&own, self.shared().config.renewals))
            }
            Verdict::Already | Verdict::Failed(_) => Err(Error::OutcomeUnknown),
        }
    }

    /// The two holds that were made.
    fn both_held(&self, events: &[crate::booking::Event]) -> Answer<Outcome<[Hold; 2]>> {
        let most = self.shared().config.renewals;
        let (first, second) =
            (answers::held(events, most), answers::held(events.get(1..).unwrap_or_default(), most));
        let both = first.zip(second).ok_or(Error::OutcomeUnknown)?;
        Ok(Ok(Outcome { value: both.into(), fresh: true }))
    }

    /// A hold of the first dose that the person has, and the one that was made with it.
    fn both_of(&self, first: Hold) -> Answer<Outcome<[Hold; 2]>> {
        let twin = first.details.dose.as_ref().and_then(|dose| dose.twin);
        let row = match twin {
            Some(twin) => self.shared().index.booking(twin, self.now())?,
            None => None,
        };
        // A hold of the first dose alone stands in the way of one of both.
        let Some(row) = row else { return refused(Rejection::PersonHasHold { hold: first.id }) };
        let second = answers::hold_of(&row, self.shared().config.renewals);
        Ok(Ok(Outcome { value: [first, second], fresh: false }))
    }

    /// Has a hold and the one that was made with it serve a command, both or neither.
    pub(in super::super) async fn settle_both(
        &self,
        booking: &Booking,
        command: Command,
        named: Option<(Remembered, Claim)>,
    ) -> Result<Verdict, Error> {
        let twin = match booking.details.dose.as_ref().and_then(|dose| dose.twin) {
            Some(twin) if !planted::is(Bug::TwinForgotten) => {
                self.shared().index.booking(twin, self.now())?
            }
            _ => None,
        };
        match twin {
            Some(BookingRow { booking: twin, state: BookingState::Held { .. }, .. }) => {
                let second = command_of(&command, twin.id);
                let what = Joint::Both([command, second]);
                self.jointly(booking, twin.calendar, what, (named, None)).await
            }
            _ => self.settle_whole(booking, command, (named, None)).await,
        }
    }

    /// The appointment for the dose after that of one that is to be cancelled, where it goes too;
    /// none where there is none or it stays.
    pub(in super::super) fn next_dose(
        &self,
        booking: &Booking,
        next: Option<NextDose>,
    ) -> Result<Result<Option<Booking>, Rejection>, Error> {
        let Some(dose) = booking.details.dose.as_deref() else { return Ok(Ok(None)) };
        let shared = self.shared();
        let records = shared.index.records(dose.campaign, &booking.person)?;
        let is_next = |record: &&Record| {
            record.number == dose.number.saturating_add(1) && record.is == Recorded::Booked
        };
        let after = records.iter().find(is_next).and_then(|record| record.booking);
        let Some(after) = after else { return Ok(Ok(None)) };
        Ok(match next {
            None => Err(Rejection::NextDose { appointment: after.into() }),
            Some(NextDose::Keep) => Ok(None),
            Some(NextDose::Cancel) => {
                Ok(shared.index.booking(after, self.now())?.map(|row| row.booking))
            }
        })
    }
}

/// The same command about another hold.
fn command_of(command: &Command, hold: HoldId) -> Command {
    match command.clone() {
        Command::Confirm { by, .. } => Command::Confirm { hold, by },
        Command::Release { by, .. } => Command::Release { hold, by },
        Command::Renew { by, hold_ms, renewals, .. } => {
            Command::Renew { hold, by, hold_ms, renewals }
        }
        other => other,
    }
}

/// What is recorded of the first dose once both are held.
fn together(slot: &HoldSlot, won: &Won) -> Option<Record> {
    let dose = won.dose.as_ref()?;
    let (number, vaccine) = (dose.number, dose.vaccine.clone());
    Some(Record { booking: Some(won.hold), number, vaccine, at: slot.start, is: Recorded::Booked })
}

fn belong_together(first: &HoldSlot, second: &HoldSlot) -> Result<(), Rejection> {
    let invalid = |field: &str, rule: &str| {
        Err(Rejection::Invalid { field: field.to_owned(), rule: rule.to_owned() })
    };
    let (Some(one), Some(two)) = (&first.dose, &second.dose) else {
        return invalid("dose", "must be stated for both");
    };
    if first.person != second.person || one.campaign != two.campaign {
        return invalid("second", "must be for the same person and campaign");
    }
    if two.number != one.number.saturating_add(1) {
        return invalid("second.dose.number", "must be the one after the first");
    }
    if !first.details.parts().is_empty() || !second.details.parts().is_empty() {
        return invalid("with", "must not be there for two doses");
    }
    if first.overflow || second.overflow {
        return invalid("overflow", "must not be there for two doses");
    }
    Ok(())
}
