//! A journal read entry by entry.

use std::collections::VecDeque;

use super::{Entry, Frame, FrameHash, JournalReader, ReadError, Sequence};
use crate::planted::{self, Bug};

/// Bytes of the journal that are read at once.
const READ_BYTES: usize = 1 << 20;

/// The entries after a sequence, in order, up to the end of the journal; each frame is checked, and
/// so is that it continues the one before. After an error there is nothing more.
///
/// # Example
///
/// ```
/// use creneau::journal::Entries;
///
/// let reader = creneau::storage::memory::fresh().journal.reader();
/// assert_eq!(Entries::after(&*reader, 0).count(), 0);
/// ```
pub struct Entries<'a> {
    reader: &'a dyn JournalReader,
    after: Sequence,
    before: Option<FrameHash>,
    read: VecDeque<(Sequence, Entry)>,
    ended: bool,
}

impl<'a> Entries<'a> {
    /// Reads the entries after `after`; 0 begins with the first.
    #[must_use]
    pub fn after(reader: &'a dyn JournalReader, after: Sequence) -> Self {
        let before = (after == 0).then(FrameHash::default);
        Self { reader, after, before, read: VecDeque::new(), ended: false }
    }

    fn fetch(&mut self) -> Result<(), ReadError> {
        let Some(at) = self.after.checked_add(1) else { return Ok(()) };
        let damaged = |what: String| ReadError::Damaged { at, what };
        for bytes in self.reader.read(at, READ_BYTES)? {
            let frame = Frame::parse(&bytes).map_err(|error| damaged(error.to_string()))?;
            let before = self.before.filter(|_| !planted::is(Bug::EntriesChainUnchecked));
            if before.is_some_and(|before| before != frame.before()) {
                return Err(damaged("a frame does not continue the one before".to_owned()));
            }
            if frame.last() <= self.after || self.after + 1 < frame.first() {
                return Err(damaged("entries are missing".to_owned()));
            }
            for (sequence, payload) in frame.entries().filter(|(it, _)| self.after < *it) {
                let entry = frame.decode(payload).map_err(|error| damaged(error.to_string()))?;
                self.read.push_back((sequence, entry));
            }
            (self.after, self.before) = (frame.last(), Some(frame.hash()));
        }
        Ok(())
    }
}

impl Iterator for Entries<'_> {
    type Item = Result<(Sequence, Entry), ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.read.is_empty() && !self.ended {
            let fetched = self.fetch();
            // What precedes a damage is given first, and the damage is met again after it.
            self.ended = self.read.is_empty();
            if let Err(error) = fetched
                && self.ended
            {
                return Some(Err(error));
            }
        }
        self.read.pop_front().map(Ok)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::booking::Event;
    use crate::ids::CalendarId;
    use crate::journal::frame;
    use crate::time::Timestamp;

    /// An entry that says its sequence.
    fn entry(sequence: Sequence) -> Vec<u8> {
        let at = Timestamp::from_millis(0);
        let (calendar, minutes) = (CalendarId::from_bits(1), u16::try_from(sequence).unwrap());
        let events = vec![Event::Delayed { calendar, at, minutes, until: at }];
        Entry { command: None, events }.encode().unwrap().to_vec()
    }

    fn told((sequence, entry): (Sequence, Entry)) -> Sequence {
        let [Event::Delayed { minutes, .. }] = entry.events[..] else { panic!("{entry:?}") };
        assert_eq!(sequence, u64::from(minutes));
        sequence
    }

    #[tokio::test]
    async fn reading_begins_after_any_entry_also_within_a_frame() {
        let mut journal = crate::storage::memory::fresh().journal;
        let (mut next, mut before) = (1, FrameHash::default());
        for count in [1, 3, 2] {
            let entries: Vec<_> = (next..next + count).map(entry).collect();
            let bytes = frame::build(next, before, &entries);
            journal.append(next, &bytes).await.unwrap();
            (next, before) = (next + count, frame::hash(&bytes));
        }
        let reader = journal.reader();
        for after in 0..next {
            let read = Entries::after(&*reader, after).map(|read| told(read.unwrap()));
            assert_eq!(read.collect::<Vec<_>>(), (after + 1..next).collect::<Vec<_>>());
        }
    }
}
