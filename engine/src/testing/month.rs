//! What a seed of `make simulate` is: a month of bad days.
//!
//! A month has [`DAYS`] days. A day is over when at least [`COMMANDS`] requests were put that were
//! to change something, the engine was started again after [`CRASHES`] crashes or more, and the
//! engine's clock has gone on by 24 hours. What is left of the 24 hours is skipped as a night in
//! which nothing runs.
//!
//! Days are made of stretches: the lives of a [`Plan`], each ended by a crash or in order, and
//! after them one without faults in which everything is compared and nothing may have leaked. The
//! next stretch goes on, by another plan, on the same disk, or begins on an empty one; some disks
//! last for days. An empty disk begins as every run does, on the day before the clocks of Paris
//! change. So a month has fresh starts as well as long histories.

use std::sync::Arc;
use std::time::Duration;

use super::disk::DiskCounts;
use super::ledger::Counts;
use super::plan::Plan;
use super::random::Dice;
use super::world::{Violation, World};

/// Days of a month.
pub const DAYS: u64 = 30;

/// Commands of a day, at least.
pub const COMMANDS: u64 = 2_000;

/// Crashes of a day with a start after each, at least.
pub const CRASHES: u64 = 3;

/// What is left of a day is skipped up to here.
const DAY_MS: i64 = 24 * 3_600_000;

/// Tells the dice of a month from those of its runs.
const SALT: u64 = 0x6D6F_6E74_6873;

/// What a month has seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Month {
    /// The seed.
    pub seed: u64,
    /// Days.
    pub days: u64,
    /// How far the engine's clocks have gone on, jumps included: never less than the days.
    pub on_the_clock: Duration,
    /// Disks on which it was lived.
    pub disks: u64,
    /// The fewest commands of a day.
    pub fewest_commands: u64,
    /// The fewest crashes of a day.
    pub fewest_crashes: u64,
    /// How often what has happened.
    pub counts: Counts,
    /// What the disks have been through.
    pub disk: DiskCounts,
    /// A hash of everything that was asked and answered, and when, and of all journals.
    pub trace: [u8; 32],
}

/// What a day has had.
#[derive(Clone, Copy, Debug, Default)]
struct Day {
    commands: u64,
    crashes: u64,
    ms: i64,
}

struct Calendar {
    dice: Dice,
    world: World,
    /// Stretches that the disk lasts after this one.
    left: u64,
    trace: blake3::Hasher,
    month: Month,
}

/// Simulates the month of a seed.
///
/// # Errors
///
/// The first violation.
pub fn month(seed: u64) -> Result<Month, Violation> {
    days(seed, DAYS)
}

/// Simulates the first days of the month of a seed.
///
/// # Errors
///
/// The first violation.
pub fn days(seed: u64, days: u64) -> Result<Month, Violation> {
    let mut dice = Dice::new(seed ^ SALT);
    let (world, left) = (empty(&mut dice), stretches(&mut dice));
    let month = Month {
        seed,
        days: 0,
        on_the_clock: Duration::ZERO,
        disks: 0,
        fewest_commands: u64::MAX,
        fewest_crashes: u64::MAX,
        counts: Counts::default(),
        disk: DiskCounts::default(),
        trace: [0; 32],
    };
    let mut calendar = Calendar { dice, world, left, trace: blake3::Hasher::new(), month };
    for day in 1..=days {
        let lived = calendar.day();
        lived.map_err(|what| Violation { seed, what: format!("day {day}, {what}") })?;
    }
    calendar.end_disk().map_err(|what| Violation { seed, what })?;
    calendar.month.trace = calendar.trace.finalize().into();
    Ok(calendar.month)
}

/// A world on an empty disk.
fn empty(dice: &mut Dice) -> World {
    let seed = dice.next();
    World::new(seed, Arc::new(Plan::new(dice)))
}

/// How many stretches a disk lasts after its first.
fn stretches(dice: &mut Dice) -> u64 {
    match dice.weighted(&[5, 3, 2, 1]) {
        0 => 0,
        1 => dice.between(1, 3),
        2 => dice.between(4, 8),
        _ => dice.between(9, 20),
    }
}

impl Calendar {
    fn day(&mut self) -> Result<(), String> {
        let mut day = Day::default();
        loop {
            let disk = self.month.disks + 1;
            self.stretch(&mut day).map_err(|what| format!("disk {disk}, {what}"))?;
            self.next_stretch().map_err(|what| format!("disk {disk}, {what}"))?;
            if day.has_enough() && DAY_MS <= day.ms {
                break;
            }
        }
        let month = &mut self.month;
        month.days += 1;
        month.fewest_commands = month.fewest_commands.min(day.commands);
        month.fewest_crashes = month.fewest_crashes.min(day.crashes);
        Ok(())
    }

    /// Lives by one plan, and one that looks closely.
    fn stretch(&mut self, day: &mut Day) -> Result<(), String> {
        let begun = (*day, self.world.counts(), self.world.passed());
        for _ in 0..self.world.plan().lives {
            self.world.next_life(false)?;
            day.note(&begun, &self.world);
            if day.has_enough() {
                // The night that is left of it.
                self.world.rest(DAY_MS.saturating_sub(day.ms).max(0));
                break;
            }
        }
        self.world.next_life(true)?;
        day.note(&begun, &self.world);
        Ok(())
    }

    /// Goes on with the disk, or with another one.
    fn next_stretch(&mut self) -> Result<(), String> {
        if let Some(left) = self.left.checked_sub(1) {
            self.left = left;
            self.world.go_on(Plan::new(&mut self.dice));
            return Ok(());
        }
        self.end_disk()?;
        self.world = empty(&mut self.dice);
        self.left = stretches(&mut self.dice);
        Ok(())
    }

    /// Judges what was told on a disk, and adds it up.
    fn end_disk(&mut self) -> Result<(), String> {
        if self.world.counts().commands == 0 {
            return Ok(());
        }
        self.world.judge_order()?;
        let report = self.world.report();
        self.month.disks += 1;
        self.month.on_the_clock += report.simulated;
        self.month.counts.add(&report.counts);
        self.month.disk.add(&report.disk);
        self.trace.update(&report.trace).update(&report.journal);
        Ok(())
    }
}

impl Day {
    /// What it has had when a stretch has come so far that began with `begun`.
    fn note(&mut self, begun: &(Self, Counts, Duration), world: &World) {
        let (from, before, passed) = begun;
        let counts = world.counts();
        self.commands = from.commands + counts.commands - before.commands;
        self.crashes = from.crashes + counts.crashes - before.crashes;
        let ms = world.passed().saturating_sub(*passed).as_millis();
        self.ms = from.ms.saturating_add(i64::try_from(ms).unwrap_or(i64::MAX));
    }

    const fn has_enough(&self) -> bool {
        COMMANDS <= self.commands && CRASHES <= self.crashes
    }
}
