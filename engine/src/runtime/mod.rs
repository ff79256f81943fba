//! The engine at work: claims, actors, group commit, and what is derived from the journal.
//!
//! In reading order, along the road of a hold:
//!
//! - [`admission`]: how many may be under way.
//! - [`slot_word`], [`slot_table`], [`view`]: what is free, without asking.
//! - [`claims`], [`reservation`]: what a request has won before it asks.
//! - [`directory`]: calendars awake and asleep; [`mailbox`], [`calendar_actor`]: how they are told.
//! - [`desk`]: what a calendar does with a request.
//! - [`commit`]: how entries become durable, and callers are answered.
//! - [`index`] over [`behind`] and [`rows`], and [`register`]: what is found without asking a
//!   calendar.
//! - [`doses`], [`dose_rows`]: how many doses are left, and who has which.
//! - [`deadlines`], [`upkeep`]: what happens by itself.
//! - [`feed`]: what others follow; [`following`]: what the engine itself reads of it.
//! - [`sync`], [`key_map`]: what all of it shares, and what stands for it in models.

mod admission;
mod behind;
mod calendar_actor;
mod claims;
mod commit;
mod deadlines;
mod desk;
mod directory;
mod dirty;
pub(crate) mod dose_rows;
mod doses;
mod feed;
mod following;
mod index;
mod key_map;
pub(crate) mod lines;
#[cfg(not(creneau_shuttle))]
mod mailbox;
#[cfg(creneau_shuttle)]
#[path = "mailbox_shuttle.rs"]
mod mailbox;
mod names;
pub(crate) mod register;
mod reservation;
mod rows;
mod shared;
mod slot_table;
mod slot_word;
pub(crate) mod sync;
mod upkeep;
mod view;
pub(crate) mod wishes;

pub(crate) use admission::{Admission, Permit, Share};
pub(crate) use behind::Behind;
pub(crate) use calendar_actor::{Message, Parked};
pub(crate) use claims::{Busy, Claim, Claims, Waiting, key_of};
pub(crate) use commit::{CommitQueue, Committer, Durable, Fault, Prepared};
pub(crate) use deadlines::Deadlines;
pub(crate) use desk::{Joint, JointAsked, Order, Verdict, Work, lane_hint, order_joint};
pub(crate) use directory::{Directory, Entry};
pub(crate) use doses::{Claimant, DoseClaim, Doses, Earlier, Lot};
pub use feed::{Feed, FeedEntry};
pub(crate) use following::{Following, catch_up};
pub(crate) use index::{Brief, Index, command_hash, hold_key, hold_of_key};
pub(crate) use reservation::{Reservation, SlotClaim, guard_key, guard_keys};
pub(crate) use rows::{
    BookingRow, BookingState, HoldRow, SnapshotRow, decode_booking, decode_definition, decode_hold,
    decode_snapshot,
};
#[cfg(all(test, creneau_shuttle))]
pub(crate) use rows::{Content, Key};
pub(crate) use shared::Shared;
#[cfg(any(test, feature = "testing"))]
pub(crate) use slot_table::SlotTable;
pub(crate) use slot_word::is_lock_free;
pub(crate) use upkeep::{PROGRESS_KEY, STORE_FORM, Upkeep, expire, flush, write_progress};
pub(crate) use view::View;
