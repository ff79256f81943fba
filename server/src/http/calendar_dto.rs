//! Calendars as clients write and read them.

use creneau::{
    Agenda, CalendarInfo, Change, DayException, Definition, Interval, Location, Outside, OutsideId,
    PlaceId, Practitioner, PractitionerId, PublicHolidays, Reason, ReasonId, Rules, WeeklyHours,
};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use super::agenda_dto::{AbsenceJson, HolidaysJson, TemplateJson};
use super::by_dto::{self, RulesJson};
use super::dto::Text;
use super::local::{Day, Local, Zone};
use super::openapi::texts;

/// What a grid, a number of lanes and a horizon are where the request says nothing.
const GRID_MINUTES: u8 = 5;
const LANES: u16 = 1;
const HORIZON_DAYS: u16 = 90;

/// A calendar to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CalendarRequest)]
pub(super) struct CalendarAsked {
    /// What the calendar is called elsewhere; unique; at most 128 bytes.
    #[serde(default)]
    #[schema(value_type = Option<texts::ExternalId>)]
    external_id: Option<String>,
    /// Who is seen; left out for a centre.
    #[serde(default)]
    practitioner: Option<PractitionerJson>,
    location: LocationJson,
    #[schema(value_type = texts::TimeZone)]
    time_zone: String,
    /// The step on which appointments start, in minutes: a divisor of 60; 5 if left out.
    #[serde(default)]
    #[schema(value_type = Option<texts::GridMinutes>)]
    grid_minutes: Option<u8>,
    /// How many people can be seen at once; 1 if left out.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 1000)]
    lanes: Option<u16>,
    /// Why people come; each `id` once.
    #[schema(min_items = 1, max_items = 100)]
    reasons: Vec<ReasonJson>,
    weekly_hours: WeekJson,
    /// Weeks that count beside `weekly_hours`: for a while, or every so many weeks.
    #[serde(default)]
    #[schema(max_items = 50)]
    templates: Vec<TemplateJson>,
    /// Dates with hours of their own, also on public holidays; each date once.
    #[serde(default)]
    #[schema(max_items = 1000)]
    exceptions: Vec<ExceptionJson>,
    /// When nothing is open, whatever else is set.
    #[serde(default)]
    #[schema(max_items = 1000)]
    absences: Vec<AbsenceJson>,
    /// None are kept if left out.
    #[serde(default)]
    public_holidays: Option<HolidaysJson>,
    /// An appointment can be moved or cancelled until so many minutes before its start; by the
    /// practice until it begins. 0 if left out.
    #[serde(default)]
    #[schema(maximum = 43_200)]
    change_until_minutes: u32,
    /// Lanes beside the others, in which the practice alone books.
    #[serde(default)]
    #[schema(maximum = 100)]
    overflow_lanes: u16,
    /// How often a patient may hold a slot again of which a hold of theirs has expired; without end
    /// if left out.
    #[serde(default)]
    holds_again: Option<u8>,
    /// How many minutes before an appointment its patient is to be reminded of it, each once; see
    /// `GET /v1/due`.
    #[serde(default)]
    #[schema(value_type = Vec<texts::ReminderMinutes>, max_items = 8)]
    reminders_minutes: Vec<u32>,
    /// Who is seen, by the id of a practitioner that was added.
    #[serde(default)]
    #[schema(value_type = Option<texts::PractitionerId>)]
    practitioner_id: Option<Text<PractitionerId>>,
    /// Where, by the id of a place that was added.
    #[serde(default)]
    #[schema(value_type = Option<texts::PlaceId>)]
    place_id: Option<Text<PlaceId>>,
    /// Days after today that can be booked; 90 if left out.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 730)]
    horizon_days: Option<u16>,
}

