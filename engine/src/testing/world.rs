//! One run: an engine under a seed, over several lives on one disk.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::auditor::{self, Life};
use super::disk::{DiskCounts, Pace, SimDisk};
use super::histories;
use super::ledger::{Ask, Counts};
use super::model::Model;
use super::plan::{self, Plan};
use super::random::{Dice, SeededBits};
use super::rest;
use super::scene::{Book, Harm, Scene, locked, read_on};
use super::store::SimStore;
use super::workload::Client;
use crate::config::Config;
use crate::engine::{Engine, Environment};
use crate::error::Error;
use crate::limits::CLOCK_BEHIND_MAX_MS;
use crate::runtime::FeedEntry;
use crate::storage::Storage;
use crate::time::{Timestamp, WallClock};

/// 2027-03-27T08:00:00Z: a day before the clocks of Paris change.
const BEGINNING: Timestamp = Timestamp::from_millis(1_806_134_400_000);

/// Steps of clients before a closing, and of the engine in it, after which the power may fail.
const CLOSING_TURNS: u64 = 40;

/// What a run has seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The seed.
    pub seed: u64,
    /// From the first life to the end of the last.
    pub simulated: Duration,
    /// How often what has happened.
    pub counts: Counts,
    /// What the disk has been through.
    pub disk: DiskCounts,
    /// A hash of everything that was asked and answered, and when.
    pub trace: [u8; 32],
    /// A hash of the journal's bytes.
    pub journal: [u8; 32],
}

/// What a run has found.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("seed {seed}: {what}")]
pub struct Violation {
    /// The seed.
    pub seed: u64,
    /// What is wrong.
    pub what: String,
}

/// A wall clock that goes where it is told.
struct SimWall {
    /// What it shows at the beginning of the life; jumps move it.
    at_first: Arc<AtomicI64>,
    origin: Instant,
}

impl WallClock for SimWall {
    fn now(&self) -> Timestamp {
        let elapsed = i64::try_from(self.origin.elapsed().as_millis()).unwrap_or(0);
        Timestamp::from_millis(self.at_first.load(Ordering::Relaxed)).plus_ms(elapsed)
    }
}

/// How a life has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Crashed,
    ShutDown,
}

/// How far a life has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    #[default]
    Opening,
    Working,
    Closing,
}

/// What is noted of a life while it lasts.
#[derive(Debug, Default)]
struct Notes {
    stage: Stage,
    from: Option<Timestamp>,
    until: Option<Timestamp>,
    after: u64,
    feed: Vec<FeedEntry>,
}

/// A disk, and the lives on it.
pub(super) struct World {
    seed: u64,
    dice: Dice,
    plan: Arc<Plan>,
    disk: SimDisk,
    store: Arc<SimStore>,
    wall: Arc<AtomicI64>,
    bits: Arc<SeededBits>,
    book: Arc<Mutex<Book>>,
    lives: Vec<Life>,
    last: Option<Timestamp>,
    /// Whether what was read of a disk that had failed may be gone after a crash.
    may_shrink: bool,
    model: Arc<Mutex<Arc<Model>>>,
}

/// Failures that were asked for need no line on the terminal.
fn silence_planted() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let otherwise = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if panic.payload_as_str() != Some("planted") {
                otherwise(panic);
            }
        }));
    });
}

/// Runs the simulation of a seed.
///
/// # Errors
///
/// The first violation.
pub fn run(seed: u64) -> Result<Report, Violation> {
    let mut dice = Dice::new(seed);
    let plan = Arc::new(Plan::new(&mut dice));
    run_planned(seed, plan)
}

/// Runs a plan of one's own under a seed.
///
/// # Errors
///
/// The first violation.
pub fn run_planned(seed: u64, plan: Arc<Plan>) -> Result<Report, Violation> {
    let mut world = World::new(seed, plan);
    world.all_lives().map_err(|what| Violation { seed, what })?;
    Ok(world.report())
}

