//! Histories that must be found illegal, each beside one like it that is legal.

use super::*;

/// A calendar of one lane, and one of two.
const ONE: CalendarId = CalendarId::from_bits(1);
const TWO: CalendarId = CalendarId::from_bits(2);

/// When holds run out, unless said otherwise.
const ENDS: Ends = Ends { from: 1_000, by: 1_010 };

/// The slot that begins at so many units and lasts for ten.
pub(super) fn at(calendar: CalendarId, start: i64) -> Place {
    let (start, until) = (Timestamp::from_millis(start), Timestamp::from_millis(start + 10));
    Place { calendar, lane: None, start, until }
}

fn slot(start: i64) -> Place {
    at(ONE, start)
}

fn call(person: u64, asked: Instant, told: Instant, what: What, outcome: Outcome) -> Call {
    Call { person, asked, told, what, outcome }
}

fn id(hold: u128) -> HoldId {
    HoldId::from_bits(hold)
}

/// A hold by the person of the same number.
fn held(hold: u128, place: Place, asked: Instant, told: Instant) -> Call {
    let outcome = Outcome::Held { hold: id(hold), fresh: true, ends: ENDS };
    let person = u64::try_from(hold).unwrap();
    call(person, asked, told, What::Hold(place), outcome)
}

fn own(hold: u128, place: Place, asked: Instant, told: Instant) -> Call {
    let outcome = Outcome::Held { hold: id(hold), fresh: false, ends: ENDS };
    Call { outcome, ..held(hold, place, asked, told) }
}

fn taken(place: Place, asked: Instant, told: Instant) -> Call {
    call(99, asked, told, What::Hold(place), Outcome::Refused(Refusal::SlotTaken))
}

fn is_at(place: Place) -> Outcome {
    Outcome::Appointment { place, cancelled: false, fresh: true }
}

fn confirmed(hold: u128, place: Place, asked: Instant, told: Instant) -> Call {
    call(1, asked, told, What::Confirm(id(hold)), is_at(place))
}

fn released(hold: u128, asked: Instant, told: Instant) -> Call {
    call(1, asked, told, What::Release(id(hold)), Outcome::Released)
}

fn cancelled(hold: u128, place: Place, asked: Instant, told: Instant) -> Call {
    let outcome = Outcome::Appointment { place, cancelled: true, fresh: true };
    call(1, asked, told, What::Cancel(id(hold)), outcome)
}

fn moved(hold: u128, to: Place, asked: Instant, told: Instant) -> Call {
    call(1, asked, told, What::Move(id(hold), to), is_at(to))
}

fn refused(hold: u128, asked: Instant, told: Instant, refusal: Refusal) -> Call {
    call(1, asked, told, What::Confirm(id(hold)), Outcome::Refused(refusal))
}

fn in_lane(lane: u16, place: Place) -> Place {
    Place { lane: Some(lane), ..place }
}

fn history(calls: &[Call]) -> History {
    let lanes = BTreeMap::from([(TWO, Lanes::always(2))]);
    History { calls: calls.to_vec(), lanes }
}

/// What is illegal is so by this rule; what is like it is legal.
#[track_caller]
fn illegal(rule: Broken, calls: &[Call], like_it: &[Call]) {
    let verdict = history(calls).check();
    let broken: Vec<_> = verdict.illegal.iter().map(|illegal| illegal.rule).collect();
    assert!(broken.contains(&rule), "{verdict:#?}");
    let verdict = history(like_it).check();
    assert!(verdict.is_legal(), "{verdict:#?}");
}

#[test]
fn sold_twice() {
    let first = held(1, slot(0), 0, 10);
    illegal(
        Broken::SoldTwice,
        &[first, held(2, slot(0), 20, 30)],
        &[first, held(2, slot(10), 20, 30)],
    );
    // Two starts of overlapping slots.
    illegal(
        Broken::SoldTwice,
        &[first, held(2, slot(5), 20, 30)],
        &[first, held(2, slot(10), 20, 30)],
    );
    // At the same time, whichever came first.
    illegal(Broken::SoldTwice, &[first, held(2, slot(0), 0, 10)], &[first, taken(slot(0), 0, 10)]);
}

/// What is blamed on which bookings, by their numbers.
fn blamed(calls: &[Call]) -> Vec<(Broken, Vec<u128>)> {
    let numbers = |it: &Illegal| {
        let mut numbers: Vec<u128> = it.bookings.iter().map(|id| id.bits()).collect();
        numbers.sort_unstable();
        numbers
    };
    history(calls).check().illegal.iter().map(|it| (it.rule, numbers(it))).collect()
}

