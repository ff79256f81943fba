//! Every setting of a server, once: its name, what it may be, what it is where nothing says so.

/// What a setting may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// True or false; false as standard.
    Flag,
    /// A text, such as a path; nothing as standard where none is named.
    Text { standard: Option<&'static str> },
    /// One of these texts, the first as standard.
    OneOf(&'static [&'static str]),
    /// A whole number within a range; nothing as standard where none is named.
    Whole { from: u64, to: u64, standard: Option<u64> },
}

/// A setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Setting {
    /// Its name in a file, with the name of its table before it.
    pub(crate) key: &'static str,
    pub(crate) kind: Kind,
    /// What it is for, with its unit, in one line.
    pub(crate) what: &'static str,
}

impl Setting {
    /// The environment variable that sets it.
    pub(crate) fn variable(&self) -> String {
        format!("{VARIABLE_PREFIX}{}", self.key.replace('.', "_").to_ascii_uppercase())
    }

    /// What it must be, to be read after its name.
    pub(crate) fn rule(&self) -> String {
        match self.kind {
            Kind::Flag => "must be true or false".to_owned(),
            Kind::Text { .. } => "must be a text that is not empty".to_owned(),
            Kind::OneOf(all) => format!("must be one of {}", all.join(", ")),
            Kind::Whole { from, to, .. } => format!("must be a whole number from {from} to {to}"),
        }
    }
}

/// What the environment variables of settings begin with.
pub(crate) const VARIABLE_PREFIX: &str = "CRENEAU_";

macro_rules! settings {
    ($($name:ident = $key:literal, $kind:expr, $what:literal;)*) => {
        $(pub(crate) const $name: Setting = Setting { key: $key, kind: $kind, what: $what };)*
        /// All of them, in the order in which they are shown.
        pub(crate) const ALL: &[Setting] = &[$($name),*];
    };
}

const fn whole(from: u64, to: u64, standard: u64) -> Kind {
    Kind::Whole { from, to, standard: Some(standard) }
}

const fn off_or(from: u64, to: u64) -> Kind {
    Kind::Whole { from, to, standard: None }
}

const NOTHING: Kind = Kind::Text { standard: None };

const fn text(standard: &'static str) -> Kind {
    Kind::Text { standard: Some(standard) }
}

/// A day, in seconds.
const DAY: u64 = 86_400;

