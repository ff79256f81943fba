//! Whether what patients were told has a legal order: a history, made ready for
//! [`creneau::audit::history`].

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use creneau::audit::history::{
    Call, Ends, History, Instant, Lanes, NEVER, Outcome, Place, Refusal, What,
};
use creneau::{HoldId, Timestamp};

use super::{LATE_MS, Order, Rule, Verdict};
use crate::api::{self, OVERLOADED};
use crate::history::{self, Call as Line, Read};

const NS_PER_MS: i64 = 1_000_000;

/// Reads a history and judges it.
///
/// # Errors
///
/// Why it is no history, with the line, the field and the rule.
pub(super) fn judge(path: &Path) -> Result<Verdict, String> {
    let read = history::read(path)?;
    let judged = of(&read).check();
    let mut verdict = Verdict::of("history", &[Rule::LegalOrder]);
    verdict.count(Rule::LegalOrder, judged.calls as u64);
    for illegal in &judged.illegal {
        let names: Vec<String> = illegal.bookings.iter().map(ToString::to_string).collect();
        let id = if names.is_empty() { "a refusal".to_owned() } else { names.join(", ") };
        verdict.find(Rule::LegalOrder, id, illegal.to_string());
    }
    let unheard = |call: &&Line| call.return_ns.is_none();
    verdict.unknown_outcomes = read.calls.iter().filter(unheard).count() as u64;
    verdict.order = Some(Order {
        bookings: judged.lives,
        groups: judged.groups,
        refusals: judged.refusals,
        ambiguous: judged.ambiguous,
    });
    Ok(verdict)
}

/// The calls of a history and what is known beside them. Those under one key are one call, told
/// when its outcome was first heard.
fn of(read: &Read) -> History {
    let lanes = read.calendars.iter().map(|it| {
        // What others booked is not in it, so a refusal there needs no reason.
        let least = if it.own { it.lanes } else { 0 };
        (it.calendar_id, Lanes { least, most: it.lanes })
    });
    let lanes: BTreeMap<_, _> = lanes.collect();
    let mut teller = Teller { started_at: read.header.started_at, persons: HashMap::new() };
    let mut lines: Vec<&Line> = read.calls.iter().collect();
    lines.sort_by_key(|line| line.invoke_ns);
    let mut calls: Vec<Call> = Vec::with_capacity(lines.len());
    let mut keys: HashMap<&str, Named> = HashMap::new();
    for line in lines {
        let Some(mut call) = teller.call(line) else { continue };
        let named = keys.entry(&line.key).or_default();
        match call.outcome {
            // What was done under this name is not done again.
            Outcome::Unknown if named.done.is_some() => continue,
            Outcome::Unknown => named.unknown.push(calls.len()),
            Outcome::Held { .. } | Outcome::Appointment { .. } | Outcome::Released => {
                let same = |done: &&Call| (done.what, done.outcome) == (call.what, call.outcome);
                if named.done.and_then(|done| calls.get(done)).filter(same).is_some() {
                    // It says again what was said before.
                    continue;
                }
                named.done = Some(calls.len());
                for unknown in named.unknown.drain(..) {
                    let Some(unknown) = calls.get_mut(unknown) else { continue };
                    call.asked = call.asked.min(unknown.asked);
                    unknown.outcome = Outcome::NotDone;
                }
            }
            _ => {}
        }
        calls.push(call);
    }
    History { calls, lanes }
}

/// Calls under one key.
#[derive(Default)]
struct Named {
    done: Option<usize>,
    unknown: Vec<usize>,
}

struct Teller<'a> {
    started_at: Timestamp,
    persons: HashMap<&'a str, u64>,
}

impl<'a> Teller<'a> {
    /// None for what lacks what its kind must have, which reading refuses.
    fn call(&mut self, line: &'a Line) -> Option<Call> {
        let next = self.persons.len() as u64;
        let person = *self.persons.entry(line.person.as_str()).or_insert(next);
        let place = place(line);
        let what = match line.op {
            api::Call::Hold => What::Hold(Place { lane: None, ..place? }),
            api::Call::Confirm => What::Confirm(line.hold_id?),
            api::Call::Release => What::Release(line.hold_id?),
            api::Call::Cancel => What::Cancel(line.hold_id?),
            api::Call::Move => What::Move(line.hold_id?, Place { lane: None, ..place? }),
            api::Call::Find
            | api::Call::Read
            | api::Call::HoldBoth
            | api::Call::Give
            | api::Call::Join => return None,
        };
        let outcome = self.outcome(line, place)?;
        let told = line.return_ns.unwrap_or(NEVER);
        Some(Call { person, asked: line.invoke_ns, told, what, outcome })
    }

