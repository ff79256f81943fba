//! The pure core: what a calendar is, and what each command does to it.
//!
//! Nothing here is asynchronous, reads a clock, draws a random number or touches a disk. Time and
//! identifiers come in as arguments; what has happened goes out as [`Event`]s. In reading order:
//!
//! - [`grid`]: the steps on which appointments start.
//! - [`hours`] and [`agenda`], with [`template`], [`absence`] and [`holidays`], [`rules`], and
//!   [`definition`]: what a practitioner or a centre sets.
//! - [`schedule`]: those hours as instants, over the nights on which the clocks change.
//! - [`booking`]: what a hold and an appointment have in common.
//! - [`command`], [`event`], [`rejection`]: what is asked, what has happened, what is refused.
//! - [`register`]: what is kept beside calendars, and concerns none.
//! - [`calendar`]: the state, and how an event changes it. [`decide`] says which events.
//! - [`parts`], [`practice`], [`wishes`]: bookings on several calendars, what a practice does
//!   beside booking, and who waits for what.
//! - [`mod@line`]: who waits for a dose, and who comes first.
//! - [`doses`]: what bookings have to do with the doses of a [campaign](crate::campaign).
//! - [`invariants`]: what holds after every event.

pub mod grid;
pub mod hours;

pub mod absence;
pub mod agenda;
pub mod definition;
pub mod holidays;
pub mod rules;
pub mod schedule;
mod seldom;
pub mod template;

#[expect(clippy::module_inception, reason = "the noun is the module's own")]
pub mod booking;
pub mod command;
pub mod event;
pub mod register;
pub mod rejection;

pub mod calendar;
pub mod change;
pub mod decide;
pub mod doses;
pub mod invariants;
mod lapses;
pub mod line;
pub mod parts;
pub mod practice;
pub mod wishes;

pub use absence::{Absence, Block, Edge};
pub use agenda::Agenda;
pub use booking::{
    Booking, Channel, Details, Guard, GuardScope, Joined, Mark, Offer, Part, ReasonRef, Span,
};
pub use calendar::{Calendar, Ending, Late, Status};
pub use change::Change;
pub use command::Command;
pub use definition::{Definition, Location, Practitioner, Reason};
pub use event::{Event, Taken};
pub use grid::{Grid, Step, StepRange};
pub use holidays::{Holiday, HolidayCalendar, PublicHolidays};
pub use hours::{DayException, Interval, WeeklyHours};
pub use line::{InLine, Stocked, Turn};
pub use register::{Fee, LinkOf, Profile, Registration, Review, ReviewReply, Sector};
pub use rejection::{Rejection, Slot};
pub use rules::{By, Rules, Standing, Terms, Visit};
pub use schedule::Schedule;
pub use seldom::{Sparse, Unset};
pub use template::Template;
pub use wishes::{Freed, Waiting, Wish};

#[cfg(test)]
mod tests;
