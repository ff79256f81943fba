//! Creneau's server, as a library: the binary `creneau` is a thin shell around it.
//!
//! - [`http`]: the HTTP API over an engine.
//! - [`cli`] and [`commands`]: the command line, and what each command does.
//! - [`demo`]: calendars made up to try things out.
//! - [`import`]: reading lists of centres into calendars.

pub mod cli;
pub mod commands;
pub mod demo;
pub mod http;
pub mod import;
#[cfg(feature = "traces")]
mod traces;
