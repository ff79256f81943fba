//! What campaigns are asked in a simulation, and what must have come of it.

use std::collections::BTreeMap;

use super::ledger::{Ask, Told};
use super::model::Model;
use super::random::Dice;
use super::registering::{Registering, Wanted};
use super::scene::{Scene, locked};
use crate::booking::{By, Definition, Details, Reason, Registration, Rules};
use crate::campaign::{Booster, Campaign, Delivery, DoseRule, Facts, Group, Phase, Vaccine};
use crate::error::Error;
use crate::ids::{AppointmentId, CampaignId, Code, LotId, PlaceId, ReasonId, VaccineId, WishId};
use crate::request::{
    AskLine, CancelDose, DoseAsked, GiveDose, Hold, HoldSlot, NextDose, OfHold, OfWish,
    OfferRemaining, Outcome, PutDelivery, ReadCoverage, Remaining,
};
use crate::time::Timestamp;

const BANDS: [&str; 3] = ["young", "old", "oldest"];
const HOUR: i64 = 60;
const DAY: i64 = 24 * HOUR;

/// What the register was told to have, of what campaigns need.
#[derive(Clone, Debug, Default)]
pub struct Known {
    campaigns: Vec<(CampaignId, Campaign)>,
    places: Vec<PlaceId>,
    deliveries: Vec<Delivery>,
    in_line: Vec<WishId>,
}

impl Known {
    /// Remembers what was told.
    pub fn remember(&mut self, what: &Registration) {
        match what {
            Registration::Campaign { id, campaign, .. } => {
                self.campaigns.retain(|(other, _)| other != id);
                self.campaigns.push((*id, (**campaign).clone()));
            }
            Registration::Place { id, .. } if !self.places.contains(id) => self.places.push(*id),
            Registration::Delivered(delivery) => {
                self.deliveries.retain(|other| other.id != delivery.id);
                self.deliveries.push(delivery.clone());
            }
            Registration::Lined(place) if !self.in_line.contains(&place.id) => {
                self.in_line.push(place.id);
            }
            _ => {}
        }
    }
}

impl Known {
    /// Somebody who has joined a line not long ago.
    pub(super) fn recent_in_line(&self, dice: &mut Dice) -> Option<WishId> {
        let recent = self.in_line.len().saturating_sub(16);
        dice.pick(self.in_line.get(recent..)?).copied()
    }

    /// All who have joined a line.
    pub(super) fn in_line(&self) -> &[WishId] {
        &self.in_line
    }
}

fn code(name: &str) -> Option<Code> {
    Code::new(name).ok()
}

fn vaccine_id() -> Option<VaccineId> {
    VaccineId::new("vaccine").ok()
}

