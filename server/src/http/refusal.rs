//! Which refusal or failure of the engine becomes which problem. Exhaustive on purpose: a new
//! variant does not compile until someone has decided what clients are told.

use creneau::campaign::Ineligible;
use creneau::{CalendarId, Error, Rejection, Slot, Standing};

use super::app::App;
use super::dto::Text;
use super::problem::{Alternative, Code, More, Problem, Why};

impl App {
    /// What the engine answered, or what the client is told instead.
    pub(super) async fn settled<T>(&self, answer: creneau::Answer<T>) -> Result<T, Problem> {
        match answer {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(rejection)) => Err(self.refused(rejection).await),
            Err(error) => Err(failed(&error)),
        }
    }

    /// A refusal of the engine as a problem.
    pub(super) async fn refused(&self, rejection: Rejection) -> Problem {
        let more = match &rejection {
            Rejection::SlotTaken { alternatives } => {
                More::Alternatives { alternatives: self.alternatives(alternatives).await }
            }
            _ => More::Nothing {},
        };
        match more {
            More::Nothing {} => problem_of(rejection),
            more => problem_of(rejection).with(more),
        }
    }

    async fn alternatives(&self, slots: &[Slot]) -> Vec<Alternative> {
        let mut told = Vec::with_capacity(slots.len());
        for slot in slots {
            let zone = self.zone(slot.calendar).await;
            told.push(Alternative {
                calendar_id: slot.calendar.to_string(),
                start: zone.local(slot.start),
                end: zone.local(slot.end),
            });
        }
        told
    }
}

fn none_of(code: Code, kind: &str) -> Problem {
    Problem::new(code, format!("no {kind} has this id"))
}

fn not_registered(code: Code) -> Problem {
    Problem::new(code, "nothing of this kind has this id")
}

fn ended(code: Code, what: &str) -> Problem {
    Problem::new(code, format!("{what}: hold the slot again"))
}

fn problem_of(rejection: Rejection) -> Problem {
    match rejection {
        Rejection::Invalid { field, rule } => Problem::invalid(field, rule),
        Rejection::CommandReused => Problem::new(
            Code::IdempotencyKeyReused,
            "this Idempotency-Key was used for another method, path or body",
        ),
        Rejection::UnknownCalendar => none_of(Code::UnknownCalendar, "calendar"),
        Rejection::UnknownHold => Problem::new(
            Code::UnknownHold,
            "no hold has this id, or it ended without an appointment more than 24 hours ago",
        ),
        Rejection::UnknownAppointment => none_of(Code::UnknownAppointment, "appointment"),
        Rejection::UnknownPractitioner => not_registered(Code::UnknownPractitioner),
        Rejection::UnknownPlace => not_registered(Code::UnknownPlace),
        Rejection::UnknownLink => not_registered(Code::UnknownLink),
        Rejection::VersionMismatch { current } => version_mismatch(current),
        Rejection::ExternalIdTaken { calendar } => {
            let more = More::Calendar { calendar_id: calendar.to_string() };
            Problem::new(Code::ExternalIdTaken, "a calendar with this external_id exists")
                .with(more)
        }
        Rejection::HoldReleased => ended(Code::HoldReleased, "the hold was released"),
        Rejection::HoldExpired => ended(Code::HoldExpired, "the hold's time ran out"),
        Rejection::NotChangeable => Problem::new(
            Code::NotChangeable,
            "the appointment has begun, is cancelled, or has been marked",
        ),
        Rejection::UnknownReason => Problem::new(Code::UnknownReason, "the calendar lists them"),
        Rejection::InThePast => Problem::new(Code::InThePast, "the start has passed"),
        // Its alternatives need the zone of their calendar: `refused` adds them.
        Rejection::SlotTaken { alternatives: _ } => {
            Problem::new(Code::SlotTaken, "the alternatives are the nearest free slots")
        }
        Rejection::PersonHasHold { hold } => {
            let more = More::Hold { hold_id: hold.to_string() };
            Problem::new(Code::PatientHasHold, "confirm or release that hold first").with(more)
        }
        Rejection::HoldConfirmed { .. }
        | Rejection::OffGrid { .. }
        | Rejection::BeyondHorizon { .. }
        | Rejection::OutsideOpenings
        | Rejection::NotYours
        | Rejection::TooLate { .. }
        | Rejection::PracticeOnly
        | Rejection::PatientsOnly { .. }
        | Rejection::VisitNotOffered { .. }
        | Rejection::TooSoon { .. }
        | Rejection::DayFull { .. }
        | Rejection::IsOffer
        | Rejection::RenewalsSpent
        | Rejection::NotYet
        | Rejection::NotFree
        | Rejection::HeldTooOften => by_rule(rejection),
        Rejection::UnknownReview | Rejection::NotFulfilled | Rejection::AlreadyReviewed => {
            of_review(&rejection)
        }
        Rejection::UnknownWish => none_of(Code::UnknownWish, "wish"),
        Rejection::TooManyWishes => Problem::new(Code::TooManyWishes, "withdraw another one first"),
        Rejection::ListFull => Problem::new(Code::ListFull, "try another calendar, or later"),
        Rejection::UnknownCampaign
        | Rejection::UnknownDelivery
        | Rejection::NotEligible { .. }
        | Rejection::NoDose
        | Rejection::NextDose { .. }
        | Rejection::DoseNotGiven => of_dose(rejection),
        Rejection::PartClosed { calendar } => no_room(Code::PartClosed, calendar),
        Rejection::PartTaken { calendar } => no_room(Code::PartTaken, calendar),
    }
}

