//! Campaigns: what they set, what is delivered for them, and the doses of holds and appointments.

mod cover;
mod coverage;
mod deliveries;
mod giving;
mod line;
mod pairs;
mod remaining;
mod rounds;
mod settings;
mod wanted;

use super::{Engine, Named, refused};
