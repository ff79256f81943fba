//! Entries made up out of bytes: of the journal's own types, whatever they say. And frames that
//! hold no such entries.

use std::fmt::Debug;
use std::str::FromStr;

use creneau::booking::hours::Date;
use creneau::booking::{
    Absence, Agenda, Booking, Channel, DayException, Definition, Details, Edge, Event, Guard,
    GuardScope, Holiday, HolidayCalendar, Interval, Joined, Location, Mark, Offer, Part,
    Practitioner, PublicHolidays, Reason, ReasonRef, Rules, Span, Standing, Taken, Template, Visit,
    WeeklyHours, Wish,
};
use creneau::journal::{Entry, Remembered};
use creneau::{AppointmentId, CalendarId, CommandKey, HoldId, Timestamp, WishId};

use crate::tape::Tape;

/// Events of one entry, after the first.
const EVENTS_MAX: usize = 4;

/// Reasons, exceptions or guards, or intervals of a day.
const PARTS_MAX: usize = 3;

/// Entries of a frame that nobody wrote.
const ENTRIES_MAX: usize = 5;

/// Bytes of a text; a token has as many at most.
const TEXT_BYTES_MAX: usize = 64;

pub(super) fn entry(tape: &mut Tape<'_>) -> Entry {
    let command = some(tape, |tape| Remembered {
        key: CommandKey { caller: token(tape), id: token(tape) },
        fingerprint: tape.u128(),
    });
    let more = tape.below(EVENTS_MAX);
    Entry { command, events: (0..=more).map(|_| event(tape)).collect() }
}

/// A frame that only its checksum speaks for: numbers in it may be wrong, and there may be
/// something where nothing is written.
pub(super) fn strange_frame(tape: &mut Tape<'_>) -> Vec<u8> {
    let (first, before) = (tape.u64(), [tape.byte(); 32]);
    let count = tape.below(ENTRIES_MAX);
    let said = u32::try_from(count).unwrap_or(u32::MAX).wrapping_add(slip(tape));
    let mut frame = vec![0; 8];
    frame.extend(first.to_le_bytes());
    frame.extend(said.to_le_bytes());
    frame.resize(32, 0);
    frame.extend(before);
    for _ in 0..count {
        let len = tape.byte();
        let payload = tape.take(len.into());
        let said = u32::try_from(payload.len()).unwrap_or(u32::MAX).wrapping_add(slip(tape));
        let between = tape.pick([0, 0, 0, 1, u8::MAX]);
        frame.extend(said.to_le_bytes());
        frame.resize(frame.len() + 12, between);
        frame.extend(payload);
        frame.resize(frame.len().next_multiple_of(16), between);
    }
    super::sealed(&frame)
}

/// Mostly nothing, to be added to a number.
fn slip(tape: &mut Tape<'_>) -> u32 {
    tape.pick([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 16, u32::MAX, 1 << 31])
}

fn event(tape: &mut Tape<'_>) -> Event {
    let (kind, at) = (tape.below(14), instant(tape));
    if kind < 2 {
        let (calendar, definition) =
            (CalendarId::from_bits(tape.u128()), Box::new(definition(tape)));
        return match kind {
            0 => Event::CalendarCreated { calendar, at, definition },
            _ => Event::CalendarChanged { calendar, at, version: tape.u16().into(), definition },
        };
    }
    if kind == 8 {
        let calendar = CalendarId::from_bits(tape.u128());
        return Event::Delayed { calendar, at, minutes: tape.u16(), until: instant(tape) };
    }
    if kind == 12 {
        let (calendar, wish) = (CalendarId::from_bits(tape.u128()), Box::new(wish(tape)));
        return Event::Wished { calendar, at, wish };
    }
    if kind == 13 {
        let calendar = CalendarId::from_bits(tape.u128());
        return Event::Withdrawn { calendar, at, wish: WishId::from_bits(tape.u128()) };
    }
    let booking = booking(tape);
    if kind == 9 {
        let marks = [Mark::Arrived, Mark::Fulfilled, Mark::NoShow];
        let (mark, before) = (tape.pick(marks), some(tape, |tape| tape.pick(marks)));
        return Event::Marked { at, booking, mark, before };
    }
    if kind == 6 {
        return Event::Cancelled { at, booking };
    }
    if kind == 7 {
        let from_calendar = CalendarId::from_bits(tape.u128());
        return Event::Moved { at, booking, from_calendar, from: span(tape) };
    }
    let (deadline, guards) = (instant(tape), several(tape, guard));
    match kind {
        2 => Event::Held { at, booking, deadline, guards },
        10 => {
            let (before, renewals) = (instant(tape), tape.byte());
            Event::Renewed { at, booking, before, deadline, guards, renewals }
        }
        11 => {
            let (from_calendar, from) = (CalendarId::from_bits(tape.u128()), span(tape));
            let offer = booking.clone();
            let taken = Box::new(Taken { from_calendar, from, offer, deadline, guards });
            Event::Accepted { at, booking, taken }
        }
        3 => Event::Confirmed { at, booking, deadline, guards },
        4 => Event::Released { at, booking, deadline, guards },
        _ => Event::Expired { at, booking, deadline, guards },
    }
}

