//! The rules once more, told as simply as can be: one list of bookings, searched from end to end,
//! and hours looked up minute by minute with the two offsets of Paris written down.

use super::super::Calendar;
use super::super::calendar::Live;
use super::naive_waiting::Wisher;
use crate::booking::{By, Channel, Details, Mark, Offer, Standing, Visit};
use crate::ids::{HoldId, WishId};

pub(super) const MINUTE: i64 = 60_000;
pub(super) const DAY: i64 = 24 * 60 * MINUTE;
/// 2027-03-28T01:00:00Z: the clocks of Paris go from 02:00 to 03:00.
const CLOCKS_CHANGE: i64 = 1_806_195_600_000;

/// What is set about a calendar.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Rules {
    pub(super) grid: i64,
    pub(super) lanes: u16,
    pub(super) horizon: i64,
    /// Monday first, in minutes of the local day.
    pub(super) hours: [Vec<(i64, i64)>; 7],
    /// Local days since 1970 with hours of their own, in order.
    pub(super) exceptions: Vec<(i64, Vec<(i64, i64)>)>,
    /// First and last local day, every how many weeks counted from the Monday of which day, hours.
    pub(super) templates: Vec<Weeks>,
    /// From the one instant until the other.
    pub(super) absences: Vec<(i64, i64)>,
    /// Whether Easter Monday, 29 March 2027, is closed: the one holiday of these days.
    pub(super) easter: bool,
    /// Name, duration and buffer, in minutes, and who may book it when.
    pub(super) reasons: Vec<Times>,
    /// Minutes before its start from which on only the practice changes an appointment.
    pub(super) change_until: i64,
    /// Lanes of the practice alone.
    pub(super) overflow: u16,
    /// How often a slot may be held again after an expiry.
    pub(super) again: Option<u8>,
}

pub(super) type Times = (&'static str, i64, i64, Limits);

/// What a reason asks beyond its time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Limits {
    pub(super) patients: Option<Standing>,
    pub(super) visit: Visit,
    pub(super) notice: u32,
    pub(super) ahead: Option<u16>,
    pub(super) per_day: Option<u16>,
    pub(super) practice_only: bool,
}

/// Nothing.
pub(super) const FREE: Limits = Limits {
    patients: None,
    visit: Visit::InPerson,
    notice: 0,
    ahead: None,
    per_day: None,
    practice_only: false,
};

/// A template, told simply.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Weeks {
    pub(super) from: i64,
    pub(super) until: i64,
    pub(super) every: i64,
    pub(super) monday: i64,
    pub(super) hours: [Vec<(i64, i64)>; 7],
}

