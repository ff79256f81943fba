//! What a running engine counts, for whoever watches it.
//!
//! Plain atomics, written where things happen and read as a whole by
//! [`Engine::metrics`](crate::Engine::metrics). Nothing here names a person or a calendar, and no
//! counter costs an allocation or a lock where requests are served.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use crate::booking::{Event, Rejection};
use crate::error::Error;
use crate::journal::Sequence;

/// What an engine has counted since it was opened, and how it stands now.
#[derive(Clone, Debug, PartialEq)]
pub struct Metrics {
    /// What happened and is durable, by the name of the event, such as `held` or `confirmed`.
    pub happened: Vec<Counted>,
    /// Commands whose first outcome was given again, by their id.
    pub repeats: u64,
    /// Commands that were refused.
    pub refusals: Vec<Refused>,
    /// Requests that were turned away because too much was under way, by what was full.
    pub overloads: Vec<Counted>,
    /// Commands without an answer, by why.
    pub failures: Vec<Counted>,
    /// Calendars that exist.
    pub calendars: usize,
    /// Calendars that have an actor now.
    pub calendars_awake: u64,
    /// Calendars that failed twice and are set apart until a restart.
    pub calendars_set_apart: u64,
    /// Holds that are neither confirmed nor over.
    pub holds_live: u64,
    /// Requests under way, and how many may be.
    pub under_way: usize,
    /// The bound on requests under way of all kinds.
    pub under_way_max: usize,
    /// The bound on requests under way up to which new holds are taken.
    pub holds_under_way_max: usize,
    /// Derived rows that wait to be written.
    pub behind: usize,
    /// The bound on rows that wait; at half of it new holds are refused.
    pub behind_max: usize,
    /// Rounds of writing derived rows that failed.
    pub behind_failures: u64,
    /// The last sequence that was given out.
    pub submitted: Sequence,
    /// The last sequence known to be durable.
    pub watermark: Sequence,
    /// The sequence up to which the state of all calendars is kept: a start replays what follows.
    pub kept: Sequence,
    /// Entries that the last start replayed.
    pub replayed: u64,
    /// How long the write that is under way has taken; zero when none is.
    pub writing_for: Duration,
    /// By how many milliseconds the wall clock is ahead of the engine's, seen once a second.
    pub clock_ahead_ms: i64,
    /// Entries in one group commit.
    pub commit_entries: Histogram,
    /// Seconds from the start of a write to the end of its sync.
    pub write_seconds: Histogram,
    /// Seconds from the submission of what a calendar decided to its answer.
    pub answer_seconds: Histogram,
}

/// How often something was counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted {
    /// What.
    pub name: &'static str,
    /// How often.
    pub count: u64,
}

/// How often a command was refused for a reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The command.
    pub command: &'static str,
    /// The [`Rejection`], in snake case.
    pub reason: &'static str,
    /// How often.
    pub count: u64,
}

/// Observations in fixed buckets.
#[derive(Clone, Debug, PartialEq)]
pub struct Histogram {
    /// The upper bound of each bucket but the last, which has none.
    pub bounds: &'static [f64],
    /// Observations in each bucket, one more than there are bounds.
    pub counts: Vec<u64>,
    /// The sum of all observations.
    pub sum: f64,
}

impl Histogram {
    /// How many observations there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }
}

/// A list of names, and the place of each in an array of counters.
macro_rules! names {
    ($(#[$doc:meta])* $kind:ident: $($variant:ident = $name:literal),+ $(,)?) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum $kind { $($variant),+ }

        impl $kind {
            const NAMES: &'static [&'static str] = &[$($name),+];
        }
    };
}

names! {
    /// What has become durable.
    Happening:
    CalendarCreated = "calendar_created", CalendarChanged = "calendar_changed", Held = "held",
    Confirmed = "confirmed", Released = "released", Expired = "expired",
    Cancelled = "cancelled", Moved = "moved", Renewed = "renewed", Marked = "marked",
    Delayed = "delayed", Accepted = "accepted", Wished = "wished", Withdrawn = "withdrawn",
    Registered = "registered", Dosed = "dosed", Given = "given",
}