/// What is to be changed of a calendar: each field that is named is replaced as a whole. A field
/// that is null is refused, because it could mean "leave it" as well as "empty it".
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CalendarChange)]
pub(super) struct ChangeAsked {
    /// The hours of a week; a weekday that is left out is closed.
    #[serde(default, deserialize_with = "some")]
    #[schema(nullable = false)]
    weekly_hours: Option<WeekJson>,
    /// Weeks that count beside `weekly_hours`: for a while, or every so many weeks.
    #[serde(default, deserialize_with = "some")]
    #[schema(max_items = 50, nullable = false)]
    templates: Option<Vec<TemplateJson>>,
    /// Dates with hours of their own, also on public holidays; each date once.
    #[serde(default, deserialize_with = "some")]
    #[schema(max_items = 1000, nullable = false)]
    exceptions: Option<Vec<ExceptionJson>>,
    /// When nothing is open, whatever else is set.
    #[serde(default, deserialize_with = "some")]
    #[schema(max_items = 1000, nullable = false)]
    absences: Option<Vec<AbsenceJson>>,
    /// The calendar `none` ends the keeping of any.
    #[serde(default, deserialize_with = "some")]
    #[schema(nullable = false)]
    public_holidays: Option<HolidaysJson>,
    /// How many minutes before an appointment its patient is to be reminded of it, each once. It
    /// counts for what stands, too.
    #[serde(default, deserialize_with = "some")]
    #[schema(value_type = Option<Vec<texts::ReminderMinutes>>, max_items = 8, nullable = false)]
    reminders_minutes: Option<Vec<u32>>,
    /// Who is seen, by the id of a practitioner that was added.
    #[serde(default, deserialize_with = "some")]
    #[schema(value_type = Option<texts::PractitionerId>, nullable = false)]
    practitioner_id: Option<Text<PractitionerId>>,
    /// Where, by the id of a place that was added.
    #[serde(default, deserialize_with = "some")]
    #[schema(value_type = Option<texts::PlaceId>, nullable = false)]
    place_id: Option<Text<PlaceId>>,
    /// Why people come; each `id` once.
    #[serde(default, deserialize_with = "some")]
    #[schema(min_items = 1, max_items = 100, nullable = false)]
    reasons: Option<Vec<ReasonJson>>,
    /// How many people can be seen at once.
    #[serde(default, deserialize_with = "some")]
    #[schema(minimum = 1, maximum = 1000, nullable = false)]
    lanes: Option<u16>,
    /// An appointment can be moved or cancelled until so many minutes before its start.
    #[serde(default, deserialize_with = "some")]
    #[schema(maximum = 43_200, nullable = false)]
    change_until_minutes: Option<u32>,
    /// Lanes beside the others, in which the practice alone books.
    #[serde(default, deserialize_with = "some")]
    #[schema(maximum = 100, nullable = false)]
    overflow_lanes: Option<u16>,
    /// How often a patient may hold a slot again of which a hold of theirs has expired; null for
    /// without end.
    #[serde(default, deserialize_with = "some")]
    #[schema(value_type = Option<u8>)]
    holds_again: Option<Option<u8>>,
    /// Days after today that can be booked.
    #[serde(default, deserialize_with = "some")]
    #[schema(minimum = 1, maximum = 730, nullable = false)]
    horizon_days: Option<u16>,
}

fn some<'de, T: Deserialize<'de>, D: Deserializer<'de>>(json: D) -> Result<Option<T>, D::Error> {
    T::deserialize(json).map(Some)
}

/// Who is seen.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Practitioner)]
pub(super) struct PractitionerJson {
    #[schema(value_type = texts::Name)]
    pub(super) name: String,
    /// In the host's own words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<texts::Name>)]
    pub(super) specialty: Option<String>,
}

/// Where people are seen.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Location)]
pub(super) struct LocationJson {
    #[schema(value_type = texts::Name)]
    pub(super) name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<texts::Address>)]
    pub(super) address: Option<String>,
    /// Degrees north.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = -90, maximum = 90)]
    pub(super) lat: Option<f64>,
    /// Degrees east.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = -180, maximum = 180)]
    pub(super) lon: Option<f64>,
    /// In the host's own words, such as `75`, `2A` or `971`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<texts::Department>)]
    pub(super) department: Option<String>,
}

