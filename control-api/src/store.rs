//! The control API's state behind four verbs: get, range, commit with preconditions, watch. A face that etcd could serve
//! too; RocksDB is behind it today. Absent: tables and queries. Registers lay out their own keys, text like `camera/ID`.
//!
//! Calls block (a commit waits for the disk). From async code use [`Store::commit_async`], or `spawn_blocking` for many reads.

mod batch;
mod rocks;
mod watch;
mod writer;

use std::path::Path;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

pub use batch::{Batch, KEY_BYTES_MAX, VALUE_BYTES_MAX};
pub use watch::{Change, Watch, WatchLag};

/// The store's clock: rises by one with every commit. A key's version is the revision that last wrote it, so that a key
/// deleted and made again never has an old version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Revision(pub u64);

/// A value with the revision that wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Versioned<T> {
    /// What is stored.
    pub value: T,
    /// The commit that wrote it; hand it to [`Batch::expect_version`] to change it safely.
    pub version: Revision,
}

/// One row of a range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The whole key, prefix included.
    pub key: String,
    /// What is stored.
    pub value: Vec<u8>,
    /// The commit that wrote it.
    pub version: Revision,
}

impl Entry {
    /// The value read as JSON.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, StoreError> {
        serde_json::from_slice(&self.value).map_err(|source| StoreError::Value { key: self.key.clone(), source })
    }
}

/// Why the store could not be opened or read. The store's fault, never the caller's.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The engine failed.
    #[error("store: {doing}: {source}")]
    Engine {
        /// What was being done.
        doing: String,
        /// What RocksDB said.
        source: rocksdb::Error,
    },
    /// A row is not what this program writes.
    #[error("store: the row of {key:?} is damaged: {why}")]
    Row {
        /// Whose row.
        key: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A value could not be read as, or written from, its type.
    #[error("store: the value of {key:?} does not fit its type: {source}")]
    Value {
        /// Whose value.
        key: String,
        /// What serde said.
        source: serde_json::Error,
    },
    /// The writer's thread could not be started.
    #[error("store: cannot start the writer: {0}")]
    Thread(std::io::Error),
}

/// Why a commit did not happen. Nothing of the batch is stored, except that after `Unavailable` it may turn out stored at the
/// next start.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// A precondition did not hold: read again and decide again.
    #[error("{key:?} was changed by someone else")]
    Conflict {
        /// The key whose precondition failed.
        key: String,
    },
    /// The batch itself is wrong; a fault of the calling code or a bound the caller should have kept.
    #[error("a batch that cannot be stored: {0}")]
    Malformed(String),
    /// A write failed, now or before; the store takes no more until the next start.
    #[error("the store cannot write: {0}")]
    Unavailable(String),
}

/// Rows one `range` call returns at most, whatever its limit says: keeps an answer in memory.
pub const RANGE_ROWS_MAX: usize = 10_000;

/// A handle on the store; clones share it. The last one to go flushes and closes it.
#[derive(Clone)]
pub struct Store {
    rows: Arc<rocks::Rows>,
    writer: Arc<writer::Writer>,
}

impl Store {
    /// Opens the store in `path`, making it when absent. One process at a time.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let rows = Arc::new(rocks::Rows::open(path)?);
        let writer = Arc::new(writer::Writer::start(Arc::clone(&rows))?);
        Ok(Self { rows, writer })
    }

    /// The value of `key`, if there is one.
    pub fn get(&self, key: &str) -> Result<Option<Versioned<Vec<u8>>>, StoreError> {
        self.rows.get(key)
    }

    /// Rows whose keys begin with `prefix`, in byte order, from the first key greater than `after`; at most `limit` and at
    /// most [`RANGE_ROWS_MAX`]. `after` is a whole key, prefix included.
    pub fn range(&self, prefix: &str, after: Option<&str>, limit: usize) -> Result<Vec<Entry>, StoreError> {
        self.range_in(Order::Oldest, prefix, after, limit)
    }

    /// The same from either end: with [`Order::Newest`] in falling order, from the first key less than `after`.
    pub fn range_in(
        &self,
        order: Order,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Entry>, StoreError> {
        self.rows.range(order, prefix, after, limit.min(RANGE_ROWS_MAX))
    }

    /// Stores the batch, all or nothing, if its preconditions hold. On disk when it returns. Blocks.
    pub fn commit(&self, batch: Batch) -> Result<Revision, CommitError> {
        self.writer.commit(batch)
    }

    /// As [`Store::commit`], for async callers. A dropped future does not undo a commit under way.
    pub async fn commit_async(&self, batch: Batch) -> Result<Revision, CommitError> {
        Arc::clone(&self.writer).commit_async(batch).await
    }

    /// Every change from now on to keys that begin with `prefix`, after it is on disk, in commit order.
    pub fn watch(&self, prefix: &str) -> Watch {
        self.writer.watch(prefix)
    }

    /// The revision of the last commit.
    pub fn revision(&self) -> Revision {
        self.writer.revision()
    }

    /// The value of `key` read as JSON.
    pub fn get_json<T: DeserializeOwned>(&self, key: &str) -> Result<Option<Versioned<T>>, StoreError> {
        parse(key, self.get(key)?)
    }

    /// Rows of a range read as JSON, each with its key. Same bounds as [`Store::range`].
    pub fn range_json<T: DeserializeOwned>(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, Versioned<T>)>, StoreError> {
        self.range_json_in(Order::Oldest, prefix, after, limit)
    }

    /// The same from either end.
    pub fn range_json_in<T: DeserializeOwned>(
        &self,
        order: Order,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, Versioned<T>)>, StoreError> {
        let rows = self.range_in(order, prefix, after, limit)?;
        rows.into_iter()
            .map(|row| row.json().map(|value| (row.key.clone(), Versioned { value, version: row.version })))
            .collect()
    }

    /// Stores one value as JSON whatever was there before. Blocks. For more than one key, or with a precondition, use [`Batch`].
    pub fn put_json<T: Serialize>(&self, key: &str, value: &T) -> Result<Revision, CommitError> {
        self.commit(Batch::new().put_json(key, value)?)
    }
}

/// Which end of a range comes first. Ids sort by the time when they were given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// Rising keys: the oldest.
    #[default]
    Oldest,
    /// Falling keys: the newest.
    Newest,
}

/// A store opened beside the running appliance, or after it, only to read. Sees what was committed when it was opened.
pub struct ReadOnly(rocks::Rows);

impl ReadOnly {
    /// Opens the store in `path` without its lock.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        rocks::Rows::open_read_only(path).map(Self)
    }

    /// The value of `key` read as JSON.
    pub fn get_json<T: DeserializeOwned>(&self, key: &str) -> Result<Option<Versioned<T>>, StoreError> {
        parse(key, self.0.get(key)?)
    }
}

fn parse<T: DeserializeOwned>(key: &str, row: Option<Versioned<Vec<u8>>>) -> Result<Option<Versioned<T>>, StoreError> {
    let Some(row) = row else { return Ok(None) };
    let value =
        serde_json::from_slice(&row.value).map_err(|source| StoreError::Value { key: key.to_owned(), source })?;
    Ok(Some(Versioned { value, version: row.version }))
}

#[cfg(test)]
mod tests;
