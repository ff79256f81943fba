//! What the documents promise, for two persons and two slots, told as simply as it can be.
//!
//! It knows no events, no journal and no clock: only commands, and what is said and seen after
//! each.

use super::act::{Act, Shape};

/// What has become of a booking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Held, and not past its deadline.
    Held,
    /// An appointment.
    Booked,
    /// Given back.
    Released,
    /// Run out.
    Expired,
    /// An appointment that was cancelled.
    Cancelled,
}

/// A booking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Whose.
    pub person: u8,
    /// Where it lies, or lay at last.
    pub slot: u8,
    /// In which lane.
    pub lane: u16,
    /// What has become of it.
    pub fate: Fate,
}

/// A refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "they are those of `Rejection`")]
pub enum Refusal {
    NoDose,
    SlotTaken,
    PersonHasHold,
    HoldReleased,
    HoldExpired,
    HoldConfirmed,
    UnknownAppointment,
    NotChangeable,
}

/// What is said to an act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// A hold of a booking.
    Hold {
        /// Which, counted from 0.
        booking: u8,
        /// Whose.
        person: u8,
        /// Of which slot.
        slot: u8,
        /// Whether this command made it.
        fresh: bool,
    },
    /// An appointment.
    Appointment {
        /// Which booking.
        booking: u8,
        /// Where it lies.
        slot: u8,
        /// In which lane.
        lane: u16,
        /// Whether it is cancelled.
        cancelled: bool,
        /// Whether this command made it so.
        fresh: bool,
    },
    /// The hold is no more.
    Released,
    /// A calendar with so many lanes, at this version.
    Changed {
        /// Which.
        calendar: u8,
        /// Its version.
        version: u32,
        /// Its lanes.
        lanes: u16,
    },
    /// It was refused.
    Refused(Refusal),
    /// It was no command.
    Nothing,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Past {
    act: Act,
    /// What it says again, if it left a trace.
    remembered: Option<Said>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Setting {
    lanes: u16,
    version: u32,
}

/// What is promised after some acts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spec {
    shape: Shape,
    calendars: [Setting; 2],
    bookings: Vec<Seen>,
    past: Vec<Past>,
}

/// An ordinal of a handful of things.
fn ordinal(len: usize) -> u8 {
    u8::try_from(len).unwrap_or(u8::MAX)
}

impl Spec {
    /// A fresh world with calendars of one lane.
    #[must_use]
    pub fn new(shape: Shape) -> Self {
        let calendars = [Setting { lanes: 1, version: 1 }; 2];
        Self { shape, calendars, bookings: Vec::new(), past: Vec::new() }
    }

    /// All bookings there were, in the order in which they were made.
    #[must_use]
    pub fn bookings(&self) -> &[Seen] {
        &self.bookings
    }

    /// Lanes and version of a calendar.
    #[must_use]
    pub fn setting(&self, calendar: u8) -> (u16, u32) {
        let setting = self.calendars.get(usize::from(calendar));
        setting.map_or((0, 0), |setting| (setting.lanes, setting.version))
    }

    /// The lanes that the next change of a calendar asks for.
    #[must_use]
    pub fn other_lanes(&self, calendar: u8) -> u16 {
        3 - self.setting(calendar).0
    }

    /// In how many lanes a slot is free.
    #[must_use]
    pub fn free(&self, slot: u8) -> u16 {
        if !self.has_dose() {
            return 0;
        }
        let (lanes, _) = self.setting(self.shape.calendar_of(slot));
        let free = (0..lanes).filter(|lane| self.is_free(slot, *lane));
        u16::try_from(free.count()).unwrap_or(0)
    }

    /// Whether a dose is left, where the world has one.
    fn has_dose(&self) -> bool {
        let lives = |seen: &Seen| matches!(seen.fate, Fate::Held | Fate::Booked);
        self.shape != Shape::OneDose || !self.bookings.iter().any(lives)
    }

    /// Everything that can be asked next.
    #[must_use]
    pub fn options(&self) -> Vec<Act> {
        let mut options = Vec::new();
        for person in 0..2 {
            options.extend((0..2).map(|slot| Act::Hold { person, slot }));
        }
        for booking in 0..ordinal(self.bookings.len()) {
            options.extend([Act::Confirm(booking), Act::Release(booking), Act::Cancel(booking)]);
            options.extend((0..2).map(|slot| Act::Move { booking, slot }));
        }
        options.extend((0..self.shape.calendars()).map(Act::Change));
        options.push(Act::Wait);
        for (place, past) in self.past.iter().enumerate() {
            if !matches!(past.act, Act::Wait | Act::Repeat(_)) {
                options.push(Act::Repeat(ordinal(place)));
            }
        }
        options
    }

    /// Does an act, and gives what is said.
    pub fn act(&mut self, act: Act) -> Said {
        let (said, trace) = self.ask(act);
        let remembered = trace.then_some(said);
        self.past.push(Past { act, remembered });
        said
    }

    /// What is said to an act, and whether it left a trace under its own name.
    fn ask(&mut self, act: Act) -> (Said, bool) {
        match act {
            Act::Hold { person, slot } => self.hold(person, slot),
            Act::Confirm(booking) => self.confirm(booking),
            Act::Release(booking) => self.release(booking),
            Act::Cancel(booking) => self.cancel(booking),
            Act::Move { booking, slot } => self.relocate(booking, slot),
            Act::Change(calendar) => self.change(calendar),
            Act::Wait => {
                let held = self.bookings.iter_mut().filter(|seen| seen.fate == Fate::Held);
                held.for_each(|seen| seen.fate = Fate::Expired);
                (Said::Nothing, false)
            }
            Act::Repeat(place) => (self.repeat(usize::from(place)), false),
        }
    }

