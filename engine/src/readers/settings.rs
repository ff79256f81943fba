//! What readers remember of each calendar.

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

pub(super) fn of(rows: &Rows, calendar: CalendarId) -> Result<Settings, StoreError> {
    let row = rows.get(&settings_key(calendar))?;
    row.map_or_else(|| Ok(Settings::default()), |row| Settings::of_row(&row))
}

pub(super) fn take_in(rows: &mut Rows, event: &Event) -> Result<(), StoreError> {
    let (Event::CalendarCreated { calendar, at, definition }
    | Event::CalendarChanged { calendar, at, definition, .. }) = event
    else {
        return Ok(());
    };
    let (before, now) = (of(rows, *calendar)?, Settings::of(definition));
    if before == now {
        return Ok(());
    }
    rows.put(settings_key(*calendar), now.written());
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
