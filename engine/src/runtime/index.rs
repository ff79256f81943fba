//! What is found without asking a calendar: bookings by id and by person, outcomes of named
//! commands, definitions and snapshots of calendars, and live holds for the next start.
//!
//! All of it follows from durable entries, and is brought up to date before any of them is
//! answered. So whatever a person was just told is found here.

use std::collections::BTreeMap;
use std::sync::PoisonError;

use super::behind::Behind;
use super::claims::key_of;
use super::commit::Durable;
use super::dose_rows::{self, Live, Tallies};
use super::doses::{Doses, Earlier};
use super::lines;
use super::names::{Names, Recorded};
use super::register::{self, Kind, Register};
use super::rows::{self, BookingRow, BookingState, CommandRow, Content, DefinitionRow, HoldRow};
use super::rows::{Key, SnapshotRow, damaged, decode_definition, encode_definition};
use super::sync::RwLock;
use super::wishes;
use crate::booking::{Booking, Definition, Event, Late, Registration, Span, Taken};
use crate::campaign::{Record, Tally};
use crate::ids::{
    CalendarId, CampaignId, CommandKey, DeliveryId, HoldId, PersonId, PlaceId, PractitionerId,
};
use crate::journal::{Remembered, Sequence};
use crate::limits::{COMMAND_REMEMBERED_MS, ENDED_HOLD_REMEMBERED_MS};
use crate::planted::{self, Bug};
use crate::storage::{StoreError, Table};
use crate::time::Timestamp;

/// What a listing filters by, kept in memory for all calendars.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Brief {
    pub(crate) department: Option<Box<str>>,
    pub(crate) specialty: Option<Box<str>>,
    pub(crate) practitioner: Option<PractitionerId>,
    pub(crate) place: Option<PlaceId>,
}

#[derive(Default)]
struct Catalogue {
    briefs: BTreeMap<CalendarId, Brief>,
    external_ids: BTreeMap<Box<str>, CalendarId>,
    /// Few are late at a time; what counts no more stays until the next one.
    late: BTreeMap<CalendarId, Late>,
}

/// The index.
pub(crate) struct Index {
    rows: Behind,
    catalogue: RwLock<Catalogue>,
    names: Names,
    register: Register,
    doses: Doses,
    tallies: Tallies,
    recorded: Recorded,
}

/// Rows of names that are read at once at the start.
const NAMES_AT_ONCE: usize = 4_096;

/// The value of a row that never runs out.
const NEVER: Timestamp = Timestamp::from_millis(i64::MAX);

fn id_key(bits: u128) -> Key {
    Key::from_slice(&bits.to_be_bytes())
}

fn time_key(instant: Timestamp) -> [u8; 8] {
    // Flipping the sign makes the order of the bytes that of the instants.
    (instant.millis() ^ i64::MIN).to_be_bytes()
}

pub(crate) fn hold_key(deadline: Timestamp, hold: HoldId) -> Key {
    let mut key = Key::from_slice(&time_key(deadline));
    key.extend_from_slice(&hold.bits().to_be_bytes());
    key
}

pub(crate) fn hold_of_key(key: &[u8]) -> Option<(Timestamp, HoldId)> {
    let (time, id) = key.split_at_checked(8)?;
    let millis = i64::from_be_bytes(time.try_into().ok()?) ^ i64::MIN;
    let id = u128::from_be_bytes(id.try_into().ok()?);
    Some((Timestamp::from_millis(millis), HoldId::from_bits(id)))
}

fn person_prefix(person: &PersonId) -> Key {
    let name = person.as_str().as_bytes();
    // Tokens are at most 64 bytes, so one byte tells their length.
    let len = u8::try_from(name.len()).unwrap_or(u8::MAX);
    let mut key = Key::from_slice(&[len]);
    key.extend_from_slice(name);
    key
}

fn person_key(booking: &Booking, start: Timestamp) -> Key {
    let mut key = person_prefix(&booking.person);
    key.extend_from_slice(&time_key(start));
    key.extend_from_slice(&booking.id.bits().to_be_bytes());
    key
}

pub(crate) fn command_hash(key: &CommandKey) -> u128 {
    key_of(&[b"command", key.caller.as_str().as_bytes(), key.id.as_str().as_bytes()])
}

