//! What readers of the change feed know: what is due, what was done, and how often an appointment
//! was changed.

use super::calendars::check_limit;
use super::{Engine, answers, refused};
use crate::booking::hours::Date;
use crate::booking::schedule::later;
use crate::booking::{Offer, Rejection, Schedule};
use crate::error::{Answer, Error};
use crate::ids::{AppointmentId, CalendarId, DueId, HoldId};
use crate::limits::{ACTIVITY_REASONS_MAX, ACTIVITY_WEEKS_MAX};
use crate::readers::due::Told;
use crate::readers::{self, Counts, DueRow, Place, Record};
use crate::request::{
    Activity, Appointment, Due, DueKind, ListDue, ListedDue, ReadActivity, RecordedAppointment,
    WeekActivity,
};
use crate::runtime::{BookingState, catch_up, key_of};
use crate::storage::Store;
use crate::time::Timestamp;

const MS_PER_MINUTE: i64 = 60_000;

impl Engine {
    /// What is to be told, the earliest first: at least once each to who goes on with the cursor,
    /// and never of an appointment that is gone. What was overtaken by a later change is left out.
    /// What was due 14 days ago can be read no more.
    ///
    /// Refused as [`Rejection::Invalid`] for the limit or the cursor.
    ///
    /// # Errors
    ///
    /// [`Error`] when the engine cannot answer; see its variants.
    pub async fn due(&self, asked: ListDue) -> Answer<ListedDue> {
        let shared = self.shared();
        shared.check()?;
        if let Err(rejection) = check_limit(asked.limit) {
            return refused(rejection);
        }
        let Some(mut place) = place_of(asked.cursor.as_deref()) else {
            let rule = "must be that of a page of this list".to_owned();
            return refused(Rejection::Invalid { field: "cursor".to_owned(), rule });
        };
        let store = catch_up(shared).await?;
        let now = self.now();
        let until = asked.until.unwrap_or(now);
        let listed = readers::due::list(&*store, place, until, asked.limit)?;
        let more = listed.len() == asked.limit && listed.iter().all(|(row, _)| row.at() <= now);
        let mut due = Vec::with_capacity(listed.len());
        for (row, stands) in listed {
            if row.at() <= now {
                place.pass(&row);
            }
            if stands {
                due.extend(self.due_of(&row)?);
            }
        }
        Ok(Ok(ListedDue { due, cursor: place.to_bytes(), more }))
    }

    /// What a row is about; none where it has ceased to be so since.
    fn due_of(&self, row: &DueRow) -> Result<Option<Due>, Error> {
        let (id, at) = (id_of(row), row.at());
        if let DueRow::Told { told: Told::Offered { hold }, .. } = *row {
            return self.offer_due(id, at, hold);
        }
        let booking = self.shared().index.booking(row.id().into(), self.now())?;
        let Some(booking) = booking else { return Ok(None) };
        let coming = booking.state == BookingState::Booked;
        // What is marked was told of at least once all the same.
        let stands = coming || matches!(booking.state, BookingState::Marked(_));
        let (kind, fits) = match *row {
            DueRow::Told { told, .. } => match told {
                Told::Booked => (DueKind::Confirmation, stands),
                Told::Moved { calendar, start } => {
                    (DueKind::Moved { from_calendar: calendar, from_start: start }, stands)
                }
                Told::Cancelled => (DueKind::Cancelled, booking.state == BookingState::Cancelled),
                Told::Late { minutes, .. } => (DueKind::Late { minutes }, coming),
                Told::WithoutDose => {
                    let bare = booking.booking.delivery().is_none();
                    (DueKind::WithoutDose, coming && bare)
                }
                Told::Offered { .. } => (DueKind::Offer, false),
            },
            DueRow::Reminder { start, minutes, .. } => {
                let there = coming && booking.booking.span.start == start;
                (DueKind::Reminder { minutes_before: minutes }, there)
            }
        };
        let appointment = answers::appointment_of(&booking).filter(|_| fits);
        let due = |appointment: Appointment| {
            let person = appointment.person.clone();
            Due { id, kind, at, person, appointment: Some(appointment), offer: None }
        };
        Ok(appointment.map(due))
    }

    /// An offer that can still be taken, and whose appointment is still to come.
    fn offer_due(&self, id: DueId, at: Timestamp, hold: HoldId) -> Result<Option<Due>, Error> {
        let now = self.now();
        let Some(offer) = self.shared().index.booking(hold, now)? else { return Ok(None) };
        if !matches!(offer.state, BookingState::Held { deadline, .. } if now < deadline) {
            return Ok(None);
        }
        let appointment = match offer.booking.details.offer {
            Some(Offer::Appointment(id)) => {
                let row = self.shared().index.booking(id.into(), now)?;
                let Some(row) = row.filter(|row| row.state == BookingState::Booked) else {
                    return Ok(None);
                };
                answers::appointment_of(&row)
            }
            Some(Offer::Person) | None => None,
        };
        let (kind, person) = (DueKind::Offer, offer.booking.person.clone());
        let offer = Some(answers::hold_of(&offer, self.shared().config.renewals));
        Ok(Some(Due { id, kind, at, person, appointment, offer }))
    }

