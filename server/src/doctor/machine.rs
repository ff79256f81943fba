//! The machine: its limits, its clock, its memory.

use std::path::Path;

use creneau::{SystemWallClock, Timestamp, WallClock};
use rustix::process::{Resource, getrlimit};

use super::Finding;

/// Files that a server has open beside its connections: RocksDB's, and connections that wait for a
/// place or are being told that there is none.
const FILES_BESIDE: u64 = 2_560;

/// No clock that is right shows an earlier time: 2026-11-01.
const BUILT: Timestamp = Timestamp::from_millis(1_793_491_200_000);

const GIB: u64 = 1 << 30;

pub(super) fn examine(connections_max: Option<usize>) -> Vec<Finding> {
    let mut findings = vec![clock(), memory(), cores()];
    findings.extend(connections_max.map(open_files));
    findings.extend(user());
    findings
}

fn clock() -> Finding {
    const NAME: &str = "clock";
    let now = SystemWallClock.now();
    if now < BUILT {
        let advice = "set the clock: holds and bookings go by it";
        return Finding::bad(NAME, format!("it shows {now}, which has passed"), advice);
    }
    // What the usual keepers of the time leave behind while they keep it.
    let signs = [
        "/run/systemd/timesync/synchronized",
        "/run/chrony/chronyd.pid",
        "/run/chronyd.pid",
        "/run/chrony.pid",
        "/run/ntpd.pid",
        "/run/openntpd.pid",
    ];
    match signs.into_iter().find(|sign| Path::new(sign).exists()) {
        Some(sign) => Finding::good(NAME, format!("it shows {now}, and is kept right ({sign})")),
        None => Finding::look(
            NAME,
            format!("it shows {now}; nothing shows that it is kept right"),
            "have systemd-timesyncd or chrony set it, in a container on the host: a clock that \
             jumps ends holds early or late",
        ),
    }
}

fn open_files(connections_max: usize) -> Finding {
    const NAME: &str = "open files";
    let needs = u64::try_from(connections_max).unwrap_or(u64::MAX).saturating_add(FILES_BESIDE);
    // A server raises its own limit to the hard one.
    match getrlimit(Resource::Nofile).maximum {
        Some(most) if most < needs => Finding::bad(
            NAME,
            format!("{most} may be open, and {needs} may be needed"),
            "raise it (LimitNOFILE= of systemd, ulimit -n), or lower http.connections_max",
        ),
        most => {
            let most = most.map_or("any number".to_owned(), |most| most.to_string());
            Finding::good(NAME, format!("{most} may be open, and {needs} may be needed"))
        }
    }
}

fn memory() -> Finding {
    const NAME: &str = "memory";
    let about = rustix::system::sysinfo();
    let machine = about.totalram.saturating_mul(u64::from(about.mem_unit).max(1));
    let group = std::fs::read_to_string("/sys/fs/cgroup/memory.max").ok();
    let group = group.and_then(|text| text.trim().parse::<u64>().ok());
    let has = machine.min(group.unwrap_or(u64::MAX));
    let mib = has >> 20;
    if has < GIB {
        let advice = "give it 1 GiB or more: RocksDB alone takes several hundred MiB";
        return Finding::look(NAME, format!("{mib} MiB may be used"), advice);
    }
    Finding::good(NAME, format!("{mib} MiB may be used"))
}

fn cores() -> Finding {
    const NAME: &str = "processors";
    match std::thread::available_parallelism() {
        Ok(cores) if cores.get() < 2 => Finding::look(
            NAME,
            "there is 1",
            "give it 2 or more: while one waits for the disk, another answers",
        ),
        Ok(cores) => Finding::good(NAME, format!("there are {cores}")),
        Err(error) => Finding::look(NAME, error.to_string(), "see how many may be used"),
    }
}

fn user() -> Option<Finding> {
    let advice = "use a user of its own, so that a fault of the server reaches nothing else";
    rustix::process::geteuid().is_root().then(|| Finding::look("user", "this is root", advice))
}
