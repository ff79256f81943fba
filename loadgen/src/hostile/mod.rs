//! Clients who mean harm, against an own server, with patients beside them who must not notice.

mod attacks;
mod frames;
mod tally;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::driver::Access;
use crate::report::{Report, Threshold};
use crate::run::{Asked, Place, rehearse};
use crate::sampled::{Sampler, Taken};
use crate::say;
use crate::scenario::{Phase, Scenario};
use crate::spawned::{Spawned, Start};

use attacks::{Attack, Field};
use tally::{Tallied, Tally};

/// Seconds that a server has to get rid of what is left of an attack.
const SETTLE_SECONDS: u64 = 15;

/// Milliseconds between two looks whether it has.
const SETTLE_LOOK_MS: u64 = 250;

/// Connections that may be open at the end: that of the look itself, and those of patients.
const LEFT_MAX: f64 = 600.0;

/// How much of each attack there is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    /// Connections of the slow attacks; more than the server has places for shows who gives way.
    pub(crate) connections: usize,
    /// Seconds of each attack but the last.
    pub(crate) seconds: u32,
    /// Malformed frames.
    pub(crate) frames: u64,
    /// MiB that the server may have at most.
    pub(crate) memory_max_mib: u64,
    /// Seed of the frames.
    pub(crate) seed: u64,
}

/// An attack, and how patients fared meanwhile.
#[derive(Serialize)]
pub(crate) struct Attacked {
    pub(crate) attack: &'static str,
    pub(crate) tally: Tallied,
    pub(crate) patients: Report,
    pub(crate) thresholds: Vec<Threshold>,
}

/// All of them.
#[derive(Serialize)]
pub(crate) struct Hostile {
    pub(crate) attacks: Vec<Attacked>,
    pub(crate) server: Option<Taken>,
    pub(crate) thresholds: Vec<Threshold>,
    pub(crate) troubles: Vec<String>,
    pub(crate) pass: bool,
}

fn at_most(name: String, limit: f64, measured: f64) -> Threshold {
    Threshold { pass: measured <= limit, name, limit, measured }
}

/// Starts a server, attacks it in each way, and judges. Ledgers go to `dir`.
///
/// # Errors
///
/// What kept it from being done at all.
pub(crate) async fn hostile(
    start: Start,
    scenario: Scenario,
    size: Size,
    dir: &Path,
) -> Result<Hostile, String> {
    let mut server = Spawned::start(start).await?;
    let address = server.address().borrow().ok_or("the server has no address")?;
    let sampler = server.id().map(Sampler::start);
    let (mut attacks, mut troubles) = (Vec::new(), Vec::new());
    for attack in Attack::ALL {
        let attacked = Box::pin(one(attack, address, &scenario, size, dir)).await?;
        say::line(&attacked.text());
        attacks.push(attacked);
        if server.has_ended() {
            troubles.push(format!("the server ended during: {}", attack.name()));
            break;
        }
    }
    let taken = sampler.and_then(Sampler::stop);
    if let Err(error) = server.end().await {
        troubles.push(error);
    }
    let mib = taken.as_ref().map_or(0, |it| it.peak_resident_kib / 1_024);
    let memory = "resident memory of the server, MiB".to_owned();
    let thresholds = vec![at_most(memory, size.memory_max_mib as f64, mib as f64)];
    let pass = troubles.is_empty()
        && thresholds.iter().all(|it| it.pass)
        && attacks.iter().all(Attacked::passes);
    Ok(Hostile { attacks, server: taken, thresholds, troubles, pass })
}

/// One attack, with patients beside it.
async fn one(
    attack: Attack,
    address: SocketAddr,
    scenario: &Scenario,
    size: Size,
    dir: &Path,
) -> Result<Attacked, String> {
    let phase = |it: &Phase| Phase { seconds: size.seconds, ..it.clone() };
    let phases = scenario.phases.iter().map(phase).collect();
    let beside = Scenario { phases, name: format!("{} beside", attack.name()), ..scenario.clone() };
    let asked = Asked {
        place: Place::Target { address, access: Access::default() },
        ledger: Some(dir.join(format!("{}.jsonl", attack.name()))),
        history: None,
        backup: None,
        wait_seconds: 120,
        quiet: true,
    };
    let (tally, patients) =
        tokio::join!(assail(attack, address, size), Box::pin(rehearse(beside, asked)),);
    let patients = patients?;
    let left = settled(address).await;
    let mut thresholds = vec![
        at_most("answers that tell of a fault in the server".to_owned(), 0.0, tally.faults as f64),
        at_most("connections open at the end".to_owned(), LEFT_MAX, left),
    ];
    if let Some(limit) = attack.life_max() {
        let name = "longest life of a connection, ms".to_owned();
        thresholds.push(at_most(name, limit.as_secs_f64() * 1_000.0, tally.longest_ms as f64));
    }
    Ok(Attacked { attack: attack.name(), tally, patients, thresholds })
}

/// Attacks until the time is over, or all frames are sent.
async fn assail(attack: Attack, address: SocketAddr, size: Size) -> Tallied {
    let tally = Arc::new(Tally::default());
    let mut attackers = JoinSet::new();
    if attack == Attack::Frames {
        frames::send(address, size, &tally).await;
        return tally.told();
    }
    let field = Arc::new(Field { address, tally: tally.clone() });
    for _ in 0..attack.connections(size.connections) {
        let field = field.clone();
        attackers.spawn(async move {
            loop {
                attack.once(&field).await;
            }
        });
    }
    tokio::time::sleep(Duration::from_secs(size.seconds.into())).await;
    attackers.shutdown().await;
    tally.told()
}

/// Waits until the server has no more connections than it should, and gives how many it has.
async fn settled(address: SocketAddr) -> f64 {
    let mut left = f64::INFINITY;
    for _ in 0..SETTLE_SECONDS * 1_000 / SETTLE_LOOK_MS {
        left = open_connections(address).await.unwrap_or(f64::INFINITY);
        if left <= LEFT_MAX {
            break;
        }
        crate::clock::pause(SETTLE_LOOK_MS).await;
    }
    left
}

/// What the server itself says of its connections.
async fn open_connections(address: SocketAddr) -> Option<f64> {
    const ASK: &[u8] = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let mut stream = TcpStream::connect(address).await.ok()?;
    stream.write_all(ASK).await.ok()?;
    let mut text = String::new();
    let read = stream.read_to_string(&mut text);
    tokio::time::timeout(Duration::from_secs(5), read).await.ok()?.ok()?;
    let line = text.lines().find_map(|it| it.strip_prefix("creneau_http_connections_open "))?;
    line.trim().parse().ok()
}

impl Attacked {
    fn passes(&self) -> bool {
        self.patients.passes() && self.thresholds.iter().all(|it| it.pass)
    }

    fn text(&self) -> String {
        let mut lines = vec![String::new(), format!("{}: {}", self.attack, self.tally)];
        lines.extend(self.thresholds.iter().map(Threshold::line));
        lines.push(self.patients.text());
        lines.join("\n")
    }
}

impl Hostile {
    /// The end of the report; the attacks were told one by one.
    pub(crate) fn text(&self) -> String {
        let mut lines = vec![String::new()];
        if let Some(taken) = &self.server {
            lines.push(taken.to_string());
        }
        lines.extend(self.thresholds.iter().map(Threshold::line));
        lines.extend(self.troubles.iter().map(|trouble| format!("  FAIL  {trouble}")));
        lines.push(if self.pass { "passed".to_owned() } else { "FAILED".to_owned() });
        lines.join("\n")
    }
}
