//! What is asked of readers of the change feed, and what they tell.

use super::{Appointment, Hold};
use crate::booking::hours::Date;
use crate::ids::{CalendarId, DueId, PersonId, ReasonId};
use crate::time::Timestamp;

/// Asks for what is due.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListDue {
    /// Until when; now if none. What is due later is listed too, but not passed by the cursor.
    pub until: Option<Timestamp>,
    /// Where the last page ended; none begins with all that can still be read.
    pub cursor: Option<Vec<u8>>,
    /// How many, 1 to 1,000.
    pub limit: usize,
}

/// What is to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DueKind {
    /// It is booked.
    Confirmation,
    /// It is to come.
    Reminder {
        /// How many minutes before it starts.
        minutes_before: u32,
    },
    /// It lies elsewhere now.
    Moved {
        /// The calendar that it left.
        from_calendar: CalendarId,
        /// When it was to start there.
        from_start: Timestamp,
    },
    /// It does not take place.
    Cancelled,
    /// It begins late.
    Late {
        /// How many minutes; none where the practice is in time again.
        minutes: u16,
    },
    /// Its delivery was reduced, late or recalled, and there is no other dose for it so far.
    WithoutDose,
    /// A slot is offered.
    Offer,
}

/// Something that is to be told to somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// The same each time it is listed: who was told it once needs not be told again.
    pub id: DueId,
    /// What.
    pub kind: DueKind,
    /// When it is due.
    pub at: Timestamp,
    /// To whom.
    pub person: PersonId,
    /// Of which appointment, as it is now; none for an offer to a person.
    pub appointment: Option<Appointment>,
    /// What is offered, of an offer.
    pub offer: Option<Hold>,
}

/// A page of what is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedDue {
    /// The earliest first.
    pub due: Vec<Due>,
    /// Where the next page begins, also when nothing more is due yet.
    pub cursor: Vec<u8>,
    /// Whether there is more to be read at once.
    pub more: bool,
}

/// Asks what was done in a calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadActivity {
    /// Which.
    pub calendar: CalendarId,
    /// A date in the first week.
    pub from: Date,
    /// How many weeks, 1 to 53.
    pub weeks: u16,
}

/// What was done in a week: to appointments that lie in it, or lay in it when they ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WeekActivity {
    /// Its Monday.
    pub monday: Date,
    /// All reasons together.
    pub all: Activity,
    /// Minutes that lanes are open, by the hours as they are now.
    pub open_minutes: u64,
    /// Each reason, by its name.
    pub reasons: Vec<(ReasonId, Activity)>,
}

/// What was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Activity {
    /// Appointments that stand.
    pub booked: u64,
    /// Appointments that were cancelled.
    pub cancelled: u64,
    /// Moves to another place, within the week too.
    pub moved: u64,
    /// Appointments that took place, as the practice says; they stand.
    pub fulfilled: u64,
    /// Appointments to which nobody came, as the practice says; they stand.
    pub no_shows: u64,
    /// Minutes of those that stand, from start to end.
    pub booked_minutes: u64,
    /// Minutes of lanes that those that stand occupy, buffers included.
    pub occupied_minutes: u64,
    /// Minutes from when those that stand were booked to their start, together.
    pub ahead_minutes: u64,
}

/// An appointment with what a calendar file tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedAppointment {
    /// The appointment.
    pub appointment: Appointment,
    /// When it was booked.
    pub booked_at: Timestamp,
    /// When it was last booked, moved or cancelled.
    pub changed_at: Timestamp,
    /// How often it was moved or cancelled.
    pub revision: u32,
}
