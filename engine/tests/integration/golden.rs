//! Entries and frames of every form, as they were written: what is on disks out there stays
//! readable. Those of the form of today are written so too.
//!
//! `CRENEAU_GOLDEN=write` writes the files that are missing. It never replaces one.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::PathBuf;

use creneau::booking::{Booking, Event, ReasonRef, Span, Taken};
use creneau::campaign::{Booster, Campaign, Delivery, Dose, DoseRule, Group, Phase, Vaccine};
use creneau::journal::entry::ENTRY_FORM;
use creneau::journal::{Entry, Frame, Remembered, frame};
use creneau::*;

/// What to do about a difference: it is the same for every file here.
const ADVICE: &str = "\
    An archived type was edited, or the codec under it has changed: journals that were written \
    before cannot be read as they were. Undo the edit. To change what is written, add a new form \
    beside the old one (a type of its own and the next ENTRY_FORM), convert the old form to the \
    new where entries are decoded, keep these files for the old form, and add golden files for \
    the new one.";

fn golden(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

/// The bytes of a golden file; `now` becomes one that is missing, if that is asked for.
fn read(name: &str, now: &[u8]) -> Vec<u8> {
    let path = golden(name);
    if !path.exists() && std::env::var("CRENEAU_GOLDEN").is_ok_and(|wish| wish == "write") {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        File::create_new(&path).unwrap().write_all(now).unwrap();
    }
    let hint = "is missing; for a new one, run this test once with CRENEAU_GOLDEN=write";
    fs::read(&path).unwrap_or_else(|error| panic!("{} {hint}: {error}", path.display()))
}

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(1_800_000_000_000 + millis)
}

fn calendar(bits: u128) -> CalendarId {
    CalendarId::from_bits(0xCA1E_0000_0000_0000_0000_0000_0000_0000 | bits)
}

fn span(lane: u16, start: i64) -> Span {
    let minutes = |count: i64| at(start).plus_minutes(count);
    Span { lane, start: at(start), end: minutes(15), occupied_until: minutes(20) }
}

fn booking(bits: u128, person: &str, version: u32, span: Span) -> Booking {
    Booking {
        id: HoldId::from_bits(0x401D_FFFF_FFFF_FFFF_0000_0000_0000_0000 | bits),
        calendar: calendar(1),
        person: person.parse().unwrap(),
        reason: ReasonRef { id: "first-visit".parse().unwrap(), version },
        span,
        details: Details::default().into(),
    }
}

fn guards() -> Vec<Guard> {
    vec![Guard::per_calendar(), Guard { kind: "campagne/été".into(), scope: GuardScope::Engine }]
}

fn hours(text: &str) -> Vec<Interval> {
    text.split_whitespace().map(|interval| interval.parse().unwrap()).collect()
}

fn date<T: From<jiff::civil::Date>>(text: &str) -> T {
    text.parse::<jiff::civil::Date>().unwrap().into()
}

/// What form 1 knew nothing of.
fn full() -> Definition {
    let mut days = std::array::from_fn(|_| vec![]);
    days[5] = hours("09:00-12:00");
    let every_other = Template {
        from: Some(date("2026-09-01")),
        until: Some(date("2027-06-30")),
        every_weeks: 2,
        anchor: Some(date("2026-09-05")),
        hours: WeeklyHours { days: days.clone() },
    };
    let always = Template {
        from: None,
        until: None,
        every_weeks: 1,
        anchor: None,
        hours: WeeklyHours { days },
    };
    let agenda = Agenda {
        templates: vec![every_other, always],
        absences: vec![
            Absence {
                from: Edge::Date(date("2026-12-24")),
                until: Edge::Instant(Timestamp::from_millis(-1)),
                label: Some("congés".to_owned()),
            },
            Absence {
                from: Edge::Instant(at(7)),
                until: Edge::Date(date("2028-02-29")),
                label: None,
            },
        ],
        public_holidays: PublicHolidays {
            calendar: HolidayCalendar::Reunion,
            open_on: vec![Holiday::NewYear, Holiday::AbolitionReunion],
        },
        change_until_minutes: 1_440,
        overflow_lanes: 2,
        holds_again: Some(1),
        reminders_minutes: vec![7 * 24 * 60, 120],
        practitioner: Some(PractitionerId::from_bits(0xAC)),
        place: Some(PlaceId::from_bits(0xAD)),
    };
    let mut definition = Definition { agenda, ..plain() };
    definition.reasons[0].rules = Rules {
        patients: Some(Standing::Known),
        visit: Visit::Either,
        notice_minutes: 129_600,
        ahead_days: Some(60),
        per_day: Some(4),
        instructions: Some("À jeun.".to_owned()),
        practice_only: true,
        dose: Some(DoseRule {
            campaign: CampaignId::from_bits(0xCA),
            vaccine: "arnm".parse().unwrap(),
        }),
    };
    definition
}

