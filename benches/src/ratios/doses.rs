//! What a campaign costs beside a plain calendar: a hold with a dose, and its refusals.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use creneau::campaign::{Campaign, DoseRule, Facts, Group, Phase, Vaccine};
use creneau::{
    CampaignId, Definition, DoseAsked, Engine, HoldSlot, Location, PlaceId, PutDelivery, Reason,
    Rejection, Rules, Timestamp,
};

use crate::measured::{Measured, number};
use crate::plan::{Fallible, Plan, now, processor, runtime};
use crate::practice::{Practice, Slot, always_open, config, create_calendars, over};

const CALENDARS: u64 = 1_000;
const CALENDARS_QUICK: u64 = 16;
const CALLERS: u64 = 64;

/// Attempts between two looks at the clock.
const ATTEMPTS: u64 = 256;

/// Slots of each calendar that others have.
const TAKEN: u64 = 8;

/// Beyond the numbers of those who hold the slots.
const ELSE: u64 = 1_000_000_000;

/// The reason whose vaccine nobody delivers.
const NOTHING_LEFT: &str = "nothing-left";

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// Calendars that give doses of a campaign, of which there are plenty of one vaccine.
struct Centres {
    practice: Arc<Practice>,
    campaign: CampaignId,
}

fn campaign(now: Timestamp) -> Fallible<Campaign> {
    let vaccine = |id: &str| {
        Ok::<_, creneau::IdError>(Vaccine {
            id: id.parse()?,
            name: id.to_owned(),
            doses: 2,
            days_min: 21,
            days_max: 42,
            booster: None,
            after_infection_days: 60,
            reaction_minutes: 15,
            bands: Vec::new(),
        })
    };
    let phase = |band: &str, opens: Timestamp| {
        Ok::<_, creneau::IdError>(Phase {
            id: band.parse()?,
            says: format!("people of {band}"),
            opens,
            closes: None,
            groups: vec![Group { bands: vec![band.parse()?], ..Group::default() }],
            doses: Vec::new(),
        })
    };
    Ok(Campaign {
        name: "Campaign".to_owned(),
        bands: vec!["18-64".parse()?, "65-74".parse()?, "75+".parse()?],
        vaccines: vec![vaccine("plenty")?, vaccine("none")?],
        phases: vec![
            phase("75+", now.plus_ms(-DAY_MS))?,
            phase("65-74", now.plus_ms(100 * DAY_MS))?,
            phase("18-64", now.plus_ms(200 * DAY_MS))?,
        ],
        line: Vec::new(),
    })
}

fn centre(campaign: CampaignId, place: PlaceId) -> Fallible<Definition> {
    let mut definition = always_open();
    definition.agenda.place = Some(place);
    let gives = |reason: Reason, vaccine: &str| {
        let dose = Some(DoseRule { campaign, vaccine: vaccine.parse()? });
        Ok::<_, creneau::IdError>(Reason { rules: Rules { dose, ..Rules::default() }, ..reason })
    };
    let plain = definition.reasons.first().ok_or("no reason")?.clone();
    let other = Reason { id: NOTHING_LEFT.parse()?, ..plain.clone() };
    definition.reasons = vec![gives(plain, "plenty")?, gives(other, "none")?];
    Ok(definition)
}

impl Centres {
    async fn create(plan: &Plan, name: &str) -> Fallible<Self> {
        let directory = plan.place(name);
        let engine = Engine::open(config(&directory)).await?;
        let location = Location {
            name: "Hall".to_owned(),
            address: None,
            lat: None,
            lon: None,
            department: None,
        };
        let place = engine.put_place(None, location, None).await??.value.0;
        let now = engine.now();
        let campaign = engine.put_campaign(None, campaign(now)?, None).await??.value.id;
        let delivery = PutDelivery {
            id: None,
            campaign,
            place,
            vaccine: "plenty".parse()?,
            lot: "lot".parse()?,
            arrives: now.plus_ms(-DAY_MS),
            expires: now.plus_ms(365 * DAY_MS),
            doses: 10_000_000,
            command: None,
        };
        engine.put_delivery(delivery).await??;
        let count = plan.sized(CALENDARS, CALENDARS_QUICK);
        let calendars = create_calendars(&engine, count, centre(campaign, place)?).await?;
        let practice = Arc::new(Practice::on(engine, &directory, calendars, 0));
        Ok(Self { practice, campaign })
    }

    /// The same slot with a first dose.
    fn with_dose(&self, asked: HoldSlot, band: &str) -> Fallible<HoldSlot> {
        let facts = Facts::of(band.parse()?, self.practice.engine.now());
        let dose = DoseAsked { campaign: self.campaign, number: 1, facts };
        Ok(HoldSlot { dose: Some(Box::new(dose)), ..asked })
    }
}

/// Microseconds of a processor for one hold, many at a time.
async fn holds(
    plan: &Plan,
    practice: &Arc<Practice>,
    asked: impl Fn(HoldSlot) -> Fallible<HoldSlot> + Clone + Send + 'static,
) -> Fallible<f64> {
    let (end, used) = (now() + plan.span, processor());
    let done = Arc::new(AtomicU64::new(0));
    let caller = |_| {
        let (practice, asked, done) = (practice.clone(), asked.clone(), done.clone());
        tokio::spawn(async move {
            while !over(end) {
                let slot = asked(practice.slot()?.asked()?)?;
                practice.engine.hold(slot).await?.map_err(|why| format!("{why:?}"))?;
                done.fetch_add(1, Ordering::Relaxed);
            }
            Fallible::Ok(())
        })
    };
    let callers: Vec<_> = (0..CALLERS).map(caller).collect();
    for caller in callers {
        caller.await??;
    }
    practice.drained().await?;
    let used = (processor() - used).as_secs_f64();
    Ok(used * 1e6 / number(done.load(Ordering::Relaxed).max(1)))
}