/// Why someone comes. Its duration and its buffer together take at most 128 steps of the grid.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Reason)]
struct ReasonJson {
    #[schema(value_type = texts::ReasonId)]
    id: Text<ReasonId>,
    #[schema(value_type = texts::Name)]
    name: String,
    /// From its start to its end.
    #[schema(minimum = 1, maximum = 7680)]
    duration_minutes: u16,
    /// Minutes after its end for which its lane stays occupied.
    #[serde(default)]
    #[schema(maximum = 7679)]
    buffer_minutes: u16,
    /// Who may book it, how, and when; anyone in person if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rules: Option<RulesJson>,
}

/// The hours of a week, in local time. A day that is left out is closed.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = WeeklyHours)]
pub(super) struct WeekJson {
    #[serde(default)]
    #[schema(value_type = Vec<texts::Hours>, max_items = 24)]
    monday: Vec<Text<Interval>>,
    #[serde(default)]
    #[schema(value_type = Vec<texts::Hours>, max_items = 24)]
    tuesday: Vec<Text<Interval>>,
    #[serde(default)]
    #[schema(value_type = Vec<texts::Hours>, max_items = 24)]
    wednesday: Vec<Text<Interval>>,
    #[serde(default)]
    #[schema(value_type = Vec<texts::Hours>, max_items = 24)]
    thursday: Vec<Text<Interval>>,
    #[serde(default)]
    #[schema(value_type = Vec<texts::Hours>, max_items = 24)]
    friday: Vec<Text<Interval>>,
    #[serde(default)]
    #[schema(value_type = Vec<texts::Hours>, max_items = 24)]
    saturday: Vec<Text<Interval>>,
    #[serde(default)]
    #[schema(value_type = Vec<texts::Hours>, max_items = 24)]
    sunday: Vec<Text<Interval>>,
}

/// The hours of one date, in place of those of its weekday; none for a closed day.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ExceptionRequest)]
struct ExceptionJson {
    #[schema(value_type = texts::Date)]
    date: Text<Day>,
    #[schema(value_type = Vec<texts::Hours>, max_items = 24)]
    hours: Vec<Text<Interval>>,
}

/// The hours of one date, in place of those of its weekday; none for a closed day.
#[derive(Serialize, ToSchema)]
#[schema(as = Exception)]
pub(super) struct ExceptionBody {
    #[schema(value_type = texts::Date)]
    date: String,
    #[schema(value_type = Vec<texts::Hours>, max_items = 24)]
    hours: Vec<Text<Interval>>,
}

fn read_hours(hours: Vec<Text<Interval>>) -> Vec<Interval> {
    hours.into_iter().map(|Text(interval)| interval).collect()
}

fn write_hours(hours: &[Interval]) -> Vec<Text<Interval>> {
    hours.iter().copied().map(Text).collect()
}

impl From<WeekJson> for WeeklyHours {
    fn from(week: WeekJson) -> Self {
        let WeekJson { monday, tuesday, wednesday, thursday, friday, saturday, sunday } = week;
        let days = [monday, tuesday, wednesday, thursday, friday, saturday, sunday];
        Self { days: days.map(read_hours) }
    }
}

impl From<&WeeklyHours> for WeekJson {
    fn from(week: &WeeklyHours) -> Self {
        let [monday, tuesday, wednesday, thursday, friday, saturday, sunday] =
            week.days.each_ref().map(|hours| write_hours(hours));
        Self { monday, tuesday, wednesday, thursday, friday, saturday, sunday }
    }
}

impl From<&DayException> for ExceptionBody {
    fn from(exception: &DayException) -> Self {
        Self { date: exception.date.to_string(), hours: write_hours(&exception.hours) }
    }
}