impl World {
    /// An empty disk.
    pub(super) fn new(seed: u64, plan: Arc<Plan>) -> Self {
        silence_planted();
        let mut dice = Dice::new(seed ^ 0x00C0_FFEE);
        Self {
            seed,
            disk: SimDisk::new(dice.fork()),
            store: Arc::new(SimStore::new(dice.fork())),
            wall: Arc::new(AtomicI64::new(BEGINNING.millis())),
            bits: Arc::new(SeededBits::new(dice.fork())),
            book: Arc::default(),
            lives: Vec::new(),
            last: None,
            may_shrink: false,
            model: Arc::default(),
            plan,
            dice,
        }
    }

    /// The lives of the plan, one more without faults, and what all of them were told.
    fn all_lives(&mut self) -> Result<(), String> {
        for _ in 0..self.plan.lives {
            self.next_life(false)?;
        }
        self.next_life(true)?;
        self.judge_order()
    }

    /// One more life; `is_last` has it without faults, looked at closely, and ended in order.
    pub(super) fn next_life(&mut self, is_last: bool) -> Result<(), String> {
        let number = self.lives.len();
        self.live(number, is_last).map_err(|what| format!("life {number}: {what}"))
    }

    /// Goes on by another plan. How long a hold lasts and what guards there are stays.
    pub(super) fn go_on(&mut self, plan: Plan) {
        let Config { hold, ref guards, .. } = self.plan.config;
        let config = Config { hold, guards: guards.clone(), ..plan.config };
        self.plan = Arc::new(Plan { config, ..plan });
    }

    /// What there is to do, for as long as nobody changes it.
    pub(super) fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Has nothing run until `ms` after the last journaled instant.
    pub(super) fn rest(&self, ms: i64) {
        let last = self.last.unwrap_or(BEGINNING).millis();
        self.wall.fetch_max(last.saturating_add(ms), Ordering::Relaxed);
    }

    /// What was counted so far; what the journal and the order of answers tell comes with the
    /// report.
    pub(super) fn counts(&self) -> Counts {
        locked(&self.book).counts
    }

    /// From the first life to the last instant that was journaled.
    pub(super) fn passed(&self) -> Duration {
        let last = self.last.unwrap_or(BEGINNING).millis() - BEGINNING.millis();
        Duration::from_millis(u64::try_from(last).unwrap_or(0))
    }

    fn model(&self) -> Result<Arc<Model>, String> {
        read_on(&self.model, &self.disk, self.hold_ms())
    }

    /// What all clients were told has a legal order.
    pub(super) fn judge_order(&self) -> Result<(), String> {
        let model = self.model()?;
        let mut book = locked(&self.book);
        let verdict = histories::of(&book.records, &model, &self.lives).check();
        book.counts.judged += verdict.calls as u64;
        book.counts.refusals_judged += verdict.refusals as u64;
        match verdict.illegal.first() {
            None => Ok(()),
            Some(first) => {
                let count = verdict.illegal.len();
                Err(format!("no legal order, {count} times: {first}"))
            }
        }
    }

    fn hold_ms(&self) -> i64 {
        i64::try_from(self.plan.config.hold.as_millis()).unwrap_or(0)
    }

    pub(super) fn report(&self) -> Report {
        let book = locked(&self.book);
        let mut counts = book.counts;
        if let Ok(model) = self.model() {
            model.count(&mut counts);
        }
        Report {
            seed: self.seed,
            simulated: self.passed(),
            counts,
            disk: self.disk.counts(),
            trace: book.traced(),
            journal: blake3::hash(&self.disk.bytes()).into(),
        }
    }

