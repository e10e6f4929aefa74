// Live pictures by media source: a WebSocket on which fragmented MP4 comes, frame by frame, into a buffer that is kept short.

import { Edge, KEPT_S, type Ranges } from "./edge";
import type { Hearer, Source } from "./source";
import type { Both } from "../words";

/** Asked of the browser; what it can play of it is said to the server. Profiles and levels as cameras have them. */
const PICTURES = ["avc1.42E01F", "avc1.4D4029", "avc1.640029", "avc1.64002A", "avc1.640033", "hvc1.1.6.L153.B0", "hvc1.2.4.L153.B0"];
const SOUNDS = ["mp4a.40.2", "mp4a.40.5", "alaw", "ulaw"];
/** Waiting for the buffer to take it. Past this the browser does not keep up at all, and starts anew at the edge. */
const QUEUE_BYTES_MAX = 24 << 20;
/** How often the edge is looked at while nothing comes. */
const LOOK_MS = 250;

interface Said {
  type?: string;
  value?: unknown;
  code?: string;
  codec?: string;
  message?: Both;
}

/** There are media sources in this browser. */
export function canMse(): boolean {
  return "MediaSource" in window || "ManagedMediaSource" in window;
}

/** What the browser plays, for the server. */
export function playable(sound: boolean, isSupported: (type: string) => boolean): string[] {
  return [...PICTURES, ...(sound ? SOUNDS : [])].filter((codec) => isSupported(`${kindOf(codec)}/mp4; codecs="${codec}"`));
}

function kindOf(codec: string): string {
  return SOUNDS.includes(codec) ? "audio" : "video";
}

export class MseSource implements Source {
  private readonly socket: WebSocket;
  private readonly media: MediaSource;
  private readonly address: string;
  private readonly edge = new Edge();
  private readonly gone = new AbortController();
  private readonly timer: number;
  private buffer: SourceBuffer | undefined;
  private queue: Uint8Array[] = [];
  private queued = 0;
  private over = false;

  /** Plays what `url` gives into `video`. */
  constructor(
    url: string,
    private readonly video: HTMLVideoElement,
    private readonly hearer: Hearer,
    options: { sound: boolean },
  ) {
    const Media = "MediaSource" in window ? MediaSource : (window as unknown as { ManagedMediaSource: typeof MediaSource }).ManagedMediaSource;
    const list = playable(options.sound, (type) => Media.isTypeSupported(type));
    const signal = this.gone.signal;
    this.media = new Media();
    this.address = URL.createObjectURL(this.media);
    video.src = this.address;
    video.addEventListener("waiting", () => this.edge.dry(), { signal });
    video.addEventListener("error", () => this.end(() => hearer.onLost()), { signal });
    document.addEventListener("visibilitychange", () => this.keepUp(), { signal });
    this.socket = new WebSocket(url);
    this.socket.binaryType = "arraybuffer";
    this.socket.onopen = () => this.socket.send(JSON.stringify({ type: "mse", value: list.join(",") }));
    this.socket.onmessage = (event: MessageEvent<string | ArrayBuffer>) => this.handle(event.data);
    this.socket.onclose = (event) => this.closed(event);
    this.timer = window.setInterval(() => this.keepUp(), LOOK_MS);
  }

  close(): void {
    this.end(() => {});
  }

  private handle(data: string | ArrayBuffer): void {
    if (this.over) return;
    if (typeof data !== "string") return this.take(new Uint8Array(data));
    const said = read(data);
    if (said?.type === "mse" && typeof said.value === "string") this.agreed(said.value);
    else if (said?.type === "ended") this.end(() => this.hearer.onEnded(reasonOf(said)));
    else if (said?.type === "error" && said.message) {
      const { codec = "", message } = said;
      this.end(() => this.hearer.onUnplayable(codec, message));
    }
  }

  private agreed(type: string): void {
    const begin = () => {
      if (this.over || this.buffer) return;
      try {
        this.buffer = this.media.addSourceBuffer(type);
      } catch {
        const said = { zh: `此浏览器无法播放 ${type}。`, en: `This browser cannot play ${type}.` };
        return this.end(() => this.hearer.onUnplayable(type, said));
      }
      this.buffer.addEventListener("updateend", () => this.turn(), { signal: this.gone.signal });
      this.hearer.onAgreed(type);
      this.turn();
    };
    if (this.media.readyState === "open") begin();
    else this.media.addEventListener("sourceopen", begin, { once: true, signal: this.gone.signal });
  }

  private take(bytes: Uint8Array): void {
    this.queue.push(bytes);
    this.queued += bytes.byteLength;
    if (this.queued > QUEUE_BYTES_MAX) this.end(() => this.hearer.onLost());
    else this.turn();
  }

  /** One step of the buffer, which takes one at a time: what is old goes, else what came comes in. */
  private turn(): void {
    const buffer = this.buffer;
    if (this.over || !buffer || buffer.updating || this.media.readyState !== "open") return;
    this.keepUp();
    const old = this.video.currentTime - KEPT_S;
    if (buffer.buffered.length > 0 && buffer.buffered.start(0) < old - KEPT_S) return buffer.remove(0, old);
    if (this.queued === 0) return;
    try {
      buffer.appendBuffer(this.joined());
    } catch (error) {
      // A full buffer though little is kept, or bytes that are none of MP4: neither gets better by going on.
      console.warn("media source", error);
      this.end(() => this.hearer.onLost());
    }
  }

  private joined(): Uint8Array<ArrayBuffer> {
    const whole = new Uint8Array(this.queued);
    let at = 0;
    for (const part of this.queue) {
      whole.set(part, at);
      at += part.byteLength;
    }
    [this.queue, this.queued] = [[], 0];
    return whole;
  }

  /** Stays close behind the newest frame. */
  private keepUp(): void {
    if (this.over) return;
    const { video } = this;
    const step = this.edge.step(performance.now() / 1000, video.currentTime, rangesOf(video.buffered));
    if (step.seek !== undefined && !video.seeking) video.currentTime = step.seek;
    if (video.playbackRate !== step.rate) video.playbackRate = step.rate;
    // Not allowed with sound before the user has touched the page: then without.
    if (video.paused && video.readyState > 0) video.play().catch(() => (video.muted = true));
  }

  private closed(event: CloseEvent): void {
    if (event.code === 4000) this.end(() => this.hearer.onEnded(event.reason));
    else this.end(() => this.hearer.onLost());
  }

  private end(tell: () => void): void {
    if (this.over) return;
    this.over = true;
    this.gone.abort();
    window.clearInterval(this.timer);
    this.socket.close();
    this.video.removeAttribute("src");
    this.video.load();
    URL.revokeObjectURL(this.address);
    tell();
  }
}

function read(text: string): Said | undefined {
  try {
    return JSON.parse(text) as Said;
  } catch {
    return undefined;
  }
}

function reasonOf(said: Said): string {
  const value = said.value as { reason?: unknown } | undefined;
  return typeof value?.reason === "string" ? value.reason : "network";
}

function rangesOf(buffered: TimeRanges): Ranges[] {
  return Array.from({ length: buffered.length }, (_, at) => ({ start: buffered.start(at), end: buffered.end(at) }));
}
