//! Small worlds, searched exhaustively: two slots, two persons, every short workload, and every way
//! in which a crash can cut it.
//!
//! The engine is the real one, whole, on a recorded disk: [`play`] has it serve a workload and
//! holds every answer against [`spec`]; [`crash`] has the power fail wherever it can and opens
//! the engine on what is left. What recovers must be a prefix of what was asked that holds all
//! that was acknowledged, seen through every question that can be asked, and asking again under the
//! same name must give the one outcome.
//!
//! - [`act`]: what can be asked, and which workloads are the same up to names.
//! - [`spec`]: what is promised.
//! - [`chosen`]: longer workloads, each with a reason.

pub mod act;
pub mod chosen;
pub mod crash;
mod dose;
pub mod play;
pub mod spec;
mod tape;

use act::{Act, Shape};
use spec::{Said, Spec};

/// Every workload of at most `length` acts that stands for its orbit, shortest first. The empty one
/// is not among them.
#[must_use]
pub fn workloads(shape: Shape, length: usize) -> Vec<Vec<Act>> {
    let mut all = Vec::new();
    let mut last = vec![(Vec::new(), Spec::new(shape))];
    for _ in 0..length {
        let longer = extended(&last, |workload| act::is_canonical(workload, shape));
        all.extend(longer.iter().map(|(workload, _)| workload.clone()));
        last = longer;
    }
    all
}

/// Every workload of exactly `length` acts, under all names.
#[must_use]
pub fn every_workload(shape: Shape, length: usize) -> Vec<Vec<Act>> {
    let mut last = vec![(Vec::new(), Spec::new(shape))];
    for _ in 0..length {
        last = extended(&last, |_| true);
    }
    last.into_iter().map(|(workload, _)| workload).collect()
}

/// What the engine says to each act, without the names of persons, slots and calendars.
///
/// # Errors
///
/// The first answer that is not the one promised.
pub fn answers(shape: Shape, pace: play::Pace, workload: &[Act]) -> Result<Vec<Said>, String> {
    let nameless = |said: Said| match said {
        Said::Hold { booking, fresh, .. } => Said::Hold { booking, person: 0, slot: 0, fresh },
        Said::Appointment { booking, lane, cancelled, fresh, .. } => {
            Said::Appointment { booking, slot: 0, lane, cancelled, fresh }
        }
        Said::Changed { version, lanes, .. } => Said::Changed { calendar: 0, version, lanes },
        other => other,
    };
    Ok(play::play(shape, pace, workload)?.said.into_iter().map(nameless).collect())
}

type Told = (Vec<Act>, Spec);

fn extended(workloads: &[Told], keep: impl Fn(&[Act]) -> bool) -> Vec<Told> {
    let mut longer = Vec::new();
    for (workload, spec) in workloads {
        for act in spec.options() {
            let mut workload = workload.clone();
            workload.push(act);
            if keep(&workload) {
                let mut spec = spec.clone();
                spec.act(act);
                longer.push((workload, spec));
            }
        }
    }
    longer
}
