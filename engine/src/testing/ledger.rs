//! What was asked of the engine, and what it told.

use super::registering::{Registered, Registering};
use crate::booking::Definition;
use crate::engine::Engine;
use crate::error::{Answer, Error};
use crate::ids::CommandKey;
use crate::request::{
    Appointment, AskWish, CalendarInfo, CancelDose, ChangeCalendar, Delay, DelayCalendar,
    DoseGiven, GiveDose, Hold, HoldFirst, HoldSlot, MarkAppointment, MoveAppointment,
    OfAppointment, OfHold, OfWish, OfferRemaining, OfferSlot, Outcome, Remaining, WishInfo,
};
use crate::time::Timestamp;

/// A request that changes something.
#[derive(Clone, Debug, PartialEq)]
pub enum Ask {
    /// A new calendar.
    Create(Definition, Option<CommandKey>),
    /// A change of a calendar.
    Change(ChangeCalendar),
    /// A hold.
    Hold(HoldSlot),
    /// A hold of the first free slot.
    First(HoldFirst),
    /// An appointment from a hold.
    Confirm(OfHold),
    /// The end of a hold.
    Release(OfHold),
    /// The end of an appointment.
    Cancel(OfAppointment),
    /// Another time or place for an appointment.
    Move(MoveAppointment),
    /// More time for a hold.
    Renew(OfHold),
    /// A slot offered.
    Offer(OfferSlot),
    /// An offer taken.
    Accept(OfHold),
    /// What the practice has seen of an appointment.
    Mark(MarkAppointment),
    /// How late a practice is.
    Delay(DelayCalendar),
    /// Somebody waits.
    Wish(AskWish),
    /// Somebody waits no more.
    Withdraw(OfWish),
    /// Something is put into the register.
    Register(Registering),
    /// A dose was given.
    Give(GiveDose),
    /// A hold for each of two doses.
    Doses(Box<(HoldSlot, HoldSlot)>),
    /// The end of an appointment, and what becomes of the next dose.
    CancelDose(CancelDose),
    /// What is left of a vaccine is offered to those who wait.
    Remaining(OfferRemaining),
}

/// What a request brought about.
#[derive(Clone, Debug, PartialEq)]
pub enum Told {
    /// A calendar, and whether this very request made it so.
    Calendar(CalendarInfo),
    /// A hold.
    Hold(Outcome<Hold>),
    /// An appointment.
    Appointment(Outcome<Appointment>),
    /// A hold is no more.
    Released,
    /// A practice is late.
    Delayed(Delay),
    /// Somebody waits.
    Wish(Outcome<WishInfo>),
    /// Somebody waits no more.
    Withdrawn,
    /// Something of the register.
    Registered(Registered),
    /// A dose was given.
    Given(Outcome<DoseGiven>),
    /// Two holds.
    Both(Outcome<[Hold; 2]>),
    /// Offers were made.
    Offered(Remaining),
}

impl Ask {
    /// The name under which it was asked.
    #[must_use]
    pub fn command(&self) -> Option<&CommandKey> {
        match self {
            Self::Create(_, command) => command.as_ref(),
            // The same is there once, however often it is asked for.
            Self::Wish(_) | Self::Withdraw(_) | Self::Remaining(_) => None,
            Self::Doses(both) => both.0.command.as_ref(),
            Self::CancelDose(asked) => asked.command.as_ref(),
            Self::Change(asked) => asked.command.as_ref(),
            Self::Hold(asked) => asked.command.as_ref(),
            Self::Confirm(asked)
            | Self::Release(asked)
            | Self::Renew(asked)
            | Self::Accept(asked) => asked.command.as_ref(),
            Self::Offer(asked) => asked.command.as_ref(),
            Self::Mark(asked) => asked.command.as_ref(),
            Self::Delay(asked) => asked.command.as_ref(),
            Self::First(asked) => asked.command.as_ref(),
            Self::Cancel(asked) => asked.command.as_ref(),
            Self::Move(asked) => asked.command.as_ref(),
            Self::Register(asked) => asked.command.as_ref(),
            Self::Give(asked) => asked.command.as_ref(),
        }
    }

