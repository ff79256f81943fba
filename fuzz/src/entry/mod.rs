//! Bytes for what reads the journal.

mod made;

use std::ops::Range;

use creneau::journal::entry::{ENTRY_FORM, ENTRY_FORM_OLDEST, Entry};
use creneau::journal::frame::{self, FRAME_FORM, Frame};

use crate::met::Met;
use crate::tape::Tape;

/// Where a frame has what, written down once more: a form that is on disks never changes.
const CHECKSUM: Range<usize> = 20..24;
const LENGTH: Range<usize> = 24..32;
const HEADER_LEN: usize = 64;
const ENTRY_HEADER_LEN: usize = 16;

/// Entries of one frame that is made up, after the first.
const ENTRIES_MAX: usize = 4;

/// Changes that are made to one frame, each by itself.
const CHANGES_MAX: usize = 16;

/// The largest sequence with which a frame that is made up begins.
const SEQUENCE_MAX: u64 = 1 << 60;

/// Checks what reads the journal. The first byte says what the others are:
///
/// - `e`: one entry;
/// - `m`: choices, of which a frame is made up and then changed;
/// - `s`: choices, of which a frame is made up that nobody wrote, with a checksum that fits;
/// - anything else is the first byte of a frame.
///
/// # Panics
///
/// When something is read that was never written so, or not read as it was written.
pub fn entry(bytes: &[u8]) -> Met {
    let mut met = Met::default();
    match bytes.split_first() {
        Some((b'e', rest)) => {
            (ENTRY_FORM_OLDEST..=ENTRY_FORM).for_each(|form| check_entry(form, rest, &mut met));
        }
        Some((b'm', rest)) => check_changed(&mut Tape::new(rest), &mut met),
        Some((b's', rest)) => check_frame(&made::strange_frame(&mut Tape::new(rest)), &mut met),
        _ => check_frame(bytes, &mut met),
    }
    met
}

/// Whatever is an entry of any form is written as one of today's that says the same.
fn check_entry(form: u16, bytes: &[u8], met: &mut Met) {
    let Ok(entry) = Entry::decode_form(form, bytes) else { return met.note("entry refused") };
    let written = entry.encode().expect("what was an entry is not too large for one");
    let read = Entry::decode(&written).expect("what was written is read");
    // By their bytes: what is not a number would not equal itself.
    assert!(read.encode().is_ok_and(|again| *again == *written), "{entry:?} is {read:?}");
    met.note("entry read");
}

/// Whatever is a frame has entries in order, and they make the same frame once more.
fn check_frame(bytes: &[u8], met: &mut Met) {
    let Ok(frame) = Frame::parse(bytes) else { return met.note("frame refused") };
    let mut entries = Vec::new();
    // One by one, as recovery goes through them.
    for entry in frame.entries() {
        entries.push(entry);
    }
    assert_eq!(entries.first().map(|(sequence, _)| *sequence), Some(frame.first()));
    assert_eq!(entries.last().map(|(sequence, _)| *sequence), Some(frame.last()));
    for ((sequence, entry), place) in entries.iter().zip(0_u64..) {
        assert_eq!(*sequence, frame.first() + place, "sequences have no gaps");
        assert_eq!(frame.entry(*sequence), Some(*entry));
        check_entry(frame.entry_form(), entry, met);
    }
    let beside = [frame.first().checked_sub(1), frame.last().checked_add(1)];
    assert!(beside.into_iter().flatten().all(|sequence| frame.entry(sequence).is_none()));
    assert_eq!(frame.hash(), frame::hash(bytes));

    let payloads: Vec<_> = entries.iter().map(|(_, entry)| *entry).collect();
    let rebuilt = frame::build(frame.first(), frame.before(), &payloads);
    let read = Frame::parse(&rebuilt).expect("what was built is read");
    assert_eq!((read.first(), read.before()), (frame.first(), frame.before()));
    assert!(read.entries().eq(frame.entries()), "entries come back as they were");
    // Nobody writes anything but zeros between the entries. Whoever did would have the same
    // entries in another frame.
    let mut bytes = bytes.to_vec();
    if frame.entry_form() != ENTRY_FORM {
        // What is built is of the form of today.
        bytes = sealed(&bytes);
        met.note("frame of an older form");
    }
    let mut blank = bytes.clone();
    clear_between(&mut blank, &payloads);
    if blank == bytes {
        assert_eq!(rebuilt, bytes, "a frame is what its entries make of it");
    } else {
        met.note("frame with something between its entries");
        assert_eq!(rebuilt, sealed(&blank), "entries lie where they are written");
    }
    met.note("frame read");
}

/// Writes zeros wherever a frame of these entries has them.
fn clear_between(frame: &mut [u8], entries: &[&[u8]]) {
    let mut at = HEADER_LEN;
    for entry in entries {
        let (from, to) = (at + ENTRY_HEADER_LEN, at + ENTRY_HEADER_LEN + entry.len());
        at = to.next_multiple_of(16);
        for gap in [from - ENTRY_HEADER_LEN + 4..from, to..at] {
            frame.get_mut(gap).expect("it lies in the frame").fill(0);
        }
    }
}