#[test]
fn who_has_a_lane_alone_is_not_blamed() {
    let lane = |hold, lane, asked| held(hold, in_lane(lane, at(TWO, 0)), asked, asked + 5);
    let three = [lane(1, 0, 0), lane(2, 0, 10), lane(3, 1, 20)];
    assert_eq!(blamed(&three), [(Broken::SoldTwice, vec![1, 2])]);
}

#[test]
fn who_has_left_before_is_not_blamed() {
    let three = [
        held(1, slot(0), 0, 10),
        held(2, slot(0), 20, 30),
        released(2, 40, 50),
        held(3, slot(0), 60, 70),
    ];
    let pairs = [(Broken::SoldTwice, vec![1, 2]), (Broken::SoldTwice, vec![1, 3])];
    assert_eq!(blamed(&three), pairs);
}

#[test]
fn who_is_refused_where_two_are_is_not_blamed() {
    let two = [held(1, slot(0), 0, 10), held(2, slot(5), 20, 30), taken(slot(0), 60, 70)];
    assert_eq!(blamed(&two), [(Broken::SoldTwice, vec![1, 2])]);
}

#[test]
fn who_is_blamed_is_named_with_what_is_in_the_way() {
    // Any one of three can be the one too many.
    let two = [held(1, at(TWO, 0), 0, 10), held(2, at(TWO, 0), 0, 10)];
    let third = held(3, at(TWO, 5), 20, 30);
    assert_eq!(blamed(&[two[0], two[1], third]), [(Broken::SoldTwice, vec![1, 2, 3])]);
    // There was no instant for the third between the first and the second.
    let third = [held(3, slot(0), 20, 60), released(3, 30, 70)];
    let calls = [held(1, slot(0), 0, 10), released(1, 65, 66), third[0], third[1]];
    assert_eq!(blamed(&calls), [(Broken::SoldTwice, vec![1, 3])]);
}

#[test]
fn sold_more_often_than_there_are_lanes() {
    let two = [held(1, at(TWO, 0), 0, 10), held(2, at(TWO, 0), 0, 10)];
    let third = held(3, at(TWO, 5), 20, 30);
    illegal(Broken::SoldTwice, &[two[0], two[1], third], &two);
    let lane = |hold, lane, asked| held(hold, in_lane(lane, at(TWO, 0)), asked, asked + 5);
    illegal(Broken::SoldTwice, &[lane(1, 1, 0), lane(2, 1, 10)], &[lane(1, 1, 0), lane(2, 0, 10)]);
    // The confirm tells the lane.
    let lanes = |other| {
        let place = at(TWO, 0);
        [
            two[0],
            two[1],
            confirmed(1, in_lane(0, place), 20, 21),
            confirmed(2, in_lane(other, place), 20, 21),
        ]
    };
    illegal(Broken::SoldTwice, &lanes(0), &lanes(1));
}

#[test]
fn a_lost_confirm() {
    let booked = [held(1, slot(0), 0, 10), confirmed(1, slot(0), 20, 30)];
    let ends = Ends { from: 3_000, by: 3_010 };
    let outcome = Outcome::Held { hold: id(2), fresh: true, ends };
    let later = Call { outcome, ..held(2, slot(0), 2_000, 2_010) };
    illegal(Broken::SoldTwice, &[booked[0], booked[1], later], &[booked[0], later]);
    let expired = refused(1, 2_000, 2_010, Refusal::HoldExpired);
    illegal(Broken::Contradiction, &[booked[0], booked[1], expired], &[booked[0], expired]);
}

#[test]
fn refused_though_free_all_the_time() {
    illegal(Broken::RefusedThoughFree, &[taken(slot(0), 0, 10)], &[held(1, slot(0), 0, 10)]);
    let later = [held(1, slot(0), 20, 30), taken(slot(0), 0, 10)];
    illegal(Broken::RefusedThoughFree, &later, &[later[0], taken(slot(0), 0, 20)]);
    let elsewhere = [held(1, slot(0), 0, 10), taken(slot(10), 20, 30)];
    illegal(Broken::RefusedThoughFree, &elsewhere, &[elsewhere[0], taken(slot(9), 20, 30)]);
}

#[test]
fn refused_while_a_lane_is_free() {
    let one = [held(1, at(TWO, 0), 0, 10), taken(at(TWO, 0), 20, 30)];
    illegal(Broken::RefusedThoughFree, &one, &[one[0], one[1], held(2, at(TWO, 0), 0, 10)]);
}

