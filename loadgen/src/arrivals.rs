//! When patients come: an open loop, so that a slow server does not slow down its patients.

use crate::dice::{Dice, whole};
use crate::scenario::{Law, Scenario};

/// Microseconds of a second.
const US: f64 = 1_000_000.0;

/// A patient who comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Arrival {
    /// Microseconds after the start of the rehearsal.
    pub(crate) at_us: u64,
    /// The place of the phase.
    pub(crate) phase: usize,
    /// Counted from 0.
    pub(crate) number: u64,
}

/// The arrivals of a scenario, in order. The same seed gives the same.
pub(crate) struct Arrivals {
    phases: Vec<(f64, f64)>,
    law: Law,
    dice: Dice,
    phase: usize,
    /// Microseconds from the start to the start of this phase.
    began: f64,
    /// Patients of this phase so far, and when the last of them came within it.
    came: f64,
    last: f64,
    number: u64,
}

impl Arrivals {
    /// The arrivals of `scenario`.
    pub(crate) fn of(scenario: &Scenario) -> Self {
        let phases = scenario.phases.iter().map(|phase| (phase.seconds as f64, phase.rate));
        Self {
            phases: phases.collect(),
            law: scenario.arrivals,
            dice: Dice::new(scenario.seed),
            phase: 0,
            began: 0.0,
            came: 0.0,
            last: 0.0,
            number: 0,
        }
    }
}

impl Iterator for Arrivals {
    type Item = Arrival;

    fn next(&mut self) -> Option<Arrival> {
        loop {
            let (seconds, rate) = *self.phases.get(self.phase)?;
            let next = match self.law {
                _ if rate <= 0.0 => f64::INFINITY,
                // Counted anew for each, so that no rounding adds up.
                Law::Constant => self.came * US / rate,
                Law::Poisson => self.last + self.dice.exponential(US / rate),
            };
            if next < seconds * US {
                (self.last, self.came) = (next, self.came + 1.0);
                self.number += 1;
                let at_us = whole(self.began + next);
                return Some(Arrival { at_us, phase: self.phase, number: self.number - 1 });
            }
            self.began += seconds * US;
            (self.phase, self.came, self.last) = (self.phase + 1, 0.0, 0.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{Phase, tests::plain};

    fn arrivals(law: Law, seed: u64) -> Vec<Arrival> {
        let phase = |seconds, rate| Phase { name: "p".to_owned(), seconds, rate };
        let phases = vec![phase(100, 200.0), phase(5, 0.0), phase(10, 50.0)];
        Arrivals::of(&Scenario { phases, arrivals: law, seed, ..plain() }).collect()
    }

    #[test]
    fn constant_arrivals_keep_their_distance() {
        let all = arrivals(Law::Constant, 1);
        assert_eq!(all.len(), 100 * 200 + 10 * 50);
        let (first, last) = all.split_at(20_000);
        assert!(first.windows(2).all(|two| two[1].at_us - two[0].at_us == 5_000));
        assert!(last.windows(2).all(|two| two[1].at_us - two[0].at_us == 20_000));
        assert_eq!((last[0].at_us, last[0].phase, last[0].number), (105_000_000, 2, 20_000));
    }

    #[test]
    fn poisson_arrivals_have_their_mean_and_spread_and_repeat_under_a_seed() {
        let all = arrivals(Law::Poisson, 7);
        assert_eq!(all, arrivals(Law::Poisson, 7));
        assert_ne!(all, arrivals(Law::Poisson, 8));
        let waits: Vec<f64> = all.windows(2).take(19_000).map(two_apart).collect();
        let mean = waits.iter().sum::<f64>() / waits.len() as f64;
        let spread = waits.iter().map(|wait| (wait - mean).powi(2)).sum::<f64>();
        let deviation = (spread / waits.len() as f64).sqrt();
        // Of an exponential law both are 5 ms; 19,000 waits know them to about one in a hundred.
        assert!((mean - 5_000.0).abs() < 150.0, "{mean}");
        assert!((deviation - 5_000.0).abs() < 250.0, "{deviation}");
        assert!(all.iter().all(|it| it.phase != 1), "nobody comes in a phase without a rate");
    }

    fn two_apart(two: &[Arrival]) -> f64 {
        (two[1].at_us - two[0].at_us) as f64
    }
}
