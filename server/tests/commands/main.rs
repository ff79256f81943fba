//! The commands, as other programs call them: the real binary, its output and its exit status.

mod deadlines;
mod demonstration;
mod harness;
mod importing;
mod kills;
mod ledger;
mod real_centres;
mod serving;