fn wish(tape: &mut Tape<'_>) -> Wish {
    Wish {
        id: WishId::from_bits(tape.u128()),
        person: token(tape),
        booked_by: some(tape, token),
        reason: token(tape),
        standing: some(tape, standing),
        by_video: tape.pick([false, true]),
        when: some(tape, |tape| WeeklyHours { days: std::array::from_fn(|_| hours(tape)) }),
        from: instant(tape),
        until: instant(tape),
        instead_of: some(tape, |tape| AppointmentId::from_bits(tape.u128())),
        answer_ms: i64::from(tape.u16()),
    }
}

fn booking(tape: &mut Tape<'_>) -> Booking {
    Booking {
        id: HoldId::from_bits(tape.u128()),
        calendar: CalendarId::from_bits(tape.u128()),
        person: token(tape),
        reason: ReasonRef { id: token(tape), version: tape.u16().into() },
        span: span(tape),
        details: Details {
            booked_by: some(tape, token),
            standing: some(tape, standing),
            by_video: tape.pick([false, true]),
            channel: tape.pick([Channel::Online, Channel::Phone, Channel::OnSite]),
            offer: some(tape, |tape| Offer::Appointment(AppointmentId::from_bits(tape.u128()))),
            joined: some(tape, joined),
            wish: some(tape, |tape| WishId::from_bits(tape.u128())),
            // As below.
            dose: None,
        }
        .into(),
    }
}

fn joined(tape: &mut Tape<'_>) -> Box<Joined> {
    Box::new(match tape.pick([true, false]) {
        true => Joined::Whole(vec![part(tape), part(tape)]),
        false => Joined::PartOf(HoldId::from_bits(tape.u128())),
    })
}

fn part(tape: &mut Tape<'_>) -> Part {
    let calendar = CalendarId::from_bits(tape.u128());
    Part { calendar, id: HoldId::from_bits(tape.u128()) }
}

fn standing(tape: &mut Tape<'_>) -> Standing {
    tape.pick([Standing::New, Standing::Known])
}

fn span(tape: &mut Tape<'_>) -> Span {
    let (start, end, occupied_until) = (instant(tape), instant(tape), instant(tape));
    Span { lane: tape.u16(), start, end, occupied_until }
}

fn guard(tape: &mut Tape<'_>) -> Guard {
    Guard { scope: tape.pick([GuardScope::Calendar, GuardScope::Engine]), kind: text(tape).into() }
}

fn definition(tape: &mut Tape<'_>) -> Definition {
    Definition {
        external_id: some(tape, text),
        practitioner: some(tape, |tape| Practitioner {
            name: text(tape),
            specialty: some(tape, text),
        }),
        location: Location {
            name: text(tape),
            address: some(tape, text),
            lat: some(tape, degrees),
            lon: some(tape, degrees),
            department: some(tape, text),
        },
        time_zone: text(tape),
        grid_minutes: tape.byte(),
        lanes: tape.u16(),
        reasons: several(tape, reason),
        weekly_hours: WeeklyHours { days: std::array::from_fn(|_| hours(tape)) },
        exceptions: several(tape, exception),
        horizon_days: tape.u16(),
        agenda: Agenda {
            templates: several(tape, template),
            absences: several(tape, absence),
            public_holidays: PublicHolidays {
                calendar: tape.pick(HolidayCalendar::ALL),
                open_on: several(tape, |tape| tape.pick(Holiday::ALL)),
            },
            change_until_minutes: tape.u16().into(),
            overflow_lanes: tape.u16(),
            holds_again: some(tape, |tape| tape.byte()),
            // None: one more choice here would make other entries of all that was kept.
            reminders_minutes: Vec::new(),
            practitioner: None,
            place: None,
        },
    }
}