    /// One life, and the audit after it. The last is without faults and ends in order.
    fn live(&mut self, number: usize, is_last: bool) -> Result<(), String> {
        let pace = if is_last { Pace::calm() } else { self.plan.pace.clone() };
        self.disk.set_pace(pace);
        let notes: Arc<Mutex<Notes>> = Arc::default();
        let harm: Arc<Mutex<Harm>> = Arc::default();
        let runtime = runtime(self.dice.next()).map_err(|error| error.to_string())?;
        let ended = runtime.block_on(async {
            let origin = Instant::now();
            let (mut dice, disk) = (self.dice.fork(), self.disk.clone());
            let crashes = !is_last && dice.chance(800);
            let crash = async move {
                tokio::select! {
                    biased;
                    () = disk.power_fails() => {}
                    () = crash(dice, crashes) => {}
                }
            };
            let ended = tokio::select! {
                biased;
                () = crash => Ok(End::Crashed),
                ended = self.live_inside(number, is_last, &notes, &harm) => {
                    ended.map(|()| End::ShutDown)
                }
            };
            if ended == Ok(End::Crashed) {
                self.disk.crash();
                self.store = self.store.crashed();
            }
            let elapsed = i64::try_from(origin.elapsed().as_millis()).unwrap_or(0);
            self.wall.fetch_add(elapsed, Ordering::Relaxed);
            ended
        });
        drop(runtime);
        let ended = ended?;
        if ended == End::ShutDown {
            self.store = self.store.closed();
        }
        self.count(ended, locked(&notes).stage);
        self.audit(ended, &notes, &harm)?;
        self.wall_jumps();
        Ok(())
    }

    fn count(&self, ended: End, stage: Stage) {
        let mut book = locked(&self.book);
        book.trace_unheard(self.lives.len());
        let counts = &mut book.counts;
        match (ended, stage) {
            (End::ShutDown, _) => counts.shutdowns += 1,
            (End::Crashed, stage) => {
                counts.crashes += 1;
                counts.crashes_while_opening += u64::from(stage == Stage::Opening);
                counts.crashes_while_closing += u64::from(stage == Stage::Closing);
            }
        }
        book.trace(&format!("{ended:?} {stage:?} {:?}", blake3::hash(&self.disk.bytes())));
    }

    /// What the next life finds must be what this one has told.
    fn audit(
        &mut self,
        ended: End,
        notes: &Mutex<Notes>,
        harm: &Mutex<Harm>,
    ) -> Result<(), String> {
        if let Some(what) = locked(&self.book).violations.first() {
            return Err(what.clone());
        }
        let model = self.model()?;
        let mut notes = locked(notes);
        let harm = locked(harm).clone();
        let from = notes.from.or(self.last).unwrap_or(BEGINNING);
        // Writes hold up the end of what comes after them.
        let slack_ms = 1_000 + 2 * i64::try_from(self.disk.longest_ms()).unwrap_or(0);
        let feed = (notes.after, std::mem::take(&mut notes.feed));
        let until = notes.until.unwrap_or(from);
        let Harm { planted, starved, .. } = harm;
        let tail = model.tail;
        self.lives.push(Life { from, until, tail, slack_ms, planted, starved, feed });
        let book = locked(&self.book);
        if model.last < self.last && !self.may_shrink {
            return Err(format!("the journal ends at {:?}, not {:?}", model.last, self.last));
        }
        if model.tail < self.disk.marked() {
            return Err(format!("it ends at {}, {} was told", model.tail, self.disk.marked()));
        }
        auditor::ledger(&model, &book.records, &self.lives)?;
        auditor::deadlines(&model, &self.lives, &book.unaware)?;
        self.lives.last().map_or(Ok(()), |life| auditor::feed(&model, life))?;
        self.last = model.last;
        self.may_shrink = ended == End::ShutDown && self.disk.has_failed();
        if ended == End::ShutDown && self.disk.marked() != model.tail && !self.disk.has_failed() {
            return Err(format!("it ends at {}, but marked is {}", model.tail, self.disk.marked()));
        }
        Ok(())
    }

    /// Between two lives the clock may show anything.
    fn wall_jumps(&mut self) {
        const HOUR_MS: u64 = 3_600_000;
        let forward = match self.dice.below(8) {
            0 => 0,
            1 | 2 => self.dice.below(5_000),
            3 => self.dice.below(HOUR_MS),
            4 => self.dice.below(24 * HOUR_MS),
            5 => self.dice.below(30 * 24 * HOUR_MS),
            6 => self.dice.below(20 * 60_000),
            _ => {
                let back = i64::try_from(self.dice.below(HOUR_MS)).unwrap_or(0);
                self.wall.fetch_sub(back, Ordering::Relaxed);
                locked(&self.book).counts.clock_jumps_back += 1;
                0
            }
        };
        self.wall.fetch_add(i64::try_from(forward).unwrap_or(0), Ordering::Relaxed);
        locked(&self.book).counts.clock_jumps += 1;
    }

