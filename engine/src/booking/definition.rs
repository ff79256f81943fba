//! What a practitioner or a centre sets about its calendar, and the rules that it must meet.

use jiff::tz::TimeZone;
use rkyv::{Archive, Deserialize, Serialize};

use super::absence::{Absence, Edge};
use super::agenda::Agenda;
use super::grid::Grid;
use super::hours::{DayException, WeeklyHours, normalised};
use super::rejection::Rejection;
use super::rules::Rules;
use super::schedule::{Opening, later, midnight};
use super::seldom::Seldom;
use crate::ids::ReasonId;
use crate::limits;

/// Who is seen.
#[derive(Archive, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct Practitioner {
    /// The name that patients read.
    pub name: String,
    /// The specialty, in the host's own words.
    pub specialty: Option<String>,
}

/// Where.
#[derive(Archive, Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct Location {
    /// The name that patients read.
    pub name: String,
    /// The postal address.
    pub address: Option<String>,
    /// Degrees north, -90 to 90.
    pub lat: Option<f64>,
    /// Degrees east, -180 to 180.
    pub lon: Option<f64>,
    /// The department, in the host's own words ("75", "2A", "971").
    pub department: Option<String>,
}

/// Why someone comes, and how long it takes.
#[derive(Archive, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// Its name within the calendar.
    pub id: ReasonId,
    /// The name that patients read.
    pub name: String,
    /// Minutes from start to end.
    pub duration_minutes: u16,
    /// Minutes after the end in which the lane stays occupied. They lie within the opening too.
    pub buffer_minutes: u16,
    /// The calendar's version at which this reason last changed. The engine sets it.
    pub version: u32,
    /// Who may book it, how, and when.
    #[rkyv(with = Seldom)]
    pub rules: Rules,
}

impl Reason {
    /// Minutes that the lane is occupied.
    #[must_use]
    pub const fn occupied_minutes(&self) -> u16 {
        self.duration_minutes.saturating_add(self.buffer_minutes)
    }
}

/// All that is set about a calendar. The rules of each field are in [`Definition::checked`].
#[derive(Archive, Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct Definition {
    /// What the calendar is called elsewhere; unique in the engine.
    pub external_id: Option<String>,
    /// Who is seen; none for a centre.
    pub practitioner: Option<Practitioner>,
    /// Where.
    pub location: Location,
    /// The IANA name of the zone in which the hours are written.
    pub time_zone: String,
    /// The grid, in minutes: a divisor of 60.
    pub grid_minutes: u8,
    /// How many can be seen at once, 1 to 1,000.
    pub lanes: u16,
    /// Why people come; at least one.
    pub reasons: Vec<Reason>,
    /// The hours of each week.
    pub weekly_hours: WeeklyHours,
    /// Dates with other hours than the week has; also on public holidays.
    pub exceptions: Vec<DayException>,
    /// Days that can be booked ahead, after today.
    pub horizon_days: u16,
    /// What goes beyond the hours of each week.
    #[rkyv(with = Seldom)]
    pub agenda: Agenda,
}

/// 2026-01-01T00:00:00Z.
const GRID_ANCHORED_AT: jiff::Timestamp = jiff::Timestamp::constant(1_767_225_600, 0);

pub(super) fn invalid(field: impl Into<String>, rule: impl Into<String>) -> Rejection {
    Rejection::Invalid { field: field.into(), rule: rule.into() }
}

pub(super) fn check_text(field: &str, text: &str, bytes_max: usize) -> Result<(), Rejection> {
    if text.trim().is_empty() {
        return Err(invalid(field, "must not be empty"));
    }
    if bytes_max < text.len() {
        return Err(invalid(field, format!("must be at most {bytes_max} bytes")));
    }
    if text.chars().any(char::is_control) {
        return Err(invalid(field, "must not contain control characters"));
    }
    Ok(())
}