impl Index {
    /// An index beside a storage that blocks its thread, or one in memory.
    pub(crate) fn new(rows: Behind, blocks: bool) -> Self {
        Self {
            rows,
            catalogue: RwLock::default(),
            names: Names::new(blocks),
            register: Register::default(),
            doses: Doses::default(),
            tallies: Tallies::default(),
            recorded: Recorded::new(blocks),
        }
    }

    /// What is known of the register.
    pub(crate) fn register(&self) -> &Register {
        &self.register
    }

    /// What is known of campaigns.
    pub(crate) fn doses(&self) -> &Doses {
        &self.doses
    }

    /// What has become of a delivery's doses, as far as is durable.
    pub(crate) fn tally(&self, delivery: DeliveryId) -> Tally {
        self.tallies.of(delivery)
    }

    /// Takes a row of the register of the store into memory.
    ///
    /// # Errors
    ///
    /// [`StoreError`] where it is not as it was written.
    pub(crate) fn list_row(&self, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        self.tallies.restore(key, value)?;
        if lines::is_in_line(key) {
            self.doses.in_line(lines::decode(value)?);
        }
        if register::is_listed(key) {
            let what = register::decode(value)?;
            self.register.list(&what);
            self.doses.list(&what);
        }
        Ok(())
    }

    /// The names that may be known.
    pub(crate) fn names(&self) -> &Names {
        &self.names
    }

    /// Notes the names that the store has; then what is not noted is unknown. May block.
    ///
    /// # Errors
    ///
    /// What the store says. Then every name may be known.
    pub(crate) fn note_names(&self, goes_on: impl Fn() -> bool) -> Result<(), StoreError> {
        let mut from = Vec::new();
        while goes_on() {
            let rows = self.rows.scan(Table::Commands, &[], &from, NAMES_AT_ONCE)?;
            for (key, _) in &rows {
                let name = key.first_chunk::<16>().ok_or_else(|| damaged(Table::Commands))?;
                self.names.note(u128::from_be_bytes(*name));
            }
            let Some((last, _)) = rows.last().filter(|_| rows.len() == NAMES_AT_ONCE) else {
                self.names.complete();
                return Ok(());
            };
            from.clone_from(last);
            from.push(0);
        }
        Ok(())
    }

    /// Notes who has a record in a campaign in the store; then who is not noted has none. May
    /// block.
    ///
    /// # Errors
    ///
    /// What the store says. Then everybody may have one.
    pub(crate) fn note_recorded(&self, goes_on: impl Fn() -> bool) -> Result<(), StoreError> {
        let mut from = Vec::new();
        while goes_on() {
            let prefix = [Kind::Dose as u8];
            let rows = self.rows.scan(Table::Register, &prefix, &from, NAMES_AT_ONCE)?;
            for (key, _) in &rows {
                self.recorded.note(dose_rows::whose(key));
            }
            let Some((last, _)) = rows.last().filter(|_| rows.len() == NAMES_AT_ONCE) else {
                self.recorded.complete();
                return Ok(());
            };
            from.clone_from(last);
            from.push(0);
        }
        Ok(())
    }

    /// What is recorded of a person in a campaign.
    ///
    /// # Errors
    ///
    /// What the store says.
    pub(crate) fn records(
        &self,
        campaign: CampaignId,
        person: &PersonId,
    ) -> Result<Vec<Record>, StoreError> {
        dose_rows::records((&self.rows, &self.recorded), campaign, person)
    }

    pub(crate) fn rows(&self) -> &Behind {
        &self.rows
    }

    /// A hold or an appointment; `now` tells which rows have run out.
    pub(crate) fn booking(
        &self,
        id: HoldId,
        now: Timestamp,
    ) -> Result<Option<BookingRow>, StoreError> {
        let row = self.rows.get(Table::Bookings, &id_key(id.bits()))?;
        let row = row.map(rows::booking_of).transpose()?;
        // A part is nothing by itself: whoever asks, asks for what it is part of.
        let asked = |row: &BookingRow, runs_out| now < runs_out && !row.booking.is_part();
        Ok(row.filter(|(row, runs_out)| asked(row, *runs_out)).map(|(row, _)| row))
    }

