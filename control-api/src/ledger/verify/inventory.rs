//! What lies in the folder: tiles, bundles and journal segments by name; anything else is named as foreign.

use std::collections::{BTreeMap, BTreeSet};

use super::Report;
use crate::ledger::cosigned::{self, COSIGNED};
use crate::ledger::disk::{Disk, ItemKind};
use crate::ledger::export::{MARKER, MARKER_TEXT};
use crate::ledger::journal::{self, segment_first};
use crate::ledger::publish::{self, CHECKPOINT};
use crate::ledger::recovery::{KEY, VERIFIER};
use crate::ledger::tile::{Shelf, TileName, WIDTH};

/// A tile's path has at most `tile`, the level, seven groups of digits and a width.
const DEPTH_MAX: usize = 12;

/// The ledger's files by kind.
#[derive(Debug, Default)]
pub(in crate::ledger) struct Shelves {
    /// Widths on disk, by shelf and tile index.
    pub(in crate::ledger) tiles: BTreeMap<(Shelf, u64), BTreeSet<u64>>,
    /// First indexes of the journal's segments, in order.
    pub(super) segments: Vec<u64>,
    /// It is a copy made to be taken away, which has no journal.
    pub(super) exported: bool,
}

impl Shelves {
    pub(super) fn is_empty(&self) -> bool {
        self.tiles.is_empty() && self.segments.is_empty()
    }

    /// Entries that the tiles of level 0 speak of.
    pub(super) fn extent(&self) -> u64 {
        let last = self.tiles.range(..=(Shelf::Level(0), u64::MAX)).next_back();
        match last {
            Some(((Shelf::Level(0), index), widths)) => {
                index.saturating_mul(WIDTH).saturating_add(widths.last().copied().unwrap_or(0))
            }
            _ => 0,
        }
    }

    /// The widths on disk of one tile.
    pub(super) fn widths(&self, shelf: Shelf, index: u64) -> impl Iterator<Item = u64> + '_ {
        self.tiles.get(&(shelf, index)).into_iter().flatten().copied()
    }
}

pub(in crate::ledger) fn take(disk: &dyn Disk, report: &mut Report) -> Shelves {
    let mut shelves = Shelves::default();
    walk(disk, "", 0, &mut shelves, report);
    if shelves.exported {
        if disk.read(MARKER, MARKER_TEXT.len()).ok().as_deref() != Some(MARKER_TEXT.as_bytes()) {
            report.find(MARKER, None, "it was changed");
        }
        if !shelves.segments.is_empty() {
            report.find(MARKER, None, "an exported copy has no journal, and here is one");
        }
        report.notices.push("an exported copy: entries that no checkpoint covered yet are not in it".into());
    }
    shelves
}

fn walk(disk: &dyn Disk, folder: &str, depth: usize, shelves: &mut Shelves, report: &mut Report) {
    let items = match disk.list(folder) {
        Ok(items) => items,
        Err(error) => {
            return report.find(
                if folder.is_empty() { "." } else { folder },
                None,
                format!("it cannot be listed: {error}"),
            );
        }
    };
    for item in items {
        let path = if folder.is_empty() { item.name } else { format!("{folder}/{}", item.name) };
        match item.kind {
            ItemKind::Folder if depth < DEPTH_MAX => walk(disk, &path, depth + 1, shelves, report),
            ItemKind::File if shelves.put(&path, report) => {}
            _ => report.find(path, None, "it is no file of the ledger"),
        }
    }
}

impl Shelves {
    /// Takes a file in; false if the ledger writes no such name.
    fn put(&mut self, path: &str, report: &mut Report) -> bool {
        if matches!(path, KEY | VERIFIER | CHECKPOINT | COSIGNED) {
            return true;
        }
        if path == MARKER {
            self.exported = true;
            return true;
        }
        if matches!(path, publish::DRAFT | journal::DRAFT | cosigned::DRAFT) {
            report.notices.push(format!("{path}: left by a write that was interrupted; it is not read"));
            return true;
        }
        if let Some(tile) = TileName::parse(path) {
            self.tiles.entry((tile.shelf, tile.index)).or_default().insert(tile.width);
            return true;
        }
        let segment = path.strip_prefix(journal::FOLDER).and_then(|name| segment_first(name.strip_prefix('/')?));
        self.segments.extend(segment);
        segment.is_some()
    }
}
