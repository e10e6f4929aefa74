//! The published log file by file, for whoever fetches it as c2sp.org/tlog-tiles lays it out. A name that the log does not write
//! is no file, so that no path leads anywhere else.

use super::disk::Disk;
use super::tile::{BUNDLE_BYTES_MAX, HASH_BYTES, Shelf, TILE_BYTES_MAX, TileName, WIDTH, push_entry, split_bundle};
use super::{Ledger, LedgerError};

/// A tile or a bundle of entries under the last checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TileFile {
    /// Its bytes: hashes one after the other, or entries each behind its length.
    pub bytes: Vec<u8>,
    /// It holds entries.
    pub entries: bool,
    /// It is full and never changes; another of its place has more.
    pub whole: bool,
}

impl Ledger {
    /// The file `tile/…` of the log; none where the last checkpoint has no such file, or the path is none. Blocks.
    pub fn tile_file(&self, path: &str) -> Result<Option<TileFile>, LedgerError> {
        let Some(name) = TileName::parse(path) else { return Ok(None) };
        if !in_tree(name, self.checkpoint().size) {
            return Ok(None);
        }
        let bytes = read(self.shell.disk(), name)?;
        Ok(Some(TileFile { bytes, entries: name.shelf == Shelf::Entries, whole: name.width == WIDTH }))
    }
}

/// A tree of `size` entries has a tile there that is at least as wide.
fn in_tree(name: TileName, size: u64) -> bool {
    TileName::in_tree(name.shelf, name.index, size).is_some_and(|has| name.width <= has.width)
}

/// The file's bytes. Where a partial file is gone because a wider one has come, they are the beginning of that one's.
pub(super) fn read(disk: &dyn Disk, name: TileName) -> Result<Vec<u8>, LedgerError> {
    let bytes_max = if name.shelf == Shelf::Entries { BUNDLE_BYTES_MAX } else { TILE_BYTES_MAX };
    for width in name.width..=WIDTH {
        match disk.read(&TileName { width, ..name }.path(), bytes_max) {
            Ok(bytes) => return cut(name, &bytes),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && width < WIDTH => {}
            Err(error) => return Err(LedgerError::io("reading", &name.path())(error)),
        }
    }
    Err(damaged(name))
}

fn cut(name: TileName, bytes: &[u8]) -> Result<Vec<u8>, LedgerError> {
    let width = usize::try_from(name.width).expect("at most 256");
    if matches!(name.shelf, Shelf::Level(_)) {
        return bytes.get(..width * HASH_BYTES).map(<[u8]>::to_vec).ok_or_else(|| damaged(name));
    }
    let (entries, _) = split_bundle(bytes);
    let wanted = entries.get(..width).ok_or_else(|| damaged(name))?;
    let mut bundle = Vec::with_capacity(bytes.len());
    wanted.iter().for_each(|entry| push_entry(&mut bundle, entry));
    Ok(bundle)
}

fn damaged(name: TileName) -> LedgerError {
    LedgerError::Contradiction { file: name.path(), offset: 0, why: "it is too short".into() }
}