fn reason(tape: &mut Tape<'_>) -> Reason {
    Reason {
        id: token(tape),
        name: text(tape),
        duration_minutes: tape.u16(),
        buffer_minutes: tape.u16(),
        version: tape.u16().into(),
        rules: Rules {
            patients: some(tape, standing),
            visit: tape.pick([Visit::InPerson, Visit::Video, Visit::Either]),
            notice_minutes: tape.u16().into(),
            ahead_days: some(tape, |tape| tape.u16()),
            per_day: some(tape, |tape| tape.u16()),
            instructions: some(tape, text),
            practice_only: tape.pick([false, true]),
            // None: one more choice here would make other entries of all that was kept.
            dose: None,
        },
    }
}

fn template(tape: &mut Tape<'_>) -> Template {
    let (from, until, anchor) = (some(tape, date), some(tape, date), some(tape, date));
    let hours = WeeklyHours { days: std::array::from_fn(|_| hours(tape)) };
    Template { from, until, every_weeks: tape.byte(), anchor, hours }
}

fn absence(tape: &mut Tape<'_>) -> Absence {
    let edge = |tape: &mut Tape<'_>| match tape.below(2) {
        0 => Edge::Date(date(tape)),
        _ => Edge::Instant(instant(tape)),
    };
    Absence { from: edge(tape), until: edge(tape), label: some(tape, text) }
}

fn exception(tape: &mut Tape<'_>) -> DayException {
    DayException { date: date(tape), hours: hours(tape) }
}

fn date(tape: &mut Tape<'_>) -> Date {
    let (year, month, day) =
        (tape.pick([-9999, 1970, 2027, 9999]), 1 + tape.below(12), tape.byte());
    let month = i8::try_from(month).unwrap_or(1);
    // A day that every month has.
    jiff::civil::date(year, month, i8::try_from(1 + day % 28).unwrap_or(1)).into()
}

fn hours(tape: &mut Tape<'_>) -> Vec<Interval> {
    let interval = |tape: &mut Tape<'_>| Interval::new(tape.u16() % 1_440, tape.u16() % 1_441);
    several(tape, interval).into_iter().flatten().collect()
}

/// A number that equals itself, so that what was read can be compared.
fn degrees(tape: &mut Tape<'_>) -> f64 {
    let degrees = f64::from_bits(tape.u64());
    if degrees.is_nan() { 0.0 } else { degrees }
}

fn instant(tape: &mut Tape<'_>) -> Timestamp {
    Timestamp::from_millis(tape.i64())
}

fn text(tape: &mut Tape<'_>) -> String {
    let len = tape.below(TEXT_BYTES_MAX + 1);
    String::from_utf8_lossy(tape.take(len)).into_owned()
}

/// A text of 1 to 64 visible ASCII characters, as an identifier.
fn token<T: FromStr<Err: Debug>>(tape: &mut Tape<'_>) -> T {
    let len = tape.below(TEXT_BYTES_MAX);
    let visible = |byte: &u8| char::from(b'!' + byte % (b'~' - b'!' + 1));
    let mut text: String = tape.take(len).iter().map(visible).collect();
    text.push('.');
    text.parse().expect("visible ASCII")
}

fn some<T>(tape: &mut Tape<'_>, made: impl FnOnce(&mut Tape<'_>) -> T) -> Option<T> {
    (tape.below(2) == 1).then(|| made(tape))
}

fn several<T>(tape: &mut Tape<'_>, made: impl Fn(&mut Tape<'_>) -> T) -> Vec<T> {
    let count = tape.below(PARTS_MAX + 1);
    (0..count).map(|_| made(tape)).collect()
}
