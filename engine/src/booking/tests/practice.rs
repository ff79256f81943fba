//! The rules of reasons, booking for a relative, and until when something can be changed.

use super::super::{By, Change, Definition, Details, Reason, Rejection, Rules, Standing, Visit};
use super::world::World;
use super::{definition, reason};

fn with(rules: Rules) -> Definition {
    let visit = Reason { rules, ..reason("visit", 15, 5) };
    Definition { reasons: vec![visit, reason("long", 30, 0)], ..definition("08:00-18:00") }
}

fn known(standing: Standing) -> Details {
    Details { standing: Some(standing), ..Details::default() }
}

fn person(name: &str) -> By {
    By::Person(name.parse().unwrap())
}

#[test]
fn a_reason_is_for_new_patients_for_known_ones_or_for_all() {
    let mut world = World::of(with(Rules { patients: Some(Standing::New), ..Rules::default() }));
    let refused = Rejection::PatientsOnly { patients: Standing::New };
    assert_eq!(world.hold("ana", "09:00").0, Err(refused), "she did not say");
    world.details = known(Standing::Known);
    world.hold("ana", "09:00").is("PatientsOnly");
    world.hold_for("ana", "long", "09:00", 0).is("Held");
    world.details = known(Standing::New);
    world.hold("bob", "10:00").is("Held");
    world.confirm("bob").is("Confirmed");
    let booking = &world.calendar().live_booking(world.id("bob")).unwrap().booking;
    assert_eq!(booking.details.standing, Some(Standing::New));
}

#[test]
fn by_video_or_in_person_as_the_reason_offers_and_the_hold_chooses() {
    let offers = |visit| World::of(with(Rules { visit, ..Rules::default() }));
    let by_video = Details { by_video: true, ..Details::default() };
    for (visit, in_person, video) in [
        (Visit::InPerson, "Held", "VisitNotOffered"),
        (Visit::Video, "VisitNotOffered", "Held"),
        (Visit::Either, "Held", "Held"),
    ] {
        offers(visit).hold("ana", "09:00").is(in_person);
        let mut world = offers(visit);
        world.details = by_video.clone();
        world.hold("ana", "09:00").is(video);
        // A practice has no camera where its reason offers none.
        world.by = By::Practice;
        world.hold("bob", "10:00").is(video);
    }
}

#[test]
fn notice_and_how_far_ahead_bind_patients_and_not_the_practice() {
    let rules = Rules { notice_minutes: 120, ahead_days: Some(1), ..Rules::default() };
    let mut world = World::of(with(rules));
    let refused = Rejection::TooSoon { notice_minutes: 120 };
    assert_eq!(world.hold("ana", "08:55").0, Err(refused));
    world.hold("ana", "09:00").is("Held");
    world.hold("bob", "01-05 17:40").is("Held");
    world.hold("zoe", "01-06 08:00").is("BeyondHorizon");
    world.by = By::Practice;
    world.hold("zoe", "01-06 08:00").is("Held");
    world.hold("eve", "08:00").is("Held");
    // What binds a hold binds a move.
    world.by = By::Unsaid;
    world.confirm("ana").is("Confirmed");
    world.shift("ana", 0, "08:30").is("TooSoon");
    world.shift("ana", 1, "01-06 09:00").is("BeyondHorizon");
    world.by = By::Practice;
    world.shift("ana", 0, "08:30").is("Moved");
}

#[test]
fn a_day_takes_so_many_of_a_reason_held_ones_too() {
    let mut world = World::of(with(Rules { per_day: Some(2), ..Rules::default() }));
    world.book("ana", "09:00");
    world.hold("bob", "10:00").is("Held");
    assert_eq!(world.hold("zoe", "11:00").0, Err(Rejection::DayFull { per_day: 2 }));
    world.hold_for("zoe", "long", "11:00", 0).is("Held");
    world.book("eve", "01-05 09:00");
    world.shift("eve", 0, "12:00").is("DayFull");
    // Whoever moves within the day was counted before.
    world.shift("ana", 0, "12:00").is("Moved");
    world.by = By::Practice;
    world.hold("max", "13:00").is("Held");
    world.by = By::Unsaid;
    world.release("bob").is("Released");
    world.hold("bob", "14:00").is("DayFull");
    world.release("max").is("Released");
    world.hold("bob", "14:00").is("Held");
}

