//! Calendars as clients write and read them.

use creneau::{
    CalendarInfo, Change, DayException, Definition, Interval, Location, Outside, OutsideId,
    Practitioner, Reason, ReasonId, WeeklyHours,
};
use serde::{Deserialize, Deserializer, Serialize};

use super::dto::Text;
use super::local::{Day, Local, Zone};

/// What a grid, a number of lanes and a horizon are where the request says nothing.
const GRID_MINUTES: u8 = 5;
const LANES: u16 = 1;
const HORIZON_DAYS: u16 = 90;

/// `POST /v1/calendars`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CalendarAsked {
    #[serde(default)]
    external_id: Option<String>,
    #[serde(default)]
    practitioner: Option<PractitionerJson>,
    location: LocationJson,
    time_zone: String,
    #[serde(default)]
    grid_minutes: Option<u8>,
    #[serde(default)]
    lanes: Option<u16>,
    reasons: Vec<ReasonJson>,
    weekly_hours: WeekJson,
    #[serde(default)]
    exceptions: Vec<ExceptionJson>,
    #[serde(default)]
    horizon_days: Option<u16>,
}

/// `PATCH /v1/calendars/{id}`. A field that is null is refused: it could mean "leave it" as well
/// as "empty it".
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ChangeAsked {
    #[serde(default, deserialize_with = "some")]
    weekly_hours: Option<WeekJson>,
    #[serde(default, deserialize_with = "some")]
    exceptions: Option<Vec<ExceptionJson>>,
    #[serde(default, deserialize_with = "some")]
    reasons: Option<Vec<ReasonJson>>,
    #[serde(default, deserialize_with = "some")]
    lanes: Option<u16>,
    #[serde(default, deserialize_with = "some")]
    horizon_days: Option<u16>,
}

fn some<'de, T: Deserialize<'de>, D: Deserializer<'de>>(json: D) -> Result<Option<T>, D::Error> {
    T::deserialize(json).map(Some)
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PractitionerJson {
    pub(super) name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) specialty: Option<String>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LocationJson {
    pub(super) name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) address: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) lat: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) lon: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) department: Option<String>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct ReasonJson {
    id: Text<ReasonId>,
    name: String,
    duration_minutes: u16,
    #[serde(default)]
    buffer_minutes: u16,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WeekJson {
    #[serde(default)]
    monday: Vec<Text<Interval>>,
    #[serde(default)]
    tuesday: Vec<Text<Interval>>,
    #[serde(default)]
    wednesday: Vec<Text<Interval>>,
    #[serde(default)]
    thursday: Vec<Text<Interval>>,
    #[serde(default)]
    friday: Vec<Text<Interval>>,
    #[serde(default)]
    saturday: Vec<Text<Interval>>,
    #[serde(default)]
    sunday: Vec<Text<Interval>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExceptionJson {
    date: Text<Day>,
    hours: Vec<Text<Interval>>,
}

#[derive(Serialize)]
pub(super) struct ExceptionBody {
    date: String,
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
        let ReasonJson { id: Text(id), name, duration_minutes, buffer_minutes } = reason;
        // The engine sets the version.
        Self { id, name, duration_minutes, buffer_minutes, version: 0 }
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
        let LocationJson { name, address, lat, lon, department } = asked.location;
        Self {
            external_id: asked.external_id,
            practitioner,
            location: Location { name, address, lat, lon, department },
            time_zone: asked.time_zone,
            grid_minutes: asked.grid_minutes.unwrap_or(GRID_MINUTES),
            lanes: asked.lanes.unwrap_or(LANES),
            reasons: asked.reasons.into_iter().map(Reason::from).collect(),
            weekly_hours: asked.weekly_hours.into(),
            exceptions: asked.exceptions.into_iter().map(DayException::from).collect(),
            horizon_days: asked.horizon_days.unwrap_or(HORIZON_DAYS),
        }
    }
}

impl From<ChangeAsked> for Change {
    fn from(asked: ChangeAsked) -> Self {
        let ChangeAsked { weekly_hours, exceptions, reasons, lanes, horizon_days } = asked;
        Self {
            weekly_hours: weekly_hours.map(WeeklyHours::from),
            exceptions: exceptions.map(|all| all.into_iter().map(DayException::from).collect()),
            reasons: reasons.map(|all| all.into_iter().map(Reason::from).collect()),
            lanes,
            horizon_days,
        }
    }
}

/// A calendar.
#[derive(Serialize)]
pub(super) struct CalendarBody {
    calendar_id: String,
    version: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    external_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    practitioner: Option<PractitionerJson>,
    location: LocationJson,
    time_zone: String,
    grid_minutes: u8,
    lanes: u16,
    reasons: Vec<ReasonJson>,
    weekly_hours: WeekJson,
    exceptions: Vec<ExceptionBody>,
    horizon_days: u16,
}

impl From<CalendarInfo> for CalendarBody {
    fn from(info: CalendarInfo) -> Self {
        let CalendarInfo { id, version, definition } = info;
        let practitioner = definition
            .practitioner
            .map(|Practitioner { name, specialty }| PractitionerJson { name, specialty });
        let Location { name, address, lat, lon, department } = definition.location;
        let reason = |reason: Reason| {
            let Reason { id, name, duration_minutes, buffer_minutes, version: _ } = reason;
            ReasonJson { id: Text(id), name, duration_minutes, buffer_minutes }
        };
        Self {
            calendar_id: id.to_string(),
            version,
            external_id: definition.external_id,
            practitioner,
            location: LocationJson { name, address, lat, lon, department },
            time_zone: definition.time_zone,
            grid_minutes: definition.grid_minutes,
            lanes: definition.lanes,
            reasons: definition.reasons.into_iter().map(reason).collect(),
            weekly_hours: WeekJson::from(&definition.weekly_hours),
            exceptions: definition.exceptions.iter().map(ExceptionBody::from).collect(),
            horizon_days: definition.horizon_days,
        }
    }
}

/// A page of calendars.
#[derive(Serialize)]
pub(super) struct CalendarsPage {
    pub(super) calendars: Vec<CalendarBody>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next: Option<String>,
}

/// A calendar after a change, and what now lies outside its hours.
#[derive(Serialize)]
pub(super) struct ChangedBody {
    #[serde(flatten)]
    pub(super) calendar: CalendarBody,
    pub(super) outside: Vec<OutsideBody>,
}

/// A hold or an appointment that lies outside the hours.
#[derive(Serialize)]
pub(super) struct OutsideBody {
    #[serde(skip_serializing_if = "Option::is_none")]
    hold_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    appointment_id: Option<String>,
    start: Local,
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
