use std::fs;
use std::path::Path;

use super::*;
use crate::journal::{AppendError, Tail, conformance, frame};
use crate::storage::{Mutation, Table};

fn opened(path: &Path) -> Storage {
    open(path, Options::default()).unwrap()
}

/// Appends frames of one entry each.
async fn append(journal: &mut Box<dyn Journal>, frames: u8) {
    for number in 0..frames {
        let Tail { sequence, hash } = journal.reader().tail().unwrap();
        let frame = frame::build(sequence + 1, hash, &[vec![number; 200]]);
        assert_eq!(journal.append(sequence + 1, &frame).await, Ok(()));
    }
}

fn damage(result: Result<Storage, OpenError>) -> String {
    let error = result.map(|_| ()).unwrap_err();
    assert!(matches!(error, OpenError::Damaged { .. }), "{error}");
    error.to_string()
}

#[tokio::test]
async fn conforms_to_the_contract_of_the_journal() {
    let root = tempfile::tempdir().unwrap();
    conformance::check(|| opened(root.path()).journal).await;
}

#[test]
fn conforms_to_the_contract_of_the_store() {
    let root = tempfile::tempdir().unwrap();
    crate::storage::conformance::check(|| opened(root.path()).store);
}

/// With buffers so small that frames go to files and are moved from level to level.
#[tokio::test]
async fn conforms_with_the_smallest_buffers() {
    let root = tempfile::tempdir().unwrap();
    let options = Options {
        journal_buffer_bytes: 64 * KIB,
        store_buffer_bytes: 64 * KIB,
        store_log_bytes: 64 * KIB,
        ..Options::default()
    };
    conformance::check(|| open(root.path(), options.clone()).unwrap().journal).await;
    let root = tempfile::tempdir().unwrap();
    crate::storage::conformance::check(|| open(root.path(), options.clone()).unwrap().store);
}

#[tokio::test]
async fn the_directory_is_free_once_all_is_dropped() {
    let root = tempfile::tempdir().unwrap();
    let storage = opened(root.path());
    let reader = storage.journal.reader();
    drop(storage.journal);
    for _ in 0..2 {
        let error = open(root.path(), Options::default()).map(|_| ()).unwrap_err();
        assert!(error.to_string().contains("is another server using it?"), "{error}");
    }
    drop(storage.store);
    assert!(open(root.path(), Options::default()).is_err(), "the reader is still there");
    drop(reader);
    drop(opened(root.path()));
}

#[tokio::test]
async fn a_failed_write_ends_all_writing() {
    let root = tempfile::tempdir().unwrap();
    let mut storage = opened(root.path());
    append(&mut storage.journal, 3).await;
    let frame = frame::build(9, [0; 32], &[b"cut"]);
    let unknown = storage.journal.append(4, &frame[1..]).await;
    assert!(matches!(unknown, Err(AppendError::Unknown(_))), "{unknown:?}");
    let row = Mutation { table: Table::Meta, key: Vec::new(), value: None };
    assert!(storage.store.write(vec![row]).is_err(), "a write of the store");
    assert!(storage.store.clear().is_err(), "a clearing of the store");
    drop(storage);
    let path = root.path().canonicalize().unwrap().display().to_string();
    let again = open(root.path(), Options::default()).map(|_| ());
    assert_eq!(again, Err(OpenError::FailedBefore { path }));
}

#[tokio::test]
async fn after_a_write_was_given_up_nothing_is_written_or_opened_again() {
    let root = tempfile::tempdir().unwrap();
    let mut storage = opened(root.path());
    append(&mut storage.journal, 1).await;
    storage.journal.reader().give_up();
    let frame = frame::build(2, [0; 32], &[b"late"]);
    let unknown = storage.journal.append(2, &frame).await;
    assert!(matches!(unknown, Err(AppendError::Unknown(_))), "{unknown:?}");
    drop(storage);
    let again = open(root.path(), Options::default());
    assert!(matches!(again, Err(OpenError::FailedBefore { .. })));
}

/// Opens the journal's database alone, and does something to it that no crash does.
fn tamper(root: &Path, work: impl FnOnce(&::rocksdb::DB)) {
    let mode = ::rocksdb::DBRecoveryMode::TolerateCorruptedTailRecords;
    let options = journal::options(&Options::default(), mode);
    work(&::rocksdb::DB::open(&options, root.join(journal::NAME)).unwrap());
}

#[tokio::test]
async fn a_hole_is_damage() {
    for hole in [1u64, 4, 7] {
        let root = tempfile::tempdir().unwrap();
        append(&mut opened(root.path()).journal, 8).await;
        tamper(root.path(), |db| db.delete(hole.to_be_bytes()).unwrap());
        let why = damage(open(root.path(), Options::default()));
        // What precedes the hole is not continued; before the first there is nothing.
        let at = if hole == 1 { 2 } else { hole - 1 };
        assert!(why.contains(&format!("sequence {at}:")), "{why}");
    }
}

#[tokio::test]
async fn a_frame_of_another_history_is_damage() {
    let root = tempfile::tempdir().unwrap();
    append(&mut opened(root.path()).journal, 8).await;
    let foreign = frame::build(5, [9; 32], &[b"foreign"]);
    tamper(root.path(), |db| db.put(5u64.to_be_bytes(), &foreign).unwrap());
    let why = damage(open(root.path(), Options::default()));
    assert!(why.contains("sequence 5") && why.contains("continued"), "{why}");
    // Under a key that is not its own, it would be found where it does not belong.
    let root = tempfile::tempdir().unwrap();
    append(&mut opened(root.path()).journal, 8).await;
    let stray = frame::build(12, [9; 32], &[b"stray"]);
    tamper(root.path(), |db| db.put(9u64.to_be_bytes(), &stray).unwrap());
    let why = damage(open(root.path(), Options::default()));
    assert!(why.contains("key"), "{why}");
}

