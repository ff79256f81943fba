//! What the engine counts, as metrics.

use std::fmt::Error;

use creneau::{Counted, Histogram, Metrics, Refused};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;

/// One look at the engine.
#[derive(Debug)]
pub(super) struct EngineCollector(pub(super) Metrics);

impl Collector for EngineCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), Error> {
        let to = &mut encoder;
        self.counters(to)?;
        self.bookings(to)?;
        self.saturation(to)?;
        self.journal(to)
    }
}

type To<'a, 'b> = &'a mut DescriptorEncoder<'b>;

fn counter(to: To<'_, '_>, name: &str, help: &str, value: u64) -> Result<(), Error> {
    let metric = to.encode_descriptor(name, help, None, MetricType::Counter)?;
    ConstCounter::new(value).encode(metric)
}

fn gauge(to: To<'_, '_>, name: &str, help: &str, value: impl TryInto<i64>) -> Result<(), Error> {
    let metric = to.encode_descriptor(name, help, None, MetricType::Gauge)?;
    ConstGauge::new(value.try_into().unwrap_or(i64::MAX)).encode(metric)
}

fn seconds(to: To<'_, '_>, name: &str, help: &str, value: f64) -> Result<(), Error> {
    let metric = to.encode_descriptor(name, help, Some(&Unit::Seconds), MetricType::Gauge)?;
    ConstGauge::new(value).encode(metric)
}

/// A counter for each name.
fn family(
    to: To<'_, '_>,
    name: &str,
    help: &str,
    label: &str,
    counted: &[Counted],
) -> Result<(), Error> {
    let mut metric = to.encode_descriptor(name, help, None, MetricType::Counter)?;
    for Counted { name, count } in counted {
        let labels = [(label, *name)];
        ConstCounter::new(*count).encode(metric.encode_family(&labels)?)?;
    }
    Ok(())
}

fn histogram(
    to: To<'_, '_>,
    name: &str,
    help: &str,
    unit: Option<&Unit>,
    seen: &Histogram,
) -> Result<(), Error> {
    let mut metric = to.encode_descriptor(name, help, unit, MetricType::Histogram)?;
    let bounds = seen.bounds.iter().copied().chain([f64::INFINITY]);
    let buckets: Vec<_> = bounds.zip(seen.counts.iter().copied()).collect();
    metric.encode_histogram::<NoLabelSet>(seen.sum, seen.count(), &buckets, None)
}

impl EngineCollector {
    fn counters(&self, to: To<'_, '_>) -> Result<(), Error> {
        let Metrics { happened, repeats, overloads, failures, .. } = &self.0;
        family(to, "events", "What happened and is durable", "event", happened)?;
        let mut metric = to.encode_descriptor(
            "refusals",
            "Commands that were refused, by reason",
            None,
            MetricType::Counter,
        )?;
        for Refused { command, reason, count } in &self.0.refusals {
            // The reasons of a hold from the start, so that their first growth is seen; of the
            // others those that have come up, because most cannot.
            if *count != 0 || *command == "hold" {
                let labels = [("command", *command), ("reason", *reason)];
                ConstCounter::new(*count).encode(metric.encode_family(&labels)?)?;
            }
        }
        let repeat = "Commands that were repeated under their key and got their first outcome";
        counter(to, "repeats", repeat, *repeats)?;
        let overload = "Requests that were turned away with overloaded, by what was full";
        family(to, "overloads", overload, "full", overloads)?;
        family(to, "failures", "Commands that had no answer, by why", "why", failures)
    }

    fn bookings(&self, to: To<'_, '_>) -> Result<(), Error> {
        let seen = &self.0;
        gauge(to, "calendars", "Calendars that exist", seen.calendars)?;
        gauge(to, "calendars_awake", "Calendars that have an actor now", seen.calendars_awake)?;
        let apart = "Calendars that failed twice and are set apart until a restart";
        gauge(to, "calendars_set_apart", apart, seen.calendars_set_apart)?;
        gauge(to, "holds_live", "Holds that are neither confirmed nor over", seen.holds_live)
    }

    fn saturation(&self, to: To<'_, '_>) -> Result<(), Error> {
        let seen = &self.0;
        gauge(to, "under_way", "Requests under way in the engine", seen.under_way)?;
        let max = "Requests of all kinds that may be under way in the engine";
        gauge(to, "under_way_max", max, seen.under_way_max)?;
        let max = "Requests under way up to which new holds are taken";
        gauge(to, "holds_under_way_max", max, seen.holds_under_way_max)?;
        gauge(to, "behind_rows", "Derived rows that wait to be written", seen.behind)?;
        let max = "Derived rows that may wait; new holds are refused from half of it on";
        gauge(to, "behind_rows_max", max, seen.behind_max)?;
        let failed = "Rounds of writing derived rows that failed";
        counter(to, "behind_failures", failed, seen.behind_failures)?;
        let ahead = seen.clock_ahead_ms as f64 / 1_000.0;
        let clock = "By how much the wall clock is ahead of the engine's";
        seconds(to, "clock_ahead", clock, ahead)
    }

    fn journal(&self, to: To<'_, '_>) -> Result<(), Error> {
        let seen = &self.0;
        let submitted = "The last sequence that was given out";
        gauge(to, "journal_submitted_sequence", submitted, seen.submitted)?;
        let durable = "The last sequence known to be durable: the watermark";
        gauge(to, "journal_durable_sequence", durable, seen.watermark)?;
        let kept = "The sequence up to which the state of all calendars is kept";
        gauge(to, "snapshot_sequence", kept, seen.kept)?;
        let lag = "Entries after that, which a start would replay";
        gauge(to, "snapshot_lag_entries", lag, seen.watermark.saturating_sub(seen.kept))?;
        let replayed = "Entries that the last start replayed";
        gauge(to, "start_replayed_entries", replayed, seen.replayed)?;
        let writing = "How long the write that is under way has taken; 0 when none is";
        seconds(to, "journal_writing", writing, seen.writing_for.as_secs_f64())?;
        let size = "Entries in one group commit";
        histogram(to, "journal_commit_entries", size, None, &seen.commit_entries)?;
        let write = "Time of one write with its sync";
        let unit = Some(&Unit::Seconds);
        histogram(to, "journal_write_duration", write, unit, &seen.write_seconds)?;
        let answer = "Time from the submission of a calendar's decision to its answer";
        histogram(to, "answer_duration", answer, unit, &seen.answer_seconds)
    }
}
