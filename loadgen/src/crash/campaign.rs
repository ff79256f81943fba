//! Cycles, in epochs that each begin on an empty disk and end with a whole audit.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use creneau::Timestamp;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::Asked;
use super::load::{Ward, scenario};
use super::server::{Ended, Launch, Server, Start, verify};
use super::tally::{Kind, Tally, Violation};
use crate::audit::{self, Verdict};
use crate::clock::{Clock, pause};
use crate::dice::Dice;
use crate::driver::{Access, Driver};
use crate::faults::{Disk, Happened, Mounted, Troubles};
use crate::ledger::{Entry, Read};
use crate::say;

/// How long a process may take to end that is killed, or asked to leave.
pub(super) const END_WITHIN: Duration = Duration::from_secs(60);

/// Flipped bytes of one epoch: all of them over the same bookings.
const FLIPS_PER_EPOCH: u64 = 25;

/// Milliseconds between two lines that say how far it has come.
const PROGRESS_MS: u64 = 10_000;

/// Findings that are printed of one violation.
const PRINTED_MAX: usize = 40;

/// A campaign.
pub(super) struct Campaign {
    pub(super) asked: Asked,
    binary: PathBuf,
    root: PathBuf,
    pub(super) clock: Clock,
    pub(super) mounted: Mounted,
    pub(super) tally: Tally,
    stop: Arc<AtomicBool>,
    told_us: u64,
}

/// Cycles over one disk.
pub(super) struct Epoch {
    pub(super) folder: PathBuf,
    pub(super) dice: Dice,
    pub(super) launch: Launch,
    /// The one that takes bookings.
    pub(super) server: Option<Server>,
    pub(super) address: watch::Sender<Option<SocketAddr>>,
    pub(super) ward: Ward,
    /// What patients were told in each cycle.
    pub(super) ledgers: Vec<Read>,
    /// From when on a server acknowledges nothing any more.
    pub(super) silent_from: Option<Timestamp>,
}

/// Runs a campaign, and gives whether nothing was found.
pub(super) async fn run(asked: Asked, binary: PathBuf) -> Result<bool, String> {
    let mut temporary = None;
    let root = match &asked.dir {
        Some(dir) => dir.clone(),
        None => {
            let made = tempfile::Builder::new().prefix("creneau-crash-").tempdir();
            let made = made.map_err(|error| error.to_string())?;
            let path = made.path().to_owned();
            temporary = Some(made);
            path
        }
    };
    let earlier = std::fs::read_dir(&root).into_iter().flatten().flatten();
    if earlier.into_iter().any(|it| it.file_name().to_string_lossy().starts_with("epoch-")) {
        return Err(format!("{} has the evidence of an earlier campaign", root.display()));
    }
    let disk = root.join("disk");
    std::fs::create_dir_all(&disk).map_err(|error| format!("{}: {error}", disk.display()))?;
    let clock = Clock::start();
    let mounted = Mounted::new(&disk, clock).map_err(|error| {
        format!("failed to mount a disk on {}: {error}; it takes FUSE, and root", disk.display())
    })?;
    if asked.lying_disk {
        mounted.lie();
    }
    let stop = on_interrupt()?;
    let tally = Tally::default();
    let mut campaign = Campaign { asked, binary, root, clock, mounted, tally, stop, told_us: 0 };
    Box::pin(campaign.all_epochs()).await?;
    say::line(&format!("seed {}:", campaign.asked.seed));
    campaign.tally.lines().iter().for_each(|line| say::line(line));
    let passed = campaign.tally.violations == 0;
    drop(campaign);
    if let Some(temporary) = temporary
        && !passed
    {
        say::warn(&format!("the evidence is in {}", temporary.keep().display()));
    }
    Ok(passed)
}

/// Set by a signal: the cycle under way is the last.
fn on_interrupt() -> Result<Arc<AtomicBool>, String> {
    let on = |kind| signal(kind).map_err(|error| error.to_string());
    let (mut first, mut second) = (on(SignalKind::interrupt())?, on(SignalKind::terminate())?);
    let stop = Arc::new(AtomicBool::new(false));
    let told = stop.clone();
    tokio::spawn(async move {
        tokio::select! { _ = first.recv() => {}, _ = second.recv() => {} }
        say::warn("interrupted: this epoch is the last");
        told.store(true, Ordering::Relaxed);
    });
    Ok(stop)
}

