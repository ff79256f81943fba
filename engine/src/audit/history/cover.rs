//! Intervals of time that are asked whether they meet.

use super::Instant;

/// Closed intervals, made ready for questions.
#[derive(Clone, Debug, Default)]
pub(super) struct Cover {
    /// By their beginnings, each with the latest end of all up to it.
    intervals: Vec<(Instant, Instant)>,
}

impl Cover {
    pub(super) fn of(mut intervals: Vec<(Instant, Instant)>) -> Self {
        intervals.sort_unstable();
        let mut latest = 0;
        for (_, end) in &mut intervals {
            latest = latest.max(*end);
            *end = latest;
        }
        Self { intervals }
    }

    /// Whether one of them has an instant in common with `from..=until`.
    pub(super) fn meets(&self, from: Instant, until: Instant) -> bool {
        let begun = self.intervals.partition_point(|(start, _)| *start <= until);
        let last = begun.checked_sub(1).and_then(|place| self.intervals.get(place));
        last.is_some_and(|(_, latest)| from <= *latest)
    }
}

/// The stretches of time that lie in at least `least` of some closed intervals.
pub(super) fn layered(intervals: &[(Instant, Instant)], least: usize) -> Vec<(Instant, Instant)> {
    if least <= 1 {
        return intervals.to_vec();
    }
    // At the same instant, what begins comes before what ends.
    let mut edges: Vec<(Instant, bool)> = Vec::with_capacity(2 * intervals.len());
    for (start, end) in intervals {
        edges.extend([(*start, false), (*end, true)]);
    }
    edges.sort_unstable();
    let (mut depth, mut since, mut layers) = (0, 0, Vec::new());
    for (at, ends) in edges {
        if ends {
            if depth == least {
                layers.push((since, at));
            }
            depth -= 1;
        } else {
            depth += 1;
            if depth == least {
                since = at;
            }
        }
    }
    layers
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn covers_and_layers_are_what_they_say(
            intervals in prop::collection::vec((0u64..20, 0u64..6), 0..8),
            from in 0u64..25, len in 0u64..5, least in 1usize..4,
        ) {
            let intervals: Vec<_> = intervals.iter().map(|(at, len)| (*at, at + len)).collect();
            let holds = |at: u64, all: &[(u64, u64)]| {
                all.iter().filter(|(start, end)| *start <= at && at <= *end).count()
            };
            let layers = layered(&intervals, least);
            for at in 0..30 {
                prop_assert_eq!(holds(at, &layers) != 0, least <= holds(at, &intervals));
            }
            let met = (from..=from + len).any(|at| least <= holds(at, &intervals));
            prop_assert_eq!(Cover::of(layers).meets(from, from + len), met);
        }
    }
}
