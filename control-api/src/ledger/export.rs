//! A copy of the ledger to take away: what its signed checkpoint covers, and nothing else. Read beside a running appliance; every
//! file of the copy is of one moment. The signing key stays, and so does the journal: what is in it and not under the checkpoint
//! is a second's work of the appliance, and nobody could prove it.

use std::io::ErrorKind;
use std::path::Path;

use serde::Serialize;

use super::LedgerError;
use super::cosignature::CosignedNote;
use super::cosigned::COSIGNED;
use super::disk::{Disk, Folder, parent};
use super::note::{TreeHead, VerifierKey};
use super::publish::CHECKPOINT;
use super::recovery::{NOTE_BYTES_MAX, VERIFIER};
use super::tile::{HEIGHT, Shelf, TileName};

/// Says that the folder is a copy that rightly has no journal and no signing key.
pub(super) const MARKER: &str = "exported";
/// What it holds.
pub(super) const MARKER_TEXT: &str = "sluice ledger export\n";

/// What was copied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Exported {
    /// The log's name.
    pub origin: String,
    /// Entries.
    pub size: u64,
    /// Root over them, as hex.
    pub root: String,
    /// Files of tiles and entries.
    pub files: u64,
    /// A cosigned checkpoint is with it.
    pub cosigned: bool,
}

/// Copies the ledger in `dir` into the empty or absent folder `out`. `progress` is told now and then how many files are done.
/// Blocks.
pub fn export(dir: &Path, out: &Path, progress: &mut dyn FnMut(u64)) -> Result<Exported, LedgerError> {
    let to = Folder::new(out);
    if !to.list("").map_err(LedgerError::io("listing", &out.display().to_string()))?.is_empty() {
        return Err(contradiction(".", "the folder to export to is not empty; name a new one"));
    }
    export_on(&Folder::new(dir), &to, progress)
}

pub(super) fn export_on(
    from: &dyn Disk,
    to: &dyn Disk,
    progress: &mut dyn FnMut(u64),
) -> Result<Exported, LedgerError> {
    // The cosigned one first: the checkpoint that is read after it covers at least as much.
    let cosigned = match text(from, COSIGNED) {
        Err(LedgerError::Io { source, .. }) if source.kind() == ErrorKind::NotFound => None,
        read => Some(read?),
    };
    let verifier = text(from, VERIFIER)?;
    let key: VerifierKey =
        verifier.trim_end_matches('\n').parse().map_err(|bad| contradiction(VERIFIER, &format!("{bad}")))?;
    let note = text(from, CHECKPOINT)?;
    let head = key.open(&note).map_err(|bad| contradiction(CHECKPOINT, &bad.to_string()))?;
    let files = copy_tiles(from, to, head, progress)?;
    let put = |file: &str, text: &str| to.write(file, text.as_bytes(), false).map_err(LedgerError::io("writing", file));
    put(MARKER, MARKER_TEXT)?;
    put(VERIFIER, &verifier)?;
    let covered = |text: &&String| {
        let parsed = CosignedNote::parse(text).ok().and_then(|parsed| key.open(parsed.note).ok());
        parsed.is_some_and(|seen| seen.size <= head.size)
    };
    let kept = cosigned.as_ref().filter(covered);
    if let Some(text) = kept {
        put(COSIGNED, text)?;
    }
    // Last: a copy that was broken off has none, and is not taken for whole.
    put(CHECKPOINT, &note)?;
    to.sync_folder("").map_err(LedgerError::io("syncing", "."))?;
    let (size, root) = (head.size, hex::encode(head.root));
    Ok(Exported { origin: key.name().to_owned(), size, root, files, cosigned: kept.is_some() })
}

fn copy_tiles(
    from: &dyn Disk,
    to: &dyn Disk,
    head: TreeHead,
    progress: &mut dyn FnMut(u64),
) -> Result<u64, LedgerError> {
    let mut files = 0;
    to.make_folder("").map_err(LedgerError::io("making", "."))?;
    let levels = (0..u64::BITS / HEIGHT).map(Shelf::Level);
    for shelf in std::iter::once(Shelf::Entries).chain(levels) {
        let names = (0..).map_while(|index| TileName::in_tree(shelf, index, head.size));
        for name in names {
            let (path, bytes) = (name.path(), super::tiles::read(from, name)?);
            to.make_folder(parent(&path)).map_err(LedgerError::io("making the folder of", &path))?;
            to.write(&path, &bytes, false).map_err(LedgerError::io("writing", &path))?;
            files += 1;
            progress(files);
        }
    }
    Ok(files)
}

fn text(disk: &dyn Disk, file: &str) -> Result<String, LedgerError> {
    let bytes = disk.read(file, NOTE_BYTES_MAX).map_err(LedgerError::io("reading", file))?;
    String::from_utf8(bytes).map_err(|_| contradiction(file, "it is no text"))
}

fn contradiction(file: &str, why: &str) -> LedgerError {
    LedgerError::Contradiction { file: file.to_owned(), offset: 0, why: why.to_owned() }
}