/// What is done in which epoch, by the seed.
fn plan(asked: &Asked) -> Vec<Vec<(Kind, u64)>> {
    let wanted = [
        (Kind::Kill, asked.kills),
        (Kind::PowerLoss, asked.power_losses),
        (Kind::FailedSync, asked.failed_syncs),
        (Kind::FullDisk, asked.full_disks),
        (Kind::HungSync, asked.hung_syncs),
    ];
    let mut dice = Dice::new(asked.seed);
    let mut left: Vec<Kind> = Vec::new();
    for (kind, times) in wanted {
        left.extend((0..times).map(|_| kind));
    }
    let mut epochs = Vec::new();
    let mut epoch = Vec::new();
    while !left.is_empty() {
        let place = usize::try_from(dice.below(left.len() as u64)).unwrap_or(0);
        epoch.push((left.swap_remove(place), 1));
        if asked.epoch_cycles <= epoch.len() as u64 || left.is_empty() {
            epochs.push(std::mem::take(&mut epoch));
        }
    }
    let mut flips = asked.flipped_bytes;
    while 0 < flips {
        let some = flips.min(FLIPS_PER_EPOCH);
        let place = usize::try_from(dice.between(0, epochs.len() as u64)).unwrap_or(0);
        epochs.insert(place.min(epochs.len()), vec![(Kind::FlippedByte, some)]);
        flips -= some;
    }
    epochs
}

/// The ledgers of an epoch as one.
pub(super) fn merged(ledgers: &[Read]) -> Option<Read> {
    let first = ledgers.first()?;
    let lines = ledgers.iter().flat_map(|ledger| ledger.lines.iter().cloned()).collect();
    Some(Read { header: first.header.clone(), lines, torn: false })
}

impl Campaign {
    async fn all_epochs(&mut self) -> Result<(), String> {
        for (number, cycles) in plan(&self.asked).into_iter().enumerate() {
            let folder = self.root.join(format!("epoch-{number}"));
            std::fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
            let before = self.tally.line();
            let done = Box::pin(self.epoch(number as u64, folder.clone(), &cycles)).await;
            let Err(violation) = done else {
                std::fs::remove_dir_all(&folder).map_err(|error| error.to_string())?;
                if self.stop.load(Ordering::Relaxed) {
                    break;
                }
                continue;
            };
            self.tally.violations += 1;
            let evidence = self.mounted.copy().copy_to(&folder.join("disk"));
            let seed = self.asked.seed;
            say::line(&format!("VIOLATION, seed {seed}, epoch {number}: {}", violation.what));
            violation.lines.iter().take(PRINTED_MAX).for_each(|it| say::line(&format!("  {it}")));
            say::line(&format!("  before: {before}"));
            say::line(&format!("  evidence: {} ({evidence:?})", folder.display()));
            if !self.asked.keep_going || self.stop.load(Ordering::Relaxed) {
                break;
            }
        }
        Ok(())
    }

    async fn epoch(
        &mut self,
        number: u64,
        folder: PathBuf,
        cycles: &[(Kind, u64)],
    ) -> Result<(), Violation> {
        self.mounted.insert(Disk::default());
        let mut dice = Dice::of(self.asked.seed, number + 1);
        let hold_seconds = dice.pick(&[2, 10, 900]).copied().unwrap_or(900);
        let launch = Launch {
            binary: self.binary.clone(),
            data: self.mounted.path().join("data"),
            log: folder.join("server.log"),
            hold_seconds,
        };
        let address = watch::Sender::new(None);
        let scenario = scenario(dice.any())?;
        let driver =
            Arc::new(Driver::http(address.subscribe(), Access::default(), &scenario.client));
        let server = self.launch_ready(&launch, &address, "an empty disk").await?;
        let run = format!("cr{}e{number}", self.asked.seed);
        let ward = Ward::open(scenario, driver, run).await?;
        let (ledgers, silent_from, server) = (Vec::new(), None, Some(server));
        let mut epoch = Epoch { folder, dice, launch, server, address, ward, ledgers, silent_from };
        for (place, (kind, times)) in cycles.iter().enumerate() {
            let cycle = async {
                match kind {
                    Kind::FlippedByte => self.flips(&mut epoch, *times).await,
                    kind => self.cycle(&mut epoch, place, *kind).await,
                }
            };
            if let Err(mut violation) = Box::pin(cycle).await {
                violation.what = format!("cycle {place}, {}: {}", kind.name(), violation.what);
                self.give_up(&mut epoch).await;
                return Err(violation);
            }
            self.tell();
            if self.stop.load(Ordering::Relaxed) {
                break;
            }
        }
        let closed = Box::pin(self.close(&mut epoch)).await;
        if closed.is_err() {
            self.give_up(&mut epoch).await;
        }
        closed
    }

