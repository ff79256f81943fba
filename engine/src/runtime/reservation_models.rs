//! Reservations over every interleaving of three threads: claimed, lost, dropped, handed over,
//! and freed by what ends a hold or an appointment. Words have 64 bits here, and one slot crosses
//! from one into the next. Only in a build with `--cfg creneau_loom`.
//!
//! Whoever has a step writes into a cell of it without any lock. `loom` reports two that have it
//! at once, and also two that have it in turn where nothing orders the one after the other: so the
//! orderings of the slot words are checked too.

use loom::cell::UnsafeCell;
use loom::sync::{Arc, mpsc};
use loom::thread;

use super::*;
use crate::booking::{Calendar, Definition, Reason, StepRange};
use crate::runtime::claims::{Busy, Claims};
use crate::time::Timestamp;

/// Steps that are looked at, from the first of a word on.
const STEPS: usize = 128;

/// One cell for each step.
struct Owned([UnsafeCell<u8>; STEPS]);

#[expect(unsafe_code, reason = "cells without a lock are what loom watches")]
// SAFETY: loom runs one thread at a time, and fails the model where two would meet in a cell.
unsafe impl Sync for Owned {}

impl Owned {
    /// Takes or leaves steps that a claim gives the right to.
    fn write(&self, (first, count): Steps, owned: bool) {
        for cell in &self.0[first as usize..][..usize::from(count)] {
            cell.with_mut(|cell| {
                #[expect(unsafe_code, reason = "as above")]
                // SAFETY: as above.
                let cell = unsafe { &mut *cell };
                assert_ne!(*cell, u8::from(owned), "it has two owners");
                *cell = u8::from(owned);
            });
        }
    }
}

/// A first step, counted from the first word that is looked at, and a number of steps.
type Steps = (u32, u16);

/// The last two steps of a word and the first two of the next.
const CROSSING: Steps = (62, 4);

/// What overlaps it in the one word, and in the other.
const BEFORE: Steps = (60, 3);
const AFTER: Steps = (65, 3);

struct World {
    view: std::sync::Arc<View>,
    claims: std::sync::Arc<Claims>,
    owned: Owned,
    /// The step with which the words begin.
    base: u32,
}

impl World {
    fn new() -> Arc<Self> {
        let now: Timestamp = "2027-01-04T07:00:00Z".parse().unwrap();
        let mut definition = Definition::weekdays("Practice", "UTC");
        definition.reasons = vec![Reason::new("visit".parse().unwrap(), "Visit", 15)];
        definition.horizon_days = 1;
        // Open from the first of the steps that are looked at to the last.
        let day = crate::booking::Interval::new(0, 24 * 60);
        definition.weekly_hours.days.iter_mut().for_each(|hours| *hours = Vec::from_iter(day));
        let event = Calendar::create(CalendarId::from_bits(1), definition, now).unwrap();
        let calendar = Calendar::created(&event).unwrap();
        let view = std::sync::Arc::new(View::of(&calendar, now, 1, 0));
        let base = view.schedule.grid().floor(now).0 / 64 * 64 + 64;
        let owned = Owned(std::array::from_fn(|_| UnsafeCell::new(0)));
        Arc::new(Self { view, claims: std::sync::Arc::default(), owned, base })
    }

    fn bits(&self, (first, count): Steps) -> Bits {
        let first = crate::booking::Step(self.base + first);
        self.view.bits(StepRange { first, count }).unwrap()
    }

    /// Claims the steps alone.
    fn claim(&self, steps: Steps) -> Option<Reservation> {
        let slot = SlotClaim::any_lane(&self.view, self.bits(steps), 0)?;
        self.owned.write(steps, true);
        Some(Reservation::of(Some(slot), None))
    }

    /// Claims the steps, and the guard of a person.
    fn reserve(&self, steps: Steps, person: u128) -> Option<Reservation> {
        let slot = SlotClaim::any_lane(&self.view, self.bits(steps), 0)?;
        let guard = self.claims.claim(person).ok()?;
        self.owned.write(steps, true);
        Some(Reservation { slot: Some(slot), guards: vec![guard], dose: None })
    }

    /// What `apply` frees when a hold expires or an appointment is cancelled: the guard of a hold
    /// and the bits.
    fn ends(&self, steps: Steps, hold: HoldId, person: u128) {
        self.owned.write(steps, false);
        self.claims.release(person, hold);
        self.view.table().free(0, self.bits(steps));
    }

    fn dropped(&self, steps: Steps, reservation: Reservation) {
        self.owned.write(steps, false);
        drop(reservation);
    }

    fn is_free(&self, steps: Steps) -> bool {
        SlotClaim::any_lane(&self.view, self.bits(steps), 0).is_some()
    }
}

/// Runs `model` over every interleaving, and says how many those are.
fn complete(model: impl Fn() + Send + Sync + 'static) {
    let count = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(0));
    let counted = count.clone();
    loom::model(move || {
        counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        model();
    });
    println!("{count:?} interleavings");
}

const HOLD: HoldId = HoldId::from_bits(7);

/// Three claims that overlap in turn, each given back: at the end nothing is taken.
#[test]
fn loom_three_claims_lost_or_dropped_leave_nothing() {
    complete(|| {
        let world = World::new();
        let others = [BEFORE, AFTER].map(|steps| {
            let world = world.clone();
            thread::spawn(move || {
                if let Some(reservation) = world.claim(steps) {
                    world.dropped(steps, reservation);
                }
            })
        });
        if let Some(reservation) = world.claim(CROSSING) {
            world.dropped(CROSSING, reservation);
        }
        for other in others {
            other.join().unwrap();
        }
        assert!(world.is_free((58, 12)), "something is left");
    });
}

