//! Stretches in which a calendar is closed, whatever its hours say.

use rkyv::{Archive, Deserialize, Serialize};

use super::hours::Date;
use crate::time::Timestamp;

/// Where an absence begins or ends.
#[derive(Archive, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edge {
    /// A local date: with all of it.
    Date(Date),
    /// An instant.
    Instant(Timestamp),
}

/// A stretch in which nothing is open: leave, illness, a meeting.
#[derive(Archive, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct Absence {
    /// From the start of this date, or from this instant on.
    pub from: Edge,
    /// To the end of this date, or until this instant.
    pub until: Edge,
    /// What the practice calls it; no patient sees it.
    pub label: Option<String>,
}

/// An absence to be added.
#[derive(Archive, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// What is closed.
    pub absence: Absence,
    /// Whether to refuse it where anything is held or booked within it.
    pub only_free: bool,
}