/// Every field of form 1 that can be none is set.
fn plain() -> Definition {
    let monday = hours("08:00-12:00 13:30-18:45");
    Definition {
        external_id: Some("rpps:10001234567".to_owned()),
        practitioner: Some(Practitioner {
            name: "Dr Ada Martin".to_owned(),
            specialty: Some("médecine générale".to_owned()),
        }),
        location: Location {
            name: "Cabinet du Marché".to_owned(),
            address: Some("1 Place du Marché, 20000 Ajaccio".to_owned()),
            lat: Some(41.919_3),
            lon: Some(-8.738_6),
            department: Some("2A".to_owned()),
        },
        time_zone: "Europe/Paris".to_owned(),
        grid_minutes: 5,
        lanes: 3,
        reasons: vec![
            Reason {
                id: "first-visit".parse().unwrap(),
                name: "Première visite".to_owned(),
                duration_minutes: 15,
                buffer_minutes: 5,
                version: 1,
                rules: Rules::default(),
            },
            Reason { version: 7, ..Reason::new("check-up".parse().unwrap(), "Check-up", 640) },
        ],
        weekly_hours: WeeklyHours {
            days: [
                monday,
                vec![],
                hours("00:00-24:00"),
                vec![],
                vec![],
                vec![],
                hours("23:59-24:00"),
            ],
        },
        exceptions: vec![
            DayException { date: date("2026-12-25"), hours: vec![] },
            DayException { date: date("2028-02-29"), hours: hours("10:00-11:00") },
        ],
        horizon_days: 730,
        agenda: Agenda::default(),
    }
}

/// No field that can be none is set.
fn bare() -> Definition {
    let mut definition = Definition::weekdays("Centre", "Indian/Reunion");
    definition.reasons = vec![Reason::new("dose-1".parse().unwrap(), "Dose 1", 5)];
    definition
}

fn named(id: &str) -> Option<Remembered> {
    let key = CommandKey { caller: "portal-7".parse().unwrap(), id: id.parse().unwrap() };
    Some(Remembered { key, fingerprint: 0x0123_4567_89AB_CDEF_FEDC_BA98_7654_3210 })
}

/// What the file of an event is called. It has no arm for the rest, so that a new event needs one.
fn file_of(event: &Event) -> &'static str {
    match event {
        Event::CalendarCreated { .. } => "calendar-created",
        Event::CalendarChanged { .. } => "calendar-changed",
        Event::Held { .. } => "held",
        Event::Confirmed { .. } => "confirmed",
        Event::Released { .. } => "released",
        Event::Expired { .. } => "expired",
        Event::Cancelled { .. } => "cancelled",
        Event::Moved { .. } => "moved",
        Event::Renewed { .. } => "renewed",
        Event::Marked { .. } => "marked",
        Event::Delayed { .. } => "delayed",
        Event::Wished { .. } => "wished",
        Event::Withdrawn { .. } => "withdrawn",
        Event::Accepted { .. } => "accepted",
        Event::Dosed { .. } => "dosed",
        Event::Given { .. } => "given",
        Event::Registered { what, .. } => match **what {
            Registration::Practitioner { .. } => "registered-practitioner",
            Registration::Place { .. } => "registered-place",
            Registration::Linked { .. } => "linked",
            Registration::Unlinked { .. } => "unlinked",
            Registration::Reviewed(_) => "reviewed",
            Registration::Replied(_) => "replied",
            Registration::Campaign { .. } => "campaign",
            Registration::Delivered(_) => "delivered",
            Registration::Wasted { .. } => "wasted",
            Registration::Recalled { .. } => "recalled",
            Registration::Lined(_) => "lined",
            Registration::LeftLine { .. } => "left-line",
        },
    }
}

