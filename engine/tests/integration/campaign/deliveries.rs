//! Deliveries that come, are reduced, are late and are recalled; and restarts in between.

use creneau::*;

use super::spring::{MINUTE, Spring, at, of, sound};

async fn deliveries_of(spring: &Spring, ids: &[AppointmentId]) -> Vec<Option<DeliveryId>> {
    let mut found = Vec::new();
    for id in ids {
        let told = spring.engine.appointment(*id).await.unwrap().unwrap();
        found.push(told.details.dose.as_ref().and_then(|dose| dose.delivery));
    }
    found
}

#[tokio::test(start_paused = true)]
async fn whoever_booked_last_is_left_without_a_dose_and_gets_the_next() {
    let mut spring = Spring::new().await;
    let delivered = spring.put(spring.delivery(3)).await;
    let lot = delivered.info.delivery.id;
    let mut ids = Vec::new();
    for (who, start) in [("ana", "01-07T09:00"), ("bob", "01-05T09:00"), ("eve", "01-06T09:00")] {
        ids.push(spring.book(who, 1, start).await.id);
    }
    let cut = PutDelivery { id: Some(lot), ..spring.delivery(1) };
    let concerned = spring.put(cut).await.concerned;
    let named: Vec<_> = concerned.iter().map(|it| (it.appointment, it.delivery)).collect();
    assert_eq!(named, [(ids[2], None), (ids[1], None)]);
    assert_eq!(deliveries_of(&spring, &ids).await, [Some(lot), None, None]);
    let without =
        spring.engine.without_dose(spring.campaign, Some(spring.place)).await.unwrap().unwrap();
    let without: Vec<_> = without.iter().map(|it| it.appointment).collect();
    assert_eq!(without, [ids[1], ids[2]]);
    let due = spring.engine.due(ListDue { cursor: None, until: None, limit: 100 }).await;
    let told = due.unwrap().unwrap().due;
    assert_eq!(told.iter().filter(|due| due.kind == DueKind::WithoutDose).count(), 2);
    for cleanly in [true, false] {
        spring.again(cleanly, at("01-04T07:30")).await;
        assert_eq!(spring.stock().await, [(0, 1, 0, 0)]);
        assert_eq!(deliveries_of(&spring, &ids).await, [Some(lot), None, None]);
    }
    // Whoever booked first comes first, and before everybody else.
    let more = spring.put(PutDelivery { lot: "B2".parse().unwrap(), ..spring.delivery(1) }).await;
    let new = more.info.delivery.id;
    assert_eq!(deliveries_of(&spring, &ids).await, [Some(lot), Some(new), None]);
    assert_eq!(spring.hold("kim", 1, "01-08T09:00").await, Err(Rejection::NoDose));
    spring.cancel(ids[2], None).await.unwrap();
    assert!(
        spring
            .engine
            .without_dose(spring.campaign, Some(spring.place))
            .await
            .unwrap()
            .unwrap()
            .is_empty()
    );
    sound(&spring).await;
}

#[tokio::test(start_paused = true)]
async fn another_delivery_at_the_place_helps_out() {
    let spring = Spring::new().await;
    let short = PutDelivery { expires: at("02-01T00:00"), ..spring.delivery(2) };
    let short = spring.put(short).await.info.delivery;
    spring.put(spring.delivery(1)).await;
    let ids = [
        spring.book("ana", 1, "01-05T09:00").await.id,
        spring.book("bob", 1, "01-06T09:00").await.id,
    ];
    assert_eq!(
        deliveries_of(&spring, &ids).await,
        [Some(short.id); 2],
        "the one that expires first"
    );
    // It comes later than bob, and one was broken.
    let late = PutDelivery {
        id: Some(short.id),
        arrives: at("01-05T08:00"),
        expires: at("01-06T08:00"),
        ..spring.delivery(2)
    };
    let concerned = spring.put(late).await.concerned;
    assert_eq!(concerned.len(), 1, "{concerned:?}");
    assert_eq!((concerned[0].appointment, concerned[0].delivery.is_some()), (ids[1], true));
    let wasted = spring.engine.waste_doses(short.id, 2, None).await.unwrap().unwrap().value;
    let named: Vec<_> = wasted.concerned.iter().map(|it| (it.appointment, it.delivery)).collect();
    assert_eq!(named, [(ids[0], None)], "the other delivery has none left");
    let fewer = spring.engine.waste_doses(short.id, 1, None).await.unwrap();
    assert!(fewer.is_err(), "what was broken stays broken");
    sound(&spring).await;
}

