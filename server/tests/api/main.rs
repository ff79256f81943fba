//! The HTTP API against a real server on a port of its own, over an engine in memory.
//!
//! The engine's clock starts on a Monday in March 2027, a week before the clocks of Europe go
//! forward, so that every slot is known beforehand.

mod client;
mod served;

mod bounds;
mod calendars;
mod ends;
mod life;
mod refusals;
mod repeats;
mod slots;
mod surge;
