//! What a client was told, on its own disk, and whether the journal still says so.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use creneau::booking::{Booking, Span, Taken};
use creneau::{CalendarId, Config, Engine, Event, HoldId, Timestamp};
use serde_json::{Value, json};

/// What a ledger says of appointments: where each lies, and whether it was cancelled.
pub(crate) type Told = BTreeMap<String, Value>;

/// A file to which each acknowledgement is written before the next request.
pub(crate) struct Ledger {
    file: File,
}

impl Ledger {
    pub(crate) fn create(path: &Path) -> Self {
        Self { file: File::create(path).unwrap() }
    }

    /// Takes down an appointment as it was told.
    pub(crate) fn write(&mut self, patient: &str, appointment: &Value) {
        let line = json!({ "patient": patient, "appointment": appointment });
        // The clients outlive the server, so nothing has to reach the medium.
        self.file.write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    /// What a ledger says last of each appointment, and of each patient.
    pub(crate) fn read(path: &Path) -> (Told, BTreeMap<String, String>) {
        let (mut told, mut patients) = (Told::new(), BTreeMap::new());
        for line in fs::read_to_string(path).unwrap().lines() {
            let line: Value = serde_json::from_str(line).unwrap();
            let id = line["appointment"]["appointment_id"].as_str().unwrap().to_owned();
            patients.insert(line["patient"].as_str().unwrap().to_owned(), id.clone());
            told.insert(id, line["appointment"].clone());
        }
        (told, patients)
    }
}

/// A lane as a naive reader of the journal sees it: what occupies it, by start.
#[derive(Default)]
pub(crate) struct Lanes {
    lanes: BTreeMap<(CalendarId, u16), BTreeMap<Timestamp, (Timestamp, HoldId)>>,
    booked: BTreeMap<HoldId, Booking>,
}

impl Lanes {
    fn occupy(&mut self, booking: &Booking) {
        let Span { lane, start, occupied_until, .. } = booking.span;
        let lane = self.lanes.entry((booking.calendar, lane)).or_default();
        let before = lane.range(..occupied_until).next_back();
        let overlaps = before.filter(|(_, (until, _))| start < *until);
        assert!(overlaps.is_none(), "{} and {overlaps:?} in one lane", booking.id);
        lane.insert(start, (occupied_until, booking.id));
    }

    fn vacate(&mut self, calendar: CalendarId, span: &Span) {
        let lane = self.lanes.get_mut(&(calendar, span.lane)).unwrap();
        assert!(lane.remove(&span.start).is_some(), "nothing was at {}", span.start);
    }

    fn take(&mut self, event: &Event) {
        match event {
            Event::CalendarCreated { .. }
            | Event::CalendarChanged { .. }
            | Event::Renewed { .. }
            | Event::Marked { .. }
            | Event::Wished { .. }
            | Event::Withdrawn { .. }
            | Event::Delayed { .. } => {}
            Event::Accepted { booking, taken, .. } => {
                let Taken { from_calendar, from, offer, .. } = &**taken;
                self.vacate(offer.calendar, &offer.span);
                self.vacate(*from_calendar, from);
                self.occupy(booking);
                self.booked.insert(booking.id, booking.clone());
            }
            Event::Registered { .. } => {}
            Event::Held { booking, .. } => self.occupy(booking),
            Event::Dosed { booking, .. } | Event::Given { booking, .. } => {
                if let Some(known) = self.booked.get_mut(&booking.id) {
                    *known = booking.clone();
                }
            }
            Event::Confirmed { booking, .. } => {
                self.booked.insert(booking.id, booking.clone());
            }
            Event::Released { booking, .. } | Event::Expired { booking, .. } => {
                self.vacate(booking.calendar, &booking.span);
            }
            Event::Cancelled { booking, .. } => {
                self.vacate(booking.calendar, &booking.span);
                self.booked.remove(&booking.id);
            }
            Event::Moved { booking, from_calendar, from, .. } => {
                self.vacate(*from_calendar, from);
                self.occupy(booking);
                self.booked.insert(booking.id, booking.clone());
            }
        }
    }

    /// The booked appointments.
    pub(crate) fn booked(&self) -> impl Iterator<Item = &Booking> {
        self.booked.values()
    }

    /// What occupies a lane, holds too.
    pub(crate) fn occupied(&self) -> usize {
        self.lanes.values().map(BTreeMap::len).sum()
    }
}

/// Reads the whole journal of a directory that nobody uses; fails where a lane was sold twice.
pub(crate) fn whole_history(data: &Path) -> Lanes {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let engine = Box::pin(Engine::open(Config::at(data))).await.unwrap();
        let (mut feed, end) = (engine.feed(0), engine.status().watermark);
        let mut lanes = Lanes::default();
        for sequence in 1..=end {
            let entry = feed.next().await.unwrap().unwrap();
            assert_eq!(entry.sequence, sequence);
            entry.events.iter().for_each(|event| lanes.take(event));
        }
        engine.shutdown().await.unwrap();
        lanes
    })
}
