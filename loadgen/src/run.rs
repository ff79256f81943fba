//! One rehearsal, from its scenario to its report.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use creneau::{Config, Engine, RandomBits, SystemRandom};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use crate::api::Bookable;
use crate::arrivals::{Arrival, Arrivals};
use crate::audit::{self, Verdict};
use crate::backup::Backup;
use crate::caller::Caller;
use crate::clock::{Clock, wall};
use crate::driver::{Access, Driver};
use crate::history::{self, History};
use crate::ledger::{Header, Ledger, Lost, Read};
use crate::meter::Meter;
use crate::patient::{World, visit};
use crate::report::{Parts, Report};
use crate::sampled::Sampler;
use crate::scenario::Scenario;
use crate::spawned::{Life, Spawned, Start};
use crate::{backup, campaign, say, view};

/// Arrivals that may wait for the runtime.
const QUEUE_MAX: usize = 8_192;

/// Microseconds for which nobody looks whether there is room again once there was none. Each look
/// wakes a thread, and a flood of those who are dropped must not cost the server its processor.
const FULL_US: u64 = 1_000;

/// Calendars under creation at a time.
const CREATIONS_MAX: usize = 16;

/// Seconds, beside what patients think and resolve, for which the last ones may go on.
const FINISH_SECONDS: u64 = 30;

/// What is rehearsed with.
#[derive(Clone)]
pub(crate) enum Place {
    /// A server that somebody else started.
    Target { address: SocketAddr, access: Access },
    /// An own server on this directory, with further arguments of its own, and what it is reached
    /// with.
    Spawn { binary: PathBuf, data: PathBuf, more: Vec<String>, shown: Shown },
    /// An engine in this process on this directory.
    Embedded(PathBuf),
}

/// The files of a command line with what a server is shown, and by what it must prove itself.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shown {
    pub(crate) token_file: Option<PathBuf>,
    pub(crate) ca: Option<PathBuf>,
}

impl Shown {
    /// What they come to; `secure` as in [`Access::of`].
    ///
    /// # Errors
    ///
    /// As [`Access::of`].
    pub(crate) fn access(&self, secure: Option<&str>) -> Result<Access, String> {
        Access::of(self.token_file.as_deref(), self.ca.as_deref(), secure)
    }
}

/// What was asked for beside the scenario.
#[derive(Clone)]
pub(crate) struct Asked {
    pub(crate) place: Place,
    pub(crate) ledger: Option<PathBuf>,
    pub(crate) history: Option<PathBuf>,
    pub(crate) backup: Option<backup::Wanted>,
    /// Seconds for which the audit waits for holds to end.
    pub(crate) wait_seconds: u64,
    pub(crate) quiet: bool,
}

/// What is driven, and what must be ended.
enum Stage {
    Target,
    Spawned(Box<Spawned>),
    Embedded(Engine),
}

/// Rehearses.
///
/// # Errors
///
/// What kept it from being done at all.
pub(crate) async fn rehearse(scenario: Scenario, asked: Asked) -> Result<Report, String> {
    let (world, path, stage) = prepare(scenario, &asked).await?;
    let started_at = wall().to_string();
    let mut sampler = None;
    let (stage, killing) = match stage {
        Stage::Spawned(spawned) => {
            // One that is killed is another process each time.
            let kills = world.scenario.server.kill_every_seconds.is_some();
            sampler = spawned.id().filter(|_| !kills).map(Sampler::start);
            if let Some(by) = world.scenario.server.nice {
                spawned.step_back(by)?;
            }
            let every = world.scenario.server.kill_every_seconds;
            (Stage::Target, Some(spawned.kill_every(every)))
        }
        other => (other, None),
    };
    let mut troubles = Vec::new();
    let seen = (!asked.quiet).then(|| tokio::spawn(view::watch(world.clone())));
    let taking = asked.backup.clone().map(|it| tokio::spawn(backup::take(world.clone(), it)));
    let tending = tokio::spawn(campaign::tend(world.clone()));
    troubles.extend(drive(&world).await);
    troubles.extend(close_campaign(&world, tending).await);
    let backup = backup_of(taking, &mut troubles).await;
    if let Some(seen) = seen {
        seen.abort();
    }
    let taken = sampler.and_then(Sampler::stop);
    let seconds = world.caller.clock.us() as f64 / 1_000_000.0;
    let (stage, life) = match killing {
        Some(killing) => {
            let (spawned, life) = killing.stop().await?;
            (Stage::Spawned(Box::new(spawned)), Some(life))
        }
        None => (stage, None),
    };
    troubles.extend(life.iter().flat_map(|life: &Life| life.troubles.clone()));
    let ledger_lines = close(&world).await?;
    let ledger = audit::read_ledger(&path)?;
    let mut audits =
        vec![audit::over_api(&ledger, None, &world.caller.driver, asked.wait_seconds).await?];
    match over_journal(stage, &asked.place, &ledger, &mut troubles).await {
        Ok(verdict) => audits.extend(verdict),
        Err(error) => troubles.push(format!("the journal could not be audited: {error}")),
    }
    if let Some(history) = asked.history {
        match audit::over_history(history).await {
            Ok(verdict) => audits.push(verdict),
            Err(error) => troubles.push(format!("the history could not be audited: {error}")),
        }
    }
    let measured = world.caller.meter.lock();
    Ok(Report::new(Parts {
        scenario: &world.scenario,
        driver: world.caller.driver.name(),
        run: &world.run,
        started_at,
        seconds,
        measured: &measured,
        ledger: &path,
        ledger_lines,
        life: life.as_ref(),
        taken,
        backup,
        audits,
        troubles,
    }))
}

