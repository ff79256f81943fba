//! Whole files, small ones and the real one.

use super::{Outcome, Plan, Span, plan};

fn read(json: &str) -> Plan {
    plan(json).expect("a list")
}

fn record(id: &str, address: &str, hours: &str) -> String {
    format!(
        r#"{{"id": "{id}", "name": "N", "city": "X", "address": "{address}", "hours": {hours}}}"#
    )
}

fn outcomes(plan: &Plan) -> Vec<Outcome> {
    plan.records.iter().map(|record| record.outcome).collect()
}

#[test]
fn one_centre_is_one_id_at_one_address() {
    let week = r#"{"lundi": "9h-12h"}"#;
    let found = read(&format!(
        "[{}, {}, {}, {}]",
        record("a", "1 Rue X, 27000 Évreux", week),
        record("a", "2 Rue X, 27000 Évreux", week),
        record("a", " 1 RUE  X, 27000 évreux", week),
        record("b", "1 Rue X, 27000 Évreux", week),
    ));
    use Outcome::{Merged, Taken};
    assert_eq!(outcomes(&found), [Taken, Taken, Merged, Taken]);
    let centres: Vec<_> = found.records.iter().map(|record| record.centre).collect();
    assert_eq!(centres, [Some(0), Some(1), Some(0), Some(2)]);
    assert_ne!(found.centres[0].external_id, found.centres[1].external_id);
    assert_ne!(found.centres[0].external_id, found.centres[2].external_id);
}

