//! Flipped bytes: what is served over one is right, or refused with its place, and never less.

use std::collections::HashMap;

use creneau::{AppointmentId, Timestamp};

use super::campaign::{Campaign, END_WITHIN, Epoch, merged, unexpected};
use super::server::{Server, Start, verify};
use super::tally::{Kind, Violation, gist};
use crate::audit::{self, Finding, Rule};
use crate::clock::{pause, wall};
use crate::dice::Dice;
use crate::faults::{Found, Part, Rot, Troubles};
use crate::ledger::{Entry, Read};

/// Milliseconds before a crash for which the mark does not speak: its period of 100 ms, and what a
/// busy machine takes to write it.
const WINDOW_MS: i64 = 300;

/// How often a read is tried of a server that may refuse it.
const TRIES_MAX: u64 = 2;

/// What a server was like when its disk was still whole.
struct Before {
    ledger: Read,
    /// When each booking was last spoken of, by its ids.
    told: HashMap<String, Timestamp>,
    /// When it was killed; none where it left in good order.
    killed_at: Option<Timestamp>,
}

impl Before {
    fn of(ledger: Read, killed_at: Option<Timestamp>) -> Self {
        let mut told = HashMap::new();
        for line in &ledger.lines {
            if let Entry::Told(it) = &line.entry {
                let appointment = AppointmentId::from(it.hold);
                for id in [it.hold.to_string(), appointment.to_string(), line.patient.clone()] {
                    told.insert(id, line.at);
                }
            }
        }
        Self { ledger, told, killed_at }
    }

    /// Milliseconds from what was last told of a finding to the crash, where the mark may not have
    /// come to say it.
    fn within_window(&self, finding: &Finding, flipped: &Found) -> Option<i64> {
        let in_log = Part::Journal.has(&flipped.path);
        let ago = self.killed_at?.millis() - self.told.get(&finding.id)?.millis();
        (in_log && ago <= WINDOW_MS).then_some(ago.max(0))
    }
}

/// What a server over a flipped byte did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Served {
    Right,
    /// Some reads got no answer, and all others were right.
    Refused,
    /// What the mark could not speak of was gone.
    Less,
}

/// Whether a finding is no more than a read that was refused, or what could not be looked at then.
fn is_refused(finding: &Finding) -> bool {
    let says = ["no answer", "was not looked at", "was not searched for"];
    finding.rule == Rule::Readable && says.iter().any(|it| finding.what.starts_with(it))
}

/// A byte of some file, each part of the directory and the ends of files more often than chance.
fn choose(files: &[Found], dice: &mut Dice) -> Option<(Found, usize, u8)> {
    let parts = [Part::Journal, Part::Journal, Part::Journal, Part::Derived, Part::Any, Part::Mark];
    let part = dice.pick(&parts).copied()?;
    let of_part: Vec<_> = files.iter().filter(|it| part.has(&it.path) && 0 < it.len).collect();
    let found = (*dice.pick(&of_part)?).clone();
    let len = found.len as u64;
    let at = match dice.below(4) {
        0 => dice.below(len.min(64)),
        1 => len - 1 - dice.below(len.min(4_096)),
        _ => dice.below(len),
    };
    let one_bit = 1_u8 << dice.below(8);
    let any = u8::try_from(dice.between(1, 255)).unwrap_or(1);
    let mask = if dice.chance(0.7) { one_bit } else { any };
    Some((found, usize::try_from(at).ok()?, mask))
}

impl Campaign {
    /// Books for a while, over a start or two, so that there are files of every kind; then flips
    /// bytes of that disk, one at a time.
    pub(super) async fn flips(&mut self, epoch: &mut Epoch, times: u64) -> Result<(), Violation> {
        let loads = epoch.dice.between(1, 3);
        for number in 0..loads {
            if 0 < number {
                self.kill_server(epoch).await?;
                self.start(epoch, "a kill").await?;
            }
            let path = epoch.folder.join(format!("ledger-{number}.jsonl"));
            let load = epoch.ward.load(self.asked.patients.min(60), &path)?;
            pause(epoch.dice.between(80, 250)).await;
            let done = load.finish(&path).await?;
            epoch.ledgers.push(done.ledger);
        }
        let orderly = epoch.dice.chance(0.3);
        let killed_at = (!orderly).then(wall);
        if orderly && let Some(mut server) = epoch.server.take() {
            server.ask_to_leave();
            let ended = server.end(END_WITHIN).await;
            ended.ok_or_else(|| Violation::new("the server does not leave"))?;
        }
        self.kill_server(epoch).await?;
        let image = self.mounted.copy();
        let Some(ledger) = merged(&epoch.ledgers) else { return Ok(()) };
        let before = Before::of(ledger, killed_at);
        for _ in 0..times {
            self.mounted.insert(image.clone());
            Box::pin(self.flip(epoch, &before)).await?;
            self.tally.did(Kind::FlippedByte);
        }
        self.mounted.insert(image);
        self.start(epoch, "all bytes were right again").await
    }