/// Easter Monday of 2027 in days since 1970.
const EASTER_MONDAY: i64 = 20_906;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum State {
    Held { deadline: i64, kinds: Vec<&'static str>, renewals: u8 },
    Booked,
    Marked(Mark),
    Ended(&'static str),
}

/// A booking, alive or not.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) id: HoldId,
    pub(super) calendar: usize,
    pub(super) person: &'static str,
    pub(super) reason: &'static str,
    pub(super) lane: u16,
    pub(super) start: i64,
    pub(super) until: i64,
    pub(super) state: State,
    pub(super) how: How,
    /// Whether it was offered, and for which appointment.
    pub(super) offer: Option<Offer>,
    /// For what its person waited who was offered it.
    pub(super) wish: Option<WishId>,
    /// The calendars that it has left.
    pub(super) left: Vec<usize>,
}

impl Line {
    pub(super) fn is_live(&self) -> bool {
        !matches!(self.state, State::Ended(_))
    }

    fn mark(&self) -> Option<Mark> {
        match self.state {
            State::Marked(mark) => Some(mark),
            _ => None,
        }
    }

    fn deadline(&self) -> Option<i64> {
        match self.state {
            State::Held { deadline, .. } => Some(deadline),
            _ => None,
        }
    }

    /// Whether this is what the calendar has.
    pub(super) fn is(&self, live: &Live) -> bool {
        let (booking, span) = (&live.booking, live.booking.span);
        self.is_live()
            && self.id == booking.id
            && self.person == booking.person.as_str()
            && self.reason == booking.reason.id.as_str()
            && (self.lane, self.start) == (span.lane, span.start.millis())
            && self.until == span.occupied_until.millis()
            && self.deadline() == live.deadline().map(crate::Timestamp::millis)
            && Details { offer: self.offer, wish: self.wish, ..self.how.details() }
                == *booking.details
            && self.mark() == live.mark
    }
}

/// Who books, and how.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct How {
    pub(super) booked_by: Option<&'static str>,
    pub(super) standing: Option<Standing>,
    pub(super) by_video: bool,
}

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Who {
    Unsaid,
    Person(&'static str),
    Practice,
}

impl Who {
    pub(super) fn by(self) -> By {
        match self {
            Self::Unsaid => By::Unsaid,
            Self::Person(person) => By::Person(person.parse().unwrap()),
            Self::Practice => By::Practice,
        }
    }
}

impl How {
    pub(super) fn details(self) -> Details {
        Details {
            booked_by: self.booked_by.map(|person| person.parse().unwrap()),
            standing: self.standing,
            by_video: self.by_video,
            channel: Channel::Online,
            offer: None,
            ..Details::default()
        }
    }
}

/// What is asked of a slot.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) person: &'static str,
    pub(super) reason: &'static str,
    pub(super) start: i64,
    pub(super) lane: u16,
    pub(super) kinds: Vec<&'static str>,
    pub(super) how: How,
    pub(super) who: Who,
    pub(super) overflow: bool,
    pub(super) offer: Option<Offer>,
}

pub(super) type Told = Result<&'static str, &'static str>;

/// Two calendars and everything that was ever booked in them.
#[derive(Clone)]
pub(super) struct Naive {
    pub(super) rules: [Rules; 2],
    pub(super) lines: Vec<Line>,
    /// Calendar, person and start of holds that ran out.
    pub(super) lapsed: Vec<(usize, &'static str, i64)>,
    /// The local day on which each is late, and by how many minutes.
    pub(super) late: [Option<(i64, u16)>; 2],
    /// Who waits, in order.
    pub(super) wishers: Vec<Wisher>,
    pub(super) now: i64,
}

/// The day since 1970 and the minute of the day that the clock shows in Paris.
pub(super) fn local(instant: i64) -> (i64, i64) {
    let offset = if instant < CLOCKS_CHANGE { 60 } else { 120 };
    let minutes = instant.div_euclid(MINUTE) + offset;
    (minutes.div_euclid(24 * 60), minutes.rem_euclid(24 * 60))
}

impl Rules {
    fn is_open_at(&self, instant: i64) -> bool {
        let (day, minute) = local(instant);
        // The first of January 1970 was a Thursday.
        let weekday = usize::try_from((day + 3).rem_euclid(7)).unwrap();
        let within = |hours: &[(i64, i64)]| hours.iter().any(|it| (it.0..it.1).contains(&minute));
        if self.absences.iter().any(|(from, until)| (*from..*until).contains(&instant)) {
            return false;
        }
        if let Some((_, hours)) = self.exceptions.iter().find(|(date, _)| *date == day) {
            return within(hours);
        }
        if self.easter && day == EASTER_MONDAY {
            return false;
        }
        let counts = |it: &&Weeks| {
            let days = (day - (it.monday)).rem_euclid(it.every * 7);
            (it.from..=it.until).contains(&day) && days < 7
        };
        within(&self.hours[weekday])
            || self.templates.iter().filter(counts).any(|it| within(&it.hours[weekday]))
    }

    /// Whether every minute of every step that it touches is open.
    pub(super) fn is_open(&self, start: i64, until: i64) -> bool {
        let step = self.grid * MINUTE;
        let (mut minute, end) = (start.div_euclid(step) * step, until + (-until).rem_euclid(step));
        while minute < end {
            if !self.is_open_at(minute) {
                return false;
            }
            minute += MINUTE;
        }
        true
    }

    pub(super) fn limits(&self, reason: &str) -> Limits {
        let found = self.reasons.iter().find(|(name, ..)| *name == reason);
        found.map_or(FREE, |(.., limits)| *limits)
    }

