//! What is looked at while nothing is in flight: every answer against the journal.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::ledger::{Ask, Told};
use super::model::{Model, State};
use super::plan;
use super::random::Dice;
use super::scene::{Scene, locked, read_on};
use super::{auditor, campaigning, followed, registering};
use crate::booking::schedule::later;
use crate::booking::{By, Calendar, Channel, Definition, Details, Rejection};
use crate::error::Error;
use crate::ids::{CalendarId, HoldId, PersonId};
use crate::limits::PANICS_MAX;
use crate::request::{
    FindSlots, HoldFirst, HoldSlot, HoldStatus, ListAppointments, OfHold, OfWish,
};
use crate::time::Timestamp;

/// Seconds after which nothing can be under way any more.
const REST_MAX_S: u64 = 60;

/// Days of slots that are compared.
const DAYS: i64 = 2;

/// Bookings that are looked at each time.
const BOOKINGS_MAX: usize = 400;

/// Slots of a calendar that are held to see that they can be.
const TRIED: usize = 6;

/// Waits until nothing is under way, expiries included, which are no requests: until all that was
/// written is durable.
///
/// # Errors
///
/// When that does not happen.
pub async fn reach(scene: &Scene) -> Result<(), String> {
    let rest = async {
        loop {
            let status = scene.engine.status();
            let is_durable = scene.disk.end() <= status.watermark || status.ready.is_err();
            if status.under_way == 0 && is_durable {
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let reached = tokio::time::timeout(Duration::from_secs(REST_MAX_S), rest).await;
    reached.map_err(|_| format!("{} are under way for ever", scene.engine.status().under_way))
}

fn model(scene: &Scene) -> Result<Arc<Model>, String> {
    let hold_ms = i64::try_from(scene.plan.config.hold.as_millis()).unwrap_or(0);
    read_on(&scene.model, &scene.disk, hold_ms)
}

/// Compares all answers with the journal.
///
/// # Errors
///
/// The first that differs.
pub async fn compare(scene: &Scene, dice: &mut Dice) -> Result<(), String> {
    reach(scene).await?;
    if scene.engine.status().ready.is_err() {
        return Ok(());
    }
    locked(&scene.book).counts.audits += 1;
    // A hold may end while it is looked at; then it is looked at once more.
    for _ in 0..20 {
        // Whoever waits is asked first.
        for _ in 0..400 {
            if scene.engine.lines_are_settled() || scene.engine.status().ready.is_err() {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        reach(scene).await?;
        let before = model(scene)?;
        let found = compare_once(scene, &before, &mut dice.fork()).await;
        if scene.engine.status().ready.is_err() {
            return Ok(());
        }
        reach(scene).await?;
        if scene.disk.end() == before.tail {
            return found;
        }
    }
    Ok(())
}

async fn compare_once(scene: &Scene, model: &Model, dice: &mut Dice) -> Result<(), String> {
    let status = scene.engine.status();
    if status.watermark != model.tail || status.calendars != model.calendars.len() {
        return Err(format!("{status:?}, but the journal ends at {}", model.tail));
    }
    for (id, calendar) in &model.calendars {
        let told = scene.engine.calendar(*id).await;
        let definition = calendar.schedule().definition();
        let same = matches!(&told, Ok(Ok(info))
            if info.version == calendar.version() && info.definition == *definition);
        if !same {
            return Err(format!("{told:?} is not {definition:?}"));
        }
        compare_slots(scene, model, (*id, calendar), dice).await?;
    }
    compare_bookings(scene, model, dice).await?;
    followed::compare(scene, model).await?;
    registering::compare(scene, model).await?;
    campaigning::compare(scene, model).await?;
    for (person, expected) in auditor::appointments(model) {
        let person = PersonId::new(person).map_err(|error| error.to_string())?;
        let asked = ListAppointments { person, cursor: None, limit: 1_000 };
        let told = scene.engine.appointments(asked).await;
        let Ok(Ok(page)) = &told else { return Err(format!("{told:?}")) };
        let told: Vec<_> = page.appointments.iter().map(|a| (a.start, a.id.into())).collect();
        if told != expected {
            return Err(format!("appointments are {told:?}, not {expected:?}"));
        }
    }
    Ok(())
}

/// The bookings that are looked at: all, or of a long history the newest and some of the others.
fn looked_at(model: &Model, dice: &mut Dice) -> BTreeSet<HoldId> {
    if model.bookings.len() <= BOOKINGS_MAX {
        return model.bookings.keys().copied().collect();
    }
    let mut ids: Vec<_> = model.bookings.iter().map(|(id, told)| (told.held_at, *id)).collect();
    ids.sort_unstable();
    let older = ids.len() - BOOKINGS_MAX / 2;
    let mut chosen: BTreeSet<_> = ids.iter().skip(older).map(|(_, id)| *id).collect();
    for _ in 0..BOOKINGS_MAX / 2 {
        chosen.extend(ids.get(dice.place(older)).map(|(_, id)| *id));
    }
    chosen
}

async fn compare_bookings(scene: &Scene, model: &Model, dice: &mut Dice) -> Result<(), String> {
    for id in &looked_at(model, dice) {
        let Some(known) = model.bookings.get(id) else { continue };
        let told = scene.engine.appointment((*id).into()).await;
        if !auditor::is_as_known(known, Some(&told)) {
            return Err(format!("{told:?} is not {known:?}"));
        }
        if known.booking.is_part() {
            let told = Box::pin(scene.engine.hold_info(*id)).await;
            if told != Ok(Err(Rejection::UnknownHold)) {
                return Err(format!("{told:?} of a part: {known:?}"));
            }
            continue;
        }
        let status = match &known.state {
            State::Held(deadline, _) if *deadline <= scene.engine.now() => continue,
            State::Held(..) => HoldStatus::Held,
            State::Booked | State::Marked(_) | State::Cancelled | State::Accepted(_) => {
                HoldStatus::Confirmed
            }
            State::Released => HoldStatus::Released,
            State::Expired => HoldStatus::Expired,
        };
        match Box::pin(scene.engine.hold_info(*id)).await {
            Ok(Ok(hold)) if hold.status == status => {}
            // What ended without an appointment is forgotten after a day.
            Ok(Err(_))
                if matches!(known.state, State::Released | State::Expired | State::Accepted(_)) =>
            {
                let ended = known.settled_at.unwrap_or(known.deadline);
                if scene.engine.now() < ended.plus_minutes(24 * 60) {
                    return Err(format!("{id} was forgotten too early: {known:?}"));
                }
            }
            told => return Err(format!("{told:?} is not {known:?}")),
        }
    }
    Ok(())
}

/// A stretch of free slots, against what the calendar's state says.
async fn compare_slots(
    scene: &Scene,
    model: &Model,
    (id, calendar): (CalendarId, &Calendar),
    dice: &mut Dice,
) -> Result<(), String> {
    if is_quarantined(scene, id) {
        return Ok(());
    }
    let definition = calendar.schedule().definition();
    let Some(reason) = dice.pick(&definition.reasons) else { return Ok(()) };
    let day = i64::try_from(dice.below(u64::from(definition.horizon_days) + 2)).unwrap_or(0);
    // A minute from now, so that no step begins meanwhile.
    let from = scene.engine.now().plus_minutes(day * 24 * 60 + 1);
    let until = from.plus_minutes(DAYS * 24 * 60);
    let wanted = FindSlots {
        calendar: id,
        reason: reason.id.clone(),
        from,
        until,
        limit: 1_000,
        practice: reason.rules.practice_only,
    };
    let found = Box::pin(scene.engine.find_slots(wanted)).await;
    let Ok(Ok(found)) = found else { return Err(format!("{found:?}")) };
    let now = scene.engine.now();
    let told: Vec<_> = found.slots.iter().map(|slot| (slot.start, slot.free)).collect();
    let end = found.next.unwrap_or(until);
    let mut expected = free(calendar, &reason.id, from, end, now);
    if let (Some(rule), Some(place)) = (&reason.rules.dose, definition.agenda.place) {
        let at = (rule.campaign, place);
        expected.retain(|(start, _)| model.doses.has(at, &rule.vaccine, *start));
    }
    if told != expected {
        let odd = told.iter().find(|slot| !expected.contains(slot));
        let missing = expected.iter().find(|slot| !told.contains(slot));
        return Err(format!("{id}: the listing has {odd:?} and lacks {missing:?}, {reason:?}"));
    }
    Ok(())
}

/// Free slots as the occupancy of a calendar has them.
fn free(
    calendar: &Calendar,
    reason: &crate::ids::ReasonId,
    from: Timestamp,
    until: Timestamp,
    now: Timestamp,
) -> Vec<(Timestamp, u16)> {
    let schedule = calendar.schedule();
    let grid = schedule.grid();
    let terms = schedule.definition().reason(reason).map(plan::fitting).unwrap_or_default();
    let mut slots = Vec::new();
    let mut step = grid.ceil(from);
    // Most of the time nothing is open, and to ask for each step costs more than all else here.
    let day = |instant, days| later(schedule.date_at(instant), days);
    let open = schedule.open_steps(day(from, -1), day(until, 1));
    let is_open = |step: u32| open.iter().any(|(first, end)| *first <= step && step < *end);
    while grid.start_of(step) < until {
        let start = grid.start_of(step);
        if is_open(step.0)
            && let Ok(place) = schedule.place(reason, start, now, terms)
        {
            let lanes = 0..schedule.definition().lanes;
            let free = |lane: &u16| calendar.is_free(*lane, start, place.occupied_until, None);
            let free = lanes.filter(free).count();
            if 0 < free {
                slots.push((start, u16::try_from(free).unwrap_or(u16::MAX)));
            }
        }
        step.0 += 1;
    }
    slots
}

fn is_quarantined(scene: &Scene, id: CalendarId) -> bool {
    locked(&scene.harm).planted.get(&id).is_some_and(|times| PANICS_MAX <= *times)
}

/// Takes all wishes back, so that what comes free is free for all.
async fn nobody_waits(scene: &Scene) {
    let calendars = locked(&scene.book).calendars.clone();
    for (id, _) in calendars {
        let Ok(Ok(list)) = scene.engine.waiting(id).await else { continue };
        for waiting in list {
            let (wish, by) = (waiting.wish.id, By::Practice);
            // One of a calendar that is set apart stays, and harms nobody.
            let _ = Box::pin(scene.engine.withdraw(OfWish { wish, by })).await;
        }
    }
    let in_line = locked(&scene.book).campaigns.in_line().to_vec();
    for wish in in_line {
        let asked = OfWish { wish, by: By::Practice };
        let _ = Box::pin(scene.engine.withdraw(asked)).await;
    }
}

/// Once all holds have ended, every free slot can be held and everyone may hold one: no claim has
/// leaked.
///
/// # Errors
///
/// The first that could not be held.
pub async fn nothing_leaks(scene: &Scene, dice: &mut Dice) -> Result<(), String> {
    nobody_waits(scene).await;
    let config = &scene.plan.config;
    tokio::time::sleep(config.hold.max(config.answer) + Duration::from_secs(2)).await;
    reach(scene).await?;
    let calendars = locked(&scene.book).calendars.clone();
    first_of_all(scene, &calendars).await?;
    for (id, _) in calendars {
        let told = scene.engine.calendar(id).await;
        let Ok(Ok(info)) = told else { return Err(format!("{told:?}")) };
        let reason = dice.place(info.definition.reasons.len());
        let slots = scene.slots(id, &info.definition, reason, 14).await;
        let slots = slots.map_err(|error| format!("{id}: {error}"))?;
        let what = info.definition.reasons.get(reason);
        // Whether a dose can be had as well is compared with the journal.
        let Some(what) = what.filter(|what| what.rules.dose.is_none()) else { continue };
        for number in 0..TRIED.min(slots.len()) {
            let Some(slot) = dice.pick(&slots) else { break };
            let person = if number % 2 == 0 { scene.plan.person(dice) } else { None };
            let person = person.or_else(|| PersonId::new(format!("new-{number}")).ok());
            let Some(person) = person else { break };
            let (start, reason) = (slot.start, what.id.clone());
            let ask = Ask::Hold(HoldSlot {
                calendar: id,
                start,
                reason,
                person,
                // The practice, which no rule of patients stops.
                details: Details {
                    by_video: plan::fitting(what).by_video,
                    channel: Channel::Phone,
                    ..Details::default()
                },
                by: By::Practice,
                overflow: false,
                dose: None,
                command: None,
            });
            let told = Box::pin(scene.ask(ask, std::future::pending())).await;
            let Some(Ok(Ok(Told::Hold(outcome)))) = told else {
                return Err(format!("nothing is live, and yet: {told:?} for {slot:?}"));
            };
            let ask =
                Ask::Release(OfHold { hold: outcome.value.id, by: By::Unsaid, command: None });
            let told = Box::pin(scene.ask(ask, std::future::pending())).await;
            if told != Some(Ok(Ok(Told::Released))) {
                return Err(format!("a hold was not given back: {told:?}"));
            }
        }
    }
    Ok(())
}

/// Nothing is live: the first free slot of all calendars is the earliest that any of them lists,
/// and who asks again has it already.
async fn first_of_all(scene: &Scene, all: &[(CalendarId, Definition)]) -> Result<(), String> {
    let Some(reason) = all.first().and_then(|(_, it)| it.reasons.first()).map(|it| it.id.clone())
    else {
        return Ok(());
    };
    // Those that see people in person for it.
    let mut calendars = Vec::new();
    for (id, _) in all.iter().filter(|(id, _)| !is_quarantined(scene, *id)) {
        let told = scene.engine.calendar(*id).await;
        let Ok(Ok(info)) = told else { return Err(format!("{told:?}")) };
        let what = info.definition.reason(&reason);
        if what.is_some_and(|what| !plan::fitting(what).by_video) {
            calendars.push(*id);
        }
    }
    if calendars.is_empty() {
        return Ok(());
    }
    let mut earliest: Option<Timestamp> = None;
    for id in &calendars {
        let from = scene.engine.now();
        let until = from.plus_minutes(DAYS * 24 * 60);
        let (calendar, reason, practice) = (*id, reason.clone(), true);
        let asked = FindSlots { calendar, reason, from, until, limit: 1, practice };
        let found = Box::pin(scene.engine.find_slots(asked)).await;
        let Ok(Ok(found)) = found else { return Err(format!("{found:?}")) };
        let start = found.slots.first().map(|slot| slot.start);
        earliest = earliest.into_iter().chain(start).min();
    }
    let Some(earliest) = earliest else { return Ok(()) };
    let person = PersonId::new("first-of-all").map_err(|error| error.to_string())?;
    let (place, from, command) = (None, None, None);
    // The practice, which no rule of patients stops.
    let details = Details { channel: Channel::Phone, ..Details::default() };
    let by = By::Practice;
    let asked =
        HoldFirst { calendars, place, reason, from, person, details, by, dose: None, command };
    // Where no guard tells whose hold it is, nobody has one already.
    let again = (!scene.plan.config.guards.is_empty()).then_some(false);
    let mut held = None;
    for fresh in [Some(true), again].into_iter().flatten() {
        let ask = Ask::First(asked.clone());
        let told = Box::pin(scene.ask(ask, std::future::pending())).await;
        let Some(Ok(Ok(Told::Hold(outcome)))) = &told else { return Err(format!("{told:?}")) };
        let same = held.is_none_or(|held| held == outcome.value.id);
        // Between the listing and the hold a start may have passed.
        if outcome.fresh != fresh || !same || outcome.value.start < earliest {
            return Err(format!("{earliest} is the first, and yet: {told:?}"));
        }
        held = Some(outcome.value.id);
    }
    let Some(hold) = held else { return Ok(()) };
    let ask = Ask::Release(OfHold { hold, by: By::Practice, command: None });
    let told = Box::pin(scene.ask(ask, std::future::pending())).await;
    if told == Some(Ok(Ok(Told::Released))) { Ok(()) } else { Err(format!("{told:?}")) }
}

/// Puts again what nobody knows the outcome of. One outcome must come of it.
pub async fn resolve(scene: &Scene, dice: &mut Dice) {
    let unknown: Vec<_> = {
        let book = locked(&scene.book);
        let unknown = book.records.iter().rev().take(200).filter(|record| record.is_unknown());
        unknown.map(|record| record.ask.clone()).collect()
    };
    for ask in unknown {
        if ask.command().is_some() && dice.chance(700) {
            let told = Box::pin(scene.ask(ask, std::future::pending())).await;
            if matches!(told, Some(Err(Error::Failed))) {
                return;
            }
        }
    }
}