#[tokio::test]
async fn a_loss_is_served_only_when_accepted() {
    let root = tempfile::tempdir().unwrap();
    let mut storage = opened(root.path());
    append(&mut storage.journal, 8).await;
    storage.journal.mark(8);
    let row = Mutation { table: Table::Meta, key: b"k".to_vec(), value: Some(b"v".to_vec()) };
    storage.store.write(vec![row]).unwrap();
    drop(storage);
    tamper(root.path(), |db| db.delete(8u64.to_be_bytes()).unwrap());
    for _ in 0..2 {
        let why = damage(open(root.path(), Options::default()));
        assert!(why.contains("acknowledged up to 8 and ends at 7"), "{why}");
    }
    let accepting = Options { accept_loss: true, ..Options::default() };
    let storage = open(root.path(), accepting).unwrap();
    assert_eq!(storage.marked, 7);
    assert_eq!(storage.store.get(Table::Meta, b"k"), Ok(None), "the store rested on more");
    drop(storage);
    let mut storage = opened(root.path());
    assert_eq!(storage.marked, 7);
    append(&mut storage.journal, 1).await;
}

#[tokio::test]
async fn a_journal_or_a_mark_that_is_gone_is_damage() {
    let root = tempfile::tempdir().unwrap();
    let mut storage = opened(root.path());
    append(&mut storage.journal, 2).await;
    storage.journal.mark(2);
    drop(storage);
    let mark = root.path().join(mark::FILE);
    let kept = fs::read(&mark).unwrap();
    fs::remove_file(&mark).unwrap();
    assert!(damage(open(root.path(), Options::default())).contains("missing"));
    fs::write(&mark, "").unwrap();
    assert!(damage(open(root.path(), Options::default())).contains("its mark is damaged"));
    fs::write(&mark, kept).unwrap();
    drop(opened(root.path()));
    fs::remove_dir_all(root.path().join(journal::NAME)).unwrap();
    let why = damage(open(root.path(), Options::default()));
    assert!(why.contains("acknowledged up to 2 and ends at 0"), "{why}");
}

#[test]
fn a_creation_cut_short_is_taken_up_again() {
    for missing in [&["mark"][..], &["mark", "journal"], &["mark", "journal", "derived"]] {
        let root = tempfile::tempdir().unwrap();
        drop(opened(root.path()));
        for name in missing {
            let path = root.path().join(name);
            let _ = fs::remove_file(&path).or_else(|_| fs::remove_dir_all(&path));
        }
        assert_eq!(opened(root.path()).marked, 0);
    }
}

#[tokio::test]
async fn a_damaged_store_is_made_anew() {
    let root = tempfile::tempdir().unwrap();
    let mut storage = opened(root.path());
    append(&mut storage.journal, 2).await;
    let row = || Mutation { table: Table::Meta, key: b"k".to_vec(), value: Some(b"v".to_vec()) };
    drop(storage);
    let store = root.path().join("derived");
    let damages: [&dyn Fn(); 5] = [
        &|| fs::write(store.join("CURRENT"), "MANIFEST-999999\n").unwrap(),
        &|| fs::remove_file(store.join("CURRENT")).unwrap(),
        &|| fs::remove_dir_all(&store).unwrap(),
        // A removal that a crash cut short.
        &|| fs::rename(&store, root.path().join("derived.old")).unwrap(),
        // A clearing that a crash cut short.
        &|| {
            let options = ::rocksdb::Options::default();
            let tables = ::rocksdb::DB::list_cf(&options, &store).unwrap();
            let mut db = ::rocksdb::DB::open_cf(&options, &store, tables).unwrap();
            db.drop_cf(Table::Holds.name()).unwrap();
        },
    ];
    for (number, damage) in damages.iter().enumerate() {
        let storage = opened(root.path());
        assert_eq!(storage.store.get(Table::Meta, b"k"), Ok(None), "damage {number}");
        assert_eq!(storage.journal.reader().tail().unwrap().sequence, 2);
        storage.store.write(vec![row()]).unwrap();
        drop(storage);
        assert!(opened(root.path()).store.get(Table::Meta, b"k").unwrap().is_some());
        damage();
    }
    let storage = opened(root.path());
    assert_eq!(storage.store.get(Table::Meta, b"k"), Ok(None), "the last damage");
    assert!(!root.path().join("derived.old").exists());
}

#[test]
fn files_are_moved_and_not_rewritten() {
    let root = tempfile::tempdir().unwrap();
    let options = Options { journal_buffer_bytes: 256 * KIB, ..Options::default() };
    let directory = Arc::new(Directory::take(root.path()).unwrap());
    let db = recover::open(&directory, &options).unwrap().reader.into_db();
    let (mut noise, mut entry) = (1u32, vec![0; 16 * KIB]);
    for first in 1..=1_500u64 {
        for byte in &mut entry {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            *byte = noise.to_be_bytes()[0];
        }
        db.put(first.to_be_bytes(), frame::build(first, [0; 32], &[&entry])).unwrap();
    }
    db.flush().unwrap();
    db.compact_range(None::<&[u8]>, None::<&[u8]>);
    let property = |name: &str| db.property_value(name).unwrap().unwrap();
    assert_eq!(property("rocksdb.num-files-at-level0"), "0");
    // 24 MB were written to files once; to move a file it is not read.
    let statistics = property("rocksdb.cfstats");
    let mut lines = statistics.lines();
    let line = lines.find(|line| line.starts_with("Cumulative compaction:")).unwrap();
    assert!(line.contains(" 0.02 GB write") && line.contains(" 0.00 GB read"), "{statistics}");
}
