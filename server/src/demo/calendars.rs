//! Setting up the calendars of the demonstration.

use creneau::{
    Agenda, By, CalendarId, Definition, Details, Engine, FindSlots, HoldSlot, HolidayCalendar,
    Interval, Location, OfHold, PersonId, Practitioner, PublicHolidays, Reason, WeeklyHours,
};
use tokio::task::JoinSet;

use super::sheets::{SHEETS, Sheet};

/// Days that can be booked ahead.
const HORIZON_DAYS: u16 = 90;

/// Appointments that each calendar has when the demonstration begins.
const BOOKED: usize = 24;

/// Free starts from one such appointment to the next.
const BOOKED_STEP: usize = 5;

/// Days over which they are spread at most.
const BOOKED_DAYS: i64 = 10;

/// A calendar of the demonstration, as the guide shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// Its identifier.
    pub id: CalendarId,
    /// Who is seen, or the centre.
    pub name: String,
    /// Their specialty, where someone is seen.
    pub specialty: Option<String>,
    /// The department.
    pub department: String,
    /// The address.
    pub address: String,
}

/// Makes the calendars, with some appointments in each.
///
/// # Errors
///
/// What went wrong, for a reader at the screen.
pub async fn set_up(engine: &Engine) -> Result<Vec<Shown>, String> {
    let mut shown = Vec::with_capacity(SHEETS.len());
    let mut bookings = JoinSet::new();
    for sheet in SHEETS {
        let definition = definition(sheet)?;
        let reason = definition.reasons.first().map(|reason| reason.id.clone());
        let made = engine.create_calendar(definition, None).await;
        let made = made.map_err(|error| error.to_string())?;
        let id = made.map_err(|refusal| refusal.to_string())?.value.id;
        let (name, specialty) = match sheet.who {
            Some((name, specialty)) => (name, Some(specialty.to_owned())),
            None => (sheet.place, None),
        };
        shown.push(Shown {
            id,
            name: name.to_owned(),
            specialty,
            department: sheet.department.to_owned(),
            address: sheet.address.to_owned(),
        });
        let engine = engine.clone();
        bookings.spawn(async move {
            match reason {
                Some(reason) => book_some(&engine, id, reason).await,
                None => Ok(()),
            }
        });
    }
    while let Some(done) = bookings.join_next().await {
        done.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
    }
    Ok(shown)
}

/// Books some of the first slots: an empty calendar shows nothing.
async fn book_some(
    engine: &Engine,
    calendar: CalendarId,
    reason: creneau::ReasonId,
) -> Result<(), creneau::Error> {
    let from = engine.now();
    let until = from.plus_minutes(BOOKED_DAYS * 24 * 60);
    let limit = creneau::limits::LIST_MAX;
    let wanted =
        FindSlots { calendar, reason: reason.clone(), from, until, limit, practice: false };
    let Ok(found) = engine.find_slots(wanted).await? else { return Ok(()) };
    for (place, slot) in found.slots.iter().step_by(BOOKED_STEP).take(BOOKED).enumerate() {
        let Ok(person) = PersonId::new(format!("demo-{place}")) else { continue };
        let (start, reason) = (slot.start, reason.clone());
        // A refusal means that an appointment made here lies over this start: one fewer.
        let wanted = HoldSlot {
            calendar,
            start,
            reason,
            person,
            details: Details::default(),
            by: By::Unsaid,
            overflow: false,
            dose: None,
            command: None,
        };
        if let Ok(hold) = engine.hold(wanted).await? {
            let _ = engine
                .confirm(OfHold { hold: hold.value.id, by: By::Unsaid, command: None })
                .await?;
        }
    }
    Ok(())
}

fn definition(sheet: &Sheet) -> Result<Definition, String> {
    let mut reasons = Vec::with_capacity(sheet.reasons.len());
    for (id, name, minutes) in sheet.reasons {
        let id = id.parse().map_err(|error| format!("{id}: {error}"))?;
        reasons.push(Reason::new(id, *name, *minutes));
    }
    let mut weekly_hours = WeeklyHours::default();
    for (day, hours) in weekly_hours.days.iter_mut().zip(sheet.week) {
        for interval in hours.split_whitespace() {
            day.push(interval.parse::<Interval>().map_err(|rule| format!("{interval} {rule}"))?);
        }
    }
    let calendar = if sheet.holidays { HolidayCalendar::None } else { HolidayCalendar::France };
    let (lat, lon) = sheet.position;
    Ok(Definition {
        external_id: None,
        practitioner: sheet.who.map(|(name, specialty)| Practitioner {
            name: name.to_owned(),
            specialty: Some(specialty.to_owned()),
        }),
        location: Location {
            name: sheet.place.to_owned(),
            address: Some(sheet.address.to_owned()),
            lat: Some(lat),
            lon: Some(lon),
            department: Some(sheet.department.to_owned()),
        },
        time_zone: sheet.time_zone.to_owned(),
        grid_minutes: 5,
        lanes: sheet.lanes,
        reasons,
        weekly_hours,
        exceptions: Vec::new(),
        horizon_days: HORIZON_DAYS,
        agenda: Agenda {
            public_holidays: PublicHolidays { calendar, open_on: Vec::new() },
            ..Agenda::default()
        },
    })
}

#[cfg(test)]
mod tests {
    use creneau::Config;

    use super::*;

    #[test]
    fn every_sheet_meets_the_rules() {
        let christmas = jiff::civil::date(2026, 12, 25);
        for sheet in SHEETS {
            let made = definition(sheet).unwrap().checked().unwrap();
            let is_closed = made.agenda.public_holidays.on(christmas).is_some();
            assert_eq!(is_closed, !sheet.holidays, "{}", sheet.place);
        }
    }

    #[tokio::test]
    async fn a_dozen_calendars_with_some_appointments() {
        let engine = Engine::open(Config::in_memory()).await.unwrap();
        let shown = set_up(&engine).await.unwrap();
        assert_eq!(shown.len(), 12);
        let wanted = creneau::ListAppointments {
            person: "demo-0".parse().unwrap(),
            cursor: None,
            limit: 100,
        };
        let booked = engine.appointments(wanted).await.unwrap().unwrap().appointments;
        assert_eq!(booked.len(), 12, "one in each calendar");
    }
}
