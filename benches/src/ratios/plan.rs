//! How much is measured, where, and on what machine.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use creneau::{SystemWallClock, WallClock};
use tokio::runtime::Runtime;

use crate::measured::Measured;

/// A result whose failure is only ever printed.
pub(crate) type Fallible<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// How much is measured, and where.
pub(crate) struct Plan {
    pub(crate) rounds: usize,
    /// How long each side is measured in each round.
    pub(crate) span: Duration,
    /// To see that it runs: with few calendars, and no figure means anything.
    pub(crate) quick: bool,
    /// A directory of this run alone.
    pub(crate) root: PathBuf,
    /// What was seen of many calendars: more than one row tells of it.
    pub(crate) probes: std::cell::OnceCell<Vec<serde_json::Value>>,
}

impl Plan {
    /// `full`, or `quick` where nothing is measured in earnest.
    pub(crate) const fn sized(&self, full: u64, quick: u64) -> u64 {
        if self.quick { quick } else { full }
    }

    /// A directory under the run's that does not exist yet.
    pub(crate) fn place(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// Measures both sides in turn. Which one comes first changes from round to round, so that
    /// neither always follows what the other leaves behind.
    pub(crate) fn alternate(
        &self,
        mut ours: impl FnMut() -> Fallible<f64>,
        mut reference: impl FnMut() -> Fallible<f64>,
    ) -> Fallible<Measured> {
        let mut measured = Measured::default();
        for round in 0..self.rounds {
            if round % 2 == 0 {
                measured.ours.push(ours()?);
                measured.reference.push(reference()?);
            } else {
                measured.reference.push(reference()?);
                measured.ours.push(ours()?);
            }
        }
        Ok(measured)
    }
}

/// A runtime like that of the server.
pub(crate) fn runtime() -> Fallible<Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().build()?)
}

/// The one place that reads the monotonic clock.
#[expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// What this process has used of its processors so far.
pub(crate) fn processor() -> Duration {
    let used = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(u64::try_from(used.tv_sec).unwrap_or(0), u32::try_from(used.tv_nsec).unwrap_or(0))
}

/// Nanoseconds since `began`.
pub(crate) fn nanos(began: Instant) -> u64 {
    u64::try_from(now().saturating_duration_since(began).as_nanos()).unwrap_or(u64::MAX)
}

/// The checkout.
pub(crate) fn checkout() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn field(file: &str, name: &str) -> Option<String> {
    let text = std::fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn first_line(file: &str) -> String {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    text.lines().next().unwrap_or("unknown").trim().to_owned()
}

/// What kind of file system a directory lies on.
///
/// # Errors
///
/// Where it is memory: a sync would cost nothing there.
pub(crate) fn file_system(directory: &Path) -> Fallible<String> {
    let directory = directory.canonicalize()?;
    let mounts = std::fs::read_to_string("/proc/self/mounts")?;
    let mount = |line: &str| {
        let mut fields = line.split(' ').skip(1);
        let at = PathBuf::from(fields.next()?);
        directory.starts_with(&at).then_some((at, fields.next()?.to_owned()))
    };
    // Of two on the same place the later one covers the earlier.
    let found = mounts.lines().filter_map(mount).max_by_key(|(at, _)| at.as_os_str().len());
    let kind = found.map_or_else(|| "unknown".to_owned(), |(_, kind)| kind);
    if matches!(&*kind, "tmpfs" | "ramfs") {
        return Err(format!("{} is {kind}: a sync costs nothing there", directory.display()).into());
    }
    Ok(kind)
}

/// What stands above the table.
pub(crate) fn machine(plan: &Plan) -> Fallible<String> {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let processor = field("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown".to_owned());
    let memory = field("/proc/meminfo", "MemTotal").unwrap_or_default();
    Ok(format!(
        "{date}; {cores} cores of {processor}, {memory}; Linux {kernel}; load {load}; data on \
         {disk}\n{rounds} rounds, each side for {seconds} s in each; medians, ± half of the \
         range\nDurability of both sides: an fdatasync before any answer, on this disk; ours with \
         guards, indexes, snapshots and a command id on every write\n",
        date = SystemWallClock.now(),
        kernel = first_line("/proc/sys/kernel/osrelease"),
        load = first_line("/proc/loadavg"),
        disk = file_system(&plan.root)?,
        rounds = plan.rounds,
        seconds = plan.span.as_secs_f64(),
    ))
}
