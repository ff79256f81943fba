//! Events as programs read them: in an export and in the feed alike.
//!
//! The shape is kept: fields may be added, none is renamed or removed. Unlike all other answers,
//! events hold the ids of patients, because who follows them keeps books of their own.

use creneau::booking::{Booking, Guard, GuardScope, Part, Span, Taken};
use creneau::{
    AppointmentId, CalendarId, Definition, DeliveryId, Event, HoldId, Location, Offer, PersonId,
    PlaceId, Practitioner, PractitionerId, Reason, ReasonId, Sequence, Timestamp, WishId,
};
use serde::Serialize;
use utoipa::ToSchema;

use super::agenda_dto::{AbsenceJson, HolidaysJson, TemplateJson};
use super::by_dto::{self, ChannelJson, PatientJson, RulesJson, VisitJson};
use super::calendar_dto::{ExceptionBody, LocationJson, PractitionerJson, WeekJson};
use super::campaign_event_dto::DoseSeen;
use super::dto::Text;
use super::openapi::texts;
use super::practice_dto::MarkJson;
use super::register_event_dto::RegisterSeen;
use super::wish_event_dto::{WishSeen, WithdrawSeen};

/// One event.
#[derive(Serialize, ToSchema)]
#[schema(as = Event)]
pub(crate) struct EventLine {
    /// The entry, which has all that one command brought about.
    #[schema(value_type = u64)]
    sequence: Sequence,
    /// The event's place in its entry, from 0.
    index: usize,
    #[serde(flatten)]
    event: EventBody,
}

#[derive(Serialize, ToSchema)]
#[serde(tag = "event", rename_all = "snake_case")]
#[schema(as = EventKind)]
enum EventBody {
    CalendarCreated(CalendarSet),
    CalendarChanged(CalendarSet),
    Held(HoldSeen),
    Confirmed(HoldSeen),
    Released(HoldSeen),
    Expired(HoldSeen),
    Cancelled(BookingSeen),
    Moved(MoveSeen),
    Renewed(RenewalSeen),
    Marked(MarkSeen),
    Delayed(DelaySeen),
    Accepted(AcceptSeen),
    Wished(WishSeen),
    Withdrawn(WithdrawSeen),
    Dosed(DosedSeen),
    Given(GivenSeen),
    Registered(RegisterSeen),
}

#[derive(Serialize, ToSchema)]
struct CalendarSet {
    #[schema(value_type = texts::UtcInstant)]
    at: Text<Timestamp>,
    #[schema(value_type = texts::CalendarId)]
    calendar_id: Text<CalendarId>,
    version: u32,
    calendar: DefinitionBody,
}

/// All that is set about a calendar.
#[derive(Serialize, ToSchema)]
#[schema(as = EventCalendar)]
struct DefinitionBody {
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<texts::ExternalId>, nullable = false)]
    external_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    practitioner: Option<PractitionerJson>,
    location: LocationJson,
    #[schema(value_type = texts::TimeZone)]
    time_zone: String,
    #[schema(value_type = texts::GridMinutes)]
    grid_minutes: u8,
    #[schema(minimum = 1, maximum = 1000)]
    lanes: u16,
    #[schema(min_items = 1, max_items = 100)]
    reasons: Vec<ReasonBody>,
    weekly_hours: WeekJson,
    #[schema(max_items = 50)]
    templates: Vec<TemplateJson>,
    /// In the order of their dates.
    #[schema(max_items = 1000)]
    exceptions: Vec<ExceptionBody>,
    #[schema(max_items = 1000)]
    absences: Vec<AbsenceJson>,
    public_holidays: HolidaysJson,
    /// Minutes before its start from which on only the practice changes an appointment.
    #[schema(maximum = 43_200)]
    change_until_minutes: u32,
    #[schema(maximum = 100)]
    overflow_lanes: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    holds_again: Option<u8>,
    #[schema(value_type = Vec<texts::ReminderMinutes>, max_items = 8)]
    reminders_minutes: Vec<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<texts::PractitionerId>, nullable = false)]
    practitioner_id: Option<Text<PractitionerId>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<texts::PlaceId>, nullable = false)]
    place_id: Option<Text<PlaceId>>,
    #[schema(minimum = 1, maximum = 730)]
    horizon_days: u16,
}

