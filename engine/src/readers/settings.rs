//! What readers remember of each calendar.

use std::sync::Arc;

use jiff::tz::TimeZone;
use rkyv::{Archive, Deserialize, Serialize};

use super::rows::{Kind, Rows, archived, id_key, key};
use super::{due, records};
use crate::booking::{Definition, Event};
use crate::ids::CalendarId;
use crate::storage::StoreError;

/// What is set about a calendar, as far as readers ask for it.
#[derive(Archive, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Settings {
    pub(super) time_zone: String,
    pub(super) reminders_minutes: Vec<u32>,
}

archived!(Settings);

impl Settings {
    fn of(definition: &Definition) -> Self {
        Self {
            time_zone: definition.time_zone.clone(),
            reminders_minutes: definition.agenda.reminders_minutes.clone(),
        }
    }
}

fn settings_key(calendar: CalendarId) -> Vec<u8> {
    key(Kind::Settings, &[&id_key(calendar)])
}

/// Calendars of which is remembered what was read: what is beyond is read again.
const KNOWN_MAX: usize = 16_384;

/// What is set about a calendar, with its time zone found.
pub(super) struct Known {
    pub(super) settings: Settings,
    pub(super) zone: TimeZone,
}

pub(super) fn of(rows: &mut Rows, calendar: CalendarId) -> Result<Arc<Known>, StoreError> {
    if let Some(known) = rows.settings.get(&calendar) {
        return Ok(known.clone());
    }
    let row = rows.get(&settings_key(calendar))?;
    let settings = row.map_or_else(|| Ok(Settings::default()), |row| Settings::of_row(&row))?;
    let zone = TimeZone::get(&settings.time_zone).unwrap_or(TimeZone::UTC);
    let known = Arc::new(Known { settings, zone });
    if KNOWN_MAX <= rows.settings.len() {
        rows.settings.clear();
    }
    rows.settings.insert(calendar, known.clone());
    Ok(known)
}

pub(super) fn take_in(rows: &mut Rows, event: &Event) -> Result<(), StoreError> {
    let (Event::CalendarCreated { calendar, at, definition }
    | Event::CalendarChanged { calendar, at, definition, .. }) = event
    else {
        return Ok(());
    };
    let (before, now) = (of(rows, *calendar)?, Settings::of(definition));
    let before = &before.settings;
    if *before == now {
        return Ok(());
    }
    rows.put(settings_key(*calendar), now.written());
    rows.settings.remove(calendar);
    let without = |all: &[u32], others: &[u32]| -> Vec<u32> {
        all.iter().filter(|it| !others.contains(it)).copied().collect()
    };
    let gone = without(&before.reminders_minutes, &now.reminders_minutes);
    let new = without(&now.reminders_minutes, &before.reminders_minutes);
    if !(gone.is_empty() && new.is_empty()) {
        for (start, id) in records::standing_between(rows, *calendar, *at, None)? {
            due::forget_coming(rows, id, start, &gone, *at);
            due::remind(rows, id, start, &new, *at)?;
        }
    }
    Ok(())
}