    /// One mishap under load, and what patients were told held against the server that came after.
    async fn cycle(
        &mut self,
        epoch: &mut Epoch,
        place: usize,
        kind: Kind,
    ) -> Result<(), Violation> {
        let path = epoch.folder.join(format!("ledger-{place}.jsonl"));
        let load = epoch.ward.load(self.asked.patients, &path)?;
        pause(epoch.dice.between(20, 300)).await;
        match kind {
            Kind::Kill => self.kill(epoch).await?,
            Kind::PowerLoss => self.power_loss(epoch).await?,
            Kind::FailedSync => self.failed_sync(epoch).await?,
            Kind::FullDisk => self.full_disk(epoch).await?,
            Kind::HungSync => self.hung_sync(epoch).await?,
            Kind::FlippedByte => {}
        }
        let again = crate::clock::wall();
        pause(epoch.dice.between(10, 120)).await;
        let done = load.finish(&path).await?;
        self.tally.count("appointments confirmed", done.bookings);
        self.tally.count("calls answered", done.calls);
        if let Some(trouble) = done.troubles.first() {
            return Err(Violation { what: trouble.clone(), lines: done.troubles });
        }
        if let Some(from) = epoch.silent_from.take() {
            self.listen(&done.ledger, from, again);
        }
        let verdict = audit::over_api_at_once(&done.ledger, &epoch.ward.driver, 40).await;
        epoch.ledgers.push(done.ledger);
        self.judge(&verdict, "the server that came after")?;
        self.tally.did(kind);
        Ok(())
    }

    /// How long after a failure the last acknowledgement arrived that was on its way already.
    fn listen(&mut self, ledger: &Read, from: Timestamp, until: Timestamp) {
        let told = ledger.lines.iter().filter(|line| matches!(line.entry, Entry::Told(_)));
        let within = told.map(|line| line.at).filter(|at| from < *at && *at < until);
        let last = within.max().map_or(0, |at| at.millis() - from.millis());
        let us = u64::try_from(last).unwrap_or(0) * 1_000;
        self.tally.time("last acknowledgement on its way when a disk failed", us);
    }

    pub(super) fn judge(&mut self, verdict: &Verdict, by: &str) -> Result<(), Violation> {
        self.tally.count("claims checked", verdict.checked.values().sum());
        if verdict.passes() {
            return Ok(());
        }
        let what = format!("{} findings of the audit over {by}", verdict.findings.len());
        Err(Violation { what, lines: verdict.lines(PRINTED_MAX) })
    }

    /// Ends an epoch in good order: a server that is asked to leaves, and all of it is audited by
    /// the journal.
    async fn close(&mut self, epoch: &mut Epoch) -> Result<(), Violation> {
        self.mounted.trouble(Troubles::default());
        if let Some(mut server) = epoch.server.take() {
            server.ask_to_leave();
            let ended = server.end(END_WITHIN).await;
            let ended = ended.ok_or_else(|| Violation::new("the server does not leave"))?;
            if !ended.status.success() {
                return Err(unexpected(&ended, "asked to leave"));
            }
        }
        epoch.address.send_replace(None);
        self.verify(epoch, "the end of an epoch").await?;
        let Some(ledger) = merged(&epoch.ledgers) else { return Ok(()) };
        let verdict = audit::over_data(&ledger, None, &epoch.launch.data).await?;
        self.judge(&verdict, "the journal of the epoch")
    }

