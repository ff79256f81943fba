//! What the HTTP part bounds, with units.

use std::time::Duration;

/// Bounds of the HTTP server. Start from [`Limits::default`] and change what you need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections at the same time, counting writes whose client has hung up: at least 1. Over
    /// the bound a new one gets the place of the one that has waited longest for its client, and
    /// at least [`Limits::give_way_after`].
    pub connections_max: usize,
    /// How long a connection that waits for its client keeps its place from newcomers. Where
    /// nobody gives way for that long, newcomers are told that the server is overloaded.
    pub give_way_after: Duration,
    /// From the first byte of a request to the end of its header. A client that is slower is cut
    /// off.
    pub header_timeout: Duration,
    /// How long a connection may stay open between two requests. Longer than the idle time of the
    /// usual reverse proxies, so that they and not the server close what they reuse.
    pub idle_timeout: Duration,
    /// From the end of a request's header to the end of its body.
    pub body_timeout: Duration,
    /// From the end of a request to the start of its answer. It must exceed the engine's write
    /// timeout, which bounds what takes longest.
    pub answer_timeout: Duration,
    /// The same for a backup, which may copy many files.
    pub backup_timeout: Duration,
    /// How long a client may take nothing of an answer that is being sent to it.
    pub stall_timeout: Duration,
    /// Bytes of a request's body.
    pub body_bytes_max: usize,
    /// Bytes of the body of a request that describes a calendar.
    pub calendar_bytes_max: usize,
    /// Readers that may follow the change feed at the same time: at least 1.
    pub feeds_max: usize,
    /// After how long without an event a reader of the change feed is sent a comment.
    pub feed_heartbeat: Duration,
    /// How long the end of the server waits for requests that are under way.
    pub drain_timeout: Duration,
    /// How long `/readyz` says no before the server takes no more connections: as long as a load
    /// balancer needs to see it. Zero where nothing looks.
    pub unready_for: Duration,
    /// How long an answer may take before its request is logged as slow.
    pub slow_request: Duration,
    /// Bytes below which `/readyz` warns of a disk that fills. Nothing is refused for it.
    pub disk_free_min: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 4_096,
            give_way_after: Duration::from_secs(1),
            header_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(75),
            body_timeout: Duration::from_secs(10),
            answer_timeout: Duration::from_secs(30),
            backup_timeout: Duration::from_hours(1),
            stall_timeout: Duration::from_secs(30),
            body_bytes_max: 64 << 10,
            calendar_bytes_max: 256 << 10,
            feeds_max: 64,
            feed_heartbeat: Duration::from_secs(15),
            drain_timeout: Duration::from_secs(10),
            unready_for: Duration::ZERO,
            slow_request: Duration::from_secs(1),
            disk_free_min: 1 << 30,
        }
    }
}

/// Bytes that a connection buffers while it reads a header. A longer one is refused, unless all of
/// it arrives at once.
pub(super) const HEADER_BYTES_MAX: usize = 64 << 10;

/// Connections beyond the places that wait for one; who comes after them is turned away at once.
pub(super) const NEWCOMERS_MAX: usize = 1_024;

/// Newcomers that are told at the same time that there is no place.
pub(super) const TURNED_AWAY_MAX: usize = 256;

/// Milliseconds for which a newcomer who was turned away is listened to, so that what the client
/// has sent does not undo the answer on its way.
pub(super) const LINGER_MS: u64 = 500;

/// Milliseconds between two looks for somebody who gives way.
pub(super) const LOOK_AGAIN_MS: u64 = 25;

/// Slots, calendars or appointments in an answer where the request says nothing.
pub(super) const LIST_DEFAULT: usize = 100;

/// Days of slots where the request says nothing.
pub(super) const SLOT_DAYS_DEFAULT: u16 = 7;

/// Zones of calendars that are kept at hand: about 100 bytes each.
pub(super) const ZONES_MAX: usize = 100_000;

/// Bytes of an instant in a request. The longest that RFC 3339 needs here has 35.
pub(super) const INSTANT_BYTES_MAX: usize = 64;
