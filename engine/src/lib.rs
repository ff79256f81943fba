//! A booking engine for health appointments: find a slot, hold it for 15 minutes, confirm.
//! Never sold twice, never forgotten.
//!
//! The library runs on its host's tokio runtime. Each practitioner's calendar is an actor; a slot
//! is reserved lock-free by one compare-and-swap; everything acknowledged is durable in RocksDB.
//!
//! # What it is
//!
//! - [`Engine`] is the one handle. [`Engine::open`] takes a [`Config`]; requests are typed
//!   ([`HoldSlot`], [`OfHold`], [`MoveAppointment`], …).
//! - An [`Answer`] keeps two things apart: a [`Rejection`] is a documented refusal that callers
//!   act upon (the slot is taken, the hold has expired); an [`Error`] is a failure of the engine.
//! - A command may carry a [`CommandKey`]. Its journaled outcome is remembered for 24 hours: a
//!   repeat gets the first outcome, also after a crash.
//! - [`Engine::feed`] gives everything that happened, in order, resumable.
//!
//! # What it is not
//!
//! It knows no names, contacts or documents: persons are opaque ids. It sends no mail, asks for no
//! payment and checks no identity. It runs on one machine.
//!
//! # What is guaranteed
//!
//! - No lane of a slot is ever held or booked twice at the same time.
//! - What was acknowledged survives a crash of the process and the loss of power, as far as the
//!   disk keeps what it synced.
//! - A hold ends at its deadline, by an event within a second of it; a confirm before the deadline
//!   succeeds.
//! - A move takes the new slot and frees the old one in one step.
//! - Answers rest on what is durable. Only slot listings, and [`Rejection::SlotTaken`] while an
//!   overlapping attempt is under way, are advisory.
//!
//! # Limits
//!
//! 128 grid steps in a reservation, 1,000 lanes, 730 days of horizon, 100 reasons, 2 million
//! calendars; all of them in [`limits`]. What may be under way is in [`Config`].
//!
//! # Example
//!
//! See [`Engine`], and `examples/embed.rs` for a whole service.
//!
//! # Modules in reading order
//!
//! [`booking`] is the pure core, [`journal`] what is written, [`storage`] where, [`audit`] whether
//! it is sound. The rest is behind [`Engine`]; `docs/architecture.md` walks through it.

pub mod audit;
pub mod booking;
pub mod campaign;
pub mod journal;
pub mod limits;
pub mod storage;
#[cfg(any(test, feature = "testing"))]
pub mod testing;

mod config;
mod engine;
mod error;
mod ids;
#[cfg(all(test, creneau_shuttle))]
mod interleavings;
mod metrics;
mod opening;
mod planted;
mod readers;
mod recovery;
mod request;
mod runtime;
mod time;

pub use booking::{
    Absence, Agenda, Block, By, Change, Channel, DayException, Definition, Details, Edge, Event,
    Fee, Guard, GuardScope, Holiday, HolidayCalendar, InLine, Interval, Joined, LinkOf, Location,
    Mark, Offer, Part, Practitioner, Profile, PublicHolidays, Reason, Registration, Rejection,
    Review, ReviewReply, Rules, Schedule, Sector, Slot, Standing, Template, Visit, Waiting,
    WeeklyHours, Wish,
};
pub use config::{Config, Place};
pub use engine::{Engine, Environment, Status};
#[cfg(feature = "rocksdb")]
pub use engine::{back_up, contact, inspect, restore};
pub use error::{Answer, Error};
pub use ids::*;
pub use journal::Sequence;
pub use metrics::{Counted, Histogram, Metrics, Refused};
pub use opening::{Opening, OpeningStage};
#[cfg(feature = "planted")]
pub use planted::Bug;

/// Whether bugs can be planted in this build, by the variable `CRENEAU_PLANTED`.
#[doc(hidden)]
pub const PLANTED: bool = cfg!(feature = "planted");
pub use request::*;
pub use runtime::{Feed, FeedEntry};
pub use time::{Clock, SystemWallClock, Timestamp, WallClock};
