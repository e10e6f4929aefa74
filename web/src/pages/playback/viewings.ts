// The playback sessions of up to four cameras: each is opened for a stretch around the clock, watched, and followed by another when the
// clock leaves it. Purpose and reason were asked once. Deliberately absent: pictures and pages.

import { Recorded, type Failure, type Standing } from "../../player/recorded";
import { hiddenVideo } from "../../player/surface";
import type { Follower } from "../../player/together";
import type { Span } from "./coverage";

/** Calls the API; throws what the server answered where it refuses. Paths are those behind `/api/v1`. */
export type Call = <T>(method: "GET" | "POST" | "DELETE", path: string, body?: unknown) => Promise<T>;

/** What a viewing is for. */
export interface Why {
  purpose: string;
  reason: string;
}

/** Most cameras that play together. */
export const CAMERAS_MAX = 4;
/** A stretch begins somewhat before the clock, so that going back a little is no new session. */
const BEFORE_MS = 30_000;
/** And is as long as this, if nothing is selected. */
const STRETCH_MS = 30 * 60_000;
/** How often one's own session is looked at: it may have been ended by somebody. */
const LOOK_MS = 2_000;

interface Opened {
  id: string;
  urls: { hls?: string | null };
  expires_at: string;
}

interface Session {
  state: "leased" | "active" | "closed";
  end_reason?: string | null;
}

/** The stretch to ask for so that `at` can be seen: the selection where it holds it, else half an hour. */
export function stretchFor(at: number, selection: Span | null): Span {
  if (selection && selection.from <= at && at < selection.to) return selection;
  return { from: at - BEFORE_MS, to: at + STRETCH_MS };
}

/** One camera's viewing: its session, and the recording that it opens. */
export class Viewing implements Follower {
  readonly recorded = new Recorded(hiddenVideo());
  /** The session's id; none while there is none. */
  session: string | null = null;
  expiresAt = 0;
  /** The server's answer where it refused. */
  refusal: unknown = null;
  /** Why the session ended, where somebody or something ended it. */
  ended: string | null = null;
  #stretch: Span | null = null;
  #opening = false;

  constructor(
    readonly camera: string,
    readonly call: Call,
  ) {}

  /** Why its recording cannot be had, apart from a refused session. */
  get failure(): Failure | null {
    return this.recorded.failure;
  }

  /** The stretch that its session is for. */
  get stretch(): Span | null {
    return this.#stretch;
  }

  get isOpening(): boolean {
    return this.#opening;
  }

  #holds(at: number): boolean {
    return this.#stretch !== null && this.#stretch.from <= at && at < this.#stretch.to;
  }

  /** True where another session is needed to see `at`; not where the last one was refused or ended, until that is forgotten. */
  wants(at: number, now: number): boolean {
    const stopped = this.refusal !== null || this.ended !== null || this.failure !== null;
    return !stopped && !this.#opening && !this.#holds(at) && at < now;
  }

  /** Forgets why it stopped, so that it is opened anew. */
  retry(): void {
    [this.refusal, this.ended] = [null, null];
    this.#release();
  }

  async open(at: number, why: Why, selection: Span | null): Promise<void> {
    const stretch = stretchFor(at, selection);
    this.#opening = true;
    const before = this.#release();
    const [from, to] = [stretch.from, stretch.to].map((each) => new Date(each).toISOString());
    const asked = { camera: this.camera, verb: "playback", ...why, from, to };
    try {
      const opened = await this.call<Opened>("POST", "/sessions", asked);
      if (!this.#opening) return void this.#end(opened.id);
      this.session = opened.id;
      this.expiresAt = Date.parse(opened.expires_at);
      this.#stretch = stretch;
      this.recorded.open({ playlist: here(opened.urls.hls ?? ""), ...stretch }, at);
    } catch (error) {
      this.refusal = error;
    } finally {
      this.#opening = false;
      if (before) this.#end(before);
    }
  }

  /** Looks whether its session still runs. */
  async look(): Promise<void> {
    const id = this.session;
    if (!id) return;
    const session = await this.call<Session>("GET", `/sessions/${id}`);
    if (session.state !== "closed" || this.session !== id) return;
    this.ended = session.end_reason ?? "revoked";
    this.#release();
  }

  /** Prolongs its session. */
  async renew(): Promise<void> {
    if (!this.session) return;
    const renewed = await this.call<{ expires_at: string }>("POST", `/sessions/${this.session}/renew`);
    this.expiresAt = Date.parse(renewed.expires_at);
  }

  /** Ends it all. */
  close(): void {
    this.#opening = false;
    const id = this.#release();
    if (id) this.#end(id);
  }

  #release(): string | null {
    const id = this.session;
    this.session = null;
    this.#stretch = null;
    this.recorded.close();
    return id;
  }

  /** Its end is on record whether or not this call arrives. */
  #end(id: string): void {
    this.call("DELETE", `/sessions/${id}`).catch(() => undefined);
  }

  standing(at: number): Standing {
    if (this.refusal !== null || this.ended !== null) return "failed";
    if (this.#opening || !this.#holds(at)) return "loading";
    return this.recorded.standing(at);
  }

  nextRecorded(at: number): number | undefined {
    return this.recorded.nextRecorded(at);
  }

  neighbour(at: number, direction: -1 | 1): number | undefined {
    return this.recorded.neighbour(at, direction);
  }

  follow(at: number, rate: number, running: boolean): void {
    if (this.#stretch) this.recorded.follow(at, rate, running);
  }
}

/** The path of a URL that the server gave: what a page fetches, it fetches from where it came from. */
export function here(url: string): string {
  const { pathname } = new URL(url, location.href);
  return pathname;
}

/** The viewings of the cameras that were chosen. */
export class Viewings {
  #list: Viewing[] = [];
  #looked = 0;

  constructor(readonly call: Call) {}

  get list(): readonly Viewing[] {
    return this.#list;
  }

  of(camera: string): Viewing | undefined {
    return this.#list.find((viewing) => viewing.camera === camera);
  }

  /** Has just these cameras from now on. */
  choose(cameras: readonly string[]): void {
    for (const viewing of this.#list) if (!cameras.includes(viewing.camera)) viewing.close();
    this.#list = cameras.map((camera) => this.of(camera) ?? new Viewing(camera, this.call));
  }

  /** Opens what the clock needs. Instants are milliseconds since 1970. */
  async openAt(at: number, now: number, why: Why, selection: Span | null): Promise<void> {
    const needed = this.#list.filter((viewing) => viewing.wants(at, now));
    await Promise.all(needed.map((viewing) => viewing.open(at, why, selection)));
  }

  /** Looks after the open sessions, now and then. `now` is a monotonic clock's. */
  async look(now: number): Promise<void> {
    if (now - this.#looked < LOOK_MS) return;
    this.#looked = now;
    await Promise.all(this.#list.map((viewing) => viewing.look().catch(() => undefined)));
  }

  close(): void {
    for (const viewing of this.#list) viewing.close();
    this.#list = [];
  }
}
