//! Bytes for two calendars: commands in any order, against the same rules told naively.

mod acts;
mod model;
mod set;

use creneau::booking::decide::decide_move;
use creneau::booking::{By, Calendar, Command, Details, Event, Rejection, invariants};
use creneau::journal::{Entry, Frame, frame};
use creneau::{HoldId, PersonId, ReasonId, Timestamp};

use self::acts::{Act, Asked, Pick, Seen, Start};
use self::model::{Decided, Known, Line, Model, id_of};
use self::set::{DAY, MONDAY_DAY, Part, Set};
use crate::met::Met;
use crate::tape::Tape;

/// Commands of one run. What comes after them is not read.
pub const COMMANDS_MAX: usize = 256;

/// Asks of two calendars what the bytes say.
///
/// The first bytes set the calendars; the others are commands, which any bytes are.
///
/// # Panics
///
/// When a calendar decides otherwise than the rules say, breaks an invariant, or is not what its
/// snapshot or its journal bring back.
pub fn commands(bytes: &[u8]) -> Met {
    let mut tape = Tape::new(bytes);
    let mut world = World::new(&mut tape);
    for _ in 0..COMMANDS_MAX {
        if tape.is_empty() {
            break;
        }
        let act = Act::read(&mut tape);
        world.step(&act);
        world.check_state();
    }
    world.check_replay();
    world.met
}

/// The calendars under test, the rules as they are told naively, and the journal of it all.
struct World {
    calendars: [Calendar; 2],
    model: Model,
    journal: Vec<Entry>,
    issued: u128,
    met: Met,
}

impl World {
    fn new(tape: &mut Tape<'_>) -> Self {
        let mut met = Met::default();
        // Five in the morning, in London.
        let now = Timestamp::from_millis(MONDAY_DAY * DAY).plus_minutes(5 * 60);
        let created = [0, 1].map(|place| create(place, Set::read(tape), now, &mut met));
        let journal = created.iter().map(|(_, event)| entry(vec![event.clone()])).collect();
        let calendars = created.each_ref().map(|(_, event)| {
            Calendar::created(event).expect("a calendar that is allowed has a zone")
        });
        let known = created.map(|(set, _)| Known { set, version: 1, last: now });
        let model = Model { known, lines: Vec::new(), now };
        Self { calendars, model, journal, issued: 0, met }
    }

    fn step(&mut self, act: &Act) {
        match act {
            Act::Wait(ms) => self.wait_until(self.model.now.plus_ms(*ms)),
            Act::WaitForDeadline(place, beside) => {
                if let Some(deadline) = self.calendars[*place].next_deadline() {
                    self.wait_until(deadline.plus_ms(*beside));
                }
            }
            Act::WaitForStart(pick, beside) => {
                let line = self.line(*pick);
                let start = line.map(|line| line.booking.span.start.plus_ms(*beside));
                // Not to days ahead, where little is left to book.
                if let Some(start) = start.filter(|start| *start < self.model.now.plus_ms(DAY)) {
                    self.wait_until(start);
                }
            }
            Act::Restart => {
                let restored = |calendar: &Calendar| Calendar::restored(calendar.snapshot());
                let restored = self.calendars.each_ref().map(restored);
                self.calendars = restored.map(|calendar| calendar.expect("its zone is known"));
                self.met.note("restart");
            }
            Act::Hold(place, asked) => self.hold(*place, asked),
            Act::Change(place, part, seen) => self.change(*place, part, *seen),
            Act::Confirm(pick) => {
                let (place, hold) = self.picked(*pick);
                let expected = self.model.confirm(place, hold);
                self.tell(place, &Command::Confirm { hold, by: By::Unsaid }, expected);
            }
            Act::Release(pick) => {
                let (place, hold) = self.picked(*pick);
                let expected = self.model.release(place, hold);
                self.tell(place, &Command::Release { hold, by: By::Unsaid }, expected);
            }
            Act::Cancel(pick) => {
                let (place, hold) = self.picked(*pick);
                let expected = self.model.cancel(place, hold);
                self.tell(place, &Command::Cancel { hold, by: By::Unsaid }, expected);
            }
            Act::Expire(place) => {
                let expected = Ok(self.model.expire(*place));
                self.tell(*place, &Command::Expire, expected);
            }
            Act::Move(pick, to, start, lane) => self.shift(*pick, *to, *start, *lane),
        }
    }

