//! What is stated of a person, for as long as it takes to judge by it. It is never written down.

use super::definition::{Group, Invalid, check_codes, invalid};
use crate::ids::{Code, VaccineId};
use crate::limits::{CODES_MAX, DOSE_NUMBER_MAX, FACTS_AHEAD_MS, FACTS_VALID_MS};
use crate::time::Timestamp;

/// A dose that was given where this engine does not know of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Elsewhere {
    /// Which, counted from 1.
    pub number: u8,
    /// Of which vaccine, by its name in the campaign.
    pub vaccine: VaccineId,
    /// When.
    pub at: Timestamp,
}

/// A statement of what counts for a campaign, by whoever the host trusts to make it: names alone,
/// never a date of birth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// When it was made. It counts for [`FACTS_VALID_MS`].
    pub stated_at: Timestamp,
    /// The age band.
    pub band: Code,
    /// The territory.
    pub territory: Option<Code>,
    /// Conditions.
    pub conditions: Vec<Code>,
    /// Professions.
    pub professions: Vec<Code>,
    /// When the person was last infected.
    pub infected_at: Option<Timestamp>,
    /// Doses that were given elsewhere.
    pub elsewhere: Vec<Elsewhere>,
}

impl Facts {
    /// Those of a person of an age band, of whom nothing else is stated.
    #[must_use]
    pub fn of(band: Code, stated_at: Timestamp) -> Self {
        Self {
            stated_at,
            band,
            territory: None,
            conditions: Vec::new(),
            professions: Vec::new(),
            infected_at: None,
            elsewhere: Vec::new(),
        }
    }

    /// The first rule that the statement breaks by itself.
    ///
    /// # Errors
    ///
    /// [`Invalid`] with the field and the rule.
    pub fn check(&self) -> Result<(), Invalid> {
        check_codes("facts.conditions", &self.conditions, CODES_MAX)?;
        check_codes("facts.professions", &self.professions, CODES_MAX)?;
        for (place, dose) in self.elsewhere.iter().enumerate() {
            let twice = self.elsewhere.iter().take(place).any(|it| it.number == dose.number);
            if twice || !(1..=DOSE_NUMBER_MAX).contains(&dose.number) {
                let rule = format!("must be 1 to {DOSE_NUMBER_MAX}, each once");
                return Err(invalid(format!("facts.elsewhere[{place}].number"), rule));
            }
        }
        Ok(())
    }

    /// Whether it counts at `now`.
    #[must_use]
    pub fn counts_at(&self, now: Timestamp) -> bool {
        now < self.stated_at.plus_ms(FACTS_VALID_MS)
            && self.stated_at <= now.plus_ms(FACTS_AHEAD_MS)
    }
}

impl Group {
    /// Whether somebody is of it.
    #[must_use]
    pub fn has(&self, facts: &Facts) -> bool {
        let any = |asked: &[Code], stated: &[Code]| {
            asked.is_empty() || asked.iter().any(|code| stated.contains(code))
        };
        any(&self.bands, std::slice::from_ref(&facts.band))
            && any(&self.conditions, &facts.conditions)
            && any(&self.professions, &facts.professions)
            && any(&self.territories, facts.territory.as_slice())
    }
}
