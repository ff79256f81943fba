//! Holds of taken slots on an engine in this process: what 98 % of a surge costs.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use creneau::{HoldSlot, Rejection};
use dashmap::DashMap;
use portable_atomic::AtomicU128;

use crate::measured::{Measured, number};
use crate::plan::{Fallible, Plan, now, runtime};
use crate::practice::{Practice, Slot, always_open};
use crate::skeleton::shuffled;

const CALENDARS: u64 = 10_000;
const CALENDARS_QUICK: u64 = 64;
const WORDS_PER_CALENDAR: usize = 60;

/// Beyond the numbers of those who hold the slots.
const ELSE: u64 = 1_000_000_000;

/// Attempts between two looks at the clock.
const ATTEMPTS: u64 = 256;

/// Taken slots, as others ask for them.
async fn taken(practice: &Practice, count: u64) -> Fallible<Vec<HoldSlot>> {
    let mut asked = Vec::new();
    for _ in 0..count {
        let slot = practice.slot()?;
        practice.engine.hold(slot.asked()?).await?.map_err(|why| format!("{why:?}"))?;
        // By somebody else, under a command id that nobody used.
        asked.push(Slot { number: slot.number + ELSE, ..slot }.asked()?);
    }
    Ok(asked)
}

/// Attempts in each second, in this one thread.
async fn attempts(plan: &Plan, practice: &Practice, asked: &[HoldSlot]) -> Fallible<f64> {
    let (began, mut done, mut random) = (now(), 0u64, 88_172_645_463_325_252);
    while now() < began + plan.span {
        for _ in 0..ATTEMPTS {
            random = shuffled(random);
            let place = usize::try_from(random)? % asked.len();
            let wanted = asked.get(place).ok_or("nothing is taken")?.clone();
            match practice.engine.hold(wanted).await? {
                Err(Rejection::SlotTaken { alternatives }) if alternatives.len() == 3 => {}
                answer => return Err(format!("not refused as it should be: {answer:?}").into()),
            }
        }
        done += ATTEMPTS;
    }
    Ok(number(done) / began.elapsed().as_secs_f64())
}

type Directory = DashMap<u128, Arc<[AtomicU128]>>;

/// Look-ups with a compare-and-swap in each second, in this one thread.
fn swaps(plan: &Plan, directory: &Directory, keys: &[u128]) -> Fallible<f64> {
    let (began, mut done, mut random) = (now(), 0u64, 88_172_645_463_325_252);
    while now() < began + plan.span {
        for _ in 0..ATTEMPTS {
            random = shuffled(random);
            let key = keys.get(usize::try_from(random)? % keys.len()).ok_or("no keys")?;
            let words = directory.get(key).ok_or("not there")?.clone();
            let place = usize::try_from(random >> 20)? % WORDS_PER_CALENDAR;
            let word = words.get(place).ok_or("no word")?;
            let now = word.load(Ordering::Acquire);
            let step = u32::try_from((random >> 40) % 120)?;
            let next = now ^ (0b111_u128 << step);
            let swap = word.compare_exchange(now, next, Ordering::AcqRel, Ordering::Acquire);
            let _ = black_box(swap);
        }
        done += ATTEMPTS;
    }
    Ok(number(done) / began.elapsed().as_secs_f64())
}

pub(crate) fn embedded(plan: &Plan) -> Fallible<Measured> {
    let runtime = runtime()?;
    let calendars = plan.sized(CALENDARS, CALENDARS_QUICK);
    let place = plan.place("refused");
    let practice = runtime.block_on(Practice::create(&place, calendars, always_open()))?;
    let asked = runtime.block_on(taken_at_once(&practice, calendars))?;
    let directory: Directory = practice
        .calendars
        .iter()
        .map(|id| (id.bits(), (0..WORDS_PER_CALENDAR).map(|_| AtomicU128::new(0)).collect()))
        .collect();
    let keys: Vec<u128> = practice.calendars.iter().map(|id| id.bits()).collect();
    let measured = plan.alternate(
        || runtime.block_on(attempts(plan, &practice, &asked)),
        || swaps(plan, &directory, &keys),
    )?;
    runtime.block_on(practice.engine.shutdown())?;
    Ok(measured)
}

/// One taken slot in each calendar.
async fn taken_at_once(practice: &Arc<Practice>, calendars: u64) -> Fallible<Vec<HoldSlot>> {
    let part = |_| {
        let practice = practice.clone();
        tokio::spawn(async move { taken(&practice, calendars / CALENDARS_QUICK).await })
    };
    let parts: Vec<_> = (0..CALENDARS_QUICK).map(part).collect();
    let mut asked = Vec::new();
    for part in parts {
        asked.extend(part.await??);
    }
    Ok(asked)
}
