// Hashes of RFC 6962 section 2.1 over SHA-256. By a library and not by the browser: that one hashes only where a page came over TLS,
// and takes a turn of its loop for each.

import { sha256 } from "@noble/hashes/sha2";

export type Hash = Uint8Array;

const LEAF = Uint8Array.of(0);
const NODE = Uint8Array.of(1);

export function leafHash(entry: Uint8Array): Hash {
  return sha256.create().update(LEAF).update(entry).digest();
}

export function nodeHash(left: Hash, right: Hash): Hash {
  return sha256.create().update(NODE).update(left).update(right).digest();
}

export function same(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, at) => byte === b[at]);
}

/** The root of a list that grows: whole subtrees of falling height, as a binary counter. */
export class Growing {
  private readonly peaks: { height: number; hash: Hash }[] = [];
  size = 0;

  push(leaf: Hash): void {
    let [hash, height] = [leaf, 0];
    for (let last = this.peaks.at(-1); last && last.height === height; last = this.peaks.at(-1)) {
      hash = nodeHash(last.hash, hash);
      height += 1;
      this.peaks.pop();
    }
    this.peaks.push({ height, hash });
    this.size += 1;
  }

  root(): Hash {
    const from = [...this.peaks].reverse();
    const last = from.shift();
    if (!last) return sha256(new Uint8Array());
    return from.reduce((right, left) => nodeHash(left.hash, right), last.hash);
  }
}

/** The root of a list. */
export function rootOf(leaves: Hash[]): Hash {
  const tree = new Growing();
  leaves.forEach((leaf) => tree.push(leaf));
  return tree.root();
}

/** Whether the proof shows that `leaf` is entry `index` of `size` under `root` (RFC 9162 section 2.1.3.2). */
export function includes(index: number, size: number, leaf: Hash, proof: Hash[], root: Hash): boolean {
  if (index < 0 || index >= size) return false;
  // Numbers of entries may pass 2^32, where shifts of JavaScript end.
  let [at, last, hash] = [BigInt(index), BigInt(size) - 1n, leaf];
  for (const sibling of proof) {
    if (last === 0n) return false;
    if ((at & 1n) === 1n || at === last) {
      hash = nodeHash(sibling, hash);
      while ((at & 1n) === 0n && at !== 0n) [at, last] = [at >> 1n, last >> 1n];
    } else {
      hash = nodeHash(hash, sibling);
    }
    [at, last] = [at >> 1n, last >> 1n];
  }
  return last === 0n && same(hash, root);
}
