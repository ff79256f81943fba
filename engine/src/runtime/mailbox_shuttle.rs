//! What stands for `ractor` in models: a queue and a task for each calendar. A task of shuttle's
//! cannot fail alone, so a failure that a test plants is acted: the desk is dropped with all that
//! waits for it, and the directory hears of it a little later, as from a supervisor.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, Weak};

use super::calendar_actor::{Message, serve};
use super::desk::{Desk, Work};
use super::directory::Directory;
use super::sync::{Mutex, MutexGuard, Notify, spawn as spawn_task};
use crate::error::Error;

/// Tells one actor from another.
pub(crate) type MailboxId = u64;

/// None once the mailbox is closed.
type Messages = Option<VecDeque<Message>>;

struct Queue {
    messages: Mutex<Messages>,
    wake: Notify,
}

impl Queue {
    fn messages(&self) -> MutexGuard<'_, Messages> {
        self.messages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn close(&self) {
        // What was in it is dropped when nobody is kept from it any more.
        let left = self.messages().take();
        drop(left);
        self.wake.notify_one();
    }

    async fn next(&self) -> Option<Message> {
        loop {
            if let Some(message) = self.messages().as_mut()?.pop_front() {
                return Some(message);
            }
            self.wake.notified().await;
        }
    }
}

/// Where a calendar's actor takes its messages from.
#[derive(Clone)]
pub(crate) struct Mailbox {
    id: MailboxId,
    queue: Arc<Queue>,
}

impl Mailbox {
    pub(crate) fn get_id(&self) -> MailboxId {
        self.id
    }

    pub(crate) fn send_message(&self, message: Message) -> Result<(), Box<Message>> {
        match self.queue.messages().as_mut() {
            Some(messages) => messages.push_back(message),
            None => return Err(Box::new(message)),
        }
        self.queue.wake.notify_one();
        Ok(())
    }

    pub(crate) fn stop(&self, _reason: Option<String>) {
        self.queue.close();
    }
}

/// Hears of calendars that fail, and ends them with itself.
pub(crate) struct Supervisor {
    directory: Weak<Directory>,
    mailboxes: Mutex<Vec<Mailbox>>,
}

impl Supervisor {
    pub(crate) fn stop(&self, _reason: Option<String>) {
        let mailboxes = self.mailboxes.lock().unwrap_or_else(PoisonError::into_inner).split_off(0);
        mailboxes.iter().for_each(|mailbox| mailbox.stop(None));
    }
}

/// Starts the supervisor of all calendars.
pub(crate) async fn spawn_supervisor(directory: &Arc<Directory>) -> Result<Supervisor, Error> {
    Ok(Supervisor { directory: Arc::downgrade(directory), mailboxes: Mutex::default() })
}

/// Starts the actor of a calendar.
pub(crate) async fn spawn(desk: Desk, supervisor: &Supervisor) -> Result<Mailbox, Error> {
    static IDS: AtomicU64 = AtomicU64::new(1);
    let messages = Mutex::new(Some(VecDeque::new()));
    let queue = Arc::new(Queue { messages, wake: Notify::new() });
    let mailbox = Mailbox { id: IDS.fetch_add(1, Ordering::Relaxed), queue };
    let mut all = supervisor.mailboxes.lock().unwrap_or_else(PoisonError::into_inner);
    all.push(mailbox.clone());
    drop(all);
    let directory = supervisor.directory.clone();
    drop(spawn_task(work(Box::new(desk), mailbox.clone(), directory)));
    Ok(mailbox)
}

async fn work(mut desk: Box<Desk>, mailbox: Mailbox, directory: Weak<Directory>) {
    while let Some(message) = mailbox.queue.next().await {
        let fails = matches!(&message, Message::Take(order) if matches!(order.work, Work::Panic));
        let served = match fails {
            true => {
                drop((message, desk));
                None
            }
            false => serve(desk, message).await.ok(),
        };
        let Some(served) = served else {
            mailbox.stop(None);
            if let Some(directory) = directory.upgrade() {
                directory.failed(mailbox.id);
            }
            return;
        };
        desk = served;
    }
}
