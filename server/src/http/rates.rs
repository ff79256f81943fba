//! How often may be asked: bounds for each token and each address, which are off unless set.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use creneau::CallerId;
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use super::problem::{Code, Problem};

/// Addresses are told apart in so many cells, about 50 bytes each once used: what is kept does not
/// grow with their number. Two addresses share a cell, and its rate, once in 262,144 times.
const ADDRESS_CELLS: u64 = 1 << 18;

/// A rate of requests. Zero counts as 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Requests in a second, on and on.
    pub per_second: u32,
    /// Requests at once, after a pause.
    pub burst: u32,
}

/// The rates of a server; none is no bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rates {
    /// For each name of the token file.
    pub token: Option<Rate>,
    /// For each IPv4 address and each IPv6 /64. Behind a proxy all requests have its address.
    pub address: Option<Rate>,
}

/// Counts requests.
pub(super) struct Pacer {
    tokens: Option<DefaultKeyedRateLimiter<CallerId>>,
    addresses: Option<DefaultKeyedRateLimiter<u64>>,
    /// Unknown outside, so that nobody can choose an address to share another's cell.
    cells: RandomState,
    clock: DefaultClock,
}

impl Pacer {
    pub(super) fn new(rates: Rates) -> Self {
        Self {
            tokens: rates.token.map(|rate| RateLimiter::keyed(quota(rate))),
            addresses: rates.address.map(|rate| RateLimiter::keyed(quota(rate))),
            cells: RandomState::new(),
            clock: DefaultClock::default(),
        }
    }

    /// Counts a request from an address.
    pub(super) fn address(&self, address: IpAddr) -> Result<(), Problem> {
        let Some(limiter) = &self.addresses else { return Ok(()) };
        let cell = self.cells.hash_one(block(address)) % ADDRESS_CELLS;
        limiter
            .check_key(&cell)
            .map_err(|refused| too_many("this address", refused.wait_time_from(self.clock.now())))
    }

    /// Counts a request with a token.
    pub(super) fn token(&self, caller: &CallerId) -> Result<(), Problem> {
        let Some(limiter) = &self.tokens else { return Ok(()) };
        limiter
            .check_key(caller)
            .map_err(|refused| too_many("this token", refused.wait_time_from(self.clock.now())))
    }
}

fn quota(Rate { per_second, burst }: Rate) -> Quota {
    let at_least_one = |number| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
    Quota::per_second(at_least_one(per_second)).allow_burst(at_least_one(burst))
}

fn too_many(who: &str, wait: Duration) -> Problem {
    let detail = format!("{who} has sent more requests than it may: nothing has happened");
    Problem::new(Code::TooManyRequests, detail).retry_after(wait)
}

/// What counts as one address: who has an IPv6 address has at least all of its /64.
fn block(address: IpAddr) -> IpAddr {
    const OF_NETWORK: u128 = !0 << 64;
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() & OF_NETWORK).into()),
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passed(pacer: &Pacer, address: &str) -> usize {
        let address = address.parse().unwrap();
        (0..50).filter(|_| pacer.address(address).is_ok()).count()
    }

    #[test]
    fn each_address_has_its_own_rate() {
        // So slow that the test sees the burst alone.
        let address = Some(Rate { per_second: 1, burst: 5 });
        let pacer = Pacer::new(Rates { address, token: None });
        assert_eq!(passed(&pacer, "192.0.2.1"), 5);
        assert_eq!(passed(&pacer, "::ffff:192.0.2.1"), 0, "it is the same");
        assert_eq!(passed(&pacer, "192.0.2.2"), 5);
        assert_eq!(passed(&pacer, "2001:db8::1"), 5);
        assert_eq!(passed(&pacer, "2001:db8::ffff:2"), 0, "it is of the same /64");
        assert_eq!(passed(&pacer, "2001:db8:0:1::1"), 5);
        let caller = CallerId::new("a").unwrap();
        assert!((0..1_000).all(|_| pacer.token(&caller).is_ok()), "off unless set");
    }
}
