//! The HTTP part: it translates between HTTP and the engine, and decides nothing.
//!
//! In reading order:
//!
//! - `limits` and `options`: every bound, with its unit; what a server is given.
//! - `serve`: connections, from the listener to the graceful end; `pace` cuts off the slow, `crowd`
//!   knows who gives way when there are too many, `turned_away` tells who gets no place, `tls` has
//!   the certificates.
//! - `access` and `rates`: who may do what, and how often.
//! - `front`: what every request passes: it is admitted, counted, logged, traced, and answered here
//!   while there is no engine yet.
//! - `router`, `campaign_operation`: which path and method is which operation.
//! - `app`: one request, from its header to its answer.
//! - `request`, `answer` and `body`: reading headers, queries and bodies; writing answers.
//! - `problem` and `refusal`: every refusal, and which of the engine's becomes which.
//! - `local`, `cursor`, `dto`, `calendar_dto`, `event_dto`: instants, places in a list
//!   and JSON as clients see them.
//! - `watch`, `readiness`, `metrics` and `traces`: what is known of the server from outside.
//! - `calendars`, `slots`, `holds`, `appointments`, `events`, `backup`, `health`, `docs`:
//!   the operations; `campaigns`, `deliveries`, `doses`, `lines` and `coverage` those of campaigns.
//! - `openapi`: what the operations ask and answer, as a document.

mod crowd;
mod limits;
mod line_dto;
mod lines;
mod options;
mod pace;
mod running;
mod serve;
pub(crate) mod tls;
mod turned_away;

mod access;
mod agenda_dto;
mod front;
mod rates;

mod app;
mod campaign_operation;
mod router;

mod answer;
mod body;
mod practice_dto;
mod problem;
mod refusal;
mod request;

mod by_dto;
mod calendar_dto;
mod campaign_dto;
mod campaign_event_dto;
mod coverage_dto;
mod cursor;
mod delivery_dto;
mod dose_dto;
mod dto;
pub(crate) mod event_dto;
mod followed_dto;
mod ics;
mod local;
mod register_dto;
mod register_event_dto;
mod wish_dto;
mod wish_event_dto;

mod metrics;
mod readiness;
mod traces;
mod watch;

mod appointments;
mod backup;
mod calendars;
mod campaigns;
mod coverage;
mod deliveries;
mod docs;
mod doses;
mod events;
mod followed;
mod health;
mod holds;
mod register;
mod review_dto;
mod reviews;
mod slots;
mod wishes;

mod openapi;

pub use access::{Scope, Tokens, issue};
pub use front::Front;
pub use limits::Limits;
pub use openapi::openapi;
pub use options::Options;
pub use rates::{Rate, Rates};
pub use serve::{serve, serve_connection, serve_front};
pub use tls::Tls;
pub use watch::Watched;
