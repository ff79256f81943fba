//! Requests that concern several calendars: moves from one to another, and bookings with parts.

use std::sync::Arc;
use std::time::Duration;

use super::{Engine, refused};
use crate::booking::{Booking, Command, Part, Rejection};
use crate::error::{Answer, Error};
use crate::ids::{CalendarId, HoldId};
use crate::journal::Remembered;
use crate::limits::{MOVE_WAIT_MS, PARK_WAIT_MS, PARTS_MAX};
use crate::metrics::Full;
use crate::request::{FindSlots, FoundSlots, HoldSlot};
use crate::runtime::sync::{self, oneshot};
use crate::runtime::{
    Claim, Directory, Entry, Joint, JointAsked, Message, Parked, Permit, Share, Verdict, Work,
    expire, order_joint,
};

/// What a request keeps until it is answered: its name, and its person's turn in a campaign.
pub(super) type Kept = (Option<(Remembered, Claim)>, Option<Claim>);

/// A calendar that has admitted a request.
pub(super) type Admitted = (Arc<Entry>, Permit);

impl Engine {
    /// Has the calendars on which a booking lies serve a command about it that claims no slot.
    pub(super) async fn settle_whole(
        &self,
        booking: &Booking,
        command: Command,
        kept: Kept,
    ) -> Result<Verdict, Error> {
        if booking.details.parts().is_empty() {
            return self.settle(booking.calendar, Work::Command(command), kept).await;
        }
        self.jointly(booking, booking.calendar, Joint::Command(command), kept).await
    }

    /// Has the calendars of an appointment, and one that it may go to, serve a request about it.
    pub(super) async fn jointly(
        &self,
        booking: &Booking,
        to: CalendarId,
        what: Joint,
        (named, turn): Kept,
    ) -> Result<Verdict, Error> {
        let mut admitted = self.admitted(booking.lies_on().chain([to]), Share::Settle)?;
        if let Some((entry, permit)) = admitted.pop() {
            admitted.push((entry, permit.with(turn)));
        }
        Box::pin(self.joint(admitted, (booking.calendar, to), what, named)).await
    }

    /// Admits a request to several calendars.
    pub(super) fn admitted(
        &self,
        calendars: impl Iterator<Item = CalendarId>,
        share: Share,
    ) -> Result<Vec<Admitted>, Error> {
        let mut calendars: Vec<CalendarId> = calendars.collect();
        calendars.sort_unstable();
        calendars.dedup();
        calendars.into_iter().map(|id| self.directory().admit(id, share)).collect()
    }

    /// Serves a request that concerns several calendars, of which the first end decides and the
    /// second has what it takes. All of them stand still while it is decided; they are stopped in
    /// the order of their identifiers, each for a bounded time, so that no two requests wait for
    /// each other.
    pub(super) async fn joint(
        &self,
        mut admitted: Vec<Admitted>,
        ends: (CalendarId, CalendarId),
        what: Joint,
        named: Option<(Remembered, Claim)>,
    ) -> Result<Verdict, Error> {
        let directory = self.directory().clone();
        admitted.sort_by_key(|(entry, _)| entry.id);
        // On a task of its own: a host that stops polling must not hold several calendars.
        let work = async move {
            let (reply, verdict) = oneshot::channel();
            {
                // All are awake before one stands still: nobody waits there for a disk.
                for (entry, _) in &admitted {
                    directory.rouse(entry).await?;
                }
                let mut parked = Vec::with_capacity(admitted.len());
                for (entry, _) in &admitted {
                    // Nobody stands behind a request that waits for its first calendar.
                    let wait_ms = if parked.is_empty() { MOVE_WAIT_MS } else { PARK_WAIT_MS };
                    parked.push(park(&directory, entry, wait_ms).await?);
                }
                let mut desks: Vec<_> = parked.iter_mut().filter_map(Parked::desk).collect();
                if desks.len() != admitted.len() {
                    return Err(Error::OutcomeUnknown);
                }
                let permits = admitted.into_iter().map(|(_, permit)| permit).collect();
                order_joint(&mut desks, ends, what, JointAsked { named, permits, reply });
            }
            verdict.await.map_err(|_| Error::OutcomeUnknown)
        };
        match sync::spawn(work).await.map_err(|_| Error::OutcomeUnknown)?? {
            Verdict::Failed(error) => Err(error),
            verdict => Ok(verdict),
        }
    }

