//! Problem details (RFC 9457): what every refused request is told.

use std::borrow::Cow;
use std::time::Duration;

use creneau::Timestamp;
use hyper::StatusCode;
use hyper::header::{self, HeaderValue};
use serde::Serialize;
use utoipa::ToSchema;

use super::answer::{self, Response};
use super::dto::Text;
use super::local::Local;
use super::openapi::texts;
use super::readiness::Check;

/// What a refusal is called, for good: clients decide by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Code {
    InvalidRequest,
    Unauthorized,
    Forbidden,
    NotFound,
    UnknownCalendar,
    UnknownHold,
    UnknownAppointment,
    UnknownWish,
    UnknownCampaign,
    UnknownDelivery,
    NotYours,
    PracticeOnly,
    UnknownPractitioner,
    UnknownPlace,
    UnknownLink,
    UnknownReview,
    MethodNotAllowed,
    RequestTimeout,
    SlotTaken,
    PatientHasHold,
    HoldConfirmed,
    IsOffer,
    NoRenewalLeft,
    NotChangeable,
    NotYet,
    NotFulfilled,
    AlreadyReviewed,
    NotFree,
    HeldTooOften,
    TooManyWishes,
    ListFull,
    PartClosed,
    PartTaken,
    TooLate,
    DayFull,
    NoDose,
    NextDose,
    DoseNotGiven,
    ExternalIdTaken,
    BackupFailed,
    HoldExpired,
    HoldReleased,
    VersionMismatch,
    PayloadTooLarge,
    UnsupportedMediaType,
    UnknownReason,
    PatientsOnly,
    NotEligible,
    VisitNotOffered,
    OutsideOpenings,
    InThePast,
    TooSoon,
    BeyondHorizon,
    IdempotencyKeyReused,
    VersionRequired,
    TooManyRequests,
    Internal,
    Overloaded,
    CalendarUnavailable,
    OutcomeUnknown,
    Unavailable,
}

