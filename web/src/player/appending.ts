// What goes into a source buffer, and when it has gone in: which tracks of a header this browser plays, and one append at a time.

import { DamagedMedia, tracksOf, type Track } from "./boxes";

/** No part of a recording is in a codec that this browser plays; the message is the codec. */
export class Unplayable extends Error {}

/** A header, and what of it is played. */
export interface Header {
  bytes: Uint8Array;
  video: Track;
  /** The source buffer's type. */
  type: string;
  /** Tracks that this browser does not play. */
  hidden: ReadonlySet<number>;
  /** The codec of its sound where that is not played. */
  unheard: string | null;
}

/** What of a header this browser plays: its video, and its sound where it can. */
export function playable(bytes: Uint8Array): Header {
  const tracks = tracksOf(bytes);
  const video = tracks.find((track) => track.kind === "video");
  if (!video) throw new DamagedMedia("a recording without video");
  const can = (codecs: string[]) => MediaSource.isTypeSupported(typeOf(codecs));
  if (!can([video.codec])) throw new Unplayable(video.codec);
  const sound = tracks.find((track) => track.kind === "audio" && can([video.codec, track.codec]));
  const kept = sound ? [video, sound] : [video];
  const hidden = new Set(tracks.filter((track) => !kept.includes(track)).map((track) => track.id));
  const unheard = sound ? null : (tracks.find((track) => track.kind === "audio")?.codec ?? null);
  return { bytes, video, type: typeOf(kept.map((track) => track.codec)), hidden, unheard };
}

const typeOf = (codecs: string[]) => `video/mp4; codecs="${codecs.join(",")}"`;

/** Appends, and waits until it is in. */
export async function appended(buffer: SourceBuffer, bytes: Uint8Array): Promise<void> {
  if (buffer.updating) await once(buffer, "updateend");
  buffer.appendBuffer(bytes as BufferSource);
  await once(buffer, "updateend");
}

/** Removes a stretch, in seconds, and waits until it is gone. */
export async function removed(buffer: SourceBuffer, from: number, to: number): Promise<void> {
  if (buffer.updating) await once(buffer, "updateend");
  buffer.remove(Math.max(0, from), to);
  await once(buffer, "updateend");
}

/** Until an event comes. */
export function once(target: EventTarget, name: string): Promise<void> {
  return new Promise((resolve) => target.addEventListener(name, () => resolve(), { once: true }));
}