/// The bytes as a frame: with the head of one, and a checksum that fits.
fn sealed(bytes: &[u8]) -> Vec<u8> {
    let mut frame = bytes.to_vec();
    frame.resize(frame.len().max(HEADER_LEN), 0);
    let length = (frame.len() as u64).to_le_bytes();
    let forms = [FRAME_FORM.to_le_bytes(), ENTRY_FORM.to_le_bytes()];
    let head = [b"CRNJ".as_slice(), forms.as_flattened()].concat();
    for (place, bytes) in [(0..8, head.as_slice()), (LENGTH, &length)] {
        frame.get_mut(place).expect("it is long enough").copy_from_slice(bytes);
    }
    let (head, body) = frame.split_at(CHECKSUM.end);
    let others = head.iter().take(CHECKSUM.start).chain(body);
    let checksum = crc32c(others).to_le_bytes();
    frame.get_mut(CHECKSUM).expect("it is long enough").copy_from_slice(&checksum);
    frame
}

/// CRC-32C, bit by bit as it is defined.
fn crc32c<'a>(bytes: impl Iterator<Item = &'a u8>) -> u32 {
    const POLYNOMIAL: u32 = 0x82F6_3B78;
    let shifted = |crc: u32, _| if crc & 1 == 1 { crc >> 1 ^ POLYNOMIAL } else { crc >> 1 };
    !bytes.fold(u32::MAX, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), shifted))
}

/// Makes up a frame, which is read as it was written, and changes it, which is found out.
fn check_changed(tape: &mut Tape<'_>, met: &mut Met) {
    let first = 1 + tape.u64() % SEQUENCE_MAX;
    let before = [tape.byte(); 32];
    let changes: Vec<Change> = (0..=tape.below(CHANGES_MAX)).map(|_| Change::read(tape)).collect();
    let entries: Vec<Entry> = (0..=tape.below(ENTRIES_MAX)).map(|_| made::entry(tape)).collect();
    let payloads: Vec<_> =
        entries.iter().map(|entry| entry.encode().expect("it is small")).collect();
    for (entry, payload) in entries.iter().zip(&payloads) {
        assert_eq!(Entry::decode(payload).as_ref(), Ok(entry), "it is read as it was written");
    }
    // Both are of one length, so that they differ only in what they say.
    let [frame, other] = [first, first + 1].map(|first| frame::build(first, before, &payloads));
    assert_eq!(sealed(&frame), frame, "the checksum is that of its definition");
    assert!(Frame::parse(&frame).is_ok(), "what was built is read");
    check_frame(&frame, met);
    met.note("frame made up");
    for change in changes {
        let changed = change.of(&frame, &other);
        if changed != frame && changed != other {
            assert!(Frame::parse(&changed).is_err(), "not found out: {change:?}");
            met.note("change refused");
        }
    }
}

/// What happens to a frame that was written.
#[derive(Debug)]
enum Change {
    /// Some bits of one byte are flipped.
    Flipped(usize, u8),
    /// Nothing is left from there on.
    Cut(usize),
    /// Nothing is left up to there.
    Lost(usize),
    /// There are more bytes.
    Added(usize, Vec<u8>),
    /// So many bytes go to the end.
    Turned(usize, usize),
    /// From there on it is another frame.
    Spliced(usize),
}

impl Change {
    fn read(tape: &mut Tape<'_>) -> Self {
        let (kind, place) = (tape.below(6), usize::from(tape.u16()));
        match kind {
            0 => Self::Flipped(place, tape.byte()),
            1 => Self::Cut(place),
            2 => Self::Lost(place),
            3 => Self::Added(place, vec![tape.byte(); 1 + tape.below(16)]),
            4 => Self::Turned(place, tape.byte().into()),
            _ => Self::Spliced(place),
        }
    }

    fn of(&self, frame: &[u8], other: &[u8]) -> Vec<u8> {
        let split = |place: &usize| frame.split_at(place % (frame.len() + 1));
        let mut changed = frame.to_vec();
        match self {
            Self::Flipped(place, bits) => changed[place % frame.len()] ^= bits,
            Self::Cut(place) => changed = split(place).0.to_vec(),
            Self::Lost(place) => changed = split(place).1.to_vec(),
            Self::Added(place, bytes) => {
                let (before, after) = split(place);
                changed = [before, bytes, after].concat();
            }
            Self::Turned(place, len) => {
                let (_, after) = changed.split_at_mut(place % frame.len());
                after.rotate_left(len % after.len());
            }
            Self::Spliced(place) => {
                let (before, after) = split(place);
                changed = [before, &other[other.len() - after.len()..]].concat();
            }
        }
        changed
    }
}
