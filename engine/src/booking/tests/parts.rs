//! Bookings that occupy several calendars, against the simplest telling of them.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::super::calendar::Live;
use super::super::decide::decide_move;
use super::super::parts::{join, whole};
use super::super::practice::decide_accept;
use super::super::{
    Booking, By, Calendar, Command, Details, Event, Guard, Joined, Mark, Offer, Part, Rejection,
    Span, invariants,
};
use super::world::{HOLD_MS, at};
use super::{definition, reason, said};
use crate::ids::{CalendarId, HoldId, PersonId};
use crate::time::Timestamp;

/// Two practitioners, who take whomever they have time for, and two rooms: one that two can use at
/// a time, on a grid of its own, and one that is open in the morning alone.
const HOURS: [&str; 4] = ["08:00-18:00", "08:00-18:00", "08:00-18:00", "08:00-12:00"];
const LANES: [u16; 4] = [2, 2, 2, 1];
const GRIDS: [u8; 4] = [5, 15, 15, 5];

/// Minutes of a visit, and of it with its buffer.
const VISIT: i64 = 20;
const OCCUPIED: i64 = 25;

/// A booking as it is told here: whose, until when it is held if it is, and where it lies.
#[derive(Clone, Debug)]
struct Told {
    person: String,
    /// What an offer is for is another reason than that of what it is made for.
    reason: &'static str,
    held_until: Option<Timestamp>,
    start: Timestamp,
    /// Calendar, lane and identifier, its own first.
    lies: Vec<(usize, u16, HoldId)>,
    offer_for: Option<HoldId>,
}

struct Practice {
    calendars: Vec<Calendar>,
    now: Timestamp,
    told: BTreeMap<HoldId, Told>,
    ids: u128,
}

impl Practice {
    fn new() -> Self {
        let now = at("07:00");
        let calendar = |place: usize| {
            let mut set = definition(HOURS[place]);
            (set.lanes, set.grid_minutes) = (LANES[place], GRIDS[place]);
            // Rooms have no reasons of their own that anyone comes for.
            let names = if place < 2 { &["visit", "other"][..] } else { &["none"] };
            set.reasons = names.iter().map(|name| reason(name, 20, 5)).collect();
            let id = CalendarId::from_bits(place as u128 + 1);
            Calendar::created(&Calendar::create(id, set, now).unwrap()).unwrap()
        };
        let calendars = (0..HOURS.len()).map(calendar).collect();
        Self { calendars, now, told: BTreeMap::new(), ids: 100 }
    }

    fn id(&mut self) -> HoldId {
        self.ids += 1;
        HoldId::from_bits(self.ids)
    }

    fn place(&self, part: &Part) -> usize {
        self.calendars.iter().position(|calendar| calendar.id() == part.calendar).unwrap()
    }

    fn lives(&self, told: &Told) -> bool {
        told.held_until.is_none_or(|until| self.now < until)
    }

    /// The lanes of a calendar in which something lies, `except` left aside.
    fn taken(&self, place: usize, start: Timestamp, except: HoldId) -> BTreeSet<u16> {
        let until = start.plus_minutes(OCCUPIED);
        self.told
            .iter()
            .filter(|(id, told)| **id != except && self.lives(told))
            .filter(|(_, told)| told.start < until && start < told.start.plus_minutes(OCCUPIED))
            .flat_map(|(_, told)| &told.lies)
            .filter(|(at, ..)| *at == place)
            .map(|(_, lane, _)| *lane)
            .collect()
    }

    /// A lane of a calendar that is free; one that is not where there is none.
    fn lane(&self, place: usize, start: Timestamp, except: HoldId) -> u16 {
        let taken = self.taken(place, start, except);
        (0..LANES[place]).find(|lane| !taken.contains(lane)).unwrap_or(u16::MAX)
    }

    /// Lanes for parts: such as are free, or the first of each, be it free or not.
    fn lanes(
        &self,
        places: &[usize],
        start: Timestamp,
        (except, blindly): (HoldId, bool),
    ) -> Vec<u16> {
        let lane = |place: &usize| if blindly { 0 } else { self.lane(*place, start, except) };
        places.iter().map(lane).collect()
    }