#[test]
fn a_reason_of_the_practice_is_nobody_elses() {
    let mut world = World::of(with(Rules { practice_only: true, ..Rules::default() }));
    world.hold("ana", "09:00").is("PracticeOnly");
    world.by = person("ana");
    world.hold("ana", "09:00").is("PracticeOnly");
    world.by = By::Practice;
    world.book("ana", "09:00");
    // Nor can it be had by a move.
    world.by = By::Unsaid;
    world.shift("ana", 0, "10:00").is("PracticeOnly");
    world.cancel("ana").is("Cancelled");
}

#[test]
fn a_relative_is_booked_for_and_limits_are_theirs() {
    let mut world = World::new();
    world.hold("mum", "09:00").is("Held");
    world.details = Details { booked_by: Some("mum".parse().unwrap()), ..Details::default() };
    // Her own hold is no obstacle for her children's.
    world.hold("kim", "09:15").is("Held");
    world.hold("lou", "09:30").is("Held");
    world.hold("kim", "10:00").is("PersonHasHold");
    world.by = person("dad");
    world.confirm("kim").is("NotYours");
    world.release("kim").is("NotYours");
    // The child did not book it either.
    world.by = person("kim");
    world.confirm("kim").is("NotYours");
    world.by = person("mum");
    world.confirm("kim").is("Confirmed");
    world.by = person("dad");
    world.cancel("kim").is("NotYours");
    world.shift("kim", 0, "11:00").is("NotYours");
    world.shift("kim", 1, "11:00").is("NotYours");
    world.by = By::Practice;
    world.shift("kim", 1, "11:00").is("Moved");
    world.here = 1;
    let booking = &world.calendar().live_booking(world.id("kim")).unwrap().booking;
    assert_eq!(*booking.details, world.details, "who booked goes with it");
    world.by = person("mum");
    world.cancel("kim").is("Cancelled");
}

#[test]
fn an_appointment_can_be_changed_until_so_long_before_it() {
    let mut world = World::new();
    world.change(Change { change_until_minutes: Some(120), ..Change::default() });
    world.book("ana", "10:00");
    world.book("bob", "11:00");
    world.wait_until("08:00");
    world.cancel("ana").is("Cancelled");
    world.wait_until("09:00");
    world.shift("bob", 0, "15:00").is("Moved");
    world.shift("bob", 0, "11:00").is("Moved");
    world.wait_ms(1);
    let late = Rejection::TooLate { until_minutes: 120 };
    assert_eq!(world.cancel("bob").0, Err(late.clone()));
    assert_eq!(world.shift("bob", 1, "15:00").0, Err(late));
    // Another booker is told that first.
    world.by = person("eve");
    world.cancel("bob").is("NotYours");
    world.by = By::Practice;
    world.shift("bob", 0, "15:00").is("Moved");
    world.wait_until("15:00");
    world.cancel("bob").is("NotChangeable");
}

#[test]
fn what_is_moved_keeps_its_buffer() {
    let mut world = World::of(with(Rules::default()));
    world.book("ana", "09:00");
    world.shift("ana", 0, "10:00").is("Moved");
    world.hold("bob", "10:15").is("SlotTaken");
    world.hold("bob", "10:20").is("Held");
}

#[test]
fn rules_have_rules() {
    let broken = |rules| match with(rules).checked() {
        Err(Rejection::Invalid { field, .. }) => field,
        other => format!("{other:?}"),
    };
    let none = Rules::default;
    assert_eq!(broken(Rules { per_day: Some(0), ..none() }), "reasons[0].per_day");
    assert_eq!(broken(Rules { ahead_days: Some(731), ..none() }), "reasons[0].ahead_days");
    let rules = Rules { notice_minutes: 129_601, ..none() };
    assert_eq!(broken(rules), "reasons[0].notice_minutes");
    let rules = Rules { instructions: Some(" ".to_owned()), ..none() };
    assert_eq!(broken(rules), "reasons[0].instructions");
}
