//! An engine in this process: the same calls without a network.

use std::time::Duration;

use creneau::{
    Appointment, AppointmentStatus, By, CallerId, CommandId, CommandKey, Definition, Details,
    Engine, Error, FindSlots, Hold, HoldSlot, HoldStatus, Interval, ListAppointments,
    ListCalendars, MoveAppointment, OfAppointment, OfHold, PersonId, Reason, ReasonId, Rejection,
};
use jiff::ToSpan;

use super::REASON;
use crate::api::{
    AppointmentSeen, Ask, Bookable, HoldSeen, HoldState, OVERLOADED, Outcome, Refusal, Reply,
};
use crate::scenario::Calendars;

/// An engine.
pub(crate) struct Embedded {
    engine: Engine,
}

impl Embedded {
    pub(super) const fn new(engine: Engine) -> Self {
        Self { engine }
    }

    pub(super) async fn send(&self, ask: &Ask, key: Option<&str>) -> Outcome {
        match self.answer(ask, key).await {
            Ok(Ok(reply)) => Outcome::Done(reply),
            Ok(Err(rejection)) => Outcome::Refused(refusal(&rejection)),
            Err(Error::Overloaded { .. }) => Outcome::Refused(Refusal::new(OVERLOADED)),
            Err(error) => Outcome::Unclear(error.to_string()),
        }
    }

    /// Asks, and drops the request at its first wait.
    pub(super) async fn hang_up(&self, ask: &Ask, key: &str) {
        let _ = tokio::time::timeout(Duration::ZERO, self.send(ask, Some(key))).await;
    }

    async fn answer(&self, ask: &Ask, key: Option<&str>) -> creneau::Answer<Reply> {
        let engine = &self.engine;
        let command = key.and_then(command);
        Ok(match ask {
            Ask::Find { calendar, reason, from, days, limit } => {
                let schedule = match engine.schedule(*calendar).await? {
                    Ok(schedule) => schedule,
                    Err(rejection) => return Ok(Err(rejection)),
                };
                let wanted = FindSlots {
                    calendar: *calendar,
                    reason: reason.clone(),
                    from: schedule.midnight(*from),
                    until: schedule.midnight(from.saturating_add(i64::from(*days).days())),
                    limit: usize::from(*limit),
                    practice: false,
                };
                let found = engine.find_slots(wanted).await?;
                found.map(|it| Reply::Slots(it.slots.iter().map(|slot| slot.start).collect()))
            }
            Ask::Hold { calendar, start, reason, patient } => {
                let (reason, person) = (reason.clone(), patient.clone());
                let wanted = HoldSlot {
                    calendar: *calendar,
                    start: *start,
                    reason,
                    person,
                    details: Details::default(),
                    by: By::Unsaid,
                    overflow: false,
                    dose: None,
                    command,
                };
                engine.hold(wanted).await?.map(|it| hold(&it.value))
            }
            Ask::Confirm { hold } => {
                let asked = OfHold { hold: *hold, by: By::Unsaid, command };
                engine.confirm(asked).await?.map(|it| appointment(&it.value))
            }
            Ask::Release { hold } => engine
                .release(OfHold { hold: *hold, by: By::Unsaid, command })
                .await?
                .map(|_| Reply::Released),
            Ask::Cancel { appointment: id } => {
                let asked = OfAppointment { appointment: *id, by: By::Unsaid, command };
                engine.cancel(asked).await?.map(|it| appointment(&it.value))
            }
            Ask::Move { appointment: id, start, calendar } => {
                let calendar = Some(*calendar);
                let asked = MoveAppointment {
                    appointment: *id,
                    start: *start,
                    calendar,
                    by: By::Unsaid,
                    command,
                };
                engine.move_appointment(asked).await?.map(|it| appointment(&it.value))
            }
            Ask::ReadHold { hold: id } => engine.hold_info(*id).await?.map(|it| hold(&it)),
            Ask::ReadAppointment { appointment: id } => {
                engine.appointment(*id).await?.map(|it| appointment(&it))
            }
            Ask::Search { patient } => self.search(patient.clone()).await?,
            // All else is of campaigns.
            _ => Err(for_a_server()),
        })
    }

    async fn search(&self, person: PersonId) -> creneau::Answer<Reply> {
        let wanted = ListAppointments { person, cursor: None, limit: 1_000 };
        let found = self.engine.appointments(wanted).await?;
        Ok(found.map(|it| Reply::Appointments(it.appointments.iter().map(seen).collect())))
    }

    pub(super) async fn create(
        &self,
        calendars: &Calendars,
        name: &str,
        key: &str,
    ) -> Result<Bookable, String> {
        let reason: ReasonId = REASON.parse().map_err(|error| format!("{error}"))?;
        let mut definition = Definition::weekdays(name, calendars.time_zone.clone());
        let hours: Vec<Interval> =
            calendars.hours.iter().filter_map(|text| text.parse().ok()).collect();
        for day in &mut definition.weekly_hours.days {
            day.clone_from(&hours);
        }
        definition.grid_minutes = calendars.grid_minutes;
        definition.lanes = calendars.lanes;
        definition.horizon_days = calendars.horizon_days;
        definition.reasons = vec![Reason::new(reason.clone(), "Visit", calendars.reason_minutes)];
        let made = self.engine.create_calendar(definition, command(key)).await;
        let made = made.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
        Ok(calendars.made(made.value.id, reason))
    }

    pub(super) async fn back_up(&self, to: &std::path::Path) -> Result<u64, String> {
        self.engine.back_up(to).await.map_err(|error| error.to_string())
    }