/// Opens what is driven, and what is written meanwhile; also gives where the ledger is.
async fn prepare(
    scenario: Scenario,
    asked: &Asked,
) -> Result<(Arc<World>, PathBuf, Stage), String> {
    let (driver, stage) = open(&scenario, &asked.place).await?;
    let driver = Arc::new(driver);
    let run = format!("lg{:012x}", SystemRandom::default().bits() >> 80);
    let calendars = calendars(&scenario, &driver, &run).await?;
    let path = asked
        .ledger
        .clone()
        .unwrap_or_else(|| std::env::temp_dir().join(format!("creneau-ledger-{run}.jsonl")));
    let ledger = Ledger::create(&path, &Header::new(&run, &scenario.name))
        .map_err(|error| format!("failed to create the ledger {}: {error}", path.display()))?;
    let header = history::Header::new(&run, &scenario.name, wall());
    let history = asked.history.as_deref();
    let history = history.map(|path| History::create(path, &header, &calendars)).transpose();
    let history = history.map_err(|error| format!("failed to create the history: {error}"))?;
    if !asked.quiet {
        let (name, seconds, path) = (&scenario.name, scenario.seconds(), path.display());
        say::line(&format!("{name}: {seconds} s over {}, ledger {path}", driver.name()));
    }
    let (meter, clock) = (Meter::default(), Clock::start());
    let resolve_us = scenario.client.resolve_seconds * 1_000_000;
    let come_back = scenario.habits.come_back;
    let caller = Caller { driver, meter, clock, resolve_us, come_back };
    let campaign = match &scenario.campaign {
        Some(wanted) => {
            let (driver, written) = (&caller.driver, (&ledger, run.as_str()));
            Some(campaign::open(&scenario, wanted, driver, written, &calendars).await?)
        }
        None => None,
    };
    let world = World { scenario, caller, ledger, history, calendars, campaign, run };
    Ok((Arc::new(world), path, stage))
}

/// Waits for what the desk of a campaign does beside the patients, and has it close the day.
async fn close_campaign(
    world: &Arc<World>,
    tending: tokio::task::JoinHandle<Result<(), String>>,
) -> Option<String> {
    let tended = tending.await.map_err(|error| error.to_string());
    let tended = tended.and_then(|tended| tended);
    let closed = match tended {
        Ok(()) => campaign::evening(world).await,
        Err(error) => Err(error),
    };
    closed.err().map(|error| format!("the desk of the campaign failed: {error}"))
}

/// The backup that was wanted, if there is one.
async fn backup_of(
    taking: Option<tokio::task::JoinHandle<Result<Backup, String>>>,
    troubles: &mut Vec<String>,
) -> Option<Backup> {
    match taking?.await {
        Ok(Ok(backup)) => Some(backup),
        Ok(Err(error)) => {
            troubles.push(format!("the backup failed: {error}"));
            None
        }
        Err(error) => {
            troubles.push(format!("the backup failed: {error}"));
            None
        }
    }
}