fn check_rules(place: usize, rules: &Rules) -> Result<(), Rejection> {
    let field = |name: &str| format!("reasons[{place}].{name}");
    if limits::NOTICE_MINUTES_MAX < rules.notice_minutes {
        let rule = format!("must be at most {}", limits::NOTICE_MINUTES_MAX);
        return Err(invalid(field("notice_minutes"), rule));
    }
    if rules.ahead_days.is_some_and(|days| limits::HORIZON_DAYS_MAX < days) {
        let rule = format!("must be at most {}", limits::HORIZON_DAYS_MAX);
        return Err(invalid(field("ahead_days"), rule));
    }
    if rules.per_day == Some(0) {
        return Err(invalid(field("per_day"), "must be at least 1"));
    }
    match &rules.instructions {
        Some(text) => check_text(&field("instructions"), text, limits::INSTRUCTIONS_BYTES_MAX),
        None => Ok(()),
    }
}

/// The rules of a location; `within` is what its fields begin with.
pub(super) fn check_location(within: &str, location: &Location) -> Result<(), Rejection> {
    let field = |name: &str| format!("{within}{name}");
    check_text(&field("name"), &location.name, limits::NAME_BYTES_MAX)?;
    if let Some(address) = &location.address {
        check_text(&field("address"), address, limits::ADDRESS_BYTES_MAX)?;
    }
    if let Some(department) = &location.department {
        check_text(&field("department"), department, limits::TOKEN_BYTES_MAX)?;
    }
    for (name, degrees, most) in [("lat", location.lat, 90.0), ("lon", location.lon, 180.0)] {
        // Written so that what is not a number fails too.
        if degrees.is_some_and(|degrees| !(-most..=most).contains(&degrees)) {
            return Err(invalid(field(name), format!("must be -{most} to {most}")));
        }
    }
    Ok(())
}

impl Definition {
    /// The definition with its hours in order, or the first rule that it breaks.
    ///
    /// # Errors
    ///
    /// [`Rejection::Invalid`] with the field and the rule.
    pub fn checked(mut self) -> Result<Self, Rejection> {
        self.check_names()?;
        self.grid()?;
        if self.lanes == 0 || limits::LANES_MAX < self.lanes {
            return Err(invalid("lanes", format!("must be 1 to {}", limits::LANES_MAX)));
        }
        if self.horizon_days == 0 || limits::HORIZON_DAYS_MAX < self.horizon_days {
            let rule = format!("must be 1 to {}", limits::HORIZON_DAYS_MAX);
            return Err(invalid("horizon_days", rule));
        }
        self.check_reasons()?;
        self.check_hours()?;
        self.check_reminders()?;
        if limits::TABLE_BITS_MAX < self.table_bits() {
            let rule = format!(
                "times days times steps of a day must be at most {}",
                limits::TABLE_BITS_MAX
            );
            return Err(invalid("lanes", rule));
        }
        for day in &mut self.weekly_hours.days {
            *day = normalised(std::mem::take(day));
        }
        let templates = std::mem::take(&mut self.agenda.templates).into_iter().enumerate();
        self.agenda.templates =
            templates.map(|(place, it)| it.checked(place)).collect::<Result<_, _>>()?;
        self.agenda.public_holidays = std::mem::take(&mut self.agenda.public_holidays).checked()?;
        self.agenda.reminders_minutes.sort_unstable_by(|one, other| other.cmp(one));
        for exception in &mut self.exceptions {
            exception.hours = normalised(std::mem::take(&mut exception.hours));
        }
        self.exceptions.sort_by_key(|exception| exception.date);
        Ok(self)
    }

    /// Bits of the slot table that this definition needs.
    #[must_use]
    pub fn table_bits(&self) -> u64 {
        let slack = u64::from(limits::TABLE_SLACK_DAYS) + u64::from(self.reach_days());
        let days = u64::from(self.horizon_days) + 1 + slack;
        let steps_per_day = 1_440 / u64::from(self.grid_minutes.max(1));
        u64::from(self.lanes) * days * steps_per_day
    }