    /// What is to be said of the parts of a booking, the first refusal first.
    fn refusal(
        &self,
        places: &[usize],
        lanes: &[u16],
        start: Timestamp,
        except: HoldId,
    ) -> Option<&'static str> {
        let refused = |(place, lane): (&usize, &u16)| {
            let minutes = (start.millis() - at("00:00").millis()) / 60_000;
            let grid = i64::from(GRIDS[*place]);
            let whole_steps = OCCUPIED + (-OCCUPIED).rem_euclid(grid);
            let closes = if *place == 3 { 12 * 60 } else { 18 * 60 };
            let open = minutes % grid == 0 && 8 * 60 <= minutes && minutes + whole_steps <= closes;
            match open {
                false => Some("PartClosed"),
                true if *lane == u16::MAX => Some("PartTaken"),
                true if self.taken(*place, start, except).contains(lane) => Some("PartTaken"),
                true => None,
            }
        };
        places.iter().zip(lanes).find_map(refused)
    }

    /// Ends what is due everywhere, as a calendar does before it serves a request.
    fn begin(&mut self) {
        for place in 0..self.calendars.len() {
            let due = self.calendars[place].decide(&Command::Expire, self.now).unwrap();
            due.iter().for_each(|event| self.apply(event));
        }
    }

    fn apply(&mut self, event: &Event) {
        for calendar in &mut self.calendars {
            calendar.apply(event);
            assert_eq!(invariants::check(calendar), Ok(()));
        }
    }

    /// Joins what a calendar has decided, and has it happen.
    fn happen(
        &mut self,
        decided: Result<Vec<Event>, Rejection>,
        lanes: &[u16],
    ) -> Result<Vec<Event>, Rejection> {
        let find = |part: &Part| self.calendars.iter().find(|it| it.id() == part.calendar);
        let joined = decided.and_then(|events| join(events, find, lanes, self.now));
        for event in joined.iter().flatten() {
            self.apply(event);
        }
        assert_eq!(joined.as_ref().map_or(Ok(()), |events| whole(events)), Ok(()));
        joined
    }

    fn hold(
        &mut self,
        who: u8,
        main: usize,
        start: Timestamp,
        others: &[usize],
        of: Option<HoldId>,
        blindly: bool,
    ) {
        self.begin();
        let person = format!("p{who}");
        let person = of.map_or(person, |of| self.told[&of].person.clone());
        let id = self.id();
        let parts: Vec<Part> = others
            .iter()
            .map(|place| Part { calendar: self.calendars[*place].id(), id: self.id() })
            .collect();
        let offer = of.map(|of| Offer::Appointment(of.into()));
        let reason = if of.is_some() { "other" } else { "visit" };
        let details = Details { joined: Joined::whole(parts.clone()), offer, ..Details::default() };
        let lane = self.lane(main, start, id);
        let lanes = self.lanes(others, start, (id, blindly));
        let command = Command::Hold {
            hold: id,
            person: PersonId::new(&*person).unwrap(),
            reason: reason.parse().unwrap(),
            start,
            lane,
            hold_ms: HOLD_MS,
            guards: if of.is_some() { Vec::new() } else { vec![Guard::per_calendar()] },
            details,
            by: if of.is_some() { By::Practice } else { By::Unsaid },
            overflow: false,
        };
        let decided = self.calendars[main].decide(&command, self.now);
        let refusal = self.refusal(others, &lanes, start, id);
        let alone = decided.clone();
        let told = self.happen(decided, &lanes);
        match (&alone, refusal) {
            (Ok(events), None) => {
                assert_eq!(told.as_ref().map(Vec::len), Ok(events.len() * (1 + parts.len())))
            }
            (Ok(events), Some(_)) if events.is_empty() => assert_eq!(told, Ok(Vec::new())),
            (Ok(_), Some(refusal)) => assert_eq!(said(&told), refusal),
            (Err(rejection), _) => assert_eq!(told.as_ref(), Err(rejection)),
        }
        if told.is_ok_and(|events| !events.is_empty()) {
            let own = [(main, lane, id)].into_iter();
            let others =
                parts.iter().zip(&lanes).map(|(part, lane)| (self.place(part), *lane, part.id));
            let lies = own.chain(others).collect();
            let held_until = Some(self.now.plus_ms(HOLD_MS));
            let offer_for = of;
            self.told.insert(id, Told { person, reason, held_until, start, lies, offer_for });
        }
    }

    /// A command about a booking, and how it is told here if it is done.
    fn of_hold(
        &mut self,
        id: HoldId,
        command: &Command,
        done: impl FnOnce(&mut Option<Told>, Timestamp),
    ) {
        self.begin();
        let main = self.told[&id].lies[0].0;
        let decided = self.calendars[main].decide(command, self.now);
        let parts = self.told[&id].lies.len();
        let changes = decided.as_ref().is_ok_and(|events| !events.is_empty());
        let told = self.happen(decided.clone(), &[]);
        assert_eq!(told.is_ok(), decided.is_ok());
        if changes {
            assert_eq!(told.map(|events| events.len()), Ok(parts));
            let mut after = self.told.remove(&id);
            done(&mut after, self.now);
            self.told.extend(after.map(|after| (id, after)));
        }
    }

    fn shift(&mut self, id: HoldId, to: usize, start: Timestamp, blindly: bool) {
        self.begin();
        let Told { lies, .. } = self.told[&id].clone();
        let main = lies[0].0;
        let places: Vec<usize> = lies[1..].iter().map(|(place, ..)| *place).collect();
        let lanes = self.lanes(&places, start, (id, blindly));
        let lane = self.lane(to, start, id);
        let target = (to != main).then(|| &self.calendars[to]);
        let by = By::Unsaid;
        let own = &self.calendars[main];
        let decided = decide_move(own, target, id, start, (lane, None), &by, self.now);
        let refusal = self.refusal(&places, &lanes, start, id);
        let moves = decided.as_ref().is_ok_and(|events| !events.is_empty());
        let told = self.happen(decided.clone(), &lanes);
        match refusal {
            Some(refusal) if moves => assert_eq!(said(&told), refusal),
            _ => assert_eq!(told.is_ok(), decided.is_ok()),
        }
        if moves && told.is_ok() {
            let known = self.told.get_mut(&id).unwrap();
            known.start = start;
            known.lies[0] = (to, lane, id);
            known.lies[1..].iter_mut().zip(lanes).for_each(|(lies, lane)| lies.1 = lane);
        }
    }

    fn accept(&mut self, offer: HoldId) {
        self.begin();
        let Some(of) = self.told[&offer].offer_for.filter(|of| self.told.contains_key(of)) else {
            return;
        };
        let (main, to) = (self.told[&of].lies[0].0, self.told[&offer].lies[0].0);
        let target = (to != main).then(|| &self.calendars[to]);
        let asked = (offer, of.into());
        let decided = decide_accept(&self.calendars[main], target, asked, &By::Unsaid, self.now);
        let told = self.happen(decided.clone(), &[]);
        assert_eq!(told.is_ok(), decided.is_ok(), "{told:?}");
        if told.is_ok_and(|events| !events.is_empty()) {
            let Told { start, lies, reason, .. } = self.told.remove(&offer).unwrap();
            let known = self.told.get_mut(&of).unwrap();
            (known.start, known.reason) = (start, reason);
            for (at, (place, lane, _)) in known.lies.iter_mut().zip(lies) {
                (at.0, at.1) = (place, lane);
            }
        }
    }

    /// Every calendar has what is told here, and nothing else.
    fn agree(&self) {
        for (place, calendar) in self.calendars.iter().enumerate() {
            let due = |until: Option<Timestamp>| until.is_some_and(|until| until <= self.now);
            let here = calendar.live().filter(|live| !due(live.deadline()));
            let shown = |live: &Live| {
                let Booking { span, details, reason, .. } = &live.booking;
                (*span, live.deadline(), details.offer, reason.id.to_string())
            };
            let here: BTreeMap<_, _> = here.map(|live| (live.booking.id, shown(live))).collect();
            let told = self.told.values().filter(|told| self.lives(told));
            let span = |told: &Told, lane| Span {
                lane,
                start: told.start,
                end: told.start.plus_minutes(VISIT),
                occupied_until: told.start.plus_minutes(OCCUPIED),
            };
            let told = told.flat_map(|told| {
                let lies = told.lies.iter().filter(|(at, ..)| *at == place);
                let offer = told.offer_for.map(|of| Offer::Appointment(of.into()));
                let (until, reason) = (told.held_until, told.reason.to_owned());
                lies.map(move |(_, lane, id)| {
                    (*id, (span(told, *lane), until, offer, reason.clone()))
                })
            });
            assert_eq!(here, told.collect(), "calendar {place}");
        }
    }
}

