//! Runs simulations of the whole engine: `--seeds N` of them, from `--seed S` on.
//!
//! It leaves with 1 at the first violation, and says how to see it again.
#![expect(clippy::print_stdout, reason = "it is a program")]

use std::process::ExitCode;

use creneau::testing::{Report, run};

/// Seeds that are run unless told otherwise.
const SEEDS: u64 = 100;

fn argument(name: &str, otherwise: u64) -> Result<u64, String> {
    let mut arguments = std::env::args().skip_while(|argument| argument != name).skip(1);
    match arguments.next() {
        None => Ok(otherwise),
        Some(text) => text.parse().map_err(|_| format!("{name} must be a number, not {text:?}")),
    }
}

fn hex(hash: &[u8]) -> String {
    hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

fn tell(report: &Report) {
    let Report { seed, simulated, counts, disk, trace, journal } = report;
    let days = simulated.as_secs_f64() / 86_400.0;
    println!(
        "seed {seed}: {days:.1} days, trace {}, journal {}\n  {counts:?}\n  {disk:?}",
        hex(trace),
        hex(journal)
    );
}

fn main() -> ExitCode {
    let asked = argument("--seeds", SEEDS).and_then(|seeds| Ok((seeds, argument("--seed", 0)?)));
    let (seeds, first) = match asked {
        Ok(asked) => asked,
        Err(what) => {
            println!("{what}");
            return ExitCode::from(2);
        }
    };
    let quiet = std::env::args().any(|argument| argument == "--quiet");
    let goes_on = std::env::args().any(|argument| argument == "--all");
    let mut violated = 0;
    for seed in (first..).take(usize::try_from(seeds).unwrap_or(usize::MAX)) {
        match run(seed) {
            Ok(_) if quiet => {}
            Ok(report) => tell(&report),
            Err(violation) => {
                violated += 1;
                println!("{violation}\nagain: make simulate SEEDS=1 SEED={seed}");
                if !goes_on {
                    return ExitCode::FAILURE;
                }
            }
        }
    }
    println!("{seeds} seeds, {violated} with a violation");
    if violated == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