    /// Days that the longest reservation can reach beyond the day on which it starts.
    #[must_use]
    pub fn reach_days(&self) -> u16 {
        let minutes = limits::STEPS_PER_RESERVATION_MAX * u16::from(self.grid_minutes);
        minutes.div_ceil(1_440)
    }

    /// The zone of the hours.
    ///
    /// # Errors
    ///
    /// [`Rejection::Invalid`] when there is no zone of that name.
    pub fn zone(&self) -> Result<TimeZone, Rejection> {
        TimeZone::get(&self.time_zone).map_err(|_| {
            invalid("time_zone", "must be the IANA name of a time zone, such as Europe/Paris")
        })
    }

    /// The grid, anchored in the zone.
    ///
    /// # Errors
    ///
    /// [`Rejection::Invalid`] when there is no such zone or the grid does not divide 60.
    pub fn grid(&self) -> Result<Grid, Rejection> {
        let zone = self.zone()?;
        // A fixed instant, so that a grid never shifts: what counts is the offset within an hour,
        // and that changes with the seasons in zones that shift by half an hour only. A recent
        // one, because some zones have changed theirs since 1970, as Nepal did.
        let offset = zone.to_offset(GRID_ANCHORED_AT).seconds() / 60;
        Grid::new(self.grid_minutes, offset)
            .ok_or_else(|| invalid("grid_minutes", "must divide 60"))
    }

    /// What the absences close, in order, none touching the next.
    ///
    /// # Errors
    ///
    /// [`Rejection::Invalid`] when there is no such zone.
    pub(super) fn closed(&self) -> Result<Vec<Opening>, Rejection> {
        let zone = self.zone()?;
        let absences = self.agenda.absences.iter();
        let mut all: Vec<_> = absences.filter_map(|it| closed(it, &zone)).collect();
        all.sort_unstable_by_key(|stretch| stretch.start);
        let mut merged: Vec<Opening> = Vec::with_capacity(all.len());
        for stretch in all {
            match merged.last_mut() {
                Some(last) if stretch.start <= last.end => last.end = last.end.max(stretch.end),
                _ => merged.push(stretch),
            }
        }
        Ok(merged)
    }

    /// The reason of this name.
    #[must_use]
    pub fn reason(&self, id: &ReasonId) -> Option<&Reason> {
        self.reasons.iter().find(|reason| reason.id == *id)
    }

    fn check_names(&self) -> Result<(), Rejection> {
        if let Some(id) = &self.external_id {
            check_text("external_id", id, limits::EXTERNAL_ID_BYTES_MAX)?;
        }
        if let Some(practitioner) = &self.practitioner {
            check_text("practitioner.name", &practitioner.name, limits::NAME_BYTES_MAX)?;
            if let Some(specialty) = &practitioner.specialty {
                check_text("practitioner.specialty", specialty, limits::NAME_BYTES_MAX)?;
            }
        }
        check_location("location.", &self.location)
    }

    fn check_reasons(&self) -> Result<(), Rejection> {
        if self.reasons.is_empty() || limits::REASONS_MAX < self.reasons.len() {
            let rule = format!("must be 1 to {} reasons", limits::REASONS_MAX);
            return Err(invalid("reasons", rule));
        }
        for (place, reason) in self.reasons.iter().enumerate() {
            check_text(&format!("reasons[{place}].name"), &reason.name, limits::NAME_BYTES_MAX)?;
            if self.reasons.iter().take(place).any(|other| other.id == reason.id) {
                return Err(invalid(format!("reasons[{place}].id"), "must not stand twice"));
            }
            let longest =
                u32::from(self.grid_minutes) * u32::from(limits::STEPS_PER_RESERVATION_MAX);
            let minutes = u32::from(reason.duration_minutes) + u32::from(reason.buffer_minutes);
            if reason.duration_minutes == 0 || longest < minutes {
                let rule = format!("must be at least 1, and with its buffer at most {longest}");
                return Err(invalid(format!("reasons[{place}].duration_minutes"), rule));
            }
            check_rules(place, &reason.rules)?;
            if reason.rules.dose.is_some() && self.agenda.place.is_none() {
                let rule = "must not be there without place: doses are kept there";
                return Err(invalid(format!("reasons[{place}].dose"), rule));
            }
        }
        Ok(())
    }

