//! What an audit has found.

use crate::journal::Sequence;

/// Faults that a report lists one by one. Those beyond are counted only: a journal without its
/// first half would fill the memory with them.
pub const FAULTS_LISTED_MAX: usize = 1_000;

/// Which promise is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FaultKind {
    /// Bytes are not as they were written.
    Damaged,
    /// Entries are not there, though later ones are.
    Missing,
    /// Something was acknowledged that is not there any more.
    Lost,
    /// One lane has two bookings at the same time.
    DoubleBooking,
    /// Something happened on the wrong side of its deadline.
    Deadline,
    /// One person has two live holds where a guard allows one.
    Guard,
    /// Something was settled that was not live, or is not known.
    NotLive,
    /// An appointment was moved from where it did not lie.
    Misplaced,
    /// Something was offered to who did not wait for it, or before another who did; or what
    /// somebody waited for was given to them twice.
    OutOfTurn,
    /// A dose went to somebody who may not have it, or that there was not.
    Dose,
    /// An entry contradicts those before it in another way.
    Contradiction,
    /// A derived row is not what the journal says.
    Orphan,
}

impl FaultKind {
    /// Its name, for programs. It never changes.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Damaged => "damaged",
            Self::Missing => "missing",
            Self::Lost => "lost",
            Self::DoubleBooking => "double_booking",
            Self::Deadline => "deadline",
            Self::Guard => "guard",
            Self::NotLive => "not_live",
            Self::Misplaced => "misplaced",
            Self::OutOfTurn => "out_of_turn",
            Self::Dose => "dose",
            Self::Contradiction => "contradiction",
            Self::Orphan => "orphan",
        }
    }
}

/// Something that is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Which promise is broken.
    pub kind: FaultKind,
    /// The entry that shows it, where one does.
    pub sequence: Option<Sequence>,
    /// What is wrong, with the ids concerned; never a person's.
    pub what: String,
}

/// The faults found so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Faults {
    pub(super) listed: Vec<Fault>,
    pub(super) total: u64,
    pub(super) double_bookings: u64,
    pub(super) orphans: u64,
}

impl Faults {
    pub(super) fn add(
        &mut self,
        kind: FaultKind,
        sequence: impl Into<Option<Sequence>>,
        what: String,
    ) {
        self.total += 1;
        self.double_bookings += u64::from(kind == FaultKind::DoubleBooking);
        self.orphans += u64::from(kind == FaultKind::Orphan);
        if self.listed.len() < FAULTS_LISTED_MAX {
            self.listed.push(Fault { kind, sequence: sequence.into(), what });
        }
    }
}

/// What became of the comparison with the store of derived rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compared {
    /// There is no store, or one that the next start builds anew: nothing can differ.
    Nothing,
    /// Its rows were held against the journal as it was at these sequences.
    Rows {
        /// Every row of the entries up to here must be there.
        from: Sequence,
        /// Rows of later entries up to here may be there.
        to: Sequence,
    },
    /// It could not be read to its end.
    Failed,
}

impl Compared {
    /// Its name, for programs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Rows { .. } => "rows",
            Self::Failed => "failed",
        }
    }
}

/// The result of an audit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Entries that were read.
    pub entries: u64,
    /// The sequence of the last entry.
    pub last: Sequence,
    /// The last sequence that was marked as acknowledged; none where the mark is lost.
    pub marked: Option<Sequence>,
    /// Calendars that exist.
    pub calendars: u64,
    /// Holds that are live after the last entry, past their deadline or not.
    pub holds_live: u64,
    /// Appointments that are booked after the last entry, past ones included.
    pub appointments_booked: u64,
    /// Appointments that were cancelled.
    pub appointments_cancelled: u64,
    /// Times that a lane was given out while another booking lay in it.
    pub double_bookings: u64,
    /// Derived rows that the journal does not explain, or that are not there.
    pub orphans: u64,
    /// What became of the comparison with the store.
    pub compared: Compared,
    /// How many faults there are.
    pub faults_total: u64,
    /// The first [`FAULTS_LISTED_MAX`] of them, in the order in which they were found: those of the
    /// files, those of the journal by sequence, those of the store.
    pub faults: Vec<Fault>,
}

impl Report {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.faults_total == 0
    }
}
