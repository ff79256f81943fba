//! Creneau's server, as a library: the binary `creneau` is a thin shell around it.
//!
//! - [`http`]: the HTTP API over an engine.
//! - [`cli`] and [`commands`]: the command line, and what each command does.
//! - [`demo`]: calendars made up to try things out.
//! - [`remote`]: a running server, as the commands that ask one see it.
//! - `doctor`: whether a machine and its settings suit a server.
//! - [`settings`]: from a file, the environment and the command line.
//! - [`import`]: reading lists of centres into calendars.

pub mod cli;
pub mod commands;
pub mod demo;
mod doctor;
pub mod http;
pub mod import;
pub mod remote;
pub mod settings;
#[cfg(feature = "traces")]
mod traces;
