//! Where a page of a list ended, as clients carry it: opaque text.

use super::problem::Problem;

/// Bytes that a cursor may hold. The largest has a kind, an instant and an identifier.
const CURSOR_BYTES_MAX: usize = 128;

/// Which list a cursor belongs to, so that one of another list is refused and not misread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum List {
    Calendars = 1,
    Slots = 2,
    Appointments = 3,
    Due = 4,
    Practitioners = 5,
    Places = 6,
    Reviews = 7,
    Campaigns = 8,
}

/// A place in a list as text.
pub(super) fn write(list: List, place: &[u8]) -> String {
    let mut text = String::with_capacity(2 + place.len() * 2);
    for byte in std::iter::once(&(list as u8)).chain(place) {
        for digit in [byte >> 4, byte & 15] {
            text.extend(char::from_digit(digit.into(), 16));
        }
    }
    text
}

/// The place that [`write`] wrote.
pub(super) fn read(list: List, text: &str) -> Result<Vec<u8>, Problem> {
    let bytes = bytes(text).filter(|bytes| bytes.first() == Some(&(list as u8)));
    bytes.map(|bytes| bytes.into_iter().skip(1).collect()).ok_or_else(wrong)
}

/// As [`read`], for a place of a fixed length.
pub(super) fn read_exact<const N: usize>(list: List, text: &str) -> Result<[u8; N], Problem> {
    <[u8; N]>::try_from(read(list, text)?).map_err(|_| wrong())
}

fn wrong() -> Problem {
    Problem::invalid("cursor", "must be the next of a page of this list")
}

fn bytes(text: &str) -> Option<Vec<u8>> {
    if CURSOR_BYTES_MAX * 2 < text.len() || !text.len().is_multiple_of(2) {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pair = |pair: &[u8]| match pair {
        &[high, low] => Some(digit(high)? << 4 | digit(low)?),
        _ => None,
    };
    text.as_bytes().chunks(2).map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_wrote_and_nothing_else() {
        let place = [0, 9, 255, 16];
        let text = write(List::Slots, &place);
        assert_eq!(read(List::Slots, &text).unwrap(), place);
        assert_eq!(read_exact::<4>(List::Slots, &text).unwrap(), place);
        assert!(read_exact::<3>(List::Slots, &text).is_err());
        assert!(read(List::Calendars, &text).is_err());
        for wrong in ["", "0", "0g", "é", "02\u{e9}", &"02".repeat(200)] {
            assert!(read(List::Slots, wrong).is_err(), "{wrong}");
        }
    }
}
