//! The HTTP part: it translates between HTTP and the engine, and decides nothing.
//!
//! In reading order:
//!
//! - `limits`: every bound, with its unit.
//! - `serve`: connections, from the listener to the graceful end; `pace` cuts off the slow.
//! - `router`: which path and method is which operation.
//! - `app`: one request, from its header to its answer.
//! - `request`, `answer` and `body`: reading headers, queries and bodies; writing answers.
//! - `problem` and `refusal`: every refusal, and which of the engine's becomes which.
//! - `local`, `cursor`, `dto`, `calendar_dto`, `event_dto`: instants, places in a list
//!   and JSON as clients see them.
//! - `calendars`, `slots`, `holds`, `appointments`, `events`, `backup`, `health`, `docs`:
//!   the operations.
//! - `openapi`: what the operations ask and answer, as a document.

pub(in crate::http) mod limits;
mod pace;
mod serve;

mod app;
mod router;

mod answer;
mod body;
mod problem;
mod refusal;
mod request;

mod calendar_dto;
mod cursor;
mod dto;
pub(crate) mod event_dto;
mod local;

mod appointments;
mod backup;
mod calendars;
mod docs;
mod events;
mod health;
mod holds;
mod slots;

mod openapi;

pub use limits::Limits;
pub use openapi::openapi;
pub use serve::serve;
