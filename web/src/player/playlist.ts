// A recording's playlist (RFC 8216) as a list of pieces with the instants they were recorded at. Only what our own recorder writes.

/** One piece of media and what goes before it. Instants are milliseconds since 1970. */
export interface Piece {
  /** Its name, relative to the playlist. */
  name: string;
  /** The name of its header. */
  header: string;
  start: number;
  end: number;
  /** It does not follow from the one before it. */
  cut: boolean;
}

/** A playlist as it stands. */
export interface Playlist {
  pieces: Piece[];
  /** Nothing will be added to it. */
  ended: boolean;
}

/** Names lie beside the playlist; another path, or another host, is none of ours. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;

/** Reads a playlist; throws where it is none. */
export function parsePlaylist(text: string): Playlist {
  const lines = text.split("\n").map((line) => line.trim());
  if (lines[0] !== "#EXTM3U") throw new Error("not a playlist");
  const pieces: Piece[] = [];
  let [header, start, micros, cut] = ["", Number.NaN, Number.NaN, false];
  for (const line of lines) {
    if (line === "#EXT-X-DISCONTINUITY") cut = true;
    const [tag, value] = split(line);
    if (tag === "#EXT-X-MAP") header = /URI="([^"]*)"/.exec(value)?.[1] ?? "";
    if (tag === "#EXT-X-PROGRAM-DATE-TIME") start = Date.parse(value);
    if (tag === "#EXTINF") micros = Math.round(Number.parseFloat(value) * 1e6);
    if (line === "" || line.startsWith("#")) continue;
    if (!NAME.test(line) || !NAME.test(header)) throw new Error(`a name that does not lie beside the playlist: ${line}`);
    if (!(micros >= 0) || Number.isNaN(start)) throw new Error(`no time for ${line}`);
    const end = start + micros / 1000;
    pieces.push({ name: line, header, start, end, cut });
    [start, micros, cut] = [end, Number.NaN, false];
  }
  return { pieces, ended: lines.includes("#EXT-X-ENDLIST") };
}

function split(line: string): [string, string] {
  const colon = line.indexOf(":");
  return colon < 0 ? [line, ""] : [line.slice(0, colon), line.slice(colon + 1)];
}

/** Pieces whose ends are nearer than this touch: times are written in milliseconds. */
export const SEAM_MS = 100;

/** The piece that `at` lies in; where it lies in a seam, the one behind it. */
export function pieceAt(pieces: readonly Piece[], at: number): Piece | undefined {
  const next = pieces[firstEndingAfter(pieces, at)];
  if (!next) return undefined;
  return next.start <= at || next.start - at <= SEAM_MS ? next : undefined;
}

/** The place of the first piece that ends after `at`. */
export function firstEndingAfter(pieces: readonly Piece[], at: number): number {
  let [low, high] = [0, pieces.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((pieces[middle]?.end ?? Infinity) > at) high = middle;
    else low = middle + 1;
  }
  return low;
}