#[derive(Serialize, ToSchema)]
#[schema(as = EventReason)]
struct ReasonBody {
    #[schema(value_type = texts::ReasonId)]
    id: Text<ReasonId>,
    name: String,
    duration_minutes: u16,
    buffer_minutes: u16,
    version: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    rules: Option<RulesJson>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Span)]
struct SpanBody {
    lane: u16,
    #[schema(value_type = texts::UtcInstant)]
    start: Text<Timestamp>,
    #[schema(value_type = texts::UtcInstant)]
    end: Text<Timestamp>,
    #[schema(value_type = texts::UtcInstant)]
    occupied_until: Text<Timestamp>,
}

#[derive(Serialize, ToSchema)]
struct BookingSeen {
    #[schema(value_type = texts::UtcInstant)]
    at: Text<Timestamp>,
    #[schema(value_type = texts::HoldId)]
    hold_id: Text<HoldId>,
    /// What the hold has become.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<texts::AppointmentId>, nullable = false)]
    appointment_id: Option<Text<AppointmentId>>,
    #[schema(value_type = texts::CalendarId)]
    calendar_id: Text<CalendarId>,
    #[schema(value_type = texts::PatientId)]
    patient_id: Text<PersonId>,
    #[schema(value_type = texts::ReasonId)]
    reason: Text<ReasonId>,
    reason_version: u32,
    /// Who booked, where that is not the patient.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<texts::PatientId>, nullable = false)]
    booked_by: Option<Text<PersonId>>,
    /// Whether the practice had seen the patient before, where that was stated.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    patient: Option<PatientJson>,
    /// In person if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    visit: Option<VisitJson>,
    /// Online if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    channel: Option<ChannelJson>,
    /// Whether the practice has offered it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    offered: bool,
    /// The wish of the patient for which it was offered.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<texts::WishId>, nullable = false)]
    wish_id: Option<Text<WishId>>,
    /// The appointment that it was offered for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<texts::AppointmentId>, nullable = false)]
    offer_for: Option<Text<AppointmentId>>,
    /// What it occupies in other calendars: the same entry tells of that too.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 4)]
    parts: Vec<PartSeen>,
    /// The booking that this is part of.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<texts::HoldId>, nullable = false)]
    part_of: Option<Text<HoldId>>,
    /// The dose of a campaign that it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    dose: Option<DoseSeen>,
    #[serde(flatten)]
    span: SpanBody,
}

/// What a booking occupies in another calendar.
#[derive(Serialize, ToSchema)]
#[schema(as = Part)]
struct PartSeen {
    #[schema(value_type = texts::CalendarId)]
    calendar_id: Text<CalendarId>,
    #[schema(value_type = texts::HoldId)]
    hold_id: Text<HoldId>,
}

impl From<&Part> for PartSeen {
    fn from(part: &Part) -> Self {
        Self { calendar_id: Text(part.calendar), hold_id: Text(part.id) }
    }
}

#[derive(Serialize, ToSchema)]
struct HoldSeen {
    #[serde(flatten)]
    booking: BookingSeen,
    #[schema(value_type = texts::UtcInstant)]
    expires_at: Text<Timestamp>,
    guards: Vec<GuardBody>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Guard)]
struct GuardBody {
    kind: String,
    scope: ScopeBody,
}

#[derive(Serialize, ToSchema)]
struct MoveSeen {
    #[serde(flatten)]
    booking: BookingSeen,
    from: FromBody,
}

#[derive(Serialize, ToSchema)]
struct RenewalSeen {
    #[serde(flatten)]
    hold: HoldSeen,
    /// When it was to end until now.
    #[schema(value_type = texts::UtcInstant)]
    before: Text<Timestamp>,
    /// How often it was renewed, this time included.
    renewals: u8,
}

#[derive(Serialize, ToSchema)]
struct MarkSeen {
    #[serde(flatten)]
    booking: BookingSeen,
    status: MarkJson,
    /// What the practice had said before.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    before: Option<MarkJson>,
}

#[derive(Serialize, ToSchema)]
struct DelaySeen {
    #[schema(value_type = texts::UtcInstant)]
    at: Text<Timestamp>,
    #[schema(value_type = texts::CalendarId)]
    calendar_id: Text<CalendarId>,
    /// 0 where it is in time again.
    minutes: u16,
    /// It counts for who starts from `at` on and before this.
    #[schema(value_type = texts::UtcInstant)]
    until: Text<Timestamp>,
}

