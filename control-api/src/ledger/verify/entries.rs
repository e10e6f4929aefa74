//! The entries, 256 at a time: each bundle against its tile of hashes; where they differ, the hash above them, the signed root
//! or the journal tells which one was changed. What comes out is the hashes that the rest is held against.

use std::collections::BTreeMap;
use std::io::ErrorKind;

use super::differ::words;
use super::inventory::Shelves;
use super::journal::Journal;
use super::{Expect, Report};
use crate::ledger::disk::Disk;
use crate::ledger::merkle::{Hash, Node, leaf_hash, perfect, root};
use crate::ledger::note::TreeHead;
use crate::ledger::tile::{BUNDLE_BYTES_MAX, HEIGHT, Shelf, TILE_BYTES_MAX, TileName, WIDTH, split_bundle, split_tile};

/// Tiles between two reports of progress.
pub(in crate::ledger) const PROGRESS_TILES: u64 = 64;

/// What there is to read.
pub(super) struct Log<'a> {
    pub(super) disk: &'a dyn Disk,
    pub(super) shelves: &'a Shelves,
    pub(super) journal: &'a Journal,
    pub(super) head: Option<TreeHead>,
    pub(super) expect: &'a [Expect],
}

/// What the entries give.
#[derive(Default)]
pub(super) struct Read {
    /// By tile level from 1 up: hashes of whole tiles of the level below; none where entries are missing.
    pub(super) above: Vec<Vec<Option<Hash>>>,
    /// Leaf hashes of the tiles in which a size lies that someone asks the root of.
    kept: BTreeMap<u64, Vec<Hash>>,
    /// Leaf hashes from the bundles where the journal has the entry too.
    twice: BTreeMap<u64, Hash>,
}

impl Read {
    /// Root over the first `size` entries; none if entries are missing.
    pub(super) fn root(&self, size: u64) -> Option<Hash> {
        root(size, &mut |node| self.node(node, None).ok_or(())).ok()
    }

    fn node(&self, node: Node, last: Option<(u64, &[Hash])>) -> Option<Hash> {
        if node.level >= HEIGHT {
            let inside = node.level % HEIGHT;
            let row = self.above.get((node.level / HEIGHT) as usize - 1)?;
            let from = usize::try_from(node.index << inside).ok()?;
            let hashes: Option<Vec<Hash>> = row.get(from..from + (1 << inside))?.iter().copied().collect();
            return perfect(&hashes?);
        }
        let first = node.index << node.level;
        let from = usize::try_from(first % WIDTH).ok()?;
        let tile = match last {
            Some((tile, leaves)) if tile == first / WIDTH => leaves,
            _ => self.kept.get(&(first / WIDTH))?,
        };
        perfect(tile.get(from..from + (1 << node.level))?)
    }

    fn push_above(&mut self, hash: Option<Hash>) {
        let mut carried = hash;
        for level in 0.. {
            if self.above.len() == level {
                self.above.push(Vec::new());
            }
            let Some(row) = self.above.get_mut(level) else { return };
            row.push(carried);
            if row.len() % WIDTH as usize != 0 {
                return;
            }
            let tile: Option<Vec<Hash>> = row.iter().skip(row.len() - WIDTH as usize).copied().collect();
            carried = tile.and_then(|tile| perfect(&tile));
        }
    }
}

/// Reads and compares everything of the two lowest shelves.
pub(super) fn read(log: &Log<'_>, signed: u64, report: &mut Report, progress: &mut dyn FnMut(u64, u64)) -> Read {
    let mut read = Read::default();
    let total = signed.max(log.journal.end());
    let tiles = total.div_ceil(WIDTH);
    for tile in 0..tiles {
        let leaves = one_tile(log, &read, tile, signed, report);
        report.entries += leaves.as_ref().map_or(0, |leaves| leaves.len() as u64);
        let begins = tile * WIDTH;
        let asked = |size: u64| (begins..begins + WIDTH).contains(&size);
        if let Some(leaves) = &leaves {
            let of_signed = leaves.iter().take(usize::try_from(signed.saturating_sub(begins)).unwrap_or(usize::MAX));
            let twice = (begins..).zip(of_signed).filter(|(index, _)| log.journal.leaves.contains_key(index));
            read.twice.extend(twice.map(|(index, hash)| (index, *hash)));
            if asked(signed) || log.expect.iter().any(|expect| asked(expect.size)) {
                read.kept.insert(tile, leaves.clone());
            }
        }
        let whole = leaves.as_deref().filter(|leaves| leaves.len() as u64 == WIDTH).and_then(perfect);
        if whole.is_some() || begins + WIDTH <= signed {
            read.push_above(whole.or_else(|| stored_above(log, tile, signed)));
        }
        if tile % PROGRESS_TILES == 0 {
            progress(begins, total);
        }
    }
    beyond(log, tiles, report);
    progress(total, total);
    read
}

