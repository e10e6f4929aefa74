// Files of c2sp.org/tlog-tiles: how they are named, and how entries are laid in a bundle.

import type { Hash } from "./hash";

/** Hashes in a whole tile, and entries in a whole bundle. */
export const WIDTH = 256;
const HASH_BYTES = 32;

/** `tile/0/x001/x234/067` or, partial, `tile/0/x001/x234/067.p/8`. */
export function tilePath(shelf: number | "entries", index: number, width: number): string {
  const three = (n: number) => String(n % 1_000).padStart(3, "0");
  let number = three(index);
  for (let rest = Math.floor(index / 1_000); rest > 0; rest = Math.floor(rest / 1_000)) number = `x${three(rest)}/${number}`;
  return `tile/${shelf}/${number}${width < WIDTH ? `.p/${width}` : ""}`;
}

/** Hashes or entries of the tile in a log of `size` entries; 0 where there is no such tile. */
export function tileWidth(level: number, index: number, size: number): number {
  const count = Math.floor(size / WIDTH ** level);
  return Math.max(0, Math.min(WIDTH, count - index * WIDTH));
}

/** The entries of a bundle, and the bytes that are left over. */
export function splitBundle(bytes: Uint8Array): { entries: Uint8Array[]; rest: number } {
  const entries: Uint8Array[] = [];
  let at = 0;
  while (at + 2 <= bytes.length) {
    const end = at + 2 + ((bytes[at] ?? 0) << 8) + (bytes[at + 1] ?? 0);
    if (end > bytes.length) break;
    entries.push(bytes.subarray(at + 2, end));
    at = end;
  }
  return { entries, rest: bytes.length - at };
}

/** The hashes of a tile; null where it is not a whole number of them. */
export function splitTile(bytes: Uint8Array): Hash[] | null {
  if (bytes.length % HASH_BYTES) return null;
  return Array.from({ length: bytes.length / HASH_BYTES }, (_, n) => bytes.subarray(n * HASH_BYTES, (n + 1) * HASH_BYTES));
}