/// The appointment where it lies now, and the offer that it has taken.
#[derive(Serialize, ToSchema)]
struct AcceptSeen {
    #[serde(flatten)]
    booking: BookingSeen,
    from: FromBody,
    /// The hold that was the offer.
    #[schema(value_type = texts::HoldId)]
    offer_id: Text<HoldId>,
    /// When the offer was to end by itself.
    #[schema(value_type = texts::UtcInstant)]
    expires_at: Text<Timestamp>,
    guards: Vec<GuardBody>,
}

/// The dose of a booking is of another delivery from now on, or of none.
#[derive(Serialize, ToSchema)]
struct DosedSeen {
    #[serde(flatten)]
    booking: BookingSeen,
    /// The delivery of which it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<texts::DeliveryId>, nullable = false)]
    before: Option<Text<DeliveryId>>,
}

/// The dose of an appointment was given.
#[derive(Serialize, ToSchema)]
struct GivenSeen {
    #[serde(flatten)]
    booking: BookingSeen,
    /// The delivery of which the dose was that had been booked.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<texts::DeliveryId>, nullable = false)]
    before: Option<Text<DeliveryId>>,
    /// Until when the patient stays.
    #[schema(value_type = texts::UtcInstant)]
    stays_until: Text<Timestamp>,
}

/// Where a person guard counts.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = GuardScope)]
enum ScopeBody {
    Calendar,
    Engine,
}

#[derive(Serialize, ToSchema)]
#[schema(as = MovedFrom)]
struct FromBody {
    #[schema(value_type = texts::CalendarId)]
    calendar_id: Text<CalendarId>,
    #[serde(flatten)]
    span: SpanBody,
}

/// The events of an entry.
pub(crate) fn lines(sequence: Sequence, events: &[Event]) -> impl Iterator<Item = EventLine> {
    let line = move |(index, event)| EventLine { sequence, index, event: body(event) };
    events.iter().enumerate().map(line)
}

fn body(event: &Event) -> EventBody {
    match event {
        Event::CalendarCreated { calendar, at, definition } => {
            EventBody::CalendarCreated(set(*calendar, *at, 1, definition))
        }
        Event::CalendarChanged { calendar, at, version, definition } => {
            EventBody::CalendarChanged(set(*calendar, *at, *version, definition))
        }
        Event::Held { at, booking, deadline, guards } => {
            EventBody::Held(hold(seen(*at, booking, false), *deadline, guards))
        }
        Event::Confirmed { at, booking, deadline, guards } => {
            EventBody::Confirmed(hold(seen(*at, booking, true), *deadline, guards))
        }
        Event::Released { at, booking, deadline, guards } => {
            EventBody::Released(hold(seen(*at, booking, false), *deadline, guards))
        }
        Event::Expired { at, booking, deadline, guards } => {
            EventBody::Expired(hold(seen(*at, booking, false), *deadline, guards))
        }
        Event::Cancelled { at, booking } => EventBody::Cancelled(seen(*at, booking, true)),
        Event::Moved { at, booking, from_calendar, from } => EventBody::Moved(MoveSeen {
            booking: seen(*at, booking, true),
            from: FromBody { calendar_id: Text(*from_calendar), span: span(*from) },
        }),
        Event::Renewed { at, booking, before, deadline, guards, renewals } => {
            let hold = hold(seen(*at, booking, false), *deadline, guards);
            EventBody::Renewed(RenewalSeen { hold, before: Text(*before), renewals: *renewals })
        }
        Event::Marked { at, booking, mark, before } => EventBody::Marked(MarkSeen {
            booking: seen(*at, booking, true),
            status: MarkJson::from(*mark),
            before: before.map(MarkJson::from),
        }),
        Event::Delayed { calendar, at, minutes, until } => EventBody::Delayed(DelaySeen {
            at: Text(*at),
            calendar_id: Text(*calendar),
            minutes: *minutes,
            until: Text(*until),
        }),
        Event::Accepted { at, booking, taken } => {
            let Taken { from_calendar, from, offer, deadline, guards } = &**taken;
            let HoldSeen { booking, expires_at, guards } =
                hold(seen(*at, booking, true), *deadline, guards);
            let from = FromBody { calendar_id: Text(*from_calendar), span: span(*from) };
            let offer_id = Text(offer.id);
            EventBody::Accepted(AcceptSeen { booking, from, offer_id, expires_at, guards })
        }
        Event::Wished { calendar, at, wish } => {
            EventBody::Wished(WishSeen::new(*calendar, *at, wish))
        }
        Event::Withdrawn { calendar, at, wish } => EventBody::Withdrawn(WithdrawSeen {
            at: Text(*at),
            calendar_id: Text(*calendar),
            wish_id: Text(*wish),
        }),
        Event::Dosed { at, booking, before } => EventBody::Dosed(DosedSeen {
            booking: seen(*at, booking, false),
            before: before.map(Text),
        }),
        Event::Given { at, booking, before, stays_until } => EventBody::Given(GivenSeen {
            booking: seen(*at, booking, true),
            before: before.map(Text),
            stays_until: Text(*stays_until),
        }),
        Event::Registered { at, what } => EventBody::Registered(RegisterSeen::new(*at, what)),
    }
}

