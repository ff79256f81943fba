//! A file system of our own, for what a real disk does seldom and never when asked.
//!
//! - [`disk`]: files and names in memory, and which of them are durable.
//! - [`loss`]: what a power loss leaves of them.
//! - [`trouble`]: syncs that fail or hang, space that runs out, bytes that rot.
//! - [`mount`], [`served`]: the disk under a path, by FUSE. It is served by this process, so that
//!   the server that is killed does not take it along.
//!
//! What is modelled, and what is not, is told in `docs/testing.md`.

mod disk;
mod loss;
mod mount;
mod served;
mod trouble;

pub(crate) use disk::{Disk, Found};
pub(crate) use loss::Survival;
#[cfg(test)]
pub(crate) use loss::{Names, Writes};
pub(crate) use mount::Mounted;
pub(crate) use trouble::{Happened, Part, Rot, SyncFault, SyncFaultKind, Troubles};

#[cfg(test)]
mod tests;
