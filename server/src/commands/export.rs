//! `creneau export`.

use std::io::{self, BufWriter, Write};

use creneau::journal::Entries;

use super::{Failure, log_to_stderr, logged, opening};
use crate::cli::Export;
use crate::http::event_dto;

/// Writes every event of a directory to standard output, one on each line.
pub(crate) fn run(asked: Export) -> Result<(), Failure> {
    log_to_stderr(&logged("warn")?)?;
    let in_use = "stop that server first, or follow GET /v1/events of it";
    let found = opening::inspect(&asked.data, in_use)?;
    if let Some(what) = found.damage.first() {
        // What can be read is exported all the same, and the exit status says that it is not all.
        tracing::warn!(what, "the directory is damaged: see creneau verify");
    }
    let mut out = BufWriter::new(io::stdout().lock());
    for entry in Entries::after(&*found.journal, asked.after) {
        let (sequence, entry) = match entry {
            Ok(entry) => entry,
            Err(error) => {
                let _ = out.flush();
                return Err(Failure::failed(format!("{error}; see creneau verify")));
            }
        };
        for line in event_dto::lines(sequence, &entry.events) {
            let json = serde_json::to_string(&line)
                .map_err(|error| Failure::failed(format!("failed to write: {error}")))?;
            if let Err(error) = writeln!(out, "{json}") {
                return ended(&error);
            }
        }
    }
    if let Err(error) = out.flush() {
        return ended(&error);
    }
    match found.damage.first() {
        Some(what) => Err(Failure::failed(format!("{what}; see creneau verify"))),
        None => Ok(()),
    }
}

/// A reader that has had enough is no failure.
fn ended(error: &io::Error) -> Result<(), Failure> {
    if error.kind() == io::ErrorKind::BrokenPipe {
        return Ok(());
    }
    Err(Failure::failed(format!("failed to write the export: {error}")))
}