    fn wait_until(&mut self, instant: Timestamp) {
        self.model.now = self.model.now.max(instant);
    }

    /// The instant at which the local clock of a calendar shows a start.
    fn start(&self, place: usize, Start(ms): Start) -> Timestamp {
        let set = &self.model.known[place].set;
        set.midnight(set.local(self.model.now).0).plus_ms(ms)
    }

    fn line(&self, pick: Pick) -> Option<&Line> {
        let wanted = |line: &&Line| !pick.live || line.is_live();
        let lines: Vec<&Line> = self.model.lines.iter().filter(wanted).collect();
        let place = usize::from(pick.which).checked_rem(lines.len())?;
        lines.get(place).copied()
    }

    /// A booking and the calendar to ask; where there is none yet, one that nobody knows.
    fn picked(&self, pick: Pick) -> (usize, HoldId) {
        let Some(Line { booking, .. }) = self.line(pick) else {
            return (0, HoldId::from_bits(u128::MAX));
        };
        (usize::from((booking.calendar == id_of(0)) == pick.other), booking.id)
    }

    fn hold(&mut self, place: usize, asked: &Asked) {
        self.issued += 1;
        // Identifiers are random: their order is not that of time.
        let hold = HoldId::from_bits(self.issued * 7_919 % 10_007);
        let start = self.start(place, asked.start);
        let command = Command::Hold {
            hold,
            person: PersonId::new(asked.person).expect("it is visible ASCII"),
            reason: ReasonId::new(asked.reason).expect("it is visible ASCII"),
            start,
            lane: asked.lane,
            hold_ms: asked.hold_ms,
            guards: asked.guards(),
            details: Details::default(),
            by: By::Unsaid,
            overflow: false,
        };
        let mut expected = self.model.hold(place, hold, asked, start);
        let decided = self.decide(place, &command);
        // Of several holds that count, any may be named.
        if let (
            Err(Rejection::PersonHasHold { hold: named }),
            Err(Rejection::PersonHasHold { hold }),
        ) = (&decided, &mut expected)
            && self.model.counted(place, asked).any(|counted| counted == *named)
        {
            *hold = *named;
        }
        self.compare(decided, expected, &command);
    }

    fn change(&mut self, place: usize, part: &Part, seen: Seen) {
        let current = self.calendars[place].version();
        let version = match seen {
            Seen::None => None,
            Seen::Current => Some(current),
            Seen::Other => Some(current + 1),
        };
        let command = Command::Change { change: Box::new(part.change()), version };
        let expected = self.model.change(place, part, seen);
        let decided = self.tell(place, &command, expected);
        if decided {
            let known = &mut self.model.known[place];
            known.version += 1;
            known.set = known.set.changed(part, known.version);
        }
        let (calendar, now) = (&self.calendars[place], self.model.now);
        let outside = calendar.outside(now);
        let outside: Vec<HoldId> = outside.iter().map(|live| live.booking.id).collect();
        let mut expected: Vec<&Line> = self.model.outside(place).collect();
        expected.sort_by_key(|line| (line.booking.span.start, line.booking.id));
        let expected: Vec<HoldId> = expected.iter().map(|line| line.booking.id).collect();
        assert_eq!(outside, expected, "what lies outside the hours");
    }

    fn shift(&mut self, pick: Pick, to: usize, start: Start, lane: u16) {
        let (from, hold) = self.picked(pick);
        let (start, now) = (self.start(to, start), self.model.now);
        let target = (from != to).then_some(&self.calendars[to]);
        let (of, claims) = (&self.calendars[from], (lane, None));
        let decided = decide_move(of, target, hold, start, claims, &By::Unsaid, now);
        let expected = self.model.shift((from, to), hold, start, lane);
        if from != to && matches!(&decided, Ok(events) if !events.is_empty()) {
            self.met.note("moved to another calendar");
        }
        self.compare(decided, expected, &format_args!("move {hold} to {start} in {lane}"));
    }

