//! `gauge`.

use clap::{Args, Subcommand};
use creneau::{CalendarId, PersonId, ReasonId, Timestamp};
use jiff::civil::Date;

use super::{Failure, Reached, failed, usage};
use crate::api::Ask;
use crate::gauge::{Gauge, gauge};
use crate::say;
use crate::scenario::Client;

/// Connections, as of a scenario.
const CONNECTIONS_MAX: usize = 4_096;

#[derive(Debug, Args)]
pub(super) struct Asked {
    /// A running server.
    #[arg(long, value_name = "URL")]
    target: String,
    /// Callers, each of which asks again as soon as it was answered.
    #[arg(long, default_value_t = 16)]
    connections: usize,
    /// For how long.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    #[command(flatten)]
    reached: Reached,
    #[command(subcommand)]
    call: Call,
}

#[derive(Debug, Subcommand)]
enum Call {
    /// A listing of free slots.
    Slots {
        #[arg(long)]
        calendar: CalendarId,
        #[arg(long)]
        reason: ReasonId,
        #[arg(long)]
        from: Date,
        #[arg(long, default_value_t = 1)]
        days: u16,
        #[arg(long, default_value_t = 24)]
        limit: u16,
    },
    /// A hold of a slot, always by the same patient: of one that is taken it is refused.
    Hold {
        #[arg(long)]
        calendar: CalendarId,
        #[arg(long)]
        reason: ReasonId,
        #[arg(long)]
        start: Timestamp,
        #[arg(long)]
        patient: PersonId,
    },
}

/// Asks, and prints one JSON object.
pub(super) async fn run(asked: Asked) -> Result<bool, Failure> {
    let Asked { target, connections, seconds, reached, call } = asked;
    if !(1..=CONNECTIONS_MAX).contains(&connections) {
        return Err(usage(format!("--connections must be 1 to {CONNECTIONS_MAX}")));
    }
    if !(1..=3_600).contains(&seconds) {
        return Err(usage("--seconds must be 1 to 3600"));
    }
    let ask = match call {
        Call::Slots { calendar, reason, from, days, limit } => {
            Ask::Find { calendar, reason, from, days, limit }
        }
        Call::Hold { calendar, reason, start, patient } => {
            Ask::Hold { calendar, start, reason, patient }
        }
    };
    let driver = reached.driver(&target, &Client { connections, ..Client::default() })?;
    let gauged = gauge(driver, Gauge { ask, connections, seconds }).await;
    let json = serde_json::to_string(&gauged).map_err(|error| failed(error.to_string()))?;
    say::line(&json);
    Ok(gauged.errors == 0)
}