#[test]
fn days_come_together_and_the_later_record_counts() {
    let found = read(&format!(
        "[{}, {}, {}]",
        record("a", "27000 X", r#"{"lundi": "9h-12h", "mardi": "9h-12h", "jeudi": "9h-12h"}"#),
        record("a", "27000 X", r#"{"lundi": "8h-12h", "mercredi": "10h-11h", "mardi": "?"}"#),
        record("a", "27000 X", r#"{"lundi": "8h-12h", "jeudi": "fermé", "mardi": "9h-12h"}"#),
    ));
    let span = |start: u16, end: u16| vec![Span { start: start * 60, end: end * 60 }];
    let week = &found.centres[0].weekly;
    assert_eq!(week[..4], [span(8, 12), span(9, 12), span(10, 11), vec![]]);
    assert_eq!(
        found.records[1].notes,
        [
            "hours, mardi: \"?\" could not be read; left out",
            "hours, lundi: 09:00-12:00 in record 0, 08:00-12:00 here; the later counts",
        ]
    );
    let note = "hours, jeudi: 09:00-12:00 in record 0, closed here; the later counts";
    assert!(found.records[2].notes.contains(&note.to_owned()));
}

#[test]
fn records_without_readable_hours_are_refused_with_the_reason() {
    let found = read(&format!(
        r#"[{}, {}, {}, {}, {}, 7, null, {{}}, {{"id": "a", "hours": {{"lundi": "9h-12h"}}}}]"#,
        record("a", "27000 X", "{}"),
        record("a", "27000 X", r#"{"lundi": "9h-12h"}"#),
        record("a", "27000 X", r#"{"lundi": "Fermé"}"#),
        record("a", "27000 X", r#"{"lundi": "12h-9h", "someday": "9h-12h"}"#),
        record("a", "27000 X", r#"["9h-12h"]"#),
    ));
    let reasons: Vec<_> =
        found.records.iter().map(|record| record.reason.as_deref().unwrap_or("taken")).collect();
    assert_eq!(
        reasons,
        [
            "no readable hours: the record gives none",
            "taken",
            "no readable hours: every day that could be read is closed",
            "no readable hours: none of what is written could be read",
            "no readable hours: they are not given by day",
            "the record is not an object",
            "the record is not an object",
            "the id is missing",
            "the address is missing",
        ]
    );
    assert_eq!(found.centres.len(), 1);
    assert_eq!(found.centres[0].record, 1);
    assert_eq!(found.records[3].notes.len(), 2);
}

#[test]
fn odd_fields_are_reported_and_the_record_taken() {
    let long = "é".repeat(300);
    let found = read(&format!(
        r#"[{{"id": 7, "name": "{long}", "address": "13 Rue Simon 97320 Saint-Laurent",
             "lat": -54.03, "lon": 5.49, "hours": {{"Lundi": ["8h-20h", 3], "lun.": "20h-21h"}}}}]"#
    ));
    let centre = &found.centres[0];
    assert_eq!(centre.name.chars().count(), 200);
    assert_eq!(centre.city, "Saint-Laurent");
    assert_eq!((centre.lat, centre.lon), (None, None));
    assert_eq!((centre.department.as_deref(), centre.time_zone), (Some("973"), "America/Cayenne"));
    assert_eq!(centre.weekly[0], [Span { start: 480, end: 1260 }]);
    assert_eq!(
        found.records[0].notes,
        [
            "hours, Lundi: a part is not a text; left out",
            "hours, lun.: given twice in this record; joined",
            "name: cut after 200 characters",
            "city: missing; \"Saint-Laurent\" was read from the address",
            "lat, lon: -54.03, 5.49 are swapped; left out",
        ]
    );
}

/// The invented file that the tests of the command read.
#[test]
fn the_fixture() {
    use Outcome::{Merged, Refused, Taken};
    let found = read(include_str!("../../tests/fixtures/centres.json"));
    assert_eq!(outcomes(&found), [Taken, Taken, Merged, Taken, Refused, Refused, Refused, Taken]);
    let zones: Vec<_> = found.centres.iter().map(|centre| centre.time_zone).collect();
    assert_eq!(zones, ["Europe/Paris", "Europe/Paris", "Indian/Reunion", "Pacific/Noumea"]);
    let notes: Vec<_> = found.records.iter().map(|record| record.notes.len()).collect();
    assert_eq!(notes, [0, 2, 1, 0, 1, 0, 0, 1]);
}

#[test]
fn a_file_that_is_no_list_is_an_error() {
    assert!(plan("[{]").unwrap_err().to_string().contains("line 1"));
    assert!(plan("{}").is_err());
    assert_eq!(plan("\u{feff}[]"), Ok(Plan::default()));
}

/// The real file is not part of the repository; without it this test says so and passes.
#[test]
fn the_real_file() {
    let path =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/centres-fr.json");
    let Ok(json) = std::fs::read_to_string(&path) else {
        println!("SKIPPED: {} is not there", path.display());
        return;
    };
    let found = read(&json);
    let count = |outcome| outcomes(&found).iter().filter(|other| **other == outcome).count();
    let counts = [Outcome::Taken, Outcome::Merged, Outcome::Refused].map(count);
    assert_eq!(counts.iter().sum::<usize>(), 1303);
    assert_eq!(counts[0], found.centres.len());

    // Another, cruder way: a record has hours where a line of it has two clock times and a dash.
    let mut with_hours = Vec::new();
    for line in json.lines() {
        if line.starts_with("\"id\"") {
            with_hours.push(false);
        } else if line.contains("di\": \"") || line.starts_with("\"dimanche\"") {
            let value = line.split('"').nth(3).expect("a text");
            let shape = value.get(2..3) == Some(":") && value.get(5..6) == Some("-");
            *with_hours.last_mut().expect("an id") |= shape;
        }
    }
    assert_eq!(with_hours.iter().filter(|has| **has).count(), 939);
    for (record, has_hours) in found.records.iter().zip(with_hours) {
        assert_eq!(record.outcome != Outcome::Refused, has_hours, "{record:?}");
    }

    // The faults that were found by looking.
    let noted = |index: usize, note: &str| {
        assert!(found.records[index].notes.contains(&note.to_owned()), "{index}: {note}");
    };
    noted(430, "hours, vendredi: 09:00-17:00 and 14:00-18:00 overlap; taken as 09:00-18:00");
    noted(1073, "hours, mercredi: \"14:00-13:00\" ends before it starts; left out");
    noted(537, "insee: \"1606\" was read as 01606");
}
