//! RocksDB as rows of text keys: how a row is laid out, read, and written in one synced batch. Absent: preconditions and
//! revisions, which the writer decides.

use std::path::Path;

use rocksdb::{
    ColumnFamilyDescriptor, DB, DBCompressionType, DBRecoveryMode, Direction, IteratorMode, Options, ReadOptions,
    WriteBatch, WriteOptions,
};

use super::{Entry, Order, Revision, StoreError, Versioned};

/// Column family of the rows.
const ROWS: &str = "rows";
/// Column family of the store's own facts.
const META: &str = "meta";
/// In `META`: the last revision, 8 bytes big-endian.
const REVISION: &str = "revision";
/// A row's value begins with its version, 8 bytes big-endian.
const VERSION_BYTES: usize = 8;
/// RocksDB's own log files kept; they are for its developers.
const INFO_LOGS_MAX: usize = 4;
/// Memory of one write buffer: registers are small, and a start replays at most this much.
const WRITE_BUFFER_BYTES: usize = 16 << 20;

/// The open database.
pub(super) struct Rows {
    db: DB,
}

fn engine(doing: impl Into<String>) -> impl FnOnce(rocksdb::Error) -> StoreError {
    let doing = doing.into();
    move |source| StoreError::Engine { doing, source }
}

fn options() -> Options {
    let mut options = Options::default();
    options.create_if_missing(true);
    options.create_missing_column_families(true);
    options.set_compression_type(DBCompressionType::Lz4);
    options.set_keep_log_file_num(INFO_LOGS_MAX);
    options.set_write_buffer_size(WRITE_BUFFER_BYTES);
    // A torn last record was never acknowledged; anything else that does not check is damage, and opening fails.
    options.set_wal_recovery_mode(DBRecoveryMode::TolerateCorruptedTailRecords);
    options
}

impl Rows {
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        let families = [ROWS, META].map(|name| ColumnFamilyDescriptor::new(name, options()));
        let db = DB::open_cf_descriptors(&options(), path, families)
            .map_err(engine(format!("opening {} (is another process using it?)", path.display())))?;
        Ok(Self { db })
    }

    /// For a reader beside the running appliance: sees what was committed when it opened.
    pub(super) fn open_read_only(path: &Path) -> Result<Self, StoreError> {
        let db = DB::open_cf_for_read_only(&Options::default(), path, [ROWS, META], false)
            .map_err(engine(format!("opening {} to read", path.display())))?;
        Ok(Self { db })
    }

    fn family(&self, name: &str) -> impl rocksdb::AsColumnFamilyRef + '_ {
        self.db.cf_handle(name).expect("open() opened both column families")
    }

    pub(super) fn get(&self, key: &str) -> Result<Option<Versioned<Vec<u8>>>, StoreError> {
        let found = self.db.get_cf(&self.family(ROWS), key).map_err(engine(format!("reading {key:?}")))?;
        found.map(|row| split(key, &row)).transpose()
    }

    pub(super) fn range(
        &self,
        order: Order,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Entry>, StoreError> {
        let mut bounds = ReadOptions::default();
        bounds.set_iterate_range(rocksdb::PrefixRange(prefix.as_bytes()));
        let mode = match (order, after) {
            (Order::Oldest, after) => {
                let start = after.filter(|after| *after > prefix).unwrap_or(prefix);
                IteratorMode::From(start.as_bytes(), Direction::Forward)
            }
            (Order::Newest, Some(after)) => IteratorMode::From(after.as_bytes(), Direction::Reverse),
            (Order::Newest, None) => IteratorMode::End,
        };
        let seen = |key: &str, after: &str| if order == Order::Oldest { key <= after } else { key >= after };
        let mut rows = Vec::new();
        for found in self.db.iterator_cf_opt(&self.family(ROWS), bounds, mode) {
            let (key, row) = found.map_err(engine(format!("ranging over {prefix:?}")))?;
            let key = String::from_utf8(key.into_vec())
                .map_err(|_| StoreError::Row { key: prefix.to_owned(), why: "a key under it is no text" })?;
            if after.is_some_and(|after| seen(&key, after)) {
                continue;
            }
            if rows.len() >= limit {
                break;
            }
            let Versioned { value, version } = split(&key, &row)?;
            rows.push(Entry { key, value, version });
        }
        Ok(rows)
    }

    /// The last revision on disk; zero in a new store.
    pub(super) fn revision(&self) -> Result<Revision, StoreError> {
        let found = self.db.get_cf(&self.family(META), REVISION).map_err(engine("reading the revision"))?;
        let Some(bytes) = found else { return Ok(Revision(0)) };
        let bytes = <[u8; VERSION_BYTES]>::try_from(bytes.as_slice())
            .map_err(|_| StoreError::Row { key: REVISION.to_owned(), why: "not 8 bytes" })?;
        Ok(Revision(u64::from_be_bytes(bytes)))
    }

    /// Writes rows and the revision in one batch and syncs the write-ahead log before it returns.
    pub(super) fn write<'a>(
        &self,
        writes: impl Iterator<Item = (&'a str, Option<&'a [u8]>, Revision)>,
        last: Revision,
    ) -> Result<(), rocksdb::Error> {
        let (rows, meta) = (self.family(ROWS), self.family(META));
        let mut batch = WriteBatch::default();
        for (key, value, version) in writes {
            match value {
                Some(value) => batch.put_cf(&rows, key, join(version, value)),
                None => batch.delete_cf(&rows, key),
            }
        }
        batch.put_cf(&meta, REVISION, last.0.to_be_bytes());
        let mut durable = WriteOptions::default();
        durable.set_sync(true);
        self.db.write_opt(batch, &durable)
    }
}

fn join(version: Revision, value: &[u8]) -> Vec<u8> {
    [&version.0.to_be_bytes(), value].concat()
}

fn split(key: &str, row: &[u8]) -> Result<Versioned<Vec<u8>>, StoreError> {
    let (version, value) = row
        .split_first_chunk::<VERSION_BYTES>()
        .ok_or_else(|| StoreError::Row { key: key.to_owned(), why: "shorter than its version" })?;
    Ok(Versioned { value: value.to_vec(), version: Revision(u64::from_be_bytes(*version)) })
}