/// The journal's entries against those in the bundles.
pub(super) fn compare_journal(log: &Log<'_>, read: &Read, signed: u64, report: &mut Report) {
    let journal: Vec<(u64, Hash)> = log.journal.leaves.range(..signed).map(|(index, hash)| (*index, *hash)).collect();
    let Some((first, _)) = journal.first() else { return };
    let should: Vec<Hash> = journal.iter().map(|(_, hash)| *hash).collect();
    let found: Vec<Hash> = journal.iter().map_while(|(index, _)| read.twice.get(index).copied()).collect();
    let both = found.len().min(should.len());
    for (entry, what) in words(&found, should.get(..both).unwrap_or_default(), *first) {
        let file = TileName::in_tree(Shelf::Entries, entry / WIDTH, signed).map_or_else(String::new, TileName::path);
        report.find(file, Some(entry), format!("{what}, held against the journal"));
    }
}

/// One tile's leaf hashes: the signed ones by the best evidence, then those that only the journal has. None if some are
/// missing everywhere.
fn one_tile(log: &Log<'_>, read: &Read, tile: u64, signed: u64, report: &mut Report) -> Option<Vec<Hash>> {
    let begins = tile * WIDTH;
    let mut leaves = match TileName::in_tree(Shelf::Level(0), tile, signed) {
        Some(name) => signed_leaves(log, read, name, report),
        None => Some(Vec::new()),
    };
    if let Some(leaves) = &mut leaves {
        let next = begins + leaves.len() as u64;
        let newer = log.journal.leaves.range(next..begins + WIDTH).zip(next..);
        leaves.extend(newer.take_while(|((index, _), wanted)| *index == wanted).map(|((_, hash), _)| *hash));
        others(log, tile, signed, leaves, report);
    }
    leaves
}

fn signed_leaves(log: &Log<'_>, read: &Read, name: TileName, report: &mut Report) -> Option<Vec<Hash>> {
    let bundle_name = TileName { shelf: Shelf::Entries, ..name };
    let width = usize::try_from(name.width).expect("at most 256");
    let bundle = bundle_hashes(log.disk, bundle_name, report);
    let tile = tile_hashes(log.disk, name, report);
    let first = name.index * WIDTH;
    if bundle == tile && bundle.as_ref().is_some_and(|entries| entries.len() == width) {
        return bundle;
    }
    let fits = |candidate: &[Hash]| candidate.len() == width && fits_above(log, read, name, candidate);
    let journal = from_journal(log, first, width);
    let right = [&tile, &bundle, &journal].into_iter().flatten().find(|list| fits(list)).cloned();
    let agrees = |list: &Vec<Hash>| Some(list) == tile.as_ref() || Some(list) == bundle.as_ref();
    let right = right.or_else(|| journal.filter(agrees));
    // A file that is missing or unreadable was named when it was read.
    let read = [(bundle_name, bundle), (name, tile)].into_iter().filter_map(|(file, list)| Some((file, list?)));
    let read: Vec<(TileName, Vec<Hash>)> = read.collect();
    let Some(right) = right else {
        report.find(name.path(), None, "nothing tells whether it or the bundle of entries is right");
        if let [(_, entries), (_, hashes)] = read.as_slice() {
            for (entry, what) in words(entries, hashes, first) {
                report.find(bundle_name.path(), Some(entry), format!("{what}, held against {}", name.path()));
            }
        }
        return read.into_iter().map(|(_, list)| list).find(|list| list.len() == width);
    };
    for (file, list) in read {
        for (entry, what) in words(&list, &right, first) {
            report.find(file.path(), Some(entry), what);
        }
    }
    Some(right)
}

fn from_journal(log: &Log<'_>, first: u64, width: usize) -> Option<Vec<Hash>> {
    (first..first + width as u64).map(|index| log.journal.leaves.get(&index).copied()).collect()
}

/// Whether these leaves give the hash that stands for them in the tile above, or, for the last tile, the signed root.
fn fits_above(log: &Log<'_>, read: &Read, name: TileName, leaves: &[Hash]) -> bool {
    let Some(head) = log.head else { return false };
    if name.width == WIDTH {
        return perfect(leaves).is_some() && perfect(leaves) == stored_above(log, name.index, head.size);
    }
    root(head.size, &mut |node| read.node(node, Some((name.index, leaves))).ok_or(())) == Ok(head.root)
}