    /// Decides twice, as what lives and as what its snapshot restores.
    fn decide(&self, place: usize, command: &Command) -> Decided {
        let (calendar, now) = (&self.calendars[place], self.model.now);
        let restored = Calendar::restored(calendar.snapshot()).expect("its zone is known");
        let decided = calendar.decide(command, now);
        assert_eq!(restored.decide(command, now), decided, "restored: {command:?}");
        decided
    }

    /// Whether anything came of a command.
    fn tell(&mut self, place: usize, command: &Command, expected: Decided) -> bool {
        let decided = self.decide(place, command);
        self.compare(decided, expected, command)
    }

    fn compare(
        &mut self,
        decided: Decided,
        expected: Decided,
        command: &dyn std::fmt::Debug,
    ) -> bool {
        let invalid = |decided: &Decided| matches!(decided, Err(Rejection::Invalid { .. }));
        if !(invalid(&decided) && invalid(&expected)) {
            assert_eq!(decided, expected, "at {}: {command:?}", self.model.now);
        }
        self.met.note(name(&decided));
        let events = decided.unwrap_or_default();
        for event in &events {
            self.model.take(event);
            for calendar in &mut self.calendars {
                calendar.apply(event);
                assert_eq!(invariants::check(calendar), Ok(()), "{event:?}");
            }
        }
        let happened = !events.is_empty();
        if happened {
            self.journal.push(entry(events));
        }
        happened
    }

    /// Each calendar has what is in the list, and nothing else; so has what its snapshot restores.
    fn check_state(&self) {
        for (place, calendar) in self.calendars.iter().enumerate() {
            let mut expected: Vec<&Line> = self.model.live(place).collect();
            expected.sort_by_key(|line| line.booking.id);
            let expected = expected.iter().map(|line| (&line.booking, line.deadline()));
            let live = calendar.live().map(|live| (&live.booking, live.deadline()));
            assert!(live.eq(expected), "{:?}", calendar.snapshot());
            let deadline = self.model.live(place).filter_map(Line::deadline).min();
            assert_eq!(calendar.next_deadline(), deadline);
            for line in &self.model.lines {
                let id = line.booking.id;
                assert_eq!(calendar.ending(id), self.model.ending(place, id), "{line:?}");
            }
            let known = &self.model.known[place];
            assert_eq!((calendar.version(), calendar.last()), (known.version, known.last));
            assert_eq!(*calendar.schedule().definition(), known.set.definition(true));
        }
    }

    /// The journal alone brings back the same state, and so does the snapshot.
    fn check_replay(&self) {
        let payloads: Vec<_> =
            self.journal.iter().map(|entry| entry.encode().expect("it is small")).collect();
        let bytes = frame::build(1, [0; 32], &payloads);
        let frame = Frame::parse(&bytes).expect("what was built is read");
        let read = |(_, payload)| Entry::decode(payload).expect("what was written is read").events;
        let events: Vec<Event> = frame.entries().flat_map(read).collect();
        for calendar in &self.calendars {
            let own = |event: &&Event| event.calendars().any(|id| id == calendar.id());
            let mut events = events.iter().filter(own);
            let mut replayed = events.next().and_then(Calendar::created).expect("it was created");
            events.for_each(|event| replayed.apply(event));
            assert_eq!(replayed.snapshot(), calendar.snapshot(), "replayed");
            let restored = Calendar::restored(calendar.snapshot()).expect("its zone is known");
            assert_eq!(restored.snapshot(), calendar.snapshot(), "restored");
        }
    }
}

