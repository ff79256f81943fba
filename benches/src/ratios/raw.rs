//! What the disk can do: records appended to a file that grows, each batch with one `fdatasync`.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use tokio::sync::oneshot;

use crate::plan::Fallible;

/// Records that are written at once. More are not in flight.
const RECORDS_MAX: usize = 4_096;

/// A file to append to.
pub(crate) struct Raw(File);

impl Raw {
    pub(crate) fn create(path: &Path) -> Fallible<Self> {
        Ok(Self(File::create(path)?))
    }

    pub(crate) fn append(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.0.write_all(bytes)?;
        self.0.sync_data()
    }
}

struct Record {
    bytes: Arc<[u8]>,
    reply: oneshot::Sender<()>,
}

/// One writer for many who each wait for their own record.
pub(crate) struct RawLog {
    records: Sender<Record>,
    writer: JoinHandle<std::io::Result<()>>,
}

impl RawLog {
    pub(crate) fn start(path: &Path) -> Fallible<Self> {
        let raw = Raw::create(path)?;
        let (records, waiting) = channel();
        let writer = std::thread::spawn(move || write(raw, &waiting));
        Ok(Self { records, writer })
    }

    pub(crate) fn handle(&self) -> RawHandle {
        RawHandle(self.records.clone())
    }

    /// Ends once every handle is gone.
    pub(crate) fn finish(self) -> Fallible<()> {
        let Self { records, writer } = self;
        drop(records);
        Ok(writer.join().map_err(|_| "the writer of the raw log failed")??)
    }
}

/// Who appends to a raw log.
#[derive(Clone)]
pub(crate) struct RawHandle(Sender<Record>);

impl RawHandle {
    /// Ready once the record is durable.
    pub(crate) async fn append(&self, bytes: &Arc<[u8]>) -> Fallible<()> {
        let (reply, written) = oneshot::channel();
        self.0.send(Record { bytes: bytes.clone(), reply })?;
        Ok(written.await?)
    }
}

fn write(mut raw: Raw, records: &Receiver<Record>) -> std::io::Result<()> {
    let (mut waiting, mut bytes) = (Vec::new(), Vec::new());
    while let Ok(first) = records.recv() {
        waiting.push(first);
        waiting.extend(records.try_iter().take(RECORDS_MAX - 1));
        bytes.clear();
        waiting.iter().for_each(|record: &Record| bytes.extend_from_slice(&record.bytes));
        raw.append(&bytes)?;
        for record in waiting.drain(..) {
            let _ = record.reply.send(());
        }
    }
    Ok(())
}
