//! The rows of the table, and what each is to reach.

use std::fmt;

use crate::measured::Measured;
use crate::plan::{Fallible, Plan};
use crate::{doses, embedded, http, refused, scale, tails};

/// What a row is to reach.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Goal {
    RatioAtLeast(f64),
    RatioAtMost(f64),
    AtLeast(f64),
    AtMost(f64),
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RatioAtLeast(least) => write!(f, "ratio ≥ {least}"),
            Self::RatioAtMost(most) => write!(f, "ratio ≤ {most}"),
            Self::AtLeast(least) => write!(f, "≥ {least}"),
            Self::AtMost(most) => write!(f, "≤ {most}"),
        }
    }
}

/// A row of the table.
pub(crate) struct Row {
    /// Its name, for programs. It never changes.
    pub(crate) name: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) goal: Goal,
    /// What is measured, ours first, then what it is held against.
    pub(crate) what: &'static str,
    pub(crate) measure: fn(&Plan) -> Fallible<Measured>,
}

/// All rows, in the order of the table.
pub(crate) const ROWS: [Row; 15] = [
    Row {
        name: "refused_embedded",
        unit: "per second",
        goal: Goal::RatioAtLeast(0.5),
        what: "holds of taken slots, refused with up to 3 alternatives, in one thread; against a \
               look-up in a DashMap and a compare-and-swap",
        measure: refused::embedded,
    },
    Row {
        name: "bookings_1024",
        unit: "per second",
        goal: Goal::RatioAtLeast(0.8),
        what: "holds and their confirms, 1,024 in flight, until nothing waits to be written; \
               against the bare skeleton of the road",
        measure: embedded::bookings_1024,
    },
    Row {
        name: "bookings_64",
        unit: "per second",
        goal: Goal::RatioAtLeast(0.8),
        what: "the same, 64 in flight; against the same records, written raw in the same loop",
        measure: embedded::bookings_64,
    },
    Row {
        name: "hold_alone",
        unit: "µs (p50)",
        goal: Goal::RatioAtMost(1.2),
        what: "one hold after the other; against the same record appended and synced",
        measure: embedded::hold_alone,
    },
    Row {
        name: "journal_1024",
        unit: "per second",
        goal: Goal::RatioAtLeast(0.6),
        what: "entries framed, chained and appended to the journal, 1,024 a commit; against the \
               same entries appended raw and synced",
        measure: embedded::journal_1024,
    },
    Row {
        name: "http_slots",
        unit: "per second",
        goal: Goal::RatioAtLeast(0.9),
        what: "GET slots over 256 connections; against bare hyper with the same bytes",
        measure: http::slots,
    },
    Row {
        name: "http_refused",
        unit: "per second",
        goal: Goal::RatioAtLeast(0.8),
        what: "POST holds of taken slots, refused with alternatives, over 256 connections; \
               against bare hyper with the same bytes",
        measure: http::refused,
    },
    Row {
        name: "http_holds",
        unit: "per second",
        goal: Goal::RatioAtLeast(0.7),
        what: "durable POST holds over 256 connections; against bare hyper with the same bytes",
        measure: http::holds,
    },
    Row {
        name: "http_hold_p99",
        unit: "µs (p99)",
        goal: Goal::RatioAtMost(4.0),
        what: "durable POST holds at half of what the server carries; against p99 of one record \
               appended and synced",
        measure: tails::hold_p99,
    },
    Row {
        name: "dose_hold",
        unit: "µs",
        goal: Goal::RatioAtMost(1.5),
        what: "holds of a campaign, each with its dose, 64 in flight, in microseconds of a \
               processor; against plain holds",
        measure: doses::hold,
    },
    Row {
        name: "dose_refused",
        unit: "µs",
        goal: Goal::RatioAtMost(1.5),
        what: "refused holds of a campaign (not eligible, no dose left, slot taken), in one \
               thread; against plain refused holds",
        measure: doses::refused,
    },
    Row {
        name: "memory_300k",
        unit: "GiB",
        goal: Goal::AtMost(3.0),
        what: "resident memory with 300,000 calendars of 90 days known and 10,000 awake",
        measure: scale::memory,
    },
    Row {
        name: "start_300k",
        unit: "seconds",
        goal: Goal::AtMost(5.0),
        what: "from the order to open that directory to the first answer",
        measure: scale::start,
    },
    Row {
        name: "replay",
        unit: "per second",
        goal: Goal::AtLeast(1_000_000.0),
        what: "entries replayed by a start that builds all that is derived anew",
        measure: scale::replay,
    },
    Row {
        name: "growth_300k",
        unit: "µs",
        goal: Goal::RatioAtMost(1.5),
        what: "a hold, 64 in flight, over 10,000 awake of 300,000 calendars; against 1,000 awake \
               of 1,000",
        measure: scale::growth,
    },
];