impl Code {
    /// Its status, its name, and its title.
    #[rustfmt::skip]
    pub(super) const fn parts(self) -> (StatusCode, &'static str, &'static str) {
        use StatusCode as S;
        match self {
            Self::InvalidRequest =>
                (S::BAD_REQUEST, "invalid_request", "The request breaks a rule"),
            Self::Unauthorized => (S::UNAUTHORIZED, "unauthorized", "The request needs a token"),
            Self::Forbidden => (S::FORBIDDEN, "forbidden", "The request is not allowed"),
            Self::NotFound => (S::NOT_FOUND, "not_found", "There is nothing at this address"),
            Self::UnknownCalendar =>
                (S::NOT_FOUND, "unknown_calendar", "There is no such calendar"),
            Self::UnknownHold => (S::NOT_FOUND, "unknown_hold", "There is no such hold"),
            Self::UnknownAppointment =>
                (S::NOT_FOUND, "unknown_appointment", "There is no such appointment"),
            Self::UnknownPractitioner =>
                (S::NOT_FOUND, "unknown_practitioner", "There is no such practitioner"),
            Self::UnknownPlace => (S::NOT_FOUND, "unknown_place", "There is no such place"),
            Self::UnknownLink => (S::NOT_FOUND, "unknown_link", "There is no such link"),
            Self::MethodNotAllowed =>
                (S::METHOD_NOT_ALLOWED, "method_not_allowed", "This address has no such method"),
            Self::RequestTimeout =>
                (S::REQUEST_TIMEOUT, "request_timeout", "The request took too long to arrive"),
            Self::SlotTaken => (S::CONFLICT, "slot_taken", "The slot is taken"),
            Self::PatientHasHold =>
                (S::CONFLICT, "patient_has_hold", "The patient has a hold already"),
            Self::HoldConfirmed => (S::CONFLICT, "hold_confirmed", "The hold was confirmed"),
            Self::NotChangeable =>
                (S::CONFLICT, "not_changeable", "The appointment cannot be changed any more"),
            Self::ExternalIdTaken =>
                (S::CONFLICT, "external_id_taken", "Another calendar has this external id"),
            Self::BackupFailed => (S::CONFLICT, "backup_failed", "No backup was taken"),
            Self::HoldExpired => (S::GONE, "hold_expired", "The hold has expired"),
            Self::HoldReleased => (S::GONE, "hold_released", "The hold was released"),
            Self::VersionMismatch =>
                (S::PRECONDITION_FAILED, "version_mismatch", "The calendar has changed"),
            Self::PayloadTooLarge =>
                (S::PAYLOAD_TOO_LARGE, "payload_too_large", "The body is too large"),
            Self::UnsupportedMediaType =>
                (S::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", "The body must be JSON"),
            Self::UnknownReason =>
                (S::UNPROCESSABLE_ENTITY, "unknown_reason", "The calendar has no such reason"),
            Self::OutsideOpenings =>
                (S::UNPROCESSABLE_ENTITY, "outside_openings", "Nothing can start at this time"),
            Self::InThePast => (S::UNPROCESSABLE_ENTITY, "in_the_past", "The time has passed"),
            Self::BeyondHorizon =>
                (S::UNPROCESSABLE_ENTITY, "beyond_horizon", "The time cannot be booked yet"),
            Self::IdempotencyKeyReused => (S::UNPROCESSABLE_ENTITY, "idempotency_key_reused",
                "The idempotency key was used for another request"),
            Self::VersionRequired =>
                (S::PRECONDITION_REQUIRED, "version_required", "The request must name a version"),
            Self::TooManyRequests =>
                (S::TOO_MANY_REQUESTS, "too_many_requests", "Too many requests were sent"),
            Self::Internal => (S::INTERNAL_SERVER_ERROR, "internal", "The server failed"),
            Self::Overloaded => (S::SERVICE_UNAVAILABLE, "overloaded", "Too much is under way"),
            Self::CalendarUnavailable =>
                (S::SERVICE_UNAVAILABLE, "calendar_unavailable", "The calendar is not available"),
            Self::OutcomeUnknown =>
                (S::SERVICE_UNAVAILABLE, "outcome_unknown", "The outcome is not known"),
            Self::Unavailable =>
                (S::SERVICE_UNAVAILABLE, "unavailable", "The server takes no requests"),
            Self::NotYours | Self::PracticeOnly | Self::IsOffer | Self::NoRenewalLeft
            | Self::NotYet | Self::NotFulfilled | Self::AlreadyReviewed | Self::NotFree
            | Self::HeldTooOften | Self::TooLate | Self::DayFull
            | Self::PartClosed | Self::PartTaken
            | Self::UnknownReview | Self::UnknownWish | Self::TooManyWishes | Self::ListFull
            | Self::PatientsOnly | Self::VisitNotOffered | Self::TooSoon => self.of_rule(),
            Self::UnknownCampaign | Self::UnknownDelivery | Self::NotEligible | Self::NoDose
            | Self::NextDose | Self::DoseNotGiven => self.of_campaign(),
        }
    }

    /// Of refusals by a rule of the practice.
    #[rustfmt::skip]
    const fn of_rule(self) -> (StatusCode, &'static str, &'static str) {
        use StatusCode as S;
        match self {
            Self::NotYours => (S::FORBIDDEN, "not_yours", "Another person booked it"),
            Self::PracticeOnly =>
                (S::FORBIDDEN, "practice_only", "Only the practice may book this"),
            Self::IsOffer => (S::CONFLICT, "is_offer", "The hold is an offer for an appointment"),
            Self::NoRenewalLeft =>
                (S::CONFLICT, "no_renewal_left", "The hold cannot be renewed any more"),
            Self::NotYet => (S::CONFLICT, "not_yet", "It is too early to say so"),
            Self::NotFulfilled =>
                (S::CONFLICT, "not_fulfilled", "The appointment was not marked as fulfilled"),
            Self::AlreadyReviewed =>
                (S::CONFLICT, "already_reviewed", "The appointment was reviewed before"),
            Self::NotFree => (S::CONFLICT, "not_free", "Something is held or booked within it"),
            Self::HeldTooOften =>
                (S::CONFLICT, "held_too_often", "The patient let holds of this slot expire"),
            Self::UnknownReview =>
                (S::NOT_FOUND, "unknown_review", "Nobody has reviewed this appointment"),
            Self::UnknownWish => (S::NOT_FOUND, "unknown_wish", "There is no such wish"),
            Self::TooManyWishes =>
                (S::CONFLICT, "too_many_wishes", "The patient waits for as much as one may"),
            Self::ListFull => (S::CONFLICT, "list_full", "As many wait as may"),
            Self::PartClosed =>
                (S::CONFLICT, "part_closed", "A calendar that is needed too is not open"),
            Self::PartTaken =>
                (S::CONFLICT, "part_taken", "A calendar that is needed too is taken"),
            Self::TooLate =>
                (S::CONFLICT, "too_late", "Only the practice can still change the appointment"),
            Self::DayFull => (S::CONFLICT, "day_full", "The day has as many as it may have"),
            Self::PatientsOnly =>
                (S::UNPROCESSABLE_ENTITY, "patients_only", "The reason is for other patients"),
            Self::VisitNotOffered =>
                (S::UNPROCESSABLE_ENTITY, "visit_not_offered", "The reason is seen to otherwise"),
            Self::TooSoon => (S::UNPROCESSABLE_ENTITY, "too_soon", "The time is too near"),
            // Nothing else comes here.
            _ => (S::INTERNAL_SERVER_ERROR, "internal", "The server failed"),
        }
    }
}

impl Code {
    /// Of refusals that concern doses of a campaign.
    #[rustfmt::skip]
    const fn of_campaign(self) -> (StatusCode, &'static str, &'static str) {
        use StatusCode as S;
        match self {
            Self::UnknownCampaign =>
                (S::NOT_FOUND, "unknown_campaign", "There is no such campaign"),
            Self::UnknownDelivery =>
                (S::NOT_FOUND, "unknown_delivery", "There is no such delivery"),
            Self::NotEligible =>
                (S::UNPROCESSABLE_ENTITY, "not_eligible", "The dose may not be the patient's"),
            Self::NoDose => (S::CONFLICT, "no_dose", "No dose is left there at that time"),
            Self::NextDose =>
                (S::CONFLICT, "next_dose", "The patient has an appointment for the dose after it"),
            Self::DoseNotGiven =>
                (S::CONFLICT, "dose_not_given", "The appointment is fulfilled by its dose"),
            // Nothing else comes here.
            _ => (S::INTERNAL_SERVER_ERROR, "internal", "The server failed"),
        }
    }
}

/// Why a dose may not be somebody's.
#[derive(Debug, Serialize)]
pub(super) struct Why {
    pub(super) why: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) opens: Option<Text<Timestamp>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) from: Option<Text<Timestamp>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) until: Option<Text<Timestamp>>,
}