    pub(super) fn times(&self, reason: &str) -> Option<i64> {
        let (_, duration, buffer, _) = self.reasons.iter().find(|(name, ..)| *name == reason)?;
        Some((duration + buffer) * MINUTE)
    }
}

impl Naive {
    /// What can still be asked about: a calendar forgets appointments of more than a day ago.
    pub(super) fn remembered(&self) -> impl Iterator<Item = &Line> {
        let held = |line: &Line| line.deadline().is_some();
        self.lines.iter().filter(move |line| held(line) || self.now - DAY <= line.until)
    }

    pub(super) fn live(&self, calendar: usize) -> impl Iterator<Item = &Line> {
        self.remembered().filter(move |line| line.calendar == calendar && line.is_live())
    }

    pub(super) fn is_free(
        &self,
        calendar: usize,
        lane: u16,
        start: i64,
        until: i64,
        except: Option<HoldId>,
    ) -> bool {
        let mut minute = start;
        while minute < until {
            let takes = |line: &&Line| {
                line.is_live()
                    && (line.calendar, line.lane) == (calendar, lane)
                    && (line.start..line.until).contains(&minute)
            };
            if self.lines.iter().filter(takes).any(|line| Some(line.id) != except) {
                return false;
            }
            minute += MINUTE;
        }
        true
    }

    pub(super) fn next_deadline(&self, calendar: usize) -> Option<i64> {
        self.live(calendar).filter_map(Line::deadline).min()
    }

    pub(super) fn outside(&self, calendar: usize) -> Vec<HoldId> {
        let coming = self.live(calendar).filter(|line| self.now < line.until);
        let rules = &self.rules[calendar];
        let outside = coming.filter(|line| !rules.is_open(line.start, line.until));
        let mut outside: Vec<_> = outside.map(|line| (line.start, line.id)).collect();
        outside.sort_unstable();
        outside.into_iter().map(|(_, id)| id).collect()
    }

    /// When it would end, if it may start then.
    pub(super) fn place(
        &self,
        calendar: usize,
        reason: &str,
        start: i64,
        (how, who): (How, Who),
    ) -> Result<i64, &'static str> {
        let rules = &self.rules[calendar];
        let until = start + rules.times(reason).ok_or("UnknownReason")?;
        let limits = rules.limits(reason);
        let bound = who != Who::Practice;
        if bound && limits.practice_only {
            return Err("PracticeOnly");
        }
        if bound && limits.patients.is_some() && limits.patients != how.standing {
            return Err("PatientsOnly");
        }
        let other = if how.by_video { Visit::InPerson } else { Visit::Video };
        if limits.visit == other {
            return Err("VisitNotOffered");
        }
        if start % (rules.grid * MINUTE) != 0 {
            return Err("OffGrid");
        }
        if start < self.now {
            return Err("InThePast");
        }
        if bound && start - self.now < i64::from(limits.notice) * MINUTE {
            return Err("TooSoon");
        }
        let days = local(start).0 - local(self.now).0;
        let ahead = limits.ahead.map_or(rules.horizon, i64::from);
        if rules.horizon < days || bound && ahead < days {
            return Err("BeyondHorizon");
        }
        if rules.is_open(start, until) { Ok(until) } else { Err("OutsideOpenings") }
    }

