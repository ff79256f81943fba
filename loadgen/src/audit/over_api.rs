//! What a server or an engine answers.

use std::sync::Arc;

use creneau::{HoldId, PersonId};

use super::claims::{Claims, Fate};
use super::seen::{Observed, Owned, Seen};
use super::{LATE_MS, Rule, Verdict};
use crate::api::{AppointmentSeen, Ask, HoldState, OVERLOADED, Outcome, Reply};
use crate::clock::{pause, wall};
use crate::driver::Driver;
use crate::ledger::Place;

/// Readers at a time.
const READERS: usize = 32;

/// How often a read is tried, unless something else was asked for.
pub(super) const TRIES_MAX: u64 = 40;

/// Milliseconds between two tries.
const TRY_WAIT_MS: u64 = 250;

/// Waits until the holds that nobody ended must have expired, for a bounded time.
pub(super) async fn wait_for_holds(claims: &Claims, wait_seconds: u64) {
    let left = claims.bookings.values().filter(|claim| claim.fate == Fate::Held);
    let ends = left.map(|claim| {
        let ms = claim.expires_at.plus_ms(LATE_MS + 200).millis();
        u64::try_from(ms.saturating_sub(wall().millis())).unwrap_or(0)
    });
    // Those whose end is further away, as what is offered to who waits, are judged as they are.
    let within = ends.filter(|ms| *ms <= wait_seconds.saturating_mul(1_000));
    pause(within.max().unwrap_or(0)).await;
}

/// Something to read.
#[derive(Clone, Debug)]
enum Wanted {
    Booking(HoldId),
    Patient(String),
}

/// What was read of it.
enum Got {
    Booking(HoldId, Observed),
    Patient(String, Vec<Owned>),
}

/// Looks at every booking of a ledger by its id, and at every patient by a search.
pub(super) async fn look(
    claims: &Claims,
    driver: &Arc<Driver>,
    tries_max: u64,
    verdict: &mut Verdict,
) -> Seen {
    let bookings = claims.bookings.keys().map(|id| Wanted::Booking(*id));
    let patients = claims.patients.iter().map(|patient| Wanted::Patient(patient.clone()));
    let all: Vec<Wanted> = bookings.chain(patients).collect();
    let mut readers = tokio::task::JoinSet::new();
    for chunk in all.chunks(all.len().div_ceil(READERS).max(1)) {
        let (chunk, driver) = (chunk.to_vec(), driver.clone());
        readers.spawn(async move {
            let mut read = Vec::with_capacity(chunk.len());
            for wanted in chunk {
                // When it was seen is when it was asked for: a hold may end meanwhile, not before.
                let at = wall();
                let got = read_one(&driver, tries_max, &wanted).await;
                read.push((at, wanted, got));
            }
            read
        });
    }
    let mut seen = Seen::default();
    while let Some(read) = readers.join_next().await {
        let Ok(read) = read else {
            verdict.find(Rule::Readable, "reader", "a reader of the audit has failed");
            continue;
        };
        for (at, wanted, got) in read {
            verdict.count(Rule::Readable, 1);
            match got {
                Ok(Got::Booking(id, observed)) => drop(seen.bookings.insert(id, (observed, at))),
                Ok(Got::Patient(patient, owned)) => drop(seen.of_patients.insert(patient, owned)),
                Err(why) => verdict.find(Rule::Readable, format!("{wanted:?}"), why),
            }
        }
    }
    seen
}

async fn read_one(driver: &Driver, tries_max: u64, wanted: &Wanted) -> Result<Got, String> {
    match wanted {
        Wanted::Booking(id) => Ok(Got::Booking(*id, observe(driver, tries_max, *id).await?)),
        Wanted::Patient(patient) => {
            let person = PersonId::new(patient.clone()).map_err(|error| error.to_string())?;
            match read(driver, tries_max, &Ask::Search { patient: person }).await? {
                Some(Reply::Appointments(all)) => {
                    let owned = all.iter().map(|it| Owned {
                        id: it.id.into(),
                        place: Place::of_appointment(it),
                        cancelled: it.cancelled,
                        dose: it.dose,
                        given: it.fulfilled,
                    });
                    Ok(Got::Patient(patient.clone(), owned.collect()))
                }
                other => Err(format!("answered as {other:?}")),
            }
        }
    }
}

/// A booking by its id: as a hold, and as the appointment where it became one.
async fn observe(driver: &Driver, tries_max: u64, id: HoldId) -> Result<Observed, String> {
    let hold = match read(driver, tries_max, &Ask::ReadHold { hold: id }).await? {
        None => None,
        Some(Reply::Hold(hold)) => Some(hold.state),
        other => return Err(format!("answered as {other:?}")),
    };
    let ask = Ask::ReadAppointment { appointment: id.into() };
    let appointment = match read(driver, tries_max, &ask).await? {
        None => None,
        Some(Reply::Appointment(appointment)) => Some(appointment),
        other => return Err(format!("answered as {other:?}")),
    };
    match (hold, appointment) {
        (Some(HoldState::Confirmed), Some(it)) => Ok(as_observed(&it)),
        (None, None) => Ok(Observed::Missing),
        (Some(HoldState::Held), None) => Ok(Observed::Held),
        (Some(HoldState::Expired), None) => Ok(Observed::Expired),
        (Some(HoldState::Released), None) => Ok(Observed::Released),
        (hold, appointment) => Err(format!("is a hold {hold:?} and {appointment:?} at once")),
    }
}

fn as_observed(it: &AppointmentSeen) -> Observed {
    let place = Place::of_appointment(it);
    if it.cancelled { Observed::Cancelled(place) } else { Observed::Booked(place) }
}

/// A read until there is an answer; none for what does not exist.
pub(super) async fn read(
    driver: &Driver,
    tries_max: u64,
    ask: &Ask,
) -> Result<Option<Reply>, String> {
    let mut last = String::new();
    for _ in 0..tries_max {
        match driver.send(ask, None).await {
            Outcome::Done(reply) => return Ok(Some(reply)),
            Outcome::Refused(refusal) => match refusal.code.as_str() {
                "unknown_hold" | "unknown_appointment" | "unknown_wish" => return Ok(None),
                OVERLOADED => last = refusal.code,
                _ => return Err(format!("refused as {}", refusal.code)),
            },
            Outcome::Unclear(why) => last = why,
        }
        pause(TRY_WAIT_MS).await;
    }
    Err(format!("no answer: {last}"))
}
