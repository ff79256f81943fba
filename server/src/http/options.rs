//! What a server is given beside its engine and its port.

use super::access::Tokens;
use super::limits::Limits;
use super::rates::Rates;
use super::tls::Tls;

/// What [`serve`](super::serve) is given. As standard: plain HTTP, nobody is asked for a token, no
/// bound on rates.
#[derive(Clone, Default)]
pub struct Options {
    /// What is bounded.
    pub limits: Limits,
    /// The tokens that are known; none where nobody is asked for one.
    pub tokens: Option<Tokens>,
    /// The certificates; none for plain HTTP.
    pub tls: Option<Tls>,
    /// How often may be asked.
    pub rates: Rates,
}

impl From<Limits> for Options {
    fn from(limits: Limits) -> Self {
        Self { limits, ..Self::default() }
    }
}