    pub(super) async fn existing(&self, count: usize) -> Result<Vec<Bookable>, String> {
        let (mut found, mut from) = (Vec::new(), None);
        loop {
            let wanted = ListCalendars { from, limit: 1_000, ..ListCalendars::default() };
            let page = self.engine.calendars(wanted).await.map_err(|error| error.to_string())?;
            let (page, next) = page.map_err(|error| error.to_string())?;
            found.extend(page.iter().filter_map(|it| {
                let Reason { id, duration_minutes, buffer_minutes, .. } =
                    it.definition.reasons.first()?;
                Some(Bookable {
                    calendar: it.id,
                    reason: id.clone(),
                    lanes: it.definition.lanes,
                    duration_minutes: *duration_minutes,
                    buffer_minutes: *buffer_minutes,
                    own: false,
                })
            }));
            from = next.filter(|_| found.len() < count);
            if from.is_none() {
                found.truncate(count);
                return Ok(found);
            }
        }
    }
}

fn command(key: &str) -> Option<CommandKey> {
    Some(CommandKey { caller: CallerId::new("loadgen").ok()?, id: CommandId::new(key).ok()? })
}

fn hold(hold: &Hold) -> Reply {
    Reply::Hold(HoldSeen {
        id: hold.id,
        calendar: hold.calendar,
        start: hold.start,
        end: hold.end,
        expires_at: hold.expires_at,
        state: match hold.status {
            HoldStatus::Held => HoldState::Held,
            HoldStatus::Confirmed => HoldState::Confirmed,
            HoldStatus::Released => HoldState::Released,
            HoldStatus::Expired => HoldState::Expired,
        },
    })
}

fn seen(appointment: &Appointment) -> AppointmentSeen {
    AppointmentSeen {
        id: appointment.id,
        calendar: appointment.calendar,
        start: appointment.start,
        end: appointment.end,
        lane: appointment.lane,
        cancelled: appointment.status == AppointmentStatus::Cancelled,
        fulfilled: false,
        dose: None,
    }
}

fn appointment(appointment: &Appointment) -> Reply {
    Reply::Appointment(seen(appointment))
}

/// `run` lets no campaign be rehearsed without a server.
fn for_a_server() -> Rejection {
    Rejection::Invalid { field: "dose".to_owned(), rule: "is for a server".to_owned() }
}

/// The code of a rejection, as the API has it.
fn refusal(rejection: &Rejection) -> Refusal {
    let code = match rejection {
        Rejection::Invalid { .. } => "invalid_request",
        Rejection::CommandReused => "idempotency_key_reused",
        Rejection::UnknownCalendar => "unknown_calendar",
        Rejection::UnknownHold => "unknown_hold",
        Rejection::UnknownAppointment => "unknown_appointment",
        Rejection::UnknownCampaign => "unknown_campaign",
        Rejection::UnknownDelivery => "unknown_delivery",
        Rejection::NotEligible { .. } => "not_eligible",
        Rejection::NoDose => "no_dose",
        Rejection::DoseNotGiven => "dose_not_given",
        Rejection::NextDose { .. } => "next_dose",
        Rejection::NotYours => "not_yours",
        Rejection::IsOffer => "is_offer",
        Rejection::RenewalsSpent => "no_renewal_left",
        Rejection::NotYet => "not_yet",
        Rejection::NotFree => "not_free",
        Rejection::HeldTooOften => "held_too_often",
        Rejection::UnknownWish => "unknown_wish",
        Rejection::TooManyWishes => "too_many_wishes",
        Rejection::ListFull => "list_full",
        Rejection::PartClosed { .. } => "part_closed",
        Rejection::PartTaken { .. } => "part_taken",
        Rejection::TooLate { .. } => "too_late",
        Rejection::PracticeOnly => "practice_only",
        Rejection::PatientsOnly { .. } => "patients_only",
        Rejection::VisitNotOffered { .. } => "visit_not_offered",
        Rejection::TooSoon { .. } => "too_soon",
        Rejection::DayFull { .. } => "day_full",
        Rejection::UnknownPractitioner => "unknown_practitioner",
        Rejection::UnknownPlace => "unknown_place",
        Rejection::UnknownLink => "unknown_link",
        Rejection::UnknownReview => "unknown_review",
        Rejection::NotFulfilled => "not_fulfilled",
        Rejection::AlreadyReviewed => "already_reviewed",
        Rejection::VersionMismatch { .. } => "version_mismatch",
        Rejection::ExternalIdTaken { .. } => "external_id_taken",
        Rejection::HoldReleased => "hold_released",
        Rejection::HoldExpired => "hold_expired",
        Rejection::HoldConfirmed { .. } => "hold_confirmed",
        Rejection::NotChangeable => "not_changeable",
        Rejection::UnknownReason => "unknown_reason",
        Rejection::OffGrid { .. } | Rejection::OutsideOpenings => "outside_openings",
        Rejection::InThePast => "in_the_past",
        Rejection::BeyondHorizon { .. } => "beyond_horizon",
        Rejection::SlotTaken { alternatives } => {
            let places = alternatives.iter().map(|slot| (slot.calendar, slot.start)).collect();
            return Refusal { alternatives: places, ..Refusal::new("slot_taken") };
        }
        Rejection::PersonHasHold { hold } => {
            return Refusal { hold: Some(*hold), ..Refusal::new("patient_has_hold") };
        }
    };
    Refusal::new(code)
}