    /// A person's appointments from `from` on, by start and id, at most `limit`; and the key from
    /// which the next page goes on.
    pub(crate) fn appointments(
        &self,
        person: &PersonId,
        from: &[u8],
        limit: usize,
        now: Timestamp,
    ) -> Result<(Vec<BookingRow>, Option<Vec<u8>>), StoreError> {
        let prefix = person_prefix(person);
        let from = [prefix.as_slice(), from].concat();
        let mut keys = self.rows.scan(Table::People, &prefix, &from, limit.saturating_add(1))?;
        let next = (limit < keys.len()).then(|| keys.pop()).flatten();
        let next =
            next.and_then(|(key, _)| key.strip_prefix(prefix.as_slice()).map(<[u8]>::to_vec));
        let mut found = Vec::with_capacity(keys.len());
        for (key, _) in keys {
            let id = key.last_chunk::<16>().ok_or_else(|| damaged(Table::People))?;
            let id = HoldId::from_bits(u128::from_be_bytes(*id));
            found.extend(self.booking(id, now)?);
        }
        Ok((found, next))
    }

    /// The outcome that is remembered under a command's name.
    pub(crate) fn command(
        &self,
        key: u128,
        now: Timestamp,
    ) -> Result<Option<CommandRow>, StoreError> {
        let row = self.rows.get(Table::Commands, &id_key(key))?;
        let row = row.map(rows::command_of).transpose()?;
        Ok(row.filter(|row| now < row.runs_out))
    }

    pub(crate) fn definition(&self, id: CalendarId) -> Result<Option<DefinitionRow>, StoreError> {
        let row = self.rows.get_bytes(Table::Definitions, &id_key(id.bits()))?;
        row.map(|row| decode_definition(Table::Definitions, &row)).transpose()
    }

    pub(crate) fn snapshot(&self, id: CalendarId) -> Result<Option<SnapshotRow>, StoreError> {
        let row = self.rows.get(Table::Snapshots, &id_key(id.bits()))?;
        row.map(rows::snapshot_of).transpose()
    }

    /// Keeps a calendar's state; what it includes must be durable.
    pub(crate) fn put_snapshot(&self, row: SnapshotRow, id: CalendarId) {
        let row = Content::Snapshot(Box::new(row));
        self.rows.put(Table::Snapshots, id_key(id.bits()), Some(row));
    }

    /// Whether there is such a calendar.
    pub(crate) fn knows(&self, id: CalendarId) -> bool {
        let catalogue = self.catalogue.read().unwrap_or_else(PoisonError::into_inner);
        catalogue.briefs.contains_key(&id)
    }

    /// The calendar that is called `external_id` elsewhere.
    pub(crate) fn by_external_id(&self, external_id: &str) -> Option<CalendarId> {
        let catalogue = self.catalogue.read().unwrap_or_else(PoisonError::into_inner);
        catalogue.external_ids.get(external_id).copied()
    }

    /// Calendars from `from` on that `wanted` lets through, by id, at most `limit`.
    pub(crate) fn calendars(
        &self,
        from: CalendarId,
        limit: usize,
        wanted: impl Fn(CalendarId, &Brief) -> bool,
    ) -> Vec<CalendarId> {
        let catalogue = self.catalogue.read().unwrap_or_else(PoisonError::into_inner);
        let found = catalogue.briefs.range(from..).filter(|(id, brief)| wanted(**id, brief));
        found.take(limit).map(|(id, _)| *id).collect()
    }

    /// How many minutes late a calendar is for who starts at `start`.
    pub(crate) fn late(&self, id: CalendarId, start: Timestamp) -> Option<u16> {
        let catalogue = self.catalogue.read().unwrap_or_else(PoisonError::into_inner);
        let late = catalogue.late.get(&id)?;
        (late.from <= start && start < late.until).then_some(late.minutes)
    }

    /// Takes note of how late a calendar is.
    pub(crate) fn note_late(&self, id: CalendarId, late: Option<Late>) {
        let mut catalogue = self.catalogue.write().unwrap_or_else(PoisonError::into_inner);
        match late {
            Some(late) => catalogue.late.insert(id, late),
            None => catalogue.late.remove(&id),
        };
    }

    /// How many calendars there are.
    pub(crate) fn calendar_count(&self) -> usize {
        self.catalogue.read().unwrap_or_else(PoisonError::into_inner).briefs.len()
    }

    /// Takes a calendar into the catalogue. Its rows are there: who finds it asks for its slots.
    pub(crate) fn list(&self, id: CalendarId, definition: &Definition) {
        let boxed = |text: &Option<String>| text.as_deref().map(Box::from);
        let specialty = definition.practitioner.as_ref().map(|who| boxed(&who.specialty));
        let brief = Brief {
            department: boxed(&definition.location.department),
            specialty: specialty.flatten(),
            practitioner: definition.agenda.practitioner,
            place: definition.agenda.place,
        };
        let mut catalogue = self.catalogue.write().unwrap_or_else(PoisonError::into_inner);
        catalogue.briefs.insert(id, brief);
        if let Some(external_id) = &definition.external_id {
            catalogue.external_ids.insert(external_id.as_str().into(), id);
        }
    }

