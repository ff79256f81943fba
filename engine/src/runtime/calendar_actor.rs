//! The actor of a calendar: what it is told, and how its [`Desk`] does it. Its mailbox is in
//! [`mailbox`](super::mailbox).

use super::admission::Permit;
use super::desk::{Desk, Order, Verdict};
use super::sync::oneshot;
use crate::booking::Waiting;
use crate::booking::calendar::Live;
use crate::time::Timestamp;

/// What a calendar's actor can be told. Who sends one holds a permit, or waits for nothing.
pub(crate) enum Message {
    /// Serve a request.
    Take(Box<Order>),
    /// End what is due.
    Expire(Permit, oneshot::Sender<Verdict>),
    /// Cover the days that can be booked now.
    Refresh(Permit, oneshot::Sender<()>),
    /// Tell what lies outside the hours.
    Outside(Permit, oneshot::Sender<Vec<Live>>),
    /// Tell what starts in a stretch.
    StartingIn((Timestamp, Timestamp), Permit, oneshot::Sender<Vec<Live>>),
    /// Tell who waits.
    Waiting(Permit, oneshot::Sender<Vec<Waiting>>),
    /// Keep the state.
    Checkpoint,
    /// Keep the state, and tell how often something was about to be written by then.
    Keep(oneshot::Sender<u64>),
    /// Stand still while someone else works at the desk.
    Park(oneshot::Sender<Parked>),
}

/// A desk whose calendar stands still. Dropping this lets it go on.
pub(crate) struct Parked {
    desk: Option<Box<Desk>>,
    back: Option<oneshot::Sender<Box<Desk>>>,
}

impl Parked {
    /// The desk; there is one until this is dropped.
    pub(crate) fn desk(&mut self) -> Option<&mut Desk> {
        self.desk.as_deref_mut()
    }
}

impl Drop for Parked {
    fn drop(&mut self) {
        // Work that panicked may have left the desk in between: it is rebuilt from the journal.
        if std::thread::panicking() {
            return;
        }
        if let (Some(desk), Some(back)) = (self.desk.take(), self.back.take()) {
            let _ = back.send(desk);
        }
    }
}

/// Has a desk do what a message asks; gives it back once the next may come.
///
/// # Errors
///
/// When the desk was lost while others worked at it.
pub(super) async fn serve(
    mut desk: Box<Desk>,
    message: Message,
) -> Result<Box<Desk>, oneshot::error::RecvError> {
    match message {
        Message::Take(order) => desk.take(*order),
        Message::Expire(permit, reply) => desk.expire(permit, reply),
        Message::Refresh(permit, done) => desk.refresh(permit, done),
        Message::Outside(permit, reply) => desk.outside(permit, reply),
        Message::StartingIn(stretch, permit, reply) => desk.starting_in(stretch, permit, reply),
        Message::Waiting(permit, reply) => desk.waiting(permit, reply),
        Message::Checkpoint => desk.checkpoint(),
        Message::Keep(kept) => desk.keep_and_tell(kept),
        Message::Park(parked) => {
            let (back, returned) = oneshot::channel();
            // If nobody takes it, dropping it gives it back at once.
            drop(parked.send(Parked { desk: Some(desk), back: Some(back) }));
            desk = returned.await?;
        }
    }
    Ok(desk)
}
