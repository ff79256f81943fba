//! Waiting lists, told as simply as the rest: what was not free before and is now, start by start,
//! is for the first who wants it.

use super::naive::{How, Line, MINUTE, Naive, State, Told, Who, local};
use crate::booking::{Offer, Visit};
use crate::ids::{HoldId, WishId};

/// Who waits, and for what.
#[derive(Clone, Debug)]
pub(super) struct Wisher {
    pub(super) id: WishId,
    pub(super) calendar: usize,
    pub(super) person: &'static str,
    pub(super) reason: &'static str,
    pub(super) how: How,
    pub(super) from: i64,
    pub(super) until: i64,
    /// Minutes of the local day.
    pub(super) hours: Option<(i64, i64)>,
    pub(super) instead_of: Option<HoldId>,
    pub(super) answer: i64,
    pub(super) passed: Vec<i64>,
}

impl Wisher {
    fn is_like(&self, other: &Self) -> bool {
        (self.calendar, self.person, self.reason, self.how, self.hours, self.instead_of)
            == (
                other.calendar,
                other.person,
                other.reason,
                other.how,
                other.hours,
                other.instead_of,
            )
    }
}

impl Naive {
    /// Before when it must start; none where there is nothing that it would take the place of.
    fn must_start_before(&self, wisher: &Wisher) -> Option<i64> {
        let line = self.lines.iter().find(|line| Some(line.id) == wisher.instead_of);
        match line.filter(|line| line.calendar == wisher.calendar) {
            Some(line) if line.state != State::Booked => None,
            Some(line) => Some(wisher.until.min(line.start)),
            None => Some(wisher.until),
        }
    }

    /// Those who wait for a calendar still.
    pub(super) fn waiting(&self, calendar: usize) -> impl Iterator<Item = &Wisher> {
        let waits = |wisher: &Wisher| {
            self.must_start_before(wisher).is_some_and(|before| self.now < before)
        };
        self.wishers.iter().filter(move |it| it.calendar == calendar && waits(it))
    }

    pub(super) fn wish(&mut self, wisher: Wisher) -> Told {
        if wisher.until <= wisher.from.max(self.now) {
            return Err("Invalid");
        }
        if self.waiting(wisher.calendar).any(|other| other.is_like(&wisher)) {
            return Ok("nothing");
        }
        let here =
            |line: &&Line| Some(line.id) == wisher.instead_of && line.calendar == wisher.calendar;
        if let Some(line) = self.lines.iter().find(here) {
            match line.state {
                State::Booked if line.start <= self.now => return Err("NotChangeable"),
                State::Marked(_) | State::Ended("cancelled") => return Err("NotChangeable"),
                State::Held { .. } => return Err("UnknownAppointment"),
                State::Booked if line.person != wisher.person => return Err("UnknownAppointment"),
                State::Booked if line.reason != wisher.reason => return Err("Invalid"),
                State::Booked | State::Ended(_) => {}
            }
        }
        let rules = &self.rules[wisher.calendar];
        rules.times(wisher.reason).ok_or("UnknownReason")?;
        let limits = rules.limits(wisher.reason);
        if limits.practice_only {
            return Err("PracticeOnly");
        }
        if limits.patients.is_some() && limits.patients != wisher.how.standing {
            return Err("PatientsOnly");
        }
        let other = if wisher.how.by_video { Visit::InPerson } else { Visit::Video };
        if limits.visit == other {
            return Err("VisitNotOffered");
        }
        if 3 <= self.waiting(wisher.calendar).filter(|it| it.person == wisher.person).count() {
            return Err("TooManyWishes");
        }
        self.wishers.push(wisher);
        Ok("Wished")
    }

    pub(super) fn withdraw(&mut self, calendar: usize, id: WishId, who: Who) -> Told {
        let found = self.waiting(calendar).find(|it| it.id == id).ok_or("UnknownWish")?;
        let asker = found.how.booked_by.unwrap_or(found.person);
        if matches!(who, Who::Person(by) if by != asker) {
            return Err("NotYours");
        }
        self.wishers.retain(|it| it.id != id);
        Ok("Withdrawn")
    }

