//! Proofs out of the published tiles: that an entry is in the log, and that the log of today only adds to the log of then.
//! Whoever holds a checkpoint checks them with `merkle::check_inclusion` and `merkle::check_consistency`.

use super::merkle::{Hash, consistency_proof, inclusion_proof};
use super::{Ledger, LedgerError, read};

impl Ledger {
    /// Audit path of entry `index` in the tree of the first `size` entries; none unless `index < size` and a checkpoint covers
    /// `size` entries. Blocks on file reads.
    pub fn prove_inclusion(&self, index: u64, size: u64) -> Result<Option<Vec<Hash>>, LedgerError> {
        let published = self.checkpoint().size;
        if index >= size || size > published {
            return Ok(None);
        }
        inclusion_proof(index, size, &mut |node| read::node(self.shell.disk(), published, node)).map(Some)
    }

    /// Proof that the first `old` entries are the beginning of the first `new`; none unless `old <= new` and a checkpoint
    /// covers `new` entries. Blocks on file reads.
    pub fn prove_consistency(&self, old: u64, new: u64) -> Result<Option<Vec<Hash>>, LedgerError> {
        let published = self.checkpoint().size;
        if old > new || new > published {
            return Ok(None);
        }
        consistency_proof(old, new, &mut |node| read::node(self.shell.disk(), published, node)).map(Some)
    }
}
