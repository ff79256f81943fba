//! One call over and over in a closed loop, by the client, the clock and the histograms that
//! measure patients: to hold this generator against others, which know no patients.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use crate::api::{Ask, Call};
use crate::caller::{Caller, Manner};
use crate::clock::Clock;
use crate::dice::whole;
use crate::driver::Driver;
use crate::meter::{Class, Latencies, Measured, Meter, Summary};

/// What is asked, and how.
pub(crate) struct Gauge {
    pub(crate) ask: Ask,
    /// Callers, each of which asks again as soon as it was answered.
    pub(crate) connections: usize,
    pub(crate) seconds: u64,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Gauged {
    pub(crate) requests: u64,
    pub(crate) errors: u64,
    pub(crate) seconds: f64,
    pub(crate) per_second: f64,
    #[serde(flatten)]
    pub(crate) latency: Percentiles,
    /// As if each caller had been to ask at equal distances, as often as it did on average; `wrk`
    /// counts so.
    pub(crate) corrected: Percentiles,
}

/// Milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Percentiles {
    pub(crate) p50_ms: f64,
    pub(crate) p90_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) max_ms: f64,
}

impl Percentiles {
    fn of(latencies: &Latencies) -> Self {
        let Summary { p50_ms, p90_ms, p99_ms, max_ms, .. } = latencies.summary();
        Self { p50_ms, p90_ms, p99_ms, max_ms }
    }
}

/// Asks until the time is over.
pub(crate) async fn gauge(driver: Driver, gauge: Gauge) -> Gauged {
    let Gauge { ask, connections, seconds } = gauge;
    let (meter, clock) = (Meter::default(), Clock::start());
    // An outcome that is not known is an error here, and not asked for again.
    let caller =
        Arc::new(Caller { driver: Arc::new(driver), meter, clock, resolve_us: 0, come_back: 0 });
    let ask = Arc::new(ask);
    let until = clock.us() + seconds * 1_000_000;
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..connections {
        let (caller, ask) = (caller.clone(), ask.clone());
        callers.spawn(async move {
            loop {
                let begin = caller.clock.us();
                if until <= begin {
                    return;
                }
                caller.ask(&ask, None, Manner::Plain, begin).await;
            }
        });
    }
    let all = async { while callers.join_next().await.is_some() {} };
    // The last answers may come after the time is over; a server that hangs is cut off.
    let _ = tokio::time::timeout(Duration::from_secs(seconds + 30), all).await;
    let seconds = caller.clock.us() as f64 / 1_000_000.0;
    gauged(&caller.meter.lock(), ask.call(), connections, seconds)
}

fn gauged(measured: &Measured, call: Call, connections: usize, seconds: f64) -> Gauged {
    let latencies = measured.answered(call);
    let requests = latencies.count();
    let per_caller = requests as f64 / connections as f64;
    let interval_us = whole(seconds * 1_000_000.0 / per_caller.max(1.0));
    Gauged {
        requests,
        errors: measured.count(|_, class| !matches!(class, Class::Ok | Class::Refused)),
        seconds,
        per_second: requests as f64 / seconds,
        latency: Percentiles::of(&latencies),
        corrected: Percentiles::of(&latencies.corrected(interval_us)),
    }
}
