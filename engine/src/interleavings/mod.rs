//! Interleavings around the actor, under `shuttle`: the whole engine with all its tasks, and parts
//! of it, while `shuttle` decides at every step who goes on. Only in a build with
//! `--cfg creneau_shuttle`; see `docs/testing.md`.
//!
//! [`check`] runs a model under many schedules, half of them with chances that are even at each
//! step, half with priorities that change a few times (PCT), which finds what needs a task to
//! stand still for long. A schedule that fails is printed by `shuttle`; with it in a file that
//! `CRENEAU_REPLAY` names, the same test runs it again.

use std::future::Future;
use std::str::FromStr;

use shuttle::scheduler::{PctScheduler, RandomScheduler, ReplayScheduler};
use shuttle::{Config, MaxSteps, Runner};

use crate::time::held;

mod calendars;
mod holds;
mod parts;
mod storage;
mod world;

/// Schedules of each model, unless `CRENEAU_SCHEDULES` says otherwise.
const SCHEDULES: usize = 1_000;

/// As unless `CRENEAU_SEED` says otherwise, so that a run repeats itself.
const SEED: u64 = 1;

/// Changes of priority in a schedule, at most: few for long runs of one task, more for mixed ones.
const CHANGES: [usize; 2] = [2, 5];

/// A model that takes more steps than this does not come to an end.
const STEPS_MAX: usize = 200_000;

fn told<T: FromStr>(name: &str, otherwise: T) -> T {
    let told = std::env::var(name).ok();
    told.map_or(otherwise, |told| told.parse().ok().unwrap_or_else(|| panic!("{name}: {told}")))
}

/// Runs `model` under many schedules.
fn check<F: Future<Output = ()> + 'static>(model: fn() -> F) {
    let mut config = Config::new();
    config.stack_size = 256 << 10;
    config.max_steps = MaxSteps::FailAfter(STEPS_MAX);
    // What rests on weaker orderings is for loom.
    config.silence_warnings = true;
    let run = move || {
        held::start();
        shuttle::future::block_on(model());
    };
    if let Ok(schedule) = std::env::var("CRENEAU_REPLAY") {
        let schedule = ReplayScheduler::new_from_file(schedule).expect("a schedule");
        Runner::new(schedule, config).run(run);
        return;
    }
    let (schedules, seed) = (told("CRENEAU_SCHEDULES", SCHEDULES), told("CRENEAU_SEED", SEED));
    let random = RandomScheduler::new_from_seed(seed, schedules / 2);
    Runner::new(random, config.clone()).run(run);
    for (place, changes) in CHANGES.into_iter().enumerate() {
        let share = schedules.div_ceil(2 * CHANGES.len());
        let seed = seed.wrapping_add(place as u64);
        Runner::new(PctScheduler::new_from_seed(seed, changes, share), config.clone()).run(run);
    }
}