settings! {
    DATA = "data", NOTHING, "the directory of the bookings; it is created if need be";
    MEMORY = "memory", Kind::Flag, "keep everything in memory, gone with the process: for trials";
    LISTEN = "listen", text("127.0.0.1:8080"), "the address and port; port 0 takes any free one";
    INSECURE = "insecure", Kind::Flag,
        "listen beyond this machine without tokens or TLS, for all who can reach the port";
    TOKEN_FILE = "token_file", NOTHING, "the file of the tokens that are known; see creneau token";
    HOLD_SECONDS = "hold_seconds", whole(1, DAY, 900), "how long a hold lasts, in seconds";
    HOLD_LIMIT = "hold_limit", Kind::OneOf(&["calendar", "engine", "none"]),
        "where a patient may have one live hold: in each calendar, in all, or without a limit";
    ANSWER_SECONDS = "answer_seconds", whole(60, 604_800, 1_800),
        "how long an offer to who is on a waiting list lasts, in seconds";
    LOG = "log", text("info"), "what is logged, such as debug or warn,creneau=info";
    LOG_FORMAT = "log_format", Kind::OneOf(&["text", "json"]), "a text for people, or JSON lines";
    TLS_CERTIFICATE = "tls.certificate", NOTHING, "the certificates, PEM, the server's own first";
    TLS_KEY = "tls.key", NOTHING, "the private key of the first of them, PEM";
    RATE_TOKEN = "rate_limits.token_per_second", off_or(1, 1_000_000),
        "requests of one token in a second; no limit if not set";
    RATE_TOKEN_BURST = "rate_limits.token_burst", off_or(1, 1_000_000),
        "requests of one token at once; those of a second if not set";
    RATE_ADDRESS = "rate_limits.address_per_second", off_or(1, 1_000_000),
        "requests from one IPv4 address or IPv6 /64 in a second; no limit if not set";
    RATE_ADDRESS_BURST = "rate_limits.address_burst", off_or(1, 1_000_000),
        "requests from one address at once; those of a second if not set";
    CONNECTIONS_MAX = "http.connections_max", whole(1, 1_000_000, 4_096),
        "connections at the same time; a new one gets the place of one that waits for its client";
    GIVE_WAY = "http.give_way_after_seconds", whole(1, 3_600, 1),
        "for which a connection that waits for its client keeps its place from new ones";
    HEADER_TIMEOUT = "http.header_timeout_seconds", whole(1, 300, 10),
        "from the first byte of a request to the end of its header, and for a TLS handshake";
    IDLE_TIMEOUT = "http.idle_timeout_seconds", whole(1, 3_600, 75),
        "between two requests of a connection";
    BODY_TIMEOUT = "http.body_timeout_seconds", whole(1, 300, 10),
        "from the end of a header to the end of its body";
    ANSWER_TIMEOUT = "http.answer_timeout_seconds", whole(2, 900, 30),
        "from the end of a request to the start of its answer; more than a write may take";
    BACKUP_TIMEOUT = "http.backup_timeout_seconds", whole(1, DAY, 3_600), "the same for a backup";
    STALL_TIMEOUT = "http.stall_timeout_seconds", whole(1, 3_600, 30),
        "for which a client may take nothing of an answer";
    BODY_BYTES_MAX = "http.body_bytes_max", whole(1_024, 1 << 20, 64 << 10),
        "bytes of a request's body";
    CALENDAR_BYTES_MAX = "http.calendar_bytes_max", whole(1_024, 16 << 20, 256 << 10),
        "bytes of a body that describes a calendar";
    FEEDS_MAX = "http.feeds_max", whole(1, 10_000, 64), "readers of the change feed at a time";
    FEED_HEARTBEAT = "http.feed_heartbeat_seconds", whole(1, 3_600, 15),
        "after which a reader of the change feed without an event is sent a comment";
    DRAIN_TIMEOUT = "http.drain_timeout_seconds", whole(1, 600, 10),
        "for which the end of the server waits for requests under way";
    UNREADY = "http.unready_seconds", whole(0, 600, 0),
        "for which /readyz says no before the port closes: what a load balancer needs to see it";
    SLOW_REQUEST = "http.slow_request_ms", whole(1, 600_000, 1_000),
        "an answer may take before its request is logged as slow";
    DISK_FREE_MIN = "http.disk_free_bytes_min", whole(0, 1 << 50, 1 << 30),
        "bytes below which /readyz warns of a disk that fills; nothing is refused for it";
    CALENDAR_HOLDS_MAX = "engine.calendar_holds_max", whole(1, 1_024, 512),
        "new holds under way in one calendar";
    CALENDAR_REQUESTS_MAX = "engine.calendar_requests_max", whole(2, 2_048, 1_024),
        "requests under way in one calendar; more than its new holds";
    HOLDS_MAX = "engine.holds_max", whole(1, 1_000_000, 32_768), "new holds under way in all";
    REQUESTS_MAX = "engine.requests_max", whole(2, 2_000_000, 65_536),
        "requests under way in all; more than the new holds";
    IDLE = "engine.idle_seconds", whole(1, DAY, 300),
        "without a request, after which a calendar is put to sleep";
    WRITE_TIMEOUT = "engine.write_timeout_seconds", whole(1, 600, 10),
        "a write may take before it counts as failed";
    REPLAY_MAX = "engine.replay_max", whole(1_000, 10_000_000, 100_000),
        "entries that a start may have to replay, roughly";
    BEHIND_MAX = "engine.behind_max", whole(10_000, 10_000_000, 1_000_000),
        "derived rows that may wait to be written";
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_are_told_apart_in_a_file_and_in_the_environment() {
        let keys: HashSet<_> = ALL.iter().map(|setting| setting.key).collect();
        let variables: HashSet<_> = ALL.iter().map(Setting::variable).collect();
        assert_eq!((keys.len(), variables.len()), (ALL.len(), ALL.len()));
        // No value stands where a table does.
        let tables: HashSet<_> =
            ALL.iter().filter_map(|setting| Some(setting.key.split_once('.')?.0)).collect();
        assert!(tables.is_disjoint(&keys));
    }

    #[test]
    fn a_standard_value_lies_within_its_range() {
        for setting in ALL {
            if let Kind::Whole { from, to, standard } = setting.kind {
                assert!(standard.is_none_or(|it| (from..=to).contains(&it)), "{}", setting.key);
            }
        }
    }
}
