// A recording in a video element by Media Source Extensions: fetches the pieces around an instant, appends them, forgets what is far.
// Whose clock it follows is `together`'s to say; that it may be fetched at all, the lease's, which each fetch is checked against.

import { appended, once, playable, removed, Unplayable, type Header } from "./appending";
import { DamagedMedia, timesOf, without } from "./boxes";
import { fetched, RefusedFetch, sleep } from "./fetched";
import { firstEndingAfter, parsePlaylist, pieceAt, type Piece } from "./playlist";

/** How a recording stands at an instant: nothing there yet, its picture can be shown, nothing was recorded, or it cannot be had. */
export type Standing = "loading" | "ready" | "gap" | "over" | "failed";

/** Why a recording cannot be had: the server's answer, or what this browser cannot do. */
export interface Failure {
  kind: "refused" | "network" | "codec" | "damaged";
  /** The body of the answer where it was refused; the codec; or what was wrong. */
  detail: unknown;
}

/** What is to be played: a playlist under a lease. Instants are milliseconds since 1970. */
export interface Stretch {
  playlist: string;
  from: number;
  to: number;
}

/** Kept before the instant that is shown, so that stepping back needs no fetch. */
const KEPT_BEHIND_MS = 20_000;
/** Fetched ahead at the speed of life, and at most: what 16 times the speed eats in six seconds. */
const AHEAD_MS = 12_000;
const AHEAD_MS_MAX = 96_000;
/** Off its clock by more than this, and it is set anew; by less, and it runs faster or slower until it is right. */
const OFF_SECONDS_MAX = 0.3;
/** Off by more than the first it begins to catch up, and does so until it is off by less than the second. */
const OFF_SECONDS_LATE = 0.025;
const OFF_SECONDS_FINE = 0.006;
/** How much faster or slower it runs then, at most. */
const NUDGE_MAX = 0.12;
/** Chromium plays no faster. */
const RATE_MAX = 16;
/** The server's line and the playlist's instants may differ by rounding; by more, and the line is corrected. */
const LINE_MS_MAX = 50;
/** How often a playlist that still grows is read again. */
const RELOAD_MS = 1_500;
/** A fetch that failed on the way is tried again after this, this often. */
const RETRY_MS = 1_000;
const RETRIES = 5;

/** One recording. */
export class Recorded {
  readonly video: HTMLVideoElement;
  failure: Failure | null = null;
  #stretch: Stretch | null = null;
  #pieces: Piece[] = [];
  #ended = false;
  #read = 0;
  /** Wall-clock milliseconds at media time zero; not known before the first piece. */
  #line = Number.NaN;
  #at = 0;
  #rate = 1;
  #buffer: SourceBuffer | null = null;
  #source: MediaSource | null = null;
  #sourceUrl = "";
  #headers = new Map<string, Header>();
  #inForce = "";
  /** The instants of the pictures of each piece that was appended. */
  #have = new Map<string, number[]>();
  #life = new AbortController();
  #fetch: { piece: Piece; abort: AbortController } | null = null;
  #wake: () => void = () => undefined;
  #shown = Number.NaN;
  #missingSince = 0;
  #catching = false;

