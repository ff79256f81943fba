//! Each law of the audit with a ledger and a history that must fail it, and one that passes.

use creneau::booking::{Booking, Details, ReasonRef, Span};
use creneau::{CalendarId, Event, HoldId, Timestamp};

use super::claims::Claims;
use super::judge::judge;
use super::over_journal::Model;
use super::until::Cut;
use super::*;
use crate::api::Call;
use crate::ledger::{Asked, Entry, Header, Line, Place, Read, State, Told};

const CALENDAR: CalendarId = CalendarId::from_bits(7);
const HOLD_MS: i64 = 60_000;

/// The instant `s` seconds into the story.
fn at(s: i64) -> Timestamp {
    Timestamp::from_millis(1_800_000_000_000 + s * 1_000)
}

/// A booking whose slot is the `slot`th of a lane.
fn booking(id: u128, slot: i64, lane: u16) -> Booking {
    let start = at(86_400 + slot * 900);
    let end = start.plus_minutes(15);
    Booking {
        id: HoldId::from_bits(id),
        calendar: CALENDAR,
        person: format!("run-p{id}").parse().unwrap(),
        reason: ReasonRef { id: "visit".parse().unwrap(), version: 1 },
        span: Span { lane, start, end, occupied_until: end },
        details: Details::default().into(),
    }
}

fn place(booking: &Booking, lane: Option<u16>) -> Place {
    let Span { start, end, .. } = booking.span;
    Place { calendar: booking.calendar, start, end, lane }
}

/// A ledger and a history that grow together, unless told otherwise.
#[derive(Default)]
struct Story {
    lines: Vec<Line>,
    events: Vec<Event>,
    keys: u64,
}

impl Story {
    fn line(&mut self, s: i64, patient: &str, entry: Entry) {
        let key = format!("key-{}", self.keys);
        let n = self.lines.len() as u64 + 1;
        self.lines.push(Line { n, at: at(s), patient: patient.to_owned(), key, entry });
    }

    fn ask(&mut self, s: i64, call: Call, it: &Booking) {
        self.keys += 1;
        let hold = (call != Call::Hold).then_some(it.id);
        let wanted = matches!(call, Call::Hold | Call::Move);
        let (calendar, start) = wanted.then_some((it.calendar, it.span.start)).unzip();
        let asked = Asked::plain(call, hold, calendar, start);
        self.line(s, it.person.as_str(), Entry::Asked(asked));
    }

    fn tell(&mut self, s: i64, call: Call, it: &Booking, state: State) {
        let lane = (call != Call::Hold).then_some(it.span.lane);
        let place = (call != Call::Release).then(|| place(it, lane));
        let expires_at = (call == Call::Hold).then(|| at(s).plus_ms(HOLD_MS));
        let told = Told { call, hold: it.id, place, expires_at, state };
        self.line(s, it.person.as_str(), Entry::Told(told));
    }

    fn held(&mut self, s: i64, it: &Booking) {
        self.ask(s, Call::Hold, it);
        self.tell(s, Call::Hold, it, State::Held);
        let deadline = at(s).plus_ms(HOLD_MS);
        self.events.push(Event::Held { at: at(s), booking: it.clone(), deadline, guards: vec![] });
    }

    fn ends(&self, it: &Booking) -> Timestamp {
        let held = self.events.iter().rev().find_map(|event| match event {
            Event::Held { booking, deadline, .. } if booking.id == it.id => Some(*deadline),
            _ => None,
        });
        held.unwrap()
    }

    fn confirmed(&mut self, s: i64, it: &Booking) {
        self.ask(s, Call::Confirm, it);
        self.tell(s, Call::Confirm, it, State::Booked);
        let (deadline, booking) = (self.ends(it), it.clone());
        self.events.push(Event::Confirmed { at: at(s), booking, deadline, guards: vec![] });
    }

    fn released(&mut self, s: i64, it: &Booking) {
        self.ask(s, Call::Release, it);
        self.tell(s, Call::Release, it, State::Released);
        let (deadline, booking) = (self.ends(it), it.clone());
        self.events.push(Event::Released { at: at(s), booking, deadline, guards: vec![] });
    }

    fn expired(&mut self, s: i64, it: &Booking) {
        let (deadline, booking) = (self.ends(it), it.clone());
        self.events.push(Event::Expired { at: at(s), booking, deadline, guards: vec![] });
    }

    fn cancelled(&mut self, s: i64, it: &Booking) {
        self.ask(s, Call::Cancel, it);
        self.tell(s, Call::Cancel, it, State::Cancelled);
        self.events.push(Event::Cancelled { at: at(s), booking: it.clone() });
    }

