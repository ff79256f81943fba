//! Journals that are whole frame by frame and yet not what was acknowledged are refused.

#![cfg(feature = "testing")]

use std::sync::Arc;

use creneau::journal::{Entries, Frame, Journal as _, ReadError, frame};
use creneau::storage::Storage;
use creneau::storage::memory::MemoryStore;
use creneau::testing::disk::{SimDisk, frames};
use creneau::testing::random::Dice;
use creneau::*;

/// The log of an engine that made some calendars, one frame each.
async fn log() -> Vec<Vec<u8>> {
    let disk = SimDisk::new(Dice::new(1));
    let engine = opened(&disk).await.unwrap();
    for number in 0..5 {
        let name = format!("Practice {number}");
        let mut definition = Definition::weekdays(name, "Europe/Paris");
        definition.reasons = vec![Reason::new("visit".parse().unwrap(), "Visit", 15)];
        engine.create_calendar(definition, None).await.unwrap().unwrap();
    }
    let frames = frames(&disk.bytes());
    assert_eq!(frames.len(), 5, "one commit for each");
    frames
}

async fn opened(disk: &SimDisk) -> Result<Engine, Error> {
    let (journal, marked) = disk.open();
    let store = Arc::new(MemoryStore::default());
    let storage = Storage { journal: Box::new(journal), store, marked };
    Engine::open_with(Config::in_memory(), storage, Environment::system()).await
}

/// A disk with these frames.
fn disk(frames: &[Vec<u8>], marked: u64) -> SimDisk {
    let disk = SimDisk::new(Dice::new(2));
    let length = |frame: &Vec<u8>| u32::try_from(frame.len()).unwrap().to_le_bytes().to_vec();
    let bytes = frames.iter().flat_map(|frame| [length(frame), frame.clone()].concat());
    disk.replace(bytes.collect(), marked);
    disk
}

/// The same entries after another frame.
fn chained(bytes: &[u8], before: [u8; 32]) -> Vec<u8> {
    let frame = Frame::parse(bytes).unwrap();
    let entries: Vec<_> = frame.entries().map(|(_, entry)| entry.to_vec()).collect();
    frame::build(frame.first(), before, &entries)
}

/// The third entry is not what follows the second, for a start and for whoever reads on.
async fn is_damaged_at_the_third(frames: &[Vec<u8>]) {
    let disk = disk(frames, 5);
    let opened = opened(&disk).await.map(|engine| engine.status());
    assert!(matches!(opened, Err(Error::Journal(ReadError::Damaged { at: 3, .. }))), "{opened:?}");
    let reader = disk.open().0.reader();
    let read: Vec<_> = Entries::after(&*reader, 0).collect();
    let last = read.last().unwrap();
    assert!(matches!(last, Err(ReadError::Damaged { at: 3, .. })), "{last:?}");
    assert_eq!(read.len(), 3, "what precedes the damage is read");
}

#[tokio::test(start_paused = true)]
async fn a_frame_that_does_not_continue_the_one_before_is_refused() {
    let mut frames = log().await;
    assert_eq!(opened(&disk(&frames, 5)).await.unwrap().status().watermark, 5);
    frames[2] = chained(&frames[2], [9; 32]);
    is_damaged_at_the_third(&frames).await;
}

#[tokio::test(start_paused = true)]
async fn entries_that_are_missing_within_a_whole_chain_are_refused() {
    let mut frames = log().await;
    frames.remove(2);
    for place in 2..frames.len() {
        frames[place] = chained(&frames[place], frame::hash(&frames[place - 1]));
    }
    is_damaged_at_the_third(&frames).await;
}

#[tokio::test(start_paused = true)]
async fn a_journal_that_ends_before_its_mark_is_refused() {
    let frames = log().await;
    let lost = opened(&disk(&frames[..4], 5)).await.map(|engine| engine.status());
    assert_eq!(lost, Err(Error::TailLost { tail: 4, marked: 5 }));
    assert_eq!(opened(&disk(&frames[..4], 4)).await.unwrap().status().watermark, 4);
}
