//! What is done to a server or to its disk. Each ends with a server that takes bookings again.

use std::time::Duration;

use super::campaign::{Campaign, END_WITHIN, Epoch, unexpected};
use super::server::{Ended, Gone, Server, Start};
use super::tally::{Violation, gist};
use crate::clock::{pause, wall};
use crate::faults::{Part, Survival, SyncFault, SyncFaultKind, Troubles};

/// The exit status of a server whose engine has failed.
const ENGINE_FAILED: i32 = 70;

/// The exit status of one that does not start.
const NOT_STARTED: i32 = 1;

/// Milliseconds for which a trouble is waited for that load must bring about.
const HAPPENS_WITHIN_MS: u64 = 3_000;

/// How long a write may take: what the engine has as its standard.
const WRITE_TIMEOUT_MS: u64 = 10_000;

/// Milliseconds between two looks of the engine at a write that is under way.
const WATCH_MS: u64 = 1_000;

/// Starts that are cut short, at most, in one cycle.
const SHORT_STARTS_MAX: u64 = 3;

impl Campaign {
    /// `kill -9`, sometimes amid slow syncs, and sometimes again while it starts.
    pub(super) async fn kill(&mut self, epoch: &mut Epoch) -> Result<(), Violation> {
        if epoch.dice.chance(0.3) {
            let slow_ms = epoch.dice.between(1, 20);
            self.mounted.trouble(Troubles { slow_ms, ..Troubles::default() });
            pause(epoch.dice.between(5, 60)).await;
        }
        self.kill_server(epoch).await?;
        self.mounted.release();
        for _ in 0..SHORT_STARTS_MAX {
            if !epoch.dice.chance(0.35) {
                break;
            }
            let mut server = Server::launch(&epoch.launch)?;
            pause(epoch.dice.between(0, 100)).await;
            server.kill();
            let ended = server.end(END_WITHIN).await;
            ended.ok_or_else(|| Violation::new("a killed server does not end"))?;
            self.tally.count("kill -9 again within 100 ms of a start", 1);
        }
        if epoch.dice.chance(0.2) {
            self.verify(epoch, "a kill").await?;
        }
        self.start(epoch, "a kill").await
    }

    /// The power goes, at some step of the disk's, and sometimes again during recovery.
    pub(super) async fn power_loss(&mut self, epoch: &mut Epoch) -> Result<(), Violation> {
        let by_step = epoch.dice.chance(0.7);
        let dark_after = by_step.then(|| epoch.dice.between(0, 400));
        let slow_ms = if epoch.dice.chance(0.3) { epoch.dice.between(1, 15) } else { 0 };
        self.mounted.trouble(Troubles { dark_after, slow_ms, ..Troubles::default() });
        pause(epoch.dice.between(1, 40)).await;
        if by_step {
            self.await_happening(HAPPENS_WITHIN_MS, |it| it.dark_at).await;
        }
        self.mounted.darken();
        let server = epoch.server.take();
        epoch.address.send_replace(None);
        self.lose_power(epoch, server).await?;
        for _ in 0..SHORT_STARTS_MAX {
            if !epoch.dice.chance(0.35) {
                break;
            }
            let dark_after = Some(epoch.dice.between(0, 150));
            self.mounted.trouble(Troubles { dark_after, ..Troubles::default() });
            let mut server = Server::launch(&epoch.launch)?;
            let dark = self.await_happening(HAPPENS_WITHIN_MS, |it| it.dark_at);
            let ready = tokio::select! {
                biased;
                _ = dark => None,
                ready = server.ready() => Some(ready),
            };
            match ready {
                None => self.tally.count("power losses during recovery", 1),
                Some(Start::Ready(_)) => self.tally.count("power losses soon after a start", 1),
                Some(Start::Ended(ended)) => return Err(unexpected(&ended, "started again")),
                Some(Start::Hangs) => return Err(Violation::new("no start comes to an end")),
            }
            self.mounted.darken();
            self.lose_power(epoch, Some(server)).await?;
        }
        if epoch.dice.chance(0.3) {
            self.verify(epoch, "a power loss").await?;
        }
        self.start(epoch, "a power loss").await
    }

