// One entry's place in the log: its bytes, hashed here, lead by the hashes beside them to the root that was signed.

import type { Both } from "../words";
import type { Fetch } from "./check";
import { includes, leafHash, nodeHash, rootOf, type Hash } from "./hash";
import { isKey, openNote, readKey } from "./note";
import { splitBundle, splitTile, tilePath, tileWidth, WIDTH } from "./tiles";
import { hex } from "./text";

const HEIGHT = 8;

export interface Proved {
  index: number;
  size: number;
  root: string;
  leaf: string;
  /** Hashes beside the way to the root, the leaf's sibling first. */
  path: string[];
  holds: boolean;
  /** The entry as it is on the log. */
  entry: string;
}

const w = {
  outside: { zh: "日志中没有这一条。", en: "The log has no such entry." },
  gone: { zh: "该条目所在的文件不完整。", en: "The file of the entry is not whole." },
};

/** The proof, or what stands in its way. */
export async function prove(fetch: Fetch, keyText: string, index: number): Promise<Proved | Both> {
  const key = readKey(keyText);
  if (!isKey(key)) return key;
  const head = openNote(key, new TextDecoder().decode(await fetch("checkpoint")));
  if (!("root" in head)) return head;
  const { size, root } = head;
  if (!Number.isSafeInteger(index) || index < 0 || index >= size) return w.outside;
  const bundle = Math.floor(index / WIDTH);
  const { entries } = splitBundle(await fetch(tilePath("entries", bundle, tileWidth(0, bundle, size))));
  const entry = entries[index % WIDTH];
  if (!entry) return w.gone;
  const path = await pathOf(nodes(fetch, size), index, size);
  const leaf = leafHash(entry);
  return { index, size, root: hex(root), leaf: hex(leaf), path: path.map(hex), holds: includes(index, size, leaf, path, root), entry: new TextDecoder().decode(entry) };
}

type Node = (level: number, index: number) => Promise<Hash>;

/** Hashes of whole subtrees, out of the tiles that have them. */
function nodes(fetch: Fetch, size: number): Node {
  const tiles = new Map<string, Promise<Hash[]>>();
  return async (level, index) => {
    const [shelf, inside] = [Math.floor(level / HEIGHT), level % HEIGHT];
    const first = index * 2 ** inside;
    const number = Math.floor(first / WIDTH);
    const file = tilePath(shelf, number, tileWidth(shelf, number, size));
    const tile = tiles.get(file) ?? fetch(file).then((bytes) => splitTile(bytes) ?? []);
    tiles.set(file, tile);
    return rootOf((await tile).slice(first % WIDTH, (first % WIDTH) + 2 ** inside));
  };
}

/** RFC 6962 section 2.1.1. */
async function pathOf(node: Node, index: number, size: number): Promise<Hash[]> {
  let [low, high] = [0, size];
  const path: Hash[] = [];
  while (high - low > 1) {
    const middle = low + split(high - low);
    if (index < middle) {
      path.push(await range(node, middle, high));
      high = middle;
    } else {
      path.push(await range(node, low, middle));
      low = middle;
    }
  }
  return path.reverse();
}

async function range(node: Node, low: number, high: number): Promise<Hash> {
  const peaks: Hash[] = [];
  for (let at = low; at < high; ) {
    let level = 0;
    while (at % 2 ** (level + 1) === 0 && at + 2 ** (level + 1) <= high) level += 1;
    peaks.push(await node(level, at / 2 ** level));
    at += 2 ** level;
  }
  const last = peaks.pop() ?? rootOf([]);
  return peaks.reduceRight((right, left) => nodeHash(left, right), last);
}

/** The largest power of two below the count. */
function split(count: number): number {
  let power = 1;
  while (power * 2 < count) power *= 2;
  return power;
}
