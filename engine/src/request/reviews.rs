//! What is asked of reviews, and what is told.

pub use crate::booking::register::ReviewCursor;
use crate::booking::{By, Review, ReviewReply};
use crate::ids::{AppointmentId, CalendarId, CommandKey, TextId};

/// Says something of an appointment that took place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReviewAppointment {
    /// Which.
    pub appointment: AppointmentId,
    /// Whether it was good.
    pub positive: bool,
    /// What was written, if anything was, by its name where it is kept.
    pub text: Option<TextId>,
    /// Who says so.
    pub by: By,
    /// What the caller calls this command, so that its repeats are told apart.
    pub command: Option<CommandKey>,
}

/// Says something to a review.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplyToReview {
    /// Of which appointment.
    pub appointment: AppointmentId,
    /// What was written, by its name where it is kept.
    pub text: TextId,
    /// What the caller calls this command, so that its repeats are told apart.
    pub command: Option<CommandKey>,
}

/// A review, and what the practice says to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReviewInfo {
    /// What was said.
    pub review: Review,
    /// What the practice says to it, as far as it does.
    pub reply: Option<ReviewReply>,
}

/// Asks for the reviews of a calendar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListReviews {
    /// Whose.
    pub calendar: CalendarId,
    /// Where to begin; at the newest if none.
    pub cursor: Option<ReviewCursor>,
    /// How many at most: 1 to 200.
    pub limit: usize,
}

/// Some reviews of a calendar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedReviews {
    /// Them, the newest first.
    pub reviews: Vec<ReviewInfo>,
    /// Where the next page begins; none after the last.
    pub next: Option<ReviewCursor>,
    /// How many of the newest, up to 1,000, were looked at,
    pub counted: usize,
    /// and how many of those are positive.
    pub positive: usize,
}