    /// Kills who is in the dark, and leaves of the disk what survives.
    async fn lose_power(
        &mut self,
        epoch: &mut Epoch,
        server: Option<Server>,
    ) -> Result<(), Violation> {
        if let Some(mut server) = server {
            server.kill();
            self.mounted.abandon();
            let ended = server.end(END_WITHIN).await;
            ended.ok_or_else(|| Violation::new("a killed server does not end"))?;
        }
        let survival = Survival::any(&mut epoch.dice);
        self.lose(epoch, survival);
        Ok(())
    }

    fn lose(&mut self, epoch: &mut Epoch, survival: Survival) {
        let mut disk = self.mounted.copy();
        disk.lose_power(survival, &mut epoch.dice);
        self.mounted.insert(disk);
    }

    /// A server whose disk has failed at `since` is gone soon, with the status that says so.
    async fn gone(
        &mut self,
        epoch: &mut Epoch,
        since: u64,
        (what, within_ms): (&str, u64),
    ) -> Result<(), Violation> {
        epoch.silent_from = Some(self.wall_at(since));
        let Some(mut server) = epoch.server.take() else { return Ok(()) };
        let patience = Duration::from_millis(within_ms + 5_000);
        let gone = server.gone(&self.clock, patience).await;
        // Who still waits for the disk is no more than that.
        self.mounted.abandon();
        epoch.address.send_replace(None);
        let Some(Gone { at_us, stalled_us }) = gone else {
            server.kill();
            let said = server.said().lines().map(str::to_owned).collect();
            let _ = server.end(END_WITHIN).await;
            let what = format!("the server is still there {} s after {what}", patience.as_secs());
            return Err(Violation { what, lines: said });
        };
        let took = at_us.saturating_sub(since);
        self.tally.time(format!("gone after {what}"), took);
        let ended = server.end(END_WITHIN).await;
        let ended = ended.ok_or_else(|| Violation::new("a server does not end"))?;
        if ended.status.code() != Some(ENGINE_FAILED) || ended.crashed() {
            return Err(unexpected(&ended, &format!("met by {what}")));
        }
        if within_ms * 1_000 < took.saturating_sub(stalled_us) {
            let (ms, stalled) = (took / 1_000, stalled_us / 1_000);
            let what =
                format!("the server was gone {ms} ms after {what}; the machine stood {stalled} ms");
            return Err(Violation { what, lines: vec![ended.last_line().to_owned()] });
        }
        Ok(())
    }

    fn wall_at(&self, us: u64) -> creneau::Timestamp {
        let ago = self.clock.us().saturating_sub(us) / 1_000;
        wall().plus_ms(-i64::try_from(ago).unwrap_or(0))
    }

    /// A start over a failing disk: it says why it does not start, or it fails soon after.
    async fn start_failing(&mut self, epoch: &mut Epoch, what: &str) -> Result<(), Violation> {
        let mut server = Server::launch(&epoch.launch)?;
        let ended = match server.ready().await {
            Start::Ended(ended) => ended,
            Start::Hangs => {
                server.kill();
                return Err(Violation::new(format!("no start comes to an end over {what}")));
            }
            Start::Ready(_) => {
                self.tally.count(format!("started over {what}"), 1);
                server.kill();
                let _ = server.end(END_WITHIN).await;
                return Ok(());
            }
        };
        let code = ended.status.code();
        if ended.crashed() || !matches!(code, Some(NOT_STARTED | ENGINE_FAILED)) {
            return Err(unexpected(&ended, &format!("started over {what}")));
        }
        self.tally.count(format!("not started over {what}: {}", gist(ended.last_line())), 1);
        Ok(())
    }

