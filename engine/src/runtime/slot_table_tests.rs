//! Laws of the slot table: by `proptest` against plain lists of steps, and, in a build with
//! `--cfg creneau_loom`, over every interleaving of a few threads.

use super::*;

fn range(first: u32, count: u16) -> StepRange {
    StepRange { first: Step(first), count }
}

#[cfg(not(creneau_loom))]
mod laws {
    use proptest::prelude::*;

    use super::*;

    const FIRST: u32 = 1_000;
    const END: u32 = 1_900;

    proptest! {
        /// Reservations, undoings and listings agree with a list of booleans.
        #[test]
        fn agrees_with_a_list(
            open in prop::collection::vec((FIRST..END, 1u32..300), 0..4),
            lanes in 1u16..4,
            asks in prop::collection::vec(
                (FIRST - 200..END + 200, 1u16..=128, any::<u16>()), 0..40,
            ),
            counted in 1u16..=128,
            asked_near in (
                FIRST - 200..END + 200, FIRST - 200..END + 200, FIRST - 200..END + 200, 0usize..9,
            ),
        ) {
            let stretches: Vec<_> =
                open.iter().map(|&(start, len)| (start, (start + len).min(END))).collect();
            let table: SlotTable = SlotTable::new(Step(FIRST), Step(END), lanes, &stretches);
            let is_open = |step: u32| stretches.iter().any(|&(s, e)| s <= step && step < e);
            let mut free: Vec<Vec<bool>> =
                (0..lanes).map(|_| (0..END + 400).map(is_open).collect()).collect();
            let mut won: Vec<(u16, Bits, StepRange)> = Vec::new();
            for (first, count, hint) in asks {
                let asked = range(first, count);
                let steps = first as usize..first as usize + usize::from(count);
                let fits = |lane: &Vec<bool>| lane[steps.clone()].iter().all(|free| *free);
                let expected = free.iter().any(fits);
                let lane = table.bits(asked).and_then(|bits| {
                    table.reserve(bits, hint).map(|lane| (lane, bits))
                });
                prop_assert_eq!(lane.is_some(), expected);
                if let Some((lane, bits)) = lane {
                    let lane_free = &mut free[usize::from(lane)];
                    prop_assert!(fits(lane_free));
                    lane_free[steps].fill(false);
                    won.push((lane, bits, asked));
                }
                // Every third is given back: by hand, or as if `apply` had freed it.
                if hint % 3 == 0 && let Some((lane, bits, asked)) = won.pop() {
                    if hint % 2 == 0 { table.undo(lane, bits) } else { table.free(lane, bits) }
                    let steps = asked.first.0 as usize..asked.end().0 as usize;
                    free[usize::from(lane)][steps].fill(true);
                }
            }
            let listed = table.free_starts(Step(FIRST), Step(END), counted, usize::MAX);
            let mut expected = Vec::new();
            for first in FIRST..END {
                let steps = first as usize..first as usize + usize::from(counted);
                let lanes = free.iter().filter(|lane| lane[steps.clone()].iter().all(|f| *f));
                let lanes = u16::try_from(lanes.count()).unwrap();
                if 0 < lanes {
                    expected.push((Step(first), lanes));
                }
            }
            prop_assert_eq!(&listed, &expected);
            let (centre, from, until, wanted) = asked_near;
            let near = table.nearest(Step(centre), (Step(from), Step(until)), counted, wanted);
            expected.retain(|(step, _)| (from..until).contains(&step.0) && step.0 != centre);
            expected.sort_by_key(|(step, _)| step.0.abs_diff(centre));
            expected.truncate(wanted);
            prop_assert_eq!(near, expected);
        }

        #[test]
        fn without_takes_away_what_both_have(
            one in (FIRST..END - 128, 1u16..=128), other in (FIRST..END - 128, 1u16..=128),
        ) {
            let table: SlotTable = SlotTable::new(Step(FIRST), Step(END), 1, &[(FIRST, END)]);
            let (one, other) = (range(one.0, one.1), range(other.0, other.1));
            let rest = table.bits(one).unwrap().without(table.bits(other).unwrap());
            prop_assert!(table.reserve_in(0, rest));
            for step in FIRST..END {
                let taken = !table.reserve_in(0, table.bits(range(step, 1)).unwrap());
                let step = range(step, 1);
                prop_assert_eq!(taken, step.overlaps(one) && !step.overlaps(other));
            }
        }
    }

