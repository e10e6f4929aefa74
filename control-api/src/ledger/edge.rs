//! The right edge of the tree: for each tile level the hashes of its unfinished tile. Enough to add entries, to know the root,
//! and to write the tiles that change. Pure.

use super::merkle::{Hash, empty_root, fold_right, perfect};
use super::tile::WIDTH;

/// The edge of a tree of `size` leaves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Edge {
    size: u64,
    /// Under 256 hashes a level.
    levels: Vec<Vec<Hash>>,
}

/// A tile that an added leaf has filled.
pub(super) struct FullTile {
    pub(super) level: u32,
    pub(super) index: u64,
    pub(super) hashes: Vec<Hash>,
}

impl Edge {
    /// The edge whose unfinished tiles are these, lowest level first.
    pub(super) fn from_levels(size: u64, levels: Vec<Vec<Hash>>) -> Self {
        Self { size, levels }
    }

    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// The unfinished tile of a level.
    pub(super) fn level(&self, level: usize) -> &[Hash] {
        self.levels.get(level).map_or(&[], Vec::as_slice)
    }

    /// Levels that have, or had, a tile.
    pub(super) fn height(&self) -> usize {
        self.levels.len()
    }

    /// Adds a leaf; gives the tiles that are full now, lowest first.
    pub(super) fn push(&mut self, leaf: Hash) -> Vec<FullTile> {
        let mut full = Vec::new();
        self.size += 1;
        let (mut carried, mut count) = (leaf, self.size);
        for level in 0u32.. {
            let at = level as usize;
            if self.levels.len() == at {
                self.levels.push(Vec::new());
            }
            let tile = self.levels.get_mut(at).expect("pushed above");
            tile.push(carried);
            if (tile.len() as u64) < WIDTH {
                break;
            }
            let hashes = std::mem::take(tile);
            carried = perfect(&hashes).expect("256 is a power of two");
            count /= WIDTH;
            full.push(FullTile { level, index: count - 1, hashes });
        }
        full
    }

    /// Merkle tree hash of all leaves.
    pub(super) fn root(&self) -> Hash {
        let mut peaks = Vec::new();
        for tile in self.levels.iter().rev() {
            let mut rest = tile.as_slice();
            while !rest.is_empty() {
                let (left, right) = rest.split_at(1 << rest.len().ilog2());
                peaks.extend(perfect(left));
                rest = right;
            }
        }
        fold_right(&peaks).unwrap_or_else(empty_root)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::merkle::{leaf_hash, node_hash};

    #[test]
    fn roots_and_full_tiles_are_right_past_two_levels() {
        let mut edge = Edge::default();
        // An independent stack of peaks: merge while the two right-most are of one size.
        let mut peaks: Vec<(u64, Hash)> = Vec::new();
        let mut full = Vec::new();
        for n in 0..66_000u64 {
            let leaf = leaf_hash(&n.to_be_bytes());
            full.extend(edge.push(leaf));
            peaks.push((1, leaf));
            while let [.., (a, left), (b, right)] = peaks[..]
                && a == b
            {
                peaks.truncate(peaks.len() - 2);
                peaks.push((a * 2, node_hash(&left, &right)));
            }
            if n % 977 == 0 || n > 65_500 {
                let hashes: Vec<Hash> = peaks.iter().map(|(_, hash)| *hash).collect();
                assert_eq!(edge.root(), fold_right(&hashes).unwrap(), "size {}", n + 1);
            }
        }
        let of_level =
            |level| full.iter().filter(|tile| tile.level == level).map(|tile| tile.index).collect::<Vec<_>>();
        assert_eq!(of_level(0), (0..257).collect::<Vec<_>>());
        assert_eq!(of_level(1), [0]);
        assert_eq!(edge.level(0).len(), 66_000 % 256);
        assert_eq!((edge.level(1).len(), edge.level(2).len(), edge.height()), (1, 1, 3));
    }
}