pub(crate) fn hold(plan: &Plan) -> Fallible<Measured> {
    let runtime = runtime()?;
    let centres = Arc::new(runtime.block_on(Centres::create(plan, "dose-holds"))?);
    let count = plan.sized(CALENDARS, CALENDARS_QUICK);
    let place = plan.place("plain-holds");
    let plain = Practice::create(&place, count, always_open());
    let plain = runtime.block_on(plain)?;
    let with_dose = |centres: Arc<Centres>| move |slot| centres.with_dose(slot, "75+");
    let measured = plan.alternate(
        || runtime.block_on(holds(plan, &centres.practice, with_dose(centres.clone()))),
        || runtime.block_on(holds(plan, &plain, Ok)),
    )?;
    runtime.block_on(centres.practice.engine.shutdown())?;
    runtime.block_on(plain.engine.shutdown())?;
    Ok(measured)
}

/// Attempts that are refused, each as it is to be.
struct Refused {
    asked: Vec<HoldSlot>,
    as_it_should: fn(&Rejection) -> bool,
}

fn is_taken(why: &Rejection) -> bool {
    matches!(why, Rejection::SlotTaken { .. })
}

/// Slots that others have, as somebody else asks for them.
async fn taken(
    practice: &Practice,
    asked: impl Fn(HoldSlot) -> Fallible<HoldSlot>,
) -> Fallible<Vec<HoldSlot>> {
    let mut all = Vec::new();
    for _ in 0..TAKEN * practice.calendars.len() as u64 {
        let slot = practice.slot()?;
        let wanted = asked(slot.asked()?)?;
        practice.engine.hold(wanted).await?.map_err(|why| format!("{why:?}"))?;
        all.push(asked(Slot { number: slot.number + ELSE, ..slot }.asked()?)?);
    }
    Ok(all)
}

/// Microseconds of this one thread for one attempt. What is asked is made before: that is the
/// caller's work, and more of it where facts are stated.
async fn attempts(plan: &Plan, engine: &Engine, all: &[Refused]) -> Fallible<f64> {
    let (began, mut done, mut spent) = (now(), 0u64, Duration::ZERO);
    let mut wanted = Vec::new();
    while now() < began + plan.span {
        for number in done..done + ATTEMPTS {
            let kind = usize::try_from(number)? % all.len();
            let Refused { asked, as_it_should } = all.get(kind).ok_or("nothing is asked")?;
            let place = usize::try_from(number * 7_919)? % asked.len();
            let slot = asked.get(place).ok_or("nothing is taken")?.clone();
            wanted.push((slot, as_it_should));
        }
        let since = now();
        for (slot, as_it_should) in wanted.drain(..) {
            match engine.hold(slot).await? {
                Err(why) if as_it_should(&why) => {}
                answer => return Err(format!("not refused as it should be: {answer:?}").into()),
            }
        }
        spent += since.elapsed();
        done += ATTEMPTS;
    }
    Ok(spent.as_secs_f64() * 1e6 / number(done))
}

pub(crate) fn refused(plan: &Plan) -> Fallible<Measured> {
    let runtime = runtime()?;
    let centres = runtime.block_on(Centres::create(plan, "dose-refused"))?;
    let count = plan.sized(CALENDARS, CALENDARS_QUICK);
    let place = plan.place("plain-refused");
    let plain = Practice::create(&place, count, always_open());
    let plain = runtime.block_on(plain)?;
    let by_slot = taken(&centres.practice, |slot| centres.with_dose(slot, "75+"));
    let by_slot = runtime.block_on(by_slot)?;
    let young = by_slot.iter().map(|slot| centres.with_dose(slot.clone(), "65-74"));
    let young = young.collect::<Fallible<Vec<_>>>()?;
    let none = |slot: &HoldSlot| Ok(HoldSlot { reason: NOTHING_LEFT.parse()?, ..slot.clone() });
    let none = by_slot.iter().map(none).collect::<Fallible<Vec<_>>>()?;
    let all = [
        Refused { asked: by_slot, as_it_should: is_taken },
        Refused { asked: young, as_it_should: |why| matches!(why, Rejection::NotEligible { .. }) },
        Refused { asked: none, as_it_should: |why| *why == Rejection::NoDose },
    ];
    let others = runtime.block_on(taken(&plain, Ok))?;
    let others = [Refused { asked: others, as_it_should: is_taken }];
    let mut measured = plan.alternate(
        || runtime.block_on(attempts(plan, &centres.practice.engine, &all)),
        || runtime.block_on(attempts(plan, &plain.engine, &others)),
    )?;
    for (kind, told) in all.iter().zip(["taken", "not eligible", "no dose left"]) {
        let engine = &centres.practice.engine;
        let micros = runtime.block_on(attempts(plan, engine, std::slice::from_ref(kind)))?;
        measured.notes.push(format!("{told}: {micros:.2} µs"));
    }
    runtime.block_on(centres.practice.engine.shutdown())?;
    runtime.block_on(plain.engine.shutdown())?;
    Ok(measured)
}
