//! What bytes ask of two calendars, and when.

use creneau::booking::{Guard, GuardScope};

use super::set::{DAY, MINUTE, Part};
use crate::tape::Tape;

#[derive(Clone, Debug)]
pub(super) enum Act {
    Wait(i64),
    /// To the next deadline of a calendar, or a millisecond beside it.
    WaitForDeadline(usize, i64),
    /// To the start of a booking, or a millisecond beside it.
    WaitForStart(Pick, i64),
    Hold(usize, Asked),
    Confirm(Pick),
    Release(Pick),
    Cancel(Pick),
    Move(Pick, usize, Start, u16),
    Expire(usize),
    Change(usize, Part, Seen),
    /// Both calendars go on as what their snapshots restore.
    Restart,
}

/// One of the bookings so far, asked of its own calendar or of the other.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pick {
    pub(super) which: u8,
    pub(super) live: bool,
    pub(super) other: bool,
}

/// Milliseconds of local time since the day that it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Start(pub(super) i64);

/// What is asked of a slot.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    pub(super) person: &'static str,
    pub(super) reason: &'static str,
    pub(super) start: Start,
    pub(super) lane: u16,
    pub(super) hold_ms: i64,
    pub(super) kinds: &'static [&'static str],
}

/// The version that the caller says to have seen.
#[derive(Clone, Copy, Debug)]
pub(super) enum Seen {
    None,
    Current,
    Other,
}

impl Act {
    pub(super) fn read(tape: &mut Tape<'_>) -> Self {
        let calendar = |tape: &mut Tape<'_>| tape.below(2);
        match tape.byte() {
            0..80 => Self::Hold(calendar(tape), Asked::read(tape)),
            80..130 => Self::Confirm(Pick::read(tape)),
            130..145 => Self::Release(Pick::read(tape)),
            145..160 => Self::Cancel(Pick::read(tape)),
            160..200 => {
                let (pick, to, start) = (Pick::read(tape), calendar(tape), Start::read(tape));
                Self::Move(pick, to, start, tape.pick([0, 1, 2, 3]))
            }
            200..215 => Self::Wait(tape.pick([1, 7, 60, 240]) * tape.pick([1_000, MINUTE])),
            215..225 => Self::WaitForDeadline(calendar(tape), tape.pick([0, -1, 1])),
            225..232 => Self::WaitForStart(Pick::read(tape), tape.pick([0, -1, 1])),
            232..242 => Self::Expire(calendar(tape)),
            242..252 => {
                let (calendar, part) = (calendar(tape), Part::read(tape));
                Self::Change(calendar, part, tape.pick([Seen::None, Seen::Current, Seen::Other]))
            }
            252..254 => Self::Wait(tape.pick([8, 20, 30]) * 60 * MINUTE),
            254.. => Self::Restart,
        }
    }
}

impl Pick {
    fn read(tape: &mut Tape<'_>) -> Self {
        let how = tape.byte();
        Self { which: tape.byte(), live: !how.is_multiple_of(4), other: how / 4 % 8 == 7 }
    }
}

impl Start {
    /// Mostly a quarter of an hour of the first mornings, so that many want the same.
    fn read(tape: &mut Tape<'_>) -> Self {
        let (day, minute) = (tape.byte(), i64::from(tape.byte()));
        let day_start = i64::from(day % 4) * DAY;
        let in_day = match day / 4 {
            0..48 => (8 * 60 + minute % 16 * 15) * MINUTE,
            48..60 => minute * 5 * MINUTE,
            60..62 => (1_200 + minute) * MINUTE,
            62 => 9 * DAY + minute * MINUTE,
            _ => 8 * 60 * MINUTE + minute,
        };
        Self(day_start + in_day)
    }
}

impl Asked {
    fn read(tape: &mut Tape<'_>) -> Self {
        const KINDS: [&[&str]; 4] = [&["hold"], &["flu"], &["hold", "flu"], &[]];
        Self {
            person: tape.pick(["ana", "bob", "zoe", "eve", "max"]),
            reason: tape.pick(["visit", "visit", "long", "odd", "visit", "stay", "none", "long"]),
            start: Start::read(tape),
            lane: tape.pick([0, 0, 1, 2, 0, 1, 3, u16::MAX]),
            hold_ms: tape.pick([15 * MINUTE, 15 * MINUTE, 1_000, 0, 60 * MINUTE]),
            kinds: tape.pick(KINDS),
        }
    }

    pub(super) fn guards(&self) -> Vec<Guard> {
        let guard = |kind: &&str| Guard { kind: (*kind).into(), scope: GuardScope::Calendar };
        self.kinds.iter().map(guard).collect()
    }
}