    fn check_reminders(&self) -> Result<(), Rejection> {
        let reminders = &self.agenda.reminders_minutes;
        if limits::REMINDERS_MAX < reminders.len() {
            let rule = format!("must be at most {}", limits::REMINDERS_MAX);
            return Err(invalid("reminders_minutes", rule));
        }
        for (place, minutes) in reminders.iter().enumerate() {
            let field = || format!("reminders_minutes[{place}]");
            if *minutes == 0 || limits::REMINDER_MINUTES_MAX < *minutes {
                let rule = format!("must be 1 to {}", limits::REMINDER_MINUTES_MAX);
                return Err(invalid(field(), rule));
            }
            if reminders.iter().take(place).any(|other| other == minutes) {
                return Err(invalid(field(), "must not stand twice"));
            }
        }
        Ok(())
    }

    fn check_hours(&self) -> Result<(), Rejection> {
        let too_many = |count: usize| limits::INTERVALS_PER_DAY_MAX < count;
        let rule = || format!("must be at most {} intervals", limits::INTERVALS_PER_DAY_MAX);
        if self.weekly_hours.days.iter().any(|day| too_many(day.len())) {
            return Err(invalid("weekly_hours", rule()));
        }
        if limits::EXCEPTIONS_MAX < self.exceptions.len() {
            let rule = format!("must be at most {}", limits::EXCEPTIONS_MAX);
            return Err(invalid("exceptions", rule));
        }
        let mut dates = std::collections::BTreeSet::new();
        for (place, exception) in self.exceptions.iter().enumerate() {
            if too_many(exception.hours.len()) {
                return Err(invalid(format!("exceptions[{place}].hours"), rule()));
            }
            if !dates.insert(exception.date) {
                return Err(invalid(format!("exceptions[{place}].date"), "must not stand twice"));
            }
        }
        let Agenda { templates, absences, change_until_minutes, overflow_lanes, .. } = &self.agenda;
        if limits::OVERFLOW_LANES_MAX < *overflow_lanes {
            let rule = format!("must be at most {}", limits::OVERFLOW_LANES_MAX);
            return Err(invalid("overflow_lanes", rule));
        }
        if limits::CHANGE_UNTIL_MINUTES_MAX < *change_until_minutes {
            let rule = format!("must be at most {}", limits::CHANGE_UNTIL_MINUTES_MAX);
            return Err(invalid("change_until_minutes", rule));
        }
        if limits::TEMPLATES_MAX < templates.len() {
            return Err(invalid("templates", format!("must be at most {}", limits::TEMPLATES_MAX)));
        }
        if limits::ABSENCES_MAX < absences.len() {
            return Err(invalid("absences", format!("must be at most {}", limits::ABSENCES_MAX)));
        }
        let zone = self.zone()?;
        for (place, absence) in absences.iter().enumerate() {
            if let Some(label) = &absence.label {
                check_text(&format!("absences[{place}].label"), label, limits::NAME_BYTES_MAX)?;
            }
            if closed(absence, &zone).is_none() {
                let rule = "must come after from; a date counts with all of it";
                return Err(invalid(format!("absences[{place}].until"), rule));
            }
        }
        Ok(())
    }
}

/// The stretch that an absence closes; none where it ends before it begins.
pub(super) fn closed(absence: &Absence, zone: &TimeZone) -> Option<Opening> {
    let start = match absence.from {
        Edge::Date(date) => midnight(zone, date.to_jiff()),
        Edge::Instant(instant) => instant,
    };
    let end = match absence.until {
        Edge::Date(date) => midnight(zone, later(date.to_jiff(), 1)),
        Edge::Instant(instant) => instant,
    };
    (start < end).then_some(Opening { start, end })
}
