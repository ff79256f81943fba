//! Doses of people: one at a time, in order, together, and given.

use std::time::Duration;

use creneau::campaign::{Ineligible, Recorded};
use creneau::*;

use super::spring::{MINUTE, Spring, at, facts, of, wait};

fn why(refused: Result<Hold, Rejection>) -> Ineligible {
    match refused {
        Err(Rejection::NotEligible { why }) => *why,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_slot_is_held_with_a_dose_or_not_at_all() {
    let spring = Spring::new().await;
    assert_eq!(spring.hold("ana", 1, "01-05T09:00").await, Err(Rejection::NoDose));
    let delivered = spring.put(spring.delivery(2)).await;
    let hold = spring.hold("ana", 1, "01-05T09:00").await.unwrap();
    let dose = hold.details.dose.as_ref().unwrap();
    assert_eq!((dose.delivery, dose.number), (Some(delivered.info.delivery.id), 1));
    assert_eq!(spring.stock().await, [(1, 1, 0, 0)]);
    let again = spring.hold("ana", 1, "01-05T09:00").await.unwrap();
    assert_eq!(again.id, hold.id, "her own");
    spring.hold("bob", 1, "01-05T09:00").await.unwrap();
    assert_eq!(spring.hold("eve", 1, "01-05T10:00").await, Err(Rejection::NoDose));
    spring.engine.release(of(hold.id)).await.unwrap().unwrap();
    spring.hold("eve", 1, "01-05T10:00").await.unwrap();
    // What nobody confirms comes back.
    wait(16 * MINUTE).await;
    assert_eq!(spring.stock().await, [(2, 0, 0, 0)]);
}

#[tokio::test(start_paused = true)]
async fn a_reason_and_a_dose_go_together() {
    let spring = Spring::new().await;
    spring.put(spring.delivery(2)).await;
    let plain = HoldSlot { dose: None, ..spring.slot("ana", 1, "01-05T09:00") };
    let refused = spring.engine.hold(plain.clone()).await.unwrap().unwrap_err();
    assert!(refused.to_string().starts_with("dose must be stated"), "{refused}");
    let mut slipped = plain;
    slipped.details.dose = spring.hold("bob", 1, "01-05T09:00").await.unwrap().details.dose;
    assert!(spring.engine.hold(slipped).await.unwrap().is_err(), "the engine alone says which");
    let mut definition = Definition::weekdays("Elsewhere", "Europe/Paris");
    let centre = spring.engine.calendar(spring.calendar).await.unwrap().unwrap();
    definition.reasons = centre.definition.reasons;
    let refused = spring.engine.create_calendar(definition, None).await.unwrap().unwrap_err();
    assert!(refused.to_string().starts_with("reasons[0].dose"), "{refused}");
}

#[tokio::test(start_paused = true)]
async fn only_days_with_a_dose_have_slots() {
    let spring = Spring::new().await;
    let early = PutDelivery { expires: at("01-06T00:00"), ..spring.delivery(1) };
    spring.put(early).await;
    let late = PutDelivery { arrives: at("01-07T00:00"), ..spring.delivery(1) };
    spring.put(late).await;
    let days = async || {
        let wanted = FindSlots {
            calendar: spring.calendar,
            reason: "jab".parse().unwrap(),
            from: at("01-04T00:00"),
            until: at("01-09T00:00"),
            limit: 1_000,
            practice: false,
        };
        let found = spring.engine.find_slots(wanted).await.unwrap().unwrap().slots;
        let mut days: Vec<_> =
            found.iter().map(|it| it.start.to_string()[..10].to_owned()).collect();
        days.dedup();
        days
    };
    assert_eq!(days().await, ["2027-01-04", "2027-01-05", "2027-01-07", "2027-01-08"]);
    spring.book("ana", 1, "01-05T09:00").await;
    assert_eq!(days().await, ["2027-01-07", "2027-01-08"]);
    assert_eq!(spring.hold("bob", 1, "01-06T09:00").await, Err(Rejection::NoDose));
}

#[tokio::test(start_paused = true)]
async fn who_may_not_is_told_why_and_from_when() {
    let spring = Spring::new().await;
    spring.put(spring.delivery(5)).await;
    let now = spring.engine.now();
    let young = spring.slot_of("ana", 1, "01-05T09:00", facts("65-74", now));
    let refused = spring.engine.hold(young).await.unwrap().map(|held| held.value);
    let opens = at("02-01T00:00");
    let says = "people of 65-74".to_owned();
    assert_eq!(why(refused), Ineligible::NotYet { opens, says });
    wait(61 * MINUTE).await;
    let old = spring.slot_of("ana", 1, "01-05T09:00", facts("75+", now));
    let refused = spring.engine.hold(old).await.unwrap().map(|held| held.value);
    assert_eq!(why(refused), Ineligible::FactsOutdated);
    let asked = AskEligible {
        campaign: spring.campaign,
        vaccine: "mrna".parse().unwrap(),
        number: 1,
        start: None,
        facts: facts("75+", spring.engine.now()),
        person: None,
    };
    assert_eq!(spring.engine.eligible(asked).await.unwrap().unwrap().as_str(), "oldest");
}

#[tokio::test(start_paused = true)]
async fn nobody_has_two_of_a_dose_and_none_without_the_one_before() {
    let spring = Spring::new().await;
    spring.put(spring.delivery(9)).await;
    let first = spring.hold("ana", 1, "01-05T09:00").await.unwrap();
    let refused = spring.hold("ana", 1, "01-06T09:00").await;
    assert_eq!(refused, Err(Rejection::PersonHasHold { hold: first.id }));
    spring.engine.confirm(of(first.id)).await.unwrap().unwrap();
    let booking = Some(first.id);
    let twice = Ineligible::HasDose { number: 1, booking };
    assert_eq!(why(spring.hold("ana", 1, "01-06T09:00").await), twice);
    let missing = Ineligible::NeedsDose { number: 1 };
    assert_eq!(why(spring.hold("bob", 2, "01-26T09:00").await), missing);
    let early = why(spring.hold("ana", 2, "01-20T09:00").await);
    assert_eq!(early, Ineligible::TooEarly { from: at("01-25T21:00") });
    spring.book("ana", 2, "01-27T09:00").await;
    let is: Vec<_> = spring.records("ana").await.iter().map(|it| (it.number, it.is)).collect();
    assert_eq!(is, [(1, Recorded::Booked), (2, Recorded::Booked)]);
    // The first keeps to the interval when it moves.
    let late = spring.shift(first.id.into(), "01-08T09:00").await;
    assert!(matches!(late, Err(Rejection::NotEligible { .. })), "{late:?}");
    spring.shift(first.id.into(), "01-06T09:00").await.unwrap();
    // A first dose elsewhere counts.
    let mut stated = facts("75+", spring.engine.now());
    stated.elsewhere.push(spring.elsewhere(1, "01-01T09:00"));
    let second = spring.slot_of("bob", 2, "01-26T09:00", stated);
    spring.engine.hold(second).await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn who_asks_from_all_sides_has_one() {
    let spring = Spring::new().await;
    spring.put(spring.delivery(9)).await;
    let asked = (0..8).map(|place| {
        let (engine, minute) = (spring.engine.clone(), place * 10 % 60);
        let slot = spring.slot("ana", 1, &format!("01-05T09:{minute:02}"));
        tokio::spawn(async move { engine.hold(slot).await.unwrap() })
    });
    let asked: Vec<_> = asked.collect();
    let mut held = Vec::new();
    for answer in asked {
        held.extend(answer.await.unwrap());
    }
    assert_eq!(held.iter().filter(|held| held.fresh).count(), 1);
    assert_eq!(spring.stock().await, [(8, 1, 0, 0)]);
}

#[tokio::test(start_paused = true)]
async fn two_doses_are_held_confirmed_and_ended_together() {
    let mut spring = Spring::new().await;
    spring.put(spring.delivery(9)).await;
    let (one, two) = (spring.slot("ana", 1, "01-05T09:00"), spring.slot("ana", 2, "01-27T09:00"));
    let early = spring.slot("ana", 2, "01-10T09:00");
    let refused = spring.engine.hold_doses(one.clone(), early).await.unwrap();
    assert!(matches!(refused, Err(Rejection::NotEligible { .. })), "{refused:?}");
    assert_eq!(spring.stock().await, [(9, 0, 0, 0)], "neither");
    let both = spring.engine.hold_doses(one.clone(), two.clone()).await.unwrap().unwrap();
    assert!(both.fresh);
    let again = spring.engine.hold_doses(one.clone(), two.clone()).await.unwrap().unwrap();
    assert_eq!(
        (again.fresh, again.value.map(|it| it.id)),
        (false, both.value.each_ref().map(|it| it.id))
    );
    let [first, second] = both.value;
    let twin = |hold: &Hold| hold.details.dose.as_ref().and_then(|dose| dose.twin);
    assert_eq!((twin(&first), twin(&second)), (Some(second.id), Some(first.id)));
    assert_eq!(spring.stock().await, [(7, 2, 0, 0)]);
    spring.engine.release(of(second.id)).await.unwrap().unwrap();
    assert_eq!(spring.stock().await, [(9, 0, 0, 0)], "both");
    let [first, second] =
        spring.engine.hold_doses(one.clone(), two.clone()).await.unwrap().unwrap().value;
    wait(16 * MINUTE).await;
    assert_eq!(spring.stock().await, [(9, 0, 0, 0)], "both expire");
    let gone = spring.engine.confirm(of(first.id)).await.unwrap();
    assert_eq!((gone, second.expires_at), (Err(Rejection::HoldExpired), first.expires_at));
    let stated = |slot: HoldSlot| {
        spring.slot_of(
            "ana",
            slot.dose.unwrap().number,
            "01-05T09:00",
            facts("75+", spring.engine.now()),
        )
    };
    let (one, two) = (stated(one), HoldSlot { start: at("01-27T09:00"), ..stated(two) });
    let [first, second] = spring.engine.hold_doses(one, two).await.unwrap().unwrap().value;
    spring.engine.confirm(of(first.id)).await.unwrap().unwrap();
    let second = spring.engine.appointment(second.id.into()).await.unwrap().unwrap();
    assert_eq!(second.status, AppointmentStatus::Booked, "both");
    let undecided = spring.cancel(first.id.into(), None).await;
    assert_eq!(undecided, Err(Rejection::NextDose { appointment: second.id }));
    spring.again(false, at("01-04T08:00")).await;
    spring.cancel(first.id.into(), Some(NextDose::Cancel)).await.unwrap();
    let second = spring.engine.appointment(second.id).await.unwrap().unwrap();
    assert_eq!(second.status, AppointmentStatus::Cancelled);
    assert_eq!(spring.stock().await, [(9, 0, 0, 0)]);
}

#[tokio::test(start_paused = true)]
async fn a_dose_is_given_with_its_lot_and_counts() {
    let mut spring = Spring::new().await;
    let lot = spring.put(spring.delivery(2)).await.info.delivery.id;
    let (one, two) = (spring.slot("ana", 1, "01-05T09:00"), spring.slot("ana", 2, "01-27T09:00"));
    let [first, second] = spring.engine.hold_doses(one, two).await.unwrap().unwrap().value;
    spring.engine.confirm(of(first.id)).await.unwrap().unwrap();
    assert_eq!(spring.give(first.id.into(), None).await, Err(Rejection::NotYet));
    wait(26 * 60 * MINUTE).await;
    let given = spring.give(first.id.into(), None).await.unwrap();
    assert_eq!((given.fresh, given.value.delivery), (true, lot));
    let stays = given.value.stays_until.millis() - given.value.at.millis();
    assert_eq!((stays, given.value.number), (15 * MINUTE, 1));
    assert!(!spring.give(first.id.into(), None).await.unwrap().fresh, "once");
    assert_eq!(spring.stock().await, [(0, 1, 1, 0)]);
    assert_eq!(spring.give(second.id.into(), None).await, Err(Rejection::NotYet));
    spring.again(true, at("01-27T10:00")).await;
    spring.give(second.id.into(), None).await.unwrap();
    let by = vec![CoverageBy::Band];
    let asked =
        ReadCoverage { campaign: spring.campaign, by, place: None, from: None, until: None };
    let rows = spring.engine.coverage(asked).await.unwrap().unwrap();
    let told: Vec<_> = rows
        .iter()
        .map(|it| (it.band.clone().unwrap(), it.first, it.complete, it.booked))
        .collect();
    assert_eq!(told, [("75+".parse().unwrap(), 1, 1, 0)]);
}

#[tokio::test(start_paused = true)]
async fn who_does_not_come_leaves_the_dose_to_others() {
    let spring = Spring::new().await;
    spring.put(spring.delivery(1)).await;
    let ana = spring.book("ana", 1, "01-05T09:00").await;
    wait(26 * 60 * MINUTE).await;
    let marked = |mark| MarkAppointment { appointment: ana.id, mark, command: None };
    let refused = spring.engine.mark(marked(Mark::Fulfilled)).await.unwrap();
    assert_eq!(refused, Err(Rejection::DoseNotGiven), "by giving it alone");
    spring.engine.mark(marked(Mark::NoShow)).await.unwrap().unwrap();
    assert_eq!(spring.stock().await, [(1, 0, 0, 0)]);
    let bob = spring.book("bob", 1, "01-05T18:00").await;
    // She comes after all, and there is none.
    assert_eq!(spring.give(ana.id, None).await, Err(Rejection::NoDose));
    spring.cancel(bob.id, None).await.unwrap();
    let lot = spring.engine.deliveries(spring.campaign, spring.place).await.unwrap().unwrap();
    spring.give(ana.id, Some(lot[0].delivery.id)).await.unwrap();
    assert_eq!(spring.stock().await, [(0, 0, 1, 0)]);
    tokio::time::sleep(Duration::from_millis(1)).await;
}
