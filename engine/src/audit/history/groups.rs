//! Groups of overlapping slots: whether their lanes hold what stays in them.
//!
//! A stay has a *footprint*: from the latest instant at which it can have begun to the earliest at
//! which it can have ended it was there for sure. Footprints in one lane must not overlap. A stay
//! whose end can come before its beginning must, needs an instant alone: one that lies in no
//! footprint.

use std::collections::{BTreeMap, HashMap};

use super::lives::Stay;
use super::{Broken, Call, History, Instant, Lanes, Place, Verdict, What, refusals};
use crate::ids::{CalendarId, HoldId};
use crate::time::Timestamp;

/// An attempt at a slot.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attempt<'a> {
    pub(super) place: Place,
    pub(super) call: &'a Call,
}

/// A stretch of a calendar that nothing reaches out of.
pub(super) struct Group<'a> {
    pub(super) lanes: Lanes,
    pub(super) stays: &'a [Stay],
    pub(super) attempts: &'a [Attempt<'a>],
    /// Where one cell ends and the next begins: between two of them nothing begins or ends.
    edges: Vec<Timestamp>,
}

/// Judges all groups.
pub(super) fn judge(history: &History, mut stays: Vec<Stay>, verdict: &mut Verdict) {
    let mut attempts: Vec<Attempt<'_>> = history
        .calls
        .iter()
        .filter_map(|call| match call.what {
            What::Hold(place) | What::Move(_, place) => Some(Attempt { place, call }),
            _ => None,
        })
        .collect();
    let by_place = |place: &Place| (place.calendar, place.start);
    stays.sort_by_key(|stay| by_place(&stay.place));
    attempts.sort_by_key(|attempt| by_place(&attempt.place));
    let (mut stays, mut attempts) = (stays.as_mut_slice(), attempts.as_mut_slice());
    while let Some((calendar, until)) = next_group(stays, attempts) {
        let is_in = |place: &Place| place.calendar == calendar && place.start < until;
        let some = stays.iter().take_while(|stay| is_in(&stay.place)).count();
        let (here, later) = std::mem::take(&mut stays).split_at_mut(some);
        let some = attempts.iter().take_while(|attempt| is_in(&attempt.place)).count();
        let (tried, later_tried) = std::mem::take(&mut attempts).split_at_mut(some);
        verdict.groups += 1;
        judge_group(history.lanes_of(calendar), here, tried, verdict);
        (stays, attempts) = (later, later_tried);
    }
}

