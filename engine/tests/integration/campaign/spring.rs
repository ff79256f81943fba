//! A spring of vaccinations, told to an engine on disks in memory.

use std::sync::Arc;

use creneau::audit::audit;
use creneau::campaign::{Campaign, DoseRule, Elsewhere, Facts, Group, Phase, Record, Vaccine};
use creneau::storage::Inspection;
use creneau::storage::memory::{self, MemoryJournal, MemoryStore};
use creneau::*;

pub(super) const MINUTE: i64 = 60_000;

pub(super) struct Wall(pub(super) Timestamp);

impl WallClock for Wall {
    fn now(&self) -> Timestamp {
        self.0
    }
}

/// What a machine keeps.
#[derive(Clone, Default)]
pub(super) struct Disk {
    pub(super) journal: MemoryJournal,
    pub(super) store: MemoryStore,
}

impl Disk {
    pub(super) async fn open(&self, now: Timestamp) -> Engine {
        let storage = memory::reopened(&self.journal, &self.store);
        let random = Arc::new(SystemRandom::default());
        let environment = Environment { wall: Arc::new(Wall(now)), random };
        Engine::open_with(Config::in_memory(), storage, environment).await.unwrap()
    }
}

pub(super) fn at(text: &str) -> Timestamp {
    format!("2027-{text}:00+01:00").parse().unwrap()
}

pub(super) fn code(name: &str) -> Code {
    name.parse().unwrap()
}

pub(super) fn facts(band: &str, now: Timestamp) -> Facts {
    Facts::of(code(band), now)
}

/// Those over 75 at once, those over 65 from February on; two doses three to six weeks apart.
pub(super) fn campaign() -> Campaign {
    let phase = |id: &str, opens: &str, band: &str| Phase {
        id: code(id),
        says: format!("people of {band}"),
        opens: at(opens),
        closes: None,
        groups: vec![Group { bands: vec![code(band)], ..Group::default() }],
        doses: Vec::new(),
    };
    let vaccine = Vaccine {
        id: "mrna".parse().unwrap(),
        name: "mRNA".to_owned(),
        doses: 2,
        days_min: 21,
        days_max: 42,
        booster: None,
        after_infection_days: 60,
        reaction_minutes: 15,
        bands: Vec::new(),
    };
    Campaign {
        name: "Spring".to_owned(),
        bands: ["18-64", "65-74", "75+"].map(code).to_vec(),
        vaccines: vec![vaccine],
        phases: vec![phase("oldest", "01-01T00:00", "75+"), phase("old", "02-01T00:00", "65-74")],
        line: vec![Group { bands: vec![code("75+")], ..Group::default() }],
    }
}

/// An engine with a campaign, and what is needed to book in it.
pub(super) struct Spring {
    pub(super) engine: Engine,
    pub(super) disk: Disk,
    pub(super) campaign: CampaignId,
    pub(super) place: PlaceId,
    pub(super) calendar: CalendarId,
}

pub(super) fn place_called(name: &str) -> Location {
    let name = name.to_owned();
    Location { name, address: None, lat: None, lon: None, department: None }
}

impl Spring {
    pub(super) async fn new() -> Self {
        let disk = Disk::default();
        let engine = disk.open(at("01-04T07:00")).await;
        let place = engine.put_place(None, place_called("Hall"), None).await.unwrap().unwrap();
        let place = place.value.0;
        let campaign = engine.put_campaign(None, campaign(), None).await.unwrap().unwrap();
        let campaign = campaign.value.id;
        let calendar = centre(&engine, campaign, place).await;
        Self { engine, disk, campaign, place, calendar }
    }

    /// The same after a restart: everything shut down, or the power lost.
    pub(super) async fn again(&mut self, cleanly: bool, now: Timestamp) {
        if cleanly {
            self.engine.shutdown().await.unwrap();
        }
        self.engine = self.disk.open(now).await;
    }

    pub(super) fn delivery(&self, doses: u32) -> PutDelivery {
        PutDelivery {
            id: None,
            campaign: self.campaign,
            place: self.place,
            vaccine: "mrna".parse().unwrap(),
            lot: "A1".parse().unwrap(),
            arrives: at("01-01T00:00"),
            expires: at("06-01T00:00"),
            doses,
            command: None,
        }
    }

    pub(super) async fn put(&self, delivery: PutDelivery) -> PutDelivered {
        self.engine.put_delivery(delivery).await.unwrap().unwrap().value
    }

    pub(super) fn slot(&self, who: &str, number: u8, start: &str) -> HoldSlot {
        let now = self.engine.now();
        self.slot_of(who, number, start, facts("75+", now))
    }

