//! The lines of a campaign: who is offered what comes free, in which order, and restarts between.

use creneau::*;

use super::spring::{MINUTE, Spring, at, code, facts, of, sound, wait};

fn asked(spring: &Spring, who: &str, band: &str) -> AskLine {
    AskLine {
        campaign: spring.campaign,
        place: spring.place,
        reason: "jab".parse().unwrap(),
        number: 1,
        facts: facts(band, spring.engine.now()),
        person: who.parse().unwrap(),
        booked_by: None,
        standing: None,
        when: None,
        from: None,
        until: None,
        command: None,
    }
}

async fn joins(spring: &Spring, who: &str, band: &str) -> LineInfo {
    spring.engine.join_line(asked(spring, who, band)).await.unwrap().unwrap().value
}

/// Who waits, in order, and who of them is offered something.
async fn line(spring: &Spring) -> Vec<(String, bool)> {
    let stocked = (spring.campaign, spring.place, "mrna".parse().unwrap());
    let line = spring.engine.line(stocked, 100).await.unwrap().unwrap();
    assert_eq!(line.waiting, line.first.len());
    let told = |it: LineInfo| (it.place.person.as_str().to_owned(), it.offer.is_some());
    line.first.into_iter().map(told).collect()
}

async fn offered(spring: &Spring, id: WishId) -> Option<Hold> {
    spring.engine.line_info(id).await.unwrap().unwrap().offer
}

fn told(list: &[(&str, bool)]) -> Vec<(String, bool)> {
    list.iter().map(|(who, offered)| ((*who).to_owned(), *offered)).collect()
}

async fn spring_in_february() -> Spring {
    let mut spring = Spring::new().await;
    spring.again(true, at("02-02T07:00")).await;
    spring
}

#[tokio::test(start_paused = true)]
async fn what_comes_free_is_offered_by_rank_and_then_by_when_they_came() {
    let mut spring = spring_in_february().await;
    spring.put(spring.delivery(1)).await;
    let ana = spring.book("ana", 1, "02-04T09:00").await;
    let bob = joins(&spring, "bob", "65-74").await;
    let eve = joins(&spring, "eve", "75+").await;
    let kim = joins(&spring, "kim", "75+").await;
    assert_eq!((bob.place.rank, eve.place.rank), (1, 0));
    assert_eq!(line(&spring).await, told(&[("eve", false), ("kim", false), ("bob", false)]));
    assert_eq!(joins(&spring, "eve", "75+").await.place, eve.place, "once is enough");
    spring.cancel(ana.id, None).await.unwrap();
    wait(1_000).await;
    assert_eq!(line(&spring).await, told(&[("eve", true), ("kim", false), ("bob", false)]));
    assert_eq!(spring.hold("zoe", 1, "02-05T09:00").await, Err(Rejection::NoDose));
    // Declined: the next, also after a crash.
    let hers = offered(&spring, eve.place.id).await.unwrap();
    spring.engine.release(of(hers.id)).await.unwrap().unwrap();
    wait(1_000).await;
    spring.again(false, at("02-02T07:05")).await;
    wait(1_000).await;
    let hers = offered(&spring, eve.place.id).await.unwrap();
    assert_eq!(hers.start, at("02-02T08:10"));
    let leaves = OfWish { wish: eve.place.id, by: By::Unsaid };
    spring.engine.withdraw(leaves).await.unwrap().unwrap();
    let still = offered(&spring, eve.place.id).await;
    assert_eq!(still.map(|it| it.id), Some(hers.id), "what is offered can still be had");
    spring.engine.release(of(hers.id)).await.unwrap().unwrap();
    wait(1_000).await;
    let theirs = offered(&spring, kim.place.id).await.unwrap();
    let granted = spring.engine.accept(of(theirs.id)).await.unwrap().unwrap().value;
    let info = spring.engine.line_info(kim.place.id).await.unwrap().unwrap();
    assert_eq!(info.status, WishStatus::Granted(granted.id));
    assert_eq!(line(&spring).await, told(&[("bob", false)]));
    assert_eq!(spring.stock().await, [(0, 1, 0, 0)]);
    sound(&spring).await;
}