    fn outcome(&self, line: &Line, place: Option<Place>) -> Option<Outcome> {
        // Each key is asked for something of its own, so what was done is its own doing.
        let fresh = true;
        Some(match (line.outcome.as_str(), line.op) {
            (history::UNKNOWN, _) => Outcome::Unknown,
            (OVERLOADED, _) => Outcome::NotDone,
            (history::OK, api::Call::Hold) => {
                let (hold, ends) = (line.hold_id?, self.ends(line.expires_at?));
                Outcome::Held { hold, fresh, ends }
            }
            (history::OK, api::Call::Release) => Outcome::Released,
            (history::OK, _) => {
                Outcome::Appointment { place: place?, cancelled: line.cancelled?, fresh }
            }
            (code, _) => Outcome::Refused(refusal(code, line.hold_id)),
        })
    }

    /// A second before and after the deadline: the generator's wall clock is not the server's.
    fn ends(&self, deadline: Timestamp) -> Ends {
        let ns = |at: Timestamp| -> Instant {
            let ms = at.millis().saturating_sub(self.started_at.millis());
            u64::try_from(ms.saturating_mul(NS_PER_MS)).unwrap_or(0)
        };
        Ends { from: ns(deadline.plus_ms(-LATE_MS)), by: ns(deadline.plus_ms(LATE_MS)) }
    }
}

fn place(line: &Line) -> Option<Place> {
    let (calendar, lane) = (line.calendar_id?, line.lane);
    Some(Place { calendar, lane, start: line.start?, until: line.occupied_until? })
}