/// The entries of calendars, with and without the name of a command.
fn of_calendars(form: u16) -> [(Option<Remembered>, Event); 2] {
    let (id, definition) = (calendar(1), if form == 1 { plain() } else { full() });
    let created =
        Event::CalendarCreated { calendar: id, at: at(1), definition: Box::new(definition) };
    let (id, definition) = (calendar(u128::from(u64::MAX)), bare());
    let changed = Event::CalendarChanged {
        calendar: id,
        at: at(2),
        version: 4_000_000_000,
        definition: Box::new(definition),
    };
    [(named("create-1"), created), (None, changed)]
}

/// All that a dose can be.
fn dose(delivery: Option<DeliveryId>) -> Dose {
    Dose {
        campaign: CampaignId::from_bits(0xCA),
        version: 3,
        phase: "soignants".parse().unwrap(),
        vaccine: "arnm".parse().unwrap(),
        number: 2,
        place: PlaceId::from_bits(0xAD),
        delivery,
        band: "65-74".parse().unwrap(),
        territory: Some("2A".parse().unwrap()),
        elsewhere: Some(at(-86_400_000)),
        twin: Some(HoldId::from_bits(0xB5)),
    }
}

/// Somebody who waits for a dose, and said all that can be said.
fn in_line() -> InLine {
    let mut days: [Vec<Interval>; 7] = Default::default();
    days[2] = hours("08:00-12:00");
    InLine {
        id: WishId::from_bits(0xE1),
        person: "person-7".parse().unwrap(),
        booked_by: Some("person-8".parse().unwrap()),
        reason: "dose-2".parse().unwrap(),
        standing: Some(Standing::Known),
        dose: Dose { twin: None, ..dose(None) },
        rank: 3,
        since: at(7),
        when: Some(WeeklyHours { days }),
        from: at(8),
        until: at(86_400_000),
    }
}

/// All that a campaign can set.
fn campaign() -> Campaign {
    let code = |name: &str| name.parse::<Code>().unwrap();
    let group = Group {
        bands: vec![code("65-74")],
        conditions: vec![code("diabete")],
        professions: vec![code("soignant")],
        territories: vec![code("2A"), code("2B")],
    };
    let vaccine = Vaccine {
        id: "arnm".parse().unwrap(),
        name: "ARN messager".to_owned(),
        doses: 2,
        days_min: 21,
        days_max: 42,
        booster: Some(Booster { after_days: 90, most: 1 }),
        after_infection_days: 60,
        reaction_minutes: 15,
        bands: vec![code("65-74")],
    };
    let phase = Phase {
        id: code("soignants"),
        says: "les soignants".to_owned(),
        opens: at(-1),
        closes: Some(at(1)),
        groups: vec![group.clone(), Group::default()],
        doses: vec![1, 2],
    };
    Campaign {
        name: "Printemps".to_owned(),
        bands: vec![code("0-17"), code("65-74")],
        vaccines: vec![vaccine],
        phases: vec![phase],
        line: vec![group],
    }
}

/// All that a booking can have.
fn details() -> Details {
    Details {
        booked_by: Some("patient-4712".parse().unwrap()),
        standing: Some(Standing::New),
        by_video: true,
        channel: Channel::OnSite,
        offer: Some(Offer::Appointment(AppointmentId::from_bits(0xA11))),
        joined: Joined::part_of(HoldId::from_bits(0xB1)),
        wish: Some(WishId::from_bits(0xB4)),
        dose: Some(Box::new(dose(Some(DeliveryId::from_bits(0xDE))))),
    }
}

fn with_parts() -> Details {
    let part = |bits| Part { calendar: CalendarId::from_bits(bits), id: HoldId::from_bits(bits) };
    Details { joined: Joined::whole(vec![part(0xB2), part(0xB3)]), ..details() }
}

/// All that somebody can wait for.
fn wish() -> Wish {
    let mut days = std::array::from_fn(|_| vec![]);
    days[3] = hours("08:00-12:00 17:00-19:30");
    Wish {
        id: WishId::from_bits(0xB4),
        person: "patient-4711".parse().unwrap(),
        booked_by: Some("patient-4712".parse().unwrap()),
        reason: "check-up".parse().unwrap(),
        standing: Some(Standing::Known),
        by_video: true,
        when: Some(WeeklyHours { days }),
        from: at(-1),
        until: at(86_400_000),
        instead_of: Some(AppointmentId::from_bits(0xA11)),
        answer_ms: 1_800_000,
    }
}

