//! Lives: when each booking was held, settled and cancelled, and where it stayed when.
//!
//! Each of a life's turning points happens once. What is told at either side of it narrows the
//! window in which it can have happened; a window that closes is a contradiction. What became of a
//! hold that nobody settled is judged under each assumption that is possible.

use std::collections::BTreeMap;

use super::{Broken, Call, Ends, History, Instant, NEVER, Outcome, Place, Refusal, Verdict, What};
use crate::ids::{CalendarId, HoldId};
use crate::time::Timestamp;

/// Holds of unknown outcome, by who asked for which start: when, and how far they reach at most.
type Maybe = BTreeMap<(u64, CalendarId, Timestamp), (Window, Place)>;

/// Instants at which something can have happened, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) from: Instant,
    pub(super) by: Instant,
}

impl Window {
    const ANY: Self = Self { from: 0, by: NEVER };
    const NEVER: Self = Self { from: NEVER, by: NEVER };

    fn not_before(&mut self, at: Instant) {
        self.from = self.from.max(at);
    }

    fn not_after(&mut self, at: Instant) {
        self.by = self.by.min(at);
    }

    fn is_open(self) -> bool {
        self.from <= self.by
    }
}

/// A booking in one place: from an instant of `begins` to one of `ends`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stay {
    pub(super) hold: HoldId,
    pub(super) place: Place,
    pub(super) begins: Window,
    pub(super) ends: Window,
    /// False where it may not have been at all.
    pub(super) certain: bool,
}

/// What became of a hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Booked,
    Released,
    Expired,
}

/// What is told of one booking.
#[derive(Debug)]
struct Told {
    place: Option<Place>,
    person: u64,
    held: Window,
    ends: Ends,
    /// A call that shows a hold which nobody has seen made, or an answer about it.
    shown: Instant,
    fresh: bool,
    /// An answer that shows the hold where it does not lie, or made once more.
    odd: Option<(Broken, Instant)>,
    /// When it was last seen held.
    seen_held: Instant,
    calls: Vec<usize>,
}

impl Told {
    fn new(person: u64) -> Self {
        Self {
            place: None,
            person,
            held: Window { from: NEVER, by: NEVER },
            ends: Ends { from: 0, by: NEVER },
            shown: NEVER,
            fresh: false,
            odd: None,
            seen_held: 0,
            calls: Vec::new(),
        }
    }
}

/// Where each booking stayed when. What does not fit is told to the verdict.
pub(super) fn stays(history: &History, verdict: &mut Verdict) -> Vec<Stay> {
    let mut lives: BTreeMap<HoldId, Told> = BTreeMap::new();
    let mut maybe = Maybe::new();
    for (number, call) in history.calls.iter().enumerate() {
        collect(&mut lives, &mut maybe, number, call);
    }
    let mut stays = Vec::with_capacity(lives.len());
    verdict.lives = lives.len();
    for (hold, mut told) in lives {
        if !told.fresh {
            if told.shown == NEVER {
                // Nothing is said of it but that there is no such thing.
                continue;
            }
            let Some(asked) = asked_for(&maybe, told.person, told.place) else {
                verdict
                    .add(Broken::FromNowhere, told.shown, &[hold], || format!("{hold}: {told:?}"));
                continue;
            };
            told.held = asked;
        }
        told.held.not_after(told.shown);
        if let Some((rule, at)) = told.odd {
            verdict.add(rule, at, &[hold], || format!("{hold} was held twice: {told:?}"));
        }
        Life { history, hold, told: &told }.judge(verdict, &mut stays);
    }
    // A hold of unknown outcome may stand in the way, whatever its name would have been.
    for (asked, place) in maybe.into_values() {
        let (begins, ends) = (asked, Window { from: asked.from, by: NEVER });
        stays.push(Stay { hold: HoldId::from_bits(0), place, begins, ends, certain: false });
    }
    stays
}

/// When somebody can have asked for a hold that nobody has seen made.
fn asked_for(maybe: &Maybe, person: u64, place: Option<Place>) -> Option<Window> {
    if let Some(place) = place {
        let known = maybe.get(&(person, place.calendar, place.start));
        return known.map(|(asked, _)| *asked);
    }
    let first = (person, CalendarId::from_bits(0), Timestamp::from_millis(i64::MIN));
    let theirs = maybe.range(first..).take_while(|((who, ..), _)| *who == person);
    let asked = theirs.map(|(_, (asked, _))| *asked);
    asked.reduce(|one, other| Window { from: one.from.min(other.from), by: one.by.max(other.by) })
}

