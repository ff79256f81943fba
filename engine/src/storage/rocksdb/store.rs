//! The store: a column family for each table, written without a sync.
//!
//! A crash may take the newest batches, never one from among older ones: all tables share one
//! log, and it is replayed up to the first record that is not whole. A store of which RocksDB
//! says that it is damaged is thrown away, because recovery builds it anew from the journal.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use ::rocksdb::{
    BlockBasedIndexType, BlockBasedOptions, BoundColumnFamily, Cache, ColumnFamilyDescriptor,
};
use ::rocksdb::{CompactionDecision, DBCompressionType, DBRecoveryMode, DBWithThreadMode};
use ::rocksdb::{MultiThreaded, PrefixRange, ReadOptions, WriteBatch};

use super::directory::{Directory, sync_parent};
use super::inspect::silent;
use super::{OpenError, Options, log};
use crate::storage::{Mutation, Row, Store, StoreError, TABLES, Table, has_run_out};

/// The database's name in the directory.
const NAME: &str = "derived";

/// Of so many neighbours, so many deleted make RocksDB rewrite a file soon: the scan of a table
/// in which rows come and go would pass over all of them each time.
const DELETED_WINDOW: usize = 4_096;
const DELETED_TRIGGER: usize = 2_048;

/// Bytes of a row in a batch beside its key and value, at most.
const ROW_HEAD: usize = 16;

type Database = DBWithThreadMode<MultiThreaded>;

/// The store.
pub(super) struct RocksStore {
    /// Before the directory, so that it is closed when the lock is let go.
    db: Database,
    directory: Arc<Directory>,
    time: Arc<AtomicI64>,
    /// RocksDB refers to the compaction filters in here for as long as it is open, and the crate
    /// keeps only those alive that an opening brought, not those of a table created later.
    options: [::rocksdb::Options; TABLES.len()],
    /// Held for writing while the tables are replaced, for reading by everything else.
    tables: RwLock<()>,
}

impl RocksStore {
    /// Opens the store; with `cut` what was there is thrown away.
    pub(super) fn open(
        directory: Arc<Directory>,
        options: &Options,
        cut: bool,
    ) -> Result<Self, OpenError> {
        let path = directory.path().join(NAME);
        let cache = Cache::new_lru_cache(options.store_cache_bytes);
        let time = Arc::new(AtomicI64::new(i64::MIN));
        let tables = TABLES.map(|table| table_options(table, options, &cache, &time));
        let opened = || open_database(&path, options, &tables);
        let usable = match discard(&path, cut || is_torn(&path, options)) {
            Ok(()) => opened(),
            Err(error) => return Err(directory.refused(format_args!("the store: {error}"))),
        };
        let db = usable.or_else(|error| {
            tracing::warn!(path = %path.display(), %error, "the store is made anew");
            discard(&path, true).map_err(|error| error.to_string())?;
            opened().map_err(|error| error.to_string())
        });
        let db = db.map_err(|error| directory.refused(format_args!("the store: {error}")))?;
        Ok(Self { db, directory, time, options: tables, tables: RwLock::new(()) })
    }

    /// Opens the store for reading alone; none where the next opening would make it anew.
    pub(super) fn look_at(directory: &Arc<Directory>, options: &Options) -> Option<Self> {
        let path = directory.path().join(NAME);
        if !path.exists() || is_torn(&path, options) {
            return None;
        }
        let cache = Cache::new_lru_cache(options.store_cache_bytes);
        let time = Arc::new(AtomicI64::new(i64::MIN));
        let tables = TABLES.map(|table| table_options(table, options, &cache, &time));
        let mut shared = database_options(options);
        silent(&mut shared);
        let db = Database::open_cf_descriptors_read_only(&shared, &path, described(&tables), false);
        let directory = Arc::clone(directory);
        Some(Self { db: db.ok()?, directory, time, options: tables, tables: RwLock::new(()) })
    }

    fn table(&self, table: Table) -> Result<Arc<BoundColumnFamily<'_>>, StoreError> {
        let handle = self.db.cf_handle(table.name());
        handle.ok_or_else(|| StoreError(format!("there is no table {}", table.name())))
    }

    fn hides(&self, table: Table, value: &[u8]) -> bool {
        has_run_out(table, value, self.time.load(Ordering::Relaxed))
    }

    /// After a failed write no later one may succeed: it would leave a hole.
    fn written(&self, result: Result<(), ::rocksdb::Error>) -> Result<(), StoreError> {
        result.map_err(|error| StoreError(self.directory.fail(format_args!("the store: {error}"))))
    }
}

fn open_database(
    path: &Path,
    options: &Options,
    tables: &[::rocksdb::Options],
) -> Result<Database, ::rocksdb::Error> {
    Database::open_cf_descriptors(&database_options(options), path, described(tables))
}

