// The whole check of a log: every leaf from its entry, every tile from the leaves, the root that was signed, and what was seen
// before. Nothing that the server says is believed but what the auditor's own key has signed. What is wrong is named by file and
// entry.

import type { Both } from "../words";
import { Growing, leafHash, rootOf, same, type Hash } from "./hash";
import { isKey, openNote, readKey, type Head } from "./note";
import { splitBundle, splitTile, tilePath, tileWidth, WIDTH } from "./tiles";
import { hex } from "./text";

/** Findings that are kept; a log that was rewritten differs everywhere. */
const FINDINGS_MAX = 50;
/** Bundles under way at once: the appliance is used by others, too. */
const AT_ONCE = 4;

/** Something that is not as the log would have written it. */
export interface Finding {
  file: string;
  entry?: number;
  what: Both;
}

/** A size and the root that the log had then. */
export interface Seen {
  size: number;
  root: string;
  /** When it was seen, RFC 3339. */
  at: string;
}

export interface Report {
  origin: string;
  /** Entries under the signed checkpoint; absent where that does not hold. */
  size?: number;
  root?: string;
  /** Entries whose bytes were hashed. */
  entries: number;
  findings: Finding[];
  /** Findings past those kept. */
  more: number;
  /** What was seen before still stands; absent where nothing was. */
  seen?: Seen & { stands: boolean };
}

/** Reads a file of the log anew. */
export type Fetch = (path: string) => Promise<Uint8Array>;

const w = {
  unreadable: { zh: "无法读取:{why}", en: "Cannot be read: {why}" },
  count: { zh: "应有{wanted}条,实有{found}条。", en: "{wanted} entries belong here, {found} are here." },
  rest: { zh: "末尾多出{rest}字节。", en: "{rest} bytes are left over at its end." },
  width: { zh: "应有{wanted}个散列值。", en: "{wanted} hashes belong here." },
  entry: { zh: "条目内容与其散列值不符:条目已被改动。", en: "The entry's bytes do not fit its hash: the entry was altered." },
  hash: { zh: "此处的散列值与条目不符:散列文件已被改动。", en: "The hash here does not fit the entry: the tile was altered." },
  either: { zh: "条目与散列文件不一致。", en: "The entry and the tile do not agree." },
  upper: { zh: "上级散列值与其下条目不符(自第{entry}条起)。", en: "The upper hash does not fit the entries under it (from entry {entry} on)." },
  root: { zh: "全部条目算出的根与签名的根不同:日志被改写。", en: "The root over all entries is not the one that was signed: the log was rewritten." },
  shorter: { zh: "日志比以前核验过的短:它被恢复到了旧状态。", en: "The log is shorter than it was when it was checked before: it was put back." },
  forked: { zh: "日志的开头与以前核验过的不同:它被改写。", en: "The log no longer begins with what was checked before: it was rewritten." },
};

const filled = (text: Both, values: Record<string, string | number>): Both => {
  const fill = (one: string) => one.replace(/\{(\w+)\}/g, (_, name: string) => String(values[name]));
  return { zh: fill(text.zh), en: fill(text.en) };
};

/** Checks all of it. `hear` is told how many entries are done. */
export async function check(fetch: Fetch, keyText: string, seen: Seen | null, hear: (done: number, of: number) => void): Promise<Report> {
  const key = readKey(keyText);
  if (!isKey(key)) return { origin: "", entries: 0, findings: [{ file: "key", what: key }], more: 0 };
  const report: Report = { origin: key.name, entries: 0, findings: [], more: 0 };
  const note = await fetch("checkpoint").then((bytes) => new TextDecoder().decode(bytes), asFault);
  const head = typeof note === "string" ? openNote(key, note) : note;
  if (!("root" in head)) return { ...report, findings: [{ file: "checkpoint", what: head }] };
  return new Checking(fetch, head, seen, report, hear).run();
}

function asFault(why: unknown): Both {
  return filled(w.unreadable, { why: why instanceof Error ? why.message : String(why) });
}

/** The two files of 256 entries. */
interface Fetched {
  bundle: Uint8Array | Both;
  tile: Uint8Array | Both;
}

class Checking {
  private readonly tree = new Growing();
  private readonly tops: Hash[] = [];
  private upper: { index: number; hashes: Hash[] | null } = { index: -1, hashes: null };
  private seenRoot: string | null = null;

  constructor(
    private readonly fetch: Fetch,
    private readonly head: Head,
    private readonly seen: Seen | null,
    private readonly report: Report,
    private readonly hear: (done: number, of: number) => void,
  ) {}

  async run(): Promise<Report> {
    const { report, head } = this;
    [report.size, report.root] = [head.size, hex(head.root)];
    const count = Math.ceil(head.size / WIDTH);
    const ahead: Promise<Fetched>[] = [];
    this.remember();
    for (let index = 0; index < count; index++) {
      for (let next = index + ahead.length; ahead.length < AT_ONCE && next < count; next++) ahead.push(this.both(next));
      const fetched = await ahead.shift();
      if (fetched) await this.leaves(index, fetched);
      this.hear(Math.min(head.size, (index + 1) * WIDTH), head.size);
    }
    await this.levels();
    if (report.entries === head.size && !same(this.tree.root(), head.root)) this.find({ file: "checkpoint", what: w.root });
    this.compare();
    return report;
  }

