//! Reading the published log: entries out of bundles, subtree hashes out of tiles. Serves the API and the proofs; it trusts
//! the files, as `verify` does not.

use std::io::ErrorKind;
use std::sync::Arc;

use super::disk::Disk;
use super::merkle::{Hash, Node};
use super::tail::{Glance, Tail};
use super::tile::{BUNDLE_BYTES_MAX, Shelf, TILE_BYTES_MAX, TileName, WIDTH, pick, place, split_bundle, split_tile};
use super::{Entry, LedgerError};

/// A partial file can go away between the glance and the read, when its tile has filled; then one more glance sees it whole.
const GLANCES_MAX: usize = 8;

/// Entries from `from`, at most `limit`.
pub(super) fn entries(disk: &dyn Disk, tail: &Tail, from: u64, limit: usize) -> Result<Vec<Entry>, LedgerError> {
    let mut glances = 0;
    loop {
        glances += 1;
        match entries_at(disk, &tail.glance(from, limit), from, limit) {
            Err(LedgerError::Io { source, .. }) if source.kind() == ErrorKind::NotFound && glances < GLANCES_MAX => {}
            read => return read,
        }
    }
}

fn entries_at(disk: &dyn Disk, glance: &Glance, from: u64, limit: usize) -> Result<Vec<Entry>, LedgerError> {
    let mut entries = Vec::new();
    let mut next = from;
    while next < glance.published && entries.len() < limit {
        let name = TileName::in_tree(Shelf::Entries, next / WIDTH, glance.published).expect("next is published");
        let bundle = read(disk, name, BUNDLE_BYTES_MAX)?;
        let (found, _) = split_bundle(&bundle);
        let skip = usize::try_from(next % WIDTH).expect("less than 256");
        let before = entries.len();
        for bytes in found.into_iter().skip(skip).take(limit - entries.len()) {
            entries.push(Entry { index: next, bytes: bytes.into() });
            next += 1;
        }
        if entries.len() == before {
            return Err(damaged(name, format!("entry {next} is not in it")));
        }
    }
    let rest = limit - entries.len();
    let newest = glance.newest.iter().take(rest);
    let first = from.max(glance.published);
    entries.extend((first..).zip(newest).map(|(index, bytes)| Entry { index, bytes: Arc::clone(bytes) }));
    Ok(entries)
}

/// Hash of a whole subtree of the published tree of `size` entries.
pub(super) fn node(disk: &dyn Disk, size: u64, node: Node) -> Result<Hash, LedgerError> {
    let (shelf, index, from, to) = place(node);
    let name = TileName::in_tree(shelf, index, size).unwrap_or(TileName { shelf, index, width: WIDTH });
    let tile = split_tile(&read(disk, name, TILE_BYTES_MAX)?).unwrap_or_default();
    pick(&tile, from, to).ok_or_else(|| damaged(name, "it is too short".to_owned()))
}

/// The file, or the whole tile of the same place, which holds the same and more.
fn read(disk: &dyn Disk, name: TileName, bytes_max: usize) -> Result<Vec<u8>, LedgerError> {
    let bytes = match disk.read(&name.path(), bytes_max) {
        Err(error) if error.kind() == ErrorKind::NotFound => disk.read(&name.whole().path(), bytes_max),
        read => read,
    };
    bytes.map_err(LedgerError::io("reading", &name.path()))
}

fn damaged(name: TileName, why: String) -> LedgerError {
    LedgerError::Contradiction { file: name.path(), offset: 0, why }
}
