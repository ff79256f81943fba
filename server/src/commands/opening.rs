//! Opening an engine, and saying clearly why that is not possible.

use std::path::Path;

use creneau::storage::{Inspection, OpenError};
use creneau::{Config, Engine, Error, Opening};

use super::{EXIT_ENGINE_FAILED, Failure};

/// The settings for a directory.
#[cfg(feature = "rocksdb")]
pub(super) fn durable(directory: &Path) -> Result<Config, Failure> {
    Ok(Config::at(directory))
}

/// The settings for a directory.
#[cfg(not(feature = "rocksdb"))]
pub(super) fn durable(_directory: &Path) -> Result<Config, Failure> {
    Err(Failure::usage("this program was built without storage on disk; build it with RocksDB"))
}

/// Opens a directory to look at it.
#[cfg(feature = "rocksdb")]
pub(super) fn inspect(directory: &Path, in_use: &str) -> Result<Inspection, Failure> {
    creneau::inspect(directory).map_err(|error| refused(&error, in_use))
}

/// Opens a directory to look at it.
#[cfg(not(feature = "rocksdb"))]
pub(super) fn inspect(directory: &Path, _in_use: &str) -> Result<Inspection, Failure> {
    durable(directory)?;
    Err(Failure::usage("this program was built without storage on disk"))
}

#[cfg(feature = "rocksdb")]
pub(super) use creneau::{back_up, contact, restore};

/// What a program without storage on disk says of it.
#[cfg(not(feature = "rocksdb"))]
mod without {
    use std::path::Path;

    use creneau::audit::Report;
    use creneau::journal::BackupError;
    use creneau::storage::OpenError;
    use creneau::{Error, Sequence, Timestamp};

    pub(in super::super) fn back_up(_: &Path, _: &Path) -> Result<Sequence, Error> {
        Err(BackupError::Unsupported.into())
    }

    pub(in super::super) fn contact(_: &Path) -> Option<String> {
        None
    }

    pub(in super::super) fn restore(_: &Path, to: &Path, _: Timestamp) -> Result<Report, Error> {
        let why = "this program was built without storage on disk".to_owned();
        Err(OpenError::Directory { path: to.display().to_string(), why }.into())
    }
}

#[cfg(not(feature = "rocksdb"))]
pub(super) use without::{back_up, contact, restore};

/// As [`open`], and tells `watch` how far it has come.
pub(super) async fn open_watched(
    config: Config,
    watch: Opening,
    in_use: &str,
) -> Result<Engine, Failure> {
    // The future is large, and this one call is not worth a large frame in every caller.
    let opened = Box::pin(Engine::open_watched(config, watch)).await;
    opened.map_err(|error| refused(&error, in_use))
}

/// Opens the engine. `in_use` says what to do where another process uses the directory.
pub(super) async fn open(config: Config, in_use: &str) -> Result<Engine, Failure> {
    open_watched(config, Opening::default(), in_use).await
}

fn refused(error: &Error, in_use: &str) -> Failure {
    let advice = match error {
        Error::Open(OpenError::Directory { why, .. }) => {
            if why.contains("in use by") {
                in_use
            } else if why.contains("ermission denied") {
                "give this user the right to read and write it, or choose another with --data"
            } else {
                "mend it or choose another with --data"
            }
        }
        Error::Open(OpenError::Damaged { .. }) | Error::Journal(_) => {
            "keep the directory as it is, and restore a backup into another one"
        }
        Error::Open(OpenError::FailedBefore { .. }) => "start this program anew",
        Error::TailLost { .. } => {
            "acknowledged bookings are missing: keep the directory as it is, and restore a backup \
             into another one"
        }
        // It says itself to set the clock.
        Error::ClockBehind { .. } => "nothing was changed; then start again",
        Error::Store(_) => "see whether its disk is full or failing",
        Error::NotLockFree => "run it on another machine",
        Error::Failed => return Failure::with(EXIT_ENGINE_FAILED, error.to_string()),
        _ => "start again",
    };
    let error = error.to_string();
    let error = error.trim_end_matches("; is another server using it?");
    Failure::failed(format!("{error}; {advice}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(error: Error) -> String {
        refused(&error, "stop it").message
    }

    #[test]
    fn each_failure_says_what_to_do() {
        let directory = |why: &str| {
            let (path, why) = ("/data".to_owned(), why.to_owned());
            Error::Open(OpenError::Directory { path, why })
        };
        assert_eq!(
            message(directory("it is in use by process 7")),
            "failed to use /data: it is in use by process 7; stop it"
        );
        assert!(message(directory("Permission denied (os error 13)")).contains("right to"));
        assert!(message(directory("No space left")).contains("another with --data"));
        assert!(message(Error::TailLost { tail: 1, marked: 2 }).contains("restore a backup"));
        let clock = creneau::Timestamp::default();
        let journal = clock.plus_minutes(9);
        assert!(message(Error::ClockBehind { clock, journal }).contains("set the clock"));
        assert_eq!(refused(&Error::Failed, "").status, EXIT_ENGINE_FAILED);
    }
}