#[derive(Clone, Debug)]
enum Act {
    Wait(i64),
    Hold(u8, usize, i64, Vec<usize>, bool),
    Offer(prop::sample::Index, usize, i64),
    Confirm(prop::sample::Index),
    Release(prop::sample::Index),
    Renew(prop::sample::Index),
    Cancel(prop::sample::Index),
    Shift(prop::sample::Index, usize, i64, bool),
    Accept(prop::sample::Index),
    Restart,
}

fn act() -> impl Strategy<Value = Act> {
    let pick = any::<prop::sample::Index>;
    let others = prop_oneof![
        2 => Just(vec![]),
        2 => Just(vec![2]),
        2 => Just(vec![3]),
        2 => Just(vec![2, 3]),
        1 => Just(vec![3, 2]),
    ];
    // Few starts, so that they meet.
    let start = || 0i64..14;
    let blindly = || prop::bool::weighted(0.3);
    let hold = |(a, b, c, d, e)| Act::Hold(a, b, c, d, e);
    let shift = |(a, b, c, d)| Act::Shift(a, b, c, d);
    prop_oneof![
        2 => (1i64..20).prop_map(Act::Wait),
        8 => (0u8..6, 0usize..2, start(), others, blindly()).prop_map(hold),
        2 => (pick(), 0usize..2, start()).prop_map(|(a, b, c)| Act::Offer(a, b, c)),
        6 => pick().prop_map(Act::Confirm),
        1 => pick().prop_map(Act::Release),
        1 => pick().prop_map(Act::Renew),
        2 => pick().prop_map(Act::Cancel),
        4 => (pick(), 0usize..2, start(), blindly()).prop_map(shift),
        2 => pick().prop_map(Act::Accept),
        1 => Just(Act::Restart),
    ]
}

