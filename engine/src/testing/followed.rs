//! What readers of the change feed tell, against the journal.

use std::collections::{BTreeMap, BTreeSet};

use super::model::{Model, State};
use super::scene::Scene;
use crate::booking::hours::Date;
use crate::booking::schedule::later;
use crate::booking::{Booking, Event};
use crate::error::Error;
use crate::ids::{AppointmentId, CalendarId, HoldId};
use crate::limits::{ACTIVITY_WEEKS_MAX, REMINDER_AFTER_MS};
use crate::readers::activity::monday;
use crate::request::{Due, DueKind, ListDue, ReadActivity, WeekActivity};
use crate::time::Timestamp;

/// Days of which all that was due must still be there.
const DAYS: i64 = 13;

/// Compares what is due and what was done with what the journal says.
///
/// # Errors
///
/// The first that differs.
pub(super) async fn compare(scene: &Scene, model: &Model) -> Result<(), String> {
    let changed = last_changes(model);
    let due = everything_due(scene).await?;
    compare_due(model, &changed, &due)?;
    for (id, calendar) in &model.calendars {
        let first = model.entries.first().and_then(|(_, events)| events.first().map(Event::at));
        let first = calendar.schedule().date_at(first.unwrap_or_default());
        // A clock that jumps takes bookings further ahead than one answer tells of.
        let here = model.bookings.values().filter(|it| it.booking.calendar == *id);
        let last = here.map(|it| it.booking.span.start).max();
        let last = last.map_or(first, |start| calendar.schedule().date_at(start));
        let Some(weeks) = weeks_of(scene, *id, first, last).await? else { continue };
        let told = weeks.iter().fold((0, 0), |(booked, cancelled), week| {
            (booked + week.all.booked, cancelled + week.all.cancelled)
        });
        let in_state = |state: State| {
            let here = |it: &&super::model::Told| it.state == state && it.booking.calendar == *id;
            model.bookings.values().filter(here).count() as u64
        };
        let expected = (in_state(State::Booked), in_state(State::Cancelled));
        if told != expected {
            return Err(format!("{id} has booked and cancelled {told:?}, not {expected:?}"));
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

/// When each appointment was last booked or moved, and whether that was a move.
fn last_changes(model: &Model) -> BTreeMap<HoldId, (Timestamp, bool)> {
    let mut changed = BTreeMap::new();
    for event in model.entries.iter().flat_map(|(_, events)| events) {
        match event {
            Event::Confirmed { at, booking, .. } => changed.insert(booking.id, (*at, false)),
            Event::Moved { at, booking, .. } => changed.insert(booking.id, (*at, true)),
            _ => None,
        };
    }
    changed
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

fn compare_due(
    model: &Model,
    changed: &BTreeMap<HoldId, (Timestamp, bool)>,
    due: &[Due],
) -> Result<(), String> {
    let mut told: BTreeSet<(HoldId, u32)> = BTreeSet::new();
    let mut ids = BTreeSet::new();
    for due in due {
        let id = HoldId::from(due.appointment.id);
        let known = model.bookings.get(&id).ok_or_else(|| format!("{due:?} of nothing"))?;
        let stands = known.state == State::Booked;
        let moved = changed.get(&id).is_some_and(|(_, moved)| *moved);
        let fits = match due.kind {
            DueKind::Confirmation => stands,
            DueKind::Moved { .. } => stands && moved,
            DueKind::Cancelled => known.state == State::Cancelled,
            DueKind::Reminder { minutes_before } => {
                let before = known.booking.span.start.plus_minutes(-i64::from(minutes_before));
                stands && before == due.at
            }
        };
        let new = match due.kind {
            DueKind::Reminder { minutes_before } => told.insert((id, minutes_before)),
            // A confirmation and a move later on are both told; each of the others once.
            DueKind::Confirmation if moved => true,
            _ => told.insert((id, 0)),
        };
        if !fits || !new || !ids.insert(due.id.bits()) {
            return Err(format!("{due:?} is due, but {known:?}"));
        }
    }
    let reminders: BTreeMap<CalendarId, &[u32]> = model
        .calendars
        .iter()
        .map(|(id, it)| (*id, it.schedule().definition().agenda.reminders_minutes.as_slice()))
        .collect();
    let since = model.last.unwrap_or_default().plus_minutes(-DAYS * 24 * 60);
    for (id, known) in &model.bookings {
        let Some((at, _)) = changed.get(id) else { continue };
        let cancelled = known.state == State::Cancelled;
        if since < *at && !told.contains(&(*id, 0)) {
            return Err(format!("nobody is told of {known:?}"));
        }
        let Booking { span, calendar, .. } = &known.booking;
        for minutes in reminders.get(calendar).copied().unwrap_or_default() {
            let due = span.start.plus_minutes(-i64::from(*minutes));
            let wanted = !cancelled && at.plus_ms(REMINDER_AFTER_MS) < due;
            // One that would be forgotten by now may be there or not.
            if since < due && wanted != told.contains(&(*id, *minutes)) {
                let id = AppointmentId::from(*id);
                return Err(format!("a reminder of {id} by {minutes}: {wanted} is expected"));
            }
        }
    }
    Ok(())
}
