//! Every bound of the engine that is not configuration, with its unit and its reason.
//!
//! What an operator may want to change lives in [`Config`](crate::Config).

/// Grid steps in one reservation, buffer included: two slot words at most.
pub const STEPS_PER_RESERVATION_MAX: u16 = 128;

/// Lanes of a calendar. A mass-vaccination hall has about a hundred booths.
pub const LANES_MAX: u16 = 1_000;

/// Days that a calendar can be booked ahead.
pub const HORIZON_DAYS_MAX: u16 = 730;

/// Days beyond the horizon that a slot table covers, so that it is not rebuilt at each midnight.
pub const TABLE_SLACK_DAYS: u16 = 2;

/// Bits of one slot table over all its lanes: 8 MiB of memory for one calendar.
pub const TABLE_BITS_MAX: u64 = 1 << 26;

/// Reasons of a calendar.
pub const REASONS_MAX: usize = 100;

/// Minutes of notice that a reason may ask for: 90 days.
pub const NOTICE_MINUTES_MAX: u32 = 129_600;

/// Minutes before its start until which an appointment can be changed: 30 days.
pub const CHANGE_UNTIL_MINUTES_MAX: u32 = 43_200;

/// Lanes beside the others in which the practice alone books.
pub const OVERFLOW_LANES_MAX: u16 = 100;

/// Slots of which a calendar remembers that holds of a person have expired: the latest ones.
pub const LAPSES_REMEMBERED_MAX: usize = 1_024;

/// Minutes by which a calendar can say to be late.
pub const LATE_MINUTES_MAX: u16 = 720;

/// Times that a hold can be renewed.
pub const RENEWALS_MAX: u8 = 10;

/// Milliseconds for which an offer can last: 7 days.
pub const OFFER_MS_MAX: i64 = 7 * 24 * 60 * 60 * 1_000;

/// Appointments of one stretch to which offers are made at once.
pub const OFFERS_AT_ONCE_MAX: usize = 200;

/// Wishes on the list of a calendar.
pub const WISHES_MAX: usize = 200;

/// Wishes of one person on the list of a calendar.
pub const WISHES_PER_PERSON_MAX: usize = 3;

/// Those who wait in one line of a campaign.
pub const LINE_MAX: usize = 100_000;

/// Places of one person in the lines of a campaign.
pub const LINES_PER_PERSON_MAX: usize = 5;

/// Offers that are made for a wish: who lets as many go by waits no more.
pub const WISH_OFFERS_MAX: usize = 3;

/// Calendars on whose lists one wish can stand.
pub const WISH_CALENDARS_MAX: usize = 50;

/// Starts that are looked at when time comes free, the earliest first.
pub const FREED_STEPS_MAX: usize = 2_000;

/// Offers that one entry makes to those who wait.
pub const OFFERS_PER_ENTRY_MAX: usize = 64;

/// Bytes of a reason's instructions.
pub const INSTRUCTIONS_BYTES_MAX: usize = 1_000;

/// Dated exceptions of a calendar.
pub const EXCEPTIONS_MAX: usize = 1_000;

/// Templates of a calendar.
pub const TEMPLATES_MAX: usize = 50;

/// Weeks of which a template counts in one.
pub const TEMPLATE_WEEKS_MAX: u8 = 8;

/// Absences of a calendar.
pub const ABSENCES_MAX: usize = 1_000;

/// Intervals of opening hours in one day of one week.
pub const INTERVALS_PER_DAY_MAX: usize = 24;

/// Bytes of an opaque identifier that comes from outside (person, reason, caller, command).
pub const TOKEN_BYTES_MAX: usize = 64;

/// Bytes of a name (calendar, practitioner, location, reason).
pub const NAME_BYTES_MAX: usize = 200;

/// Bytes of an address.
pub const ADDRESS_BYTES_MAX: usize = 300;

/// Bytes of an identifier that a calendar has elsewhere.
pub const EXTERNAL_ID_BYTES_MAX: usize = 128;

/// Bookings that have ended and that a calendar still tells apart by itself.
///
/// Older ones are found in the index. It must exceed what can be under way in one calendar, so
/// that an end leaves the calendar's memory only once it is durable, and so in the index.
pub const ENDED_REMEMBERED_MAX: usize = 4_096;

/// Milliseconds after its end for which a calendar itself remembers an appointment.
pub const PAST_REMEMBERED_MS: i64 = 24 * 60 * 60 * 1_000;

/// Appointments of the past that one event lets a calendar forget.
pub const FORGOTTEN_PER_EVENT_MAX: usize = 8;

/// Free slots offered in place of a taken one.
pub const ALTERNATIVES_MAX: usize = 3;

/// Days around a taken slot in which its alternatives are looked for.
pub const ALTERNATIVES_DAYS: u16 = 14;

/// Slots, calendars, appointments or events in one answer.
pub const LIST_MAX: usize = 1_000;

/// Days in one request for slots.
pub const SLOT_DAYS_MAX: u16 = HORIZON_DAYS_MAX + 1;

/// Holds that one expiry entry ends; what is left is ended by the next.
pub const EXPIRIES_PER_ENTRY_MAX: usize = 256;

/// Entries in one group commit.
pub const ENTRIES_PER_COMMIT_MAX: usize = 4_096;

/// Bytes of entries after which a group commit is closed.
pub const COMMIT_BYTES_MAX: usize = 1 << 20;

/// Bytes of one entry. The largest is a calendar with all its reasons, templates and
/// exceptions.
pub const ENTRY_BYTES_MAX: usize = 1 << 20;