fn seen(at: Timestamp, booking: &Booking, is_appointment: bool) -> BookingSeen {
    BookingSeen {
        at: Text(at),
        hold_id: Text(booking.id),
        appointment_id: is_appointment.then(|| Text(booking.id.into())),
        calendar_id: Text(booking.calendar),
        patient_id: Text(booking.person.clone()),
        reason: Text(booking.reason.id.clone()),
        reason_version: booking.reason.version,
        booked_by: booking.details.booked_by.clone().map(Text),
        patient: booking.details.standing.map(PatientJson::from),
        visit: by_dto::visit_of(&booking.details),
        channel: by_dto::channel_of(&booking.details),
        offered: booking.details.offer.is_some(),
        wish_id: booking.details.wish.map(Text),
        offer_for: match booking.details.offer {
            Some(Offer::Appointment(appointment)) => Some(Text(appointment)),
            Some(Offer::Person) | None => None,
        },
        parts: booking.details.parts().iter().map(PartSeen::from).collect(),
        part_of: booking.details.part_of().map(Text),
        dose: DoseSeen::of(booking),
        span: span(booking.span),
    }
}

fn span(span: Span) -> SpanBody {
    let Span { lane, start, end, occupied_until } = span;
    SpanBody { lane, start: Text(start), end: Text(end), occupied_until: Text(occupied_until) }
}

fn hold(booking: BookingSeen, deadline: Timestamp, guards: &[Guard]) -> HoldSeen {
    let scope = |scope| match scope {
        GuardScope::Calendar => ScopeBody::Calendar,
        GuardScope::Engine => ScopeBody::Engine,
    };
    let guard =
        |guard: &Guard| GuardBody { kind: guard.kind.to_string(), scope: scope(guard.scope) };
    HoldSeen { booking, expires_at: Text(deadline), guards: guards.iter().map(guard).collect() }
}

fn set(id: CalendarId, at: Timestamp, version: u32, definition: &Definition) -> CalendarSet {
    let practitioner = definition.practitioner.clone();
    let Location { name, address, lat, lon, department } = definition.location.clone();
    let reason = |reason: &Reason| ReasonBody {
        id: Text(reason.id.clone()),
        name: reason.name.clone(),
        duration_minutes: reason.duration_minutes,
        buffer_minutes: reason.buffer_minutes,
        version: reason.version,
        rules: by_dto::rules_of(&reason.rules),
    };
    let calendar = DefinitionBody {
        external_id: definition.external_id.clone(),
        practitioner: practitioner
            .map(|Practitioner { name, specialty }| PractitionerJson { name, specialty }),
        location: LocationJson { name, address, lat, lon, department },
        time_zone: definition.time_zone.clone(),
        grid_minutes: definition.grid_minutes,
        lanes: definition.lanes,
        reasons: definition.reasons.iter().map(reason).collect(),
        weekly_hours: WeekJson::from(&definition.weekly_hours),
        templates: definition.agenda.templates.iter().map(TemplateJson::from).collect(),
        exceptions: definition.exceptions.iter().map(ExceptionBody::from).collect(),
        absences: definition.agenda.absences.iter().map(AbsenceJson::from).collect(),
        public_holidays: HolidaysJson::from(&definition.agenda.public_holidays),
        change_until_minutes: definition.agenda.change_until_minutes,
        overflow_lanes: definition.agenda.overflow_lanes,
        holds_again: definition.agenda.holds_again,
        reminders_minutes: definition.agenda.reminders_minutes.clone(),
        practitioner_id: definition.agenda.practitioner.map(Text),
        place_id: definition.agenda.place.map(Text),
        horizon_days: definition.horizon_days,
    };
    CalendarSet { at: Text(at), calendar_id: Text(id), version, calendar }
}