    /// Leaves everything as it is, and no process.
    async fn give_up(&mut self, epoch: &mut Epoch) {
        self.mounted.abandon();
        if let Some(mut server) = epoch.server.take() {
            server.kill();
            let _ = server.end(END_WITHIN).await;
        }
    }

    /// Has the binary audit the directory, which nobody uses: it must be sound.
    pub(super) async fn verify(&mut self, epoch: &Epoch, after: &str) -> Result<(), Violation> {
        let verified = verify(&epoch.launch.binary, &epoch.launch.data).await?;
        self.tally.count("audits by creneau verify", 1);
        if verified.is_sound() {
            return Ok(());
        }
        let what = format!("creneau verify after {after}: {}", verified.ended.last_line());
        Err(Violation { what, lines: verified.findings() })
    }

    async fn launch_ready(
        &mut self,
        launch: &Launch,
        address: &watch::Sender<Option<SocketAddr>>,
        after: &str,
    ) -> Result<Server, Violation> {
        let began = self.clock.us();
        let mut server = Server::launch(launch)?;
        match server.ready().await {
            Start::Ready(at) => {
                self.tally.time("start", self.clock.us() - began);
                address.send_replace(Some(at));
                Ok(server)
            }
            Start::Ended(ended) => Err(unexpected(&ended, &format!("started after {after}"))),
            Start::Hangs => {
                server.kill();
                Err(Violation::new(format!("no start comes to an end after {after}")))
            }
        }
    }

    /// Starts the server, which must take bookings.
    pub(super) async fn start(&mut self, epoch: &mut Epoch, after: &str) -> Result<(), Violation> {
        let server = self.launch_ready(&epoch.launch, &epoch.address, after).await?;
        epoch.server = Some(server);
        Ok(())
    }

    /// Kills the server, if it is there. Nobody is told before: patients find out as they would.
    pub(super) async fn kill_server(&mut self, epoch: &mut Epoch) -> Result<(), Violation> {
        if let Some(mut server) = epoch.server.take() {
            server.kill();
            epoch.address.send_replace(None);
            let ended = server.end(END_WITHIN).await;
            ended.ok_or_else(|| Violation::new("a killed server does not end"))?;
        }
        Ok(())
    }

    /// Waits until something has gone wrong on the disk; none where it does not within a while.
    pub(super) async fn await_happening(
        &self,
        within_ms: u64,
        what: impl Fn(&Happened) -> Option<u64>,
    ) -> Option<u64> {
        let until = self.clock.us() + within_ms * 1_000;
        loop {
            if let Some(at) = what(&self.mounted.happened()) {
                return Some(at);
            }
            if until <= self.clock.us() {
                return None;
            }
            pause(1).await;
        }
    }

    fn tell(&mut self) {
        let now = self.clock.us();
        if self.told_us + PROGRESS_MS * 1_000 <= now {
            self.told_us = now;
            say::line(&format!("{:>6} s: {}", now / 1_000_000, self.tally.line()));
        }
    }
}

/// A server that ended as it must not.
pub(super) fn unexpected(ended: &Ended, when: &str) -> Violation {
    let what = format!("a server that was {when} ended with {}", ended.status);
    let lines = ended.said.lines().map(str::to_owned).collect();
    Violation { what, lines }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::*;

    #[test]
    fn a_plan_has_all_that_was_asked_for_and_is_that_of_its_seed() {
        Asked::command().debug_assert();
        let asked = |seed: &str| {
            let counts = ["--kills=40", "--flipped-bytes=60", "--hung-syncs=2"];
            Asked::parse_from([&["creneau-crash", "--seed", seed], &counts[..]].concat())
        };
        let first = plan(&asked("7"));
        let times = |wanted: Kind| -> u64 {
            first.iter().flatten().filter(|(kind, _)| *kind == wanted).map(|(_, n)| n).sum()
        };
        let kinds = [Kind::Kill, Kind::PowerLoss, Kind::FailedSync, Kind::FullDisk];
        assert_eq!(kinds.map(times), [40, 10, 5, 5]);
        assert_eq!([Kind::HungSync, Kind::FlippedByte].map(times), [2, 60]);
        assert!(first.iter().all(|epoch| epoch.len() <= 16));
        assert_eq!(first, plan(&asked("7")));
        assert_ne!(first, plan(&asked("8")));
    }
}
