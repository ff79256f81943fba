//! What readers of the change feed tell, against the journal.

use std::collections::{BTreeMap, BTreeSet};

use super::model::{Model, State, Told};
use super::scene::Scene;
use crate::booking::hours::Date;
use crate::booking::schedule::later;
use crate::booking::{Booking, Event, Mark, Offer};
use crate::error::Error;
use crate::ids::{AppointmentId, CalendarId, HoldId};
use crate::limits::{ACTIVITY_WEEKS_MAX, REMINDER_AFTER_MS};
use crate::readers::activity::monday;
use crate::request::{Activity, Due, DueKind, ListDue, ReadActivity, WeekActivity};
use crate::time::Timestamp;

/// Days of which all that was due must still be there.
const DAYS: i64 = 13;

/// Compares what is due and what was done with what the journal says.
///
/// # Errors
///
/// The first that differs.
pub(super) async fn compare(scene: &Scene, model: &Model) -> Result<(), String> {
    let due = everything_due(scene).await?;
    compare_due(model, &History::of(model), &due, scene.engine.now())?;
    for (id, calendar) in &model.calendars {
        let first = model.entries.first().and_then(|(_, events)| events.first().map(Event::at));
        let first = calendar.schedule().date_at(first.unwrap_or_default());
        // A clock that jumps takes bookings further ahead than one answer tells of.
        let here = model.bookings.values().filter(|it| it.booking.calendar == *id);
        let last = here.map(|it| it.booking.span.start).max();
        let last = last.map_or(first, |start| calendar.schedule().date_at(start));
        let Some(weeks) = weeks_of(scene, *id, first, last).await? else { continue };
        let sum = |of: fn(&Activity) -> u64| weeks.iter().map(|week| of(&week.all)).sum::<u64>();
        let told = [
            sum(|it| it.booked),
            sum(|it| it.cancelled),
            sum(|it| it.fulfilled),
            sum(|it| it.no_shows),
        ];
        let count = |fits: fn(&State) -> bool| {
            let here =
                |it: &&Told| fits(&it.state) && it.booking.calendar == *id && !it.booking.is_part();
            model.bookings.values().filter(here).count() as u64
        };
        let expected = [
            count(|it| matches!(it, State::Booked | State::Marked(_))),
            count(|it| *it == State::Cancelled),
            count(|it| *it == State::Marked(Mark::Fulfilled)),
            count(|it| *it == State::Marked(Mark::NoShow)),
        ];
        if told != expected {
            return Err(format!("{id} has {told:?}, not {expected:?}"));
        }
    }
    Ok(())
}

/// The weeks of two dates and all between them; none while the calendar cannot be asked.
async fn weeks_of(
    scene: &Scene,
    calendar: CalendarId,
    first: jiff::civil::Date,
    last: jiff::civil::Date,
) -> Result<Option<Vec<WeekActivity>>, String> {
    // From a Monday on, so that the week of the last day does not begin before its stretch.
    let (mut all, mut from) = (Vec::new(), monday(first));
    while from <= last {
        let asked = ReadActivity { calendar, from: Date::from(from), weeks: ACTIVITY_WEEKS_MAX };
        match Box::pin(scene.engine.activity(asked)).await {
            Ok(Ok(weeks)) => all.extend(weeks),
            Err(Error::CalendarUnavailable) => return Ok(None),
            told => return Err(format!("{told:?}")),
        }
        from = later(from, 7 * i64::from(ACTIVITY_WEEKS_MAX));
    }
    Ok(Some(all))
}

/// What the journal says of what is to be told.
#[derive(Default)]
struct History {
    /// When each appointment was last booked or moved, and whether that was a move.
    changed: BTreeMap<HoldId, (Timestamp, bool)>,
    /// Of each calendar the last time that it said how late it is: when, by how many minutes, and
    /// for whom who has not been moved since.
    late: BTreeMap<CalendarId, (Timestamp, u16, BTreeSet<HoldId>)>,
}

impl History {
    fn of(model: &Model) -> Self {
        let mut history = Self::default();
        let mut standing: BTreeMap<HoldId, (CalendarId, Timestamp)> = BTreeMap::new();
        for event in model.entries.iter().flat_map(|(_, events)| events) {
            // A part is told of with its booking.
            if event.booking().is_some_and(Booking::is_part) {
                continue;
            }
            match event {
                Event::Confirmed { at, booking, .. }
                | Event::Moved { at, booking, .. }
                | Event::Accepted { at, booking, .. } => {
                    let moved = !matches!(event, Event::Confirmed { .. });
                    history.changed.insert(booking.id, (*at, moved));
                    history.late.values_mut().for_each(|it| _ = it.2.remove(&booking.id));
                    standing.insert(booking.id, (booking.calendar, booking.span.start));
                }
                Event::Cancelled { booking, .. } => _ = standing.remove(&booking.id),
                Event::Delayed { calendar, at, minutes, until } => {
                    let waits = |place: &(CalendarId, Timestamp)| {
                        place.0 == *calendar && (*at..*until).contains(&place.1)
                    };
                    let waiting = standing.iter().filter(|(_, place)| waits(place));
                    let waiting = waiting.map(|(id, _)| *id).collect();
                    history.late.insert(*calendar, (*at, *minutes, waiting));
                }
                _ => {}
            }
        }
        history
    }

