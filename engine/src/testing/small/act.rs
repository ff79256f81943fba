//! What can be asked in a small world, and which workloads are the same up to names.

/// What a world of two slots looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Both slots lie on one calendar: one guard, one actor, moves within.
    OneCalendar,
    /// Each slot has a calendar of its own: two actors, moves between.
    TwoCalendars,
    /// The same, and both give doses, of which there is one at their place.
    OneDose,
}

impl Shape {
    /// How many calendars there are.
    #[must_use]
    pub const fn calendars(self) -> u8 {
        match self {
            Self::OneCalendar => 1,
            Self::TwoCalendars | Self::OneDose => 2,
        }
    }

    /// The calendar on which a slot lies.
    #[must_use]
    pub const fn calendar_of(self, slot: u8) -> u8 {
        match self {
            Self::OneCalendar => 0,
            Self::TwoCalendars | Self::OneDose => slot,
        }
    }
}

/// One command, or one step of the clock. Bookings are counted in the order in which they were
/// made, acts from the beginning of the workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Act {
    /// A person holds a slot.
    Hold {
        /// Who: 0 or 1.
        person: u8,
        /// Which: 0 or 1.
        slot: u8,
    },
    /// A booking's hold is confirmed.
    Confirm(u8),
    /// A booking's hold is given back.
    Release(u8),
    /// A booking is cancelled as an appointment.
    Cancel(u8),
    /// A booking is moved as an appointment.
    Move {
        /// Which booking.
        booking: u8,
        /// Where to.
        slot: u8,
    },
    /// A calendar gets a second lane, or loses it.
    Change(u8),
    /// The clock goes on until every hold has run out.
    Wait,
    /// An earlier act is asked again, under its name.
    Repeat(u8),
}

/// Other names for persons and slots.
#[derive(Clone, Copy, Debug)]
struct Swap {
    persons: bool,
    slots: bool,
}

const SWAPS: [Swap; 4] = [
    Swap { persons: false, slots: false },
    Swap { persons: true, slots: false },
    Swap { persons: false, slots: true },
    Swap { persons: true, slots: true },
];

impl Swap {
    fn person(self, person: u8) -> u8 {
        if self.persons { 1 - person } else { person }
    }

    fn slot(self, slot: u8) -> u8 {
        if self.slots { 1 - slot } else { slot }
    }

    fn act(self, act: Act, shape: Shape) -> Act {
        match act {
            Act::Hold { person, slot } => {
                Act::Hold { person: self.person(person), slot: self.slot(slot) }
            }
            Act::Move { booking, slot } => Act::Move { booking, slot: self.slot(slot) },
            Act::Change(calendar) if 1 < shape.calendars() => Act::Change(self.slot(calendar)),
            other => other,
        }
    }
}

/// The workload under all other names, itself included, without repetitions: its orbit.
#[must_use]
pub fn orbit(workload: &[Act], shape: Shape) -> Vec<Vec<Act>> {
    let renamed = |swap: Swap| workload.iter().map(|act| swap.act(*act, shape)).collect();
    let mut images: Vec<Vec<Act>> = SWAPS.into_iter().map(renamed).collect();
    images.sort();
    images.dedup();
    images
}

/// Whether the workload stands for its orbit: it is the least of it. What precedes the end of such
/// a workload is such a workload too, for the first act in which two images differ decides.
#[must_use]
pub fn is_canonical(workload: &[Act], shape: Shape) -> bool {
    orbit(workload, shape).first().is_some_and(|least| least == workload)
}