fn refusal(code: &str, hold: Option<HoldId>) -> Refusal {
    match (code, hold) {
        ("slot_taken", _) => Refusal::SlotTaken,
        ("patient_has_hold", Some(hold)) => Refusal::PersonHasHold(hold),
        ("hold_released", _) => Refusal::HoldReleased,
        ("hold_expired", _) => Refusal::HoldExpired,
        ("hold_confirmed", _) => Refusal::HoldConfirmed,
        ("unknown_appointment", _) => Refusal::UnknownAppointment,
        _ => Refusal::Other,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use creneau::CalendarId;
    use creneau::audit::history::Broken;

    use super::*;
    use crate::history::{Calendar, Header};

    const OWN: CalendarId = CalendarId::from_bits(1);
    const OF_OTHERS: CalendarId = CalendarId::from_bits(2);

    fn instant(seconds: i64) -> Timestamp {
        Timestamp::from_millis(1_800_000_000_000 + seconds * 1_000)
    }

    /// A line about a slot of fifteen minutes and a buffer of five; times are seconds of the run.
    fn line(key: &str, op: api::Call, (invoke, returns): (u64, u64), outcome: &str) -> Line {
        let ns = |seconds: u64| seconds * 1_000_000_000;
        let (start, end) = (instant(86_400), instant(86_400).plus_minutes(15));
        Line {
            key: key.to_owned(),
            client: 1,
            op,
            repeat: false,
            person: key.to_owned(),
            hold_id: None,
            calendar_id: Some(OWN),
            start: Some(start),
            end: Some(end),
            occupied_until: Some(end.plus_minutes(5)),
            lane: None,
            cancelled: None,
            expires_at: None,
            invoke_ns: ns(invoke),
            return_ns: (outcome != "unknown").then_some(ns(returns)),
            outcome: outcome.to_owned(),
        }
    }

    fn held(key: &str, hold: u128, during: (u64, u64)) -> Line {
        let line = line(key, api::Call::Hold, during, "ok");
        let hold_id = Some(HoldId::from_bits(hold));
        Line { hold_id, expires_at: Some(instant(100)), ..line }
    }

    fn taken(during: (u64, u64)) -> Line {
        line("taken", api::Call::Hold, during, "slot_taken")
    }

    fn confirmed(key: &str, hold: u128, during: (u64, u64)) -> Line {
        let line = line(key, api::Call::Confirm, during, "ok");
        let hold_id = Some(HoldId::from_bits(hold));
        Line { hold_id, lane: Some(0), cancelled: Some(false), ..line }
    }

    /// The rules that the lines break, however they are sorted.
    fn broken(lines: &[Line]) -> BTreeSet<Broken> {
        let own = |calendar_id, own| Calendar { calendar_id, lanes: 1, own };
        let header = Header::new("run", "scenario", instant(0));
        let calendars = vec![own(OWN, true), own(OF_OTHERS, false)];
        let judged = |calls| {
            let (header, calendars) = (header.clone(), calendars.clone());
            let verdict = of(&Read { header, calendars, calls }).check();
            verdict.illegal.iter().map(|it| it.rule).collect()
        };
        let found = judged(lines.to_vec());
        assert_eq!(judged(lines.iter().rev().cloned().collect()), found, "{lines:?}");
        found
    }

    fn only(rule: Broken) -> BTreeSet<Broken> {
        BTreeSet::from([rule])
    }

    #[test]
    fn a_slot_sold_twice_and_a_refusal_for_nothing_are_seen() {
        assert_eq!(broken(&[held("a", 1, (1, 2)), held("b", 2, (3, 4))]), only(Broken::SoldTwice));
        assert_eq!(broken(&[held("a", 1, (1, 2)), taken((3, 4))]), BTreeSet::new());
        assert_eq!(broken(&[taken((3, 4))]), only(Broken::RefusedThoughFree));
        // The buffer is in the way too, and what lies behind it is not.
        let later = |minutes: i64| {
            let mut line = held("b", 2, (3, 4));
            let start = instant(86_400).plus_minutes(minutes);
            (line.start, line.end) = (Some(start), Some(start.plus_minutes(15)));
            line.occupied_until = Some(start.plus_minutes(20));
            broken(&[held("a", 1, (1, 2)), line])
        };
        assert_eq!((later(15), later(20)), (only(Broken::SoldTwice), BTreeSet::new()));
    }

    #[test]
    fn others_may_have_booked_where_the_run_did_not_make_the_calendar() {
        let there = |line: Line| Line { calendar_id: Some(OF_OTHERS), ..line };
        assert_eq!(broken(&[there(taken((3, 4)))]), BTreeSet::new());
        let twice = [there(held("a", 1, (1, 2))), there(held("b", 2, (3, 4)))];
        assert_eq!(broken(&twice), only(Broken::SoldTwice));
    }

    #[test]
    fn a_repeat_is_one_call_with_the_first_and_what_was_not_heard_with_what_was() {
        let (first, again) = (held("a", 1, (1, 2)), held("a", 1, (3, 4)));
        assert_eq!(broken(&[first.clone(), again.clone()]), BTreeSet::new());
        // Under another key the same hold is made a second time.
        let other = Line { key: "b".to_owned(), ..again };
        assert_eq!(broken(&[first.clone(), other]), only(Broken::Contradiction));
        // Nobody heard that it was made, so another was refused before it was told.
        let unheard = line("a", api::Call::Hold, (1, 2), "unknown");
        let late = held("a", 1, (8, 9));
        assert_eq!(broken(&[unheard, taken((4, 5)), late.clone()]), BTreeSet::new());
        assert_eq!(broken(&[taken((4, 5)), late]), only(Broken::RefusedThoughFree));
        // Nor is it made anew by a repeat that nobody answered.
        let again = line("a", api::Call::Hold, (3, 4), "unknown");
        let ended = [first, again, taken((110, 111))];
        assert_eq!(broken(&ended), only(Broken::RefusedThoughFree));
    }

    #[test]
    fn deadlines_are_placed_on_the_clock_of_the_run() {
        let confirm = |during| [held("a", 1, (1, 2)), confirmed("c", 1, during)];
        assert_eq!(broken(&confirm((100, 101))), BTreeSet::new());
        assert_eq!(broken(&confirm((102, 103))), only(Broken::Contradiction));
        let expired = |during| {
            let line = line("c", api::Call::Confirm, during, "hold_expired");
            [held("a", 1, (1, 2)), Line { hold_id: Some(HoldId::from_bits(1)), ..line }]
        };
        assert_eq!(broken(&expired((98, 99))), BTreeSet::new());
        assert_eq!(broken(&expired((97, 98))), only(Broken::Contradiction));
    }
}
