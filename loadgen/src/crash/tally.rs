//! What a campaign counted.

use std::collections::BTreeMap;

/// What is done in a cycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Kill,
    PowerLoss,
    FailedSync,
    FullDisk,
    HungSync,
    FlippedByte,
}

impl Kind {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Kill => "kill -9",
            Self::PowerLoss => "power losses",
            Self::FailedSync => "failed syncs",
            Self::FullDisk => "full disks",
            Self::HungSync => "hung syncs",
            Self::FlippedByte => "flipped bytes",
        }
    }
}

/// Something that must not be.
#[derive(Clone, Debug)]
pub(super) struct Violation {
    pub(super) what: String,
    /// With the ids concerned.
    pub(super) lines: Vec<String>,
}

impl Violation {
    pub(super) fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), lines: Vec::new() }
    }
}

impl From<String> for Violation {
    fn from(what: String) -> Self {
        Self::new(what)
    }
}

/// Counts and times.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) done: BTreeMap<Kind, u64>,
    counts: BTreeMap<String, u64>,
    /// In milliseconds.
    times: BTreeMap<String, Vec<u64>>,
    pub(super) violations: u64,
}

impl Tally {
    pub(super) fn did(&mut self, kind: Kind) {
        *self.done.entry(kind).or_default() += 1;
    }

    pub(super) fn count(&mut self, what: impl Into<String>, times: u64) {
        *self.counts.entry(what.into()).or_default() += times;
    }

    pub(super) fn time(&mut self, what: impl Into<String>, us: u64) {
        self.times.entry(what.into()).or_default().push(us / 1_000);
    }

    /// One line: what was done so far.
    pub(super) fn line(&self) -> String {
        let done: Vec<_> =
            self.done.iter().map(|(kind, times)| format!("{times} {}", kind.name())).collect();
        format!("{}; {} violations", done.join(", "), self.violations)
    }

    /// All of it.
    pub(super) fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for (kind, times) in &self.done {
            lines.push(format!("{times:>9}  {}", kind.name()));
        }
        for (what, times) in &self.counts {
            lines.push(format!("{times:>9}    {what}"));
        }
        for (what, times) in &self.times {
            let mut times = times.clone();
            times.sort_unstable();
            let half = times.get(times.len() / 2).copied().unwrap_or(0);
            let most = times.last().copied().unwrap_or(0);
            let n = times.len();
            lines.push(format!("{n:>9}    {what}: half within {half} ms, all within {most} ms"));
        }
        lines.push(format!("{:>9}  violations", self.violations));
        lines
    }
}

/// A message with what differs from time to time left out, so that the same ones count together.
pub(super) fn gist(message: &str) -> String {
    let mut gist = String::new();
    for word in message.split_whitespace() {
        let word = match word.rsplit_once('/') {
            Some((_, name)) if word.starts_with('/') => name,
            _ => word,
        };
        let mut digits = false;
        for letter in word.chars() {
            if letter.is_ascii_digit() {
                if !digits {
                    gist.push('#');
                }
                digits = true;
            } else {
                gist.push(letter);
                digits = false;
            }
        }
        gist.push(' ');
    }
    gist.trim_end().chars().take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_that_differ_in_numbers_count_together() {
        let first = gist("the journal in /tmp/x1/data is damaged: 000012.log at 17");
        assert_eq!(first, "the journal in data is damaged: #.log at #");
        assert_eq!(first, gist("the journal in /tmp/y/data is damaged: 7.log at 99"));
    }
}
