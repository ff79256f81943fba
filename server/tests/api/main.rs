//! The HTTP API against a real server on a port of its own, over an engine in memory.
//!
//! The engine's clock starts on a Monday in March 2027, a week before the clocks of Europe go
//! forward, so that every slot is known beforehand.

#[cfg(test)]
mod client;
#[cfg(test)]
mod document;
#[cfg(test)]
mod served;

#[cfg(test)]
mod bounds;
#[cfg(test)]
mod calendars;
#[cfg(test)]
mod campaign;
#[cfg(test)]
mod docs;
#[cfg(test)]
mod ends;
#[cfg(test)]
mod feed;
#[cfg(test)]
mod files;
#[cfg(test)]
mod followed;
#[cfg(test)]
mod guarded;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod life;
#[cfg(test)]
mod parts;
#[cfg(test)]
mod practice;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod repeats;
#[cfg(test)]
mod running;
#[cfg(test)]
mod slots;
#[cfg(test)]
mod story;
#[cfg(test)]
mod surge;
#[cfg(test)]
mod waiting;
#[cfg(test)]
mod walk;
#[cfg(test)]
mod watching;
#[cfg(test)]
mod who;