    fn moved(&mut self, s: i64, from: &Booking, to: &Booking) {
        self.ask(s, Call::Move, to);
        self.tell(s, Call::Move, to, State::Booked);
        let (booking, from_calendar, from) = (to.clone(), from.calendar, from.span);
        self.events.push(Event::Moved { at: at(s), booking, from_calendar, from });
    }

    /// What an audit says 1,000 seconds into the story, by the journal.
    fn audit(&self) -> Verdict {
        let header = Header::new("run", "story");
        let claims = Claims::of(&Read { header, lines: self.lines.clone(), torn: false });
        let (mut model, mut verdict) = (Model::default(), Verdict::new("journal"));
        self.events.iter().for_each(|event| model.take(event, &mut verdict));
        let seen = model.seen(&claims, at(1_000), &mut verdict);
        judge(&claims, &seen, &mut verdict);
        verdict
    }

    #[track_caller]
    fn fails(&self, rule: Rule, id: &str) {
        let verdict = self.audit();
        let found = verdict.findings.iter().any(|it| it.rule == rule && it.id.contains(id));
        assert!(found, "{rule:?} of {id} in {:#?}", verdict.findings);
    }
}

/// The 26 characters that a hold and its appointment have in common.
fn id(booking: &Booking) -> String {
    booking.id.to_string().trim_start_matches("hold_").to_owned()
}

/// Somebody books, moves, cancels, releases, walks away; all as it should be.
fn sound() -> (Story, [Booking; 5]) {
    let mut story = Story::default();
    let all = [(1, 1), (2, 2), (3, 3), (4, 4), (5, 5)].map(|(id, slot)| booking(id, slot, 0));
    for (s, it) in (0..).zip(&all) {
        story.held(s, it);
    }
    let [a, b, c, d, e] = &all;
    story.confirmed(10, a);
    story.confirmed(11, b);
    story.moved(12, b, &booking(2, 9, 1));
    story.confirmed(13, c);
    story.cancelled(14, c);
    story.released(15, d);
    story.expired(65, e);
    (story, all)
}

#[test]
fn a_sound_history_passes_and_everything_was_looked_at() {
    let verdict = sound().0.audit();
    assert_eq!(verdict.findings, []);
    for rule in [Rule::Acknowledged, Rule::SoldOnce, Rule::HoldsEnd, Rule::MovesWhole] {
        assert!(0 < verdict.checked[&rule], "{rule:?}");
    }
    assert!(0 < verdict.checked[&Rule::OneHold] && 0 < verdict.checked[&Rule::AskedFor]);
}

#[test]
fn a_lost_acknowledgement_is_found() {
    let (mut story, [a, ..]) = sound();
    story.events.retain(|event| event.booking().is_none_or(|it| it.id != a.id));
    story.fails(Rule::Acknowledged, &id(&a));
    // A cancellation that is forgotten is one as well.
    let (mut story, [_, _, c, ..]) = sound();
    story.events.retain(|event| !matches!(event, Event::Cancelled { .. }));
    story.fails(Rule::Acknowledged, &id(&c));
    // And a release.
    let (mut story, [.., d, _]) = sound();
    story.events.retain(|event| !matches!(event, Event::Released { .. }));
    story.fails(Rule::Acknowledged, &id(&d));
}

#[test]
fn a_double_booking_is_found() {
    let (mut story, [a, ..]) = sound();
    let mut thief = booking(6, 1, 0);
    thief.span.start = thief.span.start.plus_minutes(5);
    story.held(20, &thief);
    story.confirmed(21, &thief);
    story.fails(Rule::SoldOnce, &id(&thief));
    // By the API alone, which shows appointments and not events.
    let header = Header::new("run", "story");
    let claims = Claims::of(&Read { header, lines: story.lines.clone(), torn: false });
    let (mut model, mut ignored) = (Model::default(), Verdict::new("journal"));
    story.events.iter().for_each(|event| model.take(event, &mut ignored));
    let seen = model.seen(&claims, at(1_000), &mut ignored);
    let mut verdict = Verdict::new("API");
    judge(&claims, &seen, &mut verdict);
    let found: Vec<_> = verdict.findings.iter().map(|it| it.rule).collect();
    assert_eq!(found, [Rule::SoldOnce], "{:?}", verdict.findings);
    assert!(verdict.findings[0].what.contains(&id(&a)));
}

#[test]
fn a_slot_that_was_held_twice_is_found_though_nothing_came_of_it() {
    let (mut story, _) = sound();
    let thief = booking(6, 1, 0);
    story.held(20, &thief);
    story.released(21, &thief);
    story.fails(Rule::SoldOnce, &id(&thief));
}

