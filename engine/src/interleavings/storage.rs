//! Rows that are written behind the journal, while they are read.

use std::sync::Arc;

use shuttle::future::spawn;

use super::check;
use super::world::SteppedStore;
use crate::runtime::{Behind, Content, Key};
use crate::storage::Table;

fn put(behind: &Behind, key: u8, value: Option<u8>) {
    let value = value.map(|value| Content::Bytes(vec![value]));
    behind.put(Table::People, Key::from_slice(&[1, key]), value);
}

/// One row is put three times and another one removed while all is flushed, twice at once, and
/// read. What was seen once is never seen older.
async fn behind() {
    let behind = Arc::new(Behind::new(Arc::new(SteppedStore(Default::default()))));
    let table = Table::People;
    put(&behind, 1, Some(0));
    put(&behind, 2, Some(0));
    let writes = {
        let behind = behind.clone();
        spawn(async move {
            for version in 1..=3 {
                put(&behind, 1, Some(version));
            }
            put(&behind, 2, None);
        })
    };
    let flushes = [(); 2].map(|()| {
        let behind = behind.clone();
        spawn(async move { behind.flush(Vec::new).unwrap() })
    });
    let reads = {
        let behind = behind.clone();
        spawn(async move {
            let (mut newest, mut gone) = (0, false);
            for round in 0..6 {
                let rows = match round % 2 {
                    0 => behind.scan(table, &[1], &[1], 9).unwrap(),
                    _ => [1, 2]
                        .into_iter()
                        .filter_map(|key| {
                            let value = behind.get_bytes(table, &[1, key]).unwrap();
                            value.map(|value| (vec![1, key], value))
                        })
                        .collect(),
                };
                let value = rows.iter().find(|(key, _)| *key == [1, 1]).map(|(_, value)| value[0]);
                let value = value.expect("it was put before");
                assert!(newest <= value, "{newest} was seen, and now {value}");
                newest = value;
                let there = rows.iter().any(|(key, _)| *key == [1, 2]);
                assert!(!(gone && there), "a removed row is back");
                gone = !there;
            }
        })
    };
    writes.await.unwrap();
    for flush in flushes {
        flush.await.unwrap();
    }
    reads.await.unwrap();
    behind.flush(Vec::new).unwrap();
    assert_eq!(behind.len(), 0);
    assert_eq!(behind.get_bytes(table, &[1, 1]).unwrap(), Some(vec![3]));
    assert_eq!(behind.store().get(table, &[1, 1]).unwrap(), Some(vec![3]));
    assert_eq!(behind.store().get(table, &[1, 2]).unwrap(), None);
}

#[test]
fn shuttle_rows_behind_are_never_seen_older() {
    check(behind);
}
