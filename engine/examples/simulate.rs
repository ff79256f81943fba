//! Simulates months of the whole engine: `--seeds N` of them, from `--seed S` on, or for
//! `--minutes M` under fresh seeds.
//!
//! It leaves with 1 at the first violation and says how to see it again, and with 2 when it is
//! asked for something that it does not know.
#![expect(clippy::print_stdout, reason = "it is a program")]

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use creneau::testing::disk::DiskCounts;
use creneau::testing::ledger::Counts;
use creneau::testing::soak::{Row, code, grouped};
use creneau::testing::states::states;
use creneau::testing::{Month, month, read_along};
use creneau::{SystemWallClock, WallClock};

const HELP: &str = "\
simulate: months of the whole engine under seeds
  --seeds N      so many months (12)
  --seed S       from this seed on (0)
  --threads T    so many at the same time (all cores)
  --minutes M    a soak: fresh seeds until the time is over, instead of --seeds and --seed
  --add-to FILE  adds the soak to the table in FILE
  --trace FILE   writes what was asked and answered, and when; for one seed
  --all          goes on after a violation
  --quiet        no line for each month";

/// Months that are run unless told otherwise.
const SEEDS: u64 = 12;

/// What was asked for.
struct Args {
    seeds: u64,
    first: u64,
    threads: u64,
    minutes: Option<u64>,
    add_to: Option<String>,
    trace: Option<String>,
    all: bool,
    quiet: bool,
}

fn args() -> Result<Args, String> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut args = Args {
        seeds: SEEDS,
        first: 0,
        threads: cores as u64,
        minutes: None,
        add_to: None,
        trace: None,
        all: false,
        quiet: false,
    };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or(format!("{word} needs a value"));
        let number = |text: String| {
            text.parse::<u64>().map_err(|_| format!("{word} must be a number, not {text:?}"))
        };
        match word.as_str() {
            "--seeds" => args.seeds = number(value()?)?,
            "--seed" => args.first = number(value()?)?,
            "--threads" => args.threads = number(value()?)?.max(1),
            "--minutes" => args.minutes = Some(number(value()?)?),
            "--add-to" => args.add_to = Some(value()?),
            "--trace" => args.trace = Some(value()?),
            "--all" => args.all = true,
            "--quiet" => args.quiet = true,
            _ => return Err(format!("{word} is not known\n{HELP}")),
        }
    }
    if args.trace.is_some() && (args.seeds != 1 || args.minutes.is_some()) {
        return Err("--trace is for one seed: --seeds 1".to_owned());
    }
    if args.add_to.is_some() && args.minutes.is_none() {
        return Err("--add-to is for a soak: --minutes".to_owned());
    }
    Ok(args)
}

static TRACE: OnceLock<Mutex<BufWriter<File>>> = OnceLock::new();

fn write_trace(line: &str) {
    if let Some(file) = TRACE.get() {
        let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
        // A full disk makes the trace short, not the run wrong.
        let _ = writeln!(file, "{line}");
    }
}

fn open_trace(path: &str) -> Result<(), String> {
    let file = File::create(path).map_err(|error| format!("{path}: {error}"))?;
    let _ = TRACE.set(Mutex::new(BufWriter::new(file)));
    read_along(write_trace);
    Ok(())
}

/// What all months have seen together.
#[derive(Default)]
struct Sum {
    months: u64,
    violations: u64,
    days: u64,
    disks: u64,
    on_the_clock: Duration,
    fewest: Option<(u64, u64)>,
    counts: Counts,
    disk: DiskCounts,
}

impl Sum {
    fn add(&mut self, month: &Month) {
        self.months += 1;
        self.days += month.days;
        self.disks += month.disks;
        self.on_the_clock += month.on_the_clock;
        let (commands, crashes) = self.fewest.unwrap_or((u64::MAX, u64::MAX));
        let commands = commands.min(month.fewest_commands);
        self.fewest = Some((commands, crashes.min(month.fewest_crashes)));
        self.counts.add(&month.counts);
        self.disk.add(&month.disk);
    }