    /// Whether it is about an appointment that is there.
    #[must_use]
    pub fn changes_appointment(&self) -> bool {
        let cancels = matches!(self, Self::Cancel(_) | Self::CancelDose(_));
        cancels || matches!(self, Self::Move(_) | Self::Accept(_) | Self::Mark(_))
    }

    /// The same under another name.
    #[must_use]
    pub fn named(mut self, name: Option<CommandKey>) -> Self {
        match &mut self {
            Self::Create(_, command) => *command = name,
            Self::Wish(_) | Self::Withdraw(_) | Self::Remaining(_) => {}
            Self::Doses(both) => both.0.command = name,
            Self::CancelDose(asked) => asked.command = name,
            Self::Change(asked) => asked.command = name,
            Self::Hold(asked) => asked.command = name,
            Self::Confirm(asked)
            | Self::Release(asked)
            | Self::Renew(asked)
            | Self::Accept(asked) => asked.command = name,
            Self::Offer(asked) => asked.command = name,
            Self::Mark(asked) => asked.command = name,
            Self::Delay(asked) => asked.command = name,
            Self::First(asked) => asked.command = name,
            Self::Cancel(asked) => asked.command = name,
            Self::Move(asked) => asked.command = name,
            Self::Register(asked) => asked.command = name,
            Self::Give(asked) => asked.command = name,
        }
        self
    }

    /// Asks it.
    ///
    /// # Errors
    ///
    /// As the engine's methods.
    pub async fn put_to(self, engine: &Engine) -> Answer<Told> {
        match self {
            Self::Create(definition, command) => {
                let told = Box::pin(engine.create_calendar(definition, command)).await?;
                Ok(told.map(|outcome| Told::Calendar(outcome.value)))
            }
            Self::Change(asked) => {
                let told = Box::pin(engine.change_calendar(asked)).await?;
                Ok(told.map(|changed| Told::Calendar(changed.calendar)))
            }
            Self::Hold(asked) => Ok(Box::pin(engine.hold(asked)).await?.map(Told::Hold)),
            Self::First(asked) => Ok(Box::pin(engine.hold_first(asked)).await?.map(Told::Hold)),
            Self::Confirm(asked) => {
                Ok(Box::pin(engine.confirm(asked)).await?.map(Told::Appointment))
            }
            Self::Release(asked) => {
                Ok(Box::pin(engine.release(asked)).await?.map(|()| Told::Released))
            }
            Self::Cancel(asked) => Ok(Box::pin(engine.cancel(asked)).await?.map(Told::Appointment)),
            Self::Renew(asked) => Ok(Box::pin(engine.renew(asked)).await?.map(Told::Hold)),
            Self::Offer(asked) => Ok(Box::pin(engine.offer(asked)).await?.map(Told::Hold)),
            Self::Accept(asked) => Ok(Box::pin(engine.accept(asked)).await?.map(Told::Appointment)),
            Self::Mark(asked) => Ok(Box::pin(engine.mark(asked)).await?.map(Told::Appointment)),
            Self::Delay(asked) => Ok(Box::pin(engine.delay(asked)).await?.map(Told::Delayed)),
            Self::Register(asked) => {
                Ok(Box::pin(asked.put_to(engine)).await?.map(Told::Registered))
            }
            Self::Give(asked) => Ok(Box::pin(engine.give_dose(asked)).await?.map(Told::Given)),
            Self::Doses(both) => {
                let (first, second) = *both;
                Ok(Box::pin(engine.hold_doses(first, second)).await?.map(Told::Both))
            }
            Self::CancelDose(asked) => {
                Ok(Box::pin(engine.cancel_dose(asked)).await?.map(Told::Appointment))
            }
            Self::Remaining(asked) => {
                Ok(Box::pin(engine.offer_remaining(asked)).await?.map(Told::Offered))
            }
            Self::Wish(asked) => Ok(Box::pin(engine.wish(asked)).await?.map(Told::Wish)),
            Self::Withdraw(asked) => {
                Ok(Box::pin(engine.withdraw(asked)).await?.map(|()| Told::Withdrawn))
            }
            Self::Move(asked) => {
                Ok(Box::pin(engine.move_appointment(asked)).await?.map(Told::Appointment))
            }
        }
    }
}