/// Every five minutes around noon, when one of the rooms closes.
fn start_of(number: i64) -> Timestamp {
    at("11:00").plus_minutes(5 * number)
}

proptest! {
    /// A booking has all of its calendars or none of them, whatever is asked.
    #[test]
    fn all_or_none(acts in prop::collection::vec(act(), 1..60)) {
        let mut practice = Practice::new();
        for act in acts {
            let known: Vec<HoldId> = practice.told.keys().copied().collect();
            let pick = |index: prop::sample::Index| {
                (!known.is_empty()).then(|| known[index.index(known.len())])
            };
            let by = By::Unsaid;
            match act {
                Act::Wait(minutes) => practice.now = practice.now.plus_minutes(minutes),
                Act::Hold(who, main, start, others, blindly) => {
                    practice.hold(who, main, start_of(start), &others, None, blindly);
                }
                Act::Offer(of, main, start) => {
                    let Some(of) = pick(of) else { continue };
                    let told = &practice.told[&of];
                    if told.held_until.is_none() {
                        let others = told.lies[1..].iter().map(|(place, ..)| *place);
                        let others: Vec<usize> = others.collect();
                        practice.hold(0, main, start_of(start), &others, Some(of), false);
                    }
                }
                Act::Confirm(of) => {
                    let Some(hold) = pick(of) else { continue };
                    let confirm = Command::Confirm { hold, by };
                    practice.of_hold(hold, &confirm, |told, _| {
                        told.iter_mut().for_each(|told| told.held_until = None);
                    });
                }
                Act::Release(of) => {
                    let Some(hold) = pick(of) else { continue };
                    practice.of_hold(hold, &Command::Release { hold, by }, |told, _| *told = None);
                }
                Act::Renew(of) => {
                    let Some(hold) = pick(of) else { continue };
                    let renew = Command::Renew { hold, by, hold_ms: HOLD_MS, renewals: 1 };
                    practice.of_hold(hold, &renew, |told, now| {
                        let until = Some(now.plus_ms(HOLD_MS));
                        told.iter_mut().for_each(|told| told.held_until = until);
                    });
                }
                Act::Cancel(of) => {
                    let Some(hold) = pick(of) else { continue };
                    practice.of_hold(hold, &Command::Cancel { hold, by }, |told, _| *told = None);
                }
                Act::Shift(of, to, start, blindly) => {
                    let Some(hold) = pick(of) else { continue };
                    practice.shift(hold, to, start_of(start), blindly);
                }
                Act::Accept(of) => {
                    let Some(hold) = pick(of) else { continue };
                    practice.accept(hold);
                }
                Act::Restart => {
                    let restored = |it: &Calendar| Calendar::restored(it.snapshot()).unwrap();
                    practice.calendars = practice.calendars.iter().map(restored).collect();
                }
            }
            practice.agree();
        }
    }
}

