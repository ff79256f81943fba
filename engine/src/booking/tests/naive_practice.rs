//! What a practice does beside booking, told as simply as the rest.

use super::naive::{Naive, State, Told, Who, local};
use crate::booking::{Mark, Offer};
use crate::ids::HoldId;

impl Naive {
    pub(super) fn renew(&mut self, calendar: usize, id: HoldId, who: Who, ms: i64) -> Told {
        self.theirs(calendar, id, who)?;
        let (Some(place), _) = self.find(calendar, id) else {
            return Err(if self.find(calendar, id).1 { "HoldConfirmed" } else { "UnknownHold" });
        };
        let now = self.now;
        let line = &mut self.lines[place];
        match &mut line.state {
            State::Held { deadline, .. } if *deadline <= now => Err("HoldExpired"),
            State::Held { .. } if line.offer.is_some() => Err("RenewalsSpent"),
            State::Held { renewals: 1.., .. } => Err("RenewalsSpent"),
            State::Held { deadline, renewals, .. } => {
                (*deadline, *renewals) = ((now + ms).max(*deadline), 1);
                Ok("Renewed")
            }
            State::Ended("released") => Err("HoldReleased"),
            State::Ended("expired") => Err("HoldExpired"),
            State::Booked | State::Marked(_) | State::Ended(_) => Err("HoldConfirmed"),
        }
    }

    pub(super) fn mark(&mut self, calendar: usize, id: HoldId, mark: Mark) -> Told {
        let place = self.find(calendar, id).0.ok_or("UnknownAppointment")?;
        let now = self.now;
        let line = &mut self.lines[place];
        let come = match mark {
            Mark::Arrived => local(line.start).0 <= local(now).0,
            Mark::Fulfilled | Mark::NoShow => line.start <= now,
        };
        match line.state {
            State::Marked(before) if before == mark => Ok("nothing"),
            State::Marked(Mark::Fulfilled) | State::Ended("cancelled") => Err("NotChangeable"),
            State::Booked | State::Marked(_) if !come => Err("NotYet"),
            State::Booked | State::Marked(_) => {
                line.state = State::Marked(mark);
                Ok("Marked")
            }
            _ => Err("UnknownAppointment"),
        }
    }

    /// Minutes that a practice is late, until its day ends.
    pub(super) fn delay(&mut self, calendar: usize, minutes: u16) -> Told {
        if 720 < minutes {
            return Err("Invalid");
        }
        let today = local(self.now).0;
        let late = self.late[calendar].filter(|(day, _)| *day == today).map_or(0, |late| late.1);
        if late == minutes {
            return Ok("nothing");
        }
        self.late[calendar] = (minutes != 0).then_some((today, minutes));
        Ok("Delayed")
    }

    pub(super) fn accept(
        &mut self,
        (from, to): (usize, usize),
        hold: HoldId,
        id: HoldId,
        who: Who,
    ) -> Told {
        let offer = self.find(to, hold).0.ok_or("UnknownHold")?;
        let line = self.lines[offer].clone();
        let deadline = match line.state {
            State::Ended("accepted") => return Ok("nothing"),
            State::Ended("released") => return Err("HoldReleased"),
            State::Ended("expired") => return Err("HoldExpired"),
            State::Held { deadline, .. } => deadline,
            _ => return Err("UnknownHold"),
        };
        if line.offer != Some(Offer::Appointment(id.into())) {
            return Err("UnknownHold");
        }
        self.theirs(to, hold, who)?;
        if deadline <= self.now {
            return Err("HoldExpired");
        }
        if line.start < self.now {
            return Err("InThePast");
        }
        let place = match self.changeable(from, id, who) {
            // The practice has offered it, however late it is.
            Err("TooLate") => self.find(from, id).0.ok_or("UnknownAppointment")?,
            place => place?,
        };
        if self.lines[place].person != line.person {
            return Err("UnknownHold");
        }
        self.lines[offer].state = State::Ended("accepted");
        let moved = &mut self.lines[place];
        if from != to {
            moved.left.push(from);
        }
        (moved.calendar, moved.lane, moved.reason) = (to, line.lane, line.reason);
        (moved.start, moved.until) = (line.start, line.until);
        Ok("Accepted")
    }
}