    /// Takes in one event of entry `sequence`.
    pub(crate) fn take_in_event(&self, sequence: Sequence, event: &Event) {
        self.take_in_wish(event);
        match event {
            Event::CalendarCreated { calendar, definition, .. } => {
                self.put_first_snapshot(sequence, event);
                self.put_definition(*calendar, 1, definition, None);
                self.list(*calendar, definition);
            }
            Event::CalendarChanged { calendar, version, definition, .. } => {
                let late = self.definition(*calendar).ok().flatten().and_then(|row| row.late);
                self.put_definition(*calendar, *version, definition, late);
                self.list(*calendar, definition);
            }
            Event::Wished { .. } | Event::Withdrawn { .. } => {}
            Event::Registered { what, .. } => self.registered(what),
            Event::Held { at, booking, deadline, guards } => {
                let row = HoldRow {
                    calendar: booking.calendar,
                    person: booking.person.clone(),
                    guards: guards.clone(),
                };
                let key = hold_key(*deadline, booking.id);
                self.rows.put_new(Table::Holds, key, Content::Hold(Box::new(row)));
                let state = BookingState::Held { deadline: *deadline, renewals: 0 };
                self.put_booking(booking, state, *at);
            }
            Event::Confirmed { at, booking, deadline, .. } => {
                self.rows.put(Table::Holds, hold_key(*deadline, booking.id), None);
                self.put_booking(booking, BookingState::Booked, *at);
                if !booking.is_part() {
                    let key = person_key(booking, booking.span.start);
                    self.rows.put(Table::People, key, Some(Content::Bytes(Vec::new())));
                }
            }
            Event::Released { .. } if planted::is(Bug::RowMissed) => {}
            Event::Released { at, booking, deadline, .. } => {
                self.rows.put(Table::Holds, hold_key(*deadline, booking.id), None);
                self.put_booking(booking, BookingState::Released, *at);
            }
            Event::Expired { at, booking, deadline, .. } => {
                self.rows.put(Table::Holds, hold_key(*deadline, booking.id), None);
                self.put_booking(booking, BookingState::Expired, *at);
            }
            Event::Cancelled { at, booking } => {
                self.put_booking(booking, BookingState::Cancelled, *at);
            }
            Event::Moved { at, booking, from, .. } => self.moved(*at, booking, from),
            Event::Renewed { .. } => self.renewed(event),
            Event::Marked { at, booking, mark, .. } => {
                self.put_booking(booking, BookingState::Marked(*mark), *at);
            }
            Event::Dosed { at, booking, .. } | Event::Given { at, booking, .. } => {
                self.dosed(*at, booking);
            }
            Event::Delayed { calendar, at, minutes, until } => {
                let (minutes, from, until) = (*minutes, *at, *until);
                let late = (minutes != 0).then_some(Late { minutes, from, until });
                if let Ok(Some(row)) = self.definition(*calendar) {
                    self.put_definition(*calendar, row.version, &row.definition, late);
                }
                self.note_late(*calendar, late);
            }
            Event::Accepted { at, booking, taken } => {
                let Taken { from, offer, deadline, .. } = &**taken;
                self.rows.put(Table::Holds, hold_key(*deadline, offer.id), None);
                self.put_booking(offer, BookingState::Accepted(booking.id.into()), *at);
                self.moved(*at, booking, from);
            }
        }
    }

    /// What it says of a wish, which may be an event of a hold too.
    fn take_in_wish(&self, event: &Event) {
        let until_now = |key: &[u8]| self.rows.get_bytes(Table::Register, key).ok().flatten();
        for (key, value) in wishes::rows_of(event, until_now) {
            self.rows.put(Table::Register, key.into(), Some(Content::Bytes(value)));
        }
        for (key, value) in lines::rows_of(event, until_now) {
            if lines::is_in_line(&key)
                && let Ok(row) = lines::decode(&value)
            {
                self.doses.in_line(row);
            }
            self.rows.put(Table::Register, key.into(), Some(Content::Bytes(value)));
        }
    }