/// What is due ends in each calendar by itself, and nobody can have the one without the other.
#[test]
fn a_part_is_nothing_by_itself() {
    let mut practice = Practice::new();
    practice.hold(1, 0, at("09:00"), &[2, 3], None, false);
    let (id, told) = practice.told.first_key_value().map(|(id, told)| (*id, told.clone())).unwrap();
    let (room, _, part) = told.lies[1];
    let by = By::Unsaid;
    let alone =
        practice.calendars[0].decide(&Command::Confirm { hold: id, by: by.clone() }, practice.now);
    let alone = alone.and_then(|events| join(events, |_| None, &[], practice.now));
    assert_eq!(alone, Err(Rejection::UnknownHold), "its rooms are not there to be asked");
    for command in [
        Command::Confirm { hold: part, by: by.clone() },
        Command::Release { hold: part, by: by.clone() },
        Command::Renew { hold: part, by: by.clone(), hold_ms: HOLD_MS, renewals: 1 },
    ] {
        let told = practice.calendars[room].decide(&command, practice.now);
        assert_eq!(told, Err(Rejection::UnknownHold), "{command:?}");
    }
    practice.now = practice.now.plus_ms(HOLD_MS);
    let due = practice.calendars[room].decide(&Command::Expire, practice.now).unwrap();
    assert_eq!(due.iter().filter_map(Event::booking).map(|it| it.id).collect::<Vec<_>>(), [part]);
    assert_eq!(whole(&due), Ok(()));
    due.iter().for_each(|event| practice.apply(event));
    let late = practice.calendars[0].decide(&Command::Confirm { hold: id, by }, practice.now);
    assert_eq!(late, Err(Rejection::HoldExpired));
}

/// An offer for another reason brings it to the parts too.
#[test]
fn what_is_accepted_is_accepted_with_its_parts() {
    let mut practice = Practice::new();
    practice.hold(1, 0, at("09:00"), &[2], None, false);
    let of = *practice.told.first_key_value().unwrap().0;
    practice.of_hold(of, &Command::Confirm { hold: of, by: By::Unsaid }, |told, _| {
        told.iter_mut().for_each(|told| told.held_until = None);
    });
    practice.hold(1, 1, at("11:00"), &[2], Some(of), false);
    let offer = *practice.told.last_key_value().unwrap().0;
    practice.accept(offer);
    practice.agree();
    assert_eq!(practice.told[&of].reason, "other");
}

/// Nor is a part of an appointment one that anyone can change or mark.
#[test]
fn a_part_of_an_appointment_is_none() {
    let mut practice = Practice::new();
    practice.hold(1, 0, at("09:00"), &[2], None, false);
    let (id, told) = practice.told.first_key_value().map(|(id, told)| (*id, told.clone())).unwrap();
    practice.of_hold(id, &Command::Confirm { hold: id, by: By::Unsaid }, |_, _| {});
    let (room, _, part) = told.lies[1];
    let (room, now) = (&practice.calendars[room], practice.now);
    for command in [
        Command::Cancel { hold: part, by: By::Unsaid },
        Command::Mark { hold: part, mark: Mark::Arrived },
    ] {
        let told = room.decide(&command, now);
        assert_eq!(told, Err(Rejection::UnknownAppointment), "{command:?}");
    }
    let moved = decide_move(room, None, part, at("10:00"), (0, None), &By::Unsaid, now);
    assert_eq!(moved, Err(Rejection::UnknownAppointment));
}

/// Half of a booking is seen to be half.
#[test]
fn half_of_it_is_told() {
    let mut practice = Practice::new();
    practice.hold(1, 0, at("09:00"), &[2], None, false);
    let live = |place: usize| practice.calendars[place].live().next().unwrap().clone();
    let held = |booking: Booking| {
        let (at, deadline, guards) = (at("07:00"), at("07:15"), Vec::new());
        Event::Held { at, booking, deadline, guards }
    };
    let (main, part) = (held(live(0).booking), held(live(2).booking));
    assert_eq!(whole(&[main.clone(), part.clone()]), Ok(()));
    assert!(whole(std::slice::from_ref(&main)).is_err());
    assert!(whole(&[part]).is_err());
    // Something is there for the part: at another time, elsewhere, of another, or another thing.
    let with = |change: &dyn Fn(&mut Booking)| {
        let mut booking = live(2).booking;
        change(&mut booking);
        whole(&[main.clone(), held(booking)])
    };
    assert!(with(&|it| it.span.start = at("09:05")).is_err());
    assert!(with(&|it| it.calendar = CalendarId::from_bits(4)).is_err());
    let of_another = Joined::part_of(HoldId::from_bits(9));
    let other = Details { joined: of_another, ..Details::default() };
    assert!(with(&|it| it.details = other.clone().into()).is_err());
    let cancelled = Event::Cancelled { at: at("07:00"), booking: live(2).booking };
    assert!(whole(&[main.clone(), cancelled]).is_err());
}
