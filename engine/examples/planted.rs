//! Plants each bug in turn and runs the checks in the order of what they cost, up to the first
//! that fails; writes a line of Markdown for each bug.
//!
//! `--bug NAME` for one (may be repeated), `--seeds N` simulations at most for each. It leaves with
//! 1 when a bug was not caught, and with 2 when a check fails without any bug.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "it is a program, and watches others by the machine's own time"
)]

use std::fs::File;
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use creneau::Bug;
use creneau::testing::run;

/// Simulations that a bug may outlive before it counts as not caught.
const SEEDS: u64 = 60;

/// Time for one check. A test says so itself when it has run for a minute.
const CHECK: Duration = Duration::from_secs(90);

/// Time for the simulations of one bug.
const SIMULATIONS: Duration = Duration::from_secs(300);

/// Time for one simulation, which takes less than a second: one that takes longer has no end.
const SIMULATION: Duration = Duration::from_secs(60);

/// A program to run, and how.
struct Check {
    name: &'static str,
    program: PathBuf,
    arguments: Vec<String>,
    limit: Duration,
}

/// How a check ended.
enum End {
    Passed,
    /// What failed, and after how many seconds of this check.
    Failed(String, f64),
}

type Anyhow<T> = Result<T, Box<dyn std::error::Error>>;

fn values(name: &str) -> Vec<String> {
    let arguments: Vec<String> = std::env::args().collect();
    let pairs = arguments.windows(2).filter(|pair| pair.first().is_some_and(|it| it == name));
    pairs.filter_map(|pair| pair.last().cloned()).collect()
}

fn number(name: &str, otherwise: u64) -> Anyhow<u64> {
    Ok(values(name).first().map_or(Ok(otherwise), |text| text.parse())?)
}

/// Builds the test programs and gives the one made of `source`.
fn programs() -> Anyhow<impl Fn(&str) -> Anyhow<PathBuf>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .args(["test", "--no-run", "-p", "creneau", "--no-default-features", "--locked"])
        .args(["--features", "planted", "--lib", "--test", "integration", "--test", "simulation"])
        .output()?;
    let said = String::from_utf8_lossy(&built.stderr).into_owned();
    if !built.status.success() {
        return Err(said.into());
    }
    Ok(move |source: &str| {
        let line = said.lines().find(|line| line.contains("Executable") && line.contains(source));
        let path = line.and_then(|line| line.rsplit_once('(')?.1.strip_suffix(')'));
        path.map(PathBuf::from).ok_or_else(|| format!("no program of {source}: {said}").into())
    })
}

/// The checks, cheapest first.
fn checks(seeds: u64) -> Anyhow<Vec<Check>> {
    let program = programs()?;
    let check = |name, source: &str, arguments: &[&str]| {
        let arguments = arguments.iter().map(|it| (*it).to_owned()).collect();
        Ok::<_, Box<dyn std::error::Error>>(Check {
            name,
            program: program(source)?,
            arguments,
            limit: CHECK,
        })
    };
    let seeds = ["--simulate".to_owned(), seeds.to_string()];
    Ok(vec![
        check("parts", "src/lib.rs", &["--skip", "booking::"])?,
        check("engine", "integration", &[])?,
        check("torn move", "simulation", &["torn_at_every_byte"])?,
        check("core", "src/lib.rs", &["booking::"])?,
        Check {
            name: "simulation",
            program: std::env::current_exe()?,
            arguments: seeds.to_vec(),
            limit: SIMULATIONS,
        },
    ])
}