impl Told {
    /// What was brought about by this very command, if anything was.
    #[must_use]
    pub fn fresh(&self) -> Option<&Self> {
        match self {
            Self::Hold(outcome) if !outcome.fresh => None,
            Self::Appointment(outcome) if !outcome.fresh => None,
            Self::Wish(outcome) if !outcome.fresh => None,
            Self::Given(outcome) if !outcome.fresh => None,
            Self::Both(outcome) if !outcome.fresh => None,
            Self::Registered(Registered::Known(_)) => None,
            told => Some(told),
        }
    }
}

/// A request and what became of it.
#[derive(Clone, Debug)]
pub struct Record {
    /// In which life.
    pub life: usize,
    /// When it was asked, in engine time.
    pub asked_at: Timestamp,
    /// When it was answered.
    pub told_at: Timestamp,
    /// When it was asked and when it was answered, in a count of both over all lives.
    pub ticks: (u64, u64),
    /// What was asked.
    pub ask: Ask,
    /// The answer; none where nobody heard it.
    pub answer: Option<Answer<Told>>,
}

impl Record {
    /// What was acknowledged.
    #[must_use]
    pub fn told(&self) -> Option<&Told> {
        match &self.answer {
            Some(Ok(Ok(told))) => Some(told),
            _ => None,
        }
    }

    /// Whether it may have happened or not.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        matches!(&self.answer, None | Some(Err(Error::OutcomeUnknown)))
    }
}

super::counted::counted! {
    /// How often what has happened.
    pub struct Counts {
        /// Requests, those for information included.
        pub operations,
        /// Requests that were to change something.
        pub commands,
        /// Requests whose answer nobody waited for.
        pub hung_up,
        /// Requests that were refused.
        pub refused,
        /// Requests that met an operating error.
        pub errors,
        /// Requests refused with [`Error::Overloaded`].
        pub overloaded,
        /// Requests put again.
        pub repeated,
        /// Lives that ended in order.
        pub shutdowns,
        /// Lives that ended by a crash.
        pub crashes,
        /// Crashes before the engine was open.
        pub crashes_while_opening,
        /// Crashes while it was being shut down.
        pub crashes_while_closing,
        /// Engines that stopped after a failed write.
        pub fail_stops,
        /// Wall clocks that were refused.
        pub clocks_behind,
        /// Jumps of the wall clock between two lives.
        pub clock_jumps,
        /// Jumps back among them.
        pub clock_jumps_back,
        /// Times that nothing ran for a while.
        pub starved,
        /// Actors that were made to fail.
        pub planted,
        /// Times that everything was compared while nothing was in flight.
        pub audits,
        /// Held events in the journal.
        pub holds,
        /// Confirmed events.
        pub confirms,
        /// Released events.
        pub releases,
        /// Expired events.
        pub expiries,
        /// Cancelled events.
        pub cancels,
        /// Moves within a calendar.
        pub moves_within,
        /// Moves between calendars.
        pub moves_between,
        /// Renewed events.
        pub renewals,
        /// Offers held.
        pub offers,
        /// Offers to those who wait.
        pub turns,
        /// Offers accepted.
        pub accepted,
        /// Events of parts of bookings.
        pub parts,
        /// Marked events.
        pub marks,
        /// Delayed events.
        pub delays,
        /// Wished and withdrawn events.
        pub wishes,
        /// Doses that are of another delivery, or of none.
        pub dosed,
        /// Doses given.
        pub given,
        /// Holds of two doses together.
        pub pairs,
        /// Changes of calendars.
        pub changes,
        /// Entries of the journal.
        pub entries,
        /// Entries that starts replayed.
        pub replayed,
        /// Calls of the history whose order was judged.
        pub judged,
        /// Refusals of taken slots among them.
        pub refusals_judged,
    }
}