/// Something to ask of a campaign.
pub(super) async fn wanted(
    scene: &Scene,
    dice: &mut Dice,
    appointment: Option<AppointmentId>,
) -> Option<Ask> {
    let known = locked(&scene.book).campaigns.clone();
    let register = |what| Some(Ask::Register(Registering { what, command: None }));
    let Some((id, campaign)) = known.campaigns.last().cloned() else {
        return register(Wanted::Campaign(None, self::campaign(dice, scene.engine.now())?));
    };
    let place = known.places.get(dice.weighted(&[4, 1]).min(known.places.len().max(1) - 1));
    let Some(place) = place.copied() else {
        return register(Wanted::Place(None, super::registering::place(dice)));
    };
    let centres = centres(scene);
    if centres.len() < 2 && dice.chance(300) || centres.is_empty() {
        return Some(Ask::Create(centre(dice, id, place)?, None));
    }
    match dice.weighted(&[8, 4, 1, 1, 42, 14, 1, 12, 14, 4, 2, 2]) {
        0 => register(Wanted::Delivery(delivery(dice, scene.engine.now(), (id, place))?)),
        1 => {
            let changed = again(dice, &known);
            changed.and_then(|asked| register(Wanted::Delivery(asked)))
        }
        2 => {
            let delivery = dice.pick(&known.deliveries)?.id;
            let doses = u32::try_from(dice.below(4)).unwrap_or(0);
            register(Wanted::Waste(delivery, doses))
        }
        3 => register(Wanted::Recall(id, lot(dice)?)),
        4 => hold(scene, dice, (id, &campaign)).await.map(Ask::Hold),
        5 => {
            let other = dice.chance(200).then(|| dice.pick(&known.deliveries).map(|it| it.id));
            let delivery = other.flatten();
            let (appointment, command) = (appointment?, None);
            Some(Ask::Give(GiveDose { appointment, delivery, command }))
        }
        6 => {
            let changed = self::campaign(dice, scene.engine.now())?;
            register(Wanted::Campaign(Some(id), changed))
        }
        7 => register(Wanted::JoinLine(Box::new(in_line(scene, dice, (id, place))?))),
        8 => both(scene, dice, (id, &campaign)).await,
        9 => {
            let next = [None, Some(NextDose::Keep), Some(NextDose::Cancel)];
            let (next, by) = (*dice.pick(&next)?, By::Unsaid);
            Some(Ask::CancelDose(CancelDose { appointment: appointment?, next, by, command: None }))
        }
        10 => Some(Ask::Remaining(remaining(dice, scene.engine.now(), (id, place))?)),
        _ => {
            let (wish, by) = (known.recent_in_line(dice)?, By::Unsaid);
            Some(Ask::Withdraw(OfWish { wish, by }))
        }
    }
}

/// Somebody who waits, for a first dose mostly.
fn in_line(
    scene: &Scene,
    dice: &mut Dice,
    (campaign, place): (CampaignId, PlaceId),
) -> Option<AskLine> {
    Some(AskLine {
        campaign,
        place,
        reason: ReasonId::new("dose").ok()?,
        number: u8::try_from(1 + dice.weighted(&[8, 2])).unwrap_or(1),
        facts: Facts::of(code(dice.pick(&BANDS).copied()?)?, scene.engine.now()),
        person: scene.plan.person(dice)?,
        booked_by: None,
        standing: None,
        when: dice.chance(100).then(|| {
            let mut weekdays = Definition::weekdays("", "");
            super::plan::hours(dice, &mut weekdays);
            weekdays.weekly_hours
        }),
        from: None,
        until: None,
        command: None,
    })
}

/// Takes the dose that was offered to somebody in line, or declines it.
pub(super) async fn answered(scene: &Scene, dice: &mut Dice, by: By) -> Option<Ask> {
    for _ in 0..8 {
        let known = locked(&scene.book).campaigns.clone();
        let id = known.recent_in_line(dice)?;
        let failed = scene.engine.status().ready == Err(Error::Failed);
        let seen = Box::pin(scene.engine.line_info(id)).await;
        scene.judge(failed, &"line_info", seen.as_ref().map(|_| ()));
        let Some(offer) = seen.ok()?.ok()?.offer else { continue };
        let asked = OfHold { hold: offer.id, by, command: None };
        return Some(if dice.chance(650) { Ask::Accept(asked) } else { Ask::Release(asked) });
    }
    None
}

fn lot(dice: &mut Dice) -> Option<LotId> {
    LotId::new(format!("lot-{}", dice.below(12))).ok()
}