fn collect(lives: &mut BTreeMap<HoldId, Told>, maybe: &mut Maybe, number: usize, call: &Call) {
    match (call.what, call.outcome) {
        (What::Hold(place), Outcome::Held { hold, fresh, ends }) => {
            let told = lives.entry(hold).or_insert_with(|| Told::new(call.person));
            let lies = |known: Place| (known.calendar, known.start);
            if told.place.is_some_and(|known| lies(known) != lies(place)) {
                told.odd = Some((Broken::Misplaced, call.told));
            }
            told.place = Some(told.place.filter(|known| known.lane.is_some()).unwrap_or(place));
            told.ends = ends;
            told.shown = told.shown.min(call.told);
            told.calls.push(number);
            if fresh {
                if told.fresh {
                    told.odd = Some((Broken::Contradiction, call.told));
                }
                told.fresh = true;
                told.held.from = told.held.from.min(call.asked);
                told.held.by = told.held.by.min(call.told);
            } else {
                told.seen_held = told.seen_held.max(call.asked);
            }
        }
        (What::Hold(place), Outcome::Unknown) => {
            let place = Place { lane: None, ..place };
            let window = Window { from: call.asked, by: call.told };
            let key = (call.person, place.calendar, place.start);
            let (asked, longest) = maybe.entry(key).or_insert((window, place));
            asked.from = asked.from.min(window.from);
            asked.by = asked.by.max(window.by);
            longest.until = longest.until.max(place.until);
        }
        (What::Hold(_), Outcome::Refused(Refusal::PersonHasHold(hold))) => {
            let told = lives.entry(hold).or_insert_with(|| Told::new(call.person));
            told.shown = told.shown.min(call.told);
            told.seen_held = told.seen_held.max(call.asked);
            told.calls.push(number);
        }
        (What::Hold(_), _) => {}
        (
            What::Confirm(hold) | What::Release(hold) | What::Cancel(hold) | What::Move(hold, _),
            _,
        ) => {
            let told = lives.entry(hold).or_insert_with(|| Told::new(call.person));
            let says = !matches!(
                call.outcome,
                Outcome::Unknown | Outcome::NotDone | Outcome::Refused(Refusal::Other)
            );
            let denies = call.outcome == Outcome::Refused(Refusal::UnknownAppointment);
            if says && !denies {
                told.shown = told.shown.min(call.told);
            }
            if let (Outcome::Appointment { place, .. }, false) =
                (call.outcome, matches!(call.what, What::Move(..)))
            {
                told.place = told.place.or(Some(Place { lane: None, ..place }));
            }
            told.calls.push(number);
        }
    }
}

struct Life<'a> {
    history: &'a History,
    hold: HoldId,
    told: &'a Told,
}

/// The turning points of a life under one assumption.
#[derive(Clone, Copy, Debug)]
struct Turns {
    settled: Window,
    cancelled: Window,
}

