//! The audit log: an append-only Merkle tree of events in C2SP tlog-tiles layout, with signed checkpoints. An append is on disk
//! when it returns; after a failed write every append is refused until the next start (fail closed). Absent: any way to change
//! or delete an entry. Who owns the disk and the key can rewrite the tail since the last checkpoint that someone else has seen:
//! `witnessing` sees to it that somebody has.

pub mod cosignature;
mod cosigned;
mod disk;
mod edge;
pub mod event;
pub mod export;
#[cfg(test)]
pub(crate) mod faults;
mod journal;
pub mod merkle;
mod metrics;
pub mod note;
pub mod personal;
mod proofs;
mod publish;
mod read;
mod recovery;
pub mod search;
mod shell;
mod tail;
mod tile;
mod tiles;
pub mod vault;
pub mod verify;
pub mod witness;

use std::path::Path;
use std::sync::Arc;

use media::wall::Clock;
use prometheus::{IntGauge, Registry};
use serde::{Deserialize, Serialize};

pub use event::{Actor, Decision, Event, Kind};

/// Proof that an entry is on disk. Only the ledger makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    index: u64,
}

impl Receipt {
    /// The entry's place in the log, from zero.
    pub fn index(&self) -> u64 {
        self.index
    }
}

/// What can be put on the ledger as one event.
pub trait Recordable {
    /// The event that tells of it.
    fn event(&self) -> Event;
}

/// A value whose event is on the ledger, on disk. The ledger is the only maker: who asks for one cannot be given an
/// unrecorded value.
#[derive(Debug)]
pub struct Recorded<T> {
    value: T,
    receipt: Receipt,
}

impl<T> Recorded<T> {
    /// What was recorded.
    pub fn value(&self) -> &T {
        &self.value
    }

    /// Where it was recorded.
    pub fn receipt(&self) -> &Receipt {
        &self.receipt
    }

    /// Takes it apart; the proof ends here.
    pub fn into_inner(self) -> T {
        self.value
    }
}

/// Nothing was acknowledged: do not go on with what was to be recorded (`AUDIT_UNAVAILABLE`).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LedgerUnavailable {
    /// A write failed, now or before. Restart after the disk is mended.
    #[error("the ledger cannot write: {0}")]
    Poisoned(String),
    /// The ledger was closed; the appliance is stopping.
    #[error("the ledger is closed")]
    Closed,
    /// The event is larger than an entry may be; the caller let a text grow past its bound.
    #[error("an event of {bytes} bytes; an entry holds {ENTRY_BYTES_MAX}")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// What its commitments commit to could not be kept.
    #[error("the openings of an entry could not be kept: {0}")]
    Openings(String),
}

/// Why the ledger could not be opened or read. Opening fails closed: what contradicts the log's own checkpoint is for a human.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// A file operation failed.
    #[error("ledger: {doing} {file}: {source}")]
    Io {
        /// The verb.
        doing: &'static str,
        /// The file, relative to the ledger's folder.
        file: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// What is on disk contradicts itself. `sluice ledger verify` tells more.
    #[error(
        "ledger: {file}, byte {offset}: {why}; the ledger stays closed. Keep the folder as it is and run `sluice ledger verify`"
    )]
    Contradiction {
        /// The file, relative to the ledger's folder.
        file: String,
        /// Where in the file.
        offset: u64,
        /// What is wrong.
        why: String,
    },
    /// Another process has it open.
    #[error("ledger: {0} is in use by another process")]
    InUse(String),
    /// No randomness for the first key.
    #[error("ledger: the system gives no random bytes for the key: {0}")]
    Entropy(String),
    /// A metric of the same name is registered already.
    #[error("ledger: metrics: {0}")]
    Metrics(#[from] prometheus::Error),
}

impl LedgerError {
    fn io(doing: &'static str, file: &str) -> impl FnOnce(std::io::Error) -> Self {
        let file = file.to_owned();
        move |source| Self::Io { doing, file, source }
    }
}

/// Largest entry in bytes: an entry bundle's length prefix is a uint16 (c2sp.org/tlog-tiles).
pub const ENTRY_BYTES_MAX: usize = u16::MAX as usize;

/// Entries that one `read` gives at most.
pub const READ_ENTRIES_MAX: usize = 1_000;

/// A root that covers the first `size` entries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// The log's name.
    pub origin: String,
    /// Entries covered.
    pub size: u64,
    /// Merkle tree hash over them (RFC 6962 section 2.1), SHA-256, as hex.
    pub root: String,
    /// The signed note as published (c2sp.org/tlog-checkpoint).
    pub note: String,
}

/// An entry as it was appended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its place, from zero.
    pub index: u64,
    /// The event's canonical bytes.
    pub bytes: Arc<[u8]>,
}

