//! What the rows of the store hold, and their bytes.

use rkyv::rancor::Error as RkyvError;
use rkyv::util::AlignedVec;
use rkyv::{Archive, Deserialize, Serialize};
use smallvec::SmallVec;

use crate::booking::calendar::CalendarSnapshot;
use crate::booking::{Booking, Definition, Guard, Late, Mark};
use crate::ids::{AppointmentId, CalendarId, PersonId};
use crate::journal::Sequence;
use crate::storage::{StoreError, Table};
use crate::time::Timestamp;

/// A key of a row. Most are an identifier, or an instant and one.
pub(crate) type Key = SmallVec<[u8; 32]>;

/// What has become of a booking.
#[derive(Archive, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BookingState {
    Held {
        deadline: Timestamp,
        renewals: u8,
    },
    Booked,
    Marked(Mark),
    Cancelled,
    Released,
    Expired,
    /// An offer that was accepted for this appointment.
    Accepted(AppointmentId),
}

/// A booking as the last durable event left it.
#[derive(Archive, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub(crate) struct BookingRow {
    pub(crate) booking: Booking,
    pub(crate) state: BookingState,
    pub(crate) at: Timestamp,
}

/// A live hold, for the next start.
#[derive(Archive, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub(crate) struct HoldRow {
    pub(crate) calendar: CalendarId,
    pub(crate) person: PersonId,
    pub(crate) guards: Vec<Guard>,
}

/// What is set about a calendar.
#[derive(Archive, Serialize, Deserialize, Clone, Debug, PartialEq)]
pub(crate) struct DefinitionRow {
    pub(crate) version: u32,
    pub(crate) definition: Definition,
    pub(crate) late: Option<Late>,
}

/// A calendar's state, and the last entry that it includes.
#[derive(Archive, Serialize, Deserialize, Clone, Debug, PartialEq)]
pub(crate) struct SnapshotRow {
    pub(crate) sequence: Sequence,
    pub(crate) snapshot: CalendarSnapshot,
}

/// Which entry a named command wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CommandRow {
    pub(crate) sequence: Sequence,
    pub(crate) fingerprint: u128,
    /// When it is forgotten.
    pub(crate) runs_out: Timestamp,
}

/// What a row holds. It stays what it is until the store is to have it: whoever asks for it before
/// need not decode it, and what is changed twice by then is encoded once.
#[derive(Clone, Debug)]
pub(crate) enum Content {
    /// Bytes already.
    Bytes(Vec<u8>),
    /// A booking, and when its row runs out.
    Booking(Box<BookingRow>, Timestamp),
    Hold(Box<HoldRow>),
    Snapshot(Box<SnapshotRow>),
    Command(CommandRow),
}

impl Content {
    /// The bytes of the row.
    ///
    /// # Errors
    ///
    /// [`StoreError`] for what cannot be encoded, of which there is nothing.
    pub(crate) fn encode(&self) -> Result<Vec<u8>, StoreError> {
        match self {
            Self::Bytes(bytes) => Ok(bytes.clone()),
            Self::Booking(row, runs_out) => encode_booking(row, &runs_out.millis().to_le_bytes()),
            Self::Hold(row) => encode_hold(row, &[]),
            Self::Snapshot(row) => encode_snapshot(row, &[]),
            Self::Command(row) => Ok(row.encode()),
        }
    }

    /// As [`Content::encode`].
    ///
    /// # Errors
    ///
    /// As there.
    pub(crate) fn into_bytes(self) -> Result<Vec<u8>, StoreError> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            other => other.encode(),
        }
    }
}

impl CommandRow {
    fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(32);
        bytes.extend_from_slice(&self.runs_out.millis().to_le_bytes());
        bytes.extend_from_slice(&self.sequence.to_le_bytes());
        bytes.extend_from_slice(&self.fingerprint.to_le_bytes());
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let part = |at: usize| bytes.get(at..).and_then(|rest| rest.first_chunk::<8>().copied());
        let print = bytes.get(16..).and_then(|rest| rest.first_chunk::<16>().copied());
        Some(Self {
            runs_out: Timestamp::from_millis(i64::from_le_bytes(part(0)?)),
            sequence: u64::from_le_bytes(part(8)?),
            fingerprint: u128::from_le_bytes(print?),
        })
    }
}

pub(crate) fn damaged(table: Table) -> StoreError {
    StoreError(format!("a row of {} is not as it was written", table.name()))
}

macro_rules! archived {
    ($row:ty, $encode:ident, $decode:ident) => {
        pub(super) fn $encode(row: &$row, prefix: &[u8]) -> Result<Vec<u8>, StoreError> {
            let bytes = rkyv::to_bytes::<RkyvError>(row);
            let bytes = bytes.map_err(|error| StoreError(error.to_string()))?;
            Ok([prefix, &bytes].concat())
        }

        pub(crate) fn $decode(table: Table, bytes: &[u8]) -> Result<$row, StoreError> {
            let mut aligned = AlignedVec::<16>::with_capacity(bytes.len());
            aligned.extend_from_slice(bytes);
            rkyv::from_bytes::<$row, RkyvError>(&aligned).map_err(|_| damaged(table))
        }
    };
}

archived!(BookingRow, encode_booking, decode_booking);
archived!(HoldRow, encode_hold, decode_hold);
archived!(DefinitionRow, encode_definition, decode_definition);
archived!(SnapshotRow, encode_snapshot, decode_snapshot);

/// A booking, and when its row runs out.
pub(super) fn booking_of(content: Content) -> Result<(BookingRow, Timestamp), StoreError> {
    match content {
        Content::Booking(row, runs_out) => Ok((*row, runs_out)),
        Content::Bytes(bytes) => {
            let parts = bytes.split_first_chunk::<8>();
            let (runs_out, row) = parts.ok_or_else(|| damaged(Table::Bookings))?;
            let row = decode_booking(Table::Bookings, row)?;
            Ok((row, Timestamp::from_millis(i64::from_le_bytes(*runs_out))))
        }
        _ => Err(damaged(Table::Bookings)),
    }
}

pub(super) fn snapshot_of(content: Content) -> Result<SnapshotRow, StoreError> {
    match content {
        Content::Snapshot(row) => Ok(*row),
        Content::Bytes(bytes) => decode_snapshot(Table::Snapshots, &bytes),
        _ => Err(damaged(Table::Snapshots)),
    }
}

pub(super) fn command_of(content: Content) -> Result<CommandRow, StoreError> {
    let row = match content {
        Content::Command(row) => Some(row),
        Content::Bytes(bytes) => CommandRow::decode(&bytes),
        _ => None,
    };
    row.ok_or_else(|| damaged(Table::Commands))
}
