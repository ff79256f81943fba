//! Up to where a ledger must be held against what is so: for the audit of a backup.

use std::str::FromStr;

use creneau::Timestamp;

use crate::ledger::{Entry, Line, Read};

/// What the command line says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Until {
    /// The last backup that the ledger tells of.
    Backup,
    /// An instant of the generator's clock.
    Instant(Timestamp),
}

impl FromStr for Until {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "backup" {
            return Ok(Self::Backup);
        }
        let instant = text.parse().map_err(|_| "must be \"backup\" or an RFC 3339 instant");
        Ok(Self::Instant(instant?))
    }
}

/// Where a line of the ledger stands to what is audited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// What it acknowledges must be there.
    Before,
    /// It may be there or not, as if its outcome were unknown.
    Meanwhile,
    /// What is asked for in it cannot be there.
    After,
}

/// The cut through a ledger.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Cut {
    /// There is none: all of it must be there.
    #[default]
    None,
    /// Between two lines, of which the first precedes a backup and the second follows it.
    Lines { began: u64, ended: u64 },
    /// An instant before the backup began.
    Instant(Timestamp),
}

impl Cut {
    /// Finds it in a ledger.
    ///
    /// # Errors
    ///
    /// When the ledger tells of no backup.
    pub(super) fn of(ledger: &Read, until: Option<Until>) -> Result<Self, String> {
        match until {
            None => Ok(Self::None),
            Some(Until::Instant(at)) => Ok(Self::Instant(at)),
            Some(Until::Backup) => {
                let last = |wanted: fn(&Entry) -> bool| {
                    let line = ledger.lines.iter().rev().find(|line| wanted(&line.entry));
                    line.map(|line| line.n)
                };
                let began = last(|entry| matches!(entry, Entry::BackupAsked { .. }));
                let ended = last(|entry| matches!(entry, Entry::BackupTold { .. }));
                let (Some(began), Some(ended)) = (began, ended.filter(|n| began < Some(*n))) else {
                    return Err(
                        "--until backup: the ledger tells of none that was taken".to_owned()
                    );
                };
                Ok(Self::Lines { began, ended })
            }
        }
    }

    pub(super) fn side(self, line: &Line) -> Side {
        match self {
            Self::None => Side::Before,
            Self::Lines { began, .. } if line.n < began => Side::Before,
            Self::Lines { ended, .. } if line.n < ended => Side::Meanwhile,
            Self::Lines { .. } => Side::After,
            // An instant says when the backup had not begun yet, and not when it ended.
            Self::Instant(at) if line.at < at => Side::Before,
            Self::Instant(_) => Side::Meanwhile,
        }
    }
}
