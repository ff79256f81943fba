//! What is measured: a histogram for each call and class of outcome.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::api::Call;

/// Digits that a histogram keeps.
const DIGITS: u8 = 3;

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Class {
    /// It was done.
    Ok,
    /// It was refused as patients are where nothing is wrong, such as `slot_taken`.
    Refused,
    /// The same request again, after its answer.
    Repeat,
    /// It was refused since too much was under way.
    Overloaded,
    /// It was refused as no patient of a scenario should be.
    Failed,
    /// Nobody knows what became of it.
    Unknown,
}

impl Class {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Refused => "refused",
            Self::Repeat => "repeat",
            Self::Overloaded => "overloaded",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
        }
    }

    /// Whether it is a proper answer.
    pub(crate) const fn is_proper(self) -> bool {
        matches!(self, Self::Ok | Self::Refused | Self::Repeat)
    }
}

/// Latencies in microseconds.
#[derive(Clone)]
pub(crate) struct Latencies(Option<Histogram<u64>>);

impl Default for Latencies {
    fn default() -> Self {
        // It fails for a number of digits that it does not know only.
        Self(Histogram::new(DIGITS).ok())
    }
}

impl Latencies {
    pub(crate) fn record(&mut self, us: u64) {
        if let Some(histogram) = &mut self.0 {
            // It grows as it must; only `saturating_record` would cut off what is larger.
            let _ = histogram.record(us);
        }
    }

    pub(crate) fn add(&mut self, other: &Self) {
        if let (Some(histogram), Some(other)) = (&mut self.0, &other.0) {
            // A histogram that resizes itself takes all that another one has.
            let _ = histogram.add(other);
        }
    }

    pub(crate) fn count(&self) -> u64 {
        self.0.as_ref().map_or(0, Histogram::len)
    }

    /// Milliseconds within which this share of the calls was answered.
    pub(crate) fn ms(&self, share: f64) -> f64 {
        self.0.as_ref().map_or(0.0, |it| it.value_at_quantile(share) as f64 / 1_000.0)
    }

    /// As if calls had been due every `interval_us`: a call that takes longer than that stands
    /// for those that it kept from being sent. Some generators of closed loops count so.
    pub(crate) fn corrected(&self, interval_us: u64) -> Self {
        Self(self.0.as_ref().map(|it| it.clone_correct(interval_us)))
    }

    /// What reports say of it.
    pub(crate) fn summary(&self) -> Summary {
        let mean = self.0.as_ref().map_or(0.0, Histogram::mean) / 1_000.0;
        Summary {
            count: self.count(),
            p50_ms: self.ms(0.5),
            p90_ms: self.ms(0.9),
            p99_ms: self.ms(0.99),
            p999_ms: self.ms(0.999),
            max_ms: self.ms(1.0),
            mean_ms: (mean * 1_000.0).round() / 1_000.0,
        }
    }
}

/// Latencies in numbers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Summary {
    pub(crate) count: u64,
    pub(crate) p50_ms: f64,
    pub(crate) p90_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) p999_ms: f64,
    pub(crate) max_ms: f64,
    pub(crate) mean_ms: f64,
}

/// Patients so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Patients {
    /// Who was to come.
    pub(crate) arrived: u64,
    /// Who was turned away, since too many were under way.
    pub(crate) dropped: u64,
    /// Who has gone.
    pub(crate) gone: u64,
    /// Who found nothing free.
    pub(crate) without_slot: u64,
    /// Who was still under way when the time to finish was over.
    pub(crate) cut_off: u64,
}

impl Patients {
    /// Who is under way.
    pub(crate) const fn in_flight(&self) -> u64 {
        self.arrived.saturating_sub(self.dropped).saturating_sub(self.gone)
    }
}

/// Arrivals of a phase.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Came {
    pub(crate) arrived: u64,
    pub(crate) dropped: u64,
}

/// What was done in a second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Second {
    /// Appointments that were confirmed.
    pub(crate) booked: u64,
    /// Patients who came to their end.
    pub(crate) gone: u64,
    /// Calls that were answered properly.
    pub(crate) answered: u64,
}

/// Reasons of unclear attempts that are told apart.
const REASONS_MAX: usize = 40;

/// All that was measured so far.
#[derive(Clone, Default)]
pub(crate) struct Measured {
    pub(crate) patients: Patients,
    /// Arrivals by the place of their phase.
    pub(crate) phases: BTreeMap<usize, Came>,
    pub(crate) calls: BTreeMap<(Call, Class), Latencies>,
    /// Since the last look of the view.
    pub(crate) lately: BTreeMap<Call, Latencies>,
    /// Refusals by their code.
    pub(crate) codes: BTreeMap<(Call, String), u64>,
    /// Attempts without an outcome: broken connections, timeouts, servers that could not tell.
    pub(crate) unclear: BTreeMap<Call, u64>,
    /// The same by what was wrong.
    pub(crate) why: BTreeMap<String, u64>,
    /// Attempts that were turned away; who came back had an outcome later.
    pub(crate) turned_away: BTreeMap<Call, u64>,
    /// Second by second since the start.
    pub(crate) timeline: Vec<Second>,
    /// Requests that were hung up on.
    pub(crate) hung_up: u64,
    /// How long patients waited for the ledger; no latency has it in it.
    pub(crate) ledger: Latencies,
}

