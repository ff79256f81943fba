//! What is planted in the line of a campaign: each fault is found, by its rule and with the place
//! in the line.

use creneau::booking::Booking;
use creneau::journal::{Entry as Written, frame};
use creneau::storage::rocksdb;
use creneau::{Registration, Timestamp, WishId};

use super::*;
use crate::api::LineStatus;
use crate::audit::claims::Fate;
use crate::audit::doses::line::ROUND_MS;
use crate::audit::doses::waiting::Waiter;
use crate::audit::over_data;
use crate::ledger::Line;
use crate::ledger::campaign::Offered;

const HOUR_MS: i64 = 60 * 60 * 1_000;

impl Story {
    /// Somebody who was offered something, with the first hold of it.
    fn offered(&self) -> Vec<(WishId, HoldId)> {
        let doses = Doses::of(&self.ledger);
        let all = doses.waiters.all.iter();
        all.filter_map(|(wish, it)| Some((*wish, it.offers.first()?.hold))).collect()
    }

    /// Whoever has taken what they were offered, with the appointment.
    fn accepted(&self) -> (WishId, HoldId) {
        let claims = Claims::of(&self.ledger);
        let all = self.offered().into_iter();
        { all }.find(|(_, hold)| claims.bookings[hold].fate == Fate::Booked).unwrap()
    }

    /// The line of the ledger by which somebody waits.
    fn line_of(&mut self, wanted: WishId) -> &mut Line {
        let lined = |line: &&mut Line| match &line.entry {
            Entry::Lined(lined) => lined.wish == wanted,
            _ => false,
        };
        self.ledger.lines.iter_mut().find(lined).unwrap()
    }

    /// Somebody who was offered something, and somebody who was not, had waited for a while, and
    /// comes later: the least of those by their id, whom a finding would name.
    fn pair_in_line(&self) -> (WishId, WishId) {
        let doses = Doses::of(&self.ledger);
        let all = &doses.waiters.all;
        let pair = self.offered().into_iter().find_map(|(wish, hold)| {
            let (own, held) = (&all[&wish], &doses.holds[&hold]);
            let wronged = |it: &Waiter| {
                (it.place, it.rank) == (own.place, own.rank)
                    && it.told_at.plus_ms(ROUND_MS) <= held.asked_at
                    && held.told_at <= it.empty_until()
            };
            let (other, _) = all.iter().find(|(it, waiter)| **it != wish && wronged(waiter))?;
            Some((wish, *other))
        });
        pair.unwrap()
    }

    /// Says that somebody came to wait at another time.
    fn comes(&mut self, wish: WishId, since: Timestamp) {
        let Entry::Lined(lined) = &mut self.line_of(wish).entry else { panic!() };
        lined.since = since;
        self.seen.lines.get_mut(&wish).unwrap().since = since;
    }

    /// Has the last in a line be offered something, long after the first in it came, and gives the
    /// first.
    fn out_of_turn(&mut self) -> WishId {
        let doses = Doses::of(&self.ledger);
        let waits = |wish: &WishId, it: &Waiter| {
            let there = &self.seen.lines[wish];
            it.offers.is_empty() && there.status == LineStatus::Waiting && there.offer.is_none()
        };
        let end = self.events.last().unwrap().at();
        let found = self.events.iter().find_map(|event| {
            let Event::Held { at, booking, deadline, guards } = event else { return None };
            let wish = booking.details.wish?;
            let place = doses.waiters.all[&wish].place;
            let line = doses.waiters.all.iter();
            let line = line.filter(|(wish, it)| it.place == place && waits(wish, it));
            let mut line: Vec<_> = line.map(|(w, it)| ((it.rank, it.since, *w), it)).collect();
            line.sort_by_key(|(turn, _)| *turn);
            let (((.., first), _), ((.., last), it)) = (line.first()?, line.last()?);
            // What the engine keeps of the last is in the event by which they came.
            let Event::Registered { what, .. } = &self.events[self.joins(*last)] else { panic!() };
            let Registration::Lined(joined) = &**what else { panic!() };
            let mut booking: Booking = booking.clone();
            (booking.id, booking.person) = (HoldId::from_bits(77), it.patient.parse().unwrap());
            let mut details = joined.details();
            details.dose.as_mut()?.delivery = booking.delivery();
            booking.details = details.into();
            let span = &mut booking.span;
            for instant in [&mut span.start, &mut span.end, &mut span.occupied_until] {
                *instant = instant.plus_ms(6 * super::super::DAY_MS);
            }
            let (at, deadline, guards) =
                (end, deadline.plus_ms(end.millis() - at.millis()), guards.clone());
            (first != last).then_some((Event::Held { at, booking, deadline, guards }, *first))
        });
        let (event, first) = found.unwrap();
        let place = self.joins(first);
        let Event::Registered { at, .. } = &mut self.events[place] else { panic!() };
        *at = at.plus_ms(-HOUR_MS);
        self.events.push(event);
        self.entries.push(1);
        first
    }

