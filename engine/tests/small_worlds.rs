//! Every short workload over two slots and two persons, cut wherever a crash can cut it.
//!
//! `make small-worlds LENGTH=n` goes further than `make test`. What is real and what is simulated,
//! and what the counts mean, is in `docs/testing.md`.
#![expect(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "tests")]

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use creneau::testing::small::act::{Act, Shape, is_canonical, orbit};
#[cfg(not(debug_assertions))]
use creneau::testing::small::chosen::CHOSEN;
use creneau::testing::small::crash::{Care, Counts, examine};
use creneau::testing::small::play::Pace;
use creneau::testing::small::{answers, every_workload, workloads};

const SHAPES: [Shape; 3] = [Shape::OneCalendar, Shape::TwoCalendars, Shape::OneDose];
const PACES: [Pace; 2] = [Pace::Brisk, Pace::Sleepy];

/// Acts of the longest workload that every run goes through.
const LENGTH: usize = 4;

/// What a run looks at: it may grow, and is changed here when it does.
#[cfg(not(debug_assertions))]
const LOOKED_AT: [(Shape, Pace, Counts); 6] = [
    (
        Shape::OneCalendar,
        Pace::Brisk,
        Counts {
            workloads: 3_059,
            stand_for: 12_014,
            boundaries: 12_672,
            tears: 846_168,
            states: 10_002_369,
            recoveries: 16_677,
        },
    ),
    (
        Shape::OneCalendar,
        Pace::Sleepy,
        Counts {
            workloads: 3_059,
            stand_for: 12_014,
            boundaries: 16_369,
            tears: 846_168,
            states: 18_040_546,
            recoveries: 27_967,
        },
    ),
    (
        Shape::TwoCalendars,
        Pace::Brisk,
        Counts {
            workloads: 4_350,
            stand_for: 17_104,
            boundaries: 20_415,
            tears: 1_774_692,
            states: 28_589_816,
            recoveries: 29_611,
        },
    ),
    (
        Shape::TwoCalendars,
        Pace::Sleepy,
        Counts {
            workloads: 4_350,
            stand_for: 17_104,
            boundaries: 26_748,
            tears: 1_774_692,
            states: 51_414_649,
            recoveries: 50_991,
        },
    ),
    (
        Shape::OneDose,
        Pace::Brisk,
        Counts {
            workloads: 3_870,
            stand_for: 15_184,
            boundaries: 16_110,
            tears: 2_060_372,
            states: 55_645_648,
            recoveries: 20_474,
        },
    ),
    (
        Shape::OneDose,
        Pace::Sleepy,
        Counts {
            workloads: 3_870,
            stand_for: 15_184,
            boundaries: 20_812,
            tears: 2_060_372,
            states: 96_819_488,
            recoveries: 34_356,
        },
    ),
];

struct Case {
    shape: Shape,
    pace: Pace,
    care: Care,
    workload: Vec<Act>,
}

/// Examines all cases, on all cores. Stops at the first broken promise.
fn examined(cases: &[Case]) -> Counts {
    let (next, failed) = (AtomicUsize::new(0), AtomicBool::new(false));
    let sum = Mutex::new(Counts::default());
    let run = || {
        while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
            let Case { shape, pace, care, workload } = case;
            match examine(*shape, *pace, *care, workload) {
                Ok(found) => sum.lock().unwrap().add(&found),
                Err(what) => {
                    failed.store(true, Ordering::Relaxed);
                    panic!("{what}");
                }
            }
            if failed.load(Ordering::Relaxed) {
                return;
            }
        }
    };
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(run);
        }
    });
    sum.into_inner().unwrap()
}

fn all_of(shape: Shape, pace: Pace, length: usize) -> Counts {
    let all = workloads(shape, length).into_iter();
    let cases: Vec<_> =
        all.map(|workload| Case { shape, pace, care: Care::Edges, workload }).collect();
    let counts = examined(&cases);
    println!("{shape:?}, {pace:?}, up to {length} acts: {counts:?}");
    counts
}

/// Optimised builds alone look at everything: `make test-sim`.
#[test]
fn the_shortest_workloads_survive_every_crash() {
    let counts = SHAPES.map(|shape| all_of(shape, Pace::Brisk, 2));
    assert_eq!(counts.map(|counts| counts.stand_for), [67, 82, 82]);
}

#[test]
#[cfg(not(debug_assertions))]
fn every_short_workload_survives_every_crash() {
    let found = LOOKED_AT.map(|(shape, pace, _)| all_of(shape, pace, LENGTH));
    assert_eq!(found, LOOKED_AT.map(|(_, _, expected)| expected));
}

/// Not a check by itself: `make small-worlds LENGTH=5` looks at longer workloads.
#[test]
fn longer_workloads_when_asked_for() {
    let Some(length) = std::env::var("CRENEAU_SMALL_WORLDS").ok() else { return };
    let length = length.parse().unwrap();
    for shape in SHAPES {
        for pace in PACES {
            all_of(shape, pace, length);
        }
    }
}

/// Cut after each of their acts, torn at every byte, under every mark.
#[test]
#[cfg(not(debug_assertions))]
fn chosen_workloads_survive_every_byte() {
    let mut names = BTreeSet::new();
    let mut cases = Vec::new();
    for chosen in CHOSEN {
        assert!(names.insert(chosen.name) && LENGTH < chosen.acts.len(), "{}", chosen.name);
        for pace in PACES {
            cases.extend((1..=chosen.acts.len()).map(|end| Case {
                shape: chosen.shape,
                pace,
                care: Care::Bytes,
                workload: chosen.acts[..end].to_vec(),
            }));
        }
    }
    let counts = examined(&cases);
    println!("{} chosen workloads: {counts:?}", CHOSEN.len());
    let expected = Counts {
        workloads: 302,
        stand_for: 1_184,
        boundaries: 2_667,
        tears: 1_461_356,
        states: 58_150_402,
        recoveries: 46_724,
    };
    assert_eq!((CHOSEN.len(), counts), (20, expected));
}

/// Under other names a workload is the same workload: whoever looks at one of an orbit has looked
/// at all of it.
#[test]
fn names_make_no_difference() {
    for shape in SHAPES {
        for length in 1..=LENGTH {
            let all = every_workload(shape, length);
            let every: BTreeSet<_> = all.iter().cloned().collect();
            assert_eq!(every.len(), all.len(), "no workload is listed twice");
            let kept = workloads(shape, length);
            let kept: Vec<_> = kept.iter().filter(|it| it.len() == length).collect();
            // Orbits do not overlap, and together they are all there is.
            let mut covered = BTreeSet::new();
            for workload in &kept {
                for image in orbit(workload, shape) {
                    assert!(covered.insert(image), "{workload:?}");
                }
            }
            assert_eq!(covered, every, "{shape:?}, {length} acts");
            assert!(kept.len() < every.len() && kept.iter().all(|it| is_canonical(it, shape)));
        }
        // The engine itself tells no difference, but for the names in its answers.
        let engine_acts = if cfg!(debug_assertions) { 2 } else { 3 };
        for workload in workloads(shape, engine_acts) {
            let told = answers(shape, Pace::Brisk, &workload).unwrap();
            for image in orbit(&workload, shape) {
                let again = answers(shape, Pace::Brisk, &image).unwrap();
                assert_eq!(again, told, "{workload:?} as {image:?}");
            }
        }
    }
}