/// Times that a request waits for another one over the same person or command id.
pub const CLAIM_WAITS_MAX: usize = 16;

/// Calendars of an engine: each has about 100 bytes in memory while it sleeps.
pub const CALENDARS_MAX: usize = 2_000_000;

/// Milliseconds that a message may wait before its calendar takes it.
///
/// The bound on queueing of the design: a confirm that was admitted by this much before its
/// deadline succeeds. Admission keeps what is under way in one calendar far below what an actor
/// handles in this time.
pub const QUEUE_WAIT_MS: i64 = 250;

/// Calendars that a booking can occupy beside its own.
pub const PARTS_MAX: usize = 4;

/// Milliseconds that a request about several calendars, such as a move, waits for the first of
/// them, while it keeps none yet.
pub const MOVE_WAIT_MS: u64 = 2_000;

/// Milliseconds that it waits for each of the others while it keeps those before.
pub const PARK_WAIT_MS: u64 = 100;

/// Milliseconds between two writes of the high-water mark.
pub const MARK_PERIOD_MS: u64 = 100;

/// Milliseconds by which the clock at start may lie behind the last journaled instant.
pub const CLOCK_BEHIND_MAX_MS: i64 = 60_000;

/// Milliseconds of difference to the wall clock that are reported as a jump.
pub const CLOCK_JUMP_MS: i64 = 1_000;

/// Hours for which the outcome of a command is remembered under its id.
pub const COMMAND_REMEMBERED_MS: i64 = 24 * 60 * 60 * 1_000;

/// Hours for which a hold that ended without an appointment can still be told apart.
pub const ENDED_HOLD_REMEMBERED_MS: i64 = 24 * 60 * 60 * 1_000;

/// Reminders of an appointment.
pub const REMINDERS_MAX: usize = 8;

/// Minutes before an appointment at which it can be reminded of: 60 days.
pub const REMINDER_MINUTES_MAX: u32 = 60 * 24 * 60;

/// Milliseconds by which a reminder is due after the booking or the move that makes it; one that
/// would come sooner is left out. It must exceed the time that an event can be under way, which
/// `Config::write_timeout` bounds.
pub const REMINDER_AFTER_MS: i64 = 10 * 60 * 1_000;

/// Milliseconds for which what was due can still be read.
pub const DUE_KEPT_MS: i64 = 14 * 24 * 60 * 60 * 1_000;

/// Weeks in one answer about what was done.
pub const ACTIVITY_WEEKS_MAX: u16 = 53;

/// Reasons in one week of such an answer. A calendar that changes its reasons keeps those that it
/// had.
pub const ACTIVITY_REASONS_MAX: usize = 1_000;

/// Languages of a practitioner.
pub const LANGUAGES_MAX: usize = 32;

/// Bytes of a language tag.
pub const LANGUAGE_BYTES_MAX: usize = 35;

/// Fees of a practitioner.
pub const FEES_MAX: usize = 50;

/// Practitioners, places and links of an engine, each: a practitioner or a place has about 150
/// bytes in memory.
pub const REGISTER_MAX: usize = 1_000_000;

/// Reviews of a calendar, the newest, that are looked at to say how many are positive.
pub const REVIEWS_COUNTED_MAX: usize = 1_000;

/// Days of the past that a link shows.
pub const LINK_PAST_DAYS: i64 = 30;

/// Appointments that a link shows, the earliest first.
pub const LINK_APPOINTMENTS_MAX: usize = 2_000;

/// Calendars among which the first free slot is looked for.
pub const FIRST_CALENDARS_MAX: usize = 200;

/// Slots, or days, that are passed over where a rule keeps them from who asks for the first free.
pub const FIRST_PASSED_MAX: usize = 400;

/// Phases of a campaign.
pub const PHASES_MAX: usize = 64;

/// Vaccines of a campaign.
pub const VACCINES_MAX: usize = 16;

/// Age bands of a campaign.
pub const BANDS_MAX: usize = 32;

/// Groups for which a phase is, and groups of a campaign's line.
pub const GROUPS_MAX: usize = 32;

/// Names in one list of a group or of a statement.
pub const CODES_MAX: usize = 100;

/// Doses of a vaccine, boosters included.
pub const DOSE_NUMBER_MAX: u8 = 9;

/// Days between two doses, or after an infection.
pub const INTERVAL_DAYS_MAX: u16 = 730;

/// Minutes for which a person stays after a dose.
pub const REACTION_MINUTES_MAX: u16 = 240;

/// Doses of one delivery.
pub const DELIVERY_DOSES_MAX: u32 = 10_000_000;

/// Rows in one answer about coverage.
pub const COVERAGE_ROWS_MAX: usize = 20_000;

/// Milliseconds for which a statement of facts counts.
pub const FACTS_VALID_MS: i64 = 60 * 60 * 1_000;

/// Milliseconds by which a statement of facts may lie ahead: clocks differ.
pub const FACTS_AHEAD_MS: i64 = 60 * 1_000;

/// Panics after which a calendar is quarantined.
pub const PANICS_MAX: u32 = 2;

const _: () = assert!(STEPS_PER_RESERVATION_MAX <= 128, "a reservation fits two words");
const _: () = assert!(
    PARK_WAIT_MS < QUEUE_WAIT_MS.cast_unsigned(),
    "who stands behind a move is not late by it"
);
const _: () = assert!(ENTRY_BYTES_MAX <= COMMIT_BYTES_MAX, "any entry fits a commit");