/// Some may book at once, some in a day or two; two doses, and sometimes one more.
fn campaign(dice: &mut Dice, now: Timestamp) -> Option<Campaign> {
    let phase = |dice: &mut Dice, name: &str, bands: &[&str]| {
        let opens = now.plus_minutes(i64::try_from(dice.below(4)).unwrap_or(0) * 12 * HOUR - DAY);
        let lasts = i64::try_from(dice.between(10, 60)).unwrap_or(30);
        let bands = bands.iter().filter_map(|band| code(band)).collect();
        Some(Phase {
            id: code(name)?,
            says: format!("those of {name}"),
            opens,
            closes: dice.chance(300).then(|| opens.plus_minutes(lasts * DAY)),
            groups: vec![Group { bands, ..Group::default() }],
            doses: if dice.chance(100) { vec![1, 2] } else { Vec::new() },
        })
    };
    let vaccine = Vaccine {
        id: vaccine_id()?,
        name: "Vaccine".to_owned(),
        doses: 2,
        days_min: 1,
        days_max: u16::try_from(dice.between(4, 12)).unwrap_or(4),
        booster: dice.chance(500).then_some(Booster { after_days: 2, most: 1 }),
        after_infection_days: 0,
        reaction_minutes: 15,
        bands: Vec::new(),
    };
    Some(Campaign {
        name: "Campaign".to_owned(),
        bands: BANDS.iter().filter_map(|band| code(band)).collect(),
        vaccines: vec![vaccine],
        phases: vec![
            phase(dice, "first", &BANDS[2..])?,
            phase(dice, "second", &BANDS[1..])?,
            phase(dice, "third", &[])?,
        ],
        line: vec![Group { bands: code("oldest").into_iter().collect(), ..Group::default() }],
    })
}

/// A centre whose one reason gives doses, open day and night.
fn centre(dice: &mut Dice, campaign: CampaignId, place: PlaceId) -> Option<Definition> {
    let mut definition = Definition::weekdays("centre", "Europe/Paris");
    let day: Vec<_> = crate::booking::Interval::new(0, 24 * 60).into_iter().collect();
    definition.weekly_hours.days = std::array::from_fn(|_| day.clone());
    definition.lanes = u16::try_from(dice.between(1, 3)).unwrap_or(1);
    definition.horizon_days = 14;
    definition.agenda.place = Some(place);
    definition.agenda.overflow_lanes = u16::try_from(dice.below(3)).unwrap_or(0);
    let rule = DoseRule { campaign, vaccine: vaccine_id()? };
    let reason = Reason::new(ReasonId::new("dose").ok()?, "Dose", 10);
    definition.reasons =
        vec![Reason { rules: Rules { dose: Some(rule), ..Rules::default() }, ..reason }];
    Some(definition)
}

type Centre = (crate::ids::CalendarId, Definition);

fn centres(scene: &Scene) -> Vec<Centre> {
    let gives = |definition: &Definition| {
        definition.reasons.first().is_some_and(|reason| reason.rules.dose.is_some())
    };
    let book = locked(&scene.book);
    book.calendars.iter().filter(|(_, definition)| gives(definition)).cloned().collect()
}

/// A few doses, there at once or in some days, that last for some days or for long.
fn delivery(
    dice: &mut Dice,
    now: Timestamp,
    (campaign, place): (CampaignId, PlaceId),
) -> Option<PutDelivery> {
    let days =
        |dice: &mut Dice, least, most| i64::try_from(dice.between(least, most)).unwrap_or(1) * DAY;
    let arrives = now.plus_minutes(days(dice, 0, 4) - DAY);
    Some(PutDelivery {
        id: None,
        campaign,
        place,
        vaccine: vaccine_id()?,
        lot: lot(dice)?,
        arrives,
        expires: arrives.plus_minutes(days(dice, 2, 30)),
        doses: u32::try_from(dice.between(1, 12)).unwrap_or(1),
        command: None,
    })
}

/// A delivery that was said before: fewer, more, or later.
fn again(dice: &mut Dice, known: &Known) -> Option<PutDelivery> {
    let recent = known.deliveries.len().saturating_sub(4);
    let Delivery { id, campaign, place, vaccine, lot, arrives, expires, doses } =
        dice.pick(known.deliveries.get(recent..)?)?.clone();
    let late = if dice.chance(300) { 2 * DAY } else { 0 };
    let arrives = arrives.plus_minutes(late);
    let doses = match dice.below(3) {
        0 => doses / 2,
        1 => doses.saturating_sub(1),
        _ => doses + 2,
    };
    let expires = expires.max(arrives.plus_minutes(HOUR));
    let (id, command) = (Some(id), None);
    Some(PutDelivery { id, campaign, place, vaccine, lot, arrives, expires, doses, command })
}