/// One reservation is handed over to the desk, which keeps it or refuses it, while two others
/// claim what overlaps it on either side.
fn handed_over(kept: bool) {
    let world = World::new();
    let (sender, receiver) = mpsc::channel::<Option<Reservation>>();
    let desk = {
        let world = world.clone();
        thread::spawn(move || {
            let Ok(Some(reservation)) = receiver.recv() else { return };
            match kept {
                true => reservation.consume(HOLD),
                false => world.dropped(CROSSING, reservation),
            }
        })
    };
    let other = {
        let world = world.clone();
        thread::spawn(move || world.reserve(BEFORE, 2))
    };
    let own = world.reserve(CROSSING, 1);
    let won = own.is_some();
    sender.send(own).unwrap();
    desk.join().unwrap();
    let other = other.join().unwrap();
    assert!(won || other.is_some(), "one of two wins");
    if kept && won {
        assert!(other.is_none() && !world.is_free(CROSSING), "what the desk keeps stays taken");
        assert!(matches!(world.claims.claim(1), Err(Busy::Kept(HOLD))));
    } else {
        assert!(world.is_free(AFTER), "what was refused is free");
        assert!(world.claims.holder(1).is_none());
    }
}

#[test]
fn loom_what_is_handed_over_stays_taken() {
    complete(|| handed_over(true));
}

#[test]
fn loom_what_the_desk_refuses_is_free() {
    complete(|| handed_over(false));
}

/// A hold ends, by expiry or by a release, while two persons claim its slot: at most one has it,
/// and none before it ended.
#[test]
fn loom_a_hold_expires_while_two_claim_its_slot() {
    complete(|| {
        let world = World::new();
        world.reserve(CROSSING, 1).unwrap().consume(HOLD);
        let desk = {
            let world = world.clone();
            thread::spawn(move || world.ends(CROSSING, HOLD, 1))
        };
        let other = {
            let world = world.clone();
            thread::spawn(move || world.reserve(AFTER, 2))
        };
        let own = world.reserve(CROSSING, 3);
        desk.join().unwrap();
        let other = other.join().unwrap();
        assert!(own.is_none() || other.is_none());
        assert!(world.claims.holder(1).is_none());
        assert_eq!(world.is_free(CROSSING), own.is_none() && other.is_none());
    });
}

/// An appointment is cancelled; whoever gets its slot hands it over, and loses it again.
#[test]
fn loom_a_cancelled_slot_goes_from_hand_to_hand() {
    complete(|| {
        let world = World::new();
        world.reserve(CROSSING, 1).unwrap().consume(HOLD);
        let desk = {
            let world = world.clone();
            thread::spawn(move || world.ends(CROSSING, HOLD, 1))
        };
        let other = {
            let world = world.clone();
            thread::spawn(move || {
                if let Some(reservation) = world.reserve(BEFORE, 2) {
                    world.dropped(BEFORE, reservation);
                }
            })
        };
        if let Some(reservation) = world.reserve(CROSSING, 3) {
            reservation.consume(HoldId::from_bits(8));
            world.ends(CROSSING, HoldId::from_bits(8), 3);
        }
        desk.join().unwrap();
        other.join().unwrap();
        assert!(world.is_free((58, 12)), "something is left");
    });
}

/// One person asks twice at once: one guard, and who loses it gives the slot back.
#[test]
fn loom_one_guard_lets_one_through() {
    complete(|| {
        let world = World::new();
        let others = [BEFORE, AFTER].map(|steps| {
            let world = world.clone();
            thread::spawn(move || {
                let won = world.reserve(steps, 1);
                let is = won.is_some();
                if let Some(reservation) = won {
                    reservation.consume(HOLD);
                }
                is
            })
        });
        let won = others.map(|other| other.join().unwrap());
        assert!(won[0] != won[1], "one of two");
        assert!(world.is_free(if won[0] { AFTER } else { BEFORE }));
    });
}

/// Two bookings with parts claim a room and a device, the one after the other; a third
/// request needs the second alone. At most one has it, and
/// what a lost one had claimed by then is free.
#[test]
fn loom_parts_are_claimed_all_or_none() {
    const ROOM: Steps = (0, 3);
    const DEVICE: Steps = (70, 3);
    fn all(world: &World, places: [Steps; 2]) -> bool {
        let Some(first) = world.claim(places[0]) else { return false };
        match world.claim(places[1]) {
            Some(second) => {
                first.consume(HOLD);
                second.consume(HOLD);
                true
            }
            None => {
                world.dropped(places[0], first);
                false
            }
        }
    }
    complete(|| {
        let world = World::new();
        let other = {
            let world = world.clone();
            thread::spawn(move || all(&world, [DEVICE, ROOM]))
        };
        let alone = {
            let world = world.clone();
            thread::spawn(move || world.claim(DEVICE).map(|it| it.consume(HOLD)).is_some())
        };
        let own = all(&world, [ROOM, DEVICE]);
        let (other, alone) = (other.join().unwrap(), alone.join().unwrap());
        assert!(u8::from(own) + u8::from(other) + u8::from(alone) <= 1, "two have the device");
        assert_eq!(world.is_free(ROOM), !own && !other, "the room");
        assert_eq!(world.is_free(DEVICE), !own && !other && !alone, "the device");
    });
}
