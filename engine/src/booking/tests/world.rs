//! Two calendars and a clock, to which stories are told in few words.

use std::collections::BTreeMap;

use super::super::decide::decide_move;
use super::super::{
    By, Calendar, Change, Command, Definition, Details, Event, Freed, Guard, Rejection, Span,
    invariants,
};
use super::{definition, said};
use crate::ids::{CalendarId, HoldId, PersonId, ReasonId};
use crate::time::Timestamp;

pub(super) const HOLD_MS: i64 = 15 * 60_000;

/// Monday 4 January 2027, at seven in the morning in Paris, and what happens from then on.
pub(super) struct World {
    pub(super) calendars: Vec<Calendar>,
    /// The calendar that is spoken to.
    pub(super) here: usize,
    pub(super) now: Timestamp,
    pub(super) guards: Vec<Guard>,
    /// What holds say beyond their slot.
    pub(super) details: Details,
    /// Who asks.
    pub(super) by: By,
    pub(super) ids: BTreeMap<String, HoldId>,
    /// Milliseconds that an offer to somebody who waits lasts.
    pub(super) answer_ms: i64,
    /// The number of the last offer to somebody who waits.
    made: u128,
}

/// What came of a command.
pub(super) struct Told(pub(super) Result<Vec<Event>, Rejection>);

impl Told {
    #[track_caller]
    pub(super) fn is(&self, expected: &str) {
        assert_eq!(said(&self.0), expected, "{:?}", self.0);
    }
}

/// `"09:00"` on that Monday, `"01-05 09:00"` on a date of 2027, in Paris in winter.
pub(super) fn at(when: &str) -> Timestamp {
    let (date, time) = when.split_once(' ').unwrap_or(("01-04", when));
    format!("2027-{date}T{time}:00+01:00").parse().unwrap()
}

impl World {
    /// Two calendars that are open from eight to twelve and from two to six.
    pub(super) fn new() -> Self {
        Self::of(definition("08:00-12:00 14:00-18:00"))
    }

    pub(super) fn of(definition: Definition) -> Self {
        let now = at("07:00");
        let calendar = |bits| {
            let id = CalendarId::from_bits(bits);
            Calendar::created(&Calendar::create(id, definition.clone(), now).unwrap()).unwrap()
        };
        let calendars = vec![calendar(1), calendar(2)];
        Self {
            calendars,
            here: 0,
            now,
            guards: vec![Guard::per_calendar()],
            details: Details::default(),
            by: By::Unsaid,
            ids: BTreeMap::new(),
            answer_ms: HOLD_MS,
            made: 1_000_000,
        }
    }

    /// Who has several holds gives each a name: `"ana"` and `"ana/2"` are one person.
    pub(super) fn hold(&mut self, who: &str, when: &str) -> Told {
        self.hold_for(who, "visit", when, 0)
    }

    pub(super) fn hold_for(&mut self, who: &str, reason: &str, when: &str, lane: u16) -> Told {
        let hold = HoldId::from_bits(100 + self.ids.len() as u128);
        let told = self.tell(&Command::Hold {
            hold,
            person: PersonId::new(who.split('/').next().unwrap()).unwrap(),
            reason: ReasonId::new(reason).unwrap(),
            start: at(when),
            lane,
            hold_ms: HOLD_MS,
            guards: self.guards.clone(),
            details: self.details.clone(),
            by: self.by.clone(),
            overflow: false,
        });
        if told.0.as_ref().is_ok_and(|events| !events.is_empty()) {
            self.ids.insert(who.to_owned(), hold);
        }
        told
    }

    pub(super) fn book(&mut self, who: &str, when: &str) {
        self.hold(who, when).is("Held");
        self.confirm(who).is("Confirmed");
    }

    pub(super) fn confirm(&mut self, who: &str) -> Told {
        self.tell(&Command::Confirm { hold: self.id(who), by: self.by.clone() })
    }

    pub(super) fn release(&mut self, who: &str) -> Told {
        self.tell(&Command::Release { hold: self.id(who), by: self.by.clone() })
    }

    pub(super) fn cancel(&mut self, who: &str) -> Told {
        self.tell(&Command::Cancel { hold: self.id(who), by: self.by.clone() })
    }

    pub(super) fn expire(&mut self) -> Told {
        self.tell(&Command::Expire)
    }

    pub(super) fn change(&mut self, change: Change) -> Told {
        self.tell(&Command::Change { change: Box::new(change), version: None })
    }

    /// Moves an appointment of this calendar to `when` in the first lane of the calendar `to`.
    pub(super) fn shift(&mut self, who: &str, to: usize, when: &str) -> Told {
        let (from, target) = (&self.calendars[self.here], &self.calendars[to]);
        let to = (to != self.here).then_some(target);
        let decided = decide_move(from, to, self.id(who), at(when), (0, None), &self.by, self.now);
        self.happened(decided)
    }

    pub(super) fn wait_ms(&mut self, ms: i64) {
        self.now = self.now.plus_ms(ms);
    }

    pub(super) fn wait_until(&mut self, when: &str) {
        assert!(self.now <= at(when), "time does not go back");
        self.now = at(when);
    }

    pub(super) fn tell(&mut self, command: &Command) -> Told {
        let decided = self.calendar().decide(command, self.now);
        self.happened(decided)
    }

    pub(super) fn calendar(&self) -> &Calendar {
        &self.calendars[self.here]
    }

    /// The identifier under a name; that of nothing where there is no such name.
    pub(super) fn id(&self, who: &str) -> HoldId {
        self.ids.get(who).copied().unwrap_or(HoldId::from_bits(9))
    }

    /// Where the booking lies in this calendar.
    pub(super) fn span(&self, who: &str) -> Option<Span> {
        self.calendar().live_booking(self.id(who)).map(|live| live.booking.span)
    }

    /// Events go to all calendars: those that they do not concern must not mind.
    pub(super) fn happened(&mut self, decided: Result<Vec<Event>, Rejection>) -> Told {
        let mut freed = [Vec::new(), Vec::new()];
        for event in decided.iter().flatten() {
            for (calendar, freed) in self.calendars.iter_mut().zip(&mut freed) {
                freed.extend(calendar.freed_by(event));
                let before = calendar.snapshot();
                calendar.apply(event);
                assert_eq!(invariants::check(calendar), Ok(()));
                let concerned = event.calendars().any(|id| id == calendar.id());
                assert_eq!(before != calendar.snapshot(), concerned, "{event:?}");
                assert!(!concerned || calendar.last() == event.at(), "{event:?}");
            }
        }
        for (place, freed) in freed.into_iter().enumerate() {
            self.offer_freed(place, &freed);
        }
        Told(decided)
    }

    /// What has come free is offered to those who wait: each offer has the name of its person and
    /// an exclamation mark.
    fn offer_freed(&mut self, place: usize, freed: &[Freed]) {
        let made = &mut self.made;
        let mut claim = |_: &Span| {
            *made += 1;
            Some(HoldId::from_bits(*made))
        };
        for event in self.calendars[place].offers(freed, self.now, &mut claim) {
            let offer = event.booking().unwrap();
            self.ids.insert(format!("{}!", offer.person), offer.id);
            self.calendars[place].apply(&event);
            assert_eq!(invariants::check(&self.calendars[place]), Ok(()));
        }
    }
}
