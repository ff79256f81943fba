//! A plan made into calendars of an engine, twice.

use std::collections::BTreeMap;

use creneau::limits::INTERVALS_PER_DAY_MAX;
use creneau::{Config, Definition, Engine, Reason, ReasonId};
use creneau_server::import::{
    Centre, Outcome, Plan, REASON_ID, RecordLine, RecordReport, Settings, Summary, Target, run,
};

use crate::met::Met;

/// Makes the calendars of a plan in an engine of their own and looks at them.
pub(super) fn check(plan: &Plan, settings: &Settings, met: &mut Met) {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_time().start_paused(true).build().expect("a runtime");
    runtime.block_on(async {
        let engine = Engine::open(Config::in_memory()).await.expect("an engine");
        let target = Target::Engine(engine.clone());
        let first = run(plan.clone(), settings, &target).await.expect("nothing fails in memory");
        check_first(plan, &first, settings, met);
        check_calendars(plan, &first, settings, &engine).await;
        let second = run(plan.clone(), settings, &target).await.expect("nothing fails in memory");
        check_second(&first, &second);
        assert_eq!(engine.status().calendars, first.taken, "nothing is made twice");
    });
}

/// What the first run says is what the plan says, but for centres that no calendar can be.
fn check_first(plan: &Plan, summary: &Summary, settings: &Settings, met: &mut Met) {
    check_sum(plan, summary);
    assert_eq!(summary.unchanged, 0, "there is nothing from an earlier run");
    let settings_fit = fit(settings);
    let mut calendars: BTreeMap<usize, &str> = BTreeMap::new();
    for (record, line) in plan.records.iter().zip(&summary.records) {
        check_line(record, line);
        let Some(at) = record.centre else {
            assert_eq!((line.outcome, &line.reason), ("refused", &record.reason));
            continue;
        };
        let centre = plan.centres.get(at).expect("it is there");
        if !(settings_fit && centre.weekly.iter().all(|day| day.len() <= INTERVALS_PER_DAY_MAX)) {
            assert_eq!(line.outcome, "refused", "{line:?}");
            met.note("calendar refused");
            continue;
        }
        let calendar = line.calendar_id.as_deref().expect("a calendar was made");
        let before = calendars.insert(at, calendar);
        match record.outcome {
            Outcome::Taken => assert_eq!((line.outcome, before), ("taken", None)),
            Outcome::Merged => assert_eq!((line.outcome, before), ("merged", Some(calendar))),
            Outcome::Refused => unreachable!("it has a centre"),
        }
        met.note("calendar made");
    }
    let mut different: Vec<_> = calendars.values().collect();
    different.sort_unstable();
    different.dedup();
    assert_eq!(different.len(), calendars.len(), "no two centres are one calendar");
}

fn check_sum(plan: &Plan, summary: &Summary) {
    let Summary { taken, merged, refused, unchanged, records } = summary;
    assert_eq!(records.len(), plan.records.len());
    assert_eq!(taken + merged + refused + unchanged, records.len(), "every record is counted");
    let count = |outcome| records.iter().filter(|line| line.outcome == outcome).count();
    let counted = ["taken", "merged", "refused", "unchanged"].map(count);
    assert_eq!(counted, [*taken, *merged, *refused, *unchanged]);
}

fn check_line(record: &RecordReport, line: &RecordLine) {
    assert_eq!((record.index, &record.id), (line.index, &line.id));
    assert!(line.notes.starts_with(&record.notes), "no note is lost");
    let refused = line.outcome == "refused";
    assert_eq!(line.calendar_id.is_none(), refused, "{line:?}");
    assert_eq!(line.reason.as_deref().is_some_and(|reason| !reason.is_empty()), refused);
}

/// Whether a calendar can be set so at all.
fn fit(settings: &Settings) -> bool {
    let Settings { lanes, reason_minutes, grid_minutes, horizon_days } = *settings;
    let id = ReasonId::new(REASON_ID).expect("it is a name");
    let reasons = vec![Reason::new(id, "Vaccination", reason_minutes)];
    let any = Definition::weekdays("Centre", "Europe/Paris");
    Definition { lanes, grid_minutes, horizon_days, reasons, ..any }.checked().is_ok()
}

async fn check_calendars(plan: &Plan, summary: &Summary, settings: &Settings, engine: &Engine) {
    for line in summary.records.iter().filter(|line| line.outcome == "taken") {
        let id = line.calendar_id.as_deref().and_then(|id| id.parse().ok()).expect("an identifier");
        let info = engine.calendar(id).await.expect("it answers").expect("it is there");
        let centre = plan.centres.iter().find(|centre| centre.record == line.index);
        check_definition(centre.expect("it was taken"), info.definition, settings);
    }
}

/// The calendar is what the centre says, in order.
fn check_definition(centre: &Centre, definition: Definition, settings: &Settings) {
    assert_eq!(definition.external_id.as_ref(), Some(&centre.external_id));
    assert_eq!(definition.time_zone, centre.time_zone);
    let location = &definition.location;
    assert!(centre.name.starts_with(&location.name), "{centre:?}");
    assert!(location.address.as_ref().is_some_and(|address| centre.address.starts_with(address)));
    assert_eq!(location.department, centre.department);
    assert_eq!((location.lat, location.lon), (centre.lat, centre.lon));
    for (spans, intervals) in centre.weekly.iter().zip(&definition.weekly_hours.days) {
        let spans: Vec<_> = spans.iter().map(|span| (span.start, span.end)).collect();
        let intervals: Vec<_> = intervals.iter().map(|of| (of.start(), of.end())).collect();
        assert_eq!(intervals, spans, "{centre:?}");
    }
    let minutes: Vec<_> = definition.reasons.iter().map(Reason::occupied_minutes).collect();
    assert_eq!(minutes, [settings.reason_minutes]);
    let set = (definition.lanes, definition.grid_minutes, definition.horizon_days);
    assert_eq!(set, (settings.lanes, settings.grid_minutes, settings.horizon_days));
    assert_eq!(definition.clone().checked(), Ok(definition), "its hours are in order");
}

/// A second run finds the calendars of the first.
fn check_second(first: &Summary, second: &Summary) {
    assert_eq!((second.taken, second.merged), (0, 0), "all is there");
    for (first, second) in first.records.iter().zip(&second.records) {
        let outcome = if first.outcome == "refused" { "refused" } else { "unchanged" };
        assert_eq!(second.outcome, outcome, "{second:?}");
        assert_eq!(second.calendar_id, first.calendar_id);
        assert_eq!((&second.reason, &second.notes), (&first.reason, &first.notes));
    }
}