#[test]
fn the_journal_finds_what_the_times_of_the_ledger_do_not_show() {
    // A confirm that was asked for in time, and taken after the deadline.
    let (mut story, _) = sound();
    let late = booking(6, 20, 0);
    story.held(20, &late);
    story.confirmed(30, &late);
    let Some(Event::Confirmed { at: when, .. }) = story.events.last_mut() else { panic!() };
    *when = at(80);
    story.fails(Rule::HoldsEnd, &id(&late));
    // Two holds of one person, of which the first was given back before the second was told.
    let (mut story, [.., d, _]) = sound();
    let mut second = booking(6, 20, 0);
    second.person = d.person.clone();
    story.held(20, &second);
    story.released(21, &second);
    assert_eq!(story.audit().findings, []);
    let release = story
        .events
        .iter()
        .position(|event| matches!(event, Event::Released { booking, .. } if booking.id == d.id));
    let release = story.events.remove(release.unwrap());
    let end = story.events.len() - 1;
    story.events.insert(end, release);
    story.fails(Rule::OneHold, &id(&second));
}

#[test]
fn a_hold_that_outlived_its_time_is_found() {
    // Nothing ended it.
    let (mut story, [.., e]) = sound();
    story.events.retain(|event| !matches!(event, Event::Expired { .. }));
    story.fails(Rule::HoldsEnd, &id(&e));
    // It was confirmed after its deadline.
    let (mut story, _) = sound();
    let late = booking(6, 20, 0);
    story.held(20, &late);
    story.confirmed(82, &late);
    story.fails(Rule::HoldsEnd, &id(&late));
    // By the ledger alone too.
    for event in &mut story.events {
        if let Event::Confirmed { at: when, booking, .. } = event
            && booking.id == late.id
        {
            *when = at(30);
        }
    }
    story.fails(Rule::HoldsEnd, &id(&late));
}

#[test]
fn a_hold_that_ended_early_is_found() {
    let (mut story, [.., e]) = sound();
    story.events.retain(|event| !matches!(event, Event::Expired { .. }));
    story.expired(50, &e);
    story.fails(Rule::HoldsEnd, &id(&e));
    let (mut story, [.., e]) = sound();
    story.ask(30, Call::Confirm, &e);
    let code = "hold_expired".to_owned();
    story.line(30, e.person.as_str(), Entry::Refused { call: Call::Confirm, code, why: None });
    story.fails(Rule::HoldsEnd, &id(&e));
}

#[test]
fn half_a_move_is_found() {
    // It was acknowledged, and the appointment lies where it lay.
    let (mut story, [_, b, ..]) = sound();
    story.events.retain(|event| !matches!(event, Event::Moved { .. }));
    story.fails(Rule::MovesWhole, &id(&b));
    // The old place was not freed: the same appointment stands twice.
    let (story, [_, b, ..]) = sound();
    let header = Header::new("run", "story");
    let claims = Claims::of(&Read { header, lines: story.lines.clone(), torn: false });
    let (mut model, mut verdict) = (Model::default(), Verdict::new("journal"));
    story.events.iter().for_each(|event| model.take(event, &mut verdict));
    let mut seen = model.seen(&claims, at(1_000), &mut verdict);
    let owned = seen.of_patients.get_mut("run-p2").unwrap();
    let mut old = owned[0].clone();
    old.place = place(&b, Some(0));
    owned.push(old);
    judge(&claims, &seen, &mut verdict);
    let found = verdict.findings.iter().any(|it| it.what == "run-p2 has it 2 times");
    assert!(found, "{:?}", verdict.findings);
}

#[test]
fn two_live_holds_are_found() {
    let (mut story, [a, ..]) = sound();
    let mut second = booking(6, 20, 0);
    second.person = a.person.clone();
    // In the story, `a` was held at 0 and its confirm was asked for at 10.
    story.held(5, &second);
    story.released(20, &second);
    let story = Story { lines: in_order(story.lines), ..story };
    story.fails(Rule::OneHold, "hold_");
    // Not by the journal's own guard: by the ledger.
    let header = Header::new("run", "story");
    let claims = Claims::of(&Read { header, lines: story.lines, torn: false });
    assert_eq!(claims.live_together(), [(a.id, second.id)]);
}

fn in_order(mut lines: Vec<Line>) -> Vec<Line> {
    lines.sort_by_key(|line| line.at);
    lines
}

