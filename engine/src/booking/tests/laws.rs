//! Random commands to two calendars and to the [`naive`](super::naive) rules: both must say the
//! same, and what they have afterwards must be the same. The days are those around the night of
//! 28 March 2027, on which the clocks of Paris go forward.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{TestCaseError, TestRunner};

use super::super::decide::decide_move;
use super::super::practice::decide_accept;
use super::super::{
    Booking, Calendar, Command, Details, Event, Freed, Guard, GuardScope, Interval, Offer,
    Rejection, Span, WeeklyHours, Wish, invariants,
};
use super::acts::{Act, FRIDAY, HOURS, Part, Pick, REASONS, act, minutes, reasons};
use super::naive::{Asked, DAY, How, MINUTE, Naive, Rules, Who};
use super::naive_waiting::Wisher;
use super::world::HOLD_MS;
use super::{daily, definition, said};
use crate::ids::{CalendarId, HoldId, PersonId, ReasonId, WishId};
use crate::time::Timestamp;

/// The calendars under test, the rules as they are told simply, and the journal of it all.
struct Twins {
    calendars: [Calendar; 2],
    naive: Naive,
    journal: Vec<Event>,
    issued: u128,
    /// How often each outcome was met.
    met: BTreeMap<String, u32>,
}

type Decided = Result<Vec<Event>, Rejection>;

const SELF: How = How { booked_by: None, standing: None, by_video: false };

