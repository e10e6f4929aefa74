//! The tiles from level 1 up, held against the hashes of the tiles below them.

use super::Report;
use super::entries::{Read, tile_hashes};
use super::inventory::Shelves;
use crate::ledger::disk::Disk;
use crate::ledger::merkle::Hash;
use crate::ledger::tile::{HEIGHT, Shelf, TileName, WIDTH};

/// Compares every tile on disk and every tile that the checkpoint needs.
pub(super) fn compare(disk: &dyn Disk, shelves: &Shelves, read: &Read, signed: u64, report: &mut Report) {
    for (level, name) in needed(signed) {
        // Reading one that is not listed tells whether it is missing, or was put in place since the folder was listed.
        if !shelves.widths(name.shelf, name.index).any(|width| width == name.width) {
            one(disk, name, level, read, report);
        }
    }
    for ((shelf, index), widths) in &shelves.tiles {
        let Shelf::Level(level @ 1..) = *shelf else { continue };
        for width in widths {
            one(disk, TileName { shelf: *shelf, index: *index, width: *width }, level, read, report);
        }
    }
}

/// The tiles above level 0 of a tree of `size` entries.
fn needed(size: u64) -> impl Iterator<Item = (u32, TileName)> {
    (1..u64::BITS / HEIGHT).flat_map(move |level| {
        let tiles = (size >> (HEIGHT * level)).div_ceil(WIDTH);
        (0..tiles).filter_map(move |index| Some((level, TileName::in_tree(Shelf::Level(level), index, size)?)))
    })
}

fn one(disk: &dyn Disk, name: TileName, level: u32, read: &Read, report: &mut Report) {
    let Some(stored) = tile_hashes(disk, name, report) else { return };
    if stored.len() as u64 != name.width {
        report.find(name.path(), None, format!("it holds {} hashes, not {}", stored.len(), name.width));
    }
    let row: &[Option<Hash>] = read.above.get(level as usize - 1).map_or(&[], Vec::as_slice);
    for (place, hash) in (name.index * WIDTH..).zip(&stored) {
        let computed = usize::try_from(place).ok().and_then(|place| row.get(place));
        let span = 1u64.checked_shl(HEIGHT * level).unwrap_or(u64::MAX);
        let first = place.saturating_mul(span);
        match computed {
            Some(Some(computed)) if computed != hash => {
                let what =
                    format!("its hash over the {span} entries from this one on is not theirs: it or they were changed");
                report.find(name.path(), Some(first), what);
            }
            None => report.find(name.path(), Some(first), "it has a hash past the end of the log"),
            Some(_) => {}
        }
    }
}
