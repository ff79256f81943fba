//! A frame: the entries of one group commit in one checksummed, hash-chained value.
//!
//! ```text
//!  0  magic "CRNJ"            16  entries, u32
//!  4  frame form, u16         20  checksum, u32: CRC-32C of all other bytes
//!  6  entry form, u16         24  length of the whole frame, u64
//!  8  first sequence, u64     32  hash of the frame before, 32 bytes
//! 64  entries: length u32, twelve zero bytes, the archive, zeros to a multiple of 16
//! ```
//!
//! Numbers are little-endian. A frame that was cut or changed anywhere is refused whole.

use super::Sequence;
use super::entry::{ENTRY_FORM, ENTRY_FORM_OLDEST, Entry, EntryError};
use crate::planted::{self, Bug};

/// The form in which frames are written.
pub const FRAME_FORM: u16 = 1;

const MAGIC: [u8; 4] = *b"CRNJ";
const HEADER_LEN: usize = 64;
const ENTRY_HEADER_LEN: usize = 16;

/// BLAKE3 of a whole frame; zeros before the first.
pub type FrameHash = [u8; 32];

/// Why bytes are not a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// Shorter than it says, or than any frame.
    #[error("the frame is cut short")]
    Short,
    /// Not a frame, or of a form that this version does not know.
    #[error("the frame is of an unknown form")]
    Form,
    /// The checksum does not fit.
    #[error("the frame's checksum does not fit")]
    Checksum,
    /// The entries do not add up.
    #[error("the frame's entries do not add up")]
    Entries,
}

/// A frame that was checked.
#[derive(Clone, Debug)]
pub struct Frame<'a> {
    first: Sequence,
    before: FrameHash,
    entry_form: u16,
    bytes: &'a [u8],
    entries: Vec<&'a [u8]>,
}

/// The bytes of a frame that continues the journal at `first`, after the frame of hash `before`.
#[must_use]
pub fn build(first: Sequence, before: FrameHash, entries: &[impl AsRef<[u8]>]) -> Vec<u8> {
    let padded = |entry: &[u8]| ENTRY_HEADER_LEN + entry.len().next_multiple_of(16);
    let len = HEADER_LEN + entries.iter().map(|entry| padded(entry.as_ref())).sum::<usize>();
    let mut frame = Vec::with_capacity(len);
    frame.extend_from_slice(&MAGIC);
    frame.extend_from_slice(&FRAME_FORM.to_le_bytes());
    frame.extend_from_slice(&ENTRY_FORM.to_le_bytes());
    frame.extend_from_slice(&first.to_le_bytes());
    frame.extend_from_slice(&u32::try_from(entries.len()).unwrap_or(u32::MAX).to_le_bytes());
    frame.extend_from_slice(&[0; 4]);
    frame.extend_from_slice(&(len as u64).to_le_bytes());
    frame.extend_from_slice(&before);
    for entry in entries {
        let entry = entry.as_ref();
        let len = u32::try_from(entry.len()).unwrap_or(u32::MAX);
        frame.extend_from_slice(&len.to_le_bytes());
        frame.extend_from_slice(&[0; ENTRY_HEADER_LEN - 4]);
        frame.extend_from_slice(entry);
        frame.resize(frame.len().next_multiple_of(16), 0);
    }
    let checksum = checksum(&frame).to_le_bytes();
    for (to, from) in frame.iter_mut().skip(20).zip(checksum) {
        *to = from;
    }
    frame
}

/// The hash with which the next frame begins.
#[must_use]
pub fn hash(frame: &[u8]) -> FrameHash {
    blake3::hash(frame).into()
}