    /// What became of offers, by how all of it was before.
    pub(super) fn answered(&mut self, before: &Self) {
        for (line, old) in self.lines.iter().zip(&before.lines) {
            let is_held = |line: &Line| matches!(line.state, State::Held { .. });
            let Some(wish) = line.wish.filter(|_| is_held(old) && !is_held(line)) else { continue };
            let passed = matches!(line.state, State::Ended("released" | "expired"));
            self.wishers.retain_mut(|it| {
                if it.id == wish {
                    it.passed.push(line.start);
                }
                it.id != wish || passed && it.passed.len() < 3
            });
        }
    }

    /// What has come free in a calendar since it was as `before`: when and in which lane.
    fn come_free(&self, before: &Self, calendar: usize) -> Vec<(i64, u16)> {
        let step = self.rules[calendar].grid * MINUTE;
        let mut stretches = Vec::new();
        if before.rules[calendar] != self.rules[calendar] {
            stretches.push((self.now, self.now + 6 * 24 * 60 * MINUTE));
        }
        for (old, line) in before.lines.iter().zip(&self.lines) {
            let there = |line: &Line| (line.is_live(), line.calendar, line.lane, line.start);
            if old.calendar == calendar && there(old) != there(line) {
                stretches.push((old.start, old.until));
            }
        }
        let free = |naive: &Self, (start, lane): (i64, u16)| {
            let rules = &naive.rules[calendar];
            lane < rules.lanes
                && rules.is_open(start, start + step)
                && naive.is_free(calendar, lane, start, start + MINUTE, None)
        };
        let mut found = Vec::new();
        for (from, until) in stretches {
            let mut start = from + (-from).rem_euclid(step);
            while start < until {
                let lanes = (0..self.rules[calendar].lanes).map(|lane| (start, lane));
                found.extend(lanes.filter(|at| free(self, *at) && !free(before, *at)));
                start += step;
            }
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    /// Offers what has come free: person, lane and start of each offer, which `id` names.
    pub(super) fn offer_freed(
        &mut self,
        before: &Self,
        calendar: usize,
        mut id: impl FnMut() -> HoldId,
    ) -> Vec<(&'static str, u16, i64)> {
        let waiting: Vec<Wisher> = self.waiting(calendar).cloned().collect();
        if waiting.is_empty() {
            return Vec::new();
        }
        let free = self.come_free(before, calendar);
        let mut offers = Vec::new();
        for wisher in waiting {
            if let Some((start, lane, until)) = self.first_for(&wisher, &free) {
                let Wisher { person, reason, how, answer, .. } = wisher;
                let deadline = self.now + answer;
                let state = State::Held { deadline, kinds: Vec::new(), renewals: 0 };
                let appointment = wisher.instead_of.map(|id| Offer::Appointment(id.into()));
                let (offer, wish) = (Some(appointment.unwrap_or(Offer::Person)), Some(wisher.id));
                let (id, left) = (id(), Vec::new());
                self.lines.push(Line {
                    id,
                    calendar,
                    person,
                    reason,
                    lane,
                    start,
                    until,
                    state,
                    how,
                    offer,
                    wish,
                    left,
                });
                offers.push((person, lane, start));
            }
        }
        offers
    }

    fn first_for(&self, wisher: &Wisher, free: &[(i64, u16)]) -> Option<(i64, u16, i64)> {
        let Wisher { calendar, person, reason, how, from, answer, .. } = *wisher;
        let before = self.must_start_before(wisher)?;
        let theirs = || self.live(calendar).filter(|line| line.person == person);
        if theirs().any(|line| matches!(line.state, State::Held { .. })) {
            return None;
        }
        free.iter().find_map(|(start, lane)| {
            let clock = local(*start).1;
            let hours = wisher.hours.is_none_or(|(from, until)| from <= clock && clock < until);
            if !hours || !(from.max(self.now + answer)..before).contains(start) {
                return None;
            }
            let until = self.place(calendar, reason, *start, (how, Who::Unsaid)).ok()?;
            if wisher.passed.iter().any(|passed| (passed - start).abs() < until - start) {
                return None;
            }
            self.day(calendar, (reason, *start), Who::Unsaid, wisher.instead_of).ok()?;
            let there = |line: &Line| {
                line.start < until && *start < line.until && Some(line.id) != wisher.instead_of
            };
            let free = self.is_free(calendar, *lane, *start, until, None);
            (free && !theirs().any(there)).then_some((*start, *lane, until))
        })
    }
}