impl Life<'_> {
    fn calls(&self) -> impl Iterator<Item = &Call> {
        self.told.calls.iter().filter_map(|number| self.history.calls.get(*number))
    }

    fn judge(&self, verdict: &mut Verdict, stays: &mut Vec<Stay>) {
        let kinds = [Kind::Booked, Kind::Released, Kind::Expired];
        let possible: Vec<(Kind, Turns)> =
            kinds.into_iter().filter_map(|kind| Some((kind, self.turns(kind)?))).collect();
        if possible.is_empty() {
            let calls: Vec<_> = self.calls().collect();
            verdict.add(Broken::Contradiction, self.told.shown, &[self.hold], || {
                format!("{}: {calls:?}", self.hold)
            });
            return;
        }
        // Only its name is known.
        let Some(place) = self.told.place else { return };
        let mut ends: Option<Window> = None;
        let mut booked = None;
        for (kind, turns) in &possible {
            let end = match kind {
                Kind::Booked => turns.cancelled,
                Kind::Released | Kind::Expired => turns.settled,
            };
            let all = ends.get_or_insert(end);
            (all.from, all.by) = (all.from.min(end.from), all.by.max(end.by));
            if *kind == Kind::Booked {
                booked = Some(*turns);
            }
        }
        let ends = ends.unwrap_or(Window::NEVER);
        match booked {
            Some(turns) if self.calls().any(|call| matches!(call.what, What::Move(..))) => {
                self.moved(place, ends, turns, verdict, stays);
            }
            _ => {
                let place = self.with_lane(place, verdict);
                let begins = self.told.held;
                stays.push(Stay { hold: self.hold, place, begins, ends, certain: true });
            }
        }
    }

    /// When it can have turned, if it became this.
    fn turns(&self, kind: Kind) -> Option<Turns> {
        let Told { held, ends, seen_held, .. } = *self.told;
        let mut turns = Turns { settled: Window::ANY, cancelled: Window::NEVER };
        turns.settled.not_before(held.from.max(seen_held));
        match kind {
            Kind::Booked => {
                turns.cancelled = self.cancelled()?;
                turns
                    .settled
                    .not_before(self.first_asked(|what| matches!(what, What::Confirm(_)))?);
                turns.settled.not_after(ends.by);
            }
            Kind::Released => {
                turns
                    .settled
                    .not_before(self.first_asked(|what| matches!(what, What::Release(_)))?);
                turns.settled.not_after(ends.by);
            }
            Kind::Expired => {
                turns.settled.not_before(ends.from);
                turns.settled.not_after(ends.by);
            }
        }
        for call in self.calls() {
            if !self.fits(kind, call, &mut turns) {
                return None;
            }
        }
        turns.cancelled.not_before(turns.settled.from);
        let open = held.is_open() && turns.settled.is_open() && turns.cancelled.is_open();
        open.then_some(turns)
    }

    /// The first instant at which a call of this kind that may have had the effect was asked. None
    /// if there is no such call, or if two say that the effect was theirs.
    fn first_asked(&self, is: impl Fn(What) -> bool) -> Option<Instant> {
        let (mut fresh, mut maybe) = (Vec::new(), Vec::new());
        for call in self.calls().filter(|call| is(call.what)) {
            match call.outcome {
                Outcome::Appointment { fresh: true, .. } => fresh.push(call.asked),
                Outcome::Unknown | Outcome::Released => maybe.push(call.asked),
                _ => {}
            }
        }
        match fresh[..] {
            [] => maybe.into_iter().min(),
            [asked] => Some(asked),
            _ => None,
        }
    }

    /// When an appointment can have been cancelled; none where it was seen so and no call can have
    /// done it.
    fn cancelled(&self) -> Option<Window> {
        let asked = self.first_asked(|what| matches!(what, What::Cancel(_)));
        let is_seen =
            |call: &&Call| matches!(call.outcome, Outcome::Appointment { cancelled: true, .. });
        match (self.calls().any(|call| is_seen(&call)), asked) {
            (true, None) => None,
            (true, Some(from)) => Some(Window { from, by: NEVER - 1 }),
            (false, Some(from)) => Some(Window { from, by: NEVER }),
            (false, None) => Some(Window::NEVER),
        }
    }

    /// Narrows the turning points by one call; false where it cannot have been told.
    fn fits(&self, kind: Kind, call: &Call, turns: &mut Turns) -> bool {
        let (asked, told) = (call.asked, call.told);
        match (call.outcome, kind) {
            (Outcome::Unknown | Outcome::NotDone | Outcome::Refused(Refusal::Other), _) => true,
            // What was seen held is in `seen_held` already.
            (Outcome::Held { .. } | Outcome::Refused(Refusal::PersonHasHold(_)), _) => true,
            (Outcome::Appointment { cancelled, .. }, Kind::Booked) => {
                turns.settled.not_after(told);
                if cancelled {
                    turns.cancelled.not_after(told);
                } else {
                    turns.cancelled.not_before(asked);
                }
                true
            }
            (Outcome::Released, Kind::Released | Kind::Expired)
            | (Outcome::Refused(Refusal::HoldReleased), Kind::Released)
            | (Outcome::Refused(Refusal::HoldExpired), Kind::Expired)
            | (Outcome::Refused(Refusal::HoldConfirmed), Kind::Booked) => {
                turns.settled.not_after(told);
                true
            }
            (Outcome::Refused(Refusal::UnknownAppointment), Kind::Booked) => {
                turns.settled.not_before(asked);
                true
            }
            (Outcome::Refused(Refusal::UnknownAppointment), _) => true,
            (Outcome::Refused(Refusal::SlotTaken), Kind::Booked) => {
                // A move that was refused found an appointment.
                turns.settled.not_after(told);
                turns.cancelled.not_before(asked);
                true
            }
            _ => false,
        }
    }

    /// The lane, where an answer about an appointment that never moved tells it.
    fn with_lane(&self, place: Place, verdict: &mut Verdict) -> Place {
        let mut place = place;
        for call in self.calls() {
            let Outcome::Appointment { place: seen, .. } = call.outcome else { continue };
            let same = seen.calendar == place.calendar && seen.start == place.start;
            let lanes_differ =
                seen.lane.is_some() && place.lane.is_some_and(|it| seen.lane != Some(it));
            if !same || lanes_differ {
                let hold = self.hold;
                verdict.add(Broken::Misplaced, call.told, &[hold], || {
                    format!("{hold}: {seen:?}, {place:?}")
                });
            }
            place.lane = place.lane.or(seen.lane);
        }
        place
    }

    /// The stays of an appointment that was moved, or may have been.
    fn moved(
        &self,
        place: Place,
        ends: Window,
        turns: Turns,
        verdict: &mut Verdict,
        stays: &mut Vec<Stay>,
    ) {
        let hold = self.hold;
        let window = |call: &Call| {
            let mut at = Window { from: call.asked, by: call.told };
            at.not_before(turns.settled.from);
            at.not_after(turns.cancelled.by);
            at
        };
        let mut moves: Vec<&Call> = self.calls().filter(|call| is_move(call)).collect();
        // What came too late has had no effect.
        moves.retain(|call| call.outcome != Outcome::Unknown || window(call).is_open());
        moves.sort_by_key(|call| (call.asked, call.told));
        let overlap = moves.windows(2).any(|pair| match pair {
            [one, next] => next.asked <= one.told,
            _ => false,
        });
        let known = moves.iter().all(|call| call.outcome != Outcome::Unknown);
        verdict.ambiguous += usize::from(overlap || !known);
        let mut own: Vec<Stay> = Vec::new();
        let mut begins = self.told.held;
        let mut here = place;
        for call in &moves {
            let What::Move(_, to) = call.what else { continue };
            let to = match call.outcome {
                Outcome::Appointment { place, .. } => place,
                _ => to,
            };
            let at = window(call);
            own.push(Stay { hold, place: here, begins, ends: at, certain: true });
            (here, begins) = (to, at);
        }
        own.push(Stay { hold, place: here, begins, ends, certain: true });
        if overlap || !known {
            // It may have been at any of these places from the first move on.
            let first = moves.first().map_or(0, |call| call.asked);
            for stay in &mut own {
                stay.begins.from = stay.begins.from.min(first);
                stay.ends.by = ends.by;
                stay.certain = false;
            }
            if let Some(at_first) = own.first_mut() {
                at_first.begins = self.told.held;
                at_first.ends.from = first.min(ends.from);
                at_first.certain = true;
            }
        } else {
            self.narrow(&mut own);
        }
        self.seen_at(&own, verdict);
        stays.extend(own);
    }

    /// Where an answer shows it in a place that it came to once, it came before, and left after.
    fn narrow(&self, own: &mut [Stay]) {
        for call in self.calls() {
            let Outcome::Appointment { place, cancelled, .. } = call.outcome else { continue };
            let mut there =
                (0usize..).zip(own.iter()).filter(|(_, stay)| is_same(&stay.place, &place));
            let (Some((number, _)), None) = (there.next(), there.next()) else { continue };
            let before: Option<&mut Stay> = number.checked_sub(1).and_then(|it| own.get_mut(it));
            if let Some(before) = before {
                before.ends.not_after(call.told);
            }
            if let Some(stay) = own.get_mut(number) {
                stay.begins.not_after(call.told);
                if !cancelled {
                    stay.ends.not_before(call.asked);
                }
            }
            if let (Some(after), false) = (own.get_mut(number + 1), cancelled) {
                after.begins.not_before(call.asked);
            }
        }
    }

    /// Each answer shows it in one of its places, at an instant when it can have been there.
    fn seen_at(&self, own: &[Stay], verdict: &mut Verdict) {
        let hold = self.hold;
        let closed = |stay: &&Stay| !(stay.begins.is_open() && stay.ends.is_open());
        for stay in own.iter().filter(closed) {
            verdict
                .add(Broken::Misplaced, stay.begins.from, &[hold], || format!("{hold}: {stay:?}"));
        }
        let certain = own.iter().filter(|stay| stay.certain).count();
        for call in self.calls() {
            let Outcome::Appointment { place: seen, cancelled, .. } = call.outcome else {
                continue;
            };
            let was = own.iter().enumerate().any(|(number, stay)| {
                // What is cancelled stays where it lay last.
                let then = stay.begins.from <= call.told
                    && if cancelled {
                        number + 1 == own.len() || !stay.certain || own.len() != certain
                    } else {
                        call.asked <= stay.ends.by
                    };
                then && is_same(&stay.place, &seen)
            });
            if !was {
                verdict.add(Broken::Misplaced, call.told, &[hold], || {
                    format!("{hold}: {seen:?}, {own:?}")
                });
            }
        }
    }
}

/// Whether two places can be one, as far as their lanes are known.
fn is_same(one: &Place, other: &Place) -> bool {
    let lanes = one.lane.is_none() || other.lane.is_none() || one.lane == other.lane;
    lanes && (one.calendar, one.start) == (other.calendar, other.start)
}

/// Whether it is a move that may have had an effect.
fn is_move(call: &Call) -> bool {
    let may = match call.outcome {
        Outcome::Appointment { fresh, .. } => fresh,
        Outcome::Unknown => true,
        _ => false,
    };
    may && matches!(call.what, What::Move(..))
}
