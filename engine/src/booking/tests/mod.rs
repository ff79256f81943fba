//! Tests of the pure core.
//!
//! - [`stories`]: what a practice and its patients live through, told to a [`world`].
//! - [`practice`]: the rules of reasons, relatives, and until when something can be changed.
//! - [`running`]: renewals, marks, delays, blocked time, overflow and offers.
//! - [`changes`]: what is set again under bookings that stay.
//! - [`clocks`]: hours as instants, over the nights on which clocks change and overseas.
//! - [`broken`]: what the invariants say of what no command brings about.
//! - [`edges`]: the limits of what can be set.
//! - [`laws`]: random [`acts`] against a [`naive`] telling of the same rules, and of what a
//!   practice does beside ([`naive_practice`]), and of waiting lists ([`naive_waiting`]).
//! - [`waiting`]: who waits for what, and what is offered to them.
//! - [`parts`]: bookings that occupy several calendars.

mod acts;
mod broken;
mod changes;
mod clocks;
mod edges;
mod laws;
mod naive;
mod naive_practice;
mod naive_waiting;
mod parts;
mod practice;
mod running;
mod stories;
mod waiting;
mod world;

use super::{Agenda, Definition, Event, Interval, Location, Reason, Rejection, Rules, WeeklyHours};
use crate::ids::ReasonId;

/// The intervals in `"08:00-12:00 14:00-18:00"`.
fn intervals(text: &str) -> Vec<Interval> {
    text.split_whitespace().map(|interval| interval.parse().unwrap()).collect()
}

/// The same hours every day.
fn daily(text: &str) -> WeeklyHours {
    WeeklyHours { days: std::array::from_fn(|_| intervals(text)) }
}

fn reason(id: &str, duration_minutes: u16, buffer_minutes: u16) -> Reason {
    let (id, name) = (ReasonId::new(id).unwrap(), id.to_owned());
    Reason { id, name, duration_minutes, buffer_minutes, version: 0, rules: Rules::default() }
}

/// A practice in Paris of one lane, on a grid of 5 minutes.
fn definition(hours: &str) -> Definition {
    Definition {
        external_id: None,
        practitioner: None,
        location: Location {
            name: "Cabinet".to_owned(),
            address: None,
            lat: None,
            lon: None,
            department: None,
        },
        time_zone: "Europe/Paris".to_owned(),
        grid_minutes: 5,
        lanes: 1,
        reasons: vec![reason("visit", 15, 0), reason("long", 30, 10), reason("odd", 12, 0)],
        weekly_hours: daily(hours),
        exceptions: Vec::new(),
        horizon_days: 30,
        agenda: Agenda::default(),
    }
}

/// What was decided, in a word for each event; "nothing" for none, a refusal by its name.
fn said(decided: &Result<Vec<Event>, Rejection>) -> String {
    fn name(value: &dyn std::fmt::Debug) -> String {
        format!("{value:?}").chars().take_while(char::is_ascii_alphanumeric).collect()
    }
    match decided {
        Err(rejection) => name(rejection),
        Ok(events) if events.is_empty() => "nothing".to_owned(),
        Ok(events) => {
            let names: Vec<String> = events.iter().map(|event| name(event)).collect();
            names.join(" ")
        }
    }
}
