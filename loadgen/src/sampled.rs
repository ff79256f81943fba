//! What an own server takes of the machine, second by second.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;
use tokio::task::JoinHandle;

use crate::clock::Clock;

/// Seconds between two looks.
const PERIOD: Duration = Duration::from_secs(1);

/// Looks that are kept: a day of them.
const SAMPLES_MAX: usize = 86_400;

/// A look at a process.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Sample {
    /// Seconds since the looks began.
    pub(crate) at: f64,
    pub(crate) resident_kib: u64,
    pub(crate) descriptors: usize,
    /// Seconds of processor time since its start.
    pub(crate) processor: f64,
}

/// What the looks came to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Taken {
    pub(crate) peak_resident_kib: u64,
    /// KiB a minute over the last half, by least squares.
    pub(crate) growth_kib_per_minute: f64,
    pub(crate) descriptors_max: usize,
    /// Of its processor time, how many cores it kept busy on average.
    pub(crate) cores: f64,
    pub(crate) samples: Vec<Sample>,
}

impl Taken {
    /// None where there was no look at all.
    pub(crate) fn of(samples: Vec<Sample>) -> Option<Self> {
        let (first, last) = (*samples.first()?, *samples.last()?);
        let half = samples.get(samples.len() / 2..).unwrap_or_default();
        let seconds = (last.at - first.at).max(1.0);
        Some(Self {
            peak_resident_kib: samples.iter().map(|it| it.resident_kib).max()?,
            growth_kib_per_minute: slope(half) * 60.0,
            descriptors_max: samples.iter().map(|it| it.descriptors).max()?,
            cores: (last.processor - first.processor) / seconds,
            samples,
        })
    }
}

impl fmt::Display for Taken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "server: {} MiB at most, {:.0} KiB a minute more over the last half; {} descriptors at \
             most; {:.2} cores",
            self.peak_resident_kib / 1_024,
            self.growth_kib_per_minute,
            self.descriptors_max,
            self.cores
        )
    }
}

/// KiB a second, by least squares.
fn slope(samples: &[Sample]) -> f64 {
    let count = samples.len().max(1) as f64;
    let mean = |of: fn(&Sample) -> f64| samples.iter().map(of).sum::<f64>() / count;
    let (at, kib) = (mean(|it| it.at), mean(|it| it.resident_kib as f64));
    let both = samples.iter().map(|it| (it.at - at) * (it.resident_kib as f64 - kib)).sum::<f64>();
    let spread = samples.iter().map(|it| (it.at - at).powi(2)).sum::<f64>();
    if spread == 0.0 { 0.0 } else { both / spread }
}

/// Somebody who looks at a process.
pub(crate) struct Sampler {
    samples: Arc<Mutex<Vec<Sample>>>,
    task: JoinHandle<()>,
}

impl Sampler {
    /// Looks at a process from now on.
    pub(crate) fn start(process: u32) -> Self {
        let samples = Arc::<Mutex<Vec<Sample>>>::default();
        let (kept, clock) = (samples.clone(), Clock::start());
        let task = tokio::spawn(async move {
            let mut ticks = tokio::time::interval(PERIOD);
            loop {
                ticks.tick().await;
                let at = clock.us() as f64 / 1_000_000.0;
                let Some(sample) = look(process, at) else { continue };
                let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                if kept.len() < SAMPLES_MAX {
                    kept.push(sample);
                }
            }
        });
        Self { samples, task }
    }

    /// Looks no more.
    pub(crate) fn stop(self) -> Option<Taken> {
        self.task.abort();
        let samples = self.samples.lock().unwrap_or_else(PoisonError::into_inner);
        Taken::of(samples.clone())
    }
}

/// What the system tells of a process; none where it has gone or the system has no `/proc`.
pub(crate) fn look(process: u32, at: f64) -> Option<Sample> {
    let read = |name: &str| std::fs::read_to_string(format!("/proc/{process}/{name}")).ok();
    let status = read("status")?;
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let resident_kib = resident.trim().trim_end_matches(" kB").parse().ok()?;
    let stat = read("stat")?;
    // The name stands in brackets and may hold anything; what follows is numbers.
    let mut after = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut ticks = || after.next()?.parse::<u64>().ok();
    let processor = (ticks()? + ticks()?) as f64 / rustix::param::clock_ticks_per_second() as f64;
    let descriptors = std::fs::read_dir(format!("/proc/{process}/fd")).ok()?.count();
    Some(Sample { at, resident_kib, descriptors, processor })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_is_that_of_the_last_half() {
        let sample = |at: u32| Sample {
            at: at.into(),
            resident_kib: if at < 50 { u64::from(at) * 1_000 } else { 50_000 + u64::from(at) * 2 },
            descriptors: 7,
            processor: f64::from(at) * 1.5,
        };
        let taken = Taken::of((0..100).map(sample).collect()).unwrap();
        assert!((taken.growth_kib_per_minute - 120.0).abs() < 0.1, "{taken:?}");
        assert_eq!((taken.peak_resident_kib, taken.descriptors_max), (50_198, 7));
        assert!((taken.cores - 1.5).abs() < 0.01);
        assert_eq!(Taken::of(Vec::new()), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_process_can_be_looked_at() {
        let sample = look(std::process::id(), 1.0).unwrap();
        assert!(1_000 < sample.resident_kib && 3 <= sample.descriptors, "{sample:?}");
        assert_eq!(look(0, 1.0), None);
    }
}