fn database_options(options: &Options) -> ::rocksdb::Options {
    let mut shared = options.shared();
    shared.create_missing_column_families(true);
    // After a failure what is left is a prefix of what was written.
    shared.set_wal_recovery_mode(DBRecoveryMode::PointInTime);
    shared.set_db_write_buffer_size(options.store_buffer_bytes);
    // A table that is seldom written would keep the log from being shortened.
    shared.set_max_total_wal_size(options.store_log_bytes as u64);
    shared
}

fn described(tables: &[::rocksdb::Options]) -> impl Iterator<Item = ColumnFamilyDescriptor> {
    let tables = TABLES.iter().zip(tables);
    tables.map(|(table, options)| ColumnFamilyDescriptor::new(table.name(), options.clone()))
}

fn table_options(
    table: Table,
    options: &Options,
    cache: &Cache,
    time: &Arc<AtomicI64>,
) -> ::rocksdb::Options {
    let mut rocks = ::rocksdb::Options::default();
    rocks.set_write_buffer_size(options.store_buffer_bytes / 2);
    rocks.set_compression_type(DBCompressionType::Lz4);
    rocks.add_compact_on_deletion_collector_factory(DELETED_WINDOW, DELETED_TRIGGER, 0.5);
    let mut blocks = BlockBasedOptions::default();
    blocks.set_block_cache(cache);
    blocks.set_bloom_filter(f64::from(options.store_filter_bits), false);
    // A filter or an index of a whole file is larger than a part of the cache, so it would be read
    // anew for every row that is asked for.
    blocks.set_index_type(BlockBasedIndexType::TwoLevelIndexSearch);
    blocks.set_partition_filters(true);
    blocks.set_pin_top_level_index_and_filter(true);
    blocks.set_cache_index_and_filter_blocks(true);
    blocks.set_pin_l0_filter_and_index_blocks_in_cache(true);
    rocks.set_block_based_table_factory(&blocks);
    if table.runs_out() {
        let time = Arc::clone(time);
        rocks.set_compaction_filter("runs out", move |_, _: &[u8], value: &[u8]| {
            if has_run_out(table, value, time.load(Ordering::Relaxed)) {
                CompactionDecision::Remove
            } else {
                CompactionDecision::Keep
            }
        });
        rocks.set_periodic_compaction_seconds(options.store_sweep.as_secs());
    }
    rocks
}

/// Whether RocksDB would take it for whole, or never come to an end with it, although it is not.
///
/// Where tables are missing, a clearing was cut short, or the store is another version's.
fn is_torn(path: &Path, options: &Options) -> bool {
    if !matches!(log::endless(path), Ok(None)) {
        return true;
    }
    if !path.join("CURRENT").exists() {
        return path.exists();
    }
    match Database::list_cf(&options.shared(), path) {
        Ok(found) => {
            let missing = |table: &Table| !found.iter().any(|name| name == table.name());
            TABLES.iter().any(missing)
        }
        Err(_) => true,
    }
}

/// Removes what is left of an earlier store, and the store itself if so `decided`.
///
/// It is renamed first: a crash in the midst of the removal must not leave a half of it under
/// its name, which might look like a store.
fn discard(path: &Path, decided: bool) -> io::Result<()> {
    let old = path.with_extension("old");
    if old.exists() {
        fs::remove_dir_all(&old)?;
    }
    if decided && path.exists() {
        fs::rename(path, &old)?;
        sync_parent(path)?;
        fs::remove_dir_all(&old)?;
    }
    Ok(())
}