    /// What was done in a calendar, week by week. It is exact as of the last durable entry.
    ///
    /// Refused as [`Rejection::Invalid`] for the weeks, or as [`Rejection::UnknownCalendar`].
    ///
    /// # Errors
    ///
    /// [`Error`] when the engine cannot answer; see its variants.
    pub async fn activity(&self, asked: ReadActivity) -> Answer<Vec<WeekActivity>> {
        let ReadActivity { calendar, from, weeks } = asked;
        self.shared().check()?;
        if weeks == 0 || ACTIVITY_WEEKS_MAX < weeks {
            let rule = format!("must be 1 to {ACTIVITY_WEEKS_MAX}");
            return refused(Rejection::Invalid { field: "weeks".to_owned(), rule });
        }
        let schedule = match self.schedule(calendar).await? {
            Ok(schedule) => schedule,
            Err(rejection) => return refused(rejection),
        };
        let store = catch_up(self.shared()).await?;
        let first = readers::activity::monday(from.to_jiff());
        let mut told = Vec::with_capacity(weeks.into());
        for week in 0..i64::from(weeks) {
            told.push(week_of(&*store, calendar, &schedule, later(first, 7 * week))?);
        }
        Ok(Ok(told))
    }

    /// An appointment with how often it was changed.
    ///
    /// Refused as [`Rejection::UnknownAppointment`].
    ///
    /// # Errors
    ///
    /// [`Error`] when the engine cannot answer; see its variants.
    pub async fn recorded(&self, id: AppointmentId) -> Answer<RecordedAppointment> {
        self.shared().check()?;
        let store = catch_up(self.shared()).await?;
        let found = self.recorded_in(&*store, id)?;
        Ok(found.ok_or(Rejection::UnknownAppointment))
    }

    pub(super) fn recorded_in(
        &self,
        store: &dyn Store,
        id: AppointmentId,
    ) -> Result<Option<RecordedAppointment>, Error> {
        let row = self.shared().index.booking(id.into(), self.now())?;
        let appointment = row.and_then(|row| answers::appointment_of(&row));
        let record = Record::read(store, id)?;
        let recorded = |(appointment, record): (_, Record)| {
            let Record { booked_at, changed_at, revision, .. } = record;
            RecordedAppointment { appointment, booked_at, changed_at, revision }
        };
        Ok(appointment.zip(record).map(recorded))
    }
}

fn place_of(cursor: Option<&[u8]>) -> Option<Place> {
    match cursor {
        None => Some(Place::default()),
        Some(bytes) => Place::of_bytes(bytes.try_into().ok()?),
    }
}

fn id_of(row: &DueRow) -> DueId {
    let bits = |number: u128| number.to_be_bytes();
    let id = bits(row.id().bits());
    DueId::from_bits(match *row {
        DueRow::Told { sequence, .. } => key_of(&[b"told", &id, &sequence.to_be_bytes()]),
        DueRow::Reminder { start, minutes, .. } => {
            let start = start.millis().to_be_bytes();
            key_of(&[b"reminder", &id, &start, &minutes.to_be_bytes()])
        }
    })
}

fn week_of(
    store: &dyn Store,
    calendar: CalendarId,
    schedule: &Schedule,
    monday: jiff::civil::Date,
) -> Result<WeekActivity, Error> {
    let rows = readers::activity::week(store, calendar, monday, ACTIVITY_REASONS_MAX)?;
    let mut all = Counts::default();
    rows.iter().for_each(|(_, counts)| all.add(counts));
    let minutes = |start: Timestamp, end: Timestamp| {
        u64::try_from((end.millis() - start.millis()) / MS_PER_MINUTE).unwrap_or(0)
    };
    let days = (0..7).map(|day| later(monday, day));
    let open: u64 =
        days.flat_map(|date| schedule.openings(date).map(|it| minutes(it.start, it.end))).sum();
    Ok(WeekActivity {
        monday: Date::from(monday),
        all: activity_of(all),
        open_minutes: open * u64::from(schedule.definition().lanes),
        reasons: rows.into_iter().map(|(reason, counts)| (reason, activity_of(counts))).collect(),
    })
}

fn activity_of(counts: Counts) -> Activity {
    let Counts {
        booked,
        cancelled,
        moved,
        fulfilled,
        no_shows,
        booked_minutes,
        occupied_minutes,
        ahead_minutes,
    } = counts;
    Activity {
        booked,
        cancelled,
        moved,
        fulfilled,
        no_shows,
        booked_minutes,
        occupied_minutes,
        ahead_minutes,
    }
}
