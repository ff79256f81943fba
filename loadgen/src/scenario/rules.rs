//! The range of every number of a scenario, and what must go together.

use std::fmt::Display;
use std::ops::RangeInclusive;

use creneau::Interval;

use super::{Scenario, SpreadLaw};
use crate::api::Call;

/// Makes sure that a number lies within its range.
pub(super) fn within<T: PartialOrd + Display + Copy>(
    field: &str,
    value: T,
    range: RangeInclusive<T>,
) -> Result<(), String> {
    // What is not a number lies in no range.
    if range.contains(&value) {
        return Ok(());
    }
    Err(format!("{field} must be {} to {}, and is {value}", range.start(), range.end()))
}

/// Makes sure of something that takes words to say.
pub(super) fn must(holds: bool, field: &str, rule: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(format!("{field} {rule}")) }
}

impl Scenario {
    /// The first rule that a scenario breaks, with the field.
    pub(super) fn check(&self) -> Result<(), String> {
        must(!self.name.trim().is_empty(), "name", "must not be empty")?;
        must(self.name.len() <= 100, "name", "must be at most 100 bytes")?;
        within("in_flight_max", self.in_flight_max, 1..=100_000)?;
        self.check_phases()?;
        self.check_patients()?;
        self.check_calendars()?;
        self.check_client_and_server()?;
        self.check_thresholds()?;
        self.campaign.as_ref().map_or(Ok(()), |campaign| campaign.check(self))
    }

    fn check_phases(&self) -> Result<(), String> {
        must((1..=100).contains(&self.phases.len()), "phases", "must be 1 to 100")?;
        for (place, phase) in self.phases.iter().enumerate() {
            must(!phase.name.trim().is_empty(), &format!("phases[{place}].name"), "is empty")?;
            within(&format!("phases[{place}].seconds"), phase.seconds, 1..=86_400)?;
            within(&format!("phases[{place}].rate"), phase.rate, 0.0..=100_000.0)?;
        }
        let some = self.phases.iter().any(|phase| 0.0 < phase.rate);
        must(some, "phases", "must have a rate above 0 in one of them")
    }

    fn check_patients(&self) -> Result<(), String> {
        let mix = &self.mix;
        let weights = [
            ("mix.look", mix.look),
            ("mix.book", mix.book),
            ("mix.release", mix.release),
            ("mix.abandon", mix.abandon),
            ("mix.cancel", mix.cancel),
            ("mix.move", mix.moving),
        ];
        for (field, weight) in weights {
            within(field, weight, 0..=1_000_000)?;
        }
        let some = weights.iter().any(|(_, weight)| 0 < *weight);
        must(some, "mix", "must have a weight above 0")?;
        within("habits.retry", self.habits.retry, 0.0..=1.0)?;
        within("habits.hang_up", self.habits.hang_up, 0.0..=1.0)?;
        within("habits.greedy", self.habits.greedy, 0.0..=1.0)?;
        within("habits.come_back", self.habits.come_back, 0..=100)?;
        within("think.min_ms", self.think.min_ms, 0..=3_600_000)?;
        within("think.max_ms", self.think.max_ms, self.think.min_ms..=3_600_000)?;
        let search = &self.search;
        within("search.days", search.days, 1..=731)?;
        within("search.slots", search.slots, 1..=1_000)?;
        within("search.tries", search.tries, 1..=100)?;
        within("search.first_day", search.first_day, 0..=729)?;
        within("search.last_day", search.last_day, search.first_day..=729)
    }

    fn check_calendars(&self) -> Result<(), String> {
        let calendars = &self.calendars;
        within("calendars.count", calendars.count, 1..=100_000)?;
        within("calendars.lanes", calendars.lanes, 1..=1_000)?;
        within("calendars.horizon_days", calendars.horizon_days, 1..=730)?;
        within("calendars.grid_minutes", calendars.grid_minutes, 1..=60)?;
        let divides = 60 % calendars.grid_minutes == 0;
        must(divides, "calendars.grid_minutes", "must divide 60")?;
        let longest = u16::from(calendars.grid_minutes) * 128;
        within("calendars.reason_minutes", calendars.reason_minutes, 1..=longest)?;
        let hours = &calendars.hours;
        must((1..=24).contains(&hours.len()), "calendars.hours", "must be 1 to 24")?;
        for (place, text) in hours.iter().enumerate() {
            let read = text.parse::<Interval>();
            read.map_err(|rule| format!("calendars.hours[{place}] {rule}"))?;
        }
        let zone = jiff::tz::TimeZone::get(&calendars.time_zone).is_ok();
        must(zone, "calendars.time_zone", "must be the IANA name of a time zone")?;
        let made = !calendars.use_existing || calendars.create_missing;
        let ahead = !made || self.search.last_day < calendars.horizon_days;
        must(ahead, "search.last_day", "must lie before calendars.horizon_days")?;
        if self.spread.law == SpreadLaw::Hot {
            within("spread.calendars", self.spread.calendars, 1..=calendars.count)?;
            within("spread.share", self.spread.share, 0.0..=1.0)?;
        }
        Ok(())
    }

    fn check_client_and_server(&self) -> Result<(), String> {
        within("client.connections", self.client.connections, 1..=20_000)?;
        within("client.timeout_ms", self.client.timeout_ms, 10..=60_000)?;
        within("client.resolve_seconds", self.client.resolve_seconds, 1..=600)?;
        if let Some(seconds) = self.server.hold_seconds {
            within("server.hold_seconds", seconds, 1..=86_400)?;
        }
        if let Some(nice) = self.server.nice {
            within("server.nice", nice, 0..=19)?;
        }
        if let Some(seconds) = self.server.kill_every_seconds {
            within("server.kill_every_seconds", seconds, 1..=3_600)?;
        }
        Ok(())
    }

    fn check_thresholds(&self) -> Result<(), String> {
        for (call, limit) in &self.thresholds.p99_ms {
            let field = format!("thresholds.p99_ms.{call}");
            must(*call != Call::Read, &field, "is no call of a patient")?;
            within(&field, *limit, 0.001..=600_000.0)?;
        }
        for (field, share) in [
            ("thresholds.error_share", self.thresholds.error_share),
            ("thresholds.dropped_share", self.thresholds.dropped_share),
        ] {
            if let Some(share) = share {
                within(field, share, 0.0..=1.0)?;
            }
        }
        Ok(())
    }
}
