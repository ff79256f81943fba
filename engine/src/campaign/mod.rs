//! The rules of a vaccination campaign, as pure as [`booking`](crate::booking), which it knows
//! nothing of.
//!
//! A campaign is no second engine: a dose is something that a booking has beside its slot and its
//! person. What is here says who may have one, and which. In reading order:
//!
//! - [`definition`]: what a campaign sets: vaccines, phases, age bands, and who comes first in the
//!   line. [`facts`]: what is stated of a person.
//! - [`eligibility`]: whether a dose may be theirs, and if not, why and from when.
//! - [`stock`]: deliveries, which of them a dose is taken of, and what has become of them.
//! - [`dose`]: what a booking says of the dose that it has.

pub mod definition;
pub mod dose;
pub mod eligibility;
pub mod facts;
pub mod stock;

pub use definition::{Booster, Campaign, DoseRule, Group, Invalid, Phase, Vaccine};
pub use dose::{Dose, Record, Recorded};
pub use eligibility::{Asked, Ineligible};
pub use facts::{Elsewhere, Facts};
pub use stock::{Delivery, Tally};

#[cfg(test)]
mod tests;