names! {
    /// A command that may be refused.
    Asked:
    Hold = "hold", Confirm = "confirm", Release = "release", Cancel = "cancel", Move = "move",
    Renew = "renew", Accept = "accept", Mark = "mark", Offer = "offer", Delay = "delay",
    CreateCalendar = "create_calendar", ChangeCalendar = "change_calendar",
    Register = "register", Wish = "wish", Withdraw = "withdraw",
}

names! {
    /// A [`Rejection`] without what it tells.
    Refusal:
    Invalid = "invalid", CommandReused = "command_reused", UnknownCalendar = "unknown_calendar",
    UnknownHold = "unknown_hold", UnknownAppointment = "unknown_appointment",
    NotYours = "not_yours",
    UnknownPractitioner = "unknown_practitioner", UnknownPlace = "unknown_place",
    UnknownLink = "unknown_link", UnknownReview = "unknown_review",
    NotFulfilled = "not_fulfilled", AlreadyReviewed = "already_reviewed",
    VersionMismatch = "version_mismatch", ExternalIdTaken = "external_id_taken",
    HoldReleased = "hold_released", HoldExpired = "hold_expired",
    HoldConfirmed = "hold_confirmed", IsOffer = "is_offer", RenewalsSpent = "renewals_spent",
    NotYet = "not_yet", NotFree = "not_free", HeldTooOften = "held_too_often",
    PartClosed = "part_closed", PartTaken = "part_taken",
    NotChangeable = "not_changeable", TooLate = "too_late",
    UnknownReason = "unknown_reason", PracticeOnly = "practice_only",
    PatientsOnly = "patients_only", VisitNotOffered = "visit_not_offered",
    OffGrid = "off_grid", InThePast = "in_the_past",
    TooSoon = "too_soon", BeyondHorizon = "beyond_horizon", OutsideOpenings = "outside_openings",
    SlotTaken = "slot_taken", PersonHasHold = "person_has_hold", DayFull = "day_full",
    UnknownWish = "unknown_wish", TooManyWishes = "too_many_wishes", ListFull = "list_full",
    UnknownCampaign = "unknown_campaign", UnknownDelivery = "unknown_delivery",
    NotEligible = "not_eligible", NoDose = "no_dose", DoseNotGiven = "dose_not_given",
    NextDose = "next_dose",
}

names! {
    /// What was full when a request was turned away.
    Full:
    Calendar = "calendar", Engine = "engine", Behind = "behind", Creation = "creation",
    Contended = "contended",
}

names! {
    /// Why a command had no answer.
    Failing:
    CalendarUnavailable = "calendar_unavailable", OutcomeUnknown = "outcome_unknown",
    Stopped = "stopped", Storage = "storage",
}

impl From<&Event> for Happening {
    fn from(event: &Event) -> Self {
        match event {
            Event::CalendarCreated { .. } => Self::CalendarCreated,
            Event::CalendarChanged { .. } => Self::CalendarChanged,
            Event::Held { .. } => Self::Held,
            Event::Confirmed { .. } => Self::Confirmed,
            Event::Released { .. } => Self::Released,
            Event::Expired { .. } => Self::Expired,
            Event::Cancelled { .. } => Self::Cancelled,
            Event::Moved { .. } => Self::Moved,
            Event::Renewed { .. } => Self::Renewed,
            Event::Marked { .. } => Self::Marked,
            Event::Delayed { .. } => Self::Delayed,
            Event::Accepted { .. } => Self::Accepted,
            Event::Wished { .. } => Self::Wished,
            Event::Withdrawn { .. } => Self::Withdrawn,
            Event::Dosed { .. } => Self::Dosed,
            Event::Given { .. } => Self::Given,
            Event::Registered { .. } => Self::Registered,
        }
    }
}

