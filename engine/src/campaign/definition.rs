//! What a campaign sets, and the rules that it must meet.

use rkyv::{Archive, Deserialize, Serialize};

use crate::ids::{CampaignId, Code, VaccineId};
use crate::limits;
use crate::time::Timestamp;

/// A field that breaks a rule of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid {
    /// The field, as a path.
    pub field: String,
    /// The rule, to be read after the field's name.
    pub rule: String,
}

pub(super) fn invalid(field: impl Into<String>, rule: impl Into<String>) -> Invalid {
    Invalid { field: field.into(), rule: rule.into() }
}

/// People, by what is stated of them: they meet each list that is not empty by one of its names.
#[derive(Archive, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct Group {
    /// Age bands.
    pub bands: Vec<Code>,
    /// Conditions.
    pub conditions: Vec<Code>,
    /// Professions.
    pub professions: Vec<Code>,
    /// Territories.
    pub territories: Vec<Code>,
}

/// A stretch of the campaign in which some may book.
#[derive(Archive, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct Phase {
    /// Its name. It is written beside each booking that it allowed, so it must tell no more of a
    /// person than may be written.
    pub id: Code,
    /// For whom it is, as those read who are refused.
    pub says: String,
    /// From when on they may book.
    pub opens: Timestamp,
    /// Until when; without end if none.
    pub closes: Option<Timestamp>,
    /// Those who may: anybody of one of these groups; everybody if there is none.
    pub groups: Vec<Group>,
    /// Which doses, counted from 1; any if there is none.
    pub doses: Vec<u8>,
}

/// Doses after those that make a person's protection complete.
#[derive(Archive, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub struct Booster {
    /// Days after the dose before.
    pub after_days: u16,
    /// How many.
    pub most: u8,
}

/// A vaccine of a campaign.
#[derive(Archive, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct Vaccine {
    /// Its name within the campaign.
    pub id: VaccineId,
    /// The name that people read.
    pub name: String,
    /// Doses until a person's protection is complete.
    pub doses: u8,
    /// The fewest days between two of them.
    pub days_min: u16,
    /// The most.
    pub days_max: u16,
    /// Doses after those.
    pub booster: Option<Booster>,
    /// Days after an infection before which it is not given.
    pub after_infection_days: u16,
    /// Minutes for which a person stays after a dose.
    pub reaction_minutes: u16,
    /// The age bands for which it is; all if there is none.
    pub bands: Vec<Code>,
}

/// A campaign as it is set. The rules of each field are in [`Campaign::checked`].
#[derive(Archive, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct Campaign {
    /// The name that people read.
    pub name: String,
    /// Its age bands, the youngest first.
    pub bands: Vec<Code>,
    /// Its vaccines.
    pub vaccines: Vec<Vaccine>,
    /// Who may book when.
    pub phases: Vec<Phase>,
    /// Who comes first in the line: whoever is of an earlier group; last, whoever is of none.
    pub line: Vec<Group>,
}

/// That whoever books a reason has a dose of a campaign.
#[derive(Archive, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct DoseRule {
    /// Of which campaign.
    pub campaign: CampaignId,
    /// Of which of its vaccines.
    pub vaccine: VaccineId,
}

impl Vaccine {
    /// Doses in all, boosters included.
    #[must_use]
    pub fn most(&self) -> u8 {
        self.doses.saturating_add(self.booster.map_or(0, |booster| booster.most))
    }

    fn checked(&self, field: &dyn Fn(&str) -> String, bands: &[Code]) -> Result<(), Invalid> {
        check_text(&field("name"), &self.name)?;
        if self.doses == 0 || limits::DOSE_NUMBER_MAX < self.most() {
            let rule = format!("must be 1 to {}, boosters included", limits::DOSE_NUMBER_MAX);
            return Err(invalid(field("doses"), rule));
        }
        if self.days_min == 0 {
            return Err(invalid(field("days_min"), "must be at least 1"));
        }
        if self.days_max < self.days_min || limits::INTERVAL_DAYS_MAX < self.days_max {
            let rule = format!("must be days_min to {}", limits::INTERVAL_DAYS_MAX);
            return Err(invalid(field("days_max"), rule));
        }
        let days = [
            ("booster.after_days", self.booster.map_or(0, |booster| booster.after_days)),
            ("after_infection_days", self.after_infection_days),
        ];
        for (name, days) in days {
            if limits::INTERVAL_DAYS_MAX < days {
                let rule = format!("must be at most {}", limits::INTERVAL_DAYS_MAX);
                return Err(invalid(field(name), rule));
            }
        }
        if limits::REACTION_MINUTES_MAX < self.reaction_minutes {
            let rule = format!("must be at most {}", limits::REACTION_MINUTES_MAX);
            return Err(invalid(field("reaction_minutes"), rule));
        }
        check_bands(&field("bands"), &self.bands, bands)
    }
}

