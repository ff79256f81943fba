//! Patients of one cycle: so many at a time, each followed by the next.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::task::JoinSet;

use crate::api::Bookable;
use crate::arrivals::Arrival;
use crate::audit;
use crate::caller::Caller;
use crate::clock::Clock;
use crate::driver::Driver;
use crate::ledger::{Header, Ledger, Lost, Read};
use crate::meter::Meter;
use crate::patient::{World, visit};
use crate::scenario::Scenario;

/// How long patients may take to come to an end once nobody follows them.
const FINISH_WITHIN: Duration = Duration::from_secs(90);

/// Everything that patients do, in a hurry: some slots are wanted by many.
const SCENARIO: &str = r#"
name = "crashes"
[[phases]]
name = "all"
seconds = 1
rate = 1
[mix]
look = 5
book = 45
release = 12
abandon = 8
cancel = 15
move = 15
[habits]
retry = 0.1
hang_up = 0.05
greedy = 0.05
[spread]
law = "hot"
share = 0.3
calendars = 2
[think]
min_ms = 0
max_ms = 10
[calendars]
count = 8
lanes = 3
hours = ["06:00-22:00"]
[client]
connections = 256
timeout_ms = 10000
resolve_seconds = 60
"#;

/// What all patients of an epoch have in common.
#[derive(Clone)]
pub(super) struct Ward {
    pub(super) scenario: Scenario,
    pub(super) driver: Arc<Driver>,
    pub(super) calendars: Vec<Bookable>,
    /// What the ids of its patients begin with.
    pub(super) run: String,
    next: Arc<AtomicU64>,
}

/// The scenario of an epoch.
pub(super) fn scenario(seed: u64) -> Result<Scenario, String> {
    let mut scenario = Scenario::parse(SCENARIO)?;
    scenario.seed = seed;
    Ok(scenario)
}

/// Patients under way.
pub(super) struct Load {
    world: Arc<World>,
    patients: JoinSet<Result<(), Lost>>,
    stop: Arc<AtomicBool>,
}

/// What a load came to.
pub(super) struct Done {
    pub(super) ledger: Read,
    /// Appointments that were confirmed.
    pub(super) bookings: u64,
    /// Calls that were answered.
    pub(super) calls: u64,
    pub(super) troubles: Vec<String>,
}

impl Ward {
    /// Makes the calendars of an epoch.
    pub(super) async fn open(
        scenario: Scenario,
        driver: Arc<Driver>,
        run: String,
    ) -> Result<Self, String> {
        let mut calendars = Vec::new();
        for number in 0..scenario.calendars.count {
            let (name, key) = (format!("Centre {number}"), format!("{run}-c{number}"));
            calendars.push(driver.create(&scenario.calendars, &name, &key).await?);
        }
        Ok(Self { scenario, driver, calendars, run, next: Arc::default() })
    }

    /// Lets `patients` in at a time.
    pub(super) fn load(&self, patients: u64, ledger: &Path) -> Result<Load, String> {
        let header = Header::new(&self.run, &self.scenario.name);
        let ledger = Ledger::create(ledger, &header)
            .map_err(|error| format!("{}: {error}", ledger.display()))?;
        let caller = Caller {
            driver: self.driver.clone(),
            meter: Meter::default(),
            clock: Clock::start(),
            resolve_us: self.scenario.client.resolve_seconds * 1_000_000,
            come_back: 0,
        };
        let Self { scenario, calendars, run, .. } = self.clone();
        let (history, campaign) = (None, None);
        let world = World { scenario, caller, ledger, history, calendars, campaign, run };
        let world = Arc::new(world);
        let stop = Arc::new(AtomicBool::new(false));
        let mut under_way = JoinSet::new();
        for _ in 0..patients {
            let (world, stop, next) = (world.clone(), stop.clone(), self.next.clone());
            under_way.spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let at_us = world.caller.clock.us();
                    visit(world.clone(), Arrival { at_us, phase: 0, number }).await?;
                }
                Ok(())
            });
        }
        Ok(Load { world, patients: under_way, stop })
    }
}

impl Load {
    /// Nobody comes any more, and those there finish.
    pub(super) async fn finish(mut self, path: &Path) -> Result<Done, String> {
        self.stop.store(true, Ordering::Relaxed);
        let mut troubles = Vec::new();
        let all = async {
            while let Some(gone) = self.patients.join_next().await {
                match gone {
                    Ok(Ok(())) => {}
                    Ok(Err(Lost)) => troubles.push("the ledger could not be written".to_owned()),
                    Err(error) => troubles.push(format!("a patient failed: {error}")),
                }
            }
        };
        if tokio::time::timeout(FINISH_WITHIN, all).await.is_err() {
            troubles.push("patients wait for an answer without end".to_owned());
            self.patients.shutdown().await;
        }
        let world = self.world.clone();
        let closed = tokio::task::spawn_blocking(move || world.ledger.close()).await;
        closed.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
        let ledger = audit::read_ledger(path)?;
        let measured = self.world.caller.meter.lock();
        let calls = measured.count(|_, class| class.is_proper());
        Ok(Done { ledger, bookings: measured.bookings(), calls, troubles })
    }
}
