//! What can be asked of a calendar.

use super::booking::{Details, Guard, Mark};
use super::change::Change;
use super::rules::By;
use super::wishes::Wish;
use crate::ids::{DeliveryId, HoldId, PersonId, ReasonId, WishId};
use crate::time::Timestamp;

/// A command to one calendar. Creating a calendar and moving between two concern none or two:
/// [`Calendar::create`](super::Calendar::create) and [`decide_move`](super::decide::decide_move).
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Change hours, lanes, reasons or horizon.
    Change {
        /// What to change.
        change: Box<Change>,
        /// The version that the caller saw.
        version: Option<u32>,
    },
    /// Hold a slot for a person.
    Hold {
        /// The identifier that the hold gets.
        hold: HoldId,
        /// For whom.
        person: PersonId,
        /// Why.
        reason: ReasonId,
        /// When.
        start: Timestamp,
        /// The lane that the reservation won.
        lane: u16,
        /// Milliseconds until the hold ends by itself.
        hold_ms: i64,
        /// The rules that keep the person to one live hold.
        guards: Vec<Guard>,
        /// Who booked, and how.
        details: Details,
        /// Who asks.
        by: By,
        /// Whether in a lane that only the practice takes.
        overflow: bool,
    },
    /// Turn a hold into an appointment.
    Confirm {
        /// The hold.
        hold: HoldId,
        /// Who asks.
        by: By,
    },
    /// Give a hold back.
    Release {
        /// The hold.
        hold: HoldId,
        /// Who asks.
        by: By,
    },
    /// Have a hold last longer.
    Renew {
        /// The hold.
        hold: HoldId,
        /// Who asks.
        by: By,
        /// Milliseconds from now until it ends by itself.
        hold_ms: i64,
        /// How often a hold can be renewed.
        renewals: u8,
    },
    /// Say what the practice has seen of an appointment.
    Mark {
        /// The appointment, by the bits of its hold.
        hold: HoldId,
        /// What.
        mark: Mark,
    },
    /// Say how late the practice is for everyone still to come today.
    Delay {
        /// Minutes; none to be in time again.
        minutes: u16,
    },
    /// Cancel an appointment.
    Cancel {
        /// The appointment, by the bits of its hold.
        hold: HoldId,
        /// Who asks.
        by: By,
    },
    /// Wait for something to come free.
    Wish(Box<Wish>),
    /// Wait no more.
    Withdraw {
        /// For what.
        wish: WishId,
        /// Who asks.
        by: By,
    },
    /// Have the dose of a booking be of another delivery, or of none.
    Redose {
        /// The booking.
        hold: HoldId,
        /// Of which delivery it is, as far as the caller knows.
        from: Option<DeliveryId>,
        /// Of which it shall be.
        to: Option<DeliveryId>,
    },
    /// Say that the dose of an appointment was given.
    Give {
        /// The appointment, by the bits of its hold.
        hold: HoldId,
        /// Of which delivery.
        delivery: DeliveryId,
        /// Minutes for which its person stays.
        stays_minutes: u16,
    },
    /// End the holds whose time has come.
    Expire,
}