    /// A sync fails. No acknowledgement leaves after it, and the server is gone.
    pub(super) async fn failed_sync(&mut self, epoch: &mut Epoch) -> Result<(), Violation> {
        let kind = SyncFaultKind::Fails;
        let for_good = epoch.dice.chance(0.5);
        if epoch.dice.chance(0.3) {
            // The store and the folders are synced at a start and seldom later.
            self.kill_server(epoch).await?;
            let parts = [Part::Any, Part::Journal, Part::Derived];
            let of = epoch.dice.pick(&parts).copied().unwrap_or(Part::Any);
            let after = epoch.dice.between(0, 25);
            let sync = Some(SyncFault { kind, of, after, for_good });
            self.mounted.trouble(Troubles { sync, ..Troubles::default() });
            let what = format!("a failing sync of {}", of.name());
            self.start_failing(epoch, &what).await?;
        } else {
            let parts = [Part::Any, Part::Journal, Part::Mark];
            let of = epoch.dice.pick(&parts).copied().unwrap_or(Part::Any);
            let after = epoch.dice.between(0, if of == Part::Mark { 3 } else { 60 });
            let sync = Some(SyncFault { kind, of, after, for_good });
            self.mounted.trouble(Troubles { sync, ..Troubles::default() });
            let failed = self.await_happening(HAPPENS_WITHIN_MS, |it| it.sync_at).await;
            let failed = failed.ok_or_else(|| format!("no sync of {} came", of.name()))?;
            let what = format!("a failed sync of {}", of.name());
            self.gone(epoch, failed, (&what, self.asked.gone_within_ms)).await?;
        }
        // What failed to reach the disk is still seen by readers, until the power goes.
        if epoch.dice.chance(0.5) {
            self.lose(epoch, Survival::NOTHING);
            self.tally.count("power losses right after a failed sync", 1);
        } else {
            let disk = self.mounted.copy();
            self.mounted.insert(disk);
            if epoch.dice.chance(0.5) {
                self.start(epoch, "a failed sync").await?;
                pause(epoch.dice.between(0, 150)).await;
                self.kill_server(epoch).await?;
                self.lose(epoch, Survival::NOTHING);
                self.tally.count("power losses over a restart after a failed sync", 1);
            }
        }
        if epoch.dice.chance(0.3) {
            self.verify(epoch, "a failed sync").await?;
        }
        self.start(epoch, "a failed sync").await
    }

    /// The disk runs full; sometimes the server is started over it before there is space again.
    pub(super) async fn full_disk(&mut self, epoch: &mut Epoch) -> Result<(), Violation> {
        let space = Some(epoch.dice.between(0, 200_000));
        self.mounted.trouble(Troubles { space, ..Troubles::default() });
        let full = self.await_happening(HAPPENS_WITHIN_MS, |it| it.full_at).await;
        let full = full.ok_or_else(|| "the disk did not run full".to_owned())?;
        self.gone(epoch, full, ("a full disk", self.asked.gone_within_ms)).await?;
        let disk = self.mounted.copy();
        self.mounted.insert(disk);
        if epoch.dice.chance(0.4) {
            let space = Some(epoch.dice.between(0, 20_000));
            self.mounted.trouble(Troubles { space, ..Troubles::default() });
            self.start_failing(epoch, "a full disk").await?;
            self.mounted.release();
        }
        if epoch.dice.chance(0.3) {
            self.lose(epoch, Survival::NOTHING);
            self.tally.count("power losses over a full disk", 1);
        }
        if epoch.dice.chance(0.3) {
            self.verify(epoch, "a full disk").await?;
        }
        self.start(epoch, "a full disk").await
    }

    /// A sync hangs: for some seconds, which changes nothing, or for good, and then the server is
    /// gone when the write has taken too long.
    pub(super) async fn hung_sync(&mut self, epoch: &mut Epoch) -> Result<(), Violation> {
        let parts = [Part::Any, Part::Journal, Part::Mark];
        let of = epoch.dice.pick(&parts).copied().unwrap_or(Part::Any);
        let for_good = epoch.dice.chance(0.7);
        let kind = SyncFaultKind::Hangs;
        let after = epoch.dice.between(0, if of == Part::Mark { 3 } else { 60 });
        let sync = Some(SyncFault { kind, of, after, for_good: true });
        self.mounted.trouble(Troubles { sync, ..Troubles::default() });
        let hung = self.await_happening(HAPPENS_WITHIN_MS, |it| it.sync_at).await;
        let hung = hung.ok_or_else(|| format!("no sync of {} came", of.name()))?;
        if !for_good {
            pause(epoch.dice.between(500, 4_000)).await;
            self.mounted.release();
            pause(200).await;
            self.tally.count("syncs that hung for a while", 1);
            let gone = match &mut epoch.server {
                Some(server) => server.end(Duration::from_millis(1)).await,
                None => None,
            };
            return gone.map_or(Ok(()), |ended: Ended| Err(unexpected(&ended, "kept waiting")));
        }
        let what = format!("a hung sync of {}", of.name());
        let within_ms = WRITE_TIMEOUT_MS + 2 * WATCH_MS + self.asked.gone_within_ms;
        self.gone(epoch, hung, (&what, within_ms)).await?;
        let survival = Survival::any(&mut epoch.dice);
        self.lose(epoch, survival);
        self.start(epoch, "a hung sync").await
    }
}