#[tokio::test(start_paused = true)]
async fn a_recalled_lot_names_who_had_it_and_who_was_to() {
    let mut spring = Spring::new().await;
    let lot = spring.put(spring.delivery(5)).await.info.delivery.id;
    let ana = spring.book("ana", 1, "01-04T10:00").await.id;
    let bob = spring.book("bob", 1, "01-06T09:00").await.id;
    let held = spring.hold("eve", 1, "01-07T09:00").await.unwrap();
    spring.give(ana, None).await.unwrap();
    let name: LotId = "A1".parse().unwrap();
    let recalled = spring.engine.recall_lot(spring.campaign, name, None).await.unwrap().unwrap();
    let mut named: Vec<_> =
        recalled.value.iter().map(|it| (it.person.to_string(), it.given, it.delivery)).collect();
    named.sort();
    let (was, none) = (Some(lot), None);
    assert_eq!(
        named,
        [
            ("ana".to_owned(), true, was),
            ("bob".to_owned(), false, none),
            ("eve".to_owned(), false, none)
        ]
    );
    let refused = spring.engine.confirm(of(held.id)).await.unwrap();
    assert_eq!(refused, Err(Rejection::NoDose));
    assert_eq!(spring.hold("kim", 1, "01-08T09:00").await, Err(Rejection::NoDose));
    spring.again(false, at("01-04T07:30")).await;
    assert_eq!(spring.hold("kim", 1, "01-08T09:00").await, Err(Rejection::NoDose));
    let other = PutDelivery { lot: "B2".parse().unwrap(), ..spring.delivery(5) };
    spring.put(other).await;
    assert!(deliveries_of(&spring, &[bob]).await[0].is_some());
    sound(&spring).await;
}

#[tokio::test(start_paused = true)]
async fn a_move_takes_the_dose_along_or_changes_it() {
    let spring = Spring::new().await;
    let early = PutDelivery { expires: at("01-10T00:00"), ..spring.delivery(1) };
    let early = spring.put(early).await.info.delivery.id;
    let late = spring.put(spring.delivery(1)).await.info.delivery.id;
    let ana = spring.book("ana", 1, "01-05T09:00").await.id;
    assert_eq!(deliveries_of(&spring, &[ana]).await, [Some(early)]);
    spring.shift(ana, "01-06T09:00").await.unwrap();
    assert_eq!(deliveries_of(&spring, &[ana]).await, [Some(early)]);
    spring.shift(ana, "01-12T09:00").await.unwrap();
    assert_eq!(deliveries_of(&spring, &[ana]).await, [Some(late)]);
    assert_eq!(spring.stock().await, [(1, 0, 0, 0), (0, 1, 0, 0)]);
    spring.book("bob", 1, "01-06T09:00").await;
    let refused = spring.shift(ana, "01-06T10:00").await;
    assert_eq!(refused.map(|it| it.start), Ok(at("01-06T10:00")), "hers lasts");
    sound(&spring).await;
}

#[tokio::test(start_paused = true)]
async fn an_offer_without_a_dose_is_accepted_by_nobody() {
    let spring = Spring::new().await;
    let early = spring.put(PutDelivery { expires: at("01-08T00:00"), ..spring.delivery(1) }).await;
    let later = PutDelivery {
        lot: "B2".parse().unwrap(),
        arrives: at("01-08T00:00"),
        ..spring.delivery(1)
    };
    let late = spring.put(later.clone()).await.info.delivery.id;
    let ana = spring.book("ana", 1, "01-05T09:00").await.id;
    let offer = OfferSlot {
        calendar: spring.calendar,
        start: at("01-09T09:00"),
        to: OfferTo::Appointment(ana),
        answer_ms: 60 * MINUTE,
        command: None,
    };
    let offered = spring.engine.offer(offer).await.unwrap().unwrap().value;
    spring.put(PutDelivery { id: Some(late), doses: 0, ..later }).await;
    let accepted = spring.engine.accept(of(offered.id)).await.unwrap();
    assert_eq!(accepted.map(|it| it.value.start), Err(Rejection::NoDose));
    assert_eq!(deliveries_of(&spring, &[ana]).await, [Some(early.info.delivery.id)]);
    sound(&spring).await;
}