impl Group {
    fn checked(&self, field: &str, bands: &[Code]) -> Result<(), Invalid> {
        check_bands(&format!("{field}.bands"), &self.bands, bands)?;
        let lists = [
            ("conditions", &self.conditions),
            ("professions", &self.professions),
            ("territories", &self.territories),
        ];
        for (name, list) in lists {
            check_codes(&format!("{field}.{name}"), list, limits::CODES_MAX)?;
        }
        Ok(())
    }
}

impl Phase {
    fn checked(&self, field: &str, bands: &[Code]) -> Result<(), Invalid> {
        check_text(&format!("{field}.says"), &self.says)?;
        if self.closes.is_some_and(|closes| closes <= self.opens) {
            return Err(invalid(format!("{field}.closes"), "must come after opens"));
        }
        check_len(&format!("{field}.groups"), self.groups.len(), 0, limits::GROUPS_MAX)?;
        for (place, group) in self.groups.iter().enumerate() {
            group.checked(&format!("{field}.groups[{place}]"), bands)?;
        }
        let number = |dose: &u8| (1..=limits::DOSE_NUMBER_MAX).contains(dose);
        let many = usize::from(limits::DOSE_NUMBER_MAX) < self.doses.len();
        if many || !self.doses.iter().all(number) {
            let rule = format!("must be numbers of 1 to {}", limits::DOSE_NUMBER_MAX);
            return Err(invalid(format!("{field}.doses"), rule));
        }
        Ok(())
    }
}

impl Campaign {
    /// The campaign, or the first rule that it breaks.
    ///
    /// # Errors
    ///
    /// [`Invalid`] with the field and the rule.
    pub fn checked(self) -> Result<Self, Invalid> {
        check_text("name", &self.name)?;
        check_len("bands", self.bands.len(), 1, limits::BANDS_MAX)?;
        check_codes("bands", &self.bands, limits::BANDS_MAX)?;
        check_len("vaccines", self.vaccines.len(), 1, limits::VACCINES_MAX)?;
        for (place, vaccine) in self.vaccines.iter().enumerate() {
            let field = |name: &str| format!("vaccines[{place}].{name}");
            if self.vaccines.iter().take(place).any(|other| other.id == vaccine.id) {
                return Err(invalid(field("id"), "must not stand twice"));
            }
            vaccine.checked(&field, &self.bands)?;
        }
        check_len("phases", self.phases.len(), 1, limits::PHASES_MAX)?;
        for (place, phase) in self.phases.iter().enumerate() {
            let field = format!("phases[{place}]");
            if self.phases.iter().take(place).any(|other| other.id == phase.id) {
                return Err(invalid(format!("{field}.id"), "must not stand twice"));
            }
            phase.checked(&field, &self.bands)?;
        }
        check_len("line", self.line.len(), 0, limits::GROUPS_MAX)?;
        for (place, group) in self.line.iter().enumerate() {
            group.checked(&format!("line[{place}]"), &self.bands)?;
        }
        Ok(self)
    }

    /// The vaccine of this name.
    #[must_use]
    pub fn vaccine(&self, id: &VaccineId) -> Option<&Vaccine> {
        self.vaccines.iter().find(|vaccine| vaccine.id == *id)
    }
}

fn check_text(field: &str, text: &str) -> Result<(), Invalid> {
    if text.trim().is_empty() {
        return Err(invalid(field, "must not be empty"));
    }
    if limits::NAME_BYTES_MAX < text.len() {
        return Err(invalid(field, format!("must be at most {} bytes", limits::NAME_BYTES_MAX)));
    }
    if text.chars().any(char::is_control) {
        return Err(invalid(field, "must not contain control characters"));
    }
    Ok(())
}

fn check_len(field: &str, len: usize, least: usize, most: usize) -> Result<(), Invalid> {
    if (least..=most).contains(&len) {
        return Ok(());
    }
    Err(invalid(field, format!("must be {least} to {most}")))
}

/// No name stands twice, and there are not too many.
pub(super) fn check_codes(field: &str, list: &[Code], most: usize) -> Result<(), Invalid> {
    check_len(field, list.len(), 0, most)?;
    let twice = |(place, code): (usize, &Code)| list.iter().take(place).any(|other| other == code);
    if list.iter().enumerate().any(twice) {
        return Err(invalid(field, "must not name anything twice"));
    }
    Ok(())
}

fn check_bands(field: &str, list: &[Code], bands: &[Code]) -> Result<(), Invalid> {
    check_codes(field, list, limits::BANDS_MAX)?;
    if list.iter().all(|band| bands.contains(band)) {
        return Ok(());
    }
    Err(invalid(field, "must be age bands of the campaign"))
}