    #[test]
    fn freed_time_outside_the_hours_stays_closed() {
        let table: SlotTable = SlotTable::new(Step(0), Step(256), 1, &[(10, 20)]);
        let bits = table.bits(range(15, 10)).unwrap();
        table.occupy(0, Step(15), Step(25));
        table.free(0, bits);
        assert_eq!(table.free_starts(Step(0), Step(256), 10, 9), [(Step(10), 1)]);
        assert_eq!(table.free_starts(Step(0), Step(256), 11, 9), []);
    }

    #[test]
    fn a_thousand_rounds_of_two_threads_have_one_winner() {
        for round in 0..1_000u32 {
            let table: SlotTable = SlotTable::new(Step(0), Step(512), 1, &[(0, 512)]);
            let both = std::sync::Barrier::new(2);
            let ask = |first: u32| {
                let bits = table.bits(range(first, 20)).unwrap();
                both.wait();
                table.reserve(bits, 0).is_some()
            };
            let won = std::thread::scope(|scope| {
                let other = scope.spawn(|| ask(120));
                let own = ask(101 + round % 38);
                u32::from(own) + u32::from(other.join().unwrap())
            });
            assert_eq!(won, 1);
        }
    }
}

/// Over every interleaving. Words have 64 bits here, so steps 60 to 68 cross into the next.
#[cfg(creneau_loom)]
mod loom_models {
    use loom::sync::Arc;
    use loom::thread;

    use super::*;

    fn table(lanes: u16) -> Arc<SlotTable> {
        Arc::new(SlotTable::new(Step(0), Step(192), lanes, &[(0, 192)]))
    }

    fn ask(table: &SlotTable, first: u32, count: u16) -> Option<(u16, Bits)> {
        let bits = table.bits(range(first, count)).unwrap();
        table.reserve(bits, 0).map(|lane| (lane, bits))
    }

    /// The two meet in the second word of one of them, whose first must be given back.
    #[test]
    fn loom_a_claim_lost_in_its_second_word_leaves_the_first() {
        loom::model(|| {
            let table = table(1);
            let other = table.clone();
            let other = thread::spawn(move || ask(&other, 62, 6).is_some());
            let own = ask(&table, 66, 4).is_some();
            let other = other.join().unwrap();
            assert!(own != other, "exactly one wins");
            let first_word_free = ask(&table, 62, 2).is_some();
            assert_eq!(first_word_free, own, "free if and only if its claim was lost");
        });
    }

    /// Both cross into the second word.
    #[test]
    fn loom_claims_that_cross_never_both_win() {
        loom::model(|| {
            let table = table(1);
            let other = table.clone();
            let other = thread::spawn(move || ask(&other, 63, 3).is_some());
            let own = ask(&table, 61, 6).is_some();
            let other = other.join().unwrap();
            assert!(own != other, "they meet in the first word, so exactly one wins");
        });
    }

    #[test]
    fn loom_one_word_has_exactly_one_winner() {
        loom::model(|| {
            let table = table(1);
            let threads: Vec<_> = [10, 12]
                .map(|first| {
                    let table = table.clone();
                    thread::spawn(move || ask(&table, first, 4).is_some())
                })
                .into_iter()
                .collect();
            let own = ask(&table, 11, 4).is_some();
            let others = threads.into_iter().map(|thread| thread.join().unwrap());
            let won = others.filter(|won| *won).count() + usize::from(own);
            assert!(1 <= won && won <= 2, "10 and 12 overlap; one of the three must win");
        });
    }

    #[test]
    fn loom_an_undone_claim_leaves_nothing() {
        loom::model(|| {
            let table = table(1);
            let other = table.clone();
            let other = thread::spawn(move || {
                if let Some((lane, bits)) = ask(&other, 62, 6) {
                    other.undo(lane, bits);
                }
            });
            if let Some((lane, bits)) = ask(&table, 60, 4) {
                table.undo(lane, bits);
            }
            other.join().unwrap();
            assert_eq!(table.free_starts(Step(0), Step(128), 1, 999).len(), 128);
        });
    }

    #[test]
    fn loom_two_lanes_take_two() {
        loom::model(|| {
            let table = table(2);
            let other = table.clone();
            let other = thread::spawn(move || ask(&other, 5, 2).map(|(lane, _)| lane));
            let own = ask(&table, 5, 2).map(|(lane, _)| lane);
            let other = other.join().unwrap();
            assert!(own.is_some() && other.is_some() && own != other);
        });
    }
}