    /// Takes note of what is about to be written, where less may be claimed from then on.
    pub(crate) fn will_register(&self, what: &Registration) -> Earlier {
        let wasted = match what {
            Registration::Wasted { delivery, .. } => self.tally(*delivery).wasted,
            _ => 0,
        };
        self.doses.will_write(what, wasted)
    }

    fn registered(&self, what: &Registration) {
        for (key, value) in register::rows_of(what) {
            self.rows.put(Table::Register, key.into(), value.map(Content::Bytes));
        }
        self.register.list(what);
        self.doses.list(what);
    }

    fn renewed(&self, event: &Event) {
        let Event::Renewed { at, booking, before, deadline, guards, renewals } = event else {
            return;
        };
        let row = HoldRow {
            calendar: booking.calendar,
            person: booking.person.clone(),
            guards: guards.clone(),
        };
        self.rows.put(Table::Holds, hold_key(*before, booking.id), None);
        let key = hold_key(*deadline, booking.id);
        self.rows.put_new(Table::Holds, key, Content::Hold(Box::new(row)));
        let state = BookingState::Held { deadline: *deadline, renewals: *renewals };
        self.put_booking(booking, state, *at);
    }

    fn moved(&self, at: Timestamp, booking: &Booking, from: &Span) {
        if booking.is_part() {
            return self.put_booking(booking, BookingState::Booked, at);
        }
        self.rows.put(Table::People, person_key(booking, from.start), None);
        let key = person_key(booking, booking.span.start);
        let lists = (!planted::is(Bug::PersonLosesMove)).then(|| Content::Bytes(Vec::new()));
        self.rows.put(Table::People, key, lists);
        self.put_booking(booking, BookingState::Booked, at);
    }

    /// A booking has another dose, and stays what it is.
    fn dosed(&self, at: Timestamp, booking: &Booking) {
        let row = self.rows.get(Table::Bookings, &id_key(booking.id.bits())).ok().flatten();
        if let Some(Ok((row, _))) = row.map(rows::booking_of) {
            self.put_booking(booking, row.state, at);
        }
    }

    /// A replay meets the creation of calendars that have later snapshots already.
    fn put_first_snapshot(&self, sequence: Sequence, event: &Event) {
        let Some(created) = crate::booking::Calendar::created(event) else { return };
        if !matches!(self.snapshot(created.id()), Ok(Some(_))) {
            let snapshot = created.snapshot();
            self.put_snapshot(SnapshotRow { sequence, snapshot }, created.id());
        }
    }

    fn put_definition(
        &self,
        id: CalendarId,
        version: u32,
        definition: &Definition,
        late: Option<Late>,
    ) {
        let row = DefinitionRow { version, definition: definition.clone(), late };
        // One that cannot be encoded, of which there is none, is found missing by the audit.
        let bytes = encode_definition(&row, &[]).ok().map(Content::Bytes);
        self.rows.put(Table::Definitions, id_key(id.bits()), bytes);
    }

    fn put_booking(&self, booking: &Booking, state: BookingState, at: Timestamp) {
        let runs_out = match state {
            BookingState::Released | BookingState::Expired | BookingState::Accepted(_) => {
                at.plus_ms(ENDED_HOLD_REMEMBERED_MS)
            }
            _ => NEVER,
        };
        let row = Box::new(BookingRow { booking: booking.clone(), state, at });
        let row = Content::Booking(row, runs_out);
        self.rows.put(Table::Bookings, id_key(booking.id.bits()), Some(row));
    }
}

impl Durable for Index {
    fn take_in(&self, sequence: Sequence, command: Option<&Remembered>, events: &[Event]) {
        for event in events {
            self.take_in_event(sequence, event);
        }
        let rows = Live { rows: &self.rows, recorded: &self.recorded };
        dose_rows::Rows { rows, tallies: &self.tallies }.take_in(sequence, events);
        if let (Some(Remembered { key, fingerprint }), Some(event)) = (command, events.first()) {
            let kept_ms = match (planted::is(Bug::OutcomeForgotten), planted::is(Bug::OutcomeKept))
            {
                (true, _) => COMMAND_REMEMBERED_MS / 24,
                (_, true) => COMMAND_REMEMBERED_MS * 2,
                _ => COMMAND_REMEMBERED_MS,
            };
            let (fingerprint, runs_out) = (*fingerprint, event.at().plus_ms(kept_ms));
            let row = CommandRow { sequence, fingerprint, runs_out };
            let name = command_hash(key);
            self.names.note(name);
            self.rows.put(Table::Commands, id_key(name), Some(Content::Command(row)));
        }
    }
}
