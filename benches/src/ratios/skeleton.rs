//! The bare skeleton of a booking's road: directory, 128-bit slot word, a call to one of many
//! `ractor` actors, one committer that writes everything waiting as one synced RocksDB value and
//! answers the callers itself. No rules, guards, indexes, snapshots or recovery.
//!
//! It names RocksDB, which the engine lets one module do alone: what is measured here is RocksDB
//! with as little as possible above it.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use dashmap::DashMap;
use portable_atomic::AtomicU128;
use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort};

use crate::plan::Fallible;

const WORDS_PER_CALENDAR: usize = 60;
const RECORD_BYTES: usize = 88;
const RECORDS_PER_COMMIT_MAX: usize = 4_096;

struct Record {
    bytes: [u8; RECORD_BYTES],
    hold: u64,
    reply: RpcReplyPort<u64>,
}

enum Message {
    Hold { patient: u64, step: u32, reply: RpcReplyPort<u64> },
    Confirm { hold: u64, reply: RpcReplyPort<u64> },
}

struct Calendar;

struct State {
    id: u64,
    next_hold: u64,
    held: HashMap<u64, (u32, u64)>,
    committer: Sender<Record>,
}

impl State {
    /// Hands the reply port on: the committer wakes the caller, the actor never waits for the disk.
    fn submit(&self, kind: u8, hold: u64, patient: u64, reply: RpcReplyPort<u64>) {
        let mut bytes = [0; RECORD_BYTES];
        let fields = [self.id, hold, patient, u64::from(kind)];
        for (to, from) in bytes.as_chunks_mut::<8>().0.iter_mut().zip(fields) {
            *to = from.to_le_bytes();
        }
        let _ = self.committer.send(Record { bytes, hold, reply });
    }
}

impl Actor for Calendar {
    type Msg = Message;
    type State = State;
    type Arguments = (u64, Sender<Record>);

    async fn pre_start(
        &self,
        _: ActorRef<Message>,
        (id, committer): Self::Arguments,
    ) -> Result<State, ActorProcessingErr> {
        Ok(State { id, next_hold: 1, held: HashMap::new(), committer })
    }

    async fn handle(
        &self,
        _: ActorRef<Message>,
        message: Message,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            Message::Hold { patient, step, reply } => {
                let hold = state.next_hold;
                state.next_hold += 1;
                state.held.insert(hold, (step, patient));
                state.submit(0, hold, patient, reply);
            }
            Message::Confirm { hold, reply } => {
                state.held.remove(&hold);
                state.submit(1, hold, 0, reply);
            }
        }
        Ok(())
    }
}

fn commit(records: &Receiver<Record>, database: &rocksdb::DB) -> Result<(), rocksdb::Error> {
    let mut synced = rocksdb::WriteOptions::default();
    synced.set_sync(true);
    let (mut waiting, mut value, mut sequence) = (Vec::new(), Vec::new(), 0u64);
    while let Ok(first) = records.recv() {
        waiting.push(first);
        waiting.extend(records.try_iter().take(RECORDS_PER_COMMIT_MAX - 1));
        value.clear();
        waiting.iter().for_each(|record: &Record| value.extend_from_slice(&record.bytes));
        database.put_opt(sequence.to_be_bytes(), &value, &synced)?;
        sequence += waiting.len() as u64;
        for record in waiting.drain(..) {
            let _ = record.reply.send(record.hold);
        }
    }
    Ok(())
}

type Place = (ActorRef<Message>, Arc<[AtomicU128]>);

/// The road. It must be dropped within the runtime that it was built in.
pub(crate) struct Skeleton {
    directory: DashMap<u64, Place>,
    calendars: u64,
    committer: JoinHandle<Result<(), rocksdb::Error>>,
}

impl Skeleton {
    pub(crate) async fn build(directory: &Path, calendars: u64) -> Fallible<Self> {
        let mut options = rocksdb::Options::default();
        options.create_if_missing(true);
        options.set_write_buffer_size(128 << 20);
        let database = rocksdb::DB::open(&options, directory)?;
        let (records, waiting) = channel();
        let committer = std::thread::spawn(move || commit(&waiting, &database));
        let places = DashMap::new();
        for id in 0..calendars {
            let (actor, _) = Actor::spawn(None, Calendar, (id, records.clone())).await?;
            let words = (0..WORDS_PER_CALENDAR).map(|_| AtomicU128::new(0)).collect();
            places.insert(id, (actor, words));
        }
        Ok(Self { directory: places, calendars, committer })
    }

    /// Books one slot that `random` leads to.
    pub(crate) async fn book(&self, random: &mut u64) -> Fallible<()> {
        let (actor, step) = loop {
            *random = shuffled(*random);
            if let Some(claimed) = self.claim(*random) {
                break claimed;
            }
        };
        let patient = *random;
        let call = |reply| Message::Hold { patient, step, reply };
        let hold = ractor::call!(actor, call)?;
        ractor::call!(actor, |reply| Message::Confirm { hold, reply })?;
        Ok(())
    }

    fn claim(&self, random: u64) -> Option<(ActorRef<Message>, u32)> {
        let (actor, words) = self.directory.get(&(random % self.calendars))?.clone();
        let place = usize::try_from(random >> 20).ok()? % WORDS_PER_CALENDAR;
        let (word, step) = (words.get(place)?, u32::try_from((random >> 40) % 120).ok()?);
        let slot = 0b111_u128 << step;
        let now = word.load(Ordering::Acquire);
        if now & slot != 0 {
            if 80 < now.count_ones() {
                // A fresh day, so that the run does not sell out.
                word.store(0, Ordering::Release);
            }
            return None;
        }
        let swapped =
            word.compare_exchange(now, now | slot, Ordering::AcqRel, Ordering::Acquire).is_ok();
        swapped.then_some((actor, step))
    }

    /// Ends the actors, and then the committer.
    pub(crate) async fn finish(self) -> Fallible<()> {
        let Self { directory, committer, .. } = self;
        for (_, (actor, _)) in directory {
            actor.stop_and_wait(None, None).await?;
        }
        let ended = tokio::task::spawn_blocking(move || committer.join()).await?;
        Ok(ended.map_err(|_| "the skeleton's committer failed")??)
    }
}

/// The next number after `number`, which must not be 0.
pub(crate) const fn shuffled(mut number: u64) -> u64 {
    number ^= number << 13;
    number ^= number >> 7;
    number ^ (number << 17)
}