impl Store for RocksStore {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let _tables = self.tables.read().unwrap_or_else(PoisonError::into_inner);
        let found = self.db.get_pinned_cf(&self.table(table)?, key);
        let found = found.map_err(|error| StoreError(error.to_string()))?;
        Ok(found.filter(|value| !self.hides(table, value)).map(|value| value.to_vec()))
    }

    fn scan(
        &self,
        table: Table,
        prefix: &[u8],
        from: &[u8],
        limit: usize,
    ) -> Result<Vec<Row>, StoreError> {
        let _tables = self.tables.read().unwrap_or_else(PoisonError::into_inner);
        let mut options = ReadOptions::default();
        options.set_iterate_range(PrefixRange(prefix));
        let mut iterator = self.db.raw_iterator_cf_opt(&self.table(table)?, options);
        iterator.seek(from.max(prefix));
        let mut rows = Vec::new();
        while rows.len() < limit
            && let Some((key, value)) = iterator.item()
        {
            if !self.hides(table, value) {
                rows.push((key.to_vec(), value.to_vec()));
            }
            iterator.next();
        }
        iterator.status().map_err(|error| StoreError(error.to_string()))?;
        Ok(rows)
    }

    fn write(&self, batch: Vec<Mutation>) -> Result<(), StoreError> {
        let _tables = self.tables.read().unwrap_or_else(PoisonError::into_inner);
        self.directory.check().map_err(StoreError)?;
        // A long batch that has to grow is copied over and over.
        let bytes =
            |row: &Mutation| ROW_HEAD + row.key.len() + row.value.as_ref().map_or(0, Vec::len);
        let mut rows = WriteBatch::with_capacity_bytes(batch.iter().map(bytes).sum());
        for Mutation { table, key, value } in batch {
            match value {
                Some(value) => rows.put_cf(&self.table(table)?, key, value),
                None => rows.delete_cf(&self.table(table)?, key),
            }
        }
        self.written(self.db.write(rows))
    }

    /// Drops all tables, then makes them anew. Both are synced and name the tables by numbers that
    /// are never used again, so no row comes back, neither from a file nor from the log. A crash
    /// between leaves tables missing, and the next opening throws the rest away.
    fn clear(&self) -> Result<(), StoreError> {
        let _tables = self.tables.write().unwrap_or_else(PoisonError::into_inner);
        self.directory.check().map_err(StoreError)?;
        for table in TABLES {
            self.written(self.db.drop_cf(table.name()))?;
        }
        for (table, options) in TABLES.iter().zip(&self.options) {
            self.written(self.db.create_cf(table.name(), options))?;
        }
        Ok(())
    }

    fn tell_time(&self, millis: i64) {
        self.time.fetch_max(millis, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use ::rocksdb::perf::{PerfContext, PerfMetric, PerfStatsLevel, set_perf_stats};
    use ::rocksdb::{BottommostLevelCompaction, CompactOptions};

    use super::*;

    #[test]
    fn rows_that_have_run_out_leave_the_disk() {
        let root = tempfile::tempdir().unwrap();
        let directory = Arc::new(Directory::take(root.path()).unwrap());
        let store = RocksStore::open(directory, &Options::default(), false).unwrap();
        for cleared in [false, true] {
            if cleared {
                store.clear().unwrap();
            }
            let row = |instant: i64| Some(instant.to_le_bytes().to_vec());
            for (table, instant) in
                TABLES.into_iter().flat_map(|table| [(table, 5i64), (table, 50)])
            {
                let key = instant.to_be_bytes().to_vec();
                store.write(vec![Mutation { table, key, value: row(instant) }]).unwrap();
            }
            store.tell_time(10);
            for table in TABLES {
                let handle = store.table(table).unwrap();
                store.db.flush_cf(&handle).unwrap();
                store.db.compact_range_cf(&handle, None::<&[u8]>, None::<&[u8]>);
                let mut iterator = store.db.raw_iterator_cf(&handle);
                iterator.seek_to_first();
                let mut rows = 0;
                while iterator.valid() {
                    rows += 1;
                    iterator.next();
                }
                let left = if table.runs_out() { 1 } else { 2 };
                assert_eq!(rows, left, "{} after clearing: {cleared}", table.name());
            }
        }
    }

    /// With a cache that is small beside the filters, as it is over fifty million appointments.
    #[test]
    fn a_row_is_read_without_the_whole_of_its_file() {
        const ROWS: u32 = 200_000;
        const READ: u32 = 500;
        let root = tempfile::tempdir().unwrap();
        let directory = Arc::new(Directory::take(root.path()).unwrap());
        let options = Options { store_cache_bytes: 64 << 10, ..Options::default() };
        let store = RocksStore::open(directory, &options, false).unwrap();
        let key = |row: u32| blake3::hash(&row.to_le_bytes()).as_bytes()[..16].to_vec();
        let row = |row| Mutation { table: Table::People, key: key(row), value: Some(Vec::new()) };
        store.write((0..ROWS).map(row).collect()).unwrap();
        let handle = store.table(Table::People).unwrap();
        store.db.flush_cf(&handle).unwrap();
        // What is not moved as it is, is not pinned any more.
        let mut whole = CompactOptions::default();
        whole.set_bottommost_level_compaction(BottommostLevelCompaction::Force);
        store.db.compact_range_cf_opt(&handle, None::<&[u8]>, None::<&[u8]>, &whole);
        set_perf_stats(PerfStatsLevel::EnableCount);
        let mut read = PerfContext::default();
        read.reset();
        for row in (0..ROWS).step_by((ROWS / READ) as usize) {
            assert!(store.get(Table::People, &key(row)).unwrap().is_some());
        }
        let bytes = read.metric(PerfMetric::BlockReadByte) / u64::from(READ);
        assert!((1..20_000).contains(&bytes), "{bytes} bytes for a row");
    }

    #[test]
    fn after_a_failed_write_no_later_one_succeeds() {
        let root = tempfile::tempdir().unwrap();
        let directory = Arc::new(Directory::take(root.path()).unwrap());
        let store = RocksStore::open(directory, &Options::default(), false).unwrap();
        let batch = || vec![Mutation { table: Table::Meta, key: vec![1], value: None }];
        store.write(batch()).unwrap();
        // What is gone cannot be dropped.
        store.db.drop_cf(Table::Holds.name()).unwrap();
        store.clear().unwrap_err();
        store.write(batch()).unwrap_err();
        store.clear().unwrap_err();
    }
}
