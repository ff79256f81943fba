//! A centre of the plan as the calendar that is made of it.

use creneau::{Agenda, Definition, IdError, Interval, Location, Reason, WeeklyHours};

use super::{Centre, Span};

/// What the one reason of an imported calendar is called by programs.
pub const REASON_ID: &str = "vaccination";

/// What patients read in its place.
const REASON_NAME: &str = "Vaccination";

/// What a file of centres does not say about a calendar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How many people are seen at once.
    pub lanes: u16,
    /// Minutes that an appointment takes.
    pub reason_minutes: u16,
    /// Minutes of a step of the grid.
    pub grid_minutes: u8,
    /// Days that can be booked ahead.
    pub horizon_days: u16,
}

impl Default for Settings {
    fn default() -> Self {
        Self { lanes: 1, reason_minutes: 5, grid_minutes: 5, horizon_days: 90 }
    }
}

/// The definition of a centre's calendar, and what had to be left out of it.
///
/// # Errors
///
/// Never: the name of the reason is fixed and readable.
pub(super) fn definition(
    centre: &Centre,
    settings: &Settings,
) -> Result<(Definition, Vec<String>), IdError> {
    let mut notes = Vec::new();
    let mut shorten = |field: &str, text: &str, bytes_max: usize| {
        let kept = text.get(..text.floor_char_boundary(bytes_max)).unwrap_or(text);
        if kept.len() < text.len() {
            notes.push(format!("{field}: cut after {bytes_max} bytes"));
        }
        kept.trim_end().to_owned()
    };
    let name = shorten("name", &centre.name, creneau::limits::NAME_BYTES_MAX);
    let address = shorten("address", &centre.address, creneau::limits::ADDRESS_BYTES_MAX);
    let reason = Reason::new(REASON_ID.parse()?, REASON_NAME, settings.reason_minutes);
    let definition = Definition {
        external_id: Some(centre.external_id.clone()),
        practitioner: None,
        location: Location {
            name,
            address: Some(address),
            lat: centre.lat,
            lon: centre.lon,
            department: centre.department.clone(),
        },
        time_zone: centre.time_zone.to_owned(),
        grid_minutes: settings.grid_minutes,
        lanes: settings.lanes,
        reasons: vec![reason],
        weekly_hours: WeeklyHours { days: centre.weekly.each_ref().map(|day| intervals(day)) },
        exceptions: Vec::new(),
        horizon_days: settings.horizon_days,
        agenda: Agenda::default(),
    };
    Ok((definition, notes))
}

/// The spans of a plan lie within a day and are in order, so each is an interval.
fn intervals(spans: &[Span]) -> Vec<Interval> {
    spans.iter().filter_map(|span| Interval::new(span.start, span.end)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_centre_of_the_fixture_is_a_calendar() {
        let plan = super::super::plan(include_str!("../../tests/fixtures/centres.json")).unwrap();
        for centre in &plan.centres {
            let (definition, notes) = definition(centre, &Settings::default()).unwrap();
            assert_eq!(definition.clone().checked(), Ok(definition), "hours are in order");
            assert!(notes.is_empty());
        }
    }

    #[test]
    fn a_name_is_cut_between_characters() {
        let json = r#"[{"id": "a", "name": "NAME", "address": "27000 X",
            "hours": {"lundi": "9h-12h"}}]"#;
        let json = json.replace("NAME", &format!("a{}", "é".repeat(199)));
        let plan = super::super::plan(&json).unwrap();
        let (definition, notes) = definition(&plan.centres[0], &Settings::default()).unwrap();
        assert_eq!(definition.location.name.len(), 199);
        assert_eq!(notes, ["name: cut after 200 bytes"]);
        assert!(definition.checked().is_ok());
    }
}