    /// The place of the event by which somebody came to wait.
    fn joins(&self, wish: WishId) -> usize {
        let mine = |event: &Event| match event {
            Event::Registered { what, .. } => match &**what {
                Registration::Lined(place) => place.id == wish,
                _ => false,
            },
            _ => false,
        };
        self.events.iter().position(mine).unwrap()
    }

    /// The journal on disk, one entry after the other.
    async fn write_to(&self, data: &std::path::Path) {
        let mut storage = rocksdb::open(data, rocksdb::Options::default()).unwrap();
        let (mut before, mut events) = ([0; 32], self.events.iter().cloned());
        for (place, len) in self.entries.iter().enumerate() {
            let events = events.by_ref().take(*len).collect();
            let entry = Written { command: None, events }.encode().unwrap();
            let sequence = place as u64 + 1;
            let bytes = frame::build(sequence, before, &[entry]);
            before = frame::hash(&bytes);
            storage.journal.append(sequence, &bytes).await.unwrap();
        }
    }
}

#[test]
fn people_wait_are_offered_something_and_answer_in_their_own_ways() {
    let story = sound();
    let (claims, doses) = (Claims::of(&story.ledger), Doses::of(&story.ledger));
    let holds = doses.waiters.all.values().flat_map(|it| &it.offers);
    let fates: Vec<Fate> = holds.map(|offer| claims.bookings[&offer.hold].fate).collect();
    let took = |fate: &&Fate| matches!(fate, Fate::Booked | Fate::Cancelled);
    let takes = fates.iter().filter(took).count();
    assert!((1..fates.len()).contains(&takes), "{fates:?}");
    let without = doses.waiters.all.values().filter(|it| it.offers.is_empty()).count();
    assert!(5 < without, "{without}");
}

#[test]
fn an_offer_to_a_later_one_while_an_earlier_one_waits_is_found() {
    let mut story = sound();
    let (offered, wronged) = story.pair_in_line();
    let since = Doses::of(&story.ledger).waiters.all[&offered].since;
    story.comes(offered, since.plus_ms(HOUR_MS));
    Story::fails(&story.by_api(), Rule::Line, &wronged);
    // Whoever was offered something before was asked in their turn, and let it go by.
    let asked_at = story.line_of(wronged).at;
    let Line { patient, key, .. } = story.line_of(wronged).clone();
    let told = story.ledger.lines.iter().find_map(|line| match &line.entry {
        Entry::Offered(it) => Some(it.told.clone()),
        _ => None,
    });
    let mut told = told.unwrap();
    told.hold = HoldId::from_bits(78);
    let entry = Entry::Offered(Offered { wish: wronged, looked_at: asked_at, told });
    let n = story.ledger.lines.len() as u64 + 1;
    story.ledger.lines.push(Line { n, at: asked_at, patient, key, entry });
    let verdict = story.by_api();
    let named = wronged.to_string();
    assert!(!verdict.findings.iter().any(|it| it.rule == Rule::Line && it.id == named));
    // By the journal.
    let mut story = sound();
    let wronged = story.out_of_turn();
    Story::fails(&story.by_journal(), Rule::Line, &wronged);
}

#[test]
fn a_dose_that_goes_past_the_line_is_found() {
    let mut story = sound();
    // Somebody had waited for an hour when the first ones booked.
    let (_, wronged) = story.pair_in_line();
    let Line { key, .. } = story.line_of(wronged).clone();
    for line in story.ledger.lines.iter_mut().filter(|line| line.key == key) {
        if matches!(line.entry, Entry::Asked(_) | Entry::Lined(_)) {
            line.at = line.at.plus_ms(-HOUR_MS);
        }
    }
    Story::fails(&story.by_api(), Rule::Line, &wronged);
    let mut story = sound();
    let place = story.joins(wronged);
    let Event::Registered { at, what } = story.events.remove(place) else { panic!() };
    let Registration::Lined(mut place) = *what else { panic!() };
    (place.since, place.from) = (place.since.plus_ms(-HOUR_MS), place.from.plus_ms(-HOUR_MS));
    let what = Box::new(Registration::Lined(place));
    story.events.insert(0, Event::Registered { at: at.plus_ms(-HOUR_MS), what });
    Story::fails(&story.by_journal(), Rule::Line, &wronged);
}

#[test]
fn an_accepted_offer_that_is_lost_is_found() {
    let mut story = sound();
    let (wish, hold) = story.accepted();
    let place = story.seen.lines.get_mut(&wish).unwrap();
    (place.status, place.granted) = (LineStatus::Waiting, None);
    Story::fails(&story.by_api(), Rule::Acknowledged, &wish);
    let mut story = sound();
    story.seen.bookings.get_mut(&hold).unwrap().0 = Observed::Expired;
    Story::fails(&story.by_api(), Rule::Acknowledged, &hold);
    let mut story = sound();
    story.events.retain(|event| match event {
        Event::Confirmed { booking, .. } => booking.id != hold,
        _ => true,
    });
    let verdict = story.by_journal();
    Story::fails(&verdict, Rule::Acknowledged, &hold);
    Story::fails(&verdict, Rule::Acknowledged, &wish);
}

