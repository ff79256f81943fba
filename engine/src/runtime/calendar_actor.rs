//! The actor of a calendar: a mailbox in front of a [`Desk`], and nothing more.

use std::sync::{Arc, Weak};

use ractor::{Actor, ActorCell, ActorProcessingErr, ActorRef, SupervisionEvent};
use tokio::sync::oneshot;

use super::admission::Permit;
use super::desk::{Desk, Order, Verdict};
use super::directory::Directory;
use crate::booking::calendar::Live;
use crate::error::Error;

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

struct CalendarActor;

impl Actor for CalendarActor {
    type Msg = Message;
    type State = Option<Box<Desk>>;
    type Arguments = Box<Desk>;

    async fn pre_start(
        &self,
        _: ActorRef<Message>,
        desk: Box<Desk>,
    ) -> Result<Self::State, ActorProcessingErr> {
        Ok(Some(desk))
    }

    async fn handle(
        &self,
        _: ActorRef<Message>,
        message: Message,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        let Some(mut desk) = state.take() else { return Err("the desk was lost".into()) };
        match message {
            Message::Take(order) => desk.take(*order),
            Message::Expire(permit, reply) => desk.expire(permit, reply),
            Message::Refresh(permit, done) => desk.refresh(permit, done),
            Message::Outside(permit, reply) => desk.outside(permit, reply),
            Message::Checkpoint => desk.checkpoint(),
            Message::Keep(kept) => desk.keep_and_tell(kept),
            Message::Park(parked) => {
                let (back, returned) = oneshot::channel();
                // If nobody takes it, dropping it gives it back at once.
                drop(parked.send(Parked { desk: Some(desk), back: Some(back) }));
                desk = returned.await?;
            }
        }
        *state = Some(desk);
        Ok(())
    }
}

/// Starts the actor of a calendar.
pub(crate) async fn spawn(desk: Desk, supervisor: ActorCell) -> Result<ActorRef<Message>, Error> {
    let spawned = Actor::spawn_linked(None, CalendarActor, Box::new(desk), supervisor).await;
    spawned.map(|(actor, _)| actor).map_err(|error| Error::Start(error.to_string()))
}

/// Tells the directory of actors that failed.
struct Supervisor;

impl Actor for Supervisor {
    type Msg = ();
    type State = Weak<Directory>;
    type Arguments = Weak<Directory>;

    async fn pre_start(
        &self,
        _: ActorRef<()>,
        directory: Weak<Directory>,
    ) -> Result<Self::State, ActorProcessingErr> {
        Ok(directory)
    }

    async fn handle_supervisor_evt(
        &self,
        _: ActorRef<()>,
        event: SupervisionEvent,
        directory: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        if let (SupervisionEvent::ActorFailed(actor, _), Some(directory)) =
            (event, directory.upgrade())
        {
            directory.failed(actor.get_id());
        }
        Ok(())
    }
}

/// Starts the supervisor of all calendars.
pub(crate) async fn spawn_supervisor(directory: &Arc<Directory>) -> Result<ActorCell, Error> {
    let spawned = Actor::spawn(None, Supervisor, Arc::downgrade(directory)).await;
    spawned.map(|(actor, _)| actor.get_cell()).map_err(|error| Error::Start(error.to_string()))
}