impl Twins {
    fn new() -> Self {
        let now = Timestamp::from_millis(FRIDAY + 6 * 60 * MINUTE);
        let create = |(bits, grid_minutes, preset): (u128, u8, usize)| {
            let mut definition = definition("");
            definition.grid_minutes = grid_minutes;
            definition.lanes = 3;
            definition.horizon_days = 3;
            definition.weekly_hours = daily(HOURS[0]);
            definition.reasons = reasons(preset);
            definition.agenda.change_until_minutes = if preset == 0 { 0 } else { 240 };
            definition.agenda.overflow_lanes = 1;
            definition.agenda.holds_again = Some(0).filter(|_| preset == 0);
            Calendar::create(CalendarId::from_bits(bits), definition, now).unwrap()
        };
        let journal = [(1, 15, 0), (2, 5, 3)].map(create);
        let rules = |(grid, preset): (i64, usize)| Rules {
            grid,
            lanes: 3,
            horizon: 3,
            hours: [HOURS[0]; 7].map(minutes),
            exceptions: Vec::new(),
            templates: Vec::new(),
            absences: Vec::new(),
            easter: false,
            reasons: REASONS[preset].to_vec(),
            change_until: if preset == 0 { 0 } else { 240 },
            overflow: 1,
            again: Some(0).filter(|_| preset == 0),
        };
        let calendars = [0, 1].map(|place: usize| Calendar::created(&journal[place]).unwrap());
        let naive = Naive {
            rules: [(15, 0), (5, 3)].map(rules),
            lines: Vec::new(),
            lapsed: Vec::new(),
            late: [None; 2],
            wishers: Vec::new(),
            now: now.millis(),
        };
        Self { calendars, naive, journal: journal.to_vec(), issued: 0, met: BTreeMap::new() }
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.naive.now)
    }

    /// A booking and the calendar to ask; where there is none yet, one that nobody knows.
    fn picked(&self, Pick(which, other): &Pick) -> (usize, HoldId) {
        // What lives stands in the list twice, so that half of the commands reach it.
        let live = [0, 1].into_iter().flat_map(|place| self.naive.live(place));
        let lines: Vec<_> = live.chain(self.naive.remembered()).collect();
        if lines.is_empty() {
            return (0, HoldId::from_bits(u128::MAX));
        }
        let line = which.get(&lines);
        (if *other { 1 - line.calendar } else { line.calendar }, line.id)
    }

    /// Decides twice, as what lives and as what its snapshot restores.
    fn decide(&self, place: usize, command: &Command) -> Result<Decided, TestCaseError> {
        let (calendar, now) = (&self.calendars[place], self.now());
        let restored = Calendar::restored(calendar.snapshot()).unwrap();
        prop_assert_eq!(restored.snapshot(), calendar.snapshot());
        let decided = calendar.decide(command, now);
        prop_assert_eq!(&restored.decide(command, now), &decided);
        if let (Command::Hold { person, .. }, Err(Rejection::PersonHasHold { hold })) =
            (command, &decided)
        {
            let named =
                |line: &super::naive::Line| line.id == *hold && line.person == person.as_str();
            prop_assert!(self.naive.live(place).any(named), "it names a hold of theirs");
        }
        Ok(decided)
    }

    fn hold(&mut self, place: usize, asked: &Asked) -> Result<(Decided, String), TestCaseError> {
        let hold = self.next_hold();
        let guard = |kind: &&str| Guard { kind: (*kind).into(), scope: GuardScope::Calendar };
        let command = Command::Hold {
            hold,
            person: PersonId::new(asked.person).unwrap(),
            reason: ReasonId::new(asked.reason).unwrap(),
            start: Timestamp::from_millis(asked.start),
            lane: asked.lane,
            hold_ms: HOLD_MS,
            guards: asked.kinds.iter().map(guard).collect(),
            details: Details { offer: asked.offer, ..asked.how.details() },
            by: asked.who.by(),
            overflow: asked.overflow,
        };
        let decided = self.decide(place, &command)?;
        Ok((decided, word(self.naive.hold(hold, place, asked, HOLD_MS))))
    }

    /// Offers a slot for a booking, as the engine does: to its person, for its reason.
    fn offer_for(
        &mut self,
        pick: &Pick,
        to: usize,
        (start, lane): (i64, u16),
    ) -> Result<(Decided, String), TestCaseError> {
        let id = self.picked(pick).1;
        let line = self.naive.lines.iter().find(|line| line.id == id);
        let (person, reason, how) =
            line.map_or(("zoe", "visit", SELF), |line| (line.person, line.reason, line.how));
        let (kinds, who, overflow) = (Vec::new(), Who::Practice, false);
        let offer = Some(Offer::Appointment(id.into()));
        let asked = Asked { person, reason, start, lane, kinds, how, who, overflow, offer };
        self.hold(to, &asked)
    }

    fn accept(
        &mut self,
        (offer, of): (&Pick, &Pick),
        fitting: bool,
        who: Who,
    ) -> (Decided, String) {
        let (to, hold) = self.picked(offer);
        let lines = &self.naive.lines;
        let own = lines.iter().find(|line| line.id == hold).and_then(|line| match line.offer {
            Some(Offer::Appointment(id)) => Some(HoldId::from(id)),
            _ => None,
        });
        let (mut from, mut id) = self.picked(of);
        if let Some(own) = own.filter(|_| fitting) {
            let lies = lines.iter().find(|line| line.id == own);
            (from, id) = (lies.map_or(0, |line| line.calendar), own);
        }
        let target = (from != to).then_some(&self.calendars[to]);
        let decided =
            decide_accept(&self.calendars[from], target, (hold, id.into()), &who.by(), self.now());
        (decided, word(self.naive.accept((from, to), hold, id, who)))
    }

    fn set(
        &mut self,
        place: usize,
        part: &Part,
        seen: Option<bool>,
    ) -> Result<(Decided, String), TestCaseError> {
        let current = self.calendars[place].version();
        let version = seen.map(|right| current + u32::from(!right));
        let decided =
            self.decide(place, &Command::Change { change: Box::new(part.change()), version })?;
        let mut rules = self.naive.rules[place].clone();
        part.set(&mut rules);
        let told = if rules.lanes == 0 {
            "Invalid"
        } else if seen == Some(false) {
            "VersionMismatch"
        } else if rules == self.naive.rules[place] {
            "nothing"
        } else {
            if rules.again.is_none() {
                self.naive.lapsed.retain(|(calendar, ..)| *calendar != place);
            }
            self.naive.rules[place] = rules;
            "CalendarChanged"
        };
        Ok((decided, told.to_owned()))
    }

    fn step(&mut self, act: &Act) -> Result<(), TestCaseError> {
        let before = self.naive.clone();
        let (decided, told) = match act {
            Act::Wait(ms) => {
                self.naive.now += ms;
                return Ok(());
            }
            Act::WaitForDeadline(place, beside) => {
                let deadline = self.calendars[*place].next_deadline();
                let deadline = deadline.map_or(0, |deadline| deadline.millis() + beside);
                self.naive.now = self.naive.now.max(deadline);
                return Ok(());
            }
            Act::WaitForStart(pick, beside) => {
                let hold = self.picked(pick).1;
                let line = self.naive.lines.iter().find(|line| line.id == hold);
                let start = line.map_or(0, |line| line.start + beside);
                // Not to days ahead, where little is left to book.
                if start < self.naive.now + DAY {
                    self.naive.now = self.naive.now.max(start);
                }
                return Ok(());
            }
            Act::Restart => {
                self.calendars =
                    [0, 1].map(|at| Calendar::restored(self.calendars[at].snapshot()).unwrap());
                return Ok(());
            }
            Act::Hold(place, asked) => self.hold(*place, asked)?,
            Act::Set(place, part, seen) => self.set(*place, part, *seen)?,
            Act::Confirm(pick, who) => {
                let (place, hold) = self.picked(pick);
                let decided = self.decide(place, &Command::Confirm { hold, by: who.by() })?;
                (decided, word(self.naive.confirm(place, hold, *who)))
            }
            Act::Release(pick, who) => {
                let (place, hold) = self.picked(pick);
                let decided = self.decide(place, &Command::Release { hold, by: who.by() })?;
                (decided, word(self.naive.release(place, hold, *who)))
            }
            Act::Cancel(pick, who) => {
                let (place, hold) = self.picked(pick);
                let decided = self.decide(place, &Command::Cancel { hold, by: who.by() })?;
                (decided, word(self.naive.cancel(place, hold, *who)))
            }
            Act::Shift(pick, to, start, lane, who) => {
                let (from, hold) = self.picked(pick);
                let target = (from != *to).then_some(&self.calendars[*to]);
                let (of, when) = (&self.calendars[from], Timestamp::from_millis(*start));
                let decided =
                    decide_move(of, target, hold, when, (*lane, None), &who.by(), self.now());
                (decided, word(self.naive.shift((from, *to), hold, (*start, *lane), *who)))
            }
            Act::Expire(place) => {
                let decided = self.decide(*place, &Command::Expire)?;
                let ended = vec!["Expired"; self.naive.expire(*place)].join(" ");
                (decided, if ended.is_empty() { "nothing".to_owned() } else { ended })
            }
            act => self.practice_act(act)?,
        };
        prop_assert_eq!(said(&decided), told.as_str(), "{:?}", decided);
        *self.met.entry(told).or_default() += 1;
        self.naive.answered(&before);
        let freed = self.happened(decided.unwrap_or_default())?;
        freed.iter().enumerate().try_for_each(|(place, freed)| self.offer(&before, place, freed))
    }

    /// What a practice does beside booking.
    fn practice_act(&mut self, act: &Act) -> Result<(Decided, String), TestCaseError> {
        Ok(match act {
            Act::Renew(pick, who) => {
                let (place, hold) = self.picked(pick);
                let (by, hold_ms, renewals) = (who.by(), HOLD_MS, 1);
                let decided =
                    self.decide(place, &Command::Renew { hold, by, hold_ms, renewals })?;
                (decided, word(self.naive.renew(place, hold, *who, HOLD_MS)))
            }
            Act::Mark(pick, mark) => {
                let (place, hold) = self.picked(pick);
                let decided = self.decide(place, &Command::Mark { hold, mark: *mark })?;
                (decided, word(self.naive.mark(place, hold, *mark)))
            }
            Act::Delay(place, minutes) => {
                let decided = self.decide(*place, &Command::Delay { minutes: *minutes })?;
                (decided, word(self.naive.delay(*place, *minutes)))
            }
            Act::Wish(place, asked, hours, days, of) => {
                self.wish(*place, asked, (*hours, *days), of.as_ref())?
            }
            Act::Withdraw(which, other, who) => {
                let wishers = &self.naive.wishers;
                let known = (!wishers.is_empty()).then(|| which.get(wishers));
                let (at, wish) = known.map_or((0, WishId::from_bits(7)), |it| (it.calendar, it.id));
                let place = if *other { 1 - at } else { at };
                let decided = self.decide(place, &Command::Withdraw { wish, by: who.by() })?;
                (decided, word(self.naive.withdraw(place, wish, *who)))
            }
            Act::Offer(pick, to, start, lane) => self.offer_for(pick, *to, (*start, *lane))?,
            Act::Accept(offer, of, fitting, who) => self.accept((offer, of), *fitting, *who),
            act => unreachable!("{act:?} is booking"),
        })
    }

    /// Tells what has come free.
    fn happened(&mut self, events: Vec<Event>) -> Result<[Vec<Freed>; 2], TestCaseError> {
        let mut freed = [Vec::new(), Vec::new()];
        for event in events {
            for (calendar, freed) in self.calendars.iter_mut().zip(&mut freed) {
                freed.extend(calendar.freed_by(&event));
                calendar.apply(&event);
                prop_assert_eq!(invariants::check(calendar), Ok(()), "{:?}", event);
            }
            self.journal.push(event);
        }
        Ok(freed)
    }

    fn next_hold(&mut self) -> HoldId {
        self.issued += 1;
        // Identifiers are random: their order is not that of time.
        HoldId::from_bits(self.issued * 7_919 % 10_007)
    }

    fn wish(
        &mut self,
        place: usize,
        Asked { person, reason, how, .. }: &Asked,
        (hours, days): (Option<(u16, u16)>, i64),
        of: Option<&Pick>,
    ) -> Result<(Decided, String), TestCaseError> {
        self.issued += 1;
        let instead_of = of.map(|pick| self.picked(pick).1);
        let when = hours.and_then(|(from, until)| Interval::new(from, until));
        let wish = Wish {
            id: WishId::from_bits(self.issued),
            person: person.parse().unwrap(),
            booked_by: how.details().booked_by,
            reason: reason.parse().unwrap(),
            standing: how.standing,
            by_video: how.by_video,
            when: when.map(|it| WeeklyHours { days: std::array::from_fn(|_| vec![it]) }),
            from: self.now(),
            until: self.now().plus_ms(days * DAY),
            instead_of: instead_of.map(Into::into),
            answer_ms: HOLD_MS,
        };
        let wisher = Wisher {
            id: wish.id,
            calendar: place,
            person,
            reason,
            how: *how,
            from: self.naive.now,
            until: self.naive.now + days * DAY,
            hours: hours.map(|(from, until)| (from.into(), until.into())),
            instead_of,
            answer: HOLD_MS,
            passed: Vec::new(),
        };
        let decided = self.decide(place, &Command::Wish(Box::new(wish)))?;
        Ok((decided, word(self.naive.wish(wisher))))
    }

    /// What has come free is offered to the same people by both.
    fn offer(
        &mut self,
        before: &Naive,
        place: usize,
        freed: &[Freed],
    ) -> Result<(), TestCaseError> {
        let (now, calendar, mut ids) = (self.now(), self.calendars[place].clone(), Vec::new());
        let mut claim = |_: &Span| {
            ids.push(self.next_hold());
            ids.last().copied()
        };
        let offers = calendar.offers(freed, now, &mut claim);
        let restored = Calendar::restored(calendar.snapshot()).unwrap();
        let mut again = ids.clone().into_iter();
        prop_assert_eq!(&restored.offers(freed, now, &mut |_| again.next()), &offers);
        let told = |booking: &Booking| {
            let span = booking.span;
            (booking.person.to_string(), span.lane, span.start.millis())
        };
        let told: Vec<_> = offers.iter().filter_map(Event::booking).map(told).collect();
        let mut ids = ids.into_iter();
        let missing = HoldId::from_bits(u128::MAX);
        let naive = self.naive.offer_freed(before, place, || ids.next().unwrap_or(missing));
        let naive: Vec<_> =
            naive.into_iter().map(|(who, lane, start)| (who.to_owned(), lane, start)).collect();
        prop_assert_eq!(&told, &naive, "{:?}", freed);
        *self.met.entry("offered".to_owned()).or_default() += u32::try_from(told.len()).unwrap();
        self.happened(offers).map(|_| ())
    }

    /// What can be asked of the state has one answer, also at a time that was just asked for.
    fn agree(&self, probe: i64) -> Result<(), TestCaseError> {
        for (place, calendar) in self.calendars.iter().enumerate() {
            prop_assert!(self.naive.agrees_with(place, calendar), "{:?}", calendar.snapshot());
            let waiting = calendar.waiting_at(self.now());
            let waiting: Vec<_> = waiting.map(|it| (it.wish.id, it.passed.clone())).collect();
            let millis =
                |passed: &[i64]| passed.iter().map(|it| Timestamp::from_millis(*it)).collect();
            let naive = self.naive.waiting(place).map(|it| (it.id, millis(&it.passed)));
            prop_assert_eq!(waiting, naive.collect::<Vec<_>>());
            let deadline = calendar.next_deadline().map(Timestamp::millis);
            prop_assert_eq!(deadline, self.naive.next_deadline(place));
            let outside = calendar.outside(self.now());
            let outside: Vec<HoldId> = outside.iter().map(|live| live.booking.id).collect();
            prop_assert_eq!(outside, self.naive.outside(place));
            for (lane, minutes) in [(0, 15), (1, 45), (2, 5)] {
                let until = probe + minutes * MINUTE;
                let except = self.naive.live(place).next().map(|line| line.id);
                for except in [None, except] {
                    let instant = Timestamp::from_millis;
                    let free = calendar.is_free(lane, instant(probe), instant(until), except);
                    let naive = self.naive.is_free(place, lane, probe, until, except);
                    prop_assert_eq!(free, naive, "{} {}", lane, instant(probe));
                }
            }
        }
        Ok(())
    }

    /// The journal alone brings back the same state.
    fn replay(&self) -> Result<(), TestCaseError> {
        for calendar in &self.calendars {
            let own = |event: &&Event| event.calendars().any(|id| id == calendar.id());
            let mut events = self.journal.iter().filter(own);
            let mut replayed = Calendar::created(events.next().unwrap()).unwrap();
            events.for_each(|event| replayed.apply(event));
            prop_assert_eq!(replayed.snapshot(), calendar.snapshot());
        }
        Ok(())
    }
}