#[test]
fn a_place_in_the_line_that_is_lost_is_found() {
    let mut story = sound();
    let (wish, _) = story.accepted();
    story.seen.lines.remove(&wish);
    Story::fails(&story.by_api(), Rule::Acknowledged, &wish);
    let mut story = sound();
    story.seen.lines.get_mut(&wish).unwrap().rank += 1;
    Story::fails(&story.by_api(), Rule::Acknowledged, &wish);
    // Or it is told another rank from the first on.
    let Entry::Lined(lined) = &mut story.line_of(wish).entry else { panic!() };
    lined.rank += 1;
    Story::fails(&story.by_api(), Rule::Line, &wish);
}

#[test]
fn somebody_offered_who_may_not_have_it_is_found() {
    let mut story = sound();
    let (wish, hold) = story.accepted();
    let key = story.line_of(wish).key.clone();
    let asked = story.ledger.lines.iter_mut().find(|line| line.key == key).unwrap();
    let Entry::Asked(asked) = &mut asked.entry else { panic!() };
    asked.dose.as_mut().unwrap().band.replace_range(.., "child");
    let verdict = story.by_api();
    Story::fails(&verdict, Rule::Eligible, &hold);
    Story::fails(&verdict, Rule::Eligible, &wish);
    let mut story = sound();
    let offers = story.events.iter_mut().filter_map(|event| match event {
        Event::Held { booking, .. } if booking.id == hold => Some(booking),
        _ => None,
    });
    for booking in offers {
        let mut details = (*booking.details).clone();
        details.dose.as_mut().unwrap().band = "child".parse().unwrap();
        booking.details = details.into();
    }
    Story::fails(&story.by_journal(), Rule::Eligible, &hold);
}

#[test]
fn somebody_who_is_rightly_refused_in_the_line_passes_and_wrongly_is_found() {
    let mut story = sound();
    let (wish, _) = story.pair_in_line();
    let (key, patient) = (story.line_of(wish).key.clone(), story.line_of(wish).patient.clone());
    let why = Some("not_yet".to_owned());
    let refused = Entry::Refused { call: Call::Join, code: "not_eligible".to_owned(), why };
    story.ledger.lines.retain(|line| line.key != key || matches!(line.entry, Entry::Asked(_)));
    let n = story.ledger.lines.len() as u64 + 1;
    let at = crate::clock::wall();
    story.ledger.lines.push(Line { n, at, patient: patient.clone(), key, entry: refused });
    Story::fails(&story.by_api(), Rule::Eligible, &patient);
}

#[test]
fn who_waits_twice_and_what_is_offered_twice_are_found() {
    let mut story = sound();
    let (wish, hold) = story.accepted();
    let again = WishId::from_bits(5);
    let mut line = story.line_of(wish).clone();
    let Entry::Lined(lined) = &mut line.entry else { panic!() };
    lined.wish = again;
    story.ledger.lines.push(line);
    let named: [&dyn Fn(&Verdict); 2] =
        [&|verdict| Story::fails(verdict, Rule::OneDose, &wish), &|verdict| {
            Story::fails(verdict, Rule::Acknowledged, &again)
        }];
    named.iter().for_each(|fails| fails(&story.by_api()));
    let mut story = sound();
    let joined = story.joins(wish);
    let Event::Registered { at, what } = story.events[joined].clone() else { panic!() };
    let Registration::Lined(mut place) = *what else { panic!() };
    place.id = again;
    let what = Box::new(Registration::Lined(place));
    story.events.insert(joined + 1, Event::Registered { at, what });
    Story::fails(&story.by_journal(), Rule::OneDose, &again);
    // The same hold is offered to two.
    let mut story = sound();
    let (_, other) = story.pair_in_line();
    story.seen.lines.get_mut(&other).unwrap().offer = Some(hold);
    Story::fails(&story.by_api(), Rule::Line, &hold);
}

/// The engine's own audit is run over a directory too, and judges the line by its own books.
#[tokio::test(flavor = "multi_thread")]
async fn an_offer_out_of_turn_in_a_journal_on_disk_is_found() {
    let mut story = tokio::task::spawn_blocking(sound).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("sound");
    story.write_to(&data).await;
    let verdict = over_data(&story.ledger, None, &data).await.unwrap();
    assert_eq!(verdict.findings, []);
    assert!(story.entries.len() as u64 <= verdict.checked[&Rule::Journal]);
    let wronged = story.out_of_turn();
    let data = folder.path().join("tampered");
    story.write_to(&data).await;
    let verdict = over_data(&story.ledger, None, &data).await.unwrap();
    Story::fails(&verdict, Rule::Line, &wronged);
    Story::fails(&verdict, Rule::Journal, &format!("{wronged} comes first"));
}
