//! Waiting lists as the journal has them: whether who was offered something waited for it, and
//! whether nobody who came before wanted it.
//!
//! It knows no hours of calendars: two who wait for the same reason on the same terms can have the
//! same slots, so whoever came first must be asked first, unless they are passed over.

use std::collections::{BTreeMap, BTreeSet};

use jiff::tz::TimeZone;

use crate::booking::{Booking, Definition, Event, Offer, Wish};
use crate::ids::{AppointmentId, CalendarId, PersonId, ReasonId, WishId};
use crate::limits::WISH_OFFERS_MAX;
use crate::time::Timestamp;

/// One who waits.
#[derive(Clone, Debug)]
struct Entry {
    wish: Wish,
    passed: Vec<Timestamp>,
}

/// What is known of a calendar beside its list.
#[derive(Clone, Debug, Default)]
struct Terms {
    zone: String,
    /// Reasons of which a day has so many only.
    counted: Vec<ReasonId>,
}

/// All lists.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lists {
    lists: BTreeMap<CalendarId, Vec<Entry>>,
    terms: BTreeMap<CalendarId, Terms>,
    /// Wishes of which an offer was accepted, in any calendar.
    granted: BTreeSet<WishId>,
}

/// What the rest of the journal says of those who wait.
pub(crate) trait Known {
    /// Whether a person holds something in a calendar, or is to be there at that time; `except` is
    /// an appointment left aside.
    fn is_busy(
        &self,
        calendar: CalendarId,
        person: &PersonId,
        times: (Timestamp, Timestamp),
        except: Option<AppointmentId>,
    ) -> bool;

    /// When an appointment starts that lies in a calendar and can be moved.
    fn starts(&self, calendar: CalendarId, id: AppointmentId) -> Option<Timestamp>;
}

impl Lists {
    /// Takes in what an event says of lists. What it offers is to be judged before.
    pub(crate) fn take(&mut self, event: &Event) {
        match event {
            Event::CalendarCreated { calendar, definition, .. }
            | Event::CalendarChanged { calendar, definition, .. } => {
                self.terms.insert(*calendar, Terms::of(definition));
            }
            Event::Wished { calendar, wish, .. } => {
                let entry = Entry { wish: (**wish).clone(), passed: Vec::new() };
                self.lists.entry(*calendar).or_default().push(entry);
            }
            Event::Withdrawn { calendar, wish, .. } => {
                self.list(*calendar).retain(|entry| entry.wish.id != *wish);
            }
            Event::Confirmed { booking, .. } => self.end(booking),
            Event::Accepted { taken, .. } => self.end(&taken.offer),
            Event::Released { booking, .. } | Event::Expired { booking, .. } => {
                let start = booking.span.start;
                let of = |entry: &Entry| Some(entry.wish.id) == booking.details.wish;
                self.list(booking.calendar).retain_mut(|entry| {
                    if of(entry) {
                        entry.passed.push(start);
                    }
                    entry.passed.len() < WISH_OFFERS_MAX
                });
            }
            _ => {}
        }
        let over = |entry: &Entry| entry.wish.until <= event.at();
        if let Some(list) = event.calendar().and_then(|id| self.lists.get_mut(&id)) {
            list.retain(|entry| !over(entry));
        }
    }

    fn list(&mut self, calendar: CalendarId) -> &mut Vec<Entry> {
        self.lists.entry(calendar).or_default()
    }

    fn end(&mut self, offer: &Booking) {
        if let Some(wish) = offer.details.wish {
            self.list(offer.calendar).retain(|entry| entry.wish.id != wish);
            self.granted.insert(wish);
        }
    }