fn word(told: Result<&'static str, &'static str>) -> String {
    told.unwrap_or_else(|refused| refused).to_owned()
}

fn run(acts: &[Act]) -> Result<Twins, TestCaseError> {
    let mut twins = Twins::new();
    for act in acts {
        twins.step(act)?;
        let probe = match act {
            Act::Hold(_, Asked { start, .. }) | Act::Shift(_, _, start, ..) => *start,
            _ => FRIDAY + 8 * 60 * MINUTE,
        };
        twins.agree(probe.max(twins.naive.now.div_euclid(MINUTE) * MINUTE))?;
    }
    twins.replay()?;
    Ok(twins)
}

fn runs() -> impl Strategy<Value = Vec<Act>> {
    prop::collection::vec(act(), 10..120)
}

proptest! {
    #[test]
    fn a_calendar_keeps_the_rules(acts in runs()) {
        run(&acts)?;
    }
}

/// A law that random runs never touch would be kept by chance.
#[test]
fn random_runs_meet_every_outcome() {
    const OUTCOMES: &str = "Held Confirmed Released Expired Cancelled Moved CalendarChanged \
        nothing Invalid VersionMismatch UnknownHold UnknownAppointment HoldReleased HoldExpired \
        HoldConfirmed NotChangeable UnknownReason OffGrid InThePast BeyondHorizon \
        OutsideOpenings SlotTaken PersonHasHold NotYours TooLate PracticeOnly PatientsOnly \
        VisitNotOffered TooSoon DayFull Renewed Marked Delayed Accepted IsOffer RenewalsSpent \
        NotYet HeldTooOften Wished Withdrawn UnknownWish offered";
    let mut runner = TestRunner::deterministic();
    let mut met = BTreeMap::new();
    for _ in 0..1_200 {
        let acts = runs().new_tree(&mut runner).unwrap().current();
        for (outcome, times) in run(&acts).unwrap().met {
            *met.entry(outcome).or_insert(0) += times;
        }
    }
    for outcome in OUTCOMES.split_whitespace() {
        assert!(5 <= met.get(outcome).copied().unwrap_or(0), "{outcome}: {met:?}");
    }
}