    async fn open(&self) -> Result<Engine, String> {
        let origin = Instant::now();
        loop {
            let wall = SimWall { at_first: self.wall.clone(), origin };
            let shows = wall.now();
            let environment = Environment { wall: Arc::new(wall), random: self.bits.clone() };
            let (journal, marked) = self.disk.open();
            let store = self.store.clone();
            let storage = Storage { journal: Box::new(journal), store, marked };
            let config = self.plan.config.clone();
            let behind = self.last.filter(|last| shows.plus_ms(CLOCK_BEHIND_MAX_MS) < *last);
            match (Box::pin(Engine::open_with(config, storage, environment)).await, behind) {
                (Ok(engine), None) => {
                    let expected = shows.max(self.last.unwrap_or(shows));
                    if engine.now() != expected {
                        return Err(format!("it is {}, not {expected}", engine.now()));
                    }
                    return Ok(engine);
                }
                (Err(Error::ClockBehind { .. }), Some(last)) => {
                    locked(&self.book).counts.clocks_behind += 1;
                    self.wall.store(last.millis(), Ordering::Relaxed);
                }
                (opened, _) => {
                    let opened = opened.map(|engine| engine.status());
                    return Err(format!("at {shows} after {:?}: {opened:?}", self.last));
                }
            }
        }
    }

    async fn live_inside(
        &self,
        number: usize,
        is_last: bool,
        notes: &Arc<Mutex<Notes>>,
        harm: &Arc<Mutex<Harm>>,
    ) -> Result<(), String> {
        let mut dice = Dice::new(self.seed ^ (number as u64).wrapping_mul(0x9E37_79B9));
        let engine = self.open().await?;
        let after = dice.below(engine.status().watermark + 1);
        locked(&self.book).counts.replayed += engine.status().replayed;
        {
            let mut notes = locked(notes);
            let now = engine.now();
            (notes.stage, notes.after) = (Stage::Working, after);
            (notes.from, notes.until) = (Some(now), Some(now));
        }
        let scene = Scene {
            engine,
            disk: self.disk.clone(),
            life: number,
            opened: Instant::now(),
            plan: self.plan.clone(),
            book: self.book.clone(),
            harm: harm.clone(),
            model: self.model.clone(),
        };
        follow(&scene, after, notes);
        watch(&scene, notes);
        if is_last {
            locked(&scene.book).unaware.shrink_to_fit();
        }
        let worked = work(&scene, &mut dice, is_last).await;
        if scene.engine.status().ready == Err(Error::Failed) {
            return self.after_failure(&scene).await;
        }
        worked?;
        locked(notes).until = Some(scene.engine.now());
        locked(notes).stage = Stage::Closing;
        locked(harm).closing = true;
        let clients = if is_last { Vec::new() } else { start_clients(&scene, &mut dice) };
        // Something is in flight when it closes.
        for _ in 0..if is_last { 0 } else { dice.below(CLOSING_TURNS) } {
            tokio::task::yield_now().await;
        }
        if !is_last && dice.chance(self.plan.closing_crashes) {
            // A closing in which nothing waits for the disk takes a few steps.
            let many = dice.chance(300);
            let turns = dice.below(if many { CLOSING_TURNS } else { 4 });
            let disk = scene.disk.clone();
            tokio::spawn(async move {
                for _ in 0..turns {
                    tokio::task::yield_now().await;
                }
                disk.crash_at_once();
            });
        }
        let closed = scene.engine.shutdown().await;
        for client in clients {
            client.abort();
        }
        match closed {
            Ok(()) => Ok(()),
            Err(Error::Failed) if scene.may_fail() => Ok(()),
            Err(error) => Err(format!("it did not shut down: {error:?}")),
        }
    }

