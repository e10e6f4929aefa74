//! The Merkle tree of RFC 6962 section 2.1 over SHA-256: leaf and node hashes, roots, inclusion and consistency proofs and
//! their checks. Pure; the hashes of whole subtrees come from the caller, who may keep them in tiles.

use sha2::{Digest as _, Sha256};

/// A SHA-256 hash.
pub type Hash = [u8; 32];

/// A whole subtree: `2^level` leaves beginning with leaf `index * 2^level`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Node {
    /// Height; 0 is a leaf.
    pub level: u32,
    /// Place among the subtrees of this height.
    pub index: u64,
}

/// Hash of one entry.
pub fn leaf_hash(entry: &[u8]) -> Hash {
    Sha256::new_with_prefix([0]).chain_update(entry).finalize().into()
}

/// Hash of two subtrees, left and right.
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    Sha256::new_with_prefix([1]).chain_update(left).chain_update(right).finalize().into()
}

/// The root of no entries.
pub fn empty_root() -> Hash {
    Sha256::digest([]).into()
}

/// Root of the first `size` leaves. `node` gives the hash of a whole subtree among them.
pub fn root<E>(size: u64, node: &mut impl FnMut(Node) -> Result<Hash, E>) -> Result<Hash, E> {
    if size == 0 { Ok(empty_root()) } else { range(0, size, node) }
}

/// Audit path of leaf `index` in the tree of `size` leaves, leaf's sibling first (RFC 6962 section 2.1.1). Empty if
/// `index` is not in the tree.
pub fn inclusion_proof<E>(
    index: u64,
    size: u64,
    node: &mut impl FnMut(Node) -> Result<Hash, E>,
) -> Result<Vec<Hash>, E> {
    let (mut low, mut high) = (0, size);
    let mut path = Vec::new();
    while index < size && high - low > 1 {
        let middle = low + split(high - low);
        if index < middle {
            path.push(range(middle, high, node)?);
            high = middle;
        } else {
            path.push(range(low, middle, node)?);
            low = middle;
        }
    }
    path.reverse();
    Ok(path)
}

/// Proof that the tree of `old` leaves is a prefix of the tree of `new` leaves (RFC 6962 section 2.1.2). Empty for
/// `old` 0, `old == new` and `old > new`.
pub fn consistency_proof<E>(
    old: u64,
    new: u64,
    node: &mut impl FnMut(Node) -> Result<Hash, E>,
) -> Result<Vec<Hash>, E> {
    let mut path = Vec::new();
    if old == 0 || old >= new {
        return Ok(path);
    }
    let (mut low, mut high) = (0, new);
    while high != old {
        let middle = low + split(high - low);
        if old <= middle {
            path.push(range(middle, high, node)?);
            high = middle;
        } else {
            path.push(range(low, middle, node)?);
            low = middle;
        }
    }
    if low != 0 {
        path.push(range(low, high, node)?);
    }
    path.reverse();
    Ok(path)
}

