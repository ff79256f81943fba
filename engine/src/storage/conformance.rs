//! Holds an implementation to the contract of [a store](super::Store).
#![expect(clippy::expect_used, reason = "these are tests to be called")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::{Mutation, Row, Store, TABLES, Table};

/// Batches that are written while another thread reads.
const RACED: u32 = 500;

/// Holds a store to the contract.
///
/// The first call of `open` opens an empty store, each later one opens the same again, after
/// what the one before had given is dropped.
///
/// # Panics
///
/// When the contract is broken.
pub fn check(mut open: impl FnMut() -> Arc<dyn Store>) {
    let store = open();
    is_empty(&*store);
    rows_are_kept_apart_by_table(&*store);
    a_batch_is_applied_in_order(&*store);
    scans_are_ordered_and_bounded(&*store);
    drop(store);

    let store = open();
    let row = store.get(Table::Meta, b"key").expect("readable");
    assert_eq!(row.as_deref(), Some(b"meta".as_slice()), "after reopening");
    assert_eq!(scan(&*store, Table::Definitions, b"", b"", 100).len(), 8, "after reopening");
    batches_are_seen_whole(&store);
    store.clear().expect("cleared");
    is_empty(&*store);
    store.write(vec![put(Table::Holds, b"after", b"clearing")]).expect("written");
    drop(store);

    let store = open();
    for table in TABLES {
        let rows: Vec<Row> = match table {
            Table::Holds => vec![(b"after".to_vec(), b"clearing".to_vec())],
            _ => Vec::new(),
        };
        assert_eq!(scan(&*store, table, b"", b"", 100), rows, "cleared rows of {}", table.name());
    }
    store.clear().expect("cleared");
    rows_run_out(&*store);
    drop(store);

    let store = open();
    store.tell_time(1_000);
    let left = scan(&*store, Table::Bookings, b"", b"", 100);
    assert_eq!(left.len(), 2, "what has run out stays so: {left:?}");
    store.clear().expect("cleared");
    is_empty(&*store);
}

fn put(table: Table, key: &[u8], value: &[u8]) -> Mutation {
    Mutation { table, key: key.to_vec(), value: Some(value.to_vec()) }
}

fn delete(table: Table, key: &[u8]) -> Mutation {
    Mutation { table, key: key.to_vec(), value: None }
}

fn scan(store: &dyn Store, table: Table, prefix: &[u8], from: &[u8], limit: usize) -> Vec<Row> {
    store.scan(table, prefix, from, limit).expect("readable")
}

fn is_empty(store: &dyn Store) {
    for table in TABLES {
        assert_eq!(scan(store, table, b"", b"", 100), [], "{} is empty", table.name());
        assert_eq!(store.get(table, b"key"), Ok(None), "{} is empty", table.name());
    }
}

fn rows_are_kept_apart_by_table(store: &dyn Store) {
    // The name is a value that has not run out, whatever the table.
    let rows = TABLES.map(|table| put(table, b"key", table.name().as_bytes()));
    store.write(rows.to_vec()).expect("written");
    for table in TABLES {
        let value = table.name().as_bytes().to_vec();
        assert_eq!(store.get(table, b"key"), Ok(Some(value.clone())), "{}", table.name());
        assert_eq!(scan(store, table, b"", b"", 9), [(b"key".to_vec(), value)]);
        assert_eq!(store.get(table, b"ke"), Ok(None));
        assert_eq!(store.get(table, b"key\0"), Ok(None));
    }
}

fn a_batch_is_applied_in_order(store: &dyn Store) {
    let table = Table::People;
    store.write(vec![put(table, b"key", b"1"), put(table, b"key", b"2")]).expect("written");
    assert_eq!(store.get(table, b"key"), Ok(Some(b"2".to_vec())), "the later one counts");
    store.write(vec![put(table, b"key", b"3"), delete(table, b"key")]).expect("written");
    assert_eq!(store.get(table, b"key"), Ok(None), "removed last");
    store.write(vec![delete(table, b"key"), put(table, b"key", b"4")]).expect("written");
    assert_eq!(store.get(table, b"key"), Ok(Some(b"4".to_vec())), "put last");
    store.write(vec![delete(table, b"none"), delete(table, b"key")]).expect("written");
    assert_eq!(store.get(table, b"key"), Ok(None), "removed");
    store.write(Vec::new()).expect("written");
}

