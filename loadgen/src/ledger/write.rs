//! Writing a ledger: one thread, and one synced write for all that wait.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;

use creneau::Timestamp;
use tokio::sync::{mpsc, oneshot};

use super::{Entry, Header, Line};

/// Lines that may wait.
const QUEUE_MAX: usize = 8_192;

/// Lines of one write.
const GROUP_MAX: usize = 2_048;

/// The ledger can no longer be written; nobody may go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lost;

struct Order {
    at: Timestamp,
    patient: String,
    key: String,
    entry: Entry,
    done: oneshot::Sender<()>,
}

type Writer = JoinHandle<io::Result<u64>>;

/// A ledger that is being written.
pub(crate) struct Ledger {
    orders: Mutex<Option<mpsc::Sender<Order>>>,
    writer: Mutex<Option<Writer>>,
}

impl Ledger {
    /// Creates a ledger where there is no file yet.
    ///
    /// # Errors
    ///
    /// Why it could not be created.
    pub(crate) fn create(path: &Path, header: &Header) -> io::Result<Self> {
        let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
        let mut first = serde_json::to_vec(header)?;
        first.push(b'\n');
        file.write_all(&first)?;
        file.sync_all()?;
        let (orders, waiting) = mpsc::channel(QUEUE_MAX);
        let thread = std::thread::Builder::new().name("ledger".to_owned());
        let writer = thread.spawn(move || write_all(file, waiting))?;
        Ok(Self { orders: Mutex::new(Some(orders)), writer: Mutex::new(Some(writer)) })
    }

    /// Writes a line; it is on the disk when this returns.
    ///
    /// # Errors
    ///
    /// [`Lost`] when it could not be written, nor will any later one be.
    pub(crate) async fn write(
        &self,
        at: Timestamp,
        patient: &str,
        key: &str,
        entry: Entry,
    ) -> Result<(), Lost> {
        let orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let (done, written) = oneshot::channel();
        let order = Order { at, patient: patient.to_owned(), key: key.to_owned(), entry, done };
        orders.ok_or(Lost)?.send(order).await.map_err(|_| Lost)?;
        written.await.map_err(|_| Lost)
    }

    /// Ends the ledger, and gives how many lines it has after its first. Blocks until all of them
    /// are written.
    ///
    /// # Errors
    ///
    /// What kept it from being written.
    pub(crate) fn close(&self) -> io::Result<u64> {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner).take();
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(writer) = writer else { return Err(io::Error::other("it was closed before")) };
        writer.join().map_err(|_| io::Error::other("its writer failed"))?
    }
}

fn write_all(mut file: File, mut waiting: mpsc::Receiver<Order>) -> io::Result<u64> {
    let (mut written, mut bytes, mut told) = (0, Vec::new(), Vec::new());
    while let Some(first) = waiting.blocking_recv() {
        bytes.clear();
        let mut next = Some(first);
        while let Some(Order { at, patient, key, entry, done }) = next {
            written += 1;
            serde_json::to_writer(&mut bytes, &Line { n: written, at, patient, key, entry })?;
            bytes.push(b'\n');
            told.push(done);
            next = if told.len() < GROUP_MAX { waiting.try_recv().ok() } else { None };
        }
        file.write_all(&bytes)?;
        file.sync_data()?;
        // A patient who has gone meanwhile needs no word.
        for done in told.drain(..) {
            let _ = done.send(());
        }
    }
    file.sync_all()?;
    Ok(written)
}