/// The calendar of the next group, and where it ends.
fn next_group(stays: &[Stay], attempts: &[Attempt<'_>]) -> Option<(CalendarId, Timestamp)> {
    let mut stays = stays.iter().map(|stay| stay.place).peekable();
    let mut attempts = attempts.iter().map(|attempt| attempt.place).peekable();
    let mut reach: Option<(CalendarId, Timestamp)> = None;
    loop {
        let from_stays = match (stays.peek(), attempts.peek()) {
            (Some(stay), Some(attempt)) => {
                (stay.calendar, stay.start) <= (attempt.calendar, attempt.start)
            }
            (Some(_), None) => true,
            (None, Some(_)) => false,
            (None, None) => return reach,
        };
        let place = if from_stays { stays.next() } else { attempts.next() }?;
        match &mut reach {
            None => reach = Some((place.calendar, place.until)),
            Some((calendar, until)) if *calendar == place.calendar && place.start < *until => {
                *until = place.until.max(*until);
            }
            Some(_) => return reach,
        }
    }
}

fn judge_group(lanes: Lanes, stays: &mut [Stay], attempts: &[Attempt<'_>], verdict: &mut Verdict) {
    if lanes.most == 1 {
        stays.iter_mut().for_each(|stay| stay.place.lane = Some(0));
    }
    let mut edges: Vec<Timestamp> =
        stays.iter().flat_map(|stay| [stay.place.start, stay.place.until]).collect();
    edges.sort_unstable();
    edges.dedup();
    let group = Group { lanes, stays, attempts, edges };
    let busy = group.lanes_hold_one(verdict);
    group.lanes_are_enough(verdict);
    group.instants_are_free(&busy, verdict);
    refusals::judge(&group, verdict);
}

/// Footprints in each cell of each lane, in order of their beginnings: each with the latest end of
/// all up to it, and whose that is.
type Busy = HashMap<(u16, usize), Vec<(Instant, Instant, HoldId)>>;

/// What a stay needs for sure.
#[derive(Clone, Copy)]
enum Need {
    /// From an instant to another.
    Footprint(Instant, Instant),
    /// One instant between two, both included.
    Instant(Instant, Instant),
}

impl Stay {
    fn need(&self) -> Need {
        let Self { begins, ends, .. } = self;
        if begins.by < ends.from {
            return Need::Footprint(begins.by, ends.from);
        }
        Need::Instant(begins.from.max(ends.from), begins.by.min(ends.by))
    }
}

impl Group<'_> {
    /// The cells of a stretch.
    pub(super) fn cells(&self, place: &Place) -> std::ops::Range<usize> {
        let cell = |at: Timestamp| self.edges.partition_point(|edge| *edge < at);
        cell(place.start)..cell(place.until)
    }

    fn certain(&self) -> impl Iterator<Item = &Stay> {
        self.stays.iter().filter(|stay| stay.certain)
    }

    /// No two footprints in one lane overlap.
    fn lanes_hold_one(&self, verdict: &mut Verdict) -> Busy {
        let footprint = |stay: &Stay| match (stay.place.lane, stay.need()) {
            (Some(lane), Need::Footprint(from, until)) => {
                Some((from, until, lane, stay.place, stay.hold))
            }
            _ => None,
        };
        let mut footprints: Vec<_> = self.certain().filter_map(footprint).collect();
        footprints.sort_by_key(|(from, until, ..)| (*from, *until));
        let mut busy = Busy::new();
        for (from, until, lane, place, hold) in footprints {
            let mut told = false;
            for cell in self.cells(&place) {
                let before = busy.entry((lane, cell)).or_default();
                // What ends last need not be what began last, once something is wrong.
                let last = before.last().copied();
                let other = last.filter(|(_, end, other)| from < *end && *other != hold);
                if let Some((_, _, other)) = other.filter(|_| !told) {
                    told = true;
                    let about = || format!("{hold} and {other} in lane {lane}, {place:?}");
                    verdict.add(Broken::SoldTwice, from, &[hold, other], about);
                }
                let longer = last.filter(|(_, end, _)| until < *end);
                let (end, whose) = longer.map_or((until, hold), |(_, end, whose)| (end, whose));
                before.push((from, end, whose));
            }
        }
        busy
    }

    /// Where lanes are not known, there are at least enough of them. Those in one known lane are
    /// judged by [`Self::lanes_hold_one`], and need one lane together.
    fn lanes_are_enough(&self, verdict: &mut Verdict) {
        if self.lanes.most == 1 {
            return;
        }
        let mut edges: Vec<(Instant, bool, Place, HoldId)> = Vec::new();
        for stay in self.certain() {
            if let Need::Footprint(from, until) = stay.need() {
                edges.push((from, true, stay.place, stay.hold));
                edges.push((until, false, stay.place, stay.hold));
            }
        }
        // What ends at an instant makes room for what begins then.
        edges.sort_by_key(|(at, begins, ..)| (*at, *begins));
        let mut taken = vec![Taken::default(); self.edges.len()];
        for (at, begins, place, hold) in edges {
            let mut too_many: Option<Vec<HoldId>> = None;
            for cell in self.cells(&place) {
                let Some(cell) = taken.get_mut(cell) else { continue };
                cell.turn(place.lane, hold, begins);
                if begins && usize::from(self.lanes.most) < cell.lanes() {
                    too_many = too_many.or_else(|| Some(cell.all()));
                }
            }
            if let Some(all) = too_many {
                let (lanes, names) = (self.lanes.most, names(&all));
                let about = || format!("{names} at once in {lanes} lanes, {place:?}");
                verdict.add(Broken::SoldTwice, at, &all, about);
            }
        }
    }

    /// Each stay without a footprint has an instant at which its lane is free.
    fn instants_are_free(&self, busy: &Busy, verdict: &mut Verdict) {
        for stay in self.certain() {
            let (Some(lane), Need::Instant(from, by)) = (stay.place.lane, stay.need()) else {
                continue;
            };
            let mut at = from;
            let mut all = vec![stay.hold];
            // Each turn leaves a footprint behind.
            while let Some((end, whose)) = self.busy_until(busy, lane, &stay.place, at) {
                at = end;
                all.push(whose);
                if by < at {
                    break;
                }
            }
            if by < at {
                let (names, place) = (names(&all), stay.place);
                let about = || format!("no room for all of {names}, {place:?}");
                verdict.add(Broken::SoldTwice, from, &all, about);
            }
        }
    }

    /// Until when a footprint lasts that has begun before an instant and ends after it, and whose
    /// it is.
    fn busy_until(
        &self,
        busy: &Busy,
        lane: u16,
        place: &Place,
        at: Instant,
    ) -> Option<(Instant, HoldId)> {
        let ends = self.cells(place).filter_map(|cell| {
            let all = busy.get(&(lane, cell))?;
            let begun = all.partition_point(|(from, ..)| *from < at);
            let (_, end, whose) = all.get(begun.checked_sub(1)?)?;
            (at < *end).then_some((*end, *whose))
        });
        ends.max()
    }

    /// The latest instant at which each stay can have ended, by what came after it: where there is
    /// one lane, what cannot have come before it has begun after its end. What must then have ended
    /// before it can have does not fit beside another. That is told elsewhere; here each of them is
    /// left to explain what it can, so that no refusal is blamed for it.
    pub(super) fn latest_ends(&self) -> Vec<Instant> {
        let latest = self.stays.iter().map(|stay| stay.ends.by);
        if self.lanes.most != 1 {
            return latest.collect();
        }
        let mut cells: Vec<Vec<Follower>> = vec![Vec::new(); self.edges.len()];
        for (number, stay) in self.stays.iter().enumerate().filter(|(_, stay)| stay.certain) {
            let (ends, begins) = (stay.ends.from, stay.begins.by);
            for cell in self.cells(&stay.place) {
                if let Some(cell) = cells.get_mut(cell) {
                    cell.push(Follower { ends, first: (begins, number), second: Instant::MAX });
                }
            }
        }
        cells.iter_mut().for_each(|cell| Follower::accumulate(cell));
        let tightened = self.stays.iter().enumerate().map(|(number, stay)| {
            // What may not have been there at all has a start, but may be shorter than it is said.
            let reach = if stay.certain { usize::MAX } else { 1 };
            let next = self.cells(&stay.place).take(reach).filter_map(|cell| {
                let cell = cells.get(cell)?;
                let place = cell.partition_point(|it| it.ends <= stay.begins.by);
                let next = cell.get(place)?;
                let (begins, whose) = next.first;
                Some(if whose == number { next.second } else { begins })
            });
            let latest = stay.ends.by.min(next.min().unwrap_or(Instant::MAX));
            if stay.certain && latest < stay.ends.from { stay.ends.by } else { latest }
        });
        tightened.collect()
    }
}

/// What is in a cell at an instant.
#[derive(Clone, Default)]
struct Taken {
    /// Where the lane is known.
    known: BTreeMap<u16, Vec<HoldId>>,
    unknown: Vec<HoldId>,
}

impl Taken {
    /// Lets a stay in or out.
    fn turn(&mut self, lane: Option<u16>, hold: HoldId, begins: bool) {
        let there = match lane {
            Some(lane) => self.known.entry(lane).or_default(),
            None => &mut self.unknown,
        };
        if begins {
            there.push(hold);
        } else if let Some(place) = there.iter().position(|it| *it == hold) {
            there.swap_remove(place);
        }
        if let (true, Some(lane)) = (there.is_empty(), lane) {
            self.known.remove(&lane);
        }
    }

    /// How many lanes it takes at least.
    fn lanes(&self) -> usize {
        self.known.len() + self.unknown.len()
    }

    fn all(&self) -> Vec<HoldId> {
        self.known.values().flatten().chain(&self.unknown).copied().collect()
    }
}

fn names(holds: &[HoldId]) -> String {
    let names: Vec<String> = holds.iter().map(ToString::to_string).collect();
    names.join(", ")
}

/// A stay by its earliest end; of it and all with a later one, the earliest latest beginning, whose
/// that is, and the next.
#[derive(Clone, Copy)]
struct Follower {
    ends: Instant,
    first: (Instant, usize),
    second: Instant,
}

impl Follower {
    fn accumulate(cell: &mut [Self]) {
        cell.sort_unstable_by_key(|it| it.ends);
        let mut best: Option<((Instant, usize), Instant)> = None;
        for it in cell.iter_mut().rev() {
            let (own, other) = (it.first, best);
            let (first, second) = match other {
                None => (own, Instant::MAX),
                Some((first, _)) if own.0 < first.0 => (own, first.0),
                Some((first, second)) => (first, second.min(own.0)),
            };
            (it.first, it.second) = (first, second);
            best = Some((first, second));
        }
    }
}