impl Measured {
    /// The second of an instant; the last one for all that lie a day away.
    pub(crate) fn second(&mut self, at_us: u64) -> &mut Second {
        const LAST: u64 = 24 * 60 * 60;
        let place = usize::try_from((at_us / 1_000_000).min(LAST)).unwrap_or(0);
        if self.timeline.len() <= place {
            self.timeline.resize(place + 1, Second::default());
        }
        #[expect(clippy::indexing_slicing, reason = "it was made long enough")]
        &mut self.timeline[place]
    }

    /// The latencies of a call that was answered, done or refused.
    pub(crate) fn answered(&self, call: Call) -> Latencies {
        let mut all = Latencies::default();
        for class in [Class::Ok, Class::Refused] {
            if let Some(latencies) = self.calls.get(&(call, class)) {
                all.add(latencies);
            }
        }
        all
    }

    /// How many calls ended so.
    pub(crate) fn count(&self, wanted: impl Fn(Call, Class) -> bool) -> u64 {
        let wanted = self.calls.iter().filter(|((call, class), _)| wanted(*call, *class));
        wanted.map(|(_, latencies)| latencies.count()).sum()
    }

    /// Appointments that were confirmed.
    pub(crate) fn bookings(&self) -> u64 {
        self.count(|call, class| call == Call::Confirm && class == Class::Ok)
    }

    /// Calls without a proper answer.
    pub(crate) fn errors(&self) -> u64 {
        self.count(|_, class| !class.is_proper())
    }
}

/// Where everything is measured.
#[derive(Default)]
pub(crate) struct Meter {
    measured: Mutex<Measured>,
}

impl Meter {
    /// What was measured, to add to or to look at for a moment.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Measured> {
        self.measured.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes down that somebody came, and whether there was no room.
    pub(crate) fn arrived(&self, phase: usize, dropped: bool) {
        let mut measured = self.lock();
        measured.patients.arrived += 1;
        measured.patients.dropped += u64::from(dropped);
        let came = measured.phases.entry(phase).or_default();
        came.arrived += 1;
        came.dropped += u64::from(dropped);
    }

    /// Takes down a call that has ended at some instant, after `us`.
    pub(crate) fn ended(&self, call: Call, class: Class, at_us: u64, us: u64, code: Option<&str>) {
        let mut measured = self.lock();
        let second = measured.second(at_us);
        second.answered += u64::from(class.is_proper());
        second.booked += u64::from(call == Call::Confirm && class == Class::Ok);
        measured.calls.entry((call, class)).or_default().record(us);
        measured.lately.entry(call).or_default().record(us);
        if let Some(code) = code {
            *measured.codes.entry((call, code.to_owned())).or_default() += 1;
        }
    }

    /// Takes down an attempt without an outcome.
    pub(crate) fn unclear(&self, call: Call, why: &str) {
        let mut measured = self.lock();
        *measured.unclear.entry(call).or_default() += 1;
        let known = measured.why.len() < REASONS_MAX || measured.why.contains_key(why);
        *measured.why.entry(if known { why } else { "others" }.to_owned()).or_default() += 1;
    }

    /// Takes down an attempt that was turned away.
    pub(crate) fn turned_away(&self, call: Call) {
        *self.lock().turned_away.entry(call).or_default() += 1;
    }

    /// Takes down that somebody has gone.
    pub(crate) fn gone(&self, at_us: u64) {
        let mut measured = self.lock();
        measured.patients.gone += 1;
        measured.second(at_us).gone += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latencies_of_every_size_are_kept() {
        let mut all = Latencies::default();
        (1..=99).for_each(|_| all.record(1_000));
        all.record(90_000_000);
        let mut sum = Latencies::default();
        sum.add(&all);
        let Summary { count, p50_ms, p99_ms, max_ms, mean_ms, .. } = sum.summary();
        assert_eq!((count, p50_ms, p99_ms), (100, 1.0, 1.0));
        assert!((max_ms - 90_000.0).abs() < 90.0, "{max_ms}");
        assert!((mean_ms - 901.0).abs() < 1.0, "{mean_ms}");
    }

    #[test]
    fn only_proper_answers_count_for_percentiles_and_the_others_are_errors() {
        let meter = Meter::default();
        meter.ended(Call::Hold, Class::Ok, 0, 1_000, None);
        meter.ended(Call::Hold, Class::Refused, 0, 3_000, Some("slot_taken"));
        meter.ended(Call::Hold, Class::Overloaded, 0, 9_000, Some("overloaded"));
        meter.ended(Call::Confirm, Class::Unknown, 0, 9_000, None);
        let measured = meter.lock();
        assert_eq!(measured.answered(Call::Hold).count(), 2);
        assert_eq!((measured.errors(), measured.bookings()), (2, 0));
    }
}
