//! Benchmarks of Creneau; they are in `benches/`.
//!
//! - `parts`: a slot word, a decision, an entry's bytes. No disk, one thread.
//! - `durable`: a group commit, and a booking from hold to confirm, beside raw writes of the same
//!   bytes in the same run.
//! - `histories`: the checker of histories over a million calls.
//!
//! A figure means something only as a ratio to another one of the same run: `make bench`.