    fn says_late(&self, known: &Told, minutes: u16) -> bool {
        let late = self.late.get(&known.booking.calendar);
        late.is_some_and(|(_, by, whom)| *by == minutes && whom.contains(&known.booking.id))
    }
}

/// All that is due, and what is to come.
async fn everything_due(scene: &Scene) -> Result<Vec<Due>, String> {
    let mut all = Vec::new();
    let (mut cursor, mut until) = (None, None);
    loop {
        let asked = ListDue { until, cursor, limit: 1_000 };
        let told = Box::pin(scene.engine.due(asked)).await;
        let Ok(Ok(page)) = told else { return Err(format!("{told:?}")) };
        all.extend(page.due);
        if !page.more && until.is_some() {
            return Ok(all);
        }
        if !page.more {
            until = Some(scene.engine.now().plus_minutes(60 * 24 * 60));
        }
        cursor = Some(page.cursor);
    }
}

/// What was listed, by what it is about.
#[derive(Default)]
struct Listed {
    /// Whoever was told of a booking, a move or a cancellation, by 0; of reminders, by minutes.
    told: BTreeSet<(HoldId, u32)>,
    late: BTreeSet<HoldId>,
    offers: BTreeSet<HoldId>,
}

fn compare_due(
    model: &Model,
    history: &History,
    due: &[Due],
    now: Timestamp,
) -> Result<(), String> {
    let listed = sound(model, history, due)?;
    let since = model.last.unwrap_or_default().plus_minutes(-DAYS * 24 * 60);
    for (id, known) in &model.bookings {
        let Booking { span, calendar, details, .. } = &known.booking;
        let coming = |id: AppointmentId| {
            model.bookings.get(&id.into()).is_some_and(|it| it.state == State::Booked)
        };
        let to_somebody = match details.offer {
            Some(Offer::Appointment(appointment)) => coming(appointment),
            offer => offer.is_some(),
        };
        let lives = !known.booking.is_part()
            && matches!(known.state, State::Held(deadline, _) if now < deadline);
        if lives && to_somebody && since < known.held_at && !listed.offers.contains(id) {
            return Err(format!("nobody is told of the offer {known:?}"));
        }
        let Some((at, _)) = history.changed.get(id) else { continue };
        if since < *at && !listed.told.contains(&(*id, 0)) {
            return Err(format!("nobody is told of {known:?}"));
        }
        let stands = known.state == State::Booked;
        if let Some((at, minutes, _)) = history.late.get(calendar)
            && stands
            && since < *at
            && history.says_late(known, *minutes)
            && !listed.late.contains(id)
        {
            return Err(format!("nobody is told that {known:?} is late by {minutes}"));
        }
        let definition = model.calendars.get(calendar).map(|it| it.schedule().definition());
        for minutes in definition.map_or(&[][..], |it| &it.agenda.reminders_minutes) {
            let due = span.start.plus_minutes(-i64::from(*minutes));
            let wanted = stands && at.plus_ms(REMINDER_AFTER_MS) < due;
            // One that would be forgotten by now may be there or not.
            if since < due && wanted != listed.told.contains(&(*id, *minutes)) {
                let id = AppointmentId::from(*id);
                return Err(format!("a reminder of {id} by {minutes}: {wanted} is expected"));
            }
        }
    }
    Ok(())
}

/// Whether all that is due is so, and is listed once.
fn sound(model: &Model, history: &History, due: &[Due]) -> Result<Listed, String> {
    let mut listed = Listed::default();
    let mut ids = BTreeSet::new();
    for due in due {
        let about = due.appointment.as_ref().map(|it| HoldId::from(it.id));
        let id = due.offer.as_ref().map(|it| it.id).or(about);
        let id = id.ok_or_else(|| format!("{due:?} of nothing"))?;
        let known = model.bookings.get(&id).ok_or_else(|| format!("{due:?} of nothing"))?;
        let coming = known.state == State::Booked;
        let stands = coming || matches!(known.state, State::Marked(_));
        let moved = history.changed.get(&id).is_some_and(|(_, moved)| *moved);
        let offered = known.booking.details.offer;
        let fits = match due.kind {
            DueKind::Confirmation => stands,
            DueKind::Moved { .. } => stands && moved,
            DueKind::Cancelled => known.state == State::Cancelled,
            DueKind::Reminder { minutes_before } => {
                let before = known.booking.span.start.plus_minutes(-i64::from(minutes_before));
                coming && before == due.at
            }
            DueKind::WithoutDose => coming && known.booking.delivery().is_none(),
            DueKind::Late { minutes } => coming && history.says_late(known, minutes),
            DueKind::Offer => {
                let of = about.map_or(Offer::Person, |id| Offer::Appointment(id.into()));
                matches!(known.state, State::Held(..)) && offered == Some(of)
            }
        };
        let new = match due.kind {
            DueKind::Reminder { minutes_before } => listed.told.insert((id, minutes_before)),
            DueKind::Late { .. } => listed.late.insert(id),
            DueKind::WithoutDose => listed.told.insert((id, u32::MAX)),
            DueKind::Offer => listed.offers.insert(id),
            // A confirmation and a move later on are both told; each of the others once.
            DueKind::Confirmation if moved => true,
            _ => listed.told.insert((id, 0)),
        };
        let whose = due.person == known.booking.person;
        if !fits || !new || !whose || !ids.insert(due.id.bits()) {
            return Err(format!("{due:?} is due, but {known:?}"));
        }
    }
    Ok(listed)
}
