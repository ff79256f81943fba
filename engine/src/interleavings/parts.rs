//! Parts of the engine by themselves: the committer, the feed, the index of deadlines.

use std::sync::{Arc, Mutex};

use shuttle::future::{spawn, yield_now};

use super::check;
use super::world::{A_SECOND, Disk};
use crate::CalendarId;
use crate::booking::Event;
use crate::journal::{Entry, JournalReader, Remembered, Sequence, Tail};
use crate::metrics::Meters;
use crate::runtime::{CommitQueue, Committer, Deadlines, Durable, Fault, Feed, Prepared};
use crate::time::{Clock, Timestamp, held};

/// An index that remembers how far it has come.
#[derive(Default)]
struct Reached(Mutex<Sequence>);

impl Durable for Reached {
    fn take_in(&self, sequence: Sequence, _: Option<&Remembered>, _: &[Event]) {
        held::point();
        *self.0.lock().unwrap() = sequence;
    }
}

struct Line {
    disk: Disk,
    queue: Arc<CommitQueue>,
    index: Arc<Reached>,
}

/// A queue with its committer.
fn line() -> (Line, shuttle::future::JoinHandle<()>) {
    let (disk, queue) = (Disk::default(), CommitQueue::new(0));
    let index = Arc::new(Reached::default());
    let committer = Committer {
        queue: queue.clone(),
        journal: Box::new(disk.journal()),
        index: index.clone(),
        meters: Arc::new(Meters::new(0, 0)),
        clock: Clock::starting_at(Timestamp::default()),
        tail: Tail::default(),
    };
    let runs = spawn(committer.run());
    (Line { disk, queue, index }, runs)
}

fn entry() -> Prepared {
    Prepared::new(Entry { command: None, events: Vec::new() }).unwrap()
}

/// What was told of a submission, and to how much the journal had grown by then.
type Told = Arc<Mutex<Vec<(Result<Sequence, Fault>, Sequence, Sequence)>>>;

fn submit(line: &Line, told: &Told, with_entry: bool) -> Result<Sequence, Fault> {
    let (told, disk, index) = (told.clone(), line.disk.clone(), line.index.clone());
    let done = Box::new(move |outcome| {
        let there = disk.journal.tail().unwrap().sequence;
        told.lock().unwrap().push((outcome, there, *index.0.lock().unwrap()));
    });
    if with_entry {
        return line.queue.submit(entry(), done);
    }
    line.queue.barrier(done);
    Ok(line.queue.last_submitted())
}

/// Three callers, barriers among them, and those who wait for the watermark; perhaps somebody who
/// stops it all.
async fn commits(stops: bool) {
    let (line, runs) = line();
    let (line, told) = (Arc::new(line), Told::default());
    let callers: Vec<_> = (0..3)
        .map(|caller| {
            let (line, told) = (line.clone(), told.clone());
            spawn(async move {
                let sequence = submit(&line, &told, true);
                submit(&line, &told, caller != 0).ok();
                let Ok(sequence) = sequence else { return };
                if line.queue.durable(sequence).await.is_ok() {
                    let there = line.disk.journal.tail().unwrap().sequence;
                    assert!(sequence <= there, "the watermark is ahead of the journal");
                }
            })
        })
        .collect();
    if stops {
        line.queue.stop(Fault::OutcomeUnknown, Fault::Failed);
    }
    for caller in callers {
        caller.await.unwrap();
    }
    line.queue.stop(Fault::Closed, Fault::Closed);
    runs.await.unwrap();
    let told = told.lock().unwrap();
    assert_eq!(told.len(), 6, "everyone is answered once: {told:?}");
    for (outcome, there, indexed) in told.iter() {
        if let Ok(sequence) = outcome {
            assert!(sequence <= there, "acknowledged and not durable: {told:?}");
            assert!(sequence <= indexed, "acknowledged and not to be found: {told:?}");
        }
    }
    assert!(submit(&line, &Told::default(), true).is_err());
}

#[test]
fn shuttle_everyone_at_the_committer_is_answered() {
    check(|| commits(false));
}

#[test]
fn shuttle_everyone_is_answered_when_it_stops() {
    check(|| commits(true));
}

/// Two readers follow what is being written, one of them from the middle.
async fn feeds() {
    let (line, runs) = line();
    let readers = [0, 1].map(|after| {
        let (queue, reader) = (line.queue.clone(), line.disk.journal());
        let reader: Arc<dyn JournalReader> = Arc::new(reader);
        spawn(async move {
            let mut feed = Feed::new(reader, queue.follow(), after);
            let mut last = after;
            while let Some(entry) = feed.next().await.unwrap() {
                assert_eq!(entry.sequence, last + 1, "the feed leaves something out");
                last = entry.sequence;
                assert!(last <= queue.progress().durable, "the feed is ahead of the watermark");
            }
            last
        })
    });
    let told = Told::default();
    for _ in 0..3 {
        submit(&line, &told, true).unwrap();
        yield_now().await;
    }
    line.queue.durable(3).await.unwrap();
    line.queue.stop(Fault::Closed, Fault::Closed);
    for reader in readers {
        assert_eq!(reader.await.unwrap(), 3, "what is durable is read to its end");
    }
    runs.await.unwrap();
}

#[test]
fn shuttle_readers_follow_to_the_watermark() {
    check(feeds);
}

/// Somebody waits for a late deadline while an earlier one comes in.
async fn deadlines() {
    let (deadlines, clock) =
        (Arc::new(Deadlines::default()), Clock::starting_at(Timestamp::default()));
    let late = CalendarId::from_bits(1);
    deadlines.add(clock.now().plus_ms(10_000_000), late);
    let waits = {
        let deadlines = deadlines.clone();
        spawn(async move { deadlines.due(&clock).await })
    };
    let early = CalendarId::from_bits(2);
    deadlines.add(clock.now().plus_ms(500), early);
    // Time goes on while it begins to wait.
    for _ in 0..100 {
        if waits.is_finished() {
            break;
        }
        held::advance(A_SECOND);
        yield_now().await;
    }
    assert!(waits.is_finished(), "nobody is woken for the earlier one");
    assert_eq!(waits.await.unwrap().into_iter().collect::<Vec<_>>(), [early]);
}

#[test]
fn shuttle_an_earlier_deadline_is_heard() {
    check(deadlines);
}