    /// Nothing is acknowledged after a failure; then the power fails.
    async fn after_failure(&self, scene: &Scene) -> Result<(), String> {
        locked(&self.book).counts.fail_stops += 1;
        if !scene.may_fail() {
            return Err("the engine stopped, though nothing had failed".to_owned());
        }
        rest::resolve(scene, &mut Dice::new(self.seed)).await;
        let stopped = scene.engine.stopped().await;
        if stopped != Error::Failed {
            return Err(format!("it stopped as {stopped:?}"));
        }
        scene.disk.crash_at_once();
        std::future::pending().await
    }
}

/// A runtime in which time passes only when nothing else can.
fn runtime(seed: u64) -> std::io::Result<tokio::runtime::Runtime> {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_time().start_paused(true);
    #[cfg(tokio_unstable)]
    builder.rng_seed(tokio::runtime::RngSeed::from_bytes(&seed.to_le_bytes()));
    #[cfg(not(tokio_unstable))]
    let _ = seed;
    builder.build()
}

/// Ends when the power shall fail: at any instant, and between any two steps at that instant.
async fn crash(mut dice: Dice, crashes: bool) {
    if !crashes {
        std::future::pending::<()>().await;
    }
    let ms = match dice.below(5) {
        0 => 0,
        1 => dice.below(300),
        2 => dice.below(5_000),
        3 => dice.below(60_000),
        _ => dice.below(600_000),
    };
    if 0 < ms {
        tokio::time::sleep(Duration::from_millis(ms)).await;
    }
    // An opening takes few steps.
    for _ in 0..dice.below(if 0 < ms { 60 } else { 8 }) {
        tokio::task::yield_now().await;
    }
}

/// Follows the feed to the end.
fn follow(scene: &Scene, after: u64, notes: &Arc<Mutex<Notes>>) {
    let (scene, notes) = (scene.clone(), notes.clone());
    tokio::spawn(async move {
        let mut feed = scene.engine.feed(after);
        loop {
            match feed.next().await {
                Ok(Some(entry)) => {
                    if scene.engine.status().watermark < entry.sequence {
                        scene.violated(format!("the feed showed {} too early", entry.sequence));
                    }
                    locked(&notes).feed.push(entry);
                }
                Ok(None) => return,
                Err(error) => return scene.violated(format!("the feed: {error}")),
            }
        }
    });
}

/// Notes until when the engine works.
fn watch(scene: &Scene, notes: &Arc<Mutex<Notes>>) {
    let (scene, notes) = (scene.clone(), notes.clone());
    tokio::spawn(async move {
        while scene.engine.status().ready.is_ok() && !scene.disk.has_failed() {
            locked(&notes).until = Some(scene.engine.now());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
}

fn start_clients(scene: &Scene, dice: &mut Dice) -> Vec<JoinHandle<()>> {
    let client = |_| {
        let client = Client { scene: scene.clone(), dice: dice.fork() };
        tokio::spawn(client.run())
    };
    (0..scene.plan.clients).map(client).collect()
}

/// What happens between opening and closing.
async fn work(scene: &Scene, dice: &mut Dice, is_last: bool) -> Result<(), String> {
    if dice.chance(600) {
        rest::compare(scene, dice).await?;
    }
    if is_last || dice.chance(500) {
        rest::resolve(scene, dice).await;
    }
    create_calendars(scene, dice).await;
    if is_last {
        rest::compare(scene, dice).await?;
        return rest::nothing_leaks(scene, dice).await;
    }
    for _ in 0..dice.between(1, 3) {
        for client in start_clients(scene, dice) {
            client.await.map_err(|error| error.to_string())?;
        }
        if scene.engine.status().ready.is_err() {
            return Ok(());
        }
        rest::compare(scene, dice).await?;
    }
    Ok(())
}

async fn create_calendars(scene: &Scene, dice: &mut Dice) {
    let there = locked(&scene.book).calendars.len();
    for number in there..scene.plan.calendars {
        let definition = plan::definition(dice, number as u64, scene.engine.now());
        let name = locked(&scene.book).fresh_name();
        Box::pin(scene.ask(Ask::Create(definition, name), std::future::pending())).await;
    }
}