  constructor(video: HTMLVideoElement) {
    this.video = video;
    video.addEventListener("error", () => {
      if (this.#stretch) this.#fail("damaged", video.error?.message ?? "decoding failed");
    });
  }

  /** Begins with another stretch; what was played before is let go. */
  open(stretch: Stretch, at: number): void {
    this.close();
    this.#stretch = stretch;
    this.#at = at;
    this.#life = new AbortController();
    this.#source = new MediaSource();
    this.#sourceUrl = URL.createObjectURL(this.#source);
    this.video.src = this.#sourceUrl;
    void this.#run(this.#life.signal);
    this.#watchPictures(this.#life.signal);
  }

  /** Lets everything go. */
  close(): void {
    this.#life.abort();
    this.#fetch?.abort.abort();
    this.#wake();
    this.#stretch = null;
    this.failure = null;
    this.#pieces = [];
    [this.#ended, this.#read, this.#line, this.#inForce, this.#shown] = [false, 0, Number.NaN, "", Number.NaN];
    this.#have.clear();
    this.#headers.clear();
    this.#buffer = null;
    this.#source = null;
    if (this.#sourceUrl) {
      URL.revokeObjectURL(this.#sourceUrl);
      this.#sourceUrl = "";
      this.video.removeAttribute("src");
      this.video.load();
    }
  }

  /** The codec of its sound where this browser does not play it. */
  get unheard(): string | null {
    return this.#headers.get(this.#inForce)?.unheard ?? null;
  }

  /** How it stands at `at`. */
  standing(at: number): Standing {
    if (this.failure) return "failed";
    if (!this.#stretch || this.#read === 0) return "loading";
    const piece = pieceAt(this.#pieces, at);
    if (!piece) return this.#isOver(at) ? "over" : "gap";
    if (!this.#have.has(piece.name) || this.video.seeking || this.video.readyState < 2) return "loading";
    return this.#covers(Math.max(at, piece.start)) ? "ready" : "loading";
  }

  /** The next instant at or after `at` that was recorded; none where nothing follows. */
  nextRecorded(at: number): number | undefined {
    const next = this.#pieces[firstEndingAfter(this.#pieces, at)];
    return next && Math.max(next.start, at);
  }

  /** When the picture that is on the screen was recorded; not a number while there is none. */
  get shownAt(): number {
    return this.#shown;
  }

  /** Wall-clock instant of the element's own clock. */
  get clockAt(): number {
    return this.#line + this.video.currentTime * 1000;
  }

  /** The instant of the picture before (-1) or after (1) the one at `at`; none where that is not at hand. */
  neighbour(at: number, direction: -1 | 1): number | undefined {
    const place = firstEndingAfter(this.#pieces, at);
    const near = [place - 1, place, place + 1].flatMap((n) => {
      const piece = this.#pieces[n];
      return (piece && this.#have.get(piece.name)) ?? [];
    });
    const current = near.filter((instant) => instant <= at + 0.5).at(-1) ?? at;
    return direction === 1 ? near.find((instant) => instant > current + 0.5) : near.filter((i) => i < current - 0.5).at(-1);
  }

  /** Keeps the element at `at`, running `rate` times as fast as life or standing still. To be called often. */
  follow(at: number, rate: number, running: boolean): void {
    [this.#at, this.#rate] = [at, rate];
    const fetched = this.#fetch?.piece;
    if (fetched && !this.#isNear(fetched)) this.#fetch?.abort.abort();
    this.#wake();
    const piece = pieceAt(this.#pieces, at);
    if (!piece || Number.isNaN(this.#line)) {
      this.#waitBehindGap();
      return;
    }
    this.#set((Math.max(at, piece.start) - this.#line) / 1000, rate, running);
    this.#noticeEviction(piece, at);
  }

  #set(time: number, rate: number, running: boolean): void {
    const { video } = this;
    const off = video.currentTime - time;
    const far = running ? OFF_SECONDS_MAX * Math.max(1, rate) : 0.001;
    if (Math.abs(off) > far && !video.seeking) video.currentTime = time;
    if (!running) {
      if (!video.paused) video.pause();
      return;
    }
    const wanted = this.#pace(off, rate);
    if (video.playbackRate !== wanted) video.playbackRate = wanted;
    if (video.paused) video.play().catch(() => undefined);
  }

  /** How fast to run to be where the clock is. In steps, since each change costs the browser something. */
  #pace(off: number, rate: number): number {
    const late = Math.abs(off) / Math.max(1, rate);
    if (late > OFF_SECONDS_LATE) this.#catching = true;
    if (late < OFF_SECONDS_FINE) this.#catching = false;
    const steps = Math.ceil(Math.min(NUDGE_MAX, 1.5 * late) / 0.02);
    const nudge = this.#catching ? Math.sign(off) * steps * 0.02 : 0;
    return Math.min(RATE_MAX, Math.max(0.0625, rate * (1 - nudge)));
  }

  /** Within a gap it stands at the first picture behind it, so that nobody waits for it there. */
  #waitBehindGap(): void {
    const { video } = this;
    if (!video.paused) video.pause();
    const next = this.#pieces[firstEndingAfter(this.#pieces, this.#at)];
    if (!next || !this.#have.has(next.name) || video.seeking) return;
    const time = (next.start - this.#line) / 1000;
    if (Math.abs(video.currentTime - time) > 0.001) video.currentTime = time;
  }

  /** A browser may throw away what was appended; then it is fetched again. */
  #noticeEviction(piece: Piece, at: number): void {
    const missing = this.#have.has(piece.name) && !this.video.seeking && !this.#covers(Math.max(at, piece.start));
    if (!missing) this.#missingSince = 0;
    else if (this.#missingSince === 0) this.#missingSince = performance.now();
    else if (performance.now() - this.#missingSince > 500) this.#have.delete(piece.name);
  }

  #isOver(at: number): boolean {
    const last = this.#pieces.at(-1);
    const end = this.#stretch?.to ?? 0;
    return at >= end || (this.#ended && (!last || at >= last.end));
  }

  #covers(at: number): boolean {
    const [time, ranges] = [(at - this.#line) / 1000, this.video.buffered];
    for (let n = 0; n < ranges.length; n++) {
      if (ranges.start(n) - 0.1 <= time && time < ranges.end(n)) return true;
    }
    return false;
  }

  get #ahead(): number {
    return Math.min(AHEAD_MS_MAX, AHEAD_MS * Math.max(1, this.#rate / 2));
  }

  #isNear(piece: Piece): boolean {
    return piece.end > this.#at - 2_000 && piece.start < this.#at + this.#ahead;
  }

  /** The first piece from the instant on that is not there yet. Before a gap, also the first one behind it. */
  #wanted(): Piece | undefined {
    const place = firstEndingAfter(this.#pieces, this.#at);
    for (let n = place; n < this.#pieces.length; n++) {
      const piece = this.#pieces[n];
      if (!piece || (piece.start > this.#at + this.#ahead && n > place)) return undefined;
      if (!this.#have.has(piece.name)) return piece;
    }
    return undefined;
  }

  /** Fetches and appends until its life is over. */
  async #run(life: AbortSignal): Promise<void> {
    let failed = 0;
    while (!life.aborted && !this.failure) {
      try {
        await this.#step(life);
        failed = 0;
      } catch (error) {
        if (life.aborted) return;
        if (error instanceof DOMException && error.name === "AbortError") continue;
        if (error instanceof RefusedFetch) this.#fail("refused", error.body);
        else if (error instanceof Unplayable) this.#fail("codec", error.message);
        else if (error instanceof DamagedMedia) this.#fail("damaged", error.message);
        else if (++failed > RETRIES) this.#fail("network", String(error));
        else await sleep(RETRY_MS, life);
      }
    }
  }

  async #step(life: AbortSignal): Promise<void> {
    const stale = !this.#ended && performance.now() - this.#read > RELOAD_MS;
    const piece = this.#read === 0 ? undefined : this.#wanted();
    if (this.#read === 0 || (!piece && stale)) return this.#readPlaylist(life);
    if (piece) return this.#take(piece, life);
    await this.#trim();
    await this.#idle(life);
  }

  async #readPlaylist(life: AbortSignal): Promise<void> {
    const stretch = this.#stretch;
    if (!stretch) return;
    const answer = await fetched(stretch.playlist, life);
    const list = parsePlaylist(await answer.text());
    if (life.aborted) return;
    // The last piece of a stretch that still grows is named by its length; under its new name it is another.
    const names = new Set(list.pieces.map((piece) => piece.name));
    for (const name of this.#have.keys()) if (!names.has(name)) this.#have.delete(name);
    [this.#pieces, this.#ended, this.#read] = [list.pieces, list.ended, performance.now()];
  }

  async #take(piece: Piece, life: AbortSignal): Promise<void> {
    const abort = new AbortController();
    this.#fetch = { piece, abort };
    try {
      const header = await this.#header(piece.header, abort.signal);
      const bytes = await this.#bytes(piece.name, abort.signal);
      if (life.aborted) return;
      await this.#append(piece, header, bytes);
    } finally {
      if (this.#fetch?.piece === piece) this.#fetch = null;
    }
  }

  async #append(piece: Piece, header: Header, bytes: Uint8Array): Promise<void> {
    const buffer = await this.#bufferFor(header);
    if (this.#inForce !== piece.header || piece.cut) {
      await appended(buffer, without(header.bytes, header.hidden));
      this.#inForce = piece.header;
    }
    const times = timesOf(bytes, header.video);
    const millis = (ticks: number) => (ticks * 1000) / header.video.rate;
    if (Number.isNaN(this.#line)) this.#line = piece.start - millis(times.decode);
    const moved = piece.start - this.#line - millis(times.decode);
    const offset = Math.abs(moved) > LINE_MS_MAX ? moved : 0;
    if (buffer.timestampOffset !== offset / 1000) buffer.timestampOffset = offset / 1000;
    await this.#appendOrMakeRoom(buffer, without(bytes, header.hidden));
    this.#have.set(piece.name, times.shown.map((ticks) => this.#line + offset + millis(ticks)));
    await this.#trim();
  }

  async #appendOrMakeRoom(buffer: SourceBuffer, bytes: Uint8Array): Promise<void> {
    try {
      await appended(buffer, bytes);
    } catch (error) {
      if (!(error instanceof DOMException) || error.name !== "QuotaExceededError") throw error;
      await this.#forget((piece) => piece.end < this.#at - 2_000 || piece.start > this.#at + AHEAD_MS);
      await appended(buffer, bytes);
    }
  }

  /** Far behind and far ahead is let go, in large pieces and rarely. */
  async #trim(): Promise<void> {
    const kept = (piece: Piece) => piece.end > this.#at - 2 * KEPT_BEHIND_MS && piece.start < this.#at + 2 * this.#ahead;
    if (!this.#pieces.some((piece) => this.#have.has(piece.name) && !kept(piece))) return;
    const far = (piece: Piece) => piece.end < this.#at - KEPT_BEHIND_MS || piece.start > this.#at + 1.5 * this.#ahead;
    await this.#forget(far);
  }

  async #forget(far: (piece: Piece) => boolean): Promise<void> {
    const buffer = this.#buffer;
    if (!buffer || Number.isNaN(this.#line)) return;
    for (const piece of this.#pieces) {
      if (!this.#have.has(piece.name) || !far(piece)) continue;
      this.#have.delete(piece.name);
      await removed(buffer, (piece.start - this.#line) / 1000, (piece.end - this.#line) / 1000);
    }
  }

  async #header(name: string, signal: AbortSignal): Promise<Header> {
    const known = this.#headers.get(name);
    if (known) return known;
    const bytes = await this.#bytes(name, signal);
    const header = playable(bytes);
    this.#headers.set(name, header);
    return header;
  }

  async #bytes(name: string, signal: AbortSignal): Promise<Uint8Array> {
    const url = new URL(name, new URL(this.#stretch?.playlist ?? "", location.href));
    const answer = await fetched(url.href, signal);
    return new Uint8Array(await answer.arrayBuffer());
  }

  /** The buffer, made at the first header; its type is changed where a later one differs. */
  async #bufferFor(header: Header): Promise<SourceBuffer> {
    if (this.#buffer) {
      if (this.#inForce && this.#headers.get(this.#inForce)?.type !== header.type) this.#buffer.changeType(header.type);
      return this.#buffer;
    }
    const source = this.#source;
    if (!source) throw new DOMException("closed", "AbortError");
    if (source.readyState !== "open") await once(source, "sourceopen");
    const buffer = source.addSourceBuffer(header.type);
    this.#buffer = buffer;
    return buffer;
  }

  #watchPictures(life: AbortSignal): void {
    const next = (_: number, picture: VideoFrameCallbackMetadata) => {
      if (life.aborted) return;
      this.#shown = this.#line + picture.mediaTime * 1000;
      this.video.requestVideoFrameCallback(next);
    };
    this.video.requestVideoFrameCallback(next);
  }

  #fail(kind: Failure["kind"], detail: unknown): void {
    this.failure ??= { kind, detail };
    this.video.pause();
  }

  /** Until something is asked for, or a playlist that grows is to be read again. */
  async #idle(life: AbortSignal): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, RELOAD_MS);
      this.#wake = () => {
        if (!life.aborted && !this.#wanted()) return;
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
