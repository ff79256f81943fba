//! What goes beyond the hours of each week.

use rkyv::{Archive, Deserialize, Serialize};

use super::absence::Absence;
use super::holidays::PublicHolidays;
use super::template::Template;
use crate::ids::{PlaceId, PractitionerId};

/// Templates, absences, public holidays, and what else few calendars set.
/// Templates, absences, public holidays, until when appointments may be changed, reminders, who
/// and where. Many calendars have none of them.
#[derive(Archive, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct Agenda {
    /// Weeks that count for a while, or in one week of so many, beside the hours of each week.
    pub templates: Vec<Template>,
    /// When nothing is open, whatever else is set.
    pub absences: Vec<Absence>,
    /// The public holidays on which nothing is open, but for dates with an exception.
    pub public_holidays: PublicHolidays,
    /// Minutes before its start from which on only the practice may cancel or move an appointment.
    pub change_until_minutes: u32,
    /// Lanes beside the others, in which the practice alone books, on purpose.
    pub overflow_lanes: u16,
    /// How often a person may hold a slot again of which a hold of theirs has expired; without end
    /// if none.
    pub holds_again: Option<u8>,
    /// How many minutes before an appointment its person is to be reminded of it, the longest
    /// first. They count for what is booked or moved from then on, and for what stands.
    pub reminders_minutes: Vec<u32>,
    /// Who is seen, in the register.
    pub practitioner: Option<PractitionerId>,
    /// Where, in the register.
    pub place: Option<PlaceId>,
}
