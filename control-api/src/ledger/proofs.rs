//! Proofs out of the published tiles: that an entry is in the log, and that the log of today only adds to the log of then.
//! Whoever holds a checkpoint checks them with `merkle::check_inclusion` and `merkle::check_consistency`.

use super::merkle::{Hash, consistency_proof, inclusion_proof};
use super::note::VerifierKey;
use super::recovery::{NOTE_BYTES_MAX, VERIFIER};
use super::{Ledger, LedgerError, read};

impl Ledger {
    /// The log's name and public key, as they lie in its folder. Blocks on a file read.
    pub fn verifier_key(&self) -> Result<VerifierKey, LedgerError> {
        let bytes = self.shell.disk().read(VERIFIER, NOTE_BYTES_MAX).map_err(LedgerError::io("reading", VERIFIER))?;
        let text = String::from_utf8_lossy(&bytes);
        let parsed = text.trim_end_matches('\n').parse::<VerifierKey>();
        let contradiction = |why: String| LedgerError::Contradiction { file: VERIFIER.into(), offset: 0, why };
        parsed.map_err(|bad| contradiction(bad.to_string()))
    }

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