#[test]
fn a_slot_that_was_given_back_is_refused() {
    let life = [held(1, slot(0), 0, 10), released(1, 20, 30)];
    let later = |asked| [life[0], life[1], taken(slot(0), asked, asked + 10)];
    illegal(Broken::RefusedThoughFree, &later(31), &later(29));
    let place = slot(0);
    let life = [life[0], confirmed(1, place, 11, 12), cancelled(1, place, 20, 30)];
    let later = |asked| [life[0], life[1], life[2], taken(place, asked, asked + 10)];
    illegal(Broken::RefusedThoughFree, &later(31), &later(29));
    // Its release took until 100, but somebody had the slot at 50, and gave it back.
    let other = [held(2, place, 40, 50), released(2, 60, 70)];
    let after =
        |asked| [life[0], released(1, 20, 100), other[0], other[1], taken(place, asked, 90)];
    illegal(Broken::RefusedThoughFree, &after(80), &after(65));
}

#[test]
fn a_move_that_nobody_heard_of_reaches_far_at_most() {
    let (here, there) = (slot(0), slot(20));
    let booked = [held(1, here, 0, 10), confirmed(1, here, 20, 30)];
    let unheard = Call { outcome: Outcome::Unknown, ..moved(1, there, 40, 50) };
    // Who has a slot after its start has it beside that appointment, which may be shorter.
    let after = |other: Place| {
        let other = [held(2, other, 60, 70), released(2, 80, 90)];
        [booked[0], booked[1], unheard, other[0], other[1], taken(slot(12), 100, 110)]
    };
    illegal(Broken::RefusedThoughFree, &after(there), &after(slot(25)));
}

#[test]
fn a_hold_that_never_ends() {
    let first = held(1, slot(0), 0, 10);
    let late = |asked| [first, taken(slot(0), asked, asked + 5)];
    illegal(Broken::RefusedThoughFree, &late(1_011), &late(1_009));
    let late = |asked| [first, own(1, slot(0), asked, asked + 5)];
    illegal(Broken::Contradiction, &late(1_011), &late(1_009));
}

#[test]
fn a_deadline_that_is_not_kept() {
    let first = held(1, slot(0), 0, 10);
    let confirm = |asked| [first, confirmed(1, slot(0), asked, asked + 5)];
    illegal(Broken::Contradiction, &confirm(1_011), &confirm(999));
    let refusal = |told| [first, refused(1, 20, told, Refusal::HoldExpired)];
    illegal(Broken::Contradiction, &refusal(999), &refusal(1_000));
    // The slot is somebody else's before it is due.
    let other = |told| [first, held(2, slot(0), 900, told)];
    illegal(Broken::SoldTwice, &other(999), &other(1_000));
}

#[test]
fn a_move_half_done() {
    let (here, there) = (slot(0), slot(20));
    let booked = [held(1, here, 0, 10), confirmed(1, here, 20, 30), moved(1, there, 40, 50)];
    let after = |call| [booked[0], booked[1], booked[2], call];
    // The new slot is not taken.
    illegal(Broken::SoldTwice, &after(held(2, there, 60, 70)), &after(taken(there, 60, 70)));
    // The old one is not free.
    illegal(Broken::RefusedThoughFree, &after(taken(here, 60, 70)), &after(held(2, here, 60, 70)));
    // It went where somebody was.
    let other = held(2, there, 0, 10);
    illegal(Broken::SoldTwice, &after(other), &after(held(2, here, 45, 70)));
    // It is seen where it was.
    let seen = |place| {
        let outcome = Outcome::Appointment { place, cancelled: false, fresh: false };
        after(call(1, 60, 70, What::Confirm(id(1)), outcome))
    };
    illegal(Broken::Misplaced, &seen(here), &seen(there));
}

#[test]
fn given_to_another_before_it_was_given_back() {
    let first = held(1, slot(0), 0, 10);
    let other = |told| [first, held(2, slot(0), 20, told), released(1, 40, 50)];
    illegal(Broken::SoldTwice, &other(39), &other(40));
    // No instant was free for a hold that was short, however short.
    let short =
        |told| [first, released(1, 90, 100), held(2, slot(0), 20, 60), released(2, 30, told)];
    illegal(
        Broken::SoldTwice,
        &short(70),
        &[first, released(1, 55, 100), held(2, slot(0), 20, 60)],
    );
}

#[test]
fn what_became_of_a_hold_does_not_fit() {
    let place = slot(0);
    let first = held(1, place, 0, 10);
    let (release, confirm) = (released(1, 20, 30), confirmed(1, place, 40, 50));
    illegal(Broken::Contradiction, &[first, release, confirm], &[first, release]);
    let release = released(1, 60, 70);
    illegal(Broken::Contradiction, &[first, confirm, release], &[first, confirm]);
    let confirmed_before = |refusal| {
        let outcome = Outcome::Refused(refusal);
        [first, confirm, call(1, 60, 70, What::Release(id(1)), outcome)]
    };
    illegal(
        Broken::Contradiction,
        &[first, refused(1, 20, 30, Refusal::HoldReleased)],
        &confirmed_before(Refusal::HoldConfirmed),
    );
}