fn scans_are_ordered_and_bounded(store: &dyn Store) {
    let table = Table::Definitions;
    store.write(vec![delete(table, b"key")]).expect("written");
    let keys: [&[u8]; 8] =
        [b"", b"\0", b"a", b"a\0", b"ab", b"b", b"\xff", b"\xff\xff\xff\xff\xff"];
    let batch = keys.iter().rev().map(|key| put(table, key, b"")).collect();
    store.write(batch).expect("written");
    for prefix in [b"".as_slice(), b"a", b"ab", b"aba", b"b", b"c", b"\xff", b"\xff\xff"] {
        for from in [b"".as_slice(), b"\0", b"a", b"a\0", b"ab", b"abc", b"\xff", b"\xff\xff"] {
            for limit in [0, 1, 2, 3, 8, usize::MAX] {
                let held = keys.iter().filter(|key| key.starts_with(prefix) && from <= **key);
                let held: Vec<_> = held.take(limit).map(|key| key.to_vec()).collect();
                let shown = scan(store, table, prefix, from, limit);
                let shown: Vec<_> = shown.into_iter().map(|(key, _)| key).collect();
                assert_eq!(shown, held, "{limit} under {prefix:?} from {from:?}");
            }
        }
    }
}

fn batches_are_seen_whole(store: &Arc<dyn Store>) {
    let (table, ends) = (Table::Snapshots, [b"race-a".as_slice(), b"race-z"]);
    let batch = |number: u32| ends.map(|key| put(table, key, &number.to_be_bytes())).to_vec();
    store.write(batch(0)).expect("written");
    let done = Arc::new(AtomicBool::new(false));
    let (watched, reader) = (Arc::clone(&done), Arc::clone(store));
    let watcher = thread::spawn(move || {
        let mut newest = Vec::new();
        while !watched.load(Ordering::SeqCst) {
            let rows = scan(&*reader, table, b"race-", b"", 9);
            let values: Vec<_> = rows.into_iter().map(|(_, value)| value).collect();
            assert!(matches!(&*values, [a, z] if a == z), "half a batch: {values:?}");
            assert!(newest <= values, "{values:?} after {newest:?}");
            newest = values;
        }
    });
    for number in 1..RACED {
        store.write(batch(number)).expect("written");
    }
    done.store(true, Ordering::SeqCst);
    watcher.join().expect("the reader saw whole batches");
}

fn rows_run_out(store: &dyn Store) {
    let row = |instant: i64| [&instant.to_le_bytes(), b"row".as_slice()].concat();
    for table in TABLES {
        let keys = [b"a".as_slice(), b"b", b"c", b"d"];
        let rows = keys.iter().zip([999, 1_000, 1_001]).map(|(key, at)| put(table, key, &row(at)));
        // A row too short for an instant does not run out.
        store.write(rows.chain([put(table, b"d", &[0; 7])]).collect()).expect("written");
        assert_eq!(scan(store, table, b"", b"", 9).len(), 4, "before the time is told");
    }
    for (time, left) in [(998, b"abcd".as_slice()), (999, b"bcd"), (1_000, b"cd"), (900, b"cd")] {
        store.tell_time(time);
        for table in TABLES {
            let left = if table.runs_out() { left } else { b"abcd" };
            let shown = |limit| {
                let rows = scan(store, table, b"", b"", limit);
                rows.into_iter().flat_map(|(key, _)| key).collect::<Vec<_>>()
            };
            let name = table.name();
            assert_eq!(shown(9), left, "{name} at {time}");
            assert_eq!(Some(&*shown(1)), left.get(..1), "hidden rows of {name} count for nothing");
            for key in b"abcd" {
                let found = store.get(table, &[*key]).expect("readable").is_some();
                assert_eq!(found, left.contains(key), "{key} of {name} at {time}");
            }
        }
    }
    store.write(vec![put(Table::Commands, b"late", &row(1_000))]).expect("written");
    assert_eq!(store.get(Table::Commands, b"late"), Ok(None), "run out when it was written");
    store.write(vec![put(Table::Commands, b"late", &row(1_002))]).expect("written");
    assert_eq!(store.get(Table::Commands, b"late"), Ok(Some(row(1_002))), "and put off");
}