    fn tell(&self, took: Duration) {
        let Self { months, violations, days, disks, counts, disk, .. } = self;
        let clock = self.on_the_clock.as_secs() / 86_400;
        let (commands, crashes) = self.fewest.unwrap_or_default();
        println!(
            "\n{months} months, {} days on {disks} disks, in {} s; the clocks went on by {} days",
            grouped(*days),
            took.as_secs(),
            grouped(clock)
        );
        println!(
            "{} commands among {} requests; {} crash-restarts, {} while opening, {} while closing",
            grouped(counts.commands),
            grouped(counts.operations),
            grouped(counts.crashes),
            counts.crashes_while_opening,
            counts.crashes_while_closing
        );
        println!("each day had at least {commands} commands and {crashes} crash-restarts\n");
        for (what, times) in states(counts, disk) {
            println!("{:>14}  {what}", grouped(times));
        }
        println!("\n{violations} of {} months with a violation", months + violations);
    }
}

fn hex(hash: &[u8]) -> String {
    hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

fn tell(month: &Month) {
    let Month { seed, days, disks, counts, trace, .. } = month;
    let (commands, crashes) = (grouped(counts.commands), counts.crashes);
    println!(
        "seed {seed}: {days} days, {disks} disks, {commands} commands, {crashes} crash-restarts, \
         trace {}",
        hex(trace)
    );
}

#[expect(clippy::disallowed_methods, reason = "a soak takes as long as it is told, in real time")]
fn real_now() -> Instant {
    Instant::now()
}

/// Runs months on several threads, each month on one of them.
fn run(args: &Args, first: u64) -> Sum {
    let began = real_now();
    let enough = args.minutes.map(|minutes| Duration::from_secs(60 * minutes));
    let (next, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    let sum = Mutex::new(Sum::default());
    let worker = || {
        while !stop.load(Ordering::Relaxed) {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let over = enough.map_or(args.seeds <= number, |enough| enough <= began.elapsed());
            if over {
                return;
            }
            let seed = first.wrapping_add(number);
            let lived = month::month(seed);
            let mut sum = sum.lock().unwrap_or_else(PoisonError::into_inner);
            match lived {
                Ok(month) => {
                    sum.add(&month);
                    if !args.quiet {
                        tell(&month);
                    }
                }
                Err(violation) => {
                    sum.violations += 1;
                    println!("{violation}");
                    println!("again: make simulate SEED={seed} TRACE=trace.txt");
                    println!(
                        "keep it: as a test with a name of its own, in engine/tests/simulation.rs"
                    );
                    stop.store(!args.all, Ordering::Relaxed);
                }
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..args.threads {
            scope.spawn(worker);
        }
    });
    let sum = sum.into_inner().unwrap_or_else(PoisonError::into_inner);
    sum.tell(began.elapsed());
    sum
}

/// Prints the row of the counter, and adds it where it is kept.
fn count(args: &Args, sum: &Sum, code: String) -> Result<(), String> {
    let row = Row {
        code,
        until: SystemWallClock.now().to_string().chars().take(10).collect(),
        months: sum.months,
        commands: sum.counts.commands,
        crashes: sum.counts.crashes,
        violations: sum.violations,
    };
    println!("{}", row.line());
    let Some(path) = &args.add_to else { return Ok(()) };
    let failed = |error: std::io::Error| format!("{path}: {error}");
    let text = std::fs::read_to_string(path).map_err(failed)?;
    let text = row.added_to(&text).map_err(|what| format!("{path}: {what}"))?;
    std::fs::write(path, text).map_err(failed)
}

fn main_inside() -> Result<bool, String> {
    let args = args()?;
    if let Some(path) = &args.trace {
        open_trace(path)?;
    }
    let soak = args.minutes.is_some();
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    // Before the soak, as the sources may change while it lasts.
    let code = if soak { code(&src).map_err(|error| error.to_string())? } else { String::new() };
    // Seeds of the clock are fresh: a month takes longer than a millisecond for each core.
    let fresh = u64::try_from(SystemWallClock.now().millis()).unwrap_or_default();
    let sum = run(&args, if soak { fresh } else { args.first });
    if let Some(file) = TRACE.get() {
        let _ = file.lock().unwrap_or_else(PoisonError::into_inner).flush();
    }
    if soak {
        count(&args, &sum, code)?;
    }
    Ok(sum.violations == 0)
}

fn main() -> ExitCode {
    match main_inside() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(what) => {
            println!("{what}");
            ExitCode::from(2)
        }
    }
}
