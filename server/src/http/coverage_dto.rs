//! Who is protected: as JSON, as CSV, and as text for Prometheus.

use std::fmt::Write as _;

use creneau::{CampaignId, Coverage, CoverageBy};
use serde::Serialize;
use utoipa::ToSchema;

use super::delivery_dto::{ConcernedBody, DeliveryBody};
use super::openapi::texts;

/// Doses given and booked, of those alike in what they are told apart by.
#[derive(Serialize, ToSchema)]
#[schema(as = CoverageRow)]
pub(super) struct CoverageBody {
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<texts::PlaceId>, nullable = false)]
    place_id: Option<String>,
    /// The day on which they were given or are booked for, by the calendar's own clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<texts::Date>, nullable = false)]
    day: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<texts::VaccineId>, nullable = false)]
    vaccine: Option<String>,
    /// The age band.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<texts::Code>, nullable = false)]
    band: Option<String>,
    /// Left out too for people of whom none was stated.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<texts::Code>, nullable = false)]
    territory: Option<String>,
    /// People who were given a first dose.
    first: u64,
    /// People who were given the dose that makes their protection complete.
    complete: u64,
    /// Boosters given.
    boosters: u64,
    /// Doses given, in all.
    given: u64,
    /// Appointments that stand, and whose dose was not given yet.
    booked: u64,
}

impl From<Coverage> for CoverageBody {
    fn from(row: Coverage) -> Self {
        Self {
            place_id: row.place.map(|id| id.to_string()),
            day: row.day.map(|day| day.to_string()),
            vaccine: row.vaccine.map(|id| id.to_string()),
            band: row.band.map(|name| name.to_string()),
            territory: row.territory.map(|name| name.to_string()),
            first: row.first,
            complete: row.complete,
            boosters: row.boosters,
            given: row.given,
            booked: row.booked,
        }
    }
}

/// Who is protected, and who is to be.
#[derive(Serialize, ToSchema)]
#[schema(as = Coverage)]
pub(super) struct CoveragePage {
    /// In the order of what they are told apart by.
    #[schema(max_items = 20_000)]
    pub(super) rows: Vec<CoverageBody>,
}

/// All that a campaign desk sees of a place on a day.
#[derive(Serialize, ToSchema)]
#[schema(as = Desk)]
pub(super) struct DeskBody {
    /// The deliveries to the place; those first of which doses are taken first.
    pub(super) deliveries: Vec<DeliveryBody>,
    /// Doses given and booked there on that day.
    pub(super) coverage: CoverageBody,
    /// Appointments there, of any day, that have no dose any more; who booked first comes first.
    pub(super) without_dose: Vec<ConcernedBody>,
    /// Who waits there, by vaccine.
    pub(super) lines: Vec<WaitingThere>,
}

/// How many wait for a vaccine.
#[derive(Serialize, ToSchema)]
#[schema(as = DeskLine)]
pub(super) struct WaitingThere {
    #[schema(value_type = texts::VaccineId)]
    pub(super) vaccine: String,
    pub(super) waiting: usize,
}

/// The names and values of what a row is told apart by.
const fn column(by: CoverageBy) -> &'static str {
    match by {
        CoverageBy::Place => "place_id",
        CoverageBy::Day => "day",
        CoverageBy::Vaccine => "vaccine",
        CoverageBy::Band => "band",
        CoverageBy::Territory => "territory",
    }
}

impl CoverageBody {
    /// What it says of what it is told apart by; nothing where nothing is known.
    fn label(&self, by: CoverageBy) -> &str {
        let text = match by {
            CoverageBy::Place => &self.place_id,
            CoverageBy::Day => &self.day,
            CoverageBy::Vaccine => &self.vaccine,
            CoverageBy::Band => &self.band,
            CoverageBy::Territory => &self.territory,
        };
        text.as_deref().unwrap_or_default()
    }

