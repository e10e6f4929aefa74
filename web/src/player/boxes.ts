// Reads of fragmented MP4 what playing it needs: codecs and clock rates from a header, the instants of the pictures from a piece.
// Trusts no length that it finds. Deliberately absent: the media itself, which the browser decodes.

/** The bytes are not the MP4 that they should be. */
export class DamagedMedia extends Error {}

/** One track of a header. */
export interface Track {
  id: number;
  kind: "video" | "audio" | "other";
  /** Ticks per second. */
  rate: number;
  /** As RFC 6381 writes it, such as `avc1.640029`. */
  codec: string;
  /** Ticks of a sample where a piece does not say. */
  sampleTicks: number;
}

/** When what is in a piece begins, and when its pictures are shown, in ticks of the track. */
export interface Times {
  decode: number;
  shown: number[];
}

interface Box {
  type: string;
  start: number;
  body: number;
  end: number;
}

/** Samples of one piece at most: 30 s of a fast camera's video. */
const SAMPLES_MAX = 20_000;

function* boxes(view: DataView, from: number, to: number): Generator<Box> {
  let at = from;
  while (at + 8 <= to) {
    const short = view.getUint32(at);
    const type = letters(view, at + 4);
    if (short === 1 && at + 16 > to) throw new DamagedMedia(`box ${type} at byte ${at} ends in its length`);
    const size = short === 1 ? Number(view.getBigUint64(at + 8)) : short === 0 ? to - at : short;
    const head = short === 1 ? 16 : 8;
    if (size < head || size > to - at) throw new DamagedMedia(`box ${type} at byte ${at} is longer than what it lies in`);
    yield { type, start: at, body: at + head, end: at + size };
    at += size;
  }
}

function letters(view: DataView, at: number): string {
  return String.fromCharCode(view.getUint8(at), view.getUint8(at + 1), view.getUint8(at + 2), view.getUint8(at + 3));
}

function child(view: DataView, box: Box, ...path: string[]): Box | undefined {
  let found: Box | undefined = box;
  for (const type of path) {
    if (!found) return undefined;
    found = [...boxes(view, found.body, found.end)].find((inner) => inner.type === type);
  }
  return found;
}

function looking(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** What reading past a box's end throws is damage like any other. */
function guarded<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof RangeError) throw new DamagedMedia("a box ends before its fields");
    throw error;
  }
}

/** The tracks of a header (`moov`), in its order. */
export function tracksOf(header: Uint8Array): Track[] {
  return guarded(() => {
    const view = looking(header);
    const moov = [...boxes(view, 0, header.length)].find((box) => box.type === "moov");
    if (!moov) throw new DamagedMedia("a header without moov");
    const defaults = sampleTicks(view, child(view, moov, "mvex"));
    const traks = [...boxes(view, moov.body, moov.end)].filter((box) => box.type === "trak");
    return traks.map((trak) => track(view, trak, defaults));
  });
}

/** The default sample durations (`trex`) by track. */
function sampleTicks(view: DataView, mvex: Box | undefined): Map<number, number> {
  const inner = mvex ? [...boxes(view, mvex.body, mvex.end)] : [];
  const rows = inner.filter((box) => box.type === "trex");
  return new Map(rows.map((trex) => [view.getUint32(trex.body + 4), view.getUint32(trex.body + 12)]));
}

function track(view: DataView, trak: Box, defaults: Map<number, number>): Track {
  const id = trackId(view, trak);
  const mdhd = child(view, trak, "mdia", "mdhd");
  const hdlr = child(view, trak, "mdia", "hdlr");
  const stsd = child(view, trak, "mdia", "minf", "stbl", "stsd");
  if (!mdhd || !hdlr || !stsd) throw new DamagedMedia(`track ${id} is not described`);
  const handler = letters(view, hdlr.body + 8);
  const kind = handler === "vide" ? "video" : handler === "soun" ? "audio" : "other";
  const rate = view.getUint32(mdhd.body + (view.getUint8(mdhd.body) === 1 ? 20 : 12));
  if (rate === 0) throw new DamagedMedia(`track ${id} has no clock rate`);
  const [entry] = boxes(view, stsd.body + 8, stsd.end);
  if (!entry) throw new DamagedMedia(`track ${id} has no sample entry`);
  return { id, kind, rate, codec: codecOf(view, entry, kind), sampleTicks: defaults.get(id) ?? 0 };
}

function trackId(view: DataView, trak: Box): number {
  const tkhd = child(view, trak, "tkhd");
  if (!tkhd) throw new DamagedMedia("a track without tkhd");
  return view.getUint32(tkhd.body + (view.getUint8(tkhd.body) === 1 ? 20 : 12));
}

/** The fields of a sample entry before its boxes: ISO/IEC 14496-12 sections 12.1.3 and 12.2.3. */
const ENTRY_BYTES = { video: 78, audio: 28, other: 8 };

function codecOf(view: DataView, entry: Box, kind: Track["kind"]): string {
  const inner = { ...entry, body: entry.body + ENTRY_BYTES[kind] };
  const avcc = ["avc1", "avc3"].includes(entry.type) ? child(view, inner, "avcC") : undefined;
  const hvcc = ["hvc1", "hev1"].includes(entry.type) ? child(view, inner, "hvcC") : undefined;
  const esds = entry.type === "mp4a" ? child(view, inner, "esds") : undefined;
  if (avcc) return `${entry.type}.${[1, 2, 3].map((n) => hex(view.getUint8(avcc.body + n))).join("")}`;
  if (hvcc) return `${entry.type}.${hevc(view, hvcc)}`;
  if (esds) return `mp4a.40.${aacObjectType(view, esds)}`;
  return entry.type;
}

