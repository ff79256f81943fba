//! The mailboxes of calendars and their supervisor, by `ractor`.

use std::sync::{Arc, Weak};

use ractor::{Actor, ActorCell, ActorProcessingErr, ActorRef, SupervisionEvent};

use super::calendar_actor::{Message, serve};
use super::desk::Desk;
use super::directory::Directory;
use crate::error::Error;

/// Tells one actor from another.
pub(crate) type MailboxId = ractor::ActorId;

/// Where a calendar's actor takes its messages from.
pub(crate) type Mailbox = ActorRef<Message>;

/// Hears of calendars that fail.
pub(crate) type Supervisor = ActorCell;

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
        let Some(desk) = state.take() else { return Err("the desk was lost".into()) };
        *state = Some(serve(desk, message).await?);
        Ok(())
    }
}

/// Starts the actor of a calendar.
pub(crate) async fn spawn(desk: Desk, supervisor: &Supervisor) -> Result<Mailbox, Error> {
    let spawned =
        Actor::spawn_linked(None, CalendarActor, Box::new(desk), supervisor.clone()).await;
    spawned.map(|(actor, _)| actor).map_err(|error| Error::Start(error.to_string()))
}

/// Tells the directory of actors that failed.
struct TellsDirectory;

impl Actor for TellsDirectory {
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
pub(crate) async fn spawn_supervisor(directory: &Arc<Directory>) -> Result<Supervisor, Error> {
    let spawned = Actor::spawn(None, TellsDirectory, Arc::downgrade(directory)).await;
    spawned.map(|(actor, _)| actor.get_cell()).map_err(|error| Error::Start(error.to_string()))
}