/// Whether the proof shows that `leaf` is entry `index` under `root` (RFC 9162 section 2.1.3.2).
pub fn check_inclusion(index: u64, size: u64, leaf: &Hash, proof: &[Hash], root: &Hash) -> bool {
    if index >= size {
        return false;
    }
    let (mut at, mut last, mut hash) = (index, size - 1, *leaf);
    for sibling in proof {
        if last == 0 {
            return false;
        }
        if at & 1 == 1 || at == last {
            hash = node_hash(sibling, &hash);
            while at & 1 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        at >>= 1;
        last >>= 1;
    }
    last == 0 && hash == *root
}

/// Whether the proof shows that `new_root` only adds to `old_root` (RFC 9162 section 2.1.4.2).
pub fn check_consistency(old: u64, new: u64, old_root: &Hash, new_root: &Hash, proof: &[Hash]) -> bool {
    if old > new || (old == 0 && *old_root != empty_root()) {
        return false;
    }
    if old == 0 || old == new {
        return proof.is_empty() && (old == 0 || old_root == new_root);
    }
    let whole = old.is_power_of_two().then_some(*old_root);
    let mut path = whole.into_iter().chain(proof.iter().copied());
    let (mut at, mut last) = (old - 1, new - 1);
    while at & 1 == 1 {
        at >>= 1;
        last >>= 1;
    }
    let Some(first) = path.next() else { return false };
    let (mut old_hash, mut new_hash) = (first, first);
    for sibling in path {
        if last == 0 {
            return false;
        }
        if at & 1 == 1 || at == last {
            old_hash = node_hash(&sibling, &old_hash);
            new_hash = node_hash(&sibling, &new_hash);
            while at & 1 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            new_hash = node_hash(&new_hash, &sibling);
        }
        at >>= 1;
        last >>= 1;
    }
    last == 0 && old_hash == *old_root && new_hash == *new_root
}

/// Root of adjacent whole subtrees, each smaller than the one before it (or equal, where a list of one height is given).
pub(super) fn fold_right(peaks: &[Hash]) -> Option<Hash> {
    let mut from_right = peaks.iter().rev();
    let last = from_right.next()?;
    Some(from_right.fold(*last, |right, left| node_hash(left, &right)))
}

/// Root of a power of two of subtrees of one height.
pub(super) fn perfect(hashes: &[Hash]) -> Option<Hash> {
    let mut layer = hashes.to_vec();
    while layer.len() > 1 {
        layer = layer.chunks(2).map(pair).collect::<Option<_>>()?;
    }
    layer.first().copied()
}

fn pair(two: &[Hash]) -> Option<Hash> {
    match two {
        [left, right] => Some(node_hash(left, right)),
        _ => None,
    }
}

/// The largest power of two smaller than `count`, which is at least 2.
fn split(count: u64) -> u64 {
    1 << (u64::BITS - 1 - (count - 1).leading_zeros())
}

/// Root of the leaves from `low` to `high`, where `low` is a multiple of the least power of two not under the width.
fn range<E>(low: u64, high: u64, node: &mut impl FnMut(Node) -> Result<Hash, E>) -> Result<Hash, E> {
    let count = high - low;
    if count.is_power_of_two() {
        let level = count.trailing_zeros();
        return node(Node { level, index: low >> level });
    }
    let middle = low + split(count);
    let left = range(low, middle, node)?;
    Ok(node_hash(&left, &range(middle, high, node)?))
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use proptest::prelude::*;

    use super::*;

    /// RFC 6962 section 2.1, word by word.
    fn reference(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => empty_root(),
            [one] => *one,
            more => {
                let mut k = 1;
                while k * 2 < more.len() {
                    k *= 2;
                }
                node_hash(&reference(&more[..k]), &reference(&more[k..]))
            }
        }
    }

    fn leaves(count: u64) -> Vec<Hash> {
        (0..count).map(|n| leaf_hash(&n.to_be_bytes())).collect()
    }

    fn nodes(leaves: &[Hash]) -> impl FnMut(Node) -> Result<Hash, Infallible> + '_ {
        |node| {
            let from = (node.index as usize) << node.level;
            Ok(reference(&leaves[from..from + (1 << node.level)]))
        }
    }

    #[test]
    fn roots_equal_the_rfc_and_an_independent_library() {
        let all = leaves(300);
        let mut stored: Vec<tlog_tiles::Hash> = Vec::new();
        for size in 0..300u64 {
            let mine = root(size, &mut nodes(&all)).unwrap();
            assert_eq!(mine, reference(&all[..size as usize]), "size {size}");
            let theirs = tlog_tiles::tree_hash(size, &Kept(&stored)).unwrap();
            assert_eq!(mine, theirs.0, "size {size}");
            let new = tlog_tiles::stored_hashes(size, &size.to_be_bytes(), &Kept(&stored)).unwrap();
            stored.extend(new);
        }
    }

    struct Kept<'a>(&'a [tlog_tiles::Hash]);
    impl tlog_tiles::HashReader for Kept<'_> {
        fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<tlog_tiles::Hash>, tlog_tiles::Error> {
            Ok(indexes.iter().map(|i| self.0[*i as usize]).collect())
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

        #[test]
        fn inclusion_holds_for_the_leaf_and_for_no_other(size in 1u64..300, pick in any::<prop::sample::Index>(), flip in any::<prop::sample::Index>()) {
            let all = leaves(size);
            let index = pick.index(size as usize) as u64;
            let top = reference(&all);
            let mut proof = inclusion_proof(index, size, &mut nodes(&all)).unwrap();
            let leaf = all[index as usize];
            prop_assert!(check_inclusion(index, size, &leaf, &proof, &top));
            prop_assert!(!check_inclusion(index, size, &leaf_hash(b"other"), &proof, &top));
            prop_assert!(!check_inclusion(index + 1, size, &leaf, &proof, &top));
            prop_assert!(!check_inclusion(size, size, &leaf, &proof, &top));
            proof.push(top);
            prop_assert!(!check_inclusion(index, size, &leaf, &proof, &top));
            proof.pop();
            if !proof.is_empty() {
                let at = flip.index(proof.len() * 32);
                proof[at / 32][at % 32] ^= 1;
                prop_assert!(!check_inclusion(index, size, &leaf, &proof, &top));
            }
        }

        #[test]
        fn consistency_holds_for_a_prefix_and_for_no_fork(new in 1u64..300, pick in any::<prop::sample::Index>(), flip in any::<prop::sample::Index>()) {
            let all = leaves(new);
            let old = pick.index(new as usize + 1) as u64;
            let (before, after) = (reference(&all[..old as usize]), reference(&all));
            let mut proof = consistency_proof(old, new, &mut nodes(&all)).unwrap();
            prop_assert!(check_consistency(old, new, &before, &after, &proof));
            if old > 0 {
                let mut forked = all[..old as usize].to_vec();
                forked[old as usize - 1] = leaf_hash(b"forked");
                prop_assert!(!check_consistency(old, new, &reference(&forked), &after, &proof));
            }
            if !proof.is_empty() {
                let at = flip.index(proof.len() * 32);
                proof[at / 32][at % 32] ^= 1;
                prop_assert!(!check_consistency(old, new, &before, &after, &proof));
                prop_assert!(!check_consistency(old, new, &before, &after, &[]));
            }
        }

        /// A forger knows everything but a preimage: he may take any hashes of the tree, in any order, for any place. The size is
        /// signed with the root.
        #[test]
        fn forged_inclusion_proofs_are_refused(
            size in 1u64..200,
            claimed in 0u64..260,
            picks in prop::collection::vec((0u32..8, any::<prop::sample::Index>()), 0..10),
        ) {
            let all = leaves(size);
            let top = reference(&all);
            let mut node = nodes(&all);
            let proof: Vec<Hash> = picks.iter().map(|(level, pick)| {
                let level = (*level).min(size.ilog2());
                node(Node { level, index: pick.index((size >> level) as usize) as u64 }).unwrap()
            }).collect();
            // A leaf that was never in the tree fits nowhere, and one that was fits only in its place.
            prop_assert!(!check_inclusion(claimed, size, &leaf_hash(b"planted"), &proof, &top));
            for (index, leaf) in all.iter().enumerate() {
                if check_inclusion(claimed, size, leaf, &proof, &top) {
                    prop_assert!(claimed == index as u64 && claimed < size);
                    prop_assert_eq!(&proof, &inclusion_proof(claimed, size, &mut nodes(&all)).unwrap());
                }
            }
        }

        /// As above: nothing shows that a log which was rewritten grows out of the one that was seen.
        #[test]
        fn forged_consistency_proofs_are_refused(
            size in 2u64..200,
            seen in any::<prop::sample::Index>(),
            changed in any::<prop::sample::Index>(),
            picks in prop::collection::vec((any::<bool>(), 0u32..8, any::<prop::sample::Index>()), 0..12),
        ) {
            let honest = leaves(size);
            let old = 1 + seen.index(size as usize) as u64;
            let mut rewritten = honest.clone();
            rewritten[changed.index(old as usize)] = leaf_hash(b"rewritten");
            let (before, after) = (reference(&honest[..old as usize]), reference(&rewritten));
            let (mut of_honest, mut of_rewritten) = (nodes(&honest), nodes(&rewritten));
            let mut proof: Vec<Hash> = picks.iter().map(|(own, level, pick)| {
                let level = (*level).min(size.ilog2());
                let node = Node { level, index: pick.index((size >> level) as usize) as u64 };
                if *own { of_rewritten(node) } else { of_honest(node) }.unwrap()
            }).collect();
            prop_assert!(!check_consistency(old, size, &before, &after, &proof));
            for real in [&honest, &rewritten] {
                proof = consistency_proof(old, size, &mut nodes(real)).unwrap();
                prop_assert!(!check_consistency(old, size, &before, &after, &proof));
                proof.insert(0, before);
                prop_assert!(!check_consistency(old, size, &before, &after, &proof));
            }
        }
    }
}