/// A slot with a dose: mostly what may be had.
async fn hold(
    scene: &Scene,
    dice: &mut Dice,
    (id, campaign): (CampaignId, &Campaign),
) -> Option<HoldSlot> {
    let (calendar, definition) = dice.pick(&centres(scene)).cloned()?;
    let slots = scene.slots(calendar, &definition, 0, 14).await.ok()?;
    // The first that others want too, or any.
    let near = slots.len().min(4);
    let slot = match dice.chance(500) {
        true => dice.pick(slots.get(..near)?),
        false => dice.pick(&slots),
    };
    let start = match slot {
        Some(slot) => slot.start,
        // Nothing is left: that is to be told as well.
        None => scene.engine.now().plus_minutes(DAY),
    };
    let person = scene.plan.person(dice)?;
    let stated_at = scene.engine.now().plus_minutes(if dice.chance(30) { -2 * HOUR } else { 0 });
    let mut facts = Facts::of(code(dice.pick(&BANDS).copied()?)?, stated_at);
    facts.territory = if dice.chance(300) { code("north") } else { None };
    let number = u8::try_from(1 + dice.weighted(&[6, 4, 1])).unwrap_or(1);
    if dice.chance(100) && 1 < number {
        let at = start.plus_minutes(-2 * DAY);
        let vaccine = campaign.vaccines.first()?.id.clone();
        facts.elsewhere = vec![crate::campaign::Elsewhere { number: number - 1, vaccine, at }];
    }
    Some(HoldSlot {
        calendar,
        start,
        reason: definition.reasons.first()?.id.clone(),
        person,
        details: Details::default(),
        by: By::Unsaid,
        overflow: false,
        dose: Some(Box::new(DoseAsked { campaign: id, number, facts })),
        command: None,
    })
}

/// Two doses of a person, the second mostly within the interval and where there is room.
async fn both(
    scene: &Scene,
    dice: &mut Dice,
    (id, campaign): (CampaignId, &Campaign),
) -> Option<Ask> {
    let mut first = hold(scene, dice, (id, campaign)).await?;
    let (calendar, definition) = dice.pick(&centres(scene)).cloned()?;
    let vaccine = campaign.vaccines.first()?;
    let days = |days: u16| first.start.plus_minutes(i64::from(days) * DAY);
    let (from, until) = (days(vaccine.days_min), days(vaccine.days_max));
    let slots = scene.slots(calendar, &definition, 0, 14).await.ok()?;
    let within = slots.iter().map(|slot| slot.start).filter(|it| from <= *it && *it <= until);
    let within: Vec<Timestamp> = within.take(4).collect();
    let start = dice.pick(&within).copied().unwrap_or(first.start.plus_minutes(2 * DAY));
    let number = u8::try_from(1 + dice.weighted(&[9, 1])).unwrap_or(1);
    let dose = first.dose.as_mut()?;
    dose.number = number;
    dose.facts.elsewhere.retain(|it| it.number < number);
    let mut second = first.clone();
    (second.calendar, second.start) = (calendar, start);
    second.reason = definition.reasons.first()?.id.clone();
    second.dose.as_mut()?.number = number + 1;
    Some(Ask::Doses(Box::new((first, second))))
}

/// What is left of a day or so, with little time to answer.
fn remaining(
    dice: &mut Dice,
    now: Timestamp,
    (campaign, place): (CampaignId, PlaceId),
) -> Option<OfferRemaining> {
    let minutes = i64::try_from(dice.between(1, 30)).unwrap_or(1);
    Some(OfferRemaining {
        campaign,
        place,
        vaccine: vaccine_id()?,
        from: None,
        until: dice.chance(500).then(|| now.plus_minutes(36 * HOUR)),
        answer_ms: minutes * 60_000,
        overflow: dice.chance(700),
    })
}

