//! Making the calendars of a plan, and telling what became of each record.

use std::collections::VecDeque;

use serde::Serialize;
use tokio::task::JoinSet;

use super::definition::{Settings, definition};
use super::target::{Fate, Target};
use super::{Outcome, Plan, RecordReport};

/// Calendars under creation at the same time: enough to share synced writes, and far below what an
/// engine admits.
const AT_ONCE: usize = 16;

/// What became of a file. The first four add up to the records read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Records that a new calendar was made of.
    pub taken: usize,
    /// Records that repeat the centre of an earlier record of the file.
    pub merged: usize,
    /// Records without readable hours, or of which no calendar can be made.
    pub refused: usize,
    /// Records of centres that are there from an earlier run, repeats included.
    pub unchanged: usize,
    /// Each record, in file order.
    pub records: Vec<RecordLine>,
}

/// What became of one record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RecordLine {
    /// Its place in the file, from 0.
    pub index: usize,
    /// Its id, where it has one.
    pub id: Option<String>,
    /// What became of it: `taken`, `merged`, `refused` or `unchanged`.
    pub outcome: &'static str,
    /// Why it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The calendar of its centre.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calendar_id: Option<String>,
    /// What was left out, changed or guessed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// Makes the calendars of a plan. What is there already is left as it is.
///
/// # Errors
///
/// What kept the import from going on. Calendars made until then stay, and a repeat finds them.
pub async fn run(plan: Plan, settings: &Settings, target: &Target) -> Result<Summary, String> {
    let centres = make_all(&plan, settings, target).await?;
    let mut summary = Summary::default();
    for record in plan.records {
        let centre = record.centre.and_then(|at| centres.get(at));
        let line = tell(record, centre);
        *match line.outcome {
            "taken" => &mut summary.taken,
            "merged" => &mut summary.merged,
            "unchanged" => &mut summary.unchanged,
            _ => &mut summary.refused,
        } += 1;
        summary.records.push(line);
    }
    Ok(summary)
}

/// A centre, and what became of it.
struct Made {
    /// The record that speaks for it.
    record: usize,
    fate: Fate,
    notes: Vec<String>,
}

async fn make_all(plan: &Plan, settings: &Settings, target: &Target) -> Result<Vec<Made>, String> {
    let mut made: Vec<Made> = Vec::with_capacity(plan.centres.len());
    let mut waiting = VecDeque::with_capacity(plan.centres.len());
    for (at, centre) in plan.centres.iter().enumerate() {
        let (definition, notes) =
            definition(centre, settings).map_err(|error| error.to_string())?;
        waiting.push_back((at, definition));
        // What no task has reported on is not there; that is an error below.
        let fate = Fate::Refused { reason: String::new() };
        made.push(Made { record: centre.record, fate, notes });
    }
    let mut tasks = JoinSet::new();
    loop {
        while tasks.len() < AT_ONCE
            && let Some((at, definition)) = waiting.pop_front()
        {
            let target = target.clone();
            tasks.spawn(async move {
                let wanted = definition.weekly_hours.clone();
                (at, wanted, target.make(at, definition).await)
            });
        }
        let Some(done) = tasks.join_next().await else { return Ok(made) };
        let (at, wanted, fate) = done.map_err(|error| error.to_string())?;
        let Some(made) = made.get_mut(at) else { continue };
        made.fate = fate?;
        if let Fate::There { hours: Some(hours), .. } = &made.fate
            && *hours != wanted
        {
            let note = "hours: the calendar of an earlier run differs; left as it is";
            made.notes.push(note.to_owned());
        }
    }
}

/// What became of a record, by what became of its centre.
fn tell(record: RecordReport, centre: Option<&Made>) -> RecordLine {
    let RecordReport { index, id, outcome, mut notes, reason, centre: _ } = record;
    let (outcome, reason, calendar_id) = match (outcome, centre.map(|made| &made.fate)) {
        (Outcome::Refused, _) | (_, None) => ("refused", reason, None),
        (Outcome::Taken, Some(Fate::Made { calendar_id })) => ("taken", None, Some(calendar_id)),
        (Outcome::Merged, Some(Fate::Made { calendar_id })) => ("merged", None, Some(calendar_id)),
        (_, Some(Fate::There { calendar_id, .. })) => ("unchanged", None, Some(calendar_id)),
        (_, Some(Fate::Refused { reason })) => ("refused", Some(reason.clone()), None),
    };
    if let Some(made) = centre
        && made.record == index
    {
        notes.extend_from_slice(&made.notes);
    }
    let calendar_id = calendar_id.cloned();
    RecordLine { index, id, outcome, reason, calendar_id, notes }
}

#[cfg(test)]
mod tests {
    use creneau::{Config, Engine};

    use super::*;

    const FIXTURE: &str = include_str!("../../tests/fixtures/centres.json");

    async fn import(engine: &Engine, json: &str, settings: &Settings) -> Summary {
        let target = Target::Engine(engine.clone());
        run(super::super::plan(json).unwrap(), settings, &target).await.unwrap()
    }

    fn counts(summary: &Summary) -> [usize; 4] {
        [summary.taken, summary.merged, summary.refused, summary.unchanged]
    }

    #[tokio::test]
    async fn a_second_run_changes_nothing() {
        let engine = Engine::open(Config::in_memory()).await.unwrap();
        let first = import(&engine, FIXTURE, &Settings::default()).await;
        assert_eq!(counts(&first), [4, 1, 3, 0]);
        let second = import(&engine, FIXTURE, &Settings { lanes: 2, ..Settings::default() }).await;
        assert_eq!(counts(&second), [0, 0, 3, 5]);
        assert_eq!(engine.status().calendars, 4);
        for (first, second) in first.records.iter().zip(&second.records) {
            assert_eq!(first.calendar_id, second.calendar_id);
            assert_eq!(first.notes, second.notes, "nothing differs");
        }
    }

    #[tokio::test]
    async fn other_hours_are_noted_and_left() {
        let engine = Engine::open(Config::in_memory()).await.unwrap();
        let first = import(&engine, FIXTURE, &Settings::default()).await;
        let changed = FIXTURE.replace("07:30-12:00", "07:30-13:00");
        let second = import(&engine, &changed, &Settings::default()).await;
        let noted: Vec<_> = second
            .records
            .iter()
            .filter(|record| record.notes.iter().any(|note| note.contains("left as it is")))
            .map(|record| record.index)
            .collect();
        assert_eq!(noted, [3]);
        let id = first.records[3].calendar_id.as_deref().unwrap().parse().unwrap();
        let info = engine.calendar(id).await.unwrap().unwrap();
        assert_eq!(info.definition.weekly_hours.days[0][0].to_string(), "07:30-12:00");
    }

    #[tokio::test]
    async fn what_the_engine_refuses_is_refused_with_its_repeats() {
        let engine = Engine::open(Config::in_memory()).await.unwrap();
        let settings = Settings { grid_minutes: 7, ..Settings::default() };
        let summary = import(&engine, FIXTURE, &settings).await;
        assert_eq!(counts(&summary), [0, 0, 8, 0]);
        assert_eq!(summary.records[2].reason.as_deref(), Some("grid_minutes must divide 60"));
        assert_eq!(engine.status().calendars, 0);
    }
}