#[tokio::test(start_paused = true)]
async fn a_delivery_is_offered_to_as_many_as_it_has_doses_and_the_rest_is_free_for_all() {
    let spring = spring_in_february().await;
    let delivered = spring.put(spring.delivery(0)).await;
    let mut ids = Vec::new();
    for who in ["a", "b", "c"] {
        ids.push(joins(&spring, who, "75+").await.place.id);
    }
    let lot = Some(delivered.info.delivery.id);
    spring.put(PutDelivery { id: lot, ..spring.delivery(2) }).await;
    wait(1_000).await;
    assert_eq!(line(&spring).await, told(&[("a", true), ("b", true), ("c", false)]));
    spring.put(PutDelivery { id: lot, ..spring.delivery(4) }).await;
    wait(1_000).await;
    assert_eq!(line(&spring).await, told(&[("a", true), ("b", true), ("c", true)]));
    // Everybody was asked: what is left now is for whoever comes.
    spring.book("zoe", 1, "02-05T09:00").await;
    // Nobody answers in time, three times: they wait no more.
    wait(120 * MINUTE).await;
    assert_eq!(line(&spring).await, told(&[]));
    for id in ids {
        let info = spring.engine.line_info(id).await.unwrap().unwrap();
        assert_eq!((info.status, info.offer), (WishStatus::PassedBy, None));
    }
    assert_eq!(spring.stock().await, [(3, 1, 0, 0)]);
    sound(&spring).await;
}

#[tokio::test(start_paused = true)]
async fn a_slot_that_comes_free_is_for_the_line() {
    let spring = spring_in_february().await;
    spring.put(spring.delivery(10)).await;
    // All that is bookable is before noon today, and taken.
    let change = Change {
        weekly_hours: Some(WeeklyHours::default()),
        exceptions: Some(vec![DayException {
            date: jiff::civil::date(2027, 2, 2).into(),
            hours: Interval::new(9 * 60, 9 * 60 + 10).into_iter().collect(),
        }]),
        ..Change::default()
    };
    let calendar = spring.calendar;
    let changed = ChangeCalendar { calendar, change, version: None, command: None };
    spring.engine.change_calendar(changed).await.unwrap().unwrap();
    let ana = spring.book("ana", 1, "02-02T09:00").await;
    spring.book("bob", 1, "02-02T09:00").await;
    let eve = joins(&spring, "eve", "75+").await;
    wait(1_000).await;
    assert_eq!(offered(&spring, eve.place.id).await, None);
    spring.cancel(ana.id, None).await.unwrap();
    let zoe = spring.hold("zoe", 1, "02-02T09:00").await;
    assert!(matches!(zoe, Err(Rejection::NoDose | Rejection::SlotTaken { .. })), "{zoe:?}");
    wait(1_000).await;
    let hers = offered(&spring, eve.place.id).await.unwrap();
    assert_eq!((hers.start, hers.person.as_str()), (at("02-02T09:00"), "eve"));
    sound(&spring).await;
}

#[tokio::test(start_paused = true)]
async fn who_may_not_have_a_dose_does_not_wait_for_one() {
    let spring = spring_in_february().await;
    spring.put(spring.delivery(1)).await;
    let join = async |asked: AskLine| spring.engine.join_line(asked).await.unwrap();
    let young = join(asked(&spring, "bob", "18-64")).await;
    assert!(matches!(young, Err(Rejection::NotEligible { .. })), "{young:?}");
    let second = join(AskLine { number: 2, ..asked(&spring, "bob", "75+") }).await;
    assert!(matches!(second, Err(Rejection::NotEligible { .. })), "{second:?}");
    let reason = "visit".parse().unwrap();
    let other = join(AskLine { reason, ..asked(&spring, "bob", "75+") }).await;
    assert_eq!(other, Err(Rejection::UnknownReason));
    let place = PlaceId::from_bits(7);
    let nowhere = join(AskLine { place, ..asked(&spring, "bob", "75+") }).await;
    assert_eq!(nowhere, Err(Rejection::UnknownPlace));
    spring.book("ana", 1, "02-04T09:00").await;
    let has = join(asked(&spring, "ana", "75+")).await;
    assert!(matches!(has, Err(Rejection::NotEligible { .. })), "{has:?}");
    // Who waits and books elsewhere waits no more.
    let bob = joins(&spring, "bob", "75+").await;
    let stranger = By::Person("eve".parse().unwrap());
    let left = spring.engine.withdraw(OfWish { wish: bob.place.id, by: stranger }).await;
    assert_eq!(left.unwrap(), Err(Rejection::NotYours));
    spring.put(PutDelivery { lot: "B2".parse().unwrap(), ..spring.delivery(3) }).await;
    wait(1_000).await;
    let hers = offered(&spring, bob.place.id).await.unwrap();
    assert_eq!(hers.details.dose.as_ref().map(|it| it.band.clone()), Some(code("75+")));
    spring.engine.confirm(of(hers.id)).await.unwrap().unwrap();
    assert_eq!(line(&spring).await, told(&[]));
    let again = spring.engine.lines_of(spring.campaign, &"bob".parse().unwrap()).await;
    assert_eq!(again.unwrap().unwrap().len(), 1);
    sound(&spring).await;
}