/// The entries of bookings that form 1 did not know.
fn of_form_2() -> Vec<(&'static str, Option<Remembered>, Event)> {
    let booking =
        || Booking { details: details().into(), ..booking(3, "p", 1, span(0, 86_400_000)) };
    let held = Event::Held { at: at(3), booking: booking(), deadline: at(4), guards: vec![] };
    let renewed = Event::Renewed {
        at: at(4),
        booking: Booking { details: with_parts().into(), ..booking() },
        before: at(5),
        deadline: at(6),
        guards: guards(),
        renewals: 1,
    };
    let (mark, before) = (Mark::NoShow, Some(Mark::Arrived));
    let marked = Event::Marked { at: at(7), booking: booking(), mark, before };
    let (from, until) = (span(1, 172_800_000), at(86_400_000));
    let delayed = Event::Delayed { calendar: calendar(1), at: at(8), minutes: 25, until };
    let accepted = Event::Accepted {
        at: at(9),
        booking: booking(),
        taken: Box::new(Taken {
            from_calendar: calendar(2),
            from,
            offer: booking(),
            deadline: at(10),
            guards: guards(),
        }),
    };
    let (before, stays_until) = (Some(DeliveryId::from_bits(0xDF)), at(900_000));
    let bare = Details { dose: Some(Box::new(dose(None))), ..details() };
    let bare = Booking { details: bare.into(), ..booking() };
    let dosed = Event::Dosed { at: at(13), booking: bare, before };
    let given = Event::Given { at: at(14), booking: booking(), before, stays_until };
    let withdrawn = Event::Withdrawn { calendar: calendar(1), at: at(12), wish: wish().id };
    let wished = Event::Wished { calendar: calendar(1), at: at(11), wish: Box::new(wish()) };
    vec![
        ("wished", None, wished),
        ("withdrawn", None, withdrawn),
        ("held-for-a-relative", None, held),
        ("renewed", named("renew-1"), renewed),
        ("marked", None, marked),
        ("delayed", None, delayed),
        ("accepted", named("accept-1"), accepted),
        ("dosed", None, dosed),
        ("given", named("give-1"), given),
    ]
}

/// The entries of bookings.
fn of_bookings() -> [(Option<Remembered>, Event); 6] {
    let deadline = at(900_003);
    let ana = || booking(1, "patient-4711", 1, span(2, 86_400_000));
    let eve = || booking(2, "p", u32::MAX, span(u16::MAX, -86_400_000));
    let (before_the_epoch, moved_from) = (Timestamp::from_millis(-1), calendar(2));
    [
        (named("hold-1"), Event::Held { at: at(3), booking: ana(), deadline, guards: guards() }),
        (None, Event::Confirmed { at: at(4), booking: ana(), deadline, guards: guards() }),
        (None, Event::Released { at: before_the_epoch, booking: eve(), deadline, guards: vec![] }),
        (None, Event::Expired { at: deadline, booking: eve(), deadline, guards: guards() }),
        (named("cancel-1"), Event::Cancelled { at: at(5), booking: ana() }),
        (
            None,
            Event::Moved {
                at: at(6),
                booking: ana(),
                from_calendar: moved_from,
                from: span(0, 172_800_000),
            },
        ),
    ]
}

/// The entries of the register, which form 1 did not have.
fn of_register(form: u16) -> Vec<(Option<Remembered>, Event)> {
    let fee = |to_cents| Fee { name: "Consultation".to_owned(), from_cents: 3_000, to_cents };
    let profile = Profile {
        name: "Dr Ada Martin".to_owned(),
        specialty: Some("néphrologie".to_owned()),
        languages: vec!["fr".to_owned(), "pt-BR".to_owned()],
        sector: Some(Sector::NotAgreed),
        fees: vec![fee(None), fee(Some(u32::MAX))],
    };
    let (id, secret) = (LinkId::from_bits(0x11A), LinkSecret::from_bits(0x5EC).hashed());
    let of = LinkOf::Person("patient-4711".parse().unwrap());
    let all = [
        Registration::Practitioner { id: PractitionerId::from_bits(0xAC), profile },
        Registration::Place { id: PlaceId::from_bits(0xAD), location: plain().location },
        Registration::Linked { id, secret, of: LinkOf::Calendar(calendar(1)) },
        Registration::Unlinked { id, secret, of },
        Registration::Reviewed(Review {
            appointment: AppointmentId::from_bits(0xA11),
            calendar: calendar(1),
            at: at(7),
            positive: true,
            text: Some("review-4711".parse().unwrap()),
        }),
        Registration::Replied(ReviewReply {
            appointment: AppointmentId::from_bits(0xA11),
            at: at(7),
            text: "reply-4711".parse().unwrap(),
        }),
        Registration::Campaign {
            id: CampaignId::from_bits(0xCA),
            version: 3,
            campaign: Box::new(campaign()),
        },
        Registration::Delivered(Delivery {
            id: DeliveryId::from_bits(0xDE),
            campaign: CampaignId::from_bits(0xCA),
            place: PlaceId::from_bits(0xAD),
            vaccine: "arnm".parse().unwrap(),
            lot: "FE-1573".parse().unwrap(),
            arrives: at(0),
            expires: at(86_400_000),
            doses: 1_170,
        }),
        Registration::Wasted { delivery: DeliveryId::from_bits(0xDE), doses: 6 },
        Registration::Recalled {
            campaign: CampaignId::from_bits(0xCA),
            lot: "FE-1573".parse().unwrap(),
        },
        Registration::Lined(Box::new(in_line())),
        Registration::LeftLine { id: WishId::from_bits(0xE1) },
    ];
    let entry = |what| (named("put-1"), Event::Registered { at: at(7), what: Box::new(what) });
    all.into_iter().filter(|_| 1 < form).map(entry).collect()
}

