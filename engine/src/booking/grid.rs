//! The grid: the steps of a calendar's time on which appointments start.
//!
//! Steps are counted from the epoch on, so that a step means the same instant whatever the hours
//! and whatever the clocks do. The grid divides the hour; its anchor is what the calendar's zone
//! is off from UTC within one step, so that in a zone of half hours a grid of 60 minutes still
//! starts on the local hour.

use rkyv::{Archive, Deserialize, Serialize};

use crate::limits::STEPS_PER_RESERVATION_MAX;
use crate::time::Timestamp;

const MS_PER_MINUTE: i64 = 60_000;

/// A step of a grid, counted from the epoch.
#[derive(
    Archive, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash,
)]
pub struct Step(pub u32);

/// Consecutive steps: what a reservation claims in one lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StepRange {
    /// The first step.
    pub first: Step,
    /// How many, at most [`STEPS_PER_RESERVATION_MAX`].
    pub count: u16,
}

impl StepRange {
    /// The step after the last.
    #[must_use]
    pub const fn end(self) -> Step {
        Step(self.first.0.saturating_add(self.count as u32))
    }

    /// Whether the two have a step in common.
    #[must_use]
    pub fn overlaps(self, other: Self) -> bool {
        self.first < other.end() && other.first < self.end()
    }
}

/// The grid of one calendar; fixed for its life.
#[derive(Archive, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grid {
    minutes: u8,
    anchor: u8,
}

impl Grid {
    /// A grid of `minutes`, anchored so that it holds the start of the hour of a zone that is
    /// `offset_minutes` ahead of UTC.
    ///
    /// None when `minutes` does not divide 60.
    #[must_use]
    pub fn new(minutes: u8, offset_minutes: i32) -> Option<Self> {
        if minutes == 0 || 60 % minutes != 0 {
            return None;
        }
        let anchor = (-offset_minutes).rem_euclid(i32::from(minutes));
        Some(Self { minutes, anchor: u8::try_from(anchor).ok()? })
    }

    /// Minutes of one step.
    #[must_use]
    pub const fn minutes(self) -> u8 {
        self.minutes
    }

    const fn step_ms(self) -> i64 {
        self.minutes as i64 * MS_PER_MINUTE
    }

    const fn since_anchor(self, instant: Timestamp) -> i64 {
        instant.millis() - self.anchor as i64 * MS_PER_MINUTE
    }

    /// The step that holds `instant`.
    #[must_use]
    pub fn floor(self, instant: Timestamp) -> Step {
        let steps = self.since_anchor(instant).div_euclid(self.step_ms());
        Step(u32::try_from(steps.max(0)).unwrap_or(u32::MAX))
    }

    /// The first step that starts at `instant` or later.
    #[must_use]
    pub fn ceil(self, instant: Timestamp) -> Step {
        self.floor(instant.plus_ms(self.step_ms() - 1))
    }

    /// The step that starts exactly at `instant`, if one does.
    #[must_use]
    pub fn exact(self, instant: Timestamp) -> Option<Step> {
        let step = self.floor(instant);
        (self.start_of(step) == instant).then_some(step)
    }

    /// When `step` starts.
    #[must_use]
    pub const fn start_of(self, step: Step) -> Timestamp {
        Timestamp::from_millis(step.0 as i64 * self.step_ms() + self.anchor as i64 * MS_PER_MINUTE)
    }

    /// The steps that `minutes` take from `first` on; none when they are zero or too many.
    #[must_use]
    pub fn range(self, first: Step, minutes: u16) -> Option<StepRange> {
        let count = minutes.div_ceil(u16::from(self.minutes));
        let fits = 0 < count && count <= STEPS_PER_RESERVATION_MAX;
        fits.then_some(StepRange { first, count })
    }

    /// The steps that touch `start` to `end`, however many they are.
    #[must_use]
    pub fn covering(self, start: Timestamp, end: Timestamp) -> StepRange {
        let first = self.floor(start);
        let count = self.ceil(end).0.saturating_sub(first.0);
        StepRange { first, count: u16::try_from(count).unwrap_or(u16::MAX) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn divides_the_hour_and_fits_zones_of_odd_minutes() {
        for minutes in 0..=u8::MAX {
            let divides = minutes != 0 && 60 % minutes == 0;
            let known = Grid::new(minutes, 0).map(Grid::minutes);
            assert_eq!(known, divides.then_some(minutes));
        }
        // Nepal is 5:45 ahead: its 09:00 is 03:15 UTC.
        let grid = Grid::new(60, 345).unwrap();
        let nine: Timestamp = "2027-01-04T09:00:00+05:45".parse().unwrap();
        assert!(grid.exact(nine).is_some());
        assert_eq!(grid.exact(nine.plus_minutes(15)), None);
        assert_eq!(grid.start_of(grid.ceil(nine.plus_minutes(1))), nine.plus_minutes(60));
        assert_eq!(grid.start_of(grid.floor(nine.plus_minutes(59))), nine);
    }

    #[test]
    fn a_range_is_whole_steps() {
        let grid = Grid::new(5, 0).unwrap();
        assert_eq!(grid.range(Step(9), 11).unwrap().count, 3);
        assert_eq!(grid.range(Step(9), 0), None);
        assert_eq!(grid.range(Step(9), 641), None);
        assert_eq!(grid.range(Step(9), 640).unwrap().end(), Step(137));
    }
}
