//! An entry: what one command wrote, and its bytes.
//!
//! The bytes are an `rkyv` archive of [`Entry`], always checked before they are read. The form
//! has a number of its own in each frame ([`ENTRY_FORM`]); an archived type is never edited. What
//! was written in an older form is read and becomes what it means in this one.

use rkyv::rancor::Error as RkyvError;
use rkyv::util::AlignedVec;
use rkyv::{Archive, Deserialize, Serialize};

use super::form1::{self, EntryV1};
use crate::booking::Event;
use crate::ids::CommandKey;
use crate::limits::ENTRY_BYTES_MAX;

/// The form in which entries are written.
pub const ENTRY_FORM: u16 = 2;

/// The oldest form in which entries are read.
pub const ENTRY_FORM_OLDEST: u16 = form1::FORM;

/// A command whose outcome is remembered.
#[derive(Archive, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct Remembered {
    /// The caller's name for it.
    pub key: CommandKey,
    /// A hash of what it asked, to tell a repeat from another command under the same name.
    pub fingerprint: u128,
}

/// What one command wrote, indivisible.
#[derive(Archive, Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct Entry {
    /// The command, if its caller named it.
    pub command: Option<Remembered>,
    /// What happened, in order; at least one.
    pub events: Vec<Event>,
}

/// Why bytes are not an entry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// The entry is larger than any command should write.
    #[error("an entry of {bytes} bytes is over the limit of {ENTRY_BYTES_MAX}")]
    TooLarge {
        /// Its bytes.
        bytes: usize,
    },
    /// The archive is not valid.
    #[error("not an entry: {0}")]
    Invalid(String),
}

impl Entry {
    /// The entry's bytes.
    ///
    /// # Errors
    ///
    /// [`EntryError::TooLarge`].
    pub fn encode(&self) -> Result<AlignedVec, EntryError> {
        let bytes = rkyv::to_bytes::<RkyvError>(self)
            .map_err(|error| EntryError::Invalid(error.to_string()))?;
        if ENTRY_BYTES_MAX < bytes.len() {
            return Err(EntryError::TooLarge { bytes: bytes.len() });
        }
        Ok(bytes)
    }

    /// The entry of these bytes of the form that is written now, wherever they lie in memory.
    ///
    /// # Errors
    ///
    /// [`EntryError`] when they are not an entry's.
    pub fn decode(bytes: &[u8]) -> Result<Self, EntryError> {
        Self::decode_form(ENTRY_FORM, bytes)
    }

    /// The entry of these bytes of any form that can be read.
    ///
    /// # Errors
    ///
    /// [`EntryError`] when they are not an entry's of that form.
    pub fn decode_form(form: u16, bytes: &[u8]) -> Result<Self, EntryError> {
        if ENTRY_BYTES_MAX < bytes.len() {
            return Err(EntryError::TooLarge { bytes: bytes.len() });
        }
        // An archive is read in place, and only where it is aligned.
        let mut aligned = AlignedVec::<16>::with_capacity(bytes.len());
        aligned.extend_from_slice(bytes);
        let read = match form {
            form1::FORM => rkyv::from_bytes::<EntryV1, RkyvError>(&aligned).map(Self::from),
            _ => rkyv::from_bytes::<Self, RkyvError>(&aligned),
        };
        read.map_err(|error| EntryError::Invalid(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::booking::{Location, Registration};
    use crate::ids::PlaceId;
    use crate::time::Timestamp;

    /// An entry with a name of so many bytes.
    fn of(bytes: usize) -> Entry {
        let (name, id) = ("x".repeat(bytes), PlaceId::from_bits(1));
        let location = Location { name, address: None, lat: None, lon: None, department: None };
        let what = Box::new(Registration::Place { id, location });
        let events = vec![Event::Registered { at: Timestamp::from_millis(0), what }];
        Entry { command: None, events }
    }

    #[test]
    fn the_largest_entry_is_written_and_read_and_none_beyond_it() {
        let around = ENTRY_BYTES_MAX - of(100).encode().unwrap().len();
        let sizes = (around..around + 200).map(of);
        let (fits, beyond): (Vec<_>, Vec<_>) =
            sizes.step_by(8).partition(|entry| entry.encode().is_ok());
        let largest = fits.last().unwrap();
        let bytes = largest.encode().unwrap();
        assert_eq!(bytes.len(), ENTRY_BYTES_MAX);
        assert_eq!(Entry::decode(&bytes).as_ref(), Ok(largest));
        let refused = beyond.first().unwrap().encode();
        assert!(matches!(refused, Err(EntryError::TooLarge { .. })), "{refused:?}");
        let bytes = ENTRY_BYTES_MAX + 1;
        let refused = Entry::decode(&vec![0; bytes]);
        assert_eq!(refused, Err(EntryError::TooLarge { bytes }));
    }
}
