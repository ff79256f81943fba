//! `creneau import centres`.

use std::fmt::Write;

use super::{Failure, answer, block_on, logged, opening, remote};
use crate::cli::ImportCentres;
use crate::import::{self, Client, Plan, Settings, Summary, Target};

/// Makes calendars from a file, and tells what became of each record.
pub(crate) fn run(asked: ImportCentres) -> Result<(), Failure> {
    let plan = read(&asked)?;
    // Only what goes wrong: the answer itself says what was done.
    block_on(logged("warn")?, import(asked, plan))
}

fn read(asked: &ImportCentres) -> Result<Plan, Failure> {
    let file = asked.file.display();
    let text = std::fs::read(&asked.file)
        .map_err(|error| Failure::failed(format!("failed to read {file}: {error}")))?;
    let text = String::from_utf8(text).map_err(|error| {
        Failure::failed(format!("{file} is not UTF-8 text: {error}; save it as UTF-8"))
    })?;
    import::plan(&text).map_err(|error| Failure::failed(format!("{file}: {error}")))
}

async fn import(asked: ImportCentres, plan: Plan) -> Result<(), Failure> {
    let settings = Settings {
        lanes: asked.lanes,
        reason_minutes: asked.reason_minutes,
        grid_minutes: asked.grid_minutes,
        horizon_days: asked.horizon_days,
    };
    let summary = match (&asked.into.data, &asked.into.server) {
        (_, Some(url)) => {
            let client = Client::new(remote(url, &asked.trust)?);
            import::run(plan, &settings, &Target::Server(client)).await.map_err(cut_short)?
        }
        (Some(directory), None) => {
            let in_use = "where a server is running, import through it: --server URL in place of \
                          --data";
            let engine = opening::open(opening::durable(directory)?, in_use).await?;
            let done = import::run(plan, &settings, &Target::Engine(engine.clone())).await;
            let closed = engine.shutdown().await;
            let summary = done.map_err(cut_short)?;
            closed.map_err(|error| cut_short(error.to_string()))?;
            summary
        }
        (None, None) => return Err(Failure::usage("one of --data and --server must be given")),
    };
    answer(&if asked.json { as_json(&summary)? } else { as_text(&summary) })
}

fn cut_short(error: String) -> Failure {
    Failure::failed(format!("{error}; calendars made until then stay, and a repeat goes on"))
}

fn as_json(summary: &Summary) -> Result<String, Failure> {
    let json = serde_json::to_string(summary);
    let json = json.map_err(|error| Failure::failed(format!("failed to answer: {error}")))?;
    Ok(json + "\n")
}

fn as_text(summary: &Summary) -> String {
    let Summary { taken, merged, refused, unchanged, records } = summary;
    let mut text = format!(
        "{} records: {taken} taken, {merged} merged, {refused} refused, {unchanged} unchanged\n",
        records.len()
    );
    let mut section = |title: &str, lines: &mut dyn Iterator<Item = String>| {
        for (place, line) in lines.enumerate() {
            if place == 0 {
                let _ = write!(text, "\n{title}:\n");
            }
            let _ = writeln!(text, "  {line}");
        }
    };
    let called = |index: usize, id: &Option<String>| match id {
        Some(id) => format!("record {index} ({id})"),
        None => format!("record {index}"),
    };
    let mut refusals = records.iter().filter_map(|record| {
        let reason = record.reason.as_deref()?;
        Some(format!("{}: {reason}", called(record.index, &record.id)))
    });
    section("Refused", &mut refusals);
    let mut notes = records.iter().flat_map(|record| {
        let line = move |note| format!("{}: {note}", called(record.index, &record.id));
        record.notes.iter().map(line)
    });
    section("Notes", &mut notes);
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::RecordLine;

    #[test]
    fn the_text_says_what_was_refused() {
        let records = vec![
            RecordLine {
                index: 0,
                id: Some("a".to_owned()),
                outcome: "refused",
                reason: Some("the address is missing".to_owned()),
                calendar_id: None,
                notes: vec!["one".to_owned(), "two".to_owned()],
            },
            RecordLine {
                index: 1,
                id: None,
                outcome: "taken",
                reason: None,
                calendar_id: Some("cal_1".to_owned()),
                notes: vec![],
            },
        ];
        let summary = Summary { taken: 1, refused: 1, records, ..Summary::default() };
        assert_eq!(
            as_text(&summary),
            "2 records: 1 taken, 0 merged, 1 refused, 0 unchanged\n\nRefused:\n  record 0 (a): \
             the address is missing\n\nNotes:\n  record 0 (a): one\n  record 0 (a): two\n"
        );
    }
}