/// What is set about a calendar and the event that creates it; the standard where that is refused.
fn create(place: usize, set: Set, now: Timestamp, met: &mut Met) -> (Set, Event) {
    let created = Calendar::create(id_of(place), set.definition(false), now);
    let definition = set.definition(true);
    let expected = Event::CalendarCreated {
        calendar: id_of(place),
        at: now,
        definition: Box::new(definition),
    };
    match created {
        Ok(event) => {
            assert!(set.is_allowed(), "{set:?}");
            assert_eq!(event, expected);
            met.note("calendar created");
            (set, event)
        }
        Err(rejection) => {
            assert!(!set.is_allowed(), "{set:?}: {rejection}");
            met.note("calendar refused");
            create(place, Set::standard(), now, met)
        }
    }
}

fn entry(events: Vec<Event>) -> Entry {
    Entry { command: None, events }
}

/// What has happened, by its name.
fn name_of(event: &Event) -> &'static str {
    match event {
        Event::CalendarCreated { .. } => "CalendarCreated",
        Event::CalendarChanged { .. } => "CalendarChanged",
        Event::Held { .. } => "Held",
        Event::Confirmed { .. } => "Confirmed",
        Event::Released { .. } => "Released",
        Event::Expired { .. } => "Expired",
        Event::Cancelled { .. } => "Cancelled",
        Event::Moved { .. } => "Moved",
        Event::Renewed { .. } => "Renewed",
        Event::Marked { .. } => "Marked",
        Event::Delayed { .. } => "Delayed",
        Event::Accepted { .. } => "Accepted",
        Event::Wished { .. } => "Wished",
        Event::Withdrawn { .. } => "Withdrawn",
        Event::Dosed { .. } => "Dosed",
        Event::Given { .. } => "Given",
        Event::Registered { .. } => "Registered",
    }
}

/// What was decided, by its name.
fn name(decided: &Decided) -> &'static str {
    match decided {
        Ok(events) => events.first().map_or("nothing", name_of),
        Err(rejection) => match rejection {
            Rejection::Invalid { .. } => "Invalid",
            Rejection::UnknownHold => "UnknownHold",
            Rejection::UnknownAppointment => "UnknownAppointment",
            Rejection::VersionMismatch { .. } => "VersionMismatch",
            Rejection::NotYours
            | Rejection::TooLate { .. }
            | Rejection::PracticeOnly
            | Rejection::PatientsOnly { .. }
            | Rejection::VisitNotOffered { .. }
            | Rejection::TooSoon { .. }
            | Rejection::IsOffer
            | Rejection::RenewalsSpent
            | Rejection::NotYet
            | Rejection::NotFree
            | Rejection::HeldTooOften
            | Rejection::UnknownWish
            | Rejection::TooManyWishes
            | Rejection::ListFull
            | Rejection::PartClosed { .. }
            | Rejection::PartTaken { .. }
            | Rejection::NotEligible { .. }
            | Rejection::NoDose
            | Rejection::DoseNotGiven
            | Rejection::NextDose { .. }
            | Rejection::DayFull { .. } => "of a practice",
            Rejection::HoldReleased => "HoldReleased",
            Rejection::HoldExpired => "HoldExpired",
            Rejection::HoldConfirmed { .. } => "HoldConfirmed",
            Rejection::NotChangeable => "NotChangeable",
            Rejection::UnknownReason => "UnknownReason",
            Rejection::OffGrid { .. } => "OffGrid",
            Rejection::InThePast => "InThePast",
            Rejection::BeyondHorizon { .. } => "BeyondHorizon",
            Rejection::OutsideOpenings => "OutsideOpenings",
            Rejection::SlotTaken { .. } => "SlotTaken",
            Rejection::PersonHasHold { .. } => "PersonHasHold",
            Rejection::CommandReused
            | Rejection::UnknownCalendar
            | Rejection::UnknownPractitioner
            | Rejection::UnknownPlace
            | Rejection::UnknownLink
            | Rejection::UnknownReview
            | Rejection::UnknownCampaign
            | Rejection::UnknownDelivery
            | Rejection::NotFulfilled
            | Rejection::AlreadyReviewed
            | Rejection::ExternalIdTaken { .. } => unreachable!("no calendar says so"),
        },
    }
}
