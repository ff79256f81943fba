//! Creneau's load generator: it drives a server or an embedded engine with made-up patients,
//! measures what they met, and then proves that nothing acknowledged was lost or sold twice.
//!
//! In reading order:
//!
//! - [`cli`]: the command line. `run`: one rehearsal from its scenario to its report.
//! - `scenario`: what is rehearsed, and the range of every number. `arrivals`: when patients come.
//! - `patient`: what a patient does. `caller`: one call, asked until its outcome is known.
//! - `campaign`: one whose doses are booked, and what its desk does meanwhile.
//! - `api`, `driver`: the calls, over HTTP or on an embedded engine. `spawned`: an own server;
//!   `tether`: which does not outlive the generator.
//! - `ledger`: what patients asked and were told, on the generator's own disk. `history`: when each
//!   write began and ended. `backup`: one that is taken meanwhile.
//! - `audit`: whether the server, or the journal, still says so, and whether the history has a
//!   legal order.
//! - `meter`, `view`, `report`: what was measured, and how it is shown. `gauge`: one call over and
//!   over, to hold the generator against others.
//! - `overload`: many times what a server carries. `sampled`: what it takes of the machine.
//! - `hostile`: clients who mean harm, with patients beside them.
//! - `faults`, `crash` (feature `faults`): a disk that fails, and the campaign that crashes a
//!   server over it again and again.
//! - `clock`, `dice`, `say`: time, chance and output, each in one place.

mod api;
mod arrivals;
mod audit;
mod backup;
mod caller;
mod campaign;
pub mod cli;
mod clock;
#[cfg(feature = "faults")]
pub mod crash;
mod dice;
mod driver;
#[cfg(feature = "faults")]
mod faults;
mod gauge;
mod history;
mod hostile;
mod ledger;
mod meter;
mod overload;
mod patient;
mod report;
mod run;
mod sampled;
mod say;
mod scenario;
mod spawned;
mod tether;
mod view;

#[cfg(test)]
mod rehearsal_tests;
