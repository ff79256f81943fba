//! Made-up calendars that look like real ones, and what to try with them.

mod calendars;
mod guide;
mod sheets;

pub use calendars::{Shown, set_up};
pub use guide::{Guide, guide};