    pub(super) fn slot_of(&self, who: &str, number: u8, start: &str, facts: Facts) -> HoldSlot {
        HoldSlot {
            calendar: self.calendar,
            start: at(start),
            reason: "jab".parse().unwrap(),
            person: who.parse().unwrap(),
            details: Details::default(),
            by: By::Unsaid,
            overflow: false,
            dose: Some(Box::new(DoseAsked { campaign: self.campaign, number, facts })),
            command: None,
        }
    }

    pub(super) async fn hold(&self, who: &str, number: u8, start: &str) -> Result<Hold, Rejection> {
        let held = self.engine.hold(self.slot(who, number, start)).await.unwrap();
        held.map(|held| held.value)
    }

    pub(super) async fn book(&self, who: &str, number: u8, start: &str) -> Appointment {
        let hold = self.hold(who, number, start).await.unwrap();
        self.engine.confirm(of(hold.id)).await.unwrap().unwrap().value
    }

    pub(super) async fn cancel(
        &self,
        appointment: AppointmentId,
        next: Option<NextDose>,
    ) -> Result<Appointment, Rejection> {
        let asked = CancelDose { appointment, next, by: By::Unsaid, command: None };
        self.engine.cancel_dose(asked).await.unwrap().map(|done| done.value)
    }

    pub(super) async fn shift(
        &self,
        id: AppointmentId,
        start: &str,
    ) -> Result<Appointment, Rejection> {
        let asked = MoveAppointment {
            appointment: id,
            start: at(start),
            calendar: None,
            by: By::Unsaid,
            command: None,
        };
        self.engine.move_appointment(asked).await.unwrap().map(|done| done.value)
    }

    pub(super) async fn give(
        &self,
        appointment: AppointmentId,
        delivery: Option<DeliveryId>,
    ) -> Result<Outcome<DoseGiven>, Rejection> {
        let asked = GiveDose { appointment, delivery, command: None };
        self.engine.give_dose(asked).await.unwrap()
    }

    /// What is left, claimed, given and wasted of each delivery.
    pub(super) async fn stock(&self) -> Vec<(u32, u32, u32, u32)> {
        let all = self.engine.deliveries(self.campaign, self.place).await.unwrap().unwrap();
        let told = |it: DeliveryInfo| {
            let left = u32::try_from(it.tally.left(it.delivery.doses)).unwrap_or(0);
            (left, it.tally.claimed, it.tally.given, it.tally.wasted)
        };
        all.into_iter().map(told).collect()
    }

    pub(super) async fn records(&self, who: &str) -> Vec<Record> {
        self.engine.doses_of(self.campaign, who.parse().unwrap()).await.unwrap().unwrap()
    }

    pub(super) fn elsewhere(&self, number: u8, day: &str) -> Elsewhere {
        Elsewhere { number, vaccine: "mrna".parse().unwrap(), at: at(day) }
    }
}

/// A centre of two lanes, open every day from 8 to 20, whose one reason gives doses.
pub(super) async fn centre(engine: &Engine, campaign: CampaignId, place: PlaceId) -> CalendarId {
    let mut definition = Definition::weekdays("Hall", "Europe/Paris");
    let day: Vec<_> = Interval::new(8 * 60, 20 * 60).into_iter().collect();
    definition.weekly_hours = WeeklyHours { days: std::array::from_fn(|_| day.clone()) };
    (definition.lanes, definition.agenda.place) = (2, Some(place));
    let dose = DoseRule { campaign, vaccine: "mrna".parse().unwrap() };
    let jab = Reason::new("jab".parse().unwrap(), "Vaccination", 10);
    definition.reasons =
        vec![Reason { rules: Rules { dose: Some(dose), ..Rules::default() }, ..jab }];
    engine.create_calendar(definition, None).await.unwrap().unwrap().value.id
}

pub(super) fn of(hold: HoldId) -> OfHold {
    OfHold { hold, by: By::Unsaid, command: None }
}

pub(super) async fn wait(ms: i64) {
    tokio::time::sleep(std::time::Duration::from_millis(ms.unsigned_abs())).await;
}

/// The journal and its rows are sound, also to the auditor.
pub(super) async fn sound(spring: &Spring) {
    wait(MINUTE).await;
    let now = spring.engine.now();
    spring.engine.shutdown().await.unwrap();
    let storage = memory::reopened(&spring.disk.journal, &spring.disk.store);
    let found = Inspection {
        journal: storage.journal.reader(),
        store: Some(storage.store),
        marked: Some(storage.marked),
        damage: Vec::new(),
    };
    let report = audit(&found, now);
    assert!(report.faults.is_empty(), "{:?}", report.faults);
}
