//! What others do of the same job: a slot is held, then the hold is confirmed, each durable before
//! its answer. Only with `--peers`, since both must be installed.

mod postgresql;
mod redis;

use std::path::{Path, PathBuf};

use crate::embedded::{self, book};
use crate::goals::{Goal, Row};
use crate::http::Booked;
use crate::measured::Measured;
use crate::plan::{Fallible, Plan, runtime};

/// Connections to a peer, and to our server.
const CONNECTIONS: u64 = 64;

/// Bookings that a connection to Redis sends at once, where it is pipelined.
const PIPELINED: usize = 16;

/// The rows that `--peers` measures instead of the others.
pub(crate) const ROWS: [Row; 3] = [
    Row {
        name: "peer_postgresql",
        unit: "per second",
        goal: Goal::RatioAtLeast(4.0),
        what: "holds and their confirms over HTTP, 64 connections; against PostgreSQL, 64 clients \
               of pgbench over a Unix socket, two transactions each",
        measure: against_postgresql,
    },
    Row {
        name: "peer_redis",
        unit: "per second",
        goal: Goal::RatioAtLeast(1.0),
        what: "holds and their confirms, embedded, 64 in flight; against Redis with appendfsync \
               always, 64 connections over a Unix socket, one command at a time",
        measure: against_redis,
    },
    Row {
        name: "peer_redis_pipelined",
        unit: "per second",
        goal: Goal::RatioAtLeast(2.5),
        what: "the same, 1,024 in flight; against the same Redis, 16 commands at a time on each \
               connection",
        measure: against_redis_pipelined,
    },
];

fn against_postgresql(plan: &Plan) -> Fallible<Measured> {
    let peer = postgresql::Server::start(plan)?;
    let mut booked = Booked::start(plan, "peer_postgresql", plan.sized(CONNECTIONS, 8))?;
    let clients = plan.sized(CONNECTIONS, 4);
    let mut measured =
        plan.alternate(|| booked.measure(plan.span), || peer.measure(clients, plan.span))?;
    measured.notes.push(booked.finish()?);
    measured.notes.push(format!("{}, settings as installed", peer.finish()?));
    Ok(measured)
}

fn against_redis(plan: &Plan) -> Fallible<Measured> {
    redis_row(plan, "peer_redis", CONNECTIONS, 1)
}

fn against_redis_pipelined(plan: &Plan) -> Fallible<Measured> {
    redis_row(plan, "peer_redis_pipelined", CONNECTIONS * PIPELINED as u64, PIPELINED)
}

fn redis_row(plan: &Plan, name: &str, callers: u64, depth: usize) -> Fallible<Measured> {
    let runtime = runtime()?;
    let practice = embedded::practice(plan, &runtime, name)?;
    let peer = redis::Server::start(&plan.place(&format!("{name}-redis")))?;
    let connections = plan.sized(CONNECTIONS, 4);
    let mut measured = plan.alternate(
        || Ok(runtime.block_on(book(&practice, callers, plan.span))?.rate),
        || peer.measure(connections, depth, plan.span),
    )?;
    measured.notes.push(format!("{}, appendonly yes, appendfsync always", peer.finish()?));
    embedded::finish(&runtime, practice, &mut measured)?;
    Ok(measured)
}

/// A program of this name: in PATH, or where Debian keeps those of PostgreSQL.
///
/// # Errors
///
/// Where it is in neither.
fn program(name: &str) -> Fallible<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    folders.extend(versions.map(|version| version.path().join("bin")));
    let there = folders.iter().map(|folder| folder.join(name)).find(|file| file.is_file());
    there.ok_or_else(|| format!("{name} is not installed; `make bench-peers` installs it").into())
}

/// A path as an argument of another program.
fn text(path: &Path) -> Fallible<&str> {
    Ok(path.to_str().ok_or("the directory has a strange name")?)
}