    /// As [`Engine::find_slots`], of those slots those alone that have room on `others` too, as a
    /// hold with such parts needs it. A page may have fewer than its limit, and go on all the same.
    ///
    /// Refused as [`Engine::find_slots`], and as [`Rejection::Invalid`] for too many others.
    ///
    /// # Errors
    ///
    /// [`Error`] when the engine cannot answer; see its variants.
    pub async fn find_slots_with(
        &self,
        wanted: FindSlots,
        others: &[CalendarId],
    ) -> Answer<FoundSlots> {
        let (shared, directory) = (self.shared(), self.directory());
        let (calendar, reason) = (wanted.calendar, wanted.reason.clone());
        let mut found = match self.find_slots(wanted).await? {
            Ok(found) => found,
            Err(rejection) => return refused(rejection),
        };
        if PARTS_MAX < others.len() {
            let rule = format!("must be at most {PARTS_MAX} calendars");
            return refused(Rejection::Invalid { field: "with".to_owned(), rule });
        }
        if others.is_empty() {
            return Ok(Ok(found));
        }
        let view = directory.view(&directory.entry(calendar)).await?;
        let reason = view.schedule.definition().reason(&reason);
        let occupied = reason.map_or(0, |reason| i64::from(reason.occupied_minutes()));
        for other in others {
            if !shared.index.knows(*other) {
                return refused(Rejection::UnknownCalendar);
            }
            let view = directory.view(&directory.entry(*other)).await?;
            shared.queue.durable(view.rests_on).await?;
            let now = shared.now();
            if view.has_due(now) {
                // What is past its deadline is free, and shall be seen so.
                let _ = expire(directory.clone(), *other, Share::Hold).await;
            }
            found
                .slots
                .retain(|slot| view.has_room(slot.start, slot.start.plus_minutes(occupied), now));
        }
        Ok(Ok(found))
    }

    /// Identifiers for the parts of a hold, each time new ones.
    pub(super) fn with_ids(&self, parts: &[Part]) -> Vec<Part> {
        let id = || HoldId::from_bits(self.shared().random.bits());
        parts.iter().map(|part| Part { id: id(), ..*part }).collect()
    }

    /// Whether a slot's calendar is known, and those of its parts are others, which are known too.
    pub(super) fn check_calendars(&self, asked: &HoldSlot) -> Result<(), Rejection> {
        let parts = asked.details.parts();
        if !self.shared().index.knows(asked.calendar) {
            return Err(Rejection::UnknownCalendar);
        }
        let twice = |(place, part): (usize, &Part)| {
            part.calendar == asked.calendar
                || parts.iter().take(place).any(|other| other.calendar == part.calendar)
        };
        if PARTS_MAX < parts.len() || parts.iter().enumerate().any(twice) {
            let rule = format!("must be at most {PARTS_MAX} other calendars, each once");
            return Err(Rejection::Invalid { field: "with".to_owned(), rule });
        }
        if parts.iter().any(|part| !self.shared().index.knows(part.calendar)) {
            return Err(Rejection::UnknownCalendar);
        }
        Ok(())
    }
}

/// Has a calendar stand still, if it comes to that in `wait_ms`. The caller holds a permit.
async fn park(directory: &Directory, entry: &Arc<Entry>, wait_ms: u64) -> Result<Parked, Error> {
    let (sender, parked) = oneshot::channel();
    directory.send(entry, Message::Park(sender)).await?;
    match sync::timeout(Duration::from_millis(wait_ms), parked).await {
        Ok(parked) => parked.map_err(|_| Error::OutcomeUnknown),
        Err(_) => Err(directory.overloaded(Full::Contended)),
    }
}