fn version_mismatch(current: u32) -> Problem {
    let detail = format!("the calendar is at version {current}: read it again");
    Problem::new(Code::VersionMismatch, detail).with(More::Version { current_version: current })
}

fn of_review(rejection: &Rejection) -> Problem {
    match rejection {
        Rejection::NotFulfilled => Problem::new(
            Code::NotFulfilled,
            "only what the practice has marked as fulfilled can be reviewed",
        ),
        Rejection::AlreadyReviewed => {
            Problem::new(Code::AlreadyReviewed, "an appointment is reviewed once, and for good")
        }
        _ => Problem::new(Code::UnknownReview, "nobody has reviewed this appointment"),
    }
}

/// A refusal that concerns a dose of a campaign.
fn of_dose(rejection: Rejection) -> Problem {
    match rejection {
        Rejection::UnknownCampaign => none_of(Code::UnknownCampaign, "campaign"),
        Rejection::UnknownDelivery => none_of(Code::UnknownDelivery, "delivery"),
        Rejection::NotEligible { why } => not_eligible(&why),
        Rejection::NoDose => {
            Problem::new(Code::NoDose, "nothing is held: take another time, or another place")
        }
        Rejection::NextDose { appointment } => {
            let more = More::Appointment { appointment_id: appointment.to_string() };
            let detail = "say in next_dose whether that is to keep or to cancel";
            Problem::new(Code::NextDose, detail).with(more)
        }
        Rejection::DoseNotGiven => {
            Problem::new(Code::DoseNotGiven, "say of which delivery its dose was given")
        }
        // Nothing else comes here.
        _ => unavailable(),
    }
}

/// The text is for people; programs decide by `why`.
fn not_eligible(why: &Ineligible) -> Problem {
    let (kind, opens, from, until) = match why {
        Ineligible::FactsOutdated => ("facts_outdated", None, None, None),
        Ineligible::UnknownBand { .. } => ("unknown_band", None, None, None),
        Ineligible::UnknownVaccine { .. } => ("unknown_vaccine", None, None, None),
        Ineligible::NoSuchDose { .. } => ("no_such_dose", None, None, None),
        Ineligible::NotForBand { .. } => ("not_for_band", None, None, None),
        Ineligible::NotYet { opens, .. } => ("not_yet", Some(*opens), None, None),
        Ineligible::Over { .. } => ("over", None, None, None),
        Ineligible::NotForThem => ("not_for_them", None, None, None),
        Ineligible::AfterInfection { from } => ("after_infection", None, Some(*from), None),
        Ineligible::HasDose { .. } => ("has_dose", None, None, None),
        Ineligible::NeedsDose { .. } => ("needs_dose", None, None, None),
        Ineligible::OtherVaccine { .. } => ("other_vaccine", None, None, None),
        Ineligible::TooEarly { from } => ("too_early", None, Some(*from), None),
        Ineligible::TooLate { until } => ("too_late", None, None, Some(*until)),
    };
    let (opens, from, until) = (opens.map(Text), from.map(Text), until.map(Text));
    let more = More::Why(Why { why: kind, opens, from, until });
    Problem::new(Code::NotEligible, why.to_string()).with(more)
}

