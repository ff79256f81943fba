//! Admission: how many requests may be under way, before any mailbox.
//!
//! Mailboxes have no bound of their own. A permit is taken before a request claims anything, and
//! travels with it to the committer, so it is given back when the answer is durable. New holds
//! fill only their share; confirms and everything else have the rest to themselves.

use std::sync::Arc;

use smallvec::SmallVec;

use super::claims::Claim;
use super::sync::{AtomicUsize, Ordering};
use crate::metrics::Full;
use crate::planted::{self, Bug};

/// What a request is, to admission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Share {
    /// It wants a new hold.
    Hold,
    /// It confirms, releases, cancels, moves, changes, creates.
    Settle,
    /// The engine's own: expiry, bounded by the calendars there are, and the rest of a request
    /// that is done already.
    Engine,
}

/// How many are under way, and how many may be.
#[derive(Debug)]
pub(crate) struct Admission {
    under_way: AtomicUsize,
    holds_max: usize,
    all_max: usize,
}

impl Admission {
    pub(crate) fn new(holds_max: usize, all_max: usize) -> Arc<Self> {
        Arc::new(Self { under_way: AtomicUsize::new(0), holds_max, all_max })
    }

    fn enter(&self, share: Share) -> bool {
        let max = match share {
            Share::Hold if planted::is(Bug::HoldsFillAll) => self.all_max,
            Share::Hold => self.holds_max,
            Share::Settle => self.all_max,
            Share::Engine => usize::MAX,
        };
        // Sequentially consistent: who retires a calendar looks here after closing its door, and
        // who enters looks at the door afterwards. One of the two must see the other.
        if self.under_way.fetch_add(1, Ordering::SeqCst) < max {
            return true;
        }
        self.under_way.fetch_sub(1, Ordering::SeqCst);
        false
    }

    fn leave(&self) {
        self.under_way.fetch_sub(1, Ordering::SeqCst);
    }

    /// How many are under way.
    pub(crate) fn under_way(&self) -> usize {
        self.under_way.load(Ordering::SeqCst)
    }
}

/// A request's place, in its calendar and in the engine. Dropping it gives both back.
#[derive(Debug)]
pub(crate) struct Permit {
    calendar: Arc<Admission>,
    engine: Arc<Admission>,
    /// A claim that lasts as long.
    turn: Option<Claim>,
}

/// What one request has taken: a place for each calendar that it is about, seldom more than one.
pub(crate) type Permits = SmallVec<[Permit; 1]>;

impl Permit {
    /// What is full where there is no place.
    ///
    /// # Errors
    ///
    /// [`Full::Calendar`] or [`Full::Engine`].
    pub(crate) fn take(
        calendar: &Arc<Admission>,
        engine: &Arc<Admission>,
        share: Share,
    ) -> Result<Self, Full> {
        if !calendar.enter(share) {
            return Err(Full::Calendar);
        }
        if !engine.enter(share) {
            calendar.leave();
            return Err(Full::Engine);
        }
        Ok(Self { calendar: calendar.clone(), engine: engine.clone(), turn: None })
    }

    /// The same, with a claim that is kept until the request is answered.
    pub(crate) fn with(mut self, turn: Option<Claim>) -> Self {
        self.turn = turn;
        self
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if !planted::is(Bug::PermitLost) {
            self.calendar.leave();
        }
        self.engine.leave();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_cannot_fill_the_share_of_confirms() {
        let (calendar, engine) = (Admission::new(2, 3), Admission::new(10, 10));
        let take = |share| Permit::take(&calendar, &engine, share);
        let held = [take(Share::Hold).unwrap(), take(Share::Hold).unwrap()];
        assert_eq!(take(Share::Hold).err(), Some(Full::Calendar));
        let confirm = take(Share::Settle).unwrap();
        assert_eq!(take(Share::Settle).err(), Some(Full::Calendar));
        let expiry = take(Share::Engine).unwrap();
        assert_eq!(engine.under_way(), 4);
        drop((held, confirm, expiry));
        assert_eq!((calendar.under_way(), engine.under_way()), (0, 0));
    }
}