/// What the tile of level 1 says of a whole tile.
fn stored_above(log: &Log<'_>, tile: u64, signed: u64) -> Option<Hash> {
    let name = TileName::in_tree(Shelf::Level(1), tile / WIDTH, signed)?;
    let hashes = split_tile(&log.disk.read(&name.path(), TILE_BYTES_MAX).ok()?)?;
    hashes.get(usize::try_from(tile % WIDTH).ok()?).copied()
}

/// Files of the tile besides the one the checkpoint needs: older partial ones, or newer ones that no checkpoint covers yet.
/// They must hold the beginning of the same.
fn others(log: &Log<'_>, tile: u64, signed: u64, leaves: &[Hash], report: &mut Report) {
    for shelf in [Shelf::Entries, Shelf::Level(0)] {
        let needed = TileName::in_tree(shelf, tile, signed);
        for width in log.shelves.widths(shelf, tile) {
            let name = TileName { shelf, index: tile, width };
            if Some(name) == needed || !still_there(log.disk, name) {
                continue;
            }
            let found = match shelf {
                Shelf::Entries => bundle_hashes(log.disk, name, report),
                Shelf::Level(_) => tile_hashes(log.disk, name, report),
            };
            let should = leaves.get(..usize::try_from(width).expect("at most 256")).unwrap_or(leaves);
            for (entry, what) in words(&found.unwrap_or_default(), should, tile * WIDTH) {
                report.find(name.path(), Some(entry), what);
            }
        }
    }
}

/// A running appliance removes partial files when their tile is full.
fn still_there(disk: &dyn Disk, name: TileName) -> bool {
    let gone = |error: std::io::Error| error.kind() == ErrorKind::NotFound && name.width < WIDTH;
    disk.read(&name.path(), BUNDLE_BYTES_MAX).err().is_none_or(|error| !gone(error))
}

/// Files past the end of the log.
fn beyond(log: &Log<'_>, tiles: u64, report: &mut Report) {
    for ((shelf, index), widths) in &log.shelves.tiles {
        if matches!(shelf, Shelf::Entries | Shelf::Level(0)) && *index >= tiles {
            for width in widths {
                let name = TileName { shelf: *shelf, index: *index, width: *width };
                report.find(name.path(), Some(index * WIDTH), "it lies past the end of the log");
            }
        }
    }
}

fn bundle_hashes(disk: &dyn Disk, name: TileName, report: &mut Report) -> Option<Vec<Hash>> {
    let (file, bytes) = bytes_of(disk, name, BUNDLE_BYTES_MAX, report)?;
    let (entries, rest) = split_bundle(&bytes);
    if rest > 0 {
        let entry = name.index * WIDTH + entries.len() as u64;
        report.find(file.path(), Some(entry), format!("the bundle's last {rest} bytes are no whole entry"));
    }
    let width = if file == name { usize::MAX } else { usize::try_from(name.width).expect("at most 256") };
    Some(entries.into_iter().take(width).map(leaf_hash).collect())
}

/// The hashes of a tile.
pub(super) fn tile_hashes(disk: &dyn Disk, name: TileName, report: &mut Report) -> Option<Vec<Hash>> {
    let (file, bytes) = bytes_of(disk, name, TILE_BYTES_MAX, report)?;
    let Some(mut hashes) = split_tile(&bytes) else {
        report.find(file.path(), None, format!("{} bytes are no whole number of hashes", bytes.len()));
        return None;
    };
    if file != name {
        hashes.truncate(usize::try_from(name.width).expect("at most 256"));
    }
    Some(hashes)
}

/// A file's bytes, and which file they are from: where a partial file is gone because its tile has filled meanwhile, it is the
/// whole one.
pub(in crate::ledger) fn bytes_of(
    disk: &dyn Disk,
    name: TileName,
    bytes_max: usize,
    report: &mut Report,
) -> Option<(TileName, Vec<u8>)> {
    let error = match disk.read(&name.path(), bytes_max) {
        Ok(bytes) => return Some((name, bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => match disk.read(&name.whole().path(), bytes_max) {
            Ok(bytes) => return Some((name.whole(), bytes)),
            Err(_) => "it is missing".to_owned(),
        },
        Err(error) => format!("it cannot be read: {error}"),
    };
    report.find(name.path(), None, error);
    None
}
