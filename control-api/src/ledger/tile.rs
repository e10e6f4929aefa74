//! Files of c2sp.org/tlog-tiles: where a tile or an entry bundle lies, and how a bundle's entries are laid in it. Pure.

use std::sync::Arc;

use super::merkle::{Hash, Node, perfect};

/// Hashes in a whole tile, and entries in a whole bundle.
pub(super) const WIDTH: u64 = 256;
/// Tree levels in one tile level.
pub(super) const HEIGHT: u32 = 8;
/// Bytes of a hash.
pub(super) const HASH_BYTES: usize = 32;
/// Largest bundle: every entry at its largest.
pub(super) const BUNDLE_BYTES_MAX: usize = 256 * (2 + super::ENTRY_BYTES_MAX);
/// Largest tile.
pub(super) const TILE_BYTES_MAX: usize = 256 * HASH_BYTES;
/// Tile levels a log of 2^64 entries would have.
const LEVELS_MAX: u32 = 8;

/// What a file under `tile/` holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Shelf {
    /// Entries themselves.
    Entries,
    /// Hashes of subtrees of `256^level` entries.
    Level(u32),
}

/// One file under `tile/`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct TileName {
    pub(super) shelf: Shelf,
    pub(super) index: u64,
    /// Hashes or entries in it, 1 to 256; less than 256 is a partial tile.
    pub(super) width: u64,
}

impl TileName {
    /// The file of the right-most or a whole tile in a tree of `size` entries; none if it would be empty.
    pub(super) fn in_tree(shelf: Shelf, index: u64, size: u64) -> Option<Self> {
        let level = if let Shelf::Level(level) = shelf { level } else { 0 };
        let count = size.checked_shr(HEIGHT * level).unwrap_or(0);
        let width = count.saturating_sub(index.checked_mul(WIDTH)?).min(WIDTH);
        (width > 0).then_some(Self { shelf, index, width })
    }

    /// The whole tile of the same place.
    pub(super) fn whole(self) -> Self {
        Self { width: WIDTH, ..self }
    }

    /// Path relative to the log's folder: `tile/0/x001/x234/067` or, partial, `tile/0/x001/x234/067.p/8`.
    pub(super) fn path(self) -> String {
        let shelf = match self.shelf {
            Shelf::Entries => "entries".to_owned(),
            Shelf::Level(level) => level.to_string(),
        };
        let mut number = format!("{:03}", self.index % 1_000);
        let mut rest = self.index / 1_000;
        while rest > 0 {
            number = format!("x{:03}/{number}", rest % 1_000);
            rest /= 1_000;
        }
        let partial = if self.width < WIDTH { format!(".p/{}", self.width) } else { String::new() };
        format!("tile/{shelf}/{number}{partial}")
    }

    /// The folder of the partial files of this place.
    pub(super) fn partials(self) -> String {
        format!("{}.p", self.whole().path())
    }

    /// Reads a path back; none unless it is exactly what [`TileName::path`] writes.
    pub(super) fn parse(path: &str) -> Option<Self> {
        let (shelf, number) = path.strip_prefix("tile/")?.split_once('/')?;
        let shelf = match shelf {
            "entries" => Shelf::Entries,
            level => Shelf::Level(level.parse().ok().filter(|level| *level < LEVELS_MAX)?),
        };
        let (number, width) = match number.split_once(".p/") {
            Some((number, width)) => (number, width.parse().ok().filter(|width| (1..WIDTH).contains(width))?),
            None => (number, WIDTH),
        };
        let mut index: u64 = 0;
        for group in number.split('/') {
            let digits = group.strip_prefix('x').unwrap_or(group);
            index = index.checked_mul(1_000)?.checked_add(digits.parse().ok()?)?;
        }
        let name = Self { shelf, index, width };
        (name.path() == path).then_some(name)
    }
}

/// Appends one entry to a bundle. The caller has checked its size.
pub(super) fn push_entry(bundle: &mut Vec<u8>, entry: &[u8]) {
    let length = u16::try_from(entry.len()).expect("the shell refuses entries over ENTRY_BYTES_MAX");
    bundle.extend_from_slice(&length.to_be_bytes());
    bundle.extend_from_slice(entry);
}

/// A bundle of these entries.
pub(super) fn bundle(entries: &[Arc<[u8]>]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(entries.iter().map(|entry| entry.len() + 2).sum());
    for entry in entries {
        push_entry(&mut bytes, entry);
    }
    bytes
}

/// The entries of a bundle and the bytes that are left over after the last whole one (none in a good bundle).
pub(super) fn split_bundle(mut bytes: &[u8]) -> (Vec<&[u8]>, usize) {
    let mut entries = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk::<2>() {
        let Some((entry, rest)) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length))) else { break };
        entries.push(entry);
        bytes = rest;
    }
    (entries, bytes.len())
}

/// The hashes of a tile file; none if it is not a whole number of them.
pub(super) fn split_tile(bytes: &[u8]) -> Option<Vec<Hash>> {
    let (hashes, rest) = bytes.as_chunks::<HASH_BYTES>();
    rest.is_empty().then(|| hashes.to_vec())
}

/// The tile that holds what `node` is made of, and where in it.
pub(super) fn place(node: Node) -> (Shelf, u64, usize, usize) {
    let level = node.level / HEIGHT;
    let inside = node.level % HEIGHT;
    let first = node.index << inside;
    let from = usize::try_from(first % WIDTH).expect("less than 256");
    (Shelf::Level(level), first / WIDTH, from, from + (1 << inside))
}

/// A subtree's hash out of the tile that [`place`] named.
pub(super) fn pick(tile: &[Hash], from: usize, to: usize) -> Option<Hash> {
    perfect(tile.get(from..to)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_those_of_the_specification() {
        let name = |index, width| TileName { shelf: Shelf::Level(0), index, width };
        assert_eq!(name(1_234_067, 256).path(), "tile/0/x001/x234/067");
        assert_eq!(name(1_234_067, 8).path(), "tile/0/x001/x234/067.p/8");
        assert_eq!(TileName { shelf: Shelf::Entries, index: 0, width: 256 }.path(), "tile/entries/000");
        for index in [0, 5, 999, 1_000, 999_999, 1_000_000, u64::MAX / 256] {
            for width in [1, 255, 256] {
                assert_eq!(TileName::parse(&name(index, width).path()), Some(name(index, width)));
            }
        }
    }

    #[test]
    fn other_spellings_of_a_path_are_no_tiles() {
        let bad = [
            "tile/0/1",
            "tile/0/0001",
            "tile/0/x000/001",
            "tile/0/001.p/256",
            "tile/0/001.p/0",
            "tile/0/001.p/08",
            "tile/+0/001",
            "tile/8/001",
            "tile/0/001/",
            "tile/0/x001",
            "tile/entries/",
            "tile/0/x001/x02/003",
            "tile/0/+01",
            "tile/0",
        ];
        for path in bad {
            assert_eq!(TileName::parse(path), None, "{path}");
        }
    }

    #[test]
    fn a_bundle_comes_apart_as_it_was_put_together() {
        let entries: Vec<Arc<[u8]>> = vec![b"a".as_slice().into(), b"".as_slice().into(), vec![7; 65_535].into()];
        let bytes = bundle(&entries);
        let (back, rest) = split_bundle(&bytes);
        assert!(rest == 0 && back.iter().zip(&entries).all(|(a, b)| *a == b.as_ref()) && back.len() == 3);
        assert_eq!(split_bundle(&bytes[..bytes.len() - 1]).1, 2 + 65_534);
        assert_eq!(split_bundle(&[0]).1, 1);
    }
}
