//! The lines of campaigns as the journal has them: whether who is offered a dose waits for it, and
//! whether nobody comes before who could have had it.

use std::collections::BTreeMap;

use crate::booking::wishes::has_passed;
use crate::booking::{Booking, Event, InLine, Registration, Stocked, Turn};
use crate::ids::{CampaignId, PersonId, WishId};
use crate::journal::Sequence;
use crate::limits::WISH_OFFERS_MAX;
use crate::time::Timestamp;

/// Whoever goes through a line asks everybody once: what becomes of somebody meanwhile is for the
/// next round. So nobody is judged of whom something was written so short a time before,
pub(super) const DECIDES_WITHIN_MS: i64 = 10 * 60 * 1_000;

/// or so few entries, where clocks stand still.
const DECIDES_WITHIN: u64 = 100;

/// Somebody who waits, and the starts that they let go by.
#[derive(Clone, Debug)]
struct Entry {
    place: InLine,
    passed: Vec<Timestamp>,
}

/// When something was written of a person last.
type Touched = (Sequence, Timestamp);

/// All lines.
#[derive(Clone, Debug, Default)]
pub(super) struct Lines {
    lines: BTreeMap<Stocked, BTreeMap<Turn, Entry>>,
    places: BTreeMap<WishId, (Stocked, Turn)>,
    touched: BTreeMap<(CampaignId, PersonId), Touched>,
    /// Those who have left, and when: an offer may have been under way.
    gone: BTreeMap<WishId, (Entry, Touched)>,
}

impl Lines {
    /// Takes in what an event says of lines, but for what it offers, which is to be judged first.
    pub(super) fn take(&mut self, sequence: Sequence, event: &Event) {
        if let Event::Registered { at, what } = event {
            match &**what {
                Registration::Lined(place) => {
                    let (stocked, turn) = (place.stocked(), place.turn());
                    self.places.insert(place.id, (stocked.clone(), turn));
                    let key = (place.dose.campaign, place.person.clone());
                    self.touched.insert(key, (sequence, *at));
                    let entry = Entry { place: (**place).clone(), passed: Vec::new() };
                    self.lines.entry(stocked).or_default().insert(turn, entry);
                }
                Registration::LeftLine { id } => self.leaves(*id, (sequence, *at)),
                _ => {}
            }
            return;
        }
        let Some(booking) = event.booking() else { return };
        let Some(dose) = booking.details.dose.as_deref() else { return };
        let (wish, start) = (booking.details.wish, booking.span.start);
        match (event, wish) {
            (Event::Released { .. } | Event::Expired { .. }, Some(wish)) => {
                self.passes(wish, start, (sequence, event.at()));
            }
            (Event::Confirmed { .. }, Some(wish)) => self.leaves(wish, (sequence, event.at())),
            _ => {}
        }
        if !matches!(event, Event::Held { .. }) || wish.is_none() {
            let key = (dose.campaign, booking.person.clone());
            self.touched.insert(key, (sequence, event.at()));
        }
    }

    fn leaves(&mut self, id: WishId, when: Touched) {
        if let Some((stocked, turn)) = self.places.get(&id)
            && let Some(line) = self.lines.get_mut(stocked)
            && let Some(entry) = line.remove(turn)
        {
            self.gone.insert(id, (entry, when));
        }
    }

    fn passes(&mut self, id: WishId, start: Timestamp, when: Touched) {
        let Some((stocked, turn)) = self.places.get(&id) else { return };
        let entry = self.lines.get_mut(stocked).and_then(|line| line.get_mut(turn));
        let Some(entry) = entry else { return };
        entry.passed.push(start);
        if WISH_OFFERS_MAX <= entry.passed.len() {
            self.leaves(id, when);
        }
    }

    /// Whether an offer is for the first in the line of those who `could` have had it.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub(super) fn judge(
        &self,
        booking: &Booking,
        wish: WishId,
        (now, at): (Sequence, Timestamp),
        could: impl Fn(&InLine) -> bool,
    ) -> Result<(), String> {
        let id = booking.id;
        let lately = |(then, at_then): &Touched| {
            now.saturating_sub(*then) <= DECIDES_WITHIN || at <= at_then.plus_ms(DECIDES_WITHIN_MS)
        };
        let known = self.places.get(&wish).and_then(|(stocked, turn)| {
            let line = self.lines.get(stocked)?;
            let gone = || self.gone.get(&wish).filter(|(_, when)| lately(when));
            Some((line, turn, line.get(turn).or_else(|| gone().map(|(entry, _)| entry))?))
        });
        let Some((line, turn, own)) = known else {
            return Err(format!("{id} is offered for {wish}, who is in no line"));
        };
        let times = (booking.span.start, booking.span.occupied_until);
        let same = (&own.place.person, &own.place.reason, own.place.dose.number)
            == (&booking.person, &booking.reason.id, number(booking));
        if !same || !own.wants(times) {
            return Err(format!("{id} is not what {wish} is for"));
        }
        let alike = |entry: &&Entry| {
            let hours = entry.place.when.is_none();
            let terms = (&entry.place.reason, entry.place.standing)
                == (&own.place.reason, own.place.standing);
            hours && terms && entry.wants(times)
        };
        let settled = |entry: &&Entry| {
            let key = (entry.place.dose.campaign, entry.place.person.clone());
            !self.touched.get(&key).is_some_and(lately)
        };
        let before = line.range(..turn).map(|(_, entry)| entry);
        match before.filter(alike).filter(settled).find(|entry| could(&entry.place)) {
            Some(earlier) => {
                let earlier = earlier.place.id;
                Err(format!("{id} is offered for {wish}, and {earlier} comes first"))
            }
            None => Ok(()),
        }
    }
}

impl Entry {
    fn wants(&self, (start, until): (Timestamp, Timestamp)) -> bool {
        let there = self.place.from <= start && start < self.place.until;
        there && !has_passed(&self.passed, start, until)
    }
}

fn number(booking: &Booking) -> u8 {
    booking.details.dose.as_ref().map_or(0, |dose| dose.number)
}