impl From<&Rejection> for Refusal {
    fn from(rejection: &Rejection) -> Self {
        match rejection {
            Rejection::Invalid { .. } => Self::Invalid,
            Rejection::CommandReused => Self::CommandReused,
            Rejection::UnknownCalendar => Self::UnknownCalendar,
            Rejection::UnknownHold => Self::UnknownHold,
            Rejection::UnknownAppointment => Self::UnknownAppointment,
            Rejection::UnknownWish => Self::UnknownWish,
            Rejection::NotYours => Self::NotYours,
            Rejection::UnknownPractitioner => Self::UnknownPractitioner,
            Rejection::UnknownPlace => Self::UnknownPlace,
            Rejection::UnknownLink => Self::UnknownLink,
            Rejection::UnknownReview => Self::UnknownReview,
            Rejection::NotFulfilled => Self::NotFulfilled,
            Rejection::AlreadyReviewed => Self::AlreadyReviewed,
            Rejection::VersionMismatch { .. } => Self::VersionMismatch,
            Rejection::ExternalIdTaken { .. } => Self::ExternalIdTaken,
            Rejection::HoldReleased => Self::HoldReleased,
            Rejection::HoldExpired => Self::HoldExpired,
            Rejection::HoldConfirmed { .. } => Self::HoldConfirmed,
            Rejection::IsOffer => Self::IsOffer,
            Rejection::RenewalsSpent => Self::RenewalsSpent,
            Rejection::NotChangeable => Self::NotChangeable,
            Rejection::NotYet => Self::NotYet,
            Rejection::NotFree => Self::NotFree,
            Rejection::HeldTooOften => Self::HeldTooOften,
            Rejection::PartClosed { .. } => Self::PartClosed,
            Rejection::PartTaken { .. } => Self::PartTaken,
            Rejection::TooLate { .. } => Self::TooLate,
            Rejection::UnknownReason => Self::UnknownReason,
            Rejection::PracticeOnly => Self::PracticeOnly,
            Rejection::PatientsOnly { .. } => Self::PatientsOnly,
            Rejection::VisitNotOffered { .. } => Self::VisitNotOffered,
            Rejection::OffGrid { .. } => Self::OffGrid,
            Rejection::InThePast => Self::InThePast,
            Rejection::TooSoon { .. } => Self::TooSoon,
            Rejection::BeyondHorizon { .. } => Self::BeyondHorizon,
            Rejection::OutsideOpenings => Self::OutsideOpenings,
            Rejection::SlotTaken { .. } => Self::SlotTaken,
            Rejection::PersonHasHold { .. } => Self::PersonHasHold,
            Rejection::DayFull { .. } => Self::DayFull,
            Rejection::TooManyWishes => Self::TooManyWishes,
            Rejection::ListFull => Self::ListFull,
            Rejection::UnknownCampaign => Self::UnknownCampaign,
            Rejection::UnknownDelivery => Self::UnknownDelivery,
            Rejection::NotEligible { .. } => Self::NotEligible,
            Rejection::NoDose => Self::NoDose,
            Rejection::DoseNotGiven => Self::DoseNotGiven,
            Rejection::NextDose { .. } => Self::NextDose,
        }
    }
}

/// Counters in a row, one for each name.
#[derive(Debug)]
struct Counters<const N: usize>([AtomicU64; N]);

impl<const N: usize> Default for Counters<N> {
    fn default() -> Self {
        Self(std::array::from_fn(|_| AtomicU64::new(0)))
    }
}

impl<const N: usize> Counters<N> {
    fn add(&self, at: usize) {
        if let Some(counter) = self.0.get(at) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn read(&self) -> impl Iterator<Item = u64> + '_ {
        self.0.iter().map(|counter| counter.load(Ordering::Relaxed))
    }