impl From<ReasonJson> for Reason {
    fn from(reason: ReasonJson) -> Self {
        let ReasonJson { id: Text(id), name, duration_minutes, buffer_minutes, rules } = reason;
        let rules = rules.map(Rules::from).unwrap_or_default();
        // The engine sets the version.
        Self { id, name, duration_minutes, buffer_minutes, version: 0, rules }
    }
}

impl From<ExceptionJson> for DayException {
    fn from(exception: ExceptionJson) -> Self {
        let ExceptionJson { date: Text(Day(date)), hours } = exception;
        Self { date: date.into(), hours: read_hours(hours) }
    }
}

impl From<CalendarAsked> for Definition {
    fn from(asked: CalendarAsked) -> Self {
        let practitioner = asked
            .practitioner
            .map(|PractitionerJson { name, specialty }| Practitioner { name, specialty });
        Self {
            external_id: asked.external_id,
            practitioner,
            location: asked.location.into(),
            time_zone: asked.time_zone,
            grid_minutes: asked.grid_minutes.unwrap_or(GRID_MINUTES),
            lanes: asked.lanes.unwrap_or(LANES),
            reasons: each(asked.reasons),
            weekly_hours: asked.weekly_hours.into(),
            exceptions: each(asked.exceptions),
            horizon_days: asked.horizon_days.unwrap_or(HORIZON_DAYS),
            agenda: Agenda {
                templates: each(asked.templates),
                absences: each(asked.absences),
                public_holidays: asked
                    .public_holidays
                    .map(PublicHolidays::from)
                    .unwrap_or_default(),
                change_until_minutes: asked.change_until_minutes,
                overflow_lanes: asked.overflow_lanes,
                holds_again: asked.holds_again,
                reminders_minutes: asked.reminders_minutes,
                practitioner: asked.practitioner_id.map(|Text(id)| id),
                place: asked.place_id.map(|Text(id)| id),
            },
        }
    }
}

fn each<J, T: From<J>>(all: Vec<J>) -> Vec<T> {
    all.into_iter().map(T::from).collect()
}

impl From<LocationJson> for Location {
    fn from(asked: LocationJson) -> Self {
        let LocationJson { name, address, lat, lon, department } = asked;
        Self { name, address, lat, lon, department }
    }
}

impl From<Location> for LocationJson {
    fn from(location: Location) -> Self {
        let Location { name, address, lat, lon, department } = location;
        Self { name, address, lat, lon, department }
    }
}

impl From<ChangeAsked> for Change {
    fn from(asked: ChangeAsked) -> Self {
        Self {
            weekly_hours: asked.weekly_hours.map(WeeklyHours::from),
            templates: asked.templates.map(each),
            exceptions: asked.exceptions.map(each),
            absences: asked.absences.map(each),
            public_holidays: asked.public_holidays.map(PublicHolidays::from),
            reminders_minutes: asked.reminders_minutes,
            practitioner: asked.practitioner_id.map(|Text(id)| id),
            place: asked.place_id.map(|Text(id)| id),
            reasons: asked.reasons.map(each),
            lanes: asked.lanes,
            change_until_minutes: asked.change_until_minutes,
            overflow_lanes: asked.overflow_lanes,
            holds_again: asked.holds_again,
            block: None,
            horizon_days: asked.horizon_days,
        }
    }
}