/// A field that breaks a rule.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct FieldError {
    /// The field, as a path.
    pub(super) field: String,
    /// The rule, to be read after the field's name.
    pub(super) rule: String,
}

/// A slot that can be had instead.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Alternative {
    #[schema(value_type = texts::CalendarId)]
    pub(super) calendar_id: String,
    #[schema(value_type = texts::LocalInstant)]
    pub(super) start: Local,
    #[schema(value_type = texts::LocalInstant)]
    pub(super) end: Local,
}

/// What a refusal says beyond its words.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum More {
    Nothing {},
    Errors { errors: Vec<FieldError> },
    Alternatives { alternatives: Vec<Alternative> },
    Hold { hold_id: String },
    Appointment { appointment_id: String },
    Calendar { calendar_id: String },
    Version { current_version: u32 },
    Checks { checks: Vec<Check> },
    Why(Why),
}

/// The code of an answer that is a problem, for who counts answers.
#[derive(Clone, Copy)]
pub(super) struct Named(pub(super) &'static str);

/// A refusal.
#[derive(Debug)]
pub(super) struct Problem {
    code: Code,
    detail: Cow<'static, str>,
    more: More,
    header: Option<Box<(header::HeaderName, HeaderValue)>>,
}

/// A refusal as it is sent.
#[derive(Serialize)]
struct Body<'a> {
    r#type: String,
    title: &'static str,
    status: u16,
    code: &'static str,
    detail: &'a str,
    #[serde(flatten)]
    more: &'a More,
}

impl Problem {
    pub(super) fn new(code: Code, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { code, detail: detail.into(), more: More::Nothing {}, header: None }
    }

    /// One field breaks a rule.
    pub(super) fn invalid(field: impl Into<String>, rule: impl Into<String>) -> Self {
        let error = FieldError { field: field.into(), rule: rule.into() };
        let detail = format!("{} {}", error.field, error.rule);
        Self::new(Code::InvalidRequest, detail).with(More::Errors { errors: vec![error] })
    }

    pub(super) fn with(self, more: More) -> Self {
        Self { more, ..self }
    }

    /// With the methods that there are.
    pub(super) fn allowing(self, methods: &str) -> Self {
        let header =
            HeaderValue::from_str(methods).ok().map(|value| Box::new((header::ALLOW, value)));
        Self { header, ..self }
    }

    /// With a header.
    pub(super) fn with_header(self, name: header::HeaderName, value: HeaderValue) -> Self {
        Self { header: Some(Box::new((name, value))), ..self }
    }

    /// With a time to come back, in whole seconds.
    pub(super) fn retry_after(self, wait: Duration) -> Self {
        let seconds = wait.as_millis().div_ceil(1_000).max(1);
        let value = HeaderValue::from_str(&seconds.to_string()).ok();
        Self { header: value.map(|value| Box::new((header::RETRY_AFTER, value))), ..self }
    }

    #[cfg(test)]
    pub(super) fn code(&self) -> Code {
        self.code
    }

    #[cfg(test)]
    pub(super) fn detail(&self) -> &str {
        &self.detail
    }
}

impl From<Problem> for Response {
    fn from(problem: Problem) -> Self {
        let (status, code, title) = problem.code.parts();
        let body = Body {
            r#type: format!("urn:creneau:problem:{code}"),
            title,
            status: status.as_u16(),
            code,
            detail: &problem.detail,
            more: &problem.more,
        };
        let mut response = answer::json(status, &body);
        response.extensions_mut().insert(Named(code));
        let headers = response.headers_mut();
        let kind = HeaderValue::from_static("application/problem+json");
        headers.insert(header::CONTENT_TYPE, kind);
        headers.insert(header::CACHE_CONTROL, answer::NO_STORE);
        if let Some(header) = problem.header {
            let (name, value) = *header;
            headers.insert(name, value);
        }
        response
    }
}