    /// Whether what an event accepts, if it does, is the first that its wish has come to.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub(crate) fn judge_grant(&self, event: &Event) -> Result<(), String> {
        let offer = match event {
            Event::Confirmed { booking, .. } => booking,
            Event::Accepted { taken, .. } => &taken.offer,
            _ => return Ok(()),
        };
        // A place in the line of a campaign is judged with its dose.
        let of_list = offer.details.wish.filter(|_| offer.details.dose.is_none());
        match of_list.filter(|wish| self.granted.contains(wish)) {
            Some(wish) => Err(format!("{} is accepted, and {wish} was granted before", offer.id)),
            None => Ok(()),
        }
    }

    /// Whether an offer goes to the first who waits for it.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub(crate) fn judge(
        &self,
        (at, booking, deadline): (Timestamp, &Booking, Timestamp),
        known: &impl Known,
    ) -> Result<(), String> {
        // The lines of campaigns are judged with their doses.
        let of_list = booking.details.wish.filter(|_| booking.details.dose.is_none());
        let Some(wish) = of_list else { return Ok(()) };
        let (id, calendar) = (booking.id, booking.calendar);
        let list = self.lists.get(&calendar).map(Vec::as_slice).unwrap_or_default();
        let place = list.iter().position(|entry| entry.wish.id == wish);
        let place =
            place.ok_or_else(|| format!("{id} is offered for {wish}, which is not there"))?;
        let terms = self.terms.get(&calendar).cloned().unwrap_or_default();
        let times = (booking.span.start, booking.span.occupied_until);
        let (before, own) = list.split_at(place);
        let Some(Entry { wish, .. }) = own.first() else { return Ok(()) };
        let offer = wish.instead_of.map_or(Offer::Person, Offer::Appointment);
        let same = (&wish.person, &wish.reason, &wish.booked_by)
            == (&booking.person, &booking.reason.id, &booking.details.booked_by);
        let lasts = deadline == at.plus_ms(wish.answer_ms) && deadline <= times.0;
        let wants = own.first().is_some_and(|own| terms.wants(own, times));
        let free = !known.is_busy(calendar, &wish.person, times, wish.instead_of);
        if !same || !lasts || !wants || !free || booking.details.offer != Some(offer) {
            return Err(format!("{id} is not what {} is for", wish.id));
        }
        let alike = |entry: &&Entry| {
            (&entry.wish.reason, entry.wish.standing, entry.wish.by_video)
                == (&wish.reason, wish.standing, wish.by_video)
        };
        // What counts for a day leaves out an appointment that is to be moved.
        let counted = terms.counted.contains(&wish.reason);
        for earlier in before.iter().filter(alike).filter(|_| !counted) {
            let other = &earlier.wish;
            let earlier_than = match other.instead_of {
                None => Some(other.until),
                Some(appointment) => known.starts(calendar, appointment),
            };
            let could = earlier_than.is_some_and(|before| times.0 < before)
                && at.plus_ms(other.answer_ms) <= times.0
                && terms.wants(earlier, times)
                && !known.is_busy(calendar, &other.person, times, other.instead_of);
            if could {
                return Err(format!(
                    "{id} is offered for {}, and {} came before",
                    wish.id, other.id
                ));
            }
        }
        Ok(())
    }
}

impl Terms {
    fn of(definition: &Definition) -> Self {
        let counted = definition.reasons.iter().filter(|it| it.rules.per_day.is_some());
        let counted = counted.map(|reason| reason.id.clone()).collect();
        Self { zone: definition.time_zone.clone(), counted }
    }

    fn wants(
        &self,
        Entry { wish, passed }: &Entry,
        (start, until): (Timestamp, Timestamp),
    ) -> bool {
        let lasts = until.millis() - start.millis();
        let beside = |other: &Timestamp| (other.millis() - start.millis()).abs() < lasts;
        if start < wish.from || wish.until <= start || passed.iter().any(beside) {
            return false;
        }
        let Some(when) = &wish.when else { return true };
        let Ok(zone) = TimeZone::get(&self.zone) else { return false };
        let local = zone.to_datetime(start.to_jiff());
        let minute = i16::from(local.hour()) * 60 + i16::from(local.minute());
        let minute = minute.unsigned_abs();
        when.on(local.date()).iter().any(|it| (it.start()..it.end()).contains(&minute))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::booking::{Details, ReasonRef, Span};
    use crate::ids::HoldId;

    fn confirmed(hold: u128, calendar: u128, wish: Option<u128>) -> Event {
        let start = Timestamp::from_millis(0);
        let (end, occupied_until) = (start, start);
        let details = Details { wish: wish.map(WishId::from_bits), ..Details::default() };
        let booking = Booking {
            id: HoldId::from_bits(hold),
            calendar: CalendarId::from_bits(calendar),
            person: "ana".parse().unwrap(),
            reason: ReasonRef { id: "visit".parse().unwrap(), version: 1 },
            span: Span { lane: 0, start, end, occupied_until },
            details: details.into(),
        };
        Event::Confirmed { at: start, booking, deadline: start, guards: Vec::new() }
    }

    #[test]
    fn a_wish_is_granted_once_in_whatever_calendar() {
        let mut lists = Lists::default();
        let all = [(1, 1, Some(7)), (2, 1, None), (3, 2, Some(8)), (4, 2, None)];
        for event in all.map(|(hold, calendar, wish)| confirmed(hold, calendar, wish)) {
            assert_eq!(lists.judge_grant(&event), Ok(()));
            lists.take(&event);
        }
        for calendar in [1, 2] {
            assert!(lists.judge_grant(&confirmed(5, calendar, Some(7))).is_err());
        }
    }
}
