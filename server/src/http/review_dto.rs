//! Reviews, as clients write and read them.

use creneau::{ListedReviews, PersonId, ReviewInfo, TextId, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::dto::Text;
use super::openapi::texts;

/// What somebody says of an appointment that took place.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ReviewRequest)]
pub(super) struct ReviewAsked {
    /// Whether it was good.
    pub(super) positive: bool,
    /// What was written, if anything was, by its name where it is kept.
    #[serde(default)]
    #[schema(value_type = Option<texts::TextId>)]
    pub(super) text_id: Option<Text<TextId>>,
    /// The patient who says so: who booked it, or nobody may.
    #[serde(default)]
    #[schema(value_type = Option<texts::PatientId>)]
    pub(super) by: Option<Text<PersonId>>,
}

/// What the practice says to a review.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ReplyRequest)]
pub(super) struct ReplyAsked {
    /// What was written, by its name where it is kept.
    #[schema(value_type = texts::TextId)]
    pub(super) text_id: Text<TextId>,
}

/// What was said of an appointment.
#[derive(Serialize, ToSchema)]
#[schema(as = Review)]
pub(super) struct ReviewBody {
    #[schema(value_type = texts::AppointmentId)]
    appointment_id: String,
    #[schema(value_type = texts::CalendarId)]
    calendar_id: String,
    #[schema(value_type = texts::UtcInstant)]
    at: Text<Timestamp>,
    positive: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<texts::TextId>, nullable = false)]
    text_id: Option<Text<TextId>>,
    /// What the practice says to it, as far as it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    reply: Option<ReplyBody>,
}

/// What a practice says to a review.
#[derive(Serialize, ToSchema)]
#[schema(as = Reply)]
pub(super) struct ReplyBody {
    #[schema(value_type = texts::UtcInstant)]
    at: Text<Timestamp>,
    #[schema(value_type = texts::TextId)]
    text_id: Text<TextId>,
}

impl From<ReviewInfo> for ReviewBody {
    fn from(info: ReviewInfo) -> Self {
        let ReviewInfo { review, reply } = info;
        Self {
            appointment_id: review.appointment.to_string(),
            calendar_id: review.calendar.to_string(),
            at: Text(review.at),
            positive: review.positive,
            text_id: review.text.map(Text),
            reply: reply.map(|it| ReplyBody { at: Text(it.at), text_id: Text(it.text) }),
        }
    }
}

/// A page of a calendar's reviews.
#[derive(Serialize, ToSchema)]
pub(super) struct ReviewsPage {
    /// The newest first.
    #[schema(max_items = 1000)]
    reviews: Vec<ReviewBody>,
    /// How many of the newest were looked at,
    #[schema(maximum = 1000)]
    counted: usize,
    /// and how many of those are positive.
    #[schema(maximum = 1000)]
    positive: usize,
    /// The `cursor` of the next page, where there is more.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<texts::Cursor>, nullable = false)]
    next: Option<String>,
}

impl ReviewsPage {
    pub(super) fn new(listed: ListedReviews, next: Option<String>) -> Self {
        let ListedReviews { reviews, counted, positive, .. } = listed;
        let reviews = reviews.into_iter().map(ReviewBody::from).collect();
        Self { reviews, counted, positive, next }
    }
}
