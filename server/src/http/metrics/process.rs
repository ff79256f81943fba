//! What the system knows of this process, under the names that Prometheus gives it everywhere.

use std::fmt::Error;
use std::sync::LazyLock;

use creneau::{SystemWallClock, WallClock};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;
use rustix::process::{Resource, getrlimit};
use rustix::time::{ClockId, clock_gettime};

/// When this process began to serve, in seconds since the epoch.
static STARTED: LazyLock<f64> = LazyLock::new(|| SystemWallClock.now().millis() as f64 / 1_000.0);

/// Has the start be now. Without it, the first look at the metrics counts as the start.
pub(in crate::http) fn start() {
    LazyLock::force(&STARTED);
}

/// Reads the process on each scrape. What this system does not tell is left out.
#[derive(Debug)]
pub(super) struct ProcessCollector;

impl Collector for ProcessCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), Error> {
        let to = &mut encoder;
        if let Some(bytes) = resident_bytes() {
            let help = "Resident memory";
            gauge(to, "process_resident_memory", help, Some(&Unit::Bytes), bytes)?;
        }
        if let Some(open) = open_fds() {
            gauge(to, "process_open_fds", "Open file descriptors", None, open)?;
        }
        if let Some(max) = getrlimit(Resource::Nofile).current {
            gauge(to, "process_max_fds", "File descriptors that may be open", None, max)?;
        }
        let started = "Start of the process since the epoch";
        let seconds = Some(&Unit::Seconds);
        let metric =
            to.encode_descriptor("process_start_time", started, seconds, MetricType::Gauge)?;
        ConstGauge::new(*STARTED).encode(metric)?;
        let time = clock_gettime(ClockId::ProcessCPUTime);
        let spent = time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9;
        let metric = to.encode_descriptor(
            "process_cpu",
            "Processor time spent, user and system",
            seconds,
            MetricType::Counter,
        )?;
        ConstCounter::new(spent).encode(metric)
    }
}

fn gauge(
    to: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    unit: Option<&Unit>,
    value: u64,
) -> Result<(), Error> {
    let metric = to.encode_descriptor(name, help, unit, MetricType::Gauge)?;
    ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX)).encode(metric)
}

fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib << 10)
}

fn open_fds() -> Option<u64> {
    // Less the one that reads the folder.
    let count = std::fs::read_dir("/proc/self/fd").ok()?.count();
    u64::try_from(count.saturating_sub(1)).ok()
}