/// Nobody has a free slot any more today, and there are four doses and two overflow lanes.
async fn evening() -> Spring {
    let spring = spring_in_february().await;
    spring.put(spring.delivery(6)).await;
    let change = Change {
        weekly_hours: Some(WeeklyHours::default()),
        exceptions: Some(vec![DayException {
            date: jiff::civil::date(2027, 2, 2).into(),
            hours: Interval::new(9 * 60, 9 * 60 + 10).into_iter().collect(),
        }]),
        overflow_lanes: Some(2),
        ..Change::default()
    };
    let calendar = spring.calendar;
    let changed = ChangeCalendar { calendar, change, version: None, command: None };
    spring.engine.change_calendar(changed).await.unwrap().unwrap();
    spring.book("ana", 1, "02-02T09:00").await;
    spring.book("bob", 1, "02-02T09:00").await;
    spring
}

fn remaining(spring: &Spring, overflow: bool) -> OfferRemaining {
    OfferRemaining {
        campaign: spring.campaign,
        place: spring.place,
        vaccine: "mrna".parse().unwrap(),
        from: None,
        until: None,
        answer_ms: 5 * MINUTE,
        overflow,
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_left_in_the_evening_is_offered_in_order_beyond_the_lanes_too() {
    let mut spring = evening().await;
    let mut places = Vec::new();
    for (who, band) in [("cat", "65-74"), ("dan", "75+"), ("eve", "65-74"), ("fay", "75+")] {
        places.push(joins(&spring, who, band).await.place.id);
    }
    wait(1_000).await;
    let order = [("dan", false), ("fay", false), ("cat", false), ("eve", false)];
    assert_eq!(line(&spring).await, told(&order), "no slot is free");
    let offer = |spring: &Spring, overflow| {
        let (engine, asked) = (spring.engine.clone(), remaining(spring, overflow));
        async move { engine.offer_remaining(asked).await.unwrap().unwrap() }
    };
    let none = offer(&spring, false).await;
    assert_eq!((none.offers.len(), none.left, none.waiting), (0, 4, 4));
    let two = offer(&spring, true).await;
    let names = |told: &Remaining| {
        told.offers.iter().map(|it| it.person.as_str().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!((names(&two), two.left, two.waiting), (vec!["dan".into(), "fay".into()], 2, 2));
    let until = spring.engine.now().plus_ms(5 * MINUTE);
    assert!(two.offers.iter().all(|it| it.expires_at <= Some(until)), "{two:?}");
    assert_eq!(offer(&spring, true).await.offers, [], "both lanes are held");
    // One takes it; the other does not answer, and the next is offered their place.
    let granted = spring.engine.accept(of(two.offers[0].id)).await.unwrap().unwrap().value;
    assert!(2 <= granted.lane, "beyond the two lanes of everybody: {granted:?}");
    wait(6 * MINUTE).await;
    let then = offer(&spring, true).await;
    assert_eq!((names(&then), then.left, then.waiting), (vec!["cat".into()], 2, 2));
    // Also after a crash.
    spring.again(false, at("02-02T07:08")).await;
    spring.engine.accept(of(then.offers[0].id)).await.unwrap().unwrap();
    assert_eq!(line(&spring).await, told(&[("fay", false), ("eve", false)]));
    assert_eq!(spring.stock().await, [(2, 4, 0, 0)]);
    sound(&spring).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_left_is_offered_within_limits_that_are_told() {
    let spring = evening().await;
    let refused = async |change: &dyn Fn(&mut OfferRemaining)| {
        let mut asked = remaining(&spring, true);
        change(&mut asked);
        match spring.engine.offer_remaining(asked).await.unwrap() {
            Err(Rejection::Invalid { field, .. }) => field,
            other => format!("{other:?}"),
        }
    };
    assert_eq!(refused(&|it| it.answer_ms = MINUTE - 1).await, "answer");
    assert_eq!(refused(&|it| it.answer_ms = 24 * 60 * MINUTE + 1).await, "answer");
    assert_eq!(refused(&|it| it.vaccine = "other".parse().unwrap()).await, "vaccine");
    assert_eq!(refused(&|it| it.until = Some(at("02-02T06:00"))).await, "until");
    assert_eq!(refused(&|it| it.until = Some(at("02-04T08:00"))).await, "until");
    assert_eq!(refused(&|it| it.place = PlaceId::from_bits(9)).await, "Err(UnknownPlace)");
    let campaign = refused(&|it| it.campaign = CampaignId::from_bits(9)).await;
    assert_eq!(campaign, "Err(UnknownCampaign)");
    assert_eq!(
        refused(&|it| it.until = Some(at("02-03T20:00"))).await,
        "Ok(Remaining { offers: [], left: 4, waiting: 0 })",
    );
}