/// Of all bytes but those of the checksum itself.
fn checksum(frame: &[u8]) -> u32 {
    let head = crc32c::crc32c(frame.get(..20).unwrap_or_default());
    crc32c::crc32c_append(head, frame.get(24..).unwrap_or_default())
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Result<[u8; N], FrameError> {
    let part = bytes.get(at..).and_then(|rest| rest.first_chunk::<N>());
    part.copied().ok_or(FrameError::Short)
}

impl<'a> Frame<'a> {
    /// Checks that `bytes` are one whole frame.
    ///
    /// # Errors
    ///
    /// [`FrameError`] when a single bit is not as it was written.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, FrameError> {
        if array::<4>(bytes, 0)? != MAGIC {
            return Err(FrameError::Form);
        }
        let frame_form = u16::from_le_bytes(array(bytes, 4)?);
        let entry_form = u16::from_le_bytes(array(bytes, 6)?);
        let is_known = (ENTRY_FORM_OLDEST..=ENTRY_FORM).contains(&entry_form);
        if frame_form != FRAME_FORM || !is_known {
            return Err(FrameError::Form);
        }
        let torn = planted::is(Bug::TornTailAccepted);
        if u64::from_le_bytes(array(bytes, 24)?) != bytes.len() as u64 && !torn {
            return Err(FrameError::Short);
        }
        let checked = !planted::is(Bug::ChecksumSkipped) && !torn;
        if checked && checksum(bytes) != u32::from_le_bytes(array(bytes, 20)?) {
            return Err(FrameError::Checksum);
        }
        let count = u32::from_le_bytes(array(bytes, 16)?) as usize;
        let mut entries = Vec::with_capacity(count.min(bytes.len() / ENTRY_HEADER_LEN));
        let mut at = HEADER_LEN;
        while at < bytes.len() {
            let len = u32::from_le_bytes(array(bytes, at)?) as usize;
            let start = at + ENTRY_HEADER_LEN;
            entries.push(bytes.get(start..start + len).ok_or(FrameError::Entries)?);
            at = start + len.next_multiple_of(16);
        }
        if (entries.len() != count || count == 0 || at != bytes.len()) && !torn {
            return Err(FrameError::Entries);
        }
        let first = u64::from_le_bytes(array(bytes, 8)?);
        // Whoever counts the entries counts one too many at the end.
        first.checked_add(count as u64 + 1).ok_or(FrameError::Entries)?;
        Ok(Self { first, before: array(bytes, 32)?, entry_form, bytes, entries })
    }

    /// The sequence of its first entry.
    #[must_use]
    pub fn first(&self) -> Sequence {
        self.first
    }

    /// The sequence of its last entry.
    #[must_use]
    pub fn last(&self) -> Sequence {
        self.first + self.entries.len() as u64 - 1
    }

    /// The hash of the frame before it.
    #[must_use]
    pub fn before(&self) -> FrameHash {
        self.before
    }

    /// Its own hash.
    #[must_use]
    pub fn hash(&self) -> FrameHash {
        hash(self.bytes)
    }

    /// The form of its entries.
    #[must_use]
    pub fn entry_form(&self) -> u16 {
        self.entry_form
    }

    /// An entry of it by its bytes, in the form in which this frame was written.
    ///
    /// # Errors
    ///
    /// [`EntryError`] when they are not an entry's.
    pub fn decode(&self, payload: &[u8]) -> Result<Entry, EntryError> {
        Entry::decode_form(self.entry_form, payload)
    }

    /// Its entries with their sequences, in order.
    pub fn entries(&self) -> impl Iterator<Item = (Sequence, &'a [u8])> {
        (self.first..).zip(self.entries.iter().copied())
    }

    /// One entry of it.
    #[must_use]
    pub fn entry(&self, sequence: Sequence) -> Option<&'a [u8]> {
        let place = usize::try_from(sequence.checked_sub(self.first)?).ok()?;
        self.entries.get(place).copied()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_built_is_read(first in 1u64..1 << 60, entries: Vec<Vec<u8>>) {
            prop_assume!(!entries.is_empty());
            let bytes = build(first, [7; 32], &entries);
            let frame = Frame::parse(&bytes).unwrap();
            let read: Vec<_> = frame.entries().map(|(_, entry)| entry.to_vec()).collect();
            prop_assert_eq!(&read, &entries);
            prop_assert_eq!((frame.first(), frame.before()), (first, [7; 32]));
            prop_assert_eq!(frame.last(), first + entries.len() as u64 - 1);
            prop_assert_eq!(frame.entry_form(), ENTRY_FORM);
        }

        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let _ = Frame::parse(&bytes);
        }
    }

    /// Whoever can write a frame can write its checksum: the rest must be right by itself.
    #[test]
    fn what_is_wrong_is_refused_under_a_checksum_that_fits() {
        let written = |entries: &[&[u8]], first, change: &dyn Fn(&mut Vec<u8>)| {
            let mut bytes = build(first, [3; 32], entries);
            change(&mut bytes);
            let checksum = checksum(&bytes).to_le_bytes();
            bytes[20..24].copy_from_slice(&checksum);
            Frame::parse(&bytes).err()
        };
        let two: &[&[u8]] = &[b"one", &[9; 33]];
        let put = |at: usize, value: u8| move |bytes: &mut Vec<u8>| bytes[at] = value;
        assert_eq!(written(two, 41, &|_| ()), None);
        for (at, why) in [(0, FrameError::Form), (4, FrameError::Form), (6, FrameError::Form)] {
            assert_eq!(written(two, 41, &put(at, 99)), Some(why), "byte {at}");
        }
        assert_eq!(written(two, 41, &put(24, 99)), Some(FrameError::Short));
        for count in [0, 1, 3] {
            assert_eq!(written(two, 41, &put(16, count)), Some(FrameError::Entries), "{count}");
        }
        assert_eq!(written(&[], 41, &|_| ()), Some(FrameError::Entries), "without an entry");
        let unpadded = |bytes: &mut Vec<u8>| {
            bytes.truncate(bytes.len() - 1);
            let len = bytes.len() as u64;
            bytes[24..32].copy_from_slice(&len.to_le_bytes());
        };
        assert_eq!(written(two, 41, &unpadded), Some(FrameError::Entries), "without its zeros");
        // The sequence after the last entry can be told too.
        assert_eq!(written(two, u64::MAX - 3, &|_| ()), None);
        assert_eq!(written(two, u64::MAX - 2, &|_| ()), Some(FrameError::Entries));
    }

    #[test]
    fn every_cut_and_every_flipped_bit_is_refused() {
        let bytes = build(41, [3; 32], &[b"one".as_slice(), &[9; 33]]);
        assert!(Frame::parse(&bytes).is_ok());
        for len in 0..bytes.len() {
            assert!(Frame::parse(&bytes[..len]).is_err(), "cut at {len}");
        }
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(Frame::parse(&flipped).is_err(), "bit {bit}");
        }
    }
}