#[test]
fn an_appointment_that_nobody_made() {
    let place = slot(0);
    let first = held(1, place, 0, 10);
    let cancel = cancelled(1, place, 40, 50);
    illegal(Broken::Contradiction, &[first, cancel], &[first, confirmed(1, place, 20, 30), cancel]);
    let again = call(
        1,
        40,
        50,
        What::Confirm(id(1)),
        Outcome::Appointment { place, cancelled: false, fresh: false },
    );
    let unknown = call(1, 20, 30, What::Confirm(id(1)), Outcome::Unknown);
    illegal(Broken::Contradiction, &[first, again], &[first, unknown, again]);
    // Who hung up cannot have done it before they asked.
    let after = call(1, 60, 70, What::Confirm(id(1)), Outcome::Unknown);
    illegal(Broken::Contradiction, &[first, after, again], &[first, unknown, again]);
}

#[test]
fn a_cancelled_appointment_lives_on() {
    let place = slot(0);
    let life = [held(1, place, 0, 10), confirmed(1, place, 20, 30), cancelled(1, place, 40, 50)];
    let seen = |cancelled| {
        let outcome = Outcome::Appointment { place, cancelled, fresh: false };
        [life[0], life[1], life[2], call(1, 60, 70, What::Confirm(id(1)), outcome)]
    };
    illegal(Broken::Contradiction, &seen(false), &seen(true));
}

#[test]
fn a_hold_from_nowhere() {
    let place = slot(0);
    let again = own(1, place, 40, 50);
    let unknown = call(1, 0, NEVER, What::Hold(place), Outcome::Unknown);
    illegal(Broken::FromNowhere, &[again], &[unknown, again]);
    let confirm = confirmed(1, place, 60, 70);
    illegal(Broken::FromNowhere, &[again, confirm], &[unknown, again, confirm]);
}

#[test]
fn a_guard_of_a_hold_that_is_no_more() {
    let first = held(1, slot(0), 0, 10);
    let refusal = |asked| {
        let outcome = Outcome::Refused(Refusal::PersonHasHold(id(1)));
        [first, released(1, 20, 30), call(1, asked, asked + 5, What::Hold(slot(10)), outcome)]
    };
    illegal(Broken::Contradiction, &refusal(40), &refusal(25));
}

#[test]
fn a_surge_that_is_refused_altogether() {
    let mut surge: Vec<_> = (0..200).map(|number| taken(slot(0), number, number + 50)).collect();
    let mut won = surge.clone();
    won.push(held(1, slot(0), 0, 40));
    illegal(Broken::RefusedThoughFree, &surge, &won);
    // One who lost the person guard had the bits for a moment.
    let outcome = Outcome::Refused(Refusal::PersonHasHold(id(7)));
    surge.push(call(7, 0, 249, What::Hold(slot(0)), outcome));
    surge.push(held(7, slot(30), 0, 0));
    assert!(history(&surge).check().is_legal());
}

#[test]
fn answers_to_something_else() {
    illegal(Broken::NoAnswer, &[held(1, slot(0), 20, 10)], &[held(1, slot(0), 10, 20)]);
    let odd = call(1, 20, 30, What::Confirm(id(1)), Outcome::Released);
    let first = held(1, slot(0), 0, 10);
    illegal(Broken::NoAnswer, &[first, odd], &[first, released(1, 20, 30)]);
}

#[test]
fn what_nobody_knows_may_have_happened_or_not() {
    let place = slot(0);
    let unknown = call(1, 0, NEVER, What::Hold(place), Outcome::Unknown);
    for after in [held(2, place, 50, 60), taken(place, 50, 60)] {
        let verdict = history(&[unknown, after]).check();
        assert!(verdict.is_legal(), "{verdict:?}");
    }
    // It has not happened once the time for it is over.
    let by = |told| [Call { told, ..unknown }, taken(place, 2_000, 2_010)];
    assert!(history(&by(NEVER)).check().is_legal());
    let release = call(1, 20, NEVER, What::Release(id(1)), Outcome::Unknown);
    let first = held(1, place, 0, 10);
    for after in [held(2, place, 50, 60), taken(place, 50, 60)] {
        let verdict = history(&[first, release, after]).check();
        assert!(verdict.is_legal(), "{verdict:?}");
    }
    let early = history(&[first, release, held(2, place, 12, 19)]).check();
    assert!(!early.is_legal(), "it was given back before anybody asked for it");
}