/// A calendar that is needed too has no room.
fn no_room(code: Code, calendar: CalendarId) -> Problem {
    let detail = "nothing is held: take another time, or another calendar than this one";
    Problem::new(code, detail).with(More::Calendar { calendar_id: calendar.to_string() })
}

fn patients_only(patients: Standing) -> Problem {
    let detail = match patients {
        Standing::New => "this reason is for new patients: say whether this is one",
        Standing::Known => "this reason is for known patients: say whether this is one",
    };
    Problem::new(Code::PatientsOnly, detail)
}

/// A refusal by a rule of the practice.
fn by_rule(rejection: Rejection) -> Problem {
    match rejection {
        Rejection::NotYours => {
            Problem::new(Code::NotYours, "only who booked it may change it, and the practice")
        }
        Rejection::HoldConfirmed { appointment } => {
            let more = More::Appointment { appointment_id: appointment.to_string() };
            let detail = "the hold has become an appointment: cancel that instead";
            Problem::new(Code::HoldConfirmed, detail).with(more)
        }
        Rejection::IsOffer => Problem::new(
            Code::IsOffer,
            "it is an offer for an appointment: accept it, and the appointment moves there",
        ),
        Rejection::RenewalsSpent => Problem::new(
            Code::NoRenewalLeft,
            "it was renewed as often as can be: confirm it while it lasts",
        ),
        Rejection::NotYet => {
            Problem::new(Code::NotYet, "arrived on its day, the rest once it has begun")
        }
        Rejection::NotFree => Problem::new(
            Code::NotFree,
            "without only_free it is blocked all the same, and the answer lists what lies within",
        ),
        Rejection::HeldTooOften => Problem::new(
            Code::HeldTooOften,
            "holds of this slot have expired too often: take another slot",
        ),
        Rejection::TooLate { until_minutes } => Problem::new(
            Code::TooLate,
            format!("it can be changed until {until_minutes} minutes before it starts"),
        ),
        Rejection::PracticeOnly => {
            Problem::new(Code::PracticeOnly, "call the practice for this reason")
        }
        Rejection::PatientsOnly { patients } => patients_only(patients),
        Rejection::VisitNotOffered { by_video } => {
            let how = if by_video { "by video" } else { "in person" };
            Problem::new(Code::VisitNotOffered, format!("this reason is not seen to {how}"))
        }
        Rejection::OffGrid { grid_minutes } => Problem::new(
            Code::OutsideOpenings,
            format!("appointments of this calendar start on a grid of {grid_minutes} minutes"),
        ),
        Rejection::TooSoon { notice_minutes } => Problem::new(
            Code::TooSoon,
            format!("this reason can be booked until {notice_minutes} minutes before it starts"),
        ),
        Rejection::BeyondHorizon { horizon_days } => Problem::new(
            Code::BeyondHorizon,
            format!("this can be booked {horizon_days} days ahead"),
        ),
        Rejection::OutsideOpenings => Problem::new(
            Code::OutsideOpenings,
            "the calendar is not open for all of the time that the reason takes from this start",
        ),
        Rejection::DayFull { per_day } => Problem::new(
            Code::DayFull,
            format!("the day has {per_day} of this reason already: take another day"),
        ),
        // Nothing else comes here.
        _ => unavailable(),
    }
}

/// A failure of the engine as a problem. Its cause goes to the log, never to the client.
pub(super) fn failed(error: &Error) -> Problem {
    match error {
        Error::Overloaded { retry_after } => {
            let detail = "nothing has happened: come back after Retry-After seconds";
            Problem::new(Code::Overloaded, detail).retry_after(*retry_after)
        }
        Error::CalendarUnavailable => Problem::new(
            Code::CalendarUnavailable,
            "this calendar is set apart until the server is restarted; others are not concerned",
        ),
        Error::OutcomeUnknown => outcome_unknown(),
        Error::Failed | Error::Closed => unavailable(),
        Error::Store(_)
        | Error::Journal(_)
        | Error::Backup(_)
        | Error::Open(_)
        | Error::TailLost { .. }
        | Error::ClockBehind { .. }
        | Error::Config { .. }
        | Error::NotLockFree
        | Error::Start(_) => {
            tracing::error!(%error, "the engine failed to serve a request");
            unavailable()
        }
    }
}

pub(super) fn outcome_unknown() -> Problem {
    Problem::new(
        Code::OutcomeUnknown,
        "it may have happened or not: repeat with the same key to find out",
    )
}

pub(super) fn unavailable() -> Problem {
    Problem::new(Code::Unavailable, "the server cannot answer now")
}
