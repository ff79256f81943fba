//! Longer workloads, chosen by hand: what four acts cannot reach.

use super::act::Act::{self, Cancel, Change, Confirm, Hold, Move, Release, Repeat, Wait};
use super::act::Shape;

const fn hold(person: u8, slot: u8) -> Act {
    Hold { person, slot }
}

const fn to(booking: u8, slot: u8) -> Act {
    Move { booking, slot }
}

/// A workload and what it is for.
pub struct Chosen {
    /// What it is for.
    pub name: &'static str,
    /// Where it is played.
    pub shape: Shape,
    /// What is asked.
    pub acts: &'static [Act],
}

macro_rules! chosen {
    ($($name:literal, $shape:ident: [$($act:expr),* $(,)?];)*) => {
        /// All of them.
        pub const CHOSEN: &[Chosen] = &[
            $(Chosen { name: $name, shape: Shape::$shape, acts: &[$($act),*] },)*
        ];
    };
}

chosen! {
    "an appointment goes to the other calendar and comes back", TwoCalendars:
        [hold(0, 0), Confirm(0), to(0, 1), to(0, 0), Repeat(2), Cancel(0)];
    "two appointments change places over a lane that is added", TwoCalendars:
        [hold(0, 0), Confirm(0), hold(1, 1), Confirm(1), Change(1), to(0, 1), to(1, 0)];
    "two appointments change places within a calendar", OneCalendar:
        [hold(0, 0), Confirm(0), hold(1, 1), Confirm(1), Change(0), to(0, 1), to(1, 0)];
    "a move into a slot that was freed a moment ago", TwoCalendars:
        [hold(0, 0), Confirm(0), hold(1, 1), Confirm(1), Cancel(1), to(0, 1), hold(1, 0)];
    "a booking stays in a lane that was taken away", OneCalendar:
        [Change(0), hold(0, 0), hold(1, 0), Confirm(0), Confirm(1), Change(0), Cancel(0),
         hold(0, 0), Cancel(1)];
    "a move out of a lane that was taken away", OneCalendar:
        [Change(0), hold(0, 0), hold(1, 0), Confirm(1), Change(0), to(1, 1), Release(0),
         hold(0, 1)];
    "a slot is sold three times, one after the other", OneCalendar:
        [hold(0, 0), Confirm(0), Cancel(0), hold(1, 0), Confirm(1), Cancel(1), hold(0, 0),
         Confirm(2)];
    "two holds run out at once", OneCalendar:
        [hold(0, 0), hold(1, 1), Wait, hold(1, 0), hold(0, 1), Confirm(2), Confirm(3)];
    "holds on two calendars run out at once", TwoCalendars:
        [hold(0, 0), hold(0, 1), Wait, hold(1, 0), Confirm(2), Confirm(0)];
    "what ran out cannot be confirmed, nor its slot lost", OneCalendar:
        [hold(0, 0), Wait, Confirm(0), hold(1, 0), Confirm(1), Repeat(0), Confirm(0)];
    "time passes an appointment by", OneCalendar:
        [hold(0, 0), Confirm(0), Wait, Wait, to(0, 1), Cancel(0), hold(1, 1)];
    "a person gives back and takes again", OneCalendar:
        [hold(0, 0), Release(0), hold(0, 0), Release(1), hold(0, 1), Release(2), hold(1, 1)];
    "a guard is given back by a confirm", OneCalendar:
        [hold(0, 0), hold(0, 1), Confirm(0), hold(0, 1), Confirm(1), hold(1, 0), Cancel(1)];
    "a guard is given back by its end", OneCalendar:
        [hold(0, 0), hold(0, 1), Wait, hold(0, 1), hold(1, 0), Release(1), hold(0, 0)];
    "everything is asked twice", TwoCalendars:
        [hold(0, 0), Repeat(0), Confirm(0), Repeat(2), to(0, 1), Repeat(4), Cancel(0), Repeat(6)];
    "a refused hold is asked again when there is room", OneCalendar:
        [hold(0, 0), hold(1, 0), Repeat(1), Release(0), Repeat(1), Repeat(1), Confirm(1)];
    "a refused move is asked again when there is room", TwoCalendars:
        [hold(0, 0), Confirm(0), hold(1, 1), to(0, 1), Wait, Repeat(3), Repeat(3), hold(1, 0)];
    "lanes come and go", OneCalendar:
        [Change(0), Change(0), hold(0, 0), Change(0), hold(1, 0), Change(0), Repeat(1),
         Release(0), hold(0, 0)];
    "a move to where it lies, and then away", TwoCalendars:
        [hold(0, 1), Confirm(0), to(0, 1), to(0, 0), to(0, 0), hold(1, 1), to(0, 1)];
    "a long day", TwoCalendars:
        [hold(0, 0), hold(1, 1), Confirm(0), Release(1), to(0, 1), hold(1, 0), Wait, hold(1, 0),
         Confirm(3), Change(1), to(3, 1), Cancel(0)];
}
