//! One call, asked until its outcome is known.

use std::sync::Arc;

use crate::api::{Ask, OVERLOADED, Outcome, is_business};
use crate::clock::{Clock, pause};
use crate::driver::Driver;
use crate::meter::{Class, Meter};

/// Milliseconds before the second attempt; each later one waits twice as long as the one before.
const WAIT_FIRST_MS: u64 = 10;

/// The longest wait, in milliseconds.
const WAIT_LAST_MS: u64 = 500;

/// How long who is turned away stays away, in milliseconds: what `Retry-After` says.
const AWAY_MS: u64 = 1_000;

/// How a call is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// As anybody would.
    Plain,
    /// The connection is closed before the answer, then the request is sent again.
    HangUp,
    /// Once more, after its answer.
    Again,
}

/// Who calls, and takes down how long it took.
pub(crate) struct Caller {
    pub(crate) driver: Arc<Driver>,
    pub(crate) meter: Meter,
    pub(crate) clock: Clock,
    /// Microseconds for which an outcome that is not known is asked for.
    pub(crate) resolve_us: u64,
    /// How often who is turned away asks again.
    pub(crate) come_back: u32,
}

/// What became of a call.
pub(crate) struct Answered {
    pub(crate) outcome: Outcome,
    /// Whether an attempt before the last one had no answer: it may have happened, or may yet.
    pub(crate) open: bool,
    /// When the last attempt was sent, in nanoseconds of the clock.
    pub(crate) last_ns: u64,
}

impl Caller {
    /// Asks, again under the same key while the outcome is not known. Latency counts from
    /// `intended_us`, when the patient was ready, whatever kept the request from being sent.
    pub(crate) async fn ask(
        &self,
        ask: &Ask,
        key: Option<&str>,
        manner: Manner,
        intended_us: u64,
    ) -> Answered {
        let (call, until) = (ask.call(), self.clock.us().saturating_add(self.resolve_us));
        let (mut open, mut come_back) = (false, self.come_back);
        if let (Manner::HangUp, Some(key)) = (manner, key) {
            self.driver.hang_up(ask, key).await;
            self.meter.lock().hung_up += 1;
            open = true;
        }
        let mut wait = WAIT_FIRST_MS;
        let (outcome, last_ns) = loop {
            let last_ns = self.clock.ns();
            let outcome = self.driver.send(ask, key).await;
            let unclear = matches!(outcome, Outcome::Unclear(_));
            if let Outcome::Unclear(why) = &outcome {
                self.meter.unclear(call, why);
            }
            // Being turned away says nothing about an earlier attempt.
            let turned_away =
                matches!(&outcome, Outcome::Refused(refusal) if refusal.code == OVERLOADED);
            open |= unclear;
            if turned_away {
                self.meter.turned_away(call);
            }
            if turned_away && !open && 0 < come_back {
                come_back -= 1;
                pause(AWAY_MS).await;
                continue;
            }
            if !(unclear || open && turned_away) {
                break (outcome, last_ns);
            }
            if until <= self.clock.us() {
                let unclear = match outcome {
                    Outcome::Unclear(why) => Outcome::Unclear(why),
                    _ => Outcome::Unclear(OVERLOADED.to_owned()),
                };
                break (unclear, last_ns);
            }
            pause(wait).await;
            wait = (wait * 2).min(WAIT_LAST_MS);
        };
        let now_us = self.clock.us();
        let us = now_us.saturating_sub(intended_us);
        let (class, code) = class(&outcome);
        let repeat = manner == Manner::Again && class == Class::Ok;
        let code = code.as_deref();
        self.meter.ended(call, if repeat { Class::Repeat } else { class }, now_us, us, code);
        Answered { outcome, open, last_ns }
    }
}

fn class(outcome: &Outcome) -> (Class, Option<String>) {
    match outcome {
        Outcome::Done(_) => (Class::Ok, None),
        Outcome::Unclear(_) => (Class::Unknown, None),
        Outcome::Refused(refusal) => {
            let code = refusal.code.as_str();
            let class = match code {
                OVERLOADED => Class::Overloaded,
                code if is_business(code) => Class::Refused,
                _ => Class::Failed,
            };
            let why = refusal.why.as_ref().map(|why| format!(" {why}")).unwrap_or_default();
            (class, Some(format!("{code}{why}")))
        }
    }
}
