// The ledger checked in the browser, by a reader that trusts nothing it reads: C2SP tlog-tiles, RFC 6962 hashes, a checkpoint signed with
// Ed25519. What is fetched comes through `fetch`, so that a test can stand between.

export interface Key {
  name: string;
  id: string;
  bytes: Uint8Array<ArrayBuffer>;
}

export interface Head {
  size: number;
  root: string;
}

/** What was found wrong, and where. */
export interface Fault {
  what: "key" | "checkpoint" | "signature" | "bundle" | "entry" | "tile" | "root" | "unreachable";
  entry?: number;
  detail?: string;
}

export class Faulty extends Error {
  constructor(readonly fault: Fault) {
    super(fault.what);
  }
}

/** Hashes or entries in a whole tile. */
const WIDTH = 256;
const ED25519 = 1;

const hex = (bytes: Uint8Array) => [...bytes].map((b) => b.toString(16).padStart(2, "0")).join("");
const same = (a: Uint8Array, b: Uint8Array) => a.length === b.length && a.every((byte, at) => byte === b[at]);
const utf8 = new TextEncoder();

function base64(text: string): Uint8Array<ArrayBuffer> {
  const raw = atob(text);
  const bytes = new Uint8Array(raw.length);
  for (let at = 0; at < raw.length; at++) bytes[at] = raw.charCodeAt(at);
  return bytes;
}

async function sha256(...parts: Uint8Array[]): Promise<Uint8Array> {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return new Uint8Array(await crypto.subtle.digest("SHA-256", all));
}

const leaf = (entry: Uint8Array) => sha256(Uint8Array.of(0), entry);
const node = (left: Uint8Array, right: Uint8Array) => sha256(Uint8Array.of(1), left, right);

/** Reads `name+hash+key` (c2sp.org/signed-note). */
export async function readKey(text: string): Promise<Key> {
  const [, name, id, key] = /^([^+\s]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)$/.exec(text.trim()) ?? [];
  if (!name || !id || !key) throw new Faulty({ what: "key" });
  const bytes = base64(key);
  const expected = hex((await sha256(utf8.encode(`${name}\n`), bytes)).slice(0, 4));
  if (bytes.length !== 33 || bytes[0] !== ED25519 || expected !== id) throw new Faulty({ what: "key" });
  return { name, id, bytes: bytes.slice(1) };
}

/** Checks a checkpoint's signature and reads its head. */
export async function readCheckpoint(note: string, key: Key): Promise<Head> {
  const end = note.indexOf("\n\n");
  const [text, signatures] = [note.slice(0, end + 1), note.slice(end + 2)];
  const [origin, size, root] = text.split("\n");
  const line = signatures.split("\n").find((one) => one.startsWith(`— ${key.name} `));
  if (end < 0 || origin !== key.name || !/^\d+$/.test(size ?? "") || !root || !line) throw new Faulty({ what: "checkpoint" });
  const signature = base64(line.split(" ")[2] ?? "");
  if (hex(signature.slice(0, 4)) !== key.id) throw new Faulty({ what: "signature" });
  const imported = await crypto.subtle.importKey("raw", key.bytes, "Ed25519", false, ["verify"]);
  const holds = await crypto.subtle.verify("Ed25519", imported, signature.slice(4), utf8.encode(text));
  if (!holds) throw new Faulty({ what: "signature" });
  return { size: Number(size), root: hex(base64(root)) };
}

/** A tile's path: three digits a group, `x` before all but the last, and its width where it is partial. */
export function tilePath(level: string, number: number, width: number): string {
  let groups = String(number % 1000).padStart(3, "0");
  for (let rest = Math.floor(number / 1000); rest > 0; rest = Math.floor(rest / 1000)) {
    groups = `x${String(rest % 1000).padStart(3, "0")}/${groups}`;
  }
  return `/ledger/tile/${level}/${groups}${width < WIDTH ? `.p/${width}` : ""}`;
}

/** The entries of a bundle, each behind its length in 16 bits. */
function split(bundle: Uint8Array): Uint8Array[] {
  const entries: Uint8Array[] = [];
  for (let at = 0; at < bundle.length; ) {
    const length = (bundle[at] ?? 0) * 256 + (bundle[at + 1] ?? 0);
    if (at + 2 + length > bundle.length) throw new Faulty({ what: "bundle" });
    entries.push(bundle.subarray(at + 2, at + 2 + length));
    at += 2 + length;
  }
  return entries;
}

/** A Merkle tree's right edge: the hash of each whole subtree, from the largest (RFC 6962 section 2.1). */
class Edge {
  private subtrees: { hash: Uint8Array; size: number }[] = [];

  async push(hash: Uint8Array): Promise<void> {
    let one = { hash, size: 1 };
    for (let last = this.subtrees.at(-1); last?.size === one.size; last = this.subtrees.at(-1)) {
      this.subtrees.pop();
      one = { hash: await node(last.hash, one.hash), size: last.size * 2 };
    }
    this.subtrees.push(one);
  }

  async root(): Promise<Uint8Array> {
    const [last, ...others] = [...this.subtrees].reverse();
    if (!last) return sha256();
    let { hash } = last;
    for (const left of others) hash = await node(left.hash, hash);
    return hash;
  }
}

export type Fetch = (path: string) => Promise<Uint8Array>;

/** Every entry against its tile, and all of them against the checkpoint. Throws `Faulty` at the first place that does not fit. */
export async function verifyLog(head: Head, fetch: Fetch, progress: (entries: number) => void): Promise<void> {
  const edge = new Edge();
  for (let number = 0; number * WIDTH < head.size; number++) {
    const width = Math.min(WIDTH, head.size - number * WIDTH);
    const [bundle, tile] = await Promise.all([fetch(tilePath("entries", number, width)), fetch(tilePath("0", number, width))]);
    const entries = split(bundle);
    if (entries.length !== width || tile.length !== width * 32) throw new Faulty({ what: "bundle", entry: number * WIDTH });
    for (const [place, entry] of entries.entries()) {
      const hash = await leaf(entry);
      if (!same(hash, tile.subarray(place * 32, place * 32 + 32))) throw new Faulty({ what: "entry", entry: number * WIDTH + place });
      await edge.push(hash);
    }
    progress(number * WIDTH + width);
  }
  const root = hex(await edge.root());
  if (root !== head.root) throw new Faulty({ what: "root", detail: root });
}