/// The entries of a form, each with the name of its file.
fn entries(form: u16) -> Vec<(String, Entry)> {
    let all = of_calendars(form).into_iter().chain(of_bookings()).chain(of_register(form));
    let entry = |(command, event)| (file_of(&event), Entry { command, events: vec![event] });
    let mut entries: Vec<_> = all.map(entry).collect();
    // What one command writes can be several events: here, that two holds ran out.
    let due = entries.iter().find(|(name, _)| *name == "expired").cloned().unwrap();
    let events = [due.1.events.clone(), due.1.events].concat();
    entries.push(("two-events", Entry { command: None, events }));
    if form == 2 {
        let more = of_form_2().into_iter();
        entries.extend(
            more.map(|(name, command, event)| (name, Entry { command, events: vec![event] })),
        );
    }
    entries.into_iter().map(|(name, entry)| (format!("entry-{form}-{name}.bin"), entry)).collect()
}

#[test]
fn entries_are_read_and_written_as_ever() {
    for form in 1..=ENTRY_FORM {
        for (name, expected) in entries(form) {
            let now = expected.encode().unwrap();
            let bytes = read(&name, &now);
            let decoded = Entry::decode_form(form, &bytes);
            assert_eq!(decoded.as_ref(), Ok(&expected), "{name} is not read as it was. {ADVICE}");
            let is_written = form == ENTRY_FORM;
            // Form 2 adds nothing to a booking that does without it: a hold costs what it did.
            let of_calendar = name.contains("calendar");
            assert!(of_calendar || now.len() <= bytes.len(), "{name} has grown");
            let same = bytes == now.as_slice();
            assert!(same || !is_written, "{name} is not written as it was. {ADVICE}");
        }
    }
}

#[test]
fn frames_are_read_and_built_as_ever() {
    for (form, hash) in (1..=ENTRY_FORM).zip(HASHES) {
        let expected = entries(form).into_iter().map(|(_, entry)| entry);
        let written: Vec<_> =
            expected.clone().map(|entry| entry.encode().unwrap().to_vec()).collect();
        let first = 0x0102_0304_0506_0708;
        let now = frame::build(first, [0xA5; 32], &written);
        let bytes = read(&format!("frame-{form}.bin"), &now);
        let parsed = Frame::parse(&bytes);
        assert!(parsed.is_ok(), "frame {form} is not read as it was: {parsed:?}. {ADVICE}");
        let parsed = parsed.unwrap();
        assert_eq!((parsed.first(), parsed.before()), (first, [0xA5; 32]), "{ADVICE}");
        let decoded = parsed.entries().map(|(_, payload)| parsed.decode(payload).unwrap());
        assert!(decoded.eq(expected), "frame {form} is not read as it was. {ADVICE}");
        if form == ENTRY_FORM {
            assert!(bytes == now, "the frame is not built as it was. {ADVICE}");
        }
        // The next frame begins with this hash.
        let told: String = parsed.hash().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(told, hash, "frames of today do not continue those of form {form}. {ADVICE}");
    }
}

/// BLAKE3 of the frame of each form.
const HASHES: [&str; 2] = [
    "ee623042675756d6e5aff7bdca0c34266fd6d83d75c564ba54163a390de2f42c",
    "270bf9de5facd466a3cc587bad10092f21af92300f64e84ba9778103d18a1458",
];
