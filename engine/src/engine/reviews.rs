//! Reviews: what is said of appointments that took place, and what practices say to it.

use std::sync::Arc;

use super::calendars::check_limit;
use super::{Engine, answers, refused};
use crate::booking::{Mark, Registration, Rejection, Review, ReviewReply};
use crate::error::{Answer, Error};
use crate::ids::AppointmentId;
use crate::limits::{CLAIM_WAITS_MAX, REVIEWS_COUNTED_MAX};
use crate::metrics::Asked;
use crate::planted::{self, Bug};
use crate::request::{
    ListReviews, ListedReviews, Outcome, ReplyToReview, ReviewAppointment, ReviewInfo,
};
use crate::runtime::{BookingState, Busy, Claim, key_of, register};

impl Engine {
    /// Says something of an appointment that took place: once, and for good. Whoever says so has
    /// booked it.
    ///
    /// Refused as [`Rejection::CommandReused`], [`Rejection::UnknownAppointment`],
    /// [`Rejection::NotYours`], [`Rejection::NotFulfilled`] or [`Rejection::AlreadyReviewed`].
    ///
    /// # Errors
    ///
    /// [`Error`] when the engine cannot answer; see its variants.
    pub async fn review(&self, asked: ReviewAppointment) -> Answer<Outcome<ReviewInfo>> {
        self.counted(Asked::Register, self.try_review(asked).await)
    }

    async fn try_review(&self, asked: ReviewAppointment) -> Answer<Outcome<ReviewInfo>> {
        let ReviewAppointment { appointment, positive, text, by, command } = asked;
        let shared = self.shared();
        shared.check()?;
        let id = appointment.bits().to_be_bytes();
        let written = text.as_ref().map_or("", |text| text.as_str());
        let said = [u8::from(positive), u8::from(text.is_some())];
        let print = key_of(&[b"review", &id, &said, written.as_bytes(), by.print()]);
        // One at a time for an appointment: who comes second sees what has become of the first.
        let alone = if planted::is(Bug::ReviewedTwice) {
            None
        } else {
            Some(self.alone(key_of(&[b"who reviews", &id])).await?)
        };
        let row = shared.index.booking(appointment.into(), self.now())?;
        let reviewed = register::review(shared.index.rows(), appointment)?.is_some();
        let what = || {
            let row = row.filter(|row| answers::appointment_of(row).is_some());
            let row = row.ok_or(Rejection::UnknownAppointment)?;
            if !row.booking.is_for(&by) {
                return Err(Rejection::NotYours);
            }
            if row.state != BookingState::Marked(Mark::Fulfilled) {
                return Err(Rejection::NotFulfilled);
            }
            if reviewed {
                return Err(Rejection::AlreadyReviewed);
            }
            let (calendar, at) = (row.booking.calendar, shared.now());
            Ok(Registration::Reviewed(Review { appointment, calendar, at, positive, text }))
        };
        match self.register(print, command, alone, what).await? {
            Ok(Registration::Reviewed(review)) => {
                let value = self.with_reply(review)?;
                Ok(Ok(Outcome { value, fresh: true }))
            }
            Ok(_) => Err(Error::OutcomeUnknown),
            Err(rejection) => refused(rejection),
        }
    }

    /// Waits until nobody else is about `key`, and keeps others from it meanwhile.
    pub(super) async fn alone(&self, key: u128) -> Result<Arc<Claim>, Error> {
        self.in_turn(key).await.map(Arc::new)
    }

    /// As [`Engine::alone`], to be kept by a permit.
    pub(super) async fn in_turn(&self, key: u128) -> Result<Claim, Error> {
        for _ in 0..CLAIM_WAITS_MAX {
            match self.shared().commands.claim(key) {
                Ok(claim) => return Ok(claim),
                Err(Busy::Pending(waiting)) => waiting.ended().await,
                Err(Busy::Kept(_)) => break,
            }
        }
        Err(self.contended())
    }

    /// Says something to a review, in the name of the practice. It takes the place of what the
    /// practice said before; the review stays.
    ///
    /// Refused as [`Rejection::CommandReused`] or [`Rejection::UnknownReview`].
    ///
    /// # Errors
    ///
    /// [`Error`] when the engine cannot answer; see its variants.
    pub async fn reply_to_review(&self, asked: ReplyToReview) -> Answer<Outcome<ReviewInfo>> {
        self.counted(Asked::Register, self.try_reply(asked).await)
    }

    async fn try_reply(&self, asked: ReplyToReview) -> Answer<Outcome<ReviewInfo>> {
        let ReplyToReview { appointment, text, command } = asked;
        let shared = self.shared();
        shared.check()?;
        let id = appointment.bits().to_be_bytes();
        let print = key_of(&[b"reply", &id, text.as_str().as_bytes()]);
        let review = register::review(shared.index.rows(), appointment)?;
        let known = review.is_some();
        let what = || {
            let reply = ReviewReply { appointment, at: shared.now(), text };
            if known { Ok(Registration::Replied(reply)) } else { Err(Rejection::UnknownReview) }
        };
        match (self.register(print, command, None, what).await?, review) {
            (Ok(Registration::Replied(reply)), Some(review)) => {
                let value = ReviewInfo { review, reply: Some(reply) };
                Ok(Ok(Outcome { value, fresh: true }))
            }
            (Ok(_), _) => Err(Error::OutcomeUnknown),
            (Err(rejection), _) => refused(rejection),
        }
    }

    fn with_reply(&self, review: Review) -> Result<ReviewInfo, Error> {
        let reply = register::reply(self.shared().index.rows(), review.appointment)?;
        Ok(ReviewInfo { review, reply })
    }

    /// What was said of an appointment.
    ///
    /// Refused as [`Rejection::UnknownReview`].
    ///
    /// # Errors
    ///
    /// [`Error`] when the engine cannot answer; see its variants.
    pub async fn review_of(&self, appointment: AppointmentId) -> Answer<ReviewInfo> {
        self.shared().check()?;
        match register::review(self.shared().index.rows(), appointment)? {
            Some(review) => Ok(Ok(self.with_reply(review)?)),
            None => refused(Rejection::UnknownReview),
        }
    }

    /// The reviews of a calendar, the newest first.
    ///
    /// Refused as [`Rejection::UnknownCalendar`], or [`Rejection::Invalid`] for the limit.
    ///
    /// # Errors
    ///
    /// [`Error`] when the engine cannot answer; see its variants.
    pub async fn reviews(&self, asked: ListReviews) -> Answer<ListedReviews> {
        let ListReviews { calendar, cursor, limit } = asked;
        let shared = self.shared();
        shared.check()?;
        if let Err(rejection) = check_limit(limit) {
            return refused(rejection);
        }
        if !shared.index.knows(calendar) {
            return refused(Rejection::UnknownCalendar);
        }
        let rows = shared.index.rows();
        let newest = register::reviews(rows, calendar, [0; 24], REVIEWS_COUNTED_MAX)?;
        let positive = newest.iter().filter(|(.., positive)| *positive).count();
        let found = register::reviews(rows, calendar, cursor.unwrap_or_default(), limit + 1)?;
        let next = found.get(limit).map(|(at, ..)| *at);
        let mut reviews = Vec::with_capacity(found.len());
        for (_, id, _) in found.into_iter().take(limit) {
            if let Some(review) = register::review(rows, id)? {
                reviews.push(self.with_reply(review)?);
            }
        }
        Ok(Ok(ListedReviews { reviews, next, counted: newest.len(), positive }))
    }
}