/// A calendar.
#[derive(Serialize, ToSchema)]
#[schema(as = Calendar)]
pub(super) struct CalendarBody {
    #[schema(value_type = texts::CalendarId)]
    calendar_id: String,
    /// Counts the changes, from 1; it is the `ETag`.
    #[schema(minimum = 1)]
    version: u32,
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
    reasons: Vec<ReasonJson>,
    weekly_hours: WeekJson,
    #[schema(max_items = 50)]
    templates: Vec<TemplateJson>,
    /// In the order of their dates.
    #[schema(max_items = 1000)]
    exceptions: Vec<ExceptionBody>,
    #[schema(max_items = 1000)]
    absences: Vec<AbsenceJson>,
    public_holidays: HolidaysJson,
    /// An appointment can be moved or cancelled until so many minutes before its start.
    #[schema(maximum = 43_200)]
    change_until_minutes: u32,
    #[schema(maximum = 100)]
    overflow_lanes: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    holds_again: Option<u8>,
    /// The longest first.
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

impl From<CalendarInfo> for CalendarBody {
    fn from(info: CalendarInfo) -> Self {
        let CalendarInfo { id, version, definition } = info;
        let practitioner = definition
            .practitioner
            .map(|Practitioner { name, specialty }| PractitionerJson { name, specialty });
        let reason = |reason: Reason| {
            let Reason { id, name, duration_minutes, buffer_minutes, version: _, rules } = reason;
            let rules = by_dto::rules_of(&rules);
            ReasonJson { id: Text(id), name, duration_minutes, buffer_minutes, rules }
        };
        Self {
            calendar_id: id.to_string(),
            version,
            external_id: definition.external_id,
            practitioner,
            location: definition.location.into(),
            time_zone: definition.time_zone,
            grid_minutes: definition.grid_minutes,
            lanes: definition.lanes,
            reasons: definition.reasons.into_iter().map(reason).collect(),
            weekly_hours: WeekJson::from(&definition.weekly_hours),
            templates: definition.agenda.templates.iter().map(TemplateJson::from).collect(),
            exceptions: definition.exceptions.iter().map(ExceptionBody::from).collect(),
            absences: definition.agenda.absences.iter().map(AbsenceJson::from).collect(),
            public_holidays: HolidaysJson::from(&definition.agenda.public_holidays),
            change_until_minutes: definition.agenda.change_until_minutes,
            overflow_lanes: definition.agenda.overflow_lanes,
            holds_again: definition.agenda.holds_again,
            reminders_minutes: definition.agenda.reminders_minutes,
            practitioner_id: definition.agenda.practitioner.map(Text),
            place_id: definition.agenda.place.map(Text),
            horizon_days: definition.horizon_days,
        }
    }
}

/// A page of calendars.
#[derive(Serialize, ToSchema)]
pub(super) struct CalendarsPage {
    /// In the order of their ids.
    #[schema(max_items = 1000)]
    pub(super) calendars: Vec<CalendarBody>,
    /// The `cursor` of the next page, where there is more.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<texts::Cursor>, nullable = false)]
    pub(super) next: Option<String>,
}

/// A calendar after a change, and what now lies outside its hours.
#[derive(Serialize, ToSchema)]
#[schema(as = ChangedCalendar)]
pub(super) struct ChangedBody {
    #[serde(flatten)]
    pub(super) calendar: CalendarBody,
    /// What is not over and now lies outside the hours, by its start.
    pub(super) outside: Vec<OutsideBody>,
}

/// A hold or an appointment that lies outside the hours.
#[derive(Serialize, ToSchema)]
#[schema(as = Outside)]
pub(super) struct OutsideBody {
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<texts::HoldId>, nullable = false)]
    hold_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<texts::AppointmentId>, nullable = false)]
    appointment_id: Option<String>,
    #[schema(value_type = texts::LocalInstant)]
    start: Local,
    #[schema(value_type = texts::LocalInstant)]
    end: Local,
}

impl OutsideBody {
    pub(super) fn new(outside: &Outside, zone: &Zone) -> Self {
        let (hold_id, appointment_id) = match outside.booking {
            OutsideId::Hold(id) => (Some(id.to_string()), None),
            OutsideId::Appointment(id) => (None, Some(id.to_string())),
        };
        let (start, end) = (zone.local(outside.start), zone.local(outside.end));
        Self { hold_id, appointment_id, start, end }
    }
}
