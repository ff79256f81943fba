//! What the events of a journal say of those who wait in line.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use creneau::booking::{Booking, Stocked, Turn};
use creneau::campaign::Dose;
use creneau::{Event, HoldId, InLine, PersonId, Registration, Timestamp, WishId};

use super::line::ROUND_MS;
use crate::api::LineStatus;
use crate::audit::{Rule, Verdict, seen};

/// Offers that somebody lets go by until they wait no more.
const OFFERS_MAX: usize = 3;

/// The dose for which somebody waits with nothing before it: whether one may be had is said by its
/// phase alone.
const FIRST: u8 = 1;

/// Somebody in a line.
struct Waits {
    place: InLine,
    joined_at: Timestamp,
    seen: seen::InLine,
    /// Whether they were ever offered something.
    asked: bool,
    passed: usize,
}

/// All lines.
#[derive(Default)]
pub(super) struct Lines {
    all: BTreeMap<WishId, Waits>,
    order: BTreeMap<Stocked, BTreeSet<Turn>>,
    /// When something was last written of a person.
    touched: HashMap<PersonId, Timestamp>,
}

impl Lines {
    /// What has become of each place.
    pub(super) fn seen(&self) -> impl Iterator<Item = (WishId, seen::InLine)> {
        self.all.iter().map(|(wish, it)| (*wish, it.seen.clone()))
    }

    pub(super) fn registered(&mut self, at: Timestamp, what: &Registration, to: &mut Verdict) {
        match what {
            Registration::Lined(place) => self.joins(at, place, to),
            Registration::LeftLine { id } => {
                if let Some(it) = self.all.get_mut(id) {
                    it.seen.status = LineStatus::Withdrawn;
                }
            }
            _ => {}
        }
    }

    fn joins(&mut self, at: Timestamp, place: &InLine, verdict: &mut Verdict) {
        let line = self.order.entry(place.stocked()).or_default();
        let again = line.iter().filter_map(|(.., wish)| self.all.get(wish)).find(|it| {
            let waits = it.seen.status == LineStatus::Waiting && at < it.place.until;
            let same = (&it.place.person, &it.place.reason, it.place.dose.number)
                == (&place.person, &place.reason, place.dose.number);
            waits && same
        });
        verdict.check(Rule::OneDose, again.is_none(), place.id, || {
            format!("waits for {}, who waits there already", place.person)
        });
        line.insert(place.turn());
        let (rank, since) = (place.rank, place.since);
        let (status, granted, offer) = (LineStatus::Waiting, None, None);
        let seen = seen::InLine { status, rank, since, granted, offer };
        let (place, joined_at) = (place.clone(), at);
        let waits = Waits { place, joined_at, seen, asked: false, passed: 0 };
        self.all.insert(waits.place.id, waits);
    }

    /// A dose is held. `could` says whether somebody in the line might have had one.
    pub(super) fn held(
        &mut self,
        at: Timestamp,
        (booking, dose): (&Booking, &Dose),
        could: impl Fn(&InLine) -> bool,
        verdict: &mut Verdict,
    ) {
        let wish = booking.details.wish;
        if let Some(wish) = wish {
            let known = self.all.get(&wish).is_some_and(|it| {
                (&it.place.person, it.place.dose.number) == (&booking.person, dose.number)
            });
            verdict.check(Rule::Line, known, wish, || {
                format!("is offered {}, and {} does not wait by it", booking.id, booking.person)
            });
        }
        if dose.number == FIRST {
            self.in_turn(at, (booking, dose), could, verdict);
        }
        if let Some(it) = wish.and_then(|wish| self.all.get_mut(&wish)) {
            (it.asked, it.seen.offer) = (true, Some(booking.id));
        }
        self.touched.insert(booking.person.clone(), at);
    }

    /// Nobody has a dose for which somebody waits who comes before them and was asked for nothing.
    fn in_turn(
        &self,
        at: Timestamp,
        (booking, dose): (&Booking, &Dose),
        could: impl Fn(&InLine) -> bool,
        verdict: &mut Verdict,
    ) {
        let stocked = (dose.campaign, dose.place, dose.vaccine.clone());
        let Some(line) = self.order.get(&stocked) else { return };
        let own = booking.details.wish.and_then(|wish| self.all.get(&wish));
        let own = own.map(|it| it.place.turn());
        let settled = |it: &&Waits| {
            let touched = self.touched.get(&it.place.person).copied();
            let last = touched.map_or(it.joined_at, |touched| touched.max(it.joined_at));
            last.plus_ms(ROUND_MS) <= at
        };
        let wants = |it: &&Waits| {
            let InLine { from, until, when, reason, standing, dose, .. } = &it.place;
            let start = booking.span.start;
            let terms = (reason, *standing, dose.number)
                == (&booking.reason.id, booking.details.standing, FIRST);
            terms && when.is_none() && *from <= start && start < *until
        };
        let before = line.iter().take_while(|turn| own.is_none_or(|own| **turn < own));
        let wronged = before
            .filter_map(|(.., wish)| self.all.get(wish))
            .filter(|it| it.seen.status == LineStatus::Waiting && !it.asked)
            .filter(settled)
            .filter(wants)
            .find(|it| could(&it.place));
        let named = wronged.map_or(booking.id.to_string(), |it| it.place.id.to_string());
        verdict.check(Rule::Line, wronged.is_none(), named, || {
            format!("waits, and {}, which comes later, was held at {at}", booking.id)
        });
    }

    /// Something was written of a booking that is there already.
    pub(super) fn changed(&mut self, event: &Event, booking: &Booking) {
        self.touched.insert(booking.person.clone(), event.at());
        let wish = booking.details.wish.and_then(|wish| self.all.get_mut(&wish));
        let Some(it) = wish.filter(|it| it.seen.offer == Some(booking.id)) else { return };
        match event {
            Event::Confirmed { .. } => {
                (it.seen.status, it.seen.offer) = (LineStatus::Granted, None);
                it.seen.granted = Some(booking.id);
            }
            Event::Released { .. } | Event::Expired { .. } => {
                it.passed += 1;
                it.seen.offer = None;
                if OFFERS_MAX <= it.passed && it.seen.status == LineStatus::Waiting {
                    it.seen.status = LineStatus::PassedBy;
                }
            }
            _ => {}
        }
    }

    /// What is offered now to those who have not answered.
    pub(super) fn offers(&self) -> impl Iterator<Item = HoldId> {
        self.all.values().filter_map(|it| it.seen.offer)
    }
}