    async fn flip(&mut self, epoch: &mut Epoch, before: &Before) -> Result<(), Violation> {
        let files = self.mounted.with(|disk| disk.files());
        let chosen = (0..100).find_map(|_| choose(&files, &mut epoch.dice));
        let (found, at, mask) = chosen.ok_or_else(|| "there is no file to flip".to_owned())?;
        let in_reads = epoch.dice.chance(0.25);
        let mut where_it_is =
            format!("{} at {at} of {} by {mask:#04x}", found.path.display(), found.len);
        if in_reads {
            let rot = Some(Rot { node: found.node, at, mask });
            self.mounted.trouble(Troubles { rot, ..Troubles::default() });
            where_it_is += ", in reads";
        } else {
            self.mounted.with(|disk| disk.flip(found.node, at, mask));
        }
        let flipped = self.serve_flipped(epoch, before, &found).await;
        flipped.map_err(|mut violation| {
            violation.what = format!("{where_it_is}: {}", violation.what);
            violation
        })
    }

    async fn serve_flipped(
        &mut self,
        epoch: &mut Epoch,
        before: &Before,
        flipped: &Found,
    ) -> Result<(), Violation> {
        if epoch.dice.chance(0.4) {
            let verified = verify(&epoch.launch.binary, &epoch.launch.data).await?;
            if verified.ended.crashed() {
                return Err(unexpected(&verified.ended, "asked to verify"));
            }
            let found = if verified.is_sound() { "finds nothing" } else { "names it" };
            self.tally.count(format!("flipped: creneau verify {found}"), 1);
        }
        // Once more where it was served: what the first start made of it must be right too.
        let starts = if epoch.dice.chance(0.25) { 2 } else { 1 };
        for _ in 0..starts {
            let mut server = Server::launch(&epoch.launch)?;
            let served = match server.ready().await {
                Start::Hangs => Err(Violation::new("no start comes to an end")),
                Start::Ended(ended) if ended.crashed() => Err(unexpected(&ended, "started")),
                Start::Ended(ended) => {
                    let line = ended.last_line();
                    if !names_a_place(line) {
                        let what = format!("a refusal that names no place: {line}");
                        return Err(Violation::new(what));
                    }
                    self.tally.count("flipped: refused at the start, with its place", 1);
                    self.tally.count(format!("flipped: {}", gist(line)), 1);
                    return Ok(());
                }
                Start::Ready(address) => {
                    epoch.address.send_replace(Some(address));
                    self.audit_flipped(epoch, before, flipped).await
                }
            };
            epoch.address.send_replace(None);
            server.kill();
            let ended = server.end(END_WITHIN).await;
            let served = served?;
            let ended = ended.ok_or_else(|| Violation::new("a killed server does not end"))?;
            if ended.said.contains("panicked at") {
                return Err(unexpected(&ended, "serving over it"));
            }
            if served == Served::Refused && !names_a_place(&ended.said) {
                return Err(Violation::new("reads are refused, and its log names no place"));
            }
        }
        Ok(())
    }

    async fn audit_flipped(
        &mut self,
        epoch: &Epoch,
        before: &Before,
        flipped: &Found,
    ) -> Result<Served, Violation> {
        let verdict = audit::over_api_at_once(&before.ledger, &epoch.ward.driver, TRIES_MAX).await;
        if verdict.passes() {
            self.tally.count("flipped: served right", 1);
            self.judge(&verdict, "a flipped byte")?;
            return Ok(Served::Right);
        }
        let (refused, lost): (Vec<_>, Vec<_>) =
            verdict.findings.iter().partition(|it| is_refused(it));
        let ages: Option<Vec<i64>> =
            lost.iter().map(|it| before.within_window(it, flipped)).collect();
        match ages {
            Some(ages) if ages.is_empty() => {
                self.tally.count("flipped: served, and some reads refused", 1);
                let why = refused.iter().find(|it| it.what.starts_with("no answer"));
                let why = why.map_or("", |it| it.what.as_str());
                self.tally.count(format!("flipped: {}", gist(why)), 1);
                Ok(Served::Refused)
            }
            Some(ages) => {
                let oldest = ages.into_iter().max().unwrap_or(0);
                self.tally.count("flipped: within the window of the mark, and lost", 1);
                let us = u64::try_from(oldest).unwrap_or(0) * 1_000;
                self.tally.time("age of what was lost within the window", us);
                Ok(Served::Less)
            }
            None => {
                let what = format!("{} findings over a flipped byte", lost.len());
                Err(Violation { what, lines: verdict.lines(40) })
            }
        }
    }
}

/// Whether a refusal says where to look.
fn names_a_place(line: &str) -> bool {
    ["journal", "mark", "FORMAT", "store", "entry", "/data"].iter().any(|it| line.contains(it))
}
