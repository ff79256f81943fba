//! Benchmarks of Creneau.
//!
//! The program `ratios` measures ours and what it is held against side by side, and is what
//! `make bench` runs. In `benches/` there are parts for criterion, run by `make bench-parts`:
//!
//! - `parts`: a slot word, a decision, an entry's bytes. No disk, one thread.
//! - `durable`: a group commit, and a booking from hold to confirm, beside raw writes of the same
//!   bytes in the same run.
//! - `histories`: the checker of histories over a million calls.
//! - `quick`: whether the table of ratios can be made; it measures nothing.
//!
//! A figure means something only as a ratio to another one of the same run.