/// Closes what was written meanwhile, and gives the lines of the ledger.
async fn close(world: &Arc<World>) -> Result<u64, String> {
    let closing = world.clone();
    let closed = tokio::task::spawn_blocking(move || {
        let history = closing.history.as_ref().map_or(Ok(()), History::close);
        (closing.ledger.close(), history)
    });
    let (ledger, history) = closed.await.map_err(|error| error.to_string())?;
    history.map_err(|error| format!("the history was lost: {error}"))?;
    ledger.map_err(|error| format!("the ledger was lost: {error}"))
}

async fn open(scenario: &Scenario, place: &Place) -> Result<(Driver, Stage), String> {
    let client = &scenario.client;
    Ok(match place {
        Place::Target { address, access } => {
            // Nobody sends: the address stays as it is.
            let (_, address) = watch::channel(Some(*address));
            (Driver::http(address, access.clone(), client), Stage::Target)
        }
        Place::Spawn { binary, data, more, shown } => {
            let hold_seconds = scenario.server.hold_seconds;
            let (binary, data, more) = (binary.clone(), data.clone(), more.clone());
            let spawned = Spawned::start(Start { binary, data, hold_seconds, more }).await?;
            let access = shown.access(spawned.secure().as_deref())?;
            (Driver::http(spawned.address(), access, client), Stage::Spawned(Box::new(spawned)))
        }
        Place::Embedded(data) => {
            let mut config = Config::at(data);
            if let Some(seconds) = scenario.server.hold_seconds {
                config.hold = Duration::from_secs(seconds);
            }
            let engine = Box::pin(Engine::open(config)).await;
            let engine = engine.map_err(|error| format!("{}: {error}", data.display()))?;
            (Driver::embedded(engine.clone()), Stage::Embedded(engine))
        }
    })
}

/// Ends what is owned, and audits the ledger by its journal; none for a server of others.
async fn over_journal(
    stage: Stage,
    place: &Place,
    ledger: &Read,
    troubles: &mut Vec<String>,
) -> Result<Option<Verdict>, String> {
    match (stage, place) {
        (Stage::Spawned(spawned), Place::Spawn { data, .. }) => {
            troubles.extend(spawned.end().await.err());
            audit::over_data(ledger, None, data).await.map(Some)
        }
        (Stage::Embedded(engine), _) => {
            let verdict = audit::over_engine(ledger, &engine).await;
            troubles.extend(engine.shutdown().await.err().map(|error| error.to_string()));
            verdict.map(Some)
        }
        _ => Ok(None),
    }
}

/// The calendars that are booked: those there, or new ones.
async fn calendars(
    scenario: &Scenario,
    driver: &Arc<Driver>,
    run: &str,
) -> Result<Vec<Bookable>, String> {
    let wanted = &scenario.calendars;
    if wanted.use_existing {
        let found = driver.existing(wanted.count).await?;
        let none = "calendars.use_existing: there is no calendar on this server";
        match found.is_empty() {
            false => return Ok(found),
            true if !wanted.create_missing => return Err(none.to_owned()),
            true => {}
        }
    }
    let mut made: Vec<(usize, Bookable)> = Vec::with_capacity(wanted.count);
    let mut under_way = JoinSet::new();
    for number in 0..wanted.count {
        if CREATIONS_MAX <= under_way.len()
            && let Some(done) = under_way.join_next().await
        {
            made.push(done.map_err(|error| error.to_string())??);
        }
        let (driver, wanted, run) = (driver.clone(), wanted.clone(), run.to_owned());
        under_way.spawn(async move {
            let (name, key) = (format!("Rehearsal {number}"), format!("{run}-c{number}"));
            let made = driver.create(&wanted, &name, &key).await;
            made.map(|made| (number, made)).map_err(|error| format!("{name}: {error}"))
        });
    }
    while let Some(done) = under_way.join_next().await {
        made.push(done.map_err(|error| error.to_string())??);
    }
    // The first ones are the hot ones, whatever order they were answered in.
    made.sort_by_key(|(number, _)| *number);
    Ok(made.into_iter().map(|(_, made)| made).collect())
}