  private find(finding: Finding): void {
    if (this.report.findings.length < FINDINGS_MAX) this.report.findings.push(finding);
    else this.report.more += 1;
  }

  private async both(index: number): Promise<Fetched> {
    const width = tileWidth(0, index, this.head.size);
    const [bundle, tile] = await Promise.all([this.fetch(tilePath("entries", index, width)).catch(asFault), this.fetch(tilePath(0, index, width)).catch(asFault)]);
    return { bundle, tile };
  }

  /** Hashes the entries of a bundle, and holds the tile beside them. */
  private async leaves(index: number, { bundle, tile }: Fetched): Promise<void> {
    const width = tileWidth(0, index, this.head.size);
    const [file, beside] = [tilePath("entries", index, width), tilePath(0, index, width)];
    if (!(bundle instanceof Uint8Array)) return this.find({ file, what: bundle });
    const { entries, rest } = splitBundle(bundle);
    if (entries.length !== width) this.find({ file, entry: index * WIDTH + Math.min(entries.length, width), what: filled(w.count, { wanted: width, found: entries.length }) });
    if (rest) this.find({ file, what: filled(w.rest, { rest }) });
    const leaves = entries.slice(0, width).map(leafHash);
    const hashes = tile instanceof Uint8Array ? splitTile(tile) : null;
    if (!(tile instanceof Uint8Array)) this.find({ file: beside, what: tile });
    else if (hashes?.length !== width) this.find({ file: beside, what: filled(w.width, { wanted: width }) });
    else await this.differ(index, leaves, hashes, file, beside);
    this.add(leaves);
    if (width === WIDTH && leaves.length === WIDTH) this.tops.push(rootOf(leaves));
  }

  /** The first entry that does not fit its hash; which of the two was altered, the hash above them tells. */
  private async differ(index: number, leaves: Hash[], hashes: Hash[], file: string, beside: string): Promise<void> {
    const at = leaves.findIndex((leaf, n) => !same(leaf, hashes[n] ?? leaf.subarray(1)));
    if (at < 0) return;
    const above = await this.above(index);
    const entry = index * WIDTH + at;
    if (above && same(rootOf(leaves), above)) this.find({ file: beside, entry, what: w.hash });
    else if (above && same(rootOf(hashes), above)) this.find({ file, entry, what: w.entry });
    else this.find({ file, entry, what: w.either });
  }

  /** The hash over a whole bundle, as the level above has it; over the only one it is the root that was signed. */
  private async above(index: number): Promise<Hash | null> {
    if (this.head.size <= WIDTH) return this.head.root;
    const upper = Math.floor(index / WIDTH);
    const width = tileWidth(1, upper, this.head.size);
    if (index - upper * WIDTH >= width) return null;
    if (this.upper.index !== upper) {
      const bytes = await this.fetch(tilePath(1, upper, width)).catch(() => null);
      this.upper = { index: upper, hashes: bytes && splitTile(bytes) };
    }
    return this.upper.hashes?.[index - upper * WIDTH] ?? null;
  }

  private add(leaves: Hash[]): void {
    for (const leaf of leaves) {
      this.tree.push(leaf);
      this.report.entries += 1;
      this.remember();
    }
  }

  /** The root that the log had when it was as long as what was seen before. */
  private remember(): void {
    if (this.tree.size === this.seen?.size) this.seenRoot = hex(this.tree.root());
  }

  /** Every tile above the first level, from the leaves. */
  private async levels(): Promise<void> {
    let below = this.tops;
    for (let level = 1; below.length && below.length === Math.floor(this.head.size / WIDTH ** level); level++) {
      const next: Hash[] = [];
      for (let index = 0; index * WIDTH < below.length; index++) {
        const computed = below.slice(index * WIDTH, (index + 1) * WIDTH);
        await this.level(level, index, computed);
        if (computed.length === WIDTH) next.push(rootOf(computed));
      }
      below = next;
    }
  }

  private async level(level: number, index: number, computed: Hash[]): Promise<void> {
    const file = tilePath(level, index, computed.length);
    const bytes = await this.fetch(file).catch(asFault);
    if (!(bytes instanceof Uint8Array)) return this.find({ file, what: bytes });
    const hashes = splitTile(bytes);
    if (hashes?.length !== computed.length) return this.find({ file, what: filled(w.width, { wanted: computed.length }) });
    const at = computed.findIndex((hash, n) => !same(hash, hashes[n] ?? hash.subarray(1)));
    const entry = (index * WIDTH + at) * WIDTH ** level;
    if (at >= 0) this.find({ file, entry, what: filled(w.upper, { entry }) });
  }

  private compare(): void {
    const { seen, report, head } = this;
    if (!seen) return;
    const stands = seen.size <= head.size && this.seenRoot === seen.root;
    report.seen = { ...seen, stands };
    if (seen.size > head.size) this.find({ file: "checkpoint", what: w.shorter });
    else if (!stands && report.entries >= seen.size) this.find({ file: "checkpoint", what: w.forked });
  }
}