/// Compares what is said of doses with the journal, while nothing is under way.
///
/// # Errors
///
/// The first that differs.
pub(super) async fn compare(scene: &Scene, model: &Model) -> Result<(), String> {
    let engine = &scene.engine;
    for (delivery, left) in model.doses.left() {
        let told = engine.delivery(delivery).await.map_err(|it| it.to_string())?;
        let (claimed, given, wasted) = model.doses.tally(delivery).unwrap_or_default();
        let tally = told.as_ref().map(|it| (it.tally.claimed, it.tally.given, it.tally.wasted));
        if tally != Ok((claimed, given, wasted)) || engine.left_of(delivery) != Some(left) {
            let words = engine.left_of(delivery);
            return Err(format!(
                "{delivery} is {told:?} with {words:?} left, not {claimed} claimed, {given} given, \
                 {wasted} wasted and {left} left"
            ));
        }
    }
    for (campaign, cells) in model.doses.coverage() {
        let asked = ReadCoverage { campaign, by: Vec::new(), place: None, from: None, until: None };
        let told = engine.coverage(asked).await.map_err(|it| it.to_string())?;
        let told = told.map_err(|it| it.to_string())?;
        let sums: (u64, u64) =
            told.iter().fold((0, 0), |sum, row| (sum.0 + row.booked, sum.1 + row.given));
        if sums != cells {
            return Err(format!("{campaign} covers {told:?}, not {cells:?}"));
        }
    }
    let mut people: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (campaign, person, booking, number, is) in model.doses.people() {
        people.entry((campaign, person)).or_default().push((Some(booking), number, is));
    }
    for ((campaign, person), mut expected) in people {
        let told = engine.doses_of(campaign, person.clone()).await.map_err(|it| it.to_string())?;
        let told = told.map_err(|it| it.to_string())?;
        let mut told: Vec<_> = told.iter().map(|it| (it.booking, it.number, it.is)).collect();
        told.sort_unstable();
        expected.sort_unstable();
        if told != expected {
            return Err(format!("{person} has {told:?} of {campaign}, not {expected:?}"));
        }
    }
    Ok(())
}

/// Whether a dose was given as is told.
pub(super) fn was_given(model: &Model, asked: &GiveDose, told: &Told) -> bool {
    let Told::Given(outcome) = told else { return false };
    let given = model.bookings.get(&asked.appointment.into());
    let delivery = given.and_then(|given| given.booking.delivery());
    outcome.value.appointment == asked.appointment && delivery == Some(outcome.value.delivery)
}

/// Whether two holds are as was asked, and of one entry.
pub(super) fn hold_together(
    model: &Model,
    asked: &(HoldSlot, HoldSlot),
    told: &Outcome<[Hold; 2]>,
) -> bool {
    let known = told.value.each_ref().map(|hold| model.bookings.get(&hold.id));
    let [Some(first), Some(second)] = known else { return false };
    let is = |known: &super::model::Told, told: &Hold, asked: &HoldSlot| {
        let there = (told.calendar, told.start) == (asked.calendar, asked.start);
        told.person == asked.person && known.booking.person == asked.person && there
    };
    let twin = |known: &super::model::Told| known.booking.details.dose.as_ref()?.twin;
    // What was held before is told as it is: the second may be another than was asked for now.
    let same = is(first, &told.value[0], &asked.0)
        && (!told.fresh || is(second, &told.value[1], &asked.1));
    same && first.held_in == second.held_in
        && twin(first) == Some(told.value[1].id)
        && twin(second) == Some(told.value[0].id)
}

/// Whether all who are told to have been offered something waited for it.
pub(super) fn were_offered(model: &Model, asked: &OfferRemaining, told: &Remaining) -> bool {
    told.offers.iter().all(|hold| {
        model.bookings.get(&hold.id).is_some_and(|known| {
            let dose = known.booking.details.dose.as_deref();
            let stock = dose.map(|dose| (dose.campaign, dose.place, &dose.vaccine));
            let same = stock == Some((asked.campaign, asked.place, &asked.vaccine));
            known.booking.details.wish.is_some() && same && known.booking.person == hold.person
        })
    })
}