impl Check {
    fn run(&self, bug: Option<Bug>) -> Anyhow<End> {
        let path = std::env::temp_dir().join(format!("creneau-planted-{}", std::process::id()));
        let output = File::create(&path)?;
        // Not beside the sources: a law that fails would be written down there for later runs.
        let mut command = Command::new(&self.program);
        command
            .args(&self.arguments)
            .env_remove("CRENEAU_PLANTED")
            .current_dir(std::env::temp_dir());
        if let Some(bug) = bug {
            command.env("CRENEAU_PLANTED", format!("{bug:?}"));
        }
        let began = Instant::now();
        let mut child = command.stdout(output.try_clone()?).stderr(Stdio::null()).spawn()?;
        let ended = loop {
            if let Some(status) = child.try_wait()? {
                break Some(status);
            }
            if self.limit < began.elapsed() {
                child.kill()?;
                child.wait()?;
                break None;
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        let said = std::fs::read_to_string(&path)?;
        std::fs::remove_file(&path)?;
        let seconds = began.elapsed().as_secs_f64();
        Ok(match ended {
            Some(status) if status.success() => End::Passed,
            Some(_) => End::Failed(self.found(&said, " ... FAILED"), seconds),
            // All of its seeds came to an end, slowly.
            None if self.name == "simulation" => End::Passed,
            None => End::Failed(format!("{}, no end", self.found(&said, " has been")), seconds),
        })
    }

    /// The tests that a line of the output with `mark` names, or the seed that ran last.
    fn found(&self, said: &str, mark: &str) -> String {
        if self.name == "simulation" {
            return said.lines().last().unwrap_or("no seed").to_owned();
        }
        let named = |line: &str| line.split_once(mark)?.0.strip_prefix("test ").map(str::to_owned);
        let names: Vec<_> = said.lines().filter_map(named).collect();
        match names.first() {
            None => "a test".to_owned(),
            Some(first) if names.len() == 1 => format!("`{first}`"),
            Some(first) => format!("`{first}` and {} more", names.len() - 1),
        }
    }
}

/// Ends this program with a failure when a simulation has been running for too long.
fn watch(ended: &'static AtomicU64) {
    std::thread::spawn(|| {
        loop {
            let before = ended.load(Ordering::Relaxed);
            std::thread::sleep(SIMULATION);
            if ended.load(Ordering::Relaxed) == before {
                println!("seed {before}, no end");
                std::process::exit(1);
            }
        }
    });
}

/// Runs simulations up to the first violation, and says which.
fn simulate(seeds: u64) -> ExitCode {
    static ENDED: AtomicU64 = AtomicU64::new(0);
    watch(&ENDED);
    for seed in 0..seeds {
        ENDED.store(seed, Ordering::Relaxed);
        println!("seed {seed}");
        if let Err(violation) = run(seed) {
            let what: String = violation.to_string().chars().take(160).collect();
            println!("{}", what.replace(['|', '\n'], " "));
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

fn hunt() -> Anyhow<ExitCode> {
    let checks = checks(number("--seeds", SEEDS)?)?;
    let named = values("--bug");
    let wanted =
        |bug: &&Bug| named.is_empty() || named.iter().any(|name| *name == format!("{bug:?}"));
    for check in checks.iter().filter(|_| named.is_empty()) {
        let began = Instant::now();
        if let End::Failed(what, _) = check.run(None)? {
            println!("no bug is planted, and yet {}: {what}", check.name);
            return Ok(ExitCode::from(2));
        }
        println!("{} passes without a bug in {:.0} s", check.name, began.elapsed().as_secs_f64());
    }
    println!("\n| bug | what it does | place | caught by | seconds |\n|---|---|---|---|---|");
    let mut missed = 0;
    for bug in Bug::ALL.iter().filter(wanted) {
        let mut caught = None;
        for check in &checks {
            if let End::Failed(what, seconds) = check.run(Some(*bug))? {
                caught = Some((format!("{}: {what}", check.name), seconds));
                break;
            }
        }
        missed += usize::from(caught.is_none());
        let (by, seconds) = caught.unwrap_or_else(|| ("nothing".to_owned(), 0.0));
        println!("| `{bug:?}` | {} | `{}` | {by} | {seconds:.1} |", bug.what(), bug.place());
    }
    println!("\n{missed} not caught");
    Ok(if missed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn main() -> ExitCode {
    match number("--simulate", 0) {
        Ok(0) => {}
        Ok(seeds) => return simulate(seeds),
        Err(error) => println!("{error}"),
    }
    hunt().unwrap_or_else(|error| {
        println!("{error}");
        ExitCode::from(2)
    })
}