    fn named(&self, names: &'static [&'static str]) -> Vec<Counted> {
        names.iter().zip(self.read()).map(|(name, count)| Counted { name, count }).collect()
    }
}

/// Upper bounds of buckets for entries: powers of two up to what one commit takes.
const ENTRIES: [f64; 13] =
    [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1_024.0, 2_048.0, 4_096.0];

/// Upper bounds of buckets for seconds: from a write that nothing waits for to one that counts as
/// failed.
const SECONDS: [f64; 16] = [
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    5.0, 10.0,
];

/// A histogram that is written to. `N` is one more than it has bounds.
#[derive(Debug)]
pub(crate) struct Buckets<const N: usize> {
    bounds: &'static [f64],
    counts: Counters<N>,
    /// In `unit`s, so that an integer does.
    sum: AtomicU64,
    unit: f64,
}

impl<const N: usize> Buckets<N> {
    fn new(bounds: &'static [f64], unit: f64) -> Self {
        Self { bounds, counts: Counters::default(), sum: AtomicU64::new(0), unit }
    }

    /// Adds an observation of so many units.
    fn observe(&self, units: u64) {
        let value = units as f64 * self.unit;
        self.counts.add(self.bounds.partition_point(|bound| *bound < value));
        self.sum.fetch_add(units, Ordering::Relaxed);
    }

    fn read(&self) -> Histogram {
        let sum = self.sum.load(Ordering::Relaxed) as f64 * self.unit;
        Histogram { bounds: self.bounds, counts: self.counts.read().collect(), sum }
    }
}

const NANOSECOND: f64 = 1e-9;

/// What is written to where things happen.
#[derive(Debug)]
pub(crate) struct Meters {
    happened: Counters<{ Happening::NAMES.len() }>,
    refusals: [Counters<{ Refusal::NAMES.len() }>; Asked::NAMES.len()],
    overloads: Counters<{ Full::NAMES.len() }>,
    failures: Counters<{ Failing::NAMES.len() }>,
    pub(crate) repeats: AtomicU64,
    pub(crate) calendars_awake: AtomicU64,
    pub(crate) calendars_set_apart: AtomicU64,
    holds_live: AtomicI64,
    pub(crate) behind_failures: AtomicU64,
    pub(crate) kept: AtomicU64,
    pub(crate) clock_ahead_ms: AtomicI64,
    commit_entries: Buckets<{ ENTRIES.len() + 1 }>,
    write_seconds: Buckets<{ SECONDS.len() + 1 }>,
    answer_seconds: Buckets<{ SECONDS.len() + 1 }>,
}

impl Meters {
    /// For an engine that starts with so many live holds and a state that is kept up to `kept`.
    pub(crate) fn new(holds_live: usize, kept: Sequence) -> Self {
        Self {
            happened: Counters::default(),
            refusals: std::array::from_fn(|_| Counters::default()),
            overloads: Counters::default(),
            failures: Counters::default(),
            repeats: AtomicU64::new(0),
            calendars_awake: AtomicU64::new(0),
            calendars_set_apart: AtomicU64::new(0),
            holds_live: AtomicI64::new(i64::try_from(holds_live).unwrap_or(i64::MAX)),
            behind_failures: AtomicU64::new(0),
            kept: AtomicU64::new(kept),
            clock_ahead_ms: AtomicI64::new(0),
            commit_entries: Buckets::new(&ENTRIES, 1.0),
            write_seconds: Buckets::new(&SECONDS, NANOSECOND),
            answer_seconds: Buckets::new(&SECONDS, NANOSECOND),
        }
    }

    /// Counts what has become durable.
    pub(crate) fn happened(&self, events: &[Event]) {
        for event in events {
            let happening = Happening::from(event);
            self.happened.add(happening as usize);
            let live = match happening {
                Happening::Held => 1,
                Happening::Confirmed | Happening::Released | Happening::Expired => -1,
                _ => continue,
            };
            self.holds_live.fetch_add(live, Ordering::Relaxed);
        }
    }

