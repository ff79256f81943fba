//! The directory of the bookings, and the disk under it.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::Finding;

/// Writes that are made durable one after the other, to see how long that takes.
const SYNCS: usize = 32;

/// Bytes of each: about those of a small commit.
const SYNC_BYTES: usize = 4_096;

const GIB: u64 = 1 << 30;

pub(super) fn examine(directory: &Path) -> Vec<Finding> {
    let mut findings = vec![permissions(directory)];
    // What is to be created lies on the disk of the nearest directory that is there.
    let there = directory.ancestors().find(|path| path.is_dir()).map(Path::to_owned);
    let there = there.unwrap_or_else(|| PathBuf::from("."));
    findings.push(space(&there));
    findings.extend(kind(&there));
    match syncs(&there) {
        Ok(finding) => findings.push(finding),
        Err(error) => findings.push(Finding::bad(
            "disk",
            format!("{}: {error}", there.display()),
            "give this user the right to write there, and see whether the disk is full or failing",
        )),
    }
    findings
}

fn permissions(directory: &Path) -> Finding {
    const NAME: &str = "directory";
    let shown = directory.display();
    let about = match std::fs::metadata(directory) {
        Ok(about) => about,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Finding::good(NAME, format!("{shown} is not there yet: a start makes it"));
        }
        Err(error) => {
            let advice = "give this user the right to read and write it";
            return Finding::bad(NAME, format!("{shown}: {error}"), advice);
        }
    };
    if !about.is_dir() {
        return Finding::bad(NAME, format!("{shown} is no directory"), "name another");
    }
    if others_may_read(directory) {
        let advice = "chmod 700 it: it says who has which appointment";
        return Finding::look(NAME, format!("other users may read {shown}"), advice);
    }
    Finding::good(NAME, format!("{shown} is for its user alone"))
}

/// Whether users beyond the owner and its group may do anything with a file.
pub(super) fn others_may_read(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).is_ok_and(|about| about.permissions().mode() & 0o007 != 0)
}

fn space(there: &Path) -> Finding {
    const NAME: &str = "space";
    const ADVICE: &str = "free some: a server that cannot write any more ends";
    match rustix::fs::statvfs(there) {
        Ok(about) => {
            let free = about.f_bavail.saturating_mul(about.f_frsize);
            let what = format!("{} MiB are free", free >> 20);
            match free {
                free if free < GIB => Finding::bad(NAME, what, ADVICE),
                free if free < 10 * GIB => Finding::look(NAME, what, ADVICE),
                _ => Finding::good(NAME, what),
            }
        }
        Err(error) => Finding::look(NAME, error.to_string(), "see how much is free"),
    }
}

/// The kind of file system, where it is one to think about.
fn kind(there: &Path) -> Option<Finding> {
    const NAME: &str = "file system";
    // From linux/magic.h.
    const TMPFS: u64 = 0x0102_1994;
    const RAMFS: u64 = 0x8584_58f6;
    const OVERLAY: u64 = 0x794c_7630;
    const NFS: u64 = 0x6969;
    const SMB: [u64; 2] = [0xff53_4d42, 0xfe53_4d42];
    const FUSE: u64 = 0x6573_5546;
    let kind = rustix::fs::statfs(there).ok()?.f_type;
    // The magic numbers have 32 bits, whatever the width and the sign of the field.
    let kind = u64::try_from(kind).unwrap_or_default() & 0xffff_ffff;
    match kind {
        TMPFS | RAMFS => Some(Finding::bad(
            NAME,
            "it is in memory",
            "choose a directory on a disk: here every booking is gone when the machine stops",
        )),
        OVERLAY => Some(Finding::look(
            NAME,
            "it is the layer of a container",
            "mount a volume there: the layer is gone with the container",
        )),
        NFS | FUSE => Some(network(NAME)),
        kind if SMB.contains(&kind) => Some(network(NAME)),
        _ => None,
    }
}

fn network(name: &'static str) -> Finding {
    let advice = "prefer a local disk: not every such file system keeps what it says it has synced";
    Finding::look(name, "it is one over a network or of a program", advice)
}

/// How long a write takes until it is durable.
#[expect(clippy::disallowed_methods, reason = "it measures this disk, in its own time")]
fn syncs(there: &Path) -> io::Result<Finding> {
    const NAME: &str = "disk";
    let path = there.join(format!(".creneau-doctor-{}", std::process::id()));
    let mut file = OpenOptions::new().write(true).create_new(true).open(&path)?;
    let measure = |file: &mut File| -> io::Result<Vec<Duration>> {
        (0..SYNCS)
            .map(|_| {
                let begun = Instant::now();
                file.write_all(&[0; SYNC_BYTES])?;
                file.sync_data()?;
                Ok(begun.elapsed())
            })
            .collect()
    };
    let took = measure(&mut file);
    std::fs::remove_file(&path)?;
    let mut took = took?;
    took.sort_unstable();
    let middle = took.get(SYNCS / 2).copied().unwrap_or_default();
    let longest = took.last().copied().unwrap_or_default();
    let what = format!("a durable write takes {middle:?}, {longest:?} at the longest of {SYNCS}");
    Ok(if longest > Duration::from_secs(1) || middle > Duration::from_millis(50) {
        Finding::look(NAME, what, "choose a faster disk: each booking waits for such a write")
    } else if middle < Duration::from_micros(20) {
        let advice = "see whether it keeps what it says it has synced: a disk is rarely so fast";
        Finding::look(NAME, what, advice)
    } else {
        Finding::good(NAME, what)
    })
}