    /// A repeat gets the first outcome; what left no trace is asked anew.
    fn repeat(&mut self, place: usize) -> Said {
        let Some(past) = self.past.get(place).cloned() else { return Said::Nothing };
        if let Some(said) = past.remembered {
            return said;
        }
        let (said, trace) = self.ask(past.act);
        if let Some(past) = self.past.get_mut(place).filter(|_| trace) {
            past.remembered = Some(said);
        }
        said
    }

    fn is_free(&self, slot: u8, lane: u16) -> bool {
        !self.bookings.iter().any(|seen| {
            let live = matches!(seen.fate, Fate::Held | Fate::Booked);
            live && (seen.slot, seen.lane) == (slot, lane)
        })
    }

    fn free_lane(&self, slot: u8) -> Option<u16> {
        let (lanes, _) = self.setting(self.shape.calendar_of(slot));
        (0..lanes).find(|lane| self.is_free(slot, *lane))
    }

    fn hold(&mut self, person: u8, slot: u8) -> (Said, bool) {
        let calendar = self.shape.calendar_of(slot);
        let own = self.bookings.iter().position(|seen| {
            // Where there are doses, one hold counts for all calendars.
            let here =
                self.shape == Shape::OneDose || self.shape.calendar_of(seen.slot) == calendar;
            here && seen.person == person && seen.fate == Fate::Held
        });
        let is_this = own.and_then(|own| self.bookings.get(own)).is_some_and(|s| s.slot == slot);
        if let Some(own) = own.filter(|_| is_this) {
            return (Said::Hold { booking: ordinal(own), person, slot, fresh: false }, false);
        }
        if !self.has_dose() {
            return refused(Refusal::NoDose);
        }
        let Some(lane) = self.free_lane(slot) else { return refused(Refusal::SlotTaken) };
        if own.is_some() {
            return refused(Refusal::PersonHasHold);
        }
        let booking = ordinal(self.bookings.len());
        self.bookings.push(Seen { person, slot, lane, fate: Fate::Held });
        (Said::Hold { booking, person, slot, fresh: true }, true)
    }

    fn appointment(&self, booking: u8, fresh: bool) -> (Said, bool) {
        let Some(seen) = self.bookings.get(usize::from(booking)) else {
            return refused(Refusal::UnknownAppointment);
        };
        let Seen { slot, lane, fate, .. } = *seen;
        let cancelled = fate == Fate::Cancelled;
        (Said::Appointment { booking, slot, lane, cancelled, fresh }, fresh)
    }

    fn fate(&self, booking: u8) -> Option<Fate> {
        self.bookings.get(usize::from(booking)).map(|seen| seen.fate)
    }

    fn become_of(&mut self, booking: u8, fate: Fate) {
        if let Some(seen) = self.bookings.get_mut(usize::from(booking)) {
            seen.fate = fate;
        }
    }

    fn confirm(&mut self, booking: u8) -> (Said, bool) {
        match self.fate(booking) {
            Some(Fate::Held) => {
                self.become_of(booking, Fate::Booked);
                self.appointment(booking, true)
            }
            Some(Fate::Released) => refused(Refusal::HoldReleased),
            Some(Fate::Expired) => refused(Refusal::HoldExpired),
            _ => self.appointment(booking, false),
        }
    }

    fn release(&mut self, booking: u8) -> (Said, bool) {
        match self.fate(booking) {
            Some(Fate::Held) => {
                self.become_of(booking, Fate::Released);
                (Said::Released, true)
            }
            Some(Fate::Released | Fate::Expired) => (Said::Released, false),
            _ => refused(Refusal::HoldConfirmed),
        }
    }

    fn cancel(&mut self, booking: u8) -> (Said, bool) {
        match self.fate(booking) {
            Some(Fate::Booked) => {
                self.become_of(booking, Fate::Cancelled);
                self.appointment(booking, true)
            }
            Some(Fate::Cancelled) => self.appointment(booking, false),
            _ => refused(Refusal::UnknownAppointment),
        }
    }

    fn relocate(&mut self, booking: u8, slot: u8) -> (Said, bool) {
        let Some(seen) = self.bookings.get(usize::from(booking)).copied() else {
            return refused(Refusal::UnknownAppointment);
        };
        match seen.fate {
            Fate::Booked => {}
            Fate::Cancelled => return refused(Refusal::NotChangeable),
            _ => return refused(Refusal::UnknownAppointment),
        }
        if seen.slot == slot {
            return self.appointment(booking, false);
        }
        // Within a calendar its own lane comes first.
        let calendar = self.shape.calendar_of(slot);
        let stays = self.shape.calendar_of(seen.slot) == calendar;
        let (lanes, _) = self.setting(calendar);
        let own =
            (stays && seen.lane < lanes && self.is_free(slot, seen.lane)).then_some(seen.lane);
        let Some(lane) = own.or_else(|| self.free_lane(slot)) else {
            return refused(Refusal::SlotTaken);
        };
        if let Some(seen) = self.bookings.get_mut(usize::from(booking)) {
            (seen.slot, seen.lane) = (slot, lane);
        }
        self.appointment(booking, true)
    }

    fn change(&mut self, calendar: u8) -> (Said, bool) {
        let lanes = self.other_lanes(calendar);
        if let Some(setting) = self.calendars.get_mut(usize::from(calendar)) {
            *setting = Setting { lanes, version: setting.version + 1 };
        }
        let (lanes, version) = self.setting(calendar);
        (Said::Changed { calendar, version, lanes }, true)
    }
}

fn refused(refusal: Refusal) -> (Said, bool) {
    (Said::Refused(refusal), false)
}
