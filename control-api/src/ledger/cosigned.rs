//! The checkpoint that a witness outside has cosigned, kept beside the log's own. A file that cannot be written costs nothing but
//! what the next cosignature brings again, so that a failure here does not stop the log.

use std::io::ErrorKind;

use super::cosignature::CosignedNote;
use super::disk::replace;
use super::recovery::NOTE_BYTES_MAX;
use super::{Ledger, LedgerError};

/// The file.
pub(super) const COSIGNED: &str = "checkpoint.cosigned";
/// Where it is written before it gets its name.
pub(super) const DRAFT: &str = "cosigned.draft";

impl Ledger {
    /// Keeps a cosigned checkpoint in place of the one before. The caller has checked it. Blocks.
    pub fn keep_cosigned(&self, text: &str) -> Result<(), LedgerError> {
        replace(self.shell.disk(), DRAFT, COSIGNED, text.as_bytes(), false)
            .map_err(LedgerError::io("writing", COSIGNED))
    }

    /// The cosigned checkpoint, if there is one. Blocks.
    pub fn cosigned(&self) -> Result<Option<String>, LedgerError> {
        let bytes = match self.shell.disk().read(COSIGNED, NOTE_BYTES_MAX) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            read => read.map_err(LedgerError::io("reading", COSIGNED))?,
        };
        let text = String::from_utf8(bytes).ok().filter(|text| CosignedNote::parse(text).is_ok());
        let damaged = || LedgerError::Contradiction {
            file: COSIGNED.into(),
            offset: 0,
            why: "it is no cosigned checkpoint; remove it, and the witness's next answer takes its place".into(),
        };
        text.map(Some).ok_or_else(damaged)
    }
}