#[test]
fn what_nobody_asked_for_is_found() {
    let (mut story, [.., e]) = sound();
    // The hold of somebody who walked away became an appointment.
    story.events.retain(|event| !matches!(event, Event::Expired { .. }));
    let deadline = story.ends(&e);
    let booking_e = e.clone();
    story.events.push(Event::Confirmed {
        at: at(20),
        booking: booking_e,
        deadline,
        guards: vec![],
    });
    story.fails(Rule::AskedFor, &id(&e));
    // Somebody who booked has a second appointment, of which the ledger knows nothing.
    let (mut story, [a, ..]) = sound();
    let mut extra = booking(6, 20, 0);
    extra.person = a.person;
    let lines = story.lines.clone();
    story.held(20, &extra);
    story.confirmed(21, &extra);
    story.lines = lines;
    story.fails(Rule::AskedFor, &id(&extra));
    // Somebody of whom the ledger knows nothing.
    let (mut story, _) = sound();
    let stranger = booking(6, 20, 0);
    let lines = story.lines.clone();
    story.held(20, &stranger);
    story.confirmed(21, &stranger);
    story.lines = lines;
    story.fails(Rule::AskedFor, &id(&stranger));
}

#[test]
fn a_repeat_with_another_outcome_is_found() {
    let (mut story, [.., e]) = sound();
    story.tell(16, Call::Release, &booking(4, 4, 0), State::Released);
    assert_eq!(story.audit().findings, [], "the same once more is as it should be");
    let mut other = e;
    other.id = HoldId::from_bits(99);
    story.tell(17, Call::Release, &other, State::Released);
    story.fails(Rule::SameAgain, &id(&booking(4, 4, 0)));
}

#[test]
fn an_unknown_outcome_may_be_either() {
    for happened in [false, true] {
        let (mut story, [a, ..]) = sound();
        let to = booking(1, 30, 2);
        if happened {
            story.moved(40, &a, &to);
            story.lines.pop();
        } else {
            story.ask(40, Call::Move, &to);
        }
        let call = Call::Move;
        story.line(50, "run-p1", Entry::Unknown { call, why: "no answer".to_owned() });
        let verdict = story.audit();
        assert_eq!((verdict.findings.len(), verdict.unknown_outcomes), (0, 1), "{verdict:?}");
        // But it is not anywhere else.
        if happened {
            let Some(Event::Moved { booking, .. }) = story.events.last_mut() else { panic!() };
            booking.span = self::booking(1, 31, 2).span;
            story.fails(Rule::MovesWhole, &id(&a));
        }
    }
}

/// What a journal has that ends after the first events of a story; holds end in it by themselves.
fn copy_of(story: &Story, first: usize) -> Vec<Event> {
    let mut events: Vec<Event> = story.events[..first].to_vec();
    let ended = |id, events: &[Event]| {
        let of_it = events.iter().filter(|it| it.booking().is_some_and(|it| it.id == id));
        of_it.count() != 1
    };
    for event in &story.events[..first] {
        if let Event::Held { booking, deadline, .. } = event
            && !ended(booking.id, &events)
        {
            let (booking, deadline) = (booking.clone(), *deadline);
            events.push(Event::Expired { at: deadline, booking, deadline, guards: vec![] });
        }
    }
    events
}

/// The rules that a copy breaks by the ledger, of which the backup began before the line `began`
/// and ended before the line `ended`.
fn broken(story: &Story, events: &[Event], began: u64, ended: u64) -> Vec<Rule> {
    let ledger =
        Read { header: Header::new("run", "story"), lines: story.lines.clone(), torn: false };
    let claims = Claims::up_to(&ledger, Cut::Lines { began, ended });
    let (mut model, mut verdict) = (Model::default(), Verdict::new("journal"));
    events.iter().for_each(|event| model.take(event, &mut verdict));
    let seen = model.seen(&claims, at(1_000), &mut verdict);
    judge(&claims, &seen, &mut verdict);
    verdict.findings.iter().map(|it| it.rule).collect()
}

#[test]
fn a_backup_has_what_was_acknowledged_before_it_and_nothing_that_was_asked_for_after() {
    let (story, _) = sound();
    // Each request has two lines and one event; the last event is that of nobody.
    let requests = story.events.len() - 1;
    assert_eq!(story.lines.len(), 2 * requests);
    for done in 0..=requests {
        let (copy, began) = (copy_of(&story, done), 2 * done as u64 + 1);
        assert_eq!(broken(&story, &copy, began, began), [], "{done}");
        if done < requests {
            // While the next request was under way, it may be in the copy or not.
            let more = copy_of(&story, done + 1);
            assert_eq!(broken(&story, &copy, began, began + 2), [], "{done}");
            assert_eq!(broken(&story, &more, began, began + 2), [], "{done}");
            // Asked for after the backup: it cannot be in it. A hold that ended alone is no harm.
            let held = matches!(story.events[done], Event::Held { .. });
            assert_eq!(broken(&story, &more, began, began).is_empty(), held, "{done}");
        }
        if 0 < done {
            let less = copy_of(&story, done - 1);
            assert_ne!(broken(&story, &less, began, began), [], "{done}");
        }
    }
}
