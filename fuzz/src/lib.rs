//! Hostile bytes for what reads them.
//!
//! Each check takes any bytes and panics where something is not as it must be. The fuzzer runs them
//! through the shims in `fuzz_targets`; `tests/smoke.rs` runs them on stable.
//!
//! - [`entry`]: frames and entries of the journal.
//! - [`import`]: lists of centres.
//! - [`commands`]: commands to two calendars, in any order.
//! - [`request`]: what a connection is sent, by a whole server in memory.
//! - [`settings`]: files of settings.
//!
//! What a check came across is in its [`Met`], so that a test can tell that there was anything.

mod commands;
mod entry;
mod import;
mod met;
mod request;
mod settings;
mod tape;

pub use commands::{COMMANDS_MAX, commands};
pub use entry::entry;
pub use import::import;
pub use met::Met;
pub use request::request;
pub use settings::settings;