impl Entry {
    /// The event, if these bytes are one.
    pub fn event(&self) -> Result<Event, serde_json::Error> {
        Event::parse(&self.bytes)
    }
}

/// How the ledger is doing, for the API and `/readyz`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Status {
    /// The log's name.
    pub origin: String,
    /// Entries on disk.
    pub size: u64,
    /// Entries under the last signed checkpoint.
    pub checkpoint_size: u64,
    /// Why it takes no more, if so.
    pub poisoned: Option<String>,
}

/// A handle on the ledger; clones share it. The last one to go publishes and closes it.
#[derive(Clone)]
pub struct Ledger {
    shell: Arc<shell::Shell>,
}

impl Ledger {
    /// Opens the ledger in `dir`, making it with a fresh key when the folder is absent or empty. Replays what the last run
    /// had written; refuses if that contradicts the ledger's own checkpoint. Blocks.
    pub fn open(dir: &Path, clock: Arc<dyn Clock>, registry: &Registry) -> Result<Self, LedgerError> {
        Ok(Self { shell: Arc::new(shell::Shell::open(dir, clock, registry)?) })
    }

    /// Puts the event on the ledger; on disk when it returns. Blocks; callers at once share a sync.
    pub fn append(&self, event: &Event) -> Result<Receipt, LedgerUnavailable> {
        let Some(store) = self.shell.vault.read().clone() else {
            return Ok(Receipt { index: self.shell.append(event.canonical())? });
        };
        let vault::Sealed { bytes, batch } = vault::sealed(event)?;
        if let Some(batch) = batch {
            store.commit(batch).map_err(|error| vault::unkept(&error))?;
        }
        Ok(Receipt { index: self.shell.append(bytes)? })
    }

    /// As [`Ledger::append`], for async callers. A dropped future does not undo an append under way.
    pub async fn append_async(&self, event: &Event) -> Result<Receipt, LedgerUnavailable> {
        let Some(store) = self.shell.vault.read().clone() else {
            return Ok(Receipt { index: self.shell.append_async(event.canonical()).await? });
        };
        let vault::Sealed { bytes, batch } = vault::sealed(event)?;
        let keep = async {
            match batch {
                Some(batch) => store.commit_async(batch).await.map(drop).map_err(|error| vault::unkept(&error)),
                None => Ok(()),
            }
        };
        // Side by side, so that the caller waits for the slower disk only. An entry whose opening was lost is acknowledged to nobody.
        let (index, kept) = tokio::join!(self.shell.append_async(bytes), keep);
        kept?;
        Ok(Receipt { index: index? })
    }

    /// Puts `value`'s event on the ledger and gives the value back with the proof. Blocks.
    pub fn record<T: Recordable>(&self, value: T) -> Result<Recorded<T>, LedgerUnavailable> {
        let receipt = self.append(&value.event())?;
        Ok(Recorded { value, receipt })
    }

    /// As [`Ledger::record`], for async callers.
    pub async fn record_async<T: Recordable>(&self, value: T) -> Result<Recorded<T>, LedgerUnavailable> {
        let receipt = self.append_async(&value.event()).await?;
        Ok(Recorded { value, receipt })
    }

    /// Entries from index `from`, at most `limit` and at most [`READ_ENTRIES_MAX`]. Blocks on file reads.
    pub fn read(&self, from: u64, limit: usize) -> Result<Vec<Entry>, LedgerError> {
        read::entries(self.shell.disk(), &self.shell.tail, from, limit.min(READ_ENTRIES_MAX))
    }

    /// Entries on disk.
    pub fn size(&self) -> u64 {
        self.shell.tail.size()
    }

    /// How it is doing.
    pub fn status(&self) -> Status {
        let Checkpoint { origin, size: checkpoint_size, .. } = self.checkpoint();
        let tail = &self.shell.tail;
        Status { origin, size: tail.size(), checkpoint_size, poisoned: tail.poisoned() }
    }

    /// The last checkpoint signed. It may be a second behind [`Ledger::size`].
    pub fn checkpoint(&self) -> Checkpoint {
        self.shell.tail.checkpoint()
    }

    /// The gauge `sluice_sessions_without_record`; whoever compares sessions with usage records sets it. Must be 0.
    pub fn sessions_without_record(&self) -> &IntGauge {
        &self.shell.metrics.sessions_without_record
    }

    /// Takes no more appends, publishes what is on disk under a last checkpoint, and ends its threads. Blocks. Again is no harm.
    pub fn close(&self) {
        self.shell.close();
    }
}

#[cfg(test)]
mod crash_tests;
#[cfg(test)]
mod mutation_tests;
#[cfg(test)]
mod tests;