    const fn counts(&self) -> [(&'static str, &'static str, u64); 5] {
        [
            ("first", "People who were given a first dose", self.first),
            ("complete", "People whose protection is complete", self.complete),
            ("boosters", "Boosters given", self.boosters),
            ("given", "Doses given", self.given),
            ("booked", "Appointments whose dose was not given yet", self.booked),
        ]
    }
}

/// Rows as RFC 4180 has them, with a first line of names.
pub(super) fn csv(by: &[CoverageBy], rows: &[CoverageBody]) -> String {
    let counts = ["first", "complete", "boosters", "given", "booked"];
    let names: Vec<&str> = by.iter().map(|by| column(*by)).chain(counts).collect();
    let mut text = names.join(",") + "\r\n";
    for row in rows {
        let labels = by.iter().map(|by| quoted(row.label(*by)));
        let counts = row.counts().into_iter().map(|(_, _, count)| count.to_string());
        let cells: Vec<String> = labels.chain(counts).collect();
        text += &cells.join(",");
        text += "\r\n";
    }
    text
}

/// A cell. A name that a spreadsheet would take for a formula is kept from it by an apostrophe.
fn quoted(cell: &str) -> String {
    let formula = cell.starts_with(['=', '+', '-', '@']);
    if !formula && !cell.contains([',', '"']) {
        return cell.to_owned();
    }
    let guard = if formula { "'" } else { "" };
    format!("\"{guard}{}\"", cell.replace('"', "\"\""))
}

/// Rows as Prometheus reads them: one gauge for each count.
pub(super) fn prometheus(campaign: CampaignId, by: &[CoverageBy], rows: &[CoverageBody]) -> String {
    let mut text = String::new();
    let heads = CoverageBody::from(Coverage::default()).counts();
    for (place, (name, help, _)) in heads.into_iter().enumerate() {
        // Writing to a text cannot fail.
        let _ = writeln!(text, "# HELP creneau_campaign_{name} {help}.");
        let _ = writeln!(text, "# TYPE creneau_campaign_{name} gauge");
        for row in rows {
            let count = row.counts().get(place).map_or(0, |(_, _, count)| *count);
            let _ = write!(text, "creneau_campaign_{name}{{campaign_id=\"{campaign}\"");
            for by in by {
                let label = row.label(*by).replace('\\', "\\\\").replace('"', "\\\"");
                let _ = write!(text, ",{}=\"{label}\"", column(*by));
            }
            let _ = writeln!(text, "}} {count}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Vec<CoverageBody> {
        let row = |band: &str, given| Coverage {
            band: Some(band.parse().unwrap()),
            given,
            booked: 1,
            ..Coverage::default()
        };
        let rows = [row("75-plus", 3), row("a,\"b\"\\", 0), row("=1+1", 2)];
        rows.into_iter().map(CoverageBody::from).collect()
    }

    #[test]
    fn names_cannot_break_out_of_a_cell() {
        let text = csv(&[CoverageBy::Band, CoverageBy::Territory], &rows());
        let lines: Vec<&str> = text.split("\r\n").collect();
        assert_eq!(
            lines,
            [
                "band,territory,first,complete,boosters,given,booked",
                "75-plus,,0,0,0,3,1",
                "\"a,\"\"b\"\"\\\",,0,0,0,0,1",
                "\"'=1+1\",,0,0,0,2,1",
                "",
            ]
        );
    }

    #[test]
    fn names_cannot_break_out_of_a_label() {
        let campaign = CampaignId::from_bits(7);
        let text = prometheus(campaign, &[CoverageBy::Band], &rows());
        let all = format!("campaign_id=\"{campaign}\"");
        for line in [
            "# TYPE creneau_campaign_given gauge".to_owned(),
            format!("creneau_campaign_given{{{all},band=\"75-plus\"}} 3"),
            format!("creneau_campaign_given{{{all},band=\"a,\\\"b\\\"\\\\\"}} 0"),
            format!("creneau_campaign_booked{{{all},band=\"=1+1\"}} 1"),
        ] {
            assert!(text.lines().any(|told| told == line), "{line}\n{text}");
        }
    }
}
