//! Changing what is set about a calendar.

use rkyv::{Archive, Deserialize, Serialize};

use super::absence::{Absence, Block};
use super::definition::{Definition, Reason};
use super::holidays::PublicHolidays;
use super::hours::{DayException, WeeklyHours};
use super::rejection::Rejection;
use super::template::Template;
use crate::ids::{PlaceId, PractitionerId};

/// What to change; what is none stays as it is. Zone, grid and place are fixed.
#[derive(Archive, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
pub struct Change {
    /// The hours of each week.
    pub weekly_hours: Option<WeeklyHours>,
    /// All the templates, in place of those there.
    pub templates: Option<Vec<Template>>,
    /// All the exceptions, in place of those there.
    pub exceptions: Option<Vec<DayException>>,
    /// All the absences, in place of those there.
    pub absences: Option<Vec<Absence>>,
    /// An absence to be added to those there.
    pub block: Option<Block>,
    /// All the reminders, in place of those there.
    pub reminders_minutes: Option<Vec<u32>>,
    /// Who is seen, in the register.
    pub practitioner: Option<PractitionerId>,
    /// Where, in the register.
    pub place: Option<PlaceId>,
    /// The public holidays that are kept, in place of those before.
    pub public_holidays: Option<PublicHolidays>,
    /// Minutes before its start until which an appointment can be changed.
    pub change_until_minutes: Option<u32>,
    /// Lanes in which the practice alone books.
    pub overflow_lanes: Option<u16>,
    /// How often a person may hold a slot again after an expiry; none within for without end.
    pub holds_again: Option<Option<u8>>,
    /// All the reasons, in place of those there.
    pub reasons: Option<Vec<Reason>>,
    /// How many can be seen at once. A removed lane keeps what is booked in it until it is over.
    pub lanes: Option<u16>,
    /// Days that can be booked ahead.
    pub horizon_days: Option<u16>,
}

impl Change {
    /// The definition after the change, as version `version`.
    ///
    /// # Errors
    ///
    /// [`Rejection::Invalid`] with the field and the rule.
    pub fn applied_to(&self, old: &Definition, version: u32) -> Result<Definition, Rejection> {
        let mut new = old.clone();
        if let Some(hours) = &self.weekly_hours {
            new.weekly_hours = hours.clone();
        }
        if let Some(templates) = &self.templates {
            new.agenda.templates = templates.clone();
        }
        if let Some(exceptions) = &self.exceptions {
            new.exceptions = exceptions.clone();
        }
        if let Some(absences) = &self.absences {
            new.agenda.absences = absences.clone();
        }
        if let Some(block) = &self.block
            && !new.agenda.absences.contains(&block.absence)
        {
            new.agenda.absences.push(block.absence.clone());
        }
        if let Some(reminders) = &self.reminders_minutes {
            new.agenda.reminders_minutes = reminders.clone();
        }
        new.agenda.practitioner = self.practitioner.or(new.agenda.practitioner);
        new.agenda.place = self.place.or(new.agenda.place);
        if let Some(holidays) = &self.public_holidays {
            new.agenda.public_holidays = holidays.clone();
        }
        if let Some(reasons) = &self.reasons {
            new.reasons = reasons.iter().map(|reason| versioned(reason, old, version)).collect();
        }
        let agenda = &mut new.agenda;
        agenda.change_until_minutes =
            self.change_until_minutes.unwrap_or(agenda.change_until_minutes);
        agenda.overflow_lanes = self.overflow_lanes.unwrap_or(agenda.overflow_lanes);
        agenda.holds_again = self.holds_again.unwrap_or(agenda.holds_again);
        new.lanes = self.lanes.unwrap_or(new.lanes);
        new.horizon_days = self.horizon_days.unwrap_or(new.horizon_days);
        new.checked()
    }
}

/// A reason that stayed as it was keeps its version.
fn versioned(reason: &Reason, old: &Definition, version: u32) -> Reason {
    let before = old.reason(&reason.id);
    let kept =
        before.filter(|before| Reason { version: before.version, ..reason.clone() } == **before);
    Reason { version: kept.map_or(version, |before| before.version), ..reason.clone() }
}