#[cfg(test)]
mod tests {
    use creneau::Details;
    use creneau::booking::ReasonRef;
    use serde_json::{Value, json};

    use super::*;

    fn booking() -> Booking {
        let at = |minutes| Timestamp::from_millis(1_800_000_000_000).plus_minutes(minutes);
        Booking {
            id: HoldId::from_bits(1),
            calendar: CalendarId::from_bits(2),
            person: "p-1".parse().unwrap(),
            reason: ReasonRef { id: "dose".parse().unwrap(), version: 3 },
            span: Span { lane: 4, start: at(0), end: at(5), occupied_until: at(10) },
            details: Details::default().into(),
        }
    }

    fn told(events: &[Event]) -> Vec<Value> {
        lines(7, events).map(|line| serde_json::to_value(line).unwrap()).collect()
    }

    /// What programs out there read: it is never edited, only added to.
    #[test]
    fn the_shape_is_kept() {
        let at = Timestamp::from_millis(1_799_999_999_500);
        let deadline = at.plus_minutes(15);
        let guards = vec![Guard::per_calendar()];
        let from = booking().span;
        let events = [
            Event::Held { at, booking: booking(), deadline, guards: guards.clone() },
            Event::Confirmed { at, booking: booking(), deadline, guards },
            Event::Moved { at, booking: booking(), from_calendar: CalendarId::from_bits(9), from },
        ];
        let span = json!({
            "lane": 4, "start": "2027-01-15T08:00:00Z", "end": "2027-01-15T08:05:00Z",
            "occupied_until": "2027-01-15T08:10:00Z",
        });
        let mut held = json!({
            "sequence": 7, "index": 0, "event": "held", "at": "2027-01-15T07:59:59.5Z",
            "hold_id": "hold_00000000000000000000000001",
            "calendar_id": "cal_00000000000000000000000002",
            "patient_id": "p-1", "reason": "dose", "reason_version": 3,
            "expires_at": "2027-01-15T08:14:59.5Z",
            "guards": [{ "kind": "hold", "scope": "calendar" }],
        });
        held.as_object_mut().unwrap().extend(span.as_object().unwrap().clone());
        let told = told(&events);
        assert_eq!(told[0], held);
        held["index"] = json!(1);
        held["event"] = json!("confirmed");
        held["appointment_id"] = json!("appt_00000000000000000000000001");
        assert_eq!(told[1], held);
        held["index"] = json!(2);
        held["event"] = json!("moved");
        held["from"] = span;
        held["from"]["calendar_id"] = json!("cal_00000000000000000000000009");
        for gone in ["expires_at", "guards"] {
            held.as_object_mut().unwrap().remove(gone);
        }
        assert_eq!(told[2], held);
    }

    #[test]
    fn a_calendar_is_told_whole() {
        let mut definition = Definition::weekdays("Dr Ada Martin", "Europe/Paris");
        definition.reasons = vec![Reason::new("dose".parse().unwrap(), "Dose", 5)];
        let calendar = CalendarId::from_bits(2);
        let at = Timestamp::default();
        let told = told(&[Event::CalendarChanged {
            calendar,
            at,
            version: 6,
            definition: Box::new(definition),
        }]);
        let told = &told[0];
        assert_eq!((&told["event"], &told["version"]), (&json!("calendar_changed"), &json!(6)));
        let set = &told["calendar"];
        assert_eq!(set["weekly_hours"]["monday"], json!(["09:00-17:00"]));
        assert_eq!(set["reasons"][0]["duration_minutes"], json!(5));
        assert_eq!(set["time_zone"], json!("Europe/Paris"));
    }
}
