//! Publishing: entries that are in the journal become bundles and tiles, then a signed checkpoint over them. Every file is put
//! in place whole; the checkpoint comes last, so that what it speaks for is there.

use std::sync::Arc;

use super::LedgerError;
use super::disk::{Disk, ItemKind, parent, replace};
use super::edge::{Edge, FullTile};
use super::merkle::{Hash, leaf_hash};
use super::note::{SignerKey, TreeHead};
use super::tile::{Shelf, TileName, WIDTH, bundle};

/// The checkpoint's file.
pub(super) const CHECKPOINT: &str = "checkpoint";
/// Where a file is written before it gets its name.
pub(super) const DRAFT: &str = "publish.draft";

/// The published log, ready to be added to.
pub(super) struct Publisher {
    key: SignerKey,
    edge: Edge,
    /// Entries of the unfinished bundle.
    tail: Vec<Arc<[u8]>>,
    note: String,
}

impl Publisher {
    /// The log as the checkpoint `note` has it: its edge, and the entries of its unfinished bundle.
    pub(super) fn resume(key: SignerKey, edge: Edge, tail: Vec<Arc<[u8]>>, note: String) -> Self {
        Self { key, edge, tail, note }
    }

    pub(super) fn head(&self) -> TreeHead {
        TreeHead { size: self.edge.size(), root: self.edge.root() }
    }

    /// The last checkpoint.
    pub(super) fn note(&self) -> &str {
        &self.note
    }

    pub(super) fn name(&self) -> String {
        self.key.verifier().name().to_owned()
    }

    /// Publishes these entries after those published before. After an error the log must not be added to.
    pub(super) fn publish(&mut self, disk: &dyn Disk, entries: &[Arc<[u8]>]) -> Result<(), LedgerError> {
        let full = self.add(disk, entries)?;
        self.write_partials(disk, &full)?;
        let note = self.key.sign(self.head());
        put(disk, CHECKPOINT, note.as_bytes())?;
        self.note = note;
        for tile in &full {
            sweep(disk, tile.name());
            if tile.level == 0 {
                sweep(disk, TileName { shelf: Shelf::Entries, ..tile.name() });
            }
        }
        Ok(())
    }

    /// Takes the entries into the edge and writes the bundles and tiles that they fill.
    fn add(&mut self, disk: &dyn Disk, entries: &[Arc<[u8]>]) -> Result<Vec<FullTile>, LedgerError> {
        let mut full = Vec::new();
        for entry in entries {
            self.tail.push(Arc::clone(entry));
            let filled = self.edge.push(leaf_hash(entry));
            for tile in &filled {
                let name = tile.name();
                if tile.level == 0 {
                    put(disk, &TileName { shelf: Shelf::Entries, ..name }.path(), &bundle(&self.tail))?;
                    self.tail.clear();
                }
                put(disk, &name.path(), tile.hashes.as_flattened())?;
            }
            full.extend(filled);
        }
        Ok(full)
    }

    /// Writes the unfinished bundle and the unfinished tiles that have changed: level 0, and each level above a filled tile.
    fn write_partials(&self, disk: &dyn Disk, full: &[FullTile]) -> Result<(), LedgerError> {
        let size = self.edge.size();
        let in_tree = |shelf, level: u32| TileName::in_tree(shelf, (size >> (8 * level)) / WIDTH, size);
        if let Some(name) = in_tree(Shelf::Entries, 0) {
            put(disk, &name.path(), &bundle(&self.tail))?;
        }
        for level in 0..self.edge.height() {
            let level = u32::try_from(level).expect("at most eight levels");
            let changed = level == 0 || full.iter().any(|tile| tile.level + 1 == level);
            if changed && let Some(name) = in_tree(Shelf::Level(level), level) {
                let hashes: &[Hash] = self.edge.level(level as usize);
                put(disk, &name.path(), hashes.as_flattened())?;
            }
        }
        Ok(())
    }
}

impl FullTile {
    fn name(&self) -> TileName {
        TileName { shelf: Shelf::Level(self.level), index: self.index, width: WIDTH }
    }
}

fn put(disk: &dyn Disk, file: &str, bytes: &[u8]) -> Result<(), LedgerError> {
    disk.make_folder(parent(file)).map_err(LedgerError::io("making the folder of", file))?;
    replace(disk, DRAFT, file, bytes, false).map_err(LedgerError::io("writing", file))
}

/// Removes the partial files of a whole tile. What stays behind is right, only idle, so that a failure is no fault.
fn sweep(disk: &dyn Disk, name: TileName) {
    let folder = name.partials();
    let removed = disk.list(&folder).and_then(|items| {
        for item in items.iter().filter(|item| item.kind == ItemKind::File) {
            disk.remove(&format!("{folder}/{}", item.name))?;
        }
        if items.is_empty() { Ok(()) } else { disk.remove_folder(&folder) }
    });
    if let Err(error) = removed {
        tracing::debug!(%folder, %error, "idle partial tiles stay");
    }
}