    /// Whether the day has room for another one.
    pub(super) fn day(
        &self,
        calendar: usize,
        (reason, start): (&str, i64),
        who: Who,
        except: Option<HoldId>,
    ) -> Result<(), &'static str> {
        let same = |line: &&Line| {
            line.is_live()
                && line.calendar == calendar
                && line.reason == reason
                && local(line.start).0 == local(start).0
                && Some(line.id) != except
        };
        let count = self.lines.iter().filter(same).count();
        let full =
            self.rules[calendar].limits(reason).per_day.is_some_and(|n| usize::from(n) <= count);
        if full && who != Who::Practice { Err("DayFull") } else { Ok(()) }
    }

    fn claim(
        &self,
        calendar: usize,
        (lane, overflow): (u16, bool),
        (start, until): (i64, i64),
        except: Option<HoldId>,
    ) -> Result<(), &'static str> {
        let Rules { lanes, overflow: more, .. } = &self.rules[calendar];
        let all = if overflow { *lanes..lanes + more } else { 0..*lanes };
        let there = all.contains(&lane);
        let free = there && self.is_free(calendar, lane, start, until, except);
        if free { Ok(()) } else { Err("SlotTaken") }
    }

    pub(super) fn hold(&mut self, id: HoldId, calendar: usize, asked: &Asked, ms: i64) -> Told {
        let theirs = |line: &&Line| line.calendar == calendar && line.person == asked.person;
        let same = |line: &Line| (line.reason, line.start) == (asked.reason, asked.start);
        let lasts = |line: &Line| line.deadline().is_some_and(|deadline| self.now < deadline);
        // An offer for an appointment is one wherever it lies.
        let anywhere = matches!(asked.offer, Some(Offer::Appointment(_)));
        let same = |line: &Line| line.offer == asked.offer && (anywhere || same(line));
        if self.lines.iter().filter(theirs).any(|line| same(line) && lasts(line)) {
            return Ok("nothing");
        }
        let until = self.place(calendar, asked.reason, asked.start, (asked.how, asked.who))?;
        self.claim(calendar, (asked.lane, asked.overflow), (asked.start, until), None)?;
        let counts = |line: &Line| match &line.state {
            State::Held { kinds, .. } => kinds.iter().any(|kind| asked.kinds.contains(kind)),
            _ => false,
        };
        if self.lines.iter().filter(theirs).any(counts) {
            return Err("PersonHasHold");
        }
        self.day(calendar, (asked.reason, asked.start), asked.who, None)?;
        let key = (calendar, asked.person, asked.start);
        let lapsed = self.lapsed.iter().filter(|lapsed| **lapsed == key).count();
        let again = self.rules[calendar].again.map_or(usize::MAX, usize::from);
        if again < lapsed && asked.who != Who::Practice {
            return Err("HeldTooOften");
        }
        let Asked { person, reason, start, lane, kinds, how, offer, .. } = asked.clone();
        let state = State::Held { deadline: self.now + ms, kinds, renewals: 0 };
        let left = Vec::new();
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
            wish: None,
            left,
        });
        Ok("Held")
    }

    pub(super) fn find(&self, calendar: usize, id: HoldId) -> (Option<usize>, bool) {
        let here = |line: &Line| line.id == id && line.calendar == calendar;
        let left = |line: &Line| line.id == id && line.left.contains(&calendar);
        (self.lines.iter().position(here), self.lines.iter().any(left))
    }

    pub(super) fn confirm(&mut self, calendar: usize, id: HoldId, who: Who) -> Told {
        self.theirs(calendar, id, who)?;
        let (Some(place), _) = self.find(calendar, id) else {
            return if self.find(calendar, id).1 { Ok("nothing") } else { Err("UnknownHold") };
        };
        let line = &mut self.lines[place];
        match line.state {
            State::Held { deadline, .. }
                if self.now < deadline && matches!(line.offer, Some(Offer::Appointment(_))) =>
            {
                Err("IsOffer")
            }
            State::Ended("accepted") => Err("IsOffer"),
            State::Held { deadline, .. } if self.now < deadline => {
                line.state = State::Booked;
                Ok("Confirmed")
            }
            State::Held { .. } | State::Ended("expired") => Err("HoldExpired"),
            State::Ended("released") => Err("HoldReleased"),
            State::Booked | State::Marked(_) | State::Ended(_) => Ok("nothing"),
        }
    }

    pub(super) fn release(&mut self, calendar: usize, id: HoldId, who: Who) -> Told {
        self.theirs(calendar, id, who)?;
        let (Some(place), _) = self.find(calendar, id) else {
            let left = self.find(calendar, id).1;
            return Err(if left { "HoldConfirmed" } else { "UnknownHold" });
        };
        let line = &mut self.lines[place];
        let (end, told) = match line.state {
            State::Held { deadline, .. } if self.now < deadline => ("released", "Released"),
            State::Held { .. } => ("expired", "Expired"),
            State::Booked | State::Marked(_) | State::Ended("cancelled" | "accepted") => {
                return Err("HoldConfirmed");
            }
            State::Ended(_) => return Ok("nothing"),
        };
        line.state = State::Ended(end);
        if end == "expired" {
            self.lapse(place);
        }
        Ok(told)
    }

    /// Who booked it may change it, and so may the practice. Of what is over nothing is told.
    pub(super) fn theirs(&self, calendar: usize, id: HoldId, who: Who) -> Result<(), &'static str> {
        let Some(line) = self.find(calendar, id).0.map(|place| &self.lines[place]) else {
            return Ok(());
        };
        let others =
            matches!(who, Who::Person(by) if by != line.how.booked_by.unwrap_or(line.person));
        if others && line.is_live() { Err("NotYours") } else { Ok(()) }
    }

    pub(super) fn changeable(
        &self,
        calendar: usize,
        id: HoldId,
        who: Who,
    ) -> Result<usize, &'static str> {
        let place = self.find(calendar, id).0.ok_or("UnknownAppointment")?;
        let line = &self.lines[place];
        if matches!(line.state, State::Booked | State::Marked(_)) {
            self.theirs(calendar, id, who)?;
        }
        let late = line.start - self.now < self.rules[calendar].change_until * MINUTE;
        match line.state {
            State::Booked if self.now < line.start && late && who != Who::Practice => {
                Err("TooLate")
            }
            State::Booked if self.now < line.start => Ok(place),
            State::Booked | State::Marked(_) | State::Ended("cancelled") => Err("NotChangeable"),
            _ => Err("UnknownAppointment"),
        }
    }

    pub(super) fn cancel(&mut self, calendar: usize, id: HoldId, who: Who) -> Told {
        let cancelled = State::Ended("cancelled");
        if self.find(calendar, id).0.is_some_and(|place| self.lines[place].state == cancelled) {
            return Ok("nothing");
        }
        let place = self.changeable(calendar, id, who)?;
        self.lines[place].state = cancelled;
        Ok("Cancelled")
    }

    pub(super) fn shift(
        &mut self,
        (from, to): (usize, usize),
        id: HoldId,
        (start, lane): (i64, u16),
        who: Who,
    ) -> Told {
        let place = self.changeable(from, id, who)?;
        let line = &self.lines[place];
        if from == to && line.start == start {
            return Ok("nothing");
        }
        let until = self.place(to, line.reason, start, (line.how, who))?;
        self.claim(to, (lane, false), (start, until), Some(id))?;
        self.day(to, (line.reason, start), who, Some(id).filter(|_| from == to))?;
        let line = &mut self.lines[place];
        if from != to {
            line.left.push(from);
        }
        (line.calendar, line.lane, line.start, line.until) = (to, lane, start, until);
        Ok("Moved")
    }

    /// Ends what is due and says how many there were.
    pub(super) fn expire(&mut self, calendar: usize) -> usize {
        let now = self.now;
        let due = |line: &Line| {
            line.calendar == calendar && line.deadline().is_some_and(|deadline| deadline <= now)
        };
        let mut ended = Vec::new();
        for (place, line) in self.lines.iter_mut().enumerate() {
            if due(line) {
                line.state = State::Ended("expired");
                ended.push(place);
            }
        }
        ended.iter().for_each(|place| self.lapse(*place));
        ended.len()
    }

    /// A hold has run out: that counts where anything does.
    fn lapse(&mut self, place: usize) {
        let Line { calendar, person, start, offer, .. } = self.lines[place];
        if self.rules[calendar].again.is_some() && offer.is_none() {
            self.lapsed.push((calendar, person, start));
        }
    }

    /// Whether the calendar has what is in the list, and nothing else that is not long over.
    pub(super) fn agrees_with(&self, place: usize, calendar: &Calendar) -> bool {
        let recent = |live: &&Live| {
            let until = live.booking.span.occupied_until.millis();
            live.deadline().is_some() || self.now - DAY <= until
        };
        let same = |live: &Live| self.live(place).any(|line| line.is(live));
        calendar.live().filter(recent).all(same)
            && calendar.live().filter(recent).count() == self.live(place).count()
    }
}
