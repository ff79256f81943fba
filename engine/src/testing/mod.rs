//! The whole engine under a seed: a simulated disk, clock and clients, and an auditor that holds
//! what was told against what the journal says.
//!
//! One thread, time that passes only when nothing else can, and no chance but that of the seed:
//! the same seed gives the same bytes. Byte for byte that needs `--cfg tokio_unstable`; without it
//! tokio throws its own dice where a `select!` has none of its own order.
//!
//! - [`random`]: chance. [`plan`]: what a seed makes of a run.
//! - [`disk`], [`store`]: what survives a crash.
//! - [`ledger`], [`scene`], [`workload`], [`registering`]: what clients ask, and what they are
//!   told.
//! - [`model`] (with `hours` and `rules`), [`auditor`], [`rest`], [`histories`]: what must be so.
//! - [`world`]: a run. [`month`]: what a seed of `make simulate` is.
//! - [`states`]: what runs must have met. [`soak`]: the counter of what has passed.
//! - [`small`]: small worlds, searched exhaustively.
//! - [`words`]: slot words alone, for benchmarks.

pub mod auditor;
mod campaigning;
mod counted;
pub mod disk;
mod followed;
pub mod histories;
mod hours;
pub mod ledger;
pub mod model;
pub mod month;
pub mod plan;
pub mod random;
pub mod registering;
pub mod rest;
mod rules;
pub mod scene;
pub mod small;
pub mod soak;
pub mod states;
pub mod store;
pub mod words;
pub mod workload;
pub mod world;

pub use month::Month;
pub use scene::read_along;
pub use world::{Report, Violation, run};