    /// Counts a commit of so many entries.
    pub(crate) fn committed(&self, entries: usize, took: Duration) {
        self.commit_entries.observe(u64::try_from(entries).unwrap_or(u64::MAX));
        self.write_seconds.observe(nanos(took));
    }

    /// Counts an answer that waited for so long.
    pub(crate) fn answered(&self, waited: Duration) {
        self.answer_seconds.observe(nanos(waited));
    }

    /// Counts a request that was turned away, and gives what it is told.
    pub(crate) fn overloaded(&self, full: Full) -> Error {
        self.overloads.add(full as usize);
        Error::overloaded()
    }

    /// Counts a command that was refused or failed. What is overloaded is counted by what is full.
    pub(crate) fn settled<T>(&self, asked: Asked, answer: &Result<Result<T, Rejection>, Error>) {
        match answer {
            Ok(Ok(_)) | Err(Error::Overloaded { .. }) => {}
            Ok(Err(rejection)) => {
                if let Some(counters) = self.refusals.get(asked as usize) {
                    counters.add(Refusal::from(rejection) as usize);
                }
            }
            Err(error) => {
                let failing = match error {
                    Error::CalendarUnavailable => Failing::CalendarUnavailable,
                    Error::OutcomeUnknown => Failing::OutcomeUnknown,
                    Error::Failed | Error::Closed => Failing::Stopped,
                    _ => Failing::Storage,
                };
                self.failures.add(failing as usize);
            }
        }
    }

    /// All that is counted, in a form without what others know.
    pub(crate) fn read(&self) -> Metrics {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let refusals = Asked::NAMES.iter().zip(&self.refusals).flat_map(|(command, counters)| {
            let named = counters.named(Refusal::NAMES).into_iter();
            named.map(|Counted { name: reason, count }| Refused { command, reason, count })
        });
        let holds_live = self.holds_live.load(Ordering::Relaxed);
        Metrics {
            happened: self.happened.named(Happening::NAMES),
            repeats: read(&self.repeats),
            refusals: refusals.collect(),
            overloads: self.overloads.named(Full::NAMES),
            failures: self.failures.named(Failing::NAMES),
            calendars: 0,
            calendars_awake: read(&self.calendars_awake),
            calendars_set_apart: read(&self.calendars_set_apart),
            holds_live: u64::try_from(holds_live).unwrap_or(0),
            under_way: 0,
            under_way_max: 0,
            holds_under_way_max: 0,
            behind: 0,
            behind_max: 0,
            behind_failures: read(&self.behind_failures),
            submitted: 0,
            watermark: 0,
            kept: read(&self.kept),
            replayed: 0,
            writing_for: Duration::ZERO,
            clock_ahead_ms: self.clock_ahead_ms.load(Ordering::Relaxed),
            commit_entries: self.commit_entries.read(),
            write_seconds: self.write_seconds.read(),
            answer_seconds: self.answer_seconds.read(),
        }
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_observation_lies_in_the_first_bucket_that_holds_it() {
        let buckets: Buckets<3> = Buckets::new(&[1.0, 2.0], 1.0);
        for units in [0, 1, 2, 2, 3] {
            buckets.observe(units);
        }
        let read = buckets.read();
        assert_eq!(read.counts, [2, 2, 1]);
        assert_eq!((read.count(), read.sum), (5, 8.0));
    }

    #[test]
    fn a_refusal_is_counted_under_its_own_name() {
        let meters = Meters::new(0, 0);
        let refused: Result<Result<(), _>, _> = Ok(Err(Rejection::OutsideOpenings));
        meters.settled(Asked::Move, &refused);
        let counted: Vec<_> =
            meters.read().refusals.into_iter().filter(|refused| refused.count != 0).collect();
        let expected = Refused { command: "move", reason: "outside_openings", count: 1 };
        assert_eq!(counted, [expected]);
    }
}