/// Lets all patients come and go, and gives what went wrong.
async fn drive(world: &Arc<World>) -> Vec<String> {
    let mut troubles = Vec::new();
    let door = Arc::new(Door::default());
    let mut coming = match pace(world, door.clone()) {
        Ok(coming) => coming,
        Err(error) => return vec![format!("nobody could be sent: {error}")],
    };
    let mut patients: JoinSet<Result<(), Lost>> = JoinSet::new();
    let mut lost = false;
    let mut interrupt = std::pin::pin!(tokio::signal::ctrl_c());
    loop {
        tokio::select! {
            biased;
            Some(gone) = patients.join_next(), if !patients.is_empty() => {
                door.inside.fetch_sub(1, Ordering::Relaxed);
                lost |= self::gone(world, gone, &mut troubles);
                if lost { break; }
            }
            interrupted = &mut interrupt => {
                if interrupted.is_ok() { say::warn("interrupted: the rest is audited"); }
                break;
            }
            arrival = coming.recv() => match arrival {
                Some(arrival) => {
                    patients.spawn(visit(world.clone(), arrival));
                }
                None => break,
            },
        }
    }
    door.shut.store(true, Ordering::Relaxed);
    drop(coming);
    if lost {
        patients.abort_all();
        troubles.push("the ledger could not be written, so nobody went on".to_owned());
    }
    finish(world, patients, &mut troubles).await;
    troubles
}

/// Waits for those under way, for a bounded time.
async fn finish(
    world: &Arc<World>,
    mut patients: JoinSet<Result<(), Lost>>,
    troubles: &mut Vec<String>,
) {
    let Scenario { think, client, search, .. } = &world.scenario;
    let thinks = think.max_ms / 1_000 * u64::from(4 + 3 * search.tries);
    let within = Duration::from_secs(FINISH_SECONDS + thinks + client.resolve_seconds);
    let all = async {
        while let Some(gone) = patients.join_next().await {
            self::gone(world, gone, troubles);
        }
    };
    let late = tokio::time::timeout(within, all).await.is_err();
    if late {
        // Their intentions are in the ledger, so the audit knows that the outcome is open.
        world.caller.meter.lock().patients.cut_off += patients.len() as u64;
        patients.shutdown().await;
    }
}

/// Takes down that a patient has gone, and whether the ledger is lost.
fn gone(
    world: &World,
    gone: Result<Result<(), Lost>, tokio::task::JoinError>,
    troubles: &mut Vec<String>,
) -> bool {
    world.caller.meter.gone(world.caller.clock.us());
    match gone {
        Ok(Ok(())) => false,
        Ok(Err(Lost)) => true,
        Err(error) if error.is_panic() => {
            troubles.push(format!("a patient of the generator failed: {error}"));
            false
        }
        Err(_) => false,
    }
}

/// What those who send patients and those who see them go have in common.
#[derive(Default)]
struct Door {
    /// Patients who were let in and have not gone.
    inside: AtomicUsize,
    shut: AtomicBool,
}

/// Lets patients in at their time, from a thread of its own, or counts them as dropped.
fn pace(world: &Arc<World>, door: Arc<Door>) -> std::io::Result<mpsc::Receiver<Arrival>> {
    let (sender, coming) = mpsc::channel(QUEUE_MAX);
    let (world, arrivals) = (world.clone(), Arrivals::of(&world.scenario));
    let begin = world.caller.clock.us();
    let thread = std::thread::Builder::new().name("arrivals".to_owned());
    thread.spawn(move || {
        let World { scenario, caller: Caller { clock, meter, .. }, .. } = &*world;
        let mut look_again_us = begin;
        for arrival in arrivals {
            let at_us = begin + arrival.at_us;
            clock.block_until(at_us.max(look_again_us));
            let dropped = scenario.in_flight_max <= door.inside.load(Ordering::Relaxed);
            meter.arrived(arrival.phase, dropped);
            if dropped && look_again_us < at_us {
                look_again_us = at_us + FULL_US;
            }
            if !dropped {
                door.inside.fetch_add(1, Ordering::Relaxed);
            }
            // A full queue delays the arrival, and its latency shows it.
            let late = !dropped && sender.blocking_send(Arrival { at_us, ..arrival }).is_err();
            if late || door.shut.load(Ordering::Relaxed) {
                return;
            }
        }
    })?;
    Ok(coming)
}

/// Writes a report as JSON.
///
/// # Errors
///
/// Why it could not be written.
pub(crate) fn write_json(path: &Path, report: &Report) -> Result<(), String> {
    let json = report.json()?;
    std::fs::write(path, json).map_err(|error| format!("{}: {error}", path.display()))
}