const hex = (byte: number) => byte.toString(16).padStart(2, "0");

/** ISO/IEC 14496-15 annex E.3: profile, compatibility with its bits reversed, tier and level, constraints without their last zeros. */
function hevc(view: DataView, hvcc: Box): string {
  const first = view.getUint8(hvcc.body + 1);
  const space = ["", "A", "B", "C"][first >> 6] ?? "";
  let compatible = 0;
  for (let bit = 0; bit < 32; bit++) compatible += ((view.getUint32(hvcc.body + 2) >>> bit) & 1) * 2 ** (31 - bit);
  const constraints = [6, 7, 8, 9, 10, 11].map((n) => view.getUint8(hvcc.body + n));
  while (constraints.length > 0 && constraints[constraints.length - 1] === 0) constraints.pop();
  const level = `${first & 0x20 ? "H" : "L"}${view.getUint8(hvcc.body + 12)}`;
  return [`${space}${first & 0x1f}`, compatible.toString(16), level, ...constraints.map((c) => c.toString(16))].join(".");
}

/** From the DecoderSpecificInfo (tag 5) within the descriptors; 2, low complexity, where there is none. */
function aacObjectType(view: DataView, esds: Box): number {
  for (let at = esds.body + 4; at + 2 < esds.end; at++) {
    if (view.getUint8(at) !== 5) continue;
    let body = at + 1;
    while (body < esds.end && view.getUint8(body) & 0x80) body++;
    const length = view.getUint8(body);
    if (length >= 2 && body + 1 + length <= esds.end) return view.getUint8(body + 1) >> 3;
  }
  return 2;
}

/** When the samples of `wanted` in a piece are shown, in order of time. */
export function timesOf(piece: Uint8Array, wanted: Track): Times {
  return guarded(() => {
    const view = looking(piece);
    let decode: number | undefined;
    const shown: number[] = [];
    for (const moof of boxes(view, 0, piece.length)) {
      if (moof.type !== "moof") continue;
      for (const traf of boxes(view, moof.body, moof.end)) {
        if (traf.type !== "traf") continue;
        const start = samplesOf(view, traf, wanted, shown);
        decode ??= start;
      }
    }
    if (decode === undefined) throw new DamagedMedia("a piece without pictures");
    return { decode, shown: shown.sort((a, b) => a - b) };
  });
}

/** Adds a `traf`'s samples to `shown` and gives its decode time; nothing where it is another track's. */
function samplesOf(view: DataView, traf: Box, wanted: Track, shown: number[]): number | undefined {
  const tfhd = child(view, traf, "tfhd");
  const tfdt = child(view, traf, "tfdt");
  if (!tfhd || !tfdt || view.getUint32(tfhd.body + 4) !== wanted.id) return undefined;
  const flags = view.getUint32(tfhd.body) & 0xffffff;
  const place = tfhd.body + 8 + (flags & 1 ? 8 : 0) + (flags & 2 ? 4 : 0);
  const duration = flags & 8 ? view.getUint32(place) : wanted.sampleTicks;
  const long = view.getUint8(tfdt.body) === 1;
  const start = long ? Number(view.getBigUint64(tfdt.body + 4)) : view.getUint32(tfdt.body + 4);
  let at = start;
  for (const trun of boxes(view, traf.body, traf.end)) {
    if (trun.type === "trun") at = runOf(view, trun, at, duration, shown);
  }
  return start;
}

/** Adds the samples of one `trun`, and gives the decode time after it. */
function runOf(view: DataView, trun: Box, start: number, duration: number, shown: number[]): number {
  const flags = view.getUint32(trun.body) & 0xffffff;
  const count = view.getUint32(trun.body + 4);
  if (shown.length + count > SAMPLES_MAX) throw new DamagedMedia(`more than ${SAMPLES_MAX} samples in a piece`);
  let field = trun.body + 8 + (flags & 1 ? 4 : 0) + (flags & 4 ? 4 : 0);
  let at = start;
  for (let sample = 0; sample < count; sample++) {
    const own = flags & 0x100 ? view.getUint32(field) : duration;
    field += (flags & 0x100 ? 4 : 0) + (flags & 0x200 ? 4 : 0) + (flags & 0x400 ? 4 : 0);
    shown.push(at + (flags & 0x800 ? view.getInt32(field) : 0));
    field += flags & 0x800 ? 4 : 0;
    at += own;
  }
  if (field > trun.end) throw new DamagedMedia("a run of samples ends in the middle");
  return at;
}

/** A copy of a header or a piece without some tracks: their boxes become `free`, so that nothing moves. */
export function without(bytes: Uint8Array, tracks: ReadonlySet<number>): Uint8Array {
  if (tracks.size === 0) return bytes;
  return guarded(() => {
    const copy = bytes.slice();
    const view = looking(copy);
    const free = (box: Box) => copy.set([0x66, 0x72, 0x65, 0x65], box.start + 4);
    for (const outer of boxes(view, 0, copy.length)) {
      if (outer.type !== "moov" && outer.type !== "moof") continue;
      for (const inner of [...boxes(view, outer.body, outer.end)]) {
        if (inner.type === "trak" && tracks.has(trackId(view, inner))) free(inner);
        const tfhd = inner.type === "traf" ? child(view, inner, "tfhd") : undefined;
        if (tfhd && tracks.has(view.getUint32(tfhd.body + 4))) free(inner);
        if (inner.type !== "mvex") continue;
        for (const trex of [...boxes(view, inner.body, inner.end)]) {
          if (trex.type === "trex" && tracks.has(view.getUint32(trex.body + 4))) free(trex);
        }
      }
    }
    return copy;
  });
}
