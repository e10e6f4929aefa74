//! The inner witness: the store remembers the last checkpoint, so that a ledger whose tail was cut off together with its
//! newest checkpoints is seen at the next start, and by `verify`. It lies on the same machine: against someone who owns both
//! folders only a witness outside helps. A store that is newer than the ledger (a restored backup) is refused as well.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::merkle::{Hash, root};
use super::{Checkpoint, Ledger, LedgerError, read};
use crate::store::{CommitError, ReadOnly, Store, StoreError};

/// The store's key of what the ledger last published.
pub const WITNESS_KEY: &str = "ledger/witness";

/// A checkpoint as someone else remembers it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// The log's name.
    pub origin: String,
    /// Entries it covered.
    pub size: u64,
    /// Its root, as hex.
    pub root: String,
}

/// Why the witness could not be attached. The appliance must not start.
#[derive(Debug, thiserror::Error)]
pub enum WitnessError {
    /// The ledger is not the one the store remembers, or could not be read.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The store could not be read.
    #[error(transparent)]
    Read(#[from] StoreError),
    /// The store could not be written.
    #[error(transparent)]
    Commit(#[from] CommitError),
}

/// What the store in `path` remembers; for `verify`, also beside a running appliance.
pub fn remembered(path: &Path) -> Result<Option<Seen>, StoreError> {
    Ok(ReadOnly::open(path)?.get_json(WITNESS_KEY)?.map(|row| row.value))
}

impl From<&Checkpoint> for Seen {
    fn from(checkpoint: &Checkpoint) -> Self {
        Self { origin: checkpoint.origin.clone(), size: checkpoint.size, root: checkpoint.root.clone() }
    }
}

impl Ledger {
    /// Compares the ledger with what the store remembers, and has the store remember each checkpoint from now on. Call it once,
    /// at start, before anything is appended. Holds the store open until the ledger is closed. Blocks.
    pub fn attach_witness(&self, store: &Store) -> Result<(), WitnessError> {
        if let Some(row) = store.get_json::<Seen>(WITNESS_KEY)? {
            self.compare(&row.value)?;
        }
        store.put_json(WITNESS_KEY, &Seen::from(&self.checkpoint()))?;
        let store = store.clone();
        self.shell.tell(Box::new(move |checkpoint| {
            if let Err(error) = store.put_json(WITNESS_KEY, &Seen::from(checkpoint)) {
                tracing::warn!(%error, "the store does not remember the ledger's checkpoint");
            }
        }));
        Ok(())
    }

    fn compare(&self, seen: &Seen) -> Result<(), LedgerError> {
        let now = self.checkpoint();
        let why = if seen.origin != now.origin {
            format!("this is log {}, the state remembers {}", now.origin, seen.origin)
        } else if seen.size > now.size {
            format!("it has {} entries, the state remembers {}: the tail was removed", now.size, seen.size)
        } else if hex::encode(self.root_at(seen.size)?) != seen.root {
            format!("the first {} entries are not those that the state remembers", seen.size)
        } else {
            return Ok(());
        };
        Err(LedgerError::Contradiction { file: super::publish::CHECKPOINT.into(), offset: 0, why })
    }

    fn root_at(&self, size: u64) -> Result<Hash, LedgerError> {
        let published = self.checkpoint().size;
        root(size, &mut |node| read::node(self.shell.disk(), published, node))
    }
}
